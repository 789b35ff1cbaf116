// SPDX-License-Identifier: Apache-2.0
/// Register accesses: posted writes, ordered per target, and reads that follow them.
#include "memory/mmio_bus.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::memory;
using sim::Task;

namespace {
struct Block : MmioTarget {
    u64 value = 0;
    std::vector<std::pair<u64, sim::Time>> writes;
    Task<void> mmio_write(u64 offset, unsigned, u64 v) override {
        writes.emplace_back(offset, sim::now());
        value = v;
        co_return;
    }
    Task<u64> mmio_read(u64, unsigned) override { co_return value; }
};
struct MmioBusBench {
    sim::Calendar calendar;
    MmioConfig config;
    MmioBus bus{config};
    Block block;
    MmioBusBench() { bus.map(Spa{0x1000}, 0x1000, block, "block"); }
    ~MmioBusBench() { calendar.shutdown(); }
    template <class F> void run(F f) {
        sim::spawn(f());
        calendar.run_until(calendar.now() + sim::Duration::ps(10'000'000));
    }
};
} // namespace

TEST_CASE("a posted write costs the CPU the issue time and lands one travel later", "[mmio]") {
    MmioBusBench b;
    sim::Time returned;
    auto go = [&]() -> Task<void> {
        co_await b.bus.write(Spa{0x1010}, 4, 9);
        returned = sim::now();
    };
    b.run(go);
    CHECK(returned - sim::Time{} == b.config.issue.get());
    REQUIRE(b.block.writes.size() == 1);
    CHECK(b.block.writes[0] == std::pair<u64, sim::Time>{0x10, sim::Time{} + (b.config.issue + b.config.travel.get())});
}

TEST_CASE("a read sees the posted write before it and takes issue plus two travels", "[mmio]") {
    MmioBusBench b;
    u64 value = 0;
    sim::Time asked, answered;
    auto go = [&]() -> Task<void> {
        co_await b.bus.write(Spa{0x1000}, 4, 77);
        asked = sim::now();
        value = co_await b.bus.read(Spa{0x1000}, 4);
        answered = sim::now();
    };
    b.run(go);
    CHECK(value == 77);
    CHECK(answered - asked == b.config.issue + b.config.travel.get() * 2);
}

TEST_CASE("an access to nowhere reads all ones, is counted and hangs nobody", "[mmio]") {
    MmioBusBench b;
    u64 value = 0;
    auto go = [&]() -> Task<void> {
        co_await b.bus.write(Spa{0x9000}, 4, 1);
        value = co_await b.bus.read(Spa{0x9000}, 4);
    };
    b.run(go);
    CHECK(value == ~u64{0});
    CHECK(b.bus.accesses_to_nowhere() == 2);
}

TEST_CASE("overlapping register windows are refused", "[mmio]") {
    MmioBusBench b;
    Block other;
    CHECK_THROWS_AS(b.bus.map(Spa{0x1800}, 0x1000, other, "other"), std::invalid_argument);
}
