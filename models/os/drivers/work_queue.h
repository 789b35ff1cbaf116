// SPDX-License-Identifier: Apache-2.0
/// How a driver gives work to one of a device's queues (devices/work_queue_regs.h).
#pragma once
#include "devices/work_queue_regs.h"
#include "os/drivers/device_driver.h"
#include "os/kthread.h"

namespace quiesce::os::drivers {

template <class R>
sim::Task<void> write_register(KernelContext& ctx, Spa registers, u64 value) {
    return ctx.mmio_write(registers + R::offset, sizeof(typename R::Value), value);
}

/// Selects the queue, describes the work and rings. Nobody else selects a queue meanwhile.
sim::Task<void> ring_doorbell(KernelContext& ctx, Spa registers, unsigned queue, const Bond& bond, const Work& work);

} // namespace quiesce::os::drivers
