// SPDX-License-Identifier: Apache-2.0
#include "platform/runner.h"

#include "observe/event_store.h"
#include "observe/fingerprint.h"
#include "observe/packet_capture.h"
#include "observe/timeline.h"
#include "observe/trail.h"
#include "observe/waves.h"
#include "platform/files.h"
#include "platform/machine/iommus.h"
#include "platform/machine/system.h"
#include "platform/param_tree.h"
#include "platform/progress.h"
#include "platform/wave_files.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>
#include <unordered_set>

#ifndef QUIESCE_VERSION
#define QUIESCE_VERSION "0"
#endif

namespace quiesce::platform {
namespace {
using namespace sim::literals;

std::atomic<bool> interrupted{false};

/// The observers of every run. Waves come on top when asked for; none of them changes what happens.
struct Watchers {
    /// `out`: of a run that leaves results.
    Watchers(base::EventBus& bus, const Scenario& s, const std::optional<std::filesystem::path>& out) : Watchers(bus, s.config, out.has_value()) {
        if (!out || !s.config.observe.pcap) return;
        packets.emplace(bus, wave_window(s.config.observe), *out / "tlps.pcapng", "quiesce " QUIESCE_VERSION,
                        fmt::format("scenario {} seed {}", printable(s.name), s.seed));
    }
    Watchers(base::EventBus& bus, const Config& c, bool keep)
        : fingerprint(bus), checkers(bus, c.observe.flood_threshold, c.observe.refault_threshold, c.observe.flood_share.get()),
          teardowns(bus, c.observe.breakdowns), counters(bus), caches(bus), queues(bus), bystanders(bus), oom(bus), events(bus) {
        if (keep && c.observe.events.get() != "none") log.emplace(bus, wave_window(c.observe));
        observe::WaveWindow window = wave_window(c.observe);
        if (keep && c.observe.timeline) timeline.emplace(bus, window);
        window.everything = window.everything || c.observe.window.around.get() != around_teardowns; // known when the run is over
        if (c.observe.waves) waves.emplace(bus, window);
    }
    observe::Fingerprint fingerprint;
    observe::Checkers checkers;
    observe::Teardowns teardowns;
    observe::Counters counters;
    observe::CacheRates caches;
    observe::QueueLevels queues;
    observe::Bystanders bystanders;
    observe::OomLog oom;
    EventTimes events;
    std::optional<observe::Waves> waves;
    std::optional<observe::Timeline> timeline; ///< of a run that leaves results
    std::optional<observe::EventLog> log; ///< of a run that leaves results
    std::optional<observe::PacketCapture> packets;
};

/// The sentences, in order; how far they have come, for the end of the run and for saying who hangs.
class Script {
public:
    Script(System& system, const Situation& now, const Scenario& scenario, Diagnostics& notes)
        : platform_(platform_mark(scenario.root)), steps_(scenario.steps), over_(steps_.size()), notes_(notes),
          stage_{system, now, [this](const Step& s, const std::string& what) { note(s, what); }} {}

