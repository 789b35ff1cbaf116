// SPDX-License-Identifier: Apache-2.0
#include "platform/scenario/scenario.h"

#include "platform/machine/devices.h"

#include "platform/files.h"
#include "platform/param_tree.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {

void read_devices(const Node& devices, Config& config, Diagnostics& out) {
    if (!devices.is_map()) {
        if (!devices.is_null()) out.error(devices.at(), "devices: expected a map of names, got " + devices.described());
        return;
    }
    std::vector<std::string> names;
    for (const auto& e : devices.entries()) {
        if (const std::string wrong = wrong_name(e.key, names); !wrong.empty()) out.error(e.at, "devices: " + wrong);
        const bool from_file = e.at.source == nullptr || e.at.source->kind() != Source::Kind::CommandLine;
        if (!from_file && e.value.find("kind") == nullptr)
            out.error_about(e.at, fmt::format("devices: the scenario has no '{}'; a further device needs its kind", e.key), e.key, names);
        names.push_back(e.key);
        DeviceConfig& device = config.devices.try_emplace(e.key).first->second;
        // Which parameters it has depends on its kind; what is wrong with that is said when all are read.
        if (const Node* kind = e.value.find("kind"); kind != nullptr && kind->is_scalar())
            std::ignore = device.kind.set_text(kind->text());
    }
}

/// Names of switches; their parameters are read with all others.
void read_switches(const Node* platform, Config& config, Diagnostics& out) {
    const Node* const switches = platform != nullptr && platform->is_map() ? platform->find("switches") : nullptr;
    if (switches == nullptr || !switches->is_map()) return;
    std::vector<std::string> names;
    for (const auto& e : switches->entries()) {
        if (const std::string wrong = wrong_name(e.key, names); !wrong.empty()) out.error(e.at, "platform.switches: " + wrong);
        if (e.key == root_port) out.error(e.at, "platform.switches: root-port is no name of a switch");
        if (e.at.source != nullptr && e.at.source->kind() == Source::Kind::CommandLine)
            out.error_about(e.at, fmt::format("platform.switches: the scenario has no '{}'", e.key), e.key, names);
        names.push_back(e.key);
        config.platform.switches.try_emplace(e.key);
    }
}

void read_requires(const Node& n, Scenario& s, Diagnostics& out) {
    const auto* items = n.as_seq(out, "requires");
    if (items == nullptr) return;
    std::vector<std::string> known;
    for (const Capability& c : known_capabilities()) known.emplace_back(c.name);
    for (const Node& item : *items)
        if (const auto name = item.as_choice(out, "requires", known)) s.requires_.push_back(*name);
}

void read_until(const Node& n, Scenario& s, Diagnostics& out) {
    const auto text = n.as_string(out, "until");
    if (!text) return;
    const auto d = base::parse_duration(*text);
    if (d && *d.value > sim::Duration{}) s.until = sim::Time::at(*d.value);
    else out.error(n.at(), "until: " + (d ? "expected a duration above zero, got " + *text : d.error));
}

/// A device's link is what platform.link says, but for what the device says. Mistakes are found when all is read.
void inherit_links(Config& c, const Node& params) {
    const Node* const platform = params.find("platform");
    const Node* const link = platform != nullptr && platform->is_map() ? platform->find("link") : nullptr;
    if (link != nullptr && link->is_map()) {
        ParamTree tree;
        tree.add_all("platform.link", c.platform.link);
        Diagnostics later;
        tree.read(*link, later, "platform.link");
    }
    for (auto& [name, device] : c.devices) device.link = c.platform.link;
}

/// SVM_FLAG_SUPERVISOR_MODE was the VT-d driver's alone, and went with 6.2.
void check_supervisors(const Scenario& s, Diagnostics& out) {
    for (const Step& step : s.steps) {
        if (step.row == nullptr || step.row->verb != "spawn" || step.text("supervisor") != "true") continue;
        if (s.config.platform.iommu.kind.get() != IommuKind::Vtd)
            out.error(step.mark("supervisor"), "no driver but VT-d's binds the kernel's own address space: set platform.iommu.kind to vtd, or say `requires: [vtd]`");
        else if (s.config.os.kernel.get() > os::KernelVersion::V6_1)
            out.error(step.mark("supervisor"), fmt::format("kernel {} has no supervisor PASIDs, SVM_FLAG_SUPERVISOR_MODE went with 6.2: set os.kernel to 6.1 or before",
                                                           s.config.os.kernel.text()));
    }
}

