// SPDX-License-Identifier: Apache-2.0
#include "platform/machine/system.h"

#include "pcie/firmware.h"
#include "pcie/lspci.h"
#include "platform/machine/fabric.h"

#include <algorithm>
#include <map>

namespace quiesce::platform {
namespace {
// The address map below RAM: the IOMMU, the registers of the devices, the configuration registers of 256 buses; on
// arm64 the message window, too (os::Architecture).
constexpr Spa iommu_registers{0x0904'0000};
constexpr Spa first_registers{0x1000'0000};
constexpr Spa config_registers{0x4000'0000};
constexpr u64 buses = 256;
constexpr unsigned first_wire = 4096; // of platform devices: extended SPIs (GICv3.1), above every line that an IOMMU can have

const os::Architecture& architecture_of(const Config& config) {
    const IommuRow* const row = iommu_row(config);
    return row != nullptr ? *row->architecture : os::arm64;
}
os::IommuArch driver_of(const Config& config) {
    const IommuRow* const row = iommu_row(config);
    return row != nullptr ? row->driver : os::IommuArch::Vtd; // whose list there is for every kernel
}
} // namespace

System::System(base::EventBus& events, const Config& config, u64 seed)
    : events_(events), memory_(events, config.platform.memory), mmio_(config.platform.mmio),
      kernel_(events, config.os, memory_.ledger(), memory_.cpu_port(), mmio_, memory_.ram_base(), memory_.ram_bytes(), seed,
              architecture_of(config), driver_of(config)), next_registers_(first_registers) {
    memory_.map_messages(kernel_.interrupts().window(), kernel_.interrupts().window_bytes(), kernel_.interrupts());
    if (const IommuRow* row = iommu_row(config)) add_iommu(config, *row);
    root_complex_ = std::make_unique<pcie::RootComplex>(events, memory_.dma_port(), translation(),
                                                        config.platform.root_complex);
    if (iommu_) {
        iommu_->connect(*root_complex_, *root_complex_);
        root_complex_->set_page_requests(&iommu_->page_requests());
        root_complex_->on_stray_completion([this](StreamId function) { iommu_->stray_completion(function); });
    }
    root_complex_->set_message_window(kernel_.interrupts().window(), kernel_.interrupts().window_bytes());
    ecam_ = std::make_unique<pcie::Ecam>(*root_complex_);
    mmio_.map(config_registers, buses * pcie::Ecam::bytes_per_bus, *ecam_, "configuration registers");
    build_fabric(*root_complex_, config);
    add_devices(config, seed);
    place_bars();
    add_ports();
    sim::spawn(boot());
}

void System::add_iommu(const Config& config, const IommuRow& row) {
    iommu_ = row.make(config.platform.iommu, {}, events_, memory_.walk_port(), kernel_.interrupts());
    map_iommu(row.register_bytes(config.platform.iommu, {}), row.name, config.check_tlm);
    iommu_driver_ = iommu_->make_driver(config, kernel_, iommu_registers);
    kernel_.set_iommu(iommu_driver_.get());
    iommu_monitor_ = iommu_->make_monitor(config, kernel_, iommu_registers);
}

void System::map_iommu(u64 bytes, std::string_view name, bool check_tlm) {
    memory::MmioTarget* target = &iommu_->registers();
    if (check_tlm) {
        tlm_ = std::make_unique<Tlm>();
        tlm_->target = std::make_unique<memory::TlmMmioTarget>("iommu_registers_in", *target);
        tlm_->initiator.to_target.bind(tlm_->checker.from_initiator);
        tlm_->checker.to_target.bind(tlm_->target->from_bus);
        target = &tlm_->initiator;
    }
    mmio_.map(iommu_registers, bytes, *target, std::string{name});
}

void System::add_devices(const Config& config, u64 seed) {
    for (const auto& [name, c] : config.devices) {
        const auto id = static_cast<DeviceId>(devices_.size());
        if (has_link_faults(config, c)) faulty_.push_back(name);
        const unsigned wire = first_wire + raw(id);
        Device d = row_of(c).build({name, id, events_, *root_complex_, kernel_, config_registers, memory_.dma_port(),
                                    translation(), next_registers_, wire, seed},
                                   config, c);
        d.row = &row_of(c);
        if (d.master) place_master(d);
        kernel_.add_device(name, *d.driver);
        if (d.hardware) watch_link(d);
        devices_.push_back(std::move(d));
    }
}

void System::place_master(Device& d) {
    mmio_.map(next_registers_, devices::accelerator::bar_bytes, *d.master, d.name);
    next_registers_ = next_registers_ + devices::accelerator::bar_bytes;
}

/// MODEL: firmware has placed the BARs, in no time; the bus does not follow one that is moved. Those below switches come last,
/// in the order of bus numbers, and each in megabytes of its own: windows of ports neither overlap nor share one.
void System::place_bars() {
    const auto below = [this](Device* d) { return root_complex_->switch_of(d->hardware->device()) != nullptr; };
    std::vector<Device*> order;
    for (Device& d : devices_)
        if (d.hardware) order.push_back(&d);
    std::stable_sort(order.begin(), order.end(), [&](Device* a, Device* b) {
        return below(a) != below(b) ? below(b) : below(a) && a->hardware->requester() < b->hardware->requester();
    });
    for (Device* d : order) place(*d, below(d) ? pcie::window_step : 1);
    pcie::open_windows(*root_complex_);
}

void System::place(Device& d, u64 align) {
    pcie::ConfigSpace& config_space = d.hardware->config_space();
    const u64 bytes = config_space.bar_size(0), step = std::max(bytes, align); // a BAR is aligned to its size
    next_registers_ = Spa{(next_registers_.value() + step - 1) / step * step};
    config_space.assign_bar(0, next_registers_.value());
    mmio_.map(next_registers_, bytes, d.hardware->bar(), d.name);
    next_registers_ = next_registers_ + bytes;
}

/// The lower ports of switches, which may have Access Control Services.
void System::add_ports() {
    for (const auto& s : root_complex_->switches()) {
        const unsigned bus = static_cast<unsigned>(s->config_space().get(pcie::cfg::SecondaryBus::Number));
        for (unsigned n = 0; n < s->port_count(); ++n) {
            const auto id = static_cast<RequesterId>(bus << 8 | n << 3);
            ports_.push_back(std::make_unique<os::drivers::EcamFunction>(config_registers + pcie::Ecam::function_at(id)));
            kernel_.add_port(std::string(s->name().text()) + " port " + std::to_string(n), *ports_.back());
        }
    }
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
        if (!up) kernel_.interrupts().message(kernel_.interrupts().window(), message);
    });
}

std::string System::lspci() const {
    std::map<u16, std::string> dumps;
    const auto add = [&](const pcie::ConfigSpace& space, unsigned id) {
        dumps[static_cast<u16>(id)] = pcie::lspci_dump(space, RequesterId{static_cast<u16>(id)});
    };
    for (const auto& s : root_complex_->switches()) {
        const unsigned bus = static_cast<unsigned>(s->config_space().get(pcie::cfg::SecondaryBus::Number));
        add(s->config_space(), static_cast<unsigned>(s->config_space().get(pcie::cfg::PrimaryBus::Number)) << 8);
        for (unsigned n = 0; n < s->port_count(); ++n) add(s->port(n).config_space, bus << 8 | n << 3);
    }
    for (const Device& d : devices_)
        if (d.hardware) add(d.hardware->config_space(), raw(d.hardware->requester()));
    std::string all;
    for (const auto& [id, dump] : dumps) all += dump;
    return all;
}

base::Leftovers System::left_behind() const {
    base::Leftovers out;
    for (const auto& [mm, frames] : memory_.ledger().held()) {
        const std::string owner = "mm " + std::to_string(mm);
        out.count(owner, frames.leaves, "frame", "not freed");
        out.count(owner, frames.tables, "frame", "of page tables not freed");
    }
    kernel_.left_behind(out);
    if (iommu_) iommu_->left_behind(out);
    root_complex_->left_behind(out);
    for (const Device& d : devices_) {
        if (d.hardware) d.hardware->left_behind(out);
        if (d.master) d.master->left_behind(out);
    }
    return out;
}

bool System::faulty(std::string_view device) const {
    return std::find(faulty_.begin(), faulty_.end(), device) != faulty_.end();
}

void System::set_link(const std::string& device, bool up) {
    for (Device& d : devices_)
        if (d.name == device && d.hardware) d.hardware->port().set_link(up);
}

bool System::halt(const std::string& device, devices::dsa::ResetType needs) {
    for (const Device& d : devices_)
        if (d.name == device && d.halt) return d.halt(needs);
    return false;
}

const DeviceRow& System::row(std::string_view device) const {
    const auto its = [device](const Device& d) { return d.name == device; };
    return *std::find_if(devices_.begin(), devices_.end(), its)->row;
}

std::optional<unsigned> System::queue_of(const std::string& device, std::string_view process) const {
    for (const Device& d : devices_)
        if (d.name == device && d.queue_of) return d.queue_of(process);
    return std::nullopt;
}

sim::Task<void> System::boot() {
    co_await kernel_.boot();
    if (iommu_monitor_) co_await count(true);
    booted_.set();
}

/// `perf stat -a`, from boot to the end.
sim::Task<void> System::count(bool on) {
    os::KernelContext ctx(kernel_.scheduler(), "perf");
    co_await ctx.run();
    if (on) co_await iommu_monitor_->start(ctx);
    else co_await iommu_monitor_->stop(ctx);
    ctx.stop();
}

void System::stop_counting() {
    if (counting()) sim::spawn(count(false));
}

std::vector<std::pair<std::string, u64>> System::iommu_counters() const {
    return iommu_monitor_ ? iommu_monitor_->counts() : std::vector<std::pair<std::string, u64>>{};
}

} // namespace quiesce::platform
