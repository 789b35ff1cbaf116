// SPDX-License-Identifier: Apache-2.0
/// Translation requests, translated requests and the invalidation of device-TLBs.
#include "iommu/fabric.h"
#include "vtd/bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

namespace {

struct DeviceTlbBench : Bench {
    iommu::test::Devices devices;
    Spa leaf{0};
    explicit DeviceTlbBench(const VtdConfig& c = {}) : Bench(c) {
        start(TableMode::Scalable);
        unit.set_ats_port(&devices);
        leaf = simple(here, there);
    }
    Translation ask(Iova at = here, Dma d = pasid5) { return dma(at, with(d, AddressType::TranslationRequest)); }
    static PDevTlbInvDsc invalidate(u32 pasid = 5, u32 who = stream) {
        return make<PDevTlbInvDsc>()
            .set(PDevTlbInvDsc::SID, RequesterId{static_cast<u16>(who)})
            .set(PDevTlbInvDsc::PASID, Pasid{pasid})
            .set(PDevTlbInvDsc::ADDR, here);
    }
    void answer(std::size_t n, AtcAnswer with = AtcAnswer::Completed) {
        devices.answer(n, with);
        settle();
    }
};

} // namespace

TEST_CASE("a translation request is told where and what it may do", "[vtd][device-tlb]") {
    DeviceTlbBench b;
    Translation t = b.ask();
    CHECK(t.ending == Ending::Grant);
    CHECK(t.to == there);
    CHECK(t.bytes == page_size);
    CHECK((t.may.read && t.may.write && !t.may.execute && !t.untranslated_only));
    CHECK(b.load<FsEntry>(b.leaf).get(FsEntry::D)); // as an AtomicOp would
    b.map_first(b.load<PasidEntry>(Bench::pasid_at(5)).get(PasidEntry::FSPTPTR), here + page_size,
                Bench::fs(there).set(FsEntry::RW, false));
    t = b.ask(here + page_size);
    CHECK((t.ending == Ending::Grant && t.may.read && !t.may.write));
    CHECK_FALSE(b.faulted());
}

TEST_CASE("the no-write flag counts with NWFS only", "[vtd][device-tlb]") {
    const bool counts = GENERATE(true, false);
    VtdConfig c;
    c.no_write_flag.set(counts);
    DeviceTlbBench b{c};
    Dma d = Bench::pasid5;
    d.no_write = true;
    const Translation t = b.ask(here, d);
    CHECK(t.may.read);
    CHECK(t.may.write != counts);
    CHECK(b.load<FsEntry>(b.leaf).get(FsEntry::D) != counts);
}

