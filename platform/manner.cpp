// SPDX-License-Identifier: Apache-2.0
/// Complaints for programs: `--diagnostics json`.
#include "platform/diagnostics.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace quiesce::platform {
namespace {
using Json = nlohmann::ordered_json;

std::string one_line(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n'; }
} // namespace

Manner& manner() {
    static Manner how;
    return how;
}

void complain(std::string_view message, const std::optional<std::string>& suggestion, std::string_view severity) {
    if (!manner().json) {
        fmt::print(stderr, "quiesce: {}: {}{}\n", severity, message, suggestion ? fmt::format("; did you mean '{}'?", *suggestion) : "");
        return;
    }
    Json said{{"severity", severity}, {"message", message}};
    if (suggestion) said["hint"] = *suggestion;
    fmt::print(stderr, "{}", one_line(said));
}

void mention(std::string_view text) {
    if (manner().json) fmt::print(stderr, "{}", one_line({{"severity", "note"}, {"message", text}}));
    else fmt::print(stderr, "{}\n", text);
}

std::string Diagnostics::render_json() const {
    std::string out;
    for (const Diagnostic& d : sorted()) {
        Json said{{"severity", d.severity == Severity::Error ? "error" : "warning"}};
        if (d.at.source) said["file"] = d.at.source->name();
        if (d.at.source && d.at.line != 0) said.update({{"line", d.at.line}, {"col", d.at.col}});
        said["message"] = d.message;
        if (!d.suggestion.empty()) said["hint"] = d.suggestion;
        out += one_line(said);
    }
    return out;
}

} // namespace quiesce::platform
