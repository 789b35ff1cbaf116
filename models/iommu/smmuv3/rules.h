// SPDX-License-Identifier: Apache-2.0
/// What makes a stream table entry or a context descriptor ILLEGAL (IHI 0070 5.2, 5.4, 5.5; facts/iommu-specs.md 1.3
/// and 1.4), and what both their rules and their readers ask of them.
#pragma once
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/layout.h"
#include "iommu/smmuv3/page_table.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace quiesce::iommu::smmuv3 {

/// A reason for which a structure is ILLEGAL (C_BAD_STE, C_BAD_CD).
struct SteRule {
    std::string_view reason;
    bool (*broken)(const Ste& ste, const Identity& id);
};
struct CdRule {
    std::string_view reason;
    bool (*broken)(const Cd& cd, const Ste& ste, const Identity& id);
};
std::span<const SteRule> ste_rules();
std::span<const CdRule> cd_rules();
/// The first rule that is broken; empty: the structure is legal. A structure with V=0 breaks the first rule.
std::string_view why_illegal(const Ste& ste, const Identity& id);
std::string_view why_illegal(const Cd& cd, const Ste& ste, const Identity& id);

// ---- stream table entries -------------------------------------------------------------------------------------------

inline bool beyond(Spa at, unsigned bits) { return bits < 64 && (at.value() >> bits) != 0; }
inline bool has_stage1(const Ste& s) { return stage1_enabled(s.get(Ste::Config)); }
inline bool has_stage2(const Ste& s) { return stage2_enabled(s.get(Ste::Config)); }
/// 5.2: a unit without substreams ignores S1CDMax, S1Fmt and S1DSS.
inline bool has_substreams(const Ste& s, const Identity& id) {
    return has_stage1(s) && id.idr1.get(Idr1::SSIDSIZE) != 0 && s.get(Ste::S1CDMax) != 0;
}
inline bool two_level(CdTable f) { return f == CdTable::TwoLevel4K || f == CdTable::TwoLevel64K; }
/// Bits of the SubstreamID that index a second-level table: 64 descriptors in 4 KiB, 1024 in 64 KiB.
inline unsigned leaf_bits(CdTable f) { return f == CdTable::TwoLevel64K ? 10 : 6; }
/// Effective output size of stage 2 (5.2, S2PS): never above what the unit can output.
inline unsigned stage2_output_bits(const Ste& s, const Identity& id) {
    return std::min(address_bits(s.get(Ste::S2PS)), id.output_bits);
}
/// The stream's transactions are of EL2 (with or without E2H): no VMID, no stage 2.
inline bool in_el2(const Ste& s) {
    return has_stage1(s) && !has_stage2(s) && s.get(Ste::STRW) == StreamWorld::El2;
}
/// 5.2: S2VMID tags translations of stage 1 alone, too, where the unit has stage 2.
inline bool has_vmid(const Ste& s, const Identity& id) {
    return id.idr0.get(Idr0::S2P) && (has_stage2(s) || (has_stage1(s) && !in_el2(s)));
}

// ---- both -----------------------------------------------------------------------------------------------------------

inline bool granule_missing(const Granule& g, const Identity& id) {
    return (g.page_bits == 12 && !id.idr5.get(Idr5::GRAN4K)) || (g.page_bits == 14 && !id.idr5.get(Idr5::GRAN16K)) ||
           (g.page_bits == 16 && !id.idr5.get(Idr5::GRAN64K));
}
/// MODEL: tables are read as little-endian whatever IDR0.TTENDIAN offers besides.
inline bool wrong_endian(bool big, const Identity& id) {
    const TableEndian e = id.idr0.get(Idr0::TTENDIAN);
    return (e == TableEndian::Little && big) || (e == TableEndian::Big && !big);
}
inline bool beyond_httu(bool access, bool dirty, const Identity& id) {
    const u64 httu = id.idr0.get(Idr0::HTTU);
    return (access && httu < 1) || (dirty && httu < 2);
}

// ---- context descriptors --------------------------------------------------------------------------------------------

/// Effective intermediate and output size of a context: IPS, but never above what the unit can output (5.4).
inline unsigned effective_ips(const Cd& cd, const Identity& id) {
    return std::min(address_bits(cd.get(Cd::IPS)), id.output_bits);
}
/// EL2 with the Virtualization Host Extensions has two halves and ASIDs like EL1; without, one half and neither.
inline bool one_range(const Ste& s, const Identity& id) { return in_el2(s) && !id.e2h; }
/// Rules of one half of the input range are skipped when its EPDx is set, which EL2 without E2H ignores.
inline bool uses_low(const Cd& c, const Ste& s, const Identity& id) { return !c.get(Cd::EPD0) || one_range(s, id); }
inline bool uses_high(const Cd& c, const Ste& s, const Identity& id) { return !c.get(Cd::EPD1) && !one_range(s, id); }

} // namespace quiesce::iommu::smmuv3
