// SPDX-License-Identifier: Apache-2.0
/// The event queue: overflow, aborts, the order of records, and the levels of both queues.
#include "smmuv3/bench.h"

#include <rapidcheck.h>

namespace quiesce::iommu::smmuv3::test {
namespace {


} // namespace

TEST_CASE("a full event queue loses records and toggles OVFLG once, until it is acknowledged", "[smmuv3]") {
    Bench b;
    b.start();
    Log<FaultRaised> faults{b.bus};
    const auto overflow = [&] { return b.reg<EventqProd>().get(EventqProd::OVFLG); };
    for (int i = 0; i < 4; ++i) b.dma(here, Access::Read, 99);
    CHECK_FALSE(overflow());
    CHECK(b.events() == 4);
    for (int i = 0; i < 3; ++i) b.dma(here, Access::Read, 99);
    CHECK(overflow());
    CHECK(faults.last().fate == FaultFate::Lost);

    b.write(EventqCons{}.set(EventqCons::RD,
                             4)); // space, but the overflow is not acknowledged: records are written all the same
    b.dma(here, Access::Read, 98);
    CHECK(b.events() == 5);
    CHECK(faults.last().fate == FaultFate::Recorded);
    for (int i = 0; i < 4; ++i) b.dma(here, Access::Read, 99);
    CHECK(overflow()); // not toggled back
    b.consume_events();
    for (int i = 0; i < 5; ++i) b.dma(here, Access::Read, 99);
    CHECK_FALSE(overflow()); // the second overflow toggles to 0
    CHECK(b.reg<EventqCons>().get(EventqCons::OVACKFLG));
}

TEST_CASE("records of a disabled event queue are discarded without an overflow", "[smmuv3]") {
    Bench b;
    b.start();
    b.write(Cr0{}.set(Cr0::SMMUEN, true));
    Log<FaultRaised> faults{b.bus};
    for (int i = 0; i < 6; ++i) b.dma(here, Access::Read, 99);
    CHECK(b.events() == 0);
    CHECK_FALSE(b.reg<EventqProd>().get(EventqProd::OVFLG));
    CHECK(faults.last().fate == FaultFate::Discarded);
}

TEST_CASE("an event queue outside memory raises EVENTQ_ABT_ERR and stays closed until that is acknowledged",
          "[smmuv3]") {
    Bench b;
    b.start();
    b.memory.broken = Bench::evtq;
    b.dma(here, Access::Read, 99);
    CHECK(b.error(Gerror::EVENTQ_ABT_ERR));
    CHECK(b.events() == 0);
    b.memory.broken = Spa{0};
    b.dma(here, Access::Read, 99);
    CHECK(b.events() == 0);
    b.acknowledge_errors();
    b.dma(here, Access::Read, 99);
    CHECK(b.events() == 1);
}

TEST_CASE("a record is written after its latency and the memory's, then PROD moves", "[smmuv3]") {
    Smmuv3Config config;
    Bench b{config};
    b.start();
    Log<FaultRaised> faults{b.bus};
    const sim::Time begun = sim::now();
    b.dma(here, Access::Read, 99);
    REQUIRE(faults.size() == 1);
    CHECK(faults.all[0].first == begun + config.agent.config_lookup.get() + config.agent.tlb_lookup.get() +
                                     config.event_write.get() + b.memory.latency);
}

TEST_CASE("a flood of faults is held back by the record buffers and loses nothing it need not lose", "[smmuv3]") {
    Smmuv3Config config;
    config.event_buffers = 2;
    Bench b{config};
    b.start();
    Log<FaultRaised> faults{b.bus};
    for (u32 i = 0; i < 4; ++i)
        sim::spawn([](Bench& bench, u32 n) -> sim::Task<void> {
            co_await bench.unit.translation().translate(bench.request(here + n * page_size, Access::Read, 99 + n));
        }(b, i));
    b.settle();
    REQUIRE(b.events() == 4);
    for (u32 i = 0; i < 4; ++i)
        CHECK(b.event(i).get(EventRecord::SID) == StreamId{99 + i}); // in the order of the faults
}

TEST_CASE("queue depths are stated as levels", "[smmuv3]") {
    Bench b;
    b.start();
    std::vector<u32> depths, records;
    const base::Name cmdq{"smmu.cmdq.depth"}, evtq{"smmu.evtq.depth"};
    const auto token = b.bus.subscribe<base::LevelChanged>([&](sim::Time, const base::LevelChanged& e) {
        if (e.what == cmdq) depths.push_back(e.value);
        if (e.what == evtq) records.push_back(e.value);
    });
    b.command(make_command<TlbiNhAll>(), Bench::sync());
    CHECK(depths == std::vector<u32>{2, 1, 0});
    b.dma(here, Access::Read, 99);
    b.consume_events();
    CHECK(records == std::vector<u32>{1, 0});
}

TEST_CASE("the event queue keeps the first records that fit, in order, whatever the consumer does", "[smmuv3]") {
    Bench b;
    b.start();
    u32 taken = 0, next_stream = 0x100;
    std::vector<u32> expected;
    const bool held = rc::check("event queue", [&] {
        const auto steps = *rc::gen::container<std::vector<u32>>(rc::gen::inRange(0u, 4u));
        for (const u32 step : steps) {
            if (step == 0 && !expected.empty()) {
                const EventRecord e = b.event(taken);
                RC_ASSERT(raw(e.get(EventRecord::SID)) == expected.front());
                expected.erase(expected.begin());
                taken = base::WrapBit::next(taken, Bench::evtq_log2);
                b.write(EventqCons{}
                            .set(EventqCons::RD, taken)
                            .set(EventqCons::OVACKFLG, b.reg<EventqProd>().get(EventqProd::OVFLG)));
            } else {
                b.dma(here, Access::Read, ++next_stream);
                if (expected.size() < 4)
                    expected.push_back(next_stream);
                else
                    RC_ASSERT(b.reg<EventqProd>().get(EventqProd::OVFLG) !=
                              b.reg<EventqCons>().get(EventqCons::OVACKFLG));
            }
            RC_ASSERT(base::WrapBit::distance(taken, b.events(), Bench::evtq_log2) == expected.size());
        }
    });
    CHECK(held);
}

} // namespace quiesce::iommu::smmuv3::test
