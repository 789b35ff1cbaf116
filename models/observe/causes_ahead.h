// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "observe/event_log.h"

#include <deque>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

namespace quiesce::observe {

/// What stands later in the list than what it explains, and is looked up by it.
struct CausesAhead {
    using CommandKey = std::pair<u32, u64>; ///< unit and sequence
    std::map<CommandKey, Spa> entries;
    struct Invalidation {
        sim::Time asked;
        CommandKey command;
    };
    std::map<std::pair<u32, u16>, std::deque<Invalidation>> invalidations; ///< by link and tag
    std::unordered_map<u64, base::Name> actors;                            ///< by span
    struct Wait {
        base::Name actor;
        sim::Time since;
    };
    std::unordered_map<u64, Wait> waits; ///< by the span that ended it: the first

    explicit CausesAhead(const std::vector<LoggedEvent>& events) {
        for (const LoggedEvent& row : events) visit(row, [this](const auto& e) { note(e); });
    }
    template <class E> void note(const E&) {}
    void note(const iommu::CommandConsumed& e) { entries[{e.unit.index(), e.sequence}] = e.entry.what; }
    void note(const pcie::InvalidationAnswered& e) {
        invalidations[{e.link.index(), e.itag}].push_back({e.asked, {e.unit.index(), e.sequence}});
    }
    void note(const base::Span& e) {
        actors[e.id] = e.actor;
        if (e.ended_by != 0) waits.try_emplace(e.ended_by, Wait{e.actor, e.start});
    }
};

} // namespace quiesce::observe
