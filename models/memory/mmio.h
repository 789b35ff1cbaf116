// SPDX-License-Identifier: Apache-2.0
/// Register accesses and interrupts: what a CPU can reach that is not memory.
#pragma once
#include "base/address.h"
#include "sim/task.h"

#include <array>
#include <cstddef>

namespace quiesce::memory {

/// 64 bytes that a CPU writes at once: MOVDIR64B and ENQCMD on x86, ST64B and ST64BV0 on Arm.
struct Line {
    static constexpr unsigned byte_count = 64;
    std::array<std::byte, byte_count> bytes{};
    BondId bond{}; ///< whose work it is, in truth: no hardware acts on it
};

/// How a line was answered that is not posted. Failed: nobody could take it, or no answer came.
enum class Enqueued : u8 { Accepted, Retry, Failed };

/// A block of registers. Accesses arrive one after the other in the order the bus delivered them.
class MmioTarget {
public:
    virtual ~MmioTarget() = default;
    /// `size` is 4 or 8 (others read as zero and are ignored on write); takes the target's own time.
    virtual sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) = 0;
    virtual sim::Task<u64> mmio_read(u64 offset, unsigned size) = 0;
    /// A posted line. A block of registers that takes none ignores it.
    virtual sim::Task<void> write_line(u64, Line) { co_return; }
    /// A line that is not posted: the answer says whether it was taken. Several may be under way.
    virtual sim::Task<Enqueued> enqueue(u64, Line) { co_return Enqueued::Failed; }
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
