// SPDX-License-Identifier: Apache-2.0
/// Translation table descriptors, where walks start and identification registers, held against golden rows that
/// somebody else worked out by hand (golden/smmuv3_stage2_golden.h).
#include "golden/smmuv3_stage2_golden.h"
#include "iommu/smmuv3/rules.h"
#include "smmuv3/golden_table.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

constexpr Spa page2_at{0x81'4567'8000}, page1_at{0x81'2345'6000};

Stage2Descriptor page2(Spa to = page2_at) {
    using D = Stage2Descriptor;
    D d;
    d.set(D::Valid, true).set(D::Type, true).set(D::MemAttr, 0xf).set(D::S2APRead, true).set(D::S2APWrite, true);
    return d.set(D::SH, WalkShareability::InnerShareable).set(D::AF, true).set(D::OA, to);
}
Stage2Descriptor block2(u64 to) { return page2(Spa{to}).set(Stage2Descriptor::Type, false); }
LeafDescriptor page1(Spa to = page1_at) {
    using D = LeafDescriptor;
    D d;
    d.set(D::Valid, true).set(D::Type, true).set(D::AP1, true).set(D::SH, WalkShareability::InnerShareable);
    return d.set(D::AF, true).set(D::nG, true).set(D::PXN, true).set(D::UXN, true).set(D::OA, to);
}
LeafDescriptor block1(u64 to) { return page1(Spa{to}).set(LeafDescriptor::Type, false); }
TableDescriptor table_to(u64 next) {
    using D = TableDescriptor;
    return D{}.set(D::Valid, true).set(D::Type, true).set(D::NextTable, Spa{next});
}
const Granule& granule_of_kib(unsigned kib) {
    return granule_of(kib == 4 ? Granule0::K4 : kib == 16 ? Granule0::K16 : Granule0::K64);
}
template <class Rows>
u64 word_of(const Rows& rows, const char* what) {
    for (const auto& row : rows)
        if (std::string_view{row.what} == what) return row.words[0];
    FAIL("no row " << what);
    return 0;
}

