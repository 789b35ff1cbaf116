// SPDX-License-Identifier: Apache-2.0
/// Quiesce latency, what is open while there is none, and several teardowns at once.
#include "observe/teardown_stage.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::observe;
using os::PasidState;
using testbench::Dying;
using testbench::Marks;
using testbench::Names;
using Bench = testbench::TeardownStage;

TEST_CASE("quiesce is the latest of block, stop, drain and last_seen, counted from T0", "[observe]") {
    struct Row {
        i64 commit, block, stop, seen, quiesce;
    };
    for (const Row& row : {Row{120, 300, 200, 150, 200}, Row{120, 200, 350, 150, 250}, Row{120, 200, 210, 400, 300},
                           Row{500, 200, 210, 150, 110}, Row{50, 100, 100, 60, 0}}) {
        CAPTURE(row.commit, row.block, row.stop, row.seen);
        Dying b;
        b.tlp(row.seen, 1);
        b.block(row.block, 1, 1);
        b.stop(row.stop, 1);
        b.commit(row.commit, 1);
        b.free(900, 5), b.mmput(910), b.exit_mmap(920), b.pasid(930, PasidState::Free); // none of these counts
        CHECK(b.quiesce() == row.quiesce);
    }
}

TEST_CASE("without block and stop there is no quiesce, and open names what is missing", "[observe]") {
    Dying b;
    CHECK(b.quiesce() == -1);
    CHECK(b.of(1).open == Names{"block", "stop", "free_first", "free_last", "mmput", "reuse"});
    SECTION("only the block has come") {
        b.block(200, 1, 1);
        CHECK(b.quiesce() == -1);
        CHECK(b.of(1).open == Names{"stop", "free_first", "free_last", "mmput", "reuse"});
        CHECK_FALSE(b.teardowns.all_quiet());
        b.stop(210, 1);
        CHECK(b.quiesce() == 110);
        CHECK(b.of(1).open == Names{"free_first", "free_last", "mmput", "reuse"});
        CHECK(b.teardowns.all_quiet());
    }
    SECTION("only the stop has come") {
        b.stop(200, 1);
        CHECK(b.quiesce() == -1);
        CHECK(b.of(1).open == Names{"block", "free_first", "free_last", "mmput", "reuse"});
        CHECK_FALSE(b.teardowns.all_quiet());
    }
    SECTION("a driver that gave up did not reach stop") {
        b.block(200, 1, 1);
        b.stop(210, 1, true);
        CHECK(b.quiesce() == -1);
        CHECK(b.of(1).open == Names{"stop", "free_first", "free_last", "mmput", "reuse"});
        CHECK(b.marks().at("stop_gave_up") == 210);
        CHECK(b.teardowns.all_quiet()); // nothing more will come of its own
        b.stop(250, 1);
        CHECK(b.quiesce() == 150);
    }
}

TEST_CASE("two bonds of one mm have their own device's milestones and share the mm's", "[observe]") {
    Bench b;
    b.bond(10, 1), b.bond(10, 2);
    b.trigger(100, 1), b.trigger(105, 2);
    b.commit(110, 1), b.commit(120, 2);
    b.tlp(130, 1), b.tlp(140, 2);
    b.block(200, 1, 1), b.block(300, 2, 2);
    b.stop(210, 1), b.stop(310, 2);
    b.free(400, 5), b.mmput(410), b.pasid(420, PasidState::Free);
    CHECK(b.marks(1) == Marks{{"block_observed", 110},
                              {"last_seen", 130},
                              {"drain", 100},
                              {"block", 200},
                              {"stop", 210},
                              {"free_first", 400},
                              {"free_last", 400},
                              {"mmput", 410},
                              {"reuse", 420}});
    CHECK(b.marks(2) == Marks{{"block_observed", 120},
                              {"last_seen", 140},
                              {"drain", 105},
                              {"block", 300},
                              {"stop", 310},
                              {"free_first", 400},
                              {"free_last", 400},
                              {"mmput", 410},
                              {"reuse", 420}});
    CHECK(b.quiesce(1) == 110);
    CHECK(b.quiesce(2) == 205);
}

TEST_CASE("a bond that nobody tears down has no teardown, though its neighbour has", "[observe]") {
    Bench b;
    b.bond(10, 1), b.bond(10, 2);
    b.trigger(100, 2, "unbind");
    b.block(150, 1, 2);
    REQUIRE(b.teardowns.results().size() == 1);
    CHECK(b.teardowns.results().front().bond == BondId{2});
    CHECK(b.teardowns.begun() == 1);
    b.stop(160, 2);
    CHECK(b.teardowns.all_quiet());
}

TEST_CASE("teardowns are listed in the order of T0, at the same T0 in the order of bonds", "[observe]") {
    Bench b;
    for (u32 id = 1; id <= 4; ++id) b.bond(10, id, id, id);
    b.trigger(100, 3), b.trigger(200, 4), b.trigger(200, 2), b.trigger(300, 1);
    std::vector<u32> order;
    for (const Teardown& t : b.teardowns.results()) order.push_back(raw(t.bond));
    CHECK(order == std::vector<u32>{3, 2, 4, 1});
}
