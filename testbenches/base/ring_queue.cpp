// SPDX-License-Identifier: Apache-2.0
/// Ring indices against a plain queue, for both policies.
#include "base/ring_queue.h"

#include "base/property.h"

#include <deque>
#include <map>

using namespace quiesce;

namespace {

/// Random pushes and pops; every question is asked of the ring and of a std::deque of the positions.
template <class Policy>
void behaves_like_a_queue() {
    testbench::holds([] {
        RingIndices<Policy> ring{*rc::gen::inRange<u32>(0, 5), 0, 0};
        // Anywhere in the cycle of positions, so that wrapping comes at every place.
        ring.prod = ring.cons = Policy::clean(*rc::gen::arbitrary<u32>(), ring.log2size);
        std::deque<u32> model;
        std::map<u32, u32> slots; // slot -> position: no live slot is given out twice
        for (const bool push : *rc::gen::container<std::vector<bool>>(rc::gen::arbitrary<bool>())) {
            if (push) {
                const u32 position = ring.prod;
                const u32 slot = ring.prod_index();
                const bool room = model.size() < ring.capacity();
                RC_ASSERT(ring.produce() == room);
                if (room) {
                    RC_ASSERT(slots.emplace(slot, position).second);
                    model.push_back(position);
                }
            } else {
                const u32 slot = ring.cons_index();
                RC_ASSERT(ring.consume() == !model.empty());
                if (!model.empty()) {
                    RC_ASSERT(slots.at(slot) == model.front());
                    slots.erase(slot);
                    RC_ASSERT(!ring.outstanding(model.front()));
                    model.pop_front();
                }
            }
            RC_ASSERT(ring.used() == model.size());
            RC_ASSERT(ring.free() == ring.capacity() - model.size());
            RC_ASSERT(ring.empty() == model.empty());
            RC_ASSERT(ring.full() == (model.size() == ring.capacity()));
            RC_ASSERT(ring.consistent());
            for (u32 position : model) RC_ASSERT(ring.outstanding(position));
            RC_ASSERT(!ring.outstanding(ring.prod)); // not written yet
        }
    }, 500);
}

} // namespace

TEST_CASE("a ring with a wrap bit behaves like a queue of 2^n entries", "[base][property]") {
    behaves_like_a_queue<WrapBit>();
}
TEST_CASE("a head and tail ring behaves like a queue of 2^n - 1 entries", "[base][property]") {
    behaves_like_a_queue<HeadTail>();
}

TEST_CASE("a wrap-bit ring of one entry is empty, then full, then empty with the wrap bits turned", "[base]") {
    RingIndices<WrapBit> ring{0, 0, 0};
    CHECK(ring.capacity() == 1);
    CHECK(ring.empty());
    CHECK(ring.produce());
    CHECK(ring.full());
    CHECK(ring.prod_wrap() != ring.cons_wrap());
    CHECK_FALSE(ring.produce());
    CHECK(ring.consume());
    CHECK(ring.empty());
    CHECK(ring.prod == 1);
    CHECK(ring.cons == 1);
    CHECK(ring.produce());
    CHECK(ring.prod == 0);
}

TEST_CASE("full and empty differ by the wrap bit alone", "[base]") {
    STATIC_REQUIRE(RingIndices<WrapBit>{3, 0b0101, 0b0101}.empty());
    STATIC_REQUIRE(RingIndices<WrapBit>{3, 0b1101, 0b0101}.full());
    STATIC_REQUIRE(RingIndices<WrapBit>{3, 0b0101, 0b1101}.full());
    STATIC_REQUIRE(RingIndices<WrapBit>{3, 0b1001, 0b0111}.used() == 2);
    STATIC_REQUIRE(RingIndices<WrapBit>{3, 0b0001, 0b1111}.used() == 2);
}

TEST_CASE("a head and tail ring keeps one slot empty", "[base]") {
    RingIndices<HeadTail> ring{2, 0, 0};
    CHECK(ring.capacity() == 3);
    CHECK(ring.produce(3));
    CHECK(ring.full());
    CHECK(ring.prod == 3);
    CHECK(ring.consume());
    CHECK(ring.produce());
    CHECK(ring.prod == 0);
    CHECK(ring.full());
    STATIC_REQUIRE(RingIndices<HeadTail>{0, 0, 0}.full());
    STATIC_REQUIRE(RingIndices<HeadTail>{0, 0, 0}.empty());
}

TEST_CASE("flags above the wrap bit do not count", "[base]") {
    STATIC_REQUIRE(RingIndices<WrapBit>{3, 0x8000'0005, 0x5}.empty());
    STATIC_REQUIRE(RingIndices<WrapBit>{3, 0x8000'0006, 0x7f00'0005}.used() == 1);
}

TEST_CASE("indices that no queue can have reached are full, have no room, and are not consistent", "[base]") {
    RingIndices<WrapBit> ring{2, 0b101, 0b000}; // five entries in a ring of four
    CHECK_FALSE(ring.consistent());
    CHECK(ring.full());
    CHECK(ring.free() == 0);
    CHECK_FALSE(ring.produce());
}

TEST_CASE("several entries go in and out together or not at all", "[base]") {
    RingIndices<WrapBit> ring{2, 3, 3};
    CHECK_FALSE(ring.produce(5));
    CHECK(ring.prod == 3);
    CHECK(ring.produce(4));
    CHECK(ring.prod == 7);
    CHECK_FALSE(ring.consume(5));
    CHECK(ring.consume(4));
    CHECK(ring.empty());
}
