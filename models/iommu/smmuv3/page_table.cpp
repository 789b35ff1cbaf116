// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/page_table.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {
namespace {

constexpr unsigned last_level = 3;

/// Blocks: 4 KiB granule at levels 1 and 2, the others at level 2 only (larger ones need 52-bit output addresses).
constexpr bool block_allowed(unsigned page_bits, unsigned level) {
    return level == 2 || (page_bits == 12 && level == 1);
}

template <unsigned PageBits> unsigned index_shift(unsigned level) {
    return PageBits + (last_level - level) * (PageBits - 3);
}
template <unsigned PageBits> unsigned index_bits(unsigned) { return PageBits - 3; }

bool has(const TableRoot& root, TableOption o) { return (root.options & o) != 0; }

// ---- stage 1

/// Hierarchical permissions only take away (DDI 0487 D8.4).
Decoded decode_stage1_table(const TableDescriptor& d, const TableRoot& root) {
    Decoded out;
    out.may = {true, true, true, true, true};
    if (has(root, flat)) return out;
    const bool one = has(root, one_privilege);
    out.may.write = !d.get(TableDescriptor::APTable1);
    out.may.user = one || !d.get(TableDescriptor::APTable0);
    out.may.execute = !d.get(TableDescriptor::UXNTable);
    out.may.privileged_execute = !d.get(one ? TableDescriptor::UXNTable : TableDescriptor::PXNTable);
    return out;
}

Decoded decode_stage1_leaf(const LeafDescriptor& d, const TableRoot& root) {
    Decoded out;
    const bool one = has(root, one_privilege);
    out.may.read = true;
    out.may.write = !d.get(LeafDescriptor::AP2);
    out.may.user = one || d.get(LeafDescriptor::AP1);
    out.may.execute = !d.get(LeafDescriptor::UXN);
    out.may.privileged_execute = !d.get(one ? LeafDescriptor::UXN : LeafDescriptor::PXN);
    out.clean = d.get(LeafDescriptor::DBM) && d.get(LeafDescriptor::AP2);
    out.accessed = d.get(LeafDescriptor::AF);
    out.global = has(root, globals) && !d.get(LeafDescriptor::nG);
    return out;
}

/// What is writable is not executable, for each privilege, with WXN; what unprivileged accesses can write is never
/// executed with privilege (DDI 0487 D8.4). A page that unprivileged accesses may only execute is possible.
Permissions settle_stage1(Permissions may, const TableRoot& root) {
    if (!may.write) return may;
    const bool never = has(root, write_no_exec);
    may.execute = may.execute && !(never && may.user);
    const bool user_writes = may.user && !has(root, one_privilege);
    may.privileged_execute = may.privileged_execute && !never && !user_writes;
    return may;
}

u64 mark_stage1(u64 entry, bool written) {
    auto d = LeafDescriptor::from_words({entry});
    d.set(LeafDescriptor::AF, true);
    if (written) d.set(LeafDescriptor::AP2, false);
    return d.word(0);
}

// ---- stage 2

Decoded decode_stage2_leaf(const Stage2Descriptor& d, const TableRoot& root) {
    Decoded out;
    out.may.read = d.get(Stage2Descriptor::S2APRead);
    out.may.write = d.get(Stage2Descriptor::S2APWrite);
    out.may.user = true;
    // XN: 0 all, 1 unprivileged only, 2 none, 3 privileged only; without XNX bit 54 alone counts.
    const u64 xn = d.get(Stage2Descriptor::XN);
    const bool fine = has(root, fine_no_exec);
    out.may.execute = fine ? xn <= 1 : xn < 2;
    out.may.privileged_execute = fine ? xn == 0 || xn == 3 : xn < 2;
    out.clean = d.get(Stage2Descriptor::DBM) && !out.may.write;
    out.accessed = d.get(Stage2Descriptor::AF);
    out.device = (d.get(Stage2Descriptor::MemAttr) & 0b1100) == 0;
    return out;
}

u64 mark_stage2(u64 entry, bool written) {
    auto d = Stage2Descriptor::from_words({entry});
    d.set(Stage2Descriptor::AF, true);
    if (written) d.set(Stage2Descriptor::S2APWrite, true);
    return d.word(0);
}

// ---- both

/// DDI 0487 D8.7, the Contiguous bit: 16 leaves of 4 KiB granules; of 16 KiB ones 128 pages or 32 blocks; 32 of 64 KiB.
template <unsigned PageBits> unsigned group_bits(unsigned level) {
    if (level != last_level && !block_allowed(PageBits, level)) return 0;
    return PageBits == 12 ? 4 : PageBits == 14 && level == last_level ? 7 : 5;
}

/// Leaves of a group differ in their addresses, and in the marks that hardware sets in any one of them (D8.5).
template <unsigned PageBits, bool Second> u64 group_word(u64 entry, unsigned level, const TableRoot& root) {
    auto d = LeafDescriptor::from_words({entry});
    const bool modifiable = root.marks_written && d.get(LeafDescriptor::DBM);
    const u64 bytes = u64{1} << (index_shift<PageBits>(level) + group_bits<PageBits>(level));
    d.set(LeafDescriptor::OA, d.get(LeafDescriptor::OA).align_down(bytes));
    if (root.marks_used || !root.used_faults) d.set(LeafDescriptor::AF, true);
    if (modifiable) d.set(LeafDescriptor::AP2, Second); // S2AP[1], set: writable
    return d.word(0);
}

template <unsigned PageBits, bool Second> Decoded decode(u64 entry, unsigned level, const TableRoot& root) {
    const auto leaf = LeafDescriptor::from_words({entry}); // validity and address are at the same place in both stages
    if (!leaf.get(LeafDescriptor::Valid)) return {};
    const bool table_or_page = leaf.get(LeafDescriptor::Type);
    Decoded out;
    if (level < last_level && table_or_page) {
        if (Second) out.may = {true, true, true, true, true};
        else out = decode_stage1_table(TableDescriptor::from_words({entry}), root);
        out.kind = Decoded::Kind::Table;
        out.to = leaf.get(LeafDescriptor::OA).align_down(u64{1} << PageBits);
        return out;
    }
    if (!(level == last_level ? table_or_page : block_allowed(PageBits, level))) return out;
    out = Second ? decode_stage2_leaf(Stage2Descriptor::from_words({entry}), root) : decode_stage1_leaf(leaf, root);
    out.kind = Decoded::Kind::Leaf;
    out.grouped = leaf.get(LeafDescriptor::Contiguous);
    out.to = leaf.get(LeafDescriptor::OA).align_down(u64{1} << index_shift<PageBits>(level));
    return out;
}

constexpr const char* format_names[] = {"VMSAv8-64 4 KiB", "VMSAv8-64 16 KiB", "VMSAv8-64 64 KiB"};
template <unsigned PageBits, bool Second>
constexpr TableFormat format{format_names[(PageBits - 12) / 2],
                             PageBits == 16 ? 1 : 0,
                             last_level,
                             &index_shift<PageBits>,
                             &index_bits<PageBits>,
                             &decode<PageBits, Second>,
                             Second ? nullptr : &settle_stage1,
                             Second ? &mark_stage2 : &mark_stage1,
                             &group_bits<PageBits>,
                             &group_word<PageBits, Second>};

constexpr Granule granules[] = {
    {12, Granule0::K4, Granule1::K4, &format<12, false>, &format<12, true>},
    {14, Granule0::K16, Granule1::K16, &format<14, false>, &format<14, true>},
    {16, Granule0::K64, Granule1::K64, &format<16, false>, &format<16, true>},
};

/// A table of a root that is `bytes` long.
Spa aligned_table(Spa table, u64 bytes) { return table.align_down(std::max<u64>(64, bytes)); }
u64 entries_bytes(const Granule& g, unsigned level, unsigned input_bits) {
    const unsigned shift = g.stage1->index_shift(level);
    return u64{8} << (input_bits > shift ? input_bits - shift : 0);
}
unsigned input_bits_of(u64 size_code) { return 64 - static_cast<unsigned>(std::clamp<u64>(size_code, 16, 48)); }

} // namespace

