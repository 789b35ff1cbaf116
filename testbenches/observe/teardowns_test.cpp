// SPDX-License-Identifier: Apache-2.0
/// Milestones of a teardown: each from its own events, per bond, at or after T0.
#include "observe/teardown_stage.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <functional>

using namespace quiesce;
using namespace quiesce::observe;
using iommu::FaultFate;
using memory::FrameUse;
using os::PasidState;
using testbench::Dying;
using testbench::Marks;
using testbench::Names;
using Bench = testbench::TeardownStage;

namespace {
const Names in_the_contract{"block_observed", "block",     "stop",  "drain", "last_seen",
                            "free_first",     "free_last", "mmput", "reuse"};
} // namespace

TEST_CASE("each milestone is the instant of its own event", "[observe]") {
    Dying b;
    b.commit(150, 1);
    b.tlp(160, 1);
    b.fault(170, 1);
    b.issue(180, 1, 1);
    b.block(200, 1, 1);
    b.stop(220, 1);
    b.free(300, 5);
    b.free(310, 6);
    b.free(320, 7, 1, FrameUse::Table);
    b.exit_mmap(330);
    b.mmput(340);
    b.pasid(400, PasidState::Free);
    CHECK(b.marks() == Marks{{"block_observed", 150},
                             {"block", 200},
                             {"stop", 220},
                             {"drain", 100},
                             {"last_seen", 170},
                             {"free_first", 300},
                             {"free_last", 310},
                             {"tables_free", 320},
                             {"exit_mmap", 330},
                             {"mmput", 340},
                             {"reuse", 400}});
    const Teardown t = b.of(1);
    CHECK(t.open.empty());
    CHECK(t.t0 == sim::Time::ps(100));
    CHECK(t.process == "app1");
    CHECK(t.device == "acc1");
    CHECK(t.pasid == Pasid{1});
    CHECK(t.mm == MmId{1});
    Names order;
    for (const auto& mark : t.milestones) order.push_back(mark.first);
    CHECK(Names(order.begin(), order.begin() + 9) == in_the_contract);
}

TEST_CASE("an event moves its own milestones and no other", "[observe]") {
    struct Row {
        const char* event;
        std::function<void(Bench&)> say;
        Names moves;
    };
    // clang-format off
    const Row rows[] = {
        {"a DMA reaches memory", [](Bench& b) { b.commit(200, 1); }, {"block_observed"}},
        {"the device sends a TLP", [](Bench& b) { b.tlp(200, 1); }, {"last_seen"}},
        {"a fault is recorded", [](Bench& b) { b.fault(200, 1); }, {"last_seen"}},
        {"a fence that blocks is seen", [](Bench& b) { b.block(200, 1, 1); }, {"block"}},
        {"a fence that blocks the whole mm is seen", [](Bench& b) { b.block(200, 1); }, {"block"}},
        {"the device is idle", [](Bench& b) { b.stop(200, 1); }, {"stop"}},
        {"the driver gives up", [](Bench& b) { b.stop(200, 1, true); }, {"stop_gave_up"}},
        {"a page is freed", [](Bench& b) { b.free(200, 5); }, {"free_first", "free_last"}},
        {"a table page is freed", [](Bench& b) { b.free(200, 5, 1, FrameUse::Table); }, {"tables_free"}},
        {"exit_mmap returns", [](Bench& b) { b.exit_mmap(200); }, {"exit_mmap"}},
        {"mmput returns", [](Bench& b) { b.mmput(200); }, {"mmput"}},
        {"the PASID is free", [](Bench& b) { b.pasid(200, PasidState::Free); }, {"reuse"}},

        {"a TLP comes down to the device", [](Bench& b) { b.tlp(200, 1, false); }, {}},
        {"a fault is suppressed", [](Bench& b) { b.fault(200, 1, FaultFate::Suppressed); }, {}},
        {"a fault is lost", [](Bench& b) { b.fault(200, 1, FaultFate::Lost); }, {}},
        {"a fault is discarded", [](Bench& b) { b.fault(200, 1, FaultFate::Discarded); }, {}},
        {"a fence that does not block is seen", [](Bench& b) { b.fence(200, 1, 1); }, {}},
        {"an invalidation is issued", [](Bench& b) { b.issue(200, 1, 1); }, {}},
        {"a page is unmapped", [](Bench& b) { b.unmap(200, 5); }, {}},
        {"a kernel frame is freed", [](Bench& b) { b.free(200, 5, 1, FrameUse::Kernel); }, {}},
        {"the PASID is parked", [](Bench& b) { b.pasid(200, PasidState::Parked); }, {}},
        {"the PASID is taken", [](Bench& b) { b.pasid(200, PasidState::Allocated); }, {}},
        {"another PASID is free", [](Bench& b) { b.pasid(200, PasidState::Free, 1, 2); }, {}},
        {"DMA without a bond", [](Bench& b) { b.commit(200, 0), b.tlp(200, 0), b.fault(200, 0); }, {}},
        {"another bond is at work", [](Bench& b) { b.commit(200, 2), b.tlp(200, 2), b.fault(200, 2); }, {}},
        {"another device is idle", [](Bench& b) { b.stop(200, 2); }, {}},
        {"another bond is blocked", [](Bench& b) { b.block(200, 1, 2); }, {}},
        {"another mm is blocked", [](Bench& b) { b.block(200, 1, 0, 2); }, {}},
        {"another mm dies", [](Bench& b) { b.free(200, 5, 2), b.exit_mmap(200, 2), b.mmput(200, 2); }, {}},
        {"another mm's same PASID is free", [](Bench& b) { b.pasid(200, PasidState::Free, 2); }, {}},
    };
    // clang-format on
    for (const Row& row : rows) {
        INFO(row.event);
        Dying b;
        b.bond(20, 2, 1, 1);
        Marks expected = b.marks();
        row.say(b);
        for (const std::string& name : row.moves) expected[name] = 200;
        CHECK(b.marks() == expected);
    }
}

