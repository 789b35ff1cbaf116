// SPDX-License-Identifier: Apache-2.0
/// The timeline: what Perfetto gets to read. Decoded here by the wire format alone, with field numbers of its own.
#include "observe/stage.h"
#include "observe/timeline.h"

#include <catch2/catch.hpp>
#include <map>
#include <sstream>

using namespace quiesce;
using namespace quiesce::observe;

namespace {
/// A message taken apart: what each field had, in order; numbers of any wire type as numbers.
struct Message {
    std::multimap<u32, u64> numbers;
    std::multimap<u32, std::string> texts;

    explicit Message(const std::string& bytes) {
        std::size_t at = 0;
        const auto varint = [&] {
            u64 value = 0;
            for (unsigned shift = 0;; shift += 7) {
                const u64 byte = static_cast<unsigned char>(bytes.at(at++));
                value |= (byte & 0x7f) << shift;
                if (byte < 0x80) return value;
            }
        };
        while (at < bytes.size()) {
            const u64 key = varint();
            const auto field = static_cast<u32>(key >> 3);
            switch (key & 7) {
            case 0: numbers.emplace(field, varint()); break;
            case 1: {
                u64 value = 0;
                for (unsigned i = 0; i < 8; ++i) value |= u64{static_cast<unsigned char>(bytes.at(at++))} << (8 * i);
                numbers.emplace(field, value);
                break;
            }
            case 2: {
                const u64 length = varint();
                REQUIRE(at + length <= bytes.size());
                texts.emplace(field, bytes.substr(at, length));
                at += length;
                break;
            }
            default: FAIL("wire type " << (key & 7));
            }
        }
    }
    u64 number(u32 field) const {
        REQUIRE(numbers.count(field) == 1);
        return numbers.find(field)->second;
    }
    std::string text(u32 field) const {
        const auto found = texts.find(field);
        return found == texts.end() ? std::string{} : found->second;
    }
    std::vector<Message> messages(u32 field) const {
        std::vector<Message> all;
        for (auto [i, end] = texts.equal_range(field); i != end; ++i) all.emplace_back(i->second);
        return all;
    }
};

struct Shown {
    u64 ns, type, track;
    std::string name;
    std::vector<u64> flows;
    std::map<std::string, std::string> notes;
};

struct Decoded {
    std::map<u64, std::string> tracks;
    std::map<u64, u64> parents;
    std::vector<Shown> events;

    explicit Decoded(const std::string& bytes) {
        u64 last = 0;
        for (const Message& packet : Message(bytes).messages(1)) {
            CHECK(packet.number(10) != 0); // a sequence, without which the reader drops the packet
            for (const Message& d : packet.messages(60)) {
                CHECK(tracks.emplace(d.number(1), d.text(2)).second);
                if (d.numbers.count(5) != 0) parents[d.number(1)] = d.number(5);
            }
            for (const Message& e : packet.messages(11)) {
                Shown event{packet.number(8), e.number(9), e.number(11), e.text(23), {}, {}};
                CHECK(event.ns >= last);
                last = event.ns;
                CHECK(tracks.count(event.track) == 1); // described before
                for (auto [i, end] = e.numbers.equal_range(47); i != end; ++i) event.flows.push_back(i->second);
                for (const Message& a : e.messages(4)) event.notes[a.text(10)] = a.texts.count(6) != 0 ? a.text(6) : std::to_string(a.number(3));
                if (event.type == 4) event.notes["value"] = std::to_string(e.number(30));
                events.push_back(std::move(event));
            }
        }
    }
    std::string path(u64 track) const {
        const auto parent = parents.find(track);
        return (parent == parents.end() ? "" : path(parent->second) + "/") + tracks.at(track);
    }
    std::vector<Shown> on(const std::string& path_of_track) const {
        std::vector<Shown> all;
        for (const Shown& e : events)
            if (path(e.track) == path_of_track) all.push_back(e);
        return all;
    }
    /// Every slice that begins ends, on its track, and nothing ends that did not begin.
    void check_balance() const {
        std::map<u64, i64> open;
        for (const Shown& e : events) {
            if (e.type == 1) ++open[e.track];
            if (e.type == 2) CHECK(--open[e.track] >= 0);
        }
        for (const auto& [track, depth] : open) CHECK(depth == 0);
    }
};

struct TimelineBench : testbench::Stage {
    Timeline timeline;
    explicit TimelineBench(WaveWindow window = {.everything = true}) : timeline(events, window) {}
    u64 next = 0;
    u64 span(const char* actor, const char* phase, i64 from, i64 to, u64 begun_by = 0) {
        say(to, base::Span{++next, actor, phase, {}, sim::Time::ps(from), begun_by, 0, no_bond});
        return next;
    }
    Decoded written(i64 end = 100'000'000) const {
        std::ostringstream out;
        timeline.write(out, {}, sim::Time::ps(end));
        Decoded d(out.str());
        d.check_balance();
        return d;
    }
};
std::vector<std::string> names(const std::vector<Shown>& events) {
    std::vector<std::string> all;
    for (const Shown& e : events) all.push_back(e.type == 2 ? "end" : e.name);
    return all;
}
using Names = std::vector<std::string>;
} // namespace

