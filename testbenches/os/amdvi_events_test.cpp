// SPDX-License-Identifier: Apache-2.0
/// Events, page requests and their answers, as the AMD-Vi driver takes them from the stub unit's logs (facts/iommu-specs.md
/// 3.3 to 3.5; facts/linux-sva.md 11.2).
#include "os/amdvi_bench.h"

#include <algorithm>
#include <set>

namespace quiesce::os::test::amdvi {

namespace {
const std::string who = "app", to = "dev";

struct AmdviEvents : AmdviBench {
    explicit AmdviEvents(const Settings& s = {}) : AmdviBench(s) {
        REQUIRE(call(kernel->bind(who, to)));
        unit.fetched.clear();
        unit.writes.clear();
    }
    /// 3.5: DeviceID, PASID, tag with its last bit, READ WRITE US GN, type 1.
    Pair request(u64 group, bool last = true, u64 flags = 0x164, u64 page = 3) const {
        const u64 address = (kernel->heap(who)->start + page * page_size).value();
        return {0x108 | u64{1} << 16 | (group | (last ? 0x200 : 0)) << 32 | flags << 48 | u64{1} << 60, address};
    }
    void put(u64 bar, u64 tail, u32 pending, const Pair& e) {
        const u64 at = unit.values[tail];
        const Spa ring{unit.values[bar] & 0x000f'ffff'ffff'f000};
        memory.cpu_port().poke64(ring + at, e[0]);
        memory.cpu_port().poke64(ring + at + 8, e[1]);
        unit.values[tail] = (at + 16) & 0x1fff;
        unit.values[0x2020] |= pending;
    }
    void ask(const Pair& e) {
        put(0x38, 0x2038, 1u << 6, e);
        message();
        settle();
    }
    /// 3.1: the interrupt of the XT register there.
    void interrupt(u64 offset) {
        kernel->interrupts().message(x86_64.messages, static_cast<u32>(unit.values[offset] >> 32 & 0xff));
    }
    std::vector<u64> written(u64 offset) const {
        std::vector<u64> all;
        for (const auto& [at, value] : unit.writes)
            if (at == offset) all.push_back(value);
        return all;
    }
    /// 3.4: IO_PAGE_FAULT of device 0x108, PASID 1, with GN.
    void fault(u64 low = u64{2} << 60 | u64{1} << 48 | u64{1} << 32 | 0x108) { put(0x10, 0x2018, 1u << 1, {low, 0x1234'5000}); }
};
AmdviBench::Settings of_kernel(KernelVersion version, u64 efr_set = 0) {
    AmdviBench::Settings s;
    s.version = version;
    s.policy = version < KernelVersion::V6_12 ? Policy::AmdIommuV2 : Policy::QuietUnbind;
    s.efr_set = efr_set;
    return s;
}
constexpr u64 xt_sup = 1u << 2, ga_sup = 1u << 7, event_interrupt = 0x170, page_request_interrupt = 0x178, ga_interrupt = 0x180;
} // namespace

TEST_CASE("AMD-Vi: a page request is answered by COMPLETE_PPR_REQUEST, for which nobody waits; the head catches up", "[os][amdvi][pri]") {
    AmdviEvents b;
    b.ask(b.request(0x1a5));
    REQUIRE(b.unit.fetched.size() == 1);
    CHECK(b.take() == Words{"ppr 108 pasid 1 tag 1a5 success"});
    CHECK(b.unit.values[0x2030] == b.unit.values[0x2038]);
    CHECK((b.unit.values[0x2020] >> 6 & 1) == 0);
}

TEST_CASE("AMD-Vi: the pending bit is cleared before the log is read", "[os][amdvi][pri]") {
    AmdviEvents b;
    b.ask(b.request(1));
    std::vector<u64> offsets;
    for (const auto& [offset, value] : b.unit.writes) offsets.push_back(offset);
    REQUIRE(offsets.size() >= 2);
    CHECK((offsets[0] == 0x2020 && offsets[1] == 0x2030));
}

TEST_CASE("AMD-Vi: requests without PASID, of PASID 0, or malformed are answered as failed, whichever of their group they are",
          "[os][amdvi][pri]") {
    AmdviEvents b;
    const bool last = GENERATE(true, false);
    Pair r = b.request(7, last);
    SECTION("no PASID") { r[0] &= ~(u64{0x100} << 48); }
    SECTION("PASID 0") { r[0] &= ~(u64{0xffff} << 16); }
    SECTION("reserved") { r[0] |= u64{0x80} << 48; }
    b.ask(r);
    const std::string pasid = hex(r[0] >> 16 & 0xffff); // the function wants one in its responses
    CHECK(b.take() == Words{"ppr 108 pasid " + pasid + " tag 7 failure"});
}

TEST_CASE("AMD-Vi: those of a group are answered once; one of a process that is gone as invalid", "[os][amdvi][pri]") {
    AmdviEvents b;
    b.ask(b.request(4, false));
    CHECK(b.take().empty());
    b.ask(b.request(4, true, 0x164, 4));
    CHECK(b.take() == Words{"ppr 108 pasid 1 tag 4 success"});
    b.call(b.kernel->kill(who));
    b.take();
    b.ask({0x108 | u64{1} << 16 | u64{0x205} << 32 | u64{0x164} << 48 | u64{1} << 60, 0x7000});
    CHECK(b.take() == Words{"ppr 108 pasid 1 tag 5 invalid"});
}

TEST_CASE("AMD-Vi: a stop marker is no page's, and is answered as invalid", "[os][amdvi][pri]") {
    AmdviEvents b;
    b.ask({0x108 | u64{1} << 16 | u64{0x200} << 32 | u64{0x100} << 48 | u64{1} << 60, 0});
    CHECK(b.take() == Words{"ppr 108 pasid 1 tag 0 invalid"});
}

TEST_CASE("AMD-Vi: page faults are printed as far as their device's limit goes, other events each", "[os][amdvi]") {
    AmdviBench::Settings s;
    s.driver.ratelimit_burst = 2;
    AmdviEvents b(s);
    std::vector<bool> shown;
    auto token = b.events.subscribe<FaultHandled>([&](Time, const FaultHandled& e) { shown.push_back(e.shown); });
    for (int i = 0; i < 4; ++i) b.fault();
    for (int i = 0; i < 3; ++i) b.fault(u64{7} << 60 | 0x108); // IOTLB_INV_TIMEOUT
    b.message();
    b.settle();
    CHECK(shown == std::vector<bool>{true, true, false, false, true, true, true});
    CHECK(b.driver->events_seen() == 7);
    CHECK(b.unit.values[0x2010] == b.unit.values[0x2018]);
}

TEST_CASE("AMD-Vi: driver-filter drops page faults of a bond whose process is dead, and no others", "[os][amdvi]") {
    AmdviBench::Settings s;
    s.suppression = Suppression::DriverFilter;
    AmdviEvents b(s);
    REQUIRE(b.call(b.kernel->fork(who, "child"))); // its descriptor keeps the bond
    std::vector<bool> shown;
    auto token = b.events.subscribe<FaultHandled>([&](Time, const FaultHandled& e) { shown.push_back(e.shown); });
    b.fault();
    b.message();
    b.settle();
    b.call(b.kernel->kill(who));
    b.fault();
    b.fault(u64{2} << 60 | 0x108); // without a PASID
    b.message();
    b.settle();
    CHECK(shown == std::vector<bool>{true, false, true});
}

TEST_CASE("AMD-Vi: a log that overflowed is emptied, and then switched off and on with its interrupt", "[os][amdvi]") {
    const bool events = GENERATE(true, false);
    AmdviEvents b;
    const u32 overflow = events ? 1u : 1u << 5;
    if (events) b.fault();
    else b.put(0x38, 0x2038, 1u << 6, b.request(3));
    b.unit.values[0x2020] |= overflow; // the log does not run
    b.message();
    b.settle();
    const u64 control = 0x1'f48d, log = events ? 0x4 : 0x2000, interrupt = events ? 0x8 : 0x4000;
    std::vector<u64> controls;
    for (const auto& [offset, value] : b.unit.writes)
        if (offset == 0x18) controls.push_back(value);
    CHECK(controls == std::vector<u64>{control & ~log, control & ~log & ~interrupt, control & ~log, control});
    CHECK((events ? b.driver->event_overflows() : b.driver->page_request_overflows()) == 1);
    CHECK((b.unit.values[0x2020] & overflow) == 0);
}

TEST_CASE("AMD-Vi: a log that runs again is not restarted", "[os][amdvi]") {
    AmdviEvents b;
    b.unit.values[0x2020] |= 1 | 1u << 3; // EventOverflow, EventLogRun
    b.message();
    b.settle();
    for (const auto& [offset, value] : b.unit.writes) CHECK(offset != 0x18);
}

TEST_CASE("AMD-Vi: INVALID_PPR_REQUEST is answered as failed, unless nobody waits for an answer; up to 6.1 never",
          "[os][amdvi][pri]") {
    const KernelVersion version = GENERATE(KernelVersion::V6_12, KernelVersion::V6_1);
    const bool unanswered = GENERATE(false, true);
    AmdviEvents b(of_kernel(version));
    const u64 low = u64{9} << 60 | u64{1} << 57 | u64{0x203} << 32 | u64{1} << 16 | 0x108;
    b.fault(low | (unanswered ? u64{1} << 48 : 0)); // RX
    b.message();
    b.settle();
    const bool answers = !unanswered && version == KernelVersion::V6_12;
    CHECK(b.take() == (answers ? Words{"ppr 108 pasid 1 tag 3 failure"} : Words{}));
}

// ---- by kernel ------------------------------------------------------------------------------------------------------

TEST_CASE("AMD-Vi: with XTSup and GASup each log has an interrupt of its own from 6.6 on, before all have one; 2018 knows of none",
          "[os][amdvi]") {
    const auto [version, efr, distinct] = GENERATE(table<KernelVersion, u64, unsigned>({
        {KernelVersion::V6_12, xt_sup | ga_sup, 3},
        {KernelVersion::V6_12, xt_sup, 0},
        {KernelVersion::V6_12, ga_sup, 0},
        {KernelVersion::V6_1, xt_sup | ga_sup, 1},
        {KernelVersion::V5_8, xt_sup | ga_sup, 1},
        {KernelVersion::V2018, xt_sup | ga_sup, 0},
    }));
    AmdviBench b(of_kernel(version, efr));
    CHECK(b.kernel->boot_error().empty());
    const std::set<u64> vectors{b.unit.values[event_interrupt], b.unit.values[page_request_interrupt], b.unit.values[ga_interrupt]};
    const bool xt = distinct != 0;
    CHECK(vectors.size() == std::max(distinct, 1u));
    CHECK((*vectors.begin() != 0) == xt);
    for (const u64 v : vectors) CHECK((v & ~(u64{0xff} << 32)) == 0); // the first CPU, fixed
    CHECK((b.unit.values[0x158] >> 16 & 1) == !xt);                   // MsiEn
    const u64 control = b.unit.values[0x18];
    CHECK((control >> 51 & 1) == xt);                                     // IntCapXTEn
    CHECK(((control >> 50 & 1) == xt && (control >> 17 & 1) == xt)); // XTEn, GAEn
}

TEST_CASE("AMD-Vi: a unit with XT interrupts needs no message registers", "[os][amdvi]") {
    AmdviBench::Settings s = of_kernel(KernelVersion::V6_12, xt_sup | ga_sup);
    s.efr_clear = u64{1} << 46;
    CHECK(AmdviBench(s).kernel->boot_error().empty());
}

TEST_CASE("AMD-Vi: a page request waits until the events before it are printed where one thread reads both logs, and only there",
          "[os][amdvi][pri]") {
    const auto [version, efr, lines_before] = GENERATE(table<KernelVersion, u64, unsigned>({
        {KernelVersion::V6_12, xt_sup | ga_sup, 0},
        {KernelVersion::V6_12, 0, 3},
        {KernelVersion::V6_1, xt_sup | ga_sup, 3},
    }));
    AmdviEvents b(of_kernel(version, efr));
    for (unsigned n = 0; n < 3; ++n) b.fault();
    b.put(0x38, 0x2038, 1u << 6, b.request(3));
    const Time begun = sim::now();
    Time answered = begun;
    b.unit.on_fetch = [&](const Pair&) { answered = sim::now(); };
    if (efr == 0) b.message();
    else b.interrupt(event_interrupt), b.interrupt(page_request_interrupt);
    b.settle();
    CHECK(b.take() == Words{"ppr 108 pasid 1 tag 3 success"});
    const Duration line = b.driver_config.print_event.get(), waited = answered - begun;
    CHECK(waited > line * lines_before);
    CHECK(waited < line * (lines_before + 1)); // what else there is to do is less than a line
}

TEST_CASE("AMD-Vi: which log is restarted when it has overflowed is a matter of the kernel", "[os][amdvi]") {
    const auto [version, events, pages] = GENERATE(table<KernelVersion, bool, bool>({
        {KernelVersion::V2018, false, false},
        {KernelVersion::V5_11, false, false},
        {KernelVersion::V5_18, true, false},
        {KernelVersion::V6_1, true, false},
        {KernelVersion::V6_12, true, true},
    }));
    const bool of_events = GENERATE(true, false);
    AmdviEvents b(of_kernel(version));
    const u32 overflow = of_events ? 1u : 1u << 5;
    if (of_events) b.fault();
    else b.put(0x38, 0x2038, 1u << 6, b.request(3));
    b.unit.values[0x2020] |= overflow; // the log does not run
    b.message();
    b.settle();
    const bool restarted = of_events ? events : pages;
    CHECK((of_events ? b.driver->event_overflows() : b.driver->page_request_overflows()) == (restarted ? 1 : 0));
    CHECK((b.unit.values[0x2020] & overflow) == (restarted ? 0 : overflow));
    CHECK(b.unit.values[of_events ? 0x2010 : 0x2030] == 0x10); // what it has is read all the same
    const auto controls = b.written(0x18);
    if (!restarted) CHECK(controls.empty());
    else if (version < KernelVersion::V6_12) CHECK(controls == std::vector<u64>{0x1'f489, 0x1'f48d}); // EventLogEn alone
    else CHECK(controls.size() == 4);
}

TEST_CASE("AMD-Vi: up to 6.1 the places of events are free once all are handled, of page requests one by one", "[os][amdvi]") {
    const bool late = GENERATE(true, false);
    AmdviEvents b(of_kernel(late ? KernelVersion::V6_1 : KernelVersion::V6_12));
    for (int i = 0; i < 3; ++i) b.fault();
    for (u64 tag = 1; tag <= 2; ++tag) b.put(0x38, 0x2038, 1u << 6, b.request(tag));
    b.message();
    b.settle();
    CHECK(b.written(0x2010) == (late ? std::vector<u64>{0x30} : std::vector<u64>{0x10, 0x20, 0x30}));
    CHECK(b.written(0x2030) == std::vector<u64>{0x10, 0x20});
}

TEST_CASE("AMD-Vi: workers of amd_iommu_v2 take no user of a process: they serve a dying one until its entry goes, and refuse then",
          "[os][amdvi][pri]") {
    const Policy policy = GENERATE(Policy::AmdIommuV2, Policy::MmExit);
    AmdviBench::Settings settings;
    settings.version = KernelVersion::V6_1;
    settings.policy = policy;
    AmdviEvents b(settings);
    REQUIRE(b.call(b.kernel->fork(who, "child"))); // its descriptor keeps the bond
    b.take();
    std::vector<Pair> asked;
    for (u64 tag = 1; tag <= 60; ++tag) asked.push_back(b.request(tag, true, 0x144, tag));
    sim::spawn([](AmdviEvents& bench, const std::vector<Pair>& all) -> Task<void> {
        for (const Pair& one : all) { // the device's stop alone takes 20 us
            co_await sim::delay(1_us);
            bench.put(0x38, 0x2038, 1u << 6, one);
            bench.message();
        }
    }(b, asked));
    b.call(b.kernel->kill(who));
    b.settle();
    const Words all = b.take();
    const auto gone = std::find_if(all.begin(), all.end(), [](const std::string& w) { return w.find(" pde all") != std::string::npos; });
    REQUIRE(gone != all.end());
    const auto count = [](auto from, auto to, const char* how) {
        return std::count_if(from, to, [&](const std::string& w) { return w.find(how) != std::string::npos; });
    };
    const bool holds = policy == Policy::MmExit; // mmget_not_zero: the process has no users any more
    CHECK((count(all.begin(), gone, "success") > 10) == !holds);
    CHECK((count(all.begin(), gone, "invalid") > 10) == holds);
    CHECK((count(all.begin(), gone, "invalid") == 0) == !holds);
    if (!holds) CHECK(count(gone, all.end(), "invalid") > 10);
    CHECK(count(all.begin(), all.end(), "ppr") == 60);
}

} // namespace quiesce::os::test::amdvi
