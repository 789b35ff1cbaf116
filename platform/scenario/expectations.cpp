// SPDX-License-Identifier: Apache-2.0
#include "platform/scenario/expectations.h"

#include "observe/all_events.h"
#include "observe/violations.h"
#include "platform/run_numbers.h"
#include "platform/scenario/scenario.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {
using observe::Teardown;

const std::vector<std::string> milestone_names{"block_observed", "block", "stop", "drain", "last_seen", "free_first", "free_last", "mmput",
                                               "reuse", "stop_gave_up", "tables_free", "exit_mmap"};
const std::vector<std::string> span_names{"quiesce", "exposure"};

/// Events whose times claims can be about. Per-transaction events are left to their own observers: they would cost every
/// run what few scenarios ask for.
using Timed = base::Join<observe::OsEvents, observe::IommuEvents, observe::MemoryEvents>;
template <class E> constexpr bool is_timed = !std::is_same_v<E, memory::DmaCommitted> && !std::is_same_v<E, iommu::Translated>;

std::vector<std::string> event_names() {
    std::vector<std::string> names;
    base::for_each_type<Timed>([&](auto type) {
        using E = typename decltype(type)::type;
        if (is_timed<E>) names.emplace_back(E::event_name);
    });
    return names;
}

std::vector<std::string> violation_names() {
    std::vector<std::string> names;
    for (const auto& k : observe::violation_kinds) names.emplace_back(k.kind);
    return names;
}

void require_one(const Expectation& e, Diagnostics& out, const Node& n, std::vector<std::string> known, std::string_view what) {
    if (const auto text = n.as_string(out, e.form); text && !base::contains(known, *text))
        out.error_about(n.at(), fmt::format("'{}' is no {}", *text, what), *text, known);
}

