// SPDX-License-Identifier: Apache-2.0
/// The tables and small figures of report.html that are of one variant.
#include "base/text.h"
#include "platform/report/parts.h"

#include "observe/metrics.h"
#include "observe/violations.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace quiesce::platform::report {
namespace {
std::string help_of(std::string_view group, std::string_view name) {
    if (group == "violation")
        for (const observe::ViolationKind& k : observe::violation_kinds)
            if (k.kind == name) return std::string{k.meaning};
    const auto* const m = observe::find_metric(group, name);
    return m == nullptr ? "" : std::string{m->help};
}
std::string source_of(std::string_view phase) {
    const auto* const m = observe::find_metric("phase", phase);
    return m == nullptr ? "" : std::string{m->source};
}
std::string link_to(const Panel& p, const std::string& teardown) {
    return fmt::format("<a href=\"#{}\">{}</a>", p.id(escaped(teardown)), escaped(teardown));
}
/// The row of a teardown in the Gantt, for a bond.
std::string link_to_bond(const Panel& p, i64 bond) {
    for (const Record& t : teardowns(p))
        if (bond != 0 && figure(t, "bond") == bond) return link_to(p, text(t, "id"));
    return bond == 0 ? "-" : fmt::format("bond {}", bond);
}
} // namespace

namespace {
/// A claim of this kind held, or did not: the scenario asked for the violation.
bool is_asked_for(const Panel& p, const std::string& kind) {
    const Record& claims = part(p.run, "expectations");
    return std::any_of(claims.begin(), claims.end(), [&](const Record& e) { return part(e, "held").is_boolean() && text(e, "text") == "violation " + kind; });
}

/// How many, and whether the scenario asked for them: without that it passes with none.
std::string violation_count(const Panel& p) {
    std::map<std::string, std::size_t> kinds;
    for (const Record& v : part(p.run, "violations")) ++kinds[text(v, "kind")];
    if (kinds.empty()) return {};
    std::size_t all = 0, asked = 0;
    std::string each;
    for (const auto& [kind, n] : kinds) {
        all += n;
        asked += is_asked_for(p, kind) ? n : 0;
        each += fmt::format("{}{} {}", each.empty() ? "" : ", ", n, escaped(kind));
    }
    const std::string wanted = asked == all ? "expected by the scenario's claims" : asked == 0 ? "not expected" : fmt::format("{} of them expected", asked);
    return fmt::format("<span class=\"count\" data-violations=\"{0}\" data-expected=\"{1}\"><b>{0} violation{2}</b>, {3}: {4}</span>", all, asked, all == 1 ? "" : "s", wanted, each);
}
} // namespace

std::string verdict_card(const Panel& p) {
    const std::string verdict = text(p.run, "verdict");
    const Record& platform = part(p.run, "platform");
    std::string out = fmt::format("<div class=\"card v-{0}{1}\" data-verdict=\"{0}\"><strong>{0}</strong>{2}", escaped(verdict),
                                  part(p.run, "violations").empty() ? "" : " violated", violation_count(p));
    std::string bugs;
    for (const Record& b : part(platform, "bugs"))
        if (b.is_string()) bugs += " " + b.get<std::string>();
    out += fmt::format("<span>{}, kernel {}, policy {}, PASIDs {}, suppression {}{}</span><span>seed {}, simulated "
                       "{}</span><span>fingerprint <code>{}</code></span></div>\n",
                       escaped(text(platform, "iommu")), escaped(text(platform, "kernel")),
                       escaped(text(platform, "policy")), escaped(text(platform, "allocator")),
                       escaped(text(platform, "suppression")),
                       bugs.empty() ? "" : ", deliberate mistakes:" + escaped(bugs), text(p.run, "seed"),
                       for_reader(figure(p.run, "simulated_ps")), escaped(text(p.run, "fingerprint")));
    if (verdict == "not-applicable")
        out += "<p>The scenario needs what this platform has not: nothing was simulated.</p>\n";
    if (verdict == "interrupted") out += "<p>The run was interrupted: what it had done by then is told.</p>\n";
    if (part(p.run, "expectations").empty()) return out + "<p>The scenario claims nothing.</p>\n";
    std::map<std::string_view, std::size_t> counts;
    const auto word_of = [](const Record& held) {
        return !held.is_boolean() ? "suspended" : held.get<bool>() ? "held" : "failed";
    };
    for (const Record& e : part(p.run, "expectations")) ++counts[word_of(part(e, "held"))];
    out += fmt::format("<details class=\"claims\"{}><summary>claims: {} held, {} failed, {} suspended (they are of "
                       "other circumstances)</summary>\n",
                       counts["failed"] > 0 ? " open=\"\"" : "", counts["held"], counts["failed"], counts["suspended"]);
    out += "<table class=\"expect\"><thead><tr><th></th><th>claim</th><th>where</th></tr></thead><tbody>\n";
    for (const Record& e : part(p.run, "expectations")) {
        const char* const word = word_of(part(e, "held"));
        const std::string where = text(e, "at");
        out += fmt::format("<tr class=\"e-{0}\" data-held=\"{0}\"><td>{0}</td><td>{1}{2}</td><td>{3}</td></tr>\n", word,
                           escaped(text(e, "text")),
                           has(e, "detail") ? "<br/><small>" + escaped(text(e, "detail")) + "</small>" : "",
                           escaped(where.substr(where.find_last_of('/') + 1)));
    }
    return out + "</tbody></table></details>\n";
}

