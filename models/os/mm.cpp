// SPDX-License-Identifier: Apache-2.0
#include "os/mm.h"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace quiesce::os {

void FrameAllocator::zero(Spa frame) {
    static const std::array<std::byte, page_size> zeros{};
    memory_.poke(frame, zeros);
}

Spa FrameAllocator::take_fresh(u64 bytes, u64 align) {
    Spa start = fresh_.align_up(align);
    if (start < hole_end_ && start + bytes > hole_) start = hole_end_.align_up(align);
    if (start + bytes > end_) throw std::runtime_error("the simulated machine is out of memory");
    for (Spa skipped = fresh_; skipped < start; skipped += page_size)
        if (skipped < hole_ || skipped >= hole_end_) freed_.push(skipped.value());
    fresh_ = start + bytes;
    return start;
}

Spa FrameAllocator::take(MmId owner, memory::FrameUse use, Va page) {
    Spa frame{};
    if (freed_.empty()) {
        frame = take_fresh(page_size, page_size);
    } else {
        frame = Spa{freed_.top()};
        freed_.pop();
    }
    ++taken_;
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

void FrameAllocator::give(Spa frame) {
    ledger_.frame_freed(frame);
    --taken_;
    freed_.push(frame.value());
}

AddressSpace::AddressSpace(MmId id, base::Name name, const MmConfig& config, FrameAllocator& frames,
                           const Architecture& architecture)
    : id_(id), name_(name), config_(config), frames_(frames), format_(architecture.tables),
      pgd_(frames.take(id, memory::FrameUse::Table, Va{})) {}

const Vma* AddressSpace::find(std::string_view name) const {
    const auto found = std::find_if(vmas_.begin(), vmas_.end(), [&](const Vma& v) { return v.name == name; });
    return found == vmas_.end() ? nullptr : &*found;
}

/// Address of the level-3 entry of a page, or zero if a table on the way is missing and is not to be made.
Spa AddressSpace::table_entry(Va page, bool make) {
    Spa table = pgd_;
    for (unsigned shift = 39;; shift -= 9) {
        const Spa entry = table + 8 * (page.value() >> shift & 511);
        if (shift == 12) return entry;
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

void AddressSpace::map(std::string name, Va start, u64 pages, u64 present) {
    for (u64 i = 0; i < std::min(pages, present); ++i) {
        const Va page = start + i * page_size;
        const Spa frame = frames_.take(id_, memory::FrameUse::Leaf, page);
        frames_.memory().poke64(table_entry(page, true), frame.value() | format_.page_bits);
        pages_[page.page_number()] = frame;
    }
    vmas_.push_back({std::move(name), start, pages});
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
sim::Task<FaultResult> AddressSpace::fault_in(KernelContext& ctx, Va at) {
    const Va page = at.align_down(page_size);
    if (!mapped(page) || pages_.count(page.page_number()) != 0) {
        co_await ctx.spend(config_.fault_present.get(), name_);
        co_return mapped(page) ? FaultResult::Done : FaultResult::BadAddress;
    }
    co_await ctx.spend(config_.fault_page.get(), name_);
    if (pages_.count(page.page_number()) != 0) co_return FaultResult::Done; // somebody was faster
    if (!frames_.has_room()) co_return FaultResult::NoMemory;
    const Spa frame = frames_.take(id_, memory::FrameUse::Leaf, page);
    pages_[page.page_number()] = frame;
    co_await ctx.store(table_entry(page, true), frame.value() | format_.page_bits);
    co_await ctx.barrier();
    co_return FaultResult::Done;
}

// ---- life -----------------------------------------------------------------------------------------------------------

sim::Task<bool> AddressSpace::mmput(KernelContext& ctx) {
    if (--users_ > 0) co_return false;
    co_await exit_mmap(ctx);
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

// ---- exit_mmap, in its phases (facts 1.2) ---------------------------------------------------------------------------

sim::Task<void> AddressSpace::exit_mmap(KernelContext& ctx) {
    co_await notifier_release(ctx);
    {
        auto held = co_await ctx.sleep_on(mmap_lock_.read(), "mmap-lock", "mmap_lock");
        co_await unmap_vmas(ctx);
    }
    {
        auto held = co_await ctx.sleep_on(mmap_lock_.write(), "mmap-lock", "mmap_lock");
        co_await free_pgtables(ctx);
    }
    vmas_.clear();
    ctx.events().emit(ExitMmapReturned{id_, ctx.last_span()});
}

/// Every release in turn, inside an SRCU section; pages go only after the grace period that follows. A notifier stays linked
/// until its release has returned, and gets no invalidation afterwards: release itself must have stopped all walks.
sim::Task<void> AddressSpace::notifier_release(KernelContext& ctx) {
    if (notifiers_.empty()) co_return;
    for (MmuNotifier* n : std::vector<MmuNotifier*>(notifiers_))
        if (linked(*n)) co_await n->release(ctx, *this);
    notifiers_.clear(); // each still owns its mm_count until it is put
    co_await ctx.sleep_on(sim::delay(config_.srcu.get()), "synchronize-srcu", "srcu");
}

sim::Task<void> AddressSpace::zap(KernelContext& ctx, Va page) {
    const Spa entry = table_entry(page, false);
    co_await ctx.store(entry, 0);
    frames_.ledger().frame_unmapped(pages_.at(page.page_number()));
}

sim::Task<void> AddressSpace::free_gathered(KernelContext& ctx, std::vector<Spa>& gathered) {
    co_await ctx.barrier(); // the cleared entries are visible before a page can be somebody else's
    for (Spa f : gathered) {
        co_await ctx.spend(config_.free_page.get(), name_);
        frames_.give(f);
    }
    gathered.clear();
}

sim::Task<void> AddressSpace::unmap_vmas(KernelContext& ctx) {
    auto work = ctx.begin("unmap-vmas");
    std::vector<Spa> gathered;
    while (!pages_.empty()) {
        const auto [number, frame] = *pages_.begin();
        co_await ctx.spend(config_.unmap_page.get(), name_);
        co_await zap(ctx, Va{number << page_shift});
        pages_.erase(pages_.begin());
        gathered.push_back(frame);
        if (gathered.size() == config_.gather) co_await free_gathered(ctx, gathered);
    }
    co_await free_gathered(ctx, gathered);
}

sim::Task<void> AddressSpace::free_pgtables(KernelContext& ctx) {
    auto work = ctx.begin("free-pgtables");
    co_await ctx.spend(config_.tlb_flush.get(), name_); // fullmm: one flush_tlb_mm because tables go
    for (; !tables_.empty(); tables_.pop_back()) {
        co_await ctx.spend(config_.free_table.get(), name_);
        frames_.give(tables_.back());
    }
}

sim::Task<void> AddressSpace::munmap(KernelContext& ctx, Va first, u64 pages) {
    auto held = co_await ctx.sleep_on(mmap_lock_.write(), "mmap-lock", "mmap_lock");
    std::vector<Spa> gathered;
    {
        auto work = ctx.begin("zap-pages");
        for (u64 i = 0; i < pages; ++i) {
            const Va page = first + i * page_size;
            unmapped_.insert(page.page_number());
            const auto found = pages_.find(page.page_number());
            if (found == pages_.end()) continue;
            co_await ctx.spend(config_.unmap_page.get(), name_);
            co_await zap(ctx, page);
            gathered.push_back(found->second);
            pages_.erase(found);
        }
        co_await ctx.barrier();
        co_await ctx.spend(config_.tlb_flush.get(), name_);
    }
    // >= 6.6: arch_invalidate_secondary_tlbs from inside the CPU's flush; before: from mmu_gather right after it.
    for (MmuNotifier* n : std::vector<MmuNotifier*>(notifiers_))
        if (linked(*n)) co_await n->invalidate(ctx, *this, first, pages * page_size);
    auto work = ctx.begin("free-pages");
    co_await free_gathered(ctx, gathered);
}

} // namespace quiesce::os
