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
/// Fields that the model acts on; all others of the same structure are read and ignored.
constexpr std::string_view root_fields[] = {"P", "CTP"};
constexpr std::string_view scalable_root_fields[] = {"LP", "LCTP", "UP", "UCTP"};
constexpr std::string_view context_fields[] = {"P", "FPD", "TT", "SSPTPTR", "AW", "DID"};
constexpr std::string_view scalable_context_fields[] = {"P", "FPD", "DTE", "PASIDE", "PRE", "HPTE", "EPTR", "PDTS",
    "PASIDDIRPTR", "RID_PASID", "RID_PRIV"};
constexpr std::string_view directory_fields[] = {"P", "FPD", "SMPTBLPTR"};
constexpr std::string_view pasid_entry_fields[] = {"P", "FPD", "AW", "PGTT", "SSADE", "SSPTPTR", "DID", "PWSNP", "SRE",
    "FSPM", "WPE", "EAFE", "FSPTPTR"};
constexpr std::string_view first_stage_fields[] = {"P", "R/W", "U/S", "A", "D", "PS", "EA", "ADDR"};
constexpr std::string_view second_stage_fields[] = {"R", "W", "PS", "A", "D", "SNP", "ADDR"};
// clang-format on

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
        out.push_back({FeatureKind::Register, {}, r.name, "11.4", present ? there : Status::Absent});
    }
}
template <class S, class List>
void add_field_features(std::vector<Feature>& out, std::string_view owner, std::string_view section,
                        const List& modelled) {
    base::for_each(S{}, [&](std::string_view name, const auto&) {
        out.push_back(
            {FeatureKind::Field, owner, name, section, lists(modelled, name) ? Status::Modelled : Status::Stored});
    });
}

} // namespace

std::vector<Feature> features() {
    std::vector<Feature> out;
    add_register_features<Registers>(out, true);
    out.push_back({FeatureKind::Register, {}, "FRCD", "11.4", Status::Modelled});
    add_register_features<AbsentRegisters>(out, false);
    for (const std::string_view name : absent_vtd_registers)
        out.push_back({FeatureKind::Register, {}, name, "11.4", Status::Absent});
    add_field_features<RootEntry>(out, "root entry", "9.1", root_fields);
    add_field_features<ScalableRootEntry>(out, "scalable root entry", "9.2", scalable_root_fields);
    add_field_features<ContextEntry>(out, "context entry", "9.3", context_fields);
    add_field_features<ScalableContextEntry>(out, "scalable context entry", "9.4", scalable_context_fields);
    add_field_features<PasidDirectoryEntry>(out, "PASID directory entry", "9.5", directory_fields);
    add_field_features<PasidEntry>(out, "PASID table entry", "9.6", pasid_entry_fields);
    add_field_features<FsEntry>(out, "first-stage entry", "9.7", first_stage_fields);
    add_field_features<SsEntry>(out, "second-stage entry", "9.8", second_stage_fields);
    for (const DescriptorRow& row : descriptor_rows())
        out.push_back({FeatureKind::Command,
                       {},
                       row.name(),
                       row.section,
                       row.decode != nullptr ? Status::Modelled : Status::Absent});
    for (const FaultRow& row : fault_rows())
        out.push_back({FeatureKind::Event, {}, row.name, "7.2.3", row.modelled ? Status::Modelled : Status::Absent});
    return out;
}

} // namespace quiesce::iommu::vtd
