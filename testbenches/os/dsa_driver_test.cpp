// SPDX-License-Identifier: Apache-2.0
/// The data streaming accelerator's driver: what it writes into registers, as idxd does. Offsets and numbers are those
/// of Linux, drivers/dma/idxd/registers.h, typed in.
#include "os/dsa_machine.h"

using namespace quiesce;
using namespace quiesce::os;
using devices::dsa::QueueMode;

namespace {
using Writes = std::vector<std::pair<u64, u64>>;
constexpr u64 int_req = u64{1} << 31;
constexpr u64 command(u64 code, u64 operand = 0) { return int_req | code << 20 | operand; }

struct DsaDriverBench : test::DsaMachine {
    static Settings with(QueueMode mode, unsigned queues) {
        Settings s;
        s.driver.mode = mode;
        s.driver.queues = queues;
        s.driver.block_on_fault = false;
        return s;
    }
    explicit DsaDriverBench(QueueMode mode = QueueMode::Shared, unsigned queues = 1) : DsaMachine(with(mode, queues)) {
        kernel->spawn("app0", {16});
        kernel->spawn("app1", {16});
    }
    /// What it wrote since the last time, acknowledgements of interrupts left out.
    Writes written() {
        Writes w;
        for (const auto& x : spy->writes)
            if (x.first != 0x98) w.push_back(x);
        spy->writes.clear();
        return w;
    }
};
} // namespace

TEST_CASE("probe configures every queue, then enables the device and the queues by commands", "[os]") {
    DsaDriverBench b(QueueMode::Shared, 2);
    const u64 mode = 10u << 4; // shared, priority 10
    const Writes expected{{0x300, arm64.messages.value()},
                          {0x308, 3},
                          {0x88, 3},
                          {0x500, 16},
                          {0x504, 16},
                          {0x508, mode},
                          {0x50c, 21},
                          {0x510, 0},
                          {0x514, 0},
                          {0x518, 0},
                          {0x51c, 0},
                          {0x520, 16},
                          {0x524, 16},
                          {0x528, mode},
                          {0x52c, 21},
                          {0x530, 0},
                          {0x534, 0},
                          {0x538, 0},
                          {0x53c, 0},
                          {0xa0, command(1)},
                          {0xa0, command(6, 0)},
                          {0xa0, command(6, 1)}};
    Writes found = b.written();
    REQUIRE(found.size() == expected.size());
    found[1].second = 3; // the number of its message
    CHECK(found == expected);
}

TEST_CASE("a shared queue's user is drained by its PASID when its bond ends", "[os]") {
    DsaDriverBench b;
    REQUIRE(b.bind("app0"));
    REQUIRE(b.bind("app1"));
    b.written();
    REQUIRE(b.unbind("app0"));
    const Writes first = b.written();
    REQUIRE(first.size() == 1);
    CHECK(first[0].first == 0xa0);
    CHECK((first[0].second & ~u64{0xfffff}) == command(11));
    REQUIRE(b.unbind("app1"));
    const Writes second = b.written();
    REQUIRE(second.size() == 1);
    CHECK(second[0].second != first[0].second); // another PASID
}

TEST_CASE("a dedicated queue gets its user's PASID at open and loses it at release, disabled meanwhile", "[os]") {
    DsaDriverBench b(QueueMode::Dedicated);
    b.written();
    REQUIRE(b.bind("app0"));
    const u64 setting = 1 | 10u << 4; // dedicated, priority 10
    const Writes bound = b.written();
    REQUIRE(bound.size() == 3);
    CHECK(bound[0] == std::pair<u64, u64>{0xa0, command(7, 1)});
    CHECK(bound[1].first == 0x508);
    CHECK((bound[1].second & ~u64{0xfffff00}) == (setting | u64{1} << 28));
    CHECK((bound[1].second >> 8 & 0xfffff) != 0);
    CHECK(bound[2] == std::pair<u64, u64>{0xa0, command(6, 0)});
    REQUIRE(b.enqcmd("app0").status == 1); // MOVDIR64B
    b.written();
    REQUIRE(b.unbind("app0"));
    CHECK(b.written() == Writes{{0xa0, command(7, 1)}, {0x508, setting}, {0xa0, command(6, 0)}});
}

TEST_CASE("a dedicated queue has one user: the next one is refused until the first has gone", "[os]") {
    DsaDriverBench b(QueueMode::Dedicated);
    REQUIRE(b.bind("app0"));
    CHECK_FALSE(b.bind("app1"));
    REQUIRE(b.unbind("app0"));
    CHECK(b.bind("app1"));
}

TEST_CASE("commands of several releases go one after the other, each when the one before it has ended", "[os]") {
    DsaDriverBench b;
    REQUIRE(b.bind("app0"));
    REQUIRE(b.bind("app1"));
    b.written();
    for (const char* p : {"app0", "app1"})
        sim::spawn([](Kernel& k, std::string process) -> sim::Task<void> {
            co_await k.unbind(process, "dsa0");
        }(*b.kernel, p));
    b.settle();
    CHECK(b.written().size() == 2);
    CHECK(b.dsa->refused_commands() == 0);
}

