// SPDX-License-Identifier: Apache-2.0
#include "platform/expectations.h"

#include "observe/all_events.h"
#include "observe/violations.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
using observe::Teardown;

const std::vector<std::string> milestone_names{"block_observed", "block", "stop", "drain", "last_seen", "free_first", "free_last", "mmput",
                                               "reuse", "stop_gave_up", "tables_free", "exit_mmap"};
const std::vector<std::string> span_names{"quiesce", "exposure"};

std::vector<std::string> event_names() {
    std::vector<std::string> names;
    base::for_each_type<observe::AllEvents>([&](auto type) { names.emplace_back(decltype(type)::type::event_name); });
    return names;
}

std::vector<std::string> violation_names() {
    std::vector<std::string> names;
    for (const auto& k : observe::violation_kinds) names.emplace_back(k.kind);
    return names;
}

template <class List> bool has(const List& list, std::string_view item) { return std::find(list.begin(), list.end(), item) != list.end(); }

void require_one(const Expectation& e, Diagnostics& out, const Node& n, std::vector<std::string> known, std::string_view what) {
    if (const auto text = n.as_string(out, e.form); text && !has(known, *text))
        out.error_about(n.at(), fmt::format("'{}' is no {}", *text, what), *text, known);
}

std::vector<const Teardown*> concerned(const Expectation& e, const Evidence& v) {
    std::vector<const Teardown*> list;
    for (const Teardown& t : v.record.teardowns)
        if ((e.process.empty() || t.process == e.process) && (e.device.empty() || t.device == e.device)) list.push_back(&t);
    return list;
}

/// A milestone after T0, quiesce or exposure of one teardown.
std::optional<sim::Duration> value_of(const Teardown& t, std::string_view name) {
    if (name == "quiesce") return t.quiesce;
    if (name == "exposure") return t.exposure;
    if (const auto at = t.at(name)) return *at - t.t0;
    return std::nullopt;
}

std::string label(const Teardown& t) { return fmt::format("{} on {}", t.process, t.device); }

// ---- never, violation -----------------------------------------------------------------------------------------------

void check_violation(const Expectation& e, Diagnostics& out) {
    require_one(e, out, e.argument, violation_names(), "violation kind (see `quiesce list metrics`)");
}
std::string judge_never(const Expectation& e, const Evidence& v) {
    for (const auto& x : v.record.violations)
        if (x.kind == e.argument.text()) return x.story;
    return {};
}
std::string judge_violation(const Expectation& e, const Evidence& v) {
    return judge_never(e, v).empty() ? "it did not happen" : std::string{};
}

// ---- within, at-least -----------------------------------------------------------------------------------------------

void check_bounds(const Expectation& e, Diagnostics& out) {
    if (!e.argument.is_map() || e.argument.entries().empty())
        return out.error(e.argument.at(), e.form + ": expected a map such as {block: 100us}, got " + e.argument.described());
    auto known = milestone_names;
    known.insert(known.end(), span_names.begin(), span_names.end());
    for (const auto& entry : e.argument.entries()) {
        if (!has(known, entry.key)) out.error_about(entry.at, fmt::format("'{}' is no milestone", entry.key), entry.key, known);
        if (const auto text = entry.value.as_string(out, entry.key))
            if (auto d = base::parse_duration(*text); !d) out.error(entry.value.at(), entry.key + ": " + d.error);
    }
}
template <class Compare> std::string judge_bounds(const Expectation& e, const Evidence& v, Compare holds) {
    const auto list = concerned(e, v);
    if (list.empty()) return "there was no such teardown";
    for (const Teardown* t : list)
        for (const auto& entry : e.argument.entries()) {
            const auto value = value_of(*t, entry.key);
            if (!value) return fmt::format("{}: {} was not reached", label(*t), entry.key);
            if (!holds(*value, *base::parse_duration(entry.value.text()).value))
                return fmt::format("{}: {} came after {}", label(*t), entry.key, base::format_duration(*value));
        }
    return {};
}
std::string judge_within(const Expectation& e, const Evidence& v) {
    return judge_bounds(e, v, [](auto value, auto bound) { return value <= bound; });
}
std::string judge_at_least(const Expectation& e, const Evidence& v) {
    return judge_bounds(e, v, [](auto value, auto bound) { return value >= bound; });
}

// ---- reached, open --------------------------------------------------------------------------------------------------

