// SPDX-License-Identifier: Apache-2.0
/// The fingerprint: equal for equal runs, another for the smallest difference, blind to who else listens.
#include "observe/counters.h"
#include "observe/fingerprint.h"
#include "observe/stage.h"
#include "observe/teardowns.h"
#include "observe/violations.h"
#include "observe/waves.h"

#include <catch2/catch.hpp>
#include <functional>
#include <optional>
#include <set>

using namespace quiesce;
using namespace quiesce::observe;

namespace {
using Stage = testbench::Stage;
using Fact = std::function<void(Stage&, i64)>;

/// One fact of every type that the fingerprint hears.
const std::vector<Fact> run{
    [](Stage& s, i64 at) { s.bond(at, 1); },
    [](Stage& s, i64 at) { s.take(at, 5); },
    [](Stage& s, i64 at) { s.commit(at, 1); },
    [](Stage& s, i64 at) { s.trigger(at, 1); },
    [](Stage& s, i64 at) { s.fault(at, 1); },
    [](Stage& s, i64 at) { s.unmap(at, 5); },
    [](Stage& s, i64 at) {
        s.say(at, iommu::CommandConsumed{"smmu", 1, "TLBI_NH_ASID", 2, 3});
    },
    [](Stage& s, i64 at) {
        s.say(at, iommu::InvalidationDone{"smmu", 1});
    },
    [](Stage& s, i64 at) {
        s.say(at, iommu::FenceSignalled{"smmu", 1, false});
    },
    [](Stage& s, i64 at) { s.fence(at, 1); },
    [](Stage& s, i64 at) { s.free(at, 5); },
    [](Stage& s, i64 at) {
        s.say(at, iommu::GlobalError{"smmu", "CMDQ_ERR", "CERROR_ILL", true});
    },
    [](Stage& s, i64 at) {
        s.say(at, devices::QueueState{"acc1.queue0", DeviceId{1}, BondId{1}, Pasid{1}, "stopped"});
    },
    [](Stage& s, i64 at) { s.stop(at, 1); },
    [](Stage& s, i64 at) {
        s.say(at, os::ProcessChanged{"app1", MmId{1}, "zombie"});
    },
    [](Stage& s, i64 at) { s.mmput(at); },
    [](Stage& s, i64 at) { s.pasid(at, os::PasidState::Free); },
    [](Stage& s, i64 at) {
        s.say(at, os::OsViolation{"illegal-state", "bond", BondId{1}});
    },
    [](Stage& s, i64 at) { s.page_received(at, 1); },
    [](Stage& s, i64 at) { s.page_ended(at, 1); },
    [](Stage& s, i64 at) { s.page_answered(at, 1); },
    [](Stage& s, i64 at) { s.page_heard(at, 1); },
    [](Stage& s, i64 at) { s.page_forgotten(at, 1); },
    [](Stage& s, i64 at) {
        s.say(at, devices::DescriptorSubmitted{"dsa1.wq0", DeviceId{1}, BondId{1}, true, Pasid{1}, 3,
                                               devices::SubmissionFate::Accepted});
    },
    [](Stage& s, i64 at) {
        s.say(at, devices::DescriptorEnded{"dsa1.wq0", DeviceId{1}, BondId{1}, true, Pasid{1}, 3, 1, 4096, Iova{},
                                           devices::RecordFate::Written, sim::Time::ps(1)});
    },
    [](Stage& s, i64 at) {
        s.say(at, os::UserSubmitted{"app1/0", "dsa1", MmId{1}, BondId{1}, true, Pasid{1}, os::UserSubmission::Accepted});
    },
    [](Stage& s, i64 at) {
        s.say(at, os::DeviceReset{DeviceId{1}, "gpu1", BondId{1}});
    },
    [](Stage& s, i64 at) {
        s.say(at, os::WorkLost{DeviceId{1}, BondId{2}});
    },
    [](Stage& s, i64 at) {
        s.say(at, os::AllocationDelayed{"app1/0", MmId{1}, sim::Time::ps(1), true});
    },
    [](Stage& s, i64 at) {
        s.say(at, os::OomVictimMarked{"app1", MmId{1}, "hog/0", 12, 10, 2, false, 3, true});
    },
    [](Stage& s, i64 at) {
        s.say(at, os::OomReapTried{MmId{1}, "oom_reaper", os::OomReap::Busy});
    },
    [](Stage& s, i64 at) {
        s.say(at, os::OomVictimHidden{MmId{1}, 10, true});
    },
    [](Stage& s, i64 at) {
        s.say(at, memory::FrameShared{Spa{0x8000'0000}, MmId{1}, MmId{2}, Va{0x1000}});
    },
    [](Stage& s, i64 at) {
        s.say(at, memory::FrameLeft{Spa{0x8000'0000}, MmId{2}, MmId{1}, Va{0x1000}});
    },
};
constexpr std::size_t nobody = 1000;

/// The print of the run, with fact `odd` moved by `by` or, where `by` is 0, left out.
std::string print(std::size_t odd = nobody, i64 by = 0) {
    Stage s;
    const Fingerprint f{s.events};
    for (std::size_t i = 0; i < run.size(); ++i)
        if (i != odd)
            run[i](s, static_cast<i64>(1000 * (i + 1)));
        else if (by != 0)
            run[i](s, static_cast<i64>(1000 * (i + 1)) + by);
    CHECK(f.events() == run.size() - (odd != nobody && by == 0 ? 1 : 0)); // it heard each
    return f.text();
}
template <class E>
std::string print_of(const E& event) {
    Stage s;
    const Fingerprint f{s.events};
    s.say(100, event);
    return f.text();
}
} // namespace

TEST_CASE("the fingerprint hears each type that it lists, and this file states each", "[observe]") {
    CHECK(Fingerprint::Heard::count == run.size());
}

TEST_CASE("the same facts at the same times give the same fingerprint", "[observe]") {
    CHECK(print() == print());
    CHECK(print().size() == 16);
    CHECK(print().find_first_not_of("0123456789abcdef") == std::string::npos);
}

TEST_CASE("any one fact that is 1 ps earlier or later, or missing, changes the fingerprint", "[observe]") {
    std::set<std::string> all{print()};
    for (std::size_t odd = 0; odd < run.size(); ++odd)
        for (const i64 by : {-1, 0, 1}) {
            CAPTURE(odd, by);
            CHECK(all.insert(print(odd, by)).second);
        }
}

TEST_CASE("two facts of one instant in the other order are another run", "[observe]") {
    auto pair = [](bool swapped) {
        Stage s;
        const Fingerprint f{s.events};
        s.commit(100, swapped ? 2 : 1);
        s.commit(100, swapped ? 1 : 2);
        return f.text();
    };
    CHECK(pair(false) != pair(true));
}

TEST_CASE("each field of a fact reaches the fingerprint", "[observe]") {
    const memory::DmaCommitted c{
        7, BondId{1}, DeviceId{2}, true, Pasid{3}, Iova{4}, Spa{5}, 6, true, memory::Verdict::Legal, sim::Time{}};
    std::vector<memory::DmaCommitted> others(11, c);
    others[0].transaction = 8;
    others[1].bond = BondId{9};
    others[2].device = DeviceId{9};
    others[3].has_pasid = false;
    others[4].pasid = Pasid{9};
    others[5].aimed_at = Iova{9};
    others[6].at = Spa{9};
    others[7].bytes = 9;
    others[8].write = false;
    others[9].verdict = memory::Verdict::AfterUnmap;
    others[10].translated_at = sim::Time::ps(1);
    std::set<std::string> all{print_of(c)};
    for (const auto& e : others) CHECK(all.insert(print_of(e)).second);
}

TEST_CASE("a name counts by its text", "[observe]") {
    auto dying = [](const base::Name& process, const char* state) {
        return print_of(os::ProcessChanged{process, MmId{1}, state});
    };
    CHECK(dying("app0", "dying") == dying(std::string{"app0"}, "dying"));
    CHECK(dying("app0", "dying") != dying("app0", "zombie"));
    CHECK(dying("app0", "dying") != dying("app1", "dying"));
}

TEST_CASE("two types with the same contents are told apart", "[observe]") {
    CHECK(print_of(iommu::InvalidationDone{"smmu", 1}) != print_of(os::OsViolation{"smmu", base::Name{}, BondId{1}}));
    CHECK(print_of(memory::FrameTaken{Spa{1}, MmId{1}, memory::FrameUse::Leaf, Va{}}) !=
          print_of(memory::FrameFreed{Spa{1}, MmId{1}, memory::FrameUse::Leaf, Va{}}));
}

TEST_CASE("other observers, before or after it, do not change the fingerprint", "[observe]") {
    const std::string alone = print();
    auto among = [](bool first) {
        Stage s;
        std::optional<Fingerprint> f;
        if (first) f.emplace(s.events);
        const Checkers checkers{s.events, 1};
        const Teardowns teardowns{s.events};
        const Waves waves{s.events, WaveWindow{}};
        if (!first) f.emplace(s.events);
        const Counters counters{s.events};
        for (std::size_t i = 0; i < run.size(); ++i) run[i](s, static_cast<i64>(1000 * (i + 1)));
        return f->text();
    };
    CHECK(among(true) == alone);
    CHECK(among(false) == alone);
}

TEST_CASE("what happens to a transaction on its way is left out", "[observe]") {
    Stage s;
    const Fingerprint f{s.events};
    s.tlp(100, 1);
    s.dma_issued(100, 1);
    s.dma_ended(110, 1);
    s.say(120, base::LevelChanged{"q.depth", 3});
    CHECK(f.events() == 0);
}
