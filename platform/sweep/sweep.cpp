// SPDX-License-Identifier: Apache-2.0
/// `sweep`: a parameter study; what was done before is not done again.
#include "platform/files.h"
#include "platform/report/report.h"
#include "platform/results.h"
#include "platform/sweep/results.h"
#include "platform/sweep/slurm.h"
#include "platform/verbs.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
namespace fs = std::filesystem;

/// Diagrams of a former shape of the sweep do not stay beside those of this one.
std::vector<std::string> write_diagrams(const SweepEngine& engine, const fs::path& dir) {
    prepare_directory(dir);
    std::vector<std::string> names;
    for (const auto& [name, svg] : sweep_diagrams(engine)) {
        write_file(dir / name, svg);
        names.push_back("plots/" + name);
    }
    for (const auto& there : fs::directory_iterator(dir))
        if (there.path().extension() == ".svg" &&
            std::find(names.begin(), names.end(), "plots/" + there.path().filename().string()) == names.end())
            remove_file(there.path());
    return names;
}

void leave_results(const SweepEngine& engine, bool interrupted, const fs::path& dir) {
    const auto plots = write_diagrams(engine, dir / "plots");
    write_file(dir / "points.csv", sweep_csv(engine));
    write_file(dir / "sweep.json", sweep_json(engine, interrupted, plots).dump(1) + "\n");
    write_sweep_report(dir);
}

/// What stands on the command line is a mistake of usage.
Exit refusal(const Diagnostics& found) {
    found.print(stderr);
    return found.errors_in(Source::Kind::File) > 0 ? Exit::BadInput : Exit::Usage;
}

/// Runs of this part, for whoever collects them.
Exit make_part(SweepEngine& engine) {
    const bool whole = engine.run();
    const std::size_t failed = engine.count(SweepRun::State::Failed);
    fmt::print("{} runs now, {} kept from before, {} failed\n", engine.count(SweepRun::State::Ran), engine.count(SweepRun::State::Kept), failed);
    return !whole ? Exit::Interrupted : failed > 0 ? Exit::PointsFailed : Exit::Ok;
}

/// Nothing: the job was submitted, and nobody waits for it. Else whether it was not interrupted.
std::optional<bool> run_engine(const CommandLine& line, SweepEngine& engine, const fs::path& dir) {
    if (line.engine == "local") return engine.run();
    const auto job = submit_to_slurm(line, engine, dir);
    if (!job) return true;
    if (line.detach) return std::nullopt;
    return wait_for_slurm(*job, engine, dir);
}

Exit sweep_in(const CommandLine& line, const Sweep& sweep, const fs::path& dir) {
    SweepEngine engine(sweep, dir, line.jobs, line.part, line.parts);
    Diagnostics found;
    engine.check(found);
    if (!found.ok()) return refusal(found);
    found.print(stderr);
    const std::size_t kept = line.out ? engine.take_kept() : 0;
    if (line.plan) {
        if (line.json) fmt::print("{}\n", sweep_json(engine, false, {}).dump(1)); // its runs are "missing"
        else print_sweep_plan(engine, kept);
        return SweepEngine::is_interrupted() ? Exit::Interrupted : Exit::Ok;
    }
    prepare_directory(dir);
    if (line.part != 0) return make_part(engine);
    bool whole = true;
    if (line.collect) {
        engine.take_tried([](std::size_t) { return std::string{}; });
        whole = engine.count(SweepRun::State::Missing) == 0;
    } else {
        const auto ended = run_engine(line, engine, dir);
        if (!ended) return Exit::Ok;
        whole = *ended;
    }
    leave_results(engine, !whole && !line.collect, dir);
    if (line.json) fmt::print("{}\n", sweep_json(engine, !whole && !line.collect, {}).dump(1));
    else print_sweep(engine, !whole && !line.collect);
    if (!whole && !line.collect) return Exit::Interrupted;
    if (!whole || engine.count(SweepRun::State::Failed) > 0) return Exit::PointsFailed;
    return engine.verdicts("fail") > 0 ? Exit::Failed : Exit::Ok;
}
} // namespace

Exit sweep_verb(const CommandLine& line) {
    Diagnostics found;
    std::unique_ptr<Sweep> sweep;
    try {
        sweep = read_sweep(line.sweep, line.sets, found);
    } catch (const UnknownScenario& e) {
        complain(e.what());
        return Exit::BadInput;
    }
    if (!found.ok()) return refusal(found);
    if (!line.out && (line.part != 0 || line.collect || line.engine == "slurm")) {
        complain(fmt::format("{} needs --out DIR, where runs are kept", line.part != 0 ? "--part" : line.collect ? "--collect" : "--engine slurm"));
        return Exit::Usage;
    }
    if (line.out && !line.plan) keep_apart(*line.out, ResultsOf::Sweep);
    if (line.out || line.plan) {
        const Exit exit = sweep_in(line, *sweep, line.out.value_or(""));
        std::fflush(stdout);
        if (!line.plan && exit != Exit::BadInput && exit != Exit::Usage) mention("results in " + *line.out);
        return exit;
    }
    const TemporaryDirectory scratch;
    return sweep_in(line, *sweep, scratch.path());
}

} // namespace quiesce::platform
