// SPDX-License-Identifier: Apache-2.0
/// RAM as the kernel hands it out, by frames of 4 KiB (linux: mm/page_alloc.c), with what else than one page table may hold a
/// frame: other address spaces, and pins.
#pragma once
#include "memory/memory_port.h"
#include "memory/ownership.h"
#include "os/architecture.h"
#include "os/kthread.h"

#include <optional>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace quiesce::os {

constexpr u64 huge_pages = 512; ///< of 4 KiB in one of 2 MiB
constexpr unsigned huge_shift = page_shift + 9;
constexpr u64 huge_size = u64{1} << huge_shift;

/// Kernel: may sleep for it. Of more than PAGE_ALLOC_COSTLY_ORDER, one pass of reclaim has to do, and nobody is killed. Atomic:
/// may not, and has of the reserve (linux: GFP_KERNEL, GFP_ATOMIC).
enum class Gfp : u8 { Kernel, Atomic };

/// Makes room when an allocation finds none (os/mm/oom.h).
class MemoryPressure {
public:
    virtual ~MemoryPressure() = default;
    /// One pass of the allocator's slow path. False: the allocation fails.
    virtual sim::Task<bool> make_room(KernelContext& ctx) = 0;
    /// Direct reclaim alone. False: it found nothing.
    virtual sim::Task<bool> reclaim(KernelContext& ctx) = 0;
};

/// Frames of RAM. The lowest free one first, so that what is freed is soon somebody else's. RAM under the window of
/// interrupt messages is not used, as firmware's memory map says. MODEL: what was taken by 2 MiB comes back by 4 KiB, and is
/// not put together again.
class FrameAllocator {
public:
    FrameAllocator(memory::Ownership& ledger, memory::MemoryPort& memory, Spa first, u64 frames,
                   const Architecture& architecture = arm64)
        : ledger_(ledger), memory_(memory), first_(first), fresh_(first), end_(first + frames * page_size),
          hole_(architecture.messages), hole_end_(architecture.messages + architecture.message_bytes) {}
    /// Processes have at most so many frames together, their tables included; the last `reserve` of them are kept back.
    void set_limit(u64 users, u64 reserve) {
        limit_ = std::min(limit_, users);
        reserve_ = reserve;
    }
    void set_pressure(MemoryPressure* p) { pressure_ = p; }
    void set_swap(u64 pages) { swap_left_ = pages; }
    /// RAM of a guest, which finds it so far below where it is: what its tables and contexts say are guest addresses.
    void be_displaced(u64 by) { displaced_ = by; }
    u64 displaced() const { return displaced_; }
    Gpa guest_address(Spa at) const { return Gpa{at.value() - displaced_}; }
    Spa place_of(Gpa at) const { return Spa{at.value() + displaced_}; }
    /// A place in swap for one page, if there is one.
    bool take_swap() { return swap_left_ > 0 && swap_left_-- > 0; }
    void give_swap(u64 pages) { swap_left_ += pages; }
    u64 swap_left() const { return swap_left_; }
    /// A zeroed frame. Throws std::runtime_error when memory is exhausted.
    Spa take(MmId owner, memory::FrameUse use, Va page);
    /// `bytes` of consecutive, zeroed frames for the kernel, aligned to `align`.
    Spa take_kernel(u64 bytes, u64 align = page_size);
    /// What take_kernel() gave: of a guest's kernel, which gives up a device.
    void give_kernel(Spa first, u64 bytes);
    /// A root table without a valid entry, for contexts that are to lead nowhere.
    Spa take_empty_table();
    /// 512 consecutive ones at once, aligned to 2 MiB, or nothing where RAM has no such piece any more.
    std::optional<Spa> take_huge(MmId owner, Va page);
    /// `with` has the frame from now on, too, as the same page.
    void share(Spa frame, MmId with);
    /// Somebody else than page tables uses it, and goes on when they let go of it (linux: FOLL_LONGTERM).
    void pin(Spa frame) { ++pins_[frame.value()]; }
    void unpin(Spa frame);
    bool pinned(Spa frame) const { return pins_.count(frame.value()) != 0; }
    std::size_t pins() const { return pins_.size(); } ///< frames that are pinned
    /// More than one address space has it.
    bool shared(Spa frame) const { return shares_.count(frame.value()) != 0; }
    /// `by` has it no more: it is free, unless somebody else has it, or it is pinned.
    void give(Spa frame, MmId by = MmId{});
    /// Frames that processes could still be given.
    u64 left() const { return std::min(limit_ - std::min(limit_, taken_by_users_), freed_.size() + (end_ - fresh_) / page_size); }
    /// What has to be left for a page fault: a leaf, the tables on the way to it, and the reserve, of which victims of the
    /// OOM killer may have half (linux: ALLOC_OOM).
    u64 needed(const CurrentTask* t) const { return most_for_a_fault + (t != nullptr && t->oom_victim ? reserve_ - reserve_ / 2 : reserve_); }
    bool has_room(const CurrentTask* t = nullptr) const { return left() >= needed(t); }
    /// There still is when it comes to taking: others may have found the same room.
    bool can_take() const { return left() >= most_for_a_fault; }
    /// Waits in the allocator's slow path until there is room. False: there will be none for this one.
    sim::Task<bool> wait_for_room(KernelContext& ctx, MmId mm);
    /// There is memory for a table of a driver, of so many pages behind each other. MODEL: what drivers have is not counted among
    /// what processes can have, and is refused where those have left nothing; RAM is not fragmented.
    sim::Task<bool> room_for_table(KernelContext& ctx, u64 pages, Gfp how);
    /// Contexts that wait for room for a page of that address space.
    unsigned waiting(MmId mm) const;
    u64 limit() const { return limit_; }
    memory::Ownership& ledger() { return ledger_; }
    memory::MemoryPort& memory() { return memory_; }
    u64 taken() const { return taken_; }
    Spa first() const { return first_; }
    Spa end() const { return end_; } ///< of RAM

private:
    static constexpr u64 most_for_a_fault = 4; ///< a leaf and three tables
    void zero(Spa frame);
    /// `bytes` of frames that nobody had before.
    Spa take_fresh(u64 bytes, u64 align);
    memory::Ownership& ledger_;
    memory::MemoryPort& memory_;
    Spa first_, fresh_, end_, hole_, hole_end_;
    u64 displaced_ = 0;
    std::priority_queue<u64, std::vector<u64>, std::greater<>> freed_;
    std::unordered_map<u64, unsigned> shares_; ///< address spaces that have it besides the first
    std::unordered_map<u64, unsigned> pins_;
    std::unordered_set<u64> kept_; ///< by pins alone
    u64 taken_ = 0, taken_by_users_ = 0;
    u64 limit_ = (end_ - fresh_) / page_size, reserve_ = 0;
    MemoryPressure* pressure_ = nullptr;
    std::unordered_map<u32, unsigned> waiting_; ///< by mm
    u64 swap_left_ = 0;
};

} // namespace quiesce::os
