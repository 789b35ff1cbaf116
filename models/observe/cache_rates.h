// SPDX-License-Identifier: Apache-2.0
/// How often caches of translations had what was looked for, before and after T0 of whoever it was looked for: a teardown takes
/// translations away, and what is still in flight, or comes late, asks again.
#pragma once
#include "observe/all_events.h"

#include <array>
#include <map>
#include <set>
#include <string_view>
#include <vector>

namespace quiesce::observe {

class CacheRates {
public:
    struct Share { u64 lookups = 0, hits = 0; };
    struct Rate {
        Share before{}, after{}; ///< T0 of the bond; one that nobody tears down, or of no bond: before
    };
    struct Counts {
        Rate tlb{};    ///< translation caches of IOMMUs and of their device interfaces, by the request
        Rate tables{}; ///< caches of table pointers, by the walk
        Rate atc{};    ///< those of devices
    };
    explicit CacheRates(base::EventBus& bus);
    const Counts& counts() const { return counts_; }

private:
    void count(Rate& r, BondId bond, bool hit);
    Counts counts_;
    std::set<u32> torn_; ///< bonds
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
