// SPDX-License-Identifier: Apache-2.0
/// A device that is an ATC and a DMA engine, behind a root port whose IOMMU can be told what it answers.
#pragma once
#include "devices/dma_engine.h"
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

#include <deque>

namespace quiesce::stubs {

struct AtsDevice final : pcie::Endpoint {
    AtsDevice(base::EventBus& bus, pcie::RootComplex& rc, const devices::AtcConfig& c)
        : Endpoint("dev", bus, rc, pcie::LinkConfig{}, pcie::EndpointConfig{}, DeviceId{0}), atc("dev", bus, *this, c),
          engine("dev.dma", bus, *this, devices::DmaEngineConfig{}, 1, &atc) {
        take_into_service();
        atc.enable(true);
    }
    bool invalidate(const pcie::InvalidateRequest& r) override { return atc.invalidate(r); }

    devices::Atc atc;
    devices::DmaEngine engine;
};

struct AtsBench : Fabric {
    struct Asked {
        devices::Atc::Found found;
        bool done = false;
        sim::Duration took{};
    };
    struct Invalidated {
        iommu::AtcAnswer answer{};
        bool done = false;
        sim::Time at;
    };
    devices::AtcConfig atc_config;
    AtsDevice dev;
    std::deque<Asked> asked;
    std::deque<Invalidated> invalidated;

    explicit AtsBench(const devices::AtcConfig& c = {}) : atc_config(c), dev(events, root_complex, c) {
        iommu.keep_questions = true;
    }
    ~AtsBench() {
        asked.clear();
        calendar.shutdown();
    }

    pcie::DmaRequest to(Iova at, u32 pasid = 5) const {
        pcie::DmaRequest r;
        r.at = at;
        r.bytes = 64;
        r.has_pasid = true;
        r.pasid = Pasid{pasid};
        return r;
    }
    sim::Task<void> asking(pcie::DmaRequest r, bool write, Asked& a) {
        const sim::Time begun = sim::now();
        a.found = co_await dev.atc.translate(r, write);
        a.took = sim::now() - begun;
        a.done = true;
    }
    /// Begins a translation; its use lasts until `found.use.end()`.
    Asked& begin(pcie::DmaRequest r, bool write = false) {
        asked.emplace_back();
        sim::start(asking(r, write, asked.back()));
        return asked.back();
    }
    /// Translates, and uses the result no further.
    Asked& translate(pcie::DmaRequest r, bool write = false) {
        Asked& a = begin(r, write);
        run(2_us);
        REQUIRE(a.done);
        a.found.use.end();
        return a;
    }
    /// How many translation requests it took.
    u64 requests_for(pcie::DmaRequest r, bool write = false) {
        const u64 before = dev.atc.counts().requests;
        translate(r, write);
        return dev.atc.counts().requests - before;
    }
    iommu::AtcInvalidation range(Iova first, u64 bytes = page_size, u32 pasid = 5) const {
        iommu::AtcInvalidation what;
        what.stream = dev.stream();
        what.has_pasid = true;
        what.pasid = Pasid{pasid};
        what.range = {first, bytes};
        return what;
    }
    sim::Task<void> invalidating(iommu::AtcInvalidation what, Invalidated& i) {
        i.answer = co_await root_complex.invalidate(what);
        i.at = sim::now();
        i.done = true;
    }
    Invalidated& begin(const iommu::AtcInvalidation& what) {
        invalidated.emplace_back();
        sim::start(invalidating(what, invalidated.back()));
        return invalidated.back();
    }
    void invalidate(const iommu::AtcInvalidation& what) {
        const Invalidated& i = begin(what);
        run(2_us);
        REQUIRE(i.done);
        REQUIRE(i.answer == iommu::AtcAnswer::Completed);
    }
    /// `count` requests of 64 bytes to the page.
    devices::Workload work(Iova page, devices::Direction d, u64 count = 1) const {
        devices::Workload w;
        w.direction = d;
        w.min_bytes = w.max_bytes = 64;
        w.footprint = {{page, page_size}};
        w.count = count;
        w.has_pasid = true;
        w.pasid = Pasid{5};
        return w;
    }
    u64 questions(iommu::AddressType type) const {
        u64 n = 0;
        for (const auto& q : iommu.questions) n += q.type == type;
        return n;
    }
};

} // namespace quiesce::stubs
