// SPDX-License-Identifier: Apache-2.0
/// Links of switches that do not do what they should, answers of which a part is lost, and packets that are kept back.
#include "pcie/support/switched.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;
using sim::Duration;
using sim::Time;

namespace {
SwitchConfig faulty(void (*set)(LinkFaultConfig&), std::string direction = "both") {
    SwitchConfig c;
    c.faults.direction = direction;
    set(c.faults);
    return c;
}

/// Two endpoints below one switch, or below two of which the upper one's link is at fault.
struct FaultySwitch {
    Switched s;
    std::vector<LinkFaultKind> faults;
    base::Subscription token;
    std::array<std::byte, 64> bytes{};

    explicit FaultySwitch(const SwitchConfig& c = {}, unsigned levels = 1)
        : s(levels, c), token(s.f.events.subscribe<LinkFault>([this](Time, const LinkFault& e) { faults.push_back(e.fault); })) {
        s.f.memory.keep_commits = true;
    }
    DmaRequest to(u64 page, u32 size = 64) const {
        DmaRequest r;
        r.at = s.f.at(page * page_size);
        r.bytes = size;
        return r;
    }
    struct Read {
        Time end;
        Completion how;
        std::array<std::byte, 512> into{};
    };
    void read(TestEndpoint& ep, Read& r, u64 page = 1, u32 size = 64) {
        sim::start(timed(ep.dma_read(to(page, size), r.into.data()), r.end, r.how));
    }
};
} // namespace

TEST_CASE("a packet that a switch's link has to replay is a NAK's round trip and one transmission late", "[pcie]") {
    FaultySwitch m{faulty([](LinkFaultConfig& c) { c.corrupt_every = 2; }, "up")};
    FaultySwitch::Read undisturbed, r;
    m.read(m.s.a, undisturbed);
    m.s.f.run(10_us);
    m.read(m.s.a, r);
    m.s.f.run(10_us);
    CHECK(r.how.ok());
    CHECK(r.end - Time::at(10_us) == (undisturbed.end - Time{}) + LinkConfig{}.propagation.get() * 2 +
                                         m.s.sw().link().up.occupancy(24));
    CHECK(m.faults == std::vector<LinkFaultKind>{LinkFaultKind::Replayed});
}

TEST_CASE("a read that is lost on a switch's link, or its answer, times out; its tag and its room are free again", "[pcie]") {
    const std::string direction = GENERATE("up", "down");
    const bool malformed = GENERATE(false, true);
    FaultySwitch m{malformed ? faulty([](LinkFaultConfig& c) { c.malformed_every = 1; }, direction)
                             : faulty([](LinkFaultConfig& c) { c.drop_every = 1; }, direction)};
    FaultySwitch::Read r;
    m.read(m.s.a, r);
    m.s.f.run(20_ms);
    CHECK(r.how.status == CompletionStatus::TimedOut);
    CHECK(m.s.f.memory.commits.size() == (direction == "up" ? 0 : 1));
    CHECK(m.s.a.tags().used() == 0);
    CHECK(m.s.sw().link().up.queue().pool_of(Tlp{.kind = TlpKind::MemoryRead}).headers() == 128);
    CHECK(m.s.a.port().link().up.queue().pool_of(Tlp{.kind = TlpKind::MemoryRead}).headers() == 128);
    CHECK(m.faults.size() == 1);
}

TEST_CASE("a write that is lost, malformed or poisoned on a switch's link reaches no memory and keeps no room", "[pcie]") {
    struct Row {
        void (*set)(LinkFaultConfig&);
        u64 dropped;
    };
    const Row row = GENERATE(Row{[](LinkFaultConfig& c) { c.drop_every = 2; }, 0},
                             Row{[](LinkFaultConfig& c) { c.malformed_every = 2; }, 1},
                             Row{[](LinkFaultConfig& c) { c.poison_every = 2; }, 1});
    FaultySwitch m{faulty(row.set), 2}; // both switches have it: the second packet that each sees
    for (const u64 page : {1, 2, 3}) sim::start(m.s.a.dma_write(m.to(page), m.bytes));
    m.s.f.run(10_us);
    // The lower switch loses the second; of the two that are left the upper one loses the third. A poisoned one goes on
    // and is the upper one's second, too.
    const bool goes_on = row.dropped == 1 && m.faults.back() == LinkFaultKind::Poisoned;
    CHECK(m.s.f.memory.commits.size() == (goes_on ? 2 : 1));
    CHECK(m.s.a.port().counts().dropped_writes == (goes_on ? 1 : 2 * row.dropped));
    CHECK(m.s.a.port().posted_inside() == 0);
    for (Switch* s : m.s.chain) CHECK(s->link().up.queue().pool_of(Tlp{.kind = TlpKind::MemoryWrite}).headers() == 128);
}

