// SPDX-License-Identifier: Apache-2.0
/// A unit with the identification registers of another implementation, and what this model cannot be of what they say.
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
/// MODEL: IDR3.HAD too, although a descriptor's HADx is ignored.
constexpr IdentityRule identity_rule_table[] = {
    {"IDR0 says that there is neither stage", [](Who id) {
        return !id.idr0.get(Idr0::S1P) && !id.idr0.get(Idr0::S2P);
    }},
    {"IDR0.TTF: tables of AArch64 only", [](Who id) { return id.idr0.get(Idr0::TTF) != TableFormats::AArch64; }},
    {"IDR0.HTTU: no hardware update of access flags and dirty state", [](Who id) {
        return id.idr0.get(Idr0::HTTU) != 0;
    }},
    {"IDR0.Hyp: no EL2 translation regimes", [](Who id) { return id.idr0.get(Idr0::Hyp); }},
    {"IDR0.ATOS: no address translation operations", [](Who id) {
        return id.idr0.get(Idr0::ATOS) || id.idr0.get(Idr0::VATOS);
    }},
    {"IDR0.PRI without IDR0.ATS", [](Who id) { return id.idr0.get(Idr0::PRI) && !id.idr0.get(Idr0::ATS); }},
    {"IDR0.VMW: no VMID wildcards", [](Who id) { return id.idr0.get(Idr0::VMW); }},
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
    {"IDR1.ATTR_PERMS_OVR: no override of privilege and instruction", [](Who id) {
        return id.idr1.get(Idr1::ATTR_PERMS_OVR);
    }},
    {"IDR1: no preset tables and queues", [](Who id) {
        return id.idr1.get(Idr1::REL) || id.idr1.get(Idr1::QUEUES_PRESET) || id.idr1.get(Idr1::TABLES_PRESET);
    }},
    {"IDR1.ECMDQ: one command queue only", [](Who id) { return id.idr1.get(Idr1::ECMDQ); }},
    {"IDR3.MPAM: no partition identifiers", [](Who id) { return id.idr3.get(Idr3::MPAM); }},
    {"IDR3.STT: no small translation tables", [](Who id) { return id.idr3.get(Idr3::STT); }},
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
    return id;
}

std::string_view what_it_cannot_be(const Identity& id) {
    for (const IdentityRule& rule : identity_rule_table)
        if (rule.broken(id)) return rule.what;
    return {};
}

} // namespace quiesce::iommu::smmuv3
