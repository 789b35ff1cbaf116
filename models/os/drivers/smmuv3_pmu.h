// SPDX-License-Identifier: Apache-2.0
/// The driver of an SMMUv3's performance monitor counter group (drivers/perf/arm_smmuv3_pmu.c of Linux).
#pragma once
#include "base/param.h"
#include "os/drivers/iommu_monitor.h"

#include <string>
#include <utility>
#include <vector>

namespace quiesce::os::drivers {

struct Smmuv3PmuConfig {
    using P = base::Provenance;
    base::Param<std::vector<std::string>> events{
        {}, "what the SMMU's performance monitors count, by perf's names; needs platform.iommu.smmuv3.pmcg",
        // in the order of the architecture's numbers, from 0
        base::one_of("cycles", "transaction", "tlb_miss", "config_cache_miss", "trans_table_walk_access",
                     "config_struct_access", "pcie_ats_trans_rq", "pcie_ats_trans_passed"),
        P::Kernel, "linux: drivers/perf/arm_smmuv3_pmu.c, smmu_pmu_events"};
    base::Param<bool> filter_enable{false, "count one stream, or a span of streams", P::Kernel,
                                    "linux: format/filter_enable"};
    base::Param<bool> filter_span{false, "the lowest zero of the stream and what is below it do not matter", P::Kernel,
                                  "linux: format/filter_span"};
    base::Param<unsigned> filter_stream_id{0, "the stream", base::at_most(0xffff'ffffu), P::Kernel,
                                           "linux: format/filter_stream_id"};
};
DESCRIBE(Smmuv3PmuConfig, events, filter_enable, filter_span, filter_stream_id)
static_assert(base::fully_described<Smmuv3PmuConfig>);

class Smmuv3Pmu final : public IommuMonitor {
public:
    /// `registers`: page 0 of the group. `page1`: from there to page 1, where there is one. `wire`: its interrupt.
    Smmuv3Pmu(base::Name unit, Kernel& kernel, const Smmuv3PmuConfig& config, Spa registers, u64 page1, unsigned wire);

    sim::Task<void> start(KernelContext& ctx) override;
    sim::Task<void> stop(KernelContext& ctx) override;
    bool running() const override { return running_; }
    const std::vector<std::pair<std::string, u64>>& counts() const override { return counts_; }

private:
    sim::Task<void> write(KernelContext& ctx, u32 offset, unsigned size, u64 value) {
        return ctx.mmio_write(registers_ + offset, size, value);
    }
    u32 counter_at(std::size_t n) const { return static_cast<u32>(n * (wide_ ? 8 : 4)); }
    sim::Task<void> program(KernelContext& ctx, std::size_t n);
    sim::Task<void> set_period(KernelContext& ctx, std::size_t n);
    sim::Task<void> update(KernelContext& ctx, std::size_t n);
    sim::Task<void> on_overflow(KernelContext& ctx);

    base::Name unit_;
    Kernel& kernel_;
    Smmuv3PmuConfig config_;
    Spa registers_, counters_;
    u64 page1_;
    unsigned wire_;
    bool wide_ = false, one_filter_ = false, running_ = false;
    u64 mask_ = 0; ///< of a counter's value
    std::vector<u64> events_; ///< the architecture's numbers (10.3), by counter
    std::vector<u64> previous_;
    std::vector<std::pair<std::string, u64>> counts_;
};

} // namespace quiesce::os::drivers
