// SPDX-License-Identifier: Apache-2.0
/// Address spaces: real page tables in simulated memory, frames from an allocator, mmu notifiers, and the two reference counts
/// that decide when they go (facts/linux-sva.md 1.1 to 1.3).
#pragma once
#include "memory/ownership.h"
#include "os/kthread.h"
#include "os/architecture.h"
#include "sim/lock.h"

#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>

namespace quiesce::os {

struct MmConfig {
    using P = base::Provenance;
    base::Param<base::Latency> unmap_page{180_ns, "unmap_vmas: rmap, counters and the entry of one page", P::Derived,
        "unmap_vmas is 76.7 % of exit_mmap on an arm64 phone (zhongjinji, linux-mm, 2025-09-16); per "
        "page fitted, not measured"};
    base::Param<base::Latency> free_page{60_ns, "one page back to the allocator", P::Guess, "buddy allocator per-cpu list"};
    base::Param<base::Latency> free_table{200_ns, "free_pgtables: one page-table page", P::Derived,
        "free_pgtables is 12.7 % of exit_mmap on an arm64 phone (zhongjinji, linux-mm, 2025-09-16)"};
    base::Param<base::Latency> tlb_flush{1_us, "flush the CPUs' TLBs for a range or an address space", P::Guess,
                                         "an IPI round trip of 1..3 us; no measurement to cite"};
    base::Param<unsigned> gather{512, "pages gathered before they are freed together", base::between(1, 10'000), P::Kernel,
                                 "linux: MAX_GATHER_BATCH, one page of pointers less a header"};
    base::Param<base::Latency> fault_page{1700_ns, "handle_mm_fault of an absent anonymous page: frame, zeroing, entry",
                                          P::Derived, "CPU page fault of 1.7 us (Vesely et al., ISPASS 2016)"};
    base::Param<base::Latency> fault_present{300_ns,
                                             "the same for a page that is there, or an address that is not mapped",
                                             P::Guess, "a walk of the VMAs and of the tables"};
    base::Param<base::Latency> srcu{10_us, "synchronize_srcu with nobody inside", P::Kernel,
                                    "linux: srcutree.c, srcu_might_be_idle: an idle domain is expedited"};
    base::Param<base::Latency> srcu_callback{40_us, "call_srcu until its callback runs", P::Guess, "a grace period and a work queue hop"};
};
DESCRIBE(MmConfig, unmap_page, free_page, free_table, tlb_flush, gather, fault_page, fault_present, srcu, srcu_callback)
static_assert(base::fully_described<MmConfig>);

/// Frames of RAM. The lowest free one first, so that what is freed is soon somebody else's. RAM under the window of
/// interrupt messages is not used, as firmware's memory map says.
class FrameAllocator {
public:
    FrameAllocator(memory::Ownership& ledger, memory::MemoryPort& memory, Spa first, u64 frames,
                   const Architecture& architecture = arm64)
        : ledger_(ledger), memory_(memory), fresh_(first), end_(first + frames * page_size),
          hole_(architecture.messages), hole_end_(architecture.messages + architecture.message_bytes) {}
    /// A zeroed frame. Throws std::runtime_error when memory is exhausted.
    Spa take(MmId owner, memory::FrameUse use, Va page);
    /// `bytes` of consecutive, zeroed frames for the kernel, aligned to `align`.
    Spa take_kernel(u64 bytes, u64 align = page_size);
    void give(Spa frame);
    /// A leaf and the tables on the way to it can be had.
    bool has_room() const { return freed_.size() + (end_ - fresh_) / page_size >= 4; }
    memory::Ownership& ledger() { return ledger_; }
    memory::MemoryPort& memory() { return memory_; }
    u64 taken() const { return taken_; }
    Spa end() const { return end_; } ///< of RAM

private:
    void zero(Spa frame);
    /// `bytes` of frames that nobody had before.
    Spa take_fresh(u64 bytes, u64 align);
    memory::Ownership& ledger_;
    memory::MemoryPort& memory_;
    Spa fresh_, end_, hole_, hole_end_;
    std::priority_queue<u64, std::vector<u64>, std::greater<>> freed_;
    u64 taken_ = 0;
};

class AddressSpace;
enum class FaultResult : u8 { Done, BadAddress, NoMemory };

/// Called before pages of an mm go. `release` may sleep; `invalidate` may not.
class MmuNotifier {
public:
    virtual ~MmuNotifier() = default;
    virtual sim::Task<void> release(KernelContext& ctx, AddressSpace& mm) = 0;
    virtual sim::Task<void> invalidate(KernelContext& ctx, AddressSpace& mm, Va first, u64 bytes) = 0;
};

struct Vma {
    std::string name;
    Va start{};
    u64 pages = 0;
    Va end() const { return start + pages * page_size; }
};

class AddressSpace {
public:
    AddressSpace(MmId id, base::Name name, const MmConfig& config, FrameAllocator& frames,
                 const Architecture& architecture = arm64);
    AddressSpace(const AddressSpace&) = delete;

