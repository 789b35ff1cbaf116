// SPDX-License-Identifier: Apache-2.0
/// Whole files and texts.
#include "platform/yaml/strict_yaml.h"

#include "platform/yaml/yaml_scanner.h"

namespace quiesce::platform {
namespace {

/// yaml-cpp obeys or skips them wherever they stand. No other line of YAML that can be read here begins with '%'.
void refuse_directives(const SourcePtr& source, Diagnostics& out) {
    for (std::size_t i = 1; i <= source->lines(); ++i) {
        if (source->line(i).substr(0, 1) != "%") continue;
        out.error({source, static_cast<std::uint32_t>(i), 1}, "directives ('%') are not accepted");
    }
}

} // namespace

std::optional<Node> parse_yaml(SourcePtr source, Diagnostics& out) {
    if (!check_is_text(source, out)) return std::nullopt;
    refuse_directives(source, out);
    return scan_yaml({source, source->text()}, out);
}

std::optional<Node> parse_yaml(std::string name, std::string_view text, Diagnostics& out) {
    return parse_yaml(std::make_shared<const Source>(std::move(name), text), out);
}

YamlFile read_yaml(const std::string& path, Diagnostics& out) {
    Loaded loaded = load_text(path);
    if (!loaded.source) return {std::nullopt, std::move(loaded.unreadable)};
    return {parse_yaml(std::move(loaded.source), out), {}};
}

} // namespace quiesce::platform
