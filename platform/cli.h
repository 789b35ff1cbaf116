// SPDX-License-Identifier: Apache-2.0
/// The command line, in words of our own: CLI11 stays behind cli_app.h.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace quiesce::platform {

struct CommandLine {
    std::string verb;                        ///< run, check, compare, sweep, stress, explain, report, replay, list, schema, features, completion, man
    std::string scenario;
    std::string sweep;                       ///< a sweep file, or a name
    std::string vectors;                     ///< a file, or - for stdin
    std::string directory, id;               ///< explain: of which results, what of them
    std::vector<std::string> directories;    ///< report, compare: of which results
    std::vector<std::string> teardowns;      ///< report: whose sequences
    std::optional<std::string> out;
    std::optional<unsigned long long> seed;
    std::vector<std::string> sets, over, fail_if;
    std::optional<std::string> reference, against; ///< compare: a variant's name; earlier results
    unsigned long long repeat = 1;           ///< compare: so many seeds
    std::string engine = "local";            ///< sweep: where points run
    std::vector<std::string> sbatch;         ///< sweep: further arguments of sbatch
    unsigned long long part = 0, parts = 0;  ///< sweep: only the part-th of so many parts; 0: all
    unsigned long long runs = 300;
    unsigned jobs = 0;                       ///< 0: as many as there are processors
    std::string list;                        ///< what to list; empty: what can be
    std::string shell, page;                 ///< completion: for which; man: which
    bool json = false, check_tlm = false, plan = false;
    std::vector<std::string> short_sets;     ///< what options of their own stand for: --pcap is observe.pcap=true
    bool detach = false, collect = false;    ///< sweep
    bool of_sweep = false;                   ///< schema
};

/// The command line, or the exit code with which to stop (after help, 0; after a usage error, 2).
struct ParsedCommandLine {
    std::optional<CommandLine> line;
    int exit = 0;
};
ParsedCommandLine parse_command_line(int argc, const char* const* argv);

} // namespace quiesce::platform
