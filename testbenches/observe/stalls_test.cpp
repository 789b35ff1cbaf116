// SPDX-License-Identifier: Apache-2.0
/// What stalled transactions mean to a teardown, to the counts of a run and to the checkers.
#include "observe/counters.h"
#include "observe/teardown_stage.h"
#include "observe/violations.h"

using namespace quiesce;
using namespace quiesce::observe;
using iommu::StallResolution;
using iommu::StallResolver;
using os::PageRequestFate;
using testbench::Dying;

namespace {
struct ObserveStallBench : testbench::Stage {
    Counters counters{events};
    PageRequests requests{events};
    Checkers checkers{events};
    const RunCounts::StallCounts& c() const { return counters.counts().stalls; }
    std::vector<std::string> kinds() const {
        std::vector<std::string> all;
        for (const Violation& v : checkers.violations()) all.push_back(v.kind);
        return all;
    }
    ObserveStallBench() { bond(10, 1); }
};
} // namespace

TEST_CASE("drain is the end of the last stalled transaction", "[observe][stall]") {
    Dying b;
    b.stalled(90, 1, 7, 0), b.stalled(120, 1, 8, 1);
    b.stall_over(150, 1, StallResolution::Aborted, StallResolver::Resume, 7, 0);
    CHECK(b.marks().count("drain") == 0);
    b.stall_over(190, 1, StallResolution::Aborted, StallResolver::Resume, 8, 1);
    CHECK(b.marks().at("drain") == 190);
}

TEST_CASE("while a transaction is stalled there is no quiesce, and open names drain", "[observe][stall]") {
    Dying b;
    b.block(200, 1, 1), b.stop(210, 1);
    b.stalled(150, 1);
    CHECK(b.quiesce() == -1);
    CHECK(b.of(1).open.front() == "drain");
    b.stall_over(260, 1);
    CHECK(b.quiesce() == 160);
}

TEST_CASE("a record of a transaction that ended otherwise is with the OS until it is through with it",
          "[observe][stall]") {
    Dying b;
    b.stalled(110, 1), b.stall_recorded(115, 1);
    b.stall_over(130, 1, StallResolution::Aborted, StallResolver::StreamTermination);
    CHECK(b.marks().count("drain") == 0);
    b.page_ended(170, 1, 0, 5, PageRequestFate::MmDead);
    CHECK(b.marks().at("drain") == 170);
}

TEST_CASE("stalls are counted by what became of them", "[observe][stall]") {
    ObserveStallBench b;
    b.stalled(20, 1, 1, 0), b.stalled(21, 1, 2, 1), b.stalled(22, 1, 3, 0, false), b.stalled(23, 1, 4, 2),
        b.stalled(24, 1, 5, 3);
    b.stall_recorded(25, 1, 1, 0);
    b.stall_over(30, 1, StallResolution::Retried, StallResolver::Resume, 1);
    b.stall_over(40, 1, StallResolution::Aborted, StallResolver::Resume, 2);
    b.stall_over(50, 1, StallResolution::Retried, StallResolver::Invalidation, 3);
    b.stall_over(60, 1, StallResolution::Aborted, StallResolver::StreamTermination, 4);
    CHECK(b.c().received == 5);
    CHECK(b.c().recorded == 1);
    CHECK(b.c().waited_for_tag == 1);
    CHECK(b.c().retried == 1);
    CHECK(b.c().aborted == 1);
    CHECK(b.c().retried_by_unit == 1);
    CHECK(b.c().terminated == 1);
    CHECK(b.c().outstanding == 1);
    CHECK(b.requests.most_stalled() == 5);
    CHECK(b.requests.stall_ps() == std::vector<u64>{10, 19, 28, 37});
}

TEST_CASE("a stall that nobody answers is lost", "[observe][stall]") {
    ObserveStallBench b;
    b.stalled(20, 1), b.stall_recorded(21, 1);
    b.checkers.check_page_requests(b.requests, true, sim::Duration::ps(1'000));
    CHECK(b.kinds() == std::vector<std::string>{"lost-page-request"});
}

TEST_CASE("one that is answered as the OS decided is in order", "[observe][stall]") {
    ObserveStallBench b;
    const bool granted = GENERATE(false, true);
    b.stalled(20, 1), b.stall_recorded(21, 1);
    b.page_ended(30, 1, 0, 5, granted ? PageRequestFate::Handled : PageRequestFate::BadAddress);
    b.page_decided(31, 1, 0, granted ? os::PageAnswer::Success : os::PageAnswer::Invalid);
    b.stall_over(40, 1, granted ? StallResolution::Retried : StallResolution::Aborted);
    b.checkers.check_page_requests(b.requests, true, sim::Duration::ps(1'000));
    CHECK(b.kinds().empty());
}

TEST_CASE("an answer that is not what the OS decided, or that it never decided, is wrong", "[observe][stall]") {
    ObserveStallBench b;
    b.stalled(20, 1), b.stall_recorded(21, 1);
    SECTION("retried though the OS decided to abort") { b.page_decided(30, 1, 0, os::PageAnswer::Invalid); }
    SECTION("nothing was decided") {}
    b.stall_over(40, 1, StallResolution::Retried);
    CHECK(b.kinds() == std::vector<std::string>{"wrong-response"});
}

TEST_CASE("an answer to a transaction that is over is late", "[observe][stall]") {
    ObserveStallBench b;
    b.stalled(20, 1), b.stall_recorded(21, 1);
    b.stall_over(30, 1, StallResolution::Aborted, StallResolver::UnitDisabled);
    b.page_decided(40, 1, 0, os::PageAnswer::Invalid);
    b.say(41, iommu::StallAnswerIgnored{"smmu", testbench::Stage::stream(1), 0});
    CHECK(b.kinds() == std::vector<std::string>{"late-page-response"});
}

TEST_CASE("a stall of a dead process that is granted is a wrong answer", "[observe][stall]") {
    ObserveStallBench b;
    b.stalled(20, 1), b.stall_recorded(21, 1);
    b.bond(25, 1, 1, 1, os::BondState::Exited);
    b.page_ended(30, 1, 0, 5, PageRequestFate::Handled);
    CHECK(b.kinds() == std::vector<std::string>{"wrong-response"});
}
