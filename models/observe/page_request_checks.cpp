// SPDX-License-Identifier: Apache-2.0
/// The checkers of page requests: each is answered once, with what its bond's state allows (facts/linux-sva.md 1.4).
#include "base/text.h"
#include "observe/violations.h"

#include <array>
#include <fmt/format.h>

namespace quiesce::observe {
namespace {

std::string group_name(StreamId stream, u16 group) { return fmt::format("stream {:#x} group {}", raw(stream), group); }
std::string code_name(u8 code) { return code == 0 ? "success" : code == 1 ? "invalid request" : "response failure"; }
/// As the message has it.
u8 code_of(os::PageAnswer a) {
    static constexpr std::array<u8, 3> codes{0, 1, 15};
    return codes[static_cast<unsigned>(a)];
}
std::string_view state_name(os::BondState s) {
    static constexpr std::array<std::string_view, 4> names{"unbound", "bound", "exited", "draining"};
    return names[static_cast<unsigned>(s)];
}

} // namespace

void Checkers::on(const devices::PageRequestSent& e) {
    if (!e.stop_marker) group_bond_[{raw(e.stream), e.group}] = e.bond;
}

/// The bond of whoever used the group's index last.
BondId Checkers::bond_of_group(StreamId stream, u16 group) const {
    const auto found = group_bond_.find({raw(stream), group});
    return found == group_bond_.end() ? no_bond : found->second;
}

void Checkers::on(const devices::PageResponseHeard& e) {
    if (e.fate != devices::PageResponseFate::Unexpected) return;
    const BondId bond = bond_of_group(e.stream, e.group);
    add("late-page-response", bond, 0, group_name(e.stream, e.group),
        fmt::format("{} got a response ({}) to page request group {}, which was not outstanding any more", who(bond),
                    code_name(e.code), e.group));
}

void Checkers::on(const iommu::PageRequestRecorded& e) {
    if (!e.stop_marker) records_[{raw(e.stream), e.group, e.at.page_number()}].push_back(e.bond);
}

/// A page that was faulted in is on its way to be answered with success.
void Checkers::on(const os::PageRequestEnded& e) {
    const auto found = records_.find({raw(e.stream), e.group, e.at.page_number()});
    if (e.fate == os::PageRequestFate::StopMarker || found == records_.end()) return;
    const BondId bond = found->second.front();
    found->second.pop_front();
    if (found->second.empty()) records_.erase(found);
    if (e.fate != os::PageRequestFate::Handled || bond == no_bond) return;
    const BondInfo& b = info(bond);
    if (b.mm != e.mm)
        add("cross-process-fault", bond, e.at.value(), group_name(e.stream, e.group),
            fmt::format("the page request of {} for {:#x} was handled against mm {}", who(bond), e.at.value(),
                        raw(e.mm)));
    if (b.state == os::BondState::Exited || b.state == os::BondState::Unbound)
        add("wrong-response", bond, e.at.value(), group_name(e.stream, e.group),
            fmt::format("the page request of {} for {:#x} was granted though its bond is {}", who(bond), e.at.value(),
                        state_name(b.state)));
}

void Checkers::on(const os::PageGroupAnswered& e) { decided_[{raw(e.stream), e.group}].push_back(code_of(e.code)); }

/// What the unit sends for the OS is what the OS decided, once for each group. Response Failure ends every request of
/// the function: no state of a bond calls for it.
void Checkers::on(const iommu::PageResponseSent& e) {
    if (e.reason != iommu::PageResponseReason::Driver) return;
    const BondId bond = bond_of_group(e.stream, e.group);
    const auto wrong = [&](const std::string& why) {
        add("wrong-response", bond, 0, group_name(e.stream, e.group),
            fmt::format("page request group {} of {} was answered with {}: {}", e.group, who(bond), code_name(e.code),
                        why));
    };
    const auto found = decided_.find({raw(e.stream), e.group});
    if (found == decided_.end()) return wrong("the OS had decided nothing");
    const u8 decided = found->second.front();
    found->second.pop_front();
    if (found->second.empty()) decided_.erase(found);
    if (decided != e.code)
        wrong("the OS had decided on " + code_name(decided));
    else if (e.code > 1 && info(bond).state == os::BondState::Bound)
        wrong("its process is alive");
}

void Checkers::check_page_requests(const PageRequests& requests, bool idle, sim::Duration limit) {
    for (const PageRequests::Waiting& w : requests.waiting()) {
        if (!idle && bus_.now() - w.sent < limit) continue;
        add("lost-page-request", w.bond, w.at.value(), group_name(w.stream, w.group),
            fmt::format("{} asked for page {:#x} in group {} at {}, and nobody had answered when the run ended",
                        who(w.bond), w.at.value(), w.group, base::format_duration(w.sent - sim::Time{})));
    }
}

} // namespace quiesce::observe
