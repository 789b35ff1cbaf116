// SPDX-License-Identifier: Apache-2.0
/// Facts that memory and the page ledger state.
#pragma once
#include "base/address.h"
#include "base/describe.h"
#include "memory/ownership.h"
#include "sim/time.h"

#include <string_view>

namespace quiesce::memory {

enum class Verdict : u8 {
    Legal,           ///< the bond's mm owns the frame as that page
    AfterUnmap,      ///< legal: the entry is cleared but the page is not free yet, or narrowed but not everybody is told
    Stale,           ///< the frame was the bond's page once and is not any more
    CrossProcess,    ///< the frame was never the bond's page and belongs to another address space or the kernel
    AfterUnbind,     ///< the bond is unbound
    ReadOnly,        ///< a write to a page of its own that could be written once, and may only be read by now
};

/// A DMA's bytes moved: a write landed or a read was sampled.
struct DmaCommitted {
    static constexpr std::string_view event_name = "DmaCommitted";
    u64 transaction;
    BondId bond;
    DeviceId device;
    bool has_pasid;
    Pasid pasid;
    Iova aimed_at;
    Spa at;
    u32 bytes;
    bool write;
    Verdict verdict;
    sim::Time translated_at;
};
DESCRIBE(DmaCommitted, transaction, bond, device, has_pasid, pasid, aimed_at, at, bytes, write, verdict, translated_at)

/// A table walker read an entry for a bond. `stale`: the table page is not the bond's address space's any more.
struct WalkCommitted {
    static constexpr std::string_view event_name = "WalkCommitted";
    BondId bond;
    DeviceId device;
    Pasid pasid;
    Iova aimed_at;
    Spa at;
    u8 level;
    bool stale;
};
DESCRIBE(WalkCommitted, bond, device, pasid, aimed_at, at, level, stale)

/// A structure that was fetched in beats was written meanwhile: what the hardware has is neither what it was when the
/// first beat was sampled nor what it was when the last was. `word0`: the fetched first word; `now`: what memory has there.
struct StructureTorn {
    static constexpr std::string_view event_name = "StructureTorn";
    u64 transaction;
    BondId bond;
    Spa at;
    u32 bytes;
    u64 word0, now;
};
DESCRIBE(StructureTorn, transaction, bond, at, bytes, word0, now)

/// A frame came to an address space, for a page or a table of its own.
struct FrameTaken {
    static constexpr std::string_view event_name = "FrameTaken";
    Spa frame;
    MmId owner;
    FrameUse use;
    Va page;
};
DESCRIBE(FrameTaken, frame, owner, use, page)

/// A frame of `owner` came to `with`, too.
struct FrameShared {
    static constexpr std::string_view event_name = "FrameShared";
    Spa frame;
    MmId owner, with;
    Va page;
};
DESCRIBE(FrameShared, frame, owner, with, page)

/// `by` has it no more; `owner` does.
struct FrameLeft {
    static constexpr std::string_view event_name = "FrameLeft";
    Spa frame;
    MmId by, owner;
    Va page;
};
DESCRIBE(FrameLeft, frame, by, owner, page)

/// The entry of a page was cleared, or that which led to a table.
struct FrameUnmapped {
    static constexpr std::string_view event_name = "FrameUnmapped";
    Spa frame;
    MmId owner;
    Va page;
};
DESCRIBE(FrameUnmapped, frame, owner, page)

/// A frame went back to whoever has free ones: it may be taken again.
struct FrameFreed {
    static constexpr std::string_view event_name = "FrameFreed";
    Spa frame;
    MmId owner;
    FrameUse use;
    Va page;
};
DESCRIBE(FrameFreed, frame, owner, use, page)

} // namespace quiesce::memory
