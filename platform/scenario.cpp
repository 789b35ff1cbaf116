// SPDX-License-Identifier: Apache-2.0
#include "platform/scenario.h"

#include "platform/files.h"
#include "platform/param_tree.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {

/// What is known while the sentences are read: processes that exist by then, devices of the topology.
struct Names {
    std::vector<std::string> processes, devices;
};

bool parse_pages(std::string_view text, std::pair<u64, u64>& pages) {
    const std::size_t dash = text.find('-');
    const auto first = base::parse_integer<u64>(text.substr(0, dash), 0, u64{1} << 36);
    const auto last = dash == std::string_view::npos ? first : base::parse_integer<u64>(text.substr(dash + 1), 0, u64{1} << 36);
    if (!first || !last || *last.value < *first.value) return false;
    pages = {*first.value, *last.value - *first.value + 1};
    return true;
}

/// The complaint about a value that is no such argument, or empty.
std::string wrong_argument(const ArgumentSpec& a, const std::string& text, Names& names, std::optional<std::string>& suggestion) {
    using Kind = ArgumentSpec::Kind;
    std::pair<u64, u64> pages;
    auto known = [&](const std::vector<std::string>& list, const char* what) -> std::string {
        if (std::find(list.begin(), list.end(), text) != list.end()) return {};
        suggestion = base::closest(text, list);
        return fmt::format("'{}' is no {}", text, what);
    };
    switch (a.kind) {
    case Kind::Process: return known(names.processes, "process that exists by then");
    case Kind::NewProcess:
        if (std::find(names.processes.begin(), names.processes.end(), text) != names.processes.end())
            return fmt::format("process '{}' exists already", text);
        names.processes.push_back(text);
        return {};
    case Kind::Device: return known(names.devices, "device of this scenario");
    case Kind::Integer: return base::parse_integer<u64>(text, 0, std::numeric_limits<u64>::max()).error;
    case Kind::Duration: return base::parse_duration(text).error;
    case Kind::Size: return base::parse_size(text).error;
    case Kind::Pages: return parse_pages(text, pages) ? std::string{} : fmt::format("expected pages such as 0-15, got '{}'", text);
    case Kind::Choice:
        if (std::find(a.choices.begin(), a.choices.end(), text) != a.choices.end()) return {};
        suggestion = base::closest(text, a.choices);
        return fmt::format("expected one of {}, got '{}'", base::join(a.choices), text);
    case Kind::Flag: return text == "true" || text == "false" ? std::string{} : fmt::format("expected true or false, got '{}'", text);
    }
    return {};
}

void read_argument(const ArgumentSpec& a, const Node& value, Step& step, Names& names, Diagnostics& out) {
    const auto text = value.as_string(out, a.name);
    if (!text) return;
    std::optional<std::string> suggestion;
    if (const std::string wrong = wrong_argument(a, *text, names, suggestion); !wrong.empty())
        out.error(value.at(), fmt::format("{}: {}", a.name, wrong), suggestion);
    step.texts.emplace(a.name, *text);
}

/// The map below an actor: {kill: app0, ...}.
void read_sentence(const Node& said, const std::string& kind, Step& step, Names& names, Diagnostics& out) {
    std::vector<std::string> verbs;
    for (const VerbRow& r : verb_rows())
        if (r.actor == kind) verbs.emplace_back(r.verb);
    if (!said.is_map()) return out.error(said.at(), fmt::format("{}: expected a sentence such as {{kill: app0}}, got {}", step.actor, said.described()));
    for (const auto& e : said.entries())
        for (const VerbRow& r : verb_rows())
            if (r.actor == kind && r.verb == e.key && step.row == nullptr) step.row = &r;
    if (step.row == nullptr) {
        const auto& first = said.entries().empty() ? Node::Entry{"", Node{}, said.at()} : said.entries().front();
        return out.error_about(first.at, fmt::format("{} cannot '{}'", step.actor, first.key), first.key, verbs);
    }
    std::vector<std::string> arguments;
    for (const ArgumentSpec& a : step.row->arguments) {
        arguments.emplace_back(a.name);
        const Node* value = said.find(&a == &step.row->arguments.front() ? step.row->verb : a.name);
        if (value != nullptr) read_argument(a, *value, step, names, out);
        else if (a.required) out.error(said.at(), fmt::format("{} {}: '{}' is missing: {}", step.actor, step.row->verb, a.name, a.help));
    }
    for (const auto& e : said.entries())
        if (e.key != step.row->verb && std::find(arguments.begin(), arguments.end(), e.key) == arguments.end())
            out.error_about(e.at, fmt::format("unknown key '{}' in {} {}", e.key, step.actor, step.row->verb), e.key, arguments);
}

void read_step(const Node& item, Scenario& s, Names& names, Diagnostics& out) {
    if (!item.is_map()) return out.error(item.at(), "steps: expected a sentence such as `os: {kill: app0}`, got " + item.described());
    Step step;
    step.place = item.at();
    auto duration = [&](const Node& n, const char* what) -> std::optional<sim::Duration> {
        const auto text = n.as_string(out, what);
        if (!text) return std::nullopt;
        const auto d = base::parse_duration(*text);
        if (!d) out.error(n.at(), fmt::format("{}: {}", what, d.error));
        return d.value;
    };
    std::vector<std::string> actors = names.devices;
    actors.insert(actors.end(), {"os", "at", "after", "wait"});
    for (const auto& e : item.entries()) {
        if (e.key == "at") {
            if (auto d = duration(e.value, "at")) step.at = sim::Time::at(*d);
        } else if (e.key == "after") {
            step.after = duration(e.value, "after");
        } else if (e.key == "wait") {
            step.wait = e.value.as_bool(out, "wait").value_or(false);
        } else if (!step.actor.empty()) {
            out.error(e.at, fmt::format("one actor per sentence: '{}' speaks here already", step.actor));
        } else if (std::find(actors.begin(), actors.end(), e.key) == actors.end()) {
            out.error_about(e.at, fmt::format("'{}' is no actor: os or a device", e.key), e.key, actors);
            step.actor = e.key;
        } else {
            step.actor = e.key;
            read_sentence(e.value, e.key == "os" ? "os" : "device", step, names, out);
        }
    }
    if (step.actor.empty()) out.error(item.at(), "steps: nobody speaks: expected `os:` or a device");
    if (step.row != nullptr) {
        step.wait = step.wait || step.row->waits;
        s.steps.push_back(std::move(step));
    }
}

