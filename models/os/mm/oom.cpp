// SPDX-License-Identifier: Apache-2.0
#include "os/mm/oom.h"

#include <algorithm>
#include <limits>

namespace quiesce::os {
namespace {
constexpr i64 unkillable = std::numeric_limits<i64>::min();
constexpr int never_kill = -1000; ///< OOM_SCORE_ADJ_MIN
/// What changed in oom_kill.c.
constexpr KernelVersion reaper_waits_since = KernelVersion::V5_18; // e4a38402c36e
constexpr KernelVersion mrelease_since = KernelVersion::V5_18;     // 884a7e5964e0, in 5.15
} // namespace

OomKiller::OomKiller(base::EventBus& events, Scheduler& scheduler, FrameAllocator& frames, const OomConfig& config,
                     KernelVersion kernel, const Bugs& bugs, Processes processes)
    : events_(events), scheduler_(scheduler), frames_(frames), config_(config), kernel_(kernel), bugs_(bugs),
      processes_(std::move(processes)) {
    const u64 users = config_.ram.get().bytes() / page_size;
    frames_.set_limit(users == 0 ? frames_.limit() : users, config_.reserve);
    frames_.set_swap(config_.swap);
    frames_.set_pressure(this);
}

// ---- the allocator's slow path --------------------------------------------------------------------------------------

/// __alloc_pages_slowpath: one round. MODEL: there is no page cache and no compaction: without swap reclaim finds nothing by
/// construction.
sim::Task<bool> OomKiller::make_room(KernelContext& ctx) {
    const CurrentTask* const current = ctx.current();
    const bool had_reserve = current != nullptr && current->oom_victim;
    const bool reclaimed = co_await reclaim(ctx);
    if (reclaimed) co_return true;
    co_await ctx.sleep_on(sim::delay(config_.jiffy.get()), "reclaim-throttle", "memory");
    if (frames_.has_room(current)) co_return true;
    bool progress = true;
    if (const sim::Lease held = lock_.try_lock()) {
        if (!frames_.has_room()) progress = co_await out_of_memory(ctx);
    } else { // somebody is killing for us
        co_await ctx.sleep_on(sim::delay(config_.jiffy.get()), "reclaim-throttle", "memory");
    }
    if (had_reserve) co_return false; // a victim that has nothing of the reserve either fails, and dies
    co_return progress;
}

sim::Task<bool> OomKiller::reclaim(KernelContext& ctx) {
    auto work = ctx.begin("reclaim");
    co_await ctx.spend(config_.reclaim.get(), "reclaim");
    const bool reclaimed = co_await swap_out(ctx);
    co_return reclaimed;
}

/// A cluster of pages, of the process that has most of them first. MODEL: by size, where Linux goes by what was used last.
sim::Task<bool> OomKiller::swap_out(KernelContext& ctx) {
    if (frames_.swap_left() == 0) co_return false;
    std::vector<Process*> by_size = processes_.all();
    std::erase_if(by_size, [](const Process* p) { return p->mm->dead() || p->mm->hidden(); });
    std::stable_sort(by_size.begin(), by_size.end(), [](const Process* a, const Process* b) { return a->mm->present_pages() > b->mm->present_pages(); });
    u64 done = 0;
    for (const Process* p : by_size) {
        AddressSpace& mm = *p->mm;
        if (done >= config_.cluster || mm.dead()) continue;
        mm.mmgrab(); // pages are found by their reverse mappings, which need no user of the address space
        const u64 more = co_await mm.reclaim(ctx, config_.cluster - done, &p->task == ctx.current());
        done += more;
        mm.mmdrop();
    }
    co_return done > 0;
}

// ---- whom to kill ---------------------------------------------------------------------------------------------------

/// task_will_free_mem: it is dying, and so is everybody who has its address space.
bool OomKiller::will_free(const Process& p) const {
    if (p.alive == 0 || !p.dying() || p.mm->hidden()) return false;
    const auto all = processes_.all();
    return std::all_of(all.begin(), all.end(), [&](const Process* q) { return q->mm != p.mm || q->alive == 0 || q->dying(); });
}

/// oom_badness: pages and tables; oom_score_adj counts in thousandths of what there is.
i64 OomKiller::badness(const Process& p) const {
    if (p.alive == 0 || p.oom_score_adj == never_kill || p.mm->hidden()) return unkillable;
    const auto total = static_cast<i64>(frames_.limit());
    return static_cast<i64>(p.mm->present_pages() + p.mm->swapped_pages() + p.mm->table_pages()) + p.oom_score_adj * (total / 1000);
}

/// select_bad_process: as long as a victim may still give its memory back, nobody else is chosen.
OomKiller::Choice OomKiller::choose(Process*& chosen) const {
    i64 most = unkillable;
    chosen = nullptr;
    for (Process* p : processes_.all()) {
        if (p->oom_mm != nullptr) {
            if (!p->oom_mm->hidden()) return Choice::Wait;
            continue;
        }
        const i64 points = badness(*p);
        if (points == unkillable || points < most) continue;
        most = points;
        chosen = p;
    }
    return chosen == nullptr ? Choice::None : Choice::Somebody;
}

/// It is dying and cannot be chosen, or has no mm any more (exit_mm), but what it had comes back: exit_mmap is under way, or
/// somebody has the address space who does not wait for memory himself. Page faults of devices may: each worker has it
/// (iommu_sva_handle_mm), and whoever would free the pages waits for them; where they have not (do_fault of AMD's first
/// driver), exit_mmap's release does.
bool OomKiller::on_its_way(const Process& p) const {
    const AddressSpace& mm = *p.mm;
    const auto all = processes_.all();
    if (std::any_of(all.begin(), all.end(), [&mm](const Process* q) { return q->mm == &mm && q->alive > 0 && !q->dying(); })) return false;
    const unsigned waiting = frames_.waiting(mm.id());
    return p.alive > 0 || (mm.exiting() && waiting == 0) || mm.users() > waiting;
}

/// No process can be chosen. MODEL: what is not in a scenario does not run on the machine. On one with other processes Linux
/// kills those meanwhile, and without any it panics, memory on its way or not; here whoever waits looks again.
bool OomKiller::nobody(const KernelContext& ctx) const {
    const auto all = processes_.all();
    const bool comes = frames_.has_room() || std::any_of(all.begin(), all.end(), [this](const Process* p) { return on_its_way(*p); });
    const auto stuck = std::find_if(all.begin(), all.end(), [this](const Process* p) { return p->alive == 0 && frames_.waiting(p->mm->id()) > 0; });
    events_.emit(OomFoundNobody{ctx.name(), comes});
    if (comes) return true;
    std::string why = "memory: no process is left to be killed";
    if (stuck != all.end()) why += ", and whoever waits for a page of " + (*stuck)->name + " keeps what it had from being freed";
    events_.emit(OsViolation{"deadlock", base::Name{why}, BondId{}});
    return false;
}

/// Under oom_lock. False: there is nobody to kill, and nothing comes back.
sim::Task<bool> OomKiller::out_of_memory(KernelContext& ctx) {
    auto work = ctx.begin("oom-kill");
    co_await ctx.spend(config_.choose.get(), "oom");
    const auto all = processes_.all();
    const auto itself = std::find_if(all.begin(), all.end(), [&](const Process* p) { return &p->task == ctx.current(); });
    if (itself != all.end() && will_free(**itself)) { // it may have of the reserve, and then it dies
        if ((*itself)->oom_mm == nullptr) kill(ctx, **itself, true);
        co_return true;
    }
    Process* victim = nullptr;
    const Choice choice = choose(victim);
    if (choice == Choice::Somebody) kill(ctx, *victim, will_free(*victim));
    if (choice == Choice::None) co_return nobody(ctx);
    co_return true;
}

/// __oom_kill_process: SIGKILL before the mark, so that nobody has of the reserve who goes on running.
void OomKiller::kill(KernelContext& ctx, Process& victim, bool already_dying) {
    processes_.kill(victim, ctx.last_span());
    mark(ctx, victim, already_dying);
    if (!already_dying)
        for (Process* p : processes_.all()) // other thread groups that have its address space; they get no reserve
            if (p != &victim && p->mm == victim.mm && p->alive > 0) processes_.kill(*p, ctx.last_span());
    queue(victim);
}

/// mark_oom_victim: signal_struct::oom_mm keeps the mm_struct, the pgd and the PASID until the task_struct goes.
void OomKiller::mark(KernelContext& ctx, Process& victim, bool already_dying) {
    u64 held = 0;
    std::vector<const AddressSpace*> earlier;
    for (const Process* p : processes_.all()) {
        if (p->oom_mm == nullptr || p->oom_mm == victim.mm) continue;
        if (std::find(earlier.begin(), earlier.end(), p->oom_mm) != earlier.end()) continue;
        earlier.push_back(p->oom_mm);
        held += p->oom_mm->present_pages();
    }
    victim.oom_mm = victim.mm;
    victim.mm->mmgrab();
    victim.task.oom_victim = true;
    events_.emit(OomVictimMarked{victim.name, victim.mm->id(), ctx.name(), badness(victim), victim.mm->present_pages(),
                                 victim.mm->table_pages(), already_dying, held,
                                 held > 0 && frames_.left() + held >= frames_.needed(nullptr)});
}

// ---- the reaper -----------------------------------------------------------------------------------------------------

/// queue_oom_reaper: its timer holds the task_struct.
void OomKiller::queue(Process& victim) {
    if (!victim.oom_mm->queue_reap()) return;
    ++victim.task_references;
    if (kernel_ >= reaper_waits_since) sim::spawn(after_delay(victim));
    else wake(victim);
}

sim::Task<void> OomKiller::after_delay(Process& victim) {
    co_await sim::delay(config_.delay.get());
    if (victim.oom_mm->hidden()) processes_.put(victim); // it has managed to die by itself
    else wake(victim);
}

void OomKiller::wake(Process& victim) {
    list_.insert(list_.begin(), &victim);
    if (!std::exchange(awake_, true)) sim::spawn(reaper());
}

/// The kthread oom_reaper, as long as somebody is in its list.
sim::Task<void> OomKiller::reaper() {
    KernelContext ctx(scheduler_, "oom_reaper");
    {
        auto wait = ctx.begin_wait("schedule", "cpu");
        co_await sim::delay(scheduler_.config().wake_up.get());
        co_await ctx.run();
    }
    while (!list_.empty()) {
        Process& victim = *list_.front();
        list_.erase(list_.begin());
        co_await reap(ctx, victim);
    }
    awake_ = false;
    ctx.stop();
}

/// oom_reap_task. Whatever came of it, the OOM killer goes on to the next.
sim::Task<void> OomKiller::reap(KernelContext& ctx, Process& victim) {
    AddressSpace& mm = *victim.oom_mm;
    const u64 most = bugs_.has(Bug::R21) ? 1 : config_.tries.get();
    u64 tries = 0;
    bool done = false;
    while (!done && tries < most) {
        if (tries > 0) co_await ctx.sleep_on(sim::delay(config_.nap.get()), "oom-nap", victim.name);
        ++tries;
        const OomReap how = co_await try_to_reap(ctx, mm);
        done = how == OomReap::Reaped || how == OomReap::Gone;
    }
    mm.hide();
    events_.emit(OomVictimHidden{mm.id(), tries, !done});
    processes_.put(victim);
}

/// oom_reap_task_mm.
sim::Task<OomReap> OomKiller::try_to_reap(KernelContext& ctx, AddressSpace& mm) {
    OomReap how = OomReap::Busy;
    if (const sim::RwLock::Held held = mm.mmap_lock().try_read()) {
        how = OomReap::Gone;
        if (!mm.hidden()) {
            auto work = ctx.begin("oom-reap");
            const bool all = co_await mm.reap(ctx, config_.backwards);
            how = all ? OomReap::Reaped : OomReap::Refused;
        }
    }
    events_.emit(OomReapTried{mm.id(), ctx.name(), how});
    co_return how;
}

sim::Task<OomKiller::Release> OomKiller::release(KernelContext& ctx, Process& p) {
    if (kernel_ < mrelease_since) co_return Release::NoCall;
    if (p.alive == 0) co_return Release::NoProcess;
    AddressSpace& mm = *p.mm;
    if (!will_free(p)) co_return mm.hidden() ? Release::Done : Release::NotDying;
    mm.mmgrab();
    OomReap how = OomReap::Gone;
    {
        auto held = co_await ctx.sleep_on(mm.mmap_lock().read(), "mmap-lock", "mmap_lock");
        if (!mm.hidden()) {
            auto work = ctx.begin("oom-reap");
            const bool all = co_await mm.reap(ctx, false);
            how = all ? OomReap::Reaped : OomReap::Refused;
        }
    }
    events_.emit(OomReapTried{mm.id(), ctx.name(), how});
    mm.mmdrop();
    co_return how == OomReap::Refused ? Release::Again : Release::Done;
}

} // namespace quiesce::os