namespace {
/// Of the first that is open, phase by phase, what its time went into until what came last.
std::string unfinished(const Panel& p) {
    const auto open = open_teardowns(p);
    if (open.empty()) return teardowns(p).empty() ? "<p>Nothing was torn down.</p>\n" : "<p>Each was quiet at T0: there is no critical path.</p>\n";
    const SoFar so = so_far(*open.front());
    if (so.parts->empty()) return "<p>No teardown came to quiesce, and of what their time went into nothing is known but the steps below.</p>\n";
    std::map<std::string, i64> sums;
    i64 all = 0;
    for (const Record& b : *so.parts) {
        sums[text(b, "phase")] += figure(b, "end_ps") - figure(b, "start_ps");
        all += figure(b, "end_ps") - figure(b, "start_ps");
    }
    std::vector<Bar> rows;
    for (const auto& [name, ps] : sums)
        rows.push_back({name, name, ps, fmt::format("{} ({:.1f} %)", for_reader(ps), 100.0 * static_cast<double>(ps) / static_cast<double>(std::max<i64>(all, 1))),
                        help_of("phase", name), group_of(name)});
    std::stable_sort(rows.begin(), rows.end(), [](const Bar& a, const Bar& b) { return a.value > b.value; });
    if (rows.size() > 16) rows.resize(16);
    return fmt::format("<p>No teardown came to quiesce. What the time of {} went into until {}, the last of what came: {}. After that nothing is known of it until the run ended, {} "
                       "later.</p>\n",
                       link_to(p, text(*open.front(), "id")), escaped(so.to), for_reader(all), for_reader(run_after_t0(p, *open.front()) - all)) +
           bars("phases of the time so far", rows);
}
} // namespace

