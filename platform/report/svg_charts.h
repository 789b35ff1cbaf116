// SPDX-License-Identifier: Apache-2.0
/// Diagrams as static SVG: no script, light and dark by the reader's preference, fit to be put into a page.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quiesce::platform {

/// How a diagram writes a number at its axis.
using TickText = std::function<std::string(double)>;

struct ChartAxis {
    std::string label;
    bool logarithmic = false;
    std::vector<std::string> names; ///< of 0, 1, 2 ... where the values are no figures
    TickText text;
};
struct ChartPoint {
    double x, y;
    std::optional<double> half; ///< of an interval around y
    bool marked = false;        ///< a knee, or on a front
    std::string label{};        ///< shown when it is pointed at
    std::string name{};         ///< shown beside it
};
struct ChartSeries {
    std::string name;
    std::vector<ChartPoint> points;
    bool joined = true; ///< by a line
};
struct XyChart {
    std::string title, subtitle;
    ChartAxis x, y;
    std::vector<ChartSeries> series;
    std::string marked; ///< what a marked point is
};
std::string svg_xy(const XyChart& chart);

struct HeatChart {
    std::string title, subtitle;
    ChartAxis x, y;                                        ///< both with names
    std::vector<std::vector<std::optional<double>>> cells; ///< by y, then by x
    TickText text;
};
std::string svg_heat(const HeatChart& chart);

struct BarChart {
    std::string title, subtitle;
    double middle;
    struct Bar {
        std::string name;
        double low, high;
        std::string low_at, high_at;
    };
    std::vector<Bar> bars;
    TickText text;
};
std::string svg_bars(const BarChart& chart);

/// Round numbers that divide a range: about five, or the powers of ten.
std::vector<double> chart_ticks(double low, double high, bool logarithmic);

} // namespace quiesce::platform
