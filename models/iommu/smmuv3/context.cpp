// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/context.h"

#include "iommu/smmuv3/page_table.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {
namespace {

bool beyond(Spa at, unsigned bits) { return bits < 64 && (at.value() >> bits) != 0; }
bool has_stage1(const Ste& s) { return stage1_enabled(s.get(Ste::Config)); }
/// 5.2: a unit without substreams ignores S1CDMax, S1Fmt and S1DSS.
bool has_substreams(const Ste& s, const Identity& id) {
    return has_stage1(s) && id.idr1.get(Idr1::SSIDSIZE) != 0 && s.get(Ste::S1CDMax) != 0;
}
bool two_level(CdTable f) { return f == CdTable::TwoLevel4K || f == CdTable::TwoLevel64K; }
/// Bits of the SubstreamID that index a second-level table: 64 descriptors in 4 KiB, 1024 in 64 KiB.
unsigned leaf_bits(CdTable f) { return f == CdTable::TwoLevel64K ? 10 : 6; }

/// 6.3.24: 6, 8 or 10 bits of the StreamID index a second-level table; the reserved codes act as 6.
u64 stream_split(StrtabBaseCfg cfg) {
    const u64 split = cfg.get(StrtabBaseCfg::SPLIT);
    return split == 8 || split == 10 ? split : 6;
}

/// Effective intermediate and output size of a context: IPS, but never above what the unit can output (5.4).
unsigned effective_ips(const Cd& cd, const Identity& id) {
    return std::min(address_bits(cd.get(Cd::IPS)), id.output_bits);
}

// clang-format off
/// 5.2, in the order of the manual. A rule asks only of fields that are not ignored in this Config.
constexpr SteRule ste_rule_table[] = {
    {"V is 0", [](const Ste& s, const Identity&) { return !s.get(Ste::V); }},
    {"stage 1 is not implemented", [](const Ste& s, const Identity& id) {
        return has_stage1(s) && !id.idr0.get(Idr0::S1P);
    }},
    {"stage 2 is not implemented", [](const Ste& s, const Identity& id) {
        return stage2_enabled(s.get(Ste::Config)) && !id.idr0.get(Idr0::S2P);
    }},
    {"EATS selects split-stage ATS without it", [](const Ste& s, const Identity& id) {
        const bool ignored = !id.idr0.get(Idr0::ATS) || (raw(s.get(Ste::Config)) & 3) == 0;
        if (ignored || s.get(Ste::EATS) != StreamAts::SplitStage) return false;
        return s.get(Ste::Config) != StreamConfig::Nested || s.get(Ste::S2S) || id.idr0.get(Idr0::NS1ATS);
    }},
    {"EATS with stage 2 stalls", [](const Ste& s, const Identity& id) {
        const bool full = id.idr0.get(Idr0::ATS) && s.get(Ste::EATS) == StreamAts::Full;
        return full && stage2_enabled(s.get(Ste::Config)) && s.get(Ste::S2S);
    }},
    {"STRW is reserved or needs EL2", [](const Ste& s, const Identity& id) {
        const StreamWorld w = s.get(Ste::STRW);
        const bool reserved = w == StreamWorld::Reserved || w == StreamWorld::Reserved3;
        return has_stage1(s) && (reserved || (w == StreamWorld::El2 && !id.idr0.get(Idr0::Hyp)));
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
};

bool granule_missing(const Granule& g, const Identity& id) {
    return (g.page_bits == 12 && !id.idr5.get(Idr5::GRAN4K)) || (g.page_bits == 14 && !id.idr5.get(Idr5::GRAN16K)) ||
           (g.page_bits == 16 && !id.idr5.get(Idr5::GRAN64K));
}
bool size_out_of_range(u64 txsz, const Identity& id) {
    return id.aidr.get(Aidr::ArchMinorRev) >= 1 && (txsz < 16 || txsz > 39);
}

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
    {"ENDI not supported", [](const Cd& c, const Ste&, const Identity& id) {
        const TableEndian e = id.idr0.get(Idr0::TTENDIAN);
        return (e == TableEndian::Little && c.get(Cd::ENDI)) || (e == TableEndian::Big && !c.get(Cd::ENDI));
    }},
    {"AA64 not supported", [](const Cd& c, const Ste&, const Identity& id) {
        return (raw(id.idr0.get(Idr0::TTF)) & (c.get(Cd::AA64) ? 2 : 1)) == 0;
    }},
    {"HA or HD beyond HTTU", [](const Cd& c, const Ste&, const Identity& id) {
        return (c.get(Cd::HA) && id.idr0.get(Idr0::HTTU) < 1) || (c.get(Cd::HD) && id.idr0.get(Idr0::HTTU) < 2);
    }},
    {"ASID above 8 bits", [](const Cd& c, const Ste&, const Identity& id) {
        return raw(c.get(Cd::ASID)) > 0xff && !id.idr0.get(Idr0::ASID16);
    }},
    {"T0SZ out of range", [](const Cd& c, const Ste&, const Identity& id) {
        return !c.get(Cd::EPD0) && size_out_of_range(c.get(Cd::T0SZ), id);
    }},
    {"T1SZ out of range", [](const Cd& c, const Ste&, const Identity& id) {
        return !c.get(Cd::EPD1) && size_out_of_range(c.get(Cd::T1SZ), id);
    }},
    {"TG0 reserved or not supported", [](const Cd& c, const Ste&, const Identity& id) {
        const bool reserved = c.get(Cd::TG0) == Granule0::Reserved;
        return !c.get(Cd::EPD0) && (reserved || granule_missing(granule_of(c.get(Cd::TG0)), id));
    }},
    {"TG1 reserved or not supported", [](const Cd& c, const Ste&, const Identity& id) {
        const bool reserved = c.get(Cd::TG1) == Granule1::Reserved;
        return !c.get(Cd::EPD1) && (reserved || granule_missing(granule_of(c.get(Cd::TG1)), id));
    }},
    // MODEL: one granule per context; a descriptor that mixes them is refused.
    {"TG0 and TG1 differ", [](const Cd& c, const Ste&, const Identity&) {
        const bool both = !c.get(Cd::EPD0) && !c.get(Cd::EPD1);
        return both && granule_of(c.get(Cd::TG0)).page_bits != granule_of(c.get(Cd::TG1)).page_bits;
    }},
    {"TTB0 above the intermediate size", [](const Cd& c, const Ste&, const Identity& id) {
        return !c.get(Cd::EPD0) && beyond(c.get(Cd::TTB0), effective_ips(c, id));
    }},
    {"TTB1 above the intermediate size", [](const Cd& c, const Ste&, const Identity& id) {
        return !c.get(Cd::EPD1) && beyond(c.get(Cd::TTB1), effective_ips(c, id));
    }},
};
// clang-format on

ContextOutcome configuration_fault(EventId id, Spa fetch = Spa{0}) {
    ContextOutcome out;
    out.fault.why = FaultReason::Configuration;
    out.fault.code = raw(id);
    out.fault.fetch_address = fetch;
    return out;
}
/// An external abort while fetching: never cached (5.5).
ContextOutcome fetch_fault(EventId id, Spa at) {
    ContextOutcome out = configuration_fault(id, at);
    out.cacheable = false;
    return out;
}
/// Config = 0xx: every transaction aborts and none is recorded (5.2).
ContextOutcome silent_abort() {
    ContextOutcome out = configuration_fault(EventId{});
    out.fault.silent = true;
    return out;
}
/// 5.2: EATS counts with stage 1 or 2 enabled. Split-stage, which is treated as off without ATSCHK, needs stage 2.
bool ats_enabled(const Ste& s, const Identity& id) {
    return id.idr0.get(Idr0::ATS) && (raw(s.get(Ste::Config)) & 3) != 0 && s.get(Ste::EATS) == StreamAts::Full;
}
ContextOutcome bypass(const Ste& s, const Identity& id) {
    ContextOutcome out;
    out.ok = true;
    out.context.bypass = true;
    out.context.ats = ats_enabled(s, id);
    out.context.output_bits = id.output_bits;
    return out;
}

memory::Origin structure_origin(const TranslationRequest& r) {
    memory::Origin o;
    o.purpose = memory::Purpose::Structure;
    o.device = r.device;
    o.bond = r.bond;
    o.has_pasid = r.has_pasid;
    o.pasid = r.pasid;
    o.aimed_at = r.at;
    o.transaction = r.transaction;
    return o;
}

} // namespace

std::span<const SteRule> ste_rules() { return ste_rule_table; }
std::span<const CdRule> cd_rules() { return cd_rule_table; }
std::string_view why_illegal(const Ste& ste, const Identity& id) {
    for (const SteRule& rule : ste_rule_table)
        if (rule.broken(ste, id)) return rule.reason;
    return {};
}
std::string_view why_illegal(const Cd& cd, const Ste& ste, const Identity& id) {
    for (const CdRule& rule : cd_rule_table)
        if (rule.broken(cd, ste, id)) return rule.reason;
    return {};
}

StreamSlot locate_stream(StrtabBase base, StrtabBaseCfg cfg, const Identity& id, StreamId stream) {
    const u64 size =
        std::min(cfg.get(StrtabBaseCfg::LOG2SIZE), id.idr1.get(Idr1::SIDSIZE)); // 6.3.24: larger values act as SIDSIZE
    if ((u64{raw(stream)} >> size) != 0) return {StreamSlot::Kind::BadStream};
    const Spa table = base.get(StrtabBase::ADDR);
    const bool split =
        cfg.get(StrtabBaseCfg::FMT) == StrtabFormat::TwoLevel && id.idr0.get(Idr0::ST_LEVEL) == StreamLevels::TwoLevel;
    // 6.3.23: the base is aligned to the size of the table that it points to, by ignoring low bits.
    if (!split)
        return {StreamSlot::Kind::Entry,
                table.align_down(u64{Ste::byte_count} << size) + u64{raw(stream)} * Ste::byte_count};
    const u64 bits = stream_split(cfg);
    const u64 first_level_bytes = u64{L1Std::byte_count} << (size > bits ? size - bits : 0);
    return {StreamSlot::Kind::FirstLevel,
            table.align_down(std::max<u64>(64, first_level_bytes)) + (u64{raw(stream)} >> bits) * L1Std::byte_count};
}

StreamSlot locate_stream(const L1Std& first, StrtabBaseCfg cfg, StreamId stream) {
    const u64 bits = stream_split(cfg), span = first.get(L1Std::Span);
    const u64 index = u64{raw(stream)} & base::low_bits(static_cast<unsigned>(bits));
    // 5.1: Span 0 and 12..31 are invalid; a span above the split, and an index above the span, are bad StreamIDs too.
    if (span == 0 || span > 11 || span > bits + 1 || index >= u64{1} << (span - 1))
        return {StreamSlot::Kind::BadStream};
    const Spa table = first.get(L1Std::L2Ptr).align_down(u64{Ste::byte_count} << (span - 1));
    return {StreamSlot::Kind::Entry, table + index * Ste::byte_count};
}

Selection select_cd(const Ste& ste, const Identity& id, bool has_substream, u32 substream) {
    using Kind = Selection::Kind;
    const u64 bits = has_substreams(ste, id) ? ste.get(Ste::S1CDMax) : 0;
    const NoSubstream dss = ste.get(Ste::S1DSS);
    if (has_substream) {
        if (!has_stage1(ste) || bits == 0 || (u64{substream} >> bits) != 0)
            return {Kind::Refused, 0, EventId::C_BAD_SUBSTREAMID};
        if (substream == 0 && dss == NoSubstream::Substream0) return {Kind::Refused, 0, EventId::F_STREAM_DISABLED};
        return {Kind::Cd, substream, {}};
    }
    if (!has_stage1(ste)) return {Kind::Bypass, 0, {}};
    if (bits == 0 || dss == NoSubstream::Substream0) return {Kind::Cd, 0, {}};
    if (dss == NoSubstream::Bypass) return {Kind::Bypass, 0, {}};
    return {Kind::Refused, 0, EventId::F_STREAM_DISABLED}; // 3 acts as 0
}

Context make_context(const Cd& cd, const Identity& id) {
    Context c;
    c.domain = DomainTag{0}; // without stage 2 every VMID is 0
    c.space = SpaceTag{raw(cd.get(Cd::ASID))};
    const Granule& low = granule_of(cd.get(Cd::TG0));
    const Granule& high = granule_of(cd.get(Cd::TG1));
    c.roots[0] = make_root(low, cd.get(Cd::T0SZ), cd.get(Cd::TTB0), cd.get(Cd::EPD0));
    c.roots[1] = make_root(high, cd.get(Cd::T1SZ), cd.get(Cd::TTB1), cd.get(Cd::EPD1));
    const Granule& used = cd.get(Cd::EPD0) ? high : low;
    c.format = id.global_entries ? used.format : used.private_format;
    c.output_bits = effective_ips(cd, id);
    c.access_flag_faults = !cd.get(Cd::AFFD);
    c.on_fault = {cd.get(Cd::A), cd.get(Cd::R), cd.get(Cd::S)};
    return c;
}

sim::Task<ContextResolver::SteOrFault> ContextResolver::fetch_ste(TranslationRequest r) {
    const StrtabBaseCfg cfg = regs_.read<StrtabBaseCfg>();
    const memory::Origin origin = structure_origin(r);
    StreamSlot slot = locate_stream(regs_.read<StrtabBase>(), cfg, id_, r.stream);
    if (slot.kind == StreamSlot::Kind::FirstLevel) {
        const auto [word, status] = co_await memory_.read64(slot.at, origin);
        if (status != memory::Status::Ok) co_return fetch_fault(EventId::F_STE_FETCH, slot.at);
        slot = locate_stream(L1Std::from_words({word}), cfg, r.stream);
    }
    if (slot.kind == StreamSlot::Kind::BadStream) {
        ContextOutcome refused = configuration_fault(EventId::C_BAD_STREAMID);
        refused.cacheable = false; // there is no entry to cache; the next transaction looks again
        co_return refused;
    }
    Ste::Words words{};
    if (co_await memory_.fetch(slot.at, words, origin) != memory::Status::Ok)
        co_return fetch_fault(EventId::F_STE_FETCH, slot.at);
    co_return Ste::from_words(words);
}

sim::Task<ContextResolver::CdOrFault> ContextResolver::fetch_cd(TranslationRequest r, Ste ste, u32 index) {
    const memory::Origin origin = structure_origin(r);
    const CdTable format = ste.get(Ste::S1Fmt);
    Spa table = ste.get(Ste::S1ContextPtr);
    if (has_substreams(ste, id_) && two_level(format)) {
        const Spa at = table + (u64{index} >> leaf_bits(format)) * L1Cd::byte_count;
        const auto [word, status] = co_await memory_.read64(at, origin);
        if (status != memory::Status::Ok) co_return fetch_fault(EventId::F_CD_FETCH, at);
        const L1Cd first = L1Cd::from_words({word});
        table = first.get(L1Cd::L2Ptr).align_down(u64{Cd::byte_count} << leaf_bits(format));
        if (!first.get(L1Cd::V) || beyond(table, id_.output_bits))
            co_return configuration_fault(EventId::C_BAD_SUBSTREAMID);
        index &= static_cast<u32>(base::low_bits(leaf_bits(format)));
    }
    const Spa at = table + u64{index} * Cd::byte_count;
    Cd::Words words{};
    if (co_await memory_.fetch(at, words, origin) != memory::Status::Ok) co_return fetch_fault(EventId::F_CD_FETCH, at);
    co_return Cd::from_words(words);
}

sim::Task<ContextResolver::SteOrFault> ContextResolver::legal_ste(TranslationRequest r) {
    SteOrFault fetched = co_await fetch_ste(r);
    const Ste* ste = std::get_if<Ste>(&fetched);
    if (ste != nullptr && !why_illegal(*ste, id_).empty()) fetched = configuration_fault(EventId::C_BAD_STE);
    co_return fetched;
}

sim::Task<ContextOutcome> ContextResolver::check_stream(TranslationRequest r) {
    const SteOrFault fetched = co_await legal_ste(r);
    if (const auto* refused = std::get_if<ContextOutcome>(&fetched)) co_return *refused;
    const Ste& ste = std::get<Ste>(fetched);
    if ((raw(ste.get(Ste::Config)) & 4) == 0) co_return silent_abort();
    co_return bypass(ste, id_);
}

sim::Task<ContextResolver::FoundOrFault> ContextResolver::find_cd(TranslationRequest r) {
    const SteOrFault fetched_ste = co_await legal_ste(r);
    if (const auto* refused = std::get_if<ContextOutcome>(&fetched_ste)) co_return *refused;
    const Ste ste = std::get<Ste>(fetched_ste);
    if ((raw(ste.get(Ste::Config)) & 4) == 0) co_return silent_abort();

    // 3.9.1: whether translations may be asked for at all comes before the substream.
    if (r.type == AddressType::TranslationRequest && !ats_enabled(ste, id_)) {
        ContextOutcome forbidden;
        forbidden.fault.why = FaultReason::Forbidden;
        co_return forbidden;
    }
    const Selection selected = select_cd(ste, id_, r.has_pasid, raw(r.pasid));
    if (selected.kind == Selection::Kind::Refused) co_return configuration_fault(selected.refused);
    if (selected.kind == Selection::Kind::Bypass) co_return bypass(ste, id_);
    const CdOrFault fetched_cd = co_await fetch_cd(r, ste, selected.index);
    if (const auto* refused = std::get_if<ContextOutcome>(&fetched_cd)) co_return *refused;
    const Cd cd = std::get<Cd>(fetched_cd);
    if (!why_illegal(cd, ste, id_).empty()) co_return configuration_fault(EventId::C_BAD_CD);
    co_return Found{cd, ats_enabled(ste, id_)};
}

sim::Task<ContextOutcome> ContextResolver::resolve(TranslationRequest r) {
    ContextOutcome out;
    if (r.type == AddressType::Translated) {
        out = co_await check_stream(r);
    } else {
        const FoundOrFault found = co_await find_cd(r);
        if (const auto* other = std::get_if<ContextOutcome>(&found)) {
            out = *other;
        } else {
            out.ok = true;
            out.context = make_context(std::get<Found>(found).cd, id_);
            out.context.ats = std::get<Found>(found).ats;
        }
    }
    out.context.generation = ++generation_;
    co_return out;
}

sim::Task<bool> ContextResolver::ignores_top_byte(TranslationRequest r) {
    const FoundOrFault found = co_await find_cd(r);
    const auto* f = std::get_if<Found>(&found);
    co_return f != nullptr && f->cd.get((r.at.value() >> 55 & 1) != 0 ? Cd::TBI1 : Cd::TBI0);
}

} // namespace quiesce::iommu::smmuv3
