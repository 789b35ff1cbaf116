// SPDX-License-Identifier: Apache-2.0
/// `--fail-if 'quiesce.p99 > +5%'`: when a comparison is a failure.
///
///     PATH > VALUE     also >=, <, <=, ==, !=
///
/// PATH is what a sweep measures: a number of run.json (`summary.` may be left out), a milestone, quiesce, exposure (after T0, the
/// latest of the teardowns), violations. A VALUE without a sign is a value (2ms, 4KiB, 16); with a sign it is a difference from
/// the reference, of so much (+2us, -3) or of so many hundredths of it (+5%, -10%).
#pragma once
#include "platform/compare/variants.h"
#include "platform/sweep/metrics.h"

#include <optional>

namespace quiesce::platform::comparison {

struct FailIf {
    enum class Than { Value, Difference, Percent };
    std::string text;
    SweepMetric metric;
    std::string op;
    Than than = Than::Value;
    double amount = 0; ///< in base units, or hundredths
    bool needs_reference() const { return than != Than::Value; }
};
/// Nothing, after an error at its place, if `text` is no condition.
std::optional<FailIf> parse_fail_if(const std::string& text, Diagnostics& out);

/// Of several seeds the mean, over those for which all that is needed is there.
struct Judged {
    std::string condition, variant, reference;
    std::optional<double> value, against;
    std::optional<bool> failed; ///< nothing: it could not be judged
    std::string words;
};
/// `reference` may be null, where the condition needs none.
Judged judge(const FailIf& c, const Variant& v, const Variant* reference);
Json to_json(const std::vector<Judged>& all);

} // namespace quiesce::platform::comparison
