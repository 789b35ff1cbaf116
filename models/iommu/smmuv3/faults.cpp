// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/faults.h"

#include "base/facts.h"

#include <algorithm>
#include <array>

namespace quiesce::iommu::smmuv3 {
namespace {

// clang-format off
/// What 7.3 leaves to an implementation and this one never writes says why.
constexpr EventRow event_table[] = {
    {EventId::F_UUT,              "F_UUT",              "7.3.2",  RecordForm::Other,
     "for what a bus can say and the unit cannot take; requesters here say nothing else than it takes"},
    {EventId::C_BAD_STREAMID,     "C_BAD_STREAMID",     "7.3.3",  RecordForm::Plain},
    {EventId::F_STE_FETCH,        "F_STE_FETCH",        "7.3.4",  RecordForm::Fetch},
    {EventId::C_BAD_STE,          "C_BAD_STE",          "7.3.5",  RecordForm::Plain},
    {EventId::F_BAD_ATS_TREQ,     "F_BAD_ATS_TREQ",     "7.3.6",  RecordForm::AtsRequest},
    {EventId::F_STREAM_DISABLED,  "F_STREAM_DISABLED",  "7.3.7",  RecordForm::StreamOnly},
    {EventId::F_TRANSL_FORBIDDEN, "F_TRANSL_FORBIDDEN", "7.3.8",  RecordForm::Forbidden},
    {EventId::C_BAD_SUBSTREAMID,  "C_BAD_SUBSTREAMID",  "7.3.9",  RecordForm::Substream},
    {EventId::F_CD_FETCH,         "F_CD_FETCH",         "7.3.10", RecordForm::Fetch},
    {EventId::C_BAD_CD,           "C_BAD_CD",           "7.3.11", RecordForm::Plain},
    {EventId::F_WALK_EABT,        "F_WALK_EABT",        "7.3.12", RecordForm::WalkAbort},
    {EventId::F_TRANSLATION,      "F_TRANSLATION",      "7.3.13", RecordForm::Translation},
    {EventId::F_ADDR_SIZE,        "F_ADDR_SIZE",        "7.3.14", RecordForm::Translation},
    {EventId::F_ACCESS,           "F_ACCESS",           "7.3.15", RecordForm::Translation},
    {EventId::F_PERMISSION,       "F_PERMISSION",       "7.3.16", RecordForm::Translation},
    {EventId::F_TLB_CONFLICT,     "F_TLB_CONFLICT",     "7.3.17", RecordForm::Conflict},
    {EventId::F_CFG_CONFLICT,     "F_CFG_CONFLICT",     "7.3.18", RecordForm::Other,
     "a structure is cached for one stream and substream at a time (STE.CONT is not taken), so entries do not overlap"},
    {EventId::E_PAGE_REQUEST,     "E_PAGE_REQUEST",     "7.3.19", RecordForm::Other,
     "a hint of a unit that fetches pages speculatively, which this one does not"},
    {EventId::F_VMS_FETCH,        "F_VMS_FETCH",        "7.3.20", RecordForm::Other,
     "no Virtual Machine Structures: IDR3.MPAM is 0"},
};
// clang-format on

/// The first word, with the SubstreamID where the transaction had one.
EventRecord header(EventId id, const TranslationRequest& r, bool with_substream) {
    EventRecord e;
    e.set(EventRecord::ID, id).set(EventRecord::SID, r.stream);
    if (with_substream && r.has_pasid)
        e.set(EventRecord::SSV, true).set(EventRecord::SSID, Pasid{raw(r.pasid) & 0xf'ffff});
    return e;
}
/// 7.3: InD is 0 for writes.
/// RnW. MODEL: an AtomicOp that faults is recorded as the write that it also is.
bool reads(const TranslationRequest& r) { return r.access == Access::Read; }

FetchFault fetch_record(const EventRecord& head, const Fault& f) {
    return view_as<FetchFault>(head).set(FetchFault::FetchAddr,
                                         Spa{f.fetch_address.value() & FetchFault::FetchAddr.mask(3)});
}
/// What an address was needed for when stage 2 met the fault. Stage 1 faults are of the input address, whichever level
/// found them.
FaultClass class_of(const Fault& f) {
    static constexpr FaultClass by_use[] = {FaultClass::Cd, FaultClass::Table, FaultClass::Input};
    return f.second_stage ? by_use[static_cast<unsigned>(f.use)] : FaultClass::Input;
}
WalkAbort walk_record(const EventRecord& head, const TranslationRequest& r, const Fault& f) {
    WalkAbort e = view_as<WalkAbort>(head);
    e.set(WalkAbort::PnU, r.privileged).set(WalkAbort::InD, r.instruction && reads(r)).set(WalkAbort::RnW, reads(r));
    e.set(WalkAbort::S2, f.second_stage).set(WalkAbort::CLASS, f.second_stage ? class_of(f) : FaultClass::Table);
    e.set(WalkAbort::InputAddr, r.at);
    return e.set(WalkAbort::FetchAddr, Spa{f.fetch_address.value() & WalkAbort::FetchAddr.mask(3)});
}
/// 7.3.16: TTRnW is 0 where it was the marking of a table entry that stage 2 refused.
TranslationFault translation_record(const EventRecord& head, const TranslationRequest& r, const Fault& f) {
    using E = TranslationFault;
    E e = view_as<E>(head);
    e.set(E::PnU, r.privileged).set(E::InD, r.instruction && reads(r)).set(E::RnW, reads(r));
    e.set(E::CLASS, class_of(f)).set(E::InputAddr, r.at).set(E::S2, f.second_stage);
    if (!f.second_stage) return e;
    e.set(E::TTRnW, f.why == FaultReason::Permission && f.use == Intermediate::Table && !f.marking);
    return e.set(E::IPA, Gpa{f.at.value() & E::IPA.mask(3)});
}

/// 7.3.17; 3.21.1: a violation of break-before-make. The reason is zero.
TlbConflict conflict_record(const EventRecord& head, const TranslationRequest& r, const Fault& f) {
    using E = TlbConflict;
    E e = view_as<E>(head);
    e.set(E::PnU, r.privileged).set(E::InD, r.instruction && reads(r)).set(E::RnW, reads(r));
    e.set(E::InputAddr, r.at).set(E::S2, f.second_stage);
    return f.second_stage ? e.set(E::IPA, Gpa{f.at.value() & E::IPA.mask(3)}) : e;
}
/// R is 1 in every request, W is its NW flag's opposite. MODEL: pages are asked for one by one, so Span is 1.
BadAtsRequest ats_record(const EventRecord& head, const TranslationRequest& r) {
    using E = BadAtsRequest;
    E e = view_as<E>(head);
    e.set(E::Span, 1).set(E::R, true).set(E::W, !r.no_write).set(E::X, r.instruction).set(E::Priv, r.privileged);
    return e.set(E::InputAddr, r.at.align_down(page_size));
}

} // namespace

std::span<const EventRow> event_rows() { return event_table; }
const EventRow& event_row(EventId id) {
    return *std::find_if(std::begin(event_table), std::end(event_table), [&](const EventRow& row) { return row.id == id; });
}

EventId event_of(const Fault& f) {
    static constexpr EventId by_reason[] = {EventId::F_TRANSLATION, EventId::F_ADDR_SIZE,        EventId::F_ACCESS,
                                            EventId::F_PERMISSION,  EventId::F_TRANSL_FORBIDDEN,
                                            EventId::F_TLB_CONFLICT, EventId::F_WALK_EABT};
    static_assert(static_cast<unsigned>(FaultReason::WalkAbort) + 1 == std::size(by_reason));
    return f.why == FaultReason::Configuration ? static_cast<EventId>(f.code) : by_reason[static_cast<unsigned>(f.why)];
}

EventRecord make_record(EventId id, const TranslationRequest& r, const Fault& f) {
    const RecordForm form = event_row(id).form;
    // 7.3.7: StreamID alone. 3.9.1: without IDR3.PASIDTT a translated access has no substream.
    const EventRecord head = header(id, r, form != RecordForm::StreamOnly && form != RecordForm::Forbidden);
    switch (form) {
    case RecordForm::Substream:
        return EventRecord{head}.set(EventRecord::SSV, false); // 7.3.9: always valid, bit 11 is RES0
    case RecordForm::Fetch: return as_event(fetch_record(head, f));
    case RecordForm::WalkAbort: return as_event(walk_record(head, r, f));
    case RecordForm::Translation: return as_event(translation_record(head, r, f));
    case RecordForm::Forbidden:
        return as_event(view_as<TranslatedForbidden>(head)
                            .set(TranslatedForbidden::RnW, reads(r))
                            .set(TranslatedForbidden::InputAddr, r.at));
    case RecordForm::AtsRequest: return as_event(ats_record(head, r));
    case RecordForm::Conflict: return as_event(conflict_record(head, r, f));
    case RecordForm::Plain:
    case RecordForm::StreamOnly:
    case RecordForm::Other: break;
    }
    return head;
}

/// Where the address is one of a page already, as in F_BAD_ATS_TREQ, there is nothing to leave out.
bool alike(const EventRecord& a, const EventRecord& b) {
    const RecordForm form = event_row(a.get(EventRecord::ID)).form;
    const bool has_offset =
        form == RecordForm::Translation || form == RecordForm::WalkAbort || form == RecordForm::Forbidden;
    constexpr unsigned address = TranslationFault::InputAddr.lsb() / 64;
    static_assert(WalkAbort::InputAddr.lsb() == 64 * address && TranslatedForbidden::InputAddr.lsb() == 64 * address);
    for (unsigned word = 0; word < event_bytes / 8; ++word) {
        const u64 seen = has_offset && word == address ? ~(page_size - 1) : ~u64{0};
        if (((a.word(word) ^ b.word(word)) & seen) != 0) return false;
    }
    return true;
}
bool merged_unasked(EventId id) {
    return id == EventId::F_UUT || id == EventId::C_BAD_STREAMID || id == EventId::F_STE_FETCH ||
           id == EventId::C_BAD_STE;
}

EventQueue::EventQueue(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                       Signals& signals, const Identity& id, const Smmuv3Config& config)
    : level_name_(std::string(unit.text()) + ".evtq.depth"), events_(events), regs_(regs), memory_(memory),
      signals_(signals), max_log2_(static_cast<unsigned>(id.idr1.get(Idr1::EVENTQS))),
      write_delay_(config.event_write.get()), merges_(config.event_merge.get()), buffers_(config.event_buffers.get()) {}

EventQueue::Ring EventQueue::ring() const {
    const u64 log2size = regs_.get(EventqBase::LOG2SIZE);
    return {static_cast<u32>(std::min<u64>(log2size, max_log2_)), regs_.get(EventqProd::WR), regs_.get(EventqCons::RD)};
}

sim::Task<void> EventQueue::record(EventRecord record, FaultRaised fact, Merging merging) {
    if (merged(record, fact, merging)) co_return;
    auto buffer = co_await buffers_.acquire();
    if (merged(record, fact, merging)) co_return; // one like it was ahead of it in the line for a buffer
    take({record, fact, std::move(buffer)});
}

/// 7.3.1: only with one that is not of a stalled transaction, and not after a significant time: what waits for its
/// write.
bool EventQueue::merged(const EventRecord& record, FaultRaised fact, Merging merging) {
    if (!merges_ || merging == Merging::No) return false;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
        const Pending& earlier = pending_.at(i);
        if (earlier.stall_owner != nullptr || !alike(earlier.record, record)) continue;
        fact.fate = FaultFate::Merged;
        events_.emit(fact);
        return true;
    }
    return false;
}

void EventQueue::record_stall(const EventRecord& record, const FaultRaised& fact, StallOwner& owner,
                              StallTicket ticket) {
    take({record, fact, {}, &owner, ticket});
}

void EventQueue::take(Pending&& record) {
    pending_.push(std::move(record));
    ++taken_;
    if (running_) return;
    running_ = true;
    sim::start(run());
}

bool EventQueue::open() const { return enabled() && !signals_.active(Gerror::EVENTQ_ABT_ERR); }

/// No more than fit go back in line: the others would only find the queue full again.
void EventQueue::retry_stalls() {
    if (!open()) return;
    for (u32 room = ring().free(); room != 0 && !shut_out_.empty(); --room) take(shut_out_.pop());
}

sim::Task<void> EventQueue::run() {
    while (!pending_.empty()) {
        co_await sim::delay(write_delay_);
        Pending next = pending_.pop();
        if (next.stall_owner != nullptr && (!open() || ring().full())) {
            next.waited = true;
            shut_out_.push(std::move(next));
        } else if (next.stall_owner == nullptr || next.stall_owner->wants_record(next.ticket, next.waited)) {
            co_await finish(std::move(next));
        } else {
            retry_stalls(); // the room that was left for this one is free
        }
        ++finished_;
        progress_.notify_all();
    }
    running_ = false;
}

sim::Task<void> EventQueue::finish(Pending next) {
    next.fact.fate = co_await write(next.record);
    events_.emit(next.fact);
    if (next.stall_owner != nullptr) next.stall_owner->recorded(next.ticket, next.fact.fate);
}

sim::Task<FaultFate> EventQueue::write(const EventRecord& record) {
    // 7.2: disabled, or stopped by an abort: gone without an overflow.
    if (!open()) co_return FaultFate::Discarded;
    Ring r = ring();
    if (r.full()) {
        overflow();
        co_return FaultFate::Lost;
    }
    const u64 queue_bytes = event_bytes << r.log2size;
    auto bytes = record.to_bytes();
    memory::Request request{regs_.get(EventqBase::ADDR).align_down(queue_bytes) + r.prod_index() * event_bytes,
                            bytes.data(), event_bytes, true};
    request.origin.purpose = memory::Purpose::QueueWrite;
    if (co_await memory_.transport(request) != memory::Status::Ok) {
        signals_.raise(Gerror::EVENTQ_ABT_ERR);
        co_return FaultFate::Lost;
    }
    const bool was_empty = ring().empty(); // software may have consumed meanwhile
    regs_.set(EventqProd::WR, ring().next(regs_.get(EventqProd::WR)));
    level();
    if (was_empty) signals_.event_queue_interrupt();
    co_return FaultFate::Recorded;
}

/// 7.4: toggled only if the last overflow has been acknowledged.
void EventQueue::overflow() {
    if (regs_.get(EventqProd::OVFLG) == regs_.get(EventqCons::OVACKFLG))
        regs_.set(EventqProd::OVFLG, !regs_.get(EventqProd::OVFLG));
}

sim::Task<void> EventQueue::drained() {
    const u64 upto = taken_;
    while (finished_ < upto) co_await progress_.wait();
}

void EventQueue::consumed() {
    level();
    retry_stalls();
}
void EventQueue::level() { events_.emit(base::LevelChanged{level_name_, ring().used()}); }

} // namespace quiesce::iommu::smmuv3
