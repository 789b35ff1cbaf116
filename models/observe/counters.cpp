// SPDX-License-Identifier: Apache-2.0
#include "observe/counters.h"

#include <algorithm>

namespace quiesce::observe {

Counters::Counters(base::EventBus& bus) {
    using Heard = base::EventList<memory::DmaCommitted, devices::DmaEnded, devices::TraceLinePlayed, pcie::CreditStalled, pcie::LinkFault,
                                  pcie::LinkChanged, pcie::CompletionTimedOut, pcie::PeerToPeer, pcie::AtomicDone, iommu::FaultRaised, iommu::AtsRefused,
                                  iommu::Translated,
                                  iommu::InvalidationBegun, iommu::CommandConsumed, iommu::FenceSignalled, iommu::GlobalError, base::Span,
                                  os::InvalidationIssued, os::FenceObserved, os::FaultHandled, os::CpuSpent, os::CpuRuns,
                                  os::PasidChanged, os::PasidRefused, os::BindRefused,
                                  iommu::PageRequestReceived, iommu::PageRequestRecorded, iommu::PageRequestDropped, iommu::PageResponseSent,
                                  devices::PageResponseHeard,
                                  devices::PageGroupForgotten, iommu::TransactionStalled, iommu::StallRecorded,
                                  iommu::StallAnswerIgnored, iommu::StallResolved,
                                  os::BondChanged, devices::DescriptorSubmitted, devices::DescriptorEnded,
                                  os::UserSubmitted, os::PasidLoaded, os::RecordAwaited, os::DeviceErrorSeen,
                                  devices::QueueState, devices::PacketEnded, devices::AccessRetried, os::DeviceReset,
                                  os::WorkLost, devices::DeviceHalted, os::DeviceHaltSeen, os::CommandSkipped>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time now, const auto& e) { on(now, e); });
}

void Counters::on(sim::Time now, const memory::DmaCommitted& e) {
    if (c_.first_dma == sim::Time{}) c_.first_dma = now;
    c_.last_dma = now;
    ++(e.write ? c_.dma.writes : c_.dma.reads);
    c_.dma.bytes += e.bytes;
    if (e.verdict == memory::Verdict::AfterUnmap) ++c_.dma.legal_after_unmap;
}

void Counters::on(sim::Time, const devices::DmaEnded& e) {
    if (e.ending != devices::DmaEnding::Success) ++c_.dma.aborted;
}

void Counters::on(sim::Time, const devices::TraceLinePlayed& e) {
    RunCounts::Trace*& t = traces_[e.device.index()];
    if (t == nullptr) t = &c_.traces[std::string{e.device.text()}];
    u64* const where[] = {&t->played, &t->cut_short, &t->left_out};
    ++*where[static_cast<unsigned>(e.fate)];
    t->late += e.late_ps > 0;
    t->late_total_ps += e.late_ps;
    t->late_max_ps = std::max(t->late_max_ps, e.late_ps);
}

RunCounts::Link& Counters::link(base::Name name, bool upstream) {
    return c_.links[std::string{name.text()} + (upstream ? ".up" : ".down")];
}

void Counters::on(sim::Time now, const pcie::CreditStalled& e) {
    RunCounts::Link& direction = link(e.link, e.upstream);
    ++direction.credit_stalls;
    direction.credit_stall_ps += static_cast<u64>((now - e.since).ps());
}

void Counters::on(sim::Time, const pcie::LinkFault& e) {
    RunCounts::Link& l = link(e.link, e.upstream);
    u64* const where[] = {&l.replayed, &l.delayed, &l.dropped, &l.malformed, &l.poisoned, &l.reordered};
    ++*where[static_cast<unsigned>(e.fault)];
}

void Counters::on(sim::Time, const pcie::LinkChanged& e) { c_.links_down += !e.up; }
void Counters::on(sim::Time, const pcie::CompletionTimedOut&) { ++c_.completion_timeouts; }
void Counters::on(sim::Time, const pcie::PeerToPeer&) { ++c_.peer_to_peer; }
void Counters::on(sim::Time, const pcie::AtomicDone&) { ++c_.atomics; }

