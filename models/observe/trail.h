// SPDX-License-Identifier: Apache-2.0
/// What a run did, short enough to hold two runs against each other: where do they part?
///
/// All that happens, in order and with its times, as a digest of each chunk of events: two runs part in the first chunk whose
/// digests differ, and a second run of each tells that chunk's events. And, whatever the time, what the operating system and the
/// devices did, and that a DMA landed wrong, by whom it was done to (a lane): this is the same on every architecture, where the commands of an IOMMU, the
/// addresses, and how long anything takes are not.
#pragma once
#include "base/events.h"
#include "memory/events.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace quiesce::observe {

struct TrailEvent {
    u64 number = 0; ///< from 0, of all events
    i64 time_ps = 0;
    std::string kind;
    nlohmann::ordered_json fields;
    bool same_as(const TrailEvent& o) const { return time_ps == o.time_ps && does_same_as(o); }
    bool does_same_as(const TrailEvent& o) const { return kind == o.kind && fields == o.fields; }
};

class Trail {
public:
    static constexpr u64 chunk = 1024; ///< events

    /// Events of the chunks `told` (from 0) are kept whole.
    explicit Trail(base::EventBus& bus, std::set<u64> told = {});

    /// Of each whole chunk, and of what comes after the last of them.
    std::vector<u64> digests() const;
    u64 events() const { return count_; }
    /// In order: those of the chunks that were asked for.
    const std::vector<TrailEvent>& told() const { return events_; }
    /// By lane ("bond 1", "process app0"), in order.
    const std::map<std::string, std::vector<TrailEvent>>& lanes() const { return lanes_; }

private:
    template <class E> void hear(sim::Time now, const E& e);
    template <class E> void hear_neutral(sim::Time now, const E& e);
    void hear_wrong(sim::Time now, const memory::DmaCommitted& e);
    std::set<u64> wanted_;
    u64 count_ = 0, digest_ = 0;
    std::vector<u64> digests_;
    std::vector<TrailEvent> events_;
    std::map<std::string, std::vector<TrailEvent>> lanes_;
    std::set<std::pair<BondId, memory::Verdict>> wrong_; ///< told
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
