// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/amdvi_queue.h"

#include "os/events.h"

#include <array>

namespace quiesce::os::drivers {
namespace {
constexpr u32 kept_free = 2; // entries: __iommu_queue_command_sync leaves 20h bytes

/// The manual's names, by opcode; interned once.
base::Name amdvi_command_name(amdvi::Opcode opcode) {
    static const auto names = [] {
        std::array<base::Name, 16> all{};
        all.fill("?");
        for (const auto& row : enum_names(amdvi::Opcode{})) all.at(raw(row.value)) = base::Name{row.name};
        return all;
    }();
    return names.at(raw(opcode) & 15);
}
} // namespace

void AmdviCommandQueue::place(Spa commands, Spa semaphore, unsigned log2size) {
    commands_ = commands;
    semaphore_ = semaphore;
    ring_ = {log2size, 0, 0};
}

/// raw_spin_lock_irqsave: interrupts are off before the lock is asked for.
sim::Task<void> AmdviCommandQueue::lock(KernelContext& ctx, Locked& held) {
    held.irqs.emplace(ctx.irqs_off());
    sim::Lease taken = co_await lock_.lock();
    held.lock = std::move(taken);
    co_await ctx.spend(config_.take_lock.get(), unit_);
}

/// Under the lock. The head is read only when the buffer looks full.
sim::Task<bool> AmdviCommandQueue::put(KernelContext& ctx, Command c) {
    for (u32 looks = 0; ring_.free() < kept_free + 1; ++looks) {
        if (looks > 0) {
            if (looks >= config_.polls.get()) {
                ++gave_up_;
                co_return false;
            }
            co_await ctx.spin(config_.poll_interval.get());
        }
        const u64 head = co_await ctx.mmio_read(registers_ + amdvi::CmdHead::offset, 4);
        ring_.cons = amdvi::CmdHead::of(head).get(amdvi::CmdHead::Ptr);
    }
    const Spa at = slot(ring_.prod_index());
    co_await ctx.spend(config_.build_command.get(), unit_);
    ctx.events().emit(IommuCommandIssued{ctx.number(), unit_, amdvi_command_name(c.get(Command::Op)), ctx.name(), at});
    co_await ctx.store(at, c.word(0));
    co_await ctx.store(at + 8, c.word(1));
    ring_.produce();
    co_await ctx.barrier(); // a store to a register comes behind those to memory
    co_await ctx.mmio_write(registers_ + amdvi::CmdTail::offset, 4, ring_.prod * amdvi::ring_entry_bytes);
    co_return true;
}

sim::Task<bool> AmdviCommandQueue::queue(KernelContext& ctx, Command c) {
    Locked held;
    co_await lock(ctx, held);
    const bool in = co_await put(ctx, c);
    if (in) need_sync_ = true;
    co_return in;
}

AmdviCommandQueue::Command AmdviCommandQueue::wait_command(u64 sequence) const {
    using W = amdvi::CompletionWait;
    auto c = amdvi::make<W>();
    c.set(W::S, true).set(W::StoreAddress, semaphore_).set(W::StoreData, sequence);
    return amdvi::as_command(c);
}

/// Without a command since the last one nothing new is queued: whoever queued that may not have seen it complete, and so
/// it is waited for.
sim::Task<bool> AmdviCommandQueue::completion_wait(KernelContext& ctx, base::Name phase, Wait how) {
    u64 mine = 0;
    {
        Locked held;
        co_await lock(ctx, held);
        if (need_sync_) {
            mine = ++sequence_;
            const bool in = co_await put(ctx, wait_command(mine));
            need_sync_ = false;
            if (!in) co_return false;
        } else {
            mine = sequence_;
            if (how == Wait::UnlessQueued) co_return false; // R8-amd: nobody has seen it
        }
    }
    if (how == Wait::Not) co_return false;
    const bool seen = co_await wait_on(ctx, mine, phase);
    co_return seen;
}

/// wait_on_sem: outside the lock, and as long as the caller has interrupts off, so are they.
sim::Task<bool> AmdviCommandQueue::wait_on(KernelContext& ctx, u64 sequence, base::Name phase) {
    auto waiting = ctx.begin_wait(phase, unit_);
    for (u32 looks = 0;; ++looks) {
        const u64 stored = co_await ctx.load(semaphore_);
        if (static_cast<i64>(stored - sequence) >= 0) break;
        if (looks >= config_.polls.get()) {
            ++gave_up_;
            co_return false;
        }
        co_await ctx.spin(config_.poll_interval.get());
    }
    if (wait_span_) waiting.ended_by(wait_span_());
    co_return true;
}

} // namespace quiesce::os::drivers
