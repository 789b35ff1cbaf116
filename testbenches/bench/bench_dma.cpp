// SPDX-License-Identifier: Apache-2.0
/// The full DMA path (engine, link, root complex, SMMUv3, memory, completion), with page ledger, checkers and fingerprint on,
/// against a bare SystemC chain that waits once per distinct simulated instant at which the path's DMA changes state. Items
/// are DMAs; `waits_per_dma` is the same on both sides because the bare chain takes its list of waits from the path.
///
///     dma/hit    the SMMU's TLB has the translation           dma/miss   the SMMU walks tables
///     dma/atc    the device's ATC has the translation         dma/ats    the device asks the SMMU, whose TLB has it
///     dma/pri    the page is not there: the device asks the operating system for it. One page request, one page fault
///                and about three translation requests per DMA: it has no bare chain beside it.
#include "bare_chain.h"
#include "observe/counters.h"
#include "observe/fingerprint.h"
#include "observe/violations.h"
#include "observe/waves.h"
#include "platform/machine/system.h"
#include "support/smmuv3_platform.h"

#include <array>
#include <benchmark/benchmark.h>
#include <optional>

using namespace quiesce;

namespace {
constexpr unsigned tags = 64;
constexpr u32 dma_bytes = 64;

/// Where the translation of a DMA comes from, and what makes it so: the pages of a device's work (of all devices' work,
/// if it is `shared`) beside a TLB of 2048 entries, and entries of an ATC.
enum class Source : u8 { Hit, Miss, Atc, Ats };
struct SourceRow {
    u64 pages;
    bool shared;
    unsigned atc_entries;
};
constexpr std::array<SourceRow, 4> source_table{{{16, false, 0}, {16384, true, 0}, {16, false, 128}, {1024, true, 16}}};
constexpr const SourceRow& row(Source s) { return source_table[static_cast<std::size_t>(s)]; }

struct Path {
    explicit Path(unsigned devices, Source source, bool waves = false)
        : platform(fast_memory(), iommu::smmuv3::Smmuv3Config{}, row(source).pages * (row(source).shared ? 1 : devices)),
          source(source), fingerprint(platform.bus), checkers(platform.bus) {
        if (waves) recorded = std::make_unique<observe::Waves>(platform.bus, observe::WaveWindow{});
        devices::SvaFunctionConfig function;
        function.endpoint.tags = tags;
        function.atc.present = row(source).atc_entries != 0;
        if (function.atc.present) function.atc.entries = row(source).atc_entries;
        for (unsigned i = 0; i < devices; ++i) platform.add_device(function);
    }
    /// Memory is not the bottleneck of 64 links here: what is measured is the simulator, not a queue of simulated DMAs.
    static memory::MemoryConfig fast_memory() {
        memory::MemoryConfig c;
        c.bandwidth = base::Bandwidth::bytes_per_second(2'000'000'000'000);
        return c;
    }
    devices::Workload work(unsigned device) {
        const SourceRow& r = row(source);
        return platform.work(*platform.devices[device], r.shared ? 0 : device * r.pages, r.pages, dma_bytes);
    }
    /// Until the TLB has what it can have.
    void warm_up() {
        u64 missed = 0;
        do {
            missed = tlb_misses();
            platform.calendar.run_for(sim::Duration::ps(200'000'000));
        } while (source != Source::Miss && tlb_misses() != missed);
    }
    u64 dmas() { return platform.memory.ledger().counts().reads + platform.memory.ledger().counts().writes; }
    u64 tlb_misses() { return platform.smmu.agent().translations().counts().misses; }
    u64 atc_requests() {
        u64 n = 0;
        for (auto& d : platform.devices) n += d->atc() != nullptr ? d->atc()->counts().requests : 0;
        return n;
    }

