// SPDX-License-Identifier: Apache-2.0
/// report.html: what results on disk have to say, for a person, as one page that needs no network. It has no dates and
/// no times of the host: two equal runs have equal pages.
#pragma once
#include "platform/runner.h"

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace quiesce::platform {

/// A variant of a comparison, or the one run.
struct ReportSource {
    std::string name; ///< a variant's; empty: the scenario's is enough
    std::filesystem::path dir;
};
/// Reads run.json, config.resolved.yaml and events.sqlite of each. Of the teardowns in `asked`, which are in run.json, the sequence is
/// drawn; of none, of the most telling. Throws IoError.
void write_report(const std::vector<ReportSource>& sources, const std::filesystem::path& file, const std::vector<std::string>& asked = {});

/// report.html of what `sweep --out` left, in its directory. Throws IoError.
void write_sweep_report(const std::filesystem::path& dir);

/// write_report() at the end of a verb, whose own exit code may be worse: says on stderr what went wrong.
Exit leave_report(const std::vector<ReportSource>& sources, const std::filesystem::path& file, Exit so_far);

/// What `compare` leaves beside its variants, so that the page can be built again: their names and directories, in
/// order; and `more`, which is in no run.json.
void write_comparison(const std::vector<ReportSource>& sources, const std::filesystem::path& dir, const nlohmann::ordered_json& more);

} // namespace quiesce::platform