/// How the walker has to read a row: where it leads, and what is allowed.
struct ReadRow {
    const char* what;
    unsigned granule, level;
    u64 to;
    const char* may; ///< r read, w write, x execute unprivileged, X privileged, u unprivileged; c clean, a never used,
                     ///< d device, t a table
};
constexpr ReadRow stage2_read_table[] = {
    {"stage 2 table, 4 KiB", 4, 1, 0x81'0000'1000, "t"},
    {"stage 2 table, 16 KiB", 16, 1, 0x81'0000'4000, "t"},
    {"stage 2 table, 64 KiB", 64, 2, 0x81'0001'0000, "t"},
    {"stage 2 page read-write", 4, 3, 0x81'4567'8000, "rwuxX"},
    {"stage 2 page read-only", 4, 3, 0x81'4567'8000, "ruxX"},
    {"stage 2 page write-only", 4, 3, 0x81'4567'8000, "wuxX"},
    {"stage 2 page without access", 4, 3, 0x81'4567'8000, "uxX"},
    {"stage 2 page read-write, not accessed", 4, 3, 0x81'4567'8000, "rwuxXa"},
    {"stage 2 page writable-clean", 4, 3, 0x81'4567'8000, "ruxXc"},
    {"stage 2 page writable-dirty", 4, 3, 0x81'4567'8000, "rwuxX"},
    {"stage 2 page read-write, XN 10", 4, 3, 0x81'4567'8000, "rwu"},
    {"stage 2 page read-write, XN 01", 4, 3, 0x81'4567'8000, "rwux"},
    {"stage 2 page read-write, XN 11", 4, 3, 0x81'4567'8000, "rwuX"},
    {"stage 2 page read-write, non-cacheable", 4, 3, 0x81'4567'8000, "rwuxX"},
    {"stage 2 page read-write, Device-nGnRE", 4, 3, 0x81'4567'8000, "rwuxXd"},
    {"stage 2 page read-write, Device-nGnRnE", 4, 3, 0x81'4567'8000, "rwuxXd"},
    {"stage 2 page read-write, contiguous", 4, 3, 0x81'4567'0000, "rwuxX"},
    {"stage 2 block of 2 MiB", 4, 2, 0x81'4560'0000, "rwuxX"},
    {"stage 2 block of 1 GiB", 4, 1, 0x81'4000'0000, "rwuxX"},
    {"stage 2 block of 2 MiB, contiguous", 4, 2, 0x81'4400'0000, "rwuxX"},
    {"stage 2 block of 2 MiB, writable-clean", 4, 2, 0x81'4560'0000, "ruxXc"},
    {"stage 2 page of 16 KiB", 16, 3, 0x81'4567'8000, "rwuxX"},
    {"stage 2 block of 32 MiB", 16, 2, 0x81'4400'0000, "rwuxX"},
    {"stage 2 page of 64 KiB", 64, 3, 0x81'4567'0000, "rwuxX"},
    {"stage 2 block of 512 MiB", 64, 2, 0x81'4000'0000, "rwuxX"},
    // Of 52 address bits: an output size that no unit of this model has. The bits 15:12 are not the page's.
    {"stage 2 page of 64 KiB, 52 bits", 64, 3, 0x81'4567'0000, "rwuxX"},
};
constexpr ReadRow stage1_read_table[] = {
    {"page writable-dirty", 4, 3, 0x81'2345'6000, "rwu"},
    {"page read-write, contiguous", 4, 3, 0x81'2345'0000, "rwu"},
    {"page privileged read-write, executable when privileged", 4, 3, 0x81'2345'6000, "rwX"},
    {"page read-only, executable by all", 4, 3, 0x81'2345'6000, "ruxX"},
    {"page privileged read-only", 4, 3, 0x81'2345'6000, "r"},
    {"page read-write, attribute 1", 4, 3, 0x81'2345'6000, "rwu"},
    {"page read-write, attribute 2, outer shareable", 4, 3, 0x81'2345'6000, "rwu"},
    {"page read-write, attribute 7", 4, 3, 0x81'2345'6000, "rwu"},
    {"page read-write, NS", 4, 3, 0x81'2345'6000, "rwu"},
    {"page read-write, software bits", 4, 3, 0x81'2345'6000, "rwu"},
    {"2 MiB block writable-clean", 4, 2, 0x81'2340'0000, "ruc"},
    {"2 MiB block read-write, contiguous", 4, 2, 0x81'2200'0000, "rwu"},
    {"16 KiB page read-write", 16, 3, 0x81'2345'4000, "rwu"},
    {"32 MiB block read-write", 16, 2, 0x81'2200'0000, "rwu"},
    {"64 KiB page read-write", 64, 3, 0x81'2345'0000, "rwu"},
    {"512 MiB block read-write", 64, 2, 0x81'2000'0000, "rwu"},
    {"64 KiB page read-write, 52 bits", 64, 3, 0x81'2345'0000, "rwu"},
    // Tables: what they leave to the levels below.
    {"table, PXNTable", 4, 1, 0x81'0000'1000, "rwuxt"},
    {"table, UXNTable", 4, 1, 0x81'0000'1000, "rwuXt"},
    {"table, APTable 01", 4, 1, 0x81'0000'1000, "rwxXt"},
    {"table, APTable 10", 4, 1, 0x81'0000'1000, "ruxXt"},
    {"table, NSTable", 4, 1, 0x81'0000'1000, "rwuxXt"},
    {"table, 16 KiB", 16, 1, 0x81'0000'4000, "rwuxXt"},
    {"table, 64 KiB", 64, 1, 0x81'0001'0000, "rwuxXt"},
};

void check_read(const ReadRow& row, const TableFormat& format, u64 word, const TableRoot& root) {
    INFO(row.what);
    const std::string_view may{row.may};
    const auto has = [&](char c) { return may.find(c) != std::string_view::npos; };
    const Decoded d = format.decode(word, row.level, root);
    CHECK(d.kind == (has('t') ? Decoded::Kind::Table : Decoded::Kind::Leaf));
    CHECK(d.to == Spa{row.to});
    if (may == "t") return; // takes nothing away
    CHECK(d.may == Permissions{has('r'), has('w'), has('x'), has('u'), has('X')});
    if (has('t')) return;
    CHECK(d.accessed != has('a'));
    CHECK(d.clean == has('c'));
    CHECK(d.device == has('d'));
}

