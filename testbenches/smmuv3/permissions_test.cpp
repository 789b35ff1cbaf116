// SPDX-License-Identifier: Apache-2.0
/// Who may do what: permission bits of both stages, what the descriptors take away, and what streams say for their
/// transactions (DDI 0487 D8.4, IHI 0070 5.2 and 5.4).
#include "smmuv3/stage_bench.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

struct Wish {
    bool privileged;
    char what; ///< r, w, x
};
constexpr Wish wishes[] = {{false, 'r'}, {false, 'w'}, {false, 'x'}, {true, 'r'}, {true, 'w'}, {true, 'x'}};

bool granted(StageBench& b, const Wish& w, Iova where = at) {
    TranslationRequest r = b.request(where, w.what == 'w' ? Access::Write : Access::Read);
    r.privileged = w.privileged;
    r.instruction = w.what == 'x';
    const Translation t = b.run(b.unit.translation().translate(r));
    b.consume_events();
    return t.ending == Ending::Grant;
}

/// The letters of what is granted, privileged ones in capitals.
std::string what_is_granted(StageBench& b, Iova where = at) {
    std::string out;
    for (const Wish& w : wishes)
        if (granted(b, w, where)) out += static_cast<char>(w.privileged ? w.what - 'a' + 'A' : w.what);
    return out;
}

Smmuv3Config everything() {
    Smmuv3Config c = StageBench::both_stages();
    c.hypervisor = c.permission_overrides = c.flat_permissions = c.stage2_execute_by_privilege = true;
    return c;
}

struct Stage1Row {
    const char* what;
    u64 leaf, table; ///< bits of the page's descriptor and of the table's above it
    bool wxn, pan, had;
    const char* granted;
};
constexpr u64 uxn = u64{1} << 54, pxn = u64{1} << 53;
constexpr u64 ap1 = 1 << 6, ap2 = 1 << 7;
constexpr u64 pxn_table = u64{1} << 59, uxn_table = u64{1} << 60, no_user = u64{1} << 61, no_write = u64{1} << 62;
constexpr Stage1Row stage1_rows[] = {
    {"AP=00: privileged read and write; unprivileged execute only", 0, 0, false, false, false, "xRWX"},
    {"AP=01: both; what unprivileged can write is not executed with privilege", ap1, 0, false, false, false, "rwxRW"},
    {"AP=10: privileged read", ap2, 0, false, false, false, "xRX"},
    {"AP=11: both read", ap1 | ap2, 0, false, false, false, "rxRX"},
    {"UXN", ap1 | ap2 | uxn, 0, false, false, false, "rRX"},
    {"PXN", ap1 | ap2 | pxn, 0, false, false, false, "rxR"},
    {"WXN, writable for both", ap1, 0, true, false, false, "rwRW"},
    {"WXN, writable with privilege", 0, 0, true, false, false, "xRW"},
    {"WXN, not writable", ap1 | ap2, 0, true, false, false, "rxRX"},
    {"PAN: no privileged data accesses to unprivileged pages", ap1 | ap2, 0, false, true, false, "rxX"},
    {"PAN, privileged page", 0, 0, false, true, false, "xRWX"},
    {"APTable=01", ap1, no_user, false, false, false, "xRWX"},
    {"APTable=10", ap1, no_write, false, false, false, "rxRX"},
    {"APTable=11", ap1, no_user | no_write, false, false, false, "xRX"},
    {"UXNTable", ap1 | ap2, uxn_table, false, false, false, "rRX"},
    {"PXNTable", ap1 | ap2, pxn_table, false, false, false, "rxR"},
    {"HAD: tables take nothing away", ap1, no_user | no_write | uxn_table | pxn_table, false, false, true, "rwxRW"},
};

struct Stage2Row {
    const char* what;
    u64 set, clear;
    const char* granted;
};
constexpr u64 s2read = 1 << 6, s2write = 1 << 7;
constexpr Stage2Row stage2_rows[] = {
    {"all", 0, 0, "rwxRWX"},
    {"no write", 0, s2write, "rxRX"},
    {"no read", 0, s2read, "wxWX"},
    {"no data access", 0, s2read | s2write, "xX"},
    {"XN=01: not with privilege", u64{1} << 53, 0, "rwxRW"},
    {"XN=10: none", u64{2} << 53, 0, "rwRW"},
    {"XN=11: with privilege only", u64{3} << 53, 0, "rwRWX"},
};

} // namespace

