// SPDX-License-Identifier: Apache-2.0
/// The checkers of page requests and of stalled transactions: each is answered once, with what its bond's state allows
/// (facts/linux-sva.md 1.4).
#include "base/text.h"
#include "observe/violations.h"

#include <algorithm>
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
    if (e.stop_marker) return;
    group_bond_[{raw(e.stream), e.group}] = e.bond;
    const u64 page = e.at.align_down(page_size).value();
    if (refault_threshold_ != 0 && ++asked_[{raw(e.bond), page}] == refault_threshold_)
        add("refault-storm", e.bond, page, "",
            fmt::format("{} asked for {:#x} {} times", who(e.bond), page, refault_threshold_));
    forgotten_.erase({raw(e.stream), e.group}); // an answer to the index's former use would be taken for this one's
}

void Checkers::on(const devices::PageGroupForgotten& e) { forgotten_.insert({raw(e.stream), e.group}); }

/// The bond of whoever used the group's index last.
BondId Checkers::bond_of_group(StreamId stream, u16 group) const {
    const auto found = group_bond_.find({raw(stream), group});
    return found == group_bond_.end() ? no_bond : found->second;
}

/// The OS knows nothing of what a device forgot: it answers each group once, and the device discards that.
void Checkers::on(const devices::PageResponseHeard& e) {
    const bool was_forgotten = forgotten_.erase({raw(e.stream), e.group}) != 0;
    if (e.fate != devices::PageResponseFate::Unexpected || was_forgotten) return;
    const BondId bond = bond_of_group(e.stream, e.group);
    add("late-page-response", bond, 0, group_name(e.stream, e.group),
        fmt::format("{} got a response ({}) to page request group {}, which was not outstanding any more", who(bond),
                    code_name(e.code), e.group));
}

void Checkers::on(const iommu::PageRequestRecorded& e) {
    request_came(e.bond);
    if (e.stop_marker) return;
    records_[{raw(e.stream), e.group, e.at.page_number()}].push_back(e.bond);
    if (e.last) whole_.insert({raw(e.bond), e.group});
}

/// A page that was faulted in is on its way to be answered with success.
void Checkers::on(const os::PageRequestEnded& e) {
    request_ended();
    const auto found = records_.find({raw(e.stream), e.group, e.at.page_number()});
    if (e.fate == os::PageRequestFate::StopMarker || found == records_.end()) return;
    const auto its = [&](BondId b) { return info(b).pasid == e.pasid; }; // what is left of a group waits beside the next one with its index
    auto mine = std::find_if(found->second.begin(), found->second.end(), its);
    if (mine == found->second.end()) mine = found->second.begin();
    const BondId bond = *mine;
    found->second.erase(mine);
    if (found->second.empty()) records_.erase(found);
    if (e.fate == os::PageRequestFate::Discarded && whole_.count({raw(bond), e.group}) != 0)
        add("lost-page-request", bond, e.at.value(), group_name(e.stream, e.group),
            fmt::format("the kernel threw away the request of {} for {:#x}, though nothing of its group had been lost: the others "
                        "will be answered as if it had been handled",
                        who(bond), e.at.value()));
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

/// The oldest that is on its way.
std::optional<u8> Checkers::take_decision(StreamId stream, u16 group) {
    const auto found = decided_.find({raw(stream), group});
    if (found == decided_.end()) return std::nullopt;
    const u8 decided = found->second.front();
    found->second.pop_front();
    if (found->second.empty()) decided_.erase(found);
    return decided;
}

/// What the unit sends for the OS is what the OS decided, once for each group. Response Failure ends every request of
/// the function: no state of a bond calls for it.
void Checkers::on(const iommu::PageResponseSent& e) {
    whole_.erase({raw(bond_of_group(e.stream, e.group)), e.group});
    if (e.reason != iommu::PageResponseReason::Driver) return;
    const BondId bond = bond_of_group(e.stream, e.group);
    const auto wrong = [&](const std::string& why) {
        add("wrong-response", bond, 0, group_name(e.stream, e.group),
            fmt::format("page request group {} of {} was answered with {}: {}", e.group, who(bond), code_name(e.code),
                        why));
    };
    const std::optional<u8> decided = take_decision(e.stream, e.group);
    if (!decided) return wrong("the OS had decided nothing");
    if (*decided != e.code)
        wrong("the OS had decided on " + code_name(*decided));
    else if (e.code > 1 && info(bond).state == os::BondState::Bound)
        wrong("its process is alive");
}

// ---- stalled transactions: their tags are their groups ----------------------------------------------------------------

void Checkers::on(const iommu::StallRecorded& e) {
    group_bond_[{raw(e.stream), e.tag}] = e.bond;
    count_record(e.bond);
    if (fault_backlog_.unread > 0) --fault_backlog_.unread; // no FaultHandled tells of it
    request_came(e.bond);
    records_[{raw(e.stream), e.tag, e.at.page_number()}].push_back(e.bond);
}

void Checkers::on(const iommu::StallAnswerIgnored& e) {
    static_cast<void>(take_decision(e.stream, e.tag));
    const BondId bond = bond_of_group(e.stream, e.tag);
    add("late-page-response", bond, 0, group_name(e.stream, e.tag),
        fmt::format("the OS answered the stalled transaction of {} with tag {}, which was over already", who(bond), e.tag));
}

/// Nothing is decided about one that something else than an answer resolved.
void Checkers::on(const iommu::StallResolved& e) {
    if (e.by != iommu::StallResolver::Resume) return;
    const bool retried = e.how == iommu::StallResolution::Retried;
    const std::optional<u8> decided = take_decision(e.stream, e.tag);
    if (decided && (*decided == 0) == retried) return;
    add("wrong-response", e.bond, 0, group_name(e.stream, e.tag),
        fmt::format("the stalled transaction {} of {} was {}: the OS had decided {}", e.transaction, who(e.bond),
                    retried ? "retried" : "ended", decided ? "otherwise" : "nothing"));
}

void Checkers::lost_request(const PageRequests::Waiting& w, const char* what) {
    const std::string dropped =
        w.dropped ? fmt::format(": {} had no room for it at {}", w.queue.text(), base::format_duration(*w.dropped - sim::Time{})) : "";
    add("lost-page-request", w.bond, w.at.value(), group_name(w.stream, w.group),
        fmt::format("{} {} {:#x} in group {} at {}, and nobody had answered when the run ended{}", who(w.bond), what,
                    w.at.value(), w.group, base::format_duration(w.sent - sim::Time{}), dropped));
    if (w.event != 0) list_[index_.at({"lost-page-request", raw(w.bond), w.at.value(), group_name(w.stream, w.group)})].event = w.event;
}

void Checkers::check_page_requests(const PageRequests& requests, bool idle, sim::Duration limit) {
    const auto never = [&](const PageRequests::Waiting& w) { return idle || bus_.now() - w.sent >= limit; };
    for (const PageRequests::Waiting& w : requests.waiting())
        if (never(w)) lost_request(w, "asked for page");
    for (const PageRequests::Waiting& w : requests.stalled())
        if (never(w)) lost_request(w, "stalled at");
}

} // namespace quiesce::observe
