// SPDX-License-Identifier: Apache-2.0
#include "os/kernel.h"

#include <algorithm>
#include <stdexcept>

namespace quiesce::os {
namespace {
const Era& require_era(const KernelConfig& c) {
    const Era* e = find_era(c.policy, c.kernel);
    if (e == nullptr)
        throw std::invalid_argument("policy " + c.policy.text() + " does not exist on kernel " + c.kernel.text() + ": see `quiesce list policies`");
    return *e;
}
} // namespace

Kernel::Kernel(base::EventBus& events, const KernelConfig& config, memory::Ownership& ledger, memory::MemoryPort& memory, memory::MmioBus& mmio,
               Spa ram, u64 ram_bytes, u64 seed)
    : events_(events), config_(config), era_(require_era(config)), random_(seed, "os.layout"), scheduler_(events, config.cpu, memory, mmio),
      interrupts_(scheduler_), frames_(ledger, memory, ram, ram_bytes / page_size), pasids_(events, config.pasid, seed),
      sva_(events, ledger, pasids_, era_, config.bugs.get()) {}

bool Kernel::has_bug(std::string_view name) const {
    const auto& bugs = config_.bugs.get();
    return std::find(bugs.begin(), bugs.end(), name) != bugs.end();
}

sim::Task<void> Kernel::boot() {
    KernelContext ctx(scheduler_, "boot");
    co_await ctx.run();
    if (iommu_ != nullptr) co_await iommu_->init(ctx);
    for (auto& [name, device] : devices_) {
        if (iommu_ != nullptr) co_await iommu_->attach_device(ctx, device->stream());
        co_await device->probe(ctx);
    }
    ctx.stop();
}

// ---- processes ------------------------------------------------------------------------------------------------------

/// mmap_base with 28 bits of randomness, as arm64's.
Va Kernel::random_heap_address() { return Va{0x0000'ff00'0000'0000 - (random_.below(u64{1} << 28) << page_shift) % (u64{1} << 38)}; }

void Kernel::spawn(const std::string& name, u64 heap_pages, unsigned threads) {
    auto p = std::make_unique<Process>();
    p->name = name;
    p->threads = p->alive = p->leaving = threads;
    spaces_.push_back(std::make_unique<AddressSpace>(MmId{static_cast<u32>(spaces_.size() + 1)}, name, config_.mm, frames_));
    p->mm = spaces_.back().get();
    for (unsigned t = 1; t < threads; ++t) p->mm->mmget();
    p->mm->on_drop = [this](AddressSpace& mm) { sva_.mm_dropped(mm); };
    p->mm->map("heap", random_heap_address(), heap_pages);
    p->mm->map("stack", Va{0x0000'ffff'ff00'0000 - (random_.below(1u << 20) << page_shift)}, 8);
    events_.emit(ProcessChanged{name, p->mm->id(), "running"});
    processes_[name] = std::move(p);
}

void Kernel::fork(const std::string& parent, const std::string& child) {
    spawn(child, 16, 1);
    for (auto& f : process(parent).files) {
        ++f->references;
        process(child).files.push_back(f);
    }
}

const Vma* Kernel::heap(const std::string& name) const {
    const auto found = processes_.find(name);
    return found == processes_.end() ? nullptr : found->second->mm->find("heap");
}

File* Kernel::file_of(Process& p, const std::string& device) {
    for (auto& f : p.files)
        if (f->device.name().text() == device) return f.get();
    return nullptr;
}

sim::Task<void> Kernel::open(const std::string& name, const std::string& device) {
    KernelContext ctx(scheduler_, name + "/0");
    co_await ctx.run();
    co_await ctx.spend(config_.process.system_call.get(), name);
    process(name).files.push_back(std::make_shared<File>(File{*devices_.at(device), 1, {}, false}));
    ctx.stop();
}

sim::Task<bool> Kernel::bind(const std::string& name, const std::string& device) {
    Process& p = process(name);
    if (file_of(p, device) == nullptr) co_await open(name, device);
    KernelContext ctx(scheduler_, name + "/0");
    co_await ctx.run();
    Bond* b = co_await sva_.bind(ctx, *p.mm, name, *devices_.at(device));
    if (b != nullptr) file_of(p, device)->bonds.push_back(b);
    ctx.stop();
    co_return b != nullptr;
}

sim::Task<bool> Kernel::submit(const std::string& name, const std::string& device, const drivers::Work& work) {
    Process& p = process(name);
    drivers::DeviceDriver& d = *devices_.at(device);
    Bond* b = sva_.find(*p.mm, d);
    if (b == nullptr) co_return false;
    KernelContext ctx(scheduler_, name + "/0");
    co_await ctx.run();
    const bool ok = co_await d.submit(ctx, *b, work);
    ctx.stop();
    co_return ok;
}

sim::Task<void> Kernel::munmap(const std::string& name, u64 first_page, u64 pages) {
    Process& p = process(name);
    KernelContext ctx(scheduler_, name + "/0");
    co_await ctx.run();
    co_await ctx.spend(config_.process.system_call.get(), name);
    if (const Vma* heap = p.mm->find("heap")) co_await p.mm->munmap(ctx, heap->start + first_page * page_size, pages);
    ctx.stop();
}

// ---- orderly teardown -----------------------------------------------------------------------------------------------

void Kernel::trigger(Process& p, base::Name what, bool all_files, const std::string& device, u64 span) {
    for (auto& f : p.files)
        for (Bond* b : f->bonds)
            if (b->life.state() != BondState::Unbound && &b->mm == p.mm && (all_files || f->device.name().text() == device))
                events_.emit(TeardownTriggered{b->id, what, span});
}

sim::Task<void> Kernel::stop(const std::string& name, const std::string& device) {
    drivers::DeviceDriver& d = *devices_.at(device);
    Bond* b = sva_.find(*process(name).mm, d);
    if (b == nullptr) co_return;
    KernelContext ctx(scheduler_, name + "/0");
    co_await ctx.run();
    b->stopped = co_await d.stop(ctx, *b);
    ctx.stop();
}

/// iommu_sva_unbind_device asks for a device that is stopped for the PASID: the driver does both (STOP, then UNBIND).
sim::Task<void> Kernel::unbind(const std::string& name, const std::string& device) {
    Process& p = process(name);
    drivers::DeviceDriver& d = *devices_.at(device);
    Bond* b = sva_.find(*p.mm, d);
    if (b == nullptr) co_return;
    trigger(p, "unbind", false, device, 0);
    KernelContext ctx(scheduler_, name + "/0");
    co_await ctx.run();
    if (!b->stopped) b->stopped = co_await d.stop(ctx, *b);
    co_await sva_.unbind(ctx, *b);
    for (auto& f : p.files) std::erase(f->bonds, b);
    ctx.stop();
}

sim::Task<void> Kernel::close(const std::string& name, const std::string& device) {
    Process& p = process(name);
    const auto found = std::find_if(p.files.begin(), p.files.end(), [&](auto& f) { return f->device.name().text() == device; });
    if (found == p.files.end()) co_return;
    if ((*found)->references == 1) trigger(p, "close", false, device, 0); // an inherited descriptor keeps the file open
    KernelContext ctx(scheduler_, name + "/0");
    co_await ctx.run();
    co_await ctx.spend(config_.process.system_call.get(), name);
    auto file = *found;
    p.files.erase(found);
    co_await fput(ctx, file);
    ctx.stop();
}

sim::Task<void> Kernel::fput(KernelContext& ctx, std::shared_ptr<File> file) {
    {
        auto work = ctx.begin("close-files");
        co_await ctx.spend(config_.process.close_file.get(), ctx.name());
    }
    if (--file->references == 0) co_await release_file(ctx, *file);
}

/// ____fput -> the driver's release: stop the device, then unbind.
sim::Task<void> Kernel::release_file(KernelContext& ctx, File& file) {
    file.released = true;
    for (Bond* b : std::vector<Bond*>(file.bonds)) {
        if (b->life.state() != BondState::Unbound && !b->stopped) b->stopped = co_await file.device.stop(ctx, *b);
        co_await sva_.unbind(ctx, *b);
    }
    file.bonds.clear();
}

// ---- death (facts 1.2) ----------------------------------------------------------------------------------------------

sim::Task<void> Kernel::kill(const std::string& name) { co_await die(process(name), "kill", config_.process.signal.get()); }
sim::Task<void> Kernel::exit(const std::string& name) { co_await die(process(name), "exit", sim::Duration{}); }

sim::Task<void> Kernel::die(Process& p, base::Name what, sim::Duration delay) {
    if (p.dying) co_return;
    p.dying = true;
    events_.emit(ProcessChanged{p.name, p.mm->id(), "dying"});
    trigger(p, what, true, "", 0);
    for (unsigned t = 0; t < p.threads; ++t) sim::spawn(do_exit(p, t, delay));
    co_await p.zombie.wait();
}

sim::Task<void> Kernel::do_exit(Process& p, unsigned thread, sim::Duration delay) {
    KernelContext ctx(scheduler_, p.name + "/" + std::to_string(thread));
    if (delay != sim::Duration{}) {
        auto signal = ctx.begin_wait("signal-delivery", "cpu");
        co_await sim::delay(delay);
    }
    {
        auto wait = ctx.begin_wait("schedule", "cpu");
        co_await ctx.run();
    }
    {
        auto work = ctx.begin("exit-signals");
        co_await ctx.spend(config_.process.exit_signals.get(), p.name);
    }
    --p.alive;
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
        if (p->dying && !p->zombie.is_set()) s += (s.empty() ? "" : ", ") + name + " is dying";
    for (const auto& [name, p] : processes_) // a dead mm without bonds goes when the notifier's grace period is over
        if (p->zombie.is_set() && p->mm->count() > 0 && !sva_.any_bond(*p->mm)) s += (s.empty() ? "" : ", ") + std::string{"the mm of "} + name + " is going";
    for (const auto& [name, p] : processes_)
        for (const auto& f : p->files)
            for (const Bond* b : f->bonds)
                if (b->life.state() == BondState::Draining) s += (s.empty() ? "" : ", ") + std::string{"a bond of "} + name + " is draining";
    return s;
}

} // namespace quiesce::os
