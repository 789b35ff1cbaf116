// SPDX-License-Identifier: Apache-2.0
/// The accelerator's driver on a register block that stops when the test says so; offsets and values typed in.
#include "os/drivers/accelerator_driver.h"
#include "os/device_driver_bench.h"

using namespace quiesce;
using namespace quiesce::os;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {
using Writes = std::vector<std::pair<u64, u64>>;

/// Stops a queue `stop_time` after its STOP, with a message; INT_STOPPED is write one to clear.
struct StubBar final : memory::MmioTarget {
    unsigned queues = 2;
    Duration stop_time = 5_us;
    memory::InterruptSink* sink = nullptr;
    u64 message = 0, stopped = 0, selected = 0;
    Writes writes;
    Task<void> mmio_write(u64 offset, unsigned, u64 value) override {
        writes.emplace_back(offset, value);
        if (offset == 0x018) message = value;
        if (offset == 0x020) stopped &= ~value;
        if (offset == 0x030) selected = value;
        if (offset == 0x070 && value == 2) sim::spawn(stop(selected));
        co_return;
    }
    Task<u64> mmio_read(u64 offset, unsigned) override {
        co_return offset == 0x004 ? queues : offset == 0x020 ? stopped : 0;
    }
    Task<void> stop(u64 queue) {
        co_await sim::delay(stop_time);
        stopped |= u64{1} << queue;
        sink->message(arm64.messages, static_cast<u32>(message));
    }
};

struct AcceleratorDriverBench
    : test::DeviceDriverBench<drivers::AcceleratorDriver, drivers::AcceleratorDriverConfig, StubBar> {
    static drivers::AcceleratorDriverConfig gives_up_after(Duration stop_timeout) {
        drivers::AcceleratorDriverConfig c;
        c.stop_timeout = stop_timeout;
        return c;
    }
    explicit AcceleratorDriverBench(unsigned queues = 2, Duration stop_timeout = {})
        : DeviceDriverBench(gives_up_after(stop_timeout)) {
        stub.queues = queues;
        make_driver("acc");
        probe();
    }
    bool submit(unsigned bond, const drivers::Work& work = {}) {
        return DeviceDriverBench::submit(bond, work);
    }
    u64 selected() const { return stub.writes.front().second; }
    /// From the device's message until its driver has read and cleared it.
    Duration interrupt() const {
        const Duration thread = config.cpu.irq_entry + config.cpu.context_switch.get() + driver_config.interrupt.get();
        return thread + mmio_config.issue.get() + mmio_config.travel * 2 + posted();
    }
};
} // namespace

TEST_CASE("probe says where messages go and enables the one for stopped queues", "[os]") {
    AcceleratorDriverBench b;
    CHECK(b.stub.writes == Writes{{0x010, arm64.messages.value()}, {0x018, 1}, {0x01c, 1}});
}

TEST_CASE("probe enables memory space before it touches the registers in BAR 0, bus mastering, and nothing else", "[os]") {
    AcceleratorDriverBench b;
    const std::vector<test::StubFunction::Write> expected{{0x04, 2, 0x0002}, {0x04, 2, 0x0006}};
    CHECK(b.function.writes == expected);
}

TEST_CASE("submit describes the work in the selected queue's registers and rings the doorbell last", "[os]") {
    AcceleratorDriverBench b;
    drivers::Work w;
    w.direction = drivers::Work::Direction::Write;
    w.pattern = drivers::Work::Pattern::Sequential;
    w.first = Va{0x7f00'0000'1000};
    w.bytes = 0x8000;
    w.request_min = 64;
    w.request_max = 256;
    w.every = 200_ns;
    w.count = 7;
    w.outstanding = 3;
    REQUIRE(b.submit(0, w));
    const Writes expected{{0x030, 0}, {0x040, 1u << 31 | 0x101u}, {0x044, 1}, {0x048, 0x7f00'0000'1000},
                          {0x050, 0x8000}, {0x058, 1 | 50 << 8 | 3 << 16}, {0x05c, 64 | 256 << 16}, {0x060, 200},
                          {0x068, 7}, {0x070, 1}};
    CHECK(b.stub.writes == expected);
    CHECK(b.took == b.driver_config.submit + b.posted() * 10);
}

