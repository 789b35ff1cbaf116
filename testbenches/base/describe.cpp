// SPDX-License-Identifier: Apache-2.0
/// Descriptions: order, names, references, and the proof that no member was forgotten.
#include "base/describe.h"

#include "base/address.h"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace elsewhere {

struct Arrival {
    quiesce::Spa at;
    quiesce::u32 bytes = 0;
    std::optional<quiesce::Pasid> pasid;
    std::string note;
};
DESCRIBE(Arrival, at, bytes, pasid, note)

struct Nested : Arrival {};

struct Outer {
    struct Inner {
        int a = 1;
    };
};
DESCRIBE(Outer::Inner, a)

struct Nothing {};
DESCRIBE(Nothing)

struct Tricky {
    std::vector<int> list;
    std::array<int, 3> fixed;
    std::map<std::string, int> table;
    std::unique_ptr<int> owned;
    const char* text;
    Arrival landed;
};
DESCRIBE(Tricky, list, fixed, table, owned, text, landed);

struct LastForgotten {
    int a;
    std::optional<int> b;
};
DESCRIBE(LastForgotten, a)
struct LastAddressForgotten {
    int a;
    quiesce::Iova b;
};
DESCRIBE(LastAddressForgotten, a)
struct WithoutDefault {
    explicit WithoutDefault(int) {}
};
struct LastWithoutDefaultForgotten {
    int a;
    WithoutDefault b{3}; // as parameters are declared
};
DESCRIBE(LastWithoutDefaultForgotten, a)
struct ConvertsFromNothing {
    ConvertsFromNothing() = default;
    template <class U>
    ConvertsFromNothing(U) = delete;
};
struct LastConvertsFromNothingForgotten {
    int a;
    ConvertsFromNothing b;
};
DESCRIBE(LastConvertsFromNothingForgotten, a)
struct MiddleForgotten {
    quiesce::Iova a;
    int b;
    quiesce::Iova c;
};
DESCRIBE(MiddleForgotten, a, c)
struct FirstOfEqualsForgotten {
    int a, b, c;
};
DESCRIBE(FirstOfEqualsForgotten, b, c)
struct AllForgotten {
    int a;
};
DESCRIBE(AllForgotten)
struct NotDescribed {
    int a;
};

struct Forty {
    int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9;
    int c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9;
};
DESCRIBE(Forty, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9,
         c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9)

enum class Order { Fifo, Lifo, Unnamed };
constexpr auto enum_names(Order) {
    return quiesce::base::name_table<Order>({{Order::Fifo, "fifo"}, {Order::Lifo, "lifo"}});
}

} // namespace elsewhere

using namespace quiesce::base;
using namespace elsewhere;

TEST_CASE("a description covers a struct only if it names every member", "[base]") {
    STATIC_REQUIRE(fully_described<Arrival>);
    STATIC_REQUIRE(fully_described<Outer::Inner>);
    STATIC_REQUIRE(fully_described<Nothing>);
    STATIC_REQUIRE(fully_described<Tricky>);
    STATIC_REQUIRE(fully_described<Forty>);
    STATIC_REQUIRE_FALSE(fully_described<LastForgotten>);
    STATIC_REQUIRE_FALSE(fully_described<LastAddressForgotten>);
    STATIC_REQUIRE_FALSE(fully_described<LastWithoutDefaultForgotten>);
    STATIC_REQUIRE_FALSE(fully_described<LastConvertsFromNothingForgotten>);
    STATIC_REQUIRE_FALSE(fully_described<MiddleForgotten>);
    STATIC_REQUIRE_FALSE(fully_described<FirstOfEqualsForgotten>);
    STATIC_REQUIRE_FALSE(fully_described<AllForgotten>);
    STATIC_REQUIRE_FALSE(fully_described<NotDescribed>);
    STATIC_REQUIRE_FALSE(fully_described<int>);
}

TEST_CASE("a description belongs to exactly one type, not to those derived from it", "[base]") {
    STATIC_REQUIRE(Described<Arrival>);
    STATIC_REQUIRE(Described<const Arrival>);
    STATIC_REQUIRE_FALSE(Described<Nested>);
    STATIC_REQUIRE_FALSE(Described<NotDescribed>);
    STATIC_REQUIRE(field_count<Arrival> == 4);
    STATIC_REQUIRE(field_count<Forty> == 40);
    STATIC_REQUIRE(field_count<Nothing> == 0);
}

TEST_CASE("members are walked in the order of the description, as references", "[base]") {
    Arrival landed{quiesce::Spa{0x1000}, 64, {}, "x"};
    std::vector<std::string> names;
    for_each_field(landed, [&](std::string_view name, auto& value) {
        names.emplace_back(name);
        if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, quiesce::u32>) value = 128;
    });
    CHECK(names == std::vector<std::string>{"at", "bytes", "pasid", "note"});
    CHECK(landed.bytes == 128);

    const Arrival& fixed = landed;
    for_each_field(fixed, [](std::string_view, auto& value) {
        static_assert(std::is_const_v<std::remove_reference_t<decltype(value)>>);
    });
}

TEST_CASE("a description is usable in constant expressions", "[base]") {
    constexpr int sum = [] {
        int total = 0;
        for_each_field(Outer::Inner{5}, [&](std::string_view name, const int& value) {
            total += value + static_cast<int>(name.size());
        });
        return total;
    }();
    STATIC_REQUIRE(sum == 6);
    STATIC_REQUIRE(quiesce::base::get<1>(described<Arrival>).name == "bytes");
}

TEST_CASE("the types of a description can be listed without an object", "[base]") {
    std::size_t bytes = 0;
    for_each_field_type<FirstOfEqualsForgotten>([&](std::string_view, auto type) {
        bytes += sizeof(typename decltype(type)::type);
    });
    CHECK(bytes == 2 * sizeof(int));
}

TEST_CASE("a type's name is its own, without namespaces", "[base]") {
    STATIC_REQUIRE(type_name<Arrival>() == "Arrival");
    STATIC_REQUIRE(type_name<Outer::Inner>() == "Inner");
    STATIC_REQUIRE(type_name<Address<IovaSpace>>().starts_with("Address<"));
}

TEST_CASE("an enum's names read back as its values, and an unnamed value has none", "[base]") {
    STATIC_REQUIRE(NamedEnum<Order>);
    STATIC_REQUIRE_FALSE(NamedEnum<quiesce::Pasid>);
    STATIC_REQUIRE(enum_text(Order::Lifo) == "lifo");
    STATIC_REQUIRE(enum_from<Order>("lifo") == Order::Lifo);
    STATIC_REQUIRE_FALSE(enum_from<Order>("Lifo").has_value());
    STATIC_REQUIRE(enum_text(Order::Unnamed).empty());
}
