// SPDX-License-Identifier: Apache-2.0
#include "platform/iommus.h"

#include <algorithm>

namespace quiesce::platform {

const std::vector<const IommuRow*>& iommu_rows() {
    static const std::vector<const IommuRow*> rows{&smmuv3_row, &vtd_row};
    return rows;
}

const IommuRow* iommu_row(IommuKind kind) {
    const auto& rows = iommu_rows();
    const auto found = std::find_if(rows.begin(), rows.end(), [kind](const IommuRow* r) { return r->kind == kind; });
    return found == rows.end() ? nullptr : *found;
}

} // namespace quiesce::platform
