// SPDX-License-Identifier: Apache-2.0
/// Processes begin, and what they ask of the kernel.
#include "os/kernel.h"

#include <algorithm>

namespace quiesce::os {

// ---- processes ------------------------------------------------------------------------------------------------------

/// mmap_base with its randomness.
Va Kernel::random_heap_address() {
    if (!config_.randomize_va_space) return architecture_.mmap_top;
    const u64 pages = random_.below(u64{1} << architecture_.mmap_random);
    return Va{architecture_.mmap_top.value() - (pages << page_shift) % (u64{1} << 38)};
}

AddressSpace& Kernel::empty_mm(const std::string& name, const Architecture& written_as, GuestId guest) {
    spaces_.push_back(std::make_unique<AddressSpace>(MmId{static_cast<u32>(spaces_.size() + 1)}, name, config_.mm,
                                                     guests_.memory_of(guest), written_as));
    AddressSpace& mm = *spaces_.back();
    mm.be_of(guest);
    mm.on_drop = [this](AddressSpace& gone) {
        sva_.mm_dropped(gone);
        std::erase(left_, &gone);
        mm_dropped_.notify_all();
    };
    mm.on_exit = [this](AddressSpace& dead) { sva_.mm_exited(dead); };
    // arm64's ptep_set_access_flags flushes, and from 6.6 on that tells secondary TLBs (R25: as before); x86's does not flush
    mm.tell_upgrades(config_.kernel.get() >= KernelVersion::V6_12 && architecture_.name == "arm64" && !has_bug(Bug::R25));
    return mm;
}

AddressSpace& Kernel::new_mm(const std::string& name, const NewMapping& heap, const Architecture& written_as, GuestId guest, u64 stack_present) {
    AddressSpace& mm = empty_mm(name, written_as, guest);
    const Va base = random_heap_address();
    mm.map("heap", heap.huge ? base.align_down(huge_size) : base, heap);
    const u64 moved = config_.randomize_va_space ? random_.below(1u << 20) : 0;
    mm.map("stack", Va{architecture_.stack_top.value() - (moved << page_shift)}, {.pages = stack_pages, .present = stack_present});
    return mm;
}

void Kernel::spawn(const std::string& name, const NewMapping& heap, unsigned threads, GuestId guest) {
    AddressSpace& mm = new_mm(name, heap, guest);
    for (unsigned t = 1; t < threads; ++t) mm.mmget();
    new_process(name, mm, threads);
}

void Kernel::spawn_supervisor(const std::string& name, u64 pages) {
    AddressSpace& mm = new_mm(name, {.pages = pages}, own_architecture_, first_guest);
    mm.be_supervisors();
    new_process(name, mm, 1).oom_score_adj = -1000;
}

/// MODEL: whoever forks it is in no scenario; its first thread touches what its loader and its allocator would. By 2 MiB there
/// is nothing to be had any more.
sim::Task<bool> Kernel::spawn_by_faults(std::string name, NewMapping heap, unsigned threads, int oom_score_adj, GuestId guest) {
    KernelContext ctx(scheduler_, name + "/0");
    co_await ctx.run();
    const bool room = co_await guests_.memory_of(guest).wait_for_room(ctx, MmId{});
    if (!room) {
        ctx.stop();
        co_return false;
    }
    NewMapping bare = heap;
    bare.present = 0;
    AddressSpace& mm = new_mm(name, bare, architecture_, guest, 0);
    for (unsigned t = 1; t < threads; ++t) mm.mmget();
    Process& p = new_process(name, mm, threads);
    p.oom_score_adj = oom_score_adj;
    ctx.set_current(&p.task);
    const auto inside = co_await p.calls.read();
    co_await populate(ctx, p, std::min(heap.pages, heap.present));
    ctx.stop();
    co_return !p.dying();
}

/// What would be there if there had been memory when it began.
sim::Task<void> Kernel::populate(KernelContext& ctx, Process& p, u64 heap_pages) {
    const std::vector<Vma> its = p.mm->vmas();
    for (const Vma& v : its) co_await touch_pages(ctx, p, v.start, v.name == "heap" ? heap_pages : v.pages);
}

/// Each of its threads has a reference to the address space already.
Process& Kernel::new_process(const std::string& name, AddressSpace& mm, unsigned threads) {
    auto p = std::make_unique<Process>();
    p->name = name;
    p->number = processes_.size() + 1;
    p->threads = p->alive = p->leaving = threads;
    p->pasid_registers.resize(threads);
    p->mm = &mm;
    events_.emit(ProcessChanged{name, mm.id(), "running"});
    return *(processes_[name] = std::move(p));
}

/// Descriptors that a child inherits.
void Kernel::share_files(const Process& parent, Process& child) {
    for (const auto& f : parent.files) {
        ++f->references;
        child.files.push_back(f);
    }
}

sim::Task<bool> Kernel::fork(const std::string& parent, const std::string& child) {
    Process& p = process(parent);
    return system_call(p, [this, &p, child](KernelContext& ctx) -> sim::Task<bool> {
        co_await ctx.spend(config_.process.fork.get(), p.name);
        const bool room = co_await guests_.memory_of(p.mm->guest()).wait_for_room(ctx, p.mm->id());
        if (!room) co_return false;
        AddressSpace& mm = empty_mm(child, architecture_, p.mm->guest());
        bool copied = false;
        {
            auto held = co_await ctx.sleep_on(p.mm->mmap_lock().write(), "mmap-lock", "mmap_lock");
            copied = co_await p.mm->copy_to(ctx, mm);
        }
        if (!copied) {
            co_await mm.mmput(ctx);
            co_return false;
        }
        Process& born = new_process(child, mm, 1);
        share_files(p, born);
        // idxd_cdev_mmap: VM_DONTCOPY. The PASID register is not inherited in any case.
        if (has_bug(Bug::RV4)) born.portals = p.portals;
        co_return true;
    });
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
    ctx.set_current(&p.task);
    co_await ctx.run();
    lazy_tlb_.run(ctx.cpu(), *p.mm);
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
        if (d.releases_in_worker() && sva_.find(*p.mm, d) == nullptr) co_await flush_releases(ctx, d.name());
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
        if (p.dying() && !b->triggered) events_.emit(TeardownTriggered{b->id, p.death, ctx.last_span()}); // killed while it was being bound
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
        drivers::Work mine = work;
        if (!b->pinned.empty() && !in_bus_addresses(*b, mine)) co_return false;
        const bool taken = co_await d.submit(ctx, *b, mine);
        if (!taken || !d.portal(*b)) co_return taken;
        co_return begin_submitting(p, d, work); // user space does the rest
    });
}

