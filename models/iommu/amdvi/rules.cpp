// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/rules.h"

namespace quiesce::iommu::amdvi {
namespace {

using Who = const Identity&;
bool too_high(Spa at, Who id) { return (at.value() & ~base::low_bits(id.physical_bits)) != 0; }
bool feature_missing(bool bit, const Efr::F<bool>& feature, Who id) { return bit && !id.has(feature); }

// clang-format off
constexpr EntryRule dte_rule_table[] = {
    {"reserved bits", Cause::EntryReserved, [](const Dte& e, Who) {
        return (e.word(0) & Dte::reserved_mask(0)) != 0 || (e.word(1) & Dte::reserved_mask(1)) != 0 || e.get(Dte::SATS);
    }},
    {"HAD, PPR, GIoV, GV or I of a feature that there is not", Cause::EntryReserved, [](const Dte& e, Who id) {
        return feature_missing(e.get(Dte::HAD) != HostMarks::None, Efr::HASup, id) ||
               feature_missing(e.get(Dte::HAD) == HostMarks::AccessedDirty, Efr::HDSup, id) ||
               feature_missing(e.get(Dte::PPR), Efr::PPRSup, id) || feature_missing(e.get(Dte::GIoV), Efr::GIoSup, id) ||
               feature_missing(e.get(Dte::GV), Efr::GTSup, id) || (e.get(Dte::I) && !id.iotlb);
    }},
    {"HostPTRoot beyond the physical addresses", Cause::EntryReserved, [](const Dte& e, Who id) {
        return e.get(Dte::TV) && e.get(Dte::Mode) != pass_through_mode && too_high(e.get(Dte::HostPTRoot), id);
    }},
    {"GCR3TableRoot beyond the physical addresses", Cause::EntryReserved, [](const Dte& e, Who id) {
        return e.get(Dte::TV) && e.get(Dte::GV) && too_high(e.get(Dte::GCR3TableRoot), id);
    }},
    {"IoCtl is reserved", Cause::EntryEncoding, [](const Dte& e, Who) { return e.get(Dte::IoCtl) == 3; }},
    {"HAD is reserved", Cause::EntryEncoding, [](const Dte& e, Who) {
        return e.get(Dte::TV) && e.get(Dte::HAD) == HostMarks::Reserved;
    }},
    {"GLX of levels that there are not", Cause::EntryEncoding, [](const Dte& e, Who id) {
        const u64 most = id.efr.get(Efr::GLXSup);
        return e.get(Dte::TV) && e.get(Dte::GV) && most != 0 && e.get(Dte::GLX) > most;
    }},
    {"GuestPagingMode of levels that there are not", Cause::EntryEncoding, [](const Dte& e, Who id) {
        const auto levels = static_cast<unsigned>(e.get(Dte::GuestPagingMode));
        return e.get(Dte::TV) && e.get(Dte::GV) && levels > id.efr.get(Efr::GATS);
    }},
};

constexpr EventCode illegal_entry = EventCode::IllegalDevTableEntry, page_fault = EventCode::IoPageFault,
    table_error = EventCode::PageTabHardwareError, invalid_request = EventCode::InvalidDeviceRequest;
constexpr AskedEnding UR = AskedEnding::Unsupported, CA = AskedEnding::CompleterAbort, S0 = AskedEnding::NoAccess;
/// MODEL: which translation requests end as Unsupported Request and which as Completer Abort: the manual's target abort is
/// neither; an answer that there is no access, of page faults, is the manual's. MODEL: PR, PE and RZ as VirtualBox has
/// them. The types of invalid device requests are those that illumos has.
constexpr CauseRow cause_table[] = {
    //                                                          PR     PE     RZ   type
    {Cause::DeviceTableRead,      EventCode::DevTabHardwareError, false, false, false, 0, CA},
    {Cause::BeyondTable,          page_fault,                     false, false, false, 0, UR},
    {Cause::EntryReserved,        illegal_entry,                  false, false, true,  0, CA},
    {Cause::EntryEncoding,        illegal_entry,                  false, false, false, 0, CA},
    {Cause::NotTranslated,        page_fault,                     false, false, false, 0, UR},
    {Cause::ModeEncoding,         page_fault,                     true,  false, false, 0, S0},
    {Cause::NoGuest,              page_fault,                     false, false, false, 0, S0},
    {Cause::PasidRange,           page_fault,                     false, false, false, 0, S0},
    {Cause::Gcr3NotValid,         page_fault,                     false, false, false, 0, S0},
    {Cause::Gcr3Reserved,         page_fault,                     true,  false, true,  0, S0},
    {Cause::Gcr3Read,             table_error,                    false, false, false, 0, CA},
    {Cause::NotPresent,           page_fault,                     false, false, false, 0, S0},
    {Cause::NoPermission,         page_fault,                     true,  true,  false, 0, S0},
    {Cause::TableReserved,        page_fault,                     true,  false, true,  0, S0},
    {Cause::TableEncoding,        page_fault,                     true,  false, false, 0, S0},
    {Cause::AddressSize,          page_fault,                     false, false, false, 0, S0},
    {Cause::TableRead,            table_error,                    false, false, false, 0, CA},
    {Cause::Pretranslated,        invalid_request,                false, false, false, 1, UR},
    {Cause::TranslationRefused,   invalid_request,                false, false, false, 0, UR},
    {Cause::InterruptRead,        invalid_request,                false, false, false, 0, UR},
    {Cause::InterruptTranslation, invalid_request,                false, false, false, 1, UR},
};
// clang-format on

} // namespace

std::span<const EntryRule> entry_rules() { return dte_rule_table; }
const EntryRule* why_refused(const Dte& e, const Identity& id) {
    for (const EntryRule& rule : dte_rule_table)
        if (rule.broken(e, id)) return &rule;
    return nullptr;
}

std::span<const CauseRow> cause_rows() { return cause_table; }
const CauseRow& cause_row(Cause cause) { return cause_table[raw(cause) - 1]; }

} // namespace quiesce::iommu::amdvi
