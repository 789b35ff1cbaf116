// SPDX-License-Identifier: Apache-2.0
#include "pcie/function_port.h"

#include "pcie/root_complex.h"

#include <optional>

namespace quiesce::pcie {
namespace {

base::Name link_name(base::Name port) { return base::Name{std::string(port.text()) + ".link"}; }

iommu::Translation untranslated(const Tlp& t) { return {iommu::Ending::Grant, Spa{t.address}, sim::now(), {}}; }

/// What a switch above a link advertises is its own.
LinkConfig link_below(LinkConfig link, const Switch* above) {
    if (above != nullptr) link.root_port = above->credits();
    return link;
}

/// MODEL: requests without PASID stay in the order of all, also where a root port has several requesters below it.
bool orders_by_id(const Tlp& t) { return t.attributes.id_based && t.has_pasid; }

/// What is wrong with a write, whatever the IOMMU would say: too large (2.2.2), over a 4 KiB boundary (2.2.7), or one
/// that asks for a translation (10.2.1; facts/iommu-specs.md 2.9: an Unsupported Request).
std::optional<AbortReason> wrong_with(const Tlp& write, u32 mps) {
    if (write.crosses_page() || write.length > mps) return AbortReason::Malformed;
    if (write.at == iommu::AddressType::TranslationRequest) return AbortReason::Refused;
    return std::nullopt;
}

} // namespace

FunctionPort::FunctionPort(RootComplex& rc, base::Name name, DeviceId device, RequesterId requester,
                           EndpointSide& endpoint, const LinkConfig& link, const RootComplexConfig& config,
                           Switch* below, unsigned slot)
    : rc_(rc), device_(device), requester_(requester), stream_(rc.stream_of(requester)), endpoint_(endpoint),
      switch_(below), slot_(slot), link_(rc.events(), link_name(name), below == nullptr ? rc.name() : below->name(),
                                            link_below(link, below), rc.stages()),
      first_down_(below == nullptr ? link_.down : below->path().front()->link().down),
      own_root_(below == nullptr ? std::make_unique<RootPort>() : nullptr), ingress_(rc.stages().of(config.ingress)),
      egress_(rc.stages().of(config.egress)), mmio_(rc.stages().of(config.mmio)),
      order_(below == nullptr ? own_root_->order : below->root().order),
      reads_(config.reads.get() == ReadHandOver::AsTranslated ? nullptr
             : below == nullptr                               ? &own_root_->reads
                                                              : &below->root().reads),
      invalidate_timeout_(config.invalidate_timeout.get()), completion_timeout_(config.completion_timeout.get()),
      refusals_(endpoint.faults) {
    link_.set_bus(static_cast<unsigned>(requester) >> 8);
    if (below != nullptr) {
        below->connect(slot, *this);
        link_.down.queue().take_turns();
    }
    link_.up.inject(endpoint.faults);
    link_.down.inject(endpoint.faults);
    if (const sim::Duration at = endpoint.faults.down_at.get(); at != sim::Duration{})
        sim::spawn(go_down_and_up(at, endpoint.faults.down_for.get()));
}

// ---- a link that does not do what it should
// ----------------------------------------------------------------------------------

sim::Task<void> FunctionPort::go_down_and_up(sim::Duration at, sim::Duration length) {
    co_await sim::delay(at);
    set_link(false);
    if (length == sim::Duration{}) co_return;
    co_await sim::delay(length);
    set_link(true);
}

void FunctionPort::set_link(bool up) {
    if (link_.is_up() == up) return;
    if (up && switch_ != nullptr && !switch_->link().is_up()) return switch_->bring_up_later(*this);
    link_.set_up(up);
    if (rc_.events().wants<LinkChanged>()) rc_.events().emit(LinkChanged{link_.name(), device_, up});
    endpoint_.link_changed(up);
    if (link_call_) link_call_(up);
}

/// The endpoint's wait for a completion that does not come. MODEL: an answer that is merely late is taken.
sim::Task<void> FunctionPort::time_out(const Tlp& request, sim::Time left) {
    co_await sim::until(left + endpoint_.completion_timeout);
    ++counts_.completion_timeouts;
    if (rc_.events().wants<CompletionTimedOut>())
        rc_.events().emit(CompletionTimedOut{device_, request.transaction, request.bond});
}

/// The root port's wait for one; 2.9.1: while the link is down it answers by itself.
sim::Task<void> FunctionPort::no_answer() {
    if (link_.is_up()) co_await sim::delay(completion_timeout_);
}

/// A posted packet of the endpoint that takes no effect; of one that was lost nobody knows.
void FunctionPort::lost(const Tlp& t, Arrival how) {
    if (how == Arrival::Malformed) aborted(t, AbortReason::Malformed);
    if (how == Arrival::Poisoned) aborted(t, AbortReason::Poisoned);
}

void FunctionPort::left_behind(base::Leftovers& out) const {
    link_.up.queue().left_behind(out);
    link_.down.queue().left_behind(out);
    out.count(link_.name().text(), itag_places_.used(), "ITag", "of an invalidation without its completion");
    if (own_root_ == nullptr) return; // its root port is the switch's
    out.count(link_.name().text(), own_root_->order.inside(), "posted write", "not committed");
    out.count(link_.name().text(), own_root_->reads.inside(), "read", "not handed to memory");
}

std::string FunctionPort::who_waits() {
    const std::string up = link_.up.queue().who_waits(), down = link_.down.queue().who_waits();
    return up + (up.empty() || down.empty() ? "" : "; ") + down;
}

iommu::TranslationRequest FunctionPort::question(const Tlp& t) const {
    return {.transaction = t.transaction,
            .device = device_,
            .stream = stream_,
            .has_pasid = t.has_pasid,
            .pasid = t.pasid,
            .at = Iova{t.address},
            .bytes = t.length != 0 ? t.length : 1, // a zero-length read is one double word without byte enables
            .access = t.is_atomic()  ? iommu::Access::ReadWrite
                      : t.is_write() ? iommu::Access::Write
                                     : iommu::Access::Read,
            .privileged = t.privileged,
            .instruction = t.execute,
            .type = t.at,
            .no_write = t.no_write,
            .bond = t.bond};
}

memory::Request FunctionPort::access(const Tlp& t, std::byte* data, const iommu::Translation& tr,
                                     memory::Purpose purpose) const {
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

void FunctionPort::aborted(const Tlp& t, AbortReason why) {
    ++(t.is_write() ? counts_.dropped_writes : counts_.aborted_reads);
    if (why == AbortReason::Malformed) ++counts_.malformed;
    if (rc_.events().wants<RequestAborted>())
        rc_.events().emit(RequestAborted{t.transaction, device_, t.bond, t.has_pasid, t.pasid, t.aimed_at, t.length,
                                         t.is_write(), why});
}

/// A granted read with bytes goes to memory; this is the answer to every other one.
Completion FunctionPort::without_memory(const Tlp& t, iommu::Ending ending, std::byte* into) {
    if (ending == iommu::Ending::Abort) {
        aborted(t, AbortReason::Translation);
        return {CompletionStatus::UnsupportedRequest};
    }
    if (ending != iommu::Ending::ReadZero) return {};
    if (t.length != 0) std::memset(into, 0, t.length);
    return {CompletionStatus::Success, true};
}

/// What the completions of a read take of the first link that they cross.
sim::Duration FunctionPort::answer_time(const Tlp& read) const {
    sim::Duration sum{};
    u64 at = read.address;
    for (u32 left = read.length;;) {
        const u32 part = left == 0 ? 0 : link_.completion_bytes(at, left);
        const Tlp completion = completion_of(read, CompletionStatus::Success, at, part);
        sum = sum + first_down_.occupancy(first_down_.bytes_of(completion, part));
        at += part;
        left -= part;
        if (left == 0) return sum;
    }
}

/// All parts of an answer are ready at once and leave one after the other; only the last one's arrival ends the read,
/// so that `answer`, which gets worse if this one is damaged, lives as long: nothing lets them pass each other.
sim::Task<void> FunctionPort::complete_part(Tlp completion, u64 life, Arrival& answer) {
    if (switch_ != nullptr) [[unlikely]] {
        TransmitQueue::Credit there;
        auto way = down_from_root(completion, completion.length, life, there);
        const Arrival how = co_await std::move(way);
        answer = worse(answer, how);
        co_return;
    }
    const auto room = co_await link_.down.enter(completion, completion.length);
    co_await link_.down.leave(completion, completion.length);
    link_.down.left(completion, completion.length);
    answer = worse(answer, link_.down.arrival(completion, life));
    if (room.held()) co_await link_.down.travel();
}

/// -> the last completion of an answer of `bytes`; those before it, if any, get under way.
Tlp FunctionPort::begin_answer(const Tlp& request, CompletionStatus status, u32 bytes, const std::byte* data, u64 life,
                               Arrival& answer) {
    u64 at = request.address;
    for (;;) {
        const u32 part = bytes == 0 ? 0 : link_.completion_bytes(at, bytes);
        Tlp completion = completion_of(request, status, at, part);
        if (bytes != 0) completion.remaining = bytes; // there may be fewer translations than were asked for
        if (data != nullptr) completion.data = data + (at - request.address);
        if (part == bytes) return completion;
        sim::start(complete_part(completion, life, answer));
        at += part;
        bytes -= part;
    }
}

sim::Task<void> FunctionPort::read(Tlp tlp, std::byte* into, Tag tag, Requester& who) {
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

    if (switch_ != nullptr) [[unlikely]] {
        auto climb = switch_->climb(link_.up, slot_, tlp, 0, room, true);
        const Switch::Climb c = co_await std::move(climb);
        if (gone(c.how)) {
            room.release();
            auto over = time_out(tlp, left);
            co_await std::move(over);
            tag.release();
            co_return who.completed(tlp, {CompletionStatus::TimedOut});
        }
        if (c.way != Switch::Way::Up) {
            auto elsewhere = read_elsewhere(tlp, into, c, std::move(room));
            const Completion answer = co_await std::move(elsewhere);
            if (endpoint_.copies() && answer.ok()) co_await endpoint_.copy(tlp.length);
            tag.release();
            co_return who.completed(tlp, answer);
        }
    }
    const u64 behind = order_.behind(), strict = order_.strict();
    Prefix* const own = orders_by_id(tlp) ? &order_.of(requester_, tlp.pasid) : nullptr;
    const u64 own_behind = own != nullptr ? own->next() : 0;
    ++counts_.reads;
    co_await ingress_.pass();
    Completion answer;
    if (tlp.crosses_page()) {
        room.release();
        aborted(tlp, AbortReason::Malformed);
        answer.status = CompletionStatus::UnsupportedRequest;
    } else {
        const u64 turn = reads_ != nullptr ? reads_->arrive() : 0;
        iommu::Translation t = untranslated(tlp);
        if (rc_.iommu() != nullptr) {
            auto asked = rc_.iommu()->translate(question(tlp));
            t = co_await std::move(asked);
        }
        co_await order_.handed_over_before(own != nullptr ? strict : behind);
        if (own != nullptr) co_await own->until(own_behind);
        if (reads_ != nullptr) { // MODEL: of memory reads; AtomicOps and translation requests go as they are answered
            co_await reads_->handed_over_before(turn);
            co_await sim::until(reads_->next());
            reads_->hand_over(turn, answer_time(tlp));
        }
        t.place.release();
        room.release();
        if (refusals_.any()) [[unlikely]]
            answer.status = refusals_.next();
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
        // A zero-length read asks for nothing but the order, so it gets its answer when the writes before it have
        // landed, also when it was not granted itself.
        // It has reached no memory itself, and no fence has to wait for what it waits for.
        if (tlp.length == 0) {
            t.in_flight.end();
            co_await order_.committed_before(behind);
        }
    }

    co_await egress_.pass();
    Arrival arrived = Arrival::Whole;
    const Tlp last = begin_answer(tlp, answer.status, answer.ok() ? tlp.length : 0, into, life, arrived);
    if (switch_ == nullptr) [[likely]] {
        auto there = co_await link_.down.enter(last, last.length);
        co_await link_.down.leave(last, last.length);
        link_.down.left(last, last.length);
        co_await link_.down.travel();
        there.release();
        arrived = worse(arrived, link_.down.arrival(last, life));
    } else {
        TransmitQueue::Credit there;
        auto way = down_from_root(last, last.length, life, there);
        const Arrival how = co_await std::move(way);
        arrived = worse(arrived, how);
    }
    if (arrived != Arrival::Whole) [[unlikely]] {
        answer.status = arrived == Arrival::Poisoned ? CompletionStatus::Poisoned : CompletionStatus::TimedOut;
        auto over = time_out(tlp, left);
        if (arrived != Arrival::Poisoned) co_await std::move(over);
    }
    if (endpoint_.copies() && answer.ok()) co_await endpoint_.copy(tlp.length);
    tag.release();
    who.completed(tlp, answer);
}

sim::Task<void> FunctionPort::write(Tlp tlp, Payload data, Requester* who) {
    tlp.data = data.data();
    co_await endpoint_.issue.pass(true);
    auto room = co_await link_.up.enter(tlp, tlp.length);
    const u64 life = link_.up.life();
    co_await link_.up.leave(tlp, tlp.length);
    link_.up.left(tlp, tlp.length);
    if (who != nullptr) who->left(tlp);
    co_await link_.up.travel();
    if (const Arrival how = link_.up.arrival(tlp, life); how != Arrival::Whole) [[unlikely]]
        co_return lost(tlp, how);

    if (switch_ != nullptr) [[unlikely]] {
        auto climb = switch_->climb(link_.up, slot_, tlp, tlp.length, room, true);
        const Switch::Climb c = co_await std::move(climb);
        if (c.how != Arrival::Whole) co_return lost(tlp, c.how);
        if (c.way != Switch::Way::Up) {
            auto elsewhere = write_elsewhere(tlp, data.data(), c, std::move(room));
            co_await std::move(elsewhere);
            co_return;
        }
    }
    const u64 strict = order_.strict();
    Prefix* const own = orders_by_id(tlp) ? &order_.of(requester_, tlp.pasid) : nullptr;
    const u64 ticket = own != nullptr ? order_.arrive_by_id() : order_.arrive();
    const u64 own_ticket = own != nullptr ? own->open() : 0;
    const bool message = rc_.is_message(tlp.address);
    ++(message ? counts_.messages : counts_.writes);
    co_await ingress_.pass();
    iommu::Translation t = untranslated(tlp);
    const std::optional<AbortReason> wrong = wrong_with(tlp, link_.mps());
    if (wrong) {
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
        aborted(tlp, wrong.value_or(AbortReason::Translation));
    }
    t.in_flight.end();
    order_.commit(ticket);
}

// ---- messages
// --------------------------------------------------------------------------------------------------------

/// Through the link and into its place in the order: a posted message stays behind the posted packets before it.
sim::Task<FunctionPort::Message> FunctionPort::message_up(const Tlp& message) {
    co_await endpoint_.issue.pass(true);
    auto way = go_up(message, 0);
    Ascent up = co_await std::move(way);
    if (up.how != Arrival::Whole) co_return Message{};
    const u64 ticket = order_.arrive();
    co_await ingress_.pass();
    co_await order_.handed_over_before(ticket);
    order_.hand_over(ticket);
    co_await order_.committed_before(ticket);
    co_return Message{std::move(up.room), ticket, true};
}

/// -> it arrived at the function.
sim::Task<bool> FunctionPort::message_down(const Tlp& message) {
    co_await egress_.pass();
    const u64 life = link_.down.life();
    TransmitQueue::Credit there;
    auto way = down_from_root(message, message.length, life, there);
    const Arrival how = co_await std::move(way);
    co_return how == Arrival::Whole;
}

// ---- the way between the function and the root port
// ------------------------------------------------------------------

/// What is no memory request, from the function to the root port. One that is damaged on its way ends there.
sim::Task<FunctionPort::Ascent> FunctionPort::go_up(const Tlp& t, u32 payload) {
    Ascent a;
    auto room = co_await link_.up.enter(t, payload);
    a.life = link_.up.life();
    co_await link_.up.leave(t, payload);
    link_.up.left(t, payload);
    a.left = sim::now();
    co_await link_.up.travel();
    a.how = link_.up.arrival(t, a.life);
    if (a.how == Arrival::Whole && switch_ != nullptr) {
        auto climb = switch_->climb(link_.up, slot_, t, payload, room, false);
        const Switch::Climb c = co_await std::move(climb);
        a.how = c.how;
    }
    if (a.how == Arrival::Whole) a.room = std::move(room);
    co_return a;
}

/// A packet for the function. What left the root port in another life() of the function's link than `life` is lost.
sim::Task<Arrival> FunctionPort::down_from_root(const Tlp& t, u32 payload, u64 life, TransmitQueue::Credit& room) {
    auto first = co_await first_down_.enter(t, payload);
    const u64 first_life = first_down_.life();
    co_await first_down_.leave(t, payload);
    first_down_.left(t, payload);
    co_await first_down_.travel();
    room = std::move(first);
    if (switch_ == nullptr) co_return link_.down.arrival(t, life);
    Arrival how = first_down_.arrival(t, first_life);
    if (gone(how)) co_return how;
    auto rest = switch_->go_on_down(switch_->path().front()->from_above(), &link_.down, t, payload, room);
    const Arrival between = co_await std::move(rest);
    how = worse(how, between);
    co_return gone(how) ? how : worse(how, link_.down.arrival(t, life));
}

} // namespace quiesce::pcie
