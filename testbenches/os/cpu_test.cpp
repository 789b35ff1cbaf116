// SPDX-License-Identifier: Apache-2.0
/// CPUs: turns, wake-ups, store buffers, interrupts, and what may not be done with interrupts off.
#include "memory/system_memory.h"
#include "os/interrupts.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::os;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {
struct CpuBench {
    explicit CpuBench(unsigned cpus, unsigned store_buffer = 32) {
        config.cpus = cpus;
        config.store_buffer = store_buffer;
        scheduler.emplace(events, config, memory.cpu_port(), mmio);
    }
    ~CpuBench() { calendar.shutdown(); }
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    memory::MemoryConfig memory_config;
    memory::SystemMemory memory{events, memory_config};
    memory::MmioBus mmio{memory::MmioConfig{}};
    CpuConfig config;
    std::optional<Scheduler> scheduler;
    std::vector<std::pair<std::string, Time>> log;

    Duration context_switch() const { return config.context_switch.get(); }
    Duration store_time() const { return memory_config.cpu_latency.get(); }
    void note(const char* what) { log.emplace_back(what, sim::now()); }
    Duration at(std::string_view what) const {
        for (const auto& [name, t] : log)
            if (name == what) return t - Time{};
        FAIL("nobody noted " << what);
        return {};
    }
    template <class Body> void run(Body body) {
        sim::spawn(body());
        settle();
    }
    void settle() { calendar.run_for(100_us); }
    Task<void> work(const char* name, Duration d) {
        KernelContext ctx(*scheduler, name);
        co_await ctx.run();
        note(name);
        co_await ctx.spend(d, "work");
        ctx.stop();
    }
};
} // namespace

TEST_CASE("on one CPU the second context begins when the first has stopped and the switch is over; on two they run together", "[os]") {
    const unsigned cpus = GENERATE(1u, 2u);
    CpuBench b(cpus);
    sim::spawn(b.work("first", 10_us));
    sim::spawn(b.work("second", 10_us));
    b.settle();
    CHECK(b.at("first") == b.context_switch());
    CHECK(b.at("second") == (cpus == 2 ? b.context_switch() : b.context_switch() + 10_us + b.context_switch()));
}

TEST_CASE("a sleeper gives its CPU away and pays wake-up and switch to come back; meanwhile it is known where it sleeps", "[os]") {
    CpuBench b(1);
    sim::Latch alarm;
    auto sleeper = [&]() -> Task<void> {
        KernelContext ctx(*b.scheduler, "sleeper");
        co_await ctx.run();
        co_await ctx.sleep_on(alarm.wait(), "nap", "alarm");
        b.note("awake");
    };
    auto waker = [&]() -> Task<void> {
        co_await sim::delay(20_us);
        alarm.set();
    };
    std::string asleep;
    auto looker = [&]() -> Task<void> {
        co_await sim::delay(10_us);
        asleep = b.scheduler->who_sleeps();
    };
    sim::spawn(sleeper());
    sim::spawn(looker());
    sim::spawn(b.work("other", 5_us));
    sim::spawn(waker());
    b.settle();
    CHECK(b.at("other") == b.context_switch() * 2);
    CHECK(b.at("awake") == 20_us + b.config.wake_up.get() + b.context_switch());
    CHECK(asleep == "sleeper sleeps in nap, waiting for alarm since 1.500 us"); // a context switch after the beginning
    CHECK(b.scheduler->who_sleeps().empty());
}

TEST_CASE("a thread in user space goes on until its slice is over, and then only if another waits for its CPU", "[os]") {
    CpuBench b(1);
    const auto spinner = [](CpuBench& bench) -> Task<void> {
        KernelContext ctx(*bench.scheduler, "spinner");
        co_await ctx.run();
        for (int n = 0; n < 200; ++n) {
            co_await ctx.spin(10_us);
            if (!ctx.slice_over()) continue;
            co_await ctx.give_way();
            bench.note("again");
        }
        ctx.stop();
    };
    const auto other = [](CpuBench& bench) -> Task<void> {
        co_await sim::delay(5_us);
        auto works = bench.work("other", 1_us);
        co_await std::move(works);
    };
    sim::spawn(spinner(b));
    sim::spawn(other(b));
    b.calendar.run_for(3_ms);
    CHECK(b.at("other") == b.context_switch() + b.config.slice.get() + b.context_switch());
    CHECK(b.at("again") == b.at("other") + 1_us + b.context_switch());
    CHECK(b.log.size() == 2); // nobody waits any more
}

