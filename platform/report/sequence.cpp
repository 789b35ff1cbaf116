// SPDX-License-Identifier: Apache-2.0
/// The sequence diagram of report.html: process, kernel, IOMMU and device during one teardown, from its steps, the
/// commands, the fences, and what the device did meanwhile. Down the page is later; distances mean nothing, the times
/// stand beside.
#include "base/param.h"
#include "platform/report/parts.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace quiesce::platform::report {
namespace {
enum Life : int { process, kernel, iommu, device };
constexpr const char* life_names[] = {"process", "kernel and drivers", "IOMMU", "device"};
constexpr double life_x[] = {210, 440, 690, 930};
constexpr std::size_t most_messages = 110;
constexpr std::size_t most_diagrams = 8;

struct Message {
    i64 at;
    int from, to; ///< the same: a note on the line
    std::string what, css;
    u64 event = 0; ///< 0: it stands for none
    i64 times = 1, last = 0;
};

/// The facts about a teardown that go from one to another.
class Exchange {
public:
    Exchange(const Panel& p, const Record& t) : p_(p), t_(t), t0_(figure(t, "t0_ps")) {
        end_ = t0_;
        for (const auto& [name, when] : instants(t)) end_ = std::max(end_, when);
        for (const Record& s : part(t, "steps")) end_ = std::max(end_, figure(s, "end_ps"));
        add(t0_, process, kernel, "T0: " + text(t, "trigger"), "life", number(text(t, "event")));
        steps();
        stop_command();
        if (!p.events.empty()) events();
        for (const auto& [name, when] : instants(t))
            add(when, kernel, kernel, name, "mark", number(text(part(t, "milestone_events"), name)));
    }
    std::vector<Message> messages() {
        std::stable_sort(all_.begin(), all_.end(), [](const Message& a, const Message& b) { return a.at < b.at; });
        std::vector<Message> told;
        std::size_t since =
            0; // what the device and the IOMMU do by themselves is told once between two doings of the kernel
        for (Message& m : all_) {
            const bool often = m.css == "dma" || m.css == "fault" || m.css == "request" || m.css == "response";
            const std::size_t from = often ? since : told.empty() ? 0 : told.size() - 1;
            const auto same = [&](const Message& o) {
                return o.what == m.what && o.from == m.from && o.to == m.to && m.css != "mark";
            };
            const auto again = std::find_if(told.begin() + static_cast<std::ptrdiff_t>(from), told.end(), same);
            if (again != told.end()) {
                again->times += m.times;
                again->last = m.at;
                continue;
            }
            told.push_back(std::move(m));
            if (!often) since = told.size();
        }
        return told;
    }

private:
    void add(i64 at, int from, int to, std::string what, std::string css, u64 event = 0) {
        all_.push_back({at, from, to, std::move(what), std::move(css), event, 1, at});
    }
    /// Of "e12".
    static u64 number(const std::string& event) {
        return event.empty() ? 0 : base::parse_integer<u64>(std::string_view{event}.substr(1), 0, ~u64{0}).value.value_or(0);
    }
    void steps() {
        for (const Record& s : part(t_, "steps")) {
            add(figure(s, "start_ps"), kernel, kernel, text(s, "step") + ", by " + text(s, "by"), "step");
            if (p_.events.empty())
                for (const Record& c : part(s, "commands")) {
                    add(figure(s, "start_ps"), kernel, iommu, text(c, "command"), "command");
                    all_.back().times = figure(c, "count");
                }
        }
    }
    /// Of the driver's command to its device the paths tell, not the events.
    void stop_command() {
        const Record& paths = part(t_, "paths");
        for (const Record& b : part(paths, "stop")) {
            if (text(b, "phase") == "stop-command")
                add(figure(b, "end_ps"), kernel, device, "the driver's command to stop", "command");
            if (text(b, "phase") == "device-drain")
                add(figure(b, "start_ps"), device, device, "drains what it has taken", "work");
        }
    }
    void events() {
        const u64 bond = static_cast<u64>(figure(t_, "bond"));
        std::set<i64> contexts; // of the kernel, that go through this teardown's steps
        u64 mm = 0;
        for (const StoredEvent& e : p_.events) {
            if (e.kind == shown("BondChanged") && e.bond == bond) mm = e.mm.value_or(0);
            if (e.kind == shown("TeardownStepChanged") && e.bond == bond) {
                const Record f = Record::parse(e.fields, nullptr, false);
                if (part(f, "ended") == true)
                    contexts.erase(figure(f, "context"));
                else
                    contexts.insert(figure(f, "context"));
            }
            if (e.at.ps() < t0_ || e.at.ps() > end_) continue;
            if (e.kind == shown("IommuCommandIssued")) {
                const Record f = Record::parse(e.fields, nullptr, false);
                if (contexts.count(figure(f, "context")) != 0)
                    add(e.at.ps(), kernel, iommu, text(f, "command"), "command", e.id);
            }
            if (e.kind == shown("FenceObserved") && (e.bond == bond || (e.bond == u64{0} && e.mm == mm))) {
                const Record f = Record::parse(e.fields, nullptr, false);
                add(e.at.ps(), iommu, kernel,
                    part(f, "blocks") == true ? "fence: no DMA of the bond can succeed from here" : "fence seen",
                    "fence", e.id);
            }
            if (e.bond == bond) of_the_bond(e);
        }
    }
    void of_the_bond(const StoredEvent& e) {
        struct Row {
            std::string_view kind;
            int from, to;
            const char *what, *css;
        };
        static constexpr Row rows[] = {
            {shown("DmaCommitted"), device, iommu, "DMA that reaches memory", "dma"},
            {shown("FaultRaised"), iommu, iommu, "fault", "fault"},
            {shown("PageRequestSent"), device, iommu, "page request", "request"},
            {shown("PageResponseHeard"), iommu, device, "answer to a page request", "response"},
            {shown("TransactionStalled"), device, iommu, "transaction that stalls", "request"},
            {shown("StallResolved"), iommu, device, "stall ends", "response"},
            {shown("FenceTimedOut"), iommu, kernel, "fence timed out", "fault"},
        };
        for (const Row& r : rows)
            if (r.kind == e.kind) add(e.at.ps(), r.from, r.to, r.what, r.css, e.id);
        if (e.kind == shown("StopSeen"))
            add(e.at.ps(), device, kernel,
                part(Record::parse(e.fields, nullptr, false), "gave_up") == true ? "not idle: the driver gives up"
                                                                                 : "the driver sees it idle",
                "fence", e.id);
    }
    const Panel& p_;
    const Record& t_;
    i64 t0_, end_;
    std::vector<Message> all_;
};

std::string title_of(const Message& m) {
    return fmt::format("<title>{}{}{}</title>", escaped(m.what), m.times > 1 ? ", the first of them" : "",
                       event_words(fmt::format("e{}", m.event)));
}

std::string arrow(const Message& m, double y, i64 t0) {
    std::string what = m.what;
    if (m.times > 1)
        what = fmt::format("{} x {}{}", m.times, m.what, m.last > m.at ? ", until +" + for_reader(m.last - t0) : "");
    std::string out = fmt::format("<g class=\"msg s-{}\" data-at=\"{}\" data-times=\"{}\" data-what=\"{}\"{}>{}<text "
                                  "class=\"when\" x=\"120\" y=\"{}\">+{}</text>",
                                  m.css, m.at, m.times, escaped(m.what), event_attribute(m.event),
                                  m.event == 0 ? "" : title_of(m),
                                  at(y + 4), for_reader(m.at - t0));
    const double from = life_x[m.from], to = life_x[m.to];
    if (m.css == "mark") {
        out +=
            fmt::format("<path class=\"rule\" d=\"M130 {0}H1090\"/><text class=\"end\" x=\"1088\" y=\"{1}\">{2}</text>",
                        at(y + 3), at(y), escaped(what));
    } else if (m.from == m.to) {
        out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"8\" height=\"8\"/><text x=\"{}\" y=\"{}\">{}</text>",
                           at(from - 4), at(y - 4), at(from + 9), at(y + 4), escaped(what));
    } else {
        const double tip = to > from ? -6 : 6;
        out += fmt::format(
            "<path d=\"M{0} {1}H{2}M{2} {1}l{3}-3M{2} {1}l{3} 3\"/><text class=\"mid\" x=\"{4}\" y=\"{5}\">{6}</text>",
            at(from), at(y + 4), at(to), at(tip), at((from + to) / 2), at(y), escaped(what));
    }
    return out + "</g>\n";
}

