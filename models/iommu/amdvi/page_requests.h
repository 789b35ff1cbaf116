// SPDX-License-Identifier: Apache-2.0
/// Page requests: messages of devices become entries of the PPR log, and what cannot is refused, dropped, or answered by
/// the unit itself (facts/iommu-specs.md 3.5).
#pragma once
#include "iommu/agent.h"
#include "iommu/amdvi/context.h"
#include "iommu/page_request_interface.h"

namespace quiesce::iommu::amdvi {

/// The entry of a message.
PprEntry make_entry(const PageRequestMessage& m);

/// Writes entries in the order of the messages.
class PageRequestLog {
public:
    PageRequestLog(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                   Signals& signals, EventLog& event_log, ContextResolver& resolver, const AmdviConfig& config);

    void set_port(PageResponsePort* port) { requests_.set_port(port); }
    /// Who forgets what is kept of a page that somebody asks for.
    void set_forget(std::function<sim::Task<void>(TranslationRequest)> forget) { forget_ = std::move(forget); }
    /// Returns once the message has a buffer.
    sim::Task<void> take(PageRequestMessage m) { return requests_.take(m); }
    /// COMPLETE_PPR_REQUEST.
    void respond(const PageGroupResponse& r) { requests_.send(r, PageResponseReason::Driver); }

    PprLogRing& ring() { return ring_; }
    const PprLogRing& ring() const { return ring_; }
    /// Messages that are not written yet.
    std::size_t unwritten() const { return requests_.waiting(); }

private:
    sim::Task<void> handle(PageRequestMessage m);
    sim::Task<void> refuse(PageRequestMessage m, Fault f);
    sim::Task<void> disallow(PageRequestMessage m, Dte e);
    sim::Task<void> forget(const PageRequestMessage& m);
    sim::Task<void> write(PageRequestMessage m, Dte e);
    bool answers_by_itself() const;
    void warn_early();
    /// The unit's own answer to a group whose last request this is; nothing otherwise.
    void answer(const PageRequestMessage& m, bool with_pasid, PageResponseCode code, PageResponseReason why);
    void answer_automatically(const PageRequestMessage& m, const Dte& e);

    base::Name unit_;
    base::EventBus& events_;
    RegisterFile& regs_;
    Signals& signals_;
    EventLog& event_log_;
    ContextResolver& resolver_;
    PprLogRing ring_;
    PageRequestInterface requests_;
    std::function<sim::Task<void>(TranslationRequest)> forget_;
};

} // namespace quiesce::iommu::amdvi
