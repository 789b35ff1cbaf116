// SPDX-License-Identifier: Apache-2.0
/// The OOM reaper beside exit_mmap, over one address space, without devices: who waits for page-table locks, and how long both
/// take.
///
///     exit_mmap_reaper [--set PATH=VALUE ...] [--pages N] [--mappings N] [--late DURATION]
///
/// An address space of so many pages in so many mappings; the exit begins, and the reaper so much later, each on a CPU of its
/// own. Writes "WHO TOTAL WAITED PAGES" for both: CPU time in ns, what of it was spent spinning for locks, and the pages that it
/// took. `os.mm.*` are the costs, `os.oom.backwards` is the patch. scripts/calibrate_os.py asks and compares.
#include "calibration/configuration.h"
#include "memory/system_memory.h"
#include "os/mm/address_space.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fmt/format.h>

using namespace quiesce;
using namespace sim::literals;
using calibration::configuration;

namespace {

struct Load {
    u64 pages = 20'000, mappings = 64;
    std::string late = "0us";
};

/// CPU time of one context and what it did with it.
struct Share {
    i64 spent_ps = 0, waited_ps = 0;
};

class Bench {
public:
    Bench(const platform::Config& config, const Load& load) : config_(config) {
        const u64 each = load.pages / load.mappings, gap = 1024; // mappings share no table
        for (u64 i = 0; i < load.mappings; ++i) mm_.map("m" + std::to_string(i), Va{0x10'0000'0000 + i * (each + gap) * page_size}, {each});
    }
    ~Bench() { calendar_.shutdown(); }

    std::pair<Share, Share> run(sim::Duration late) {
        sim::spawn(exit());
        sim::spawn(reap(late));
        calendar_.run_until_idle(sim::now() + 1000_s);
        return {exit_, reaper_};
    }
    u64 reaped() const { return taken_by_reaper_; }

private:
    Share& of(base::Name context) { return context == exit_name_ ? exit_ : reaper_; }
    sim::Task<void> exit() {
        os::KernelContext ctx(scheduler_, exit_name_);
        co_await ctx.run();
        co_await mm_.mmput(ctx);
        ctx.stop();
    }
    sim::Task<void> reap(sim::Duration late) {
        os::KernelContext ctx(scheduler_, "oom_reaper");
        co_await ctx.run();
        co_await sim::delay(late);
        if (const sim::RwLock::Held held = mm_.mmap_lock().try_read()) co_await mm_.reap(ctx, config_.os.oom.backwards);
        ctx.stop();
    }

    const platform::Config& config_;
    const base::Name exit_name_ = "exit", pte_lock_ = "pte-lock";
    sim::Calendar calendar_;
    base::EventBus events_{calendar_.clock()};
    memory::SystemMemory memory_{events_, config_.platform.memory};
    memory::MmioBus mmio_{config_.platform.mmio};
    os::Scheduler scheduler_{events_, config_.os.cpu, memory_.cpu_port(), mmio_};
    os::FrameAllocator frames_{memory_.ledger(), memory_.cpu_port(), memory_.ram_base(), memory_.ram_bytes() / page_size};
    os::AddressSpace mm_{MmId{1}, "mm", config_.os.mm, frames_};
    Share exit_, reaper_;
    base::Subscription spent_ = events_.subscribe<os::CpuSpent>(
        [this](sim::Time, const os::CpuSpent& e) { of(e.context).spent_ps += static_cast<i64>(e.ps); });
    base::Subscription waits_ = events_.subscribe<base::Span>([this](sim::Time now, const base::Span& s) {
        if (s.phase == pte_lock_) of(s.actor).waited_ps += (now - s.start).ps();
    });
    base::Subscription taken_ = events_.subscribe<os::OomMappingReaped>(
        [this](sim::Time, const os::OomMappingReaped& e) { taken_by_reaper_ += e.pages; });
    u64 taken_by_reaper_ = 0;
};

void tell(const char* who, const Share& s, u64 pages) {
    fmt::print("{} {} {} {}\n", who, (s.spent_ps + s.waited_ps) / 1000, s.waited_ps / 1000, pages);
}

int measure(const platform::Config& config, const Load& load) {
    const auto late = base::parse_duration(load.late);
    if (!late.value) return fmt::print(stderr, "exit_mmap_reaper: --late: {}\n", late.error), 2;
    Bench bench(config, load);
    const auto [exit, reaper] = bench.run(*late.value);
    const u64 all = load.pages / load.mappings * load.mappings;
    tell("exit", exit, all - bench.reaped());
    tell("reaper", reaper, bench.reaped());
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    ::setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
    CLI::App app{"the OOM reaper beside exit_mmap over one address space: CPU time, spinning and pages of both"};
    std::vector<std::string> sets;
    Load load;
    app.add_option("--set", sets, "PATH=VALUE");
    app.add_option("--pages", load.pages, "of the address space")->check(CLI::Range(100, 1'000'000));
    app.add_option("--mappings", load.mappings, "of equal size")->check(CLI::Range(1, 10'000));
    app.add_option("--late", load.late, "the reaper begins so much later");
    CLI11_PARSE(app, argc, argv);
    const auto config = configuration("server", sets);
    return config ? measure(*config, load) : 2;
}

/// The library's own main is not used, but it refers to this.
int sc_main(int, char**) { return 0; }
