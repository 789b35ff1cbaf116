// SPDX-License-Identifier: Apache-2.0
#include "os/pasid.h"

#include <algorithm>

namespace quiesce::os {

/// Of those from `from` to `to` the first that nobody has.
std::optional<u32> PasidAllocator::first_free(u32 from, u32 to) const {
    for (auto used = used_.lower_bound(from); used != used_.end() && *used == from && from <= to; ++used) ++from;
    return from <= to ? std::optional{from} : std::nullopt;
}

std::optional<Pasid> PasidAllocator::take(MmId mm, u32 limit) {
    const u32 low = config_.min, high = std::min<u32>(config_.max, limit - 1);
    if (high < low) return std::nullopt;
    u32 start = std::max(low, lowest_free_);
    if (config_.allocator == PasidOrder::Cyclic) start = last_ >= low && last_ < high ? last_ + 1 : low;
    if (config_.allocator == PasidOrder::Random) start = static_cast<u32>(random_.between(low, high));
    std::optional<u32> at = first_free(start, high);
    if (!at && config_.allocator != PasidOrder::Lowest && start > low) at = first_free(low, start - 1);
    if (!at) return std::nullopt;
    used_.insert(*at);
    last_ = *at;
    if (config_.allocator == PasidOrder::Lowest) lowest_free_ = *at + 1;
    events_.emit(PasidChanged{Pasid{*at}, mm, PasidState::Allocated});
    return Pasid{*at};
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
    lowest_free_ = std::min(lowest_free_, raw(pasid));
    events_.emit(PasidChanged{pasid, mm, PasidState::Free});
}

} // namespace quiesce::os
