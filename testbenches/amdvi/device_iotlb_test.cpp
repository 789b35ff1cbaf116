// SPDX-License-Identifier: Apache-2.0
/// Translation requests, translated requests and the invalidation of devices' IOTLBs.
#include "amdvi/bench.h"
#include "iommu/fabric.h"

namespace quiesce::iommu::amdvi::test {
namespace {

struct DeviceIotlbBench : Bench {
    iommu::test::Devices devices;
    Spa leaf{0};
    explicit DeviceIotlbBench(const AmdviConfig& c = {}) : Bench(c) {
        start();
        unit.set_ats_port(&devices);
        leaf = simple(here, there, guest().set(Dte::I, true));
        memory.poke64(flag, 0);
    }
    Translation ask(Iova at = here, Dma d = pasid5) { return dma(at, with(d, AddressType::TranslationRequest)); }
    void change(const Dte& e) {
        store_entry(e);
        submit(forget_entry(), forget_domain(), wait(0));
    }
    static InvalidateIotlbPages invalidate(u32 pasid = 5, u8 most = 32, u16 queue = 0x108) {
        return make<InvalidateIotlbPages>()
            .set(InvalidateIotlbPages::DeviceID, RequesterId{0x108})
            .set(InvalidateIotlbPages::PASID, Pasid{pasid})
            .set(InvalidateIotlbPages::GN, true)
            .set(InvalidateIotlbPages::MaxPend, most)
            .set(InvalidateIotlbPages::QueueID, queue)
            .set(InvalidateIotlbPages::Address, here);
    }
    void answer(std::size_t n, AtcAnswer with = AtcAnswer::Completed) {
        devices.answer(n, with);
        settle();
    }
};

} // namespace

TEST_CASE("a translation request is told where and what it may do", "[amdvi][device-iotlb][DTE.I]") {
    DeviceIotlbBench b;
    Translation t = b.ask();
    CHECK((t.ending == Ending::Grant && t.to == there && t.bytes == page_size));
    CHECK((t.may.read && t.may.write && !t.may.execute));
    CHECK(b.load<GuestEntry>(b.leaf).get(GuestEntry::D));
    Dma no_write = Bench::pasid5;
    no_write.no_write = true;
    t = b.ask(here, no_write);
    CHECK((t.may.read && !t.may.write));
    b.change(Bench::guest().set(Dte::I, true).set(Dte::IW, false));
    t = b.ask();
    CHECK((t.ending == Ending::Grant && t.may.read && !t.may.write));
    t = b.ask(Iova{0x5000}, {}); // without PASID: nothing is translated
    CHECK((t.ending == Ending::Grant && t.to == Spa{0x5000} && t.may.read && !t.may.write));
    CHECK_FALSE(b.faulted());
}

TEST_CASE("a page fault of a translation request is an answer without access, and no event tells of it",
          "[amdvi][device-iotlb]") {
    DeviceIotlbBench b;
    Log<AtsRefused> refused{b.bus};
    Translation t = b.ask(here + page_size);
    CHECK((t.ending == Ending::Grant && !t.may.read && !t.may.write));
    t = b.ask(here, {Bench::stream, 6}); // no GCR3 entry
    CHECK((t.ending == Ending::Grant && !t.may.read && !t.may.write));
    CHECK(refused.size() == 2);
    CHECK_FALSE(b.faulted());
    b.store(b.leaf, GuestEntry::from_words({Bench::guest_page(there).word(0) | u64{1} << 51}));
    t = b.ask();
    CHECK((t.ending == Ending::Grant && !t.may.read));
    CHECK_FALSE(b.faulted());
}

TEST_CASE("what is wrong with the tables themselves aborts translation requests and is logged",
          "[amdvi][device-iotlb][ILLEGAL_DEV_TABLE_ENTRY][PAGE_TAB_HARDWARE_ERROR]") {
    DeviceIotlbBench b;
    b.change(Bench::valid().set(Dte::I, true).set(Dte::HAD, HostMarks::Reserved));
    CHECK(b.ask().ending == Ending::CompleterAbort);
    Event e = b.only_event();
    CHECK((e.get(Event::Code) == EventCode::IllegalDevTableEntry && e.get(Event::TR)));
    b.change(Bench::guest(Spa{0x3000}).set(Dte::I, true));
    CHECK(b.ask().ending == Ending::CompleterAbort);
    e = b.only_event();
    CHECK((e.get(Event::Code) == EventCode::PageTabHardwareError && e.get(Event::TR)));
}

TEST_CASE("without I a device asks in vain and its translated requests are refused",
          "[amdvi][device-iotlb][DTE.I][INVALID_DEVICE_REQUEST]") {
    DeviceIotlbBench b;
    const Dma translated = Bench::with(Dma{}, AddressType::Translated);
    CHECK(b.dma(Iova{there.value()}, translated).to == there);
    struct Case {
        const char* what;
        Dte e;
    };
    const Case cases[] = {
        {"I=0", Bench::guest()}, {"V=0", Dte{}.set(Dte::I, true)}, {"TV=0", Bench::valid().set(Dte::TV, false).set(Dte::I, true)}};
    for (const Case& c : cases) {
        INFO(c.what);
        b.change(c.e);
        CHECK(b.ask().ending == Ending::Abort);
        const auto e = InvalidDeviceRequest::from_words(b.only_event().words());
        CHECK(e.get(InvalidDeviceRequest::Code) == EventCode::InvalidDeviceRequest);
        CHECK((e.get(InvalidDeviceRequest::TR) && e.get(InvalidDeviceRequest::GN)));
        CHECK(e.get(InvalidDeviceRequest::PasidLo) == 5);
        CHECK(e.get(InvalidDeviceRequest::Address) == here.value());
    }
    CHECK(b.dma(Iova{there.value()}, translated).to == there); // V=1, I=1: TV does not matter
    b.change(Bench::guest());
    CHECK(b.dma(Iova{there.value()}, translated).ending == Ending::Abort);
    CHECK_FALSE(InvalidDeviceRequest::from_words(b.only_event().words()).get(InvalidDeviceRequest::TR));
    CHECK(b.dma(here, Bench::pasid5).to == there); // untranslated ones are nobody's business
    CHECK(b.ask().ending == Ending::Abort);        // whatever is known of the PASID already
}

TEST_CASE("an IOTLB's pages are invalidated by device, PASID and size", "[amdvi][device-iotlb][INVALIDATE_IOTLB_PAGES]") {
    DeviceIotlbBench b;
    b.submit(DeviceIotlbBench::invalidate(0x9'a5c3),
             DeviceIotlbBench::invalidate()
                 .set(InvalidateIotlbPages::S, true)
                 .set(InvalidateIotlbPages::Address, Iova{0x1234'5000}),
             DeviceIotlbBench::invalidate()
                 .set(InvalidateIotlbPages::GN, false)
                 .set(InvalidateIotlbPages::S, true)
                 .set(InvalidateIotlbPages::Address, Bench::all_addresses));
    REQUIRE(b.devices.asked.size() == 3);
    const AtcInvalidation page = b.devices.asked[0].what, several = b.devices.asked[1].what, all = b.devices.asked[2].what;
    CHECK((page.stream == StreamId{0x108} && page.has_pasid && page.pasid == Pasid{0x9'a5c3}));
    CHECK(page.range == IovaRange{here, page_size});
    CHECK(several.range == IovaRange{Iova{0x1234'4000}, 0x4000});
    CHECK((all.everything && !all.has_pasid));
}

TEST_CASE("COMPLETION_WAIT waits for devices, and devices for the invalidations before theirs",
          "[amdvi][device-iotlb][COMPLETION_WAIT][INVALIDATE_IOTLB_PAGES]") {
    DeviceIotlbBench b;
    Translation t = b.dma(here, Bench::pasid5);
    REQUIRE(t.in_flight);
    b.submit(Bench::forget_pasid(5), DeviceIotlbBench::invalidate(), Bench::wait(1));
    CHECK(b.devices.asked.empty()); // one that uses what goes is under way
    t.in_flight.end();
    b.settle();
    REQUIRE(b.devices.asked.size() == 1);
    CHECK(b.flagged() == 0);
    b.answer(0);
    CHECK(b.flagged() == 1);
    CHECK_FALSE(b.faulted());
}

TEST_CASE("MaxPend invalidations of a queue are under way at once, the others wait in their order",
          "[amdvi][device-iotlb][INVALIDATE_IOTLB_PAGES]") {
    DeviceIotlbBench b;
    for (u32 n = 0; n < 5; ++n) b.push(DeviceIotlbBench::invalidate(n, 2));
    b.push(DeviceIotlbBench::invalidate(9, 2, 0x200)); // another queue
    b.submit(Bench::wait(1));
    REQUIRE(b.devices.asked.size() == 3);
    CHECK(b.devices.asked[2].what.pasid == Pasid{9});
    b.answer(1);
    REQUIRE(b.devices.asked.size() == 4);
    CHECK(b.devices.asked[3].what.pasid == Pasid{2});
    b.answer(0);
    b.answer(3);
    REQUIRE(b.devices.asked.size() == 6);
    CHECK(b.devices.asked[5].what.pasid == Pasid{4});
    for (const std::size_t n : {2u, 4u, 5u}) b.answer(n);
    CHECK(b.flagged() == 1);
}

TEST_CASE("a device that does not answer in InvTimeOut is logged, and what waits goes on",
          "[amdvi][device-iotlb][IOTLB_INV_TIMEOUT][Control.InvTimeOut]") {
    DeviceIotlbBench b;
    struct Case {
        InvalidationTimeout code;
        i64 milliseconds;
    };
    const Case c = GENERATE(Case{InvalidationTimeout::Ms1, 1}, Case{InvalidationTimeout::Ms10, 10},
                            Case{InvalidationTimeout::Ms100, 100}, Case{InvalidationTimeout::S1, 1'000},
                            Case{InvalidationTimeout::S10, 10'000}, Case{InvalidationTimeout::S100, 100'000});
    b.control(Control::InvTimeOut, c.code);
    b.submit_quietly(make<CompletionWait>(), DeviceIotlbBench::invalidate(), Bench::wait(1));
    const sim::Duration limit = sim::Duration::ps(1'000'000'000) * c.milliseconds;
    b.run_for(limit);
    REQUIRE(b.devices.asked.size() == 1);
    CHECK(b.flagged() == 0);
    CHECK_FALSE(b.faulted());
    b.run_for(10_us);
    CHECK(b.flagged() == 1);
    const Event e = b.only_event();
    CHECK(e.get(Event::Code) == EventCode::IotlbInvTimeout);
    CHECK(e.get(Event::DeviceID) == RequesterId{0x108});
    CHECK(e.get(Event::Address) == (Bench::commands + 16).value());
    b.answer(0); // late: nobody's
    b.submit_quietly(DeviceIotlbBench::invalidate(), Bench::wait(2));
    b.run_for(10_us);
    b.answer(1);
    CHECK(b.flagged() == 2);
    CHECK_FALSE(b.faulted());
}

TEST_CASE("without InvTimeOut the unit waits as long as the fabric does", "[amdvi][device-iotlb][IOTLB_INV_TIMEOUT]") {
    DeviceIotlbBench b;
    b.submit_quietly(DeviceIotlbBench::invalidate(), Bench::wait(1));
    b.run_for(sim::Duration::ps(1'000'000'000'000) * 200);
    CHECK((b.flagged() == 0 && !b.faulted()));
    b.answer(0, AtcAnswer::TimedOut);
    CHECK(b.flagged() == 1);
    CHECK(b.only_event().get(Event::Code) == EventCode::IotlbInvTimeout);
    b.submit(DeviceIotlbBench::invalidate(), Bench::wait(2));
    b.answer(1, AtcAnswer::Unsupported);
    CHECK(b.flagged() == 2);
    CHECK_FALSE(b.faulted());
}

} // namespace quiesce::iommu::amdvi::test
