// SPDX-License-Identifier: Apache-2.0
/// The Gantt of report.html: a row for each teardown, all aligned at T0. Its bar is the critical path, coloured by
/// phase; above it the milestones, below it what happened to the bond's transactions.
#include "platform/report/parts.h"

#include "memory/events.h"
#include "observe/metrics.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <set>

namespace quiesce::platform::report {
namespace {
constexpr double chart_left = 250, chart_width = 840, row_height = 36, axis_height = 22;
constexpr std::size_t most_rows = 120;   ///< of one panel; the others are counted
constexpr std::size_t most_parts = 4000; ///< of one panel

struct Glyph {
    std::string_view milestone, path; ///< around 0, 0
};
/// What opens or closes the device's doors is filled, what becomes of memory and the PASID is not.
constexpr Glyph glyphs[] = {
    {"block_observed", "M-3 0L0-3L3 0L0 3z"},
    {"block", "M-1.5-5h3v10h-3z"},
    {"stop", "M-4-4h8v8h-8z"},
    {"stop_gave_up", "M-4-4L4 4M4-4L-4 4"},
    {"drain", "M0-5L5 0L0 5L-5 0z"},
    {"last_seen", "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z"},
    {"free_first", "M4-4L-3 0L4 4z"},
    {"free_last", "M-4-4L3 0L-4 4z"},
    {"tables_free", "M-4-3h8M-4 0h8M-4 3h8"},
    {"exit_mmap", "M-4 4L0-4L4 4z"},
    {"mmput", "M-5 4L0-5L5 4z"},
    {"reuse", "M-4 0a4 4 0 1 1 2 3.5M-4 0l-2-3M-4 0l3-2"},
};

struct Marked {
    std::string_view css, label, help;
};
constexpr Marked marked[] = {
    {"dma", "DMA", "committed after T0, and legal"},
    {"dma-late", "late DMA", "committed after its page was unmapped, before it was free: legal, counted apart"},
    {"dma-wrong", "wrong DMA", "committed where it must not"},
    {"fault", "fault", "whatever became of its record"},
    {"response", "answer", "an answer to a page request reached the device, or a stall ended"},
    {"fence", "fence", "a CPU saw it complete"},
    {"fence-block", "last fence", "a CPU saw it complete, and no DMA of the bond can succeed from here on"},
};
/// Which row of `marked` an event is; nothing: none.
std::optional<std::size_t> mark_of(const StoredEvent& e) {
    if (e.kind == shown("FaultRaised")) return 3;
    if (e.kind == shown("PageResponseHeard") || e.kind == shown("StallResolved")) return 4;
    if (e.kind == shown("FenceObserved")) return observe::field_of(e, "blocks") == "true" ? 6 : 5;
    if (e.kind != shown("DmaCommitted")) return std::nullopt;
    const std::string_view verdict = observe::field_of(e, "verdict");
    static const std::string legal = fmt::to_string(raw(memory::Verdict::Legal)), late = fmt::to_string(raw(memory::Verdict::AfterUnmap));
    return verdict == legal ? 0 : verdict == late ? 1 : 2;
}

/// The events of a row: how many, and at which places of the figure.
struct Lane {
    i64 count = 0, first = 0, last = 0;
    u64 first_event = 0;
    std::map<i64, u64> places; ///< in halves of a pixel: the first event there
};
using Lanes = std::map<std::size_t, Lane>;

class GanttPanel {
public:
    GanttPanel(const Panel& p, i64 extent) : p_(p), extent_(std::max<i64>(extent, 1)) { choose(); }
    std::string draw() {
        find_marks();
        const double height = axis_height + row_height * static_cast<double>(rows_.size()) + 4;
        std::string out = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"gantt\" viewBox=\"0 0 1100 "
                                      "{0}\" role=\"img\" aria-label=\"teardowns of {1}\" data-name=\"{1}\" "
                                      "data-panel=\"{2}\" data-extent=\"{3}\" data-left=\"{4}\" "
                                      "data-width=\"{5}\">\n<clipPath id=\"clip{2}\"><rect x=\"{6}\" y=\"0\" "
                                      "width=\"{7}\" height=\"{0}\"/></clipPath>\n",
                                      at(height), escaped(p_.name), p_.number, extent_, at(chart_left), at(chart_width),
                                      at(chart_left - 6), at(chart_width + 12));
        out += axis(height);
        double y = axis_height;
        for (const Record* t : rows_) {
            row(out, *t, y);
            y += row_height;
        }
        return out + "</svg>\n";
    }
    std::size_t left_out() const { return teardowns(p_).size() - rows_.size(); }
    std::size_t brief() const { return brief_; }

private:
    double x(i64 after) const {
        return chart_left + static_cast<double>(after) / static_cast<double>(extent_) * chart_width;
    }

