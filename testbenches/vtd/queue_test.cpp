// SPDX-License-Identifier: Apache-2.0
#include "vtd/bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

namespace {

/// Two PASIDs of two domains: 5 and 6 with a first stage each, 8 with the second stage, all with the same page.
struct QueueBench : Bench {
    static constexpr DomainId other{8};
    Spa first5, first6 = new_table(), second8 = new_table(), leaf6{0}, leaf8{0}, leaf5{0};
    explicit QueueBench(const VtdConfig& c = {}) : Bench(c) {
        start(TableMode::Scalable);
        leaf5 = simple(here, there);
        first5 = load<PasidEntry>(pasid_at(5)).get(PasidEntry::FSPTPTR);
        store_pasid(6, first_stage(first6));
        leaf6 = map_first(first6, here, fs(there));
        map_first(first6, here + page_size, fs(there));
        store_pasid(8, second_stage(second8).set(PasidEntry::DID, other));
        leaf8 = map_second(second8, here.value(), ss(there));
        map_second(second8, here.value() + page_size, ss(there));
    }
    void warm() {
        for (const u32 pasid : {5u, 6u, 8u}) CHECK(dma(here, {stream, pasid}).to == there);
        CHECK(dma(here + page_size, {stream, 6}).to == there);
        CHECK(dma(here + page_size, {stream, 8}).to == there);
    }
    /// Which of them have forgotten the page, by mapping it to somewhere else in memory first.
    struct Forgotten {
        bool page5, page6, next6, page8, next8;
        bool operator==(const Forgotten&) const = default;
    };
    Forgotten after(const Descriptor& d) {
        warm();
        for (const Spa at : {leaf5, leaf6, leaf6 + 8}) store(at, load<FsEntry>(at).set(FsEntry::ADDR, elsewhere));
        for (const Spa at : {leaf8, leaf8 + 8}) store(at, load<SsEntry>(at).set(SsEntry::ADDR, elsewhere));
        submit(d, wait(1));
        CHECK(flagged() == 1);
        const auto moved = [&](u32 pasid, Iova at) { return dma(at, {stream, pasid}).to == elsewhere; };
        return {moved(5, here), moved(6, here), moved(6, here + page_size), moved(8, here), moved(8, here + page_size)};
    }
};
template <class D>
Descriptor any(const D& d) {
    return as_descriptor(d);
}

} // namespace