void read_devices(const Node& devices, Config& config, Diagnostics& out) {
    if (!devices.is_map()) {
        if (!devices.is_null()) out.error(devices.at(), "devices: expected a map of names, got " + devices.described());
        return;
    }
    for (const auto& e : devices.entries()) {
        if (e.key == "os" || e.key.empty() || e.key.find('.') != std::string::npos) {
            out.error(e.at, fmt::format("devices: '{}' cannot be a device's name", e.key));
            continue;
        }
        config.devices.try_emplace(e.key);
    }
}

void read_body(Scenario& s, Diagnostics& out) {
    MapReader top(s.root, out);
    if (const Node* n = top.require("scenario")) s.help = n->as_string(out, "scenario").value_or("");
    if (auto name = top.string("name")) s.name = *name;
    if (const Node* d = top.take("devices")) read_devices(*d, s.config, out);
    Node params = Node::map({});
    for (const char* tree : {"platform", "os", "devices", "observe"})
        if (const Node* n = top.take(tree); n != nullptr && !n->is_null()) params = params.with(tree, *n);
    apply_preset(s.config, params, out);
    parameters(s.config).read(params, out);
    if (auto seed = top.integer<u64>("seed")) s.seed = *seed;
    s.requires_ = top.strings("requires").value_or(std::vector<std::string>{});
    if (const Node* n = top.take("until"))
        if (auto text = n->as_string(out, "until")) {
            const auto d = base::parse_duration(*text);
            if (d) s.until = sim::Time::at(*d.value);
            else out.error(n->at(), "until: " + d.error);
        }
    Names names;
    for (const auto& [name, device] : s.config.devices) names.devices.push_back(name);
    if (const Node* n = top.require("steps"))
        if (const auto* items = n->as_seq(out, "steps"))
            for (const Node& item : *items) read_step(item, s, names, out);
    if (const Node* n = top.take("expect"); n != nullptr && !n->is_null()) s.expectations = read_expectations(*n, out, known_parameter);
    check_topology(s.config, s.root, out);
}

std::string find_scenario(const std::string& file_or_name) {
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
} // namespace

const std::string& Step::text(std::string_view name) const {
    static const std::string none;
    const auto found = texts.find(name);
    return found == texts.end() ? none : found->second;
}
u64 Step::integer(std::string_view name, u64 otherwise) const {
    return has(name) ? base::parse_integer<u64>(text(name), 0, std::numeric_limits<u64>::max()).value.value_or(otherwise) : otherwise;
}
sim::Duration Step::duration(std::string_view name, sim::Duration otherwise) const {
    return has(name) ? base::parse_duration(text(name)).value.value_or(otherwise) : otherwise;
}
u64 Step::size(std::string_view name, u64 otherwise) const {
    return has(name) ? base::parse_size(text(name)).value.value_or(otherwise) : otherwise;
}
std::pair<u64, u64> Step::pages(std::string_view name, std::pair<u64, u64> otherwise) const {
    std::pair<u64, u64> p = otherwise;
    if (has(name)) parse_pages(text(name), p);
    return p;
}
std::string Step::sentence() const {
    std::string s = fmt::format("{} {}", actor, row->verb);
    for (const ArgumentSpec& a : row->arguments)
        if (has(a.name)) s += fmt::format(" {}={}", a.name, text(a.name));
    return s;
}

Node Scenario::resolved() const {
    Node n = Node::map({}).with("scenario", Node::quoted(help)).with("name", Node::plain(name)).with("seed", Node::integer(static_cast<i64>(seed)));
    Config copy = config;
    const Node params = parameters(copy).write();
    for (const auto& e : params.entries()) n = n.with(e.key, e.value);
    for (const char* key : {"requires", "until", "steps", "expect"})
        if (const Node* part = root.find(key)) n = n.with(key, *part);
    return n;
}

std::unique_ptr<Scenario> read_scenario(const std::string& file_or_name, const std::vector<std::string>& sets, Diagnostics& out) {
    auto s = std::make_unique<Scenario>();
    s->file = find_scenario(file_or_name);
    s->name = std::filesystem::path(s->file).stem().string();
    const YamlFile read = read_yaml(s->file, out);
    if (!read.unreadable.empty()) throw IoError(read.unreadable);
    if (!read.root) return s;
    s->root = *read.root;
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

bool known_parameter(std::string_view path) {
    static Config config = [] {
        Config c;
        c.devices.try_emplace("*");
        return c;
    }();
    static const ParamTree tree = parameters(config);
    if (tree.find(path) != nullptr) return true;
    if (path.rfind("devices.", 0) != 0) return false;
    const std::size_t dot = path.find('.', 8);
    return dot != std::string_view::npos && tree.find("devices.*" + std::string{path.substr(dot)}) != nullptr;
}

} // namespace quiesce::platform
