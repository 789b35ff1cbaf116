// SPDX-License-Identifier: Apache-2.0
/// One ring for every architecture: the arithmetic of producer and consumer indices, in two policies. Where the entries
/// lie and how long it takes to move them is somebody else's business.
#pragma once
#include "base/types.h"

namespace quiesce::base {

/// Index plus wrap bit in one register value (SMMUv3 queues): 2^log2size entries, all usable. Bits above the wrap bit
/// are ignored, so a register that keeps flags there can be passed whole. `log2size` is 0 to 30.
struct WrapBit {
    static constexpr u32 index(u32 position, u32 log2size) { return position & ((u32{1} << log2size) - 1); }
    static constexpr bool wrap(u32 position, u32 log2size) { return (position >> log2size & 1) != 0; }
    static constexpr u32 clean(u32 position, u32 log2size) { return position & ((u32{2} << log2size) - 1); }
    static constexpr u32 capacity(u32 log2size) { return u32{1} << log2size; }
    static constexpr u32 next(u32 position, u32 log2size, u32 steps = 1) { return clean(position + steps, log2size); }
    /// Steps from `from` forward to `to`.
    static constexpr u32 distance(u32 from, u32 to, u32 log2size) { return clean(to - from, log2size); }
};

/// Plain indices, one slot kept empty so that full and empty differ (VT-d, AMD-Vi, RISC-V): 2^log2size - 1 usable.
struct HeadTail {
    static constexpr u32 index(u32 position, u32 log2size) { return position & ((u32{1} << log2size) - 1); }
    static constexpr bool wrap(u32, u32) { return false; }
    static constexpr u32 clean(u32 position, u32 log2size) { return index(position, log2size); }
    static constexpr u32 capacity(u32 log2size) { return (u32{1} << log2size) - 1; }
    static constexpr u32 next(u32 position, u32 log2size, u32 steps = 1) { return index(position + steps, log2size); }
    static constexpr u32 distance(u32 from, u32 to, u32 log2size) { return index(to - from, log2size); }
};

/// The two ends of one ring. `prod` and `cons` are register values, and may be anything a guest wrote: `consistent()`
/// tells whether they can have come from a queue that was used properly.
template <class Policy>
struct RingIndices {
    u32 log2size = 0;
    u32 prod = 0;
    u32 cons = 0;

    constexpr u32 capacity() const { return Policy::capacity(log2size); }
    constexpr u32 used() const { return Policy::distance(cons, prod, log2size); }
    constexpr bool consistent() const { return used() <= capacity(); }
    constexpr u32 free() const { return consistent() ? capacity() - used() : 0; }
    constexpr bool empty() const { return used() == 0; }
    /// Also when the indices are not consistent: nothing may be added then.
    constexpr bool full() const { return used() >= capacity(); }

    /// Slots of the next entry to write and of the next entry to read.
    constexpr u32 prod_index() const { return Policy::index(prod, log2size); }
    constexpr u32 cons_index() const { return Policy::index(cons, log2size); }
    constexpr bool prod_wrap() const { return Policy::wrap(prod, log2size); }
    constexpr bool cons_wrap() const { return Policy::wrap(cons, log2size); }
    constexpr u32 next(u32 position, u32 steps = 1) const { return Policy::next(position, log2size, steps); }

    /// False, and no change, if there is not room for `entries`.
    constexpr bool produce(u32 entries = 1) {
        if (free() < entries) return false;
        prod = next(prod, entries);
        return true;
    }
    /// False, and no change, if fewer than `entries` are in the queue.
    constexpr bool consume(u32 entries = 1) {
        if (used() < entries) return false;
        cons = next(cons, entries);
        return true;
    }

    /// The entry written when `prod` had the value `position` has not been consumed yet. What a driver polls for: it
    /// holds as long as it looks before the ring has gone round once more.
    constexpr bool outstanding(u32 position) const { return Policy::distance(cons, position, log2size) < used(); }
};

} // namespace quiesce::base
