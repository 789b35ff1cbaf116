// SPDX-License-Identifier: Apache-2.0
/// AtomicOps (PCIe Base 2.2.7, 6.15): what they do at memory, how long they take, and every way in which they fail.
#include "pcie/support/switched.h"

#include <catch2/catch.hpp>

#include <set>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;
using memory::AtomicOp;
using sim::Time;

namespace {
struct AtomicsEndpoint final : Endpoint {
    AtomicsEndpoint(Fabric& f, RootComplex& rc, const EndpointConfig& c, const LinkConfig& link, DeviceId id)
        : Endpoint("at" + std::to_string(raw(id)), f.events, rc, link, c, id, function()) {
        take_into_service();
    }
    static FunctionConfig function() {
        FunctionConfig f = plain_function();
        f.express.atomic_requester = true;
        return f;
    }
};

struct AtomicsAnswer final : Requester {
    std::array<std::byte, 16> old{};
    Completion how{CompletionStatus::RequestRetry}; ///< until it is over
    Time end;
    void left(const Tlp&) override {}
    void completed(const Tlp&, Completion c) override {
        how = c;
        end = sim::now();
    }
    u64 value() const {
        u64 v = 0;
        std::memcpy(&v, old.data(), sizeof v);
        return v;
    }
};

sim::Task<void> atomic_of(Endpoint& e, AtomicOp op, DmaRequest r, Operands operands, AtomicsAnswer& a) {
    Tag tag = co_await e.tags().acquire();
    auto sent = e.atomic(op, r, e.next_transaction(), operands, a.old.data(), std::move(tag), a);
    co_await std::move(sent);
}

struct AtomicsBench {
    Fabric f;
    RootComplexConfig root;
    RootComplex rc;
    EndpointConfig endpoint;
    LinkConfig link;
    AtomicsEndpoint a, b;
    std::vector<RequestAborted> aborted;
    base::Subscription refused;

    explicit AtomicsBench(const EndpointConfig& c = {}, const RootComplexConfig& r = {}, const LinkConfig& l = {})
        : root(r), rc(f.events, f.memory, &f.iommu, r), endpoint(c), link(l), a(f, rc, c, l, DeviceId{0}),
          b(f, rc, c, l, DeviceId{1}) {
        f.iommu.keep_questions = true;
        f.memory.keep_commits = true;
        refused = f.events.subscribe<RequestAborted>([this](Time, const RequestAborted& e) { aborted.push_back(e); });
    }
    ~AtomicsBench() { f.calendar.shutdown(); }
    DmaRequest at(u64 offset, u32 bytes = 8) const {
        DmaRequest r;
        r.at = f.at(offset);
        r.bytes = bytes;
        return r;
    }
    void add(Endpoint& e, u64 offset, u64 addend, AtomicsAnswer& into, u32 bytes = 8) {
        sim::start(atomic_of(e, AtomicOp::FetchAdd, at(offset, bytes), Operands::of(addend), into));
    }
    sim::Duration wire(u32 bytes) { return a.port().link().up.occupancy(bytes); }
};
} // namespace

TEST_CASE("an AtomicOp takes the time of a read whose request carries the operands", "[pcie]") {
    AtomicsBench t;
    struct Row {
        AtomicOp op;
        u32 bytes, payload;
    };
    const Row row = GENERATE(Row{AtomicOp::FetchAdd, 4, 4}, Row{AtomicOp::Swap, 8, 8},
                             Row{AtomicOp::CompareSwap, 8, 16}, Row{AtomicOp::CompareSwap, 16, 32});
    AtomicsAnswer got;
    sim::start(atomic_of(t.a, row.op, t.at(0x1000, row.bytes), Operands{}, got));
    t.f.run(5_us);
    CHECK(got.how.ok());
    CHECK(got.end - Time{} == t.endpoint.issue.get() + t.wire(24 + row.payload) + t.link.propagation.get() * 2 +
                                  t.root.ingress.get() + t.f.iommu.hit() + t.f.memory.latency() +
                                  t.root.egress.get() + t.wire(20 + row.bytes));
    CHECK(t.a.tags().used() == 0);
}

