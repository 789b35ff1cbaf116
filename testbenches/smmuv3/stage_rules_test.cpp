// SPDX-License-Identifier: Apache-2.0
/// What makes a stage 2 ILLEGAL, where its walks start, and contexts whose halves have granules of their own.
#include "iommu/smmuv3/rules.h"
#include "smmuv3/stage_bench.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

Smmuv3Config granules() {
    Smmuv3Config c = StageBench::both_stages();
    c.granule_16k = c.granule_64k = true;
    return c;
}
/// Legal: 40 bits of 4 KiB pages from level 1.
Ste stage2_ste() {
    return Ste{}
        .set(Ste::V, true)
        .set(Ste::Config, StreamConfig::Stage2)
        .set(Ste::S2VMID, Vmid{7})
        .set(Ste::S2T0SZ, 24)
        .set(Ste::S2SL0, 1)
        .set(Ste::S2PS, 5)
        .set(Ste::S2AA64, true)
        .set(Ste::S2TTB, Spa{0x1000});
}

} // namespace

TEST_CASE("each illegal stage 2 is refused, and its neighbour is not",
          "[smmuv3][stages][STE.S2T0SZ][STE.S2SL0][STE.S2TG][STE.S2PS][STE.S2AA64][STE.S2ENDI][STE.S2TTB]"
          "[STE.S2HD][STE.S2HA][STE.S2S][C_BAD_STE]") {
    const StreamConfig config = GENERATE(StreamConfig::Stage2, StreamConfig::Nested);
    const Ste good = stage2_ste().set(Ste::Config, config);
    const auto bad = [](const Ste& s, const Smmuv3Config& c) { return !why_illegal(s, identity_of(c)).empty(); };
    const Smmuv3Config full = granules();
    CHECK_FALSE(bad(good, full));
    CHECK(bad(good, Smmuv3Config{})); // no stage 2
    Smmuv3Config narrow = full;
    narrow.vmid16 = false;
    CHECK(bad(Ste{good}.set(Ste::S2VMID, Vmid{0x100}), narrow));
    CHECK_FALSE(bad(Ste{good}.set(Ste::S2VMID, Vmid{0x100}), full));
    CHECK_FALSE(bad(Ste{good}.set(Ste::S2VMID, Vmid{0xff}), narrow));
    CHECK(bad(Ste{good}.set(Ste::S2AA64, false), full));
    CHECK(bad(Ste{good}.set(Ste::S2ENDI, true), full));
    CHECK(bad(Ste{good}.set(Ste::S2TG, Granule0::Reserved), full));
    CHECK(bad(Ste{good}.set(Ste::S2TG, Granule0::K64), StageBench::both_stages()));
    CHECK(bad(Ste{good}.set(Ste::S2T0SZ, 15).set(Ste::S2SL0, 2), full));
    CHECK_FALSE(bad(Ste{good}.set(Ste::S2T0SZ, 16).set(Ste::S2SL0, 2), full));
    CHECK(bad(Ste{good}.set(Ste::S2T0SZ, 40).set(Ste::S2SL0, 0), full));
    CHECK_FALSE(bad(Ste{good}.set(Ste::S2T0SZ, 39).set(Ste::S2SL0, 0), full));
    CHECK_FALSE(bad(Ste{good}.set(Ste::S2PS, 1), full)); // 5.2: the input range is bounded by OAS, not by S2PS
    Smmuv3Config short_oas = full;
    short_oas.output_bits = 40u;
    CHECK_FALSE(bad(good, short_oas));
    CHECK(bad(Ste{good}.set(Ste::S2T0SZ, 23), short_oas));
    CHECK(bad(Ste{good}.set(Ste::S2SL0, 3), full));
    CHECK(bad(Ste{good}.set(Ste::S2TTB, Spa{u64{1} << 48}), full));
    CHECK(bad(Ste{good}.set(Ste::S2HA, true), full));
    CHECK(bad(Ste{good}.set(Ste::S2S, true), full));
    Smmuv3Config marks = full;
    marks.hardware_update = 1u;
    CHECK_FALSE(bad(Ste{good}.set(Ste::S2HA, true), marks));
    CHECK(bad(Ste{good}.set(Ste::S2HA, true).set(Ste::S2HD, true), marks));
    Smmuv3Config stalls = full;
    stalls.stall_model = StallModel::StallForced;
    CHECK(bad(good, stalls));
    CHECK_FALSE(bad(Ste{good}.set(Ste::S2S, true), stalls));
    Smmuv3Config small = full;
    small.small_tables = true;
    CHECK_FALSE(bad(Ste{good}.set(Ste::S2T0SZ, 48).set(Ste::S2SL0, 3), small)); // level 3
    // Without stage 2 none of its fields counts.
    CHECK_FALSE(bad(Ste{good}.set(Ste::Config, StreamConfig::Stage1).set(Ste::S2TG, Granule0::Reserved), full));
}

