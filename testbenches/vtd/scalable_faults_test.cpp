// SPDX-License-Identifier: Apache-2.0
#include "vtd/scalable_bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

TEST_CASE("nested: who refuses is named",
          "[vtd][scalable][SFS.2][SFS.5][SFS.6][SGN.6][SGN.7][SSS.1][SSS.2][SSS.3][SSS.4]") {
    struct Case {
        const char* what;
        FaultCode code;
        void (*spoil)(ScalableBench& b);
        iommu::Access access = iommu::Access::Read;
    };
    static constexpr u64 middle = 0x7000'3000;
    const Case cases[] = {
        {"first stage not present", FaultCode::SFS_2, [](ScalableBench& b) { b.map_first(b.first, here, FsEntry{}); }},
        {"first stage refuses", FaultCode::SGN_6,
         [](ScalableBench& b) { b.map_first(b.first, here, Bench::fs(Spa{middle}).set(FsEntry::RW, false)); },
         iommu::Access::Write},
        {"first-stage address beyond the second stage", FaultCode::SFS_5,
         [](ScalableBench& b) { b.map_first(b.first, here, Bench::fs(Spa{0x1'0000'0000'0000})); }},
        {"no read of the first-stage root", FaultCode::SFS_6,
         [](ScalableBench& b) {
             b.store(
                 Bench::slot(
                     b.load<SsEntry>(Bench::slot(b.load<SsEntry>(Bench::slot(b.second, 0, 1)).get(SsEntry::ADDR), 0, 2))
                         .get(SsEntry::ADDR),
                     b.first.value(), 3),
                 Bench::ss(Spa{0x1500'0000}).set(SsEntry::PS, true).set(SsEntry::R, false));
         }},
        {"first-stage root in no second-stage page", FaultCode::SSS_2,
         [](ScalableBench& b) { b.store_pasid(5, Bench::nested(Spa{0x7100'0000}, b.second)); }},
        {"page in no second-stage page", FaultCode::SSS_2,
         [](ScalableBench& b) { b.map_second(b.second, middle, SsEntry{}); }},
        {"second stage does not let write", FaultCode::SGN_6,
         [](ScalableBench& b) { b.map_second(b.second, middle, Bench::ss(there).set(SsEntry::W, false)); },
         iommu::Access::Write},
        {"second stage does not let read", FaultCode::SGN_7,
         [](ScalableBench& b) { b.map_second(b.second, middle, Bench::ss(there).set(SsEntry::R, false)); }},
        {"second-stage entry not there", FaultCode::SSS_1,
         [](ScalableBench& b) {
             b.store(Bench::slot(b.second, here.value(), 1), Bench::ss(Spa{0x3000}));
             b.map_first(b.first, here, Bench::fs(Spa{here.value()}));
         }},
        {"second-stage root not there", FaultCode::SSS_4,
         [](ScalableBench& b) { b.store_pasid(5, Bench::nested(b.first, Spa{0x3000})); }},
        {"second-stage entry reserved", FaultCode::SSS_3,
         [](ScalableBench& b) { b.map_second(b.second, middle, Bench::ss(there).set(SsEntry::IW, true)); }},
        {"to the interrupt range", FaultCode::SGN_8,
         [](ScalableBench& b) { b.map_second(b.second, middle, Bench::ss(Spa{0xFEE0'1000})); }},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    {
        INFO(c.what);
        ScalableBench b;
        b.store_pasid(5, Bench::nested(b.first, b.second));
        b.map_all_second();
        b.map_first(b.first, here, Bench::fs(Spa{middle}));
        b.map_second(b.second, middle, Bench::ss(there));
        c.spoil(b);
        CHECK(b.refused(here, Bench::with(Bench::pasid5, c.access)) == c.code);
    }
}

TEST_CASE("nested: first-stage tables that the second stage lets only be read cannot be marked",
          "[vtd][scalable][SFS.8]") {
    ScalableBench b;
    b.store_pasid(5, Bench::nested(b.first, b.second));
    b.map_second(b.second, 0x1500'0000, Bench::ss(Spa{0x1500'0000}).set(SsEntry::PS, true).set(SsEntry::W, false), 3);
    b.map_first(b.first, here, Bench::fs(Spa{0x7000'3000}));
    b.map_second(b.second, 0x7000'3000, Bench::ss(there));
    CHECK(b.refused(here) == FaultCode::SFS_8);
    CHECK_FALSE(b.load<FsEntry>(Bench::slot(b.first, here.value(), 1)).get(FsEntry::A));
}

TEST_CASE(
    "each fault on the way to a PASID table entry has its reason, and FPD on the way keeps back those that it may",
    "[vtd][scalable][scalable context entry.FPD][PASID directory entry.FPD][PASID table entry.FPD]") {
    struct Case {
        const char* what;
        FaultCode code;
        bool qualified;
        void (*make)(ScalableBench& b, bool quiet);
        u32 pasid = 5;
    };
    static const auto context = [](ScalableBench& b, bool quiet, auto change) {
        ScalableContextEntry e = Bench::context().set(ScalableContextEntry::FPD, quiet);
        change(e);
        b.store_context(e);
    };
    static const auto path = [](ScalableBench& b, bool quiet, auto change) { // FPD in the entry itself
        PasidEntry e = Bench::first_stage(b.first).set(PasidEntry::FPD, quiet);
        change(e);
        b.store_pasid(5, e);
    };
    const Case cases[] = {
        {"root not there", FaultCode::SRT_1, false,
         [](ScalableBench& b, bool) { b.set_root(TableMode::Scalable, Spa{0x1000}); }},
        {"root P=0", FaultCode::SRT_2, false,
         [](ScalableBench& b, bool) { b.store(Bench::root + 16, ScalableRootEntry{}); }},
        {"root reserved", FaultCode::SRT_3, false,
         [](ScalableBench& b, bool) { b.memory.poke64(Bench::root + 16, b.memory.peek64(Bench::root + 16) | 2); }},
        {"context not there", FaultCode::SCT_1, false,
         [](ScalableBench& b, bool) { b.memory.poke64(Bench::root + 16, 0x2001); }},
        {"context P=0", FaultCode::SCT_2, true,
         [](ScalableBench& b, bool quiet) {
             context(b, quiet, [](ScalableContextEntry& e) { e.set(ScalableContextEntry::P, false); });
         }},
        {"context reserved", FaultCode::SCT_3, true,
         [](ScalableBench& b, bool quiet) {
             context(b, quiet, [](ScalableContextEntry& e) { e.set(ScalableContextEntry::HPTE, true); });
         }},
        {"PRE without DTE", FaultCode::SCT_4, true,
         [](ScalableBench& b, bool quiet) {
             context(b, quiet, [](ScalableContextEntry& e) { e.set(ScalableContextEntry::DTE, false); });
         }},
        {"RID_PASID beyond the directory", FaultCode::SCT_4, true,
         [](ScalableBench& b, bool quiet) {
             context(b, quiet, [](ScalableContextEntry& e) { e.set(ScalableContextEntry::RID_PASID, Pasid{0x2000}); });
         }},
        {"PASIDE=0", FaultCode::SCT_6, true,
         [](ScalableBench& b, bool quiet) {
             context(b, quiet, [](ScalableContextEntry& e) { e.set(ScalableContextEntry::PASIDE, false); });
         }},
        {"PASID beyond the directory", FaultCode::SCT_7, true,
         [](ScalableBench& b, bool quiet) { context(b, quiet, [](ScalableContextEntry&) {}); }, 0x2000},
        {"directory not there", FaultCode::SPD_1, false,
         [](ScalableBench& b, bool quiet) {
             context(b, quiet, [](ScalableContextEntry& e) { e.set(ScalableContextEntry::PASIDDIRPTR, Spa{0x2000}); });
         }},
        {"directory P=0", FaultCode::SPD_2, true,
         [](ScalableBench& b, bool quiet) {
             b.store(Bench::directory, PasidDirectoryEntry{}.set(PasidDirectoryEntry::FPD, quiet));
         }},
        {"directory reserved", FaultCode::SPD_3, true,
         [](ScalableBench& b, bool quiet) {
             b.memory.poke64(Bench::directory, Bench::pasid_table.value() | 0x11 | (quiet ? 2 : 0));
         }},
        {"table not there", FaultCode::SPT_1, false,
         [](ScalableBench& b, bool) { b.memory.poke64(Bench::directory, 0x2003); }},
        {"entry P=0", FaultCode::SPT_2, true,
         [](ScalableBench& b, bool quiet) { b.store_pasid(5, PasidEntry{}.set(PasidEntry::FPD, quiet)); }},
        {"entry P=0, FPD in the context", FaultCode::SPT_2, true,
         [](ScalableBench& b, bool quiet) {
             context(b, quiet, [](ScalableContextEntry&) {});
             b.store_pasid(5, PasidEntry{});
         }},
        {"entry P=0, FPD in the directory", FaultCode::SPT_2, true,
         [](ScalableBench& b, bool quiet) {
             b.store_pasid(5, PasidEntry{});
             b.memory.poke64(Bench::directory, Bench::pasid_table.value() | 1 | (quiet ? 2 : 0));
         }},
        {"entry reserved", FaultCode::SPT_3, true,
         [](ScalableBench& b, bool quiet) { path(b, quiet, [](PasidEntry& e) { e.set(PasidEntry::HPTPFD, true); }); }},
        {"PGTT", FaultCode::SPT_4, true,
         [](ScalableBench& b, bool quiet) {
             path(b, quiet, [](PasidEntry& e) { e.set(PasidEntry::PGTT, static_cast<PagingTranslation>(5)); });
         }},
        {"FSPM", FaultCode::SPT_4, true,
         [](ScalableBench& b, bool quiet) {
             path(b, quiet, [](PasidEntry& e) { e.set(PasidEntry::FSPM, static_cast<FirstStageMode>(2)); });
         }},
        {"AW", FaultCode::SPT_4, true,
         [](ScalableBench& b, bool quiet) {
             b.store_pasid(5, Bench::second_stage(b.second)
                                  .set(PasidEntry::AW, static_cast<AddressWidth>(4))
                                  .set(PasidEntry::FPD, quiet));
         }},
        {"first-stage root not there", FaultCode::SFS_4, true,
         [](ScalableBench& b, bool quiet) {
             path(b, quiet, [](PasidEntry& e) { e.set(PasidEntry::FSPTPTR, Spa{0x3000}); });
         }},
        {"first-stage entry not there", FaultCode::SFS_1, true,
         [](ScalableBench& b, bool quiet) {
             path(b, quiet, [](PasidEntry&) {});
             b.store(Bench::slot(b.first, here.value(), 1), Bench::fs(Spa{0x3000}));
         }},
        {"first-stage entry not present", FaultCode::SFS_2, true,
         [](ScalableBench& b, bool quiet) {
             path(b, quiet, [](PasidEntry&) {});
             b.store(Bench::slot(b.first, here.value(), 1), FsEntry{});
         }},
        {"first-stage entry reserved", FaultCode::SFS_3, true,
         [](ScalableBench& b, bool quiet) {
             path(b, quiet, [](PasidEntry&) {});
             b.store(Bench::slot(b.first, here.value(), 1), Bench::fs(Spa{0x1'0000'0000'0000}));
         }},
        {"PS where no page is", FaultCode::SFS_3, true,
         [](ScalableBench& b, bool quiet) {
             path(b, quiet, [](PasidEntry&) {});
             b.store(Bench::slot(b.first, here.value(), 1), Bench::fs(there).set(FsEntry::PS, true));
         }},
        {"second stage beyond its width", FaultCode::SGN_5, true,
         [](ScalableBench& b, bool quiet) {
             b.store_pasid(
                 5,
                 Bench::second_stage(b.second).set(PasidEntry::AW, AddressWidth::Bits39).set(PasidEntry::FPD, quiet));
         }},
        {"second stage not mapped", FaultCode::SSS_2, true,
         [](ScalableBench& b, bool quiet) {
             b.store_pasid(5, Bench::second_stage(b.second).set(PasidEntry::FPD, quiet));
         }},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    const bool quiet = GENERATE(false, true);
    {
        INFO(c.what << (quiet ? ", FPD" : ""));
        ScalableBench b;
        b.store_pasid(5, Bench::first_stage(b.first));
        b.map_first(b.first, here, Bench::fs(there));
        c.make(b, quiet);
        Log<FaultRaised> faults{b.bus};
        CHECK(b.dma(here, {Bench::stream, c.pasid}).ending == Ending::Abort);
        CHECK(b.faulted() == !(quiet && c.qualified));
        REQUIRE(faults.size() == 1);
        CHECK(faults.last().code == raw(c.code));
        if (!b.faulted()) return;
        const FaultRecord r = b.only_record();
        CHECK(r.get(FaultRecord::FR) == c.code);
        CHECK(r.get(FaultRecord::PP));
        CHECK(r.get(FaultRecord::PV) == Pasid{c.pasid});
    }
}

TEST_CASE("a PASID beyond the unit's width is refused before the directory is asked", "[vtd][scalable][SGN.10]") {
    VtdConfig c;
    c.pasid_bits.set(8);
    ScalableBench b{c};
    CHECK(b.refused(here, {Bench::stream, 0x100}) == FaultCode::SGN_10);
    CHECK(b.refused(here, {Bench::stream, 0xff}) == FaultCode::SPD_2);
}

TEST_CASE("nested: a first-stage root must lie below what both the entry's width and the unit's let in",
          "[vtd][scalable][SPT.4][PASID table entry.FSPTPTR][PASID table entry.AW]") {
    Identity id = identity_of(VtdConfig{});
    const auto refused = [&](u64 at, AddressWidth width) {
        const PasidEntry e = Bench::nested(Spa{at}, Bench::tables).set(PasidEntry::AW, width);
        const auto* rule = why_refused(e, id);
        if (rule != nullptr) CHECK(rule->code == FaultCode::SPT_4);
        return rule != nullptr;
    };
    CHECK_FALSE(refused(u64{1} << 47, AddressWidth::Bits48));
    CHECK(refused(u64{1} << 48, AddressWidth::Bits48));
    CHECK_FALSE(refused(u64{1} << 56, AddressWidth::Bits57));
    id.cap.set(Cap::MGAW, 52 - 1);
    CHECK_FALSE(refused(u64{1} << 51, AddressWidth::Bits57));
    CHECK(refused(u64{1} << 52, AddressWidth::Bits57));
}
