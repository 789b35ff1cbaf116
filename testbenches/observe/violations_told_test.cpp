// SPDX-License-Identifier: Apache-2.0
/// How violations are told: repeated ones are counted, each names its bond, page and times.
#include "observe/stage.h"
#include "observe/violations.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::observe;
using memory::Verdict;

namespace {
struct ViolationsToldBench : testbench::Stage {
    Checkers checkers;
    explicit ViolationsToldBench(u64 flood_threshold = 0) : checkers(events, flood_threshold) {
        bond(10, 1);
        bond(10, 2, 2, 2);
    }
    std::size_t count() const { return checkers.violations().size(); }
};
} // namespace

TEST_CASE("a repeated violation is counted, with its first and its last time", "[observe]") {
    ViolationsToldBench b;
    for (const i64 at : {50, 60, 75}) b.commit(at, 1, Verdict::Stale);
    REQUIRE(b.count() == 1);
    const Violation& v = b.checkers.violations().front();
    CHECK(v.count == 3);
    CHECK(v.first == sim::Time::ps(50));
    CHECK(v.last == sim::Time::ps(75));
}

TEST_CASE("another page, bond or kind is another violation", "[observe]") {
    ViolationsToldBench b;
    b.commit(50, 1, Verdict::Stale, 5);
    CHECK(b.count() == 1);
    b.commit(50, 1, Verdict::Stale, 6);
    CHECK(b.count() == 2);
    b.commit(50, 2, Verdict::Stale, 5);
    CHECK(b.count() == 3);
    b.commit(50, 1, Verdict::CrossProcess, 5);
    CHECK(b.count() == 4);
    for (const Violation& v : b.checkers.violations()) CHECK(v.count == 1);
}

TEST_CASE("walks through one table that is not there any more are one violation, whatever page they were to", "[observe]") {
    ViolationsToldBench b;
    for (const u64 page : {5, 6, 7}) b.walk(50, 1, true, page);
    REQUIRE(b.count() == 1);
    CHECK(b.checkers.violations().front().count == 3);
    CHECK(b.checkers.violations().front().object == "frame 0x8105a000");
    b.walk(60, 2, true, 5);
    CHECK(b.count() == 2);
}

TEST_CASE("a violation names the bond's device, process and PASID and the page", "[observe]") {
    ViolationsToldBench b;
    b.commit(50, 2, Verdict::Stale, 5);
    REQUIRE(b.count() == 1);
    const Violation& v = b.checkers.violations().front();
    CHECK(v.bond == BondId{2});
    CHECK(v.device == "acc2");
    CHECK(v.process == "app2");
    CHECK(v.pasid == Pasid{2});
    CHECK(v.page == 0x5000);
}

TEST_CASE("the story of a stale DMA says when the frame was given back", "[observe]") {
    ViolationsToldBench b;
    b.take(20, 5);
    b.unmap(25, 5);
    b.issue(30, 1);
    b.fence(35, 1);
    b.free(40, 5);
    b.commit(50, 1, Verdict::Stale, 5);
    b.commit(50, 1, Verdict::Stale, 6);
    REQUIRE(b.count() == 2);
    CHECK_THAT(b.checkers.violations()[0].story, Catch::Contains("mm 1 had given back at 40 ps"));
    CHECK_THAT(b.checkers.violations()[1].story, !Catch::Contains("given back"));
}

TEST_CASE("the story of a stale DMA becomes that of the first one that hit the frame's heir, and names both owners", "[observe]") {
    ViolationsToldBench b;
    b.say(15, os::ProcessChanged{"app1", MmId{1}, "running"});
    b.say(16, os::ProcessChanged{"heir", MmId{9}, "running"});
    b.take(20, 5);
    b.unmap(25, 5);
    b.issue(30, 1);
    b.fence(35, 1);
    b.free(40, 5);
    b.commit(50, 1, Verdict::Stale, 5);
    REQUIRE(b.count() == 1);
    CHECK_THAT(b.checkers.violations()[0].story, Catch::Contains("app1 had given back at 40 ps") && !Catch::Contains("heir"));
    b.say(60, memory::FrameTaken{ViolationsToldBench::frame(5, 1), MmId{9}, memory::FrameUse::Leaf, Va{0x7000}});
    b.commit(70, 1, Verdict::Stale, 5);
    b.commit(80, 1, Verdict::Stale, 5);
    REQUIRE(b.count() == 1);
    const Violation& v = b.checkers.violations()[0];
    CHECK(v.count == 3);
    CHECK(v.first == sim::Time::ps(50));
    CHECK(v.told == sim::Time::ps(70));
    CHECK_THAT(v.story, Catch::Contains("it landed at 70 ps") && Catch::Contains("heir had taken at 60 ps as its page 0x7000"));
}

