// SPDX-License-Identifier: Apache-2.0
/// What the kernel asks of a device's driver.
#pragma once
#include "os/bond.h"
#include "os/drivers/pci_function.h"

#include <optional>

namespace quiesce::os::drivers {

/// Work for a device, as a scenario words it.
struct Work {
    enum class Direction : u8 { Read, Write, Mixed } direction = Direction::Mixed;
    enum class Pattern : u8 { Sequential, Random } pattern = Pattern::Random;
    Va first{};
    u64 bytes = 0;
    u32 request_min = 0, request_max = 0;    ///< 0: the device's own
    sim::Duration every{};
    u64 count = 0;
    unsigned outstanding = 0;
    std::optional<unsigned> queue{};         ///< the device's queue for it; absent: any that is free
};

/// What firmware says of a device that is no PCI function (the device tree's pasid-num-bits and dma-can-stall).
struct FirmwareNode {
    unsigned pasid_bits = 0;
    bool dma_can_stall = false;
};

class DeviceDriver {
public:
    virtual ~DeviceDriver() = default;
    virtual base::Name name() const = 0;
    virtual DeviceId device() const = 0;
    virtual StreamId stream() const = 0;
    /// The device on its bus: the kernel finds it and enables there what belongs to the IOMMU. Null: it is no PCI
    /// function.
    virtual PciFunction* pci() { return nullptr; }
    /// Only if it is none.
    virtual FirmwareNode firmware() const { return {}; }
    /// The device has been found, and its stream may translate.
    virtual sim::Task<void> probe(KernelContext& ctx) = 0;
    /// Queues work under the bond. False if the device has no queue left.
    virtual sim::Task<bool> submit(KernelContext& ctx, Bond& bond, const Work& work) = 0;
    /// Stops the device for the bond and waits until it is idle; StopSeen. False if the driver gave up waiting.
    virtual sim::Task<bool> stop(KernelContext& ctx, Bond& bond) = 0;
    /// Resets the device: it forgets its work, and whoever waits for it to stop goes on. False if the driver cannot.
    virtual sim::Task<bool> reset(KernelContext&) { co_return false; }
    /// Lets the device send requests, or not. False if the driver cannot.
    virtual sim::Task<bool> allow_dma(KernelContext&, bool) { co_return false; }
    /// The device's link is down: no answer will come from it. Whoever waits for one goes on.
    virtual void disconnect() {}
    /// It was disconnected: nothing is asked of it any more.
    virtual bool gone() const { return false; }
};

} // namespace quiesce::os::drivers
