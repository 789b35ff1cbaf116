// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/page_requests.h"

#include "base/facts.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {
namespace {

/// The message as far as a unit without substreams sees it.
PageRequestMessage seen(PageRequestMessage m, const Identity& id) {
    if (id.idr1.get(Idr1::SSIDSIZE) == 0) m.has_pasid = false;
    if (m.has_pasid) return m;
    m.pasid = Pasid{0};
    m.execute = m.privileged = false;
    return m;
}

/// What a look-up of the stream needs to know of the message.
TranslationRequest question(const PageRequestMessage& m) {
    TranslationRequest r{};
    r.stream = m.stream;
    r.has_pasid = m.has_pasid;
    r.pasid = m.pasid;
    r.at = m.at;
    r.bond = m.bond;
    return r;
}

} // namespace

PageRequest make_record(const PageRequestMessage& message, const Identity& id) {
    const PageRequestMessage m = seen(message, id);
    PageRequest e;
    e.set(PageRequest::SID, m.stream).set(PageRequest::SSV, m.has_pasid);
    e.set(PageRequest::SSID, Pasid{raw(m.pasid) & 0xf'ffff});
    e.set(PageRequest::Priv, m.privileged).set(PageRequest::X, m.execute);
    e.set(PageRequest::R, m.read).set(PageRequest::W, m.write).set(PageRequest::L, m.last);
    return e.set(PageRequest::PRGIndex, m.group & 0x1ff).set(PageRequest::Addr, m.at.align_down(page_size));
}

PageRequestQueue::PageRequestQueue(base::Name unit, base::EventBus& events, RegisterFile& regs,
                                   memory::MemoryPort& memory, Signals& signals, EventQueue& event_queue,
                                   ContextResolver& resolver, const Identity& id, const Smmuv3Config& config)
    : unit_(unit), queue_name_(std::string(unit.text()) + ".priq"),
      level_name_(std::string(queue_name_.text()) + ".depth"), events_(events), regs_(regs), memory_(memory),
      signals_(signals), event_queue_(event_queue), resolver_(resolver), id_(id),
      max_log2_(static_cast<unsigned>(id.idr1.get(Idr1::PRIQS))), write_delay_(config.page_request_write.get()),
      requests_(unit, events, config.page_request_buffers.get(), [this](PageRequestMessage m) { return handle(m); }) {
    for (const EventRow& row : event_rows()) event_names_[raw(row.id)] = base::Name{row.name};
}

PageRequestQueue::Ring PageRequestQueue::ring() const {
    const u64 log2size = regs_.get(PriqBase::LOG2SIZE);
    return {static_cast<u32>(std::min<u64>(log2size, max_log2_)), regs_.get(PriqProd::WR), regs_.get(PriqCons::RD)};
}

sim::Task<void> PageRequestQueue::take(const PageRequestMessage& m) { return requests_.take(seen(m, id_)); }

bool PageRequestQueue::enabled() const {
    const bool asked = regs_.get(Cr0::PRIQEN) && regs_.get(Cr0::SMMUEN);
    return asked && regs_.get(Cr0Ack::PRIQEN) && regs_.get(Cr0Ack::SMMUEN);
}

/// 8.2 comes before 8.1: a queue that is off, or stopped by an abort, does not overflow.
sim::Task<void> PageRequestQueue::handle(PageRequestMessage m) {
    co_await sim::delay(write_delay_);
    if (!enabled()) {
        fail(m, PageResponseReason::Disabled);
    } else if (signals_.active(Gerror::PRIQ_ABT_ERR)) {
        fail(m, PageResponseReason::QueueAborted);
    } else if (overflown() || ring().full()) {
        co_await overflow(m);
    } else {
        writing_ = true;
        co_await write(m);
        writing_ = false;
        written_.notify_all();
    }
}

/// MODEL: aborts are synchronous (8.2), so PROD never passes an entry that was not written.
sim::Task<void> PageRequestQueue::write(PageRequestMessage m) {
    const Ring r = ring();
    const Spa queue = regs_.get(PriqBase::ADDR).align_down(std::max<u64>(32, page_request_bytes << r.log2size));
    auto bytes = make_record(m, id_).to_bytes();
    memory::Request request{queue + r.prod_index() * page_request_bytes, bytes.data(), page_request_bytes, true};
    request.origin.purpose = memory::Purpose::QueueWrite;
    if (co_await memory_.transport(request) != memory::Status::Ok) {
        signals_.raise(Gerror::PRIQ_ABT_ERR);
        fail(m, PageResponseReason::QueueAborted);
        co_return;
    }
    const bool was_empty = ring().empty(); // software may have consumed meanwhile
    regs_.set(PriqProd::WR, ring().next(regs_.get(PriqProd::WR)));
    events_.emit(PageRequestRecorded{unit_, m.bond, m.stream, m.at.align_down(page_size), m.group, m.last, is_stop_marker(m)});
    level();
    if (regs_.get(PriqIrqCfg2::LO) ? m.last : was_empty) signals_.page_request_interrupt();
}

/// 8.1: the message is lost, and stays so though there may be room again, until software has acknowledged the overflow.
/// The last request of a group is answered for all of it.
sim::Task<void> PageRequestQueue::overflow(PageRequestMessage m) {
    if (!overflown()) regs_.set(PriqProd::OVFLG, !regs_.get(PriqProd::OVFLG));
    events_.emit(PageRequestDropped{queue_name_, m.bond, m.stream, m.at.align_down(page_size), m.group, m.last,
                                    is_stop_marker(m), false});
    if (regs_.get(PriqIrqCfg2::LO) && m.last) signals_.page_request_interrupt(); // 6.3.36
    if (!m.last || is_stop_marker(m)) co_return;
    bool with_pasid = m.has_pasid;
    if (m.has_pasid && !id_.idr3.get(Idr3::PPS)) {
        const std::optional<bool> ppar = co_await find_ppar(m);
        if (!ppar) {
            fail(m, PageResponseReason::Overflow);
            co_return;
        }
        with_pasid = *ppar;
    }
    const Pasid pasid = with_pasid ? m.pasid : Pasid{0};
    requests_.send({m.stream, with_pasid, pasid, m.group, PageResponseCode::Success}, PageResponseReason::Overflow);
}

/// Whether the stream wants its PASID in the response; nothing if there is no legal stream table entry to ask.
/// MODEL: read from memory each time, not from the configuration cache, which keeps contexts and not entries.
sim::Task<std::optional<bool>> PageRequestQueue::find_ppar(PageRequestMessage m) {
    const ContextResolver::SteOrFault found = co_await resolver_.legal_ste(question(m));
    if (const auto* refused = std::get_if<ContextOutcome>(&found)) {
        record_lookup_error(m, refused->fault);
        co_return std::nullopt;
    }
    co_return std::get<Ste>(found).get(Ste::PPAR);
}

void PageRequestQueue::record_lookup_error(const PageRequestMessage& m, const Fault& f) {
    const EventId event = event_of(f);
    if (!regs_.get(Cr2::REC_CFG_ATS)) return;
    if (event == EventId::C_BAD_STREAMID && !regs_.get(Cr2::RECINVSID)) return;
    const FaultRaised fact{
        0, m.bond, m.stream, m.has_pasid, m.pasid, m.at, event_names_[raw(event)], raw(event), FaultFate::Recorded};
    sim::start(event_queue_.record(make_record(event, question(m), f), fact));
}

/// 8.2: no PASID, and every request of a group is told, not only the last.
void PageRequestQueue::fail(const PageRequestMessage& m, PageResponseReason why) {
    if (!is_stop_marker(m)) requests_.send({m.stream, false, Pasid{0}, m.group, PageResponseCode::Failure}, why);
}

void PageRequestQueue::respond(const PageGroupResponse& r) {
    if (regs_.get(Cr0Ack::SMMUEN)) requests_.send(r, PageResponseReason::Driver);
}

sim::Task<void> PageRequestQueue::idle() {
    while (writing_) co_await written_.wait();
}

void PageRequestQueue::level() { events_.emit(base::LevelChanged{level_name_, ring().used()}); }

} // namespace quiesce::iommu::smmuv3
