// SPDX-License-Identifier: Apache-2.0
/// A device that plays a trace: times, address spaces, lateness, what it leaves out.
#include "devices/trace_player.h"
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::devices::accelerator;
using namespace quiesce::stubs;
using sim::Time;

namespace {

struct TracePlayerBench : Fabric {
    std::string path;
    TracePlayerConfig settings;
    std::optional<TracePlayer> device;
    struct Issued {
        sim::Duration at;
        DmaIssued what;
    };
    Time begun;
    std::vector<Issued> issued;
    std::vector<TraceLinePlayed> lines;
    std::vector<base::Subscription> tokens;

    explicit TracePlayerBench(const std::string& trace, const TracePlayerConfig& c = {})
        : path((std::filesystem::temp_directory_path() / ("quiesce-player-" + std::to_string(::getpid()) + ".trace"))
                   .string()),
          settings(c) {
        std::ofstream{path} << trace;
        settings.trace = path;
        device.emplace("tp0", events, root_complex, pcie::LinkConfig{}, settings, DeviceId{0}, 1);
        device->take_into_service();
        tokens.push_back(events.subscribe<DmaIssued>([this](Time now, const DmaIssued& e) {
            if (e.bytes != 0) issued.push_back({now - begun, e}); // not what pushes the writes of a queue that stops
        }));
        tokens.push_back(
            events.subscribe<TraceLinePlayed>([this](Time, const TraceLinePlayed& e) { lines.push_back(e); }));
    }
    ~TracePlayerBench() {
        calendar.shutdown();
        std::filesystem::remove(path);
    }
    void write(u32 offset, unsigned size, u64 value) {
        sim::spawn(device->bar().mmio_write(offset, size, value));
        run(1_us);
    }
    /// Queue n is told that a process is there: PASID 10 + n, bond 1 + n, a heap of 64 KiB at 64 KiB * n.
    void there(unsigned n) {
        write(QUEUE_SELECT::offset, 4, n);
        write(Q_PASID::offset, 4, (10 + n) | u64{1} << 31);
        write(Q_WORK_TAG::offset, 4, 1 + n);
        write(Q_BASE::offset, 8, at(0x10000 * n).value());
        write(Q_LENGTH::offset, 8, 0x10000);
        const auto token = events.subscribe<QueueState>([this](Time now, const QueueState&) { begun = now; });
        write(Q_CTRL::offset, 4, 1);
    }
    State state(unsigned n) { return device->queues().state(n); }
};

const std::string one = "quiesce-dma-trace 1\nwho app0\n", two = "quiesce-dma-trace 1\nwho app0 app1\n";

} // namespace

TEST_CASE("requests are made at their times, in the heap of the process, with its PASID and its bond",
          "[devices][trace]") {
    TracePlayerBench b(
        one + "1us app0 read heap+0x100 64\n2500ns app0 write heap+0x2000 128\n3us app0 read 0x100000040 32\n");
    b.there(0);
    b.run(20_us);
    REQUIRE(b.issued.size() == 3);
    CHECK(b.issued[0].at == 1_us);
    CHECK(b.issued[1].at == 2500_ns);
    CHECK(b.issued[2].at == 3_us);
    CHECK(b.issued[0].what.at == b.at(0x100));
    CHECK(b.issued[1].what.at == b.at(0x2000));
    CHECK(b.issued[2].what.at == Iova{0x100000040});
    CHECK_FALSE(b.issued[0].what.write);
    CHECK(b.issued[1].what.write);
    for (const auto& i : b.issued) {
        CHECK(i.what.pasid == Pasid{10});
        CHECK(i.what.bond == BondId{1});
    }
    CHECK(b.state(0) == State::Idle); // the trace has ended
    for (const auto& l : b.lines) CHECK((l.fate == TraceLineFate::Played && l.late_ps == 0));
}

TEST_CASE("a trace of several processes begins when the last of them is there", "[devices][trace]") {
    TracePlayerBench b(two + "0 app0 read heap+0 64\n1us app1 read heap+0 64\n");
    b.there(0);
    b.run(50_us);
    CHECK(b.issued.empty());
    b.there(1);
    b.run(20_us);
    REQUIRE(b.issued.size() == 2);
    CHECK(b.issued[0].at == 0_us);
    CHECK(b.issued[0].what.bond == BondId{1});
    CHECK(b.issued[1].at == 1_us);
    CHECK(b.issued[1].what.bond == BondId{2});
    CHECK(b.issued[1].what.at == b.at(0x10000));
}

TEST_CASE("queues are the processes' in the order of the heading", "[devices][trace]") {
    TracePlayerBench b("quiesce-dma-trace 1\nwho app0 7 app1 none\n0 app0 read heap+0 64\n");
    CHECK(b.device->queue_of("app0") == 0u);
    CHECK(b.device->queue_of("app1") == 1u);
    CHECK_FALSE(b.device->queue_of("7"));
    CHECK_FALSE(b.device->queue_of("app2"));
}

