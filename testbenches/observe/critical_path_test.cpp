// SPDX-License-Identifier: Apache-2.0
/// Breakdowns: contiguous, and at each step the predecessor that arrived last.
#include "observe/critical_path.h"
#include "observe/violations.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::observe;

namespace {
struct CriticalPathBench {
    sim::Time clock;
    base::EventBus events{&clock};
    SpanLog log{events};
    void span(u64 id, const char* actor, const char* phase, i64 from, i64 to, u64 ended_by = 0, u64 begun_by = 0) {
        clock = sim::Time::ps(to);
        events.emit(base::Span{id, actor, phase, "", sim::Time::ps(from), begun_by, ended_by, BondId{}});
    }
    void runs(const char* context, i64 at) {
        clock = sim::Time::ps(at);
        events.emit(os::CpuRuns{0, context});
    }
    std::vector<std::string> path(i64 from, i64 to, u64 last) const {
        std::vector<std::string> names;
        sim::Time at = sim::Time::ps(from);
        for (const PathPart& p : log.path(sim::Time::ps(from), sim::Time::ps(to), last)) {
            CHECK(p.start == at); // contiguous
            at = p.end;
            names.push_back(p.actor + " " + p.phase);
        }
        CHECK(at == sim::Time::ps(to));
        return names;
    }
};
} // namespace

TEST_CASE("one actor's steps make up its own time", "[observe]") {
    CriticalPathBench b;
    b.span(1, "cpu", "a", 0, 10);
    b.span(2, "cpu", "b", 10, 25);
    CHECK(b.path(0, 25, 2) == std::vector<std::string>{"cpu a", "cpu b"});
}

TEST_CASE("a wait is explained by what ended it, and that by the waiter's step before the wait", "[observe]") {
    CriticalPathBench b;
    b.span(1, "unit", "old", 0, 3);
    b.span(2, "cpu", "submit", 0, 10);
    b.span(3, "unit", "sync", 14, 40);
    b.span(4, "cpu", "wait", 10, 42, 3);
    CHECK(b.path(0, 42, 4) == std::vector<std::string>{"cpu submit", "cpu hand-over", "unit sync", "cpu wait"});
}

TEST_CASE("time before anybody was asked to do anything is the scenario's", "[observe]") {
    CriticalPathBench b;
    b.span(1, "cpu", "late", 30, 50);
    CHECK(b.path(0, 50, 1) == std::vector<std::string>{"scenario scenario", "cpu late"});
}

TEST_CASE("a thread without a CPU between two phases is in user space, and holds the file that it closes later", "[observe]") {
    for (const std::string_view last : {"close-files", "munmap"}) {
        CriticalPathBench b;
        b.events.emit(os::ProcessChanged{"heir", MmId{2}, "running"});
        b.runs("heir/0", 5);
        b.span(1, "heir/0", "exec", 8, 20);
        b.runs("", 22);
        b.runs("heir/0", 90); // the call begins
        b.span(2, "heir/0", std::string{last}.c_str(), 95, 99);
        b.span(3, "heir/0", "device-stop", 99, 120);
        const std::string phase = last == "close-files" ? "heir/0 holds-file" : "heir/0 user-space";
        CHECK(b.path(10, 120, 3) == std::vector<std::string>{"heir/0 exec", "heir/0 running", phase, "heir/0 running",
                                                             "heir/0 " + std::string{last}, "heir/0 device-stop"});
        CHECK(b.path(50, 120, 3).front() == phase); // from T0 on
    }
}

TEST_CASE("a thread that a signal reaches in user space was there until then", "[observe]") {
    CriticalPathBench b;
    b.events.emit(os::ProcessChanged{"app", MmId{1}, "running"});
    b.runs("app/0", 0);
    b.span(1, "app/0", "bind", 0, 10);
    b.runs("", 10);
    b.span(2, "app/0", "signal-delivery", 60, 63);
    b.runs("app/0", 63);
    b.span(3, "app/0", "exit-signals", 65, 70);
    CHECK(b.path(0, 70, 3) == std::vector<std::string>{"app/0 bind", "app/0 user-space", "app/0 signal-delivery", "app/0 running", "app/0 exit-signals"});
}

TEST_CASE("freed without a fence seen since the unmap is a violation, with one it is not", "[observe]") {
    for (const bool fenced : {false, true}) {
        sim::Time clock = sim::Time::ps(1);
        base::EventBus events(&clock);
        Checkers checkers(events);
        const Spa frame{0x8000'0000};
        const Va page{0x5000};
        events.emit(os::BondChanged{BondId{1}, MmId{1}, "app", "acc0", DeviceId{}, Pasid{1}, os::BondState::Bound});
        events.emit(memory::FrameTaken{frame, MmId{1}, memory::FrameUse::Leaf, page});
        events.emit(os::InvalidationIssued{1, BondId{}, MmId{1}, page, page_size});
        events.emit(os::FenceObserved{BondId{}, MmId{1}, page, page_size, false, 1, 0}); // before the unmap: covers nothing
        events.emit(memory::FrameUnmapped{frame, MmId{1}, page});
        if (fenced) {
            events.emit(os::InvalidationIssued{2, BondId{}, MmId{1}, page, page_size});
            events.emit(os::FenceObserved{BondId{}, MmId{1}, page, page_size, false, 2, 0});
        }
        events.emit(memory::FrameFreed{frame, MmId{1}, memory::FrameUse::Leaf, page});
        CHECK(checkers.violations().size() == (fenced ? 0u : 1u));
        if (!fenced) CHECK(checkers.violations().front().kind == "freed-before-fenced");
    }
}

TEST_CASE("a fence that is signalled before an invalidation it covers is done lies", "[observe]") {
    sim::Time clock;
    base::EventBus events(&clock);
    Checkers checkers(events);
    events.emit(iommu::InvalidationBegun{"smmu", 3, iommu::InvalidationKind::Translation});
    events.emit(iommu::FenceSignalled{"smmu", 2, true});
    CHECK(checkers.violations().empty());
    events.emit(iommu::FenceSignalled{"smmu", 4, true});
    REQUIRE(checkers.violations().size() == 1);
    CHECK(checkers.violations().front().kind == "lying-fence");
}

TEST_CASE("of a path through very many parts the middle is one, and the whole is contiguous", "[observe]") {
    constexpr auto most = static_cast<i64>(SpanLog::most_parts);
    for (const i64 parts : {most, most + 1, 10 * most}) {
        CriticalPathBench b;
        for (i64 i = 0; i < parts; ++i) b.span(static_cast<u64>(i) + 1, "cpu", "step", 10 * i, 10 * i + 10);
        const auto path = b.path(0, 10 * parts, static_cast<u64>(parts));
        if (parts == most) {
            CHECK(path == std::vector<std::string>(SpanLog::most_parts, "cpu step"));
            continue;
        }
        REQUIRE(path.size() == SpanLog::most_parts + 1);
        CHECK(path[SpanLog::most_parts / 2] == std::to_string(parts - most) + " parts folded");
        CHECK(std::count(path.begin(), path.end(), "cpu step") == most);
    }
}
