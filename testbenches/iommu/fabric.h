// SPDX-License-Identifier: Apache-2.0
/// What a unit has around it in tests: devices whose caches are told to forget, and who hears of answers to page
/// requests.
#pragma once
#include "iommu/ats_port.h"
#include "iommu/page_request.h"
#include "sim/calendar.h"
#include "sim/signal.h"

#include <deque>
#include <optional>
#include <vector>

namespace quiesce::iommu::test {

/// Devices that answer when the test says so.
struct Devices : AtsPort {
    struct Asked {
        AtcInvalidation what;
        sim::Time when;
        std::optional<AtcAnswer> answer{};
    };
    std::deque<Asked> asked;
    sim::Signal answered;
    sim::Task<AtcAnswer> invalidate(AtcInvalidation what) override {
        Asked& mine = asked.emplace_back(Asked{what, sim::now()});
        while (!mine.answer) co_await answered.wait();
        co_return *mine.answer;
    }
    void answer(std::size_t n, AtcAnswer with = AtcAnswer::Completed) {
        asked.at(n).answer = with;
        answered.notify_all();
    }
};

/// Devices of which each answers at once, as it is told; what they were asked is kept.
struct ReadyDevices : AtsPort {
    AtcAnswer answer = AtcAnswer::Completed;
    std::vector<AtcInvalidation> asked;
    sim::Task<AtcAnswer> invalidate(AtcInvalidation what) override {
        asked.push_back(what);
        co_return answer;
    }
};

struct Responses : PageResponsePort {
    std::vector<PageGroupResponse> sent;
    sim::Task<void> respond(PageGroupResponse r) override {
        sent.push_back(r);
        co_return;
    }
};

} // namespace quiesce::iommu::test
