// SPDX-License-Identifier: Apache-2.0
/// Traffic that cannot be translated: how it ends, and every event record byte by byte.
#include "smmuv3/bench.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

const std::string no_words(48, '0'); // three words of zeros

} // namespace

TEST_CASE("an aborting stream aborts without a record", "[smmuv3][STE.Config]") {
    Bench b;
    Log<FaultRaised> faults{b.bus};
    b.store(Bench::strtab + 64, Ste{}.set(Ste::V, true));
    b.start();
    CHECK(b.dma(here).ending == Ending::Abort);
    CHECK(b.events() == 0);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].fate == FaultFate::Suppressed);
}

TEST_CASE("configuration faults, byte by byte",
          "[smmuv3][C_BAD_STREAMID][C_BAD_STE][C_BAD_SUBSTREAMID][F_STE_FETCH][F_CD_FETCH][C_BAD_CD]") {
    Bench b;
    b.start();
    SECTION("C_BAD_STREAMID only with RECINVSID") {
        CHECK(b.dma(here, Access::Write, 0x1234, 0x54321).ending == Ending::Abort);
        CHECK(hex(b.only_event()) == "0218325434120000" + no_words);
        b.write(Cr0{}.set(Cr0::CMDQEN, true).set(Cr0::EVENTQEN, true));
        b.write(Cr2{});
        b.write(Cr0{}.set(Cr0::CMDQEN, true).set(Cr0::EVENTQEN, true).set(Cr0::SMMUEN, true));
        CHECK(b.dma(here, Access::Write, 0x1234).ending == Ending::Abort);
        CHECK(b.events() == 1);
    }
    SECTION("F_STE_FETCH") {
        b.memory.broken = Bench::strtab;
        b.dma(here, Access::Write, 3, 7);
        CHECK(hex(b.only_event()) == "0378000003000000"
                                     "0000000000000000"
                                     "0000000000000000"
                                     "c000001100000000");
    }
    SECTION("C_BAD_STE") {
        b.dma(here, Access::Read, 2, 1);
        CHECK(hex(b.only_event()) == "0418000002000000" + no_words);
    }
    SECTION("C_BAD_SUBSTREAMID: out of range, SSV is RES0") {
        b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab, 4));
        b.dma(here, Access::Read, 1, 16);
        CHECK(hex(b.only_event()) == "0800010001000000" + no_words);
    }
    SECTION("C_BAD_SUBSTREAMID: first-level descriptor not valid") {
        b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab, 10, NoSubstream::Terminate, CdTable::TwoLevel4K));
        b.dma(here, Access::Read, 1, 0x41);
        CHECK(hex(b.only_event()) == "0810040001000000" + no_words);
    }
    SECTION("F_CD_FETCH: the descriptor") {
        b.store(Bench::strtab + 64, Bench::stage1_ste(Spa{0x40'0000'0000}, 10));
        b.dma(here, Access::Read, 1, 2);
        CHECK(hex(b.only_event()) == "0928000001000000"
                                     "0000000000000000"
                                     "0000000000000000"
                                     "8000000040000000");
    }
    SECTION("F_CD_FETCH: the first level") {
        b.store(Bench::strtab + 64,
                Bench::stage1_ste(Spa{0x40'0000'0000}, 10, NoSubstream::Terminate, CdTable::TwoLevel4K));
        b.dma(here, Access::Read, 1, 0x42);
        CHECK(hex(b.only_event()) == "0928040001000000"
                                     "0000000000000000"
                                     "0000000000000000"
                                     "0800000040000000");
    }
    SECTION("C_BAD_CD") {
        b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab, 4));
        b.dma(here, Access::Read, 1, 5);
        CHECK(hex(b.only_event()) == "0a58000001000000" + no_words);
    }
}

