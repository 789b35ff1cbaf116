// SPDX-License-Identifier: Apache-2.0
/// Waveforms: what a VCD reader gets to see, and the GTKWave view beside it.
#include "observe/stage.h"
#include "observe/waves.h"

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>
#include <sstream>

using namespace quiesce;
using namespace quiesce::observe;
using namespace quiesce::sim::literals;

namespace {
using History = std::vector<std::pair<i64, std::string>>;

/// A VCD read back: declarations and, for each variable, when it took which value.
struct Vcd {
    std::vector<std::string> header;             ///< lines before the values
    std::map<std::string, std::string> kind, id; ///< by full name
    std::map<std::string, History> values;
    i64 end = 0;

    explicit Vcd(const std::string& text) {
        std::istringstream in(text);
        std::vector<std::string> scopes;
        std::map<std::string, std::string> name_of;
        std::string line;
        while (std::getline(in, line)) {
            header.push_back(line);
            std::istringstream words(line);
            std::string word, kind_of, bits, code, leaf;
            words >> word;
            if (word == "$scope") words >> word >> leaf, scopes.push_back(leaf);
            if (word == "$upscope") {
                REQUIRE_FALSE(scopes.empty());
                scopes.pop_back();
            }
            if (word == "$enddefinitions") break;
            if (word != "$var") continue;
            words >> kind_of >> bits >> code >> leaf;
            std::string name;
            for (const auto& s : scopes) name += s + ".";
            name += leaf;
            CHECK(name_of.emplace(code, name).second); // identifier codes are unique
            CHECK(kind.emplace(name, kind_of).second); // so are names
            id[name] = code;
        }
        CHECK(scopes.empty());
        bool first = true;
        while (std::getline(in, line)) {
            if (line.front() == '$') continue;
            if (line.front() == '#') {
                const i64 at = std::stoll(line.substr(1));
                CHECK((at > end || first)); // time never stands still or goes back
                end = at;
                first = false;
                continue;
            }
            const std::size_t blank = line.find(' ');
            REQUIRE(blank != std::string::npos);
            CHECK(line.find(' ', blank + 1) == std::string::npos);
            const std::string name = name_of.at(line.substr(blank + 1));
            CHECK(line.front() == (kind.at(name) == "string" ? 's' : 'b'));
            values[name].emplace_back(end, line.substr(1, blank - 1));
        }
    }
    const History& of(const std::string& name) const { return values.at("quiesce." + name); }
};

struct WavesBench : testbench::Stage {
    std::unique_ptr<Waves> waves;
    explicit WavesBench(WaveWindow window = {.everything = true, .before = {}, .after = {}}, unsigned lanes = 1)
        : waves(std::make_unique<Waves>(events, window, lanes)) {}
    void level(i64 ps, const char* what, u32 value) { say(ps, base::LevelChanged{what, value}); }
    void state(i64 ps, const char* what, const char* s) { say(ps, base::StateChanged{what, s}); }
    void span(const char* actor, const char* phase, i64 from, i64 to) {
        say(to, base::Span{1, actor, phase, "", sim::Time::ps(from), 0, 0, BondId{}});
    }
    Vcd vcd() const {
        std::ostringstream out;
        waves->write_vcd(out, "a test");
        return Vcd{out.str()};
    }
    std::string gtkw(const std::vector<Teardown>& teardowns = {}, bool events = true) const {
        std::ostringstream out;
        waves->write_gtkw(out, "waves.vcd", teardowns, events);
        return out.str();
    }
};
Teardown teardown(i64 t0, std::vector<std::pair<std::string, i64>> milestones, std::optional<i64> quiesce = {}) {
    Teardown t;
    t.t0 = sim::Time::ps(t0);
    for (const auto& [name, at] : milestones) t.milestones.emplace_back(name, sim::Time::ps(at));
    if (quiesce) t.quiesce = sim::Duration::ps(*quiesce);
    return t;
}
constexpr WaveWindow narrow{.everything = false, .before = 100_ps, .after = 1000_ps};
} // namespace

