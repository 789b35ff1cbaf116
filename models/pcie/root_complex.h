// SPDX-License-Identifier: Apache-2.0
/// Root complex and root ports: where packets of endpoints become memory accesses, and register accesses of CPUs become packets.
#pragma once
#include "base/events.h"
#include "base/names.h"
#include "base/param.h"
#include "iommu/ats_port.h"
#include "iommu/page_request.h"
#include "iommu/translation.h"
#include "memory/memory_port.h"
#include "memory/mmio.h"
#include "pcie/endpoint_side.h"
#include "pcie/link.h"
#include "pcie/ordering.h"
#include "pcie/tags.h"
#include "pcie/tlp.h"
#include "sim/signal.h"
#include "sim/slots.h"

#include <array>
#include <functional>
#include <memory>
#include <vector>

namespace quiesce::pcie {

struct RootComplexConfig {
    using P = base::Provenance;
    base::Param<base::Latency> ingress{70_ns, "from a packet's arrival to the IOMMU", P::Derived,
        "pcie-bench (SIGCOMM 2018): 64 B read 552 ns on an E5-2630v4, less the other parts"};
    base::Param<base::Latency> egress{60_ns, "from the memory's answer to a completion ready for the link", P::Derived,
        "pcie-bench (SIGCOMM 2018): 64 B read 552 ns on an E5-2630v4, less the other parts"};
    base::Param<base::Latency> mmio{50_ns, "from a CPU's register access to a packet ready for the link", P::Guess,
                                    "of the order of egress"};
    base::Param<base::Latency> invalidate_timeout{
        60_s, "an Invalidate Request that is not answered so long is given up", P::Specification,
        "PCIe Base 10.3.1: a device should answer within one minute (-0 %, +50 %)"};
    base::Param<base::Latency> completion_timeout{
        10_ms, "a CPU's access to a device whose answer is lost reads all ones so long after it left; at once if the link is down",
        base::at_least(50_us), P::Specification, "PCIe Base 2.8: 50 us to 50 ms by default, and not below 10 ms is strongly recommended"};
    base::Param<u32> stream_base{0, "StreamId of requester id 0; the others follow", base::at_most(0xffff'0000u), P::Specification,
                                 "IORT id mapping"};
};
DESCRIBE(RootComplexConfig, ingress, egress, mmio, invalidate_timeout, completion_timeout, stream_base)
static_assert(base::fully_described<RootComplexConfig>);

class RootComplex;

/// One link with one endpoint. A posted packet takes room in the port until it has committed, any other request until the
/// IOMMU has answered and it goes to memory. The life of a packet is one coroutine, from the endpoint's decision to its end.
class RootPort final : public memory::MmioTarget {
public:
    struct Counts {
        u64 reads = 0, writes = 0, messages = 0, aborted_reads = 0, dropped_writes = 0, malformed = 0;
        u64 translations = 0, invalidations = 0, invalidations_timed_out = 0, stray_completions = 0;
        u64 page_requests = 0;
        u64 completion_timeouts = 0; ///< the endpoint's
    };
    RootPort(RootComplex& rc, base::Name name, DeviceId device, RequesterId requester, EndpointSide& endpoint,
             const LinkConfig& link, const RootComplexConfig& config);

    /// A memory read: `into` gets the bytes when they are sampled at memory and must live until `who` has been told. Length 0 is a
    /// zero-length read: its completion says that every posted write before it is globally observable.
    sim::Task<void> read(Tlp tlp, std::byte* into, Tag tag, Requester& who);
    /// A posted memory write; ends when it has committed or was dropped. `who` may be null.
    sim::Task<void> write(Tlp tlp, Payload data, Requester* who);

    /// A translation request (AT = 01) for as many translations as `tlp.length` has room for, from the page of
    /// `tlp.address` on; ends when the last of its completions has arrived.
    sim::Task<TranslationCompletion> request_translation(Tlp tlp, Tag tag);
    /// Sends an Invalidate Request to the function and waits for its completions; at most 32 at once.
    sim::Task<iommu::AtcAnswer> invalidate(iommu::AtcInvalidation what);
    /// The function's Invalidate Completion: a posted message, behind every posted write that it sent before.
    sim::Task<void> complete_invalidation(Tlp message, InvalidateCompletion body);
    /// The function's Page Request or Stop Marker: a posted message to the IOMMU; ends when that has taken it.
    sim::Task<void> request_page(Tlp message, PageRequestHeader header);
    /// Sends a PRG Response to the function; ends with its arrival.
    sim::Task<void> respond(iommu::PageGroupResponse response);

    /// Register accesses of CPUs. A write returns when its packet has left; a read after the round trip, behind every posted
    /// write that the endpoint sent before the answer.
    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override;
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override;
    /// Accesses to the function's configuration registers: of 1, 2 or 4 bytes within a double word, neither posted.
    sim::Task<void> config_write(u32 offset, unsigned size, u32 value);
    sim::Task<u32> config_read(u32 offset, unsigned size);

    /// The link goes down, with all that is on it, or comes up.
    void set_link(bool up);
    /// `call(up)` when it has.
    void on_link_change(std::function<void(bool)> call) { link_call_ = std::move(call); }

