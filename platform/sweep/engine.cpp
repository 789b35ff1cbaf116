// SPDX-License-Identifier: Apache-2.0
#include "platform/sweep/engine.h"

#include "platform/children.h"
#include "platform/files.h"
#include "sim/random.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <thread>
#include <unistd.h>

namespace quiesce::platform {
namespace {
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::atomic<bool> sweep_interrupted{false};

/// 128 bits of everything that decides a run. Two lanes of a multiplicative hash, each mixed with the other's
/// constants.
class KeyHash {
public:
    void add(std::string_view text) {
        for (; text.size() >= 8; text.remove_prefix(8)) {
            u64 word = 0;
            std::memcpy(&word, text.data(), 8);
            take(word);
        }
        u64 rest = u64{text.size()} << 56;
        std::memcpy(&rest, text.data(), text.size());
        take(rest);
    }
    void take(u64 word) {
        a_ = sim::mix64(a_ ^ word) * 0x9e3779b97f4a7c15ull;
        b_ = sim::mix64(b_ + word * 0xc2b2ae3d27d4eb4full + 0x165667b19e3779f9ull);
    }
    std::string text() const { return fmt::format("{:016x}{:016x}", sim::mix64(a_), sim::mix64(b_ ^ a_)); }

private:
    u64 a_ = 0x243f6a8885a308d3ull, b_ = 0x13198a2e03707344ull;
};

std::string whole_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

/// Another binary may simulate something else, whatever its version says.
KeyHash binary_identity() {
    KeyHash hash;
    hash.add("quiesce sweep point 1");
    hash.add(whole_file("/proc/self/exe"));
    return hash;
}

/// All that a run depends on but its seed: every parameter, the sentences, the claims, the traces that are played.
KeyHash identity_of(const Scenario& s, KeyHash hash) {
    hash.add(emit_yaml(s.resolved()));
    for (const Expectation& e : s.expectations) hash.add(e.text);
    for (const auto& [name, device] : s.config.devices)
        if (const std::string& trace = device.trace_player.trace.get(); !trace.empty()) hash.add(whole_file(trace));
    return hash;
}

/// What went wrong, in a line, from what a process said of it.
std::string reason_from(const std::string& said, Exit exit) {
    std::string last;
    std::istringstream lines(said);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("error:") != line.npos || line.find("cannot go on:") != line.npos) return line;
        if (!base::trim(line).empty() && line.find(": warning:") == line.npos) last = line;
    }
    return last.empty() ? fmt::format("its process ended with exit code {}, or by a signal", static_cast<int>(exit))
                        : last;
}
} // namespace

SweepEngine::SweepEngine(const Sweep& sweep, fs::path dir, unsigned jobs, std::size_t part, std::size_t parts)
    : sweep_(sweep), dir_(std::move(dir) / "points"),
      jobs_(jobs != 0 ? jobs : std::max(1u, std::thread::hardware_concurrency())), part_(part), parts_(parts),
      terminal_(::isatty(fileno(stderr)) == 1), runs_(sweep.runs()) {}

void SweepEngine::check(Diagnostics& out) {
    on_interrupt([](int) { sweep_interrupted = true; }); // of many points this takes a while
    const KeyHash binary = binary_identity();
    const std::size_t seeds = sweep_.seeds.size();
    for (std::size_t p = 0; p < sweep_.points.size() && !sweep_interrupted; ++p) {
        bool mine = false;
        for (std::size_t i = 0; i < seeds; ++i) mine = mine || is_mine(p * seeds + i);
        if (!mine) continue;
        const auto s = sweep_.scenario_at(sweep_.points[p], out);
        if (!out.ok()) continue;
        const KeyHash identity = identity_of(*s, binary);
        for (std::size_t i = 0; i < seeds; ++i) {
            KeyHash key = identity;
            key.take(sweep_.seeds[i]);
            runs_[p * seeds + i].key = key.text();
            same_[runs_[p * seeds + i].key].push_back(p * seeds + i);
        }
    }
}

std::size_t SweepEngine::take_kept() {
    std::size_t kept = 0;
    for (std::size_t n = 0; n < runs_.size(); ++n) kept += is_mine(n) && take(n, SweepRun::State::Kept) ? 1 : 0;
    return kept;
}

bool SweepEngine::take(std::size_t n, SweepRun::State state) {
    SweepRun& r = runs_[n];
    std::ifstream in(file(r.key, ".json"));
    if (!in) return false;
    const Json run = Json::parse(in, nullptr, false);
    if (!run.is_object() || !run.contains("verdict")) return false;
    r.state = state;
    r.verdict = run["verdict"].get<std::string>();
    r.fingerprint = run.value("fingerprint", "");
    if (const auto* open = number_at(run, "summary.quiesce.open")) r.open = open->get<i64>();
    if (const auto* wall = number_at(run, "host.wall_s")) r.wall_s = wall->get<double>();
    r.values.clear();
    for (const SweepMetric& m : sweep_.metrics) r.values.push_back(metric_of(run, m.path));
    return true;
}

