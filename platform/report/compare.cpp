// SPDX-License-Identifier: Apache-2.0
/// What report.html says of all its variants together: one table, stacked bars of the slowest, the distribution, the
/// configuration.
#include "base/text.h"
#include "platform/report/parts.h"

#include "observe/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <set>

namespace quiesce::platform::report {
namespace {
std::string variant_colour(std::size_t n) { return "c" + std::to_string(n % 12); }

struct SumRow {
    const char *label, *object, *key;
    bool always = true; ///< otherwise where some variant has one
    bool time = false;
};
constexpr SumRow sum_rows[] = {
    {"DMA aborted", "dma", "aborted"},
    {"DMA legal after unmap", "dma", "legal_after_unmap"},
    {"faults raised", "faults", "raised"}, // the sum of the next four
    {"faults recorded", "faults", "recorded"},
    {"faults suppressed", "faults", "suppressed"},
    {"faults merged", "faults", "merged", false},
    {"fault records lost", "faults", "lost"}, // the sum of the next two
    {"lost, queue full", "faults", "lost_overflow", false},
    {"lost, queue off", "faults", "discarded", false},
    {"fault queue overflows", "faults", "overflows"},
    {"faults filtered", "faults", "filtered"},
    {"page requests", "page_requests", "received"},
    {"page requests without room", "page_requests", "dropped", false},
    {"page requests lost", "page_requests", "lost", false},
    {"page request queue overflows", "page_requests", "overflows", false},
    {"CPU time", "cpu_ps", "busy", true, true},
    {"CPU time of IOMMU interrupts", "cpu_ps", "iommu_interrupts", false, true},
    {"others' fault records lost", "bystanders", "records_lost", false},
    {"others' page requests without room", "bystanders", "page_requests_lost", false},
    {"fences", "invalidations", "fences"},
};
/// What others waited for while somebody was torn down.
constexpr std::pair<const char*, const char*> waits[] = {{"others' page requests", "page_request_ps"}, {"others' stalls", "stall_ps"}};

/// The slowest teardown of each variant, on one scale.
std::string stacked(const Panels& all) {
    constexpr double left = 250, width = 700, height = 24;
    i64 most = 1;
    for (const Panel& p : all)
        if (const Record* t = worst(p)) most = std::max(most, quiesce_of(*t).value_or(0));
    std::string out = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"stack\" viewBox=\"0 0 1100 {}\" "
                                  "role=\"img\" aria-label=\"breakdown of the slowest teardowns\">\n",
                                  at(height * static_cast<double>(all.size()) + 6));
    double y = 4;
    for (const Panel& p : all) {
        out += fmt::format("<g data-panel=\"{}\"><text class=\"end\" x=\"{}\" y=\"{}\">{}</text>", p.number,
                           at(left - 8), at(y + 12), escaped(p.name));
        const Record* const t = worst(p);
        const auto quiesce = t == nullptr ? std::nullopt : quiesce_of(*t);
        double x = left;
        std::map<std::string_view, i64> sums;
        if (quiesce)
            for (const Record& b : part(*t, "breakdown"))
                sums[group_of(text(b, "phase"))] += figure(b, "end_ps") - figure(b, "start_ps");
        for (const PhaseGroup& g : phase_groups) {
            if (sums[g.name] == 0) continue;
            const double w = static_cast<double>(sums[g.name]) / static_cast<double>(most) * width;
            out += fmt::format("<rect class=\"g-{0}\" data-group=\"{0}\" data-ps=\"{1}\" x=\"{2}\" y=\"{3}\" "
                               "width=\"{4}\" height=\"15\"><title>{0}: {5}</title></rect>",
                               g.name, sums[g.name], at(x), at(y), at(w), for_reader(sums[g.name]));
            x += w;
        }
        out += fmt::format("<text x=\"{}\" y=\"{}\">{}</text></g>\n", at(x + 6), at(y + 12),
                           quiesce        ? for_reader(*quiesce) + " (" + escaped(text(*t, "id")) + ")"
                           : t == nullptr ? "nothing torn down"
                                          : escaped(open_in_words(p, *t)));
        y += height;
    }
    return out + "</svg>\n";
}

std::string cdf(const Panels& all) {
    constexpr double left = 60, width = 980, top = 10, height = 220;
    constexpr std::size_t most_points = 400;
    double low = 1e300, high = 0;
    std::vector<Population> of;
    for (const Panel& p : all) {
        of.push_back(population(p, "quiesce"));
        for (const auto& v : of.back().values)
            low = std::min(low, static_cast<double>(std::max<i64>(v.ps, 1))),
            high = std::max(high, static_cast<double>(v.ps));
    }
    if (high <= 0) return {};
    const double from = std::floor(std::log10(low) * 4) / 4,
                 to = std::max(std::ceil(std::log10(high) * 4) / 4, from + 0.25);
    const auto x = [&](double ps) { return left + (std::log10(std::max(ps, 1.0)) - from) / (to - from) * width; };
    std::string out =
        fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"cdf\" viewBox=\"0 0 1100 {}\" role=\"img\" "
                    "aria-label=\"share of teardowns that are quiet by then\">\n<g class=\"axis\">\n",
                    at(top + height + 34));
    for (const double share : {0.0, 0.5, 0.9, 0.99, 1.0})
        out += fmt::format("<path d=\"M{} {}h{}\"/><text class=\"end\" x=\"{}\" y=\"{}\">{}{}</text>\n", at(left),
                           at(top + height * (1 - share)), at(width), at(left - 6),
                           at(top + height * (1 - share) +
                              (share == 0.99 ? 10
                               : share == 1  ? 2
                                             : 4)),
                           share == 0.99 ? "" : at(share * 100), share == 0.99 ? "" : " %");
    for (int decade = static_cast<int>(std::floor(from)); decade <= static_cast<int>(std::ceil(to)); ++decade)
        for (const int digit : {1, 2, 5}) {
            const double ps = digit * std::pow(10, decade);
            if (std::log10(ps) < from - 1e-9 || std::log10(ps) > to + 1e-9) continue;
            out += fmt::format("<path d=\"M{0} {1}v{2}\"/><text x=\"{0}\" y=\"{3}\">{4}</text>\n", at(x(ps)), at(top),
                               at(height), at(top + height + 14), round_figure(std::llround(ps)));
        }
    out += fmt::format("</g>\n<text class=\"mid\" x=\"{}\" y=\"{}\">quiesce latency</text>\n", at(left + width / 2),
                       at(top + height + 30));
    for (const Panel& p : all) {
        const auto& values = of[p.number].values;
        if (values.empty()) continue;
        const std::size_t every = values.size() / most_points + 1;
        const double n = static_cast<double>(values.size() + of[p.number].open);
        std::string d = fmt::format("M{} {}", at(x(static_cast<double>(values.front().ps))), at(top + height));
        for (std::size_t i = 0; i < values.size(); ++i)
            if (i % every == 0 || i + 1 == values.size())
                d += fmt::format("H{}V{}", at(x(static_cast<double>(values[i].ps))),
                                 at(top + height * (1 - static_cast<double>(i + 1) / n)));
        d += fmt::format("H{}", at(left + width));
        out += fmt::format("<path class=\"curve {}\" data-panel=\"{}\" data-n=\"{}\" data-open=\"{}\" "
                           "d=\"{}\"><title>{}: {} teardowns, {} open</title></path>\n",
                           variant_colour(p.number), p.number, values.size(), of[p.number].open, d, escaped(p.name),
                           values.size(), of[p.number].open);
    }
    return out + "</svg>\n";
}
} // namespace

