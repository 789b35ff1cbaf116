// SPDX-License-Identifier: Apache-2.0
#include "platform/report/report.h"
#include "platform/verbs.h"

#include "platform/files.h"
#include "platform/results.h"

#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>
#include <systemc>

namespace quiesce::platform {

Read read_quietly(const CommandLine& line, const std::vector<std::string>& more_sets, Diagnostics& found) {
    Read read;
    std::vector<std::string> sets = line.sets;
    sets.insert(sets.end(), line.short_sets.begin(), line.short_sets.end());
    sets.insert(sets.end(), more_sets.begin(), more_sets.end());
    try {
        read.scenario = read_scenario(line.scenario, sets, found);
    } catch (const UnknownScenario& e) {
        complain(e.what());
        return {nullptr, Exit::BadInput, true};
    }
    if (!found.ok()) return {nullptr, found.errors_in(Source::Kind::File) > 0 ? Exit::BadInput : Exit::Usage, false};
    if (line.seed) read.scenario->seed = *line.seed;
    if (line.check_tlm) read.scenario->config.check_tlm = true;
    return read;
}

Read read_for(const CommandLine& line, const std::vector<std::string>& more_sets) {
    Diagnostics found;
    Read read = read_quietly(line, more_sets, found);
    found.print(stderr);
    return read;
}

Exit report_current_exception() {
    const auto say = [](std::string_view what, const std::exception& e, Exit exit) {
        complain(e.what(), std::nullopt, what);
        return exit;
    };
    try {
        throw;
    } catch (const InputError& e) {
        Diagnostics said;
        said.error(e.at(), e.what());
        said.print(stderr);
        return Exit::BadInput;
    } catch (const IoError& e) {
        return say("error", e, Exit::Io);
    } catch (const std::system_error& e) { // of a write to stdout, of the file system
        return say("error", e, Exit::Io);
    } catch (const sc_core::sc_report& e) {
        return say("the simulator cannot go on", e, Exit::CannotGoOn);
    } catch (const std::bad_alloc& e) {
        return say("the simulator cannot go on", e, Exit::CannotGoOn);
    } catch (const std::runtime_error& e) { // models throw it where the simulated machine has no way on
        return say("the simulator cannot go on", e, Exit::CannotGoOn);
    } catch (const std::exception& e) {
        return say("internal error", e, Exit::Internal);
    }
}

Exit check_verb(const CommandLine& line) {
    const Read read = read_for(line);
    if (!read.scenario) return read.exit;
    const Scenario& s = *read.scenario;
    const auto missing = missing_capability(s);
    if (line.json) {
        const nlohmann::ordered_json told{{"scenario", s.name}, {"ok", true}, {"applicable", missing.empty()}, {"sentences", s.steps.size()},
                                          {"expectations", s.expectations.size()}, {"devices", s.config.devices.size()}};
        fmt::print("{}\n", told.dump(2));
    } else {
        fmt::print("{}: ok: {} sentences, {} expectations, {} devices\n", s.name, s.steps.size(), s.expectations.size(), s.config.devices.size());
    }
    if (!missing.empty()) mention("not applicable: " + missing);
    return Exit::Ok;
}

Exit run_verb(const CommandLine& line) {
    const Read read = read_for(line);
    if (!read.scenario) return read.exit;
    if (line.out) keep_apart(*line.out, ResultsOf::Run);
    std::signal(SIGINT, [](int) { interrupt_current_run(); });
    const Ran ran = simulate(*read.scenario, line.out ? std::optional<std::filesystem::path>(*line.out) : std::nullopt);
    Exit exit = ran.exit;
    if (line.out) exit = leave_report({{"", *line.out}}, std::filesystem::path(*line.out) / "report.html", exit);
    if (line.json) fmt::print("{}\n", observe::to_json(ran.record).dump(2));
    if (ran.record.verdict == "not-applicable") {
        mention("not applicable: " + missing_capability(*read.scenario));
        return exit;
    }
    ran.notes.print(stderr);
    if (!line.json) fmt::print("{}", observe::to_text(ran.record));
    if (line.out) mention("results in " + *line.out);
    return exit;
}

} // namespace quiesce::platform