TEST_CASE("translation faults, byte by byte",
          "[smmuv3][F_TRANSLATION][F_ADDR_SIZE][F_ACCESS][F_PERMISSION][F_WALK_EABT][CD.IPS][CD.AFFD]"
          "[stage 1 table.Valid][stage 1 table.Type][stage 1 leaf.AF]") {
    Bench b;
    b.start();
    const Spa ttb = b.simple(here, there, false);
    SECTION("F_TRANSLATION, write") {
        b.dma(here + page_size + 4, Access::Write);
        CHECK(hex(b.only_event()) == "1000000001000000"
                                     "0000000000020000"
                                     "04a0785634120000"
                                     "0000000000000000");
    }
    SECTION("F_PERMISSION, write to a read-only page") {
        b.dma(here, Access::Write);
        CHECK(hex(b.only_event()) == "1300000001000000"
                                     "0000000000020000"
                                     "0090785634120000"
                                     "0000000000000000");
    }
    SECTION("F_ACCESS, unless AFFD") {
        b.map(ttb, here, Bench::page(there).set(LeafDescriptor::AF, false).word(0));
        b.dma(here);
        CHECK(hex(b.only_event()) == "1200000001000000"
                                     "0000000008020000"
                                     "0090785634120000"
                                     "0000000000000000");
        b.store(Bench::cdtab, Bench::cd(ttb).set(Cd::AFFD, true));
        b.command(make_command<CfgiCdAll>().set(CfgiCdAll::SID, StreamId{1}), Bench::sync());
        CHECK(b.dma(here).ending == Ending::Grant);
    }
    SECTION("F_ADDR_SIZE, the page is beyond IPS") {
        b.map(ttb, here, Bench::page(Spa{0x1'0000'0000}).word(0));
        b.store(Bench::cdtab, Bench::cd(ttb).set(Cd::IPS, 0));
        b.dma(here);
        CHECK(hex(b.only_event()) == "1100000001000000"
                                     "0000000008020000"
                                     "0090785634120000"
                                     "0000000000000000");
    }
    SECTION("F_WALK_EABT, the last table is not there") {
        b.map(ttb, here,
              TableDescriptor{}
                  .set(TableDescriptor::Valid, true)
                  .set(TableDescriptor::Type, true)
                  .set(TableDescriptor::NextTable, Spa{0x70'0000'0000})
                  .word(0),
              2);
        b.dma(here);
        CHECK(hex(b.only_event()) == "0b00000001000000"
                                     "0000000008010000"
                                     "0090785634120000"
                                     "480c000070000000");
    }
    SECTION("an unprivileged access to a privileged page, and a privileged one") {
        b.map(ttb, here, Bench::page(there).set(LeafDescriptor::AP1, false).word(0));
        CHECK(b.dma(here).ending == Ending::Abort);
        CHECK((b.event(0).word(0) & 0xff) == 0x13);
        TranslationRequest r = b.request(here);
        r.privileged = true;
        CHECK(b.run(b.unit.translation().translate(r)).ending == Ending::Grant);
        r.at = here + page_size;
        r.instruction = true;
        b.run(b.unit.translation().translate(r));
        CHECK(hex(b.event(1)) == "1000000001000000"
                                 "000000000e020000"
                                 "00a0785634120000"
                                 "0000000000000000"); // PnU, InD, RnW
    }
}

TEST_CASE("A and R say how a translation fault ends and whether it is recorded", "[smmuv3][CD.A][CD.R]") {
    struct Row {
        bool a, r;
        Ending ending;
        u32 events;
    };
    const Row row = GENERATE(Row{false, false, Ending::ReadZero, 0}, Row{false, true, Ending::ReadZero, 1},
                             Row{true, false, Ending::Abort, 0}, Row{true, true, Ending::Abort, 1});
    CAPTURE(row.a, row.r);
    Bench b;
    Log<FaultRaised> faults{b.bus};
    const Spa ttb = b.simple(here, there);
    b.store(Bench::cdtab, Bench::cd(ttb).set(Cd::A, row.a).set(Cd::R, row.r));
    b.start();
    CHECK(b.dma(here + page_size).ending == row.ending);
    CHECK(b.events() == row.events);
    REQUIRE(faults.size() == 1);
    CHECK(faults[0].fate == (row.events != 0 ? FaultFate::Recorded : FaultFate::Suppressed));
    CHECK(faults[0].type == base::Name{"F_TRANSLATION"});
    CHECK(faults[0].code == 0x10);
}

TEST_CASE("A and R do not silence an aborted walk", "[smmuv3]") {
    Bench b;
    const Spa ttb = b.simple(here, there);
    b.store(Bench::cdtab, Bench::cd(ttb).set(Cd::A, false).set(Cd::R, false));
    b.memory.broken = ttb;
    b.start();
    CHECK(b.dma(here).ending == Ending::Abort);
    CHECK((b.only_event().word(0) & 0xff) == 0x0b);
}

TEST_CASE("S=1 is an illegal descriptor where the unit cannot stall", "[smmuv3]") {
    Bench b;
    const Spa ttb = b.simple(here, there);
    b.store(Bench::cdtab, Bench::cd(ttb).set(Cd::S, true));
    b.start();
    CHECK(b.dma(here).ending == Ending::Abort);
    CHECK(hex(b.only_event()) == "0a00000001000000" + no_words);
}

