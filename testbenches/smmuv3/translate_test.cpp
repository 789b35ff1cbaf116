// SPDX-License-Identifier: Apache-2.0
/// DMA through tables that a guest wrote: where it goes, and when.
#include "smmuv3/bench.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

const std::string three_zero_words(48, '0'); // three words of zeros

/// Two-level stream table with 2^8 streams per leaf for streams 0x100..0x1ff, the leaf holding `span`.
void two_level(Bench& b, u64 span) {
    const Spa leaf = b.new_table() + 0x10000;
    b.free_table = leaf + 0x10000;
    b.store(Bench::strtab + 8, L1Std{}.set(L1Std::Span, span).set(L1Std::L2Ptr, leaf));
    const Spa ttb = b.new_table();
    b.map(ttb, here, Bench::page(there).word(0));
    b.store(Bench::cdtab, Bench::cd(ttb));
    b.store(leaf + 64 * 3, Bench::stage1_ste(Bench::cdtab));
    b.write(StrtabBase{}.set(StrtabBase::ADDR, Bench::strtab));
    b.write(StrtabBaseCfg{}
                .set(StrtabBaseCfg::LOG2SIZE, 16)
                .set(StrtabBaseCfg::SPLIT, 8)
                .set(StrtabBaseCfg::FMT, StrtabFormat::TwoLevel));
    b.write(EventqBase{}.set(EventqBase::ADDR, Bench::evtq).set(EventqBase::LOG2SIZE, 2));
    b.write(Cr2{}.set(Cr2::RECINVSID, true));
    b.write(Cr0{}.set(Cr0::EVENTQEN, true).set(Cr0::SMMUEN, true));
}

} // namespace

TEST_CASE("a page is translated through a linear stream table and a single descriptor", "[smmuv3]") {
    Bench b;
    b.simple(here, there);
    b.start();
    const Translation t = b.dma(here + 0x123, Access::Write);
    CHECK(t.ending == Ending::Grant);
    CHECK(t.to == there + 0x123);
    CHECK(b.events() == 0);
}

