// SPDX-License-Identifier: Apache-2.0
#include "iommu/vtd/rules.h"

#include <algorithm>

namespace quiesce::iommu::vtd {
namespace {

using Who = const Identity&;

bool domain_too_wide(DomainId did, Who id) { return (raw(did) >> domain_bits(id.cap)) != 0; }

// clang-format off
constexpr EntryRule<RootEntry> root_rules[] = {
    {"reserved bits", FaultCode::LRT_3, [](const RootEntry& e, Who id) {
        return e.has_reserved_bits() || beyond_haw(e.get(RootEntry::CTP), id) != 0;
    }},
};

using Ctx = ContextEntry;
/// 9.3. CM=1 reserves domain 0: for software, which hardware does not check.
constexpr EntryRule<Ctx> context_rules[] = {
    {"reserved bits", FaultCode::LCT_3, [](const Ctx& e, Who id) {
        const bool table = e.get(Ctx::TT) != TranslationType::PassThrough;
        return e.has_reserved_bits() || (table && beyond_haw(e.get(Ctx::SSPTPTR), id) != 0) ||
               domain_too_wide(e.get(Ctx::DID), id);
    }},
    {"AW is no width that there is", FaultCode::LCT_4, [](const Ctx& e, Who id) {
        return !has_width(e.get(Ctx::AW), id);
    }},
    {"TT is reserved, or of a feature that there is not", FaultCode::LCT_4, [](const Ctx& e, Who id) {
        const TranslationType tt = e.get(Ctx::TT);
        return tt == TranslationType::Reserved || (tt == TranslationType::WithDeviceTlb && !id.has(Ecap::DT)) ||
               (tt == TranslationType::PassThrough && !id.has(Ecap::PT));
    }},
};

using Sctx = ScalableContextEntry;
/// 9.4. Fields of features that there are not are reserved.
constexpr EntryRule<Sctx> scalable_context_rules[] = {
    {"reserved bits", FaultCode::SCT_3, [](const Sctx& e, Who id) {
        return e.has_reserved_bits() || beyond_haw(e.get(Sctx::PASIDDIRPTR), id) != 0;
    }},
    {"DTE, PASIDE or PRE of a feature that there is not", FaultCode::SCT_3, [](const Sctx& e, Who id) {
        return (e.get(Sctx::DTE) && !id.has(Ecap::DT)) || (e.get(Sctx::PASIDE) && !id.has(Ecap::PASID)) ||
               (e.get(Sctx::PRE) && !id.has(Ecap::PRS));
    }},
    {"HPTE or EPTR of a feature that there is not", FaultCode::SCT_3, [](const Sctx& e, Who id) {
        return (e.get(Sctx::HPTE) && !id.has(Ecap::HPTS)) || (e.get(Sctx::EPTR) && !id.has(Ecap::PTRS));
    }},
    {"RID_PASID or RID_PRIV of a feature that there is not", FaultCode::SCT_3, [](const Sctx& e, Who id) {
        return (raw(e.get(Sctx::RID_PASID)) != 0 && !id.has(Ecap::RPS) && !id.is_early()) ||
               (e.get(Sctx::RID_PRIV) && !id.has(Ecap::RPRIVS));
    }},
    {"PRE without DTE", FaultCode::SCT_4, [](const Sctx& e, Who) { return e.get(Sctx::PRE) && !e.get(Sctx::DTE); }},
    {"RID_PASID beyond the directory", FaultCode::SCT_4, [](const Sctx& e, Who) {
        return raw(e.get(Sctx::RID_PASID)) >= pasids_of(e);
    }},
};

constexpr EntryRule<PasidDirectoryEntry> directory_rules[] = {
    {"reserved bits", FaultCode::SPD_3, [](const PasidDirectoryEntry& e, Who id) {
        return e.has_reserved_bits() || beyond_haw(e.get(PasidDirectoryEntry::SMPTBLPTR), id) != 0;
    }},
};

using Entry = PasidEntry;
/// 9.6. Fields of features that there are not are reserved; those of a stage that PGTT does not ask for are ignored.
constexpr EntryRule<Entry> pasid_entry_rules[] = {
    {"reserved bits", FaultCode::SPT_3, [](const Entry& e, Who id) {
        return e.has_reserved_bits() || domain_too_wide(e.get(Entry::DID), id);
    }},
    {"bits of the host permission table, which there is not", FaultCode::SPT_3, [](const Entry& e, Who) {
        return (e.word(4) | e.word(5)) != 0;
    }},
    {"SSPTPTR beyond the host address width", FaultCode::SPT_3, [](const Entry& e, Who id) {
        return uses_second(e.get(Entry::PGTT)) && beyond_haw(e.get(Entry::SSPTPTR), id) != 0;
    }},
    {"FSPTPTR beyond the host address width", FaultCode::SPT_3, [](const Entry& e, Who id) {
        return e.get(Entry::PGTT) == PagingTranslation::FirstStage && beyond_haw(e.get(Entry::FSPTPTR), id) != 0;
    }},
    {"SSADE without second-stage A and D", FaultCode::SPT_3, [](const Entry& e, Who id) {
        return uses_second(e.get(Entry::PGTT)) && e.get(Entry::SSADE) && !id.has(Ecap::SSADS);
    }},
    {"PWSNP or PGSNP without snoop control", FaultCode::SPT_3, [](const Entry& e, Who id) {
        return (e.get(Entry::PWSNP) && !id.has(Ecap::SMPWCS)) || (e.get(Entry::PGSNP) && !id.has(Ecap::SC));
    }},
    {"CD, EMTE or PAT without memory types", FaultCode::SPT_3, [](const Entry& e, Who id) {
        return !id.has(Ecap::MTS) && (e.get(Entry::CD) || e.get(Entry::EMTE) || e.get(Entry::PAT) != 0);
    }},
    {"SRE without privileged requests", FaultCode::SPT_3, [](const Entry& e, Who id) {
        return uses_first(e.get(Entry::PGTT)) && e.get(Entry::SRE) && !id.has(Ecap::SRS);
    }},
    {"EAFE without extended access flags", FaultCode::SPT_3, [](const Entry& e, Who id) {
        return uses_first(e.get(Entry::PGTT)) && e.get(Entry::EAFE) && !id.has(Ecap::EAFS);
    }},
    {"PGTT is reserved, or of a feature that there is not", FaultCode::SPT_4, [](const Entry& e, Who id) {
        switch (e.get(Entry::PGTT)) {
        case PagingTranslation::FirstStage: return !id.has(Ecap::FSTS);
        case PagingTranslation::SecondStage: return !id.has(Ecap::SSTS);
        case PagingTranslation::Nested: return !id.has(Ecap::NEST);
        case PagingTranslation::PassThrough: return !id.has(Ecap::PT);
        }
        return true;
    }},
    {"AW is no width that there is", FaultCode::SPT_4, [](const Entry& e, Who id) {
        return uses_second(e.get(Entry::PGTT)) && !has_width(e.get(Entry::AW), id);
    }},
    {"FSPM is reserved, or of five levels that there are not", FaultCode::SPT_4, [](const Entry& e, Who id) {
        const FirstStageMode mode = e.get(Entry::FSPM);
        const bool known = mode == FirstStageMode::Levels4 || (mode == FirstStageMode::Levels5 && id.has(Cap::FS5LP));
        return uses_first(e.get(Entry::PGTT)) && !known;
    }},
    {"FSPTPTR beyond the second stage's input", FaultCode::SPT_4, [](const Entry& e, Who id) {
        const unsigned bits = std::min(mgaw_bits(id.cap), bits_of(e.get(Entry::AW)));
        const bool nested = e.get(Entry::PGTT) == PagingTranslation::Nested;
        return nested && (e.get(Entry::FSPTPTR).value() & ~base::low_bits(bits)) != 0;
    }},
};
// clang-format on

} // namespace

std::span<const EntryRule<RootEntry>> rules_of(const RootEntry&) { return root_rules; }
std::span<const EntryRule<ContextEntry>> rules_of(const ContextEntry&) { return context_rules; }
std::span<const EntryRule<ScalableContextEntry>> rules_of(const ScalableContextEntry&) {
    return scalable_context_rules;
}
std::span<const EntryRule<PasidDirectoryEntry>> rules_of(const PasidDirectoryEntry&) { return directory_rules; }
std::span<const EntryRule<PasidEntry>> rules_of(const PasidEntry&) { return pasid_entry_rules; }

bool root_half_reserved(u64 half, const Identity& id) {
    const auto low = ScalableRootEntry::from_words({half, 0});
    return low.has_reserved_bits() || beyond_haw(low.get(ScalableRootEntry::LCTP), id) != 0;
}

} // namespace quiesce::iommu::vtd
