// SPDX-License-Identifier: Apache-2.0
/// The axes of a sweep and what all of its points have in common.
#include "platform/sweep/file.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace quiesce::platform {
namespace {
/// "a.b.c" as a setting's path; every step stands where the path does.
std::vector<Setting::Step> steps_of_path(std::string_view path, const Mark& at) {
    std::vector<Setting::Step> steps;
    for (std::size_t from = 0; from <= path.size();) {
        const std::size_t dot = std::min(path.find('.', from), path.size());
        steps.push_back({std::string(path.substr(from, dot - from)), at});
        from = dot + 1;
    }
    return steps;
}

bool is_kind_of_device(std::string_view path) {
    return path.rfind("devices.", 0) == 0 && path.size() > 5 && path.substr(path.size() - 5) == ".kind";
}

/// A path whose first steps are no trees of a scenario, or whose device is none of it, would otherwise be read as a new
/// one.
bool check_root(const Sweep& sweep, const Node::Entry& entry, Diagnostics& out) {
    const std::vector<std::string> trees{"platform", "os", "devices", "observe"};
    const auto steps = steps_of_path(entry.key, entry.at);
    const std::string tree = std::get<std::string>(steps.front().to);
    if (std::find(trees.begin(), trees.end(), tree) == trees.end()) {
        out.error_about(entry.at, fmt::format("unknown path '{}'", entry.key), tree, trees);
        return false;
    }
    if (tree != "devices" || steps.size() < 2 || is_kind_of_device(entry.key)) return true;
    std::vector<std::string> names;
    if (const Node* devices = sweep.scenario_root.find("devices"))
        for (const auto& e : devices->entries()) names.push_back(e.key);
    for (const Setting& s : sweep.set)
        if (is_kind_of_device(s.path_text())) names.push_back(std::get<std::string>(s.path[1].to));
    const std::string device = std::get<std::string>(steps[1].to);
    if (std::find(names.begin(), names.end(), device) != names.end()) return true;
    out.error_about(entry.at, fmt::format("the scenario has no device '{}'", device), device, names);
    return false;
}

/// What can be varied: the parameters of the scenario with what is set, and of each kind that an axis makes of a
/// device.
class Parameters {
public:
    explicit Parameters(const Sweep& sweep) : sweep_(sweep) { add({}); }
    void add(const std::vector<Setting>& more) {
        std::vector<Setting> settings = sweep_.set;
        settings.insert(settings.end(), more.begin(), more.end());
        Diagnostics later; // what is wrong with the scenario is said once, when its points are checked
        auto s = build_scenario(sweep_.scenario, sweep_.scenario_root, settings, later);
        const ParamTree tree = parameters(s->config);
        for (const auto& row : tree.rows()) paths_.insert(row.path);
        scenarios_.push_back(std::move(s));
    }
    /// Null, after an error, if there is none.
    base::ParamBase* find(const std::string& path, const Mark& at, Diagnostics& out) {
        for (const auto& s : scenarios_)
            if (base::ParamBase* const p = parameters(s->config).find(path)) return p;
        out.error_about(at, fmt::format("unknown parameter '{}' (see `quiesce list params`)", path), path, paths_);
        return nullptr;
    }

private:
    const Sweep& sweep_;
    std::vector<std::unique_ptr<Scenario>> scenarios_;
    std::set<std::string> paths_;
};

/// The values of one path: a list, or a range.
std::vector<SweepValue> values_of_path(const Node::Entry& entry, base::ParamBase& param, bool& logarithmic,
                                       Diagnostics& out) {
    std::vector<Node> given;
    if (entry.value.is_seq())
        given = entry.value.items();
    else if (entry.value.is_map())
        for (const Quantity& q : range_values(entry.value, entry.key, out, logarithmic))
            given.push_back(Node::plain(q.text(), entry.value.at()));
    else
        out.error(entry.value.at(),
                  fmt::format(
                      "{}: expected a list of values, or a range such as {{from: 1us, to: 1ms, per-decade: 3}}, got {}",
                      entry.key, entry.value.described()));
    if (entry.value.is_seq() && given.empty())
        out.error(entry.value.at(), entry.key + ": expected values, got an empty list");
    std::vector<SweepValue> values;
    std::set<std::string> seen;
    for (const Node& n : given) {
        if (!ParamTree::set(param, n, entry.key, out)) {
            if (entry.value.is_map()) break; // the first of a range that it does not take tells
            continue;
        }
        const std::string text = param.text();
        if (!seen.insert(text).second) out.error(n.at(), fmt::format("{}: {} comes twice", entry.key, text));
        values.push_back({{{steps_of_path(entry.key, entry.at), n}}, {{text, parse_quantity(text)}}});
    }
    return values;
}

std::optional<SweepAxis> read_axis(Parameters& all, const Node::Entry& entry, const Sweep& sweep, Diagnostics& out) {
    if (!check_root(sweep, entry, out)) return std::nullopt;
    base::ParamBase* const param = all.find(entry.key, entry.at, out);
    if (param == nullptr) return std::nullopt;
    SweepAxis axis;
    axis.paths = {entry.key};
    axis.values = values_of_path(entry, *param, axis.logarithmic, out);
    if (axis.values.empty()) return std::nullopt;
    return axis;
}

/// Several paths that go together: the first values of all, the second of all.
std::optional<SweepAxis> read_zip(Parameters& all, const Node& zip, const Sweep& sweep, Diagnostics& out) {
    if (!zip.is_map() || zip.entries().size() < 2) {
        out.error(zip.at(), "zip: expected a map of two or more paths with their values, got " + zip.described());
        return std::nullopt;
    }
    std::optional<SweepAxis> together;
    for (const auto& entry : zip.entries()) {
        const auto axis = read_axis(all, entry, sweep, out);
        if (!axis) return std::nullopt;
        if (!together) {
            together = axis;
            continue;
        }
        if (axis->values.size() != together->values.size()) {
            out.error(entry.value.at(), fmt::format("zip: {} has {} values, {} has {}", entry.key, axis->values.size(),
                                                    together->paths.front(), together->values.size()));
            return std::nullopt;
        }
        together->paths.push_back(entry.key);
        for (std::size_t i = 0; i < axis->values.size(); ++i) {
            together->values[i].settings.push_back(axis->values[i].settings.front());
            together->values[i].shown.push_back(axis->values[i].shown.front());
        }
    }
    return together;
}

/// The shortest end of the first path that is no other axis's.
void name_axes(std::vector<SweepAxis>& axes) {
    const auto end_of = [](const std::string& path, std::size_t parts) {
        std::size_t at = path.size();
        while (parts-- > 0 && at != std::string::npos) at = at == 0 ? std::string::npos : path.rfind('.', at - 1);
        return at == std::string::npos ? path : path.substr(at + 1);
    };
    for (SweepAxis& axis : axes) {
        const std::string& path = axis.paths.front();
        for (std::size_t parts = 1;; ++parts) {
            axis.name = end_of(path, parts);
            const auto same = std::count_if(axes.begin(), axes.end(), [&](const SweepAxis& o) {
                return end_of(o.paths.front(), parts) == axis.name;
            });
            if (same <= 1 || axis.name == path) break;
        }
    }
}

void flatten(const std::string& path, const Mark& at, const Node& value, std::vector<Node::Entry>& flat) {
    if (!value.is_map()) return flat.push_back({path, value, at});
    for (const auto& e : value.entries()) flatten(path.empty() ? e.key : path + "." + e.key, e.at, e.value, flat);
}
} // namespace

