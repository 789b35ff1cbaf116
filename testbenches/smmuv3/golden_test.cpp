// SPDX-License-Identifier: Apache-2.0
/// The layouts and rules held against bytes that somebody else worked out by hand (golden/smmuv3_golden.h).
#include "iommu/smmuv3/page_table.h"
#include "smmuv3/golden_table.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

constexpr StreamId sid = golden_sid;
constexpr Pasid ssid = golden_ssid;
constexpr Iova fault_va = golden_va, page = golden_page;

Cd quiet(bool aset, Spa table = Spa{0}) {
    return Cd{}
        .set(Cd::EPD0, true)
        .set(Cd::EPD1, true)
        .set(Cd::V, true)
        .set(Cd::IPS, 5)
        .set(Cd::AA64, true)
        .set(Cd::A, true)
        .set(Cd::ASET, aset)
        .set(Cd::ASID, Asid{0x37})
        .set(Cd::TTB0, table)
        .set(Cd::MAIR0, 0xff);
}

Fault fault(FaultReason why, Spa fetch = Spa{0}) {
    Fault f{why};
    f.fetch_address = fetch;
    return f;
}

/// Field names and positions of every register of the map, as the manual prints them.
std::vector<base::RegisterRow> all_rows() { return Registers::rows(); }
const base::RegisterRow* row_at(const std::vector<base::RegisterRow>& rows, u32 offset) {
    for (const auto& r : rows)
        if (r.offset == offset) return &r;
    return nullptr;
}

} // namespace

TEST_CASE("stream table entries have the manual's bytes", "[golden][smmuv3]") {
    Table l1{golden::stream_table_l1};
    const auto std_ = [](u64 span, u64 to) { return L1Std{}.set(L1Std::Span, span).set(L1Std::L2Ptr, Spa{to}); };
    l1.check("L1STD span 9", std_(9, 0x81'2344'0000));
    l1.check("L1STD span 0", std_(0, 0));
    l1.check("L1STD span 0, pointer left", std_(0, 0x81'2344'0000));
    l1.check("L1STD span 1", std_(1, 0x81'2344'0040));
    l1.check("L1STD span 11", std_(11, 0x81'2344'0000));
    l1.check("L1STD span 12", std_(12, 0x81'2344'0000));

    Table t{golden::stream_table_entries};
    const Spa one{0x80'1234'5000}, two{0x80'1234'6000};
    const auto two_level = [&](unsigned max, NoSubstream dss) {
        return golden_stage1(two, max, dss, CdTable::TwoLevel64K);
    };
    t.check("STE invalid", Ste{});
    t.check("STE invalid, rest left", golden_stage1(one).set(Ste::V, false));
    t.check("STE abort", Ste{}.set(Ste::V, true));
    const Ste bypass = Ste{}.set(Ste::V, true).set(Ste::Config, StreamConfig::Bypass);
    t.check("STE bypass", bypass);
    t.check("STE bypass, SHCFG incoming", bypass.with(Ste::SHCFG, ShareabilityOverride::UseIncoming));
    t.check("STE stage 1, one CD", golden_stage1(one));
    t.check("STE stage 1, one CD, 64 B aligned", golden_stage1(one + 0x40));
    t.check("STE stage 1, one CD, S1STALLD", golden_stage1(one).set(Ste::S1STALLD, true));
    t.check("STE linear CD table, S1CDMax 5", golden_stage1(one, 5, NoSubstream::Substream0));
    t.check("STE two-level, S1CDMax 10, S1DSS 10", two_level(10, NoSubstream::Substream0));
    t.check("STE two-level, S1CDMax 10, S1DSS 00", two_level(10, NoSubstream::Terminate));
    t.check("STE two-level, S1CDMax 10, S1DSS 01", two_level(10, NoSubstream::Bypass));
    const Ste wide = two_level(20, NoSubstream::Substream0);
    t.check("STE two-level, S1CDMax 20, S1DSS 10", wide);
    t.check("STE two-level, S1CDMax 20, S1DSS 00", two_level(20, NoSubstream::Terminate));
    t.check("STE two-level, S1CDMax 20, S1DSS 01", two_level(20, NoSubstream::Bypass));
    t.check("STE two-level, S1CDMax 20, S1DSS 01, SHCFG incoming",
            two_level(20, NoSubstream::Bypass).set(Ste::SHCFG, ShareabilityOverride::UseIncoming));
    t.check("STE two-level, S1CDMax 20, S1DSS 10, S1STALLD", wide.with(Ste::S1STALLD, true));
    t.check("STE two-level, S1CDMax 20, S1DSS 00, S1STALLD",
            two_level(20, NoSubstream::Terminate).set(Ste::S1STALLD, true));
    t.check("STE two-level, S1CDMax 20, S1DSS 10, S1STALLD, EATS 01",
            wide.with(Ste::S1STALLD, true).set(Ste::EATS, StreamAts::Full));
    t.check("STE two-level, S1CDMax 20, S1DSS 10, STRW EL2", wide.with(Ste::STRW, StreamWorld::El2));
}

