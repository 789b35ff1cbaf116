// SPDX-License-Identifier: Apache-2.0
/// The address spaces that a device tells apart, in translations that it keeps and in page requests: one for each PASID
/// and one without, each once per privilege.
#pragma once
#include "pcie/endpoint.h"

namespace quiesce::devices {

inline constexpr u32 without_pasid = 1u << 20, privileged_bit = 1u << 21;

constexpr u32 space_of(bool has_pasid, Pasid pasid, bool privileged) {
    return (has_pasid ? raw(pasid) : without_pasid) | (privileged ? privileged_bit : 0);
}
constexpr u32 space_of(const pcie::DmaRequest& r) { return space_of(r.has_pasid, r.pasid, r.privileged); }

} // namespace quiesce::devices
