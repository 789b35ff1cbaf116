// SPDX-License-Identifier: Apache-2.0
/// A root complex between a stub IOMMU and a stub memory, with named latencies to add up.
#pragma once
#include "pcie/endpoint.h"
#include "pcie/support/stubs.h"

#include <array>

namespace quiesce::stubs {

inline constexpr u64 high = u64{1} << 32; ///< input addresses from here on have long headers; memory is at high + offset - high

struct Fabric {
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    Translator iommu{5_ns, u64{0} - high};
    Memory memory{85_ns, 1 << 20};
    pcie::RootComplexConfig config;
    pcie::RootComplex root_complex{events, memory, &iommu, config};
    explicit Fabric(const pcie::RootComplexConfig& c = {}) : config(c) {}
    ~Fabric() { calendar.shutdown(); }

    void run(sim::Duration d) { calendar.run_for(d); }
    Iova at(u64 offset) const { return Iova{high + offset}; }
    u64 word(u64 offset) const { return memory.peek64(Spa{offset}); }
};

/// An endpoint in service that notes what reaches its registers and which invalidations come.
struct TestEndpoint final : pcie::Endpoint {
    struct Access {
        sim::Time at;
        u64 offset;
        unsigned size;
        bool write;
        u64 value;
    };
    TestEndpoint(Fabric& f, const pcie::LinkConfig& link = {}, const pcie::EndpointConfig& config = {}, DeviceId id = DeviceId{0})
        : Endpoint("ep" + std::to_string(raw(id)), f.events, f.root_complex, link, config, id), link_config(link),
          endpoint_config(config) {
        take_into_service();
    }
    void bar_write(u64 offset, unsigned size, u64 value) override { accesses.push_back({sim::now(), offset, size, true, value}); }
    u64 bar_read(u64 offset, unsigned size) override {
        accesses.push_back({sim::now(), offset, size, false, answer});
        return answer;
    }
    bool invalidate(const pcie::InvalidateRequest& r) override {
        if (has_atc) invalidations.push_back({sim::now(), r});
        return has_atc;
    }
    sim::Duration wire(u32 bytes) { return port().link().up.occupancy(bytes); }

    struct Invalidation {
        sim::Time at;
        pcie::InvalidateRequest request;
    };
    pcie::LinkConfig link_config;
    pcie::EndpointConfig endpoint_config;
    std::vector<Access> accesses;
    bool has_atc = true;
    std::vector<Invalidation> invalidations; ///< taken; the test answers them
    u64 answer = 0;
};

/// The instant at which a task ends.
inline sim::Task<void> timed(sim::Task<void> t, sim::Time& end) {
    co_await std::move(t);
    end = sim::now();
}
template <class T>
sim::Task<void> timed(sim::Task<T> t, sim::Time& end, T& result) {
    result = co_await std::move(t);
    end = sim::now();
}

} // namespace quiesce::stubs
