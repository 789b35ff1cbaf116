// SPDX-License-Identifier: Apache-2.0
/// Walks and what they keep when something is invalidated.
#include "iommu/walk_bench.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

TEST_CASE("invalidating leaves alone keeps table pointers, invalidating a page with its path drops them",
          "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.walk_once(b.request(page_a));
    REQUIRE(b.walker().cache().size() == 3);

    b.engine.begin(1, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_a, true));
    b.settle();
    CHECK(b.walker().cache().size() == 3);
    b.engine.begin(2, InvalidationKind::Translation, scope_of_page(SpaceTag{8}, page_a, false));
    b.settle();
    CHECK(b.walker().cache().size() == 3);
    b.engine.begin(3, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_b, false)); // same tables
    b.settle();
    CHECK(b.walker().cache().size() == 0);
}

TEST_CASE("a walk that an invalidation overtook leaves no pointers behind and says so", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    auto& w = b.begin_walk(b.request(page_a));
    b.run(b.walk_time(1) + 5_ns); // the first pointer has been read and kept
    REQUIRE(b.walker().cache().size() == 1);
    b.engine.begin(1, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_a, false));
    b.settle();
    CHECK(w.done);
    CHECK(w.result.ok);
    CHECK(b.engine.overtaken(w.result.basis));
    CHECK(b.walker().cache().size() == 0);
}

TEST_CASE("a walk is not overtaken by what was applied before it or concerns others", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.engine.begin(1, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_a, false));
    b.settle();
    auto& w = b.begin_walk(b.request(page_a));
    b.run(b.walk_time(1));
    b.engine.begin(2, InvalidationKind::Translation, scope_of_space(SpaceTag{8}));
    b.engine.begin(3, InvalidationKind::Configuration, scope_of_stream(StreamId{1}));
    b.engine.begin(4, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_b, true));
    b.settle();
    CHECK_FALSE(b.engine.overtaken(w.result.basis));
    CHECK(b.walker().cache().size() == 3);
}

TEST_CASE("a walk that started from a kept pointer is overtaken when that pointer is invalidated", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.tables.map(b.root, page_b, Spa{0x8000'2000});
    b.walk_once(b.request(page_a));
    auto& w = b.begin_walk(b.request(page_b));
    b.run(b.config.walker.cache_lookup + 1_ps); // under way through the table that both pages share
    b.engine.begin(1, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_a, false));
    b.settle();
    CHECK(b.memory.asked.size() == 5);
    CHECK(b.engine.overtaken(w.result.basis));
}
