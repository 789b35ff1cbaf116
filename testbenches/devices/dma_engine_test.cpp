// SPDX-License-Identifier: Apache-2.0
/// What a DMA engine makes of its workload: rates, limits, bandwidth, errors, stopping.
#include "base/facts.h"
#include "devices/dma_engine.h"
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <memory>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::stubs;
using sim::Time;

namespace {
Workload work(const Fabric& f, Direction d, u32 bytes) {
    Workload w;
    w.direction = d;
    w.min_bytes = w.max_bytes = bytes;
    w.footprint = {{f.at(0), 1 << 20}};
    return w;
}
struct DmaEngineBench : Fabric {
    explicit DmaEngineBench(const DmaDeviceConfig& c = {}, const pcie::LinkConfig& l = {}) : link(l), config_(c), dev("dev", events, root_complex, l, c, DeviceId{0}) {}
    sim::Duration wire(u32 bytes) { return dev.port().link().up.occupancy(bytes); }
    /// One read of `bytes` that fits one completion, alone.
    sim::Duration read_time(u32 bytes) {
        return config_.endpoint.issue.get() + wire(24) + link.propagation.get() * 2 + config.ingress.get() + iommu.hit() +
               memory.latency() + config.egress.get() + wire(20 + bytes);
    }
    pcie::LinkConfig link;
    DmaDeviceConfig config_;
    DmaDevice dev;
    ~DmaEngineBench() { calendar.shutdown(); }
};
} // namespace

TEST_CASE("Gen3 x8 bandwidth is the analytic model's within 3 %, with its saw-tooth", "[devices]") {
    struct Row {
        u32 bytes;
        double write, read; // Gb/s, facts/published-figures.md 1.1
    };
    const Row row = GENERATE(Row{16, 23.2, 25.7}, Row{64, 42.1, 44.1}, Row{128, 48.8, 50.1}, Row{256, 52.9, 53.7},
                             Row{257, 48.8, 50.1}, Row{512, 52.9, 53.7}, Row{1024, 52.9, 53.7});
    const bool write = GENERATE(false, true);
    DmaDeviceConfig config;
    config.endpoint.tags = 256;
    DmaEngineBench b{config};
    Workload w = work(b, write ? Direction::Write : Direction::Read, row.bytes);
    w.pattern = Pattern::Strided;
    w.stride = 2048; // no request crosses a page
    b.dev.engine().start(w);
    b.run(20_us);
    const u64 before = b.dev.engine().counts().bytes;
    b.run(100_us);
    const double gbps = static_cast<double>(b.dev.engine().counts().bytes - before) * 8 / 100e3;
    INFO(row.bytes << (write ? " B writes" : " B reads"));
    CHECK(gbps == Approx(write ? row.write : row.read).epsilon(0.03));
}

TEST_CASE("with few tags the throughput is tags over the time of one read", "[devices]") {
    DmaDeviceConfig config;
    config.endpoint.tags = GENERATE(1u, 2u, 8u);
    DmaEngineBench b{config};
    b.dev.engine().start(work(b, Direction::Read, 64));
    const sim::Duration once = b.read_time(64);
    b.run(once * 100 + 1_ps);
    // Each tag goes round once per read; reads that start together wait for each other on the wire once, in the first round.
    const u64 tags = config.endpoint.tags.get();
    CHECK(b.dev.engine().counts().reads <= 101 * tags);
    CHECK(b.dev.engine().counts().reads >= 98 * tags);
    CHECK(b.dev.tags().used() == tags);
}

