// SPDX-License-Identifier: Apache-2.0
#include "vtd/bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

namespace {

struct LegacyBench : Bench {
    Spa table = new_table();
    explicit LegacyBench(const VtdConfig& c = {}) : Bench(c) { start(TableMode::Legacy); }
    Translation write_to(Iova at) { return dma(at, with(Dma{}, iommu::Access::Write)); }
};

} // namespace

TEST_CASE("a second stage of each width maps pages of each size",
          "[vtd][legacy][context entry.AW][context entry.SSPTPTR][second-stage entry.ADDR][second-stage entry.PS]") {
    struct Case {
        AddressWidth width;
        unsigned start;
        u64 at;
    };
    const auto c =
        GENERATE(Case{AddressWidth::Bits39, 2, 0x12'3456'7000}, Case{AddressWidth::Bits48, 1, 0x1234'5678'9000},
                 Case{AddressWidth::Bits57, 0, 0x123'4567'89ab'c000});
    LegacyBench b;
    b.store_legacy(Bench::legacy(b.table).set(ContextEntry::AW, c.width));
    b.map_second(b.table, c.at, Bench::ss(there), 4, c.start);
    CHECK(b.dma(Iova{c.at + 0x123}).to == there + 0x123);
    b.map_second(b.table, c.at ^ 0x4000'0000, Bench::ss(Spa{0x2020'0000}).set(SsEntry::PS, true), 3, c.start);
    CHECK(b.dma(Iova{(c.at ^ 0x4000'0000) + 8}).to == Spa{0x2020'0000} + ((c.at + 8) & 0x1f'ffff));
    b.map_second(b.table, c.at ^ 0x8000'0000, Bench::ss(Spa{0x4000'0000}).set(SsEntry::PS, true), 2, c.start);
    CHECK(b.dma(Iova{(c.at ^ 0x8000'0000) + 8}).to == Spa{0x4000'0000} + ((c.at + 8) & 0x3fff'ffff));
    CHECK_FALSE(b.faulted());
}

TEST_CASE("a first access takes the look-ups, four structures and the entries; the next one the look-ups alone",
          "[vtd][legacy]") {
    LegacyBench b;
    b.store_legacy(Bench::legacy(b.table));
    b.map_second(b.table, here.value(), Bench::ss(there));
    sim::Duration first, second;
    b.dma(here, {}, &first);
    b.dma(here, {}, &second);
    const AgentConfig& a = b.config.agent;
    const sim::Duration hit = a.config_lookup + a.tlb_lookup.get();
    CHECK(second == hit);
    sim::Duration word, pair; // one read of memory, and of a structure of 16 bytes
    b.run(
        [](Bench& in) -> sim::Task<int> {
            const memory::MemoryPort::Word w = co_await in.memory.read64(Bench::pages, {});
            co_return static_cast<int>(w.value);
        }(b),
        &word);
    b.run(
        [](Bench& in) -> sim::Task<int> {
            std::array<u64, 2> both{};
            const memory::Status s = co_await in.memory.fetch(Bench::pages, both, {});
            co_return static_cast<int>(s);
        }(b),
        &pair);
    const sim::Duration walk =
        a.walker.second_lookup + a.walker.cache_lookup.get() + (word + a.walker.pte_check.get()) * 4;
    CHECK(first == hit + pair * 2 + walk);
}

TEST_CASE("permissions of the second stage are those of all its levels",
          "[vtd][legacy][second-stage entry.R][second-stage entry.W][LGN.2][LGN.3]") {
    LegacyBench b;
    b.store_legacy(Bench::legacy(b.table));
    b.map_second(b.table, here.value(), Bench::ss(there));
    const Spa pml4e = Bench::slot(b.table, here.value(), 1);
    b.store(pml4e, b.load<SsEntry>(pml4e).set(SsEntry::W, false));
    CHECK(b.dma(here).ending == Ending::Grant);
    CHECK(b.write_to(here).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::LGN_2);
    b.store(pml4e, b.load<SsEntry>(pml4e).set(SsEntry::W, true).set(SsEntry::R, false));
    b.submit(Bench::forget_domain(), Bench::wait(1));
    CHECK(b.write_to(here).ending == Ending::Grant);
    CHECK(b.dma(here).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::LGN_3);
    CHECK(b.dma(here, Bench::with(Dma{}, iommu::Access::ReadWrite)).ending == Ending::Abort);
    const FaultRecord atomic = b.only_record();
    CHECK(atomic.get(FaultRecord::FR) == FaultCode::LGN_3);
    CHECK(kind_of(atomic) == RequestKind::AtomicOp);
}

TEST_CASE("pass-through keeps addresses, and ends at the smallest of the widths",
          "[vtd][legacy][context entry.TT][context entry.AW][LGN.1]") {
    LegacyBench b;
    b.store_legacy(Bench::legacy(Spa{0}, TranslationType::PassThrough));
    CHECK(b.dma(Iova{0xabcd'e123}).to == Spa{0xabcd'e123});
    CHECK(b.dma(Iova{0xffff'ffff'fff8}).ending == Ending::Grant);
    CHECK(b.dma(Iova{0x1'0000'0000'0000}).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::LGN_1);
    b.store_legacy(Bench::legacy(Spa{0}, TranslationType::PassThrough).set(ContextEntry::AW, AddressWidth::Bits39));
    b.submit(Bench::forget_context(), Bench::wait(1));
    CHECK(b.dma(Iova{0x80'0000'0000}).ending == Ending::Abort);
}

TEST_CASE("writes to the interrupt range pass, reads of it end, and nothing is translated to it",
          "[vtd][legacy][LGN.4]") {
    LegacyBench b;
    b.store_legacy(Bench::legacy(b.table));
    CHECK(b.write_to(Iova{0xFEE0'0000}).to == Spa{0xFEE0'0000});
    CHECK(b.write_to(Iova{0xFEEF'FFF8}).to == Spa{0xFEEF'FFF8});
    CHECK(b.dma(Iova{0xFEE0'1000}).ending == Ending::Abort);
    CHECK_FALSE(b.faulted());
    CHECK(b.write_to(Iova{0xFEF0'0000}).ending == Ending::Abort); // not mapped
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::LGN_2);
    b.map_second(b.table, here.value(), Bench::ss(Spa{0xFEE0'5000}));
    CHECK(b.dma(here).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::LGN_4);
    // A large page that holds the range: only what lies in it is refused, cached or not.
    const u64 large = 0x5000'0000'0000;
    b.map_second(b.table, large, Bench::ss(Spa{0xFEE0'0000}).set(SsEntry::PS, true), 3);
    CHECK(b.dma(Iova{large + 0x10'0000}).to == Spa{0xFEF0'0000});
    CHECK(b.dma(Iova{large + 0xf'fff8}).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::LGN_4);
}

TEST_CASE("each fault of legacy mode has its reason, and FPD keeps back those that it may",
          "[vtd][legacy][context entry.FPD][LRT.1][LRT.2][LRT.3][LCT.1][LCT.2][LCT.3][LCT.4][LSS.1][LSS.2]") {
    struct Case {
        const char* what;
        FaultCode code;
        bool qualified;
        void (*make)(LegacyBench& b, bool quiet);
    };
    const auto with_entry = [](LegacyBench& b, bool quiet, auto change) {
        ContextEntry e = Bench::legacy(b.table).set(ContextEntry::FPD, quiet);
        change(e);
        b.store_legacy(e);
        b.map_second(b.table, here.value(), Bench::ss(there));
    };
    static const auto entry = with_entry;
    const Case cases[] = {
        {"root not there", FaultCode::LRT_1, false,
         [](LegacyBench& b, bool) { b.set_root(TableMode::Legacy, Spa{0x1000}); }},
        {"root P=0", FaultCode::LRT_2, false, [](LegacyBench&, bool) {}},
        {"root reserved", FaultCode::LRT_3, false,
         [](LegacyBench& b, bool quiet) {
             entry(b, quiet, [](ContextEntry&) {});
             b.memory.poke64(Bench::root + 0x18, 1);
         }},
        {"context not there", FaultCode::LCT_1, false,
         [](LegacyBench& b, bool) {
             b.store(Bench::root + 16, RootEntry{}.set(RootEntry::P, true).set(RootEntry::CTP, Spa{0x2000}));
         }},
        {"context P=0", FaultCode::LCT_2, true,
         [](LegacyBench& b, bool quiet) { entry(b, quiet, [](ContextEntry& e) { e.set(ContextEntry::P, false); }); }},
        {"context reserved", FaultCode::LCT_3, true,
         [](LegacyBench& b, bool quiet) {
             entry(b, quiet, [](ContextEntry&) {});
             b.memory.poke64(Bench::legacy_at() + 8, b.memory.peek64(Bench::legacy_at() + 8) | u64{1} << 40);
         }},
        {"AW", FaultCode::LCT_4, true,
         [](LegacyBench& b, bool quiet) {
             entry(b, quiet, [](ContextEntry& e) { e.set(ContextEntry::AW, static_cast<AddressWidth>(0)); });
         }},
        {"TT", FaultCode::LCT_4, true,
         [](LegacyBench& b, bool quiet) {
             entry(b, quiet, [](ContextEntry& e) { e.set(ContextEntry::TT, TranslationType::Reserved); });
         }},
        {"top table not there", FaultCode::LCT_4, true,
         [](LegacyBench& b, bool quiet) { b.store_legacy(Bench::legacy(Spa{0x3000}).set(ContextEntry::FPD, quiet)); }},
        {"entry not there", FaultCode::LSS_1, true,
         [](LegacyBench& b, bool quiet) {
             entry(b, quiet, [](ContextEntry&) {});
             b.store(Bench::slot(b.table, here.value(), 1), Bench::ss(Spa{0x3000}));
         }},
        {"entry reserved", FaultCode::LSS_2, true,
         [](LegacyBench& b, bool quiet) {
             entry(b, quiet, [](ContextEntry&) {});
             b.store(Bench::slot(b.table, here.value(), 1), Bench::ss(Spa{0x1'0000'0000'0000}));
         }},
        {"not mapped", FaultCode::LGN_3, true,
         [](LegacyBench& b, bool quiet) {
             entry(b, quiet, [](ContextEntry&) {});
             b.store(Bench::slot(b.table, here.value(), 1), SsEntry{});
         }},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    const bool quiet = GENERATE(false, true);
    {
        INFO(c.what << (quiet ? ", FPD" : ""));
        LegacyBench b;
        c.make(b, quiet);
        Log<FaultRaised> faults{b.bus};
        CHECK(b.dma(here).ending == Ending::Abort);
        CHECK(b.faulted() == !(quiet && c.qualified));
        REQUIRE(faults.size() == 1);
        CHECK(faults.last().code == raw(c.code));
        CHECK(faults.last().fate == (b.faulted() ? FaultFate::Recorded : FaultFate::Suppressed));
        if (!b.faulted()) return;
        const FaultRecord r = b.only_record();
        CHECK(r.get(FaultRecord::FR) == c.code);
        CHECK(r.get(FaultRecord::SID) == RequesterId{0x0108});
        CHECK(r.get(FaultRecord::FI) == here);
        CHECK(kind_of(r) == RequestKind::Read);
        CHECK_FALSE(r.get(FaultRecord::PP));
    }
}

TEST_CASE("an address beyond the second stage's width is refused", "[vtd][legacy]") {
    LegacyBench b;
    b.store_legacy(Bench::legacy(b.table));
    CHECK(b.dma(Iova{0x1'0000'0000'0000}).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::LGN_1);
}

TEST_CASE("legacy mode knows no PASID", "[vtd][legacy][RTA.2]") {
    LegacyBench b;
    b.store_legacy(Bench::legacy(b.table).set(ContextEntry::FPD, true));
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Abort);
    const FaultRecord r = b.only_record();
    CHECK(r.get(FaultRecord::FR) == FaultCode::RTA_2);
    CHECK(r.get(FaultRecord::PP));
    CHECK(r.get(FaultRecord::PV) == Pasid{5});
}

TEST_CASE("a root that aborts all DMA, and one that means nothing", "[vtd][legacy][RTA.4][RTA.1][RTADDR]") {
    LegacyBench b;
    b.store_legacy(Bench::legacy(b.table));
    b.map_second(b.table, here.value(), Bench::ss(there));
    b.set_root(TableMode::AbortDma);
    CHECK(b.dma(here).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::RTA_4);
    b.set_root(TableMode::Reserved);
    CHECK(b.dma(here).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::RTA_1);
    b.set_root(TableMode::Legacy);
    CHECK(b.dma(here).ending == Ending::Grant);
}
