// SPDX-License-Identifier: Apache-2.0
/// A machine with one PCI function of stream 0x108 behind an IOMMU, which whoever derives from it puts there with its
/// driver.
#pragma once
#include "os/drivers/ecam_function.h"
#include "os/machine.h"
#include "os/stub_function.h"

#include <array>

namespace quiesce::os::test {

constexpr Spa function_registers{0x4010'0000};

/// What a device has: PASIDs, and ATS or not.
inline pcie::FunctionConfig with_atc() { return {}; }
inline pcie::FunctionConfig without_atc() {
    pcie::FunctionConfig c;
    c.ats.present = false;
    return c;
}

struct OneFunction final : drivers::DeviceDriver {
    drivers::EcamFunction function{function_registers};
    bool kernel_memory = false;
    std::optional<drivers::FirmwareNode> node; ///< it is no PCI function, and firmware says this of it
    std::function<void()> on_stop;
    sim::Duration drain{}; ///< what it has sent before arrives meanwhile
    drivers::PciFunction* pci() override { return node ? nullptr : &function; }
    drivers::FirmwareNode firmware() const override { return node.value_or(drivers::FirmwareNode{}); }
    base::Name name() const override { return "dev"; }
    DeviceId device() const override { return DeviceId{0}; }
    StreamId stream() const override { return StreamId{0x108}; }
    bool kernel_dma() const override { return kernel_memory; }
    sim::Task<void> probe(KernelContext&) override { co_return; }
    sim::Task<bool> submit(KernelContext&, Bond&, const drivers::Work&) override { co_return true; }
    sim::Task<bool> stop(KernelContext& ctx, Bond&) override {
        if (on_stop) on_stop();
        if (drain != sim::Duration{}) co_await ctx.sleep_on(sim::delay(drain), "device-stop", "dev");
        co_return true;
    }
};

struct FunctionMachine : Machine {
    struct Settings {
        KernelVersion version = KernelVersion::V6_12;
        Policy policy = Policy::QuietUnbind;
        std::vector<std::string> bugs{};
        pcie::FunctionConfig function{};
        bool kernel_memory = false;
        sim::Duration drain = 20_us;
        Suppression suppression = Suppression::Hardware;
        unsigned guests = 1;
    };
    FunctionMachine(const Settings& s, IommuArch iommu) : function(s.function) {
        config.kernel = s.version;
        config.policy = s.policy;
        config.bugs = s.bugs;
        config.suppression = s.suppression;
        config.guests = s.guests;
        make_kernel(memory.ram_bytes(), iommu == IommuArch::Smmuv3 ? arm64 : x86_64, iommu);
        mmio.map(function_registers, page_size, function, "dev");
        device.kernel_memory = s.kernel_memory;
        device.drain = s.drain;
    }
    void boot(drivers::IommuDriver& driver) {
        kernel->set_iommu(&driver);
        kernel->add_device("dev", device);
        call(kernel->boot());
    }
    /// A structure of 64 bytes.
    std::array<u64, 8> eight(Spa at) {
        std::array<u64, 8> w{};
        for (unsigned i = 0; i < 8; ++i) w[i] = peek(at + 8 * i);
        return w;
    }
    StubFunction function;
    OneFunction device;
};

} // namespace quiesce::os::test
