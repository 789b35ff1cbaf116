// SPDX-License-Identifier: Apache-2.0
/// `explain DIR t0`: what a teardown waited for, and what it still waits for.
#include "base/text.h"
#include "platform/explain/chain.h"
#include "platform/explain/explain.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform::explain {

std::string commands_of(const Record& step) {
    std::vector<std::string> all;
    for (const Record& c : step["commands"]) {
        const u64 n = c["count"].get<u64>();
        const auto name = c["command"].get<std::string>();
        all.push_back(n == 1 ? name : fmt::format("{} x {}", n, name));
    }
    return all.empty() ? "no command to the IOMMU" : base::join(all);
}

u64 event_in(const Record& j, const char* name) { return j.contains(name) ? number_of(j[name].get<std::string>()).value_or(0) : 0; }

namespace {
/// The step of the kernel's list that went on at an instant: what commands a wait was for.
const Record* step_at(const Record& teardown, i64 at) {
    const Record* found = nullptr;
    for (const Record& s : teardown["steps"])
        if (s["start_ps"].get<i64>() <= at && (!s.contains("end_ps") || at < s["end_ps"].get<i64>())) found = &s;
    return found;
}

/// `parts` of a path, one after another.
void explain_parts(Page& out, const Record& t, const Record& parts) {
    const i64 t0 = t["t0_ps"].get<i64>();
    for (const Record& part : parts) {
        const i64 start = part["start_ps"].get<i64>(), end = part["end_ps"].get<i64>();
        const auto waits = part["waits_for"].get<std::string>();
        out.print("  +{:<10} {:>10}  {:<22} {}{}", for_people(start - t0), for_people(end - start), part["phase"].get<std::string>(),
                   part["actor"].get<std::string>(), waits.empty() ? "" : " waits for " + waits);
        const Record* const step = step_at(t, start);
        if (step != nullptr && !(*step)["commands"].empty()) out.print("  ({}: {})", (*step)["step"].get<std::string>(), commands_of(*step));
        out.print("\n");
    }
}

void explain_milestones(Page& out, const Record& t) {
    const i64 t0 = t["t0_ps"].get<i64>();
    out.print("\nmilestones, and what each waited for last\n");
    std::vector<std::pair<i64, std::string>> order;
    for (const auto& [name, at] : t["milestones_ps"].items()) order.emplace_back(at.get<i64>() - t0, name);
    std::sort(order.begin(), order.end());
    for (const auto& [after, name] : order) {
        out.print("  {:<16} +{:<10}", name, for_people(after));
        if (t["paths"].contains(name) && !t["paths"][name].empty()) {
            const Record& last = t["paths"][name].back();
            const auto waits = last["waits_for"].get<std::string>();
            out.print(" {} of {}{}", last["phase"].get<std::string>(), last["actor"].get<std::string>(), waits.empty() ? "" : ", which waits for " + waits);
        }
        out.print("\n");
    }
    for (const Record& open : t["open"]) out.print("  {:<16} had not come when the run ended\n", open.get<std::string>());
}

void explain_steps(Page& out, const Record& t) {
    const i64 t0 = t["t0_ps"].get<i64>();
    out.print("\nsteps of the kernel, in their contexts\n");
    for (const Record& s : t["steps"]) {
        const i64 start = s["start_ps"].get<i64>();
        const std::string took = s.contains("end_ps") ? for_people(s["end_ps"].get<i64>() - start) : "open";
        out.print("  +{:<10} {:>10}  {:<22} by {}: {}\n", for_people(start - t0), took, s["step"].get<std::string>(), s["by"].get<std::string>(),
                   commands_of(s));
    }
}

std::string when_known(const Record& fields, const char* yes, const char* no, const char* field) { return fields[field].get<bool>() ? yes : no; }

/// When the operating system saw fences for the bond, and what it could rely on then.
void explain_fences(Page& out, const Results& r, const Record& t) {
    if (r.events.empty()) return;
    const i64 t0 = t["t0_ps"].get<i64>();
    const u64 bond = t["bond"].get<u64>();
    u64 mm = 0;
    for (const StoredEvent& e : r.events)
        if (e.kind == "BondChanged" && e.bond == bond) mm = e.mm.value_or(0);
    out.print("\nfences that a CPU saw\n");
    bool any = false;
    for (const StoredEvent& e : r.events) {
        if (e.kind != "FenceObserved" || ps(e) < t0 || e.mm != mm || (e.bond != bond && e.bond != u64{0})) continue;
        const Record f = Record::parse(e.fields);
        any = true;
        const u64 bytes = f["bytes"].get<u64>();
        const std::string pages = bytes == 0 ? "no page" : bytes == ~u64{0} ? "every page" : fmt::format("{} B from {:#x}", bytes, f["first"].get<u64>());
        out.print("  +{:<10} covers {}{}\n", for_people(ps(e) - t0), pages,
                   when_known(f, "; from here no DMA of the bond can succeed", "", "blocks"));
    }
    if (!any) out.print("  none that covers anything of this bond\n");
}

/// Where the operating system stopped waiting and went on: what it relied on from there had not been promised.
void explain_giving_up(Page& out, const Results& r, const Record& t) {
    const i64 t0 = t["t0_ps"].get<i64>();
    std::string told;
    for (const StoredEvent& e : r.events) {
        if (e.kind != "FenceTimedOut" || ps(e) < t0) continue;
        const Record* const step = step_at(t, ps(e) - 1);
        told += fmt::format("  +{:<10} the driver of {} stops waiting for its fence{}\n", for_people(ps(e) - t0), Record::parse(e.fields)["driver"].get<std::string>(),
                            step == nullptr ? "" : fmt::format(": {}, {}", (*step)["step"].get<std::string>(), commands_of(*step)));
    }
    if (!told.empty()) out.print("\nfences that did not come in time: nothing that they cover is known to be complete\n{}", told);
}

/// What was still owed to the bond, or by nobody in particular, when the run ended.
void explain_left_behind(Page& out, const Results& r, const Record& t) {
    std::string told;
    for (const Record& v : r.run["violations"])
        if ((v["kind"] == "left-behind" || v["kind"] == "livelock" || v["kind"] == "deadlock") && (v["bond"] == t["bond"] || v["bond"] == 0))
            told += fmt::format("  {}  {}\n", v["id"].get<std::string>(), v["story"].get<std::string>());
    if (!told.empty()) out.print("\nwhen the run ended\n{}", told);
}

/// One line for each kind, with the first of it.
void explain_violations(Page& out, const Results& r, const Record& t) {
    std::vector<std::pair<std::string, std::vector<std::string>>> kinds;
    for (const Record& v : r.run["violations"]) {
        if (v["bond"] != t["bond"]) continue;
        const auto kind = v["kind"].get<std::string>();
        auto at = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.first == kind; });
        if (at == kinds.end()) at = kinds.insert(kinds.end(), {kind, {}});
        at->second.push_back(v["id"].get<std::string>());
    }
    if (!kinds.empty()) out.print("\nviolations of this bond\n");
    for (const auto& [kind, ids] : kinds)
        out.print("  {:<6} {}{}\n", ids.front(), kind, ids.size() == 1 ? "" : fmt::format(", and {} more of the kind, to {}", ids.size() - 1, ids.back()));
}

