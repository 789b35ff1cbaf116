// SPDX-License-Identifier: Apache-2.0
#include "os/kernel.h"

#include <algorithm>
#include <stdexcept>

namespace quiesce::os {
namespace {
Era require_era(const KernelConfig& c, IommuArch iommu) {
    const Era* e = find_era(c.policy, c.kernel, iommu);
    if (e == nullptr)
        throw std::invalid_argument("policy " + c.policy.text() + " does not exist on kernel " + c.kernel.text() + ": " +
                                    why_no_era(c.policy, c.kernel, iommu));
    return suppressed(*e, c.suppression);
}

/// R4 and R5: whatever the era, by PASID when a worker comes to it, or by the bond that there was when it came.
FaultResolution resolution_of(const Era& era, const Bugs& bugs) {
    const bool at_report = bugs.has(Bug::R5) || (era.resolve_at_report && !bugs.has(Bug::R4));
    return at_report ? FaultResolution::AtReport : FaultResolution::AtHandling;
}
} // namespace

Kernel::Kernel(base::EventBus& events, const KernelConfig& config, memory::Ownership& ledger,
               memory::MemoryPort& memory, memory::MmioBus& mmio, Spa ram, u64 ram_bytes, u64 seed,
               const Architecture& architecture, IommuArch iommu)
    : events_(events), config_(config), bugs_(config.bugs, config.policy.text()), era_(require_era(config, iommu)), architecture_(architecture),
      random_(seed, "os.layout"),
      scheduler_(events, config.cpu, memory, mmio), lazy_tlb_(scheduler_, config.mm.lazy_tlb, seed), interrupts_(scheduler_, architecture), console_(config.console),
      frames_(ledger, memory, ram, Guests::part_bytes(ram_bytes, config.guests) / page_size, architecture),
      guests_(frames_, ledger, memory, ram, ram_bytes, config.guests, architecture), pasids_(events, config.pasid, seed),
      sva_(events, ledger, pasids_, era_, bugs_),
      page_faults_(events, scheduler_, sva_, config.iopf,
                   resolution_of(era_, bugs_), era_.defer_mmput && !bugs_.has(Bug::R11), era_.workers_hold_mm, bugs_),
      oom_(events, scheduler_, frames_, config.oom, config.kernel, bugs_,
           {[this] { return by_birth(); }, [this](Process& p, u64 span) { kill_for_memory(p, span); }, put_task}) {
    sva_.set_page_faults(&page_faults_);
    sva_.on_inform = [this](Bond& b, u64 span) { sim::spawn(unbind_in_worker(b, span)); };
}

bool Kernel::filters_faults(StreamId stream, Pasid pasid) const {
    if (config_.suppression != Suppression::DriverFilter) return false;
    const Bond* const bond = sva_.bond_at(stream, pasid);
    return bond != nullptr && bond->exited;
}

void Kernel::boot_failed(std::string why) {
    if (boot_error_.empty()) boot_error_ = std::move(why);
}

sim::Task<void> Kernel::boot() {
    KernelContext ctx(scheduler_, "boot");
    co_await ctx.run();
    bool usable = false;
    if (iommu_ != nullptr) {
        usable = co_await iommu_->init(ctx);
        if (!usable) boot_failed(iommu_->error());
        if (iommu_->pasids_from_host()) pasids_.give_back = [this](Pasid p) { return give_pasid_to_host(p); };
    }
    for (auto& [name, port] : ports_) {
        const bool found = co_await port->discover(ctx);
        if (!found) boot_failed(name + ": no PCI function answers");
        if (found && usable && config_.acs) co_await port->enable_acs(ctx);
    }
    for (auto& [name, device] : devices_) {
        bool found = true;
        if (device->pci() != nullptr) found = co_await device->pci()->discover(ctx);
        if (!found) {
            boot_failed(name + ": no PCI function answers");
            continue;
        }
        if (usable) co_await attach(ctx, name, *device);
        co_await device->probe(ctx);
    }
    ctx.stop();
}

/// What the IOMMU core and its driver do before the device's own driver sees the device (arm_smmu_probe_device, then
/// the attachment to the default domain): PASIDs on, the stream's entry, and when that allows it ATS and page requests.
sim::Task<void> Kernel::attach(KernelContext& ctx, const std::string& name, drivers::DeviceDriver& device) {
    drivers::PciFunction* const pci = device.pci();
    drivers::StreamFeatures has;
    if (pci != nullptr) {
        has.pasid_bits = co_await pci->enable_pasid(ctx);
    } else {
        const drivers::FirmwareNode node = device.firmware();
        has.pasid_bits = node.pasid_bits;
        has.can_stall = node.dma_can_stall;
    }
    has.ats = pci != nullptr && pci->has_ats() && iommu_->has_ats();
    has.pri = has.ats && pci->has_pri() && iommu_->has_pri();
    has.kernel_dma = device.kernel_dma();
    if (has.pri) has.response_pasid = co_await pci->response_pasid_required(ctx);
    const bool attached = co_await iommu_->attach_device(ctx, device.stream(), has);
    if (!attached) {
        boot_failed(name + ": " + iommu_->error());
        co_return;
    }
    if (has.ats) co_await pci->enable_ats(ctx);
    if (!has.pri) co_return;
    const bool enabled = co_await pci->enable_pri(ctx, iommu_->page_request_allocation());
    if (!enabled) boot_failed(name + ": its page request interface is not at rest");
}

sim::Task<bool> Kernel::function_present(KernelContext& ctx, StreamId stream) {
    const auto its = [&](const auto& row) { return row.second->stream() == stream; };
    const auto found = std::find_if(devices_.begin(), devices_.end(), its);
    if (found == devices_.end() || found->second->pci() == nullptr) co_return false;
    const bool present = co_await found->second->pci()->present(ctx);
    co_return present;
}

bool Kernel::at_rest() const {
    if (dying_ > 0 || releasing_ > 0 || sva_.draining() > 0 || page_faults_.queued() > 0 || pasids_.parked() > 0) return false;
    // one with a bond is somebody else's by an inherited descriptor, one with users a clone's
    return std::all_of(left_.begin(), left_.end(), [this](const AddressSpace* mm) { return !mm->dead() || sva_.any_bond(*mm); });
}

std::string Kernel::unrest() const {
    std::string s;
    for (const auto& [name, p] : processes_)
        if (p->dying() && !p->zombie.is_set()) s += (s.empty() ? "" : ", ") + name + " is dying";
    for (const AddressSpace* mm : left_) // a dead mm without bonds goes when the notifier's grace period is over
        if (mm->dead() && !sva_.any_bond(*mm)) s += (s.empty() ? "" : ", ") + std::string{"the mm of "} + std::string{mm->name().text()} + " is going";
    for (const auto& [name, p] : processes_)
        for (const auto& f : p->files)
            for (const Bond* b : f->bonds)
                if (b->life.state() == BondState::Draining) s += (s.empty() ? "" : ", ") + std::string{"a bond of "} + name + " is draining";
    if (releasing_ > 0) s += (s.empty() ? "" : ", ") + std::string{"a worker releases a device's file"};
    if (page_faults_.queued() > 0) s += (s.empty() ? "" : ", ") + std::string{"page requests are being handled"};
    if (pasids_.parked() > 0) s += (s.empty() ? "" : ", ") + std::string{"a PASID is in its grace time"};
    return s;
}

bool Kernel::all_dead() const {
    const auto dead = [](const auto& p) { return p.second->zombie.is_set(); };
    return !processes_.empty() && std::all_of(processes_.begin(), processes_.end(), dead);
}

void Kernel::left_behind(base::Leftovers& out) const {
    for (const auto& mm : spaces_) {
        out.count(mm->name().text(), mm->users(), "user", "of its mm");
        out.count(mm->name().text(), mm->count(), "reference", "to its mm");
    }
    for (const auto& [name, p] : processes_) {
        out.count(name, p->files.size(), "file", "open");
        out.count(name, p->portals.size(), "portal", "mapped");
    }
    sva_.left_behind(out);
    out.count("the allocator", pasids_.with_processes(), "PASID", "in use");
    out.count("the kernel", page_faults_.queued(), "group of page requests", "not answered");
    out.count("the kernel", page_faults_.partial(), "page request", "of a group that has no end");
}

} // namespace quiesce::os
