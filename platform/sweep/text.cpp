// SPDX-License-Identifier: Apache-2.0
/// A sweep's table and plan, as people read them.
#include "platform/sweep/results.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
/// Tables of more points are only in points.csv; stdout has what each value of an axis comes to.
constexpr std::size_t most_rows = 100;

std::size_t columns_of(std::string_view text) {
    std::size_t n = 0;
    each_character(text, [&](std::string_view, char32_t) { ++n; });
    return n;
}

void print_aligned(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows)
        for (std::size_t c = 0; c < row.size(); ++c) {
            if (c == widths.size()) widths.push_back(0);
            widths[c] = std::max(widths[c], columns_of(row[c]));
        }
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t c = 0; c < row.size(); ++c)
            line += (c == 0 ? "" : "  ") + row[c] + std::string(widths[c] - columns_of(row[c]), ' ');
        line.erase(line.find_last_not_of(' ') + 1);
        fmt::print("{}\n", line);
    }
}

std::string statistics_text(const SweepMetric& m, const SweepStatistics& s) {
    if (s.n == 0) return "-";
    return s.half && *s.half > 0 ? fmt::format("{} +- {}", m.text(s.mean), m.text(*s.half)) : m.text(s.mean);
}

/// "pass", or how many of its runs are what else.
std::string verdict_text(const SweepEngine& engine, std::size_t point) {
    std::map<std::string, std::size_t> counts;
    i64 open = 0;
    for (std::size_t i = 0; i < engine.sweep().seeds.size(); ++i) {
        const SweepRun& r = engine.at(point, i);
        ++counts[r.state == SweepRun::State::Missing ? "missing" : r.verdict];
        open += r.open;
    }
    std::string text;
    for (const auto& [verdict, n] : counts)
        text += (text.empty() ? "" : ", ") + (counts.size() == 1 ? verdict : fmt::format("{} {}", n, verdict));
    return open == 0 ? text : fmt::format("{} ({} open)", text, open);
}

void print_points(const SweepEngine& engine) {
    const Sweep& sweep = engine.sweep();
    std::vector<std::vector<std::string>> rows{{"point"}};
    for (const SweepAxis& a : sweep.axes) rows.front().push_back(a.name);
    for (const SweepMetric& m : sweep.metrics) rows.front().push_back(m.name);
    rows.front().push_back("verdict");
    for (std::size_t p = 0; p < sweep.points.size(); ++p) {
        std::vector<std::string> row{std::to_string(p + 1)};
        for (std::size_t a = 0; a < sweep.axes.size(); ++a)
            row.push_back(sweep.axes[a].values[sweep.points[p][a]].label());
        for (std::size_t m = 0; m < sweep.metrics.size(); ++m)
            row.push_back(statistics_text(sweep.metrics[m], statistics_of(engine.values(p, m))));
        row.push_back(verdict_text(engine, p));
        rows.push_back(std::move(row));
    }
    print_aligned(rows);
}

/// What each value of each axis comes to, over all points that have it.
void print_axes(const SweepEngine& engine) {
    const Sweep& sweep = engine.sweep();
    std::vector<std::vector<std::string>> rows{{"axis", "value", "points"}};
    for (const SweepMetric& m : sweep.metrics) rows.front().push_back("mean " + m.name);
    for (std::size_t a = 0; a < sweep.axes.size(); ++a)
        for (std::size_t v = 0; v < sweep.axes[a].values.size(); ++v) {
            std::size_t points = 0;
            std::vector<std::vector<double>> means(sweep.metrics.size());
            for (std::size_t p = 0; p < sweep.points.size(); ++p) {
                if (sweep.points[p][a] != v) continue;
                ++points;
                for (std::size_t m = 0; m < sweep.metrics.size(); ++m)
                    if (const auto mean = engine.mean(p, m)) means[m].push_back(*mean);
            }
            std::vector<std::string> row{v == 0 ? sweep.axes[a].name : "", sweep.axes[a].values[v].label(),
                                         std::to_string(points)};
            for (std::size_t m = 0; m < sweep.metrics.size(); ++m) {
                const auto s = statistics_of(means[m]);
                row.push_back(s.n == 0 ? "-" : sweep.metrics[m].text(s.mean));
            }
            rows.push_back(std::move(row));
        }
    print_aligned(rows);
    fmt::print("{} points, more than a table has: points.csv has each\n", sweep.points.size());
}

void print_sensitivity(const SweepEngine& engine) {
    const Sweep& sweep = engine.sweep();
    const auto middle = middle_point(sweep);
    if (!middle) return;
    fmt::print("\nwhat each axis alone moves, around {}:\n", sweep.label(sweep.points[*middle]));
    std::vector<std::vector<std::string>> rows;
    for (std::size_t m = 0; m < sweep.metrics.size(); ++m)
        for (const SweepEffect& e : sensitivity(engine, m, *middle)) {
            const SweepAxis& axis = sweep.axes[e.axis];
            const SweepMetric& metric = sweep.metrics[m];
            const bool first = rows.empty() || e.axis == sensitivity(engine, m, *middle).front().axis;
            if (e.high == e.low)
                rows.push_back({first ? metric.name : "", axis.name, "nothing"});
            else
                rows.push_back(
                    {first ? metric.name : "", axis.name,
                     fmt::format("{} (at {}) to {} (at {})", metric.text(e.low), axis.values[e.low_at].label(),
                                 metric.text(e.high), axis.values[e.high_at].label())});
        }
    print_aligned(rows);
}

