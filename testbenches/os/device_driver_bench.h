// SPDX-License-Identifier: Apache-2.0
/// The driver of a PCI function over a stub of its registers: what every bench of a device driver has.
#pragma once
#include "os/machine.h"
#include "os/stub_function.h"
#include "pcie/endpoint.h"

#include <memory>

namespace quiesce::os::test {

inline pcie::FunctionConfig function_with_flr() {
    pcie::FunctionConfig c = pcie::Endpoint::plain_function();
    c.express.flr = true;
    return c;
}

/// Stub: a memory::MmioTarget with a `sink` for its messages and a list of `writes`.
template <class Driver, class Config, class Stub>
struct DeviceDriverBench : Machine {
    static constexpr Spa bar{0x1000'0000}, function_registers{0x4010'0000};

    explicit DeviceDriverBench(const Config& c) : driver_config(c) {}
    ~DeviceDriverBench() { calendar.shutdown(); }
    void make_driver(const char* name) {
        make_kernel();
        stub.sink = &kernel->interrupts();
        mmio.map(bar, 0x1000, stub, name);
        mmio.map(function_registers, page_size, function, std::string{name} + "'s function");
        function.space.assign_bar(0, bar.value());
        driver.emplace(name, DeviceId{0}, StreamId{1}, *kernel, driver_config, function_registers,
                       std::function<u64(unsigned)>{});
    }
    /// Discovers and probes the function; three bonds of one process are there then.
    void probe() {
        in_kernel([&](KernelContext& ctx) -> sim::Task<void> {
            const bool found = co_await driver->pci()->discover(ctx);
            REQUIRE(found);
            function.writes.clear();
            co_await driver->probe(ctx);
        });
        mm.emplace(MmId{1}, "app", config.mm, kernel->frames());
        for (u32 i = 1; i <= 3; ++i) {
            bonds.push_back(std::make_unique<Bond>(BondId{i}, *mm, *driver));
            bonds.back()->pasid = Pasid{0x100 + i};
        }
    }
    /// `took` and the stub's writes are those of this call.
    template <class Call>
    bool timed(Call call) {
        bool result = false;
        stub.writes.clear();
        in_kernel([&](KernelContext& ctx) -> sim::Task<void> {
            begun = sim::now();
            const bool r = co_await call(ctx);
            took = sim::now() - begun;
            result = r;
        });
        return result;
    }
    bool submit(unsigned bond, const drivers::Work& work) {
        return timed([&](KernelContext& ctx) { return driver->submit(ctx, *bonds[bond], work); });
    }
    bool stop(unsigned bond) {
        return timed([&](KernelContext& ctx) { return driver->stop(ctx, *bonds[bond]); });
    }
    sim::Duration posted() const { return mmio_config.issue.get(); }
    sim::Duration awake() const { return config.cpu.wake_up.get() + config.cpu.context_switch.get(); }

    Stub stub;
    StubFunction function{function_with_flr()};
    Config driver_config;
    std::optional<Driver> driver;
    std::optional<AddressSpace> mm;
    std::vector<std::unique_ptr<Bond>> bonds;
    sim::Time begun;
    sim::Duration took;
    std::vector<std::pair<BondId, bool>> seen; ///< stops, and whether the driver gave up
    base::Subscription stops =
        events.subscribe<StopSeen>([this](sim::Time, const StopSeen& e) { seen.emplace_back(e.bond, e.gave_up); });
};

} // namespace quiesce::os::test
