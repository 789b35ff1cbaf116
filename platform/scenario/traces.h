// SPDX-License-Identifier: Apache-2.0
/// Traces that a scenario names: where they are, and what is wrong with them.
#pragma once
#include "devices/trace_player.h"
#include "platform/config.h"

#include <filesystem>

namespace quiesce::platform {

/// A path in a scenario is relative to the scenario's folder.
void resolve_trace(devices::TracePlayerConfig& config, const std::filesystem::path& folder);
/// Everything that is wrong with the trace of a device. Of one above largest_file the rest is checked when it is
/// played: a warning says so.
void check_trace_file(const std::string& name, const devices::TracePlayerConfig& config, const Node& root,
                      Diagnostics& out);
/// The processes that a trace names; none if it cannot be read.
std::vector<std::string> processes_of(const devices::TracePlayerConfig& config);
/// The place of an error, with its line to show.
Mark mark_of(const std::string& path, const devices::TraceError& error);

} // namespace quiesce::platform
