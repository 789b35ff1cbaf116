// SPDX-License-Identifier: Apache-2.0
/// How files and processes go (facts/linux-sva.md 1.2).
#include "os/kernel.h"

#include <algorithm>

namespace quiesce::os {

// ---- files ----------------------------------------------------------------------------------------------------------

sim::Task<void> Kernel::fput(KernelContext& ctx, std::shared_ptr<File> file) {
    {
        const bool releases = file->references == 1 && !file->bonds.empty();
        auto work = ctx.begin("close-files", releases ? file->bonds.front()->id : no_bond);
        co_await ctx.spend(config_.process.close_file.get(), ctx.name());
    }
    if (--file->references > 0) co_return;
    if (file->device.releases_in_worker()) sim::spawn(release_in_worker(file, ctx.last_span()));
    else co_await release_file(ctx, *file);
}

/// kfd_process_wq: stopping may take long, and whoever dies does not wait for it (facts/linux-sva.md 11.3). MODEL: amdkfd
/// queues the work from a notifier of its own, whoever holds the file; here the last close does.
sim::Task<void> Kernel::release_in_worker(std::shared_ptr<File> file, u64 begun_by) {
    ++releasing_;
    const u64 number = ++last_release_;
    releases_.insert(number);
    std::string name = "kworker/" + std::string{file->device.name().text()};
    if (!file->bonds.empty()) name += "/" + std::string{file->bonds.front()->process.text()}; // several may work at once
    KernelContext ctx(scheduler_, name, begun_by);
    {
        auto wait = ctx.begin_wait("schedule", "cpu");
        co_await ctx.run();
    }
    co_await release_file(ctx, *file);
    last_release_span_ = ctx.last_span();
    ctx.stop();
    --releasing_;
    releases_.erase(number);
    release_over_.notify_all();
}

/// kfd_create_process: flush_workqueue, whoever's releases they are. What is queued later is not waited for.
sim::Task<void> Kernel::flush_releases(KernelContext& ctx, base::Name device) {
    const u64 upto = last_release_;
    const std::function<u64()> last_one = [this] { return last_release_span_; };
    while (!releases_.empty() && *releases_.begin() <= upto) co_await ctx.sleep_on(release_over_.wait(), "flush-work", device, last_one);
}

/// ____fput -> the driver's release: stop the device, then unbind. It waits for the driver's worker, if that does it.
sim::Task<void> Kernel::release_file(KernelContext& ctx, File& file) {
    file.released = true;
    for (Bond* b : std::vector<Bond*>(file.bonds)) {
        if (b->has_worker) co_await ctx.sleep_on(b->worker_over.wait(), "flush-work", file.device.name());
        if (b->life.state() != BondState::Unbound && pasid_is_held(b->mm)) co_await sva_.park(ctx, *b); // nobody is told
        else co_await end_bond(ctx, *b);
    }
    file.bonds.clear();
}

/// What does not stop in time is reset, whoever else works there, unless the driver goes on regardless by design. R20: every
/// driver does.
sim::Task<void> Kernel::stop_device(KernelContext& ctx, Bond& bond) {
    const bool idle = co_await bond.device.stop(ctx, bond);
    bond.stopped = idle;
    if (!idle && bond.device.resets_what_hangs() && !has_bug(Bug::R20)) co_await bond.device.reset(ctx);
}

/// Stop, then unbind; once for each time it was bound if it was parked.
sim::Task<void> Kernel::end_bond(KernelContext& ctx, Bond& b) {
    const bool stop = b.life.state() != BondState::Unbound && !b.stopped;
    if (stop && !has_bug(Bug::R17)) co_await stop_device(ctx, b);
    do co_await sva_.unbind(ctx, b);
    while (b.parked && b.life.state() != BondState::Unbound);
    if (stop && has_bug(Bug::R17)) co_await stop_device(ctx, b); // when its PASID may be somebody else's
    let_go(b);
}

/// The driver forgets a bond that is gone.
void Kernel::let_go(Bond& b) {
    if (b.life.state() == BondState::Unbound && !std::exchange(b.let_go, true)) b.device.released(b);
}

/// What a driver does that was informed of an mm's death (notify-unbind): not in the release, which must not wait for the
/// device.
sim::Task<void> Kernel::unbind_in_worker(Bond& b, u64 begun_by) {
    ++releasing_;
    b.has_worker = true;
    KernelContext ctx(scheduler_, "kworker/" + std::string{b.device.name().text()} + "/" + std::string{b.process.text()}, begun_by);
    {
        auto wait = ctx.begin_wait("schedule", "cpu");
        co_await sim::delay(scheduler_.config().wake_up.get());
        co_await ctx.run();
    }
    if (!b.stopped) co_await stop_device(ctx, b);
    while (b.life.state() != BondState::Unbound) co_await sva_.unbind(ctx, b); // as often as it was bound
    let_go(b);
    b.worker_over.set();
    ctx.stop();
    --releasing_;
}

// ---- death (facts 1.2) ----------------------------------------------------------------------------------------------

sim::Task<void> Kernel::kill(std::string name) { co_await die(process(name), "kill", config_.process.signal.get()); }
sim::Task<void> Kernel::exit(std::string name) { co_await die(process(name), "exit", sim::Duration{}); }

void Kernel::begin_dying(Process& p, base::Name what, sim::Duration delay, u64 span) {
    p.death = what;
    ++dying_;
    p.task.dying = true;
    events_.emit(ProcessChanged{p.name, p.mm->id(), "dying"});
    trigger(p, what, true, "", span);
    for (const auto& s : p.submitters) s->changed.notify_all();
    for (unsigned t = 0; t < p.threads; ++t) sim::spawn(do_exit(p, t, delay));
}

sim::Task<void> Kernel::die(Process& p, base::Name what, sim::Duration delay) {
    if (p.dying()) co_return;
    begin_dying(p, what, delay, 0);
    co_await p.zombie.wait();
}

/// The OOM killer's SIGKILL. Of one that is dying already it is another reason.
void Kernel::kill_for_memory(Process& p, u64 span) {
    if (p.dying()) trigger(p, "oom-victim", true, "", span);
    else begin_dying(p, "oom-victim", config_.process.signal.get(), span);
}

sim::Task<void> Kernel::do_exit(Process& p, unsigned thread, sim::Duration delay) {
    KernelContext ctx(scheduler_, p.name + "/" + std::to_string(thread));
    if (delay != sim::Duration{}) {
        auto signal = ctx.begin_wait("signal-delivery", "cpu");
        co_await sim::jittery_delay(delay, ctx.name().text());
    }
    if (const auto sleeping = p.asleep.find(thread); sleeping != p.asleep.end() && sleeping->second.readers() > 0) {
        auto wait = ctx.begin_wait("uninterruptible", "scenario");
        auto woken = co_await sleeping->second.write();
    }
    if (thread == 0 && !p.calls.try_write()) {
        auto wait = ctx.begin_wait("system-call", p.name);
        auto left = co_await p.calls.write();
    }
    {
        auto wait = ctx.begin_wait("schedule", "cpu");
        co_await ctx.run();
    }
    ctx.set_current(&p.task);
    {
        auto work = ctx.begin("exit-signals");
        co_await ctx.spend(config_.process.exit_signals.get(), p.name);
    }
    if (--p.alive == 0) p.portals.clear(); // exit_mmap
    if (era_.lazy_tlb) lazy_tlb_.borrow(ctx.cpu(), *p.mm);
    const bool last = co_await p.mm->mmput(ctx);
    events_.emit(MmputReturned{p.name, p.mm->id(), last, ctx.last_span()});
    if (--p.leaving == 0) {
        co_await exit_files(ctx, p);
        co_await task_work(ctx, p);
        events_.emit(ProcessChanged{p.name, p.mm->id(), "zombie"});
        --dying_;
        if (p.mm->count() > 0) left_.push_back(p.mm);
        p.zombie.set();
        if (p.oom_mm != nullptr) sim::spawn(reap_zombie(p));
    }
    ctx.stop();
}

/// wait4 of its parent: release_task. Of other processes it would change nothing here.
sim::Task<void> Kernel::reap_zombie(Process& p) {
    co_await sim::delay(config_.process.reaped_after.get());
    p.reaped = true;
    events_.emit(ProcessChanged{p.name, p.mm->id(), "reaped"});
    put_task(p);
}

/// The last one drops what signal_struct::oom_mm holds.
void Kernel::put_task(Process& p) {
    if (--p.task_references == 0 && p.oom_mm != nullptr) p.oom_mm->mmdrop();
}

std::vector<Process*> Kernel::by_birth() const {
    std::vector<Process*> all;
    for (const auto& [name, p] : processes_)
        if (!p->reaped) all.push_back(p.get());
    std::sort(all.begin(), all.end(), [](const Process* a, const Process* b) { return a->number < b->number; });
    return all;
}

/// exit_files queues the releases as task work; exit_task_work runs them, in the order of the descriptors.
sim::Task<void> Kernel::exit_files(KernelContext& ctx, Process& p) {
    for (auto file : std::exchange(p.files, {})) co_await fput(ctx, file);
    co_await p.mm->unpin(ctx, std::exchange(p.registered, {})); // io_uring's file was among them
}

} // namespace quiesce::os