std::string breakdown(const Panel& p) {
    struct Sum {
        i64 total = 0, longest = 0, times = 0;
        std::string longest_in;
    };
    std::map<std::string, Sum> sums;
    i64 all = 0, every = 0;
    std::size_t told = 0, quiet = 0;
    for (const Record& t : teardowns(p)) {
        quiet += quiesce_of(t).has_value();
        every += quiesce_of(t).value_or(0);
        told += !part(t, "breakdown").empty();
        for (const Record& b : part(t, "breakdown")) {
            const i64 took = figure(b, "end_ps") - figure(b, "start_ps");
            Sum& s = sums[text(b, "phase")];
            s.total += took;
            ++s.times;
            all += took;
            if (took > s.longest || s.longest_in.empty()) s.longest = took, s.longest_in = text(t, "id");
        }
    }
    if (sums.empty()) return unfinished(p);
    std::vector<std::pair<std::string, Sum>> order(sums.begin(), sums.end());
    std::stable_sort(order.begin(), order.end(),
                     [](const auto& a, const auto& b) { return a.second.total > b.second.total; });
    std::vector<Bar> rows;
    std::string table =
        "<table class=\"phases\"><thead><tr><th>phase</th><th>in "
        "all</th><th>share</th><th>times</th><th>longest</th><th>what it is</th></tr></thead><tbody>\n";
    for (const auto& [name, s] : order) {
        const double share = all == 0 ? 0 : 100.0 * static_cast<double>(s.total) / static_cast<double>(all);
        if (rows.size() < 16)
            rows.push_back({name, name, s.total, fmt::format("{} ({:.1f} %)", for_reader(s.total), share),
                            help_of("phase", name), group_of(name)});
        const std::string source = source_of(name);
        table += fmt::format("<tr data-phase=\"{}\" data-total=\"{}\" data-times=\"{}\" "
                             "data-longest=\"{}\"><td>{}</td><td>{}</td><td>{:.1f} %</td><td>{}</td><td>{} in "
                             "{}</td><td>{}{}</td></tr>\n",
                             escaped(name), s.total, s.times, s.longest, escaped(name), for_reader(s.total), share,
                             s.times, for_reader(s.longest), link_to(p, s.longest_in), escaped(help_of("phase", name)),
                             source.empty() ? "" : " <small>" + escaped(source) + "</small>");
    }
    const std::string whose = teardowns(p).size() == 1 ? "path of the teardown"
                              : told == quiet          ? fmt::format("paths of {} teardowns", quiet)
                                                       : fmt::format("paths of {} of the {} teardowns, the slowest", told, quiet);
    std::string more;
    if (told < quiet)
        more += fmt::format(" Of the other {} run.json has no parts (<code>observe.breakdowns</code>); what all {} took adds up to {}.", quiet - told, quiet, for_reader(every));
    if (quiet < teardowns(p).size()) more += fmt::format(" {} more never came to quiesce.", teardowns(p).size() - quiet);
    return fmt::format("<p class=\"added\" data-told=\"{}\" data-quiet=\"{}\" data-sum=\"{}\" data-all=\"{}\">The critical {} from T0 to quiesce, phase by phase, added up: "
                       "{}.{}</p>\n",
                       told, quiet, all, every, whose, for_reader(all), more) +
           bars("phases of the critical paths", rows) + "<details><summary>what each phase stands for</summary><div class=\"wide\">" + table + "</tbody></table></div></details>\n";
}

std::string path_table(const Record& t, const Record& parts, i64 total, std::string_view to) {
    const i64 t0 = figure(t, "t0_ps");
    constexpr std::size_t most = 60;
    std::vector<i64> lengths;
    for (const Record& b : parts) lengths.push_back(figure(b, "end_ps") - figure(b, "start_ps"));
    std::sort(lengths.rbegin(), lengths.rend());
    const i64 least = lengths.size() > most ? lengths[most - 1] : -1;
    std::string out = fmt::format("<div class=\"wide\"><table class=\"path\" data-td=\"{}\" data-to=\"{}\"><thead><tr>"
                                  "<th>after T0</th><th>took</th><th></th><th>who</th><th>what it waited for</th></tr></thead><tbody>\n",
                                  escaped(text(t, "id")), to.empty() ? "quiesce" : escaped(to));
    i64 left_out = 0, left_out_ps = 0;
    for (const Record& b : parts) {
        const i64 start = figure(b, "start_ps") - t0, end = figure(b, "end_ps") - t0;
        if (end - start < least) {
            ++left_out, left_out_ps += end - start;
            continue;
        }
        const std::string phase = text(b, "phase"), waits = text(b, "waits_for"), help = help_of("phase", phase),
                          source = source_of(phase), step = step_in_words(t, start + t0);
        const double scale = 120.0 / static_cast<double>(std::max<i64>(total, 1));
        out += fmt::format("<tr data-s=\"{}\" data-e=\"{}\" data-phase=\"{}\"><td>+{}</td><td>{}</td><td><svg "
                           "xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 120 10\" width=\"120\" height=\"10\">"
                           "<rect class=\"g-{}\" x=\"{}\" y=\"1\" width=\"{}\" "
                           "height=\"8\"/></svg></td><td>{}</td><td><b>{}</b>{}{}{}{}</td></tr>\n",
                           start, end, escaped(phase), for_reader(start), for_reader(end - start), group_of(phase),
                           at(static_cast<double>(start) * scale),
                           at(std::max(0.6, static_cast<double>(end - start) * scale)), escaped(text(b, "actor")),
                           escaped(phase), help.empty() ? "" : ": " + escaped(help),
                           waits.empty() ? "" : "; waits for " + escaped(waits),
                           step.empty() ? "" : " <small>(step " + escaped(step) + ")</small>",
                           source.empty() ? "" : " <small>" + escaped(source) + "</small>");
    }
    if (left_out > 0)
        out += fmt::format("<tr><td></td><td>{}</td><td></td><td></td><td>{} shorter parts between them</td></tr>\n",
                           for_reader(left_out_ps), left_out);
    return out + "</tbody></table></div>\n";
}

