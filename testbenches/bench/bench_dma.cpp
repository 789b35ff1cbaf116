// SPDX-License-Identifier: Apache-2.0
/// The full DMA path (engine, link, root complex, SMMUv3, memory, completion), with page ledger, checkers and fingerprint on,
/// against a bare SystemC chain that waits once per distinct simulated instant at which the path's DMA changes state. Items
/// are DMAs; `waits_per_dma` is the same on both sides because the bare chain takes its list of waits from the path.
#include "bare_chain.h"
#include "observe/fingerprint.h"
#include "observe/violations.h"
#include "observe/waves.h"
#include "support/smmuv3_platform.h"

#include <benchmark/benchmark.h>
#include <map>

using namespace quiesce;

namespace {
constexpr unsigned tags = 64;
constexpr u32 dma_bytes = 64;
constexpr u64 hit_pages = 16, miss_pages = 16384; ///< per device; the TLB holds 2048 translations

struct Path {
    explicit Path(unsigned devices, bool miss, bool waves = false)
        : platform(fast_memory(), iommu::smmuv3::Smmuv3Config{}, miss ? miss_pages : hit_pages * devices), pages(miss ? miss_pages : hit_pages),
          miss(miss), fingerprint(platform.bus), checkers(platform.bus) {
        if (waves) recorded = std::make_unique<observe::Waves>(platform.bus, observe::WaveWindow{});
        for (unsigned i = 0; i < devices; ++i) platform.add_device(tags);
    }
    /// Memory is not the bottleneck of 64 links here: what is measured is the simulator, not a queue of simulated DMAs.
    static memory::MemoryConfig fast_memory() {
        memory::MemoryConfig c;
        c.bandwidth = base::Bandwidth::bytes_per_second(2'000'000'000'000);
        return c;
    }
    devices::Workload work(unsigned device) { return platform.work(*platform.devices[device], miss ? 0 : device * hit_pages, pages, dma_bytes); }
    u64 dmas() { return platform.memory.ledger().counts().reads + platform.memory.ledger().counts().writes; }

    testbench::Smmuv3Platform platform;
    u64 pages;
    bool miss;
    observe::Fingerprint fingerprint;
    observe::Checkers checkers;
    std::unique_ptr<observe::Waves> recorded;
};

/// The waits of one DMA that is alone: the differences between the instants at which something happens.
std::vector<std::int64_t> waits_of_one_dma(bool miss) {
    static std::map<bool, std::vector<std::int64_t>> known;
    if (auto found = known.find(miss); found != known.end()) return found->second;
    bench::fresh_kernel();
    Path path(1, miss);
    auto& calendar = path.platform.calendar;
    auto one = path.work(0);
    one.count = 1;
    std::vector<std::int64_t> waits;
    auto& engine = path.platform.devices[0]->engine();
    for (int round = 0; round < (miss ? 1 : 400); ++round) { // hits: the last round finds every page in the TLB
        if (miss && round == 0) { // warm the context and walk caches, not the page: another page of the same table
            auto first = one;
            first.footprint = {{testbench::Smmuv3Platform::heap, page_size}};
            engine.start(first);
            calendar.run_for(sim::Duration::ps(100'000'000));
            one.footprint = {{testbench::Smmuv3Platform::heap + 5 * page_size, page_size}};
        }
        waits.clear();
        engine.start(one);
        for (sim::Time last = calendar.now(); !engine.idle().is_set();) {
            const sim::Time at = calendar.next_item_time();
            if (at > last) waits.push_back((at - last).ps());
            last = at;
            calendar.run_until(at + sim::Duration::ps(1));
        }
        calendar.run_for(sim::Duration::ps(10'000'000));
    }
    return known[miss] = waits;
}

void full_path(benchmark::State& state, bool miss, bool waves) {
    const auto waits = waits_of_one_dma(miss);
    const auto devices = static_cast<unsigned>(state.range(0));
    bench::fresh_kernel();
    Path path(devices, miss, waves);
    for (unsigned i = 0; i < devices; ++i) path.platform.devices[i]->engine().start(path.work(i));
    path.platform.calendar.run_for(sim::Duration::ps(50'000'000));
    const u64 before = path.dmas(), missed = path.platform.smmu.agent().translations().counts().misses;
    const auto slice = sim::Duration::ps(400'000'000 / devices);
    for (auto _ : state) path.platform.calendar.run_for(slice);
    state.SetItemsProcessed(static_cast<std::int64_t>(path.dmas() - before));
    state.counters["waits_per_dma"] = static_cast<double>(waits.size());
    if (!path.checkers.violations().empty()) state.SkipWithError("the path violated something");
    if (!miss && path.platform.smmu.agent().translations().counts().misses != missed) state.SkipWithError("hits that missed");
}

template <class Bare> void bare(benchmark::State& state) {
    const auto waits = waits_of_one_dma(false);
    std::int64_t total = 0;
    for (auto w : waits) total += w;
    bench::fresh_kernel();
    Bare chain("bare", static_cast<unsigned>(state.range(0)) * tags, waits);
    sc_core::sc_start(sc_core::sc_time(static_cast<double>(2 * total), sc_core::SC_PS));
    const auto before = chain.rounds();
    const double slice = 2'000.0 * static_cast<double>(total) / static_cast<double>(state.range(0) * tags) * 10;
    for (auto _ : state) sc_core::sc_start(sc_core::sc_time(slice, sc_core::SC_PS));
    state.SetItemsProcessed(static_cast<std::int64_t>(chain.rounds() - before));
    state.counters["waits_per_dma"] = static_cast<double>(waits.size());
}

void add() {
    for (int n : {1, 8, 64}) {
        const std::string suffix = "/" + std::to_string(n);
        auto with = [&](const std::string& name, auto f) { benchmark::RegisterBenchmark((name + suffix).c_str(), f)->Arg(n)->Unit(benchmark::kMillisecond); };
        with("dma/hit", [](benchmark::State& s) { full_path(s, false, false); });
        with("dma/miss", [](benchmark::State& s) { full_path(s, true, false); });
        with("dma/hit+waves", [](benchmark::State& s) { full_path(s, false, true); });
        with("bare/thread", [](benchmark::State& s) { bare<bench::BareThreads>(s); });
        with("bare/method", [](benchmark::State& s) { bare<bench::BareMethods>(s); });
    }
}
} // namespace

int sc_main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    add();
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
