// SPDX-License-Identifier: Apache-2.0
#include "devices/page_requests.h"

#include "base/facts.h"
#include "devices/events.h"

#include <algorithm>
#include <string>

namespace quiesce::devices {
namespace {

using pcie::PageGroupResponseHeader;
using pcie::PageRequestHeader;

} // namespace

PageRequestInterface::PageRequestInterface(base::Name name, base::EventBus& events, pcie::Endpoint& endpoint,
                                           const PageRequestConfig& config)
    : level_name_(std::string{name.text()} + ".page_requests"), events_(events), endpoint_(endpoint), config_(config) {}

void PageRequestInterface::level() const {
    if (events_.wants<base::LevelChanged>()) events_.emit(base::LevelChanged{level_name_, outstanding_});
}

// ---- software's side ------------------------------------------------------------------------------------------------

void PageRequestInterface::enable(bool on) {
    if (on == enabled_) return;
    enabled_ = on;
    if (on) {
        failed_ = false;
        allocation_ = std::min(endpoint_.config_space().pri_allocation(), config_.capacity.get());
    } else {
        freed_.notify_all();
        endpoint_.config_space().set_pri_stopped(groups_.empty());
    }
}

void PageRequestInterface::reset() { forget_all(PageRequestEnding::Failed); }

// ---- asking ---------------------------------------------------------------------------------------------------------

sim::Task<PageRequestEnding> PageRequestInterface::ask(pcie::DmaRequest r, bool write) {
    const Key key{space_of(r), r.at.page_number(), write};
    if (Asking::Flight* same = asking_.find(key)) {
        const PageRequestEnding shared = co_await asking_.join(*same);
        co_return shared;
    }
    Asking::Flight flight{asking_, key};
    auto alone = ask_alone(r, write);
    const PageRequestEnding ending = co_await std::move(alone);
    flight.finish(ending);
    co_return ending;
}

/// 10.4.1: never more requests outstanding than the allocation.
sim::Task<PageRequestEnding> PageRequestInterface::ask_alone(pcie::DmaRequest r, bool write) {
    const u32 space = space_of(r);
    while (may_ask(space) && outstanding_ >= allocation_) co_await freed_.wait();
    if (!on()) co_return PageRequestEnding::Off;
    if (!may_ask(space)) co_return PageRequestEnding::Abandoned;
    ++outstanding_;
    level();
    const std::shared_ptr<Group> group = gathering(r);
    group->pages.emplace_back(r, write);
    if (group->pages.size() >= std::min(config_.per_group.get(), allocation_))
        send(*group);
    else if (group->pages.size() == 1)
        sim::start(send_later(group));
    co_await group->over.wait();
    co_return group->ending;
}

/// The group of this PASID that has room, or a new one with the lowest index that is free.
std::shared_ptr<PageRequestInterface::Group> PageRequestInterface::gathering(const pcie::DmaRequest& r) {
    const u32 space = space_of(r);
    for (const auto& [index, group] : groups_)
        if (!group->sent && group->space == space) return group;
    auto group = std::make_shared<Group>();
    group->space = space;
    while (groups_.count(group->index) != 0) ++group->index;
    groups_.emplace(group->index, group);
    return group;
}

sim::Task<void> PageRequestInterface::send_later(std::shared_ptr<Group> group) {
    co_await sim::delay(config_.gather.get());
    if (group->sent || group->over.is_set()) co_return;
    if (on())
        send(*group);
    else
        forget(groups_.find(group->index), PageRequestEnding::Off);
}

/// 10.4.1: the last request of a group says so, and none of the group comes behind it.
void PageRequestInterface::send(Group& group) {
    group.sent = true;
    ++counts_.groups;
    for (std::size_t n = 0; n < group.pages.size(); ++n) {
        const auto& [r, write] = group.pages[n];
        const bool last = n + 1 == group.pages.size();
        PageRequestHeader header;
        header.set(PageRequestHeader::R, !write).set(PageRequestHeader::W, write).set(PageRequestHeader::L, last);
        header.set(PageRequestHeader::Group, group.index).set(PageRequestHeader::Address, r.at.page_number());
        ++counts_.requests;
        events_.emit(PageRequestSent{endpoint_.device(), endpoint_.stream(), r.bond, r.has_pasid, r.pasid,
                                     r.at.align_down(page_size), group.index, write, last, false, r.transaction});
        endpoint_.request_page(r, header);
    }
}

// ---- answers --------------------------------------------------------------------------------------------------------

/// The group's index and credits may be used again.
void PageRequestInterface::forget(Groups::iterator at, PageRequestEnding ending) {
    const std::shared_ptr<Group> group = at->second;
    groups_.erase(at);
    outstanding_ -= static_cast<unsigned>(group->pages.size());
    if (!group->over.is_set()) {
        group->ending = ending;
        group->over.set();
    }
    if (!enabled_ && groups_.empty()) endpoint_.config_space().set_pri_stopped(true);
    level();
    freed_.notify_all();
}

void PageRequestInterface::forget_all(PageRequestEnding ending) {
    while (!groups_.empty()) {
        const auto& [index, group] = *groups_.begin();
        const pcie::DmaRequest& r = group->pages.front().first;
        if (group->sent) // nobody knows of the others
            events_.emit(PageGroupForgotten{endpoint_.device(), endpoint_.stream(), r.bond, r.has_pasid, r.pasid, index,
                                            static_cast<u32>(group->pages.size())});
        forget(groups_.begin(), ending);
    }
}

/// 10.4.2.1: no request any more, and no answer counts, until software enables the interface anew.
void PageRequestInterface::fail(Groups::iterator answered) {
    failed_ = true;
    endpoint_.config_space().set_pri_response_failure();
    forget(answered, PageRequestEnding::Failed);
    forget_all(PageRequestEnding::Failed);
    endpoint_.config_space().set_pri_stopped(true);
}

void PageRequestInterface::heard(const pcie::PageGroupAnswer& answer) {
    const auto index = static_cast<u16>(answer.header.get(PageGroupResponseHeader::Group));
    const auto code = static_cast<u8>(answer.header.get(PageGroupResponseHeader::Code));
    const auto at = groups_.find(index);
    const bool known = at != groups_.end() && at->second->sent &&
                       (!answer.has_pasid || raw(answer.pasid) == (at->second->space & (without_pasid - 1)));
    const PageResponseFate fate = failed_                     ? PageResponseFate::Ignored
                                  : !known                    ? PageResponseFate::Unexpected
                                  : at->second->over.is_set() ? PageResponseFate::Stale
                                                              : PageResponseFate::Taken;
    const BondId bond = known ? at->second->pages.front().first.bond : no_bond;
    events_.emit(PageResponseHeard{endpoint_.device(), endpoint_.stream(), bond, answer.has_pasid, answer.pasid, index,
                                   code, fate});
    if (failed_) return;
    if (!known) {
        ++counts_.unexpected;
        endpoint_.config_space().set_pri_unexpected_group();
        return;
    }
    if (code == static_cast<u8>(iommu::PageResponseCode::Success)) return forget(at, PageRequestEnding::Granted);
    if (code == static_cast<u8>(iommu::PageResponseCode::InvalidRequest)) return forget(at, PageRequestEnding::Invalid);
    fail(at); // 10.4.2: every other code is Response Failure
}

// ---- PASID stop -----------------------------------------------------------------------------------------------------

bool PageRequestInterface::outstanding_for(u32 space) const {
    return std::any_of(groups_.begin(), groups_.end(), [space](const auto& g) { return g.second->space == space; });
}

sim::Task<void> PageRequestInterface::stop(pcie::DmaRequest r) {
    const u32 space = space_of(r);
    stopping_.insert(space);
    freed_.notify_all();
    for (const auto& [index, group] : groups_)
        if (group->space == space && !group->sent) send(*group);
    if (!config_.stop_marker) {
        while (outstanding_for(space)) co_await freed_.wait();
        co_return;
    }
    for (const auto& [index, group] : groups_)
        if (group->space == space) group->over.set();
}

void PageRequestInterface::mark_stopped(const pcie::DmaRequest& r) {
    if (!config_.stop_marker || !r.has_pasid || !on()) return;
    ++counts_.stop_markers;
    PageRequestHeader header;
    header.set(PageRequestHeader::L, true);
    events_.emit(
        PageRequestSent{endpoint_.device(), endpoint_.stream(), r.bond, true, r.pasid, Iova{}, 0, false, true, true});
    endpoint_.request_page(r, header);
}

} // namespace quiesce::devices
