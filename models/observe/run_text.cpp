// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "observe/metrics.h"
#include "observe/run_record.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

namespace quiesce::observe {
namespace {
std::string time_text(sim::Duration d) { return base::format_duration(d); }

void milestones_text(const Teardown& t, std::string& out) {
    out += "  milestones, after T0\n";
    std::vector<std::pair<std::string, sim::Time>> order = t.milestones;
    std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.second < b.second; });
    for (const auto& mark : order) {
        const Metric* row = find_metric("milestone", mark.first);
        out += fmt::format("    {:<15} +{:>12}  {}\n", mark.first, time_text(mark.second - t.t0),
                           row == nullptr ? "" : row->help);
    }
    if (!t.open.empty()) out += fmt::format("    open            {:>13}  {}\n", "", fmt::join(t.open, ", "));
    if (!t.not_applicable.empty()) out += fmt::format("    not applicable  {:>13}  {}\n", "", fmt::join(t.not_applicable, ", "));
}

/// Merges consecutive parts of the same phase, actor and unit waited for.
std::vector<PathPart> merged(const std::vector<PathPart>& parts) {
    std::vector<PathPart> m;
    for (const PathPart& p : parts) {
        if (!m.empty() && m.back().phase == p.phase && m.back().actor == p.actor && m.back().waits_for == p.waits_for) m.back().end = p.end;
        else m.push_back(p);
    }
    return m;
}

/// Whole percents that add up to 100: what rounding down leaves goes to the largest remainders.
std::vector<i64> percentages(const std::vector<PathPart>& parts, i64 total) {
    std::vector<i64> percent;
    std::vector<std::pair<i64, std::size_t>> remainders;
    i64 left = 100;
    for (const PathPart& p : parts) {
        const i64 hundredfold = (p.end - p.start).ps() * 100;
        percent.push_back(hundredfold / total);
        remainders.emplace_back(-(hundredfold % total), remainders.size());
        left -= percent.back();
    }
    std::sort(remainders.begin(), remainders.end());
    for (std::size_t i = 0; i < remainders.size() && left > 0; ++i, --left) ++percent[remainders[i].second];
    return percent;
}

void breakdown_text(const Teardown& t, unsigned columns, std::string& out) {
    if (!t.quiesce || t.quiesce->ps() == 0) return;
    const auto parts = merged(t.breakdown);
    const i64 total = t.quiesce->ps(), width = std::max<i64>(20, static_cast<i64>(columns) - 74);
    const std::vector<i64> percent = percentages(parts, total);
    out += "  breakdown of the quiesce latency\n";
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const PathPart& p = parts[i];
        const i64 from = (p.start - t.t0).ps() * width / total;
        const i64 to = std::max(from + 1, (p.end - t.t0).ps() * width / total);
        const bool in_user_space = p.phase == "holds-file" || p.phase == "user-space";
        const std::string who = in_user_space         ? p.actor + ", in user space"
                                : p.waits_for.empty() ? p.actor
                                                      : fmt::format("{} waits for {}", p.actor, p.waits_for);
        out += fmt::format(
            "    {:<20} {:>12} {:>3}% |{:<{}}| {}\n", p.phase.substr(0, 20), time_text(p.end - p.start), percent[i],
            std::string(static_cast<std::size_t>(from), ' ') + std::string(static_cast<std::size_t>(to - from), '#'),
            width, who);
    }
}

/// What the kernel's list of steps was, and what the IOMMU was told for each.
void steps_text(const Teardown& t, std::string& out) {
    if (t.steps.empty()) return;
    out += "  steps\n";
    for (const StepTaken& s : t.steps) {
        std::vector<std::string> commands;
        for (const auto& [name, count] : s.commands)
            commands.push_back(count == 1 ? name : fmt::format("{} x {}", count, name));
        out += fmt::format("    {:<20} {:>12} {:>12} {}{}\n", s.step, "+" + time_text(s.start - t.t0),
                           s.open ? std::string{"open"} : time_text(s.end - s.start),
                           s.by, commands.empty() ? "" : fmt::format(": {}", fmt::join(commands, ", ")));
    }
}