std::string comparison(const Panels& all) {
    if (all.size() < 2) return {};
    std::string out = "<table class=\"compare\"><thead><tr><th>after T0, latest</th>";
    for (const Panel& p : all)
        out += fmt::format("<th><a href=\"#p{0}\"><i class=\"swatch {2}\"></i>{1}</a></th>", p.number, escaped(p.name),
                           variant_colour(p.number));
    out += "</tr></thead><tbody>\n";
    const auto line = [&](const std::string& label, const std::string& help, auto cell) {
        out += fmt::format("<tr data-row=\"{0}\"><th title=\"{1}\">{0}</th>", escaped(label), escaped(help));
        for (const Panel& p : all) out += cell(p);
        out += "</tr>\n";
    };
    const auto help_for = [](std::string_view what) {
        for (const char* group : {"milestone", "teardown", "count"})
            if (const auto* m = observe::find_metric(group, what)) return std::string{m->help};
        return std::string{};
    };
    line("verdict", "",
         [](const Panel& p) { return fmt::format("<td class=\"v-{0}\">{0}</td>", escaped(text(p.run, "verdict"))); });
    for (const std::string_view what : told_populations)
        line(std::string{what}, help_for(what), [what](const Panel& p) {
            const Population of = population(p, what);
            const auto* const last = of.rank(1000);
            if (last == nullptr || of.open > 0)
                return fmt::format("<td>{}{}</td>", of.open > 0 ? "open" : "-",
                                   last == nullptr ? ""
                                                   : fmt::format(" ({} of {})", of.open, of.open + of.values.size()));
            return fmt::format("<td data-ps=\"{}\">{}</td>", last->ps, for_reader(last->ps));
        });
    for (const SumRow& row : sum_rows) {
        const auto value = [&row](const Panel& p) { return figure(part(p.run, row.object), row.key); };
        if (!row.always && std::none_of(all.begin(), all.end(), [&](const Panel& p) { return value(p) != 0; })) continue;
        line(row.label, help_for(fmt::format("{}.{}", row.object, row.key)), [&](const Panel& p) {
            return row.time ? fmt::format("<td data-ps=\"{}\">{}</td>", value(p), for_reader(value(p))) : fmt::format("<td data-n=\"{0}\">{0}</td>", value(p));
        });
    }
    std::string notes;
    for (const auto& [label, key] : waits) {
        const char* const of = key; // a structured binding cannot be captured
        const auto waited = [of](const Panel& p, const char* which) { return figure(part(part(p.run, "bystanders"), of), which); };
        if (std::none_of(all.begin(), all.end(), [&](const Panel& p) { return waited(p, "n") != 0; })) continue;
        line(label, help_for(fmt::format("bystanders.{}.n", of)),
             [&](const Panel& p) { return fmt::format("<td data-n=\"{0}\">{0}</td>", waited(p, "n")); });
        for (const char* which : {"p50", "p99", "max"})
            line(fmt::format("{}, {}", label, which), help_for(fmt::format("bystanders.{}.{}", of, which)), [&](const Panel& p) {
                return waited(p, "n") == 0 ? std::string{"<td>-</td>"}
                                           : fmt::format("<td data-ps=\"{}\">{} of {}</td>", waited(p, which), for_reader(waited(p, which)), waited(p, "n"));
            });
        if (std::any_of(all.begin(), all.end(), [&](const Panel& p) { return waited(p, "n") != waited(all.front(), "n"); }))
            notes += fmt::format("<p class=\"note\">{}: those that were over are not as many in each variant, and percentiles are of those.</p>\n", escaped(label));
    }
    line("violations", "",
         [](const Panel& p) { return fmt::format("<td data-n=\"{0}\">{0}</td>", part(p.run, "violations").size()); });
    line("fingerprint", "",
         [](const Panel& p) { return fmt::format("<td><code>{}</code></td>", escaped(text(p.run, "fingerprint"))); });
    return out + "</tbody></table>\n" + notes + "<h3>What the slowest teardown of each consists of</h3>\n" + stacked(all);
}

