// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/commands.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {
namespace {

constexpr u8 in_configuration = bit_of(CacheKind::Configuration);
constexpr u8 in_translation = bit_of(CacheKind::Translation) | bit_of(CacheKind::Walk);

constexpr Decode illegal{false, std::nullopt};
Decode configuration(Scope s) {
    s.in = in_configuration;
    return {true, Invalidate{InvalidationKind::Configuration, s}};
}
Decode translation(Scope s) {
    s.in = in_translation;
    return {true, Invalidate{InvalidationKind::Translation, s}};
}

bool has_stage1(const Identity& id) { return id.idr0.get(Idr0::S1P); }
bool has_stage2(const Identity& id) { return id.idr0.get(Idr0::S2P); }

/// Translations of NS-EL1 with this VMID. Without stage 2 there is none: the operand is ignored and all have VMID 0.
Scope of_vmid(Vmid vmid, const Identity& id) {
    Scope s;
    const u32 bits = id.idr0.get(Idr0::VMID16) ? 0xffff : 0xff;
    s.domain = DomainTag{has_stage2(id) ? raw(vmid) & bits : 0};
    s.domain_bits = ~u32{0} << id.vmid_wildcard; // 6.3.9.3: VMIDs that differ in the low bits are taken for one
    return s;
}
/// Of NS-EL1 with this VMID, but for what stage 2 translates alone.
Scope stage1_of_vmid(Vmid vmid, const Identity& id) {
    Scope s = of_vmid(vmid, id);
    s.spare_intermediate = true;
    return s;
}
Scope of_el2() {
    Scope s;
    s.domain = el2_domain;
    return s;
}

template <class C> Decode prefetch(const Command& c, const Identity&) {
    return view_as<C>(c).get(C::SSec) ? illegal : Decode{}; // MODEL: prefetches are hints, taken and dropped
}

Decode cfgi_ste(const Command& c, const Identity&) {
    const auto k = view_as<CfgiSte>(c);
    if (k.get(CfgiSte::SSec)) return illegal;
    Scope s;
    s.stream = k.get(CfgiSte::SID); // 4.3.1: and every descriptor reached through it
    return configuration(s);
}

Decode cfgi_ste_range(const Command& c, const Identity&) {
    const auto k = view_as<CfgiSteRange>(c);
    if (k.get(CfgiSteRange::SSec)) return illegal;
    Scope s;
    const u64 range = k.get(CfgiSteRange::Range);
    if (range == cfgi_all_range) return configuration(s); // CFGI_ALL
    s.streams = u64{2} << range;
    s.stream = StreamId{static_cast<u32>(u64{raw(k.get(CfgiSteRange::SID))} & ~(s.streams - 1))};
    return configuration(s);
}

/// 4.3.3, 4.3.4: CERROR_ILL without stage 1, as nothing has descriptors then.
Decode cfgi_cd(const Command& c, const Identity& id) {
    const auto k = view_as<CfgiCd>(c);
    if (k.get(CfgiCd::SSec) || !has_stage1(id)) return illegal;
    Scope s;
    s.stream = k.get(CfgiCd::SID);
    s.pasid = k.get(CfgiCd::SSID);
    if (!k.get(CfgiCd::Leaf))
        s.pasid.reset(); // MODEL: first-level descriptors are not cached apart, so all of the stream goes
    return configuration(s);
}

Decode cfgi_cd_all(const Command& c, const Identity& id) {
    const auto k = view_as<CfgiCdAll>(c);
    if (k.get(CfgiCdAll::SSec) || !has_stage1(id)) return illegal;
    Scope s;
    s.stream = k.get(CfgiCdAll::SID);
    return configuration(s);
}

/// TLBI_NSNH_ALL: every VMID, and nothing of EL2.
Decode tlbi_nsnh_all(const Command&, const Identity&) {
    Scope s;
    s.domain = DomainTag{0};
    s.domain_bits = raw(el2_domain); // every VMID is below it
    return translation(s);
}

Decode tlbi_nh_all(const Command& c, const Identity& id) {
    if (!has_stage1(id)) return illegal;
    return translation(stage1_of_vmid(view_as<TlbiNhAll>(c).get(TlbiNhAll::VMID), id));
}

Decode tlbi_nh_asid(const Command& c, const Identity& id) {
    if (!has_stage1(id)) return illegal;
    const auto k = view_as<TlbiNhAsid>(c);
    Scope s = stage1_of_vmid(k.get(TlbiNhAsid::VMID), id);
    s.space = SpaceTag{raw(k.get(TlbiNhAsid::ASID))};
    s.spare_global = true;
    return translation(s);
}

/// The addresses of a TLBI by address (4.4.1.1); nullopt: its operands are illegal.
template <class C> std::optional<IovaRange> tlbi_range(const C& k, const Identity& id) {
    const u64 num = k.get(C::NUM), scale = k.get(C::SCALE), ttl = k.get(C::TTL);
    const RangeGranule tg = k.get(C::TG);
    const bool hints = num != 0 || scale != 0 || ttl != 0 || tg != RangeGranule::None;
    if ((!id.idr3.get(Idr3::RIL) && hints) || k.get(C::TTL128) || scale > 31)
        return std::nullopt; // reserved without the feature
    const Iova first{k.get(C::Addr).value()};
    if (tg == RangeGranule::None) return IovaRange{first, page_size};
    // A level without leaves is no hint (4.4.1.1): 16 KiB pages have no blocks at level 1 below 52 address bits.
    const bool hint = ttl != 0 && !(tg == RangeGranule::K16 && ttl == 1);
    if (num == 0 && scale == 0 && !hint) return std::nullopt;
    const unsigned granule_bits = 10 + 2 * raw(tg); // 4, 16, 64 KiB
    return IovaRange{first.align_down(u64{1} << granule_bits), (num + 1) << (scale + granule_bits)};
}

/// `s` with the addresses of the command, if they are legal.
template <class C> Decode by_address(Scope s, const C& k, const Identity& id) {
    s.range = tlbi_range(k, id);
    if (!s.range) return illegal;
    s.leaf_only = k.get(C::Leaf);
    return translation(s);
}

Decode tlbi_nh_va(const Command& c, const Identity& id) {
    if (!has_stage1(id)) return illegal;
    const auto k = view_as<TlbiNhVa>(c);
    Scope s = stage1_of_vmid(k.get(TlbiNhVa::VMID), id);
    s.space = SpaceTag{raw(k.get(TlbiNhVa::ASID))};
    return by_address(s, k, id);
}

Decode tlbi_nh_vaa(const Command& c, const Identity& id) {
    if (!has_stage1(id)) return illegal;
    const auto k = view_as<TlbiNhVaa>(c);
    return by_address(stage1_of_vmid(k.get(TlbiNhVaa::VMID), id), k, id);
}

// EL2: 4.4.2; CERROR_ILL without IDR0.Hyp. Without E2H nothing has an ASID, and the operand is ignored.
// MODEL: TLBI_EL2_ASID is then TLBI_EL2_ALL.

bool has_el2(const Identity& id) { return has_stage1(id) && id.idr0.get(Idr0::Hyp); }

Decode tlbi_el2_all(const Command&, const Identity& id) { return has_el2(id) ? translation(of_el2()) : illegal; }

Decode tlbi_el2_asid(const Command& c, const Identity& id) {
    if (!has_el2(id)) return illegal;
    Scope s = of_el2();
    if (!id.e2h) return translation(s);
    s.space = SpaceTag{raw(view_as<TlbiEl2Asid>(c).get(TlbiEl2Asid::ASID))};
    s.spare_global = true;
    return translation(s);
}

Decode tlbi_el2_va(const Command& c, const Identity& id) {
    if (!has_el2(id)) return illegal;
    const auto k = view_as<TlbiEl2Va>(c);
    Scope s = of_el2();
    s.space = SpaceTag{id.e2h ? raw(k.get(TlbiEl2Va::ASID)) : u32{0}};
    return by_address(s, k, id);
}

Decode tlbi_el2_vaa(const Command& c, const Identity& id) {
    return has_el2(id) ? by_address(of_el2(), view_as<TlbiEl2Vaa>(c), id) : illegal;
}

// Stage 2: 4.4.3; CERROR_ILL without it.

Decode tlbi_s12_vmall(const Command& c, const Identity& id) {
    if (!has_stage2(id)) return illegal;
    return translation(of_vmid(view_as<TlbiS12Vmall>(c).get(TlbiS12Vmall::VMID), id));
}

/// Reaches what stage 2 translates alone, and its table pointers; not what both stages gave together, which TLBI_NH_*
/// or TLBI_S12_VMALL has to remove (4.4.3).
Decode tlbi_s2_ipa(const Command& c, const Identity& id) {
    if (!has_stage2(id)) return illegal;
    const auto k = view_as<TlbiS2Ipa>(c);
    Scope s = of_vmid(k.get(TlbiS2Ipa::VMID), id);
    s.space = intermediate;
    s.spare_global = true;
    return by_address(s, k, id);
}

Decode atc_inv(const Command& c, const Identity& id) {
    const auto k = view_as<AtcInv>(c);
    const u64 size = k.get(AtcInv::Size);
    constexpr u64 all = 52;
    if (k.get(AtcInv::SSec) || !id.idr0.get(Idr0::ATS) || size > all) return illegal;
    AtcInvalidation what;
    what.stream = k.get(AtcInv::SID);
    what.has_pasid = k.get(AtcInv::SSV);
    what.pasid = what.has_pasid ? k.get(AtcInv::SSID) : Pasid{};
    what.global = what.has_pasid && k.get(AtcInv::Global); // 4.5.1: ignored without SSV
    what.everything = size == all;
    if (!what.everything) what.range = {k.get(AtcInv::Addr).align_down(page_size << size), page_size << size};
    return {true, std::nullopt, what};
}

Decode pri_resp(const Command& c, const Identity& id) {
    const auto k = view_as<PriResp>(c);
    const PageResponse resp = k.get(PriResp::Resp);
    if (k.get(PriResp::SSec) || !id.idr0.get(Idr0::PRI) || resp == PageResponse::Illegal) return illegal;
    static constexpr PageResponseCode codes[] = {PageResponseCode::Failure, PageResponseCode::InvalidRequest,
                                                 PageResponseCode::Success};
    PageGroupResponse r;
    r.stream = k.get(PriResp::SID);
    r.has_pasid = k.get(PriResp::SSV) && id.idr1.get(Idr1::SSIDSIZE) != 0; // 4.5.2 lets it act as though SSV were 0
    r.pasid = r.has_pasid ? k.get(PriResp::SSID) : Pasid{};
    r.group = static_cast<u16>(k.get(PriResp::PRGIndex));
    r.code = codes[raw(resp)];
    Decode d;
    d.page_response = r;
    return d;
}

bool can_stall(const Identity& id) { return id.idr0.get(Idr0::STALL_MODEL) != StallModel::NoStall; }

Decode resume(const Command& c, const Identity& id) {
    const auto k = view_as<Resume>(c);
    if (k.get(Resume::SSec) || !can_stall(id)) return illegal;
    StallCommand s;
    s.stream = k.get(Resume::SID);
    s.stag = static_cast<u16>(k.get(Resume::STAG));
    s.retry = k.get(Resume::Ac);
    s.abort = k.get(Resume::Ab) || id.idr0.get(Idr0::TERM_MODEL);
    Decode d;
    d.stall = s;
    return d;
}

Decode stall_term(const Command& c, const Identity& id) {
    const auto k = view_as<StallTerm>(c);
    if (k.get(StallTerm::SSec) || !can_stall(id)) return illegal;
    StallCommand s;
    s.stream = k.get(StallTerm::SID);
    s.whole_stream = true;
    Decode d;
    d.stall = s;
    return d;
}

Decode sync(const Command& c, const Identity&) {
    return view_as<Sync>(c).get(Sync::CS) == SyncSignal::Reserved ? illegal : Decode{};
}

template <class C> constexpr std::array<u64, 2> operands() {
    return {base::mask_of(C::fields, 0), base::mask_of(C::fields, 1)};
}
constexpr std::array<u64, 2> any_operands{~u64{0}, ~u64{0}};

// clang-format off
constexpr CommandRow command_table[] = {
    {Opcode::PREFETCH_CONFIG,  "4.2.1",   operands<PrefetchConfig>(),  &prefetch<PrefetchConfig>},
    {Opcode::PREFETCH_ADDR,    "4.2.2",   operands<PrefetchAddr>(),    &prefetch<PrefetchAddr>},
    {Opcode::CFGI_STE,         "4.3.1",   operands<CfgiSte>(),         &cfgi_ste},
    {Opcode::CFGI_STE_RANGE,   "4.3.2",   operands<CfgiSteRange>(),    &cfgi_ste_range},
    {Opcode::CFGI_CD,          "4.3.3",   operands<CfgiCd>(),          &cfgi_cd},
    {Opcode::CFGI_CD_ALL,      "4.3.4",   operands<CfgiCdAll>(),       &cfgi_cd_all},
    {Opcode::CFGI_VMS_PIDM,    "4.3.5",   any_operands,                nullptr},
    {Opcode::TLBI_NH_ALL,      "4.4.2.1", operands<TlbiNhAll>(),       &tlbi_nh_all},
    {Opcode::TLBI_NH_ASID,     "4.4.2.2", operands<TlbiNhAsid>(),      &tlbi_nh_asid},
    {Opcode::TLBI_NH_VA,       "4.4.2.4", operands<TlbiNhVa>(),        &tlbi_nh_va},
    {Opcode::TLBI_NH_VAA,      "4.4.2.3", operands<TlbiNhVaa>(),       &tlbi_nh_vaa},
    {Opcode::TLBI_EL3_ALL,     "4.4.2.5", any_operands,                nullptr},
    {Opcode::TLBI_EL3_VA,      "4.4.2",   any_operands,                nullptr},
    {Opcode::TLBI_EL2_ALL,     "4.4.2",   operands<TlbiEl2All>(),      &tlbi_el2_all},
    {Opcode::TLBI_EL2_ASID,    "4.4.2",   operands<TlbiEl2Asid>(),     &tlbi_el2_asid},
    {Opcode::TLBI_EL2_VA,      "4.4.2",   operands<TlbiEl2Va>(),       &tlbi_el2_va},
    {Opcode::TLBI_EL2_VAA,     "4.4.2",   operands<TlbiEl2Vaa>(),      &tlbi_el2_vaa},
    {Opcode::TLBI_S12_VMALL,   "4.4.3",   operands<TlbiS12Vmall>(),    &tlbi_s12_vmall},
    {Opcode::TLBI_S2_IPA,      "4.4.3",   operands<TlbiS2Ipa>(),       &tlbi_s2_ipa},
    {Opcode::TLBI_NSNH_ALL,    "4.4.4.1", operands<TlbiNsnhAll>(),     &tlbi_nsnh_all},
    {Opcode::ATC_INV,          "4.5.1",   operands<AtcInv>(),          &atc_inv},
    {Opcode::PRI_RESP,         "4.5.2",   operands<PriResp>(),         &pri_resp},
    {Opcode::RESUME,           "4.7.1",   operands<Resume>(),          &resume},
    {Opcode::STALL_TERM,       "4.7.2",   operands<StallTerm>(),       &stall_term},
    {Opcode::SYNC,             "4.7.3",   operands<Sync>(),            &sync},
};
// clang-format on

} // namespace

std::span<const CommandRow> command_rows() { return command_table; }
const CommandRow* command_row(Opcode op) {
    const auto row = std::find_if(std::begin(command_table), std::end(command_table), [&](const CommandRow& r) { return r.op == op; });
    return row == std::end(command_table) ? nullptr : row;
}

Decode decode_command(const Command& c, const Identity& id) {
    const CommandRow* row = command_row(c.get(Command::Op));
    if (row == nullptr || row->decode == nullptr) return illegal;
    if ((c.word(0) & ~row->operands[0]) != 0 || (c.word(1) & ~row->operands[1]) != 0) return illegal;
    return row->decode(c, id);
}

} // namespace quiesce::iommu::smmuv3
