// SPDX-License-Identifier: Apache-2.0
/// covers(), the one predicate behind every invalidation, against a statement of the same rules by enumeration.
#include "iommu/context.h"

#include <catch2/catch.hpp>

#include <sstream>
#include <vector>

using namespace quiesce;
using namespace quiesce::iommu;

namespace {

constexpr CacheKind kinds[] = {CacheKind::Configuration, CacheKind::Translation, CacheKind::Walk,
                               CacheKind::StreamEntry, CacheKind::PasidEntry};
constexpr u8 all_kinds = 31;

/// Nothing set and every value that matters, for each part of a scope.
template <class T> std::vector<std::optional<T>> or_any(std::initializer_list<T> values) {
    std::vector<std::optional<T>> v{std::nullopt};
    v.insert(v.end(), values.begin(), values.end());
    return v;
}

/// By going through every page of both, in a space of 16 pages around the place of interest.
bool share_a_page(const IovaRange& range, const Tag& t, u64 first_page) {
    for (u64 page = first_page; page != first_page + 16; ++page) {
        const bool in_range =
            page >= range.first.page_number() && page < range.first.page_number() + range.bytes / page_size;
        const bool in_tag = page >= t.at.page_number() && page < t.at.page_number() + t.bytes / page_size;
        if (in_range && in_tag) return true;
    }
    return false;
}

/// Which spaces' entries an address-space scope reaches. Global entries belong to all spaces: a scope by address takes
/// them along unless told not to, a scope of a whole space leaves them (IHI 0070 4.4.2: TLBI by ASID leaves global
/// entries).
bool space_reached(const Scope& s, const Tag& t) {
    if (!s.space.has_value()) return true;
    if (!t.global) return raw(*s.space) == raw(t.space);
    if (!s.range.has_value()) return false;
    return !s.spare_global;
}

bool address_entry_hit(const Scope& s, const Tag& t, u64 first_page) {
    bool hit = true;
    const bool any_domain = s.domain_bits == ~1u; // of the two that there are here
    if (s.domain.has_value() && !any_domain) hit = hit && raw(*s.domain) == raw(t.domain);
    if (s.spare_intermediate) hit = hit && t.space != intermediate;
    hit = hit && space_reached(s, t);
    if (s.leaf_only) hit = hit && t.leaf;
    if (s.range.has_value()) hit = hit && share_a_page(*s.range, t, first_page);
    return hit;
}

bool configuration_entry_hit(const Scope& s, const Tag& t) {
    bool stream_hit = !s.stream.has_value();
    for (u64 n = 0; s.stream.has_value() && n < s.streams; ++n)
        stream_hit = stream_hit || raw(*s.stream) + n == raw(t.stream);
    const u32 own = t.has_pasid ? raw(t.pasid) : 0;
    if (t.whole_stream)
        return stream_hit && !s.pasid.has_value(); // what was learned of it rests on no PASID's structures
    return stream_hit && (!s.pasid.has_value() || raw(*s.pasid) == own);
}

bool kind_named(const Scope& s, CacheKind k) {
    switch (k) {
    case CacheKind::Configuration: return s.in % 2 == 1;
    case CacheKind::Translation: return s.in / 2 % 2 == 1;
    case CacheKind::Walk: return s.in / 4 % 2 == 1;
    case CacheKind::StreamEntry: return s.in / 8 % 2 == 1;
    case CacheKind::PasidEntry: return s.in / 16 % 2 == 1;
    }
    return false;
}

std::vector<Scope> address_scopes(u64 first_page) {
    std::vector<Scope> all;
    const Iova base{first_page * page_size};
    const auto ranges = or_any<IovaRange>({{base + 3 * page_size, page_size},
                                           {base + 4 * page_size, 4 * page_size},
                                           {base + 2 * page_size, 9 * page_size},
                                           {base + 14 * page_size, 2 * page_size}});
    for (unsigned in = 0; in < 8; ++in)
        for (const auto& domain : or_any<DomainTag>({DomainTag{0}, DomainTag{1}}))
            for (const auto& space : or_any<SpaceTag>({SpaceTag{0}, intermediate}))
                for (const auto& range : ranges)
                    for (unsigned flags = 0; flags < 16; ++flags) {
                        Scope s;
                        s.in = static_cast<u8>(in);
                        s.domain = domain;
                        s.space = space;
                        s.range = range;
                        s.leaf_only = (flags & 1) != 0;
                        s.spare_global = (flags & 2) != 0;
                        s.spare_intermediate = (flags & 4) != 0;
                        if ((flags & 8) != 0) s.domain_bits = ~1u; // domains 0 and 1 are taken for one
                        all.push_back(s);
                    }
    return all;
}

std::vector<Tag> address_tags(u64 first_page) {
    std::vector<Tag> all;
    constexpr struct { u64 page, pages; } places[] = {{0, 1}, {3, 1}, {4, 1}, {4, 4}, {8, 8}, {15, 1}};
    for (CacheKind kind : {CacheKind::Translation, CacheKind::Walk})
        for (const auto& place : places)
            for (unsigned bits = 0; bits < 16; ++bits) {
                Tag t{};
                t.kind = kind;
                t.domain = DomainTag{bits & 1};
                t.space = (bits & 2) != 0 ? intermediate : SpaceTag{0};
                t.global = (bits & 4) != 0;
                t.leaf = (bits & 8) != 0;
                t.at = Iova{(first_page + place.page) * page_size};
                t.bytes = place.pages * page_size;
                all.push_back(t);
            }
    return all;
}

} // namespace