std::string distribution(const Panels& all) {
    std::size_t teardown_count = 0;
    for (const Panel& p : all) teardown_count += teardowns(p).size();
    if (teardown_count == 0) return "<p>Nothing was torn down.</p>\n";
    std::string out = teardown_count > 1 ? cdf(all) : "";
    out += "<table class=\"percentiles\"><thead><tr><th>variant</th><th>after T0</th><th>n</th><th>open</th>";
    for (const Percentile& c : percentiles) out += fmt::format("<th>{}</th>", c.name);
    out += "</tr></thead><tbody>\n";
    for (const Panel& p : all)
        for (const std::string_view what : told_populations) {
            const Population of = population(p, what);
            if (of.values.empty()) continue;
            out += fmt::format("<tr data-panel=\"{}\" data-what=\"{}\" data-n=\"{}\" data-open=\"{}\"><td><i "
                               "class=\"swatch {}\"></i>{}</td><td>{}</td><td>{}</td><td>{}</td>",
                               p.number, what, of.values.size(), of.open, variant_colour(p.number), escaped(p.name),
                               what, of.values.size(), of.open);
            for (const Percentile& c : percentiles) {
                const auto* const v = of.rank(c.per_mille);
                out += fmt::format("<td data-p=\"{}\" data-ps=\"{}\" data-td=\"{}\"><a href=\"#{}\">{}</a></td>",
                                   c.name, v->ps, escaped(v->teardown), p.id(escaped(v->teardown)), for_reader(v->ps));
            }
            out += "</tr>\n";
        }
    return out + "</tbody></table>\n<p class=\"note\">Each figure leads to its teardown. Percentiles are of what had "
                 "come, by the nearest rank; open: it had not come when the run ended, or can never come.</p>\n";
}

