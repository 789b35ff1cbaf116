// SPDX-License-Identifier: Apache-2.0
/// The driver of the SMMU's performance monitors: what it writes, and what it has counted in the end.
#include "os/smmuv3_bench.h"

#include "os/drivers/smmuv3_pmu.h"

using namespace quiesce;
using namespace quiesce::os;
using namespace quiesce::os::test::smmuv3;

TEST_CASE("the monitors count from the middle of a counter's range on, and an overflow is not lost", "[os][pmcg]") {
    iommu::smmuv3::Smmuv3Config unit_config;
    unit_config.pmcg = true;
    Bench b{KernelVersion::V6_12, {}, unit_config};
    drivers::Smmuv3PmuConfig config;
    config.events = std::vector<std::string>{"transaction", "tlb_miss", "cycles"};
    const u64 group = b.unit->performance_offset();
    drivers::Smmuv3Pmu pmu{"smmu", *b.kernel, config, registers + group, 0x1'0000, 5};
    b.in_kernel([&](KernelContext& ctx) { return pmu.start(ctx); });
    CHECK(pmu.running());
    CHECK(b.reg(group) == 0x7fff'ffff);
    CHECK(b.reg(group + 0x400) == (1u | 1u << 29));
    CHECK(b.reg(group + 0xa00) == 0xffff); // of 16 StreamID bits, all
    CHECK(b.reg(group + 0xc00, 8) == 7);
    CHECK(b.reg(group + 0xe54) == 1);
    b.in_kernel([&](KernelContext& ctx) { return ctx.mmio_write(registers + group, 4, 0xffff'fffe); });
    for (u64 n = 0; n < 3; ++n) {
        iommu::TranslationRequest r{n + 1, DeviceId{0}, StreamId{0x7fff}, false, Pasid{}, Iova{0x1000}, 8, iommu::Access::Read};
        sim::spawn([](iommu::smmuv3::Unit& unit, iommu::TranslationRequest request) -> Task<void> {
            co_await unit.translation().translate(request);
        }(*b.unit, r));
    }
    b.calendar.run_for(50_us);
    b.in_kernel([&](KernelContext& ctx) { return pmu.stop(ctx); });
    CHECK(pmu.counts()[0].second == 0xffff'fffe - 0x7fff'ffff + 3);
    CHECK(pmu.counts()[1].second == 0); // no such stream: nothing to translate
    CHECK(pmu.counts()[2].second > 40'000);
    CHECK_FALSE(pmu.running());
}