void teardown_text(const RunRecord& r, std::size_t n, unsigned columns, std::string& out) {
    const Teardown& t = r.teardowns[n];
    out += fmt::format("\nteardown {} of {} (id t{}): {} on {}, PASID {}\n", n + 1, r.teardowns.size(), n, t.process,
                       t.device, raw(t.pasid));
    out += fmt::format("  T0              {} at {}{}\n", t.trigger, time_text(t.t0 - sim::Time{}),
                       t.also.empty() ? "" : fmt::format(", then {}", fmt::join(t.also, ", ")));
    out +=
        t.quiesce
            ? fmt::format("  quiesce latency {}  (a prediction: no whole teardown has been measured and published)\n",
                          time_text(*t.quiesce))
            : std::string{"  quiesce latency: open\n"};
    milestones_text(t, out);
    breakdown_text(t, columns, out);
    steps_text(t, out);
    if (t.exposure.ps() == 0) return;
    out += fmt::format("  exposure        {} of page-time: each page from its unmap until the OS saw a fence that "
                       "covers it, or until its free\n",
                       time_text(t.exposure));
    if (t.exposed_pages_open > 0)
        out += fmt::format(
            "                  {} pages were neither fenced nor freed: they count up to the end of the run\n",
            t.exposed_pages_open);
}

std::string waits_text(const std::vector<u64>& values) {
    auto at = [&](unsigned p) { return time_text(sim::Duration::ps(static_cast<i64>(percentile(values, p)))); };
    return fmt::format("{}, waited p50 {} max {}", values.size(), at(50), at(100));
}

std::string spread_text(const std::vector<u64>& values) {
    auto at = [&](unsigned p) { return time_text(sim::Duration::ps(static_cast<i64>(percentile(values, p)))); };
    return fmt::format("p50 {} p99 {} max {}", at(50), at(99), at(100));
}

/// What went wrong between the devices and the IOMMU, and at it; nothing if nothing did.
void fabric_text(const RunCounts& c, std::string& out) {
    if (c.links_down + c.completion_timeouts > 0)
        out += fmt::format("\nfabric  {} links went down, {} requests got no answer within their completion time-out", c.links_down,
                           c.completion_timeouts);
    for (const auto& [name, l] : c.links) {
        std::string what;
        const auto add = [&](u64 n, const char* of) {
            if (n != 0) what += fmt::format("{}{} {}", what.empty() ? "" : ", ", n, of);
        };
        add(l.credit_stalls, "waited for credits");
        add(l.replayed, "replayed");
        add(l.delayed, "held up");
        add(l.reordered, "passed by others");
        add(l.dropped, "lost");
        add(l.malformed, "malformed");
        add(l.poisoned, "poisoned");
        if (!what.empty()) out += fmt::format("\nlink    {}: packets: {}", name, what);
    }
    for (const auto& [name, n] : c.global_errors) out += fmt::format("\nerror   {} times {}", n, name);
}

