// SPDX-License-Identifier: Apache-2.0
/// `compare`: one workload, the same seeds, every combination of values; or results that are there already. One table, where the
/// runs part, what chance has no part in, and whether it is good enough.
#include "platform/children.h"
#include "platform/compare/conditions.h"
#include "platform/compare/earlier.h"
#include "platform/compare/paired.h"
#include "platform/files.h"
#include "platform/report/report.h"
#include "platform/results.h"
#include "platform/verbs.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>

namespace quiesce::platform::comparison {
namespace fs = std::filesystem;

Json read_json(const fs::path& file) {
    std::ifstream in(file);
    return in ? Json::parse(in, nullptr, false) : Json(nullptr);
}

namespace {
std::atomic<bool> compare_interrupted{false};

// ---- running it -----------------------------------------------------------------------------------------------------

fs::path trail_of(const Variant& v) { return v.dir / ".trail.json"; }
fs::path refusal_of(const Variant& v) { return v.dir / ".refused"; }

/// In a process of its own: simulates and leaves results; of further seeds run.json alone.
Exit run_variant(const CommandLine& line, const Variant& v, u64 repeat) {
    const Read read = read_for(line, v.sets);
    if (!read.scenario) return read.exit;
    std::signal(SIGINT, [](int) { interrupt_current_run(); }); // what it has come to is written
    try {
        if (repeat == 0) {
            const Ran ran = simulate(*read.scenario, v.dir, TrailWanted{{}, trail_of(v)});
            ran.notes.print(stderr);
            return ran.exit;
        }
        read.scenario->seed += repeat;
        read.scenario->config.observe.waves = false;
        const Ran ran = simulate(*read.scenario, std::nullopt);
        prepare_directory(v.dir / "seeds");
        write_file(v.dir / "seeds" / fmt::format("{}.json", read.scenario->seed), observe::to_json(ran.record).dump() + "\n");
        return ran.exit;
    } catch (const InputError& e) { // drivers refuse what no check foresees
        prepare_directory(v.dir);
        write_file(refusal_of(v), e.at().text() + ": " + e.what());
        throw;
    }
}

bool left_results(Exit exit) { return exit == Exit::Ok || exit == Exit::Failed || exit == Exit::Interrupted; }

void take_refusal(Variant& v) {
    std::ifstream in(refusal_of(v));
    if (in) std::getline(in, v.refused);
    remove_file(refusal_of(v));
}

void run_all(const CommandLine& line, Variants& variants) {
    Children children(line.jobs);
    on_interrupt([](int) { compare_interrupted = true; });
    children.heed(compare_interrupted);
    for (u64 repeat = 0; repeat < line.repeat; ++repeat)
        for (Variant& v : variants) {
            if (!v.refused.empty()) continue;
            if (repeat == 0) {
                fs::remove_all(v.dir / "seeds");
                remove_file(v.dir / "run.json");
                v.exit = Exit::Interrupted; // if it never starts
            }
            children.start([&] { return run_variant(line, v, repeat); },
                           [&v, repeat](Exit exit) {
                               v.exit = repeat == 0 ? exit : worse(v.exit, exit);
                               if (repeat == 0 && left_results(exit)) v.run = read_json(v.dir / "run.json"); // else what is there is a former run's
                               if (exit == Exit::BadInput) take_refusal(v);
                           });
        }
    children.finish();
    for (Variant& v : variants) {
        if (!left_results(v.exit) || !fs::exists(v.dir / "seeds")) continue;
        for (const auto& file : fs::directory_iterator(v.dir / "seeds"))
            if (const Json run = read_json(file.path()); run.is_object()) v.more[run.value("seed", u64{0})] = run;
    }
}

Exit worst_exit(const Variants& variants) {
    Exit worst = Exit::Ok, refused = Exit::Ok;
    bool any = false;
    for (const Variant& v : variants) {
        any = any || v.refused.empty();
        (v.refused.empty() ? worst : refused) = worse(v.refused.empty() ? worst : refused, v.exit);
    }
    return any ? worst : refused; // a refusal is an answer, unless there is no other
}

// ---- what is told of it ---------------------------------------------------------------------------------------------

/// What it takes to run each variant again.
std::vector<Followed> followed(const CommandLine& line, const Variants& variants, const Variant& reference) {
    std::vector<Followed> runs;
    const auto add = [&](const Variant& v) {
        if (!ran(v) || v.run.value("verdict", "") == "interrupted") return;
        runs.push_back({v.name, [&line, &v] { return read_for(line, v.sets).scenario; }, v.dir, trail_of(v),
                        v.run["platform"]["iommu"].get<std::string>(), v.run["fingerprint"].get<std::string>()});
    };
    add(reference);
    for (const Variant& v : variants)
        if (&v != &reference) add(v);
    return runs;
}

/// The variant that others are held against; null if none ran.
const Variant* reference_of(const CommandLine& line, const Variants& variants) {
    if (line.reference)
        if (const Variant* const v = variant_named(variants, *line.reference); v != nullptr && ran(*v)) return v;
    const auto first = std::find_if(variants.begin(), variants.end(), ran);
    return first == variants.end() ? nullptr : &*first;
}

std::vector<Judged> judge_all(const CommandLine& line, const std::vector<FailIf>& conditions, const Variants& variants,
                              const Variants& earlier, const Variant* reference) {
    std::vector<Judged> all;
    for (const FailIf& c : conditions)
        for (const Variant& v : variants) {
            if (!ran(v)) continue;
            const Variant* other = line.against ? opposite_of(v, earlier) : reference;
            if (!c.needs_reference()) all.push_back(judge(c, v, nullptr));
            else if (other == nullptr) all.push_back({c.text, v.name, "", {}, {}, true, fmt::format("{} has no variant of that name", *line.against)});
            else if (other != &v) all.push_back(judge(c, v, other));
        }
    return all;
}

void print_judged(const std::vector<Judged>& all) {
    if (!all.empty()) fmt::print("\n");
    for (const Judged& j : all)
        fmt::print("{:<10} {}  {}: {}\n", !j.failed ? "not judged" : *j.failed ? "FAIL-IF" : "ok", j.condition, j.variant, j.words);
}

Exit exit_of(const std::vector<Judged>& all) {
    const bool failed = std::any_of(all.begin(), all.end(), [](const Judged& j) { return j.failed.value_or(false); });
    return failed ? Exit::Failed : Exit::Ok;
}

void print_all_steps(const Variants& variants) {
    const std::size_t teardowns = most_teardowns(variants);
    for (std::size_t t = 0; t < std::min<std::size_t>(teardowns, 2); ++t) print_steps(variants, t);
    if (teardowns > 2) fmt::print("\nsteps of {} more teardowns: run.json\n", teardowns - 2);
    fmt::print("\ntimes are the latest over the teardowns; open: in at least one it had not come when the run ended; "
               "what each name means: "
               "quiesce list metrics\n");
}

/// What is worked out of the runs once they are there, and in no run.json.
struct Findings {
    std::optional<std::vector<Paired>> paired;
    u64 seeds = 0;
    std::optional<std::vector<Divergence>> divergences;
    std::vector<Judged> judged;
};

Findings find(const CommandLine& line, const std::vector<FailIf>& conditions, const Variants& variants, const Variants& earlier,
              const std::vector<Followed>& runs) {
    Findings found;
    const Variant* const reference = reference_of(line, variants);
    if (reference != nullptr && std::any_of(variants.begin(), variants.end(), [](const Variant& v) { return !v.more.empty(); })) {
        std::vector<SweepMetric> asked;
        for (const FailIf& c : conditions) asked.push_back({c.metric.path, c.metric.path});
        found.paired = paired_differences(variants, *reference, asked);
        found.seeds = reference->more.size() + 1;
    }
    if (line.against) found.divergences = divergences_from(earlier, line, variants, runs);
    else if (runs.size() > 1) found.divergences = find_divergences(runs, line.jobs);
    found.judged = judge_all(line, conditions, variants, earlier, reference);
    return found;
}

/// `shown` are the variants with what they are held against.
void print_text(const Variants& variants, const Variants& shown, const Findings& found) {
    print_table(shown);
    print_failures(variants);
    print_all_steps(shown);
    if (found.paired) print_paired(*found.paired, found.seeds);
    if (found.divergences) print_divergences(*found.divergences);
    print_judged(found.judged);
}

/// For compare.json.
void add_findings(const CommandLine& line, const Variants& variants, const Findings& found, Json& told) {
    const Variant* const reference = reference_of(line, variants);
    told["reference"] = reference != nullptr ? Json(reference->name) : Json(nullptr);
    if (line.against) told["against"] = *line.against;
    told["refused"] = Json::array();
    for (const Variant& v : variants)
        if (!v.refused.empty()) told["refused"].push_back({{"name", v.name}, {"why", v.refused}});
    if (found.paired) told["paired"] = to_json(*found.paired);
    if (found.divergences) told["divergence"] = to_json(*found.divergences);
    told["fail_if"] = to_json(found.judged);
}

/// The same with every variant's run.json, null if it left none.
void print_json(const Variants& variants, Json told) {
    told["variants"] = Json::array();
    for (const Variant& v : variants)
        told["variants"].push_back({{"name", v.name}, {"set", v.sets}, {"exit", static_cast<int>(v.exit)}, {"run", v.run}});
    fmt::print("{}\n", told.dump(2));
}

/// Everything that is told once the runs are there.
Exit tell(const CommandLine& line, const std::vector<FailIf>& conditions, const Variants& variants, const std::vector<Followed>& runs,
          Json& told) {
    const Variants earlier = line.against ? read_earlier(*line.against) : Variants{};
    warn_of_others(line, variants, earlier);
    const Findings found = find(line, conditions, variants, earlier, runs);
    add_findings(line, variants, found, told);
    if (line.json) print_json(variants, told);
    else print_text(variants, with_earlier(line, variants, earlier), found);
    return exit_of(found.judged);
}

/// Of those that left results in this run.
Exit leave_page(const Variants& variants, const Json& told, const fs::path& out, Exit so_far) {
    std::vector<ReportSource> sources;
    for (const Variant& v : variants)
        if (v.run.is_object()) sources.push_back({v.name, v.dir});
    write_comparison(sources, out, told);
    if (!sources.empty()) return leave_report(sources, out / "report.html", so_far);
    remove_file(out / "report.html");
    return so_far;
}

// ---- results that are there already ---------------------------------------------------------------------------------

std::optional<Variants> read_results(const CommandLine& line) {
    Variants variants;
    for (const std::string& dir : line.directories) {
        Variant v = read_earlier(dir).front();
        if (!fs::exists(fs::path(dir) / "run.json")) {
            complain(fmt::format("{} is a comparison: name one of its variants, as {}", dir, v.dir.string()));
            return std::nullopt;
        }
        check_events_of(v.dir, v.run);
        v.exit = v.run.value("verdict", "") == "fail" ? Exit::Failed : Exit::Ok;
        if (variant_named(variants, v.name) != nullptr) v.name = dir;
        variants.push_back(std::move(v));
    }
    return variants;
}

/// Held against each other as the variants of a comparison are. What their runs found wrong is theirs; the exit code is that of
/// the conditions.
Exit compare_results(const CommandLine& line, const std::vector<FailIf>& conditions) {
    const auto variants = read_results(line);
    if (!variants) return Exit::Usage;
    const TemporaryDirectory scratch;
    std::vector<Followed> runs;
    const Variant* const reference = reference_of(line, *variants);
    const auto add = [&](const Variant& v) {
        if (auto f = followed_results(v, scratch.path() / fmt::format("{}.json", runs.size()))) runs.push_back(std::move(*f));
    };
    if (reference != nullptr) add(*reference);
    for (const Variant& v : *variants)
        if (&v != reference) add(v);
    Json told{{"results", Json::array()}};
    for (const Variant& v : *variants) told["results"].push_back({{"name", v.name}, {"dir", v.dir.string()}});
    Exit exit = tell(line, conditions, *variants, runs, told);
    if (!line.out) return exit;
    prepare_directory(*line.out);
    std::vector<ReportSource> sources;
    for (const Variant& v : *variants) sources.push_back({v.name, v.dir});
    write_comparison({}, *line.out, told);
    exit = leave_report(sources, fs::path(*line.out) / "report.html", exit);
    mention("results in " + *line.out);
    return exit;
}

// ---- a scenario over values -----------------------------------------------------------------------------------------

Exit compare_over(const CommandLine& line, const std::vector<FailIf>& conditions, Variants variants) {
    std::optional<TemporaryDirectory> scratch;
    if (!line.out) scratch.emplace();
    const fs::path out = line.out ? fs::path{*line.out} : scratch->path();
    prepare_directory(out);
    for (Variant& v : variants) v.dir = out / directory_name(v.name);
    run_all(line, variants);
    const auto first = std::find_if(variants.begin(), variants.end(), [](const Variant& v) { return v.refused.empty(); });
    const Read read = first == variants.end() ? Read{} : read_for(line, first->sets);
    if (!line.json) fmt::print("{}  seed {}  {}\n\n", line.scenario, read.scenario ? read.scenario->seed : 1, read.scenario ? read.scenario->help : "");
    Json told{{"scenario", line.scenario}, {"seed", read.scenario ? read.scenario->seed : 1}, {"seeds", line.repeat}};
    const Variant* const reference = reference_of(line, variants);
    const auto runs = reference == nullptr ? std::vector<Followed>{} : followed(line, variants, *reference);
    Exit exit = worse(worst_exit(variants), tell(line, conditions, variants, runs, told));
    for (const Variant& v : variants) remove_file(trail_of(v));
    if (compare_interrupted) exit = worse(exit, Exit::Interrupted);
    if (scratch) return exit;
    exit = leave_page(variants, told, out, exit);
    mention("results in " + out.string());
    return exit;
}

Exit usage(std::string_view what) {
    complain(what);
    return Exit::Usage;
}

/// False, after saying so, if there is no variant of the name that --reference says.
bool knows_reference(const CommandLine& line, const Variants& variants) {
    if (!line.reference || variant_named(variants, *line.reference) != nullptr) return true;
    std::vector<std::string> names;
    for (const Variant& v : variants) names.push_back(v.name);
    const auto close = base::closest(*line.reference, names);
    complain(fmt::format("--reference: there is no variant '{}': there are {}", printable(*line.reference), base::join(names)), close);
    return false;
}

Exit compare(const CommandLine& line) {
    Diagnostics found;
    std::vector<FailIf> conditions;
    for (const std::string& text : line.fail_if)
        if (auto c = parse_fail_if(text, found)) conditions.push_back(std::move(*c));
    auto variants = combinations(line.over, found);
    if (!found.ok()) {
        found.print(stderr);
        return Exit::Usage;
    }
    if (line.out) keep_apart(*line.out, ResultsOf::Comparison);
    if (line.against) std::ignore = read_earlier(*line.against); // before anything runs
    const bool results = fs::exists(fs::path(line.scenario) / "run.json") || line.directories.size() > 1;
    if (results && !line.over.empty()) return usage("--over goes with one scenario, not with results");
    if (!results && line.over.empty() && !line.against)
        return usage("with what is it to be compared? Say --over PATH=A,B, --against DIR, or a second directory of results");
    if (results) {
        if (line.directories.size() < 2 && !line.against) return usage("with what is it to be compared? Say a second directory of results");
        if (line.reference) {
            const auto there = read_results(line);
            if (!there || !knows_reference(line, *there)) return Exit::Usage;
        }
        return compare_results(line, conditions);
    }
    if (line.over.empty()) variants->front().name = fs::path(line.scenario).stem().string();
    if (!knows_reference(line, *variants)) return Exit::Usage;
    try {
        check_values(line, found);
    } catch (const UnknownScenario& e) {
        complain(e.what());
        return Exit::BadInput;
    }
    found.print(stderr);
    if (!found.ok()) return Exit::Usage;
    if (const auto exit = refuse_impossible(line, *variants)) return *exit;
    return compare_over(line, conditions, std::move(*variants));
}
} // namespace
} // namespace quiesce::platform::comparison

quiesce::platform::Exit quiesce::platform::compare_verb(const CommandLine& line) { return comparison::compare(line); }
