// SPDX-License-Identifier: Apache-2.0
/// The page request queue (IHI 0070 chapter 8; facts/iommu-specs.md 1.8): messages of devices become records in memory,
/// and the ones that cannot are answered by the unit itself.
#pragma once
#include "base/ring_queue.h"
#include "iommu/page_request_interface.h"
#include "iommu/smmuv3/context.h"
#include "iommu/smmuv3/faults.h"

namespace quiesce::iommu::smmuv3 {

/// The record of a message. Without substreams a PASID is not known (8): SSV, Priv and X are then 0.
PageRequest make_record(const PageRequestMessage& m, const Identity& id);

/// Writes records in the order of the messages.
class PageRequestQueue {
public:
    PageRequestQueue(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                     Signals& signals, EventQueue& event_queue, ContextResolver& resolver, const Identity& id,
                     const Smmuv3Config& config);

    void set_port(PageResponsePort* port) { requests_.set_port(port); }
    /// Returns once the message has a buffer.
    sim::Task<void> take(const PageRequestMessage& m);
    /// CMD_PRI_RESP: ignored while the unit is disabled (4.5.2).
    void respond(const PageGroupResponse& r);
    /// Goes on when no record is being written. With PRIQEN or SMMUEN clear in CR0 none is begun (6.3.9.5).
    sim::Task<void> idle();
    /// Software wrote PRIQ_CONS.
    void consumed() { level(); }
    /// Records that are not written, and those that software has not taken.
    std::size_t unwritten() const { return requests_.waiting(); }
    u32 unread() const { return ring().used(); }

private:
    using Ring = base::RingIndices<base::WrapBit>;
    Ring ring() const;
    /// The effective PRIQEN: both enables, asked for and carried out.
    bool enabled() const;
    bool overflown() const { return regs_.get(PriqProd::OVFLG) != regs_.get(PriqCons::OVACKFLG); }
    sim::Task<void> handle(PageRequestMessage m);
    sim::Task<void> write(PageRequestMessage m);
    sim::Task<void> overflow(PageRequestMessage m);
    sim::Task<std::optional<bool>> find_ppar(PageRequestMessage m);
    void record_lookup_error(const PageRequestMessage& m, const Fault& f);
    void fail(const PageRequestMessage& m, PageResponseReason why);
    void level();

    base::Name unit_, queue_name_, level_name_;
    std::array<base::Name, 256> event_names_{};
    base::EventBus& events_;
    RegisterFile& regs_;
    memory::MemoryPort& memory_;
    Signals& signals_;
    EventQueue& event_queue_;
    ContextResolver& resolver_;
    const Identity& id_;
    unsigned max_log2_;
    sim::Duration write_delay_;
    PageRequestInterface requests_;
    bool writing_ = false;
    sim::Signal written_;
};

} // namespace quiesce::iommu::smmuv3
