// SPDX-License-Identifier: Apache-2.0
/// A root complex with four functions for fuzzing: one below a root port of its own, two below a switch, one below a
/// switch behind that; behind it an SMMUv3 and a small memory. Functions send packets as bugs would make them, CPUs
/// reach registers and configuration spaces, links fail. And what must hold whatever they do.
///
/// What cannot be said here, because the model's packets are values without it: byte enables (a request is for a run of
/// bytes), reserved bits of headers and prefixes, PASIDs of more than 20 bits and AT = 11 (their types have no room),
/// completions that nobody asked for, of a wrong length or twice (an answer is a part of the life of its request: it is
/// late, lost, damaged or refused by faults of links). Invalidate Completions, which are messages, come as they like.
#pragma once
#include "base/events.h"
#include "fuzz/must.h"
#include "iommu/smmuv3/unit.h"
#include "memory/plain_memory.h"
#include "pcie/ecam.h"
#include "pcie/endpoint.h"
#include "sim/calendar.h"

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace quiesce::fuzz {

struct TlpTally {
    u64 programs = 0, packets = 0, register_accesses = 0, commands = 0, resets = 0;
    u64 completed = 0, failed = 0; ///< requests with an answer
    u64 most_work = 0;             ///< steps of the calendar for each thing that was done, of the worst program
    TlpTally& operator+=(const TlpTally& o);
};
void print(const TlpTally& t, double seconds);

struct TlpSetup {
    bool with_iommu = true;
    iommu::smmuv3::Smmuv3Config iommu;
    pcie::RootComplexConfig root_complex;
    pcie::LinkConfig link;
    pcie::SwitchConfig fabric;
    pcie::EndpointConfig endpoint;
};

class TlpMachine {
public:
    static constexpr Spa ram{0x4000'0000};
    static constexpr u64 ram_bytes = 0x10'0000;
    static constexpr Spa messages = ram + ram_bytes - page_size; ///< the window for interrupts
    static constexpr unsigned functions = 4;
    static constexpr u64 bars = 0x2000'0000; ///< of function n: n megabytes further

    /// How a function answers Invalidate Requests.
    enum class Answers : u8 { Right, Split, None, Twice, WrongTag, Refused };

    /// One at a time on a calendar.
    TlpMachine(sim::Calendar& calendar, const TlpSetup& setup);
    ~TlpMachine() { calendar_.clear(); }
    TlpMachine(const TlpMachine&) = delete;
    TlpMachine& operator=(const TlpMachine&) = delete;

    // ---- what functions send; `n` says by which link, the packet by whom. Nothing waits for an end
    void read(unsigned n, const pcie::Tlp& t);
    void write(unsigned n, const pcie::Tlp& t);
    void atomic(unsigned n, const pcie::Tlp& t, const pcie::Operands& operands);
    void translate(unsigned n, const pcie::Tlp& t);
    void complete_invalidation(unsigned n, const pcie::Tlp& t, pcie::InvalidateCompletion body);
    void request_page(unsigned n, const pcie::Tlp& t, pcie::PageRequestHeader header);
    RequesterId requester(unsigned n) const { return devices_[n]->requester(); }
    void answer_invalidations(unsigned n, Answers how) { devices_[n]->answers = how; }

    // ---- what CPUs and the IOMMU send
    void register_write(unsigned n, u64 offset, unsigned bytes, u64 value);
    void register_read(unsigned n, u64 offset, unsigned bytes);
    void line(unsigned n, u64 offset, bool deferrable);
    void config_write(u64 offset, unsigned bytes, u64 value);
    void config_read(u64 offset, unsigned bytes);
    void invalidate(const iommu::AtcInvalidation& what);
    void respond(const iommu::PageGroupResponse& response);

    // ---- what software does with the IOMMU
    void store(Spa at, u64 value) { memory_.poke64(at, value); }
    u64 load(Spa at) const { return memory_.peek64(at); }
    template <class S>
    void store(Spa at, const S& s) {
        for (unsigned w = 0; w < S::word_count; ++w) store(at + w * 8, s.word(w));
    }
    iommu::smmuv3::Unit* iommu() { return iommu_ ? &*iommu_ : nullptr; }
    void iommu_write(u64 offset, unsigned bytes, u64 value);

    void set_link(unsigned n, bool up);
    void set_switch(unsigned n, bool up);
    void pass(sim::Duration time);
    /// Lets everything end, bounded in time and in work; then nothing may be held by anybody.
    void settle();
    const TlpTally& tally() const { return tally_; }

private:
    struct Device final : pcie::Endpoint {
        Device(TlpMachine& m, unsigned n, const TlpSetup& setup);
        void bar_write(u64, unsigned, u64) override {}
        u64 bar_read(u64 offset, unsigned) override { return offset; }
        pcie::CompletionStatus take_line(u64 offset, const memory::Line&, bool deferrable) override;
        bool invalidate(const pcie::InvalidateRequest& r) override;
        Answers answers = Answers::Right;
    };
    /// A request with an answer, which has to come once.
    struct Asked final : pcie::Requester {
        explicit Asked(u32 bytes) : data(bytes) {}
        void left(const pcie::Tlp&) override { broken("a request with an answer is called posted"); }
        void completed(const pcie::Tlp&, pcie::Completion how) override {
            ++answers;
            ok = how.ok();
        }
        std::vector<std::byte> data; ///< not a byte more
        unsigned answers = 0;
        bool ok = false;
    };
    struct Room {
        pcie::CreditPool* pool;
        unsigned headers, data; ///< at first
    };
    void note_rooms(pcie::Link& link);
    void begin(sim::Task<void> what, u64 things = 1);
    sim::Task<void> count(sim::Task<void> what);
    sim::Task<void> do_read(Device& d, pcie::Tlp t);
    sim::Task<void> do_write(Device& d, pcie::Tlp t);
    sim::Task<void> do_atomic(Device& d, pcie::Tlp t, pcie::Operands operands);
    sim::Task<void> do_translate(Device& d, pcie::Tlp t);
    sim::Task<void> do_register_read(memory::MmioTarget& at, u64 offset, unsigned bytes);
    sim::Task<void> do_enqueue(memory::MmioTarget& at, u64 offset);
    sim::Task<void> do_invalidate(iommu::AtcInvalidation what);
    void answered(const Asked& a);
    void check_work();
    void check_quiet();

    sim::Calendar& calendar_;
    base::EventBus events_;
    memory::PlainMemory memory_;
    std::optional<iommu::smmuv3::Unit> iommu_;
    pcie::RootComplex root_complex_;
    std::array<pcie::Switch*, 2> switches_{};
    std::vector<std::unique_ptr<Device>> devices_;
    pcie::Ecam ecam_{root_complex_};
    std::vector<Room> rooms_;
    TlpTally tally_;
    u64 items_at_start_, things_ = 1, under_way_ = 0;
};

} // namespace quiesce::fuzz
