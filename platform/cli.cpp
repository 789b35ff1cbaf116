// SPDX-License-Identifier: Apache-2.0
#include "platform/cli_app.h"

#include "platform/diagnostics.h"
#include "platform/lists.h"

#include <fmt/format.h>

#ifndef QUIESCE_VERSION
#define QUIESCE_VERSION "0"
#endif

namespace quiesce::platform {
namespace {
const std::vector<std::string> answering{"run", "check", "compare", "sweep", "stress", "explain", "replay", "list", "features"};

const char* const scenario_help = "a scenario file, or a name from `quiesce list scenarios`";

void add_scenario(CLI::App& app, CommandLine& line) { app.add_option("scenario", line.scenario, scenario_help)->required()->type_name("SCENARIO"); }

void add_sets(CLI::App& app, CommandLine& line) {
    app.add_option("--set", line.sets, "any path of platform, os, devices or observe; more than once")->type_name("PATH=VALUE")
        ->allow_extra_args(false)->take_all();
}

/// What is left besides, as options of their own; each stands for a parameter.
void add_outputs(CLI::App& app, CommandLine& line) {
    const auto flag = [&](const char* name, const char* set, const char* help) {
        app.add_flag_callback(name, [&line, set] { line.short_sets.emplace_back(set); }, help)->needs("--out");
    };
    const auto option = [&](const char* name, const char* path, const char* type, const char* help) {
        app.add_option_function<std::string>(name, [&line, path](const std::string& value) { line.short_sets.push_back(fmt::format("{}={}", path, value)); }, help)
            ->type_name(type)->needs("--out");
    };
    flag("--fst", "observe.fst=true", "leave waves.fst, too (observe.fst)");
    option("--wave-from", "observe.window.from", "TIME", "waveforms and packets from here on (observe.window.from)");
    option("--wave-until", "observe.window.until", "TIME", "and up to here (observe.window.until)");
    option("--wave-around", "observe.window.around", "ID[:BEFORE,AFTER]", "waveforms around T0 of a teardown or around a violation: t0, v3:5us,20us (observe.window.around)");
    flag("--pcap", "observe.pcap=true", "leave tlps.pcapng, too: the packets of every link, for Wireshark (observe.pcap)");
}

void add_run(CLI::App& app, CommandLine& line, Figures& figures) {
    add_scenario(app, line);
    app.add_option("--out", line.out, "leave report.html, run.json, config.resolved.yaml, events.sqlite, timeline.pftrace, waves.vcd and waves.gtkw here")->type_name("DIR");
    app.add_option("--seed", figures.seed, "seed of every random stream, 0 to 18446744073709551615 (default: the scenario's, else 1)")
        ->type_name("N");
    add_sets(app, line);
    add_outputs(app, line);
    app.add_flag("--check-tlm", line.check_tlm, "route register accesses through TLM-2.0 sockets with the base-protocol checker in line");
    app.footer("examples:\n"
               "  quiesce run mm-exit-under-load --out out/a\n"
               "  quiesce run slow-device-stop --set os.policy=mm-exit\n"
               "  quiesce run ats-teardown --out out/b --pcap   # wireshark -X lua_script:scripts/wireshark/quiesce-tlp.lua out/b/tlps.pcapng\n"
               "  quiesce run my.yaml --seed 7 --set os.bugs=[R8] --set observe.waves=false\n");
}

void add_compare(CLI::App& app, CommandLine& line, Figures& figures) {
    app.add_option("what", line.directories, "a scenario (with --over), or two or more directories that `quiesce run --out` left")
        ->required()->type_name("SCENARIO|DIR DIR ...");
    app.add_option("--over", line.over, "a path and the values to compare; more than once: every combination")->type_name("PATH=A,B,...")
        ->allow_extra_args(false)->take_all();
    app.add_option("--repeat", figures.repeat, "so many seeds, 1 to 10000, each for every variant: differences are paired, with confidence intervals")
        ->type_name("N");
    app.add_option("--reference", line.reference, "the variant that others are held against (default: the first that ran)")->type_name("NAME");
    app.add_option("--against", line.against, "results of an earlier run or comparison, which --fail-if holds each variant against")->type_name("DIR");
    app.add_option("--fail-if", line.fail_if, "exit with 1 if this holds of a variant; more than once")->type_name("'PATH > VALUE'")
        ->allow_extra_args(false)->take_all();
    app.add_option("--out", line.out, "leave report.html here, and each variant's results in a directory below")->type_name("DIR");
    app.add_option("--seed", figures.seed, "the same for every variant")->type_name("N");
    app.add_option("--jobs", figures.jobs, "simulations at a time, 1 to 1024 (default: one per processor)")->type_name("N");
    add_sets(app, line);
    add_outputs(app, line);
    app.footer("A combination that there cannot be is marked as refused, with the reason, and the others run. Each device, CPU, allocator\n"
               "and so on draws from a random stream of its own, so that what one variant does otherwise changes nobody else's draws. Where\n"
               "two variants part is told twice: the first event that is another or comes at another time (one architecture only), and the\n"
               "first thing that happens otherwise to a process, bond or device queue, whatever its time and whatever an IOMMU is told.\n"
               "--fail-if 'PATH OP VALUE': PATH is a number of run.json (`summary.` may be left out), a milestone, quiesce, exposure or\n"
               "violations; OP is > >= < <= == or !=. Without a sign VALUE is a value, with one a difference from the reference: of so much\n"
               "(+2us), or of hundredths of it (+5%). A run that has no such number where the reference has one fails; with --repeat means\n"
               "over the seeds are compared.\n"
               "exit codes: 0 ok, 1 a run failed or a --fail-if holds, 2 or 3 no combination can be, 5 I/O\n"
               "examples:\n"
               "  quiesce compare mm-exit-under-load --over os.policy=quiet-unbind,mm-exit --out out\n"
               "  quiesce compare slow-device-stop --over os.policy=quiet-unbind,mm-exit --over platform.memory.dma_latency=85ns,200ns\n"
               "  quiesce compare ats-teardown --over os.policy=quiet-unbind,mm-exit --repeat 20 --set os.cpu.jitter=1us\n"
               "  quiesce compare mm-exit-under-load --over os.policy=quiet-unbind,mm-exit --fail-if 'quiesce.p99 > +5%' --fail-if 'mmput > 2ms'\n"
               "  quiesce run ats-teardown --out out/a; quiesce run ats-teardown --seed 2 --out out/b; quiesce compare out/a out/b\n"
               "  quiesce compare mm-exit-under-load --against out/last-week --fail-if 'quiesce.max > +2us'\n");
}

void add_sweep(CLI::App& app, CommandLine& line, Figures& figures) {
    app.add_option("sweep", line.sweep, "a sweep file, or the name of one of the library's (quiesce-vs-atc)")->required()->type_name("SWEEP.yaml");
    app.add_option("--out", line.out, "leave report.html, points.csv, sweep.json, plots/ and what was run here; what is here already is not run again")
        ->type_name("DIR");
    app.add_option("--jobs", figures.jobs, "simulations at a time, 1 to 1024 (default: one per processor)")->type_name("N");
    add_sets(app, line);
    app.add_option("--engine", line.engine, "where points run: local (processes of this machine) or slurm (a job array, waited for; --jobs: tasks at a time)")
        ->type_name("local|slurm");
    app.add_option("--sbatch", line.sbatch, "a further argument of sbatch, such as --partition=long; more than once")->type_name("ARG")
        ->allow_extra_args(false)->take_all();
    app.add_flag("--detach", line.detach, "with --engine slurm: submit, and do not wait (then --collect)");
    app.add_flag("--plan", line.plan, "say how many runs there would be, their axes, first and last points and about how long; run nothing");
    app.add_flag("--collect", line.collect, "run nothing: tables and diagrams of what is there");
    app.add_option("--part", figures.part, "make only the runs of the K-th of N parts, and no tables (then --collect): for job arrays of any kind")
        ->type_name("K/N");
    app.footer("A sweep file has a scenario, axes (lists, ranges, several that go together), what must hold of a point, seeds, metrics and\n"
               "diagrams; platform/docs/parameter-study.md has one. Everything is checked before anything runs. A run is kept under the hash\n"
               "of its configuration, its seed and this binary: a sweep that was killed goes on where it was, a run that failed is tried again.\n"
               "exit codes: 0 ok, 1 a run found a violation or a claim did not hold (judge: violations leaves claims aside), 3 bad input,\n"
               "6 some runs failed, 130 interrupted (what was done is kept)\n"
               "examples:\n"
               "  quiesce sweep quiesce-vs-atc --plan\n"
               "  quiesce sweep quiesce-vs-atc --out out/atc\n"
               "  quiesce sweep quiesce-vs-atc --set os.policy=mm-exit --engine slurm --sbatch=--time=10 --out /shared/atc\n"
               "  parallel quiesce sweep my-sweep.yaml --out out/mine --part {}/8 ::: 1 2 3 4 5 6 7 8; quiesce sweep my-sweep.yaml --out out/mine --collect\n"
               "  quiesce sweep my-sweep.yaml --jobs 8 --out out/mine && column -s, -t out/mine/points.csv | less\n");
}

void add_stress(CLI::App& app, CommandLine& line, Figures& figures) {
    app.add_option("--runs", figures.runs, "how many scenarios, 1 to 100000000 (default: 300)")->type_name("N");
    app.add_option("--seed", figures.seed, "of the first; each has the seed after the one before (default: 1)")->type_name("S");
    app.add_option("--jobs", figures.jobs, "simulations at a time, 1 to 1024 (default: one per processor)")->type_name("N");
    app.add_option("--out", line.out, "leave the files that repeat failures here (default: the working directory)")->type_name("DIR");
    add_sets(app, line);
    app.add_flag("--check-tlm", line.check_tlm, "as with run");
    app.footer("Each scenario is drawn from its seed: topology, kernel, policy, architecture, processes, devices and timing; devices are\n"
               "well-mannered, the combinations are safe ones (or would be without page requests, and have none), and every process ends.\n"
               "A correct system has no violation then, and nothing is left behind. Each failure is named with a file stress-SEED.yaml that repeats it. The same seeds are the same scenarios,\n"
               "whatever --jobs is. What --set chooses of kernel, policy and architecture is drawn no more, and goes before safety.\n"
               "exit codes: 0 nothing was found, 1 a run failed, 4 or 70 a run ended in no way that it may\n"
               "examples:\n"
               "  quiesce stress\n"
               "  quiesce stress --runs 10000 --seed 1000 --out out/stress\n"
               "  quiesce stress --runs 50 --set 'os.bugs=[R6]'     # finds what a kernel does that forgets the devices' caches\n");
}

void add_explain(CLI::App& app, CommandLine& line) {
    app.add_option("directory", line.directory, "what `quiesce run --out DIR` left")->required()->type_name("DIR");
    app.add_option("id", line.id, "t0: a teardown, v0: a violation, as run.json has them; f0: a fault, p0: a page request, s0: a Stop Marker, x7: a transaction, e7: an event, as all files name it")->required()->type_name("ID");
    app.add_flag("--json", line.json, "the same as data: what is told, fields that decided, chains of events");
    app.footer("A teardown: what its quiesce latency waited for, part by part, with the commands; when each milestone came and what it waited\n"
               "for last; the kernel's steps; the fences. A violation: its story, what became of the page, which fence should have covered it,\n"
               "the way of the DMA, and how far the kernel's steps had come. A fault (f), a page request (p), a Stop Marker (s), a transaction (x):\n"
               "its way through device, link, IOMMU and kernel; f, p and s are counted from 0, and what there is is said for an ID that is not there.\n"
               "Each with its causal chain: event by event, what waited for what and how long, the section of the manual or the kernel's\n"
               "function, and the configuration field that decided. An event (e): what led to it, and what came of it at once.\n"
               "examples:\n"
               "  quiesce run mm-exit-under-load --out out/a && quiesce explain out/a t0\n"
               "  quiesce run mm-exit-under-load --set 'os.bugs=[forget-tlbi]' --out out/b; quiesce explain out/b v0\n"
               "  quiesce run pri-storm-exit --out out/c && quiesce explain out/c p0\n");
}

void add_report(CLI::App& app, CommandLine& line) {
    app.add_option("directories", line.directories, "what `quiesce run --out DIR`, `quiesce compare --out DIR` or `quiesce sweep --out DIR` left; of several runs, each is a panel")
        ->required()->type_name("DIR ...");
    app.add_option("--out", line.out, "leave report.html here (default: in DIR; of several, in the working directory)")->type_name("DIR");
    app.add_option("--teardown", line.teardowns, "draw the sequence of these teardowns (default: of the eight that tell most); `quiesce explain` tells them, too")
        ->type_name("ID")->delimiter(',')->allow_extra_args(false)->take_all();
    app.footer("One page for a browser, without network: verdict, a Gantt of all teardowns from T0, what their time consists of, the critical\n"
               "path of the slowest in words, the distribution, violations with their stories, sequence diagrams, faults, exposed pages, how\n"
               "full queues were, what caches had before and after, and where\n"
               "each parameter comes from. It prints, it works without scripts, and its names are those of run.json.\n"
               "examples:\n"
               "  quiesce run mm-exit-under-load --out out/a                 # leaves out/a/report.html\n"
               "  quiesce report out/a                                       # builds it again from what is there\n"
               "  quiesce report out/a out/b --out out/both                  # two runs side by side\n"
               "  quiesce report out/a --teardown t17,t30                    # the sequence diagrams of these\n");
}

void add_replay(CLI::App& app, CommandLine& line) {
    app.add_option("vectors", line.vectors, "a file with one vector in each line; - is stdin")->required()->type_name("VECTORS.jsonl|-");
    app.add_flag("--json", line.json, "print what came of each vector, one line of JSON each, and judge nothing");
    app.footer("Each line is done to a fresh IOMMU without operating system and PCIe: register writes, memory words, DMAs. What it\n"
               "expects is compared: a difference of a strict item is an error, one of a soft item is only listed, and of a deviant\n"
               "item agreement is listed, because the implementation that the vector was made with is known to be wrong there.\n"
               "A vector that the model cannot be (its architecture, its identification registers) is skipped, with the reason.\n"
               "exit codes: 0 no strict item differs, 1 one does, 3 a line is no vector (all others are run all the same)\n"
               "examples:\n"
               "  quiesce replay testbenches/replay/smmuv3.jsonl\n"
               "  quiesce replay vectors.jsonl --json > outcomes.jsonl\n"
               "  grep '\"class\":\"s2/' vectors.jsonl | quiesce replay -\n");
}

/// A figure of the command line, if it was given.
template <class Integer>
std::optional<Integer> figure(const CLI::App& verb, const char* option, const std::string& text, Integer lo, Integer hi, Diagnostics& out) {
    const CLI::Option* given = verb.get_option_no_throw(option);
    if (given == nullptr || given->count() == 0) return std::nullopt;
    const auto source = std::make_shared<const Source>(option, text, Source::Kind::CommandLine);
    const auto number = base::parse_integer<Integer>(text, lo, hi);
    if (!number) out.error(place_of(source, 0), number.error);
    return number.value;
}

std::vector<std::string> verb_names(CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) names.push_back(verb->get_name());
    return names;
}

/// The option that an unknown one of the command line was probably meant to be.
std::string option_meant(const CLI::App& app) {
    for (const CLI::App* verb : app.get_subcommands()) {
        std::vector<std::string> known;
        for (const CLI::Option* o : verb->get_options())
            for (const std::string& name : o->get_lnames()) known.push_back("--" + name);
        for (const std::string& rest : app.remaining(true))
            if (rest.substr(0, 2) == "--")
                if (const auto close = base::closest(rest.substr(0, rest.find('=')), known)) return fmt::format("did you mean {}?\n", *close);
    }
    return {};
}

int usage(const std::string& what, std::string_view got, const std::vector<std::string>& known) {
    const auto close = base::closest(got, known);
    if (manner().json) {
        complain(fmt::format("unknown {} '{}': expected one of {}", what, printable(got), base::join(known)), close);
        return 2;
    }
    fmt::print(stderr, "quiesce: error: unknown {} '{}'{}: expected one of {}\n", what, printable(got),
               close ? fmt::format("; did you mean '{}'?", *close) : "", base::join(known));
    return 2;
}

std::vector<std::string> names_of(const std::vector<std::pair<std::string, std::string>>& rows) {
    std::vector<std::string> names;
    for (const auto& row : rows) names.push_back(row.first);
    return names;
}

/// "3/8"
void read_part(const std::string& text, CommandLine& line, Diagnostics& out) {
    if (text.empty()) return;
    const std::size_t slash = std::min(text.find('/'), text.size());
    const auto of = base::parse_integer<std::uint64_t>(std::string_view(text).substr(std::min(slash + 1, text.size())), 1, 1'000'000);
    const auto part = of ? base::parse_integer<std::uint64_t>(std::string_view(text).substr(0, slash), 1, *of.value) : of;
    if (!of || !part)
        return out.error(place_of(std::make_shared<const Source>("--part", text, Source::Kind::CommandLine), of ? 0 : slash),
                         (of ? part : of).error + " (a part is 3/8: the third of eight)");
    line.part = *part.value;
    line.parts = *of.value;
}

/// What CLI11 does not judge as we do; the exit code, 0 if all is well.
int finish(CLI::App& app, const Figures& figures, CommandLine& line) {
    const CLI::App& verb = *app.get_subcommands().front();
    line.verb = verb.get_name();
    if (const auto known = names_of(list_kinds()); !line.list.empty() && std::find(known.begin(), known.end(), line.list) == known.end())
        return usage("list", line.list, known);
    if (const std::vector<std::string> known{"text", "json"}; std::find(known.begin(), known.end(), figures.diagnostics) == known.end())
        return usage("form of diagnostics", figures.diagnostics, known);
    if (const std::vector<std::string> known{"auto", "always", "never"}; std::find(known.begin(), known.end(), figures.color) == known.end())
        return usage("--color", figures.color, known);
    manner().colour = figures.color == "auto" ? Manner::Colour::Auto : figures.color == "always" ? Manner::Colour::Always : Manner::Colour::Never;
    if (line.engine != "local" && line.engine != "slurm") return usage("engine", line.engine, {"local", "slurm"});
    if (line.verb == "compare") line.scenario = line.directories.front();
    Diagnostics out;
    line.seed = figure<std::uint64_t>(verb, "--seed", figures.seed, 0, std::numeric_limits<std::uint64_t>::max(), out);
    line.runs = figure<std::uint64_t>(verb, "--runs", figures.runs, 1, 100'000'000, out).value_or(line.runs);
    line.repeat = figure<std::uint64_t>(verb, "--repeat", figures.repeat, 1, 10'000, out).value_or(line.repeat);
    read_part(figures.part, line, out);
    line.jobs = figure<unsigned>(verb, "--jobs", figures.jobs, 1, 1024, out).value_or(0);
    out.print(stderr);
    return out.ok() ? 0 : 2;
}
/// What every verb takes; --json where it has something to answer.
void add_common(CLI::App& verb, CommandLine& line, Figures& figures) {
    const bool answers = std::find(answering.begin(), answering.end(), verb.get_name()) != answering.end();
    if (answers && verb.get_option_no_throw("--json") == nullptr) verb.add_flag("--json", line.json, "stdout is one JSON document");
    verb.add_option("--diagnostics", figures.diagnostics, "how stderr speaks: text, or json, an object a line (severity, file, line, col, message, hint)")
        ->type_name("text|json");
    verb.add_option("--color", figures.color, "colour in diagnostics; auto: on a terminal, unless NO_COLOR is set")->type_name("auto|always|never");
}

/// CLI11 complains before it has read everything: how it is to do that is seen beforehand.
void foresee_manner(int argc, const char* const* argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--diagnostics=json" || (word == "--diagnostics" && i + 1 < argc && std::string_view(argv[i + 1]) == "json")) manner().json = true;
    }
}

int parse_error(const CLI::App& app, const CLI::ParseError& e) {
    if (e.get_exit_code() == 0 || !manner().json) {
        const int code = app.exit(e);
        if (code != 0) fmt::print(stderr, "{}", option_meant(app));
        return code == 0 ? 0 : 2; // CLI11's 100-series all mean: usage
    }
    std::string hint = option_meant(app);
    if (!hint.empty()) hint = hint.substr(std::string_view("did you mean ").size(), hint.rfind('?') - std::string_view("did you mean ").size());
    complain(e.what(), hint.empty() ? std::nullopt : std::optional(hint));
    return 2;
}
} // namespace

