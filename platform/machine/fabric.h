// SPDX-License-Identifier: Apache-2.0
/// The fabric between the root complex and the devices: which switch is below which, and what firmware makes of it.
#pragma once
#include "pcie/root_complex.h"
#include "platform/config.h"

namespace quiesce::platform {

/// Switches that are not there, that are below themselves, that have too many ports; more buses than PCIe has.
void check_fabric(const Config& config, const Node& root, Diagnostics& out);
/// A link on the way to the device has faults, its own or one of a switch above it.
bool has_link_faults(const Config& config, const DeviceConfig& device);
/// Adds the switches and says where each device will be, by its number in the order of names; buses are numbered.
void build_fabric(pcie::RootComplex& root_complex, const Config& config);

} // namespace quiesce::platform
