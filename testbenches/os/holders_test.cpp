// SPDX-License-Identifier: Apache-2.0
/// PASIDs that others than bonds hold, PASIDs of each device, PASIDs without a process, and binds that are refused
/// (facts/linux-sva.md 7, 8).
#include "os/policy_bench.h"

namespace quiesce::os::test {
namespace {
/// The PASID of every bind, and what becomes of PASIDs.
struct HolderBench : PolicyBench {
    using PolicyBench::PolicyBench;
    std::vector<std::string> pasid_states;
    std::vector<std::string> errors;
    base::Subscription changes = events.subscribe<PasidChanged>([this](Time, const PasidChanged& e) {
        static const char* const names[] = {"free", "allocated", "parked", "free-pending"};
        pasid_states.push_back(names[static_cast<unsigned>(e.state)] + std::string{" "} + std::to_string(raw(e.pasid)));
    });
    base::Subscription refusals = events.subscribe<BindRefused>(
        [this](Time, const BindRefused& e) { errors.emplace_back(e.error.text()); });
    Words states() { return std::exchange(pasid_states, {}); }
};
} // namespace

// ---- parking --------------------------------------------------------------------------------------------------------

TEST_CASE("park-refcount: a death with a holder left blocks and parks, asks nothing of the device, and the drop ends it", "[os]") {
    const auto [kernel, arch] = any_modern();
    const auto by = GENERATE(Holder::Vfio, Holder::Kvm, Holder::Mdev);
    HolderBench b(Policy::ParkRefcount, kernel, arch);
    b.bind("app");
    REQUIRE(b.call(b.kernel->hold("app", by)));
    b.states();
    b.call(b.kernel->kill("app"));
    CHECK(b.log.words().front() == quiet_word(kernel, arch));
    CHECK(b.log.has("page"));
    CHECK_FALSE(b.log.has("stop"));
    CHECK(b.state == BondState::Exited);
    CHECK(b.states() == Words{"free-pending 1"});
    CHECK(b.kernel->at_rest());
    REQUIRE(b.call(b.kernel->drop("app", by)));
    CHECK(b.log.at("stop") < b.log.at("pasid-free"));
    CHECK(b.states() == Words{"free 1"});
    CHECK(b.state == BondState::Unbound);
    CHECK(b.device.let_go == 1);
    CHECK(b.violations == 0);
    CHECK(b.kernel->at_rest());
}

TEST_CASE("park-refcount: without holders a death ends as with quiet-unbind, and the PASID goes with the unbind", "[os]") {
    PolicyBench b(Policy::ParkRefcount);
    b.bind("app");
    b.call(b.kernel->kill("app"));
    CHECK(b.log.words() == Words{"quiet", "tlbi", "page", "mmput", "stop", "clear", "tlbi", "pasid-free"});
}

TEST_CASE("park-refcount: a close with a holder left blocks by the release's steps while the process lives", "[os]") {
    const auto [kernel, arch] = any_modern();
    HolderBench b(Policy::ParkRefcount, kernel, arch);
    b.bind("app");
    REQUIRE(b.call(b.kernel->hold("app", Holder::Kvm)));
    bool blocked = false;
    auto token = b.events.subscribe<FenceObserved>([&](Time, const FenceObserved& e) { blocked = blocked || e.blocks; });
    b.call(b.kernel->close("app", "dev"));
    CHECK(blocked);
    CHECK(b.log.words().front() == quiet_word(kernel, arch));
    CHECK_FALSE(b.log.has("stop"));
    CHECK_FALSE(b.log.has("page"));
    CHECK(b.state == BondState::Exited);
    b.log.rows.clear();
    REQUIRE(b.call(b.kernel->drop("app", Holder::Kvm)));
    CHECK(b.log.has("stop"));
    CHECK(b.state == BondState::Unbound);
}

TEST_CASE("park-refcount: the PASID comes back with the last of several holders, and nobody new can hold it meanwhile", "[os]") {
    HolderBench b(Policy::ParkRefcount);
    b.bind("app");
    REQUIRE(b.call(b.kernel->hold("app", Holder::Vfio)));
    REQUIRE(b.call(b.kernel->hold("app", Holder::Kvm)));
    b.call(b.kernel->close("app", "dev"));
    b.states();
    CHECK_FALSE(b.call(b.kernel->hold("app", Holder::Mdev)));
    CHECK_FALSE(b.call(b.kernel->bind("app", "other")));
    CHECK(b.errors == Words{"EBUSY"});
    REQUIRE(b.call(b.kernel->drop("app", Holder::Kvm)));
    CHECK(b.states().empty());
    b.kernel->spawn("next", {1});
    REQUIRE(b.call(b.kernel->bind("next", "dev")));
    CHECK(b.states() == Words{"allocated 2"});
    REQUIRE(b.call(b.kernel->drop("app", Holder::Vfio)));
    CHECK(b.states() == Words{"free 1"});
    CHECK_FALSE(b.call(b.kernel->drop("app", Holder::Vfio)));
}

TEST_CASE("park-refcount: VFIO's close stops its device and blocks what is bound, though the owner's file is open", "[os]") {
    HolderBench b(Policy::ParkRefcount);
    b.bind("app");
    REQUIRE(b.call(b.kernel->hold("app", Holder::Vfio)));
    REQUIRE(b.call(b.kernel->hold("app", Holder::Kvm)));
    std::vector<std::string> triggers;
    auto token = b.events.subscribe<TeardownTriggered>([&](Time, const TeardownTriggered& e) { triggers.emplace_back(e.trigger.text()); });
    REQUIRE(b.call(b.kernel->drop("app", Holder::Vfio)));
    CHECK(b.log.words() == Words{"stop", "quiet", "tlbi"});
    CHECK(triggers == Words{"close"});
    CHECK(b.state == BondState::Exited);
    b.call(b.kernel->close("app", "dev"));
    CHECK(b.state == BondState::Exited);
    REQUIRE(b.call(b.kernel->drop("app", Holder::Kvm)));
    CHECK(b.state == BondState::Unbound);
    CHECK(b.device.stops == 2); // the guest may have given it work since
}

TEST_CASE("park-refcount: holders that drop before the owner closes leave it alone", "[os]") {
    HolderBench b(Policy::ParkRefcount);
    b.bind("app");
    REQUIRE(b.call(b.kernel->hold("app", Holder::Kvm)));
    REQUIRE(b.call(b.kernel->drop("app", Holder::Kvm)));
    CHECK(b.log.words().empty());
    b.call(b.kernel->close("app", "dev"));
    CHECK(b.log.words() == Words{"stop", "clear", "tlbi", "pasid-free"});
}

TEST_CASE("park-refcount: the death of a process whose bond is parked makes the parked device quiet once more, and frees", "[os]") {
    HolderBench b(Policy::ParkRefcount);
    b.bind("app", "dev");
    b.bind("app", "other");
    REQUIRE(b.call(b.kernel->hold("app", Holder::Kvm)));
    b.call(b.kernel->close("app", "dev"));
    b.log.rows.clear();
    b.call(b.kernel->kill("app"));
    CHECK(Words(b.log.words()).front() == "quiet");
    CHECK(std::count_if(b.log.rows.begin(), b.log.rows.end(), [](const auto& r) { return r.first == "quiet"; }) == 2);
    CHECK(b.log.has("page"));
    REQUIRE(b.call(b.kernel->drop("app", Holder::Kvm)));
    CHECK(b.device.stops == 1);
    CHECK(b.second.stops == 1);
    CHECK(b.violations == 0);
    CHECK(b.kernel->at_rest());
}

TEST_CASE("nobody counts but park-refcount: a holder keeps nothing from going", "[os]") {
    const auto policy = GENERATE(Policy::QuietUnbind, Policy::NotifyUnbind, Policy::MmExit, Policy::PinMm);
    HolderBench b(policy);
    b.bind("app");
    REQUIRE(b.call(b.kernel->hold("app", Holder::Kvm)));
    b.call(b.kernel->kill("app"));
    CHECK(b.log.has("pasid-free"));
    CHECK(b.state == BondState::Unbound);
    REQUIRE(b.call(b.kernel->drop("app", Holder::Kvm)));
    CHECK(b.violations == 0);
}

TEST_CASE("a procfs reader holds the address space: stop and unbind come before exit_mmap, which is the reader's", "[os]") {
    PolicyBench b(Policy::QuietUnbind);
    b.bind("app");
    REQUIRE(b.call(b.kernel->hold("app", Holder::Procfs)));
    b.call(b.kernel->kill("app"));
    CHECK(b.log.words() == Words{"mmput", "stop", "clear", "tlbi"});
    REQUIRE(b.call(b.kernel->drop("app", Holder::Procfs)));
    CHECK(b.log.words() == Words{"mmput", "stop", "clear", "tlbi", "page", "pasid-free"});
    CHECK_FALSE(b.call(b.kernel->hold("app", Holder::Procfs)));
}

TEST_CASE("a holder keeps the address space that it took: exec, and the drop ends what it held, with nothing left", "[os]") {
    const auto by = GENERATE(Holder::Vfio, Holder::Kvm, Holder::Mdev, Holder::Procfs);
    HolderBench b(Policy::ParkRefcount);
    b.bind("app");
    REQUIRE(b.call(b.kernel->hold("app", by)));
    b.states();
    REQUIRE(b.call(b.kernel->exec("app", 3, false))); // the descriptor, and so the bond, is of the address space before
    REQUIRE(b.call(b.kernel->drop("app", by)));
    CHECK_FALSE(b.call(b.kernel->drop("app", by)));
    b.call(b.kernel->kill("app"));
    CHECK(b.state == BondState::Unbound);
    CHECK(b.states().back() == "free 1");
    CHECK(b.violations == 0);
    CHECK(b.kernel->at_rest());
    base::Leftovers left;
    b.kernel->left_behind(left);
    CHECK(left.empty());
}

// ---- PASIDs of each device, and without a process -------------------------------------------------------------------

TEST_CASE("os.pasid.private: each device has a PASID and an ASID of its own, and each munmap costs one invalidation more", "[os]") {
    const auto [kernel, arch] = any_modern();
    const bool each = GENERATE(false, true);
    struct PrivateBench : HolderBench {
        PrivateBench(KernelVersion k, IommuArch a, bool own)
            : HolderBench(Policy::QuietUnbind, k, a, Suppression::Hardware, 4, own) {}
    } b(kernel, arch, each);
    b.bind("app", "dev");
    b.bind("app", "other");
    CHECK(b.states() == (each ? Words{"allocated 1", "allocated 2"} : Words{"allocated 1"}));
    REQUIRE(b.call(b.kernel->munmap("app", 0, 1)));
    const auto ranges = std::count_if(b.log.rows.begin(), b.log.rows.end(), [](const auto& r) { return r.first == "range" || r.first == "flush"; });
    // a notifier each in any case, or a domain-id
    const bool by_device = (kernel == KernelVersion::V6_1 && arch == IommuArch::Smmuv3) || arch == IommuArch::Amdvi;
    CHECK(ranges == (each || by_device ? 2 : 1));
    b.call(b.kernel->kill("app"));
    Words freed = b.states();
    std::sort(freed.begin(), freed.end());
    CHECK(freed == (each ? Words{"free 1", "free 2"} : Words{"free 1"}));
    CHECK(b.violations == 0);
    CHECK(b.kernel->at_rest());
}

TEST_CASE("a bind is refused with the kernel's error, and what is bound goes on", "[os]") {
    const auto kernel = GENERATE(KernelVersion::V6_1, KernelVersion::V6_12);
    HolderBench b(Policy::QuietUnbind, kernel);
    b.kernel->spawn("next", {1});
    b.iommu.asid_limit = 2;
    b.bind("app");
    CHECK_FALSE(b.call(b.kernel->bind("next", "dev")));
    b.iommu.asid_limit = 1u << 16;
    b.iommu.pasid_limit = 2;
    b.kernel->spawn("third", {1});
    CHECK_FALSE(b.call(b.kernel->bind("third", "dev")));
    b.iommu.pasid_limit = 0;
    CHECK_FALSE(b.call(b.kernel->bind("third", "dev")));
    CHECK(b.errors == Words{kernel == KernelVersion::V6_12 ? "EBUSY" : "ENOSPC", "ENOSPC", "ENODEV"});
    CHECK(b.state == BondState::Bound);
    b.call(b.kernel->kill("app"));
    b.iommu.pasid_limit = 1u << 20;
    CHECK(b.call(b.kernel->bind("third", "dev")));
}

TEST_CASE("PASIDs without a process come from the same range, up to their set's quota, and go back together", "[os]") {
    struct QuotaBench : HolderBench {
        QuotaBench() : HolderBench(Policy::QuietUnbind, KernelVersion::V6_12, IommuArch::Smmuv3, Suppression::Hardware, 4, false, 3) {}
    } b;
    CHECK(b.kernel->allocate_pasids("contexts", 5) == 3);
    CHECK(b.kernel->allocate_pasids("others", 1) == 1);
    b.bind("app");
    CHECK(b.states() == Words{"allocated 1", "allocated 2", "allocated 3", "allocated 4", "allocated 5"});
    const Kernel::FreedPasids freed = b.kernel->free_pasids("contexts");
    CHECK(freed.count == 3);
    CHECK(freed.held.empty());
    CHECK(b.kernel->free_pasids("contexts").count == 0);
    CHECK(b.states() == Words{"free 1", "free 2", "free 3"});
    b.kernel->spawn("next", {1});
    REQUIRE(b.call(b.kernel->bind("next", "dev")));
    CHECK(b.states() == Words{"allocated 1"});
}

TEST_CASE("a bind without memory for its context fails with the driver's error, keeps no tag, and can be had later", "[os]") {
    HolderBench b(Policy::QuietUnbind);
    b.iommu.room = "ENOMEM";
    CHECK_FALSE(b.call(b.kernel->bind("app", "dev")));
    CHECK(b.errors == Words{"ENOMEM"});
    CHECK(b.log.words().empty());
    b.iommu.room = {};
    b.bind("app");
    b.iommu.room = "ENOMEM";
    CHECK_FALSE(b.call(b.kernel->bind("app", "other"))); // the ASID is the first bond's, too
    CHECK(b.state == BondState::Bound);
    b.call(b.kernel->kill("app"));
    CHECK(b.violations == 0);
    CHECK(b.states() == Words{"allocated 1", "free 1"});
    base::Leftovers left;
    b.kernel->left_behind(left);
    CHECK(left.empty());
}

} // namespace quiesce::os::test
