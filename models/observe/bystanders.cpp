// SPDX-License-Identifier: Apache-2.0
#include "observe/bystanders.h"

namespace quiesce::observe {

Bystanders::Bystanders(base::EventBus& bus) {
    using Heard = base::EventList<os::BondChanged, os::ProcessChanged, os::TeardownTriggered, iommu::FaultRaised,
                                  iommu::PageRequestDropped, devices::PageRequestSent, devices::PageResponseHeard,
                                  devices::PageGroupForgotten, iommu::TransactionStalled, iommu::StallResolved>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time now, const auto& e) { on(now, e); });
}

/// Nobody tears it down, its process lives, and a teardown of somebody else is under way.
bool Bystanders::is_bystander(BondId b) const {
    const auto mm = mm_of_.find(raw(b));
    return !under_way_.empty() && mm != mm_of_.end() && torn_.count(raw(b)) == 0 && dying_.count(mm->second) == 0;
}

void Bystanders::on(sim::Time, const os::BondChanged& e) {
    if (e.state == os::BondState::Bound) mm_of_[raw(e.bond)] = raw(e.mm);
    else mm_of_.erase(raw(e.bond));
    if (e.state == os::BondState::Unbound) under_way_.erase(raw(e.bond));
}

void Bystanders::on(sim::Time, const os::ProcessChanged& e) {
    if (e.state != "running") dying_.insert(raw(e.mm));
}

void Bystanders::on(sim::Time, const os::TeardownTriggered& e) {
    if (torn_.insert(raw(e.bond)).second) under_way_.insert(raw(e.bond));
}

void Bystanders::on(sim::Time, const iommu::FaultRaised& e) {
    using iommu::FaultFate;
    counts_.records_lost += (e.fate == FaultFate::Lost || e.fate == FaultFate::Discarded) && is_bystander(e.bond);
}

/// Those of a group leave together, of one bond.
void Bystanders::on(sim::Time, const iommu::PageRequestDropped& e) {
    const auto group = groups_.find({raw(e.stream), e.group});
    counts_.page_requests_lost += !e.stop_marker && group != groups_.end() && group->second.front().beside;
}

void Bystanders::on(sim::Time now, const devices::PageRequestSent& e) {
    if (!e.stop_marker) groups_[{raw(e.stream), e.group}].push_back({now, is_bystander(e.bond)});
}

void Bystanders::on(sim::Time now, const devices::PageResponseHeard& e) {
    using devices::PageResponseFate;
    if (e.fate != PageResponseFate::Taken && e.fate != PageResponseFate::Stale) return;
    const auto group = groups_.extract({raw(e.stream), e.group});
    if (!group) return;
    for (const Waiting& w : group.mapped())
        if (w.beside) counts_.page_request_ps.push_back(static_cast<u64>((now - w.since).ps()));
}

void Bystanders::on(sim::Time, const devices::PageGroupForgotten& e) { groups_.erase({raw(e.stream), e.group}); }

void Bystanders::on(sim::Time now, const iommu::TransactionStalled& e) {
    stalled_[e.transaction] = {now, is_bystander(e.bond)};
}

void Bystanders::on(sim::Time now, const iommu::StallResolved& e) {
    const auto w = stalled_.extract(e.transaction);
    if (w && w.mapped().beside) counts_.stall_ps.push_back(static_cast<u64>((now - w.mapped().since).ps()));
}

} // namespace quiesce::observe
