// SPDX-License-Identifier: Apache-2.0
/// What software's enables in the configuration space let a device do: bus mastering and PASIDs.
#include "devices/ats_device.h"

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::stubs;
using iommu::AddressType;
using sim::Time;

namespace {
struct BusMasterBench : AtsBench {
    explicit BusMasterBench(bool atc) { dev.atc.enable(atc); }
    void master(bool on) { dev.config_space().config_write(0x04, 2, on ? 0x6 : 0x2); }
    void pasid_control(u16 value) {
        const u32 at = dev.config_space().base_of(pcie::cfg::Capability::Pasid);
        dev.config_space().config_write(at + 6, 2, value);
    }
    Workload steady(Direction d, u64 count) const {
        Workload w = work(at(0x1000), d, count);
        w.every = 200_ns;
        return w;
    }
    std::vector<DmaEnding> endings;
    base::Subscription ended =
        events.subscribe<DmaEnded>([this](Time, const DmaEnded& e) { endings.push_back(e.ending); });
};
} // namespace

TEST_CASE("without bus mastering nothing more is sent, what is on its way ends, and nothing is lost", "[devices]") {
    const bool atc = GENERATE(false, true);
    const auto direction = GENERATE(Direction::Read, Direction::Write);
    BusMasterBench b{atc};
    b.dev.engine.start(b.steady(direction, 50));
    b.run(2_us);
    b.master(false);
    REQUIRE_FALSE(b.endings.size() == 50);
    b.run(3_us);
    const std::size_t asked = b.iommu.questions.size(), ended = b.endings.size();
    CHECK(ended > 0);
    b.run(50_us);
    CHECK(b.iommu.questions.size() == asked);
    CHECK(b.endings.size() == ended);
    CHECK(b.dev.engine.running());
    b.master(true);
    b.run(50_us);
    CHECK(b.endings == std::vector<DmaEnding>(50, DmaEnding::Success));
    CHECK(b.questions(atc ? AddressType::Translated : AddressType::Untranslated) == 50);
    CHECK(b.dev.engine.idle().is_set());
}

TEST_CASE("a translation that waits for bus mastering keeps no invalidation waiting", "[devices][atc]") {
    BusMasterBench b{true};
    b.translate(b.to(b.at(0x1000)));
    b.dev.engine.start(b.steady(GENERATE(Direction::Read, Direction::Write), 5));
    b.run(3_us);
    b.master(false);
    b.run(3_us);
    b.invalidate(b.range(b.at(0x1000))); // requires its answer
    b.master(true);
    b.run(10_us);
    CHECK(b.endings == std::vector<DmaEnding>(5, DmaEnding::Success));
}

TEST_CASE("a run that is stopped while bus mastering is off never sends the rest of it", "[devices]") {
    BusMasterBench b{false};
    b.dev.engine.start(b.steady(Direction::Read, 50));
    b.run(2_us);
    b.master(false);
    b.run(3_us);
    b.dev.engine.stop();
    CHECK(b.dev.engine.idle().is_set());
    const std::size_t asked = b.iommu.questions.size();
    b.master(true);
    b.run(20_us);
    CHECK(b.iommu.questions.size() == asked);
}

TEST_CASE("a PASID that software has not enabled is never sent: the request ends as an error of its own", "[devices]") {
    BusMasterBench b{GENERATE(false, true)};
    b.pasid_control(0);
    Workload w = b.steady(GENERATE(Direction::Read, Direction::Write), 3);
    SECTION("with PASID") {
        b.dev.engine.start(w);
        b.run(20_us);
        CHECK(b.endings == std::vector<DmaEnding>(3, DmaEnding::NotSent));
        CHECK(b.dev.engine.counts().errors == 3);
        CHECK(b.iommu.questions.empty());
        b.pasid_control(1);
        b.dev.engine.start(w);
        b.run(20_us);
        CHECK(std::vector(b.endings.begin() + 3, b.endings.end()) == std::vector<DmaEnding>(3, DmaEnding::Success));
    }
    SECTION("without") {
        w.has_pasid = false;
        b.dev.engine.start(w);
        b.run(20_us);
        CHECK(b.endings == std::vector<DmaEnding>(3, DmaEnding::Success));
    }
}

TEST_CASE("privileged requests need their own enable", "[devices]") {
    BusMasterBench b{false};
    b.pasid_control(1);
    Workload w = b.steady(Direction::Read, 1);
    w.privileged = true;
    b.dev.engine.start(w);
    b.run(5_us);
    b.pasid_control(5);
    b.dev.engine.start(w);
    b.run(5_us);
    CHECK(b.endings == std::vector<DmaEnding>{DmaEnding::NotSent, DmaEnding::Success});
}
