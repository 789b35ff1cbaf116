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
} // namespace

std::optional<Variants> combinations(const std::vector<std::string>& over, Diagnostics& found) {
    Variants all{{}};
    for (const std::string& text : over) {
        const auto values = parse_alternatives(text, found);
        if (!values) break;
        Variants more;
        for (const Variant& v : all)
            for (const Setting& s : *values) {
                std::string value = s.value.text();
                if (s.value.is_seq()) value = "[" + base::join(s.value.as_strings(found, s.path_text()).value_or(std::vector<std::string>{})) + "]";
                Variant next = v;
                next.name += (next.name.empty() ? "" : " ") + value;
                next.sets.push_back(s.path_text() + "=" + value);
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
        for (const Setting& v : values.value_or(std::vector<Setting>{}))
            if (base::ParamBase* const p = tree.find(v.path_text())) ParamTree::set(*p, v.value, v.path_text(), out);
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