// ---- configuration
// ------------------------------------------------------------------------------------------------------

namespace {
/// Where the comment of a line begins; its length if there is none. Quotes may have anything in them.
std::size_t comment_at(std::string_view line) {
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (quoted && line[i] == '\\')
            ++i;
        else if (line[i] == '"')
            quoted = !quoted;
        else if (!quoted && line[i] == '#' && i > 0 && line[i - 1] == ' ')
            return i;
    }
    return line.size();
}
std::string_view without_blanks_behind(std::string_view s) {
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
    return s;
}
} // namespace

/// The parameters: what stands below platform, os, devices and observe in the file that a run leaves.
std::vector<Setting> read_settings(std::string_view yaml) {
    std::vector<Setting> found;
    std::vector<std::pair<std::size_t, std::string>> open; // indentation, key
    while (!yaml.empty()) {
        const std::size_t end = std::min(yaml.find('\n'), yaml.size());
        const std::string_view line = yaml.substr(0, end);
        yaml.remove_prefix(std::min(end + 1, yaml.size()));
        const std::size_t indent = std::min(line.find_first_not_of(' '), line.size()), comment = comment_at(line);
        const std::string_view said = without_blanks_behind(line.substr(indent, comment - std::min(indent, comment)));
        while (!open.empty() && open.back().first >= indent) open.pop_back();
        if (said.empty()) continue;
        std::size_t colon = said.front() == '"' ? said.find("\":") : said.find(':');
        static constexpr std::array<std::string_view, 4> trees{"platform", "os", "devices", "observe"};
        const auto of_a_tree = [&] {
            return !open.empty() && std::find(trees.begin(), trees.end(), open.front().second) != trees.end();
        };
        if (colon == std::string_view::npos ||
            said.front() == '-') { // an item of a list belongs to the parameter above
            if (!found.empty() && of_a_tree())
                found.back().value += (found.back().value.empty() ? "" : ", ") +
                                      std::string{said.substr(std::min(said.find_first_not_of("- "), said.size()))};
            continue;
        }
        colon += said.front() == '"';
        open.emplace_back(indent, std::string{said.substr(0, colon)});
        if (!of_a_tree()) continue;
        const std::string_view value = base::trim(said.substr(colon + 1)),
                               note = comment < line.size() ? base::trim(line.substr(comment + 1)) : std::string_view{};
        if (value.empty() && note.empty()) continue; // a branch
        std::string path;
        for (const auto& [depth, key] : open) path += (path.empty() ? "" : ".") + key;
        found.push_back({std::move(path), std::string{value}, std::string{note}});
    }
    return found;
}

