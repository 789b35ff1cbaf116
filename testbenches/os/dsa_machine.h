// SPDX-License-Identifier: Apache-2.0
/// A machine with an SMMU, a root complex and a data streaming accelerator, and somebody who writes down what the
/// driver writes into the accelerator's registers.
#pragma once
#include "devices/dsa.h"
#include "iommu/smmuv3/unit.h"
#include "os/drivers/dsa_driver.h"
#include "os/drivers/smmuv3_driver.h"
#include "os/machine.h"
#include "pcie/ecam.h"

namespace quiesce::os::test {

struct DsaMachine : Machine {
    struct Settings {
        std::vector<std::string> bugs{};
        drivers::DsaDriverConfig driver{};
        devices::DsaConfig device{};
        EnqcmdConfig enqcmd{};
        Policy policy = Policy::QuietUnbind;
    };
    struct Spy final : memory::MmioTarget {
        explicit Spy(memory::MmioTarget& t) : target(t) {}
        memory::MmioTarget& target;
        std::vector<std::pair<u64, u64>> writes;
        sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override {
            writes.emplace_back(offset, value);
            return target.mmio_write(offset, size, value);
        }
        sim::Task<u64> mmio_read(u64 offset, unsigned size) override { return target.mmio_read(offset, size); }
        sim::Task<void> write_line(u64 offset, memory::Line line) override { return target.write_line(offset, line); }
        sim::Task<memory::Enqueued> enqueue(u64 offset, memory::Line line) override {
            return target.enqueue(offset, line);
        }
    };
    static constexpr Spa smmu_registers{0x0904'0000}, bar{0x1000'0000}, config_registers{0x4000'0000};

    explicit DsaMachine(const Settings& s) {
        config.bugs = s.bugs;
        config.enqcmd = s.enqcmd;
        config.policy = s.policy;
        make_kernel();
        unit.emplace("smmu", events, memory.walk_port(), &kernel->interrupts(), iommu::smmuv3::Smmuv3Config{});
        mmio.map(smmu_registers, 0x2'0000, *unit, "smmu");
        smmu_driver.emplace("smmu", *kernel, smmu_driver_config, smmu_registers, std::function<u64(unsigned)>{});
        kernel->set_iommu(&*smmu_driver);
        root_complex.emplace(events, memory.dma_port(), &unit->translation(), pcie::RootComplexConfig{});
        unit->set_ats_port(&*root_complex);
        unit->set_page_response_port(&*root_complex);
        root_complex->set_page_requests(&unit->page_requests());
        root_complex->set_message_window(arm64.messages, arm64.message_bytes);
        ecam.emplace(*root_complex);
        mmio.map(config_registers, 256 * pcie::Ecam::bytes_per_bus, *ecam, "configuration registers");
        dsa.emplace("dsa0", events, *root_complex, pcie::LinkConfig{}, s.device, DeviceId{0});
        dsa->config_space().assign_bar(0, bar.value());
        spy.emplace(dsa->bar());
        mmio.map(bar, devices::dsa::bar_bytes, *spy, "dsa0");
        driver.emplace("dsa0", DeviceId{0}, dsa->stream(), *kernel, s.driver,
                       config_registers + pcie::Ecam::function_at(dsa->requester()), std::function<u64()>{});
        kernel->add_device("dsa0", *driver);
        call(kernel->boot());
        REQUIRE(kernel->boot_error().empty());
    }
    ~DsaMachine() { calendar.shutdown(); }

    Kernel::Enqcmd enqcmd(const std::string& process, unsigned thread = 0) {
        std::optional<Kernel::Enqcmd> result;
        auto run = [&]() -> sim::Task<void> {
            const Kernel::Enqcmd r = co_await kernel->enqcmd(process, thread, "dsa0", work_of(process));
            result = r;
        };
        sim::spawn(run());
        settle();
        REQUIRE(result.has_value());
        return *result;
    }
    drivers::Work work_of(const std::string& process) {
        drivers::Work w;
        const Vma* heap = kernel->heap(process);
        REQUIRE(heap != nullptr);
        w.first = heap->start;
        w.bytes = heap->pages * page_size;
        return w;
    }
    bool bind(const std::string& process) { return call(kernel->bind(process, "dsa0")); }
    bool unbind(const std::string& process) { return call(kernel->unbind(process, "dsa0")); }

    drivers::Smmuv3DriverConfig smmu_driver_config;
    std::optional<iommu::smmuv3::Unit> unit;
    std::optional<drivers::Smmuv3Driver> smmu_driver;
    std::optional<pcie::RootComplex> root_complex;
    std::optional<pcie::Ecam> ecam;
    std::optional<devices::Dsa> dsa;
    std::optional<Spy> spy;
    std::optional<drivers::DsaDriver> driver;
};

} // namespace quiesce::os::test
