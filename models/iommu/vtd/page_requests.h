// SPDX-License-Identifier: Apache-2.0
/// The page request queue (VT-d 7.4 to 7.8; facts/iommu-specs.md 2.8): messages of devices become descriptors in
/// memory, and the ones that cannot are answered by the unit itself.
#pragma once
#include "base/ring_queue.h"
#include "iommu/agent.h"
#include "iommu/page_request_interface.h"
#include "iommu/vtd/context.h"
#include "iommu/vtd/faults.h"

namespace quiesce::iommu::vtd {

/// The descriptor of a message.
PageReqDsc make_descriptor(const PageRequestMessage& m);

/// Numbers what the invalidation engine is asked for: descriptors, register commands and what page requests imply.
class Sequence {
public:
    u64 next() { return ++last_; }
    u64 last() const { return last_; }

private:
    u64 last_ = 0;
};

/// What a page request is handed on to.
struct PageRequestTargets {
    Agent& agent;
    FaultBank& faults;
    ContextResolver& resolver;
    Sequence& sequence;
};

/// Writes descriptors in the order of the messages.
class PageRequestQueue {
public:
    PageRequestQueue(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                     Signals& signals, PageRequestTargets targets, const Identity& id, const VtdConfig& config);

    void set_port(PageResponsePort* port) { requests_.set_port(port); }
    /// Returns once the message has a buffer.
    sim::Task<void> take(PageRequestMessage m) { return requests_.take(m); }
    /// A page group response descriptor.
    void respond(const PageGroupResponse& r) { requests_.send(r, PageResponseReason::Driver); }
    /// Goes on when every message received before this call is a descriptor in memory, answered or dropped.
    sim::Task<void> drained() { return requests_.drained(); }
    /// Software wrote PQH or PRS.
    void consumed() { level(); }
    /// Descriptors that are not written, and those that software has not taken.
    std::size_t unwritten() const { return requests_.waiting(); }
    u32 unread() const { return ring().used(); }

private:
    using Ring = base::RingIndices<base::HeadTail>;
    Ring ring() const;
    sim::Task<void> handle(PageRequestMessage m);
    sim::Task<void> refuse(PageRequestMessage m, Fault f);
    sim::Task<void> forget(PageRequestMessage m, Context c);
    sim::Task<void> write(PageRequestMessage m);
    void overflow(const PageRequestMessage& m);
    /// The unit's own answer to a group whose last request this is; nothing otherwise.
    void answer(const PageRequestMessage& m, PageResponseCode code, PageResponseReason why);
    void level();

    base::Name unit_, queue_name_, level_name_;
    base::EventBus& events_;
    RegisterFile& regs_;
    memory::MemoryPort& memory_;
    Signals& signals_;
    PageRequestTargets on_;
    const Identity& id_;
    sim::Duration write_delay_;
    PageRequestInterface requests_;
};

} // namespace quiesce::iommu::vtd
