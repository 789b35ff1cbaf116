// SPDX-License-Identifier: Apache-2.0
/// Room at the receiver, and the ordering table: against PCIe Base 2.4.1 (table 2-40) and 2.6, worked by hand.
#include "pcie/flow_control.h"
#include "sim/task.h"

#include <catch2/catch.hpp>

#include <vector>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace sim::literals;
using sim::Task;

namespace {
Tlp packet(TlpKind kind, u16 tag = 0) {
    Tlp t;
    t.kind = kind;
    t.tag = tag;
    t.requester = RequesterId{0x100};
    return t;
}
Tlp with_pasid(Tlp t, u32 pasid) {
    t.has_pasid = true;
    t.pasid = Pasid{pasid};
    return t;
}
Tlp with_relaxed(Tlp t) {
    t.attributes.relaxed = true;
    return t;
}
Tlp id_based(Tlp t) {
    t.attributes.id_based = true;
    return t;
}
Passing may(const Tlp& later, const Tlp& earlier) { return passing(ordered(later), ordered(earlier)); }

struct FlowControlBench {
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    CreditConfig credits;
    sim::Duration update{};
    std::string left; ///< the names of packets, in the order in which they left
    std::unique_ptr<TransmitQueue> queue;

    ~FlowControlBench() { calendar.shutdown(); }
    void open() { queue = std::make_unique<TransmitQueue>(events, "l", true, credits, update); }
    void send(char name, const Tlp& t, u32 payload = 0, sim::Duration held = 10_ns) {
        sim::start(sending(name, t, payload, held));
    }
    Task<void> sending(char name, Tlp t, u32 payload, sim::Duration held) {
        const auto room = co_await queue->enter(t, payload);
        left += name;
        co_await sim::delay(held);
    }
};
const Tlp a_write = packet(TlpKind::MemoryWrite), a_read = packet(TlpKind::MemoryRead),
          completion = packet(TlpKind::Completion), config_write = packet(TlpKind::ConfigWrite),
          message = packet(TlpKind::Message);
} // namespace

TEST_CASE("infinite room does not run out", "[pcie]") {
    CreditPool pool{0, 0};
    for (unsigned packets = 0; packets < 5; ++packets) CHECK(pool.take(1u << 29)); // 40 GiB
}

TEST_CASE("without attributes nothing passes a posted request, and posted requests and completions pass the others",
          "[pcie]") {
    for (const Tlp& later : {a_write, a_read, config_write, completion, message})
        CHECK(may(later, a_write) == Passing::MustNot);
    for (const Tlp& earlier : {a_read, config_write}) {
        CHECK(may(a_write, earlier) == Passing::Must);
        CHECK(may(message, earlier) == Passing::Must);
        CHECK(may(completion, earlier) == Passing::Must);
        CHECK(may(a_read, earlier) == Passing::May);
        CHECK(may(config_write, earlier) == Passing::May);
    }
    for (const Tlp& later : {a_write, a_read, config_write}) CHECK(may(later, completion) == Passing::May);
}

TEST_CASE("relaxed ordering lets writes and completions pass posted requests, but not reads", "[pcie]") {
    CHECK(may(with_relaxed(a_write), a_write) == Passing::May);
    CHECK(may(with_relaxed(completion), a_write) == Passing::May);
    CHECK(may(with_relaxed(config_write), a_write) == Passing::May);
    CHECK(may(with_relaxed(a_read), a_write) == Passing::MustNot);
    CHECK(may(a_write, with_relaxed(a_write)) == Passing::MustNot); // it is the later one's attribute that counts
}

TEST_CASE("ID-based ordering lets requests pass posted ones of another PASID or requester only", "[pcie]") {
    for (const Tlp& later : {a_write, a_read, config_write}) {
        CHECK(may(id_based(with_pasid(later, 1)), with_pasid(a_write, 2)) == Passing::May);
        CHECK(may(id_based(with_pasid(later, 1)), with_pasid(a_write, 1)) == Passing::MustNot);
        CHECK(may(id_based(with_pasid(later, 1)), a_write) == Passing::MustNot); // both need a PASID
        CHECK(may(with_pasid(later, 1), id_based(with_pasid(a_write, 2))) == Passing::MustNot);
        Tlp other = a_write;
        other.requester = RequesterId{0x200};
        CHECK(may(id_based(later), other) == Passing::May);
    }
}

TEST_CASE("completions of one transaction keep their order, those of two need not", "[pcie]") {
    CHECK(may(packet(TlpKind::Completion, 1), packet(TlpKind::Completion, 2)) == Passing::May);
    CHECK(may(packet(TlpKind::Completion, 1), packet(TlpKind::Completion, 1)) == Passing::MustNot);
    CHECK(may(with_relaxed(packet(TlpKind::Completion, 1)), packet(TlpKind::Completion, 1)) == Passing::MustNot);
}

TEST_CASE("a packet needs one header credit and a data credit for every 16 bytes begun", "[pcie]") {
    CHECK(data_credits(0) == 0);
    CHECK(data_credits(1) == 1);
    CHECK(data_credits(16) == 1);
    CHECK(data_credits(17) == 2);
    CHECK(data_credits(256) == 16);
    FlowControlBench b;
    b.credits.posted_headers = 8;
    b.credits.posted_data = 16;
    b.open();
    b.send('a', a_write, 129); // 9 data credits
    b.send('b', a_write, 112); // 7
    b.send('c', a_write, 1);
    CHECK(b.left == "ab");
    CHECK(b.queue->pool_of(a_write).headers() == 6);
    CHECK(b.queue->pool_of(a_write).data() == 0);
    b.calendar.run_for(11_ns);
    CHECK(b.left == "abc");
}

