// SPDX-License-Identifier: Apache-2.0
/// The diagrams of a sweep, from its runs.
#include "platform/report/svg_charts.h"
#include "platform/sweep/results.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>

namespace quiesce::platform {
namespace {
/// From so many times the least on an axis is logarithmic, or the small ones could not be told apart.
constexpr double spread = 50;
constexpr std::size_t most_named = 24; ///< points of a front that have their numbers beside them

TickText metric_ticks(const SweepMetric& m) {
    return [m](double v) {
        std::string text = m.text(v);
        if (const std::size_t zeros = text.find(".000 "); zeros != text.npos) text.erase(zeros, 4);
        return text;
    };
}

/// A figure of an axis in the unit of its values.
TickText axis_ticks(const SweepAxis& axis) {
    const auto kind = axis.values.front().shown.front().figure ? axis.values.front().shown.front().figure->kind
                                                               : Quantity::Kind::Number;
    return [kind](double v) {
        return kind == Quantity::Kind::Number ? Quantity::number(v).text()
                                              : Quantity{kind, static_cast<i128>(std::llround(v))}.text();
    };
}

std::vector<std::string> labels_of(const SweepAxis& axis) {
    std::vector<std::string> labels;
    for (const SweepValue& v : axis.values) labels.push_back(v.label());
    return labels;
}

/// What the axes that a diagram does not show are held at: "entries 64, policy mm-exit".
std::string others_text(const Sweep& sweep, std::size_t point, const std::vector<std::size_t>& shown) {
    std::string text;
    for (std::size_t a = 0; a < sweep.axes.size(); ++a)
        if (std::find(shown.begin(), shown.end(), a) == shown.end())
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", sweep.axes[a].name,
                                sweep.axes[a].values[sweep.points[point][a]].label());
    return text;
}

std::string over_seeds(const Sweep& sweep) {
    return sweep.seeds.size() > 1 ? fmt::format("mean of {} seeds, 95 % confidence interval", sweep.seeds.size())
                                  : "one run each";
}

std::string subtitle_of(const Sweep& sweep, std::size_t point, const std::vector<std::size_t>& shown) {
    const std::string others = others_text(sweep, point, shown);
    return others.empty() ? over_seeds(sweep) : others + "; " + over_seeds(sweep);
}

std::string line_svg(const SweepEngine& engine, const SweepPlot& plot) {
    const Sweep& sweep = engine.sweep();
    const SweepAxis& axis = sweep.axes[plot.x];
    const SweepMetric& metric = sweep.metrics[plot.y];
    XyChart chart;
    chart.title = fmt::format("{} over {}", metric.name, axis.name);
    std::vector<std::size_t> shown{plot.x};
    if (plot.series) shown.push_back(*plot.series);
    if (const auto middle = middle_point(sweep, plot.at)) chart.subtitle = subtitle_of(sweep, *middle, shown);
    chart.x = {axis.paths.front(), axis.logarithmic, axis.is_numeric() ? std::vector<std::string>{} : labels_of(axis),
               axis_ticks(axis)};
    chart.y = {metric.name, false, {}, metric_ticks(metric)};
    chart.marked = "knee";
    double least = INFINITY, most = 0;
    for (const SweepCurve& c : curves_of(engine, plot)) {
        ChartSeries s{c.name, {}};
        for (std::size_t i = 0; i < c.points.size(); ++i) {
            const auto& p = c.points[i];
            least = std::min(least, p.y.mean - p.y.half.value_or(0));
            most = std::max(most, p.y.mean);
            s.points.push_back(
                {p.x, p.y.mean, p.y.half, c.knee == i,
                 fmt::format("{} {}: {}", axis.name, axis.values[p.value].label(), metric.text(p.y.mean))});
        }
        chart.series.push_back(std::move(s));
    }
    chart.y.logarithmic = least > 0 && most > spread * least;
    return svg_xy(chart);
}

std::string heat_svg(const SweepEngine& engine, const SweepPlot& plot) {
    const Sweep& sweep = engine.sweep();
    const SweepAxis &x = sweep.axes[plot.x], &y = sweep.axes[plot.y];
    const SweepMetric& metric = sweep.metrics[plot.metric];
    HeatChart chart;
    chart.title = fmt::format("{} over {} and {}", metric.name, x.name, y.name);
    chart.x = {x.paths.front(), false, labels_of(x), {}};
    chart.y = {y.paths.front(), false, labels_of(y), {}};
    chart.text = metric_ticks(metric);
    chart.cells.assign(y.values.size(), std::vector<std::optional<double>>(x.values.size()));
    const auto middle = middle_point(sweep, plot.at);
    if (middle) chart.subtitle = subtitle_of(sweep, *middle, {plot.x, plot.y});
    for (std::size_t r = 0; middle && r < y.values.size(); ++r)
        for (std::size_t c = 0; c < x.values.size(); ++c) {
            Sweep::Point at = sweep.points[*middle];
            at[plot.x] = c;
            at[plot.y] = r;
            if (const auto point = point_at(sweep, at)) chart.cells[r][c] = engine.mean(*point, plot.metric);
        }
    return svg_heat(chart);
}

std::string tornado_svg(const SweepEngine& engine, const SweepPlot& plot) {
    const Sweep& sweep = engine.sweep();
    const SweepMetric& metric = sweep.metrics[plot.metric];
    BarChart chart{fmt::format("what each axis alone moves of {}", metric.name), "", 0, {}, metric_ticks(metric)};
    const auto middle = middle_point(sweep, plot.at);
    if (!middle) return svg_bars(chart);
    chart.subtitle = "around " + sweep.label(sweep.points[*middle]) + "; " + over_seeds(sweep);
    for (const SweepEffect& e : sensitivity(engine, plot.metric, *middle)) {
        const SweepAxis& axis = sweep.axes[e.axis];
        chart.bars.push_back({axis.name, e.low, e.high, axis.values[e.low_at].label(), axis.values[e.high_at].label()});
    }
    const auto value = engine.mean(*middle, plot.metric);
    chart.middle = value ? *value : chart.bars.empty() ? 0 : chart.bars.front().low;
    return svg_bars(chart);
}

std::string pareto_svg(const SweepEngine& engine, const SweepPlot& plot) {
    const Sweep& sweep = engine.sweep();
    const SweepMetric &x = sweep.metrics[plot.x], &y = sweep.metrics[plot.y];
    XyChart chart;
    chart.title = fmt::format("{} against {}", y.name, x.name);
    chart.subtitle = fmt::format("each point of the sweep; best is {} {}, {} {}; {}", plot.x_more ? "more" : "less",
                                 x.name, plot.y_more ? "more" : "less", y.name, over_seeds(sweep));
    chart.x = {x.name, false, {}, metric_ticks(x)};
    chart.y = {y.name, false, {}, metric_ticks(y)};
    chart.marked = "Pareto front";
    const auto front = front_of(engine, plot);
    ChartSeries all{"", {}, false};
    std::pair<double, double> spread_x{}, spread_y{};
    for (std::size_t p = 0; p < sweep.points.size(); ++p) {
        const auto at_x = engine.mean(p, plot.x), at_y = engine.mean(p, plot.y);
        if (!at_x || !at_y) continue;
        for (auto [axis, at] : {std::pair{&spread_x, *at_x}, std::pair{&spread_y, *at_y}}) {
            axis->first = all.points.empty() ? at : std::min(axis->first, at);
            axis->second = all.points.empty() ? at : std::max(axis->second, at);
        }
        const bool best = std::find(front.begin(), front.end(), p) != front.end();
        std::string name = best && front.size() <= most_named ? std::to_string(p + 1) : std::string{};
        for (ChartPoint& other : all.points) // at one place the first has all names
            if (!name.empty() && !other.name.empty() && other.x == *at_x && other.y == *at_y) other.name += ", " + std::exchange(name, {});
        all.points.push_back({*at_x, *at_y, std::nullopt, best,
                              fmt::format("point {}: {}; {} {}, {} {}", p + 1, sweep.label(sweep.points[p]), x.name, x.text(*at_x), y.name, y.text(*at_y)),
                              std::move(name)});
    }
    chart.x.logarithmic = spread_x.first > 0 && spread_x.second > spread * spread_x.first;
    chart.y.logarithmic = spread_y.first > 0 && spread_y.second > spread * spread_y.first;
    chart.series.push_back(std::move(all));
    return svg_xy(chart);
}
} // namespace

std::vector<std::pair<std::string, std::string>> sweep_diagrams(const SweepEngine& engine) {
    constexpr std::string (*kinds[])(const SweepEngine&, const SweepPlot&) = {line_svg, heat_svg, tornado_svg,
                                                                              pareto_svg};
    std::vector<std::pair<std::string, std::string>> all;
    for (const SweepPlot& plot : engine.sweep().plots)
        all.emplace_back(plot.name + ".svg", kinds[static_cast<int>(plot.kind)](engine, plot));
    return all;
}

} // namespace quiesce::platform
