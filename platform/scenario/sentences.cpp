// SPDX-License-Identifier: Apache-2.0
/// Reading the sentences of a scenario.
#include "platform/machine/devices.h"
#include "platform/scenario/plan.h"

#include <algorithm>
#include <fmt/format.h>

namespace quiesce::platform {
namespace {

/// What is known while the sentences are read: processes that exist by then, devices of the topology.
struct Names {
    std::vector<std::string> processes, devices;
    std::map<std::string, u32> crowds; ///< those of the processes that are many, and how many
};

/// First page and count, or why not.
base::Parsed<std::pair<u64, u64>> parse_pages(std::string_view text, u64 least, u64 most) {
    const std::size_t dash = text.find('-');
    const auto first = base::parse_integer<u64>(text.substr(0, dash), least, most);
    const auto last = dash == std::string_view::npos ? first : base::parse_integer<u64>(text.substr(dash + 1), least, most);
    if (first && last && *last.value >= *first.value) return base::parsed(std::pair{*first.value, *last.value - *first.value + 1});
    const char* why = first && last ? " (the last page comes before the first)" : "";
    return {std::nullopt, fmt::format("expected pages such as 0-15 or 3, between {} and {}, got \"{}\"{}", least, most, text, why)};
}

/// The complaint about a value that is no such argument, or empty.
std::string wrong_figure(const ArgumentSpec& a, const std::string& text) {
    const auto outside = [&](u64 value) { return value < a.least || value > a.most; };
    const std::string expected = fmt::format("expected {}, got {}", a.bounds(), text);
    if (a.kind == ArgumentSpec::Kind::Integer) {
        const auto number = base::parse_integer<u64>(text, 0, std::numeric_limits<u64>::max());
        return number.out_of_range || (number && outside(*number.value)) ? expected : number.error;
    }
    if (a.kind == ArgumentSpec::Kind::Size) {
        const auto bytes = base::parse_size(text);
        return bytes.out_of_range || (bytes && outside(*bytes.value)) ? expected : bytes.error;
    }
    const auto duration = base::parse_duration(text);
    if (duration.out_of_range || (duration && outside(static_cast<u64>(duration.value->ps())))) return expected;
    if (duration && duration.value->ps() % 1'000 != 0) return fmt::format("expected whole nanoseconds, got {}", text);
    return duration.error;
}

std::string wrong_argument(const ArgumentSpec& a, const std::string& text, Names& names, std::optional<std::string>& suggestion) {
    using Kind = ArgumentSpec::Kind;
    auto known = [&](const auto& list, std::string complaint) -> std::string {
        if (base::contains(list, text)) return {};
        suggestion = base::closest(text, list);
        return complaint;
    };
    switch (a.kind) {
    case Kind::Process: return known(names.processes, fmt::format("'{}' is no process that exists by then", text));
    case Kind::NewProcess: {
        if (base::contains(names.processes, text)) return fmt::format("process '{}' exists already", text);
        std::vector<std::string> others = names.processes;
        others.insert(others.end(), names.devices.begin(), names.devices.end());
        const std::string wrong = wrong_name(text, others);
        names.processes.push_back(text); // so that what it does later is not called unknown
        return wrong;
    }
    case Kind::Name: return wrong_name(text, {});
    case Kind::Device: return known(names.devices, fmt::format("'{}' is no device of this scenario", text));
    case Kind::Flag: return {};
    case Kind::Choice: return known(a.choices, fmt::format("expected one of {}, got '{}'", base::join(a.choices), text));
    case Kind::Pages: return parse_pages(text, a.least, a.most).error;
    case Kind::Integer:
    case Kind::Duration:
    case Kind::Size: return wrong_figure(a, text);
    }
    return {};
}

void read_argument(const ArgumentSpec& a, const Node& value, Step& step, Names& names, Diagnostics& out) {
    if (a.kind == ArgumentSpec::Kind::Flag) {
        if (const auto set = value.as_bool(out, a.name)) step.arguments.emplace(a.name, Step::Argument{*set ? "true" : "false", value.at()});
        return;
    }
    const auto text = value.as_string(out, a.name);
    if (!text) return;
    std::optional<std::string> suggestion;
    if (const std::string wrong = wrong_argument(a, *text, names, suggestion); !wrong.empty())
        out.error(value.at(), fmt::format("{}: {}", a.name, wrong), suggestion);
    step.arguments.emplace(a.name, Step::Argument{*text, value.at()});
}

/// What an actor can say: the operating system if `device` is null.
std::vector<const VerbRow*> vocabulary(const DeviceConfig* device) {
    std::vector<const VerbRow*> rows;
    for (const VerbRow& r : verb_rows())
        if (r.actor == (device == nullptr ? "os" : "device") &&
            (device == nullptr || r.said_by == nullptr || r.said_by(row_of(*device))))
            rows.push_back(&r);
    return rows;
}

/// The map below an actor: {kill: app0, ...}.
void read_sentence(const Node& said, const DeviceConfig* device, Step& step, Names& names, Diagnostics& out) {
    const std::vector<const VerbRow*> rows = vocabulary(device);
    std::vector<std::string> verbs;
    for (const VerbRow* r : rows) verbs.emplace_back(r->verb);
    if (!said.is_map() || said.entries().empty())
        return out.error(said.at(), fmt::format("{}: expected a sentence such as {{{}: app0}}, got {}", step.actor,
                                                device == nullptr ? "kill" : "stream", said.is_map() ? "nothing" : said.described()));
    for (const auto& e : said.entries())
        for (const VerbRow* r : rows)
            if (r->verb == e.key && step.row == nullptr) step.row = r;
    if (step.row == nullptr) {
        const auto& first = said.entries().front();
        return out.error_about(first.at, fmt::format("{} cannot '{}': expected one of {}", step.actor, first.key, base::join(verbs)), first.key,
                               verbs);
    }
    std::vector<std::string> arguments;
    for (const ArgumentSpec& a : step.row->arguments) {
        arguments.emplace_back(a.name);
        const Node* value = said.find(&a == &step.row->arguments.front() ? step.row->verb : a.name);
        if (value != nullptr && a.taken_by != nullptr && !a.taken_by(row_of(*device)))
            out.error(value->at(), fmt::format("{}: devices of kind {} take none: {}", a.name, device->kind.text(), a.help));
        else if (value != nullptr) read_argument(a, *value, step, names, out);
        else if (a.required)
            out.error(said.at(), fmt::format("{} {}: '{}' is missing: {}; example: {}", step.actor, step.row->verb, a.name, a.help,
                                             step.row->example));
    }
    for (const auto& e : said.entries()) {
        if (e.key == step.row->verb || base::contains(arguments, e.key)) continue;
        const std::vector<std::string> others(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
        const bool near = base::closest(e.key, others).has_value() || others.empty();
        out.error_about(e.at, fmt::format("unknown key '{}' in {} {}{}", e.key, step.actor, step.row->verb, near ? "" : ": it takes " + base::join(others)),
                        e.key, others);
    }
}

std::optional<sim::Duration> read_moment(const Node& n, const char* what, const Scenario& s, Diagnostics& out) {
    const auto text = n.as_string(out, what);
    if (!text) return std::nullopt;
    const auto d = base::parse_duration(*text);
    const sim::Duration end = s.until ? *s.until - sim::Time{} : s.config.observe.limit.get();
    if (!d) out.error(n.at(), fmt::format("{}: {}", what, d.error));
    else if (*d.value > end)
        out.error(n.at(), fmt::format("{}: {} is after the end of the run, {} ({})", what, *text, base::exact_duration(end),
                                      s.until ? "until" : "observe.limit"));
    return d.value;
}

/// Where the sentence stands in time: true if `e` says that.
bool read_time(const Node::Entry& e, Step& step, const Scenario& s, Diagnostics& out) {
    if (e.key == "at") {
        if (const auto d = read_moment(e.value, "at", s, out)) step.at = sim::Time::at(*d);
    } else if (e.key == "after") {
        step.after = read_moment(e.value, "after", s, out);
    } else if (e.key == "wait") {
        step.wait = e.value.as_bool(out, "wait").value_or(false);
    } else if (e.key == "each") {
        return true; // when it is known whom the sentence is about
    } else {
        return false;
    }
    return true;
}

/// Whether the sentence makes or is about a crowd.
void find_crowd(Step& step, Names& names, Diagnostics& out) {
    const bool makes = step.row->verb == "spawn" && step.has("count");
    if (makes) names.crowds.emplace(step.text("spawn"), static_cast<u32>(step.integer("count")));
    for (const ArgumentSpec& a : step.row->arguments) {
        if (a.kind != ArgumentSpec::Kind::Process && !(a.kind == ArgumentSpec::Kind::NewProcess && makes)) continue;
        const auto found = names.crowds.find(step.text(a.name));
        if (found == names.crowds.end()) continue;
        step.crowd.members = found->second;
        step.crowd.argument = a.name;
        if (step.row->takes_crowd) continue;
        out.error(step.mark(a.name), fmt::format("{} {} is about one process, and {} is a crowd of {}", step.actor, step.row->verb,
                                                 found->first, found->second));
    }
}

/// at-once, in-turn or a duration.
void read_each(const Node& value, Step& step, Diagnostics& out) {
    const auto text = value.as_string(out, "each");
    if (!text) return;
    if (step.crowd.members == 0) return out.error(value.at(), "each: the sentence is about no crowd: spawn one with a count");
    if (*text == "at-once") return;
    step.crowd.in_turn = *text == "in-turn";
    if (step.crowd.in_turn) return;
    const auto spacing = base::parse_duration(*text);
    if (spacing) step.crowd.spacing = *spacing.value;
    else out.error(value.at(), fmt::format("each: expected at-once, in-turn or a duration, got \"{}\"", printable(*text)));
}

/// Nothing if it cannot be understood.
std::optional<Step> read_step(const Node& item, const Scenario& s, Names& names, Diagnostics& out) {
    const std::size_t errors = out.errors();
    if (!item.is_map()) {
        out.error(item.at(), "steps: expected a sentence such as `os: {kill: app0}`, got " + item.described());
        return std::nullopt;
    }
    Step step;
    step.place = item.at();
    std::vector<std::string> actors = names.devices;
    actors.emplace_back("os");
    for (const TimeWord& w : time_words) actors.emplace_back(w.name);
    for (const auto& e : item.entries()) {
        if (read_time(e, step, s, out)) continue;
        if (!step.actor.empty()) {
            out.error(e.at, fmt::format("one actor per sentence: '{}' speaks here already", step.actor));
        } else if (!base::contains(actors, e.key)) {
            out.error_about(e.at, fmt::format("'{}' is no actor: os or a device", e.key), e.key, actors);
            step.actor = e.key;
        } else {
            step.actor = e.key;
            read_sentence(e.value, e.key == "os" ? nullptr : &s.config.devices.at(e.key), step, names, out);
        }
    }
    if (step.actor.empty()) out.error(item.at(), "steps: nobody speaks: expected `os:` or a device");
    if (step.row != nullptr) find_crowd(step, names, out);
    if (const Node* each = item.find("each")) read_each(*each, step, out);
    if (step.row != nullptr && step.row->waits) {
        const Node* wait = item.find("wait");
        if (wait != nullptr && wait->text() == "false")
            out.error(wait->at(), fmt::format("wait: {} {} is always waited for", step.actor, step.row->verb));
        step.wait = true;
    }
    return out.errors() > errors ? std::nullopt : std::optional(std::move(step));
}
} // namespace

std::string ArgumentSpec::bounds() const {
    const auto text = [&](u64 value) -> std::string {
        if (kind == Kind::Size) return base::exact_size(value);
        if (kind == Kind::Duration) return base::exact_duration(sim::Duration::ps(static_cast<i64>(value)));
        return std::to_string(value);
    };
    return most == 0 ? std::string{} : fmt::format("between {} and {}", text(least), text(most));
}

std::string wrong_name(std::string_view text, const std::vector<std::string>& others) {
    constexpr std::string_view taken[] = {"os", "boot", "smmu", "quiesce"}; // other things of a run
    const auto is_taken = [&](const TimeWord& w) { return w.name == text; };
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const bool legal = !text.empty() && text.size() <= 32 && letter(text.front()) &&
                       std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || base::is_digit(c) || c == '_' || c == '-'; });
    if (!legal) return fmt::format("a name is a letter and up to 31 letters, digits, '_' or '-', got '{}'", printable(text));
    const bool word = std::any_of(std::begin(time_words), std::end(time_words), is_taken);
    if (base::contains(taken, text) || word || text.substr(0, 4) == "irq_" || text.substr(0, 10) == "pasid_lane")
        return fmt::format("'{}' is the name of something else in a run", text);
    for (const std::string& other : others) {
        if (other == text) return fmt::format("'{}' is the name of something else in this scenario", text);
        // Thread 0 of `app` is app_0 in waveforms.
        const auto thread_of = [](std::string_view longer, std::string_view name) {
            return longer.size() > name.size() + 1 && longer.substr(0, name.size()) == name && longer[name.size()] == '_' &&
                   std::all_of(longer.begin() + static_cast<std::ptrdiff_t>(name.size()) + 1, longer.end(), base::is_digit);
        };
        if (thread_of(text, other) || thread_of(other, text))
            return fmt::format("'{}' beside '{}' would be one of its threads in waveforms", text, other);
    }
    return {};
}

const std::string& Step::text(std::string_view name) const {
    static const std::string none;
    const auto found = arguments.find(name);
    return found == arguments.end() ? none : found->second.text;
}
const Mark& Step::mark(std::string_view name) const {
    const auto found = arguments.find(name);
    return found == arguments.end() ? place : found->second.at;
}
u64 Step::integer(std::string_view name, u64 otherwise) const {
    return has(name) ? base::parse_integer<u64>(text(name), 0, std::numeric_limits<u64>::max()).value.value_or(otherwise) : otherwise;
}
sim::Duration Step::duration(std::string_view name, sim::Duration otherwise) const {
    return has(name) ? base::parse_duration(text(name)).value.value_or(otherwise) : otherwise;
}
u64 Step::size(std::string_view name, u64 otherwise) const {
    return has(name) ? base::parse_size(text(name)).value.value_or(otherwise) : otherwise;
}
std::pair<u64, u64> Step::pages(std::string_view name, std::pair<u64, u64> otherwise) const {
    return has(name) ? parse_pages(text(name), 0, most_heap_pages - 1).value.value_or(otherwise) : otherwise;
}
std::string member_name(std::string_view crowd, u32 number) { return fmt::format("{}.{}", crowd, number); }

bool goes_by(std::string_view process, std::string_view name) {
    return process.substr(0, name.size()) == name && (process.size() == name.size() || process[name.size()] == '.');
}

Step Step::about(u32 member) const {
    Step one = *this;
    one.crowd = {};
    std::string& name = one.arguments.at(crowd.argument).text;
    name = member_name(name, member);
    return one;
}

std::string Step::sentence() const {
    std::string s = fmt::format("{} {}", actor, row->verb);
    for (const ArgumentSpec& a : row->arguments)
        if (has(a.name)) s += fmt::format(" {}={}", a.name, text(a.name));
    return s;
}

std::vector<std::string> read_steps(const Node& list, Scenario& scenario, Diagnostics& out) {
    const auto* items = list.as_seq(out, "steps");
    if (items == nullptr) return {};
    if (items->empty()) out.error(list.at(), "steps: expected at least one sentence such as `os: {spawn: app0}`, got an empty list");
    Names names;
    for (const auto& [name, device] : scenario.config.devices) names.devices.push_back(name);
    const std::size_t errors = out.errors();
    for (const Node& item : *items)
        if (auto step = read_step(item, scenario, names, out)) scenario.steps.push_back(std::move(*step));
    if (out.errors() > errors) return names.processes; // a sentence that could not be read may be what the others rely on
    Plan plan(scenario.config, out);
    for (const Step& step : scenario.steps) (plan.*step.row->foresee)(step);
    plan.over();
    return names.processes;
}

} // namespace quiesce::platform
