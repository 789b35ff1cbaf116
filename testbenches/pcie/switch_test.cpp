// SPDX-License-Identifier: Apache-2.0
/// Packets through switches: latencies that add up, contention, turns, and credits of each hop.
#include "pcie/support/switched.h"
#include "sim/random.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;
using sim::Duration;
using sim::Time;

namespace {
DmaRequest at(Iova address, u32 bytes) {
    DmaRequest r;
    r.at = address;
    r.bytes = bytes;
    return r;
}
// On the wire, facts/published-figures.md 1.1: framing 8, of which the LCRC's 4 come last; long headers 16, short
// ones 12.
constexpr u32 write_bytes = 24, read_bytes = 24, answer_bytes = 20;
constexpr u32 long_header = 20, short_header = 16; ///< until the header has arrived

LinkConfig of(unsigned generation, unsigned lanes) {
    LinkConfig c;
    c.generation = generation;
    c.lanes = lanes;
    return c;
}
SwitchConfig with_link(unsigned generation, unsigned lanes) {
    SwitchConfig c;
    c.link.generation = generation;
    c.link.lanes = lanes;
    return c;
}

struct SwitchTimes {
    Switched& s;
    Duration issue() const { return s.a.endpoint_config.issue.get(); }
    Duration prop() const { return s.a.link_config.propagation.get(); }
    Duration first(u32 bytes) const { return s.a.wire(bytes); }                           ///< on the endpoint's link
    Duration second(u32 bytes) const { return s.sw().link().up.occupancy(bytes); }        ///< on the switch's
    Duration latency() const { return SwitchConfig{}.latency.get(); }
    /// From the arrival at the root complex until the bytes are at memory.
    Duration to_memory() const { return s.f.config.ingress.get() + s.f.iommu.hit() + s.f.memory.latency(); }
};

/// The commit of one write of `bytes` by a.
Time commit_of(Switched& s, u32 bytes) {
    s.f.memory.keep_commits = true;
    const std::vector<std::byte> data(bytes);
    sim::start(s.a.dma_write(at(s.f.at(0x1000), bytes), data));
    s.f.run(20_us);
    REQUIRE(s.f.memory.commits.size() == 1);
    return s.f.memory.commits[0].at;
}
} // namespace

TEST_CASE("cut-through: a write goes on a latency after its header, and is late by header, flight and latency",
          "[pcie]") {
    const u32 bytes = GENERATE(8u, 256u);
    Switched s;
    const SwitchTimes t{s};
    CHECK(commit_of(s, bytes) - Time{} == t.issue() + t.first(long_header) + t.prop() + t.latency() +
                                              t.second(write_bytes + bytes) + t.prop() + t.to_memory());
}

TEST_CASE("store and forward: a write goes on a latency after its last bit", "[pcie]") {
    SwitchConfig c;
    c.cut_through = false;
    Switched s{1, c};
    const SwitchTimes t{s};
    CHECK(commit_of(s, 256) - Time{} == t.issue() + t.first(write_bytes + 256) + t.prop() + t.latency() +
                                            t.second(write_bytes + 256) + t.prop() + t.to_memory());
}

TEST_CASE("cut-through onto a faster link does not run dry: the last bit leaves a latency after it came", "[pcie]") {
    Switched s{1, with_link(5, 16)};
    const SwitchTimes t{s};
    REQUIRE(t.second(write_bytes + 256) < t.first(write_bytes + 256) - t.first(long_header));
    CHECK(commit_of(s, 256) - Time{} ==
          t.issue() + t.first(write_bytes + 256) + t.prop() + t.latency() + t.prop() + t.to_memory());
}

TEST_CASE("cut-through onto a slower link takes that link's time from the header on", "[pcie]") {
    Switched s{1, with_link(1, 1)};
    const SwitchTimes t{s};
    CHECK(commit_of(s, 256) - Time{} == t.issue() + t.first(long_header) + t.prop() + t.latency() +
                                            t.second(write_bytes + 256) + t.prop() + t.to_memory());
}