TEST_CASE("a VCD has picosecond timestamps and one scope per dot of a name", "[observe]") {
    WavesBench b;
    b.level(100, "smmu.cmdq.depth", 5);
    b.state(120, "smmu.state", "running");
    const Vcd v = b.vcd();
    CHECK(std::count(v.header.begin(), v.header.end(), "$timescale 1ps $end") == 1);
    CHECK(std::count(v.header.begin(), v.header.end(), "$comment a test $end") == 1);
    CHECK(v.kind.at("quiesce.smmu.cmdq.depth") == "wire");
    CHECK(v.kind.at("quiesce.smmu.state") == "string");
    CHECK(v.of("smmu.cmdq.depth") == History{{0, "0"}, {100, "101"}});
    CHECK(v.of("smmu.state") == History{{0, "-"}, {120, "running"}});
    CHECK(v.end == 120 + 1000); // so that the last value can be seen
}

TEST_CASE("the same value again is no change, and of one instant only the last value is", "[observe]") {
    WavesBench b;
    for (const i64 at : {100, 200, 300}) b.level(at, "q.depth", 3);
    b.level(400, "q.depth", 4);
    b.level(400, "q.depth", 9);
    b.level(500, "q.depth", 1);
    b.level(500, "q.depth", 9);
    CHECK(b.vcd().of("q.depth") == History{{0, "0"}, {100, "11"}, {400, "1001"}});
}

