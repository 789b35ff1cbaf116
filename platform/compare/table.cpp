// SPDX-License-Identifier: Apache-2.0
/// Several runs side by side, as text.
#include "platform/compare/variants.h"

#include "base/text.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <set>

namespace quiesce::platform::comparison {
namespace {
std::string time_cell(const Json& run, const std::string& name) {
    if (run["teardowns"].empty()) return "-";
    i64 worst = -1;
    bool open = false;
    for (const Json& t : run["teardowns"]) {
        i64 value = -1;
        if (name == "quiesce") value = t.value("quiesce_ps", i64{-1});
        else if (name == "exposure") value = t.value("exposure_ps", i64{-1});
        else if (t["milestones_ps"].contains(name)) value = t["milestones_ps"][name].get<i64>() - t["t0_ps"].get<i64>();
        if (value < 0) open = true;
        worst = std::max(worst, value);
    }
    if (open || worst < 0) return "open";
    return base::format_duration(sim::Duration::ps(worst));
}

const Json& figure(const Json& run, std::initializer_list<const char*> path) {
    const Json* at = &run;
    for (const char* key : path) at = &at->at(key);
    return *at;
}
bool any(const Variants& variants, std::initializer_list<const char*> path) {
    return std::any_of(variants.begin(), variants.end(), [&](const Variant& v) { return ran(v) && figure(v.run, path) != 0; });
}

/// "a 3, b 5"; empty: all have as many.
std::string different_populations(const std::vector<std::pair<std::string, u64>>& named) {
    const auto other = [&](const auto& one) { return one.second != named.front().second; };
    if (named.empty() || std::none_of(named.begin(), named.end(), other)) return {};
    std::string each;
    for (const auto& [name, n] : named) each += fmt::format("{}{} {}", each.empty() ? "" : ", ", name, n);
    return each;
}
} // namespace

bool ran(const Variant& v) { return v.run.is_object() && v.run.value("verdict", "") != "not-applicable"; }

void print_table(const Variants& variants) {
    struct Row {
        std::string label;
        std::vector<std::string> cells;
    };
    std::vector<Row> rows;
    auto add = [&](std::string label, auto cell) {
        Row r{std::move(label), {}};
        for (const Variant& v : variants) r.cells.push_back(ran(v) ? cell(v) : std::string{"-"});
        rows.push_back(std::move(r));
    };
    std::set<std::pair<std::string, std::string>> fences; // unit, and the commands that each waits for
    for (const Variant& v : variants)
        if (ran(v))
            for (const auto& [unit, kinds] : v.run["invalidations"]["fences_by"].items())
                for (const auto& [kind, n] : kinds.items()) fences.emplace(unit, kind);
    for (const char* name : {"quiesce", "block_observed", "block", "stop", "drain", "last_seen", "free_first", "free_last", "mmput", "reuse",
                             "exposure"})
        add(name, [&](const Variant& v) { return time_cell(v.run, name); });
    add("DMA aborted", [](const Variant& v) { return std::to_string(v.run["dma"]["aborted"].get<u64>()); });
    const auto count = [](const char* of, const char* what) {
        return [of, what](const Variant& v) { return std::to_string(v.run[of][what].get<u64>()); };
    };
    add("faults raised", count("faults", "raised")); // the sum of the next four
    add("  recorded", count("faults", "recorded"));
    add("  suppressed", count("faults", "suppressed"));
    if (any(variants, {"faults", "merged"})) add("  merged", count("faults", "merged"));
    add("  lost", count("faults", "lost"));
    if (any(variants, {"faults", "lost"})) {
        add("    queue full", count("faults", "lost_overflow"));
        add("    queue off", count("faults", "discarded"));
    }
    add("faults filtered", count("faults", "filtered"));
    add("faults overflows", count("faults", "overflows"));
    if (any(variants, {"page_requests", "dropped"})) {
        add("requests dropped", count("page_requests", "dropped"));
        add("  lost", count("page_requests", "lost"));
        add("  overflows", count("page_requests", "overflows"));
    }
    add("CPU time", [](const Variant& v) {
        return base::format_duration(sim::Duration::ps(v.run["cpu_ps"]["busy"].get<i64>()));
    });
    if (any(variants, {"cpu_ps", "iommu_interrupts"}))
        add("  IOMMU interrupts", [](const Variant& v) { return base::format_duration(sim::Duration::ps(v.run["cpu_ps"]["iommu_interrupts"].get<i64>())); });
    add("  printing", [](const Variant& v) {
        const Json& on = v.run["cpu_ps"]["on"];
        return base::format_duration(sim::Duration::ps(on.value("printk", i64{0}) + on.value("console", i64{0})));
    });
    std::vector<std::string> notes;
    for (const auto& [label, what] : {std::pair{"page requests", "page_request_ps"}, std::pair{"stalls", "stall_ps"}}) {
        const char* const waits = what; // a structured binding cannot be captured
        if (!any(variants, {"bystanders", waits, "n"})) continue;
        add(fmt::format("others' {}", label), [waits](const Variant& v) { return std::to_string(v.run["bystanders"][waits]["n"].get<u64>()); });
        for (const char* which : {"p50", "p99", "max"})
            add(fmt::format("  waited {}", which), [waits, which](const Variant& v) {
                const Json& of = v.run["bystanders"][waits];
                return of["n"] == 0 ? std::string{"-"} : base::format_duration(sim::Duration::ps(of[which].get<i64>()));
            });
        std::vector<std::pair<std::string, u64>> named;
        for (const Variant& v : variants)
            if (ran(v)) named.emplace_back(v.name, v.run["bystanders"][waits]["n"].get<u64>());
        if (const std::string each = different_populations(named); !each.empty())
            notes.push_back(fmt::format("others' {}: those that were over are not as many everywhere, and percentiles are of those ({})", label, each));
    }
    for (const auto& [label, what] : {std::pair{"others' records lost", "records_lost"}, std::pair{"others' requests lost", "page_requests_lost"}})
        if (any(variants, {"bystanders", what})) add(label, count("bystanders", what));
    add("fences", [](const Variant& v) { return std::to_string(v.run["invalidations"]["fences"].get<u64>()); });
    for (const auto& fence : fences)
        add(fmt::format("  {} {}", fence.first, fence.second), [&](const Variant& v) {
            const Json& by = v.run["invalidations"]["fences_by"];
            return std::to_string(by.value(fence.first, Json::object()).value(fence.second, u64{0}));
        });
    add("violations", [](const Variant& v) { return std::to_string(v.run["violations"].size()); });
    add("  occurrences", [](const Variant& v) {
        u64 n = 0;
        for (const Json& violation : v.run["violations"]) n += violation["count"].get<u64>();
        return std::to_string(n);
    });
    add("fingerprint", [](const Variant& v) { return v.run["fingerprint"].get<std::string>(); });
    rows.push_back({"verdict", {}});
    for (const Variant& v : variants)
        rows.back().cells.push_back(!v.refused.empty() ? "refused" : v.run.is_object() ? v.run["verdict"].get<std::string>() : "-");
    std::size_t width = 18;
    for (const Row& r : rows) width = std::max(width, r.label.size());
    fmt::print("{:<{}}", "after T0, latest", width);
    for (const Variant& v : variants) fmt::print(" {:>18}", v.name);
    fmt::print("\n");
    for (const Row& r : rows) {
        fmt::print("{:<{}}", r.label, width);
        for (const auto& c : r.cells) fmt::print(" {:>18}", c);
        fmt::print("\n");
    }
    for (const std::string& note : notes) fmt::print("{}\n", note);
    for (const Variant& v : variants)
        if (!v.refused.empty()) fmt::print("\nrefused {}: {}", v.name, v.refused);
}

/// What did not hold, and where it is claimed.
void print_failures(const Variants& variants) {
    for (const Variant& v : variants) {
        if (!v.run.is_object()) continue;
        for (const Json& e : v.run["expectations"])
            if (e["held"].is_boolean() && !e["held"].get<bool>())
                fmt::print("\nFAIL    {}: {} ({})", v.name, e["text"].get<std::string>(), e["at"].get<std::string>());
    }
    fmt::print("\n");
}

// ---- the same step side by side -------------------------------------------------------------------------------------

namespace {
/// A step with the instant at which it began, how long it took, and what the IOMMU was told.
struct StepCell {
    std::string when, commands;
};
using StepCells = std::vector<std::pair<std::string, StepCell>>; ///< in order; a name may come again

StepCells steps_of(const Variant& v, std::size_t teardown) {
    StepCells cells;
    if (!ran(v) || teardown >= v.run["teardowns"].size()) return cells;
    const Json& t = v.run["teardowns"][teardown];
    const auto text = [](i64 ps) { return base::format_duration(sim::Duration::ps(ps)); };
    for (const Json& s : t["steps"]) {
        const i64 start = s["start_ps"].get<i64>();
        std::vector<std::string> commands;
        for (const Json& c : s["commands"]) {
            const u64 count = c["count"].get<u64>();
            const auto name = c["command"].get<std::string>();
            commands.push_back(count == 1 ? name : fmt::format("{} x {}", count, name));
        }
        const std::string took = s.contains("end_ps") ? text(s["end_ps"].get<i64>() - start) : "open";
        cells.emplace_back(s["step"].get<std::string>(),
                           StepCell{fmt::format("+{} {}", text(start - t["t0_ps"].get<i64>()), took),
                                    fmt::format("{}", fmt::join(commands, ", "))});
    }
    return cells;
}

/// One row for each step that a variant takes; steps of the same name stand in one row, and no variant's order changes.
struct StepRow {
    std::string step;
    std::vector<const StepCell*> cells; ///< by variant; null: it does not take the step there
};
std::vector<StepRow> side_by_side(const std::vector<StepCells>& variants) {
    std::vector<StepRow> rows;
    for (std::size_t v = 0; v < variants.size(); ++v) {
        std::size_t from = 0; // rows before it are taken
        for (const auto& taken : variants[v]) {
            const std::string& step = taken.first;
            const auto same = [&](const StepRow& r) { return r.step == step && r.cells[v] == nullptr; };
            auto row = std::find_if(rows.begin() + static_cast<std::ptrdiff_t>(from), rows.end(), same);
            if (row == rows.end()) {
                row = rows.insert(rows.begin() + static_cast<std::ptrdiff_t>(from), StepRow{step, {}});
                row->cells.resize(variants.size());
            }
            row->cells[v] = &taken.second;
            from = static_cast<std::size_t>(row - rows.begin()) + 1;
        }
    }
    return rows;
}

} // namespace

void print_steps(const Variants& variants, std::size_t teardown) {
    std::vector<StepCells> all;
    for (const Variant& v : variants) all.push_back(steps_of(v, teardown));
    const std::vector<StepRow> rows = side_by_side(all);
    if (rows.empty()) return;
    constexpr std::size_t most = 44;
    fmt::print("\n{:<20}", fmt::format("steps of t{}", teardown));
    for (const Variant& v : variants) fmt::print("  {:<{}}", v.name, most);
    fmt::print("\n");
    for (const StepRow& r : rows) {
        const auto line = [&](std::string_view label, auto text) {
            std::string out = fmt::format("{:<20}", label);
            for (const StepCell* c : r.cells) out += fmt::format("  {:<{}}", c != nullptr ? text(*c) : "", most);
            out.erase(out.find_last_not_of(' ') + 1);
            if (!out.empty()) fmt::print("{}\n", out);
        };
        line(r.step, [](const StepCell& c) { return c.when; });
        line("", [](const StepCell& c) { return "  " + c.commands; });
    }
}

std::size_t most_teardowns(const Variants& variants) {
    std::size_t most = 0;
    for (const Variant& v : variants)
        if (ran(v)) most = std::max(most, v.run["teardowns"].size());
    return most;
}

} // namespace quiesce::platform::comparison
