// SPDX-License-Identifier: Apache-2.0
#include "platform/sweep/file.h"

#include "platform/files.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
namespace fs = std::filesystem;
constexpr u64 default_max_points = 10'000, most_points = 10'000'000;

std::string sweep_file_of(const std::string& file_or_name) {
    if (file_or_name.find('/') != std::string::npos || file_or_name.find(".yaml") != std::string::npos)
        return file_or_name;
    std::vector<std::string> names;
    for (const auto& l : library_sweeps()) {
        if (l.name == file_or_name) return l.file.string();
        names.push_back(l.name);
    }
    const auto close = base::closest(file_or_name, names);
    throw UnknownScenario(fmt::format("unknown sweep '{}'{} (there are {})", file_or_name,
                                      close ? fmt::format("; did you mean '{}'?", *close) : "", base::join(names)));
}

/// The scenario's tree; false if it cannot be read. A file is looked for beside the sweep's.
bool load_scenario(Sweep& sweep, const Node& name, Diagnostics& out) {
    const auto text = name.as_string(out, "scenario");
    if (!text) return false;
    const fs::path path = *text;
    const bool is_file = text->find('/') != std::string::npos || path.extension() == ".yaml";
    try {
        sweep.scenario =
            is_file && path.is_relative() ? (fs::path(sweep.file).parent_path() / path).string() : scenario_file(*text);
    } catch (const UnknownScenario& e) {
        out.error(name.at(), e.what());
        return false;
    }
    const Loaded loaded = load_text(sweep.scenario);
    if (!loaded.source) {
        out.error(name.at(), loaded.unreadable);
        return false;
    }
    const auto root = parse_yaml(loaded.source, out);
    if (!root) return false;
    sweep.scenario_root = *root;
    return true;
}

void read_seeds(Sweep& sweep, MapReader& top, Diagnostics& out) {
    const u64 first = top.integer<u64>("seed").value_or(1);
    const u64 repeat = top.integer<u64>("repeat", 1, 100'000).value_or(1);
    for (u64 n = 0; n < repeat; ++n) sweep.seeds.push_back(first + n);
    const Node* const listed = top.take("seeds");
    if (listed == nullptr) return;
    for (const char* key : {"seed", "repeat"})
        if (const auto* e = top.node().find_entry(key))
            out.error(e->at, fmt::format("{}: there is a list of seeds already", key));
    sweep.seeds.clear();
    if (const auto* items = listed->as_seq(out, "seeds"))
        for (const Node& n : *items)
            if (const auto seed = n.as_integer<u64>(out, "seeds")) {
                if (std::find(sweep.seeds.begin(), sweep.seeds.end(), *seed) != sweep.seeds.end())
                    out.error(n.at(), fmt::format("seeds: {} comes twice", *seed));
                sweep.seeds.push_back(*seed);
            }
    if (sweep.seeds.empty()) out.error(listed->at(), "seeds: expected one or more");
}

void read_metrics(Sweep& sweep, const Node& list, Diagnostics& out) {
    const auto* items = list.as_seq(out, "metrics");
    if (items == nullptr) return;
    if (items->empty()) out.error(list.at(), "metrics: expected one or more, such as quiesce.p99");
    for (const Node& n : *items) {
        SweepMetric m;
        Mark at = n.at();
        if (n.is_map() && n.entries().size() == 1) {
            const auto& e = n.entries().front();
            m.name = e.key;
            m.path = e.value.as_string(out, "metrics." + e.key).value_or("");
            at = e.value.at();
        } else {
            m.path = m.name = n.as_string(out, "metrics").value_or("");
        }
        if (m.path.empty()) continue;
        m.path = metric_path(m.path);
        check_metric(m.path, at, out);
        const auto same = [&](const SweepMetric& o) { return o.name == m.name; };
        if (std::any_of(sweep.metrics.begin(), sweep.metrics.end(), same))
            out.error(n.at(), fmt::format("metrics: {} comes twice", m.name));
        sweep.metrics.push_back(std::move(m));
    }
}

/// A word's value at a point, or nothing if it names no parameter.
std::optional<SweepOperand> operand(const Sweep& sweep, const ParamTree& common, const Sweep::Point& point,
                                    const std::string& word) {
    if (const auto a = find_axis(sweep, word)) {
        const SweepAxis& axis = sweep.axes[*a];
        const SweepValue& value = axis.values[point[*a]];
        for (std::size_t p = 0; p < axis.paths.size(); ++p) { // of several that go together the one that is meant
            const std::string& path = axis.paths[p];
            if (path == word || (path.size() > word.size() && path.substr(path.size() - word.size()) == word))
                return value.shown[p];
        }
        return value.shown.front();
    }
    const base::ParamBase* const p = common.find(word);
    if (p == nullptr) return std::nullopt;
    return SweepOperand{p->text(), parse_quantity(p->text())};
}

void read_where(Sweep& sweep, const Node& list, const ParamTree& common, Diagnostics& out) {
    std::vector<Node> items{list};
    if (list.is_seq()) items = list.items();
    std::vector<std::string> known;
    for (const auto& row : common.rows()) known.push_back(row.path);
    for (const SweepAxis& axis : sweep.axes) known.push_back(axis.name);
    for (const Node& n : items) {
        auto c = Constraint::parse(n, out);
        if (!c) continue;
        bool all_known = true;
        for (const std::string& word : c->words()) {
            const bool is_path =
                word.find('.') != std::string::npos && std::isalpha(static_cast<unsigned char>(word.front())) != 0;
            if (!is_path || find_axis(sweep, word) || common.find(word) != nullptr) continue;
            out.error_about(n.at(), fmt::format("where: unknown parameter '{}'", word), word, known);
            all_known = false;
        }
        if (all_known) sweep.where.push_back(std::move(*c));
    }
}

/// The next combination; false after the last.
bool to_next_point(const Sweep& sweep, Sweep::Point& point) {
    for (std::size_t a = point.size(); a-- > 0;) {
        if (++point[a] < sweep.axes[a].values.size()) return true;
        point[a] = 0;
    }
    return false;
}

void enumerate(Sweep& sweep, const ParamTree& common, u64 max_points, const Mark& guard_at, Diagnostics& out) {
    sweep.combinations = 1;
    for (const SweepAxis& axis : sweep.axes)
        sweep.combinations = std::min(sweep.combinations * axis.values.size(), most_points + 1);
    if (sweep.combinations > most_points)
        return out.error(guard_at, fmt::format("axes: more than {} combinations", most_points));
    Sweep::Point point(sweep.axes.size(), 0);
    do {
        const auto names = [&](const std::string& word) { return operand(sweep, common, point, word); };
        bool wanted = true;
        for (const Constraint& c : sweep.where) {
            try {
                wanted = wanted && c.holds(names);
            } catch (const std::invalid_argument& e) { return out.error(c.at(), std::string{"where: "} + e.what()); }
        }
        if (wanted) sweep.points.push_back(point);
    } while (to_next_point(sweep, point));
    if (sweep.points.empty()) return out.error(sweep.where.front().at(), "where: no point is left");
    if (sweep.runs() > max_points)
        out.error(
            guard_at,
            fmt::format(
                "{} points with {} seeds are {} runs, more than max-points: {}; say a higher one if that is meant",
                sweep.points.size(), sweep.seeds.size(), sweep.runs(), max_points));
}

void check_varied_once(const Sweep& sweep, Diagnostics& out) {
    for (const Setting& s : sweep.set)
        for (const SweepAxis& axis : sweep.axes)
            if (std::find(axis.paths.begin(), axis.paths.end(), s.path_text()) != axis.paths.end())
                out.error(s.path.front().at, fmt::format("set: {} is an axis, too", s.path_text()));
}
} // namespace

