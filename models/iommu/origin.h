// SPDX-License-Identifier: Apache-2.0
/// What memory is told of a unit's own reads and writes: for whose request they are.
#pragma once
#include "iommu/translation.h"
#include "memory/memory_port.h"

namespace quiesce::iommu {

inline memory::Origin origin_of(const TranslationRequest& r, memory::Purpose purpose) {
    memory::Origin o;
    o.purpose = purpose;
    o.device = r.device;
    o.bond = r.bond;
    o.has_pasid = r.has_pasid;
    o.pasid = r.pasid;
    o.aimed_at = r.at;
    o.transaction = r.transaction;
    return o;
}
/// Of the structures that lead from a stream to its tables.
inline memory::Origin structure_origin(const TranslationRequest& r) { return origin_of(r, memory::Purpose::Structure); }

} // namespace quiesce::iommu
