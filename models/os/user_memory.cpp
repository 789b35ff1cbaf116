// SPDX-License-Identifier: Apache-2.0
/// What processes do with their memory, and what others do with it, besides system calls of device files.
#include "os/kernel.h"

#include <algorithm>

namespace quiesce::os {

/// Page faults as the first thread takes them. MODEL: under the mmap lock; from 6.4 on most take their mapping's own lock
/// first. A fault that fails for want of memory is taken again, until a signal ends that (pagefault_out_of_memory).
sim::Task<bool> Kernel::touch(std::string name, u64 first_page, u64 pages) {
    Process& p = process(name);
    if (p.dying()) co_return false;
    const auto inside = co_await p.calls.read();
    KernelContext ctx(scheduler_, p.name + "/0");
    ctx.set_current(&p.task);
    co_await ctx.run();
    const Vma* const heap = p.mm->find("heap");
    const Va first = heap == nullptr ? Va{} : heap->start + first_page * page_size;
    for (u64 i = 0; i < pages && !p.dying() && heap != nullptr;) {
        const Va at = first + i * page_size;
        if (p.mm->place_of(at)) {
            co_await ctx.spend(config_.process.touch.get(), p.name);
            ++i;
            continue;
        }
        co_await ctx.spend(config_.process.fault_entry.get(), p.name);
        FaultResult result = FaultResult::Done;
        {
            const auto held = co_await ctx.sleep_on(p.mm->mmap_lock().read(), "mmap-lock", "mmap_lock");
            result = co_await p.mm->fault_in(ctx, at);
        }
        if (result == FaultResult::BadAddress) fatal_signal(p); // SIGSEGV
        if (result == FaultResult::NoMemory && !p.dying()) break; // nobody could be killed: Linux panics
    }
    ctx.stop();
    co_return !p.dying() && heap != nullptr;
}

sim::Task<void> Kernel::sleep_in_kernel(std::string name, unsigned thread, sim::Duration d) {
    Process& p = process(name);
    if (p.dying()) co_return;
    const auto asleep = co_await p.asleep[thread].read();
    KernelContext ctx(scheduler_, p.name + "/" + std::to_string(thread));
    co_await ctx.run();
    co_await ctx.sleep_on(sim::delay(d), "uninterruptible", "scenario");
    ctx.stop();
}

// ---- user pointers --------------------------------------------------------------------------------------------------

/// amdgpu_hmm_invalidate_gfx: a wait for the fences of whatever the GPU does with those pages.
sim::Task<bool> UserPointers::invalidate(KernelContext& ctx, bool may_block) {
    if (!may_block) co_return false;
    co_await ctx.sleep_on(sim::delay(takes), "user-pointers", "gpu");
    co_return true;
}

/// MODEL: the notifier stays until its address space goes; no GPU that is modelled uses such pages.
sim::Task<bool> Kernel::register_user_pointers(const std::string& name, u64 first_page, u64 pages, sim::Duration takes) {
    Process& p = process(name);
    return system_call(p, [&p, first_page, pages, takes](KernelContext& ctx) -> sim::Task<bool> {
        const Vma* const heap = p.mm->find("heap");
        if (heap == nullptr) co_return false;
        auto held = co_await ctx.sleep_on(p.mm->mmap_lock().write(), "mmap-lock", "mmap_lock");
        auto made = std::make_unique<UserPointers>();
        made->first = heap->start + first_page * page_size;
        made->bytes = pages * page_size;
        made->takes = takes;
        p.mm->range_notifier_register(*made);
        p.user_pointers.push_back(std::move(made));
        co_return true;
    });
}

// ---- process_mrelease -----------------------------------------------------------------------------------------------

sim::Task<OomKiller::Release> Kernel::mrelease(std::string name) {
    KernelContext ctx(scheduler_, "mrelease/" + name);
    co_await ctx.run();
    co_await ctx.spend(config_.process.system_call.get(), name);
    auto released = oom_.release(ctx, process(name));
    const OomKiller::Release how = co_await std::move(released);
    ctx.stop();
    co_return how;
}

} // namespace quiesce::os