TEST_CASE("each invalidation of translations removes what its scope says and no more", "[vtd][queue]") {
    using F = QueueBench::Forgotten;
    const IotlbInvDsc page =
        Bench::make<IotlbInvDsc>().set(IotlbInvDsc::G, IotlbGranularity::Page).set(IotlbInvDsc::ADDR, here);
    const auto global = Bench::make<IotlbInvDsc>().set(IotlbInvDsc::G, IotlbGranularity::Global);
    struct Case {
        const char* what;
        Descriptor d;
        F gone;
    };
    const Case cases[] = {
        {"PASID", any(Bench::forget_pasid(5)), {true, false, false, false, false}},
        {"page of a PASID", any(Bench::forget_page(6, here)), {false, true, false, false, false}},
        {"two pages of a PASID, the other before it",
         any(Bench::forget_page(6, here, 1)),
         {false, true, false, false, false}},
        {"four pages of a PASID", any(Bench::forget_page(6, here, 2)), {false, true, true, false, false}},
        {"all pages of a PASID", any(Bench::forget_page(6, Iova{0}, 63)), {false, true, true, false, false}},
        {"PASID in the wrong domain",
         any(Bench::forget_pasid(5).set(PIotlbInvDsc::DID, QueueBench::other)),
         {false, false, false, false, false}},
        {"PASID with a second stage alone",
         any(Bench::forget_pasid(8).set(PIotlbInvDsc::DID, QueueBench::other)),
         {false, false, false, false, false}},
        {"domain", any(Bench::forget_domain()), {true, true, true, false, false}},
        {"page of a second-stage domain",
         any(IotlbInvDsc{page}.set(IotlbInvDsc::DID, QueueBench::other)),
         {false, false, false, true, false}},
        {"page of a first-stage domain takes all of it",
         any(IotlbInvDsc{page}.set(IotlbInvDsc::DID, Bench::domain)),
         {true, true, true, false, false}},
        {"global", any(global), {true, true, true, true, true}},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    {
        INFO(c.what);
        QueueBench b;
        CHECK(b.after(c.d) == c.gone);
    }
}

TEST_CASE("contexts are forgotten by device, function group and globally; in scalable mode a domain means all",
          "[vtd][queue]") {
    struct Case {
        CcInvDsc d;
        bool forgets; ///< the context of 0108h
    };
    const auto any_of = Bench::make<CcInvDsc>();
    const Case cases[] = {
        {Bench::forget_context(0x108), true},
        {Bench::forget_context(0x109), false},
        {Bench::forget_context(0x10c, FunctionMask::Bit2), true},
        {Bench::forget_context(0x10a, FunctionMask::Bit2), false},
        {Bench::forget_context(0x10e, FunctionMask::Bits21), true},
        {Bench::forget_context(0x109, FunctionMask::Bits21), false},
        {Bench::forget_context(0x10f, FunctionMask::Bits210), true},
        {Bench::forget_context(0x110, FunctionMask::Bits210), false},
        {CcInvDsc{any_of}.set(CcInvDsc::G, ContextGranularity::Global), true},
        {CcInvDsc{any_of}.set(CcInvDsc::G, ContextGranularity::Domain).set(CcInvDsc::DID, DomainId{99}), true},
    };
    const std::size_t count = std::size(cases);
    const std::size_t n = GENERATE_COPY(range(std::size_t{0}, count));
    CAPTURE(n);
    Bench b;
    b.start(TableMode::Scalable);
    b.store_context(Bench::context());
    b.store_pasid(5, Bench::entry(PagingTranslation::PassThrough));
    REQUIRE(b.dma(Iova{0x5000}, Bench::pasid5).ending == Ending::Grant);
    b.store_context(ScalableContextEntry{});
    REQUIRE(b.dma(Iova{0x5000}, Bench::pasid5).ending == Ending::Grant);
    b.submit(cases[n].d, Bench::wait(1));
    CHECK(b.flagged() == 1);
    CHECK(b.dma(Iova{0x5000}, Bench::pasid5).ending == (cases[n].forgets ? Ending::Abort : Ending::Grant));
}

TEST_CASE("a PASID table entry is forgotten by PASID and domain, by domain and globally, and not by its context",
          "[vtd][queue]") {
    struct Case {
        Descriptor d;
        bool forgets; ///< the entry of PASID 5
    };
    const Case cases[] = {
        {any(Bench::forget_entry(5)), true},
        {any(Bench::forget_entry(6)), false},
        {any(Bench::forget_entry(5).set(PcInvDsc::DID, QueueBench::other)), false},
        {any(Bench::forget_entry(77).set(PcInvDsc::G, PasidCacheGranularity::Domain)), true},
        {any(Bench::make<PcInvDsc>().set(PcInvDsc::G, PasidCacheGranularity::Global)), true},
        {any(Bench::forget_context()), false}, // the PASID cache has it still
        {any(Bench::forget_pasid(5)), false},  // translations are something else
    };
    const std::size_t count = std::size(cases);
    const std::size_t n = GENERATE_COPY(range(std::size_t{0}, count));
    CAPTURE(n);
    QueueBench b;
    b.warm();
    b.store_pasid(5, PasidEntry{});
    b.submit(cases[n].d, Bench::wait(1));
    CHECK(b.flagged() == 1);
    CHECK(b.dma(here, Bench::pasid5).ending == (cases[n].forgets ? Ending::Abort : Ending::Grant));
}

TEST_CASE("a changed context entry is seen only when both caches have forgotten it", "[vtd][queue]") {
    QueueBench b;
    b.warm();
    b.store_context(Bench::context().set(ScalableContextEntry::PASIDDIRPTR, Spa{0x2000})); // nothing there
    b.submit(Bench::forget_entry(5), Bench::wait(1));
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Grant); // the context cache has the old directory
    b.submit(Bench::forget_context(), Bench::wait(2));
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Grant); // the PASID cache has its entry
    b.submit(Bench::forget_context(), Bench::forget_entry(5), Bench::wait(3));
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Abort);
}

TEST_CASE("legacy mode: contexts by domain, translations by page, with descriptors of 128 bits", "[vtd][queue]") {
    Bench b;
    b.start(TableMode::Legacy);
    const Spa table = b.new_table();
    b.store_legacy(Bench::legacy(table));
    const Spa leaf = b.map_second(table, here.value(), Bench::ss(there));
    REQUIRE(b.dma(here).to == there);
    b.store(leaf, Bench::ss(elsewhere));
    const auto page =
        Bench::make<IotlbInvDsc>().set(IotlbInvDsc::G, IotlbGranularity::Page).set(IotlbInvDsc::DID, Bench::domain);
    b.submit(IotlbInvDsc{page}.set(IotlbInvDsc::ADDR, here + page_size), Bench::wait(1));
    CHECK(b.dma(here).to == there);
    b.submit(IotlbInvDsc{page}.set(IotlbInvDsc::ADDR, here), Bench::wait(2));
    CHECK(b.flagged() == 2);
    CHECK(b.head() == 4);
    CHECK(b.dma(here).to == elsewhere);
    b.store_legacy(ContextEntry{});
    const auto contexts = Bench::make<CcInvDsc>().set(CcInvDsc::G, ContextGranularity::Domain);
    b.submit(CcInvDsc{contexts}.set(CcInvDsc::DID, DomainId{9}), Bench::wait(3));
    CHECK(b.dma(here).ending == Ending::Grant);
    b.submit(CcInvDsc{contexts}.set(CcInvDsc::DID, Bench::domain), Bench::wait(4));
    CHECK(b.dma(here).ending == Ending::Abort);
}

