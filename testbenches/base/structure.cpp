// SPDX-License-Identifier: Apache-2.0
/// In-memory structures: fields stay with their owner, hold exactly their bits, and leave their neighbours alone.
#include "base/structure.h"

#include "base/address.h"
#include "base/property.h"

#include <map>
#include <string>
#include <vector>

using namespace quiesce;

namespace {

enum class StageConfig : u8 { Abort = 0, Bypass = 4, Stage1 = 5 };

struct Entry : Structure<Entry, 32> {
    static constexpr F<bool> Valid{"Valid", 0, 0};
    static constexpr F<StageConfig> Cfg{"Cfg", 3, 1};
    static constexpr FA<Spa> Table{"Table", 51, 6};
    static constexpr F<u8> Max{"Max", 63, 59};
    static constexpr F<Vmid> Domain{"Domain", 79, 64};
    static constexpr F<> Whole{"Whole", 191, 128};
    static constexpr FA<Spa> Second{"Second", 243, 196};
    static constexpr F<u32> Split{"Split", {{58, 56}, {95, 80}, {195, 192}}};
    static constexpr FA<Gpa> Moved{"Moved", 111, 96, 12};
    static constexpr auto fields = layout(Valid, Cfg, Table, Max, Domain, Whole, Second, Split, Moved);
    static_assert(disjoint(fields));
};
struct Other : Structure<Other, 32> {
    static constexpr F<bool> Valid{"Valid", 0, 0};
    static constexpr F<u8> Low{"Low", 7, 0};
    static constexpr F<u8> Clash{"Clash", 8, 7};
};

template <class S, class Field>
concept Gets = requires(const S& s, Field f) { s.get(f); };
template <class S, class Field, class V>
concept Sets = requires(S s, Field f, V v) { s.set(f, v); };
static_assert(Gets<Entry, decltype(Entry::Valid)> && !Gets<Entry, decltype(Other::Valid)>);
static_assert(Sets<Entry, decltype(Entry::Cfg), StageConfig> && !Sets<Entry, decltype(Entry::Cfg), int>);
static_assert(!Sets<Entry, decltype(Other::Valid), bool>);
static_assert(Sets<Entry, decltype(Entry::Table), Spa> && !Sets<Entry, decltype(Entry::Table), Gpa>);
static_assert(!Sets<Entry, decltype(Entry::Table), u64>);

template <class T, unsigned Msb, unsigned Lsb>
concept Declarable = requires { typename std::bool_constant<(Field<Entry, T, 256>{"f", Msb, Lsb}.width() > 0)>; };
template <unsigned Msb, unsigned Lsb, unsigned Lowest>
concept AddressDeclarable =
    requires { typename std::bool_constant<(AddressField<Entry, Spa, 256>{"f", Msb, Lsb, Lowest}.width() > 0)>; };

} // namespace

TEST_CASE("an impossible field does not compile", "[base]") {
    STATIC_REQUIRE(Declarable<u64, 63, 0>);
    STATIC_REQUIRE_FALSE(Declarable<u64, 64, 60>);  // straddles a word
    STATIC_REQUIRE_FALSE(Declarable<u64, 256, 250>); // outside
    STATIC_REQUIRE_FALSE(Declarable<u64, 3, 4>);
    STATIC_REQUIRE(Declarable<u8, 15, 8>);
    STATIC_REQUIRE_FALSE(Declarable<u8, 16, 8>); // wider than its type
    STATIC_REQUIRE_FALSE(Declarable<bool, 1, 0>);
    STATIC_REQUIRE(AddressDeclarable<111, 96, 48>);
    STATIC_REQUIRE_FALSE(AddressDeclarable<111, 96, 49>); // beyond address bit 63
}

TEST_CASE("overlapping fields are not disjoint", "[base]") {
    STATIC_REQUIRE(disjoint(layout(Other::Low)));
    STATIC_REQUIRE_FALSE(disjoint(layout(Other::Low, Other::Clash)));
    STATIC_REQUIRE_FALSE(disjoint(layout(Other::Low, Other::Valid)));
}

