// SPDX-License-Identifier: Apache-2.0
/// The calendar's promises: (time, sequence) order, the horizon, and what foreign SystemC processes may notice (nothing).
#include "sim/task.h"
#include "sim/wire.h"
#include "support/fresh_kernel.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <rapidcheck.h>
#include <string>
#include <vector>

using namespace quiesce::sim;

namespace {
using Log = std::vector<std::pair<std::int64_t, std::string>>;

Task<void> note(Log& log, std::string what) {
    log.emplace_back(now().ps(), std::move(what));
    co_return;
}

/// Ticks every `period`, `count` times, noting each.
Task<void> ticker(Log& log, std::string name, Duration period, int count) {
    for (int i = 0; i < count; ++i) {
        co_await delay(period);
        log.emplace_back(now().ps(), name);
    }
}

/// Somebody else's module: an SC_THREAD that notes its own times, and what a value of ours was then.
struct Foreign : sc_core::sc_module {
    SC_HAS_PROCESS(Foreign);
    Foreign(sc_core::sc_module_name n, Log& log, sc_core::sc_time period, const int& ours)
        : sc_module(n), log_(log), period_(period), ours_(ours) {
        SC_THREAD(run);
    }
    void run() {
        for (;;) {
            wait(period_);
            log_.emplace_back(static_cast<std::int64_t>(sc_core::sc_time_stamp().value()), "foreign saw " + std::to_string(ours_));
        }
    }
    Log& log_;
    sc_core::sc_time period_;
    const int& ours_;
};

Task<void> count_up(int& n, Duration period) {
    for (;;) {
        co_await delay(period);
        ++n;
    }
}

Log run_with_foreign(bool run_ahead, std::vector<std::int64_t> stops) {
    quiesce::testbench::fresh_kernel();
    Log log;
    int n = 0;
    {
        Calendar calendar;
        calendar.set_run_ahead(run_ahead);
        Foreign foreign("foreign", log, sc_core::sc_time(3, sc_core::SC_NS), n);
        spawn(count_up(n, 1_ns));
        spawn(ticker(log, "a", 2_ns, 20));
        spawn(ticker(log, "b", 3_ns, 20));
        for (auto t : stops) calendar.run_until(Time::ps(t));
        calendar.shutdown();
    }
    return log;
}
} // namespace

TEST_CASE("items run in the order of time, then of scheduling", "[sim][property]") {
    Calendar calendar;
    const bool held = rc::check("order", [&] {
        const auto delays = *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, 20));
        struct Entry {
            std::int64_t due;
            std::size_t order;
        };
        std::vector<Entry> expected, seen;
        const auto start = calendar.now().ps();
        auto one = [&](std::size_t i, std::int64_t d) -> Task<void> {
            seen.push_back({start + d, i});
            RC_ASSERT(now().ps() == start + d);
            co_return;
        };
        for (std::size_t i = 0; i < delays.size(); ++i) {
            expected.push_back({start + delays[i], i});
            spawn_at(Time::ps(start + delays[i]), one(i, delays[i]));
        }
        std::stable_sort(expected.begin(), expected.end(), [](auto& a, auto& b) { return a.due < b.due; });
        calendar.run_for(100_ps);
        RC_ASSERT(seen.size() == expected.size());
        for (std::size_t i = 0; i < seen.size(); ++i) RC_ASSERT(seen[i].order == expected[i].order);
    });
    CHECK(held);
}

TEST_CASE("a lane lets out in order and at the same instants as single entries would", "[sim][property]") {
    Calendar calendar;
    const bool held = rc::check("lane", [&] {
        const auto gaps = *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, 5));
        std::vector<std::int64_t> by_lane, by_delay;
        Stage stage(7_ps);
        auto through = [&](Time at) -> Task<void> {
            co_await until(at);
            co_await stage.pass();
            by_lane.push_back(now().ps());
        };
        auto alone = [&](Time at) -> Task<void> {
            co_await until(at);
            co_await delay(7_ps);
            by_delay.push_back(now().ps());
        };
        Time at = calendar.now();
        for (auto g : gaps) {
            at += Duration::ps(g);
            spawn(through(at));
            spawn(alone(at));
        }
        calendar.run_until(at + 100_ps);
        RC_ASSERT(by_lane == by_delay);
        RC_ASSERT(by_lane.size() == gaps.size());
    });
    CHECK(held);
}

TEST_CASE("a foreign SC_THREAD sees the same times, values and its own order with run-ahead on and off", "[sim]") {
    const Log ahead = run_with_foreign(true, {100'000}), stepped = run_with_foreign(false, {100'000});
    CHECK(ahead == stepped);
    CHECK(ahead.size() > 60);
}

