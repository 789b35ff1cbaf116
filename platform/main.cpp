// SPDX-License-Identifier: Apache-2.0
#include "platform/files.h"
#include "platform/verbs.h"

#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <systemc>

namespace {
using namespace quiesce::platform;

struct Row {
    std::string_view verb;
    Exit (*run)(const CommandLine&);
};
constexpr Row rows[] = {{"run", run_verb}, {"check", check_verb}, {"compare", compare_verb}, {"list", list_verb}, {"schema", schema_verb},
                        {"features", features_verb}};

int go(int argc, char** argv) {
    const ParsedCommandLine parsed = parse_command_line(argc, argv);
    if (!parsed.line) return parsed.exit;
    try {
        for (const Row& r : rows)
            if (r.verb == parsed.line->verb) return static_cast<int>(r.run(*parsed.line));
    } catch (const IoError& e) {
        fmt::print(stderr, "quiesce: error: {}\n", e.what());
        return static_cast<int>(Exit::Io);
    } catch (const sc_core::sc_report& e) {
        fmt::print(stderr, "quiesce: the simulator cannot go on: {}\n", e.what());
        return static_cast<int>(Exit::CannotGoOn);
    } catch (const std::exception& e) {
        fmt::print(stderr, "quiesce: internal error: {}\n", e.what());
        return static_cast<int>(Exit::Internal);
    }
    return static_cast<int>(Exit::Internal);
}
} // namespace

int main(int argc, char** argv) {
    ::setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 0);
    const int code = go(argc, argv);
    std::fflush(stdout);
    return code;
}

/// The library's own main is not used, but it refers to this.
int sc_main(int, char**) { return 0; }
