// SPDX-License-Identifier: Apache-2.0
/// What is wrong with a device table entry (AMD 48882 2.2.2.1; facts/iommu-specs.md 3.2). One with V=0 is not asked about,
/// nor are the bits that are for interrupts.
#pragma once
#include "iommu/amdvi/causes.h"
#include "iommu/amdvi/config.h"

#include <span>
#include <string_view>

namespace quiesce::iommu::amdvi {

struct EntryRule {
    std::string_view reason;
    Cause cause;
    bool (*broken)(const Dte& e, const Identity& id);
};
std::span<const EntryRule> entry_rules();
/// The first rule that is broken; null: the entry is legal.
const EntryRule* why_refused(const Dte& e, const Identity& id);

/// The levels of the GCR3 table. GLX does not count where there is only one level.
constexpr unsigned gcr3_levels(const Dte& e, const Identity& id) {
    return id.efr.get(Efr::GLXSup) == 0 ? 1u : e.get(Dte::GLX) + 1u;
}

} // namespace quiesce::iommu::amdvi
