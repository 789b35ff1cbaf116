// SPDX-License-Identifier: Apache-2.0
/// How full queues were, over the whole run, in bounded room: for stretches of time of one length, the most that
/// stood in each.
#pragma once
#include "observe/all_events.h"

#include <map>
#include <string>
#include <vector>

namespace quiesce::observe {

/// Of levels whose name ends in ".depth": command, event and page-request queues, and the kernel's of page faults.
class QueueLevels {
public:
    struct Queue {
        std::string name;        ///< smmu.cmdq
        u32 most = 0;
        sim::Time most_at{};     ///< since when it was so full first
        sim::Duration stretch{}; ///< of each level; the first begins with the run
        std::vector<u32> levels; ///< up to the end of the run
    };
    static constexpr std::size_t most_stretches = 256;

    explicit QueueLevels(base::EventBus& bus);
    /// Queues in which there ever was anything, by name.
    std::vector<Queue> results(sim::Time end) const;

private:
    struct Followed {
        u32 level = 0;
        sim::Time since{};
        Queue told;
        void stood_until(sim::Time now);
    };
    void on(sim::Time now, const base::LevelChanged& e);
    std::map<u32, Followed> queues_; ///< by name index; results go by the name
    std::vector<bool> others_;       ///< names that are no queues'
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
