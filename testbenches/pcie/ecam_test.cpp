// SPDX-License-Identifier: Apache-2.0
/// Configuration spaces through the memory-mapped window. Offsets and values are typed in from the specification.
#include "pcie/ecam.h"
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;
using sim::Time;

namespace {
constexpr u64 bus = u64{3} << 20; // device 2 of the model: bus 3

struct EcamBench : Fabric {
    TestEndpoint ep{*this, {}, {}, DeviceId{2}};
    Ecam ecam{root_complex};
    Time end;
    ~EcamBench() { calendar.shutdown(); }

    u64 read(u64 offset, unsigned size) {
        u64 value = 0;
        sim::start(timed(ecam.mmio_read(offset, size), end, value));
        run(2_us);
        return value;
    }
    void write(u64 offset, unsigned size, u64 value) {
        sim::start(timed(ecam.mmio_write(offset, size, value), end));
        run(2_us);
    }
};
} // namespace

TEST_CASE("accesses of 1, 2 and 4 bytes reach the function at its bus, device and function number", "[pcie][config]") {
    EcamBench b;
    CHECK(b.read(bus, 4) == 0xacc0'1d1e);
    CHECK(b.read(bus, 2) == 0x1d1e);
    CHECK(b.read(bus + 2, 2) == 0xacc0);
    CHECK(b.read(bus + 1, 1) == 0x1d);
    CHECK(b.read(bus + 0xb, 1) == 0x12);          // class: processing accelerator
    CHECK(b.read(bus + 0x100, 4) == 0x1482'0001); // AER, then PASID
    CHECK(b.read(bus + 0x148, 4) == 0x0001'001b);
}

TEST_CASE("functions that are not there read all ones and take no writes", "[pcie][config]") {
    EcamBench b;
    const u64 absent = GENERATE_COPY(u64{0}, u64{2} << 20, u64{4} << 20, bus | 1 << 15, bus | 1 << 12, u64{255} << 20);
    CHECK(b.read(absent, 1) == 0xff);
    CHECK(b.read(absent, 2) == 0xffff);
    CHECK(b.read(absent, 4) == 0xffff'ffff);
    b.write(absent + 4, 2, 0);
    CHECK(b.read(bus + 4, 2) == 0x0006);
}

TEST_CASE("what no configuration request can carry reads all ones and writes nothing", "[pcie][config]") {
    EcamBench b;
    CHECK(b.read(bus, 8) == ~u64{0});
    CHECK(b.read(bus + 3, 2) == 0xffff);
    b.write(bus + 4, 8, 0);
    b.write(bus + 3, 2, 0);
    CHECK(b.read(bus + 4, 2) == 0x0006);
}

TEST_CASE("writes change what their byte lanes and the masks allow", "[pcie][config]") {
    EcamBench b;
    b.write(bus, 4, 0x1234'5678); // identity
    CHECK(b.read(bus, 4) == 0xacc0'1d1e);
    b.write(bus + 0x10, 4, 0xffff'ffff);
    CHECK(b.read(bus + 0x10, 4) == 0xffff'0004); // 64 KiB, 64-bit, not prefetchable
    b.write(bus + 4, 2, 0xffff);
    CHECK(b.read(bus + 4, 2) == 0x0546);
    b.write(bus + 5, 1, 0);
    CHECK(b.read(bus + 4, 2) == 0x0046);
}

TEST_CASE("a configuration write is not posted: both directions take a round trip", "[pcie][config]") {
    EcamBench b;
    const sim::Duration both = b.config.mmio.get() + b.ep.link_config.propagation.get() * 2 +
                               b.ep.endpoint_config.register_access.get() + b.config.ingress.get();
    const bool write = GENERATE(false, true);
    const Time begun = sim::now();
    if (write)
        b.write(bus + 4, 4, 6);
    else
        b.read(bus + 4, 4);
    CHECK(b.end - begun == both + b.ep.wire(20) + b.ep.wire(24)); // the data goes one way or the other
}

TEST_CASE("with memory space off the BAR takes no writes and reads all ones", "[pcie][config]") {
    EcamBench b;
    b.ep.answer = 0x55;
    b.write(bus + 4, 2, 0x0004);
    Time end;
    u64 value = 0;
    sim::start(timed(b.ep.bar().mmio_write(0x10, 4, 1), end));
    sim::start(timed(b.ep.bar().mmio_read(0x20, 8), end, value));
    b.run(2_us);
    CHECK(value == ~u64{0});
    CHECK(b.ep.accesses.empty());
    b.write(bus + 4, 2, 0x0006);
    sim::start(timed(b.ep.bar().mmio_read(0x20, 8), end, value));
    b.run(2_us);
    CHECK(value == 0x55);
}
