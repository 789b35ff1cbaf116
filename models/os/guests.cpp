// SPDX-License-Identifier: Apache-2.0
/// Guests begin and end, and functions pass from one to the next.
#include "os/guests.h"

#include "os/kernel.h"

#include <algorithm>
#include <stdexcept>

namespace quiesce::os {

Guests::Guests(FrameAllocator& own, memory::Ownership& ledger, memory::MemoryPort& memory, Spa ram, u64 ram_bytes,
               unsigned at_once, const Architecture& architecture) {
    const u64 part = part_bytes(ram_bytes, at_once);
    if (at_once == 1) parts_.push_back(&own);
    for (unsigned n = 0; at_once > 1 && n < at_once; ++n) {
        made_.push_back(
            std::make_unique<FrameAllocator>(ledger, memory, ram + (n + 1) * part, part / page_size, architecture));
        made_.back()->be_displaced(n * part);
        parts_.push_back(made_.back().get());
    }
    begin(first_guest);
}

u64 Guests::part_bytes(u64 ram_bytes, unsigned at_once) {
    return at_once == 1 ? ram_bytes : ram_bytes / (at_once + 1) / huge_size * huge_size;
}

void Guests::begin(GuestId guest) {
    if (runs(guest)) return;
    std::size_t part = 0;
    const auto taken = [&](const auto& row) { return row.second == part; };
    while (part < parts_.size() && std::any_of(part_of_.begin(), part_of_.end(), taken)) ++part;
    if (part == parts_.size()) throw std::runtime_error("no part of RAM is free for another guest (os.guests)");
    part_of_[guest] = part;
}

Spa Guests::empty_table(GuestId guest) {
    const auto [at, fresh] = empty_tables_.try_emplace(part_of_.at(guest));
    if (fresh) at->second = memory_of(guest).take_empty_table();
    return at->second;
}

// ---- the hypervisor's administrator ---------------------------------------------------------------------------------

/// Nothing of a guest that has ended: its processes are dead, and nobody has an address space of theirs.
bool Kernel::guest_is_over(GuestId guest) const {
    const auto its = [guest](const auto& mm) { return mm->guest() == guest && mm->count() > 0; };
    return std::none_of(spaces_.begin(), spaces_.end(), its);
}

bool Kernel::guest_lives(GuestId guest) const {
    const auto its = [guest](const auto& row) { return row.second->mm->guest() == guest && !row.second->dying(); };
    return std::any_of(processes_.begin(), processes_.end(), its);
}

/// A function is unplugged from one guest and plugged into another. MODEL: without the reset that VFIO does in between;
/// nothing of the old guest is left in a device whose bonds are gone.
sim::Task<base::Name> Kernel::assign(std::string device, GuestId guest) {
    static const base::Name done, no_unit{"ENODEV"}, no_such_guest{"ESRCH"}, in_use{"EBUSY"}, refused{"EINVAL"};
    drivers::DeviceDriver& d = *devices_.at(device);
    if (iommu_ == nullptr) co_return no_unit;
    if (!guests_.runs(guest)) co_return no_such_guest;
    if (sva_.in_use(d)) co_return in_use;
    const GuestId before = iommu_->guest_of(d.stream());
    if (before == guest) co_return done;
    KernelContext ctx(scheduler_, "vmm/" + device);
    co_await ctx.run();
    if (before != no_guest) co_await iommu_->take_from_guest(ctx, d.stream());
    const bool given = co_await iommu_->give_to_guest(ctx, d.stream(), guest);
    ctx.stop();
    events_.emit(FunctionAssigned{d.name(), raw(guest)});
    co_return given ? done : refused;
}

/// The guest has shut down: its functions lead nowhere, then its second stage goes, and its memory.
sim::Task<base::Name> Kernel::destroy_guest(GuestId guest) {
    static const base::Name done, no_unit{"ENODEV"}, no_such_guest{"ESRCH"}, in_use{"EBUSY"};
    if (iommu_ == nullptr) co_return no_unit;
    if (!guests_.runs(guest)) co_return no_such_guest;
    if (guest_lives(guest)) co_return in_use;
    while (!guest_is_over(guest)) co_await mm_dropped_.wait();
    for (auto& [name, d] : devices_)
        if (iommu_->guest_of(d->stream()) == guest && sva_.in_use(*d)) co_return in_use;
    KernelContext ctx(scheduler_, "vmm/" + std::to_string(raw(guest)));
    co_await ctx.run();
    for (auto& [name, d] : devices_) {
        if (iommu_->guest_of(d->stream()) != guest) continue;
        co_await iommu_->take_from_guest(ctx, d->stream());
        events_.emit(FunctionAssigned{d->name(), raw(no_guest)});
    }
    co_await iommu_->end_guest(ctx, guest);
    ctx.stop();
    guests_.end(guest);
    co_return done;
}

} // namespace quiesce::os
