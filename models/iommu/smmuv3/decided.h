// SPDX-License-Identifier: Apache-2.0
/// Which field of software's making decided how a transaction ended: for observers, as rows of `features` name it.
#pragma once
#include "base/names.h"
#include "iommu/context.h"
#include "iommu/smmuv3/layout.h"

#include <span>
#include <string_view>

namespace quiesce::iommu::smmuv3 {

/// Why it cannot be had.
base::Name decided_by(EventId id, const Fault& f, const TranslationRequest& r, const Context* context);
/// Why a fault that was met has no record.
base::Name unrecorded_by(EventId id, const Fault& f, const TranslationRequest& r, const Context* context);
/// Everything that they can say, but for what Fault::rule and Fault::quiet_by say.
std::span<const std::string_view> deciding_fields();

} // namespace quiesce::iommu::smmuv3
