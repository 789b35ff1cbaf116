// SPDX-License-Identifier: Apache-2.0
/// Sections of report.html about what went through the hardware during the run: how full its queues were, what its caches had, and
/// for how long which pages were exposed.
#include "platform/report/parts.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform::report {
namespace {
constexpr double figure_left = 150, figure_width = 920;

std::string axis_tick(double x, i64 ps, i64 from, double height) {
    return fmt::format("<g class=\"axis\"><path d=\"M{0} 4V{1}\"/><text x=\"{0}\" y=\"{2}\">{3}</text></g>", at(x), at(height - 14),
                       at(height - 3), round_figure(ps - from));
}

/// From the first to the last that is worth showing: teardowns, and stretches in which something was in a queue.
struct Span {
    i64 from = 0, until = 0;
    double x(i64 ps) const {
        const double share = static_cast<double>(std::clamp(ps, from, until) - from) / static_cast<double>(std::max<i64>(until - from, 1));
        return figure_left + figure_width * share;
    }
};

Span worth_showing(const Panel& p) {
    i64 from = figure(p.run, "simulated_ps"), until = 0;
    const auto take = [&](i64 first, i64 last) {
        from = std::min(from, first);
        until = std::max(until, last);
    };
    for (const Record& t : teardowns(p)) {
        take(figure(t, "t0_ps"), figure(t, "t0_ps"));
        for (const auto& [name, when] : instants(t)) take(when, when);
    }
    for (const Record& q : part(p.run, "queues")) {
        const i64 stretch = figure(q, "stretch_ps");
        i64 at = 0;
        for (const Record& level : part(q, "levels")) {
            if (level.is_number() && level.get<i64>() > 0) take(at, at + stretch);
            at += stretch;
        }
    }
    if (from >= until) return {0, std::max<i64>(figure(p.run, "simulated_ps"), 1)};
    const i64 margin = (until - from) / 20;
    return {std::max<i64>(0, from - margin), std::min(until + margin, std::max(figure(p.run, "simulated_ps"), until))};
}

std::string outline(const Record& q, const Span& shown, double bottom, double height) {
    const i64 stretch = figure(q, "stretch_ps"), most = std::max<i64>(figure(q, "most"), 1);
    std::string d = fmt::format("M{} {}", at(shown.x(shown.from)), at(bottom));
    i64 when = 0;
    for (const Record& level : part(q, "levels")) {
        const double y = bottom - height * static_cast<double>(level.is_number() ? level.get<i64>() : 0) / static_cast<double>(most);
        if (when + stretch > shown.from && when < shown.until) d += fmt::format("L{0} {1}H{2}", at(shown.x(when)), at(y), at(shown.x(when + stretch)));
        when += stretch;
    }
    return d + fmt::format("V{}Z", at(bottom));
}

std::string levels_text(const Record& q) {
    std::string all;
    for (const Record& level : part(q, "levels")) all += fmt::format("{}{}", all.empty() ? "" : ",", level.is_number() ? level.get<i64>() : 0);
    return all;
}

std::string queue_figure(const Panel& p, const Record& q, const Span& shown) {
    constexpr double height = 66, bottom = 50, top = 8;
    std::string out = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"levels\" viewBox=\"0 0 1100 {}\" role=\"img\" "
                                  "aria-label=\"entries of {}\" data-queue=\"{}\" data-most=\"{}\" data-mostat=\"{}\" data-stretch=\"{}\" data-levels=\"{}\">\n",
                                  at(height), escaped(text(q, "name")), escaped(text(q, "name")), figure(q, "most"), figure(q, "most_ps"),
                                  figure(q, "stretch_ps"), levels_text(q));
    for (int n = 0; n <= 5; ++n) {
        const i64 ps = shown.from + (shown.until - shown.from) / 5 * n;
        out += axis_tick(shown.x(ps), ps, 0, height);
    }
    out += fmt::format("<path class=\"area\" d=\"{}\"/><text class=\"end\" x=\"{}\" y=\"22\">{}</text><text class=\"end sub\" x=\"{}\" y=\"37\">at most {}</text>\n",
                       outline(q, shown, bottom, bottom - top), at(figure_left - 8), escaped(text(q, "name")), at(figure_left - 8), figure(q, "most"));
    std::size_t marked = 0;
    for (const Record& t : teardowns(p))
        if (++marked <= 40)
            out += fmt::format("<path class=\"t0\"{4} d=\"M{0} {1}V{2}\"><title>T0 of {3}{5}</title></path>", at(shown.x(figure(t, "t0_ps"))), at(top), at(bottom), escaped(text(t, "id")),
                               event_attribute(text(t, "event")), event_words(text(t, "event")));
    return out + "</svg>\n";
}

std::string since_t0(i64 ps) { return ps < 0 ? fmt::format("{} before T0", for_reader(-ps)) : fmt::format("from +{}", for_reader(ps)); }

std::string percent(i64 hits, i64 lookups) {
    return lookups == 0 ? "-" : fmt::format("{:.1f} %", 100.0 * static_cast<double>(hits) / static_cast<double>(lookups));
}
} // namespace

