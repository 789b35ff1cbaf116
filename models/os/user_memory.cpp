// SPDX-License-Identifier: Apache-2.0
/// What processes do with their memory, and what others do with it, besides system calls of device files.
#include "os/kernel.h"

#include <algorithm>

namespace quiesce::os {

/// MODEL: under the mmap lock; from 6.4 on most take their mapping's own lock first.
sim::Task<FaultResult> Kernel::page_fault(KernelContext& ctx, Process& p, Va at, bool write) {
    co_await ctx.spend(config_.process.fault_entry.get(), p.name);
    const auto held = co_await ctx.sleep_on(p.mm->mmap_lock().read(), "mmap-lock", "mmap_lock");
    const FaultResult result = co_await p.mm->fault_in(ctx, at, write);
    co_return result;
}

/// Where a thread finds a byte of its own memory, behind a page fault if need be; nothing if that fails, or it dies.
sim::Task<std::optional<Spa>> Kernel::user_page(KernelContext& ctx, Process& p, Va at, bool write) {
    while (!p.dying() && (write ? !p.mm->writable(at) : !p.mm->place_of(at))) {
        const FaultResult result = co_await page_fault(ctx, p, at, write);
        if (result != FaultResult::Done) co_return std::nullopt;
    }
    co_return p.mm->place_of(at);
}

/// Page faults as the first thread takes them. A fault that fails for want of memory is taken again, until a signal ends
/// that (pagefault_out_of_memory).
sim::Task<bool> Kernel::touch(std::string name, u64 first_page, u64 pages) {
    Process& p = process(name);
    if (p.dying()) co_return false;
    const auto inside = co_await p.calls.read();
    KernelContext ctx(scheduler_, p.name + "/0");
    ctx.set_current(&p.task);
    co_await ctx.run();
    const Vma* const heap = p.mm->find("heap");
    if (heap != nullptr) co_await touch_pages(ctx, p, heap->start + first_page * page_size, pages);
    ctx.stop();
    co_return !p.dying() && heap != nullptr;
}

sim::Task<void> Kernel::touch_pages(KernelContext& ctx, Process& p, Va first, u64 pages) {
    for (u64 i = 0; i < pages && !p.dying();) {
        const Va at = first + i * page_size;
        if (p.mm->writable(at)) {
            co_await ctx.spend(config_.process.touch.get(), p.name);
            ++i;
            continue;
        }
        const FaultResult result = co_await page_fault(ctx, p, at, true);
        if (result == FaultResult::BadAddress) fatal_signal(p, "SIGSEGV", "a write to a page that is not mapped, or not for writing");
        if (result == FaultResult::NoMemory && !p.dying()) break; // nobody could be killed: Linux panics
    }
}

// ---- what a process asks for its pages ----------------------------------------------------------------------------------

sim::Task<bool> Kernel::with_heap(const std::string& name,
                                  std::function<sim::Task<bool>(KernelContext&, AddressSpace&, const Vma&)> body) {
    Process& p = process(name);
    return system_call(p, [&p, body](KernelContext& ctx) -> sim::Task<bool> {
        const Vma* const heap = p.mm->find("heap");
        if (heap == nullptr) co_return false;
        const Vma its = *heap;
        auto done = body(ctx, *p.mm, its);
        const bool result = co_await std::move(done);
        co_return result;
    });
}

sim::Task<bool> Kernel::mprotect(const std::string& name, u64 first_page, u64 pages, bool writable) {
    return with_heap(name, [=](KernelContext& ctx, AddressSpace& mm, const Vma& heap) -> sim::Task<bool> {
        co_await mm.mprotect(ctx, heap.start + first_page * page_size, pages, writable);
        co_return true;
    });
}

sim::Task<bool> Kernel::migrate(const std::string& name, u64 first_page, u64 pages, AddressSpace::Moved& moved) {
    return with_heap(name, [=, &moved](KernelContext& ctx, AddressSpace& mm, const Vma& heap) -> sim::Task<bool> {
        moved = co_await mm.migrate(ctx, heap.start + first_page * page_size, pages);
        co_return true;
    });
}

sim::Task<bool> Kernel::page_out(const std::string& name, u64 first_page, u64 pages, AddressSpace::Moved& moved) {
    return with_heap(name, [=, &moved](KernelContext& ctx, AddressSpace& mm, const Vma& heap) -> sim::Task<bool> {
        moved = co_await mm.page_out(ctx, heap.start + first_page * page_size, pages);
        co_return true;
    });
}

sim::Task<bool> Kernel::collapse(const std::string& name, u64& made) {
    return with_heap(name, [&made](KernelContext& ctx, AddressSpace& mm, const Vma& heap) -> sim::Task<bool> {
        for (Va at = heap.start.align_up(huge_size); at + huge_size <= heap.end(); at = at + huge_size) {
            const bool done = co_await mm.collapse(ctx, at);
            made += done;
        }
        co_return true;
    });
}

sim::Task<bool> Kernel::register_buffers(const std::string& name, u64 first_page, u64 pages) {
    Process& p = process(name);
    return with_heap(name, [this, &p, first_page, pages](KernelContext& ctx, AddressSpace& mm, const Vma& heap) -> sim::Task<bool> {
        const std::vector<PinnedPage> list = co_await mm.pin(ctx, heap.start + first_page * page_size, pages);
        for (const PinnedPage& page : list) events_.emit(PagePinned{no_bond, mm.id(), page.page, page.frame});
        p.registered.insert(p.registered.end(), list.begin(), list.end());
        co_return list.size() == pages;
    });
}

sim::Task<bool> Kernel::unregister_buffers(const std::string& name) {
    Process& p = process(name);
    return system_call(p, [&p](KernelContext& ctx) -> sim::Task<bool> {
        co_await p.mm->unpin(ctx, std::exchange(p.registered, {}));
        co_return true;
    });
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
