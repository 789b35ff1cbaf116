// SPDX-License-Identifier: Apache-2.0
/// The runs of a sweep: in processes of their own, each kept under the hash of all that decides it, so that none is
/// made twice.
#pragma once
#include "platform/runner.h"
#include "platform/sweep/file.h"
#include "platform/sweep/statistics.h"

#include <chrono>
#include <functional>
#include <set>

namespace quiesce::platform {

struct SweepRun {
    enum class State { Missing, Ran, Kept, Failed };
    State state = State::Missing;
    std::string key; ///< of its file: DIR/points/KEY.json is its run.json
    std::string verdict, fingerprint, reason;
    i64 open = 0; ///< teardowns without a quiesce latency
    double wall_s = 0;
    std::vector<std::optional<nlohmann::ordered_json>> values; ///< by metric, as run.json has them
    bool is_there() const { return state == State::Ran || state == State::Kept; }
};

class SweepEngine {
public:
    /// Of `parts` parts only the `part`-th (from 1), if there are parts.
    SweepEngine(const Sweep& sweep, std::filesystem::path dir, unsigned jobs, std::size_t part = 0, std::size_t parts = 0);
    /// Reads the scenario of every point. What cannot be is in `out`, and nothing is then to be run. From here on an interrupt is
    /// heeded, and what it left unread stays missing.
    void check(Diagnostics& out);
    static bool is_interrupted();
    /// Takes what is there from before; its number.
    std::size_t take_kept();
    /// What is there of runs that others have made: results, failures. What left nothing has failed for the reason that is given, or
    /// is missing if that is empty.
    void take_tried(const std::function<std::string(std::size_t run)>& why_not);
    /// Results that there are by now, taken or not.
    std::size_t files_there() const;
    /// Makes the runs that are missing. False if somebody interrupted it: what was done is there.
    bool run();

    const Sweep& sweep() const { return sweep_; }
    unsigned jobs() const { return jobs_; }
    const SweepRun& at(std::size_t point, std::size_t seed) const { return runs_[point * sweep_.seeds.size() + seed]; }
    std::size_t count(SweepRun::State state) const;
    std::size_t verdicts(std::string_view verdict) const;
    /// Of one point and metric, those that there are.
    std::vector<double> values(std::size_t point, std::size_t metric) const;
    std::optional<double> mean(std::size_t point, std::size_t metric) const;

private:
    std::filesystem::path file(const std::string& key, const char* ending) const { return dir_ / (key + ending); }
    bool take(std::size_t n, SweepRun::State state);
    bool is_mine(std::size_t n) const { return parts_ == 0 || n % parts_ + 1 == part_; }
    Exit be_run(std::size_t n) const;
    void over(std::size_t n, Exit exit);
    void progress();

    const Sweep& sweep_;
    const std::filesystem::path dir_;
    const unsigned jobs_;
    const std::size_t part_, parts_;
    const bool terminal_;
    std::vector<SweepRun> runs_;                           ///< by point, then by seed
    std::map<std::string, std::vector<std::size_t>> same_; ///< points that are one and the same run
    std::size_t wanted_ = 0, done_ = 0, failed_ = 0;
    std::chrono::steady_clock::time_point began_{}, told_{};
};

} // namespace quiesce::platform
