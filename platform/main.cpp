// SPDX-License-Identifier: Apache-2.0
#include "platform/verbs.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <iostream>
#include <systemc>

namespace {
using namespace quiesce::platform;

struct Row {
    std::string_view verb;
    Exit (*run)(const CommandLine&);
};
constexpr Row rows[] = {{"run", run_verb}, {"check", check_verb}, {"compare", compare_verb}, {"sweep", sweep_verb},
                        {"stress", stress_verb}, {"explain", explain_verb}, {"report", report_verb},
                        {"replay", replay_verb}, {"list", list_verb}, {"schema", schema_verb}, {"features", features_verb},
                        {"completion", completion_verb}, {"man", man_verb}};

int go(int argc, char** argv) {
    if (argc > 1 && std::string_view(argv[1]) == "complete") return static_cast<int>(complete({argv + 2, argv + argc})); // a shell asks
    const ParsedCommandLine parsed = parse_command_line(argc, argv);
    if (!parsed.line) return parsed.exit;
    try {
        for (const Row& r : rows)
            if (r.verb == parsed.line->verb) return static_cast<int>(r.run(*parsed.line));
    } catch (...) {
        return static_cast<int>(report_current_exception());
    }
    return static_cast<int>(Exit::Internal);
}

/// What was printed but could not be written is an I/O error, unless something worse came before.
int flushed(int code) {
    std::cout.flush(); // help texts go there
    const bool whole = std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
    constexpr int worse[] = {130, 70, 4};
    if (whole || std::find(std::begin(worse), std::end(worse), code) != std::end(worse)) return code;
    complain(fmt::format("cannot write to stdout: {}", std::strerror(errno)));
    return static_cast<int>(Exit::Io);
}
} // namespace

int main(int argc, char** argv) {
    ::setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
    return flushed(go(argc, argv));
}

/// The library's own main is not used, but it refers to this.
int sc_main(int, char**) { return 0; }
