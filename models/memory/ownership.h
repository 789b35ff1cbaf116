// SPDX-License-Identifier: Apache-2.0
/// What the operating system tells the page ledger: who owns which frame, as which page, and which bond stands for which
/// address space. The truth that staleness is judged by; no hardware model sees it.
#pragma once
#include "base/address.h"

namespace quiesce::memory {

/// EmptyTable: a page table of the kernel's without an entry, which any address space's devices may be led to.
enum class FrameUse : u8 { Free, Leaf, Table, Kernel, EmptyTable };

/// What the entries that lead to a page let its owners write. Closing: they were narrowed, and not everybody has been
/// told; a write is legal until then.
enum class Writes : u8 { Allowed, Closing, Refused };

class Ownership {
public:
    virtual ~Ownership() = default;
    /// `frame` (4 KiB aligned) now belongs to `owner`, as the page at `page` (Leaf), as a page-table page, or to the kernel.
    virtual void frame_taken(Spa frame, MmId owner, FrameUse use, Va page) = 0;
    /// `with` has this leaf from now on, too, as the same page (copy on write, shared memory).
    virtual void frame_shared(Spa frame, MmId with) = 0;
    /// The page-table entry of this leaf was cleared, that of `of` if it is shared; the frame is not free yet. DMA to it is
    /// legal until it is.
    virtual void frame_unmapped(Spa frame, MmId of = MmId{}) = 0;
    /// `by` has it no more, and others do: it is not free.
    virtual void frame_left(Spa frame, MmId by) = 0;
    virtual void frame_writes(Spa frame, Writes writes) = 0;
    virtual void frame_freed(Spa frame) = 0;
    /// From now on work submitted under `bond` may touch what `mm` owns.
    virtual void bond_opened(BondId bond, MmId mm) = 0;
    /// Work under the bond reaches this frame by its own address, as this page of the bond's address space: from the first
    /// call on addresses for its DMA are those of memory.
    virtual void bond_reaches(BondId, Spa /*frame*/, Va /*page*/) {}
    /// The bond is unbound: any access under it is a violation from now on.
    virtual void bond_closed(BondId bond) = 0;
};

} // namespace quiesce::memory