void read_sweep_settings(Sweep& sweep, const Node& set, const std::vector<std::string>& sets, Diagnostics& out) {
    if (!set.is_null() && !set.is_map())
        return out.error(set.at(), "set: expected a map such as {os.policy: mm-exit}, got " + set.described());
    std::vector<Node::Entry> flat;
    if (set.is_map()) flatten({}, set.at(), set, flat);
    for (const std::string& text : sets) {
        const auto given = parse_setting(text, out);
        if (!given) continue;
        std::erase_if(flat, [&](const Node::Entry& e) { return e.key == given->path_text(); });
        flat.push_back({given->path_text(), given->value, given->path.front().at});
    }
    const auto kind_first = [](const Node::Entry& e) { return is_kind_of_device(e.key); };
    std::stable_partition(flat.begin(), flat.end(), kind_first);
    for (const auto& e : flat)
        if (check_root(sweep, e, out)) sweep.set.push_back({steps_of_path(e.key, e.at), e.value});
    Parameters all(sweep);
    for (const Setting& s : sweep.set)
        if (base::ParamBase* const p = all.find(s.path_text(), s.path.front().at, out))
            ParamTree::set(*p, s.value, s.path_text(), out);
}

void read_sweep_axes(Sweep& sweep, const Node& axes, Diagnostics& out) {
    if (!axes.is_map() || axes.entries().empty())
        return out.error(axes.at(), "axes: expected a map of parameters with their values, got " +
                                        (axes.is_map() ? "an empty one" : axes.described()));
    Parameters all(sweep);
    for (const auto& entry : axes.entries())
        if (is_kind_of_device(entry.key) && entry.value.is_seq() && check_root(sweep, entry, out))
            for (const Node& kind : entry.value.items())
                if (kind.is_scalar()) all.add({{steps_of_path(entry.key, entry.at), kind}});
    for (const auto& entry : axes.entries()) {
        std::vector<Node> zips;
        if (entry.key == "zip") zips = entry.value.is_seq() ? entry.value.items() : std::vector<Node>{entry.value};
        for (const Node& zip : zips)
            if (auto axis = read_zip(all, zip, sweep, out)) sweep.axes.push_back(std::move(*axis));
        if (entry.key == "zip") continue;
        if (auto axis = read_axis(all, entry, sweep, out)) sweep.axes.push_back(std::move(*axis));
    }
    std::set<std::string> seen;
    for (const SweepAxis& axis : sweep.axes)
        for (std::size_t p = 0; p < axis.paths.size(); ++p)
            if (!seen.insert(axis.paths[p]).second)
                out.error(axis.values.front().settings[p].path.front().at,
                          fmt::format("{} is on two axes", axis.paths[p]));
    name_axes(sweep.axes);
}

std::optional<std::size_t> find_axis(const Sweep& sweep, std::string_view name) {
    std::optional<std::size_t> found;
    for (std::size_t a = 0; a < sweep.axes.size(); ++a) {
        const SweepAxis& axis = sweep.axes[a];
        if (axis.name == name) return a;
        for (const std::string& path : axis.paths) {
            if (path == name) return a;
            const bool ends = path.size() > name.size() && path.substr(path.size() - name.size()) == name &&
                              path[path.size() - name.size() - 1] == '.';
            if (ends && found && *found != a) return std::nullopt;
            if (ends) found = a;
        }
    }
    return found;
}

std::string SweepValue::label() const {
    std::string text;
    for (const SweepOperand& o : shown) text += (text.empty() ? "" : " / ") + o.text;
    return text;
}

std::optional<double> SweepValue::position() const {
    return shown.front().figure ? std::optional<double>(shown.front().figure->value()) : std::nullopt;
}

bool SweepAxis::is_numeric() const {
    std::optional<double> before;
    for (const SweepValue& v : values) {
        const auto at = v.position();
        if (!at || (before && *at <= *before)) return false;
        before = at;
    }
    return true;
}

} // namespace quiesce::platform
