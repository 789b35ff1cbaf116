// SPDX-License-Identifier: Apache-2.0
/// SMMUv3 as a row of platform/machine/iommus.h.
#include "iommu/smmuv3/unit.h"
#include "os/drivers/smmuv3_driver.h"
#include "os/drivers/smmuv3_pmu.h"
#include "platform/machine/iommu_unit.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

namespace quiesce::platform {
namespace {

namespace smmuv3 = iommu::smmuv3;

// ---- identification registers ---------------------------------------------------------------------------------------

struct IdentityName {
    std::string_view name;
    u32 smmuv3::IdentityValues::*value;
};
constexpr IdentityName identity_name_table[] = {
    {"IDR0", &smmuv3::IdentityValues::idr0}, {"IDR1", &smmuv3::IdentityValues::idr1},
    {"IDR2", &smmuv3::IdentityValues::idr2}, {"IDR3", &smmuv3::IdentityValues::idr3},
    {"IDR4", &smmuv3::IdentityValues::idr4}, {"IDR5", &smmuv3::IdentityValues::idr5},
    {"AIDR", &smmuv3::IdentityValues::aidr},
};

/// Registers that say who made the unit, and on which nothing depends (6.3.7, 6.3.50; the peripheral and component
/// identification of every CoreSight component).
struct MakerRegister {
    std::string_view name;
    u64 offset;
};
constexpr MakerRegister maker_register_table[] = {
    {"IIDR", 0x018},  {"PIDR4", 0xfd0}, {"PIDR0", 0xfe0}, {"PIDR1", 0xfe4}, {"PIDR2", 0xfe8},
    {"PIDR3", 0xfec}, {"CIDR0", 0xff0}, {"CIDR1", 0xff4}, {"CIDR2", 0xff8}, {"CIDR3", 0xffc},
};

template <class Rows>
auto row_of_name(const Rows& rows, std::string_view name) -> decltype(&rows[0]) {
    const auto found = std::find_if(std::begin(rows), std::end(rows), [&](const auto& r) { return r.name == name; });
    return found == std::end(rows) ? nullptr : &*found;
}

/// The registers with some of the maker's in front of them.
class MakersMark final : public memory::MmioTarget {
public:
    explicit MakersMark(memory::MmioTarget& behind) : behind_(behind) {}
    bool empty() const { return values_.empty(); }
    void set(u64 offset, u32 value) { values_.push_back({offset, value}); }
    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override {
        return behind_.mmio_write(offset, size, value);
    }
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override {
        auto asked = behind_.mmio_read(offset, size);
        u64 value = co_await std::move(asked);
        if ((size != 4 && size != 8) || offset % size != 0) co_return value;
        for (const auto& [at, id] : values_) {
            if (at - offset >= size) continue;
            const u64 shift = (at - offset) * 8;
            value = (value & ~(u64{0xffff'ffff} << shift)) | u64{id} << shift;
        }
        co_return value;
    }

private:
    memory::MmioTarget& behind_;
    std::vector<std::pair<u64, u32>> values_;
};

smmuv3::IdentityValues values_of(const smmuv3::Identity& id) {
    return {id.idr0.value(), id.idr1.value(), id.idr2.value(), id.idr3.value(),
            id.idr4.value(), id.idr5.value(), id.aidr.value()};
}

smmuv3::Identity identity_with(const smmuv3::Smmuv3Config& config, const std::vector<IdValue>& ids) {
    const smmuv3::Identity as_configured = smmuv3::identity_of(config);
    if (ids.empty()) return as_configured;
    smmuv3::IdentityValues values = values_of(as_configured);
    for (const IdValue& id : ids)
        if (const IdentityName* row = row_of_name(identity_name_table, id.name))
            values.*row->value = static_cast<u32>(id.value);
    smmuv3::Identity identity = smmuv3::identity_of(values);
    identity.idr6 = as_configured.idr6;
    identity.global_entries = as_configured.global_entries; // what no register says
    identity.contiguous = as_configured.contiguous;
    identity.conflicts = as_configured.conflicts;
    return identity;
}

std::optional<IdRefusal> refuse_smmuv3(const IommuConfig& config, const std::vector<IdValue>& ids) {
    for (const IdValue& id : ids) {
        if (row_of_name(identity_name_table, id.name) == nullptr &&
            row_of_name(maker_register_table, id.name) == nullptr)
            return IdRefusal{true, fmt::format("an SMMUv3 has no identification register '{}'", id.name)};
        if (id.value > 0xffff'ffff)
            return IdRefusal{true, fmt::format("{} has 32 bits, got {:#x}", id.name, id.value)};
    }
    if (const auto why = smmuv3::what_it_cannot_be(identity_with(config.smmuv3, ids)); !why.empty())
        return IdRefusal{false, fmt::format("identification registers: {}", why)};
    return std::nullopt;
}

// ---- the unit and its driver ----------------------------------------------------------------------------------------

class Smmuv3Unit final : public IommuUnitOf<smmuv3::Unit> {
public:
    Smmuv3Unit(const IommuConfig& config, const std::vector<IdValue>& ids, base::EventBus& events,
               memory::MemoryPort& memory, memory::InterruptSink& sink)
        : IommuUnitOf(smmuv3_row.name, events, memory, &sink, with_bugs(config.smmuv3, config),
                      identity_with(config.smmuv3, ids)),
          first_line_(config.smmuv3.wired_base.get()), front_(unit_) {
        for (const IdValue& id : ids)
            if (const MakerRegister* maker = row_of_name(maker_register_table, id.name))
                front_.set(maker->offset, static_cast<u32>(id.value));
    }
    memory::MmioTarget& registers() override {
        if (front_.empty()) return unit_;
        return front_;
    }
    unsigned first_line() const override { return first_line_; }
    std::unique_ptr<os::drivers::IommuDriver> make_driver(const Config& config, os::Kernel& kernel,
                                                          Spa registers) override {
        auto sync_span = [this](unsigned queue) { return unit_.last_sync_span(queue); };
        return std::make_unique<os::drivers::Smmuv3Driver>(smmuv3_row.name, kernel, config.smmuv3_driver, registers,
                                                           std::move(sync_span), first_line_);
    }
    std::unique_ptr<os::drivers::IommuMonitor> make_monitor(const Config& config, os::Kernel& kernel,
                                                            Spa registers) override {
        if (config.smmuv3_pmu.events.get().empty()) return nullptr;
        return std::make_unique<os::drivers::Smmuv3Pmu>(
            smmuv3_row.name, kernel, config.smmuv3_pmu, registers + unit_.performance_offset(), smmuv3::pmcg_page1,
            first_line_ + raw(smmuv3::WiredLine::Pmcg));
    }

private:
    unsigned first_line_;
    MakersMark front_;
};

std::unique_ptr<IommuUnit> make_smmuv3(const IommuConfig& config, const std::vector<IdValue>& ids,
                                       base::EventBus& events, memory::MemoryPort& memory,
                                       memory::InterruptSink& sink) {
    return std::make_unique<Smmuv3Unit>(config, ids, events, memory, sink);
}

// ---- parameters -----------------------------------------------------------------------------------------------------

void add_smmuv3_params(ParamTree& t, Config& c) {
    add_unit_params(t, "smmuv3", c.platform.iommu.smmuv3);
    t.add_all("os.smmuv3_driver", c.smmuv3_driver);
    t.add_all("os.smmuv3_pmu", c.smmuv3_pmu);
}

/// StreamIDs of all devices, and the stream table that the driver makes for them.
void check_streams(const Config& c, const Node& root, Diagnostics& out) {
    const auto& smmu = c.platform.iommu.smmuv3;
    const u64 base = c.platform.root_complex.stream_base, last = base + (pci_buses(c) << 8),
              room = u64{1} << smmu.sid_bits;
    if (last < room) return;
    const std::initializer_list<std::string_view> of_base{"platform", "root_complex", "stream_base"},
        of_bits{"platform", "iommu", "smmuv3", "sid_bits"};
    out.error(place_of(root, base != 0 ? of_base : of_bits),
              fmt::format("{} buses of devices from stream_base {:#x} on have StreamIDs up to {:#x}; {} StreamID bits "
                          "(platform.iommu.smmuv3.sid_bits) end at {:#x}",
                          pci_buses(c), base, last, smmu.sid_bits.get(), room - 1));
}

void check_queues(const Config& c, const Node& root, Diagnostics& out) {
    if (c.smmuv3_driver.ecmdq.get() && c.platform.iommu.smmuv3.ecmdq_log2 == 0)
        out.error(place_of(root, {"os", "smmuv3_driver", "ecmdq"}),
                  "os.smmuv3_driver.ecmdq: the unit has no enhanced command queues: set "
                  "platform.iommu.smmuv3.ecmdq_log2");
    if (c.platform.iommu.smmuv3.cmdq_log2 == 0)
        out.error(place_of(root, {"platform", "iommu", "smmuv3", "cmdq_log2"}),
                  "platform.iommu.smmuv3.cmdq_log2: the driver needs room for a command and its CMD_SYNC: expected 1 "
                  "or more, got 0");
}

/// A transaction that software is asked about keeps its place in the line, and those behind it hold up the fence that
/// software may need first.
void check_interfaces(const Config& c, const Node& root, Diagnostics& out) {
    const auto& smmu = c.platform.iommu.smmuv3;
    if (smmu.agent.interfaces.order.get() == iommu::StreamOrder::Stream &&
        smmu.stall_model.get() != smmuv3::StallModel::NoStall)
        out.error(place_of(root, {"platform", "iommu", "smmuv3", "agent", "interfaces", "order"}),
                  "platform.iommu.smmuv3.agent.interfaces.order: streams cannot keep their order where transactions "
                  "stall (platform.iommu.smmuv3.stall_model)");
}

/// The performance monitors, and what the operating system wants of them.
void check_monitors(const Config& c, const Node& root, Diagnostics& out) {
    const auto& smmu = c.platform.iommu.smmuv3;
    const unsigned bits = smmu.pmcg_counter_bits;
    if (bits != 64 && (bits > 48 || bits % 4 != 0))
        out.error(place_of(root, {"platform", "iommu", "smmuv3", "pmcg_counter_bits"}),
                  fmt::format("platform.iommu.smmuv3.pmcg_counter_bits: expected one of 32, 36, 40, 44, 48, 64, got {}",
                              bits));
    const auto& events = c.smmuv3_pmu.events.get();
    if (events.empty()) return;
    const Mark at = place_of(root, {"os", "smmuv3_pmu", "events"});
    if (!smmu.pmcg)
        out.error(at, "os.smmuv3_pmu.events: the SMMU has no performance monitors: say platform.iommu.smmuv3.pmcg: "
                      "true");
    if (events.size() > smmu.pmcg_counters)
        out.error(at, fmt::format("os.smmuv3_pmu.events: {} events, and {} counters "
                                  "(platform.iommu.smmuv3.pmcg_counters)",
                                  events.size(), smmu.pmcg_counters.get()));
    for (const std::string& e : events)
        if (e.starts_with("pcie_ats") && !smmu.ats)
            out.error(at, fmt::format("os.smmuv3_pmu.events: {}: the SMMU has no ATS (platform.iommu.smmuv3.ats)", e));
}

/// What its parameters need of each other.
void check_stages(const smmuv3::Smmuv3Config& smmu, const UnitCheck& check) {
    if (!smmu.stage1.get()) check.refuse("stage1", "shared address spaces are stage 1's: the driver needs it");
    if (smmu.vmid16.get() && !smmu.stage2.get()) check.refuse("vmid16", "there are VMIDs only with stage2");
    if (smmu.vmid_wildcards.get() && !smmu.stage2.get())
        check.refuse("vmid_wildcards", "there are VMIDs only with stage2");
    if (smmu.stage2_execute_by_privilege.get() && !smmu.stage2.get())
        check.refuse("stage2_execute_by_privilege", "needs stage2");
}

/// The hypervisor's second stage, where the kernel is a guest.
void check_nested(const Config& c, const Node& root, Diagnostics& out) {
    if (!c.smmuv3_driver.nested.get()) return;
    const smmuv3::Smmuv3Config& smmu = c.platform.iommu.smmuv3;
    const Mark at = place_of(root, {"os", "smmuv3_driver", "nested"});
    if (!smmu.stage2.get())
        out.error(at, "os.smmuv3_driver.nested: the unit has no second stage: set platform.iommu.smmuv3.stage2");
    const u64 end = c.platform.memory.ram_base + c.platform.memory.ram.get().bytes();
    if (end > u64{1} << os::drivers::stage2_input_bits(smmu.output_bits))
        out.error(at, "os.smmuv3_driver.nested: RAM ends above what sixteen first tables of a second stage hold");
}

void check_output(unsigned bits, const UnitCheck& check) {
    const std::vector<unsigned> sizes{32, 36, 40, 42, 44, 48};
    if (std::find(sizes.begin(), sizes.end(), bits) == sizes.end())
        check.refuse("output_bits", fmt::format("expected one of {}, got {}", fmt::join(sizes, ", "), bits));
    else
        check.ram_within(bits, "output_bits");
}

void check_smmuv3(const Config& c, const Node& root, Diagnostics& out) {
    const smmuv3::Smmuv3Config& smmu = c.platform.iommu.smmuv3;
    const UnitCheck check("smmuv3", c, root, out);
    check_output(smmu.output_bits, check);
    check_streams(c, root, out);
    check_stages(smmu, check);
    check.guests(c.smmuv3_driver.nested);
    check_nested(c, root, out);
    check_monitors(c, root, out);
    check_queues(c, root, out);
    check_interfaces(c, root, out);
    check.pipeline(smmu.agent);
}

std::vector<std::string> smmuv3_capabilities(const Config& c) {
    const smmuv3::Smmuv3Config& smmu = c.platform.iommu.smmuv3;
    std::vector<std::string> there{"sva", "pasid", "per-pasid-quiet"};
    if (smmu.ats) there.emplace_back("ats");
    if (smmu.ats && smmu.pri && c.smmuv3_driver.pri) there.emplace_back("pri");
    if (smmu.stall_model.get() != smmuv3::StallModel::NoStall) there.emplace_back("stall");
    return there;
}

std::vector<std::string> smmuv3_faults() {
    std::vector<std::string> names;
    for (const auto& row : smmuv3::event_rows()) names.emplace_back(row.name);
    return names;
}

} // namespace

const IommuRow smmuv3_row{
    .kind = IommuKind::Smmuv3,
    .name = "smmu",
    .architecture = &os::arm64,
    .driver = os::IommuArch::Smmuv3,
    .stream_bits = 32,
    .add_params = add_smmuv3_params,
    .check = check_smmuv3,
    .pasid_bits = [](const Config& c) { return c.platform.iommu.smmuv3.ssid_bits.get(); },
    .pasid_bits_name = "SubstreamID bits of the SMMU",
    .capabilities = smmuv3_capabilities,
    .faults = smmuv3_faults,
    .features = smmuv3::features,
    .register_bytes =
        [](const IommuConfig& c, const std::vector<IdValue>&) {
            return smmuv3::register_bytes_of(smmuv3::identity_of(c.smmuv3), c.smmuv3);
        },
    .refuse = refuse_smmuv3,
    .make = make_smmuv3,
};

} // namespace quiesce::platform
