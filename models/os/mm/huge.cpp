// SPDX-License-Identifier: Apache-2.0
/// Mappings of 2 MiB (linux: mm/huge_memory.c, mm/khugepaged.c): one entry where a table of 512 would be. What is to happen to
/// a part of one splits it first. MODEL: page faults give pages of 4 KiB; of 2 MiB are what spawn was asked for, and what
/// was collapsed.
#include "os/mm/address_space.h"

#include <algorithm>

namespace quiesce::os {

using memory::FrameUse;

/// At the beginning of a process. False: RAM has no such piece.
bool AddressSpace::map_huge(Va page) {
    const auto block = frames_.take_huge(id_, page);
    if (!block) return false;
    for (u64 i = 0; i < huge_pages; ++i) pages_[page.page_number() + i] = {*block + i * page_size, true, true};
    take_tables(page);
    return true;
}

/// pgtable_trans_huge_deposit: a table for the day on which it is split, so that a split needs no memory.
void AddressSpace::deposit(Va page) {
    const Spa table = frames_.take(id_, FrameUse::Table, page);
    tables_.push_back(table);
    deposited_[page.page_number()] = table;
}

Spa AddressSpace::entry_of(Va page) {
    const auto found = pages_.find(page.page_number());
    return table_entry(page, false, found != pages_.end() && found->second.huge ? huge_shift : page_shift);
}

u64 AddressSpace::huge_mappings() const { return deposited_.size(); }

/// __split_huge_pmd: the entry is away, for CPUs and devices, before the table is there. Devices that look meanwhile ask for
/// the page, or fault.
sim::Task<void> AddressSpace::split_huge(KernelContext& ctx, Va at) {
    const Va first = at.align_down(huge_size);
    co_await tell_range(ctx, first, huge_size, true);
    const sim::Lease held = co_await lock_table(ctx, first.page_number());
    const auto deposited = deposited_.find(first.page_number());
    if (deposited == deposited_.end()) co_return; // somebody was faster
    auto work = ctx.begin("split-huge-page");
    co_await ctx.spend(config_.split.get(), name_);
    const Spa table = deposited->second, entry = table_entry(first, false, huge_shift);
    deposited_.erase(deposited);
    for (u64 i = 0; i < huge_pages; ++i) {
        Page& p = pages_.at(first.page_number() + i);
        p.huge = false;
        frames_.memory().poke64(table + 8 * i, entry_bits(p)); // nobody is led there yet
    }
    co_await ctx.store(entry, 0);
    co_await ctx.barrier();
    co_await ctx.spend(config_.tlb_flush.get(), name_);
    co_await invalidate_secondary(ctx, first, huge_size);
    co_await ctx.store(entry, table_word(table));
    co_await ctx.barrier();
}

/// So that no mapping of 2 MiB goes across.
sim::Task<void> AddressSpace::split_at(KernelContext& ctx, Va at) {
    const auto found = pages_.find(at.page_number());
    if (at.value() % huge_size != 0 && found != pages_.end() && found->second.huge) co_await split_huge(ctx, at);
}

sim::Task<void> AddressSpace::split_in(KernelContext& ctx, Va first, u64 pages) {
    for (Va at = first; at < first + pages * page_size; at = at.align_down(huge_size) + huge_size) {
        const auto found = pages_.find(at.page_number());
        if (found != pages_.end() && found->second.huge) co_await split_huge(ctx, at);
    }
}

/// collapse_huge_page: under the mmap lock, the table's entry goes before anything is copied, so that nobody writes what is
/// being copied; the table is kept for a later split.
sim::Task<bool> AddressSpace::collapse(KernelContext& ctx, Va first) {
    auto held = co_await ctx.sleep_on(mmap_lock_.write(), "mmap-lock", "mmap_lock");
    const u64 number = first.page_number();
    for (u64 i = 0; i < huge_pages; ++i) {
        const auto p = pages_.find(number + i);
        const bool fits = p != pages_.end() && p->second.writable && !p->second.huge && !frames_.pinned(p->second.frame) &&
                          !frames_.shared(p->second.frame);
        if (!fits) co_return false;
    }
    if (frames_.left() < huge_pages + frames_.needed(ctx.current())) co_return false;
    const auto block = frames_.take_huge(id_, first);
    if (!block) co_return false;
    auto work = ctx.begin("collapse-huge-page");
    co_await tell_range(ctx, first, huge_size, true);
    const Spa entry = table_entry(first, false, huge_shift);
    const Spa table = table_of(frames_.memory().peek64(entry));
    std::vector<Spa> old;
    co_await ctx.store(entry, 0);
    for (u64 i = 0; i < huge_pages; ++i) {
        old.push_back(pages_.at(number + i).frame);
        frames_.ledger().frame_unmapped(old.back(), id_);
    }
    co_await ctx.barrier();
    co_await ctx.spend(config_.tlb_flush.get(), name_);
    co_await invalidate_secondary(ctx, first, huge_size);
    co_await ctx.spend(config_.collapse.get(), name_);
    for (u64 i = 0; i < huge_pages; ++i) {
        copy_bytes(old[i], *block + i * page_size);
        pages_.at(number + i) = {*block + i * page_size, true, true};
    }
    deposited_[number] = table;
    co_await ctx.store(entry, entry_bits(pages_.at(number)));
    co_await ctx.barrier();
    for (const Spa f : old) frames_.give(f, id_);
    co_return true;
}

} // namespace quiesce::os
