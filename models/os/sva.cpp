// SPDX-License-Identifier: Apache-2.0
#include "os/sva.h"

#include "os/iopf.h"
#include "os/step_told.h"

#include <algorithm>

namespace quiesce::os {
Sva::~Sva() = default;

/// What is not UNBOUND can be found.
void Sva::change(Bond& b, BondEvent e) {
    if (!b.life.apply(e)) events_.emit(OsViolation{"illegal-state", "bond", b.id});
    MmState& mm = mms_.at(raw(b.mm.id()));
    if (e == BondEvent::Bind) {
        mm.bonds.push_back(&b);
        std::erase_if(mm.former, [&](const Bond* old) { return &old->device == &b.device; });
        if (b.domain != nullptr) at_[key(b.stream, b.pasid)] = &b;
    }
    if (e == BondEvent::UnbindBegins) ++draining_;
    if (e == BondEvent::UnbindEnds) {
        --draining_;
        std::erase(mm.bonds, &b);
        mm.former.push_back(&b);
        const auto found = at_.find(key(b.stream, b.pasid));
        if (found != at_.end() && found->second == &b) at_.erase(found);
    }
    events_.emit(BondChanged{b.id, b.mm.id(), b.process, b.device.name(), b.device.device(), b.pasid, b.life.state()});
}

Bond* Sva::find(const AddressSpace& mm, const drivers::DeviceDriver& device) {
    const std::vector<Bond*>& its = bonds_of(mm);
    const auto found = std::find_if(its.begin(), its.end(), [&](const Bond* b) { return &b->device == &device; });
    return found == its.end() ? nullptr : *found;
}

const Bond* Sva::latest(const AddressSpace& mm, const drivers::DeviceDriver& device) const {
    const auto state = mms_.find(raw(mm.id()));
    if (state == mms_.end()) return nullptr;
    const auto with = [&](const Bond* b) { return &b->device == &device; };
    const MmState& its = state->second;
    if (const auto b = std::find_if(its.bonds.begin(), its.bonds.end(), with); b != its.bonds.end()) return *b;
    const auto b = std::find_if(its.former.begin(), its.former.end(), with);
    return b == its.former.end() ? nullptr : *b;
}

Bond* Sva::bond_at(StreamId stream, Pasid pasid) const {
    const auto found = at_.find(key(stream, pasid));
    return found == at_.end() ? nullptr : found->second;
}

/// Once the PASID has gone back nothing is found by it, though the notifier, and the bond, may still be there (5.8 to 5.12).
Bond* Sva::asked_by(StreamId stream, Pasid pasid) const {
    Bond* const bond = bond_at(stream, pasid);
    if (!era_.finds_by_pasid || bond == nullptr) return bond;
    return pasids_.find(pasid) == bond->domain ? bond : nullptr;
}

const std::vector<Bond*>& Sva::bonds_of(const AddressSpace& mm) const {
    static const std::vector<Bond*> none;
    const auto found = mms_.find(raw(mm.id()));
    return found == mms_.end() ? none : found->second.bonds;
}

bool Sva::in_use(const drivers::DeviceDriver& device) const {
    const auto its = [&](const auto& b) { return &b->device == &device && b->life.state() != BondState::Unbound; };
    return std::any_of(bonds_.begin(), bonds_.end(), its);
}

void Sva::left_behind(base::Leftovers& out) const {
    for (const auto& b : bonds_) {
        const std::string name = std::string{b->process.text()} + " on " + std::string{b->device.name().text()};
        if (b->life.state() != BondState::Unbound) out.say(name, "bond " + std::to_string(raw(b->id)) + " is not unbound");
        else if (iommu_ != nullptr && iommu_->context_present(*b))
            out.say(name, "the context of PASID " + std::to_string(raw(b->pasid)) + " still leads somewhere");
    }
    std::size_t linked = 0;
    for (const auto& [mm, state] : mms_) linked += state.linked.size();
    out.count("the SVA core", linked, "notifier", "registered");
    out.count("the SVA core", asids_.in_use(), "ASID", "in use");
}

// ---- bind -----------------------------------------------------------------------------------------------------------

Sva::Ids& Sva::ids_of(const AddressSpace& mm, const drivers::DeviceDriver* device) {
    static constexpr u32 all_devices = ~u32{0};
    MmState& state = mms_[raw(mm.id())];
    const u32 whose = pasids_.one_for_each_device() ? static_cast<u32>(raw(device->device())) : all_devices;
    const auto found = std::find_if(state.ids.begin(), state.ids.end(), [&](const Ids& i) { return i.device == whose; });
    if (found != state.ids.end()) return *found;
    state.ids.push_back({whose});
    return state.ids.back();
}

std::vector<Pasid> Sva::pasids_of(const AddressSpace& mm) const {
    std::vector<Pasid> all;
    const auto state = mms_.find(raw(mm.id()));
    if (state == mms_.end()) return all;
    for (const Ids& ids : state->second.ids)
        if (ids.pasid) all.push_back(*ids.pasid);
    return all;
}

std::optional<Pasid> Sva::pasid_of(const AddressSpace& mm) const {
    const std::vector<Pasid> all = pasids_of(mm);
    return all.empty() ? std::nullopt : std::optional{all.front()};
}

std::vector<Bond*> Sva::bonds_beside(const SvaDomain& d) const {
    std::vector<Bond*> found = bonds_of(d.mm);
    std::erase_if(found, [&](const Bond* b) { return b->pasid != d.tag.pasid; });
    return found;
}

std::optional<Asid> Sva::take_asid() {
    const auto taken = asids_.take(iommu_->max_asids());
    return taken ? std::optional{Asid{static_cast<u16>(*taken)}} : std::nullopt;
}

/// The mm's PASID, taken at its first bind, has to suit every device that is bound later (-EOVERFLOW).
/// Errors as ida_alloc_range and xa_alloc have them; up to 6.1 the ASID is the CPU's, which arm64_mm_context_get pins.
base::Name Sva::take_ids(AddressSpace& mm, const drivers::DeviceDriver& device) {
    static const base::Name none, no_device{"ENODEV"}, no_pasid{"ENOSPC"}, too_wide{"EOVERFLOW"}, no_asid{"EBUSY"};
    Ids& ids = ids_of(mm, &device);
    const u32 limit = iommu_->max_pasids(device.stream());
    if (limit == 0) return no_device;
    if (!ids.pasid && !iommu_->pasids_from_host()) ids.pasid = pasids_.take(mm.id(), limit);
    if (!ids.pasid) return no_pasid;
    if (raw(*ids.pasid) >= limit) return too_wide;
    if (iommu_->max_asids() == 0) return none;
    if (!ids.asid) ids.asid = take_asid();
    return ids.asid ? none : era_.kernel == KernelVersion::V6_12 ? no_asid : no_pasid;
}

/// A guest's: before take_ids, which finds it or finds none.
sim::Task<void> Sva::ask_host_for_pasid(KernelContext& ctx, AddressSpace& mm, const drivers::DeviceDriver& device) {
    if (!iommu_->pasids_from_host() || iommu_->max_pasids(device.stream()) == 0) co_return;
    if (ids_of(mm, &device).pasid || !pasids_.has_room(mm.id())) co_return;
    const std::optional<Pasid> given = co_await iommu_->allocate_pasid(ctx);
    ids_of(mm, &device).pasid = pasids_.enter(given, mm.id());
}

SvaDomain* Sva::domain_for(AddressSpace& mm, drivers::DeviceDriver& device) {
    drivers::DeviceDriver* const only = domain_per_device() ? &device : nullptr;
    for (SvaDomain* d : mms_.at(raw(mm.id())).linked)
        if (d->device == only) return d;
    Ids& ids = ids_of(mm, &device);
    ++ids.domains;
    const drivers::MmTag tag{ids.asid.value_or(Asid{}), *ids.pasid, mm.guest()};
    domains_.push_back(std::make_unique<SvaDomain>(*this, mm, only, tag));
    mms_.at(raw(mm.id())).linked.push_back(domains_.back().get());
    pasids_.set_data(*ids.pasid, domains_.back().get());
    if (!mm.supervisor()) mm.notifier_register(*domains_.back());
    return domains_.back().get();
}

sim::Task<Bond*> Sva::bind(KernelContext& ctx, AddressSpace& mm, base::Name process, drivers::DeviceDriver& device) {
    auto held = co_await ctx.sleep_on(lock_.lock(), "sva-lock", "iommu_sva_lock");
    const auto refused = [&](base::Name error) { events_.emit(BindRefused{process, mm.id(), device.name(), error}); };
    if (!mm.mmget_not_zero()) { // set_dev_pasid takes a user for its duration: no release meanwhile
        refused("EINVAL");
        co_return nullptr;
    }
    Bond* bond = find(mm, device);
    const std::vector<Bond*>& others = bonds_of(mm);
    const bool parked = std::any_of(others.begin(), others.end(), [](const Bond* b) { return b->parked; });
    if (bond == nullptr && iommu_ != nullptr && !parked) co_await ask_host_for_pasid(ctx, mm, device);
    const bool pinned = bond != nullptr && bond->domain == nullptr;
    const bool refuses = iommu_ != nullptr && mm.supervisor() && !iommu_->takes_supervisor();
    const bool elsewhere = iommu_ != nullptr && iommu_->guest_of(device.stream()) != mm.guest(); // another guest sees the function
    base::Name error = iommu_ == nullptr || pinned || elsewhere ? base::Name{"ENODEV"} // the device is in no group
                       : parked                                 ? base::Name{"EBUSY"}
                       : refuses                                ? base::Name{"EINVAL"}
                       : bond != nullptr                        ? base::Name{}
                                                                : take_ids(mm, device);
    if (!error && bond == nullptr) {
        const base::Name no_room = co_await room_for(ctx, mm, device);
        error = no_room;
    }
    if (error) {
        bond = nullptr;
        refused(error);
    } else if (bond != nullptr) {
        ++bond->references;
    } else {
        bond = &attach(mm, process, device);
        co_await iommu_->set_pasid(ctx, *bond);
    }
    co_await mm.mmput(ctx);
    co_return bond;
}

/// What the domain had of its own goes again; the PASID stays the address space's.
sim::Task<base::Name> Sva::room_for(KernelContext& ctx, AddressSpace& mm, drivers::DeviceDriver& device) {
    const base::Name error = co_await iommu_->room_for_context(ctx, device.stream(), *ids_of(mm, &device).pasid);
    Ids& ids = ids_of(mm, &device);
    if (error && ids.domains == 0 && ids.asid) {
        asids_.give(raw(*ids.asid));
        ids.asid.reset();
    }
    co_return error;
}

Bond& Sva::attach(AddressSpace& mm, base::Name process, drivers::DeviceDriver& device) {
    SvaDomain& domain = *domain_for(mm, device);
    bonds_.push_back(std::make_unique<Bond>(BondId{static_cast<u32>(bonds_.size() + 1)}, mm, device));
    Bond& bond = *bonds_.back();
    bond.process = process;
    bond.stream = device.stream();
    bond.pasid = domain.tag.pasid;
    bond.asid = domain.tag.asid;
    bond.ats = iommu_->ats_enabled(device.stream());
    bond.domain = &domain;
    ledger_.bond_opened(bond.id, mm.id());
    if (era_.pins_mm && domain.bonds.empty()) mm.mmget();
    domain.bonds.push_back(&bond);
    change(bond, BondEvent::Bind);
    return bond;
}

Bond& Sva::attach_pinned(AddressSpace& mm, base::Name process, drivers::DeviceDriver& device, Pasid tag,
                         std::vector<PinnedPage> pages) {
    bonds_.push_back(std::make_unique<Bond>(BondId{static_cast<u32>(bonds_.size() + 1)}, mm, device));
    Bond& bond = *bonds_.back();
    bond.process = process;
    bond.stream = device.stream();
    bond.pasid = tag;
    bond.tagged = tag != Pasid{} && pasids_.hold(tag);
    bond.pinned = std::move(pages);
    ledger_.bond_opened(bond.id, mm.id());
    for (const PinnedPage& p : bond.pinned) {
        ledger_.bond_reaches(bond.id, p.frame, p.page);
        events_.emit(PagePinned{bond.id, mm.id(), p.page, p.frame});
    }
    static_cast<void>(mms_[raw(mm.id())]);
    change(bond, BondEvent::Bind);
    return bond;
}

// ---- unbind ---------------------------------------------------------------------------------------------------------

sim::Task<void> Sva::unbind(KernelContext& ctx, Bond& b) {
    auto held = co_await ctx.sleep_on(lock_.lock(), "sva-lock", "iommu_sva_lock");
    if (b.life.state() == BondState::Unbound || --b.references > 0) co_return; // mm_exit may have detached it already
    if (b.domain == nullptr) {
        co_await unbind_pinned(ctx, b);
        co_return;
    }
    // Not under the domain's lock: a worker whose mmput is the last one needs it for the release.
    if (drain_of(b) == UnbindDrain::BeforeSteps) {
        const StepTold told(ctx, {&b}, TeardownStep::DrainPageRequests);
        co_await drain_page_requests(ctx, b);
    }
    if (b.life.state() == BondState::Unbound) co_return;
    SvaDomain& d = *b.domain;
    sim::Lease own = co_await ctx.sleep_on(d.lock.lock(), "domain-lock", "sva_domain");
    if (b.life.state() == BondState::Unbound) co_return;
    change(b, BondEvent::UnbindBegins);
    const std::vector<Bond*> one{&b};
    const auto steps = b.exited ? era_.on_unbind_exited : era_.on_unbind;
    if (bugs_.has(Bug::R18)) { // list_del first: a release that comes now finds nothing of the bond
        std::erase(d.bonds, &b);
        own.release();
    }
    co_await run(ctx, d, one, steps);
    std::erase(d.bonds, &b);
    if (drain_of(b) == UnbindDrain::AfterSteps) {
        own.release(); // as above; a release finds nothing of the bond any more
        const StepTold told(ctx, {&b}, TeardownStep::DrainPageRequests);
        co_await drain_page_requests(ctx, b);
    }
    if (bugs_.has(Bug::R12) || bugs_.has(Bug::RE1) || bugs_.has(Bug::RE2)) { // the number is free, and the notifier is not done with it
        d.last = &b;
        held.release();
    }
    if (d.bonds.empty()) co_await run(ctx, d, one, era_.on_last);
    change(b, BondEvent::UnbindEnds);
    ledger_.bond_closed(b.id);
    audit(b);
    if (!era_.pins_mm || !d.bonds.empty()) co_return;
    own.release(); // nothing is left in the domain that exit_mmap could ask for; binds and unbinds of others wait for it
    static constexpr TeardownStep put[] = {TeardownStep::PutMm};
    co_await run(ctx, d, one, put);
}

/// No IOMMU stands between the device and the pages: all that they can go by is that it was stopped.
sim::Task<void> Sva::unbind_pinned(KernelContext& ctx, Bond& b) {
    change(b, BondEvent::UnbindBegins);
    const u64 number = ++issued_;
    if (b.stopped) events_.emit(FenceObserved{b.id, b.mm.id(), Va{}, ~u64{0}, true, number, ctx.last_span()});
    auto back = b.mm.unpin(ctx, b.pinned);
    co_await std::move(back);
    change(b, BondEvent::UnbindEnds);
    ledger_.bond_closed(b.id);
    if (std::exchange(b.tagged, false)) pasids_.drop(b.pasid, MmId{});
}

std::vector<const Bond*> Sva::tagged(Pasid pasid) const {
    std::vector<const Bond*> found;
    for (const auto& b : bonds_)
        if (b->tagged && b->pasid == pasid) found.push_back(b.get());
    return found;
}

/// Of an mm that is dead already the release has done it.
sim::Task<void> Sva::park(KernelContext& ctx, Bond& b) {
    auto held = co_await ctx.sleep_on(lock_.lock(), "sva-lock", "iommu_sva_lock");
    if (b.life.state() == BondState::Unbound || b.parked) co_return;
    SvaDomain& d = *b.domain;
    auto own = co_await ctx.sleep_on(d.lock.lock(), "domain-lock", "sva_domain");
    b.parked = true;
    if (!std::exchange(b.exited, true)) {
        const std::vector<Bond*> one{&b};
        co_await release_bonds(ctx, d, one);
        change(b, BondEvent::Parked);
    }
    const std::vector<Bond*> all = bonds_beside(d);
    if (std::all_of(all.begin(), all.end(), [](const Bond* o) { return o->parked; })) pasids_.free(b.pasid, b.mm.id());
}

// ---- the mm's notifier ----------------------------------------------------------------------------------------------

/// With a policy that detaches here, the bonds are unbound afterwards.
sim::Task<void> SvaDomain::release(KernelContext& ctx, AddressSpace&) {
    sim::Lease held;
    if (!sva.bugs_.has(Bug::R22)) { // R22: another lock than the unbind's
        auto lease = co_await ctx.sleep_on(lock.lock(), "domain-lock", "sva_domain");
        held = std::move(lease);
    }
    if (sva.bugs_.has(Bug::R24)) co_return sva.miss_release(*this);
    const std::vector<Bond*> dying = bonds;
    if (dying.empty()) co_return;
    const bool detaches = sva.era_.pasid == PasidLife::Detach;
    for (Bond* b : dying) { // what is parked is made quiet once more: a sibling may have refilled its device's cache
        b->exited = true;
        if (detaches) sva.change(*b, BondEvent::UnbindBegins);
    }
    co_await sva.release_bonds(ctx, *this, dying);
    if (detaches) {
        bonds.clear();
        co_await sva.run(ctx, *this, dying, sva.era_.on_last);
    }
    for (Bond* b : dying) {
        const bool overtaken = sva.bugs_.has(Bug::R22) && b->life.state() != BondState::Bound;
        if (!b->parked && !overtaken) sva.change(*b, detaches ? BondEvent::UnbindEnds : BondEvent::MmReleased);
        if (detaches) sva.ledger_.bond_closed(b->id);
        sva.audit(*b);
    }
    if (!sva.era_.informs_driver) co_return;
    static constexpr TeardownStep inform[] = {TeardownStep::InformDriver};
    co_await sva.run(ctx, *this, dying, inform);
}

/// First what the unit keeps, then what the devices keep: the other way round they could ask for it again.
sim::Task<void> SvaDomain::invalidate(KernelContext& ctx, AddressSpace&, Va first, u64 bytes) {
    if (bonds.empty()) co_return;
    if (sva.iommu_->flushes_by_bond()) {
        co_await sva.flush_bonds(ctx, bonds, first, bytes);
        co_return;
    }
    const std::vector<Bond*> cached = Sva::with_ats(bonds, true);
    const Sva::Issued plain_issued = sva.issue(Sva::with_ats(bonds, false), first, bytes), cached_issued = sva.issue(cached, first, bytes);
    const bool tlb = co_await sva.iommu_->invalidate_range(ctx, tag, first, bytes);
    if (tlb) sva.seen(ctx, plain_issued, first, bytes);
    if (cached.empty()) co_return;
    const bool atc = co_await sva.iommu_->invalidate_atc(ctx, cached, first, bytes);
    if (tlb && atc) sva.seen(ctx, cached_issued, first, bytes);
}

} // namespace quiesce::os
