// SPDX-License-Identifier: Apache-2.0
/// The command queue: errors and recovery, wrap, and what CMD_SYNC promises.
#include "smmuv3/bench.h"

#include <rapidcheck.h>

namespace quiesce::iommu::smmuv3::test {
namespace {


CommandError why(const Bench& b) { return b.reg<CmdqCons>().get(CmdqCons::ERR); }
u32 consumed(const Bench& b) { return b.reg<CmdqCons>().get(CmdqCons::RD); }

/// A device's write that takes `in_memory` to land after its translation.
sim::Task<void> slow_write(Bench& b, sim::Duration in_memory, sim::Time& landed) {
    Translation t = co_await b.unit.translation().translate(b.request(here, Access::Write));
    co_await sim::delay(in_memory);
    landed = sim::now();
    t.in_flight = InFlight{};
}

} // namespace

TEST_CASE("each command takes fetch, memory and execution; CONS shows it then", "[smmuv3]") {
    Smmuv3Config config;
    Bench b{config};
    b.start();
    Log<CommandConsumed> log{b.bus};
    b.push(make_command<TlbiNhAll>());
    b.push(make_command<CfgiCdAll>());
    const sim::Time rung = sim::now() + config.register_access.get();
    b.post_doorbell();
    b.settle();
    const auto each = config.command_fetch.get() + b.memory.latency + config.command_execute.get();
    REQUIRE(log.size() == 2);
    CHECK(log.all[0].first == rung + each);
    CHECK(log.all[1].first == rung + 2 * each);
    CHECK(log[0].command == base::Name{"TLBI_NH_ALL"});
    CHECK(log[1].sequence == 2);
    CHECK(consumed(b) == 2);
}

TEST_CASE("an illegal command stops the queue at it; the older ones are done; a rewritten one is fetched again",
          "[smmuv3]") {
    Bench b;
    b.start();
    b.command(make_command<TlbiNhAll>(), Command{}.set(Command::Op, Opcode::RESUME), Bench::sync(0x55));
    CHECK(why(b) == CommandError::Illegal);
    CHECK(b.error(Gerror::CMDQ_ERR));
    CHECK(consumed(b) == 1);
    CHECK(b.memory.messages.empty());
    b.store(Bench::cmdq + 16, make_command<TlbiNhAll>());
    b.settle();
    CHECK(consumed(b) == 1); // not before the acknowledgement
    b.acknowledge_errors();
    CHECK(consumed(b) == 3);
    CHECK_FALSE(b.error(Gerror::CMDQ_ERR));
    REQUIRE(b.memory.messages.size() == 1);
    CHECK(b.memory.messages[0].data == 0x55);
}

TEST_CASE("a command queue outside memory is CERROR_ABT, and the queue can be moved",
          "[smmuv3][CMDQ_BASE][CMDQ_PROD][CMDQ_CONS]") {
    Bench b;
    b.write(CmdqBase{}.set(CmdqBase::ADDR, Spa{0x70'0000'0000}).set(CmdqBase::LOG2SIZE, 4));
    b.write(Cr0{}.set(Cr0::CMDQEN, true));
    b.ring();
    CHECK_FALSE(b.error(Gerror::CMDQ_ERR)); // nothing to fetch yet
    b.write(CmdqProd{}.set(CmdqProd::WR, 1));
    CHECK(why(b) == CommandError::Abort);
    CHECK(b.error(Gerror::CMDQ_ERR));
    CHECK(consumed(b) == 0);
    b.write(Cr0{});
    b.write(CmdqBase{}.set(CmdqBase::ADDR, Bench::cmdq).set(CmdqBase::LOG2SIZE, 4));
    b.store(Bench::cmdq, Bench::sync());
    b.write(Cr0{}.set(Cr0::CMDQEN, true));
    b.acknowledge_errors();
    CHECK(consumed(b) == 1);
}

TEST_CASE("commands written before the queue is enabled run when it is", "[smmuv3]") {
    Bench b;
    b.write(CmdqBase{}.set(CmdqBase::ADDR, Bench::cmdq).set(CmdqBase::LOG2SIZE, Bench::cmdq_log2));
    b.command(Bench::sync());
    CHECK(consumed(b) == 0);
    b.write(Cr0{}.set(Cr0::CMDQEN, true));
    CHECK(consumed(b) == 1);
}

TEST_CASE("disabling the queue is acknowledged after the command in execution", "[smmuv3]") {
    Bench b;
    b.start();
    b.simple(here, there);
    sim::Time landed;
    sim::spawn(slow_write(b, 3_us, landed));
    b.calendar.run_for(1_us);
    b.push(make_command<TlbiNhAll>());
    b.push(Bench::sync());
    b.push(make_command<TlbiNhAll>());
    b.post_doorbell();
    b.calendar.run_for(500_ns);
    b.post(Cr0{}.set(Cr0::SMMUEN, true));
    b.calendar.run_for(1_us);
    CHECK(b.reg<Cr0Ack>().get(Cr0Ack::CMDQEN));
    b.settle();
    CHECK_FALSE(b.reg<Cr0Ack>().get(Cr0Ack::CMDQEN));
    CHECK(consumed(b) == 2); // the third stays
}

TEST_CASE("CMD_SYNC completes only when a DMA translated before the invalidation has landed", "[smmuv3][SYNC]") {
    Bench b;
    b.simple(here, there);
    b.start();
    Log<FenceSignalled> fences{b.bus};
    sim::Time landed;
    sim::spawn(slow_write(b, 5_us, landed));
    b.calendar.run_for(1_us);
    b.command(make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{1}), Bench::sync(0x77));
    REQUIRE(fences.size() == 1);
    CHECK(fences[0].sequence == 2);
    CHECK(fences[0].by_message);
    REQUIRE(b.memory.messages.size() == 1);
    CHECK(b.memory.messages[0].when >= landed);
    CHECK(b.memory.messages[0].when == landed + b.memory.latency);
    CHECK(b.memory.peek64(Bench::flag) == 0x77);
}

