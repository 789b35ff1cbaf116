// SPDX-License-Identifier: Apache-2.0
/// The event queue: overflow, aborts, the order of records, and the levels of both queues.
#include "smmuv3/bench.h"

#include <algorithm>
#include <rapidcheck.h>

namespace quiesce::iommu::smmuv3::test {
namespace {

/// Streams 1 (its faults may be merged) and 2 (not) without anything mapped.
struct MergeBench : Bench {
    static Smmuv3Config merging(bool on) {
        Smmuv3Config c;
        c.event_merge = on;
        c.event_buffers = 4;
        return c;
    }
    explicit MergeBench(bool on = true) : Bench(merging(on)) {
        const Spa ttb = new_table();
        store(cdtab, cd(ttb));
        store(strtab + 64, stage1_ste(cdtab).set(Ste::MEV, true));
        store(strtab + 128, stage1_ste(cdtab));
        start();
    }
    void fault(Iova at, Access access = Access::Read, u32 stream = 1) {
        sim::spawn([](Bench& bench, TranslationRequest r) -> sim::Task<void> {
            co_await bench.unit.translation().translate(r);
        }(*this, request(at, access, stream)));
    }
    unsigned of_fate(FaultFate fate, u32 stream) const {
        return static_cast<unsigned>(std::count_if(faults.all.begin(), faults.all.end(), [&](const auto& f) {
            return f.second.fate == fate && f.second.stream == StreamId{stream};
        }));
    }
    Log<FaultRaised> faults{bus};
};

} // namespace

TEST_CASE("a full event queue loses records and toggles OVFLG once, until it is acknowledged",
          "[smmuv3][EVENTQ_PROD][EVENTQ_CONS]") {
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

TEST_CASE("the event queue keeps the first records that fit, in order, whatever the consumer does",
          "[smmuv3][EVENTQ_BASE][EVENTQ_PROD][EVENTQ_CONS]") {
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

TEST_CASE("faults of one page and kind share the record that still waits, where STE.MEV lets, and only there",
          "[smmuv3][STE.MEV]") {
    const bool on = GENERATE(true, false);
    const u32 stream = GENERATE(1u, 2u);
    MergeBench b{on};
    for (u32 i = 0; i < 4; ++i) b.fault(here + i * 64, Access::Read, stream);
    b.settle();
    const bool merges = on && stream == 1;
    CHECK(b.events() == (merges ? 1u : 4u));
    CHECK(b.of_fate(FaultFate::Merged, stream) == (merges ? 3u : 0u));
    CHECK(b.event(0).get(EventRecord::ID) == EventId::F_TRANSLATION);
    CHECK(view_as<TranslationFault>(b.event(0)).get(TranslationFault::InputAddr) == here); // the first of them
}

TEST_CASE("faults that differ in page, direction, privilege or substream have a record each", "[smmuv3]") {
    MergeBench b;
    b.fault(here);
    b.fault(here + page_size);
    b.fault(here, Access::Write);
    TranslationRequest privileged = b.request(here);
    privileged.privileged = true;
    sim::spawn([](Bench& bench, TranslationRequest r) -> sim::Task<void> {
        co_await bench.unit.translation().translate(r);
    }(b, privileged));
    b.settle();
    CHECK(b.events() == 4);
    CHECK(b.of_fate(FaultFate::Merged, 1) == 0);
}

TEST_CASE("a fault that comes after the record of one like it was begun has its own", "[smmuv3]") {
    MergeBench b;
    b.dma(here);
    b.dma(here);
    CHECK(b.events() == 2);
    CHECK(b.of_fate(FaultFate::Merged, 1) == 0);
}

TEST_CASE("events from before there is an STE to ask are merged unasked; those after one that says no are not",
          "[smmuv3]") {
    MergeBench b;
    for (u32 i = 0; i < 3; ++i) b.fault(here, Access::Read, 99); // C_BAD_STREAMID
    b.settle();
    CHECK(b.events() == 1);
    CHECK(b.of_fate(FaultFate::Merged, 99) == 2);
    b.store(Bench::cdtab, Cd{}); // C_BAD_CD
    for (const u32 stream : {1u, 2u}) {
        auto inv = make_command<CfgiSte>();
        b.command(inv.set(CfgiSte::SID, StreamId{stream}), Bench::sync());
    }
    for (u32 i = 0; i < 3; ++i) b.fault(here, Access::Read, 2);
    b.settle();
    CHECK(b.events() == 4);
    b.consume_events();
    for (u32 i = 0; i < 3; ++i) b.fault(here, Access::Read, 1);
    b.settle();
    CHECK(b.of_fate(FaultFate::Merged, 2) == 0);
    CHECK(b.of_fate(FaultFate::Merged, 1) == 2);
}

TEST_CASE("what is merged takes no room: a flood of one kind does not overflow the queue", "[smmuv3]") {
    const bool on = GENERATE(true, false);
    MergeBench b{on};
    for (u32 i = 0; i < 64; ++i) b.fault(here + 8 * i);
    b.settle();
    CHECK(b.reg<EventqProd>().get(EventqProd::OVFLG) == !on);
    CHECK((b.of_fate(FaultFate::Lost, 1) == 0) == on);
}

TEST_CASE("every fault is recorded, lost or merged, and merged only into a record like it", "[smmuv3]") {
    MergeBench b;
    const bool held = rc::check("event merging", [&] {
        b.consume_events();
        b.faults.all.clear();
        const u32 first = b.events();
        const auto faults = *rc::gen::container<std::vector<u32>>(rc::gen::inRange(0u, 32u));
        for (const u32 n : faults) { // page, direction, stream; sometimes time passes, or software reads what there is
            b.fault(here + (n & 3) * page_size + n, (n & 4) != 0 ? Access::Write : Access::Read, 1 + (n >> 3 & 1));
            if ((n & 16) != 0) b.calendar.run_for(30_ns * static_cast<i64>(n & 7));
            if (n == 31) b.consume_events();
        }
        b.settle();
        u32 recorded = 0, counted = 0;
        for (const u32 stream : {1u, 2u}) {
            recorded += b.of_fate(FaultFate::Recorded, stream);
            for (const auto fate : {FaultFate::Recorded, FaultFate::Lost, FaultFate::Merged})
                counted += b.of_fate(fate, stream);
        }
        RC_ASSERT(counted == faults.size());
        RC_ASSERT(b.of_fate(FaultFate::Merged, 2) == 0);
        RC_ASSERT(base::WrapBit::distance(first, b.events(), Bench::evtq_log2) == recorded % 8);
        for (const auto& merged : b.faults.all) {
            const sim::Time when = merged.first;
            const FaultRaised& f = merged.second;
            if (f.fate != FaultFate::Merged) continue;
            const bool told = std::any_of(b.faults.all.begin(), b.faults.all.end(), [&](const auto& other) {
                return other.second.fate != FaultFate::Merged && other.first >= when &&
                       other.second.stream == f.stream && other.second.at.page_number() == f.at.page_number();
            });
            RC_ASSERT(told);
        }
    });
    CHECK(held);
}

} // namespace quiesce::iommu::smmuv3::test
