// SPDX-License-Identifier: Apache-2.0
/// A packet as the bus carries it (PCIe Base 2.2, without FLIT mode): prefix, header and data, most significant byte of
/// each double word first. For who writes packets down; the models themselves pass them as values.
#pragma once
#include "pcie/tlp.h"

#include <array>
#include <vector>

namespace quiesce::pcie {

/// What comes before the data, and how much data there is.
struct TlpHeader {
    std::array<u8, prefix_bytes + long_header_bytes> bytes{};
    u8 size = 0;
    u8 skipped = 0;     ///< bytes of the data's first double word that are not enabled: the packet's own begin behind them
    u32 data_bytes = 0; ///< whole double words
};

/// `type_1`: a configuration request that is not for the lower end of the link.
TlpHeader header_of(const Tlp& t, bool type_1 = false);

/// Appends the data, so far as the simulation has it: all of `header.data_bytes`, or nothing. Bytes that are not enabled
/// are zero.
void append_data(const Tlp& t, const TlpHeader& header, std::vector<u8>& out);

} // namespace quiesce::pcie
