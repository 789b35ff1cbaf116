// SPDX-License-Identifier: Apache-2.0
/// Every name that a result uses, with what it means: `list metrics` and the text summary walk this table.
#pragma once
#include <string_view>
#include <vector>

namespace quiesce::observe {

struct Metric {
    /// milestone: of a teardown; teardown: another number of it; phase: of a breakdown; count: a number of run.json, by
    /// its path, where <...> is any name.
    std::string_view group;
    std::string_view name, help;
    std::string_view source{}; ///< kernel function or manual section of what a phase or milestone stands for
};
extern const std::vector<Metric> metrics;

/// Null if there is none.
const Metric* find_metric(std::string_view group, std::string_view name);

} // namespace quiesce::observe
