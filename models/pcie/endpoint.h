// SPDX-License-Identifier: Apache-2.0
/// An endpoint: the base of every device. It has a link to a root port, a configuration space, tags, a way to read and
/// write memory, a way to raise message interrupts, and registers that CPUs reach.
#pragma once
#include "pcie/config_space.h"
#include "pcie/root_complex.h"
#include "sim/signal.h"

#include <span>

namespace quiesce::pcie {

/// A device's wish for bytes of memory; the endpoint makes packets of it.
struct DmaRequest {
    Iova at{};
    u32 bytes = 0;
    bool has_pasid = false;
    Pasid pasid{};
    BondId bond{};
    bool privileged = false;
    iommu::AddressType type = iommu::AddressType::Untranslated; ///< Translated: `at` is what a translation request gave
    Iova aimed_at{};                                            ///< Translated: what was asked for; nothing acts on it
    Attributes attributes{};
    u64 transaction = 0; ///< whose translation or page is asked for; nothing acts on it
};

/// A function that software has to find and enable first: after construction it does not answer accesses to its BAR,
/// sends no requests and no PASIDs.
class Endpoint : protected EndpointSide {
public:
    /// The device is function 0 of a bus of its own; which, and where its link leads, says RootComplex::place(). What
    /// the configuration space says of the link is what `link` says. MODEL: sizes of packets and the number of tags
    /// follow the configuration, not DevCtl.
    Endpoint(base::Name name, base::EventBus& events, RootComplex& root_complex, const LinkConfig& link,
             const EndpointConfig& config, DeviceId device, const FunctionConfig& function = plain_function());
    /// BAR 0 of 64 KiB, AER and PASIDs; no MSI-X, ATS or page requests, no function-level reset.
    static FunctionConfig plain_function();
    Endpoint(const Endpoint&) = delete;

    base::Name name() const { return name_; }
    DeviceId device() const { return device_; }
    RequesterId requester() const { return requester_; }
    StreamId stream() const { return port_.stream(); }
    base::EventBus& events() { return events_; }
    FunctionPort& port() { return port_; }
    Tags& tags() { return tags_; }
    ConfigSpace& config_space() { return config_space_; }
    const ConfigSpace& config_space() const { return config_space_; }
    /// As if software had enabled memory space, bus mastering, 8-bit tags, PASIDs and ID-based ordering: for machines
    /// without any.
    void take_into_service();

    /// Command, Bus Master Enable: clear, memory requests wait. `while (!e.bus_master()) co_await e.bus_master_set();`
    bool bus_master() const { return bus_master_.is_set(); }
    sim::Latch::Wait bus_master_set() { return bus_master_.wait(); }
    /// Software allows the request's PASID, if it has one: a function that may not send it ends the request itself.
    bool may_send(const DmaRequest& r) const {
        return !r.has_pasid || (raw(r.pasid) < pasids_ && (!r.privileged || privileged_pasids_));
    }

    /// What a request for data carries: what the device would set and software allows. Relaxed Ordering is for writes.
    Attributes attributes(bool write) const {
        return {.id_based = id_based_, .relaxed = write && relaxed_, .no_snoop = false};
    }

    /// The device's registers as CPUs see them: what a bus maps.
    memory::MmioTarget& bar() { return port_; }

    /// The part of a request that fits one packet: limits of the link, and 4 KiB boundaries.
    u32 packet_bytes(Iova at, u64 bytes, bool write) const { return port_.link().request_bytes(at, bytes, write); }
    u64 next_transaction() { return root_complex_.next_transaction(); }

    // One packet each, of at most packet_bytes(). `transaction` comes from next_transaction(). Who calls these asked
    // bus_master() and may_send() before.
    void read_packet(const DmaRequest& r, u64 transaction, std::byte* into, Tag tag, Requester& who) {
        const Tlp tlp = make(TlpKind::MemoryRead, r, transaction, tag.number());
        sim::start(port_.read(tlp, into, std::move(tag), who));
    }
    void write_packet(const DmaRequest& r, u64 transaction, Payload data, Requester* who) {
        sim::start(port_.write(make(TlpKind::MemoryWrite, r, transaction, 0), std::move(data), who));
    }

    /// DevCtl2, AtomicOp Requester Enable: clear, the function sends none.
    bool may_send_atomics() const { return atomics_; }
    /// An AtomicOp (`op` is not None) on the `r.bytes` of an operand: 4 or 8, of a compare-and-swap also 16. `into`: as
    /// FunctionPort::atomic(). Who calls this asked may_send_atomics(), too; ends after `who` heard of the completion.
    sim::Task<void> atomic(memory::AtomicOp op, const DmaRequest& r, u64 transaction, Operands operands,
                           std::byte* into, Tag tag, Requester& who) {
        const Tlp tlp = make(kind_of(op), r, transaction, tag.number());
        return port_.atomic(tlp, operands, into, std::move(tag), who);
    }