TEST_CASE("the story of a stale DMA names the invalidation that the device had acknowledged for its page", "[observe]") {
    ViolationsToldBench b;
    const auto answered = [](u64 first, u64 bytes, u8 itag, iommu::AtcAnswer answer) {
        return pcie::InvalidationAnswered{ViolationsToldBench::device(1), itag, true, Pasid{1}, false, Iova{first}, bytes, sim::Time::ps(21), answer};
    };
    b.take(20, 5);
    b.say(30, answered(0x4000, 0x2000, 3, iommu::AtcAnswer::Completed)); // pages 4 and 5
    b.say(31, answered(0x6000, 0x1000, 4, iommu::AtcAnswer::Completed)); // another page
    b.say(32, answered(0x5000, 0x1000, 5, iommu::AtcAnswer::TimedOut));  // acknowledged nothing
    b.unmap(25, 5);
    b.issue(33, 1);
    b.fence(35, 1);
    b.free(40, 5);
    b.commit(50, 1, Verdict::Stale, 5);
    b.commit(50, 1, Verdict::Stale, 7);
    REQUIRE(b.count() == 2);
    CHECK_THAT(b.checkers.violations()[0].story,
               Catch::Contains("it had acknowledged the invalidation of 8192 B from 0x4000 for PASID 1 (ITag 3, asked at 21 ps) at 30 ps"));
    CHECK_THAT(b.checkers.violations()[1].story, !Catch::Contains("acknowledged"));
}

TEST_CASE("a page that is freed while an ATC could be filled again says when that was emptied and who could fill it", "[observe]") {
    ViolationsToldBench b;
    b.bond(15, 3);
    b.take(20, 5);
    b.say(30, os::AtcLeftOpen{BondId{1}, BondId{3}});
    b.block(35, 1, 3);
    b.unmap(40, 5);
    b.free(50, 5);
    REQUIRE(b.count() == 1);
    CHECK_THAT(b.checkers.violations()[0].story,
               Catch::Contains("acc1 (bond 1, app1, PASID 1) could still reach it") &&
                   Catch::Contains("last emptied before 30 ps, when acc3 (bond 3, app1, PASID 1) still walked"));
}

TEST_CASE("work that was lost is judged and stamped when the device dropped it, whenever its driver tells", "[observe]") {
    ViolationsToldBench b;
    b.say(20, devices::WorkDropped{ViolationsToldBench::device(1), BondId{1}});
    b.trigger(30, 2);
    b.say(40, devices::WorkDropped{ViolationsToldBench::device(2), BondId{2}});
    b.bond(40, 3);
    b.say(45, devices::WorkDropped{ViolationsToldBench::device(3), BondId{3}});
    b.trigger(45, 3);
    b.trigger(50, 1);
    CHECK(b.count() == 0); // the driver may give it the work again
    for (const u32 id : {1, 2, 3}) b.say(100, os::WorkLost{ViolationsToldBench::device(id), BondId{id}});
    REQUIRE(b.count() == 1); // bond 2 was dying then, and bond 3 from that instant on
    const Violation& v = b.checkers.violations()[0];
    CHECK(v.kind == "innocent-victim");
    CHECK(v.bond == BondId{1});
    CHECK(v.first == sim::Time::ps(20));
    CHECK_THAT(v.story, Catch::Contains("its driver told of it at 100 ps"));
}

TEST_CASE("a page is judged for each bond that can reach it", "[observe]") {
    ViolationsToldBench b;
    b.bond(15, 3, 1, 1);
    b.take(20, 5);
    b.unmap(25, 5);
    b.issue(30, 1, 1);
    b.block(35, 1, 1); // bond 1 is blocked, bond 3 of the same mm is not
    b.free(40, 5);
    REQUIRE(b.count() == 1);
    CHECK(b.checkers.violations().front().bond == BondId{3});
}

TEST_CASE("violations are listed in the order in which they were first seen", "[observe]") {
    ViolationsToldBench b;
    b.commit(50, 2, Verdict::Stale, 9);
    b.commit(60, 1, Verdict::CrossProcess, 3);
    b.commit(70, 2, Verdict::Stale, 9);
    REQUIRE(b.count() == 2);
    CHECK(b.checkers.violations()[0].kind == "stale-dma");
    CHECK(b.checkers.violations()[1].kind == "cross-process-dma");
}

