// SPDX-License-Identifier: Apache-2.0
/// Links that do not do what they should: replays, delays, losses, damaged packets, refusals, and links that go down.
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;
using sim::Task;
using sim::Time;

namespace {
using Faults = void (*)(LinkFaultConfig&);

EndpointConfig with(Faults set, std::string direction = "both") {
    EndpointConfig c;
    c.faults.direction = direction;
    set(c.faults);
    return c;
}
struct FaultyMachine {
    Fabric f;
    TestEndpoint ep;
    std::vector<LinkFaultKind> faults;
    base::Subscription token;
    std::array<std::byte, 64> bytes{};

    explicit FaultyMachine(const EndpointConfig& c, const LinkConfig& link = {})
        : ep(f, link, c), token(f.events.subscribe<LinkFault>([this](Time, const LinkFault& e) { faults.push_back(e.fault); })) {
        f.memory.keep_commits = true;
    }
    DmaRequest to(u64 page) const {
        DmaRequest r;
        r.at = f.at(page * page_size);
        r.bytes = 64;
        return r;
    }
    struct Read {
        Time end;
        Completion how;
        std::array<std::byte, 64> into{};
    };
    void read(Read& r, u64 page = 1) { sim::start(timed(ep.dma_read(to(page), r.into.data()), r.end, r.how)); }
    void write(u64 page = 1) { sim::start(ep.dma_write(to(page), bytes)); }
    sim::Duration flight() const { return ep.link_config.propagation.get(); }
    /// A read that nothing disturbs.
    sim::Duration undisturbed() {
        return ep.endpoint_config.issue.get() + ep.wire(24) + flight() * 2 + f.config.ingress.get() + f.iommu.hit() +
               f.memory.latency() + f.config.egress.get() + ep.wire(20 + 64);
    }
    /// From the decision until the device gives up.
    sim::Duration given_up() { return ep.endpoint_config.issue.get() + ep.wire(24) + ep.endpoint_config.completion_timeout.get(); }
};
} // namespace

TEST_CASE("a packet that fails its LCRC comes a NAK's round trip and one more transmission later", "[pcie]") {
    FaultyMachine m{with([](LinkFaultConfig& c) { c.corrupt_every = 1; }, "up")};
    FaultyMachine::Read r;
    m.read(r);
    m.f.run(5_us);
    CHECK(r.how.ok());
    CHECK(r.end - Time{} == m.undisturbed() + m.flight() * 2 + m.ep.wire(24));
    CHECK(m.faults == std::vector<LinkFaultKind>{LinkFaultKind::Replayed});
}

TEST_CASE("a packet that is held up holds up those behind it, of its direction only", "[pcie]") {
    FaultyMachine m{with([](LinkFaultConfig& c) { c.delay_every = 2; c.delay = 3_us; }, "up")};
    FaultyMachine::Read a, b, c;
    m.read(a);
    m.read(b);
    m.read(c);
    m.f.run(20_us);
    CHECK(a.end - Time{} == m.undisturbed());
    CHECK(b.end - Time{} == m.undisturbed() + m.ep.wire(24) + 3_us);
    CHECK(c.end - b.end >= m.ep.wire(24));
    CHECK(m.faults == std::vector<LinkFaultKind>{LinkFaultKind::Delayed});
}

TEST_CASE("a read whose request or answer is lost ends when the device gives up, and its tag is free again", "[pcie]") {
    const std::string direction = GENERATE("up", "down");
    FaultyMachine m{with([](LinkFaultConfig& c) { c.drop_every = 1; }, direction)};
    FaultyMachine::Read r;
    u64 told = 0;
    auto token = m.f.events.subscribe<CompletionTimedOut>([&](Time, const CompletionTimedOut&) { ++told; });
    m.read(r);
    m.f.run(20_ms);
    CHECK(r.how.status == CompletionStatus::TimedOut);
    CHECK(r.end - Time{} == m.given_up());
    CHECK(told == 1);
    CHECK(m.ep.tags().used() == 0);
    CHECK(m.f.memory.commits.size() == (direction == "up" ? 0 : 1));
    CHECK(m.faults == std::vector<LinkFaultKind>{LinkFaultKind::Dropped});
}

TEST_CASE("a write that is lost, malformed or poisoned reaches no memory; of a lost one the root port knows nothing", "[pcie]") {
    struct Row {
        Faults set;
        u64 dropped, malformed;
    };
    const Row row = GENERATE(Row{[](LinkFaultConfig& c) { c.drop_every = 2; }, 0, 0},
                             Row{[](LinkFaultConfig& c) { c.malformed_every = 2; }, 1, 1},
                             Row{[](LinkFaultConfig& c) { c.poison_every = 2; }, 1, 0});
    FaultyMachine m{with(row.set)};
    m.write(1);
    m.write(2);
    m.write(3);
    m.f.run(5_us);
    REQUIRE(m.f.memory.commits.size() == 2);
    CHECK(m.f.memory.commits[1].request.at == Spa{3 * page_size});
    CHECK(m.ep.port().counts().dropped_writes == row.dropped);
    CHECK(m.ep.port().counts().malformed == row.malformed);
    CHECK(m.ep.port().posted_inside() == 0);
    CHECK(m.ep.port().link().up.queue().pool_of(Tlp{.kind = TlpKind::MemoryWrite}).headers() == 128);
}

