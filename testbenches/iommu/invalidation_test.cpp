// SPDX-License-Identifier: Apache-2.0
/// The invalidation engine: what is applied when, and what an invalidation waits for before it is done.
#include "iommu/core_bench.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

namespace {

struct EngineBench {
    sim::Calendar calendar;
    base::EventBus bus{calendar.clock()};
    InFlightTracker inside;
    InvalidationConfig config;
    InvalidationEngine engine{"iommu0", bus, inside, config};
    Cache<int> contexts{CacheKind::Configuration, {64, 4}}, pages{CacheKind::Translation, {64, 4}},
        tables{CacheKind::Walk, {64, 4}};
    struct Event {
        bool done;
        u64 sequence;
        Time at;
    };
    std::vector<Event> log;
    base::Subscription begun = bus.subscribe<InvalidationBegun>([this](Time t, const InvalidationBegun& e) {
        log.push_back({false, e.sequence, t});
    });
    base::Subscription done = bus.subscribe<InvalidationDone>([this](Time t, const InvalidationDone& e) {
        log.push_back({true, e.sequence, t});
    });

    EngineBench() {
        for (CacheBase* c : std::initializer_list<CacheBase*>{&contexts, &pages, &tables}) engine.add(*c);
    }
    ~EngineBench() { calendar.shutdown(); }
    void fill(Cache<int>& c, unsigned n) {
        for (unsigned i = 0; i < n; ++i) {
            Tag t{};
            t.kind = c.kind();
            t.stream = StreamId{i};
            t.domain = DomainTag{1};
            t.space = SpaceTag{9};
            t.at = Iova{i * page_size};
            t.leaf = c.kind() == CacheKind::Translation;
            c.insert(t, 0);
        }
    }
    std::optional<Time> done_at(u64 sequence) const {
        for (const Event& e : log)
            if (e.done && e.sequence == sequence) return e.at;
        return std::nullopt;
    }
    Time at(Duration d) const { return Time::at(d); }
};

Tag page_of(u32 space) {
    Tag t{};
    t.kind = CacheKind::Translation;
    t.domain = DomainTag{1};
    t.space = SpaceTag{space};
    return t;
}

} // namespace

TEST_CASE("an invalidation takes its command time and one entry time for each entry removed", "[iommu][invalidation]") {
    EngineBench b;
    b.fill(b.pages, 5);
    b.fill(b.tables, 3);
    b.fill(b.contexts, 4);
    b.engine.begin(1, InvalidationKind::Translation, scope_of_space(SpaceTag{9}));
    b.calendar.run_until_idle();

    CHECK(b.pages.size() == 0);
    CHECK(b.tables.size() == 0);
    CHECK(b.contexts.size() == 4);
    REQUIRE(b.log.size() == 2);
    CHECK(b.log[0].at == Time{});
    CHECK(b.done_at(1) == b.at(b.config.per_command + b.config.per_entry * 8));
}

TEST_CASE("entries stay usable until the invalidation has reached the caches", "[iommu][invalidation]") {
    EngineBench b;
    b.fill(b.pages, 1);
    b.engine.begin(1, InvalidationKind::Translation, scope_of_space(SpaceTag{9}));
    b.calendar.run_until(b.at(b.config.per_command));
    CHECK(b.pages.size() == 1);
    CHECK(b.engine.applied() == 0);
    b.calendar.run_until(b.at(b.config.per_command + 1_ps));
    CHECK(b.pages.size() == 0);
    CHECK(b.engine.applied() == 1);
}

TEST_CASE("invalidations are applied one after the other and are done in that order", "[iommu][invalidation]") {
    EngineBench b;
    b.fill(b.contexts, 4);
    for (u64 n = 1; n <= 3; ++n)
        b.engine.begin(n, InvalidationKind::Configuration, scope_of_stream(StreamId{static_cast<u32>(n)}), 5_ns);
    CHECK(b.engine.outstanding() == 3);
    b.calendar.run_until_idle();
    const Duration one = b.config.per_command + 5_ns + b.config.per_entry.get();
    CHECK(b.done_at(1) == b.at(one));
    CHECK(b.done_at(2) == b.at(one * 2));
    CHECK(b.done_at(3) == b.at(one * 3));
    CHECK(b.contexts.size() == 1);
    CHECK(b.engine.outstanding() == 0);
}

TEST_CASE("an invalidation is done when the last older transaction ends, whatever younger ones do",
          "[iommu][invalidation]") {
    EngineBench b;
    InFlight older = b.inside.begin();
    b.engine.begin(1, InvalidationKind::Translation, scope_of_space(SpaceTag{9}));
    b.calendar.run_until(b.at(b.config.per_command + 1_ps));
    InFlight younger = b.inside.begin();
    b.calendar.run_until(b.at(1_us));
    CHECK_FALSE(b.done_at(1));
    CHECK_FALSE(b.engine.finished(1));
    older = InFlight{};
    b.calendar.run_until(b.at(2_us));
    CHECK(b.done_at(1) == b.at(1_us));
    CHECK(b.engine.finished(1));
    CHECK(younger);
}

