// SPDX-License-Identifier: Apache-2.0
/// What the kernel was built for: how its page tables are written, where address spaces end, where interrupt messages
/// go.
#pragma once
#include "base/address.h"

#include <string_view>

namespace quiesce::os {

/// Four levels of 512 entries each; an entry whose bit 0 is clear leads nowhere. The table that a process shares with
/// its devices is the one that its CPUs walk.
struct PageTableFormat {
    u64 table_bits; ///< of an entry that leads to a table
    u64 page_bits;  ///< of an anonymous page that was written: used, writable, not executable
    u64 read_only_bits; ///< the same of one that may be read only
    u64 address_mask;
    u64 block_changes; ///< bits in which the entry of 2 MiB differs from one of 4 KiB
    u64 user_bits;      ///< of those, what lets the user in

    constexpr u64 bits(bool writable, bool huge) const { return (writable ? page_bits : read_only_bits) ^ (huge ? block_changes : 0); }
};

struct Architecture {
    std::string_view name;
    PageTableFormat tables;
    Va mmap_top;          ///< mappings begin below it
    unsigned mmap_random; ///< bits by which it moves, in pages
    Va stack_top;
    /// Where devices write their messages: one window for all. MODEL: the data is the message's number on every
    /// machine.
    Spa messages;
    u64 message_bytes;
};

/// VMSAv8-64 stage 1, 4 KiB granule (facts/iommu-specs.md 5.1): valid, table; valid, page, AP[1], inner shareable, AF,
/// nG, PXN, UXN; AP[2] where it may be read only; a block of 2 MiB has bit 1 clear. mmap_base with 28 bits of randomness.
inline constexpr Architecture arm64{.name = "arm64",
                               .tables = {0x3, 0x0060'0000'0000'0f43, 0x0060'0000'0000'0fc3, 0x0000'ffff'ffff'f000, 0x2, 0x40},
                               .mmap_top = Va{0x0000'ff00'0000'0000},
                               .mmap_random = 28,
                               .stack_top = Va{0x0000'ffff'ff00'0000},
                               .messages = Spa{0x0808'0000},
                               .message_bytes = 0x1'0000};
/// Four-level paging (facts/iommu-specs.md 5.2): P, R/W, U/S, A, D as Linux writes table entries; the same and XD for
/// pages; without R/W where they may be read only; PS where they are of 2 MiB. Messages go to the local APICs' window, which no RAM shows through.
inline constexpr Architecture x86_64{.name = "x86-64",
                                .tables = {0x67, 0x8000'0000'0000'0067, 0x8000'0000'0000'0065, 0x000f'ffff'ffff'f000, 0x80, 0x4},
                                .mmap_top = Va{0x0000'7f00'0000'0000},
                                .mmap_random = 28,
                                .stack_top = Va{0x0000'7fff'ff00'0000},
                                .messages = Spa{0xfee0'0000},
                                .message_bytes = 0x10'0000};

/// How the same kernel writes its own address space, which no user is let into.
constexpr Architecture of_the_kernel(Architecture a) {
    for (u64* bits : {&a.tables.table_bits, &a.tables.page_bits, &a.tables.read_only_bits}) *bits &= ~a.tables.user_bits;
    return a;
}

} // namespace quiesce::os
