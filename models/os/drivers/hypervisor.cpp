// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/hypervisor.h"

#include <algorithm>

namespace quiesce::os::drivers {
namespace {
constexpr unsigned entries_log2 = 9;
constexpr unsigned shift_of(unsigned level) { return page_shift + (level - 1) * entries_log2; }
} // namespace

/// The only guest has everything. One of several has RAM of its own, and what is below RAM (devices' registers,
/// interrupt messages) where it is.
std::vector<Hypervisor::Piece> Hypervisor::pieces_of(const FrameAllocator& memory) const {
    const u64 reach = u64{1} << shape_.input_bits;
    if (&memory == &own_) return {{0, std::min(memory.end().value(), reach), 0}};
    const u64 first = memory.guest_address(memory.first()).value(), end = memory.guest_address(memory.end()).value();
    return {{0, own_.first().value(), 0}, {first, std::min(end, reach), memory.displaced()}};
}

/// Large pages where no piece begins, ends or lies between them; the only piece has no neighbour to run into.
unsigned Hypervisor::leaf_level(const std::vector<Piece>& pieces) const {
    unsigned level = shape_.pages == SecondStagePages::Small ? 1 : shape_.pages == SecondStagePages::Mega ? 2 : 3;
    if (pieces.size() == 1) return level;
    const auto split = [&level](const Piece& p) {
        return ((p.first | p.end | p.displaced) & ((u64{1} << shift_of(level)) - 1)) != 0;
    };
    while (level > 1 && std::any_of(pieces.begin(), pieces.end(), split)) --level;
    return level;
}

Spa Hypervisor::take_tables(u64 count) {
    std::set<Spa>& spare = spare_[count];
    if (spare.empty()) return own_.take_kernel(count * page_size, count * page_size);
    const Spa first = *spare.begin();
    spare.erase(spare.begin());
    for (u64 at = 0; at < count * page_size; at += 8) own_.memory().poke64(first + at, 0);
    return first;
}

/// Fills a table of `level` for the range that begins at `from`; returns where it is.
Spa Hypervisor::fill(Guest& g, u64 from, unsigned level, u64 tables) {
    const unsigned shift = shift_of(level);
    const Spa table = take_tables(tables);
    g.tables.push_back({table, tables});
    const u64 count = tables << entries_log2;
    for (u64 i = 0; i < count; ++i) {
        const u64 at = from + (i << shift), end = at + (u64{1} << shift);
        const auto in = [at, end](const Piece& p) { return p.first < end && at < p.end; };
        const auto piece = std::find_if(g.pieces.begin(), g.pieces.end(), in);
        if (piece == g.pieces.end()) continue;
        u64 word = 0;
        if (level == g.leaf_level)
            word = (at + piece->displaced) | (level == 1 ? shape_.format.page : shape_.format.block);
        else
            word = fill(g, at, level - 1, 1).value() | shape_.format.table | (level - 1) * shape_.format.of_level;
        own_.memory().poke64(table + i * 8, word);
    }
    return table;
}

bool Hypervisor::begin(GuestId guest, const FrameAllocator& memory) {
    const auto number = free_.take(numbers_);
    if (!number) return false;
    Guest& g = guests_[guest];
    g.number = *number;
    g.pieces = pieces_of(memory);
    g.leaf_level = leaf_level(g.pieces);
    const unsigned one_table = page_shift + shape_.levels * entries_log2;
    const u64 tables = shape_.input_bits > one_table ? u64{1} << (shape_.input_bits - one_table) : 1;
    const Spa first = fill(g, 0, shape_.levels, tables);
    g.second = {first, shape_.input_bits, shape_.levels};
    return true;
}

void Hypervisor::end(GuestId guest) {
    const Guest& g = guests_.at(guest);
    for (const Tables& t : g.tables) spare_[t.count].insert(t.first);
    free_.give(g.number);
    guests_.erase(guest);
}

} // namespace quiesce::os::drivers
