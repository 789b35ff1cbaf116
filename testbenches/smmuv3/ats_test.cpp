// SPDX-License-Identifier: Apache-2.0
/// ATS at the SMMU: how translation requests and translated requests end (facts/iommu-specs.md 1.5), and CMD_ATC_INV
/// with its fence and its time-out (1.6, 1.6.1).
#include "smmuv3/bench.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

constexpr Iova ats_page{0x7f00'1234'5000};
constexpr Spa ats_frame{0x2000'7000};

/// A fabric that answers when it is told to.
struct Fabric : AtsPort {
    std::vector<AtcInvalidation> asked;
    sim::Latch go;
    AtcAnswer answer = AtcAnswer::Completed;
    sim::Task<AtcAnswer> invalidate(AtcInvalidation what) override {
        asked.push_back(what);
        co_await go.wait();
        co_return answer;
    }
};

struct AtsBench : Bench {
    Fabric fabric;
    explicit AtsBench(StreamAts eats = StreamAts::Full, bool check = true) {
        unit.set_ats_port(&fabric);
        simple(ats_page, ats_frame);
        store(strtab + 64, stage1_ste(cdtab).set(Ste::EATS, eats));
        start();
        if (check) write(reg<Cr0>().set(Cr0::ATSCHK, true));
    }
    Translation ask(Iova at, AddressType type, Access access = Access::Read, u32 stream = 1) {
        TranslationRequest r = request(at, access, stream);
        r.type = type;
        return run(unit.translation().translate(r));
    }
    Translation ask_for(Iova at, u32 stream = 1) {
        return ask(at, AddressType::TranslationRequest, Access::Read, stream);
    }
    Translation use(Iova at, u32 stream = 1) { return ask(at, AddressType::Translated, Access::Write, stream); }
};

constexpr Permissions none{};

} // namespace