void counts_text(const RunCounts& c, std::string& out) {
    out += fmt::format("\nDMA     at memory: {} reads, {} writes, {} B, of them {} legal after their page's unmap; TLB "
                       "hits {} of {}\n",
                       c.dma.reads, c.dma.writes, c.dma.bytes, c.dma.legal_after_unmap, c.tlb_hits, c.translations);
    out += fmt::format("        aborted: {} answered with an error (an untranslated write that is refused has no "
                       "answer: it is among the faults only)\n",
                       c.dma.aborted);
    if (c.atomics != 0)
        out += fmt::format("        atomics: {} of the writes were AtomicOps (read, modified and written at memory)\n", c.atomics);
    if (c.peer_to_peer != 0)
        out += fmt::format("        peer to peer: {} requests went to another device and never reached the IOMMU\n",
                           c.peer_to_peer);
    out += fmt::format("faults  {} raised: {} recorded by the hardware, {} suppressed (ended without a record: {} translation "
                       "or translated requests, of which there never is one; {} in quiet contexts), {} lost ({} found the queue full, {} found it "
                       "off{})",
                       c.faults.raised(), c.faults.recorded, c.faults.suppressed, c.faults.ats_refused,
                       c.faults.suppressed - c.faults.ats_refused, c.faults.lost(), c.faults.lost_overflow, c.faults.discarded,
                       c.faults.overflows != 0 && c.faults.discarded != 0 ? ": an overflow costs both, until the driver has started the queue again" : "");
    if (c.faults.merged != 0) out += fmt::format(", {} merged into the record of an earlier one", c.faults.merged);
    for (const auto& [type, n] : c.faults.by_type) out += fmt::format("; {} {}", type, n);
    if (!c.iommu_counters.empty()) {
        out += "\ncounts  by the IOMMU's performance monitors:";
        for (const auto& [event, count] : c.iommu_counters) out += fmt::format(" {} {};", event, count);
        out.pop_back();
    }
    const auto& p = c.page_requests;
    if (p.received + p.stop_markers + p.late > 0)
        out += fmt::format(
            "\npages   {} requested: {} granted, {} invalid, {} failed, {} answered by the hardware itself{}; {} "
            "Stop Markers; answered after {}",
            p.received, p.success, p.invalid, p.failure, p.auto_response,
            p.lost + p.open > 0 ? fmt::format(", {} lost and {} open that nobody answered", p.lost, p.open) : "", p.stop_markers,
            spread_text(c.page_request_latency_ps));
    if (p.dropped > 0)
        out += fmt::format("\n        {} found no room in the queue, or found it off (it overflowed {} times); of these {} were lost", p.dropped,
                           p.overflows, p.lost);
    if (p.forgotten + p.unexpected > 0)
        out += fmt::format("\n        {} forgotten by their device (a reset or a Response Failure), {} responses came "
                           "for groups that it did not have outstanding",
                           p.forgotten, p.unexpected);
    for (const auto& [name, t] : c.traces)
        out += fmt::format("\ntrace   {}: {} requests played, {} cut short and {} left out (their process had stopped), {} behind their time, by "
                           "at most {}",
                           name, t.played, t.cut_short, t.left_out, t.late, time_text(sim::Duration::ps(static_cast<i64>(t.late_max_ps))));
    if (const auto& s = c.stalls; s.received > 0)
        out += fmt::format("\nstalls  {} transactions held, {} of them told to the OS: {} retried, {} aborted, {} ended "
                           "with their stream or unit, {} open; held for {}",
                           s.received, s.recorded, s.retried + s.retried_by_unit, s.aborted, s.terminated,
                           s.outstanding, spread_text(c.stall_ps));
    const auto& d = c.descriptors;
    if (d.accepted + d.retried + d.dropped + d.killed > 0)
        out += fmt::format("\nwork    {} descriptors from user space accepted: {} succeeded, {} ended with a page "
                           "fault, {} failed, {} "
                           "abandoned; {} answered with Retry, {} dropped; ended after {}",
                           d.accepted, d.succeeded, d.page_faults, d.failed, d.abandoned, d.retried, d.dropped,
                           spread_text(d.latency_ps));
    if (d.late + d.records_lost + d.records_missed + d.errors_seen + d.killed > 0)
        out += fmt::format("\n        late: {} accepted though their address space was not bound to the device, or not "
                           "any more; completion "
                           "records: {} could not be written, {} were waited for in vain; {} errors read by the "
                           "driver, {} threads killed",
                           d.late, d.records_lost, d.records_missed, d.errors_seen, d.killed);
    const auto& n = c.packets;
    if (n.received + n.sent + n.dropped + n.failed > 0)
        out += fmt::format("\npackets {} received, {} sent, {} dropped, {} failed", n.received, n.sent, n.dropped,
                           n.failed);
    const auto& g = c.contexts;
    if (g.preempted + g.retried + g.resets > 0)
        out += fmt::format("\ngpu     {} preemptions begun, {} accesses tried again, {} resets by the driver",
                           g.preempted, g.retried, g.resets);
    if (const auto& h = c.halts; h.devices > 0)
        out += fmt::format("\nhalted  {} times a device, by an error of its own; {} seen by the driver, {} commands cut off, {} not given any more",
                           h.devices, h.seen, h.commands_cut, h.commands_skipped);
    if (g.lost > 0)
        out += fmt::format("\nlost    work under way of {} bonds, in a reset, by a halt, with a link or in a failed save", g.lost);
    fabric_text(c, out);
    out += fmt::format("\nfences  {} signalled by the hardware", c.invalidations.fences);
    for (const auto& [unit, kinds] : c.invalidations.fences_by)
        for (const auto& [kind, n] : kinds) out += fmt::format("; {} after {} {}", unit, kind, n);
    out += '\n';
    for (const auto& [unit, phases] : c.invalidations.sync_wait_by)
        for (const auto& [phase, values] : phases)
            out += fmt::format("        {:<17} {} for {}\n", phase, waits_text(values), unit);
    static const std::map<std::string, const char*> scopes{{"context", "context"}, {"range", "range of pages"}, {"space", "address space"}};
    for (const auto& [scope, values] : c.invalidations.fence_wait_by)
        out += fmt::format("        {:<17} {} from the first command to the fence seen\n", scopes.at(scope),
                           waits_text(values));
}

constexpr std::size_t most_shown = 10;

