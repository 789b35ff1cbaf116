// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/stalls.h"

namespace quiesce::iommu::smmuv3 {

void Stalls::Held::release_tag() {
    if (!has_tag()) return;
    owner.by_stag_[ticket.stag] = nullptr;
    owner.free_stags_.push(ticket.stag);
    ticket = {};
}

Stalls::Stalls(base::Name unit, base::EventBus& events, const InvalidationEngine& invalidations,
               EventQueue& event_queue, const Identity& id)
    : unit_(unit), events_(events), invalidations_(invalidations), event_queue_(event_queue),
      by_stag_(id.idr0.get(Idr0::STALL_MODEL) == StallModel::NoStall ? 0 : id.idr5.get(Idr5::STALL_MAX)) {
    for (std::size_t stag = 0; stag < by_stag_.size(); ++stag) free_stags_.push(static_cast<u16>(stag));
}

sim::Task<Ending> Stalls::hold(const TranslationRequest& r, Tag who, Tag what, TranslationFault record,
                               FaultRaised fact) {
    Held me{*this, r, who, what, record, fact};
    const bool at_once = !free_stags_.empty(); // nobody waits for a tag while one is free
    if (at_once)
        tag(me);
    else
        waiting_.push_back(me);
    events_.emit(TransactionStalled{unit_, r.transaction, r.bond, r.stream, r.has_pasid, r.pasid, r.at, at_once,
                                    me.ticket.stag});
    co_await me.over.wait();
    co_return me.ending;
}

/// The oldest free STAG, so that a late CMD_RESUME rarely names somebody else's transaction.
void Stalls::tag(Held& h) {
    h.ticket = {free_stags_.pop(), ++serials_};
    by_stag_[h.ticket.stag] = &h;
    tagged_.push_back(h);
    h.record.set(TranslationFault::Stall, true).set(TranslationFault::STAG, h.ticket.stag);
    event_queue_.record_stall(as_event(h.record), h.fact, *this, h.ticket);
}

Stalls::Held* Stalls::find(StallTicket ticket) const {
    Held* h = by_stag_[ticket.stag];
    return h != nullptr && h->ticket.serial == ticket.serial ? h : nullptr;
}

/// 4.7.3: what is recorded after a CMD_SYNC must not come from what was invalidated before it.
bool Stalls::outdated(const Held& h) const {
    return invalidations_.overtaken(h.since, h.who) || invalidations_.overtaken(h.since, h.what);
}

bool Stalls::wants_record(StallTicket ticket, bool waited) {
    Held* h = find(ticket);
    if (h == nullptr) return false;
    if (!waited || !outdated(*h)) return true;
    resolve(*h, StallResolution::Retried, StallResolver::Invalidation);
    hand_on_tags();
    return false;
}

void Stalls::recorded(StallTicket ticket, FaultFate fate) {
    Held* h = find(ticket);
    if (h == nullptr) return;
    h->recorded = fate == FaultFate::Recorded;
    if (h->recorded)
        events_.emit(StallRecorded{unit_, h->r.transaction, h->r.bond, h->r.stream, h->r.at, ticket.stag});
}

void Stalls::resolve(Held& h, StallResolution how, StallResolver by) {
    const u16 tag = h.ticket.stag;
    h.unlink();
    h.release_tag();
    if (how == StallResolution::Retried)
        h.ending = Ending::Grant;
    else
        h.ending = how == StallResolution::Aborted ? Ending::Abort : Ending::ReadZero;
    events_.emit(StallResolved{unit_, h.r.transaction, h.r.bond, h.r.stream, h.r.pasid, h.recorded, tag, how, by});
    h.over.set();
}

void Stalls::hand_on_tags() {
    while (!free_stags_.empty() && !waiting_.empty()) {
        Held& next = waiting_.front();
        if (outdated(next)) {
            resolve(next, StallResolution::Retried, StallResolver::Invalidation);
        } else {
            next.unlink();
            tag(next);
        }
    }
}

void Stalls::carry_out(const StallCommand& c) {
    if (c.whole_stream) {
        terminate(waiting_, &c.stream, StallResolver::StreamTermination);
        terminate(tagged_, &c.stream, StallResolver::StreamTermination);
    } else {
        Held* h = c.stag < by_stag_.size() ? by_stag_[c.stag] : nullptr;
        if (h == nullptr || h->r.stream != c.stream || !h->recorded)
            return events_.emit(StallAnswerIgnored{unit_, c.stream, c.stag});
        const StallResolution end = c.abort ? StallResolution::Aborted : StallResolution::ReadZero;
        resolve(*h, c.retry ? StallResolution::Retried : end, StallResolver::Resume);
    }
    hand_on_tags();
}

void Stalls::terminate_all() {
    terminate(waiting_, nullptr, StallResolver::UnitDisabled);
    terminate(tagged_, nullptr, StallResolver::UnitDisabled);
}

void Stalls::terminate(List& list, const StreamId* stream, StallResolver by) {
    for (auto at = list.begin(); at != list.end();) {
        Held& h = *at++;
        if (stream == nullptr || h.r.stream == *stream) resolve(h, StallResolution::Aborted, by);
    }
}

} // namespace quiesce::iommu::smmuv3
