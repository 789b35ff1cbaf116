// SPDX-License-Identifier: Apache-2.0
#include "os/mm/address_space.h"

#include <algorithm>

namespace quiesce::os {
AddressSpace::AddressSpace(MmId id, base::Name name, const MmConfig& config, FrameAllocator& frames,
                           const Architecture& architecture)
    : id_(id), name_(name), config_(config), frames_(frames), format_(architecture.tables),
      pgd_(frames.take(id, memory::FrameUse::Table, Va{})) {}

u64 NewMapping::frames() const {
    const u64 there = std::min(pages, present), last_level = there / huge_pages + 2;
    constexpr u64 above = 1 + 2 * 2 + 1; // the pgd, two levels each above heap and stack, the stack's last one
    return there + last_level + stack_pages + above;
}

const Vma* AddressSpace::find(std::string_view name) const {
    const auto found = std::find_if(vmas_.begin(), vmas_.end(), [&](const Vma& v) { return v.name == name; });
    return found == vmas_.end() ? nullptr : &*found;
}

/// Address of the entry of a page in the table whose entries stand for 2^last bytes each, the last by default; zero if a
/// table on the way is missing and is not to be made.
Spa AddressSpace::table_entry(Va page, bool make, unsigned last) {
    Spa table = pgd_;
    for (unsigned shift = 39;; shift -= 9) {
        const Spa entry = table + 8 * (page.value() >> shift & 511);
        if (shift == last) return entry;
        u64 word = frames_.memory().peek64(entry);
        if ((word & 1) == 0) {
            if (!make) return Spa{};
            const Spa below = frames_.take(id_, memory::FrameUse::Table, page);
            tables_.push_back(below);
            word = table_word(below);
            frames_.memory().poke64(entry, word);
        }
        table = table_of(word);
    }
}

void AddressSpace::map(std::string name, Va start, const NewMapping& mapping) {
    const Va end = start + std::min(mapping.pages, mapping.present) * page_size;
    for (Va page = start; page < end;) {
        const bool huge = mapping.huge && page.value() % huge_size == 0 && page + huge_size <= end && map_huge(page);
        if (!huge) map_page(page, frames_.take(id_, memory::FrameUse::Leaf, page));
        page = page + (huge ? huge_size : page_size);
    }
    vmas_.push_back({std::move(name), start, mapping.pages, mapping.kind});
}

void AddressSpace::map_page(Va page, Spa frame) {
    pages_[page.page_number()] = {frame};
    take_tables(page);
}

std::optional<Spa> AddressSpace::place_of(Va at) const {
    const auto found = pages_.find(at.page_number());
    if (found == pages_.end()) return std::nullopt;
    return found->second.frame + at.page_offset();
}

bool AddressSpace::writable(Va at) const {
    const auto found = pages_.find(at.page_number());
    return found != pages_.end() && found->second.writable;
}

bool AddressSpace::mapped(Va page) const {
    const auto holds = [page](const Vma& v) { return v.start <= page && page < v.end(); };
    return std::any_of(vmas_.begin(), vmas_.end(), holds) && unmapped_.count(page.page_number()) == 0;
}

// ---- page faults ----------------------------------------------------------------------------------------------------

/// The entry is visible when this returns: releasing the table's lock orders it before whatever tells of it.
sim::Task<FaultResult> AddressSpace::fault_in(KernelContext& ctx, Va at, bool write) {
    const Va page = at.align_down(page_size);
    const u64 number = page.page_number();
    if (!mapped(page) || (write && read_only_.count(number) != 0)) {
        co_await ctx.spend(config_.fault_present.get(), name_);
        co_return FaultResult::BadAddress;
    }
    for (auto away = away_.find(number); away != away_.end() && away->second.moving; away = away_.find(number))
        co_await ctx.sleep_on(settled_.wait(), "page-move", name_);
    FaultResult result = FaultResult::Done;
    const auto found = pages_.find(number);
    if (found == pages_.end() && away_.count(number) != 0) result = co_await swap_in(ctx, page);
    else if (found == pages_.end()) result = co_await first_touch(ctx, page);
    else if (write && !found->second.writable) result = co_await write_fault(ctx, page);
    else co_await ctx.spend(config_.fault_present.get(), name_);
    co_return result;
}

/// Somebody who had found room before; others may have found the same. Nothing: there is no memory.
sim::Task<std::optional<sim::Lease>> AddressSpace::lock_with_room(KernelContext& ctx, u64 number) {
    for (;;) {
        {
            sim::Lease held = co_await lock_table(ctx, number);
            if (frames_.can_take()) co_return std::optional{std::move(held)};
        }
        const bool room = co_await frames_.wait_for_room(ctx, id_);
        if (!room) co_return std::nullopt;
    }
}

sim::Task<FaultResult> AddressSpace::first_touch(KernelContext& ctx, Va page) {
    const u64 number = page.page_number();
    co_await ctx.spend(config_.fault_page.get(), name_);
    if (pages_.count(number) != 0) co_return FaultResult::Done; // somebody was faster
    const bool room = co_await frames_.wait_for_room(ctx, id_);
    if (!room) co_return FaultResult::NoMemory;
    const std::optional<sim::Lease> held = co_await lock_with_room(ctx, number);
    if (!held) co_return FaultResult::NoMemory;
    if (unstable_) co_return FaultResult::Unstable;
    if (pages_.count(number) != 0) co_return FaultResult::Done;
    const Page& p = pages_[number] = {frames_.take(id_, memory::FrameUse::Leaf, page), read_only_.count(number) == 0};
    if (!p.writable) frames_.ledger().frame_writes(p.frame, memory::Writes::Refused);
    co_await ctx.store(table_entry(page, true), entry_bits(p));
    co_await ctx.barrier();
    co_return FaultResult::Done;
}

// ---- life -----------------------------------------------------------------------------------------------------------

sim::Task<bool> AddressSpace::mmput(KernelContext& ctx) {
    if (--users_ > 0) co_return false;
    co_await exit_mmap(ctx);
    if (on_exit) on_exit(*this);
    mmdrop();
    co_return true;
}

void AddressSpace::mmdrop() {
    if (--count_ > 0) return;
    frames_.give(pgd_); // mm_free_pgd comes before mm_pasid_drop
    if (on_drop) on_drop(*this);
}

bool AddressSpace::linked(const MmuNotifier& n) const { return std::find(notifiers_.begin(), notifiers_.end(), &n) != notifiers_.end(); }

void AddressSpace::notifier_put(MmuNotifier& n) {
    std::erase(notifiers_, &n);
    sim::spawn(drop_later());
}

sim::Task<void> AddressSpace::notifier_unregister(KernelContext& ctx, MmuNotifier& n) {
    std::erase(notifiers_, &n);
    co_await ctx.sleep_on(sim::delay(config_.srcu.get()), "synchronize-srcu", "srcu");
    mmdrop();
}

sim::Task<void> AddressSpace::drop_later() {
    co_await sim::delay(config_.srcu_callback.get());
    mmdrop();
}

} // namespace quiesce::os
