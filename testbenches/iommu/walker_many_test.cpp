// SPDX-License-Identifier: Apache-2.0
/// Many walks at once: those that wait for a slot, and those for one page, of which one is made.
#include "iommu/walk_bench.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

TEST_CASE("requests for one page that wait are one walk, or, where only a walk under way is joined, two",
          "[iommu][walker]") {
    const WalkMerging merges = GENERATE(WalkMerging::Waiting, WalkMerging::Neighbours);
    WalkBench b;
    b.config.walker.merges = merges;
    b.config.walker.slots = 1;
    for (const Iova page : {page_a, page_b}) b.tables.map(b.root, page, Spa{0x8000'1000});
    b.walk_once(b.request(page_a));
    const Time begun = sim::now();
    b.begin_walk(b.request(page_b)); // takes the place
    const auto& first = b.begin_walk(b.request(page_a));
    const auto& second = b.begin_walk(b.request(page_a));
    b.settle();
    const bool one = merges == WalkMerging::Waiting;
    CHECK(b.walker().merged() == (one ? 1 : 0));
    CHECK(b.walker().walks() == (one ? 3 : 4));
    CHECK(first.at - begun == b.walk_time(1) * 2);
    CHECK(second.at - begun == b.walk_time(1) * (one ? 2 : 3));
}

TEST_CASE("where neighbours are merged, a walk is joined by the next request and by none further back",
          "[iommu][walker]") {
    WalkBench b;
    b.config.walker.merges = WalkMerging::Neighbours;
    b.config.walker.slots = 3;
    for (const Iova page : {page_a, page_b}) b.tables.map(b.root, page, Spa{0x8000'1000});
    const auto& first = b.begin_walk(b.request(page_a));
    const auto& second = b.begin_walk(b.request(page_a));
    b.begin_walk(b.request(page_b));
    const auto& third = b.begin_walk(b.request(page_a));
    b.settle();
    CHECK_FALSE(third.result.merged);
    CHECK(b.walker().merged() == 1);
    CHECK(b.walker().walks() == 3);
    CHECK(second.result.merged);
    CHECK(second.at == first.at);
    CHECK(b.walker().slots().used() == 0);
}

TEST_CASE("a walk beyond the slots waits exactly until the first one ends, and the levels show it", "[iommu][walker]") {
    WalkBench b;
    b.config.walker.slots = 2;
    std::vector<std::pair<std::string, u32>> levels;
    auto token = b.bus.subscribe<base::LevelChanged>(
        [&](Time, const base::LevelChanged& e) { levels.emplace_back(std::string{e.what.text()}, e.value); });
    const Iova pages[] = {Iova{0x10'0000'0000}, Iova{0x1020'0000'0000},
                          Iova{0x2020'0000'0000}}; // nothing shared but the root
    for (const Iova p : pages) b.tables.map(b.root, p, Spa{0x8000'0000});
    const Time begun = sim::now();
    for (const Iova p : pages) b.begin_walk(b.request(p));
    CHECK(b.walker().slots().used() == 2);
    CHECK(b.walker().slots().waiting() == 1);
    b.settle();

    CHECK(b.walked[0].at == begun + b.walk_time(4));
    CHECK(b.walked[1].at == begun + b.walk_time(4));
    CHECK(b.walked[2].at == begun + b.walk_time(4) * 2);
    CHECK(b.walker().slots().waited() == b.walk_time(4));
    const std::vector<std::pair<std::string, u32>> expected{
        {"iommu0.walkers.used", 1},    {"iommu0.walkers.used", 2}, {"iommu0.walkers.waiting", 1},
        {"iommu0.walkers.waiting", 0}, {"iommu0.walkers.used", 1}, {"iommu0.walkers.used", 0}};
    CHECK(levels == expected);
}

TEST_CASE("a second miss on the same page waits for the first walk and reads nothing itself", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    auto& first = b.begin_walk(b.request(page_a));
    b.run(b.entry_time());
    auto& second = b.begin_walk(b.request(page_a + 0x800));
    auto& other_page = b.begin_walk(b.request(page_b));
    b.settle();

    CHECK(b.walker().walks() == 2);
    CHECK(b.walker().merged() == 1);
    CHECK(second.at == first.at);
    CHECK(second.result.merged);
    CHECK_FALSE(first.result.merged);
    CHECK(second.result.leaf.to == Spa{0x8000'1000});
    CHECK_FALSE(other_page.result.merged);
    b.begin_walk(b.request(page_a));
    b.settle();
    CHECK(b.walker().walks() == 3); // nothing is in flight any more
}

TEST_CASE("the same page under another root is another walk", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.begin_walk(b.request(page_a));
    b.context().roots[0].table = b.tables.take_table();
    auto& second = b.begin_walk(b.request(page_a));
    b.settle();
    CHECK(b.walker().merged() == 0);
    CHECK(second.result.fault.why == FaultReason::NotMapped);
}
