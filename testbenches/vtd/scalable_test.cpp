// SPDX-License-Identifier: Apache-2.0
#include "vtd/scalable_bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

TEST_CASE("a first stage of four levels maps pages of each size, in both halves",
          "[vtd][scalable][PASID table entry.FSPTPTR][first-stage entry.ADDR][first-stage entry.PS][SGN.1]") {
    ScalableBench b;
    b.store_pasid(5, Bench::first_stage(b.first));
    b.map_first(b.first, here, Bench::fs(there));
    CHECK(b.dma(here + 0x10, Bench::pasid5).to == there + 0x10);
    const Iova high{0xffff'9234'5678'9000};
    b.map_first(b.first, high, Bench::fs(elsewhere));
    CHECK(b.dma(high + 0x20, Bench::pasid5).to == elsewhere + 0x20);
    b.map_first(b.first, Iova{0x4000'0000}, Bench::fs(Spa{0x2020'0000}).set(FsEntry::PS, true), 3);
    CHECK(b.dma(Iova{0x4012'3450}, Bench::pasid5).to == Spa{0x2032'3450});
    b.map_first(b.first, Iova{0x8000'0000}, Bench::fs(Spa{0x4000'0000}).set(FsEntry::PS, true), 2);
    CHECK(b.dma(Iova{0x8123'4560}, Bench::pasid5).to == Spa{0x4123'4560});
    CHECK(b.refused(Iova{0x0001'0000'0000'0000}) == FaultCode::SGN_1); // not canonical
    CHECK(b.refused(Iova{0x0000'8000'0000'0000}) == FaultCode::SGN_1);
}

TEST_CASE("a first stage of five levels has 57-bit addresses", "[vtd][scalable][PASID table entry.FSPM]") {
    ScalableBench b;
    b.store_pasid(5, Bench::first_stage(b.first).set(PasidEntry::FSPM, FirstStageMode::Levels5));
    const Iova wide{0x00ab'1234'5678'9000}, high{0xff12'3456'789a'b000};
    b.map_first(b.first, wide, Bench::fs(there), 4, 0);
    b.map_first(b.first, high, Bench::fs(elsewhere), 4, 0);
    CHECK(b.dma(wide, Bench::pasid5).to == there);
    CHECK(b.dma(high, Bench::pasid5).to == elsewhere);
    CHECK(b.refused(Iova{0x0100'0000'0000'0000}) == FaultCode::SGN_1);
}

TEST_CASE("A is marked on the way down, D by a write, EA with EAFE",
          "[vtd][scalable][first-stage entry.A][first-stage entry.D][first-stage entry.EA][PASID table entry.EAFE]") {
    const bool extended = GENERATE(false, true);
    ScalableBench b;
    b.store_pasid(5, Bench::first_stage(b.first).set(PasidEntry::EAFE, extended));
    const Spa leaf = b.map_first(b.first, here, Bench::fs(there));
    const Spa top = Bench::slot(b.first, here.value(), 1);
    const auto e = [&](Spa at) { return b.load<FsEntry>(at); };
    b.dma(here, Bench::pasid5);
    CHECK(e(top).get(FsEntry::A));
    CHECK(e(top).get(FsEntry::EA) == extended);
    CHECK_FALSE(e(top).get(FsEntry::D));
    CHECK(e(leaf).get(FsEntry::A));
    CHECK(e(leaf).get(FsEntry::EA) == extended);
    CHECK_FALSE(e(leaf).get(FsEntry::D));
    CHECK(b.write_to(here).to == there);
    CHECK(e(leaf).get(FsEntry::D));
    CHECK_FALSE(e(top).get(FsEntry::D));
    CHECK(e(leaf).get(FsEntry::ADDR) == there);
}

TEST_CASE("each entry whose first use is marked takes one more access of memory, and is not read again",
          "[vtd][scalable]") {
    ScalableBench b;
    b.store_pasid(5, Bench::first_stage(b.first));
    b.map_first(b.first, here, Bench::fs(there));
    const Iova apart{0x0000'7234'5678'9000}; // another way from the top on
    b.map_first(b.first, apart, Bench::fs(there));
    b.dma(here, Bench::pasid5); // the tables that lead to the PASID are known from here on
    b.submit(Bench::forget_pasid(5), Bench::wait(1));
    const u64 before = b.unit.agent().walker().entries_read();
    sim::Duration marking, marked, swap;
    b.dma(apart, Bench::pasid5, &marking);
    CHECK(b.unit.agent().walker().entries_read() == before + 4);
    b.submit(Bench::forget_pasid(5), Bench::wait(2));
    b.dma(apart, Bench::pasid5, &marked);
    b.run(
        [](Bench& in) -> sim::Task<int> {
            const memory::MemoryPort::Word w = co_await in.memory.swap64(Bench::pages, 0, 0, {});
            co_return static_cast<int>(w.value);
        }(b),
        &swap);
    CHECK(marking == marked + swap * 4);
}

TEST_CASE("without a coherent walk an entry that would have to be marked faults",
          "[vtd][scalable][PASID table entry.PWSNP][SFS.9]") {
    ScalableBench b;
    b.store_pasid(5, Bench::first_stage(b.first).set(PasidEntry::PWSNP, false));
    const Spa leaf = b.map_first(b.first, here, Bench::fs(there));
    CHECK(b.refused(here) == FaultCode::SFS_9);
    Spa table = b.first;
    for (unsigned level = 1; level <= 4; ++level) {
        const Spa at = Bench::slot(table, here.value(), level);
        b.store(at, b.load<FsEntry>(at).set(FsEntry::A, true));
        table = b.load<FsEntry>(at).get(FsEntry::ADDR);
    }
    CHECK(b.dma(here, Bench::pasid5).to == there);
    CHECK(b.write_to(here).ending == Ending::Abort); // D
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::SFS_9);
    b.store(leaf, b.load<FsEntry>(leaf).set(FsEntry::D, true));
    CHECK(b.write_to(here).to == there); // nothing kept says that it is clean for ever
}

TEST_CASE("user, write and privilege decide in the first stage",
          "[vtd][scalable][first-stage entry.R/W][first-stage entry.U/S][PASID table entry.WPE][SGN.2][SGN.6]") {
    ScalableBench b;
    const bool wpe = GENERATE(false, true);
    b.store_pasid(5, Bench::first_stage(b.first).set(PasidEntry::WPE, wpe));
    const Iova kernel = here, read_only = here + page_size;
    b.map_first(b.first, kernel, Bench::fs(there).set(FsEntry::US, false));
    b.map_first(b.first, read_only, Bench::fs(there).set(FsEntry::RW, false));
    Dma privileged = Bench::pasid5;
    privileged.privileged = true;
    CHECK(b.refused(kernel) == FaultCode::SGN_2);
    CHECK(b.dma(kernel, privileged).ending == Ending::Grant);
    CHECK(b.dma(read_only, privileged).ending == Ending::Grant);
    CHECK(b.refused(read_only, Bench::with(Bench::pasid5, iommu::Access::Write)) == FaultCode::SGN_6);
    privileged.access = iommu::Access::Write;
    if (!wpe) {
        CHECK(b.dma(read_only, privileged).ending == Ending::Grant);
        return;
    }
    CHECK(b.dma(read_only, privileged).ending == Ending::Abort);
    const FaultRecord r = b.only_record();
    CHECK(r.get(FaultRecord::FR) == FaultCode::SGN_6);
    CHECK(r.get(FaultRecord::PRIV));
    CHECK(r.get(FaultRecord::PP));
    CHECK(kind_of(r) == RequestKind::Write);
}

TEST_CASE("privileged requests need SRE, cached or not; execute requests are never taken",
          "[vtd][scalable][PASID table entry.SRE][SPT.5][SPT.6]") {
    ScalableBench b;
    b.store_pasid(5, Bench::first_stage(b.first).set(PasidEntry::SRE, false));
    b.map_first(b.first, here, Bench::fs(there));
    Dma privileged = Bench::pasid5, execute = Bench::pasid5;
    privileged.privileged = true;
    execute.instruction = true;
    CHECK(b.refused(here, privileged) == FaultCode::SPT_6);
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Grant);
    CHECK(b.refused(here, privileged) == FaultCode::SPT_6);
    CHECK(b.refused(here, execute) == FaultCode::SPT_5);
}

TEST_CASE("a second stage by PASID marks A and D with SSADE only, and A on the way down, too",
          "[vtd][scalable][PASID table entry.SSADE][second-stage entry.A][second-stage entry.D]") {
    const bool tracked = GENERATE(false, true);
    ScalableBench b;
    b.store_pasid(5, Bench::second_stage(b.second).set(PasidEntry::SSADE, tracked));
    const Spa leaf = b.map_second(b.second, here.value(), Bench::ss(there).set(SsEntry::SNP, true));
    const Spa top = Bench::slot(b.second, here.value(), 1);
    CHECK(b.dma(here, Bench::pasid5).to == there);
    CHECK(b.load<SsEntry>(leaf).get(SsEntry::A) == tracked);
    CHECK(b.load<SsEntry>(top).get(SsEntry::A) == tracked);
    CHECK_FALSE(b.load<SsEntry>(leaf).get(SsEntry::D));
    CHECK(b.write_to(here).to == there);
    CHECK(b.load<SsEntry>(leaf).get(SsEntry::D) == tracked);
    CHECK_FALSE(b.load<SsEntry>(top).get(SsEntry::D));
}

TEST_CASE("nested: the second stage translates the first one's tables and what they lead to",
          "[vtd][scalable][PASID table entry.PGTT][PASID table entry.SSPTPTR]") {
    ScalableBench b;
    b.store_pasid(5, Bench::nested(b.first, b.second));
    b.map_all_second();
    b.map_first(b.first, here, Bench::fs(Spa{0x7000'3000}));
    b.map_second(b.second, 0x7000'3000, Bench::ss(there));
    CHECK(b.dma(here + 0x18, Bench::pasid5).to == there + 0x18);
    CHECK(b.write_to(here).to == there);
    CHECK_FALSE(b.faulted());
}

TEST_CASE("requests without PASID are looked up as RID_PASID says, and RID_PRIV makes them privileged",
          "[vtd][scalable][scalable context entry.RID_PASID][scalable context entry.RID_PRIV][SCT.9]") {
    ScalableBench b;
    const bool privileged = GENERATE(false, true);
    b.store_context(Bench::context()
                        .set(ScalableContextEntry::RID_PASID, Pasid{9})
                        .set(ScalableContextEntry::RID_PRIV, privileged));
    b.store_pasid(9, Bench::first_stage(b.first));
    b.map_first(b.first, here, Bench::fs(there));
    b.map_first(b.first, here + page_size, Bench::fs(there).set(FsEntry::US, false));
    CHECK(b.dma(here).to == there);
    CHECK(b.dma(here + page_size).ending == (privileged ? Ending::Grant : Ending::Abort));
    CHECK(b.faulted() != privileged);
    if (b.faulted()) {
        const FaultRecord r = b.only_record();
        CHECK(r.get(FaultRecord::FR) == FaultCode::SGN_2);
        CHECK_FALSE(r.get(FaultRecord::PP));
    }
    CHECK(b.refused(here, {Bench::stream, 9}) == FaultCode::SCT_9); // 9 is not for requests that say so
    // The PASID cache's entry is RID_PASID's, too.
    b.store_pasid(9, PasidEntry{});
    CHECK(b.dma(here).to == there);
    b.submit(Bench::forget_entry(0), Bench::wait(1));
    CHECK(b.dma(here).to == there);
    b.submit(Bench::forget_entry(9), Bench::wait(2));
    CHECK(b.dma(here).ending == Ending::Abort);
}

TEST_CASE("pass-through by PASID ends at the host's width, and does not reach the interrupt range",
          "[vtd][scalable][PASID table entry.PGTT][SGN.4][SGN.8]") {
    ScalableBench b;
    b.store_pasid(5, Bench::entry(PagingTranslation::PassThrough));
    CHECK(b.dma(Iova{0x1234'5678}, Bench::pasid5).to == Spa{0x1234'5678});
    CHECK(b.refused(Iova{0x1'0000'0000'0000}) == FaultCode::SGN_4);
    CHECK(b.refused(Iova{0xFEE0'0000}) == FaultCode::SGN_8);
}

TEST_CASE("the upper half of a bus has a context table of its own",
          "[vtd][scalable][scalable root entry.UP][scalable root entry.UCTP]") {
    ScalableBench b;
    const u32 upper = 0x01f0;
    b.store_context(Bench::context(), upper);
    b.store_pasid(5, Bench::entry(PagingTranslation::PassThrough));
    CHECK(b.dma(Iova{0x5000}, {upper, 5}).to == Spa{0x5000});
    CHECK(b.refused(Iova{0x5000}, {0x0170, 5}) == FaultCode::SCT_2);
}
