// SPDX-License-Identifier: Apache-2.0
/// What firmware does to a fabric before an operating system boots: numbers of buses, and address windows of switches.
/// MODEL: in no time, once; nothing is numbered or placed again.
#pragma once
#include "pcie/root_complex.h"

namespace quiesce::pcie {

/// Depth first, from bus 1 on: a bus for each of `devices` that is below a root port, and for the first device of a
/// tree of switches the tree. Before the devices are attached: requester ids come from bus numbers.
/// Throws std::invalid_argument if there are more than 255 buses.
void number_buses(RootComplex& root_complex, unsigned devices);
/// What a window of a port begins and ends with a multiple of (7.5.1.3.8).
inline constexpr u64 window_step = u64{1} << 20;
/// The windows of all ports of switches around the BARs below them, and memory space and bus mastering on. The BARs of
/// what is below one port have megabytes of their own.
void open_windows(RootComplex& root_complex);

} // namespace quiesce::pcie