TEST_CASE("data that is poisoned on a switch's link arrives as poisoned", "[pcie]") {
    FaultySwitch m{faulty([](LinkFaultConfig& c) { c.poison_every = 1; }, "down")};
    FaultySwitch::Read r;
    m.read(m.s.a, r);
    m.s.f.run(20_ms);
    CHECK(r.how.status == CompletionStatus::Poisoned);
    CHECK(r.end - Time{} < 10_us);
}

TEST_CASE("when a switch's link goes down, everything below it does, and comes up with it", "[pcie]") {
    const unsigned levels = GENERATE(1u, 2u);
    FaultySwitch m{{}, levels};
    std::vector<std::pair<std::string, bool>> changes;
    auto token = m.s.f.events.subscribe<LinkChanged>(
        [&](Time, const LinkChanged& e) { changes.emplace_back(std::string{e.link.text()}, e.up); });
    FaultySwitch::Read r, later;
    m.read(m.s.a, r);
    m.s.f.run(300_ns);
    m.s.chain.front()->set_link(false);
    CHECK(changes.size() == 2 + levels);
    CHECK_FALSE(m.s.a.bus_master());
    CHECK_FALSE(m.s.b.port().link().is_up());
    m.s.f.run(20_ms);
    CHECK(r.how.status == CompletionStatus::TimedOut);
    changes.clear();
    m.s.chain.front()->set_link(true);
    CHECK(changes.size() == 2 + levels);
    m.s.a.take_into_service();
    m.read(m.s.a, later);
    m.s.f.run(10_us);
    CHECK(later.how.ok());
    CHECK(later.end > Time{});
    CHECK(m.s.f.calendar.idle());
}

TEST_CASE("a link that had failed by itself stays down when the switch above it comes up, and cannot come up before", "[pcie]") {
    FaultySwitch m{{}, 2};
    m.s.a.port().set_link(false);
    m.s.chain.front()->set_link(false);
    m.s.chain.front()->set_link(true);
    CHECK_FALSE(m.s.a.port().link().is_up());
    CHECK(m.s.b.port().link().is_up());
    m.s.sw().set_link(false); // the lower switch, by itself
    m.s.chain.front()->set_link(false);
    m.s.a.port().set_link(true);
    m.s.chain.front()->set_link(true);
    CHECK_FALSE(m.s.sw().link().is_up());
    CHECK_FALSE(m.s.a.port().link().is_up());
    m.s.sw().set_link(true);
    CHECK(m.s.a.port().link().is_up());
    CHECK(m.s.b.port().link().is_up());
}

TEST_CASE("a switch's link goes down and comes up by configuration", "[pcie]") {
    FaultySwitch m{faulty([](LinkFaultConfig& c) { c.down_at = 2_us; c.down_for = 3_us; })};
    m.s.f.run(3_us);
    CHECK_FALSE(m.s.b.port().link().is_up());
    m.s.f.run(3_us);
    CHECK(m.s.b.port().link().is_up());
}

TEST_CASE("registers of a switch whose link is down read as all ones, at once", "[pcie]") {
    FaultySwitch m{{}, 2};
    m.s.chain.front()->set_link(false);
    Time end;
    u32 value = 0;
    sim::start(timed(m.s.sw().config_access(m.s.sw().config_space(), TlpKind::ConfigRead, 0, 4, 0), end, value));
    m.s.f.run(2_us);
    CHECK(value == ~u32{0});
    CHECK(end - Time{} < 1_us);
}

TEST_CASE("a peer's request that is lost on the link of a switch between them times out", "[pcie]") {
    Switched s{1, faulty([](LinkFaultConfig& c) { c.drop_every = 1; })};
    std::array<std::byte, 8> into{};
    Time end;
    Completion how;
    DmaRequest r;
    r.at = Iova{Switched::bar_b};
    r.bytes = 8;
    SECTION("turning below it, it does not cross that link") {
        sim::start(timed(s.a.dma_read(r, into.data()), end, how));
        s.f.run(20_ms);
        CHECK(how.ok());
    }
    SECTION("an answer that ACS redirects does") {
        s.set_acs(1, services({cfg::acs_completion_redirect}));
        sim::start(timed(s.a.dma_read(r, into.data()), end, how));
        s.f.run(20_ms);
        CHECK(how.status == CompletionStatus::TimedOut);
    }
}

