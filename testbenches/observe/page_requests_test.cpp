// SPDX-License-Identifier: Apache-2.0
/// What page requests mean to a teardown and to the counts of a run.
#include "observe/counters.h"
#include "observe/teardown_stage.h"

using namespace quiesce;
using namespace quiesce::observe;
using iommu::PageResponseReason;
using os::PageRequestFate;
using testbench::Dying;
using testbench::Names;

namespace {
struct PageRequestsBench : testbench::Stage {
    Counters counters{events};
    PageRequests requests{events};
    const RunCounts::PageRequests& c() const { return counters.counts().page_requests; }
};
} // namespace

TEST_CASE("without page requests drain is T0", "[observe][pri]") {
    Dying b;
    CHECK(b.marks().at("drain") == 100);
}

TEST_CASE("drain is the arrival of the last answer at the device", "[observe][pri]") {
    Dying b;
    b.page_sent(90, 1, 0), b.page_sent(120, 1, 1);
    b.page_heard(150, 1, 0);
    CHECK(b.marks().count("drain") == 0);
    b.page_heard(180, 1, 1, 1);
    CHECK(b.marks().at("drain") == 180);
}

TEST_CASE("a request that was over before T0 leaves drain at T0", "[observe][pri]") {
    Dying b;
    b.page_sent(20, 1), b.page_heard(50, 1);
    CHECK(b.marks().at("drain") == 100);
}

TEST_CASE("a record that the OS has not dealt with keeps the bond from having drained", "[observe][pri]") {
    Dying b;
    b.page_sent(110, 1), b.page_recorded(120, 1);
    b.page_heard(150, 1); // the hardware answered for the group
    CHECK(b.marks().count("drain") == 0);
    b.page_ended(170, 1, 0, 5, PageRequestFate::Discarded);
    CHECK(b.marks().at("drain") == 170);
}

TEST_CASE("while a request is open there is no quiesce, and open names drain", "[observe][pri]") {
    Dying b;
    b.block(200, 1, 1), b.stop(210, 1);
    b.page_sent(150, 1);
    CHECK(b.quiesce() == -1);
    CHECK(b.of(1).open.front() == "drain");
    b.page_heard(260, 1);
    CHECK(b.quiesce() == 160);
}

TEST_CASE("another bond's requests do not count", "[observe][pri]") {
    Dying b;
    b.bond(10, 2, 2, 2);
    b.page_sent(150, 2);
    CHECK(b.marks().at("drain") == 100);
}

TEST_CASE("a group that its device forgot is over for the device without an answer; its other groups go on",
          "[observe][pri]") {
    PageRequestsBench b;
    b.page_sent(10, 1, 0, 5), b.page_sent(10, 1, 0, 6), b.page_sent(10, 1, 7), b.page_sent(10, 2, 0);
    b.page_forgotten(50, 1, 0, 2);
    CHECK(b.requests.open(BondId{1}) == 1);
    CHECK(b.requests.open(BondId{2}) == 1);
    CHECK(b.requests.waiting().size() == 2);
    CHECK(b.requests.latency_ps().empty());
    CHECK(b.c().forgotten == 2);
}

TEST_CASE("what a device forgot drains with the OS's own record, or at once where the OS has none", "[observe][pri]") {
    const bool recorded = GENERATE(false, true);
    Dying b;
    b.page_sent(110, 1);
    if (recorded) b.page_recorded(120, 1);
    b.page_forgotten(150, 1);
    CHECK(b.marks().count("drain") == !recorded);
    if (recorded) b.page_ended(170, 1);
    CHECK(b.marks().at("drain") == (recorded ? 170 : 150));
}

TEST_CASE("a request that reaches the OS after its device forgot it keeps the bond from having drained",
          "[observe][pri]") {
    Dying b;
    b.page_sent(110, 1), b.page_forgotten(120, 1);
    b.page_recorded(130, 1);
    CHECK(b.marks().count("drain") == 0);
    b.page_ended(170, 1);
    CHECK(b.marks().at("drain") == 170);
}

