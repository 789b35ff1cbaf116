// SPDX-License-Identifier: Apache-2.0
/// Who else uses a PASID or an address space, and how a bond ends while they do (facts/linux-sva.md 1.1, 7).
#include "os/kernel.h"

#include <algorithm>

namespace quiesce::os {

/// Not procfs: it holds the address space, and knows of no PASID.
bool Kernel::pasid_is_held(const AddressSpace& mm) const {
    const auto its = [&](const HeldBy& h) { return h.mm == &mm && h.by != Holder::Procfs; };
    return era_.counts_pasids && std::any_of(holders_.begin(), holders_.end(), its);
}

bool Kernel::held_by(const AddressSpace& mm, Holder by) const {
    return std::any_of(holders_.begin(), holders_.end(), [&](const HeldBy& h) { return h.mm == &mm && h.by == by; });
}

/// The process hands its PASID to VFIO, to KVM (a line of its PASID translation table; the guest has the portals mapped) or to a
/// mediated device; or somebody reads its memory. Only counted PASIDs have references; otherwise the other is as good as unknown.
sim::Task<bool> Kernel::hold(std::string name, Holder by) {
    Process& p = process(name);
    if (by == Holder::Procfs) {
        if (!p.mm->mmget_not_zero()) co_return false;
        add_holder({p.name, p.mm, by, {}});
        co_return true;
    }
    const bool held = co_await system_call(p, [this, &p, by](KernelContext&) -> sim::Task<bool> {
        const std::vector<Pasid> pasids = sva_.pasids_of(*p.mm);
        if (pasids.empty()) co_return false;
        if (era_.counts_pasids)
            for (const Pasid pasid : pasids)
                if (!pasids_.hold(pasid)) co_return false;
        add_holder({p.name, p.mm, by, pasids});
        co_return true;
    });
    co_return held;
}

void Kernel::add_holder(HeldBy h) {
    events_.emit(HolderChanged{h.process, h.mm->id(), h.by, h.by == Holder::Procfs || era_.counts_pasids, true});
    holders_.push_back(h);
}

/// At its own time: nobody asked for it.
sim::Task<bool> Kernel::drop(std::string name, Holder by) {
    Process& p = process(name);
    const auto its = [&](const HeldBy& h) { return h.process == p.name && h.by == by; }; // be it of an address space that exec left
    const auto found = std::find_if(holders_.begin(), holders_.end(), its);
    if (found == holders_.end()) co_return false;
    const HeldBy h = *found;
    ++releasing_;
    KernelContext ctx(scheduler_, std::string{base::enum_text(by)} + "/" + name);
    co_await ctx.run();
    co_await ctx.spend(config_.process.close_file.get(), ctx.name());
    const bool device_is_its = era_.counts_pasids && (by == Holder::Vfio || by == Holder::Mdev);
    if (device_is_its) co_await give_up_devices(ctx, *h.mm);
    if (by == Holder::Kvm) co_await end_guest(ctx, p, *h.mm);
    holders_.erase(std::find_if(holders_.begin(), holders_.end(), its));
    events_.emit(HolderChanged{h.process, h.mm->id(), by, by == Holder::Procfs || era_.counts_pasids, false});
    if (by == Holder::Procfs) co_await h.mm->mmput(ctx);
    if (by != Holder::Procfs && era_.counts_pasids) {
        if (!pasid_is_held(*h.mm)) co_await end_parked(ctx, *h.mm);
        for (const Pasid pasid : h.pasids) pasids_.drop(pasid, h.mm->id());
    }
    ctx.stop();
    --releasing_;
    co_return true;
}

/// The close of a VFIO device, or of a mediated one: it stops working for the process, and what is bound is blocked. As long as
/// a guest can give it work it has not stopped for good.
sim::Task<void> Kernel::give_up_devices(KernelContext& ctx, AddressSpace& mm) {
    for (Bond* b : std::vector<Bond*>(sva_.bonds_of(mm))) {
        if (!b->exited) events_.emit(TeardownTriggered{b->id, "close", ctx.last_span()});
        if (!b->stopped) {
            const bool idle = co_await b->device.stop(ctx, *b);
            b->stopped = idle && !held_by(mm, Holder::Kvm);
        }
        co_await sva_.park(ctx, *b);
    }
}

/// The guest is over: nobody runs its threads, and its mappings go.
sim::Task<void> Kernel::end_guest(KernelContext& ctx, Process& p, AddressSpace& mm) {
    for (const auto& [name, device] : devices_) {
        const Bond* const bond = sva_.find(mm, *device);
        if (bond != nullptr && !bond->parked) continue; // the process's own library still works with it
        co_await end_submitting(ctx, p, *device);
        co_await unmap_portal(ctx, p, *device);
    }
}

/// The last that held the PASID is gone: what its bonds left to do.
sim::Task<void> Kernel::end_parked(KernelContext& ctx, AddressSpace& mm) {
    for (Bond* b : std::vector<Bond*>(sva_.bonds_of(mm)))
        if (b->parked) co_await end_bond(ctx, *b);
}

// ---- PASIDs without a process (amdgpu: one for each context of the device; facts/linux-sva.md 8) ---------------------

/// A guest's hypervisor hands them out for address spaces: a driver that only needs numbers gets none.
unsigned Kernel::allocate_pasids(base::Name set, unsigned count) {
    if (iommu_ != nullptr && iommu_->pasids_from_host()) return 0;
    unsigned taken = 0;
    for (; taken < count; ++taken) {
        const std::optional<Pasid> pasid = pasids_.take(MmId{}, config_.pasid.max + 1, set);
        if (!pasid) break;
        pasid_sets_[std::string{set.text()}].push_back(*pasid);
    }
    return taken;
}

/// amdgpu_pasid_free_delayed: what is a tag of work that is not over goes back when it is.
Kernel::FreedPasids Kernel::free_pasids(const std::string& set) {
    const auto found = pasid_sets_.extract(set);
    FreedPasids freed;
    if (!found) return freed;
    freed.count = found.mapped().size();
    for (const Pasid pasid : found.mapped()) {
        for (const Bond* b : sva_.tagged(pasid))
            freed.held.push_back("PASID " + std::to_string(raw(pasid)) + " by " + std::string{b->process.text()} + " on " + std::string{b->device.name().text()});
        pasids_.free(pasid, MmId{});
    }
    return freed;
}

/// MODEL: a worker does it; Linux' ioasid_free calls the custom allocator where it is called itself.
sim::Task<void> Kernel::give_pasid_to_host(Pasid pasid) {
    KernelContext ctx(scheduler_, "kworker/ioasid");
    co_await ctx.run();
    co_await iommu_->free_pasid(ctx, pasid);
    ctx.stop();
}

} // namespace quiesce::os