TEST_CASE("cut-through between slow links: a packet begins to leave while most of it is still to come", "[pcie]") {
    Switched s{1, with_link(1, 1), of(1, 1)};
    const SwitchTimes t{s};
    REQUIRE(t.latency() < t.first(write_bytes + 256) - t.first(long_header));
    CHECK(commit_of(s, 256) - Time{} == t.issue() + t.first(long_header) + t.prop() + t.latency() +
                                            t.second(write_bytes + 256) + t.prop() + t.to_memory());
}

TEST_CASE("a read through switches pays header, flight and latency at each, up and down", "[pcie]") {
    const unsigned levels = GENERATE(1u, 2u, 3u);
    Switched s{levels};
    const SwitchTimes t{s};
    std::array<std::byte, 64> into{};
    Time end;
    Completion c;
    sim::start(timed(s.a.dma_read(at(s.f.at(0x1000), 64), into.data()), end, c));
    s.f.run(10_us);
    CHECK(c.ok());
    const Duration hop_up = t.first(long_header) + t.prop() + t.latency();
    const Duration hop_down = t.second(short_header) + t.prop() + t.latency();
    Duration sum = t.issue() + t.second(read_bytes) + t.prop() + t.to_memory() + s.f.config.egress.get() +
                   t.first(answer_bytes + 64) + t.prop();
    for (unsigned n = 0; n < levels; ++n) sum += hop_up + hop_down;
    CHECK(end - Time{} == sum);
}

TEST_CASE("two endpoints that write at once: the second waits for the first on the shared link", "[pcie]") {
    Switched s;
    s.f.memory.keep_commits = true;
    const std::array<std::byte, 256> data{};
    sim::start(s.a.dma_write(at(s.f.at(0x1000), 256), data));
    sim::start(s.b.dma_write(at(s.f.at(0x2000), 256), data));
    s.f.run(20_us);
    REQUIRE(s.f.memory.commits.size() == 2);
    CHECK(s.f.memory.commits[1].at - s.f.memory.commits[0].at == s.sw().link().up.occupancy(write_bytes + 256));
}

TEST_CASE("the ports of a switch take turns, however much one of them has sent before", "[pcie]") {
    const bool few_credits = GENERATE(false, true);
    SwitchConfig c = with_link(1, 1);
    if (few_credits) {
        c.link.root_port.posted_headers = 2;
        c.link.root_port.posted_data = 32;
    }
    Switched s{1, c};
    std::vector<bool> from_b;
    auto token = s.f.events.subscribe<TlpSent>([&](Time, const TlpSent& e) {
        if (e.link == s.sw().link().name() && e.upstream) from_b.push_back(e.payload_bytes == 128);
    });
    const std::array<std::byte, 256> data{};
    for (unsigned n = 0; n < 40; ++n) sim::start(s.a.dma_write(at(s.f.at(0x1000), 256), data));
    s.f.run(5_us); // most of them wait in the switch
    for (unsigned n = 0; n < 8; ++n) sim::start(s.b.dma_write(at(s.f.at(0x2000), 128), {data.data(), 128}));
    s.f.run(200_us);
    REQUIRE(from_b.size() == 48);
    const auto first = std::find(from_b.begin(), from_b.end(), true);
    REQUIRE(from_b.end() - first >= 15);
    for (unsigned n = 0; n < 15; ++n) CHECK(*(first + n) == (n % 2 == 0)); // b, a, b, a ...
}

TEST_CASE("a large packet whose turn it is gets its room, though small ones of another port never stop", "[pcie]") {
    SwitchConfig c;
    c.link.root_port.posted_data = 16; // one packet of 256 bytes, or 16 small ones
    Switched s{1, c};
    s.f.memory.keep_commits = true;
    const std::array<std::byte, 256> data{};
    for (unsigned n = 0; n < 200; ++n) sim::start(s.a.dma_write(at(s.f.at(0x1000), 16), {data.data(), 16}));
    sim::start(s.b.dma_write(at(s.f.at(0x2000), 256), data));
    s.f.run(100_us);
    REQUIRE(s.f.memory.commits.size() == 201);
    const auto large = std::find_if(s.f.memory.commits.begin(), s.f.memory.commits.end(),
                                    [](const Memory::Commit& m) { return m.request.bytes == 256; });
    CHECK(large - s.f.memory.commits.begin() < 40); // not behind all of them
}

