// SPDX-License-Identifier: Apache-2.0
/// What the drivers of PCI functions have in common: who they are, resets, bus mastering, and a device that is gone.
#pragma once
#include "os/drivers/device_driver.h"
#include "os/drivers/ecam_function.h"
#include "os/kernel.h"

#include <functional>
#include <utility>
#include <vector>

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
    /// For whom the device lost work since this was asked last (devices::SvaFunction): software cannot see it, and only
    /// WorkLost tells of it.
    void set_lost_work(std::function<std::vector<BondId>()> take) { take_lost_work_ = std::move(take); }

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
    /// Work that the device lost for the bond is lost for its process: the driver does not give it to the device again.
    virtual bool loses(BondId) const { return true; }
    /// After a reset, or when the link is down: WorkLost, whatever kind of device it is.
    void tell_losses();

    const base::Name name_;
    const DeviceId device_;
    const StreamId stream_;
    Kernel& kernel_;
    EcamFunction pci_;
    const sim::Duration reset_wait_;
    u32 message_ = 0; ///< its interrupt
    bool gone_ = false, in_reset_ = false;
    sim::Mutex lock_; ///< whoever programs the device

private:
    std::function<std::vector<BondId>()> take_lost_work_;
};

} // namespace quiesce::os::drivers