/// In a process of its own: simulates and leaves its run.json, and no other file. What it has to say is for the reason
/// of a failure.
Exit SweepEngine::be_run(std::size_t n) const {
    const SweepRun& r = runs_[n];
    const int said = ::open(file(r.key, ".said").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (said >= 0) ::dup2(said, fileno(stderr));
    manner().json = false; // a reason is read by people
    Diagnostics found;
    const auto s = sweep_.scenario_at(sweep_.points[n / sweep_.seeds.size()], found);
    found.print(stderr);
    if (!found.ok()) return Exit::BadInput;
    s->seed = sweep_.seeds[n % sweep_.seeds.size()];
    s->config.observe.waves = false; // nobody would look at them, and they change nothing
    const Ran ran = simulate(*s, std::nullopt);
    if (ran.exit != Exit::Interrupted) write_file(file(r.key, ".json"), observe::to_json(ran.record).dump() + "\n");
    return ran.exit == Exit::Failed ? Exit::Ok : ran.exit; // a claim that did not hold is a result
}

void SweepEngine::over(std::size_t n, Exit exit) {
    SweepRun& r = runs_[n];
    const std::string said = whole_file(file(r.key, ".said"));
    remove_file(file(r.key, ".said"));
    ++done_;
    const bool interrupted = exit == Exit::Interrupted;
    if (interrupted) sweep_interrupted = true;
    // An interrupt may come when the result is there already, and only the process's end is not.
    if ((exit == Exit::Ok || interrupted) && take(n, SweepRun::State::Ran)) {
        remove_file(file(r.key, ".failed.json"));
    } else if (interrupted) {
        return;
    } else {
        r.state = SweepRun::State::Failed;
        r.verdict = "error";
        r.reason = reason_from(said, exit);
        ++failed_;
        const Json record{{"schema", 1},
                          {"point", sweep_.label(sweep_.points[n / sweep_.seeds.size()])},
                          {"seed", sweep_.seeds[n % sweep_.seeds.size()]},
                          {"exit", static_cast<int>(exit)},
                          {"reason", r.reason}};
        write_file(file(r.key, ".failed.json"), record.dump(2) + "\n");
    }
    for (const std::size_t twin : same_[r.key])
        if (twin != n) runs_[twin] = r;
    progress();
}

void SweepEngine::take_tried(const std::function<std::string(std::size_t run)>& why_not) {
    for (std::size_t n = 0; n < runs_.size(); ++n) {
        SweepRun& r = runs_[n];
        if (r.is_there() || take(n, SweepRun::State::Ran)) continue;
        std::ifstream in(file(r.key, ".failed.json"));
        const Json record = in ? Json::parse(in, nullptr, false) : Json{};
        r.reason = record.is_object() ? record.value("reason", "") : why_not(n);
        if (r.reason.empty()) continue;
        r.state = SweepRun::State::Failed;
        r.verdict = "error";
    }
}

std::size_t SweepEngine::files_there() const {
    return static_cast<std::size_t>(
        std::count_if(runs_.begin(), runs_.end(), [&](const SweepRun& r) { return fs::exists(file(r.key, ".json")); }));
}

bool SweepEngine::is_interrupted() { return sweep_interrupted; }

bool SweepEngine::run() {
    prepare_directory(dir_);
    for (const auto& there : fs::directory_iterator(dir_)) // of a sweep that was killed; other parts may be under way
        if (there.path().extension() == ".said" && parts_ == 0) remove_file(there.path());
    std::set<std::string> begun;
    std::vector<std::size_t> missing;
    for (std::size_t n = 0; n < runs_.size() && !sweep_interrupted; ++n)
        if (is_mine(n) && !runs_[n].is_there() && begun.insert(runs_[n].key).second) missing.push_back(n);
    wanted_ = missing.size();
    began_ = told_ = std::chrono::steady_clock::now();
    {
        Children children(jobs_);
        children.heed(sweep_interrupted);
        for (const std::size_t n : missing) {
            if (sweep_interrupted) break;
            children.start([&] { return be_run(n); }, [this, n](Exit exit) { over(n, exit); });
        }
        children.finish();
    }
    if (terminal_) fmt::print(stderr, "\r{:78}\r", "");
    return !sweep_interrupted;
}

void SweepEngine::progress() {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_ || now - told_ < std::chrono::milliseconds(100)) return;
    told_ = now;
    const double took = std::chrono::duration<double>(now - began_).count();
    const double left = took / static_cast<double>(done_) * static_cast<double>(wanted_ - done_);
    fmt::print(stderr, "\r{} of {} runs, {} kept from before, {} failed, {:.0f} s left   ", done_, wanted_,
               runs_.size() - wanted_, failed_, left);
    std::fflush(stderr);
}

std::size_t SweepEngine::count(SweepRun::State state) const {
    return static_cast<std::size_t>(
        std::count_if(runs_.begin(), runs_.end(), [&](const SweepRun& r) { return r.state == state; }));
}

std::size_t SweepEngine::verdicts(std::string_view verdict) const {
    return static_cast<std::size_t>(
        std::count_if(runs_.begin(), runs_.end(), [&](const SweepRun& r) { return r.verdict == verdict; }));
}

std::vector<double> SweepEngine::values(std::size_t point, std::size_t metric) const {
    std::vector<double> list;
    for (std::size_t i = 0; i < sweep_.seeds.size(); ++i) {
        const SweepRun& r = at(point, i);
        if (r.is_there() && r.values[metric]) list.push_back(r.values[metric]->get<double>());
    }
    return list;
}

std::optional<double> SweepEngine::mean(std::size_t point, std::size_t metric) const {
    const auto s = statistics_of(values(point, metric));
    return s.n == 0 ? std::nullopt : std::optional<double>(s.mean);
}

} // namespace quiesce::platform
