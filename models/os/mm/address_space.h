// SPDX-License-Identifier: Apache-2.0
/// Address spaces: real page tables in simulated memory, frames from an allocator, mmu notifiers, and the two reference counts
/// that decide when they go (facts/linux-sva.md 1.1 to 1.3).
#pragma once
#include "os/guests.h"
#include "os/mm/frames.h"
#include "sim/lock.h"

#include <map>
#include <optional>
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
    base::Param<base::Latency> wp_reuse{420_ns, "a write to a page that may only be read, and that nobody else has: it may be written",
                                        P::Measured, "CoW faults, x86, 2026 (Y.-H. Hsu): 420 ns reuse"};
    base::Param<base::Latency> wp_copy{1500_ns, "and where somebody else has it, too: a frame of its own, a copy, the entry", P::Measured,
                                       "CoW faults, x86, 2026 (Y.-H. Hsu): 1500 ns for the copy of 4 KiB"};
    base::Param<base::Latency> copy_entry{20_ns, "fork: one entry from the parent's table to the child's", P::Guess,
                                          "copy_present_ptes: a reference, a counter, two stores"};
    base::Param<base::Latency> protect_entry{10_ns, "mprotect: one entry", P::Guess, "change_pte_range: a load and a store"};
    base::Param<base::Latency> move_page{2_us, "migration: one page is isolated, its entry taken away, it is copied, and the new entry set", P::Guess,
                                         "migrate_pages, 4 KiB at some GB/s and two passes over the rmap"};
    base::Param<base::Latency> collapse{100_us, "512 pages are copied into one of 2 MiB", P::Guess, "2 MiB at 20 GB/s"};
    base::Param<base::Latency> split{1_us, "a mapping of 2 MiB becomes 512 entries", P::Guess, "__split_huge_pmd: 512 stores, counters"};
    base::Param<base::Latency> swap_out{100_us, "one page is written to swap", P::Guess, "a write to an NVMe SSD"};
    base::Param<base::Latency> swap_in{700_us, "one page is read back from swap", P::Measured,
                                       "To PRI or Not To PRI (OSDI 2025): a page fault with swap-in takes 700 us on average"};
    base::Param<base::Latency> pin_page{200_ns, "pin_user_pages and dma_map_sg, or the way back, of one page", P::Guess,
                                        "a walk of the tables and a counter; no measurement to cite"};
    base::Param<base::Latency> srcu{10_us, "synchronize_srcu with nobody inside", P::Kernel,
                                    "linux: srcutree.c, srcu_might_be_idle: an idle domain is expedited"};
    base::Param<base::Latency> srcu_callback{40_us, "call_srcu until its callback runs", P::Guess, "a grace period and a work queue hop"};
    base::Param<base::Latency> lazy_tlb{4_ms,
                                        "with lazy-mmdrop: a CPU that runs no process keeps the last one's address space at most so long",
                                        P::Guess, "an idle CPU's next tick at 250 Hz; nothing in the kernel bounds it"};
};
DESCRIBE(MmConfig, unmap_page, free_page, free_table, tlb_flush, gather, fault_page, fault_present, wp_reuse, wp_copy, copy_entry,
         protect_entry, move_page, collapse, split, swap_out, swap_in, pin_page, srcu, srcu_callback, lazy_tlb)
static_assert(base::fully_described<MmConfig>);

class AddressSpace;
/// Unstable: the OOM reaper has begun to take its pages, and none comes back (linux: MMF_UNSTABLE).
enum class FaultResult : u8 { Done, BadAddress, NoMemory, Unstable };

/// Called before pages of an mm go. `release` may sleep; `invalidate` may not.
class MmuNotifier {
public:
    virtual ~MmuNotifier() = default;
    virtual sim::Task<void> release(KernelContext& ctx, AddressSpace& mm) = 0;
    virtual sim::Task<void> invalidate(KernelContext& ctx, AddressSpace& mm, Va first, u64 bytes) = 0;
};

/// Of pages that nobody else has: a GPU's user pointers (linux: mmu_interval_notifier). Called before the entries go.
class RangeNotifier {
public:
    virtual ~RangeNotifier() = default;
    /// Waits until the device uses the pages no more. False (-EAGAIN): it would have to wait, and may not.
    virtual sim::Task<bool> invalidate(KernelContext& ctx, bool may_block) = 0;
    Va first{};
    u64 bytes = 0;
};

