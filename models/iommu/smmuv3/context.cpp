// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/context.h"

#include "iommu/origin.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {
namespace {

/// 6.3.24: 6, 8 or 10 bits of the StreamID index a second-level table; the reserved codes act as 6.
u64 stream_split(StrtabBaseCfg cfg) {
    const u64 split = cfg.get(StrtabBaseCfg::SPLIT);
    return split == 8 || split == 10 ? split : 6;
}

ContextOutcome configuration_fault(EventId id, Spa fetch = Spa{0}) {
    ContextOutcome out;
    out.fault.why = FaultReason::Configuration;
    out.fault.code = raw(id);
    out.fault.fetch_address = fetch;
    return out;
}
/// `why` is a rule's, or names a field.
ContextOutcome broken(EventId id, std::string_view why) {
    ContextOutcome out = configuration_fault(id);
    out.fault.rule = why.data();
    return out;
}
/// An external abort while fetching: never cached (5.5).
ContextOutcome fetch_fault(EventId id, Spa at) {
    ContextOutcome out = configuration_fault(id, at);
    out.cacheable = false;
    return out;
}
/// A fault of what was reached through the entry, which says whether its events are merged (7.3.1).
ContextOutcome behind(const Ste& ste, ContextOutcome refused) {
    refused.fault.may_merge = ste.get(Ste::MEV);
    return refused;
}
/// Config = 0xx: every transaction aborts and none is recorded (5.2).
ContextOutcome silent_abort() {
    ContextOutcome out = configuration_fault(EventId{});
    out.fault.silent = true;
    out.fault.rule = out.fault.quiet_by = "STE.Config=0b000";
    return out;
}

std::optional<bool> override_of(AttributeOverride o) {
    if (o == AttributeOverride::Clear) return false;
    return o == AttributeOverride::Set ? std::optional{true} : std::nullopt;
}

/// What stage 2 of a legal entry does; not present: there is none.
SecondStage make_second(const Ste& s, const Identity& id) {
    SecondStage second;
    if (!has_stage2(s)) return second;
    const Granule& g = granule_of(s.get(Ste::S2TG));
    const auto level = stage2_start_level(g, s.get(Ste::S2SL0), id.idr3.get(Idr3::STT));
    second.root = make_stage2_root(g, s.get(Ste::S2T0SZ), level.value_or(0), s.get(Ste::S2TTB));
    second.root.output_bits = stage2_output_bits(s, id);
    second.root.used_faults = !s.get(Ste::S2AFFD);
    second.root.grouping = id.contiguous;
    second.root.marks_used = s.get(Ste::S2HA);
    second.root.marks_written = s.get(Ste::S2HA) && s.get(Ste::S2HD);
    second.root.options = id.idr3.get(Idr3::XNX) ? fine_no_exec : 0;
    second.tables_not_in_devices = s.get(Ste::S2PTW);
    second.on_fault = {true, s.get(Ste::S2R), s.get(Ste::S2S)}; // 5.5: as though A were 1
    return second;
}

} // namespace

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
            return {Kind::Refused, 0, EventId::C_BAD_SUBSTREAMID,
                    has_stage1(ste) ? "STE.S1CDMax: the substream is beyond it" : "STE.Config: no stage 1, and no substreams"};
        if (substream == 0 && dss == NoSubstream::Substream0)
            return {Kind::Refused, 0, EventId::F_STREAM_DISABLED, "STE.S1DSS=0b10"};
        return {Kind::Cd, substream, {}};
    }
    if (!has_stage1(ste)) return {Kind::Bypass, 0, {}};
    if (bits == 0 || dss == NoSubstream::Substream0) return {Kind::Cd, 0, {}};
    if (dss == NoSubstream::Bypass) return {Kind::Bypass, 0, {}};
    return {Kind::Refused, 0, EventId::F_STREAM_DISABLED, "STE.S1DSS=0b00"}; // 3 acts as 0
}

Context make_context(const Ste& ste, const Identity& id) {
    Context c;
    c.bypass = true;
    if (id.idr1.get(Idr1::ATTR_PERMS_OVR)) {
        c.as_privileged = override_of(ste.get(Ste::PRIVCFG));
        c.as_instruction = override_of(ste.get(Ste::INSTCFG));
    }
    c.rewrites = c.as_privileged || c.as_instruction;
    // 3.4: what goes to stage 2 directly is checked against its range alone; what skips stage 1 as stage 1 would.
    c.output_bits = ste.get(Ste::Config) == StreamConfig::Stage2 ? 64 : id.output_bits;
    c.domain = has_vmid(ste, id) ? DomainTag{raw(ste.get(Ste::S2VMID))} : DomainTag{0};
    c.space = intermediate;
    c.conflicts = id.conflicts;
    c.second = make_second(ste, id);
    c.merges_faults = ste.get(Ste::MEV);
    return c;
}