TEST_CASE("a level may use all its bits", "[observe]") {
    WavesBench b;
    b.level(100, "q.depth", 0xffff'ffff);
    b.level(200, "q.depth", 0x8000'0000);
    CHECK(b.vcd().of("q.depth") == History{{0, "0"}, {100, std::string(32, '1')}, {200, "1" + std::string(31, '0')}});
}

TEST_CASE("identifier codes are unique beyond one and two letters", "[observe]") {
    WavesBench b;
    constexpr int n = 94 * 94 + 94 + 5;
    for (int i = 0; i < n; ++i) b.level(1, ("many.v" + std::to_string(i)).c_str(), 1);
    const Vcd v = b.vcd(); // checks each
    CHECK(v.id.size() >= std::size_t{n});
    bool printable = true;
    for (const auto& [name, code] : v.id)
        for (const char c : code) printable = printable && c >= '!' && c <= '~';
    CHECK(printable);
}

TEST_CASE("names and states without blanks, brackets or slashes reach the file", "[observe]") {
    WavesBench b;
    b.state(100, "app0/main thread.mode[1]", "waits for: acc0");
    CHECK(b.vcd().of("app0_main_thread.mode_1_") == History{{0, "-"}, {100, "waits_for__acc0"}});
}

TEST_CASE("a span is a phase of its actor from its start to its end", "[observe]") {
    WavesBench b;
    b.span("cpu0", "release", 100, 150);
    b.span("cpu0", "sync", 150, 180);
    b.span("cpu0", "nothing", 190, 190);
    b.span("cpu1", "walk", 120, 130);
    CHECK(b.vcd().of("cpu0.phase") == History{{0, "-"}, {100, "release"}, {150, "sync"}, {180, "-"}});
    CHECK(b.vcd().of("cpu1.phase") == History{{0, "-"}, {120, "walk"}, {130, "-"}});
}

TEST_CASE("threads of the kernel are a group of their own", "[observe]") {
    WavesBench b;
    b.span("app0/1", "exit", 100, 150);
    CHECK(b.vcd().of("kernel.app0_1.phase") == History{{0, "-"}, {100, "exit"}, {150, "-"}});
}

TEST_CASE("while an inner span is over its outer one goes on, to any depth", "[observe]") {
    WavesBench b;
    b.span("cpu0", "deepest", 130, 140);
    b.span("cpu0", "inner", 120, 150);
    b.span("cpu0", "next", 150, 160);
    b.span("cpu0", "last", 180, 200);
    b.span("cpu0", "outer", 100, 200);
    CHECK(b.vcd().of("cpu0.phase") == History{{0, "-"},
                                              {100, "outer"},
                                              {120, "inner"},
                                              {130, "deepest"},
                                              {140, "inner"},
                                              {150, "next"},
                                              {160, "outer"},
                                              {180, "last"},
                                              {200, "-"}});
}

TEST_CASE("of two spans that begin together the shorter is inside the longer", "[observe]") {
    WavesBench b;
    b.span("cpu0", "inner", 100, 120);
    b.span("cpu0", "outer", 100, 150);
    CHECK(b.vcd().of("cpu0.phase") == History{{0, "-"}, {100, "inner"}, {120, "outer"}, {150, "-"}});
}

TEST_CASE("spans of one actor that overlap without nesting each last to their own end", "[observe]") {
    WavesBench b;
    b.span("acc0", "drain-1", 100, 150);
    b.span("acc0", "drain-2", 120, 180);
    CHECK(b.vcd().of("acc0.phase") == History{{0, "-"}, {100, "drain-1"}, {120, "drain-2"}, {180, "-"}});
}

TEST_CASE("a span that reaches into the window is shown, one that ended before is not", "[observe]") {
    WavesBench b{narrow};
    b.span("cpu0", "over", 9'000, 9'800);
    b.span("cpu0", "inner", 9'920, 9'940);
    b.span("cpu0", "outer", 9'850, 9'960);
    b.trigger(10'000, 1);
    b.span("cpu0", "long", 10'500, 50'000);
    b.span("cpu0", "late", 60'000, 60'010);
    CHECK(b.vcd().of("cpu0.phase") == History{{0, "-"},
                                              {9'850, "outer"},
                                              {9'920, "inner"},
                                              {9'940, "outer"},
                                              {9'960, "-"},
                                              {10'500, "long"},
                                              {50'000, "-"}});
}

TEST_CASE("whatever objects are called, names in the file are legal, unique and not empty", "[observe]") {
    WavesBench b;
    const std::vector<std::string> odd{"",
                                       ".",
                                       "..",
                                       "a b",
                                       "a_b",
                                       "a-b",
                                       "a.b",
                                       "a..b",
                                       "0",
                                       "$end",
                                       "$var wire 1 ! x $end",
                                       "pasid_lane0",
                                       "smmu",
                                       "quiesce",
                                       "\xc3\xa4",
                                       "\n\t",
                                       "[0]",
                                       "a[0]",
                                       "-",
                                       "\\"};
    for (const std::string& name : odd) {
        b.say(100, os::ProcessChanged{name, MmId{1}, "dying"});
        b.span(name.c_str(), "phase", 100, 150);
        b.level(100, name.c_str(), 1);
        b.state(100, name.c_str(), name.c_str());
        b.state(100, (name + ".state").c_str(), "busy");
    }
    const Vcd v = b.vcd(); // checks that names and codes are unique
    CHECK(v.id.size() == odd.size() * 5 + 2);
    for (const auto& [name, code] : v.id) {
        INFO(name);
        bool start = true, ok = true;
        for (const char c : name + ".") {
            const bool digit = c >= '0' && c <= '9',
                       letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
            ok = ok && (start ? letter : letter || digit || c == '$' || c == '.');
            start = c == '.';
        }
        CHECK(ok);
    }
    CHECK(v.of("pasid_lane0.state") == History{{0, "-"}}); // the process of that name has its own
    CHECK(v.of("pasid_lane0.state_2") == History{{0, "-"}, {100, "dying"}});
}

TEST_CASE("a comment does not end before its end", "[observe]") {
    WavesBench b;
    std::ostringstream out;
    b.waves->write_vcd(out, "a $end $var");
    CHECK_THAT(out.str(), Catch::StartsWith("$comment a _end $var $end\n$timescale"));
}

TEST_CASE("processes and device queues have a state", "[observe]") {
    WavesBench b;
    b.say(100, os::ProcessChanged{"app0", MmId{1}, "dying"});
    b.say(110, devices::QueueState{"acc0.queue1", DeviceId{0}, BondId{1}, Pasid{1}, "stopping"});
    CHECK(b.vcd().of("app0.state") == History{{0, "-"}, {100, "dying"}});
    CHECK(b.vcd().of("acc0.queue1.state") == History{{0, "-"}, {110, "stopping"}});
}

TEST_CASE("a bond has a PASID lane while it is bound, and the next one takes it over", "[observe]") {
    WavesBench b;
    b.bond(100, 1, 1, 6);
    b.bond(110, 1, 1, 6, os::BondState::Exited);
    b.bond(120, 1, 1, 6, os::BondState::Draining);
    b.bond(130, 1, 1, 6, os::BondState::Unbound);
    b.bond(140, 2, 2, 7);
    b.bond(150, 3, 3, 8); // more bonds than lanes
    CHECK(b.vcd().of("pasid_lane0.pasid") == History{{0, "0"}, {100, "110"}, {130, "0"}, {140, "111"}});
    CHECK(b.vcd().of("pasid_lane0.state") ==
          History{{0, "-"}, {100, "BOUND"}, {110, "EXITED"}, {120, "DRAINING"}, {130, "UNBOUND"}, {140, "BOUND"}});
}

TEST_CASE("outside the window nothing is kept, and the window begins with the value that stood", "[observe]") {
    WavesBench b{narrow};
    b.level(5'000, "q.depth", 1);
    b.level(6'000, "q.depth", 2);
    b.level(9'950, "q.depth", 3);
    b.trigger(10'000, 1);
    b.level(10'500, "q.depth", 4);
    b.level(11'000, "q.depth", 5);
    b.level(11'001, "q.depth", 6);
    b.level(20'000, "q.depth", 7);
    CHECK(b.vcd().of("q.depth") == History{{0, "0"}, {9'900, "10"}, {9'950, "11"}, {10'500, "100"}, {11'000, "101"}});
}

TEST_CASE("a second window does not hide what changed since the first", "[observe]") {
    WavesBench b{narrow};
    b.level(9'950, "q.depth", 1);
    b.trigger(10'000, 1);
    b.level(30'000, "q.depth", 2);
    b.level(40'000, "q.depth", 3);
    b.trigger(50'000, 2);
    CHECK(b.vcd().of("q.depth") == History{{0, "0"}, {9'950, "1"}, {49'900, "11"}});
}

TEST_CASE("a window opens for each step of a teardown and for nothing else", "[observe]") {
    struct Row {
        const char* event;
        void (*say)(WavesBench&);
        bool opens;
    };
    const Row rows[] = {
        {"trigger", [](WavesBench& b) { b.trigger(500, 1); }, true},
        {"blocking fence", [](WavesBench& b) { b.block(500, 1); }, true},
        {"stop", [](WavesBench& b) { b.stop(500, 1); }, true},
        {"mmput", [](WavesBench& b) { b.mmput(500); }, true},
        {"PASID free", [](WavesBench& b) { b.pasid(500, os::PasidState::Free); }, true},
        {"draining", [](WavesBench& b) { b.bond(500, 1, 1, 1, os::BondState::Draining); }, true},
        {"other fence", [](WavesBench& b) { b.fence(500, 1); }, false},
        {"PASID taken", [](WavesBench& b) { b.pasid(500, os::PasidState::Allocated); }, false},
        {"bound", [](WavesBench& b) { b.bond(500, 1); }, false},
    };
    for (const Row& row : rows) {
        INFO(row.event);
        WavesBench b{narrow};
        row.say(b);
        b.level(510, "q.depth", 1);
        CHECK((b.vcd().of("q.depth").size() == 2) == row.opens);
    }
}

TEST_CASE("a value that stood unchanged through any number of other changes is shown in the window", "[observe]") {
    WavesBench b{narrow};
    b.level(0, "q.depth", 1); // at time 0, which is kept
    b.level(1'000, "q.depth", 5);
    for (i64 n = 0; n < 70'000; ++n) b.level(2'000 + n, "busy", n % 2);
    b.trigger(1'000'000, 1);
    CHECK(b.vcd().of("q.depth") == History{{0, "0"}, {0, "1"}, {999'900, "101"}});
}

TEST_CASE("the GTKWave view groups what moves by unit, with states by name and levels as steps", "[observe]") {
    WavesBench b;
    b.level(100, "smmu.cmdq.depth", 5);
    b.state(110, "smmu.state", "running");
    b.state(120, "acc0.state", "busy");
    const std::string view = b.gtkw({teardown(30'000'000, {}), teardown(30'000'000, {}), teardown(40'000'000, {})});
    CHECK_THAT(view, Catch::Contains("[dumpfile] \"waves.vcd\"\n"));
    CHECK_THAT(view, Catch::Contains("[timestart] 25000000\n"));
    CHECK_THAT(view, Catch::Contains("\n*-24.0 30000000 30000000 40000000 -1 "));
    CHECK_THAT(view, Catch::Contains("@800200\n-acc0\n@28\nquiesce.acc0.state\n@1000200\n-acc0\n"
                                     "@800200\n-smmu\n@88024\nquiesce.smmu.cmdq.depth[31:0]\n@20000\n-\n"
                                     "@28\nquiesce.smmu.state\n@1000200\n-smmu\n"));
    CHECK_THAT(view, !Catch::Contains("pasid_lane0")); // never moved
}

TEST_CASE("markers are at T0 and at milestones, and say whose; of one instant there is one", "[observe]") {
    WavesBench b;
    const std::string view = b.gtkw({teardown(100, {{"block", 130}, {"stop", 130}, {"drain", 150}}, 50), teardown(120, {{"block", 150}}, 30)});
    CHECK_THAT(view, Catch::Contains("\n*-24.0 100 100 120 130 150 -1 "));
    CHECK_THAT(view, Catch::Contains("\n[markername] At0:T0\n[markername] Bt1:T0\n[markername] Ct0:block,stop\n"
                                     "[markername] Dt0:drain t1:block\n[sst_width]"));
}

TEST_CASE("a marker says which event it is, where events are kept", "[observe]") {
    WavesBench b;
    Teardown t = teardown(100, {{"block", 130}, {"stop", 130}, {"last_seen", 140}}, 40);
    t.t0_event = 7;
    t.events = {{"block", 12}, {"stop", 11}};
    CHECK_THAT(b.gtkw({t}, true), Catch::Contains("\n[markername] At0:T0=e7\n[markername] Bt0:block=e12,stop=e11\n[markername] Ct0:last_seen\n"));
    CHECK_THAT(b.gtkw({t}, false), Catch::Contains("\n[markername] At0:T0\n[markername] Bt0:block,stop\n"));
}

TEST_CASE("of more milestones than a view has letters, T0 and those of the slowest teardown are marked", "[observe]") {
    WavesBench b;
    std::vector<Teardown> many;
    for (i64 n = 0; n < 30; ++n) many.push_back(teardown(1000 * n, {{"block", 1000 * n + 10}, {"stop", 1000 * n + 20 + n}}, 20 + n));
    const std::string view = b.gtkw(many);
    CHECK_THAT(view, Catch::Contains("t29:T0\n") && Catch::Contains("t29:stop\n") && Catch::Contains("t18:T0\n") && Catch::Contains("t23:block\n"));
    CHECK_THAT(view, !Catch::Contains("t17:T0\n") && !Catch::Contains("t22:block\n"));
    CHECK(view.find("[markername] Z") != std::string::npos);
}

TEST_CASE("a stretch of time is kept and nothing else, with what stood when it began", "[observe]") {
    const auto play = [](WavesBench& b) {
        b.level(100, "q.depth", 1);
        b.level(200, "q.depth", 2);
        b.span("cmdq", "early", 100, 250);
        b.level(350, "q.depth", 3);
        b.span("cmdq", "whole", 280, 450);
        b.trigger(400, 1); // opens no window of its own
        b.level(500, "q.depth", 4);
    };
    WavesBench live({.everything = false, .before = {}, .after = {}, .stretch = std::pair{sim::Time::ps(300), sim::Time::ps(400)}});
    WavesBench later;
    play(live);
    play(later);
    later.waves->cut(sim::Time::ps(300), sim::Time::ps(400));
    live.waves->cut(sim::Time::ps(300), sim::Time::ps(400));
    for (const WavesBench* b : {&live, &later}) {
        CHECK(b->vcd().of("q.depth") == History{{0, "0"}, {300, "10"}, {350, "11"}});
        CHECK(b->vcd().of("cmdq.phase") == History{{0, "-"}, {300, "whole"}, {400, "-"}});
    }
}

TEST_CASE("every signal of the view is declared in the VCD", "[observe]") {
    WavesBench b;
    b.level(100, "smmu.cmdq.depth", 5);
    b.state(110, "app0/main.mode", "a b");
    b.bond(120, 1);
    const Vcd v = b.vcd();
    std::istringstream lines(b.gtkw());
    std::string line;
    int signals = 0;
    while (std::getline(lines, line)) {
        if (line.rfind("quiesce.", 0) != 0) continue;
        ++signals;
        CHECK(v.kind.count(line.substr(0, line.find('['))) == 1);
    }
    CHECK(signals == 4);
}
