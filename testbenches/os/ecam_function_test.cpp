// SPDX-License-Identifier: Apache-2.0
/// What the kernel finds in configuration registers, and what it writes there. Offsets and values are the
/// specification's.
#include "os/smmuv3_bench.h"

using namespace quiesce;
using namespace quiesce::os;
using pcie::FunctionConfig;
using pcie::cfg::Capability;
using sim::Task;
using Write = test::StubFunction::Write;

namespace {
constexpr Spa at{0x4010'0000};

struct EcamFunctionBench : test::Machine {
    explicit EcamFunctionBench(const FunctionConfig& c = {}) : stub(c) {
        make_kernel();
        mmio.map(at, page_size, stub, "function");
    }
    ~EcamFunctionBench() { calendar.shutdown(); }
    bool discover() {
        bool found = false;
        in_kernel([&](KernelContext& ctx) -> Task<void> { found = co_await function.discover(ctx); });
        stub.writes.clear();
        return found;
    }
    unsigned enable_pasid() {
        unsigned bits = 99;
        in_kernel([&](KernelContext& ctx) -> Task<void> { bits = co_await function.enable_pasid(ctx); });
        return bits;
    }
    test::StubFunction stub;
    drivers::EcamFunction function{at};
};

/// Bytes as they are; all writable.
struct RawFunction final : memory::MmioTarget {
    std::array<u8, 4096> bytes{};
    void put(u64 offset, u32 value) {
        for (unsigned i = 0; i < 4; ++i) bytes[offset + i] = static_cast<u8>(value >> 8 * i);
    }
    Task<void> mmio_write(u64, unsigned, u64) override { co_return; }
    Task<u64> mmio_read(u64 offset, unsigned size) override {
        u64 value = 0;
        for (unsigned i = 0; i < size; ++i) value |= u64{bytes[offset + i]} << 8 * i;
        co_return value;
    }
};
} // namespace

TEST_CASE("the kernel finds identity, capabilities, and BAR 0 with the address that firmware gave it", "[os][pci]") {
    EcamFunctionBench b;
    b.stub.space.assign_bar(0, 0x12'1000'0000);
    b.stub.space.config_write(0x04, 2, 0x6);
    REQUIRE(b.discover());
    CHECK(b.function.vendor_id() == 0x1d1e);
    CHECK(b.function.device_id() == 0xacc0);
    CHECK(b.function.base_of(Capability::PciExpress) == 0x40);
    CHECK(b.function.base_of(Capability::MsiX) == 0x7c);
    CHECK(b.function.base_of(Capability::Aer) == 0x100);
    CHECK(b.function.base_of(Capability::Ats) == 0x148);
    CHECK(b.function.base_of(Capability::Pri) == 0x150);
    CHECK(b.function.base_of(Capability::Pasid) == 0x160);
    CHECK_FALSE(b.function.has(Capability::Acs));
    CHECK_FALSE(b.function.has(Capability::Sriov));
    CHECK(b.function.bar0() == Spa{0x12'1000'0000});
    CHECK(b.function.bar0_bytes() == 64 * 1024);
    CHECK(b.stub.space.config_read(0x10, 4) == 0x1000'0004); // as before
    CHECK(b.stub.space.config_read(0x14, 4) == 0x12);
    CHECK(b.stub.space.config_read(0x04, 2) == 0x6);
}

TEST_CASE("a BAR is sized with memory space off, which is then as it was", "[os][pci]") {
    EcamFunctionBench b;
    b.stub.space.config_write(0x04, 2, 0x6);
    bool off = true;
    b.stub.space.on_change(pcie::cfg::Command::MemorySpace, [&](bool on) {
        off = off && (on || b.stub.space.config_read(0x10, 4) == 0x4); // not yet all ones
    });
    REQUIRE(b.discover());
    CHECK(off);
    CHECK(b.stub.space.memory_space());
}

TEST_CASE("BARs of 32 bits, of 4 GiB and more, and none at all are told apart", "[os][pci]") {
    FunctionConfig c;
    c.msix.vectors = 0;
    const u64 bytes = GENERATE(u64{0}, u64{4096}, u64{1} << 32, u64{1} << 40);
    c.bar0.size = base::Size{bytes};
    c.bar0.wide = bytes > 4096;
    EcamFunctionBench b{c};
    REQUIRE(b.discover());
    CHECK(b.function.bar0_bytes() == bytes);
}

TEST_CASE("where nobody answers there is no function", "[os][pci]") {
    EcamFunctionBench b;
    drivers::EcamFunction nobody{at + page_size};
    bool found = true;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { found = co_await nobody.discover(ctx); });
    CHECK_FALSE(found);
}

TEST_CASE("lists that run in a circle end", "[os][pci]") {
    EcamFunctionBench b;
    RawFunction raw;
    b.mmio.map(at + page_size, page_size, raw, "raw");
    raw.put(0x00, 0xacc0'1d1e);
    raw.put(0x04, 0x0010'0000); // there is a list
    raw.put(0x34, 0x50);
    raw.put(0x50, 0x60'10); // PCI Express
    raw.put(0x60, 0x50'05); // MSI, and back
    raw.put(0x100, 0x1001'000f);
    drivers::EcamFunction function{at + page_size};
    bool found = false;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { found = co_await function.discover(ctx); });
    CHECK(found);
    CHECK(function.base_of(Capability::PciExpress) == 0x50);
    CHECK(function.base_of(Capability::Ats) == 0x100);
}

TEST_CASE("PASIDs are enabled with every feature that the function has", "[os][pci]") {
    FunctionConfig c;
    c.pasid.width = 17;
    c.pasid.execute = GENERATE(false, true);
    c.pasid.privileged = GENERATE(false, true);
    EcamFunctionBench b{c};
    REQUIRE(b.discover());
    CHECK(b.enable_pasid() == 17);
    const u64 control = 1u | (c.pasid.execute ? 2u : 0u) | (c.pasid.privileged ? 4u : 0u);
    CHECK(b.stub.writes == std::vector<Write>{{0x166, 2, control}});
}

TEST_CASE("a function without PASIDs has none enabled", "[os][pci]") {
    FunctionConfig c;
    c.pasid.present = false;
    EcamFunctionBench b{c};
    REQUIRE(b.discover());
    CHECK(b.enable_pasid() == 0);
    CHECK(b.stub.writes.empty());
}

TEST_CASE("memory space and bus mastering are enabled beside what is on already", "[os][pci]") {
    EcamFunctionBench b;
    b.stub.space.config_write(0x04, 2, 0x0140);
    REQUIRE(b.discover());
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        co_await b.function.enable_memory(ctx);
        co_await b.function.set_master(ctx);
    });
    CHECK(b.stub.writes == std::vector<Write>{{0x04, 2, 0x0142}, {0x04, 2, 0x0146}});
}

TEST_CASE("bus mastering is cleared beside what is on already", "[os][pci]") {
    EcamFunctionBench b;
    b.stub.space.config_write(0x04, 2, 0x0146);
    REQUIRE(b.discover());
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { co_await b.function.clear_master(ctx); });
    CHECK(b.stub.writes == std::vector<Write>{{0x04, 2, 0x0142}});
}

TEST_CASE("around a function-level reset the function is quiet; after its time it has back what the reset took", "[os][pci]") {
    EcamFunctionBench b;
    b.stub.space.assign_bar(0, 0x12'1000'0000);
    b.stub.space.config_write(0x04, 2, 0x0006);
    b.stub.space.config_write(0x166, 2, 0x0001); // PASIDs
    b.stub.space.config_write(0x14e, 2, 0x8000); // ATS
    REQUIRE(b.discover());
    const u64 control = b.stub.space.config_read(0x48, 2);
    std::vector<sim::Time> at_times;
    b.stub.on_write = [&](const Write&) { at_times.push_back(sim::now()); };
    bool done = false;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { done = co_await b.function.function_level_reset(ctx, 100_ms, "dev"); });
    CHECK(done);
    const std::vector<Write> expected{{0x04, 2, 0},          {0x48, 2, control | 0x8000}, {0x48, 2, control},
                                      {0x10, 4, 0x1000'0000}, {0x14, 4, 0x12},             {0x166, 2, 0x0001},
                                      {0x14e, 2, 0x8000},     {0x04, 2, 0x0006}};
    REQUIRE(b.stub.writes == expected);
    CHECK(at_times[2] - at_times[1] >= 100_ms);
    CHECK(at_times[2] - at_times[1] < 101_ms);
    CHECK(b.stub.space.bar_address(0) == 0x12'1000'0000);
    CHECK(b.stub.space.bus_master());
}

TEST_CASE("after a function-level reset page requests are enabled anew, with their allocation, before ATS",
          "[os][pci]") {
    FunctionConfig c;
    c.pri.capacity = 8;
    EcamFunctionBench b{c};
    REQUIRE(b.discover());
    const u32 pri = b.function.base_of(Capability::Pri);
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        const bool enabled = co_await b.function.enable_pri(ctx, 100);
        REQUIRE(enabled);
        co_await b.function.enable_ats(ctx);
        b.stub.writes.clear();
        const bool done = co_await b.function.function_level_reset(ctx, 100_ms, "dev");
        REQUIRE(done);
    });
    const u64 ats = b.function.base_of(Capability::Ats) + 6;
    const std::vector<Write> expected{{pri + 0xc, 4, 8}, {pri + 4, 2, 1}, {ats, 2, 0x8000}};
    REQUIRE(b.stub.writes.size() > 4);
    CHECK(std::vector<Write>(b.stub.writes.end() - 4, b.stub.writes.end() - 1) == expected);
    CHECK(b.stub.space.pri_enabled());
}

