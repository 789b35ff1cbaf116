// SPDX-License-Identifier: Apache-2.0
/// What the unit has of the manual, derived from the tables that the code itself uses. The manual's sections are those that
/// sources at hand name.
#include "iommu/amdvi/unit.h"

namespace quiesce::iommu::amdvi {
namespace {

// clang-format off
/// Fields that the model acts on; others of the same structure are read and ignored, or of a feature that is missing.
constexpr std::string_view dte_fields[] = {"V", "TV", "HAD", "Mode", "HostPTRoot", "PPR", "GPRP", "GIoV", "GV", "GLX",
    "GCR3TableRoot", "IR", "IW", "DomainID", "I", "SE", "SA", "EX", "GuestPagingMode"};
constexpr std::string_view gcr3_fields[] = {"V", "Base"};
constexpr std::string_view host_entry_fields[] = {"PR", "A", "D", "NextLevel", "Address", "IR", "IW"};
constexpr std::string_view guest_entry_fields[] = {"P", "R/W", "U/S", "A", "D", "PS", "Address", "NX"};
constexpr std::string_view control_fields[] = {"IommuEn", "EventLogEn", "EventIntEn", "ComWaitIntEn", "InvTimeOut",
    "CmdBufEn", "PPRLogEn", "PPRIntEn", "PPREn", "GTEn", "PPRAutoRspEn", "BlkStopMrkEn", "PPRAutoRspAon", "IntCapXTEn"};
constexpr std::string_view status_fields[] = {"EventOverflow", "EventLogInt", "ComWaitInt", "EventLogRun", "CmdBufRun",
    "PPROverflow", "PPRInt", "PPRLogRun", "PPROverflowEarly"};
constexpr std::string_view efr_fields[] = {"PREFSup", "PPRSup", "XTSup", "NXSup", "GTSup", "IASup", "HATS", "GATS", "GLXSup",
    "PASMax", "USSup", "PPROvrflwEarlySup", "PPRAutoRspSup", "BlkStopMrkSup", "MsiCapMmioSup", "GIoSup", "HASup", "HDSup"};
/// Registers of the capability block that keep what is written, or say what nobody asks, and have no other effect.
constexpr std::string_view stored_amdvi_registers[] = {"BaseLow", "BaseHigh", "Range", "MiscInfo1", "MsiMapHeader",
    "XTGaIntCtrl"};
/// Registers that this model has no types for.
constexpr std::string_view absent_amdvi_registers[] = {"DevTabSeg2Bar to DevTabSeg7Bar", "SmiFilter*", "MARC*", "Counter*"};

struct MissingFeature {
    std::string_view name, why;
};
constexpr std::string_view no_errors_in_registers = "EFR.HESup cannot be 1: errors are in the event log",
                           no_virtual_apic = "EFR.GAMSup cannot be other than 0: no guest virtual APIC",
                           no_second_log = "EFR.DualPPRLogSup and DualEvtLogSup cannot be other than 0: one log each",
                           no_segments = "EFR.DevTblSegSup cannot be other than 0: one device table",
                           no_interrupts = "interrupts pass as they are",
                           no_virtual_unit = "no virtualised IOMMU",
                           no_attributes = "what only the interconnect sees of an access means nothing here",
                           no_nested_memory = "EFR.SNPSup cannot be 1",
                           no_updates_off = "A and D of guests' tables are always marked",
                           no_counters = "EFR.PCSup cannot be 1: no performance counters";
constexpr MissingFeature missing_amdvi_table[] = {
    {"HwEvtUpper", no_errors_in_registers}, {"HwEvtLower", no_errors_in_registers}, {"HwEvtStatus", no_errors_in_registers},
    {"HESup", no_errors_in_registers},
    {"GALogBar", no_virtual_apic}, {"GALogTailAddr", no_virtual_apic}, {"GAHead", no_virtual_apic},
    {"GATail", no_virtual_apic}, {"GAMEn", no_virtual_apic}, {"GALogEn", no_virtual_apic},
    {"GAIntEn", no_virtual_apic}, {"GALogRun", no_virtual_apic}, {"GALOverflow", no_virtual_apic}, {"GAInt", no_virtual_apic},
    {"GAMSup", no_virtual_apic},
    {"PPRLogBBar", no_second_log}, {"EvtLogBBar", no_second_log}, {"PPRBHead", no_second_log}, {"PPRBTail", no_second_log},
    {"EvtBHead", no_second_log}, {"EvtBTail", no_second_log}, {"PPRBOverflowEarly", no_second_log},
    {"DualPPRLogEn", no_second_log}, {"DualEvtLogEn", no_second_log}, {"PPROverflowB", no_second_log},
    {"PPRLogActive", no_second_log}, {"EventOverflowB", no_second_log}, {"EventLogActive", no_second_log},
    {"PPROverflowEarlyB", no_second_log}, {"DualPPRLogSup", no_second_log}, {"DualEvtLogSup", no_second_log},
    {"DevTabSeg1Bar", no_segments}, {"DevTabSeg2Bar to DevTabSeg7Bar", no_segments}, {"DevTblSegEn", no_segments},
    {"DevTblSegSup", no_segments},
    {"DSFX", "of single chips"}, {"DSCX", "of single chips"}, {"DSSX", "of single chips"},
    {"PerfOptCtrl", "EFR.PerfOptSup cannot be 1"}, {"PerfOptSup", "EFR.PerfOptSup cannot be 1"},
    {"IV", no_interrupts}, {"IntTabLen", no_interrupts}, {"IG", no_interrupts}, {"IntTabRoot", no_interrupts},
    {"InitPass", no_interrupts}, {"EIntPass", no_interrupts}, {"NMIPass", no_interrupts}, {"IntCtl", no_interrupts},
    {"Lint0Pass", no_interrupts}, {"Lint1Pass", no_interrupts}, {"ForcePhyDestSup", no_interrupts},
    {"SmiFEn", "no SMI filter"}, {"SmiFLogEn", "no SMI filter"}, {"SmiFSup", "no SMI filter"}, {"SmiFRC", "no SMI filter"},
    {"SmiFilter*", "no SMI filter"},
    {"MarcEn", "no address routing"}, {"MarcSup", "no address routing"}, {"MARC*", "no address routing"},
    {"PrivAbrtEn", "privileged requests are judged by the page tables"},
    {"EPHEn", "no enhanced handling of page requests"}, {"EPHSup", "no enhanced handling of page requests"},
    {"GDUpdateDis", no_updates_off}, {"GAUpdateDis", no_updates_off}, {"GAUpdateDisSup", no_updates_off},
    {"sATSSup", "no secure ATS"}, {"SATS", "no secure ATS"}, {"AttrFWSup", no_attributes},
    {"AttrV", no_attributes}, {"Mode0FC", no_attributes}, {"SnoopAttribute", no_attributes},
    {"InvIotlbTypeSup", "no types of invalidations"}, {"SNPSup", no_nested_memory}, {"PCSup", no_counters},
    {"Counter*", no_counters}, {"EVENT_COUNTER_ZERO", no_counters},
    {"vImuEn", no_virtual_unit}, {"GDeviceID", no_virtual_unit}, {"GuestID", no_virtual_unit},
    {"INSERT_GUEST_EVENT", no_virtual_unit}, {"RESET_VMMIO", no_virtual_unit}, {"GUEST_EVENT_FAULT", no_virtual_unit},
    {"VIOMMU_HARDWARE_ERROR", no_virtual_unit},
    {"RMP_PAGE_FAULT", no_nested_memory}, {"RMP_HARDWARE_ERROR", no_nested_memory},
};
/// What of the manual is not there as a whole.
constexpr Feature amdvi_extension_table[] = {
    {FeatureKind::Extension, {}, "interrupt remapping", {}, iommu::Status::Absent, no_interrupts},
    {FeatureKind::Extension, {}, "guest virtual APIC", {}, iommu::Status::Absent, no_virtual_apic},
    {FeatureKind::Extension, {}, "guests' page tables of six levels", {}, iommu::Status::Absent, "EFR.GATS is 1 at most"},
    {FeatureKind::Extension, {}, "untranslated access only", {}, iommu::Status::Absent,
     "U of hosts' page tables is stored: translations do not carry it"},
    {FeatureKind::Extension, {}, "HyperTransport", {}, iommu::Status::Absent,
     "FD_0000_0000h and above are addresses as others (EFR2.HtRangeIgnore)"},
};
// clang-format on

std::string_view why_absent(std::string_view name) {
    for (const MissingFeature& m : missing_amdvi_table)
        if (m.name == name) return m.why;
    return {};
}
template <class List>
bool contains(const List& list, std::string_view name) {
    for (const std::string_view item : list)
        if (item == name) return true;
    return false;
}
Feature feature_of(FeatureKind kind, std::string_view owner, std::string_view name, std::string_view section, iommu::Status there) {
    const std::string_view why = why_absent(name);
    return {kind, owner, name, section, why.empty() ? there : iommu::Status::Absent, why};
}

template <class Map>
void add_amdvi_registers(std::vector<Feature>& out) {
    for (const base::RegisterEntry& r : Map::entries) {
        const bool stored = contains(stored_amdvi_registers, r.name);
        out.push_back(feature_of(FeatureKind::Register, {}, r.name, {},
                                 stored ? iommu::Status::Stored : iommu::Status::Modelled));
    }
}
template <class S, class List>
void add_amdvi_fields(std::vector<Feature>& out, std::string_view owner, std::string_view section, const List& modelled) {
    base::for_each(S{}, [&](std::string_view name, const auto&) {
        const bool acted_on = contains(modelled, name);
        out.push_back(feature_of(FeatureKind::Field, owner, name, section,
                                 acted_on ? iommu::Status::Modelled : iommu::Status::Stored));
    });
}
constexpr std::string_view event_section(EventCode code) {
    constexpr std::string_view sections[] = {"",      "2.5.2", "2.5.3",  "2.5.4",  "2.5.5",  "2.5.6",  "2.5.7", "2.5.8",
                                             "2.5.9", "2.5.10", "2.5.11", "2.5.12", "2.5.13", "2.5.14", "2.5.15"};
    return sections[raw(code)];
}

} // namespace

std::vector<Feature> features() {
    std::vector<Feature> out;
    add_amdvi_registers<Registers>(out);
    add_amdvi_registers<ConfigRegisters>(out);
    add_amdvi_registers<AbsentRegisters>(out);
    for (const std::string_view name : absent_amdvi_registers)
        out.push_back(feature_of(FeatureKind::Register, {}, name, {}, iommu::Status::Absent));
    add_amdvi_fields<Control>(out, "Control", {}, control_fields);
    add_amdvi_fields<Status>(out, "Status", {}, status_fields);
    add_amdvi_fields<Efr>(out, "EFR", {}, efr_fields);
    add_amdvi_fields<Dte>(out, "DTE", "2.2.2.1", dte_fields);
    add_amdvi_fields<Gcr3Entry>(out, "GCR3 entry", "2.2.6", gcr3_fields);
    add_amdvi_fields<HostEntry>(out, "host entry", {}, host_entry_fields);
    add_amdvi_fields<GuestEntry>(out, "guest entry", {}, guest_entry_fields);
    for (const CommandRow& row : command_rows())
        out.push_back(feature_of(FeatureKind::Command, {}, row.name(), row.section, iommu::Status::Modelled));
    for (const auto& [code, name] : enum_names(EventCode{}))
        out.push_back(feature_of(FeatureKind::Event, {}, name, event_section(code), iommu::Status::Modelled));
    out.push_back(feature_of(FeatureKind::Event, {}, "PAGE_SERVICE_REQUEST", {}, iommu::Status::Modelled));
    out.insert(out.end(), std::begin(amdvi_extension_table), std::end(amdvi_extension_table));
    return out;
}

} // namespace quiesce::iommu::amdvi