/// 5.2: an entry of stage 2 alone that starts as the row says.
Ste starting(const golden::GoldenStart& row, const Identity& id) {
    Ste s = Ste{}.set(Ste::V, true).set(Ste::Config, StreamConfig::Stage2).set(Ste::S2AA64, true).set(Ste::S2R, true);
    s.set(Ste::S2T0SZ, row.s2t0sz).set(Ste::S2SL0, row.s2sl0).set(Ste::S2PS, id.idr5.get(Idr5::OAS));
    return s.set(Ste::S2TG, granule_of_kib(row.granule).tg0);
}
template <class Rows>
void check_starts(const Rows& rows, bool small_tables) {
    for (const golden::GoldenStart& row : rows) {
        const Granule& g = granule_of_kib(row.granule);
        INFO(row.granule << " KiB, S2SL0 " << row.s2sl0 << ", S2T0SZ " << row.s2t0sz);
        const std::pair<unsigned, bool> sizes[] = {{40, row.legal40}, {44, row.legal44}, {48, row.legal48}};
        for (const auto& [bits, legal] : sizes) {
            INFO("output size " << bits);
            const Identity id = golden_identity(bits, small_tables);
            CHECK(why_illegal(starting(row, id), id).empty() == legal);
        }
        if (row.tables == 0) continue;
        CHECK(stage2_start_level(g, row.s2sl0, small_tables) == row.level);
        // A base of all ones keeps the bits above its first tables.
        const TableRoot root = make_stage2_root(g, row.s2t0sz, row.level, Spa{0xffff'ffff'f000 | 0xfc0});
        const u64 bytes = root.table.value() & ~(root.table.value() - 1);
        CHECK(root.input_bits == 64 - row.s2t0sz);
        CHECK(std::max<u64>(1, bytes >> g.page_bits) == row.tables);
    }
}

} // namespace