TEST_CASE("until its device forgot the last request the breakdown of drain is the device's work", "[observe][pri]") {
    Dying b;
    b.block(120, 1, 1), b.stop(130, 1);
    b.page_sent(110, 1);
    b.say(140, base::Span{1, "iopf/0", "page-fault", {}, sim::Time::ps(120), 0, 0, BondId{1}});
    b.page_forgotten(200, 1);
    const auto t = b.of(1);
    REQUIRE(t.quiesce);
    CHECK(t.quiesce->ps() == 100);
    REQUIRE(t.breakdown.size() == 1);
    CHECK(t.breakdown[0].phase == "device-work");
}

TEST_CASE("answers that find no group at their device are counted", "[observe][pri]") {
    PageRequestsBench b;
    for (const auto fate : {devices::PageResponseFate::Unexpected, devices::PageResponseFate::Taken,
                            devices::PageResponseFate::Stale, devices::PageResponseFate::Ignored})
        b.page_heard(50, 1, 0, 0, fate);
    CHECK(b.c().unexpected == 1);
}

TEST_CASE("an answer that the device takes for none of its groups ends nothing", "[observe][pri]") {
    PageRequestsBench b;
    b.page_sent(10, 1, 3);
    b.page_heard(50, 1, 3, 0, devices::PageResponseFate::Unexpected);
    b.page_heard(50, 1, 3, 0, devices::PageResponseFate::Ignored);
    CHECK(b.requests.open(BondId{1}) == 1);
    CHECK(b.requests.waiting().size() == 1);
}

TEST_CASE("the breakdown of drain goes through the worker that handled the last request", "[observe][pri]") {
    Dying b;
    b.block(120, 1, 1), b.stop(130, 1);
    b.page_sent(110, 1);
    b.say(160, base::Span{1, "iopf/0", "page-fault", {}, sim::Time::ps(140), 0, 0, BondId{1}});
    b.page_heard(200, 1);
    const auto t = b.of(1);
    REQUIRE(t.quiesce);
    CHECK(t.quiesce->ps() == 100);
    std::vector<std::string> phases;
    for (const auto& p : t.breakdown) phases.push_back(p.phase);
    CHECK(phases == std::vector<std::string>{"scenario", "page-fault", "page-response"});
    CHECK(t.breakdown.back().end == sim::Time::ps(200));
}

TEST_CASE("of two records with one index for one page, the one that was dealt with is the one with that PASID", "[observe][pri]") {
    PageRequestsBench b;
    b.page_sent(10, 1, 7);
    b.say(11, devices::PageRequestSent{b.device(1), b.stream(1), BondId{3}, true, Pasid{3}, iova_of(b.page(5)), 7, true, true, false});
    b.page_heard(15, 1, 7);
    b.page_recorded(20, 1, 7);
    b.say(25, iommu::PageRequestRecorded{"smmu", BondId{3}, b.stream(1), iova_of(b.page(5)), 7, true, false});
    b.say(30, os::PageRequestEnded{b.stream(1), true, Pasid{3}, b.page(5), 7, MmId{3}, PageRequestFate::Handled});
    CHECK(b.requests.open(BondId{1}) == 1);
    CHECK(b.requests.open(BondId{3}) == 0);
}

TEST_CASE("each request counts once, as its group was answered", "[observe][pri]") {
    PageRequestsBench b;
    for (u64 p = 0; p < 3; ++p) b.page_received(10, 1, 0, p);
    b.page_received(11, 1, 1), b.page_received(12, 1, 2), b.page_received(13, 1, 3), b.page_received(14, 2, 0);
    b.page_answered(50, 1, 0, 0);
    b.page_answered(50, 1, 1, 1);
    b.page_answered(50, 1, 2, 15);
    b.page_answered(50, 1, 3, 0, PageResponseReason::Overflow);
    b.page_answered(50, 2, 0, 15, PageResponseReason::Disabled);
    CHECK(b.c().received == 7);
    CHECK(b.c().success == 3);
    CHECK(b.c().invalid == 1);
    CHECK(b.c().failure == 1);
    CHECK(b.c().auto_response == 2);
    CHECK(b.c().late == 0);
    CHECK(b.c().service_ps == std::vector<u64>{40, 40, 40, 39, 38}); // those that the OS answered
}

