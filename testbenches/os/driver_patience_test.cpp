// SPDX-License-Identifier: Apache-2.0
/// What drivers do with devices that do not stop in time: they go on regardless, reset them, or leave them to a worker for
/// whom the next process waits (facts/linux-sva.md 11.3, 13).
#include "os/drivers/platform_master_driver.h"
#include "os/machine.h"
#include "os/noting_iommu_driver.h"

using namespace quiesce;
using namespace quiesce::os;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {

struct PatienceIommu final : test::NotingIommuDriver {
    Task<bool> note(KernelContext&, std::string) override { co_return true; }
};

/// Stopped so long after its STOP.
struct PatienceBlock final : memory::MmioTarget {
    Duration stop_time = 5_us;
    Time stopped = Time::never();
    u64 looks = 0, stop_commands = 0;
    bool fatal = false;
    Task<void> mmio_write(u64 offset, unsigned, u64 value) override {
        stop_commands += offset == 0x070 && value == 2;
        if (offset == 0x070 && value == 2) stopped = sim::now() + stop_time;
        co_return;
    }
    Task<u64> mmio_read(u64 offset, unsigned) override {
        looks += offset == 0x074;
        co_return offset == 0x004 ? 2 : offset == 0x008 ? u64{fatal} : offset == 0x074 ? (sim::now() >= stopped ? 3 : 2) : 0;
    }
};

struct PollingBench : test::Machine {
    static constexpr Spa registers{0x1000'0000};
    PatienceBlock block;
    drivers::PlatformMasterDriverConfig settings;
    std::optional<drivers::PlatformMasterDriver> driver;
    std::optional<AddressSpace> mm;
    std::optional<Bond> bond;
    std::vector<bool> gave_up;
    base::Subscription stops = events.subscribe<StopSeen>([this](Time, const StopSeen& e) { gave_up.push_back(e.gave_up); });
    PollingBench() {
        settings.stop_polls = 10;
        settings.stop_poll = 100_us;
    }
    ~PollingBench() { calendar.shutdown(); }
    /// How long the stop took.
    Duration stop() {
        make_kernel();
        mmio.map(registers, 0x1000, block, "qm");
        driver.emplace("qm", DeviceId{0}, StreamId{1}, *kernel, settings, drivers::PlatformNode{registers, 0, {}}, std::function<u64(unsigned)>{});
        mm.emplace(MmId{1}, "app", config.mm, kernel->frames());
        bond.emplace(BondId{1}, *mm, *driver);
        Duration took;
        in_kernel([&](KernelContext& ctx) -> Task<void> {
            co_await driver->probe(ctx);
            const bool taken = co_await driver->submit(ctx, *bond, drivers::Work{});
            REQUIRE(taken);
            const Time asked = sim::now();
            co_await driver->stop(ctx, *bond);
            took = sim::now() - asked;
        });
        return took;
    }
};

/// A driver that never sees its device stop, and what it does then.
struct PatientDevice final : drivers::DeviceDriver {
    bool resets = true, by_worker = false, stops = false;
    Duration stop_time = 1_ms;
    unsigned resets_seen = 0;
    base::Name name() const override { return "dev"; }
    DeviceId device() const override { return DeviceId{0}; }
    StreamId stream() const override { return StreamId{8}; }
    bool releases_in_worker() const override { return by_worker; }
    bool resets_what_hangs() const override { return resets; }
    Task<void> probe(KernelContext&) override { co_return; }
    Task<bool> submit(KernelContext&, Bond&, const drivers::Work&) override { co_return true; }
    Task<bool> stop(KernelContext& ctx, Bond&) override {
        co_await ctx.sleep_on(sim::delay(stop_time), "device-stop", "dev");
        co_return stops;
    }
    Task<bool> reset(KernelContext&) override {
        ++resets_seen;
        co_return true;
    }
};

struct PatienceBench : test::Machine {
    PatienceIommu iommu;
    PatientDevice device;
    explicit PatienceBench(PatientDevice d = {}) : device(d) {
        make_kernel(u64{16} << 20);
        kernel->set_iommu(&iommu);
        kernel->add_device("dev", device);
        call(kernel->boot());
        kernel->spawn("app", {16});
        kernel->spawn("next", {16});
        REQUIRE(call(kernel->bind("app", "dev")));
    }
    ~PatienceBench() { calendar.shutdown(); }
};

PatientDevice a_device(bool resets, bool by_worker) {
    PatientDevice d;
    d.resets = resets;
    d.by_worker = by_worker;
    return d;
}

} // namespace

TEST_CASE("a device in error is neither told to stop nor polled, and its driver goes on as if it had stopped", "[os]") {
    PollingBench b;
    b.block.stop_time = 10_s;
    b.block.fatal = true;
    CHECK(b.stop() < 10_us);
    CHECK(b.block.stop_commands == 0);
    CHECK(b.block.looks == 0);
    CHECK(b.gave_up == std::vector<bool>{false});
}

TEST_CASE("a driver that polls sees the stop at its next look", "[os]") {
    PollingBench b;
    b.block.stop_time = 320_us;
    const Duration took = b.stop();
    CHECK(b.block.looks == 5); // at once, and four pauses later
    CHECK(took > 400_us);
    CHECK(took < 450_us);
    CHECK(b.gave_up == std::vector<bool>{false});
}

TEST_CASE("a driver whose looks run out gives up after the last pause, and waits for its grace periods without a look", "[os]") {
    const unsigned periods = GENERATE(0u, 1u, 3u);
    PollingBench b;
    b.settings.grace_periods = periods;
    b.block.stop_time = 5_ms;
    const Duration took = b.stop();
    CHECK(b.block.looks == 10);
    const Duration waited = b.settings.stop_poll * 9 + b.settings.grace_period * periods;
    CHECK(took > waited);
    CHECK(took < waited + (b.config.cpu.wake_up.get() + b.config.cpu.context_switch.get() + 2_us) * (10 + periods));
    CHECK(b.gave_up == std::vector<bool>{true}); // though a device may have stopped in the grace periods
}

TEST_CASE("what hangs is reset before the unbind, unless its driver goes on regardless", "[os]") {
    const bool resets = GENERATE(true, false);
    PatienceBench b(a_device(resets, false));
    std::vector<BondState> states;
    auto token = b.events.subscribe<BondChanged>([&](Time, const BondChanged& e) { states.push_back(e.state); });
    b.call(b.kernel->kill("app"));
    CHECK(b.device.resets_seen == (resets ? 1 : 0));
    CHECK(states == std::vector<BondState>{BondState::Exited, BondState::Draining, BondState::Unbound});
}

TEST_CASE("where a worker releases what a dead process had, the next process's first bind waits for it", "[os]") {
    const bool by_worker = GENERATE(true, false);
    PatienceBench b(a_device(false, by_worker));
    b.device.stop_time = 700_ms;
    sim::spawn(b.kernel->kill("app"));
    b.calendar.run_for(10_ms);
    const Time asked = sim::now();
    Time bound;
    auto token = b.events.subscribe<BondChanged>([&](Time now, const BondChanged& e) {
        if (e.state == BondState::Bound) bound = now;
    });
    REQUIRE(b.call(b.kernel->bind("next", "dev")));
    if (by_worker) {
        CHECK(bound - asked > 680_ms);
        CHECK(bound - asked < 700_ms);
    } else {
        CHECK(bound - asked < 1_ms);
    }
}
