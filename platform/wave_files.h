// SPDX-License-Identifier: Apache-2.0
/// What of a run its waveforms show, and the files that they are written to.
#pragma once
#include "observe/run_record.h"
#include "observe/waves.h"
#include "platform/config.h"
#include "platform/diagnostics.h"

#include <filesystem>
#include <string>

namespace quiesce::platform {

/// `observe.window`, as observers have it.
observe::WaveWindow wave_window(const ObserveConfig& c);
/// Mistakes in it.
void check_window(const Config& c, const Node& root, Diagnostics& out);
/// Throws IoError if waves.fst is asked for and there is nothing to make it with. Before anything runs.
void check_waves_can_be_written(const ObserveConfig& c);
/// waves.vcd, waves.fst, waves.gtkw; null: of a run without, whose former files go. `heading` is the comment of the VCD.
void write_waves(const observe::RunRecord& r, observe::Waves* waves, const ObserveConfig& c, const std::string& heading,
                 const std::filesystem::path& dir, const Mark& window, Diagnostics& notes);

} // namespace quiesce::platform
