// SPDX-License-Identifier: Apache-2.0
/// The configuration space of one endpoint function, or of one port of a switch: 4 KiB of bytes behind write masks,
/// laid out from a FunctionConfig or a BridgeConfig.
///
/// What it can do: software's reads and writes of 1, 2 or 4 bytes, BAR sizing, chains of capabilities, error logging
/// (AER), function-level and conventional resets, callbacks on change, typed fields for the model. What it cannot do:
/// MODEL: power management (no PM capability: the function is always in D0), MSI, INTx, ROM BAR, I/O BARs, ARI,
/// configuration spaces of virtual functions, retry status while a reset is under way, advisory non-fatal errors,
/// values that the specification leaves undefined (they are stored).
#pragma once
#include "pcie/config_regs.h"
#include "pcie/function_config.h"

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace quiesce::pcie {

/// What a reset spares: a cold one nothing, a conventional one sticky fields, a function-level one (6.6.2) those and
/// what belongs to the link: Max_Payload_Size, ASPM control, read completion boundary, common clock, extended synch,
/// link status. BARs and Command go back to zero in all of them.
enum class ResetKind : u8 { Cold, Conventional, FunctionLevel };

/// The message that an error sends towards the root complex.
enum class ErrorMessage : u8 { None, Correctable, NonFatal, Fatal };

class ConfigSpace {
public:
    /// Throws std::invalid_argument for a function that cannot be: a BAR whose size is no power of two, below 16 or too
    /// large for its width, MSI-X structures outside their BAR.
    explicit ConfigSpace(const FunctionConfig& config);
    explicit ConfigSpace(const BridgeConfig& config);
    ConfigSpace(const ConfigSpace&) = delete;

    // ---- software's side: `size` is 1, 2 or 4. An access that crosses a double word or lies beyond 4 KiB reads zero
    // and writes nothing, as do offsets without a register.
    u32 config_read(u32 offset, unsigned size) const;
    void config_write(u32 offset, unsigned size, u32 value);
    std::span<const u8> bytes() const { return bytes_; }
    /// Bits of a byte that software can change by writing, and those that it clears by writing one.
    u8 writable_bits(u32 offset) const { return masks_.at(offset).writable; }
    u8 clearable_bits(u32 offset) const { return masks_.at(offset).clearable; }

    // ---- the model's side: no masks, no callbacks. Registers of an absent capability read zero and cannot be written.
    bool has(cfg::Capability c) const { return c == cfg::Capability::Header || base_of(c) != 0; }
    /// Where the capability begins; 0: absent, or the header.
    u32 base_of(cfg::Capability c) const { return base_[static_cast<unsigned>(c)]; }
    template <class R>
    R read() const {
        if (!has(R::in)) return R::of(0);
        return R::of(static_cast<typename R::Value>(load(base_of(R::in) + R::offset, sizeof(typename R::Value))));
    }
    template <class R>
    void write(R value) {
        if (has(R::in)) store(base_of(R::in) + R::offset, sizeof(typename R::Value), value.value());
    }
    /// One field; the field knows its register: `config.get(cfg::AtsControl::STU)`.
    template <class R, class T, unsigned Bits>
    T get(const base::Field<R, T, Bits>& field) const {
        return read<R>().get(field);
    }
    template <class R, class T, unsigned Bits>
    void set(const base::Field<R, T, Bits>& field, std::type_identity_t<T> value) {
        write(read<R>().set(field, value));
    }

    /// `call(R now, R before)` after software's write or a reset changed the register, the new value being stored
    /// already.
    template <class R, class Call>
    void on_change(Call call) {
        if (!has(R::in)) return;
        const auto value = [](u32 bits) { return R::of(static_cast<typename R::Value>(bits)); };
        watches_.push_back({base_of(R::in) + R::offset, sizeof(typename R::Value),
                            [value, call](u32 now, u32 before) mutable { call(value(now), value(before)); }});
    }
    /// `call(T now)` after the field changed: `config.on_change(cfg::Command::BusMaster, [](bool on) {...})`.
    template <class R, class T, unsigned Bits, class Call>
    void on_change(const base::Field<R, T, Bits>& field, Call call) {
        on_change<R>([field, call](R now, R before) mutable {
            if (now.get(field) != before.get(field)) call(now.get(field));
        });
    }
    /// `call(T now)` after every write of software's that has the field in it, whether the field changed or not, and
    /// after a reset that changed it: for fields that act when they are written.
    template <class R, class T, unsigned Bits, class Call>
    void on_write(const base::Field<R, T, Bits>& field, Call call) {
        if (!has(R::in)) return;
        const u32 first = field.lsb() / 8, last = field.msb() / 8;
        watches_.push_back({base_of(R::in) + R::offset + first, last - first + 1,
                            [this, field, call](u32, u32) mutable { call(get(field)); }, true});
    }
    /// Software set Initiate FLR. The callback ends what is under way and calls reset(FunctionLevel) when it has
    /// (within 100 ms); without one the reset happens at once.
    void on_flr(std::function<void()> call) { flr_ = std::move(call); }
    /// Software wrote 1 to PRI Reset while the interface is not enabled: credits and pending requests are forgotten.
    void on_pri_reset(std::function<void()> call) { pri_reset_ = std::move(call); }

    void reset(ResetKind kind);

    // ---- questions a model asks
    bool bus_master() const { return get(cfg::Command::BusMaster); }
    bool memory_space() const { return get(cfg::Command::MemorySpace); }
    unsigned max_payload() const { return size_of(get(cfg::DevCtl::MPS)); }
    unsigned max_read_request() const { return size_of(get(cfg::DevCtl::MRRS)); }
    /// Tags that software lets a requester use: 32, 256 or 768 (10-bit tags leave out those with T9:T8 = 0).
    unsigned tags() const;
    /// Reads that got no answer end after a time within this range; `nullopt`: never.
    struct TimeoutRange {
        u64 from_us, to_us;
    };
    std::optional<TimeoutRange> completion_timeout() const;
    /// Bytes of a BAR (0: none), and where it answers: nowhere while memory space is off.
    u64 bar_size(unsigned bar) const { return bars_.at(bar).bytes; }
    std::optional<u64> bar_address(unsigned bar) const;
    /// The address that it has, whether it answers or not.
    u64 bar_base(unsigned bar) const;
    /// Firmware's: the BAR's address registers, without time. Throws std::invalid_argument for a BAR that is not there
    /// or an address that is not aligned to its size.
    void assign_bar(unsigned bar, u64 address);
    bool msix_enabled() const { return get(cfg::MsixControl::Enable); }

    /// MODEL: that PASID is enabled before ATS (7.8.9.3: PASID Enable does not change while ATS is enabled) is
    /// software's duty: the other order is stored and acts.
    bool ats_enabled() const { return get(cfg::AtsControl::Enable); }
    u64 smallest_translation_unit() const { return u64{4096} << get(cfg::AtsControl::STU); }
    bool pasid_enabled() const { return get(cfg::PasidControl::Enable); }
    unsigned pasid_width() const { return static_cast<unsigned>(get(cfg::PasidCap::Width)); }
    bool pasid_execute() const { return get(cfg::PasidControl::Execute); }
    bool pasid_privileged() const { return get(cfg::PasidControl::Privileged); }
    bool pri_enabled() const { return get(cfg::PriControl::Enable); }
    /// Enabled, and not stopped by a Response Failure.
    bool may_request_pages() const { return pri_enabled() && !get(cfg::PriStatus::RF); }
    u32 pri_allocation() const { return read<cfg::PriAllocation>().value(); }

    // ---- what a model reports
    void set_transactions_pending(bool pending) { set(cfg::DevSta::TransactionsPending, pending); }
    void set_pri_stopped(bool stopped) { set(cfg::PriStatus::Stopped, stopped); }
    void set_pri_response_failure() { set(cfg::PriStatus::RF, true); }
    void set_pri_unexpected_group() { set(cfg::PriStatus::UPRGI, true); }
    /// Logs the error in DevSta and AER, with the header of the packet that caused it, and says what is sent (6.2).
    ErrorMessage report(cfg::Uncorrectable error, std::span<const u32> header = {});
    ErrorMessage report(cfg::Correctable error);

private:
    struct Masks {
        u8 writable = 0, clearable = 0, sticky = 0, kept_by_flr = 0;
    };
    struct Bar {
        u64 bytes = 0;
        bool wide = false;
    };
    struct Watch {
        u32 offset;
        unsigned bytes;
        std::function<void(u32 now, u32 before)> call;
        bool every_write = false; ///< not only those that change something
    };
    using Bytes = std::array<u8, cfg::config_space_bytes>;

    /// 7.5.3.4: 0 is 128 bytes, 5 is 4096, 6 and 7 are reserved.
    static unsigned size_of(u64 code) { return 128u << (code < 5 ? code : 5); }
    u32 load(u32 offset, unsigned size) const { return load_from(bytes_, offset, size); }
    static u32 load_from(const Bytes& bytes, u32 offset, unsigned size);
    void store(u32 offset, unsigned size, u32 value);
    void call_watches(const Bytes& before, u32 from, u32 end, bool written);
    void after_write(u32 offset, unsigned size, u32 value, const Bytes& before);

    // Layout, at construction only.
    void chain(const std::function<bool(cfg::Capability)>& present);
    template <std::size_t N, class Present, class Link>
    void chain_list(const cfg::CapabilityShape (&shapes)[N], u32 at, Present present, Link link);
    void lay_out_header(const FunctionConfig& config);
    void lay_out_express(const ExpressConfig& config, bool prefixes);
    void lay_out_msix(const MsixConfig& config);
    void lay_out_aer(const AerConfig& config);
    void lay_out_bridge(const BridgeConfig& config);
    void lay_out_acs(u64 services);
    void lay_out_sriov(const SriovConfig& config);
    void lay_out_svm(const AtsConfig& ats, const PriConfig& pri, const PasidConfig& pasid);
    void lay_out_bar(u32 offset, const BarConfig& config);
    template <class R>
    void lay_out(R value);
    template <class R, class T, unsigned Bits>
    void make_read_only(const base::Field<R, T, Bits>& field);
    template <class R>
    void mask(u8 Masks::*which, u64 bits);

    Bytes bytes_{}, defaults_{};
    std::array<Masks, cfg::config_space_bytes> masks_{};
    std::array<u32, cfg::capability_count> base_{};
    std::array<Bar, 6> bars_{};
    std::deque<Watch> watches_; // a callback may add one
    std::function<void()> flr_, pri_reset_;
};

} // namespace quiesce::pcie