void read_body(Scenario& s, Diagnostics& out) {
    MapReader top(s.root, out);
    if (const Node* n = top.require("scenario")) s.help = n->as_string(out, "scenario").value_or("");
    if (auto name = top.string("name")) s.name = *name;
    if (const Node* d = top.take("devices")) read_devices(*d, s.config, out);
    read_switches(s.root.find("platform"), s.config, out);
    Node params = Node::map({});
    for (const char* tree : {"platform", "os", "devices", "observe"}) {
        const bool absent = tree == std::string_view{"devices"} && s.config.devices.empty();
        if (const Node* n = top.take(tree); n != nullptr && !n->is_null() && !absent) params = params.with(tree, *n, s.root.find_entry(tree)->at);
    }
    apply_preset(s.config, params, out);
    inherit_links(s.config, params);
    parameters(s.config).read(params, out);
    for (auto& [name, device] : s.config.devices)
        if (const auto resolve = row_of(device).resolve) resolve(device, std::filesystem::path(s.file).parent_path());
    if (auto seed = top.integer<u64>("seed")) s.seed = *seed;
    if (const Node* n = top.take("requires")) read_requires(*n, s, out);
    if (const Node* n = top.take("until")) read_until(*n, s, out);
    Cast cast;
    for (const auto& [name, device] : s.config.devices) cast.devices.push_back(name);
    for (const auto& [name, device] : s.config.devices)
        if (is_function(device)) cast.links.insert(cast.links.end(), {name + ".link.up", name + ".link.down"});
    for (const auto& [name, sw] : s.config.platform.switches)
        cast.links.insert(cast.links.end(), {name + ".link.up", name + ".link.down"});
    if (const Node* n = top.require("steps")) cast.processes = read_steps(*n, s, out);
    if (const Node* n = top.take("expect"); n != nullptr && !n->is_null()) s.expectations = read_expectations(*n, s.config, cast, out);
    const auto there = capabilities(s.config);
    const bool applicable = std::all_of(s.requires_.begin(), s.requires_.end(), [&](const std::string& r) {
        return std::find(there.begin(), there.end(), r) != there.end();
    });
    check_topology(s.config, s.root, applicable, out);
    if (applicable) check_supervisors(s, out);
}
} // namespace

std::string scenario_file(const std::string& file_or_name) {
    if (file_or_name.find('/') != std::string::npos || file_or_name.find(".yaml") != std::string::npos) return file_or_name;
    std::vector<std::string> names;
    for (const auto& l : library_scenarios()) {
        if (l.name == file_or_name) return l.file.string();
        names.push_back(l.name);
    }
    const auto close = base::closest(file_or_name, names);
    throw UnknownScenario(fmt::format("unknown scenario '{}'{} (see `quiesce list scenarios`)", file_or_name,
                                      close ? fmt::format("; did you mean '{}'?", *close) : ""));
}

Node Scenario::resolved() const {
    Node n = Node::map({}).with("scenario", Node::quoted(help)).with("name", Node::verbatim(name)).with("seed", Node::integer(seed));
    Config copy = config;
    const Node params = parameters(copy).write();
    for (const auto& e : params.entries()) n = n.with(e.key, e.value);
    for (const char* key : {"requires", "until", "steps", "expect"})
        if (const Node* part = root.find(key)) n = n.with(key, *part);
    return n;
}

std::unique_ptr<Scenario> read_scenario(const std::string& file_or_name, const std::vector<std::string>& sets, Diagnostics& out) {
    const Loaded loaded = load_text(scenario_file(file_or_name));
    if (!loaded.source) throw IoError(loaded.unreadable);
    return parse_scenario(loaded.source, sets, out);
}

std::unique_ptr<Scenario> parse_scenario(const SourcePtr& source, const std::vector<std::string>& sets, Diagnostics& out) {
    auto s = std::make_unique<Scenario>();
    s->file = source->name();
    s->name = well_formed(std::filesystem::path(s->file).stem().string());
    const auto root = parse_yaml(source, out);
    if (!root) return s;
    s->root = *root;
    for (const std::string& text : sets) {
        const auto setting = parse_setting(text, out);
        if (!setting) continue;
        const auto* tree = std::get_if<std::string>(&setting->path.front().to);
        const std::vector<std::string> trees{"platform", "os", "devices", "observe"};
        if (tree == nullptr || std::find(trees.begin(), trees.end(), *tree) == trees.end()) {
            out.error_about(setting->path.front().at, fmt::format("unknown path '{}'", setting->path_text()), tree ? *tree : "", trees);
            continue;
        }
        if (auto changed = apply_setting(s->root, *setting, out)) s->root = *changed;
    }
    read_body(*s, out);
    return s;
}

std::unique_ptr<Scenario> build_scenario(const std::string& file, const Node& root, const std::vector<Setting>& settings, Diagnostics& out) {
    auto s = std::make_unique<Scenario>();
    s->file = file;
    s->name = well_formed(std::filesystem::path(file).stem().string());
    s->root = root;
    for (const Setting& setting : settings)
        if (auto changed = apply_setting(s->root, setting, out)) s->root = *changed;
    read_body(*s, out);
    return s;
}

} // namespace quiesce::platform
