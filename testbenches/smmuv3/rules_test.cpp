// SPDX-License-Identifier: Apache-2.0
/// The tables of rules, asked one by one: streams, substreams, illegal structures, translation descriptors, commands.
#include "smmuv3/bench.h"

#include "iommu/smmuv3/page_table.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

Identity identity(unsigned ssid_bits = 20) {
    Smmuv3Config c;
    c.ssid_bits = ssid_bits;
    return identity_of(c);
}
Ste substream_ste(u64 cd_max, NoSubstream dss) {
    return Bench::stage1_ste(Spa{0x1000}, static_cast<unsigned>(cd_max), dss);
}

} // namespace

TEST_CASE("identification registers say what the unit is", "[smmuv3]") {
    const Identity id = identity();
    // S1P, TTF=AArch64, COHACC, ATS, NS1ATS, ASID16, MSI, SEV, PRI, CD2L, TTENDIAN=LE, ATSRECERR, STALL_MODEL=01,
    // ST_LEVEL=01
    CHECK(id.idr0.value() == 0x09c9'7c1a);
    CHECK(id.idr1.value() == (16u | 20u << 6 | 17u << 11 | 17u << 16 | 18u << 21));
    CHECK(id.idr3.value() == 0x400);
    CHECK(id.idr5.value() == 0x15); // 48 bits, 4 KiB
    CHECK(id.aidr.value() == 0x02);
    CHECK(id.output_bits == 48);
}

TEST_CASE("every substream outcome of the manual's table",
          "[smmuv3][STE.S1DSS][STE.S1CDMax][C_BAD_SUBSTREAMID][F_STREAM_DISABLED]") {
    struct Row {
        const char* what;
        StreamConfig config;
        u64 cd_max;
        NoSubstream dss;
        bool ssv;
        u32 ssid;
        unsigned ssid_bits;
        Selection::Kind kind;
        u32 index;
        u8 event;
    };
    using K = Selection::Kind;
    constexpr auto S1 = StreamConfig::Stage1;
    constexpr Row rows[] = {
        {"substream, bypassing stream", StreamConfig::Bypass, 4, NoSubstream::Terminate, true, 1, 20, K::Refused, 0,
         0x08},
        {"substream, no substreams", S1, 0, NoSubstream::Terminate, true, 0, 20, K::Refused, 0, 0x08},
        {"substream, unit has none", S1, 4, NoSubstream::Terminate, true, 1, 0, K::Refused, 0, 0x08},
        {"last substream", S1, 4, NoSubstream::Terminate, true, 15, 20, K::Cd, 15, 0},
        {"one beyond the last", S1, 4, NoSubstream::Terminate, true, 16, 20, K::Refused, 0, 0x08},
        {"20-bit substream beyond 2^19", S1, 19, NoSubstream::Terminate, true, 0x80000, 20, K::Refused, 0, 0x08},
        {"substream 0 reserved for untagged", S1, 4, NoSubstream::Substream0, true, 0, 20, K::Refused, 0, 0x06},
        {"substream 1 beside it", S1, 4, NoSubstream::Substream0, true, 1, 20, K::Cd, 1, 0},
        {"substream 0 is ordinary with S1DSS=00", S1, 4, NoSubstream::Terminate, true, 0, 20, K::Cd, 0, 0},
        {"substream 0 is ordinary with S1DSS=01", S1, 4, NoSubstream::Bypass, true, 0, 20, K::Cd, 0, 0},
        {"untagged, single descriptor", S1, 0, NoSubstream::Terminate, false, 0, 20, K::Cd, 0, 0},
        {"untagged, S1DSS=00", S1, 4, NoSubstream::Terminate, false, 0, 20, K::Refused, 0, 0x06},
        {"untagged, S1DSS=01", S1, 4, NoSubstream::Bypass, false, 0, 20, K::Bypass, 0, 0},
        {"untagged, S1DSS=10", S1, 4, NoSubstream::Substream0, false, 0, 20, K::Cd, 0, 0},
        {"untagged, S1DSS=11 acts as 00", S1, 4, NoSubstream::Reserved, false, 0, 20, K::Refused, 0, 0x06},
        {"untagged, bypassing stream", StreamConfig::Bypass, 0, NoSubstream::Terminate, false, 0, 20, K::Bypass, 0, 0},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        const Ste ste = substream_ste(row.cd_max, row.dss).set(Ste::Config, row.config);
        const Selection s = select_cd(ste, identity(row.ssid_bits), row.ssv, row.ssid);
        CHECK(s.kind == row.kind);
        CHECK(s.index == row.index);
        CHECK(raw(s.refused) == row.event);
    }
}

TEST_CASE("each illegal stream table entry is refused, and its neighbour is not",
          "[smmuv3][STE.V][STE.S1CDMax][STE.S1STALLD][STE.EATS][STE.STRW][C_BAD_STE]") {
    const Identity id = identity(10);
    const Ste good = substream_ste(10, NoSubstream::Terminate);
    CHECK(why_illegal(good, id).empty());
    CHECK(why_illegal(Ste{good}.set(Ste::V, false), id) == "V is 0");
    CHECK_FALSE(why_illegal(Ste{good}.set(Ste::Config, StreamConfig::Stage2), id).empty());
    CHECK_FALSE(why_illegal(Ste{good}.set(Ste::Config, StreamConfig::Nested), id).empty());
    CHECK_FALSE(why_illegal(Ste{good}.set(Ste::STRW, StreamWorld::El2), id).empty());
    CHECK_FALSE(why_illegal(Ste{good}.set(Ste::S1STALLD, true), id).empty());
    CHECK_FALSE(why_illegal(Ste{good}.set(Ste::S1CDMax, 11), id).empty());
    CHECK_FALSE(why_illegal(Ste{good}.set(Ste::S1ContextPtr, Spa{u64{1} << 48}), id).empty());
    CHECK_FALSE(why_illegal(Ste{good}.set(Ste::EATS, StreamAts::SplitStage), id).empty());
    Smmuv3Config no_ats;
    no_ats.ats = false; // then EATS is ignored
    CHECK(
        why_illegal(Ste{good}.set(Ste::EATS, StreamAts::SplitStage).set(Ste::S1CDMax, 0), identity_of(no_ats)).empty());
    const Ste silent = Ste{}.set(Ste::V, true).set(Ste::S1CDMax, 31).set(Ste::S1STALLD, true);
    CHECK(why_illegal(silent, id).empty()); // Config=000: the rest is ignored

    Smmuv3Config flat;
    flat.two_level_contexts = false;
    const Ste two_level = Ste{good}.set(Ste::S1Fmt, CdTable::TwoLevel64K);
    CHECK_FALSE(why_illegal(two_level, identity_of(flat)).empty());
    CHECK(why_illegal(Ste{two_level}.set(Ste::S1CDMax, 0), identity_of(flat)).empty());
    CHECK(why_illegal(two_level, id).empty());
}

TEST_CASE("each illegal context descriptor is refused; a disabled half is not judged",
          "[smmuv3][CD.V][CD.AA64][CD.ENDI][CD.T0SZ][CD.TG0][CD.T1SZ][CD.TG1][CD.EPD0][CD.EPD1][CD.TTB0][CD.TTB1]"
          "[CD.IPS][CD.A][CD.S][CD.HA][CD.HD][CD.ASID][C_BAD_CD]") {
    const Identity id = identity();
    const Ste ste = substream_ste(4, NoSubstream::Terminate);
    const Cd good = Bench::cd(Spa{0x1000})
                        .set(Cd::EPD1, false)
                        .set(Cd::T1SZ, 16)
                        .set(Cd::TG1, Granule1::K4)
                        .set(Cd::TTB1, Spa{0x2000});
    const auto bad = [&](Cd c) { return !why_illegal(c, ste, id).empty(); };
    CHECK_FALSE(bad(good));
    CHECK(bad(Cd{good}.set(Cd::V, false)));
    CHECK(bad(Cd{good}.set(Cd::S, true)));
    CHECK(bad(Cd{good}.set(Cd::ENDI, true)));
    CHECK(bad(Cd{good}.set(Cd::AA64, false)));
    CHECK(bad(Cd{good}.set(Cd::HA, true)));
    CHECK(bad(Cd{good}.set(Cd::HD, true)));
    for (const u64 size : {u64{15}, u64{40}}) {
        CHECK(bad(Cd{good}.set(Cd::T0SZ, size)));
        CHECK(bad(Cd{good}.set(Cd::T1SZ, size)));
        CHECK_FALSE(bad(Cd{good}.set(Cd::T0SZ, size).set(Cd::EPD0, true)));
        CHECK_FALSE(bad(Cd{good}.set(Cd::T1SZ, size).set(Cd::EPD1, true)));
    }
    CHECK(bad(Cd{good}.set(Cd::TG0, Granule0::K64)));
    CHECK_FALSE(bad(Cd{good}.set(Cd::TG0, Granule0::K64).set(Cd::EPD0, true)));
    CHECK(bad(Cd{good}.set(Cd::TG1, Granule1::Reserved)));
    CHECK_FALSE(bad(Cd{good}.set(Cd::TG1, Granule1::Reserved).set(Cd::EPD1, true)));
    CHECK(bad(Cd{good}.set(Cd::IPS, 0).set(Cd::TTB0, Spa{u64{1} << 32})));
    CHECK_FALSE(bad(Cd{good}.set(Cd::IPS, 0).set(Cd::TTB0, Spa{u64{1} << 32}).set(Cd::EPD0, true)));
    CHECK(bad(Cd{good}.set(Cd::TTB1, Spa{u64{1} << 48})));

    Smmuv3Config narrow;
    narrow.asid16 = false;
    narrow.terminate_only_by_abort = true;
    CHECK_FALSE(why_illegal(Cd{good}.set(Cd::ASID, Asid{0x100}), ste, identity_of(narrow)).empty());
    CHECK(why_illegal(Cd{good}.set(Cd::ASID, Asid{0xff}), ste, identity_of(narrow)).empty());
    CHECK_FALSE(why_illegal(Cd{good}.set(Cd::A, false), ste, identity_of(narrow)).empty());
    CHECK_FALSE(bad(Cd{good}.set(Cd::A, false)));
}

TEST_CASE("streams are found in linear tables and refused beyond them", "[smmuv3][STRTAB_BASE][STRTAB_BASE_CFG]") {
    const Identity id = identity();
    const auto base = StrtabBase{}.set(StrtabBase::ADDR, Spa{0x1'0040});
    const auto cfg = StrtabBaseCfg{}.set(StrtabBaseCfg::LOG2SIZE, 4);
    const StreamSlot last = locate_stream(base, cfg, id, StreamId{15});
    CHECK(last.kind == StreamSlot::Kind::Entry);
    CHECK(last.at == Spa{0x1'03c0}); // the base is aligned to the 1 KiB table
    CHECK(locate_stream(base, cfg, id, StreamId{16}).kind == StreamSlot::Kind::BadStream);
    // LOG2SIZE above IDR1.SIDSIZE acts as SIDSIZE
    const auto wide = StrtabBaseCfg{}.set(StrtabBaseCfg::LOG2SIZE, 32);
    CHECK(locate_stream(base, wide, id, StreamId{0xffff}).kind == StreamSlot::Kind::Entry);
    CHECK(locate_stream(base, wide, id, StreamId{0x10000}).kind == StreamSlot::Kind::BadStream);
}

TEST_CASE("two-level stream tables obey Span", "[smmuv3][L1STD.Span][L1STD.L2Ptr][STRTAB_BASE_CFG]") {
    const Identity id = identity();
    const auto base = StrtabBase{}.set(StrtabBase::ADDR, Spa{0x2'0000});
    const auto cfg = StrtabBaseCfg{}
                         .set(StrtabBaseCfg::LOG2SIZE, 16)
                         .set(StrtabBaseCfg::SPLIT, 8)
                         .set(StrtabBaseCfg::FMT, StrtabFormat::TwoLevel);
    const StreamSlot first = locate_stream(base, cfg, id, StreamId{0x1234});
    CHECK(first.kind == StreamSlot::Kind::FirstLevel);
    CHECK(first.at == Spa{0x2'0000 + 0x12 * 8});
    const auto second = [&](u64 span, u32 stream) {
        return locate_stream(L1Std{}.set(L1Std::Span, span).set(L1Std::L2Ptr, Spa{0x30'0000}), cfg, StreamId{stream});
    };
    CHECK(second(9, 0x12ff).kind == StreamSlot::Kind::Entry);
    CHECK(second(9, 0x12ff).at == Spa{0x30'0000 + 0xff * 64});
    for (const u64 bad : {0u, 10u, 11u, 12u, 31u})
        CHECK(second(bad, 0x1200).kind == StreamSlot::Kind::BadStream); // 0, > SPLIT+1, reserved
    CHECK(second(3, 0x1203).kind == StreamSlot::Kind::Entry);           // Span 3: four entries
    CHECK(second(3, 0x1204).kind == StreamSlot::Kind::BadStream);
    CHECK(second(1, 0x1200).kind == StreamSlot::Kind::Entry);
    CHECK(second(1, 0x1201).kind == StreamSlot::Kind::BadStream);
}

TEST_CASE("translation descriptors are read as VMSAv8-64 says", "[smmuv3]") {
    const TableFormat& f = *granule_of(Granule0::K4).stage1;
    TableRoot c;
    c.options = globals;
    using Kind = Decoded::Kind;
    CHECK(f.decode(0, 0, c).kind == Kind::Invalid);
    CHECK(f.decode(0x4000'0002, 1, c).kind == Kind::Invalid); // bit 0 clear
    CHECK(f.decode(0x4000'0001, 0, c).kind == Kind::Invalid); // no blocks at level 0
    CHECK(f.decode(0x4000'0001, 1, c).kind == Kind::Leaf);    // 1 GiB
    CHECK(f.decode(0x4020'0001, 2, c).kind == Kind::Leaf);    // 2 MiB
    CHECK(f.decode(0x4000'1001, 3, c).kind == Kind::Invalid); // at level 3 a page has both bits
    CHECK(f.decode(0x4000'1003, 3, c).kind == Kind::Leaf);
    CHECK(f.decode(0x4000'1003, 2, c).kind == Kind::Table);
    CHECK(f.decode(0x4030'0001, 2, c).to == Spa{0x4020'0000}); // bits below the block are ignored

    const Decoded user = f.decode(0x4000'1443, 3, c); // AP=01, AF, global
    CHECK((user.may.read && user.may.write && user.may.user && user.may.execute));
    CHECK((user.accessed && user.global));
    const Decoded kernel = f.decode(0x0060'0000'4000'1883, 3, c); // AP=10, nG, AF clear, UXN and PXN
    CHECK((kernel.may.read && !kernel.may.write && !kernel.may.user && !kernel.may.execute));
    CHECK((!kernel.accessed && !kernel.global));
    const Decoded table = f.decode(0x6000'0000'4000'1003, 2, c); // APTable=11
    CHECK((!table.may.write && !table.may.user && table.may.execute));
}

TEST_CASE("start levels follow the input size", "[smmuv3]") {
    struct Row {
        Granule0 granule;
        unsigned txsz, level;
        u64 bytes;
    };
    constexpr Row rows[] = {
        {Granule0::K4, 16, 0, 4096},   {Granule0::K4, 24, 0, 16},     {Granule0::K4, 25, 1, 4096},
        {Granule0::K4, 33, 1, 16},     {Granule0::K4, 34, 2, 4096},   {Granule0::K4, 39, 2, 128},
        {Granule0::K16, 16, 0, 16},    {Granule0::K16, 17, 1, 16384}, {Granule0::K16, 28, 2, 16384},
        {Granule0::K16, 39, 3, 16384}, {Granule0::K64, 16, 1, 512},   {Granule0::K64, 22, 2, 65536},
        {Granule0::K64, 35, 3, 65536},
    };
    for (const Row& row : rows) {
        INFO("granule " << static_cast<int>(row.granule) << " TxSZ " << row.txsz);
        const Granule& g = granule_of(row.granule);
        CHECK(start_level(g, 64 - row.txsz) == row.level);
        CHECK(start_table_bytes(g, 64 - row.txsz) == row.bytes);
    }
    CHECK(make_root(granule_of(Granule0::K4), 39, Spa{0x1'00f0}, false).table ==
          Spa{0x1'0080}); // aligned to its 128 bytes
    CHECK(make_root(granule_of(Granule0::K4), 24, Spa{0x1'00f0}, false).table == Spa{0x1'00c0}); // to 64 at least
}

TEST_CASE("commands become scopes", "[smmuv3][CFGI_STE_RANGE][CFGI_CD_ALL]") {
    const Identity id = identity();
    const auto scope = [&](const auto& c) {
        const Decode d = decode_command(as_command(c), id);
        REQUIRE(d.legal);
        REQUIRE(d.work);
        return d.work->scope;
    };
    const Scope range =
        scope(make_command<CfgiSteRange>().set(CfgiSteRange::SID, StreamId{0x37}).set(CfgiSteRange::Range, 3));
    CHECK(range.stream == StreamId{0x30});
    CHECK(range.streams == 16);
    CHECK_FALSE(scope(make_command<CfgiSteRange>().set(CfgiSteRange::Range, cfgi_all_range)).stream);

    const Scope cd =
        scope(make_command<CfgiCd>().set(CfgiCd::SID, StreamId{5}).set(CfgiCd::SSID, Pasid{7}).set(CfgiCd::Leaf, true));
    CHECK(cd.stream == StreamId{5});
    CHECK(cd.pasid == Pasid{7});
    const Scope asid = scope(make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{9}));
    CHECK(asid.space == SpaceTag{9});
    CHECK(asid.spare_global);
    CHECK_FALSE(asid.range);

    const auto va = make_command<TlbiNhVa>().set(TlbiNhVa::ASID, Asid{9}).set(TlbiNhVa::Addr, Iova{0x1234'5000});
    CHECK(scope(va).range == IovaRange{Iova{0x1234'5000}, 4096});
    CHECK_FALSE(scope(va).spare_global);
    const auto many = TlbiNhVa{va}.set(TlbiNhVa::TG, RangeGranule::K4).set(TlbiNhVa::NUM, 4).set(TlbiNhVa::SCALE, 2);
    CHECK(scope(many).range == IovaRange{Iova{0x1234'5000}, 5u << 14}); // (4 + 1) * 2^2 pages
    const auto big = TlbiNhVa{many}.set(TlbiNhVa::TG, RangeGranule::K64).set(TlbiNhVa::Leaf, true);
    CHECK(scope(big).range == IovaRange{Iova{0x1234'0000}, 5u << 18});
    CHECK(scope(big).leaf_only);
    CHECK_FALSE(scope(make_command<TlbiNhVaa>().set(TlbiNhVaa::Addr, Iova{0x1000})).space);
    CHECK_FALSE(scope(make_command<TlbiNsnhAll>()).range);
}

TEST_CASE("commands that are not legal", "[smmuv3]") {
    const Identity id = identity();
    const auto legal = [&](const auto& c, const Identity& with) { return decode_command(as_command(c), with).legal; };
    for (const u8 op : {0x00, 0x07, 0x08, 0x18, 0x1a, 0x20, 0x21, 0x22, 0x23, 0x28, 0x2a, 0x44, 0x45, 0x47, 0xff}) {
        INFO("opcode " << int{op});
        CHECK_FALSE(legal(Command{}.set(Command::Op, static_cast<Opcode>(op)), id));
    }
    CHECK_FALSE(legal(make_command<CfgiSte>().set(CfgiSte::SSec, true), id));
    CHECK_FALSE(legal(make_command<CfgiCd>().set(CfgiCd::SSec, true), id));
    CHECK_FALSE(legal(make_command<Sync>().set(Sync::CS, SyncSignal::Reserved), id));
    CHECK_FALSE(legal(Command::from_words({0x0000'0000'0000'0130, 0}), id)); // a reserved bit
    CHECK_FALSE(legal(Command::from_words({0x30, 1}), id));

    const auto va = make_command<TlbiNhVa>();
    CHECK(legal(va, id));
    CHECK_FALSE(legal(TlbiNhVa{va}.set(TlbiNhVa::TG, RangeGranule::K4), id)); // TG with NUM, SCALE and TTL zero
    CHECK(legal(TlbiNhVa{va}.set(TlbiNhVa::TG, RangeGranule::K4).set(TlbiNhVa::TTL, 3), id));
    Smmuv3Config old;
    old.range_invalidation = false;
    CHECK(legal(va, identity_of(old)));
    const auto atc = make_command<AtcInv>();
    Smmuv3Config no_ats;
    no_ats.ats = false;
    CHECK(legal(AtcInv{atc}.set(AtcInv::Size, 52), id));
    CHECK_FALSE(legal(AtcInv{atc}.set(AtcInv::Size, 53), id));
    CHECK_FALSE(legal(atc, identity_of(no_ats)));
    CHECK_FALSE(legal(TlbiNhVa{va}.set(TlbiNhVa::TG, RangeGranule::K4).set(TlbiNhVa::NUM, 1), identity_of(old)));
}

TEST_CASE("the coverage list names everything once and says why what is missing is", "[smmuv3]") {
    std::map<std::string, int> seen;
    std::map<std::string, Status> status;
    for (const Feature& f : features()) {
        const std::string key = std::string(enum_text(f.kind)) + " " + std::string(f.owner) + " " + std::string(f.name);
        if (f.name != "IMPDEF") ++seen[key];
        status[key] = f.status;
        CHECK_FALSE(f.section.empty());
        INFO(key);
        CHECK(f.why.empty() == (f.status != Status::Absent));
    }
    for (const auto& [key, times] : seen) {
        INFO(key);
        CHECK(times == 1);
    }
    CHECK(status.at("command  SYNC") == Status::Modelled);
    CHECK(status.at("command  ATC_INV") == Status::Modelled);
    CHECK(status.at("command  PRI_RESP") == Status::Modelled);
    CHECK(status.at("command  CFGI_VMS_PIDM") == Status::Absent);
    CHECK(status.at("register  CR0") == Status::Modelled);
    CHECK(status.at("register  PRIQ_BASE") == Status::Modelled);
    CHECK(status.at("register  GATOS_CTRL") == Status::Absent);
    CHECK(status.at("event  C_BAD_CD") == Status::Modelled);
    CHECK(status.at("field STE S1DSS") == Status::Modelled);
    CHECK(status.at("field CD MAIR0") == Status::Stored);
}

} // namespace quiesce::iommu::smmuv3::test
