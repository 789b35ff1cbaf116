// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "observe/run_record.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::observe {
namespace {
std::string time_text(sim::Duration d) { return base::format_duration(d); }

void milestones_text(const Teardown& t, std::string& out) {
    static const std::pair<const char*, const char*> meaning[] = {
        {"block_observed", "last DMA that reached memory"},
        {"block", "the OS saw the fence after which none can"},
        {"stop", "the device driver saw the device idle"},
        {"stop_gave_up", "the device driver gave up waiting"},
        {"drain", "no page request or stall outstanding"},
        {"last_seen", "last TLP or fault record of the bond"},
        {"free_first", "first page freed"},
        {"free_last", "last page freed"},
        {"tables_free", "last page-table page freed"},
        {"exit_mmap", "exit_mmap returned"},
        {"mmput", "mmput returned in the exit path"},
        {"reuse", "the PASID may be handed out again"},
    };
    std::vector<std::pair<std::string, sim::Time>> order = t.milestones;
    std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.second < b.second; });
    for (const auto& mark : order) {
        const auto& name = mark.first; // clang 14 captures no structured binding
        const auto row = std::find_if(std::begin(meaning), std::end(meaning), [&](auto& m) { return name == m.first; });
        out += fmt::format("    {:<15} +{:>12}  {}\n", name, time_text(mark.second - t.t0), row == std::end(meaning) ? "" : row->second);
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

void breakdown_text(const Teardown& t, unsigned columns, std::string& out) {
    if (!t.quiesce || t.quiesce->ps() == 0) return;
    const auto parts = merged(t.breakdown);
    const i64 total = t.quiesce->ps(), width = std::max<i64>(20, static_cast<i64>(columns) - 74);
    out += "  breakdown\n";
    for (const PathPart& p : parts) {
        const i64 from = (p.start - t.t0).ps() * width / total;
        const i64 to = std::max(from + 1, (p.end - t.t0).ps() * width / total);
        const std::string who = p.waits_for.empty() ? p.actor : fmt::format("{} waits for {}", p.actor, p.waits_for);
        out += fmt::format("    {:<20} {:>12} {:>3}% |{:<{}}| {}\n", p.phase.substr(0, 20), time_text(p.end - p.start),
                           (p.end - p.start).ps() * 100 / total,
                           std::string(static_cast<std::size_t>(from), ' ') + std::string(static_cast<std::size_t>(to - from), '#'), width, who);
    }
}
} // namespace

std::string to_text(const RunRecord& r, unsigned columns) {
    const auto& c = r.counts;
    std::string out = fmt::format("{}  seed {}  {}, {} on kernel {}\n", r.scenario, r.seed, r.platform.iommu, r.platform.policy, r.platform.kernel);
    if (!r.platform.bugs.empty()) out += fmt::format("bugs switched on: {}\n", fmt::join(r.platform.bugs, ", "));
    for (std::size_t n = 0; n < r.teardowns.size(); ++n) {
        const Teardown& t = r.teardowns[n];
        out += fmt::format("\nteardown t{}: {} on {}, PASID {}, {} at {}{}\n", n, t.process, t.device, raw(t.pasid), t.trigger,
                           time_text(t.t0 - sim::Time{}), t.also.empty() ? "" : fmt::format(", then {}", fmt::join(t.also, ", ")));
        out += t.quiesce ? fmt::format("  quiesce latency {}  (a prediction: no whole teardown has been measured and published)\n", time_text(*t.quiesce))
                         : std::string{"  quiesce latency: open\n"};
        milestones_text(t, out);
        breakdown_text(t, columns, out);
        if (t.exposure.ps() > 0) out += fmt::format("  exposure        {} page-time between unmap and fence\n", time_text(t.exposure));
    }
    out += fmt::format("\nDMA     {} reads, {} writes, {} B, {} aborted, {} legal after unmap; TLB hits {} of {}\n", c.dma.reads, c.dma.writes,
                       c.dma.bytes, c.dma.aborted, c.dma.legal_after_unmap, c.tlb_hits, c.translations);
    out += fmt::format("faults  {} recorded, {} suppressed, {} lost", c.faults.recorded, c.faults.suppressed, c.faults.lost_overflow);
    for (const auto& [type, n] : c.faults.by_type) out += fmt::format("; {} {}", type, n);
    out += fmt::format("\nfences  {}, waited p50 {} max {}\n", c.invalidations.fences,
                       time_text(sim::Duration::ps(static_cast<i64>(percentile(c.invalidations.fence_wait_ps, 50)))),
                       time_text(sim::Duration::ps(static_cast<i64>(percentile(c.invalidations.fence_wait_ps, 100)))));
    if (!r.violations.empty()) out += fmt::format("\n{} violation{}\n", r.violations.size(), r.violations.size() == 1 ? "" : "s");
    for (std::size_t n = 0; n < r.violations.size() && n < 10; ++n) {
        const Violation& v = r.violations[n];
        out += fmt::format("  v{} {} at {}{}: {}\n", n, v.kind, time_text(v.first - sim::Time{}),
                           v.count > 1 ? fmt::format(" ({} times)", v.count) : "", v.story);
    }
    if (r.violations.size() > 10) out += fmt::format("  ... {} more in run.json\n", r.violations.size() - 10);
    for (const ExpectationResult& e : r.expectations)
        out += fmt::format("{}  {}  ({}){}\n", !e.held ? "n/a " : *e.held ? "held" : "FAIL", e.text, e.at,
                           e.detail.empty() ? "" : "  " + e.detail);
    out += fmt::format("\nverdict {}   simulated {}   fingerprint {}\n", r.verdict, time_text(r.simulated - sim::Time{}), r.fingerprint);
    return out;
}

} // namespace quiesce::observe
