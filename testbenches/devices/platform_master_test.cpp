// SPDX-License-Identifier: Apache-2.0
/// A platform device on the interconnect: its latencies, its answers, its wire, and what a request that is kept waiting
/// means to a stop.
#include "devices/platform_master.h"
#include "pcie/support/stubs.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::devices::accelerator;
using namespace quiesce::sim::literals;
using namespace quiesce::base::literals;
using iommu::Ending;
using sim::Time;

namespace {

struct Wires final : memory::InterruptSink {
    std::vector<std::pair<Time, unsigned>> edges;
    void message(Spa, u32) override {}
    void wire(unsigned line) override { edges.emplace_back(sim::now(), line); }
};

struct PlatformMasterBench {
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    stubs::Translator smmu{5_ns};
    stubs::Memory memory{85_ns, 1 << 20};
    Wires wires;
    u64 transactions = 0;
    PlatformMasterConfig config;
    std::optional<PlatformMaster> device;
    std::vector<DmaEnded> ended;
    std::vector<base::Subscription> tokens;

    explicit PlatformMasterBench(const PlatformMasterConfig& c = {}) : config(c) {
        smmu.keep_questions = true;
        device.emplace("qm0", events,
                       InterconnectSeat{memory, &smmu, wires, 4096, StreamId{0x700}, [this] { return ++transactions; }},
                       config, DeviceId{6}, 1);
        tokens.push_back(events.subscribe<DmaEnded>([this](Time, const DmaEnded& e) { ended.push_back(e); }));
    }
    ~PlatformMasterBench() { calendar.shutdown(); }
    void write(u32 offset, unsigned size, u64 value) {
        sim::spawn(device->mmio_write(offset, size, value));
        calendar.run_for(config.register_access.get());
    }
    u64 read(u32 offset, unsigned size) {
        u64 value = 0;
        Time end;
        sim::spawn(stubs::timed(device->mmio_read(offset, size), end, value));
        calendar.run_for(config.register_access.get() * 2);
        return value;
    }
    State state() { return Q_STATUS::of(static_cast<u32>(read(Q_STATUS::offset, 4))).get(Q_STATUS::STATE); }
    /// Work of queue 0 for PASID 9 and bond 3.
    void ring(Direction direction, u32 bytes, u64 count, u64 at = 0x1000) {
        write(Q_PASID::offset, 4, 9 | u64{1} << 31);
        write(Q_WORK_TAG::offset, 4, 3);
        write(Q_BASE::offset, 8, at);
        write(Q_LENGTH::offset, 8, 0x10000);
        write(Q_MODE::offset, 4, static_cast<u64>(direction));
        write(Q_SIZE::offset, 4, bytes);
        write(Q_COUNT::offset, 8, count);
        write(Q_CTRL::offset, 4, 1);
    }
    sim::Duration wire(u32 bytes) const { return config.bandwidth.get().time_for(bytes); }
};

} // namespace

TEST_CASE("a request takes the way there, the look-up, memory and the way back; its data crosses the port once",
          "[devices][platform-master]") {
    const bool write = GENERATE(false, true);
    PlatformMasterBench b;
    b.ring(write ? Direction::Write : Direction::Read, 256, 1);
    const Time rung = b.calendar.now();
    b.calendar.run_for(10_us);
    REQUIRE(b.ended.size() == 1);
    CHECK(b.ended[0].write == write);
    CHECK(b.device->queues().engine(0).counts().last_ended - rung ==
          b.config.to_smmu.get() + b.smmu.hit() + b.memory.latency() + b.config.from_memory.get() + b.wire(256));
}

TEST_CASE("requests carry the stream, the PASID and the bond, and say that they can wait",
          "[devices][platform-master]") {
    PlatformMasterConfig c;
    c.can_stall = GENERATE(false, true);
    PlatformMasterBench b{c};
    b.ring(Direction::Read, 64, 1);
    b.calendar.run_for(1_us);
    REQUIRE(b.smmu.questions.size() == 1);
    const auto& q = b.smmu.questions[0];
    CHECK(q.stream == StreamId{0x700});
    CHECK(q.has_pasid);
    CHECK(q.pasid == Pasid{9});
    CHECK(q.bond == BondId{3});
    CHECK(q.type == iommu::AddressType::Untranslated);
    CHECK(q.may_stall == c.can_stall.get());
}

