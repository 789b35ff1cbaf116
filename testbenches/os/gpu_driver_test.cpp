// SPDX-License-Identifier: Apache-2.0
/// The GPU's driver on a register block that preempts, resets and tells of it when the test says so; offsets and values
/// typed in.
#include "os/drivers/gpu_driver.h"
#include "os/device_driver_bench.h"

using namespace quiesce;
using namespace quiesce::os;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {
using GpuWrites = std::vector<std::pair<u64, u64>>;

/// Unmaps a context `preempt_time` after its UNMAP and tells it in the ring, unless it `hangs`; a reset takes
/// `reset_time`. The ring has 256 entries of 32 bytes.
struct StubGpu final : memory::MmioTarget {
    memory::MemoryPort* memory = nullptr;
    memory::InterruptSink* sink = nullptr;
    Duration preempt_time = 50_us, reset_time = 500_ms;
    bool hangs = false, resets = true, tells = true;
    u64 message = 0, ring = 0, wptr_at = 0, wptr = 0, flags = 0, selected = 0;
    std::map<u64, u64> status; ///< by context
    bool busy = false;
    std::set<u64> unmapping;
    std::vector<BondId> lost; ///< of contexts that a reset took away
    GpuWrites writes;
    Time reset_at;

    Task<void> mmio_write(u64 offset, unsigned, u64 value) override {
        writes.emplace_back(offset, value);
        if (offset == 0x018) message = value;
        if (offset == 0x028) ring = value;
        if (offset == 0x030) wptr_at = value;
        if (offset == 0x044) flags = 0;
        if (offset == 0x054) selected = value;
        if (offset == 0x050 && value >> 16 == 1) status[value & 0xffff] = 3;
        if (offset == 0x050 && value >> 16 == 2) unmapping.insert(value & 0xffff);
        if (offset == 0x050 && value >> 16 == 2 && !hangs) sim::spawn(preempt(value & 0xffff));
        if (offset == 0x060) sim::spawn(reset());
        co_return;
    }
    Task<u64> mmio_read(u64 offset, unsigned) override {
        if (offset == 0x064) co_return busy;
        if (offset == 0x058) co_return status[selected];
        co_return offset == 0x004 ? u64{8} << 16 | 16 << 8 | 2
        : offset == 0x008         ? 4096
                                  : 0; // 8 contexts, 16 waves, 2 engines
    }
    Task<void> preempt(u64 context) {
        co_await sim::delay(preempt_time);
        status[context] = 0;
        tell(2 | context << 16);
    }
    Task<void> reset() {
        busy = true;
        for (const auto& [context, state] : status)
            if ((state & 0xff) > 1 && unmapping.count(context) == 0)
                lost.push_back(BondId{static_cast<u32>(context + 1)});
        reset_at = sim::now();
        co_await sim::delay(reset_time);
        if (resets) busy = false;
    }
    void tell(u64 word) {
        if (tells) memory->poke64(Spa{ring + wptr % 256 * 32}, word);
        if (tells) wptr = (wptr + 1) % 256;
        memory->poke64(Spa{wptr_at}, wptr | flags);
        sink->message(arm64.messages, static_cast<u32>(message));
    }
};

struct GpuDriverBench : test::DeviceDriverBench<drivers::GpuDriver, drivers::GpuDriverConfig, StubGpu> {
    explicit GpuDriverBench(const drivers::GpuDriverConfig& c = {}) : DeviceDriverBench(c) {
        patience = 60_s;
        stub.memory = &memory.cpu_port();
        make_driver("gpu");
        driver->set_lost_work([this] { return std::exchange(stub.lost, {}); });
        probe();
    }
    bool submit(unsigned bond, drivers::Work work = {}) {
        if (work.bytes == 0) work.bytes = 4096;
        return DeviceDriverBench::submit(bond, work);
    }
    u64 at(u64 offset) const {
        for (const auto& [o, v] : probed)
            if (o == offset) return v;
        return 0;
    }
    u64 word(unsigned context, unsigned n) { return peek(Spa{at(0x020) + context * 128 + n * 8}); }
    /// From the device's message until its driver has taken the first entry.
    Duration entry() const {
        const Duration thread = config.cpu.irq_entry + config.cpu.context_switch.get() + driver_config.interrupt.get();
        return thread + memory_config.cpu_latency.get() * 2 + driver_config.entry.get();
    }

    GpuWrites& probed = stub.writes;
    std::vector<BondId> lost, guilty;
    base::Subscription losses = events.subscribe<WorkLost>([this](Time, const WorkLost& e) { lost.push_back(e.bond); });
    base::Subscription resets =
        events.subscribe<DeviceReset>([this](Time, const DeviceReset& e) { guilty.push_back(e.guilty); });
};
} // namespace

