// SPDX-License-Identifier: Apache-2.0
/// The PASID allocator.
#pragma once
#include "base/events.h"
#include "base/param.h"
#include "os/events.h"
#include "sim/random.h"
#include "sim/task.h"

#include <optional>
#include <set>

namespace quiesce::os {

using namespace sim::literals;

enum class PasidOrder : u8 { Lowest, Cyclic, Random };
constexpr auto enum_names(PasidOrder) {
    return base::name_table<PasidOrder>({{PasidOrder::Lowest, "lowest"}, {PasidOrder::Cyclic, "cyclic"}, {PasidOrder::Random, "random"}});
}

struct PasidConfig {
    using P = base::Provenance;
    base::Param<PasidOrder> allocator{PasidOrder::Lowest, "which free PASID is handed out next", P::Kernel,
                                      "linux: iommu.c, iommu_alloc_global_pasid: a lowest-free ida"};
    base::Param<base::Latency> grace{0_ns, "how long a freed PASID stays out of use", P::Kernel,
                                     "linux: ioasid_free, later ida_free: none"};
    base::Param<u32> min{1, "lowest PASID", base::between(1u, 0xfffffu), P::Kernel,
                         "linux: iommu.h, IOMMU_FIRST_GLOBAL_PASID: 0 is reserved"};
    base::Param<u32> max{0xfffff, "highest PASID", base::between(1u, 0xfffffu), P::Specification, "20 bits"};
};
DESCRIBE(PasidConfig, allocator, grace, min, max)
static_assert(base::fully_described<PasidConfig>);

class PasidAllocator {
public:
    PasidAllocator(base::EventBus& events, const PasidConfig& config, u64 seed) : events_(events), config_(config), random_(seed, "os.pasid") {}
    /// Nothing if all are in use. `limit`: what the device takes, exclusive.
    std::optional<Pasid> take(MmId mm, u32 limit);
    /// Reusable after the grace time.
    void free(Pasid pasid, MmId mm);
    std::size_t in_use() const { return used_.size(); }
    /// Freed, but still in their grace time.
    std::size_t parked() const { return parked_; }

private:
    sim::Task<void> release_later(Pasid pasid, MmId mm);
    void release(Pasid pasid, MmId mm);
    std::optional<u32> first_free(u32 from, u32 to) const;
    base::EventBus& events_;
    PasidConfig config_;
    sim::Random random_;
    std::set<u32> used_;
    u32 last_ = 0;
    u32 lowest_free_ = 0;    ///< none below it is free, as long as the lowest one goes first
    std::size_t parked_ = 0;
};

} // namespace quiesce::os