TEST_CASE("FetchAdd adds and wraps, Swap stores always, CompareSwap only where equal; all tell what was there",
          "[pcie]") {
    struct Row {
        AtomicOp op;
        u32 bytes;
        u64 before;
        Operands operands;
        u64 after, told;
    };
    const u64 all = ~u64{0}, low = 0xffff'ffff;
    const Row row = GENERATE_COPY(
        Row{AtomicOp::FetchAdd, 8, 40, Operands::of(u64{2}), 42, 40},
        Row{AtomicOp::FetchAdd, 8, all, Operands::of(u64{3}), 2, all},
        Row{AtomicOp::FetchAdd, 4, all, Operands::of(u32{1}), all - low, low}, // the word above is not touched
        Row{AtomicOp::Swap, 8, 1, Operands::of(u64{2}), 2, 1},
        Row{AtomicOp::Swap, 4, all, Operands::of(u32{7}), (all - low) | 7, low},
        Row{AtomicOp::CompareSwap, 8, 5, Operands::of(u64{5}, u64{9}), 9, 5},
        Row{AtomicOp::CompareSwap, 8, 6, Operands::of(u64{5}, u64{9}), 6, 6},
        Row{AtomicOp::CompareSwap, 4, 5, Operands::of(u32{5}, u32{9}), 9, 5});
    AtomicsBench t;
    t.f.memory.poke64(Spa{0x1000}, row.before);
    AtomicsAnswer got;
    sim::start(atomic_of(t.a, row.op, t.at(0x1000, row.bytes), row.operands, got));
    t.f.run(5_us);
    REQUIRE(got.how.ok());
    CHECK(t.f.word(0x1000) == row.after);
    CHECK(got.value() == row.told);
    REQUIRE(t.f.memory.commits.size() == 1); // one access, judged as a write
    CHECK(t.f.memory.commits[0].request.write);
}

TEST_CASE("after N FetchAdds by two devices at once the word holds N, and no two saw the same value", "[pcie]") {
    AtomicsBench t;
    std::vector<AtomicsAnswer> answers(100);
    for (std::size_t n = 0; n < answers.size(); ++n) t.add(n % 2 == 0 ? t.a : t.b, 0x1000, 1, answers[n]);
    t.f.run(50_us);
    CHECK(t.f.word(0x1000) == answers.size());
    std::set<u64> seen;
    for (const AtomicsAnswer& x : answers) seen.insert(x.value());
    CHECK(seen.size() == answers.size());
    CHECK(*seen.rbegin() == answers.size() - 1);
}

TEST_CASE("an AtomicOp stays behind an earlier posted write, however long that takes to translate", "[pcie]") {
    AtomicsBench t;
    t.f.iommu.slow_pages[t.f.at(0x1000).page_number()] = 2_us;
    const u64 five = 5;
    sim::start(t.a.dma_write(t.at(0x1000), std::as_bytes(std::span{&five, 1})));
    AtomicsAnswer got;
    sim::start(atomic_of(t.a, AtomicOp::FetchAdd, t.at(0x2000), Operands::of(u64{1}), got));
    t.f.run(20_us);
    REQUIRE(t.f.memory.commits.size() == 2);
    CHECK(t.f.memory.commits[0].request.at == Spa{0x1000});
    CHECK(t.f.memory.commits[1].request.at == Spa{0x2000});
}

TEST_CASE("an operand of a wrong size or at no multiple of it is malformed and reaches no memory", "[pcie]") {
    struct Row {
        AtomicOp op;
        u64 at;
        u32 bytes;
    };
    const Row row = GENERATE(Row{AtomicOp::FetchAdd, 0x1004, 8}, Row{AtomicOp::Swap, 0x1002, 4},
                             Row{AtomicOp::FetchAdd, 0x1000, 16}, Row{AtomicOp::Swap, 0x1000, 2},
                             Row{AtomicOp::CompareSwap, 0x1008, 16});
    AtomicsBench t;
    AtomicsAnswer got;
    sim::start(atomic_of(t.a, row.op, t.at(row.at, row.bytes), Operands::of(u64{1}), got));
    t.f.run(5_us);
    CHECK(got.how.status == CompletionStatus::UnsupportedRequest);
    CHECK(t.f.memory.commits.empty());
    REQUIRE(t.aborted.size() == 1);
    CHECK(t.aborted[0].why == AbortReason::Malformed);
}

TEST_CASE("a root complex that completes no AtomicOps refuses them", "[pcie]") {
    RootComplexConfig without;
    without.atomics = false;
    AtomicsBench t{{}, without};
    AtomicsAnswer got;
    t.add(t.a, 0x1000, 1, got);
    t.f.run(5_us);
    CHECK(got.how.status == CompletionStatus::UnsupportedRequest);
    CHECK(t.f.iommu.questions.empty());
    CHECK(t.f.word(0x1000) == 0);
}

