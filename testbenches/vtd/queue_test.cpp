// SPDX-License-Identifier: Apache-2.0
#include "vtd/queue_bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

TEST_CASE("each invalidation of translations removes what its scope says and no more",
          "[vtd][queue][p_iotlb_inv_dsc][iotlb_inv_dsc][PASID table entry.DID]") {
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
          "[vtd][queue][cc_inv_dsc]") {
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
          "[vtd][queue][pc_inv_dsc][PASID table entry.DID]") {
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

TEST_CASE("legacy mode: contexts by domain, translations by page, with descriptors of 128 bits",
          "[vtd][queue][cc_inv_dsc][iotlb_inv_dsc][context entry.DID]") {
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

TEST_CASE("the queue wraps, and takes what the largest size holds", "[vtd][queue][IQT][IQH][inv_wait_dsc]") {
    Bench b;
    b.start(TableMode::Scalable);
    for (u32 n = 1; n <= 3 * b.entries() + 5; ++n) {
        b.submit(Bench::wait(n));
        REQUIRE(b.flagged() == n);
    }
    CHECK(b.head() == b.tail);
    CHECK(b.tail == 5);
}

TEST_CASE("a wait completes when what came before it is done, and the event comes with it once",
          "[vtd][queue][inv_wait_dsc][ICS][IECTL][IEADDR]") {
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

TEST_CASE("nothing behind a wait with FN begins before it is complete", "[vtd][queue][inv_wait_dsc]") {
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
