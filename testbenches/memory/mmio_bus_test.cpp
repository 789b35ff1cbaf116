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

namespace {
/// Answers a line after `answer_time`.
struct LineBlock : Block {
    sim::Duration answer_time = sim::Duration::ps(3'000'000);
    Enqueued answer = Enqueued::Retry;
    std::vector<std::pair<u64, Line>> lines;
    Task<void> write_line(u64 offset, Line line) override {
        lines.emplace_back(offset, line);
        co_return;
    }
    Task<Enqueued> enqueue(u64 offset, Line line) override {
        lines.emplace_back(offset, line);
        co_await sim::delay(answer_time);
        co_return answer;
    }
};
} // namespace

TEST_CASE("an enqueued line takes issue, both ways and the target's time, and brings the target's answer", "[mmio]") {
    MmioBusBench b;
    LineBlock target;
    b.bus.map(Spa{0x4000}, 0x1000, target, "portal");
    Line line;
    line.bytes[63] = std::byte{7};
    line.bond = BondId{3};
    Enqueued answer{};
    sim::Time answered;
    auto go = [&]() -> Task<void> {
        const Enqueued a = co_await b.bus.enqueue(Spa{0x4040}, line);
        answer = a;
        answered = sim::now();
    };
    b.run(go);
    CHECK(answer == Enqueued::Retry);
    CHECK(answered - sim::Time{} == b.config.issue + b.config.travel * 2 + target.answer_time);
    REQUIRE(target.lines.size() == 1);
    CHECK(target.lines[0].first == 0x40);
    CHECK(target.lines[0].second.bytes == line.bytes);
    CHECK(target.lines[0].second.bond == BondId{3});
}

TEST_CASE("what comes after an enqueued line does not wait for its answer", "[mmio]") {
    MmioBusBench b;
    LineBlock target;
    b.bus.map(Spa{0x4000}, 0x1000, target, "portal");
    auto enqueue = [&]() -> Task<void> { co_await b.bus.enqueue(Spa{0x4000}, Line{}); };
    auto write = [&]() -> Task<void> { co_await b.bus.write(Spa{0x4000}, 4, 1); };
    sim::spawn(enqueue());
    b.run(write);
    REQUIRE(target.writes.size() == 1);
    CHECK(target.writes[0].second - sim::Time{} == b.config.issue + b.config.travel.get());
}

TEST_CASE("a line to nowhere, across a boundary, or to a target that takes none fails", "[mmio]") {
    MmioBusBench b;
    Enqueued nowhere{}, across{}, refused{};
    auto go = [&]() -> Task<void> {
        const Enqueued n = co_await b.bus.enqueue(Spa{0x9000}, Line{});
        const Enqueued a = co_await b.bus.enqueue(Spa{0x1020}, Line{});
        const Enqueued r = co_await b.bus.enqueue(Spa{0x1000}, Line{});
        nowhere = n;
        across = a;
        refused = r;
        co_await b.bus.write_line(Spa{0x9000}, Line{});
    };
    nowhere = across = refused = Enqueued::Accepted;
    b.run(go);
    CHECK(nowhere == Enqueued::Failed);
    CHECK(across == Enqueued::Failed);
    CHECK(refused == Enqueued::Failed);
    CHECK(b.bus.accesses_to_nowhere() == 3);
}