/// What a mapping is of. The OOM reaper takes private memory alone. MODEL: pages of every kind are of 4 KiB, belong to one
/// address space, and go with it.
enum class MemoryKind : u8 { Private, Shared, Hugetlb, PfnMapped };
constexpr auto enum_names(MemoryKind) {
    return base::name_table<MemoryKind>({{MemoryKind::Private, "private"}, {MemoryKind::Shared, "shared"},
                                         {MemoryKind::Hugetlb, "hugetlb"}, {MemoryKind::PfnMapped, "pfn-mapped"}});
}

constexpr u64 stack_pages = 8;

/// `present`: so many of its pages, from its beginning, have been touched before. `huge`: by 2 MiB where it can be.
struct NewMapping {
    u64 pages = 0;
    u64 present = ~u64{0};
    MemoryKind kind = MemoryKind::Private;
    bool huge = false;
    /// Frames that a process with it has at most when it begins, with its stack and its tables.
    u64 frames() const;
};

struct Vma {
    std::string name;
    Va start{};
    u64 pages = 0;
    MemoryKind kind = MemoryKind::Private;
    Va end() const { return start + pages * page_size; }
};

/// A page whose frame stays, whatever becomes of its mapping.
struct PinnedPage {
    Va page{};
    Spa frame{};
};

class AddressSpace {
public:
    AddressSpace(MmId id, base::Name name, const MmConfig& config, FrameAllocator& frames,
                 const Architecture& architecture = arm64);
    AddressSpace(const AddressSpace&) = delete;

    MmId id() const { return id_; }
    base::Name name() const { return name_; }
    Spa pgd() const { return pgd_; }
    /// Where its guest has the pgd: what a context says.
    Gpa root() const { return frames_.guest_address(pgd_); }
    /// Of whose kernel it is.
    void be_of(GuestId guest) { guest_ = guest; }
    GuestId guest() const { return guest_; }
    sim::RwLock& mmap_lock() { return mmap_lock_; }
    const std::vector<Vma>& vmas() const { return vmas_; }
    const Vma* find(std::string_view name) const;

    /// Takes no time: processes exist when the interesting part begins.
    void map(std::string name, Va start, const NewMapping& mapping);
    /// handle_mm_fault: the page is there afterwards, and may be written if that was asked for. The caller holds the mmap lock
    /// for reading. MODEL: every mapping is anonymous; nothing can be executed.
    sim::Task<FaultResult> fault_in(KernelContext& ctx, Va page, bool write = true);
    /// It is the kernel's own (init_mm): privileged requests alone reach it, nobody is told when something of it goes, and it never ends.
    void be_supervisors() { supervisor_ = true; }
    bool supervisor() const { return supervisor_; }
    /// An entry that lets more happen than before is told to secondary TLBs, too (from 6.6 on).
    void tell_upgrades(bool tell) { tells_upgrades_ = tell; }

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
    /// Called between exit_mmap and the drop of its own reference.
    std::function<void(AddressSpace&)> on_exit;
    unsigned users() const { return users_; }
    unsigned count() const { return count_; }
    bool dead() const { return users_ == 0; }
    /// exit_mmap is under way.
    bool exiting() const { return dead() && !vmas_.empty(); }
    /// Called when its mappings go, behind their pages and tables (linux: remove_vma): a mapping of a device's file.
    void on_remove(std::function<void(KernelContext&)> f) { removed_.push_back(std::move(f)); }

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
    void range_notifier_register(RangeNotifier& n) { range_notifiers_.push_back(&n); }

    /// munmap: entries, CPU TLBs, secondary TLBs, then the pages.
    sim::Task<void> munmap(KernelContext& ctx, Va first, u64 pages);
    /// mprotect: from now on they may only be read, or be written again.
    sim::Task<void> mprotect(KernelContext& ctx, Va first, u64 pages, bool writable);
    u64 present_pages() const { return pages_.size(); }
    u64 swapped_pages() const { return away_.size(); }

