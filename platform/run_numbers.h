// SPDX-License-Identifier: Apache-2.0
/// Numbers of run.json by their paths, as claims, sweeps and people name them: summary.quiesce.p99,
/// faults.by_type.F_TRANSLATION.
#pragma once
#include "platform/diagnostics.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::platform {

/// What stands at a path; null if there is nothing. Keys may have dots themselves: those of links do.
const nlohmann::ordered_json* number_at(const nlohmann::ordered_json& run, std::string_view path);
/// Complains at `at` if no run has a number at `path`.
void check_number(const std::string& path, const Mark& at, Diagnostics& out);
/// Every path of a number that each run has.
const std::vector<std::string>& number_paths();

/// Numbers of what a run may or may not have: <group>.<name>.<number>.
struct NamedGroup {
    std::string_view prefix, of;
    std::vector<std::string> numbers;
};
/// Null if the path is in none.
const NamedGroup* group_of(std::string_view path);

} // namespace quiesce::platform