TEST_CASE("bit numbers are those of the whole little-endian structure", "[base]") {
    Entry entry;
    entry.set(Entry::Valid, true).set(Entry::Cfg, StageConfig::Stage1);
    entry.set(Entry::Max, 0x1f).set(Entry::Domain, Vmid{0xabcd});
    CHECK(entry.word(0) == 0xf800'0000'0000'000bull);
    CHECK(entry.word(1) == 0xabcd);
    const auto bytes = entry.to_bytes();
    CHECK(bytes[0] == std::byte{0x0b});
    CHECK(bytes[7] == std::byte{0xf8});
    CHECK(bytes[8] == std::byte{0xcd});
    CHECK(bytes[9] == std::byte{0xab});
    CHECK(Entry::from_bytes(bytes) == entry);
    CHECK_THROWS_AS(entry.word(4), std::out_of_range);
}

TEST_CASE("an address field keeps the address bits where they are", "[base]") {
    Entry entry;
    entry.set(Entry::Table, Spa{0x000f'1234'5678'9ac0}).set(Entry::Second, Spa{0x7'0000'0010});
    CHECK(entry.word(0) == 0x000f'1234'5678'9ac0ull);
    CHECK(entry.word(3) == 0x7'0000'0010ull);
    CHECK(entry.get(Entry::Table) == Spa{0x000f'1234'5678'9ac0});
    CHECK_THROWS_AS(entry.set(Entry::Table, Spa{0x20}), std::out_of_range);
    CHECK_THROWS_AS(entry.set(Entry::Table, Spa{u64{1} << 52}), std::out_of_range);

    entry.set(Entry::Moved, Gpa{0xabc'd000});
    CHECK(entry.word(1) == u64{0xabcd} << 32);
    CHECK(entry.get(Entry::Moved) == Gpa{0xabc'd000});
}

TEST_CASE("a split field is put together from its parts, least significant first", "[base]") {
    Entry entry;
    entry.set(Entry::Split, 0x7'9a5b); // 4 bits 0xf, 16 bits 0x34b, 3 bits 3: 1111 0011 0100 1011 011
    CHECK((entry.word(0) >> 56 & 7) == (0x7'9a5b & 7));
    CHECK((entry.word(1) >> 16 & 0xffff) == (0x7'9a5b >> 3 & 0xffff));
    CHECK((entry.word(3) & 0xf) == 0x7'9a5b >> 19);
    CHECK(entry.get(Entry::Split) == 0x7'9a5b);
    CHECK(Entry::Split.width() == 23);
}

TEST_CASE("a value that does not fit is refused and changes nothing", "[base]") {
    Entry entry;
    entry.set(Entry::Max, 3);
    const Entry before = entry;
    CHECK_THROWS_WITH(entry.set(Entry::Max, 32), Catch::Contains("Max"));
    CHECK(entry == before);
}

TEST_CASE("with() gives a changed copy and leaves the original", "[base]") {
    constexpr Entry entry;
    constexpr Entry changed = entry.with(Entry::Valid, true);
    STATIC_REQUIRE_FALSE(entry.get(Entry::Valid));
    STATIC_REQUIRE(changed.get(Entry::Valid));
    STATIC_REQUIRE(changed != entry);
    STATIC_REQUIRE(Entry::from_bytes(changed.to_bytes()) == changed); // the portable path, at compile time
}

TEST_CASE("setting a field reads back and touches no other bit", "[base][property]") {
    testbench::holds([](const std::array<u64, 4>& words, u64 value) {
        quiesce::base::apply([&](const auto&... field) {
            const auto one = [&](const auto& f) {
                const Entry before = Entry::from_words(words);
                using T = typename std::remove_cvref_t<decltype(f)>::value_type;
                // What fits this field: its own bits of an arbitrary structure.
                const T fitting = Entry::from_words({value, value, value, value}).get(f);
                const Entry after = before.with(f, fitting);
                RC_ASSERT(after.get(f) == fitting);
                for (unsigned w = 0; w < 4; ++w) RC_ASSERT(((after.word(w) ^ before.word(w)) & ~f.mask(w)) == 0);
                RC_ASSERT(before == Entry::from_words(words));
            };
            (one(field), ...);
        }, Entry::fields);
    });
}

TEST_CASE("bytes and words of any structure are the same thing", "[base][property]") {
    testbench::holds([](const std::array<u64, 4>& words) {
        const auto bytes = Entry::from_words(words).to_bytes();
        for (unsigned i = 0; i < 32; ++i) RC_ASSERT(static_cast<u64>(bytes[i]) == (words[i / 8] >> (i % 8 * 8) & 0xff));
        RC_ASSERT(Entry::from_bytes(bytes).words() == words);
    });
}

TEST_CASE("too few bytes are refused", "[base]") {
    std::array<std::byte, 31> bytes{};
    CHECK_THROWS_AS(Entry::from_bytes(bytes), std::out_of_range);
    CHECK_THROWS_AS(Entry{}.to_bytes(std::span<std::byte>(bytes)), std::out_of_range);
}

TEST_CASE("bits that belong to no field are reserved", "[base]") {
    STATIC_REQUIRE(Entry::reserved_mask(0) == (0x00f0'0000'0000'0030ull));
    STATIC_REQUIRE(Entry::reserved_mask(1) == 0xffff'0000'0000'0000ull);
    STATIC_REQUIRE(Entry::reserved_mask(2) == 0);
    STATIC_REQUIRE(Entry::reserved_mask(3) == 0xfff0'0000'0000'0000ull);
    CHECK_FALSE(Entry::from_words({1, 0, 0, 0}).has_reserved_bits());
    CHECK(Entry::from_words({0x10, 0, 0, 0}).has_reserved_bits());
    CHECK(Entry::from_words({0, 0, 0, 1ull << 63}).has_reserved_bits());
}

TEST_CASE("a dump names every field in the order of the layout", "[base]") {
    std::vector<std::string> names;
    bool valid = false;
    for_each(Entry{}.with(Entry::Valid, true), [&](std::string_view name, auto value) {
        names.emplace_back(name);
        if constexpr (std::is_same_v<decltype(value), bool>) valid = value;
    });
    CHECK(names == std::vector<std::string>{"Valid", "Cfg", "Table", "Max", "Domain", "Whole", "Second", "Split",
                                            "Moved"});
    CHECK(valid);
}
