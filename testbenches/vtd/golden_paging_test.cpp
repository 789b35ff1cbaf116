// SPDX-License-Identifier: Apache-2.0
/// Paging entries of both stages held against rows that somebody else worked out by hand (golden/vtd_paging_golden.h):
/// where their fields are, and what a walk makes of each.
#include "golden/vtd_paging_golden.h"
#include "vtd/golden_table.h"

namespace quiesce::iommu::vtd::test {
namespace {

constexpr u8 every_paging_option = pages_2m | pages_1g | has_snoop;
constexpr unsigned golden_address_bits = 52;

Decoded read_first(const gold::PagingEntry& row) {
    const TableRoot root =
        make_first_stage(FirstStageMode::Levels5, true, Spa{0}, every_paging_option, golden_address_bits)[0];
    return root.format->decode(row.word, 5 - row.level, root);
}
Decoded read_second(const gold::PagingEntry& row) {
    const TableRoot root =
        make_second_stage(AddressWidth::Bits57, 57, Spa{0}, every_paging_option | tracked, golden_address_bits);
    return root.format->decode(row.word, 5 - row.level, root);
}

std::string differs_in_reading(const gold::PagingEntry& row, const Decoded& read) {
    using Kind = Decoded::Kind;
    static constexpr Kind kinds[] = {Kind::Table, Kind::Leaf, Kind::Invalid, Kind::Malformed};
    if (read.kind != kinds[static_cast<unsigned>(row.reads)]) return "it is another kind of entry";
    const bool leads = read.kind == Kind::Table || read.kind == Kind::Leaf;
    return leads && read.to != Spa{row.to} ? "it leads elsewhere" : "";
}

/// The row's values, by the layout's fields. Bit 7 of a PTE is PAT, and PS of the others; bit 12 of a large page is its
/// own PAT; what neither revision's unit looks at has no field.
template <class E>
std::string differs_in_fields(const gold::PagingEntry& row) {
    const E read = from_words<E>(std::span{&row.word, 1});
    for (const gold::Value& v : row.fields) {
        if (v.field == nullptr) break;
        const std::string_view name = v.field;
        u64 value = 0;
        const auto take = [&](const auto& f) { value = base::detail::to_bits(read.get(f)); };
        if (name.starts_with("PAT")) {
            value = FsEntry::from_words({row.word}).get(name == "PAT, 4 KiB" ? FsEntry::PS : FsEntry::PAT);
        } else if (name == "ADDR, 2 MiB" || name == "ADDR, 1 GiB") {
            take(E::ADDR);
            value &= ~base::low_bits(name == "ADDR, 2 MiB" ? 21 : 30);
        } else if (name == "TM" || name == "X") {
            value = v.value; // of older revisions, or the CPU's
        } else if (with_field<E>(plain_name(name), take) != 1) {
            return "no field " + std::string{name};
        }
        if (value != v.value) return std::string{name} + " is read as another value";
    }
    return {};
}

} // namespace

TEST_CASE("first-stage entries are read as the manual says",
          "[golden][vtd][first-stage entry.P][first-stage entry.PS][first-stage entry.ADDR][SFS.3]") {
    const auto differ = [](const gold::PagingEntry& row) {
        return differs_in_fields<FsEntry>(row) + differs_in_reading(row, read_first(row));
    };
    judge_all(gold::first_stage_tables, differ);
    judge_all(gold::first_stage_pages, differ);
}

TEST_CASE("second-stage entries are read as the manual says",
          "[golden][vtd][second-stage entry.R][second-stage entry.W][second-stage entry.PS][second-stage entry.SNP]"
          "[second-stage entry.ADDR][SSS.3]") {
    const auto differ = [](const gold::PagingEntry& row) {
        return differs_in_fields<SsEntry>(row) + differs_in_reading(row, read_second(row));
    };
    judge_all(gold::second_stage_entries_of_tables, differ);
    judge_all(gold::second_stage_pages, differ);
    // A unit with RTADDR.SSIRWE reads the same words otherwise: ECAP.SSIRWS cannot be 1.
    constexpr std::string_view why = "RTADDR.SSIRWE is not modelled: R and W are what counts";
    constexpr std::array no_other_permissions{Unmet{"4 KiB, IR and IW", why}, Unmet{"4 KiB, IR", why},
                                              Unmet{"4 KiB, R and W only", why}};
    judge_all(gold::second_stage_pages_io, differ, no_other_permissions);
}

TEST_CASE("permissions and marks of paging entries are where the manual has them",
          "[golden][vtd][first-stage entry.R/W][first-stage entry.U/S][first-stage entry.A][first-stage entry.D]"
          "[first-stage entry.EA][second-stage entry.A][second-stage entry.D]") {
    const auto value_of = [](const gold::PagingEntry& row, std::string_view name) {
        for (const gold::Value& v : row.fields)
            if (v.field != nullptr && v.field == name) return v.value != 0;
        return false;
    };
    for (const auto& row : gold::first_stage_pages) {
        INFO(row.what);
        const Decoded read = read_first(row); // with EAFE: used is A and EA
        if (read.kind != Decoded::Kind::Leaf || row.fields[0].field == nullptr) continue;
        CHECK(read.may.read);
        CHECK(read.may.user == value_of(row, "U/S"));
        CHECK((read.may.write || read.clean) == value_of(row, "R/W"));
        CHECK(read.clean == (value_of(row, "R/W") && !value_of(row, "D")));
        CHECK(read.accessed == (value_of(row, "A") && value_of(row, "EA")));
    }
    for (const auto& row : gold::second_stage_pages) {
        INFO(row.what);
        const Decoded read = read_second(row); // with SSADE
        if (read.kind != Decoded::Kind::Leaf || row.fields[0].field == nullptr) continue;
        CHECK(read.may.read == value_of(row, "R"));
        CHECK((read.may.write || read.clean) == value_of(row, "W"));
        CHECK(read.clean == (value_of(row, "W") && !value_of(row, "D")));
        CHECK(read.accessed == value_of(row, "A"));
    }
}

TEST_CASE("the fields of paging entries are those of the manual", "[golden][vtd]") {
    const auto positions = [](const auto& rows, std::string_view name) {
        u64 mask = 0;
        for (const gold::Position& p : rows)
            if (p.field == name || std::string_view{p.field}.starts_with(std::string{name} + ", 4 KiB"))
                mask |= base::low_bits(p.msb - p.lsb + 1) << p.lsb;
        return mask;
    };
    const auto compare_first = [&](const auto& f) {
        INFO(f.name());
        CHECK(f.mask(0) == positions(gold::first_stage_page_fields, f.name()));
        const u64 of_table = positions(gold::first_stage_table_fields, f.name());
        CHECK((of_table == 0 || of_table == f.mask(0)));
    };
    base::apply([&](const auto&... f) { (compare_first(f), ...); }, FsEntry::fields);
    CHECK(FsEntry::PAT.mask(0) == u64{1} << 12);
    const auto compare_second = [&](const auto& f) {
        INFO(f.name());
        CHECK(f.mask(0) == positions(gold::second_stage_fields, f.name()));
    };
    base::apply([&](const auto&... f) { (compare_second(f), ...); }, SsEntry::fields);
}

} // namespace quiesce::iommu::vtd::test
