// SPDX-License-Identifier: Apache-2.0
/// The AMD-Vi driver over the stub unit, with one PCI function of stream 0x108.
#pragma once
#include "os/amdvi_stub.h"
#include "os/function_machine.h"

namespace quiesce::os::test::amdvi {

struct AmdviBench : FunctionMachine {
    struct Settings : FunctionMachine::Settings {
        drivers::AmdviDriverConfig driver{};
        u64 efr_set = 0, efr_clear = 0;
        bool iotlb = true;
    };
    AmdviBench() : AmdviBench(Settings{}) {}
    explicit AmdviBench(const Settings& s) : FunctionMachine(s, IommuArch::Amdvi), driver_config(s.driver) {
        unit.efr = (unit.efr | s.efr_set) & ~s.efr_clear;
        mmio.map(registers, 0x4000, unit, "amdvi");
        driver.emplace("amdvi", *kernel, driver_config, registers,
                       iommu::amdvi::CapHeader::of(s.iotlb ? u32{1} << 24 : 0), std::function<u64()>{});
        boot(*driver);
        kernel->spawn("app", {64});
        boot_writes = unit.writes;
        boot_names = take();
    }
    ~AmdviBench() { calendar.shutdown(); }
    /// 3.2 by hand: the entry of device 0x108, its GCR3 table, two levels.
    std::array<u64, 4> device_entry() {
        const Spa at{(unit.values[0x0] & ~u64{0xfff}) + 32 * 0x108};
        return {peek(at), peek(at + 8), peek(at + 16), peek(at + 24)};
    }
    Spa gcr3_root() {
        const auto e = device_entry();
        return Spa{(e[0] >> 58 & 7) << 12 | (e[1] >> 16 & 0xffff) << 15 | (e[1] >> 43 & 0x1f'ffff) << 31};
    }
    Spa gcr3(u64 pasid) { return Spa{(peek(gcr3_root() + 8 * (pasid >> 9)) & ~u64{0xfff}) + 8 * (pasid & 511)}; }
    void message() { kernel->interrupts().message(x86_64.messages, static_cast<u32>(unit.values[0x164])); }
    Words take() { return unit.take(); }
    drivers::AmdviDriverConfig driver_config;
    StubUnit unit{memory};
    std::optional<drivers::AmdviDriver> driver;
    std::vector<std::pair<u64, u64>> boot_writes;
    Words boot_names;
};

} // namespace quiesce::os::test::amdvi
