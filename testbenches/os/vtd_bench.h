// SPDX-License-Identifier: Apache-2.0
/// The VT-d driver over the stub unit, with one PCI function of stream 0x108.
#pragma once
#include "os/function_machine.h"
#include "os/vtd_stub.h"

namespace quiesce::os::test::vtd {

struct VtdBench : FunctionMachine {
    struct Settings : FunctionMachine::Settings {
        drivers::VtdDriverConfig driver{};
        u64 cap_set = 0, cap_clear = 0, ecap_set = 0, ecap_clear = 0;
    };
    VtdBench() : VtdBench(Settings{}) {}
    explicit VtdBench(const Settings& s) : FunctionMachine(s, IommuArch::Vtd), driver_config(s.driver) {
        unit.cap = (unit.cap | s.cap_set) & ~s.cap_clear;
        unit.ecap = (unit.ecap | s.ecap_set) & ~s.ecap_clear;
        mmio.map(registers, 0x2000, unit, "vtd");
        driver.emplace("vtd", *kernel, driver_config, registers, std::function<u64()>{});
        boot(*driver);
        kernel->spawn("app", {64});
        boot_writes = unit.writes;
        boot_names = take();
    }
    ~VtdBench() { calendar.shutdown(); }
    /// 2.5 by hand: root entry of bus 1, lower half; entry of devfn 8; directory entry; entry of 64 bytes.
    Spa context() { return Spa{(peek(Spa{(unit.values[0x20] & ~u64{0xfff}) + 16}) & ~u64{0xfff}) + 32 * 8}; }
    Spa entry(u64 pasid) {
        const Spa directory{peek(context()) & ~u64{0xfff}};
        return Spa{(peek(directory + 8 * (pasid / 64)) & ~u64{0xfff}) + 64 * (pasid % 64)};
    }
    u64 pgd() { return peek(entry(1) + 16) & ~u64{0xfff}; }
    void message(u64 data) { kernel->interrupts().message(x86_64.messages, static_cast<u32>(data)); }
    Words take() { return unit.take(); }
    drivers::VtdDriverConfig driver_config;
    StubUnit unit{memory};
    std::optional<drivers::VtdDriver> driver;
    std::vector<std::pair<u64, u64>> boot_writes;
    Words boot_names;
};

} // namespace quiesce::os::test::vtd
