// SPDX-License-Identifier: Apache-2.0
/// What `stress` runs: a whole scenario drawn from a seed. Devices are well-mannered, links have no faults, and whoever holds
/// anything ends: whatever is drawn, a correct system has no violation.
#pragma once
#include "os/eras.h"
#include "platform/config.h"

#include <string>
#include <vector>

namespace quiesce::platform {

/// An architecture, and how its kernel tears down.
struct Footing {
    IommuKind iommu;
    os::Policy policy;
    os::KernelVersion kernel;
    bool page_requests = true; ///< devices may ask for pages

    std::string text() const; ///< "smmuv3 6.12 quiet-unbind"
};

/// Those that are claimed to be safe, some of them as long as no device asks for pages; `sets` (`--set` values) go
/// before: of what they choose, or else everything that there is of it.
std::vector<Footing> footings_for(const std::vector<std::string>& sets);

struct Drawn {
    Footing footing;
    std::string text; ///< the scenario
};
/// The same for the same seed and footings, of which there must be one.
Drawn draw_scenario(u64 seed, const std::vector<Footing>& from);

} // namespace quiesce::platform
