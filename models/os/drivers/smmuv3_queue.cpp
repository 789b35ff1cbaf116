// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/smmuv3_queue.h"

#include <algorithm>

namespace quiesce::os::drivers {

using namespace iommu::smmuv3;

void Smmuv3CommandQueue::place(Spa base, unsigned log2size) {
    base_ = base;
    indices_ = {log2size, 0, 0};
}

sim::Task<u32> Smmuv3CommandQueue::read_cons(KernelContext& ctx) {
    const u64 raw_cons = co_await ctx.mmio_read(registers_ + CmdqCons::offset, 4);
    co_return static_cast<u32>(CmdqCons::of(static_cast<u32>(raw_cons)).get(CmdqCons::RD));
}

/// Polls CMDQ_CONS until `entries` slots are free; false after the driver's time-out.
sim::Task<bool> Smmuv3CommandQueue::make_room(KernelContext& ctx, u32 entries) {
    const sim::Time deadline = sim::now() + config_.sync_timeout.get();
    while (indices_.free() < entries) {
        indices_.cons = co_await read_cons(ctx);
        if (indices_.free() >= entries) break;
        if (sim::now() >= deadline) co_return false;
        co_await ctx.spin(1_us);
    }
    co_return true;
}

sim::Task<void> Smmuv3CommandQueue::write(KernelContext& ctx, u32 position, const Command& c) {
    co_await ctx.spend(config_.build_command.get(), "smmuv3.cmdq");
    co_await ctx.store(slot(position), c.word(0));
    co_await ctx.store(slot(position) + 8, c.word(1));
}

/// A CMD_SYNC either writes zero over its own slot, which a CPU can watch in its cache, or is seen by the consumer index.
Command Smmuv3CommandQueue::sync_command(u32 position) const {
    Sync s = make_command<Sync>();
    if (config_.msipoll) {
        s.set(Sync::CS, SyncSignal::Irq);
        s.set(Sync::MSIAddress, slot(position));
        s.set(Sync::MSH, WalkShareability::InnerShareable);
        s.set(Sync::MSIAttr, 0xfu); // write-back cacheable
    }
    return as_command(s);
}

sim::Task<bool> Smmuv3CommandQueue::wait_message(KernelContext& ctx, Spa where) {
    const sim::Time asked = sim::now(), deadline = asked + config_.sync_timeout.get();
    for (;;) {
        const u64 word = co_await ctx.load(where, 4);
        if (static_cast<u32>(word) == 0) co_return true;
        if (sim::now() >= deadline) co_return false;
        // Looks grow rarer the longer it takes: at most about 2 % late, and a stuck queue does not cost a simulation hours.
        co_await ctx.spin(std::max(config_.poll_interval.get(), (sim::now() - asked) / 64));
    }
}

/// Ten looks in a row, then pauses of 1, 2, 4 ... us (arm_smmu_queue_poll).
sim::Task<bool> Smmuv3CommandQueue::wait_consumed(KernelContext& ctx, u32 position) {
    const sim::Time deadline = sim::now() + config_.sync_timeout.get();
    sim::Duration pause = 1_us;
    for (unsigned looks = 0;; ++looks) {
        indices_.cons = co_await read_cons(ctx);
        if (!indices_.outstanding(position)) co_return true;
        if (sim::now() >= deadline) co_return false;
        if (looks < 10) continue;
        co_await ctx.spin(pause);
        pause = pause * 2;
    }
}

sim::Task<bool> Smmuv3CommandQueue::issue(KernelContext& ctx, std::span<const Command> commands, base::Name phase, bool wait) {
    auto irqs = ctx.irqs_off(); // from the slot allocation to the completion of the SYNC
    const auto entries = static_cast<u32>(commands.size() + 1);
    u32 sync_position = 0;
    {
        auto work = ctx.begin("submit-commands");
        auto turn = co_await publish_.lock();
        co_await ctx.spend(config_.take_slots.get(), "smmuv3.cmdq");
        const bool room = co_await make_room(ctx, entries);
        if (!room) {
            ++timeouts_;
            co_return false;
        }
        for (const Command& c : commands) {
            co_await write(ctx, indices_.prod, c);
            indices_.produce();
        }
        sync_position = indices_.prod;
        co_await write(ctx, sync_position, sync_command(sync_position));
        indices_.produce();
        co_await ctx.barrier(); // dma_wmb: the entries are visible before the producer index is
        co_await ctx.mmio_write(registers_ + CmdqProd::offset, 4, indices_.prod);
    }
    if (!wait) co_return true;
    auto waiting = ctx.begin_wait(phase, unit_);
    bool seen = false;
    if (config_.msipoll) seen = co_await wait_message(ctx, slot(sync_position));
    else seen = co_await wait_consumed(ctx, sync_position);
    if (seen && sync_span_) waiting.ended_by(sync_span_());
    if (seen && config_.msipoll && indices_.outstanding(sync_position)) indices_.cons = indices_.next(sync_position);
    if (!seen) ++timeouts_;
    co_return seen;
}

} // namespace quiesce::os::drivers
