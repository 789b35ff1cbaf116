// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/decided.h"

#include "iommu/smmuv3/page_table.h"

#include <string>

namespace quiesce::iommu::smmuv3 {
namespace {

// clang-format off
enum class By : u8 {
    StreamTable, ContextTable, Ttb0Read, Ttb1Read, S2TtbRead, Eats, Bypass, Believed, Ips, S2Ps, Oas,
    Valid, TableValid, InputRange, Epd0, Epd1, S2Valid, S2Range, Access, S2Access,
    Pan, Unprivileged, WriteNoExec, UserWrites, Uxn, Pxn, ReadOnly, S2Read, S2Write, S2Execute, S2Device,
    BadStreams, AtsStructures, Answer, S2Quiet, Quiet,
};
/// 5.2, 5.4, DDI 0487 D8.3. A walk does not say which of its entries took a permission away: the leaf's field is named, and
/// that of the tables above it beside it. Where a leaf is not valid, it may be valid and of a type that cannot be there.
constexpr std::string_view smmuv3_decided_table[] = {
    "STRTAB_BASE.ADDR: what it leads to cannot be read", "STE.S1ContextPtr: what it leads to cannot be read",
    "CD.TTB0: what it leads to cannot be read", "CD.TTB1: what it leads to cannot be read", "STE.S2TTB: what it leads to cannot be read",
    "STE.EATS=0b00", "STE.Config: nothing is translated", "STE.EATS: translated requests are not believed",
    "CD.IPS: the output address is beyond it", "STE.S2PS: the output address is beyond it", "IDR5.OAS: the address is beyond it",
    "stage 1 leaf.Valid=0", "stage 1 table.Valid=0", "CD.T0SZ: the address is outside both halves", "CD.EPD0=1", "CD.EPD1=1",
    "stage 2 leaf.Valid=0", "STE.S2T0SZ: the address is beyond it", "stage 1 leaf.AF=0", "stage 2 leaf.AF=0",
    "CD.PAN=1", "stage 1 leaf.AP[1]=0, or APTable[0]=1 above it", "CD.WXN=1",
    "stage 1 leaf.AP[1]=1 and AP[2]=0: what unprivileged accesses may write is not executed with privilege",
    "stage 1 leaf.UXN=1, or UXNTable=1 above it", "stage 1 leaf.PXN=1, or PXNTable=1 above it",
    "stage 1 leaf.AP[2]=1, or APTable[1]=1 above it", "stage 2 leaf.S2AP[0]=0", "stage 2 leaf.S2AP[1]=0", "stage 2 leaf.XN: not executed",
    "STE.S2PTW=1",
    "CR2.RECINVSID=0", "CR2.REC_CFG_ATS=0", "the answer to the translation request tells of it", "STE.S2R=0", "CD.R=0",
};
static_assert(std::size(smmuv3_decided_table) == static_cast<std::size_t>(By::Quiet) + 1);

struct DecidedRow {
    EventId id;
    By first, second; ///< of which stage it was
};
/// Of faults that one structure's field alone decides.
constexpr DecidedRow decided_table[] = {
    {EventId::F_STE_FETCH,        By::StreamTable,  By::StreamTable}, {EventId::F_CD_FETCH, By::ContextTable, By::ContextTable},
    {EventId::F_ACCESS,           By::Access,       By::S2Access},    {EventId::F_TRANSL_FORBIDDEN, By::Believed, By::Believed},
};
// clang-format on

constexpr std::string_view text(By by) { return smmuv3_decided_table[static_cast<std::size_t>(by)]; }

bool is_inside(const TableRoot& root, u64 at) { return (at & ~base::low_bits(root.input_bits)) == 0; }

/// Stage 1 and stage 2 have fields of their own.
By of_translation(const Fault& f, const TranslationRequest& r, const Context& c) {
    if (f.second_stage || c.bypass) return is_inside(c.second.root, f.at.value()) ? By::S2Valid : By::S2Range;
    const auto half = root_of(c, r.at);
    if (!half) return By::InputRange;
    if (c.roots[*half].disabled) return *half == 0 ? By::Epd0 : By::Epd1;
    const TableFormat* const format = c.roots[*half].format;
    return format != nullptr && f.level < format->leaf_level ? By::TableValid : By::Valid;
}

By of_second_permission(const Fault& f, const TranslationRequest& r) {
    if (f.use != Intermediate::Input) return f.marking ? By::S2Write : f.may.read ? By::S2Device : By::S2Read;
    if (r.access != Access::Write && !f.may.read) return By::S2Read;
    return r.access != Access::Read && !f.may.write ? By::S2Write : By::S2Execute;
}

By of_permission(const Fault& f, const TranslationRequest& r, const Context& c) {
    if (f.second_stage || c.bypass) return of_second_permission(f, r);
    const auto half = root_of(c, r.at);
    const u8 options = half ? c.roots[*half].options : u8{0};
    if (!r.privileged && !f.may.user) return By::Unprivileged;
    if (r.privileged && c.privileged_avoids_user && f.may.user) return By::Pan;
    if (!r.instruction) return By::ReadOnly;
    if (f.may.write && (options & write_no_exec) != 0) return By::WriteNoExec;
    if (!r.privileged) return By::Uxn;
    return f.may.write && f.may.user && (options & one_privilege) == 0 ? By::UserWrites : By::Pxn;
}

By of_abort(const Fault& f, const TranslationRequest& r, const Context& c) {
    if (f.second_stage || c.bypass) return By::S2TtbRead;
    return root_of(c, r.at) == 1u ? By::Ttb1Read : By::Ttb0Read;
}

By of_size(const Fault& f, const Context* c) {
    if (c == nullptr || !c->translates()) return By::Oas;
    return f.second_stage || c->bypass ? By::S2Ps : By::Ips;
}

base::Name rule_named(EventId id, const char* rule) {
    const char* const structure = id == EventId::C_BAD_STE ? "STE: " : id == EventId::C_BAD_CD ? "CD: " : "";
    return base::Name{structure + std::string{rule}};
}
base::Name name_of(By by) { return base::Name{text(by)}; }

} // namespace

base::Name decided_by(EventId id, const Fault& f, const TranslationRequest& r, const Context* context) {
    if (f.rule != nullptr) return rule_named(id, f.rule);
    for (const DecidedRow& row : decided_table)
        if (row.id == id) return name_of(f.second_stage ? row.second : row.first);
    if (id == EventId::F_ADDR_SIZE) return name_of(of_size(f, context));
    if (id == EventId::F_BAD_ATS_TREQ) return name_of(context != nullptr && !context->translates() ? By::Bypass : By::Eats);
    if (context == nullptr) return {};
    if (id == EventId::F_WALK_EABT) return name_of(of_abort(f, r, *context));
    if (id == EventId::F_TRANSLATION) return name_of(of_translation(f, r, *context));
    if (id == EventId::F_PERMISSION) return name_of(of_permission(f, r, *context));
    return {};
}

/// MODEL: of a bad stream that asks for a translation CR2.RECINVSID is not named, which counts then, too.
base::Name unrecorded_by(EventId id, const Fault& f, const TranslationRequest& r, const Context* context) {
    if (f.quiet_by != nullptr) return base::Name{f.quiet_by};
    if (r.type != AddressType::Untranslated && !f.second_stage) {
        const bool structures = f.why == FaultReason::Configuration || f.why == FaultReason::WalkAbort || f.why == FaultReason::Conflict;
        return name_of(structures ? By::AtsStructures : By::Answer);
    }
    if (id == EventId::C_BAD_STREAMID) return name_of(By::BadStreams);
    if (context == nullptr) return {};
    return name_of(f.second_stage || context->bypass ? By::S2Quiet : By::Quiet);
}

std::span<const std::string_view> deciding_fields() { return smmuv3_decided_table; }

} // namespace quiesce::iommu::smmuv3
