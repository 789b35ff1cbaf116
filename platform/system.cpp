// SPDX-License-Identifier: Apache-2.0
#include "platform/system.h"

namespace quiesce::platform {
namespace {
// The address map below RAM: the message window (os::InterruptController::window), the SMMU, the registers of the devices, the
// configuration registers of 256 buses.
constexpr Spa smmu_registers{0x0904'0000};
constexpr Spa first_registers{0x1000'0000};
constexpr Spa config_registers{0x4000'0000};
constexpr u64 buses = 256;
constexpr unsigned first_wire = 4096; // of platform devices: extended SPIs (GICv3.1), above every line that an SMMU can have
} // namespace

System::System(base::EventBus& events, const Config& config, u64 seed)
    : events_(events), memory_(events, config.platform.memory), mmio_(config.platform.mmio),
      kernel_(events, config.os, memory_.ledger(), memory_.cpu_port(), mmio_, memory_.ram_base(), memory_.ram_bytes(), seed), next_registers_(first_registers) {
    memory_.map_messages(os::InterruptController::window, os::InterruptController::window_bytes, kernel_.interrupts());
    if (config.platform.iommu.kind == IommuKind::Smmuv3) add_iommu(config, seed);
    root_complex_ = std::make_unique<pcie::RootComplex>(events, memory_.dma_port(), smmu_ ? &smmu_->translation() : nullptr, config.platform.root_complex);
    if (smmu_) {
        smmu_->set_ats_port(root_complex_.get());
        smmu_->set_page_response_port(root_complex_.get());
        root_complex_->set_page_requests(&smmu_->page_requests());
    }
    root_complex_->set_message_window(os::InterruptController::window, os::InterruptController::window_bytes);
    ecam_ = std::make_unique<pcie::Ecam>(*root_complex_);
    mmio_.map(config_registers, buses * pcie::Ecam::bytes_per_bus, *ecam_, "configuration registers");
    add_devices(config, seed);
    sim::spawn(boot());
}

void System::add_iommu(const Config& config, u64) {
    smmu_ = std::make_unique<iommu::smmuv3::Unit>("smmu", events_, memory_.walk_port(), &kernel_.interrupts(), config.platform.iommu.smmuv3);
    map_smmu(config.check_tlm);
    smmu_driver_ = std::make_unique<os::drivers::Smmuv3Driver>("smmu", kernel_, config.smmuv3_driver, smmu_registers,
                                                               [this] { return smmu_->last_sync_span(); },
                                                               config.platform.iommu.smmuv3.wired_base);
    kernel_.set_iommu(smmu_driver_.get());
}

void System::map_smmu(bool check_tlm) {
    memory::MmioTarget* target = smmu_.get();
    if (check_tlm) {
        tlm_ = std::make_unique<Tlm>();
        tlm_->target = std::make_unique<memory::TlmMmioTarget>("smmu_registers_in", *smmu_);
        tlm_->initiator.to_target.bind(tlm_->checker.from_initiator);
        tlm_->checker.to_target.bind(tlm_->target->from_bus);
        target = &tlm_->initiator;
    }
    mmio_.map(smmu_registers, iommu::smmuv3::register_block_bytes, *target, "smmu");
}

void System::add_devices(const Config& config, u64 seed) {
    for (const auto& [name, c] : config.devices) {
        const auto id = static_cast<DeviceId>(devices_.size());
        const unsigned wire = first_wire + raw(id);
        Device d = row_of(c).build({name, id, events_, *root_complex_, kernel_, config_registers, memory_.dma_port(),
                                    smmu_ ? &smmu_->translation() : nullptr, next_registers_, wire, seed},
                                   config, c);
        if (d.master) place_master(d);
        else place_function(d);
        kernel_.add_device(name, *d.driver);
        if (d.hardware) watch_link(d);
        devices_.push_back(std::move(d));
    }
}

/// MODEL: firmware has placed the BARs, in no time; the bus does not follow one that is moved.
void System::place_function(Device& d) {
    pcie::ConfigSpace& config_space = d.hardware->config_space();
    const u64 bytes = config_space.bar_size(0);
    const Spa at{(next_registers_.value() + bytes - 1) / bytes * bytes}; // a BAR is aligned to its size
    config_space.assign_bar(0, at.value());
    mmio_.map(at, bytes, d.hardware->bar(), d.name);
    next_registers_ = at + bytes;
}

void System::place_master(Device& d) {
    mmio_.map(next_registers_, devices::accelerator::bar_bytes, *d.master, d.name);
    next_registers_ = next_registers_ + devices::accelerator::bar_bytes;
}

/// The root port's interrupt. MODEL: hot-plug takes no time of its own but the interrupt's; what comes up again is not taken into
/// service.
void System::watch_link(Device& d) {
    const u32 message = kernel_.interrupts().request(
        "irq/" + d.name + "-link", [driver = d.driver.get()](os::KernelContext&) -> sim::Task<void> {
            driver->disconnect();
            co_return;
        });
    d.hardware->port().on_link_change([this, message](bool up) {
        if (!up) kernel_.interrupts().message(os::InterruptController::window, message);
    });
}

void System::set_link(const std::string& device, bool up) {
    for (Device& d : devices_)
        if (d.name == device && d.hardware) d.hardware->port().set_link(up);
}

std::optional<unsigned> System::queue_of(const std::string& device, std::string_view process) const {
    for (const Device& d : devices_)
        if (d.name == device && d.queue_of) return d.queue_of(process);
    return std::nullopt;
}

sim::Task<void> System::boot() {
    co_await kernel_.boot();
    booted_.set();
}

} // namespace quiesce::platform