TEST_CASE("running in pieces equals one long run", "[sim]") {
    std::vector<std::int64_t> pieces;
    for (std::int64_t t = 7'000; t <= 98'000; t += 7'000) pieces.push_back(t);
    CHECK(run_with_foreign(true, pieces) == run_with_foreign(true, {98'000}));
    CHECK(run_with_foreign(false, pieces) == run_with_foreign(true, {98'000}));
}

TEST_CASE("sc_start(7 ns) in a loop, with the host poking state in between, equals one long run with a foreign poker", "[sim]") {
    auto watch = [](Log& log, const int& poked) -> Task<void> {
        for (int i = 0; i < 60; ++i) {
            co_await delay(1_ns);
            log.emplace_back(now().ps(), std::to_string(poked));
        }
    };
    Log looped, one;
    {
        Calendar calendar;
        int poked = 0;
        spawn(watch(looped, poked));
        for (int i = 0; i < 8; ++i) {
            sc_core::sc_start(sc_core::sc_time(7, sc_core::SC_NS));
            ++poked;
        }
        calendar.shutdown();
    }
    quiesce::testbench::fresh_kernel();
    {
        Calendar calendar;
        int poked = 0;
        struct Poker : sc_core::sc_module {
            SC_HAS_PROCESS(Poker);
            Poker(sc_core::sc_module_name n, int& v) : sc_module(n), v_(v) { SC_THREAD(run); }
            void run() {
                for (;;) {
                    wait(7, sc_core::SC_NS);
                    ++v_;
                }
            }
            int& v_;
        } poker("poker", poked);
        spawn(watch(one, poked));
        calendar.run_until(Time::ps(56'000));
        calendar.shutdown();
    }
    CHECK(looped == one);
    CHECK(looped.size() == 55); // half-open, like sc_start: what is due at 56 ns has not run
}

TEST_CASE("now() follows a plain sc_start with nothing scheduled", "[sim]") {
    Calendar calendar;
    sc_core::sc_start(sc_core::sc_time(5, sc_core::SC_NS));
    calendar.entered_from_kernel();
    CHECK(calendar.now() == Time::ps(5'000));
}

TEST_CASE("a cleared calendar forgets what was under way, and runs what comes after", "[sim]") {
    Calendar calendar;
    struct Witness {
        int& ended;
        ~Witness() { ++ended; }
    };
    int ended = 0, ran = 0;
    const auto wait = [](int& ended, int& ran, Duration d) -> Task<void> {
        const Witness witness{ended};
        co_await delay(d);
        ++ran;
    };
    spawn(wait(ended, ran, 1_ns));
    spawn(wait(ended, ran, 1_ms));
    calendar.run_until(Time::ps(2'000));
    calendar.clear();
    CHECK(ran == 1);
    CHECK(ended == 2);
    CHECK(calendar.idle());
    spawn(wait(ended, ran, 5_ns));
    calendar.run_until_idle();
    CHECK(ran == 2);
    CHECK(ended == 3);
}

TEST_CASE("shuffled simultaneous items still run at their times, every one once, and the seed decides the order", "[sim]") {
    auto run = [](std::uint64_t seed) {
        quiesce::testbench::fresh_kernel();
        Calendar calendar;
        calendar.perturb({seed, true, {}});
        Log log;
        for (int i = 0; i < 16; ++i) spawn_at(Time::ps(10), note(log, std::to_string(i)));
        calendar.run_until(Time::ps(100));
        calendar.shutdown();
        return log;
    };
    const Log a = run(1), b = run(2), again = run(1);
    CHECK(a == again);
    CHECK(a != b);
    CHECK(std::is_permutation(a.begin(), a.end(), b.begin(), b.end()));
}

TEST_CASE("one more item changes the shuffled order of items at its own instant at most", "[sim]") {
    auto run = [](std::uint64_t seed, bool one_more) {
        quiesce::testbench::fresh_kernel();
        Calendar calendar;
        calendar.perturb({seed, true, {}});
        Log log;
        Log other;
        if (one_more) spawn_at(Time::ps(5), note(other, "more"));
        for (int i = 0; i < 16; ++i) spawn_at(Time::ps(10), note(log, std::to_string(i)));
        calendar.run_until(Time::ps(100));
        calendar.shutdown();
        return log;
    };
    for (std::uint64_t seed = 1; seed < 20; ++seed) CHECK(run(seed, false) == run(seed, true));
}

TEST_CASE("whose delays are jittery draws from a stream of its own, whoever else draws", "[sim]") {
    Calendar calendar;
    const auto drawn = [&](std::uint64_t seed, bool others) {
        calendar.perturb({seed, false, 1_us});
        std::vector<Duration> of_a;
        for (int k = 0; k < 50; ++k) {
            of_a.push_back(calendar.jitter(Duration{}, "a"));
            for (int n = 0; others && n <= k % 3; ++n) std::ignore = calendar.jitter(Duration{}, "b");
        }
        return of_a;
    };
    const auto alone = drawn(7, false);
    CHECK(alone == drawn(7, true));
    CHECK(alone != drawn(8, false));
    CHECK(*std::max_element(alone.begin(), alone.end()) <= 1_us);
    CHECK(*std::min_element(alone.begin(), alone.end()) != *std::max_element(alone.begin(), alone.end()));
    CHECK(calendar.jitter(Duration{}, "a") != calendar.jitter(Duration{}, "c"));
}

TEST_CASE("what a root task throws comes out of run_until", "[sim]") {
    Calendar calendar;
    auto bad = []() -> Task<void> {
        co_await delay(1_ns);
        throw std::runtime_error("broken");
    };
    spawn(bad());
    CHECK_THROWS_WITH(calendar.run_until(Time::ps(10'000)), "broken");
}

TEST_CASE("shutdown destroys unfinished tasks and what they hold", "[sim]") {
    struct Flag {
        bool& gone;
        ~Flag() { gone = true; }
    };
    Calendar calendar;
    bool gone = false;
    auto holder = [](bool& g) -> Task<void> {
        Flag f{g};
        co_await delay(1_s);
    };
    spawn(holder(gone));
    calendar.run_until(Time::ps(1'000));
    CHECK_FALSE(gone);
    calendar.shutdown();
    CHECK(gone);
}
