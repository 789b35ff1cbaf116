// SPDX-License-Identifier: Apache-2.0
/// What the sections of report.html share: reading records, writing text, choosing and naming.
#include "base/text.h"
#include "platform/report/parts.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform::report {

const Record& part(const Record& r, std::string_view key) {
    static const Record nothing;
    if (!r.is_object()) return nothing;
    const auto found = r.find(std::string{key});
    return found == r.end() ? nothing : *found;
}
bool has(const Record& r, std::string_view key) { return !part(r, key).is_null(); }
std::string text(const Record& r, std::string_view key) {
    const Record& p = part(r, key);
    return p.is_string() ? p.get<std::string>() : p.is_null() ? std::string{} : p.dump();
}
i64 figure(const Record& r, std::string_view key, i64 otherwise) {
    const Record& p = part(r, key);
    return p.is_number_integer() ? p.get<i64>() : otherwise;
}

std::string for_reader(i64 ps) { return base::format_duration(sim::Duration::ps(ps)); }
std::string round_figure(i64 ps) {
    std::string s = for_reader(ps);
    const std::size_t unit = s.find(' ');
    if (s.find('.') > unit) return s;
    const std::size_t last = s.find_last_not_of('0', unit - 1);
    return s.erase(s[last] == '.' ? last : last + 1, unit - (s[last] == '.' ? last : last + 1));
}
std::string at(double x) {
    std::string s = fmt::format("{:.2f}", x);
    s.erase(s.find_last_not_of('0') + 1);
    if (s.back() == '.') s.pop_back();
    return s == "-0" ? "0" : s;
}

std::string event_attribute(std::string_view event) { return event.empty() ? "" : fmt::format(" data-event=\"{}\"", escaped(std::string{event})); }
std::string event_attribute(u64 id) { return id == 0 ? "" : event_attribute(fmt::format("e{}", id)); }
std::string event_words(std::string_view event) {
    return event.empty() ? "" : fmt::format("\nevent {0} - quiesce explain DIR {0}", escaped(std::string{event}));
}

const Record& teardowns(const Panel& p) { return part(p.run, "teardowns"); }
std::optional<i64> quiesce_of(const Record& t) {
    return has(t, "quiesce_ps") ? std::optional(figure(t, "quiesce_ps")) : std::nullopt;
}
std::optional<i64> after_t0(const Record& t, std::string_view what) {
    if (what == "quiesce") return quiesce_of(t);
    if (what == "exposure") return has(t, "exposure_ps") ? std::optional(figure(t, "exposure_ps")) : std::nullopt;
    const Record& milestones = part(t, "milestones_ps");
    return has(milestones, what) ? std::optional(figure(milestones, what) - figure(t, "t0_ps")) : std::nullopt;
}
std::vector<std::pair<std::string, i64>> instants(const Record& t) {
    const Record& milestones = part(t, "milestones_ps");
    std::vector<std::pair<std::string, i64>> all;
    for (const auto& [name, when] : milestones.items())
        if (when.is_number_integer()) all.emplace_back(name, when.get<i64>());
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    return all;
}
const Record* worst(const Panel& p) {
    const Record* found = nullptr;
    for (const Record& t : teardowns(p))
        if (found == nullptr || quiesce_of(t).value_or(-1) > quiesce_of(*found).value_or(-1)) found = &t;
    return found;
}

const std::vector<std::string_view> milestone_order{"block_observed", "block",     "stop",       "stop_gave_up",
                                                    "drain",          "last_seen", "free_first", "free_last",
                                                    "tables_free",    "exit_mmap", "mmput",      "reuse"};
const std::vector<std::string_view> told_populations{"quiesce",   "block_observed", "block", "stop",  "drain",
                                                     "last_seen", "free_last",      "mmput", "reuse", "exposure"};
