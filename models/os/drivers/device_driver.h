// SPDX-License-Identifier: Apache-2.0
/// What the kernel asks of a device's driver.
#pragma once
#include "os/bond.h"
#include "os/drivers/pci_function.h"

#include <optional>

namespace quiesce::os::drivers {

/// Work for a device, as a scenario words it.
struct Work {
    enum class Direction : u8 { Read, Write, Mixed, Atomic } direction = Direction::Mixed;
    enum class Pattern : u8 { Sequential, Random } pattern = Pattern::Random;
    Va first{};
    u64 bytes = 0;
    u32 request_min = 0, request_max = 0;    ///< 0: the device's own
    sim::Duration every{};
    u64 count = 0;
    unsigned outstanding = 0;
    /// For a device that does one of several things with memory; ByDirection: the one that reads or writes as
    /// `direction` says.
    enum class Operation : u8 { ByDirection, Noop, Drain, Move, Fill, Compare } operation = Operation::ByDirection;
    bool block_on_fault = true;              ///< the device waits for a page that is not there
    bool stuck = false;                      ///< a program that a device cannot preempt, where it preempts at all
    std::optional<unsigned> queue{};         ///< the device's queue for it; absent: any that is free
};

/// Where user space gives a device work by itself: a page of registers.
struct Portal {
    Spa at{};
    bool deferrable = false;                 ///< takes ENQCMD, with the thread's PASID; otherwise MOVDIR64B
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
    /// It works without shared virtual addressing as well: on addresses of memory, in pages that are pinned for it.
    virtual bool takes_bus_addresses() const { return false; }
    /// The device works on the kernel's memory, too: its requests without a PASID are not translated.
    virtual bool kernel_dma() const { return false; }
    /// The last close leaves stop and unbind to a worker and returns.
    virtual bool releases_in_worker() const { return false; }
    /// The device has been found, and its stream may translate.
    virtual sim::Task<void> probe(KernelContext& ctx) = 0;
    /// Queues work under the bond. False if the device has no queue left.
    virtual sim::Task<bool> submit(KernelContext& ctx, Bond& bond, const Work& work) = 0;
    // ---- a device that user space gives work by itself
    /// What the bond's process maps; nothing: user space does not reach the device, and submit() queues the work.
    virtual std::optional<Portal> portal(const Bond&) const { return {}; }
    /// Descriptor number `n` of a piece of work, as the process's library makes it; its completion record goes to
    /// `record`, of which the first byte is zero until then.
    virtual memory::Line describe(const Work&, u64 /*n*/, Va /*record*/) const { return {}; }
    /// Held while a process opens the device: over its bind and opened().
    virtual sim::Mutex* open_lock() { return nullptr; }
    /// The process is bound. False: the device has nothing left for it.
    virtual sim::Task<bool> opened(KernelContext&, Bond&) { co_return true; }
    /// The bond is gone.
    virtual void released(const Bond&) {}

    /// Stops the device for the bond and waits until it is idle; StopSeen. False if the driver gave up waiting.
    virtual sim::Task<bool> stop(KernelContext& ctx, Bond& bond) = 0;
    /// Whom it gave up waiting for it resets before it unbinds.
    virtual bool resets_what_hangs() const { return true; }
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