TEST_CASE("a store is invisible to others until it has drained; its own CPU sees it at once", "[os]") {
    CpuBench b(1);
    const Spa at = b.memory.ram_base() + 0x40;
    u64 own = 0, others = 1;
    b.run([&]() -> Task<void> {
        KernelContext ctx(*b.scheduler, "writer");
        co_await ctx.run();
        co_await ctx.store(at, 0xabc);
        own = co_await ctx.load(at);
        others = b.memory.cpu_port().peek64(at);
        const Time before = sim::now();
        co_await ctx.barrier();
        CHECK(sim::now() - before == b.store_time());
        CHECK(b.memory.cpu_port().peek64(at) == 0xabc);
    });
    CHECK(own == 0xabc);
    CHECK(others == 0);
}

TEST_CASE("stores drain in order, and a full buffer makes the next store wait for a place", "[os]") {
    CpuBench b(1, 2);
    const Spa at = b.memory.ram_base();
    std::vector<Duration> took;
    b.run([&]() -> Task<void> {
        KernelContext ctx(*b.scheduler, "writer");
        co_await ctx.run();
        for (u64 i = 0; i < 4; ++i) {
            const Time before = sim::now();
            co_await ctx.store(at + 8 * i, i + 1);
            took.push_back(sim::now() - before);
            for (u64 later = i + 1; later < 4; ++later) CHECK(b.memory.cpu_port().peek64(at + 8 * later) == 0);
        }
    });
    CHECK(took == std::vector<Duration>{Duration{}, Duration{}, b.store_time(), b.store_time()});
    CHECK(b.memory.cpu_port().peek64(at + 24) == 4);
}

TEST_CASE("an interrupt is taken when its CPU has interrupts on, and its thread then needs a CPU", "[os]") {
    CpuBench b(2);
    InterruptController interrupts(*b.scheduler);
    const u32 number = interrupts.request("irq/test", [&](KernelContext&) -> Task<void> {
        b.note("handler");
        co_return;
    });
    auto busy = [&]() -> Task<void> {
        KernelContext ctx(*b.scheduler, "busy");
        co_await ctx.run();
        {
            auto off = ctx.irqs_off();
            co_await ctx.spin(10_us);
        }
        b.note("on again");
        co_await ctx.spin(30_us);
    };
    auto device = [&]() -> Task<void> {
        co_await sim::delay(3_us);
        interrupts.message(arm64.messages, number);
    };
    sim::spawn(busy());
    sim::spawn(device());
    b.settle();
    CHECK(b.at("on again") == b.context_switch() + 10_us);
    CHECK(b.at("handler") == b.at("on again") + b.config.irq_entry.get() + b.context_switch());
}

TEST_CASE("edges during a handler make it run once more, however many they are; an unknown number is counted", "[os]") {
    CpuBench b(1);
    InterruptController interrupts(*b.scheduler);
    unsigned runs = 0;
    const u32 number = interrupts.request("irq/test", [&](KernelContext& ctx) -> Task<void> {
        ++runs;
        co_await ctx.spin(10_us);
    });
    b.run([&]() -> Task<void> {
        interrupts.message(arm64.messages, number);
        co_await sim::delay(5_us);
        for (int i = 0; i < 3; ++i) interrupts.message(arm64.messages, number);
        interrupts.message(arm64.messages, number + 1);
    });
    CHECK(runs == 2);
    CHECK(interrupts.spurious() == 1);
}

TEST_CASE("sleeping with interrupts off is reported; sleeping with them on is not", "[os]") {
    CpuBench b(1);
    std::vector<std::string> broken;
    auto token = b.events.subscribe<OsViolation>([&](Time, const OsViolation& v) { broken.emplace_back(v.kind.text()); });
    const bool off = GENERATE(false, true);
    b.run([&]() -> Task<void> {
        KernelContext ctx(*b.scheduler, "careless");
        co_await ctx.run();
        std::optional<KernelContext::IrqsOff> section;
        if (off) section.emplace(ctx.irqs_off());
        co_await ctx.sleep_on(sim::delay(1_us), "nap", "timer");
    });
    CHECK(broken == (off ? std::vector<std::string>{"sleep-in-atomic"} : std::vector<std::string>{}));
}

TEST_CASE("a wire raises the interrupt that it leads to, whatever that one's number; of another nothing is heard", "[os]") {
    CpuBench b(2);
    InterruptController interrupts(*b.scheduler);
    std::vector<int> heard;
    const u32 first = interrupts.request("irq/first", [&](KernelContext&) -> Task<void> {
        heard.push_back(1);
        co_return;
    });
    const u32 second = interrupts.request("irq/second", [&](KernelContext&) -> Task<void> {
        heard.push_back(2);
        co_return;
    });
    interrupts.connect(first, second);
    b.run([&]() -> Task<void> {
        interrupts.wire(first);
        interrupts.wire(second);
        co_return;
    });
    CHECK(heard == std::vector{2});
    CHECK(interrupts.spurious() == 0);
}