TEST_CASE("the GPU's probe places the context table and the interrupt ring in memory of the kernel", "[os][gpu]") {
    GpuDriverBench b;
    CHECK(b.at(0x010) == arm64.messages.value());
    CHECK(b.at(0x020) != 0);
    CHECK(b.at(0x028) != 0);
    CHECK(b.at(0x030) != 0);
    CHECK(b.at(0x038) == (u64{1} << 31 | 8));
    CHECK(b.driver->kernel_dma());
}

TEST_CASE("submit writes the context's descriptor and maps it last; the save area is in the process's pages",
          "[os][gpu]") {
    GpuDriverBench b;
    const u64 table = b.at(0x020);
    drivers::Work w;
    w.direction = drivers::Work::Direction::Write;
    w.pattern = drivers::Work::Pattern::Sequential;
    w.first = Va{0x7f00'0000'1000};
    w.bytes = 0x8000;
    w.request_min = 64;
    w.request_max = 256;
    w.every = 200_ns;
    w.count = 7;
    w.outstanding = 3;
    w.stuck = GENERATE(false, true);
    REQUIRE(b.submit(0, w));
    CHECK(b.stub.writes == GpuWrites{{0x050, 1 << 16}});
    const auto word = [&](unsigned n) { return b.peek(Spa{table + n * 8}); };
    CHECK(word(0) == (u64{0x101} << 32 | 3 << 8 | (w.stuck ? 8 : 0) | 3));
    CHECK(word(1) == 1);
    CHECK(word(2) == 0x7f00'0000'1000);
    CHECK(word(3) == 0x8000);
    CHECK(word(4) == (u64{256} << 48 | u64{64} << 32 | 50 << 8 | 1));
    CHECK(word(5) == 200);
    CHECK(word(6) == 7);
    CHECK(word(7) == 0x7e00'0000'0000);
    CHECK(b.mm->place_of(Va{0x7e00'0000'0000}).has_value());
    CHECK(b.mm->present_pages() == 17); // a header, and 16 waves of 4 KiB
}

TEST_CASE("stop unmaps the context and takes the preemption's time, the interrupt, and a wake-up", "[os][gpu]") {
    GpuDriverBench b;
    b.stub.preempt_time = GENERATE(Duration{5_us}, Duration{8_s});
    REQUIRE(b.submit(0));
    REQUIRE(b.submit(1));
    REQUIRE(b.stop(1));
    CHECK(b.stub.writes[0] == std::pair<u64, u64>{0x050, 2 << 16 | 1});
    CHECK(b.took == b.posted() + b.mmio_config.travel.get() + b.stub.preempt_time + b.entry() + b.awake());
    CHECK(b.seen == std::vector<std::pair<BondId, bool>>{{BondId{2}, false}});
    CHECK(b.guilty.empty());
}

TEST_CASE("a preemption that does not end in time makes the driver reset the GPU; stop returns after the reset, and "
          "has not given up",
          "[os][gpu]") {
    GpuDriverBench b;
    REQUIRE(b.submit(0));
    b.stub.hangs = true;
    REQUIRE(b.stop(0));
    // COMMAND, then CTX_SELECT of the one context, its status, RESET.
    const Duration at_reset = b.posted() * 3 + b.mmio_config.travel.get() * 3 + 9_s + b.awake();
    CHECK(b.stub.reset_at - b.begun >= 9_s);
    CHECK(b.stub.reset_at - b.begun <= at_reset + 1_us);
    CHECK(b.took >= 9_s + 500_ms);
    CHECK(b.took < 9_s + 500_ms + 2 * b.driver_config.reset_poll.get());
    CHECK(b.seen == std::vector<std::pair<BondId, bool>>{{BondId{1}, false}});
    CHECK(b.guilty == std::vector<BondId>{BondId{1}});
    CHECK(b.lost.empty());
    CHECK(b.driver->timeouts() == 1);
}

