// SPDX-License-Identifier: Apache-2.0
/// Who stands by while others are torn down, and what it costs them.
#include "observe/bystanders.h"
#include "observe/stage.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::observe;
using iommu::FaultFate;
using iommu::PageResponseReason;
using os::BondState;

namespace {
/// Bond 1 of app1 dies at 100; bond 2 of app2 lives.
struct BystandersBench : testbench::Stage {
    Bystanders bystanders{events};
    BystandersBench() {
        bond(10, 1, 1, 1);
        bond(10, 2, 2, 2);
    }
    const Bystanders::Counts& c() const { return bystanders.counts(); }
};
} // namespace

TEST_CASE("a page request counts if it leaves while somebody else's teardown is under way", "[observe][pri]") {
    BystandersBench b;
    b.page_sent(90, 2, 0), b.trigger(100, 1), b.page_sent(110, 2, 1), b.page_sent(120, 1, 2);
    for (u16 group = 0; group < 2; ++group) b.page_heard(150, 2, group);
    b.page_heard(150, 1, 2);
    CHECK(b.c().page_request_ps == std::vector<u64>{40});
    b.bond(200, 1, 1, 1, BondState::Unbound);
    b.page_sent(210, 2), b.page_heard(220, 2);
    CHECK(b.c().page_request_ps.size() == 1);
}

TEST_CASE("stalled transactions are counted as page requests are", "[observe][stall]") {
    BystandersBench b;
    b.stalled(90, 2, 1), b.trigger(100, 1), b.stalled(110, 2, 2), b.stalled(110, 1, 3);
    for (const u64 transaction : {1, 2}) b.stall_over(150, 2, iommu::StallResolution::Retried, iommu::StallResolver::Resume, transaction);
    b.stall_over(150, 1, iommu::StallResolution::Aborted, iommu::StallResolver::Resume, 3);
    CHECK(b.c().stall_ps == std::vector<u64>{40});
}

TEST_CASE("records and requests that found no room are those of who lives", "[observe]") {
    BystandersBench b;
    b.fault(90, 2, FaultFate::Lost), b.trigger(100, 1);
    b.fault(110, 1, FaultFate::Lost), b.fault(110, 2, FaultFate::Lost), b.fault(110, 2, FaultFate::Recorded);
    CHECK(b.c().records_lost == 1);
    b.fault(115, 1, FaultFate::Discarded), b.fault(115, 2, FaultFate::Discarded); // until the queue is started again
    CHECK(b.c().records_lost == 2);
    b.page_sent(120, 2), b.page_dropped(130, 2);
    b.page_sent(120, 1), b.page_dropped(130, 1);
    b.page_sent(140, 2, 1), b.page_answered(150, 2, 1);
    CHECK(b.c().page_requests_lost == 1); // whoever answers it
    b.page_answered(155, 2, 0, 0, PageResponseReason::Overflow);
    b.page_dropped(156, 2, 0, 0, true, false, true); // a Stop Marker
    CHECK(b.c().page_requests_lost == 1);
    b.say(160, os::ProcessChanged{"app2", MmId{2}, "dying"});
    b.fault(170, 2, FaultFate::Lost);
    CHECK(b.c().records_lost == 2);
}
