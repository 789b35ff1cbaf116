// SPDX-License-Identifier: Apache-2.0
/// What a run has left, read again: whole, of this version's form, and of one run. Everything else is an IoError that names the file.
#pragma once
#include "observe/event_store.h"
#include "platform/files.h"

#include <nlohmann/json.hpp>

namespace quiesce::platform {

/// run.json of a directory that `run --out` left. Throws IoError: missing (and then names results that lie below it), no JSON,
/// of another schema, or without what a run.json has.
nlohmann::ordered_json read_run(const std::filesystem::path& dir);
/// The same of any file.
nlohmann::ordered_json read_run_file(const std::filesystem::path& file);
/// What `compare --out` lists in its directory.
inline constexpr const char* comparison_file = "compare.json";
struct VariantResults {
    std::string name;
    std::filesystem::path dir;
};
/// The variants of a comparison that left results; none where there is no compare.json. Throws IoError for a file that is
/// foreign or not whole.
std::vector<VariantResults> variants_in(const std::filesystem::path& dir);
/// What results are of.
enum class ResultsOf { Run, Comparison, Sweep };
/// Before results are left in a directory, which need not be there yet. Throws IoError if there are some of another kind: they
/// would be mixed, and one report.html would replace the other. Those of the same kind may be replaced.
void keep_apart(const std::filesystem::path& dir, ResultsOf what);
/// Its events, or those of some kinds; none if it left no events.sqlite. Throws IoError if they cannot be read, or are of a run with another fingerprint.
std::vector<observe::StoredEvent> read_events_of(const std::filesystem::path& dir, const nlohmann::json& run,
                                                 std::span<const std::string_view> kinds = {});

/// Throws as read_events_of does.
void check_events_of(const std::filesystem::path& dir, const nlohmann::json& run);

} // namespace quiesce::platform