TEST_CASE("a Stop Marker is counted apart, and an answer to nothing is late", "[observe][pri]") {
    PageRequestsBench b;
    b.page_received(10, 1, 0, 0, true);
    CHECK(b.c().stop_markers == 1);
    CHECK(b.c().received == 0);
    b.page_answered(20, 1, 0);
    CHECK(b.c().late == 1);
    CHECK(b.c().success == 0);
}

TEST_CASE("of the requests that found no room, those that nobody answered are lost, and others that wait are open", "[observe][pri]") {
    PageRequestsBench b;
    const auto at_end = [&] { return b.counters.counts_at(sim::Time::ps(1000)).page_requests; };
    const auto add_up = [&] {
        const auto p = at_end();
        return p.received == p.success + p.invalid + p.failure + p.auto_response + p.lost + p.open;
    };
    b.page_received(10, 1, 0), b.page_recorded(11, 1, 0);
    b.page_received(12, 1, 1), b.page_dropped(13, 1, 1);                            // full
    b.page_received(14, 1, 2), b.page_dropped(15, 1, 2), b.page_answered(15, 1, 2, 0, PageResponseReason::Overflow);
    b.page_received(16, 1, 3), b.page_dropped(17, 1, 3, 5, true, true);             // off: the driver starts the queue again
    CHECK((at_end().dropped == 3 && at_end().overflows == 1 && at_end().lost == 2 && at_end().open == 1 && at_end().auto_response == 1));
    CHECK(add_up());
    b.page_received(20, 1, 4), b.page_recorded(21, 1, 4), b.page_answered(30, 1, 4); // there was room, and then there is none
    b.page_received(22, 1, 5), b.page_dropped(23, 1, 5), b.page_dropped(24, 1, 0, 0, true, false, true);
    CHECK((at_end().dropped == 4 && at_end().overflows == 2 && at_end().lost == 3));
    b.page_answered(40, 1, 0);
    CHECK((at_end().open == 0 && at_end().success == 2));
    CHECK(add_up());
}

TEST_CASE("a part of a group that was dropped is answered with the group; a group whose end was dropped is not the next one of its index",
          "[observe][pri]") {
    PageRequestsBench b;
    const auto at_end = [&] { return b.counters.counts_at(sim::Time::ps(1000)).page_requests; };
    b.page_received(10, 1, 0, 5), b.page_dropped(11, 1, 0, 5, false);
    b.page_received(12, 1, 0, 6), b.page_recorded(13, 1, 0, 6);
    CHECK((at_end().lost == 1 && at_end().open == 1));
    b.page_answered(20, 1, 0);
    CHECK((at_end().success == 2 && at_end().lost == 0 && at_end().open == 0));
    b.page_received(30, 1, 0, 5), b.page_recorded(31, 1, 0, 5, false);
    b.page_received(32, 1, 0, 6), b.page_dropped(33, 1, 0, 6);
    b.page_forgotten(40, 1, 0, 2);
    b.page_received(50, 1, 0, 7), b.page_recorded(51, 1, 0, 7), b.page_answered(60, 1, 0);
    CHECK((at_end().success == 3 && at_end().lost == 1 && at_end().open == 1));
}

TEST_CASE("a request that waits names what was seen of it last: its record, or that there was no room for it", "[observe][pri]") {
    PageRequestsBench b;
    b.page_sent(10, 1, 0, 5), b.page_sent(10, 1, 1, 6), b.page_sent(10, 1, 2, 7);
    b.page_recorded(20, 1, 1, 6), b.page_dropped(30, 1, 2, 7);
    const auto waiting = b.requests.waiting();
    REQUIRE(waiting.size() == 3);
    CHECK((waiting[0].event != 0 && waiting[0].event < waiting[1].event && waiting[1].event < waiting[2].event));
    CHECK_FALSE((waiting[0].dropped || waiting[1].dropped));
    REQUIRE(waiting[2].dropped);
    CHECK(*waiting[2].dropped == sim::Time::ps(30));
    CHECK(waiting[2].queue.text() == "smmu.priq");
}