TEST_CASE("no more reads are under way than there are tags, and no tag is used twice at a time", "[devices]") {
    DmaDeviceConfig config;
    config.endpoint.tags = 5;
    DmaEngineBench b{config};
    std::map<u16, u64> in_use;
    bool twice = false;
    u32 level = 0, highest = 0;
    auto sent = b.events.subscribe<pcie::TlpSent>([&](Time, const pcie::TlpSent& e) {
        if (e.kind == pcie::TlpKind::MemoryRead) twice |= !in_use.emplace(e.tag, e.transaction).second;
    });
    auto ended = b.events.subscribe<DmaEnded>([&](Time, const DmaEnded& e) {
        std::erase_if(in_use, [&](const auto& use) { return use.second == e.transaction; });
    });
    auto levels = b.events.subscribe<base::LevelChanged>([&](Time, const base::LevelChanged& e) {
        if (e.what == base::Name{"dev.tags"}) highest = std::max(highest, level = e.value);
    });
    Workload w = work(b, Direction::Read, 64);
    w.count = 300;
    b.dev.engine().start(w);
    b.run(100_us);
    CHECK_FALSE(twice);
    CHECK(highest == 5);
    CHECK(level == 0);
    CHECK(b.dev.engine().counts().reads == 300);
    CHECK(b.dev.engine().idle().is_set());
}

TEST_CASE("a paced engine issues on the beat, and does not make up for what was held up", "[devices]") {
    DmaDeviceConfig config;
    config.endpoint.tags = 1;
    DmaEngineBench b{config};
    std::vector<Time> issued;
    auto token = b.events.subscribe<DmaIssued>([&](Time now, const DmaIssued&) { issued.push_back(now); });
    Workload w = work(b, Direction::Read, 64);
    w.count = 10;
    SECTION("slower than a read") {
        w.every = 1_us;
        b.dev.engine().start(w);
        b.run(20_us);
        REQUIRE(issued.size() == 10);
        for (std::size_t i = 0; i < issued.size(); ++i) CHECK(issued[i] == Time{} + 1_us * static_cast<i64>(i));
    }
    SECTION("faster than a read") {
        w.every = 10_ns;
        b.dev.engine().start(w);
        b.run(20_us);
        REQUIRE(issued.size() == 10);
        for (std::size_t i = 0; i < issued.size(); ++i) CHECK(issued[i] == Time{} + b.read_time(64) * static_cast<i64>(i));
    }
}

TEST_CASE("requests are split at the maximum payload, the maximum read request and at pages", "[devices]") {
    DmaEngineBench b;
    const bool write = GENERATE(false, true);
    std::vector<std::pair<u64, u32>> packets;
    auto token = b.events.subscribe<DmaIssued>([&](Time, const DmaIssued& e) {
        CHECK(e.write == write);
        packets.push_back({e.at - b.at(0), e.bytes});
    });
    Workload w = work(b, write ? Direction::Write : Direction::Read, 1000);
    w.footprint = {{b.at(0xf00), 1000}};
    w.count = 1;
    b.dev.engine().start(w);
    b.run(5_us);
    if (write) CHECK(packets == std::vector<std::pair<u64, u32>>{{0xf00, 256}, {0x1000, 256}, {0x1100, 256}, {0x1200, 232}});
    else CHECK(packets == std::vector<std::pair<u64, u32>>{{0xf00, 256}, {0x1000, 512}, {0x1200, 232}});
    CHECK(b.dev.engine().counts().bytes == 1000);
}

TEST_CASE("after an error the engine tries again one at a time, a back-off apart, and goes on when it is let", "[devices]") {
    DmaEngineBench b;
    bool killed = true;
    b.iommu.ending = [&](const auto&) { return killed ? iommu::Ending::Abort : iommu::Ending::Grant; };
    b.dev.engine().start(work(b, Direction::Read, 64));
    b.run(2_us);
    const u64 first_volley = b.dev.engine().counts().errors;
    CHECK(first_volley >= 64); // what was under way when the first answer came
    b.run(20_us);
    const auto retries = static_cast<i64>(b.dev.engine().counts().errors - first_volley);
    const sim::Duration round = b.config_.engine.error_backoff.get() + b.read_time(64);
    CHECK(retries >= 20_us / round - 1);
    CHECK(retries <= 20_us / (b.config_.engine.error_backoff.get() + 400_ns) + 1);
    killed = false;
    b.run(20_us);
    CHECK(b.dev.engine().counts().bytes > 64u * 500);
}

