// SPDX-License-Identifier: Apache-2.0
/// Plain counts: each from its own events, and percentiles by the nearest rank.
#include "observe/counters.h"
#include "observe/stage.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::observe;
using iommu::FaultFate;
using iommu::InvalidationKind;
using iommu::LookUp;
using memory::Verdict;

namespace {
struct CountersBench : testbench::Stage {
    Counters counters{events};
    const RunCounts& c() const { return counters.counts(); }
};
} // namespace

TEST_CASE("nothing is counted before something happens", "[observe]") {
    CountersBench b;
    CHECK(b.c().dma.reads + b.c().dma.writes + b.c().dma.bytes + b.c().dma.aborted + b.c().dma.legal_after_unmap == 0);
    CHECK(b.c().faults.by_type.empty());
    CHECK(b.c().invalidations.fence_wait_ps.empty());
    CHECK(b.c().cpu_ps.empty());
}

TEST_CASE("DMA counts at memory by direction, with its bytes", "[observe]") {
    CountersBench b;
    b.commit(10, 1, Verdict::Legal, 5, true);
    b.commit(10, 1, Verdict::AfterUnmap, 5, true);
    b.commit(10, 1, Verdict::Stale, 5, false);
    CHECK(b.c().dma.writes == 2);
    CHECK(b.c().dma.reads == 1);
    CHECK(b.c().dma.bytes == 3 * 64);
    CHECK(b.c().dma.legal_after_unmap == 1);
    CHECK(b.c().dma.aborted == 0);
}

TEST_CASE("a DMA that did not end well is aborted", "[observe]") {
    using devices::DmaEnding;
    CountersBench b;
    b.dma_issued(5, 1);
    b.dma_ended(10, 1, DmaEnding::Success);
    CHECK(b.c().dma.aborted == 0);
    b.dma_ended(10, 1, DmaEnding::UnsupportedRequest);
    b.dma_ended(10, 1, DmaEnding::CompleterAbort);
    CHECK(b.c().dma.aborted == 2);
    CHECK(b.c().dma.reads + b.c().dma.writes == 0); // nothing reached memory
}

TEST_CASE("faults of a link count by link, direction and kind", "[observe]") {
    using pcie::LinkFaultKind;
    CountersBench b;
    const auto fault = [&](bool upstream, LinkFaultKind kind, int times) {
        for (int i = 0; i < times; ++i)
            b.say(10, pcie::LinkFault{"acc0.link", upstream, kind, pcie::TlpKind::MemoryRead, 5, BondId{1}});
    };
    fault(true, LinkFaultKind::Replayed, 1);
    fault(true, LinkFaultKind::Delayed, 2);
    fault(true, LinkFaultKind::Dropped, 3);
    fault(true, LinkFaultKind::Malformed, 4);
    fault(true, LinkFaultKind::Poisoned, 5);
    fault(true, LinkFaultKind::Reordered, 7);
    fault(false, LinkFaultKind::Dropped, 6);
    REQUIRE(b.c().links.size() == 2);
    const RunCounts::Link &up = b.c().links.at("acc0.link.up"), &down = b.c().links.at("acc0.link.down");
    CHECK(std::vector<u64>{up.replayed, up.delayed, up.dropped, up.malformed, up.poisoned, up.reordered} ==
          std::vector<u64>{1, 2, 3, 4, 5, 7});
    CHECK(std::vector<u64>{down.replayed, down.delayed, down.dropped, down.malformed, down.poisoned, down.reordered} ==
          std::vector<u64>{0, 0, 6, 0, 0, 0});
}

TEST_CASE("a link counts when it goes down, not when it comes up; completion time-outs count", "[observe]") {
    CountersBench b;
    for (const bool up : {false, true, false}) b.say(10, pcie::LinkChanged{"acc0.link", DeviceId{0}, up});
    for (int i = 0; i < 3; ++i) b.say(10, pcie::CompletionTimedOut{DeviceId{0}, 5, BondId{1}});
    CHECK(b.c().links_down == 2);
    CHECK(b.c().completion_timeouts == 3);
}

TEST_CASE("faults count by fate and by the manual's name", "[observe]") {
    CountersBench b;
    for (int i = 0; i < 4; ++i) b.fault(10, 1, FaultFate::Recorded, "F_TRANSLATION");
    for (int i = 0; i < 3; ++i) b.fault(10, 1, FaultFate::Suppressed, "F_TRANSLATION");
    for (int i = 0; i < 2; ++i) b.fault(10, 1, FaultFate::Lost, "C_BAD_CD");
    b.fault(10, 1, FaultFate::Discarded, "C_BAD_CD");
    for (int i = 0; i < 5; ++i) b.fault(10, 1, FaultFate::Merged, "F_ACCESS");
    for (int i = 0; i < 2; ++i) b.say(10, iommu::AtsRefused{7, BondId{1}, StreamId{8}});
    const auto& f = b.c().faults;
    CHECK(f.recorded == 4);
    CHECK(f.suppressed == 3);
    CHECK(f.ats_refused == 2);
    CHECK(f.lost_overflow == 2);
    CHECK(f.discarded == 1);
    CHECK(f.merged == 5);
    CHECK(f.lost() == 3);
    CHECK(f.raised() == 15);
    CHECK(f.overflows == 1); // both in a row
    b.fault(10, 1, FaultFate::Recorded, "F_TRANSLATION");
    b.fault(10, 1, FaultFate::Lost, "F_TRANSLATION");
    CHECK(b.c().faults.overflows == 2);
    CHECK(f.by_type == std::map<std::string, u64>{{"F_TRANSLATION", 9}, {"C_BAD_CD", 3}, {"F_ACCESS", 5}});
}

