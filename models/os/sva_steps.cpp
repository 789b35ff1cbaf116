// SPDX-License-Identifier: Apache-2.0
/// What a teardown's steps do, and what the OS may rely on after each of their fences.
#include "os/iopf.h"
#include "os/step_told.h"
#include "os/sva.h"

#include <algorithm>

namespace quiesce::os {
namespace {
constexpr u64 everything = ~u64{0};

bool rewrites_context(TeardownStep s) {
    return s == TeardownStep::QuietContext || s == TeardownStep::RedirectContext || s == TeardownStep::ClearContext;
}
} // namespace

std::vector<Bond*> Sva::with_ats(const std::vector<Bond*>& bonds, bool ats) {
    std::vector<Bond*> found;
    std::copy_if(bonds.begin(), bonds.end(), std::back_inserter(found), [ats](const Bond* b) { return b->ats == ats; });
    return found;
}

/// Nothing can bring a translation of the bond's into the IOMMU or out of it any more. SMMUv3: a context that is gone
/// is refused before any cached translation is asked for, and its fence is one for what is under way, too; one that is
/// quiet only stops walks, so that its hits end with an invalidation. VT-d: an entry that is not present bars hits as
/// well as walks, but what was translated before is drained by an invalidation of the IOTLB alone
/// (facts/iommu-specs.md 2.6); AMD-Vi's, as VT-d's.
bool Sva::shut(const Bond& b) const {
    switch (b.reach.context) {
    case Reach::Context::Live: return false;
    case Reach::Context::Quiet: return b.reach.tlb_clean;
    case Reach::Context::Gone: return era_.iommu == IommuArch::Smmuv3 || b.reach.tlb_clean;
    }
    return false;
}

/// Whose requests would find nothing in the IOMMU's TLB if it were emptied now. An ASID is one for all bonds of the mm:
/// as long as one of them is live, its walks refill what the others hit. Elsewhere only the bond's own entry counts.
std::vector<bool> Sva::cannot_hit(const std::vector<Bond*>& bonds) const {
    const auto live = [](const Bond* b) { return b->reach.context == Reach::Context::Live; };
    const bool refilled = std::any_of(bonds.begin(), bonds.end(), live);
    std::vector<bool> each;
    for (const Bond* b : bonds) each.push_back(era_.iommu == IommuArch::Smmuv3 ? !refilled : !live(b));
    return each;
}

// ---- fences ---------------------------------------------------------------------------------------------------------

Sva::Issued Sva::issue(const std::vector<Bond*>& bonds, Va first, u64 bytes) {
    Issued list;
    for (Bond* b : bonds) {
        list.emplace_back(b, ++issued_);
        events_.emit(InvalidationIssued{issued_, b->id, b->mm.id(), first, bytes});
    }
    return list;
}

/// What the OS may rely on from now on: the pages covered, or that the bond reaches nothing.
void Sva::seen(const KernelContext& ctx, const Issued& issued, Va first, u64 bytes) {
    for (const auto& [b, number] : issued) {
        const bool barred = shut(*b) && (!b->ats || b->reach.atc_clean);
        const bool blocks = barred && !std::exchange(b->reach.blocked, barred);
        if (blocks) events_.emit(FenceObserved{b->id, b->mm.id(), Va{}, everything, true, number, ctx.last_span()});
        else events_.emit(FenceObserved{b->id, b->mm.id(), first, bytes, false, number, ctx.last_span()});
    }
}

sim::Task<void> Sva::change_context(KernelContext& ctx, Bond& b, ContextChange how, Reach::Context to) {
    const bool sweeps = iommu_->flushes_by_bond();
    b.refuses_pages = true;
    const Issued issued = issue({&b}, Va{}, sweeps ? everything : 0);
    const bool fenced = co_await (iommu_->*how)(ctx, b);
    if (!fenced) co_return;
    b.reach.context = to;
    if (sweeps) swept(b);
    const bool covers = b.reach.tlb_clean && (!b.ats || b.reach.atc_clean);
    seen(ctx, issued, Va{}, sweeps && covers ? everything : 0);
}

/// What the unit and the device kept of the bond went with its context, behind the same fence; but for what mistaken kernels
/// leave out (R6, forget-tlbi), or do while the context is there (R7-amd).
void Sva::swept(Bond& b) const {
    b.reach.tlb_clean = !bugs_.has(Bug::ForgetTlbi);
    b.reach.atc_clean = b.reach.tlb_clean && !bugs_.has(Bug::R6) && !bugs_.has(Bug::R7Amd);
}

/// Of one bond after the other, each with a fence of its own.
sim::Task<void> Sva::flush_bonds(KernelContext& ctx, std::vector<Bond*> bonds, Va first, u64 bytes) {
    for (Bond* b : bonds) {
        const Issued issued = issue({b}, first, bytes);
        const bool fenced = co_await iommu_->flush_bond(ctx, *b, first, bytes);
        const bool all = fenced && !bugs_.has(Bug::ForgetTlbi) && !(b->ats && bugs_.has(Bug::R6));
        if (all) seen(ctx, issued, first, bytes);
    }
}

/// It covers no page of a bond whose device keeps translations itself.
sim::Task<void> Sva::invalidate_space(KernelContext& ctx, SvaDomain& d) {
    const std::vector<Bond*> bonds = bonds_beside(d);
    const std::vector<bool> clean = cannot_hit(bonds); // as it is when the invalidation is issued
    const Issued plain = issue(with_ats(bonds, false), Va{}, everything), cached = issue(with_ats(bonds, true), Va{}, 0);
    const bool fenced = co_await iommu_->invalidate_space(ctx, d.tag);
    if (!fenced) co_return;
    for (std::size_t i = 0; i < bonds.size(); ++i) bonds[i]->reach.tlb_clean = bonds[i]->reach.tlb_clean || clean[i];
    seen(ctx, plain, Va{}, everything);
    seen(ctx, cached, Va{}, 0);
}

sim::Task<void> Sva::invalidate_atc(KernelContext& ctx, const std::vector<Bond*>& bonds) {
    const std::vector<Bond*> cached = with_ats(bonds, true);
    if (cached.empty()) co_return;
    std::vector<bool> clean; // as it is when the invalidation is issued
    for (const Bond* b : cached) clean.push_back(shut(*b));
    const Issued issued = issue(cached, Va{}, everything);
    const bool fenced = co_await iommu_->invalidate_atc(ctx, cached, Va{}, everything);
    if (!fenced) co_return;
    for (std::size_t i = 0; i < cached.size(); ++i) cached[i]->reach.atc_clean = cached[i]->reach.atc_clean || clean[i];
    seen(ctx, issued, Va{}, everything);
    for (std::size_t i = 0; i < cached.size(); ++i)
        if (!clean[i] && cached[i]->reach.context == Reach::Context::Quiet) tell_left_open(*cached[i]);
}

/// Whose walks can fill the translation cache for a bond that is quiet.
void Sva::tell_left_open(const Bond& quiet) {
    for (const Bond* b : bonds_of(quiet.mm))
        if (b->reach.context == Reach::Context::Live && b->asid == quiet.asid) events_.emit(AtcLeftOpen{quiet.id, b->id});
}

// ---- steps ----------------------------------------------------------------------------------------------------------

/// Who does a step, and over what: each bond by itself, all of them at once, or the domain.
struct Sva::Doer {
    TeardownStep step;
    sim::Task<void> (Sva::*each)(KernelContext&, Bond&) = nullptr;
    sim::Task<void> (Sva::*all)(KernelContext&, const std::vector<Bond*>&) = nullptr;
    sim::Task<void> (Sva::*domain)(KernelContext&, SvaDomain&) = nullptr;
};

const Sva::Doer& Sva::doer_of(TeardownStep step) {
    static constexpr Doer table[] = {
        {.step = TeardownStep::QuietContext, .each = &Sva::quiet_context},
        {.step = TeardownStep::RedirectContext, .each = &Sva::redirect_context},
        {.step = TeardownStep::ClearContext, .each = &Sva::clear_context},
        {.step = TeardownStep::BlockContext, .each = &Sva::block_context},
        {.step = TeardownStep::SilenceContext, .each = &Sva::silence_context},
        {.step = TeardownStep::ForgetContext, .each = &Sva::forget_context},
        {.step = TeardownStep::DrainPageRequests, .each = &Sva::drain_page_requests},
        {.step = TeardownStep::DrainWorkers, .each = &Sva::drain_workers},
        {.step = TeardownStep::DriverMmExit, .each = &Sva::driver_mm_exit},
        {.step = TeardownStep::InformDriver, .each = &Sva::inform_driver},
        {.step = TeardownStep::InvalidateAtc, .all = &Sva::invalidate_atc},
        {.step = TeardownStep::InvalidateSpace, .domain = &Sva::invalidate_space},
        {.step = TeardownStep::FreePasid, .domain = &Sva::free_pasid},
        {.step = TeardownStep::FreeAsid, .domain = &Sva::free_asid},
        {.step = TeardownStep::PutNotifier, .domain = &Sva::put_notifier},
        {.step = TeardownStep::UnregisterNotifier, .domain = &Sva::unregister_notifier},
        {.step = TeardownStep::PutMm, .domain = &Sva::put_mm},
    };
    static_assert(std::size(table) == enum_names(TeardownStep{}).size());
    return *std::find_if(std::begin(table), std::end(table), [&](const Doer& d) { return d.step == step; });
}

/// The list as a mistaken kernel has it. R7: what the devices keep goes first, so that they can ask for it again. R15: a
/// context goes without a word that its faults are to be kept quiet. R-E1, R-E2: the slot that a PASID has in AMD's first driver
/// is anybody's before all else.
std::vector<TeardownStep> Sva::as_done(std::span<const TeardownStep> steps) const {
    std::vector<TeardownStep> done(steps.begin(), steps.end());
    const auto is_atc = [](TeardownStep s) { return s == TeardownStep::InvalidateAtc; };
    if (bugs_.has(Bug::R7)) std::stable_partition(done.begin(), done.end(), is_atc);
    const auto is_slot = [](TeardownStep s) { return s == TeardownStep::FreePasid; };
    if (bugs_.has(Bug::RE1) || bugs_.has(Bug::RE2)) std::stable_partition(done.begin(), done.end(), is_slot);
    if (bugs_.has(Bug::R15)) {
        std::replace(done.begin(), done.end(), TeardownStep::QuietContext, TeardownStep::ClearContext);
        std::replace(done.begin(), done.end(), TeardownStep::SilenceContext, TeardownStep::ForgetContext);
    }
    return done;
}

/// R2: while the PASID's context still leads somewhere; R3: not behind a release.
UnbindDrain Sva::drain_of(const Bond& b) const {
    if (bugs_.has(Bug::R3) && b.exited) return UnbindDrain::None;
    if (bugs_.has(Bug::R2) && era_.drain_on_unbind == UnbindDrain::AfterSteps) return UnbindDrain::BeforeSteps;
    return era_.drain_on_unbind;
}

/// Each step over all the bonds before the next: one address space has one ASID, and it is clean only when none refills it.
sim::Task<void> Sva::run(KernelContext& ctx, SvaDomain& d, const std::vector<Bond*>& bonds,
                         std::span<const TeardownStep> steps, bool rewriting_atomic) {
    for (const TeardownStep s : as_done(steps)) {
        const Doer& by = doer_of(s);
        std::optional<KernelContext::IrqsOff> spinlock; // devices_lock, spin_lock_irqsave
        if (rewriting_atomic && rewrites_context(s)) spinlock.emplace(ctx.irqs_off());
        if (by.each != nullptr)
            for (Bond* b : bonds) {
                const StepTold told(ctx, {b}, s);
                co_await (this->*by.each)(ctx, *b);
            }
        if (by.each != nullptr) continue;
        const StepTold told(ctx, bonds, s);
        if (by.all != nullptr) co_await (this->*by.all)(ctx, bonds);
        if (by.domain != nullptr) co_await (this->*by.domain)(ctx, d);
    }
}

sim::Task<void> Sva::release_bonds(KernelContext& ctx, SvaDomain& d, const std::vector<Bond*>& bonds) {
    std::optional<KernelContext::IrqsOff> spinlock; // domain->lock, spin_lock_irqsave
    if (era_.release_irqs_off) spinlock.emplace(ctx.irqs_off());
    std::vector<TeardownStep> steps(era_.on_release.begin(), era_.on_release.end());
    if (bugs_.has(Bug::R10)) steps.push_back(TeardownStep::DrainPageRequests);
    if (!era_.bond_by_bond) {
        co_await run(ctx, d, bonds, steps, era_.quiet_irqs_off);
        co_return;
    }
    for (Bond* b : bonds) {
        const std::vector<Bond*> one{b};
        co_await run(ctx, d, one, steps);
    }
}

sim::Task<void> Sva::quiet_context(KernelContext& ctx, Bond& b) {
    return change_context(ctx, b, &drivers::IommuDriver::quiet_pasid, Reach::Context::Quiet);
}
sim::Task<void> Sva::clear_context(KernelContext& ctx, Bond& b) {
    return change_context(ctx, b, &drivers::IommuDriver::clear_pasid, Reach::Context::Gone);
}
/// Walks go on, and find nothing: as far as memory is concerned it is as good as quiet.
sim::Task<void> Sva::redirect_context(KernelContext& ctx, Bond& b) {
    return change_context(ctx, b, &drivers::IommuDriver::redirect_pasid, Reach::Context::Quiet);
}
sim::Task<void> Sva::block_context(KernelContext& ctx, Bond& b) {
    return change_context(ctx, b, &drivers::IommuDriver::block_pasid, Reach::Context::Quiet);
}
sim::Task<void> Sva::silence_context(KernelContext& ctx, Bond& b) { return iommu_->silence_pasid(ctx, b); }
sim::Task<void> Sva::forget_context(KernelContext& ctx, Bond& b) {
    co_await iommu_->forget_pasid(ctx, b);
    if (b.reach.context == Reach::Context::Quiet) b.reach.context = Reach::Context::Gone;
}
sim::Task<void> Sva::driver_mm_exit(KernelContext& ctx, Bond& b) { b.stopped = co_await b.device.stop(ctx, b); }

sim::Task<void> Sva::inform_driver(KernelContext& ctx, Bond& b) {
    on_inform(b, ctx.last_span());
    co_return;
}

sim::Task<void> Sva::free_asid(KernelContext&, SvaDomain& d) {
    Ids& ids = ids_of(d.mm, d.device);
    if (--ids.domains > 0) co_return;
    asids_.give(raw(*ids.asid));
    ids.asid.reset();
}

/// Its notifier goes: a later bind makes another.
void Sva::went(const SvaDomain& d) {
    std::erase_if(mms_.at(raw(d.mm.id())).linked, [&](const SvaDomain* l) { return l == &d; });
}

sim::Task<void> Sva::put_notifier(KernelContext&, SvaDomain& d) {
    went(d);
    if (!d.missed && !d.mm.supervisor()) d.mm.notifier_put(d);
    co_return;
}

/// R12: the release that an unregistration implies comes when somebody else has the PASID, and asks for no bond.
sim::Task<void> Sva::unregister_notifier(KernelContext& ctx, SvaDomain& d) {
    went(d);
    if (d.missed || d.mm.supervisor()) co_return;
    co_await d.mm.notifier_unregister(ctx, d);
    if (d.last != nullptr) co_await iommu_->clear_pasid(ctx, *d.last);
}

/// R24: the notifier goes without a word to the hardware, and its reference on the mm with it.
void Sva::miss_release(SvaDomain& d) {
    if (!std::exchange(d.missed, true)) d.mm.notifier_put(d);
}

/// What no bond's context is any more is not present: what still comes is reported (facts/linux-sva.md 1.4).
void Sva::audit(const Bond& b) {
    if (b.life.state() != BondState::Unbound || bond_at(b.stream, b.pasid) != nullptr) return;
    if (iommu_->context_present(b)) events_.emit(OsViolation{"illegal-state", "context of an unbound bond", b.id});
}

/// pin-mm: what exit_mmap finds is an address space without notifiers.
sim::Task<void> Sva::put_mm(KernelContext& ctx, SvaDomain& d) { co_await d.mm.mmput(ctx); }

/// With the last bond of an mm its PASID goes.
sim::Task<void> Sva::free_pasid(KernelContext&, SvaDomain& d) {
    Ids& ids = ids_of(d.mm, d.device);
    if (!ids.pasid || bonds_beside(d).size() > 1) co_return;
    give_pasid_back(*ids.pasid, d.mm);
    ids.pasid.reset();
}

void Sva::give_pasid_back(Pasid pasid, const AddressSpace& mm) {
    if (!bugs_.has(Bug::LeakPasid)) pasids_.free(pasid, mm.id());
}

void Sva::mm_exited(AddressSpace& mm) {
    const auto found = mms_.find(raw(mm.id()));
    if (!bugs_.has(Bug::R1) || era_.pasid != PasidLife::MmDrop || found == mms_.end()) return;
    for (const Pasid p : pasids_of(mm)) give_pasid_back(p, mm);
    for (Ids& i : found->second.ids) i.pasid.reset();
}

void Sva::mm_dropped(AddressSpace& mm) {
    const auto found = mms_.find(raw(mm.id()));
    if (found == mms_.end()) return;
    MmState& its = found->second;
    const auto attached = [](const SvaDomain* d) { return !d->bonds.empty(); };
    const bool alive = std::any_of(its.linked.begin(), its.linked.end(), attached);
    if (alive) events_.emit(OsViolation{"use-after-free", "mm dropped while a bond lives", BondId{}});
    for (const Pasid p : pasids_of(mm)) give_pasid_back(p, mm);
    for (Ids& i : its.ids) i.pasid.reset();
    if (!alive) its.ids.clear();
}

/// flush_workqueue. What is in the unit's log is for whoever has the PASID then, or for nobody.
sim::Task<void> Sva::drain_workers(KernelContext& ctx, Bond& b) {
    if (page_faults_ == nullptr || !iommu_->page_requests_enabled(b.stream)) co_return;
    co_await page_faults_->flush(ctx);
    page_faults_->discard_partial(b);
}

/// First the hardware's queue, then the OS's, then what is between them and the device. Nothing to do for a device that
/// can neither ask for pages nor wait.
sim::Task<void> Sva::drain_page_requests(KernelContext& ctx, Bond& b) {
    if (page_faults_ == nullptr) co_return;
    if (iommu_->page_requests_enabled(b.stream)) co_await iommu_->flush_page_requests(ctx, b);
    else if (iommu_->stalls_enabled(b.stream) && era_.drain_stalls) co_await iommu_->flush_stalls(ctx);
    else co_return;
    // R4 and R5: what waits for a worker goes on waiting, for whoever has the PASID then, or with a bond that is gone.
    if (!bugs_.has(Bug::R4) && !bugs_.has(Bug::R5)) co_await page_faults_->flush(ctx);
    if (!iommu_->page_requests_enabled(b.stream)) co_return;
    if (!bugs_.has(Bug::R2)) co_await iommu_->drain_in_flight(ctx, b); // R2: the queues are all that it knows of
    if (!bugs_.has(Bug::R13)) page_faults_->discard_partial(b);
}

} // namespace quiesce::os
