// SPDX-License-Identifier: Apache-2.0
/// A process dies with one of R6, forget-tlbi and R8, or none: when its bond is blocked, and by which invalidations.
#pragma once
#include "os/machine.h"
#include "os/timed_log.h"

#include <catch2/catch.hpp>

namespace quiesce::os::test {

/// `of_unit`, `of_device`: what forgets the PASID in the caches of the one and of the other.
template <class Bench>
void check_late_blocking(const std::string& of_unit, const std::string& of_device) {
    const std::string bug = GENERATE("", "forget-tlbi", "R8", "R6");
    typename Bench::Settings s;
    s.driver.pri = false;
    if (!bug.empty()) s.bugs = {bug};
    Bench b(s);
    std::vector<sim::Time> blocks, freed;
    auto seen = b.events.template subscribe<FenceObserved>([&](sim::Time at, const FenceObserved& e) {
        if (e.blocks) blocks.push_back(at);
    });
    auto gone = b.events.template subscribe<memory::FrameFreed>([&](sim::Time at, const memory::FrameFreed& e) {
        if (e.use == memory::FrameUse::Leaf) freed.push_back(at);
    });
    REQUIRE(b.call(b.kernel->bind("app", "dev")));
    b.unit.fetched.clear();
    b.call(b.kernel->kill("app"));
    const Words all = b.take();
    CHECK((std::count(all.begin(), all.end(), of_unit) == 1) == (bug != "forget-tlbi"));
    CHECK((std::count(all.begin(), all.end(), of_device) == 1) == (bug != "R6"));
    REQUIRE_FALSE(freed.empty());
    if (bug.empty()) {
        REQUIRE(blocks.size() == 1);
        CHECK(blocks.front() < freed.front());
    } else {
        CHECK(blocks.empty());
    }
}

} // namespace quiesce::os::test
