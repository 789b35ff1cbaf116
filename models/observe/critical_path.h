// SPDX-License-Identifier: Apache-2.0
/// What a latency consists of: from its last instant back, at each step the predecessor that arrived last.
#pragma once
#include "base/facts.h"
#include "os/events.h"

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace quiesce::observe {

/// One stretch of a breakdown; consecutive parts touch.
struct PathPart {
    std::string phase;
    std::string actor;       ///< who spent it
    std::string waits_for;   ///< the unit waited for, empty where the actor itself worked
    sim::Time start{}, end{};
    u64 span = 0;            ///< 0: nobody's span: the scenario, or an actor between two spans
};

/// Keeps the spans of a run and walks them.
class SpanLog {
public:
    explicit SpanLog(base::EventBus& bus);

    static constexpr std::size_t most_parts = 256;
    /// Contiguous parts that cover [from, to], walking back from `to` in the span `last` (0: nobody's, all of it is the
    /// scenario's). If there are more than most_parts, those in the middle are one ("folded").
    std::vector<PathPart> path(sim::Time from, sim::Time to, u64 last) const;
    using Which = std::function<bool(const base::Span&)>;
    /// Of the spans that `which` picks: the one begun last that goes on at `at`, else the one that ended last before;
    /// 0: none.
    u64 latest(sim::Time at, const Which& which) const;
    /// Whose a span is; empty: there is none of this id.
    base::Name actor_of(u64 id) const;
    /// When a span of this id ended.
    sim::Time end_of(u64 id) const;
    std::size_t size() const { return spans_.size(); }

private:
    struct Kept {
        base::Span span;
        sim::Time end;
        std::size_t previous;    ///< index + 1 of the same actor's span before this one, 0 if none
    };
    struct Stretch;
    static PathPart told(const Stretch& s);
    static std::vector<PathPart> tell(const std::vector<Stretch>& last_first);
    /// Stretches without a CPU, of one name; several contexts can have it.
    struct OnCpu {
        unsigned running = 0;
        std::vector<std::pair<sim::Time, sim::Time>> off; ///< a context left, and one came
        std::optional<sim::Time> left;
    };
    void hear(sim::Time now, const os::CpuRuns& e);
    std::optional<std::pair<sim::Time, sim::Time>> away(base::Name actor, sim::Time from, sim::Time to) const;
    bool is_thread(base::Name actor) const;
    const Kept* by_id(u64 id) const;
    const Kept* predecessor(const Kept& k) const;
    std::vector<Kept> spans_;                        ///< in the order of ending
    std::unordered_map<u64, std::size_t> by_id_;     ///< looked up only; never iterated
    std::unordered_map<u64, u64> wait_for_;          ///< by the span that ended a wait: the first such wait
    std::vector<std::size_t> last_of_;               ///< by actor name index: index + 1 of its newest span
    mutable std::vector<u32> seen_;                  ///< by span: the last walk that came to it
    mutable u32 walk_ = 0;
    std::vector<OnCpu> on_cpu_;                      ///< by actor name index
    std::vector<base::Name> runs_;                   ///< by CPU
    std::vector<bool> processes_;                    ///< by name index
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
