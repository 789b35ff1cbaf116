// SPDX-License-Identifier: Apache-2.0
/// `list`, `schema`: what there is, from the same tables that the rest of the program uses.
#include "base/spread.h"
#include "observe/all_events.h"
#include "observe/metrics.h"
#include "observe/violations.h"
#include "platform/coverage.h"
#include "platform/lists.h"
#include "platform/machine/devices.h"
#include "platform/files.h"
#include "platform/sweep/schema.h"
#include "platform/verbs.h"

#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

namespace quiesce::platform {
namespace {
using Json = nlohmann::ordered_json;

constexpr std::string_view any_switch = "<name>";

Json entry(std::string_view name, std::string_view help) { return {{"name", name}, {"help", help}}; }

/// A configuration with one device of each kind, which has its kind's name in angle brackets, and a switch.
Config one_of_each() {
    Config config;
    config.platform.switches.try_emplace(std::string{any_switch});
    for (const DeviceRow& row : device_rows())
        config.devices[fmt::format("<{}>", base::enum_text(row.kind))].kind = row.kind;
    return config;
}

Json list_scenarios() {
    Json list = Json::array();
    for (const auto& l : library_scenarios()) {
        Diagnostics ignored;
        const YamlFile file = read_yaml(l.file.string(), ignored);
        const Node* help = file.root ? file.root->find("scenario") : nullptr;
        list.push_back(entry(l.name, help ? help->text() : ""));
    }
    return list;
}

Json list_sweeps() {
    Json list = Json::array();
    for (const auto& l : library_sweeps()) {
        Diagnostics ignored;
        const YamlFile file = read_yaml(l.file.string(), ignored);
        const auto text = [&](const char* key) {
            const Node* const n = file.root ? file.root->find(key) : nullptr;
            return n != nullptr ? n->text() : std::string{};
        };
        list.push_back(entry(l.name, text("sweep")));
        list.back()["of"] = text("scenario");
    }
    return list;
}

Json list_presets() {
    Json list = Json::array();
    for (const Preset& p : presets()) {
        Json j = entry(p.name, p.help);
        for (const PresetValue& v : p.values) {
            j["values"][std::string{v.path}] = v.value;
            if (!v.source.empty()) j["sources"][std::string{v.path}] = v.source;
        }
        list.push_back(j);
    }
    return list;
}

Json list_params() {
    Config config = one_of_each();
    Json list = Json::array();
    const ParamTree tree = parameters(config);
    for (const auto& r : tree.rows()) {
        Json j = entry(r.path, r.param->help());
        j["default"] = r.param->default_text();
        j["expected"] = r.param->expected();
        j["bounds"] = r.param->bounds_text();
        if (dynamic_cast<const base::Param<base::Spread>*>(r.param) != nullptr) j["drawn"] = base::Spread::examples();
        j["provenance"] = provenance_text(*r.param);
        list.push_back(j);
    }
    return list;
}

Json list_policies() {
    Json list = Json::array();
    for (const os::PolicyRow& p : os::policy_rows()) {
        Json j = entry(p.name, p.help);
        for (const auto& kernel : enum_names(os::KernelVersion{}))
            for (const auto& iommu : enum_names(os::IommuArch{}))
                if (const os::Era* era = os::find_era(p.policy, kernel.value, iommu.value)) {
                    const os::SafetyClaim claim = os::safety_of(*era);
                    j["on"].push_back({{"kernel", kernel.name}, {"iommu", iommu.name}, {"safe", claim.safe},
                                       {"safe_without_page_requests", claim.safe || claim.safe_unasked}, {"why", claim.why},
                                       {"evidence", era->evidence}});
                }
        list.push_back(std::move(j));
    }
    return list;
}

Json list_bugs() {
    Json list = Json::array();
    for (const auto& b : bug_rows()) {
        Json j = entry(b.name, b.help);
        j["scenario"] = b.scenario;
        j["set"] = b.set;
        j["kinds"] = b.kinds;
        j["where"] = b.where;
        list.push_back(j);
    }
    for (const os::AbsentBug& b : os::absent_bugs()) {
        Json j = entry(b.name, fmt::format("absent: {}; {}", b.help, b.why));
        for (const char* const none : {"set", "kinds", "where"}) j[none] = Json::array();
        j["absent"] = b.why;
        list.push_back(j);
    }
    return list;
}

Json list_devices() {
    Json list = Json::array();
    for (const DeviceRow& row : device_rows()) list.push_back(entry(base::enum_text(row.kind), row.help));
    return list;
}

Json list_metrics() {
    Json list = Json::array();
    for (const auto& k : observe::violation_kinds) {
        Json j = entry(k.kind, k.meaning);
        j["group"] = "violation";
        if (!k.threshold.empty()) j["threshold"] = k.threshold;
        list.push_back(j);
    }
    for (const auto& m : observe::metrics) {
        Json j = entry(m.name, m.help);
        j["group"] = m.group;
        if (!m.source.empty()) j["source"] = m.source;
        list.push_back(j);
    }
    return list;
}

/// What `steps` can say and `expect` can claim, each with an example.
Json list_sentences() {
    Json list = Json::array();
    for (const TimeWord& w : time_words) {
        list.push_back(entry(w.name, w.help));
        list.back()["group"] = "step";
    }
    for (const VerbRow& v : verb_rows()) {
        Json j = entry(v.verb, v.help);
        j["group"] = "step";
        j["example"] = v.example;
        for (const ArgumentSpec& a : v.arguments)
            j["arguments"].push_back({{"name", &a == &v.arguments.front() ? v.verb : a.name}, {"help", a.help}, {"required", a.required}, {"bounds", a.bounds()}});
        list.push_back(j);
    }
    for (const ExpectationForm& f : expectation_forms()) {
        Json j = entry(f.name, f.help);
        j["group"] = "expect";
        j["example"] = f.example;
        list.push_back(j);
    }
    return list;
}

/// The events that have a help say it in the comment above their struct.
Json list_events() {
    Json list = Json::array();
    const auto add = [&]<class E>(std::type_identity<E>) {
        const auto note = std::find_if(event_notes().begin(), event_notes().end(), [](const EventNote& n) { return n.event == E::event_name; });
        list.push_back(entry(E::event_name, note == event_notes().end() ? "" : note->text));
        list.back()["group"] = note == event_notes().end() ? "" : note->room;
        Json fields = Json::array();
        base::for_each_field_type<E>([&](std::string_view name, auto) { fields.push_back(name); });
        list.back()["fields"] = fields;
    };
    [&]<class... E>(base::EventList<E...>) { (add(std::type_identity<E>{}), ...); }(observe::AllEvents{});
    return list;
}

/// Where a policy is, those where it is not claimed to be safe in brackets: "smmuv3 (6.1) 6.12; vtd 6.1 6.12".
std::string places_of(const Json& policy) {
    std::map<std::string, std::string> by_iommu;
    for (const Json& on : policy["on"]) {
        const std::string kernel = on["kernel"].get<std::string>();
        by_iommu[on["iommu"].get<std::string>()] += on["safe"].get<bool>() ? " " + kernel : " (" + kernel + ")";
    }
    std::string places;
    for (const auto& [iommu, kernels] : by_iommu) places += (places.empty() ? "" : "; ") + iommu + kernels;
    return places;
}

void print_list(const Json& list) {
    std::size_t width = 0;
    for (const Json& j : list) width = std::max(width, j["name"].get<std::string>().size());
    for (const Json& j : list) {
        if (j.contains("group")) fmt::print("{:<9}  ", j["group"].get<std::string>());
        fmt::print("{:<{}}  {}", j["name"].get<std::string>(), width, j["help"].get<std::string>());
        if (j.contains("example")) fmt::print("  e.g. {}", j["example"].get<std::string>());
        if (j.contains("default")) fmt::print("  [{}; {}]", j["default"].get<std::string>(), j["provenance"].get<std::string>());
        if (j.contains("drawn")) fmt::print("  (or drawn: {})", fmt::join(j["drawn"].get<std::vector<std::string>>(), "; "));
        if (j.contains("source")) fmt::print("  [{}]", j["source"].get<std::string>());
        if (j.contains("fields")) fmt::print("  ({})", fmt::join(j["fields"].get<std::vector<std::string>>(), ", "));
        if (j.contains("on")) fmt::print("  [{}]", places_of(j));
        if (j.contains("threshold")) fmt::print("  [{}]", j["threshold"].get<std::string>());
        if (j.contains("scenario"))
            fmt::print("  ({} --set {}, on {}: {})", j["scenario"].get<std::string>(), fmt::join(j["set"].get<std::vector<std::string>>(), " --set "),
                       fmt::join(j["where"].get<std::vector<std::string>>(), " or "), fmt::join(j["kinds"].get<std::vector<std::string>>(), ", "));
        fmt::print("\n");
        if (!j.contains("arguments")) continue;
        for (const Json& a : j["arguments"]) {
            const std::string bounds = a["bounds"].get<std::string>();
            fmt::print("{:<11}{:<{}}    {}{}{}{}\n", "", "", width - 4, a["name"].get<std::string>() + ": ", a["help"].get<std::string>(),
                       bounds.empty() ? "" : "; " + bounds, a["required"].get<bool>() ? "" : "; optional");
        }
    }
}

/// The schema's part for one parameter.
Json param_schema(const base::ParamBase& p) {
    const std::string bounds = p.bounds_text();
    Json j{{"description", fmt::format("{} (default {}{}{})", p.help(), p.default_text(), bounds.empty() ? "" : "; ", bounds)}};
    Json text{{"type", "string"}};
    if (const auto choices = p.choices(); !choices.empty()) text["enum"] = choices;
    switch (p.kind()) {
    case base::ParamKind::Truth: j["type"] = "boolean"; break;
    case base::ParamKind::Number: j["type"] = "number"; break;
    case base::ParamKind::Figure: j["type"] = Json::array({"string", "number"}); break; // bytes need no unit
    case base::ParamKind::Text: j.update(text); break;
    case base::ParamKind::List:
        j["type"] = "array";
        j["items"] = text;
        break;
    }
    return j;
}

void insert(Json& object, std::string_view path, const base::ParamBase& p) {
    object["type"] = "object";
    object["additionalProperties"] = false;
    const std::size_t dot = path.find('.');
    Json& below = object["properties"][std::string{path.substr(0, dot)}];
    if (dot == std::string_view::npos) below = param_schema(p);
    else insert(below, path.substr(dot + 1), p);
}

Json argument_schema(const ArgumentSpec& a) {
    using Kind = ArgumentSpec::Kind;
    Json j{{"description", a.help}};
    switch (a.kind) {
    case Kind::Integer: j.update({{"type", "integer"}, {"minimum", a.least}, {"maximum", a.most}}); break;
    case Kind::Choice: j["enum"] = a.choices; break;
    case Kind::Flag: j["type"] = "boolean"; break;
    case Kind::Name:
    case Kind::NewProcess: j.update({{"type", "string"}, {"pattern", name_pattern}}); break;
    case Kind::Process:
    case Kind::Device: j["type"] = "string"; break;
    case Kind::Pages:
    case Kind::Size: j["type"] = Json::array({"string", "integer"}); [[fallthrough]];
    case Kind::Duration: j["description"] = fmt::format("{}; {}", a.help, a.bounds()); break;
    }
    return j;
}

Json steps_schema() {
    Json sentences = Json::array();
    for (const VerbRow& v : verb_rows()) {
        Json s{{"type", "object"}, {"description", v.help}, {"required", {std::string{v.verb}}}, {"additionalProperties", false}};
        for (const auto& a : v.arguments) {
            const std::string key{&a == &v.arguments.front() ? v.verb : a.name};
            s["properties"][key] = argument_schema(a);
            if (a.required && key != v.verb) s["required"].push_back(key);
        }
        sentences.push_back(s);
    }
    Json step{{"type", "object"}};
    for (const TimeWord& w : time_words)
        step["properties"][std::string{w.name}] = {{"type", w.truth ? "boolean" : "string"}, {"description", w.help}};
    step["additionalProperties"] = {{"anyOf", sentences}};
    return {{"type", "array"}, {"items", step}};
}

/// A device: the parameters of its kind.
Json devices_schema(const Json& by_kind) {
    Json kinds = Json::array();
    for (const DeviceRow& row : device_rows()) {
        const std::string name{base::enum_text(row.kind)};
        Json one = by_kind["properties"][fmt::format("<{}>", name)];
        one["properties"]["kind"]["enum"] = Json::array({name});
        if (row.kind != DeviceConfig{}.kind.get()) one["required"] = Json::array({"kind"});
        kinds.push_back(one);
    }
    return {{"type", "object"}, {"minProperties", 1}, {"propertyNames", {{"pattern", name_pattern}}},
            {"additionalProperties", {{"anyOf", kinds}}}};
}

Json scenario_schema() {
    Config config = one_of_each();
    Json s{{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "quiesce scenario"}, {"type", "object"},
           {"required", {"scenario", "steps"}}, {"additionalProperties", false}};
    Json& p = s["properties"];
    p["scenario"] = {{"type", "string"}, {"description", "what it shows, in a line"}};
    p["name"] = {{"type", "string"}};
    p["seed"] = {{"type", "integer"}, {"minimum", 0}, {"maximum", std::numeric_limits<u64>::max()}};
    p["until"] = {{"type", "string"}, {"description", "a fixed end; without it the run ends when everything has come to rest"}};
    Json capabilities = Json::array();
    for (const Capability& c : known_capabilities()) capabilities.push_back(c.name);
    p["requires"] = {{"type", "array"}, {"items", {{"enum", capabilities}}}};
    Json params;
    const ParamTree tree = parameters(config);
    for (const auto& r : tree.rows()) insert(params, r.path, *r.param);
    for (const char* part : {"platform", "os", "observe"}) p[part] = params["properties"][part];
    Json& switches = p["platform"]["properties"]["switches"];
    const Json any = switches["properties"][std::string{any_switch}];
    switches = {{"type", "object"}, {"propertyNames", {{"pattern", name_pattern}}}, {"additionalProperties", any}};
    p["devices"] = devices_schema(params["properties"]["devices"]);
    p["steps"] = steps_schema();
    Json claim{{"type", "object"}, {"additionalProperties", false}};
    for (const auto& f : expectation_forms()) claim["properties"][std::string{f.name}] = {{"description", fmt::format("{}; {}", f.help, f.example)}};
    claim["properties"]["when"] = {{"type", "object"}, {"minProperties", 1}};
    claim["minProperties"] = 1;
    claim["properties"]["process"] = claim["properties"]["device"] = {{"type", "string"}};
    p["expect"] = {{"type", "array"}, {"items", claim}};
    return s;
}
} // namespace

const std::vector<std::pair<std::string, std::string>>& scenario_keys() {
    static const std::vector<std::pair<std::string, std::string>> keys{
        {"scenario", "what it shows, in a line"},
        {"name", "its name in results; the file's, if it says none"},
        {"seed", "of every random stream; --seed goes before it"},
        {"until", "a fixed end; without it the run ends when everything has come to rest"},
        {"requires", "capabilities without which it is not applicable"},
        {"platform", "the IOMMU, PCIe, memory; a preset to begin with"},
        {"os", "the kernel, its policy, drivers, CPUs"},
        {"devices", "by name, each of a kind"},
        {"observe", "what is kept; nothing of it changes what happens"},
        {"steps", "what happens, one after the other"},
        {"expect", "what is claimed"}};
    return keys;
}

namespace {
struct ListRow {
    std::string_view what, help;
    Json (*make)();
};
constexpr ListRow list_table[] = {
    {"scenarios", "the library: stories that can be run by name", list_scenarios},
    {"presets", "platforms that a scenario can begin with", list_presets},
    {"params", "everything that --set and a scenario can set, with its default and where that comes from", list_params},
    {"policies", "who ends a bond, and when; on which kernel and IOMMU each exists", list_policies},
    {"bugs", "deliberate mistakes for os.bugs, each with the scenario that it shows in", list_bugs},
    {"devices", "kinds of devices", list_devices},
    {"metrics", "every name of run.json: milestones, phases, counts, violations", list_metrics},
    {"sentences", "what steps can say and expect can claim", list_sentences},
    {"sweeps", "the library's parameter studies", list_sweeps},
    {"events", "what the models state while they run, as events.sqlite and the timeline have it", list_events},
};
} // namespace

std::vector<std::pair<std::string, std::string>> list_kinds() {
    std::vector<std::pair<std::string, std::string>> kinds;
    for (const ListRow& r : list_table) kinds.emplace_back(r.what, r.help);
    return kinds;
}

nlohmann::ordered_json list_of(std::string_view what) {
    if (what.empty()) {
        Json list = Json::array();
        for (const ListRow& r : list_table) list.push_back(entry(r.what, r.help));
        return list;
    }
    for (const ListRow& r : list_table)
        if (r.what == what) return r.make();
    throw std::invalid_argument("no such list");
}

Exit list_verb(const CommandLine& line) {
    const Json list = list_of(line.list);
    if (line.json) fmt::print("{}\n", list.dump(2));
    else print_list(list);
    return Exit::Ok;
}

Exit schema_verb(const CommandLine& line) {
    Config config = one_of_each();
    fmt::print("{}\n", (line.of_sweep ? sweep_schema(parameters(config), param_schema) : scenario_schema()).dump(2));
    return Exit::Ok;
}

} // namespace quiesce::platform
