// SPDX-License-Identifier: Apache-2.0
#include "platform/cosim/setup.h"

#include "platform/cosim/structures.h"
#include "platform/files.h"
#include "platform/scenario/scenario.h"

#include <fmt/format.h>

namespace quiesce::platform::cosim {
namespace {

constexpr u64 register_alignment = 0x1'0000;

std::vector<std::string> settings_of(const qsc_config& c) {
    require(c.settings != nullptr || c.setting_count == 0, "settings is null, but setting_count is not 0");
    std::vector<std::string> all;
    for (u32 i = 0; i < c.setting_count; ++i) {
        require(c.settings[i] != nullptr, fmt::format("settings[{}] is null", i));
        all.emplace_back(c.settings[i]);
        if (all.back().rfind("platform.", 0) != 0)
            throw Refusal(QSC_ERR_CONFIG,
                          fmt::format("settings[{}]: expected platform.NAME=VALUE, got '{}'", i, all.back()));
    }
    return all;
}

/// The platform of a preset, with the settings on top.
PlatformConfig preset_platform(const std::string& preset, const std::vector<std::string>& settings, Diagnostics& out) {
    Node root = Node::map({}).with("platform", Node::map({}).with("preset", Node::plain(preset)));
    for (const std::string& text : settings) {
        const auto setting = parse_setting(text, out, "settings");
        if (!setting) continue;
        if (auto changed = apply_setting(root, *setting, out)) root = *changed;
    }
    Config config;
    config.devices.try_emplace("host"); // stands for the host's: a platform is judged with at least one
    apply_preset(config, root, out);
    parameters(config).read(root, out);
    check_topology(config, root, true, out);
    return config.platform;
}

PlatformConfig scenario_platform(const std::string& file, const std::vector<std::string>& settings, Diagnostics& out) {
    try {
        return read_scenario(file, settings, out)->config.platform;
    } catch (const IoError& e) { throw Refusal(QSC_ERR_IO, e.what()); } catch (const UnknownScenario& e) {
        throw Refusal(QSC_ERR_CONFIG, e.what());
    }
}

PlatformConfig read_platform(const qsc_config& c) {
    require(c.preset == nullptr || c.scenario == nullptr, "a preset and a scenario: one of them must be null");
    const std::vector<std::string> settings = settings_of(c);
    Diagnostics out;
    const PlatformConfig platform = c.scenario != nullptr
                                        ? scenario_platform(c.scenario, settings, out)
                                        : preset_platform(c.preset != nullptr ? c.preset : "server", settings, out);
    if (!out.ok()) throw Refusal(QSC_ERR_CONFIG, out.render());
    return platform;
}

void place_memory(const qsc_config& c, memory::MemoryConfig& memory) {
    if (c.memory_bytes == 0) return require(c.memory_base == 0, "memory_base without memory_bytes");
    require(c.memory_base % page_size == 0 && c.memory_bytes % page_size == 0,
            "memory_base and memory_bytes: expected multiples of 4 KiB");
    if (const auto wrong = memory.ram.set(base::Size{c.memory_bytes}))
        throw Refusal(QSC_ERR_ARGUMENT, "memory_bytes: " + *wrong);
    if (const auto wrong = memory.ram_base.set(c.memory_base))
        throw Refusal(QSC_ERR_ARGUMENT, "memory_base: " + *wrong);
}

/// A stretch of physical addresses with a name, for people.
struct AddressRange {
    std::string_view name;
    Spa base;
    u64 bytes;
};

/// Each ends below 2^48, and no two overlap.
void check_ranges(const std::vector<AddressRange>& ranges) {
    for (const AddressRange& r : ranges) {
        const bool below = r.bytes <= first_address_beyond && r.base.value() <= first_address_beyond - r.bytes;
        require(below, fmt::format("{}: {:#x} bytes from {:#x} on end beyond 48 bits of address", r.name, r.bytes,
                                   r.base.value()));
        for (const AddressRange& other : ranges) {
            if (&other == &r) break;
            const bool apart = other.base + other.bytes <= r.base || r.base + r.bytes <= other.base;
            require(apart, fmt::format("{} at {:#x} and {} at {:#x} overlap", other.name, other.base.value(), r.name,
                                       r.base.value()));
        }
    }
}

/// The row of its kind, which can make a unit with such identification registers.
void choose_iommu(Setup& s) {
    s.iommu = iommu_row(s.platform.iommu.kind);
    if (s.iommu == nullptr)
        throw Refusal(QSC_ERR_UNSUPPORTED, "platform.iommu.kind: none: there is nothing to co-simulate");
    if (const auto refusal = s.iommu->refuse(s.platform.iommu, s.ids))
        throw Refusal(refusal->unknown ? QSC_ERR_ARGUMENT : QSC_ERR_UNSUPPORTED, refusal->why);
}

void check_addresses(const Setup& s) {
    const memory::MemoryConfig& memory = s.platform.memory;
    const u64 register_bytes = s.iommu->register_bytes(s.platform.iommu, s.ids);
    std::vector<AddressRange> ranges{{"the IOMMU's registers", s.iommu_base, register_bytes}};
    if (!s.host) ranges.push_back({"memory", Spa{memory.ram_base.get()}, memory.ram.get().bytes()});
    if (s.message_bytes != 0) ranges.push_back({"the message window", s.message_base, s.message_bytes});
    check_ranges(ranges);
}

} // namespace

Setup read_setup(const qsc_config& c) {
    Setup s;
    require(c.kernel == QSC_KERNEL_OWN || c.kernel == QSC_KERNEL_HOST,
            fmt::format("kernel: {} is no qsc_kernel", c.kernel));
    s.hosted = c.kernel == QSC_KERNEL_HOST;
    require(c.ids != nullptr || c.id_count == 0, "ids is null, but id_count is not 0");
    for (u32 i = 0; i < c.id_count; ++i) {
        require(c.ids[i].name != nullptr, fmt::format("ids[{}].name is null", i));
        for (const IdValue& other : s.ids)
            require(other.name != c.ids[i].name, fmt::format("ids[{}]: {} is there twice", i, other.name));
        s.ids.push_back({c.ids[i].name, c.ids[i].value});
    }
    if (c.iommu_base != 0) s.iommu_base = Spa{c.iommu_base};
    require(s.iommu_base.is_aligned(register_alignment), "iommu_base: expected a multiple of 64 KiB");
    if (c.host_memory != nullptr) {
        s.host = taken(c.host_memory, "host_memory");
        require(s.host->read != nullptr && s.host->write != nullptr, "host_memory: both functions must be given");
        require(c.memory_bytes == 0, "memory_bytes and host_memory: memory is either the simulator's or the host's");
    }
    require(c.message_bytes != 0 || c.message_base == 0, "message_base without message_bytes");
    s.message_base = Spa{c.message_base};
    s.message_bytes = c.message_bytes;
    s.platform = read_platform(c);
    place_memory(c, s.platform.memory);
    choose_iommu(s);
    check_addresses(s);
    return s;
}

} // namespace quiesce::platform::cosim
