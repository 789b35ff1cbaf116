// SPDX-License-Identifier: Apache-2.0
/// Presets of machines whose feature registers somebody has published.
#pragma once
#include "platform/config.h"

namespace quiesce::platform {

/// One for each of iommu::amdvi::machines(), of its name: an AMD-Vi unit that is like it as far as it is modelled.
std::vector<Preset> amdvi_presets();

} // namespace quiesce::platform
