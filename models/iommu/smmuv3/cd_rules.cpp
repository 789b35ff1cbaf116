// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/rules.h"

namespace quiesce::iommu::smmuv3 {
namespace {

/// Before v3.1 a size out of range is not ILLEGAL but taken for the next one inside.
bool size_out_of_range(u64 txsz, const Granule& g, const Identity& id) {
    const unsigned most = largest_size_code(g, id.idr3.get(Idr3::STT));
    return id.aidr.get(Aidr::ArchMinorRev) >= 1 && (txsz < 16 || txsz > most);
}

// clang-format off
/// 5.4. Rules of one half of the input range are skipped when its EPDx is set.
constexpr CdRule cd_rule_table[] = {
    {"V is 0", [](const Cd& c, const Ste&, const Identity&) { return !c.get(Cd::V); }},
    {"S set but stalling is off", [](const Cd& c, const Ste& s, const Identity& id) {
        return c.get(Cd::S) && (s.get(Ste::S1STALLD) || id.idr0.get(Idr0::STALL_MODEL) == StallModel::NoStall);
    }},
    {"S clear but stalling is forced", [](const Cd& c, const Ste&, const Identity& id) {
        return !c.get(Cd::S) && id.idr0.get(Idr0::STALL_MODEL) == StallModel::StallForced;
    }},
    {"A clear with TERM_MODEL", [](const Cd& c, const Ste&, const Identity& id) {
        return !c.get(Cd::A) && id.idr0.get(Idr0::TERM_MODEL);
    }},
    {"ENDI not supported", [](const Cd& c, const Ste& s, const Identity& id) {
        return (uses_low(c, s, id) || uses_high(c, s, id)) && wrong_endian(c.get(Cd::ENDI), id);
    }},
    {"AA64 not supported", [](const Cd& c, const Ste&, const Identity& id) {
        return (raw(id.idr0.get(Idr0::TTF)) & (c.get(Cd::AA64) ? 2 : 1)) == 0;
    }},
    {"HA or HD beyond HTTU", [](const Cd& c, const Ste&, const Identity& id) {
        return beyond_httu(c.get(Cd::HA), c.get(Cd::HD), id);
    }},
    {"ASID above 8 bits", [](const Cd& c, const Ste&, const Identity& id) {
        return raw(c.get(Cd::ASID)) > 0xff && !id.idr0.get(Idr0::ASID16);
    }},
    {"T0SZ out of range", [](const Cd& c, const Ste& s, const Identity& id) {
        return uses_low(c, s, id) && size_out_of_range(c.get(Cd::T0SZ), granule_of(c.get(Cd::TG0)), id);
    }},
    {"T1SZ out of range", [](const Cd& c, const Ste& s, const Identity& id) {
        return uses_high(c, s, id) && size_out_of_range(c.get(Cd::T1SZ), granule_of(c.get(Cd::TG1)), id);
    }},
    {"TG0 reserved or not supported", [](const Cd& c, const Ste& s, const Identity& id) {
        const bool reserved = c.get(Cd::TG0) == Granule0::Reserved;
        return uses_low(c, s, id) && (reserved || granule_missing(granule_of(c.get(Cd::TG0)), id));
    }},
    {"TG1 reserved or not supported", [](const Cd& c, const Ste& s, const Identity& id) {
        const bool reserved = c.get(Cd::TG1) == Granule1::Reserved;
        return uses_high(c, s, id) && (reserved || granule_missing(granule_of(c.get(Cd::TG1)), id));
    }},
    {"TTB0 above the intermediate size", [](const Cd& c, const Ste& s, const Identity& id) {
        return uses_low(c, s, id) && beyond(c.get(Cd::TTB0), effective_ips(c, id));
    }},
    {"TTB1 above the intermediate size", [](const Cd& c, const Ste& s, const Identity& id) {
        return uses_high(c, s, id) && beyond(c.get(Cd::TTB1), effective_ips(c, id));
    }},
};
// clang-format on

} // namespace

std::span<const CdRule> cd_rules() { return cd_rule_table; }
std::string_view why_illegal(const Cd& cd, const Ste& ste, const Identity& id) {
    for (const CdRule& rule : cd_rule_table)
        if (rule.broken(cd, ste, id)) return rule.reason;
    return {};
}

} // namespace quiesce::iommu::smmuv3
