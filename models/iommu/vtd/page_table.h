// SPDX-License-Identifier: Apache-2.0
/// First-stage and second-stage paging entries (VT-d 9.7, 9.8; facts/iommu-specs.md 5.2 and 5.3) as the core's walker
/// reads them. Levels of both count from 0 (PML5) to 4 (PT).
#pragma once
#include "iommu/context.h"
#include "iommu/vtd/config.h"
#include "iommu/vtd/layout.h"

#include <array>

namespace quiesce::iommu::vtd {

/// TableRoot::options of these formats.
enum TableOption : u8 {
    pages_2m = 1, ///< entries of that level may be leaves
    pages_1g = 2,
    has_snoop = 4,       ///< second stage: SNP is a field, not reserved (ECAP.SC)
    guest_addresses = 8, ///< first stage of two: the width of addresses is not checked as reserved bits
    tracked = 16,        ///< second stage: A and D are fields (SSADE)
};

/// The two halves of a first stage's input range: canonical addresses are the sign extension of 48 or 57 bits.
/// `table` is aligned to a page. With `extended` EA is marked as A is.
std::array<TableRoot, 2> make_first_stage(FirstStageMode mode, bool extended, Spa table, u8 options, unsigned haw);
/// `bits`: what an input address may have, at most the width's.
TableRoot make_second_stage(AddressWidth width, unsigned bits, Spa table, u8 options, unsigned haw);

} // namespace quiesce::iommu::vtd