    Link& link() { return link_; }
    const Link& link() const { return link_; }
    const Counts& counts() const { return counts_; }
    RequesterId requester() const { return requester_; }
    StreamId stream() const { return stream_; }
    /// Posted writes that have arrived and not committed.
    std::size_t posted_inside() const { return order_.inside(); }
    /// What waits for room on either direction of the link, in words; empty if nothing does.
    std::string who_waits();

private:
    iommu::TranslationRequest question(const Tlp& t) const;
    memory::Request access(const Tlp& t, std::byte* data, const iommu::Translation& tr, memory::Purpose purpose) const;
    Completion without_memory(const Tlp& t, iommu::Ending ending, std::byte* into);
    sim::Task<void> complete_part(Tlp completion);
    sim::Task<void> deliver(Tlp write, u64 life, u64 value, TransmitQueue::Credit room);
    sim::Task<void> time_out(const Tlp& request, sim::Time left);
    sim::Task<void> no_answer();
    sim::Task<bool> arrive_down(const Tlp& request, u64 life);
    sim::Task<void> go_down_and_up(sim::Duration at, sim::Duration length);
    void lost(const Tlp& write, Arrival how);
    Tlp register_access(TlpKind kind, u64 offset, unsigned size) const;
    sim::Task<TransmitQueue::Credit> send_down(Tlp request);
    sim::Task<bool> complete_up(Tlp completion);
    void aborted(const Tlp& t, AbortReason why);
    Tlp invalidate_message(const iommu::AtcInvalidation& what, unsigned itag) const;
    sim::Task<CompletionStatus> translate_one(Tlp tlp, TranslationEntry& entry);
    sim::Task<TranslationCompletion> answer_translation(Tlp tlp);
    Tlp begin_answer(const Tlp& request, CompletionStatus status, u32 bytes);
    iommu::PageRequestMessage message_of(const Tlp& t, PageRequestHeader header) const;
    /// An Invalidate Request under way.
    struct Invalidation {
        bool open = false;
        unsigned completions = 0; ///< seen so far
        sim::Latch over;
    };

    RootComplex& rc_;
    DeviceId device_;
    RequesterId requester_;
    StreamId stream_;
    EndpointSide& endpoint_;
    Link link_;
    sim::Stage &ingress_, &egress_, &mmio_;
    PostedOrder order_;
    Counts counts_;
    sim::Duration invalidate_timeout_, completion_timeout_;
    Refusals refusals_;
    std::function<void(bool)> link_call_;
    sim::Slots itag_places_{itags};
    std::array<Invalidation, itags> invalidations_;
};

class RootComplex final : public iommu::AtsPort, public iommu::PageResponsePort {
public:
    /// `iommu` may be null: addresses then pass as they are. All must outlive the calendar's shutdown().
    RootComplex(base::EventBus& events, memory::MemoryPort& memory, iommu::TranslationPort* iommu,
                const RootComplexConfig& config)
        : events_(events), memory_(memory), iommu_(iommu), config_(config) {}
    RootComplex(const RootComplex&) = delete;

    RootPort& attach(base::Name name, DeviceId device, RequesterId requester, EndpointSide& endpoint, const LinkConfig& link);
    void set_translation(iommu::TranslationPort* iommu) { iommu_ = iommu; }
    /// Where Page Requests go; without it they are lost.
    void set_page_requests(iommu::PageRequestPort* port) { page_requests_ = port; }
    /// To the function behind the stream id; Unsupported if there is none.
    sim::Task<iommu::AtcAnswer> invalidate(iommu::AtcInvalidation what) override;
    /// To the function behind the stream id; nowhere if there is none.
    sim::Task<void> respond(iommu::PageGroupResponse response) override;
    /// Writes to [base, base + bytes) are interrupt messages: not translated (MODEL: on every architecture), and in order behind the
    /// writes before them. Give the memory the same window.
    void set_message_window(Spa base, u64 bytes) { messages_ = {Iova{base.value()}, bytes}; }

    base::EventBus& events() { return events_; }
    memory::MemoryPort& memory() { return memory_; }
    Stages& stages() { return stages_; }
    iommu::TranslationPort* iommu() { return iommu_; }
    iommu::PageRequestPort* page_requests() { return page_requests_; }
    bool is_message(u64 address) const { return messages_.contains(Iova{address}); }
    StreamId stream_of(RequesterId r) const { return StreamId{config_.stream_base + raw(r)}; }
    /// The simulation's own number of the next transaction, from 1.
    u64 next_transaction() { return ++transactions_; }
    const std::vector<std::unique_ptr<RootPort>>& ports() const { return ports_; }
    /// What waits for room on any link, in words; empty if nothing does.
    std::string who_waits() const;

private:
    base::EventBus& events_;
    memory::MemoryPort& memory_;
    iommu::TranslationPort* iommu_;
    iommu::PageRequestPort* page_requests_ = nullptr;
    RootComplexConfig config_;
    IovaRange messages_{};
    u64 transactions_ = 0;
    Stages stages_;
    std::vector<std::unique_ptr<RootPort>> ports_;
};

} // namespace quiesce::pcie