void print_findings(const SweepEngine& engine) {
    const Sweep& sweep = engine.sweep();
    for (const SweepPlot& plot : sweep.plots) {
        if (plot.kind == SweepPlot::Kind::Line)
            for (const SweepCurve& c : curves_of(engine, plot))
                if (c.knee)
                    fmt::print("\nknee of {} over {}{}: at {}, {}\n", sweep.metrics[plot.y].name,
                               sweep.axes[plot.x].name,
                               c.name.empty() ? "" : fmt::format(" ({} {})", sweep.axes[*plot.series].name, c.name),
                               sweep.axes[plot.x].values[c.points[*c.knee].value].label(),
                               sweep.metrics[plot.y].text(c.points[*c.knee].y.mean));
        if (plot.kind != SweepPlot::Kind::Pareto) continue;
        fmt::print("\nbest in {} and {} (Pareto front):\n", sweep.metrics[plot.x].name, sweep.metrics[plot.y].name);
        std::vector<std::vector<std::string>> rows;
        for (const std::size_t p : front_of(engine, plot))
            rows.push_back({fmt::format("point {}", p + 1), sweep.label(sweep.points[p]),
                            sweep.metrics[plot.x].text(*engine.mean(p, plot.x)),
                            sweep.metrics[plot.y].text(*engine.mean(p, plot.y))});
        print_aligned(rows);
    }
}

void print_failed(const SweepEngine& engine) {
    const Sweep& sweep = engine.sweep();
    constexpr std::size_t most = 20;
    std::size_t told = 0;
    for (std::size_t p = 0; p < sweep.points.size(); ++p)
        for (std::size_t i = 0; i < sweep.seeds.size(); ++i) {
            const SweepRun& r = engine.at(p, i);
            if (r.state == SweepRun::State::Failed && ++told <= most)
                fmt::print("\nFAILED  point {} ({}), seed {}: {}\n", p + 1, sweep.label(sweep.points[p]),
                           sweep.seeds[i], r.reason);
        }
    if (told > most) fmt::print("\nand {} more (sweep.json)\n", told - most);
    if (told > 0) fmt::print("the same command tries these alone again\n");
}
} // namespace

void print_sweep(const SweepEngine& engine, bool interrupted) {
    const Sweep& sweep = engine.sweep();
    fmt::print("{}  {}\n\n", sweep.name, sweep.title);
    if (sweep.points.size() <= most_rows)
        print_points(engine);
    else
        print_axes(engine);
    if (sweep.seeds.size() > 1)
        fmt::print("means over {} seeds, +- half of the 95 % confidence interval (Student's t)\n", sweep.seeds.size());
    print_sensitivity(engine);
    print_findings(engine);
    print_failed(engine);
    fmt::print("\n{} points, {} runs: {} now, {} kept from before, {} failed{}; {} pass, {} fail{}\n",
               sweep.points.size(), sweep.runs(), engine.count(SweepRun::State::Ran),
               engine.count(SweepRun::State::Kept), engine.count(SweepRun::State::Failed),
               interrupted || engine.count(SweepRun::State::Missing) > 0 ? fmt::format(", {} missing", engine.count(SweepRun::State::Missing)) : "",
               engine.verdicts("pass"), engine.verdicts("fail"),
               engine.verdicts("not-applicable") == 0
                   ? ""
                   : fmt::format(", {} not applicable", engine.verdicts("not-applicable")));
}

void print_sweep_plan(const SweepEngine& engine, std::size_t kept) {
    const Sweep& sweep = engine.sweep();
    fmt::print("{}  {}\n\n", sweep.name, sweep.title);
    std::vector<std::vector<std::string>> rows{{"axis", "values", "first", "last", "path"}};
    for (const SweepAxis& a : sweep.axes)
        rows.push_back({a.name, std::to_string(a.values.size()), a.values.front().label(), a.values.back().label(),
                        base::join(a.paths, ", ")});
    print_aligned(rows);
    fmt::print("\n{} points of {} combinations, {} seeds: {} runs, {} of them kept from before\n", sweep.points.size(),
               sweep.combinations, sweep.seeds.size(), sweep.runs(), kept);
    const std::size_t shown = std::min<std::size_t>(sweep.points.size(), 3);
    for (std::size_t p = 0; p < shown; ++p) fmt::print("  point {}: {}\n", p + 1, sweep.label(sweep.points[p]));
    if (sweep.points.size() > 2 * shown) fmt::print("  ...\n");
    for (std::size_t p = std::max(shown, sweep.points.size() - shown); p < sweep.points.size(); ++p)
        fmt::print("  point {}: {}\n", p + 1, sweep.label(sweep.points[p]));
    double wall = 0;
    for (std::size_t p = 0; p < sweep.points.size(); ++p)
        for (std::size_t i = 0; i < sweep.seeds.size(); ++i) wall += engine.at(p, i).wall_s;
    constexpr double guess = 0.05;
    const double each = kept == 0 ? guess : wall / static_cast<double>(kept);
    const double left = static_cast<double>(sweep.runs() - kept) * each / engine.jobs();
    fmt::print("about {:.0f} s for what is missing, {} at a time, {}\n", left, engine.jobs(),
               kept == 0 ? "if each takes 50 ms (a guess: none was made yet)"
                         : fmt::format("as those that were made took {:.3f} s each", each));
}

} // namespace quiesce::platform
