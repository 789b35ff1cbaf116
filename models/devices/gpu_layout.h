// SPDX-License-Identifier: Apache-2.0
/// What the GPU and its driver share in memory: context descriptors, the interrupt ring, the headers of save areas.
#pragma once
#include "base/address.h"
#include "base/structure.h"
#include "devices/work_queue_regs.h"

namespace quiesce::devices::gpu {

using accelerator::Direction;
using accelerator::Pattern;

/// A context: whose it is, what its waves do, where its state is saved. The GPU reads it at MAP.
struct ContextDescriptor : base::Structure<ContextDescriptor, 128> {
    static constexpr F<bool> VALID{"VALID", 0, 0};
    static constexpr F<bool> PASID_VALID{"PASID_VALID", 1, 1}; ///< clear: its requests carry none
    static constexpr F<bool> PRIVILEGED{"PRIVILEGED", 2, 2};
    static constexpr F<bool> STUCK{"STUCK", 3, 3}; ///< its program never comes to a point where a wave can be preempted
    static constexpr F<bool> RESTORE{"RESTORE", 4, 4};         ///< its save area holds its state: go on from there
    static constexpr F<bool> SAVE_KERNEL{"SAVE_KERNEL", 5, 5}; ///< the save area is reached without the PASID
    static constexpr F<> WAVES{"WAVES", 15, 8};                ///< at most DEV_CAP.WAVES; 0: as many
    static constexpr F<Pasid> PASID{"PASID", 51, 32};
    static constexpr F<BondId> TAG{"TAG", 95, 64};   ///< opaque to the device: every request carries it
    static constexpr F<Iova> BASE{"BASE", 191, 128}; ///< what the waves work on: LENGTH bytes from BASE on
    static constexpr F<> LENGTH{"LENGTH", 255, 192};
    static constexpr F<Direction> DIRECTION{"DIRECTION", 257, 256};
    static constexpr F<Pattern> PATTERN{"PATTERN", 261, 260};
    static constexpr F<> READS{"READS", 270, 264};         ///< per cent of requests that read, for Mixed
    static constexpr F<> BYTES_MIN{"BYTES_MIN", 303, 288}; ///< bytes of a request: uniform in [BYTES_MIN, BYTES_MAX]
    static constexpr F<> BYTES_MAX{"BYTES_MAX", 319, 304};
    static constexpr F<> RATE{"RATE", 351, 320};   ///< nanoseconds from one request to the next; 0: as fast as it goes
    static constexpr F<> COUNT{"COUNT", 447, 384}; ///< requests until the work is done; 0: endless
    static constexpr F<Iova> SAVE_AREA{"SAVE_AREA", 511, 448};
    static constexpr auto fields =
        base::layout(VALID, PASID_VALID, PRIVILEGED, STUCK, RESTORE, SAVE_KERNEL, WAVES, PASID, TAG, BASE, LENGTH,
                     DIRECTION, PATTERN, READS, BYTES_MIN, BYTES_MAX, RATE, COUNT, SAVE_AREA);
    static_assert(base::disjoint(fields));
};

/// The first bytes of a save area; the state of the waves begins at its second page. Written last.
struct SaveHeader : base::Structure<SaveHeader, 64> {
    static constexpr F<> MAGIC{"MAGIC", 31, 0};
    static constexpr F<> WAVES{"WAVES", 47, 32};        ///< whose state follows
    static constexpr F<> REQUESTS{"REQUESTS", 127, 64}; ///< that the work has begun
    static constexpr auto fields = base::layout(MAGIC, WAVES, REQUESTS);
    static_assert(base::disjoint(fields));
};
inline constexpr u64 save_magic = 0x5a7e'c0de;

/// What an entry of the interrupt ring tells. Done: the work has ended. Unmapped: an UNMAP is complete; FAILED: the
/// state could not be written. Fault: an access found no translation. Invalid: MAP found no valid descriptor.
enum class Source : u8 { None = 0, Done = 1, Unmapped = 2, Fault = 3, Invalid = 4 };

struct InterruptEntry : base::Structure<InterruptEntry, 32> {
    static constexpr F<Source> SOURCE{"SOURCE", 7, 0};
    static constexpr F<bool> FAILED{"FAILED", 8, 8};
    static constexpr F<bool> WRITE{"WRITE", 9, 9};
    static constexpr F<> VMID{"VMID", 15, 12};
    static constexpr F<> CONTEXT{"CONTEXT", 31, 16};
    static constexpr F<Pasid> PASID{"PASID", 51, 32};
    static constexpr F<Iova> ADDRESS{"ADDRESS", 127, 64}; ///< of the fault
    static constexpr F<> TIME{"TIME", 191, 128};          ///< nanoseconds since power-on
    static constexpr auto fields = base::layout(SOURCE, FAILED, WRITE, VMID, CONTEXT, PASID, ADDRESS, TIME);
    static_assert(base::disjoint(fields));
};

/// The word at IR_WPTR_ADDR.
struct WritePointer : base::Structure<WritePointer, 8> {
    static constexpr F<> WPTR{"WPTR", 30, 0};
    static constexpr F<bool> OVERFLOW{"OVERFLOW", 31, 31};
    static constexpr auto fields = base::layout(WPTR, OVERFLOW);
    static_assert(base::disjoint(fields));
};

/// VMID 0 is the kernel's, for requests without a PASID; an engine has one for the context that it runs.
inline constexpr unsigned kernel_vmid = 0, first_user_vmid = 8, vmids = 16;

} // namespace quiesce::devices::gpu
