// SPDX-License-Identifier: Apache-2.0
#include "platform/sweep/analysis.h"

#include <algorithm>
#include <cmath>

namespace quiesce::platform {

std::optional<std::size_t> point_at(const Sweep& sweep, const Sweep::Point& values) {
    // Points are enumerated in ascending order.
    const auto found = std::lower_bound(sweep.points.begin(), sweep.points.end(), values);
    if (found == sweep.points.end() || *found != values) return std::nullopt;
    return static_cast<std::size_t>(found - sweep.points.begin());
}

std::optional<std::size_t> middle_point(const Sweep& sweep, const std::vector<std::optional<std::size_t>>& at) {
    std::optional<std::size_t> best;
    std::size_t distance = 0;
    for (std::size_t p = 0; p < sweep.points.size(); ++p) {
        std::size_t d = 0;
        bool fits = true;
        for (std::size_t a = 0; a < sweep.axes.size(); ++a) {
            const std::size_t here = sweep.points[p][a], middle = (sweep.axes[a].values.size() - 1) / 2;
            if (a < at.size() && at[a])
                fits = fits && here == *at[a];
            else
                d += here > middle ? here - middle : middle - here;
        }
        if (!fits || (best && d >= distance)) continue;
        best = p;
        distance = d;
    }
    return best;
}

std::vector<SweepEffect> sensitivity(const SweepEngine& engine, std::size_t metric, std::size_t middle) {
    const Sweep& sweep = engine.sweep();
    std::vector<SweepEffect> effects;
    for (std::size_t a = 0; a < sweep.axes.size(); ++a) {
        std::optional<SweepEffect> effect;
        Sweep::Point at = sweep.points[middle];
        for (std::size_t v = 0; v < sweep.axes[a].values.size(); ++v) {
            at[a] = v;
            const auto point = point_at(sweep, at);
            const auto value = point ? engine.mean(*point, metric) : std::nullopt;
            if (!value) continue;
            if (!effect) effect = SweepEffect{a, v, v, *value, *value};
            if (*value < effect->low) effect->low_at = v, effect->low = *value;
            if (*value > effect->high) effect->high_at = v, effect->high = *value;
        }
        if (effect) effects.push_back(*effect);
    }
    std::stable_sort(effects.begin(), effects.end(),
                     [](const SweepEffect& a, const SweepEffect& b) { return a.high - a.low > b.high - b.low; });
    return effects;
}

std::vector<SweepCurve> curves_of(const SweepEngine& engine, const SweepPlot& plot) {
    const Sweep& sweep = engine.sweep();
    const SweepAxis& x = sweep.axes[plot.x];
    const bool numeric = x.is_numeric();
    std::vector<SweepCurve> curves;
    const std::size_t many = plot.series ? sweep.axes[*plot.series].values.size() : 1;
    for (std::size_t n = 0; n < many; ++n) {
        SweepCurve curve;
        if (plot.series) curve.name = sweep.axes[*plot.series].values[n].label();
        auto held = plot.at;
        if (plot.series) held[*plot.series] = n;
        const auto middle = middle_point(sweep, held);
        for (std::size_t v = 0; middle && v < x.values.size(); ++v) {
            Sweep::Point at = sweep.points[*middle];
            at[plot.x] = v;
            const auto point = point_at(sweep, at);
            const auto y = point ? statistics_of(engine.values(*point, plot.y)) : SweepStatistics{};
            if (y.n > 0) curve.points.push_back({v, numeric ? *x.values[v].position() : static_cast<double>(v), y});
        }
        std::vector<std::pair<double, double>> line;
        const bool above_0 = std::all_of(curve.points.begin(), curve.points.end(),
                                         [](const auto& p) { return p.x > 0 && p.y.mean > 0; });
        const auto scaled = [&](double v) { return x.logarithmic && above_0 ? std::log10(v) : v; };
        for (const auto& p : curve.points) line.emplace_back(scaled(p.x), scaled(p.y.mean));
        if (numeric) curve.knee = knee_of(line);
        curves.push_back(std::move(curve));
    }
    return curves;
}

std::vector<std::size_t> front_of(const SweepEngine& engine, const SweepPlot& plot) {
    std::vector<std::size_t> points;
    std::vector<std::pair<double, double>> both;
    for (std::size_t p = 0; p < engine.sweep().points.size(); ++p) {
        const auto x = engine.mean(p, plot.x), y = engine.mean(p, plot.y);
        if (!x || !y) continue;
        points.push_back(p);
        both.emplace_back(plot.x_more ? -*x : *x, plot.y_more ? -*y : *y);
    }
    std::vector<std::size_t> front;
    for (const std::size_t i : pareto_front(both)) front.push_back(points[i]);
    return front;
}

} // namespace quiesce::platform