TEST_CASE("a record that the driver did not show is filtered", "[observe]") {
    CountersBench b;
    for (const bool shown : {true, false, false})
        b.say(10, os::FaultHandled{"smmu", 0x10, StreamId{8}, true, Pasid{1}, shown});
    CHECK(b.c().faults.filtered == 2);
    CHECK(b.c().faults.recorded == 0);
}

TEST_CASE("global errors count when they become active, a command error with its code", "[observe]") {
    CountersBench b;
    b.say(10, iommu::GlobalError{"smmu", "CMDQ_ERR", "CERROR_ATC_INV_SYNC", true});
    b.say(10, iommu::GlobalError{"smmu", "CMDQ_ERR", {}, false});
    b.say(10, iommu::GlobalError{"smmu", "EVENTQ_ABT_ERR", {}, true});
    CHECK(b.c().global_errors == std::map<std::string, u64>{{"CMDQ_ERR/CERROR_ATC_INV_SYNC", 1}, {"EVENTQ_ABT_ERR", 1}});
}

TEST_CASE("translations count, and of them the hits", "[observe]") {
    CountersBench b;
    for (const LookUp l : {LookUp::Hit, LookUp::Miss, LookUp::Bypass, LookUp::Hit, LookUp::Near})
        b.say(10, iommu::Translated{7, BondId{1}, StreamId{8}, Pasid{1}, Iova{0x5000}, l, true});
    CHECK(b.c().translations == 5);
    CHECK(b.c().tlb_hits == 3);
    CHECK(b.c().near_hits == 1);
}

TEST_CASE("invalidations count by kind when they begin, fences when they are signalled", "[observe]") {
    CountersBench b;
    const InvalidationKind kinds[] = {InvalidationKind::Configuration, InvalidationKind::Translation,
                                      InvalidationKind::Translation,   InvalidationKind::DeviceTlb,
                                      InvalidationKind::DeviceTlb,     InvalidationKind::DeviceTlb};
    u64 n = 0;
    for (const InvalidationKind k : kinds) {
        b.say(10, iommu::InvalidationBegun{"smmu", ++n, k});
        b.say(20, iommu::InvalidationDone{"smmu", n});
    }
    for (int i = 0; i < 4; ++i) b.say(30, iommu::FenceSignalled{"smmu", n, false});
    CHECK(b.c().invalidations.configuration == 1);
    CHECK(b.c().invalidations.tlb == 2);
    CHECK(b.c().invalidations.atc == 3);
    CHECK(b.c().invalidations.fences == 4);
}

TEST_CASE("a fence counts as of the commands that it waits for, per unit", "[observe]") {
    CountersBench b;
    u64 n = 0;
    auto command = [&](const char* unit, const char* name) {
        b.say(10, iommu::CommandConsumed{unit, ++n, name, 0, 0});
    };
    auto fence = [&](const char* unit) { // it signals, and then it is consumed
        b.say(20, iommu::FenceSignalled{unit, ++n, true});
        b.say(20, iommu::CommandConsumed{unit, n, "CMD_SYNC", 0, 0});
    };
    command("smmu0", "CFGI_CD"), fence("smmu0");
    command("smmu0", "TLBI_NH_VA"), command("smmu0", "TLBI_NH_VA"), fence("smmu0");
    command("smmu1", "TLBI_NH_ASID"), command("smmu0", "CFGI_CD"), fence("smmu1"), fence("smmu0");
    command("smmu0", "TLBI_NH_ASID"), command("smmu0", "CFGI_CD"), fence("smmu0");
    fence("smmu1");
    using By = std::map<std::string, u64>;
    CHECK(b.c().invalidations.fences_by.at("smmu0") ==
          By{{"CFGI_CD", 2}, {"TLBI_NH_VA", 1}, {"CFGI_CD+TLBI_NH_ASID", 1}});
    CHECK(b.c().invalidations.fences_by.at("smmu1") == By{{"TLBI_NH_ASID", 1}, {"nothing", 1}});
    CHECK(b.c().invalidations.fences == 6);
}