TEST_CASE("an AtomicOp that asks for a translation is refused unasked", "[pcie]") {
    AtomicsBench t;
    AtomicsAnswer got;
    DmaRequest r = t.at(0x1000);
    r.type = iommu::AddressType::TranslationRequest;
    sim::start(atomic_of(t.a, AtomicOp::FetchAdd, r, Operands::of(u64{1}), got));
    t.f.run(5_us);
    CHECK(got.how.status == CompletionStatus::UnsupportedRequest);
    CHECK(t.f.iommu.questions.empty());
    CHECK(t.f.memory.commits.empty());
}

TEST_CASE("the IOMMU is asked for both permissions; what it refuses changes nothing", "[pcie]") {
    AtomicsBench t;
    t.f.iommu.ending = [](const iommu::TranslationRequest&) { return iommu::Ending::Abort; };
    AtomicsAnswer got;
    t.add(t.a, 0x1000, 1, got);
    t.f.run(5_us);
    REQUIRE(t.f.iommu.questions.size() == 1);
    CHECK(t.f.iommu.questions[0].access == iommu::Access::ReadWrite);
    CHECK(got.how.status == CompletionStatus::UnsupportedRequest);
    CHECK(t.f.word(0x1000) == 0);
}

TEST_CASE("a poisoned AtomicOp is refused and changes nothing; a poisoned or lost answer comes after the change",
          "[pcie]") {
    struct Row {
        std::string direction;
        u64 poison, drop;
        CompletionStatus status;
        u64 word;
    };
    const Row row = GENERATE(Row{"up", 1, 0, CompletionStatus::UnsupportedRequest, 0},
                             Row{"down", 1, 0, CompletionStatus::Poisoned, 1},
                             Row{"up", 0, 1, CompletionStatus::TimedOut, 0},
                             Row{"down", 0, 1, CompletionStatus::TimedOut, 1});
    EndpointConfig c;
    c.faults.direction = row.direction;
    c.faults.poison_every = row.poison;
    c.faults.drop_every = row.drop;
    AtomicsBench t{c};
    AtomicsAnswer got;
    t.add(t.a, 0x1000, 1, got);
    t.f.run(20_ms);
    CHECK(got.how.status == row.status);
    CHECK(t.f.word(0x1000) == row.word);
    CHECK(t.a.tags().used() == 0);
}

TEST_CASE("AtomicOps take credits for non-posted data: with one, the second waits for the first", "[pcie]") {
    LinkConfig link;
    link.root_port.non_posted_data = 1;
    AtomicsBench t{{}, {}, link};
    u64 stalled = 0;
    auto token = t.f.events.subscribe<CreditStalled>(
        [&](Time, const CreditStalled& e) { stalled += e.kind == TlpKind::FetchAdd; });
    AtomicsAnswer first, second;
    t.add(t.a, 0x1000, 1, first);
    t.add(t.a, 0x1000, 1, second);
    t.f.run(20_us);
    CHECK(stalled == 1);
    CHECK(t.f.word(0x1000) == 2);
}

TEST_CASE("a function that can send AtomicOps may do so while DevCtl2 says it, and another never", "[pcie]") {
    AtomicsBench t;
    CHECK(t.a.may_send_atomics());
    t.a.port().set_link(false); // resets it
    CHECK_FALSE(t.a.may_send_atomics());
    TestEndpoint plain{t.f, {}, {}, DeviceId{5}}; // in service just so
    CHECK_FALSE(plain.may_send_atomics());
    CHECK_FALSE(plain.config_space().get(cfg::DevCtl2::AtomicRequester));
}

TEST_CASE("switches route AtomicOps, up to memory or to a peer, which completes none", "[pcie]") {
    Switched s{2};
    CHECK(s.sw().config_space().get(cfg::DevCap2::AtomicRouting));
    AtomicsAnswer up, over;
    DmaRequest r;
    r.at = s.f.at(0x1000);
    r.bytes = 8;
    sim::start(atomic_of(s.a, AtomicOp::FetchAdd, r, Operands::of(u64{1}), up));
    r.at = Iova{Switched::bar_b + 0x40};
    s.set_acs(0, 0);
    sim::start(atomic_of(s.a, AtomicOp::FetchAdd, r, Operands::of(u64{1}), over));
    s.f.run(20_us);
    CHECK(up.how.ok());
    CHECK(s.f.word(0x1000) == 1);
    CHECK(over.how.status == CompletionStatus::UnsupportedRequest);
    CHECK(s.b.accesses.empty());
}
