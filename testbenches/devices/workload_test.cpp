// SPDX-License-Identifier: Apache-2.0
/// The sequence of requests that follows from a workload.
#include "base/property.h"
#include "devices/workload.h"

#include <catch2/catch.hpp>

#include <stdexcept>

using namespace quiesce;
using namespace quiesce::devices;

namespace {
Workload over(std::vector<IovaRange> footprint, u32 bytes) {
    Workload w;
    w.footprint = std::move(footprint);
    w.min_bytes = w.max_bytes = bytes;
    return w;
}
std::vector<u64> addresses(RequestSequence& s, int n) {
    std::vector<u64> list;
    while (n-- > 0 && s.more()) list.push_back(s.next().at.value());
    return list;
}
} // namespace

TEST_CASE("sequential requests walk the ranges one after the other and begin again", "[devices]") {
    RequestSequence s{1, "x"};
    s.begin(over({{Iova{0x1000}, 128}, {Iova{0x9000}, 64}}, 64));
    CHECK(addresses(s, 5) == std::vector<u64>{0x1000, 0x1040, 0x9000, 0x1000, 0x1040});
}

TEST_CASE("strided requests keep their distance", "[devices]") {
    RequestSequence s{1, "x"};
    Workload w = over({{Iova{0x10000}, 3 * 4096}}, 16);
    w.pattern = Pattern::Strided;
    w.stride = 4096;
    s.begin(w);
    CHECK(addresses(s, 4) == std::vector<u64>{0x10000, 0x11000, 0x12000, 0x10000});
}

TEST_CASE("every request stays inside one range of its footprint", "[devices]") {
    testbench::holds([] {
        Workload w;
        const auto ranges = *rc::gen::inRange(1, 5);
        for (int i = 0; i < ranges; ++i)
            w.footprint.push_back({Iova{0x100000u * static_cast<u64>(i + 1)}, *rc::gen::inRange<u64>(1, 20000)});
        w.min_bytes = *rc::gen::inRange<u32>(1, 5000);
        w.max_bytes = w.min_bytes + *rc::gen::inRange<u32>(0, 3000);
        w.pattern = *rc::gen::element(Pattern::Sequential, Pattern::Random, Pattern::Strided);
        w.stride = *rc::gen::inRange<u64>(1, 10000);
        w.direction = Direction::Mixed;
        RequestSequence s{7, "x"};
        s.begin(w);
        for (int n = 0; n < 200; ++n) {
            const auto item = s.next();
            RC_ASSERT(item.bytes >= 1);
            RC_ASSERT(item.bytes <= w.max_bytes);
            bool inside = false;
            for (const IovaRange& r : w.footprint) inside |= r.contains(IovaRange{item.at, item.bytes});
            RC_ASSERT(inside);
        }
    });
}

TEST_CASE("random requests reach every aligned place and the mix keeps its ratio", "[devices]") {
    RequestSequence s{3, "x"};
    Workload w = over({{Iova{0}, 64 * 64}}, 64);
    w.pattern = Pattern::Random;
    w.direction = Direction::Mixed;
    w.reads_percent = 70;
    s.begin(w);
    std::vector<int> hits(64);
    int reads = 0;
    for (int n = 0; n < 20000; ++n) {
        const auto item = s.next();
        REQUIRE(item.at.is_aligned(64));
        ++hits.at(item.at.value() / 64);
        reads += !item.write;
    }
    for (const int h : hits) CHECK(h > 200);
    CHECK(reads == Approx(14000).margin(400));
}

TEST_CASE("work ends after its number of requests or of bytes", "[devices]") {
    RequestSequence s{1, "x"};
    Workload w = over({{Iova{0}, 1 << 20}}, 100);
    w.count = 3;
    s.begin(w);
    CHECK(addresses(s, 10).size() == 3);
    w.count = 0;
    w.bytes = 250;
    s.begin(w);
    CHECK(s.next().bytes == 100);
    CHECK(s.next().bytes == 100);
    CHECK(s.next().bytes == 50);
    CHECK_FALSE(s.more());
}

TEST_CASE("a workload without addresses or bytes is refused", "[devices]") {
    RequestSequence s{1, "x"};
    CHECK_THROWS_AS(s.begin(over({}, 64)), std::invalid_argument);
    CHECK_THROWS_AS(s.begin(over({{Iova{0}, 0}}, 64)), std::invalid_argument);
    CHECK_THROWS_AS(s.begin(over({{Iova{0}, 64}}, 0)), std::invalid_argument);
}

TEST_CASE("the same seed and name give the same requests, another name gives others", "[devices]") {
    const auto draw = [](u64 seed, std::string_view name) {
        RequestSequence s{seed, name};
        Workload w = over({{Iova{0}, 1 << 20}}, 64);
        w.pattern = Pattern::Random;
        s.begin(w);
        return addresses(s, 50);
    };
    CHECK(draw(1, "a") == draw(1, "a"));
    CHECK(draw(1, "a") != draw(1, "b"));
    CHECK(draw(1, "a") != draw(2, "a"));
}