TEST_CASE("split-stage ATS needs both stages, no stalling and a unit that has it", "[smmuv3][stages][STE.EATS]") {
    Smmuv3Config c = StageBench::both_stages();
    const Ste split = stage2_ste().set(Ste::Config, StreamConfig::Nested).set(Ste::EATS, StreamAts::SplitStage);
    CHECK(why_illegal(split, identity_of(c)).empty());
    CHECK_FALSE(why_illegal(Ste{split}.set(Ste::Config, StreamConfig::Stage2), identity_of(c)).empty());
    c.split_ats = false;
    CHECK_FALSE(why_illegal(split, identity_of(c)).empty());
}

TEST_CASE("stage 2 takes as many first tables as its input range needs, up to sixteen",
          "[smmuv3][stages][STE.S2T0SZ][STE.S2SL0][STE.S2TTB]") {
    // DDI 0487 D8.2, counted in tables: at least two entries, at most sixteen tables of one page.
    for (const Granule0 code : {Granule0::K4, Granule0::K16, Granule0::K64}) {
        const Granule& g = granule_of(code);
        for (u64 sl0 = 0; sl0 < 4; ++sl0) {
            const auto level = stage2_start_level(g, sl0, false);
            REQUIRE(level.has_value() == (sl0 != 3));
            if (!level) continue;
            CHECK(*level == (code == Granule0::K4 ? 2 : 3) - sl0);
            for (unsigned bits = 16; bits <= 48; ++bits) {
                INFO("page bits " << g.page_bits << " level " << *level << " input bits " << bits);
                const u64 per_entry = u64{1} << (g.page_bits + (3 - *level) * (g.page_bits - 3));
                const u64 entries = (u64{1} << bits) / per_entry;
                const u64 tables = entries * 8 >> g.page_bits;
                const bool room = tables < 16 || entries * 8 == u64{16} << g.page_bits;
                CHECK(stage2_fits(g, *level, bits) == (entries >= 2 && room));
            }
        }
    }
    CHECK(make_stage2_root(granule_of(Granule0::K4), 24, 1, Spa{0x3'5000}).table == Spa{0x3'4000}); // two tables
    CHECK(make_stage2_root(granule_of(Granule0::K4), 39, 2, Spa{0x3'50f0}).table == Spa{0x3'5080});
}

TEST_CASE("each half of the input range has its own granule", "[smmuv3][stages][CD.TG0][CD.TG1][CD.TTB1]") {
    struct Row {
        Granule1 code;
        unsigned page_bits;
    };
    const Row row = GENERATE(Row{Granule1::K4, 12}, Row{Granule1::K16, 14}, Row{Granule1::K64, 16});
    Bench b{granules()};
    const Spa low = b.new_table();
    b.map(low, here, Bench::page(there).word(0));
    // The high half: 39 - 3 = 25 bits or a table of one level more, filled by hand.
    const u64 page = u64{1} << row.page_bits;
    b.free_table = b.free_table.align_up(0x10000);
    const Spa top = b.free_table, last = top + 0x10000;
    b.free_table += 0x20000;
    const unsigned shift = row.page_bits + row.page_bits - 3; // level 2
    const Iova high{~u64{0} << 30 | u64{5} << row.page_bits};
    const u64 to = 0x2040'0000;
    b.memory.poke64(top + ((high.value() & 0x3fff'ffff) >> shift) * 8, last.value() | 3);
    b.memory.poke64(last + ((high.value() >> row.page_bits) & ((u64{1} << (row.page_bits - 3)) - 1)) * 8,
                    Bench::page(Spa{to}).word(0));
    b.store(Bench::cdtab,
            Bench::cd(low).set(Cd::EPD1, false).set(Cd::TG1, row.code).set(Cd::T1SZ, 34).set(Cd::TTB1, top));
    b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab));
    b.start();
    CHECK(b.dma(here + 8).to == there + 8);
    CHECK(b.dma(high + page - 8).to == Spa{to + page - 8});
    CHECK(b.dma(high + page).ending == Ending::Abort);
    CHECK(b.events() == 1);
}

TEST_CASE("with split-stage ATS a device is told intermediate addresses and sends them back",
          "[smmuv3][ats][stages][STE.EATS]") {
    StageBench b{Stages::Both};
    b.stream_entry().set(Ste::EATS, StreamAts::SplitStage);
    b.write_structures();
    const StageBench::Slots slots = b.map_page(at, there);
    b.change(slots.second, 0, 1 << 7); // stage 2: read-only
    b.start();
    TranslationRequest r = b.request(at + 0x40);
    r.type = AddressType::TranslationRequest;
    const auto send = [&](TranslationRequest q) { return b.run(b.unit.translation().translate(q)); };
    // 3.9.1: without ATSCHK split-stage is off.
    CHECK(send(r).ending == Ending::Abort);
    CHECK(b.only_event().get(EventRecord::ID) == EventId::F_BAD_ATS_TREQ);
    b.consume_events();
    b.write(Cr0{b.reg<Cr0>()}.set(Cr0::ATSCHK, true));
    b.command(make_command<CfgiSte>().set(CfgiSte::SID, StreamId{1}), Bench::sync());
    for (int round = 0; round < 2; ++round) { // the second from the caches
        const Translation told = send(r);
        CHECK(told.ending == Ending::Grant);
        CHECK(told.to == Spa{StageBench::behind(there).value() + 0x40});
        CHECK(told.may.read);
        CHECK_FALSE(told.may.write); // both stages' permissions
        TranslationRequest use = b.request(Iova{told.to.value()});
        use.type = AddressType::Translated;
        CHECK(send(use).to == there + 0x40);
    }
    TranslationRequest write = b.request(Iova{StageBench::behind(there).value()}, Access::Write);
    write.type = AddressType::Translated;
    CHECK(send(write).ending == Ending::Abort);
    const auto e = view_as<TranslationFault>(b.event(1)); // recorded as for any other transaction
    CHECK(e.get(TranslationFault::ID) == EventId::F_PERMISSION);
    CHECK(e.get(TranslationFault::S2));
}

TEST_CASE("full ATS behind both stages answers with memory addresses; a missing stage 2 is success without permissions",
          "[smmuv3][ats][stages]") {
    const Stages stages = GENERATE(Stages::First, Stages::Second, Stages::Both);
    const bool mapped = GENERATE(true, false);
    StageBench b{stages};
    b.stream_entry().set(Ste::EATS, StreamAts::Full);
    b.write_structures();
    const StageBench::Slots slots = b.map_page(at, there);
    if (!mapped) b.memory.poke64(stages == Stages::First ? slots.first : slots.second, 0);
    b.start();
    TranslationRequest r = b.request(at);
    r.type = AddressType::TranslationRequest;
    const Translation told = b.run(b.unit.translation().translate(r));
    CHECK(told.ending == Ending::Grant);
    CHECK(told.may.read == mapped);
    if (mapped) CHECK(told.to == there);
    CHECK(b.events() == 0);
}

} // namespace quiesce::iommu::smmuv3::test
