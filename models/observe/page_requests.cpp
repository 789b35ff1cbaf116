// SPDX-License-Identifier: Apache-2.0
#include "observe/page_requests.h"

#include <algorithm>

namespace quiesce::observe {
PageRequests::PageRequests(base::EventBus& bus) : bus_(bus) {
    using Heard = base::EventList<devices::PageRequestSent, devices::PageResponseHeard, devices::PageGroupForgotten,
                                  iommu::PageRequestRecorded, iommu::PageRequestDropped, iommu::TransactionStalled, iommu::StallRecorded,
                                  iommu::StallResolved,
                                  os::PageRequestEnded>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time now, const auto& e) { on(now, e); });
}

void PageRequests::begin(BondId b) {
    Bond& bond = bonds_[raw(b)];
    bond.any = true;
    ++bond.open;
}

void PageRequests::end(BondId b, sim::Time now, bool forgotten) {
    Bond& bond = bonds_[raw(b)];
    if (--bond.open != 0) return;
    bond.drained = now;
    bond.drained_by = bus_.event_id();
    bond.forgotten = forgotten;
}

u64 PageRequests::open(BondId b) const {
    const auto found = bonds_.find(raw(b));
    return found == bonds_.end() ? 0 : found->second.open;
}

std::optional<sim::Time> PageRequests::drained(BondId b) const {
    const auto found = bonds_.find(raw(b));
    if (found == bonds_.end() || !found->second.any || found->second.open != 0) return std::nullopt;
    return found->second.drained;
}

u64 PageRequests::drained_by(BondId b) const {
    const auto found = bonds_.find(raw(b));
    return found == bonds_.end() || found->second.open != 0 ? 0 : found->second.drained_by;
}

bool PageRequests::forgotten(BondId b) const {
    const auto found = bonds_.find(raw(b));
    return found != bonds_.end() && found->second.forgotten;
}

std::vector<PageRequests::Waiting> PageRequests::waiting() const {
    std::vector<Waiting> all;
    for (const auto& [key, group] : waiting_) all.insert(all.end(), group.begin(), group.end());
    return all;
}

std::vector<PageRequests::Waiting> PageRequests::stalled() const {
    std::vector<Waiting> all;
    for (const auto& [transaction, w] : stalled_) all.push_back(w);
    return all;
}

void PageRequests::on(sim::Time now, const devices::PageRequestSent& e) {
    pasids_[raw(e.bond)] = e.pasid;
    if (e.stop_marker) return;
    waiting_[{raw(e.stream), e.group}].push_back({e.bond, e.stream, e.group, e.at, now, bus_.event_id()});
    begin(e.bond);
}

void PageRequests::on(sim::Time now, const devices::PageResponseHeard& e) {
    using devices::PageResponseFate;
    const auto group = waiting_.find({raw(e.stream), e.group});
    if ((e.fate != PageResponseFate::Taken && e.fate != PageResponseFate::Stale) || group == waiting_.end()) return;
    for (const Waiting& w : group->second) {
        latency_ps_.push_back(static_cast<u64>((now - w.sent).ps()));
        end(w.bond, now);
    }
    waiting_.erase(group);
}

void PageRequests::on(sim::Time now, const devices::PageGroupForgotten& e) {
    const auto group = waiting_.find({raw(e.stream), e.group});
    if (group == waiting_.end()) return;
    for (const Waiting& w : group->second) end(w.bond, now, true);
    waiting_.erase(group);
}

/// Null: its device does not wait for it.
PageRequests::Waiting* PageRequests::waiting_for(StreamId stream, u16 group, Iova at) {
    const auto found = waiting_.find({raw(stream), group});
    if (found == waiting_.end()) return nullptr;
    for (Waiting& w : found->second)
        if (w.at.page_number() == at.page_number()) return &w;
    return nullptr;
}

void PageRequests::on(sim::Time, const iommu::PageRequestRecorded& e) {
    if (e.stop_marker) return;
    if (Waiting* const w = waiting_for(e.stream, e.group, e.at)) w->event = bus_.event_id();
    recorded(e.stream, e.group, e.at, e.bond);
}

void PageRequests::on(sim::Time now, const iommu::PageRequestDropped& e) {
    Waiting* const w = e.stop_marker ? nullptr : waiting_for(e.stream, e.group, e.at);
    if (w == nullptr) return;
    w->event = bus_.event_id();
    w->dropped = now;
    w->queue = e.queue;
}

void PageRequests::recorded(StreamId stream, u16 group, Iova at, BondId bond) {
    records_[{raw(stream), group, at.page_number()}].push_back(bond);
    begin(bond);
}

void PageRequests::on(sim::Time now, const iommu::TransactionStalled& e) {
    stalled_[e.transaction] = {e.bond, e.stream, e.tag, e.at, now};
    most_stalled_ = std::max(most_stalled_, stalled_.size());
    begin(e.bond);
}

void PageRequests::on(sim::Time, const iommu::StallRecorded& e) {
    stalled_[e.transaction].group = e.tag;
    recorded(e.stream, e.tag, e.at, e.bond);
}

void PageRequests::on(sim::Time now, const iommu::StallResolved& e) {
    const auto found = stalled_.find(e.transaction);
    if (found == stalled_.end()) return;
    stall_ps_.push_back(static_cast<u64>((now - found->second.sent).ps()));
    stalled_.erase(found);
    end(e.bond, now);
}

void PageRequests::on(sim::Time now, const os::PageRequestEnded& e) {
    const auto found = records_.find({raw(e.stream), e.group, e.at.page_number()});
    if (e.fate == os::PageRequestFate::StopMarker || found == records_.end()) return;
    const auto its = [&](BondId b) { return pasids_.count(raw(b)) != 0 && pasids_.at(raw(b)) == e.pasid; };
    auto mine = std::find_if(found->second.begin(), found->second.end(), its);
    if (mine == found->second.end()) mine = found->second.begin();
    const BondId bond = *mine;
    found->second.erase(mine);
    if (found->second.empty()) records_.erase(found);
    end(bond, now);
}

} // namespace quiesce::observe
