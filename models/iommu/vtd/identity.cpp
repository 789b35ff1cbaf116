// SPDX-License-Identifier: Apache-2.0
/// The capability registers of a unit: by its configuration, or those of another implementation, with what this model
/// cannot be of what they say.
#include "iommu/vtd/config.h"

namespace quiesce::iommu::vtd {
namespace {

using Who = const Identity&;
struct CapabilityRule {
    std::string_view what;
    bool (*broken)(Who id);
};

constexpr unsigned newest_version = 7; ///< from 8 on other requests fault than those that are modelled
/// Where a unit made by its configuration has its movable registers.
constexpr u64 own_iro = 0x50, own_fro = 0x100;

bool over_fixed(u64 first, u64 bytes) {
    for (u64 at = first; at < first + bytes; at += 4)
        if (at >= movable_registers || Registers::find(static_cast<u32>(at))) return true;
    return false;
}
bool over_each_other(Who id) {
    const u64 iva = iva_offset(id.ecap), frcd = frcd_offset(id.cap);
    return iva < frcd + frcd_count(id.cap) * 16 && frcd < iva + 16;
}
bool without(Who id, const Ecap::F<bool>& feature, const Ecap::F<bool>& needed) {
    return id.has(feature) && !id.has(needed);
}

// clang-format off
/// 11.4. Hints and what only memory types show (C, MTS, SC, IR, PI) can be anything: interrupts pass unremapped.
constexpr CapabilityRule identity_rules[] = {
    {"VER.MAX: versions 1 to 7 only", [](Who id) { return id.version() < 1 || id.version() > newest_version; }},
    {"the host address width is 32 to 52 bits", [](Who id) { return id.haw < 32 || id.haw > 52; }},
    {"CAP.ND is reserved", [](Who id) { return id.cap.get(Cap::ND) == 7; }},
    {"CAP.AFL: no advanced fault log", [](Who id) { return id.has(Cap::AFL); }},
    {"CAP.SAGAW: no width of 39, 48 or 57 bits", [](Who id) { return (id.cap.get(Cap::SAGAW) & 0b1110) == 0; }},
    {"CAP.SSLPS: 1 GiB pages without 2 MiB pages", [](Who id) { return id.cap.get(Cap::SSLPS) == 2; }},
    {"CAP.RWBF with ECAP.SMTS", [](Who id) { return id.has(Cap::RWBF) && id.has(Ecap::SMTS); }},
    {"CAP.MGAW below the host address width", [](Who id) { return mgaw_bits(id.cap) < id.haw; }},
    {"CAP.ECMDS: no enhanced commands", [](Who id) { return id.has(Cap::ECMDS); }},
    {"CAP.FRO: the fault records lie over other registers", [](Who id) {
        return over_fixed(frcd_offset(id.cap), frcd_count(id.cap) * 16);
    }},
    {"ECAP.IRO: the IOTLB registers lie over other registers", [](Who id) {
        return over_fixed(iva_offset(id.ecap), 16) || over_each_other(id);
    }},
    {"ECAP.ERS: no execute requests", [](Who id) { return id.has(Ecap::ERS); }},
    {"ECAP.TDXCS: no trusted domains", [](Who id) { return id.has(Ecap::TDXCS); }},
    {"ECAP.PMS: no performance monitoring", [](Who id) { return id.has(Ecap::PMS); }},
    {"ECAP.HPTS: no host permission table", [](Who id) { return id.has(Ecap::HPTS) || id.has(Ecap::HPT1GPS); }},
    {"ECAP.PTRS: no PASID on translated requests", [](Who id) { return id.has(Ecap::PTRS); }},
    {"ECAP.SSIRWS: no other second-stage permission bits", [](Who id) { return id.has(Ecap::SSIRWS); }},
    {"ECAP.RDTS: no resource director", [](Who id) { return id.has(Ecap::RDTS); }},
    {"ECAP.SMTS without ECAP.QI", [](Who id) { return without(id, Ecap::SMTS, Ecap::QI); }},
    {"ECAP.PRS without ECAP.DT and ECAP.SMTS", [](Who id) {
        return without(id, Ecap::PRS, Ecap::DT) || without(id, Ecap::PRS, Ecap::SMTS);
    }},
    {"ECAP: PASID, RPS, FSTS or SMPWCS without SMTS", [](Who id) {
        return without(id, Ecap::PASID, Ecap::SMTS) || without(id, Ecap::RPS, Ecap::SMTS) ||
               without(id, Ecap::FSTS, Ecap::SMTS) || without(id, Ecap::SMPWCS, Ecap::SMTS);
    }},
    {"ECAP.NEST without ECAP.FSTS and ECAP.SSTS", [](Who id) {
        return without(id, Ecap::NEST, Ecap::FSTS) || without(id, Ecap::NEST, Ecap::SSTS);
    }},
    {"ECAP: PDS, DIT or NWFS without DT", [](Who id) {
        return without(id, Ecap::PDS, Ecap::DT) || without(id, Ecap::DIT, Ecap::DT) ||
               without(id, Ecap::NWFS, Ecap::DT);
    }},
    {"bits that no field of the capability registers has", [](Who id) { return id.ver.has_reserved_bits(); }},
};
// clang-format on

Cap cap_of(const VtdConfig& c) {
    Cap cap;
    cap.set(Cap::ND, (c.domain_bits.get() - 4) / 2).set(Cap::CM, c.caching_mode.get());
    cap.set(Cap::PLMR, c.protected_memory.get()).set(Cap::PHMR, c.protected_memory.get());
    cap.set(Cap::SAGAW, (c.width39.get() ? 2u : 0u) | (c.width48.get() ? 4u : 0u) | (c.width57.get() ? 8u : 0u));
    cap.set(Cap::MGAW, (c.width57.get() ? 57u : 52u) - 1).set(Cap::ZLR, c.zero_length_reads.get());
    cap.set(Cap::FRO, own_fro).set(Cap::NFR, c.fault_records.get() - 1);
    cap.set(Cap::SSLPS, !c.second_2m.get() ? 0u : c.second_1g.get() ? 3u : 1u);
    cap.set(Cap::PSI, c.page_selective.get()).set(Cap::MAMV, c.page_selective.get() ? c.address_mask.get() : 0);
    cap.set(Cap::DWD, true).set(Cap::DRD, true).set(Cap::ESRTPS, c.flush_on_root.get());
    const bool first = c.scalable.get() && c.first_stage.get();
    return cap.set(Cap::FS1GP, first && c.first_1g.get()).set(Cap::FS5LP, first && c.five_levels.get());
}

Ecap ecap_of(const VtdConfig& c) {
    Ecap e;
    const bool sm = c.scalable.get() && c.queued.get(), first = sm && c.first_stage.get(),
               second = c.second_stage.get();
    const bool ats = c.ats.get(), pri = sm && ats && c.pri.get(), pasid = sm && c.pasid.get();
    e.set(Ecap::C, c.coherent.get()).set(Ecap::QI, c.queued.get()).set(Ecap::DT, ats).set(Ecap::IRO, own_iro);
    e.set(Ecap::PT, c.pass_through.get()).set(Ecap::SC, c.snoop_control.get()).set(Ecap::SMTS, sm);
    e.set(Ecap::FSTS, first).set(Ecap::SSTS, sm && second).set(Ecap::NEST, first && second && c.nested.get());
    e.set(Ecap::SSADS, sm && second && c.second_access_dirty.get()).set(Ecap::EAFS, first && c.extended_access.get());
    e.set(Ecap::SMPWCS, sm && c.coherent.get()).set(Ecap::SRS, first && c.supervisor.get());
    e.set(Ecap::PASID, pasid).set(Ecap::PSS, pasid ? c.pasid_bits.get() - 1 : 0);
    e.set(Ecap::RPS, sm && c.rid_pasid.get()).set(Ecap::RPRIVS, first && c.rid_privileged.get() && c.supervisor.get());
    e.set(Ecap::PRS, pri).set(Ecap::PDS, pri && c.page_request_drain.get()).set(Ecap::SMS, pri && c.stop_marker.get());
    e.set(Ecap::DIT, ats && c.invalidation_throttling.get()).set(Ecap::NWFS, ats && c.no_write_flag.get());
    return e.set(Ecap::ADMS, c.abort_dma.get()).set(Ecap::VCS, pasid && c.virtual_commands.get());
}

} // namespace

Identity identity_of(const VtdConfig& c) {
    Identity id;
    id.ver.set(Ver::MAX, c.version.get());
    id.cap = cap_of(c);
    id.ecap = ecap_of(c);
    id.haw = c.host_address_bits.get();
    return id;
}

Identity identity_of(const IdentityValues& values) {
    return {Ver::of(values.ver), Cap::of(values.cap), Ecap::of(values.ecap), values.haw};
}

std::string_view what_it_cannot_be(const Identity& id) {
    for (const CapabilityRule& rule : identity_rules)
        if (rule.broken(id)) return rule.what;
    return {};
}

} // namespace quiesce::iommu::vtd
