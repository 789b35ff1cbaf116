// SPDX-License-Identifier: Apache-2.0
#include "platform/sweep/metrics.h"

#include "base/text.h"
#include "observe/metrics.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
const std::vector<std::string>& teardown_metrics() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all{"quiesce", "exposure"};
        for (const observe::Metric& m : observe::metrics)
            if (m.group == "milestone") all.emplace_back(m.name);
        return all;
    }();
    return names;
}
bool is_teardown_metric(std::string_view path) {
    const auto& names = teardown_metrics();
    return std::find(names.begin(), names.end(), path) != names.end();
}

constexpr std::string_view summary = "summary.";

bool is_number(const std::string& path) {
    const auto& known = number_paths();
    return std::find(known.begin(), known.end(), path) != known.end();
}

/// Nothing if one teardown has not come so far.
std::optional<i64> latest(const nlohmann::ordered_json& run, const std::string& name) {
    std::optional<i64> most;
    for (const auto& t : run.at("teardowns")) {
        const auto& milestones = t.at("milestones_ps");
        i64 value = 0;
        if (const std::string key = name + "_ps"; name == "quiesce" || name == "exposure") {
            if (!t.contains(key)) return std::nullopt;
            value = t.at(key).get<i64>();
        } else {
            if (!milestones.contains(name)) return std::nullopt;
            value = milestones.at(name).get<i64>() - t.at("t0_ps").get<i64>();
        }
        most = std::max(most.value_or(value), value);
    }
    return most;
}
} // namespace

bool SweepMetric::is_time() const {
    if (is_teardown_metric(path)) return true;
    const std::string last = path.substr(path.rfind('.') + 1);
    if (last == "n" || last == "open") return false;
    return path.find("_ps") != std::string::npos || path.rfind("summary.quiesce.", 0) == 0 ||
           path.rfind("cpu_ps.", 0) == 0;
}

std::string SweepMetric::text(double value) const {
    if (is_time()) return base::format_duration(sim::Duration::ps(std::llround(value)));
    if (std::abs(value) < 1e15 && (value == std::floor(value) || std::abs(value) >= 1e4))
        return fmt::format("{:.0f}", value);
    return fmt::format("{:.4g}", value);
}

std::string metric_path(const std::string& said) {
    const std::string in_summary = std::string{summary} + said;
    return !is_number(said) && is_number(in_summary) ? in_summary : said;
}

void check_metric(const std::string& path, const Mark& at, Diagnostics& out) {
    if (is_teardown_metric(path) || path == "violations") return;
    if (path.find('.') != std::string::npos) {
        Diagnostics plain;
        check_number(path, at, plain);
        if (plain.ok()) return;
        std::vector<std::string> near;
        for (const std::string& known : number_paths())
            if (known.rfind(summary, 0) == 0) near.push_back(known.substr(summary.size()));
        if (base::closest(path, near)) return out.error_about(at, fmt::format("'{}' is no number of run.json", path), path, near);
        return check_number(path, at, out);
    }
    auto known = teardown_metrics();
    known.emplace_back("violations");
    known.insert(known.end(), number_paths().begin(), number_paths().end());
    if (!is_number(path))
        out.error_about(
            at, fmt::format("'{}' is no milestone and no number of run.json (see `quiesce list metrics`)", path), path,
            known);
}

std::optional<nlohmann::ordered_json> metric_of(const nlohmann::ordered_json& run, const std::string& path) {
    if (run.value("verdict", "") == "not-applicable" || !run.contains("teardowns")) return std::nullopt;
    if (is_teardown_metric(path)) {
        const auto value = latest(run, path);
        return value ? std::optional<nlohmann::ordered_json>(*value) : std::nullopt;
    }
    if (path == "violations") return run.at("violations").size();
    const auto* const number = number_at(run, path);
    // A name that comes only with its first occurrence counts from 0, as in claims.
    if (number == nullptr) return group_of(path) != nullptr ? std::nullopt : std::optional<nlohmann::ordered_json>(0);
    if (!number->is_number()) return std::nullopt;
    const std::size_t dot = path.rfind('.');
    const std::string last = path.substr(dot + 1);
    if (dot != std::string::npos && (last == "p50" || last == "p99" || last == "max")) {
        const auto* const population = number_at(run, path.substr(0, dot) + ".n");
        if (population != nullptr && *population == 0) return std::nullopt;
    }
    return *number;
}

} // namespace quiesce::platform
