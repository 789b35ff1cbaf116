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

Decoded invalid() { return {}; }
bool beyond(Spa at, const Context& c) { return c.output_bits < 64 && (at.value() >> c.output_bits) != 0; }

Decoded decode_table(const TableDescriptor& d, unsigned page_bits, const Context& c) {
    Decoded out;
    out.to = d.get(TableDescriptor::NextTable).align_down(u64{1} << page_bits);
    out.kind = beyond(out.to, c) ? Decoded::Kind::BadAddress : Decoded::Kind::Table;
    // 5.1: hierarchical permissions only take away. MODEL: HADx is ignored, as IDR3.HAD is 0.
    out.may.read = true;
    out.may.write = !d.get(TableDescriptor::APTable1);
    out.may.user = !d.get(TableDescriptor::APTable0);
    out.may.execute = !(d.get(TableDescriptor::UXNTable) || d.get(TableDescriptor::PXNTable));
    return out;
}

Decoded decode_leaf(const LeafDescriptor& d, unsigned leaf_bits, bool globals, const Context& c) {
    Decoded out;
    out.to = d.get(LeafDescriptor::OA).align_down(u64{1} << leaf_bits);
    out.kind = beyond(out.to, c) ? Decoded::Kind::BadAddress : Decoded::Kind::Leaf;
    out.may.read = true;
    out.may.write = !d.get(LeafDescriptor::AP2);
    out.may.user = d.get(LeafDescriptor::AP1);
    // MODEL: one execute permission per entry: UXN for pages that unprivileged accesses may use, PXN for the others.
    out.may.execute = !d.get(out.may.user ? LeafDescriptor::UXN : LeafDescriptor::PXN);
    out.accessed = d.get(LeafDescriptor::AF);
    out.global = globals && !d.get(LeafDescriptor::nG);
    return out;
}

template <unsigned PageBits, bool Globals> Decoded decode(u64 entry, unsigned level, const Context& c) {
    const auto leaf = LeafDescriptor::from_words({entry});
    if (!leaf.get(LeafDescriptor::Valid)) return invalid();
    const bool table_or_page = leaf.get(LeafDescriptor::Type);
    if (level < last_level && table_or_page) return decode_table(TableDescriptor::from_words({entry}), PageBits, c);
    const bool leaf_here = level == last_level ? table_or_page : block_allowed(PageBits, level);
    return leaf_here ? decode_leaf(leaf, index_shift<PageBits>(level), Globals, c) : invalid();
}

template <unsigned PageBits, bool Globals>
constexpr TableFormat format{PageBits == 12   ? "VMSAv8-64 4 KiB"
                             : PageBits == 14 ? "VMSAv8-64 16 KiB"
                                              : "VMSAv8-64 64 KiB",
                             PageBits == 16 ? 1 : 0,
                             last_level,
                             &index_shift<PageBits>,
                             &index_bits<PageBits>,
                             &decode<PageBits, Globals>};

constexpr Granule granules[] = {
    {12, Granule0::K4, Granule1::K4, &format<12, true>, &format<12, false>},
    {14, Granule0::K16, Granule1::K16, &format<14, true>, &format<14, false>},
    {16, Granule0::K64, Granule1::K64, &format<16, true>, &format<16, false>},
};

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
    const unsigned shift = g.format->index_shift(start_level(g, input_bits));
    return u64{8} << (input_bits > shift ? input_bits - shift : 0);
}

TableRoot make_root(const Granule& g, u64 size_code, Spa table, bool disabled) {
    TableRoot root;
    root.present = true;
    root.disabled = disabled;
    root.input_bits = 64 - static_cast<unsigned>(std::clamp<u64>(size_code, 16, 39));
    root.start_level = start_level(g, root.input_bits);
    root.table = table.align_down(std::max<u64>(64, start_table_bytes(g, root.input_bits)));
    return root;
}

} // namespace quiesce::iommu::smmuv3
