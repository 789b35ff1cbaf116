// SPDX-License-Identifier: Apache-2.0
/// A configuration space as the text that `lspci -F FILE` reads.
#pragma once
#include "base/address.h"
#include "pcie/config_space.h"

#include <string>

namespace quiesce::pcie {

/// One function as `lspci -xxxx` prints it: a line that names it, 256 lines of 16 bytes, an empty line. The texts of
/// several functions, one after the other, are a file of all.
std::string lspci_dump(const ConfigSpace& config, RequesterId at);

} // namespace quiesce::pcie
