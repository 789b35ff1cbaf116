// SPDX-License-Identifier: Apache-2.0
/// Where each page request is: with its device until the answer arrives there, and, while it is a record, with the
/// hardware's queue or the OS. Both have to be over for it to be gone. A stalled transaction is one as well: the unit
/// holds it until it is resolved, and its tag is its group.
#pragma once
#include "observe/all_events.h"

#include <deque>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace quiesce::observe {

class PageRequests {
public:
    explicit PageRequests(base::EventBus& bus);

    /// One request that its device waits for.
    struct Waiting {
        BondId bond{};
        StreamId stream{};
        u16 group = 0;
        Iova at{};
        sim::Time sent{};
        u64 event = 0;                      ///< base::EventBus's number of what was seen of it last
        std::optional<sim::Time> dropped{}; ///< the unit's queue had no room for it, then
        base::Name queue{};                 ///< which was this
    };
    std::vector<Waiting> waiting() const;
    /// The same for transactions that are stalled.
    std::vector<Waiting> stalled() const;
    /// Requests of the bond that are unanswered or queued anywhere, now.
    u64 open(BondId bond) const;
    /// When the last of them was gone; nothing if there never was one, or if there is one now.
    std::optional<sim::Time> drained(BondId bond) const;
    /// base::EventBus's number of the event with which it was; 0: there never was one.
    u64 drained_by(BondId bond) const;
    /// The last of them was not answered: its device forgot it.
    bool forgotten(BondId bond) const;
    /// From a request's leaving its device's hands to the arrival of its answer, in the order of the answers.
    const std::vector<u64>& latency_ps() const { return latency_ps_; }
    /// From a transaction's stall to its resolution, in the order of these.
    const std::vector<u64>& stall_ps() const { return stall_ps_; }
    /// Transactions that were stalled at once, at most.
    std::size_t most_stalled() const { return most_stalled_; }

private:
    using GroupKey = std::pair<u32, u16>; ///< stream and index
    struct Bond {
        u64 open = 0;
        bool any = false, forgotten = false;
        sim::Time drained{};
        u64 drained_by = 0;
    };
    void begin(BondId b);
    void end(BondId b, sim::Time now, bool forgotten = false);
    void on(sim::Time now, const devices::PageRequestSent& e);
    void on(sim::Time now, const devices::PageResponseHeard& e);
    void on(sim::Time now, const devices::PageGroupForgotten& e);
    void on(sim::Time now, const iommu::PageRequestRecorded& e);
    void on(sim::Time now, const iommu::PageRequestDropped& e);
    void on(sim::Time now, const iommu::TransactionStalled& e);
    void on(sim::Time now, const iommu::StallRecorded& e);
    void on(sim::Time now, const iommu::StallResolved& e);
    Waiting* waiting_for(StreamId stream, u16 group, Iova at);
    void recorded(StreamId stream, u16 group, Iova at, BondId bond);
    void on(sim::Time now, const os::PageRequestEnded& e);

    base::EventBus& bus_;
    std::map<u32, Bond> bonds_;
    std::map<GroupKey, std::vector<Waiting>> waiting_;
    std::map<u32, Pasid> pasids_; ///< by bond: of those that have asked
    std::map<std::tuple<u32, u16, u64>, std::deque<BondId>> records_; ///< by stream, group and page
    std::map<u64, Waiting> stalled_; ///< by transaction
    std::size_t most_stalled_ = 0;
    std::vector<u64> latency_ps_, stall_ps_;
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
