// SPDX-License-Identifier: Apache-2.0
/// One simulation: builds the system, speaks the scenario's sentences, watches, judges.
#pragma once
#include "observe/run_record.h"
#include "platform/scenario/steps.h"

#include <filesystem>
#include <optional>
#include <set>

namespace quiesce::platform {

/// Exit codes of the contract.
enum class Exit : int { Ok = 0, Failed = 1, Usage = 2, BadInput = 3, CannotGoOn = 4, Io = 5, PointsFailed = 6, Internal = 70, Interrupted = 130 };
/// Where several apply: 130, 70, 4, 5, then the rest by size.
Exit worse(Exit a, Exit b);

struct Ran {
    observe::RunRecord record;
    Exit exit = Exit::Ok;
    Diagnostics notes; ///< sentences that did nothing because they lost a race, or came late
};

/// Where a run's trail (observe/trail.h) is to be left, as JSON with the run's fingerprint; of these chunks every event is told.
struct TrailWanted {
    std::set<u64> told;
    std::filesystem::path file;
};

/// Runs the scenario in this process, once (SystemC's kernel cannot start again). With `out`, leaves run.json,
/// config.resolved.yaml, events.sqlite, timeline.pftrace, waves.vcd and waves.gtkw there, with observe.pcap tlps.pcapng, and takes away what a former run left and this one does not write.
/// Throws IoError, and InputError, after which nothing has been written.
Ran simulate(const Scenario& scenario, const std::optional<std::filesystem::path>& out, const std::optional<TrailWanted>& trail = {});

/// What the platform of this configuration cannot do of what the scenario requires; empty: everything is there.
std::string missing_capability(const Scenario& scenario);
/// Ctrl-C: the run ends early, partial results are written, exit code 130.
void interrupt_current_run();

} // namespace quiesce::platform
