// SPDX-License-Identifier: Apache-2.0
#include "os/pasid.h"

#include <algorithm>
#include <utility>

namespace quiesce::os {

/// Of those from `from` to `to` the first that nobody has.
std::optional<u32> PasidAllocator::first_free(u32 from, u32 to) const {
    for (auto used = used_.lower_bound(from); used != used_.end() && used->first == from && from <= to; ++used) ++from;
    return from <= to ? std::optional{from} : std::nullopt;
}

bool PasidAllocator::has_quota(MmId mm, base::Name set) const {
    const auto its = [&](const auto& row) { return row.second.mm == mm && row.second.set == set; };
    return config_.quota == 0u || static_cast<u64>(std::count_if(used_.begin(), used_.end(), its)) < config_.quota.get();
}

std::optional<u32> PasidAllocator::choose(u32 low, u32 high) {
    u32 start = std::max(low, lowest_free_);
    if (config_.allocator == PasidOrder::Cyclic) start = last_ >= low && last_ < high ? last_ + 1 : low;
    if (config_.allocator == PasidOrder::Random) start = static_cast<u32>(random_.between(low, high));
    const std::optional<u32> at = first_free(start, high);
    if (at || config_.allocator == PasidOrder::Lowest || start == low) return at;
    return first_free(low, start - 1);
}

std::optional<Pasid> PasidAllocator::take(MmId mm, u32 limit, base::Name set) {
    const u32 low = config_.min, high = std::min<u32>(config_.max, limit - 1);
    const std::optional<u32> at = high < low || !has_quota(mm, set) ? std::nullopt : choose(low, high);
    if (!at) {
        events_.emit(PasidRefused{mm, set});
        return std::nullopt;
    }
    used_[*at] = {.mm = mm, .set = set};
    last_ = *at;
    if (config_.allocator == PasidOrder::Lowest) lowest_free_ = *at + 1;
    events_.emit(PasidChanged{Pasid{*at}, mm, PasidState::Allocated});
    return Pasid{*at};
}

/// ioasid_alloc with a custom allocator: what it hands out is kept account of here.
std::optional<Pasid> PasidAllocator::enter(std::optional<Pasid> pasid, MmId mm) {
    if (!pasid || !used_.try_emplace(raw(*pasid), Use{.mm = mm}).second) {
        events_.emit(PasidRefused{mm, {}});
        return std::nullopt;
    }
    events_.emit(PasidChanged{*pasid, mm, PasidState::Allocated});
    return pasid;
}

bool PasidAllocator::hold(Pasid pasid) {
    const auto found = used_.find(raw(pasid));
    if (found == used_.end() || found->second.given_back) return false;
    ++found->second.users;
    return true;
}

SvaDomain* PasidAllocator::find(Pasid pasid) const {
    const auto found = used_.find(raw(pasid));
    return found == used_.end() || found->second.users == 0 ? nullptr : found->second.data;
}

std::size_t PasidAllocator::with_processes() const {
    const auto its = [](const auto& used) { return used.second.mm != MmId{} && !used.second.given_back; };
    return static_cast<std::size_t>(std::count_if(used_.begin(), used_.end(), its));
}

/// ioasid_free: what is free already stays so.
void PasidAllocator::free(Pasid pasid, MmId mm) {
    Use& use = used_.at(raw(pasid));
    if (std::exchange(use.given_back, true)) return;
    if (use.users > 1) events_.emit(PasidChanged{pasid, mm, PasidState::FreePending});
    drop(pasid, mm);
}

/// ioasid_put.
void PasidAllocator::drop(Pasid pasid, MmId mm) {
    if (--used_.at(raw(pasid)).users == 0) retire(pasid, mm);
}

void PasidAllocator::retire(Pasid pasid, MmId mm) {
    if (config_.grace.get() == sim::Duration{} && !give_back) return release(pasid, mm);
    ++parked_;
    events_.emit(PasidChanged{pasid, mm, PasidState::Parked});
    sim::spawn(release_later(pasid, mm));
}

sim::Task<void> PasidAllocator::release_later(Pasid pasid, MmId mm) {
    co_await sim::delay(config_.grace.get());
    if (give_back) {
        auto given = give_back(pasid);
        co_await std::move(given);
    }
    --parked_;
    release(pasid, mm);
}

void PasidAllocator::release(Pasid pasid, MmId mm) {
    used_.erase(raw(pasid));
    lowest_free_ = std::min(lowest_free_, raw(pasid));
    events_.emit(PasidChanged{pasid, mm, PasidState::Free});
}

} // namespace quiesce::os