/// Of those that came to quiesce the slowest; those that did not before it.
std::string critical_path(const Panel& p) {
    const Record* const t = worst(p);
    if (t == nullptr) return "<p>Nothing was torn down.</p>\n";
    const std::string id = text(*t, "id"), open = open_cases(p);
    const auto quiesce = quiesce_of(*t);
    if (!quiesce) return open;
    if (part(*t, "breakdown").empty()) return open + fmt::format("<p>{} is told in brief.</p>\n", link_to(p, id));
    std::string set_by;
    for (const char* name : {"block", "stop", "drain", "last_seen"})
        if (after_t0(*t, name) == quiesce) set_by += (set_by.empty() ? "" : ", ") + std::string{name};
    return open +
           fmt::format("{}<p>{}: {}, {} of {} on {}. Quiesce came {} after T0, with {}. Each part began when the one before was over.</p>\n",
                       open.empty() ? "" : "<h4>the slowest of those that did</h4>\n", open.empty() ? "The slowest" : "It is", link_to(p, id),
                       escaped(text(*t, "trigger")), escaped(text(*t, "process")), escaped(text(*t, "device")), for_reader(*quiesce), set_by) +
           path_table(*t, part(*t, "breakdown"), *quiesce, "");
}

namespace {
/// The numbers of one object of run.json as bars.
std::vector<Bar> counted(const Panel& p, std::string_view object, std::initializer_list<const char*> keys) {
    std::vector<Bar> rows;
    for (const char* key : keys) {
        const std::string path = fmt::format("{}.{}", object, key);
        const i64 n = figure(part(p.run, object), key);
        rows.push_back({key, path, n, std::to_string(n), help_of("count", path)});
    }
    return rows;
}
bool any(const std::vector<Bar>& rows) {
    return std::any_of(rows.begin(), rows.end(), [](const Bar& b) { return b.value != 0; });
}
} // namespace

std::string fates(const Panel& p) {
    std::string out;
    const auto add = [&](const char* heading, const std::vector<Bar>& rows, const char* none) {
        out += any(rows) ? fmt::format("<h4>{}</h4>\n{}", heading, bars(heading, rows))
                         : fmt::format("<p class=\"note\">{}</p>\n", none);
    };
    add("faults by fate",
        counted(p, "faults",
                {"raised", "recorded", "suppressed", "ats_refused", "merged", "lost", "lost_overflow", "discarded", "filtered"}),
        "There was no fault.");
    std::vector<Bar> types;
    for (const auto& [name, n] : part(part(p.run, "faults"), "by_type").items())
        if (n.is_number()) types.push_back({name, "faults.by_type." + name, n.get<i64>(), n.dump(), ""});
    if (any(types)) add("faults by type", types, "");
    add("page requests by answer",
        counted(p, "page_requests",
                {"received", "success", "invalid", "failure", "auto_response", "lost", "open", "dropped", "late", "forgotten", "unexpected"}),
        "There was no page request.");
    add("stalls",
        counted(p, "stalls",
                {"received", "retried", "aborted", "retried_by_unit", "terminated", "late_answers", "outstanding"}),
        "Nothing stalled.");
    add("DMA", counted(p, "dma", {"reads", "writes", "aborted", "legal_after_unmap", "completion_timeouts"}),
        "There was no DMA.");
    return out;
}

