// SPDX-License-Identifier: Apache-2.0
/// Deliberate mistakes that a unit of any architecture can be given, to see whether somebody notices.
#pragma once
#include "base/param.h"

namespace quiesce::iommu {

/// early-sync: the command that waits (CMD_SYNC, wait descriptor, COMPLETION_WAIT) says that all is done, at once.
using Bugs = base::Param<std::vector<std::string>>;

inline Bugs no_bugs() {
    return {{}, "deliberate mistakes of the unit: early-sync (its fence reports completion without waiting)",
            base::one_of("early-sync"), base::Provenance::Guess};
}

inline bool has_bug(const Bugs& bugs, std::string_view name) {
    const std::vector<std::string>& there = bugs.get();
    return std::find(there.begin(), there.end(), name) != there.end();
}

} // namespace quiesce::iommu
