// SPDX-License-Identifier: Apache-2.0
/// What the SVA core asks of an IOMMU driver. Each call returns when the hardware's fence has been seen by the calling CPU;
/// false if it was not (time-out, or a bug that does not wait).
#pragma once
#include "os/bond.h"

namespace quiesce::os::drivers {

class IommuDriver {
public:
    virtual ~IommuDriver() = default;
    /// Programs the unit: queues, tables, interrupts, enable.
    virtual sim::Task<bool> init(KernelContext& ctx) = 0;
    /// A device's stream may translate: its stream table entry and context table.
    virtual sim::Task<bool> attach_device(KernelContext& ctx, StreamId stream) = 0;
    /// Installs the bond's page tables at its PASID (set_dev_pasid).
    virtual sim::Task<bool> set_pasid(KernelContext& ctx, Bond& bond) = 0;
    /// The PASID's context stays valid and empty, and faults quietly where the kernel's generation does that.
    virtual sim::Task<bool> quiet_pasid(KernelContext& ctx, Bond& bond) = 0;
    /// The PASID's context is gone (remove_dev_pasid).
    virtual sim::Task<bool> clear_pasid(KernelContext& ctx, Bond& bond) = 0;
    /// Every cached translation of the bond's address space.
    virtual sim::Task<bool> invalidate_space(KernelContext& ctx, Bond& bond) = 0;
    /// Cached translations of a range (secondary TLB invalidation).
    virtual sim::Task<bool> invalidate_range(KernelContext& ctx, Bond& bond, Va first, u64 bytes) = 0;
};

} // namespace quiesce::os::drivers