TEST_CASE("a function without function-level reset is not reset, and nothing is written", "[os][pci]") {
    FunctionConfig c;
    c.express.flr = false;
    EcamFunctionBench b{c};
    REQUIRE(b.discover());
    bool done = true;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { done = co_await b.function.function_level_reset(ctx, 100_ms, "dev"); });
    CHECK_FALSE(done);
    CHECK(b.stub.writes.empty());
}

// ---- the order of booting, on the real unit ----

TEST_CASE("boot enables PASIDs first, then the stream's entry, and ATS only when that allows it", "[os][pci]") {
    test::smmuv3::Bench b(KernelVersion::V6_12, {}, {}, test::with_atc());
    const auto& all = b.spy->commands;
    const auto entry = std::find(all.begin(), all.end(), "CFGI_STE sid 108 leaf") - all.begin();
    REQUIRE(entry < std::ssize(all));
    REQUIRE(b.enables.size() == 2);
    CHECK(b.enables[0].first == 0x166);
    CHECK(b.enables[0].second <= entry);
    CHECK(b.enables[1].first == 0x14e);
    CHECK(b.enables[1].second == entry + 2); // its SYNC as well
    CHECK(b.function.space.config_read(0x166, 2) == 0x0005);
    CHECK(b.function.space.config_read(0x14e, 2) == 0x8000); // STU 0
}

