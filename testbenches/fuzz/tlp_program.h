// SPDX-License-Identifier: Apache-2.0
/// A fuzzer's input as a program against a fabric of PCIe: which links, credits, faults and IOMMU it has; then packets
/// of functions, accesses of CPUs, and links that fail, biased to what is nearly right.
#pragma once
#include "fuzz/tlp_machine.h"

#include <span>

namespace quiesce::fuzz {

/// Runs the program, lets everything end, and looks at what must hold on the way. Ends the process if it does not.
TlpTally run_tlp_program(sim::Calendar& calendar, std::span<const u8> input);

} // namespace quiesce::fuzz
