// SPDX-License-Identifier: Apache-2.0
/// Two stages in the neutral core: what a walk of both costs, what each cache keeps of it, and what invalidations of
/// intermediate addresses reach.
#include "iommu/core_bench.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

namespace {

/// Intermediate addresses are memory's own, in a second stage of the same plain format.
struct SecondBench : CoreBench {
    Spa below = tables.take_table();
    SecondBench() {
        Context& c = context();
        c.second.root.present = true;
        c.second.root.format = &plain::format;
        c.second.root.table = below;
        expose(root);
    }
    Context& context() { return architecture.contexts[{1, 5}]; }
    void expose(Spa what, u64 bits = plain::rwu) {
        tables.map(below, Iova{what.align_down(page_size).value()}, what.align_down(page_size), bits);
    }
    /// Maps a page in the first stage and lets it see its tables.
    void map_first(Iova where, Spa to) {
        tables.map(root, where, to);
        for (unsigned level = 1; level <= 3; ++level) expose(tables.entry(root, where, level));
    }
    Duration second_lookup() { return config.walker.second_lookup.get(); }
    Scope of_intermediate(Spa where) {
        Scope s = scope_of_page(intermediate, Iova{where.value()}, false);
        s.spare_global = true;
        return s;
    }
    u64 walked_entries() { return agent().walker().entries_read(); }
};

constexpr Spa page_there{0x8000'1000};

} // namespace

TEST_CASE("a cold walk of both stages reads each first-stage entry through the second, then the page",
          "[iommu][second]") {
    SecondBench b;
    b.map_first(at, page_there);
    b.expose(page_there);
    Transfer& cold = b.once(b.request(at + 0x40));
    CHECK(cold.got.to == page_there + 0x40);
    // Tables stand side by side: the first address costs four entries of the second stage, each of the other three
    // tables one (their pointers are kept), the page, in another gigabyte, three.
    const unsigned entries = 4 /* first */ + 4 + 3 * 1 + 3;
    CHECK(b.walked_entries() == entries);
    CHECK(cold.took == b.hit_time() + b.architecture.resolve_time + b.entry_time() * entries +
                           b.config.walker.cache_lookup.get() * 6 + b.second_lookup() * 5);
    CHECK(b.once(b.request(at + 0x80)).took == b.hit_time());
}

TEST_CASE("a neighbouring page finds its tables in both caches", "[iommu][second]") {
    SecondBench b;
    b.map_first(at, page_there);
    b.tables.map(b.root, other, page_there + page_size);
    b.expose(page_there);
    b.expose(page_there + page_size);
    b.warm(at);
    const u64 before = b.walked_entries();
    Transfer& next = b.once(b.request(other));
    CHECK(next.got.to == page_there + page_size);
    CHECK(b.walked_entries() - before == 2); // its entry, and its page in the second stage
    CHECK(next.took ==
          b.hit_time() + b.config.walker.cache_lookup.get() * 2 + b.second_lookup() * 2 + b.entry_time() * 2);
}

TEST_CASE("the second stage's refusals name their stage, the use and the intermediate address", "[iommu][second]") {
    SecondBench b;
    b.map_first(at, page_there);
    SECTION("the page") {
        b.once(b.request(at + 0x40));
        const Fault& f = b.architecture.faults.at(0).fault;
        CHECK(f.why == FaultReason::NotMapped);
        CHECK(f.second_stage);
        CHECK(f.use == Intermediate::Input);
        CHECK(f.at == Gpa{page_there.value() + 0x40});
    }
    SECTION("a table, which translation requests read, too") {
        b.expose(page_there);
        const Spa entry = b.tables.entry(b.root, at, 2);
        b.expose(entry, plain::w);
        b.context().ats = DeviceTranslation::Whole;
        TranslationRequest r = b.request(at);
        r.type = GENERATE(AddressType::Untranslated, AddressType::TranslationRequest);
        b.once(r);
        REQUIRE(b.architecture.faults.size() == 1);
        const Fault& f = b.architecture.faults.at(0).fault;
        CHECK(f.why == FaultReason::Permission);
        CHECK(f.use == Intermediate::Table);
        CHECK(f.at == Gpa{entry.value()});
    }
}

TEST_CASE("an invalidation of an intermediate address empties the second stage's caches, not what both gave",
          "[iommu][second]") {
    SecondBench b;
    b.map_first(at, page_there);
    b.expose(page_there);
    b.warm(at);
    REQUIRE(b.agent().walker().intermediates().size() == 5);
    b.agent().invalidate(1, InvalidationKind::Translation, b.of_intermediate(page_there));
    b.settle();
    CHECK(b.agent().walker().intermediates().size() == 4);
    CHECK(b.once(b.request(at)).took == b.hit_time());
    b.agent().invalidate(2, InvalidationKind::Translation, scope_of_space(SpaceTag{9}));
    b.settle();
    CHECK(b.agent().walker().intermediates().size() == 4); // of no first-stage space
    const u64 before = b.walked_entries();
    CHECK(b.once(b.request(at)).got.to == page_there);
    // The first stage again, and the page: its pointers went with the range that they cover.
    CHECK(b.walked_entries() - before == 4 + 4);
}

TEST_CASE("a walk of both stages is overtaken by an invalidation of intermediate addresses of its domain only",
          "[iommu][second]") {
    const bool own = GENERATE(true, false);
    SecondBench b;
    b.map_first(at, page_there);
    b.expose(page_there);
    Transfer& t = b.begin(b.request(at));
    b.run(b.hit_time() + b.architecture.resolve_time + b.entry_time() * 6);
    Scope s = b.of_intermediate(page_there);
    if (!own) s.domain = DomainTag{2};
    b.agent().invalidate(1, InvalidationKind::Translation, s);
    b.settle();
    CHECK(t.got.to == page_there);
    CHECK(b.agent().replays() == (own ? 1 : 0));
}

TEST_CASE("without a first stage the second is all, and its pages are shared with walks of both", "[iommu][second]") {
    SecondBench b;
    b.map_first(at, page_there);
    b.expose(page_there);
    b.warm(at);
    Context alone;
    alone.bypass = true;
    alone.domain = DomainTag{1};
    alone.space = intermediate;
    alone.second = b.context().second;
    b.architecture.contexts[{1, 6}] = alone;
    const u64 before = b.walked_entries();
    CHECK(b.once(b.request(Iova{page_there.value() + 8}, iommu::Access::Read, 6)).got.to == page_there + 8);
    CHECK(b.walked_entries() == before); // found where the walk of both left it
    CHECK(b.once(b.request(Iova{page_there.value() + 8}, iommu::Access::Read, 6)).took == b.hit_time());
}
