// SPDX-License-Identifier: Apache-2.0
/// The enhanced configuration access mechanism (PCIe Base 7.2.2): the configuration spaces of all functions as one
/// window of memory-mapped registers, 4 KiB each.
#pragma once
#include "pcie/root_complex.h"

namespace quiesce::pcie {

/// Offsets are bus << 20 | device << 15 | function << 12 | register. Accesses of 1, 2 or 4 bytes within a double word
/// go to the function as configuration requests. Others, and those to functions that are not there, read all ones and
/// write nothing (MODEL: without time; a real root complex waits for the link's Unsupported Request).
class Ecam final : public memory::MmioTarget {
public:
    static constexpr u64 bytes_per_bus = u64{1} << 20;
    static constexpr u64 function_at(RequesterId r) { return u64{static_cast<u16>(r)} << 12; }

    explicit Ecam(RootComplex& root_complex) : root_complex_(root_complex) {}

    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override;
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override;

private:
    Switch::Target target_of(u64 offset, unsigned size) const;
    RootComplex& root_complex_;
};

} // namespace quiesce::pcie