TEST_CASE("stage 1 permissions are what page, tables and context leave",
          "[smmuv3][permissions][CD.WXN][CD.PAN][CD.HAD0][stage 1 leaf.AP1][stage 1 leaf.AP2][stage 1 leaf.PXN]"
          "[stage 1 leaf.UXN][stage 1 table.PXNTable][stage 1 table.UXNTable][stage 1 table.APTable0]"
          "[stage 1 table.APTable1]") {
    const Stage1Row& row = GENERATE(from_range(std::begin(stage1_rows), std::end(stage1_rows)));
    INFO(row.what);
    StageBench b{Stages::First, everything()};
    b.context_descriptor().set(Cd::WXN, row.wxn).set(Cd::PAN, row.pan).set(Cd::HAD0, row.had);
    b.write_structures();
    b.change(b.map_page(at, there).first, row.leaf, ap1 | ap2 | uxn | pxn);
    b.change(b.root1 + (at.value() >> 39 & 511) * 8, row.table, 0);
    b.start();
    CHECK(what_is_granted(b) == row.granted);
    CHECK(what_is_granted(b) == row.granted); // now from the cache
}

TEST_CASE("EL2 without E2H has one privilege, and reads neither AP[1] nor PXN", "[smmuv3][permissions][STE.STRW]") {
    StageBench b{Stages::First, everything()};
    b.stream_entry().set(Ste::STRW, StreamWorld::El2);
    b.context_descriptor().set(Cd::PAN, true);
    b.write_structures();
    const Spa slot = b.map_page(at, there).first;
    b.start();
    const auto after = [&](u64 set, u64 table) {
        b.change(slot, set, ap1 | ap2 | uxn | pxn);
        b.change(b.root1 + (at.value() >> 39 & 511) * 8, table, uxn_table | pxn_table | no_user | no_write);
        b.command(make_command<TlbiEl2All>(), Bench::sync());
        return what_is_granted(b);
    };
    CHECK(after(pxn, no_user | pxn_table) == "rwxRWX");
    CHECK(after(uxn, 0) == "rwRW");
    CHECK(after(0, uxn_table) == "rwRW");
    CHECK(after(ap2, 0) == "rxRX");
}

TEST_CASE("stage 2 permissions know reading, writing and, by privilege, execution",
          "[smmuv3][permissions][stage 2 leaf.S2AP0][stage 2 leaf.S2AP1][stage 2 leaf.XN]") {
    const Stage2Row& row = GENERATE(from_range(std::begin(stage2_rows), std::end(stage2_rows)));
    INFO(row.what);
    StageBench b{Stages::Second, everything()};
    b.change(b.map_page(at, there).second, row.set, row.clear);
    b.start();
    CHECK(what_is_granted(b) == row.granted);
}

TEST_CASE("without XNX one bit of stage 2 forbids execution to all", "[smmuv3][permissions][stage 2 leaf.XN]") {
    StageBench b{Stages::Second};
    b.change(b.map_page(at, there).second, u64{1} << 53, 0);
    b.start();
    CHECK(what_is_granted(b) == "rwxRWX"); // bit 53 is not looked at
    b.change(b.map_page(at, there).second, u64{1} << 54, 0);
    b.command(make_command<TlbiNsnhAll>(), Bench::sync());
    CHECK(what_is_granted(b) == "rwRW");
}

TEST_CASE("both stages have to agree", "[smmuv3][permissions]") {
    StageBench b{Stages::Both, everything()};
    const StageBench::Slots slots = b.map_page(at, there);
    b.change(slots.first, ap1 | ap2, uxn | pxn);           // rxRX
    b.change(slots.second, u64{1} << 53, 0);               // rwxRW
    b.start();
    CHECK(what_is_granted(b) == "rxR");
}

TEST_CASE("a stream says what its transactions are, if the unit lets it; records show it",
          "[smmuv3][permissions][STE.PRIVCFG][STE.INSTCFG]") {
    const bool allowed = GENERATE(true, false);
    Smmuv3Config c = everything();
    c.permission_overrides = allowed;
    StageBench b{Stages::First, c};
    b.change(b.map_page(at, there).first, ap1 | ap2 | pxn, uxn);
    SECTION("privileged instructions") {
        b.stream_entry().set(Ste::PRIVCFG, AttributeOverride::Set).set(Ste::INSTCFG, AttributeOverride::Set);
        b.write_structures();
        b.start();
        CHECK(b.dma(at).ending == (allowed ? Ending::Abort : Ending::Grant));
        if (!allowed) return;
        const auto e = view_as<TranslationFault>(b.only_event());
        CHECK(e.get(TranslationFault::PnU));
        CHECK(e.get(TranslationFault::InD));
    }
    SECTION("unprivileged data") {
        b.stream_entry().set(Ste::PRIVCFG, AttributeOverride::Clear).set(Ste::INSTCFG, AttributeOverride::Clear);
        b.write_structures();
        b.start();
        CHECK(granted(b, {true, 'x'}) == allowed); // taken for a read by user
    }
}

} // namespace quiesce::iommu::smmuv3::test