TEST_CASE("requests are cut at the burst's length and at 4 KiB boundaries", "[devices][platform-master]") {
    PlatformMasterBench b;
    b.ring(Direction::Read, 700, 1, 0x1f80);
    b.calendar.run_for(10_us);
    std::vector<std::pair<u64, u32>> got;
    for (const auto& q : b.smmu.questions) got.emplace_back(q.at.value(), q.bytes);
    CHECK(got == std::vector<std::pair<u64, u32>>{{0x1f80, 128}, {0x2000, 256}, {0x2100, 256}, {0x2200, 60}});
}

TEST_CASE("a refused write is an error as a refused read is: nothing is posted", "[devices][platform-master]") {
    const Ending ending = GENERATE(Ending::Abort, Ending::ReadZero);
    const bool write = GENERATE(false, true);
    PlatformMasterBench b;
    b.smmu.ending = [&](const iommu::TranslationRequest&) { return ending; };
    b.ring(write ? Direction::Write : Direction::Read, 64, 1);
    b.calendar.run_for(10_us);
    REQUIRE(b.ended.size() == 1);
    CHECK(b.ended[0].ending == (ending == Ending::Abort ? DmaEnding::CompleterAbort : DmaEnding::ReadZero));
}

TEST_CASE("no more requests are under way than it may have", "[devices][platform-master]") {
    PlatformMasterConfig c;
    c.outstanding = 3;
    PlatformMasterBench b{c};
    b.smmu.slow_pages[1] = 50_us;
    b.ring(Direction::Write, 64, 20);
    b.calendar.run_for(20_us);
    CHECK(b.smmu.questions.size() == 3);
    b.calendar.run_for(1_ms);
    CHECK(b.ended.size() == 20);
}

TEST_CASE("work that has ended by itself raises the wire if software wants it", "[devices][platform-master]") {
    const bool wanted = GENERATE(false, true);
    PlatformMasterBench b;
    b.write(INT_ENABLE::offset, 4, wanted ? 2 : 1);
    b.ring(Direction::Read, 64, 2);
    b.calendar.run_for(10_us);
    CHECK(b.wires.edges.size() == (wanted ? 1u : 0u));
    if (wanted) CHECK(b.wires.edges[0].second == 4096);
    CHECK(b.read(INT_DONE::offset, 8) == 1);
    CHECK(b.state() == State::Idle);
}

TEST_CASE("a queue is Stopping while a request of it is kept waiting, and Stopped once that has ended",
          "[devices][platform-master]") {
    PlatformMasterConfig c;
    c.work.stop_time = 1_us;
    PlatformMasterBench b{c};
    b.smmu.slow_pages[1] = 300_us; // held by the SMMU
    b.ring(Direction::Write, 64, 1);
    b.calendar.run_for(10_us);
    b.write(Q_CTRL::offset, 4, 2);
    b.calendar.run_for(100_us);
    CHECK(b.state() == State::Stopping);
    CHECK(b.ended.empty());
    b.calendar.run_for(300_us);
    CHECK(b.state() == State::Stopped);
    CHECK(b.ended.size() == 1);
    CHECK(b.device->queues().engine(0).idle().is_set());
}

TEST_CASE("a PASID that is wider than the device's is not sent", "[devices][platform-master]") {
    PlatformMasterConfig c;
    c.pasid_bits = 3;
    PlatformMasterBench b{c};
    b.ring(Direction::Read, 64, 1);
    b.calendar.run_for(10_us);
    CHECK(b.smmu.questions.empty());
    REQUIRE(b.ended.size() == 1);
    CHECK(b.ended[0].ending == DmaEnding::NotSent);
}
