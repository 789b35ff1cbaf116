// SPDX-License-Identifier: Apache-2.0
/// Plain counts over a run: DMA, faults, page requests, invalidations, CPU time.
#pragma once
#include "observe/all_events.h"

#include <map>
#include <string>
#include <vector>

namespace quiesce::observe {

struct RunCounts {
    struct Dma { u64 reads = 0, writes = 0, bytes = 0, aborted = 0, legal_after_unmap = 0; } dma;
    struct Faults {
        u64 recorded = 0, suppressed = 0, filtered = 0, lost_overflow = 0, discarded = 0;
        std::map<std::string, u64> by_type;
    } faults;
    struct Invalidations {
        u64 tlb = 0, atc = 0, configuration = 0, fences = 0;
        std::vector<u64> fence_wait_ps;      ///< by fence that a CPU waited for, in the order of completion
    } invalidations;
    u64 translations = 0, tlb_hits = 0;
    std::map<std::string, u64> cpu_ps;       ///< by context
};

class Counters {
public:
    explicit Counters(base::EventBus& bus);
    const RunCounts& counts() const { return c_; }

private:
    RunCounts c_;
    std::map<u64, sim::Time> issued_;
    std::vector<base::Subscription> tokens_;
    void on(sim::Time now, const memory::DmaCommitted& e);
    void on(sim::Time now, const devices::DmaEnded& e);
    void on(sim::Time now, const iommu::FaultRaised& e);
    void on(sim::Time now, const iommu::Translated& e);
    void on(sim::Time now, const iommu::InvalidationBegun& e);
    void on(sim::Time now, const iommu::FenceSignalled& e);
    void on(sim::Time now, const os::InvalidationIssued& e);
    void on(sim::Time now, const os::FenceObserved& e);
    void on(sim::Time now, const os::FaultHandled& e);
    void on(sim::Time now, const os::CpuSpent& e);
};

/// The p-th percentile (0..100) by the nearest-rank rule; 0 of nothing.
u64 percentile(std::vector<u64> values, unsigned p);

} // namespace quiesce::observe
