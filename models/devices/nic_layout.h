// SPDX-License-Identifier: Apache-2.0
/// Descriptors of the network interface's rings, in memory.
#pragma once
#include "base/address.h"
#include "base/structure.h"

namespace quiesce::devices::nic {

/// Software fills ADDRESS and LENGTH of a buffer, of a packet to be sent. The device writes the second word back:
/// LENGTH of what it received, DONE, and ERROR if the buffer could not be reached or was too small.
struct Descriptor : base::Structure<Descriptor, 16> {
    static constexpr F<Iova> ADDRESS{"ADDRESS", 63, 0};
    static constexpr F<> LENGTH{"LENGTH", 79, 64};
    static constexpr F<bool> DONE{"DONE", 80, 80};
    static constexpr F<bool> ERROR{"ERROR", 81, 81};
    static constexpr auto fields = base::layout(ADDRESS, LENGTH, DONE, ERROR);
    static_assert(base::disjoint(fields));
};

inline constexpr u32 max_log2size = 15; ///< descriptors of a ring, as a power of two

} // namespace quiesce::devices::nic
