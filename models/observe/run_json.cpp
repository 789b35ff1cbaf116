// SPDX-License-Identifier: Apache-2.0
#include "observe/run_record.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace quiesce::observe {
namespace {
using Json = nlohmann::ordered_json;

Json parts_json(const std::vector<PathPart>& parts) {
    Json list = Json::array();
    for (const PathPart& p : parts)
        list.push_back({{"phase", p.phase},
                        {"actor", p.actor},
                        {"waits_for", p.waits_for},
                        {"start_ps", p.start.ps()},
                        {"end_ps", p.end.ps()}});
    return list;
}

Json steps_json(const std::vector<StepTaken>& steps) {
    Json list = Json::array();
    for (const StepTaken& s : steps) {
        Json commands = Json::array();
        for (const auto& [name, count] : s.commands) commands.push_back({{"command", name}, {"count", count}});
        Json j{{"step", s.step}, {"by", s.by}, {"start_ps", s.start.ps()}, {"commands", std::move(commands)}};
        if (!s.open) j["end_ps"] = s.end.ps();
        list.push_back(std::move(j));
    }
    return list;
}

Json exposed_json(const Teardown& t) {
    static constexpr const char* by[] = {"fence", "free", "open"};
    Json list = Json::array();
    for (const Exposure& e : t.exposed)
        list.push_back({{"from_ps", e.from.ps()}, {"last_ps", e.last.ps()}, {"until_ps", e.until.ps()}, {"pages", e.pages},
                        {"page_ps", e.page_time.ps()}, {"first", fmt::format("{:#x}", e.first_page)},
                        {"last", fmt::format("{:#x}", e.last_page)}, {"by", by[static_cast<unsigned>(e.by)]}});
    return list;
}

/// As in events.sqlite, and as `explain` takes it.
std::string event_name(u64 id) { return fmt::format("e{}", id); }

Json teardown_json(const Teardown& t, std::size_t n, bool events) {
    Json milestones = Json::object(), paths = Json::object();
    for (const auto& [name, at] : t.milestones) milestones[name] = at.ps();
    for (const auto& [name, parts] : t.paths) paths[name] = parts_json(parts);
    Json j{{"id", fmt::format("t{}", n)}, {"bond", raw(t.bond)}, {"process", t.process}, {"device", t.device}, {"pasid", raw(t.pasid)},
           {"trigger", t.trigger}, {"also", t.also}, {"t0_ps", t.t0.ps()}, {"milestones_ps", milestones}, {"open", t.open},
           {"not_applicable", t.not_applicable}};
    if (t.quiesce) j["quiesce_ps"] = t.quiesce->ps();
    j["exposure_ps"] = t.exposure.ps();
    j["exposed_pages_open"] = t.exposed_pages_open;
    j["exposed"] = exposed_json(t);
    j["exposed_left_out"] = t.exposed_left_out;
    if (t.brief) j["brief"] = true;
    if (t.pinned) j["pinned"] = true;
    if (events) {
        Json by = Json::object();
        for (const auto& [name, event] : t.events) by[name] = event_name(event);
        j["event"] = event_name(t.t0_event);
        j["milestone_events"] = std::move(by);
    }
    j["breakdown"] = parts_json(t.breakdown);
    j["paths"] = paths;
    j["steps"] = steps_json(t.steps);
    return j;
}

Json violation_json(const Violation& v, std::size_t n, bool events) {
    Json j{{"id", fmt::format("v{}", n)},
            {"kind", v.kind},
            {"time_ps", v.first.ps()},
            {"last_ps", v.last.ps()},
            {"count", v.count},
            {"bond", raw(v.bond)},
            {"device", v.device},
            {"process", v.process},
            {"pasid", raw(v.pasid)},
            {"page", fmt::format("{:#x}", v.page)},
            {"object", v.object},
            {"story", v.story},
            {"story_ps", v.told.ps()}};
    if (events && v.event != 0) j["event"] = event_name(v.event);
    return j;
}

Json expectations_json(const RunRecord& r) {
    Json list = Json::array();
    for (const ExpectationResult& e : r.expectations) {
        Json j{{"text", e.text}, {"at", e.at}, {"held", nullptr}};
        if (e.held) j["held"] = *e.held;
        if (!e.detail.empty()) j["detail"] = e.detail;
        list.push_back(j);
    }
    return list;
}

Json victim_json(const OomVictim& v, std::size_t n) {
    Json tries = Json::array(), skipped = Json::array();
    for (const auto& t : v.tries) tries.push_back({{"by", t.by}, {"how", t.how}, {"at_ps", t.at.ps()}});
    for (const auto& s : v.skipped) skipped.push_back({{"mapping", s.mapping}, {"why", s.why}, {"pages", s.pages}});
    Json j{{"id", fmt::format("o{}", n)}, {"victim", v.process}, {"mark_ps", v.mark.ps()}, {"asked_by", v.asked_by},
           {"points", v.points}, {"pages", v.pages}, {"tables", v.tables}, {"was_dying", v.was_dying},
           {"reaped_pages", v.reaped_pages}, {"freed_pages", v.freed_pages}, {"tries", std::move(tries)},
           {"skipped", std::move(skipped)}, {"given_up", v.given_up}, {"innocent", v.innocent}};
    if (v.first_free) j["first_free_ps"] = v.first_free->ps();
    if (v.last_free) j["last_free_ps"] = v.last_free->ps();
    if (v.hidden) j["hidden_ps"] = v.hidden->ps();
    if (v.held_up) j["held_up_ps"] = v.held_up->ps();
    return j;
}

Json population_json(const std::vector<u64>& values) {
    return {{"n", values.size()},
            {"p50", percentile(values, 50)},
            {"p99", percentile(values, 99)},
            {"max", percentile(values, 100)}};
}

Json populations_json(const std::map<std::string, std::vector<u64>>& by) {
    Json j = Json::object();
    for (const auto& [name, values] : by) j[name] = population_json(values);
    return j;
}

Json counts_json(const RunCounts& c, Json j) {
    const auto& f = c.faults;
    const auto& i = c.invalidations;
    j["dma"] = {{"reads", c.dma.reads}, {"writes", c.dma.writes}, {"bytes", c.dma.bytes}, {"aborted", c.dma.aborted},
                {"legal_after_unmap", c.dma.legal_after_unmap}, {"completion_timeouts", c.completion_timeouts},
                {"links_down", c.links_down}, {"peer_to_peer", c.peer_to_peer}, {"atomics", c.atomics},
                {"first_ps", c.first_dma.ps()}, {"last_ps", c.last_dma.ps()}};
    j["translations"] = {{"requests", c.translations}, {"tlb_hits", c.tlb_hits}, {"near_hits", c.near_hits}};
    j["faults"] = {{"raised", f.raised()}, {"recorded", f.recorded}, {"suppressed", f.suppressed}, {"ats_refused", f.ats_refused},
                   {"filtered", f.filtered}, {"lost", f.lost()}, {"lost_overflow", f.lost_overflow},
                   {"discarded", f.discarded}, {"merged", f.merged}, {"overflows", f.overflows}, {"by_type", f.by_type}};
    j["global_errors"] = c.global_errors;
    j["iommu_counters"] = Json::object();
    for (const auto& [event, count] : c.iommu_counters) j["iommu_counters"][event] = count;
    const auto& p = c.page_requests;
    j["page_requests"] = {{"received", p.received},
                          {"success", p.success},
                          {"invalid", p.invalid},
                          {"failure", p.failure},
                          {"auto_response", p.auto_response},
                          {"lost", p.lost},
                          {"open", p.open},
                          {"dropped", p.dropped},
                          {"overflows", p.overflows},
                          {"stop_markers", p.stop_markers},
                          {"late", p.late},
                          {"forgotten", p.forgotten},
                          {"unexpected", p.unexpected}};
    j["page_requests"]["latency_ps"] = population_json(c.page_request_latency_ps);
    j["page_requests"]["service_ps"] = population_json(p.service_ps);
    const auto& s = c.stalls;
    j["stalls"] = {{"received", s.received}, {"recorded", s.recorded}, {"waited_for_tag", s.waited_for_tag},
                   {"retried", s.retried}, {"aborted", s.aborted}, {"retried_by_unit", s.retried_by_unit},
                   {"terminated", s.terminated}, {"late_answers", s.late_answers}, {"outstanding", s.outstanding},
                   {"most_outstanding", c.most_stalled}, {"held_ps", population_json(c.stall_ps)}};
    const auto& d = c.descriptors;
    j["descriptors"] = {{"accepted", d.accepted},
                        {"late", d.late},
                        {"retried", d.retried},
                        {"dropped", d.dropped},
                        {"succeeded", d.succeeded},
                        {"page_faults", d.page_faults},
                        {"failed", d.failed},
                        {"abandoned", d.abandoned},
                        {"records_lost", d.records_lost},
                        {"records_missed", d.records_missed},
                        {"errors_seen", d.errors_seen},
                        {"pasid_loads", d.pasid_loads},
                        {"killed", d.killed}};
    j["descriptors"]["latency_ps"] = population_json(d.latency_ps);
    j["invalidations"] = {{"tlb", i.tlb}, {"atc", i.atc}, {"configuration", i.configuration}, {"fences", i.fences},
                          {"fence_wait_ps", {{"p50", percentile(i.fence_wait_ps, 50)}, {"p99", percentile(i.fence_wait_ps, 99)},
                                             {"max", percentile(i.fence_wait_ps, 100)}}}};
    j["invalidations"]["fence_wait_by"] = populations_json(i.fence_wait_by);
    j["invalidations"]["fences_by"] = i.fences_by;
    j["invalidations"]["sync_wait_by"] = Json::object();
    for (const auto& [unit, phases] : i.sync_wait_by)
        j["invalidations"]["sync_wait_by"][unit] = populations_json(phases);
    j["packets"] = {{"received", c.packets.received},
                    {"sent", c.packets.sent},
                    {"dropped", c.packets.dropped},
                    {"failed", c.packets.failed}};
    j["contexts"] = {{"preempted", c.contexts.preempted},
                     {"retried", c.contexts.retried},
                     {"resets", c.contexts.resets},
                     {"lost", c.contexts.lost}};
    const auto& h = c.halts;
    j["halts"] = {{"devices", h.devices}, {"seen", h.seen}, {"commands_cut", h.commands_cut}, {"commands_skipped", h.commands_skipped}};
    j["traces"] = Json::object();
    for (const auto& [name, t] : c.traces)
        j["traces"][name] = {{"played", t.played}, {"left_out", t.left_out}, {"cut_short", t.cut_short}, {"late", t.late},
                             {"late_max_ps", t.late_max_ps}, {"late_total_ps", t.late_total_ps}};
    j["links"] = Json::object();
    for (const auto& [name, link] : c.links)
        j["links"][name] = {{"credit_stalls", link.credit_stalls}, {"credit_stall_ps", link.credit_stall_ps},
                            {"replayed", link.replayed}, {"delayed", link.delayed}, {"dropped", link.dropped},
                            {"malformed", link.malformed}, {"poisoned", link.poisoned},
                            {"reordered", link.reordered}};
    j["binds"] = {{"refused", c.binds.refused}, {"by_error", c.binds.by_error}};
    const auto& n = c.pasids;
    j["pasids"] = {{"allocated", n.allocated}, {"reusable", n.reusable}, {"refused", n.refused},
                   {"most_in_use", n.most_in_use}, {"most_parked", n.most_parked}};
    j["cpu_ps"] = {{"by", c.cpu_ps}, {"on", c.cpu_on_ps}, {"taken_by", c.cpu_taken_ps}, {"iommu_interrupts", c.iommu_interrupts_ps()}, {"busy", c.cpu_busy_ps}};
    const auto& b = c.bystanders;
    j["bystanders"] = {{"records_lost", b.records_lost}, {"page_requests_lost", b.page_requests_lost},
                       {"page_request_ps", population_json(b.page_request_ps)}, {"stall_ps", population_json(b.stall_ps)}};
    return j;
}

Json rate_json(const CacheRates::Rate& r) {
    return {{"lookups", r.before.lookups}, {"hits", r.before.hits}, {"lookups_after_t0", r.after.lookups}, {"hits_after_t0", r.after.hits}};
}

Json queue_json(const QueueLevels::Queue& q) {
    return {{"name", q.name}, {"most", q.most}, {"most_ps", q.most_at.ps()}, {"stretch_ps", q.stretch.ps()}, {"levels", q.levels}};
}
} // namespace

