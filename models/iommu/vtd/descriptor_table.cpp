// SPDX-License-Identifier: Apache-2.0
#include "iommu/vtd/commands.h"

#include <algorithm>

namespace quiesce::iommu::vtd {
namespace {

constexpr u8 in_translation = bit_of(CacheKind::Translation) | bit_of(CacheKind::Walk);

Decode illegal(QueueError why = QueueError::ReservedField) {
    Decode d;
    d.error = why;
    return d;
}
Decode works(InvalidationKind kind, const Scope& s) {
    Decode d;
    d.work = Invalidate{kind, s};
    return d;
}
bool too_wide(DomainId did, const Identity& id) { return (raw(did) >> domain_bits(id.cap)) != 0; }
StreamId stream_of(RequesterId who) { return StreamId{raw(who)}; }

Decode cc_inv(const Descriptor& d, const Identity& id, bool scalable) {
    const auto k = view_as<CcInvDsc>(d);
    if (k.get(CcInvDsc::G) == ContextGranularity::Reserved || too_wide(k.get(CcInvDsc::DID), id)) return illegal();
    return works(InvalidationKind::Configuration, context_scope(k.get(CcInvDsc::G), k.get(CcInvDsc::DID),
                                                                k.get(CcInvDsc::SID), k.get(CcInvDsc::FM), scalable));
}

/// DR and DW ask for what is always done: MODEL: every invalidation drains reads and writes, as version 2 has it.
Decode iotlb_inv(const Descriptor& d, const Identity& id, bool) {
    const auto k = view_as<IotlbInvDsc>(d);
    if (k.get(IotlbInvDsc::AM) > id.cap.get(Cap::MAMV) && k.get(IotlbInvDsc::G) == IotlbGranularity::Page)
        return illegal();
    const auto scope = iotlb_scope(k.get(IotlbInvDsc::G), k.get(IotlbInvDsc::DID), k.get(IotlbInvDsc::ADDR),
                                   k.get(IotlbInvDsc::AM), k.get(IotlbInvDsc::IH), id);
    return scope ? works(InvalidationKind::Translation, *scope) : illegal();
}

/// The pages that an address and S say: 2^(k+1) of them, k consecutive ones from bit 12 on; all of them: everything.
void set_pages(AtcInvalidation& what, Iova at, bool s) {
    const u64 ones = s ? static_cast<u64>(std::countr_one(at.page_number())) : 0;
    what.everything = s && ones >= 51;
    if (what.everything) return;
    const u64 bytes = s ? page_size << (ones + 1) : page_size;
    what.range = {at.align_down(bytes), bytes};
}

/// PFSID is reserved without ECAP.DIT; it, and MIP, say how many may be pending, which is up to the root complex here.
Decode dev_tlb_inv(const Descriptor& d, const Identity& id, bool) {
    const auto k = view_as<DevTlbInvDsc>(d);
    if (!id.has(Ecap::DIT) && raw(k.get(DevTlbInvDsc::PFSID)) != 0) return illegal();
    AtcInvalidation what;
    what.stream = stream_of(k.get(DevTlbInvDsc::SID));
    set_pages(what, k.get(DevTlbInvDsc::ADDR), k.get(DevTlbInvDsc::S));
    Decode out;
    out.atc = what;
    return out;
}

Decode p_dev_tlb_inv(const Descriptor& d, const Identity& id, bool) {
    const auto k = view_as<PDevTlbInvDsc>(d);
    if (!id.has(Ecap::DIT) && raw(k.get(PDevTlbInvDsc::PFSID)) != 0) return illegal();
    AtcInvalidation what;
    what.stream = stream_of(k.get(PDevTlbInvDsc::SID));
    what.has_pasid = true;
    what.pasid = k.get(PDevTlbInvDsc::PASID);
    what.global = k.get(PDevTlbInvDsc::GI);
    set_pages(what, k.get(PDevTlbInvDsc::ADDR), k.get(PDevTlbInvDsc::S));
    Decode out;
    out.atc = what;
    return out;
}

/// There is no interrupt entry cache: nothing is to be done.
Decode iec_inv(const Descriptor&, const Identity&, bool) { return {}; }

/// 6.5.2.9: a status address is a matter of SW only.
Decode inv_wait(const Descriptor& d, const Identity& id, bool) {
    return view_as<InvWaitDsc>(d).get(InvWaitDsc::PD) && !id.has(Ecap::PDS) ? illegal() : Decode{};
}

Decode p_iotlb_inv(const Descriptor& d, const Identity& id, bool) {
    const auto k = view_as<PIotlbInvDsc>(d);
    const PasidIotlbGranularity g = k.get(PIotlbInvDsc::G);
    const bool known = g == PasidIotlbGranularity::Pasid || g == PasidIotlbGranularity::Page;
    if (!known || too_wide(k.get(PIotlbInvDsc::DID), id)) return illegal();
    Scope s;
    s.in = in_translation;
    s.domain = DomainTag{raw(k.get(PIotlbInvDsc::DID))};
    s.space = SpaceTag{raw(k.get(PIotlbInvDsc::PASID))};
    if (g == PasidIotlbGranularity::Pasid) return works(InvalidationKind::Translation, s);
    const u64 mask = k.get(PIotlbInvDsc::AM); // any is legal, MAMV is not asked
    if (mask < 52) s.range = IovaRange{k.get(PIotlbInvDsc::ADDR).align_down(page_size << mask), page_size << mask};
    s.leaf_only = k.get(PIotlbInvDsc::IH);
    return works(InvalidationKind::Translation, s);
}

Decode pc_inv(const Descriptor& d, const Identity& id, bool) {
    const auto k = view_as<PcInvDsc>(d);
    const PasidCacheGranularity g = k.get(PcInvDsc::G);
    Scope s;
    s.in = bit_of(CacheKind::Configuration) | bit_of(CacheKind::PasidEntry);
    if (g == PasidCacheGranularity::Global) return works(InvalidationKind::Configuration, s);
    if (raw(g) > raw(PasidCacheGranularity::Pasid) || too_wide(k.get(PcInvDsc::DID), id)) return illegal();
    s.configuration_domain = DomainTag{raw(k.get(PcInvDsc::DID))};
    if (g == PasidCacheGranularity::Pasid) s.pasid = k.get(PcInvDsc::PASID);
    return works(InvalidationKind::Configuration, s);
}

Decode page_grp_resp(const Descriptor& d, const Identity&, bool) {
    const auto k = view_as<PageGrpRespDsc>(d);
    PageGroupResponse r;
    r.stream = stream_of(k.get(PageGrpRespDsc::RID));
    r.has_pasid = k.get(PageGrpRespDsc::PP);
    r.pasid = r.has_pasid ? k.get(PageGrpRespDsc::PASID) : Pasid{};
    r.group = static_cast<u16>(k.get(PageGrpRespDsc::PRGI));
    r.code =
        static_cast<PageResponseCode>(k.get(PageGrpRespDsc::RC)); // what is no code, the function takes for Failure
    Decode out;
    out.page_response = r;
    return out;
}

template <class D>
constexpr std::array<u64, 4> operands() {
    return {base::mask_of(D::fields, 0), base::mask_of(D::fields, 1), base::mask_of(D::fields, 2),
            base::mask_of(D::fields, 3)};
}

using Type = DescriptorType;
constexpr DescriptorModes in_all = DescriptorModes::All, in_scalable = DescriptorModes::Scalable;
// clang-format off
constexpr DescriptorRow descriptor_table[] = {
    {Type::ContextCache,      "6.5.2.1", in_all,      operands<CcInvDsc>(),       &cc_inv},
    {Type::Iotlb,             "6.5.2.3", in_all,      operands<IotlbInvDsc>(),    &iotlb_inv},
    {Type::DeviceTlb,         "6.5.2.5", in_all,      operands<DevTlbInvDsc>(),   &dev_tlb_inv},
    {Type::InterruptEntry,    "6.5.2.8", in_all,      operands<IecInvDsc>(),      &iec_inv},
    {Type::Wait,              "6.5.2.9", in_all,      operands<InvWaitDsc>(),     &inv_wait},
    {Type::PasidIotlb,        "6.5.2.4", in_scalable, operands<PIotlbInvDsc>(),   &p_iotlb_inv},
    {Type::PasidCache,        "6.5.2.2", in_scalable, operands<PcInvDsc>(),       &pc_inv},
    {Type::PasidDeviceTlb,    "6.5.2.6", in_scalable, operands<PDevTlbInvDsc>(),  &p_dev_tlb_inv},
    {Type::PageGroupResponse, "7.6.1",   in_scalable, operands<PageGrpRespDsc>(), &page_grp_resp},
    {Type::HptCache,          "6.5.2.7", in_scalable, operands<HptInvDsc>(),      nullptr},
};
// clang-format on

bool has_type(const DescriptorRow& row, const Identity& id) {
    switch (row.type) {
    case DescriptorType::DeviceTlb:
    case DescriptorType::PasidDeviceTlb: return id.has(Ecap::DT);
    case DescriptorType::PageGroupResponse: return id.has(Ecap::PRS);
    default: return row.decode != nullptr;
    }
}

} // namespace

/// 6.5.2.1. MODEL: in legacy mode device-selective does not look at DID, which software has to give as it was cached.
Scope context_scope(ContextGranularity g, DomainId did, RequesterId sid, FunctionMask mask, bool scalable) {
    static constexpr u32 masked[] = {0, 0b100, 0b110, 0b111};
    Scope s;
    s.in = bit_of(CacheKind::Configuration) | bit_of(CacheKind::StreamEntry);
    if (g == ContextGranularity::Domain && !scalable) s.configuration_domain = DomainTag{raw(did)};
    if (g != ContextGranularity::Device) return s; // scalable: context entries have no domain
    s.stream_bits = ~masked[raw(mask)];
    s.stream = StreamId{raw(sid) & s.stream_bits};
    return s;
}

/// 6.5.2.3: by page: of second-stage and pass-through entries those of the pages, of others of the domain all.
std::optional<Scope> iotlb_scope(IotlbGranularity g, DomainId did, Iova at, u64 mask, bool leaf_only,
                                 const Identity& id) {
    Scope s;
    s.in = in_translation;
    if (g == IotlbGranularity::Global) return s;
    if (g == IotlbGranularity::Reserved || too_wide(did, id)) return std::nullopt;
    s.domain = DomainTag{raw(did)};
    if (g == IotlbGranularity::Domain) return s;
    if (!id.has(Cap::PSI)) return std::nullopt;
    if (mask >= 52) return s;
    s.range = IovaRange{at.align_down(page_size << mask), page_size << mask};
    s.intermediate_range = true;
    s.leaf_only = leaf_only;
    return s;
}

std::span<const DescriptorRow> descriptor_rows() { return descriptor_table; }
const DescriptorRow* descriptor_row(DescriptorType type) {
    const auto row = std::find_if(std::begin(descriptor_table), std::end(descriptor_table),
                                  [&](const DescriptorRow& r) { return r.type == type; });
    return row == std::end(descriptor_table) ? nullptr : row;
}

Decode decode_descriptor(const Descriptor& d, const Identity& id, TableMode mode) {
    const bool scalable = mode == TableMode::Scalable;
    const DescriptorRow* row = descriptor_row(d.get(Descriptor::Type));
    if (row == nullptr || !has_type(*row, id)) return illegal(QueueError::BadType);
    if (row->modes == DescriptorModes::Scalable && mode == TableMode::Legacy) return illegal(QueueError::BadType);
    for (unsigned w = 0; w < row->operands.size(); ++w)
        if ((d.word(w) & ~row->operands[w]) != 0) return illegal();
    return row->decode(d, id, scalable);
}

} // namespace quiesce::iommu::vtd