const std::vector<Percentile> percentiles{{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p99.9", 999}, {"max", 1000}};

const std::vector<PhaseGroup> phase_groups{
    {"cpu", "kernel code, and waiting for a CPU"},
    {"commands", "commands written and on their way to the IOMMU"},
    {"iommu", "waiting for the IOMMU: fences, invalidation, drains"},
    {"device", "the device stops, drains, works"},
    {"memory", "pages are unmapped and freed, locks of the address space"},
    {"requests", "page requests, fault records, answers"},
    {"grace", "grace periods and other waiting of the kernel"},
    {"scenario", "what the scenario does later: a process in user space holds the device's file until it closes it"},
};
namespace {
/// The first row of which `word` is in the phase's name has it.
struct GroupRow {
    std::string_view word, group;
};
constexpr GroupRow group_rows[] = {
    {"scenario", "scenario"},
    {"holds-file", "scenario"},
    {"user-space", "scenario"},
    {"idle", "scenario"},
    {"iopf", "requests"},
    {"priq", "requests"},
    {"evtq", "requests"},
    {"page-request", "requests"},
    {"page-response", "requests"},
    {"page-fault", "requests"},
    {"prq", "requests"},
    {"fault-records", "requests"},
    {"event-queue", "requests"},
    {"event-log", "requests"},
    {"iommu-logs", "requests"},
    {"submit-", "commands"},
    {"hand-over", "commands"},
    {"stop-command", "commands"},
    {"virtual-command", "commands"},
    {"device-", "device"},
    {"context-", "device"},
    {"engine", "device"},
    {"preempt", "device"},
    {"gpu", "device"},
    {"ring-", "device"},
    {"function-reset", "device"},
    {"srcu", "grace"},
    {"user-", "grace"},
    {"uninterruptible", "grace"},
    {"-nap", "grace"},
    {"deferred", "grace"},
    {"flush-work", "grace"},
    {"sva-lock", "grace"},
    {"domain-lock", "grace"},
    {"sync", "iommu"},
    {"iotlb", "iommu"},
    {"pasid-cache", "iommu"},
    {"context-wait", "iommu"},
    {"dev-tlb", "iommu"},
    {"global-error", "iommu"},
    {"unmap", "memory"},
    {"free-", "memory"},
    {"mmap-lock", "memory"},
    {"pte-lock", "memory"},
    {"reclaim", "memory"},
    {"oom-", "memory"},
    {"page", "memory"},
    {"swap", "memory"},
    {"collapse", "memory"},
    {"split", "memory"},
    {"protection", "memory"},
};
} // namespace
std::string_view group_of(std::string_view phase) {
    if (phase == "wait") return "iommu";
    for (const GroupRow& r : group_rows)
        if (phase.find(r.word) != std::string_view::npos) return r.group;
    return "cpu";
}

std::string step_in_words(const Record& t, i64 at) {
    const Record* found = nullptr;
    for (const Record& s : part(t, "steps"))
        if (figure(s, "start_ps") <= at && (!has(s, "end_ps") || at < figure(s, "end_ps"))) found = &s;
    if (found == nullptr) return {};
    std::vector<std::string> commands;
    for (const Record& c : part(*found, "commands"))
        commands.push_back(figure(c, "count") == 1 ? text(c, "command")
                                                   : fmt::format("{} x {}", figure(c, "count"), text(c, "command")));
    return text(*found, "step") + (commands.empty() ? "" : ": " + base::join(commands));
}

const Population::Value* Population::rank(u64 per_mille) const {
    if (values.empty()) return nullptr;
    const std::size_t place = (values.size() * per_mille + 999) / 1000;
    return &values[std::max<std::size_t>(place, 1) - 1];
}
Population population(const Panel& p, std::string_view what) {
    Population all;
    for (const Record& t : teardowns(p)) {
        if (const auto ps = after_t0(t, what))
            all.values.push_back({*ps, text(t, "id")});
        else
            ++all.open;
    }
    std::stable_sort(all.values.begin(), all.values.end(), [](const auto& a, const auto& b) { return a.ps < b.ps; });
    return all;
}

std::string bars(std::string_view what, const std::vector<Bar>& rows) {
    constexpr double label = 190, width = 520, height = 20;
    i64 most = 1;
    for (const Bar& b : rows) most = std::max(most, b.value);
    std::string out = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"bars\" viewBox=\"0 0 860 {}\" "
                                  "role=\"img\" aria-label=\"{}\">\n",
                                  at(height * static_cast<double>(rows.size()) + 4), escaped(what));
    double y = 2;
    for (const Bar& b : rows) {
        const double w =
            b.value <= 0 ? 0 : std::max(1.0, static_cast<double>(b.value) / static_cast<double>(most) * width);
        out += fmt::format(
            "<g class=\"bar\" data-key=\"{}\" data-value=\"{}\"><title>{}: {}{}</title><text x=\"{}\" y=\"{}\" "
            "class=\"end\">{}</text>"
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"13\" class=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text></g>\n",
            escaped(b.key), b.value, escaped(b.label), escaped(b.shown), b.help.empty() ? "" : "; " + escaped(b.help),
            at(label - 8), at(y + 11), escaped(b.label), at(label), at(y), at(w),
            b.group.empty() ? "g-count" : "g-" + std::string{b.group}, at(label + w + 6), at(y + 11), escaped(b.shown));
        y += height;
    }
    return out + "</svg>\n";
}

} // namespace quiesce::platform::report
