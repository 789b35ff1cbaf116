// SPDX-License-Identifier: Apache-2.0
/// Addresses and ids: what compiles, what does not, and ranges at the ends of the space.
#include "base/address.h"

#include "base/property.h"

#include <unordered_set>

using namespace quiesce;

namespace {

template <class A, class B>
concept Converts = requires(A a) { static_cast<void (*)(B)>(nullptr)(a); };
template <class A, class B>
concept Subtracts = requires(A a, B b) { a - b; };
template <class A, class B>
concept Compares = requires(A a, B b) { a == b; };
template <class A, class B>
concept Adds = requires(A a, B b) { a + b; };

static_assert(Converts<Iova, Iova> && !Converts<Iova, Spa> && !Converts<Va, Iova> && !Converts<Gpa, Spa>);
static_assert(!Converts<u64, Iova> && !Converts<Iova, u64>);
static_assert(Subtracts<Spa, Spa> && !Subtracts<Spa, Iova>);
static_assert(Compares<Spa, Spa> && !Compares<Spa, Iova> && !Compares<Spa, u64>);
static_assert(Adds<Spa, u64> && !Adds<Spa, Spa>);
static_assert(!Adds<Pasid, int> && !Converts<Pasid, StreamId> && !Converts<u32, Pasid> && !Compares<Pasid, StreamId>);

} // namespace

TEST_CASE("the process's address becomes the device's only where it is written out", "[base]") {
    CHECK(iova_of(Va{0x7000'1234}) == Iova{0x7000'1234});
    CHECK(va_of(iova_of(Va{0x42})) == Va{0x42});
}

TEST_CASE("an address splits into page number and offset", "[base]") {
    constexpr Spa at{0x1234'5678};
    STATIC_REQUIRE(at.page_number() == 0x12345);
    STATIC_REQUIRE(at.page_offset() == 0x678);
    STATIC_REQUIRE(at.align_down(page_size) == Spa{0x1234'5000});
    STATIC_REQUIRE(at.align_up(page_size) == Spa{0x1234'6000});
    STATIC_REQUIRE(at.align_down(page_size).align_up(page_size) == Spa{0x1234'5000});
    STATIC_REQUIRE(at.is_aligned(8));
    STATIC_REQUIRE_FALSE(at.is_aligned(16));
    STATIC_REQUIRE(spa_of(frame_of(at)) == at.align_down(page_size));
}

TEST_CASE("differences and sums of addresses are inverse, also across the end of the space", "[base][property]") {
    testbench::holds([](u64 a, u64 n) {
        RC_ASSERT(Iova{a} + n - Iova{a} == n);
        RC_ASSERT(Iova{a} + n - n == Iova{a});
        RC_ASSERT((Iova{a} < Iova{n}) == (a < n));
        Iova moved{a};
        moved += n;
        RC_ASSERT(moved == Iova{a} + n);
        moved -= n;
        RC_ASSERT(moved == Iova{a});
    });
}

TEST_CASE("an id keeps its number and its width", "[base]") {
    STATIC_REQUIRE(std::is_same_v<decltype(raw(Pasid{7})), u32>);
    STATIC_REQUIRE(std::is_same_v<decltype(raw(Vmid{7})), u16>);
    STATIC_REQUIRE(raw(Pasid{7}) == 7);
    STATIC_REQUIRE(no_bond == BondId{});
}

TEST_CASE("ranges contain and overlap byte by byte", "[base][property]") {
    testbench::holds([] {
        // Placed around the top of the space as well, where an end computed as first + bytes would wrap.
        const u64 base = *rc::gen::element<u64>(0, 0x1000, ~u64{0} - 30);
        const auto number = [](u64 below) { return *rc::gen::inRange<u64>(0, below); };
        const IovaRange a{Iova{base + number(15)}, number(16)};
        const IovaRange b{Iova{base + number(15)}, number(16)};
        bool share = false;
        u64 inside = 0;
        for (u64 n = 0; n < 31; ++n) {
            const Iova at{base + n};
            const bool in_a = at >= a.first && at.value() - a.first.value() < a.bytes;
            const bool in_b = at >= b.first && at.value() - b.first.value() < b.bytes;
            RC_ASSERT(a.contains(at) == in_a);
            share = share || (in_a && in_b);
            inside += in_a && in_b;
        }
        RC_ASSERT(a.overlaps(b) == share);
        RC_ASSERT(b.overlaps(a) == share);
        RC_ASSERT(a.contains(b) == (b.bytes > 0 && inside == b.bytes));
    });
}

TEST_CASE("an empty range contains and overlaps nothing", "[base]") {
    const IovaRange none{Iova{0x1000}, 0};
    const IovaRange page{Iova{0x1000}, page_size};
    CHECK(none.empty());
    CHECK_FALSE(none.contains(Iova{0x1000}));
    CHECK_FALSE(none.overlaps(page));
    CHECK_FALSE(page.overlaps(none));
    CHECK_FALSE(page.contains(none));
    CHECK(page.last() == Iova{0x1fff});
}

TEST_CASE("addresses can be keys of hashed containers", "[base]") {
    const std::unordered_set<Spa> frames{Spa{0x1000}, Spa{0x2000}, Spa{0x1000}};
    CHECK(frames.size() == 2);
    CHECK(frames.count(Spa{0x2000}) == 1);
}