TEST_CASE("spans inside spans nest on their actor's track, those of kernel threads below the kernel", "[observe]") {
    TimelineBench b;
    b.span("app0/0", "inner", 2'000, 3'000);
    b.span("app0/0", "outer", 1'000, 5'000);
    b.span("smmu.cmdq", "busy", 2'000, 4'000);
    const Decoded d = b.written();
    CHECK(names(d.on("kernel/app0/0")) == Names{"outer", "inner", "end", "end"});
    CHECK(names(d.on("smmu/cmdq")) == Names{"busy", "end"});
    CHECK(d.on("kernel/app0/0")[0].ns == 1);
    CHECK(d.on("kernel/app0/0")[0].notes.at("start_ps") == "1000");
}

TEST_CASE("spans of one actor that overlap without nesting go to tracks of their own", "[observe]") {
    TimelineBench b;
    b.span("acc0", "one", 1'000, 5'000);
    b.span("acc0", "two", 3'000, 8'000);
    const Decoded d = b.written();
    CHECK(names(d.on("acc0/acc0")) == Names{"one", "end"});
    CHECK(names(d.on("acc0/acc0 (2)")) == Names{"two", "end"});
}

TEST_CASE("spans shorter than a nanosecond keep their order, and one follows another without overlap", "[observe]") {
    TimelineBench b;
    for (i64 i = 0; i < 8; ++i) b.span("smmu.cmdq", "step", 1'000 + i * 100, 1'100 + i * 100);
    const Decoded d = b.written();
    const std::vector<Shown> all = d.on("smmu/cmdq");
    REQUIRE(all.size() == 16);
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(all[i].type == (i % 2 == 0 ? 1 : 2));
        CHECK(all[i].ns == 1);
    }
}

TEST_CASE("an arrow leads from a span to the one that it caused, and from no other", "[observe]") {
    TimelineBench b;
    const u64 cause = b.span("app0/0", "doorbell", 1'000, 2'000);
    b.span("smmu.cmdq", "consume", 2'000, 3'000, cause);
    b.span("smmu.cmdq", "idle", 3'000, 4'000);
    const Decoded d = b.written();
    const auto from = d.on("kernel/app0/0"), to = d.on("smmu/cmdq");
    REQUIRE(from[0].flows.size() == 1);
    CHECK(to[0].flows == from[0].flows);
    CHECK(to[2].flows.empty());
}

TEST_CASE("transactions that are outstanding at once have a lane each, and arrows along their way", "[observe]") {
    TimelineBench b;
    b.bond(500, 1);
    for (u64 t : {1, 2}) b.say(1'000 * static_cast<i64>(t), devices::DmaIssued{t, b.device(1), BondId{1}, true, Pasid{1}, Iova{0x5000 * t}, 64, false});
    b.tlp(2'500, 1);
    for (u64 t : {1, 2, 3}) b.say(4'000 + static_cast<i64>(t), devices::DmaEnded{t, b.device(1), BondId{1}, 64, false, devices::DmaEnding::Success});
    const Decoded d = b.written();
    CHECK(names(d.on("acc1/DMA")) == Names{"read", "end"});
    CHECK(names(d.on("acc1/DMA (2)")) == Names{"read", "end"});
    CHECK(d.on("acc1/DMA")[0].notes.at("transaction") == "x1");
    CHECK(d.on("acc1/DMA")[0].notes.at("address") == "0x5000");
}

TEST_CASE("levels are counters, and states stand from one to the next and to the end of the run", "[observe]") {
    TimelineBench b;
    b.say(1'000, base::LevelChanged{"smmu.cmdq.depth", 3});
    b.say(1'000, base::StateChanged{"acc0.queue1", "running"});
    b.say(6'000, base::StateChanged{"acc0.queue1", "stopped"});
    const Decoded d = b.written(9'000);
    const auto level = d.on("smmu/cmdq.depth");
    REQUIRE(level.size() == 1);
    CHECK(level[0].notes.at("value") == "3");
    const auto states = d.on("acc0/queue1 (state)");
    CHECK(names(states) == Names{"running", "end", "stopped", "end"});
    CHECK(states[3].ns == 9);
}

TEST_CASE("outside its windows a timeline keeps nothing, and a window reaches back", "[observe]") {
    const WaveWindow window{.everything = false, .before = sim::Duration::ps(2'000), .after = sim::Duration::ps(3'000)};
    TimelineBench b(window);
    b.span("acc0", "long before", 1'000, 2'000);
    b.span("acc0", "just before", 8'000, 9'000);
    b.trigger(10'000, 1);
    b.span("acc0", "inside", 10'000, 12'000);
    b.span("acc0", "long after", 20'000, 21'000);
    CHECK(names(b.written().on("acc0/acc0")) == Names{"just before", "end", "inside", "end"});
}

TEST_CASE("a teardown has its milestones as instants and its quiesce latency as a slice", "[observe]") {
    TimelineBench b;
    Teardown t;
    t.bond = BondId{1}, t.process = "app0", t.device = "acc0", t.trigger = "kill", t.t0 = sim::Time::ps(5'000);
    t.quiesce = sim::Duration::ps(4'000);
    t.milestones = {{"block", sim::Time::ps(7'000)}, {"stop", sim::Time::ps(9'000)}, {"mmput", sim::Time::ps(12'000)}};
    std::ostringstream out;
    b.timeline.write(out, {t}, sim::Time::ps(20'000));
    const Decoded d(out.str());
    d.check_balance();
    CHECK(names(d.on("teardowns/t0: kill of app0 on acc0, bond 1, PASID 0")) ==
          Names{"kill of app0 on acc0, bond 1, PASID 0", "quiesce", "block", "end", "stop", "end", "mmput"});
}
