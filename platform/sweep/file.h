// SPDX-License-Identifier: Apache-2.0
/// A sweep as its file says it: a scenario, what all points have in common, axes, what must hold of a point, what is
/// measured.
#pragma once
#include "platform/scenario/scenario.h"
#include "platform/sweep/constraint.h"
#include "platform/sweep/metrics.h"

namespace quiesce::platform {

/// One value of an axis: for each of its paths one parameter's value.
struct SweepValue {
    std::vector<Setting> settings;
    std::vector<SweepOperand> shown; ///< as the parameters write them
    std::string label() const;       ///< "85ns / 60ns"
    /// Where a diagram puts it; nothing if it is no figure.
    std::optional<double> position() const;
};
struct SweepAxis {
    std::string name; ///< the end of its first path that no other axis has
    std::vector<std::string> paths;
    std::vector<SweepValue> values;
    bool logarithmic = false;
    bool is_numeric() const;
};

struct SweepPlot {
    enum class Kind { Line, HeatMap, Tornado, Pareto };
    Kind kind = Kind::Line;
    std::string name;                           ///< of the file, without its ending
    std::size_t x = 0, y = 0;                   ///< line: axis and metric; heat map: axes; Pareto: metrics
    std::optional<std::size_t> series;          ///< line: an axis
    std::size_t metric = 0;                     ///< of a heat map's cells, of a tornado
    bool x_more = false, y_more = false;        ///< Pareto: more is better
    std::vector<std::optional<std::size_t>> at; ///< by axis: the value where the other axes are held, if said
};

struct Sweep {
    std::string name, title, file;
    std::string scenario; ///< its file
    Node scenario_root;
    std::vector<Setting> set;
    std::vector<u64> seeds;
    std::vector<SweepAxis> axes;
    std::vector<Constraint> where;
    std::vector<SweepMetric> metrics;
    std::vector<SweepPlot> plots;
    bool judges_all = true; ///< false: of the scenario's claims only those about violations
    u64 combinations = 0;
    /// By axis the value's number. The last axis goes fastest.
    using Point = std::vector<std::size_t>;
    std::vector<Point> points;

    std::size_t runs() const { return points.size() * seeds.size(); }
    std::string label(const Point& point) const; ///< "entries 16, policy mm-exit"
    /// The scenario of a point; what is wrong with it is in `out`, at its places in this file or in the scenario's.
    std::unique_ptr<Scenario> scenario_at(const Point& point, Diagnostics& out) const;
};

/// Reads a file, or one of the library's. Everything wrong with it is in `out`, and the result is then not to be run.
/// Throws IoError, UnknownScenario.
/// `sets` are those of the command line, which go before the file's.
std::unique_ptr<Sweep> read_sweep(const std::string& file_or_name, const std::vector<std::string>& sets, Diagnostics& out);

/// Axes, in their order: what each path can be is looked up in the scenario's parameters.
void read_sweep_axes(Sweep& sweep, const Node& axes, Diagnostics& out);
/// `set`: paths and values, or maps of them; then those of the command line.
void read_sweep_settings(Sweep& sweep, const Node& set, const std::vector<std::string>& sets, Diagnostics& out);
void read_sweep_plots(Sweep& sweep, const Node& plots, Diagnostics& out);
/// The axis of that name, or whose path is or ends so.
std::optional<std::size_t> find_axis(const Sweep& sweep, std::string_view name);

} // namespace quiesce::platform
