// SPDX-License-Identifier: Apache-2.0
#include "pcie/ecam.h"

namespace quiesce::pcie {
namespace {
constexpr u32 register_mask = 0xfff;
} // namespace

/// Nobody there, or an access that no configuration request can carry: all are null. Below a switch, its bus numbers
/// decide.
Switch::Target Ecam::target_of(u64 offset, unsigned size) const {
    if ((size != 1 && size != 2 && size != 4) || offset % 4 + size > 4) return {};
    const auto bus = static_cast<unsigned>(offset >> 20), device = static_cast<unsigned>(offset >> 15 & 0x1f),
               function = static_cast<unsigned>(offset >> 12 & 7);
    for (const auto& s : root_complex_.switches()) {
        if (s->above() != nullptr) continue;
        if (bus == s->upper_bus() && device == 0 && function == 0) return {nullptr, s.get(), &s->config_space()};
        const Switch::Target below = s->find(bus, device, function);
        if (below.function != nullptr || below.at != nullptr) return below;
    }
    for (const auto& port : root_complex_.ports())
        if (!port->is_below_switch() && function_at(port->requester()) == (offset & ~u64{register_mask}))
            return {port.get(), nullptr, nullptr};
    return {};
}

sim::Task<void> Ecam::mmio_write(u64 offset, unsigned size, u64 value) {
    const Switch::Target to = target_of(offset, size);
    const u32 at = static_cast<u32>(offset) & register_mask, bits = static_cast<u32>(value);
    if (to.function != nullptr) co_await to.function->config_write(at, size, bits);
    if (to.at != nullptr) co_await to.at->config_access(*to.registers, TlpKind::ConfigWrite, at, size, bits);
}

sim::Task<u64> Ecam::mmio_read(u64 offset, unsigned size) {
    const Switch::Target to = target_of(offset, size);
    const u32 at = static_cast<u32>(offset) & register_mask;
    u32 value = 0;
    if (to.function != nullptr) value = co_await to.function->config_read(at, size);
    else if (to.at != nullptr) value = co_await to.at->config_access(*to.registers, TlpKind::ConfigRead, at, size, 0);
    else co_return size < 8 ? (u64{1} << 8 * size) - 1 : ~u64{0};
    co_return value;
}

} // namespace quiesce::pcie
