// SPDX-License-Identifier: Apache-2.0
/// Timed memory: when accesses commit, in which order, and what tears.
#include "memory/system_memory.h"

#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

using namespace quiesce;
using namespace quiesce::memory;
using sim::Task;

namespace {
struct SystemMemoryBench {
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    MemoryConfig config;
    SystemMemory memory{events, config};
    ~SystemMemoryBench() { calendar.shutdown(); }
    Spa at(u64 offset) const { return memory.ram_base() + offset; }
};

Task<void> write_then_note(MemoryPort& p, Spa at, u64 value, sim::Time& when) {
    const Status s = co_await p.write64(at, value, Origin{});
    REQUIRE(s == Status::Ok);
    when = sim::now();
}
Task<void> read_then_note(MemoryPort& p, Spa at, u64& value, sim::Time& when) {
    value = (co_await p.read64(at, Origin{})).value;
    when = sim::now();
}
} // namespace

TEST_CASE("a lone access commits after its transfer time and the port's latency", "[memory]") {
    SystemMemoryBench b;
    sim::Time when;
    sim::spawn(write_then_note(b.memory.dma_port(), b.at(0x40), 7, when));
    b.calendar.run_until(sim::Time::ps(1'000'000));
    CHECK(when - sim::Time{} == b.config.bandwidth.get().time_for(8) + b.config.dma_latency.get());
    CHECK(b.memory.dma_port().peek64(b.at(0x40)) == 7);
}

TEST_CASE("two ports share the bandwidth: the second access waits for the first one's transfer, not for its latency", "[memory]") {
    SystemMemoryBench b;
    sim::Time first, second;
    u64 value = 0;
    sim::spawn(write_then_note(b.memory.dma_port(), b.at(0), 1, first));
    sim::spawn(read_then_note(b.memory.walk_port(), b.at(64), value, second));
    b.calendar.run_until(sim::Time::ps(1'000'000));
    CHECK(second - sim::Time{} == b.config.bandwidth.get().time_for(8) * 2 + b.config.walk_latency.get());
}

TEST_CASE("a read that enters a port after a write sees it; one that entered before does not", "[memory]") {
    SystemMemoryBench b;
    sim::Time t;
    u64 before = 99, after = 99;
    sim::spawn(read_then_note(b.memory.dma_port(), b.at(8), before, t));
    sim::spawn(write_then_note(b.memory.dma_port(), b.at(8), 5, t));
    sim::spawn(read_then_note(b.memory.dma_port(), b.at(8), after, t));
    b.calendar.run_until(sim::Time::ps(1'000'000));
    CHECK(before == 0);
    CHECK(after == 5);
}

TEST_CASE("a 64-byte fetch is sampled beat by beat, so a store between two beats tears it", "[memory]") {
    SystemMemoryBench b;
    const auto beat_time = b.config.bandwidth.get().time_for(b.config.beat.get());
    const sim::Time first_beat = sim::Time{} + beat_time + b.config.walk_latency.get();
    u64 words[8] = {};
    auto fetch = [&]() -> Task<void> {
        const Status s = co_await b.memory.walk_port().fetch(b.at(0), words, Origin{});
        CHECK(s == Status::Ok);
        CHECK(sim::now() == first_beat + beat_time * 3);
    };
    auto store = [&]() -> Task<void> {
        co_await sim::until(first_beat + sim::Duration::ps(1));
        for (unsigned i = 0; i < 8; ++i) b.memory.cpu_port().poke64(b.at(8 * i), 0xee);
    };
    auto f = fetch();
    auto s = store();
    sim::spawn(std::move(f));
    sim::spawn(std::move(s));
    b.calendar.run_until(sim::Time::ps(1'000'000));
    CHECK(words[0] == 0);
    CHECK(words[1] == 0);
    for (unsigned i = 2; i < 8; ++i) CHECK(words[i] == 0xee);
}