Context make_context(const Cd& cd, const Ste& ste, const Identity& id) {
    Context c = make_context(ste, id);
    const bool one = one_range(ste, id);
    c.bypass = false;
    if (in_el2(ste)) c.domain = el2_domain;
    c.space = SpaceTag{one ? u32{0} : raw(cd.get(Cd::ASID))};
    c.roots[0] = make_root(granule_of(cd.get(Cd::TG0)), cd.get(Cd::T0SZ), cd.get(Cd::TTB0), cd.get(Cd::EPD0) && !one);
    c.roots[1] = make_root(granule_of(cd.get(Cd::TG1)), cd.get(Cd::T1SZ), cd.get(Cd::TTB1), cd.get(Cd::EPD1));
    c.roots[1].present = !one;
    const bool had = id.idr3.get(Idr3::HAD);
    const auto options = static_cast<u8>((id.global_entries && !one ? globals : 0) | (one ? one_privilege : 0) |
                                         (cd.get(Cd::WXN) ? write_no_exec : 0));
    c.roots[0].options = static_cast<u8>(options | (had && cd.get(Cd::HAD0) ? flat : 0));
    c.roots[1].options = static_cast<u8>(options | (had && cd.get(Cd::HAD1) ? flat : 0));
    c.roots[0].ignored_top = cd.get(Cd::TBI0) ? 8 : 0;
    c.roots[1].ignored_top = cd.get(Cd::TBI1) ? 8 : 0;
    c.rewrites = c.rewrites || cd.get(Cd::TBI0) || cd.get(Cd::TBI1);
    for (TableRoot& root : c.roots) {
        root.output_bits = effective_ips(cd, id);
        root.used_faults = !cd.get(Cd::AFFD);
        root.grouping = id.contiguous;
        root.marks_used = cd.get(Cd::HA);
        root.marks_written = cd.get(Cd::HA) && cd.get(Cd::HD); // 5.4: HD without HA has no effect
    }
    c.privileged_avoids_user = cd.get(Cd::PAN) && !one;
    c.on_fault = {cd.get(Cd::A), cd.get(Cd::R), cd.get(Cd::S)};
    return c;
}

sim::Task<ContextResolver::SteOrFault> ContextResolver::fetch_ste(TranslationRequest r) {
    const StrtabBaseCfg cfg = regs_.read<StrtabBaseCfg>();
    const memory::Origin origin = structure_origin(r);
    StreamSlot slot = locate_stream(regs_.read<StrtabBase>(), cfg, id_, r.stream);
    std::string_view beyond = "STRTAB_BASE_CFG.LOG2SIZE: the stream is beyond it";
    if (slot.kind == StreamSlot::Kind::FirstLevel) {
        occurrences_.note(Occurrence::StructureAccess, r.stream);
        const auto [word, status] = co_await memory_.read64(slot.at, origin);
        if (status != memory::Status::Ok) co_return fetch_fault(EventId::F_STE_FETCH, slot.at);
        slot = locate_stream(L1Std::from_words({word}), cfg, r.stream);
        beyond = "L1STD.Span: the stream is beyond it";
    }
    if (slot.kind == StreamSlot::Kind::BadStream) {
        ContextOutcome refused = broken(EventId::C_BAD_STREAMID, beyond);
        refused.cacheable = false; // there is no entry to cache; the next transaction looks again
        co_return refused;
    }
    Ste::Words words{};
    occurrences_.note(Occurrence::StructureAccess, r.stream);
    if (co_await memory_.fetch(slot.at, words, origin) != memory::Status::Ok)
        co_return fetch_fault(EventId::F_STE_FETCH, slot.at);
    co_return Ste::from_words(words);
}

sim::Task<ContextResolver::PlaceOrFault> ContextResolver::reach(TranslationRequest r, Ste ste, Spa at) {
    if (!has_stage2(ste)) co_return at;
    const Context second = make_context(ste, id_);
    const WalkResult found = co_await walker_.reach(r, second, Gpa{at.value()});
    if (found.ok) co_return found.leaf.to + (at.value() & (found.leaf.bytes - 1));
    ContextOutcome refused;
    refused.context = second;
    refused.fault = found.fault;
    refused.cacheable = false;
    co_return refused;
}

