// SPDX-License-Identifier: Apache-2.0
#include "iommu/vtd/page_table.h"

namespace quiesce::iommu::vtd {
namespace {

constexpr unsigned page_level = 4, directory_level = 3, pointer_level = 2;

unsigned index_shift(unsigned level) { return 12 + (page_level - level) * 9; }
unsigned index_bits(unsigned) { return 9; }

bool has(const TableRoot& root, TableOption o) { return (root.options & o) != 0; }
bool may_be_large(unsigned level, const TableRoot& root) {
    return (level == directory_level && has(root, pages_2m)) || (level == pointer_level && has(root, pages_1g));
}
/// Address bits that an entry must keep clear: those above the host address width and, of a large page, those inside
/// it.
u64 reserved_address(unsigned level, bool leaf, unsigned width) {
    const u64 field = FsEntry::ADDR.mask(0);
    const u64 inside = leaf ? base::low_bits(index_shift(level)) : 0;
    return field & (inside | ~base::low_bits(width));
}

// ---- first stage

/// 9.7: checked only of present entries. Bit 7 is reserved in PML5E and PML4E, and where there are no such large pages.
bool malformed_first(const FsEntry& e, unsigned level, bool leaf, const TableRoot& root) {
    if (level != page_level && e.get(FsEntry::PS) && !leaf) return true;
    const unsigned width = has(root, guest_addresses) ? 52 : root.output_bits;
    const u64 reserved =
        reserved_address(level, leaf, width) & ~(leaf && level != page_level ? FsEntry::PAT.mask(0) : 0);
    return (e.word(0) & reserved) != 0;
}

template <bool Extended>
Decoded decode_first(u64 entry, unsigned level, const TableRoot& root) {
    const auto e = FsEntry::from_words({entry});
    Decoded out;
    if (!e.get(FsEntry::P)) return out;
    const bool leaf = level == page_level || (e.get(FsEntry::PS) && may_be_large(level, root));
    out.kind = Decoded::Kind::Malformed;
    if (malformed_first(e, level, leaf, root)) return out;
    out.kind = leaf ? Decoded::Kind::Leaf : Decoded::Kind::Table;
    out.to = e.get(FsEntry::ADDR);
    if (leaf) out.to = out.to.align_down(u64{1} << index_shift(level));
    // No execute requests (ECAP.ERS is 0), so XD means nothing.
    out.may = {true, e.get(FsEntry::RW), false, e.get(FsEntry::US), false};
    out.accessed = e.get(FsEntry::A) && (!Extended || e.get(FsEntry::EA));
    // MODEL: a privileged write that WPE=0 lets through a read-only entry does not set D.
    out.clean = leaf && out.may.write && !e.get(FsEntry::D);
    if (out.clean) out.may.write = false;
    return out;
}

template <bool Extended>
u64 mark_first(u64 entry, bool written) {
    auto e = FsEntry::from_words({entry});
    e.set(FsEntry::A, true);
    if (Extended) e.set(FsEntry::EA, true);
    if (written) e.set(FsEntry::D, true);
    return e.word(0);
}

template <bool Extended>
constexpr TableFormat first_format{Extended ? "VT-d first stage with EA" : "VT-d first stage",
                                   0,
                                   page_level,
                                   &index_shift,
                                   &index_bits,
                                   &decode_first<Extended>,
                                   nullptr,
                                   &mark_first<Extended>};

// ---- second stage

/// 9.8: SNP is a field of leaves only, and with ECAP.SC; bit 62 is reserved.
bool malformed_second(const SsEntry& e, unsigned level, bool leaf, const TableRoot& root) {
    if (level != page_level && e.get(SsEntry::PS) && !leaf) return true;
    if (e.get(SsEntry::SNP) && !(leaf && has(root, has_snoop))) return true;
    if (e.get(SsEntry::IW)) return true;
    return (e.word(0) & reserved_address(level, leaf, root.output_bits)) != 0;
}

Decoded decode_second(u64 entry, unsigned level, const TableRoot& root) {
    const auto e = SsEntry::from_words({entry});
    Decoded out;
    if (!e.get(SsEntry::R) && !e.get(SsEntry::W)) return out;
    const bool leaf = level == page_level || (e.get(SsEntry::PS) && may_be_large(level, root));
    out.kind = Decoded::Kind::Malformed;
    if (malformed_second(e, level, leaf, root)) return out;
    out.kind = leaf ? Decoded::Kind::Leaf : Decoded::Kind::Table;
    out.to = e.get(SsEntry::ADDR);
    if (leaf) out.to = out.to.align_down(u64{1} << index_shift(level));
    out.may = {e.get(SsEntry::R), e.get(SsEntry::W), true, true, true};
    out.accessed = !has(root, tracked) || e.get(SsEntry::A);
    out.clean = leaf && has(root, tracked) && out.may.write && !e.get(SsEntry::D);
    if (out.clean) out.may.write = false;
    return out;
}

u64 mark_second(u64 entry, bool written) {
    auto e = SsEntry::from_words({entry});
    e.set(SsEntry::A, true);
    if (written) e.set(SsEntry::D, true);
    return e.word(0);
}

constexpr TableFormat second_format{"VT-d second stage", 0,       page_level,  &index_shift, &index_bits,
                                    &decode_second,      nullptr, &mark_second};

} // namespace

std::array<TableRoot, 2> make_first_stage(FirstStageMode mode, bool extended, Spa table, u8 options, unsigned haw) {
    TableRoot low;
    low.present = true;
    low.format = extended ? &first_format<true> : &first_format<false>;
    low.start_level = mode == FirstStageMode::Levels5 ? 0 : 1;
    low.input_bits = index_shift(low.start_level) + 9 - 1; // the bit above is the sign
    low.output_bits = haw;
    low.options = options;
    low.tables_too = true;
    low.table = table.align_down(page_size);
    TableRoot high = low;
    high.table = low.table + page_size / 2;
    return {low, high};
}

TableRoot make_second_stage(AddressWidth width, unsigned bits, Spa table, u8 options, unsigned haw) {
    TableRoot root;
    root.present = true;
    root.format = &second_format;
    root.start_level = 3 - static_cast<unsigned>(width);
    root.input_bits = std::min(bits, bits_of(width));
    root.output_bits = haw;
    root.options = options;
    root.tables_too = true;
    root.table = table.align_down(page_size);
    return root;
}

} // namespace quiesce::iommu::vtd
