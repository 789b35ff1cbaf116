// SPDX-License-Identifier: Apache-2.0
/// What the unit has of the manual, derived from the tables that the code itself uses.
#include "iommu/vtd/unit.h"

namespace quiesce::iommu::vtd {
namespace {

// clang-format off
/// Registers that keep what is written and have no other effect.
constexpr std::string_view stored_vtd_registers[] = {"IRTA", "VCMD_EO"};
/// Registers that this model has no types for.
constexpr std::string_view absent_vtd_registers[] = {"MTRR_FIX*", "MTRR_PHYS*", "PERF*", "ECCAP1", "ECCAP2", "ECCAP3"};
/// Fields that the model acts on; others of the same structure are read and ignored, or of a feature that is missing.
constexpr std::string_view root_fields[] = {"P", "CTP"};
constexpr std::string_view scalable_root_fields[] = {"LP", "LCTP", "UP", "UCTP"};
constexpr std::string_view context_fields[] = {"P", "FPD", "TT", "SSPTPTR", "AW", "DID"};
constexpr std::string_view scalable_context_fields[] = {"P", "FPD", "DTE", "PASIDE", "PRE", "PDTS", "PASIDDIRPTR",
    "RID_PASID", "RID_PRIV"};
constexpr std::string_view directory_fields[] = {"P", "FPD", "SMPTBLPTR"};
constexpr std::string_view pasid_entry_fields[] = {"P", "FPD", "AW", "PGTT", "SSADE", "SSPTPTR", "DID", "PWSNP", "SRE",
    "FSPM", "WPE", "EAFE", "FSPTPTR"};
constexpr std::string_view first_stage_fields[] = {"P", "R/W", "U/S", "A", "D", "PS", "EA", "ADDR"};
constexpr std::string_view second_stage_fields[] = {"R", "W", "PS", "A", "D", "ADDR"};

/// Why something of the lists and tables is not there. Fields of such a feature are reserved or ignored.
struct MissingFeature {
    std::string_view name, why;
};
constexpr std::string_view no_fault_log = "CAP.AFL cannot be 1: the advanced fault log is obsolete",
                           no_memory_types = "memory types mean nothing here, whatever ECAP.MTS says",
                           no_counters = "ECAP.PMS cannot be 1: no performance monitoring",
                           no_enhanced_commands = "CAP.ECMDS cannot be 1: no enhanced commands",
                           no_permission_table = "ECAP.HPTS cannot be 1: no host permission table",
                           no_pasid_of_translated = "ECAP.PTRS cannot be 1: no PASID on translated requests",
                           no_io_permissions = "ECAP.SSIRWS cannot be 1: the second stage's permissions are R and W";
constexpr MissingFeature missing_feature_table[] = {
    {"AFLOG", no_fault_log},
    {"MTRRCAP", no_memory_types}, {"MTRRDEF", no_memory_types}, {"MTRR_FIX*", no_memory_types},
    {"MTRR_PHYS*", no_memory_types},
    {"PERFCAP", no_counters}, {"PERF*", no_counters},
    {"ECMD", no_enhanced_commands}, {"ECEO", no_enhanced_commands}, {"ECRSP", no_enhanced_commands},
    {"ECSTS", no_enhanced_commands}, {"ECCAP0", no_enhanced_commands}, {"ECCAP1", no_enhanced_commands},
    {"ECCAP2", no_enhanced_commands}, {"ECCAP3", no_enhanced_commands},
    {"RDTC", "ECAP.RDTS cannot be 1: no resource director"},
    {"HPTE", no_permission_table}, {"HPTSZ", no_permission_table}, {"HPTPFD", no_permission_table},
    {"HPTPTR", no_permission_table}, {"HPTDID", no_permission_table}, {"hpt_inv_desc", no_permission_table},
    {"SPT.9", no_permission_table},
    {"EPTR", no_pasid_of_translated}, {"SCT.10", no_pasid_of_translated},
    {"IR", no_io_permissions}, {"IW", no_io_permissions},
    {"RTA.5", "of version 8; VER.MAX is 7 at most"},
};
/// What of the manual is not there as a whole.
constexpr Feature vtd_extension_table[] = {
    {FeatureKind::Extension, {}, "interrupt remapping and posting", "5", Status::Absent,
     "interrupts pass as they are: IRE, SIRTP and CFI are shown, and faults 20h to 2Bh do not occur"},
    {FeatureKind::Extension, {}, "host permission table", "9.6", Status::Absent, no_permission_table},
    {FeatureKind::Extension, {}, "execute requests", "7.1.3", Status::Absent,
     "ECAP.ERS cannot be 1, VER.MAX is 7 at most"},
    {FeatureKind::Extension, {}, "trusted domains", "11.4.3", Status::Absent, "ECAP.TDXCS cannot be 1"},
    {FeatureKind::Extension, {}, "memory types and snooping", "9.6", Status::Absent,
     "what only the interconnect sees of an access (PAT, EMT, CD, PGSNP, SNP) is stored, without effect"},
};
// clang-format on

std::string_view why_missing(std::string_view name) {
    for (const MissingFeature& m : missing_feature_table)
        if (m.name == name) return m.why;
    return {};
}
Feature absent_feature(FeatureKind kind, std::string_view owner, std::string_view name, std::string_view section) {
    return {kind, owner, name, section, Status::Absent, why_missing(name)};
}

template <class List>
bool lists(const List& list, std::string_view name) {
    for (const std::string_view item : list)
        if (item == name) return true;
    return false;
}

template <class Map>
void add_register_features(std::vector<Feature>& out, bool present) {
    for (const base::RegisterEntry& r : Map::entries) {
        const Status there = lists(stored_vtd_registers, r.name) ? Status::Stored : Status::Modelled;
        out.push_back(present ? Feature{FeatureKind::Register, {}, r.name, "11.4", there}
                              : absent_feature(FeatureKind::Register, {}, r.name, "11.4"));
    }
}
template <class S, class List>
void add_field_features(std::vector<Feature>& out, std::string_view owner, std::string_view section,
                        const List& modelled) {
    base::for_each(S{}, [&](std::string_view name, const auto&) {
        const Status there = lists(modelled, name) ? Status::Modelled : Status::Stored;
        out.push_back(why_missing(name).empty() ? Feature{FeatureKind::Field, owner, name, section, there}
                                                : absent_feature(FeatureKind::Field, owner, name, section));
    });
}

} // namespace

std::vector<Feature> features() {
    std::vector<Feature> out;
    add_register_features<Registers>(out, true);
    out.push_back({FeatureKind::Register, {}, "FRCD", "11.4", Status::Modelled});
    add_register_features<AbsentRegisters>(out, false);
    for (const std::string_view name : absent_vtd_registers)
        out.push_back(absent_feature(FeatureKind::Register, {}, name, "11.4"));
    add_field_features<RootEntry>(out, "root entry", "9.1", root_fields);
    add_field_features<ScalableRootEntry>(out, "scalable root entry", "9.2", scalable_root_fields);
    add_field_features<ContextEntry>(out, "context entry", "9.3", context_fields);
    add_field_features<ScalableContextEntry>(out, "scalable context entry", "9.4", scalable_context_fields);
    add_field_features<PasidDirectoryEntry>(out, "PASID directory entry", "9.5", directory_fields);
    add_field_features<PasidEntry>(out, "PASID table entry", "9.6", pasid_entry_fields);
    add_field_features<FsEntry>(out, "first-stage entry", "9.7", first_stage_fields);
    add_field_features<SsEntry>(out, "second-stage entry", "9.8", second_stage_fields);
    for (const DescriptorRow& row : descriptor_rows())
        out.push_back(row.decode != nullptr
                          ? Feature{FeatureKind::Command, {}, row.name(), row.section, Status::Modelled}
                          : absent_feature(FeatureKind::Command, {}, row.name(), row.section));
    for (const FaultRow& row : fault_rows())
        out.push_back(row.modelled ? Feature{FeatureKind::Event, {}, row.name, "7.1.3", Status::Modelled}
                                   : absent_feature(FeatureKind::Event, {}, row.name, "7.1.3"));
    out.insert(out.end(), std::begin(vtd_extension_table), std::end(vtd_extension_table));
    return out;
}

} // namespace quiesce::iommu::vtd