    // ---- pages that several have, that move, that go and come back (os/mm/cow.cpp, os/mm/page_moves.cpp, os/mm/huge.cpp) ----
    /// fork: `child`, which is new, gets the same mappings; private pages are copied when somebody writes to them, pinned
    /// ones at once. The caller holds the mmap lock for writing. False: no memory for the child's tables.
    sim::Task<bool> copy_to(KernelContext& ctx, AddressSpace& child);
    /// What a scenario learns of pages that it asked to be moved.
    struct Moved {
        u64 done = 0, pinned = 0, shared = 0, absent = 0;
        u64 no_swap = 0, failed = 0; ///< swap is full; no memory, or gone when it was its turn
        bool refused = false;        ///< EINVAL: nothing of that kind of mapping ever goes to swap
    };
    /// move_pages(MPOL_MF_MOVE): each to another frame, except those that somebody else has, too.
    sim::Task<Moved> migrate(KernelContext& ctx, Va first, u64 pages);
    /// madvise(MADV_PAGEOUT): to swap, as long as there is room in it.
    sim::Task<Moved> page_out(KernelContext& ctx, Va first, u64 pages);
    /// Direct reclaim: at most so many of its pages, the first ones that can go. `ours`: the caller has the mmap lock. Zero also
    /// where somebody else has it.
    sim::Task<u64> reclaim(KernelContext& ctx, u64 pages, bool ours);
    /// madvise(MADV_COLLAPSE): 512 pages become one of 2 MiB. False: one is missing, pinned or shared, or there is no memory.
    sim::Task<bool> collapse(KernelContext& ctx, Va first);
    /// pin_user_pages(FOLL_LONGTERM | FOLL_WRITE): they are made present, writable and its own. What cannot be had ends the
    /// list.
    sim::Task<std::vector<PinnedPage>> pin(KernelContext& ctx, Va first, u64 pages);
    /// unpin_user_pages: what has lost its mapping meanwhile goes back to the allocator.
    sim::Task<void> unpin(KernelContext& ctx, std::vector<PinnedPage> list);
    /// Pages of it that are mapped by 2 MiB.
    u64 huge_mappings() const;
    /// With the pgd.
    u64 table_pages() const { return tables_.size() + 1; }

    // ---- what the OOM killer knows of it (os/mm/oom.h) ----
    /// __oom_reap_task_mm: takes what it can without waiting for anybody, and leaves the tables. The caller holds the mmap
    /// lock for reading. False: a range notifier refused. `backwards`: from the last mapping to the first.
    sim::Task<bool> reap(KernelContext& ctx, bool backwards);
    /// MMF_OOM_SKIP: it was reaped, or cannot be, or has nothing left. The OOM killer looks at others from now on.
    bool hidden() const { return hidden_; }
    void hide() { hidden_ = true; }
    /// MMF_OOM_REAP_QUEUED: false if it was before.
    bool queue_reap() { return !std::exchange(reap_queued_, true); }
    /// Time that contexts spun for the locks of its tables, together.
    sim::Duration table_lock_waited() const { return table_lock_waited_; }
    /// Where a byte of it is, as its own loads and stores find it; nothing if its page is not there.
    std::optional<Spa> place_of(Va at) const;
    /// And may it be written there without a fault?
    bool writable(Va at) const;

private:
    struct Page {
        Spa frame{};
        bool writable = true;
        bool huge = false; ///< its entry is one level up, for all 512
    };
    /// A page that has no frame for now, and is not to get an empty one from a page fault.
    struct Away {
        bool moving = false;          ///< somebody is at it; `settled_` tells when that is over
        std::vector<std::byte> bytes; ///< in swap
    };
    using Pages = std::map<u64, Page>;
    /// Pages whose entries are cleared: freed together (linux: mmu_gather).
    struct Gathered {
        std::vector<Spa> frames;
        std::vector<Spa> blocks;      ///< of 2 MiB
        u64 first = ~u64{0}, end = 0; ///< page numbers
        u64 entries() const { return frames.size() + blocks.size(); }
    };

