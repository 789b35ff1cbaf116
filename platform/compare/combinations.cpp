// SPDX-License-Identifier: Apache-2.0
/// Which variants there are to be, and which there cannot be.
#include "platform/compare/variants.h"

#include "platform/param_tree.h"
#include "platform/verbs.h"
#include "platform/yaml/strict_yaml.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <set>

namespace quiesce::platform::comparison {
namespace {
/// What refuses it, in a line.
std::string reason_of(const Diagnostics& found) {
    for (const Diagnostic& d : found.sorted())
        if (d.severity == Severity::Error) return fmt::format("{}{}{}", d.at.text(), d.at.text().empty() ? "" : ": ", d.message);
    return "it cannot be read";
}
std::string value_text(const Setting& s, Diagnostics& found) {
    if (!s.value.is_seq()) return s.value.text();
    return "[" + base::join(s.value.as_strings(found, s.path_text()).value_or(std::vector<std::string>{})) + "]";
}
/// The values as variants are called; each is to be there once.
std::vector<std::string> names_of(const std::vector<Setting>& values, Diagnostics& found) {
    std::vector<std::string> names;
    for (const Setting& s : values) {
        names.push_back(value_text(s, found));
        if (std::count(names.begin(), names.end(), names.back()) == 2)
            found.error(s.value.at(), fmt::format("{}: {} is there twice", s.path_text(), names.back()));
    }
    return names;
}
/// Below these keys of a scenario there is nothing but parameters.
bool has_parameters_alone(const Setting& s) {
    const auto* top = s.path.empty() ? nullptr : std::get_if<std::string>(&s.path.front().to);
    return top != nullptr && (*top == "os" || *top == "platform" || *top == "observe");
}
} // namespace

std::optional<Variants> combinations(const std::vector<std::string>& over, Diagnostics& found) {
    Variants all{{}};
    for (const std::string& text : over) {
        const auto values = parse_alternatives(text, found);
        if (!values) break;
        const std::vector<std::string> names = names_of(*values, found);
        Variants more;
        for (const Variant& v : all)
            for (std::size_t i = 0; i < names.size(); ++i) {
                Variant next = v;
                next.name += (next.name.empty() ? "" : " ") + names[i];
                next.sets.push_back((*values)[i].path_text() + "=" + names[i]);
                more.push_back(std::move(next));
            }
        all = std::move(more);
    }
    return found.ok() ? std::optional(all) : std::nullopt;
}

void check_values(const CommandLine& line, Diagnostics& out) {
    Diagnostics later;
    const auto s = read_scenario(line.scenario, line.sets, later);
    const ParamTree tree = parameters(s->config);
    for (const std::string& text : line.over) {
        Diagnostics said;
        const auto values = parse_alternatives(text, said);
        if (!values || values->empty()) continue;
        const Setting& first = values->front();
        if (base::ParamBase* const p = tree.find(first.path_text())) {
            for (const Setting& v : *values) ParamTree::set(*p, v.value, v.path_text(), out);
        } else if (has_parameters_alone(first)) {
            if (const auto node = apply_setting(Node::map({}), first, out)) tree.read(*node, out); // says what is unknown
        }
    }
}

std::string directory_name(std::string s) {
    for (char& c : s)
        if (c == ' ' || c == '/' || c == '[' || c == ']' || c == ',') c = '_';
    return s;
}

std::optional<Exit> refuse_impossible(const CommandLine& line, Variants& variants) {
    std::set<std::string> told;
    Exit worst = Exit::Ok;
    for (Variant& v : variants) {
        Diagnostics found;
        const Read read = read_quietly(line, v.sets, found);
        if (read.unknown) return read.exit;
        if (read.scenario) continue;
        v.refused = reason_of(found);
        v.exit = read.exit;
        worst = worse(worst, read.exit);
        told.insert(found.render(wants_colour(stderr)));
    }
    if (std::any_of(variants.begin(), variants.end(), [](const Variant& v) { return v.refused.empty(); })) return std::nullopt;
    for (const std::string& text : told) fmt::print(stderr, "{}", text);
    if (variants.size() > 1) fmt::print(stderr, "quiesce: no variant was run: none of the {} can be\n", variants.size());
    return worst;
}

} // namespace quiesce::platform::comparison
