// SPDX-License-Identifier: Apache-2.0
/// A fuzzer's input as a program against an SMMUv3: which unit it is, what its memory holds at first, then steps of
/// software and devices, biased to what is nearly right.
#pragma once
#include "fuzz/machine.h"

#include <span>

namespace quiesce::fuzz {

/// Runs the program, ends it as software would, and looks at what must hold on the way. Ends the process if it does
/// not.
Tally run_smmuv3_program(sim::Calendar& calendar, std::span<const u8> input);

} // namespace quiesce::fuzz