std::string diagram(const Panel& p, const Record& t) {
    std::vector<Message> all = Exchange(p, t).messages();
    const std::size_t left_out = all.size() > most_messages ? all.size() - most_messages : 0;
    all.resize(all.size() - left_out);
    constexpr double top = 34, step = 19;
    const double height = top + step * static_cast<double>(all.size() + 1);
    std::string out = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"sequence\" viewBox=\"0 0 1100 {}\" "
                                  "role=\"img\" aria-label=\"sequence of {}\" data-td=\"{}\">\n",
                                  at(height), escaped(text(t, "id")), escaped(text(t, "id")));
    for (int life = process; life <= device; ++life)
        out +=
            fmt::format("<path class=\"line\" d=\"M{0} 24V{1}\"/><text class=\"head\" x=\"{0}\" y=\"16\">{2}</text>\n",
                        at(life_x[life]), at(height - 6),
                        escaped(life == process  ? text(t, "process")
                                : life == device ? text(t, "device")
                                                 : life_names[life]));
    double y = top + 8;
    for (const Message& m : all) {
        out += arrow(m, y, figure(t, "t0_ps"));
        y += step;
    }
    out += "</svg>\n";
    if (left_out > 0) out += fmt::format("<p class=\"note\">{} more of its messages come after these.</p>\n", left_out);
    return out;
}