std::string queues(const Panel& p) {
    const Record& all = part(p.run, "queues");
    if (!all.is_array() || all.empty()) return "<p>Nothing was in any queue, or the run is older than this figure.</p>\n";
    const Span shown = worth_showing(p);
    std::string out = fmt::format("<p>Entries that stood in each queue, the most of each {}; times are from the beginning of the run, upright "
                                  "lines are T0.</p>\n<div class=\"scroll\">\n", for_reader(figure(all[0], "stretch_ps")));
    for (const Record& q : all) out += queue_figure(p, q, shown);
    return out + "</div>\n";
}

std::string hit_rates(const Panel& p) {
    struct Row {
        const char *key, *label;
    };
    static constexpr Row rows[] = {{"tlb", "translation caches of the IOMMU"}, {"tables", "its caches of table pointers"}, {"atc", "translation caches of devices"}};
    std::string body;
    for (const Row& r : rows) {
        const Record& c = part(part(p.run, "caches"), r.key);
        const i64 n = figure(c, "lookups"), hits = figure(c, "hits"), later = figure(c, "lookups_after_t0"), later_hits = figure(c, "hits_after_t0");
        if (n + later == 0) continue;
        body += fmt::format("<tr data-cache=\"{}\" data-lookups=\"{}\" data-hits=\"{}\" data-later=\"{}\" data-laterhits=\"{}\"><th>{}</th><td>{}</td>"
                            "<td>{} of {}</td><td>{}</td><td>{} of {}</td></tr>\n",
                            r.key, n, hits, later, later_hits, r.label, percent(hits, n), hits, n, percent(later_hits, later), later_hits, later);
    }
    if (body.empty()) return "<p>No cache of translations was asked.</p>\n";
    return "<table class=\"rates\"><thead><tr><th>hits in</th><th>before T0</th><th></th><th>after it</th><th></th></tr></thead><tbody>\n" + body +
           "</tbody></table>\n<p class=\"note\">T0 is that of the bond that a translation was for; of those that nobody tears down all is before "
           "it. A device that goes on after T0 asks caches that invalidations have emptied.</p>\n";
}

/// Pages whose time ended together: unmapped from, up to; out of the devices' reach at, and why.
std::string exposure_windows(const Panel& p) {
    struct Window {
        const Record *of, *w;
    };
    std::vector<Window> all;
    i64 left_out = 0;
    for (const Record& t : teardowns(p)) {
        left_out += figure(t, "exposed_left_out");
        for (const Record& w : part(t, "exposed")) all.push_back({&t, &w});
    }
    if (all.empty()) return "";
    std::stable_sort(all.begin(), all.end(), [](const Window& a, const Window& b) { return figure(*a.w, "page_ps") > figure(*b.w, "page_ps"); });
    const std::size_t more = all.size() > 24 ? all.size() - 24 : 0;
    all.resize(all.size() - more);
    i64 most = 1;
    for (const Window& x : all) most = std::max(most, figure(*x.w, "until_ps") - figure(*x.w, "from_ps"));
    const double height = 19 * static_cast<double>(all.size()) + 22;
    std::string out = fmt::format("<div class=\"scroll\"><svg xmlns=\"http://www.w3.org/2000/svg\" class=\"windows\" viewBox=\"0 0 1100 {}\" role=\"img\" aria-label=\"exposure windows\">\n", at(height));
    double y = 4;
    for (const auto& [of, w] : all) {
        const i64 from = figure(*w, "from_ps"), last = figure(*w, "last_ps"), until = figure(*w, "until_ps");
        const auto x = [&](i64 ps) { return 330 + 560 * static_cast<double>(ps - from) / static_cast<double>(most); };
        const std::string id = escaped(text(*of, "id")), by = escaped(text(*w, "by"));
        out += fmt::format("<g class=\"window w-{}\" data-window=\"{}\" data-from=\"{}\" data-last=\"{}\" data-until=\"{}\" data-pages=\"{}\" data-pageps=\"{}\" data-by=\"{}\">",
                           by, id, from, last, until, figure(*w, "pages"), figure(*w, "page_ps"), by);
        out += fmt::format("<text class=\"end\" x=\"322\" y=\"{}\">{}: {} page{} {}{}</text>", at(y + 11), id, figure(*w, "pages"), figure(*w, "pages") == 1 ? "" : "s",
                           escaped(text(*w, "first")), text(*w, "last") == text(*w, "first") ? "" : " .. " + escaped(text(*w, "last")));
        out += fmt::format("<rect class=\"unmapping\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"13\"/><rect class=\"exposed\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"13\"/>",
                           at(x(from)), at(y), at(x(last) - x(from)), at(x(last)), at(y), at(std::max(1.0, x(until) - x(last))));
        out += fmt::format("<text x=\"{}\" y=\"{}\">{}{}, {}</text></g>\n", at(x(until) + 6), at(y + 11), for_reader(until - from),
                           by == "free" ? ", ended by the free" : by == "open" ? ", still open" : "", since_t0(from - figure(*of, "t0_ps")));
        y += 19;
    }
    return out + "</svg></div>\n" +
           fmt::format("<p class=\"note\">Pages whose exposure ended together, the largest first: the pale part is from the first unmapping to the "
                       "last, the full one up to the fence that covers them. {}</p>\n",
                       more + static_cast<std::size_t>(left_out) == 0 ? "" : fmt::format("{} smaller ones are in run.json, {} were not kept.", more, left_out));
}

} // namespace quiesce::platform::report