sim::Task<bool> Kernel::munmap(const std::string& name, u64 first_page, u64 pages) {
    return with_heap(name, [first_page, pages](KernelContext& ctx, AddressSpace& mm, const Vma& heap) -> sim::Task<bool> {
        co_await mm.munmap(ctx, heap.start + first_page * page_size, pages);
        co_return true;
    });
}

sim::Task<bool> Kernel::reset(std::string device) {
    KernelContext ctx(scheduler_, "reset");
    co_await ctx.run();
    const bool done = co_await devices_.at(device)->reset(ctx);
    ctx.stop();
    co_return done;
}

sim::Task<bool> Kernel::allow_dma(std::string device, bool allowed) {
    KernelContext ctx(scheduler_, "setpci");
    co_await ctx.run();
    const bool done = co_await devices_.at(device)->allow_dma(ctx, allowed);
    ctx.stop();
    co_return done;
}

bool Kernel::gone(const std::string& device) const { return devices_.at(device)->gone(); }

// ---- orderly teardown -----------------------------------------------------------------------------------------------

/// Of the bonds of its address space that it has a descriptor or a mapping of, and of all of them when the last process that
/// has the address space goes: another process may have the file.
void Kernel::trigger(Process& p, base::Name what, bool all_files, const std::string& device, u64 span) {
    std::vector<std::shared_ptr<File>> files = p.files;
    if (all_files) // what it has mapped and closed as well
        for (const auto& f : p.mapped)
            if (std::find(files.begin(), files.end(), f) == files.end()) files.push_back(f);
    std::vector<const Bond*> told;
    const auto tell = [&](Bond* b) {
        if (b->life.state() == BondState::Unbound || &b->mm != p.mm || std::find(told.begin(), told.end(), b) != told.end()) return;
        told.push_back(b);
        b->triggered = true;
        events_.emit(TeardownTriggered{b->id, what, span});
    };
    for (const auto& f : files)
        if (all_files || f->device.name().text() == device) std::for_each(f->bonds.begin(), f->bonds.end(), tell);
    if (all_files && !lives_on(p)) std::for_each(sva_.bonds_of(*p.mm).begin(), sva_.bonds_of(*p.mm).end(), tell);
}

/// Another process has its address space.
bool Kernel::lives_on(const Process& p) const {
    if (p.mm->users() <= p.alive) return false;
    const auto twin = [&p](const auto& row) { return row.second.get() != &p && row.second->mm == p.mm && !row.second->dying(); };
    return std::any_of(processes_.begin(), processes_.end(), twin);
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
            if (!has_bug(Bug::RV4)) co_await unmap_portal(ctx, p, d); // unmap_mapping_range
        }
        const bool last = b->references == 1, stop = last && !b->stopped;
        if (stop && !has_bug(Bug::R17)) co_await stop_device(ctx, *b);
        if (last && pasid_is_held(*p.mm)) co_await sva_.park(ctx, *b);
        else co_await sva_.unbind(ctx, *b);
        if (stop && has_bug(Bug::R17)) co_await stop_device(ctx, *b);
        let_go(*b);
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
        if (!held_by(*p.mm, Holder::Kvm)) { // a guest's threads know nothing of it
            co_await end_submitting(ctx, p, closed->device);
            co_await unmap_portal(ctx, p, closed->device); // munmap, which a library does before it closes
        }
        co_await fput(ctx, closed);
        co_return true;
    });
}

} // namespace quiesce::os
