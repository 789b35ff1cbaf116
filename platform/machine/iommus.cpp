// SPDX-License-Identifier: Apache-2.0
#include "platform/machine/iommus.h"

#include <algorithm>
#include <fmt/format.h>

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

void check_agent(const iommu::AgentConfig& agent, std::string_view unit, const Node& root, Diagnostics& out) {
    if (iommu::Geometry{agent.tlb_entries.get(), agent.tlb_ways.get()}.is_whole()) return;
    out.error(place_of(root, {"platform", "iommu", unit, "agent", "tlb_entries"}),
              fmt::format("platform.iommu.{}.agent.tlb_entries: {} is not {} ways times a power of two", unit,
                          agent.tlb_entries.get(), agent.tlb_ways.get()));
}

} // namespace quiesce::platform
