// SPDX-License-Identifier: Apache-2.0
/// What the runs of a sweep say together: which axis moves a metric most, where a curve bends, what is best in two
/// ways.
#pragma once
#include "platform/sweep/engine.h"

namespace quiesce::platform {

/// The point where every axis has the middle one of its values (the lower of two), or the one nearest to that if a
/// constraint forbids it. `at` holds axes elsewhere.
std::optional<std::size_t> middle_point(const Sweep& sweep, const std::vector<std::optional<std::size_t>>& at = {});
/// The point with these values, if it is one.
std::optional<std::size_t> point_at(const Sweep& sweep, const Sweep::Point& values);

/// How far one axis alone, with all others as in the middle point, moves a metric.
struct SweepEffect {
    std::size_t axis;
    std::size_t low_at, high_at; ///< values of the axis where the metric is least and greatest
    double low, high;
};
/// Greatest first. Axes of which only one value has a result move nothing.
std::vector<SweepEffect> sensitivity(const SweepEngine& engine, std::size_t metric, std::size_t middle);

/// One curve of a line diagram: by value of its x axis.
struct SweepCurve {
    std::string name; ///< the series' value; empty if there is one curve alone
    struct At {
        std::size_t value; ///< of the x axis
        double x;          ///< where it is drawn
        SweepStatistics y;
    };
    std::vector<At> points;
    std::optional<std::size_t> knee; ///< in points; both axes are logarithmic if x was said by factors or decades
};
std::vector<SweepCurve> curves_of(const SweepEngine& engine, const SweepPlot& plot);
/// The points on the Pareto front of the plot's two metrics, by x.
std::vector<std::size_t> front_of(const SweepEngine& engine, const SweepPlot& plot);

} // namespace quiesce::platform