TEST_CASE("what decides is whether the preemption's entry has been taken before the time-out", "[os][gpu]") {
    const bool late = GENERATE(false, true);
    GpuDriverBench b;
    REQUIRE(b.submit(0));
    const Duration latest = 9_s - b.entry() - b.mmio_config.travel.get();
    b.stub.preempt_time = late ? latest + 1_ps : latest - 1_ps;
    REQUIRE(b.stop(0));
    CHECK(b.guilty.size() == late);
}

TEST_CASE("a reset takes away the work of innocent contexts, or the driver maps them again, as it is told",
          "[os][gpu]") {
    drivers::GpuDriverConfig c;
    const bool again = GENERATE(false, true);
    if (again) c.innocents = drivers::Innocents::Resubmitted;
    GpuDriverBench b{c};
    REQUIRE(b.submit(0));
    REQUIRE(b.submit(1));
    REQUIRE(b.submit(2));
    b.stub.hangs = true;
    b.stub.status[2] = 0x102; // it waits, and its state is saved
    const u64 table = b.driver->kernel_dma() ? b.stub.ring : 0;
    REQUIRE(table != 0);
    REQUIRE(b.stop(0));
    GpuWrites maps;
    for (const auto& w : b.stub.writes)
        if (w.first == 0x050 && w.second >> 16 == 1) maps.push_back(w);
    if (again) {
        CHECK(maps == GpuWrites{{0x050, 1 << 16 | 1}, {0x050, 1 << 16 | 2}});
        CHECK(b.lost.empty());
    } else {
        CHECK(maps.empty());
        CHECK(b.lost == std::vector<BondId>{BondId{2}, BondId{3}});
    }
    b.stub.hangs = false;
    REQUIRE(b.stop(1)); // of what is lost there is nothing to unmap
    CHECK(b.stub.writes.empty() != again);
}

TEST_CASE("a reset that does not end makes stop give up", "[os][gpu]") {
    GpuDriverBench b;
    REQUIRE(b.submit(0));
    b.stub.hangs = true;
    b.stub.resets = false;
    CHECK_FALSE(b.stop(0));
    CHECK(b.took >= 9_s + b.driver_config.reset_limit.get());
    CHECK(b.seen == std::vector<std::pair<BondId, bool>>{{BondId{1}, true}});
}

TEST_CASE("when the ring lost entries the driver looks at the registers: a preemption is seen all the same",
          "[os][gpu]") {
    GpuDriverBench b;
    REQUIRE(b.submit(0));
    b.stub.tells = false;
    b.stub.flags = u64{1} << 31;
    REQUIRE(b.stop(0));
    CHECK(b.took < 1_ms);
    CHECK(b.driver->overflows() == 1);
    CHECK(b.guilty.empty());
}

TEST_CASE("the ring's read pointer wraps with it", "[os][gpu]") {
    GpuDriverBench b;
    REQUIRE(b.submit(0));
    for (unsigned n = 0; n < 300; ++n) {
        b.stub.tell(3); // a fault
        b.calendar.run_until_idle(sim::now() + 1_ms);
    }
    CHECK(b.driver->faults() == 300);
    CHECK(b.stub.writes.back() == std::pair<u64, u64>{0x03c, 300 - 256});
}

TEST_CASE("a context of the driver's own without a PASID works on memory of the kernel", "[os][gpu]") {
    drivers::GpuDriverConfig c;
    c.own_context = drivers::OwnContext::NoPasid;
    GpuDriverBench b{c};
    CHECK(b.stub.status[7] == 3); // the last of eight is mapped
    const u64 table = b.at(0x020);
    CHECK((b.peek(Spa{table + 7 * 128}) & 0x23) == 0x21); // valid, no PASID, saved to the kernel's memory
    CHECK(b.peek(Spa{table + 7 * 128 + 8}) == 0);         // nobody's work
    CHECK(b.peek(Spa{table + 7 * 128 + 16}) >= b.memory.ram_base().value());
}

TEST_CASE("a GPU that is gone is asked nothing: whoever waits for it goes on", "[os][gpu]") {
    GpuDriverBench b;
    REQUIRE(b.submit(0));
    b.stub.hangs = true;
    auto later = [&]() -> Task<void> {
        co_await sim::delay(1_s);
        b.driver->disconnect();
    };
    sim::spawn(later());
    REQUIRE(b.stop(0));
    CHECK(b.took < 2_s);
    CHECK(b.guilty.empty());
    CHECK_FALSE(b.submit(1));
}
