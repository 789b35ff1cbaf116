// SPDX-License-Identifier: Apache-2.0
#include "platform/sweep/results.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#ifndef QUIESCE_VERSION
#define QUIESCE_VERSION "0"
#endif

namespace quiesce::platform {
namespace {
using Json = nlohmann::ordered_json;

std::string csv_cell(const std::string& text) {
    if (text.find_first_of(",\"\n") == text.npos) return text;
    std::string quoted = "\"";
    for (const char c : text) quoted += c == '"' ? std::string{"\"\""} : std::string{c};
    return quoted + '"';
}

/// By path, the values of one point.
Json point_values(const Sweep& sweep, const Sweep::Point& point) {
    Json j = Json::object();
    for (std::size_t a = 0; a < sweep.axes.size(); ++a)
        for (std::size_t p = 0; p < sweep.axes[a].paths.size(); ++p)
            j[sweep.axes[a].paths[p]] = sweep.axes[a].values[point[a]].shown[p].text;
    return j;
}

Json statistics_json(const SweepStatistics& s) {
    Json j{{"n", s.n}};
    if (s.n == 0) return j;
    j["mean"] = s.mean;
    j["median"] = s.median;
    j["min"] = s.least;
    j["max"] = s.most;
    if (s.half) j["ci95"] = Json::array({s.mean - *s.half, s.mean + *s.half});
    return j;
}

Json run_json(const SweepEngine& engine, std::size_t point, std::size_t seed) {
    const SweepRun& r = engine.at(point, seed);
    constexpr const char* states[] = {"missing", "ran", "kept", "failed"};
    Json j{{"seed", engine.sweep().seeds[seed]}, {"key", r.key}, {"state", states[static_cast<int>(r.state)]}};
    if (!r.reason.empty()) j["reason"] = r.reason;
    if (!r.is_there()) return j;
    j["verdict"] = r.verdict;
    j["fingerprint"] = r.fingerprint;
    j["open"] = r.open;
    j["values"] = Json::object();
    for (std::size_t m = 0; m < r.values.size(); ++m)
        if (r.values[m]) j["values"][engine.sweep().metrics[m].name] = *r.values[m];
    return j;
}

Json point_json(const SweepEngine& engine, std::size_t p) {
    const Sweep& sweep = engine.sweep();
    Json j{{"point", p + 1},
           {"at", point_values(sweep, sweep.points[p])},
           {"runs", Json::array()},
           {"statistics", Json::object()}};
    for (std::size_t i = 0; i < sweep.seeds.size(); ++i) j["runs"].push_back(run_json(engine, p, i));
    for (std::size_t m = 0; m < sweep.metrics.size(); ++m)
        j["statistics"][sweep.metrics[m].name] = statistics_json(statistics_of(engine.values(p, m)));
    return j;
}

Json sensitivity_json(const SweepEngine& engine, std::size_t metric, std::size_t middle) {
    const Sweep& sweep = engine.sweep();
    Json list = Json::array();
    for (const SweepEffect& e : sensitivity(engine, metric, middle)) {
        const SweepAxis& axis = sweep.axes[e.axis];
        list.push_back({{"axis", axis.name},
                        {"low", e.low},
                        {"low_at", axis.values[e.low_at].label()},
                        {"high", e.high},
                        {"high_at", axis.values[e.high_at].label()}});
    }
    return {{"metric", sweep.metrics[metric].name},
            {"around", point_values(sweep, sweep.points[middle])},
            {"effects", std::move(list)}};
}

Json knees_json(const SweepEngine& engine) {
    const Sweep& sweep = engine.sweep();
    Json list = Json::array();
    for (const SweepPlot& plot : sweep.plots) {
        if (plot.kind != SweepPlot::Kind::Line) continue;
        for (const SweepCurve& c : curves_of(engine, plot))
            if (c.knee)
                list.push_back({{"plot", plot.name},
                                {"series", c.name},
                                {"axis", sweep.axes[plot.x].name},
                                {"at", sweep.axes[plot.x].values[c.points[*c.knee].value].label()},
                                {"metric", sweep.metrics[plot.y].name},
                                {"value", c.points[*c.knee].y.mean}});
    }
    return list;
}

Json fronts_json(const SweepEngine& engine) {
    const Sweep& sweep = engine.sweep();
    Json list = Json::array();
    for (const SweepPlot& plot : sweep.plots) {
        if (plot.kind != SweepPlot::Kind::Pareto) continue;
        Json points = Json::array();
        for (const std::size_t p : front_of(engine, plot)) points.push_back(p + 1);
        list.push_back({{"plot", plot.name},
                        {"x", sweep.metrics[plot.x].name},
                        {"y", sweep.metrics[plot.y].name},
                        {"points", points}});
    }
    return list;
}
} // namespace

std::string sweep_csv(const SweepEngine& engine) {
    const Sweep& sweep = engine.sweep();
    std::string text = "point,seed";
    for (const SweepAxis& axis : sweep.axes)
        for (const std::string& path : axis.paths) text += "," + csv_cell(path);
    text += ",verdict,metric,value\n";
    for (std::size_t p = 0; p < sweep.points.size(); ++p)
        for (std::size_t i = 0; i < sweep.seeds.size(); ++i) {
            const SweepRun& r = engine.at(p, i);
            std::string row = fmt::format("{},{}", p + 1, sweep.seeds[i]);
            for (std::size_t a = 0; a < sweep.axes.size(); ++a)
                for (const SweepOperand& o : sweep.axes[a].values[sweep.points[p][a]].shown)
                    row += "," + csv_cell(o.text);
            for (std::size_t m = 0; m < sweep.metrics.size(); ++m)
                text += fmt::format("{},{},{},{}\n", row, r.state == SweepRun::State::Missing ? "missing" : r.verdict,
                                    csv_cell(sweep.metrics[m].name),
                                    r.is_there() && r.values[m] ? r.values[m]->dump() : "");
        }
    return text;
}

Json sweep_json(const SweepEngine& engine, bool interrupted, const std::vector<std::string>& plots) {
    const Sweep& sweep = engine.sweep();
    Json j{{"schema", 1},
           {"sweep", sweep.name},
           {"title", sweep.title},
           {"version", QUIESCE_VERSION},
           {"scenario",
            sweep.scenario_root.find("scenario") != nullptr ? sweep.scenario_root.find("scenario")->text() : ""},
           {"interrupted", interrupted},
           {"seeds", sweep.seeds}};
    j["statistics"] = "over the seeds of a point; ci95 is the mean -+ Student's t (97.5 %, n - 1) x standard deviation "
                      "(n - 1) / root of n";
    j["axes"] = Json::array();
    for (const SweepAxis& axis : sweep.axes) {
        Json values = Json::array();
        for (const SweepValue& v : axis.values) values.push_back(v.label());
        j["axes"].push_back({{"name", axis.name}, {"paths", axis.paths}, {"values", values}});
    }
    j["metrics"] = Json::array();
    for (const SweepMetric& m : sweep.metrics)
        j["metrics"].push_back({{"name", m.name}, {"path", m.path}, {"unit", m.is_time() ? "ps" : ""}});
    j["counts"] = {{"points", sweep.points.size()},
                   {"runs", sweep.runs()},
                   {"ran", engine.count(SweepRun::State::Ran)},
                   {"kept", engine.count(SweepRun::State::Kept)},
                   {"failed", engine.count(SweepRun::State::Failed)},
                   {"missing", engine.count(SweepRun::State::Missing)},
                   {"pass", engine.verdicts("pass")},
                   {"fail", engine.verdicts("fail")},
                   {"not_applicable", engine.verdicts("not-applicable")}};
    j["points"] = Json::array();
    for (std::size_t p = 0; p < sweep.points.size(); ++p) j["points"].push_back(point_json(engine, p));
    j["sensitivity"] = Json::array();
    if (const auto middle = middle_point(sweep))
        for (std::size_t m = 0; m < sweep.metrics.size(); ++m)
            j["sensitivity"].push_back(sensitivity_json(engine, m, *middle));
    j["knees"] = knees_json(engine);
    j["pareto"] = fronts_json(engine);
    j["plots"] = plots;
    return j;
}

} // namespace quiesce::platform
