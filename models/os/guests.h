// SPDX-License-Identifier: Apache-2.0
/// Guests of one hypervisor (os.guests), each with a part of RAM that is its own.
/// MODEL: the guests' kernels are one: they share CPUs, locks, and the numbers of PASIDs and ASIDs; what is of one
/// guest alone is its memory, the second stage behind its devices, and the number (VMID, DID) that the IOMMU knows that
/// by. No memory pressure comes up in a guest: what os.oom says is of the hypervisor's part where there are several.
#pragma once
#include "os/mm/frames.h"

#include <map>
#include <memory>
#include <vector>

namespace quiesce::os {

enum class GuestId : u32 {};
inline constexpr GuestId no_guest{0}, first_guest{1};

/// With one guest, or none, all RAM is the kernel's. With several the first part is the hypervisor's own, and every
/// guest has one of the others, as large; where it lies differs, and every guest finds its memory at the addresses of
/// the first.
class Guests {
public:
    /// `at_once`: the most that there are at a time. `own`: has the first part, or all.
    Guests(FrameAllocator& own, memory::Ownership& ledger, memory::MemoryPort& memory, Spa ram, u64 ram_bytes,
           unsigned at_once, const Architecture& architecture);
    /// Bytes of one part.
    static u64 part_bytes(u64 ram_bytes, unsigned at_once);
    /// Has the lowest part that is free from now on, unless it has one. Throws std::runtime_error if there is none.
    void begin(GuestId guest);
    bool runs(GuestId guest) const { return part_of_.count(guest) != 0; }
    FrameAllocator& memory_of(GuestId guest) { return *parts_.at(part_of_.at(guest)); }
    const FrameAllocator& memory_of(GuestId guest) const { return *parts_.at(part_of_.at(guest)); }
    /// In its memory, and there from the first call on: FrameAllocator::take_empty_table().
    Spa empty_table(GuestId guest);
    /// Its part is anybody's: nothing in it is in use any more.
    void end(GuestId guest) { part_of_.erase(guest); }

private:
    std::vector<std::unique_ptr<FrameAllocator>> made_;
    std::vector<FrameAllocator*> parts_;
    std::map<GuestId, std::size_t> part_of_;
    std::map<std::size_t, Spa> empty_tables_; ///< by part
};

} // namespace quiesce::os