    /// Of very many, those that something else on the page tells of, and the slowest; in the run's order.
    void choose() {
        const Record& all = teardowns(p_);
        std::set<std::string> wanted;
        if (all.size() > most_rows) {
            wanted.insert(p_.asked.begin(), p_.asked.end());
            for (const std::string_view what : told_populations) {
                const Population of = population(p_, what);
                for (const Percentile& c : percentiles)
                    if (const auto* v = of.rank(c.per_mille)) wanted.insert(v->teardown);
            }
            std::set<i64> bonds;
            for (const Record& v : part(p_.run, "violations"))
                if (bonds.size() < most_rows / 4) bonds.insert(figure(v, "bond"));
            std::vector<const Record*> order;
            for (const Record& t : all) {
                if (bonds.count(figure(t, "bond")) != 0) wanted.insert(text(t, "id"));
                order.push_back(&t);
            }
            const auto slowness = [](const Record* t) {
                return quiesce_of(*t).value_or(std::numeric_limits<i64>::max());
            };
            std::stable_sort(order.begin(), order.end(),
                             [&](const Record* a, const Record* b) { return slowness(a) > slowness(b); });
            for (const Record* t : order)
                if (wanted.size() < most_rows) wanted.insert(text(*t, "id"));
        }
        for (const Record& t : all)
            if (wanted.empty() || wanted.count(text(t, "id")) != 0) rows_.push_back(&t);
        std::vector<const Record*> slowest = rows_;
        std::stable_sort(slowest.begin(), slowest.end(), [](const Record* a, const Record* b) {
            return quiesce_of(*a).value_or(-1) > quiesce_of(*b).value_or(-1);
        });
        std::size_t parts = 0;
        for (const Record* t : slowest)
            if (parts + told_parts(*t).size() <= most_parts) {
                parts += told_parts(*t).size();
                in_full_.insert(t);
            }
    }

    void find_marks() {
        std::map<u64, std::vector<const Record*>> of_bond;
        for (const Record* t : rows_) of_bond[static_cast<u64>(figure(*t, "bond"))].push_back(t);
        std::map<u64, std::set<u64>> bonds_of_mm;
        for (const StoredEvent& e : p_.events) {
            if (e.kind == shown("BondChanged") && e.bond && e.mm) bonds_of_mm[*e.mm].insert(*e.bond);
            if (!e.bond) continue;
            if (e.kind == shown("FenceObserved") && *e.bond == 0) {
                for (const u64 bond : bonds_of_mm[e.mm.value_or(0)]) mark(e, of_bond, bond);
            } else {
                mark(e, of_bond, *e.bond);
            }
        }
    }
    void mark(const StoredEvent& e, const std::map<u64, std::vector<const Record*>>& of_bond, u64 bond) {
        const auto found = of_bond.find(bond);
        if (found == of_bond.end()) return;
        for (const Record* t : found->second) {
            const i64 after = e.at.ps() - figure(*t, "t0_ps");
            if (after < 0) continue;
            const auto kind = mark_of(e);
            if (!kind) continue;
            Lane& lane = lanes_[t][*kind];
            if (lane.count++ == 0) {
                lane.first = after;
                lane.first_event = e.id;
            }
            lane.last = after;
            if (after <= extent_) lane.places.try_emplace(std::llround(x(after) * 2), e.id);
        }
    }

    std::string axis(double height) const {
        std::string out = "<g class=\"axis\">\n";
        double step = std::pow(10, std::floor(std::log10(static_cast<double>(extent_))));
        while (static_cast<double>(extent_) / step < 5)
            step /= step / std::pow(10, std::floor(std::log10(step))) > 4 ? 2.5 : 2;
        for (double t = 0; t <= static_cast<double>(extent_) && step >= 1; t += std::max(1.0, std::floor(step)))
            out += fmt::format("<path d=\"M{0} 16V{1}\"/><text{3} x=\"{0}\" y=\"11\">{2}</text>\n",
                               at(x(static_cast<i64>(t))), at(height),
                               t == 0 ? std::string{"T0"} : "+" + round_figure(static_cast<i64>(t)),
                               x(static_cast<i64>(t)) > chart_left + chart_width - 30 ? " class=\"end\"" : "");
        return out + "</g>\n";
    }