TEST_CASE("requests of bare PASIDs and of none belong to nobody", "[devices][trace]") {
    TracePlayerBench b("quiesce-dma-trace 1\nwho app0 7 none\n0 7 read 0x100000000 64\n0 none write 0x100000000 "
                       "64\n9us app0 read heap+0 1\n");
    b.there(0);
    b.run(20_us);
    REQUIRE(b.issued.size() == 3);
    CHECK((b.issued[0].what.has_pasid && b.issued[0].what.pasid == Pasid{7} && b.issued[0].what.bond == no_bond));
    CHECK((!b.issued[1].what.has_pasid && b.issued[1].what.bond == no_bond));
}

TEST_CASE("a device without free tags falls behind its trace and says by how much", "[devices][trace]") {
    TracePlayerConfig c;
    c.function.endpoint.tags = 1;
    TracePlayerBench b(one + "0 app0 read heap+0 64\n1ns app0 read heap+64 64\n50us app0 read heap+128 64\n", c);
    b.there(0);
    b.run(100_us);
    REQUIRE(b.lines.size() == 3);
    CHECK(b.lines[0].late_ps == 0);
    REQUIRE(b.issued.size() == 3);
    CHECK(b.lines[1].late_ps == static_cast<u64>((b.issued[1].at - 1_ns).ps()));
    CHECK(b.lines[1].late_ps > 100'000); // a round trip
    CHECK(b.lines[2].late_ps == 0);      // it has caught up
}

TEST_CASE("what a stopped queue would have had is left out, and the others go on", "[devices][trace]") {
    std::string trace = two;
    for (unsigned n = 0; n < 100; ++n)
        trace += std::to_string(n) + "us " + (n % 2 == 0 ? "app0" : "app1") + " write heap+" + std::to_string(n * 64) +
                 " 64\n";
    TracePlayerConfig c;
    c.work.stop_time = 1_us;
    c.work.dma_while_stopping = false;
    TracePlayerBench b(trace, c);
    b.there(0);
    b.there(1);
    b.run(20_us);
    b.write(QUEUE_SELECT::offset, 4, 0);
    b.write(Q_CTRL::offset, 4, 2);
    const auto before = b.issued.size();
    b.run(10_us);
    CHECK(b.state(0) == State::Stopped);
    b.run(100_us);
    for (std::size_t i = before; i < b.issued.size(); ++i) CHECK(b.issued[i].what.bond == BondId{2});
    CHECK(b.lines.size() == 100);
    const auto left_out =
        std::count_if(b.lines.begin(), b.lines.end(), [](const TraceLinePlayed& l) { return l.fate == TraceLineFate::LeftOut; });
    CHECK(left_out > 30);
    CHECK(static_cast<std::size_t>(left_out) + b.issued.size() == 100);
    CHECK(b.state(1) == State::Idle);
}

TEST_CASE("a request of which a part was sent when its queue stopped is cut short, not left out", "[devices][trace]") {
    TracePlayerConfig c;
    c.work.dma_while_stopping = false;
    TracePlayerBench b(one + "0 app0 write heap+0 1048576\n1s app0 write heap+0 64\n", c);
    b.there(0);
    b.run(5_us);
    CHECK(b.lines.empty());
    b.write(Q_CTRL::offset, 4, 2);
    b.calendar.run_until_idle(sim::now() + 10_s);
    CHECK(b.issued.size() > 1);
    CHECK(b.issued.size() < 4096); // packets of 256 B
    REQUIRE(b.lines.size() == 1);
    CHECK(b.lines[0].fate == TraceLineFate::CutShort);
}

TEST_CASE("when nobody is left the trace is not read on", "[devices][trace]") {
    TracePlayerBench b(
        one + "0 app0 read heap+0 64\n1us app0 read heap+0 64\n1s app0 read heap+0 64\n2s app0 read heap+0 64\n");
    b.there(0);
    b.run(10_us);
    b.write(Q_CTRL::offset, 4, 4);
    b.calendar.run_until_idle(sim::now() + 10_s);
    CHECK(b.lines.size() == 3); // the one that it waited for is left out, and the next is not looked at
    CHECK(b.lines.back().fate == TraceLineFate::LeftOut);
}

TEST_CASE("a second doorbell after the end plays the trace from its beginning", "[devices][trace]") {
    TracePlayerBench b(one + "1us app0 read heap+0x40 64\n");
    b.there(0);
    b.run(20_us);
    b.there(0);
    b.run(20_us);
    REQUIRE(b.issued.size() == 2);
    CHECK(b.issued[1].at == 1_us);
}

TEST_CASE("a bad line is told when its turn comes", "[devices][trace]") {
    TracePlayerBench b(one + "0 app0 read heap+0 64\n1us app0 fetch heap+0 64\n");
    u64 line = 0;
    b.device->on_bad_line([&](const TraceFile&, const TraceError& e) {
        line = e.line;
        throw std::runtime_error(e.what);
    });
    CHECK_THROWS_WITH((b.there(0), b.run(10_us)), "expected read or write, got 'fetch'");
    CHECK(line == 4);
}
