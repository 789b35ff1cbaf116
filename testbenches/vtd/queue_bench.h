// SPDX-License-Identifier: Apache-2.0
/// A unit whose caches hold translations of two domains, to see what an invalidation leaves of them.
#pragma once
#include "vtd/bench.h"

namespace quiesce::iommu::vtd::test {

/// Two PASIDs of two domains: 5 and 6 with a first stage each, 8 with the second stage, all with the same page.
struct QueueBench : Bench {
    static constexpr DomainId other{8};
    Spa first5, first6 = new_table(), second8 = new_table(), leaf6{0}, leaf8{0}, leaf5{0};
    explicit QueueBench(const VtdConfig& c = {}) : Bench(c) {
        start(TableMode::Scalable);
        leaf5 = simple(here, there);
        first5 = load<PasidEntry>(pasid_at(5)).get(PasidEntry::FSPTPTR);
        store_pasid(6, first_stage(first6));
        leaf6 = map_first(first6, here, fs(there));
        map_first(first6, here + page_size, fs(there));
        store_pasid(8, second_stage(second8).set(PasidEntry::DID, other));
        leaf8 = map_second(second8, here.value(), ss(there));
        map_second(second8, here.value() + page_size, ss(there));
    }
    void warm() {
        for (const u32 pasid : {5u, 6u, 8u}) CHECK(dma(here, {stream, pasid}).to == there);
        CHECK(dma(here + page_size, {stream, 6}).to == there);
        CHECK(dma(here + page_size, {stream, 8}).to == there);
    }
    /// Which of them have forgotten the page, by mapping it to somewhere else in memory first.
    struct Forgotten {
        bool page5, page6, next6, page8, next8;
        bool operator==(const Forgotten&) const = default;
    };
    Forgotten after(const Descriptor& d) {
        warm();
        for (const Spa at : {leaf5, leaf6, leaf6 + 8}) store(at, load<FsEntry>(at).set(FsEntry::ADDR, elsewhere));
        for (const Spa at : {leaf8, leaf8 + 8}) store(at, load<SsEntry>(at).set(SsEntry::ADDR, elsewhere));
        submit(d, wait(1));
        CHECK(flagged() == 1);
        const auto moved = [&](u32 pasid, Iova at) { return dma(at, {stream, pasid}).to == elsewhere; };
        return {moved(5, here), moved(6, here), moved(6, here + page_size), moved(8, here), moved(8, here + page_size)};
    }
};
template <class D>
Descriptor any(const D& d) {
    return as_descriptor(d);
}

} // namespace quiesce::iommu::vtd::test
