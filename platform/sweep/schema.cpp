// SPDX-License-Identifier: Apache-2.0
/// JSON Schema of a sweep's file.
#include "platform/sweep/schema.h"

#include "platform/machine/devices.h"
#include "platform/sweep/values.h"

#include <limits>

namespace quiesce::platform {
namespace sweep_file_schema {
using Json = nlohmann::ordered_json;

Json described(std::string_view help, Json schema) {
    schema["description"] = help;
    return schema;
}
Json object_of(std::initializer_list<std::pair<const char*, Json>> keys, std::initializer_list<const char*> required) {
    Json j{{"type", "object"}, {"additionalProperties", false}};
    for (const auto& [key, schema] : keys) j["properties"][key] = schema;
    for (const char* key : required) j["required"].push_back(key);
    return j;
}
Json array_of(Json items, std::size_t least = 1) {
    return {{"type", "array"}, {"minItems", least}, {"items", std::move(items)}};
}
Json any_of(std::initializer_list<Json> all) {
    Json j{{"anyOf", Json::array()}};
    for (const Json& one : all) j["anyOf"].push_back(one);
    return j;
}

const Json figure{{"type", Json::array({"string", "number"})}};
const Json word{{"type", Json::array({"string", "number", "boolean"})}};
const Json text{{"type", "string"}};

/// A list, or {from, to} with exactly one of how it goes on.
Json values_schema(const Json& one) {
    Json range = object_of({{"from", figure},
                            {"to", figure},
                            {"step", described("from one value to the next", figure)},
                            {"times", described("each value is so many times the one before", {{"type", "number"}, {"exclusiveMinimum", 1}})},
                            {"per-decade", described("so many values in each power of ten", {{"type", "integer"}, {"minimum", 1}, {"maximum", 1000}})}},
                           {"from", "to"});
    for (const char* how : {"step", "times", "per-decade"}) range["oneOf"].push_back({{"required", {how}}});
    Json list = array_of(one);
    list["uniqueItems"] = true;
    list["maxItems"] = most_values;
    return any_of({list, range});
}

/// "devices.<accelerator>.stop_time" for a device of any name.
std::string pattern_of(const std::string& path) {
    std::string pattern = "^";
    for (std::size_t at = 0; at < path.size(); ++at) {
        if (path[at] == '<') {
            pattern += "[^.]+";
            at = path.find('>', at);
        } else {
            pattern += path[at] == '.' ? std::string{"\\."} : std::string{path[at]};
        }
    }
    return pattern + "$";
}

/// A map of parameters by path, each to what `make` says of it.
template <class Make> Json by_path(const ParamTree& tree, const std::function<Json(const base::ParamBase&)>& one, Make make) {
    Json j{{"type", "object"}, {"additionalProperties", false}};
    for (const auto& row : tree.rows()) {
        Json schema = make(one(*row.param));
        schema["description"] = row.param->help();
        if (row.path.find('<') == std::string::npos) {
            j["properties"][row.path] = std::move(schema);
            continue;
        }
        Json& by_pattern = j["patternProperties"][pattern_of(row.path)]; // kinds of devices share names of parameters
        if (by_pattern.is_null()) by_pattern = {{"anyOf", Json::array()}};
        by_pattern["anyOf"].push_back(std::move(schema));
    }
    return j;
}

Json axes_schema(const ParamTree& tree, const std::function<Json(const base::ParamBase&)>& one) {
    Json axes = by_path(tree, one, values_schema);
    Json zip{{"type", "object"}, {"minProperties", 2}, {"additionalProperties", values_schema(word)}};
    axes["properties"]["zip"] = described("parameters that go together: the first values of all, the second of all",
                                          any_of({zip, array_of(zip)}));
    axes["minProperties"] = 1;
    return axes;
}

/// Paths, or maps of maps.
Json set_schema(const ParamTree& tree, const std::function<Json(const base::ParamBase&)>& one) {
    Json set = by_path(tree, one, [](Json schema) { return schema; });
    for (const char* part : {"platform", "os", "devices", "observe"}) set["properties"][part] = {{"type", "object"}};
    // "os.pasid: {max: 4}": anything between
    set["patternProperties"]["^(platform|os|devices|observe)\\..+$"] = Json::object();
    return set;
}

Json plots_schema() {
    const Json at = described("where the other axes are held", {{"type", "object"}});
    const Json axis = described("an axis", text), metric = described("a metric of the sweep", text);
    Json kinds = Json::array();
    const auto add = [&](const char* kind, const Json& schema) { kinds.push_back(object_of({{kind, schema}}, {kind})); };
    add("line", object_of({{"x", axis}, {"y", metric}, {"series", axis}, {"at", at}}, {"x", "y"}));
    add("heat-map", object_of({{"x", axis}, {"y", axis}, {"value", metric}, {"at", at}}, {"x", "y", "value"}));
    add("tornado", any_of({metric, object_of({{"of", metric}, {"at", at}}, {"of"})}));
    add("pareto", object_of({{"x", metric}, {"y", metric}, {"more-is-better", any_of({text, array_of(text, 0)})}}, {"x", "y"}));
    return {{"type", "array"}, {"items", {{"anyOf", kinds}}}};
}
} // namespace sweep_file_schema

nlohmann::ordered_json sweep_schema(const ParamTree& tree, const std::function<nlohmann::ordered_json(const base::ParamBase&)>& one) {
    using namespace sweep_file_schema;
    const Json seed{{"type", "integer"}, {"minimum", 0}, {"maximum", std::numeric_limits<u64>::max()}};
    Json s = object_of(
        {{"sweep", described("what it asks, in a line", text)},
         {"scenario", described("a scenario file, beside the sweep's, or a name of `quiesce list scenarios`", text)},
         {"seed", described("the first, 1 if nothing is said", seed)},
         {"repeat", described("so many seeds, one after the other", {{"type", "integer"}, {"minimum", 1}, {"maximum", 100'000}})},
         {"seeds", described("which, instead of seed and repeat", array_of(seed))},
         {"judge", described("violations: of the scenario's claims only those about violations count", {{"enum", {"all", "violations"}}})},
         {"max-points", described("more runs than that are refused", {{"type", "integer"}, {"minimum", 1}, {"maximum", 10'000'000}})},
         {"set", described("what all points have in common", set_schema(tree, one))},
         {"axes", described("what is varied: parameters and their values", axes_schema(tree, one))},
         {"where", described("what must hold of a point: `slots * 4 <= entries and policy != mm-exit`", any_of({text, array_of(text, 0)}))},
         {"metrics",
          described("numbers of run.json (`summary.` may be left out), milestones, quiesce, exposure, violations; each may have a name",
                    array_of(any_of({text, Json{{"type", "object"}, {"minProperties", 1}, {"maxProperties", 1}, {"additionalProperties", text}}})))},
         {"plots", described("diagrams", plots_schema())}},
        {"sweep", "scenario", "axes", "metrics"});
    s["not"] = {{"anyOf", Json::array({Json{{"required", {"seeds", "seed"}}}, Json{{"required", {"seeds", "repeat"}}}})}};
    Json whole{{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "quiesce sweep"}};
    whole.update(s);
    return whole;
}

} // namespace quiesce::platform
