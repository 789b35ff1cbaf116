// SPDX-License-Identifier: Apache-2.0
/// The log of all events: what is kept, and what caused what.
#include "observe/causes.h"
#include "observe/event_log.h"
#include "observe/event_store.h"
#include "observe/fingerprint.h"
#include "observe/stage.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <vector>

using namespace quiesce;
using namespace quiesce::observe;

namespace {
constexpr i64 log_us = 1'000'000;

struct LogBench : testbench::Stage {
    WaveWindow window{false, sim::Duration::ps(20 * log_us), sim::Duration::ps(100 * log_us)};
    void level(i64 ps, u32 value) { say(ps, base::LevelChanged{"smmu.cmdq.depth", value}); }
    void issued(i64 ps, u64 transaction) {
        say(ps, devices::DmaIssued{transaction, DeviceId{1}, BondId{1}, true, Pasid{1}, Iova{0x1000}, 64, true});
    }
    void sent(i64 ps, u64 transaction) {
        pcie::TlpSent t{};
        t.link = "acc1.link";
        t.kind = pcie::TlpKind::MemoryWrite;
        t.transaction = transaction;
        say(ps, t);
    }
    static std::vector<u64> ids(const EventLog& log) {
        std::vector<u64> all;
        for (const LoggedEvent& e : log.rows()) all.push_back(e.id);
        return all;
    }
};
using Ids = std::vector<u64>;
} // namespace

TEST_CASE("events have numbers in the order of emission, and a handler that emits gets its own back") {
    testbench::Stage s;
    Ids heard;
    auto outer = s.events.subscribe<base::LevelChanged>([&](sim::Time, const base::LevelChanged&) {
        heard.push_back(s.events.event_id());
        s.say(1, base::StateChanged{"smmu", "on"});
        heard.push_back(s.events.event_id());
    });
    auto inner = s.events.subscribe<base::StateChanged>([&](sim::Time, const base::StateChanged&) { heard.push_back(s.events.event_id()); });
    s.say(1, base::LevelChanged{"smmu.cmdq.depth", 1});
    s.say(2, base::LevelChanged{"smmu.cmdq.depth", 2});
    CHECK(heard == Ids{1, 2, 1, 3, 4, 3});
    CHECK(s.events.event_id() == 0);
}

TEST_CASE("an event that nobody hears takes no number") {
    testbench::Stage s;
    u64 number = 0;
    auto token = s.events.subscribe<base::StateChanged>([&](sim::Time, const base::StateChanged&) { number = s.events.event_id(); });
    s.say(1, base::LevelChanged{"smmu.cmdq.depth", 1});
    s.say(1, base::StateChanged{"smmu", "on"});
    CHECK(number == 1);
}

