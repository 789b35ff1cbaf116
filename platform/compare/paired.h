// SPDX-License-Identifier: Apache-2.0
/// Differences between variants, seed by seed: of one seed each entity draws the same in every variant, so that chance is the
/// same on both sides and what is left is the variant's doing.
#pragma once
#include "platform/compare/variants.h"
#include "platform/sweep/metrics.h"
#include "platform/sweep/statistics.h"

namespace quiesce::platform::comparison {

struct Paired {
    std::string variant, reference;
    SweepMetric metric;
    std::vector<double> differences; ///< by seed
    double reference_mean = 0;
    SweepInterval interval;
};
/// Of each variant that ran, but the reference, and each metric of which there are differences; those that are 0 for every seed
/// are left out. `more` are further metrics.
std::vector<Paired> paired_differences(const Variants& variants, const Variant& reference, const std::vector<SweepMetric>& more);
void print_paired(const std::vector<Paired>& all, std::size_t seeds);
Json to_json(const std::vector<Paired>& all);

} // namespace quiesce::platform::comparison