void Counters::on(sim::Time, const iommu::FaultRaised& e) {
    using iommu::FaultFate;
    u64* const where[] = {&c_.faults.recorded, &c_.faults.suppressed, &c_.faults.lost_overflow, &c_.faults.discarded,
                          &c_.faults.merged};
    ++*where[static_cast<unsigned>(e.fate)];
    if (e.fate == FaultFate::Lost) c_.faults.overflows += !std::exchange(losing_, true);
    if (e.fate == FaultFate::Recorded) losing_ = false;
    ++c_.faults.by_type[std::string{e.type.text()}];
}

void Counters::on(sim::Time, const iommu::GlobalError& e) {
    if (!e.active) return;
    std::string name{e.what.text()};
    if (e.why) name.append("/").append(e.why.text());
    ++c_.global_errors[name];
}
void Counters::on(sim::Time, const iommu::AtsRefused&) { ++c_.faults.ats_refused; }

void Counters::on(sim::Time, const iommu::Translated& e) {
    ++c_.translations;
    c_.near_hits += e.look_up == iommu::LookUp::Near;
    c_.tlb_hits += e.look_up == iommu::LookUp::Hit || e.look_up == iommu::LookUp::Near;
}

void Counters::on(sim::Time, const iommu::InvalidationBegun& e) {
    u64* const where[] = {&c_.invalidations.configuration, &c_.invalidations.tlb, &c_.invalidations.atc};
    ++*where[static_cast<unsigned>(e.kind)];
}

void Counters::on(sim::Time, const iommu::CommandConsumed& e) {
    Unit& unit = units_[e.unit.index()];
    if (e.sequence != unit.last_fence) unit.commands.emplace(e.command.text());
}

/// A fence is of the kind of what it waits for. It is consumed after it has signalled.
void Counters::on(sim::Time, const iommu::FenceSignalled& e) {
    ++c_.invalidations.fences;
    Unit& unit = units_[e.unit.index()];
    std::string kind;
    for (const std::string& command : unit.commands) kind += (kind.empty() ? "" : "+") + command;
    ++c_.invalidations.fences_by[std::string{e.unit.text()}][kind.empty() ? "nothing" : kind];
    unit = {{}, e.sequence};
}

void Counters::on(sim::Time now, const iommu::PageRequestReceived& e) {
    if (e.stop_marker) {
        ++c_.page_requests.stop_markers;
        return;
    }
    ++c_.page_requests.received;
    PageGroup& group = page_groups_[{raw(e.stream), e.group}];
    if (group.over) {
        count_unanswered(group, c_.page_requests);
        group = {};
    }
    group.requests.push_back({now, e.at.page_number(), false});
}

void Counters::on(sim::Time, const iommu::PageRequestRecorded&) { dropping_ = false; }

void Counters::on(sim::Time, const iommu::PageRequestDropped& e) {
    if (!e.off) c_.page_requests.overflows += !std::exchange(dropping_, true);
    if (e.stop_marker) return;
    ++c_.page_requests.dropped;
    const auto found = page_groups_.find({raw(e.stream), e.group});
    if (found == page_groups_.end()) return;
    found->second.over = e.last;
    for (auto& r : found->second.requests)
        if (!r.dropped && r.page == e.at.page_number()) {
            r.dropped = true;
            return;
        }
}

void Counters::count_unanswered(const PageGroup& g, RunCounts::PageRequests& p) {
    for (const auto& r : g.requests) ++(r.dropped ? p.lost : p.open);
}

/// One response answers every request of its group.
void Counters::on(sim::Time now, const iommu::PageResponseSent& e) {
    const auto found = page_groups_.find({raw(e.stream), e.group});
    if (found == page_groups_.end()) {
        ++c_.page_requests.late;
        return;
    }
    auto& p = c_.page_requests;
    const bool by_driver = e.reason == iommu::PageResponseReason::Driver;
    u64& kind = !by_driver ? p.auto_response : e.code == 0 ? p.success : e.code == 1 ? p.invalid : p.failure;
    kind += found->second.requests.size();
    if (by_driver)
        for (const auto& r : found->second.requests) p.service_ps.push_back(static_cast<u64>((now - r.received).ps()));
    page_groups_.erase(found);
}