std::string headline(const Panel& p, const Record& t) {
    return fmt::format("<a href=\"#{}\">{}</a>, {} of {} on {}", p.id(escaped(text(t, "id"))), escaped(text(t, "id")),
                       escaped(text(t, "trigger")), escaped(text(t, "process")), escaped(text(t, "device")));
}

/// Those that were asked for; or those that a reader may want, the most telling first:
/// of which something went wrong, then the slowest, then as they come.
std::vector<const Record*> telling(const Panel& p) {
    std::vector<const Record*> order;
    const auto add = [&](const Record& t) {
        if (std::find(order.begin(), order.end(), &t) == order.end()) order.push_back(&t);
    };
    for (const Record& t : teardowns(p))
        if (std::find(p.asked.begin(), p.asked.end(), text(t, "id")) != p.asked.end()) add(t);
    if (!p.asked.empty()) return order;
    for (const Record& v : part(p.run, "violations"))
        for (const Record& t : teardowns(p))
            if (figure(v, "bond") != 0 && figure(t, "bond") == figure(v, "bond")) add(t);
    if (const Record* slowest = worst(p)) add(*slowest);
    for (const Record& t : teardowns(p)) add(t);
    if (order.size() > most_diagrams) order.resize(most_diagrams);
    return order;
}
} // namespace

std::string sequence(const Panel& p) {
    const std::vector<const Record*> order = telling(p);
    if (order.empty())
        return p.asked.empty() ? "<p>Nothing was torn down.</p>\n"
                               : "<p>None of those that were asked for is of this variant.</p>\n";
    std::string out = fmt::format("<p id=\"{}-seq\">{}. {}</p>\n", p.id(escaped(text(*order.front(), "id"))), headline(p, *order.front()),
                                  p.events.empty() ? "The run left no events.sqlite: only the kernel's steps with their commands are told."
                                                   : "Down is later; distances mean nothing.") +
                      diagram(p, *order.front());
    for (std::size_t n = 1; n < order.size(); ++n)
        out += fmt::format("<details class=\"other\" id=\"{}-seq\"><summary>{}</summary>\n{}</details>\n", p.id(escaped(text(*order[n], "id"))),
                           fmt::format("{}: {} of {} on {}", escaped(text(*order[n], "id")), escaped(text(*order[n], "trigger")),
                                       escaped(text(*order[n], "process")), escaped(text(*order[n], "device"))),
                           diagram(p, *order[n]));
    if (teardowns(p).size() > order.size())
        out += fmt::format("<p class=\"note\">Of {} teardowns these are drawn: `quiesce report DIR --teardown t{}` draws "
                           "any.</p>\n",
                           teardowns(p).size(), teardowns(p).size() - 1);
    return out;
}

} // namespace quiesce::platform::report