TEST_CASE("a quiet descriptor ends traffic without a record, and cached translations still hit until TLBI",
          "[smmuv3][CD.EPD0][CD.R][TLBI_NH_ASID][CFGI_CD]") {
    Bench b;
    const Spa ttb = b.simple(here, there);
    b.start();
    CHECK(b.dma(here).ending == Ending::Grant);
    b.store(Bench::cdtab, Bench::cd(ttb).set(Cd::EPD0, true).set(Cd::R, false));
    b.command(make_command<CfgiCd>().set(CfgiCd::SID, StreamId{1}).set(CfgiCd::Leaf, true), Bench::sync());
    CHECK(b.dma(here).ending == Ending::Grant); // EPD0 stops walks, not hits
    CHECK(b.dma(here + page_size).ending == Ending::Abort);
    b.command(make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{1}), Bench::sync());
    CHECK(b.dma(here).ending == Ending::Abort);
    CHECK(b.events() == 0);
}

TEST_CASE("where ATS is not offered, translation requests and translated accesses are refused and recorded",
          "[smmuv3][F_BAD_ATS_TREQ][F_TRANSL_FORBIDDEN]") {
    Smmuv3Config config;
    config.ats = false;
    Bench b{config};
    b.simple(here, there);
    const bool smmu = GENERATE(true, false);
    b.start(4, smmu);
    TranslationRequest r = b.request(here + 0x20, Access::Read, 1, 3);
    r.type = AddressType::TranslationRequest;
    CHECK(b.run(b.unit.translation().translate(r)).ending == Ending::Abort);
    r.type = AddressType::Translated;
    CHECK(b.run(b.unit.translation().translate(r)).ending == Ending::Abort);
    REQUIRE(b.events() == 2);
    CHECK(hex(b.event(0)) == "0538000001000000"
                             "010000c000000000"
                             "0090785634120000"
                             "0000000000000000");
    CHECK(hex(b.event(1)) == "0700000001000000"
                             "0000000008000000"
                             "2090785634120000"
                             "0000000000000000");
}

TEST_CASE("a torn descriptor is seen as it was at each beat", "[smmuv3]") {
    Bench b;
    const Spa ttb = b.simple(here, there);
    b.memory.beat_gap = 10_ns;
    b.store(Bench::cdtab, Bench::cd(Spa{0x70'0000'0000})); // word 1 (TTB0) lies in the first beat, with word 0
    b.start();
    // The guest replaces the descriptor between the first beat and the second: the old TTB0 is used.
    const AgentConfig& a = b.config.agent;
    const sim::Time first_beat =
        sim::now() + a.config_lookup.get() + a.tlb_lookup.get() + b.memory.latency * 2 + b.memory.beat_gap * 3;
    sim::spawn([](Bench& bench, sim::Time when, Spa root) -> sim::Task<void> {
        co_await sim::until(when + 1_ns);
        bench.store(Bench::cdtab, Bench::cd(root));
    }(b, first_beat, ttb));
    CHECK(b.dma(here).ending == Ending::Abort);
    CHECK((b.only_event().word(0) & 0xff) == 0x0b);
}

TEST_CASE("whatever a guest writes, the simulator goes on", "[smmuv3]") {
    Bench b;
    b.start(4);
    sim::Random random{7, "guest"};
    for (int round = 0; round < 60; ++round) {
        for (unsigned w = 0; w < 8; ++w) {
            b.memory.poke64(Bench::strtab + 64 + w * 8, random.next());
            b.memory.poke64(Bench::cdtab + w * 8, random.next());
        }
        if (round % 2 == 0) { // get past the stream table entry
            b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab));
            Cd cd = b.load<Cd>(Bench::cdtab);
            cd.set(Cd::V, true)
                .set(Cd::AA64, true)
                .set(Cd::S, false)
                .set(Cd::ENDI, false)
                .set(Cd::HA, false)
                .set(Cd::HD, false);
            b.store(Bench::cdtab, cd);
        }
        b.command(make_command<CfgiSteRange>().set(CfgiSteRange::Range, cfgi_all_range), make_command<TlbiNsnhAll>(),
                  Bench::sync());
        b.dma(Iova{random.next()}, Access::Write, static_cast<u32>(random.below(4)), static_cast<u32>(random.below(3)));
        b.dma(Iova{random.next()}, Access::Read, 1);
        b.consume_events();
    }
    CHECK(b.reg<CmdqCons>().get(CmdqCons::RD) == b.prod);
}

} // namespace quiesce::iommu::smmuv3::test
