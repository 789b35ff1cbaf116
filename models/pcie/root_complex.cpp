// SPDX-License-Identifier: Apache-2.0
#include "pcie/root_complex.h"

namespace quiesce::pcie {
namespace {

base::Name link_name(base::Name port) { return base::Name{std::string(port.text()) + ".link"}; }

/// The completion of `request` that carries `bytes` from `at` on; completions have no PASID prefix.
Tlp completion_of(const Tlp& request, CompletionStatus status, u64 at, u32 bytes) {
    Tlp c = request;
    c.kind = TlpKind::Completion;
    c.status = status;
    c.has_pasid = false;
    c.address = at;
    c.length = bytes;
    return c;
}

iommu::Translation untranslated(const Tlp& t) { return {iommu::Ending::Grant, Spa{t.address}, sim::now(), {}}; }

/// The requester of a link is one: only PASIDs tell its requests apart.
bool orders_by_id(const Tlp& t) { return t.attributes.id_based && t.has_pasid; }

} // namespace

RootPort& RootComplex::attach(base::Name name, DeviceId device, RequesterId requester, EndpointSide& endpoint,
                              const LinkConfig& link) {
    ports_.push_back(std::make_unique<RootPort>(*this, name, device, requester, endpoint, link, config_));
    return *ports_.back();
}

RootPort::RootPort(RootComplex& rc, base::Name name, DeviceId device, RequesterId requester, EndpointSide& endpoint,
                   const LinkConfig& link, const RootComplexConfig& config)
    : rc_(rc), device_(device), requester_(requester), stream_(rc.stream_of(requester)), endpoint_(endpoint),
      link_(rc.events(), link_name(name), link, rc.stages()),
      ingress_(rc.stages().of(config.ingress)), egress_(rc.stages().of(config.egress)),
      mmio_(rc.stages().of(config.mmio)), invalidate_timeout_(config.invalidate_timeout.get()),
      completion_timeout_(config.completion_timeout.get()), refusals_(endpoint.faults) {
    link_.up.inject(endpoint.faults);
    link_.down.inject(endpoint.faults);
    if (const sim::Duration at = endpoint.faults.down_at.get(); at != sim::Duration{})
        sim::spawn(go_down_and_up(at, endpoint.faults.down_for.get()));
}

// ---- a link that does not do what it should ----------------------------------------------------------------------------------

sim::Task<void> RootPort::go_down_and_up(sim::Duration at, sim::Duration length) {
    co_await sim::delay(at);
    set_link(false);
    if (length == sim::Duration{}) co_return;
    co_await sim::delay(length);
    set_link(true);
}

void RootPort::set_link(bool up) {
    if (link_.is_up() == up) return;
    link_.set_up(up);
    if (rc_.events().wants<LinkChanged>()) rc_.events().emit(LinkChanged{link_.name(), device_, up});
    endpoint_.link_changed(up);
    if (link_call_) link_call_(up);
}

/// The endpoint's wait for a completion that does not come. MODEL: an answer that is merely late is taken.
sim::Task<void> RootPort::time_out(const Tlp& request, sim::Time left) {
    co_await sim::until(left + endpoint_.completion_timeout);
    ++counts_.completion_timeouts;
    if (rc_.events().wants<CompletionTimedOut>())
        rc_.events().emit(CompletionTimedOut{device_, request.transaction, request.bond});
}

/// The root port's wait for one; 2.9.1: while the link is down it answers by itself.
sim::Task<void> RootPort::no_answer() {
    if (link_.is_up()) co_await sim::delay(completion_timeout_);
}

/// A posted packet of the endpoint that takes no effect; of one that was lost nobody knows.
void RootPort::lost(const Tlp& t, Arrival how) {
    if (how == Arrival::Malformed) aborted(t, AbortReason::Malformed);
    if (how == Arrival::Poisoned) aborted(t, AbortReason::Poisoned);
}

std::string RootComplex::who_waits() const {
    std::string all;
    for (const auto& port : ports_)
        if (const std::string one = port->who_waits(); !one.empty()) all += (all.empty() ? "" : "; ") + one;
    return all;
}

std::string RootPort::who_waits() {
    const std::string up = link_.up.queue().who_waits(), down = link_.down.queue().who_waits();
    return up + (up.empty() || down.empty() ? "" : "; ") + down;
}

iommu::TranslationRequest RootPort::question(const Tlp& t) const {
    return {.transaction = t.transaction,
            .device = device_,
            .stream = stream_,
            .has_pasid = t.has_pasid,
            .pasid = t.pasid,
            .at = Iova{t.address},
            .bytes = t.length != 0 ? t.length : 1, // a zero-length read is one double word without byte enables
            .access = t.is_write() ? iommu::Access::Write : iommu::Access::Read,
            .privileged = t.privileged,
            .instruction = t.execute,
            .type = t.at,
            .no_write = t.no_write,
            .bond = t.bond};
}

memory::Request RootPort::access(const Tlp& t, std::byte* data, const iommu::Translation& tr, memory::Purpose purpose) const {
    memory::Request r{tr.to, data, t.length, t.is_write(), {}, memory::Status::Ok};
    r.origin.purpose = purpose;
    r.origin.device = device_;
    r.origin.bond = t.bond;
    r.origin.has_pasid = t.has_pasid;
    r.origin.pasid = t.pasid;
    r.origin.aimed_at = t.aimed_at;
    r.origin.transaction = t.transaction;
    r.origin.translated_at = tr.looked_up;
    return r;
}

void RootPort::aborted(const Tlp& t, AbortReason why) {
    ++(t.is_write() ? counts_.dropped_writes : counts_.aborted_reads);
    if (why == AbortReason::Malformed) ++counts_.malformed;
    if (rc_.events().wants<RequestAborted>())
        rc_.events().emit(RequestAborted{t.transaction, device_, t.bond, t.has_pasid, t.pasid, t.aimed_at, t.length,
                                         t.is_write(), why});
}

/// A granted read with bytes goes to memory; this is the answer to every other one.
Completion RootPort::without_memory(const Tlp& t, iommu::Ending ending, std::byte* into) {
    if (ending == iommu::Ending::Abort) {
        aborted(t, AbortReason::Translation);
        return {CompletionStatus::UnsupportedRequest};
    }
    if (ending != iommu::Ending::ReadZero) return {};
    if (t.length != 0) std::memset(into, 0, t.length);
    return {CompletionStatus::Success, true};
}

/// All parts of an answer are ready at once and leave one after the other; only the last one's arrival ends the read.
sim::Task<void> RootPort::complete_part(Tlp completion) {
    const auto room = co_await link_.down.enter(completion, completion.length);
    co_await link_.down.leave(completion, completion.length);
    link_.down.left(completion, completion.length);
    if (room.held()) co_await link_.down.travel();
}

/// -> the last completion of an answer of `bytes`; those before it, if any, get under way.
Tlp RootPort::begin_answer(const Tlp& request, CompletionStatus status, u32 bytes) {
    u64 at = request.address;
    for (;;) {
        const u32 part = bytes == 0 ? 0 : link_.completion_bytes(at, bytes);
        if (part == bytes) return completion_of(request, status, at, part);
        sim::start(complete_part(completion_of(request, status, at, part)));
        at += part;
        bytes -= part;
    }
}

sim::Task<void> RootPort::read(Tlp tlp, std::byte* into, Tag tag, Requester& who) {
    co_await endpoint_.issue.pass(false);
    auto room = co_await link_.up.enter(tlp, 0);
    const u64 life = link_.up.life();
    co_await link_.up.leave(tlp, 0);
    link_.up.left(tlp, 0);
    const sim::Time left = sim::now();
    co_await link_.up.travel();
    if (link_.up.arrival(tlp, life) != Arrival::Whole) [[unlikely]] {
        room.release();
        auto over = time_out(tlp, left);
        co_await std::move(over);
        tag.release();
        co_return who.completed(tlp, {CompletionStatus::TimedOut});
    }

    const u64 behind = order_.behind(), strict = order_.strict();
    Prefix* const own = orders_by_id(tlp) ? &order_.of(tlp.pasid) : nullptr;
    const u64 own_behind = own != nullptr ? own->next() : 0;
    ++counts_.reads;
    co_await ingress_.pass();
    Completion answer;
    if (tlp.crosses_page()) {
        room.release();
        aborted(tlp, AbortReason::Malformed);
        answer.status = CompletionStatus::UnsupportedRequest;
    } else {
        iommu::Translation t = untranslated(tlp);
        if (rc_.iommu() != nullptr) {
            auto asked = rc_.iommu()->translate(question(tlp));
            t = co_await std::move(asked);
        }
        co_await order_.handed_over_before(own != nullptr ? strict : behind);
        if (own != nullptr) co_await own->until(own_behind);
        room.release();
        if (refusals_.any()) [[unlikely]] answer.status = refusals_.next();
        if (!answer.ok()) {
            aborted(tlp, AbortReason::Refused);
        } else if (t.ending == iommu::Ending::Grant && tlp.length != 0) {
            memory::Request r = access(tlp, into, t, memory::Purpose::Dma);
            if (co_await rc_.memory().transport(r) != memory::Status::Ok) {
                aborted(tlp, AbortReason::Memory);
                answer.status = CompletionStatus::CompleterAbort;
            }
        } else {
            answer = without_memory(tlp, t.ending, into);
        }
        // A zero-length read asks for nothing but the order, so it gets its answer when the writes before it have landed, also
        // when it was not granted itself.
        if (tlp.length == 0) co_await order_.committed_before(behind);
    }

    co_await egress_.pass();
    const Tlp last = begin_answer(tlp, answer.status, answer.ok() ? tlp.length : 0);
    auto there = co_await link_.down.enter(last, last.length);
    co_await link_.down.leave(last, last.length);
    link_.down.left(last, last.length);
    co_await link_.down.travel();
    there.release();
    if (const Arrival how = link_.down.arrival(last, life); how != Arrival::Whole) [[unlikely]] {
        answer.status = how == Arrival::Poisoned ? CompletionStatus::Poisoned : CompletionStatus::TimedOut;
        auto over = time_out(tlp, left);
        if (how != Arrival::Poisoned) co_await std::move(over);
    }
    if (endpoint_.copies() && answer.ok()) co_await endpoint_.copy(tlp.length);
    tag.release();
    who.completed(tlp, answer);
}

sim::Task<void> RootPort::write(Tlp tlp, Payload data, Requester* who) {
    co_await endpoint_.issue.pass(true);
    const auto room = co_await link_.up.enter(tlp, tlp.length);
    const u64 life = link_.up.life();
    co_await link_.up.leave(tlp, tlp.length);
    link_.up.left(tlp, tlp.length);
    if (who != nullptr) who->left(tlp);
    co_await link_.up.travel();
    if (const Arrival how = link_.up.arrival(tlp, life); how != Arrival::Whole) [[unlikely]] co_return lost(tlp, how);

    const u64 strict = order_.strict();
    Prefix* const own = orders_by_id(tlp) ? &order_.of(tlp.pasid) : nullptr;
    const u64 ticket = own != nullptr ? order_.arrive_by_id() : order_.arrive();
    const u64 own_ticket = own != nullptr ? own->open() : 0;
    const bool message = rc_.is_message(tlp.address);
    ++(message ? counts_.messages : counts_.writes);
    co_await ingress_.pass();
    iommu::Translation t = untranslated(tlp);
    const bool malformed = tlp.crosses_page();
    if (malformed) {
        t.ending = iommu::Ending::Abort;
    } else if (rc_.iommu() != nullptr && !message) {
        auto asked = rc_.iommu()->translate(question(tlp));
        t = co_await std::move(asked);
    }
    if (!tlp.attributes.relaxed) co_await order_.handed_over_before(own != nullptr ? strict : ticket);
    if (!tlp.attributes.relaxed && own != nullptr) co_await own->until(own_ticket);
    order_.hand_over(ticket);
    if (own != nullptr) own->end(own_ticket);
    if (t.ending == iommu::Ending::Grant) {
        memory::Request r = access(tlp, data.data(), t, message ? memory::Purpose::Msi : memory::Purpose::Dma);
        if (co_await rc_.memory().transport(r) != memory::Status::Ok) aborted(tlp, AbortReason::Memory);
    } else if (t.ending == iommu::Ending::Abort) {
        aborted(tlp, malformed ? AbortReason::Malformed : AbortReason::Translation);
    }
    t.in_flight.end();
    order_.commit(ticket);
}

// ---- address translation services (facts/iommu-specs.md 4.2)
// --------------------------------------------------------------

sim::Task<iommu::AtcAnswer> RootComplex::invalidate(iommu::AtcInvalidation what) {
    for (const auto& port : ports_) {
        if (port->stream() != what.stream) continue;
        auto asked = port->invalidate(what);
        const iommu::AtcAnswer answer = co_await std::move(asked);
        co_return answer;
    }
    co_return iommu::AtcAnswer::Unsupported;
}

/// What the IOMMU says of one page, as a completion says it.
sim::Task<CompletionStatus> RootPort::translate_one(Tlp tlp, TranslationEntry& entry) {
    if (rc_.iommu() == nullptr) co_return CompletionStatus::UnsupportedRequest;
    auto asked = rc_.iommu()->translate(question(tlp));
    const iommu::Translation t = co_await std::move(asked);
    if (t.ending == iommu::Ending::CompleterAbort) co_return CompletionStatus::CompleterAbort;
    if (t.ending != iommu::Ending::Grant) co_return CompletionStatus::UnsupportedRequest;
    if (t.may.read || t.may.write) entry.set_place(SizedAddress::of(t.to.value(), t.bytes));
    entry.set(TranslationEntry::R, t.may.read).set(TranslationEntry::W, t.may.write);
    entry.set(TranslationEntry::Exe, t.may.execute).set(TranslationEntry::U, t.untranslated_only);
    entry.set(TranslationEntry::Priv, tlp.privileged && tlp.has_pasid);
    co_return CompletionStatus::Success;
}

/// The first page decides the status. A later one that has no translation ends the answer: only a first or only entry
/// may say "none" (facts/iommu-specs.md 1.5). MODEL: the pages are looked up one after the other, and an entry is 4 KiB
/// or what one leaf of the tables maps.
sim::Task<TranslationCompletion> RootPort::answer_translation(Tlp tlp) {
    TranslationCompletion answer;
    const u64 end = tlp.address + tlp.length / TranslationEntry::byte_count * page_size;
    tlp.length = TranslationEntry::byte_count;
    while (tlp.address < end) {
        TranslationEntry entry;
        auto one = translate_one(tlp, entry);
        const CompletionStatus status = co_await std::move(one);
        const bool given =
            status == CompletionStatus::Success && (entry.get(TranslationEntry::R) || entry.get(TranslationEntry::W));
        if (answer.entries.empty())
            answer.status = status;
        else if (!given)
            break;
        answer.entries.push_back(entry);
        if (!given) break;
        const u64 bytes = entry.place().bytes();
        tlp.address = (tlp.address & ~(bytes - 1)) + bytes;
        tlp.aimed_at = Iova{tlp.address};
    }
    co_return answer;
}

sim::Task<TranslationCompletion> RootPort::request_translation(Tlp tlp, Tag tag) {
    tlp.at = iommu::AddressType::TranslationRequest;
    co_await endpoint_.issue.pass(false);
    auto room = co_await link_.up.enter(tlp, 0);
    const u64 life = link_.up.life();
    co_await link_.up.leave(tlp, 0);
    link_.up.left(tlp, 0);
    const sim::Time left = sim::now();
    co_await link_.up.travel();
    if (link_.up.arrival(tlp, life) != Arrival::Whole) {
        room.release();
        auto over = time_out(tlp, left);
        co_await std::move(over);
        tag.release();
        co_return TranslationCompletion{CompletionStatus::TimedOut, {}};
    }
    ++counts_.translations;
    co_await ingress_.pass();
    auto asked = answer_translation(tlp);
    TranslationCompletion answer = co_await std::move(asked);
    room.release();
    if (answer.status != CompletionStatus::Success) answer.entries.clear();
    co_await egress_.pass();
    const Tlp last =
        begin_answer(tlp, answer.status, static_cast<u32>(answer.entries.size() * TranslationEntry::byte_count));
    auto there = co_await link_.down.enter(last, last.length);
    co_await link_.down.leave(last, last.length);
    link_.down.left(last, last.length);
    co_await link_.down.travel();
    there.release();
    if (const Arrival how = link_.down.arrival(last, life); how != Arrival::Whole) {
        answer = {how == Arrival::Poisoned ? CompletionStatus::Poisoned : CompletionStatus::TimedOut, {}};
        auto over = time_out(tlp, left);
        if (how != Arrival::Poisoned) co_await std::move(over);
    }
    tag.release();
    co_return answer;
}

Tlp RootPort::invalidate_message(const iommu::AtcInvalidation& what, unsigned itag) const {
    Tlp t;
    t.kind = TlpKind::Message;
    t.device = device_;
    t.tag = static_cast<u16>(itag);
    t.has_pasid = what.has_pasid;
    t.pasid = what.pasid;
    t.length = InvalidateBody::byte_count;
    t.address = what.everything ? 0 : what.range.first.value();
    return t;
}

sim::Task<iommu::AtcAnswer> RootPort::invalidate(iommu::AtcInvalidation what) {
    const sim::Lease place = co_await itag_places_.acquire();
    unsigned itag = 0;
    while (invalidations_[itag].open) ++itag;
    Invalidation& mine = invalidations_[itag];
    mine.open = true;
    mine.completions = 0;
    mine.over.reset();
    ++counts_.invalidations;
    const Tlp message = invalidate_message(what, itag);
    co_await egress_.pass();
    auto room = co_await link_.down.enter(message, message.length);
    const u64 life = link_.down.life();
    co_await link_.down.leave(message, message.length);
    link_.down.left(message, message.length);
    co_await link_.down.travel();
    room.release();
    const bool arrived = link_.down.arrival(message, life) == Arrival::Whole;
    InvalidateRequest request{itag, what.has_pasid, what.pasid, {}};
    request.body.set_place(SizedAddress::of(message.address, what.everything ? 0 : what.range.bytes));
    request.body.set(InvalidateBody::G, what.global);
    iommu::AtcAnswer answer = iommu::AtcAnswer::Unsupported;
    if (!arrived || endpoint_.invalidate(request)) { // one that is lost is waited for all the same
        const bool answered = co_await mine.over.wait_for(invalidate_timeout_);
        answer = answered ? iommu::AtcAnswer::Completed : iommu::AtcAnswer::TimedOut;
        counts_.invalidations_timed_out += !answered;
    }
    mine.open = false; // MODEL: the tag is free again after a time-out; what comes late is stray
    co_return answer;
}

sim::Task<void> RootPort::complete_invalidation(Tlp message, InvalidateCompletion body) {
    message.kind = TlpKind::Message;
    message.device = device_;
    co_await endpoint_.issue.pass(true);
    const auto room = co_await link_.up.enter(message, 0);
    const u64 life = link_.up.life();
    co_await link_.up.leave(message, 0);
    link_.up.left(message, 0);
    co_await link_.up.travel();
    if (link_.up.arrival(message, life) != Arrival::Whole) co_return;
    const u64 ticket = order_.arrive();
    co_await ingress_.pass();
    co_await order_.handed_over_before(ticket);
    order_.hand_over(ticket);
    co_await order_.committed_before(ticket); // a posted message stays behind the posted writes before it
    order_.commit(ticket);
    for (unsigned itag = 0; itag < itags; ++itag) {
        if ((body.get(InvalidateCompletion::ITagVector) >> itag & 1) == 0) continue;
        Invalidation& i = invalidations_[itag];
        if (!i.open)
            ++counts_.stray_completions;
        else if (++i.completions >= body.count())
            i.over.set();
    }
}

Tlp RootPort::register_access(TlpKind kind, u64 offset, unsigned size) const {
    Tlp t;
    t.kind = kind;
    t.device = device_;
    t.length = size;
    t.address = offset; // MODEL: the BAR is below 4 GiB, so that its packets have a short header
    return t;
}

/// A CPU's access, from its arrival at the root complex until its packet has left. -> the room that it takes at the endpoint.
sim::Task<TransmitQueue::Credit> RootPort::send_down(Tlp request) {
    co_await mmio_.pass();
    auto room = co_await link_.down.enter(request, request.payload_bytes());
    co_await link_.down.leave(request, request.payload_bytes());
    link_.down.left(request, request.payload_bytes());
    co_return room;
}

/// -> the access got through to the endpoint.
sim::Task<bool> RootPort::arrive_down(const Tlp& request, u64 life) {
    co_await link_.down.travel();
    const bool whole = link_.down.arrival(request, life) == Arrival::Whole;
    if (whole) co_return true;
    auto over = no_answer();
    co_await std::move(over);
    co_return false;
}

/// The answer to a CPU's access: it pushes the posted writes that the endpoint sent before it. -> it came.
sim::Task<bool> RootPort::complete_up(Tlp completion) {
    const auto room = co_await link_.up.enter(completion, completion.length); // behind the posted writes that wait for room
    const u64 life = link_.up.life();
    co_await link_.up.leave(completion, completion.length);
    link_.up.left(completion, completion.length);
    co_await link_.up.travel();
    if (link_.up.arrival(completion, life) != Arrival::Whole) {
        auto over = no_answer();
        co_await std::move(over);
        co_return false;
    }
    const u64 behind = order_.behind();
    co_await ingress_.pass();
    co_await order_.committed_before(behind);
    co_return true;
}

sim::Task<void> RootPort::mmio_write(u64 offset, unsigned size, u64 value) {
    if (size != 4 && size != 8) co_return;
    const Tlp t = register_access(TlpKind::MemoryWrite, offset, size);
    const u64 life = link_.down.life();
    auto sent = send_down(t);
    auto room = co_await std::move(sent);
    sim::start(deliver(t, life, value, std::move(room))); // posted: the CPU's side does not wait for the arrival
}

sim::Task<void> RootPort::deliver(Tlp write, u64 life, u64 value, TransmitQueue::Credit) {
    co_await link_.down.travel();
    const bool whole = link_.down.arrival(write, life) == Arrival::Whole;
    if (whole && endpoint_.memory_space()) endpoint_.bar_write(write.address, write.length, value);
}

sim::Task<u64> RootPort::mmio_read(u64 offset, unsigned size) {
    if (size != 4 && size != 8) co_return 0;
    const Tlp t = register_access(TlpKind::MemoryRead, offset, size);
    const u64 life = link_.down.life();
    auto sent = send_down(t);
    auto room = co_await std::move(sent);
    auto on_its_way = arrive_down(t, life);
    const bool arrived = co_await std::move(on_its_way);
    if (!arrived) co_return ~u64{0};
    if (!endpoint_.memory_space()) { // 2.3.1: no BAR of the function claims the address
        room.release();
        const Tlp refusal = completion_of(t, CompletionStatus::UnsupportedRequest, offset, 0);
        auto back = complete_up(refusal);
        co_await std::move(back);
        co_return ~u64{0};
    }
    co_await sim::delay(endpoint_.register_access);
    const u64 value = endpoint_.bar_read(offset, size);
    room.release();
    const Tlp completion = completion_of(t, CompletionStatus::Success, offset, size);
    auto back = complete_up(completion);
    const bool came = co_await std::move(back);
    co_return came ? value : ~u64{0};
}

/// MODEL: reading or writing a configuration register takes the device as long as one in a BAR.
sim::Task<void> RootPort::config_write(u32 offset, unsigned size, u32 value) {
    const Tlp t = register_access(TlpKind::ConfigWrite, offset, size);
    const u64 life = link_.down.life();
    auto sent = send_down(t);
    auto room = co_await std::move(sent);
    auto on_its_way = arrive_down(t, life);
    const bool arrived = co_await std::move(on_its_way);
    if (!arrived) co_return;
    co_await sim::delay(endpoint_.register_access);
    endpoint_.config_write(offset, size, value);
    room.release();
    const Tlp completion = completion_of(t, CompletionStatus::Success, offset, 0);
    auto back = complete_up(completion);
    co_await std::move(back);
}

sim::Task<u32> RootPort::config_read(u32 offset, unsigned size) {
    const Tlp t = register_access(TlpKind::ConfigRead, offset, size);
    const u64 life = link_.down.life();
    auto sent = send_down(t);
    auto room = co_await std::move(sent);
    auto on_its_way = arrive_down(t, life);
    const bool arrived = co_await std::move(on_its_way);
    if (!arrived) co_return ~u32{0};
    co_await sim::delay(endpoint_.register_access);
    const u32 value = endpoint_.config_read(offset, size);
    room.release();
    const Tlp completion = completion_of(t, CompletionStatus::Success, offset, size);
    auto back = complete_up(completion);
    const bool came = co_await std::move(back);
    co_return came ? value : ~u32{0};
}

} // namespace quiesce::pcie
