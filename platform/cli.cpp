// SPDX-License-Identifier: Apache-2.0
#include "platform/cli.h"

#include <CLI/CLI.hpp>

#ifndef QUIESCE_VERSION
#define QUIESCE_VERSION "0"
#endif

namespace quiesce::platform {
namespace {
const char* const scenario_help = "a scenario file, or a name from `quiesce list scenarios`";

void add_scenario(CLI::App& app, CommandLine& line) { app.add_option("scenario", line.scenario, scenario_help)->required()->type_name("SCENARIO"); }

void add_sets(CLI::App& app, CommandLine& line) {
    app.add_option("--set", line.sets, "any path of platform, os, devices or observe; more than once")->type_name("PATH=VALUE")
        ->allow_extra_args(false)->take_all();
}

void add_run(CLI::App& app, CommandLine& line) {
    add_scenario(app, line);
    app.add_option("--out", line.out, "leave run.json, config.resolved.yaml, waves.vcd and waves.gtkw here")->type_name("DIR");
    app.add_option("--seed", line.seed, "seed of every random stream (default: the scenario's, else 1)")->type_name("N");
    add_sets(app, line);
    app.add_flag("--check-tlm", line.check_tlm, "route register accesses through TLM-2.0 sockets with the base-protocol checker in line");
    app.footer("examples:\n"
               "  quiesce run mm-exit-under-load --out out/a\n"
               "  quiesce run slow-device-stop --set os.policy=mm-exit\n"
               "  quiesce run my.yaml --seed 7 --set os.bugs=[R8] --set observe.waves=false\n");
}

void add_compare(CLI::App& app, CommandLine& line) {
    add_scenario(app, line);
    app.add_option("--over", line.over, "a path and the values to compare; more than once: every combination")->type_name("PATH=A,B,...")
        ->required()->allow_extra_args(false)->take_all();
    app.add_option("--out", line.out, "leave each variant's results in a directory below this one")->type_name("DIR");
    app.add_option("--seed", line.seed, "the same for every variant")->type_name("N");
    app.add_option("--jobs", line.jobs, "simulations at a time (default: one per processor)")->type_name("N");
    add_sets(app, line);
    app.footer("examples:\n"
               "  quiesce compare mm-exit-under-load --over os.policy=quiet-unbind,mm-exit --out out\n"
               "  quiesce compare slow-device-stop --over os.policy=quiet-unbind,mm-exit --over platform.memory.dma_latency=85ns,200ns\n");
}
} // namespace

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
    CommandLine line;
    CLI::App app{"quiesce: how long until no device can touch a dying process's memory, and what that time is made of", "quiesce"};
    app.set_version_flag("--version", std::string{"quiesce "} + QUIESCE_VERSION);
    app.require_subcommand(1);
    app.footer("`quiesce VERB --help` has examples of each verb. stdout is data, stderr is for people.\n"
               "exit codes: 0 ok, 1 an expectation failed or a violation was found, 2 usage, 3 bad input, 4 cannot go on, 5 I/O,\n"
               "70 internal, 130 interrupted");
    add_run(*app.add_subcommand("run", "simulate one scenario"), line);
    auto* check = app.add_subcommand("check", "read a scenario and say everything that is wrong with it; nothing is simulated");
    add_scenario(*check, line);
    add_sets(*check, line);
    check->footer("examples:\n  quiesce check my.yaml\n  quiesce check mm-exit-under-load --set os.policy=mm-exit\n");
    add_compare(*app.add_subcommand("compare", "the same workload and seeds over every combination of values, one table"), line);
    auto* list = app.add_subcommand("list", "what there is, each with a line of help");
    list->add_option("what", line.list, "")->required()->check(CLI::IsMember({"scenarios", "presets", "params", "policies", "bugs", "devices", "metrics"}))
        ->type_name("scenarios|presets|params|policies|bugs|devices|metrics");
    list->add_flag("--json", line.json, "an array of objects");
    list->footer("examples:\n  quiesce list scenarios\n  quiesce list params | grep tlb\n  quiesce list bugs --json\n");
    app.add_subcommand("schema", "JSON Schema (draft-07) of a scenario")
        ->footer("example:\n  quiesce schema > scenario.schema.json   # first line of a scenario: # yaml-language-server: $schema=scenario.schema.json\n");
    auto* features = app.add_subcommand("features", "every register, field, command and event, and whether it is modelled");
    features->add_flag("--json", line.json, "an array of objects");
    features->footer("example:\n  quiesce features | grep absent\n");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        const int code = app.exit(e);
        return {std::nullopt, code == 0 ? 0 : 2}; // CLI11's 100-series all mean: usage
    }
    line.verb = app.get_subcommands().front()->get_name();
    return {line, 0};
}

} // namespace quiesce::platform
