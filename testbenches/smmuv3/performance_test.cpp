// SPDX-License-Identifier: Apache-2.0
/// The performance monitor counter group: what its counters say against what memory and the event bus say, filters,
/// overflow, interrupts and capture.
#include "smmuv3/bench.h"

#include <rapidcheck.h>

namespace quiesce::iommu::smmuv3::test {
namespace {

/// Streams 1 to 5 map `here` and the page behind it, each with a table of its own.
struct CounterBench : Bench {
    static Smmuv3Config with_group() {
        Smmuv3Config c;
        c.pmcg = true;
        return c;
    }
    explicit CounterBench(const Smmuv3Config& c = with_group()) : Bench(c) {
        for (u32 s = 1; s <= 5; ++s) {
            const Spa ttb = new_table();
            map(ttb, here, page(there).word(0));
            map(ttb, here + page_size, page(there + page_size).word(0));
            store(cdtab + 64 * s, cd(ttb, static_cast<u16>(s)));
            store(strtab + 64 * s, stage1_ste(cdtab + 64 * s).set(Ste::EATS, StreamAts::Full));
        }
        start();
    }
    void put(u64 offset, u64 value, unsigned size = 8) {
        sim::spawn(unit.mmio_write(unit.performance_offset() + offset, size, value));
        settle();
    }
    u64 get(u64 offset, unsigned size = 8) { return run(unit.mmio_read(unit.performance_offset() + offset, size)); }
    template <class R> void set(R value) { put(R::offset, value.value(), sizeof(typename R::Value)); }
    template <class R> R see() {
        return R::of(static_cast<typename R::Value>(get(R::offset, sizeof(typename R::Value))));
    }
    /// Counter n counts `event` of `streams` (a span if not exact), beginning with `value`.
    void program(unsigned n, u64 event, u32 streams = ~u32{0}, bool span = true, u64 value = 0) {
        put(Evtyper::offset + 4 * n, Evtyper{}.set(Evtyper::EVENT, event).set(Evtyper::FILTER_SID_SPAN, span).value(), 4);
        put(Smr::offset + 4 * n, streams, 4);
        put(Evcntr::offset + 4 * n, value, 4);
        put(CntenSet::offset, u64{1} << n);
    }
    void go() { set(PmcgCr{}.set(PmcgCr::E, true)); }
    u64 count(unsigned n) { return get(Evcntr::offset + 4 * n, 4); }
    Translation ats(Iova at, u32 stream, AddressType type) {
        TranslationRequest r = request(at, Access::Read, stream);
        r.type = type;
        return run(unit.translation().translate(r));
    }
};

} // namespace

TEST_CASE("the group says what it has, and counts nothing before it is told to",
          "[smmuv3][pmcg][PMCG_CFGR][PMCG_CEID0][PMCG_AIDR][PMCG_CR][PMCG_CNTENSET0][PMCG_CNTENCLR0]") {
    CounterBench b;
    CHECK(b.unit.performance_offset() == 0x2'0000);
    CHECK(b.unit.register_bytes() == 0x3'0000);
    CHECK(b.get(0xE00, 4) == (7u | 31u << 8 | 1u << 21 | 1u << 22)); // 8 counters of 32 bits, messages, capture
    CHECK(b.get(0xE20) == 0xff);
    CHECK(b.get(0xE70, 4) == 2);
    CHECK(b.get(0xFBC, 4) == 0x4770'2A56);
    CHECK(b.get(0xFCC, 4) == 0x56);
    b.put(Evtyper::offset, 1, 4);
    b.dma(here);
    CHECK(b.count(0) == 0);
    b.program(0, 1); // enabled, but PMCG_CR.E is not set
    b.dma(here);
    CHECK(b.count(0) == 0);
    b.go();
    b.dma(here);
    CHECK(b.count(0) == 1);
    b.put(CntenClr::offset, 1);
    b.dma(here);
    CHECK(b.count(0) == 1);
}

TEST_CASE("without a group there are no registers of it", "[smmuv3][pmcg]") {
    Bench b;
    CHECK(b.unit.register_bytes() == 0x2'0000);
    CHECK(b.run(b.unit.mmio_read(0x2'0E00, 4)) == 0);
}

TEST_CASE("each event counts what it is said to count", "[smmuv3][pmcg][PMCG_EVCNTR<n>][PMCG_EVTYPER<n>]") {
    CounterBench b;
    for (unsigned event = 1; event < 8; ++event) b.program(event, event);
    b.go();
    b.dma(here, Access::Read, 1); // STE and CD; four levels
    CHECK(b.count(1) == 1);
    CHECK(b.count(2) == 1);
    CHECK(b.count(3) == 1);
    CHECK(b.count(4) == 4);
    CHECK(b.count(5) == 2);
    b.dma(here, Access::Read, 1); // a hit
    CHECK(b.count(1) == 2);
    CHECK(b.count(2) == 1);
    CHECK(b.count(3) == 1);
    b.dma(here + page_size, Access::Read, 1); // the page behind: its table is known
    CHECK(b.count(2) == 2);
    CHECK(b.count(3) == 1);
    CHECK(b.count(4) == 5);
    b.dma(here, Access::Read, 99); // no such stream: terminated, and no structure to read
    CHECK(b.count(1) == 4);
    CHECK(b.count(2) == 2);
    CHECK(b.count(3) == 2);
    CHECK(b.count(5) == 2);
    b.ats(here, 1, AddressType::TranslationRequest);
    b.ats(here, 1, AddressType::Translated);
    CHECK(b.count(6) == 1);
    CHECK(b.count(7) == 1);
    CHECK(b.count(1) == 6);
}

TEST_CASE("a counter counts one stream, a span of them or all", "[smmuv3][pmcg][PMCG_SMR<n>]") {
    CounterBench b;
    b.program(0, 1, 3, false);
    b.program(1, 1, 0b0010'0, true);  // the lowest zero and what is below it do not matter: 4 and 5
    b.program(2, 1, 0b0000'1, true);  // 0 to 3
    b.program(3, 1, ~u32{0}, true);
    b.program(4, 1, 7, false);
    b.go();
    for (u32 s = 1; s <= 5; ++s)
        for (u32 n = 0; n < s; ++n) b.dma(here, Access::Read, s);
    CHECK(b.count(0) == 3);
    CHECK(b.count(1) == 4 + 5);
    CHECK(b.count(2) == 1 + 2 + 3);
    CHECK(b.count(3) == 15);
    CHECK(b.count(4) == 0);
}

TEST_CASE("one filter for the group is the first counter's", "[smmuv3][pmcg]") {
    Smmuv3Config config = CounterBench::with_group();
    config.pmcg_one_filter = true;
    CounterBench b{config};
    b.program(0, 1, 2, false);
    b.program(3, 2, 4, true); // RES0 here
    CHECK(b.get(Smr::offset + 12, 4) == 0);
    CHECK(b.get(Evtyper::offset + 12, 4) == 2);
    b.go();
    b.dma(here, Access::Read, 1);
    b.dma(here, Access::Read, 2);
    CHECK(b.count(0) == 1);
    CHECK(b.count(3) == 1);
}

TEST_CASE("an overflow sets its status, captures where it is told to and interrupts by message or wire",
          "[smmuv3][pmcg][PMCG_OVSSET0][PMCG_OVSCLR0][PMCG_INTENSET0][PMCG_INTENCLR0][PMCG_IRQ_CFG0][PMCG_IRQ_CFG1]") {
    const bool message = GENERATE(true, false);
    CounterBench b;
    if (message) {
        b.set(PmcgIrqCfg0{}.set(PmcgIrqCfg0::ADDR, Bench::flag));
        b.set(PmcgIrqCfg1{}.set(PmcgIrqCfg1::DATA, 0x51));
    }
    b.program(0, 1, ~u32{0}, true, 0xffff'fffe);
    b.program(1, 1, ~u32{0}, true, 100);
    b.put(Evtyper::offset, b.get(Evtyper::offset, 4) | u64{1} << 31, 4); // OVFCAP
    b.put(IntenSet::offset, 1);
    b.set(PmcgIrqCtrl{}.set(PmcgIrqCtrl::IRQEN, true));
    CHECK(b.see<PmcgIrqCtrlAck>().get(PmcgIrqCtrlAck::IRQEN));
    b.set(PmcgIrqCfg1{}.set(PmcgIrqCfg1::DATA, 0x52)); // read-only while interrupts are on
    b.go();
    b.dma(here);
    CHECK(b.get(OvsSet::offset) == 0);
    b.dma(here);
    CHECK(b.count(0) == 0);
    CHECK(b.get(OvsSet::offset) == 1);
    CHECK(b.get(OvsClr::offset) == 1);
    CHECK(b.get(Svr::offset, 4) == 0);
    // Counters count one after the other: the one behind had not counted this access yet when all were captured.
    CHECK(b.get(Svr::offset + 4, 4) == 101);
    CHECK(b.memory.messages.size() == (message ? 1u : 0u));
    CHECK(b.wires.edges.size() == (message ? 0u : 1u));
    if (message) CHECK(b.memory.messages[0].data == 0x51);
    if (!message) CHECK(b.wires.edges[0] == raw(WiredLine::Pmcg));
    b.put(OvsClr::offset, 1);
    CHECK(b.get(OvsSet::offset) == 0);
    b.dma(here);
    CHECK(b.count(0) == 1); // goes on after an overflow
}

TEST_CASE("overflows do not interrupt without INTEN, without IRQEN; a lost message is told",
          "[smmuv3][pmcg][PMCG_IRQ_CTRL][PMCG_IRQ_CTRLACK][PMCG_IRQ_STATUS]") {
    CounterBench b;
    b.program(0, 1, ~u32{0}, true, 0xffff'ffff);
    b.program(1, 1, ~u32{0}, true, 0xffff'ffff);
    b.put(IntenSet::offset, 2);
    b.set(PmcgIrqCfg0{}.set(PmcgIrqCfg0::ADDR, Spa{0x100}));
    b.go();
    b.dma(here);
    CHECK(b.get(OvsSet::offset) == 3);
    CHECK_FALSE(b.see<PmcgIrqStatus>().get(PmcgIrqStatus::IRQ_ABT));
    b.set(PmcgIrqCtrl{}.set(PmcgIrqCtrl::IRQEN, true));
    b.put(Evcntr::offset, 0xffff'ffff, 4);
    b.dma(here);
    CHECK_FALSE(b.see<PmcgIrqStatus>().get(PmcgIrqStatus::IRQ_ABT)); // counter 0 has no INTEN
    b.put(Evcntr::offset + 4, 0xffff'ffff, 4);
    b.dma(here);
    CHECK(b.see<PmcgIrqStatus>().get(PmcgIrqStatus::IRQ_ABT));
    b.set(PmcgIrqCtrl{});
    b.set(PmcgIrqCtrl{}.set(PmcgIrqCtrl::IRQEN, true));
    CHECK_FALSE(b.see<PmcgIrqStatus>().get(PmcgIrqStatus::IRQ_ABT));
}

TEST_CASE("cycles are time by the clock's period, while the counter is on", "[smmuv3][pmcg]") {
    Smmuv3Config config = CounterBench::with_group();
    config.pmcg_cycle = base::Latency{2_ns};
    config.pmcg_counter_bits = 64;
    CounterBench b{config};
    b.put(Evtyper::offset, 0, 4);
    b.put(CntenSet::offset, 1);
    b.go();
    const sim::Time begun = sim::now();
    b.calendar.run_for(5_us);
    b.set(PmcgCr{});
    const sim::Time ended = sim::now();
    b.calendar.run_for(5_us);
    CHECK(b.get(Evcntr::offset) == static_cast<u64>((ended - begun).ps() / 2000));
    b.put(Evcntr::offset, 0x1234'5678'9abc'def0);
    CHECK(b.get(Evcntr::offset, 4) == 0x9abc'def0);
    CHECK(b.get(Evcntr::offset + 4, 4) == 0x1234'5678);
    b.put(Evcntr::offset + 4, 0x1, 4);
    CHECK(b.get(Evcntr::offset) == 0x1'9abc'def0);
}

TEST_CASE("a capture samples all counters at once; relocated, what is counted is in page 1 alone",
          "[smmuv3][pmcg][PMCG_CAPR][PMCG_SVR<n>]") {
    const bool relocated = GENERATE(false, true);
    Smmuv3Config config = CounterBench::with_group();
    config.pmcg_relocated = relocated;
    CounterBench b{config};
    const u64 counts = relocated ? pmcg_page1 : 0, not_there = relocated ? 0 : pmcg_page1;
    CHECK(b.unit.register_bytes() == (relocated ? 0x4'0000 : 0x3'0000));
    b.put(Evtyper::offset + 8, Evtyper{}.set(Evtyper::EVENT, 1).set(Evtyper::FILTER_SID_SPAN, true).value(), 4);
    b.put(Smr::offset + 8, ~u32{0}, 4);
    b.put(CntenSet::offset, 4);
    b.go();
    b.dma(here);
    b.put(counts + Capr::offset, 1, 4);
    b.dma(here);
    CHECK(b.get(counts + Svr::offset + 8, 4) == 1);
    CHECK(b.get(counts + Evcntr::offset + 8, 4) == 2);
    CHECK(b.get(not_there + Evcntr::offset + 8, 4) == 0);
    CHECK(b.get(counts + Capr::offset, 4) == 0);
}

TEST_CASE("registers of counters that are not there are zero and stay so", "[smmuv3][pmcg]") {
    CounterBench b;
    for (const u64 offset : {Evcntr::offset + 4 * 8, Evtyper::offset + 4 * 8, Smr::offset + 4 * 63, Svr::offset + 4 * 9}) {
        b.put(offset, ~u64{0}, 4);
        CHECK(b.get(offset, 4) == 0);
    }
    b.put(CntenSet::offset, ~u64{0});
    CHECK(b.get(CntenSet::offset) == 0xff);
    b.put(IntenSet::offset + 4, ~u32{0}, 4); // the upper half: counters 32 to 63
    CHECK(b.get(IntenSet::offset) == 0);
    b.put(CntenClr::offset, 0x0f, 4);
    CHECK(b.get(CntenClr::offset) == 0xf0);
}

TEST_CASE("for any accesses the counters agree with the facts that the unit states", "[smmuv3][pmcg]") {
    CounterBench b;
    Log<Translated> translated{b.bus};
    const bool held = rc::check("counters", [&] {
        for (unsigned event = 1; event < 8; ++event) b.program(event, event);
        b.program(0, 1, 2, false);
        b.go();
        translated.all.clear();
        const auto steps = *rc::gen::container<std::vector<u32>>(rc::gen::inRange(0u, 64u));
        u64 asked = 0, used = 0, unknown = 0;
        for (const u32 s : steps) {
            const u32 stream = (s & 7) == 7 ? 99 : 1 + s % 5;
            const Iova at = here + (s >> 3 & 3) * page_size; // two of four pages are mapped
            if (s >= 60) {
                b.command(make_command<TlbiNhAll>(), Bench::sync());
            } else if (s >= 56) {
                b.ats(at, stream, AddressType::TranslationRequest);
                ++asked;
            } else if (s >= 52) {
                b.ats(at, stream, AddressType::Translated);
                ++used;
            } else {
                sim::spawn([](Bench& bench, TranslationRequest r) -> sim::Task<void> {
                    co_await bench.unit.translation().translate(r);
                }(b, b.request(at, Access::Read, stream)));
                if ((s & 1) != 0) b.settle();
            }
            unknown += stream == 99 && s < 52;
        }
        b.settle();
        u64 missed = 0, of_two = 0;
        for (const auto& [when, t] : translated.all) {
            missed += t.look_up == LookUp::Miss;
            of_two += t.stream == StreamId{2};
        }
        RC_ASSERT(b.count(0) == of_two);
        RC_ASSERT(b.count(1) == translated.size());
        RC_ASSERT(b.count(2) == missed - unknown); // a stream that is none has no translation to look up
        RC_ASSERT(b.count(3) >= unknown);
        RC_ASSERT(b.count(6) == asked);
        RC_ASSERT(b.count(7) == used);
    });
    CHECK(held);
}

} // namespace quiesce::iommu::smmuv3::test