TEST_CASE("stage 2 descriptors have the manual's bytes and are read as meant",
          "[golden][smmuv3][stage 2 leaf.Valid][stage 2 leaf.Type][stage 2 leaf.MemAttr][stage 2 leaf.S2AP0]"
          "[stage 2 leaf.S2AP1][stage 2 leaf.AF][stage 2 leaf.OA][stage 2 leaf.DBM][stage 2 leaf.XN]") {
    using D = Stage2Descriptor;
    Table t{golden::stage2_descriptors};
    t.check("stage 2 table, 4 KiB", table_to(0x81'0000'1000));
    t.check("stage 2 table, 16 KiB", table_to(0x81'0000'4000));
    t.check("stage 2 table, 64 KiB", table_to(0x81'0001'0000));
    const D page = page2();
    const D read_only = page.with(D::S2APWrite, false);
    t.check("stage 2 page read-write", page);
    t.check("stage 2 page read-only", read_only);
    t.check("stage 2 page write-only", page.with(D::S2APRead, false));
    t.check("stage 2 page without access", read_only.with(D::S2APRead, false));
    t.check("stage 2 page read-write, not accessed", page.with(D::AF, false));
    t.check("stage 2 page writable-clean", read_only.with(D::DBM, true));
    t.check("stage 2 page writable-dirty", page.with(D::DBM, true));
    t.check("stage 2 page read-write, XN 10", page.with(D::XN, 2));
    t.check("stage 2 page read-write, XN 01", page.with(D::XN, 1));
    t.check("stage 2 page read-write, XN 11", page.with(D::XN, 3));
    const D outer = page.with(D::SH, WalkShareability::OuterShareable);
    t.check("stage 2 page read-write, non-cacheable", outer.with(D::MemAttr, 5));
    t.check("stage 2 page read-write, Device-nGnRE", outer.with(D::MemAttr, 1));
    t.check("stage 2 page read-write, Device-nGnRnE",
            page.with(D::MemAttr, 0).set(D::SH, WalkShareability::NonShareable));
    t.check("stage 2 page read-write, contiguous", page2(Spa{0x81'4567'0000}).set(D::Contiguous, true));
    t.check("stage 2 block of 2 MiB", block2(0x81'4560'0000));
    t.check("stage 2 block of 1 GiB", block2(0x81'4000'0000));
    t.check("stage 2 block of 2 MiB, contiguous", block2(0x81'4400'0000).set(D::Contiguous, true));
    t.check("stage 2 block of 2 MiB, writable-clean",
            block2(0x81'4560'0000).set(D::S2APWrite, false).set(D::DBM, true));
    t.check("stage 2 page of 16 KiB", page);
    t.check("stage 2 block of 32 MiB", block2(0x81'4400'0000));
    t.check("stage 2 page of 64 KiB", page2(Spa{0x81'4567'0000}));
    t.check("stage 2 block of 512 MiB", block2(0x81'4000'0000));
    t.check("stage 2 page of 64 KiB, 52 bits", page2(Spa{0x81'4567'a000}));

    TableRoot root;
    root.options = fine_no_exec;
    for (const ReadRow& row : stage2_read_table)
        check_read(row, *granule_of_kib(row.granule).stage2, word_of(golden::stage2_descriptors, row.what), root);
    CHECK(std::size(stage2_read_table) == golden::stage2_descriptors.size());
    // DDI 0487 D8.3.1.2: hardware marks what was used and what was written.
    const TableFormat& f = *granule_of(Granule0::K4).stage2;
    const auto word = [](const char* what) { return word_of(golden::stage2_descriptors, what); };
    CHECK(f.mark(word("stage 2 page read-write, not accessed"), false) == word("stage 2 page read-write"));
    CHECK(f.mark(word("stage 2 page writable-clean"), true) == word("stage 2 page writable-dirty"));
    for (const auto& row : golden::invalid_stage2_descriptors) {
        INFO(row.what << ", " << row.granule << " KiB, level " << row.level);
        CHECK(granule_of_kib(row.granule).stage2->decode(row.word, row.level, root).kind == Decoded::Kind::Invalid);
        CHECK(granule_of_kib(row.granule).stage1->decode(row.word, row.level, root).kind == Decoded::Kind::Invalid);
    }
}

TEST_CASE("stage 1 descriptors of every granule have the manual's bytes and are read as meant",
          "[golden][smmuv3][stage 1 table.PXNTable][stage 1 table.UXNTable][stage 1 table.APTable0]"
          "[stage 1 table.APTable1]") {
    using D = LeafDescriptor;
    Table t{golden::more_stage1_descriptors};
    const D page = page1();
    t.check("page writable-dirty", page.with(D::DBM, true));
    t.check("page read-write, contiguous", page1(Spa{0x81'2345'0000}).set(D::Contiguous, true));
    t.check("page privileged read-write, executable when privileged", page.with(D::AP1, false).set(D::PXN, false));
    t.check("page read-only, executable by all", page.with(D::AP2, true).set(D::PXN, false).set(D::UXN, false));
    t.check("page privileged read-only", page.with(D::AP1, false).set(D::AP2, true));
    t.check("page read-write, attribute 1", page.with(D::AttrIndx, 1));
    t.check("page read-write, attribute 2, outer shareable",
            page.with(D::AttrIndx, 2).set(D::SH, WalkShareability::OuterShareable));
    t.check("page read-write, attribute 7", page.with(D::AttrIndx, 7));
    t.check("page read-write, NS", page.with(D::NS, true));
    t.check("page read-write, software bits", page.with(D::SW, 15));
    t.check("2 MiB block writable-clean", block1(0x81'2340'0000).set(D::AP2, true).set(D::DBM, true));
    t.check("2 MiB block read-write, contiguous", block1(0x81'2200'0000).set(D::Contiguous, true));
    t.check("16 KiB page read-write", page1(Spa{0x81'2345'4000}));
    t.check("32 MiB block read-write", block1(0x81'2200'0000));
    t.check("64 KiB page read-write", page1(Spa{0x81'2345'0000}));
    t.check("512 MiB block read-write", block1(0x81'2000'0000));
    t.check("64 KiB page read-write, 52 bits", page1(Spa{0x81'2345'a000}));
    const TableDescriptor next = table_to(0x81'0000'1000);
    t.check("table, PXNTable", next.with(TableDescriptor::PXNTable, true));
    t.check("table, UXNTable", next.with(TableDescriptor::UXNTable, true));
    t.check("table, APTable 01", next.with(TableDescriptor::APTable0, true));
    t.check("table, APTable 10", next.with(TableDescriptor::APTable1, true));
    t.check("table, NSTable", next.with(TableDescriptor::NSTable, true));
    t.check("table, 16 KiB", table_to(0x81'0000'4000));
    t.check("table, 64 KiB", table_to(0x81'0001'0000));
    for (const ReadRow& row : stage1_read_table)
        check_read(row, *granule_of_kib(row.granule).stage1, word_of(golden::more_stage1_descriptors, row.what), {});
    CHECK(std::size(stage1_read_table) == golden::more_stage1_descriptors.size());
}

