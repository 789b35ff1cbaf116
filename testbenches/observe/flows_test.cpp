// SPDX-License-Identifier: Apache-2.0
/// How full queues were, what caches had, which pages were exposed together.
#include "observe/cache_rates.h"
#include "observe/queue_levels.h"
#include "observe/stage.h"

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include <map>

using namespace quiesce;
using namespace quiesce::observe;

namespace {
struct FlowsBench : testbench::Stage {
    QueueLevels queues{events};
    CacheRates caches{events};
    void level(i64 ps, const char* what, u32 value) { say(ps, base::LevelChanged{what, value}); }
    void looked_up(i64 ps, u32 bond, base::CachedThing kind, bool hit) { say(ps, base::CacheLookedUp{"a.cache", kind, BondId{bond}, hit}); }
    void translated(i64 ps, u32 bond, iommu::LookUp how) {
        say(ps, iommu::Translated{1, BondId{bond}, StreamId{8}, Pasid{1}, Iova{0x1000}, how, true});
    }
};
} // namespace

TEST_CASE("of each stretch of time the most that stood in a queue is told, up to the end of the run", "[observe]") {
    FlowsBench b;
    b.level(50'000, "smmu.cmdq.depth", 3);
    b.level(60'000, "smmu.cmdq.depth", 1);
    b.level(250'000, "smmu.cmdq.depth", 7);
    b.level(250'000, "smmu.cmdq.depth", 2); // the 7 stood for no time
    b.level(300'000, "smmu.cmdq.depth", 0);
    b.level(300'000, "acc0.tags", 9); // no queue
    b.level(310'000, "smmu.evtq.depth", 0); // never had anything
    const auto told = b.queues.results(sim::Time::ps(520'000));
    REQUIRE(told.size() == 1);
    CHECK(told[0].name == "smmu.cmdq");
    CHECK(told[0].stretch == sim::Duration::ps(100'000));
    CHECK(told[0].levels == std::vector<u32>{3, 1, 2, 0, 0, 0});
    CHECK(told[0].most == 3);
    CHECK(told[0].most_at == sim::Time::ps(50'000));
}

TEST_CASE("however long a run is, its levels are those that stood", "[observe]") {
    CHECK(rc::check([] {
        FlowsBench b;
        std::map<i64, u32> stood{{0, 0}};
        i64 now = 0;
        const int changes = *rc::gen::inRange(1, 60);
        for (int n = 0; n < changes; ++n) {
            now += *rc::gen::inRange<i64>(1, 40'000'000);
            b.level(now, "q.depth", stood[now] = *rc::gen::inRange(0u, 50u));
        }
        const i64 end = now + *rc::gen::inRange<i64>(1, 5'000'000);
        const auto told = b.queues.results(sim::Time::ps(end));
        if (told.empty()) {
            for (const auto& [at, level] : stood) RC_ASSERT(level == 0);
            return;
        }
        const i64 stretch = told[0].stretch.ps();
        RC_ASSERT(told[0].levels.size() <= QueueLevels::most_stretches);
        std::vector<u32> expected(static_cast<std::size_t>((end - 1) / stretch) + 1);
        for (auto s = stood.begin(); s != stood.end(); ++s) {
            const i64 until = std::next(s) == stood.end() ? end : std::next(s)->first;
            for (i64 n = s->first / stretch; n <= (until - 1) / stretch; ++n)
                expected[static_cast<std::size_t>(n)] = std::max(expected[static_cast<std::size_t>(n)], s->second);
        }
        RC_ASSERT(told[0].levels == expected);
    }));
}

TEST_CASE("what a bond looks for is before or after its own T0", "[observe]") {
    FlowsBench b;
    b.translated(10, 1, iommu::LookUp::Hit);
    b.translated(20, 1, iommu::LookUp::Near);
    b.translated(30, 1, iommu::LookUp::Miss);
    b.translated(40, 1, iommu::LookUp::Bypass); // looks nothing up
    b.looked_up(50, 1, base::CachedThing::DeviceTranslation, true);
    b.trigger(100, 1);
    b.translated(110, 1, iommu::LookUp::Miss);
    b.translated(120, 2, iommu::LookUp::Hit);
    b.looked_up(130, 1, base::CachedThing::TablePointer, false);
    b.looked_up(140, 0, base::CachedThing::TablePointer, true);
    const CacheRates::Counts& c = b.caches.counts();
    CHECK((c.tlb.before.lookups == 4 && c.tlb.before.hits == 3 && c.tlb.after.lookups == 1 && c.tlb.after.hits == 0));
    CHECK((c.atc.before.lookups == 1 && c.atc.before.hits == 1 && c.atc.after.lookups == 0));
    CHECK((c.tables.before.lookups == 1 && c.tables.before.hits == 1 && c.tables.after.lookups == 1 && c.tables.after.hits == 0));
}
