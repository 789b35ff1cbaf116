// SPDX-License-Identifier: Apache-2.0
/// How pages go: at exit_mmap, at munmap, and when the OOM reaper takes them (facts/linux-sva.md 1.2, 10).
#include "os/mm/address_space.h"

#include <algorithm>

namespace quiesce::os {

// ---- exit_mmap, in its phases (facts 1.2) ---------------------------------------------------------------------------

sim::Task<void> AddressSpace::exit_mmap(KernelContext& ctx) {
    co_await notifier_release(ctx);
    {
        auto held = co_await ctx.sleep_on(mmap_lock_.read(), "mmap-lock", "mmap_lock");
        co_await unmap_vmas(ctx);
    }
    hidden_ = true; // MMF_OOM_SKIP: nothing is left to be taken
    {
        auto held = co_await ctx.sleep_on(mmap_lock_.write(), "mmap-lock", "mmap_lock");
        co_await free_pgtables(ctx);
        for (const auto& f : std::exchange(removed_, {})) f(ctx);
    }
    vmas_.clear();
    ctx.events().emit(ExitMmapReturned{id_, ctx.last_span()});
}

/// Every release in turn, inside an SRCU section; pages go only after the grace period that follows. A notifier stays linked
/// until its release has returned, and gets no invalidation afterwards: release itself must have stopped all walks.
sim::Task<void> AddressSpace::notifier_release(KernelContext& ctx) {
    co_await tell_range(ctx, Va{}, ~u64{0}, true);
    range_notifiers_.clear();
    if (notifiers_.empty()) co_return;
    for (MmuNotifier* n : std::vector<MmuNotifier*>(notifiers_))
        if (linked(*n)) co_await n->release(ctx, *this);
    notifiers_.clear(); // each still owns its mm_count until it is put
    co_await ctx.sleep_on(sim::delay(config_.srcu.get()), "synchronize-srcu", "srcu");
}

/// One entry, of 4 KiB or of 2 MiB.
sim::Task<void> AddressSpace::zap(KernelContext& ctx, Va page) {
    co_await ctx.store(entry_of(page), 0);
    const u64 count = pages_.at(page.page_number()).huge ? huge_pages : 1;
    for (u64 i = 0; i < count; ++i) frames_.ledger().frame_unmapped(pages_.at(page.page_number() + i).frame, id_);
}

/// The page's entry goes, and what it led to is gathered.
sim::Task<u64> AddressSpace::zap_next(KernelContext& ctx, u64 number, Gathered& gathered) {
    const Page p = pages_.at(number);
    const u64 count = p.huge ? huge_pages : 1;
    co_await ctx.spend(config_.unmap_page.get(), name_);
    co_await zap(ctx, Va{number << page_shift});
    pages_.erase(pages_.find(number), pages_.lower_bound(number + count));
    (p.huge ? gathered.blocks : gathered.frames).push_back(p.frame);
    if (p.huge) deposited_.erase(number); // the table stays among the others
    gathered.first = std::min(gathered.first, number);
    gathered.end = number + count;
    co_return count;
}

sim::Task<void> AddressSpace::free_gathered(KernelContext& ctx, Gathered& gathered) {
    co_await ctx.barrier(); // the cleared entries are visible before a page can be somebody else's
    for (Spa f : gathered.frames) {
        co_await ctx.spend(config_.free_page.get(), name_);
        frames_.give(f, id_);
    }
    for (Spa block : gathered.blocks) {
        co_await ctx.spend(config_.free_page.get(), name_);
        for (u64 i = 0; i < huge_pages; ++i) frames_.give(block + i * page_size, id_);
    }
    gathered = {};
}

/// A spinlock: whoever waits for it keeps its CPU.
sim::Task<sim::Lease> AddressSpace::lock_table(KernelContext& ctx, u64 page_number) {
    sim::Mutex& lock = table_locks_[page_number >> 9];
    sim::Lease held = lock.try_lock();
    if (held) co_return held;
    auto wait = ctx.begin_wait("pte-lock", "pte_lock");
    const sim::Time since = sim::now();
    sim::Lease waited = co_await lock.lock();
    table_lock_waited_ += sim::now() - since;
    co_return waited;
}

/// zap_pte_range over [from, to): one table after the other, each under its lock, until the gather is full; pages are freed
/// without it. Somebody else may do the same: who comes second finds less.
sim::Task<u64> AddressSpace::unmap_pages(KernelContext& ctx, u64 from, u64 to, Flush flush) {
    Gathered gathered;
    const u64 first = from;
    u64 taken = 0;
    for (auto next = pages_.lower_bound(from); next != pages_.end() && next->first < to; next = pages_.lower_bound(from)) {
        const u64 table = next->first >> 9;
        {
            const sim::Lease held = co_await lock_table(ctx, next->first);
            for (auto page = pages_.lower_bound(from);
                 page != pages_.end() && page->first < to && page->first >> 9 == table && gathered.entries() < config_.gather;
                 page = pages_.lower_bound(from)) {
                from = page->first;
                const u64 count = co_await zap_next(ctx, page->first, gathered);
                from += count;
                taken += count;
            }
        }
        if (gathered.entries() == config_.gather) co_await (this->*flush)(ctx, gathered);
    }
    co_await (this->*flush)(ctx, gathered);
    forget_away(first, to);
    co_return taken;
}

/// MODEL: no CPU's TLB is flushed for them here: whose address space it was runs no more (linux: fullmm).
sim::Task<void> AddressSpace::unmap_vmas(KernelContext& ctx) {
    auto work = ctx.begin("unmap-vmas");
    co_await unmap_pages(ctx, 0, ~u64{0}, &AddressSpace::free_gathered);
}

sim::Task<void> AddressSpace::free_pgtables(KernelContext& ctx) {
    auto work = ctx.begin("free-pgtables");
    co_await ctx.spend(config_.tlb_flush.get(), name_); // fullmm: one flush_tlb_mm because tables go
    for (; !tables_.empty(); tables_.pop_back()) {
        co_await ctx.spend(config_.free_table.get(), name_);
        frames_.give(tables_.back());
    }
}

// ---- munmap ---------------------------------------------------------------------------------------------------------

/// >= 6.6: arch_invalidate_secondary_tlbs from inside the CPU's flush; before: from mmu_gather right after it.
sim::Task<void> AddressSpace::invalidate_secondary(KernelContext& ctx, Va first, u64 bytes) {
    for (MmuNotifier* n : std::vector<MmuNotifier*>(notifiers_))
        if (linked(*n)) co_await n->invalidate(ctx, *this, first, bytes);
}

/// mmu_notifier_invalidate_range_start. Who must not block is refused by the first that would.
sim::Task<bool> AddressSpace::tell_range(KernelContext& ctx, Va first, u64 bytes, bool may_block) {
    for (RangeNotifier* n : std::vector<RangeNotifier*>(range_notifiers_)) {
        const bool outside = n->first.value() - first.value() >= bytes && first.value() - n->first.value() >= n->bytes;
        if (outside) continue;
        const bool done = co_await n->invalidate(ctx, may_block);
        if (!done) co_return false;
    }
    co_return true;
}

/// A mapping has a page there.
bool AddressSpace::needed(Va first, u64 pages) const {
    for (u64 i = 0; i < pages; ++i)
        if (mapped(first + i * page_size)) return true;
    return false;
}

/// free_pgtables: tables of the last level that no mapping needs any more. MODEL: the others stay until the exit.
sim::Task<void> AddressSpace::unlink_tables(KernelContext& ctx, Va first, u64 pages, Gathered& gathered) {
    for (Va at = first.align_down(huge_size); at < first + pages * page_size; at += huge_size) {
        const Spa entry = table_entry(at, false, huge_shift);
        const u64 word = entry == Spa{} ? 0 : frames_.memory().peek64(entry);
        if ((word & 1) == 0 || needed(at, huge_pages)) continue;
        const Spa table = table_of(word);
        co_await ctx.spend(config_.free_table.get(), name_);
        co_await ctx.store(entry, 0);
        frames_.ledger().frame_unmapped(table);
        std::erase(tables_, table);
        gathered.frames.push_back(table);
    }
}

sim::Task<void> AddressSpace::munmap(KernelContext& ctx, Va first, u64 pages) {
    auto held = co_await ctx.sleep_on(mmap_lock_.write(), "mmap-lock", "mmap_lock");
    co_await tell_range(ctx, first, pages * page_size, true);
    co_await split_at(ctx, first);
    co_await split_at(ctx, first + pages * page_size);
    Gathered gathered;
    {
        auto work = ctx.begin("zap-pages");
        for (u64 i = 0; i < pages; ++i) unmapped_.insert(first.page_number() + i);
        const u64 end = first.page_number() + pages;
        for (auto next = pages_.lower_bound(first.page_number()); next != pages_.end() && next->first < end;
             next = pages_.lower_bound(first.page_number()))
            co_await zap_next(ctx, next->first, gathered);
        forget_away(first.page_number(), end);
        co_await unlink_tables(ctx, first, pages, gathered);
        co_await ctx.barrier();
        co_await ctx.spend(config_.tlb_flush.get(), name_);
    }
    co_await invalidate_secondary(ctx, first, pages * page_size);
    auto work = ctx.begin("free-pages");
    co_await free_gathered(ctx, gathered);
}

// ---- the OOM reaper -------------------------------------------------------------------------------------------------

/// tlb_flush_mmu: nobody reaches the pages any more, neither CPU nor device, when they are freed.
sim::Task<void> AddressSpace::flush_and_free(KernelContext& ctx, Gathered& gathered) {
    if (gathered.entries() == 0) co_return;
    co_await ctx.barrier();
    co_await ctx.spend(config_.tlb_flush.get(), name_);
    co_await invalidate_secondary(ctx, Va{gathered.first << page_shift}, (gathered.end - gathered.first) * page_size);
    co_await free_gathered(ctx, gathered);
}

sim::Task<bool> AddressSpace::reap(KernelContext& ctx, const Vma& vma) {
    const u64 first = vma.start.page_number(), end = first + vma.pages;
    const auto count = std::distance(pages_.lower_bound(first), pages_.lower_bound(end));
    if (vma.kind != MemoryKind::Private) {
        ctx.events().emit(OomMappingSkipped{id_, ctx.name(), vma.name, base::enum_text(vma.kind), static_cast<u64>(count)});
        co_return true;
    }
    const bool told = co_await tell_range(ctx, vma.start, vma.pages * page_size, false);
    if (!told) {
        ctx.events().emit(OomMappingSkipped{id_, ctx.name(), vma.name, "refused", static_cast<u64>(count)});
        co_return false;
    }
    const u64 taken = co_await unmap_pages(ctx, first, end, &AddressSpace::flush_and_free);
    if (taken > 0) ctx.events().emit(OomMappingReaped{id_, ctx.name(), vma.name, taken});
    co_return true;
}

sim::Task<bool> AddressSpace::reap(KernelContext& ctx, bool backwards) {
    unstable_ = true;
    std::vector<Vma> in_order = vmas_;
    std::sort(in_order.begin(), in_order.end(), [](const Vma& a, const Vma& b) { return a.start < b.start; });
    if (backwards) std::reverse(in_order.begin(), in_order.end());
    bool all = true;
    for (const Vma& vma : in_order) {
        const bool done = co_await reap(ctx, vma);
        all = all && done;
    }
    co_return all;
}

} // namespace quiesce::os
