// SPDX-License-Identifier: Apache-2.0
#include "iommu/vtd/page_requests.h"

#include "base/facts.h"

#include <algorithm>

namespace quiesce::iommu::vtd {

PageReqDsc make_descriptor(const PageRequestMessage& m) {
    PageReqDsc d;
    d.set(PageReqDsc::Type, page_request_type).set(PageReqDsc::RID, RequesterId{static_cast<u16>(raw(m.stream))});
    d.set(PageReqDsc::RDR, m.read).set(PageReqDsc::WRR, m.write).set(PageReqDsc::LPIG, m.last);
    d.set(PageReqDsc::PRGI, m.group & 0x1ff).set(PageReqDsc::ADDR, m.at.align_down(page_size));
    if (!m.has_pasid) return d;
    d.set(PageReqDsc::PP, true).set(PageReqDsc::PASID, Pasid{raw(m.pasid) & 0xf'ffff});
    return d.set(PageReqDsc::EXR, m.execute).set(PageReqDsc::PMR, m.privileged);
}

PageRequestQueue::PageRequestQueue(base::Name unit, base::EventBus& events, RegisterFile& regs,
                                   memory::MemoryPort& memory, Signals& signals, PageRequestTargets targets,
                                   const Identity& id, const VtdConfig& config)
    : unit_(unit), queue_name_(std::string(unit.text()) + ".prq"),
      level_name_(std::string(queue_name_.text()) + ".depth"), events_(events), regs_(regs), memory_(memory),
      signals_(signals), on_(targets), id_(id), write_delay_(config.page_request_write.get()),
      requests_(unit, events, config.page_request_buffers.get(), [this](PageRequestMessage m) { return handle(m); }) {}

/// PQH and PQT count descriptors of 32 bytes.
PageRequestQueue::Ring PageRequestQueue::ring() const {
    return {regs_.get(Pqa::PQS) + 7, regs_.get(Pqt::PQT), regs_.get(Pqh::PQH)};
}

/// 7.4.1: faults of the remapping tables come before what the queue itself has to say.
/// MODEL: with translation off, or without page requests at all, a group is answered as one of an unknown requester.
sim::Task<void> PageRequestQueue::handle(PageRequestMessage m) {
    co_await sim::delay(write_delay_);
    if (!regs_.get(Gsts::TES) || !id_.has(Ecap::PRS)) {
        answer(m, PageResponseCode::InvalidRequest, PageResponseReason::Disabled);
        co_return;
    }
    auto way = on_.resolver.resolve(m);
    const ContextOutcome found = co_await std::move(way);
    if (!found.ok)
        co_await refuse(m, found.fault);
    else if (regs_.get(Prs::PRO) || ring().full())
        overflow(m);
    else {
        co_await forget(m, found.context);
        co_await write(m);
    }
}

sim::Task<void> PageRequestQueue::refuse(PageRequestMessage m, Fault f) {
    const auto code = static_cast<FaultCode>(f.code);
    FaultRaised fact = on_.faults.fact_of(code, m);
    fact.decided.what = decided_by(code, f.rule);
    // ECAP.SMS: a stop marker that faults leaves no trace.
    if (f.silent || is_stop_marker(m)) {
        if (f.silent && f.quiet_by != nullptr) fact.unrecorded_by.what = base::Name{f.quiet_by};
        on_.faults.suppress(fact);
    } else {
        co_await on_.faults.record(make_record(code, m), fact);
    }
    answer(m, PageResponseCode::InvalidRequest, PageResponseReason::Disabled);
}

/// 7.4.1: what is cached of the page is what made the device ask. First stage: the page of the PASID; second stage and
/// pass-through: the page of the domain; both: the domain. Nothing that is under way is waited for: a transaction that
/// stays behind a page request without a buffer would keep this one, and that buffer with it, for ever.
sim::Task<void> PageRequestQueue::forget(PageRequestMessage m, Context c) {
    Scope s;
    s.in = bit_of(CacheKind::Translation) | bit_of(CacheKind::Walk);
    s.domain = c.domain;
    const bool nested = !c.bypass && c.second.root.present;
    if (!nested) {
        s.space = c.space;
        s.range = IovaRange{m.at.align_down(page_size), page_size};
    }
    const u64 sequence = on_.sequence.next();
    on_.agent.invalidate(sequence, InvalidationKind::Translation, s);
    co_await on_.agent.invalidations().wait_applied(sequence);
}

sim::Task<void> PageRequestQueue::write(PageRequestMessage m) {
    const Ring r = ring();
    const Spa queue = regs_.get(Pqa::ADDR).align_down(page_request_bytes << r.log2size);
    auto bytes = make_descriptor(m).to_bytes();
    memory::Request request{queue + r.prod_index() * page_request_bytes, bytes.data(), page_request_bytes, true};
    request.origin.purpose = memory::Purpose::QueueWrite;
    // Nothing reports a queue in no memory: the tail goes on (MODEL; 7.4 does not say).
    co_await memory_.transport(request);
    regs_.set(Pqt::PQT, ring().next(regs_.get(Pqt::PQT)));
    events_.emit(PageRequestRecorded{unit_, m.bond, m.stream, m.at.align_down(page_size), m.group, m.last, is_stop_marker(m)});
    level();
    signals_.page_request_event(Prs::PPR);
}

/// 7.4.1: while PRO is set nothing is queued and nothing more is said; a group's last request is answered with Success.
void PageRequestQueue::overflow(const PageRequestMessage& m) {
    if (!regs_.get(Prs::PRO)) signals_.page_request_event(Prs::PRO);
    events_.emit(PageRequestDropped{queue_name_, m.bond, m.stream, m.at.align_down(page_size), m.group, m.last,
                                    is_stop_marker(m), false});
    answer(m, PageResponseCode::Success, PageResponseReason::Overflow);
}

void PageRequestQueue::answer(const PageRequestMessage& m, PageResponseCode code, PageResponseReason why) {
    if (!m.last || is_stop_marker(m)) return;
    requests_.send({m.stream, m.has_pasid, m.has_pasid ? m.pasid : Pasid{0}, m.group, code}, why);
}

void PageRequestQueue::level() { events_.emit(base::LevelChanged{level_name_, ring().used()}); }

} // namespace quiesce::iommu::vtd
