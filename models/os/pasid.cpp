// SPDX-License-Identifier: Apache-2.0
#include "os/pasid.h"

#include <algorithm>

namespace quiesce::os {

std::optional<Pasid> PasidAllocator::take(MmId mm, u32 limit) {
    const u32 low = config_.min, high = std::min<u32>(config_.max, limit - 1);
    if (high < low || used_.size() > high - low) return std::nullopt;
    u32 at = low;
    if (config_.allocator == PasidOrder::Cyclic && last_ >= low && last_ < high) at = last_ + 1;
    if (config_.allocator == PasidOrder::Random) at = static_cast<u32>(random_.between(low, high));
    while (used_.count(at) != 0) at = at == high ? low : at + 1;
    used_.insert(at);
    last_ = at;
    events_.emit(PasidChanged{Pasid{at}, mm, PasidState::Allocated});
    return Pasid{at};
}

void PasidAllocator::free(Pasid pasid, MmId mm) {
    if (config_.grace.get() == sim::Duration{}) return release(pasid, mm);
    ++parked_;
    events_.emit(PasidChanged{pasid, mm, PasidState::Parked});
    sim::spawn(release_later(pasid, mm));
}

sim::Task<void> PasidAllocator::release_later(Pasid pasid, MmId mm) {
    co_await sim::delay(config_.grace.get());
    --parked_;
    release(pasid, mm);
}

void PasidAllocator::release(Pasid pasid, MmId mm) {
    used_.erase(raw(pasid));
    events_.emit(PasidChanged{pasid, mm, PasidState::Free});
}

} // namespace quiesce::os
