// SPDX-License-Identifier: Apache-2.0
/// The VT-d driver on the real unit: a guest's PASIDs, which come from its hypervisor, and the kernel's own address space.
#include "os/vtd_bench.h"

#include "iommu/vtd/unit.h"

namespace quiesce::os::test::vtd {
namespace {

struct VtdGuestBench : FunctionMachine {
    explicit VtdGuestBench(KernelVersion version, iommu::vtd::VtdConfig c = {})
        : FunctionMachine({.version = version, .function = without_atc()}, IommuArch::Vtd), unit_config(c) {
        unit.emplace("vtd", events, memory.walk_port(), unit_config);
        mmio.map(registers, iommu::vtd::register_block_bytes, *unit, "vtd");
        driver.emplace("vtd", *kernel, driver_config, registers, std::function<u64()>{});
        boot(*driver);
        REQUIRE(kernel->boot_error().empty());
    }
    ~VtdGuestBench() { calendar.shutdown(); }
    bool start(const std::string& name) {
        kernel->spawn(name, {8});
        return call(kernel->bind(name, "dev"));
    }
    std::set<u32> host() const { return unit->virtual_commands().allocated(); }
    iommu::Ending touch(Pasid pasid, Va at, bool privileged) {
        iommu::TranslationRequest r{};
        r.transaction = ++transactions;
        r.stream = StreamId{0x108};
        r.has_pasid = true;
        r.pasid = pasid;
        r.at = Iova{at.value()};
        r.bytes = 64;
        r.access = iommu::Access::Write;
        r.privileged = privileged;
        std::optional<iommu::Ending> ended;
        auto ask = [&]() -> Task<void> {
            auto asked = unit->translation().translate(r);
            iommu::Translation t = co_await std::move(asked);
            t.in_flight.end();
            ended = t.ending;
        };
        sim::spawn(ask());
        settle();
        REQUIRE(ended);
        return *ended;
    }
    iommu::vtd::VtdConfig unit_config;
    drivers::VtdDriverConfig driver_config;
    std::optional<iommu::vtd::Unit> unit;
    std::optional<drivers::VtdDriver> driver;
    u64 transactions = 0;
    std::vector<std::string> errors;
    std::vector<std::pair<Pasid, PasidState>> pasids;
    base::Subscription refused = events.subscribe<BindRefused>([this](Time, const BindRefused& e) { errors.emplace_back(e.error.text()); });
    base::Subscription changed = events.subscribe<PasidChanged>([this](Time, const PasidChanged& e) { pasids.emplace_back(e.pasid, e.state); });
};

iommu::vtd::VtdConfig as_a_hypervisor_shows_it(unsigned pasids) {
    iommu::vtd::VtdConfig c;
    c.caching_mode = true;
    c.virtual_commands = true;
    c.virtual_pasids = pasids;
    return c;
}

} // namespace

TEST_CASE("a guest's PASIDs are its hypervisor's from 5.8 to 6.1; 6.12 asks nobody", "[os][vtd]") {
    const auto version = GENERATE(KernelVersion::V2018, KernelVersion::V5_8, KernelVersion::V6_1, KernelVersion::V6_12);
    const bool asks = version >= KernelVersion::V5_8 && version <= KernelVersion::V6_1;
    VtdGuestBench b(version, as_a_hypervisor_shows_it(8));
    REQUIRE(b.start("app0"));
    REQUIRE(b.start("app1"));
    CHECK(b.driver->pasids_from_host() == asks);
    CHECK(b.host() == (asks ? std::set<u32>{1, 2} : std::set<u32>{}));
}

TEST_CASE("without caching mode, or without virtual commands, a kernel of 6.1 hands out PASIDs itself", "[os][vtd]") {
    const bool guest = GENERATE(true, false);
    iommu::vtd::VtdConfig c = as_a_hypervisor_shows_it(8);
    if (guest) c.virtual_commands = false;
    else c.caching_mode = false;
    VtdGuestBench b(KernelVersion::V6_1, c);
    REQUIRE(b.start("app0"));
    CHECK_FALSE(b.driver->pasids_from_host());
    CHECK(b.host().empty());
}

TEST_CASE("a bind takes the exit to the hypervisor, which is polled with interrupts off", "[os][vtd]") {
    const Duration exit = GENERATE(Duration::ps(1'000'000), Duration::ps(100'000'000));
    iommu::vtd::VtdConfig c = as_a_hypervisor_shows_it(8);
    c.virtual_command = exit;
    VtdGuestBench b(KernelVersion::V6_1, c);
    b.kernel->spawn("app0", {8});
    const Time begun = sim::now();
    Time bound;
    Duration polled;
    auto token = b.events.subscribe<BondChanged>([&](Time now, const BondChanged&) { bound = now; });
    auto spans = b.events.subscribe<base::Span>([&](Time now, const base::Span& s) {
        if (s.phase == base::Name{"virtual-command"}) polled = now - s.start;
    });
    REQUIRE(b.call(b.kernel->bind("app0", "dev")));
    CHECK(polled > exit);
    CHECK(polled < exit + b.driver_config.poll_interval.get() + 5_us);
    CHECK(bound - begun > polled);
}

TEST_CASE("a hypervisor that has no PASID left refuses the bind with ENOSPC, until one is given back", "[os][vtd]") {
    VtdGuestBench b(KernelVersion::V6_1, as_a_hypervisor_shows_it(2));
    REQUIRE(b.start("app0"));
    REQUIRE(b.start("app1"));
    CHECK_FALSE(b.start("app2"));
    CHECK(b.errors == std::vector<std::string>{"ENOSPC"});
    b.call(b.kernel->kill("app0"));
    CHECK(b.host() == std::set<u32>{2});
    REQUIRE(b.call(b.kernel->bind("app2", "dev")));
    CHECK(b.host() == std::set<u32>{1, 2});
    b.call(b.kernel->kill("app1"));
    b.call(b.kernel->kill("app2"));
    CHECK(b.host().empty());
    CHECK(b.kernel->at_rest());
}

TEST_CASE("a guest's PASID is free when the hypervisor has it back", "[os][vtd]") {
    VtdGuestBench b(KernelVersion::V6_1, as_a_hypervisor_shows_it(2));
    REQUIRE(b.start("app0"));
    b.pasids.clear();
    std::set<u32> at_free{99};
    auto token = b.events.subscribe<PasidChanged>([&](Time, const PasidChanged& e) {
        if (e.state == PasidState::Free) at_free = b.host();
    });
    b.call(b.kernel->kill("app0"));
    REQUIRE(b.pasids.size() == 2);
    CHECK(b.pasids[0] == std::pair{Pasid{1}, PasidState::Parked});
    CHECK(b.pasids[1] == std::pair{Pasid{1}, PasidState::Free});
    CHECK(at_free.empty());
}

TEST_CASE("the kernel's own address space is reached by privileged requests alone, a process's by the others", "[os][vtd]") {
    VtdGuestBench b(KernelVersion::V6_1);
    b.kernel->spawn_supervisor("kdrv", 8);
    REQUIRE(b.call(b.kernel->bind("kdrv", "dev")));
    REQUIRE(b.start("app0"));
    const Va own = b.kernel->heap("kdrv")->start, heap = b.kernel->heap("app0")->start;
    CHECK(b.touch(Pasid{1}, own, true) == iommu::Ending::Grant);
    CHECK(b.touch(Pasid{1}, own, false) == iommu::Ending::Abort);
    CHECK(b.touch(Pasid{2}, heap, false) == iommu::Ending::Grant);
    CHECK(b.touch(Pasid{2}, heap, true) == iommu::Ending::Abort);
}

TEST_CASE("a kernel of 6.12, and a unit that takes no privileged requests, refuse the kernel's own address space", "[os][vtd]") {
    const bool old_unit = GENERATE(true, false);
    iommu::vtd::VtdConfig c;
    c.supervisor = !old_unit;
    VtdGuestBench b(old_unit ? KernelVersion::V6_1 : KernelVersion::V6_12, c);
    b.kernel->spawn_supervisor("kdrv", 8);
    CHECK_FALSE(b.call(b.kernel->bind("kdrv", "dev")));
    CHECK(b.errors == std::vector<std::string>{"EINVAL"});
}

TEST_CASE("what the kernel gives back of its own address space stays in the IOTLB until the unbind", "[os][vtd]") {
    VtdGuestBench b(KernelVersion::V6_1);
    b.kernel->spawn_supervisor("kdrv", 8);
    REQUIRE(b.call(b.kernel->bind("kdrv", "dev")));
    const Va page = b.kernel->heap("kdrv")->start + page_size;
    REQUIRE(b.touch(Pasid{1}, page, true) == iommu::Ending::Grant);
    REQUIRE(b.call(b.kernel->munmap("kdrv", 1, 1)));
    CHECK(b.touch(Pasid{1}, page, true) == iommu::Ending::Grant); // stale
    REQUIRE(b.call(b.kernel->unbind("kdrv", "dev")));
    CHECK(b.touch(Pasid{1}, page, true) == iommu::Ending::Abort);
}

} // namespace quiesce::os::test::vtd