TEST_CASE("what is told is kept whenever it comes, everything else in a window around each T0") {
    LogBench b;
    EventLog log(b.events, b.window);
    b.level(1 * log_us, 1);          // 1: too old when the window opens
    b.bond(2 * log_us, 1);           // 2: told
    b.level(980 * log_us, 2);        // 3: just in it
    b.trigger(1'000 * log_us, 1);    // 4
    b.level(1'100 * log_us, 3);      // 5: its last instant
    b.level(1'101 * log_us, 4);      // 6: behind it
    b.unmap(5'000 * log_us, 5);      // 7: told
    CHECK(LogBench::ids(log) == Ids{2, 3, 4, 5, 7});
    const auto& levels = log.counts()[event_type<base::LevelChanged>];
    CHECK(levels.emitted == 4);
    CHECK(levels.kept == 2);
    CHECK(log.left_out() == 0);
}

TEST_CASE("a transaction that faults long after it began is kept from its beginning, one that lands well is not") {
    LogBench b;
    EventLog log(b.events, b.window);
    b.issued(1 * log_us, 7);      // 1
    b.sent(1 * log_us + 1, 7);    // 2
    b.issued(2 * log_us, 8);      // 3
    b.level(500 * log_us, 1);     // 4: by now nothing of them is recent
    b.commit(501 * log_us, 1, memory::Verdict::Legal, 5, true, 8); // 5
    b.fault(502 * log_us, 1);     // 6: of transaction 7
    CHECK(LogBench::ids(log) == Ids{1, 2, 6});
}

TEST_CASE("recent events come and go for as long as a run lasts") {
    LogBench b;
    EventLog log(b.events, b.window);
    for (i64 n = 1; n <= 5'000; ++n) b.level(n * 30 * log_us, static_cast<u32>(n)); // each is alone in its window
    for (i64 n = 1; n <= 5'000; ++n) b.level(150'000 * log_us + n, static_cast<u32>(n));
    b.trigger(150'001 * log_us, 1);
    CHECK(log.rows().size() == 5'002); // the last of the first ones is at the same instant
}

TEST_CASE("what finds no room is counted, and a flood of one sort takes no room of others") {
    LogBench b;
    WaveWindow all{true, {}, {}};
    EventLog log(b.events, all, {.told = 2, .window = 1, .ways = 1, .everything = 10});
    for (u32 n = 0; n < 25; ++n) b.level(n, n);
    for (u64 p = 0; p < 3; ++p) b.unmap(100, p);
    CHECK(log.rows().size() == 12);
    CHECK(log.left_out() == 16);
}

TEST_CASE("fields come as JSON, and asides as what they hold") {
    LogBench b;
    EventLog log(b.events, {true, {}, {}});
    b.say(5, iommu::CommandConsumed{"smmu", 1, "a \"b\"", 2, 3, {Spa{0x40}}});
    std::string fields;
    append_fields(fields, log.rows().at(0));
    CHECK(fields == R"({"unit":"smmu","sequence":1,"command":"a \"b\"","word0":2,"word1":3,"entry":64})");
}

TEST_CASE("an aside changes no fingerprint") {
    const auto print = [](Spa entry) {
        testbench::Stage s;
        Fingerprint f(s.events);
        s.say(1, iommu::CommandConsumed{"smmu", 1, "SYNC", 2, 3, {entry}});
        return f.value();
    };
    CHECK(print(Spa{0x40}) == print(Spa{0x80}));
}

TEST_CASE("a command is followed by its place in memory, each time that its slot is used again") {
    LogBench b;
    EventLog log(b.events, {true, {}, {}});
    const auto put = [&](i64 at, const char* what) { b.say(at, os::IommuCommandIssued{1, "smmu.cmdq", what, "app1/0", Spa{0x40}}); };
    const auto took = [&](i64 at, u64 n, const char* what) { b.say(at, iommu::CommandConsumed{"smmu", n, what, 0, 0, {Spa{0x40}}}); };
    put(1, "CFGI_CD");     // 1
    took(2, 1, "CFGI_CD"); // 2
    put(3, "TLBI");        // 3
    took(4, 2, "TLBI");    // 4
    Ids of_commands;
    for (const Cause& c : find_causes(log.rows()))
        if (c.why == Why::Command) of_commands.insert(of_commands.end(), {c.effect, c.cause});
    CHECK(of_commands == Ids{2, 1, 4, 3});
}

TEST_CASE("a fence waits for what was done since the last one of its unit, and for nothing behind it") {
    LogBench b;
    EventLog log(b.events, {true, {}, {}});
    const auto done = [&](i64 at, u64 n) { b.say(at, iommu::InvalidationDone{"smmu", n}); };
    done(1, 1);                                              // 1
    done(2, 2);                                              // 2
    b.say(3, iommu::FenceSignalled{"smmu", 3, true, {0}});   // 3
    done(4, 4);                                              // 4
    done(5, 6);                                              // 5: behind it
    b.say(6, iommu::FenceSignalled{"smmu", 5, true, {0}});   // 6
    Ids waited;
    for (const Cause& c : find_causes(log.rows()))
        if (c.why == Why::Covers) waited.insert(waited.end(), {c.effect, c.cause});
    CHECK(waited == Ids{3, 1, 3, 2, 6, 4});
}

TEST_CASE("who closes a device's file last does what the teardown is left with, whenever that is, and is kept") {
    LogBench b;
    EventLog log(b.events, b.window);
    const auto closes = [&](i64 at, u64 span, BondId bond) { b.say(at, base::Span{span, "heir/0", "close-files", "", sim::Time::ps(at - 5), 0, 0, bond}); };
    b.say(10, os::TeardownTriggered{BondId{1}, "kill", 0}); // 1
    closes(500 * log_us, 7, no_bond);                       // 2: somebody else has the file open still
    closes(900 * log_us, 8, BondId{1});                     // 3
    CHECK(LogBench::ids(log) == Ids{1, 3});
    Ids last;
    for (const Cause& c : find_causes(log.rows()))
        if (c.why == Why::LastClose) last.insert(last.end(), {c.effect, c.cause});
    CHECK(last == Ids{3, 1});
}
