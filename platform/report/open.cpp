// SPDX-License-Identifier: Apache-2.0
/// What report.html tells of a teardown that never came to quiesce: what is missing, what was being waited for when the run ended,
/// and what its time went into so far.
#include "base/text.h"
#include "platform/report/parts.h"

#include "observe/metrics.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace quiesce::platform::report {

/// The path to the milestone of the operating system that came last: it is the longest that is known.
SoFar so_far(const Record& t) {
    SoFar found{"", &part(Record{}, "")};
    if (quiesce_of(t)) return found;
    i64 last = -1;
    for (const auto& [name, when] : instants(t)) {
        if (name == "block_observed" || name == "last_seen" || name == "drain") continue; // the device's
        const Record& path = part(part(t, "paths"), name);
        if (when < last || !path.is_array() || path.empty()) continue;
        last = when;
        found = {name, &path};
    }
    return found;
}
const Record& told_parts(const Record& t) { return quiesce_of(t) ? part(t, "breakdown") : *so_far(t).parts; }
i64 run_after_t0(const Panel& p, const Record& t) { return std::max<i64>(0, figure(p.run, "simulated_ps") - figure(t, "t0_ps")); }

std::vector<const Record*> open_teardowns(const Panel& p) {
    std::vector<const Record*> found;
    for (const Record& t : teardowns(p))
        if (!quiesce_of(t)) found.push_back(&t);
    return found;
}

namespace {
std::string help_of_milestone(std::string_view name) {
    const auto* const m = observe::find_metric("milestone", name);
    return m == nullptr ? std::string{} : std::string{m->help};
}

/// Of those that quiesce needs, what did not come.
std::vector<std::string> missing_of(const Record& t) {
    std::vector<std::string> missing;
    for (const Record& o : part(t, "open"))
        if (o.is_string() && (o == "block" || o == "stop" || o == "drain")) missing.push_back(o.get<std::string>());
    return missing;
}

/// Fences that nobody waited for any more.
std::vector<i64> given_up(const Panel& p, i64 from, i64 to) {
    std::vector<i64> times;
    for (const StoredEvent& e : p.events)
        if (e.kind == "FenceTimedOut" && e.at.ps() > from && e.at.ps() <= to) times.push_back(e.at.ps());
    return times;
}

std::string times_word(std::size_t n) { return n == 1 ? "once" : n == 2 ? "twice" : fmt::format("{} times", n); }

std::string step_rows(const Panel& p, const Record& t) {
    const i64 t0 = figure(t, "t0_ps"), end_of_run = t0 + run_after_t0(p, t);
    std::string out;
    for (const Record& s : part(t, "steps")) {
        const bool over = has(s, "end_ps");
        const i64 start = figure(s, "start_ps"), end = over ? figure(s, "end_ps") : end_of_run;
        const std::size_t lost = given_up(p, start, end).size();
        std::string commands, came = over ? "" : "under way when the run ended";
        for (const Record& c : part(s, "commands"))
            commands += (commands.empty() ? "" : ", ") + (figure(c, "count") == 1 ? text(c, "command") : fmt::format("{} x {}", figure(c, "count"), text(c, "command")));
        if (lost > 0)
            came += fmt::format("{}the wait for its completion was given up {}: what it was to bring about had not happened", came.empty() ? "" : "; ", times_word(lost));
        out += fmt::format("<tr data-step=\"{}\"{} data-lost=\"{}\"><td>+{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", escaped(text(s, "step")),
                           over ? "" : " data-under=\"way\"", lost, for_reader(start - t0), for_reader(end - start), escaped(text(s, "step")), escaped(text(s, "by")),
                           escaped(commands), came);
    }
    return out;
}

/// What the checkers say about it, or about nobody's bond: one of each kind.
std::string stories(const Panel& p, const Record& t) {
    std::map<std::string, std::pair<i64, std::string>> kinds;
    std::vector<std::string> nobodys;
    for (const Record& v : part(p.run, "violations")) {
        const i64 bond = figure(v, "bond");
        if (bond != 0 && bond != figure(t, "bond")) continue;
        auto& [n, story] = kinds[text(v, "kind")];
        if (++n == 1) story = text(v, "story");
        if (bond == 0 && nobodys.size() < 8) nobodys.push_back(text(v, "story"));
    }
    std::string out;
    for (const auto& [kind, said] : kinds) {
        const auto& [n, story] = said;
        out += fmt::format("<li><b>{}</b>{}: {}</li>\n", escaped(kind), n > 1 ? fmt::format(" ({}, the first)", n) : "", escaped(story));
        for (const std::string& s : nobodys)
            if (kind == "left-behind" && s != story) out += fmt::format("<li><b>{}</b>: {}</li>\n", escaped(kind), escaped(s));
    }
    return out.empty() ? out : "<p>What was found then:</p>\n<ul class=\"found\">\n" + out + "</ul>\n";
}

std::string waited_for(const Panel& p, const Record& t) {
    const i64 t0 = figure(t, "t0_ps"), end = t0 + run_after_t0(p, t);
    std::string out;
    for (const Record& s : part(t, "steps"))
        if (!has(s, "end_ps"))
            out += fmt::format("When the run ended, {} had been in the step <b>{}</b> for {}: it waits until {} complete. ", escaped(text(s, "by")),
                               escaped(text(s, "step")), for_reader(end - figure(s, "start_ps")),
                               part(s, "commands").empty() ? std::string{"it is"} : "its commands to the IOMMU (" + escaped(step_in_words(t, figure(s, "start_ps"))) + ") are");
    if (const auto lost = given_up(p, t0, end); !lost.empty())
        out += fmt::format("The kernel gave up waiting for a fence {}, first {} and last {} after T0, and went on as if it had come. ", times_word(lost.size()),
                           for_reader(lost.front() - t0), for_reader(lost.back() - t0));
    if (const auto stop = after_t0(t, "stop_gave_up"))
        out += fmt::format("The driver gave up waiting for the device {} after T0. ", for_reader(*stop));
    for (const std::string& name : missing_of(t)) {
        if (name == "stop" && part(t, "steps").empty()) out += "No step of the kernel's list had begun: nobody had told the device to stop. ";
        if (name == "drain") out += "A page request or a stalled transaction of the bond was unanswered, or in a queue. ";
    }
    return out.empty() ? out : "<p>" + out + "</p>\n";
}
} // namespace

