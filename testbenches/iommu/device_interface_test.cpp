// SPDX-License-Identifier: Apache-2.0
/// Device interfaces: what a hit and a miss cost there, whom an invalidation waits for, who may pass whom; and what the
/// unit fetches before it is asked.
#include "iommu/core_bench.h"
#include "sim/random.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

namespace {

struct InterfaceBench : CoreBench {
    std::vector<Translated> told;
    base::Subscription token = bus.subscribe<Translated>([this](Time, const Translated& e) { told.push_back(e); });
    explicit InterfaceBench(unsigned count = 1) {
        config.interfaces.count = count;
        tables.map(root, at, Spa{0x8000'1000});
        tables.map(root, other, Spa{0x8000'2000});
    }
    DeviceInterface& interface(unsigned n = 0) { return *agent().interfaces().at(n); }
    Duration lookup() { return config.interfaces.lookup.get(); }
    Duration way() { return config.interfaces.way.get(); }
    /// What the interface knows nothing of and the unit has.
    Duration asked() { return lookup() + way() + hit_time() + way(); }
    TranslationRequest of_device(unsigned device, Iova where) {
        TranslationRequest r = request(where);
        r.device = static_cast<DeviceId>(device);
        return r;
    }
    u64 sequence = 0;
    void invalidate(const Scope& s) { agent().invalidate(++sequence, InvalidationKind::Translation, s); }
};

} // namespace

TEST_CASE("a miss of an interface adds the way, what the unit takes and the way back; a hit is its look-up alone",
          "[iommu][interface]") {
    InterfaceBench b;
    CHECK(b.once(b.request(at)).took == b.asked() + b.architecture.resolve_time + b.walk_time(4));
    const Transfer& hit = b.once(b.request(at + 0x456));
    CHECK(hit.took == b.lookup());
    CHECK(hit.got.to == Spa{0x8000'1456});
    REQUIRE(b.told.size() == 2);
    CHECK(b.told[0].look_up == LookUp::Miss);
    CHECK(b.told[1].look_up == LookUp::Near);
}

TEST_CASE("devices are dealt to interfaces in turn; what one has learned the other asks the unit for", "[iommu][interface]") {
    InterfaceBench b{2};
    b.once(b.of_device(0, at));
    CHECK(b.once(b.of_device(2, at)).took == b.lookup());
    CHECK(b.once(b.of_device(1, at)).took == b.asked());
    CHECK(b.interface(0).translations().size() == 1);
    CHECK(b.interface(1).translations().size() == 1);
    CHECK(b.told.back().look_up == LookUp::Hit);
}

TEST_CASE("an invalidation is over when every interface has applied it and said so", "[iommu][interface]") {
    const unsigned count = GENERATE(1u, 3u);
    InterfaceBench b{count};
    for (unsigned n = 0; n < count; ++n) b.once(b.of_device(n, at));
    Ended fence;
    const Time begun = sim::now();
    b.invalidate(scope_of_space(SpaceTag{9}, bit_of(CacheKind::Translation)));
    sim::start(fence.note(b.agent().fence(b.sequence)));
    b.settle();
    REQUIRE(fence.done);
    CHECK(fence.at - begun == b.config.invalidation.per_command + b.way() + b.config.invalidation.per_entry.get() + b.way());
    for (unsigned n = 0; n < count; ++n) CHECK(b.interface(n).translations().size() == 0);
    CHECK(b.agent().translations().size() == 0);
}

TEST_CASE("a fence waits for a transaction that an interface let through before the invalidation reached it",
          "[iommu][interface]") {
    InterfaceBench b;
    b.warm(at);
    Ended fence;
    Transfer& old = b.begin(b.request(at), 500_ns);
    b.invalidate(scope_of_page(SpaceTag{9}, at, true));
    sim::start(fence.note(b.agent().fence(b.sequence)));
    b.settle();
    CHECK(old.got.looked_up < fence.at);
    CHECK(fence.at == old.committed + b.way());
}

TEST_CASE("an answer of the unit from before an invalidation is not kept by an interface that it reaches after it",
          "[iommu][interface]") {
    const Duration after = GENERATE(range(0, 40)) * 1_ns;
    InterfaceBench b{2};
    b.once(b.of_device(1, at)); // the unit has it; the other interface asks
    b.begin(b.of_device(0, at));
    b.run(after);
    b.tables.map(b.root, at, Spa{0x9000'1000});
    Ended fence;
    b.invalidate(scope_of_page(SpaceTag{9}, at, true));
    sim::start(fence.note(b.agent().fence(b.sequence)));
    b.settle();
    REQUIRE(fence.done);
    CHECK(b.once(b.of_device(0, at)).got.to == Spa{0x9000'1000});
    CHECK(b.once(b.of_device(1, at)).got.to == Spa{0x9000'1000});
}

TEST_CASE("whatever the schedule, nobody who begins after a fence gets what it was waited for to be gone", "[iommu][interface]") {
    const u64 seed = GENERATE(range(1, 60));
    sim::Random random{seed, "interfaces"};
    InterfaceBench b{2};
    b.config.interfaces.way = base::Latency{Duration::ps(static_cast<i64>(random.below(50)) * 1000)};
    b.config.interfaces.entries = 2;
    b.config.interfaces.ways = 2;
    b.config.prefetch = random.below(2) == 0;
    struct Probe {
        Time begun;
        Transfer* t;
    };
    std::vector<Probe> probes;
    Ended fence;
    bool asked = false;
    for (unsigned n = 0; n < 60; ++n) {
        b.run(Duration::ps(static_cast<i64>(random.below(40)) * 1000));
        if (n == 25) {
            b.tables.map(b.root, at, Spa{0x9000'1000});
            b.invalidate(scope_of_space(SpaceTag{9}));
            sim::start(fence.note(b.agent().fence(b.sequence)));
            asked = true;
        }
        const Iova where = random.below(3) == 0 ? other : at;
        probes.push_back({sim::now(), &b.begin(b.of_device(static_cast<unsigned>(random.below(2)), where),
                                               Duration::ps(static_cast<i64>(random.below(100)) * 1000))});
    }
    b.settle();
    REQUIRE(asked);
    REQUIRE(fence.done);
    for (const Probe& p : probes) {
        const bool old = p.t->got.to == Spa{0x8000'1000};
        if (old) CHECK(p.t->committed <= fence.at);
        if (p.begun > fence.at) CHECK_FALSE(old);
    }
}

TEST_CASE("a hit passes a miss that came before it, unless its stream keeps its order", "[iommu][interface]") {
    const bool in_order = GENERATE(false, true);
    InterfaceBench b;
    b.config.interfaces.order = in_order ? StreamOrder::Stream : StreamOrder::None;
    b.add_context(2, 5, b.root, SpaceTag{9});
    b.warm(at);
    TranslationRequest elsewhere = b.request(at);
    elsewhere.stream = StreamId{2};
    b.once(elsewhere);
    Transfer& miss = b.begin(b.request(other));
    Transfer& hit = b.begin(b.request(at));
    Transfer& of_other_stream = b.begin(elsewhere);
    b.settle();
    CHECK(of_other_stream.took == b.lookup());
    CHECK(hit.at == (in_order ? miss.at : hit.at));
    CHECK((hit.at < miss.at) == !in_order);
}

TEST_CASE("without hits under misses a look-up waits until the unit has answered", "[iommu][interface]") {
    const bool under = GENERATE(false, true);
    InterfaceBench b;
    b.config.interfaces.hit_under_miss = under;
    b.warm(at);
    Transfer& miss = b.begin(b.request(other));
    b.run(b.lookup() + 1_ns);
    const Time begun = sim::now();
    Transfer& hit = b.begin(b.request(at));
    b.settle();
    CHECK(hit.took == (under ? b.lookup() : miss.at - begun + b.lookup()));
}

TEST_CASE("no more transactions than it has slots are in an interface at once", "[iommu][interface]") {
    InterfaceBench b;
    b.config.interfaces.slots = 2;
    for (unsigned n = 0; n < 5; ++n) b.begin(b.request(at));
    b.run(b.lookup());
    CHECK(b.interface().slots().used() == 2);
    CHECK(b.interface().slots().waiting() == 3);
    b.settle();
    CHECK(b.interface().slots().used() == 0);
    CHECK(b.interface().in_flight().inside() == 0);
}

TEST_CASE("the page behind a page that was walked for is fetched, too, and its faults are nobody's", "[iommu][prefetch]") {
    InterfaceBench b{0};
    b.config.prefetch = true;
    b.once(b.request(at));
    CHECK(b.agent().prefetches() == 1);
    CHECK(b.once(b.request(other)).took == b.hit_time());
    // Behind `other` nothing is mapped: only a miss, which there was none of, would look there.
    b.tables.map(b.root, Iova{0x50'0000'0000}, Spa{0x8000'5000});
    b.once(b.request(Iova{0x50'0000'0000}));
    CHECK(b.agent().prefetches() == 2);
    CHECK(b.architecture.faults.empty());
}

TEST_CASE("a fence waits for a page that is fetched ahead", "[iommu][prefetch]") {
    InterfaceBench b{0};
    b.config.prefetch = true;
    Transfer& first = b.begin(b.request(at));
    while (!first.answered) b.run(1_ns);
    Ended fence;
    b.invalidate(scope_of_page(SpaceTag{9}, other, true));
    sim::start(fence.note(b.agent().fence(b.sequence)));
    b.settle();
    CHECK(fence.at >= first.at + b.entry_time()); // one entry: the way there is cached
    CHECK(b.agent().translations().size() == 1); // it was overtaken, and is not kept
}

TEST_CASE("caches of table pointers may be one for each level", "[iommu][walker]") {
    InterfaceBench b{0};
    b.config.walker.cache_by_level = true;
    b.config.walker.level2_entries = 1;
    b.once(b.request(at));
    for (unsigned level = 0; level < 3; ++level) CHECK(b.agent().walker().cache(level).size() == 1);
    CHECK(b.once(b.request(other)).took == b.hit_time() + b.walk_time(1));
    // Another table of the last level evicts the only pointer to the first; those above are still there.
    b.tables.map(b.root, at + 0x20'0000, Spa{0x8000'7000});
    CHECK(b.once(b.request(at + 0x20'0000)).took == b.hit_time() + b.walk_time(2));
    b.invalidate(scope_of_space(SpaceTag{9}));
    b.settle();
    for (unsigned level = 0; level < 3; ++level) CHECK(b.agent().walker().cache(level).size() == 0);
}
