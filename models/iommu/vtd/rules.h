// SPDX-License-Identifier: Apache-2.0
/// What is wrong with an entry of the remapping tables (VT-d chapter 9; facts/iommu-specs.md 2.5 and 2.7): reserved
/// bits first, then programming. An entry with P=0 is none, and is not asked about.
#pragma once
#include "iommu/vtd/config.h"
#include "iommu/vtd/layout.h"

#include <optional>
#include <span>
#include <string_view>

namespace quiesce::iommu::vtd {

/// A reason for which an entry is refused, and the fault that it becomes.
template <class Entry>
struct EntryRule {
    std::string_view reason;
    FaultCode code;
    bool (*broken)(const Entry& e, const Identity& id);
};
std::span<const EntryRule<RootEntry>> rules_of(const RootEntry&);
std::span<const EntryRule<ContextEntry>> rules_of(const ContextEntry&);
std::span<const EntryRule<ScalableContextEntry>> rules_of(const ScalableContextEntry&);
std::span<const EntryRule<PasidDirectoryEntry>> rules_of(const PasidDirectoryEntry&);
std::span<const EntryRule<PasidEntry>> rules_of(const PasidEntry&);

/// The first rule that is broken; null: the entry is legal.
template <class Entry>
const EntryRule<Entry>* why_refused(const Entry& e, const Identity& id) {
    for (const EntryRule<Entry>& rule : rules_of(e))
        if (rule.broken(e, id)) return &rule;
    return nullptr;
}
/// Half of a scalable root entry, P and pointer at the place of the lower one: its reserved bits.
bool root_half_reserved(u64 half, const Identity& id);

constexpr u64 beyond_haw(Spa at, const Identity& id) { return at.value() & ~base::low_bits(id.haw); }
/// The width is one that the unit has (CAP.SAGAW).
constexpr bool has_width(AddressWidth aw, const Identity& id) {
    const auto code = static_cast<unsigned>(aw);
    return code >= 1 && code <= 3 && (id.cap.get(Cap::SAGAW) >> code & 1) != 0;
}
/// How many PASIDs a context's directory holds (PDTS).
constexpr u64 pasids_of(const ScalableContextEntry& c) { return u64{1} << (c.get(ScalableContextEntry::PDTS) + 13); }
constexpr bool uses_first(PagingTranslation t) {
    return t == PagingTranslation::FirstStage || t == PagingTranslation::Nested;
}
constexpr bool uses_second(PagingTranslation t) {
    return t == PagingTranslation::SecondStage || t == PagingTranslation::Nested;
}

} // namespace quiesce::iommu::vtd
