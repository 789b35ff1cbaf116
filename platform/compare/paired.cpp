// SPDX-License-Identifier: Apache-2.0
#include "platform/compare/paired.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>

namespace quiesce::platform::comparison {
namespace {
const char* const paired_metrics[] = {"quiesce",     "block_observed",      "block",           "stop",
                                      "drain",       "last_seen",           "free_first",      "free_last",
                                      "mmput",       "reuse",               "exposure",        "summary.quiesce.p50",
                                      "summary.quiesce.p99", "dma.bytes",   "dma.aborted",     "faults.recorded",
                                      "faults.suppressed",   "cpu_ps.busy", "invalidations.fences", "invalidations.atc",
                                      "violations"};

std::optional<double> number_of(const Json& run, const SweepMetric& m) {
    const auto v = metric_of(run, m.path);
    return v ? std::optional<double>(v->get<double>()) : std::nullopt;
}

std::string with_sign(const SweepMetric& m, double value) { return (value < 0 ? "-" : "+") + m.text(std::abs(value)); }
} // namespace

std::vector<Paired> paired_differences(const Variants& variants, const Variant& reference, const std::vector<SweepMetric>& more) {
    std::vector<SweepMetric> metrics;
    for (const char* path : paired_metrics) metrics.push_back({path, path});
    for (const SweepMetric& m : more)
        if (std::none_of(metrics.begin(), metrics.end(), [&](const SweepMetric& k) { return k.path == m.path; })) metrics.push_back(m);
    std::vector<Paired> all;
    for (const Variant& v : variants) {
        if (&v == &reference || !ran(v)) continue;
        for (const SweepMetric& m : metrics) {
            Paired p{v.name, reference.name, m, {}, 0, {}};
            const auto take = [&](const Json& run, const Json& other) {
                const auto x = number_of(run, m), y = number_of(other, m);
                if (!x || !y) return;
                p.differences.push_back(*x - *y);
                p.reference_mean += *y;
            };
            take(v.run, reference.run);
            for (const auto& [seed, run] : v.more)
                if (const auto other = reference.more.find(seed); other != reference.more.end()) take(run, other->second);
            if (std::all_of(p.differences.begin(), p.differences.end(), [](double d) { return d == 0; })) continue;
            p.reference_mean /= static_cast<double>(p.differences.size());
            p.interval = interval_of(p.differences);
            all.push_back(std::move(p));
        }
    }
    return all;
}

void print_paired(const std::vector<Paired>& all, std::size_t seeds) {
    std::string variant;
    bool by_bootstrap = false;
    for (const Paired& p : all) {
        if (p.variant != variant)
            fmt::print("\n{} less {}, over {} seeds (mean, 95 % confidence interval)\n", variant = p.variant, p.reference, seeds);
        std::string interval = "one seed has it: no interval";
        if (p.interval.known)
            interval = fmt::format("{} to {}{}{}", with_sign(p.metric, p.interval.low), with_sign(p.metric, p.interval.high),
                                   p.interval.bootstrap ? " (bootstrap)" : "",
                                   p.interval.low <= 0 && p.interval.high >= 0 ? "  may be chance" : "");
        by_bootstrap = by_bootstrap || p.interval.bootstrap;
        fmt::print("  {:<22} {:>14} {}  {}{}\n", p.metric.name, with_sign(p.metric, p.interval.mean),
                   p.reference_mean != 0 ? fmt::format("{:>+8.1f} %", 100 * p.interval.mean / p.reference_mean) : std::string(10, ' '), interval,
                   p.differences.size() < seeds ? fmt::format("  ({} seeds have it)", p.differences.size()) : "");
    }
    if (by_bootstrap) fmt::print("intervals are Student's t, or bootstrapped where the differences are skewed\n");
}

Json to_json(const std::vector<Paired>& all) {
    Json list = Json::array();
    for (const Paired& p : all) {
        Json row{{"variant", p.variant}, {"reference", p.reference}, {"metric", p.metric.path}, {"n", p.differences.size()},
                 {"reference_mean", p.reference_mean}, {"mean", p.interval.mean}};
        if (p.interval.known) {
            row["ci95"] = {p.interval.low, p.interval.high};
            row["method"] = p.interval.bootstrap ? "bootstrap" : "t";
        }
        row["differences"] = p.differences;
        list.push_back(std::move(row));
    }
    return list;
}

} // namespace quiesce::platform::comparison