void Counters::on(sim::Time, const devices::PageResponseHeard& e) {
    c_.page_requests.unexpected += e.fate == devices::PageResponseFate::Unexpected;
}
void Counters::on(sim::Time, const devices::PageGroupForgotten& e) { c_.page_requests.forgotten += e.requests; }

void Counters::on(sim::Time, const iommu::TransactionStalled& e) {
    ++c_.stalls.received;
    ++c_.stalls.outstanding;
    c_.stalls.waited_for_tag += !e.tagged;
}

void Counters::on(sim::Time, const iommu::StallRecorded&) { ++c_.stalls.recorded; }
void Counters::on(sim::Time, const iommu::StallAnswerIgnored&) { ++c_.stalls.late_answers; }

void Counters::on(sim::Time, const iommu::StallResolved& e) {
    using iommu::StallResolver;
    auto& s = c_.stalls;
    --s.outstanding;
    if (e.by == StallResolver::Resume) ++(e.how == iommu::StallResolution::Retried ? s.retried : s.aborted);
    else ++(e.by == StallResolver::Invalidation ? s.retried_by_unit : s.terminated);
}

/// A context's wait for one completion has a phase whose name ends so.
void Counters::on(sim::Time now, const base::Span& e) {
    constexpr std::string_view end = "-sync";
    const std::string_view phase = e.phase.text();
    if (!e.waits_for || phase.size() < end.size() || phase.substr(phase.size() - end.size()) != end) return;
    c_.invalidations.sync_wait_by[std::string{e.waits_for.text()}][std::string{phase}].push_back(
        static_cast<u64>((now - e.start).ps()));
}

void Counters::on(sim::Time now, const os::InvalidationIssued& e) { issued_[e.issued_sequence] = now; }

void Counters::on(sim::Time now, const os::FenceObserved& e) {
    const auto issued = issued_.find(e.issued_sequence);
    if (issued == issued_.end()) return;
    const auto waited = static_cast<u64>((now - issued->second).ps());
    c_.invalidations.fence_wait_ps.push_back(waited);
    c_.invalidations.fence_wait_by[e.bytes == 0 ? "context" : e.blocks || e.bytes == ~u64{0} ? "space" : "range"].push_back(waited);
    issued_.erase(issued);
}

void Counters::on(sim::Time, const os::FaultHandled& e) {
    if (!e.shown) ++c_.faults.filtered;
}

void Counters::on(sim::Time, const os::CpuSpent& e) {
    c_.cpu_ps[std::string{e.context.text()}] += e.ps;
    c_.cpu_on_ps[std::string{e.on.text()}] += e.ps;
}

void Counters::on(sim::Time now, const os::CpuRuns& e) {
    if (e.context) {
        taken_.try_emplace(e.cpu, Taken{now, e.context});
    } else if (const auto over = taken_.extract(e.cpu)) {
        const auto took = static_cast<u64>((now - over.mapped().since).ps());
        c_.cpu_busy_ps += took;
        c_.cpu_taken_ps[std::string{over.mapped().by.text()}] += took;
    }
}

RunCounts Counters::counts_at(sim::Time now) const {
    RunCounts c = c_;
    for (const auto& [cpu, taken] : taken_) {
        const auto took = static_cast<u64>((now - taken.since).ps());
        c.cpu_busy_ps += took;
        c.cpu_taken_ps[std::string{taken.by.text()}] += took;
    }
    for (const auto& [key, group] : page_groups_) count_unanswered(group, c.page_requests);
    return c;
}

void Counters::on(sim::Time, const os::PasidChanged& e) {
    auto& p = c_.pasids;
    p.allocated += e.state == os::PasidState::Allocated;
    p.reusable += e.state == os::PasidState::Free;
    if (e.state == os::PasidState::Free) parked_.erase(raw(e.pasid));
    else if (e.state != os::PasidState::Allocated) parked_.insert(raw(e.pasid));
    p.most_in_use = std::max(p.most_in_use, p.allocated - p.reusable);
    p.most_parked = std::max<u64>(p.most_parked, parked_.size());
}
void Counters::on(sim::Time, const os::PasidRefused&) { ++c_.pasids.refused; }
void Counters::on(sim::Time, const os::BindRefused& e) {
    ++c_.binds.refused;
    ++c_.binds.by_error[std::string{e.error.text()}];
}

