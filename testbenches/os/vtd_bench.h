// SPDX-License-Identifier: Apache-2.0
/// The VT-d driver over the stub unit, with one PCI function of stream 0x108.
#pragma once
#include "os/drivers/ecam_function.h"
#include "os/stub_function.h"
#include "os/vtd_stub.h"

namespace quiesce::os::test::vtd {

inline pcie::FunctionConfig without_atc() {
    pcie::FunctionConfig c;
    c.ats.present = false;
    return c;
}

struct OneDevice final : drivers::DeviceDriver {
    drivers::EcamFunction function{function_registers};
    bool kernel_memory = false;
    std::function<void()> on_stop;
    drivers::PciFunction* pci() override { return &function; }
    base::Name name() const override { return "dev"; }
    DeviceId device() const override { return DeviceId{0}; }
    StreamId stream() const override { return StreamId{0x108}; }
    bool kernel_dma() const override { return kernel_memory; }
    Task<void> probe(KernelContext&) override { co_return; }
    Task<bool> submit(KernelContext&, Bond&, const drivers::Work&) override { co_return true; }
    Task<bool> stop(KernelContext& ctx, Bond&) override {
        if (on_stop) on_stop();
        co_await ctx.sleep_on(sim::delay(20_us), "device-stop", "dev"); // what it has sent before arrives meanwhile
        co_return true;
    }
};

struct VtdBench : Machine {
    struct Settings {
        KernelVersion version = KernelVersion::V6_12;
        std::vector<std::string> bugs{};
        pcie::FunctionConfig function{};
        drivers::VtdDriverConfig driver{};
        u64 cap_set = 0, cap_clear = 0, ecap_set = 0, ecap_clear = 0;
        bool kernel_memory = false;
        Suppression suppression = Suppression::Hardware;
        unsigned guests = 1;
    };
    VtdBench() : VtdBench(Settings{}) {}
    explicit VtdBench(const Settings& s) : driver_config(s.driver), function(s.function) {
        config.kernel = s.version;
        config.bugs = s.bugs;
        config.suppression = s.suppression;
        config.guests = s.guests;
        make_kernel(memory.ram_bytes(), x86_64, IommuArch::Vtd);
        unit.cap = (unit.cap | s.cap_set) & ~s.cap_clear;
        unit.ecap = (unit.ecap | s.ecap_set) & ~s.ecap_clear;
        mmio.map(registers, 0x2000, unit, "vtd");
        mmio.map(function_registers, page_size, function, "dev");
        device.kernel_memory = s.kernel_memory;
        driver.emplace("vtd", *kernel, driver_config, registers, std::function<u64()>{});
        kernel->set_iommu(&*driver);
        kernel->add_device("dev", device);
        call(kernel->boot());
        kernel->spawn("app", {64});
        boot_writes = unit.writes;
        boot_names = unit.names();
        unit.fetched.clear();
    }
    ~VtdBench() { calendar.shutdown(); }
    /// 2.5 by hand: root entry of bus 1, lower half; entry of devfn 8; directory entry; entry of 64 bytes.
    Spa context() { return Spa{(peek(Spa{(unit.values[0x20] & ~u64{0xfff}) + 16}) & ~u64{0xfff}) + 32 * 8}; }
    Spa entry(u64 pasid) {
        const Spa directory{peek(context()) & ~u64{0xfff}};
        return Spa{(peek(directory + 8 * (pasid / 64)) & ~u64{0xfff}) + 64 * (pasid % 64)};
    }
    std::array<u64, 8> eight(Spa at) {
        std::array<u64, 8> w{};
        for (unsigned i = 0; i < 8; ++i) w[i] = peek(at + 8 * i);
        return w;
    }
    u64 pgd() { return peek(entry(1) + 16) & ~u64{0xfff}; }
    void message(u64 data) { kernel->interrupts().message(x86_64.messages, static_cast<u32>(data)); }
    Words take() {
        const Words all = unit.names();
        unit.fetched.clear();
        return all;
    }
    drivers::VtdDriverConfig driver_config;
    StubFunction function;
    StubUnit unit{memory};
    OneDevice device;
    std::optional<drivers::VtdDriver> driver;
    std::vector<std::pair<u64, u64>> boot_writes;
    Words boot_names;
};

} // namespace quiesce::os::test::vtd
