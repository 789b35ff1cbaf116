// SPDX-License-Identifier: Apache-2.0
#include "platform/machine/iommus.h"

#include <algorithm>

namespace quiesce::platform {

const std::vector<const IommuRow*>& iommu_rows() {
    static const std::vector<const IommuRow*> rows{&smmuv3_row, &vtd_row, &amdvi_row};
    return rows;
}

const IommuRow* iommu_row(IommuKind kind) {
    const auto& rows = iommu_rows();
    const auto found = std::find_if(rows.begin(), rows.end(), [kind](const IommuRow* r) { return r->kind == kind; });
    return found == rows.end() ? nullptr : *found;
}

std::vector<BugHelp> iommu_bugs() {
    return {{"early-sync", "the IOMMU signals a fence (CMD_SYNC, wait descriptor, COMPLETION_WAIT) before its work is done",
             "mm-exit-under-load", {"platform.iommu.bugs=[early-sync]"}, {"lying-fence"}}};
}

} // namespace quiesce::platform
