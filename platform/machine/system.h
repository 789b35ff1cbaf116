// SPDX-License-Identifier: Apache-2.0
/// The one file that knows every room: builds a machine, its operating system and its devices from a configuration.
#pragma once
#include "memory/tlm_bridge.h"
#include "os/drivers/ecam_function.h"
#include "pcie/ecam.h"
#include "platform/machine/devices.h"
#include "platform/machine/iommus.h"

namespace quiesce::platform {

class System {
public:
    System(base::EventBus& events, const Config& config, u64 seed);
    System(const System&) = delete;

    os::Kernel& kernel() { return kernel_; }
    /// Set when the machine has booted; the first sentence waits for it.
    sim::Latch& booted() { return booted_; }
    bool at_rest() const { return kernel_.at_rest(); }
    std::string unrest() const { return kernel_.unrest(); }
    std::string who_sleeps() { return kernel_.scheduler().who_sleeps(); }
    /// The device's link goes down or comes up. The root port's interrupt tells the operating system that it is down.
    void set_link(const std::string& device, bool up);
    bool halt(const std::string& device, devices::dsa::ResetType needs);
    /// Of a device that is there: its kind.
    const DeviceRow& row(std::string_view device) const;
    /// The one queue of a process, if the device says which.
    std::optional<unsigned> queue_of(const std::string& device, std::string_view process) const;
    /// The configuration registers of all functions and ports, as `lspci -F` reads them.
    std::string lspci() const;
    /// A link on the way to the device has faults by configuration.
    bool faulty(std::string_view device) const;
    /// Ends the counting of the IOMMU's performance monitors; the counts are there when counting() is over.
    void stop_counting();
    bool counting() const { return iommu_monitor_ && iommu_monitor_->running(); }
    /// What they counted, by perf's names.
    std::vector<std::pair<std::string, u64>> iommu_counters() const;
    /// Packets that wait for room at the other end of their link.
    std::string waits_in_fabric() const { return root_complex_->who_waits(); }
    /// There were processes, and none is left: all that they used is to be given back.
    bool all_dead() const { return kernel_.all_dead(); }
    /// What is not.
    base::Leftovers left_behind() const;

private:
    void add_iommu(const Config& config, const IommuRow& row);
    void add_devices(const Config& config, u64 seed);
    void place_bars();
    void place(Device& d, u64 align);
    void add_ports();
    void place_master(Device& d);
    void watch_link(Device& d);
    void map_iommu(u64 bytes, std::string_view name, bool check_tlm);
    iommu::TranslationPort* translation() { return iommu_ ? &iommu_->translation() : nullptr; }
    sim::Task<void> boot();
    sim::Task<void> count(bool on);

    base::EventBus& events_;
    memory::SystemMemory memory_;
    memory::MmioBus mmio_;
    os::Kernel kernel_;
    std::unique_ptr<IommuUnit> iommu_; ///< null: there is none
    std::unique_ptr<os::drivers::IommuDriver> iommu_driver_;
    std::unique_ptr<os::drivers::IommuMonitor> iommu_monitor_; ///< null: nothing is to be counted
    std::unique_ptr<pcie::RootComplex> root_complex_;
    std::unique_ptr<pcie::Ecam> ecam_;
    std::vector<Device> devices_;
    std::vector<std::unique_ptr<os::drivers::EcamFunction>> ports_; ///< the kernel's view of the ports of switches
    Spa next_registers_; ///< where the next device's registers go
    struct Tlm {
        memory::TlmMmioInitiator initiator{"iommu_registers_out"};
        sim::BaseProtocolChecker checker{"iommu_registers_checker"};
        std::unique_ptr<memory::TlmMmioTarget> target;
    };
    std::unique_ptr<Tlm> tlm_;
    sim::Latch booted_;
    std::vector<std::string> faulty_; ///< devices
};

} // namespace quiesce::platform
