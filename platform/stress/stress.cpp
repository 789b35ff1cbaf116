// SPDX-License-Identifier: Apache-2.0
/// `stress`: scenarios drawn from seeds, each in a process of its own; what fails is named with a file that repeats it.
#include "platform/children.h"
#include "platform/files.h"
#include "platform/stress/draw.h"
#include "platform/yaml/strict_yaml.h"
#include "platform/verbs.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace quiesce::platform {
namespace {
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::atomic<bool> stress_interrupted{false};

struct DrawnScenario {
    Footing footing;
    std::unique_ptr<Scenario> scenario;
    Diagnostics found;
};
DrawnScenario scenario_of(const CommandLine& line, const std::vector<Footing>& footings, u64 seed) {
    const Drawn drawn = draw_scenario(seed, footings);
    DrawnScenario s{drawn.footing, nullptr, {}};
    s.scenario = parse_scenario(std::make_shared<const Source>(fmt::format("stress-{}.yaml", seed), drawn.text), line.sets, s.found);
    if (line.check_tlm) s.scenario->config.check_tlm = true;
    return s;
}

/// What a run leaves of itself for the parent.
Json summary(const Ran& ran) {
    const observe::RunRecord& r = ran.record;
    Json kinds = Json::object();
    for (const observe::Violation& v : r.violations) kinds[v.kind] = kinds.value(v.kind, 0) + 1;
    return {{"fingerprint", r.fingerprint},
            {"teardowns", r.teardowns.size()},
            {"dma", r.counts.dma.reads + r.counts.dma.writes},
            {"simulated_ps", r.simulated.ps()},
            {"kinds", kinds},
            {"story", r.violations.empty() ? "" : r.violations.front().story}};
}

/// All runs, in the order of their seeds, whoever was ready first.
class Stress {
public:
    Stress(const CommandLine& line, fs::path scratch)
        : line_(line), footings_(footings_for(line.sets)), first_(line.seed.value_or(1)), scratch_(std::move(scratch)) {}

    Exit run() {
        if (const Exit fits = check_sets(); fits != Exit::Ok) return fits;
        {
            Children children(line_.jobs);
            children.heed(stress_interrupted);
            for (u64 n = 0; n < line_.runs && !stress_interrupted; ++n) begin(children, first_ + n);
            children.finish();
        }
        forget_progress();
        if (line_.json) tell_json();
        else tell();
        return stress_interrupted ? Exit::Interrupted : worst_;
    }

private:
    struct Outcome {
        Footing footing;
        Exit exit = Exit::Ok;
        Json summary;
    };
    struct Sum {
        u64 runs = 0, teardowns = 0, dma = 0, failed = 0;
        sim::Duration simulated{};
    };

    /// A draw may have nothing of what --set sets; if none of the first has, it is a mistake.
    Exit check_sets() const {
        constexpr u64 tries = 100;
        std::optional<DrawnScenario> refused;
        for (u64 n = 0; n < std::min<u64>(line_.runs, tries); ++n) {
            DrawnScenario s = scenario_of(line_, footings_, first_ + n);
            if (s.found.ok()) return Exit::Ok;
            if (!refused) refused = std::move(s);
        }
        refused->found.print(stderr);
        return Exit::Usage;
    }

    void begin(Children& children, u64 seed) {
        DrawnScenario s = scenario_of(line_, footings_, seed);
        if (!s.found.ok() || !missing_capability(*s.scenario).empty()) {
            ++unfit_;
            return;
        }
        const fs::path left = scratch_ / std::to_string(seed);
        children.start(
            [&] {
                const Ran ran = simulate(*s.scenario, std::nullopt);
                write_file(left, summary(ran).dump());
                return ran.exit;
            },
            [this, seed, left, footing = s.footing](Exit exit) { over(seed, footing, exit, left); });
    }

    void over(u64 seed, const Footing& footing, Exit exit, const fs::path& left) {
        if (exit == Exit::Interrupted) stress_interrupted = true;
        Outcome o{footing, exit, Json::object()};
        if (std::ifstream in(left); in) o.summary = Json::parse(in, nullptr, false);
        remove_file(left);
        Sum& sum = by_footing_[footing.text()];
        ++sum.runs;
        sum.teardowns += o.summary.value("teardowns", u64{0});
        sum.dma += o.summary.value("dma", u64{0});
        sum.simulated += sim::Duration::ps(o.summary.value("simulated_ps", i64{0}));
        ++done_;
        progress();
        if (exit == Exit::Ok || exit == Exit::Interrupted) return;
        ++sum.failed;
        // What an exception or a signal ended is a finding, too, with the exit code of its own.
        worst_ = worse(worst_, exit);
        keep(seed);
        failures_.emplace(seed, std::move(o));
    }

