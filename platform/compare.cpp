// SPDX-License-Identifier: Apache-2.0
/// `compare`: one workload, one seed, every combination of values, one table.
#include "platform/children.h"
#include "platform/files.h"
#include "platform/report/report.h"
#include "platform/yaml/strict_yaml.h"
#include "platform/verbs.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

namespace quiesce::platform {
namespace {
namespace fs = std::filesystem;

std::atomic<bool> compare_interrupted{false};

struct Variant {
    std::string name;                    ///< "quiet-unbind", "mm-exit,85ns"
    std::vector<std::string> sets;
    fs::path dir;
    Exit exit = Exit::Internal;
    nlohmann::json run;
};

/// Every combination of the --over values, in order; nothing after an error.
std::optional<std::vector<Variant>> combinations(const std::vector<std::string>& over) {
    Diagnostics found;
    std::vector<Variant> all{{}};
    for (const std::string& text : over) {
        const auto values = parse_alternatives(text, found);
        if (!values) break;
        std::vector<Variant> more;
        for (const Variant& v : all)
            for (const Setting& s : *values) {
                std::string value = s.value.text();
                if (s.value.is_seq()) value = "[" + base::join(s.value.as_strings(found, s.path_text()).value_or(std::vector<std::string>{})) + "]";
                Variant next = v;
                next.name += (next.name.empty() ? "" : " ") + value;
                next.sets.push_back(s.path_text() + "=" + value);
                more.push_back(std::move(next));
            }
        all = std::move(more);
    }
    found.print(stderr);
    if (!found.ok()) return std::nullopt;
    return all;
}

std::string directory_name(std::string s) {
    for (char& c : s)
        if (c == ' ' || c == '/' || c == '[' || c == ']' || c == ',') c = '_';
    return s;
}

/// In a process of its own: simulates and leaves run.json.
Exit run_variant(const CommandLine& line, const Variant& v) {
    const Read read = read_for(line, v.sets);
    if (!read.scenario) return read.exit;
    std::signal(SIGINT, [](int) { interrupt_current_run(); }); // what it has come to is written
    const Ran ran = simulate(*read.scenario, v.dir);
    ran.notes.print(stderr);
    return ran.exit;
}

void run_all(const CommandLine& line, std::vector<Variant>& variants) {
    Children children(line.jobs);
    children.heed(compare_interrupted);
    for (Variant& v : variants) {
        v.exit = Exit::Interrupted; // if it never starts
        remove_file(v.dir / "run.json");
        children.start([&] { return run_variant(line, v); },
                       [&v](Exit exit) {
                           v.exit = exit;
                           const bool left_results = exit == Exit::Ok || exit == Exit::Failed || exit == Exit::Interrupted;
                           if (!left_results) return; // what is there is a former run's
                           std::ifstream in(v.dir / "run.json");
                           if (in) v.run = nlohmann::json::parse(in, nullptr, false);
                       });
    }
    children.finish();
}

std::string time_cell(const nlohmann::json& run, const std::string& name) {
    if (run["teardowns"].empty()) return "-";
    i64 worst = -1;
    bool open = false;
    for (const nlohmann::json& t : run["teardowns"]) {
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

/// There is something to show: it was applicable and came to an end.
bool ran(const Variant& v) { return v.run.is_object() && v.run.value("verdict", "") != "not-applicable"; }

void print_table(const std::vector<Variant>& variants) {
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
    for (const char* fate : {"recorded", "suppressed", "filtered", "lost_overflow"})
        add(fmt::format("faults {}", fate), [&](const Variant& v) { return std::to_string(v.run["faults"][fate].get<u64>()); });
    add("CPU time", [](const Variant& v) {
        return base::format_duration(sim::Duration::ps(v.run["cpu_ps"]["busy"].get<i64>()));
    });
    add("  printing", [](const Variant& v) {
        const nlohmann::json& on = v.run["cpu_ps"]["on"];
        return base::format_duration(sim::Duration::ps(on.value("printk", i64{0}) + on.value("console", i64{0})));
    });
    const auto bystanders = [](const Variant& v, const char* what, const char* which) {
        const nlohmann::json& waits = v.run["bystanders"][what];
        return waits["n"] == 0 ? std::string{"-"} : base::format_duration(sim::Duration::ps(waits[which].get<i64>()));
    };
    for (const auto& [label, what] : {std::pair{"page requests", "page_request_ps"}, std::pair{"stalls", "stall_ps"}}) {
        const char* const waits = what; // a structured binding cannot be captured
        if (std::none_of(variants.begin(), variants.end(), [&](const Variant& v) { return ran(v) && v.run["bystanders"][waits]["n"] != 0; }))
            continue;
        for (const char* which : {"p50", "p99", "max"})
            add(fmt::format("others' {} {}", label, which), [&](const Variant& v) { return bystanders(v, waits, which); });
    }
    add("others' records lost", [](const Variant& v) { return std::to_string(v.run["bystanders"]["records_lost"].get<u64>()); });
    add("others' requests lost", [](const Variant& v) { return std::to_string(v.run["bystanders"]["page_requests_lost"].get<u64>()); });
    add("fences", [](const Variant& v) { return std::to_string(v.run["invalidations"]["fences"].get<u64>()); });
    for (const auto& fence : fences)
        add(fmt::format("  {} {}", fence.first, fence.second), [&](const Variant& v) {
            const nlohmann::json& by = v.run["invalidations"]["fences_by"];
            return std::to_string(by.value(fence.first, nlohmann::json::object()).value(fence.second, u64{0}));
        });
    add("violations", [](const Variant& v) { return std::to_string(v.run["violations"].size()); });
    add("  occurrences", [](const Variant& v) {
        u64 n = 0;
        for (const nlohmann::json& violation : v.run["violations"]) n += violation["count"].get<u64>();
        return std::to_string(n);
    });
    add("fingerprint", [](const Variant& v) { return v.run["fingerprint"].get<std::string>(); });
    rows.push_back({"verdict", {}});
    for (const Variant& v : variants)
        rows.back().cells.push_back(v.run.is_object() ? v.run["verdict"].get<std::string>() : "-");
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
}

/// What did not hold, and where it is claimed.
void print_failures(const std::vector<Variant>& variants) {
    for (const Variant& v : variants) {
        if (!v.run.is_object()) continue;
        for (const nlohmann::json& e : v.run["expectations"])
            if (e["held"].is_boolean() && !e["held"].get<bool>())
                fmt::print("\nFAIL    {}: {} ({})", v.name, e["text"].get<std::string>(), e["at"].get<std::string>());
    }
    fmt::print("\n");
}

// ---- the same step side by side -------------------------------------------------------------------------------------

/// A step with the instant at which it began, how long it took, and what the IOMMU was told.
struct StepCell {
    std::string when, commands;
};
using StepCells = std::vector<std::pair<std::string, StepCell>>; ///< in order; a name may come again

StepCells steps_of(const Variant& v, std::size_t teardown) {
    StepCells cells;
    if (!ran(v) || teardown >= v.run["teardowns"].size()) return cells;
    const nlohmann::json& t = v.run["teardowns"][teardown];
    const auto text = [](i64 ps) { return base::format_duration(sim::Duration::ps(ps)); };
    for (const nlohmann::json& s : t["steps"]) {
        const i64 start = s["start_ps"].get<i64>();
        std::vector<std::string> commands;
        for (const nlohmann::json& c : s["commands"]) {
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

void print_steps(const std::vector<Variant>& variants, std::size_t teardown) {
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

void print_text(const std::string& scenario, u64 seed, const std::string& help, const std::vector<Variant>& variants) {
    fmt::print("{}  seed {}  {}\n\n", scenario, seed, help);
    print_table(variants);
    std::size_t teardowns = 0;
    for (const Variant& v : variants)
        if (ran(v)) teardowns = std::max(teardowns, v.run["teardowns"].size());
    print_failures(variants);
    for (std::size_t t = 0; t < std::min<std::size_t>(teardowns, 2); ++t) print_steps(variants, t);
    if (teardowns > 2) fmt::print("\nsteps of {} more teardowns: run.json\n", teardowns - 2);
    fmt::print("\ntimes are the latest over the teardowns; open: in at least one it had not come when the run ended; "
               "what each name means: "
               "quiesce list metrics\n");
}

/// `run` of a variant is its run.json, null if it left none.
void print_json(const std::string& scenario, u64 seed, const std::vector<Variant>& variants) {
    nlohmann::ordered_json all{{"scenario", scenario}, {"seed", seed}, {"variants", nlohmann::ordered_json::array()}};
    for (const Variant& v : variants)
        all["variants"].push_back({{"name", v.name}, {"set", v.sets}, {"exit", static_cast<int>(v.exit)}, {"run", v.run}});
    fmt::print("{}\n", all.dump(2));
}

/// Of those that left results in this run.
Exit leave_page(const std::vector<Variant>& variants, const fs::path& out, Exit so_far) {
    std::vector<ReportSource> sources;
    for (const Variant& v : variants)
        if (v.run.is_object()) sources.push_back({v.name, v.dir});
    write_comparison(sources, out);
    if (!sources.empty()) return leave_report(sources, out / "report.html", so_far);
    remove_file(out / "report.html");
    return so_far;
}

Exit worst_exit(const std::vector<Variant>& variants) {
    Exit worst = Exit::Ok;
    for (const Variant& v : variants) worst = worse(worst, v.exit);
    return worst;
}
} // namespace

Exit compare_verb(const CommandLine& line) {
    auto variants = combinations(line.over);
    if (!variants) return Exit::Usage;
    for (const Variant& v : *variants) { // everything is checked before anything runs
        const Read read = read_for(line, v.sets);
        if (!read.scenario) {
            if (!read.unknown) complain(fmt::format("no variant was run: it is {} that cannot be", v.name));
            return read.exit;
        }
    }
    std::optional<TemporaryDirectory> scratch;
    if (!line.out) scratch.emplace();
    const fs::path out = line.out ? fs::path{*line.out} : scratch->path();
    prepare_directory(out);
    on_interrupt([](int) { compare_interrupted = true; });
    for (Variant& v : *variants) v.dir = out / directory_name(v.name);
    run_all(line, *variants);
    const Read read = read_for(line);
    const u64 seed = read.scenario ? read.scenario->seed : 1;
    if (line.json) print_json(line.scenario, seed, *variants);
    else print_text(line.scenario, seed, read.scenario ? read.scenario->help : "", *variants);
    if (scratch) return worst_exit(*variants);
    const Exit exit = leave_page(*variants, out, worst_exit(*variants));
    mention("results in " + out.string());
    return exit;
}

} // namespace quiesce::platform
