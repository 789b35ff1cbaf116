// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/smmuv3_pmu.h"

#include "iommu/smmuv3/performance_regs.h"

#include <algorithm>

namespace quiesce::os::drivers {

using namespace iommu::smmuv3;

Smmuv3Pmu::Smmuv3Pmu(base::Name unit, Kernel& kernel, const Smmuv3PmuConfig& config, Spa registers, u64 page1,
                     unsigned wire)
    : unit_(unit), kernel_(kernel), config_(config), registers_(registers), counters_(registers), page1_(page1),
      wire_(wire) {
    const std::vector<std::string> known = config.events.choices(); // in the order of their numbers
    for (const std::string& name : config.events.get()) {
        counts_.emplace_back(name, 0);
        events_.push_back(static_cast<u64>(std::find(known.begin(), known.end(), name) - known.begin()));
    }
    previous_.resize(counts_.size());
}

/// smmu_pmu_probe and smmu_pmu_reset, then smmu_pmu_event_add for each event and smmu_pmu_enable.
sim::Task<void> Smmuv3Pmu::start(KernelContext& ctx) {
    const u64 cfgr_bits = co_await ctx.mmio_read(registers_ + Cfgr::offset, 4);
    const auto cfgr = Cfgr::of(static_cast<u32>(cfgr_bits));
    mask_ = base::low_bits(static_cast<unsigned>(cfgr.get(Cfgr::SIZE)) + 1);
    wide_ = cfgr.get(Cfgr::SIZE) >= 32;
    one_filter_ = cfgr.get(Cfgr::SID_FILTER_TYPE);
    if (cfgr.get(Cfgr::RELOC_CTRS)) counters_ = registers_ + page1_;
    const u64 all = base::low_bits(static_cast<unsigned>(cfgr.get(Cfgr::NCTR)) + 1);
    co_await write(ctx, PmcgCr::offset, 4, 0);
    co_await write(ctx, PmcgIrqCtrl::offset, 4, 0);
    co_await write(ctx, CntenClr::offset, 8, all);
    co_await write(ctx, IntenClr::offset, 8, all);
    co_await ctx.mmio_write(counters_ + OvsClr::offset, 8, all);
    const u32 number = kernel_.interrupts().request("irq/" + std::string{unit_.text()} + "-pmcg",
                                                    [this](KernelContext& c) { return on_overflow(c); });
    kernel_.interrupts().connect(wire_, number);
    co_await write(ctx, PmcgIrqCfg0::offset, 8, kernel_.interrupts().window().value());
    co_await write(ctx, PmcgIrqCfg1::offset, 4, number);
    for (std::size_t n = 0; n < counts_.size(); ++n) co_await program(ctx, n);
    co_await write(ctx, PmcgIrqCtrl::offset, 4, 1);
    co_await write(ctx, PmcgCr::offset, 4, 1);
    running_ = true;
}

/// smmu_pmu_apply_event_filter: without a filter every stream matches.
sim::Task<void> Smmuv3Pmu::program(KernelContext& ctx, std::size_t n) {
    const bool filters = n == 0 || !one_filter_;
    const bool span = !config_.filter_enable || config_.filter_span;
    const u32 stream = config_.filter_enable ? config_.filter_stream_id.get() : ~u32{0};
    const Evtyper type = Evtyper{}.set(Evtyper::EVENT, events_[n]).set(Evtyper::FILTER_SID_SPAN, span && filters);
    co_await write(ctx, Evtyper::offset + static_cast<u32>(4 * n), 4, type.value());
    if (filters) co_await write(ctx, Smr::offset + static_cast<u32>(4 * n), 4, stream);
    co_await write(ctx, IntenSet::offset, 8, u64{1} << n);
    co_await set_period(ctx, n);
    co_await write(ctx, CntenSet::offset, 8, u64{1} << n);
}

/// From the middle of its range on, so that an overflow is noticed before the value comes round.
sim::Task<void> Smmuv3Pmu::set_period(KernelContext& ctx, std::size_t n) {
    previous_[n] = mask_ >> 1;
    co_await ctx.mmio_write(counters_ + counter_at(n), wide_ ? 8 : 4, previous_[n]);
}

/// smmu_pmu_event_update.
sim::Task<void> Smmuv3Pmu::update(KernelContext& ctx, std::size_t n) {
    const u64 now = co_await ctx.mmio_read(counters_ + counter_at(n), wide_ ? 8 : 4);
    counts_[n].second += (now - previous_[n]) & mask_;
    previous_[n] = now;
}

/// smmu_pmu_handle_irq.
sim::Task<void> Smmuv3Pmu::on_overflow(KernelContext& ctx) {
    auto work = ctx.begin("pmcg-overflow");
    const u64 over = co_await ctx.mmio_read(counters_ + OvsSet::offset, 8);
    co_await ctx.mmio_write(counters_ + OvsClr::offset, 8, over);
    for (std::size_t n = 0; n < counts_.size(); ++n) {
        if ((over >> n & 1) == 0) continue;
        co_await update(ctx, n);
        co_await set_period(ctx, n);
    }
}

/// smmu_pmu_disable and smmu_pmu_event_stop.
sim::Task<void> Smmuv3Pmu::stop(KernelContext& ctx) {
    co_await write(ctx, PmcgCr::offset, 4, 0);
    co_await write(ctx, PmcgIrqCtrl::offset, 4, 0);
    for (std::size_t n = 0; n < counts_.size(); ++n) {
        co_await write(ctx, CntenClr::offset, 8, u64{1} << n);
        co_await update(ctx, n);
    }
    running_ = false;
}

} // namespace quiesce::os::drivers
