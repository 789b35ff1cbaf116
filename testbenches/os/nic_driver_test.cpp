// SPDX-License-Identifier: Apache-2.0
/// The network interface's driver on a register block without packets; offsets and values typed in.
#include "os/drivers/nic_driver.h"
#include "os/device_driver_bench.h"

using namespace quiesce;
using namespace quiesce::os;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {
using NicWrites = std::vector<std::pair<u64, u64>>;

/// A queue is disabled `stop_time` after its DISABLE.
struct StubNic final : memory::MmioTarget {
    Duration stop_time = 5_us;
    memory::InterruptSink* sink = nullptr;
    u64 message = 0, received = 0, sent = 0, state = 0;
    NicWrites writes;
    unsigned looks = 0;
    Task<void> mmio_write(u64 offset, unsigned, u64 value) override {
        writes.emplace_back(offset, value);
        if (offset == 0x018) message = value;
        if (offset == 0x020) received &= ~value;
        if (offset == 0x028) sent &= ~value;
        if (offset == 0x074 && value == 1) state = 1;
        if (offset == 0x074 && value == 2) sim::spawn(stop());
        co_return;
    }
    Task<u64> mmio_read(u64 offset, unsigned) override {
        looks += offset == 0x078;
        co_return offset == 0x004 ? 2
        : offset == 0x020         ? received
        : offset == 0x028         ? sent
        : offset == 0x078         ? state
                                  : 0;
    }
    Task<void> stop() {
        state = 2;
        co_await sim::delay(stop_time);
        state = 0;
    }
    void interrupt(u64 rx, u64 tx = 0) {
        received |= rx;
        sent |= tx;
        sink->message(arm64.messages, static_cast<u32>(message));
    }
};

struct NicDriverBench : test::DeviceDriverBench<drivers::NicDriver, drivers::NicDriverConfig, StubNic> {
    static drivers::NicDriverConfig eight_slots() {
        drivers::NicDriverConfig c;
        c.ring_log2 = 3;
        return c;
    }
    explicit NicDriverBench(const drivers::NicDriverConfig& c = eight_slots()) : DeviceDriverBench(c) {
        make_driver("nic");
        probe();
    }
    static drivers::Work receiving(u64 bytes = 0x10000) {
        drivers::Work w;
        w.direction = drivers::Work::Direction::Write;
        w.first = heap;
        w.bytes = bytes;
        return w;
    }
    bool submit(unsigned bond, const drivers::Work& work = receiving()) {
        return DeviceDriverBench::submit(bond, work);
    }
    u64 written(u64 offset) const {
        u64 last = ~u64{0};
        for (const auto& [o, v] : stub.writes)
            if (o == offset) last = v;
        return last;
    }
    /// The device is through with `count` descriptors from `slot` on.
    void done(Spa ring, u32 slot, u32 count, u64 bytes = 594) {
        for (; count != 0; --count, slot = (slot + 1) % 8)
            memory.cpu_port().poke64(ring + slot * 16 + 8, bytes | 1 << 16);
    }
    static constexpr Va heap{0x7f00'0000'0000};
};
} // namespace