TEST_CASE("each level holds the leaves and tables that the manual lets it, of their size", "[golden][smmuv3]") {
    for (const auto& row : golden::descriptor_levels) {
        INFO(row.granule << " KiB, level " << row.level);
        const Granule& g = granule_of_kib(row.granule);
        for (const TableFormat* f : {g.stage1, g.stage2}) {
            CHECK(f->index_shift(row.level) == row.log2size);
            const unsigned grouped = f->group_bits(row.level);
            CHECK((grouped == 0 ? 0 : 1u << grouped) == row.contiguous);
            const u64 leaf = row.level == 3 ? 0x7ff : 0x7fd;
            CHECK((f->decode(leaf, row.level, {}).kind == Decoded::Kind::Leaf) == row.leaf);
            CHECK((f->decode(0x3, row.level, {}).kind == Decoded::Kind::Table) == row.table);
            CHECK(f->top_level <= row.level);
        }
        // The contiguous hint is not taken: each entry stands for itself.
    }
}

TEST_CASE("stage 2 walks start where the manual's table says, and nowhere else",
          "[golden][smmuv3][STE.S2T0SZ][STE.S2SL0][STE.S2TG]") {
    check_starts(golden::stage2_starts, false);
    check_starts(golden::small_stage2_starts, true);
}

TEST_CASE("identification registers are read as the manual encodes them", "[golden][smmuv3]") {
    const auto word = [](std::string_view what) {
        for (const auto& row : golden::identification_words)
            if (what == row.what) return row.word;
        FAIL("no row " << what);
        return std::uint32_t{};
    };
    Smmuv3Config both;
    both.stage2 = both.vmid16 = both.hypervisor = both.terminate_only_by_abort = true;
    both.hardware_update = 2;
    both.stall_model = StallModel::StallAndTerminate;
    both.sev = false;
    CHECK(identity_of(both).idr0.value() == word("both stages, PCIe"));
    Smmuv3Config alone = both;
    alone.stage1 = alone.asid16 = alone.two_level_contexts = alone.hypervisor = alone.ats = false;
    CHECK(identity_of(alone).idr0.value() == word("stage 2 alone"));
    const Idr1 idr1 = Idr1::of(word("16 bits of StreamID, 20 of SubstreamID, overrides"));
    CHECK(idr1 == Idr1{}
                      .set(Idr1::SIDSIZE, 16)
                      .set(Idr1::SSIDSIZE, 20)
                      .set(Idr1::PRIQS, 19)
                      .set(Idr1::EVENTQS, 19)
                      .set(Idr1::CMDQS, 19)
                      .set(Idr1::ATTR_PERMS_OVR, true)
                      .set(Idr1::ATTR_TYPES_OVR, true));
    auto idr3 = Idr3{}.set(Idr3::HAD, true).set(Idr3::XNX, true).set(Idr3::FWB, true).set(Idr3::STT, true);
    idr3.set(Idr3::RIL, true).set(Idr3::BBML, 2);
    CHECK(Idr3::of(word("v3.2 with both stages")) == idr3);
    CHECK(Idr3::of(word("v3.3 with both stages")) == idr3.with(Idr3::E0PD, true).set(Idr3::PTWNNC, true));
    CHECK(golden_identity().idr5.with(Idr5::STALL_MAX, 0).value() == word("48 bits, all granules"));
    both.output_bits = 44;
    both.granule_64k = true;
    CHECK(identity_of(both).idr5.value() == word("44 bits, 64 stalls"));
    CHECK(golden_identity().aidr.value() == word("v3.2"));
    CHECK(golden::identification_words.size() == 8);
    REQUIRE(golden::more_register_fields.size() == 1);
    CHECK(Idr4::offset == golden::more_register_fields[0].offset);
    CHECK((Idr4::IMPDEF.msb() == 31 && Idr4::IMPDEF.lsb() == 0));
}

