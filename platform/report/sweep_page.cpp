// SPDX-License-Identifier: Apache-2.0
/// report.html of a sweep: its diagrams, and a table of its points, from sweep.json and plots/.
#include "platform/report/report.h"

#include "platform/files.h"
#include "platform/report/parts.h"

#include <fmt/format.h>
#include <fstream>
#include <set>
#include <sstream>

namespace quiesce::platform {
namespace report {
namespace {
namespace fs = std::filesystem;

/// A metric's unit, and how a person reads one of its values.
std::string value_text(const Record& metric, double value) {
    return text(metric, "unit") == "ps" ? for_reader(static_cast<i64>(value)) : fmt::format("{:.6g}", value);
}

std::string metric_cell(const Record& metric, const Record& statistics) {
    const Record &mean = part(statistics, "mean"), &range = part(statistics, "ci95");
    if (!mean.is_number()) return fmt::format("<td data-metric=\"{}\">-</td>", escaped(text(metric, "name")));
    std::string shown = value_text(metric, mean.get<double>());
    if (range.is_array() && range.size() == 2 && range[0] != range[1])
        shown += fmt::format(" <small>{} to {}</small>", value_text(metric, range[0].get<double>()), value_text(metric, range[1].get<double>()));
    return fmt::format("<td data-metric=\"{}\" data-mean=\"{}\" data-n=\"{}\">{}</td>", escaped(text(metric, "name")), mean.dump(), figure(statistics, "n"), shown);
}

/// Of all runs of a point, the worst there is to say.
std::string verdict_of(const Record& point) {
    std::set<std::string> verdicts;
    for (const Record& r : part(point, "runs")) verdicts.insert(text(r, "state") == "failed" || text(r, "state") == "missing" ? text(r, "state") : text(r, "verdict"));
    for (const char* worst : {"failed", "fail", "missing", "interrupted", "error", "not-applicable"})
        if (verdicts.count(worst) != 0) return worst;
    return verdicts.empty() ? "missing" : *verdicts.begin();
}

std::string points_table(const Record& sweep) {
    constexpr std::size_t most_rows = 2000;
    std::string out = "<table class=\"points\"><thead><tr><th>point</th>";
    std::vector<std::string> paths;
    for (const Record& axis : part(sweep, "axes"))
        for (const Record& path : part(axis, "paths")) {
            paths.push_back(path.get<std::string>());
            out += "<th>" + escaped(paths.back()) + "</th>";
        }
    for (const Record& m : part(sweep, "metrics")) out += fmt::format("<th title=\"{}\">{}</th>", escaped(text(m, "path")), escaped(text(m, "name")));
    out += "<th>verdict</th></tr></thead><tbody>\n";
    std::size_t rows = 0;
    for (const Record& p : part(sweep, "points")) {
        if (++rows > most_rows) break;
        const std::string verdict = verdict_of(p);
        out += fmt::format("<tr data-point=\"{0}\" data-verdict=\"{1}\"><td>{0}</td>", figure(p, "point"), escaped(verdict));
        for (const std::string& path : paths) out += "<td>" + escaped(text(part(p, "at"), path)) + "</td>";
        for (const Record& m : part(sweep, "metrics")) out += metric_cell(m, part(part(p, "statistics"), text(m, "name")));
        out += fmt::format("<td class=\"v-{0}\">{0}</td></tr>\n", escaped(verdict));
    }
    out += "</tbody></table>\n";
    if (rows > most_rows) out += "<p class=\"note\">The others are in points.csv.</p>\n";
    return out;
}

const Record& metric_named(const Record& sweep, const std::string& name) {
    for (const Record& m : part(sweep, "metrics"))
        if (text(m, "name") == name) return m;
    return part(Record{}, "");
}
double number_in(const Record& r, std::string_view key) { return part(r, key).is_number() ? part(r, key).get<double>() : 0; }

std::string effects(const Record& sweep) {
    std::string rows;
    for (const Record& s : part(sweep, "sensitivity")) {
        const Record& metric = metric_named(sweep, text(s, "metric"));
        for (const Record& e : part(s, "effects")) {
            const double low = number_in(e, "low"), high = number_in(e, "high");
            rows += fmt::format("<tr data-effect=\"{}\" data-axis=\"{}\" data-low=\"{}\" data-high=\"{}\"><td>{}</td><td>{}</td>", escaped(text(s, "metric")),
                                escaped(text(e, "axis")), part(e, "low").dump(), part(e, "high").dump(), escaped(text(s, "metric")), escaped(text(e, "axis")));
            if (low == high) rows += fmt::format("<td colspan=\"2\">moves nothing: {} wherever it is</td></tr>\n", value_text(metric, low));
            else
                rows += fmt::format("<td>{} <small>at {}</small></td><td>{} <small>at {}</small></td></tr>\n", value_text(metric, low), escaped(text(e, "low_at")),
                                    value_text(metric, high), escaped(text(e, "high_at")));
        }
    }
    for (const Record& k : part(sweep, "knees"))
        rows += fmt::format("<tr><td>{}</td><td>{}</td><td colspan=\"2\">knee of {} at {}: {}</td></tr>\n", escaped(text(k, "metric")), escaped(text(k, "axis")),
                            text(k, "series").empty() ? "the curve" : escaped(text(k, "series")), escaped(text(k, "at")),
                            value_text(metric_named(sweep, text(k, "metric")), number_in(k, "value")));
    return rows.empty() ? "" : "<h2>What moves what</h2>\n<p class=\"note\">One axis at a time, all others at the middle of their values.</p>\n<div class=\"wide\"><table "
                               "class=\"points\"><thead><tr><th>metric</th><th>axis</th><th>lowest</th><th>highest</th></tr></thead><tbody>\n" + rows + "</tbody></table></div>\n";
}

/// The points of each front by their names, and what they come to.
std::string fronts(const Record& sweep) {
    std::string out;
    for (const Record& f : part(sweep, "pareto")) {
        const std::string x = text(f, "x"), y = text(f, "y");
        std::string rows;
        for (const Record& n : part(f, "points"))
            for (const Record& p : part(sweep, "points")) {
                if (part(p, "point") != n) continue;
                std::string name;
                for (const auto& [path, value] : part(p, "at").items())
                    name += (name.empty() ? "" : ", ") + path + " " + (value.is_string() ? value.get<std::string>() : value.dump());
                rows += fmt::format("<tr data-best=\"{0}\"><td>{0}</td><td>{1}</td>", n.dump(), escaped(name));
                for (const std::string& m : {x, y}) rows += metric_cell(metric_named(sweep, m), part(part(p, "statistics"), m));
                rows += "</tr>\n";
            }
        out += fmt::format("<h3>best in {0} and {1} (Pareto front)</h3>\n<div class=\"wide\"><table class=\"points front\"><thead><tr><th>point</th><th>with</th><th>{0}</th><th>{1}</th></tr>"
                           "</thead><tbody>\n{2}</tbody></table></div>\n", escaped(x), escaped(y), rows);
    }
    return out;
}

std::string diagrams(const fs::path& dir, const Record& sweep) {
    std::string out;
    for (const Record& name : part(sweep, "plots")) {
        const fs::path file = name.is_string() ? name.get<std::string>() : std::string{};
        if (file.parent_path() != "plots") continue;
        std::ifstream in(dir / file);
        std::ostringstream svg;
        if (in) svg << in.rdbuf();
        const std::string drawn = svg.str();
        if (const std::size_t begin = drawn.find("<svg"); begin != std::string::npos)
            out += fmt::format("<figure data-plot=\"{}\">{}</figure>\n", escaped(file.stem().string()), drawn.substr(begin));
    }
    return out.empty() ? "" : "<h2>Diagrams</h2>\n" + out;
}
} // namespace
} // namespace report

void write_sweep_report(const std::filesystem::path& dir) {
    using namespace report;
    std::ifstream in(dir / "sweep.json");
    const Record sweep = in ? Record::parse(in, nullptr, false) : Record{};
    if (!sweep.is_object()) throw IoError((dir / "sweep.json").string() + " is no sweep.json");
    const Record& n = part(sweep, "counts");
    const std::string title = text(sweep, "title").empty() ? text(sweep, "sweep") : text(sweep, "title");
    const char* const how = figure(n, "failed") > 0 || figure(n, "fail") > 0 ? "fail" : part(sweep, "interrupted") == true ? "interrupted" : "pass";
    std::string out = page_head(title) +
                      fmt::format("<header><h1>{}</h1><p>quiesce {}</p></header>\n<main>\n<div class=\"card v-{}\"><strong>{}</strong><span>scenario {}</span><span>{} points, "
                                  "{} runs</span><span>{} passed, {} did not, {} failed to run, {} are missing</span></div>\n",
                                  escaped(title), escaped(text(sweep, "version")), how, how, escaped(text(sweep, "scenario")), figure(n, "points"),
                                  figure(n, "runs"), figure(n, "pass"), figure(n, "fail"), figure(n, "failed"), figure(n, "missing"));
    out += diagrams(dir, sweep) + effects(sweep) + fronts(sweep) + "<h2>Points</h2>\n<p class=\"note\">Means over the seeds of a point, and 95 % confidence intervals where there are several.</p>\n<div class=\"scroll\">\n" +
           points_table(sweep) + "</div>\n</main>\n</body></html>\n";
    write_file(dir / "report.html", out);
}

} // namespace quiesce::platform
