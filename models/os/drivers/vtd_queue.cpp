// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/vtd_queue.h"

#include "os/events.h"

#include <algorithm>
#include <array>

namespace quiesce::os::drivers {

using namespace iommu::vtd;

namespace {
constexpr u32 in_use = 1, done = 2; // QI_IN_USE, QI_DONE: what is in a slot's status

/// The manual's names, by type; interned once. A type that the manual does not have is "?".
base::Name name_of(DescriptorType type) {
    static const auto names = [] {
        std::array<base::Name, 16> all{};
        all.fill("?");
        for (const auto& row : enum_names(DescriptorType{})) all.at(raw(row.value)) = base::Name{row.name};
        return all;
    }();
    return raw(type) < names.size() ? names[raw(type)] : names[0];
}
} // namespace

void VtdInvalidationQueue::place(Spa descriptors, Spa statuses, unsigned log2size) {
    descriptors_ = descriptors;
    statuses_ = statuses;
    ring_ = {log2size, 0, 0};
    slots_.assign(std::size_t{1} << log2size, Slot::Free);
    left_to_.assign(slots_.size(), 0);
}

/// raw_spin_lock_irqsave: interrupts are off before the lock is asked for.
sim::Task<void> VtdInvalidationQueue::lock(KernelContext& ctx, Locked& held) {
    if (!held.irqs) held.irqs.emplace(ctx.irqs_off());
    sim::Lease taken = co_await q_lock_.lock();
    held.lock = std::move(taken);
    co_await ctx.spend(config_.take_lock.get(), "vtd.iq");
}

sim::Task<u32> VtdInvalidationQueue::read_index(KernelContext& ctx, u32 offset) {
    const u64 bytes = co_await ctx.mmio_read(registers_ + offset, 4);
    co_return static_cast<u32>(bytes / wide_descriptor_bytes);
}

// ---- room -----------------------------------------------------------------------------------------------------------

/// reclaim_free_desc. A submission that nobody waits for is over when its status says so.
sim::Task<void> VtdInvalidationQueue::reclaim(KernelContext& ctx) {
    while (!ring_.empty()) {
        const u32 at = ring_.cons_index();
        if (slots_[at] == Slot::Left) {
            const u64 word = co_await ctx.load(status(left_to_[at]), 4);
            if (word == done) slots_[at] = Slot::Free;
        }
        if (slots_[at] != Slot::Free) co_return;
        ring_.consume();
    }
}

/// The ring keeps one slot empty, so that head and tail differ.
sim::Task<void> VtdInvalidationQueue::make_room(KernelContext& ctx, u32 entries, Locked& held) {
    const sim::Time asked = sim::now();
    co_await reclaim(ctx);
    while (ring_.free() < entries) {
        held.lock.release();
        held.irqs.reset();
        co_await ctx.spin(std::max(config_.poll_interval.get(), (sim::now() - asked) / 64));
        co_await lock(ctx, held);
        co_await reclaim(ctx);
    }
}

void VtdInvalidationQueue::end(Submission s, Slot as) {
    for (u32 i = s.first; i != ring_.next(s.wait); i = ring_.next(i)) {
        slots_[i] = as;
        left_to_[i] = s.wait;
    }
}

// ---- submission -----------------------------------------------------------------------------------------------------

VtdInvalidationQueue::Descriptor VtdInvalidationQueue::wait_descriptor(u32 index, Options options) const {
    InvWaitDsc w;
    w.set(InvWaitDsc::Type, DescriptorType::Wait).set(InvWaitDsc::SW, true).set(InvWaitDsc::DATA, done);
    w.set(InvWaitDsc::PD, options.drain_page_requests).set(InvWaitDsc::ADDR, status(index));
    return as_descriptor(w);
}

sim::Task<void> VtdInvalidationQueue::write(KernelContext& ctx, u32 index, const Descriptor& d) {
    co_await ctx.spend(config_.build_descriptor.get(), "vtd.iq");
    ctx.events().emit(IommuCommandIssued{ctx.number(), unit_, name_of(d.get(Descriptor::Type)), ctx.name(), slot(index)});
    for (unsigned w = 0; w < 4; ++w) co_await ctx.store(slot(index) + 8 * w, d.word(w));
    slots_[index] = Slot::InUse;
}

sim::Task<VtdInvalidationQueue::Submission>
VtdInvalidationQueue::publish(KernelContext& ctx, std::span<const Descriptor> descriptors, Options options) {
    auto work = ctx.begin("submit-descriptors");
    const Submission s{ring_.prod_index(), ring_.next(ring_.prod, static_cast<u32>(descriptors.size()))};
    u32 at = s.first;
    for (const Descriptor& d : descriptors) {
        co_await write(ctx, at, d);
        at = ring_.next(at);
    }
    co_await ctx.store(status(s.wait), in_use, 4);
    co_await write(ctx, s.wait, wait_descriptor(s.wait, options));
    ring_.produce(static_cast<u32>(descriptors.size()) + 1);
    co_await ctx.barrier(); // the descriptors are visible before the tail is
    co_await ctx.mmio_write(registers_ + Iqt::offset, 4, ring_.prod * wide_descriptor_bytes);
    co_return s;
}

/// Each look at the status is followed by one at FSTS, under the lock; there is no time-out. Looks grow rarer the
/// longer it takes: at most about 2 % late, and a stuck unit does not cost a simulation hours.
sim::Task<VtdInvalidationQueue::Look> VtdInvalidationQueue::wait_for(KernelContext& ctx, Submission s, Locked& held,
                                                                     base::Name phase) {
    auto waiting = ctx.begin_wait(phase, unit_);
    const sim::Time asked = sim::now();
    for (;;) {
        const u64 word = co_await ctx.load(status(s.wait), 4);
        if (word == done) break;
        const Look look = co_await check_fault(ctx, s);
        if (look != Look::GoOn) co_return look;
        held.lock.release();
        co_await ctx.spin(std::max(config_.poll_interval.get(), (sim::now() - asked) / 64));
        sim::Lease taken = co_await q_lock_.lock();
        held.lock = std::move(taken);
    }
    if (wait_span_) waiting.ended_by(wait_span_());
    co_return Look::GoOn;
}

sim::Task<VtdInvalidationQueue::Outcome> VtdInvalidationQueue::submit(KernelContext& ctx,
                                                                      std::span<const Descriptor> descriptors,
                                                                      base::Name phase, Options options) {
    for (;; ++resubmissions_) {
        Locked held;
        co_await lock(ctx, held);
        co_await make_room(ctx, static_cast<u32>(descriptors.size()) + 1, held);
        const Submission s = co_await publish(ctx, descriptors, options);
        if (!options.wait) {
            end(s, Slot::Left);
            co_return Outcome::Done;
        }
        const Look look = co_await wait_for(ctx, s, held, phase);
        end(s, Slot::Free);
        co_await reclaim(ctx);
        if (look == Look::Refused) co_return Outcome::Refused;
        if (look == Look::Gone) co_return Outcome::Gone;
        if (look == Look::GoOn) co_return Outcome::Done;
    }
}

// ---- errors (qi_check_fault) ----------------------------------------------------------------------------------------

sim::Task<VtdInvalidationQueue::Look> VtdInvalidationQueue::check_fault(KernelContext& ctx, Submission s) {
    if (slots_[s.wait] == Slot::Aborted) co_return Look::Again;
    const u64 bits = co_await ctx.mmio_read(registers_ + Fsts::offset, 4);
    const Fsts fault = Fsts::of(static_cast<u32>(bits));
    if (fault.get(Fsts::IQE)) {
        const Look look = co_await on_queue_error(ctx, s);
        if (look != Look::GoOn) co_return look;
    }
    if (fault.get(Fsts::ITE)) {
        const Look look = co_await on_time_out(ctx, s);
        if (look != Look::GoOn) co_return look;
    }
    if (fault.get(Fsts::ICE)) {
        ++wrong_completions_;
        co_await ctx.mmio_write(registers_ + Fsts::offset, 4, Fsts{}.set(Fsts::ICE, true).value());
    }
    co_return Look::GoOn;
}

/// Whoever's first descriptor is the bad one puts its wait descriptor there and gives up; one further behind in a
/// submission is nobody's, and the queue stands still.
sim::Task<VtdInvalidationQueue::Look> VtdInvalidationQueue::on_queue_error(KernelContext& ctx, Submission s) {
    const u32 head = co_await read_index(ctx, Iqh::offset);
    if (head != s.first) co_return Look::GoOn;
    ++refused_;
    for (unsigned w = 0; w < 4; ++w) {
        const u64 word = co_await ctx.load(slot(s.wait) + 8 * w);
        co_await ctx.store(slot(head) + 8 * w, word);
    }
    co_await ctx.barrier();
    co_await ctx.mmio_write(registers_ + Fsts::offset, 4, Fsts{}.set(Fsts::IQE, true).value());
    co_return Look::Refused;
}

/// What the unit had fetched is lost; what it had not, from head to tail, is still done once the error is cleared.
sim::Task<void> VtdInvalidationQueue::abort_fetched(KernelContext& ctx, u32 head, u32 tail) {
    const u32 size = u32{1} << ring_.log2size, waiting = (tail - head) & (size - 1);
    for (u32 back = 1; back <= size - waiting; ++back) {
        const u32 i = (head - back) & (size - 1);
        if (slots_[i] != Slot::InUse) continue;
        const u64 word = co_await ctx.load(status(i), 4);
        if (word != done) slots_[i] = Slot::Aborted; // only that of a wait descriptor is ever looked at
    }
}

sim::Task<VtdInvalidationQueue::Look> VtdInvalidationQueue::on_time_out(KernelContext& ctx, Submission s) {
    ++timeouts_;
    const u32 head = co_await read_index(ctx, Iqh::offset);
    const u32 tail = co_await read_index(ctx, Iqt::offset);
    const u64 record = co_await ctx.mmio_read(registers_ + Iqercd::offset, 8);
    const base::RequesterId who = Iqercd::of(record).get(Iqercd::ITESID);
    co_await ctx.mmio_write(registers_ + Fsts::offset, 4, Fsts{}.set(Fsts::ITE, true).value());
    co_await abort_fetched(ctx, head, tail);
    if (raw(who) != 0) { // 0: an old unit, which does not say
        const bool there = co_await present_(ctx, StreamId{raw(who)});
        if (!there) co_return Look::Gone;
    }
    co_return slots_[s.wait] == Slot::Aborted ? Look::Again : Look::GoOn;
}

} // namespace quiesce::os::drivers
