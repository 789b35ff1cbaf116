// SPDX-License-Identifier: Apache-2.0
/// A configuration space without a device, right behind the register bus: whoever writes to it is written down.
#pragma once
#include "memory/mmio.h"
#include "pcie/config_space.h"

#include <functional>
#include <vector>

namespace quiesce::os::test {

struct StubFunction final : memory::MmioTarget {
    explicit StubFunction(const pcie::FunctionConfig& c) : space(c) {}
    pcie::ConfigSpace space;
    struct Write {
        u64 offset;
        unsigned size;
        u64 value;
        bool operator==(const Write&) const = default;
    };
    std::vector<Write> writes;
    std::function<void(const Write&)> on_write;

    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override {
        writes.push_back({offset, size, value});
        if (on_write) on_write(writes.back());
        space.config_write(static_cast<u32>(offset), size, static_cast<u32>(value));
        co_return;
    }
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override {
        co_return space.config_read(static_cast<u32>(offset), size);
    }
};

} // namespace quiesce::os::test
