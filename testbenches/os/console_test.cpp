// SPDX-License-Identifier: Apache-2.0
/// What it costs to print: nothing but the formatting, or a serial console's time, line by line.
#include "os/console.h"
#include "os/machine.h"

using namespace quiesce;
using namespace quiesce::os;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {
constexpr Duration formatting = 25_us;
constexpr unsigned lines = 5;

struct ConsoleBench : test::Machine {
    explicit ConsoleBench(unsigned baud, unsigned cpus = 2) {
        config.cpu.cpus = cpus;
        console_config.baud = baud;
        make_kernel();
        console.emplace(console_config);
    }
    ~ConsoleBench() { calendar.shutdown(); }
    ConsoleConfig console_config;
    std::optional<Console> console;
    Duration took() {
        Duration t{};
        in_kernel([&](KernelContext& ctx) -> Task<void> {
            const Time begun = sim::now();
            co_await console->print(ctx, formatting, lines);
            t = sim::now() - begun;
        });
        return t;
    }
};
} // namespace

TEST_CASE("without a serial console a print takes its formatting and leaves interrupts on", "[os]") {
    ConsoleBench b(0);
    unsigned atomic = 0;
    auto token = b.events.subscribe<CpuSpent>([&](Time, const CpuSpent& e) { atomic += e.on == "console"; });
    CHECK(b.took() == formatting);
    CHECK(atomic == 0);
}

TEST_CASE("on a serial console each line takes ten bits a character besides", "[os]") {
    ConsoleBench b(115'200);
    CHECK(b.console->line_time() == Duration::ps(80ll * 10 * 1'000'000'000'000 / 115'200));
    CHECK(b.took() == formatting + b.console->line_time() * lines);
}

TEST_CASE("an interrupt of the CPU that prints waits for the end of a line, and not of the last one", "[os]") {
    ConsoleBench b(115'200, 1);
    Time taken{}, begun{};
    auto print = [&]() -> Task<void> {
        KernelContext ctx(b.kernel->scheduler(), "printer");
        co_await ctx.run();
        begun = sim::now();
        co_await b.console->print(ctx, formatting, lines);
        ctx.stop();
    };
    auto ring = [&]() -> Task<void> {
        co_await sim::delay(b.console->line_time() + b.console->line_time() / 2); // in the second line
        CHECK_FALSE(b.kernel->scheduler().cpu(0).takes_irqs());
        co_await b.kernel->scheduler().cpu(0).until_irqs_on();
        taken = sim::now();
    };
    sim::spawn(print());
    sim::spawn(ring());
    b.settle();
    CHECK(taken == begun + formatting / lines * 2 + b.console->line_time() * 2);
}

TEST_CASE("who finds the console busy keeps its CPU until it is his turn", "[os]") {
    ConsoleBench b(115'200, 2);
    std::vector<Time> over;
    auto print = [&]() -> Task<void> {
        KernelContext ctx(b.kernel->scheduler(), "printer");
        co_await ctx.run();
        co_await b.console->print(ctx, formatting, 1);
        over.push_back(sim::now());
        ctx.stop();
    };
    sim::spawn(print());
    sim::spawn(print());
    b.settle();
    REQUIRE(over.size() == 2);
    CHECK(over[1] - over[0] == b.console->line_time());
}