TEST_CASE("a fetch that a store tore is told of, and one that is whole, before or after the store, is not", "[memory]") {
    SystemMemoryBench b;
    const auto beat_time = b.config.bandwidth.get().time_for(b.config.beat.get());
    const sim::Time first_beat = sim::Time{} + beat_time + b.config.walk_latency.get();
    const auto [at, torn] = GENERATE_COPY(std::pair{first_beat - sim::Duration::ps(1), false}, std::pair{first_beat + sim::Duration::ps(1), true},
                                          std::pair{first_beat + beat_time * 3 + sim::Duration::ps(1), false});
    std::vector<StructureTorn> told;
    auto token = b.events.subscribe<StructureTorn>([&](sim::Time, const StructureTorn& e) { told.push_back(e); });
    b.memory.cpu_port().poke64(b.at(0), 0x41);
    u64 words[8] = {};
    auto fetch = [&]() -> Task<void> { co_await b.memory.walk_port().fetch(b.at(0), words, Origin{}); };
    auto store = [&b, when = at]() -> Task<void> {
        co_await sim::until(when);
        for (unsigned i = 0; i < 8; ++i) b.memory.cpu_port().poke64(b.at(8 * i), i == 0 ? 0 : 0xee);
    };
    auto f = fetch();
    auto s = store();
    sim::spawn(std::move(f));
    sim::spawn(std::move(s));
    b.calendar.run_until(sim::Time::ps(1'000'000));
    REQUIRE(told.size() == (torn ? 1 : 0));
    if (!torn) return;
    CHECK(told[0].at == b.at(0));
    CHECK(told[0].bytes == 64);
    CHECK(told[0].word0 == 0x41);
    CHECK(told[0].now == 0);
}

namespace {
Task<void> add_one(MemoryPort& p, Spa at, Status& how) {
    u64 operand = 1;
    Request r{at, reinterpret_cast<std::byte*>(&operand), 8, true, Origin{}};
    r.atomic = AtomicOp::FetchAdd;
    how = co_await p.transport(r);
}
} // namespace

TEST_CASE("read-modify-writes of two ports to one word lose none, and one outside RAM moves nothing", "[memory]") {
    SystemMemoryBench b;
    std::vector<Status> how(100);
    for (std::size_t n = 0; n < how.size(); ++n)
        sim::spawn(add_one(n % 2 == 0 ? b.memory.dma_port() : b.memory.walk_port(), b.at(0x40), how[n]));
    Status outside = Status::Ok;
    sim::spawn(add_one(b.memory.dma_port(), Spa{0}, outside));
    b.calendar.run_until(sim::Time::ps(10'000'000));
    CHECK(b.memory.dma_port().peek64(b.at(0x40)) == how.size());
    CHECK(std::count(how.begin(), how.end(), Status::Ok) == 100);
    CHECK(outside == Status::ExternalAbort);
}

TEST_CASE("an access outside RAM ends in an external abort and moves nothing", "[memory]") {
    SystemMemoryBench b;
    Status status = Status::Ok;
    auto go = [&]() -> Task<void> { status = co_await b.memory.dma_port().write64(Spa{0x1000}, 1, Origin{}); };
    auto t = go();
    sim::spawn(std::move(t));
    b.calendar.run_until(sim::Time::ps(1'000'000));
    CHECK(status == Status::ExternalAbort);
    CHECK_FALSE(b.memory.bytes().contains(Spa{0x1000}, 8));
}

TEST_CASE("a write to the message window becomes an interrupt message and not a store", "[memory]") {
    struct Sink : InterruptSink {
        std::vector<std::pair<u64, u32>> seen;
        void message(Spa at, u32 data) override { seen.emplace_back(at.value(), data); }
        void wire(unsigned) override {}
    } sink;
    SystemMemoryBench b;
    b.memory.map_messages(Spa{0x0808'0000}, 0x1'0000, sink);
    auto go = [&]() -> Task<void> {
        const Status s = co_await b.memory.dma_port().write32(Spa{0x0808'0040}, 42, Origin{});
        CHECK(s == Status::Ok);
    };
    auto t = go();
    sim::spawn(std::move(t));
    b.calendar.run_until(sim::Time::ps(1'000'000));
    REQUIRE(sink.seen.size() == 1);
    CHECK(sink.seen[0] == std::pair<u64, u32>{0x0808'0040, 42});
}

TEST_CASE("sparse memory equals a flat one under random reads and writes", "[memory][property]") {
    const bool held = rc::check("same bytes", [] {
        SparseMemory sparse({RamRange{Spa{0x8000'0000}, 64 * page_size}});
        std::vector<std::byte> flat(64 * page_size);
        const auto steps = *rc::gen::inRange(1, 60);
        for (int i = 0; i < steps; ++i) {
            const auto offset = *rc::gen::inRange<u64>(0, flat.size() - 1);
            const auto n = std::min<u64>(*rc::gen::inRange<u64>(1, 10'000), flat.size() - offset);
            std::vector<std::byte> bytes(n, static_cast<std::byte>(i + 1));
            if (*rc::gen::arbitrary<bool>()) {
                RC_ASSERT(sparse.write(Spa{0x8000'0000 + offset}, bytes));
                std::memcpy(flat.data() + offset, bytes.data(), n);
            } else {
                RC_ASSERT(sparse.read(Spa{0x8000'0000 + offset}, bytes));
                RC_ASSERT(std::memcmp(flat.data() + offset, bytes.data(), n) == 0);
            }
        }
    });
    CHECK(held);
}