    /// As read_packet() and write_packet(), for who has to know when: a read ends after `who` heard of its completion,
    /// a write when it has committed or was dropped.
    sim::Task<void> reading(const DmaRequest& r, u64 transaction, std::byte* into, Tag tag, Requester& who) {
        const Tlp tlp = make(TlpKind::MemoryRead, r, transaction, tag.number());
        return port_.read(tlp, into, std::move(tag), who);
    }
    /// Asks for up to `translations` (at most most_translations) from the page that `r` begins in on.
    sim::Task<TranslationCompletion> request_translation(const DmaRequest& r, unsigned translations, bool no_write,
                                                         Tag tag) {
        Tlp tlp = make(TlpKind::MemoryRead, r, next_transaction(), tag.number());
        tlp.address &= ~(page_size - 1);
        tlp.length = translations * TranslationEntry::byte_count;
        tlp.no_write = no_write;
        if (events_.wants<TranslationRequested>())
            events_.emit(TranslationRequested{tlp.transaction, device_, r.bond, r.has_pasid, r.pasid, r.at.align_down(page_size), r.transaction});
        return port_.request_translation(tlp, std::move(tag));
    }
    /// One Invalidate Completion.
    void complete_invalidation(InvalidateCompletion c) {
        sim::start(port_.complete_invalidation(make(TlpKind::Message, DmaRequest{}, next_transaction(), 0), c));
    }

    /// One Page Request or Stop Marker, for the PASID of `r`.
    void request_page(const DmaRequest& r, PageRequestHeader header) {
        sim::start(port_.request_page(make(TlpKind::Message, r, next_transaction(), 0), header));
    }

    /// Reads any number of bytes in as many packets as it takes, all under way at once as far as there are tags. The
    /// packets of this and of dma_write() wait for bus_master(). Returns with the last completion; not ok() if any
    /// packet was not. Zero bytes: a zero-length read, which returns when every posted write that this endpoint sent
    /// before is globally observable.
    sim::Task<Completion> dma_read(DmaRequest r, std::byte* into);
    /// Writes any number of bytes; returns when the last packet has left. The bytes are copied at once.
    sim::Task<void> dma_write(DmaRequest r, std::span<const std::byte> from);
    /// A message interrupt: a posted write of four bytes, behind every write before it. Without bus mastering nothing
    /// is sent, now or later.
    void send_message(u64 address, u32 data);
    /// Of what it needs for its work: tags; of a device besides, what it has of its own.
    virtual void left_behind(base::Leftovers& out) const { out.count(name_.text(), tags_.used(), "tag", "in use"); }

protected:
    // A device without registers.
    void bar_write(u64, unsigned, u64) override {}
    u64 bar_read(u64, unsigned) override { return ~u64{0}; }
    /// A reset: what the function was doing is forgotten. Its configuration space goes back to its defaults right
    /// after.
    virtual void forget() {}

private:
    void link_changed(bool up) override {
        if (!up) reset(ResetKind::Conventional);
    }
    void reset(ResetKind kind) {
        forget();
        config_space_.reset(kind);
    }
    bool memory_space() const override { return config_space_.memory_space(); }
    BarPlace bar_place() const override { return {config_space_.bar_base(0), config_space_.bar_size(0)}; }
    void config_write(u32 offset, unsigned size, u32 value) override {
        config_space_.config_write(offset, size, value);
    }
    u32 config_read(u32 offset, unsigned size) override { return config_space_.config_read(offset, size); }
    void watch_config_space(const EndpointConfig& config);
    static TlpKind kind_of(memory::AtomicOp op) {
        if (op == memory::AtomicOp::FetchAdd) return TlpKind::FetchAdd;
        return op == memory::AtomicOp::Swap ? TlpKind::Swap : TlpKind::CompareSwap;
    }
    Tlp make(TlpKind kind, const DmaRequest& r, u64 transaction, u16 tag) const {
        Tlp t;
        t.kind = kind;
        t.has_pasid = r.has_pasid;
        t.privileged = r.privileged;
        t.at = r.type;
        t.attributes = r.attributes;
        t.requester = requester_;
        t.device = device_;
        t.tag = tag;
        t.pasid = r.pasid;
        t.length = r.bytes;
        t.bond = r.bond;
        t.address = r.at.value();
        t.transaction = transaction;
        t.aimed_at = r.type == iommu::AddressType::Translated ? r.aimed_at : r.at;
        return t;
    }
    base::Name name_, tags_name_;
    base::EventBus& events_;
    RootComplex& root_complex_;
    DeviceId device_;
    RequesterId requester_;
    FunctionPort& port_;
    Tags tags_;
    ConfigSpace config_space_;
    sim::Latch bus_master_;
    u32 pasids_ = 0; ///< those that may be sent are below
    bool privileged_pasids_ = false, relaxed_ = false, id_based_ = false, atomics_ = false;
};

} // namespace quiesce::pcie
