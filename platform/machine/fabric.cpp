// SPDX-License-Identifier: Apache-2.0
#include "platform/machine/fabric.h"

#include "pcie/firmware.h"
#include "platform/machine/devices.h"

#include <fmt/format.h>
#include <set>

namespace quiesce::platform {
namespace {

/// Where `key` of a part stands in what the user wrote.
Mark behind_of(const Node& root, std::string_view tree, std::string_view part, const std::string& name) {
    return part.empty() ? place_of(root, {tree, name, "behind"}) : place_of(root, {tree, part, name, "behind"});
}

struct FabricCheck {
    const Config& config;
    const Node& root;
    Diagnostics& out;
    std::vector<std::string> names{std::string{root_port}};
    std::map<std::string, unsigned> ports; ///< by switch

    void behind(const std::string& path, const std::string& to, const Mark& at) {
        if (to == root_port) return;
        if (config.platform.switches.count(to) == 0)
            return out.error_about(at, fmt::format("{}.behind: there is no switch '{}' in platform.switches", path, to),
                                   to, names);
        if (++ports[to] == pcie::Switch::most_ports + 1)
            out.error(at, fmt::format("{}.behind: {} has {} ports", path, to, pcie::Switch::most_ports));
    }
    /// From each switch upwards: it must end at a root port.
    void loops() {
        for (const auto& [name, sw] : config.platform.switches) {
            std::set<std::string> seen{name};
            std::string at = sw.behind.get(), way = name;
            for (auto next = config.platform.switches.find(at); next != config.platform.switches.end();
                 next = config.platform.switches.find(at)) {
                way += " behind " + at;
                if (!seen.insert(at).second) {
                    if (at == name)
                        out.error(behind_of(root, "platform", "switches", name),
                                  "platform.switches: " + way + ": no way to a root port");
                    break;
                }
                at = next->second.behind.get();
            }
        }
    }
};

/// Above those that are below it.
pcie::Switch& add_switch(pcie::RootComplex& rc, const Config& config, const std::string& name,
                         std::map<std::string, pcie::Switch*>& made) {
    if (const auto there = made.find(name); there != made.end()) return *there->second;
    const SwitchNode& sw = config.platform.switches.at(name);
    const std::string above = sw.behind.get();
    pcie::Switch* const over = above == root_port ? nullptr : &add_switch(rc, config, above, made);
    pcie::Switch& s = rc.add_switch(name, sw.hardware, over);
    made[name] = &s;
    return s;
}

} // namespace

/// A device has one; a switch has the one above its upper port and the one inside.
u64 pci_buses(const Config& config) { return config.devices.size() + 2 * config.platform.switches.size(); }

void check_fabric(const Config& config, const Node& root, Diagnostics& out) {
    FabricCheck check{config, root, out, {std::string{root_port}}, {}};
    for (const auto& [name, sw] : config.platform.switches) check.names.push_back(name);
    for (const auto& [name, sw] : config.platform.switches)
        check.behind("platform.switches." + name, sw.behind, behind_of(root, "platform", "switches", name));
    for (const auto& [name, sw] : config.platform.switches)
        if (sw.hardware.faults.unsupported_every != 0 || sw.hardware.faults.abort_every != 0)
            out.error(place_of(root, {"platform", "switches", name, "faults"}),
                      fmt::format("platform.switches.{}.faults: only a root port refuses reads: say unsupported_every and "
                                  "abort_every in devices.<name>.endpoint.faults", name));
    for (const auto& [name, d] : config.devices) {
        const Mark at = behind_of(root, "devices", "", name);
        if (is_function(d)) check.behind("devices." + name, d.behind, at);
        else if (d.behind.get() != root_port)
            out.error(at, fmt::format("devices.{}.behind: a {} is no PCI function: it is on the system's interconnect", name,
                                      d.kind.text()));
    }
    check.loops();
    if (pci_buses(config) > 255)
        out.error(place_of(root, {"devices"}),
                  fmt::format("devices: PCIe has 255 buses; {} devices and {} switches take {}", config.devices.size(),
                              config.platform.switches.size(), pci_buses(config)));
}

bool has_link_faults(const Config& config, const DeviceConfig& device) {
    const auto some = [](const pcie::LinkFaultConfig& f) {
        return pcie::LinkFaults::any(f, true) || pcie::LinkFaults::any(f, false) || f.down_at.get() != sim::Duration{};
    };
    const auto* function = row_of(device).function(device);
    if (function == nullptr) return false;
    if (some(function->endpoint.faults)) return true;
    for (auto above = config.platform.switches.find(device.behind.get()); above != config.platform.switches.end();
         above = config.platform.switches.find(above->second.behind.get()))
        if (some(above->second.hardware.faults)) return true;
    return false;
}

void build_fabric(pcie::RootComplex& rc, const Config& config) {
    if (config.platform.switches.empty()) return;
    std::map<std::string, pcie::Switch*> made;
    for (const auto& [name, sw] : config.platform.switches) add_switch(rc, config, name, made);
    unsigned id = 0;
    for (const auto& [name, d] : config.devices) {
        if (d.behind.get() != root_port) rc.place(static_cast<DeviceId>(id), *made.at(d.behind.get()));
        ++id;
    }
    pcie::number_buses(rc, id);
}

} // namespace quiesce::platform