    sim::Task<void> speak() {
        co_await stage_.system.booted().wait();
        if (const std::string& wrong = stage_.system.kernel().boot_error(); !wrong.empty()) throw InputError(platform_, wrong);
        for (std::size_t i = 0; i < steps_.size(); ++i) {
            const Step& s = steps_[i];
            if (s.at && *s.at < sim::now())
                note(s, fmt::format("late: it was to come at {} and came at {}, when the sentences before it were over",
                                    base::exact_duration(*s.at - sim::Time{}), base::format_duration(sim::now() - sim::Time{})));
            if (s.at) co_await sim::until(*s.at);
            if (s.after) co_await sim::delay(*s.after);
            ++spoken_;
            if (s.wait) co_await one(i);
            else sim::spawn(one(i));
        }
    }
    bool over() const { return spoken_ == steps_.size() && std::all_of(over_.begin(), over_.end(), [](bool b) { return b; }); }
    /// Sentences that a fixed end left unsaid.
    void note_unsaid(sim::Time end) {
        for (std::size_t i = spoken_; i < steps_.size(); ++i)
            note(steps_[i], fmt::format("never came: the run ended before, at {}", base::format_duration(end - sim::Time{})));
    }
    std::string waiting() const {
        std::string s;
        for (std::size_t i = 0; i < steps_.size(); ++i)
            if (!over_[i]) s += (s.empty() ? "" : "; ") + steps_[i].sentence() + (i < spoken_ ? " is not over" : " was never reached");
        return s;
    }

private:
    sim::Task<void> one(std::size_t i) {
        if (steps_[i].crowd.members == 0) co_await say(stage_, steps_[i]);
        else co_await say_of_each(steps_[i]);
        over_[i] = true;
    }
    /// Members that a sentence is not over for.
    struct Left {
        u32 members;
        sim::Signal none;
    };
    sim::Task<void> say_of_each(const Step& s) {
        Left left{s.crowd.members, {}};
        for (u32 member = 0; member < s.crowd.members; ++member) {
            if (member > 0 && s.crowd.spacing != sim::Duration{}) co_await sim::delay(s.crowd.spacing);
            if (s.crowd.in_turn) co_await say_of(s, member, left);
            else sim::spawn(say_of(s, member, left));
        }
        while (left.members > 0) co_await left.none.wait();
    }
    sim::Task<void> say_of(const Step& s, u32 member, Left& left) {
        const Step about = s.about(member);
        co_await say(stage_, about);
        if (--left.members == 0) left.none.notify_all();
    }
    void note(const Step& s, const std::string& what) { notes_.warning(s.place, s.sentence() + ": " + what); }
    /// Where the platform is described, for what its drivers refuse.
    static Mark platform_mark(const Node& root) {
        const Node* platform = root.find("platform");
        return platform == nullptr ? root.at() : platform->at();
    }
    Mark platform_;
    const std::vector<Step>& steps_;
    std::vector<bool> over_;
    std::size_t spoken_ = 0;
    Diagnostics& notes_;
    Stage stage_;
};

/// Nothing is left that could happen: says who waits for what, if anybody does.
void report_deadlock(System& system, const Script& script, Watchers& w) {
    std::string who;
    for (const std::string& part : {script.waiting(), system.unrest(), system.waits_in_fabric()})
        if (!part.empty()) who += (who.empty() ? "" : "; ") + part;
    if (who.empty()) return;
    if (const std::string sleepers = system.who_sleeps(); !sleepers.empty()) who += "; " + sleepers;
    w.checkers.report("deadlock", BondId{}, 0, "nothing can move any more: " + who);
}

/// Whether everything that the processes used should have been given back by now.
bool nobody_left(const System& system) { return system.at_rest() && system.all_dead(); }

/// What is on its way, or waits for a time-out, may still come back.
void wait_for_leftovers(sim::Calendar& calendar, const System& system, sim::Time limit, sim::Duration slice) {
    while (!interrupted && calendar.now() < limit && !calendar.idle() && nobody_left(system) && !system.left_behind().empty())
        calendar.run_until(std::min(limit, std::max(calendar.now(), calendar.next_item_time()) + slice));
}

void report_leftovers(const System& system, Watchers& w) {
    if (interrupted || !nobody_left(system)) return;
    const base::Leftovers left = system.left_behind();
    for (const base::Leftover& l : left.all())
        w.checkers.report("left-behind", BondId{}, 0, l.owner + ": " + l.what, l.owner);
}

/// Runs to the scenario's end, or until every sentence is over and every teardown has come to rest.
void run_to_end(sim::Calendar& calendar, const Scenario& s, System& system, Script& script, Watchers& w) {
    const sim::Time limit = s.until.value_or(sim::Time::at(s.config.observe.limit));
    const sim::Duration slice = 20_us, settle = 20_us;
    Progress progress;
    while (!interrupted && calendar.now() < limit) {
        if (!s.until && script.over() && system.at_rest()) {
            calendar.run_until(std::min(limit, calendar.now() + settle));
            wait_for_leftovers(calendar, system, std::min(limit, calendar.now() + s.config.observe.left_behind_limit.get()), slice);
            if (calendar.idle()) report_deadlock(system, script, w);
            return;
        }
        if (calendar.idle()) return report_deadlock(system, script, w);
        progress.tell(calendar.now(), limit);
        // Idle stretches cost nothing: the slice begins at the next thing that happens.
        calendar.run_until(std::min(limit, std::max(calendar.now(), calendar.next_item_time()) + slice));
    }
    if (s.until && !interrupted) script.note_unsaid(limit);
    if (!s.until && !interrupted && !(script.over() && system.at_rest()))
        w.checkers.report("livelock", BondId{}, 0,
                          fmt::format("after {} the run had not come to rest: {}", base::format_duration(limit - sim::Time{}),
                                      script.over() ? system.unrest() : script.waiting()) +
                              (system.waits_in_fabric().empty() ? "" : "; " + system.waits_in_fabric()));
}

/// What the operating system counted is read when the scenario is over, which takes time of its own.
void read_counters(sim::Calendar& calendar, System& system) {
    system.stop_counting();
    while (!interrupted && system.counting() && !calendar.idle())
        calendar.run_until(std::max(calendar.now(), calendar.next_item_time()) + 1_us);
}

bool matches(const Condition& c, const ParamTree& tree) {
    const base::ParamBase* p = tree.find(c.path);
    return p != nullptr && std::find(c.values.begin(), c.values.end(), p->text()) != c.values.end();
}

void judge_expectations(const Scenario& s, Watchers& w, observe::RunRecord& r) {
    Config config = s.config;
    const ParamTree tree = parameters(config);
    const auto json = observe::to_json(r);
    std::vector<std::string> expected_kinds;
    bool failed = false;
    for (const Expectation& e : s.expectations) {
        observe::ExpectationResult result{e.text, e.at.file_line(), std::nullopt, ""};
        if (std::all_of(e.when.begin(), e.when.end(), [&](const Condition& c) { return matches(c, tree); })) {
            result.detail = judge(e, {r, json, w.events});
            const bool held = result.detail.empty();
            // What an interrupted run has not done yet says nothing of what it would have done; a violation stands.
            if (interrupted && !(e.form == "never" && !held)) result.detail = "not judged: the run was interrupted";
            else result.held = held;
            failed = failed || !result.held.value_or(true);
            if (e.form == "violation") expected_kinds.push_back(e.argument.text());
        }
        r.expectations.push_back(std::move(result));
    }
    for (const auto& v : r.violations)
        failed = failed || std::find(expected_kinds.begin(), expected_kinds.end(), v.kind) == expected_kinds.end();
    r.verdict = interrupted ? "interrupted" : failed ? "fail" : "pass";
}

/// A scenario whose every claim waits for other circumstances passes without having shown anything.
void note_vacuous(const Scenario& s, const observe::RunRecord& r, Diagnostics& notes) {
    const Node* const list = s.root.find("expect");
    if (r.expectations.empty() || r.verdict != "pass" || list == nullptr) return;
    if (std::none_of(r.expectations.begin(), r.expectations.end(), [](const auto& e) { return e.held.has_value(); }))
        notes.warning(list->at(), "expect: nothing was claimed here: no claim's `when` matches");
}

/// A deliberate mistake that no driver of this architecture can make, or none of this policy, finds nothing, whatever the
/// scenario.
void note_idle_mistakes(const Scenario& s, Diagnostics& notes) {
    const std::string kind = s.config.platform.iommu.kind.text(), policy = s.config.os.policy.text();
    const auto idle = [&](const os::BugRow& row, std::string_view here, std::string_view whose) {
        notes.warning(place_of(s.root, {"os", "bugs"}),
                      fmt::format("os.bugs: {} changes nothing on {}: it is a mistake of {}", row.name, here, whose));
    };
    for (const std::string& name : s.config.os.bugs.get())
        for (const os::BugRow& row : os::bug_rows()) {
            if (row.name != name) continue;
            if (kind != "none" && row.where.find(kind) == std::string_view::npos) idle(row, kind, row.where);
            else if (!row.policy.empty() && row.policy != policy) idle(row, policy, row.policy);
        }
}

/// What is known before anything runs.
observe::RunRecord heading(const Scenario& s, const observe::Fingerprint& fingerprint) {
    observe::RunRecord r;
    r.scenario = s.name;
    r.version = QUIESCE_VERSION;
    r.seed = s.seed;
    r.fingerprint = fingerprint.text();
    r.platform = {s.config.platform.iommu.kind.text(), s.config.os.kernel.text(), s.config.os.policy.text(), s.config.os.pasid.allocator.text(),
                  s.config.os.suppression.text(), s.config.os.bugs.get()};
    for (const auto& b : s.config.platform.iommu.bugs.get()) r.platform.bugs.push_back(b);
    return r;
}

/// Milestones outside every window, such as the last DMA of a device that never stops, have no event in the log.
void name_kept_events_only(std::vector<observe::Teardown>& teardowns, const observe::EventLog& log) {
    std::unordered_set<u64> ids;
    for (const auto& t : teardowns)
        for (const auto& [milestone, event] : t.events) ids.insert(event);
    const auto kept = log.kept_of(ids);
    for (auto& t : teardowns) std::erase_if(t.events, [&](const auto& named) { return kept.count(named.second) == 0; });
}

observe::RunRecord collect(const Scenario& s, sim::Calendar& calendar, Watchers& w) {
    observe::RunRecord r = heading(s, w.fingerprint);
    r.simulated = calendar.now();
    r.teardowns = w.teardowns.results();
    for (const auto& t : r.teardowns) w.checkers.check(t);
    w.checkers.check_page_requests(w.teardowns.page_requests(), calendar.idle(), s.config.observe.page_request_limit);
    r.counts = w.counters.counts_at(r.simulated);
    r.caches = w.caches.counts();
    r.queues = w.queues.results(r.simulated);
    r.counts.bystanders = w.bystanders.counts();
    r.counts.page_request_latency_ps = w.teardowns.page_requests().latency_ps();
    r.counts.stall_ps = w.teardowns.page_requests().stall_ps();
    r.counts.most_stalled = w.teardowns.page_requests().most_stalled();
    r.oom = w.oom.victims();
    r.allocations = w.oom.allocations();
    r.violations = w.checkers.violations();
    r.events_kept = w.log.has_value();
    if (w.log) name_kept_events_only(r.teardowns, *w.log);
    r.events_left_out = w.log ? w.log->left_out() : 0;
    r.host_events = calendar.items_run();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    r.max_rss_bytes = static_cast<u64>(usage.ru_maxrss) * 1024;
    return r;
}

/// A name in a VCD comment, which "$end" would end.
std::string comment_word(std::string_view name) {
    std::string s = printable(name);
    std::replace(s.begin(), s.end(), '$', '_');
    return s;
}

void write_timeline(const observe::RunRecord& r, const Watchers* w, const std::filesystem::path& file) {
    if (w == nullptr || !w->timeline) return remove_file(file);
    std::ostringstream trace;
    w->timeline->write(trace, r.teardowns, r.simulated);
    write_file(file, trace.str());
}

/// What a run leaves, whole; what it does not write but a former run left there goes, so that results of two runs never mix.
void write_outputs(const Scenario& s, const observe::RunRecord& r, Watchers* w, const std::string& lspci,
                   const std::filesystem::path& dir, Diagnostics& notes) {
    write_file(dir / "run.json", observe::to_json(r).dump(2) + "\n");
    write_file(dir / "config.resolved.yaml", emit_yaml(s.resolved()));
    if (lspci.empty()) remove_file(dir / "lspci.txt");
    else write_file(dir / "lspci.txt", lspci);
    if (w == nullptr || !w->log) remove_file(dir / "events.sqlite");
    else observe::write_events(*w->log, dir / "events.sqlite", r.fingerprint);
    if (r.events_left_out > 0)
        notes.warning(place_of(s.root, {"observe"}),
                      fmt::format("events.sqlite has no room for {} more events: of a shorter observe.window, or fewer "
                                  "teardowns, it has all", r.events_left_out));
    write_timeline(r, w, dir / "timeline.pftrace");
    if (w == nullptr || !w->packets) remove_file(dir / "tlps.pcapng");
    else w->packets->close();
    remove_file(dir / "report.html"); // `run` builds it of these
    write_waves(r, w == nullptr || !w->waves ? nullptr : &*w->waves, s.config.observe,
                fmt::format("quiesce {} {} seed {} fingerprint {}", QUIESCE_VERSION, comment_word(r.scenario), r.seed, r.fingerprint), dir,
                place_of(s.root, {"observe", "window", "around"}), notes);
}

void write_trail(const observe::Trail& trail, const observe::RunRecord& r, const std::filesystem::path& file) {
    using Json = nlohmann::ordered_json;
    const auto events = [](const std::vector<observe::TrailEvent>& list) {
        Json all = Json::array();
        for (const observe::TrailEvent& e : list)
            all.push_back({{"number", e.number}, {"time_ps", e.time_ps}, {"kind", e.kind}, {"fields", e.fields}});
        return all;
    };
    Json j{{"fingerprint", r.fingerprint}, {"digests", trail.digests()}, {"told", events(trail.told())}, {"lanes", Json::object()}};
    for (const auto& [lane, list] : trail.lanes()) j["lanes"][lane] = events(list);
    write_file(file, j.dump());
}

/// Of a run that cannot go on: how it came so far is what its user wants to see.
void leave_what_there_is(const Scenario& s, sim::Calendar& calendar, Watchers& w, const std::filesystem::path& dir, Diagnostics& notes) {
    observe::RunRecord r = collect(s, calendar, w);
    r.verdict = "error";
    write_outputs(s, r, &w, {}, dir, notes);
    mention(fmt::format("{}: results until {}, where the run could not go on", dir.string(), base::format_duration(r.simulated - sim::Time{})));
}

/// Ends all tasks before the models that they refer to go away, whichever way the run ends.
struct ShutDown {
    sim::Calendar& calendar;
    ~ShutDown() { calendar.shutdown(); }
};
} // namespace

Exit worse(Exit a, Exit b) {
    constexpr Exit first[] = {Exit::Interrupted, Exit::Internal, Exit::CannotGoOn, Exit::Io};
    for (const Exit e : first)
        if (a == e || b == e) return e;
    return std::max(a, b);
}

void interrupt_current_run() {
    interrupted = true;
    if (sim::Calendar::exists()) sim::Calendar::current().stop();
}

/// A unit of that kind could have it.
bool unit_can(const Config& config, const std::string& capability) {
    const IommuRow* const iommu = iommu_row(config);
    if (iommu == nullptr) return false;
    const auto usual = iommu->capabilities(Config{});
    return std::find(usual.begin(), usual.end(), capability) != usual.end();
}

std::string missing_capability(const Scenario& scenario) {
    const auto there = capabilities(scenario.config);
    std::vector<std::string> needed = scenario.requires_;
    for (const Step& step : scenario.steps)
        if (step.row->verb == "pin" && step.has("for")) needed.emplace_back("no-iommu");
    for (const Step& step : scenario.steps)
        if (step.row->verb == "bind" && !(step.has("may-fail") && step.text("may-fail") == "true")) needed.emplace_back("sva"); // whether the scenario says so or not
    for (const std::string& r : needed)
        if (std::find(there.begin(), there.end(), r) == there.end())
            return fmt::format("{} needs '{}', which {} has not{}", scenario.name, r, scenario.config.platform.iommu.kind.text(),
                               unit_can(scenario.config, r) ? " as it is set here" : "");
    return {};
}

Ran simulate(const Scenario& scenario, const std::optional<std::filesystem::path>& out, const std::optional<TrailWanted>& trail) {
    if (out) prepare_directory(*out);
    if (const std::string missing = missing_capability(scenario); !missing.empty()) {
        const sim::Time never_ran;
        base::EventBus silent(&never_ran);
        Ran ran;
        ran.record = heading(scenario, observe::Fingerprint{silent});
        ran.record.verdict = "not-applicable";
        if (out) write_outputs(scenario, ran.record, nullptr, {}, *out, ran.notes);
        return ran;
    }
    if (out) check_waves_can_be_written(scenario.config.observe);
    const auto began = std::chrono::steady_clock::now();
    sim::Calendar calendar;
    calendar.perturb({scenario.seed, scenario.config.platform.simultaneous.get() == Simultaneous::Shuffled,
                      scenario.config.os.cpu.jitter.get()});
    base::EventBus bus(calendar.clock());
    base::Activity::restart_ids();
    Ran ran;
    {
        Watchers watchers(bus, scenario, out);
        std::optional<observe::Trail> followed;
        if (trail) followed.emplace(bus, trail->told);
        const Situation situation(bus);
        System system(bus, scenario.config, scenario.seed);
        Script script(system, situation, scenario, ran.notes);
        const ShutDown shut_down{calendar};
        sim::spawn(script.speak());
        try {
            run_to_end(calendar, scenario, system, script, watchers);
            read_counters(calendar, system);
        } catch (const std::runtime_error&) { // a sentence that cannot be carried out, a simulated machine that has no way on
            if (out) leave_what_there_is(scenario, calendar, watchers, *out, ran.notes);
            throw;
        }
        report_leftovers(system, watchers);
        ran.record = collect(scenario, calendar, watchers);
        ran.record.counts.iommu_counters = system.iommu_counters();
        ran.record.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        judge_expectations(scenario, watchers, ran.record);
        note_vacuous(scenario, ran.record, ran.notes);
        note_idle_mistakes(scenario, ran.notes);
        if (out) write_outputs(scenario, ran.record, &watchers, system.lspci(), *out, ran.notes);
        if (followed) write_trail(*followed, ran.record, trail->file);
    }
    ran.exit = interrupted ? Exit::Interrupted : ran.record.verdict == "fail" ? Exit::Failed : Exit::Ok;
    return ran;
}

} // namespace quiesce::platform