TEST_CASE("covers agrees with the enumerated rules for every address scope and entry", "[iommu][covers]") {
    // The second place ends at the top of the 64-bit space, where sums wrap.
    const u64 first_page = GENERATE(u64{0x400}, (~u64{0} >> 12) - 15);
    u64 compared = 0, hits = 0, wrong = 0;
    for (const Scope& s : address_scopes(first_page))
        for (const Tag& t : address_tags(first_page)) {
            const bool expected = kind_named(s, t.kind) && address_entry_hit(s, t, first_page);
            ++compared;
            hits += expected;
            wrong += covers(s, t) != expected;
        }
    CHECK(wrong == 0);
    CHECK(compared == 8u * 3 * 3 * 5 * 16 * 2 * 6 * 16);
    CHECK(hits > compared / 50); // neither all true nor all false
    CHECK(hits < compared / 2);
}

TEST_CASE("covers agrees with the enumerated rules for every configuration scope and entry", "[iommu][covers]") {
    u64 compared = 0, hits = 0, wrong = 0;
    for (unsigned in = 0; in < 8; ++in)
        for (const auto& stream : or_any<StreamId>({StreamId{0}, StreamId{2}, StreamId{0xffff'fffe}}))
            for (const u64 streams : {u64{1}, u64{2}, u64{4}})
                for (const auto& pasid : or_any<Pasid>({Pasid{0}, Pasid{1}}))
                    for (const u32 of : {0u, 1u, 2u, 3u, 5u, 6u, 0xffff'fffdu, 0xffff'fffeu, 0xffff'ffffu})
                        for (unsigned tagged = 0; tagged < 4; ++tagged) {
                            Scope s;
                            s.in = static_cast<u8>(in);
                            s.stream = stream;
                            s.streams = streams;
                            s.pasid = pasid;
                            Tag t{};
                            t.kind = CacheKind::Configuration;
                            t.stream = StreamId{of};
                            t.has_pasid = tagged == 1 || tagged == 2;
                            t.pasid = Pasid{tagged == 2 ? 1u : 0u};
                            t.whole_stream = tagged == 3;
                            const bool expected = kind_named(s, t.kind) && configuration_entry_hit(s, t);
                            ++compared;
                            hits += expected;
                            wrong += covers(s, t) != expected;
                        }
    CHECK(wrong == 0);
    CHECK(hits > compared / 20);
    CHECK(hits < compared / 2);
}

TEST_CASE("a scope that names no cache covers nothing, one that names all and says no more covers everything",
          "[iommu][covers]") {
    for (CacheKind kind : kinds) {
        Tag t{};
        t.kind = kind;
        t.leaf = kind != CacheKind::Walk;
        t.global = kind == CacheKind::Translation;
        Scope s;
        CHECK_FALSE(covers(s, t));
        s.in = all_kinds;
        CHECK(covers(s, t));
    }
}

TEST_CASE("a range of intermediate addresses takes all of the domain that is not intermediate", "[iommu][covers]") {
    Scope s;
    s.in = bit_of(CacheKind::Translation) | bit_of(CacheKind::Walk);
    s.domain = DomainTag{1};
    s.range = IovaRange{Iova{0x5000}, page_size};
    s.leaf_only = true;
    s.intermediate_range = true;
    Tag t{};
    t.kind = CacheKind::Translation;
    t.domain = DomainTag{1};
    t.space = SpaceTag{3};
    t.at = Iova{0x9000};
    CHECK(covers(s, t));
    t.space = intermediate;
    CHECK_FALSE(covers(s, t));
    t.at = Iova{0x5000};
    CHECK(covers(s, t));
    t.leaf = false;
    CHECK_FALSE(covers(s, t));
    t.space = SpaceTag{3};
    t.domain = DomainTag{2};
    CHECK_FALSE(covers(s, t));
}

TEST_CASE("bits of the stream that do not count are of every value", "[iommu][covers]") {
    Scope s;
    s.in = bit_of(CacheKind::StreamEntry);
    s.stream = StreamId{0x18 & ~6u};
    s.stream_bits = ~6u;
    Tag t{};
    t.kind = CacheKind::StreamEntry;
    for (u32 stream = 0x10; stream < 0x28; ++stream) {
        t.stream = StreamId{stream};
        CHECK(covers(s, t) == (stream == 0x18 || stream == 0x1a || stream == 0x1c || stream == 0x1e));
    }
}

TEST_CASE("a scope of a configuration's domain reaches what leads there, whoever asks, and no translations apart",
          "[iommu][covers]") {
    Scope s;
    s.in = bit_of(CacheKind::Configuration) | bit_of(CacheKind::PasidEntry);
    s.configuration_domain = DomainTag{7};
    s.pasid = Pasid{3};
    Tag t{};
    t.kind = CacheKind::PasidEntry;
    t.stream = StreamId{4};
    t.has_pasid = true;
    t.pasid = Pasid{3};
    t.domain = DomainTag{7};
    CHECK(covers(s, t));
    t.kind = CacheKind::Configuration;
    t.has_pasid = false; // it has none, and 3 stands for that
    CHECK(covers(s, t));
    t.domain = DomainTag{8};
    CHECK_FALSE(covers(s, t));
    t.domain = DomainTag{7};
    t.pasid = Pasid{0};
    CHECK_FALSE(covers(s, t));
    t.pasid = Pasid{3};
    t.whole_stream = true;
    CHECK_FALSE(covers(s, t));
}

TEST_CASE("address parts of a scope do not narrow what it says of configuration, nor the reverse", "[iommu][covers]") {
    Scope s;
    s.in = all_kinds;
    s.domain = DomainTag{1};
    s.space = SpaceTag{1};
    s.range = IovaRange{Iova{0x5000}, page_size};
    Tag configuration{};
    configuration.kind = CacheKind::Configuration;
    CHECK(covers(s, configuration));

    Scope by_stream;
    by_stream.in = 7;
    by_stream.stream = StreamId{4};
    by_stream.pasid = Pasid{2};
    Tag page{};
    page.kind = CacheKind::Translation;
    CHECK(covers(by_stream, page));
}