    void row(std::string& out, const Record& t, double y) {
        const std::string id = text(t, "id");
        const auto quiesce = quiesce_of(t);
        const bool full = in_full_.count(&t) != 0;
        std::string open;
        for (const Record& o : part(t, "open"))
            if (o.is_string()) open += (open.empty() ? "" : ", ") + o.get<std::string>();
        const std::string who = fmt::format("{} of {} on {} (PASID {})", text(t, "trigger"), text(t, "process"),
                                            text(t, "device"), figure(t, "pasid"));
        out += fmt::format("<g class=\"row\" id=\"{}\" data-td=\"{}\" data-bond=\"{}\" data-pasid=\"{}\" "
                           "data-process=\"{}\" data-device=\"{}\" data-trigger=\"{}\" "
                           "data-t0=\"{}\" data-exposure=\"{}\" data-open=\"{}\" data-parts=\"{}\"",
                           p_.id(escaped(id)), escaped(id), figure(t, "bond"), figure(t, "pasid"),
                           escaped(text(t, "process")), escaped(text(t, "device")), escaped(text(t, "trigger")),
                           figure(t, "t0_ps"), figure(t, "exposure_ps"), escaped(open), told_parts(t).size());
        if (quiesce) out += fmt::format(" data-quiesce=\"{}\"", *quiesce);
        if (!full) out += " data-brief=\"\"";
        brief_ += !full;
        out += event_attribute(text(t, "event"));
        out += fmt::format(
            "><title>{} {}: {}{}</title>\n<rect class=\"hit\" x=\"0\" y=\"{}\" width=\"1100\" height=\"{}\"/><text "
            "class=\"id\" x=\"6\" y=\"{}\">{}</text>"
            "<text x=\"42\" y=\"{}\">{}</text><text class=\"sub\" x=\"42\" y=\"{}\">{}</text>\n<g "
            "clip-path=\"url(#clip{})\">",
            escaped(id), escaped(who), quiesce ? "quiesce after " + for_reader(*quiesce) : "open: " + escaped(open),
            event_words(text(t, "event")), at(y), at(row_height), at(y + 15), escaped(id), at(y + 15), escaped(shortened(who, 34)), at(y + 28),
            quiesce ? "quiesce +" + for_reader(*quiesce) : "open: " + escaped(shortened(open, 28)), p_.number);
        bar(out, t, y, full);
        events(out, t, y);
        milestones(out, t, y);
        out += "</g></g>\n";
    }
    static std::string shortened(const std::string& s, std::size_t most) {
        if (s.size() <= most) return s;
        std::size_t end = most - 3;
        while (end > 0 && (static_cast<unsigned char>(s[end]) & 0xc0) == 0x80) --end; // within a character
        return s.substr(0, end) + "...";
    }
    void bar(std::string& out, const Record& t, double y, bool full) const {
        const i64 t0 = figure(t, "t0_ps");
        if (!quiesce_of(t)) still_open(out, t, y, full && !told_parts(t).empty() ? figure(told_parts(t).back(), "end_ps") - t0 : 0);
        if (!full || told_parts(t).empty()) {
            if (const auto q = quiesce_of(t))
                out += fmt::format(
                    "<rect class=\"whole\" data-s=\"0\" data-e=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"10\"/>",
                    *q, at(chart_left), at(y + 13), at(x(*q) - chart_left));
            return;
        }
        for (const Record& b : told_parts(t)) {
            const i64 start = figure(b, "start_ps") - t0, end = figure(b, "end_ps") - t0;
            out += fmt::format("<rect class=\"part g-{}\" data-s=\"{}\" data-e=\"{}\" data-phase=\"{}\" data-by=\"{}\" "
                               "data-for=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"10\"/>",
                               group_of(text(b, "phase")), start, end, escaped(text(b, "phase")),
                               escaped(text(b, "actor")), escaped(text(b, "waits_for")), at(x(start)), at(y + 13),
                               at(std::max(0.05, x(end) - x(start))));
        }
    }
    /// To the end of the run, where it is torn off.
    void still_open(std::string& out, const Record& t, double y, i64 from) const {
        const i64 end = run_after_t0(p_, t);
        if (end <= from) return;
        out += fmt::format("<rect class=\"still\" data-s=\"{0}\" data-e=\"{1}\" data-still=\"{2}\" x=\"{3}\" y=\"{4}\" width=\"{5}\" height=\"10\"/><path class=\"ragged\" "
                           "data-t=\"{1}\" transform=\"translate({6} {7})\" d=\"M-3-1h9v12h-9l3-2l-4-3l5-2l-4-3z\"/>",
                           from, end, escaped(open_in_words(p_, t)), at(x(from)), at(y + 13), at(std::max(0.05, x(end) - x(from))),
                           at(std::min(x(end), chart_left + chart_width)), at(y + 13));
    }
    void milestones(std::string& out, const Record& t, double y) const {
        for (const auto& [name, when] : instants(t)) {
            const std::string& milestone = name; // a structured binding cannot be captured
            const i64 after = when - figure(t, "t0_ps");
            const auto glyph = std::find_if(std::begin(glyphs), std::end(glyphs),
                                            [&](const Glyph& g) { return g.milestone == milestone; });
            const std::string event = text(part(t, "milestone_events"), milestone);
            out += fmt::format("<path class=\"m m-{0}{5}\" data-m=\"{0}\" data-t=\"{1}\"{7} transform=\"translate({2} "
                               "{3})\" d=\"{4}\"><title>{0} +{6}{8}</title></path>",
                               escaped(name), after, at(std::min(x(after), chart_left + chart_width)), at(y + 6.5),
                               glyph == std::end(glyphs) ? "M-3-3h6v6h-6z" : glyph->path,
                               after > extent_ ? " beyond" : "", for_reader(after), event_attribute(event),
                               event_words(event));
        }
    }
    void events(std::string& out, const Record& t, double y) const {
        const auto lanes = lanes_.find(&t);
        if (lanes == lanes_.end()) return;
        for (const auto& [kind, lane] : lanes->second) {
            const bool dma = kind < 3;
            std::string d, ids;
            for (const auto& [place, id] : lane.places) {
                d += fmt::format("M{} {}v{}", at(static_cast<double>(place) / 2), at(y + (dma ? 24 : 28)), dma ? 4 : 5);
                ids += fmt::format("{}e{}", ids.empty() ? "" : " ", id);
            }
            out += fmt::format(
                "<path class=\"ev {}\" data-ev=\"{}\" data-n=\"{}\" data-first=\"{}\" data-last=\"{}\"{} data-events=\"{}\" d=\"{}\"/>",
                marked[kind].css, marked[kind].css, lane.count, lane.first, lane.last,
                event_attribute(lane.first_event), ids, d.empty() ? "M-9-9" : d);
        }
    }

