// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/pci_device_driver.h"

#include <string>

namespace quiesce::os::drivers {

void PciDeviceDriver::request_interrupt(std::function<u64()> cause) {
    message_ = kernel_.interrupts().request(
        "irq/" + std::string{name_.text()}, [this](KernelContext& c) { return on_interrupt(c); }, std::move(cause));
}

sim::Task<bool> PciDeviceDriver::reset(KernelContext& ctx) {
    if (gone_) co_return false;
    auto held = co_await ctx.sleep_on(lock_.lock(), "device-lock", name_);
    in_reset_ = true;
    const bool done = co_await pci_.function_level_reset(ctx, reset_wait_, name_);
    in_reset_ = false;
    if (!done || gone_) co_return false;
    tell_losses();
    co_await program_anew(ctx);
    co_return true;
}

sim::Task<bool> PciDeviceDriver::allow_dma(KernelContext& ctx, bool allowed) {
    auto held = co_await ctx.sleep_on(lock_.lock(), "device-lock", name_);
    if (gone_) co_return false;
    if (allowed) co_await pci_.set_master(ctx);
    else co_await pci_.clear_master(ctx);
    co_return true;
}

void PciDeviceDriver::disconnect() {
    gone_ = true;
    nothing_comes();
    tell_losses();
}

void PciDeviceDriver::tell_losses() {
    if (!take_lost_work_) return;
    for (const BondId bond : take_lost_work_())
        if (loses(bond)) kernel_.events().emit(WorkLost{device_, bond});
}

} // namespace quiesce::os::drivers
