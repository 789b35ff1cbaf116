// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/hypervisor.h"

#include "os/mm/address_space.h"

#include <algorithm>

namespace quiesce::os::drivers {
namespace {

constexpr unsigned entries_log2 = 9;

struct SecondStageBuilder {
    FrameAllocator& frames;
    const SecondStageFormat& format;
    unsigned leaf_level; ///< 1: pages of 4 KiB
    u64 end;

    /// Fills a table of `level` for the range that begins at `from`; returns where it is.
    Spa fill(u64 from, unsigned level, u64 tables) {
        const unsigned shift = page_shift + (level - 1) * entries_log2;
        const Spa table = frames.take_kernel(tables * page_size, tables * page_size);
        const u64 count = tables << entries_log2;
        for (u64 i = 0; i < count && from + (i << shift) < end; ++i) {
            const u64 at = from + (i << shift);
            u64 word = at | (level == 1 ? format.page : format.block);
            if (level != leaf_level) word = fill(at, level - 1, 1).value() | format.table;
            frames.memory().poke64(table + i * 8, word);
        }
        return table;
    }
};

} // namespace

SecondStage make_second_stage(FrameAllocator& frames, const SecondStageFormat& format, SecondStagePages pages,
                              unsigned levels, unsigned input_bits) {
    const unsigned one_table = page_shift + levels * entries_log2;
    const u64 tables = input_bits > one_table ? u64{1} << (input_bits - one_table) : 1;
    const unsigned leaf_level = pages == SecondStagePages::Small ? 1 : pages == SecondStagePages::Mega ? 2 : 3;
    SecondStageBuilder b{frames, format, leaf_level, std::min(frames.end().value(), u64{1} << input_bits)};
    return {b.fill(0, levels, tables), input_bits, levels};
}

} // namespace quiesce::os::drivers
