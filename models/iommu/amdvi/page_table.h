// SPDX-License-Identifier: Apache-2.0
/// Hosts' page tables (v1) and guests' (v2) (facts/iommu-specs.md 3.5, 5.2) as the core's walker reads them. Levels of v1
/// count from 0 (level 6 of the manual) to 5 (level 1), of v2 from 0 (PML5) to 4 (PT).
#pragma once
#include "iommu/amdvi/config.h"
#include "iommu/amdvi/layout.h"
#include "iommu/context.h"

#include <array>

namespace quiesce::iommu::amdvi {

/// TableRoot::options of these formats.
enum TableOption : u8 {
    no_read = 1, ///< the device table entry allows no reads, no writes
    no_write = 2,
    marks_access = 4, ///< v1: A and D count (DTE.HAD)
    marks_dirty = 8,
    has_nx = 16,          ///< v2: NX is a field
    guest_addresses = 32, ///< v2 above v1: the width of addresses is not checked as reserved bits
    no_users = 64,        ///< v2: U/S does not count
};

/// `mode`: 1 to 6 levels. `table` is aligned to a page.
TableRoot make_host_table(u8 mode, Spa table, u8 options, unsigned physical_bits);
/// The two halves of a guest's input range: canonical addresses are the sign extension of 48 or 57 bits.
std::array<TableRoot, 2> make_guest_table(GuestPaging levels, Spa table, u8 options, unsigned bits);

/// Decoded::flaw: what is wrong with a malformed entry.
enum class Flaw : u16 { ReservedBit = 1, LevelEncoding = 2 };

} // namespace quiesce::iommu::amdvi
