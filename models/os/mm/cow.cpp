// SPDX-License-Identifier: Apache-2.0
/// Pages that several address spaces have: fork shares them, whoever writes first gets a copy (linux: copy_page_range,
/// do_wp_page); and what mprotect does to entries.
#include "os/mm/address_space.h"

#include <array>

namespace quiesce::os {

using memory::Writes;

// ---- fork -----------------------------------------------------------------------------------------------------------

/// copy_present_ptes. What is pinned is copied at once, so that whoever pinned it and its process go on seeing the same.
/// MODEL: what is in swap or on its way stays its parent's alone; the child finds such pages empty.
sim::Task<bool> AddressSpace::copy_to(KernelContext& ctx, AddressSpace& child) {
    if (frames_.left() < tables_.size() + frames_.pins() + frames_.needed(ctx.current())) co_return false;
    co_await tell_range(ctx, Va{}, ~u64{0}, true);
    child.vmas_ = vmas_;
    child.unmapped_ = unmapped_;
    child.read_only_ = read_only_;
    std::vector<Spa> narrowed;
    {
        auto work = ctx.begin("copy-page-tables");
        for (auto next = pages_.begin(); next != pages_.end(); next = pages_.lower_bound(next->first + (next->second.huge ? huge_pages : 1)))
            co_await share(ctx, child, next, narrowed);
        co_await ctx.barrier();
        co_await ctx.spend(config_.tlb_flush.get(), name_); // flush_tlb_mm, at the end of dup_mmap
    }
    co_await invalidate_secondary(ctx, Va{}, ~u64{0});
    for (const Spa f : narrowed) frames_.ledger().frame_writes(f, Writes::Refused);
    co_return true;
}

/// One entry, of 4 KiB or of 2 MiB.
sim::Task<void> AddressSpace::share(KernelContext& ctx, AddressSpace& child, Pages::iterator its, std::vector<Spa>& narrowed) {
    const u64 number = its->first;
    const Va page{number << page_shift};
    if (its->second.huge && any_of_block(page, &FrameAllocator::pinned)) co_await split_huge(ctx, page);
    const Page parents = its->second;
    co_await ctx.spend(config_.copy_entry.get(), name_);
    if (frames_.pinned(parents.frame)) {
        co_await ctx.spend(config_.wp_copy.get(), name_);
        const Spa frame = frames_.take(child.id_, memory::FrameUse::Leaf, page);
        copy_bytes(parents.frame, frame);
        child.map_page(page, frame);
        co_return;
    }
    const bool copies = kind_of(page) == MemoryKind::Private;
    const u64 count = parents.huge ? huge_pages : 1;
    if (copies && parents.writable)
        for (u64 i = 0; i < count; ++i) {
            frames_.ledger().frame_writes(parents.frame + i * page_size, Writes::Closing);
            narrowed.push_back(parents.frame + i * page_size);
        }
    for (u64 i = 0; i < count; ++i) {
        Page& p = pages_.at(number + i);
        p.writable = p.writable && !copies;
        frames_.share(p.frame, child.id_);
        child.pages_[number + i] = p;
    }
    if (copies && parents.writable) co_await ctx.store(entry_of(page), entry_bits(pages_.at(number)));
    child.take_tables(page);
}

/// The entry as its page has it, of an address space that does not run yet: nobody sees how its tables come to be.
void AddressSpace::take_tables(Va page) {
    const Page& p = pages_.at(page.page_number());
    if (p.huge) deposit(page);
    frames_.memory().poke64(table_entry(page, true, p.huge ? huge_shift : page_shift), entry_bits(p));
}

void AddressSpace::copy_bytes(Spa from, Spa to) {
    std::array<std::byte, page_size> bytes{};
    frames_.memory().peek(from, bytes);
    frames_.memory().poke(to, bytes);
}

MemoryKind AddressSpace::kind_of(Va page) const {
    for (const Vma& v : vmas_)
        if (v.start <= page && page < v.end()) return v.kind;
    return MemoryKind::Private;
}

// ---- a write to what may only be read -------------------------------------------------------------------------------

/// do_wp_page. MODEL: of 2 MiB that somebody else has, too, the one page is copied, behind a split, as Linux does.
sim::Task<FaultResult> AddressSpace::write_fault(KernelContext& ctx, Va page) {
    if (pages_.at(page.page_number()).huge && any_of_block(page, &FrameAllocator::shared)) co_await split_huge(ctx, page);
    const auto found = pages_.find(page.page_number());
    FaultResult result = FaultResult::Done;
    if (found == pages_.end()) co_return FaultResult::Unstable; // the OOM reaper was there
    if (frames_.shared(found->second.frame)) result = co_await copy(ctx, page);
    else co_await reuse(ctx, page);
    co_return result;
}

bool AddressSpace::any_of_block(Va page, bool (FrameAllocator::*is)(Spa) const) const {
    const u64 first = page.align_down(huge_size).page_number();
    for (u64 i = 0; i < huge_pages; ++i)
        if ((frames_.*is)(pages_.at(first + i).frame)) return true;
    return false;
}

/// wp_page_reuse: nobody else has the page. CPUs that have the old entry fault once more; whether secondary TLBs are told is
/// the architecture's and the kernel's affair.
sim::Task<void> AddressSpace::reuse(KernelContext& ctx, Va page) {
    co_await ctx.spend(config_.wp_reuse.get(), name_);
    const sim::Lease held = co_await lock_table(ctx, page.page_number());
    const auto found = pages_.find(page.page_number());
    if (found == pages_.end() || found->second.writable) co_return;
    const bool huge = found->second.huge;
    const Va first = huge ? page.align_down(huge_size) : page;
    for (u64 i = 0; i < (huge ? huge_pages : 1); ++i) {
        Page& p = pages_.at(first.page_number() + i);
        p.writable = true;
        frames_.ledger().frame_writes(p.frame, Writes::Allowed);
    }
    co_await ctx.store(entry_of(first), entry_bits(pages_.at(first.page_number())));
    co_await ctx.barrier();
    if (!tells_upgrades_) co_return;
    co_await ctx.spend(config_.tlb_flush.get(), name_);
    co_await invalidate_secondary(ctx, first, huge ? huge_size : page_size);
}

/// wp_page_copy: the old entry is gone for everybody before the new one is there.
sim::Task<FaultResult> AddressSpace::copy(KernelContext& ctx, Va page) {
    const bool room = co_await frames_.wait_for_room(ctx, id_);
    if (!room) co_return FaultResult::NoMemory;
    co_await ctx.spend(config_.wp_copy.get(), name_);
    co_await tell_range(ctx, page, page_size, true);
    const std::optional<sim::Lease> held = co_await lock_with_room(ctx, page.page_number());
    if (!held) co_return FaultResult::NoMemory;
    if (unstable_) co_return FaultResult::Unstable;
    const auto found = pages_.find(page.page_number());
    if (found == pages_.end() || found->second.writable) co_return FaultResult::Done; // somebody was faster
    const Spa old = found->second.frame;
    const Spa frame = frames_.take(id_, memory::FrameUse::Leaf, page);
    copy_bytes(old, frame);
    co_await take_entry(ctx, page);
    found->second = {frame};
    co_await ctx.store(entry_of(page), entry_bits(found->second));
    co_await ctx.barrier();
    frames_.give(old, id_);
    co_return FaultResult::Done;
}

/// ptep_clear_flush: nobody reaches the page through its entry any more, neither CPU nor device.
sim::Task<void> AddressSpace::take_entry(KernelContext& ctx, Va page) {
    co_await zap(ctx, page);
    co_await ctx.barrier();
    co_await ctx.spend(config_.tlb_flush.get(), name_);
    co_await invalidate_secondary(ctx, page, page_size);
}

// ---- mprotect -------------------------------------------------------------------------------------------------------

/// change_protection, then one flush for all. What others have, too, may not be written at once: whoever writes copies it.
sim::Task<void> AddressSpace::mprotect(KernelContext& ctx, Va first, u64 pages, bool writable) {
    auto held = co_await ctx.sleep_on(mmap_lock_.write(), "mmap-lock", "mmap_lock");
    co_await tell_range(ctx, first, pages * page_size, true);
    co_await split_at(ctx, first);
    co_await split_at(ctx, first + pages * page_size);
    const u64 end = first.page_number() + pages;
    for (u64 number = first.page_number(); number < end; ++number)
        if (writable) read_only_.erase(number);
        else read_only_.insert(number);
    std::vector<Spa> narrowed;
    {
        auto work = ctx.begin("change-protection");
        u64 step = 1;
        for (auto next = pages_.lower_bound(first.page_number()); next != pages_.end() && next->first < end;
             next = pages_.lower_bound(next->first + step)) {
            step = next->second.huge ? huge_pages : 1;
            co_await change_entry(ctx, next->first, writable, narrowed);
        }
        co_await ctx.barrier();
        co_await ctx.spend(config_.tlb_flush.get(), name_);
    }
    co_await invalidate_secondary(ctx, first, pages * page_size);
    for (const Spa f : narrowed) frames_.ledger().frame_writes(f, Writes::Refused);
}

/// One, of 4 KiB or of 2 MiB. MODEL: of 2 MiB it is taken to be somebody else's, too, if one of its pages is.
sim::Task<void> AddressSpace::change_entry(KernelContext& ctx, u64 number, bool writable, std::vector<Spa>& narrowed) {
    const Page its = pages_.at(number);
    const Va page{number << page_shift};
    // By other entries than this one, or by its own address: what mprotect does is none of their business. MODEL: so a
    // device that goes on through an old entry to such a page is not found.
    const auto others_write = [&](Spa frame) {
        return frames_.pinned(frame) || (frames_.shared(frame) && kind_of(page) != MemoryKind::Private);
    };
    if (its.writable == writable || (writable && (its.huge ? any_of_block(page, &FrameAllocator::shared) : frames_.shared(its.frame)))) co_return;
    for (u64 i = 0; i < (its.huge ? huge_pages : 1); ++i) {
        Page& p = pages_.at(number + i);
        p.writable = writable;
        if (others_write(p.frame)) continue;
        frames_.ledger().frame_writes(p.frame, writable ? Writes::Allowed : Writes::Closing);
        if (!writable) narrowed.push_back(p.frame);
    }
    co_await ctx.spend(config_.protect_entry.get(), name_);
    co_await ctx.store(entry_of(page), entry_bits(pages_.at(number)));
}

} // namespace quiesce::os
