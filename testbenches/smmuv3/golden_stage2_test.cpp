// SPDX-License-Identifier: Apache-2.0
/// Stream table entries and context descriptors of both stages, held against bytes that somebody else worked out by
/// hand (golden/smmuv3_stage2_golden.h), and what the rules of legality say of them.
#include "golden/smmuv3_stage2_golden.h"
#include "smmuv3/golden_table.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

constexpr Spa stage2_table{0x81'4567'0000}, wide_stage2_table{0x81'4564'0000};

/// Stage 2 with the attributes that Linux gives its walks.
Ste with_stage2(Ste s, unsigned t0sz, unsigned sl0, unsigned ps, Granule0 tg = Granule0::K4, Spa table = stage2_table) {
    s.set(Ste::S2VMID, Vmid{0x102}).set(Ste::S2T0SZ, t0sz).set(Ste::S2SL0, sl0).set(Ste::S2TG, tg).set(Ste::S2PS, ps);
    s.set(Ste::S2IR0, raw(WalkCacheability::WriteBackReadAllocate))
        .set(Ste::S2OR0, raw(WalkCacheability::WriteBackReadAllocate));
    s.set(Ste::S2SH0, raw(WalkShareability::InnerShareable)).set(Ste::S2AA64, true).set(Ste::S2PTW, true);
    return s.set(Ste::S2R, true).set(Ste::S2TTB, table);
}
Ste stage2(unsigned t0sz, unsigned sl0, unsigned ps, Granule0 tg = Granule0::K4, Spa table = stage2_table) {
    return with_stage2(Ste{}.set(Ste::V, true).set(Ste::Config, StreamConfig::Stage2), t0sz, sl0, ps, tg, table);
}
/// A two-level CD table of 2^20 descriptors; substream 0 is that of traffic without one.
Ste wide_stage1(NoSubstream dss = NoSubstream::Substream0) {
    return golden_stage1(Spa{0x80'1234'6000}, 20, dss, CdTable::TwoLevel64K);
}
Ste nested(Ste s) { return with_stage2(s.set(Ste::Config, StreamConfig::Nested), 16, 2, 5); }

Identity other_tables() {
    Identity id = golden_identity();
    id.idr0.set(Idr0::TTF, TableFormats::Both).set(Idr0::TTENDIAN, TableEndian::Mixed);
    return id;
}

std::string_view verdict(const Ste& s, const Identity& id) { return why_illegal(s, id); }
std::string_view verdict(const Cd& c, const Identity& id) { return why_illegal(c, wide_stage1(), id); }

/// Compares structures with golden rows and asks the rules for the unit of the header.
template <class Rows>
class JudgedTable {
public:
    explicit JudgedTable(const Rows& rows) : table_(rows) {}
    template <class S>
    void check(const char* what, const S& s, const Identity& id = golden_identity()) {
        table_.check(what, s);
        INFO(what);
        CHECK(verdict(s, id) == "");
    }
    template <class S>
    void check_illegal(const char* what, const S& s) {
        table_.check(what, s);
        INFO(what);
        CHECK(verdict(s, golden_identity()) != "");
    }

private:
    Table<Rows> table_;
};

} // namespace

