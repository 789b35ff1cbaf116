// SPDX-License-Identifier: Apache-2.0
#include "os/mm.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace quiesce::os {
namespace {
constexpr const char* exhausted = "the simulated machine is out of memory";
}

void FrameAllocator::zero(Spa frame) {
    static const std::array<std::byte, page_size> zeros{};
    memory_.poke(frame, zeros);
}

Spa FrameAllocator::take_fresh(u64 bytes, u64 align) {
    Spa start = fresh_.align_up(align);
    if (start < hole_end_ && start + bytes > hole_) start = hole_end_.align_up(align);
    if (start + bytes > end_) throw std::runtime_error(exhausted);
    for (Spa skipped = fresh_; skipped < start; skipped += page_size)
        if (skipped < hole_ || skipped >= hole_end_) freed_.push(skipped.value());
    fresh_ = start + bytes;
    return start;
}

Spa FrameAllocator::take(MmId owner, memory::FrameUse use, Va page) {
    if (taken_by_users_ >= limit_) throw std::runtime_error(exhausted);
    Spa frame{};
    if (freed_.empty()) {
        frame = take_fresh(page_size, page_size);
    } else {
        frame = Spa{freed_.top()};
        freed_.pop();
    }
    ++taken_;
    ++taken_by_users_;
    zero(frame);
    ledger_.frame_taken(frame, owner, use, page);
    return frame;
}

Spa FrameAllocator::take_kernel(u64 bytes, u64 align) {
    const Spa start = take_fresh(Spa{bytes}.align_up(page_size).value(), align);
    for (Spa f = start; f < fresh_; f += page_size) {
        zero(f);
        ++taken_;
        ledger_.frame_taken(f, MmId{}, memory::FrameUse::Kernel, Va{});
    }
    return start;
}

Spa FrameAllocator::take_empty_table() {
    const Spa table = take_fresh(page_size, page_size);
    zero(table);
    ++taken_;
    ledger_.frame_taken(table, MmId{}, memory::FrameUse::EmptyTable, Va{});
    return table;
}

void FrameAllocator::give(Spa frame) {
    ledger_.frame_freed(frame);
    --taken_;
    --taken_by_users_; // the kernel gives none back
    freed_.push(frame.value());
}

sim::Task<bool> FrameAllocator::wait_for_room(KernelContext& ctx, MmId mm) {
    if (has_room(ctx.current())) co_return true;
    const sim::Time since = sim::now();
    bool again = pressure_ != nullptr, room = false;
    while (again && !room) {
        again = co_await pressure_->make_room(ctx);
        room = has_room(ctx.current());
    }
    ctx.events().emit(AllocationDelayed{ctx.name(), mm, since, room});
    co_return room;
}

AddressSpace::AddressSpace(MmId id, base::Name name, const MmConfig& config, FrameAllocator& frames,
                           const Architecture& architecture)
    : id_(id), name_(name), config_(config), frames_(frames), format_(architecture.tables),
      pgd_(frames.take(id, memory::FrameUse::Table, Va{})) {}

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
            word = below.value() | format_.table_bits;
            frames_.memory().poke64(entry, word);
        }
        table = Spa{word & format_.address_mask};
    }
}

void AddressSpace::map(std::string name, Va start, const NewMapping& mapping) {
    for (u64 i = 0; i < std::min(mapping.pages, mapping.present); ++i) {
        const Va page = start + i * page_size;
        const Spa frame = frames_.take(id_, memory::FrameUse::Leaf, page);
        frames_.memory().poke64(table_entry(page, true), frame.value() | (i < mapping.read_only ? format_.read_only_bits : format_.page_bits));
        pages_[page.page_number()] = frame;
        if (i < mapping.read_only) read_only_.insert(page.page_number());
    }
    vmas_.push_back({std::move(name), start, mapping.pages, mapping.kind});
}

std::optional<Spa> AddressSpace::place_of(Va at) const {
    const auto found = pages_.find(at.page_number());
    if (found == pages_.end()) return std::nullopt;
    return found->second + at.page_offset();
}

bool AddressSpace::mapped(Va page) const {
    const auto holds = [page](const Vma& v) { return v.start <= page && page < v.end(); };
    return std::any_of(vmas_.begin(), vmas_.end(), holds) && unmapped_.count(page.page_number()) == 0;
}

/// The entry is visible when this returns: releasing the table's lock orders it before whatever tells of it.
sim::Task<FaultResult> AddressSpace::fault_in(KernelContext& ctx, Va at, bool write) {
    const Va page = at.align_down(page_size);
    if (!mapped(page) || pages_.count(page.page_number()) != 0) {
        co_await ctx.spend(config_.fault_present.get(), name_);
        if (write && read_only_.count(page.page_number()) != 0) co_await make_writable(ctx, page);
        co_return mapped(page) ? FaultResult::Done : FaultResult::BadAddress;
    }
    co_await ctx.spend(config_.fault_page.get(), name_);
    if (pages_.count(page.page_number()) != 0) co_return FaultResult::Done; // somebody was faster
    const bool room = co_await frames_.wait_for_room(ctx, id_);
    if (!room) co_return FaultResult::NoMemory;
    const sim::Lease held = co_await lock_table(ctx, page.page_number());
    if (unstable_) co_return FaultResult::Unstable;
    if (pages_.count(page.page_number()) != 0) co_return FaultResult::Done;
    const Spa frame = frames_.take(id_, memory::FrameUse::Leaf, page);
    pages_[page.page_number()] = frame;
    co_await ctx.store(table_entry(page, true), frame.value() | format_.page_bits);
    co_await ctx.barrier();
    co_return FaultResult::Done;
}

/// wp_page_reuse: nobody else has the page. MODEL: one that is shared would be copied, which is an unmapping.
sim::Task<void> AddressSpace::make_writable(KernelContext& ctx, Va page) {
    read_only_.erase(page.page_number());
    co_await ctx.store(table_entry(page, false), pages_.at(page.page_number()).value() | format_.page_bits);
    co_await ctx.barrier();
    co_await ctx.spend(config_.tlb_flush.get(), name_);
    if (!tells_upgrades_) co_return;
    co_await invalidate_secondary(ctx, page, page_size);
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