TEST_CASE("poisoned data ends a read as poisoned when it comes, a malformed completion is no completion", "[pcie]") {
    const bool poisoned = GENERATE(true, false);
    FaultyMachine m{with(poisoned ? Faults{[](LinkFaultConfig& c) { c.poison_every = 1; }}
                            : Faults{[](LinkFaultConfig& c) { c.malformed_every = 1; }},
                   "down")};
    FaultyMachine::Read r;
    m.read(r);
    m.f.run(20_ms);
    CHECK(r.how.status == (poisoned ? CompletionStatus::Poisoned : CompletionStatus::TimedOut));
    CHECK(r.end - Time{} == (poisoned ? m.undisturbed() : m.given_up()));
}

TEST_CASE("a refused read gets Unsupported Request or Completer Abort, and no data", "[pcie]") {
    const bool unsupported = GENERATE(true, false);
    FaultyMachine m{with(unsupported ? Faults{[](LinkFaultConfig& c) { c.unsupported_every = 2; }}
                               : Faults{[](LinkFaultConfig& c) { c.abort_every = 2; }})};
    FaultyMachine::Read a, b;
    m.read(a);
    m.read(b);
    m.f.run(5_us);
    CHECK(a.how.ok());
    CHECK(b.how.status == (unsupported ? CompletionStatus::UnsupportedRequest : CompletionStatus::CompleterAbort));
    CHECK(m.f.memory.commits.size() == 1);
    CHECK(m.ep.port().counts().aborted_reads == 1);
}

TEST_CASE("when the link goes down, what is on it is lost, nothing waits for room any more, and the function is reset", "[pcie]") {
    LinkConfig tight;
    tight.root_port.posted_headers = 1;
    FaultyMachine m{EndpointConfig{}, tight};
    FaultyMachine::Read r;
    m.f.iommu.slow_pages[m.f.at(page_size).page_number()] = 400_ns;
    for (u64 n = 0; n < 4; ++n) m.write(1);
    m.read(r);
    m.f.run(400_ns);
    REQUIRE_FALSE(m.f.root_complex.who_waits().empty());
    m.ep.port().set_link(false);
    CHECK(m.f.root_complex.who_waits().empty());
    CHECK_FALSE(m.ep.bus_master());
    m.f.run(20_ms);
    CHECK(m.f.memory.commits.size() == 1); // it had arrived before
    CHECK(r.how.status == CompletionStatus::TimedOut);
    CHECK(m.f.calendar.idle());
}

TEST_CASE("a CPU's read of a device behind a link that is down gives all ones at once, its writes vanish", "[pcie]") {
    FaultyMachine m{EndpointConfig{}};
    m.ep.answer = 5;
    m.ep.port().set_link(false);
    Time end;
    u64 value = 0;
    sim::start(m.ep.bar().mmio_write(0x10, 4, 1));
    sim::start(timed(m.ep.bar().mmio_read(0x20, 8), end, value));
    m.f.run(2_us);
    CHECK(value == ~u64{0});
    CHECK(end - Time{} < 1_us);
    CHECK(m.ep.accesses.empty());
}

TEST_CASE("a link that comes up again carries packets again, once software has enabled the function", "[pcie]") {
    FaultyMachine m{with([](LinkFaultConfig& c) { c.down_at = 2_us; c.down_for = 3_us; })};
    std::vector<std::pair<Time, bool>> changes;
    auto token = m.f.events.subscribe<LinkChanged>([&](Time t, const LinkChanged& e) { changes.push_back({t, e.up}); });
    m.f.run(6_us);
    CHECK(changes == std::vector<std::pair<Time, bool>>{{Time::at(2_us), false}, {Time::at(5_us), true}});
    FaultyMachine::Read r;
    m.read(r);
    m.f.run(5_us);
    CHECK(r.end == Time{}); // no bus mastering
    m.ep.take_into_service();
    m.f.run(5_us);
    CHECK(r.how.ok());
    CHECK(r.end > Time{});
}

TEST_CASE("an Invalidate Request into a link that is down is waited for until the time-out", "[pcie]") {
    FaultyMachine m{EndpointConfig{}};
    m.ep.port().set_link(false);
    Time end;
    iommu::AtcAnswer answer = iommu::AtcAnswer::Completed;
    iommu::AtcInvalidation what;
    what.stream = m.ep.stream();
    what.everything = true;
    sim::start(timed(m.f.root_complex.invalidate(what), end, answer));
    m.f.run(61_s);
    CHECK(answer == iommu::AtcAnswer::TimedOut);
    CHECK(end - Time{} >= m.f.config.invalidate_timeout.get());
    CHECK(m.ep.invalidations.empty());
}

TEST_CASE("faults by count leave alone what comes before their time", "[pcie]") {
    FaultyMachine m{with([](LinkFaultConfig& c) { c.drop_every = 1; c.from = 3_us; })};
    m.write(1);
    m.f.run(4_us);
    m.write(2);
    m.f.run(4_us);
    REQUIRE(m.f.memory.commits.size() == 1);
    CHECK(m.f.memory.commits[0].request.at == Spa{page_size});
    CHECK(m.faults == std::vector<LinkFaultKind>{LinkFaultKind::Dropped});
}