/// The milestones that came with quiesce.
std::vector<std::string> set_quiesce(const Record& t) {
    std::vector<std::string> names;
    if (!t.contains("quiesce_ps")) return names;
    const i64 quiet = t["t0_ps"].get<i64>() + t["quiesce_ps"].get<i64>();
    for (const char* name : {"block", "stop", "drain", "last_seen"})
        if (t["milestones_ps"].contains(name) && t["milestones_ps"][name] == quiet) names.emplace_back(name);
    return names;
}

/// Of a teardown that is still open: the milestone that came last, whose path is the longest that is known.
std::string last_milestone(const Record& t) {
    std::string last;
    i64 latest = -1;
    for (const auto& [name, at] : t["milestones_ps"].items())
        if (t["paths"].contains(name) && !t["paths"][name].empty() && at.get<i64>() > latest) {
            latest = at.get<i64>();
            last = name;
        }
    return last;
}
std::string until_then(const Record& t) {
    const std::string last = last_milestone(t);
    return last.empty() ? "" : fmt::format("; what there is leads to {}, which came last", last);
}
void explain_open_path(Page& out, const Record& t) {
    const std::string last = last_milestone(t);
    if (!last.empty()) explain_parts(out, t, t["paths"][last]);
}
} // namespace

void explain_teardown(Page& out, const Results& r, Chains& chains, const Record& t) {
    const i64 t0 = t["t0_ps"].get<i64>();
    out.print("{}  {} of {} on {} (bond {}, PASID {}), T0 {} into the run\n", t["id"].get<std::string>(), t["trigger"].get<std::string>(),
               t["process"].get<std::string>(), t["device"].get<std::string>(), t["bond"].get<u64>(), t["pasid"].get<u64>(), for_people(t0));
    if (t.contains("quiesce_ps")) {
        const i64 quiesce = t["quiesce_ps"].get<i64>();
        out.print("quiesce came {} after T0, with {}; {}\n", for_people(quiesce), base::join(set_quiesce(t)),
                  t.contains("brief") ? "slower ones are told in parts, this one is not (observe.breakdowns)" : "each part of it began when the one before was over");
    } else {
        out.print("quiesce had not come when the run ended; open: {}{}\n", base::join(t["open"].get<std::vector<std::string>>()), until_then(t));
    }
    explain_parts(out, t, t["breakdown"]);
    if (!t.contains("quiesce_ps")) explain_open_path(out, t);
    explain_milestones(out, t);
    explain_steps(out, t);
    explain_fences(out, r, t);
    explain_giving_up(out, r, t);
    explain_left_behind(out, r, t);
    explain_violations(out, r, t);
    out.decided(chains.decided_for_bond(t["bond"].get<u64>(), t0));
    const u64 begun = event_in(t, "event");
    for (const std::string& name : set_quiesce(t))
        if (const u64 event = t.contains("milestone_events") ? event_in(t["milestone_events"], name.c_str()) : 0; event != 0)
            out.chain(fmt::format("from T0 to {}, event by event, each because of the one before it", name), chains.to(event, begun));
}

} // namespace quiesce::platform::explain
