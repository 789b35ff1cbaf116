// SPDX-License-Identifier: Apache-2.0
/// Root, context, PASID directory and PASID table entries held against rows that somebody else worked out by hand
/// (golden/vtd_tables_golden.h, golden/vtd_pasid_golden.h): their bytes, what is refused of them, and where they are.
#include "golden/vtd_pasid_golden.h"
#include "golden/vtd_tables_golden.h"
#include "iommu/vtd/rules.h"
#include "vtd/golden_table.h"

namespace quiesce::iommu::vtd::test {
namespace {

template <class S, class Positions, class... Tables>
void check_layout(const Positions& positions, const Tables&... tables) {
    check_positions<S>(positions);
    (judge_all(tables, [](const auto& row) { return differs<S>(row); }), ...);
}

/// What is said of a present entry: the fault that it becomes, or nothing.
template <class S, std::size_t Words>
std::optional<FaultCode> refusal(const gold::Structure<Words>& row, const Identity& id) {
    const EntryRule<S>* rule = why_refused(from_words<S>(row.words), id);
    return rule == nullptr ? std::nullopt : std::optional{rule->code};
}
/// A present entry of the table that is not made to show one field's place is legal.
template <class S, class Rows, class Unmets>
void check_legal(const Rows& rows, const Unmets& unmet) {
    judge_all(
        rows,
        [](const auto& row) -> std::string {
            const bool asked = (row.words[0] & 1) != 0 && !shows_one_field(row);
            return asked && refusal<S>(row, every_feature()) ? "refused" : "";
        },
        unmet);
}
/// "43: PRE without DTE": the number is the fault that refuses it.
template <class S, class Rows, class Unmets>
void check_refused(const Rows& rows, const Unmets& unmet) {
    judge_all(
        rows,
        [](const auto& row) -> std::string {
            const auto code = refusal<S>(row, every_feature());
            const unsigned long wanted = std::stoul(row.what, nullptr, 16);
            return code && raw(*code) == wanted ? "" : "another verdict";
        },
        unmet);
}

/// The bits that `refuses` as reserved when they are turned over in one of the legal `bases`.
template <class S, class Refuses>
typename S::Words reserved_bits(std::initializer_list<S> bases, Refuses refuses) {
    typename S::Words found{};
    for (const S& base : bases) {
        REQUIRE_FALSE(refuses(base));
        for (unsigned n = 0; n < S::byte_count * 8; ++n)
            if (refuses(flipped(base, n))) found[n / 64] |= u64{1} << n % 64;
    }
    return found;
}
template <class S>
auto refused_as(FaultCode code) {
    return [code, id = every_feature()](const S& s) {
        const EntryRule<S>* rule = why_refused(s, id);
        return rule != nullptr && rule->code == code;
    };
}
template <class S, std::size_t Words>
void check_reserved(const gold::ReservedBits<Words>& row, const typename S::Words& found) {
    for (unsigned w = 0; w < Words; ++w) {
        INFO(row.structure << ", word " << w << std::hex << ": differ in " << (found[w] ^ row.words[w]));
        CHECK(found[w] == row.words[w]);
    }
}

/// Directory entries are found from a table that a page does not hold.
constexpr Spa golden_directory{0x1800'0000};

} // namespace

TEST_CASE("entries of the remapping tables have the bytes that somebody else worked out from the manual",
          "[golden][vtd]") {
    check_layout<RootEntry>(gold::root_entry_fields, gold::root_entries);
    check_layout<ScalableRootEntry>(gold::scalable_root_entry_fields, gold::scalable_root_entries);
    check_layout<ContextEntry>(gold::context_entry_fields, gold::context_entries);
    check_layout<ScalableContextEntry>(gold::scalable_context_entry_fields, gold::scalable_context_entries,
                                       gold::bad_scalable_context_entries);
    check_layout<PasidDirectoryEntry>(gold::pasid_directory_entry_fields, gold::pasid_directory_entries);
    check_layout<PasidEntry>(gold::pasid_table_entry_fields, gold::pasid_table_entries_alone, gold::first_stage_entries,
                             gold::second_stage_entries, gold::nested_entries, gold::pass_through_entries,
                             gold::host_permission_entries, gold::teardown_entries, gold::bad_pasid_table_entries);
}

TEST_CASE("entries as drivers program them are legal", "[golden][vtd]") {
    constexpr std::array no_host_permission_table{
        Unmet{"pass-through, HPT", "there is no host permission table (ECAP.HPTS cannot be 1)"}};
    check_legal<RootEntry>(gold::root_entries, all_met);
    check_legal<ContextEntry>(gold::context_entries, all_met);
    check_legal<ScalableContextEntry>(gold::scalable_context_entries, all_met);
    check_legal<PasidDirectoryEntry>(gold::pasid_directory_entries, all_met);
    check_legal<PasidEntry>(gold::first_stage_entries, all_met);
    check_legal<PasidEntry>(gold::second_stage_entries, all_met);
    check_legal<PasidEntry>(gold::nested_entries, all_met);
    check_legal<PasidEntry>(gold::pass_through_entries, all_met);
    check_legal<PasidEntry>(gold::host_permission_entries, no_host_permission_table);
    check_legal<PasidEntry>(gold::teardown_entries, all_met);
    for (const auto& row : gold::scalable_root_entries)
        for (const u64 half : row.words)
            if ((half & 1) != 0) CHECK_FALSE(root_half_reserved(half, every_feature()));
}

TEST_CASE("entries that are wrong are refused with the manual's reason", "[golden][vtd][SCT.3][SCT.4][SPT.3][SPT.4]") {
    constexpr std::array no_pasid_of_translated_requests{
        Unmet{"43: EPTR without PASIDE", "no PASID of translated requests (ECAP.PTRS cannot be 1): not looked at"}};
    check_refused<ScalableContextEntry>(gold::bad_scalable_context_entries, no_pasid_of_translated_requests);
    check_refused<PasidEntry>(gold::bad_pasid_table_entries, all_met);
}

TEST_CASE("of present entries exactly those bits are refused as reserved that the manual reserves",
          "[golden][vtd][LRT.3][LCT.3][SRT.3][SCT.3][SPD.3][SPT.3]") {
    const Spa table{0x81'0000'3000};
    const RootEntry root = RootEntry{}.set(RootEntry::P, true).set(RootEntry::CTP, table);
    check_reserved<RootEntry>(gold::reserved_of_2[0], reserved_bits({root}, refused_as<RootEntry>(FaultCode::LRT_3)));

    const auto half_refused = [id = every_feature()](const ScalableRootEntry& e) {
        return root_half_reserved(e.word(0), id) || root_half_reserved(e.word(1), id);
    };
    const auto halves = ScalableRootEntry::from_words({table.value() | 1, table.value() | 1});
    check_reserved<ScalableRootEntry>(gold::reserved_of_2[1], reserved_bits({halves}, half_refused));

    check_reserved<ContextEntry>(gold::reserved_of_2[2],
                                 reserved_bits({Bench::legacy(table)}, refused_as<ContextEntry>(FaultCode::LCT_3)));
    check_reserved<ScalableContextEntry>(
        gold::reserved_of_4[0], reserved_bits({Bench::context()}, refused_as<ScalableContextEntry>(FaultCode::SCT_3)));
    const auto directory =
        PasidDirectoryEntry{}.set(PasidDirectoryEntry::P, true).set(PasidDirectoryEntry::SMPTBLPTR, table);
    check_reserved<PasidDirectoryEntry>(gold::reserved_of_1[0],
                                        reserved_bits({directory}, refused_as<PasidDirectoryEntry>(FaultCode::SPD_3)));

    // Each stage's pointer is looked at where PGTT asks for that stage.
    auto found = reserved_bits({Bench::first_stage(table), Bench::second_stage(table)},
                               refused_as<PasidEntry>(FaultCode::SPT_3));
    // The host permission table's fields are reserved in a unit without one, which every unit of this model is.
    for (unsigned w = 4; w < 6; ++w) {
        const u64 fields = base::mask_of(PasidEntry::fields, w) & base::low_bits(every_feature().haw);
        CHECK((found[w] & fields) == fields);
        found[w] &= ~fields;
    }
    check_reserved<PasidEntry>(gold::reserved_of_8[0], found);
    // What older revisions had there is refused or means nothing.
    for (const auto& old : gold::pasid_table_entry_old_fields) {
        INFO(old.field);
        const u64 bits = base::low_bits(old.msb - old.lsb + 1) << old.lsb % 64;
        const u64 ignored = PasidEntry::IGN.mask(old.lsb / 64);
        CHECK(((found[old.lsb / 64] | ignored) & bits) == bits);
    }
}

TEST_CASE("a directory holds as many PASIDs as its size says", "[golden][vtd][scalable context entry.PDTS]") {
    for (const auto& row : gold::directory_sizes) {
        INFO("PDTS " << row.pdts);
        const auto c = ScalableContextEntry{}.set(ScalableContextEntry::PDTS, row.pdts);
        CHECK(pasids_of(c) == u64{row.entries} * pasids_per_table);
        CHECK(pasids_of(c) == u64{row.largest_pasid} + 1);
    }
}

TEST_CASE("a request leads to exactly those entries where the manual has them",
          "[golden][vtd][scalable root entry.LP][scalable root entry.LCTP][scalable root entry.UP]"
          "[scalable root entry.UCTP][PASID directory entry.SMPTBLPTR][scalable context entry.PASIDDIRPTR]") {
    const auto& row = any_row(gold::scalable_indexes);
    INFO(row.what);
    Bench b;
    b.start(TableMode::Scalable);
    using R = ScalableRootEntry;
    const Spa lower = Bench::contexts, upper = Bench::contexts + page_size;
    b.store(Bench::root + row.root_offset,
            row.upper ? R{}.set(R::UP, true).set(R::UCTP, upper) : R{}.set(R::LP, true).set(R::LCTP, lower));
    b.store((row.upper ? upper : lower) + row.context_offset,
            Bench::context()
                .set(ScalableContextEntry::PASIDDIRPTR, golden_directory)
                .set(ScalableContextEntry::RID_PASID, Pasid{0x77})
                .set(ScalableContextEntry::PDTS, 7));
    b.store(golden_directory + row.directory_offset, PasidDirectoryEntry{}
                                                         .set(PasidDirectoryEntry::P, true)
                                                         .set(PasidDirectoryEntry::SMPTBLPTR, Bench::pasid_table));
    b.store(Bench::pasid_table + row.table_offset, Bench::entry(PagingTranslation::PassThrough));
    CHECK(b.dma(Iova{0x5000}, {row.source, row.pasid}).to == Spa{0x5000});
    CHECK(b.dma(Iova{0x5000}, {row.source, row.pasid ^ 1}).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::SPT_2);
    CHECK(b.dma(Iova{0x5000}, {row.source ^ 1u, row.pasid}).ending == Ending::Abort);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::SCT_2);
}

} // namespace quiesce::iommu::vtd::test