std::string open_in_words(const Panel& p, const Record& t) {
    const auto missing = missing_of(t);
    return fmt::format("open: {} had not come {} after T0, when the run ended", missing.empty() ? "quiesce" : base::join(missing), for_reader(run_after_t0(p, t)));
}

std::string open_cases(const Panel& p) {
    const auto open = open_teardowns(p);
    if (open.empty()) return {};
    const Record& t = *open.front();
    const std::string id = text(t, "id");
    const auto missing = missing_of(t);
    std::string out = fmt::format("<p class=\"never\" data-td=\"{0}\" data-open=\"{1}\" data-until=\"{2}\"><a href=\"#{3}\">{0}</a>, {4} of {5} on {6}, never came to quiesce. "
                                  "The run ended {7} after T0, and what had not come by then is ",
                                  escaped(id), open.size(), run_after_t0(p, t), p.id(escaped(id)), escaped(text(t, "trigger")), escaped(text(t, "process")),
                                  escaped(text(t, "device")), for_reader(run_after_t0(p, t)));
    for (std::size_t i = 0; i < missing.size(); ++i)
        out += fmt::format("{}<b data-missing=\"{}\">{}</b> ({})", i == 0 ? "" : ", ", escaped(missing[i]), escaped(missing[i]), escaped(help_of_milestone(missing[i])));
    out += ".</p>\n";
    if (open.size() > 1) {
        out += fmt::format("<p>So are {} more: ", open.size() - 1);
        for (std::size_t i = 1; i < std::min<std::size_t>(open.size(), 12); ++i) out += (i == 1 ? "" : ", ") + fmt::format("<a href=\"#{}\">{}</a>", p.id(escaped(text(*open[i], "id"))), escaped(text(*open[i], "id")));
        out += open.size() > 12 ? ", ...</p>\n" : ".</p>\n";
    }
    out += waited_for(p, t);
    if (const std::string rows = step_rows(p, t); !rows.empty())
        out += "<h4>what the kernel did</h4>\n<div class=\"wide\"><table class=\"steps\"><thead><tr><th>after T0</th><th>took</th><th>step</th><th>who</th><th>commands to the "
               "IOMMU</th><th>what came of it</th></tr></thead><tbody>\n" + rows + "</tbody></table></div>\n";
    out += stories(p, t);
    const SoFar so = so_far(t);
    if (so.parts->empty()) return out + "<p>No milestone of the operating system came: of what its time went into, the steps are all that is known.</p>\n";
    const i64 reached = after_t0(t, so.to).value_or(0);
    return out + fmt::format("<h4>its time so far: from T0 to {}, the last of what came, {}</h4>\n", escaped(so.to), for_reader(reached)) + path_table(t, *so.parts, reached, so.to);
}

} // namespace quiesce::platform::report
