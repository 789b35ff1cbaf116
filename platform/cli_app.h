// SPDX-License-Identifier: Apache-2.0
/// What the command line takes, for whoever walks it: parsing, completion, manual pages. CLI11 stays in their files.
#pragma once
#include "platform/cli.h"

#include <CLI/CLI.hpp>
#include <memory>

namespace quiesce::platform {

/// Numbers stay text while CLI11 has them: it reads 010 as 8 and -1 as 18446744073709551615.
struct Figures {
    std::string seed, jobs, runs, repeat, part, diagnostics = "text", color = "auto";
};

/// It refers to `line` and `figures`.
std::unique_ptr<CLI::App> describe_command_line(CommandLine& line, Figures& figures);

} // namespace quiesce::platform
