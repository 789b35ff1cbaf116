// SPDX-License-Identifier: Apache-2.0
/// How a process comes to an address space that is not its own alone, gets another one, and what mappings of files hold
/// (facts/linux-sva.md 1.1, 1.2).
#include "os/kernel.h"

#include <algorithm>

namespace quiesce::os {

/// MODEL: neither signals nor descriptors are shared: each dies by itself, and the address space with the last of them.
void Kernel::clone(const std::string& parent, const std::string& child) {
    AddressSpace& mm = *process(parent).mm;
    mm.mmget();
    share_files(process(parent), new_process(child, mm, 1));
}

// ---- exec -----------------------------------------------------------------------------------------------------------

/// begin_new_exec: the other threads die (de_thread), then the old address space is let go of (exec_mmap): its release comes
/// while the descriptors, and with them the bonds, are still there.
sim::Task<bool> Kernel::exec(std::string name, u64 heap_pages, bool close_files) {
    Process& p = process(name);
    auto threads = system_call(p, [this, &p](KernelContext& ctx) -> sim::Task<bool> {
        for (const auto& s : std::vector<std::shared_ptr<Submitter>>(p.submitters)) co_await end_submitting(ctx, p, s->device);
        for (auto& [thread, asleep] : p.asleep) auto woken = co_await ctx.sleep_on(asleep.write(), "uninterruptible", "scenario");
        co_return true;
    });
    const bool ended = co_await std::move(threads);
    if (!ended) co_return false;
    const auto others = co_await p.calls.write(); // a thread dies when the call that it is in is over
    if (p.dying()) co_return false;
    KernelContext ctx(scheduler_, p.name + "/0");
    ctx.set_current(&p.task);
    co_await ctx.run();
    const bool room = co_await guests_.memory_of(p.mm->guest()).wait_for_room(ctx, p.mm->id()); // bprm_mm_init: ENOMEM, and the process goes on as it was
    if (!room || p.dying()) {
        ctx.stop();
        co_return false;
    }
    trigger(p, "exec", true, "", ctx.last_span());
    co_await ctx.spend(config_.process.exec.get(), p.name);
    const bool dies = p.dying();
    if (!dies) co_await exec_mmap(ctx, p, heap_pages, close_files);
    ctx.stop();
    co_return !dies;
}

sim::Task<void> Kernel::exec_mmap(KernelContext& ctx, Process& p, u64 heap_pages, bool close_files) {
    AddressSpace& old = *p.mm;
    co_await old.unpin(ctx, std::exchange(p.registered, {})); // io_uring_task_cancel
    const unsigned others = std::exchange(p.threads, 1) - 1;
    p.alive = p.leaving = 1;
    p.pasid_registers.assign(1, {});
    p.portals.clear();
    p.mapped.clear();
    const bool at_once = has_frames({.pages = heap_pages}, old.guest());
    p.mm = &new_mm(p.name, {.pages = heap_pages, .present = at_once ? heap_pages : 0}, architecture_, old.guest(), at_once ? stack_pages : 0);
    events_.emit(ProcessChanged{p.name, p.mm->id(), "running"});
    for (unsigned t = 0; t < others; ++t) co_await old.mmput(ctx);
    const bool last = co_await old.mmput(ctx);
    events_.emit(MmputReturned{p.name, old.id(), last, ctx.last_span()});
    if (old.count() > 0) left_.push_back(&old);
    if (close_files) co_await exit_files(ctx, p);
    co_await task_work(ctx, p);
    if (!at_once) co_await populate(ctx, p, heap_pages); // the old address space has gone, if nobody else has it
}

// ---- mappings of files ----------------------------------------------------------------------------------------------

/// The driver's mmap; fput comes with remove_vma, and what it calls when the task returns to user space or exits. Where no
/// task is left to do it, a worker does (delayed_fput).
sim::Task<bool> Kernel::mmap_file(const std::string& name, const std::string& device) {
    Process& p = process(name);
    return system_call(p, [this, &p, device](KernelContext& ctx) -> sim::Task<bool> {
        const std::shared_ptr<File> file = file_of(p, device);
        if (file == nullptr) co_return false;
        auto held = co_await ctx.sleep_on(p.mm->mmap_lock().write(), "mmap-lock", "mmap_lock");
        ++file->references;
        p.mapped.push_back(file);
        p.mm->on_remove([this, file](KernelContext& by) {
            const auto its = [&](const auto& row) { return &row.second->task == by.current(); };
            const auto found = std::find_if(processes_.begin(), processes_.end(), its);
            if (found != processes_.end()) found->second->task_work.push_back(file);
            else sim::spawn(delayed_fput(file));
        });
        co_return true;
    });
}

sim::Task<void> Kernel::task_work(KernelContext& ctx, Process& p) {
    for (auto file : std::exchange(p.task_work, {})) co_await fput(ctx, file);
}

sim::Task<void> Kernel::delayed_fput(std::shared_ptr<File> file) {
    ++releasing_;
    co_await sim::delay(config_.process.delayed_fput.get());
    KernelContext ctx(scheduler_, "kworker/delayed_fput");
    co_await ctx.run();
    co_await fput(ctx, file);
    ctx.stop();
    --releasing_;
}

} // namespace quiesce::os
