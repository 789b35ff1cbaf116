// SPDX-License-Identifier: Apache-2.0
/// What must hold between milestones: each rule is broken by the nearest wrong order, and by nothing else.
#include "observe/milestone_rules.h"
#include "observe/teardown_stage.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::observe;
using testbench::Dying;

TEST_CASE("a teardown in the order of its events is consistent", "[observe]") {
    Dying b;
    CHECK(inconsistencies(b.of(1)).empty());
    b.commit(150, 1), b.tlp(160, 1), b.block(200, 1, 1), b.stop(220, 1);
    b.free(300, 5), b.free(310, 6), b.exit_mmap(330), b.mmput(340), b.pasid(400, os::PasidState::Free);
    CHECK(inconsistencies(b.of(1)).empty());
}

TEST_CASE("a DMA that lands after its bond was blocked breaks the invariant of block", "[observe]") {
    Dying b;
    b.block(200, 1, 1), b.stop(220, 1);
    b.commit(200, 1);
    CHECK(inconsistencies(b.of(1)).empty());
    b.commit(201, 1);
    REQUIRE(inconsistencies(b.of(1)).size() == 1);
    CHECK(inconsistencies(b.of(1)).front().kind == "lying-fence");
    CHECK_THAT(inconsistencies(b.of(1)).front().story,
               Catch::Contains("block_observed at T0 + 101 ps is after block at T0 + 100 ps"));
}

TEST_CASE("a page freed after exit_mmap returned is inconsistent", "[observe]") {
    Dying b;
    b.free(300, 5), b.exit_mmap(310);
    CHECK(inconsistencies(b.of(1)).empty());
    b.free(320, 7, 1, memory::FrameUse::Table); // the top table goes with the last reference
    CHECK(inconsistencies(b.of(1)).empty());
    b.free(320, 6);
    CHECK(inconsistencies(b.of(1)).size() == 1);
}

TEST_CASE("an mmput that ran exit_mmap returns after it, one that did not may return before", "[observe]") {
    for (const bool ran : {true, false}) {
        Dying b;
        b.say(300, os::MmputReturned{"app1", MmId{1}, ran, 0});
        b.exit_mmap(310);
        CHECK(inconsistencies(b.of(1)).size() == (ran ? 1u : 0u));
    }
}

TEST_CASE("every rule is broken by its two milestones in the other order, and only by them", "[observe]") {
    for (const MilestoneRule& r : milestone_rules) {
        INFO(r.earlier << " <= " << r.later);
        Teardown t;
        t.t0 = sim::Time::ps(100);
        t.mmput_ran_exit_mmap = true;
        t.milestones = {{std::string{r.earlier}, sim::Time::ps(200)}, {std::string{r.later}, sim::Time::ps(200)}};
        CHECK(inconsistencies(t).empty());
        t.milestones.front().second = sim::Time::ps(201);
        REQUIRE(inconsistencies(t).size() == 1);
        CHECK_THAT(inconsistencies(t).front().story, Catch::EndsWith(std::string{r.why}));
        t.milestones.erase(t.milestones.begin() + 1); // the later one was not reached: nothing to compare with
        CHECK(inconsistencies(t).empty());
    }
}

TEST_CASE("a teardown that contradicts itself is inconsistent", "[observe]") {
    Teardown good;
    good.t0 = sim::Time::ps(100);
    good.milestones = {
        {"block", sim::Time::ps(200)}, {"stop", sim::Time::ps(300)}, {"drain", sim::Time::ps(100)}};
    good.quiesce = sim::Duration::ps(200);
    REQUIRE(inconsistencies(good).empty());

    Teardown t = good;
    t.quiesce.reset();
    CHECK(inconsistencies(t).size() == 1);
    t = good;
    t.quiesce = sim::Duration::ps(199);
    CHECK(inconsistencies(t).size() == 1);
    t = good;
    t.milestones.pop_back(); // a page request is open
    CHECK(inconsistencies(t).size() == 1);
    t = good;
    t.open = {"stop"};
    CHECK(inconsistencies(t).size() == 1);
    t = good;
    t.milestones.emplace_back("mmput", sim::Time::ps(99));
    CHECK(inconsistencies(t).size() == 1);
}