const Granule& granule_of(Granule0 code) {
    const auto row =
        std::find_if(std::begin(granules), std::end(granules), [&](const Granule& g) { return g.tg0 == code; });
    return row == std::end(granules) ? granules[0] : *row;
}
const Granule& granule_of(Granule1 code) {
    const auto row =
        std::find_if(std::begin(granules), std::end(granules), [&](const Granule& g) { return g.tg1 == code; });
    return row == std::end(granules) ? granules[0] : *row;
}

unsigned start_level(const Granule& g, unsigned input_bits) {
    const unsigned stride = g.page_bits - 3;
    const unsigned levels = input_bits <= g.page_bits ? 1 : (input_bits - g.page_bits + stride - 1) / stride;
    return last_level + 1 - std::min(levels, last_level + 1);
}

u64 start_table_bytes(const Granule& g, unsigned input_bits) {
    return entries_bytes(g, start_level(g, input_bits), input_bits);
}

unsigned largest_size_code(const Granule& g, bool small_tables) {
    if (!small_tables) return 39;
    return g.page_bits == 16 ? 47 : 48;
}

TableRoot make_root(const Granule& g, u64 size_code, Spa table, bool disabled) {
    TableRoot root;
    root.present = true;
    root.disabled = disabled;
    root.format = g.stage1;
    root.input_bits = input_bits_of(size_code);
    root.start_level = start_level(g, root.input_bits);
    root.table = aligned_table(table, start_table_bytes(g, root.input_bits));
    return root;
}

std::optional<unsigned> stage2_start_level(const Granule& g, u64 sl0, bool small_tables) {
    // 3: level 3 of 4 KiB pages with small tables; else it takes 52-bit addresses.
    if (sl0 == 3) return g.page_bits == 12 && small_tables ? std::optional{3u} : std::nullopt;
    return static_cast<unsigned>((g.page_bits == 12 ? 2 : 3) - sl0);
}

bool stage2_fits(const Granule& g, unsigned level, unsigned input_bits) {
    const unsigned below = g.stage2->index_shift(level);
    constexpr unsigned concatenated = 4; // log2 of the tables
    return input_bits > below && input_bits <= below + (g.page_bits - 3) + concatenated;
}

TableRoot make_stage2_root(const Granule& g, u64 size_code, unsigned level, Spa table) {
    TableRoot root;
    root.present = true;
    root.format = g.stage2;
    root.input_bits = input_bits_of(size_code);
    root.start_level = level;
    root.table = aligned_table(table, entries_bytes(g, level, root.input_bits));
    return root;
}

} // namespace quiesce::iommu::smmuv3