std::unique_ptr<CLI::App> describe_command_line(CommandLine& line, Figures& figures) {
    auto described = std::make_unique<CLI::App>("quiesce: how long until no device can touch a dying process's memory, and what that time is made of",
                                                "quiesce");
    CLI::App& app = *described;
    app.set_version_flag("--version", std::string{"quiesce "} + QUIESCE_VERSION);
    app.require_subcommand(1);
    app.footer("`quiesce VERB --help` has examples of each verb. stdout is data, stderr is for people.\n"
               "exit codes: 0 ok, 1 an expectation failed or a violation was found, 2 usage, 3 bad input, 4 cannot go on, 5 I/O,\n"
               "6 some runs of a sweep failed, 70 internal, 130 interrupted");
    add_run(*app.add_subcommand("run", "simulate one scenario"), line, figures);
    auto* check = app.add_subcommand("check", "read a scenario and say everything that is wrong with it; nothing is simulated");
    add_scenario(*check, line);
    add_sets(*check, line);
    check->footer("examples:\n  quiesce check my.yaml\n  quiesce check mm-exit-under-load --set os.policy=mm-exit\n");
    add_compare(*app.add_subcommand("compare", "the same workload and seeds over every combination of values, one table"), line, figures);
    add_sweep(*app.add_subcommand("sweep", "a parameter study: a scenario over axes of values; resumable"), line, figures);
    add_stress(*app.add_subcommand("stress", "random scenarios that a correct system survives; what fails is named with a file that repeats it"), line,
               figures);
    add_explain(*app.add_subcommand("explain", "the causal chain of a teardown, or how a violation came about, from results"), line);
    add_report(*app.add_subcommand("report", "build report.html again from results; of several, a panel each"), line);
    add_replay(*app.add_subcommand("replay", "vectors of another implementation against a bare IOMMU model"), line);
    auto* list = app.add_subcommand("list", "what there is, each with a line of help");
    list->add_option("what", line.list, "what to list; nothing: what can be listed")->type_name(base::join(names_of(list_kinds()), "|"));
    list->add_flag("--json", line.json, "an array of objects");
    list->footer("examples:\n  quiesce list scenarios\n  quiesce list params | grep tlb\n  quiesce list bugs --json\n");
    auto* schema = app.add_subcommand("schema", "JSON Schema (draft-07) of a scenario, or of a sweep");
    schema->add_flag("--sweep", line.of_sweep, "of a sweep's file");
    schema->footer("examples:\n  quiesce schema > scenario.schema.json   # first line of a scenario: # yaml-language-server: $schema=scenario.schema.json\n"
                   "  quiesce schema --sweep > sweep.schema.json\n");
    auto* features = app.add_subcommand("features", "every register, field, command and event, and whether it is modelled");
    features->add_flag("--json", line.json, "an array of objects");
    features->footer("example:\n  quiesce features | grep absent\n");
    auto* completion = app.add_subcommand("completion", "a script that makes a shell complete verbs, options, names, parameters and their values");
    completion->add_option("shell", line.shell, "which shell")->required()->type_name("bash|zsh|fish");
    completion->footer("An installed quiesce has them where each shell looks. From a build tree:\n"
                       "examples:\n"
                       "  source <(quiesce completion bash)\n"
                       "  quiesce completion zsh > ~/.zfunc/_quiesce                 # a directory of $fpath\n"
                       "  quiesce completion fish > ~/.config/fish/completions/quiesce.fish\n");
    auto* man = app.add_subcommand("man", "the manual pages, made of what this binary says of itself");
    man->add_option("page", line.page, "such as quiesce.1, quiesce-run.1, quiesce-scenario.5 (default: quiesce.1)")->type_name("PAGE");
    man->add_option("--out", line.out, "leave all pages here")->type_name("DIR");
    man->footer("examples:\n  quiesce man > quiesce.1 && man -l quiesce.1\n  quiesce man quiesce-scenario.5 | man -l -\n");
    for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) add_common(*verb, line, figures);
    return described;
}

ParsedCommandLine parse_command_line(int argc, const char* const* argv) {
    CommandLine line;
    Figures figures;
    foresee_manner(argc, argv);
    const auto described = describe_command_line(line, figures);
    CLI::App& app = *described;
    const std::vector<std::string> verbs = verb_names(app);
    if (argc > 1 && argv[1][0] != '-' && std::find(verbs.begin(), verbs.end(), argv[1]) == verbs.end())
        return {std::nullopt, usage("verb", argv[1], verbs)};
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return {std::nullopt, parse_error(app, e)};
    }
    const int code = finish(app, figures, line);
    return {code == 0 ? std::optional(line) : std::nullopt, code};
}

} // namespace quiesce::platform
