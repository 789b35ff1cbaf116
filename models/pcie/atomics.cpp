// SPDX-License-Identifier: Apache-2.0
/// AtomicOps of an endpoint (2.2.7, 6.15): requests that are not posted and carry operands, completed by the root
/// complex with the original value. MODEL: switches route them and no port blocks them (AtomicOp Egress Blocking); the
/// root port, which has no registers here, does not say what it completes. As elsewhere, a malformed packet is
/// answered instead of being dropped.
#include "pcie/function_port.h"

#include "pcie/root_complex.h"

#include <cstring>

namespace quiesce::pcie {
namespace {

/// 2.2.7: of an operand size that the kind has, at a multiple of it.
bool operand_fits(const Tlp& t) {
    const bool known = t.length == 4 || t.length == 8 || (t.length == 16 && t.kind == TlpKind::CompareSwap);
    return known && t.address % t.length == 0;
}

memory::AtomicOp operation_of(TlpKind kind) {
    if (kind == TlpKind::FetchAdd) return memory::AtomicOp::FetchAdd;
    return kind == TlpKind::Swap ? memory::AtomicOp::Swap : memory::AtomicOp::CompareSwap;
}

} // namespace

/// Where the addresses are good: at memory, in one access.
sim::Task<Completion> FunctionPort::modify(const Tlp& t, Operands& operands, const iommu::Translation& tr) {
    if (tr.ending != iommu::Ending::Grant) co_return without_memory(t, tr.ending, operands.bytes.data());
    memory::Request r = access(t, operands.bytes.data(), tr, memory::Purpose::Dma);
    r.write = true;
    r.atomic = operation_of(t.kind);
    const memory::Status status = co_await rc_.memory().transport(r);
    if (status != memory::Status::Ok) {
        aborted(t, AbortReason::Memory);
        co_return Completion{CompletionStatus::CompleterAbort};
    }
    if (rc_.events().wants<AtomicDone>())
        rc_.events().emit(AtomicDone{t.transaction, device_, t.bond, t.kind, t.aimed_at, t.length});
    co_return Completion{};
}

/// At the root complex: as a read, behind every posted write that came before, to the instant of commit.
sim::Task<Completion> FunctionPort::carry_out(const Tlp& t, Operands& operands, bool poisoned,
                                             TransmitQueue::Credit room) {
    const u64 behind = order_.behind(), strict = order_.strict();
    const bool by_id = t.attributes.id_based && t.has_pasid;
    Prefix* const own = by_id ? &order_.of(requester_, t.pasid) : nullptr;
    const u64 own_behind = own != nullptr ? own->next() : 0;
    ++counts_.atomics;
    co_await ingress_.pass();
    // 2.7.2.2, 6.15.3.1: a poisoned one takes no effect, and who completes none handles all as Unsupported Requests.
    // 10.2.1: only a read may ask for a translation.
    const bool malformed = !operand_fits(t), asks = t.at == iommu::AddressType::TranslationRequest;
    if (malformed || poisoned || asks || !rc_.config().atomics) {
        room.release();
        aborted(t, malformed  ? AbortReason::Malformed
                   : poisoned ? AbortReason::Poisoned
                              : AbortReason::Refused);
        co_return Completion{CompletionStatus::UnsupportedRequest};
    }
    iommu::Translation tr{iommu::Ending::Grant, Spa{t.address}, sim::now(), {}};
    if (rc_.iommu() != nullptr) {
        auto asked = rc_.iommu()->translate(question(t));
        tr = co_await std::move(asked);
    }
    co_await order_.handed_over_before(own != nullptr ? strict : behind);
    if (own != nullptr) co_await own->until(own_behind);
    room.release();
    if (refusals_.any()) [[unlikely]]
        if (const CompletionStatus status = refusals_.next(); status != CompletionStatus::Success) {
            aborted(t, AbortReason::Refused);
            co_return Completion{status};
        }
    auto done = modify(t, operands, tr);
    const Completion answer = co_await std::move(done);
    tr.in_flight.end();
    co_return answer;
}

/// Its one completion, to the endpoint.
sim::Task<Arrival> FunctionPort::complete_atomic(const Tlp& t, CompletionStatus status, u64 life) {
    co_await egress_.pass();
    const bool ok = status == CompletionStatus::Success;
    Tlp answer = completion_of(t, status, t.address, ok ? t.length : 0);
    if (ok) answer.data = t.data; // the original value
    TransmitQueue::Credit there;
    auto way = down_from_root(answer, answer.length, life, there);
    const Arrival how = co_await std::move(way);
    co_return how;
}

sim::Task<void> FunctionPort::atomic(Tlp tlp, Operands operands, std::byte* into, Tag tag, Requester& who) {
    const u32 payload = tlp.payload_bytes();
    tlp.data = operands.bytes.data();
    co_await endpoint_.issue.pass(false);
    auto room = co_await link_.up.enter(tlp, payload);
    const u64 life = link_.up.life();
    co_await link_.up.leave(tlp, payload);
    link_.up.left(tlp, payload);
    const sim::Time left = sim::now();
    co_await link_.up.travel();
    Completion answer;
    Arrival how = link_.up.arrival(tlp, life);
    Switch::Climb c;
    if (!gone(how) && switch_ != nullptr) {
        auto climb = switch_->climb(link_.up, slot_, tlp, payload, room, true);
        c = co_await std::move(climb);
        how = worse(how, c.how);
    }
    const bool poisoned = how == Arrival::Poisoned; // it goes on as it is
    if (poisoned) how = Arrival::Whole;
    if (how != Arrival::Whole) {
        room.release();
    } else if (c.way != Switch::Way::Up) {
        auto elsewhere = read_elsewhere(tlp, operands.bytes.data(), c, std::move(room));
        answer = co_await std::move(elsewhere);
    } else {
        auto done = carry_out(tlp, operands, poisoned, std::move(room));
        answer = co_await std::move(done);
        auto back = complete_atomic(tlp, answer.status, life);
        how = co_await std::move(back);
    }
    if (how != Arrival::Whole) {
        answer.status = how == Arrival::Poisoned ? CompletionStatus::Poisoned : CompletionStatus::TimedOut;
        auto over = time_out(tlp, left);
        if (how != Arrival::Poisoned) co_await std::move(over);
    }
    if (answer.ok() && into != nullptr) std::memcpy(into, operands.bytes.data(), tlp.length);
    tag.release();
    who.completed(tlp, answer);
}

} // namespace quiesce::pcie
