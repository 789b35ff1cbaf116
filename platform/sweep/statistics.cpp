// SPDX-License-Identifier: Apache-2.0
#include "platform/sweep/statistics.h"

#include "sim/random.h"

#include <algorithm>
#include <cmath>

namespace quiesce::platform {

double student_975(std::size_t degrees) {
    constexpr double upto_30[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                  2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                  2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    if (degrees == 0) return upto_30[0];
    if (degrees <= 30) return upto_30[degrees - 1];
    constexpr std::pair<std::size_t, double> beyond[] = {{1000, 1.962}, {120, 1.980}, {60, 2.000}, {40, 2.021}};
    for (const auto& [least, t] : beyond)
        if (degrees >= least) return t;
    return upto_30[29];
}

SweepStatistics statistics_of(std::vector<double> values) {
    SweepStatistics s;
    s.n = values.size();
    if (values.empty()) return s;
    std::sort(values.begin(), values.end());
    s.least = values.front();
    s.most = values.back();
    const std::size_t middle = s.n / 2;
    s.median = s.n % 2 == 1 ? values[middle] : values[middle - 1] + (values[middle] - values[middle - 1]) / 2;
    double sum = 0;
    for (const double v : values) sum += v;
    s.mean = std::clamp(sum / static_cast<double>(s.n), s.least, s.most); // equal values are their mean
    if (s.n < 2) return s;
    double squares = 0;
    for (const double v : values) squares += (v - s.mean) * (v - s.mean);
    s.half = student_975(s.n - 1) * std::sqrt(squares / static_cast<double>(s.n - 1) / static_cast<double>(s.n));
    return s;
}

double skewness_of(const std::vector<double>& values) {
    if (values.size() < 3) return 0;
    const double mean = statistics_of(values).mean, n = static_cast<double>(values.size());
    double squares = 0, cubes = 0;
    for (const double v : values) {
        squares += (v - mean) * (v - mean);
        cubes += (v - mean) * (v - mean) * (v - mean);
    }
    return squares == 0 ? 0 : cubes / n / std::pow(squares / n, 1.5);
}

SweepInterval interval_of(const std::vector<double>& values) {
    const SweepStatistics s = statistics_of(values);
    SweepInterval i{s.half.has_value(), false, s.mean, s.mean, s.mean};
    if (!s.half) return i;
    i.low = s.mean - *s.half;
    i.high = s.mean + *s.half;
    if (values.size() < 8 || std::abs(skewness_of(values)) <= 1) return i;
    constexpr std::size_t resamples = 4000;
    sim::Random random(0, "bootstrap");
    std::vector<double> means;
    for (std::size_t r = 0; r < resamples; ++r) {
        double sum = 0;
        for (std::size_t k = 0; k < values.size(); ++k) sum += values[random.below(values.size())];
        means.push_back(sum / static_cast<double>(values.size()));
    }
    std::sort(means.begin(), means.end());
    return {true, true, s.mean, means[resamples / 40], means[resamples - 1 - resamples / 40]};
}

std::optional<std::size_t> knee_of(const std::vector<std::pair<double, double>>& curve) {
    if (curve.size() < 3) return std::nullopt;
    const auto by_y = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto ends = std::minmax_element(curve.begin(), curve.end(), by_y);
    const double width = curve.back().first - curve.front().first, height = ends.second->second - ends.first->second;
    if (width <= 0 || height <= 0) return std::nullopt;
    const double rise = (curve.back().second - curve.front().second) / height;
    double farthest = 0.01;
    std::optional<std::size_t> knee;
    for (std::size_t i = 1; i + 1 < curve.size(); ++i) {
        const double x = (curve[i].first - curve.front().first) / width,
                     y = (curve[i].second - curve.front().second) / height;
        const double distance = std::abs(y - rise * x) / std::sqrt(1 + rise * rise);
        if (distance <= farthest) continue;
        farthest = distance;
        knee = i;
    }
    return knee;
}

std::vector<std::size_t> pareto_front(const std::vector<std::pair<double, double>>& points) {
    std::vector<std::size_t> order(points.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return points[a] < points[b]; });
    std::vector<std::size_t> front;
    for (const std::size_t i : order)
        if (front.empty() || points[i].second < points[front.back()].second || points[i] == points[front.back()])
            front.push_back(i);
    return front;
}

} // namespace quiesce::platform