namespace {
struct Origin {
    std::string_view name, help;
};
/// By the first word of what config.resolved.yaml says of a value.
constexpr Origin origins[] = {
    {"set", "the scenario, or the command line, says so"},
    {"measured", "published measurements of hardware"},
    {"derived", "follows from published figures or from other parameters"},
    {"specification", "an architecture's manual"},
    {"kernel", "Linux source, or its authors"},
    {"guess", "no source: what a result owes to these is to be tried out by changing them"},
};
std::string_view origin_of(const Setting& s) {
    const std::string_view word = std::string_view{s.comment}.substr(0, s.comment.find_first_of(":; ("));
    for (const Origin& o : origins)
        if (o.name == word) return o.name;
    return "set";
}
} // namespace

std::string configuration(const Panels& all) {
    std::map<std::string, std::vector<const Setting*>> by_path;
    std::vector<std::string> order;
    for (const Panel& p : all)
        for (const Setting& s : p.settings) {
            auto& row = by_path[s.path];
            if (row.empty()) order.push_back(s.path), row.resize(all.size());
            row[p.number] = &s;
        }
    if (order.empty()) return "<p>There is no config.resolved.yaml.</p>\n";
    std::map<std::string_view, i64> counts;
    std::string set, differing, every;
    for (const std::string& path : order) {
        const auto& row = by_path[path];
        const Setting* const first =
            *std::find_if(row.begin(), row.end(), [](const Setting* s) { return s != nullptr; });
        const bool same = std::all_of(row.begin(), row.end(),
                                      [&](const Setting* s) { return s != nullptr && s->value == first->value; });
        const std::string_view origin = same ? origin_of(*first) : "set";
        ++counts[origin];
        std::string line =
            fmt::format("<tr class=\"o-{0}\" data-origin=\"{0}\"><td><code>{1}</code></td>", origin, escaped(path));
        if (same) {
            line += fmt::format("<td><code>{}</code></td><td>{}</td></tr>\n", escaped(first->value),
                                escaped(first->comment));
        } else {
            differing += line;
            line += "<td><code>";
            for (const Setting* s : row) {
                differing += s == nullptr ? "<td>-</td>" : fmt::format("<td><code>{}</code></td>", escaped(s->value));
                line += (s == row.front() ? "" : " | ") + (s == nullptr ? "-" : escaped(s->value));
            }
            differing += "</tr>\n";
            line += "</code></td><td>differs between the variants</td></tr>\n";
        }
        every += line;
        if (same && origin == "set") set += line;
    }
    std::vector<Bar> rows;
    for (const Origin& o : origins)
        rows.push_back({std::string{o.name}, std::string{o.name}, counts[o.name], std::to_string(counts[o.name]),
                        std::string{o.help}});
    std::string out =
        "<p><b>Predictions</b>: every latency of a whole teardown on this page. No measurement of a whole teardown has "
        "been published; they follow from the model and from these "
        "parameters, whose defaults are measured, derived, taken from a manual or a kernel, or guesses:</p>\n" +
        bars("where values come from", rows);
    out += "<ul class=\"origins\">";
    for (const Origin& o : origins) out += fmt::format("<li><b>{}</b>: {}</li>", o.name, o.help);
    out += "</ul>\n";
    if (!differing.empty()) {
        out += "<h4>what differs between the variants</h4>\n<table class=\"differing\"><thead><tr><th>parameter</th>";
        for (const Panel& p : all) out += fmt::format("<th>{}</th>", escaped(p.name));
        out += "</tr></thead><tbody>\n" + differing + "</tbody></table>\n";
    }
    if (!set.empty())
        out += "<h4>what was chosen</h4>\n<table><thead><tr><th>parameter</th><th>value</th><th>its "
               "default</th></tr></thead><tbody>\n" +
               set + "</tbody></table>\n";
    return out + fmt::format("<details class=\"all-settings\"><summary>all {} "
                             "parameters</summary><table><thead><tr><th>parameter</th><th>value</th><th>where it comes "
                             "from</th></tr></thead><tbody>\n{}</tbody></table></details>\n",
                             order.size(), every);
}

} // namespace quiesce::platform::report