std::string exposures(const Panel& p) {
    std::vector<const Record*> order;
    i64 all = 0, open = 0;
    for (const Record& t : teardowns(p)) {
        all += figure(t, "exposure_ps");
        open += figure(t, "exposed_pages_open");
        if (figure(t, "exposure_ps") > 0) order.push_back(&t);
    }
    std::stable_sort(order.begin(), order.end(), [](const Record* a, const Record* b) {
        return figure(*a, "exposure_ps") > figure(*b, "exposure_ps");
    });
    if (order.size() > 20) order.resize(20);
    if (order.empty()) return "<p>No page was without a fence between its unmapping and its freeing.</p>\n";
    std::vector<Bar> rows;
    for (const Record* t : order) {
        const i64 ps = figure(*t, "exposure_ps");
        rows.push_back({fmt::format("{} {} on {}", text(*t, "id"), text(*t, "process"), text(*t, "device")),
                        text(*t, "id"), ps,
                        fmt::format("{}{}", for_reader(ps),
                                    figure(*t, "exposed_pages_open") > 0
                                        ? fmt::format(", {} pages to the end", figure(*t, "exposed_pages_open"))
                                        : ""),
                        "", "memory"});
    }
    return fmt::format("<p>Summed over pages: {} in which a device could still reach an unmapped page; {} pages were "
                       "neither fenced nor freed when the run ended.</p>\n",
                       for_reader(all), open) +
           bars("exposure", rows) + exposure_windows(p);
}

namespace {
std::string violation_row(const Panel& p, const Record& v) {
    const std::string who = text(v, "process") + (text(v, "device").empty() ? "" : " on " + text(v, "device"));
    const std::string id = escaped(text(v, "id")), kind = escaped(text(v, "kind"));
    std::string out =
        fmt::format("<tr id=\"{}\" data-v=\"{}\" data-kind=\"{}\" data-time=\"{}\" data-count=\"{}\" data-bond=\"{}\"{}>",
                    p.id(id), id, kind, figure(v, "time_ps"), figure(v, "count"), figure(v, "bond"), event_attribute(text(v, "event")));
    const std::string event = event_words(text(v, "event"));
    out += fmt::format("<td{}>{}</td><td title=\"{}\">{}</td><td>{}</td><td>{}</td><td>{}</td>",
                       event.empty() ? "" : " title=\"" + event.substr(1) + "\"", id,
                       escaped(help_of("violation", text(v, "kind"))), kind, for_reader(figure(v, "time_ps")), figure(v, "count"), link_to_bond(p, figure(v, "bond")));
    return out + fmt::format("<td>{}</td><td><code>{}</code> {}</td><td>{}</td></tr>\n", escaped(who),
                             escaped(text(v, "page")), escaped(text(v, "object")), escaped(text(v, "story")));
}
std::string violation_table(const std::string& rows) {
    return "<table "
           "class=\"violations\"><thead><tr><th>id</th><th>kind</th><th>first</th><th>times</th><th>teardown</"
           "th><th>who</th>"
           "<th>page, object</th><th>story</th></tr></thead><tbody>\n" +
           rows + "</tbody></table>\n";
}
} // namespace

/// The first are told at once, those behind them when asked for.
std::string violations(const Panel& p) {
    constexpr std::size_t most = 300, at_once = 8;
    const Record& all = part(p.run, "violations");
    if (all.empty()) return "<p>None was found.</p>\n";
    std::map<std::string, std::pair<i64, i64>> kinds; // how many, how often
    std::string first, rest;
    std::size_t shown = 0;
    for (const Record& v : all) {
        auto& [many, often] = kinds[text(v, "kind")];
        ++many;
        often += figure(v, "count");
        if (++shown <= most) (shown <= at_once ? first : rest) += violation_row(p, v);
    }
    std::string out = "<p>";
    for (const auto& [kind, n] : kinds)
        out += fmt::format("<b>{}</b>: {} ({} occurrences), {}.<br/>", escaped(kind), n.first, n.second,
                           escaped(help_of("violation", kind)));
    out += "</p>\n" + violation_table(first);
    if (!rest.empty())
        out += fmt::format("<details><summary>{} more</summary>{}</details>\n",
                           std::min<std::size_t>(all.size(), most) - at_once, violation_table(rest));
    if (all.size() > most) out += fmt::format("<p class=\"note\">{} more are in run.json.</p>\n", all.size() - most);
    return out +
           "<p class=\"note\">`quiesce explain DIR v0` tells what became of the page and which way the DMA took.</p>\n";
}

} // namespace quiesce::platform::report
