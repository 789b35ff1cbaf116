// SPDX-License-Identifier: Apache-2.0
#include "pcie/ecam.h"

namespace quiesce::pcie {
namespace {
constexpr u32 register_mask = 0xfff;
} // namespace

/// Null: nobody there, or an access that no configuration request can carry.
FunctionPort* Ecam::port_at(u64 offset, unsigned size) const {
    if ((size != 1 && size != 2 && size != 4) || offset % 4 + size > 4) return nullptr;
    for (const auto& port : root_complex_.ports())
        if (function_at(port->requester()) == (offset & ~u64{register_mask})) return port.get();
    return nullptr;
}

sim::Task<void> Ecam::mmio_write(u64 offset, unsigned size, u64 value) {
    FunctionPort* const port = port_at(offset, size);
    if (port != nullptr)
        co_await port->config_write(static_cast<u32>(offset) & register_mask, size, static_cast<u32>(value));
}

sim::Task<u64> Ecam::mmio_read(u64 offset, unsigned size) {
    FunctionPort* const port = port_at(offset, size);
    if (port == nullptr) co_return size < 8 ? (u64{1} << 8 * size) - 1 : ~u64{0};
    const u32 value = co_await port->config_read(static_cast<u32>(offset) & register_mask, size);
    co_return value;
}

} // namespace quiesce::pcie
