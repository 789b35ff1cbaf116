// SPDX-License-Identifier: Apache-2.0
/// The driver's invalidation queue against a unit that consumes, refuses and falls silent when the test says so
/// (facts/linux-sva.md 6.5, facts/iommu-specs.md 2.6).
#include "os/vtd_stub.h"

#include <rapidcheck.h>

namespace quiesce::os::test::vtd {
using drivers::VtdDriverConfig;
using drivers::VtdInvalidationQueue;
using Outcome = VtdInvalidationQueue::Outcome;
using Options = VtdInvalidationQueue::Options;

namespace {
using Descriptor = VtdInvalidationQueue::Descriptor;

/// A PASID cache invalidation of domain 1 (2.6): what is in it does not matter to the queue, only that it arrives.
Descriptor pasid_cache(u64 pasid) { return Descriptor::from_words({pasid << 32 | 1u << 16 | 1u << 4 | 7, 0, 0, 0}); }
Descriptor device_tlb(u64 pasid) {
    return Descriptor::from_words({pasid << 32 | u64{0x108} << 16 | 8, 0x7fff'ffff'ffff'f800, 0, 0});
}

struct VtdQueueBench : test::Machine {
    explicit VtdQueueBench(unsigned log2size = 8) {
        make_kernel(memory.ram_bytes(), x86_64, IommuArch::Vtd);
        mmio.map(registers, 0x2000, unit, "vtd");
        const auto present = [this](KernelContext&, StreamId s) -> Task<bool> {
            asked.push_back(s);
            co_return device_there;
        };
        queue.emplace(driver_config, registers, "vtd.iq", present, std::function<u64()>{});
        const Spa base = kernel->frames().take_kernel(u64{32} << log2size, u64{32} << log2size);
        queue->place(base, kernel->frames().take_kernel(u64{4} << log2size), log2size);
        unit.values[0x90] = base.value() | 1u << 11 | (log2size - 7); // IQA: DW
        unit.gsts = 1u << 26;                                         // QIES
    }
    ~VtdQueueBench() { calendar.shutdown(); }
    Duration submit(const std::vector<Descriptor>& list, Outcome expected = Outcome::Done, Options options = {}) {
        Duration took;
        in_kernel([&](KernelContext& ctx) -> Task<void> {
            const Time begun = sim::now();
            const Outcome outcome = co_await queue->submit(ctx, list, "test", options);
            CHECK(outcome == expected);
            took = sim::now() - begun;
        });
        return took;
    }
    VtdDriverConfig driver_config;
    StubUnit unit{memory};
    bool device_there = true;
    std::vector<StreamId> asked;
    std::optional<VtdInvalidationQueue> queue;
};
} // namespace

TEST_CASE(
    "VT-d: descriptors of 32 bytes lie one behind the other, then a wait descriptor that writes 2 to its slot's status",
    "[os][vtd]") {
    VtdQueueBench b;
    b.submit({pasid_cache(5), pasid_cache(6)});
    const u64 base = b.queue->base().value();
    CHECK(b.unit.at(0) == Raw{u64{5} << 32 | 0x1'0017, 0, 0, 0});
    CHECK(b.unit.at(1) == Raw{u64{6} << 32 | 0x1'0017, 0, 0, 0});
    CHECK(b.unit.at(2) == Raw{u64{2} << 32 | 0x25, b.queue->status(2).value(), 0, 0}); // status data, SW, type 5
    CHECK(b.queue->status(2).value() == b.queue->status(0).value() + 8);
    CHECK(b.queue->slot(2).value() == base + 64);
    CHECK(b.unit.writes == std::vector<std::pair<u64, u64>>{{0x88, 3 * 32}}); // IQT
    b.submit({pasid_cache(7)}, Outcome::Done, {.drain_page_requests = true});
    CHECK(b.unit.at(4) == Raw{u64{2} << 32 | 0xa5, b.queue->status(4).value(), 0, 0}); // PD
}

TEST_CASE("VT-d: a submission takes the lock, the copies, the tail's travel, the descriptors and the look that sees "
          "the status",
          "[os][vtd]") {
    const unsigned count = GENERATE(1u, 5u);
    VtdQueueBench b;
    b.driver_config.poll_interval = 1_ns;
    b.unit.period = 10_us;
    const VtdDriverConfig& t = b.driver_config;
    const Duration load = b.memory_config.cpu_latency.get();
    const Duration look = load + b.mmio_config.issue.get() + b.mmio_config.travel * 2; // status, then FSTS
    const Duration fixed = t.take_lock + t.build_descriptor * (count + 1) + b.mmio_config.issue.get();
    const Duration hardware = b.mmio_config.travel + b.unit.period * (count + 1);
    const Duration took = b.submit(std::vector<Descriptor>(count, pasid_cache(1)));
    CHECK(took >= fixed + hardware);
    CHECK(took <= fixed + hardware + hardware / 64 + look * 2 + load * 5); // a look late, and the last stores' way
}

TEST_CASE("VT-d: whoever waits looks at FSTS after each look at the status, with interrupts off until it is over",
          "[os][vtd]") {
    VtdQueueBench b;
    b.unit.period = 20_us;
    bool off = true;
    auto interrupt = [&](Time begun) -> Task<void> {
        co_await sim::delay(begun - sim::now() + 5_us);
        for (unsigned n = 0; n < b.config.cpu.cpus; ++n)
            if (b.kernel->scheduler().cpu(n).running != nullptr)
                off = off && !b.kernel->scheduler().cpu(n).takes_irqs();
    };
    sim::spawn(interrupt(sim::now() + 5_us));
    b.submit({pasid_cache(1)});
    CHECK(off);
    CHECK(b.unit.fsts_reads > 10);
}

TEST_CASE("VT-d: any sequence of submissions comes out complete and in order, however often the ring goes round",
          "[os][vtd]") {
    VtdQueueBench b(7);
    b.unit.period = 1_ns;
    u64 issued = 0;
    const bool held = rc::check("submissions", [&] {
        const auto counts = *rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(1u, 127u));
        b.unit.fetched.clear();
        Words expected;
        for (unsigned count : counts) {
            std::vector<Descriptor> list;
            while (list.size() < count) {
                list.push_back(pasid_cache(++issued & 0xfffff));
                expected.push_back("pc did 1 pasid " + hex(issued & 0xfffff));
            }
            expected.push_back("wait sw");
            b.submit(list);
        }
        RC_ASSERT(b.unit.names() == expected);
    });
    CHECK(held);
    CHECK(issued > 1000);
}

TEST_CASE(
    "VT-d: a submission that finds no room waits until what was left behind is over; 126 and its wait fill 128 slots",
    "[os][vtd]") {
    VtdQueueBench b(7);
    b.unit.period = 1_us;
    std::vector<Time> rung;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        for (unsigned count : {126u, 1u}) {
            const std::vector<Descriptor> list(count, pasid_cache(count));
            const Outcome outcome = co_await b.queue->submit(ctx, list, "test", {.wait = false});
            CHECK(outcome == Outcome::Done);
            rung.push_back(sim::now());
        }
    });
    CHECK(b.unit.fetched.size() == 129);
    CHECK(rung[1] - rung[0] > b.unit.period * 126);
}

TEST_CASE("VT-d: two CPUs' submissions come out whole, and the second waits for the lock with its interrupts off",
          "[os][vtd]") {
    VtdQueueBench b;
    b.unit.period = 2_us;
    unsigned done = 0;
    auto producer = [&](u64 pasid) -> Task<void> {
        KernelContext ctx(b.kernel->scheduler(), "producer");
        co_await ctx.run();
        for (int i = 0; i < 5; ++i) {
            const std::vector<Descriptor> list(3, pasid_cache(pasid));
            const Outcome outcome = co_await b.queue->submit(ctx, list, "test", {});
            done += outcome == Outcome::Done;
        }
        ctx.stop();
    };
    sim::spawn(producer(1));
    sim::spawn(producer(2));
    b.settle();
    CHECK(done == 10);
    REQUIRE(b.unit.fetched.size() == 40);
    const Words names = b.unit.names();
    for (std::size_t i = 0; i < 40; i += 4) {
        CHECK((names[i] == names[i + 1] && names[i] == names[i + 2]));
        CHECK(names[i + 3] == "wait sw");
    }
}

TEST_CASE("VT-d: there is no time-out: who waits for a unit that stands still goes on when it does", "[os][vtd]") {
    VtdQueueBench b;
    b.patience = sim::Duration::ps(60'000'000'000'000); // a minute
    b.unit.stuck = true;
    auto mend = [&]() -> Task<void> {
        co_await sim::delay(30_s);
        b.unit.stuck = false;
        b.unit.begin();
    };
    sim::spawn(mend());
    const Duration took = b.submit({pasid_cache(1)});
    CHECK(took >= 30_s);
    CHECK(took < 31_s); // a look is 2 % late at most
}

TEST_CASE(
    "VT-d: a descriptor that the unit refuses becomes its own wait descriptor, IQE is cleared, and the caller is told",
    "[os][vtd]") {
    VtdQueueBench b;
    b.unit.refuse_type = 7;
    b.submit({pasid_cache(1)}, Outcome::Refused);
    CHECK(b.queue->refused() == 1);
    CHECK(b.unit.at(0) == b.unit.at(1));
    CHECK(b.unit.names() == Words{"wait sw", "wait sw"});
    CHECK(b.unit.faults == 0);
    b.submit({pasid_cache(2)});
    CHECK(b.unit.names().back() == "wait sw");
    CHECK(b.unit.names().size() == 4);
}

TEST_CASE(
    "VT-d: a device-TLB time-out aborts the wait that was fetched; the submission is made again, until it is answered",
    "[os][vtd]") {
    VtdQueueBench b;
    b.unit.time_outs = 3;
    b.submit({device_tlb(5)});
    CHECK(b.queue->timeouts() == 3);
    CHECK(b.queue->resubmissions() == 3);
    CHECK(b.unit.faults == 0);
    CHECK(b.unit.names() == Words{"pdevtlb sid 108 pasid 5 all", "wait sw"});
    CHECK(b.asked == std::vector<StreamId>(3, StreamId{0x108}));
}

TEST_CASE("VT-d: a time-out of a device that is gone ends the submission; a unit that does not say whose it was is "
          "asked again",
          "[os][vtd]") {
    VtdQueueBench b;
    b.device_there = false;
    b.unit.time_outs = 1;
    SECTION("gone") {
        b.submit({device_tlb(5)}, Outcome::Gone);
        CHECK(b.queue->resubmissions() == 0);
        CHECK(b.unit.fetched.empty());
    }
    SECTION("source 0") {
        b.unit.silent_source = 0;
        b.submit({device_tlb(5)});
        CHECK(b.queue->resubmissions() == 1);
        CHECK(b.asked.empty());
    }
    b.submit({pasid_cache(2)}); // the queue goes on
    CHECK(b.unit.names().back() == "wait sw");
}

TEST_CASE("VT-d: a time-out aborts what other CPUs wait for, too, and they submit again", "[os][vtd]") {
    VtdQueueBench b;
    b.unit.period = 10_us;
    b.unit.time_outs = 1;
    unsigned done = 0;
    auto producer = [&](Descriptor d, Duration later) -> Task<void> {
        co_await sim::delay(later);
        KernelContext ctx(b.kernel->scheduler(), "producer");
        co_await ctx.run();
        const std::vector<Descriptor> list{d};
        const Outcome outcome = co_await b.queue->submit(ctx, list, "test", {});
        done += outcome == Outcome::Done;
        ctx.stop();
    };
    sim::spawn(producer(device_tlb(5), 0_ns));
    sim::spawn(producer(pasid_cache(6), 2_us)); // behind it in the queue: not fetched yet, done once ITE is cleared
    b.settle();
    CHECK(done == 2);
    CHECK(b.queue->resubmissions() == 1);
    CHECK(b.unit.names() == Words{"pc did 1 pasid 6", "wait sw", "pdevtlb sid 108 pasid 5 all", "wait sw"});
}

TEST_CASE("VT-d: a wrong invalidation completion (ICE) is cleared and counted, and nobody fails for it", "[os][vtd]") {
    VtdQueueBench b;
    b.unit.values[0x34] = 0x20;
    b.unit.period = 5_us;
    auto once = [&]() -> Task<void> {
        while (b.queue->wrong_completions() == 0) co_await sim::delay(100_ns);
        b.unit.values[0x34] = 0;
    };
    sim::spawn(once());
    b.submit({pasid_cache(1)});
    CHECK(b.queue->wrong_completions() >= 1);
    CHECK(std::count(b.unit.writes.begin(), b.unit.writes.end(), std::pair<u64, u64>{0x34, 0x20}) >= 1);
}

} // namespace quiesce::os::test::vtd
