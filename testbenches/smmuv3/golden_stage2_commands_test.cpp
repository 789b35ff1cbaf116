// SPDX-License-Identifier: Apache-2.0
/// Commands held against bytes that somebody else worked out by hand (golden/smmuv3_stage2_golden.h): how they are
/// made, what the queue understands, what it refuses.
#include "golden/smmuv3_stage2_golden.h"
#include "smmuv3/golden_table.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

constexpr StreamId last_stream{0xffff'ffff};
constexpr Pasid last_pasid{0xf'ffff};
constexpr Vmid golden_vmid{0x102}, last_vmid{0xffff};
constexpr Asid golden_asid{0x37};
constexpr Gpa golden_ipa{0x80'4567'8000};

/// Compares commands with golden rows, and asks whether the queue takes them.
template <class Rows>
class LegalCommands {
public:
    explicit LegalCommands(const Rows& rows) : table_(rows) {}
    template <class C>
    void check(const char* what, const C& c, bool legal = true) {
        table_.check(what, c);
        INFO(what);
        CHECK(decode_command(as_command(c), golden_identity()).legal == legal);
    }

private:
    Table<Rows> table_;
};

template <class C>
C of_stream(StreamId sid = golden_sid) {
    return make_command<C>().set(C::SID, sid);
}
template <class C>
C tagged(Pasid pasid = golden_ssid) {
    return of_stream<C>().set(C::SSV, true).set(C::SSID, pasid);
}
template <class C>
C of_guest(Vmid vmid = golden_vmid) {
    return make_command<C>().set(C::VMID, vmid);
}
/// (num + 1) * 2^scale pages of a granule.
template <class C>
C range(C c, u64 num, u64 scale, RangeGranule tg, bool leaf = true, u64 ttl = 0) {
    c.set(C::NUM, num).set(C::SCALE, scale).set(C::TG, tg).set(C::TTL, ttl);
    return c.set(C::Leaf, leaf);
}

/// What an invalidation by address reaches, worked out from the row's name.
struct RangeRow {
    const char* what;
    u64 first, bytes;
    bool leaf;
};
constexpr u64 va_page = 0x7f12'3456'7000, ipa_page = 0x80'4567'8000;
constexpr RangeRow range_table[] = {
    {"TLBI_NH_VA VMID 0x102, leaf 0", va_page, 0x1000, false},
    {"TLBI_NH_VA VMID 0x102, leaf 1", va_page, 0x1000, true},
    {"TLBI_NH_VA VMID 0x102, 16 pages, TTL 3", va_page, 0x1'0000, true},
    {"TLBI_NH_VA VMID 0x102, 128 pages of 16 KiB", 0x7f12'3456'4000, 0x20'0000, true},
    {"TLBI_NH_VA VMID 0x102, 32 pages of 64 KiB", 0x7f12'3440'0000, 0x20'0000, true},
    {"TLBI_NH_VAA VMID 0x102, leaf 0", va_page, 0x1000, false},
    {"TLBI_NH_VAA VMID 0x102, 16 pages, leaf 1", va_page, 0x1'0000, true},
    {"TLBI_EL2_VA leaf 0", va_page, 0x1000, false},
    {"TLBI_EL2_VA leaf 1", va_page, 0x1000, true},
    {"TLBI_EL2_VA 16 pages, leaf 1", va_page, 0x1'0000, true},
    {"TLBI_EL2_VAA leaf 0", va_page, 0x1000, false},
    {"TLBI_EL2_VAA leaf 1", va_page, 0x1000, true},
    {"TLBI_EL2_VAA 16 pages, leaf 1", va_page, 0x1'0000, true},
    {"TLBI_S2_IPA leaf 0", ipa_page, 0x1000, false},
    {"TLBI_S2_IPA leaf 1", ipa_page, 0x1000, true},
    {"TLBI_S2_IPA 16 pages, leaf 1", ipa_page, 0x1'0000, true},
    {"TLBI_S2_IPA 16 pages, leaf 0", ipa_page, 0x1'0000, false},
    {"TLBI_S2_IPA one page, TTL 3", ipa_page, 0x1000, true},
    {"TLBI_S2_IPA 2 MiB block, TTL 2", 0x80'4560'0000, 0x20'0000, true},
    {"TLBI_S2_IPA 1 GiB block, TTL 1", 0x80'4000'0000, 0x4000'0000, true},
    {"TLBI_S2_IPA 32 pages of 16 KiB", ipa_page, 0x8'0000, true},
    {"TLBI_S2_IPA 32 pages of 64 KiB", 0x80'4560'0000, 0x20'0000, true},
    {"TLBI_S2_IPA 2^48 bytes", 0, u64{1} << 48, false},
};
struct AtcRow {
    const char* what;
    bool pasid, global, everything;
    u64 first, bytes;
};
constexpr AtcRow atc_table[] = {
    {"ATC_INV substream, 4 KiB", true, false, false, va_page, 0x1000},
    {"ATC_INV substream, 8 KiB", true, false, false, 0x7f12'3456'6000, 0x2000},
    {"ATC_INV substream, 2 MiB", true, false, false, 0x7f12'3440'0000, 0x20'0000},
    {"ATC_INV no substream, 4 KiB", false, false, false, va_page, 0x1000},
    {"ATC_INV no substream, 2 MiB", false, false, false, 0x7f12'3440'0000, 0x20'0000},
    {"ATC_INV substream, global, 2 MiB", true, true, false, 0x7f12'3440'0000, 0x20'0000},
    {"ATC_INV no substream, global ignored, all", false, false, true, 0, 0},
    {"ATC_INV substream 0, all", true, false, true, 0, 0},
};

Decode decode_row(const char* what) {
    for (const auto& row : golden::more_commands)
        if (std::string_view{row.what} == what) return decode_command(as<Command>(row), golden_identity());
    FAIL("no row " << what);
    return {};
}
bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

} // namespace

TEST_CASE("commands of both stages and of devices have the manual's bytes and are taken",
          "[golden][smmuv3][PREFETCH_CONFIG][PREFETCH_ADDR][CFGI_STE][CFGI_STE_RANGE][CFGI_CD][TLBI_EL2_VAA]"
          "[ATC_INV][PRI_RESP][RESUME][SYNC]") {
    // One table, so that a row that nobody makes is noticed.
    LegalCommands t{golden::more_commands};
    t.check("PREFETCH_CONFIG", tagged<PrefetchConfig>());
    t.check("PREFETCH_CONFIG no substream", of_stream<PrefetchConfig>());
    t.check("PREFETCH_ADDR one page", tagged<PrefetchAddr>().set(PrefetchAddr::Addr, golden_page));
    t.check("PREFETCH_ADDR 512 pages, no substream",
            of_stream<PrefetchAddr>().set(PrefetchAddr::Addr, golden_page).set(PrefetchAddr::Size, 9));
    t.check("CFGI_STE highest stream", of_stream<CfgiSte>(last_stream).set(CfgiSte::Leaf, true));
    t.check("CFGI_STE_RANGE 2", of_stream<CfgiSteRange>());
    t.check("CFGI_STE_RANGE 16, unaligned", of_stream<CfgiSteRange>().set(CfgiSteRange::Range, 3));
    t.check("CFGI_STE_RANGE 2^31", make_command<CfgiSteRange>().set(CfgiSteRange::Range, 30));
    t.check("CFGI_ALL, StreamID left", of_stream<CfgiSteRange>().set(CfgiSteRange::Range, cfgi_all_range));
    t.check("CFGI_CD substream 0", of_stream<CfgiCd>().set(CfgiCd::Leaf, true));
    t.check("CFGI_CD highest substream, leaf 0", of_stream<CfgiCd>().set(CfgiCd::SSID, last_pasid));
    // Its operand has no layout: the unit has no MPAM.
    t.check("CFGI_VMS_PIDM", Command::from_words({u64{0x102} << 32 | raw(Opcode::CFGI_VMS_PIDM), 0}), false);

    t.check("TLBI_NH_ALL VMID 0xffff", of_guest<TlbiNhAll>(last_vmid));
    t.check("TLBI_NH_ASID VMID 0x102", of_guest<TlbiNhAsid>().set(TlbiNhAsid::ASID, golden_asid));
    const auto nh_va = of_guest<TlbiNhVa>().set(TlbiNhVa::ASID, golden_asid).set(TlbiNhVa::Addr, golden_page);
    using enum RangeGranule;
    t.check("TLBI_NH_VA VMID 0x102, leaf 0", nh_va);
    t.check("TLBI_NH_VA VMID 0x102, leaf 1", nh_va.with(TlbiNhVa::Leaf, true));
    t.check("TLBI_NH_VA VMID 0x102, 16 pages, TTL 3", range(nh_va, 15, 0, K4, true, 3));
    t.check("TLBI_NH_VA VMID 0x102, 128 pages of 16 KiB",
            range(nh_va, 31, 2, K16).set(TlbiNhVa::Addr, Iova{0x7f12'3456'4000}));
    t.check("TLBI_NH_VA VMID 0x102, 32 pages of 64 KiB",
            range(nh_va, 0, 5, K64).set(TlbiNhVa::Addr, Iova{0x7f12'3440'0000}));
    const auto nh_vaa = of_guest<TlbiNhVaa>().set(TlbiNhVaa::Addr, golden_page);
    t.check("TLBI_NH_VAA VMID 0x102, leaf 0", nh_vaa);
    t.check("TLBI_NH_VAA VMID 0x102, 16 pages, leaf 1", range(nh_vaa, 15, 0, K4));
    t.check("TLBI_EL2_ALL", make_command<TlbiEl2All>());
    t.check("TLBI_EL2_ASID", make_command<TlbiEl2Asid>().set(TlbiEl2Asid::ASID, golden_asid));
    const auto el2_va = make_command<TlbiEl2Va>().set(TlbiEl2Va::ASID, golden_asid).set(TlbiEl2Va::Addr, golden_page);
    t.check("TLBI_EL2_VA leaf 0", el2_va);
    t.check("TLBI_EL2_VA leaf 1", el2_va.with(TlbiEl2Va::Leaf, true));
    t.check("TLBI_EL2_VA 16 pages, leaf 1", range(el2_va, 15, 0, K4));
    const auto el2_vaa = make_command<TlbiEl2Vaa>().set(TlbiEl2Vaa::Addr, golden_page);
    t.check("TLBI_EL2_VAA leaf 0", el2_vaa);
    t.check("TLBI_EL2_VAA leaf 1", el2_vaa.with(TlbiEl2Vaa::Leaf, true));
    t.check("TLBI_EL2_VAA 16 pages, leaf 1", range(el2_vaa, 15, 0, K4));
    t.check("TLBI_S12_VMALL", of_guest<TlbiS12Vmall>());
    t.check("TLBI_S12_VMALL VMID 0", of_guest<TlbiS12Vmall>(Vmid{0}));
    t.check("TLBI_S12_VMALL VMID 0xffff", of_guest<TlbiS12Vmall>(last_vmid));
    const auto s2 = of_guest<TlbiS2Ipa>().set(TlbiS2Ipa::Addr, golden_ipa);
    const auto at = [&](const TlbiS2Ipa& c, u64 where) { return c.with(TlbiS2Ipa::Addr, Gpa{where}); };
    t.check("TLBI_S2_IPA leaf 0", s2);
    t.check("TLBI_S2_IPA leaf 1", s2.with(TlbiS2Ipa::Leaf, true));
    t.check("TLBI_S2_IPA 16 pages, leaf 1", range(s2, 15, 0, K4));
    t.check("TLBI_S2_IPA 16 pages, leaf 0", range(s2, 15, 0, K4, false));
    t.check("TLBI_S2_IPA one page, TTL 3", range(s2, 0, 0, K4, true, 3));
    t.check("TLBI_S2_IPA 2 MiB block, TTL 2", at(range(s2, 0, 9, K4, true, 2), 0x80'4560'0000));
    t.check("TLBI_S2_IPA 1 GiB block, TTL 1", at(range(s2, 0, 18, K4, true, 1), 0x80'4000'0000));
    t.check("TLBI_S2_IPA 32 pages of 16 KiB", range(s2, 31, 0, K16));
    t.check("TLBI_S2_IPA 32 pages of 64 KiB", at(range(s2, 0, 5, K64), 0x80'4560'0000));
    t.check("TLBI_S2_IPA 2^48 bytes", at(range(s2, 31, 31, K4, false), 0));

    const auto atc = [](AtcInv c, u64 size, u64 where) {
        return c.set(AtcInv::Size, size).set(AtcInv::Addr, Iova{where});
    };
    const auto with = tagged<AtcInv>(), without = of_stream<AtcInv>();
    t.check("ATC_INV substream, 4 KiB", atc(with, 0, va_page));
    t.check("ATC_INV substream, 8 KiB", atc(with, 1, va_page));
    t.check("ATC_INV substream, 2 MiB", atc(with, 9, 0x7f12'3440'0000));
    t.check("ATC_INV no substream, 4 KiB", atc(without, 0, va_page));
    t.check("ATC_INV no substream, 2 MiB", atc(without, 9, 0x7f12'3440'0000));
    t.check("ATC_INV substream, global, 2 MiB", atc(with.with(AtcInv::Global, true), 9, 0x7f12'3440'0000));
    t.check("ATC_INV no substream, global ignored, all", atc(without.with(AtcInv::Global, true), 52, 0));
    t.check("ATC_INV substream 0, all", atc(tagged<AtcInv>(Pasid{0}), 52, 0));
    const auto pri = [](PriResp c, PageResponse r, u64 group = 0x1a5) {
        return c.set(PriResp::PRGIndex, group).set(PriResp::Resp, r);
    };
    using enum PageResponse;
    t.check("PRI_RESP failure", pri(tagged<PriResp>(), ResponseFailure));
    t.check("PRI_RESP invalid request, no substream", pri(of_stream<PriResp>(), InvalidRequest));
    t.check("PRI_RESP success, no substream", pri(of_stream<PriResp>(), Success));
    t.check("PRI_RESP success, PRGIndex 0x1ff", pri(tagged<PriResp>(), Success, 0x1ff));
    t.check("RESUME retry, Ab ignored, STAG 0", of_stream<Resume>().set(Resume::Ac, true).set(Resume::Ab, true));
    t.check("RESUME abort, STAG 0xffff", of_stream<Resume>().set(Resume::Ab, true).set(Resume::STAG, 0xffff));
    const auto msi = [](SyncSignal cs, u32 data, u64 to, WalkShareability share, u64 attribute) {
        auto c = make_command<Sync>().set(Sync::CS, cs).set(Sync::MSIData, data).set(Sync::MSIAddress, Spa{to});
        return c.set(Sync::MSH, share).set(Sync::MSIAttr, attribute);
    };
    using enum WalkShareability;
    t.check("SYNC MSI, Device-nGnRE", msi(SyncSignal::Irq, 0x42, 0x8088'0040, NonShareable, 1));
    t.check("SYNC MSI, non-cacheable, outer shareable", msi(SyncSignal::Irq, ~u32{0}, 0x8088'0040, OuterShareable, 5));
    t.check("SYNC MSI, address bit 2", msi(SyncSignal::Irq, 1, 0x7f'ffff'fffc, InnerShareable, 15));
    t.check("SYNC none, MSI fields left", msi(SyncSignal::None, 1, 0x8088'0040, InnerShareable, 15));
}

TEST_CASE("invalidations by address reach what their bytes say",
          "[golden][smmuv3][TLBI_NH_VA][TLBI_NH_VAA][TLBI_EL2_VA][TLBI_EL2_VAA][TLBI_S2_IPA][ATC_INV]") {
    std::size_t met = 0;
    for (const RangeRow& row : range_table) {
        INFO(row.what);
        const Decode d = decode_row(row.what);
        REQUIRE((d.legal && d.work && d.work->scope.range));
        const Scope& s = d.work->scope;
        CHECK(s.range->first == Iova{row.first});
        CHECK(s.range->bytes == row.bytes);
        CHECK(s.leaf_only == row.leaf);
        const std::string_view what{row.what};
        const bool el2 = begins(what, "TLBI_EL2"), stage2 = begins(what, "TLBI_S2"), asid = begins(what, "TLBI_NH_VA ");
        CHECK(s.domain == (el2 ? el2_domain : DomainTag{0x102}));
        if (stage2)
            CHECK(s.space == intermediate);
        else if (asid)
            CHECK(s.space == SpaceTag{0x37});
        ++met;
    }
    std::size_t there = 0;
    for (const auto& row : golden::more_commands) there += row.words[1] != 0 && begins(row.what, "TLBI");
    CHECK(met == there);
    for (const AtcRow& row : atc_table) {
        INFO(row.what);
        const Decode d = decode_row(row.what);
        REQUIRE((d.legal && d.atc));
        CHECK(d.atc->stream == golden_sid);
        CHECK(d.atc->has_pasid == row.pasid);
        CHECK(d.atc->global == row.global);
        CHECK(d.atc->everything == row.everything);
        if (row.everything) continue;
        CHECK(d.atc->range.first == Iova{row.first});
        CHECK(d.atc->range.bytes == row.bytes);
    }
}

TEST_CASE("configuration invalidations and answers reach what their bytes say",
          "[golden][smmuv3][CFGI_STE][CFGI_STE_RANGE][CFGI_CD][CFGI_CD_ALL][PRI_RESP][RESUME][STALL_TERM]") {
    const auto scope = [](const char* what) { return decode_row(what).work.value().scope; };
    CHECK(scope("CFGI_STE highest stream").stream == last_stream);
    CHECK(scope("CFGI_STE_RANGE 2").stream == golden_sid);
    CHECK(scope("CFGI_STE_RANGE 2").streams == 2);
    CHECK(scope("CFGI_STE_RANGE 16, unaligned").stream == StreamId{0x1230});
    CHECK(scope("CFGI_STE_RANGE 16, unaligned").streams == 16);
    CHECK(scope("CFGI_STE_RANGE 2^31").streams == u64{1} << 31);
    CHECK_FALSE(scope("CFGI_ALL, StreamID left").stream.has_value());
    CHECK(scope("CFGI_CD substream 0").pasid == Pasid{0});
    CHECK(scope("TLBI_NH_ALL VMID 0xffff").domain == DomainTag{0xffff});
    CHECK(scope("TLBI_NH_ALL VMID 0xffff").spare_intermediate);
    CHECK(scope("TLBI_S12_VMALL").domain == DomainTag{0x102});
    CHECK_FALSE(scope("TLBI_S12_VMALL").spare_intermediate);
    CHECK(scope("TLBI_NH_ASID VMID 0x102").space == SpaceTag{0x37});
    CHECK(decode_row("PRI_RESP success, PRGIndex 0x1ff").page_response.value().group == 0x1ff);
    CHECK(decode_row("PRI_RESP failure").page_response.value().code == PageResponseCode::Failure);
    CHECK(decode_row("RESUME retry, Ab ignored, STAG 0").stall.value().retry);
    CHECK(decode_row("RESUME abort, STAG 0xffff").stall.value().stag == 0xffff);
    CHECK(decode_row("RESUME abort, STAG 0xffff").stall.value().abort);
}

TEST_CASE("commands that the manual calls illegal are refused", "[golden][smmuv3]") {
    for (const auto& row : golden::more_illegal_commands) {
        INFO(row.what);
        CHECK_FALSE(decode_command(as<Command>(row), golden_identity()).legal);
    }
}

TEST_CASE("commands of what a unit does not have are refused, and taken by one that has it", "[golden][smmuv3]") {
    for (const auto& row : golden::conditional_commands) {
        const std::string_view field{row.field};
        INFO(row.command.what);
        Identity without = golden_identity();
        if (field == "S1P")
            without.idr0.set(Idr0::S1P, false);
        else if (field == "S2P")
            without.idr0.set(Idr0::S2P, false);
        else if (field == "Hyp")
            without.idr0.set(Idr0::Hyp, false);
        else if (field == "ATS")
            without.idr0.set(Idr0::ATS, false);
        else if (field == "PRI")
            without.idr0.set(Idr0::PRI, false);
        else if (field == "STALL_MODEL")
            without.idr0.set(Idr0::STALL_MODEL, StallModel::NoStall);
        else
            REQUIRE((field == "MPAM" || field == "DPT")); // no unit of this model has them
        CHECK_FALSE(decode_command(as<Command>(row.command), without).legal);
        const bool can_be = field != "MPAM" && field != "DPT";
        CHECK(decode_command(as<Command>(row.command), golden_identity()).legal == can_be);
    }
}

} // namespace quiesce::iommu::smmuv3::test
