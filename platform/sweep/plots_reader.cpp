// SPDX-License-Identifier: Apache-2.0
/// The diagrams that a sweep declares.
#include "platform/sweep/file.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
class PlotReader {
public:
    PlotReader(const Sweep& sweep, MapReader& keys, Diagnostics& out) : sweep_(sweep), keys_(keys), out_(out) {
        for (const SweepMetric& m : sweep.metrics) metrics_.push_back(m.name);
        for (const SweepAxis& a : sweep.axes) axes_.push_back(a.name);
    }
    std::size_t axis(const char* key) {
        const Node* const n = keys_.require(key);
        return n == nullptr ? 0 : axis_of(*n, keys_.path(key)).value_or(0);
    }
    std::optional<std::size_t> axis_if(const char* key) {
        const Node* const n = keys_.take(key);
        return n == nullptr ? std::nullopt : axis_of(*n, keys_.path(key));
    }
    std::size_t metric(const char* key) {
        const Node* const n = keys_.require(key);
        return n == nullptr ? 0 : metric_of_node(*n, keys_.path(key));
    }
    std::size_t metric_of_node(const Node& n, const std::string& what) {
        const auto text = n.as_string(out_, what);
        if (!text) return 0;
        for (std::size_t m = 0; m < sweep_.metrics.size(); ++m)
            if (sweep_.metrics[m].name == *text || sweep_.metrics[m].path == metric_path(*text)) return m;
        out_.error_about(n.at(),
                         fmt::format("{}: '{}' is none of the sweep's metrics ({})", what, *text, base::join(metrics_)),
                         *text, metrics_);
        return 0;
    }
    /// Where the other axes are held: {policy: mm-exit}.
    void held(SweepPlot& plot) {
        plot.at.resize(sweep_.axes.size());
        const Node* const at = keys_.take("at");
        if (at == nullptr) return;
        if (!at->is_map())
            return out_.error(at->at(),
                              fmt::format("{}: expected a map of axes, got {}", keys_.path("at"), at->described()));
        for (const auto& e : at->entries()) {
            const auto a = axis_of(Node::plain(e.key, e.at), keys_.path("at"));
            if (!a) continue;
            const auto text = e.value.as_string(out_, e.key);
            const auto& values = sweep_.axes[*a].values;
            std::vector<std::string> labels;
            for (std::size_t i = 0; text && i < values.size(); ++i) {
                labels.push_back(values[i].label());
                if (labels.back() == *text || values[i].settings.front().value.text() == *text) plot.at[*a] = i;
            }
            if (text && !plot.at[*a])
                out_.error_about(e.value.at(), fmt::format("{} has no value '{}'", e.key, *text), *text, labels);
        }
    }

private:
    std::optional<std::size_t> axis_of(const Node& n, const std::string& what) {
        const auto text = n.as_string(out_, what);
        if (!text) return std::nullopt;
        const auto found = find_axis(sweep_, *text);
        if (!found)
            out_.error_about(n.at(),
                             fmt::format("{}: '{}' is none of the sweep's axes ({})", what, *text, base::join(axes_)),
                             *text, axes_);
        return found;
    }
    const Sweep& sweep_;
    MapReader& keys_;
    Diagnostics& out_;
    std::vector<std::string> metrics_, axes_;
};

SweepPlot read_line(PlotReader& r) {
    SweepPlot p;
    p.x = r.axis("x");
    p.y = r.metric("y");
    p.series = r.axis_if("series");
    r.held(p);
    return p;
}
SweepPlot read_heat_map(PlotReader& r) {
    SweepPlot p;
    p.kind = SweepPlot::Kind::HeatMap;
    p.x = r.axis("x");
    p.y = r.axis("y");
    p.metric = r.metric("value");
    r.held(p);
    return p;
}
SweepPlot read_tornado(PlotReader& r) {
    SweepPlot p;
    p.kind = SweepPlot::Kind::Tornado;
    p.metric = r.metric("of");
    r.held(p);
    return p;
}
SweepPlot read_pareto(PlotReader& r, MapReader& keys, Diagnostics& out) {
    SweepPlot p;
    p.kind = SweepPlot::Kind::Pareto;
    p.x = r.metric("x");
    p.y = r.metric("y");
    if (const Node* more = keys.take("more-is-better")) {
        std::vector<Node> items{*more};
        if (more->is_seq()) items = more->items();
        for (const Node& n : items) {
            const std::size_t m = r.metric_of_node(n, keys.path("more-is-better"));
            if (m != p.x && m != p.y) out.error(n.at(), keys.path("more-is-better") + ": expected x's or y's metric");
            p.x_more = p.x_more || m == p.x;
            p.y_more = p.y_more || m == p.y;
        }
    }
    return p;
}
} // namespace

void read_sweep_plots(Sweep& sweep, const Node& plots, Diagnostics& out) {
    const auto* items = plots.as_seq(out, "plots");
    if (items == nullptr) return;
    const std::vector<std::string> kinds{"line", "heat-map", "tornado", "pareto"};
    for (std::size_t i = 0; i < items->size(); ++i) {
        const Node& n = (*items)[i];
        if (!n.is_map() || n.entries().size() != 1) {
            out.error(n.at(), fmt::format("plots: expected one of {}, such as `line: {{x: AXIS, y: METRIC}}`, got {}",
                                          base::join(kinds), n.described()));
            continue;
        }
        const auto& e = n.entries().front();
        if (std::find(kinds.begin(), kinds.end(), e.key) == kinds.end()) {
            out.error_about(e.at, fmt::format("plots: unknown kind '{}'", e.key), e.key, kinds);
            continue;
        }
        // A tornado has nothing to be said of but its metric.
        const bool brief = e.key == "tornado" && e.value.is_scalar();
        MapReader keys(brief ? Node::map({{"of", e.value, e.value.at()}}, e.value.at()) : e.value, out,
                       "plots." + e.key);
        PlotReader reader(sweep, keys, out);
        SweepPlot p = e.key == "line"       ? read_line(reader)
                      : e.key == "heat-map" ? read_heat_map(reader)
                      : e.key == "tornado"  ? read_tornado(reader)
                                            : read_pareto(reader, keys, out);
        p.name = fmt::format("{}-{}", i + 1, e.key);
        sweep.plots.push_back(std::move(p));
    }
}

} // namespace quiesce::platform
