// SPDX-License-Identifier: Apache-2.0
/// The verbs of the command line. Each prints its data to stdout, its words for people to stderr, and returns its exit code.
#pragma once
#include "platform/cli.h"
#include "platform/runner.h"

namespace quiesce::platform {

Exit run_verb(const CommandLine& line);
Exit check_verb(const CommandLine& line);
Exit compare_verb(const CommandLine& line);
Exit sweep_verb(const CommandLine& line);
Exit stress_verb(const CommandLine& line);
Exit explain_verb(const CommandLine& line);
Exit report_verb(const CommandLine& line);
Exit replay_verb(const CommandLine& line);
Exit list_verb(const CommandLine& line);
Exit schema_verb(const CommandLine& line);
Exit features_verb(const CommandLine& line);
Exit completion_verb(const CommandLine& line);
Exit man_verb(const CommandLine& line);
/// What the last of `words`, which may be empty or half a word, could become behind the others; the first is the verb. One on a
/// line, with a tab and its help; ":files" and ":dirs" stand for those.
Exit complete(const std::vector<std::string>& words);

/// The pages that `man` can make: "quiesce.1" ...
std::vector<std::string> manual_pages();

/// The scenario of a command line, ready to run; or the exit code, after printing what is wrong.
struct Read {
    std::unique_ptr<Scenario> scenario;
    Exit exit = Exit::Ok;
    bool unknown = false; ///< there is no scenario of that name, whatever is set
};
/// As read_for, but what is wrong is left to the caller to print; of a name that there is not it is printed.
Read read_quietly(const CommandLine& line, const std::vector<std::string>& more_sets, Diagnostics& found);
/// Within a catch block: says on stderr what ended a verb; its exit code.
Exit report_current_exception();
Read read_for(const CommandLine& line, const std::vector<std::string>& more_sets = {});

} // namespace quiesce::platform