TEST_CASE("each bond has a queue of its own, keeps it for more work, and is refused when none is left", "[os]") {
    AcceleratorDriverBench b(2);
    REQUIRE(b.submit(0));
    CHECK(b.selected() == 0);
    REQUIRE(b.submit(1));
    CHECK(b.selected() == 1);
    REQUIRE(b.submit(0));
    CHECK(b.selected() == 0);
    CHECK_FALSE(b.submit(2));
    CHECK(b.stub.writes.empty());
    REQUIRE(b.stop(0));
    REQUIRE(b.submit(2));
    CHECK(b.selected() == 0);
    CHECK(b.stub.writes[1] == std::pair<u64, u64>{0x040, 1u << 31 | 0x103u});
}

TEST_CASE("stop sends STOP to the bond's queue and takes the device's time, the interrupt and a wake-up", "[os]") {
    const Duration stop_time = GENERATE(Duration::ps(5'000'000), Duration::ps(700'000'000));
    AcceleratorDriverBench b;
    b.stub.stop_time = stop_time;
    REQUIRE(b.submit(0));
    REQUIRE(b.submit(1));
    REQUIRE(b.stop(1));
    CHECK(b.stub.writes == Writes{{0x030, 1}, {0x070, 2}, {0x020, 2}}); // the last one clears the queue's bit
    CHECK(b.took == b.posted() * 2 + b.mmio_config.travel.get() + stop_time + b.interrupt() + b.awake());
    CHECK(b.seen == std::vector<std::pair<BondId, bool>>{{BondId{2}, false}});
    CHECK(b.stub.stopped == 0);
}

TEST_CASE("a device that takes longer than the time-out makes stop give up then; without a time-out it waits", "[os]") {
    const bool limited = GENERATE(true, false);
    AcceleratorDriverBench b(2, limited ? Duration{20_us} : Duration{});
    b.stub.stop_time = 2_s;
    REQUIRE(b.submit(0));
    CHECK(b.stop(0) == !limited);
    const Duration whole = b.mmio_config.travel + b.stub.stop_time + b.interrupt();
    CHECK(b.took == b.posted() * 2 + (limited ? 20_us : whole) + b.awake());
    CHECK(b.seen == std::vector<std::pair<BondId, bool>>{{BondId{1}, limited}});
}

TEST_CASE("what decides is whether the interrupt has been handled before the time-out", "[os]") {
    const bool late = GENERATE(false, true);
    AcceleratorDriverBench b(2, 20_us);
    const Duration latest = 20_us - b.interrupt() - b.mmio_config.travel.get();
    b.stub.stop_time = late ? latest + 1_ps : latest - 1_ps;
    REQUIRE(b.submit(0));
    CHECK(b.stop(0) == !late);
    CHECK(b.seen == std::vector<std::pair<BondId, bool>>{{BondId{1}, late}});
}

TEST_CASE("stopping a bond without work touches no register and is seen at once", "[os]") {
    AcceleratorDriverBench b;
    REQUIRE(b.submit(0));
    CHECK(b.stop(1));
    CHECK(b.stub.writes.empty());
    CHECK(b.took == Duration{});
    CHECK(b.seen == std::vector<std::pair<BondId, bool>>{{BondId{2}, false}});
}

TEST_CASE("two stops at once select and stop each its own queue, and the device works on both together", "[os]") {
    AcceleratorDriverBench b;
    b.stub.stop_time = 100_us;
    REQUIRE(b.submit(0));
    REQUIRE(b.submit(1));
    b.stub.writes.clear();
    std::vector<Time> ended;
    auto stop = [&](unsigned bond) -> Task<void> {
        KernelContext ctx(b.kernel->scheduler(), "stop");
        co_await ctx.run();
        const bool idle = co_await b.driver->stop(ctx, *b.bonds[bond]);
        CHECK(idle);
        ended.push_back(sim::now());
        ctx.stop();
    };
    const Time begun = sim::now();
    sim::spawn(stop(0));
    sim::spawn(stop(1));
    b.settle();
    REQUIRE(b.stub.writes.size() >= 4);
    b.stub.writes.resize(4);
    CHECK(b.stub.writes == Writes{{0x030, 0}, {0x070, 2}, {0x030, 1}, {0x070, 2}});
    REQUIRE(ended.size() == 2);
    CHECK(ended.back() - begun < b.stub.stop_time * 2);
}

TEST_CASE("a stop that two ask for at once is seen once; both know of it, and the next stop is another", "[os]") {
    AcceleratorDriverBench b;
    unsigned ended = 0;
    auto stop = [&]() -> Task<void> {
        KernelContext ctx(b.kernel->scheduler(), "stop");
        co_await ctx.run();
        const bool idle = co_await b.driver->stop(ctx, *b.bonds[0]);
        CHECK(idle);
        ++ended;
        ctx.stop();
    };
    for (unsigned round = 1; round <= 2; ++round) {
        REQUIRE(b.submit(0));
        sim::spawn(stop());
        sim::spawn(stop());
        b.settle();
        CHECK(ended == 2 * round);
        CHECK(b.seen == std::vector<std::pair<BondId, bool>>(round, {BondId{1}, false}));
    }
    REQUIRE(b.submit(1));
    CHECK(b.selected() == 0); // it is free
}

