// SPDX-License-Identifier: Apache-2.0
/// VT-d as a row of platform/machine/iommus.h.
#include "iommu/vtd/unit.h"
#include "os/drivers/vtd_driver.h"
#include "platform/machine/iommu_unit.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {

namespace vtd = iommu::vtd;

// ---- capabilities ---------------------------------------------------------------------------------------------------

/// VER, CAP and ECAP, and what no register has: the host address width.
vtd::Identity vtd_identity_with(const vtd::VtdConfig& config, const std::vector<IdValue>& ids) {
    const vtd::Identity as_configured = vtd::identity_of(config);
    if (ids.empty()) return as_configured;
    vtd::IdentityValues values{as_configured.ver.value(), as_configured.cap.value(), as_configured.ecap.value(),
                               as_configured.haw};
    for (const IdValue& id : ids) {
        if (id.name == "VER") values.ver = static_cast<u32>(id.value);
        if (id.name == "CAP") values.cap = id.value;
        if (id.name == "ECAP") values.ecap = id.value;
        if (id.name == "HAW") values.haw = static_cast<unsigned>(id.value);
    }
    return vtd::identity_of(values);
}

std::optional<IdRefusal> refuse_vtd(const IommuConfig& config, const std::vector<IdValue>& ids) {
    for (const IdValue& id : ids) {
        const u64 most = id.name == "VER" ? 0xffff'ffff : id.name == "HAW" ? 64 : ~u64{0};
        if (id.name != "VER" && id.name != "CAP" && id.name != "ECAP" && id.name != "HAW")
            return IdRefusal{true, fmt::format("a VT-d unit has no capability register '{}': VER, CAP, ECAP, or HAW "
                                               "for the host address width",
                                               id.name)};
        if (id.value > most)
            return IdRefusal{true, fmt::format("{} is {:#x} at most, got {:#x}", id.name, most, id.value)};
    }
    if (const auto why = vtd::what_it_cannot_be(vtd_identity_with(config.vtd, ids)); !why.empty())
        return IdRefusal{false, fmt::format("capabilities: {}", why)};
    return std::nullopt;
}

/// Whole pages up to the fault recording registers and the IOTLB registers, which CAP and ECAP place.
u64 vtd_register_bytes(const IommuConfig& config, const std::vector<IdValue>& ids) {
    const vtd::Identity id = vtd_identity_with(config.vtd, ids);
    const u64 faults = (id.cap.get(vtd::Cap::FRO) + id.cap.get(vtd::Cap::NFR) + 1) * 16,
              iotlb = id.ecap.get(vtd::Ecap::IRO) * 16 + 16;
    const u64 last = std::max({u64{vtd::register_block_bytes}, faults, iotlb});
    return (last + page_size - 1) / page_size * page_size;
}

// ---- the unit and its driver ----------------------------------------------------------------------------------------

class VtdUnit final : public IommuUnitOf<vtd::Unit> {
public:
    VtdUnit(const IommuConfig& config, const std::vector<IdValue>& ids, base::EventBus& events,
            memory::MemoryPort& memory)
        : IommuUnitOf(vtd_row.name, events, memory, with_bugs(config.vtd, config), vtd_identity_with(config.vtd, ids)) {}
    void stray_completion(StreamId from) override { unit_.stray_completion(from); }
    std::unique_ptr<os::drivers::IommuDriver> make_driver(const Config& config, os::Kernel& kernel,
                                                          Spa registers) override {
        return std::make_unique<os::drivers::VtdDriver>(vtd_row.name, kernel, config.vtd_driver, registers,
                                                        [this] { return unit_.last_wait_span(); });
    }
};

std::unique_ptr<IommuUnit> make_vtd(const IommuConfig& config, const std::vector<IdValue>& ids, base::EventBus& events,
                                    memory::MemoryPort& memory, memory::InterruptSink&) {
    return std::make_unique<VtdUnit>(config, ids, events, memory);
}

// ---- parameters -----------------------------------------------------------------------------------------------------

void add_vtd_params(ParamTree& t, Config& c) {
    add_unit_params(t, "vtd", c.platform.iommu.vtd);
    t.add_all("os.vtd_driver", c.vtd_driver);
}

void check_vtd(const Config& c, const Node& root, Diagnostics& out) {
    const vtd::VtdConfig& unit = c.platform.iommu.vtd;
    const UnitCheck check("vtd", c, root, out);
    if (!unit.scalable.get()) check.refuse("scalable", "shared address spaces need scalable mode");
    if (!unit.first_stage.get()) check.refuse("first_stage", "shared address spaces are first stages: the driver needs it");
    if (!unit.pasid.get()) check.refuse("pasid", "shared address spaces have PASIDs");
    if (!unit.queued.get()) check.refuse("queued", "scalable mode needs the invalidation queue");
    if (unit.domain_bits % 2 != 0) check.refuse("domain_bits", "CAP.ND can say even numbers of bits only");
    if (c.vtd_driver.nested.get() && !(unit.nested.get() && unit.second_stage.get()))
        out.error(place_of(root, {"os", "vtd_driver", "nested"}),
                  "os.vtd_driver.nested: the unit has not both stages: set platform.iommu.vtd.nested and second_stage");
    check.guests(c.vtd_driver.nested);
    check.ram_within(unit.host_address_bits, "host_address_bits");
    check.requester_ids("a VT-d unit");
    check.pipeline(unit.agent);
    check.identity(vtd::what_it_cannot_be(vtd::identity_of(unit)));
}

std::vector<std::string> vtd_capabilities(const Config& c) {
    const vtd::VtdConfig& unit = c.platform.iommu.vtd;
    std::vector<std::string> there{"sva", "pasid", "per-pasid-quiet"};
    if (unit.ats) there.emplace_back("ats");
    if (unit.ats && unit.pri && c.vtd_driver.pri) there.emplace_back("pri");
    return there;
}

std::vector<std::string> vtd_faults() {
    std::vector<std::string> names;
    for (const auto& row : vtd::fault_rows()) names.emplace_back(row.name);
    return names;
}

} // namespace

const IommuRow vtd_row{
    .kind = IommuKind::Vtd,
    .name = "dmar",
    .architecture = &os::x86_64,
    .driver = os::IommuArch::Vtd,
    .stream_bits = 16,
    .add_params = add_vtd_params,
    .check = check_vtd,
    .pasid_bits = [](const Config& c) { return c.platform.iommu.vtd.pasid_bits.get(); },
    .pasid_bits_name = "PASID bits of the VT-d unit",
    .capabilities = vtd_capabilities,
    .faults = vtd_faults,
    .features = vtd::features,
    .register_bytes = vtd_register_bytes,
    .refuse = refuse_vtd,
    .make = make_vtd,
};

} // namespace quiesce::platform