TEST_CASE("commands before a CMD_SYNC are consumed without waiting for each other, those after it wait for it",
          "[smmuv3]") {
    Bench b;
    b.simple(here, there);
    b.start();
    Log<CommandConsumed> log{b.bus};
    sim::Time landed;
    sim::spawn(slow_write(b, 5_us, landed));
    b.calendar.run_for(1_us);
    b.command(make_command<TlbiNhAll>(), make_command<TlbiNhAll>(), Bench::sync(), make_command<TlbiNhAll>());
    REQUIRE(log.size() == 4);
    CHECK(log.all[1].first < landed);
    CHECK(log.all[2].first >= landed);
    CHECK(log.all[3].first > log.all[2].first);
}

TEST_CASE("with the bug early-sync a CMD_SYNC says done while the DMA is still under way", "[smmuv3]") {
    Smmuv3Config config;
    config.bugs = std::vector<std::string>{"early-sync"};
    Bench b{config};
    b.simple(here, there);
    b.start();
    Log<FenceSignalled> fences{b.bus};
    Log<InvalidationDone> done{b.bus};
    sim::Time landed;
    sim::spawn(slow_write(b, 5_us, landed));
    b.calendar.run_for(1_us);
    b.command(make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{1}), Bench::sync());
    REQUIRE(fences.size() == 1);
    REQUIRE(done.size() == 1); // the work still happens
    CHECK(fences.all[0].first < landed);
    CHECK(done.all[0].first >= landed);
}

TEST_CASE("CMD_SYNC owes the record of a fault that ended before it", "[smmuv3]") {
    Smmuv3Config config;
    config.event_write = base::Latency{10_us};
    Bench b{config};
    b.start();
    Log<FaultRaised> faults{b.bus};
    Log<FenceSignalled> fences{b.bus};
    sim::spawn(
        [](Bench& bench) -> sim::Task<void> { co_await bench.unit.translation().translate(bench.request(here)); }(b));
    b.calendar.run_for(1_us);
    CHECK(faults.size() == 0);
    b.command(Bench::sync());
    REQUIRE(faults.size() == 1);
    REQUIRE(fences.size() == 1);
    CHECK(fences.all[0].first >= faults.all[0].first);
}

TEST_CASE("CMD_SYNC without an address interrupts by wire, with SEV sends an event, with none does neither",
          "[smmuv3][SYNC]") {
    Bench b;
    b.start();
    b.command(make_command<Sync>());
    CHECK(b.wires.edges.empty());
    b.command(make_command<Sync>().set(Sync::CS, SyncSignal::Irq));
    CHECK(b.wires.edges == std::vector<unsigned>{raw(WiredLine::CmdSync)});
    b.command(make_command<Sync>().set(Sync::CS, SyncSignal::Sev));
    CHECK(b.wires.edges.back() == raw(WiredLine::Sev));
    CHECK(b.memory.messages.empty());
}

TEST_CASE("a CMD_SYNC whose message aborts completes and reports MSI_CMDQ_ABT_ERR", "[smmuv3]") {
    Bench b;
    b.start();
    b.command(make_command<Sync>().set(Sync::CS, SyncSignal::Irq).set(Sync::MSIAddress, Spa{0x100}));
    CHECK(consumed(b) == 1);
    CHECK(b.error(Gerror::MSI_CMDQ_ABT_ERR));
    b.command(make_command<TlbiNhAll>());
    CHECK(consumed(b) == 2);
}

TEST_CASE("the span of a CMD_SYNC can be named by whoever sees it complete", "[smmuv3]") {
    Bench b;
    b.start();
    Log<base::Span> spans{b.bus};
    CHECK(b.unit.last_sync_span() == 0);
    b.unit.doorbell_span(41);
    b.command(Bench::sync());
    REQUIRE(spans.size() == 1);
    CHECK(spans[0].id == b.unit.last_sync_span());
    CHECK(spans[0].actor == base::Name{"smmu.cmdq"});
    CHECK(spans[0].phase == base::Name{"sync"});
    CHECK(spans[0].begun_by == 41);
}

