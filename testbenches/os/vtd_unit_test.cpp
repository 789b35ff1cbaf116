// SPDX-License-Identifier: Apache-2.0
/// The VT-d driver on the real unit: what a device's requests meet while its process lives, dies and is unbound.
#include "os/vtd_bench.h"

#include "iommu/ats_port.h"
#include "iommu/vtd/unit.h"

namespace quiesce::os::test::vtd {
namespace {

/// A device's translation cache that is empty, and answers when the test says so.
struct Fabric final : iommu::AtsPort, iommu::PageResponsePort {
    unsigned silent = 0; ///< so many invalidations get no answer
    std::vector<iommu::AtcInvalidation> asked;
    std::vector<iommu::PageGroupResponse> answers;
    Task<iommu::AtcAnswer> invalidate(iommu::AtcInvalidation what) override {
        asked.push_back(what);
        co_await sim::delay(1_us);
        if (silent == 0) co_return iommu::AtcAnswer::Completed;
        --silent;
        co_return iommu::AtcAnswer::TimedOut;
    }
    Task<void> respond(iommu::PageGroupResponse r) override {
        answers.push_back(r);
        co_return;
    }
};

struct VtdUnitBench : FunctionMachine {
    explicit VtdUnitBench(KernelVersion version = KernelVersion::V6_12, const pcie::FunctionConfig& f = {})
        : FunctionMachine({.version = version, .function = f}, IommuArch::Vtd) {
        unit.emplace("vtd", events, memory.walk_port(), unit_config);
        unit->set_ats_port(&fabric);
        unit->set_page_response_port(&fabric);
        mmio.map(registers, iommu::vtd::register_block_bytes, *unit, "vtd");
        driver.emplace("vtd", *kernel, driver_config, registers, std::function<u64()>{});
        boot(*driver);
        REQUIRE(kernel->boot_error().empty());
        kernel->spawn("app", {64, 32}); // the second half of its heap has not been touched
        REQUIRE(call(kernel->bind("app", "dev")));
        heap = kernel->heap("app")->start;
    }
    ~VtdUnitBench() { calendar.shutdown(); }
    u64 reg(u64 offset, unsigned size = 4) {
        u64 value = 0;
        in_kernel([&](KernelContext& ctx) -> Task<void> { value = co_await ctx.mmio_read(registers + offset, size); });
        return value;
    }
    iommu::TranslationRequest request(u64 page, iommu::AddressType type = iommu::AddressType::Untranslated) {
        iommu::TranslationRequest r{
            ++transactions,      DeviceId{0}, StreamId{0x108}, true, Pasid{1}, iova_of(heap + page * page_size), 8,
            iommu::Access::Write};
        r.type = type;
        return r;
    }
    /// Without an access behind it: the translation is given back at once.
    iommu::Ending ask(u64 page) {
        std::optional<iommu::Ending> ending;
        auto go = [&]() -> Task<void> {
            const iommu::Translation t = co_await unit->translation().translate(request(page));
            ending = t.ending;
            to = t.to;
        };
        call(go());
        REQUIRE(ending.has_value());
        return *ending;
    }
    iommu::PageRequestMessage page_request(u16 group, u64 page) const {
        iommu::PageRequestMessage m;
        m.stream = StreamId{0x108};
        m.has_pasid = true;
        m.pasid = Pasid{1};
        m.at = iova_of(heap + page * page_size);
        m.write = true;
        m.last = true;
        m.group = group;
        return m;
    }
    iommu::vtd::VtdConfig unit_config;
    drivers::VtdDriverConfig driver_config;
    Fabric fabric;
    std::optional<iommu::vtd::Unit> unit;
    std::optional<drivers::VtdDriver> driver;
    Va heap{};
    Spa to{0};
    u64 transactions = 0;
    std::vector<u16> codes; ///< of faults that the driver was told of
    base::Subscription faults =
        events.subscribe<FaultHandled>([this](Time, const FaultHandled& e) { codes.push_back(e.code); });
};
} // namespace

TEST_CASE("VT-d: the unit takes what the driver writes at boot, without an error", "[os][vtd]") {
    VtdUnitBench b;
    CHECK((b.reg(0x1c) >> 24) == 0xc4);      // GSTS: TES, RTPS, QIES
    CHECK((b.reg(0x20, 8) >> 10 & 3) == 1);  // scalable mode
    CHECK(b.reg(0x34) == 0);                 // FSTS
    CHECK(b.reg(0x80, 8) == b.reg(0x88, 8)); // every descriptor done
    CHECK((b.reg(0x64) & 0x8000'0001) == 0); // PMEN
    CHECK(b.codes.empty());
}

TEST_CASE("VT-d: a device reaches its process's pages by its PASID, and no page that was unmapped", "[os][vtd]") {
    VtdUnitBench b;
    CHECK(b.ask(3) == iommu::Ending::Grant);
    const Spa before = b.to;
    CHECK(b.ask(3) == iommu::Ending::Grant); // of the IOTLB
    CHECK(b.to == before);
    REQUIRE(b.call(b.kernel->munmap("app", 3, 1)));
    CHECK(b.ask(3) == iommu::Ending::Abort);
    CHECK(b.ask(4) == iommu::Ending::Grant);
    CHECK(b.codes == std::vector<u16>{0x71}); // SFS.2: the page is not there, and the process lives: it is told
}

TEST_CASE("VT-d: dead, the process's PASID faults quietly; unbound, it is reported as not present",
          "[os][vtd][SPT.2][PASID table entry.FPD]") {
    const auto version = GENERATE(KernelVersion::V2018, KernelVersion::V5_8, KernelVersion::V6_1, KernelVersion::V6_12);
    VtdUnitBench b(version);
    CHECK(b.ask(3) == iommu::Ending::Grant);
    std::optional<iommu::Ending> dead;
    std::size_t told = 0;
    auto use = [&]() -> Task<void> {
        const iommu::Translation t = co_await b.unit->translation().translate(b.request(3));
        dead = t.ending;
    };
    b.device.on_stop = [&] { sim::spawn(use()); }; // between the release and the unbind
    b.call(b.kernel->kill("app"));
    told = b.codes.size();
    CHECK(dead == iommu::Ending::Abort);
    CHECK(told == (version == KernelVersion::V2018 ? 1 : 0)); // without FPD every request is told
    CHECK(b.ask(3) == iommu::Ending::Abort);
    // on 6.1 FPD stays in the entry that nobody has; up to 5.11 and on 6.12 it is forgotten
    const bool forgotten = version != KernelVersion::V6_1;
    CHECK(b.codes.size() == told + (forgotten ? 1 : 0));
    for (u16 code : b.codes) CHECK(code == 0x59); // SPT.2
    CHECK(b.kernel->at_rest());
    CHECK(b.driver->queue().refused() == 0);
}

TEST_CASE("VT-d: what had been translated before the death of its process is at memory before its pages are freed",
          "[os][vtd]") {
    VtdUnitBench b;
    Time landed, freed;
    auto gone = b.events.subscribe<memory::FrameFreed>([&](Time at, const memory::FrameFreed& e) {
        if (e.use == memory::FrameUse::Leaf && freed == Time{}) freed = at;
    });
    auto slow = [&]() -> Task<void> {
        iommu::Translation t = co_await b.unit->translation().translate(b.request(5));
        CHECK(t.ending == iommu::Ending::Grant);
        co_await sim::delay(300_us); // on its way through the fabric
        landed = sim::now();
        t.in_flight.end();
    };
    sim::spawn(slow());
    b.call(b.kernel->kill("app"));
    REQUIRE(freed != Time{});
    CHECK(landed != Time{});
    CHECK(landed <= freed);
}

TEST_CASE("VT-d: a page request goes to the process, and its answer to the device",
          "[os][vtd][pri][page_grp_resp_dsc]") {
    VtdUnitBench b;
    CHECK(b.ask(40) == iommu::Ending::Abort);
    auto go = [&]() -> Task<void> { co_await b.unit->page_requests().page_request(b.page_request(0x77, 40)); };
    b.call(go());
    REQUIRE(b.fabric.answers.size() == 1);
    CHECK(b.fabric.answers[0].group == 0x77);
    CHECK(b.fabric.answers[0].code == iommu::PageResponseCode::Success);
    CHECK(b.ask(40) == iommu::Ending::Grant);
    CHECK(b.reg(0xc0, 8) == b.reg(0xc8, 8));
}

TEST_CASE("VT-d: an unbind with page requests on their way returns when each is answered", "[os][vtd][pri]") {
    VtdUnitBench b(GENERATE(KernelVersion::V5_8, KernelVersion::V6_12));
    auto storm = [&]() -> Task<void> {
        for (u16 n = 0; n < 20; ++n) co_await b.unit->page_requests().page_request(b.page_request(n, 32 + n));
    };
    sim::spawn(storm());
    std::size_t answered = 0;
    auto unbind = [&]() -> Task<void> {
        co_await b.kernel->unbind("app", "dev");
        answered = b.fabric.answers.size();
    };
    sim::spawn(unbind());
    b.settle();
    CHECK(answered == 20);
    CHECK(b.fabric.answers.size() == 20);
    CHECK(b.driver->queue().refused() == 0);
    CHECK(b.kernel->at_rest());
}

TEST_CASE("VT-d: a device-TLB that falls silent twice stops the queue twice, and the release goes on when it answers",
          "[os][vtd]") {
    VtdUnitBench b;
    b.fabric.asked.clear();
    b.fabric.silent = 2;
    b.call(b.kernel->kill("app"));
    CHECK(b.driver->queue().timeouts() == 2);
    CHECK(b.driver->queue().resubmissions() == 2);
    CHECK(b.fabric.asked.size() == 4); // and once more for the drain
    CHECK(b.reg(0x34) == 0);
    CHECK(b.kernel->at_rest());
}

TEST_CASE("VT-d: a descriptor that the unit refuses is told to its submitter, and the queue goes on", "[os][vtd]") {
    VtdUnitBench b;
    using Outcome = drivers::VtdInvalidationQueue::Outcome;
    const auto bad = iommu::vtd::Descriptor::from_words({0xe0f, 0, 0, 0}); // no such type
    const std::array<iommu::vtd::Descriptor, 1> list{bad};
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        const Outcome outcome = co_await b.driver->queue().submit(ctx, list, "test", {});
        CHECK(outcome == Outcome::Refused);
    });
    CHECK(b.driver->queue().refused() == 1);
    CHECK(b.reg(0x34) == 0);
    REQUIRE(b.call(b.kernel->munmap("app", 3, 1)));
    CHECK(b.ask(3) == iommu::Ending::Abort);
}

} // namespace quiesce::os::test::vtd