    bool supervisor_ = false;
    GuestId guest_ = first_guest;
    sim::Task<void> exit_mmap(KernelContext& ctx);
    sim::Task<void> notifier_release(KernelContext& ctx);
    sim::Task<void> unmap_vmas(KernelContext& ctx);
    sim::Task<void> free_pgtables(KernelContext& ctx);
    sim::Task<FaultResult> write_fault(KernelContext& ctx, Va page);
    sim::Task<void> reuse(KernelContext& ctx, Va page);
    sim::Task<FaultResult> copy(KernelContext& ctx, Va page);
    sim::Task<FaultResult> first_touch(KernelContext& ctx, Va page);
    sim::Task<FaultResult> swap_in(KernelContext& ctx, Va page);
    sim::Task<void> share(KernelContext& ctx, AddressSpace& child, Pages::iterator its, std::vector<Spa>& narrowed);
    void copy_bytes(Spa from, Spa to);
    MemoryKind kind_of(Va page) const;
    bool any_of_block(Va page, bool (FrameAllocator::*is)(Spa) const) const;
    sim::Task<void> change_entry(KernelContext& ctx, u64 number, bool writable, std::vector<Spa>& narrowed);
    sim::Task<void> take_entry(KernelContext& ctx, Va page);
    sim::Task<bool> move(KernelContext& ctx, Va page);
    sim::Task<bool> swap_out(KernelContext& ctx, Va page);
    using Mover = sim::Task<bool> (AddressSpace::*)(KernelContext&, Va);
    sim::Task<Moved> each_movable(KernelContext& ctx, Va first, u64 pages, Mover mover);
    void forget_away(u64 from, u64 to);
    bool movable(u64 number, Moved& moved) const;
    bool swappable(Va page) const;
    void map_page(Va page, Spa frame);
    bool map_huge(Va page);
    void take_tables(Va page);
    void deposit(Va page);
    Spa entry_of(Va page);
    sim::Task<void> split_huge(KernelContext& ctx, Va page);
    sim::Task<void> split_at(KernelContext& ctx, Va at);
    sim::Task<void> split_in(KernelContext& ctx, Va first, u64 pages);
    u64 entry_bits(const Page& p) const { return frames_.guest_address(p.frame).value() | format_.bits(p.writable, p.huge); }
    /// The entry that leads to a table, and the table that an entry leads to.
    u64 table_word(Spa table) const { return frames_.guest_address(table).value() | format_.table_bits; }
    Spa table_of(u64 word) const { return frames_.place_of(Gpa{word & format_.address_mask}); }
    bool needed(Va first, u64 pages) const;
    sim::Task<void> zap(KernelContext& ctx, Va page);
    sim::Task<u64> zap_next(KernelContext& ctx, u64 number, Gathered& gathered);
    using Flush = sim::Task<void> (AddressSpace::*)(KernelContext&, Gathered&);
    sim::Task<u64> unmap_pages(KernelContext& ctx, u64 from, u64 to, Flush flush);
    sim::Task<void> free_gathered(KernelContext& ctx, Gathered& gathered);
    sim::Task<void> flush_and_free(KernelContext& ctx, Gathered& gathered);
    sim::Task<void> unlink_tables(KernelContext& ctx, Va first, u64 pages, Gathered& gathered);
    sim::Task<bool> reap(KernelContext& ctx, const Vma& vma);
    sim::Task<void> invalidate_secondary(KernelContext& ctx, Va first, u64 bytes);
    sim::Task<bool> tell_range(KernelContext& ctx, Va first, u64 bytes, bool may_block);
    sim::Task<sim::Lease> lock_table(KernelContext& ctx, u64 page_number);
    sim::Task<std::optional<sim::Lease>> lock_with_room(KernelContext& ctx, u64 page_number);
    sim::Task<void> drop_later();
    Spa table_entry(Va page, bool make, unsigned last = page_shift);
    bool mapped(Va page) const;

    MmId id_;
    base::Name name_;
    MmConfig config_;
    FrameAllocator& frames_;
    PageTableFormat format_;
    Spa pgd_;
    std::vector<Spa> tables_;                ///< all but the pgd
    Pages pages_;                            ///< by page number
    std::map<u64, Away> away_;               ///< by page number
    sim::Signal settled_;                    ///< a page that was moving is there, in swap, or gone
    std::map<u64, Spa> deposited_;           ///< by page number: the table that takes a block's place when it is split
    std::vector<Vma> vmas_;                  ///< a range that was unmapped stays in its VMA
    std::set<u64> unmapped_;                 ///< and these are its page numbers
    std::set<u64> read_only_;                ///< page numbers that mprotect took the writing from
    bool tells_upgrades_ = true;
    std::vector<MmuNotifier*> notifiers_;
    std::vector<RangeNotifier*> range_notifiers_;
    std::vector<std::function<void(KernelContext&)>> removed_;
    sim::RwLock mmap_lock_;
    std::map<u64, sim::Mutex> table_locks_; ///< of level-3 tables, by page number / 512; spun for
    sim::Duration table_lock_waited_{};
    bool unstable_ = false, hidden_ = false, reap_queued_ = false;
    unsigned users_ = 1, count_ = 1;
};

} // namespace quiesce::os
