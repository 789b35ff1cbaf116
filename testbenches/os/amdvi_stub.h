// SPDX-License-Identifier: Apache-2.0
/// The registers of an AMD-Vi unit, and its command buffer, as a test wants them to be. Nothing here knows the model's
/// layout: offsets and bits are those of facts/iommu-specs.md section 3.
#pragma once
#include "os/drivers/amdvi_driver.h"
#include "os/stub_unit.h"

namespace quiesce::os::test::amdvi {

using sim::Duration;
using sim::Task;
using sim::Time;
using Pair = std::array<u64, 2>;
constexpr Spa registers{0xfed8'0000};

/// A range of pages (3.3): S, and ones from bit 12 on.
inline std::string sized(u64 word) { return test::sized(word, (word & 1) != 0); }

/// One command as the sheet's 3.3 says; an unexpected bit shows as "?".
inline std::string decode(const Pair& c) {
    const auto odd = [&](u64 low, u64 high) {
        return (c[0] & ~(low | 0xf000'0000'0000'0000)) != 0 || (c[1] & ~high) != 0 ? "?" : "";
    };
    const u64 pages = ~u64{0xffe}; // S and address
    switch (c[0] >> 60) {
    case 1:
        return std::string{"wait"} + ((c[0] & 1) != 0 ? " store" : "") + ((c[0] & 2) != 0 ? " interrupt" : "") +
               ((c[0] & 4) != 0 ? " flush" : "") + odd(0x000f'ffff'ffff'ffff, ~u64{0});
    case 2: return "devtab " + hex(c[0] & 0xffff) + odd(0xffff, 0);
    case 3:
        return "pages domain " + hex(c[0] >> 32 & 0xffff) + ((c[1] & 4) != 0 ? " pasid " + hex(c[0] & 0xfffff) : "") +
               ((c[1] & 2) != 0 ? " pde" : "") + sized(c[1]) + odd(0x0000'ffff'000f'ffff, pages | 6);
    case 4: {
        const u64 pasid = (c[0] >> 16 & 0xff) << 8 | (c[0] >> 48 & 0xff);
        return "iotlb " + hex(c[0] & 0xffff) + " queue " + hex(c[0] >> 32 & 0xffff) +
               ((c[1] & 4) != 0 ? " pasid " + hex(pasid) : "") + sized(c[1]) + odd(0x00ff'ffff'ffff'ffff, pages | 4);
    }
    case 7: {
        const u64 code = c[1] >> 44 & 15;
        return "ppr " + hex(c[0] & 0xffff) + ((c[1] & 4) != 0 ? " pasid " + hex(c[0] >> 32 & 0xfffff) : "") + " tag " +
               hex(c[1] >> 32 & 0x1ff) + (code == 0 ? " success" : code == 1 ? " invalid" : code == 15 ? " failure" : "?") +
               odd(0x000f'ffff'0000'ffff, 0x0000'f1ff'0000'0004);
    }
    case 8: return std::string{"everything"} + odd(0, 0);
    default: return "?" + hex(c[0]);
    }
}

/// Each write of the command tail makes it fetch, one command after the other, each `period` apart.
struct StubUnit final : QueueStub<2> {
    explicit StubUnit(memory::SystemMemory& m) : QueueStub(m, decode) {}
    /// PPR NX GT IA, GLX=2 levels, PASMax=16 bits, MsiCapMmio, GIo.
    u64 efr = 0x5a | u64{1} << 14 | u64{15} << 32 | u64{1} << 46 | u64{1} << 48;

    u64 tail() { return values[0x2008] >> 4; }
    u64 entries() { return u64{1} << (values[0x8] >> 56 & 15); }
    Task<void> mmio_write(u64 offset, unsigned, u64 value) override {
        writes.emplace_back(offset, value);
        if (offset == 0x2020) values[0x2020] &= ~value; // RW1C
        else values[offset] = value;
        if (offset == 0x18 && (value >> 12 & 1) == 0) head = 0;
        if (offset == 0x2008 && !std::exchange(running, true)) sim::spawn(consume());
        co_return;
    }
    Task<u64> mmio_read(u64 offset, unsigned) override {
        if (offset == 0x30) co_return efr;
        if (offset == 0x2000) co_return u64{head} << 4;
        co_return values.contains(offset) ? values.at(offset) : 0;
    }
    Task<void> consume() {
        while (!stuck && head != tail() && (values[0x18] >> 12 & 1) != 0) {
            co_await sim::delay(period);
            const Pair c = entry_at(Spa{(values[0x8] & 0x000f'ffff'ffff'f000) + u64{16} * head});
            note(c);
            if (c[0] >> 60 == 1 && (c[0] & 1) != 0)
                memory.cpu_port().poke64(Spa{c[0] & 0x000f'ffff'ffff'fff8}, c[1]);
            head = (head + 1) & static_cast<u32>(entries() - 1);
        }
        running = false;
    }
};

} // namespace quiesce::os::test::amdvi
