// SPDX-License-Identifier: Apache-2.0
/// The identification registers of a unit: by its configuration, or those of another implementation, with what this
/// model cannot be of what they say.
#include "iommu/smmuv3/config.h"

namespace quiesce::iommu::smmuv3 {
namespace {

using Who = const Identity&;
struct IdentityRule {
    std::string_view what;
    bool (*broken)(Who id);
};

/// A code of IDR5.OAS: 48 bits are the most that a descriptor of the format without LPA2 can hold.
constexpr u64 widest_output = 5;
constexpr u64 newest_revision = 3;

// clang-format off
/// 6.3.1 to 6.3.8. Hints and what only memory attributes show (ATTR_TYPES_OVR, PBHA, FWB, PTWNNC) can be anything.
constexpr IdentityRule identity_rule_table[] = {
    {"IDR0 says that there is neither stage", [](Who id) {
        return !id.idr0.get(Idr0::S1P) && !id.idr0.get(Idr0::S2P);
    }},
    {"IDR0.TTF: tables of AArch64 only", [](Who id) { return id.idr0.get(Idr0::TTF) != TableFormats::AArch64; }},
    {"IDR0.HTTU: no access flags in table descriptors", [](Who id) { return id.idr0.get(Idr0::HTTU) > 2; }},
    {"IDR0.ATOS: no address translation operations", [](Who id) {
        return id.idr0.get(Idr0::ATOS) || id.idr0.get(Idr0::VATOS);
    }},
    {"IDR0.PRI without IDR0.ATS", [](Who id) { return id.idr0.get(Idr0::PRI) && !id.idr0.get(Idr0::ATS); }},
    {"IDR0.TTENDIAN: little-endian tables only", [](Who id) {
        return id.idr0.get(Idr0::TTENDIAN) != TableEndian::Little;
    }},
    {"IDR0.STALL_MODEL is reserved", [](Who id) { return raw(id.idr0.get(Idr0::STALL_MODEL)) == 3; }},
    {"IDR0.ST_LEVEL is reserved", [](Who id) { return raw(id.idr0.get(Idr0::ST_LEVEL)) > 1; }},
    {"IDR0.RME_IMPL: no Realm Management Extension", [](Who id) { return id.idr0.get(Idr0::RME_IMPL); }},
    {"IDR1.SIDSIZE above 32", [](Who id) { return id.idr1.get(Idr1::SIDSIZE) > 32; }},
    {"IDR1.SSIDSIZE above 20", [](Who id) { return id.idr1.get(Idr1::SSIDSIZE) > 20; }},
    {"IDR1: a queue of more than 2^19 entries", [](Who id) {
        return id.idr1.get(Idr1::PRIQS) > 19 || id.idr1.get(Idr1::EVENTQS) > 19 || id.idr1.get(Idr1::CMDQS) > 19;
    }},
    {"IDR1: no preset tables and queues", [](Who id) {
        return id.idr1.get(Idr1::REL) || id.idr1.get(Idr1::QUEUES_PRESET) || id.idr1.get(Idr1::TABLES_PRESET);
    }},
    // Vectors and hosts do not say what IDR6 holds.
    {"IDR1.ECMDQ without IDR6: one command queue only", [](Who id) {
        return id.idr1.get(Idr1::ECMDQ) && id.idr6.get(Idr6::LOG2NUMQ) == 0;
    }},
    {"IDR6: one command queue control page of at most 256 queues", [](Who id) {
        return id.idr6.get(Idr6::LOG2NUMP) != 0 || id.idr6.get(Idr6::LOG2NUMQ) > 8;
    }},
    {"IDR3.MPAM: no partition identifiers", [](Who id) { return id.idr3.get(Idr3::MPAM); }},
    {"IDR3.E0PD: no fault of unprivileged accesses by half", [](Who id) { return id.idr3.get(Idr3::E0PD); }},
    {"IDR3.DPT: no device permission table", [](Who id) { return id.idr3.get(Idr3::DPT); }},
    {"IDR3.PASIDTT: no PASID on translated requests", [](Who id) { return id.idr3.get(Idr3::PASIDTT); }},
    {"IDR3.EPAN: no enhanced privileged access never", [](Who id) { return id.idr3.get(Idr3::EPAN); }},
    {"IDR3: no indirect permissions, overlays and what belongs to them", [](Who id) {
        const Idr3 r = id.idr3;
        return r.get(Idr3::S1PI) || r.get(Idr3::S2PI) || r.get(Idr3::S2PO) || r.get(Idr3::THE) ||
               r.get(Idr3::MTEPERM) || r.get(Idr3::AIE);
    }},
    {"IDR5.OAS above 48 bits", [](Who id) { return id.idr5.get(Idr5::OAS) > widest_output; }},
    {"IDR5 says that there is no granule", [](Who id) {
        return !id.idr5.get(Idr5::GRAN4K) && !id.idr5.get(Idr5::GRAN16K) && !id.idr5.get(Idr5::GRAN64K);
    }},
    {"IDR5.DS, IDR5.D128: no descriptors with more address bits", [](Who id) {
        return id.idr5.get(Idr5::DS) || id.idr5.get(Idr5::D128);
    }},
    {"IDR5.VAX: input addresses of 48 bits only", [](Who id) { return id.idr5.get(Idr5::VAX) != 0; }},
    {"IDR5.STALL_MAX is 0 with a stall model", [](Who id) {
        return id.idr0.get(Idr0::STALL_MODEL) != StallModel::NoStall && id.idr5.get(Idr5::STALL_MAX) == 0;
    }},
    {"AIDR: SMMUv3.0 to v3.3 only", [](Who id) {
        return id.aidr.get(Aidr::ArchMajorRev) != 0 || id.aidr.get(Aidr::ArchMinorRev) > newest_revision;
    }},
    {"bits that no field of the identification registers has", [](Who id) {
        return id.idr0.has_reserved_bits() || id.idr3.has_reserved_bits() || id.idr5.has_reserved_bits() ||
               id.aidr.has_reserved_bits();
    }},
};
// clang-format on

} // namespace

Identity identity_of(const Smmuv3Config& c) {
    Identity id;
    const bool stage2 = c.stage2.get(), split = c.stage1.get() && stage2 && c.split_ats.get();
    id.idr0.set(Idr0::S1P, c.stage1.get()).set(Idr0::S2P, stage2).set(Idr0::VMID16, stage2 && c.vmid16.get());
    id.idr0.set(Idr0::VMW, stage2 && c.vmid_wildcards.get()).set(Idr0::Hyp, c.hypervisor.get());
    id.idr0.set(Idr0::HTTU, c.hardware_update.get());
    id.idr1.set(Idr1::ATTR_PERMS_OVR, c.permission_overrides.get());
    id.idr3.set(Idr3::HAD, c.flat_permissions.get()).set(Idr3::STT, c.small_tables.get());
    id.idr3.set(Idr3::XNX, stage2 && c.stage2_execute_by_privilege.get());
    id.idr0.set(Idr0::TTF, TableFormats::AArch64).set(Idr0::COHACC, c.coherent.get());
    id.idr0.set(Idr0::ASID16, c.asid16.get()).set(Idr0::MSI, c.msi.get()).set(Idr0::SEV, c.sev.get());
    // NS1ATS: split-stage ATS is not there. REC_CFG_ATS comes with ATS.
    id.idr0.set(Idr0::ATS, c.ats.get()).set(Idr0::NS1ATS, c.ats.get() && !split).set(Idr0::ATSRECERR, c.ats.get());
    id.idr0.set(Idr0::CD2L, c.two_level_contexts.get()).set(Idr0::TTENDIAN, TableEndian::Little);
    const bool pri = c.ats.get() && c.pri.get(); // IDR0.PRI is RES0 without ATS
    id.idr0.set(Idr0::PRI, pri).set(Idr0::STALL_MODEL, c.stall_model.get());
    id.idr0.set(Idr0::TERM_MODEL, c.terminate_only_by_abort.get());
    id.idr0.set(Idr0::ST_LEVEL, c.two_level_streams.get() ? StreamLevels::TwoLevel : StreamLevels::LinearOnly);
    id.idr1.set(Idr1::SIDSIZE, c.sid_bits.get()).set(Idr1::SSIDSIZE, c.ssid_bits.get());
    id.idr1.set(Idr1::CMDQS, c.cmdq_log2.get()).set(Idr1::EVENTQS, c.eventq_log2.get());
    id.idr1.set(Idr1::ECMDQ, c.ecmdq_log2.get() != 0);
    id.idr6.set(Idr6::LOG2NUMQ, c.ecmdq_log2.get());
    id.idr1.set(Idr1::PRIQS, pri ? c.priq_log2.get() : 0);
    id.idr3.set(Idr3::PPS, pri && c.pri_response_pasid.get()).set(Idr3::RIL, c.range_invalidation.get());
    const u64 oas = address_size_code(c.output_bits.get());
    id.idr5.set(Idr5::OAS, oas)
        .set(Idr5::GRAN4K, true)
        .set(Idr5::GRAN16K, c.granule_16k.get())
        .set(Idr5::GRAN64K, c.granule_64k.get())
        .set(Idr5::STALL_MAX, c.stall_model.get() == StallModel::NoStall ? 0 : c.stall_max.get());
    id.aidr.set(Aidr::ArchMinorRev, c.minor_revision.get());
    id.output_bits = address_bits(oas);
    id.global_entries = c.global_entries.get();
    id.contiguous = c.contiguous.get();
    id.conflicts = c.conflicts.get() == TlbConflicts::Record;
    return id;
}

/// MODEL: a unit that is like another one keeps no global entries, for software that was written for one that has none:
/// one that keeps them may answer from them after TLBI_NH_ASID, one that has none does what 4.4.2.2 lets both do.
Identity identity_of(const IdentityValues& values) {
    Identity id;
    id.idr0 = Idr0::of(values.idr0);
    id.idr1 = Idr1::of(values.idr1);
    id.idr2 = Idr2::of(values.idr2);
    id.idr3 = Idr3::of(values.idr3);
    id.idr4 = Idr4::of(values.idr4);
    id.idr5 = Idr5::of(values.idr5);
    id.aidr = Aidr::of(values.aidr);
    id.output_bits = address_bits(id.idr5.get(Idr5::OAS));
    id.global_entries = false; // no register says it: of what 4.4.2.2 allows, the choice that keeps least
    return id;
}

std::string_view what_it_cannot_be(const Identity& id) {
    for (const IdentityRule& rule : identity_rule_table)
        if (rule.broken(id)) return rule.what;
    return {};
}

} // namespace quiesce::iommu::smmuv3
