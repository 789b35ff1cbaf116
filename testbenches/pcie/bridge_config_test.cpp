// SPDX-License-Identifier: Apache-2.0
/// Ports of switches in the configuration space: their registers, and accesses that their bus numbers route.
#include "pcie/support/switched.h"

#include <catch2/catch.hpp>

#include <set>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::pcie::cfg;
using namespace quiesce::stubs;
using sim::Duration;
using sim::Time;

namespace {
struct BridgeConfigBench : Switched {
    Ecam ecam{f.root_complex};
    explicit BridgeConfigBench(unsigned levels = 1) : Switched(levels) {}
    u64 read(unsigned bus, unsigned device, u32 offset, unsigned size, Time* took = nullptr) {
        Time end;
        u64 value = 0;
        const Time begin = sim::now();
        sim::start(timed(ecam.mmio_read(u64{bus} << 20 | device << 15 | offset, size), end, value));
        f.run(20_us);
        if (took != nullptr) *took = Time{} + (end - begin);
        return value;
    }
    void write(unsigned bus, unsigned device, u32 offset, unsigned size, u64 value) {
        sim::start(ecam.mmio_write(u64{bus} << 20 | device << 15 | offset, size, value));
        f.run(20_us);
    }
};
} // namespace

TEST_CASE("a port of a switch is a bridge: header type 1, class 0604, its port type, ACS without Egress Control",
          "[pcie]") {
    BridgeConfigBench s;
    CHECK(s.read(1, 0, 0x0e, 1) == 0x01);
    CHECK(s.read(1, 0, 0x08, 4) == 0x06040000);
    CHECK(s.read(1, 0, 0x40, 1) == 0x10);          // PCI Express
    CHECK((s.read(1, 0, 0x42, 2) >> 4 & 0xf) == 5); // upstream port
    CHECK((s.read(2, 0, 0x42, 2) >> 4 & 0xf) == 6); // downstream port
    CHECK((s.read(2, 1, 0x42, 2) >> 4 & 0xf) == 6);
    CHECK(s.read(1, 0, 0x148, 4) == 0); // AER (72 bytes from 0x100 on) is the upper port's last capability
    CHECK((s.read(2, 0, 0x148, 4) & 0xffff) == 0x0d);
    CHECK(s.read(2, 0, 0x14c, 2) == 0x5f); // SV TB RR CR UF DT
    s.write(2, 0, 0x14e, 2, 0xffff);
    CHECK(s.read(2, 0, 0x14e, 2) == 0x5f);
}

TEST_CASE("firmware numbers buses depth first, and a port's window is the megabytes of what is below", "[pcie]") {
    BridgeConfigBench s;
    CHECK(s.read(1, 0, 0x18, 4) == 0x00040201); // primary 1, secondary 2, subordinate 4
    CHECK(s.read(2, 0, 0x18, 4) == 0x00030302);
    CHECK(s.read(2, 1, 0x18, 4) == 0x00040402);
    CHECK(s.a.requester() == RequesterId{0x0300});
    CHECK(s.b.requester() == RequesterId{0x0400});
    CHECK(s.read(2, 0, 0x20, 4) == 0x20002000); // 2000'0000 to 200f'ffff
    CHECK(s.read(2, 1, 0x20, 4) == 0x20102010);
    CHECK(s.read(1, 0, 0x20, 4) == 0x20102000);
    CHECK((s.read(2, 1, 0x04, 2) & 6) == 6);
}

TEST_CASE("configuration accesses follow the bus numbers that are in the ports' registers", "[pcie]") {
    BridgeConfigBench s{2};
    // Buses: 1 upper switch, 2 inside, 3 lower switch, 4 inside, 5 and 6 the endpoints.
    CHECK(s.read(3, 0, 0x0e, 1) == 1);
    CHECK(s.read(5, 0, 0x00, 2) == 0x1d1e);
    CHECK(s.read(6, 0, 0x0e, 1) == 0);
    CHECK(s.read(4, 2, 0x00, 2) == 0xffff); // two ports
    CHECK(s.read(5, 1, 0x00, 2) == 0xffff); // a link has device 0 alone
    CHECK(s.read(7, 0, 0x00, 2) == 0xffff);
    s.write(2, 0, 0x1a, 1, 5); // the upper switch's port: up to bus 5
    CHECK(s.read(5, 0, 0x00, 2) == 0x1d1e);
    CHECK(s.read(6, 0, 0x00, 2) == 0xffff);
    s.write(2, 0, 0x1a, 1, 6);
    CHECK(s.read(6, 0, 0x00, 2) == 0x1d1e);
}

TEST_CASE("a configuration read of a switch takes the sum of its way", "[pcie]") {
    BridgeConfigBench s;
    Time took;
    s.read(1, 0, 0x00, 4, &took);
    const Duration prop = s.a.link_config.propagation.get();
    CHECK(took - Time{} == s.f.config.mmio.get() + s.a.wire(20) + prop + SwitchConfig{}.register_access.get() +
                               s.a.wire(24) + prop + s.f.config.ingress.get());
}

TEST_CASE("requester ids below and beside switches are all different", "[pcie]") {
    Fabric f;
    Switch& top = f.root_complex.add_switch("top", SwitchConfig{});
    Switch& low = f.root_complex.add_switch("low", SwitchConfig{}, &top);
    f.root_complex.place(DeviceId{1}, low);
    f.root_complex.place(DeviceId{2}, top);
    f.root_complex.place(DeviceId{3}, low);
    number_buses(f.root_complex, 5);
    std::set<u32> ids;
    for (unsigned n = 0; n < 5; ++n) ids.insert(raw(f.root_complex.requester_of(static_cast<DeviceId>(n))));
    CHECK(ids.size() == 5);
    CHECK(f.root_complex.requester_of(DeviceId{0}) == RequesterId{0x0100});
    CHECK(f.root_complex.requester_of(DeviceId{2}) >
          f.root_complex.requester_of(DeviceId{3})); // the lower switch's port was first
}
