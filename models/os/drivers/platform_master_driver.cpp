// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/platform_master_driver.h"

#include <bit>

namespace quiesce::os::drivers {

using namespace devices::accelerator;

PlatformMasterDriver::PlatformMasterDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel,
                                           const PlatformMasterDriverConfig& config, const PlatformNode& node,
                                           std::function<u64(unsigned)> stop_span)
    : name_(name), device_(device), stream_(stream), kernel_(kernel), config_(config), node_(node),
      stop_span_(std::move(stop_span)) {}

/// The wire tells of work that has ended by itself; a stop is polled for.
sim::Task<void> PlatformMasterDriver::probe(KernelContext& ctx) {
    const u64 cap_bits = co_await ctx.mmio_read(node_.registers + DEV_CAP::offset, 4);
    const auto cap = DEV_CAP::of(static_cast<u32>(cap_bits));
    queues_.resize(cap.get(DEV_CAP::QUEUES));
    const u32 number = kernel_.interrupts().request("irq/" + std::string{name_.text()},
                                                    [this](KernelContext& c) { return on_interrupt(c); });
    kernel_.interrupts().connect(node_.wire, number);
    co_await write_register<INT_ENABLE>(ctx, node_.registers, 2); // DONE
}

/// The bond's queue, or a free one; one that the driver gave up once is looked at again. The queue stays selected.
sim::Task<std::optional<unsigned>> PlatformMasterDriver::queue_for(KernelContext& ctx, BondId bond) {
    for (const BondId wanted : {bond, no_bond})
        for (unsigned n = 0; n < queues_.size(); ++n)
            if (queues_[n].bond == wanted && !queues_[n].given_up) co_return n;
    for (unsigned n = 0; n < queues_.size(); ++n) {
        if (!queues_[n].given_up) continue;
        const bool is_stopped = co_await stopped(ctx, n);
        if (!is_stopped) continue;
        queues_[n] = {};
        co_return n;
    }
    co_return std::nullopt;
}

sim::Task<bool> PlatformMasterDriver::submit(KernelContext& ctx, Bond& bond, const Work& work) {
    co_await ctx.spend(config_.submit.get(), name_);
    auto held = co_await ctx.sleep_on(select_.lock(), "device-lock", name_);
    const std::optional<unsigned> queue = co_await queue_for(ctx, bond.id);
    if (!queue) co_return false;
    queues_[*queue].bond = bond.id;
    co_await ring_doorbell(ctx, node_.registers, *queue, bond, work);
    co_return true;
}

/// The lock is held.
sim::Task<bool> PlatformMasterDriver::stopped(KernelContext& ctx, unsigned queue) {
    co_await write_register<QUEUE_SELECT>(ctx, node_.registers, queue);
    const u64 bits = co_await ctx.mmio_read(node_.registers + Q_STATUS::offset, 4);
    const State state = Q_STATUS::of(static_cast<u32>(bits)).get(Q_STATUS::STATE);
    co_return state == State::Stopped;
}

/// qm_check_dev_error.
sim::Task<bool> PlatformMasterDriver::in_error(KernelContext& ctx) {
    const u64 bits = co_await ctx.mmio_read(node_.registers + DEV_ERROR::offset, 4);
    co_return DEV_ERROR::of(static_cast<u32>(bits)).get(DEV_ERROR::FATAL);
}

/// qm_drain_qp and what its caller makes of a time-out: an error in the log, and on.
sim::Task<bool> PlatformMasterDriver::wait_until_stopped(KernelContext& ctx, unsigned queue) {
    bool idle = false;
    for (unsigned look = 0; look < config_.stop_polls && !idle; ++look) {
        if (look > 0)
            co_await ctx.sleep_on(sim::delay(config_.stop_poll.get()), "device-stop", name_,
                                  [&] { return stop_span_ ? stop_span_(queue) : 0; });
        auto held = co_await ctx.sleep_on(select_.lock(), "device-lock", name_);
        idle = co_await stopped(ctx, queue);
    }
    const std::function<u64()> device = [&] { return stop_span_ ? stop_span_(queue) : 0; };
    for (unsigned n = 0; n < config_.grace_periods && !idle; ++n) // hisi_qm_uacce_stop_queue
        co_await ctx.sleep_on(sim::delay(config_.grace_period.get()), "device-stop", name_, device);
    co_return idle;
}

sim::Task<bool> PlatformMasterDriver::stop(KernelContext& ctx, Bond& bond) {
    auto alone = co_await ctx.sleep_on(stop_.lock(), "device-lock", name_);
    if (bond.stopped) co_return true; // by whoever had the lock before
    unsigned number = 0;
    while (number < queues_.size() && queues_[number].bond != bond.id) ++number;
    bool idle = true;
    if (number < queues_.size()) {
        const bool closed = co_await in_error(ctx); // what is in error has closed its way to memory: there is nothing to stop
        if (closed) {
            kernel_.events().emit(CommandSkipped{name_, 2, bond.id});
        } else {
            auto held = co_await ctx.sleep_on(select_.lock(), "device-lock", name_);
            auto work = ctx.begin("stop-command", bond.id);
            co_await write_register<QUEUE_SELECT>(ctx, node_.registers, number);
            co_await write_register<Q_CTRL>(ctx, node_.registers, 2);
        }
        if (!closed) idle = co_await wait_until_stopped(ctx, number);
        queues_[number].bond = no_bond;
        queues_[number].given_up = !idle;
    }
    kernel_.events().emit(StopSeen{bond.id, !idle, ctx.last_span()});
    co_return idle;
}

sim::Task<void> PlatformMasterDriver::on_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("device-interrupt");
    co_await ctx.spend(config_.interrupt.get(), name_);
    const u64 those = co_await ctx.mmio_read(node_.registers + INT_DONE::offset, 8);
    co_await write_register<INT_DONE>(ctx, node_.registers, those);
    done_interrupts_ += static_cast<u64>(std::popcount(those));
}

} // namespace quiesce::os::drivers
