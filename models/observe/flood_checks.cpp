// SPDX-License-Identifier: Apache-2.0
/// Who had a queue when somebody else lost something in it: the checkers of floods.
#include "observe/violations.h"

#include <fmt/format.h>

namespace quiesce::observe {

/// `queued`: it waits to be taken out; otherwise it was lost.
void Checkers::came(Backlog& q, BondId bond, bool queued) {
    if (queued && q.unread == 0) q = {};
    q.unread += queued;
    ++q.all;
    q.dying += info(bond).torn;
}

/// Somebody who lives, and whom nobody tears down, lost something in a queue that was the dying ones'.
bool Checkers::crowded_out(const Backlog& q, BondId victim) {
    if (flood_share_ == 0 || victim == no_bond || q.dying == 0) return false;
    const BondInfo& b = info(victim);
    return b.state == os::BondState::Bound && !b.torn && dying_.count(raw(b.mm)) == 0 && q.dying * 100 >= q.all * flood_share_;
}

void Checkers::record_came(const iommu::FaultRaised& e) {
    using iommu::FaultFate;
    if (e.fate != FaultFate::Recorded && e.fate != FaultFate::Lost) return;
    came(fault_backlog_, e.bond, e.fate == FaultFate::Recorded);
    if (e.fate == FaultFate::Recorded || !crowded_out(fault_backlog_, e.bond)) return;
    add("innocent-victim", e.bond, 0, "fault record",
        fmt::format("a fault record ({}) of {} was lost: of the {} that came since the last was taken out before, {} are of dying bonds",
                    e.type.text(), who(e.bond), fault_backlog_.all, fault_backlog_.dying));
}

void Checkers::on(const os::FaultHandled&) {
    if (fault_backlog_.unread > 0) --fault_backlog_.unread;
}

/// Of every request that becomes a record a PageRequestEnded tells; so it does of a stall's.
void Checkers::request_came(BondId bond) { came(request_backlog_, bond, true); }
void Checkers::request_ended() {
    if (request_backlog_.unread > 0) --request_backlog_.unread;
}

/// Once for each group.
void Checkers::on(const iommu::PageRequestDropped& e) {
    if (!e.last || e.stop_marker) return;
    const BondId bond = e.bond;
    came(request_backlog_, bond, false);
    if (!crowded_out(request_backlog_, bond)) return;
    add("innocent-victim", bond, 0, "page request",
        fmt::format("a page request of {} found no room in the queue: of the {} that came since the last "
                    "was handled before, {} are of dying bonds",
                    who(bond), request_backlog_.all, request_backlog_.dying));
}

} // namespace quiesce::observe
