// SPDX-License-Identifier: Apache-2.0
/// The hypervisor under a guest kernel: a second stage for its streams, as bytes in memory (IHI 0070 5.2, DDI 0487 D8.3).
/// Guest memory is where it is: intermediate addresses are physical ones.
/// MODEL: what the hypervisor does for a guest's commands and stream table entries (traps, or a command queue of the guest's
/// own) takes no time.
#pragma once
#include "base/address.h"
#include "os/drivers/smmuv3_queue.h"

namespace quiesce::os {
class FrameAllocator;
}

namespace quiesce::os::drivers {

/// Tables of the second stage: what a stream table entry says of them.
struct SecondStage {
    Spa table{0};
    unsigned input_bits = 0; ///< of intermediate addresses; walks start at level 1
};
/// Bits of intermediate addresses of a unit that puts out so many: one to sixteen tables of level 1.
unsigned second_stage_bits(unsigned output_bits);
/// Maps [0, end of RAM) to itself, for reading and writing. Takes no time: guests start on tables that are there.
SecondStage make_second_stage(FrameAllocator& frames, SecondStagePages pages, unsigned output_bits);

} // namespace quiesce::os::drivers
