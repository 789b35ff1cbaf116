// SPDX-License-Identifier: Apache-2.0
/// What lies between one function and memory, as packets pass it: the function's link, and its part of the root
/// complex.
#pragma once
#include "base/names.h"
#include "iommu/ats_port.h"
#include "iommu/page_request.h"
#include "iommu/translation.h"
#include "memory/memory_port.h"
#include "memory/mmio.h"
#include "pcie/endpoint_side.h"
#include "pcie/link.h"
#include "pcie/ordering.h"
#include "pcie/switch.h"
#include "pcie/tags.h"
#include "pcie/tlp.h"
#include "sim/signal.h"
#include "sim/slots.h"

#include <array>
#include <functional>
#include <memory>
#include <string>

namespace quiesce::pcie {

struct RootComplexConfig;
class RootComplex;

/// One link with one endpoint, from a root port of its own or from a switch. A posted packet takes room in the port
/// until it has committed, any other request until the IOMMU has answered and it goes to memory. The life of a packet
/// is one coroutine, from the endpoint's decision to its end.
class FunctionPort final : public memory::MmioTarget {
public:
    struct Counts {
        u64 reads = 0, writes = 0, messages = 0, aborted_reads = 0, dropped_writes = 0, malformed = 0;
        u64 translations = 0, invalidations = 0, invalidations_timed_out = 0, stray_completions = 0;
        u64 page_requests = 0, atomics = 0;
        u64 completion_timeouts = 0; ///< the endpoint's
    };
    /// `below`: the switch that it is below, and its port there; null: none.
    FunctionPort(RootComplex& rc, base::Name name, DeviceId device, RequesterId requester, EndpointSide& endpoint,
                 const LinkConfig& link, const RootComplexConfig& config, Switch* below, unsigned slot);

    /// A memory read: `into` gets the bytes when they are sampled at memory and must live until `who` has been told.
    /// Length 0 is a zero-length read: its completion says that every posted write before it is globally observable.
    sim::Task<void> read(Tlp tlp, std::byte* into, Tag tag, Requester& who);
    /// A posted memory write; ends when it has committed or was dropped. `who` may be null.
    sim::Task<void> write(Tlp tlp, Payload data, Requester* who);
    /// An AtomicOp of `tlp.length` bytes: `into` gets the original value, as that of a read; null: nobody wants it.
    sim::Task<void> atomic(Tlp tlp, Operands operands, std::byte* into, Tag tag, Requester& who);

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

    /// Register accesses of CPUs. A write returns when its packet has left; a read after the round trip, behind every
    /// posted write that the endpoint sent before the answer.
    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override;
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override;
    /// Lines for the function's portals (deferrable_write.cpp): a posted write, and one whose completion is the answer.
    sim::Task<void> write_line(u64 offset, memory::Line line) override;
    sim::Task<memory::Enqueued> enqueue(u64 offset, memory::Line line) override;
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
    bool is_below_switch() const { return switch_ != nullptr; }
    StreamId stream() const { return stream_; }
    EndpointSide::BarPlace bar_place() const { return endpoint_.bar_place(); }
    /// Posted writes that have arrived at the root port and not committed: of all functions below it.
    std::size_t posted_inside() const { return order_.inside(); }
    /// What waits for room on either direction of the link, in words; empty if nothing does.
    std::string who_waits();
    void left_behind(base::Leftovers& out) const;

private:
    iommu::TranslationRequest question(const Tlp& t) const;
    memory::Request access(const Tlp& t, std::byte* data, const iommu::Translation& tr, memory::Purpose purpose) const;
    Completion without_memory(const Tlp& t, iommu::Ending ending, std::byte* into);
    sim::Duration answer_time(const Tlp& read) const;
    sim::Task<void> complete_part(Tlp completion, u64 life, Arrival& answer);
    /// A packet that crossed the function's link, or did not.
    struct Ascent {
        TransmitQueue::Credit room;
        Arrival how = Arrival::Whole;
        u64 life = 0;
        sim::Time left{};
    };
    sim::Task<Ascent> go_up(const Tlp& t, u32 payload);
    sim::Task<Arrival> down_from_root(const Tlp& t, u32 payload, u64 life, TransmitQueue::Credit& room);
    // ---- atomics.cpp
    sim::Task<Completion> carry_out(const Tlp& t, Operands& operands, bool poisoned, TransmitQueue::Credit room);
    sim::Task<Completion> modify(const Tlp& t, Operands& operands, const iommu::Translation& tr);
    sim::Task<Arrival> complete_atomic(const Tlp& t, CompletionStatus status, u64 life);
    // ---- peer_to_peer.cpp
    bool refused(const Tlp& t, const Switch::Climb& c);
    FunctionPort* turn(const Tlp& t, const Switch::Climb& c);
    bool claims(const Tlp& t) const;
    Completion answer_peer(const Tlp& t, std::byte* into);
    sim::Task<bool> arrive_from(Ingress in, const Tlp& t, u32 payload, TransmitQueue::Credit& room);
    sim::Task<void> write_elsewhere(Tlp t, const std::byte* data, Switch::Climb c, TransmitQueue::Credit room);
    sim::Task<Completion> read_elsewhere(Tlp t, std::byte* into, Switch::Climb c, TransmitQueue::Credit room);
    sim::Task<bool> complete_to(FunctionPort& requester, Switch& turn_at, Tlp t);

    sim::Task<void> deliver(Tlp write, u64 life, u64 value, TransmitQueue::Credit room);
    sim::Task<void> deliver_line(Tlp write, u64 life, memory::Line line, TransmitQueue::Credit room);
    sim::Task<void> time_out(const Tlp& request, sim::Time left);
    sim::Task<void> no_answer();
    sim::Task<bool> arrive_down(const Tlp& request, u64 life, TransmitQueue::Credit& room);
    sim::Task<void> go_down_and_up(sim::Duration at, sim::Duration length);
    void lost(const Tlp& write, Arrival how);
    /// A posted message that has come as far as its place in the order: every posted packet before it has committed.
    /// Its room and its ticket are its own until commit(). Not there: it was lost.
    struct Message {
        TransmitQueue::Credit room;
        u64 ticket = 0;
        bool there = false;
    };
    sim::Task<Message> message_up(const Tlp& message);
    sim::Task<bool> message_down(const Tlp& message);
    Tlp register_access(TlpKind kind, u64 offset, unsigned size) const;
    sim::Task<TransmitQueue::Credit> send_down(Tlp request);
    u64 at_registers(const Tlp& request, u64 written);
    sim::Task<u64> non_posted(Tlp request, u64 written);
    sim::Task<bool> complete_up(Tlp completion);
    void aborted(const Tlp& t, AbortReason why);
    Tlp invalidate_message(const iommu::AtcInvalidation& what, unsigned itag) const;
    Tlp begin_answer(const Tlp& request, CompletionStatus status, u32 bytes, const std::byte* data, u64 life,
                     Arrival& answer);
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
    Switch* switch_; ///< above the link; null: a root port
    unsigned slot_;
    Link link_;
    LinkDirection& first_down_; ///< what leaves the root port for the function crosses it first
    std::unique_ptr<RootPort> own_root_;
    sim::Stage &ingress_, &egress_, &mmio_;
    PostedOrder& order_; ///< of its root port
    ReadOrder* reads_;   ///< of its root port, if that keeps one
    Counts counts_;
    sim::Duration invalidate_timeout_, completion_timeout_;
    Refusals refusals_;
    std::function<void(bool)> link_call_;
    sim::Slots itag_places_{itags};
    std::array<Invalidation, itags> invalidations_;
};

} // namespace quiesce::pcie