    testbench::Smmuv3Platform platform;
    Source source;
    observe::Fingerprint fingerprint;
    observe::Checkers checkers;
    std::unique_ptr<observe::Waves> recorded;
};

/// One DMA of `work`, and the differences between the instants at which something happens.
std::vector<std::int64_t> waits_of(Path& path, const devices::Workload& work) {
    auto& calendar = path.platform.calendar;
    auto& engine = path.platform.devices[0]->engine();
    std::vector<std::int64_t> waits;
    engine.start(work);
    for (sim::Time last = calendar.now(); !engine.idle().is_set();) {
        const sim::Time at = calendar.next_item_time();
        if (at > last) waits.push_back((at - last).ps());
        last = at;
        calendar.run_until(at + sim::Duration::ps(1));
    }
    calendar.run_for(sim::Duration::ps(10'000'000));
    return waits;
}

/// The waits of one DMA that is alone, as this source has it when everything else is warm.
const std::vector<std::int64_t>& waits_of_one_dma(Source source) {
    static std::array<std::vector<std::int64_t>, source_table.size()> known;
    auto& waits = known[static_cast<std::size_t>(source)];
    if (!waits.empty()) return waits;
    bench::fresh_kernel();
    Path path(1, source);
    auto one = path.work(0);
    one.count = 1;
    const auto to_page = [&](u64 page) {
        one.footprint = {{testbench::Smmuv3Platform::heap + page * page_size, page_size}};
        return waits_of(path, one);
    };
    // Contexts, upper tables and, for all but a miss, the page itself are warm; for Ats the ATC has let go of it.
    to_page(0);
    if (source == Source::Ats)
        for (u64 page = 1; page < 200; ++page) to_page(page);
    return waits = to_page(source == Source::Miss ? 5 : 0);
}

void full_path(benchmark::State& state, Source source, bool waves) {
    const auto& waits = waits_of_one_dma(source);
    const auto devices = static_cast<unsigned>(state.range(0));
    bench::fresh_kernel();
    Path path(devices, source, waves);
    for (unsigned i = 0; i < devices; ++i) path.platform.devices[i]->engine().start(path.work(i));
    path.warm_up();
    const u64 before = path.dmas(), missed = path.tlb_misses(), asked = path.atc_requests();
    const auto slice = sim::Duration::ps(400'000'000 / devices);
    for (auto _ : state) path.platform.calendar.run_for(slice);
    const u64 dmas = path.dmas() - before;
    state.SetItemsProcessed(static_cast<std::int64_t>(dmas));
    state.counters["waits_per_dma"] = static_cast<double>(waits.size());
    if (!path.checkers.violations().empty()) state.SkipWithError("the path violated something");
    if (source != Source::Miss && path.tlb_misses() != missed) state.SkipWithError("the TLB missed");
    if (source == Source::Atc && path.atc_requests() != asked) state.SkipWithError("the ATC missed");
    if (source == Source::Ats && path.atc_requests() - asked < dmas * 9 / 10) state.SkipWithError("the ATC hit");
}

/// A machine with an operating system; each device works for a process of its own on a heap that is not there yet.
struct Paged {
    static constexpr u64 pages_in_all = 196'608;
    static platform::Config config(unsigned devices) {
        platform::Config c;
        c.smmuv3_driver.pri = true;
        c.platform.memory.bandwidth = Path::fast_memory().bandwidth.get();
        for (unsigned i = 0; i < devices; ++i) {
            auto& d = c.devices["acc" + std::to_string(i)].accelerator.function;
            d.atc.present = d.pri.present = true;
        }
        return c;
    }
    explicit Paged(unsigned devices)
        : bus(calendar.clock()), system(bus, config(devices), 1), pages(pages_in_all / devices), fingerprint(bus), checkers(bus), counters(bus) {
        sim::spawn(begin(devices));
        while (!begun) calendar.run_for(sim::Duration::ps(1'000'000));
    }
    ~Paged() { calendar.shutdown(); }
    sim::Task<void> begin(unsigned devices) {
        co_await system.booted().wait();
        os::Kernel& kernel = system.kernel();
        for (unsigned i = 0; i < devices; ++i) {
            const std::string process = "app" + std::to_string(i), device = "acc" + std::to_string(i);
            kernel.spawn(process, {pages, 0});
            begun = co_await kernel.bind(process, device);
            os::drivers::Work work;
            work.direction = os::drivers::Work::Direction::Read;
            work.pattern = os::drivers::Work::Pattern::Random;
            work.first = kernel.heap(process)->start;
            work.bytes = pages * page_size;
            work.request_min = work.request_max = dma_bytes;
            begun = begun && co_await kernel.submit(process, device, work);
            if (!begun) throw std::logic_error("a device took no work");
        }
    }
    sim::Calendar calendar;
    base::EventBus bus;
    platform::System system;
    u64 pages;
    bool begun = false;
    observe::Fingerprint fingerprint;
    observe::Checkers checkers;
    observe::Counters counters;
};

void paged_path(benchmark::State& state) {
    const auto devices = static_cast<unsigned>(state.range(0));
    bench::fresh_kernel();
    Paged paged(devices);
    paged.calendar.run_for(sim::Duration::ps(50'000'000));
    const observe::RunCounts before = paged.counters.counts();
    for (auto _ : state) paged.calendar.run_for(sim::Duration::ps(20'000'000));
    const observe::RunCounts& after = paged.counters.counts();
    const u64 dmas = after.dma.reads - before.dma.reads, pages = after.page_requests.success - before.page_requests.success;
    state.SetItemsProcessed(static_cast<std::int64_t>(dmas));
    state.counters["pages_per_dma"] = static_cast<double>(pages) / static_cast<double>(std::max<u64>(dmas, 1));
    if (!paged.checkers.violations().empty()) state.SkipWithError("the path violated something");
    if (pages < dmas / 2) state.SkipWithError("most pages were there");
}

template <class Bare> void bare(benchmark::State& state, Source source) {
    const auto& waits = waits_of_one_dma(source);
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
        with("dma/hit", [](benchmark::State& s) { full_path(s, Source::Hit, false); });
        with("dma/hit+waves", [](benchmark::State& s) { full_path(s, Source::Hit, true); });
        with("bare/thread", [](benchmark::State& s) { bare<bench::BareThreads>(s, Source::Hit); });
        with("bare/method", [](benchmark::State& s) { bare<bench::BareMethods>(s, Source::Hit); });
        with("dma/miss", [](benchmark::State& s) { full_path(s, Source::Miss, false); });
        with("dma/atc", [](benchmark::State& s) { full_path(s, Source::Atc, false); });
        with("dma/ats", [](benchmark::State& s) { full_path(s, Source::Ats, false); });
        with("dma/pri", paged_path);
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
