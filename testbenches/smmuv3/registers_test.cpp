// SPDX-License-Identifier: Apache-2.0
/// Registers as software sees them: updates that take time, handshakes, guards, errors and interrupts.
#include "smmuv3/bench.h"

namespace quiesce::iommu::smmuv3::test {
TEST_CASE("CR0ACK follows CR0 after the update delay, not before", "[smmuv3][CR0][CR0ACK]") {
    Smmuv3Config config;
    Bench b{config};
    const auto enable = Cr0{}.set(Cr0::SMMUEN, true).set(Cr0::EVENTQEN, true).set(Cr0::VMW, 1).set(Cr0::ATSCHK, true);
    b.post(enable);
    const sim::Time shown = sim::now() + config.register_access.get() + config.update_delay.get();
    b.calendar.run_until(shown);
    CHECK(b.reg<Cr0Ack>().value() == 0);
    CHECK(b.reg<Cr0>().value() == 0x15); // VMW is RES0 here
    b.calendar.run_until(shown + 1_ps);
    CHECK(b.reg<Cr0Ack>().value() == 0x15);
}

TEST_CASE("a CR0 write during an update is acknowledged by an update of its own", "[smmuv3][CR0][CR0ACK]") {
    Smmuv3Config config;
    Bench b{config};
    const sim::Time begun = sim::now();
    b.post(Cr0{}.set(Cr0::SMMUEN, true));
    b.calendar.run_until(begun + config.register_access.get() + 1_ps);
    b.post(Cr0{}.set(Cr0::SMMUEN, true).set(Cr0::EVENTQEN, true));
    const sim::Time first = begun + config.register_access.get() + config.update_delay.get();
    b.calendar.run_until(first + 1_ps);
    CHECK(b.reg<Cr0Ack>().value() == 0x1);
    b.calendar.run_until(first + config.update_delay.get() + 1_ps);
    CHECK(b.reg<Cr0Ack>().value() == 0x5);
}

TEST_CASE("IRQ_CTRLACK follows IRQ_CTRL after the update delay, not before", "[smmuv3][IRQ_CTRL][IRQ_CTRLACK]") {
    Smmuv3Config config;
    Bench b{config};
    b.post(IrqCtrl{}.set(IrqCtrl::GERROR_IRQEN, true).set(IrqCtrl::EVENTQ_IRQEN, true));
    const sim::Time shown = sim::now() + config.register_access.get() + config.update_delay.get();
    b.calendar.run_until(shown);
    CHECK(b.reg<IrqCtrlAck>().value() == 0);
    b.calendar.run_until(shown + 1_ps);
    CHECK(b.reg<IrqCtrlAck>().value() == 0x5);
}

TEST_CASE("identification and acknowledgement registers ignore writes; unknown offsets read zero",
          "[smmuv3][IDR0][CR0ACK][GERROR]") {
    Bench b;
    const auto idr0 = b.read<Idr0>();
    b.run([](Unit& u) -> sim::Task<int> {
        co_await u.mmio_write(Idr0::offset, 4, 0);
        co_await u.mmio_write(Cr0Ack::offset, 4, ~u64{0});
        co_await u.mmio_write(Gerror::offset, 4, ~u64{0});
        co_await u.mmio_write(0x1fff8, 8, 1);
        co_await u.mmio_write(0x22, 2, 1);
        co_await u.mmio_write(GatosSid::offset, 8, 1);
        co_return 0;
    }(b.unit));
    CHECK(b.read<Idr0>() == idr0);
    CHECK(b.reg<Cr0Ack>().value() == 0);
    CHECK(b.reg<Gerror>().value() == 0);
    CHECK(b.run(b.unit.mmio_read(0x1fff8, 8)) == 0);
    CHECK(b.run(b.unit.mmio_read(GatosSid::offset, 8)) == 0);
}

TEST_CASE("guarded registers keep their values while what they configure is on",
          "[smmuv3][STRTAB_BASE][STRTAB_BASE_CFG][CMDQ_BASE][CMDQ_CONS][EVENTQ_BASE][EVENTQ_PROD][CR2]") {
    Bench b;
    b.start();
    const auto keeps = [&](auto value) {
        const auto before = b.reg<decltype(value)>();
        b.write(value);
        return b.reg<decltype(value)>() == before;
    };
    CHECK(keeps(StrtabBase{}.set(StrtabBase::ADDR, Spa{0x40})));
    CHECK(keeps(StrtabBaseCfg{}.set(StrtabBaseCfg::LOG2SIZE, 1)));
    CHECK(keeps(CmdqBase{}.set(CmdqBase::LOG2SIZE, 1)));
    CHECK(keeps(CmdqCons{}.set(CmdqCons::RD, 5)));
    CHECK(keeps(EventqBase{}.set(EventqBase::LOG2SIZE, 1)));
    CHECK(keeps(EventqProd{}.set(EventqProd::WR, 3)));
    CHECK(keeps(Cr1{}.set(Cr1::TABLE_SH, Shareability::InnerShareable)));
    CHECK(keeps(Cr2{}));
    b.write(Cr0{});
    CHECK_FALSE(keeps(StrtabBase{}.set(StrtabBase::ADDR, Spa{0x40})));
    CHECK_FALSE(keeps(CmdqCons{}.set(CmdqCons::RD, 5)));
    CHECK_FALSE(keeps(EventqProd{}.set(EventqProd::WR, 3)));
    CHECK_FALSE(keeps(Cr1{}.set(Cr1::TABLE_SH, Shareability::InnerShareable)));
    CHECK_FALSE(keeps(Cr2{}));

    b.write(GerrorIrqCfg0{}.set(GerrorIrqCfg0::ADDR, Spa{0x1000}));
    b.write(IrqCtrl{}.set(IrqCtrl::GERROR_IRQEN, true));
    CHECK(keeps(GerrorIrqCfg0{}.set(GerrorIrqCfg0::ADDR, Spa{0x2000})));
    CHECK_FALSE(keeps(EventqIrqCfg0{}.set(EventqIrqCfg0::ADDR, Spa{0x2000})));
}

TEST_CASE("GBPA takes a write only with Update set, and only while no update is going on", "[smmuv3][GBPA]") {
    Smmuv3Config config;
    Bench b{config};
    b.write(Gbpa{}.set(Gbpa::ABORT, true));
    CHECK_FALSE(b.reg<Gbpa>().get(Gbpa::ABORT));
    CHECK(b.dma(Iova{0x1234'5678}).ending == Ending::Grant);

    const sim::Time begun = sim::now();
    b.post(Gbpa{}.set(Gbpa::ABORT, true).set(Gbpa::Update, true));
    b.calendar.run_until(begun + config.register_access.get() + config.update_delay.get());
    CHECK(b.reg<Gbpa>().get(Gbpa::Update));
    b.calendar.run_until(begun + config.register_access.get() + config.update_delay.get() + 1_ps);
    CHECK_FALSE(b.reg<Gbpa>().get(Gbpa::Update));
    CHECK(b.dma(Iova{0x1234'5678}).ending == Ending::Abort);

    b.post(Gbpa{}.set(Gbpa::Update, true));
    b.post(Gbpa{}.set(Gbpa::ABORT, true).set(Gbpa::Update, true)); // too early: lost
    b.settle();
    CHECK(b.dma(Iova{0x1234'5678}).ending == Ending::Grant);
}

TEST_CASE("with SMMUEN=0 addresses pass unchanged, substreams are ignored, and nothing is recorded",
          "[smmuv3][GBPA][CR0]") {
    Bench b;
    b.start(4, false);
    const Translation t = b.dma(Iova{0x1234'5678}, Access::Write, 0xffff'ffff, 5);
    CHECK(t.ending == Ending::Grant);
    CHECK(t.to == Spa{0x1234'5678});
    CHECK(b.dma(Iova{u64{1} << 48}).ending == Ending::Abort); // above the output size
    CHECK(b.events() == 0);
}

TEST_CASE("a global error toggles once, interrupts by wire, and ends when GERRORN agrees",
          "[smmuv3][GERROR][GERRORN]") {
    Bench b;
    Log<GlobalError> errors{b.bus};
    b.start();
    b.write(IrqCtrl{}.set(IrqCtrl::GERROR_IRQEN, true));
    b.command(make_command<StallTerm>());
    CHECK(b.error(Gerror::CMDQ_ERR));
    CHECK(b.reg<Gerror>().value() == 1);
    CHECK(b.wires.edges == std::vector<unsigned>{raw(WiredLine::Gerror)});
    b.ring(); // nothing moves, nothing toggles back
    CHECK(b.reg<Gerror>().value() == 1);
    b.acknowledge_errors(); // the command is still bad
    CHECK(b.reg<Gerror>().value() == 0);
    CHECK(b.reg<Gerrorn>().value() == 1);
    CHECK(b.error(Gerror::CMDQ_ERR));
    REQUIRE(errors.size() == 3);
    CHECK(errors[0].active);
    CHECK_FALSE(errors[1].active);
    CHECK(errors[2].active);
    CHECK(errors[2].what == base::Name{"CMDQ_ERR"});
}

TEST_CASE("GERROR and event queue interrupts are messages when they have an address",
          "[smmuv3][IRQ_CTRL][GERROR_IRQ_CFG0][GERROR_IRQ_CFG1][EVENTQ_IRQ_CFG0][EVENTQ_IRQ_CFG1]") {
    Bench b;
    b.write(GerrorIrqCfg0{}.set(GerrorIrqCfg0::ADDR, Bench::flag));
    b.write(GerrorIrqCfg1{}.set(GerrorIrqCfg1::DATA, 0x11));
    b.write(EventqIrqCfg0{}.set(EventqIrqCfg0::ADDR, Bench::flag + 8));
    b.write(EventqIrqCfg1{}.set(EventqIrqCfg1::DATA, 0x22));
    b.write(IrqCtrl{}.set(IrqCtrl::GERROR_IRQEN, true).set(IrqCtrl::EVENTQ_IRQEN, true));
    CHECK(b.reg<IrqCtrlAck>().value() == 0x5);
    b.start();
    b.command(make_command<StallTerm>());
    REQUIRE(b.memory.messages.size() == 1);
    CHECK(b.memory.messages[0].at == Bench::flag);
    CHECK(b.memory.messages[0].data == 0x11);

    b.dma(Iova{0}, Access::Read, 99); // C_BAD_STREAMID: the queue becomes non-empty
    b.dma(Iova{0}, Access::Read, 99); // it was not empty: no second message
    REQUIRE(b.memory.messages.size() == 2);
    CHECK(b.memory.messages[1].at == Bench::flag + 8);
    CHECK(b.memory.messages[1].data == 0x22);
    b.consume_events();
    b.dma(Iova{0}, Access::Read, 99);
    CHECK(b.memory.messages.size() == 3);
    CHECK(b.wires.edges.empty());
}

TEST_CASE("a message that aborts is reported in GERROR and does not interrupt for itself",
          "[smmuv3][GERROR_IRQ_CFG0][EVENTQ_IRQ_CFG0]") {
    Bench b;
    b.write(GerrorIrqCfg0{}.set(GerrorIrqCfg0::ADDR, Spa{0x40}));
    b.write(EventqIrqCfg0{}.set(EventqIrqCfg0::ADDR, Spa{0x80}));
    b.write(IrqCtrl{}.set(IrqCtrl::GERROR_IRQEN, true).set(IrqCtrl::EVENTQ_IRQEN, true));
    b.start();
    b.dma(Iova{0}, Access::Read, 99);
    CHECK(b.error(Gerror::MSI_EVENTQ_ABT_ERR));
    CHECK(b.error(Gerror::MSI_GERROR_ABT_ERR)); // GERROR's own message about that aborted too
    CHECK(b.reg<Gerror>().value() == (1u << 5 | 1u << 7));
}

TEST_CASE("register accesses take the unit's access time", "[smmuv3]") {
    Smmuv3Config config;
    Bench b{config};
    sim::Duration took;
    b.run(b.unit.mmio_read(Idr0::offset, 4), &took);
    CHECK(took == config.register_access.get());
}

} // namespace quiesce::iommu::smmuv3::test