    MmId id() const { return id_; }
    base::Name name() const { return name_; }
    Spa pgd() const { return pgd_; }
    sim::RwLock& mmap_lock() { return mmap_lock_; }
    const std::vector<Vma>& vmas() const { return vmas_; }
    const Vma* find(std::string_view name) const;

    /// A mapping, the first `present` of its pages there. Takes no time: processes exist when the interesting part
    /// begins.
    void map(std::string name, Va start, u64 pages, u64 present = ~u64{0});
    /// handle_mm_fault: the page is there afterwards, in a frame of its own. The caller holds the mmap lock for
    /// reading. MODEL: every mapping is anonymous and may be read and written.
    sim::Task<FaultResult> fault_in(KernelContext& ctx, Va page);

    // ---- life (1.1) ----
    void mmget() { ++users_; }
    /// Another user unless there is none left.
    bool mmget_not_zero() { return users_ > 0 && ++users_ > 0; }
    void mmgrab() { ++count_; }
    /// The last one runs exit_mmap in this context. True if it did.
    sim::Task<bool> mmput(KernelContext& ctx);
    /// The last one frees the pgd and calls on_drop.
    void mmdrop();
    std::function<void(AddressSpace&)> on_drop;
    unsigned users() const { return users_; }
    unsigned count() const { return count_; }
    bool dead() const { return users_ == 0; }

    // ---- notifiers (1.3) ----
    /// The latest goes first (linux: hlist_add_head_rcu): so notifiers are called, at an invalidation and at the release.
    void notifier_register(MmuNotifier& n) {
        mmgrab();
        notifiers_.insert(notifiers_.begin(), &n);
    }
    /// Unlinks at once; drops mm_count after a grace period. release() is not called.
    void notifier_put(MmuNotifier& n);
    /// Unlinks at once, waits for the grace period and drops mm_count. MODEL: release() is not called: what is unregistered
    /// here has nothing left to release.
    sim::Task<void> notifier_unregister(KernelContext& ctx, MmuNotifier& n);
    bool linked(const MmuNotifier& n) const;

    /// munmap: entries, CPU TLBs, secondary TLBs, then the pages.
    sim::Task<void> munmap(KernelContext& ctx, Va first, u64 pages);
    u64 present_pages() const { return pages_.size(); }
    /// Where a byte of it is, as its own loads and stores find it; nothing if its page is not there.
    std::optional<Spa> place_of(Va at) const;

private:
    sim::Task<void> exit_mmap(KernelContext& ctx);
    sim::Task<void> notifier_release(KernelContext& ctx);
    sim::Task<void> unmap_vmas(KernelContext& ctx);
    sim::Task<void> free_pgtables(KernelContext& ctx);
    sim::Task<void> zap(KernelContext& ctx, Va page);
    sim::Task<void> free_gathered(KernelContext& ctx, std::vector<Spa>& gathered);
    sim::Task<void> drop_later();
    Spa table_entry(Va page, bool make);
    bool mapped(Va page) const;

    MmId id_;
    base::Name name_;
    MmConfig config_;
    FrameAllocator& frames_;
    PageTableFormat format_;
    Spa pgd_;
    std::vector<Spa> tables_;                ///< all but the pgd
    std::map<u64, Spa> pages_;               ///< page number -> frame
    std::vector<Vma> vmas_;                  ///< a range that was unmapped stays in its VMA
    std::set<u64> unmapped_;                 ///< and these are its page numbers
    std::vector<MmuNotifier*> notifiers_;
    sim::RwLock mmap_lock_;
    unsigned users_ = 1, count_ = 1;
};

} // namespace quiesce::os