TEST_CASE("context descriptors have the manual's bytes", "[golden][smmuv3]") {
    Table l1{golden::context_table_l1};
    const auto l1cd = [](bool v, u64 to) { return L1Cd{}.set(L1Cd::V, v).set(L1Cd::L2Ptr, Spa{to}); };
    l1.check("L1CD valid", l1cd(true, 0x81'2347'0000));
    l1.check("L1CD invalid", l1cd(false, 0));
    l1.check("L1CD invalid, pointer left", l1cd(false, 0x81'2347'0000));
    l1.check("L1CD valid, 4 KiB leaf", l1cd(true, 0x81'2347'1000));

    Table t{golden::context_descriptors};
    const Spa table{0x81'2345'6000};
    t.check("CD live, ASET 0", golden_live_cd(false));
    t.check("CD live, ASET 1", golden_live_cd(true));
    t.check("CD live, stall, ASET 0", golden_live_cd(false).set(Cd::S, true));
    t.check("CD live, stall, ASET 1", golden_live_cd(true).set(Cd::S, true));
    t.check("CD quiet 6.12, ASET 1", quiet(true));
    t.check("CD quiet 6.12, ASET 0", quiet(false));
    t.check("CD quiet 6.12, TTB0 not yet cleared", quiet(true, table));
    t.check("CD quiet 6.12, stall forced", quiet(true).set(Cd::S, true).set(Cd::R, true));
    t.check("CD quiet 6.1", golden_live_cd(false).set(Cd::EPD0, true));
    t.check("CD quiet 6.1, stall", golden_live_cd(false).set(Cd::EPD0, true).set(Cd::S, true));
    t.check("CD invalid", Cd{});
    t.check("CD invalid, rest left", Cd{}.set(Cd::TTB0, table).set(Cd::MAIR0, 0xff));
    t.check("CD invalid, only V cleared", golden_live_cd(false).set(Cd::V, false));
    t.check("CD live, HA HD, ASET 0", golden_live_cd(false).set(Cd::HA, true).set(Cd::HD, true));
    t.check("CD live, AFFD, ASET 0", golden_live_cd(false).set(Cd::AFFD, true));
}