void check_milestones(const Expectation& e, Diagnostics& out) {
    const auto* items = e.argument.as_seq(out, e.form);
    if (items == nullptr) return;
    auto known = milestone_names;
    known.push_back("quiesce");
    for (const Node& n : *items) require_one(e, out, n, known, "milestone");
}
std::string judge_presence(const Expectation& e, const Evidence& v, bool wanted) {
    const auto list = concerned(e, v);
    if (list.empty()) return "there was no such teardown";
    for (const Teardown* t : list)
        for (const Node& n : e.argument.items())
            if (value_of(*t, n.text()).has_value() != wanted)
                return fmt::format("{}: {} was {}reached", label(*t), n.text(), wanted ? "not " : "");
    return {};
}
std::string judge_reached(const Expectation& e, const Evidence& v) { return judge_presence(e, v, true); }
std::string judge_open(const Expectation& e, const Evidence& v) { return judge_presence(e, v, false); }

// ---- order ----------------------------------------------------------------------------------------------------------

void check_order(const Expectation& e, Diagnostics& out) {
    const auto* items = e.argument.as_seq(out, e.form);
    if (items == nullptr) return;
    auto known = milestone_names;
    const auto events = event_names();
    known.insert(known.end(), events.begin(), events.end());
    for (const Node& n : *items) require_one(e, out, n, known, "milestone or event");
}
std::string judge_order(const Expectation& e, const Evidence& v) {
    const auto list = concerned(e, v);
    if (list.empty()) return "there was no such teardown";
    for (const Teardown* t : list) {
        std::optional<sim::Time> before;
        std::string before_name;
        for (const Node& n : e.argument.items()) {
            std::optional<sim::Time> at = t->at(n.text());
            if (auto event = v.events.times().find(n.text()); !at && event != v.events.times().end() && event->second.count > 0)
                at = event->second.first;
            if (!at) return fmt::format("{}: {} did not come", label(*t), n.text());
            if (before && *at < *before)
                return fmt::format("{}: {} came {} before {}", label(*t), n.text(), base::format_duration(*before - *at), before_name);
            before = at;
            before_name = n.text();
        }
    }
    return {};
}

// ---- equal, more-than -----------------------------------------------------------------------------------------------

const nlohmann::ordered_json* lookup(const nlohmann::ordered_json& j, std::string_view path) {
    const auto* at = &j;
    for (std::size_t from = 0; from <= path.size();) {
        const std::size_t dot = std::min(path.find('.', from), path.size());
        const std::string key{path.substr(from, dot - from)};
        if (!at->is_object() || !at->contains(key)) return nullptr;
        at = &(*at)[key];
        from = dot + 1;
    }
    return at;
}
bool open_ended(std::string_view path) { return path.find(".by_type.") != std::string_view::npos || path.rfind("cpu_ps.by.", 0) == 0; }

void check_counts(const Expectation& e, Diagnostics& out) {
    static const auto empty = observe::to_json(observe::RunRecord{});
    if (!e.argument.is_map() || e.argument.entries().empty())
        return out.error(e.argument.at(), e.form + ": expected a map such as {faults.recorded: 0}, got " + e.argument.described());
    for (const auto& entry : e.argument.entries()) {
        const auto* at = lookup(empty, entry.key);
        if ((at == nullptr || !at->is_number()) && !open_ended(entry.key))
            out.error(entry.at, fmt::format("'{}' is no number of run.json", entry.key));
        entry.value.as_integer<i64>(out, entry.key);
    }
}
template <class Compare> std::string judge_counts(const Expectation& e, const Evidence& v, Compare holds) {
    for (const auto& entry : e.argument.entries()) {
        const auto* at = lookup(v.json, entry.key);
        const i64 value = at == nullptr ? 0 : at->get<i64>();
        if (!holds(value, *base::parse_integer<i64>(entry.value.text(), std::numeric_limits<i64>::min(), std::numeric_limits<i64>::max()).value))
            return fmt::format("{} is {}", entry.key, value);
    }
    return {};
}
std::string judge_equal(const Expectation& e, const Evidence& v) {
    return judge_counts(e, v, [](i64 a, i64 b) { return a == b; });
}
std::string judge_more_than(const Expectation& e, const Evidence& v) {
    return judge_counts(e, v, [](i64 a, i64 b) { return a > b; });
}
std::string judge_less_than(const Expectation& e, const Evidence& v) {
    return judge_counts(e, v, [](i64 a, i64 b) { return a < b; });
}

