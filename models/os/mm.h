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
    base::Param<base::Latency> lazy_tlb{4_ms,
                                        "with lazy-mmdrop: a CPU that runs no process keeps the last one's address space at most so long",
                                        P::Guess, "an idle CPU's next tick at 250 Hz; nothing in the kernel bounds it"};
};
DESCRIBE(MmConfig, unmap_page, free_page, free_table, tlb_flush, gather, fault_page, fault_present, srcu, srcu_callback, lazy_tlb)
static_assert(base::fully_described<MmConfig>);

/// Makes room when an allocation finds none (os/oom.h).
class MemoryPressure {
public:
    virtual ~MemoryPressure() = default;
    /// One pass of the allocator's slow path. False: the allocation fails.
    virtual sim::Task<bool> make_room(KernelContext& ctx) = 0;
};

/// Frames of RAM. The lowest free one first, so that what is freed is soon somebody else's. RAM under the window of
/// interrupt messages is not used, as firmware's memory map says.
class FrameAllocator {
public:
    FrameAllocator(memory::Ownership& ledger, memory::MemoryPort& memory, Spa first, u64 frames,
                   const Architecture& architecture = arm64)
        : ledger_(ledger), memory_(memory), fresh_(first), end_(first + frames * page_size),
          hole_(architecture.messages), hole_end_(architecture.messages + architecture.message_bytes) {}
    /// Processes have at most so many frames together, their tables included; the last `reserve` of them are kept back.
    void set_limit(u64 users, u64 reserve) {
        limit_ = std::min(limit_, users);
        reserve_ = reserve;
    }
    void set_pressure(MemoryPressure* p) { pressure_ = p; }
    /// A zeroed frame. Throws std::runtime_error when memory is exhausted.
    Spa take(MmId owner, memory::FrameUse use, Va page);
    /// `bytes` of consecutive, zeroed frames for the kernel, aligned to `align`.
    Spa take_kernel(u64 bytes, u64 align = page_size);
    /// A root table without a valid entry, for contexts that are to lead nowhere.
    Spa take_empty_table();
    void give(Spa frame);
    /// Frames that processes could still be given.
    u64 left() const { return std::min(limit_ - std::min(limit_, taken_by_users_), freed_.size() + (end_ - fresh_) / page_size); }
    /// What has to be left for a page fault: a leaf, the tables on the way to it, and the reserve, of which victims of the
    /// OOM killer may have half (linux: ALLOC_OOM).
    u64 needed(const CurrentTask* t) const { return 4 + (t != nullptr && t->oom_victim ? reserve_ - reserve_ / 2 : reserve_); }
    bool has_room(const CurrentTask* t = nullptr) const { return left() >= needed(t); }
    /// Waits in the allocator's slow path until there is room. False: there will be none for this one.
    sim::Task<bool> wait_for_room(KernelContext& ctx, MmId mm);
    u64 limit() const { return limit_; }
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
    u64 taken_ = 0, taken_by_users_ = 0;
    u64 limit_ = (end_ - fresh_) / page_size, reserve_ = 0;
    MemoryPressure* pressure_ = nullptr;
};

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

/// `present`: so many of its pages, from its beginning, have been touched before. `read_only`: so many of those may only
/// be read until they are written, as after a fork whose child is gone.
struct NewMapping {
    u64 pages = 0;
    u64 present = ~u64{0};
    MemoryKind kind = MemoryKind::Private;
    u64 read_only = 0;
};

struct Vma {
    std::string name;
    Va start{};
    u64 pages = 0;
    MemoryKind kind = MemoryKind::Private;
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

    /// Takes no time: processes exist when the interesting part begins.
    void map(std::string name, Va start, const NewMapping& mapping);
    /// handle_mm_fault: the page is there afterwards, in a frame of its own, and may be written if that was asked for.
    /// The caller holds the mmap lock for reading. MODEL: every mapping is anonymous and may be read and written.
    sim::Task<FaultResult> fault_in(KernelContext& ctx, Va page, bool write = true);
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
    u64 present_pages() const { return pages_.size(); }
    /// With the pgd.
    u64 table_pages() const { return tables_.size() + 1; }

    // ---- what the OOM killer knows of it (os/oom.h) ----
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

private:
    sim::Task<void> exit_mmap(KernelContext& ctx);
    sim::Task<void> notifier_release(KernelContext& ctx);
    sim::Task<void> unmap_vmas(KernelContext& ctx);
    sim::Task<void> free_pgtables(KernelContext& ctx);
    sim::Task<void> make_writable(KernelContext& ctx, Va page);
    bool needed(Va first, u64 pages) const;
    sim::Task<void> zap(KernelContext& ctx, Va page);
    /// Pages whose entries are cleared: freed together (linux: mmu_gather).
    struct Gathered {
        std::vector<Spa> frames;
        u64 first = ~u64{0}, end = 0; ///< page numbers
    };
    using Flush = sim::Task<void> (AddressSpace::*)(KernelContext&, Gathered&);
    sim::Task<u64> unmap_pages(KernelContext& ctx, u64 from, u64 to, Flush flush);
    sim::Task<void> free_gathered(KernelContext& ctx, Gathered& gathered);
    sim::Task<void> flush_and_free(KernelContext& ctx, Gathered& gathered);
    sim::Task<void> unlink_tables(KernelContext& ctx, Va first, u64 pages, Gathered& gathered);
    sim::Task<bool> reap(KernelContext& ctx, const Vma& vma);
    sim::Task<void> invalidate_secondary(KernelContext& ctx, Va first, u64 bytes);
    sim::Task<bool> tell_range(KernelContext& ctx, Va first, u64 bytes, bool may_block);
    sim::Task<sim::Lease> lock_table(KernelContext& ctx, u64 page_number);
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
    std::map<u64, Spa> pages_;               ///< page number -> frame
    std::vector<Vma> vmas_;                  ///< a range that was unmapped stays in its VMA
    std::set<u64> unmapped_;                 ///< and these are its page numbers
    std::set<u64> read_only_;                ///< page numbers
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
