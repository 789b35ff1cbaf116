// SPDX-License-Identifier: Apache-2.0
/// The result of one run as data, and its two written forms: run.json (contract.md) and a summary for people.
#pragma once
#include "observe/cache_rates.h"
#include "observe/counters.h"
#include "observe/oom_log.h"
#include "observe/queue_levels.h"
#include "observe/teardowns.h"
#include "observe/violations.h"

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace quiesce::observe {

struct ExpectationResult {
    std::string text;
    std::string at;                  ///< file:line
    std::optional<bool> held;        ///< absent: its `when` did not match
    std::string detail;              ///< what was found instead
};

struct PlatformLine {
    std::string iommu, kernel, policy, allocator, suppression;
    std::vector<std::string> bugs;
};

struct RunRecord {
    std::string scenario, version;
    u64 seed = 0;
    std::string fingerprint;
    std::string verdict = "pass";    ///< pass, fail, not-applicable, error, interrupted
    std::vector<ExpectationResult> expectations;
    PlatformLine platform;
    sim::Time simulated{};
    std::vector<Teardown> teardowns;
    RunCounts counts;
    CacheRates::Counts caches;
    std::vector<QueueLevels::Queue> queues;
    std::vector<OomVictim> oom;
    MemoryCounts allocations;
    std::vector<Violation> violations;
    bool events_kept = false; ///< in events.sqlite: what is told names them
    u64 events_left_out = 0;  ///< that found no room there
    double wall_s = 0;
    u64 host_events = 0, max_rss_bytes = 0;

    struct Summary {
        u64 n = 0, open = 0, p50 = 0, p99 = 0, max = 0;
    };
    /// Over the teardowns that reached quiesce; `open` counts those that did not.
    Summary quiesce() const;
    /// Over all victims of the OOM killer.
    struct Memory {
        u64 innocent = 0, tries = 0, given_up = 0, reaped_pages = 0, skipped_pages = 0;
        sim::Duration held_up_most{};
    };
    Memory memory() const;
};

nlohmann::ordered_json to_json(const RunRecord& r);
/// Milestones, a breakdown bar, faults, violations, expectations. `columns` wide; plain text.
std::string to_text(const RunRecord& r, unsigned columns = 100);

} // namespace quiesce::observe
