// SPDX-License-Identifier: Apache-2.0
#include "os/iopf.h"

#include <algorithm>
#include <string>

namespace quiesce::os {

IopfQueue::IopfQueue(base::EventBus& events, Scheduler& scheduler, Sva& sva, const IopfConfig& config,
                     FaultResolution resolution, bool defer_mmput, bool hold_mm, const Bugs& bugs)
    : events_(events), scheduler_(scheduler), sva_(sva), config_(config), resolution_(resolution),
      defer_mmput_(defer_mmput), hold_mm_(hold_mm), bugs_(bugs), level_name_("iopf.depth") {}

void IopfQueue::level() {
    if (events_.wants<base::LevelChanged>())
        events_.emit(base::LevelChanged{level_name_, static_cast<u32>(open_.size())});
}

/// MODEL: a request without a PASID belongs to no bond: the kernel's own domain has all its pages mapped.
Bond* IopfQueue::bond_of(const PageFault& f) const { return f.has_pasid ? sva_.asked_by(f.stream, f.pasid) : nullptr; }

void IopfQueue::ended(const PageFault& f, const Bond* bond, PageRequestFate fate) {
    const MmId mm = bond == nullptr ? MmId{} : bond->mm.id();
    events_.emit(PageRequestEnded{f.stream, f.has_pasid, f.pasid, f.at, f.group, mm, fate});
}

sim::Task<void> IopfQueue::answer(KernelContext& ctx, PageFault last, PageAnswer code) {
    events_.emit(PageGroupAnswered{last.stream, last.has_pasid, last.pasid, last.group, code});
    co_await iommu_->page_response(ctx, last, code);
}

// ---- reporting ------------------------------------------------------------------------------------------------------

/// A group is its device's, its PASID's and its index's. R13: Linux asks for no PASID, and leaves what never became whole.
sim::Task<void> IopfQueue::report(KernelContext& ctx, PageFault fault) {
    co_await ctx.spend(config_.report.get(), "iopf");
    Bond* const bond = resolution_ == FaultResolution::AtReport ? bond_of(fault) : nullptr;
    if (resolution_ == FaultResolution::AtReport && bond == nullptr) {
        ended(fault, nullptr, PageRequestFate::NoBond);
        if (fault.last) co_await answer(ctx, fault, PageAnswer::Invalid);
        co_return;
    }
    if (!hold_mm_ && bond != nullptr && bond->refuses_pages) {
        ended(fault, bond, bond->mm.dead() ? PageRequestFate::MmDead : PageRequestFate::NoBond);
        if (fault.last) co_await answer(ctx, fault, PageAnswer::Invalid);
        co_return;
    }
    if (!fault.last) {
        // report_partial_fault: without memory it is dropped, and nobody answers one that is not the last
        if (partial_.size() < config_.partial.get()) partial_.push_back(fault);
        else ended(fault, bond, PageRequestFate::NoMemory);
        co_return;
    }
    if (open_.size() >= config_.groups.get()) {
        co_await no_memory(ctx, fault, bond);
        co_return;
    }
    Group group;
    group.bond = bond;
    group.begun_by = ctx.last_span();
    const bool any_pasid = bugs_.has(Bug::R13);
    const auto mine = [&](const PageFault& f) {
        const bool same_pasid = f.has_pasid == fault.has_pasid && f.pasid == fault.pasid;
        return f.stream == fault.stream && f.group == fault.group && (any_pasid || same_pasid);
    };
    std::copy_if(partial_.begin(), partial_.end(), std::back_inserter(group.faults), mine);
    std::erase_if(partial_, mine);
    group.faults.push_back(fault);
    queue(std::move(group));
}

void IopfQueue::discard_partial() {
    for (const PageFault& f : partial_) ended(f, nullptr, PageRequestFate::Discarded);
    partial_.clear();
}

void IopfQueue::discard_partial(const Bond& bond) {
    const auto its = [&](const PageFault& f) { return f.stream == bond.stream && f.has_pasid && f.pasid == bond.pasid; };
    for (const PageFault& f : partial_)
        if (its(f)) ended(f, &bond, PageRequestFate::Discarded);
    std::erase_if(partial_, its);
}

/// The device is to give up. R26: it is told that the page is there, so that it asks again, and again (AMD's driver up to
/// 6.6, which let the device fault once more).
sim::Task<void> IopfQueue::no_memory(KernelContext& ctx, PageFault fault, const Bond* bond) {
    ended(fault, bond, PageRequestFate::NoMemory);
    const bool retries = bugs_.has(Bug::R26) || bugs_.has(Bug::R26Amd) || bugs_.has(Bug::RE3);
    return answer(ctx, fault, retries ? PageAnswer::Success : PageAnswer::Invalid);
}

void IopfQueue::queue(Group group) {
    group.number = ++numbers_;
    open_.insert(group.number);
    level();
    waiting_.push_back(std::make_unique<Group>(std::move(group)));
    if (busy_.size() >= config_.workers.get()) return;
    unsigned worker = 0;
    while (busy_.count(worker) != 0) ++worker;
    busy_.insert(worker);
    sim::spawn(work(worker, waiting_.back()->begun_by));
}

// ---- workers --------------------------------------------------------------------------------------------------------

/// A kworker: takes groups until none waits.
sim::Task<void> IopfQueue::work(unsigned worker, u64 begun_by) {
    KernelContext ctx(scheduler_, "iopf/" + std::to_string(worker), begun_by);
    {
        auto wait = ctx.begin_wait("schedule", "cpu");
        co_await sim::jittery_delay(scheduler_.config().wake_up.get(), ctx.name().text());
        co_await ctx.run();
    }
    while (next_ < waiting_.size()) {
        const std::unique_ptr<Group> group = std::move(waiting_[next_++]);
        if (next_ == waiting_.size()) {
            waiting_.clear();
            next_ = 0;
        }
        co_await handle_group(ctx, *group);
        last_span_ = ctx.last_span();
        open_.erase(group->number);
        level();
        answered_.notify_all();
    }
    busy_.erase(worker);
    ctx.stop();
}

/// iommu_sva_handle_iopf: after the first fault that cannot be handled the others of the group are not tried.
sim::Task<void> IopfQueue::handle_group(KernelContext& ctx, const Group& group) {
    Bond* const bond = resolution_ == FaultResolution::AtReport ? group.bond : bond_of(group.faults.back());
    auto work = ctx.begin("page-fault", bond == nullptr ? no_bond : bond->id);
    co_await ctx.spend(config_.handle.get(), "iopf");
    if (bond != nullptr && bond->life.state() == BondState::Unbound) // R5: its handle is gone
        events_.emit(OsViolation{"use-after-free", "attach handle of a queued page request", bond->id});
    PageAnswer code = PageAnswer::Success;
    for (const PageFault& f : group.faults) {
        PageRequestFate fate = PageRequestFate::Skipped;
        if (code == PageAnswer::Success) {
            if (bond == nullptr)
                fate = PageRequestFate::NoBond;
            else
                fate = co_await handle(ctx, f, *bond);
        }
        if (fate != PageRequestFate::Handled && code == PageAnswer::Success) code = PageAnswer::Invalid;
        if (fate != PageRequestFate::Handled) ended(f, bond, fate);
    }
    co_await answer(ctx, group.faults.back(), code);
}

/// iommu_sva_handle_mm. The heap and the stack can be read and written, by user accesses, and not be executed.
sim::Task<PageRequestFate> IopfQueue::handle(KernelContext& ctx, PageFault f, Bond& bond) {
    AddressSpace& mm = bond.mm;
    if (hold_mm_ && !mm.mmget_not_zero()) co_return PageRequestFate::MmDead;
    FaultResult result = FaultResult::BadAddress;
    {
        auto held = co_await ctx.sleep_on(mm.mmap_lock().read(), "mmap-lock", "mmap_lock");
        if (!f.execute) result = co_await mm.fault_in(ctx, f.at, f.write);
    }
    const PageRequestFate fate = result == FaultResult::Done       ? PageRequestFate::Handled
                                 : result == FaultResult::NoMemory ? PageRequestFate::NoMemory
                                 : result == FaultResult::Unstable ? PageRequestFate::Reaped
                                                                   : PageRequestFate::BadAddress;
    if (fate == PageRequestFate::Handled) ended(f, &bond, fate); // before the mm can go
    if (hold_mm_) co_await put(ctx, mm);
    co_return fate;
}

sim::Task<void> IopfQueue::put(KernelContext& ctx, AddressSpace& mm) {
    if (defer_mmput_ && mm.users() == 1) {
        sim::spawn(put_later(mm));
        co_return;
    }
    co_await mm.mmput(ctx);
}

/// mmput_async: the system's workqueue runs exit_mmap.
sim::Task<void> IopfQueue::put_later(AddressSpace& mm) {
    KernelContext ctx(scheduler_, "kworker/mmput");
    co_await sim::delay(scheduler_.config().wake_up.get());
    co_await ctx.run();
    co_await mm.mmput(ctx);
    ctx.stop();
}

/// flush_workqueue: what is queued later is not waited for.
sim::Task<void> IopfQueue::flush(KernelContext& ctx) {
    const u64 upto = numbers_;
    const std::function<u64()> last_group = [this] { return last_span_; };
    while (!open_.empty() && *open_.begin() <= upto)
        co_await ctx.sleep_on(answered_.wait(), "iopf-flush", "iopf", last_group);
}

} // namespace quiesce::os