RunRecord::Summary RunRecord::quiesce() const {
    std::vector<u64> values;
    Summary s;
    for (const Teardown& t : teardowns) {
        if (t.quiesce) values.push_back(static_cast<u64>(t.quiesce->ps()));
        else ++s.open;
    }
    s.n = values.size();
    s.p50 = percentile(values, 50);
    s.p99 = percentile(values, 99);
    s.max = percentile(values, 100);
    return s;
}

RunRecord::Memory RunRecord::memory() const {
    Memory m;
    for (const OomVictim& v : oom) {
        m.innocent += v.innocent;
        m.tries += v.tries.size();
        m.given_up += v.given_up;
        m.reaped_pages += v.reaped_pages;
        for (const auto& s : v.skipped) m.skipped_pages += s.pages;
        m.held_up_most = std::max(m.held_up_most, v.held_up.value_or(sim::Duration{}));
    }
    return m;
}

nlohmann::ordered_json to_json(const RunRecord& r) {
    const auto s = r.quiesce();
    Json j{{"schema", 1}, {"scenario", r.scenario}, {"version", r.version}, {"seed", r.seed}, {"fingerprint", r.fingerprint},
           {"verdict", r.verdict}, {"expectations", expectations_json(r)},
           {"platform", {{"iommu", r.platform.iommu}, {"kernel", r.platform.kernel}, {"policy", r.platform.policy},
                         {"allocator", r.platform.allocator}, {"suppression", r.platform.suppression}, {"bugs", r.platform.bugs}}},
           {"simulated_ps", r.simulated.ps()}};
    j["teardowns"] = Json::array();
    for (std::size_t n = 0; n < r.teardowns.size(); ++n) j["teardowns"].push_back(teardown_json(r.teardowns[n], n, r.events_kept));
    j["summary"] = {{"quiesce", {{"n", s.n}, {"open", s.open}, {"p50", s.p50}, {"p99", s.p99}, {"max", s.max}}}};
    j = counts_json(r.counts, std::move(j));
    j["caches"] = {{"tlb", rate_json(r.caches.tlb)}, {"tables", rate_json(r.caches.tables)}, {"atc", rate_json(r.caches.atc)}};
    j["queues"] = Json::array();
    for (const QueueLevels::Queue& q : r.queues) j["queues"].push_back(queue_json(q));
    const auto m = r.memory();
    j["memory"] = {{"delayed", r.allocations.delayed}, {"failed", r.allocations.failed}, {"longest_wait_ps", r.allocations.longest.ps()}, {"nobody", r.allocations.nobody},
                   {"victims", r.oom.size()}, {"innocent", m.innocent}, {"tries", m.tries}, {"given_up", m.given_up},
                   {"reaped_pages", m.reaped_pages}, {"skipped_pages", m.skipped_pages}, {"held_up_most_ps", m.held_up_most.ps()}};
    j["oom"] = Json::array();
    for (std::size_t n = 0; n < r.oom.size(); ++n) j["oom"].push_back(victim_json(r.oom[n], n));
    j["violations"] = Json::array();
    for (std::size_t n = 0; n < r.violations.size(); ++n) j["violations"].push_back(violation_json(r.violations[n], n, r.events_kept));
    const double dma = static_cast<double>(r.counts.dma.reads + r.counts.dma.writes);
    j["host"] = {{"wall_s", r.wall_s}, {"events", r.host_events}, {"dma_per_s", r.wall_s > 0 ? dma / r.wall_s : 0.0},
                 {"max_rss_bytes", r.max_rss_bytes}};
    return j;
}

} // namespace quiesce::observe
