// SPDX-License-Identifier: Apache-2.0
/// `sweep`: a parameter study; what was done before is not done again.
#include "platform/files.h"
#include "platform/sweep/results.h"
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
}

Exit sweep_in(const CommandLine& line, const Sweep& sweep, const fs::path& dir) {
    SweepEngine engine(sweep, dir, line.jobs);
    Diagnostics found;
    engine.check(found);
    found.print(stderr);
    if (!found.ok()) return Exit::BadInput;
    const std::size_t kept = line.out ? engine.take_kept() : 0;
    if (line.plan) {
        if (line.json) fmt::print("{}\n", sweep_json(engine, false, {}).dump(1)); // its runs are "missing"
        else print_sweep_plan(engine, kept);
        return Exit::Ok;
    }
    prepare_directory(dir);
    const bool whole = engine.run();
    leave_results(engine, !whole, dir);
    if (line.json) fmt::print("{}\n", sweep_json(engine, !whole, {}).dump(1));
    else print_sweep(engine, !whole);
    if (!whole) return Exit::Interrupted;
    if (engine.count(SweepRun::State::Failed) > 0) return Exit::PointsFailed;
    return engine.verdicts("fail") > 0 ? Exit::Failed : Exit::Ok;
}
} // namespace

Exit sweep_verb(const CommandLine& line) {
    Diagnostics found;
    std::unique_ptr<Sweep> sweep;
    try {
        sweep = read_sweep(line.sweep, found);
    } catch (const UnknownScenario& e) {
        complain(e.what());
        return Exit::BadInput;
    }
    if (!found.ok()) {
        found.print(stderr);
        return Exit::BadInput;
    }
    if (line.out || line.plan) {
        const Exit exit = sweep_in(line, *sweep, line.out.value_or(""));
        std::fflush(stdout);
        if (!line.plan && exit != Exit::BadInput) mention("results in " + *line.out);
        return exit;
    }
    const TemporaryDirectory scratch;
    return sweep_in(line, *sweep, scratch.path());
}

} // namespace quiesce::platform
