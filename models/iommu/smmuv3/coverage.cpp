// SPDX-License-Identifier: Apache-2.0
/// What the unit has of the manual, derived from the tables that the code itself uses.
#include "iommu/smmuv3/unit.h"

namespace quiesce::iommu::smmuv3 {
namespace {

struct Section {
    std::string_view name, section;
};
// clang-format off
constexpr Section register_sections[] = {
    {"IDR0", "6.3.1"}, {"IDR1", "6.3.2"}, {"IDR2", "6.3.3"}, {"IDR3", "6.3.4"}, {"IDR4", "6.3.5"}, {"IDR5", "6.3.6"},
    {"IIDR", "6.3.7"},
    {"AIDR", "6.3.8"}, {"CR0", "6.3.9"}, {"CR0ACK", "6.3.10"}, {"CR1", "6.3.11"}, {"CR2", "6.3.12"},
    {"STATUSR", "6.3.13"},
    {"GBPA", "6.3.14"}, {"AGBPA", "6.3.15"}, {"IRQ_CTRL", "6.3.16"}, {"IRQ_CTRLACK", "6.3.18"}, {"GERROR", "6.3.19"},
    {"GERRORN", "6.3.20"}, {"GERROR_IRQ_CFG0", "6.3.21"}, {"GERROR_IRQ_CFG1", "6.3.22"}, {"GERROR_IRQ_CFG2", "6.3.23"},
    {"STRTAB_BASE", "6.3.24"}, {"STRTAB_BASE_CFG", "6.3.25"}, {"CMDQ_BASE", "6.3.26"}, {"CMDQ_PROD", "6.3.27"},
    {"CMDQ_CONS", "6.3.28"},
    {"EVENTQ_BASE", "6.3.29"}, {"EVENTQ_PROD", "6.3.95"}, {"EVENTQ_CONS", "6.3.96"}, {"EVENTQ_IRQ_CFG0", "6.3.30"},
    {"EVENTQ_IRQ_CFG1", "6.3.31"}, {"EVENTQ_IRQ_CFG2", "6.3.32"}, {"PRIQ_BASE", "6.3.33"}, {"PRIQ_PROD", "6.3.97"},
    {"PRIQ_CONS", "6.3.98"},
    {"PRIQ_IRQ_CFG0", "6.3.34"}, {"PRIQ_IRQ_CFG1", "6.3.35"}, {"PRIQ_IRQ_CFG2", "6.3.36"}, {"GATOS_CTRL", "6.3"},
    {"GATOS_SID", "6.3"},
    {"GATOS_ADDR", "6.3"}, {"GATOS_PAR", "6.3"}, {"VATOS_SEL", "6.3"}, {"IDR6", "6.3.45"},
    {"CMDQ_CONTROL_PAGE_BASE0", "6.3.49"}, {"CMDQ_CONTROL_PAGE_CFG0", "6.3.50"},
    {"CMDQ_CONTROL_PAGE_STATUS0", "6.3.51"}, {"ECMDQ_BASE<n>", "6.3.107"}, {"ECMDQ_PROD<n>", "6.3.108"},
    {"ECMDQ_CONS<n>", "6.3.109"},
    {"PMCG_EVCNTR<n>", "10.5.2.1"}, {"PMCG_EVTYPER<n>", "10.5.2.2"}, {"PMCG_SVR<n>", "10.5.2.3"},
    {"PMCG_SMR<n>", "10.5.2.4"}, {"PMCG_CNTENSET0", "10.5.2.5"}, {"PMCG_CNTENCLR0", "10.5.2.6"},
    {"PMCG_INTENSET0", "10.5.2.7"}, {"PMCG_INTENCLR0", "10.5.2.8"}, {"PMCG_OVSCLR0", "10.5.2.9"},
    {"PMCG_OVSSET0", "10.5.2.10"}, {"PMCG_CAPR", "10.5.2.11"}, {"PMCG_CFGR", "10.5.2.13"}, {"PMCG_CR", "10.5.2.14"},
    {"PMCG_IIDR", "10.5.2.15"}, {"PMCG_CEID0", "10.5.2.16"}, {"PMCG_CEID1", "10.5.2.17"},
    {"PMCG_IRQ_CTRL", "10.5.2.19"}, {"PMCG_IRQ_CTRLACK", "10.5.2.20"}, {"PMCG_IRQ_CFG0", "10.5.2.21"},
    {"PMCG_IRQ_CFG1", "10.5.2.22"}, {"PMCG_IRQ_CFG2", "10.5.2.23"}, {"PMCG_IRQ_STATUS", "10.5.2.24"},
    {"PMCG_AIDR", "10.5.2.26"}, {"PMCG_PMDEVARCH", "10.5.2.29"}, {"PMCG_PMDEVTYPE", "10.5.2.29"},
};
/// Registers that this model has no types for: the pages of VATOS, the Secure bank, partition identifiers of monitors.
constexpr Section absent_registers[] = {
    {"VATOS_*", "6.3"}, {"PMCG_SCR", "10.5.2.12"}, {"PMCG_ROOTCR", "10.5.2.18"}, {"PMCG_GMPAM", "10.5.2.25"},
    {"PMCG_MPAMIDR", "10.5.2.27"}, {"PMCG_S_MPAMIDR", "10.5.2.28"}, {"S_*", "6.3"},
};
/// Registers that keep what is written and have no other effect.
constexpr std::string_view stored_registers[] = {"CR1", "AGBPA", "STATUSR", "IIDR", "IDR2", "IDR4", "GERROR_IRQ_CFG2",
    "EVENTQ_IRQ_CFG2", "PMCG_IIDR", "PMCG_CEID1", "PMCG_IRQ_CFG2", "PMCG_PMDEVARCH", "PMCG_PMDEVTYPE"};
/// Commands that are judged, taken and then have no effect.
constexpr std::string_view hint_commands[] = {"PREFETCH_CONFIG", "PREFETCH_ADDR"};
/// Fields that the model acts on; all others of the same structure are read and ignored.
constexpr std::string_view ste_fields[] = {"V", "Config", "S1Fmt", "S1ContextPtr", "S1CDMax", "S1DSS", "PPAR",
    "MEV", "S1STALLD", "EATS", "STRW",
    "PRIVCFG", "INSTCFG", "S2VMID", "S2T0SZ", "S2SL0", "S2TG", "S2PS", "S2AA64", "S2ENDI", "S2AFFD", "S2PTW", "S2HD",
    "S2HA", "S2S", "S2R", "S2TTB"};
constexpr std::string_view cd_fields[] = {"T0SZ", "TG0", "EPD0", "ENDI", "T1SZ", "TG1", "EPD1", "V", "IPS", "AFFD",
    "WXN", "TBI0", "TBI1", "PAN", "AA64",
    "HD", "HA", "S", "R", "A", "ASID", "HAD0", "TTB0", "HAD1", "TTB1"};
constexpr std::string_view leaf_fields[] = {"Valid", "Type", "AP[1]", "AP[2]", "AF", "nG", "OA", "DBM",
    "Contiguous", "PXN", "UXN"};
constexpr std::string_view table_fields[] = {"Valid", "Type", "NextTable", "PXNTable", "UXNTable", "APTable[0]",
    "APTable[1]"};
constexpr std::string_view stage2_fields[] = {"Valid", "Type", "MemAttr", "S2AP[0]", "S2AP[1]", "AF", "OA", "DBM",
    "Contiguous", "XN"};

/// Why something of the lists and tables is not there.
struct Absence {
    std::string_view name, why;
};
constexpr std::string_view no_atos = "IDR0.ATOS and IDR0.VATOS are 0: no address translation operations",
                           no_secure = "the Secure world is out of scope",
                           no_worlds = "the Secure and Realm worlds are out of scope",
                           no_mpam = "IDR3.MPAM is 0: no partition identifiers";
constexpr Absence absence_table[] = {
    {"GATOS_CTRL", no_atos}, {"GATOS_SID", no_atos}, {"GATOS_ADDR", no_atos}, {"GATOS_PAR", no_atos},
    {"VATOS_SEL", no_atos}, {"VATOS_*", no_atos},
    {"PMCG_SCR", no_worlds}, {"PMCG_ROOTCR", no_worlds}, {"PMCG_GMPAM", no_mpam}, {"PMCG_MPAMIDR", no_mpam},
    {"PMCG_S_MPAMIDR", no_mpam}, {"S_*", no_secure},
    {"CFGI_VMS_PIDM", no_mpam}, {"TLBI_EL3_ALL", no_secure}, {"TLBI_EL3_VA", no_secure},
};
/// What of the manual is not there as a whole; the identification registers say so.
constexpr Feature extension_table[] = {
    {FeatureKind::Extension, {}, "Secure state", "3.10", Status::Absent, no_secure},
    {FeatureKind::Extension, {}, "Realm state", "3.10", Status::Absent,
     "out of scope with Granule Protection Checks, MEC and DPT (IDR0.RME_IMPL, IDR3.DPT are 0)"},
    {FeatureKind::Extension, {}, "MPAM", "17", Status::Absent, no_mpam},
    {FeatureKind::Extension, {}, "ATOS, VATOS", "9", Status::Absent, no_atos},
    {FeatureKind::Extension, {}, "AArch32 tables", "6.3.1", Status::Absent, "IDR0.TTF is 2: tables of AArch64 only"},
    {FeatureKind::Extension, {}, "52-bit addresses", "6.3.6", Status::Absent,
     "IDR5.VAX, DS and D128 are 0 and OAS is 5 at most: 48 bits in and out"},
    {FeatureKind::Extension, {}, "big-endian tables", "6.3.1", Status::Absent,
     "IDR0.TTENDIAN is 2: little-endian only"},
    {FeatureKind::Extension, {}, "permission indirection, overlays", "6.3.4", Status::Absent,
     "of v3.4; IDR3.S1PI, S2PI and S2PO are 0"},
    {FeatureKind::Extension, {}, "access flags of tables", "3.13", Status::Absent, "of v3.4; IDR0.HTTU is 2 at most"},
    {FeatureKind::Extension, {}, "implementation defined events", "7.3", Status::Absent, "none of 0xE0 to 0xEF"},
    {FeatureKind::Extension, {}, "memory attributes", "13", Status::Absent,
     "what only the interconnect sees of an access (cacheability, shareability, allocation) is stored, without effect"},
};
// clang-format on

template <class List> bool contains(const List& list, std::string_view name) {
    for (const std::string_view item : list)
        if (item == name) return true;
    return false;
}
std::string_view section_of(std::string_view name) {
    for (const Section& s : register_sections)
        if (s.name == name) return s.section;
    return {};
}

std::string_view why_absent(std::string_view name) {
    for (const Absence& a : absence_table)
        if (a.name == name) return a.why;
    return {};
}

template <class Map> void add_registers(std::vector<Feature>& out, bool present) {
    for (const base::RegisterEntry& r : Map::entries) {
        const Status status = !present                             ? Status::Absent
                              : contains(stored_registers, r.name) ? Status::Stored
                                                                   : Status::Modelled;
        out.push_back({FeatureKind::Register, {}, r.name, section_of(r.name), status, why_absent(r.name)});
    }
}
template <class S, class List>
void add_fields(std::vector<Feature>& out, std::string_view owner, std::string_view section, const List& modelled) {
    base::for_each(S{}, [&](std::string_view name, const auto&) {
        out.push_back(
            {FeatureKind::Field, owner, name, section, contains(modelled, name) ? Status::Modelled : Status::Stored});
    });
}

} // namespace

std::vector<Feature> features() {
    std::vector<Feature> out;
    add_registers<Registers>(out, true);
    add_registers<EnhancedRegisters>(out, true);
    add_registers<PmcgCounterRegisters>(out, true);
    add_registers<PmcgRegisters>(out, true);
    add_registers<AbsentRegisters>(out, false);
    for (const Section& s : absent_registers)
        out.push_back({FeatureKind::Register, {}, s.name, s.section, Status::Absent, why_absent(s.name)});
    constexpr std::string_view l1std[] = {"Span", "L2Ptr"}, l1cd[] = {"V", "L2Ptr"};
    add_fields<L1Std>(out, "L1STD", "5.1", l1std);
    add_fields<Ste>(out, "STE", "5.2", ste_fields);
    add_fields<L1Cd>(out, "L1CD", "5.3", l1cd);
    add_fields<Cd>(out, "CD", "5.4", cd_fields);
    add_fields<LeafDescriptor>(out, "stage 1 leaf", "DDI 0487 D8.3", leaf_fields);
    add_fields<TableDescriptor>(out, "stage 1 table", "DDI 0487 D8.3", table_fields);
    add_fields<Stage2Descriptor>(out, "stage 2 leaf", "DDI 0487 D8.3", stage2_fields);
    for (const CommandRow& row : command_rows()) {
        const Status there = contains(hint_commands, row.name) ? Status::Stored : Status::Modelled;
        out.push_back({FeatureKind::Command,
                       {},
                       row.name,
                       row.section,
                       row.decode != nullptr ? there : Status::Absent,
                       why_absent(row.name)});
    }
    for (const EventRow& row : event_rows())
        out.push_back({FeatureKind::Event,
                       {},
                       row.name,
                       row.section,
                       row.absent.empty() ? Status::Modelled : Status::Absent,
                       row.absent});
    out.insert(out.end(), std::begin(extension_table), std::end(extension_table));
    return out;
}

} // namespace quiesce::iommu::smmuv3
