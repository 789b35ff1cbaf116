// SPDX-License-Identifier: Apache-2.0
#include "vtd/queue_bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

TEST_CASE("each mistake in the queue stops it at the descriptor with its code, and it goes on when it is mended",
          "[vtd][queue][IQERCD][FSTS][FECTL]") {
    struct Case {
        const char* what;
        QueueError code;
        Descriptor d;
    };
    const auto bits = [](u64 q0, u64 q1 = 0, u64 q2 = 0) { return Descriptor::from_words({q0, q1, q2, 0}); };
    const Case cases[] = {
        {"type 0", QueueError::BadType, bits(0)},
        {"type Bh", QueueError::BadType, bits(0xb)},
        {"type 1 of the upper half", QueueError::BadType, bits(0x201)},
        {"HPT cache", QueueError::BadType, bits(0xa)},
        {"reserved bit", QueueError::ReservedField, bits(0x11 | u64{1} << 50)},
        {"reserved word", QueueError::ReservedField, bits(0x11, 0, 1)},
        {"context granularity", QueueError::ReservedField, bits(0x01)},
        {"IOTLB granularity", QueueError::ReservedField, bits(0x02)},
        {"IOTLB mask", QueueError::ReservedField, bits(0x32, 60)},
        {"PASID IOTLB granularity", QueueError::ReservedField, bits(0x16)},
        {"PASID cache granularity", QueueError::ReservedField, bits(0x27)},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    {
        INFO(c.what);
        Bench b;
        b.start(TableMode::Scalable);
        Log<GlobalError> errors{b.bus};
        b.submit(Bench::wait(1), c.d, Bench::wait(2));
        CHECK(b.flagged() == 1);
        CHECK(b.head() == 1);
        CHECK(b.get(Fsts::IQE));
        CHECK(b.get(Iqercd::IQEI) == c.code);
        CHECK(errors.size() == 1);
        CHECK(b.get(Fectl::IP));
        b.store(Bench::iq + wide_descriptor_bytes, Bench::wait(7)); // as Linux does
        b.clear_status();
        CHECK(b.flagged() == 2);
        CHECK(b.head() == 3);
        CHECK_FALSE(b.get(Fectl::IP));
    }
}

TEST_CASE("features that are not there have no descriptors", "[vtd][queue]") {
    VtdConfig c;
    c.ats.set(false);
    Bench b{c};
    b.start(TableMode::Scalable);
    b.submit(Bench::make<DevTlbInvDsc>());
    CHECK(b.get(Iqercd::IQEI) == QueueError::BadType);
    b.store(Bench::iq, Bench::make<PageGrpRespDsc>());
    b.clear_status();
    CHECK(b.get(Fsts::IQE));
    b.store(Bench::iq, Bench::wait(1).set(InvWaitDsc::PD, true));
    b.clear_status();
    CHECK(b.get(Iqercd::IQEI) == QueueError::ReservedField);
    CHECK(b.flagged() == 0);
}

TEST_CASE("the queue's own registers can be wrong: width, alignment, tail, memory, table mode",
          "[vtd][queue][IQA][IQT][IQERCD]") {
    struct Case {
        QueueError code;
        void (*make)(Bench& b);
    };
    const Case cases[] = {
        {QueueError::BadWidth,
         [](Bench& b) {
             b.enable_queue(false);
             b.set_root(TableMode::Scalable);
             b.submit(Bench::wait(1));
         }},
        {QueueError::TailAlignment,
         [](Bench& b) {
             b.start(TableMode::Scalable);
             b.write(Iqt{}.set(Iqt::QT, 1));
         }},
        {QueueError::BadTail,
         [](Bench& b) {
             b.start(TableMode::Scalable);
             b.write(Iqt{}.set(Iqt::QT, 256));
         }},
        {QueueError::Fetch,
         [](Bench& b) {
             b.write(Iqa{}.set(Iqa::ADDR, Spa{0x1000}).set(Iqa::DW, true));
             b.command(Gcmd::QIE);
             b.write(Iqt{}.set(Iqt::QT, 2));
         }},
        {QueueError::BadTableMode,
         [](Bench& b) {
             b.enable_queue(true);
             b.set_root(TableMode::Reserved);
             b.submit(Bench::wait(1));
         }},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    Bench b;
    c.make(b);
    CHECK(b.get(Fsts::IQE));
    CHECK(b.head() == 0);
    CHECK(b.get(Iqercd::IQEI) == c.code);
    CHECK(b.flagged() == 0);
}

TEST_CASE("PASID descriptors mean nothing in legacy mode", "[vtd][queue]") {
    Bench b;
    b.start(TableMode::Legacy);
    b.submit(Bench::forget_pasid(5));
    CHECK(b.get(Iqercd::IQEI) == QueueError::BadType);
}

TEST_CASE("a queue that is switched off begins at its first descriptor when it is on again",
          "[vtd][queue][IQH][GCMD]") {
    Bench b;
    b.start(TableMode::Scalable);
    b.submit(Bench::wait(1), Bench::wait(2));
    CHECK(b.head() == 2);
    b.command(Gcmd::QIE, false);
    CHECK_FALSE(b.get(Gsts::QIES));
    CHECK(b.head() == 0);
    b.write(Iqt{});
    b.tail = 0;
    b.command(Gcmd::QIE, true);
    b.submit(Bench::wait(3));
    CHECK(b.flagged() == 3);
}

TEST_CASE("invalidation by register works in legacy mode without the queue, up to version 5",
          "[vtd][queue][VER][CCMD][IOTLB][IVA]") {
    const unsigned version = GENERATE(5u, 6u);
    VtdConfig c;
    c.version.set(version);
    Bench b{c};
    const bool works = version < 6;
    b.set_root(TableMode::Legacy);
    b.command(Gcmd::TE);
    const Spa table = b.new_table();
    b.store_legacy(Bench::legacy(table));
    const Spa leaf = b.map_second(table, here.value(), Bench::ss(there));
    REQUIRE(b.dma(here).to == there);
    b.store(leaf, Bench::ss(elsewhere));
    const u64 iva = iva_offset(b.unit.identity().ecap), iotlb = iotlb_offset(b.unit.identity().ecap);
    const auto flush = [&](IotlbGranularity g, Iova at, u64 mask = 0) {
        b.write_at(iva, 8, Iva{}.set(Iva::ADDR, at).set(Iva::AM, mask).value());
        b.write_at(iotlb, 8, Iotlb{}.set(Iotlb::IVT, true).set(Iotlb::IIRG, g).set(Iotlb::DID, Bench::domain).value());
        const auto after = Iotlb::of(b.read_at(iotlb, 8));
        CHECK_FALSE(after.get(Iotlb::IVT));
        return after.get(Iotlb::IAIG);
    };
    CHECK(flush(IotlbGranularity::Page, here + page_size) ==
          (works ? IotlbGranularity::Page : IotlbGranularity::Reserved));
    CHECK(b.dma(here).to == there);
    CHECK(flush(IotlbGranularity::Reserved, here) == IotlbGranularity::Reserved);
    CHECK(flush(IotlbGranularity::Page, here.align_down(page_size << 3), 3) ==
          (works ? IotlbGranularity::Page : IotlbGranularity::Reserved));
    CHECK(b.dma(here).to == (works ? elsewhere : there));
    CHECK(flush(IotlbGranularity::Page, here, 60) == IotlbGranularity::Reserved); // beyond MAMV
    b.store_legacy(ContextEntry{});
    const auto contexts = [&](ContextGranularity g) {
        b.write(Ccmd{}
                    .set(Ccmd::ICC, true)
                    .set(Ccmd::CIRG, g)
                    .set(Ccmd::DID, Bench::domain)
                    .set(Ccmd::SID, RequesterId{0x108}));
        CHECK_FALSE(b.get(Ccmd::ICC));
        return b.get(Ccmd::CAIG);
    };
    CHECK(contexts(ContextGranularity::Reserved) == ContextGranularity::Reserved);
    CHECK(b.dma(here).ending == Ending::Grant);
    CHECK(contexts(ContextGranularity::Device) == (works ? ContextGranularity::Device : ContextGranularity::Reserved));
    CHECK(b.dma(here).ending == (works ? Ending::Abort : Ending::Grant));
}

TEST_CASE("the bug early-sync reports completion before anything has happened", "[vtd][queue]") {
    VtdConfig c;
    c.bugs.set({"early-sync"});
    QueueBench b{c};
    b.warm();
    Translation held = b.dma(here, Bench::pasid5);
    b.submit_quietly(Bench::forget_pasid(5), Bench::wait(1));
    b.settle();
    CHECK(b.flagged() == 1);
    CHECK(b.unit.agent().invalidations().outstanding() == 1);
    held.in_flight.end();
}
