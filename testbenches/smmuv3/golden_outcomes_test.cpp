// SPDX-License-Identifier: Apache-2.0
/// The unit's outcomes held against tables that somebody else worked out by hand (golden/smmuv3_golden.h).
#include "golden/smmuv3_golden.h"
#include "smmuv3/bench.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

constexpr Iova va{0x7f12'3456'7a80};

} // namespace

TEST_CASE("every command of the manual's illegal ones stops the queue with CERROR_ILL", "[golden][smmuv3]") {
    const auto& row = golden::illegal_commands[GENERATE(range(std::size_t{0}, golden::illegal_commands.size()))];
    INFO(row.what);
    Bench b;
    b.start();
    b.command(Command::from_words({row.words[0], row.words[1]}));
    CHECK(b.reg<CmdqCons>().value() == 0x0100'0000);
    CHECK(b.reg<Gerror>().value() == 1);
}

TEST_CASE("queue indices count as the manual says", "[golden][smmuv3]") {
    for (const auto& q : golden::queues) {
        INFO("log2size " << q.log2size << " prod " << q.prod << " cons " << q.cons);
        const base::RingIndices<base::WrapBit> ring{q.log2size, q.prod, q.cons};
        CHECK(ring.empty() == q.empty);
        CHECK(ring.full() == q.full);
        CHECK(ring.used() == q.used);
    }
    for (const auto& s : golden::queue_steps) CHECK(base::WrapBit::next(s.from, s.log2size) == s.to);
}

TEST_CASE("streams lead where the manual's table says",
          "[golden][smmuv3][STE.V][STE.Config][C_BAD_STREAMID][C_BAD_STE][F_STE_FETCH]") {
    const auto& row = golden::stream_outcomes[GENERATE(range(std::size_t{0}, golden::stream_outcomes.size()))];
    INFO(row.what);
    Bench b;
    b.write(StrtabBase{}.set(StrtabBase::ADDR, Bench::strtab));
    b.write(StrtabBaseCfg{}
                .set(StrtabBaseCfg::LOG2SIZE, row.log2size)
                .set(StrtabBaseCfg::SPLIT, row.split)
                .set(StrtabBaseCfg::FMT, row.two_level ? StrtabFormat::TwoLevel : StrtabFormat::Linear));
    b.write(EventqBase{}.set(EventqBase::ADDR, Bench::evtq).set(EventqBase::LOG2SIZE, 2));
    b.write(Cr2{}.set(Cr2::RECINVSID, row.recinvsid));
    b.write(Cr0{}.set(Cr0::EVENTQEN, true).set(Cr0::SMMUEN, true));
    const Spa leaf{0x1900'0000};
    if (row.two_level)
        b.store(Bench::strtab + row.level1 * 8, L1Std{}.set(L1Std::Span, row.span).set(L1Std::L2Ptr, leaf));
    // A bypassing entry exactly where the row's indexes point: only the right entry grants.
    const Spa entry = (row.two_level ? leaf : Bench::strtab) + row.level2 * 64;
    b.store(entry, Ste{}.set(Ste::V, true).set(Ste::Config, StreamConfig::Bypass));
    CHECK(b.dma(va, Access::Read, row.stream).ending == (row.aborted ? Ending::Abort : Ending::Grant));
    CHECK(b.events() == (row.event != 0));
    if (row.event != 0) CHECK((b.event(0).word(0) & 0xff) == row.event);
}

TEST_CASE("substreams lead where the manual's table says",
          "[golden][smmuv3][STE.S1Fmt][STE.S1ContextPtr][STE.S1CDMax][STE.S1DSS][C_BAD_SUBSTREAMID]"
          "[F_STREAM_DISABLED][F_CD_FETCH]") {
    const auto& row = golden::substream_outcomes[GENERATE(range(std::size_t{0}, golden::substream_outcomes.size()))];
    INFO(row.what);
    Smmuv3Config config;
    config.ssid_bits = row.ssidsize;
    config.two_level_contexts = row.cd2l;
    Bench b{config};
    b.start();
    const Spa leaf{0x1900'0000}, ttb = b.new_table();
    b.map(ttb, va, Bench::page(Bench::pages).word(0));
    const auto format = static_cast<CdTable>(row.s1fmt);
    b.store(Bench::strtab + 64, Ste{}
                                    .set(Ste::V, row.ste_v)
                                    .set(Ste::Config, static_cast<StreamConfig>(row.config))
                                    .set(Ste::S1Fmt, format)
                                    .set(Ste::S1CDMax, row.s1cdmax)
                                    .set(Ste::S1DSS, static_cast<NoSubstream>(row.s1dss))
                                    .set(Ste::S1ContextPtr, Bench::cdtab));
    const bool levels =
        (format == CdTable::TwoLevel4K || format == CdTable::TwoLevel64K) && row.s1cdmax != 0 && row.ssidsize != 0;
    const u32 index = row.ssv ? row.ssid : 0;
    const unsigned bits = format == CdTable::TwoLevel64K ? 10 : 6;
    if (levels) b.store(Bench::cdtab + (index >> bits) * 8, L1Cd{}.set(L1Cd::V, row.l1cd_v).set(L1Cd::L2Ptr, leaf));
    const Spa cd = levels ? leaf + (index & base::low_bits(bits)) * 64 : Bench::cdtab + u64{index} * 64;
    b.store(cd, Bench::cd(ttb).set(Cd::V, row.cd_v));
    if (row.stage1) CHECK(index == row.cd_index);

    const Translation t = b.dma(va, Access::Read, 1, row.ssv ? std::optional<u32>{row.ssid} : std::nullopt);
    CHECK(t.ending == (row.aborted ? Ending::Abort : Ending::Grant));
    if (!row.aborted) CHECK(t.to == (row.stage1 ? Bench::pages + va.page_offset() : Spa{va.value()}));
    CHECK(b.events() == (row.event != 0));
    if (row.event != 0) CHECK((b.event(0).word(0) & 0xff) == row.event);
}

TEST_CASE("what a quiet PASID answers", "[golden][smmuv3][CD.EPD0][CD.A][CD.R][STE.S1STALLD]") {
    const auto& row = golden::quiet_outcomes[GENERATE(range(std::size_t{0}, golden::quiet_outcomes.size()))];
    INFO(row.what);
    // Legality is asked of the rules with the row's own identification.
    Smmuv3Config config;
    config.terminate_only_by_abort = row.term_model;
    config.stall_model = static_cast<StallModel>(row.stall_model);
    const Identity id = identity_of(config);
    const Ste ste = Bench::stage1_ste(Bench::cdtab, 10, NoSubstream::Terminate, CdTable::TwoLevel64K)
                        .set(Ste::V, row.ste_v)
                        .set(Ste::Config, static_cast<StreamConfig>(row.config))
                        .set(Ste::S1STALLD, row.s1stalld);
    const Cd cd = Bench::cd(Bench::tables)
                      .set(Cd::V, row.v)
                      .set(Cd::EPD0, row.epd0)
                      .set(Cd::A, row.a)
                      .set(Cd::R, row.r)
                      .set(Cd::S, row.s);
    if (row.event == 0x04)
        CHECK_FALSE(why_illegal(ste, id).empty());
    else
        CHECK(why_illegal(ste, id).empty());
    if (row.event == 0x0a)
        CHECK_FALSE(why_illegal(cd, ste, id).empty());
    else if (row.ste_v && row.config == 5 && row.l1cd_v)
        CHECK(why_illegal(cd, ste, id).empty());

    // The outcome is asked of the unit, by a requester that can wait.
    Bench b{config};
    b.start();
    b.store(Bench::strtab + 64, ste);
    b.store(Bench::cdtab, L1Cd{}.set(L1Cd::V, row.l1cd_v).set(L1Cd::L2Ptr, Spa{0x1900'0000}));
    b.store(Spa{0x1900'0000} + 5 * 64, cd);
    TranslationRequest r = b.request(va, Access::Read, 1, 5);
    r.may_stall = true;
    std::optional<Translation> got;
    sim::Time ended;
    sim::spawn(Bench::keep(b.unit.translation().translate(r), got, ended));
    b.settle();
    CHECK(b.unit.stalls().held() == (row.stalled ? 1u : 0u));
    REQUIRE(got.has_value() == !row.stalled);
    if (got) CHECK(got->ending == (row.raz_wi ? Ending::ReadZero : Ending::Abort));
    CHECK(b.events() == (row.event != 0));
    if (row.event != 0) CHECK((b.event(0).word(0) & 0xff) == row.event);
}

} // namespace quiesce::iommu::smmuv3::test
