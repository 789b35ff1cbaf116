// SPDX-License-Identifier: Apache-2.0
#include "os/kernel.h"

#include <algorithm>
#include <stdexcept>

namespace quiesce::os {
namespace {
const Era& require_era(const KernelConfig& c, IommuArch iommu) {
    const Era* e = find_era(c.policy, c.kernel, iommu);
    if (e == nullptr)
        throw std::invalid_argument("policy " + c.policy.text() + " does not exist on kernel " + c.kernel.text() + ": " +
                                    why_no_era(c.policy, c.kernel, iommu));
    return *e;
}
} // namespace

Kernel::Kernel(base::EventBus& events, const KernelConfig& config, memory::Ownership& ledger,
               memory::MemoryPort& memory, memory::MmioBus& mmio, Spa ram, u64 ram_bytes, u64 seed,
               const Architecture& architecture, IommuArch iommu)
    : events_(events), config_(config), era_(require_era(config, iommu)), architecture_(architecture),
      random_(seed, "os.layout"),
      scheduler_(events, config.cpu, memory, mmio), interrupts_(scheduler_, architecture),
      frames_(ledger, memory, ram, ram_bytes / page_size, architecture), pasids_(events, config.pasid, seed),
      sva_(events, ledger, pasids_, era_),
      page_faults_(events, scheduler_, sva_, config.iopf,
                   era_.resolve_at_report ? FaultResolution::AtReport : FaultResolution::AtHandling, era_.defer_mmput) {
    sva_.set_page_faults(&page_faults_);
}

bool Kernel::has_bug(std::string_view name) const {
    const auto& bugs = config_.bugs.get();
    return std::find(bugs.begin(), bugs.end(), name) != bugs.end();
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

// ---- processes ------------------------------------------------------------------------------------------------------

/// mmap_base with its randomness.
Va Kernel::random_heap_address() {
    const u64 pages = random_.below(u64{1} << architecture_.mmap_random);
    return Va{architecture_.mmap_top.value() - (pages << page_shift) % (u64{1} << 38)};
}

void Kernel::spawn(const std::string& name, u64 heap_pages, unsigned threads, u64 present) {
    auto p = std::make_unique<Process>();
    p->name = name;
    p->threads = p->alive = p->leaving = threads;
    p->pasid_registers.resize(threads);
    spaces_.push_back(std::make_unique<AddressSpace>(MmId{static_cast<u32>(spaces_.size() + 1)}, name, config_.mm,
                                                     frames_, architecture_));
    p->mm = spaces_.back().get();
    for (unsigned t = 1; t < threads; ++t) p->mm->mmget();
    p->mm->on_drop = [this](AddressSpace& mm) { sva_.mm_dropped(mm); };
    p->mm->map("heap", random_heap_address(), heap_pages, present);
    p->mm->map("stack", Va{architecture_.stack_top.value() - (random_.below(1u << 20) << page_shift)}, 8);
    events_.emit(ProcessChanged{name, p->mm->id(), "running"});
    processes_[name] = std::move(p);
}

void Kernel::fork(const std::string& parent, const std::string& child) {
    spawn(child, 16, 1);
    for (auto& f : process(parent).files) {
        ++f->references;
        process(child).files.push_back(f);
    }
    // idxd_cdev_mmap: VM_DONTCOPY. The PASID register is not inherited in any case.
    if (has_bug("R-V4")) process(child).portals = process(parent).portals;
}

const Vma* Kernel::heap(const std::string& name) const {
    const auto found = processes_.find(name);
    return found == processes_.end() ? nullptr : found->second->mm->find("heap");
}

std::shared_ptr<File> Kernel::file_of(const Process& p, const std::string& device) {
    for (const auto& f : p.files)
        if (f->device.name().text() == device) return f;
    return nullptr;
}

/// A thread handles no signal before it has left the kernel: the process's death waits for the call, and a dying process
/// begins none.
sim::Task<bool> Kernel::system_call(Process& p, std::function<sim::Task<bool>(KernelContext&)> body) {
    if (p.dying()) co_return false;
    auto inside = co_await p.calls.read();
    KernelContext ctx(scheduler_, p.name + "/0");
    co_await ctx.run();
    co_await ctx.spend(config_.process.system_call.get(), p.name);
    const bool done = co_await body(ctx);
    ctx.stop();
    co_return done;
}

sim::Task<bool> Kernel::open(const std::string& name, const std::string& device) {
    Process& p = process(name);
    return system_call(p, [this, &p, device](KernelContext&) -> sim::Task<bool> {
        p.files.push_back(std::make_shared<File>(File{*devices_.at(device), 1, {}, false}));
        co_return true;
    });
}

/// The driver's open or ioctl: the file by which its release will find the bond, and the bond.
sim::Task<bool> Kernel::bind(const std::string& name, const std::string& device) {
    Process& p = process(name);
    return system_call(p, [this, &p, device](KernelContext& ctx) -> sim::Task<bool> {
        std::shared_ptr<File> file = file_of(p, device);
        if (file == nullptr) {
            co_await ctx.spend(config_.process.system_call.get(), p.name); // open is a call of its own
            file = std::make_shared<File>(File{*devices_.at(device), 1, {}, false});
            p.files.push_back(file);
        }
        drivers::DeviceDriver& d = file->device;
        sim::Lease held;
        if (d.open_lock() != nullptr) {
            auto lease = co_await ctx.sleep_on(d.open_lock()->lock(), "device-lock", d.name());
            held = std::move(lease);
        }
        Bond* b = co_await sva_.bind(ctx, *p.mm, p.name, d);
        if (b == nullptr) co_return false;
        const bool opened = co_await d.opened(ctx, *b);
        if (!opened) {
            co_await sva_.unbind(ctx, *b);
            co_return false;
        }
        file->bonds.push_back(b);
        held.release();
        co_await map_portal(ctx, p, *b);
        if (p.dying()) events_.emit(TeardownTriggered{b->id, p.death, ctx.last_span()}); // killed while it was being bound
        co_return true;
    });
}

sim::Task<bool> Kernel::submit(const std::string& name, const std::string& device, const drivers::Work& work) {
    Process& p = process(name);
    return system_call(p, [this, &p, device, work](KernelContext& ctx) -> sim::Task<bool> {
        drivers::DeviceDriver& d = *devices_.at(device);
        Bond* b = sva_.find(*p.mm, d);
        if (b == nullptr) co_return false;
        b->stopped = false;
        const bool taken = co_await d.submit(ctx, *b, work);
        if (!taken || !d.portal(*b)) co_return taken;
        co_return begin_submitting(p, d, work); // user space does the rest
    });
}

sim::Task<bool> Kernel::munmap(const std::string& name, u64 first_page, u64 pages) {
    Process& p = process(name);
    return system_call(p, [&p, first_page, pages](KernelContext& ctx) -> sim::Task<bool> {
        const Vma* heap = p.mm->find("heap");
        if (heap == nullptr) co_return false;
        co_await p.mm->munmap(ctx, heap->start + first_page * page_size, pages);
        co_return true;
    });
}

sim::Task<bool> Kernel::reset(const std::string& device) {
    KernelContext ctx(scheduler_, "reset");
    co_await ctx.run();
    const bool done = co_await devices_.at(device)->reset(ctx);
    ctx.stop();
    co_return done;
}

sim::Task<bool> Kernel::allow_dma(const std::string& device, bool allowed) {
    KernelContext ctx(scheduler_, "setpci");
    co_await ctx.run();
    const bool done = co_await devices_.at(device)->allow_dma(ctx, allowed);
    ctx.stop();
    co_return done;
}

bool Kernel::gone(const std::string& device) const { return devices_.at(device)->gone(); }

// ---- orderly teardown -----------------------------------------------------------------------------------------------

void Kernel::trigger(Process& p, base::Name what, bool all_files, const std::string& device, u64 span) {
    for (auto& f : p.files)
        for (Bond* b : f->bonds)
            if (b->life.state() != BondState::Unbound && &b->mm == p.mm && (all_files || f->device.name().text() == device))
                events_.emit(TeardownTriggered{b->id, what, span});
}

sim::Task<bool> Kernel::stop(const std::string& name, const std::string& device) {
    Process& p = process(name);
    return system_call(p, [this, &p, device](KernelContext& ctx) -> sim::Task<bool> {
        drivers::DeviceDriver& d = *devices_.at(device);
        Bond* b = sva_.find(*p.mm, d);
        if (b == nullptr) co_return false;
        co_await end_submitting(ctx, p, d);
        b->stopped = co_await d.stop(ctx, *b);
        co_return true;
    });
}

/// iommu_sva_unbind_device asks for a device that is stopped for the PASID: the driver does both (STOP, then UNBIND). While
/// somebody else holds the bond it only loses a reference.
sim::Task<bool> Kernel::unbind(const std::string& name, const std::string& device) {
    Process& p = process(name);
    Bond* bond = sva_.find(*p.mm, *devices_.at(device));
    if (bond != nullptr && bond->references == 1 && !p.dying()) trigger(p, "unbind", false, device, 0);
    return system_call(p, [this, &p, device](KernelContext& ctx) -> sim::Task<bool> {
        drivers::DeviceDriver& d = *devices_.at(device);
        Bond* b = sva_.find(*p.mm, d);
        if (b == nullptr) co_return false;
        if (b->references == 1) {
            co_await end_submitting(ctx, p, d);
            if (!has_bug("R-V4")) co_await unmap_portal(ctx, p, d); // unmap_mapping_range
        }
        if (b->references == 1 && !b->stopped) b->stopped = co_await d.stop(ctx, *b);
        co_await sva_.unbind(ctx, *b);
        if (b->life.state() == BondState::Unbound) d.released(*b);
        for (auto& f : p.files) {
            const auto held = std::find(f->bonds.begin(), f->bonds.end(), b); // once for each time it was bound
            if (held == f->bonds.end()) continue;
            f->bonds.erase(held);
            break;
        }
        co_return true;
    });
}

sim::Task<bool> Kernel::close(const std::string& name, const std::string& device) {
    Process& p = process(name);
    const std::shared_ptr<File> file = file_of(p, device);
    if (file != nullptr && file->references == 1 && !p.dying()) // an inherited descriptor keeps the file open
        trigger(p, "close", false, device, 0);
    return system_call(p, [this, &p, device](KernelContext& ctx) -> sim::Task<bool> {
        const std::shared_ptr<File> closed = file_of(p, device);
        if (closed == nullptr) co_return false;
        p.files.erase(std::find(p.files.begin(), p.files.end(), closed));
        co_await end_submitting(ctx, p, closed->device);
        co_await unmap_portal(ctx, p, closed->device); // munmap, which a library does before it closes
        co_await fput(ctx, closed);
        co_return true;
    });
}

sim::Task<void> Kernel::fput(KernelContext& ctx, std::shared_ptr<File> file) {
    {
        auto work = ctx.begin("close-files");
        co_await ctx.spend(config_.process.close_file.get(), ctx.name());
    }
    if (--file->references > 0) co_return;
    if (file->device.releases_in_worker()) sim::spawn(release_in_worker(file, ctx.last_span()));
    else co_await release_file(ctx, *file);
}

/// kfd_process_wq: stopping may take long, and whoever dies does not wait for it (facts/linux-sva.md 11.3). MODEL: amdkfd
/// queues the work from a notifier of its own, whoever holds the file; here the last close does.
sim::Task<void> Kernel::release_in_worker(std::shared_ptr<File> file, u64 begun_by) {
    ++releasing_;
    std::string name = "kworker/" + std::string{file->device.name().text()};
    if (!file->bonds.empty()) name += "/" + std::string{file->bonds.front()->process.text()}; // several may work at once
    KernelContext ctx(scheduler_, name, begun_by);
    {
        auto wait = ctx.begin_wait("schedule", "cpu");
        co_await ctx.run();
    }
    co_await release_file(ctx, *file);
    ctx.stop();
    --releasing_;
}

/// ____fput -> the driver's release: stop the device, then unbind.
sim::Task<void> Kernel::release_file(KernelContext& ctx, File& file) {
    file.released = true;
    for (Bond* b : std::vector<Bond*>(file.bonds)) {
        if (b->life.state() != BondState::Unbound && !b->stopped) b->stopped = co_await file.device.stop(ctx, *b);
        co_await sva_.unbind(ctx, *b);
        if (b->life.state() == BondState::Unbound) file.device.released(*b);
    }
    file.bonds.clear();
}

// ---- death (facts 1.2) ----------------------------------------------------------------------------------------------

sim::Task<void> Kernel::kill(const std::string& name) { co_await die(process(name), "kill", config_.process.signal.get()); }
sim::Task<void> Kernel::exit(const std::string& name) { co_await die(process(name), "exit", sim::Duration{}); }

sim::Task<void> Kernel::die(Process& p, base::Name what, sim::Duration delay) {
    if (p.dying()) co_return;
    p.death = what;
    events_.emit(ProcessChanged{p.name, p.mm->id(), "dying"});
    trigger(p, what, true, "", 0);
    for (const auto& s : p.submitters) s->changed.notify_all();
    for (unsigned t = 0; t < p.threads; ++t) sim::spawn(do_exit(p, t, delay));
    co_await p.zombie.wait();
}

sim::Task<void> Kernel::do_exit(Process& p, unsigned thread, sim::Duration delay) {
    KernelContext ctx(scheduler_, p.name + "/" + std::to_string(thread));
    if (delay != sim::Duration{}) {
        auto signal = ctx.begin_wait("signal-delivery", "cpu");
        co_await sim::delay(delay);
    }
    if (thread == 0 && p.calls.readers() > 0) {
        auto wait = ctx.begin_wait("system-call", p.name);
        auto left = co_await p.calls.write();
    }
    {
        auto wait = ctx.begin_wait("schedule", "cpu");
        co_await ctx.run();
    }
    {
        auto work = ctx.begin("exit-signals");
        co_await ctx.spend(config_.process.exit_signals.get(), p.name);
    }
    if (--p.alive == 0) p.portals.clear(); // exit_mmap
    const bool last = co_await p.mm->mmput(ctx);
    events_.emit(MmputReturned{p.name, p.mm->id(), last, ctx.last_span()});
    if (--p.leaving == 0) {
        co_await exit_files(ctx, p);
        events_.emit(ProcessChanged{p.name, p.mm->id(), "zombie"});
        p.zombie.set();
    }
    ctx.stop();
}

/// exit_files queues the releases as task work; exit_task_work runs them, in the order of the descriptors.
sim::Task<void> Kernel::exit_files(KernelContext& ctx, Process& p) {
    for (auto file : std::exchange(p.files, {})) co_await fput(ctx, file);
}

std::string Kernel::unrest() const {
    std::string s;
    for (const auto& [name, p] : processes_)
        if (p->dying() && !p->zombie.is_set()) s += (s.empty() ? "" : ", ") + name + " is dying";
    for (const auto& [name, p] : processes_) // a dead mm without bonds goes when the notifier's grace period is over
        if (p->zombie.is_set() && p->mm->count() > 0 && !sva_.any_bond(*p->mm)) s += (s.empty() ? "" : ", ") + std::string{"the mm of "} + name + " is going";
    for (const auto& [name, p] : processes_)
        for (const auto& f : p->files)
            for (const Bond* b : f->bonds)
                if (b->life.state() == BondState::Draining) s += (s.empty() ? "" : ", ") + std::string{"a bond of "} + name + " is draining";
    if (releasing_ > 0) s += (s.empty() ? "" : ", ") + std::string{"a worker releases a device's file"};
    if (page_faults_.queued() > 0) s += (s.empty() ? "" : ", ") + std::string{"page requests are being handled"};
    if (pasids_.parked() > 0) s += (s.empty() ? "" : ", ") + std::string{"a PASID is in its grace time"};
    return s;
}

} // namespace quiesce::os
