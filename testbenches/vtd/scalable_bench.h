// SPDX-License-Identifier: Apache-2.0
/// A unit in scalable mode with one requester, whose PASID 5 the tests give what they need.
#pragma once
#include "vtd/bench.h"

namespace quiesce::iommu::vtd::test {

struct ScalableBench : Bench {
    Spa first = new_table(), second = new_table();
    explicit ScalableBench(const VtdConfig& c = {}) : Bench(c) {
        start(TableMode::Scalable);
        store_context(context());
    }
    Translation write_to(Iova at) { return dma(at, with(pasid5, iommu::Access::Write)); }
    FaultCode refused(Iova at, const Dma& d = pasid5) {
        CHECK(dma(at, d).ending == Ending::Abort);
        return only_record().get(FaultRecord::FR);
    }
    /// The second stage maps all that first-stage tables and pages use to itself, by 2 MiB pages.
    void map_all_second() {
        for (u64 at = 0x1500'0000; at < 0x1600'0000; at += 0x20'0000)
            map_second(second, at, ss(Spa{at}).set(SsEntry::PS, true), 3);
    }
};

} // namespace quiesce::iommu::vtd::test
