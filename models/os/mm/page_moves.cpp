// SPDX-License-Identifier: Apache-2.0
/// Pages that get another frame, go to swap and come back, and pages that cannot because somebody pinned them (linux:
/// mm/migrate.c, mm/vmscan.c, mm/gup.c). For a device each is an unmapping that it did not ask for.
#include "os/mm/address_space.h"

namespace quiesce::os {

using memory::FrameUse;
using memory::Writes;

/// MODEL: a page that another address space has, too, stays where it is.
bool AddressSpace::movable(u64 number, Moved& moved) const {
    const auto found = pages_.find(number);
    if (found == pages_.end()) return ++moved.absent, false;
    if (frames_.pinned(found->second.frame)) return ++moved.pinned, false;
    if (frames_.shared(found->second.frame)) return ++moved.shared, false;
    return true;
}

/// MODEL: the mmap lock is held all the time; Linux holds it while it looks pages up.
sim::Task<AddressSpace::Moved> AddressSpace::each_movable(KernelContext& ctx, Va first, u64 pages, Mover mover) {
    Moved moved;
    auto held = co_await ctx.sleep_on(mmap_lock_.read(), "mmap-lock", "mmap_lock");
    co_await split_in(ctx, first, pages);
    for (u64 i = 0; i < pages; ++i) {
        const Va page = first + i * page_size;
        if (!movable(page.page_number(), moved)) continue;
        const bool full = mover == &AddressSpace::swap_out && frames_.swap_left() == 0;
        const bool done = co_await (this->*mover)(ctx, page);
        ++(done ? moved.done : full ? moved.no_swap : moved.failed);
    }
    co_return moved;
}

sim::Task<AddressSpace::Moved> AddressSpace::migrate(KernelContext& ctx, Va first, u64 pages) {
    return each_movable(ctx, first, pages, &AddressSpace::move);
}

/// try_to_migrate, copy, remove_migration_ptes. Whoever faults meanwhile waits for the end of it (migration_entry_wait).
sim::Task<bool> AddressSpace::move(KernelContext& ctx, Va page) {
    const u64 number = page.page_number();
    const bool room = co_await frames_.wait_for_room(ctx, id_);
    if (!room) co_return false;
    co_await tell_range(ctx, page, page_size, true);
    Page old;
    {
        const sim::Lease held = co_await lock_table(ctx, number);
        if (unstable_ || pages_.count(number) == 0 || !frames_.can_take()) co_return false;
        co_await take_entry(ctx, page);
        old = pages_.at(number);
        pages_.erase(number);
        away_[number].moving = true;
    }
    const Spa frame = frames_.take(id_, FrameUse::Leaf, page);
    co_await ctx.spend(config_.move_page.get(), name_);
    copy_bytes(old.frame, frame);
    {
        const sim::Lease held = co_await lock_table(ctx, number);
        if (away_.erase(number) != 0) {
            const Page& p = pages_[number] = {frame, old.writable};
            if (!p.writable) frames_.ledger().frame_writes(frame, Writes::Refused);
            co_await ctx.store(table_entry(page, false), entry_bits(p));
            co_await ctx.barrier();
        } else { // the process died meanwhile
            frames_.give(frame, id_);
        }
    }
    frames_.give(old.frame, id_);
    settled_.notify_all();
    co_return true;
}

// ---- swap -----------------------------------------------------------------------------------------------------------

/// can_madv_lru_vma: neither hugetlb nor pages that no struct page stands for are on an LRU list.
bool AddressSpace::swappable(Va page) const {
    const MemoryKind kind = kind_of(page);
    return kind == MemoryKind::Private || kind == MemoryKind::Shared;
}

/// MODEL: a page of 2 MiB is split and its pages are written one after the other; Linux writes it whole where swap has a
/// piece for it.
sim::Task<AddressSpace::Moved> AddressSpace::page_out(KernelContext& ctx, Va first, u64 pages) {
    if (!swappable(first)) {
        Moved refused;
        refused.refused = true;
        co_return refused;
    }
    const Moved moved = co_await each_movable(ctx, first, pages, &AddressSpace::swap_out);
    co_return moved;
}

/// shrink_folio_list finds page tables by the pages, without the mmap lock. MODEL: it is tried here, and whoever has it for
/// writing is passed over; the pages are those with the lowest addresses, not those unused for longest.
sim::Task<u64> AddressSpace::reclaim(KernelContext& ctx, u64 pages, bool ours) {
    std::optional<sim::RwLock::Held> held;
    if (!ours) held = mmap_lock_.try_read();
    if (!ours && !*held) co_return 0;
    Moved moved;
    u64 from = 0;
    for (auto next = pages_.begin(); next != pages_.end() && moved.done < pages; next = pages_.lower_bound(from)) {
        const Va page{next->first << page_shift};
        from = next->first + 1;
        if (!swappable(page)) continue;
        if (next->second.huge) co_await split_huge(ctx, page);
        if (!movable(page.page_number(), moved)) continue;
        if (frames_.swap_left() == 0) break;
        const bool done = co_await swap_out(ctx, page);
        moved.done += done;
    }
    co_return moved.done;
}

/// pageout: the frame is free when its bytes are written. MODEL: pages are written one after the other, and one that is
/// wanted back meanwhile is waited for; Linux finds it in its swap cache.
sim::Task<bool> AddressSpace::swap_out(KernelContext& ctx, Va page) {
    const u64 number = page.page_number();
    if (!frames_.take_swap()) co_return false;
    co_await tell_range(ctx, page, page_size, true);
    Spa frame{};
    {
        const sim::Lease held = co_await lock_table(ctx, number);
        if (unstable_ || pages_.count(number) == 0) {
            frames_.give_swap(1);
            co_return false;
        }
        co_await take_entry(ctx, page);
        frame = pages_.at(number).frame;
        pages_.erase(number);
        Away& a = away_[number];
        a.moving = true;
        a.bytes.resize(page_size);
        frames_.memory().peek(frame, a.bytes);
    }
    co_await ctx.sleep_on(sim::delay(config_.swap_out.get()), "swap-out", "swap");
    if (const auto a = away_.find(number); a != away_.end()) a->second.moving = false;
    frames_.give(frame, id_);
    settled_.notify_all();
    co_return true;
}

/// do_swap_page. MODEL: the mmap lock is held while the page is read; Linux lets go of it and takes the fault again.
sim::Task<FaultResult> AddressSpace::swap_in(KernelContext& ctx, Va page) {
    const u64 number = page.page_number();
    away_.at(number).moving = true;
    const bool room = co_await frames_.wait_for_room(ctx, id_);
    if (room) co_await ctx.sleep_on(sim::delay(config_.swap_in.get()), "swap-in", "swap");
    std::optional<sim::Lease> held;
    if (room) {
        auto lock = co_await lock_with_room(ctx, number);
        held = std::move(lock);
    }
    const auto a = away_.find(number);
    if (a == away_.end() || !held || unstable_) {
        if (a != away_.end()) a->second.moving = false;
        settled_.notify_all();
        co_return held ? FaultResult::Unstable : FaultResult::NoMemory;
    }
    const Page& p = pages_[number] = {frames_.take(id_, FrameUse::Leaf, page), read_only_.count(number) == 0};
    frames_.memory().poke(p.frame, a->second.bytes);
    if (!p.writable) frames_.ledger().frame_writes(p.frame, Writes::Refused);
    away_.erase(a);
    frames_.give_swap(1);
    co_await ctx.store(table_entry(page, true), entry_bits(p));
    co_await ctx.barrier();
    settled_.notify_all();
    co_return FaultResult::Done;
}

/// What is in swap goes with the mapping; what is on its way is given back by whoever moves it.
void AddressSpace::forget_away(u64 from, u64 to) {
    const auto first = away_.lower_bound(from), end = to == ~u64{0} ? away_.end() : away_.lower_bound(to);
    for (auto a = first; a != end; ++a) frames_.give_swap(a->second.bytes.empty() ? 0 : 1);
    away_.erase(first, end);
    settled_.notify_all();
}

// ---- pins -----------------------------------------------------------------------------------------------------------

sim::Task<std::vector<PinnedPage>> AddressSpace::pin(KernelContext& ctx, Va first, u64 pages) {
    auto held = co_await ctx.sleep_on(mmap_lock_.read(), "mmap-lock", "mmap_lock");
    std::vector<PinnedPage> list;
    for (u64 i = 0; i < pages; ++i) {
        const Va page = first + i * page_size;
        FaultResult made = FaultResult::Done;
        while (made == FaultResult::Done && !writable(page)) made = co_await fault_in(ctx, page);
        if (made != FaultResult::Done) break;
        co_await ctx.spend(config_.pin_page.get(), "pin");
        const auto found = pages_.find(page.page_number());
        if (found == pages_.end()) break; // the OOM reaper was there
        frames_.pin(found->second.frame);
        list.push_back({page, found->second.frame});
    }
    co_return list;
}

sim::Task<void> AddressSpace::unpin(KernelContext& ctx, std::vector<PinnedPage> list) {
    for (const PinnedPage& p : list) {
        co_await ctx.spend(config_.pin_page.get(), "pin");
        frames_.unpin(p.frame);
    }
}

} // namespace quiesce::os
