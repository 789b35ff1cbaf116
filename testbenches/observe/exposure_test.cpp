// SPDX-License-Identifier: Apache-2.0
/// Exposure: for how long, summed over pages, a device could still reach what was unmapped.
#include "observe/stage.h"
#include "observe/teardowns.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::observe;
using base::page_size;

namespace {
struct ExposureBench : testbench::Stage {
    Teardowns teardowns{events};
    ExposureBench() { bond(10, 1); }
    i64 exposure(u32 id = 1) const {
        for (const Teardown& t : teardowns.results())
            if (t.bond == BondId{id}) return t.exposure.ps();
        return -1;
    }
};
} // namespace

TEST_CASE("exposure sums over pages from unmap to the fence seen", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    CHECK(b.exposure() == 0);
    b.unmap(110, 5);
    b.unmap(120, 6);
    b.issue(130, 1);
    b.fence(150, 1);
    CHECK(b.exposure() == 40 + 30);
    b.mmput(500);
    CHECK(b.exposure() == 70);
}

TEST_CASE("a page that no fence covers yet is exposed up to now", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    b.unmap(110, 5);
    b.mmput(190);
    CHECK(b.exposure() == 80);
}

TEST_CASE("a page that is freed before any fence is exposed up to its free: beyond it is a violation", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    b.unmap(110, 5), b.unmap(110, 6);
    CHECK(b.teardowns.results().front().exposed_pages_open == 2);
    b.free(150, 5);
    b.mmput(190);
    CHECK(b.exposure() == 40 + 80);
    CHECK(b.teardowns.results().front().exposed_pages_open == 1);
    b.issue(200, 1), b.fence(210, 1);
    b.mmput(500);
    CHECK(b.exposure() == 40 + 100);
    CHECK(b.teardowns.results().front().exposed_pages_open == 0);
}

TEST_CASE("two frames that were one page in turn are exposed each", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    b.say(110, memory::FrameUnmapped{Spa{0x8000'0000}, MmId{1}, b.page(5)});
    b.say(130, memory::FrameUnmapped{Spa{0x8000'1000}, MmId{1}, b.page(5)});
    b.issue(140, 1), b.fence(150, 1);
    CHECK(b.exposure() == 40 + 20);
}

TEST_CASE("a fence ends the exposure of its own pages only", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    for (const u64 p : {4, 5, 6, 7}) b.unmap(110, p);
    b.issue(120, 1, 0, 1, testbench::Stage::page(5), 2 * page_size);
    b.fence(130, 1, 0, 1, testbench::Stage::page(5), 2 * page_size);
    CHECK(b.exposure() == 4 * 20);
    b.mmput(140);
    CHECK(b.exposure() == 2 * 20 + 2 * 30);
}

TEST_CASE("a fence whose invalidation was issued before the unmap does not cover the page", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    b.issue(105, 1);
    b.unmap(110, 5);
    b.fence(120, 1);
    b.mmput(150);
    CHECK(b.exposure() == 40);
    b.issue(160, 2);
    b.fence(170, 2);
    b.mmput(500);
    CHECK(b.exposure() == 60);
}

TEST_CASE("two CPUs may see their fences in the other order than they issued them", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    b.issue(110, 1);
    b.issue(120, 2);
    b.unmap(130, 5);
    b.fence(140, 2);
    b.fence(150, 1); // neither covers the page
    b.mmput(160);
    CHECK(b.exposure() == 30);
}

TEST_CASE("once a bond is blocked its device reaches nothing", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    b.issue(110, 1, 1);
    b.unmap(120, 5); // after the invalidation was issued, before the block was seen
    b.block(150, 1, 1);
    b.unmap(160, 6);
    b.mmput(500);
    CHECK(b.exposure() == 30);
}

TEST_CASE("a page of a process without a device is not exposed", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    b.unmap(110, 5, 2);
    b.mmput(500);
    CHECK(b.exposure() == 0);
}

TEST_CASE("one bond's own fence leaves the page exposed to the other bond of the mm", "[observe]") {
    ExposureBench b;
    b.bond(10, 2);
    b.trigger(100, 1), b.trigger(100, 2);
    b.unmap(110, 5);
    b.issue(120, 1, 1);
    b.block(130, 1, 1);
    b.issue(140, 2, 2);
    b.block(180, 2, 2);
    b.mmput(500);
    CHECK(b.exposure(1) == 20);
    CHECK(b.exposure(2) == 70);
}

TEST_CASE("a fence of the mm ends the exposure to all its bonds", "[observe]") {
    ExposureBench b;
    b.bond(10, 2);
    b.trigger(100, 1), b.trigger(100, 2);
    b.unmap(110, 5);
    b.issue(120, 1);
    b.fence(140, 1);
    b.mmput(500);
    CHECK(b.exposure(1) == 30);
    CHECK(b.exposure(2) == 30);
}

TEST_CASE("pages whose exposure ended together are one window, and the windows are the whole exposure", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    b.unmap(110, 5), b.unmap(120, 6), b.unmap(125, 9);
    b.free(140, 9);
    b.issue(130, 1), b.fence(150, 1);
    b.unmap(200, 7);
    b.mmput(260);
    const Teardown t = b.teardowns.results().front();
    REQUIRE(t.exposed.size() == 3);
    CHECK((t.exposed[0].by == Exposure::By::Free && t.exposed[0].pages == 1 && t.exposed[0].page_time == sim::Duration::ps(15)));
    const Exposure& fenced = t.exposed[1];
    CHECK((fenced.by == Exposure::By::Fence && fenced.pages == 2 && fenced.page_time == sim::Duration::ps(70)));
    CHECK((fenced.from == sim::Time::ps(110) && fenced.last == sim::Time::ps(120) && fenced.until == sim::Time::ps(150)));
    CHECK((fenced.first_page == 5 * page_size && fenced.last_page == 6 * page_size));
    CHECK((t.exposed[2].by == Exposure::By::Open && t.exposed[2].until == sim::Time::ps(260)));
    CHECK(t.exposure == sim::Duration::ps(15 + 70 + 60));
}

TEST_CASE("of more windows than are kept the number is told, and exposure has all of them", "[observe]") {
    ExposureBench b;
    b.trigger(100, 1);
    constexpr i64 more = 5, all = static_cast<i64>(Teardowns::most_exposures) + more;
    for (i64 n = 0; n < all; ++n) b.unmap(1000 * (n + 1), 5), b.free(1000 * (n + 1) + 10, 5);
    const Teardown t = b.teardowns.results().front();
    CHECK(t.exposed.size() == Teardowns::most_exposures);
    CHECK(t.exposed_left_out == u64{more});
    CHECK(t.exposure == sim::Duration::ps(10 * all));
}
