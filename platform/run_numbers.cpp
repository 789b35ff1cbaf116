// SPDX-License-Identifier: Apache-2.0
#include "platform/run_numbers.h"

#include "observe/run_record.h"
#include "platform/machine/iommus.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
std::vector<std::string> fault_names() {
    std::vector<std::string> names;
    for (const IommuRow* row : iommu_rows())
        for (std::string& name : row->faults()) names.push_back(std::move(name));
    return names;
}

const std::vector<NamedGroup>& named_groups() {
    static const std::vector<NamedGroup> groups{
        {"traces.", "a trace", {"played", "left_out", "cut_short", "late", "late_max_ps", "late_total_ps"}},
        {"links.",
         "a link",
         {"credit_stalls", "credit_stall_ps", "replayed", "delayed", "dropped", "malformed", "poisoned", "reordered"}},
    };
    return groups;
}

/// A number below a name that is not always there.
bool open_ended(std::string_view path) {
    constexpr std::string_view below[] = {"cpu_ps.by.", "cpu_ps.on.", "cpu_ps.taken_by.", "binds.by_error.",
                                          "global_errors."};
    return path.find(".by_type.") != std::string_view::npos || group_of(path) != nullptr ||
           std::any_of(std::begin(below), std::end(below), [&](std::string_view b) { return path.rfind(b, 0) == 0; });
}

void collect_numbers(const nlohmann::ordered_json& j, const std::string& path, std::vector<std::string>& paths) {
    if (j.is_number()) paths.push_back(path);
    if (!j.is_object()) return;
    for (const auto& [key, value] : j.items()) collect_numbers(value, path.empty() ? key : path + "." + key, paths);
}
} // namespace

const nlohmann::ordered_json* number_at(const nlohmann::ordered_json& run, std::string_view path) {
    if (!run.is_object()) return nullptr;
    for (std::size_t dot = path.find('.');; dot = path.find('.', dot + 1)) {
        const bool whole = dot == std::string_view::npos;
        if (const auto found = run.find(std::string{path.substr(0, dot)}); found != run.end()) {
            const auto* at = whole ? &*found : number_at(*found, path.substr(dot + 1));
            if (at != nullptr) return at;
        }
        if (whole) return nullptr;
    }
}

const std::vector<std::string>& number_paths() {
    static const std::vector<std::string> paths = [] {
        std::vector<std::string> all;
        collect_numbers(observe::to_json(observe::RunRecord{}), {}, all);
        return all;
    }();
    return paths;
}

const NamedGroup* group_of(std::string_view path) {
    for (const NamedGroup& g : named_groups())
        if (path.rfind(g.prefix, 0) == 0) return &g;
    return nullptr;
}

void check_number(const std::string& path, const Mark& at, Diagnostics& out) {
    const auto& known = number_paths();
    if (std::find(known.begin(), known.end(), path) == known.end() && !open_ended(path))
        out.error_about(at, fmt::format("'{}' is no number of run.json", path), path, known);
    if (constexpr std::string_view by_type = "faults.by_type."; path.rfind(by_type, 0) == 0) {
        const std::string type = path.substr(by_type.size());
        const auto faults = fault_names();
        if (std::find(faults.begin(), faults.end(), type) == faults.end())
            out.error_about(at, fmt::format("'{}' is no fault that the IOMMU reports", type), type, faults);
    }
    if (const NamedGroup* const group = group_of(path)) {
        const std::string name = path.substr(path.rfind('.') + 1);
        if (std::find(group->numbers.begin(), group->numbers.end(), name) == group->numbers.end())
            out.error_about(at, fmt::format("'{}' is no number of {}", name, group->of), name, group->numbers);
    }
}

} // namespace quiesce::platform
