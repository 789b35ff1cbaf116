// SPDX-License-Identifier: Apache-2.0
/// A sweep as a job array of Slurm: each task makes the runs of its part and keeps them where a local sweep would, so that either
/// goes on where the other stopped. The directory and the binary are to be seen on every node.
#pragma once
#include "platform/cli.h"
#include "platform/sweep/engine.h"

namespace quiesce::platform {

/// The array's script, as `sbatch` reads it.
std::string slurm_script(const CommandLine& line, const SweepEngine& engine, const std::filesystem::path& dir, std::size_t tasks);
/// Submits what is missing; its job's number, nothing if nothing is missing. Throws IoError with what sbatch said.
std::optional<std::string> submit_to_slurm(const CommandLine& line, const SweepEngine& engine, const std::filesystem::path& dir);
/// Waits until no task is left, and takes what they left. False: interrupted, and the job cancelled.
bool wait_for_slurm(const std::string& job, SweepEngine& engine, const std::filesystem::path& dir);

} // namespace quiesce::platform
