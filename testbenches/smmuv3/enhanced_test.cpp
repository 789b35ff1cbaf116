// SPDX-License-Identifier: Apache-2.0
/// Enhanced command queues: where software finds them, what each does by itself, and what they share.
#include "smmuv3/bench.h"

#include <algorithm>
#include <rapidcheck.h>

namespace quiesce::iommu::smmuv3::test {
namespace {

/// Devices that take their time to forget: as long as their stream number in microseconds, or for ever.
struct SlowDevices : AtsPort {
    sim::Task<AtcAnswer> invalidate(AtcInvalidation what) override {
        co_await sim::delay(1_us * static_cast<i64>(raw(what.stream)));
        co_return raw(what.stream) == silent ? AtcAnswer::TimedOut : AtcAnswer::Completed;
    }
    u32 silent = 99;
};

/// Four queues of eight entries each.
struct EnhancedBench : Bench {
    static constexpr unsigned log2_queues = 2, queue_log2 = 3, queues = 1u << log2_queues;
    static Smmuv3Config with_queues() {
        Smmuv3Config c;
        c.ecmdq_log2 = log2_queues;
        return c;
    }
    explicit EnhancedBench(const Smmuv3Config& c = with_queues()) : Bench(c) {
        unit.set_ats_port(&devices);
        start();
    }
    static constexpr u64 at(unsigned n) { return control_page_at + n * (register_page_bytes >> log2_queues); }
    static constexpr Spa place(unsigned n) { return cmdq + 0x1'0000 * (n + 1); }

    template <class R> void queue_post(unsigned n, R value) {
        sim::spawn(unit.mmio_write(at(n) + R::offset, sizeof(typename R::Value), value.value()));
    }
    template <class R> void queue_write(unsigned n, R value) {
        queue_post(n, value);
        settle();
    }
    template <class R> R queue_read(unsigned n) {
        return R::of(static_cast<typename R::Value>(run(unit.mmio_read(at(n) + R::offset, sizeof(typename R::Value)))));
    }
    /// Without an access, and so without letting time go on.
    bool acknowledged(unsigned n) const { return unit.control_page()[n].registers().get(EcmdqCons::ENACK); }
    EcmdqProd producer(unsigned n, bool on = true) const {
        return EcmdqProd{}.set(EcmdqProd::WR, prods[n]).set(EcmdqProd::EN, on).set(EcmdqProd::ERRACK, errack[n]);
    }
    void enable(unsigned n) {
        queue_write(n, EcmdqBase{}.set(EcmdqBase::ADDR, place(n)).set(EcmdqBase::LOG2SIZE, queue_log2));
        queue_write(n, producer(n));
    }
    template <class... C> void fill(unsigned n, const C&... c) { (put(n, c), ...); }
    template <class C> void put(unsigned n, const C& c) {
        store(place(n) + base::WrapBit::index(prods[n], queue_log2) * command_bytes, c);
        prods[n] = base::WrapBit::next(prods[n], queue_log2);
    }
    void post_queue_doorbell(unsigned n) { queue_post(n, producer(n)); }
    template <class... C> void issue(unsigned n, const C&... c) {
        fill(n, c...);
        queue_write(n, producer(n));
    }
    u32 done(unsigned n) { return queue_read<EcmdqCons>(n).get(EcmdqCons::RD); }
    /// When the queue's last fence was signalled; 0 is the unit's own queue.
    static base::Name name(unsigned n) { return "smmu.ecmdq" + std::to_string(n); }
    std::optional<sim::Time> fenced(base::Name queue) const {
        for (const auto& [when, f] : fences.all)
            if (f.unit == queue) return when;
        return std::nullopt;
    }
    static AtcInv forget(u32 stream) {
        return make_command<AtcInv>().set(AtcInv::SID, StreamId{stream}).set(AtcInv::Size, 52);
    }

    SlowDevices devices;
    std::array<u32, queues> prods{};
    std::array<bool, queues> errack{};
    Log<FenceSignalled> fences{bus};
    Log<CommandConsumed> taken{bus};
};

} // namespace

TEST_CASE("the registers say where the enhanced queues are and how many",
          "[smmuv3][ecmdq][IDR6][CMDQ_CONTROL_PAGE_BASE0][CMDQ_CONTROL_PAGE_CFG0][CMDQ_CONTROL_PAGE_STATUS0]") {
    EnhancedBench b;
    CHECK(b.read<Idr1>().get(Idr1::ECMDQ));
    CHECK(b.read<Idr6>().value() == 0x0002'0000);
    CHECK(b.read<ControlPageBase>().value() == 0x2'0003);
    CHECK(b.read<ControlPageCfg>().value() == 1);
    CHECK(b.read<ControlPageStatus>().value() == 1);
    CHECK(b.unit.register_bytes() == 0x3'0000);
}

TEST_CASE("without enhanced queues the registers that tell of them are zero, and there is no page", "[smmuv3][ecmdq]") {
    Bench none;
    CHECK_FALSE(none.read<Idr1>().get(Idr1::ECMDQ));
    CHECK(none.read<Idr6>().value() == 0);
    CHECK(none.read<ControlPageBase>().value() == 0);
    CHECK(none.read<ControlPageCfg>().value() == 0);
    CHECK(none.unit.register_bytes() == 0x2'0000);
    CHECK(none.run(none.unit.mmio_read(control_page_at, 8)) == 0);
}

TEST_CASE("a queue's registers are where its spacing puts them, and nothing is between",
          "[smmuv3][ecmdq][ECMDQ_BASE<n>]") {
    EnhancedBench b;
    const auto write = [&](u64 offset, u64 value) {
        sim::spawn(b.unit.mmio_write(control_page_at + offset, 8, value));
        b.settle();
    };
    write(0xC000, 0x4000'0000'1234'5603); // the fourth
    write(0xC010, ~u64{0});
    CHECK(b.run(b.unit.mmio_read(control_page_at + 0xC000, 8)) == 0x4000'0000'1234'5603);
    CHECK(b.run(b.unit.mmio_read(control_page_at + 0xC010, 8)) == 0);
    CHECK(b.run(b.unit.mmio_read(control_page_at + 0x8000, 8)) == 0);
}

TEST_CASE("a queue runs from ENACK on, which follows EN after the update's delay, whatever CR0.CMDQEN is",
          "[smmuv3][ecmdq][ECMDQ_PROD<n>][ECMDQ_CONS<n>]") {
    EnhancedBench b;
    b.write(Cr0{});
    b.queue_write(0, EcmdqBase{}.set(EcmdqBase::ADDR, EnhancedBench::place(0)).set(EcmdqBase::LOG2SIZE, 3));
    b.fill(0, make_command<TlbiNhAll>(), Bench::sync(0x55));
    const auto& c = b.config;
    const sim::Time asked = sim::now() + c.register_access.get();
    b.post_queue_doorbell(0);
    b.calendar.run_for(c.register_access.get() + c.update_delay.get() - 1_ns);
    CHECK_FALSE(b.acknowledged(0));
    b.settle();
    CHECK(b.queue_read<EcmdqCons>(0).get(EcmdqCons::ENACK));
    CHECK(b.done(0) == 2);
    REQUIRE(b.taken.size() == 2);
    const auto each = c.command_fetch.get() + b.memory.latency + c.command_execute.get();
    CHECK(b.taken.all[0].first == asked + c.update_delay.get() + each);
    CHECK(b.taken[0].unit == EnhancedBench::name(0));
    REQUIRE(b.memory.messages.size() == 1);
    CHECK(b.memory.messages[0].data == 0x55);
}

TEST_CASE("base and consumer are read-only while the queue is on; switching it off waits for its command",
          "[smmuv3][ecmdq]") {
    EnhancedBench b;
    b.enable(1);
    b.queue_write(1, EcmdqBase{}.set(EcmdqBase::ADDR, Spa{0x7000'0000}));
    b.queue_write(1, EcmdqCons{}.set(EcmdqCons::RD, 5));
    CHECK(b.queue_read<EcmdqBase>(1).get(EcmdqBase::ADDR) == EnhancedBench::place(1));
    CHECK(b.done(1) == 0);
    b.fill(1, EnhancedBench::forget(5), Bench::sync(), make_command<TlbiNhAll>());
    b.post_queue_doorbell(1);
    b.calendar.run_for(2_us);
    b.queue_post(1, b.producer(1, false));
    b.calendar.run_for(1_us);
    CHECK(b.acknowledged(1)); // the CMD_SYNC waits for the device
    b.settle();
    CHECK_FALSE(b.queue_read<EcmdqCons>(1).get(EcmdqCons::ENACK));
    CHECK(b.done(1) == 2); // the third stays
    b.queue_write(1, EcmdqCons{}.set(EcmdqCons::RD, 5).set(EcmdqCons::ENACK, true));
    CHECK(b.queue_read<EcmdqCons>(1).value() == 5); // ENACK is the unit's to say
}

TEST_CASE("CR1 is read-only while an enhanced queue is on", "[smmuv3][ecmdq]") {
    EnhancedBench b;
    b.write(Cr0{});
    b.write(Cr1{}.set(Cr1::QUEUE_IC, Cacheability::WriteBack));
    CHECK(b.read<Cr1>().get(Cr1::QUEUE_IC) == Cacheability::WriteBack);
    b.enable(3);
    b.write(Cr1{});
    CHECK(b.read<Cr1>().get(Cr1::QUEUE_IC) == Cacheability::WriteBack);
}

TEST_CASE("a CMD_SYNC waits for its own queue's commands, not for what a device owes to another queue",
          "[smmuv3][ecmdq]") {
    EnhancedBench b;
    b.enable(0);
    b.enable(1);
    b.fill(0, EnhancedBench::forget(9), Bench::sync(0x10));
    b.post_queue_doorbell(0);
    b.calendar.run_for(500_ns);
    const sim::Time begun = sim::now();
    b.fill(1, make_command<TlbiNhAll>(), Bench::sync(0x11));
    b.post_queue_doorbell(1);
    b.push(make_command<TlbiNhAll>());
    b.push(Bench::sync(0x12)); // the unit's own queue, too
    b.post_doorbell();
    b.settle();
    REQUIRE(b.fences.size() == 3);
    CHECK(*b.fenced(EnhancedBench::name(1)) < begun + 1_us);
    CHECK(*b.fenced("smmu") < begun + 1_us);
    CHECK(*b.fenced(EnhancedBench::name(0)) > begun + 8_us);
}

TEST_CASE("a CMD_SYNC that waits for a device holds up CMDQEN's acknowledgement, and no other bit's",
          "[smmuv3][CR0][CR0ACK]") {
    EnhancedBench b;
    b.push(EnhancedBench::forget(9)); // for 9 us
    b.push(Bench::sync(0x10));
    b.post_doorbell();
    b.calendar.run_for(500_ns);
    b.post(Cr0{});
    b.calendar.run_for(1_us);
    CHECK(b.reg<Cr0Ack>().value() == Cr0Ack{}.set(Cr0Ack::CMDQEN, true).value());
    b.calendar.run_for(10_us);
    CHECK(b.reg<Cr0Ack>().value() == 0);
}

TEST_CASE("an error stops its queue alone, until ERRACK answers; GERROR only tells of it", "[smmuv3][ecmdq]") {
    EnhancedBench b;
    b.enable(0);
    b.enable(1);
    Log<GlobalError> errors{b.bus};
    b.issue(0, make_command<TlbiNhAll>(), Command{}.set(Command::Op, Opcode::RESUME), Bench::sync(0x21));
    const EcmdqCons stopped = b.queue_read<EcmdqCons>(0);
    CHECK(stopped.get(EcmdqCons::RD) == 1);
    CHECK(stopped.get(EcmdqCons::ERR));
    CHECK(stopped.get(EcmdqCons::ERR_REASON) == CommandError::Illegal);
    CHECK(b.error(Gerror::CMDQP_ERR));
    CHECK_FALSE(b.error(Gerror::CMDQ_ERR));
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].why == base::Name{"CERROR_ILL"});

    b.issue(1, Bench::sync(0x22));
    b.command(Bench::sync(0x23));
    CHECK(b.memory.messages.size() == 2); // the others go on

    b.acknowledge_errors();
    b.store(EnhancedBench::place(0) + command_bytes, make_command<TlbiNhAll>());
    b.queue_write(0, b.producer(0));
    CHECK(b.done(0) == 1);
    b.errack[0] = true;
    b.queue_write(0, b.producer(0));
    CHECK(b.done(0) == 3);
    CHECK(b.memory.messages.back().data == 0x21);

    b.issue(0, Command{}.set(Command::Op, Opcode::RESUME)); // the next error toggles back
    CHECK_FALSE(b.queue_read<EcmdqCons>(0).get(EcmdqCons::ERR));
    CHECK(b.error(Gerror::CMDQP_ERR));
}

TEST_CASE("a queue outside memory is CERROR_ABT, an unanswered device CERROR_ATC_INV_SYNC, of that queue",
          "[smmuv3][ecmdq]") {
    EnhancedBench b;
    b.queue_write(2, EcmdqBase{}.set(EcmdqBase::ADDR, Spa{0x70'0000'0000}).set(EcmdqBase::LOG2SIZE, 3));
    b.prods[2] = 1;
    b.queue_write(2, b.producer(2));
    CHECK(b.queue_read<EcmdqCons>(2).get(EcmdqCons::ERR_REASON) == CommandError::Abort);
    b.devices.silent = 3;
    b.enable(0);
    b.enable(1);
    b.fill(0, EnhancedBench::forget(3), Bench::sync());
    b.fill(1, EnhancedBench::forget(4), Bench::sync());
    b.post_queue_doorbell(0);
    b.post_queue_doorbell(1);
    b.settle();
    CHECK(b.queue_read<EcmdqCons>(0).get(EcmdqCons::ERR_REASON) == CommandError::AtcInvSync);
    CHECK(b.done(0) == 1);
    CHECK_FALSE(b.queue_read<EcmdqCons>(1).get(EcmdqCons::ERR));
    CHECK(b.done(1) == 2);
}

TEST_CASE("one decoder serves the queues in turn", "[smmuv3][ecmdq]") {
    Smmuv3Config config = EnhancedBench::with_queues();
    config.command_execute = base::Latency{1_us}; // longer than a fetch: the decoder is what they wait for
    EnhancedBench b{config};
    for (const unsigned n : {0u, 1u, 2u}) b.enable(n);
    for (unsigned i = 0; i < 4; ++i)
        for (const unsigned n : {0u, 1u, 2u}) b.put(n, make_command<TlbiNhAll>());
    const sim::Time rung = sim::now() + config.register_access.get();
    for (const unsigned n : {0u, 1u, 2u}) b.post_queue_doorbell(n);
    b.settle();
    REQUIRE(b.taken.size() == 12);
    for (unsigned i = 0; i < 12; ++i) CHECK(b.taken[i].unit == EnhancedBench::name(i % 3));
    CHECK(b.taken.all.back().first ==
          rung + config.command_fetch.get() + b.memory.latency + 12 * config.command_execute.get());
}

TEST_CASE("with SEV, a queue that was full and has room again sends an event", "[smmuv3][ecmdq]") {
    EnhancedBench b;
    b.enable(0);
    b.issue(0, make_command<TlbiNhAll>());
    CHECK(b.wires.edges.empty());
    for (unsigned i = 0; i < 8; ++i) b.put(0, make_command<TlbiNhAll>());
    b.queue_write(0, b.producer(0));
    CHECK(b.wires.edges == std::vector<unsigned>{raw(WiredLine::Sev)});
}

TEST_CASE("in each queue commands keep their order, and a CMD_SYNC comes after what is before it, whatever others do",
          "[smmuv3][ecmdq]") {
    EnhancedBench b;
    for (unsigned n = 0; n < EnhancedBench::queues; ++n) b.enable(n);
    Log<InvalidationBegun> begun{b.bus};
    Log<InvalidationDone> ended{b.bus};
    const bool held = rc::check("enhanced queues", [&] {
        begun.all.clear();
        ended.all.clear();
        b.fences.all.clear();
        b.taken.all.clear();
        const auto steps = *rc::gen::container<std::vector<u32>>(rc::gen::inRange(0u, 16u));
        std::array<std::size_t, EnhancedBench::queues> asked{};
        for (const u32 s : steps) {
            const unsigned n = s & 3;
            if (asked[n] == 7) continue;
            ++asked[n];
            if ((s >> 2) == 0) b.put(n, Bench::sync());
            else if ((s >> 2) == 1) b.put(n, EnhancedBench::forget(1 + n));
            else b.put(n, make_command<TlbiNhAll>());
        }
        for (unsigned n = 0; n < EnhancedBench::queues; ++n) b.post_queue_doorbell(n);
        b.settle();
        for (unsigned n = 0; n < EnhancedBench::queues; ++n) {
            RC_ASSERT(b.done(n) == b.prods[n]);
            u64 last = 0;
            std::size_t count = 0;
            for (const auto& [when, c] : b.taken.all) {
                if (c.unit != EnhancedBench::name(n)) continue;
                RC_ASSERT(c.sequence > last);
                last = c.sequence;
                ++count;
            }
            RC_ASSERT(count == asked[n]);
        }
        RC_ASSERT(begun.size() == ended.size());
        for (const auto& [when, f] : b.fences.all)
            for (const auto& [done_at, d] : ended.all)
                if (d.unit == f.unit && d.sequence < f.sequence) RC_ASSERT(done_at <= when);
    });
    CHECK(held);
}

} // namespace quiesce::iommu::smmuv3::test
