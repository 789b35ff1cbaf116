// SPDX-License-Identifier: Apache-2.0
/// VMSAv8-64 stage 1 translation tables (facts/iommu-specs.md 5.1) as the core's walker reads them: one row per
/// granule.
#pragma once
#include "iommu/context.h"
#include "iommu/smmuv3/layout.h"

namespace quiesce::iommu::smmuv3 {

/// A translation granule: its table format and which context descriptor codes select it.
struct Granule {
    unsigned page_bits; ///< log2 of the page: 12, 14, 16
    Granule0 tg0;
    Granule1 tg1;
    const TableFormat* format;         ///< descriptors without nG give global entries
    const TableFormat* private_format; ///< every entry belongs to its ASID, as 4.4.2.2 lets an implementation choose
};
/// 4, 16 and 64 KiB.
const Granule& granule_of(Granule0 code); ///< K4, K64 or K16; the reserved code reads as K4
const Granule& granule_of(Granule1 code); ///< likewise

/// Level at which a walk of `input_bits` bits starts: the last whose tables hold them all (5.1: 48..40 bits: 0, 39..31:
/// 1 ...).
unsigned start_level(const Granule& g, unsigned input_bits);
/// Bytes of the table in which such a walk starts.
u64 start_table_bytes(const Granule& g, unsigned input_bits);

/// The root of one half of the input range. `size_code` is TxSZ (16 to 39), `table` TTBx; TTBx bits below the start
/// table's size read as zero, and tables are 64-byte aligned at least.
TableRoot make_root(const Granule& g, u64 size_code, Spa table, bool disabled);

} // namespace quiesce::iommu::smmuv3
