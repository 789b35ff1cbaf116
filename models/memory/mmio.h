// SPDX-License-Identifier: Apache-2.0
/// Register accesses and interrupts: what a CPU can reach that is not memory.
#pragma once
#include "base/address.h"
#include "sim/task.h"

namespace quiesce::memory {

/// A block of registers. Accesses arrive one after the other in the order the bus delivered them.
class MmioTarget {
public:
    virtual ~MmioTarget() = default;
    /// `size` is 4 or 8 (others read as zero and are ignored on write); takes the target's own time.
    virtual sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) = 0;
    virtual sim::Task<u64> mmio_read(u64 offset, unsigned size) = 0;
};

/// Where interrupts arrive.
class InterruptSink {
public:
    virtual ~InterruptSink() = default;
    /// A 32-bit write landed in the message window.
    virtual void message(Spa at, u32 data) = 0;
    /// An edge on a wired line.
    virtual void wire(unsigned line) = 0;
};

} // namespace quiesce::memory
