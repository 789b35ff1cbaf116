// SPDX-License-Identifier: Apache-2.0
/// Results that are there already: what variants are held against (`--against DIR`), or compared themselves (`compare DIR DIR`).
#pragma once
#include "platform/compare/divergence.h"
#include "platform/compare/variants.h"

namespace quiesce::platform::comparison {

/// Results of a former comparison, or of one run. Throws IoError.
Variants read_earlier(const std::filesystem::path& dir);
/// Null: there is none of that name.
const Variant* variant_named(const Variants& variants, const std::string& name);
/// What a variant is held against with --against; null: DIR has none of its name.
const Variant* opposite_of(const Variant& v, const Variants& earlier);
/// Of differences that nobody asked for: another workload, other random numbers.
void warn_of_others(const CommandLine& line, const Variants& variants, const Variants& earlier);
/// The variants, and before each what it is held against: what is shown side by side.
Variants with_earlier(const CommandLine& line, const Variants& variants, const Variants& earlier);
/// What it takes to run again what is there; nothing if that is not known, or there is nothing to follow.
std::optional<Followed> followed_results(const Variant& v, const std::filesystem::path& trail);
/// Where each variant parts from what it is held against.
std::vector<Divergence> divergences_from(const Variants& earlier, const CommandLine& line, const Variants& variants, const std::vector<Followed>& runs);

} // namespace quiesce::platform::comparison