TEST_CASE("a queue whose stop was given up is free again when the device has stopped after all", "[os]") {
    AcceleratorDriverBench b(1, 20_us);
    b.stub.stop_time = 100_us;
    REQUIRE(b.submit(0));
    REQUIRE_FALSE(b.stop(0)); // settles: the message has come by now
    CHECK(b.stub.stopped == 0);
    CHECK(b.submit(1));
}

// ---- resets, bus mastering, and a device that is gone -----------------------------------------------------------------

namespace {
/// A call of the driver's in a context of its own, beside others.
struct Call {
    bool over = false, result = false;
    Time end;
};
struct FaultBench : AcceleratorDriverBench {
    const drivers::Work work{}; ///< outlives every submit
    using AcceleratorDriverBench::AcceleratorDriverBench;
    template <class Body> void start(Call& call, Body body) { sim::spawn(run(call, std::move(body))); }
    template <class Body> Task<void> run(Call& call, Body body) {
        KernelContext ctx(kernel->scheduler(), "call");
        co_await ctx.run();
        const bool result = co_await body(ctx);
        call = {true, result, sim::now()};
        ctx.stop();
    }
    void start_stop(Call& call, unsigned bond) {
        start(call, [this, bond](KernelContext& ctx) { return driver->stop(ctx, *bonds[bond]); });
    }
    void start_submit(Call& call, unsigned bond) {
        start(call, [this, bond](KernelContext& ctx) { return driver->submit(ctx, *bonds[bond], work); });
    }
    void start_reset(Call& call) {
        start(call, [this](KernelContext& ctx) { return driver->reset(ctx); });
    }
    void run_for(Duration d) { calendar.run_for(d); }
    bool wrote(u64 offset, u64 value) const {
        return std::find(stub.writes.begin(), stub.writes.end(), std::pair{offset, value}) != stub.writes.end();
    }
};
} // namespace

TEST_CASE("a stop under way ends when a reset has been waited for, 100 ms; a message meanwhile is not believed", "[os]") {
    FaultBench b;
    b.stub.stop_time = 4_s;
    REQUIRE(b.submit(0));
    b.stub.writes.clear();
    b.function.writes.clear();
    Call stop, reset;
    b.start_stop(stop, 0);
    b.run_for(10_us);
    REQUIRE(b.wrote(0x070, 2));
    b.stub.writes.clear();
    const Time begun = sim::now();
    b.start_reset(reset);
    b.run_for(50_ms);
    b.stub.stopped = ~u64{0}; // what a read of a function in reset gives
    b.stub.sink->message(arm64.messages, 1);
    b.run_for(40_ms);
    CHECK_FALSE(stop.over);
    CHECK(b.stub.writes.empty());
    b.stub.stopped = 0;
    b.run_for(15_ms);
    REQUIRE(reset.over);
    CHECK(reset.result);
    CHECK(reset.end - begun >= 100_ms);
    CHECK(reset.end - begun < 101_ms);
    CHECK(b.stub.writes == Writes{{0x010, arm64.messages.value()}, {0x018, 1}, {0x01c, 1}});
    CHECK(b.function.space.bus_master());
    REQUIRE(stop.over);
    CHECK(stop.result);
    CHECK(stop.end - begun >= 100_ms);
    CHECK(b.seen == std::vector<std::pair<BondId, bool>>{{BondId{1}, false}});
}

TEST_CASE("a stop that begins during a reset waits for it", "[os]") {
    FaultBench b;
    REQUIRE(b.submit(0));
    Call stop, reset;
    b.start_reset(reset);
    b.run_for(20_us);
    b.start_stop(stop, 0);
    b.run_for(90_ms);
    CHECK_FALSE(stop.over);
    b.run_for(20_ms);
    CHECK(stop.over);
    CHECK(stop.result);
}

TEST_CASE("work that is submitted during a reset begins after it, and has to be stopped", "[os]") {
    FaultBench b;
    Call submit, reset;
    b.start_reset(reset);
    b.run_for(20_us);
    b.stub.writes.clear();
    b.start_submit(submit, 0);
    b.run_for(90_ms);
    CHECK(b.stub.writes.empty());
    b.settle();
    CHECK(submit.result);
    CHECK(b.stub.writes.back() == std::pair<u64, u64>{0x070, 1});
    REQUIRE(b.stop(0));
    CHECK(b.wrote(0x070, 2));
}