TEST_CASE("zero advertised is infinite", "[pcie]") {
    FlowControlBench b;
    b.credits.posted_headers = 0;
    b.credits.posted_data = 0;
    b.open();
    for (int i = 0; i < 1000; ++i) b.send('w', a_write, 4096);
    CHECK(b.left.size() == 1000);
    CHECK(b.queue->who_waits().empty());
}

TEST_CASE("room that was given back can be used one update latency later, not before", "[pcie]") {
    FlowControlBench b;
    b.credits.posted_headers = 1;
    b.update = 7_ns;
    b.open();
    b.send('a', a_write, 16);
    b.send('b', a_write, 16);
    b.calendar.run_for(17_ns); // half-open: what happens at 17 ns has not happened
    CHECK(b.left == "a");
    b.calendar.run_for(1_ns);
    CHECK(b.left == "ab");
    CHECK(b.queue->counts().stalls == 1);
    CHECK(b.queue->counts().stalled == 17_ns);
}

TEST_CASE("packets of a kind leave in the order in which they asked, whatever order simultaneous ones take", "[pcie]") {
    FlowControlBench b;
    const bool shuffle = GENERATE(false, true);
    b.calendar.perturb({7, shuffle, {}});
    b.credits.posted_headers = 2;
    b.open();
    for (char name = 'a'; name <= 'h'; ++name) b.send(name, name == 'd' || name == 'g' ? a_read : a_write, 0);
    CHECK(b.left == "ab");
    b.calendar.run_for(5_ns);
    CHECK(b.left == "ab"); // the reads have room, and must not pass the write before them
    b.calendar.run_for(6_ns);
    CHECK(b.left == "abcde");
    b.calendar.run_for(30_ns);
    CHECK(b.left == "abcdefgh");
    CHECK(b.queue->pool_of(a_write).headers() == 2);
}

TEST_CASE("a write and a completion leave before reads that wait for room", "[pcie]") {
    FlowControlBench b;
    b.credits.non_posted_headers = 1;
    b.open();
    b.send('r', a_read);
    b.send('s', a_read);
    b.send('w', a_write, 64);
    b.send('c', completion, 64);
    b.send('t', a_read);
    b.calendar.run_for(1_ns);
    CHECK(b.left == "rwc");
    b.calendar.run_for(30_ns);
    CHECK(b.left == "rwcst");
}

TEST_CASE("a read of another PASID with ID-based ordering leaves before a write that waits, one of the same does not",
          "[pcie]") {
    FlowControlBench b;
    b.credits.posted_headers = 1;
    b.open();
    b.send('a', with_pasid(a_write, 1), 64);
    b.send('b', with_pasid(a_write, 1), 64);
    b.send('x', id_based(with_pasid(a_read, 1)));
    b.send('y', id_based(with_pasid(a_read, 2)));
    b.calendar.run_for(1_ns);
    CHECK(b.left == "ay");
    b.calendar.run_for(30_ns);
    CHECK(b.left == "aybx");
}

TEST_CASE("a packet that can never have room is named with what it waits for", "[pcie]") {
    FlowControlBench b;
    b.credits.posted_data = 8;
    b.open();
    Tlp large = a_write;
    large.bond = BondId{3};
    b.send('a', large, 256);
    b.send('b', a_write, 16);
    b.calendar.run_for(1_us);
    CHECK(b.left.empty());
    CHECK(b.calendar.idle());
    CHECK(b.queue->who_waits() ==
          "l up: a packet of 256 bytes of bond 3 waits since 0 ps for 1 posted header credit and 16 data "
          "credits; free are 128 of 128 and 8 of 8, and 1 more wait behind it");
}

TEST_CASE("room that a packet holds is left behind until it is given back, and so is a packet that waits", "[pcie]") {
    FlowControlBench b;
    b.credits.posted_headers = 1;
    b.update = 5_ns;
    b.open();
    const auto left = [&b] {
        base::Leftovers out;
        b.queue->left_behind(out);
        std::string text;
        for (const base::Leftover& l : out.all()) text += l.owner + ": " + l.what + "; ";
        return text;
    };
    CHECK(left().empty());
    b.send('c', completion, 64); // infinite
    b.send('a', a_write, 64);
    b.send('b', a_write, 64);
    b.calendar.run_for(1_ns);
    CHECK(left() == "l up: 1 header credit not given back: posted; l up: 1 packet waiting for room; ");
    b.calendar.run_for(40_ns);
    CHECK(b.left == "cab");
    CHECK(left().empty());
}

TEST_CASE("a wait for credits is stated when it ends", "[pcie]") {
    FlowControlBench b;
    b.credits.posted_headers = 1;
    b.open();
    std::vector<CreditStalled> stalls;
    auto token = b.events.subscribe<CreditStalled>([&](sim::Time, const CreditStalled& e) { stalls.push_back(e); });
    b.send('a', a_write);
    b.calendar.run_for(4_ns);
    b.send('b', a_write);
    b.calendar.run_for(30_ns);
    REQUIRE(stalls.size() == 1);
    CHECK((stalls[0].upstream && stalls[0].kind == TlpKind::MemoryWrite));
    CHECK(stalls[0].since == sim::Time::at(4_ns));
}