std::vector<const Teardown*> concerned(const Expectation& e, const Evidence& v) {
    std::vector<const Teardown*> list;
    for (const Teardown& t : v.record.teardowns)
        if ((e.process.empty() || goes_by(t.process, e.process)) && (e.device.empty() || t.device == e.device)) list.push_back(&t);
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
        if (!base::contains(known, entry.key)) out.error_about(entry.at, fmt::format("'{}' is no milestone", entry.key), entry.key, known);
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
    if (items->empty()) out.error(e.argument.at(), e.form + ": expected milestones such as [block, stop], got an empty list");
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
    if (items->size() < 2)
        out.error(e.argument.at(), fmt::format("order: expected two or more, such as [block, free_first], got {}", items->size()));
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

void check_counts(const Expectation& e, Diagnostics& out) {
    if (!e.argument.is_map() || e.argument.entries().empty())
        return out.error(e.argument.at(), e.form + ": expected a map such as {faults.recorded: 0}, got " + e.argument.described());
    for (const auto& entry : e.argument.entries()) {
        check_number(entry.key, entry.at, out);
        entry.value.as_integer<i64>(out, entry.key, 0);
    }
}
template <class Compare> std::string judge_counts(const Expectation& e, const Evidence& v, Compare holds) {
    for (const auto& entry : e.argument.entries()) {
        const auto* at = number_at(v.json, entry.key);
        if (at == nullptr && entry.key.rfind("cpu_ps.by.", 0) == 0) return fmt::format("{}: nothing of that name ran", entry.key);
        const i64 value = at == nullptr ? 0 : at->get<i64>();
        if (!holds(value, *base::parse_integer<i64>(entry.value.text(), 0, std::numeric_limits<i64>::max()).value))
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

/// The values of one condition, as the parameter writes them: "50000us" is 50ms. A list is one value of a parameter that is a
/// list.
std::vector<std::string> read_values(const Node::Entry& entry, base::ParamBase& p, Diagnostics& out) {
    std::vector<Node> given{entry.value};
    const bool listed = entry.value.is_seq();
    if (listed && p.kind() != base::ParamKind::List) given = entry.value.items();
    if (given.empty()) out.error(entry.value.at(), fmt::format("when: {}: expected a value or a list of them, got an empty list", entry.key));
    std::vector<std::string> values;
    for (const Node& n : given)
        if (ParamTree::set(p, n, entry.key, out)) values.push_back(p.text());
    return values;
}

std::vector<Condition> read_when(const Node& when, const ParamTree& tree, Diagnostics& out) {
    std::vector<Condition> list;
    if (!when.is_map() || when.entries().empty()) {
        out.error(when.at(), "when: expected a map such as {os.policy: mm-exit}, got " + (when.is_map() ? "an empty one" : when.described()));
        return list;
    }
    std::vector<std::string> paths;
    for (const auto& row : tree.rows()) paths.push_back(row.path);
    for (const auto& entry : when.entries()) {
        if (base::ParamBase* p = tree.find(entry.key)) list.push_back({entry.key, read_values(entry, *p, out)});
        else out.error_about(entry.at, fmt::format("when: unknown parameter '{}' (see `quiesce list params`)", entry.key), entry.key, paths);
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
        {"never", "this violation does not happen", "never: stale-dma", check_violation, false, judge_never},
        {"violation", "this violation happens, and finding it is the success", "violation: lying-fence", check_violation, false, judge_violation},
        {"within", "milestones come at most so long after T0", "within: {block: 100us}", check_bounds, true, judge_within},
        {"at-least", "milestones come at least so long after T0", "at-least: {mmput: 50ms}", check_bounds, true, judge_at_least},
        {"order", "milestones and first events come in this order", "order: [block, free_first]", check_order, true, judge_order},
        {"reached", "these milestones are reached", "reached: [block, stop]", check_milestones, true, judge_reached},
        {"open", "these milestones are not reached", "open: [reuse]", check_milestones, true, judge_open},
        {"equal", "numbers of run.json are exactly", "equal: {faults.recorded: 0}", check_counts, false, judge_equal},
        {"more-than", "numbers of run.json are greater than", "more-than: {dma.aborted: 0}", check_counts, false, judge_more_than},
        {"less-than", "numbers of run.json are less than", "less-than: {faults.lost_overflow: 1}", check_counts, false, judge_less_than},
    };
    return forms;
}

EventTimes::EventTimes(base::EventBus& bus) {
    tokens_ = base::for_each_event<Timed>(bus, [this](sim::Time now, const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, os::TeardownTriggered>) {
            if (!torn_) times_.clear();
            torn_ = true;
        }
        if constexpr (is_timed<E>) {
            Times& t = times_[std::string{E::event_name}];
            if (t.count++ == 0) t.first = now;
            t.last = now;
        }
    });
}

namespace {
const ExpectationForm* form_of(std::string_view name) {
    for (const auto& f : expectation_forms())
        if (f.name == name) return &f;
    return nullptr;
}

/// `process` or `device`: somebody of this scenario.
std::string read_actor(const Node::Entry& e, const std::vector<std::string>& known, Diagnostics& out) {
    return e.value.as_choice(out, e.key, known).value_or("");
}

/// What a claim counts must be there: a trace of this scenario's devices, a link of its machine.
void check_counted(const Expectation& e, const Cast& cast, Diagnostics& out) {
    if (!e.argument.is_map()) return;
    for (const auto& entry : e.argument.entries()) {
        const NamedGroup* const group = group_of(entry.key);
        if (group == nullptr) continue;
        const std::size_t from = group->prefix.size(), dot = entry.key.rfind('.');
        const std::string name = dot > from ? entry.key.substr(from, dot - from) : std::string{};
        const auto& known = group->prefix == "links." ? cast.links : cast.devices;
        if (!base::contains(known, name)) out.error_about(entry.at, fmt::format("'{}' is the name of {} that is not there", name, group->of), name, known);
    }
}

Expectation read_claim(const Node& item, const ParamTree& tree, const Cast& cast, Diagnostics& out) {
    std::vector<std::string> names;
    for (const auto& f : expectation_forms()) names.emplace_back(f.name);
    std::vector<std::string> keys = names;
    keys.insert(keys.end(), {"when", "process", "device"});
    Expectation e{"", "", item.at(), {}, "", "", {}};
    for (const auto& entry : item.entries()) {
        if (entry.key == "when") e.when = read_when(entry.value, tree, out);
        else if (entry.key == "process") e.process = read_actor(entry, cast.processes, out);
        else if (entry.key == "device") e.device = read_actor(entry, cast.devices, out);
        else if (!base::contains(names, entry.key)) out.error_about(entry.at, fmt::format("unknown expectation '{}'", entry.key), entry.key, keys);
        else if (!e.form.empty()) out.error(entry.at, fmt::format("one claim per entry: '{}' is here already", e.form));
        else {
            e.form = entry.key;
            e.argument = entry.value;
            e.at = entry.at;
            e.text = entry.key + " " + flat(entry.value);
        }
    }
    return e;
}
} // namespace

std::vector<Expectation> read_expectations(const Node& list, Config config, const Cast& cast, Diagnostics& out) {
    std::vector<Expectation> all;
    const auto* items = list.as_seq(out, "expect");
    if (items == nullptr) return all;
    const ParamTree tree = parameters(config); // of a copy: reading a value sets it
    for (const Node& item : *items) {
        if (!item.is_map()) {
            out.error(item.at(), "expect: expected a claim such as `never: stale-dma`, got " + item.described());
            continue;
        }
        const std::size_t errors = out.errors();
        Expectation e = read_claim(item, tree, cast, out);
        if (const ExpectationForm* form = form_of(e.form)) {
            form->check(e, out);
            check_counted(e, cast, out);
            for (const char* key : {"process", "device"})
                if (const auto* entry = item.find_entry(key); entry != nullptr && !form->of_teardowns)
                    out.error(entry->at, fmt::format("'{}' means nothing to '{}', which is about the whole run", key, e.form));
            all.push_back(std::move(e));
        } else if (out.errors() == errors) {
            out.error(item.at(), "expect: nothing is claimed here; expected a claim such as `never: stale-dma`");
        }
    }
    return all;
}

std::string judge(const Expectation& e, const Evidence& evidence) {
    const ExpectationForm* form = form_of(e.form);
    return form == nullptr ? "unknown form" : form->judge(e, evidence);
}

} // namespace quiesce::platform
