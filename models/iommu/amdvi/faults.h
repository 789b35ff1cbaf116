// SPDX-License-Identifier: Apache-2.0
/// Faults of requests as entries of the event log (AMD 48882 2.5; facts/iommu-specs.md 3.4).
#pragma once
#include "iommu/amdvi/causes.h"
#include "iommu/amdvi/log.h"
#include "iommu/context.h"
#include "iommu/events.h"
#include "iommu/page_request.h"

#include <array>
#include <set>

namespace quiesce::iommu::amdvi {

/// `context` is null for faults of the device table and the GCR3 table.
Cause cause_of(const Fault& f, const TranslationRequest& r, const Context* context);

/// The event of a request that met a fault.
Event make_event(Cause cause, const Fault& f, const TranslationRequest& r, const Context* context);
/// Of a page request that the device table entry does not allow.
InvalidPprRequest make_event(const PageRequestMessage& m);
/// Of an entry that a page request, or a command, met: no address of a page is at fault.
Event make_event(Cause cause, const Fault& f, const PageRequestMessage& m);
/// Of the command at `at`.
Event make_command_event(EventCode code, Spa at);
Event make_timeout_event(RequesterId device, Spa command);

class EventLog {
public:
    EventLog(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory, Signals& signals,
             const AmdviConfig& config);

    /// Returns once the entry is in memory, or lost. States the fact with its fate.
    sim::Task<void> record(Event event, FaultRaised fact);
    /// As record(), of what is no fault of a request. False: software will not see it.
    sim::Task<bool> log(Event event);
    /// A fault that is not logged.
    void suppress(FaultRaised fact);
    FaultRaised fact_of(Cause cause, const TranslationRequest& r) const;
    FaultRaised fact_of(EventCode code, const PageRequestMessage& m) const;

    /// SE: the first page fault of a device is logged, until its entry is fetched anew. MODEL: that is when a command
    /// invalidates it, not when the cache of entries needs its place. True: this is not the first.
    bool reported_before(StreamId stream) { return !reported_.insert(stream).second; }
    void entry_invalidated(StreamId stream) { reported_.erase(stream); }
    void all_invalidated() { reported_.clear(); }

    EventLogRing& ring() { return ring_; }
    const EventLogRing& ring() const { return ring_; }

private:
    base::EventBus& events_;
    EventLogRing ring_;
    std::set<StreamId> reported_;
    std::array<base::Name, 16> names_{};
};

} // namespace quiesce::iommu::amdvi