TEST_CASE("stage 2 entries of every granule and start level have the manual's bytes and are legal",
          "[golden][smmuv3]") {
    JudgedTable t{golden::stage2_stream_table_entries};
    using enum Granule0;
    const Ste first = stage2(16, 2, 5);
    t.check("STE stage 2, 4 KiB, level 0, 48 bits", first);
    t.check("STE stage 2, 4 KiB, level 0, 44 bits", stage2(20, 2, 4));
    t.check("STE stage 2, 4 KiB, level 1, 39 bits", stage2(25, 1, 2));
    t.check("STE stage 2, 4 KiB, level 1, 40 bits, 2 tables", stage2(24, 1, 2));
    t.check("STE stage 2, 4 KiB, level 1, 42 bits, 8 tables", stage2(22, 1, 3));
    t.check("STE stage 2, 4 KiB, level 1, 43 bits, 16 tables", stage2(21, 1, 4));
    t.check("STE stage 2, 4 KiB, level 2, 30 bits", stage2(34, 0, 2));
    t.check("STE stage 2, 4 KiB, level 2, 34 bits, 16 tables", stage2(30, 0, 2));
    t.check("STE stage 2, 16 KiB, level 1, 48 bits, 2 tables", stage2(16, 2, 5, K16));
    t.check("STE stage 2, 16 KiB, level 1, 44 bits", stage2(20, 2, 4, K16));
    t.check("STE stage 2, 16 KiB, level 2, 40 bits, 16 tables", stage2(24, 1, 2, K16, wide_stage2_table));
    t.check("STE stage 2, 16 KiB, level 3, 25 bits", stage2(39, 0, 2, K16));
    t.check("STE stage 2, 64 KiB, level 1, 48 bits", stage2(16, 2, 5, K64));
    t.check("STE stage 2, 64 KiB, level 2, 42 bits", stage2(22, 1, 3, K64));
    t.check("STE stage 2, 64 KiB, level 2, 44 bits, 4 tables", stage2(20, 1, 4, K64, wide_stage2_table));
    t.check("STE stage 2, 64 KiB, level 3, 29 bits", stage2(35, 0, 2, K64));

    t.check("STE stage 2, S2TTB bit 4", first.with(Ste::S2TTB, stage2_table + 0x10));
    t.check("STE stage 2, VMID 0xff", first.with(Ste::S2VMID, Vmid{0xff}));
    t.check("STE stage 2, VMID 0xffff", first.with(Ste::S2VMID, Vmid{0xffff}));
    const auto walks = [&](u64 inner, u64 outer, u64 share) {
        return first.with(Ste::S2IR0, inner).set(Ste::S2OR0, outer).set(Ste::S2SH0, share);
    };
    t.check("STE stage 2, walks non-cacheable", walks(0, 0, raw(WalkShareability::OuterShareable)));
    constexpr u64 through = raw(WalkCacheability::WriteThroughReadAllocate);
    t.check("STE stage 2, walks write-through, non-shareable", walks(through, through, 0));
    constexpr u64 back = raw(WalkCacheability::WriteBackNoReadAllocate);
    t.check("STE stage 2, walks write-back, no write-allocate", walks(back, back, 3));
    t.check("STE stage 2, S2PS 32 bits", stage2(32, 1, 0, K4, Spa{0x8145'6000}));
    t.check("STE stage 2, S2PS 36 bits", stage2(28, 1, 1, K4, Spa{0x8'8145'6000}));
    t.check("STE stage 2, S2PS 52 bits", stage2(16, 2, 6));
    t.check("STE stage 2, S2AFFD", first.with(Ste::S2AFFD, true));
    t.check("STE stage 2, S2PTW 0", first.with(Ste::S2PTW, false));
    t.check("STE stage 2, S2HA", first.with(Ste::S2HA, true));
    t.check("STE stage 2, S2HA S2HD", first.with(Ste::S2HA, true).set(Ste::S2HD, true));
    t.check("STE stage 2, S2HD alone", first.with(Ste::S2HD, true));
    t.check("STE stage 2, S2S", first.with(Ste::S2S, true));
    t.check("STE stage 2, S2R 0", first.with(Ste::S2R, false));
    t.check("STE stage 2, S2R 0, S2S", first.with(Ste::S2R, false).set(Ste::S2S, true));
    t.check("STE stage 2, S2FWB", first.with(Ste::S2FWB, true));
    const Ste ats = first.with(Ste::EATS, StreamAts::Full);
    t.check("STE stage 2, EATS 01", ats);
    t.check("STE stage 2, EATS 01, SHCFG incoming", ats.with(Ste::SHCFG, ShareabilityOverride::UseIncoming));
    t.check("STE stage 2, STRW 10 ignored", first.with(Ste::STRW, StreamWorld::El2));
    const Ste left = golden_stage1(Spa{0x80'1234'6000}, 10, NoSubstream::Substream0, CdTable::TwoLevel64K);
    t.check("STE stage 2, stage 1 fields left", with_stage2(left.with(Ste::Config, StreamConfig::Stage2), 16, 2, 5));
    t.check_illegal("STE stage 2, V 0", first.with(Ste::V, false));
    t.check("STE stage 2, big-endian", first.with(Ste::S2ENDI, true), other_tables());
    // The layout only: a unit that this model can be has no AArch32 tables, whose S2T0SZ is signed.
    t.check_illegal("STE stage 2, AArch32 tables", stage2(8, 1, 0).set(Ste::S2AA64, false));
}

TEST_CASE("nested entries have the manual's bytes and are legal", "[golden][smmuv3]") {
    JudgedTable t{golden::nested_stream_table_entries};
    t.check("STE nested, one CD", nested(golden_stage1(Spa{0x80'1234'5000})));
    const Ste base = nested(wide_stage1());
    t.check("STE nested, two-level, S1CDMax 20, S1DSS 10", base);
    t.check("STE nested, two-level, S1CDMax 20, S1DSS 00", nested(wide_stage1(NoSubstream::Terminate)));
    t.check("STE nested, two-level, S1CDMax 20, S1DSS 01", nested(wide_stage1(NoSubstream::Bypass)));
    t.check("STE nested, S1DSS 10, EATS 01", base.with(Ste::EATS, StreamAts::Full));
    t.check("STE nested, S1DSS 10, EATS 10", base.with(Ste::EATS, StreamAts::SplitStage));
    t.check("STE nested, S1DSS 10, EATS 11", base.with(Ste::EATS, StreamAts::FullDpt));
    t.check("STE nested, S1DSS 10, S1STALLD, EATS 01", base.with(Ste::S1STALLD, true).set(Ste::EATS, StreamAts::Full));
    t.check("STE nested, S1DSS 10, S2S", base.with(Ste::S2S, true));
    t.check("STE nested, S1DSS 10, S2PTW 0", base.with(Ste::S2PTW, false));
    t.check("STE nested, S1DSS 10, S2HA S2HD", base.with(Ste::S2HA, true).set(Ste::S2HD, true));
    t.check("STE nested, S1DSS 10, S1MPAM", base.with(Ste::S1MPAM, true).set(Ste::PARTID, 0x11).set(Ste::PMG, 5));
    t.check("STE nested, stage 2 of 64 KiB, level 2", with_stage2(base, 22, 1, 3, Granule0::K64));
    t.check("STE nested, stage 2 of 16 KiB, level 1", with_stage2(base, 16, 2, 5, Granule0::K16));
}

TEST_CASE("attribute overrides have the manual's bytes and leave entries legal", "[golden][smmuv3]") {
    JudgedTable t{golden::attribute_stream_table_entries};
    const Ste bypass = Ste{}.set(Ste::V, true).set(Ste::Config, StreamConfig::Bypass);
    const auto type = [&](u64 attribute) { return bypass.with(Ste::MTCFG, true).set(Ste::MemAttr, attribute); };
    t.check("STE bypass, SHCFG non-shareable", bypass.with(Ste::SHCFG, ShareabilityOverride::NonShareable));
    t.check("STE bypass, SHCFG outer", bypass.with(Ste::SHCFG, ShareabilityOverride::Outer));
    t.check("STE bypass, SHCFG inner", bypass.with(Ste::SHCFG, ShareabilityOverride::Inner));
    t.check("STE bypass, MemAttr Device-nGnRnE", type(0));
    t.check("STE bypass, MemAttr Device-nGnRE", type(1));
    t.check("STE bypass, MemAttr non-cacheable", type(5));
    t.check("STE bypass, MemAttr write-through", type(10));
    t.check("STE bypass, MemAttr write-back, SHCFG inner", type(15).set(Ste::SHCFG, ShareabilityOverride::Inner));
    t.check("STE bypass, MemAttr reserved", type(4));
    t.check("STE bypass, ALLOCCFG RA WA", bypass.with(Ste::ALLOCCFG, 0b1110));
    t.check("STE bypass, ALLOCCFG none", bypass.with(Ste::ALLOCCFG, 0b1000));
    t.check("STE bypass, ALLOCCFG RA WA transient", bypass.with(Ste::ALLOCCFG, 0b1111));
    using enum AttributeOverride;
    t.check("STE bypass, PRIVCFG unprivileged", bypass.with(Ste::PRIVCFG, Clear));
    t.check("STE bypass, PRIVCFG privileged", bypass.with(Ste::PRIVCFG, Set));
    t.check("STE bypass, INSTCFG data", bypass.with(Ste::INSTCFG, Clear));
    t.check("STE bypass, INSTCFG instruction", bypass.with(Ste::INSTCFG, Set));
    t.check("STE bypass, NSCFG ignored", bypass.with(Ste::NSCFG, 3));
    t.check("STE bypass, all overrides", type(15)
                                             .set(Ste::ALLOCCFG, 0b1110)
                                             .set(Ste::SHCFG, ShareabilityOverride::Inner)
                                             .set(Ste::PRIVCFG, Set)
                                             .set(Ste::INSTCFG, Set));
    t.check("STE bypass, CONT 3", bypass.with(Ste::CONT, 3));
    t.check("STE bypass, MEV", bypass.with(Ste::MEV, true));
    t.check("STE bypass, SW_RESERVED", bypass.with(Ste::SW_RESERVED, 0xa));
    t.check("STE bypass, DRE DCP", bypass.with(Ste::DRE, true).set(Ste::DCP, true));
    const Ste wide = wide_stage1();
    t.check("STE stage 1, PPAR MEV, EATS 01",
            wide.with(Ste::PPAR, true).set(Ste::MEV, true).set(Ste::EATS, StreamAts::Full));
    t.check("STE stage 1, VMID 0x102", wide.with(Ste::S2VMID, Vmid{0x102}));
    t.check("STE stage 1, PRIVCFG unprivileged, INSTCFG data", wide.with(Ste::PRIVCFG, Clear).set(Ste::INSTCFG, Clear));
    t.check("STE stage 1, CD write-through inside, no read-allocate outside",
            wide.with(Ste::S1CIR, WalkCacheability::WriteThroughReadAllocate)
                .set(Ste::S1COR, WalkCacheability::WriteBackNoReadAllocate)
                .set(Ste::S1CSH, WalkShareability::OuterShareable));
    t.check("STE stage 1, CD non-cacheable", wide.with(Ste::S1CIR, WalkCacheability::NonCacheable)
                                                 .set(Ste::S1COR, WalkCacheability::NonCacheable)
                                                 .set(Ste::S1CSH, WalkShareability::NonShareable));
}

TEST_CASE("entries that the manual calls ILLEGAL are refused", "[golden][smmuv3]") {
    JudgedTable t{golden::illegal_stage2_entries};
    using enum Granule0;
    const Ste first = stage2(16, 2, 5);
    t.check_illegal("illegal: S2TG 3", stage2(16, 2, 5, Granule0::Reserved));
    t.check_illegal("illegal: 39 bits from level 0", stage2(25, 2, 5));
    t.check_illegal("illegal: 32 tables", stage2(20, 1, 5));
    t.check_illegal("illegal: S2T0SZ 15", stage2(15, 2, 5));
    t.check_illegal("illegal: S2T0SZ 40", stage2(40, 0, 5));
    t.check_illegal("illegal: S2SL0 3 of 4 KiB", stage2(39, 3, 5));
    t.check_illegal("illegal: S2SL0 3 of 16 KiB", stage2(16, 3, 5, K16));
    t.check_illegal("illegal: S2SL0 3 of 64 KiB", stage2(16, 3, 5, K64));
    t.check_illegal("illegal: S2TTB beyond S2PS", stage2(24, 1, 2, K4, Spa{0x181'4567'0000}));
    t.check_illegal("illegal: AArch32 tables", stage2(8, 1, 0).set(Ste::S2AA64, false));
    t.check_illegal("illegal: S2ENDI", first.with(Ste::S2ENDI, true));
    t.check_illegal("illegal: EATS 01, S2S", first.with(Ste::EATS, StreamAts::Full).set(Ste::S2S, true));
    t.check_illegal("illegal: EATS 10 of stage 2 alone", first.with(Ste::EATS, StreamAts::SplitStage));
    t.check_illegal("illegal: EATS 10 of stage 1 alone", wide_stage1().set(Ste::EATS, StreamAts::SplitStage));
    t.check_illegal("illegal: EATS 10, S2S",
                    nested(wide_stage1()).set(Ste::EATS, StreamAts::SplitStage).set(Ste::S2S, true));
    t.check_illegal("illegal: STRW 01 of stage 1", wide_stage1().set(Ste::STRW, StreamWorld::Reserved));
}

namespace {

/// The upper half is live, too, with its table beside the lower half's.
Cd both_halves(Granule1 tg1, Spa upper, Cd c = golden_live_cd(false)) {
    c.set(Cd::EPD1, false).set(Cd::T1SZ, 16).set(Cd::TG1, tg1).set(Cd::TTB1, upper);
    c.set(Cd::IR1, WalkCacheability::WriteBackReadAllocate).set(Cd::OR1, WalkCacheability::WriteBackReadAllocate);
    return c.set(Cd::SH1, WalkShareability::InnerShareable);
}
Cd without_lower_walk(Cd c) {
    c.set(Cd::T0SZ, 0).set(Cd::IR0, WalkCacheability::NonCacheable).set(Cd::OR0, WalkCacheability::NonCacheable);
    return c.set(Cd::SH0, WalkShareability::NonShareable).set(Cd::EPD0, true).set(Cd::TTB0, Spa{0});
}
constexpr Spa upper_table{0x81'2346'7000}, table_16k{0x81'2345'4000}, table_64k{0x81'2345'0000};

} // namespace

TEST_CASE("context descriptors of two halves, of every granule and size have the manual's bytes", "[golden][smmuv3]") {
    JudgedTable t{golden::extended_context_descriptors};
    const Cd live = golden_live_cd(false), both = both_halves(Granule1::K4, upper_table);
    const auto low = [](Granule0 tg, Spa table) { return golden_live_cd(false, table).set(Cd::TG0, tg); };
    t.check("CD both halves, 4 KiB", both);
    t.check("CD upper half alone, 4 KiB", without_lower_walk(both));
    t.check("CD both halves, 16 KiB", both_halves(Granule1::K16, Spa{0x81'2346'8000}, low(Granule0::K16, table_16k)));
    t.check("CD both halves, 64 KiB", both_halves(Granule1::K64, Spa{0x81'2346'0000}, low(Granule0::K64, table_64k)));
    t.check("CD 64 KiB below, 4 KiB above", both_halves(Granule1::K4, upper_table, low(Granule0::K64, table_64k)));
    t.check("CD 16 KiB", low(Granule0::K16, table_16k));
    t.check("CD 64 KiB", low(Granule0::K64, table_64k));
    t.check("CD no walks at all", without_lower_walk(live));
    t.check("CD T0SZ 25", live.with(Cd::T0SZ, 25));
    t.check("CD T0SZ 39", live.with(Cd::T0SZ, 39));
    t.check("CD both halves, T1SZ 25", both.with(Cd::T1SZ, 25));
    const auto walks = [&](WalkCacheability c, WalkShareability s) {
        return live.with(Cd::IR0, c).set(Cd::OR0, c).set(Cd::SH0, s);
    };
    t.check("CD walks write-through, outer shareable",
            walks(WalkCacheability::WriteThroughReadAllocate, WalkShareability::OuterShareable));
    t.check("CD walks non-cacheable", walks(WalkCacheability::NonCacheable, WalkShareability::NonShareable));
    t.check("CD walks write-back, no write-allocate",
            walks(WalkCacheability::WriteBackNoReadAllocate, WalkShareability::InnerShareable));
    t.check("CD both halves, upper walks mixed", both.with(Cd::IR1, WalkCacheability::WriteThroughReadAllocate)
                                                     .set(Cd::OR1, WalkCacheability::WriteBackNoReadAllocate)
                                                     .set(Cd::SH1, WalkShareability::OuterShareable));
    t.check("CD IPS 32 bits", golden_live_cd(false, Spa{0x8123'4000}).set(Cd::IPS, 0));
    t.check("CD IPS 36 bits", golden_live_cd(false, Spa{0x8'8123'4000}).set(Cd::IPS, 1));
    t.check("CD IPS 40 bits", live.with(Cd::IPS, 2));
    t.check("CD IPS 42 bits", live.with(Cd::IPS, 3));
    t.check("CD IPS 44 bits", live.with(Cd::IPS, 4));
    t.check("CD IPS 52 bits", live.with(Cd::IPS, 6));
    t.check("CD AFFD", live.with(Cd::AFFD, true));
    t.check("CD WXN", live.with(Cd::WXN, true));
    t.check("CD UWXN", live.with(Cd::UWXN, true));
    t.check("CD TBI0", live.with(Cd::TBI0, true));
    t.check("CD TBI1", live.with(Cd::TBI1, true));
    t.check("CD PAN", live.with(Cd::PAN, true));
    t.check("CD both halves, TBI0 TBI1", both.with(Cd::TBI0, true).set(Cd::TBI1, true));
    t.check("CD HA", live.with(Cd::HA, true));
    t.check("CD both halves, HA HD", both.with(Cd::HA, true).set(Cd::HD, true));
    t.check("CD HD alone", live.with(Cd::HD, true));
    t.check("CD big-endian", live.with(Cd::ENDI, true), other_tables());
    const auto faults = [&](bool a, bool r, bool s) { return live.with(Cd::A, a).set(Cd::R, r).set(Cd::S, s); };
    t.check("CD A0 R0 S0", faults(false, false, false));
    t.check("CD A0 R1 S0", faults(false, true, false));
    t.check("CD A1 R0 S0", faults(true, false, false));
    t.check("CD A0 R0 S1", faults(false, false, true));
    t.check("CD A1 R1 S1", faults(true, true, true));
    t.check("CD ASET 1", live.with(Cd::ASET, true));
    t.check("CD ASID 0xffff", live.with(Cd::ASID, Asid{0xffff}));
    t.check("CD ASID 0", live.with(Cd::ASID, Asid{0}));
    t.check("CD NSCFG0 HAD0 E0PD0", live.with(Cd::NSCFG0, true).set(Cd::HAD0, true).set(Cd::E0PD0, true));
    t.check("CD HAD0", live.with(Cd::HAD0, true));
    t.check("CD both halves, NSCFG1 HAD1 E0PD1", both.with(Cd::NSCFG1, true).set(Cd::HAD1, true).set(Cd::E0PD1, true));
    t.check("CD both halves, HAD1", both.with(Cd::HAD1, true));
    t.check("CD of a kernel's DMA domain", live.with(Cd::ASET, true).set(Cd::MAIR0, 0xf404'ff44));
    t.check("CD MAIR, eight attributes", live.with(Cd::MAIR0, 0x0c08'0400).set(Cd::MAIR1, 0xfff4'bb44));
    t.check("CD AMAIR", live.with(Cd::AMAIR0, 0x0302'0100).set(Cd::AMAIR1, 0x0706'0504));
    t.check("CD PARTID PMG", live.with(Cd::PARTID, 0x11).set(Cd::PMG, 5));
    // The layout only, as for AArch32 tables of stage 2.
    t.check_illegal("CD AArch32 tables", live.with(Cd::AA64, false).set(Cd::T0SZ, 0));
}

TEST_CASE("context descriptors that the manual calls ILLEGAL are refused, but not for a half that is not walked",
          "[golden][smmuv3][CD.ENDI][CD.T0SZ][CD.TG0][CD.T1SZ][CD.TG1][CD.TTB0][CD.TTB1][CD.IPS][C_BAD_CD]") {
    const Cd live = golden_live_cd(false), both = both_halves(Granule1::K4, upper_table);
    constexpr Spa beyond0{0x181'2345'6000}, beyond1{0x181'2346'7000};
    JudgedTable illegal{golden::illegal_context_descriptors};
    illegal.check_illegal("illegal: TG0 3", live.with(Cd::TG0, Granule0::Reserved));
    illegal.check_illegal("illegal: TG1 0", both.with(Cd::TG1, Granule1::Reserved));
    illegal.check_illegal("illegal: T0SZ 15", live.with(Cd::T0SZ, 15));
    illegal.check_illegal("illegal: T0SZ 40", live.with(Cd::T0SZ, 40));
    illegal.check_illegal("illegal: T1SZ 0", both.with(Cd::T1SZ, 0));
    illegal.check_illegal("illegal: TTB0 beyond IPS", live.with(Cd::IPS, 2).set(Cd::TTB0, beyond0));
    illegal.check_illegal("illegal: TTB1 beyond IPS", both.with(Cd::IPS, 2).set(Cd::TTB1, beyond1));
    illegal.check_illegal("illegal: ENDI", live.with(Cd::ENDI, true));
    illegal.check_illegal("illegal: CD of AArch32 tables", live.with(Cd::AA64, false).set(Cd::T0SZ, 0));

    JudgedTable masked{golden::masked_context_descriptors};
    masked.check("CD EPD1 hides TTB1", live.with(Cd::IPS, 2).set(Cd::TTB1, beyond1));
    masked.check("CD EPD0 hides T0SZ, TG0, TTB0", both.with(Cd::IPS, 2)
                                                      .set(Cd::EPD0, true)
                                                      .set(Cd::T0SZ, 63)
                                                      .set(Cd::TG0, Granule0::Reserved)
                                                      .set(Cd::TTB0, beyond0));
    masked.check("CD EPD0 EPD1 hide ENDI", live.with(Cd::EPD0, true).set(Cd::ENDI, true));
}

} // namespace quiesce::iommu::smmuv3::test
