// SPDX-License-Identifier: Apache-2.0
/// Values from the command line: `--set path=value`, `--over path=a,b`.
#include "platform/yaml/yaml_scanner.h"

#include <fmt/format.h>
#include <span>

namespace quiesce::platform {
namespace {

/// The steps of "a.b[0].c", which is the source's first `length` bytes.
std::optional<std::vector<Setting::Step>> parse_path(const SourcePtr& source, std::size_t length, Diagnostics& out) {
    const std::string_view text = std::string_view(source->text()).substr(0, length);
    std::vector<Setting::Step> steps;
    const auto fail = [&](std::size_t at, std::string message) {
        out.error(place_of(source, at), std::move(message));
        return std::nullopt;
    };
    for (std::size_t at = 0; at < text.size() || steps.empty();) {
        const bool is_index = !steps.empty() && text[at] == '[';
        if (!is_index && !steps.empty() && text[at++] != '.') return fail(at - 1, "expected '.', '[' or '=' here");
        if (steps.size() >= deepest_nesting) return fail(at, "the path is too long");
        const std::size_t end = std::min(text.find_first_of(is_index ? "]" : ".[] \t\"'{},", at), text.size());
        if (!is_index) {
            if (end == at) return fail(at, "expected a key of a path such as platform.iommu.kind");
            steps.push_back({std::string(text.substr(at, end - at)), place_of(source, at)});
            at = end;
            continue;
        }
        const auto index = base::parse_integer<std::uint32_t>(text.substr(at + 1, end - at - 1), 0, 0xFFFF'FFFF);
        if (!index || end == text.size()) return fail(at, "expected an index such as [0]");
        steps.push_back({std::size_t{*index.value}, place_of(source, at)});
        at = end + 1;
    }
    return steps;
}

/// Path and value; `before` and `after` are put around the value's text to make it one YAML value.
std::optional<Setting> parse_assignment(std::string_view text, Diagnostics& out, std::string_view option,
                                        std::string_view before, std::string_view after) {
    const auto source = std::make_shared<const Source>(std::string(option), text, Source::Kind::CommandLine);
    if (!check_is_text(source, out)) return std::nullopt;
    const std::string& all = source->text();
    const std::size_t equals = all.find('=');
    if (equals == all.npos) {
        out.error(place_of(source, all.size()), "expected path=value");
        return std::nullopt;
    }
    auto path = parse_path(source, equals, out);
    if (!path) return std::nullopt;
    const Mark value_at = place_of(source, equals + 1);
    const std::string_view written = std::string_view(all).substr(equals + 1);
    if (const std::string_view value = base::trim(written); value.empty() || value[0] == '#') {
        out.error(value_at, "a value is missing (\"\" is empty text, [] an empty list)");
        return std::nullopt;
    }
    const int shift = static_cast<int>(value_at.col) - 1 - static_cast<int>(before.size());
    const std::size_t errors = out.errors();
    auto value = scan_yaml({source, fmt::format("{}{}{}", before, written, after), shift, true}, out);
    if (!value || out.errors() > errors) return std::nullopt;
    return Setting{std::move(*path), std::move(*value)};
}

std::optional<Node> put(const Node& node, std::span<const Setting::Step> path, const Node& value,
                        const std::string& where, Diagnostics& out) {
    if (path.empty()) return value;
    const Setting::Step& step = path.front();
    const std::string name = where.empty() ? "the top level" : fmt::format("'{}'", where);
    if (const auto* key = std::get_if<std::string>(&step.to)) {
        if (!node.is_map() && !node.is_null()) {
            out.error(step.at, fmt::format("{} is {}, it has no key '{}'", name, node.described(), *key));
            return std::nullopt;
        }
        const Node* child = node.find(*key);
        const std::string below = where.empty() ? *key : where + "." + *key;
        auto changed = put(child ? *child : Node::null(step.at), path.subspan(1), value, below, out);
        return changed ? std::optional(node.with(*key, std::move(*changed), step.at)) : std::nullopt;
    }
    const std::size_t index = std::get<std::size_t>(step.to);
    if (!node.is_seq() || index >= node.items().size()) {
        out.error(step.at, node.is_seq() ? fmt::format("{} has {} items, numbered from 0", name, node.items().size())
                                         : fmt::format("{} is {}, not a list", name, node.described()));
        return std::nullopt;
    }
    auto changed = put(node.items()[index], path.subspan(1), value, fmt::format("{}[{}]", where, index), out);
    if (!changed) return std::nullopt;
    std::vector<Node> items = node.items();
    items[index] = std::move(*changed);
    return Node::seq(std::move(items), node.at());
}

} // namespace

std::string Setting::path_text() const {
    std::string text;
    for (const Step& step : path) {
        if (const auto* key = std::get_if<std::string>(&step.to)) {
            text += (text.empty() ? "" : ".") + *key;
        } else {
            text += fmt::format("[{}]", std::get<std::size_t>(step.to));
        }
    }
    return text;
}

std::optional<Setting> parse_setting(std::string_view text, Diagnostics& out, std::string_view option) {
    return parse_assignment(text, out, option, "", "");
}

std::optional<std::vector<Setting>> parse_alternatives(std::string_view text, Diagnostics& out,
                                                       std::string_view option) {
    const auto list = parse_assignment(text, out, option, "[", "]");
    if (!list) return std::nullopt;
    std::vector<Setting> all;
    for (const Node& value : list->value.items()) all.push_back({list->path, value});
    return all;
}

std::optional<Node> apply_setting(const Node& root, const Setting& setting, Diagnostics& out) {
    return put(root, setting.path, setting.value, "", out);
}

Node merged(const Node& base, const Node& over) {
    if (!base.is_map() || !over.is_map()) return over;
    Node result = base;
    for (const Node::Entry& entry : over.entries()) {
        const Node* below = base.find(entry.key);
        result = result.with(entry.key, below ? merged(*below, entry.value) : entry.value, entry.at);
    }
    return result;
}

} // namespace quiesce::platform