TEST_CASE("the queue wraps, and takes what the largest size holds", "[vtd][queue]") {
    Bench b;
    b.start(TableMode::Scalable);
    for (u32 n = 1; n <= 3 * b.entries() + 5; ++n) {
        b.submit(Bench::wait(n));
        REQUIRE(b.flagged() == n);
    }
    CHECK(b.head() == b.tail);
    CHECK(b.tail == 5);
}

TEST_CASE("a wait completes when what came before it is done, and the event comes with it once", "[vtd][queue]") {
    QueueBench b;
    b.warm();
    b.write(Iedata{}.set(Iedata::IMD, 0x42));
    b.write(Ieaddr{}.set(Ieaddr::MA, Bench::doorbell));
    b.write(Iectl{});
    Translation held = b.dma(here, Bench::pasid5); // its access is not at memory
    b.submit_quietly(Bench::forget_pasid(5), Bench::wait(1).set(InvWaitDsc::IF, true), Bench::wait(2));
    b.settle();
    CHECK(b.flagged() == 0);
    CHECK(b.head() == 3); // FN=0: the queue goes on
    held.in_flight.end();
    b.settle();
    CHECK(b.flagged() == 2);
    CHECK(b.get(Ics::IWC));
    const auto events = [&] {
        unsigned n = 0;
        for (const auto& m : b.memory.messages) n += m.at == Bench::doorbell;
        return n;
    };
    CHECK(events() == 1);
    b.submit(Bench::make<InvWaitDsc>().set(InvWaitDsc::IF, true));
    CHECK(events() == 1); // IWC has not been cleared
    b.write(Ics{}.set(Ics::IWC, true));
    b.submit(Bench::make<InvWaitDsc>().set(InvWaitDsc::IF, true));
    CHECK(events() == 2);
}

TEST_CASE("nothing behind a wait with FN begins before it is complete", "[vtd][queue]") {
    QueueBench b;
    b.warm();
    Translation held = b.dma(here, Bench::pasid5);
    b.submit_quietly(Bench::forget_pasid(5), Bench::wait(1).set(InvWaitDsc::FN, true), Bench::forget_pasid(6));
    b.settle();
    CHECK(b.head() == 2);
    CHECK(b.dma(here, {Bench::stream, 6}, nullptr).to == there);
    const auto before = b.unit.agent().translations().counts().erased;
    held.in_flight.end();
    b.settle();
    CHECK(b.head() == 3);
    CHECK(b.flagged() == 1);
    CHECK(b.unit.agent().translations().counts().erased > before);
}

TEST_CASE("a wait takes the fetches, the execution, the memory's write and what it waits for", "[vtd][queue]") {
    Bench b;
    b.start(TableMode::Scalable);
    b.push(Bench::wait(1));
    const sim::Time begun = sim::now();
    b.write(b.tail_register());
    const sim::Duration took = b.memory.messages.back().when - begun;
    sim::Duration fetch, write;
    b.run(
        [](Bench& in) -> sim::Task<int> {
            std::array<u64, 4> words{};
            const memory::Status s = co_await in.memory.fetch(Bench::iq, words, {});
            co_return static_cast<int>(s);
        }(b),
        &fetch);
    b.run(
        [](Bench& in) -> sim::Task<int> {
            const memory::Status s = co_await in.memory.write32(Bench::pages, 0, {});
            co_return static_cast<int>(s);
        }(b),
        &write);
    const VtdConfig& c = b.config;
    CHECK(took == c.register_access.get() + c.descriptor_fetch.get() + fetch + c.descriptor_execute.get() + write);
}

TEST_CASE("each mistake in the queue stops it at the descriptor with its code, and it goes on when it is mended",
          "[vtd][queue]") {
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

TEST_CASE("the queue's own registers can be wrong: width, alignment, tail, memory, table mode", "[vtd][queue]") {
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

TEST_CASE("a queue that is switched off begins at its first descriptor when it is on again", "[vtd][queue]") {
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

TEST_CASE("invalidation by register works in legacy mode without the queue, up to version 5", "[vtd][queue]") {
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
    CHECK(flush(IotlbGranularity::Page, here, 60) == (works ? IotlbGranularity::Domain : IotlbGranularity::Reserved));
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