TEST_CASE("a translation request is told address, size and permissions of the leaf", "[smmuv3][ats]") {
    AtsBench b;
    const Spa ttb = b.load<Cd>(AtsBench::cdtab).get(Cd::TTB0);
    b.map(ttb, ats_page + page_size, AtsBench::page(ats_frame + page_size, false).word(0));
    const Iova big{0x7f00'4000'0000};
    b.map(ttb, big, AtsBench::page(Spa{0x2020'0000}).with(LeafDescriptor::Type, false).word(0), 2);

    const Translation page = b.ask_for(ats_page + 0x20);
    CHECK(page.ending == Ending::Grant);
    CHECK(page.to == ats_frame + 0x20);
    CHECK(page.bytes == 4096);
    CHECK(page.may == Permissions{true, true, false, true});
    const Translation read_only = b.ask_for(ats_page + page_size);
    CHECK(read_only.may == Permissions{true, false, false, true});
    const Translation block = b.ask_for(big + 0x12345);
    CHECK(block.bytes == u64{2} << 20);
    CHECK(block.to == Spa{0x2021'2345});
    CHECK(b.events() == 0);
}

TEST_CASE("a translation request that finds no translation succeeds without permissions and leaves no record",
          "[smmuv3][ats]") {
    AtsBench b;
    const Translation t = b.ask_for(ats_page + 5 * page_size);
    CHECK(t.ending == Ending::Grant);
    CHECK(t.may == none);
    CHECK(b.events() == 0);
}

TEST_CASE("translation requests to a stream whose EATS is off, or that bypasses, get UR and F_BAD_ATS_TREQ",
          "[smmuv3][ats][STE.EATS][F_BAD_ATS_TREQ]") {
    const bool bypasses = GENERATE(false, true);
    AtsBench b{bypasses ? StreamAts::Full : StreamAts::Off};
    if (bypasses) {
        b.store(AtsBench::strtab + 64,
                Ste{}.set(Ste::V, true).set(Ste::Config, StreamConfig::Bypass).set(Ste::EATS, StreamAts::Full));
        b.command(make_command<CfgiSte>().set(CfgiSte::SID, StreamId{1}), AtsBench::sync());
    }
    CHECK(b.dma(ats_page).ending == Ending::Grant); // ordinary DMA goes on, and warms the cache
    CHECK(b.ask_for(ats_page).ending == Ending::Abort);
    CHECK(b.only_event().get(EventRecord::ID) == EventId::F_BAD_ATS_TREQ);
}

TEST_CASE("a bad structure ends a translation request with CA, recorded only with CR2.REC_CFG_ATS",
          "[smmuv3][ats][CR2][C_BAD_CD]") {
    const bool recorded = GENERATE(false, true);
    AtsBench b;
    b.write(b.reg<Cr0>().set(Cr0::SMMUEN, false));
    b.write(Cr2{}.set(Cr2::REC_CFG_ATS, recorded).set(Cr2::RECINVSID, true));
    b.write(b.reg<Cr0>().set(Cr0::SMMUEN, true));
    b.store(AtsBench::cdtab, Cd{});
    CHECK(b.ask_for(ats_page).ending == Ending::CompleterAbort);
    CHECK(b.events() == (recorded ? 1u : 0u));
    if (recorded) CHECK(b.event(0).get(EventRecord::ID) == EventId::C_BAD_CD);
}

TEST_CASE("with ATSCHK a translated request passes unchanged if the stream may send any; else F_TRANSL_FORBIDDEN",
          "[smmuv3][ats][F_TRANSL_FORBIDDEN][CR0]") {
    const bool allowed = GENERATE(true, false);
    AtsBench b{allowed ? StreamAts::Full : StreamAts::Off};
    for (int round = 0; round < 2; ++round) { // the second finds the stream in the configuration cache
        const Translation t = b.use(Iova{ats_frame.value() + 0x40});
        CHECK(t.ending == (allowed ? Ending::Grant : Ending::Abort));
        if (allowed) CHECK(t.to == ats_frame + 0x40);
    }
    CHECK(b.events() == (allowed ? 0u : 2u));
    if (!allowed) CHECK(b.event(0).get(EventRecord::ID) == EventId::F_TRANSL_FORBIDDEN);
}

TEST_CASE("without ATSCHK a translated request is believed whatever the stream table says", "[smmuv3][ats]") {
    AtsBench b{StreamAts::Off, false};
    CHECK(b.use(Iova{ats_frame.value()}, 1).ending == Ending::Grant);
    CHECK(b.use(Iova{ats_frame.value()}, 9).ending == Ending::Grant); // no such stream
    CHECK(b.use(Iova{u64{1} << 50}).ending == Ending::Abort);     // cannot be put out
    CHECK(b.events() == 0);
}

TEST_CASE("a context descriptor made quiet stops translation requests but not what the device already has",
          "[smmuv3][ats]") {
    AtsBench b;
    CHECK(b.ask_for(ats_page).may.read);
    b.store(AtsBench::cdtab, AtsBench::cd(Spa{0}).set(Cd::EPD0, true).set(Cd::R, false));
    b.command(make_command<CfgiCd>().set(CfgiCd::SID, StreamId{1}).set(CfgiCd::Leaf, true),
              make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{1}), AtsBench::sync());
    CHECK(b.ask_for(ats_page).may == none);
    CHECK(b.use(Iova{ats_frame.value()}).ending == Ending::Grant); // why the ATC has to be invalidated too
}

TEST_CASE("CMD_SYNC waits for the answer to CMD_ATC_INV, and the request carries the command's operands",
          "[smmuv3][ats][ATC_INV][SYNC]") {
    AtsBench b;
    b.command(make_command<AtcInv>()
                  .set(AtcInv::SID, StreamId{1})
                  .set(AtcInv::SSV, true)
                  .set(AtcInv::SSID, Pasid{5})
                  .set(AtcInv::Size, 3)
                  .set(AtcInv::Addr, Iova{0x7f00'1234'5000}),
              AtsBench::sync(77));
    REQUIRE(b.fabric.asked.size() == 1);
    CHECK(b.fabric.asked[0].stream == StreamId{1});
    CHECK(b.fabric.asked[0].has_pasid);
    CHECK(b.fabric.asked[0].pasid == Pasid{5});
    CHECK(b.fabric.asked[0].range == IovaRange{Iova{0x7f00'1234'0000}, 0x8000}); // aligned down to its size
    CHECK(b.memory.messages.empty());
    b.fabric.go.set();
    b.settle();
    REQUIRE(b.memory.messages.size() == 1);
    CHECK(b.memory.messages[0].data == 77);
}

TEST_CASE(
    "an unanswered ATC invalidation is CERROR_ATC_INV_SYNC at the CMD_SYNC, which succeeds when it is tried again",
    "[smmuv3][ats]") {
    AtsBench b;
    b.fabric.answer = AtcAnswer::TimedOut;
    b.fabric.go.set();
    b.command(make_command<AtcInv>().set(AtcInv::SID, StreamId{1}).set(AtcInv::Size, 52), AtsBench::sync(5));
    CHECK(b.fabric.asked.at(0).everything);
    CHECK(b.error(Gerror::CMDQ_ERR));
    CHECK(b.reg<CmdqCons>().get(CmdqCons::ERR) == CommandError::AtcInvSync);
    CHECK(b.reg<CmdqCons>().get(CmdqCons::RD) == 1); // at the CMD_SYNC
    CHECK(b.memory.messages.empty());
    b.acknowledge_errors();
    CHECK_FALSE(b.error(Gerror::CMDQ_ERR));
    CHECK(b.reg<CmdqCons>().get(CmdqCons::RD) == 2);
    REQUIRE(b.memory.messages.size() == 1);
    CHECK(b.memory.messages[0].data == 5);
}

TEST_CASE("an endpoint without an ATC answers UR, and the CMD_SYNC completes without an error", "[smmuv3][ats]") {
    AtsBench b;
    b.fabric.answer = AtcAnswer::Unsupported;
    b.fabric.go.set();
    b.command(make_command<AtcInv>().set(AtcInv::SID, StreamId{1}).set(AtcInv::Size, 52), AtsBench::sync(5));
    CHECK_FALSE(b.error(Gerror::CMDQ_ERR));
    CHECK(b.memory.messages.size() == 1);
}

} // namespace quiesce::iommu::smmuv3::test
