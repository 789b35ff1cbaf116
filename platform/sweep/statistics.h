// SPDX-License-Identifier: Apache-2.0
/// What a sweep says of many numbers: over repeats, over an axis, of two metrics.
#pragma once
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace quiesce::platform {

/// Of the values of one point, one for each seed. The confidence interval of the mean is mean - half to mean + half:
/// Student's t for n - 1 degrees of freedom at 97.5 %, times the standard deviation (of n - 1), over the root of n. One
/// value has none.
struct SweepStatistics {
    std::size_t n = 0;
    double mean = 0, median = 0, least = 0, most = 0;
    std::optional<double> half;
};
SweepStatistics statistics_of(std::vector<double> values);
/// Where the mean of what the values were drawn from lies with 95 % confidence: Student's t, or, of eight or more values with a
/// skewness beyond 1 either way, the percentiles of the means of 4,000 resamples (the same ones each time). One value says nothing.
struct SweepInterval {
    bool known = false, bootstrap = false;
    double mean = 0, low = 0, high = 0;
};
SweepInterval interval_of(const std::vector<double>& values);
/// The third moment over the third power of the standard deviation; 0 if all are equal.
double skewness_of(const std::vector<double>& values);
/// The 97.5 % quantile of Student's t; above 30 degrees of freedom that of the next smaller one that is tabulated.
double student_975(std::size_t degrees);

/// The point of a curve that lies farthest from the straight line between its ends, both axes from 0 to 1; nothing of
/// fewer than three points, and where no point is farther than a hundredth. x ascends.
std::optional<std::size_t> knee_of(const std::vector<std::pair<double, double>>& curve);
/// Those that no other one beats in both; smaller is better. In ascending order of the first; of equal ones each.
std::vector<std::size_t> pareto_front(const std::vector<std::pair<double, double>>& points);

} // namespace quiesce::platform