TEST_CASE("2 MiB and 1 GiB blocks keep the low address bits", "[smmuv3][stage 1 leaf.Type][stage 1 leaf.OA]") {
    Bench b;
    const Spa ttb = b.simple(here, there);
    const u64 block = Bench::page(Spa{0}).set(LeafDescriptor::Type, false).word(0);
    b.map(ttb, Iova{0x4000'0000}, block | 0x2020'0000, 2);
    b.map(ttb, Iova{0x80'0000'0000}, block | 0x4000'0000, 1);
    b.start();
    CHECK(b.dma(Iova{0x4012'3456}).to == Spa{0x2032'3456});
    CHECK(b.dma(Iova{0x80'1234'5678}).to == Spa{0x5234'5678});
}

TEST_CASE("the first translation reads structures and tables in turn; the second is a hit", "[smmuv3]") {
    Smmuv3Config config;
    Bench b{config};
    b.simple(here, there);
    b.start();
    const auto& m = b.memory;
    const AgentConfig& a = config.agent;
    const auto structure = m.latency + m.beat_gap * 3; // 64 bytes in beats of 16
    sim::Duration cold, warm;
    b.dma(here, Access::Read, 1, {}, &cold);
    b.dma(here, Access::Read, 1, {}, &warm);
    const auto walk = a.walker.cache_lookup.get() + 4 * (m.latency + a.walker.pte_check.get());
    CHECK(cold == a.config_lookup.get() + 2 * structure + a.tlb_lookup.get() + walk);
    CHECK(warm == a.config_lookup.get() + a.tlb_lookup.get());
}

TEST_CASE("high addresses use TTB1; the hole between the halves is F_TRANSLATION",
          "[smmuv3][CD.T0SZ][CD.T1SZ][CD.TTB0][CD.TTB1][CD.EPD1][F_TRANSLATION]") {
    Bench b;
    b.start();
    const Spa low = b.new_table(), high = b.new_table();
    b.map(low, Iova{0x1000}, Bench::page(there).word(0), 3, 1);
    b.map(high, Iova{0xffff'ff80'0000'1000}, Bench::page(there + page_size).word(0), 3,
          1); // 39 bits: starts at level 1
    b.store(Bench::cdtab, Bench::cd(low)
                              .set(Cd::T0SZ, 25)
                              .set(Cd::EPD1, false)
                              .set(Cd::T1SZ, 25)
                              .set(Cd::TG1, Granule1::K4)
                              .set(Cd::TTB1, high));
    b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab));
    CHECK(b.dma(Iova{0x1010}).to == there + 0x10);
    CHECK(b.dma(Iova{0xffff'ff80'0000'1010}).to == there + page_size + 0x10);
    CHECK(b.dma(Iova{0x80'0000'1010}).ending == Ending::Abort);
    CHECK(hex(b.only_event()) == "1000000001000000"
                                 "0000000008020000"
                                 "1010000080000000"
                                 "0000000000000000");
}

TEST_CASE("with TBI the top byte is ignored, in the half that has it", "[smmuv3][CD.TBI0][CFGI_CD]") {
    Bench b;
    const Spa ttb = b.new_table();
    b.map(ttb, here, Bench::page(there).word(0));
    b.store(Bench::cdtab, Bench::cd(ttb).set(Cd::TBI0, true));
    b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab));
    b.start();
    CHECK(b.dma(Iova{here.value() | u64{0xa5} << 56}).to == there);
    CHECK(b.dma(Iova{here.value() | u64{0xa5} << 48}).ending == Ending::Abort); // bits 55:48 still count
    CHECK(b.events() == 1);
    b.store(Bench::cdtab, Bench::cd(ttb));
    b.command(make_command<CfgiCd>().set(CfgiCd::SID, StreamId{1}).set(CfgiCd::Leaf, true), Bench::sync());
    CHECK(b.dma(Iova{here.value() | u64{0xa5} << 56}).ending == Ending::Abort);
}

TEST_CASE("the upper half has its own TBI, hierarchical permissions and switch",
          "[smmuv3][CD.TBI1][CD.HAD1][CD.EPD1]") {
    constexpr u64 no_write = u64{1} << 62; // APTable[1]
    constexpr Iova high{0xffff'8000'0000'1000};
    Smmuv3Config config;
    config.flat_permissions = true;
    Bench b{config};
    const Spa low = b.new_table(), top = b.new_table();
    b.map(top, high, Bench::page(there).word(0));
    const Spa table = top + (high.value() >> 39 & 511) * 8;
    b.memory.poke64(table, b.memory.peek64(table) | no_write);
    Cd cd = Bench::cd(low).set(Cd::EPD1, false).set(Cd::T1SZ, 16).set(Cd::TG1, Granule1::K4).set(Cd::TTB1, top);
    const auto as = [&](const Cd& now) {
        b.store(Bench::cdtab, now);
        b.command(make_command<CfgiCd>().set(CfgiCd::SID, StreamId{1}).set(CfgiCd::Leaf, true),
                  make_command<TlbiNhAll>(), Bench::sync());
    };
    b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab));
    b.start();
    const Iova tagged{high.value() & ~(u64{0x5a} << 56)};
    as(cd.set(Cd::HAD0, true).set(Cd::TBI0, true)); // of the other half
    CHECK(b.dma(high, Access::Write).ending == Ending::Abort);
    CHECK(b.dma(tagged).ending == Ending::Abort);
    as(cd.set(Cd::HAD1, true).set(Cd::TBI1, true));
    CHECK(b.dma(high, Access::Write).to == there);
    CHECK(b.dma(tagged, Access::Write).to == there);
    as(cd.set(Cd::EPD1, true));
    CHECK(b.dma(high).ending == Ending::Abort);
}

TEST_CASE("two-level stream tables lead to the same entry", "[smmuv3][L1STD.Span][L1STD.L2Ptr]") {
    Bench b;
    two_level(b, 9);
    CHECK(b.dma(here, Access::Read, 0x103).to == there);
    CHECK(b.dma(here, Access::Read, 0x003).ending == Ending::Abort); // its first-level descriptor has Span 0
    CHECK(hex(b.only_event()) == "0200000003000000" + three_zero_words);
}

TEST_CASE("a stream beyond Span is C_BAD_STREAMID", "[smmuv3][L1STD.Span][C_BAD_STREAMID]") {
    Bench b;
    two_level(b, 2); // two entries
    CHECK(b.dma(here, Access::Read, 0x103).ending == Ending::Abort);
    CHECK(hex(b.only_event()) == "0200000003010000" + three_zero_words);
}

TEST_CASE("one- and two-level descriptor tables find the substream",
          "[smmuv3][STE.S1Fmt][STE.S1ContextPtr][STE.S1CDMax][L1CD.V][L1CD.L2Ptr]") {
    struct Row {
        CdTable format;
        u64 cd_max;
        u32 ssid;
    };
    const Row row = GENERATE(Row{CdTable::Linear, 10, 777}, Row{CdTable::TwoLevel4K, 12, 0xabc},
                             Row{CdTable::TwoLevel64K, 20, 0xabcde}, Row{CdTable::Linear, 4, 0});
    CAPTURE(row.ssid, row.cd_max);
    Bench b;
    const Spa ttb = b.new_table(), leaf{0x1700'0000};
    b.map(ttb, here, Bench::page(there).word(0));
    b.store(Bench::strtab + 64,
            Bench::stage1_ste(Bench::cdtab, static_cast<unsigned>(row.cd_max), NoSubstream::Terminate, row.format));
    if (row.format == CdTable::Linear) {
        b.store(Bench::cdtab + row.ssid * 64, Bench::cd(ttb));
    } else {
        const unsigned bits = row.format == CdTable::TwoLevel4K ? 6 : 10;
        b.store(Bench::cdtab + (row.ssid >> bits) * 8, L1Cd{}.set(L1Cd::V, true).set(L1Cd::L2Ptr, leaf));
        b.store(leaf + (row.ssid & ((1u << bits) - 1)) * 64, Bench::cd(ttb));
    }
    b.start();
    CHECK(b.dma(here, Access::Read, 1, row.ssid).to == there);
    CHECK(b.events() == 0);
}

TEST_CASE("S1DSS says what untagged traffic of a stream with substreams does", "[smmuv3][STE.S1DSS]") {
    Bench b;
    b.start();
    const Spa ttb = b.new_table();
    b.map(ttb, here, Bench::page(there).word(0));
    b.store(Bench::cdtab, Bench::cd(ttb));
    SECTION("00: refused") {
        b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab, 4, NoSubstream::Terminate));
        CHECK(b.dma(here).ending == Ending::Abort);
        CHECK(hex(b.only_event()) == "0600000001000000" + three_zero_words);
    }
    SECTION("01: passes stage 1 by") {
        b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab, 4, NoSubstream::Bypass));
        CHECK(b.dma(here).to == Spa{here.value()});
    }
    SECTION("10: uses descriptor 0, which is then closed to substream 0") {
        b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab, 4, NoSubstream::Substream0));
        CHECK(b.dma(here).to == there);
        CHECK(b.dma(here, Access::Read, 1, 0).ending == Ending::Abort);
        CHECK(hex(b.only_event()) == "0600000001000000" + three_zero_words);
    }
}

TEST_CASE("a bypassing stream keeps addresses, up to the output size", "[smmuv3][STE.Config]") {
    Bench b;
    b.store(Bench::strtab + 64, Ste{}.set(Ste::V, true).set(Ste::Config, StreamConfig::Bypass));
    b.start();
    CHECK(b.dma(here).to == Spa{here.value()});
    CHECK(b.dma(Iova{u64{1} << 50}).ending == Ending::Abort);
    CHECK(hex(b.only_event()) == "1100000001000000"
                                 "0000000008020000"
                                 "0000000000000400"
                                 "0000000000000000");
}

} // namespace quiesce::iommu::smmuv3::test
