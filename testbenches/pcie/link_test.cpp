// SPDX-License-Identifier: Apache-2.0
/// Rates and packet sizes of a link, against figures worked out by hand from facts/published-figures.md 1.1.
#include "pcie/link.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::pcie;

namespace {
LinkConfig link(unsigned generation, unsigned lanes) {
    LinkConfig c;
    c.generation = generation;
    c.lanes = lanes;
    return c;
}
struct LinkBench {
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    Stages stages;
    ~LinkBench() { calendar.shutdown(); }
};
} // namespace

TEST_CASE("the raw rate is transfers times lanes times line code", "[pcie]") {
    CHECK(raw_rate(1, 1).bits_per_second() == 2'000'000'000);
    CHECK(raw_rate(2, 4).bits_per_second() == 16'000'000'000);
    CHECK(raw_rate(3, 8).bits_per_second() == 63'015'384'615);
    CHECK(raw_rate(4, 16).bits_per_second() == 252'061'538'461);
    CHECK(raw_rate(5, 16).bits_per_second() == 504'123'076'923);
    CHECK(raw_rate(6, 16).bits_per_second() == 968'000'000'000);
}

TEST_CASE("acknowledgements, flow-control updates and SKP sets leave 57.88 Gb/s of a Gen3 x8 link", "[pcie]") {
    const double gbps = static_cast<double>(tlp_rate(link(3, 8)).bits_per_second()) / 1e9;
    CHECK(gbps == Approx(57.88).margin(0.006));
    LinkConfig relaxed = link(3, 8);
    relaxed.ack_limit = 100'000;
    relaxed.fc_limit = 100'000;
    CHECK(static_cast<double>(tlp_rate(relaxed).bits_per_second()) / 1e9 == Approx(63.0154 * (1 - 4.0 / 1538)).epsilon(0.0002));
}

TEST_CASE("a packet's time on the wire is never early and at most 1 ps late", "[pcie]") {
    LinkBench b;
    for (unsigned generation = 1; generation <= 7; ++generation) {
        for (const unsigned lanes : {1u, 2u, 8u, 16u}) {
            const LinkConfig c = link(generation, lanes);
            const Link l{b.events, "l", "root", c, b.stages};
            for (const u32 bytes : {1u, 20u, 24u, 88u, 280u, 281u, 4096u + 28u}) {
                const sim::Duration exact = tlp_rate(c).time_for(bytes);
                const sim::Duration taken = l.up.occupancy(bytes);
                INFO("generation " << generation << " x" << lanes << ", " << bytes << " bytes");
                CHECK(taken >= exact);
                CHECK(taken <= exact + sim::Duration::ps(1));
            }
        }
    }
}

TEST_CASE("a packet costs its header, prefix, check and payload", "[pcie]") {
    Tlp write;
    write.kind = TlpKind::MemoryWrite;
    write.address = 0x1'0000'0000;
    CHECK(wire_bytes(write, 64, false) == 88);  // 8 framing, 16 header
    write.address = 0xffff'f000;
    CHECK(wire_bytes(write, 64, false) == 84);  // three-double-word header below 4 GiB
    write.has_pasid = true;
    CHECK(wire_bytes(write, 64, false) == 88);
    CHECK(wire_bytes(write, 64, true) == 92);
    Tlp completion;
    completion.kind = TlpKind::Completion;
    completion.address = 0x1'0000'0000;
    CHECK(wire_bytes(completion, 256, false) == 276);
    Tlp message;
    message.kind = TlpKind::Message;
    CHECK(wire_bytes(message, 0, false) == 24);
}

TEST_CASE("requests end at 4 KiB boundaries and at the limits of their kind", "[pcie]") {
    LinkBench b;
    const Link l{b.events, "l", "root", LinkConfig{}, b.stages};
    CHECK(l.request_bytes(Iova{0x1000}, 10'000, true) == 256);
    CHECK(l.request_bytes(Iova{0x1000}, 10'000, false) == 512);
    CHECK(l.request_bytes(Iova{0x1fc0}, 10'000, false) == 64);
    CHECK(l.request_bytes(Iova{0x1fff}, 10'000, true) == 1);
    CHECK(l.request_bytes(Iova{0x1000}, 100, true) == 100);
}

TEST_CASE("all completions but the last end at a read completion boundary", "[pcie]") {
    LinkBench b;
    const auto split = [](const Link& l, u64 at, u32 bytes) {
        std::vector<u32> parts;
        while (bytes != 0) {
            parts.push_back(l.completion_bytes(at, bytes));
            at += parts.back();
            bytes -= parts.back();
        }
        return parts;
    };
    const Link whole{b.events, "l", "root", LinkConfig{}, b.stages};
    CHECK(split(whole, 0x1000, 256) == std::vector<u32>{256});
    CHECK(split(whole, 0x1000, 257) == std::vector<u32>{256, 1});
    CHECK(split(whole, 0x1000, 512) == std::vector<u32>{256, 256});
    CHECK(split(whole, 0x1010, 512) == std::vector<u32>{240, 256, 16}); // 0x1010 + 240 = 0x1100
    LinkConfig old;
    old.split_at_rcb = true;
    const Link chopped{b.events, "l", "root", old, b.stages};
    CHECK(split(chopped, 0x1010, 200) == std::vector<u32>{48, 64, 64, 24});
}