std::vector<Condition> read_when(const Node& when, Diagnostics& out, bool (*known_path)(std::string_view)) {
    std::vector<Condition> list;
    if (!when.is_map()) {
        out.error(when.at(), "when: expected a map such as {os.policy: mm-exit}, got " + when.described());
        return list;
    }
    for (const auto& entry : when.entries()) {
        if (!known_path(entry.key)) out.error(entry.at, fmt::format("when: unknown parameter '{}' (see `quiesce list params`)", entry.key));
        Condition c{entry.key, {}};
        if (entry.value.is_seq()) c.values = entry.value.as_strings(out, entry.key).value_or(std::vector<std::string>{});
        else if (auto text = entry.value.as_string(out, entry.key)) c.values.push_back(*text);
        list.push_back(std::move(c));
    }
    return list;
}

std::string flat(const Node& n) {
    if (n.is_scalar()) return n.text();
    std::string s;
    for (const Node& i : n.items()) s += (s.empty() ? "" : ", ") + flat(i);
    for (const auto& e : n.entries()) s += (s.empty() ? "" : ", ") + e.key + " " + flat(e.value);
    return s;
}
} // namespace

const std::vector<ExpectationForm>& expectation_forms() {
    static const std::vector<ExpectationForm> forms{
        {"never", "this violation does not happen", "never: stale-dma", check_violation, judge_never},
        {"violation", "this violation happens, and finding it is the success", "violation: lying-fence", check_violation, judge_violation},
        {"within", "milestones come at most so long after T0", "within: {block: 100us}", check_bounds, judge_within},
        {"at-least", "milestones come at least so long after T0", "at-least: {mmput: 50ms}", check_bounds, judge_at_least},
        {"order", "milestones and first events come in this order", "order: [block, free_first]", check_order, judge_order},
        {"reached", "these milestones are reached", "reached: [block, stop]", check_milestones, judge_reached},
        {"open", "these milestones are not reached", "open: [reuse]", check_milestones, judge_open},
        {"equal", "numbers of run.json are exactly", "equal: {faults.recorded: 0}", check_counts, judge_equal},
        {"more-than", "numbers of run.json are greater than", "more-than: {dma.aborted: 0}", check_counts, judge_more_than},
        {"less-than", "numbers of run.json are less than", "less-than: {faults.lost_overflow: 1}", check_counts, judge_less_than},
    };
    return forms;
}

EventTimes::EventTimes(base::EventBus& bus) {
    // Per-transaction events are left to their own observers: they would cost every run what few scenarios ask for.
    tokens_ = base::for_each_event<base::Join<observe::OsEvents, observe::IommuEvents, observe::MemoryEvents>>(
        bus, [this](sim::Time now, const auto& e) {
            using E = std::decay_t<decltype(e)>;
            if constexpr (std::is_same_v<E, os::TeardownTriggered>) {
                if (!torn_) times_.clear();
                torn_ = true;
            }
            if constexpr (!std::is_same_v<E, memory::DmaCommitted> && !std::is_same_v<E, iommu::Translated>) {
                Times& t = times_[std::string{E::event_name}];
                if (t.count++ == 0) t.first = now;
                t.last = now;
            }
        });
}

std::vector<Expectation> read_expectations(const Node& list, Diagnostics& out, bool (*known_path)(std::string_view)) {
    std::vector<Expectation> all;
    const auto* items = list.as_seq(out, "expect");
    if (items == nullptr) return all;
    std::vector<std::string> names;
    for (const auto& f : expectation_forms()) names.emplace_back(f.name);
    for (const Node& item : *items) {
        if (!item.is_map()) {
            out.error(item.at(), "expect: expected a claim such as `never: stale-dma`, got " + item.described());
            continue;
        }
        Expectation e{"", "", item.at(), {}, "", "", {}};
        for (const auto& entry : item.entries()) {
            if (entry.key == "when") e.when = read_when(entry.value, out, known_path);
            else if (entry.key == "process") e.process = entry.value.as_string(out, "process").value_or("");
            else if (entry.key == "device") e.device = entry.value.as_string(out, "device").value_or("");
            else if (!has(names, entry.key)) out.error_about(entry.at, fmt::format("unknown expectation '{}'", entry.key), entry.key, names);
            else if (!e.form.empty()) out.error(entry.at, fmt::format("one claim per entry: '{}' is here already", e.form));
            else {
                e.form = entry.key;
                e.argument = entry.value;
                e.at = entry.at;
                e.text = entry.key + " " + flat(entry.value);
            }
        }
        if (e.form.empty()) continue;
        for (const auto& f : expectation_forms())
            if (f.name == e.form) f.check(e, out);
        all.push_back(std::move(e));
    }
    return all;
}

std::string judge(const Expectation& e, const Evidence& evidence) {
    for (const auto& f : expectation_forms())
        if (f.name == e.form) return f.judge(e, evidence);
    return "unknown form";
}

} // namespace quiesce::platform
