// SPDX-License-Identifier: Apache-2.0
/// The hypervisor under a guest kernel: a second stage for its devices, as bytes in memory. Guest memory is where it
/// is: guest-physical (intermediate) addresses are physical ones.
/// MODEL: what the hypervisor does for a guest's commands and table entries (traps, or a command queue of the guest's
/// own) takes no time.
#pragma once
#include "base/address.h"
#include "base/describe.h"

namespace quiesce::os {
class FrameAllocator;
}

namespace quiesce::os::drivers {

enum class SecondStagePages : u8 { Small, Mega, Giga };
constexpr auto enum_names(SecondStagePages) {
    return base::name_table<SecondStagePages>(
        {{SecondStagePages::Small, "4KiB"}, {SecondStagePages::Mega, "2MiB"}, {SecondStagePages::Giga, "1GiB"}});
}

/// Entries of an architecture's second stage that map for reading and writing, without their addresses. Tables have 512
/// entries of 8 bytes.
struct SecondStageFormat {
    u64 table, page, block;
};

/// Tables of a second stage. The first is as many tables in a row as its input addresses need.
struct SecondStage {
    Spa table{0};
    unsigned input_bits = 0, levels = 0;
};

/// Maps [0, end of RAM), or what of it `input_bits` reach, to itself. Takes no time: guests start on tables that are
/// there.
SecondStage make_second_stage(FrameAllocator& frames, const SecondStageFormat& format, SecondStagePages pages,
                              unsigned levels, unsigned input_bits);

} // namespace quiesce::os::drivers
