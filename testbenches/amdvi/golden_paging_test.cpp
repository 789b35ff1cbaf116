// SPDX-License-Identifier: Apache-2.0
/// GCR3 tables and both formats of page tables held against rows that somebody else worked out by hand
/// (golden/amdvi_tables_golden.h): which entries a walk reads, and what it makes of each.
#include "amdvi/golden_bench.h"
#include "golden/amdvi_tables_golden.h"

namespace quiesce::iommu::amdvi::test {
namespace {

using EntryRow = gold::Structure<1>;
constexpr u8 all_marks = marks_access | marks_dirty;
Decoded read_host(u64 entry, unsigned level, u8 options = all_marks) {
    const TableRoot root = make_host_table(6, Spa{0}, options, 52);
    return root.format->decode(entry, 6 - level, root);
}
Decoded read_guest(u64 entry, unsigned level) {
    const TableRoot root = make_guest_table(GuestPaging::Levels5, Spa{0}, has_nx, 52)[0];
    return root.format->decode(entry, 5 - level, root);
}
/// The level where an entry of a row stands: the manual's, 1 for 4 KiB.
unsigned level_of(const EntryRow& row) {
    const std::string_view what = row.what;
    if (what.starts_with("table of level ")) return static_cast<unsigned>(what[15] - '0') + 1;
    return what.starts_with("1 GiB") ? 3 : what.starts_with("2 MiB") || what == "table" ? 2 : 1;
}

} // namespace

TEST_CASE("a PASID is found where somebody else worked out that its entries are",
          "[golden][amdvi][DTE.GLX][GCR3 entry.V][GCR3 entry.Base]") {
    const auto& row = any_row(gold::gcr3_indexes);
    CAPTURE(row.pasid, row.glx);
    GoldenBench b;
    constexpr Spa second{0x81'2346'0000}, first{0x81'789a'b000}; // "second-level table", "third-level table"
    const Spa roots[] = {first, second, GoldenBench::gcr3};
    b.set_entry(Bench::guest(roots[row.glx], static_cast<u8>(row.glx)));
    b.map_guest(GoldenBench::cr3, GoldenBench::page, Bench::guest_page(GoldenBench::output));
    if (row.third >= 0) b.memory.poke64(GoldenBench::gcr3 + static_cast<u64>(row.third), 0x0000'0081'2346'0001);
    if (row.second >= 0) b.memory.poke64(second + static_cast<u64>(row.second), 0x0000'0081'789a'b001);
    if (row.first >= 0) b.memory.poke64(first + static_cast<u64>(row.first), 0x0000'0083'4567'8001); // "guest CR3"
    const Translation t = b.dma(GoldenBench::page, {GoldenBench::device, row.pasid});
    CHECK((t.ending == Ending::Grant) == row.reachable);
    if (row.reachable) {
        CHECK(t.to == GoldenBench::output);
        CHECK(b.dma(GoldenBench::page, {GoldenBench::device, row.pasid ^ 1}).ending == Ending::Abort);
    }
    CHECK(Event::from_words(b.new_event()).get(Event::Code) == EventCode::IoPageFault);
}

TEST_CASE("a GCR3 entry that is not valid leads nowhere, whatever is left in it", "[golden][amdvi][GCR3 entry.V]") {
    const EntryRow& row = any_row(gold::gcr3_entries);
    if (shows_one_field(row) || std::string_view{row.what}.find("level") != std::string_view::npos) return;
    INFO(row.what);
    GoldenBench b;
    b.set_entry(Bench::guest(GoldenBench::gcr3));
    b.map_guest(GoldenBench::cr3, GoldenBench::page, Bench::guest_page(GoldenBench::output));
    b.poke_words(GoldenBench::gcr3 + 0x145 * 8, row.words);
    CHECK((b.dma(GoldenBench::page, {GoldenBench::device, 0x145}).ending == Ending::Grant) ==
          (value_in(row, "V") != 0));
}

TEST_CASE("an entry of a host's tables is read as its fields say",
          "[golden][amdvi][host entry.PR][host entry.A][host entry.D][host entry.NextLevel][host entry.Address][host "
          "entry.IR]"
          "[host entry.IW]") {
    for (const EntryRow& row : gold::v1_entries) {
        INFO(row.what);
        if (shows_one_field(row)) continue;
        const Decoded read = read_host(row.words[0], level_of(row));
        if (value_in(row, "PR") == 0) {
            CHECK(read.kind == Decoded::Kind::Invalid);
            continue;
        }
        const u64 next = value_in(row, "NextLevel");
        REQUIRE(read.kind == (next == 0 ? Decoded::Kind::Leaf : Decoded::Kind::Table));
        CHECK(read.to == Spa{value_in(row, "Address")});
        CHECK(read.may.read == (value_in(row, "IR") != 0));
        CHECK((read.may.write || read.clean) == (value_in(row, "IW") != 0));
        CHECK(read.accessed == (value_in(row, "A") != 0));
        if (next == 0) CHECK(read.clean == (value_in(row, "IW") != 0 && value_in(row, "D") == 0));
        if (next != 0) CHECK(read.skips == level_of(row) - next - 1);
    }
}

TEST_CASE("an address says the size of its page as somebody else worked it out",
          "[golden][amdvi][host entry.NextLevel]") {
    for (const gold::V1PageSize& row : gold::v1_page_sizes) {
        INFO(row.what);
        const Decoded read = read_host(row.word, row.level);
        REQUIRE(read.kind == Decoded::Kind::Leaf);
        CHECK(read.to == Spa{row.base});
        CHECK(u64{1} << read.size_log2 == row.bytes);
        const unsigned shift = 12 + 9 * (row.level - 1);
        CHECK(u64{row.copies} << shift == row.bytes);
        const auto log2 = static_cast<unsigned>(std::countr_zero(row.bytes));
        CHECK(Bench::page(encoded_page(Spa{row.base}, log2), encoded_size).set(HostEntry::FC, true).word(0) ==
              row.word);
        if (row.level > 1)
            CHECK(read_host(row.word, row.level - 1).kind == Decoded::Kind::Malformed); // too large for it
    }
}

TEST_CASE("tables of each mode take the addresses that somebody else worked out, and no more",
          "[golden][amdvi][DTE.Mode][DTE.HostPTRoot]") {
    const auto& row = any_row(gold::v1_modes);
    CAPTURE(row.mode);
    GoldenBench b;
    b.set_entry(Bench::host(GoldenBench::host_root, static_cast<u8>(row.mode)));
    const u64 last = row.last_address & ~u64{0xfff};
    b.map_host(GoldenBench::host_root, last, Bench::page(GoldenBench::output), 1, row.mode);
    CHECK(b.dma(Iova{last}, {GoldenBench::device}).to == GoldenBench::output);
    if (row.mode < 6) CHECK(b.dma(Iova{row.last_address + 1}, {GoldenBench::device}).ending == Ending::Abort);
}

TEST_CASE("a walk reads the entries that somebody else worked out", "[golden][amdvi][DTE.Mode][host entry.Address]") {
    const gold::V1Index& row = any_row(gold::v1_indexes);
    CAPTURE(row.address);
    GoldenBench b;
    b.set_entry(Bench::host(GoldenBench::host_root, 6));
    Spa table = GoldenBench::host_root;
    for (unsigned level = 6; level > 1; --level) {
        const Spa next = b.new_table();
        b.store(table + row.offsets[level - 1], Bench::page(next, static_cast<u8>(level - 1)));
        table = next;
    }
    b.store(table + row.offsets[0], Bench::page(GoldenBench::output));
    CHECK(b.dma(Iova{row.address}, {GoldenBench::device}).to == GoldenBench::output);
    CHECK(b.dma(Iova{row.address ^ 0x1000}, {GoldenBench::device}).ending == Ending::Abort);
}

TEST_CASE(
    "an entry of a guest's tables is read as its fields say",
    "[golden][amdvi][guest entry.P][guest entry.R/W][guest entry.U/S][guest entry.A][guest entry.D][guest entry.PS]"
    "[guest entry.Address][guest entry.NX]") {
    for (const EntryRow& row : gold::v2_entries) {
        INFO(row.what);
        if (shows_one_field(row)) continue;
        const Decoded read = read_guest(row.words[0], level_of(row));
        if (value_in(row, "P") == 0) {
            CHECK(read.kind == Decoded::Kind::Invalid);
            continue;
        }
        const bool leaf = row.what != std::string_view{"table"};
        REQUIRE(read.kind == (leaf ? Decoded::Kind::Leaf : Decoded::Kind::Table));
        CHECK(read.to == Spa{value_in(row, "Address")});
        CHECK((read.may.write || read.clean) == (value_in(row, "RW") != 0));
        CHECK(read.may.user == (value_in(row, "US") != 0));
        CHECK(read.may.execute == (value_in(row, "NX") == 0));
        CHECK(read.accessed == (value_in(row, "A") != 0));
        CHECK(read.clean == (leaf && value_in(row, "RW") != 0 && value_in(row, "D") == 0));
    }
}

} // namespace quiesce::iommu::amdvi::test
