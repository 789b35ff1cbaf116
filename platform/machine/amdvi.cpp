// SPDX-License-Identifier: Apache-2.0
/// AMD-Vi as a row of platform/machine/iommus.h.
#include "iommu/amdvi/unit.h"
#include "os/drivers/amdvi_driver.h"
#include "platform/machine/iommu_unit.h"

#include <fmt/format.h>

namespace quiesce::platform {
namespace {

namespace amdvi = iommu::amdvi;

// ---- features -------------------------------------------------------------------------------------------------------

constexpr std::string_view amdvi_widths = "PAsize"; ///< MiscInfo0's, which is no register in memory

/// EFR and EFR2, and the physical address width.
amdvi::Identity amdvi_identity_with(const amdvi::AmdviConfig& config, const std::vector<IdValue>& ids) {
    const amdvi::Identity as_configured = amdvi::identity_of(config);
    if (ids.empty()) return as_configured;
    amdvi::IdentityValues values{as_configured.efr.value(), as_configured.efr2.value(), as_configured.physical_bits};
    for (const IdValue& id : ids) {
        if (id.name == "EFR") values.efr = id.value;
        if (id.name == "EFR2") values.efr2 = id.value;
        if (id.name == amdvi_widths) values.physical_bits = static_cast<unsigned>(id.value);
    }
    amdvi::Identity identity = amdvi::identity_of(values);
    identity.iotlb = as_configured.iotlb;
    return identity;
}

std::optional<IdRefusal> refuse_amdvi(const IommuConfig& config, const std::vector<IdValue>& ids) {
    for (const IdValue& id : ids) {
        if (id.name != "EFR" && id.name != "EFR2" && id.name != amdvi_widths)
            return IdRefusal{true, fmt::format("an AMD-Vi unit has no feature register '{}': EFR, EFR2, or {} for the physical "
                                               "address width",
                                               id.name, amdvi_widths)};
        if (id.name == amdvi_widths && id.value > 64)
            return IdRefusal{true, fmt::format("{} is 64 at most, got {}", id.name, id.value)};
    }
    if (const auto why = amdvi::what_it_cannot_be(amdvi_identity_with(config.amdvi, ids)); !why.empty())
        return IdRefusal{false, fmt::format("features: {}", why)};
    return std::nullopt;
}

u64 amdvi_register_bytes(const IommuConfig&, const std::vector<IdValue>&) { return amdvi::register_block_bytes; }

// ---- the unit and its driver ----------------------------------------------------------------------------------------

class AmdviUnit final : public IommuUnitOf<amdvi::Unit> {
public:
    AmdviUnit(const IommuConfig& config, const std::vector<IdValue>& ids, base::EventBus& events, memory::MemoryPort& memory)
        : IommuUnitOf(amdvi_row.name, events, memory, with_bugs(config.amdvi, config), amdvi_identity_with(config.amdvi, ids)) {}
    std::unique_ptr<os::drivers::IommuDriver> make_driver(const Config& config, os::Kernel& kernel,
                                                          Spa registers) override {
        return std::make_unique<os::drivers::AmdviDriver>(amdvi_row.name, kernel, config.amdvi_driver, registers,
                                                          unit_.config_registers().read<amdvi::CapHeader>(),
                                                          [this] { return unit_.last_wait_span(); });
    }
};

std::unique_ptr<IommuUnit> make_amdvi(const IommuConfig& config, const std::vector<IdValue>& ids, base::EventBus& events,
                                      memory::MemoryPort& memory, memory::InterruptSink&) {
    return std::make_unique<AmdviUnit>(config, ids, events, memory);
}

// ---- parameters -----------------------------------------------------------------------------------------------------

void add_amdvi_params(ParamTree& t, Config& c) {
    add_unit_params(t, "amdvi", c.platform.iommu.amdvi);
    t.add_all("os.amdvi_driver", c.amdvi_driver);
}

void check_amdvi(const Config& c, const Node& root, Diagnostics& out) {
    const amdvi::AmdviConfig& unit = c.platform.iommu.amdvi;
    const UnitCheck check("amdvi", c, root, out);
    if (!unit.guest.get()) check.refuse("guest", "shared address spaces are guests' page tables: the driver needs it");
    if (!unit.message_registers.get() && (!unit.x2apic.get() || c.os.kernel < os::KernelVersion::V5_8))
        check.refuse("message_registers", "the driver programs its interrupt through them, or x2apic's (kernels from 5.8 on)");
    check.guests(c.amdvi_driver.nested);
    check.ram_within(unit.physical_bits, "physical_bits");
    check.requester_ids("an AMD-Vi unit");
    check.pipeline(unit.agent);
    check.identity(amdvi::what_it_cannot_be(amdvi::identity_of(unit)));
}

/// Nothing makes one PASID quiet.
std::vector<std::string> amdvi_capabilities(const Config& c) {
    const amdvi::AmdviConfig& unit = c.platform.iommu.amdvi;
    std::vector<std::string> there{"sva", "pasid"};
    if (unit.iotlb) there.emplace_back("ats");
    if (unit.iotlb && unit.ppr && c.amdvi_driver.pri) there.emplace_back("pri");
    return there;
}

std::vector<std::string> amdvi_faults() {
    std::vector<std::string> names;
    for (const auto& row : enum_names(amdvi::EventCode{})) names.emplace_back(row.name);
    return names;
}

} // namespace

const IommuRow amdvi_row{
    .kind = IommuKind::Amdvi,
    .name = "amdvi",
    .architecture = &os::x86_64,
    .driver = os::IommuArch::Amdvi,
    .stream_bits = 16,
    .add_params = add_amdvi_params,
    .check = check_amdvi,
    .pasid_bits = [](const Config& c) { return c.platform.iommu.amdvi.pasid_bits.get(); },
    .pasid_bits_name = "PASID bits of the AMD-Vi unit",
    .capabilities = amdvi_capabilities,
    .faults = amdvi_faults,
    .features = amdvi::features,
    .register_bytes = amdvi_register_bytes,
    .refuse = refuse_amdvi,
    .make = make_amdvi,
};

} // namespace quiesce::platform