TEST_CASE("a flood is told when the threshold is reached, once", "[observe]") {
    ViolationsToldBench b{4};
    b.trigger(50, 1);
    for (i64 n = 1; n <= 3; ++n) b.fault(50 + n, 1);
    CHECK(b.count() == 0);
    for (i64 n = 4; n <= 20; ++n) b.fault(50 + n, 1);
    REQUIRE(b.count() == 1);
    CHECK(b.checkers.violations().front().kind == "report-flood");
    CHECK(b.checkers.violations().front().first == sim::Time::ps(54));
    CHECK(b.checkers.violations().front().count == 1);
}

TEST_CASE("without a threshold nothing is a flood", "[observe]") {
    ViolationsToldBench b{0};
    b.trigger(50, 1);
    for (int n = 0; n < 10'000; ++n) b.fault(60, 1);
    CHECK(b.count() == 0);
}

TEST_CASE("a page waits for its fence however many others are seen meanwhile", "[observe]") {
    ViolationsToldBench b;
    b.take(20, 5);
    b.unmap(25, 5);
    b.issue(30, 1);
    b.fence(35, 1);
    for (u64 n = 2; n < 2000; ++n)
        b.issue(40, n), b.fence(40, n, 0, 1, testbench::Stage::page(100 + n), base::page_size);
    b.free(50, 5);
    CHECK(b.count() == 0);
}

TEST_CASE("the same kind about two objects is two violations", "[observe]") {
    ViolationsToldBench b;
    SECTION("two units whose fences lie") {
        for (const char* unit : {"smmu0", "smmu1", "smmu0"}) {
            b.events.emit(iommu::InvalidationBegun{unit, 3, iommu::InvalidationKind::Translation});
            b.events.emit(iommu::FenceSignalled{unit, 4, true});
        }
    }
    SECTION("two objects of the operating system, of no bond") {
        for (const char* object : {"mm 1", "mm 2", "mm 1"})
            b.events.emit(os::OsViolation{"use-after-free", object, BondId{}});
    }
    SECTION("two table pages that map the same address") {
        for (const u32 frame : {1u, 2u, 1u})
            b.say(20, memory::FrameFreed{Spa{0x9000'0000 + frame * base::page_size}, MmId{1}, memory::FrameUse::Table,
                                         Va{0x5000}});
    }
    SECTION("a walk through two freed tables for one page") {
        for (const u32 frame : {1u, 2u, 1u})
            b.say(20, memory::WalkCommitted{BondId{1}, DeviceId{1}, Pasid{1}, Iova{0x5000},
                                            Spa{0x9000'0008 + frame * base::page_size}, 2, true});
    }
    SECTION("a PASID that goes to a second and then to a third address space") {
        b.dma_issued(20, 1);
        for (const u32 mm : {5u, 6u, 5u}) b.pasid(30, os::PasidState::Allocated, mm, 1);
    }
    REQUIRE(b.count() == 2);
    CHECK(b.checkers.violations()[0].count == 2);
    CHECK(b.checkers.violations()[1].count == 1);
    CHECK(b.checkers.violations()[0].object != b.checkers.violations()[1].object);
}

TEST_CASE("a page freed unfenced could still be reached, but by a device whose link was down: its story says which",
          "[observe]") {
    ViolationsToldBench b;
    const auto link = [&](i64 at, u32 id, bool up) {
        b.say(at, pcie::LinkChanged{"link", ViolationsToldBench::device(id), up});
    };
    const auto freed = [&](i64 at, u64 page) {
        b.take(at - 2, page), b.unmap(at - 1, page), b.free(at, page);
        return b.checkers.violations().back().story;
    };
    link(15, 2, false); // another's
    CHECK_THAT(freed(20, 5), Catch::Contains("was freed while acc1") && Catch::Contains("could still reach it"));
    link(30, 1, false);
    CHECK_THAT(freed(40, 6), Catch::Contains("no fence covering it had been seen complete since it was unmapped") &&
                                 Catch::Contains("could not reach it, its link was down since 30 ps") &&
                                 !Catch::Contains("could still reach"));
    link(50, 1, true);
    CHECK_THAT(freed(60, 7), Catch::Contains("could still reach it"));
    CHECK(b.count() == 3);
}