TEST_CASE("a receive ring is filled with buffers of the process, enabled, and only then its tail moves", "[os][nic]") {
    NicDriverBench b;
    REQUIRE(b.submit(0));
    const Spa ring{b.written(0x048)};
    for (u64 n = 0; n < 7; ++n) {
        CHECK(b.peek(ring + n * 16) == b.heap.value() + n * 2048);
        CHECK(b.peek(ring + n * 16 + 8) == 2048);
    }
    CHECK(b.peek(ring + 7 * 16 + 8) == 0);
    REQUIRE(b.stub.writes.size() == 10);
    CHECK(b.stub.writes[0] == std::pair<u64, u64>{0x030, 0});
    CHECK(b.stub.writes[1] == std::pair<u64, u64>{0x040, u64{1} << 31 | 0x101});
    CHECK(b.stub.writes[2] == std::pair<u64, u64>{0x044, 1});
    CHECK(b.written(0x058) == (u64{1} << 31 | 3)); // in the kernel's memory, and nothing is sent
    CHECK(b.written(0x05c) == 50'000);
    CHECK(b.stub.writes[8] == std::pair<u64, u64>{0x074, 1});
    CHECK(b.stub.writes[9] == std::pair<u64, u64>{0x064, 7});
    CHECK(b.driver->kernel_dma());
}

TEST_CASE("fewer buffers than slots are given once each", "[os][nic]") {
    NicDriverBench b;
    REQUIRE(b.submit(0, NicDriverBench::receiving(3 * 2048)));
    CHECK(b.written(0x064) == 3);
}

TEST_CASE("rings of a process are pages of its own, and the device reaches them as it reaches the buffers",
          "[os][nic]") {
    drivers::NicDriverConfig c = NicDriverBench::eight_slots();
    c.rings = drivers::RingPlace::Process;
    NicDriverBench b{c};
    CHECK_FALSE(b.driver->kernel_dma());
    REQUIRE(b.submit(0));
    CHECK(b.written(0x048) == 0x7d00'0000'0000);
    CHECK(b.written(0x050) == 0x7d00'0000'0080); // behind eight descriptors
    CHECK(b.written(0x058) == 3);
    const auto frame = b.mm->place_of(Va{0x7d00'0000'0000});
    REQUIRE(frame.has_value());
    CHECK(b.peek(*frame) == b.heap.value());
}

TEST_CASE("what is done goes back into the ring at its tail, round after round", "[os][nic]") {
    NicDriverBench b;
    REQUIRE(b.submit(0));
    const Spa ring{b.written(0x048)};
    u32 head = 0, tail = 7;
    for (const u32 count : {3u, 7u, 1u, 5u}) {
        b.done(ring, head, count);
        b.stub.writes.clear();
        b.stub.interrupt(1);
        b.settle();
        head = (head + count) % 8;
        tail = (tail + count) % 8;
        CHECK(b.written(0x064) == tail);
        CHECK(b.written(0x020) == 1);                          // the cause is cleared
        CHECK(b.peek(ring + (tail + 7) % 8 * 16 + 8) == 2048); // a fresh descriptor
    }
    CHECK(b.driver->completed() == 16);
    CHECK(b.driver->errors() == 0);
}

TEST_CASE("when the process has died nobody refills the ring", "[os][nic]") {
    NicDriverBench b;
    REQUIRE(b.submit(0));
    const Spa ring{b.written(0x048)};
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { co_await b.mm->mmput(ctx); });
    b.done(ring, 0, 4);
    b.stub.writes.clear();
    b.stub.interrupt(1);
    b.settle();
    CHECK(b.written(0x064) == ~u64{0});
    CHECK(b.driver->completed() == 0);
}

TEST_CASE("packets are sent from the buffers, and sent again when they are done", "[os][nic]") {
    NicDriverBench b;
    drivers::Work w = NicDriverBench::receiving();
    w.direction = drivers::Work::Direction::Mixed;
    w.every = 5_us;
    REQUIRE(b.submit(0, w));
    CHECK(b.written(0x058) == (u64{1} << 31 | 3 << 8 | 3));
    CHECK(b.written(0x060) == 5000);
    CHECK(b.written(0x06c) == 7);
    const Spa ring{b.written(0x050)};
    CHECK(b.peek(ring + 8) == 1518);
    b.done(ring, 0, 2);
    b.stub.interrupt(0, 1);
    b.settle();
    CHECK(b.written(0x06c) == 1);
}

TEST_CASE("stop disables the queue and looks until it is empty", "[os][nic]") {
    NicDriverBench b;
    b.stub.stop_time = 50_us;
    REQUIRE(b.submit(0));
    REQUIRE(b.stop(0));
    CHECK(b.stub.looks == 3);
    const Duration look = b.driver_config.disable_poll + b.config.cpu.wake_up.get() +
                          b.config.cpu.context_switch.get() + b.mmio_config.issue * 1 + b.mmio_config.travel * 2;
    CHECK(b.took >= b.mmio_config.issue * 2 + look * 3);
    CHECK(b.took <= b.mmio_config.issue * 2 + (look + 100_ns) * 3);
    CHECK(b.seen == std::vector<std::pair<BondId, bool>>{{BondId{1}, false}});
    REQUIRE(b.submit(1)); // the queue is free again
    CHECK(b.stub.writes[0] == std::pair<u64, u64>{0x030, 0});
}

TEST_CASE("a queue that is never seen empty makes stop give up after its looks", "[os][nic]") {
    NicDriverBench b;
    b.stub.stop_time = 1_s;
    REQUIRE(b.submit(0));
    CHECK_FALSE(b.stop(0));
    CHECK(b.stub.looks == 50);
    CHECK(b.took > 1_ms);
    CHECK(b.took < 2_ms);
    CHECK(b.seen == std::vector<std::pair<BondId, bool>>{{BondId{1}, true}});
}

TEST_CASE("each bond has a queue of its own, and is refused when none is left", "[os][nic]") {
    NicDriverBench b;
    REQUIRE(b.submit(0));
    REQUIRE(b.submit(1));
    CHECK(b.stub.writes[0] == std::pair<u64, u64>{0x030, 1});
    CHECK_FALSE(b.submit(2));
}

TEST_CASE("an interface that is gone is asked nothing", "[os][nic]") {
    NicDriverBench b;
    REQUIRE(b.submit(0));
    b.driver->disconnect();
    CHECK(b.stop(0));
    CHECK(b.stub.writes.empty());
    CHECK_FALSE(b.submit(1));
}
