// SPDX-License-Identifier: Apache-2.0
#include "observe/cache_rates.h"

namespace quiesce::observe {

CacheRates::CacheRates(base::EventBus& bus) {
    tokens_.push_back(bus.subscribe<os::TeardownTriggered>([this](sim::Time, const os::TeardownTriggered& e) { torn_.insert(raw(e.bond)); }));
    tokens_.push_back(bus.subscribe<iommu::Translated>([this](sim::Time, const iommu::Translated& e) {
        if (e.look_up != iommu::LookUp::Bypass) count(counts_.tlb, e.bond, e.look_up != iommu::LookUp::Miss);
    }));
    tokens_.push_back(bus.subscribe<base::CacheLookedUp>([this](sim::Time, const base::CacheLookedUp& e) {
        count(e.kind == base::CachedThing::TablePointer ? counts_.tables : counts_.atc, e.bond, e.hit);
    }));
}

void CacheRates::count(Rate& r, BondId bond, bool hit) {
    Share& s = torn_.count(raw(bond)) != 0 ? r.after : r.before;
    ++s.lookups;
    s.hits += hit;
}

} // namespace quiesce::observe