/// The first of each kind, then as many others as there is room for, in their order.
std::vector<std::size_t> worth_showing(const std::vector<Violation>& all) {
    std::vector<std::size_t> shown, others;
    std::set<std::string> kinds;
    for (std::size_t n = 0; n < all.size(); ++n) (kinds.insert(all[n].kind).second ? shown : others).push_back(n);
    for (std::size_t n : others)
        if (shown.size() < most_shown) shown.push_back(n);
    std::sort(shown.begin(), shown.end());
    return shown;
}

/// A line begins with the first occurrence; its story may be a later one's.
std::string times_text(const Violation& v) {
    if (v.count == 1) return "";
    return v.told == v.first ? fmt::format(" ({} times)", v.count)
                             : fmt::format(" ({} times, of which the one at {} tells most)", v.count,
                                           time_text(v.told - sim::Time{}));
}

void oom_text(const RunRecord& r, std::string& out) {
    if (r.allocations.delayed + r.allocations.failed > 0)
        out += fmt::format("memory  {} allocations found no room and waited for it, {} failed; the longest took {}\n", r.allocations.delayed,
                           r.allocations.failed, time_text(r.allocations.longest));
    if (r.allocations.nobody > 0)
        out += fmt::format("        {} times there was nobody to kill, and memory of the dead was on its way back: on a machine with nothing else to kill Linux panics\n",
                           r.allocations.nobody);
    for (const OomVictim& v : r.oom) {
        out += fmt::format("        {} was killed for {} at {}: {} pages and {} of tables; {} of them reaped in {} tr{}{}", v.process, v.asked_by,
                           time_text(v.mark - sim::Time{}), v.pages, v.tables, v.reaped_pages, v.tries.size(),
                           v.tries.size() == 1 ? "y" : "ies", v.given_up ? ", then given up" : "");
        for (const auto& s : v.skipped) out += fmt::format("; {} of {} left ({})", s.pages, s.mapping, s.why);
        if (v.held_up) out += fmt::format("; the killer was held up for {}", time_text(*v.held_up));
        if (v.innocent) out += "; innocent: an earlier victim had enough";
        out += '\n';
    }
}

void violations_text(const RunRecord& r, std::string& out) {
    if (r.violations.empty()) return;
    u64 events = 0;
    std::map<std::string, u64> kinds;
    for (const Violation& v : r.violations) {
        events += v.count;
        ++kinds[v.kind];
    }
    std::vector<std::string> each;
    for (const auto& [kind, n] : kinds) each.push_back(fmt::format("{} {}", n, kind));
    out += fmt::format(
        "\n{} violation{}: {}; {} occurrence{} (repetitions at the same bond, page and object are one violation)\n",
        r.violations.size(), r.violations.size() == 1 ? "" : "s", fmt::join(each, ", "), events,
        events == 1 ? "" : "s");
    for (const std::size_t n : worth_showing(r.violations)) {
        const Violation& v = r.violations[n];
        out += fmt::format("  v{} {} at {}{}: {}\n", n, v.kind, time_text(v.first - sim::Time{}),
                           times_text(v), v.story);
    }
    if (const std::size_t left = r.violations.size() - worth_showing(r.violations).size(); left > 0)
        out += fmt::format("  ... {} more in run.json\n", left);
}
} // namespace

std::string to_text(const RunRecord& r, unsigned columns) {
    std::string out = fmt::format("{}  seed {}  {}, {} on kernel {}\n", r.scenario, r.seed, r.platform.iommu,
                                  r.platform.policy, r.platform.kernel);
    if (!r.platform.bugs.empty()) out += fmt::format("bugs switched on: {}\n", fmt::join(r.platform.bugs, ", "));
    std::size_t brief = 0;
    for (std::size_t n = 0; n < r.teardowns.size(); ++n) {
        if (r.teardowns[n].brief) ++brief;
        else teardown_text(r, n, columns, out);
    }
    if (brief > 0) out += fmt::format("\n{} further teardowns, none slower than those above (observe.breakdowns)\n", brief);
    counts_text(r.counts, out);
    oom_text(r, out);
    out += "what each milestone, phase and count means: quiesce list metrics\n";
    violations_text(r, out);
    for (const ExpectationResult& e : r.expectations)
        out += fmt::format("{}  {}  ({}){}\n", !e.held ? "n/a " : *e.held ? "held" : "FAIL", e.text, e.at,
                           e.detail.empty() ? "" : "  " + e.detail);
    out += fmt::format("\nverdict {}   simulated {}   fingerprint {}\n", r.verdict, time_text(r.simulated - sim::Time{}), r.fingerprint);
    return out;
}

} // namespace quiesce::observe
