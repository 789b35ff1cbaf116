// SPDX-License-Identifier: Apache-2.0
#include "iommu/amdvi/page_table.h"

#include <algorithm>
#include <bit>

namespace quiesce::iommu::amdvi {
namespace {

bool has(const TableRoot& root, TableOption o) { return (root.options & o) != 0; }
unsigned index_bits(unsigned) { return 9; }

Decoded malformed(Flaw flaw) {
    Decoded out;
    out.kind = Decoded::Kind::Malformed;
    out.flaw = static_cast<u16>(flaw);
    return out;
}
/// What the device table entry allows holds for whatever its tables lead to.
Permissions settle(Permissions p, const TableRoot& root) {
    p.read = p.read && !has(root, no_read);
    p.write = p.write && !has(root, no_write);
    return p;
}

// ---- v1 -------------------------------------------------------------------------------------------------------------

constexpr unsigned host_page_level = 5; ///< level 1 of the manual
unsigned host_shift(unsigned level) { return 12 + (host_page_level - level) * 9; }
/// The manual's number.
constexpr unsigned host_level(unsigned level) { return host_page_level + 1 - level; }

/// log2 of the page of an entry with NextLevel 7: to the first zero of its address, from bit 12 on.
unsigned encoded_log2(Spa address) {
    return 13u + static_cast<unsigned>(std::countr_one(address.page_number()));
}

bool reserved_in_host_entry(const HostEntry& e, bool leaf, unsigned physical_bits) {
    if ((e.word(0) & HostEntry::Address.mask(0) & ~base::low_bits(physical_bits)) != 0) return true;
    constexpr u64 leaf_only = HostEntry::U.mask(0) | HostEntry::FC.mask(0);
    constexpr u64 reserved = base::low_bits(59) & ~base::low_bits(52);
    return (e.word(0) & (leaf ? reserved : reserved | leaf_only)) != 0;
}

Decoded decode_host_leaf(const HostEntry& e, unsigned level, const TableRoot& root) {
    Decoded out;
    out.kind = Decoded::Kind::Leaf;
    unsigned log2 = host_shift(level);
    if (e.get(HostEntry::NextLevel) == encoded_size) {
        log2 = encoded_log2(e.get(HostEntry::Address));
        // More than its level's own, and less than that of the level above.
        if (log2 <= host_shift(level) || log2 >= host_shift(level) + 9) return malformed(Flaw::LevelEncoding);
        out.size_log2 = static_cast<u8>(log2);
    }
    out.to = e.get(HostEntry::Address).align_down(u64{1} << log2);
    out.clean = e.get(HostEntry::IW) && has(root, marks_dirty) && !e.get(HostEntry::D);
    return out;
}

/// MODEL: a page that several entries say is marked in the one that was met.
Decoded decode_host(u64 entry, unsigned level, const TableRoot& root) {
    const auto e = HostEntry::from_words({entry});
    if (!e.get(HostEntry::PR)) return {};
    const u8 next = e.get(HostEntry::NextLevel);
    const bool leaf = next == own_size || next == encoded_size;
    if (reserved_in_host_entry(e, leaf, root.output_bits)) return malformed(Flaw::ReservedBit);
    Decoded out;
    if (leaf) {
        out = decode_host_leaf(e, level, root);
        if (out.kind == Decoded::Kind::Malformed) return out;
    } else {
        if (next >= host_level(level)) return malformed(Flaw::LevelEncoding);
        out.kind = Decoded::Kind::Table;
        out.to = e.get(HostEntry::Address);
        out.skips = static_cast<u8>(host_level(level) - next - 1);
        out.flaw = static_cast<u16>(Flaw::LevelEncoding);
    }
    out.may = {e.get(HostEntry::IR), e.get(HostEntry::IW) && !out.clean, true, true, true};
    out.accessed = !has(root, marks_access) || e.get(HostEntry::A);
    return out;
}

u64 mark_host(u64 entry, bool written) {
    auto e = HostEntry::from_words({entry});
    e.set(HostEntry::A, true);
    if (written) e.set(HostEntry::D, true);
    return e.word(0);
}

constexpr TableFormat host_format{"AMD v1", 0, host_page_level, &host_shift, &index_bits, &decode_host, &settle, &mark_host};

// ---- v2 -------------------------------------------------------------------------------------------------------------

constexpr unsigned guest_page_level = 4, directory_level = 3, pointer_level = 2;
unsigned guest_shift(unsigned level) { return 12 + (guest_page_level - level) * 9; }

/// Bits of the address field that an entry must keep clear: those above its width and, of a large page, those inside.
u64 reserved_in_guest_entry(unsigned level, bool leaf, unsigned width) {
    const u64 inside = leaf ? base::low_bits(guest_shift(level)) : 0;
    const u64 reserved = GuestEntry::Address.mask(0) & (inside | ~base::low_bits(width));
    return leaf && level != guest_page_level ? reserved & ~GuestEntry::PAT.mask(0) : reserved;
}

/// MODEL: G is taken for 0: a translation is of its PASID only.
Decoded decode_guest(u64 entry, unsigned level, const TableRoot& root) {
    const auto e = GuestEntry::from_words({entry});
    if (!e.get(GuestEntry::P)) return {};
    const bool may_be_large = level == directory_level || level == pointer_level;
    const bool leaf = level == guest_page_level || (e.get(GuestEntry::PS) && may_be_large);
    const unsigned width = has(root, guest_addresses) ? 52 : root.output_bits;
    const bool bad_size = e.get(GuestEntry::PS) && !leaf; // bit 7 is reserved in the entries of the upper tables
    const bool bad_nx = e.get(GuestEntry::NX) && !has(root, has_nx);
    if (bad_size || bad_nx || (entry & reserved_in_guest_entry(level, leaf, width)) != 0)
        return malformed(Flaw::ReservedBit);
    Decoded out;
    out.kind = leaf ? Decoded::Kind::Leaf : Decoded::Kind::Table;
    out.to = e.get(GuestEntry::Address);
    if (leaf) out.to = out.to.align_down(u64{1} << guest_shift(level));
    const bool execute = !e.get(GuestEntry::NX);
    out.clean = leaf && e.get(GuestEntry::RW) && !e.get(GuestEntry::D);
    out.may = {true, e.get(GuestEntry::RW) && !out.clean, execute, e.get(GuestEntry::US) || has(root, no_users), execute};
    out.accessed = e.get(GuestEntry::A);
    return out;
}

u64 mark_guest(u64 entry, bool written) {
    auto e = GuestEntry::from_words({entry});
    e.set(GuestEntry::A, true);
    if (written) e.set(GuestEntry::D, true);
    return e.word(0);
}

constexpr TableFormat guest_format{"AMD v2",      0,       guest_page_level, &guest_shift, &index_bits,
                                   &decode_guest, &settle, &mark_guest};

} // namespace

TableRoot make_host_table(u8 mode, Spa table, u8 options, unsigned physical_bits) {
    TableRoot root;
    root.present = true;
    root.format = &host_format;
    root.start_level = host_page_level + 1 - mode;
    root.input_bits = std::min(host_shift(root.start_level) + 9, 64u);
    root.output_bits = physical_bits;
    root.options = options;
    root.table = table.align_down(page_size);
    root.marks_used = has(root, marks_access);
    root.marks_written = has(root, marks_dirty);
    root.used_faults = false;
    root.tables_too = true;
    return root;
}

std::array<TableRoot, 2> make_guest_table(GuestPaging levels, Spa table, u8 options, unsigned bits) {
    TableRoot low;
    low.present = true;
    low.format = &guest_format;
    low.start_level = levels == GuestPaging::Levels5 ? 0 : 1;
    low.input_bits = guest_shift(low.start_level) + 9 - 1; // the bit above is the sign
    low.output_bits = bits;
    low.options = options;
    low.marks_used = low.marks_written = true;
    low.used_faults = false;
    low.tables_too = true;
    low.table = table.align_down(page_size);
    TableRoot high = low;
    high.table = low.table + page_size / 2;
    return {low, high};
}

} // namespace quiesce::iommu::amdvi
