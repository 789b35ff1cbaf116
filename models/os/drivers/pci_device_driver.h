// SPDX-License-Identifier: Apache-2.0
/// What the drivers of PCI functions have in common: who they are, resets, bus mastering, and a device that is gone.
#pragma once
#include "os/drivers/device_driver.h"
#include "os/drivers/ecam_function.h"
#include "os/kernel.h"

namespace quiesce::os::drivers {

class PciDeviceDriver : public DeviceDriver {
public:
    base::Name name() const override { return name_; }
    DeviceId device() const override { return device_; }
    StreamId stream() const override { return stream_; }
    PciFunction* pci() override { return &pci_; }
    /// Nobody programs the device meanwhile. Afterwards nothing works any more.
    sim::Task<bool> reset(KernelContext& ctx) override;
    sim::Task<bool> allow_dma(KernelContext& ctx, bool allowed) override;
    void disconnect() override;
    bool gone() const override { return gone_; }

protected:
    /// `function`: where the window of configuration registers has the device. `reset_wait`: how long a function-level
    /// reset is waited for.
    PciDeviceDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel, Spa function,
                    sim::Duration reset_wait)
        : name_(name), device_(device), stream_(stream), kernel_(kernel), pci_(function), reset_wait_(reset_wait) {}

    /// Its message is message_ from now on. `cause`: the device's span that ended with it, for breakdowns.
    void request_interrupt(std::function<u64()> cause = {});
    virtual sim::Task<void> on_interrupt(KernelContext& ctx) = 0;
    /// A reset has been waited for, and the lock is held.
    virtual sim::Task<void> program_anew(KernelContext& ctx) = 0;
    /// No answer comes any more: whoever waits for one goes on.
    virtual void nothing_comes() = 0;

    const base::Name name_;
    const DeviceId device_;
    const StreamId stream_;
    Kernel& kernel_;
    EcamFunction pci_;
    const sim::Duration reset_wait_;
    u32 message_ = 0; ///< its interrupt
    bool gone_ = false, in_reset_ = false;
    sim::Mutex lock_; ///< whoever programs the device
};

} // namespace quiesce::os::drivers
