// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/page_requests.h"

#include "iommu/amdvi/decided.h"

namespace quiesce::iommu::amdvi {

/// MODEL: a request without PASID has neither GN nor US; a stop marker is an entry without READ and WRITE.
PprEntry make_entry(const PageRequestMessage& m) {
    PprEntry e;
    e.set(PprEntry::Type, page_service_request).set(PprEntry::DeviceID, RequesterId{static_cast<u16>(raw(m.stream))});
    e.set(PprEntry::Tag, static_cast<u16>(m.group & 0x1ff)).set(PprEntry::Last, m.last);
    e.set(PprEntry::Read, m.read).set(PprEntry::Write, m.write).set(PprEntry::Address, m.at.align_down(page_size).value());
    if (!m.has_pasid) return e;
    e.set(PprEntry::GN, true).set(PprEntry::PASID, Pasid{raw(m.pasid) & 0xf'ffff});
    return e.set(PprEntry::Exec, m.execute).set(PprEntry::US, !m.privileged);
}

PageRequestLog::PageRequestLog(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                               Signals& signals, EventLog& event_log, ContextResolver& resolver, const AmdviConfig& config)
    : unit_(unit), events_(events), regs_(regs), signals_(signals), event_log_(event_log), resolver_(resolver),
      ring_(unit, events, regs, memory, signals, config.ppr_write.get()),
      requests_(unit, events, config.ppr_buffers.get(), [this](PageRequestMessage m) { return handle(m); }) {}

/// MODEL: where page requests are not processed at all a group is answered as one of an unknown requester, with its PASID.
sim::Task<void> PageRequestLog::handle(PageRequestMessage m) {
    if (!regs_.get(Control::IommuEn) || !regs_.get(Control::PPREn)) {
        answer(m, true, PageResponseCode::InvalidRequest, PageResponseReason::Disabled);
        co_return;
    }
    memory::Origin origin;
    origin.purpose = memory::Purpose::Structure;
    origin.bond = m.bond;
    origin.aimed_at = m.at;
    auto way = resolver_.device_entry(m.stream, origin);
    const ContextResolver::Found found = co_await std::move(way);
    if (const auto* fault = std::get_if<Fault>(&found)) {
        co_await refuse(m, *fault);
        co_return;
    }
    const Dte e = std::get<Dte>(found);
    const bool guests = e.get(Dte::GV) && regs_.get(Control::GTEn);
    const bool allowed = e.get(Dte::V) && e.get(Dte::TV) && e.get(Dte::PPR) && (guests || !m.has_pasid);
    const bool marker = is_stop_marker(m);
    if (allowed && !marker) co_await forget(m);
    if (!allowed)
        co_await disallow(m, e);
    else if (!(marker && regs_.get(Control::BlkStopMrkEn)))
        co_await write(m, e);
}

/// MODEL: as VT-d does it (7.4.1). No source at hand says what an AMD-Vi does about an entry that has come to allow more, or is
/// present by now; Linux tells no IOMMU of it on x86, where processors look again.
sim::Task<void> PageRequestLog::forget(const PageRequestMessage& m) {
    if (!forget_) co_return;
    TranslationRequest r{};
    r.stream = m.stream;
    r.bond = m.bond;
    r.has_pasid = m.has_pasid;
    r.pasid = m.pasid;
    r.at = m.at;
    co_await forget_(r);
}

/// The device table itself is at fault.
sim::Task<void> PageRequestLog::refuse(PageRequestMessage m, Fault f) {
    const auto cause = static_cast<Cause>(f.code);
    FaultRaised fact = event_log_.fact_of(cause_row(cause).event, m);
    fact.decided.what = decided_by(cause, f, TranslationRequest{}, nullptr);
    co_await event_log_.record(make_event(cause, f, m), fact);
    answer(m, true, PageResponseCode::InvalidRequest, PageResponseReason::Disabled);
}

/// INVALID_PPR_REQUEST: software answers it (Linux does unless RX is set). MODEL: what software will not see the unit
/// answers by itself, so that the device does not wait for ever.
sim::Task<void> PageRequestLog::disallow(PageRequestMessage m, Dte e) {
    const bool seen = event_log_.ring().running();
    FaultRaised fact = event_log_.fact_of(EventCode::InvalidPprRequest, m);
    fact.decided.what = decided_by(e, m.has_pasid, regs_.get(Control::GTEn));
    co_await event_log_.record(as_event(make_event(m)), fact);
    if (!seen || event_log_.ring().overflowed())
        answer(m, e.get(Dte::GPRP), PageResponseCode::InvalidRequest, PageResponseReason::Disabled);
}

/// Before the log is asked: where it never is, and above its threshold.
bool PageRequestLog::answers_by_itself() const {
    if (regs_.get(Control::PPRAutoRspAon)) return true;
    const bool above = ring_.unread() >= regs_.get(PprOverflowEarly::Threshold);
    return regs_.get(Control::PPRAutoRspEn) && ring_.running() && regs_.get(PprOverflowEarly::En) && above;
}

/// MODEL: of a log that overflowed, or is off, requests are dropped, and nobody answers them unless automatic responses are
/// on: no source says that the unit does.
sim::Task<void> PageRequestLog::write(PageRequestMessage m, Dte e) {
    if (answers_by_itself()) {
        answer_automatically(m, e);
        co_return;
    }
    const LogFate fate = co_await ring_.append(make_entry(m).words());
    if (fate != LogFate::Written) {
        events_.emit(PageRequestDropped{ring_.name(), m.bond, m.stream, m.at.align_down(page_size), m.group, m.last,
                                        is_stop_marker(m), fate == LogFate::Off});
        if (regs_.get(Control::PPRAutoRspEn)) answer_automatically(m, e);
        co_return;
    }
    events_.emit(PageRequestRecorded{unit_, m.bond, m.stream, m.at.align_down(page_size), m.group, m.last,
                                     is_stop_marker(m)});
    warn_early();
}

void PageRequestLog::warn_early() {
    if (!regs_.get(PprOverflowEarly::En)) return;
    if (ring_.unread() >= regs_.get(PprOverflowEarly::Threshold)) signals_.raise(Status::PPROverflowEarly);
}

void PageRequestLog::answer(const PageRequestMessage& m, bool with_pasid, PageResponseCode code, PageResponseReason why) {
    if (!m.last || is_stop_marker(m)) return;
    const bool carried = m.has_pasid && with_pasid;
    requests_.send({m.stream, carried, carried ? m.pasid : Pasid{0}, m.group, code}, why);
}

void PageRequestLog::answer_automatically(const PageRequestMessage& m, const Dte& e) {
    const bool with_pasid = e.get(Dte::GPRP) && !regs_.get(PprAutoResp::MaskGN);
    const auto code = static_cast<PageResponseCode>(regs_.get(PprAutoResp::Code));
    answer(m, with_pasid, code, PageResponseReason::Overflow);
}

} // namespace quiesce::iommu::amdvi
