// SPDX-License-Identifier: Apache-2.0
#include "os/sva.h"

#include "os/iopf.h"
#include "os/step_told.h"

#include <algorithm>

namespace quiesce::os {
Sva::~Sva() = default;

void Sva::change(Bond& b, BondEvent e) {
    if (!b.life.apply(e)) events_.emit(OsViolation{"illegal-state", "bond", b.id});
    events_.emit(BondChanged{b.id, b.mm.id(), b.process, b.device.name(), b.device.device(), b.pasid, b.life.state()});
}

Bond* Sva::find(const AddressSpace& mm, const drivers::DeviceDriver& device) {
    for (auto& b : bonds_)
        if (&b->mm == &mm && &b->device == &device && b->life.state() != BondState::Unbound) return b.get();
    return nullptr;
}

const Bond* Sva::latest(const AddressSpace& mm, const drivers::DeviceDriver& device) const {
    const auto its = [&](const auto& b) { return &b->mm == &mm && &b->device == &device; };
    const auto found = std::find_if(bonds_.rbegin(), bonds_.rend(), its);
    return found == bonds_.rend() ? nullptr : found->get();
}

Bond* Sva::bond_at(StreamId stream, Pasid pasid) const {
    for (const auto& b : bonds_)
        if (b->stream == stream && b->pasid == pasid && b->life.state() != BondState::Unbound) return b.get();
    return nullptr;
}

std::vector<Bond*> Sva::bonds_of(const AddressSpace& mm) const {
    std::vector<Bond*> found;
    for (const auto& b : bonds_)
        if (&b->mm == &mm && b->life.state() != BondState::Unbound) found.push_back(b.get());
    return found;
}

// ---- bind -----------------------------------------------------------------------------------------------------------

/// arm_smmu_asid_xa: the lowest that is free, from 1.
std::optional<Asid> Sva::take_asid() {
    u32 at = 1;
    while (asids_.count(at) != 0) ++at;
    if (at >= iommu_->max_asids()) return std::nullopt;
    asids_.insert(at);
    return Asid{static_cast<u16>(at)};
}

/// The mm's PASID, taken at its first bind, has to suit every device that is bound later (-EOVERFLOW).
bool Sva::take_ids(AddressSpace& mm, const drivers::DeviceDriver& device) {
    MmIds& ids = ids_[raw(mm.id())];
    const u32 limit = iommu_->max_pasids(device.stream());
    if (limit == 0) return false;
    if (!ids.pasid) ids.pasid = pasids_.take(mm.id(), limit);
    if (!ids.pasid || raw(*ids.pasid) >= limit) return false;
    if (iommu_->max_asids() == 0) return true;
    if (!ids.asid) ids.asid = take_asid();
    return ids.asid.has_value();
}

SvaDomain* Sva::domain_for(AddressSpace& mm, drivers::DeviceDriver& device) {
    drivers::DeviceDriver* const only = era_.domain_per_device ? &device : nullptr;
    for (auto& d : domains_)
        if (&d->mm == &mm && d->device == only && !d->put) return d.get();
    MmIds& ids = ids_.at(raw(mm.id()));
    ++ids.domains;
    const drivers::MmTag tag{ids.asid.value_or(Asid{}), *ids.pasid};
    domains_.push_back(std::make_unique<SvaDomain>(*this, mm, only, tag));
    mm.notifier_register(*domains_.back());
    return domains_.back().get();
}

sim::Task<Bond*> Sva::bind(KernelContext& ctx, AddressSpace& mm, base::Name process, drivers::DeviceDriver& device) {
    auto held = co_await ctx.sleep_on(lock_.lock(), "sva-lock", "iommu_sva_lock");
    if (!mm.mmget_not_zero()) co_return nullptr; // set_dev_pasid takes a user for its duration: no release meanwhile
    Bond* bond = find(mm, device);
    if (bond != nullptr) {
        ++bond->references;
    } else if (iommu_ != nullptr && take_ids(mm, device)) {
        SvaDomain& domain = *domain_for(mm, device);
        bonds_.push_back(std::make_unique<Bond>(BondId{static_cast<u32>(bonds_.size() + 1)}, mm, device));
        bond = bonds_.back().get();
        bond->process = process;
        bond->stream = device.stream();
        bond->pasid = *ids_.at(raw(mm.id())).pasid;
        bond->asid = domain.tag.asid;
        bond->ats = iommu_->ats_enabled(device.stream());
        ledger_.bond_opened(bond->id, mm.id());
        domain.bonds.push_back(bond);
        change(*bond, BondEvent::Bind);
        co_await iommu_->set_pasid(ctx, *bond);
    }
    co_await mm.mmput(ctx);
    co_return bond;
}

// ---- unbind ---------------------------------------------------------------------------------------------------------

sim::Task<void> Sva::unbind(KernelContext& ctx, Bond& b) {
    auto held = co_await ctx.sleep_on(lock_.lock(), "sva-lock", "iommu_sva_lock");
    if (b.life.state() == BondState::Unbound || --b.references > 0) co_return; // mm_exit may have detached it already
    // Not under the domain's lock: a worker whose mmput is the last one needs it for the release.
    if (era_.drain_on_unbind == UnbindDrain::BeforeSteps) {
        const StepTold told(ctx, {&b}, TeardownStep::DrainPageRequests);
        co_await drain_page_requests(ctx, b);
    }
    if (b.life.state() == BondState::Unbound) co_return;
    const auto has = [&](const auto& d) { return std::find(d->bonds.begin(), d->bonds.end(), &b) != d->bonds.end(); };
    SvaDomain& d = **std::find_if(domains_.begin(), domains_.end(), has);
    sim::Lease own = co_await ctx.sleep_on(d.lock.lock(), "domain-lock", "sva_domain");
    if (b.life.state() == BondState::Unbound) co_return;
    change(b, BondEvent::UnbindBegins);
    const std::vector<Bond*> one{&b};
    co_await run(ctx, d, one, b.exited ? era_.on_unbind_exited : era_.on_unbind);
    std::erase(d.bonds, &b);
    if (era_.drain_on_unbind == UnbindDrain::AfterSteps) {
        own.release(); // as above; a release finds nothing of the bond any more
        const StepTold told(ctx, {&b}, TeardownStep::DrainPageRequests);
        co_await drain_page_requests(ctx, b);
    }
    if (d.bonds.empty()) co_await run(ctx, d, one, era_.on_last);
    change(b, BondEvent::UnbindEnds);
    ledger_.bond_closed(b.id);
}

// ---- the mm's notifier ----------------------------------------------------------------------------------------------

/// With a policy that detaches here, the bonds are unbound afterwards.
sim::Task<void> SvaDomain::release(KernelContext& ctx, AddressSpace&) {
    auto held = co_await ctx.sleep_on(lock.lock(), "domain-lock", "sva_domain");
    const std::vector<Bond*> dying = bonds;
    if (dying.empty()) co_return;
    const bool detaches = sva.era_.pasid == PasidLife::Detach;
    for (Bond* b : dying) {
        b->exited = true;
        if (detaches) sva.change(*b, BondEvent::UnbindBegins);
    }
    co_await sva.release_bonds(ctx, *this, dying);
    if (detaches) {
        bonds.clear();
        co_await sva.run(ctx, *this, dying, sva.era_.on_last);
    }
    for (Bond* b : dying) {
        sva.change(*b, detaches ? BondEvent::UnbindEnds : BondEvent::MmReleased);
        if (detaches) sva.ledger_.bond_closed(b->id);
    }
}

/// First what the unit keeps, then what the devices keep: the other way round they could ask for it again.
sim::Task<void> SvaDomain::invalidate(KernelContext& ctx, AddressSpace&, Va first, u64 bytes) {
    if (bonds.empty()) co_return;
    const std::vector<Bond*> cached = Sva::with_ats(bonds, true);
    const Sva::Issued plain_issued = sva.issue(Sva::with_ats(bonds, false), first, bytes), cached_issued = sva.issue(cached, first, bytes);
    const bool tlb = co_await sva.iommu_->invalidate_range(ctx, tag, first, bytes);
    if (tlb) sva.seen(ctx, plain_issued, first, bytes);
    if (cached.empty()) co_return;
    const bool atc = co_await sva.iommu_->invalidate_atc(ctx, cached, first, bytes);
    if (tlb && atc) sva.seen(ctx, cached_issued, first, bytes);
}

} // namespace quiesce::os
