// SPDX-License-Identifier: Apache-2.0
/// Which field of software's making decided how a request ended: for observers, as rows of `features` name it.
#pragma once
#include "base/names.h"
#include "iommu/amdvi/causes.h"
#include "iommu/context.h"

#include <span>
#include <string_view>

namespace quiesce::iommu::amdvi {

/// Why it cannot be had.
base::Name decided_by(Cause cause, const Fault& f, const TranslationRequest& r, const Context* context);
/// Why a page request may not be made: of a legal entry. `guests`: Control.GTEn.
base::Name decided_by(const Dte& e, bool has_pasid, bool guests);
/// Why a page fault has no entry in the log.
base::Name unrecorded_by(const TranslationRequest& r, bool all_suppressed);

/// As Fault::rule: why PASIDs have no tables, and why a device may not ask, or not use what it was told.
const char* why_no_guest(const Dte& e);
const char* why_no_iotlb(const Dte& e);

/// Everything that they can say, but for rules of device table entries, which come behind "DTE: ".
std::span<const std::string_view> deciding_fields();

} // namespace quiesce::iommu::amdvi
