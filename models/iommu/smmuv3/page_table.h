// SPDX-License-Identifier: Apache-2.0
/// VMSAv8-64 translation tables (facts/iommu-specs.md 5.1) as the core's walker reads them: one row per granule, with a
/// format for each stage.
#pragma once
#include "iommu/context.h"
#include "iommu/smmuv3/layout.h"

namespace quiesce::iommu::smmuv3 {

/// A translation granule: its table formats and which descriptor codes select it.
struct Granule {
    unsigned page_bits; ///< log2 of the page: 12, 14, 16
    Granule0 tg0;
    Granule1 tg1;
    const TableFormat* stage1;
    const TableFormat* stage2;
};
/// 4, 16 and 64 KiB.
const Granule& granule_of(Granule0 code); ///< K4, K64 or K16; the reserved code reads as K4
const Granule& granule_of(Granule1 code); ///< likewise

/// TableRoot::options of these formats.
enum TableOption : u8 {
    globals = 1,       ///< stage 1: descriptors without nG give global entries; without, each entry is of its ASID,
                       ///< as 4.4.2.2 lets an implementation choose
    one_privilege = 2, ///< stage 1: EL2 without E2H, whose descriptors have no unprivileged permissions
    flat = 4,          ///< stage 1: CD.HADx, table descriptors take no permissions away
    write_no_exec = 8, ///< stage 1: CD.WXN
    fine_no_exec = 16, ///< stage 2: IDR3.XNX, two bits say who may execute
};

/// Level at which a walk of `input_bits` bits starts: the last whose tables hold them all (5.1: 48..40 bits: 0, 39..31:
/// 1 ...).
unsigned start_level(const Granule& g, unsigned input_bits);
/// Bytes of the table in which such a walk starts.
u64 start_table_bytes(const Granule& g, unsigned input_bits);
/// Largest TxSZ and S2T0SZ: 39, with small tables 48, or 47 for 64 KiB pages (IDR3.STT).
unsigned largest_size_code(const Granule& g, bool small_tables);

/// The root of one half of stage 1's input range. `size_code` is TxSZ, `table` TTBx; TTBx bits below the start table's
/// size read as zero, and tables are 64-byte aligned at least.
TableRoot make_root(const Granule& g, u64 size_code, Spa table, bool disabled);

/// Level at which stage 2 starts by S2SL0; nullopt: reserved.
std::optional<unsigned> stage2_start_level(const Granule& g, u64 sl0, bool small_tables);
/// Tables of that level hold the input range: at least two entries, at most sixteen tables one after the other
/// (DDI 0487 D8.2: the consistency of T0SZ and SL0).
bool stage2_fits(const Granule& g, unsigned level, unsigned input_bits);
/// The root of stage 2; its first tables are aligned to all of them together.
TableRoot make_stage2_root(const Granule& g, u64 size_code, unsigned level, Spa table);

} // namespace quiesce::iommu::smmuv3
