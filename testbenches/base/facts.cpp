// SPDX-License-Identifier: Apache-2.0
/// Activities: the span that each leaves behind, whichever way it ends.
#include "base/facts.h"

#include "sim/task.h"

#include <catch2/catch.hpp>
#include <optional>
#include <vector>

using namespace quiesce;
using namespace quiesce::base;
using namespace quiesce::sim::literals;
using sim::Time;

namespace {
struct Heard {
    Span span;
    Time end;
};
struct FactsFixture {
    std::optional<sim::Calendar> calendar;
    std::optional<EventBus> bus;
    std::vector<Heard> heard;
    Subscription token;
    FactsFixture() {
        Activity::restart_ids();
        calendar.emplace();
        bus.emplace(calendar->clock());
        token = bus->subscribe<Span>([this](Time now, const Span& s) { heard.push_back({s, now}); });
    }
    ~FactsFixture() {
        if (calendar) calendar->shutdown();
    }
    void pass(sim::Duration d) { calendar->run_for(d); }
};
Time at(sim::Duration d) { return Time::at(d); }

sim::Task<void> inner(EventBus& bus, u64 caller, u64& id) {
    Activity a{bus, "smmu", "walk", {}, caller};
    id = a.id();
    co_await sim::delay(10_ns);
}
sim::Task<void> outer(EventBus& bus) {
    Activity a{bus, "cpu", "wait", "smmu", 0, BondId{3}};
    co_await sim::delay(5_ns);
    u64 ended_by = 0;
    co_await inner(bus, a.id(), ended_by);
    a.ended_by(ended_by);
    co_await sim::delay(1_ns);
}
} // namespace

TEST_CASE("an activity leaves a span from where it began to where it went out of scope", "[base]") {
    FactsFixture f;
    f.pass(7_ns);
    {
        const Activity a{*f.bus, "app0/main", "release", "smmu", 41, BondId{2}};
        f.pass(5_ns);
        CHECK(f.heard.empty()); // a span is told when it is over
    }
    REQUIRE(f.heard.size() == 1);
    const Span& s = f.heard[0].span;
    CHECK(s.start == at(7_ns));
    CHECK(f.heard[0].end == at(12_ns));
    CHECK(s.actor == Name{"app0/main"});
    CHECK(s.phase == Name{"release"});
    CHECK(s.waits_for == Name{"smmu"});
    CHECK(s.begun_by == 41);
    CHECK(s.ended_by == 0);
    CHECK(s.bond == BondId{2});
}

TEST_CASE("an activity that works itself waits for nobody and is about no bond", "[base]") {
    FactsFixture f;
    { const Activity a{*f.bus, "cpu", "work"}; }
    REQUIRE(f.heard.size() == 1);
    CHECK_FALSE(f.heard[0].span.waits_for);
    CHECK(f.heard[0].span.begun_by == 0);
    CHECK(f.heard[0].span.bond == no_bond);
}

TEST_CASE("ids count from 1 in the order of beginning, whatever the order of ending", "[base]") {
    FactsFixture f;
    Activity first{*f.bus, "a", "x"}, second{*f.bus, "b", "y"};
    CHECK(first.id() == 1);
    CHECK(second.id() == 2);
    second.end();
    first.end();
    REQUIRE(f.heard.size() == 2);
    CHECK(f.heard[0].span.id == 2);
    CHECK(f.heard[1].span.id == 1);
    Activity::restart_ids();
    const Activity again{*f.bus, "a", "x"};
    CHECK(again.id() == 1);
}

TEST_CASE("who ended an activity is told with it", "[base]") {
    FactsFixture f;
    Activity a{*f.bus, "cpu", "wait", "smmu"};
    a.ended_by(17);
    a.ended_by(18); // the last word counts
    a.end();
    a.ended_by(19); // too late
    REQUIRE(f.heard.size() == 1);
    CHECK(f.heard[0].span.ended_by == 18);
}

TEST_CASE("an activity ends once", "[base]") {
    FactsFixture f;
    {
        Activity a{*f.bus, "cpu", "work"};
        f.pass(3_ns);
        a.end();
        f.pass(3_ns);
        a.end();
    }
    REQUIRE(f.heard.size() == 1);
    CHECK(f.heard[0].end == at(3_ns));
}

TEST_CASE("a dropped activity leaves nothing, and its id is not given out again", "[base]") {
    FactsFixture f;
    {
        Activity a{*f.bus, "cpu", "work"};
        a.drop();
        a.end();
    }
    CHECK(f.heard.empty());
    const Activity next{*f.bus, "cpu", "work"};
    CHECK(next.id() == 2);
}

TEST_CASE("an activity that moved ends where it went", "[base]") {
    FactsFixture f;
    std::optional<Activity> kept;
    {
        Activity a{*f.bus, "cpu", "work"};
        f.pass(2_ns);
        kept.emplace(std::move(a));
    }
    CHECK(f.heard.empty());
    CHECK(kept->id() == 1);
    f.pass(2_ns);
    kept.reset();
    REQUIRE(f.heard.size() == 1);
    CHECK(f.heard[0].span.start == Time{});
    CHECK(f.heard[0].end == at(4_ns));
}

TEST_CASE("nested activities end inside out, and the inner one can be what ended the outer's wait", "[base]") {
    FactsFixture f;
    sim::spawn(outer(*f.bus));
    f.pass(100_ns);
    REQUIRE(f.heard.size() == 2);
    const Heard &walk = f.heard[0], &wait = f.heard[1];
    CHECK(walk.span.phase == Name{"walk"});
    CHECK(walk.span.start == at(5_ns));
    CHECK(walk.end == at(15_ns));
    CHECK(walk.span.begun_by == wait.span.id);
    CHECK(wait.span.phase == Name{"wait"});
    CHECK(wait.span.start == Time{});
    CHECK(wait.end == at(16_ns));
    CHECK(wait.span.ended_by == walk.span.id);
    CHECK(wait.span.bond == BondId{3});
    CHECK(walk.span.bond == no_bond);
}

TEST_CASE("an activity that outlives its simulation ends in silence", "[base]") {
    FactsFixture f;
    {
        const Activity a{*f.bus, "cpu", "work"};
        f.calendar->shutdown();
        f.calendar.reset();
    }
    CHECK(f.heard.empty());
}

TEST_CASE("an activity of a task that never ended leaves a span when the calendar shuts down", "[base]") {
    FactsFixture f;
    sim::spawn(outer(*f.bus));
    f.pass(8_ns);
    CHECK(f.heard.empty());
    f.calendar->shutdown();
    REQUIRE(f.heard.size() == 2);
    for (const Heard& h : f.heard) {
        CHECK(h.end == at(8_ns));
        CHECK(h.span.ended_by == 0); // nothing ended its wait
    }
}

TEST_CASE("facts carry their names and fields", "[base]") {
    STATIC_REQUIRE(Event<LevelChanged> && Event<StateChanged> && Event<Span>);
    std::vector<std::string> fields;
    for_each_field(Span{}, [&](std::string_view field, const auto&) { fields.emplace_back(field); });
    CHECK(fields ==
          std::vector<std::string>{"id", "actor", "phase", "waits_for", "start", "begun_by", "ended_by", "bond"});
}
