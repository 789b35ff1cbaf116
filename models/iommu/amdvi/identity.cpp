// SPDX-License-Identifier: Apache-2.0
/// The feature registers of a unit: by its configuration, or those of a machine as far as they are modelled.
#include "iommu/amdvi/config.h"

namespace quiesce::iommu::amdvi {
namespace {

using Who = const Identity&;
struct FeatureRule {
    std::string_view what;
    bool (*broken)(Who id);
};
bool without_feature(Who id, const Efr::F<bool>& feature, const Efr::F<bool>& needed) {
    return id.has(feature) && !id.has(needed);
}

// clang-format off
constexpr FeatureRule amdvi_identity_rules[] = {
    {"the physical address width is 32 to 52 bits", [](Who id) {
        return id.physical_bits < 32 || id.physical_bits > 52;
    }},
    {"EFR.HATS is reserved", [](Who id) { return id.efr.get(Efr::HATS) == 3; }},
    {"EFR.GATS: guests' page tables have four or five levels", [](Who id) { return id.efr.get(Efr::GATS) > 1; }},
    {"EFR.GLXSup is reserved", [](Who id) { return id.efr.get(Efr::GLXSup) == 3; }},
    {"EFR.PASMax: PASIDs have at most 20 bits", [](Who id) { return pasid_bits(id.efr) > 20; }},
    {"EFR.GIoSup without EFR.GTSup", [](Who id) { return without_feature(id, Efr::GIoSup, Efr::GTSup); }},
    {"EFR.HDSup without EFR.HASup", [](Who id) { return without_feature(id, Efr::HDSup, Efr::HASup); }},
    {"EFR: PPRAutoRspSup, PPROvrflwEarlySup or BlkStopMrkSup without PPRSup", [](Who id) {
        return without_feature(id, Efr::PPRAutoRspSup, Efr::PPRSup) ||
               without_feature(id, Efr::PPROvrflwEarlySup, Efr::PPRSup) ||
               without_feature(id, Efr::BlkStopMrkSup, Efr::PPRSup);
    }},
    {"EFR.PPRSup without IotlbSup", [](Who id) { return id.has(Efr::PPRSup) && !id.iotlb; }},
    {"a feature that is not modelled", [](Who id) { return (id.efr.value() & ~modelled_features(id.efr)) != 0; }},
};
/// Linux prints EFR when it finds the unit.
constexpr Machine machine_table[] = {
    {"epyc-7001",  "first generation EPYC (Naples)",   {0x004f'77ef'2229'4ada, 0, 48}, "AMD-Vi: Extended features, kernel log"},
    {"ryzen-4000", "mobile Ryzen (Renoir, Lucienne)",  {0x206d'73ef'2225'4ade, 0, 48}, "AMD-Vi: Extended features, kernel log"},
    {"epyc-9004",  "fourth generation EPYC (Genoa)",   {0xa5bf'732f'a229'5afe, 0, 52}, "AMD-Vi: Extended features, kernel log"},
};
/// The switches that are a bit of EFR each.
struct SwitchRow {
    base::Param<bool> AmdviConfig::*which;
    Efr::F<bool> feature;
};
constexpr SwitchRow switch_table[] = {
    {&AmdviConfig::prefetch, Efr::PREFSup},                   {&AmdviConfig::ppr, Efr::PPRSup},
    {&AmdviConfig::no_execute, Efr::NXSup},                   {&AmdviConfig::guest, Efr::GTSup},
    {&AmdviConfig::invalidate_all, Efr::IASup},               {&AmdviConfig::user_supervisor, Efr::USSup},
    {&AmdviConfig::guest_io, Efr::GIoSup},                    {&AmdviConfig::host_accessed, Efr::HASup},
    {&AmdviConfig::host_dirty, Efr::HDSup},                   {&AmdviConfig::ppr_auto_response, Efr::PPRAutoRspSup},
    {&AmdviConfig::ppr_early_warning, Efr::PPROvrflwEarlySup}, {&AmdviConfig::block_stop_markers, Efr::BlkStopMrkSup},
    {&AmdviConfig::message_registers, Efr::MsiCapMmioSup},    {&AmdviConfig::x2apic, Efr::XTSup},
};
// clang-format on

} // namespace

/// MODEL: of GASup the bit alone, for whoever asks for it beside XTSup: interrupts are not remapped, and there is no GA log.
u64 modelled_features(Efr efr) {
    constexpr auto all = base::layout(Efr::PREFSup, Efr::PPRSup, Efr::XTSup, Efr::NXSup, Efr::GTSup, Efr::IASup, Efr::HATS,
                                      Efr::GATS, Efr::GLXSup, Efr::PASMax, Efr::USSup, Efr::PPROvrflwEarlySup,
                                      Efr::PPRAutoRspSup, Efr::BlkStopMrkSup, Efr::MsiCapMmioSup, Efr::GIoSup, Efr::HASup,
                                      Efr::HDSup);
    return base::mask_of(all) | Efr{}.set(Efr::GASup, efr.get(Efr::XTSup)).value();
}

Identity identity_of(const AmdviConfig& c) {
    Identity id;
    const bool guest = c.guest.get(), ppr = c.ppr.get() && c.iotlb.get();
    id.efr.set(Efr::PREFSup, c.prefetch.get()).set(Efr::PPRSup, ppr).set(Efr::NXSup, c.no_execute.get());
    id.efr.set(Efr::GTSup, guest).set(Efr::IASup, c.invalidate_all.get()).set(Efr::HATS, c.host_levels.get() - 4);
    id.efr.set(Efr::GATS, guest ? c.guest_levels.get() - 4 : 0).set(Efr::GLXSup, guest ? c.gcr3_levels.get() - 1 : 0);
    id.efr.set(Efr::PASMax, guest ? c.pasid_bits.get() - 1 : 0).set(Efr::USSup, guest && c.user_supervisor.get());
    id.efr.set(Efr::GIoSup, guest && c.guest_io.get()).set(Efr::HASup, c.host_accessed.get());
    id.efr.set(Efr::HDSup, c.host_accessed.get() && c.host_dirty.get());
    id.efr.set(Efr::PPRAutoRspSup, ppr && c.ppr_auto_response.get());
    id.efr.set(Efr::PPROvrflwEarlySup, ppr && c.ppr_early_warning.get());
    id.efr.set(Efr::BlkStopMrkSup, ppr && c.block_stop_markers.get()).set(Efr::MsiCapMmioSup, c.message_registers.get());
    id.efr.set(Efr::XTSup, c.x2apic.get()).set(Efr::GASup, c.x2apic.get());
    id.efr2.set(Efr2::HtRangeIgnore, true);
    id.iotlb = c.iotlb.get();
    id.physical_bits = c.physical_bits.get();
    return id;
}

AmdviConfig config_of(const IdentityValues& values) {
    const Efr efr = Efr::of(values.efr);
    AmdviConfig c;
    for (const SwitchRow& row : switch_table) c.*row.which = efr.get(row.feature);
    c.host_levels = host_levels(efr);
    c.guest_levels = guest_levels(efr);
    c.gcr3_levels = static_cast<unsigned>(efr.get(Efr::GLXSup)) + 1;
    c.pasid_bits = pasid_bits(efr);
    c.physical_bits = values.physical_bits;
    return c;
}

std::vector<std::string> absent_features(const IdentityValues& values) {
    std::vector<std::string> absent;
    u64 left = values.efr & ~modelled_features(Efr::of(values.efr));
    const auto look = [&](const auto& field) {
        const u64 bits = base::low_bits(field.msb() - field.lsb() + 1) << field.lsb();
        if ((left & bits) != 0) absent.emplace_back(field.name());
        left &= ~bits;
    };
    base::apply([&](const auto&... field) { (look(field), ...); }, Efr::fields);
    for (unsigned bit = 0; bit < 64; ++bit)
        if ((left >> bit & 1) != 0) absent.push_back("bit " + std::to_string(bit));
    return absent;
}

Identity identity_of(const IdentityValues& values) {
    Identity id;
    id.efr = Efr::of(values.efr & modelled_features(Efr::of(values.efr)));
    id.efr2 = Efr2::of(values.efr2).set(Efr2::HtRangeIgnore, true);
    id.physical_bits = values.physical_bits;
    return id;
}

std::string_view what_it_cannot_be(const Identity& id) {
    for (const FeatureRule& rule : amdvi_identity_rules)
        if (rule.broken(id)) return rule.what;
    return {};
}

std::span<const Machine> machines() { return machine_table; }

} // namespace quiesce::iommu::amdvi