TEST_CASE("commands have the manual's bytes, and the queue takes what the unit has", "[golden][smmuv3]") {
    Table t{golden::commands};
    const Identity id = identity_of(Smmuv3Config{});
    std::set<std::string> refused;
    const auto check = [&](const char* what, const auto& c) {
        t.check(what, c);
        if (!decode_command(as_command(c), id).legal) refused.insert(what);
    };
    check("CFGI_STE leaf 1", make_command<CfgiSte>().set(CfgiSte::SID, sid).set(CfgiSte::Leaf, true));
    check("CFGI_STE leaf 0", make_command<CfgiSte>().set(CfgiSte::SID, sid));
    check("CFGI_STE_RANGE 256",
          make_command<CfgiSteRange>().set(CfgiSteRange::SID, StreamId{0x1200}).set(CfgiSteRange::Range, 7));
    check("CFGI_ALL", make_command<CfgiSteRange>().set(CfgiSteRange::Range, cfgi_all_range));
    const auto cfgi_cd = make_command<CfgiCd>().set(CfgiCd::SID, sid).set(CfgiCd::SSID, ssid);
    check("CFGI_CD leaf 1", cfgi_cd.with(CfgiCd::Leaf, true));
    check("CFGI_CD leaf 0", cfgi_cd);
    check("CFGI_CD_ALL", make_command<CfgiCdAll>().set(CfgiCdAll::SID, sid));
    check("TLBI_NH_ALL VMID 0", make_command<TlbiNhAll>());
    check("TLBI_NH_ALL VMID 0x102", make_command<TlbiNhAll>().set(TlbiNhAll::VMID, Vmid{0x102}));
    check("TLBI_NH_ASID", make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{0x37}));
    const auto tlbi = make_command<TlbiNhVa>().set(TlbiNhVa::ASID, Asid{0x37}).set(TlbiNhVa::Addr, page);
    check("TLBI_NH_VA leaf 0", tlbi);
    check("TLBI_NH_VA leaf 1", tlbi.with(TlbiNhVa::Leaf, true));
    const auto sixteen = tlbi.with(TlbiNhVa::NUM, 15).set(TlbiNhVa::TG, RangeGranule::K4);
    check("TLBI_NH_VA range, 16 pages, leaf 1", sixteen.with(TlbiNhVa::Leaf, true));
    check("TLBI_NH_VA range, 16 pages, leaf 0", sixteen);
    check("TLBI_NH_VA range, 512 pages, leaf 1", tlbi.with(TlbiNhVa::SCALE, 9)
                                                     .set(TlbiNhVa::TG, RangeGranule::K4)
                                                     .set(TlbiNhVa::Leaf, true)
                                                     .set(TlbiNhVa::Addr, Iova{0x7f12'3440'0000}));
    check("TLBI_NH_VA one page, TTL 3, leaf 1",
          tlbi.with(TlbiNhVa::TTL, 3).set(TlbiNhVa::TG, RangeGranule::K4).set(TlbiNhVa::Leaf, true));
    check("TLBI_NH_VAA leaf 1", make_command<TlbiNhVaa>().set(TlbiNhVaa::Addr, page).set(TlbiNhVaa::Leaf, true));
    check("TLBI_NSNH_ALL", make_command<TlbiNsnhAll>());
    const auto atc = make_command<AtcInv>().set(AtcInv::SID, sid).set(AtcInv::SSV, true).set(AtcInv::SSID, ssid);
    check("ATC_INV substream, all", atc.with(AtcInv::Size, 52));
    check("ATC_INV no substream, all", make_command<AtcInv>().set(AtcInv::SID, sid).set(AtcInv::Size, 52));
    check("ATC_INV substream, 64 KiB", atc.with(AtcInv::Size, 4).set(AtcInv::Addr, Iova{0x7f12'3456'0000}));
    check("ATC_INV substream, global, all", atc.with(AtcInv::Global, true).set(AtcInv::Size, 52));
    const auto pri = make_command<PriResp>().set(PriResp::SID, sid).set(PriResp::PRGIndex, 0x1a5);
    const auto tagged = pri.with(PriResp::SSV, true).set(PriResp::SSID, ssid);
    check("PRI_RESP success", tagged.with(PriResp::Resp, PageResponse::Success));
    check("PRI_RESP invalid request", tagged.with(PriResp::Resp, PageResponse::InvalidRequest));
    check("PRI_RESP failure, no substream", pri);
    const auto resume = make_command<Resume>().set(Resume::SID, sid).set(Resume::STAG, 0xbeef);
    check("RESUME retry", resume.with(Resume::Ac, true));
    check("RESUME abort", resume.with(Resume::Ab, true));
    check("RESUME terminate", resume);
    check("STALL_TERM", make_command<StallTerm>().set(StallTerm::SID, sid));
    check("SYNC none", make_command<Sync>());
    const auto irq = make_command<Sync>().set(Sync::CS, SyncSignal::Irq);
    const auto attributes = [](Sync s) {
        return s.set(Sync::MSH, WalkShareability::InnerShareable).set(Sync::MSIAttr, 0xf);
    };
    check("SYNC MSI", attributes(irq.with(Sync::MSIAddress, Spa{0x8800'0040})));
    check("SYNC MSI with data",
          attributes(irq.with(Sync::MSIAddress, Spa{0x8800'0040}).set(Sync::MSIData, 0x1234'5678)));
    check("SYNC wired", irq);
    check("SYNC SEV", make_command<Sync>().set(Sync::CS, SyncSignal::Sev));
    check("SYNC SEV as Linux writes it", attributes(make_command<Sync>().set(Sync::CS, SyncSignal::Sev)));
    CHECK(refused == std::set<std::string>{"RESUME retry", "RESUME abort", "RESUME terminate", "STALL_TERM"});
}

TEST_CASE("event records have the manual's bytes",
          "[golden][smmuv3][C_BAD_STREAMID][F_STE_FETCH][C_BAD_STE][F_STREAM_DISABLED][F_TRANSL_FORBIDDEN]"
          "[C_BAD_SUBSTREAMID][F_CD_FETCH][C_BAD_CD][F_TRANSLATION][F_PERMISSION]") {
    Table t{golden::event_records};
    const auto check = [&](const char* what, EventId id, const TranslationRequest& r, const Fault& f = {}) {
        t.check(what, make_record(id, r, f));
    };
    const auto translation = [&](const char* what, FaultReason why, const TranslationRequest& r) {
        check(what, event_of(fault(why)), r, fault(why));
    };
    const auto read = golden_request(), write = golden_request(Access::Write),
               untagged = golden_request(Access::Read, false);
    TranslationRequest beyond = untagged, beyond_tagged = read;
    beyond.stream = beyond_tagged.stream = StreamId{0x12345};
    check("C_BAD_STREAMID", EventId::C_BAD_STREAMID, beyond);
    check("C_BAD_STREAMID, SSV 1", EventId::C_BAD_STREAMID, beyond_tagged);
    const Fault ste = fault(FaultReason::Configuration, Spa{0x80'1300'0000 + 0x1234 * 64});
    check("F_STE_FETCH", EventId::F_STE_FETCH, untagged, ste);
    check("F_STE_FETCH, SSV 1", EventId::F_STE_FETCH, read, ste);
    check("C_BAD_STE", EventId::C_BAD_STE, untagged);
    check("C_BAD_STE, SSV 1", EventId::C_BAD_STE, read);
    check("F_STREAM_DISABLED", EventId::F_STREAM_DISABLED, read);
    check("F_TRANSL_FORBIDDEN read", EventId::F_TRANSL_FORBIDDEN, read);
    check("F_TRANSL_FORBIDDEN write", EventId::F_TRANSL_FORBIDDEN, write);
    check("C_BAD_SUBSTREAMID", EventId::C_BAD_SUBSTREAMID, read);
    check("F_CD_FETCH", EventId::F_CD_FETCH, read, fault(FaultReason::Configuration, Spa{0x81'2347'0000 + 0x1a5 * 64}));
    check("F_CD_FETCH of the L1CD", EventId::F_CD_FETCH, read, fault(FaultReason::Configuration, Spa{0x80'1234'6008}));
    check("C_BAD_CD, SSV 1", EventId::C_BAD_CD, read);
    check("C_BAD_CD", EventId::C_BAD_CD, untagged);
    check("F_WALK_EABT read", event_of(fault(FaultReason::WalkAbort)), read,
          fault(FaultReason::WalkAbort, Spa{0x81'2345'6000 + 0xfe * 8}));
    translation("F_TRANSLATION read", FaultReason::NotMapped, read);
    translation("F_TRANSLATION write", FaultReason::NotMapped, write);
    translation("F_TRANSLATION read, SSV 0", FaultReason::NotMapped, untagged);
    TranslationRequest privileged = read, fetch = read, high = read;
    privileged.privileged = true;
    fetch.instruction = true;
    high.at = Iova{0xffff'8000'0000'1000};
    translation("F_TRANSLATION privileged read", FaultReason::NotMapped, privileged);
    translation("F_TRANSLATION fetch", FaultReason::NotMapped, fetch);
    translation("F_TRANSLATION read, upper half", FaultReason::NotMapped, high);
    translation("F_ADDR_SIZE read", FaultReason::AddressSize, read);
    translation("F_ACCESS read", FaultReason::AccessFlag, read);
    translation("F_PERMISSION write", FaultReason::Permission, write);
    // Stalled records: the layout only, this unit does not stall.
    using E = TranslationFault;
    const auto stalled = [](EventId id, bool is_read) {
        return E{}
            .set(E::ID, id)
            .set(E::SSV, true)
            .set(E::SSID, ssid)
            .set(E::SID, sid)
            .set(E::STAG, 0xbeef)
            .set(E::Stall, true)
            .set(E::RnW, is_read)
            .set(E::CLASS, FaultClass::Input)
            .set(E::InputAddr, fault_va);
    };
    t.check("F_TRANSLATION read, stalled", stalled(EventId::F_TRANSLATION, true));
    t.check("F_PERMISSION write, stalled", stalled(EventId::F_PERMISSION, false));
}

TEST_CASE("registers and fields are where the manual has them", "[golden][smmuv3]") {
    const auto rows = all_rows();
    for (const auto& g : golden::registers) {
        INFO(g.reg);
        const base::RegisterRow* row = row_at(rows, g.offset);
        REQUIRE(row != nullptr);
        CHECK(row->name == g.reg);
        CHECK(row->width_bits == g.bits);
    }
    const auto check = [&](const golden::GoldenField& g) {
        INFO(g.reg << "." << g.field);
        const base::RegisterRow* row = row_at(rows, g.offset);
        REQUIRE(row != nullptr);
        const auto field =
            std::find_if(row->fields.begin(), row->fields.end(), [&](const auto& f) { return f.name == g.field; });
        REQUIRE(field != row->fields.end());
        // Addresses end at bit 51 up to v3.3 and at bit 55 from v3.4 on; these layouts have the longer form.
        const bool address = std::string_view{g.field} == "ADDR" && g.msb == 51;
        CHECK(field->msb == (address ? 55 : g.msb));
        CHECK(field->lsb == g.lsb);
    };
    for (const auto& g : golden::register_fields) check(g);
    for (const auto& g : golden::optional_register_fields) check(g);
}

TEST_CASE("translation descriptors have the manual's bytes and are read back as meant",
          "[golden][smmuv3][stage 1 leaf.Valid][stage 1 leaf.Type][stage 1 leaf.AP1][stage 1 leaf.AP2]"
          "[stage 1 leaf.AF][stage 1 leaf.nG][stage 1 leaf.OA][stage 1 leaf.DBM][stage 1 leaf.PXN]"
          "[stage 1 leaf.UXN][stage 1 table.Valid][stage 1 table.Type][stage 1 table.NextTable]") {
    Table t{golden::page_descriptors};
    const Spa to{0x81'2345'6000};
    const auto user = [](Spa at) {
        return LeafDescriptor{}
            .set(LeafDescriptor::Valid, true)
            .set(LeafDescriptor::Type, true)
            .set(LeafDescriptor::AP1, true)
            .set(LeafDescriptor::SH, WalkShareability::InnerShareable)
            .set(LeafDescriptor::AF, true)
            .set(LeafDescriptor::nG, true)
            .set(LeafDescriptor::PXN, true)
            .set(LeafDescriptor::UXN, true)
            .set(LeafDescriptor::OA, at);
    };
    const auto block = [&](u64 at) { return user(Spa{at}).set(LeafDescriptor::Type, false); };
    t.check("table", TableDescriptor{}
                         .set(TableDescriptor::Valid, true)
                         .set(TableDescriptor::Type, true)
                         .set(TableDescriptor::NextTable, Spa{0x81'0000'1000}));
    t.check("page read-write", user(to));
    t.check("page read-only", user(to).set(LeafDescriptor::AP2, true));
    t.check("page privileged read-write", user(to).set(LeafDescriptor::AP1, false));
    t.check("page read-write, not accessed", user(to).set(LeafDescriptor::AF, false));
    t.check("page writable-clean", user(to).set(LeafDescriptor::AP2, true).set(LeafDescriptor::DBM, true));
    t.check("page read-only, executable", user(to).set(LeafDescriptor::AP2, true).set(LeafDescriptor::UXN, false));
    t.check("page read-write, global", user(to).set(LeafDescriptor::nG, false));
    t.check("2 MiB block read-write", block(0x81'2340'0000));
    t.check("2 MiB block read-only", block(0x81'2340'0000).set(LeafDescriptor::AP2, true));
    t.check("1 GiB block read-write", block(0x81'0000'0000));

    const TableFormat& f = *granule_of(Granule0::K4).stage1;
    for (const auto& row : golden::invalid_descriptors) {
        INFO(row.what);
        CHECK(f.decode(row.word, row.level, TableRoot{}).kind == Decoded::Kind::Invalid);
    }
    for (const auto& walk : golden::walks) {
        for (unsigned level = 0; level < 4; ++level) {
            INFO(std::hex << walk.va << " level " << level);
            CHECK((walk.va >> f.index_shift(level) & base::low_bits(f.index_bits(level))) == walk.index[level]);
        }
        CHECK((walk.va & base::low_bits(f.index_shift(3))) == walk.offset);
    }
}

} // namespace quiesce::iommu::smmuv3::test
