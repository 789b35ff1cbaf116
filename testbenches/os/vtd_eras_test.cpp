// SPDX-License-Identifier: Apache-2.0
/// VT-d's generations over an IOMMU driver that notes what it is asked: steps, bonds, PASIDs, and what the OS relies on
/// (facts/linux-sva.md 6.2 to 6.6).
#include "os/machine.h"
#include "os/noting_iommu_driver.h"

#include <set>

namespace quiesce::os::test::vtd {
using sim::Task;
using sim::Time;

namespace {
using Steps = std::vector<std::string>;

struct VtdNoting final : test::NotingIommuDriver {
    std::vector<std::string> log;
    std::set<std::string> atomic;
    bool requests = false;
    VtdNoting() { asid_limit = 0; }
    Task<bool> note(KernelContext& ctx, std::string what) override {
        if (ctx.atomic()) atomic.insert(what);
        co_await ctx.spin(sim::Duration::ps(1'000'000));
        log.push_back(std::move(what));
        co_return true;
    }
    bool has_pri() const override { return requests; }
    bool ats_enabled(StreamId s) const override { return raw(s) == 1; }
    Task<bool> block_pasid(KernelContext& ctx, Bond& b) override { return note(ctx, of(b, "block")); }
    Task<bool> quiet_pasid(KernelContext& ctx, Bond& b) override { return note(ctx, of(b, "quiet")); }
    Task<bool> clear_pasid(KernelContext& ctx, Bond& b) override { return note(ctx, of(b, "clear")); }
    Task<void> flush_page_requests(KernelContext& ctx, const Bond&) override { co_await note(ctx, "flush"); }
    Task<void> drain_in_flight(KernelContext& ctx, const Bond&) override { co_await note(ctx, "drain"); }
    static std::string of(const Bond& b, const char* what) {
        return what + std::string{" "} + std::string{b.device.name().text()};
    }
};

struct VtdDevice final : drivers::DeviceDriver {
    VtdDevice(std::vector<std::string>& l, std::string n, u32 s) : log(l), text(std::move(n)), number(s) {}
    std::vector<std::string>& log;
    std::string text;
    u32 number;
    base::Name name() const override { return text; }
    DeviceId device() const override { return static_cast<DeviceId>(number); }
    StreamId stream() const override { return StreamId{number}; }
    Task<void> probe(KernelContext&) override { co_return; }
    Task<bool> submit(KernelContext&, Bond&, const drivers::Work&) override { co_return true; }
    Task<bool> stop(KernelContext&, Bond&) override {
        log.push_back("stop");
        co_return true;
    }
};

struct VtdEraBench : test::Machine {
    explicit VtdEraBench(KernelVersion version, Policy policy = Policy::QuietUnbind, bool requests = false) {
        config.kernel = version;
        config.policy = policy;
        make_kernel(memory.ram_bytes(), x86_64, IommuArch::Vtd);
        iommu.requests = requests;
        kernel->set_iommu(&iommu);
        kernel->add_device("cached", cached); // with an ATC
        kernel->add_device("plain", plain);
        call(kernel->boot());
        kernel->spawn("app", {3});
    }
    ~VtdEraBench() { calendar.shutdown(); }
    void bind(const std::string& to) {
        REQUIRE(call(kernel->bind("app", to)));
        iommu.log.clear();
    }
    VtdNoting iommu;
    VtdDevice cached{iommu.log, "cached", 1}, plain{iommu.log, "plain", 2};
    unsigned violations = 0;
    base::Subscription broken = events.subscribe<OsViolation>([this](Time, const OsViolation&) { ++violations; });
    base::Subscription pasids = events.subscribe<PasidChanged>([this](Time, const PasidChanged& e) {
        if (e.state == PasidState::Free) iommu.log.emplace_back("pasid-free");
    });
    base::Subscription blocked = events.subscribe<FenceObserved>([this](Time, const FenceObserved& e) {
        if (e.blocks) iommu.log.push_back("blocked " + std::to_string(raw(e.bond)));
    });
};

Steps only(const Steps& all, const std::set<std::string>& some) {
    Steps found;
    for (const std::string& s : all)
        if (some.contains(s)) found.push_back(s);
    return found;
}
} // namespace

TEST_CASE("VT-d has every kernel of the contract; on an SMMUv3 those that had none are refused with the reason",
          "[os][vtd]") {
    for (const auto& row : enum_names(KernelVersion{})) {
        const Era* e = find_era(Policy::QuietUnbind, row.value, IommuArch::Vtd);
        REQUIRE(e != nullptr);
        CHECK_FALSE(e->evidence.empty());
        CHECK(e->bond_by_bond);
        CHECK(e->release_irqs_off == (row.value == KernelVersion::V6_12));
    }
    CHECK(find_era(Policy::QuietUnbind, KernelVersion::V5_8, IommuArch::Smmuv3) == nullptr);
    CHECK(why_no_era(Policy::QuietUnbind, KernelVersion::V5_8, IommuArch::Smmuv3).find("5.11") != std::string::npos);
    CHECK(find_era(Policy::MmExit, KernelVersion::V5_8, IommuArch::Vtd) == nullptr);
    CHECK(why_no_era(Policy::MmExit, KernelVersion::V5_8, IommuArch::Vtd).find("what-if") != std::string::npos);
}

TEST_CASE(
    "VT-d kill: one bond to its end, then the next; it is blocked by its IOTLB invalidation, with an ATC by that's",
    "[os][vtd]") {
    const auto version = GENERATE(KernelVersion::V2018, KernelVersion::V5_8, KernelVersion::V6_1, KernelVersion::V6_12);
    VtdEraBench b(version);
    b.bind("cached");
    b.bind("plain");
    b.call(b.kernel->kill("app"));
    const std::string first = version == KernelVersion::V6_12   ? "block"
                              : version == KernelVersion::V2018 ? "clear"
                                                                : "quiet";
    Steps release{first + " cached", "tlbi", "atc", "blocked 1"};
    if (version == KernelVersion::V6_12) release.push_back("silence");
    release.insert(release.end(), {first + " plain", "tlbi", "blocked 2"});
    if (version == KernelVersion::V6_12) release.push_back("silence");
    REQUIRE(b.iommu.log.size() > release.size());
    CHECK(Steps(b.iommu.log.begin(), b.iommu.log.begin() + std::ssize(release)) == release);
    CHECK(b.iommu.log[release.size()] == "stop");
    CHECK(b.violations == 0);
    CHECK(b.kernel->at_rest());
    // interrupts are off over all of it on 6.12
    CHECK(b.iommu.atomic.contains("tlbi") == (version == KernelVersion::V6_12));
    CHECK(b.iommu.atomic.contains("atc") == (version == KernelVersion::V6_12));
}

TEST_CASE("VT-d: behind a release the unbind tears down once more up to 5.11, touches nothing on 5.18 and 6.1, and only "
          "forgets the entry on 6.12",
          "[os][vtd]") {
    const auto version = GENERATE(KernelVersion::V2018, KernelVersion::V5_8, KernelVersion::V5_11, KernelVersion::V5_18,
                                  KernelVersion::V6_1, KernelVersion::V6_12);
    VtdEraBench b(version, Policy::QuietUnbind, true);
    b.bind("cached");
    b.call(b.kernel->kill("app"));
    const auto stop = std::find(b.iommu.log.begin(), b.iommu.log.end(), "stop");
    const Steps behind =
        only(Steps(stop, b.iommu.log.end()), {"clear cached", "tlbi", "atc", "forget", "flush", "drain"});
    if (version == KernelVersion::V2018)
        CHECK(behind == Steps{"clear cached", "tlbi", "atc"});
    else if (version <= KernelVersion::V5_11)
        CHECK(behind == Steps{"clear cached", "tlbi", "atc", "flush", "drain"});
    else if (version == KernelVersion::V6_12)
        CHECK(behind == Steps{"forget", "flush", "drain"});
    else
        CHECK(behind == Steps{"flush", "drain"});
    CHECK(b.violations == 0);
}

TEST_CASE(
    "VT-d unbind: the drain comes behind the steps, and the PASID goes with the last bond up to 5.11, else with the mm",
    "[os][vtd]") {
    const auto version = GENERATE(KernelVersion::V2018, KernelVersion::V5_8, KernelVersion::V5_11, KernelVersion::V5_18,
                                  KernelVersion::V6_1, KernelVersion::V6_12);
    VtdEraBench b(version, Policy::QuietUnbind, true);
    b.bind("cached");
    b.bind("plain");
    REQUIRE(b.call(b.kernel->unbind("app", "cached")));
    const bool late = version == KernelVersion::V6_12, old = version == KernelVersion::V2018;
    Steps one{late ? "block cached" : "clear cached", "tlbi", "atc", "blocked 1"};
    if (late) one.push_back("forget");
    if (!old) one.insert(one.end(), {"flush", "drain"});
    Steps log = b.iommu.log;
    std::erase(log, "stop");
    CHECK(log == one);
    b.iommu.log.clear();
    REQUIRE(b.call(b.kernel->unbind("app", "plain")));
    const bool with_bond = version <= KernelVersion::V5_11;
    CHECK(std::count(b.iommu.log.begin(), b.iommu.log.end(), "pasid-free") == (with_bond ? 1 : 0));
    b.call(b.kernel->exit("app"));
    CHECK(std::count(b.iommu.log.begin(), b.iommu.log.end(), "pasid-free") == 1);
    CHECK(b.violations == 0);
}

TEST_CASE("VT-d: a bond whose sibling is live is blocked all the same: its own entry bars what the sibling fills",
          "[os][vtd]") {
    VtdEraBench b(KernelVersion::V6_12);
    b.bind("plain");
    b.bind("cached");
    REQUIRE(b.call(b.kernel->unbind("app", "plain")));
    CHECK(std::count(b.iommu.log.begin(), b.iommu.log.end(), "blocked 1") == 1);
}

TEST_CASE("VT-d mm-exit, a what-if: the device stops, requests are drained, and the PASID is free before the pages go",
          "[os][vtd]") {
    const auto version = GENERATE(KernelVersion::V2018, KernelVersion::V6_1, KernelVersion::V6_12);
    VtdEraBench b(version, Policy::MmExit, true);
    b.bind("cached");
    b.call(b.kernel->kill("app"));
    CHECK(b.iommu.log == Steps{"stop", "flush", "drain", "clear cached", "tlbi", "atc", "blocked 1", "pasid-free"});
    CHECK(b.violations == 0);
}

} // namespace quiesce::os::test::vtd