// ---- work from user space -------------------------------------------------------------------------------------------

void Counters::on(sim::Time, const os::BondChanged& e) {
    if (e.state == os::BondState::Bound) bound_.insert(raw(e.bond));
    else bound_.erase(raw(e.bond));
}

void Counters::on(sim::Time, const devices::DescriptorSubmitted& e) {
    auto& d = c_.descriptors;
    u64* const where[] = {&d.accepted, &d.retried, &d.dropped};
    ++*where[static_cast<unsigned>(e.fate)];
    d.late += e.fate == devices::SubmissionFate::Accepted && bound_.count(raw(e.bond)) == 0;
}

/// Statuses are those of Linux, include/uapi/linux/idxd.h.
void Counters::on(sim::Time now, const devices::DescriptorEnded& e) {
    auto& d = c_.descriptors;
    constexpr u8 success = 1, page_fault = 3, page_fault_invalid = 4;
    ++(e.status == 0         ? d.abandoned
       : e.status == success ? d.succeeded
       : e.status == page_fault || e.status == page_fault_invalid ? d.page_faults
                                                                  : d.failed);
    d.records_lost += e.record == devices::RecordFate::Lost;
    if (e.status != 0) d.latency_ps.push_back(static_cast<u64>((now - e.since).ps()));
}

void Counters::on(sim::Time, const os::UserSubmitted& e) {
    c_.descriptors.killed += e.how == os::UserSubmission::NoPortal || e.how == os::UserSubmission::NoPasid;
}
void Counters::on(sim::Time, const os::PasidLoaded&) { ++c_.descriptors.pasid_loads; }
void Counters::on(sim::Time, const os::DeviceErrorSeen&) { ++c_.descriptors.errors_seen; }

void Counters::on(sim::Time, const os::RecordAwaited& e) { c_.descriptors.records_missed += e.status == 0; }

void Counters::on(sim::Time, const devices::QueueState& e) {
    static const base::Name saving = "saving";
    c_.contexts.preempted += e.state == saving;
}
void Counters::on(sim::Time, const devices::AccessRetried&) { ++c_.contexts.retried; }
void Counters::on(sim::Time, const os::DeviceReset&) { ++c_.contexts.resets; }
void Counters::on(sim::Time, const devices::DeviceHalted& e) {
    ++c_.halts.devices;
    c_.halts.commands_cut += e.obeying;
}
void Counters::on(sim::Time, const os::DeviceHaltSeen&) { ++c_.halts.seen; }
void Counters::on(sim::Time, const os::CommandSkipped&) { ++c_.halts.commands_skipped; }
void Counters::on(sim::Time, const os::WorkLost&) { ++c_.contexts.lost; }

void Counters::on(sim::Time, const devices::PacketEnded& e) {
    using devices::PacketFate;
    auto& p = c_.packets;
    switch (e.fate) {
    case PacketFate::Delivered: ++p.received; break;
    case PacketFate::Sent: ++p.sent; break;
    case PacketFate::Failed: ++p.failed; break;
    default: ++p.dropped; break;
    }
}

u64 RunCounts::iommu_interrupts_ps() const {
    u64 taken = 0;
    for (const auto& [context, ps] : cpu_taken_ps)
        taken += std::any_of(invalidations.fences_by.begin(), invalidations.fences_by.end(), [&context = context](const auto& unit) {
            const std::string irq = "irq/" + unit.first;
            return context == irq || context.starts_with(irq + "-");
        }) ? ps : 0;
    return taken;
}

u64 percentile(std::vector<u64> values, unsigned p) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const std::size_t rank = (values.size() * p + 99) / 100;
    return values[rank == 0 ? 0 : rank - 1];
}

} // namespace quiesce::observe
