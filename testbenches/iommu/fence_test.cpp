// SPDX-License-Identifier: Apache-2.0
/// The fence: every way in which it could complete too early, and that it completes at the very instant the last reason
/// ends.
#include "iommu/core_bench.h"

#include "base/property.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

namespace {


struct FenceBench : CoreBench {
    std::deque<Ended> fences;
    Spa entry = tables.map(root, at, Spa{0x8000'1000});

    FenceBench() { tables.map(root, other, Spa{0x8000'3000}); }
    Ended& fence(u64 upto) {
        fences.emplace_back();
        sim::start(fences.back().note(agent().fence(upto)));
        return fences.back();
    }
    void invalidate(u64 sequence, SpaceTag space = SpaceTag{9}) {
        agent().invalidate(sequence, InvalidationKind::Translation, scope_of_space(space));
    }
    Duration miss_time() { return hit_time() + architecture.resolve_time + walk_time(4); }
};

} // namespace

TEST_CASE("a fence with nothing before it completes at once", "[iommu][fence]") {
    FenceBench b;
    CHECK(b.fence(7).done);
}

TEST_CASE("a fence completes when the last invalidation before it has been applied, not before", "[iommu][fence]") {
    FenceBench b;
    b.warm(at);
    const Time begun = sim::now();
    b.invalidate(1);
    b.invalidate(2);
    Ended& f = b.fence(2);
    const std::size_t removed = b.agent().translations().size() + b.agent().walker().cache().size();
    REQUIRE(removed == 4);
    b.settle();
    CHECK(f.at == begun + b.config.invalidation.per_command * 2 + b.config.invalidation.per_entry * 4);
}

TEST_CASE("a fence does not wait for invalidations after it", "[iommu][fence]") {
    FenceBench b;
    b.agent();
    const Time begun = sim::now();
    b.invalidate(1);
    Ended& f = b.fence(1);
    b.invalidate(2);
    b.settle();
    CHECK(f.at == begun + b.config.invalidation.per_command.get());
}

TEST_CASE("a fence is held by a walk that is reading its last entry, and completes when its transaction is over",
          "[iommu][fence]") {
    FenceBench b;
    b.config.invalidation.per_command = 1_ns;
    const Duration hold = 200_ns;
    Transfer& t = b.begin(b.request(at), hold);
    b.run(b.miss_time() - b.entry_time() + 1_ps); // the read of the last entry has just begun
    REQUIRE(b.memory.asked.size() == 4);
    b.invalidate(1);
    Ended& f = b.fence(1);
    b.run(b.entry_time() - 1_ps);
    CHECK(b.agent().invalidations().applied() == 1);
    CHECK_FALSE(f.done);
    b.settle();
    CHECK(b.agent().replays() == 1);
    CHECK(f.done);
    CHECK(f.at == t.committed);
    CHECK(t.committed == t.at + hold);
}

TEST_CASE("a fence is held by a walk even if no invalidation comes before it", "[iommu][fence]") {
    FenceBench b;
    Transfer& t = b.begin(b.request(at), 200_ns);
    b.run(b.miss_time() - b.entry_time() + 1_ps);
    Ended& f = b.fence(0);
    CHECK_FALSE(f.done);
    b.settle();
    CHECK(f.at == t.at); // the walk's end; the transaction used nothing that an earlier command removed
}

TEST_CASE("a fence is held by a structure fetch begun before it", "[iommu][fence]") {
    FenceBench b;
    b.agent();
    const Time begun = sim::now();
    b.begin(b.request(at));
    b.run(b.hit_time() + 1_ps);
    Ended& f = b.fence(0);
    b.settle();
    CHECK(f.at == begun + b.hit_time() + b.architecture.resolve_time);
}

TEST_CASE("a fence is held by a granted transaction until its access is globally observable", "[iommu][fence]") {
    FenceBench b;
    b.warm(at);
    const Duration hold = 500_ns;
    Transfer& t = b.begin(b.request(at), hold);
    b.run(b.hit_time() + 1_ps);
    REQUIRE(t.answered);
    b.invalidate(1);
    Ended& f = b.fence(1);
    b.run(hold - 2_ps);
    CHECK(b.agent().translations().size() == 0);
    CHECK_FALSE(f.done);
    b.settle();
    CHECK(f.at == t.committed);
    CHECK(t.committed == t.at + hold);
}

TEST_CASE("a fence does not wait for transactions that began after the invalidation was applied", "[iommu][fence]") {
    FenceBench b;
    b.warm(at);
    Transfer& older = b.begin(b.request(at), 300_ns);
    b.run(b.hit_time() + 1_ps);
    b.invalidate(1);
    b.run(50_ns);
    REQUIRE(b.agent().invalidations().applied() == 1);
    Transfer& younger = b.begin(b.request(at), 5_us);
    b.run(1_us);
    Ended& late = b.fence(1);
    CHECK(late.done);
    CHECK(older.committed < sim::now());
    b.settle();
    CHECK(younger.committed > late.at);
}

TEST_CASE("a fence waits until the fault of an older transaction has been dealt with", "[iommu][fence]") {
    FenceBench b;
    b.architecture.fault_time = 700_ns;
    b.warm(at);
    b.tables.set(b.entry, 0);
    b.invalidate(1);
    b.settle();
    Transfer& t = b.begin(b.request(at));
    b.run(b.hit_time() + b.walk_time(4) + 1_ps);
    REQUIRE(b.architecture.faults.size() == 1);
    b.invalidate(2);
    Ended& f = b.fence(2);
    b.settle();
    CHECK(t.got.ending == Ending::Abort);
    CHECK(f.at == t.at);
}

TEST_CASE("a stalled transaction holds up no fence and is translated anew when it is resumed", "[iommu][fence]") {
    FenceBench b;
    b.architecture.contexts[{1, 5}].on_fault.stall = true;
    b.architecture.ending = Ending::Grant; // resumed
    b.architecture.fault_time = 10_us;
    b.tables.set(b.entry, 0);
    b.agent();
    TranslationRequest r = b.request(at);
    r.may_stall = true;
    Transfer& t = b.begin(r);
    b.run(b.miss_time() + 1_ps);
    REQUIRE(b.architecture.faults.size() == 1);
    CHECK(b.agent().in_flight().inside() == 0);
    b.tables.map(b.root, at, Spa{0x8000'5000});
    const Time begun = sim::now();
    b.invalidate(1);
    Ended& f = b.fence(1);
    b.run(5_us);
    CHECK(f.at == begun + b.config.invalidation.per_command + b.config.invalidation.per_entry * 3);
    b.settle();
    CHECK(t.got.ending == Ending::Grant);
    CHECK(t.got.to == Spa{0x8000'5000});
}

TEST_CASE("a faulting transaction of a requester that cannot wait holds up a fence, whatever its context says",
          "[iommu][fence]") {
    FenceBench b;
    b.architecture.contexts[{1, 5}].on_fault.stall = true;
    b.architecture.fault_time = 10_us;
    b.tables.set(b.entry, 0);
    b.agent();
    Transfer& t = b.begin(b.request(at));
    b.run(b.miss_time() + 1_ps);
    REQUIRE(b.architecture.faults.size() == 1);
    CHECK(b.agent().in_flight().inside() == 1);
    b.invalidate(1);
    Ended& f = b.fence(1);
    b.settle();
    CHECK(t.got.ending == Ending::Abort);
    CHECK(f.at == t.at);
}

TEST_CASE("a fence waits for obligations of its own and earlier commands only", "[iommu][fence]") {
    FenceBench b;
    b.agent();
    Obligation first = b.agent().fences().owe(3), second = b.agent().fences().owe(5);
    Ended& early = b.fence(2);
    Ended& middle = b.fence(4);
    Ended& late = b.fence(5);
    CHECK(early.done);
    b.run(100_ns);
    CHECK_FALSE(middle.done);
    first.discharge();
    b.run(100_ns);
    CHECK(middle.at == Time::at(100_ns));
    CHECK_FALSE(late.done);
    second = Obligation{};
    b.settle();
    CHECK(late.at == Time::at(200_ns));
    CHECK(b.agent().fences().obligations() == 0);
}

TEST_CASE("an obligation that is moved is discharged once", "[iommu][fence]") {
    FenceBench b;
    Obligation a = b.agent().fences().owe(1);
    {
        const Obligation moved = std::move(a);
        CHECK(b.agent().fences().obligations() == 1);
    }
    a.discharge();
    CHECK(b.agent().fences().obligations() == 0);
}

TEST_CASE("a drain waits for what began before it and not for what comes after", "[iommu][fence]") {
    sim::Calendar calendar;
    InFlightTracker inside;
    Ended nothing, first, second;
    sim::start(nothing.note(inside.drain()));
    CHECK(nothing.done);
    InFlight a = inside.begin();
    sim::start(first.note(inside.drain()));
    InFlight b = inside.begin();
    sim::start(second.note(inside.drain()));
    InFlight c = inside.begin();
    b = InFlight{};
    calendar.run_until_idle();
    CHECK_FALSE(first.done);
    CHECK_FALSE(second.done); // the oldest is still inside
    a = InFlight{};
    calendar.run_until_idle();
    CHECK(first.done);
    CHECK(second.done);
    CHECK(inside.inside() == 1);
    calendar.shutdown();
}

namespace {

/// Random transactions over a few pages whose entries move, against random invalidations and fences.
struct Race {
    FenceBench& b;
    struct Use {
        Iova page;
        Time begun, translated, committed;
        Spa to;
    };
    std::deque<Use> uses{};
    unsigned broken = 0, fenced = 0;
    std::vector<Spa> entries{};
    std::vector<std::pair<Spa, Time>> forbidden{};
    u64 next_frame = 0x9'0000, sequence = 0;

    Iova page(u64 n) const { return at + n * page_size; }
    void map_all(u64 pages) {
        for (u64 n = 0; n < pages; ++n) entries.push_back(b.tables.map(b.root, page(n), Spa{next_frame++ << 12}));
    }
    Task<void> transaction(sim::Time from, Iova where, Duration hold) {
        co_await sim::until(from);
        uses.push_back({where, sim::now(), {}, Time::never(), {}});
        Use& u = uses.back();
        Translation t = co_await b.agent().translate(b.request(where));
        u.translated = sim::now();
        u.to = t.to;
        co_await sim::delay(hold);
        u.committed = sim::now();
    }
    /// As an operating system: change the entry, invalidate, fence; then nobody may be on his way to the old page or
    /// get there.
    Task<void> move_page(sim::Time from, u64 n, bool leaf_only) {
        co_await sim::until(from);
        const Spa old{b.memory.words[entries[n].value()] & ~u64{0xfff}};
        b.tables.set(entries[n], (next_frame++ << 12) | plain::valid | plain::leaf | plain::accessed | plain::rwu);
        const u64 mine = ++sequence;
        b.agent().invalidate(mine, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page(n), leaf_only));
        co_await b.agent().fence(mine);
        ++fenced;
        const Time now = sim::now();
        forbidden.push_back({old, now});
        for (const Use& u : uses)
            if (u.to == old && u.committed == Time::never()) ++broken;
    }
    void judge() {
        for (const auto& [frame, since] : forbidden)
            for (const Use& u : uses)
                if (u.to == frame && (u.translated > since || u.committed > since)) ++broken;
    }
};

} // namespace

TEST_CASE("after a fence nobody reaches the old page, in any interleaving of misses, hits, merges and replays",
          "[iommu][fence][property]") {
    const u64 seed = GENERATE(range(u64{1}, u64{25}));
    sim::Random random{seed, "race"};
    FenceBench b;
    b.config.tlb_entries = 8;
    b.config.walker.slots = static_cast<unsigned>(random.between(1, 4));
    b.config.replays = static_cast<unsigned>(random.below(3));
    b.config.invalidation.per_command = Duration::ps(static_cast<i64>(random.between(0, 40'000)));
    b.agent();
    Race race{b};
    race.map_all(6);
    const auto instant = [&] { return Time::ps(static_cast<i64>(random.below(20'000'000))); };
    for (unsigned n = 0; n < 400; ++n)
        sim::spawn(race.transaction(instant(), race.page(random.below(6)),
                                    Duration::ps(static_cast<i64>(random.below(600'000)))));
    for (unsigned n = 0; n < 60; ++n) sim::spawn(race.move_page(instant(), random.below(6), random.one_in(2)));
    b.settle();
    race.judge();
    CHECK(race.fenced == 60);
    CHECK(race.broken == 0);
    CHECK(race.uses.size() == 400);
    CHECK(b.agent().in_flight().inside() == 0);
    CHECK(b.agent().walker().slots().used() == 0);
    CHECK(b.agent().walker().merged() > 0);
}
