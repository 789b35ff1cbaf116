// SPDX-License-Identifier: Apache-2.0
/// Virtual commands (VT-d 11.4, ECAP.VCS; facts/iommu-specs.md 2.10): a guest asks its hypervisor for PASIDs.
#pragma once
#include "base/registers.h"
#include "iommu/vtd/config.h"
#include "sim/task.h"

#include <set>

namespace quiesce::iommu::vtd {

class VirtualCommands {
public:
    VirtualCommands(base::RegisterFile<Registers>& regs, const Identity& id, const VtdConfig& config)
        : regs_(regs), last_((u32{1} << pasid_bits(id.ecap)) - 1),
          most_(config.virtual_pasids.get()), takes_(config.virtual_command.get()) {}

    /// Software wrote VCMD: ignored while VCRSP.IP is set.
    void written(Vcmd now, Vcmd before);
    const std::set<u32>& allocated() const { return allocated_; }

private:
    sim::Task<void> carry_out(Vcmd command);
    Vcrsp answer(Vcmd command);
    Vcrsp allocate();

    base::RegisterFile<Registers>& regs_;
    u32 last_; ///< the largest PASID
    std::size_t most_;
    sim::Duration takes_;
    std::set<u32> allocated_;
};

} // namespace quiesce::iommu::vtd