TEST_CASE("a read of which one of two completions is lost times out", "[pcie]") {
    Fabric f;
    EndpointConfig c;
    c.faults.direction = std::string{"down"};
    c.faults.drop_every = 2;
    TestEndpoint ep{f, {}, c};
    std::array<std::byte, 512> small{}, large{};
    Completion first, second;
    Time end;
    DmaRequest r;
    r.at = f.at(page_size);
    r.bytes = 64;
    sim::start(timed(ep.dma_read(r, small.data()), end, first));
    f.run(2_us);
    r.bytes = 512; // completions of 256: the first is lost, the last is not
    sim::start(timed(ep.dma_read(r, large.data()), end, second));
    f.run(20_ms);
    CHECK(first.ok());
    CHECK(second.status == CompletionStatus::TimedOut);
    CHECK(ep.tags().used() == 0);
}

namespace {
/// The order in which packets leave an endpoint whose first is kept back for 1 us.
struct KeptBack {
    Fabric f;
    TestEndpoint ep;
    std::vector<TlpKind> sent;
    std::vector<LinkFaultKind> faults;
    base::Subscription of_sent, of_faults;
    std::array<std::byte, 64> bytes{}, into{};

    static EndpointConfig config() {
        EndpointConfig c;
        c.faults.direction = std::string{"up"};
        c.faults.reorder_every = 4; // the fourth: three go before
        return c;
    }
    KeptBack()
        : ep(f, {}, config()), of_sent(f.events.subscribe<TlpSent>([this](Time, const TlpSent& e) {
              if (e.upstream) sent.push_back(e.kind);
          })),
          of_faults(f.events.subscribe<LinkFault>([this](Time, const LinkFault& e) { faults.push_back(e.fault); })) {
        for (unsigned n = 0; n < 3; ++n) write();
        f.run(5_us);
        sent.clear();
    }
    DmaRequest request() const {
        DmaRequest r;
        r.at = f.at(page_size);
        r.bytes = 64;
        return r;
    }
    void write(bool relaxed = false) {
        DmaRequest r = request();
        r.attributes.relaxed = relaxed;
        sim::start(ep.dma_write(r, bytes));
    }
    void read() { sim::start(done(ep.dma_read(request(), into.data()))); }
    static sim::Task<void> done(sim::Task<Completion> t) { co_await std::move(t); }
};
constexpr auto read_tlp = TlpKind::MemoryRead, write_tlp = TlpKind::MemoryWrite;
} // namespace

TEST_CASE("a read that is kept back is passed by the writes and the reads behind it", "[pcie]") {
    KeptBack k;
    k.read();
    k.write();
    k.f.run(500_ns);
    CHECK(k.sent == std::vector{write_tlp});
    CHECK(k.faults.empty());
    k.f.run(5_us);
    CHECK(k.sent == std::vector{write_tlp, read_tlp});
    CHECK(k.faults == std::vector{LinkFaultKind::Reordered});
}

TEST_CASE("a write that is kept back holds up what must not pass it", "[pcie]") {
    KeptBack k;
    k.write();
    k.read();
    k.write();
    k.f.run(500_ns);
    CHECK(k.sent.empty());
    k.f.run(5_us);
    CHECK(k.sent == std::vector{write_tlp, read_tlp, write_tlp});
    CHECK(k.faults.empty()); // nothing passed it
}

TEST_CASE("a write that is kept back is passed by a relaxed one", "[pcie]") {
    KeptBack k;
    k.write();
    k.write(true);
    k.f.run(500_ns);
    CHECK(k.sent == std::vector{write_tlp});
    k.f.run(5_us);
    CHECK(k.faults == std::vector{LinkFaultKind::Reordered});
}

TEST_CASE("what is kept back leaves after its time even if nothing else moves the queue", "[pcie]") {
    KeptBack k;
    k.read();
    k.f.run(5_us);
    CHECK(k.sent == std::vector{read_tlp});
    CHECK(k.f.calendar.idle());
}
