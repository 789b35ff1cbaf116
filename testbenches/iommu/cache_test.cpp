// SPDX-License-Identifier: Apache-2.0
/// The tagged cache against a plain list.
#include "iommu/cache.h"

#include "base/property.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <optional>
#include <vector>

using namespace quiesce;
using namespace quiesce::iommu;

namespace {

constexpr u64 size_of[] = {4096, 16384, 2 << 20, 1 << 30};

Tag page_tag(u32 domain, u32 space, u64 at, u64 bytes = page_size, bool global = false) {
    Tag t{};
    t.kind = CacheKind::Translation;
    t.domain = DomainTag{domain};
    t.space = SpaceTag{space};
    t.at = Iova{at}.align_down(bytes);
    t.bytes = bytes;
    t.global = global;
    return t;
}
Tag stream_tag(u32 stream, std::optional<u32> pasid) {
    Tag t{};
    t.kind = CacheKind::Configuration;
    t.stream = StreamId{stream};
    t.has_pasid = pasid.has_value();
    t.pasid = Pasid{pasid.value_or(0)};
    return t;
}

/// What the cache is supposed to be: a list that is searched from end to end.
struct ListModel {
    struct Entry {
        Tag tag;
        int value;
    };
    std::vector<Entry> entries;

    static bool same_place(const Tag& a, const Tag& b) {
        return a.domain == b.domain && a.global == b.global && (a.global || a.space == b.space) && a.at == b.at &&
               a.bytes == b.bytes;
    }
    void insert(const Tag& tag, int value) {
        std::erase_if(entries, [&](const Entry& e) { return same_place(e.tag, tag); });
        entries.push_back({tag, value});
    }
    const Entry* look_up(const Tag& wanted) const {
        const Entry* best = nullptr;
        for (const bool global : {false, true}) {
            for (const Entry& e : entries) {
                if (e.tag.global != global || e.tag.domain != wanted.domain || (!global && e.tag.space != wanted.space))
                    continue;
                if (wanted.at.value() - e.tag.at.value() >= e.tag.bytes) continue;
                if (best == nullptr || e.tag.bytes < best->tag.bytes) best = &e;
            }
            if (best != nullptr) break;
        }
        return best;
    }
    template <class P> std::size_t erase_if(P gone) {
        return std::erase_if(entries, [&](const Entry& e) { return gone(e.tag); });
    }
};

/// Everything in the cache is in the list, and what the list has more is what was evicted: forget it there too.
template <class C> std::size_t forget_evicted(ListModel& model, const C& cache) {
    std::vector<ListModel::Entry> left;
    bool known = true;
    cache.for_each([&](const Tag& tag, int value) {
        const auto e = std::find_if(model.entries.begin(), model.entries.end(), [&](const auto& m) {
            return ListModel::same_place(m.tag, tag) && m.value == value;
        });
        known = known && e != model.entries.end();
        left.push_back({tag, value});
    });
    RC_ASSERT(known);
    RC_ASSERT(left.size() == cache.size());
    const std::size_t forgotten = model.entries.size() - left.size();
    model.entries = std::move(left);
    return forgotten;
}

Tag any_tag() {
    const u64 at = *rc::gen::element<u64>(0, 0x20'0000, 0x4000'0000, 0xffff'ffff'ffe0'0000) +
                   *rc::gen::inRange<u64>(0, 24) * page_size;
    const bool global = *rc::gen::inRange(0, 8) == 0;
    return page_tag(*rc::gen::inRange(0u, 2u), *rc::gen::inRange(0u, 3u), at, size_of[*rc::gen::inRange(0, 4)], global);
}

Scope any_scope() {
    Scope s;
    s.in = static_cast<u8>(*rc::gen::element(2, 7, 2, 7, 1));
    if (*rc::gen::inRange(0, 4) != 0) s.domain = DomainTag{*rc::gen::inRange(0u, 2u)};
    if (*rc::gen::inRange(0, 4) != 0) s.space = SpaceTag{*rc::gen::inRange(0u, 3u)};
    if (*rc::gen::inRange(0, 4) != 0)
        s.range =
            IovaRange{any_tag().at, *rc::gen::element<u64>(0, 1, page_size, 8 * page_size, 64 * page_size, 4 << 20)};
    s.leaf_only = *rc::gen::arbitrary<bool>();
    s.spare_global = *rc::gen::arbitrary<bool>();
    return s;
}

void compare_with_list(const Geometry& g, unsigned steps) {
    Cache<int> cache(CacheKind::Translation, g, "cache");
    ListModel model;
    std::size_t evicted = 0;
    for (unsigned step = 0; step < steps; ++step) {
        const int what = *rc::gen::inRange(0, 20);
        if (what < 10) {
            const Tag t = any_tag();
            cache.insert(t, static_cast<int>(step));
            model.insert(t, static_cast<int>(step));
            evicted += forget_evicted(model, cache);
        } else if (what < 17) {
            Tag wanted = any_tag();
            wanted.at = wanted.at + *rc::gen::inRange<u64>(0, 8192);
            const ListModel::Entry* expected = model.look_up(wanted);
            const int* found = cache.look_up(wanted);
            RC_ASSERT((found == nullptr) == (expected == nullptr));
            if (found != nullptr) RC_ASSERT(*found == expected->value);
        } else if (what < 19) {
            const Scope s = any_scope();
            RC_ASSERT(cache.erase(s) == model.erase_if([&](const Tag& t) { return covers(s, t); }));
            RC_ASSERT(forget_evicted(model, cache) == 0u);
        } else {
            const u64 odd = *rc::gen::inRange<u64>(0, 2);
            const auto gone = [&](const Tag& t) { return (t.at.page_number() & 1) == odd; };
            RC_ASSERT(cache.erase_if(gone) == model.erase_if(gone));
            RC_ASSERT(forget_evicted(model, cache) == 0u);
        }
    }
    RC_ASSERT(cache.counts().evictions == evicted);
}

} // namespace

TEST_CASE("a cache finds and erases what a plain list would, whatever its shape and page sizes",
          "[iommu][cache][property]") {
    testbench::holds(
        [] {
            const unsigned ways = 1u << *rc::gen::inRange(0, 4);
            const unsigned sets = 1u << *rc::gen::element(0, 1, 3, 7);
            const auto policy = static_cast<Replacement>(*rc::gen::inRange(0, 3));
            compare_with_list({ways * sets, ways, policy}, *rc::gen::inRange(1u, 120u));
        },
        400);
}

TEST_CASE("an entry of 2 MiB is found from every address inside it and from none outside", "[iommu][cache]") {
    Cache<int> c(CacheKind::Translation, {64, 4});
    c.insert(page_tag(1, 1, 0x4020'0000, 2 << 20), 5);
    CHECK(c.look_up(page_tag(1, 1, 0x4020'0000)) != nullptr);
    CHECK(c.look_up(page_tag(1, 1, 0x403f'ffff)) != nullptr);
    CHECK(c.look_up(page_tag(1, 1, 0x401f'ffff)) == nullptr);
    CHECK(c.look_up(page_tag(1, 1, 0x4040'0000)) == nullptr);
    CHECK(c.counts().hits == 2);
    CHECK(c.counts().misses == 2);
}

TEST_CASE("the smaller of two overlapping entries is the one found", "[iommu][cache]") {
    Cache<int> c(CacheKind::Walk, {64, 4});
    Tag wide = page_tag(1, 1, 0x4000'0000, 1 << 30), narrow = page_tag(1, 1, 0x4020'0000, 2 << 20);
    wide.kind = narrow.kind = CacheKind::Walk;
    c.insert(narrow, 2);
    c.insert(wide, 1);
    CHECK(*c.look_up(page_tag(1, 1, 0x4020'1000)) == 2);
    CHECK(*c.look_up(page_tag(1, 1, 0x4040'1000)) == 1);
}

TEST_CASE("a global entry is found in every space of its domain and in no other domain", "[iommu][cache]") {
    Cache<int> c(CacheKind::Translation, {64, 4});
    c.insert(page_tag(1, 1, 0x1000, page_size, true), 5);
    CHECK(c.look_up(page_tag(1, 2, 0x1000)) != nullptr);
    CHECK(c.look_up(page_tag(2, 1, 0x1000)) == nullptr);
}

TEST_CASE("a context without pasid and one with pasid 0 are two entries", "[iommu][cache]") {
    Cache<int> c(CacheKind::Configuration, {64, 4});
    c.insert(stream_tag(3, std::nullopt), 1);
    c.insert(stream_tag(3, 0), 2);
    c.insert(stream_tag(3, 0xf'ffff), 3);
    CHECK(*c.look_up(stream_tag(3, std::nullopt)) == 1);
    CHECK(*c.look_up(stream_tag(3, 0)) == 2);
    CHECK(*c.look_up(stream_tag(3, 0xf'ffff)) == 3);
    CHECK(c.look_up(stream_tag(4, 0)) == nullptr);
}

TEST_CASE("what is known of a whole stream is an entry beside those of its pasids", "[iommu][cache]") {
    Cache<int> c(CacheKind::Configuration, {64, 4});
    Tag whole = stream_tag(3, std::nullopt);
    whole.whole_stream = true;
    c.insert(stream_tag(3, std::nullopt), 1);
    CHECK(c.look_up(whole) == nullptr);
    c.insert(whole, 2);
    CHECK(*c.look_up(whole) == 2);
    CHECK(*c.look_up(stream_tag(3, std::nullopt)) == 1);
}

TEST_CASE("round-robin evicts in the order of filling, LRU what was used longest ago", "[iommu][cache]") {
    for (const Replacement policy : {Replacement::RoundRobin, Replacement::Lru}) {
        Cache<int> c(CacheKind::Translation, {4, 4, policy});
        for (u64 n = 0; n < 4; ++n) c.insert(page_tag(1, 1, n * page_size), 0);
        CHECK(c.look_up(page_tag(1, 1, 0)) != nullptr);
        c.insert(page_tag(1, 1, 9 * page_size), 0);
        CHECK((c.peek(page_tag(1, 1, 0)) != nullptr) == (policy == Replacement::Lru));
        CHECK((c.peek(page_tag(1, 1, page_size)) != nullptr) == (policy == Replacement::RoundRobin));
        CHECK(c.counts().evictions == 1);
        CHECK(c.size() == 4);
    }
}

TEST_CASE("a fully associative cache has any number of entries, and evicts in turn", "[iommu][cache]") {
    Cache<int> c(CacheKind::Translation, {6, 6});
    for (u64 n = 0; n < 8; ++n) c.insert(page_tag(1, 1, n * page_size), 0);
    CHECK(c.size() == 6);
    CHECK(c.counts().evictions == 2);
    for (u64 n = 0; n < 8; ++n) CHECK((c.peek(page_tag(1, 1, n * page_size)) != nullptr) == (n >= 2));
}

TEST_CASE("sets are a power of two of whole ways", "[iommu][cache]") {
    CHECK(Geometry{116, 116}.is_whole());
    CHECK(Geometry{6, 8}.is_whole()); // fully associative
    CHECK(Geometry{24, 3}.is_whole());
    CHECK_FALSE(Geometry{24, 4}.is_whole()); // six sets
    CHECK_FALSE(Geometry{18, 4}.is_whole());
    Cache<int> c(CacheKind::Translation, {24, 3});
    for (u64 n = 0; n < 64; ++n) c.insert(page_tag(1, 1, n * page_size), 0);
    CHECK(c.size() == 24);
}

TEST_CASE("random replacement draws the same victims in every run", "[iommu][cache]") {
    const auto survivors = [] {
        Cache<int> c(CacheKind::Translation, {8, 8, Replacement::Random}, "smmu0.tlb");
        for (u64 n = 0; n < 100; ++n) c.insert(page_tag(1, 1, n * page_size), static_cast<int>(n));
        std::vector<int> v;
        c.for_each([&](const Tag&, int value) { v.push_back(value); });
        return v;
    };
    CHECK(survivors() == survivors());
    CHECK(survivors().size() == 8);
    CHECK(survivors() != std::vector<int>{96, 97, 98, 99, 92, 93, 94, 95});
}

TEST_CASE("filling the same place again replaces the value and evicts nothing", "[iommu][cache]") {
    Cache<int> c(CacheKind::Translation, {2, 2});
    for (int n = 0; n < 5; ++n) c.insert(page_tag(1, 1, 0x1000), n);
    CHECK(*c.look_up(page_tag(1, 1, 0x1000)) == 4);
    CHECK(c.size() == 1);
    CHECK(c.counts().evictions == 0);
}

TEST_CASE("more ways than entries are as many as entries", "[iommu][cache]") {
    Cache<int> c(CacheKind::Translation, {4, 64});
    CHECK(c.capacity() == 4);
    CHECK(c.ways() == 4);
}
