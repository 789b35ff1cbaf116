// SPDX-License-Identifier: Apache-2.0
/// Page requests: messages of devices become entries of the PPR log, and what cannot is refused, dropped, or answered by
/// the unit itself (facts/iommu-specs.md 3.5).
#pragma once
#include "iommu/agent.h"
#include "iommu/amdvi/context.h"
#include "iommu/page_request.h"

namespace quiesce::iommu::amdvi {

/// The entry of a message.
PprEntry make_entry(const PageRequestMessage& m);

/// Writes entries in the order of the messages.
class PageRequestLog {
public:
    PageRequestLog(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                   Signals& signals, EventLog& event_log, ContextResolver& resolver, const AmdviConfig& config);

    /// Where responses go. Without one there is no page request interface in the system, and nothing is sent.
    void set_port(PageResponsePort* port) { port_ = port; }
    /// Who forgets what is kept of a page that somebody asks for.
    void set_forget(std::function<sim::Task<void>(TranslationRequest)> forget) { forget_ = std::move(forget); }
    /// Returns once the message has a buffer.
    sim::Task<void> take(PageRequestMessage m);
    /// COMPLETE_PPR_REQUEST.
    void respond(const PageGroupResponse& r) { send(r, PageResponseReason::Driver); }

    PprLogRing& ring() { return ring_; }
    const PprLogRing& ring() const { return ring_; }
    /// Messages that are not written yet.
    std::size_t unwritten() const { return pending_.size(); }

private:
    struct Pending {
        PageRequestMessage message;
        sim::Lease buffer{};
    };
    sim::Task<void> run();
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
    void send(const PageGroupResponse& r, PageResponseReason why);

    base::Name unit_;
    base::EventBus& events_;
    RegisterFile& regs_;
    Signals& signals_;
    EventLog& event_log_;
    ContextResolver& resolver_;
    PprLogRing ring_;
    sim::Slots buffers_;
    sim::Fifo<Pending> pending_;
    PageResponsePort* port_ = nullptr;
    std::function<sim::Task<void>(TranslationRequest)> forget_;
    bool running_ = false;
};

} // namespace quiesce::iommu::amdvi
