// SPDX-License-Identifier: Apache-2.0
/// The AMD-Vi driver over the stub unit, with one PCI function of stream 0x108.
#pragma once
#include "os/amdvi_stub.h"
#include "os/drivers/ecam_function.h"
#include "os/stub_function.h"

namespace quiesce::os::test::amdvi {

inline pcie::FunctionConfig without_atc() {
    pcie::FunctionConfig c;
    c.ats.present = false;
    return c;
}

struct OneFunction final : drivers::DeviceDriver {
    drivers::EcamFunction function{function_registers};
    bool kernel_memory = false;
    drivers::PciFunction* pci() override { return &function; }
    base::Name name() const override { return "dev"; }
    DeviceId device() const override { return DeviceId{0}; }
    StreamId stream() const override { return StreamId{0x108}; }
    bool kernel_dma() const override { return kernel_memory; }
    Task<void> probe(KernelContext&) override { co_return; }
    Task<bool> submit(KernelContext&, Bond&, const drivers::Work&) override { co_return true; }
    Task<bool> stop(KernelContext& ctx, Bond&) override {
        co_await ctx.sleep_on(sim::delay(20_us), "device-stop", "dev"); // what it has sent before arrives meanwhile
        co_return true;
    }
};

struct AmdviBench : Machine {
    struct Settings {
        KernelVersion version = KernelVersion::V6_12;
        Policy policy = Policy::QuietUnbind;
        std::vector<std::string> bugs{};
        pcie::FunctionConfig function{};
        drivers::AmdviDriverConfig driver{};
        u64 efr_set = 0, efr_clear = 0;
        bool kernel_memory = false, iotlb = true;
        Suppression suppression = Suppression::Hardware;
        unsigned guests = 1;
    };
    AmdviBench() : AmdviBench(Settings{}) {}
    explicit AmdviBench(const Settings& s) : driver_config(s.driver), function(s.function) {
        config.kernel = s.version;
        config.policy = s.policy;
        config.bugs = s.bugs;
        config.suppression = s.suppression;
        config.guests = s.guests;
        make_kernel(memory.ram_bytes(), x86_64, IommuArch::Amdvi);
        unit.efr = (unit.efr | s.efr_set) & ~s.efr_clear;
        mmio.map(registers, 0x4000, unit, "amdvi");
        mmio.map(function_registers, page_size, function, "dev");
        device.kernel_memory = s.kernel_memory;
        driver.emplace("amdvi", *kernel, driver_config, registers,
                       iommu::amdvi::CapHeader::of(s.iotlb ? u32{1} << 24 : 0), std::function<u64()>{});
        kernel->set_iommu(&*driver);
        kernel->add_device("dev", device);
        call(kernel->boot());
        kernel->spawn("app", {64});
        boot_writes = unit.writes;
        boot_names = unit.names();
        unit.fetched.clear();
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
    Words take() {
        const Words all = unit.names();
        unit.fetched.clear();
        return all;
    }
    drivers::AmdviDriverConfig driver_config;
    StubFunction function;
    StubUnit unit{memory};
    OneFunction device;
    std::optional<drivers::AmdviDriver> driver;
    std::vector<std::pair<u64, u64>> boot_writes;
    Words boot_names;
};

} // namespace quiesce::os::test::amdvi
