// SPDX-License-Identifier: Apache-2.0
/// The driver of an IOMMU's performance monitors, with what `perf stat` asks of it: some events from boot to the end.
#pragma once
#include "os/kernel.h"

#include <string>
#include <utility>
#include <vector>

namespace quiesce::os::drivers {

class IommuMonitor {
public:
    virtual ~IommuMonitor() = default;
    /// Begins to count. The hardware must have the events and as many counters.
    virtual sim::Task<void> start(KernelContext& ctx) = 0;
    /// Ends it, and takes what was counted.
    virtual sim::Task<void> stop(KernelContext& ctx) = 0;
    virtual bool running() const = 0;
    /// By perf's names, as of the last interrupt or the end.
    virtual const std::vector<std::pair<std::string, u64>>& counts() const = 0;
};

} // namespace quiesce::os::drivers