TEST_CASE("boot enables no ATS that the unit or the device lacks", "[os][pci]") {
    iommu::smmuv3::Smmuv3Config unit;
    unit.ats = GENERATE(false, true);
    test::smmuv3::Bench b(KernelVersion::V6_12, {}, unit,
                          unit.ats ? test::without_atc() : test::with_atc());
    REQUIRE(b.enables.size() == 1); // PASIDs
    CHECK_FALSE(b.function.space.ats_enabled());
    CHECK(b.function.space.pasid_enabled());
    CHECK_FALSE(b.driver->ats_enabled(StreamId{0x108}));
}

TEST_CASE("PASIDs of a stream are no wider than the device's, and a device without PASIDs cannot be bound",
          "[os][pci]") {
    FunctionConfig c;
    const unsigned width = GENERATE(0u, 5u, 12u);
    c.pasid.present = width != 0;
    c.pasid.width = width;
    test::smmuv3::Bench b(KernelVersion::V6_12, {}, {}, c);
    CHECK(b.kernel->boot_error().empty());
    CHECK(b.driver->max_pasids(StreamId{0x108}) == (width == 0 ? 0 : 1u << width));
    b.kernel->spawn("app", {4});
    CHECK(b.call(b.kernel->bind("app", "dev")) == (width != 0));
}
