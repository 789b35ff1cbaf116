// SPDX-License-Identifier: Apache-2.0
/// What a sweep leaves and prints.
#pragma once
#include "platform/sweep/analysis.h"

namespace quiesce::platform {

/// One row for each run and metric; numbers as run.json has them.
std::string sweep_csv(const SweepEngine& engine);
/// Everything: axes, runs, statistics, sensitivity, knees, fronts. `plots` are the names of the diagrams' files.
nlohmann::ordered_json sweep_json(const SweepEngine& engine, bool interrupted, const std::vector<std::string>& plots);
/// The table and what follows from it, for people.
void print_sweep(const SweepEngine& engine, bool interrupted);
/// What would be run.
void print_sweep_plan(const SweepEngine& engine, std::size_t kept);
/// File name and content of each diagram.
std::vector<std::pair<std::string, std::string>> sweep_diagrams(const SweepEngine& engine);

} // namespace quiesce::platform
