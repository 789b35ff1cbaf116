// SPDX-License-Identifier: Apache-2.0
/// The field that decided how a transaction ended, and the one that kept it from being recorded, as observers are told.
#include "iommu/smmuv3/decided.h"
#include "smmuv3/stage_bench.h"

#include <set>

namespace quiesce::iommu::smmuv3::test {
namespace {

struct DecidedBench : StageBench {
    Log<FaultRaised> facts{bus};
    Slots slots;
    explicit DecidedBench(Stages s) : StageBench(s) {
        start();
        slots = map_page(smmuv3::test::at, pages);
    }
    template <class F, class V>
    void in_cd(const F& field, V value) {
        store(cdtab, context_descriptor().with(field, value));
    }
    template <class F, class V>
    void in_ste(const F& field, V value) {
        store(strtab + 64, stream_entry().set(field, value));
    }
};
TranslationRequest written() { return {1, DeviceId{0}, StreamId{1}, false, Pasid{0}, at, 8, Access::Write}; }
TranslationRequest read_from(Iova where) {
    return {1, DeviceId{0}, StreamId{1}, false, Pasid{0}, where, 8, Access::Read};
}
TranslationRequest read() { return read_from(at); }
TranslationRequest of_stream(u32 stream) {
    return {1, DeviceId{0}, StreamId{stream}, false, Pasid{0}, at, 8, Access::Read};
}
TranslationRequest of_substream(u32 n) { return {1, DeviceId{0}, StreamId{1}, true, Pasid{n}, at, 8, Access::Read}; }
TranslationRequest executed(bool privileged) {
    TranslationRequest r = read();
    r.instruction = true;
    r.privileged = privileged;
    return r;
}
TranslationRequest privileged_read() {
    TranslationRequest r = read();
    r.privileged = true;
    return r;
}
TranslationRequest of_type(AddressType type) {
    TranslationRequest r = read();
    r.type = type;
    return r;
}

struct DecidedCase {
    std::string_view decided;
    Stages stages;
    void (*make)(DecidedBench& b);
    TranslationRequest ask;
};
constexpr u64 valid = 1, af = u64{1} << 10, ap1 = 1 << 6, ap2 = 1 << 7, pxn = u64{1} << 53, uxn = u64{1} << 54;

// clang-format off
const DecidedCase decided_cases[] = {
    {"STRTAB_BASE.ADDR: what it leads to cannot be read", Stages::First, [](DecidedBench& b) { b.memory.broken = Bench::strtab; }, read()},
    {"STE.S1ContextPtr: what it leads to cannot be read", Stages::First, [](DecidedBench& b) { b.memory.broken = Bench::cdtab; }, read()},
    {"CD.TTB0: what it leads to cannot be read", Stages::First, [](DecidedBench& b) { b.memory.broken = b.root1; }, read()},
    {"CD.TTB1: what it leads to cannot be read", Stages::First, [](DecidedBench& b) {
        b.store(Bench::cdtab, b.context_descriptor().with(Cd::EPD1, false).with(Cd::T1SZ, 16u).with(Cd::TG1, Granule1::K4).with(Cd::TTB1, Spa{0x5000}));
    }, read_from(Iova{0xffff'8000'0000'0000})},
    {"STE.S2TTB: what it leads to cannot be read", Stages::Second, [](DecidedBench& b) { b.memory.broken = b.root2; }, read()},
    {"STE.EATS=0b00", Stages::First, [](DecidedBench&) {}, of_type(AddressType::TranslationRequest)},
    {"CD.IPS: the output address is beyond it", Stages::First, [](DecidedBench& b) { b.change(b.slots.first, u64{1} << 47, 0); b.in_cd(Cd::IPS, 0u); }, read()},
    {"STE.S2PS: the output address is beyond it", Stages::Second, [](DecidedBench& b) { b.change(b.slots.second, u64{1} << 47, 0); b.in_ste(Ste::S2PS, 0u); }, read()},
    {"stage 1 leaf.Valid=0", Stages::First, [](DecidedBench& b) { b.change(b.slots.first, 0, valid); }, read()},
    {"stage 1 leaf.Valid=0", Stages::Both, [](DecidedBench& b) { b.change(b.slots.first, 0, valid); }, read()},
    {"stage 1 table.Valid=0", Stages::First, [](DecidedBench&) {}, read_from(Iova{0x1000})},
    {"CD.T0SZ: the address is outside both halves", Stages::First, [](DecidedBench&) {}, read_from(Iova{u64{1} << 50})},
    {"CD.EPD0=1", Stages::First, [](DecidedBench& b) { b.in_cd(Cd::EPD0, true); }, read()},
    {"CD.EPD1=1", Stages::First, [](DecidedBench& b) { b.in_cd(Cd::T1SZ, 16u); }, read_from(Iova{0xffff'8000'0000'0000})},
    {"stage 2 leaf.Valid=0", Stages::Second, [](DecidedBench& b) { b.change(b.slots.second, 0, valid); }, read()},
    {"stage 2 leaf.Valid=0", Stages::Both, [](DecidedBench& b) { b.change(b.slots.second, 0, valid); }, read()},
    {"STE.S2T0SZ: the address is beyond it", Stages::Second, [](DecidedBench&) {}, read_from(Iova{u64{1} << 45})},
    {"stage 1 leaf.AF=0", Stages::First, [](DecidedBench& b) { b.change(b.slots.first, 0, af); }, read()},
    {"stage 2 leaf.AF=0", Stages::Both, [](DecidedBench& b) { b.change(b.slots.second, 0, af); }, read()},
    {"CD.PAN=1", Stages::First, [](DecidedBench& b) { b.in_cd(Cd::PAN, true); }, privileged_read()},
    {"stage 1 leaf.AP[1]=0, or APTable[0]=1 above it", Stages::First, [](DecidedBench& b) { b.change(b.slots.first, 0, ap1); }, read()},
    {"CD.WXN=1", Stages::First, [](DecidedBench& b) { b.in_cd(Cd::WXN, true); }, executed(false)},
    {"stage 1 leaf.AP[1]=1 and AP[2]=0: what unprivileged accesses may write is not executed with privilege", Stages::First, [](DecidedBench&) {}, executed(true)},
    {"stage 1 leaf.UXN=1, or UXNTable=1 above it", Stages::First, [](DecidedBench& b) { b.change(b.slots.first, uxn, 0); }, executed(false)},
    {"stage 1 leaf.PXN=1, or PXNTable=1 above it", Stages::First, [](DecidedBench& b) { b.change(b.slots.first, pxn | ap2, 0); }, executed(true)},
    {"stage 1 leaf.AP[2]=1, or APTable[1]=1 above it", Stages::First, [](DecidedBench& b) { b.change(b.slots.first, ap2, 0); }, written()},
    {"stage 1 leaf.AP[2]=1, or APTable[1]=1 above it", Stages::Both, [](DecidedBench& b) { b.change(b.slots.first, ap2, 0); }, written()},
    {"stage 2 leaf.S2AP[0]=0", Stages::Second, [](DecidedBench& b) { b.change(b.slots.second, 0, ap1); }, read()},
    {"stage 2 leaf.S2AP[0]=0", Stages::Both, [](DecidedBench& b) { b.change(b.expose(b.root1), 0, ap1); }, read()},
    {"stage 2 leaf.S2AP[1]=0", Stages::Both, [](DecidedBench& b) { b.change(b.slots.second, 0, ap2); }, written()},
    {"stage 2 leaf.XN: not executed", Stages::Second, [](DecidedBench& b) { b.change(b.slots.second, uxn, 0); }, executed(false)},
    {"STE.S2PTW=1", Stages::Both, [](DecidedBench& b) { b.change(b.expose(b.root1), 0, 0x3c); b.in_ste(Ste::S2PTW, true); }, read()},
    // by rules and fields that the structures' own code names
    {"STRTAB_BASE_CFG.LOG2SIZE: the stream is beyond it", Stages::First, [](DecidedBench&) {}, of_stream(0x100)},
    {"STE.S1CDMax: the substream is beyond it", Stages::First, [](DecidedBench&) {}, of_substream(1)},
    {"STE.Config: no stage 1, and no substreams", Stages::Second, [](DecidedBench&) {}, of_substream(1)},
    {"STE.S1DSS=0b00", Stages::First, [](DecidedBench& b) { b.in_ste(Ste::S1CDMax, 4u); }, read()},
    {"STE.S1DSS=0b10", Stages::First, [](DecidedBench& b) { b.in_ste(Ste::S1DSS, NoSubstream::Substream0); b.in_ste(Ste::S1CDMax, 4u); }, of_substream(0)},
    {"L1CD.V=0", Stages::First, [](DecidedBench& b) {
        b.in_ste(Ste::S1Fmt, CdTable::TwoLevel4K);
        b.store(Bench::cdtab, Cd{});
        b.in_ste(Ste::S1CDMax, 10u);
    }, of_substream(0x41)},
    {"STE.Config=0b000", Stages::First, [](DecidedBench& b) { b.store(Bench::strtab + 64, Ste{}.set(Ste::V, true)); }, read()},
};
// clang-format on

/// "CD.EPD0=1", "CD.IPS: the output address is beyond it".
std::string field_of(std::string_view text) { return std::string{text.substr(0, text.find_first_of("=:"))}; }

} // namespace

TEST_CASE("observers are told which field decided", "[smmuv3][decided]") {
    const std::size_t count = std::size(decided_cases);
    const DecidedCase& c = decided_cases[GENERATE_COPY(range(std::size_t{0}, count))];
    INFO(c.decided);
    DecidedBench b{c.stages};
    c.make(b);
    CHECK(b.run(b.unit.translation().translate(c.ask)).ending != Ending::Grant);
    REQUIRE(b.facts.size() == 1);
    INFO(b.facts[0].type.text());
    CHECK(b.facts[0].decided.what.text() == c.decided);
}

TEST_CASE("an address that nothing translates is held against the output size, and a stream without EATS against EATS",
          "[smmuv3][decided]") {
    DecidedBench b{Stages::First};
    b.store(Bench::strtab + 128, Ste{}.set(Ste::V, true).set(Ste::Config, StreamConfig::Bypass));
    TranslationRequest far = of_stream(2);
    far.at = Iova{u64{1} << 60};
    b.run(b.unit.translation().translate(far));
    CHECK(b.facts.last().decided.what.text() == "IDR5.OAS: the address is beyond it");
    TranslationRequest asks = of_stream(2);
    asks.type = AddressType::TranslationRequest;
    b.run(b.unit.translation().translate(asks));
    CHECK(b.facts.last().decided.what.text() == "STE.Config: nothing is translated");
}

TEST_CASE("a stream behind a first-level entry is held against its Span", "[smmuv3][decided]") {
    Bench b;
    Log<FaultRaised> facts{b.bus};
    b.write(StrtabBaseCfg{}
                .set(StrtabBaseCfg::FMT, StrtabFormat::TwoLevel)
                .set(StrtabBaseCfg::SPLIT, 8)
                .set(StrtabBaseCfg::LOG2SIZE, 10));
    b.write(StrtabBase{}.set(StrtabBase::ADDR, Bench::strtab));
    b.write(Cr0{}.set(Cr0::CMDQEN, true).set(Cr0::SMMUEN, true));
    CHECK(b.dma(at).ending == Ending::Abort);
    REQUIRE(facts.size() == 1);
    CHECK(facts[0].decided.what.text() == "L1STD.Span: the stream is beyond it");
    CHECK(facts[0].unrecorded_by.what.text() == "CR2.RECINVSID=0");
}

TEST_CASE("translated requests are refused by EATS where they are checked", "[smmuv3][decided]") {
    DecidedBench b{Stages::First};
    b.write(b.reg<Cr0>().set(Cr0::ATSCHK, true));
    CHECK(b.run(b.unit.translation().translate(of_type(AddressType::Translated))).ending == Ending::Abort);
    CHECK(b.facts.last().decided.what.text() == "STE.EATS: translated requests are not believed");
}

TEST_CASE("observers are told why a fault was not recorded", "[smmuv3][decided][CD.R][STE.S2R][CR2]") {
    struct Quiet {
        std::string_view by;
        Stages stages;
        void (*make)(DecidedBench& b);
        AddressType type;
    };
    constexpr auto untranslated = AddressType::Untranslated, asks = AddressType::TranslationRequest;
    static const Quiet rows[] = {
        {"CD.R=0", Stages::First, [](DecidedBench& b) { b.in_cd(Cd::R, false), b.change(b.slots.first, 0, valid); },
         untranslated},
        {"STE.S2R=0", Stages::Second,
         [](DecidedBench& b) { b.in_ste(Ste::S2R, false), b.change(b.slots.second, 0, valid); }, untranslated},
        {"STE.S2R=0", Stages::Both,
         [](DecidedBench& b) { b.in_ste(Ste::S2R, false), b.change(b.slots.second, 0, valid); }, untranslated},
        {"STE.Config=0b000", Stages::First,
         [](DecidedBench& b) { b.store(Bench::strtab + 64, Ste{}.set(Ste::V, true)); }, untranslated},
        {"CR2.REC_CFG_ATS=0", Stages::First,
         [](DecidedBench& b) { b.in_ste(Ste::EATS, StreamAts::Full), b.store(Bench::cdtab, Cd{}); }, asks},
        {"the answer to the translation request tells of it", Stages::First,
         [](DecidedBench& b) { b.in_ste(Ste::EATS, StreamAts::Full), b.change(b.slots.first, 0, valid); }, asks},
    };
    const Quiet& row = rows[GENERATE(range(std::size_t{0}, std::size_t{6}))];
    INFO(row.by);
    DecidedBench b{row.stages};
    row.make(b);
    b.run(b.unit.translation().translate(of_type(row.type)));
    REQUIRE(b.facts.size() == 1);
    CHECK(b.facts[0].fate == FaultFate::Suppressed);
    CHECK(b.facts[0].unrecorded_by.what.text() == row.by);
}

TEST_CASE("what is said to decide is a field that there is, with its section, and every such word is tried here",
          "[smmuv3][decided]") {
    std::set<std::string> names, tried;
    for (const Feature& f : features())
        if (!f.section.empty())
            names.insert(f.owner.empty() ? std::string{f.name} : std::string{f.owner} + "." + std::string{f.name});
    for (const DecidedCase& c : decided_cases) tried.insert(std::string{c.decided});
    for (const std::string_view also :
         {"STE.Config: nothing is translated", "STE.EATS: translated requests are not believed",
          "IDR5.OAS: the address is beyond it", "CR2.RECINVSID=0", "CR2.REC_CFG_ATS=0", "STE.S2R=0", "CD.R=0",
          "the answer to the translation request tells of it"})
        tried.insert(std::string{also});
    std::vector<std::string_view> words{deciding_fields().begin(), deciding_fields().end()};
    for (const DecidedCase& c : decided_cases) words.push_back(c.decided);
    for (const std::string_view text : words) {
        INFO(text);
        CHECK(tried.count(std::string{text}) == 1);
        const std::string field = field_of(text), owner = field.substr(0, field.find('.'));
        CHECK((names.count(field) == 1 || names.count(owner) == 1 || text.starts_with("the answer")));
    }
}

} // namespace quiesce::iommu::smmuv3::test
