// SPDX-License-Identifier: Apache-2.0
/// What is compared: runs of one scenario with other values, or results that are there already.
#pragma once
#include "platform/cli.h"
#include "platform/runner.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>

namespace quiesce::platform::comparison {

using Json = nlohmann::ordered_json;

struct Variant {
    std::string name; ///< "quiet-unbind", "mm-exit 85ns"
    std::vector<std::string> sets;
    std::filesystem::path dir;
    std::string refused; ///< why there can be no such run; empty: there can
    Exit exit = Exit::Internal;
    Json run;                 ///< run.json; null: it left none
    std::map<u64, Json> more; ///< of further seeds, by seed
};
using Variants = std::vector<Variant>;

/// There is something to show: it was applicable and came to an end.
bool ran(const Variant& v);
/// What a process of its own left; null if it left nothing whole.
Json read_json(const std::filesystem::path& file);

// ---- combinations.cpp
/// Every combination of the --over values, in order; nothing after an error.
std::optional<Variants> combinations(const std::vector<std::string>& over, Diagnostics& found);
/// A value that its parameter never takes is a mistake of the command line; one that does not go with others is refused alone.
void check_values(const CommandLine& line, Diagnostics& out);
std::string directory_name(std::string variant);
/// Marks variants that there cannot be. If there cannot be any, says why and gives the exit code.
std::optional<Exit> refuse_impossible(const CommandLine& line, Variants& variants);

// ---- table.cpp: what is printed of several runs side by side
void print_table(const Variants& variants);
void print_failures(const Variants& variants);
/// The steps of one teardown with what the IOMMU was told; those of the same name stand in one row.
void print_steps(const Variants& variants, std::size_t teardown);
std::size_t most_teardowns(const Variants& variants);

} // namespace quiesce::platform::comparison
