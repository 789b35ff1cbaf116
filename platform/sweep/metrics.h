// SPDX-License-Identifier: Apache-2.0
/// What a sweep takes from the run.json of each run.
#pragma once
#include "platform/run_numbers.h"

#include <optional>
#include <string>
#include <vector>

namespace quiesce::platform {

struct SweepMetric {
    std::string name; ///< in tables and diagrams
    std::string
        path; ///< of run.json; or a milestone, quiesce, exposure: after T0, the latest of the teardowns; or violations
    /// It is in picoseconds.
    bool is_time() const;
    /// As people read it: "12.3 us".
    std::string text(double value) const;
};
/// What a person's word for a metric stands for: of a path in `summary`, that may be left out (quiesce.p99).
std::string metric_path(const std::string& said);
/// Complains at `at` if `path` is nothing that a run has.
void check_metric(const std::string& path, const Mark& at, Diagnostics& out);
/// The number exactly as run.json has it. Nothing where the run has none: a milestone that was not reached by every
/// teardown, a percentile of no values, a run that was not applicable.
std::optional<nlohmann::ordered_json> metric_of(const nlohmann::ordered_json& run, const std::string& path);

} // namespace quiesce::platform