TEST_CASE("a transaction that begins while an invalidation is on its way counts as older", "[iommu][invalidation]") {
    EngineBench b;
    b.engine.begin(1, InvalidationKind::Translation, scope_of_space(SpaceTag{9}));
    b.calendar.run_until(b.at(b.config.per_command));
    InFlight t = b.inside.begin(); // the caches still have the entries
    b.calendar.run_until(b.at(1_us));
    CHECK_FALSE(b.engine.finished(1));
}

TEST_CASE("done comes in order even when a later invalidation has nothing to wait for", "[iommu][invalidation]") {
    EngineBench b;
    InFlight older = b.inside.begin();
    b.engine.begin(1, InvalidationKind::Translation, scope_of_space(SpaceTag{9}));
    b.engine.begin(2, InvalidationKind::Translation, scope_of_space(SpaceTag{9}));
    b.calendar.run_until(b.at(1_us));
    CHECK(b.engine.outstanding() == 2);
    older = InFlight{};
    b.calendar.run_until_idle();
    CHECK(b.done_at(1) == b.at(1_us));
    CHECK(b.done_at(2) == b.at(1_us));
    CHECK(b.log[2].sequence == 1);
}

TEST_CASE("a look-up is overtaken by scopes applied after it that cover it, and by no others",
          "[iommu][invalidation]") {
    EngineBench b;
    const auto apply = [&](SpaceTag space) {
        b.engine.begin(1, InvalidationKind::Translation, scope_of_space(space));
        b.calendar.run_until_idle();
    };
    apply(SpaceTag{9});
    const u64 since = b.engine.applied();
    CHECK_FALSE(b.engine.overtaken(since, page_of(9)));
    apply(SpaceTag{8});
    CHECK_FALSE(b.engine.overtaken(since, page_of(9)));
    CHECK(b.engine.overtaken(since, page_of(8)));
    apply(SpaceTag{9});
    CHECK(b.engine.overtaken(since, page_of(9)));
    CHECK_FALSE(b.engine.overtaken(b.engine.applied(), page_of(9)));
}

TEST_CASE("a look-up older than the journal counts as overtaken", "[iommu][invalidation]") {
    EngineBench b;
    for (u64 n = 1; n <= 256; ++n) b.engine.begin(n, InvalidationKind::Translation, scope_of_space(SpaceTag{8}));
    b.calendar.run_until_idle();
    CHECK_FALSE(b.engine.overtaken(0, page_of(9)));
    b.engine.begin(257, InvalidationKind::Translation, scope_of_space(SpaceTag{8}));
    b.calendar.run_until_idle();
    CHECK(b.engine.overtaken(0, page_of(9)));
    CHECK_FALSE(b.engine.overtaken(1, page_of(9)));
}