TEST_CASE("translated requests pass if the context entry lets the device have a device-TLB",
          "[vtd][device-tlb][scalable context entry.DTE][SCT.5][SGN.4][SGN.8]") {
    DeviceTlbBench b;
    const Dma translated = Bench::with(Dma{}, AddressType::Translated);
    CHECK(b.dma(Iova{there.value()}, translated).to == there);
    CHECK(b.dma(Iova{there.value()}, Bench::with(Bench::pasid5, AddressType::Translated)).ending == Ending::Abort);
    CHECK_FALSE(b.faulted()); // with a PASID: refused before anything is asked
    CHECK(b.dma(Iova{0x1'0000'0000'0000}, translated).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::SGN_4);
    CHECK(b.dma(Iova{0xFEE0'0000}, translated).ending == Ending::Abort);
    const FaultRecord r = b.only_record();
    CHECK(r.get(FaultRecord::FR) == FaultCode::SGN_8);
    CHECK(r.get(FaultRecord::AT) == 2);
    b.store_context(Bench::context().set(ScalableContextEntry::DTE, false).set(ScalableContextEntry::PRE, false));
    b.submit(Bench::forget_context(), Bench::wait(1));
    CHECK(b.dma(Iova{there.value()}, translated).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::SCT_5);
    CHECK(b.ask().ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::SCT_5);
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Grant); // untranslated ones are nobody's business
}

TEST_CASE("a quiet PASID: untranslated requests end in silence, translation requests are told that there is nothing",
          "[vtd][device-tlb]") {
    DeviceTlbBench b;
    const bool quiet = GENERATE(true, false);
    b.store_pasid(5, PasidEntry{}.set(PasidEntry::FPD, quiet));
    Log<AtsRefused> refused{b.bus};
    const Translation t = b.ask();
    CHECK(t.ending == Ending::Grant);
    CHECK_FALSE((t.may.read || t.may.write));
    CHECK_FALSE(b.faulted()); // with or without FPD
    CHECK(refused.size() == 1);
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Abort);
    CHECK(b.faulted() != quiet);
}

TEST_CASE("how a translation request ends that meets a fault", "[vtd][device-tlb]") {
    struct Case {
        const char* what;
        FaultCode code;
        Ending ending;
        bool recorded;
        void (*make)(DeviceTlbBench& b);
    };
    const Case cases[] = {
        {"context P=0", FaultCode::SCT_2, Ending::Abort, true,
         [](DeviceTlbBench& b) { b.store_context(ScalableContextEntry{}); }},
        {"directory not there", FaultCode::SPD_1, Ending::CompleterAbort, true,
         [](DeviceTlbBench& b) {
             b.store_context(Bench::context().set(ScalableContextEntry::PASIDDIRPTR, Spa{0x1000}));
         }},
        {"directory P=0", FaultCode::SPD_2, Ending::Grant, false,
         [](DeviceTlbBench& b) { b.memory.poke64(Bench::directory, 0); }},
        {"entry reserved", FaultCode::SPT_3, Ending::CompleterAbort, true,
         [](DeviceTlbBench& b) {
             b.store_pasid(5, Bench::entry(PagingTranslation::FirstStage).set(PasidEntry::HPTSZ, 1));
         }},
        {"not present", FaultCode::SFS_2, Ending::Grant, false, [](DeviceTlbBench& b) { b.store(b.leaf, FsEntry{}); }},
        {"second-stage entry reserved", FaultCode::SSS_3, Ending::CompleterAbort, true,
         [](DeviceTlbBench& b) {
             const Spa table = b.new_table();
             b.store_pasid(5, Bench::second_stage(table));
             b.map_second(table, here.value(), Bench::ss(there).set(SsEntry::IW, true));
         }},
        {"to the interrupt range", FaultCode::SGN_8, Ending::CompleterAbort, true,
         [](DeviceTlbBench& b) { b.store(b.leaf, Bench::fs(Spa{0xFEE0'0000})); }},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    {
        INFO(c.what);
        DeviceTlbBench b;
        c.make(b);
        Log<FaultRaised> faults{b.bus};
        const Translation t = b.ask();
        CHECK(t.ending == c.ending);
        CHECK_FALSE((t.may.read || t.may.write));
        REQUIRE(faults.size() == 1);
        CHECK(faults.last().code == raw(c.code));
        CHECK(b.faulted() == c.recorded);
        if (b.faulted()) CHECK(b.only_record().get(FaultRecord::AT) == 1);
    }
}

TEST_CASE("a failed mark is told as no access, and recorded all the same", "[vtd][device-tlb][SFS.10]") {
    DeviceTlbBench b;
    b.memory.broken = Spa{0};
    const Translation before = b.ask();
    REQUIRE(before.may.write);
    b.submit(Bench::forget_pasid(5), Bench::wait(1));
    // The entry is read whole, and gone when it is to be marked.
    b.store(b.leaf, Bench::fs(there));
    std::optional<Translation> t;
    sim::Time ended;
    sim::spawn(Bench::keep(
        b.unit.translation().translate(b.request(here, Bench::with(Bench::pasid5, AddressType::TranslationRequest))), t,
        ended));
    while (b.unit.agent().walker().entries_read() < 8) b.run_for(1_ns); // four of the first walk, four of this
    b.memory.broken = b.leaf;
    b.settle();
    REQUIRE(t);
    CHECK(t->ending == Ending::Grant);
    CHECK_FALSE((t->may.read || t->may.write));
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::SFS_10);
}

TEST_CASE("a translation request for the interrupt range is sent back untranslated", "[vtd][device-tlb]") {
    DeviceTlbBench b;
    Dma plain;
    Translation t = b.ask(Iova{0xFEE0'1000}, plain);
    CHECK(t.ending == Ending::Grant);
    CHECK((!t.may.read && t.may.write && t.untranslated_only));
    plain.no_write = true;
    t = b.ask(Iova{0xFEE0'1000}, plain);
    CHECK((!t.may.read && !t.may.write && !t.untranslated_only));
}

TEST_CASE("a device-TLB is asked behind the invalidations before it, and a wait waits for its answer",
          "[vtd][device-tlb][p_dev_tlb_inv_dsc]") {
    DeviceTlbBench b;
    Translation held = b.dma(here, Bench::pasid5);
    b.submit_quietly(Bench::forget_pasid(5), DeviceTlbBench::invalidate(), Bench::wait(1));
    b.settle();
    CHECK(b.devices.asked.empty()); // the IOTLB's is not done
    held.in_flight.end();
    b.settle();
    REQUIRE(b.devices.asked.size() == 1);
    const AtcInvalidation& what = b.devices.asked[0].what;
    CHECK(what.stream == StreamId{Bench::stream});
    CHECK((what.has_pasid && what.pasid == Pasid{5} && !what.global && !what.everything));
    CHECK(what.range == IovaRange{here, page_size});
    CHECK(b.flagged() == 0);
    b.answer(0);
    CHECK(b.flagged() == 1);
    CHECK_FALSE(b.get(Fsts::ITE));
}

TEST_CASE("the pages of a device-TLB invalidation are said as in the message", "[vtd][device-tlb][dev_tlb_inv_dsc]") {
    DeviceTlbBench b;
    const auto range = [&](u64 page, bool s) {
        b.submit(Bench::make<DevTlbInvDsc>()
                     .set(DevTlbInvDsc::SID, RequesterId{0x108})
                     .set(DevTlbInvDsc::S, s)
                     .set(DevTlbInvDsc::ADDR, Iova{page << 12}));
        const AtcInvalidation what = b.devices.asked.back().what;
        CHECK_FALSE(what.has_pasid);
        b.answer(b.devices.asked.size() - 1);
        return what.everything ? IovaRange{} : what.range;
    };
    CHECK(range(0x1234, false) == IovaRange{Iova{0x123'4000}, 0x1000});
    CHECK(range(0x1234, true) == IovaRange{Iova{0x123'4000}, 0x2000});
    CHECK(range(0x1237, true) == IovaRange{Iova{0x123'0000}, 0x1'0000});
    CHECK(range(0x7'ffff'ffff'ffff, true).empty()); // everything
}

TEST_CASE("a device that does not answer: ITE, the open waits are over without a sign, and nothing more is fetched",
          "[vtd][device-tlb][FSTS][IQERCD]") {
    DeviceTlbBench b;
    b.submit(DeviceTlbBench::invalidate(), Bench::wait(1), DeviceTlbBench::invalidate(6, 0x109), Bench::wait(2));
    REQUIRE(b.devices.asked.size() == 2);
    b.answer(1, AtcAnswer::TimedOut);
    CHECK(b.get(Fsts::ITE));
    CHECK(b.get(Iqercd::ITESID) == RequesterId{0x109});
    CHECK(b.get(Fectl::IP));
    b.submit(Bench::wait(3));
    CHECK(b.head() == 4); // frozen
    b.answer(0);
    CHECK(b.flagged() == 0); // also of the wait before the request that timed out
    b.clear_status();
    CHECK(b.flagged() == 3);
    CHECK(b.head() == 5);
    b.submit(DeviceTlbBench::invalidate(), Bench::wait(4));
    b.answer(2);
    CHECK(b.flagged() == 4);
}

TEST_CASE("ITESID keeps the first of several that time out, until ITE is cleared", "[vtd][device-tlb]") {
    DeviceTlbBench b;
    b.submit(DeviceTlbBench::invalidate(5, 0x108), DeviceTlbBench::invalidate(5, 0x109));
    b.answer(0, AtcAnswer::TimedOut);
    b.answer(1, AtcAnswer::TimedOut);
    CHECK(b.get(Iqercd::ITESID) == RequesterId{0x108});
}

TEST_CASE("a completion that nobody waits for sets ICE, and the queue goes on", "[vtd][device-tlb][FSTS][IQERCD]") {
    DeviceTlbBench b;
    b.unit.stray_completion(StreamId{0x10a});
    CHECK(b.get(Fsts::ICE));
    CHECK(b.get(Iqercd::ICESID) == RequesterId{0x10a});
    b.submit(Bench::wait(1));
    CHECK(b.flagged() == 1);
    b.clear_status();
    CHECK_FALSE(b.get(Fsts::ICE));
}