    const Panel& p_;
    i64 extent_;
    std::vector<const Record*> rows_;
    std::set<const Record*> in_full_;
    std::size_t brief_ = 0;
    std::map<const Record*, Lanes> lanes_;
};
} // namespace

/// Up to where a panel goes: to quiesce, and to milestones behind it unless they are very far.
i64 gantt_extent(const Panel& p) {
    i64 quiesce = 0, all = 0;
    for (const Record& t : teardowns(p)) {
        quiesce = std::max(quiesce, quiesce_of(t).value_or(0));
        for (const auto& [name, when] : instants(t)) all = std::max(all, when - figure(t, "t0_ps"));
        if (!quiesce_of(t)) all = std::max(all, run_after_t0(p, t));
    }
    const i64 far = quiesce > 0 && all > 4 * quiesce ? quiesce + quiesce / 2 : std::max(all, quiesce);
    return far + far / 50;
}

std::string gantt(const Panel& p, i64 extent) {
    if (teardowns(p).empty()) return "<p>Nothing was torn down.</p>\n";
    GanttPanel panel(p, extent);
    const std::string drawn = panel.draw();
    std::string notes;
    if (panel.left_out() > 0)
        notes += fmt::format("{} more teardowns are in run.json: shown are those that percentiles, violations or their "
                             "slowness tell of. ",
                             panel.left_out());
    if (panel.brief() > 0) notes += fmt::format("Of {} rows the milestones are told, not the parts. ", panel.brief());
    if (p.events.empty()) notes += "The run left no events.sqlite: DMA, faults, answers and fences are not marked. ";
    return fmt::format("<div class=\"scroll\">{}</div>\n{}", drawn,
                       notes.empty() ? "" : "<p class=\"note\">" + notes + "</p>\n");
}

std::string gantt_legend() {
    std::string out = "<div class=\"legend\">";
    for (const PhaseGroup& g : phase_groups)
        out += fmt::format("<span title=\"{}\"><i class=\"b-{}\"></i>{}</span>", escaped(g.help), g.name, g.name);
    out += "<span title=\"of very many, the slowest and those that figures tell of have their parts\"><i class=\"b-whole\"></i>told by milestones alone</span><span "
           "title=\"quiesce had not come\"><i class=\"b-still\"></i>open when the run ended</span>";
    out += "</div><div class=\"legend\">";
    for (const Glyph& g : glyphs) {
        const auto* const m = observe::find_metric("milestone", g.milestone);
        out += fmt::format("<span title=\"{}\"><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-7 -7 14 14\" "
                           "width=\"14\" height=\"14\"><path class=\"m m-{}\" d=\"{}\"/></svg>{}</span>",
                           m == nullptr ? "" : escaped(m->help), g.milestone, g.path, g.milestone);
    }
    out += "</div><div class=\"legend\">";
    for (const Marked& m : marked)
        out += fmt::format("<span title=\"{}\"><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 14\" "
                           "width=\"8\" height=\"14\"><path class=\"ev {}\" d=\"M4 2v10\"/></svg>{}</span>",
                           escaped(m.help), m.css, m.label);
    return out + "</div>\n";
}

} // namespace quiesce::platform::report
