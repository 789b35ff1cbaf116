// SPDX-License-Identifier: Apache-2.0
/// The event log: entries, interrupts, overflow and restart, and what SE and SA keep out of it.
#include "amdvi/bench.h"

namespace quiesce::iommu::amdvi::test {
namespace {

struct EventLogBench : Bench {
    Log<FaultRaised> faults{bus};
    explicit EventLogBench(const AmdviConfig& c = {}) : Bench(c) {
        start();
        store_entry(host(new_table()));
    }
    void fault(unsigned times = 1, u32 who = stream) {
        for (unsigned n = 0; n < times; ++n) CHECK(dma(Iova{0x1000 * u64{n + 1}}, {who}).ending == Ending::Abort);
    }
    u64 fates(FaultFate fate) const {
        u64 count = 0;
        for (const auto& [when, f] : faults.all) count += f.fate == fate;
        return count;
    }
    /// As Linux does once it has taken what there is.
    void restart() {
        control(Control::EventLogEn, false);
        clear(Status::EventOverflow);
        control(Control::EventLogEn, true);
    }
};

} // namespace

TEST_CASE("an event becomes an entry, the tail goes on, and there is one interrupt until software clears it",
          "[amdvi][event-log][EvtTail][EvtHead][Status.EventLogInt][Control.EventIntEn][IO_PAGE_FAULT]") {
    EventLogBench b;
    b.fault();
    CHECK(b.get(EvtTail::Ptr) == 1);
    const Event e = b.event(0);
    CHECK(e.get(Event::Code) == EventCode::IoPageFault);
    CHECK(e.get(Event::DeviceID) == RequesterId{0x108});
    CHECK(e.get(Event::DomainOrPasid) == 7);
    CHECK(e.get(Event::Address) == 0x1000);
    CHECK(b.get(Status::EventLogInt));
    CHECK(b.messages_of(event_message) == 1);
    b.fault();
    CHECK(b.messages_of(event_message) == 1);
    b.take_events();
    b.fault();
    CHECK(b.messages_of(event_message) == 2);
    b.control(Control::EventIntEn, false);
    b.take_events();
    b.fault();
    CHECK(b.get(Status::EventLogInt));
    CHECK(b.messages_of(event_message) == 2);
    b.control(Control::EventIntEn, true);
    CHECK(b.messages_of(event_message) == 3);
    CHECK(b.faults.all.back().second.type == base::Name{"IO_PAGE_FAULT"});
    CHECK(b.fates(FaultFate::Recorded) == 4);
}

TEST_CASE("a full log overflows: nothing is logged until it is switched off and on, and then it is again",
          "[amdvi][event-log][Status.EventOverflow][Status.EventLogRun][Control.EventLogEn]") {
    EventLogBench b;
    b.fault(255);
    CHECK(b.logged() == 255); // one place stays empty
    CHECK_FALSE(b.get(Status::EventOverflow));
    b.clear(Status::EventLogInt);
    const unsigned before = b.messages_of(event_message);
    b.fault();
    CHECK((b.get(Status::EventOverflow) && !b.get(Status::EventLogRun)));
    CHECK(b.messages_of(event_message) == before + 1);
    b.take_events(); // there is room now
    b.fault(3);
    CHECK(b.logged() == 0);
    CHECK(b.fates(FaultFate::Lost) == 4);
    b.clear(Status::EventOverflow); // this alone is no restart
    b.fault();
    CHECK(b.logged() == 0);
    b.restart();
    CHECK((!b.get(Status::EventOverflow) && b.get(Status::EventLogRun)));
    b.fault();
    CHECK(b.logged() == 1);
    CHECK(b.get(EvtTail::Ptr) == 0); // round
    CHECK(b.event(255).get(Event::Address) == 0x1000);
}

TEST_CASE("a log that is off discards", "[amdvi][event-log][Control.EventLogEn]") {
    EventLogBench b;
    b.control(Control::EventLogEn, false);
    b.fault(2);
    CHECK(b.fates(FaultFate::Discarded) == 2);
    CHECK(b.logged() == 0);
}

TEST_CASE("a larger log has as many entries as its length says", "[amdvi][event-log][EvtLogBar]") {
    EventLogBench b;
    b.control(Control::EventLogEn, false);
    b.write(EvtLogBar{}.set(EvtLogBar::Base, Bench::events).set(EvtLogBar::Len, 9));
    b.control(Control::EventLogEn, true);
    b.fault(511);
    CHECK(b.get(EvtTail::Ptr) == 511);
    CHECK_FALSE(b.get(Status::EventOverflow));
    b.fault();
    CHECK(b.get(Status::EventOverflow));
}

TEST_CASE("faults at once are entries in their order", "[amdvi][event-log]") {
    EventLogBench b;
    std::array<std::optional<Translation>, 20> answers;
    sim::Time ended = sim::now();
    for (u64 n = 0; n < 20; ++n)
        sim::spawn(Bench::keep(b.unit.translation().translate(b.request(Iova{0x1000 * (n + 1)})), answers[n], ended));
    b.settle();
    REQUIRE(b.logged() == 20);
    for (u32 n = 0; n < 20; ++n) CHECK(b.event(n).get(Event::Address) == 0x1000 * (u64{n} + 1));
}

TEST_CASE("SA keeps a device's page faults out of the log, SE all but the first, and no bit does so for one PASID",
          "[amdvi][event-log][DTE.SA][DTE.SE]") {
    EventLogBench b;
    b.store_entry(Bench::guest().set(Dte::SA, true));
    b.submit(Bench::forget_entry(), Bench::wait(1));
    for (const u32 pasid : {5u, 6u}) CHECK(b.dma(here, {Bench::stream, pasid}).ending == Ending::Abort);
    CHECK(b.dma(here).ending == Ending::Grant); // Mode 0
    CHECK(b.logged() == 0);
    CHECK(b.fates(FaultFate::Suppressed) == 2);
    b.store_entry(Bench::guest().set(Dte::SE, true));
    b.submit(Bench::forget_entry(), Bench::wait(2));
    for (const u32 pasid : {5u, 6u, 5u}) CHECK(b.dma(here, {Bench::stream, pasid}).ending == Ending::Abort);
    CHECK(b.logged() == 1);
    CHECK(b.event(0).get(Event::DomainOrPasid) == 5);
    b.store_entry(Bench::host(b.new_table()), 0x110); // of another device the first is told, too
    b.store_entry(Bench::host(b.new_table()).set(Dte::SE, true), 0x118);
    b.fault(2, 0x110);
    b.fault(2, 0x118);
    CHECK(b.logged() == 4);
    b.submit(Bench::forget_entry(), Bench::wait(3)); // and once more when the entry is fetched anew
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Abort);
    CHECK(b.logged() == 5);
}

