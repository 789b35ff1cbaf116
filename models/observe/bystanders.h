// SPDX-License-Identifier: Apache-2.0
/// What the teardowns of others cost a bond that nobody tears down: its page requests and stalled transactions that began while one
/// was under way, and what of it was lost because a queue was full.
#pragma once
#include "observe/all_events.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

namespace quiesce::observe {

class Bystanders {
public:
    struct Counts {
        u64 records_lost = 0;       ///< fault records
        u64 page_requests_lost = 0; ///< that the hardware had no room for, answered by it or by nobody
        /// From a page request's leaving its device until its answer's arrival, from a stall until its end.
        std::vector<u64> page_request_ps{}, stall_ps{};
    };
    explicit Bystanders(base::EventBus& bus);
    const Counts& counts() const { return counts_; }

private:
    using GroupKey = std::pair<u32, u16>; ///< stream and index
    struct Waiting {
        sim::Time since{};
        bool beside = false;              ///< of a bystander
    };
    bool is_bystander(BondId b) const;
    void on(sim::Time now, const os::BondChanged& e);
    void on(sim::Time now, const os::ProcessChanged& e);
    void on(sim::Time now, const os::TeardownTriggered& e);
    void on(sim::Time now, const iommu::FaultRaised& e);
    void on(sim::Time now, const iommu::PageRequestDropped& e);
    void on(sim::Time now, const devices::PageRequestSent& e);
    void on(sim::Time now, const devices::PageResponseHeard& e);
    void on(sim::Time now, const devices::PageGroupForgotten& e);
    void on(sim::Time now, const iommu::TransactionStalled& e);
    void on(sim::Time now, const iommu::StallResolved& e);

    Counts counts_;
    std::map<u32, u32> mm_of_;            ///< of bonds that are bound
    std::set<u32> torn_, under_way_;      ///< bonds: whose teardown has begun; of these, not unbound
    std::set<u32> dying_;                 ///< or dead: mms
    std::map<GroupKey, std::vector<Waiting>> groups_;
    std::map<u64, Waiting> stalled_;      ///< by transaction
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
