// SPDX-License-Identifier: Apache-2.0
/// The OOM killer and its reaper (linux: mm/oom_kill.c; facts/linux-sva.md 10): what happens when an allocation finds no
/// memory, whom it costs his life, and who takes a victim's pages when the victim itself does not get to it.
#pragma once
#include "os/process.h"

#include <functional>
#include <vector>

namespace quiesce::os {

struct OomConfig {
    using P = base::Provenance;
    base::Param<base::Size> ram{base::Size{0}, "RAM that processes may have together, their page tables included; 0: all there is",
                                base::at_most(base::Size{u64{1} << 50}), P::Guess,
                                "how scenarios come to the end of memory soon"};
    base::Param<unsigned> reserve{16, "pages that are kept back; half of them are for victims of the OOM killer",
                                  base::between(0, 1'000'000), P::Guess,
                                  "linux: init_per_zone_wmark_min, 4 * sqrt(kB of RAM) kB; __zone_watermark_ok for the half"};
    base::Param<u64> swap{0, "pages of swap space; 0: none", base::at_most(u64{1} << 40), P::Guess, "none: servers of accelerators have little"};
    base::Param<unsigned> cluster{32, "pages that one pass of direct reclaim is content with", base::between(1, 4096), P::Kernel,
                                  "linux: SWAP_CLUSTER_MAX"};
    base::Param<base::Latency> reclaim{50_us, "a pass of direct reclaim, but for writing pages to swap", P::Guess,
                                       "a pass over lists of a few thousand pages"};
    base::Param<base::Latency> jiffy{4_ms, "an allocation sleeps so long after reclaim found nothing, or when another one is killing",
                                     base::at_least(1_us), P::Kernel,
                                     "linux: reclaim_throttle and __alloc_pages_may_oom, 1 jiffy; Debian has HZ=250"};
    base::Param<base::Latency> choose{20_us, "the OOM killer looks at every process and chooses", P::Guess, "a list under RCU"};
    base::Param<base::Latency> delay{2_s, "from a victim's mark until the reaper looks at it, on kernels from 5.18 on; before, at once", P::Kernel,
                                     "linux: OOM_REAPER_DELAY, 2 * HZ (oom_kill.c: delay the OOM reaper to allow time for proper futex cleanup)"};
    base::Param<unsigned> tries{10, "how often the reaper tries a victim", base::between(1, 1000), P::Kernel, "linux: MAX_OOM_REAP_RETRIES"};
    base::Param<base::Latency> nap{100_ms, "between two tries", base::at_least(1_us), P::Kernel, "linux: oom_reap_task, HZ/10"};
    base::Param<bool> backwards{false, "the reaper goes over the mappings from the last one to the first, while the exit goes from the first to the last", P::Kernel,
                                "no release; the patch of zhongjinji, linux-mm, 2025-09"};
};
DESCRIBE(OomConfig, ram, reserve, swap, cluster, reclaim, jiffy, choose, delay, tries, nap, backwards)
static_assert(base::fully_described<OomConfig>);

class OomKiller final : public MemoryPressure {
public:
    /// What it needs of the kernel.
    struct Processes {
        std::function<std::vector<Process*>()> all;        ///< in the order of their birth, without those that were reaped
        std::function<void(Process&, u64 span)> kill;      ///< SIGKILL; one that is dying already is told why, too
        std::function<void(Process&)> put;                 ///< drops a reference to its task_struct
    };
    OomKiller(base::EventBus& events, Scheduler& scheduler, FrameAllocator& frames, const OomConfig& config,
              KernelVersion kernel, const Bugs& bugs, Processes processes);
    OomKiller(const OomKiller&) = delete;

    sim::Task<bool> make_room(KernelContext& ctx) override;
    sim::Task<bool> reclaim(KernelContext& ctx) override;
    /// process_mrelease of a dying process.
    enum class Release : u8 { Done, Again, NotDying, NoProcess, NoCall };
    sim::Task<Release> release(KernelContext& ctx, Process& p);

private:
    enum class Choice : u8 { None, Somebody, Wait };
    sim::Task<bool> swap_out(KernelContext& ctx);
    bool will_free(const Process& p) const;
    bool on_its_way(const Process& p) const;
    bool nobody(const KernelContext& ctx) const;
    i64 badness(const Process& p) const;
    Choice choose(Process*& chosen) const;
    sim::Task<bool> out_of_memory(KernelContext& ctx);
    void kill(KernelContext& ctx, Process& victim, bool already_dying);
    void mark(KernelContext& ctx, Process& victim, bool already_dying);
    void queue(Process& victim);
    sim::Task<void> after_delay(Process& victim);
    void wake(Process& victim);
    sim::Task<void> reaper();
    sim::Task<void> reap(KernelContext& ctx, Process& victim);
    sim::Task<OomReap> try_to_reap(KernelContext& ctx, AddressSpace& mm);

    base::EventBus& events_;
    Scheduler& scheduler_;
    FrameAllocator& frames_;
    OomConfig config_;
    KernelVersion kernel_;
    const Bugs& bugs_;
    Processes processes_;
    sim::Mutex lock_;
    std::vector<Process*> list_; ///< victims to be reaped; the latest goes first
    bool awake_ = false;
};

} // namespace quiesce::os