sim::Task<ContextResolver::CdOrFault> ContextResolver::fetch_cd(TranslationRequest r, Ste ste, u32 index) {
    const memory::Origin origin = structure_origin(r);
    const CdTable format = ste.get(Ste::S1Fmt);
    Spa table = ste.get(Ste::S1ContextPtr);
    if (has_substreams(ste, id_) && two_level(format)) {
        const PlaceOrFault place =
            co_await reach(r, ste, table + (u64{index} >> leaf_bits(format)) * L1Cd::byte_count);
        if (const auto* refused = std::get_if<ContextOutcome>(&place)) co_return *refused;
        const Spa at = std::get<Spa>(place);
        occurrences_.note(Occurrence::StructureAccess, r.stream);
        const auto [word, status] = co_await memory_.read64(at, origin);
        if (status != memory::Status::Ok) co_return fetch_fault(EventId::F_CD_FETCH, at);
        const L1Cd first = L1Cd::from_words({word});
        table = first.get(L1Cd::L2Ptr).align_down(u64{Cd::byte_count} << leaf_bits(format));
        if (!first.get(L1Cd::V)) co_return broken(EventId::C_BAD_SUBSTREAMID, "L1CD.V=0");
        if (beyond(table, id_.output_bits))
            co_return broken(EventId::C_BAD_SUBSTREAMID, "L1CD.L2Ptr: beyond the output size");
        index &= static_cast<u32>(base::low_bits(leaf_bits(format)));
    }
    const PlaceOrFault place = co_await reach(r, ste, table + u64{index} * Cd::byte_count);
    if (const auto* refused = std::get_if<ContextOutcome>(&place)) co_return *refused;
    const Spa at = std::get<Spa>(place);
    Cd::Words words{};
    occurrences_.note(Occurrence::StructureAccess, r.stream);
    if (co_await memory_.fetch(at, words, origin) != memory::Status::Ok) co_return fetch_fault(EventId::F_CD_FETCH, at);
    const Cd cd = Cd::from_words(words);
    if (const std::string_view why = why_illegal(cd, ste, id_); !why.empty()) co_return broken(EventId::C_BAD_CD, why);
    co_return cd;
}

sim::Task<ContextResolver::SteOrFault> ContextResolver::legal_ste(TranslationRequest r) {
    SteOrFault fetched = co_await fetch_ste(r);
    const Ste* ste = std::get_if<Ste>(&fetched);
    if (const std::string_view why = ste == nullptr ? std::string_view{} : why_illegal(*ste, id_); !why.empty())
        fetched = broken(EventId::C_BAD_STE, why);
    co_return fetched;
}

/// 5.2: EATS counts with stage 1 or 2 enabled. Split-stage is treated as off without ATSCHK.
DeviceTranslation ContextResolver::ats_of(const Ste& ste) const {
    if (!id_.idr0.get(Idr0::ATS) || (raw(ste.get(Ste::Config)) & 3) == 0) return DeviceTranslation::None;
    const StreamAts eats = ste.get(Ste::EATS);
    if (eats == StreamAts::Full) return DeviceTranslation::Whole;
    const bool split = eats == StreamAts::SplitStage && regs_.get(Cr0Ack::ATSCHK);
    return split ? DeviceTranslation::FirstStage : DeviceTranslation::None;
}

sim::Task<ContextOutcome> ContextResolver::find(TranslationRequest r) {
    const SteOrFault fetched_ste = co_await legal_ste(r);
    if (const auto* refused = std::get_if<ContextOutcome>(&fetched_ste)) co_return *refused;
    const Ste ste = std::get<Ste>(fetched_ste);
    if ((raw(ste.get(Ste::Config)) & 4) == 0) co_return silent_abort();

    ContextOutcome out;
    out.ok = true;
    out.context = make_context(ste, id_);
    out.context.ats = ats_of(ste);
    if (r.type == AddressType::Translated) { // 3.9.1: only the entry is asked, and stage 2 with split-stage ATS
        out.context.output_bits = id_.output_bits;
        co_return out;
    }
    // 3.9.1: whether translations may be asked for at all comes before the substream.
    if (r.type == AddressType::TranslationRequest && out.context.ats == DeviceTranslation::None) {
        ContextOutcome forbidden;
        forbidden.fault.why = FaultReason::Forbidden;
        co_return behind(ste, forbidden);
    }
    const Selection selected = select_cd(ste, id_, r.has_pasid, raw(r.pasid));
    if (selected.kind == Selection::Kind::Refused) co_return behind(ste, broken(selected.refused, selected.by));
    if (selected.kind == Selection::Kind::Bypass) co_return out;
    const CdOrFault fetched_cd = co_await fetch_cd(r, ste, selected.index);
    if (const auto* refused = std::get_if<ContextOutcome>(&fetched_cd)) co_return behind(ste, *refused);
    const DeviceTranslation ats = out.context.ats;
    out.context = make_context(std::get<Cd>(fetched_cd), ste, id_);
    out.context.ats = ats;
    co_return out;
}

sim::Task<ContextOutcome> ContextResolver::resolve(TranslationRequest r) {
    ContextOutcome out = co_await find(r);
    out.context.generation = ++generation_;
    co_return out;
}

} // namespace quiesce::iommu::smmuv3
