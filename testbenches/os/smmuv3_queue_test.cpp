// SPDX-License-Identifier: Apache-2.0
/// The driver's command queue: against a register block that consumes when the test says so, and against the real unit.
#include "iommu/smmuv3/unit.h"
#include "os/drivers/smmuv3_driver.h"
#include "os/machine.h"

#include <rapidcheck.h>

using namespace quiesce;
using namespace quiesce::os;
using drivers::Smmuv3CommandQueue;
using drivers::Smmuv3DriverConfig;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {
constexpr Spa unit_registers{0x0904'0000};
constexpr u64 prod_offset = 0x98, cons_offset = 0x9c; // facts/iommu-specs.md 1.1
constexpr u64 sync_opcode = 0x46;
using Command = Smmuv3CommandQueue::Command;

/// The registers of a command queue. A doorbell makes it consume one command after the other, each `period` apart; a
/// CMD_SYNC with a message address writes its data there before CONS passes it (1.6.2).
struct StubQueue final : memory::MmioTarget {
    explicit StubQueue(memory::SystemMemory& m) : memory(m) {}
    memory::SystemMemory& memory;
    Spa base{};
    unsigned log2size = 0;
    Duration period = 100_ns;
    bool stuck = false, running = false;
    u32 prod = 0, cons = 0;
    unsigned cons_reads = 0, overruns = 0;
    std::vector<u32> doorbells;
    std::vector<std::pair<u64, u64>> consumed;

    Task<void> mmio_write(u64 offset, unsigned, u64 value) override {
        if (offset != prod_offset) co_return;
        prod = static_cast<u32>(value);
        doorbells.push_back(prod);
        if (((prod - cons) & mask()) > size()) ++overruns;
        if (!std::exchange(running, true)) sim::spawn(consume());
    }
    Task<u64> mmio_read(u64 offset, unsigned) override {
        if (offset == cons_offset) ++cons_reads;
        co_return offset == cons_offset ? cons : 0;
    }
    Task<void> consume() {
        while (cons != prod && !stuck) {
            co_await sim::delay(period);
            const Spa at = base + (cons & (size() - 1)) * 16;
            const u64 word0 = memory.cpu_port().peek64(at), word1 = memory.cpu_port().peek64(at + 8);
            consumed.emplace_back(word0, word1);
            const bool message = (word0 & 0xff) == sync_opcode && (word0 >> 12 & 3) == 1;
            if (message) memory.cpu_port().poke64(at, word0 & ~u64{0xffff'ffff}); // a 32-bit write of MSIData 0
            cons = (cons + 1) & mask();
        }
        running = false;
    }
    u32 size() const { return u32{1} << log2size; }
    u32 mask() const { return 2 * size() - 1; }
};

struct Smmuv3QueueBench : test::Machine {
    explicit Smmuv3QueueBench(unsigned log2size, bool msipoll) {
        driver_config.msipoll = msipoll;
        make_kernel();
        mmio.map(unit_registers, 0x2'0000, stub, "smmu");
        place(log2size);
    }
    ~Smmuv3QueueBench() { calendar.shutdown(); }
    void place(unsigned log2size) {
        stub.base = kernel->frames().take_kernel(page_size, page_size);
        stub.log2size = log2size;
        stub.prod = stub.cons = 0;
        stub.consumed.clear();
        queue.emplace(driver_config, unit_registers, "smmu.cmdq", std::function<u64()>{});
        queue->place(stub.base, log2size);
    }
    /// A TLBI_NH_VA of page `n`: what is in the words does not matter to the queue, only that it arrives.
    static Command command(u64 n) { return Command::from_words({0x12, n << 12}); }
    std::vector<Command> batch(unsigned count) {
        std::vector<Command> b;
        while (b.size() < count) b.push_back(command(++issued));
        return b;
    }
    /// How long it took.
    Duration issue(unsigned count, bool expected = true) {
        Duration took;
        in_kernel([&](KernelContext& ctx) -> Task<void> {
            const auto list = batch(count);
            const Time begun = sim::now();
            const bool seen = co_await queue->issue(ctx, list, "test");
            CHECK(seen == expected);
            took = sim::now() - begun;
        });
        return took;
    }
    /// Every command so far was consumed once and in order, a CMD_SYNC behind each batch.
    bool complete(const std::vector<unsigned>& batches) const {
        std::vector<u64> expected, got;
        u64 n = issued;
        for (unsigned count : batches) n -= count;
        for (unsigned count : batches) {
            for (unsigned i = 0; i < count; ++i) expected.push_back(++n << 12 | 0x12);
            expected.push_back(sync_opcode);
        }
        for (const auto& [w0, w1] : stub.consumed)
            got.push_back((w0 & 0xff) == sync_opcode ? sync_opcode : w1 | (w0 & 0xff));
        return got == expected && stub.overruns == 0;
    }
    Smmuv3DriverConfig driver_config;
    StubQueue stub{memory};
    std::optional<Smmuv3CommandQueue> queue;
    u64 issued = 0;
};
} // namespace

TEST_CASE("commands lie in consecutive slots, a CMD_SYNC behind them, and the doorbell shows the wrap bit", "[os]") {
    Smmuv3QueueBench b(2, false);
    b.issue(2);
    const Spa q = b.stub.base;
    CHECK(b.peek(q) == 0x12);
    CHECK(b.peek(q + 8) == 0x1000);
    CHECK(b.peek(q + 16) == 0x12);
    CHECK(b.peek(q + 24) == 0x2000);
    CHECK(b.peek(q + 32) == 0x46); // CS: none, completion is seen in CMDQ_CONS
    CHECK(b.peek(q + 40) == 0);
    b.issue(1); // slots 3 and 0
    b.issue(3); // slots 1, 2, 3 and 0
    CHECK(b.peek(q + 48) == 0x12);
    CHECK(b.peek(q) == 0x46);
    CHECK(b.stub.doorbells == std::vector<u32>{3, 5, 1}); // 4 entries: the wrap bit is bit 2, and goes again
    CHECK(b.complete({2, 1, 3}));
}

TEST_CASE("with MSIPOLL the CMD_SYNC asks for a message into its own slot, and CMDQ_CONS is not read", "[os]") {
    Smmuv3QueueBench b(4, true);
    b.issue(3);
    const auto [word0, word1] = b.stub.consumed.back();
    CHECK(word0 == (0x46 | 1u << 12 | 3u << 22 | 0xfu << 24)); // CS=IRQ, MSH=inner, MSIAttr=write-back, MSIData=0
    CHECK(word1 == b.stub.base.value() + 3 * 16);
    CHECK(b.stub.cons_reads == 0);
}

TEST_CASE("issue takes the slot allocation, the stores, the doorbell's travel, the commands and the look", "[os]") {
    const unsigned count = GENERATE(1u, 5u);
    Smmuv3QueueBench b(4, true);
    b.driver_config.poll_interval = 1_ns;
    const Smmuv3DriverConfig& t = b.driver_config;
    const Duration load = b.memory_config.cpu_latency.get();
    const Duration drained = 2 * load; // the last two stores
    const Duration fixed = t.take_slots + t.build_command * (count + 1) + drained + b.mmio_config.issue.get();
    const Duration hardware = b.mmio_config.travel + b.stub.period * (count + 1);
    const Duration took = b.issue(count);
    CHECK(took >= fixed + hardware);
    CHECK(took <= fixed + hardware + hardware / 64 + t.poll_interval.get() + 2 * load); // one look late, 2 % at most
}

TEST_CASE("polling looks at CMDQ_CONS ten times, then after 1, 2, 4 us, and returns at the look that sees it", "[os]") {
    Smmuv3QueueBench b(4, false);
    b.stub.period = 5_us; // two commands: consumed 10 us after the doorbell arrived
    const Smmuv3DriverConfig& t = b.driver_config;
    const Duration look = b.mmio_config.issue + b.mmio_config.travel * 2; // a read is a round trip
    const Duration drained = 2 * b.memory_config.cpu_latency.get(); // the last two stores
    const Duration published = t.take_slots + t.build_command * 2 + drained + b.mmio_config.issue.get();
    CHECK(b.issue(1) == published + look * 11 + (1_us + look) + (2_us + look) + (4_us + look) + (8_us + look));
    CHECK(b.stub.cons_reads == 15);
}

TEST_CASE("a full queue makes the producer wait for CMDQ_CONS and loses nothing", "[os]") {
    const bool msipoll = GENERATE(false, true);
    Smmuv3QueueBench b(2, msipoll);
    b.stub.period = 10_us;
    std::vector<Time> rung;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        for (int i = 0; i < 2; ++i) {
            const auto list = b.batch(2);
            const bool done = co_await b.queue->issue(ctx, list, "test", false); // nobody waits for the SYNC
            CHECK(done);
            rung.push_back(sim::now());
        }
    });
    CHECK(b.complete({2, 2}));
    CHECK(rung[1] - rung[0] > b.stub.period * 2); // 3 of 4 slots taken: two more commands have to go first
}

TEST_CASE("any sequence of batches comes out complete and in order, whatever the size of the queue", "[os]") {
    const bool msipoll = GENERATE(false, true);
    Smmuv3QueueBench b(2, msipoll);
    const bool held = rc::check("batches", [&] {
        const auto log2size = *rc::gen::inRange(1u, 5u);
        const auto batches = *rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(1u, u32{1} << log2size));
        b.place(log2size);
        for (unsigned count : batches) b.issue(count);
        RC_ASSERT(b.complete(batches));
    });
    CHECK(held);
    CHECK(b.issued > 100);
}

TEST_CASE("two producers' batches come out whole, each with its own CMD_SYNC, and both see it", "[os]") {
    const bool msipoll = GENERATE(false, true);
    Smmuv3QueueBench b(6, msipoll);
    unsigned seen = 0;
    auto producer = [&](const char* name) -> Task<void> {
        KernelContext ctx(b.kernel->scheduler(), name);
        co_await ctx.run();
        for (int i = 0; i < 5; ++i) {
            const auto list = b.batch(3);
            const bool done = co_await b.queue->issue(ctx, list, "test");
            seen += done ? 1 : 0;
        }
        ctx.stop();
    };
    sim::spawn(producer("one"));
    sim::spawn(producer("two"));
    b.settle();
    CHECK(seen == 10);
    REQUIRE(b.stub.consumed.size() == 40);
    for (std::size_t i = 0; i < 40; ++i) CHECK(((b.stub.consumed[i].first & 0xff) == sync_opcode) == (i % 4 == 3));
}

TEST_CASE("a queue that is stuck gives a waiter for its CMD_SYNC back after the time-out, and counts it", "[os]") {
    const bool msipoll = GENERATE(false, true);
    Smmuv3QueueBench b(2, msipoll);
    b.driver_config.sync_timeout = 10_ms;
    b.stub.stuck = true;
    CHECK(b.issue(2, false) >= b.driver_config.sync_timeout.get());
    CHECK(b.queue->timeouts() == 1);
}

TEST_CASE("who waits for room is told of each time-out and goes on waiting until there is some", "[os]") {
    Smmuv3QueueBench b(2, true);
    b.driver_config.sync_timeout = 10_ms;
    b.stub.stuck = true;
    b.issue(2, false);
    Duration took;
    auto second = [&]() -> Task<void> {
        KernelContext ctx(b.kernel->scheduler(), "second");
        co_await ctx.run();
        const auto list = b.batch(2);
        const Time begun = sim::now();
        const bool seen = co_await b.queue->issue(ctx, list, "test");
        CHECK(seen);
        took = sim::now() - begun;
        ctx.stop();
    };
    sim::spawn(second());
    b.calendar.run_for(25_ms);
    CHECK(b.queue->timeouts() == 3); // the first CMD_SYNC, and two while there was no room
    b.stub.stuck = false;
    sim::spawn(b.stub.consume());
    b.settle();
    CHECK(took > 25_ms);
    CHECK(took < 26_ms);
    CHECK(b.stub.overruns == 0);
}

TEST_CASE("a slot is not used again before the CPU that watches its CMD_SYNC has seen it", "[os]") {
    Smmuv3QueueBench b(2, true); // four slots: the next batch needs the one that is being watched
    auto producer = [&](const char* name, Duration* took) -> Task<void> {
        KernelContext ctx(b.kernel->scheduler(), name);
        co_await ctx.run();
        const auto list = b.batch(3);
        const Time begun = sim::now();
        const bool seen = co_await b.queue->issue(ctx, list, "test");
        CHECK(seen);
        *took = sim::now() - begun;
        ctx.stop();
    };
    for (unsigned i = 0; i < 10; ++i) {
        b.place(2);
        b.stub.period = 50_us + i * 7_us;
        Duration first, second;
        sim::spawn(producer("first", &first));
        sim::spawn(producer("second", &second));
        b.settle();
        CHECK(first < b.stub.period * 5); // four commands, and a look that comes 2 % late
        CHECK(second < b.stub.period * 10);
    }
}

TEST_CASE("a batch as large as the queue is issued in parts, not given up after the time-out", "[os]") {
    Smmuv3QueueBench b(2, true);
    CHECK(b.issue(4) < b.driver_config.sync_timeout.get());
    CHECK(b.stub.consumed.size() > 4);
}