namespace {

/// A miss on one page, stopped when its last entry has been read but not yet judged, and the entry then changed.
struct MissBench : CoreBench {
    const Spa entry = tables.map(root, at, Spa{0x8000'1000});
    Transfer* first = nullptr;

    explicit MissBench(Duration until_applied) {
        config.walker.pte_check = 10_ns;
        config.invalidation.per_command = until_applied;
    }
    Duration miss_time() { return hit_time() + architecture.resolve_time + walk_time(4); }
    void change_under_the_walk() {
        first = &begin(request(at));
        run(miss_time() - config.walker.pte_check.get() + 1_ps);
        REQUIRE(memory.asked.size() == 4);
        tables.set(entry, 0x8000'2000 | plain::valid | plain::leaf | plain::accessed | plain::rwu);
        agent().invalidate(1, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, at, true));
    }
    const Leaf* kept() {
        Tag wanted{};
        wanted.kind = CacheKind::Translation;
        wanted.domain = DomainTag{1};
        wanted.space = SpaceTag{9};
        wanted.at = at;
        return agent().translations().peek(wanted);
    }
};

} // namespace

TEST_CASE("a walk overtaken by an invalidation does not fill the cache with the old page and is replayed",
          "[iommu][invalidation]") {
    MissBench b{1_ns};
    b.change_under_the_walk();
    b.run(b.config.walker.pte_check.get()); // the old entry has been judged
    CHECK_FALSE(b.first->answered);
    CHECK(b.kept() == nullptr);
    CHECK(b.agent().replays() == 1);
    b.settle();
    CHECK(b.first->got.to == Spa{0x8000'2000});
    REQUIRE(b.kept() != nullptr);
    CHECK(b.kept()->to == Spa{0x8000'2000});
    // From the configuration look-up on; a leaf-only scope does not cover the table pointers that were read before.
    CHECK(b.first->took == b.miss_time() + b.hit_time() + b.walk_time(1));
}

TEST_CASE("a walk that ends before the invalidation reaches the caches is used once and its page then removed",
          "[iommu][invalidation]") {
    MissBench b{11_ns};
    b.change_under_the_walk();
    b.run(b.config.walker.pte_check.get());
    CHECK(b.first->got.to == Spa{0x8000'1000});
    CHECK(b.kept() != nullptr);
    b.settle();
    CHECK(b.kept() == nullptr);
    CHECK(b.agent().replays() == 0);
}

TEST_CASE("whoever joins a walk that was overtaken before he came does not use its result", "[iommu][invalidation]") {
    MissBench b{1_ns};
    b.config.replays = 0; // the first transaction, older than the invalidation, uses what it has; the second must not
    b.config.config_lookup = Duration{};
    b.config.tlb_lookup = Duration{};
    b.change_under_the_walk();
    b.run(1_ns + 1_ps);
    REQUIRE(b.agent().invalidations().applied() == 1);
    Transfer& second = b.begin(b.request(at));
    REQUIRE(b.agent().walker().merged() == 1);
    b.settle();
    CHECK(b.first->got.to == Spa{0x8000'1000});
    CHECK(second.got.to == Spa{0x8000'2000});
    REQUIRE(b.kept() != nullptr);
    CHECK(b.kept()->to == Spa{0x8000'2000});
}

TEST_CASE("a fetch of a context that an invalidation overtook is not kept and is made again", "[iommu][invalidation]") {
    CoreBench b;
    b.config.invalidation.per_command = 1_ns;
    const Spa new_root = b.tables.take_table();
    b.tables.map(b.root, at, Spa{0x8000'1000});
    b.tables.map(new_root, at, Spa{0x8000'2000});
    b.agent();
    Transfer& t = b.begin(b.request(at));
    b.run(b.hit_time() + 10_ns); // the old structure has been sampled
    b.add_context(1, 5, new_root, SpaceTag{9});
    b.agent().invalidate(1, InvalidationKind::Configuration, scope_of_stream(StreamId{1}));
    b.settle();

    CHECK(t.got.to == Spa{0x8000'2000});
    CHECK(b.architecture.resolved == 2);
    CHECK(b.memory.asked.size() == 4); // no walk from the old context
    CHECK(t.took == (b.hit_time() + b.architecture.resolve_time) * 2 + b.walk_time(4));
}

TEST_CASE("a context looked up before an invalidation covered it does not decide how a later walk ends",
          "[iommu][invalidation]") {
    CoreBench b;
    b.config.invalidation.per_command = 1_ns;
    b.tables.map(b.root, at, Spa{0x8000'1000});
    b.warm(Iova{0x40'0000'2000}); // contexts and table pointers
    Transfer& t = b.begin(b.request(at));
    b.run(b.hit_time() + 1_ps); // it has its context and is walking
    b.architecture.contexts[{1, 5}].roots[0].disabled = true;
    b.agent().invalidate(1, InvalidationKind::Configuration, scope_of_stream(StreamId{1}));
    b.settle();
    CHECK(b.agent().replays() == 1);
    CHECK(b.architecture.resolved == 2);
    CHECK(t.took == b.hit_time() + b.walk_time(1) + b.hit_time() + b.architecture.resolve_time);
    CHECK(t.got.ending == Ending::Grant); // the page itself was not invalidated, and what is cached still hits
}

TEST_CASE("a stream of invalidations delays a transaction only for the configured number of replays",
          "[iommu][invalidation]") {
    CoreBench b;
    b.config.replays = 3;
    b.config.invalidation.per_command = 20_ns;
    b.tables.map(b.root, at, Spa{0x8000'1000});
    b.agent();
    for (u64 n = 1; n <= 200; ++n) b.agent().invalidate(n, InvalidationKind::Translation, scope_of_space(SpaceTag{9}));
    Transfer& t = b.begin(b.request(at));
    b.settle();
    CHECK(b.agent().replays() == 3);
    CHECK(t.got.ending == Ending::Grant);
    CHECK(t.took == b.architecture.resolve_time + (b.hit_time() + b.walk_time(4)) * 4);
    CHECK(b.agent().translations().size() == 0);
}

TEST_CASE("an invalidation is applied when the caches hold nothing of it any more, whoever is still under way", "[iommu][invalidation]") {
    EngineBench b;
    b.fill(b.pages, 5);
    InFlight held = b.inside.begin();
    std::optional<Time> applied, finished;
    auto wait = [](EngineBench& bench, std::optional<Time>& at, bool whole) -> sim::Task<void> {
        if (whole) co_await bench.engine.wait_finished(1);
        else co_await bench.engine.wait_applied(1);
        at = sim::now();
    };
    b.engine.begin(1, InvalidationKind::Translation, scope_of_space(SpaceTag{9}));
    sim::spawn(wait(b, applied, false));
    sim::spawn(wait(b, finished, true));
    b.calendar.run_until_idle();
    CHECK(applied == b.at(b.config.per_command + b.config.per_entry * 5));
    CHECK_FALSE(finished);
    held.end();
    b.calendar.run_until_idle();
    CHECK(finished);
}
