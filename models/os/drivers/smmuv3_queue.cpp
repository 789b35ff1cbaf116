// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/smmuv3_queue.h"

#include <algorithm>
#include <array>

namespace quiesce::os::drivers {

using namespace iommu::smmuv3;

namespace {
base::Name name_of(Opcode op) {
    static const auto names = [] {
        std::array<base::Name, 256> all{};
        for (const auto& row : enum_names(Opcode{})) all[raw(row.value)] = row.name;
        return all;
    }();
    return names[raw(op)];
}
} // namespace

void Smmuv3CommandQueue::place(Spa base, unsigned log2size) {
    base_ = base;
    indices_ = {log2size, 0, 0};
}

sim::Task<u32> Smmuv3CommandQueue::read_cons(KernelContext& ctx) {
    const u64 raw_cons = co_await ctx.mmio_read(registers_ + where_.consumer, 4); // RD is where it is in each of them
    co_return static_cast<u32>(CmdqCons::of(static_cast<u32>(raw_cons)).get(CmdqCons::RD));
}

/// arm_smmu_cmdq_poll_until_not_full: the consumer index is taken anew only while no CPU watches a CMD_SYNC, so that nobody's
/// slot is used again under its eyes; otherwise the last watcher says how far the unit is. A time-out is printed, and waiting
/// goes on, with interrupts as the caller had them.
sim::Task<void> Smmuv3CommandQueue::make_room(KernelContext& ctx, u32 entries, std::optional<KernelContext::IrqsOff>& irqs) {
    sim::Time deadline = sim::now() + config_.sync_timeout.get();
    while (indices_.free() < entries) {
        irqs.reset();
        if (watchers_ == 0) indices_.cons = co_await read_cons(ctx);
        if (indices_.free() < entries) {
            if (sim::now() >= deadline) {
                ++timeouts_;
                deadline = sim::now() + config_.sync_timeout.get();
            }
            co_await ctx.spin(1_us);
        }
        irqs.emplace(ctx.irqs_off());
    }
}

sim::Task<void> Smmuv3CommandQueue::write(KernelContext& ctx, u32 position, const Command& c) {
    co_await ctx.spend(config_.build_command.get(), "smmuv3.cmdq");
    ctx.events().emit(IommuCommandIssued{ctx.number(), unit_, name_of(c.get(Command::Op)), ctx.name(), slot(position)});
    co_await ctx.store(slot(position), c.word(0));
    co_await ctx.store(slot(position) + 8, c.word(1));
}

/// A CMD_SYNC either writes zero over its own slot, which a CPU can watch in its cache, or is seen by the consumer index.
iommu::smmuv3::Command Smmuv3CommandQueue::sync_command(u32 position) const {
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
        const sim::Duration pause = std::max(config_.poll_interval.get(), (sim::now() - asked) / 64);
        co_await ctx.spin(std::min(pause, deadline - sim::now()));
    }
}

/// Ten looks in a row, then pauses of 1, 2, 4 ... us (arm_smmu_queue_poll).
sim::Task<bool> Smmuv3CommandQueue::wait_consumed(KernelContext& ctx, u32 position) {
    const sim::Time deadline = sim::now() + config_.sync_timeout.get();
    sim::Duration pause = 1_us;
    for (unsigned looks = 0;; ++looks) {
        base::RingIndices<base::WrapBit> seen = indices_; // what others may reuse is not moved under their eyes
        seen.cons = co_await read_cons(ctx);
        if (!seen.outstanding(position)) co_return true;
        if (sim::now() >= deadline) co_return false;
        if (looks < 10) continue;
        co_await ctx.spin(std::min(pause, deadline - sim::now()));
        pause = pause * 2;
    }
}

sim::Task<void> Smmuv3CommandQueue::publish(KernelContext& ctx, std::span<const Command> batch, bool sync, u32& sync_position,
                                            std::optional<KernelContext::IrqsOff>& irqs) {
    auto work = ctx.begin("submit-commands");
    auto turn = co_await publish_.lock();
    irqs.emplace(ctx.irqs_off());
    co_await ctx.spend(config_.take_slots.get(), "smmuv3.cmdq");
    co_await make_room(ctx, static_cast<u32>(batch.size() + (sync ? 1 : 0)), irqs);
    for (const Command& c : batch) {
        co_await write(ctx, indices_.prod, c);
        indices_.produce();
    }
    if (sync) {
        sync_position = indices_.prod;
        co_await write(ctx, sync_position, sync_command(sync_position));
        indices_.produce();
        ++watchers_;
    }
    co_await ctx.barrier(); // dma_wmb: the entries are visible before the producer index is
    published_ = indices_.prod;
    co_await ctx.mmio_write(registers_ + where_.producer, 4, published_ | where_.flags);
}

sim::Task<void> Smmuv3CommandQueue::write_flags(KernelContext& ctx, u32 flags) {
    where_.flags = flags;
    co_await ctx.mmio_write(registers_ + where_.producer, 4, published_ | flags);
}

/// arm_smmu_cmdq_poll_until_sync. The last CPU that watches says how far the unit has come.
sim::Task<bool> Smmuv3CommandQueue::wait_for(KernelContext& ctx, u32 sync_position, base::Name phase) {
    auto waiting = ctx.begin_wait(phase, unit_);
    bool seen = false;
    if (config_.msipoll) seen = co_await wait_message(ctx, slot(sync_position));
    else seen = co_await wait_consumed(ctx, sync_position);
    if (seen && sync_span_) waiting.ended_by(sync_span_());
    if (!seen) ++timeouts_;
    else if (watchers_ == 1 && indices_.outstanding(sync_position)) indices_.cons = indices_.next(sync_position);
    co_return seen;
}

sim::Task<void> Smmuv3CommandQueue::post(KernelContext& ctx, std::span<const Command> commands) {
    std::optional<KernelContext::IrqsOff> irqs;
    u32 no_sync = 0;
    co_await publish(ctx, commands, false, no_sync, irqs);
}

sim::Task<bool> Smmuv3CommandQueue::issue(KernelContext& ctx, std::span<const Command> commands, base::Name phase, bool wait) {
    // CMDQ_BATCH_ENTRIES. MODEL: Linux refuses a unit whose queue does not hold a batch and a CMD_SYNC; here batches are smaller.
    const std::size_t most = std::min<std::size_t>(64, (std::size_t{1} << indices_.log2size) - 1);
    std::optional<KernelContext::IrqsOff> irqs;
    u32 sync_position = 0;
    for (;;) {
        const auto batch = commands.first(std::min(most, commands.size()));
        commands = commands.subspan(batch.size());
        const bool last = commands.empty();
        co_await publish(ctx, batch, last, sync_position, irqs);
        if (last) break;
        irqs.reset();
    }
    bool seen = true;
    if (wait) seen = co_await wait_for(ctx, sync_position, phase);
    --watchers_;
    co_return seen;
}

} // namespace quiesce::os::drivers
