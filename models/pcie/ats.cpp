// SPDX-License-Identifier: Apache-2.0
/// Address translation services through a port: translation requests and invalidate completions up, invalidate requests
/// down (ats.h; facts/iommu-specs.md 4.2).
#include "pcie/function_port.h"

#include "pcie/root_complex.h"

namespace quiesce::pcie {

namespace {

/// A translation is two double words. MODEL: more than most_translations are malformed; the bus says so of more than
/// the read completion boundary has room for. As elsewhere, what is malformed is answered instead of being dropped.
bool well_formed(const Tlp& t) {
    constexpr u32 one = TranslationEntry::byte_count;
    return t.length != 0 && t.length % one == 0 && t.length <= most_translations * one;
}

/// What the IOMMU says of one page, as a completion says it.
sim::Task<CompletionStatus> translate_one(iommu::TranslationPort* iommu, iommu::TranslationRequest question,
                                          TranslationEntry& entry) {
    if (iommu == nullptr) co_return CompletionStatus::UnsupportedRequest;
    auto asked = iommu->translate(question);
    const iommu::Translation t = co_await std::move(asked);
    if (t.ending == iommu::Ending::CompleterAbort) co_return CompletionStatus::CompleterAbort;
    if (t.ending != iommu::Ending::Grant) co_return CompletionStatus::UnsupportedRequest;
    if (t.may.read || t.may.write) entry.set_place(SizedAddress::of(t.to.value(), t.bytes));
    entry.set(TranslationEntry::R, t.may.read).set(TranslationEntry::W, t.may.write);
    entry.set(TranslationEntry::Exe, t.may.execute).set(TranslationEntry::U, t.untranslated_only);
    entry.set(TranslationEntry::Priv, question.privileged && question.has_pasid);
    co_return CompletionStatus::Success;
}

} // namespace

/// The first page decides the status. A later one that has no translation ends the answer: only a first or only entry
/// may say "none" (facts/iommu-specs.md 1.5). MODEL: the pages are looked up one after the other, and an entry is 4 KiB
/// or what one leaf of the tables maps.
sim::Task<TranslationCompletion> answer_translation(iommu::TranslationPort* iommu, iommu::TranslationRequest question,
                                                    unsigned most) {
    TranslationCompletion answer;
    u64 left = most * page_size;
    question.at = question.at.align_down(page_size); // 10.2.2: the bits below are no part of the address
    question.bytes = TranslationEntry::byte_count;
    for (;;) {
        TranslationEntry entry;
        auto one = translate_one(iommu, question, entry);
        const CompletionStatus status = co_await std::move(one);
        const bool given =
            status == CompletionStatus::Success && (entry.get(TranslationEntry::R) || entry.get(TranslationEntry::W));
        if (answer.entries.empty())
            answer.status = status;
        else if (!given)
            break;
        answer.entries.push_back(entry);
        if (!given) break;
        const u64 bytes = entry.place().bytes(); // 0: everything
        const u64 given_here = bytes - (question.at.value() & (bytes - 1));
        const bool at_the_end = bytes == 0 || given_here > ~question.at.value();
        if (at_the_end || given_here >= left) break;
        left -= given_here;
        question.at += given_here;
    }
    co_return answer;
}

sim::Task<TranslationCompletion> FunctionPort::request_translation(Tlp tlp, Tag tag) {
    tlp.at = iommu::AddressType::TranslationRequest;
    co_await endpoint_.issue.pass(false);
    auto way = go_up(tlp, 0);
    Ascent up = co_await std::move(way);
    if (up.how != Arrival::Whole) {
        auto over = time_out(tlp, up.left);
        co_await std::move(over);
        tag.release();
        co_return TranslationCompletion{CompletionStatus::TimedOut, {}};
    }
    ++counts_.translations;
    co_await ingress_.pass();
    TranslationCompletion answer{CompletionStatus::UnsupportedRequest, {}};
    if (well_formed(tlp)) {
        auto asked = answer_translation(rc_.iommu(), question(tlp), tlp.length / TranslationEntry::byte_count);
        answer = co_await std::move(asked);
    } else {
        aborted(tlp, AbortReason::Malformed);
    }
    up.room.release();
    if (answer.status != CompletionStatus::Success) answer.entries.clear();
    co_await egress_.pass();
    Arrival how = Arrival::Whole;
    const Tlp last =
        begin_answer(tlp, answer.status, static_cast<u32>(answer.entries.size() * TranslationEntry::byte_count),
                     reinterpret_cast<const std::byte*>(answer.entries.data()), up.life, how);
    TransmitQueue::Credit there;
    auto back = down_from_root(last, last.length, up.life, there);
    const Arrival of_last = co_await std::move(back);
    there.release();
    how = worse(how, of_last);
    if (how != Arrival::Whole) {
        answer = {how == Arrival::Poisoned ? CompletionStatus::Poisoned : CompletionStatus::TimedOut, {}};
        auto over = time_out(tlp, up.left);
        if (how != Arrival::Poisoned) co_await std::move(over);
    }
    tag.release();
    co_return answer;
}

Tlp FunctionPort::invalidate_message(const iommu::AtcInvalidation& what, unsigned itag) const {
    Tlp t;
    t.kind = TlpKind::Message;
    t.message = MessageCode::InvalidateRequest;
    t.device = device_;
    t.completer = requester_;
    t.tag = static_cast<u16>(itag);
    t.has_pasid = what.has_pasid;
    t.pasid = what.pasid;
    t.length = InvalidateBody::byte_count;
    t.address = what.everything ? 0 : what.range.first.value();
    return t;
}

sim::Task<iommu::AtcAnswer> FunctionPort::invalidate(iommu::AtcInvalidation what) {
    const sim::Lease place = co_await itag_places_.acquire();
    unsigned itag = 0;
    while (invalidations_[itag].open) ++itag;
    Invalidation& mine = invalidations_[itag];
    mine.open = true;
    mine.completions = 0;
    mine.over.reset();
    ++counts_.invalidations;
    const sim::Time asked = sim::now();
    Tlp message = invalidate_message(what, itag);
    InvalidateRequest request{itag, what.has_pasid, what.pasid, {}};
    request.body.set_place(SizedAddress::of(message.address, what.everything ? 0 : what.range.bytes));
    request.body.set(InvalidateBody::G, what.global);
    message.data = reinterpret_cast<const std::byte*>(&request.body);
    auto sent = message_down(message);
    const bool arrived = co_await std::move(sent);
    iommu::AtcAnswer answer = iommu::AtcAnswer::Unsupported;
    if (!arrived || endpoint_.invalidate(request)) { // one that is lost is waited for all the same
        const bool answered = co_await mine.over.wait_for(invalidate_timeout_);
        answer = answered ? iommu::AtcAnswer::Completed : iommu::AtcAnswer::TimedOut;
        counts_.invalidations_timed_out += !answered;
    }
    if (rc_.events().wants<InvalidationAnswered>())
        rc_.events().emit(InvalidationAnswered{device_, static_cast<u8>(itag), what.has_pasid, what.pasid,
                                               what.everything, what.range.first, what.range.bytes, asked, answer,
                                               link_.name(), what.unit, what.sequence});
    mine.open = false; // MODEL: the tag is free again after a time-out; what comes late is stray
    co_return answer;
}

sim::Task<void> FunctionPort::complete_invalidation(Tlp message, InvalidateCompletion body) {
    message.kind = TlpKind::Message;
    message.message = MessageCode::InvalidateCompletion;
    message.device = device_;
    message.address = body.word(0);
    auto sent = message_up(message);
    const Message m = co_await std::move(sent);
    if (!m.there) co_return;
    order_.commit(m.ticket);
    for (unsigned itag = 0; itag < itags; ++itag) {
        if ((body.get(InvalidateCompletion::ITagVector) >> itag & 1) == 0) continue;
        Invalidation& i = invalidations_[itag];
        if (!i.open) {
            ++counts_.stray_completions;
            rc_.tell_stray_completion(stream_);
        } else if (++i.completions >= body.count())
            i.over.set();
    }
}

} // namespace quiesce::pcie