TEST_CASE("a reset gives back the queue of a stop that was given up", "[os]") {
    FaultBench b(1, 20_us);
    b.stub.stop_time = 60_s;
    REQUIRE(b.submit(0));
    REQUIRE_FALSE(b.stop(0));
    REQUIRE_FALSE(b.submit(1));
    REQUIRE(b.timed([&](KernelContext& ctx) { return b.driver->reset(ctx); }));
    CHECK(b.submit(1));
}

TEST_CASE("DMA is forbidden and allowed by Bus Master Enable alone", "[os]") {
    AcceleratorDriverBench b;
    b.function.writes.clear();
    CHECK(b.timed([&](KernelContext& ctx) { return b.driver->allow_dma(ctx, false); }));
    CHECK(b.timed([&](KernelContext& ctx) { return b.driver->allow_dma(ctx, true); }));
    const std::vector<test::StubFunction::Write> expected{{0x04, 2, 0x0002}, {0x04, 2, 0x0006}};
    CHECK(b.function.writes == expected);
    CHECK(b.stub.writes.empty());
}

TEST_CASE("once the device is gone a stop under way ends, and nothing is asked of the device any more", "[os]") {
    FaultBench b;
    b.stub.stop_time = 4_s;
    REQUIRE(b.submit(0));
    REQUIRE(b.submit(1));
    Call stop;
    b.start_stop(stop, 0);
    b.run_for(10_us);
    REQUIRE_FALSE(stop.over);
    b.driver->disconnect();
    b.run_for(10_us);
    CHECK(stop.over);
    CHECK(stop.result);
    CHECK(b.driver->gone());
    b.function.writes.clear();
    CHECK(b.stop(1));
    CHECK(b.took == Duration{});
    CHECK(b.stub.writes.empty());
    CHECK_FALSE(b.submit(2));
    CHECK_FALSE(b.timed([&](KernelContext& ctx) { return b.driver->reset(ctx); }));
    CHECK_FALSE(b.timed([&](KernelContext& ctx) { return b.driver->allow_dma(ctx, false); }));
    CHECK(b.stub.writes.empty());
    CHECK(b.function.writes.empty());
}

TEST_CASE("a reset during which the device goes is no reset, and work that waited for it is refused", "[os]") {
    FaultBench b;
    Call reset, submit;
    b.start_reset(reset);
    b.run_for(10_ms);
    b.start_submit(submit, 0);
    b.run_for(10_ms);
    b.stub.writes.clear();
    b.driver->disconnect();
    b.settle();
    REQUIRE(reset.over);
    CHECK_FALSE(reset.result);
    REQUIRE(submit.over);
    CHECK_FALSE(submit.result);
    CHECK(b.stub.writes.empty());
}

// ---- work that others lose ------------------------------------------------------------------------------------------

namespace {
/// The device says that it lost the work of these bonds.
struct LossBench : FaultBench {
    explicit LossBench(std::vector<BondId> bonds) {
        driver->set_lost_work([left = std::move(bonds)]() mutable { return std::exchange(left, {}); });
    }
    std::vector<BondId> lost;
    base::Subscription losses =
        events.subscribe<WorkLost>([this](Time, const WorkLost& e) { lost.push_back(e.bond); });
};
} // namespace

TEST_CASE("whose work a reset took away is told when the reset has been waited for, and once", "[os]") {
    LossBench b{{BondId{1}, BondId{3}}};
    Call reset, again;
    b.start_reset(reset);
    b.run_for(90_ms);
    CHECK(b.lost.empty());
    b.run_for(20_ms);
    REQUIRE(reset.over);
    CHECK(b.lost == std::vector<BondId>{BondId{1}, BondId{3}});
    b.start_reset(again);
    b.settle();
    CHECK(b.lost.size() == 2);
}

TEST_CASE("whose work went with the link is told at once, be it in the middle of a reset", "[os]") {
    const bool in_reset = GENERATE(false, true);
    LossBench b{{BondId{2}}};
    Call reset;
    if (in_reset) b.start_reset(reset);
    b.run_for(50_ms);
    b.driver->disconnect();
    CHECK(b.lost == std::vector<BondId>{BondId{2}});
    b.settle();
    CHECK(b.lost.size() == 1);
    CHECK_FALSE(reset.result);
}
