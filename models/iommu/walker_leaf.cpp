// SPDX-License-Identifier: Apache-2.0
/// What a leaf lets the transaction do, what is to be marked for it, and whether it stands for a group.
#include "iommu/walker_descent.h"

namespace quiesce::iommu {
namespace {
constexpr std::size_t most_grouped = 128; ///< leaves that any format lets say they are one
} // namespace

bool Walker::judge_leaf(Descent& d, const Decoded& entry) {
    Permissions own = entry.may;
    own.write = own.write || (entry.clean && (d.root.marks_written || d.root.written_faults));
    Permissions may = both(d.allowed, own);
    if (d.root.format->settle != nullptr) may = d.root.format->settle(may, d.root);
    const bool clean = may.write && !entry.may.write;
    TranslationRequest as_write = d.r;
    as_write.access = Access::Write;
    const bool writable = d.second || permits(may, as_write, d.c);
    d.mark_written = clean && d.for_write && writable && d.permitted(may);
    if (d.mark_written && !d.root.marks_written) {
        d.mark_written = false;
        return d.fault(FaultReason::AccessFlag, false);
    }
    d.mark_used = !entry.accessed && d.root.marks_used;
    if (d.mark_used && !d.permitted(may)) { // it stays unused, and so must not be kept
        d.mark_used = false;
        d.fault(FaultReason::Permission, d.use == Intermediate::Table);
        d.result.fault.may = may;
        return true;
    }
    WalkResult& result = d.result;
    result.ok = true;
    result.basis.leaf = d.tag(CacheKind::Translation, d.level);
    result.basis.leaf.global = entry.global;
    if (entry.size_log2 != 0) {
        result.basis.leaf.bytes = u64{1} << entry.size_log2;
        result.basis.leaf.at = d.input.align_down(result.basis.leaf.bytes);
    }
    Leaf& leaf = result.leaf;
    leaf = {entry.to, result.basis.leaf.bytes, may, entry.global, clean && !d.mark_written, entry.device, may, Gpa{0}};
    if (leaf.clean) leaf.may.write = false;
    d.grouped = entry.grouped && d.root.grouping != Grouping::Ignored;
    return true;
}

/// A group that is larger than the input range, or in which this entry is not where its input address says, is none:
/// then the entry stands for its own page (DDI 0487 D8.7: constrained unpredictable).
sim::Task<void> Walker::widen(Descent& d, Spa entry_at, u64 entry) {
    const unsigned bits = d.root.format->index_shift(d.level) + d.root.format->group_bits(d.level);
    Leaf& leaf = d.result.leaf;
    const u64 bytes = u64{1} << bits, inside = ~(leaf.bytes - 1) & (bytes - 1);
    const bool placed = bits <= d.root.input_bits && (leaf.to.value() & inside) == (d.input.value() & inside);
    if (!placed) co_return;
    if (d.root.grouping == Grouping::Checked) {
        const bool agrees = co_await group_agrees(d, entry_at, entry);
        if (!agrees) co_return;
    }
    leaf.to = leaf.to.align_down(bytes);
    leaf.bytes = bytes;
    d.result.basis.leaf.bytes = bytes;
    d.result.basis.leaf.at = d.input.align_down(bytes);
}

/// The whole group in one access, in beats. Its entries lie side by side, in one page whatever the second stage's is.
sim::Task<bool> Walker::group_agrees(Descent& d, Spa entry_at, u64 entry) {
    const TableFormat& f = *d.root.format;
    const unsigned count = 1u << f.group_bits(d.level), shift = f.index_shift(d.level);
    std::array<u64, most_grouped> entries{};
    const std::span<u64> read{entries.data(), count};
    const Spa first = entry_at.align_down(count * entry_bytes);
    occurrences_.note(Occurrence::WalkAccess, d.r.stream);
    const memory::Status status = co_await memory_.fetch(first, read, table_origin(d.r, d.level, d.second));
    if (status != memory::Status::Ok) co_return false;
    entries_read_ += count;
    co_await check_.pass();
    const u64 wanted = f.group_word(entry, d.level, d.root);
    for (u64 i = 0; i < count; ++i) {
        const Decoded one = f.decode(entries[i], d.level, d.root);
        const bool placed = one.kind == Decoded::Kind::Leaf && (one.to.value() >> shift & (count - 1)) == i;
        if (!placed || f.group_word(entries[i], d.level, d.root) != wanted) co_return false;
    }
    co_return true;
}

} // namespace quiesce::iommu
