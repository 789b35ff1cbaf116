// SPDX-License-Identifier: Apache-2.0
#include "iommu/fence.h"

#include <algorithm>

namespace quiesce::iommu {

/// Each of the four, once true, stays true for what was there when the fence began; so they can be waited for one by
/// one.
sim::Task<void> Fence::completed(u64 upto, base::Name queue) {
    const u64 begun_before = walks_.close();
    co_await invalidations_.wait_finished(upto);
    co_await walks_.drained(begun_before);
    while (owes(upto, queue)) co_await settled_.wait();
}

bool Fence::owes(u64 upto, base::Name queue) const {
    return std::any_of(owed_.begin(), owed_.end(),
                       [&](const Owed& o) { return o.sequence <= upto && o.queue == queue; });
}

void Fence::discharged(u64 number) {
    owed_.erase(std::find_if(owed_.begin(), owed_.end(), [&](const Owed& o) { return o.number == number; }));
    settled_.notify_all();
}

} // namespace quiesce::iommu