TEST_CASE("waits for completions are apart by queue and phase, and work is no wait", "[observe]") {
    CountersBench b;
    auto span = [&](const char* phase, const char* waits_for, i64 from, i64 to) {
        b.say(to, base::Span{1, "cpu", phase, waits_for, sim::Time::ps(from), 0, 0, BondId{}});
    };
    span("cfgi-sync", "smmu0.cmdq", 100, 140);
    span("cfgi-sync", "smmu0.cmdq", 200, 260);
    span("tlbi-sync", "smmu0.cmdq", 300, 1300);
    span("tlbi-sync", "smmu1.cmdq", 300, 400);
    span("sync", "", 300, 400);
    span("synchronize-srcu", "srcu", 300, 400);
    const auto& by = b.c().invalidations.sync_wait_by;
    CHECK(by.size() == 2);
    CHECK(by.at("smmu0.cmdq").at("cfgi-sync") == std::vector<u64>{40, 60});
    CHECK(by.at("smmu0.cmdq").at("tlbi-sync") == std::vector<u64>{1000});
    CHECK(by.at("smmu1.cmdq").at("tlbi-sync") == std::vector<u64>{100});
}

TEST_CASE("a fence for unmapped pages is apart from one that blocks a bond", "[observe]") {
    CountersBench b;
    b.issue(100, 1), b.fence(110, 1, 0, 1, Va{}, page_size);
    b.issue(200, 2), b.block(300, 2);
    b.issue(400, 3), b.fence(403, 3, 0, 1, Va{}, 0); // the rewriting of a context covers no page
    CHECK(b.c().invalidations.fence_wait_by ==
          std::map<std::string, std::vector<u64>>{{"context", {3}}, {"range", {10}}, {"space", {100}}});
    CHECK(b.c().invalidations.fence_wait_ps == std::vector<u64>{10, 100, 3});
}

TEST_CASE("a fence's wait runs from the issue to when a CPU saw it, in whatever order they are seen", "[observe]") {
    CountersBench b;
    b.issue(100, 1);
    b.issue(150, 2);
    b.fence(160, 2);
    b.fence(300, 1);
    b.fence(310, 1); // seen already
    b.fence(320, 9); // never issued
    CHECK(b.c().invalidations.fence_wait_ps == std::vector<u64>{10, 200});
    CHECK(b.c().invalidations.fences == 0); // these are the OS's, not the hardware's
}

TEST_CASE("CPU time adds up per context", "[observe]") {
    CountersBench b;
    b.say(10, os::CpuSpent{"app0/main", "cpu0", 300});
    b.say(20, os::CpuSpent{"kworker", "cpu1", 5});
    b.say(30, os::CpuSpent{"app0/main", "cpu1", 40});
    CHECK(b.c().cpu_ps == std::map<std::string, u64>{{"app0/main", 340}, {"kworker", 5}});
    CHECK(b.c().cpu_on_ps == std::map<std::string, u64>{{"cpu0", 300}, {"cpu1", 45}});
    b.say(100, os::CpuRuns{0, "kworker"}), b.say(150, os::CpuRuns{0, {}});
    b.say(200, os::CpuRuns{1, "kworker"}), b.say(207, os::CpuRuns{1, {}});
    CHECK(b.c().cpu_taken_ps == std::map<std::string, u64>{{"kworker", 57}});
}

TEST_CASE("of the interrupts' CPU time that of IOMMUs is what has a unit's name", "[observe]") {
    RunCounts c;
    c.invalidations.fences_by = {{"smmu", {}}, {"dmar", {}}};
    c.cpu_taken_ps = {{"irq/smmu-evtq", 1}, {"irq/smmu", 2}, {"irq/dmar-prq", 4}, {"irq/smmux", 8}, {"irq/acc0", 16}, {"smmu-evtq", 32}};
    CHECK(c.iommu_interrupts_ps() == 7);
}

TEST_CASE("a CPU that somebody has when the run ends counts until then", "[observe]") {
    CountersBench b;
    b.say(100, os::CpuRuns{0, "kworker"}), b.say(130, os::CpuRuns{0, {}}), b.say(150, os::CpuRuns{0, "irq/evtq"});
    CHECK(b.c().cpu_taken_ps == std::map<std::string, u64>{{"kworker", 30}});
    const RunCounts at_end = b.counters.counts_at(sim::Time::ps(157));
    CHECK(at_end.cpu_taken_ps == std::map<std::string, u64>{{"irq/evtq", 7}, {"kworker", 30}});
    CHECK(at_end.cpu_busy_ps == 37);
    CHECK(b.c().cpu_busy_ps == 30); // asked in the middle, it counts on
}

TEST_CASE("a percentile is the value of the nearest rank", "[observe]") {
    std::vector<u64> hundred;
    for (u64 i = 100; i > 0; --i) hundred.push_back(i * 10);
    CHECK(percentile(hundred, 50) == 500);
    CHECK(percentile(hundred, 99) == 990);
    CHECK(percentile(hundred, 100) == 1000);
    CHECK(percentile(hundred, 0) == 10);
    CHECK(percentile({7, 3}, 50) == 3);
    CHECK(percentile({7, 3}, 51) == 7);
    CHECK(percentile({7, 3, 5}, 99) == 7);
    CHECK(percentile({4}, 1) == 4);
    CHECK(percentile({}, 99) == 0);
}
