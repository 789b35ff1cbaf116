// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/smmuv3_hypervisor.h"

#include "os/mm.h"

#include <algorithm>

namespace quiesce::os::drivers {
namespace {

// VMSAv8-64 stage 2, 4 KiB granule (facts/iommu-specs.md 5.1).
constexpr u64 table_word = 0x3;  // valid, table
constexpr u64 block_word = 0x7fd; // valid, normal write-back memory, S2AP read and write, inner shareable, AF
constexpr u64 page_word = 0x7ff;
constexpr unsigned entries_log2 = 9;

/// Fills a table of `level` for the range that begins at `from`; returns where it is.
Spa fill_table(FrameAllocator& frames, u64 from, u64 end, unsigned level, unsigned leaf_level, unsigned tables) {
    const unsigned shift = 12 + (3 - level) * entries_log2;
    const u64 bytes = u64{tables} * page_size;
    const Spa table = frames.take_kernel(bytes, bytes);
    const u64 count = u64{tables} << entries_log2;
    for (u64 i = 0; i < count && from + (i << shift) < end; ++i) {
        const u64 at = from + (i << shift);
        u64 word = at | (level == 3 ? page_word : block_word);
        if (level != leaf_level)
            word = fill_table(frames, at, end, level + 1, leaf_level, 1).value() | table_word;
        frames.memory().poke64(table + i * 8, word);
    }
    return table;
}

} // namespace

unsigned second_stage_bits(unsigned output_bits) { return std::clamp(output_bits, 32u, 43u); }

SecondStage make_second_stage(FrameAllocator& frames, SecondStagePages pages, unsigned output_bits) {
    const unsigned bits = second_stage_bits(output_bits);
    const unsigned tables = bits > 39 ? 1u << (bits - 39) : 1;
    const unsigned leaf_level = pages == SecondStagePages::Small ? 3 : pages == SecondStagePages::Mega ? 2 : 1;
    const u64 end = std::min(frames.end().value(), u64{1} << bits);
    return {fill_table(frames, 0, end, 1, leaf_level, tables), bits};
}

} // namespace quiesce::os::drivers
