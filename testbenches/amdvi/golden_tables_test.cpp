// SPDX-License-Identifier: Apache-2.0
/// Device table entries held against rows that somebody else worked out by hand (golden/amdvi_tables_golden.h): what is
/// refused of them, and what a unit does that reads their bytes.
#include "amdvi/golden_bench.h"
#include "golden/amdvi_tables_golden.h"

namespace quiesce::iommu::amdvi::test {
namespace {

using DteRow = gold::Structure<4>;
bool has_field(const DteRow& row, std::string_view name) { return value_in(row, name) != 0; }

/// Both tables that the rows lead to: the host's maps pages by themselves, the guest's one page to `output`.
struct TablesBench : GoldenBench {
    explicit TablesBench(const DteRow& row) {
        poke_words(device_entry(), row.words);
        const auto mode = static_cast<unsigned>(value_in(row, "Mode"));
        const unsigned levels = static_cast<unsigned>(value_in(row, "GLX")) + 1;
        if (mode != 0) {
            const u64 all = mode == 6 ? ~u64{0} : base::low_bits(12 + 9 * mode);
            map_host(host_root, page.value() & all, Bench::page(output), 1, mode);
        }
        if (!has_field(row, "GV")) return;
        lead(gcr3, pasid_of(row), levels, cr3);
        const unsigned depth = value_in(row, "GuestPagingMode") == 1 ? 5 : 4;
        map_guest(cr3, page, guest_page(output), 1, depth);
        if (value_in(row, "Mode") != 0) // guest addresses are the host's by themselves
            for (const Spa at : {cr3, tables, tables + 0x20'0000, output})
                map_host(host_root, at.value(), Bench::page(at.align_down(0x20'0000)), 2);
        if (has_field(row, "GIoV")) lead(gcr3, 0, levels, cr3);
    }
    /// A PASID that the tables have a place for.
    static u32 pasid_of(const DteRow& row) { return value_in(row, "GLX") == 0 ? 0x145 : golden_pasid; }
};
/// What without a PASID the row's fields let a device reach.
std::optional<Spa> reached_by(const DteRow& row, iommu::Access access, u64 at) {
    if (!has_field(row, "V")) return Spa{at};
    const bool may = has_field(row, "TV") && has_field(row, access == iommu::Access::Read ? "IR" : "IW");
    if (!may) return std::nullopt;
    return has_field(row, "GIoV") || value_in(row, "Mode") != 0 ? GoldenBench::output : Spa{at};
}

} // namespace

TEST_CASE("device table entries as drivers write them are legal", "[golden][amdvi]") {
    const Identity id = identity_of(everything());
    for (const DteRow& row : gold::dtes) {
        INFO(row.what);
        const Dte e = from_words<Dte>(row.words);
        if (e.get(Dte::V)) CHECK(why_refused(e, id) == nullptr);
    }
    for (const DteRow& row : gold::dtes_gcr3) CHECK(why_refused(from_words<Dte>(row.words), id) == nullptr);
}

TEST_CASE("a unit that reads the bytes of an entry translates, passes or refuses as its fields say",
          "[golden][amdvi][DTE.V][DTE.TV][DTE.Mode][DTE.HostPTRoot][DTE.IR][DTE.IW][DTE.GV][DTE.GLX][DTE.GCR3TableRoot]"
          "[DTE.GIoV][DTE.GuestPagingMode]") {
    const DteRow& row = any_row(gold::dtes);
    INFO(row.what);
    TablesBench b{row};
    const auto mode = static_cast<unsigned>(value_in(row, "Mode"));
    const u64 all = mode == 0 || mode == 6 ? ~u64{0} : base::low_bits(12 + 9 * mode);
    const bool nested = has_field(row, "GV") && mode != 0;
    const Iova at{GoldenBench::page.value() & all};
    for (const auto access : {iommu::Access::Read, iommu::Access::Write}) {
        const Translation t = b.dma(at, Bench::with(Dma{GoldenBench::device}, access));
        const std::optional<Spa> to = reached_by(row, access, at.value());
        CHECK((t.ending == Ending::Grant) == to.has_value());
        if (to) CHECK(t.to == *to);
    }
    const Dma guest{GoldenBench::device, TablesBench::pasid_of(row)};
    const Translation t = b.dma(GoldenBench::page, guest);
    const bool valid = has_field(row, "V");
    CHECK((t.ending == Ending::Grant) == (!valid || has_field(row, "GV")));
    if (valid && has_field(row, "GV")) CHECK(t.to == GoldenBench::output);
    CHECK(nested == (row.what == std::string_view{"nested: PASIDs over Mode 4"}));
}

TEST_CASE("a unit that reads the bytes of an entry lets the device ask, and request pages, as I and PPR say",
          "[golden][amdvi][DTE.I][DTE.PPR][DTE.GPRP]") {
    const DteRow& row = any_row(gold::dtes);
    INFO(row.what);
    TablesBench b{row};
    const bool valid = has_field(row, "V"), paged = valid && has_field(row, "TV") && has_field(row, "PPR");
    const Translation t = b.dma(Iova{0x5000}, Bench::with(Dma{GoldenBench::device}, AddressType::Translated));
    CHECK((t.ending == Ending::Grant) == (valid && has_field(row, "I")));
    PageRequestMessage m;
    m.stream = StreamId{GoldenBench::device};
    m.has_pasid = has_field(row, "GV");
    m.pasid = Pasid{m.has_pasid ? TablesBench::pasid_of(row) : 0};
    m.read = m.last = true;
    b.control(Control::PPRAutoRspEn, true); // what the log does not take is answered, with a PASID by GPRP
    b.control(Control::PPRLogEn, false);
    sim::spawn(b.unit.page_request(m));
    b.settle();
    CHECK(b.responses.sent.size() == (paged ? 1 : 0));
    if (paged) CHECK(b.responses.sent[0].has_pasid == has_field(row, "GPRP"));
}

TEST_CASE("a unit that reads the bytes of an entry keeps page faults quiet as SE and SA say",
          "[golden][amdvi][DTE.SE][DTE.SA]") {
    const DteRow& row = any_row(gold::dtes);
    if (!has_field(row, "V") || !has_field(row, "GV")) return;
    INFO(row.what);
    TablesBench b{row};
    for (unsigned n = 0; n < 3; ++n)
        CHECK(b.dma(GoldenBench::page + 0x1000, {GoldenBench::device, TablesBench::pasid_of(row)}).ending ==
              Ending::Abort);
    CHECK(b.get(EvtTail::Ptr) == (has_field(row, "SA") ? 0 : has_field(row, "SE") ? 1 : 3));
}

TEST_CASE("entries that are wrong are the event that others make of them", "[golden][amdvi][ILLEGAL_DEV_TABLE_ENTRY]") {
    const DteRow& row = any_row(gold::bad_dtes);
    INFO(row.what);
    GoldenBench b;
    b.poke_words(GoldenBench::device_entry(), row.words);
    b.map_host(GoldenBench::host_root, GoldenBench::page.value(), Bench::page(GoldenBench::output));
    const Translation t = b.dma(GoldenBench::page, {GoldenBench::device});
    const bool refused = t.ending == Ending::Abort;
    const std::string_view what = row.what, wanted = what.substr(0, what.find(':'));
    judge(what, refused ? "" : "it is let pass", unmet_bad_entries);
    if (!refused) return;
    const auto code = base::enum_text(Event::from_words(b.new_event()).get(Event::Code));
    CHECK((code == wanted || wanted == "reserved value"));
    check_listed(gold::bad_dtes, unmet_bad_entries, [](const auto& row) { return row.what; });
}

TEST_CASE("the reserved bits of an entry's first half are those that others have", "[golden][amdvi]") {
    const Identity id = identity_of(everything());
    const Dte legal = Bench::host(Spa{0x1000}).set(Dte::GV, true);
    REQUIRE(why_refused(legal, id) == nullptr);
    std::array<u64, 2> refused{};
    for (unsigned n = 0; n < 128; ++n) {
        const EntryRule* rule = why_refused(flipped(legal, n), id);
        if (rule != nullptr && rule->reason == "reserved bits") refused[n / 64] |= u64{1} << n % 64;
    }
    for (const auto& row : gold::reserved_of_dte) {
        INFO(row.structure);
        const bool first_half = refused[0] == row.words[0] && refused[1] == row.words[1];
        judge(row.structure, first_half ? "" : "other bits are refused", unmet_reserved_of_entries);
    }
    check_listed(gold::reserved_of_dte, unmet_reserved_of_entries, [](const auto& row) { return row.structure; });
    // Of the second half only GuestPagingMode counts, which is 2 with its upper bit: the rest is for interrupts and
    // virtual units, which there are not.
    for (unsigned n = 128; n < 256; ++n) CHECK((why_refused(flipped(legal, n), id) != nullptr) == (n == 183));
}

TEST_CASE("a table has as many entries as its size says, at 32 bytes each", "[golden][amdvi][DevTabBar]") {
    const auto& row = any_row(gold::device_table_sizes);
    INFO(row.size);
    GoldenBench b;
    b.write(DevTabBar{}.set(DevTabBar::DevTabBase, GoldenBench::device_entries).set(DevTabBar::Size, row.size));
    b.store(GoldenBench::device_entries + row.last_offset, Bench::valid());
    CHECK(row.bytes == row.last_offset + Dte::byte_count);
    b.store(GoldenBench::device_entries + row.last_offset - Dte::byte_count, Dte::from_words({7, 0, 0, 0}));
    CHECK(b.dma(Iova{0x5000}, {row.last_device}).ending == Ending::Grant);
    if (row.last_device == 0xffff) return;
    CHECK(b.dma(Iova{0x5000}, {row.last_device + 1}).ending == Ending::Abort);
    CHECK(Event::from_words(b.new_event()).get(Event::Code) == EventCode::IoPageFault);
}

} // namespace quiesce::iommu::amdvi::test