TEST_CASE("an entry names the domain as soon as the device table entry is known, or the PASID of the guest it leads to",
          "[amdvi][event-log][IO_PAGE_FAULT][PAGE_TAB_HARDWARE_ERROR][DTE.DomainID][DTE.GIoV]") {
    struct Case {
        Dte entry;
        u64 first, second; ///< of the log's entry: DeviceID at 15:0, DomainID or PASID at 47:32, GN 48, US 50, Type 58:57
        u32 who = Bench::stream;
        std::optional<u32> pasid{};
    };
    const Dte valid = Bench::valid().set(Dte::DomainID, DomainId{0x1234});
    const Dte zero = Bench::guest().set(Dte::DomainID, DomainId{0x1234}).set(Dte::GIoV, true);
    const Case c = GENERATE_COPY(
        Case{Dte{valid}.set(Dte::TV, false), 0x2000'1234'0000'0108, 0x0012'3456'7000},
        Case{Dte{valid}.set(Dte::Mode, 7), 0x2010'1234'0000'0108, 0x0012'3456'7000}, // PR
        Case{Dte{zero}, 0x2001'0000'0000'0108, 0x0012'3456'7000},                               // GCR3 entry.V=0
        Case{Dte{zero}.set(Dte::GCR3TableRoot, Spa{0x3000}), 0x4401'0000'0000'0108, 0x0000'3000}, // nothing is there
        Case{valid, 0x2005'0005'0000'0108, 0x0012'3456'7000, Bench::stream, 5},                 // GV=0
        Case{valid, 0x2000'0000'0000'0200, 0x0012'3456'7000, 0x200});                           // beyond the table
    EventLogBench b;
    b.store_entry(c.entry);
    CHECK(b.dma(Iova{0x12'3456'7000}, {c.who, c.pasid}).ending == Ending::Abort);
    CHECK(b.event(0).words() == std::array<u64, 2>{c.first, c.second});
}

TEST_CASE("with SA what is no page fault is logged all the same", "[amdvi][event-log][DTE.SA][PAGE_TAB_HARDWARE_ERROR]") {
    EventLogBench b;
    b.store_entry(Bench::host(Spa{0x5000}).set(Dte::SA, true).set(Dte::SE, true));
    b.submit(Bench::forget_entry(), Bench::wait(1));
    b.fault(2);
    CHECK(b.logged() == 2);
    CHECK(b.event(1).get(Event::Code) == EventCode::PageTabHardwareError);
}

TEST_CASE("an entry is in memory event_write after its fault", "[amdvi][event-log]") {
    EventLogBench b;
    b.fault(); // caches are warm, as far as they can be
    sim::Duration with{}, without{};
    CHECK(b.dma(Iova{0x1000}, {}, &with).ending == Ending::Abort);
    b.control(Control::EventLogEn, false);
    CHECK(b.dma(Iova{0x1000}, {}, &without).ending == Ending::Abort);
    CHECK(with > without); // the write itself
    CHECK(without > b.config.event_write.get());
}

TEST_CASE("messages are told apart only as far as they may be, and not sent at all when they are off",
          "[amdvi][event-log][MsiHeader][MsiData][MsiAddrLow]") {
    EventLogBench b;
    b.unit.config_write(MsiHeader::offset, 0);
    b.fault();
    CHECK(b.memory.messages.empty());
    b.unit.config_write(MsiHeader::offset, MsiHeader{}.set(MsiHeader::En, true).value());
    b.unit.config_write(MsiData::offset, 0x43);
    b.take_events();
    b.fault();
    CHECK(b.messages_of(0x43) == 1);
    b.unit.config_write(MsiHeader::offset, MsiHeader{}.set(MsiHeader::En, true).set(MsiHeader::MultMessEn, 1).value());
    b.take_events();
    b.fault();
    CHECK(b.messages_of(0x42) == 1);
}

} // namespace quiesce::iommu::amdvi::test
