// SPDX-License-Identifier: Apache-2.0
/// Which invalidation reaches which translation: of stage 1, of stage 2, of both; of one VMID or of EL2 (IHI 0070 4.4).
#include "smmuv3/stage_bench.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

constexpr Spa moved = there + 0x10'0000;

/// A command and which of the three streams' translations it removes.
struct Reach {
    const char* what;
    std::array<u64, 2> words;
    bool first, second, both;
};
constexpr u64 vmid7 = u64{7} << 32, asid1 = u64{1} << 48;
constexpr Reach reach_table[] = {
    {"NH_ALL", {0x10 | vmid7, 0}, true, false, true},
    {"NH_ALL of another VMID", {0x10 | u64{8} << 32, 0}, false, false, false},
    {"NH_ASID", {0x11 | vmid7 | asid1, 0}, true, false, true},
    {"NH_ASID of another ASID", {0x11 | vmid7 | asid1 << 1, 0}, false, false, false},
    {"NH_VA", {0x12 | vmid7 | asid1, at.value()}, true, false, true},
    {"NH_VA, leaf, of another VMID", {0x12 | u64{6} << 32 | asid1, at.value() | 1}, false, false, false},
    {"NH_VAA", {0x13 | vmid7, at.value()}, true, false, true},
    {"S12_VMALL", {0x28 | vmid7, 0}, true, true, true},
    {"S12_VMALL of another VMID", {0x28 | u64{263} << 32, 0}, false, false, false},
    {"S2_IPA where only stage 2 translates", {0x2a | vmid7, at.value()}, false, true, false},
    {"S2_IPA, leaf", {0x2a | vmid7, at.value() | 1}, false, true, false},
    {"S2_IPA of another page", {0x2a | vmid7, at.value() + 0x1000}, false, false, false},
    {"S2_IPA, 4 pages from 3 before", {0x2a | vmid7 | 3 << 12, (at.value() - 0x3000) | 1 << 10}, false, true, false},
    {"NSNH_ALL", {0x30, 0}, true, true, true},
    {"EL2_ALL", {0x20, 0}, false, false, false},
    {"EL2_VAA", {0x23, at.value()}, false, false, false},
};

Smmuv3Config with_el2() {
    Smmuv3Config c = StageBench::both_stages();
    c.hypervisor = true;
    return c;
}

} // namespace

TEST_CASE("each invalidation by its table removes what it covers and nothing else",
          "[smmuv3][stages][STE.S2VMID][CD.ASID][TLBI_NH_ALL][TLBI_NH_ASID][TLBI_NH_VA][TLBI_NH_VAA]"
          "[TLBI_S12_VMALL][TLBI_S2_IPA][TLBI_NSNH_ALL]") {
    const Reach& reach = GENERATE(from_range(std::begin(reach_table), std::end(reach_table)));
    const Stages stages = GENERATE(Stages::First, Stages::Second, Stages::Both);
    INFO(reach.what << ", stages " << static_cast<int>(stages));
    StageBench b{stages, with_el2()};
    b.map_page(at, there);
    b.start();
    REQUIRE(b.dma(at).to == there);
    b.map_page(at, moved);
    b.command(Command::from_words({reach.words[0], reach.words[1]}), Bench::sync());
    REQUIRE_FALSE(b.error(Gerror::CMDQ_ERR));
    const bool gone = stages == Stages::First ? reach.first : stages == Stages::Second ? reach.second : reach.both;
    CHECK(b.dma(at).to == (gone ? moved : there));
}

TEST_CASE("after a change of stage 2 what both gave is gone with S2_IPA and NH_ALL, not with one of them",
          "[smmuv3][stages][TLBI_S2_IPA][TLBI_NH_ALL]") {
    const bool by_ipa = GENERATE(false, true), by_va = GENERATE(false, true);
    StageBench b{Stages::Both};
    b.map_page(at, there);
    b.start();
    REQUIRE(b.dma(at).to == there);
    b.map2(StageBench::behind(there), StageBench::page2(moved).word(0)); // the same intermediate address
    if (by_ipa)
        b.command(make_command<TlbiS2Ipa>()
                      .set(TlbiS2Ipa::VMID, StageBench::vmid)
                      .set(TlbiS2Ipa::Addr, StageBench::behind(there)));
    if (by_va) b.command(make_command<TlbiNhAll>().set(TlbiNhAll::VMID, StageBench::vmid));
    b.command(Bench::sync());
    CHECK(b.dma(at).to == (by_ipa && by_va ? moved : there));
}

TEST_CASE("an invalidation of intermediate addresses overtakes a walk of both stages, and the next one reads anew",
          "[smmuv3][stages]") {
    StageBench b{Stages::Both};
    b.map_page(at, there);
    b.start();
    std::optional<Translation> got;
    sim::Time ended;
    sim::spawn(Bench::keep(b.unit.translation().translate(b.request(at)), got, ended));
    b.calendar.run_for(b.memory.latency * 12); // under way
    REQUIRE_FALSE(got);
    b.map2(StageBench::behind(there), StageBench::page2(moved).word(0));
    b.push(make_command<TlbiS2Ipa>()
               .set(TlbiS2Ipa::VMID, StageBench::vmid)
               .set(TlbiS2Ipa::Addr, StageBench::behind(there)));
    b.push(Bench::sync());
    b.post_doorbell();
    b.settle();
    REQUIRE(got);
    CHECK(got->to == moved);
    CHECK(b.unit.agent().replays() == 1);
}