std::string Sweep::label(const Point& point) const {
    std::string text;
    for (std::size_t a = 0; a < axes.size(); ++a)
        text += fmt::format("{}{} {}", a == 0 ? "" : ", ", axes[a].name, axes[a].values[point[a]].label());
    return text;
}

std::unique_ptr<Scenario> Sweep::scenario_at(const Point& point, Diagnostics& out) const {
    std::vector<Setting> settings = set;
    for (std::size_t a = 0; a < axes.size(); ++a) {
        const auto& more = axes[a].values[point[a]].settings;
        settings.insert(settings.end(), more.begin(), more.end());
    }
    auto s = build_scenario(scenario, scenario_root, settings, out);
    if (!judges_all)
        std::erase_if(s->expectations, [](const Expectation& e) { return e.form != "never" && e.form != "violation"; });
    return s;
}

std::unique_ptr<Sweep> read_sweep(const std::string& file_or_name, const std::vector<std::string>& sets, Diagnostics& out) {
    auto sweep = std::make_unique<Sweep>();
    sweep->file = sweep_file_of(file_or_name);
    sweep->name = well_formed(fs::path(sweep->file).stem().string());
    const Loaded loaded = load_text(sweep->file);
    if (!loaded.source) throw IoError(loaded.unreadable);
    const auto root = parse_yaml(loaded.source, out);
    if (!root) return sweep;
    MapReader top(*root, out);
    if (const Node* n = top.require("sweep")) sweep->title = n->as_string(out, "sweep").value_or("");
    const Node* const scenario = top.require("scenario");
    const bool known = scenario != nullptr && load_scenario(*sweep, *scenario, out);
    read_seeds(*sweep, top, out);
    const auto judge = top.choice("judge", std::vector<std::string>{"all", "violations"});
    sweep->judges_all = judge.value_or("all") == "all";
    const u64 max_points = top.integer<u64>("max-points", 1, most_points).value_or(default_max_points);
    const Node* const set = top.take("set");
    const Node* const axes = top.require("axes");
    const Node* const where = top.take("where");
    if (const Node* n = top.require("metrics")) read_metrics(*sweep, *n, out);
    const Node* const plots = top.take("plots");
    if (!known) return sweep; // what else is wrong cannot be told without the scenario's parameters
    read_sweep_settings(*sweep, set != nullptr ? *set : Node::null(), sets, out);
    if (axes == nullptr) return sweep;
    const std::size_t before = out.errors();
    read_sweep_axes(*sweep, *axes, out);
    if (out.errors() > before || sweep->axes.empty()) return sweep;
    check_varied_once(*sweep, out);
    Diagnostics later;
    const auto common = build_scenario(sweep->scenario, sweep->scenario_root, sweep->set, later);
    const ParamTree tree = parameters(common->config);
    if (where != nullptr) read_where(*sweep, *where, tree, out);
    if (plots != nullptr) read_sweep_plots(*sweep, *plots, out);
    const auto* guard = root->find_entry("max-points");
    enumerate(*sweep, tree, max_points, guard != nullptr ? guard->at : root->find_entry("axes")->at, out);
    return sweep;
}

} // namespace quiesce::platform
