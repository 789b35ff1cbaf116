// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/rules.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {
namespace {

// clang-format off
/// 5.2, in the order of the manual. A rule asks only of fields that are not ignored in this Config.
constexpr SteRule ste_rule_table[] = {
    {"V is 0", [](const Ste& s, const Identity&) { return !s.get(Ste::V); }},
    {"stage 1 is not implemented", [](const Ste& s, const Identity& id) {
        return has_stage1(s) && !id.idr0.get(Idr0::S1P);
    }},
    {"stage 2 is not implemented", [](const Ste& s, const Identity& id) {
        return has_stage2(s) && !id.idr0.get(Idr0::S2P);
    }},
    {"EATS selects split-stage ATS without it", [](const Ste& s, const Identity& id) {
        const bool ignored = !id.idr0.get(Idr0::ATS) || (raw(s.get(Ste::Config)) & 3) == 0;
        if (ignored || s.get(Ste::EATS) != StreamAts::SplitStage) return false;
        return s.get(Ste::Config) != StreamConfig::Nested || s.get(Ste::S2S) || id.idr0.get(Idr0::NS1ATS);
    }},
    {"EATS with stage 2 stalls", [](const Ste& s, const Identity& id) {
        const bool full = id.idr0.get(Idr0::ATS) && s.get(Ste::EATS) == StreamAts::Full;
        return full && has_stage2(s) && s.get(Ste::S2S);
    }},
    {"STRW is reserved or needs EL2", [](const Ste& s, const Identity& id) {
        const StreamWorld w = s.get(Ste::STRW);
        const bool reserved = w == StreamWorld::Reserved || w == StreamWorld::Reserved3;
        // With stage 2 the world is NS-EL1, and the field is ignored.
        const bool counts = has_stage1(s) && !has_stage2(s);
        return counts && (reserved || (w == StreamWorld::El2 && !id.idr0.get(Idr0::Hyp)));
    }},
    {"S1STALLD without a stall model", [](const Ste& s, const Identity& id) {
        return has_stage1(s) && s.get(Ste::S1STALLD) && id.idr0.get(Idr0::STALL_MODEL) != StallModel::StallAndTerminate;
    }},
    {"S1CDMax above IDR1.SSIDSIZE", [](const Ste& s, const Identity& id) {
        return has_substreams(s, id) && s.get(Ste::S1CDMax) > id.idr1.get(Idr1::SSIDSIZE);
    }},
    {"two-level CD table without IDR0.CD2L", [](const Ste& s, const Identity& id) {
        return has_substreams(s, id) && two_level(s.get(Ste::S1Fmt)) && !id.idr0.get(Idr0::CD2L);
    }},
    {"S1ContextPtr above the output size", [](const Ste& s, const Identity& id) {
        const bool checked = has_stage1(s) && id.aidr.get(Aidr::ArchMinorRev) >= 1;
        return checked && beyond(s.get(Ste::S1ContextPtr), id.output_bits);
    }},
    {"VMID above 8 bits", [](const Ste& s, const Identity& id) {
        return has_vmid(s, id) && raw(s.get(Ste::S2VMID)) > 0xff && !id.idr0.get(Idr0::VMID16);
    }},
    {"S2AA64 not supported", [](const Ste& s, const Identity& id) {
        return has_stage2(s) && (raw(id.idr0.get(Idr0::TTF)) & (s.get(Ste::S2AA64) ? 2 : 1)) == 0;
    }},
    {"S2ENDI not supported", [](const Ste& s, const Identity& id) {
        return has_stage2(s) && wrong_endian(s.get(Ste::S2ENDI), id);
    }},
    {"S2TG reserved or not supported", [](const Ste& s, const Identity& id) {
        if (!has_stage2(s)) return false;
        return s.get(Ste::S2TG) == Granule0::Reserved || granule_missing(granule_of(s.get(Ste::S2TG)), id);
    }},
    {"S2T0SZ out of range", [](const Ste& s, const Identity& id) {
        if (!has_stage2(s)) return false;
        const u64 least = std::max(64 - id.output_bits, 16u); // 5.2: of IAS, which is OAS without AArch32 (3.4)
        const unsigned most = largest_size_code(granule_of(s.get(Ste::S2TG)), id.idr3.get(Idr3::STT));
        return s.get(Ste::S2T0SZ) < least || s.get(Ste::S2T0SZ) > most;
    }},
    {"S2SL0 reserved, or its tables do not hold the input range", [](const Ste& s, const Identity& id) {
        if (!has_stage2(s)) return false;
        const Granule& g = granule_of(s.get(Ste::S2TG));
        const auto level = stage2_start_level(g, s.get(Ste::S2SL0), id.idr3.get(Idr3::STT));
        return !level || !stage2_fits(g, *level, 64 - static_cast<unsigned>(s.get(Ste::S2T0SZ)));
    }},
    {"S2SL0 2 needs a larger output size", [](const Ste& s, const Identity& id) {
        // DDI 0487, AArch64.S2InvalidSL: 44 bits, of 16 KiB pages 42.
        const unsigned least = granule_of(s.get(Ste::S2TG)).page_bits == 14 ? 42 : 44;
        return has_stage2(s) && s.get(Ste::S2SL0) == 2 && id.output_bits < least;
    }},
    {"S2TTB above the output size", [](const Ste& s, const Identity& id) {
        return has_stage2(s) && beyond(s.get(Ste::S2TTB), stage2_output_bits(s, id));
    }},
    {"S2HA or S2HD beyond HTTU", [](const Ste& s, const Identity& id) {
        return has_stage2(s) && beyond_httu(s.get(Ste::S2HA), s.get(Ste::S2HD), id);
    }},
    {"S2S set but no stalling", [](const Ste& s, const Identity& id) {
        return has_stage2(s) && s.get(Ste::S2S) && id.idr0.get(Idr0::STALL_MODEL) == StallModel::NoStall;
    }},
    {"S2S clear but stalling is forced", [](const Ste& s, const Identity& id) {
        return has_stage2(s) && !s.get(Ste::S2S) && id.idr0.get(Idr0::STALL_MODEL) == StallModel::StallForced;
    }},
};
// clang-format on

} // namespace

std::span<const SteRule> ste_rules() { return ste_rule_table; }
std::string_view why_illegal(const Ste& ste, const Identity& id) {
    for (const SteRule& rule : ste_rule_table)
        if (rule.broken(ste, id)) return rule.reason;
    return {};
}

} // namespace quiesce::iommu::smmuv3
