// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/work_queue.h"

namespace quiesce::os::drivers {

using namespace devices::accelerator;

sim::Task<void> ring_doorbell(KernelContext& ctx, Spa registers, unsigned queue, const Bond& bond, const Work& work) {
    co_await write_register<QUEUE_SELECT>(ctx, registers, queue);
    const Q_PASID tagged = Q_PASID{}.set(Q_PASID::PASID, bond.pasid).set(Q_PASID::VALID, true).set(Q_PASID::PRIVILEGED, bond.mm.supervisor());
    co_await write_register<Q_PASID>(ctx, registers, bond.pinned.empty() ? tagged.value() : 0);
    co_await write_register<Q_WORK_TAG>(ctx, registers, raw(bond.id));
    co_await write_register<Q_BASE>(ctx, registers, work.first.value());
    co_await write_register<Q_LENGTH>(ctx, registers, work.bytes);
    co_await write_register<Q_MODE>(ctx, registers,
                                    static_cast<u64>(work.direction) | static_cast<u64>(work.pattern) << 4 |
                                        u64{50} << 8 | u64{work.outstanding} << 16);
    co_await write_register<Q_SIZE>(ctx, registers, work.request_min | u64{work.request_max} << 16);
    co_await write_register<Q_RATE>(ctx, registers, static_cast<u64>(work.every.ps() / 1000));
    co_await write_register<Q_COUNT>(ctx, registers, work.count);
    co_await write_register<Q_CTRL>(ctx, registers, 1);
}

} // namespace quiesce::os::drivers