TEST_CASE("invalidations take effect: the new table is used after TLBI, the new descriptor after CFGI",
          "[smmuv3][CFGI_STE][CFGI_CD][TLBI_NH_VA][TLBI_NH_VAA]") {
    Bench b;
    const Spa ttb = b.simple(here, there);
    b.start();
    CHECK(b.dma(here).to == there);
    b.map(ttb, here, Bench::page(there + page_size).word(0));
    CHECK(b.dma(here).to == there); // cached
    SECTION("by address and ASID") {
        b.command(make_command<TlbiNhVa>().set(TlbiNhVa::ASID, Asid{2}).set(TlbiNhVa::Addr, here), Bench::sync());
        CHECK(b.dma(here).to == there); // another ASID
        b.command(
            make_command<TlbiNhVa>().set(TlbiNhVa::ASID, Asid{1}).set(TlbiNhVa::Addr, here).set(TlbiNhVa::Leaf, true),
            Bench::sync());
        CHECK(b.dma(here).to == there + page_size);
    }
    SECTION("by range") {
        auto range =
            make_command<TlbiNhVaa>().set(TlbiNhVaa::Addr, here - 4 * page_size).set(TlbiNhVaa::TG, RangeGranule::K4);
        b.command(range.set(TlbiNhVaa::NUM, 3), Bench::sync());
        CHECK(b.dma(here).to == there); // four pages end just below
        b.command(range.set(TlbiNhVaa::NUM, 4), Bench::sync());
        CHECK(b.dma(here).to == there + page_size);
    }
    SECTION("by descriptor") {
        const Spa other = b.new_table();
        b.map(other, here, Bench::page(there + 2 * page_size).word(0));
        b.store(Bench::cdtab, Bench::cd(other, 2));
        CHECK(b.dma(here).to == there);
        b.command(make_command<CfgiSte>().set(CfgiSte::SID, StreamId{1}).set(CfgiSte::Leaf, true), Bench::sync());
        CHECK(b.dma(here).to == there + 2 * page_size);
    }
}

TEST_CASE("a global page is shared by ASIDs and survives TLBI by ASID",
          "[smmuv3][stage 1 leaf.nG][TLBI_NH_ASID][TLBI_NH_VA]") {
    Bench b;
    const Spa ttb = b.simple(here, there);
    b.map(ttb, here, Bench::page(there).set(LeafDescriptor::nG, false).word(0));
    b.start();
    CHECK(b.dma(here).to == there);
    b.map(ttb, here, Bench::page(there + page_size).word(0));
    b.command(make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{1}), Bench::sync());
    CHECK(b.dma(here).to == there);
    b.command(make_command<TlbiNhVa>().set(TlbiNhVa::ASID, Asid{1}).set(TlbiNhVa::Addr, here), Bench::sync());
    CHECK(b.dma(here).to == there + page_size);
}

TEST_CASE("a unit without global entries keeps pages per ASID, so TLBI by ASID removes them", "[smmuv3]") {
    Smmuv3Config config;
    config.global_entries = false;
    Bench b{config};
    const Spa ttb = b.simple(here, there);
    b.map(ttb, here, Bench::page(there).set(LeafDescriptor::nG, false).word(0));
    b.start();
    CHECK(b.dma(here).to == there);
    b.map(ttb, here, Bench::page(there + page_size).word(0));
    b.command(make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{1}), Bench::sync());
    CHECK(b.dma(here).to == there + page_size);
}

TEST_CASE("every command runs once and in order, however the producer batches and wraps",
          "[smmuv3][CMDQ_PROD][CMDQ_CONS][CFGI_CD_ALL]") {
    Bench b;
    b.start();
    Log<CommandConsumed> log{b.bus};
    u64 pushed = 0;
    const bool held = rc::check("command queue", [&] {
        const auto batches =
            *rc::gen::container<std::vector<u32>>(rc::gen::inRange(1u, 17u)); // up to the whole queue of 16
        for (const u32 n : batches) {
            const std::size_t before = log.size();
            for (u32 i = 0; i < n; ++i)
                b.push(make_command<CfgiCdAll>().set(CfgiCdAll::SID, StreamId{static_cast<u32>(++pushed)}));
            b.ring();
            RC_ASSERT(log.size() == before + n);
            for (u32 i = 0; i < n; ++i) RC_ASSERT((log[before + i].word0 >> 32) == pushed - n + 1 + i);
            RC_ASSERT(consumed(b) == b.prod);
        }
    });
    CHECK(held);
    CHECK(pushed > 64); // wrapped several times
}

} // namespace quiesce::iommu::smmuv3::test
