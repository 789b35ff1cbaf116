// SPDX-License-Identifier: Apache-2.0
#include "os/sva.h"

#include <algorithm>

namespace quiesce::os {

Sva::~Sva() = default;

bool Sva::has_bug(std::string_view name) const { return std::find(bugs_.begin(), bugs_.end(), name) != bugs_.end(); }

void Sva::change(Bond& b, BondEvent e) {
    if (!b.life.apply(e)) events_.emit(OsViolation{"illegal-state", "bond", b.id});
    events_.emit(BondChanged{b.id, b.mm.id(), b.process, b.device.name(), b.device.device(), b.pasid, b.life.state()});
}

Bond* Sva::find(const AddressSpace& mm, const drivers::DeviceDriver& device) {
    for (auto& b : bonds_)
        if (&b->mm == &mm && &b->device == &device && b->life.state() != BondState::Unbound) return b.get();
    return nullptr;
}

bool Sva::any_bond(const AddressSpace& mm) const {
    return std::any_of(bonds_.begin(), bonds_.end(), [&](auto& b) { return &b->mm == &mm && b->life.state() != BondState::Unbound; });
}

sim::Task<Bond*> Sva::bind(KernelContext& ctx, AddressSpace& mm, base::Name process, drivers::DeviceDriver& device) {
    auto held = co_await ctx.sleep_on(lock_.lock(), "sva-lock", "iommu_sva_lock");
    if (!mm.mmget_not_zero()) co_return nullptr; // set_dev_pasid takes a user for its duration: no release meanwhile
    if (Bond* b = find(mm, device)) {
        ++b->references;
        co_await mm.mmput(ctx);
        co_return b;
    }
    if (mm_pasid_.find(raw(mm.id())) == mm_pasid_.end()) {
        const auto pasid = pasids_.take(mm.id(), 1u << 20);
        if (!pasid) {
            co_await mm.mmput(ctx);
            co_return nullptr;
        }
        mm_pasid_[raw(mm.id())] = *pasid;
    }
    auto& domain = domains_[raw(mm.id())];
    if (!domain || domain->put) {
        domain = std::make_unique<SvaDomain>(*this, mm, Asid{next_asid_++});
        mm.notifier_register(*domain);
    }
    bonds_.push_back(std::make_unique<Bond>(BondId{static_cast<u32>(bonds_.size() + 1)}, mm, device));
    Bond& b = *bonds_.back();
    b.process = process;
    b.stream = device.stream();
    b.pasid = mm_pasid_.at(raw(mm.id()));
    b.asid = domain->asid;
    ledger_.bond_opened(b.id, mm.id());
    domain->bonds.push_back(&b);
    change(b, BondEvent::Bind);
    co_await iommu_->set_pasid(ctx, b);
    co_await mm.mmput(ctx);
    co_return &b;
}

// ---- steps ----------------------------------------------------------------------------------------------------------

sim::Task<void> Sva::step(KernelContext& ctx, SvaDomain& d, Bond& b, TeardownStep s, u64 issued, bool last_fence) {
    bool seen = true;
    switch (s) {
    case TeardownStep::QuietContext: seen = co_await iommu_->quiet_pasid(ctx, b); break;
    case TeardownStep::ClearContext: seen = co_await iommu_->clear_pasid(ctx, b); break;
    case TeardownStep::InvalidateSpace:
        if (!has_bug("forget-tlbi")) seen = co_await iommu_->invalidate_space(ctx, b);
        break;
    case TeardownStep::DriverMmExit:
        co_await b.device.stop(ctx, b);
        b.stopped = true;
        break;
    case TeardownStep::FreePasid: free_pasid(b.mm); break;
    case TeardownStep::PutNotifier:
        if (!d.put && std::all_of(d.bonds.begin(), d.bonds.end(), [&](Bond* o) { return o == &b || o->life.state() == BondState::Unbound; })) {
            d.put = true;
            b.mm.notifier_put(d);
        }
        break;
    }
    // The last invalidation's fence is what the OS relies on from here on. A fence that was not seen promises nothing.
    if (last_fence && seen) events_.emit(FenceObserved{b.id, b.mm.id(), Va{}, ~u64{0}, true, issued, ctx.last_span()});
}

sim::Task<void> Sva::run(KernelContext& ctx, SvaDomain& d, Bond& b, std::span<const TeardownStep> steps) {
    const auto is_fence = [](TeardownStep s) {
        return s == TeardownStep::QuietContext || s == TeardownStep::ClearContext || s == TeardownStep::InvalidateSpace;
    };
    const auto last = std::find_if(steps.rbegin(), steps.rend(), is_fence);
    const u64 issued = ++issued_;
    bool told = false;
    for (const TeardownStep& s : steps) {
        if (is_fence(s) && !std::exchange(told, true)) events_.emit(InvalidationIssued{issued, b.id, b.mm.id(), Va{}, ~u64{0}});
        co_await step(ctx, d, b, s, issued, last != steps.rend() && &s == &*last);
    }
}

/// Detaching the last bond of an mm frees its PASID where the era says so.
void Sva::free_pasid(AddressSpace& mm) {
    const auto found = mm_pasid_.find(raw(mm.id()));
    if (found == mm_pasid_.end() || era_.pasid != PasidLife::Detach) return;
    const auto others = std::count_if(bonds_.begin(), bonds_.end(), [&](auto& b) { return &b->mm == &mm && b->life.state() != BondState::Unbound; });
    if (others > 1) return;
    pasids_.free(found->second, mm.id());
    mm_pasid_.erase(found);
}

void Sva::mm_dropped(AddressSpace& mm) {
    const auto found = mm_pasid_.find(raw(mm.id()));
    if (found == mm_pasid_.end()) return;
    if (std::any_of(bonds_.begin(), bonds_.end(), [&](auto& b) { return &b->mm == &mm && b->life.state() != BondState::Unbound; }))
        events_.emit(OsViolation{"use-after-free", "mm dropped while a bond lives", BondId{}});
    pasids_.free(found->second, mm.id());
    mm_pasid_.erase(found);
}

sim::Task<void> Sva::unbind(KernelContext& ctx, Bond& b) {
    auto held = co_await ctx.sleep_on(lock_.lock(), "sva-lock", "iommu_sva_lock");
    if (b.life.state() == BondState::Unbound || --b.references > 0) co_return; // mm_exit may have detached it already
    SvaDomain& d = *domains_.at(raw(b.mm.id()));
    auto own = co_await ctx.sleep_on(d.lock.lock(), "domain-lock", "sva_domain");
    if (b.life.state() == BondState::Unbound) co_return;
    change(b, BondEvent::UnbindBegins);
    co_await run(ctx, d, b, b.exited ? era_.on_unbind_exited : era_.on_unbind);
    change(b, BondEvent::UnbindEnds);
    ledger_.bond_closed(b.id);
}

// ---- the mm's notifier ----------------------------------------------------------------------------------------------

/// Bonds one after the other: releases are serial (1.3). With a policy that detaches here, the bond is unbound afterwards.
sim::Task<void> SvaDomain::release(KernelContext& ctx, AddressSpace&) {
    auto held = co_await ctx.sleep_on(lock.lock(), "domain-lock", "sva_domain");
    for (Bond* b : bonds) {
        if (b->life.state() != BondState::Bound) continue;
        const bool detaches = sva.era_.pasid == PasidLife::Detach;
        b->exited = true;
        if (detaches) sva.change(*b, BondEvent::UnbindBegins);
        {
            std::optional<KernelContext::IrqsOff> spinlock; // 5.3: spin_lock_irqsave over all context rewrites
            if (sva.era_.release_irqs_off && !detaches) spinlock.emplace(ctx.irqs_off());
            co_await sva.run(ctx, *this, *b, sva.era_.on_release);
        }
        sva.change(*b, detaches ? BondEvent::UnbindEnds : BondEvent::MmReleased);
        if (detaches) sva.ledger_.bond_closed(b->id);
    }
}

sim::Task<void> SvaDomain::invalidate(KernelContext& ctx, AddressSpace& m, Va first, u64 bytes) {
    const u64 issued = ++sva.issued_;
    Bond* any = nullptr;
    for (Bond* b : bonds)
        if (b->life.state() == BondState::Bound) any = b;
    if (any == nullptr) co_return;
    sva.events_.emit(InvalidationIssued{issued, BondId{}, m.id(), first, bytes});
    const bool seen = co_await sva.iommu_->invalidate_range(ctx, *any, first, bytes);
    if (seen)
        sva.events_.emit(FenceObserved{BondId{}, m.id(), first, bytes, false, issued, ctx.last_span()});
}

} // namespace quiesce::os