TEST_CASE("encodings of identification fields mean what the manual says", "[golden][smmuv3]") {
    const std::map<std::string, unsigned> enumerators{
        {"TTF AArch32 LPAE", raw(TableFormats::AArch32)},
        {"TTF AArch64", raw(TableFormats::AArch64)},
        {"TTF both", raw(TableFormats::Both)},
        {"TTENDIAN mixed", raw(TableEndian::Mixed)},
        {"TTENDIAN little", raw(TableEndian::Little)},
        {"TTENDIAN big", raw(TableEndian::Big)},
        {"STALL_MODEL stall and terminate", raw(StallModel::StallAndTerminate)},
        {"STALL_MODEL terminate", raw(StallModel::NoStall)},
        {"STALL_MODEL stall forced", raw(StallModel::StallForced)},
        {"ST_LEVEL linear", raw(StreamLevels::LinearOnly)},
        {"ST_LEVEL linear and two-level", raw(StreamLevels::TwoLevel)},
    };
    const Granule& k4 = granule_of(Granule0::K4);
    std::size_t met = 0;
    for (const auto& row : golden::identification_encodings) {
        INFO(row.reg << "." << row.field << " " << row.value << ": " << row.meaning);
        const std::string field{row.field}, meaning{row.meaning};
        const auto code = enumerators.find(field + " " + meaning);
        Identity id = golden_identity();
        if (code != enumerators.end()) {
            CHECK(code->second == row.value);
            ++met;
        } else if (field == "OAS" && row.value <= 6) {
            CHECK(std::to_string(address_bits(row.value)) == meaning);
        } else if (field == "HTTU") {
            id.idr0.set(Idr0::HTTU, row.value);
            CHECK(beyond_httu(true, false, id) == (meaning == "none"));
            CHECK(beyond_httu(false, true, id) == (meaning == "none" || meaning == "access flag"));
        } else if (field == "STT") {
            CHECK("TxSZ to " + std::to_string(largest_size_code(k4, row.value == 1)) == meaning);
        } else if (field == "VMID16" || field == "ASID16") {
            CHECK(meaning.substr(0, meaning.find('-')) == (row.value == 1 ? "16" : "8"));
        } else if (field == "ArchMinorRev") {
            CHECK(meaning == "3." + std::to_string(row.value));
            id.aidr.set(Aidr::ArchMinorRev, row.value);
            CHECK(what_it_cannot_be(id).empty() == (row.value <= 3));
        } else if (meaning == "reserved" && field != "TTF") {
            if (field == "TTENDIAN")
                id.idr0.set(Idr0::TTENDIAN, static_cast<TableEndian>(row.value));
            else
                id.idr0.set(Idr0::STALL_MODEL, static_cast<StallModel>(row.value));
            CHECK_FALSE(what_it_cannot_be(id).empty());
        }
    }
    CHECK(met == enumerators.size());
}

} // namespace quiesce::iommu::smmuv3::test
