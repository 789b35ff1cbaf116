// SPDX-License-Identifier: Apache-2.0
/// What an IOMMU asks of the fabric: that a device's translation cache (ATC) forgets something (PCIe Base 10.3).
#pragma once
#include "base/address.h"
#include "base/names.h"
#include "sim/task.h"

namespace quiesce::iommu {

/// One Invalidate Request. `range.bytes` is a power of two of at least 4 KiB, and `range.first` a multiple of it.
struct AtcInvalidation {
    StreamId stream{};
    bool has_pasid = false; ///< false: whatever the PASID of an entry is
    Pasid pasid{};
    bool global = false;    ///< with a PASID: entries of every PASID that were given out as global
    bool everything = false; ///< the whole address space; `range` is not looked at
    IovaRange range{};
    base::Name unit{};       ///< whose command it is, and its sequence: for observers
    u64 sequence = 0;
};

enum class AtcAnswer : u8 {
    Completed,   ///< every completion arrived: no use of what was removed is left, its posted writes are at memory
    Unsupported, ///< the endpoint has no ATC, or it is off
    TimedOut,    ///< the function did not answer in time; nothing is promised
};

class AtsPort {
public:
    virtual ~AtsPort() = default;
    /// Sends the request and waits for all of its completions.
    virtual sim::Task<AtcAnswer> invalidate(AtcInvalidation what) = 0;
};

} // namespace quiesce::iommu
