// SPDX-License-Identifier: Apache-2.0
/// The calendar against SC_METHOD and SC_THREAD doing the same waits. Items are waits.
#include "bare_chain.h"
#include "sim/task.h"
#include "sim/wire.h"

#include <benchmark/benchmark.h>

using namespace quiesce;

namespace {
constexpr std::int64_t wait_ps = 1'000;
constexpr std::int64_t waits_per_run = 2'000'000;

sim::Task<void> hop(std::int64_t ps, std::uint64_t& n) {
    for (;;) {
        co_await sim::delay(sim::Duration::ps(ps));
        ++n;
    }
}
sim::Task<void> pass(sim::Stage& s, std::int64_t first, std::uint64_t& n) {
    co_await sim::delay(sim::Duration::ps(first));
    for (;;) {
        co_await s.pass();
        ++n;
    }
}

void calendar_delay(benchmark::State& state) {
    std::uint64_t n = 0;
    bench::fresh_kernel();
    sim::Calendar calendar;
    for (int i = 0; i < state.range(0); ++i) sim::spawn(hop(wait_ps + i % 97, n));
    for (auto _ : state) calendar.run_for(sim::Duration::ps(wait_ps * waits_per_run / state.range(0)));
    state.SetItemsProcessed(static_cast<std::int64_t>(n));
    calendar.shutdown();
}

void calendar_stage(benchmark::State& state) {
    std::uint64_t n = 0;
    bench::fresh_kernel();
    sim::Calendar calendar;
    sim::Stage stage(sim::Duration::ps(wait_ps));
    for (int i = 0; i < state.range(0); ++i) sim::spawn(pass(stage, i % 997, n));
    for (auto _ : state) calendar.run_for(sim::Duration::ps(wait_ps * waits_per_run / state.range(0)));
    state.SetItemsProcessed(static_cast<std::int64_t>(n));
    calendar.shutdown();
}

template <class Bare> void systemc(benchmark::State& state) {
    bench::fresh_kernel();
    Bare bare("bare", static_cast<unsigned>(state.range(0)), {wait_ps});
    for (auto _ : state) sc_core::sc_start(sc_core::sc_time(static_cast<double>(wait_ps * waits_per_run / state.range(0)), sc_core::SC_PS));
    state.SetItemsProcessed(static_cast<std::int64_t>(bare.rounds()));
}

BENCHMARK(calendar_delay)->Name("calendar/delay")->Arg(1)->Arg(16)->Arg(256)->Arg(4096)->Unit(benchmark::kMillisecond);
BENCHMARK(calendar_stage)->Name("calendar/stage")->Arg(1)->Arg(16)->Arg(256)->Arg(4096)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(systemc, bench::BareMethods)->Name("systemc/method")->Arg(1)->Arg(16)->Arg(256)->Arg(4096)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(systemc, bench::BareThreads)->Name("systemc/thread")->Arg(1)->Arg(16)->Arg(256)->Arg(4096)->Unit(benchmark::kMillisecond);
} // namespace

int sc_main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
