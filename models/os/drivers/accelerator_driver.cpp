// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/accelerator_driver.h"

namespace quiesce::os::drivers {

using namespace devices::accelerator;

AcceleratorDriver::AcceleratorDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel,
                                     const AcceleratorDriverConfig& config, Spa function,
                                     std::function<u64(unsigned)> stop_span)
    : name_(name), device_(device), stream_(stream), kernel_(kernel), config_(config), pci_(function),
      stop_span_(std::move(stop_span)) {}

sim::Task<void> AcceleratorDriver::probe(KernelContext& ctx) {
    co_await pci_.enable_memory(ctx);
    const u64 cap_bits = co_await ctx.mmio_read(pci_.bar0() + DEV_CAP::offset, 4);
    const auto cap = DEV_CAP::of(static_cast<u32>(cap_bits));
    for (u64 i = 0; i < cap.get(DEV_CAP::QUEUES); ++i) queues_.push_back(std::make_unique<Queue>());
    const u32 message = kernel_.interrupts().request("irq/" + std::string{name_.text()}, [this](KernelContext& c) { return on_interrupt(c); });
    co_await write<MSI_ADDR>(ctx, InterruptController::window.value());
    co_await write<MSI_DATA>(ctx, message);
    co_await write<INT_ENABLE>(ctx, 1);
    co_await pci_.set_master(ctx);
}

/// The bond's queue; a free one becomes it. Null if none is left.
AcceleratorDriver::Queue* AcceleratorDriver::queue_of(BondId bond, unsigned& number) {
    for (const BondId wanted : {bond, no_bond})
        for (number = 0; number < queues_.size(); ++number)
            if (queues_[number]->bond == wanted) return queues_[number].get();
    return nullptr;
}

sim::Task<bool> AcceleratorDriver::submit(KernelContext& ctx, Bond& bond, const Work& work) {
    unsigned number = 0;
    Queue* q = queue_of(bond.id, number);
    if (q == nullptr) co_return false;
    q->bond = bond.id;
    q->stopped.reset();
    co_await ctx.spend(config_.submit.get(), name_);
    auto held = co_await select_.lock();
    co_await write<QUEUE_SELECT>(ctx, number);
    co_await write<Q_PASID>(ctx, raw(bond.pasid) | u64{1} << 31);
    co_await write<Q_WORK_TAG>(ctx, raw(bond.id));
    co_await write<Q_BASE>(ctx, work.first.value());
    co_await write<Q_LENGTH>(ctx, work.bytes);
    co_await write<Q_MODE>(ctx, static_cast<u64>(work.direction) | static_cast<u64>(work.pattern) << 4 | u64{50} << 8 | u64{work.outstanding} << 16);
    co_await write<Q_SIZE>(ctx, work.request_min | u64{work.request_max} << 16);
    co_await write<Q_RATE>(ctx, static_cast<u64>(work.every.ps() / 1000));
    co_await write<Q_COUNT>(ctx, work.count);
    co_await write<Q_CTRL>(ctx, 1);
    co_return true;
}

sim::Task<bool> AcceleratorDriver::stop(KernelContext& ctx, Bond& bond) {
    unsigned number = 0;
    Queue* q = queue_of(bond.id, number);
    u64 span = 0;
    bool idle = true;
    if (q != nullptr && q->bond == bond.id) {
        {
            auto work = ctx.begin("stop-command", bond.id);
            span = work.id();
            auto held = co_await select_.lock();
            co_await write<QUEUE_SELECT>(ctx, number);
            co_await write<Q_CTRL>(ctx, 2);
        }
        const sim::Duration limit = config_.stop_timeout.get();
        const sim::Time until = limit == sim::Duration{} ? sim::Time::never() : sim::now() + limit;
        idle = co_await ctx.sleep_on(q->stopped.wait_until(until), "device-stop", name_, [&] { return stop_span_ ? stop_span_(number) : 0; });
        span = ctx.last_span();
        if (idle) q->bond = no_bond;
        else q->given_up = true;
    }
    kernel_.events().emit(StopSeen{bond.id, !idle, span});
    co_return idle;
}

sim::Task<void> AcceleratorDriver::on_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("device-interrupt");
    co_await ctx.spend(config_.interrupt.get(), name_);
    const u64 stopped = co_await ctx.mmio_read(pci_.bar0() + INT_STOPPED::offset, 8);
    co_await write<INT_STOPPED>(ctx, stopped);
    for (unsigned i = 0; i < queues_.size(); ++i) {
        if ((stopped >> i & 1) == 0) continue;
        queues_[i]->stopped.set();
        if (std::exchange(queues_[i]->given_up, false)) queues_[i]->bond = no_bond; // it stopped after all
    }
}

} // namespace quiesce::os::drivers
