// SPDX-License-Identifier: Apache-2.0
/// What `quiesce list` prints, for whoever else tells of it: completion, manual pages.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quiesce::platform {

/// What can be listed, with its help.
std::vector<std::pair<std::string, std::string>> list_kinds();
/// An array of objects with at least `name` and `help`; of "", the kinds themselves.
nlohmann::ordered_json list_of(std::string_view what);

/// The keys of a scenario, with a line of help each.
const std::vector<std::pair<std::string, std::string>>& scenario_keys();

} // namespace quiesce::platform