TEST_CASE("a retrospective milestone with no event after T0 is T0, whatever came before", "[observe]") {
    Bench b;
    b.bond(10, 1);
    const bool busy_before = GENERATE(false, true);
    if (busy_before) b.commit(50, 1), b.tlp(60, 1), b.fault(70, 1);
    b.trigger(100, 1);
    CHECK(b.marks() == Marks{{"block_observed", 100}, {"drain", 100}, {"last_seen", 100}});
}

TEST_CASE("a page that was unmapped and freed before T0 is no milestone of the teardown", "[observe]") {
    Bench b;
    b.bond(10, 1);
    b.free(50, 5);
    b.free(60, 8, 1, FrameUse::Table);
    b.trigger(100, 1);
    CHECK(b.marks().count("free_first") == 0);
    CHECK(b.marks().count("free_last") == 0);
    CHECK(b.marks().count("tables_free") == 0);
    b.free(300, 6);
    b.free(310, 7);
    CHECK(b.marks().at("free_first") == 300);
    CHECK(b.marks().at("free_last") == 310);
}

TEST_CASE("the first trigger is T0, later ones are listed once each", "[observe]") {
    Bench b;
    b.bond(10, 1);
    CHECK(b.teardowns.begun() == 0);
    b.trigger(100, 1, "kill");
    b.trigger(110, 1, "exit");
    b.trigger(120, 1, "kill");
    b.trigger(130, 1, "exit");
    b.trigger(140, 1, "unbind");
    const Teardown t = b.of(1);
    CHECK(t.t0 == sim::Time::ps(100));
    CHECK(t.trigger == "kill");
    CHECK(t.also == Names{"exit", "unbind"});
    CHECK(b.teardowns.begun() == 1);
}

TEST_CASE("block and reuse are the first of their kind; DMA, frees and mmput the last", "[observe]") {
    Dying b;
    for (const i64 at : {200, 300}) {
        b.block(at, 1, 1);
        b.pasid(at, PasidState::Free);
        b.commit(at, 1);
        b.tlp(at, 1);
        b.free(at, 5);
        b.mmput(at);
    }
    CHECK(b.marks() == Marks{{"block", 200},
                             {"reuse", 200},
                             {"free_first", 200},
                             {"block_observed", 300},
                             {"last_seen", 300},
                             {"free_last", 300},
                             {"mmput", 300},
                             {"drain", 100}});
}

TEST_CASE("the last DMA is not after the block, and if one is, that is not hidden", "[observe]") {
    Dying b;
    b.commit(190, 1);
    b.block(200, 1, 1);
    CHECK(b.of(1).at("block_observed") <= b.of(1).at("block"));
    b.commit(200, 1);
    CHECK(b.of(1).at("block_observed") <= b.of(1).at("block"));
    b.commit(201, 1, memory::Verdict::Stale);
    CHECK(b.of(1).at("block_observed") > b.of(1).at("block"));
}

TEST_CASE("the path to the last free tells of whoever stopped the device, and of whoever dropped the last reference", "[observe]") {
    const auto span = [](u64 id, const char* actor, const char* phase, i64 start) { return base::Span{id, actor, phase, {}, sim::Time::ps(start), 0, 0, {}}; };
    Dying b;
    b.block(200, 1, 1);
    b.say(300, span(1, "kworker/0", "stopping", 150));
    b.stop(300, 1, false, 1);
    const bool by_a_reader = GENERATE(true, false);
    if (by_a_reader) b.say(380, span(2, "reader/0", "freeing", 320)), b.say(380, os::ExitMmapReturned{MmId{1}, 2});
    b.free(380, 5);
    std::vector<std::string> told;
    for (const auto& [milestone, parts] : b.of(1).paths)
        if (milestone == "free_last")
            for (const auto& part : parts) told.push_back(fmt::format("{} {} {}", part.actor, part.phase, part.end.ps()));
    REQUIRE_FALSE(told.empty());
    CHECK(told.back() == (by_a_reader ? "reader/0 freeing 380" : "kernel deferred 380"));
    if (!by_a_reader) CHECK(told[told.size() - 2] == "kworker/0 stopping 300");
}

TEST_CASE("of more teardowns than are told, the open ones and the slowest are told; the others keep their milestones", "[observe]") {
    testbench::Stage s;
    const observe::Teardowns three{s.events, 3};
    for (u32 id = 1; id <= 5; ++id) {
        s.bond(10, id, id);
        s.trigger(100, id);
    }
    for (u32 id = 1; id <= 4; ++id) { // bond 5 stays open; 2 takes longest, then 4, 1, 3
        const i64 end = id == 2 ? 900 : id == 4 ? 500 : id == 1 ? 400 : 300;
        s.block(end, id, id, id);
        s.stop(end, id);
    }
    for (const observe::Teardown& t : three.results()) {
        INFO(raw(t.bond));
        const bool told = t.bond == BondId{5} || t.bond == BondId{2} || t.bond == BondId{4};
        CHECK(t.brief != told);
        CHECK(t.paths.empty() == (t.brief || t.bond == BondId{5})); // nothing of 5 came after T0
        CHECK(t.breakdown.empty() == (t.brief || t.bond == BondId{5}));
        CHECK(t.quiesce.has_value() == (t.bond != BondId{5}));
    }
}
