// SPDX-License-Identifier: Apache-2.0
/// One story, told of stage 1, stage 2 and both: what is translated, what is refused and by whom, what is kept and what
/// an invalidation reaches.
#include "smmuv3/stage_bench.h"

namespace quiesce::iommu::smmuv3::test {
namespace {


/// A way for a descriptor to be wrong. The bits are the same in both stages but for the permission to write.
struct Defect {
    const char* what;
    u8 event;
    u64 set1, clear1, set2, clear2;
};
constexpr Defect defect_table[] = {
    {"not valid", 0x10, 0, 1, 0, 1},
    {"output above 48 bits is not there, above the context's size is refused", 0x11, u64{1} << 44, 0, u64{1} << 44, 0},
    {"never used", 0x12, 0, 1 << 10, 0, 1 << 10},
    {"not writable", 0x13, 1 << 7, 0, 0, 1 << 7},
};

/// 7.3.13: the record of a fault of the address `at`, with the intermediate address that stage 2 was asked for.
EventRecord expected_record(u8 event, unsigned stage, bool write, Gpa asked, unsigned cls = 2) {
    const u64 s2 = stage == 2 ? u64{1} << 39 : 0;
    const u64 rnw = write ? 0 : u64{1} << 35;
    const u64 ipa = stage == 2 ? asked.value() & 0x000f'ffff'ffff'f000 : 0;
    return EventRecord::from_words({u64{1} << 32 | event, rnw | s2 | u64{cls} << 40, at.value() + 0x40, ipa});
}

} // namespace

TEST_CASE("a page is where its stages lead, and the second access is a hit",
          "[smmuv3][stages][STE.Config][STE.S2TTB]") {
    StageBench b{GENERATE(Stages::First, Stages::Second, Stages::Both)};
    b.map_page(at, there);
    b.start();
    sim::Duration warm;
    CHECK(b.dma(at + 0x40, Access::Write).to == there + 0x40);
    CHECK(b.dma(at + 0x48, Access::Read, 1, {}, &warm).to == there + 0x48);
    CHECK(warm == b.config.agent.config_lookup + b.config.agent.tlb_lookup.get());
    CHECK(b.events() == 0);
}

TEST_CASE("what a stage refuses is recorded as that stage's",
          "[smmuv3][stages][F_TRANSLATION][F_ACCESS][F_PERMISSION]") {
    const Place place = GENERATE(from_range(std::begin(places), std::end(places)));
    const Defect& defect = GENERATE(from_range(std::begin(defect_table), std::end(defect_table)));
    INFO("stage " << place.stage << ": " << defect.what);
    Smmuv3Config config = StageBench::both_stages();
    config.output_bits = 44;
    StageBench b{place.stages, config};
    const bool first = place.stage == 1;
    b.change(b.map_page(at, there).of(place.stage), first ? defect.set1 : defect.set2,
             first ? defect.clear1 : defect.clear2);
    b.start();
    CHECK(b.dma(at + 0x40, Access::Write).ending == Ending::Abort);
    const EventRecord want =
        expected_record(defect.event, place.stage, true, Gpa{b.asked(at, there).value() + 0x40});
    CHECK(hex(b.only_event()) == hex(want));
}

TEST_CASE("a stage that is told to be quiet ends transactions without a record", "[smmuv3][stages][STE.S2R][CD.R]") {
    const Place place = GENERATE(from_range(std::begin(places), std::end(places)));
    StageBench b{place.stages};
    b.change(b.map_page(at, there).of(place.stage), 0, 1);
    if (place.stage == 1)
        b.context_descriptor().set(Cd::R, false);
    else
        b.stream_entry().set(Ste::S2R, false);
    b.write_structures();
    b.start();
    CHECK(b.dma(at + 0x40).ending == Ending::Abort);
    CHECK(b.events() == 0);
}

TEST_CASE("a stage whose access flag faults are off uses what was never used",
          "[smmuv3][stages][STE.S2AFFD][CD.AFFD]") {
    const Place place = GENERATE(from_range(std::begin(places), std::end(places)));
    StageBench b{place.stages};
    b.change(b.map_page(at, there).of(place.stage), 0, 1 << 10);
    if (place.stage == 1)
        b.context_descriptor().set(Cd::AFFD, true);
    else
        b.stream_entry().set(Ste::S2AFFD, true);
    b.write_structures();
    b.start();
    CHECK(b.dma(at).to == there);
}

TEST_CASE("a fault of either stage stalls where that stage says so, and is retried",
          "[smmuv3][stages][STE.S2S][CD.S][RESUME]") {
    const Place place = GENERATE(from_range(std::begin(places), std::end(places)));
    Smmuv3Config config = StageBench::both_stages();
    config.stall_model = StallModel::StallAndTerminate;
    StageBench b{place.stages, config};
    const Spa slot = b.map_page(at, there).of(place.stage);
    const u64 good = b.memory.peek64(slot);
    b.memory.poke64(slot, 0);
    if (place.stage == 1)
        b.context_descriptor().set(Cd::S, true);
    else
        b.stream_entry().set(Ste::S2S, true);
    b.write_structures();
    b.start();
    TranslationRequest r = b.request(at);
    r.may_stall = true;
    std::optional<Translation> got;
    sim::Time ended;
    sim::spawn(Bench::keep(b.unit.translation().translate(r), got, ended));
    b.settle();
    REQUIRE_FALSE(got);
    const auto record = view_as<TranslationFault>(b.only_event());
    CHECK(record.get(TranslationFault::Stall));
    CHECK(record.get(TranslationFault::S2) == (place.stage == 2));
    b.memory.poke64(slot, good);
    b.command(make_command<Resume>()
                  .set(Resume::SID, StreamId{1})
                  .set(Resume::STAG, record.get(TranslationFault::STAG))
                  .set(Resume::Ac, true));
    b.settle();
    REQUIRE(got);
    CHECK(got->to == there);
}

TEST_CASE("stage 2 is asked for each of stage 1's tables, and says which one it has not",
          "[smmuv3][stages][STE.S2PTW][F_TRANSLATION]") {
    const unsigned level = GENERATE(0u, 1u, 2u, 3u);
    StageBench b{Stages::Both};
    const Spa slot = b.map_page(at, there).first;
    Spa entry = b.root1 + (at.value() >> 39 & 511) * 8;
    for (unsigned l = 0; l < level; ++l) {
        const Spa table{(b.memory.peek64(entry) & 0xffff'ffff'f000) - StageBench::offset};
        entry = table + (at.value() >> (39 - 9 * (l + 1)) & 511) * 8;
    }
    if (level == 3) CHECK(entry == slot);
    const Spa second = b.expose(entry);
    SECTION("it is not mapped") {
        b.memory.poke64(second, 0);
        b.start();
        CHECK(b.dma(at + 0x40).ending == Ending::Abort);
        CHECK(hex(b.only_event()) == hex(expected_record(0x10, 2, false, StageBench::behind(entry), 1)));
    }
    SECTION("it cannot be read: a read of a table, whatever the transaction is") {
        b.change(second, 0, 1 << 6);
        b.start();
        CHECK(b.dma(at + 0x40, Access::Write).ending == Ending::Abort);
        auto words = expected_record(0x13, 2, true, StageBench::behind(entry), 1).words();
        words[1] |= u64{1} << 44; // TTRnW
        CHECK(hex(b.only_event()) == hex(EventRecord::from_words(words)));
    }
    SECTION("it is in device memory, which tables must not be with S2PTW") {
        const bool protect = GENERATE(false, true);
        b.change(second, 0, 0b1111 << 2);
        b.stream_entry().set(Ste::S2PTW, protect);
        b.write_structures();
        b.start();
        CHECK(b.dma(at + 0x40).ending == (protect ? Ending::Abort : Ending::Grant));
        if (protect) CHECK((b.only_event().word(0) & 0xff) == 0x13);
    }
}

TEST_CASE("stage 2 is asked for the context descriptor and its first-level pointer",
          "[smmuv3][stages][STE.S1ContextPtr][L1CD.L2Ptr][F_TRANSLATION]") {
    const bool two_levels = GENERATE(false, true), readable = GENERATE(false, true), pointer = GENERATE(false, true);
    if (pointer && !two_levels) return;
    StageBench b{Stages::Both};
    b.map_page(at, there);
    Spa cd = Bench::cdtab;
    if (two_levels) {
        cd = b.new_table();
        b.store(cd, b.context_descriptor());
        b.expose(cd);
        b.store(Bench::cdtab, L1Cd{}.set(L1Cd::V, true).set(L1Cd::L2Ptr, Spa{StageBench::behind(cd).value()}));
        b.stream_entry().set(Ste::S1Fmt, CdTable::TwoLevel4K).set(Ste::S1CDMax, 7);
        b.stream_entry().set(Ste::S1DSS, NoSubstream::Substream0);
        b.store(Bench::strtab + 64, b.stream_entry());
    }
    b.start();
    CHECK(b.dma(at + 0x40).to == there + 0x40);
    const Spa missing = pointer ? Bench::cdtab : cd;
    const Spa slot = b.expose(missing);
    b.change(slot, 0, readable ? 1 : 1 << 6);
    b.command(make_command<CfgiSte>().set(CfgiSte::SID, StreamId{1}),
              make_command<TlbiS12Vmall>().set(TlbiS12Vmall::VMID, StageBench::vmid), Bench::sync());
    CHECK(b.dma(at + 0x40).ending == Ending::Abort);
    CHECK(hex(b.only_event()) ==
          hex(expected_record(readable ? 0x10 : 0x13, 2, false, StageBench::behind(missing), 0)));
}

TEST_CASE("with S2PTW a context descriptor in device memory is not fetched", "[smmuv3][stages][STE.S2PTW]") { // 5.2
    const bool protect = GENERATE(false, true);
    StageBench b{Stages::Both};
    b.map_page(at, there);
    b.change(b.expose(Bench::cdtab), 0, 0b1111 << 2);
    b.stream_entry().set(Ste::S2PTW, protect);
    b.write_structures();
    b.start();
    CHECK(b.dma(at + 0x40).ending == (protect ? Ending::Abort : Ending::Grant));
    if (!protect) return;
    const auto e = view_as<TranslationFault>(b.only_event());
    CHECK(e.get(TranslationFault::ID) == EventId::F_PERMISSION);
    CHECK(e.get(TranslationFault::S2));
    CHECK(e.get(TranslationFault::CLASS) == FaultClass::Cd);
}

TEST_CASE("an abort while stage 2 walks names what it walked for", "[smmuv3][stages][F_WALK_EABT]") {
    const bool nested = GENERATE(false, true);
    StageBench b{nested ? Stages::Both : Stages::Second};
    b.map_page(at, there);
    const Spa nowhere{0xf0'0000'0000};
    b.memory.poke64(b.root2 + (nested ? StageBench::offset >> 30 : at.value() >> 30) * 8, nowhere.value() | 3);
    b.start();
    CHECK(b.dma(at + 0x40).ending == Ending::Abort);
    const auto e = view_as<WalkAbort>(b.only_event());
    CHECK(e.get(WalkAbort::ID) == EventId::F_WALK_EABT);
    CHECK(e.get(WalkAbort::S2));
    CHECK(e.get(WalkAbort::CLASS) == (nested ? FaultClass::Cd : FaultClass::Input));
    const u64 asked = nested ? StageBench::behind(Bench::cdtab).value() : at.value();
    CHECK(e.get(WalkAbort::FetchAddr) == nowhere + (asked >> 21 & 511) * 8);
}

TEST_CASE("stage 1 refuses before stage 2 is asked for the page", "[smmuv3][stages]") {
    StageBench b{Stages::Both};
    const StageBench::Slots slots = b.map_page(at, there);
    b.change(slots.first, 1 << 7, 0);
    b.memory.poke64(slots.second, 0);
    b.start();
    CHECK(b.dma(at + 0x40, Access::Write).ending == Ending::Abort);
    CHECK(hex(b.only_event()) == hex(expected_record(0x13, 1, true, Gpa{0})));
}

TEST_CASE("a kept translation of both stages knows who refuses what", "[smmuv3][stages]") {
    const unsigned stage = GENERATE(1u, 2u);
    StageBench b{Stages::Both};
    const Spa slot = b.map_page(at, there).of(stage);
    if (stage == 1)
        b.change(slot, 1 << 7, 0);
    else
        b.change(slot, 0, 1 << 7);
    b.start();
    CHECK(b.dma(at).to == there);
    CHECK(b.dma(at + 0x40, Access::Write).ending == Ending::Abort);
    CHECK(hex(b.only_event()) ==
          hex(expected_record(0x13, stage, true, Gpa{StageBench::behind(there).value() + 0x40})));
}

TEST_CASE("both stages together cover what the smaller page does", "[smmuv3][stages]") {
    const bool first_is_block = GENERATE(false, true);
    StageBench b{Stages::Both};
    const Iova block = at.align_down(2 << 20);
    const Spa to{0x2020'0000};
    if (first_is_block) {
        b.map1(block, Bench::page(Spa{StageBench::behind(to).value()}).set(LeafDescriptor::Type, false).word(0), 2);
        b.map2(StageBench::behind(to + 0x7000), StageBench::page2(there).word(0));
    } else {
        b.map1(at, Bench::page(Spa{StageBench::behind(to + 0x7000).value()}).word(0));
        const auto large = StageBench::page2(Spa{0x2040'0000}).set(Stage2Descriptor::Type, false);
        b.map2(StageBench::behind(to), large.word(0), 2);
    }
    b.start();
    const Iova page = first_is_block ? block + 0x7000 : at;
    CHECK(b.dma(page + 0x123).to == (first_is_block ? there + 0x123 : Spa{0x2040'7123}));
    CHECK(b.dma(page + 0x1000).ending == Ending::Abort);
}

TEST_CASE("an input address outside stage 2's range is a translation fault of stage 2",
          "[smmuv3][stages][STE.S2T0SZ][F_TRANSLATION]") {
    const u64 beyond = GENERATE(u64{1} << 40, u64{1} << 50);
    StageBench b{Stages::Second};
    b.map_page(at, there);
    b.start();
    CHECK(b.dma(Iova{beyond}).ending == Ending::Abort);
    const auto e = view_as<TranslationFault>(b.only_event());
    CHECK(e.get(TranslationFault::ID) == EventId::F_TRANSLATION);
    CHECK(e.get(TranslationFault::S2));
}

TEST_CASE("a transaction that skips stage 1 goes through stage 2, unless it is too wide for stage 1",
          "[smmuv3][stages][STE.S1DSS][F_ADDR_SIZE]") {
    StageBench b{Stages::Both};
    b.map2(Gpa{at.value()}, StageBench::page2(there).word(0));
    b.stream_entry().set(Ste::S1CDMax, 4).set(Ste::S1DSS, NoSubstream::Bypass);
    b.write_structures();
    b.start();
    CHECK(b.dma(at + 0x40).to == there + 0x40);
    CHECK(b.dma(Iova{u64{1} << 48}).ending == Ending::Abort); // IHI 0070 3.9: checked against the intermediate size
    const auto e = view_as<TranslationFault>(b.only_event());
    CHECK(e.get(TranslationFault::ID) == EventId::F_ADDR_SIZE);
    CHECK_FALSE(e.get(TranslationFault::S2));
}

} // namespace quiesce::iommu::smmuv3::test
