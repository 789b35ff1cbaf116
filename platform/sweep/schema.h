// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "platform/param_tree.h"

#include <functional>
#include <nlohmann/json.hpp>

namespace quiesce::platform {

/// JSON Schema (draft-07) of a sweep's file. `tree` has every parameter, names of devices and switches in angle brackets; `one` is
/// the schema of a parameter's value.
nlohmann::ordered_json sweep_schema(const ParamTree& tree, const std::function<nlohmann::ordered_json(const base::ParamBase&)>& one);

} // namespace quiesce::platform