TEST_CASE("credits of every hop are conserved, whatever went through and in whatever order", "[pcie]") {
    for (u64 seed = 1; seed <= 20; ++seed) {
        sc_core::sc_simcontext fresh;
        auto* const outer = std::exchange(sc_core::sc_curr_simcontext, &fresh);
        {
            SwitchConfig c;
            c.link.root_port.posted_headers = 2;
            c.link.root_port.posted_data = 20;
            c.link.root_port.non_posted_headers = 1;
            for (CreditConfig* const credits : {&c.link.endpoint}) {
                credits->posted_headers = 2;
                credits->posted_data = 24;
                credits->non_posted_headers = 2;
                credits->completion_headers = 1;
                credits->completion_data = 16;
            }
            Switched s{2, c};
            s.f.calendar.perturb({seed, true, {}});
            sim::Random random{seed, "traffic"};
            std::array<std::byte, 256> data{};
            std::array<std::byte, 4096> into{};
            unsigned done = 0;
            auto counted = [&done](sim::Task<Completion> read) -> sim::Task<void> {
                const Completion how = co_await std::move(read);
                done += how.ok();
            };
            unsigned reads = 0;
            for (unsigned n = 0; n < 60; ++n) {
                TestEndpoint& ep = random.below(2) == 0 ? s.a : s.b;
                const u32 bytes = 1 + static_cast<u32>(random.below(256));
                const Iova to = s.f.at(0x1000 * (1 + random.below(8)));
                if (random.below(2) == 0) {
                    sim::start(ep.dma_write(at(to, bytes), {data.data(), bytes}));
                } else {
                    ++reads;
                    sim::start(counted(ep.dma_read(at(to, bytes), into.data())));
                }
            }
            s.f.run(400_us);
            INFO("seed " << seed);
            CHECK(s.f.calendar.idle());
            CHECK(done == reads);
            CHECK(s.f.root_complex.who_waits().empty());
            CHECK(s.a.port().posted_inside() == 0);
            const auto whole = [](TransmitQueue& q) {
                for (const TlpKind kind : {TlpKind::MemoryWrite, TlpKind::MemoryRead, TlpKind::Completion}) {
                    CreditPool& pool = q.pool_of(Tlp{.kind = kind});
                    if (pool.infinite()) continue;
                    CHECK(pool.headers() == pool.advertised_headers());
                    CHECK(pool.data() == pool.advertised_data());
                }
            };
            for (Switch* sw : s.chain) {
                whole(sw->link().up.queue());
                whole(sw->link().down.queue());
            }
            for (TestEndpoint* ep : {&s.a, &s.b}) {
                whole(ep->port().link().up.queue());
                whole(ep->port().link().down.queue());
            }
        }
        sc_core::sc_curr_simcontext = outer;
    }
}

TEST_CASE("a message interrupt and an invalidation find their way through switches", "[pcie]") {
    Switched s{2};
    s.f.root_complex.set_message_window(Spa{0xfee0'0000}, 0x1000);
    unsigned messages = 0;
    s.f.memory.on_commit = [&](const memory::Request& r) { messages += r.origin.purpose == memory::Purpose::Msi; };
    s.b.send_message(0xfee0'0040, 1);
    iommu::AtcInvalidation what;
    what.stream = s.b.stream();
    what.everything = true;
    Time end;
    iommu::AtcAnswer answer{};
    sim::start(timed(s.f.root_complex.invalidate(what), end, answer));
    s.f.run(5_us);
    CHECK(messages == 1);
    CHECK(s.a.invalidations.empty());
    REQUIRE(s.b.invalidations.size() == 1);
    s.b.complete_invalidation(InvalidateCompletion::of(s.b.invalidations[0].request.itag, 1));
    s.f.run(5_us);
    CHECK(answer == iommu::AtcAnswer::Completed);
}