    fs::path repeat_file(u64 seed) const { return fs::path(line_.out.value_or(".")) / fmt::format("stress-{}.yaml", seed); }
    void keep(u64 seed) const {
        write_file(repeat_file(seed), emit_yaml(scenario_of(line_, footings_, seed).scenario->resolved()));
    }

    void progress() {
        if (!terminal_) return;
        fmt::print(stderr, "\r{} of {} runs, {} failed ", done_, line_.runs, failures_.size());
        std::fflush(stderr);
    }
    void forget_progress() const {
        if (terminal_) fmt::print(stderr, "\r{:60}\r", "");
    }

    void tell() const {
        Sum all;
        fmt::print("{:<28} {:>7} {:>10} {:>12} {:>12} {:>7}\n", "", "runs", "teardowns", "DMA", "simulated", "failed");
        const auto row = [](std::string_view name, const Sum& s) {
            fmt::print("{:<28} {:>7} {:>10} {:>12} {:>12} {:>7}\n", name, s.runs, s.teardowns, s.dma, base::format_duration(s.simulated), s.failed);
        };
        for (const auto& [name, s] : by_footing_) {
            row(name, s);
            all.runs += s.runs;
            all.teardowns += s.teardowns;
            all.dma += s.dma;
            all.failed += s.failed;
            all.simulated += s.simulated;
        }
        row("all", all);
        for (const auto& [seed, o] : failures_) tell_failure(seed, o);
        if (unfit_ != 0) fmt::print("{} draws have nothing of what --set sets: not run\n", unfit_);
        fmt::print("seeds {} to {}: {}\n", first_, first_ + (line_.runs - 1),
                   stress_interrupted    ? fmt::format("interrupted after {} runs", done_)
                   : failures_.empty()   ? std::string{"nothing found"}
                                         : fmt::format("{} of {} runs failed", failures_.size(), done_));
    }
    void tell_json() const {
        Json all{{"seed", first_}, {"runs", line_.runs}, {"done", done_}, {"unfit", unfit_}, {"interrupted", stress_interrupted.load()}};
        all["by"] = all["failures"] = Json::array();
        for (const auto& [name, s] : by_footing_)
            all["by"].push_back({{"name", name}, {"runs", s.runs}, {"teardowns", s.teardowns}, {"dma", s.dma},
                                 {"simulated_ps", s.simulated.ps()}, {"failed", s.failed}});
        for (const auto& [seed, o] : failures_) {
            Json f{{"seed", seed}, {"name", o.footing.text()}, {"exit", static_cast<int>(o.exit)}, {"file", repeat_file(seed).string()}};
            for (const char* const key : {"kinds", "story", "fingerprint"})
                if (o.summary.contains(key)) f[key] = o.summary[key];
            all["failures"].push_back(std::move(f));
        }
        fmt::print("{}\n", all.dump(2));
    }
    void tell_failure(u64 seed, const Outcome& o) const {
        std::vector<std::string> kinds;
        const Json found = o.summary.value("kinds", Json::object());
        for (const auto& [kind, n] : found.items()) kinds.push_back(fmt::format("{} {}", n.get<u64>(), kind));
        const std::string what = kinds.empty() ? fmt::format("exit code {}", static_cast<int>(o.exit)) : base::join(kinds);
        fmt::print("\nFAIL  seed {} ({}): {}\n", seed, o.footing.text(), what);
        if (const auto story = o.summary.value("story", std::string{}); !story.empty()) fmt::print("      {}\n", story);
        fmt::print("      fingerprint {}, repeat with: quiesce run {}\n", o.summary.value("fingerprint", std::string{"unknown"}),
                   repeat_file(seed).string());
    }

    const CommandLine& line_;
    const std::vector<Footing> footings_;
    const u64 first_;
    const fs::path scratch_;
    const bool terminal_ = ::isatty(fileno(stderr)) == 1;
    u64 done_ = 0, unfit_ = 0;
    Exit worst_ = Exit::Ok;
    std::map<std::string, Sum> by_footing_;
    std::map<u64, Outcome> failures_;
};
} // namespace

Exit stress_verb(const CommandLine& line) {
    if (line.out) prepare_directory(*line.out);
    on_interrupt([](int) { stress_interrupted = true; });
    const TemporaryDirectory scratch;
    return Stress(line, scratch.path()).run();
}

} // namespace quiesce::platform
