// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/commands.h"

#include <algorithm>
#include <bit>

namespace quiesce::iommu::amdvi {
namespace {

constexpr u8 in_translation = bit_of(CacheKind::Translation) | bit_of(CacheKind::Walk);
constexpr u8 in_pasid = bit_of(CacheKind::Configuration) | bit_of(CacheKind::PasidEntry);

Decode illegal() {
    Decode d;
    d.legal = false;
    return d;
}
Decode works(InvalidationKind kind, const Scope& s) {
    Decode d;
    d.work = Invalidate{kind, s};
    return d;
}
StreamId stream_of(RequesterId who) { return StreamId{raw(who)}; }

Decode completion_wait(const Command&, const Identity&) { return {}; }

Decode invalidate_devtab_entry(const Command& c, const Identity&) {
    Scope s;
    s.in = in_pasid | bit_of(CacheKind::StreamEntry);
    s.stream = stream_of(view_as<InvalidateDevtabEntry>(c).get(InvalidateDevtabEntry::DeviceID));
    return works(InvalidationKind::Configuration, s);
}

/// MODEL: without GN the addresses are those that the host's table translates: what a guest's tables lead to goes, whatever
/// its address. MODEL: all addresses of a PASID, with PDE, are its GCR3 entry, too, as Linux has it when it clears one.
Decode invalidate_iommu_pages(const Command& c, const Identity&) {
    const auto k = view_as<InvalidateIommuPages>(c);
    const bool guest = k.get(InvalidateIommuPages::GN), directories = k.get(InvalidateIommuPages::PDE);
    Scope s;
    s.in = in_translation;
    s.domain = DomainTag{raw(k.get(InvalidateIommuPages::DomainID))};
    s.leaf_only = !directories;
    s.range = pages_of(k.get(InvalidateIommuPages::Address), k.get(InvalidateIommuPages::S));
    s.intermediate_range = !guest && s.range.has_value();
    if (!guest) return works(InvalidationKind::Translation, s);
    s.space = SpaceTag{raw(k.get(InvalidateIommuPages::PASID))};
    if (s.range || !directories) return works(InvalidationKind::Translation, s);
    s.in |= in_pasid;
    s.pasid = k.get(InvalidateIommuPages::PASID);
    s.configuration_domain = s.domain;
    return works(InvalidationKind::Translation, s);
}

/// MODEL: MaxPend 0 is 32, as a queue depth of devices is.
Decode invalidate_iotlb_pages(const Command& c, const Identity& id) {
    const auto k = view_as<InvalidateIotlbPages>(c);
    if (!id.iotlb || k.get(InvalidateIotlbPages::Type) != 0) return illegal(); // EFR.InvIotlbTypeSup is 0
    DeviceInvalidation d;
    d.what.stream = stream_of(k.get(InvalidateIotlbPages::DeviceID));
    d.what.has_pasid = k.get(InvalidateIotlbPages::GN);
    d.what.pasid = d.what.has_pasid ? k.get(InvalidateIotlbPages::PASID) : Pasid{};
    const auto pages = pages_of(k.get(InvalidateIotlbPages::Address), k.get(InvalidateIotlbPages::S));
    d.what.everything = !pages;
    d.what.range = pages.value_or(IovaRange{});
    d.queue = k.get(InvalidateIotlbPages::QueueID);
    constexpr unsigned of_zero = 32;
    d.most = k.get(InvalidateIotlbPages::MaxPend) == 0 ? of_zero : k.get(InvalidateIotlbPages::MaxPend);
    Decode out;
    out.device = d;
    return out;
}

/// Interrupts are not remapped: nothing is kept of such tables.
Decode invalidate_interrupt_table(const Command&, const Identity&) { return {}; }

Decode prefetch_iommu_pages(const Command&, const Identity& id) { return id.has(Efr::PREFSup) ? Decode{} : illegal(); }

Decode complete_ppr_request(const Command& c, const Identity& id) {
    if (!id.has(Efr::PPRSup)) return illegal();
    const auto k = view_as<CompletePprRequest>(c);
    PageGroupResponse r;
    r.stream = stream_of(k.get(CompletePprRequest::DeviceID));
    r.has_pasid = k.get(CompletePprRequest::GN);
    r.pasid = r.has_pasid ? k.get(CompletePprRequest::PASID) : Pasid{};
    r.group = k.get(CompletePprRequest::Tag);
    r.code = static_cast<PageResponseCode>(k.get(CompletePprRequest::Status));
    Decode out;
    out.page_response = r;
    return out;
}

Decode invalidate_iommu_all(const Command&, const Identity& id) {
    if (!id.has(Efr::IASup)) return illegal();
    Scope s;
    s.in = 0xff;
    return works(InvalidationKind::Translation, s);
}

template <class C>
constexpr std::array<u64, 2> operands() {
    return {base::mask_of(C::fields, 0), base::mask_of(C::fields, 1)};
}

// clang-format off
constexpr CommandRow command_table[] = {
    {Opcode::CompletionWait,           "2.4.1", operands<CompletionWait>(),           &completion_wait},
    {Opcode::InvalidateDevtabEntry,    "2.4.2", operands<InvalidateDevtabEntry>(),    &invalidate_devtab_entry},
    {Opcode::InvalidateIommuPages,     "2.4.3", operands<InvalidateIommuPages>(),     &invalidate_iommu_pages},
    {Opcode::InvalidateIotlbPages,     "2.4.4", operands<InvalidateIotlbPages>(),     &invalidate_iotlb_pages},
    {Opcode::InvalidateInterruptTable, "2.4.5", operands<InvalidateInterruptTable>(), &invalidate_interrupt_table},
    {Opcode::PrefetchIommuPages,       "2.4.6", operands<PrefetchIommuPages>(),       &prefetch_iommu_pages},
    {Opcode::CompletePprRequest,       "2.4.7", operands<CompletePprRequest>(),       &complete_ppr_request},
    {Opcode::InvalidateIommuAll,       "2.4.8", operands<InvalidateIommuAll>(),       &invalidate_iommu_all},
    {Opcode::InsertGuestEvent,         "2.4.9", operands<InvalidateIommuAll>(),       nullptr},
    {Opcode::ResetVmmio,               "2.4.10", operands<InvalidateIommuAll>(),      nullptr},
};
// clang-format on

} // namespace

std::optional<IovaRange> pages_of(Iova at, bool s) {
    if (!s) return IovaRange{at.align_down(page_size), page_size};
    constexpr unsigned all_from = 51 - base::page_shift;
    const auto ones = static_cast<unsigned>(std::countr_one(at.page_number()));
    if (ones >= all_from) return std::nullopt;
    const u64 bytes = page_size << (ones + 1);
    return IovaRange{at.align_down(bytes), bytes};
}

std::span<const CommandRow> command_rows() { return command_table; }
const CommandRow* command_row(Opcode opcode) {
    const auto row = std::find_if(std::begin(command_table), std::end(command_table),
                                  [&](const CommandRow& r) { return r.opcode == opcode; });
    return row == std::end(command_table) ? nullptr : row;
}

Decode decode_command(const Command& c, const Identity& id) {
    const CommandRow* row = command_row(c.get(Command::Op));
    if (row == nullptr || row->decode == nullptr) return illegal();
    for (unsigned w = 0; w < row->operands.size(); ++w)
        if ((c.word(w) & ~row->operands[w]) != 0) return illegal();
    return row->decode(c, id);
}

} // namespace quiesce::iommu::amdvi
