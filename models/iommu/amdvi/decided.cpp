// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/decided.h"

#include "iommu/amdvi/page_table.h"

#include <string>

namespace quiesce::iommu::amdvi {
namespace {

// clang-format off
enum class By : u8 {
    Size, Table, NotValid, NotTranslated, Mode, NoGuest, GuestsOff, Glx, Gcr3, Gcr3Reserved, Gcr3Read, NoIotlb, NoPpr,
    EntryRead, EntryWrite, HostPresent, HostBeyond, HostRead, HostWrite, HostReserved, HostLevel, HostTable,
    GuestPresent, GuestBeyond, GuestWrite, GuestUser, GuestExecute, GuestReserved, GuestTable, Width, All, Repeated, Answer,
};
constexpr std::string_view amdvi_decided_table[] = {
    "DevTabBar.Size: the device is beyond it", "DevTabBar.DevTabBase: what it points to cannot be read", "DTE.V=0", "DTE.TV=0",
    "DTE.Mode: levels that there are not", "DTE.GV=0", "Control.GTEn=0", "DTE.GLX: the PASID is beyond its levels",
    "GCR3 entry.V=0", "GCR3 entry: reserved bits", "DTE.GCR3TableRoot: what it leads to cannot be read", "DTE.I=0", "DTE.PPR=0",
    "DTE.IR=0", "DTE.IW=0", "host entry.PR=0", "DTE.Mode: the address is beyond its levels", "host entry.IR=0",
    "host entry.IW=0", "host entry: reserved bits", "host entry.NextLevel: a level, or a size, that cannot be there",
    "DTE.HostPTRoot: what it leads to cannot be read",
    "guest entry.P=0", "DTE.GuestPagingMode: the address is not canonical", "guest entry.R/W=0", "guest entry.U/S=0",
    "guest entry.NX=1", "guest entry: reserved bits", "GCR3 entry.Base: what it leads to cannot be read",
    "MiscInfo0.PAsize: the address is beyond it", "DTE.SA=1", "DTE.SE=1", "the answer to the translation request tells of it",
};
static_assert(std::size(amdvi_decided_table) == static_cast<std::size_t>(By::Answer) + 1);

struct DecidedRow {
    Cause cause;
    By by;
};
/// Of causes that one field alone decides.
constexpr DecidedRow decided_cause_table[] = {
    {Cause::BeyondTable, By::Size},      {Cause::DeviceTableRead, By::Table},   {Cause::NotTranslated, By::NotTranslated},
    {Cause::ModeEncoding, By::Mode},     {Cause::PasidRange, By::Glx},          {Cause::Gcr3NotValid, By::Gcr3},
    {Cause::Gcr3Reserved, By::Gcr3Reserved}, {Cause::Gcr3Read, By::Gcr3Read},   {Cause::TableEncoding, By::HostLevel},
    {Cause::AddressSize, By::Width},     {Cause::NoGuest, By::NoGuest},
};
// clang-format on

constexpr std::string_view text(By by) { return amdvi_decided_table[static_cast<std::size_t>(by)]; }
base::Name name_of(By by) { return base::Name{text(by)}; }
bool is_inside(const TableRoot& root, u64 at) { return (at & ~base::low_bits(root.input_bits)) == 0; }
bool allows(const TableRoot& root, TableOption refused) { return (root.options & refused) == 0; }

/// The host's tables, by themselves or behind a guest's.
bool of_host(const Fault& f, const Context& c) { return f.second_stage || c.bypass; }

By of_missing(const Fault& f, const TranslationRequest& r, const Context& c) {
    if (!of_host(f, c)) return root_of(c, r.at) ? By::GuestPresent : By::GuestBeyond;
    const u64 at = f.second_stage && !c.bypass ? f.at.value() : r.at.value();
    return is_inside(c.second.root, at) ? By::HostPresent : By::HostBeyond;
}

/// What the entry of the device table forbids is laid over what tables allow, above a host's over the host's.
By of_permission(const Fault& f, const TranslationRequest& r, const Context& c) {
    const bool reads = r.access == Access::Read;
    if (!c.translates()) return reads ? By::EntryRead : By::EntryWrite;
    const TableRoot& root = of_host(f, c) ? c.second.root : c.roots[0];
    if (!allows(root, reads ? no_read : no_write)) return reads ? By::EntryRead : By::EntryWrite;
    if (of_host(f, c)) return reads ? By::HostRead : By::HostWrite;
    if (!r.privileged && !f.may.user) return By::GuestUser;
    return r.instruction ? By::GuestExecute : By::GuestWrite;
}

} // namespace

base::Name decided_by(Cause cause, const Fault& f, const TranslationRequest& r, const Context* context) {
    const bool entry = cause == Cause::EntryReserved || cause == Cause::EntryEncoding;
    if (f.rule != nullptr) return base::Name{entry ? "DTE: " + std::string{f.rule} : std::string{f.rule}};
    for (const DecidedRow& row : decided_cause_table)
        if (row.cause == cause) return name_of(row.by);
    if (context == nullptr) return {};
    switch (cause) {
    case Cause::NotPresent: return name_of(of_missing(f, r, *context));
    case Cause::NoPermission: return name_of(of_permission(f, r, *context));
    case Cause::TableReserved: return name_of(of_host(f, *context) ? By::HostReserved : By::GuestReserved);
    case Cause::TableRead: return name_of(of_host(f, *context) ? By::HostTable : By::GuestTable);
    case Cause::Pretranslated:
    case Cause::TranslationRefused: return name_of(By::NoIotlb);
    default: return {};
    }
}

base::Name decided_by(const Dte& e, bool has_pasid, bool guests) {
    if (!e.get(Dte::V)) return name_of(By::NotValid);
    if (!e.get(Dte::TV)) return name_of(By::NotTranslated);
    if (!e.get(Dte::PPR)) return name_of(By::NoPpr);
    if (!has_pasid) return {};
    return name_of(e.get(Dte::GV) && !guests ? By::GuestsOff : By::NoGuest);
}

base::Name unrecorded_by(const TranslationRequest& r, bool all_suppressed) {
    if (r.type == AddressType::TranslationRequest) return name_of(By::Answer);
    return name_of(all_suppressed ? By::All : By::Repeated);
}

const char* why_no_guest(const Dte& e) { return text(e.get(Dte::GV) ? By::GuestsOff : By::NoGuest).data(); }
const char* why_no_iotlb(const Dte& e) {
    return text(!e.get(Dte::V) ? By::NotValid : !e.get(Dte::I) ? By::NoIotlb : By::NotTranslated).data();
}

std::span<const std::string_view> deciding_fields() { return amdvi_decided_table; }

} // namespace quiesce::iommu::amdvi
