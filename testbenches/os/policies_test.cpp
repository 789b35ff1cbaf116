// SPDX-License-Identifier: Apache-2.0
/// The policies of the debate, over an IOMMU driver and a device driver that note what they are asked (facts/linux-sva.md
/// 2, 4, 6.6, 16b); and what they write, over the real SMMUv3 and a VT-d stub.
#include "os/policy_bench.h"
#include "os/smmuv3_bench.h"
#include "os/vtd_bench.h"

namespace quiesce::os::test {
// ---- what there is --------------------------------------------------------------------------------------------------

TEST_CASE("every policy is there on 6.1 and 6.12 of each architecture; what no kernel had says that it is a prediction", "[os]") {
    for (const PolicyRow& row : policy_rows())
        for (const auto& [kernel, arch] : modern) {
            const Era* e = find_era(row.policy, kernel, arch);
            const bool amd_first = row.policy == Policy::AmdIommuV2, amd = arch == IommuArch::Amdvi;
            if (amd_first && !amd) {
                CHECK(e == nullptr);
                continue;
            }
            REQUIRE(e != nullptr);
            const bool newest = kernel == KernelVersion::V6_12; // 6.7 parted AMD's drivers
            const bool had = amd_first ? !newest
                                       : (!amd || newest) && (row.policy == Policy::QuietUnbind || row.policy == Policy::LazyMmdrop);
            CHECK((e->evidence.find("prediction, no such kernel") == std::string_view::npos) == had);
            CHECK_FALSE(safety_of(*e).why.empty());
        }
    CHECK(std::size(policy_rows()) == enum_names(Policy{}).size());
    CHECK(find_era(Policy::PinMm, KernelVersion::V2018, IommuArch::Vtd)->evidence.find("4.3") != std::string_view::npos);
}

TEST_CASE("an impossible pair is refused with a reason that names a kernel which has the policy", "[os]") {
    unsigned refused = 0;
    for (const PolicyRow& row : policy_rows())
        for (const auto& kernel : enum_names(KernelVersion{}))
            for (const auto arch : {IommuArch::Smmuv3, IommuArch::Vtd, IommuArch::Amdvi}) {
                if (find_era(row.policy, kernel.value, arch) != nullptr) continue;
                ++refused;
                const std::string why = why_no_era(row.policy, kernel.value, arch);
                CHECK(why.find("6.12") != std::string::npos);
            }
    CHECK(refused > 20);
}

TEST_CASE("a kernel of an impossible pair cannot be made", "[os]") {
    const auto policy = GENERATE(Policy::PinMm, Policy::NotifyUnbind, Policy::LazyMmdrop);
    CHECK_THROWS_AS(PolicyBench(policy, KernelVersion::V2018), std::invalid_argument);
}

TEST_CASE("claims: 6.1's SMMUv3 is unsafe wherever the release of one device leaves another's walks; drains make the rest safe", "[os]") {
    const auto safe = [](Policy p, KernelVersion k, IommuArch a) { return safety_of(*find_era(p, k, a)).safe; };
    for (const PolicyRow& row : policy_rows()) {
        // AMD's drivers drain nothing when a PASID goes; who stops the device in the release, and drains, need not
        for (const KernelVersion kernel : {KernelVersion::V6_1, KernelVersion::V6_12})
            CHECK(safe(row.policy, kernel, IommuArch::Amdvi) == (row.policy == Policy::MmExit));
        if (row.policy == Policy::AmdIommuV2) continue;
        CHECK(safe(row.policy, KernelVersion::V6_12, IommuArch::Smmuv3));
        CHECK(safe(row.policy, KernelVersion::V6_12, IommuArch::Vtd));
        CHECK(safe(row.policy, KernelVersion::V6_1, IommuArch::Vtd));
        const bool stops_first = row.policy == Policy::MmExit || row.policy == Policy::PinMm;
        CHECK(safe(row.policy, KernelVersion::V6_1, IommuArch::Smmuv3) == stops_first);
    }
    const auto safe_unasked = [](Policy p, KernelVersion k, IommuArch a) { return safety_of(*find_era(p, k, a)).safe_unasked; };
    CHECK(safe_unasked(Policy::QuietUnbind, KernelVersion::V6_12, IommuArch::Amdvi));
    CHECK(safe_unasked(Policy::AmdIommuV2, KernelVersion::V6_1, IommuArch::Amdvi));
    CHECK_FALSE(safe_unasked(Policy::QuietUnbind, KernelVersion::V6_1, IommuArch::Smmuv3));
    CHECK_FALSE(safe(Policy::QuietUnbind, KernelVersion::V2018, IommuArch::Vtd));
    CHECK_FALSE(safe(Policy::PinMm, KernelVersion::V2018, IommuArch::Vtd));
}

// ---- pin-mm ---------------------------------------------------------------------------------------------------------

TEST_CASE("pin-mm: a killed process's pages go behind stop and unbind, and its mmput waits for neither", "[os]") {
    const auto [kernel, arch] = any_modern();
    PolicyBench b(Policy::PinMm, kernel, arch);
    b.bind("app");
    b.call(b.kernel->kill("app"));
    Words expected{"mmput", "stop", arch == IommuArch::Vtd && kernel == KernelVersion::V6_12 ? "block" : "clear", "tlbi"};
    if (arch == IommuArch::Vtd && kernel == KernelVersion::V6_12) expected.push_back("forget");
    const bool again = arch == IommuArch::Smmuv3 && kernel == KernelVersion::V6_12; // the domain's free flushes
    if (arch == IommuArch::Amdvi) expected = {"mmput", "stop", "clear"}; // and all of its PASID
    else CHECK(b.log.before("tlbi", "pasid-free"));
    const Words all = b.log.words();
    if (again) expected = {"mmput", "stop", "clear", "tlbi"};
    REQUIRE(all.size() >= expected.size() + 2);
    CHECK(Words(all.begin(), all.begin() + std::ssize(expected)) == expected);
    CHECK(Words(all.end() - 2, all.end()) == Words{"pasid-free", "page"});
    CHECK(b.state == BondState::Unbound);
    CHECK(b.kernel->at_rest());
    CHECK(b.violations == 0);
}

TEST_CASE("pin-mm: nothing of a dead process goes while its child keeps the device's file open", "[os]") {
    PolicyBench b(Policy::PinMm, KernelVersion::V2018, IommuArch::Vtd);
    b.bind("app");
    b.pass_on("app", "child");
    b.call(b.kernel->kill("app"));
    CHECK(b.log.words() == Words{"mmput"});
    CHECK(b.state == BondState::Bound);
    b.call(b.kernel->close("child", "dev"));
    CHECK(b.log.words() == Words{"mmput", "stop", "clear", "tlbi", "pasid-free", "page"});
}

TEST_CASE("pin-mm: with two devices the mm goes with the later unbind", "[os]") {
    const auto [kernel, arch] = any_modern();
    PolicyBench b(Policy::PinMm, kernel, arch);
    b.bind("app", "dev");
    b.bind("app", "other");
    b.pass_on("app", "child");
    b.call(b.kernel->kill("app"));
    b.call(b.kernel->close("child", "dev"));
    CHECK_FALSE(b.log.has("page"));
    b.call(b.kernel->close("child", "other"));
    CHECK(b.log.has("page"));
    CHECK(b.kernel->at_rest());
}

TEST_CASE("pin-mm: a process that unbinds before it exits frees its pages in its own exit", "[os]") {
    PolicyBench b(Policy::PinMm);
    b.bind("app");
    b.call(b.kernel->unbind("app", "dev"));
    b.log.rows.clear();
    b.call(b.kernel->exit("app"));
    CHECK(b.log.words() == Words{"page", "mmput"});
}

// ---- notify-unbind --------------------------------------------------------------------------------------------------

TEST_CASE("notify-unbind: the release does not wait for the device; a worker stops it and unbinds though a child keeps its file", "[os]") {
    const auto [kernel, arch] = any_modern();
    PolicyBench b(Policy::NotifyUnbind, kernel, arch);
    b.device.stop_time = 5_ms;
    b.bind("app");
    b.pass_on("app", "child");
    b.call(b.kernel->kill("app"));
    CHECK(b.log.words().front() == quiet_word(kernel, arch));
    CHECK(b.log.at("page") < b.log.at("mmput"));
    CHECK(b.log.at("mmput") + 4_ms < b.log.at("stop"));
    CHECK(b.log.before("stop", "pasid-free"));
    CHECK(b.state == BondState::Unbound);
    b.call(b.kernel->close("child", "dev"));
    CHECK(b.device.stops == 1);
    CHECK(b.device.let_go == 1);
    CHECK(b.violations == 0);
    CHECK(b.kernel->at_rest());
}

TEST_CASE("notify-unbind: the last close waits for the worker, and unbinds nothing twice; as often as it was bound", "[os]") {
    PolicyBench b(Policy::NotifyUnbind);
    b.device.stop_time = 3_ms;
    b.bind("app");
    b.bind("app");
    b.call(b.kernel->kill("app"));
    CHECK(b.device.stops == 1);
    CHECK(b.device.let_go == 1);
    CHECK(std::count(b.log.rows.begin(), b.log.rows.end(), std::pair<std::string, Time>{"pasid-free", b.log.at("pasid-free")}) == 1);
    CHECK(b.state == BondState::Unbound);
    CHECK(b.violations == 0);
}

TEST_CASE("notify-unbind: an orderly close stops and unbinds in the caller, and the PASID goes there", "[os]") {
    PolicyBench b(Policy::NotifyUnbind);
    b.bind("app");
    b.call(b.kernel->close("app", "dev"));
    CHECK(b.log.words() == Words{"stop", "clear", "tlbi", "pasid-free"});
}

// ---- lazy-mmdrop ----------------------------------------------------------------------------------------------------

TEST_CASE("lazy-mmdrop: the PASID goes later than in quiet-unbind, at most os.mm.lazy_tlb behind the last unbind", "[os]") {
    const auto policy = GENERATE(Policy::QuietUnbind, Policy::LazyMmdrop);
    PolicyBench b(policy);
    b.bind("app");
    b.call(b.kernel->kill("app"));
    CHECK(b.kernel->at_rest());
    const Duration took = b.log.at("pasid-free") - b.log.at("stop");
    if (policy == Policy::QuietUnbind) CHECK(took < 1_ms);
    else CHECK((took > 100_us && took < 5_ms));
}

TEST_CASE("lazy-mmdrop: a CPU that comes to run another process lets go of the dead one's address space", "[os]") {
    PolicyBench b(Policy::LazyMmdrop, KernelVersion::V6_12, IommuArch::Smmuv3, Suppression::Hardware, 1);
    b.bind("app");
    b.kernel->spawn("next", {1});
    sim::spawn(b.kernel->kill("app"));
    b.calendar.run_for(200_us);
    CHECK_FALSE(b.log.has("pasid-free"));
    const Time before = sim::now();
    sim::spawn([](Kernel& k) -> Task<void> { co_await k.open("next", "dev"); }(*b.kernel));
    b.calendar.run_for(20_us);
    REQUIRE(b.log.has("pasid-free"));
    CHECK(b.log.at("pasid-free") - before < 20_us);
    b.settle();
}

// ---- suppression ----------------------------------------------------------------------------------------------------

TEST_CASE("dummy-root redirects in the release, and the unbind takes the context away; without suppression it is gone at once", "[os]") {
    const auto [kernel, arch] = any_modern();
    const auto how = GENERATE(Suppression::DummyRoot, Suppression::DriverFilter, Suppression::None);
    PolicyBench b(Policy::QuietUnbind, kernel, arch, how);
    b.bind("app");
    b.call(b.kernel->kill("app"));
    const Words all = b.log.words();
    Words first{how == Suppression::DummyRoot ? "redirect" : "clear", "tlbi", "page", "mmput"};
    if (arch == IommuArch::Amdvi) std::erase(first, "tlbi");
    REQUIRE(all.size() > first.size());
    CHECK(Words(all.begin(), all.begin() + std::ssize(first)) == first);
    const auto stop = std::find(all.begin(), all.end(), "stop");
    const bool taken_away = std::find(stop, all.end(), "clear") != all.end() || std::find(stop, all.end(), "block") != all.end();
    if (how == Suppression::DummyRoot) CHECK(taken_away);
    CHECK(b.state == BondState::Unbound);
    CHECK(b.violations == 0);
}

TEST_CASE("policies that stop the device before they take its context away suppress nothing", "[os]") {
    const auto policy = GENERATE(Policy::MmExit, Policy::PinMm);
    const Era& e = *find_era(policy, KernelVersion::V6_12, IommuArch::Smmuv3);
    const Era same = suppressed(e, Suppression::DummyRoot);
    if (policy == Policy::MmExit) CHECK(same.on_release.data() == e.on_release.data());
    PolicyBench b(policy, KernelVersion::V6_12, IommuArch::Smmuv3, Suppression::DummyRoot);
    b.bind("app");
    b.call(b.kernel->kill("app"));
    CHECK_FALSE(b.log.has("redirect"));
}

TEST_CASE("dummy-root on an SMMUv3: one store of the table pointer, one CFGI_CD and CMD_SYNC; the table has no entry", "[os][smmuv3]") {
    smmuv3::Bench b(KernelVersion::V6_12, {}, {}, without_atc(), {}, std::nullopt, Suppression::DummyRoot);
    b.bind();
    const auto live = b.eight(b.cd());
    const Words commands = b.commands([&](KernelContext& c) { return b.driver->redirect_pasid(c, *b.bond); });
    CHECK(commands == Words{"CFGI_CD sid 108 ssid 405 leaf", "SYNC"});
    const auto led = b.eight(b.cd());
    CHECK(led[0] == live[0]); // V, S, R, A, ASID
    CHECK(led[1] != live[1]);
    for (unsigned i = 2; i < 8; ++i) CHECK(led[i] == live[i]);
    const Spa table{led[1] & 0x000f'ffff'ffff'fff0};
    for (u64 i = 0; i < 512; ++i) CHECK(b.peek(table + 8 * i) == 0);
}

TEST_CASE("dummy-root on VT-d: one store of FSPTPTR into an entry that stays present, and a PASID-cache invalidation", "[os][vtd]") {
    vtd::VtdBench::Settings s;
    s.suppression = Suppression::DummyRoot;
    vtd::VtdBench b(s);
    REQUIRE(b.call(b.kernel->bind("app", "dev")));
    const auto live = b.eight(b.entry(1));
    b.take();
    Bond* const bond = b.kernel->sva().bond_at(b.device.stream(), Pasid{1});
    REQUIRE(bond != nullptr);
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { co_await b.driver->redirect_pasid(ctx, *bond); });
    const auto led = b.eight(b.entry(1));
    for (unsigned i = 0; i < 8; ++i)
        if (i != 2) CHECK(led[i] == live[i]);
    CHECK((led[2] & 0xfff) == (live[2] & 0xfff));
    CHECK(led[2] != live[2]);
    for (u64 i = 0; i < 512; ++i) CHECK(b.peek(Spa{led[2] & ~u64{0xfff}} + 8 * i) == 0);
    CHECK(b.take().front().substr(0, 2) == "pc");
}

} // namespace quiesce::os::test
