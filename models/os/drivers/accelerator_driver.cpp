// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/accelerator_driver.h"

namespace quiesce::os::drivers {

using namespace devices::accelerator;

AcceleratorDriver::AcceleratorDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel,
                                     const AcceleratorDriverConfig& config, Spa function,
                                     std::function<u64(unsigned)> stop_span, bool bus_addresses)
    : PciDeviceDriver(name, device, stream, kernel, function, config.reset_wait.get()), config_(config),
      stop_span_(std::move(stop_span)), bus_addresses_(bus_addresses) {}

sim::Task<void> AcceleratorDriver::probe(KernelContext& ctx) {
    co_await pci_.enable_memory(ctx);
    const u64 cap_bits = co_await ctx.mmio_read(pci_.bar0() + DEV_CAP::offset, 4);
    const auto cap = DEV_CAP::of(static_cast<u32>(cap_bits));
    for (u64 i = 0; i < cap.get(DEV_CAP::QUEUES); ++i) queues_.push_back(std::make_unique<Queue>());
    request_interrupt();
    co_await enable_interrupts(ctx);
    if (cap.get(DEV_CAP::ATOMICS)) co_await pci_.enable_atomic_ops(ctx);
    co_await pci_.set_master(ctx);
}

sim::Task<void> AcceleratorDriver::enable_interrupts(KernelContext& ctx) {
    co_await write<MSI_ADDR>(ctx, kernel_.interrupts().window().value());
    co_await write<MSI_DATA>(ctx, message_);
    co_await write<INT_ENABLE>(ctx, 1);
}

void AcceleratorDriver::stopped(Queue& q) {
    q.stopped.set();
    if (std::exchange(q.given_up, false)) q.bond = no_bond; // it stopped after all
}

void AcceleratorDriver::nothing_comes() {
    for (auto& q : queues_) stopped(*q);
}

sim::Task<void> AcceleratorDriver::program_anew(KernelContext& ctx) {
    co_await enable_interrupts(ctx);
    nothing_comes();
}

/// The bond's queue; a free one becomes it, if one is named no other. Null if none is left.
AcceleratorDriver::Queue* AcceleratorDriver::queue_of(BondId bond, unsigned& number, std::optional<unsigned> only) {
    for (const BondId wanted : {bond, no_bond})
        for (number = 0; number < queues_.size(); ++number)
            if (queues_[number]->bond == wanted && only.value_or(number) == number) return queues_[number].get();
    return nullptr;
}

sim::Task<bool> AcceleratorDriver::submit(KernelContext& ctx, Bond& bond, const Work& work) {
    unsigned number = 0;
    Queue* q = queue_of(bond.id, number, work.queue);
    if (q == nullptr || gone_) co_return false;
    q->bond = bond.id;
    ++q->work;
    q->stopped.reset(); // a stop that comes from now on has work to stop
    co_await ctx.spend(config_.submit.get(), name_);
    auto held = co_await ctx.sleep_on(lock_.lock(), "device-lock", name_);
    if (gone_) {
        q->stopped.set();
        co_return false;
    }
    q->stopped.reset(); // a reset that this waited for set it
    co_await ring_doorbell(ctx, pci_.bar0(), number, bond, work);
    co_return true;
}

sim::Task<bool> AcceleratorDriver::stop(KernelContext& ctx, Bond& bond) {
    unsigned number = 0;
    Queue* q = queue_of(bond.id, number);
    bool idle = true;
    if (q != nullptr && q->bond == bond.id) {
        const u64 stopping = q->work;
        auto held = co_await ctx.sleep_on(lock_.lock(), "device-lock", name_);
        if (!gone_) { // a queue that a reset has stopped already stops once more
            auto work = ctx.begin("stop-command", bond.id);
            co_await write<QUEUE_SELECT>(ctx, number);
            co_await write<Q_CTRL>(ctx, 2);
        }
        held.release();
        const sim::Duration limit = config_.stop_timeout.get();
        const sim::Time until = limit == sim::Duration{} ? sim::Time::never() : sim::now() + limit;
        idle = co_await ctx.sleep_on(q->stopped.wait_until(until), "device-stop", name_, [&] { return stop_span_ ? stop_span_(number) : 0; });
        if (idle && q->stopped_work == stopping) co_return true; // asked for at the same time, it was seen already
        if (idle) {
            q->bond = no_bond;
            q->stopped_work = stopping;
        } else {
            q->given_up = true;
        }
    }
    kernel_.events().emit(StopSeen{bond.id, !idle, ctx.last_span()});
    co_return idle;
}

sim::Task<void> AcceleratorDriver::on_interrupt(KernelContext& ctx) {
    auto work = ctx.begin("device-interrupt");
    co_await ctx.spend(config_.interrupt.get(), name_);
    const u64 those = co_await ctx.mmio_read(pci_.bar0() + INT_STOPPED::offset, 8);
    if (gone_ || in_reset_) co_return; // nobody answered: all ones
    co_await write<INT_STOPPED>(ctx, those);
    for (unsigned i = 0; i < queues_.size(); ++i)
        if ((those >> i & 1) != 0) stopped(*queues_[i]);
}

} // namespace quiesce::os::drivers
