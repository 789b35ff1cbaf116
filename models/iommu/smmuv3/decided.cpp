// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/decided.h"

#include <string>

namespace quiesce::iommu::smmuv3 {
namespace {

struct DecidedRow {
    EventId id;
    const char* by;
};
/// Of faults that one structure's field alone decides.
constexpr DecidedRow decided_table[] = {
    {EventId::C_BAD_STREAMID, "STRTAB_BASE_CFG.LOG2SIZE: the stream is beyond it, or its first-level entry has none"},
    {EventId::F_BAD_ATS_TREQ, "STE.EATS=0b00"},
    {EventId::F_STREAM_DISABLED, "STE.S1DSS=0b00"},
    {EventId::F_TRANSL_FORBIDDEN, "STE.EATS: translated requests are not believed"},
    {EventId::C_BAD_SUBSTREAMID, "STE.S1CDMax: the substream is beyond it, or has no descriptor"},
    {EventId::F_ACCESS, "stage 1 leaf.AF=0"},
};

/// Stage 1 and stage 2 have fields of their own.
const char* of_translation(const Fault& f, const TranslationRequest& r, const Context* context) {
    if (f.second_stage) return "stage 2 leaf.Valid=0";
    if (context == nullptr) return "stage 1 leaf.Valid=0";
    const auto half = root_of(*context, r.at);
    if (!half) return "CD.T0SZ: the address is outside both halves";
    if (context->roots[*half].disabled) return *half == 0 ? "CD.EPD0=1" : "CD.EPD1=1";
    const TableFormat* const format = context->roots[*half].format;
    return format != nullptr && f.level < format->leaf_level ? "stage 1 table.Valid=0" : "stage 1 leaf.Valid=0";
}

const char* of_permission(const Fault& f, const TranslationRequest& r) {
    if (f.second_stage) return r.access == Access::Read ? "stage 2 leaf.S2AP[0]=0" : "stage 2 leaf.S2AP[1]=0";
    if (r.instruction) return "stage 1 leaf.UXN=1";
    if (!r.privileged && !f.may.user) return "stage 1 leaf.AP[1]=0";
    return r.access == Access::Read ? "stage 1 leaf: may not be read" : "stage 1 leaf.AP[2]=1";
}

base::Name rule_named(EventId id, const char* rule) {
    const char* const structure = id == EventId::C_BAD_STE ? "STE: " : id == EventId::C_BAD_CD ? "CD: " : "";
    return base::Name{structure + std::string{rule}};
}
} // namespace

base::Name decided_by(EventId id, const Fault& f, const TranslationRequest& r, const Context* context) {
    if (f.rule != nullptr) return rule_named(id, f.rule);
    if (id == EventId::F_TRANSLATION) return base::Name{of_translation(f, r, context)};
    if (id == EventId::F_PERMISSION) return base::Name{of_permission(f, r)};
    for (const DecidedRow& row : decided_table)
        if (row.id == id) return base::Name{row.by};
    return {};
}

base::Name unrecorded_by(EventId id, const Fault& f, const TranslationRequest& r, const Context* context) {
    if (f.quiet_by != nullptr) return base::Name{f.quiet_by};
    if (r.type != AddressType::Untranslated && !f.second_stage) {
        const bool structures = f.why == FaultReason::Configuration || f.why == FaultReason::WalkAbort || f.why == FaultReason::Conflict;
        return base::Name{structures ? "CR2.REC_CFG_ATS=0" : "the answer to the translation request tells of it"};
    }
    if (id == EventId::C_BAD_STREAMID) return base::Name{"CR2.RECINVSID=0"};
    if (context == nullptr) return {};
    return base::Name{f.second_stage ? "STE.S2R=0" : "CD.R=0"};
}

} // namespace quiesce::iommu::smmuv3
