// SPDX-License-Identifier: Apache-2.0
/// The SMMUv3 driver on the real unit, with somebody who writes down every register write and, at each doorbell, what
/// lies in the command queue. Nothing here knows the model's layout: bits are those of facts/iommu-specs.md section 1.
#pragma once
#include "iommu/smmuv3/unit.h"
#include "os/drivers/smmuv3_driver.h"
#include "os/function_machine.h"
#include "os/timed_log.h"

namespace quiesce::os::test::smmuv3 {

using sim::Duration;
using sim::Task;
using sim::Time;
using test::with_atc, test::without_atc, test::Words;
constexpr Spa registers{0x0904'0000};

/// One command as the sheet's 1.6 says; an unexpected bit shows as "?".
inline std::string decode(u64 w0, u64 w1) {
    const std::string sid = " sid " + hex(w0 >> 32), ssid = " ssid " + hex(w0 >> 12 & 0xfffff);
    const std::string asid = " asid " + hex(w0 >> 48), leaf = (w1 & 1) != 0 ? " leaf" : "";
    const std::string vmid = (w0 >> 32 & 0xffff) != 0 ? " vmid " + hex(w0 >> 32 & 0xffff) : "";
    const std::string va = " va " + hex(w1 >> 12 << 12);
    switch (w0 & 0xff) {
    case 0x03: return "CFGI_STE" + sid + leaf + ((w0 & 0xffff'ff00) != 0 || w1 > 1 ? "?" : "");
    case 0x04: return (w1 & 31) == 31 ? "CFGI_ALL" : "CFGI_STE_RANGE?";
    case 0x05: return "CFGI_CD" + sid + ssid + leaf + ((w0 & 0xf00) != 0 || w1 > 1 ? "?" : "");
    case 0x10: return "TLBI_NH_ALL" + vmid + ((w0 & 0xffff'0000'ffff'ff00) != 0 || w1 != 0 ? "?" : "");
    case 0x11: return "TLBI_NH_ASID" + vmid + asid + ((w0 & 0xffff'ff00) != 0 || w1 != 0 ? "?" : "");
    case 0x12: return "TLBI_NH_VA" + vmid + asid + va + leaf + ((w0 & 0xffff'ff00) != 0 || (w1 & 0xffe) != 0 ? "?" : "");
    case 0x28: return "TLBI_S12_VMALL" + vmid + ((w0 & 0xffff'0000'ffff'ff00) != 0 || w1 != 0 ? "?" : "");
    case 0x30: return "TLBI_NSNH_ALL";
    case 0x40: {
        const std::string size = (w1 & 63) == 52 ? " all" : " size " + std::to_string(w1 & 63) + " at " + hex(w1 >> 12 << 12);
        return "ATC_INV" + sid + ((w0 >> 11 & 1) != 0 ? ssid : "") + size + ((w0 & 0x700) != 0 ? "?" : "");
    }
    case 0x41: {
        const char* const codes[] = {" failure", " invalid", " success", "?"};
        return "PRI_RESP" + sid + ((w0 >> 11 & 1) != 0 ? ssid : "") + " group " + hex(w1 & 0x1ff) +
               codes[w1 >> 12 & 3] + ((w0 & 0x700) != 0 || (w1 & ~u64{0x31ff}) != 0 ? "?" : "");
    }
    case 0x44: {
        const char* const ends[] = {" zero", " retry", " abort", "?"};
        return "RESUME" + sid + " stag " + hex(w1 & 0xffff) + ends[w0 >> 12 & 3] +
               ((w0 & 0xffff'cf00) != 0 || w1 >> 16 != 0 ? "?" : "");
    }
    case 0x46: return "SYNC";
    default: return "?" + hex(w0 & 0xff);
    }
}

struct Spy final : memory::MmioTarget {
    Spy(memory::SystemMemory& m, memory::MmioTarget& t) : memory(m), target(t) {}
    memory::SystemMemory& memory;
    memory::MmioTarget& target;
    u64 queue = 0;
    u32 prod = 0;
    std::vector<std::pair<u64, u64>> writes;
    Words commands;
    std::function<void()> on_doorbell;

    Task<void> mmio_write(u64 offset, unsigned size, u64 value) override {
        writes.emplace_back(offset, value);
        if (offset == 0x90) queue = value;
        if (offset == 0x98) doorbell(static_cast<u32>(value));
        co_await target.mmio_write(offset, size, value);
    }
    Task<u64> mmio_read(u64 offset, unsigned size) override { return target.mmio_read(offset, size); }
    void doorbell(u32 to) {
        const u32 log2size = queue & 0x1f;
        if (to != prod && on_doorbell) on_doorbell();
        for (; prod != to; prod = (prod + 1) & ((2u << log2size) - 1)) {
            const Spa at{(queue & 0x00ff'ffff'ffff'ffe0) + 16 * (prod & ((1u << log2size) - 1))};
            commands.push_back(decode(memory.cpu_port().peek64(at), memory.cpu_port().peek64(at + 8)));
        }
    }
};

/// Nobody answers for the function's ATC: the unit's CMD_ATC_INV go nowhere.
struct Bench : FunctionMachine {
    explicit Bench(KernelVersion version = KernelVersion::V6_12, std::vector<std::string> bugs = {},
                   const iommu::smmuv3::Smmuv3Config& unit_config = {},
                   const pcie::FunctionConfig& device_config = without_atc(),
                   const drivers::Smmuv3DriverConfig& driver_settings = {},
                   std::optional<drivers::FirmwareNode> node = std::nullopt,
                   Suppression suppression = Suppression::Hardware, unsigned guests = 1)
        : FunctionMachine({.version = version,
                           .bugs = std::move(bugs),
                           .function = device_config,
                           .drain = {},
                           .suppression = suppression,
                           .guests = guests},
                          IommuArch::Smmuv3),
          driver_config(driver_settings) {
        device.node = node;
        unit.emplace("smmu", events, memory.walk_port(), &kernel->interrupts(), unit_config);
        spy.emplace(memory, *unit);
        mmio.map(registers, unit->register_bytes(), *spy, "smmu");
        function.on_write = [this](const StubFunction::Write& w) {
            if (w.offset >= 0x100) enables.emplace_back(w.offset, std::ssize(spy->commands));
        };
        driver.emplace("smmu", *kernel, driver_config, registers, std::function<u64(unsigned)>{});
        boot(*driver);
        mm.emplace(MmId{77}, "app", config.mm, kernel->frames());
        bond.emplace(BondId{1}, *mm, device);
        bond->stream = device.stream();
        bond->pasid = Pasid{0x405};
        bond->asid = Asid{0x1234};
    }
    ~Bench() { calendar.shutdown(); }
    u64 reg(u64 offset, unsigned size = 4) {
        u64 value = 0;
        in_kernel([&](KernelContext& ctx) -> Task<void> { value = co_await ctx.mmio_read(registers + offset, size); });
        return value;
    }
    /// The commands that `call` issued, as they lay in memory when the doorbell rang.
    template <class Call> Words commands(Call call) {
        spy->commands.clear();
        in_kernel([&](KernelContext& ctx) -> Task<void> {
            const bool seen = co_await call(ctx);
            returned = sim::now();
            fence_seen = seen;
        });
        return spy->commands;
    }
    Words bind() { return commands([&](KernelContext& c) { return driver->set_pasid(c, *bond); }); }
    Words quiet() { return commands([&](KernelContext& c) { return driver->quiet_pasid(c, *bond); }); }
    Words clear() { return commands([&](KernelContext& c) { return driver->clear_pasid(c, *bond); }); }
    Words range(u64 pages) {
        constexpr Va first{0xffff'0000'0000};
        return commands([&](KernelContext& c) { return driver->invalidate_range(c, {bond->asid, bond->pasid}, first, pages * page_size); });
    }
    /// Two-level look-ups by hand: 1.3 (SPLIT 8) and 1.4 (64 KiB leaves).
    Spa ste() { return Spa{(peek(Spa{(reg(0x80, 8) & 0xf'ffff'ffff'ffc0) + 8 * 1}) & 0xf'ffff'ffff'ffc0) + 64 * 8}; }
    Spa contexts() { return Spa{peek(ste()) & 0xf'ffff'ffff'ffc0}; }
    Spa cd() { return Spa{(peek(contexts() + 8 * 1) & 0xf'ffff'ffff'f000) + 64 * 5}; }
    drivers::Smmuv3DriverConfig driver_config;
    std::optional<iommu::smmuv3::Unit> unit;
    std::optional<Spy> spy;
    std::optional<drivers::Smmuv3Driver> driver;
    std::optional<AddressSpace> mm;
    std::optional<Bond> bond;
    std::vector<std::pair<u64, std::ptrdiff_t>> enables; ///< in extended capabilities: offset, commands issued before
    Time returned;
    bool fence_seen = false;
};

} // namespace quiesce::os::test::smmuv3
