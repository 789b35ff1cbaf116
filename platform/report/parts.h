// SPDX-License-Identifier: Apache-2.0
/// The sections of report.html. Each is text made of one variant's results, or of all; figures are SVG that needs no
/// script. What a figure shows stands in its data-* attributes, too, in exact picoseconds: the script and the tests
/// read it there.
#pragma once
#include "base/types.h"
#include "observe/event_store.h"
#include "platform/report/markup.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quiesce::platform::report {

using Record = nlohmann::json;
using observe::StoredEvent;

/// A parameter of config.resolved.yaml, as it is written there.
struct Setting {
    std::string path, value, comment;
    friend bool operator==(const Setting&, const Setting&) = default;
};

/// Kinds of events that figures have; no other is read.
constexpr std::string_view shown_kinds[] = {"BondChanged", "DmaCommitted", "FaultRaised", "FenceObserved", "FenceTimedOut",
                                            "IommuCommandIssued", "PageRequestSent", "PageResponseHeard", "StallResolved",
                                            "StopSeen", "TeardownStepChanged", "TransactionStalled"};
/// A kind's name; one that is not read does not compile.
consteval std::string_view shown(std::string_view kind) {
    for (const std::string_view k : shown_kinds)
        if (k == kind) return k;
    throw "no such kind is read";
}

/// One variant.
struct Panel {
    std::size_t number = 0;
    std::string name;
    Record run;
    std::vector<StoredEvent> events; ///< empty: the run left none
    std::vector<Setting> settings;
    std::vector<std::string> asked; ///< teardowns whose sequence is to be drawn; none: the most telling
    std::string id(std::string_view teardown) const {
        return "p" + std::to_string(number) + "-" + std::string{teardown};
    }
};
using Panels = std::vector<Panel>;

// ---- reading what may be older, or cut: what is not there is nothing
const Record& part(const Record& r, std::string_view key); ///< null if there is none
std::string text(const Record& r, std::string_view key);
i64 figure(const Record& r, std::string_view key, i64 otherwise = 0);
bool has(const Record& r, std::string_view key);

// ---- writing
std::string for_reader(i64 ps);   ///< "1.50 us"
std::string round_figure(i64 ps); ///< of an axis: "10 us"
/// A place on a figure, in hundredths.
std::string at(double x);

/// What stands for an event names it, as `explain` takes it: ` data-event="e12"`. Empty: it is none, or the run kept none.
std::string event_attribute(std::string_view event);
std::string event_attribute(u64 id); ///< 0: none
/// The same for the one who points at it, behind what is said of it.
std::string event_words(std::string_view event);

// ---- teardowns
const Record& teardowns(const Panel& p);
std::optional<i64> quiesce_of(const Record& teardown);
/// A milestone, or quiesce or exposure, after T0.
std::optional<i64> after_t0(const Record& teardown, std::string_view what);
/// The one to be told in full: the slowest; of those that never came to quiesce, the first. Null: there is none.
const Record* worst(const Panel& p);
/// Its milestones, in order.
std::vector<std::pair<std::string, i64>> instants(const Record& teardown);
/// Milestones in the order in which figures and tables have them.
extern const std::vector<std::string_view> milestone_order;
/// Of a teardown that is open, the path to what came last of what the operating system does; null parts: there is none.
struct SoFar {
    std::string to;
    const Record* parts;
};
SoFar so_far(const Record& teardown);
/// Its breakdown; of one that is open, its time so far.
const Record& told_parts(const Record& teardown);
std::vector<const Record*> open_teardowns(const Panel& p);
/// From its T0 to the end of the run.
i64 run_after_t0(const Panel& p, const Record& teardown);
std::string open_in_words(const Panel& p, const Record& teardown);
/// Which group of phases one belongs to: its colour. "cpu", "commands" ...
std::string_view group_of(std::string_view phase);
struct PhaseGroup {
    std::string_view name, help;
};
extern const std::vector<PhaseGroup> phase_groups;
/// The step of the kernel's list that went on at an instant, with its commands, in words; empty: none did.
std::string step_in_words(const Record& teardown, i64 at);

/// Percentiles by the nearest-rank rule, in thousandths, of what had come.
struct Population {
    struct Value {
        i64 ps;
        std::string teardown;
    };
    std::vector<Value> values; ///< in order
    std::size_t open = 0;
    const Value* rank(u64 per_mille) const;
};
Population population(const Panel& p, std::string_view what);
extern const std::vector<std::string_view> told_populations;
struct Percentile {
    const char* name;
    u64 per_mille;
};
extern const std::vector<Percentile> percentiles;

/// Everything before the body's content.
std::string page_head(const std::string& title);

// ---- sections
std::string comparison(const Panels& all);   ///< empty for one variant
std::string distribution(const Panels& all); ///< CDF, table of percentiles
std::string verdict_card(const Panel& p);
std::string gantt(const Panel& p, i64 extent);
i64 gantt_extent(const Panel& p);
std::string gantt_legend();
std::string breakdown(const Panel& p);
std::string critical_path(const Panel& p);
std::string open_cases(const Panel& p); ///< a part of critical_path()
/// Parts of a path, as a table; `to`: the milestone that it leads to, empty if that is quiesce.
std::string path_table(const Record& teardown, const Record& parts, i64 total, std::string_view to);
std::string fates(const Panel& p);
std::string exposures(const Panel& p);
std::string exposure_windows(const Panel& p); ///< a part of exposures()
std::string queues(const Panel& p);
std::string hit_rates(const Panel& p);
std::string violations(const Panel& p);
std::string sequence(const Panel& p);
std::string configuration(const Panels& all);
std::vector<Setting> read_settings(std::string_view yaml);
extern const char* const style;
extern const char* const script;

/// Horizontal bars of numbers: label, value, and what it means.
struct Bar {
    std::string label, key;
    i64 value;
    std::string shown, help;
    std::string_view group{};
};
std::string bars(std::string_view what, const std::vector<Bar>& rows);

} // namespace quiesce::platform::report
