// SPDX-License-Identifier: Apache-2.0
/// Requests that a switch routes to another function below it, which no root complex and no IOMMU ever sees (6.12). MODEL: the
/// root complex sends no request down to a peer (1.3.1 leaves that to it): one that Access Control Services redirect
/// there, and whose address is no memory, is answered as a memory error.
#include "pcie/function_port.h"

#include "pcie/root_complex.h"

#include <algorithm>

namespace quiesce::pcie {
namespace {

/// The function whose BAR has the address, out of a switch's port: below it, or below the switches there. Null:
/// nobody's.
FunctionPort* peer_at(Switch& at, unsigned port, u64 address) {
    Switch::Port& p = at.port(port);
    if (p.function != nullptr) return p.function;
    if (p.below == nullptr) return nullptr;
    for (unsigned n = 0; n < p.below->port_count(); ++n)
        if (p.below->has(n, address)) return peer_at(*p.below, n, address);
    return nullptr;
}

/// MODEL: a peer's registers take and give what a packet carries eight bytes, then four, at a time; what is left over
/// is lost.
template <class Each>
void each_register(u64 offset, u32 bytes, Each each) {
    for (u32 done = 0; bytes - done >= 4;) {
        const unsigned size = (offset + done) % 8 == 0 && bytes - done >= 8 ? 8 : 4;
        each(offset + done, size, done);
        done += size;
    }
}

} // namespace

bool FunctionPort::refused(const Tlp& t, const Switch::Climb& c) {
    if (c.way == Switch::Way::Violation) aborted(t, AbortReason::AcsViolation);
    else if (c.way == Switch::Way::Unrouted) aborted(t, AbortReason::Unrouted);
    else return false;
    return true;
}

/// States that a request turns to a peer, and finds it.
FunctionPort* FunctionPort::turn(const Tlp& t, const Switch::Climb& c) {
    FunctionPort* const peer = peer_at(*c.at, c.port, t.address);
    if (peer == nullptr) aborted(t, AbortReason::Unrouted);
    else if (rc_.events().wants<PeerToPeer>())
        rc_.events().emit(PeerToPeer{t.transaction, device_, peer->device_, t.bond, t.has_pasid, t.pasid,
                                     t.aimed_at, t.address, t.length, t.is_write(),
                                     t.at == iommu::AddressType::Translated});
    return peer;
}

/// Out of the switch where it is, and on to this function. -> it arrived.
sim::Task<bool> FunctionPort::arrive_from(Ingress in, const Tlp& t, u32 payload, TransmitQueue::Credit& room) {
    const u64 life = link_.down.life();
    auto rest = switch_->go_on_down(in, &link_.down, t, payload, room);
    const Arrival between = co_await std::move(rest);
    co_return !gone(between) && worse(between, link_.down.arrival(t, life)) == Arrival::Whole;
}

/// 2.3.1: an address in no BAR of the function, or while it does not answer, is an Unsupported Request.
bool FunctionPort::claims(const Tlp& t) const {
    const EndpointSide::BarPlace bar = endpoint_.bar_place();
    return endpoint_.memory_space() && t.address >= bar.first && t.address - bar.first < bar.bytes &&
           t.length <= bar.bytes - (t.address - bar.first);
}

/// A posted write that does not go to the root port. It ends at the peer; nobody learns if it is refused.
sim::Task<void> FunctionPort::write_elsewhere(Tlp t, const std::byte* data, Switch::Climb c,
                                              TransmitQueue::Credit room) {
    if (refused(t, c)) co_return;
    FunctionPort* const peer = turn(t, c);
    if (peer == nullptr) co_return;
    auto down = peer->arrive_from(c.in, t, t.length, room);
    const bool arrived = co_await std::move(down);
    if (!arrived) co_return;
    if (!peer->claims(t)) co_return aborted(t, AbortReason::Unrouted);
    each_register(t.address - peer->endpoint_.bar_place().first, t.length, [&](u64 offset, unsigned size, u32 done) {
        u64 value = 0;
        std::memcpy(&value, data + done, size);
        peer->endpoint_.bar_write(offset, size, value);
    });
}

/// What the peer does with a read that arrived.
Completion FunctionPort::answer_peer(const Tlp& t, std::byte* into) {
    // MODEL: no function completes AtomicOps at its registers; DevCap2 says so.
    if (t.is_atomic() || !claims(t)) return {CompletionStatus::UnsupportedRequest};
    each_register(t.address - endpoint_.bar_place().first, t.length, [&](u64 offset, unsigned size, u32 done) {
        const u64 value = endpoint_.bar_read(offset, size);
        std::memcpy(into + done, &value, size);
    });
    return {};
}

/// A read that does not go to the root port, until its answer is back. MODEL: a peer answers with one completion,
/// however long, and a refusal by a switch comes at once.
sim::Task<Completion> FunctionPort::read_elsewhere(Tlp t, std::byte* into, Switch::Climb c,
                                                   TransmitQueue::Credit room) {
    // 6.12.1.1: the completion of a request that ACS stops is a Completer Abort.
    if (refused(t, c))
        co_return Completion{c.way == Switch::Way::Violation ? CompletionStatus::CompleterAbort
                                                             : CompletionStatus::UnsupportedRequest};
    FunctionPort* const peer = turn(t, c);
    if (peer == nullptr) co_return Completion{CompletionStatus::UnsupportedRequest};
    auto down = peer->arrive_from(c.in, t, t.payload_bytes(), room);
    const bool arrived = co_await std::move(down);
    bool back = false;
    Completion answer;
    if (arrived) {
        co_await sim::delay(peer->endpoint_.register_access);
        answer = peer->answer_peer(t, into);
        room.release();
        if (!answer.ok()) aborted(t, AbortReason::Unrouted);
        Tlp completion = completion_of(t, answer.status, t.address, answer.ok() ? t.length : 0);
        completion.completer = peer->requester_;
        if (answer.ok()) completion.data = into;
        auto way = peer->complete_to(*this, *c.at, completion);
        back = co_await std::move(way);
    }
    if (!back) {
        auto over = time_out(t, sim::now());
        co_await std::move(over);
        answer.status = CompletionStatus::TimedOut;
    }
    co_return answer;
}

/// This function's answer to a peer: up to the switch where the request turned and down from there, or, where ACS
/// redirects it (P2P Completion Redirect), by way of the root port. -> it arrived.
sim::Task<bool> FunctionPort::complete_to(FunctionPort& requester, Switch& turn_at, Tlp t) {
    auto room = co_await link_.up.enter(t, t.length);
    const u64 life = link_.up.life();
    co_await link_.up.leave(t, t.length);
    link_.up.left(t, t.length);
    co_await link_.up.travel();
    if (link_.up.arrival(t, life) != Arrival::Whole) co_return false;
    Ingress in = switch_->from_port(slot_, link_.up);
    while (in.at != &turn_at) {
        Switch& s = *in.at;
        auto hop = s.cross(in, s.link().up, t, t.length, room);
        const u64 life_above = co_await std::move(hop);
        if (s.link().up.arrival(t, life_above) != Arrival::Whole) co_return false;
        in = s.above()->from_port(s.slot(), s.link().up);
    }
    if (!turn_at.redirects(t, in.source - 1)) {
        auto direct = requester.arrive_from(in, t, t.length, room);
        const bool arrived = co_await std::move(direct);
        co_return arrived;
    }
    auto up = turn_at.climb(*in.link, in.source - 1, t, t.length, room, false);
    const Switch::Climb c = co_await std::move(up);
    if (c.how != Arrival::Whole) co_return false;
    const u64 behind = order_.behind();
    co_await ingress_.pass();
    co_await order_.committed_before(behind);
    room.release();
    co_await egress_.pass();
    const u64 life_below = requester.link_.down.life();
    auto down = requester.down_from_root(t, t.length, life_below, room);
    const Arrival how = co_await std::move(down);
    co_return how == Arrival::Whole;
}

} // namespace quiesce::pcie