TEST_CASE("after a reset of the function the driver configures it anew, and its users go on", "[os]") {
    const QueueMode mode = GENERATE(QueueMode::Shared, QueueMode::Dedicated);
    DsaDriverBench b(mode);
    REQUIRE(b.bind("app0"));
    REQUIRE(b.enqcmd("app0").status == 1);
    REQUIRE(b.call(b.kernel->reset("dsa0")));
    CHECK(b.enqcmd("app0").status == 1);
}

TEST_CASE("a release does not wait for a device that is gone", "[os]") {
    DsaDriverBench b;
    REQUIRE(b.bind("app0"));
    b.dsa->port().set_link(false);
    b.driver->disconnect();
    b.written();
    CHECK(b.unbind("app0"));
    CHECK(b.written().empty());
}

namespace {
struct DsaHaltBench : test::DsaMachine {
    static Settings with(QueueMode mode, bool ends_commands = true, sim::Duration report = 10_us) {
        Settings s;
        s.driver.mode = mode;
        s.driver.block_on_fault = false;
        s.device.halt_ends_commands = ends_commands;
        s.device.halt_report = report;
        return s;
    }
    explicit DsaHaltBench(const Settings& s = with(QueueMode::Shared)) : DsaMachine(s) {
        patience = 500_ms; // a reset takes 100 ms
        kernel->spawn("app0", {16});
        kernel->spawn("app1", {16});
        REQUIRE(bind("app0"));
    }
    /// In the middle of the command that an unbind begins.
    std::optional<sim::Time> unbind_and_halt() {
        sim::spawn([](Kernel& k, std::optional<sim::Time>& at) -> sim::Task<void> {
            const bool done = co_await k.unbind("app0", "dsa0");
            if (done) at = sim::now();
        }(*kernel, over));
        while (!dsa->registers().get(devices::dsa::CMDSTS::ACTIVE)) calendar.run_for(10_ns);
        CHECK(dsa->halt(devices::dsa::ResetType::FunctionLevel));
        halted = sim::now();
        calendar.run_for(5_ms);
        return over;
    }
    std::size_t commands() const {
        return static_cast<std::size_t>(std::count_if(spy->writes.begin(), spy->writes.end(), [](const auto& w) { return w.first == 0xa0; }));
    }
    sim::Time halted{};
    std::optional<sim::Time> over; ///< when the unbind was
    std::vector<u8> seen, skipped;
    base::Subscription sees = events.subscribe<DeviceHaltSeen>([this](sim::Time, const DeviceHaltSeen& e) { seen.push_back(e.needs); });
    base::Subscription skips = events.subscribe<CommandSkipped>([this](sim::Time, const CommandSkipped& e) { skipped.push_back(e.command); });
};
} // namespace

TEST_CASE("a halted device is given no command: an unbind goes on without its drain", "[os]") {
    DsaHaltBench b;
    b.dsa->halt(devices::dsa::ResetType::FunctionLevel);
    b.settle();
    CHECK(b.seen == std::vector<u8>{1});
    b.spy->writes.clear();
    REQUIRE(b.unbind("app0"));
    CHECK(b.commands() == 0);
    CHECK(b.skipped == std::vector<u8>{11});
}

TEST_CASE("a device that asks for a reset by command is given none, either: it stays halted until its function is reset", "[os]") {
    DsaHaltBench b;
    b.dsa->halt(devices::dsa::ResetType::Software);
    b.settle();
    CHECK(b.seen == std::vector<u8>{0});
    CHECK(b.skipped == std::vector<u8>{5});
    CHECK_FALSE(b.dsa->halt(devices::dsa::ResetType::Software));
    CHECK(b.enqcmd("app0").how == UserSubmission::Full);
    CHECK(b.call(b.kernel->reset("dsa0")));
    CHECK(b.enqcmd("app0").status == 1);
    REQUIRE(b.unbind("app0"));
    CHECK(b.skipped.size() == 1);
}

TEST_CASE("a dedicated queue of a halted device is not to be had, and the bond of whoever asked goes again", "[os]") {
    DsaHaltBench b(DsaHaltBench::with(QueueMode::Dedicated));
    REQUIRE(b.unbind("app0"));
    b.dsa->halt(devices::dsa::ResetType::Cold);
    b.settle();
    CHECK_FALSE(b.bind("app1"));
    CHECK(b.skipped == std::vector<u8>{7});
}

TEST_CASE("a command that the device cuts off by halting ends with an error, and the unbind goes on", "[os]") {
    DsaHaltBench b;
    const auto over = b.unbind_and_halt();
    REQUIRE(over);
    CHECK(*over - b.halted < 1_ms);
    CHECK(b.seen.size() == 1);
}

TEST_CASE("nobody hears of a command's end that is reported with the halt, or never: the unbind waits until somebody resets the device", "[os]") {
    const bool never = GENERATE(false, true);
    DsaHaltBench b(DsaHaltBench::with(QueueMode::Shared, !never, never ? 10_us : 0_us));
    CHECK_FALSE(b.unbind_and_halt());
    CHECK(b.seen.size() == 1);
    CHECK(b.call(b.kernel->reset("dsa0")));
    CHECK(b.over);
    CHECK(b.kernel->at_rest());
}