TEST_CASE("wildcards take VMIDs of a group for one", "[smmuv3][stages][CR0][STE.S2VMID]") {
    const u64 bits = GENERATE(0u, 1u, 2u);
    Smmuv3Config c = StageBench::both_stages();
    c.vmid_wildcards = true;
    StageBench b{GENERATE(Stages::First, Stages::Second), c};
    b.map_page(at, there);
    b.start();
    b.write(Cr0{b.reg<Cr0>()}.set(Cr0::VMW, bits));
    REQUIRE(b.dma(at).to == there);
    b.map_page(at, moved);
    b.command(make_command<TlbiS12Vmall>().set(TlbiS12Vmall::VMID, Vmid{5}), Bench::sync()); // 0b101; ours is 0b111
    CHECK(b.dma(at).to == (bits == 2 ? moved : there));
}

TEST_CASE("streams of EL2 have translations of their own",
          "[smmuv3][stages][STE.STRW][CR2][TLBI_EL2_ALL][TLBI_EL2_ASID][TLBI_EL2_VA][TLBI_EL2_VAA][TLBI_NSNH_ALL]"
          "[TLBI_NH_ALL]") {
    const bool e2h = GENERATE(false, true);
    StageBench b{Stages::First, with_el2()};
    b.stream_entry().set(Ste::STRW, StreamWorld::El2);
    b.context_descriptor().set(Cd::EPD0, !e2h); // EL2 without E2H has no EPD0
    b.write_structures();
    // Without E2H there is one privilege: AP[1] says nothing.
    b.change(b.map_page(at, there).first, 0, e2h ? 0 : 1 << 6);
    b.write(Cr2{}.set(Cr2::E2H, e2h).set(Cr2::RECINVSID, true));
    b.write(StrtabBase{}.set(StrtabBase::ADDR, Bench::strtab));
    b.write(StrtabBaseCfg{}.set(StrtabBaseCfg::LOG2SIZE, 4));
    b.write(CmdqBase{}.set(CmdqBase::ADDR, Bench::cmdq).set(CmdqBase::LOG2SIZE, Bench::cmdq_log2));
    b.write(EventqBase{}.set(EventqBase::ADDR, Bench::evtq).set(EventqBase::LOG2SIZE, Bench::evtq_log2));
    b.write(Cr0{}.set(Cr0::CMDQEN, true).set(Cr0::EVENTQEN, true).set(Cr0::SMMUEN, true));
    REQUIRE(b.dma(at).to == there);
    b.map_page(at, moved);
    b.command(make_command<TlbiNsnhAll>(), make_command<TlbiNhAll>(), Bench::sync());
    CHECK(b.dma(at).to == there);
    SECTION("TLBI_EL2_ALL") { b.command(make_command<TlbiEl2All>(), Bench::sync()); }
    SECTION("TLBI_EL2_VA") {
        b.command(make_command<TlbiEl2Va>().set(TlbiEl2Va::ASID, Asid{1}).set(TlbiEl2Va::Addr, at), Bench::sync());
    }
    SECTION("TLBI_EL2_VAA") { b.command(make_command<TlbiEl2Vaa>().set(TlbiEl2Vaa::Addr, at), Bench::sync()); }
    SECTION("TLBI_EL2_ASID") { b.command(make_command<TlbiEl2Asid>().set(TlbiEl2Asid::ASID, Asid{1}), Bench::sync()); }
    b.change(b.map1(at, Bench::page(moved).word(0)), 0, e2h ? 0 : 1 << 6);
    CHECK(b.dma(at).to == moved);
}

TEST_CASE("commands of a stage or a level that is not there are CERROR_ILL", "[smmuv3][stages]") {
    struct Row {
        u8 op;
        bool needs_stage1, needs_stage2, needs_el2;
    };
    constexpr Row rows[] = {
        {0x10, true, false, false}, {0x11, true, false, false}, {0x12, true, false, false}, {0x13, true, false, false},
        {0x20, true, false, true},  {0x21, true, false, true},  {0x22, true, false, true},  {0x23, true, false, true},
        {0x28, false, true, false}, {0x2a, false, true, false}, {0x30, false, false, false},
    };
    const bool stage1 = GENERATE(true, false), stage2 = GENERATE(true, false), el2 = GENERATE(true, false);
    Smmuv3Config c;
    c.stage1 = stage1;
    c.stage2 = stage2;
    c.hypervisor = el2;
    for (const Row& row : rows) {
        INFO("opcode " << int{row.op});
        const bool there_is = (stage1 || !row.needs_stage1) && (stage2 || !row.needs_stage2) && (el2 || !row.needs_el2);
        const auto command = Command{}.set(Command::Op, static_cast<Opcode>(row.op));
        CHECK(decode_command(command, identity_of(c)).legal == there_is);
    }
}

} // namespace quiesce::iommu::smmuv3::test