TEST_CASE("after stop nothing new is issued, and idle means that nothing is under way", "[devices]") {
    DmaEngineBench b;
    const Direction d = GENERATE(Direction::Read, Direction::Write, Direction::Mixed);
    b.dev.engine().start(work(b, d, 256));
    b.run(5_us);
    u64 after = 0;
    b.dev.engine().stop();
    auto token = b.events.subscribe<DmaIssued>([&](Time, const DmaIssued&) { ++after; });
    CHECK(b.dev.engine().outstanding() > 0);
    CHECK_FALSE(b.dev.engine().idle().is_set());
    b.run(5_us);
    CHECK(after == 0);
    CHECK(b.dev.engine().idle().is_set());
    CHECK(b.dev.engine().outstanding() == 0);
    CHECK(b.dev.tags().used() == 0);
    CHECK(b.dev.port().posted_inside() == 0);
    CHECK(b.iommu.in_flight.inside() == 0);
    b.dev.engine().start(work(b, d, 256)); // and it can begin again
    b.run(1_us);
    CHECK(after > 0);
}

TEST_CASE("a paced engine that is stopped between two requests is idle at once", "[devices]") {
    DmaEngineBench b;
    Workload w = work(b, Direction::Read, 64);
    w.every = 1_ms;
    b.dev.engine().start(w);
    b.run(10_us);
    b.dev.engine().stop();
    CHECK(b.dev.engine().idle().is_set());
    w.every = 1_us;
    b.dev.engine().start(w);
    b.run(1500_us); // beyond the tick that the first run was waiting for
    CHECK(b.dev.engine().counts().reads == 1500);
}

TEST_CASE("what is issued ends, once, and every transaction has its own number", "[devices]") {
    DmaEngineBench b;
    std::map<u64, int> open;
    auto issued = b.events.subscribe<DmaIssued>([&](Time, const DmaIssued& e) { CHECK(++open[e.transaction] == 1); });
    auto ended = b.events.subscribe<DmaEnded>([&](Time, const DmaEnded& e) {
        CHECK(--open[e.transaction] == 0);
        CHECK(e.ending == DmaEnding::Success);
    });
    Workload w = work(b, Direction::Mixed, 64);
    w.max_bytes = 900;
    w.count = 500;
    w.pattern = Pattern::Random;
    b.dev.engine().start(w);
    b.run(200_us);
    CHECK(open.size() >= 500);
    for (const auto& [transaction, n] : open) CHECK(n == 0);
}

TEST_CASE("two runs with the same seed are the same; the order of simultaneous items does not change the totals", "[devices]") {
    const auto totals = [](u64 seed, bool shuffle) {
        auto* const outer = sc_core::sc_curr_simcontext;
        sc_core::sc_simcontext fresh;
        sc_core::sc_curr_simcontext = &fresh;
        std::vector<u64> result;
        {
            DmaEngineBench b;
            b.calendar.perturb({5, shuffle, {}});
            DmaDevice second{"second", b.events, b.root_complex, {}, {}, DeviceId{1}, seed};
            Workload w = work(b, Direction::Mixed, 64);
            w.max_bytes = 300;
            w.pattern = Pattern::Random;
            w.count = 400;
            b.dev.engine().start(w);
            second.engine().start(w);
            b.run(300_us);
            for (DmaDevice* d : {&b.dev, &second})
                for (const u64 n : {d->engine().counts().reads, d->engine().counts().writes, d->engine().counts().bytes}) result.push_back(n);
            if (!shuffle) result.push_back(static_cast<u64>(second.engine().counts().last_ended.ps()));
            b.calendar.shutdown();
        }
        sc_core::sc_curr_simcontext = outer;
        return result;
    };
    CHECK(totals(1, false) == totals(1, false));
    CHECK(totals(1, false) != totals(2, false));
    auto straight = totals(1, false);
    straight.pop_back();
    CHECK(straight == totals(1, true));
}
