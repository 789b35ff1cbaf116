// SPDX-License-Identifier: Apache-2.0
/// What the AMD-Vi driver writes: registers, tables and commands. Bytes are typed from facts/iommu-specs.md section 3, the
/// order of a tear-down from facts/linux-sva.md section 11.
#include "os/amdvi_bench.h"
#include "os/late_blocking.h"

namespace quiesce::os::test::amdvi {

namespace {
using Settings = AmdviBench::Settings;
const std::string app = "app", dev = "dev";
const std::string pages = "pages domain 1 pasid 1 pde all", iotlb = "iotlb 108 queue 108 pasid 1 all", wait = "wait store";

u64 stored_last(const AmdviBench& b, u64 offset) {
    u64 value = 0;
    for (const auto& [at, v] : b.boot_writes)
        if (at == offset) value = v;
    return value;
}
} // namespace

TEST_CASE("AMD-Vi init: tables and rings are there before what reads them is switched on; caches are emptied first", "[os][amdvi]") {
    AmdviBench b;
    CHECK(b.kernel->boot_error().empty());
    std::vector<u64> order, controls;
    for (const auto& [offset, value] : b.boot_writes) {
        if (offset == 0x0 || offset == 0x8 || offset == 0x10 || offset == 0x38) order.push_back(offset);
        if (offset == 0x18) controls.push_back(value);
    }
    CHECK(order == std::vector<u64>{0x0, 0x8, 0x10, 0x38});
    // off; Coherent and a time-out of 1 s; CmdBufEn, GTEn, IommuEn, EventLogEn, EventIntEn, PPREn, PPRIntEn, PPRLogEn
    CHECK(controls == std::vector<u64>{0x0, 0x480, 0x1480, 0x1'1480, 0x1'1481, 0x1'1485, 0x1'148d, 0x1'948d, 0x1'd48d, 0x1'f48d});
    CHECK((b.unit.values[0x0] & 0xfff) == 0x1ff);    // 2 MiB: entries for all devices
    CHECK(b.unit.values[0x8] >> 56 == 9);            // 512 commands
    CHECK(b.unit.values[0x10] >> 56 == 9);           // 512 events
    CHECK(b.unit.values[0x38] >> 56 == 9);           // 512 page requests
    CHECK(b.unit.values[0x15c] == 0xfee0'0000);      // MsiAddrLow
    CHECK(b.unit.values[0x158] >> 16 == 1);          // MsiEn, one message
    REQUIRE(b.boot_names.size() >= 2);
    CHECK((b.boot_names[0] == "everything" && b.boot_names[1] == wait));
}

TEST_CASE("AMD-Vi init: a unit without guests' tables or message registers is refused by what it lacks", "[os][amdvi]") {
    const auto [bit, what] = GENERATE(table<unsigned, const char*>({{4, "GTSup"}, {46, "MsiCapMmioSup"}}));
    Settings s;
    s.efr_clear = u64{1} << bit;
    AmdviBench b(s);
    CHECK(b.kernel->boot_error().find(std::string{"EFR."} + what) != std::string::npos);
    CHECK_FALSE(b.call(b.kernel->bind(app, dev)));
}

TEST_CASE("AMD-Vi: a device's entry has a GCR3 table of two levels and a domain of its own, and is invalidated", "[os][amdvi]") {
    AmdviBench b;
    const auto e = b.device_entry();
    // V TV, Mode 0, PPR (52), GIoV (54), GV (55), GLX=1, IR IW
    CHECK((e[0] & ~(u64{7} << 58)) == (0x3 | u64{1} << 52 | u64{1} << 54 | u64{1} << 55 | u64{1} << 56 | u64{3} << 61));
    CHECK((e[1] & 0xffff) == 1);         // DomainID
    CHECK((e[1] >> 32 & 1) == 1);        // I
    CHECK((e[2] == 0 && e[3] == 0));
    CHECK((b.peek(b.gcr3(0)) & 1) == 1); // an empty table for requests without a PASID
    CHECK(b.peek(Spa{b.peek(b.gcr3(0)) & ~u64{0xfff}}) == 0);
    CHECK(b.boot_names == Words{"everything", wait, "devtab 108", "iotlb 108 queue 108 all", wait});
    CHECK(b.driver->max_pasids(StreamId{0x108}) == 0xffff); // 2^16 - 1: iommu->max_pasids
    CHECK(b.driver->max_asids() == 0);
}

TEST_CASE("AMD-Vi: without ATS neither I nor PPR is set; the kernel's own DMA is not translated", "[os][amdvi]") {
    Settings s;
    s.function = without_atc();
    s.kernel_memory = GENERATE(false, true);
    AmdviBench b(s);
    const auto e = b.device_entry();
    CHECK((e[0] >> 52 & 1) == 0);
    CHECK((e[1] >> 32 & 1) == 0);
    CHECK((e[0] >> 54 & 1) == (s.kernel_memory ? 0u : 1u)); // GIoV
    CHECK(b.boot_names == Words{"everything", wait, "devtab 108", wait});
}

TEST_CASE("AMD-Vi: a function with more PASIDs than the unit has levels for is refused", "[os][amdvi]") {
    Settings s;
    s.efr_clear = u64{3} << 14; // GLXSup 0: one level
    AmdviBench b(s);
    CHECK(b.kernel->boot_error().find("EFR.GLXSup") != std::string::npos);
}

TEST_CASE("AMD-Vi bind: the GCR3 entry leads to the process's own table, and all of the PASID is invalidated", "[os][amdvi]") {
    AmdviBench b;
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    const u64 e = b.peek(b.gcr3(1));
    CHECK((e & 0xfff) == 1);
    const Va heap = b.kernel->heap(app)->start;
    Spa table{e & ~u64{0xfff}};
    for (unsigned shift = 39; shift > 12; shift -= 9)
        table = Spa{b.peek(table + 8 * (heap.value() >> shift & 511)) & 0xf'ffff'ffff'f000};
    CHECK((b.peek(table + 8 * (heap.value() >> 12 & 511)) & 0x67) == 0x67);
    CHECK(b.take() == Words{pages, iotlb, wait});
}

TEST_CASE("AMD-Vi kill: 6.12 has one COMPLETION_WAIT behind the unit's and the device's, the driver before it one behind each",
          "[os][amdvi]") {
    const bool atc = GENERATE(true, false), late = GENERATE(true, false);
    Settings s;
    s.version = late ? KernelVersion::V6_12 : KernelVersion::V6_1;
    s.policy = late ? Policy::QuietUnbind : Policy::AmdIommuV2;
    s.driver.pri = false;
    if (!atc) s.function = without_atc();
    AmdviBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.unit.fetched.clear();
    std::vector<u64> entries;
    const Spa at = b.gcr3(1);
    b.unit.on_fetch = [&](const Pair&) { entries.push_back(b.peek(at)); };
    b.call(b.kernel->kill(app));
    Words expected{pages};
    if (!late) expected.push_back(wait);
    if (atc) expected.push_back(iotlb);
    if (atc || late) expected.push_back(wait);
    CHECK(b.take() == expected); // and the unbind finds nothing
    CHECK(entries == std::vector<u64>(expected.size(), 0));
    CHECK(b.kernel->at_rest());
}

TEST_CASE("AMD-Vi: R7-amd empties the device before the entry is gone", "[os][amdvi]") {
    Settings s;
    s.driver.pri = false;
    s.bugs = {"R7-amd"};
    AmdviBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.unit.fetched.clear();
    std::vector<std::pair<std::string, bool>> seen;
    const Spa at = b.gcr3(1);
    b.unit.on_fetch = [&](const Pair& c) { seen.emplace_back(decode(c), (b.peek(at) & 1) != 0); };
    b.call(b.kernel->kill(app));
    REQUIRE(seen.size() == 5);
    CHECK(seen[0] == std::pair{iotlb, true});
    CHECK(seen[2] == std::pair{pages, false});
}

TEST_CASE("AMD-Vi unbind of a live process: the entry is cleared and flushed as by a release; a later bind sets it again", "[os][amdvi]") {
    Settings s;
    s.driver.pri = false;
    AmdviBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.unit.fetched.clear();
    REQUIRE(b.call(b.kernel->unbind(app, dev)));
    CHECK(b.take() == Words{pages, iotlb, wait});
    CHECK(b.peek(b.gcr3(1)) == 0);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    CHECK((b.peek(b.gcr3(1)) & 1) == 1);
}

TEST_CASE("AMD-Vi: the bytes of a tear-down's commands", "[os][amdvi]") {
    AmdviBench b;
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.unit.fetched.clear();
    b.call(b.kernel->kill(app));
    REQUIRE(b.unit.fetched.size() >= 3);
    CHECK(b.unit.fetched[0] == Pair{0x3000'0001'0000'0001, 0x7fff'ffff'ffff'f007}); // GN, PDE, S
    CHECK(b.unit.fetched[1] == Pair{0x4001'0108'0000'0108, 0x7fff'ffff'ffff'f005}); // GN, S; PASID[7:0] at 55:48
    CHECK((b.unit.fetched[2][0] & 0xf000'0000'0000'0007) == 0x1000'0000'0000'0001); // s
}

TEST_CASE("AMD-Vi: a range is the smallest aligned block on 6.12; before, a page or all", "[os][amdvi]") {
    const bool late = GENERATE(true, false);
    Settings s;
    s.version = late ? KernelVersion::V6_12 : KernelVersion::V6_1;
    s.policy = late ? Policy::QuietUnbind : Policy::AmdIommuV2;
    s.function = without_atc();
    AmdviBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.unit.fetched.clear();
    Bond* const bond = b.kernel->sva().bond_at(StreamId{0x108}, Pasid{1});
    REQUIRE(bond != nullptr);
    const auto range = [&](u64 page, u64 count) {
        b.in_kernel([&](KernelContext& ctx) -> Task<void> {
            const bool seen = co_await b.driver->flush_bond(ctx, *bond, Va{page << 12}, count << 12);
            CHECK(seen);
        });
        Words all = b.take();
        std::erase(all, wait);
        return all;
    };
    const std::string to = "pages domain 1 pasid 1 pde";
    CHECK(range(0x100, 1) == Words{to + " at 100000"});
    if (!late) {
        CHECK(range(0x100, 2) == Words{pages});
        return;
    }
    CHECK(range(0x100, 2) == Words{to + " order 1 at 100000"});
    CHECK(range(0x100, 4) == Words{to + " order 2 at 100000"});
    CHECK(range(0x101, 2) == Words{to + " order 2 at 100000"});
    CHECK(range(0x107, 2) == Words{to + " order 4 at 100000"});
    CHECK(range(0x100, 33) == Words{to + " order 6 at 100000"});
    CHECK(range(0x100, 34) == Words{pages}); // the CPUs flush all
}

TEST_CASE("AMD-Vi: a COMPLETION_WAIT that does not come is given up after 100 ms, and the pages go", "[os][amdvi]") {
    Settings s;
    s.driver.pri = false;
    AmdviBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.unit.stuck = true;
    std::vector<Time> given_up;
    auto token = b.events.subscribe<FenceTimedOut>([&](Time at, const FenceTimedOut&) { given_up.push_back(at); });
    unsigned blocks = 0;
    auto seen = b.events.subscribe<FenceObserved>([&](Time, const FenceObserved& e) { blocks += e.blocks; });
    const Time begun = sim::now();
    b.call(b.kernel->kill(app));
    REQUIRE(given_up.size() == 1);
    CHECK(given_up.front() - begun >= 100_ms);
    CHECK(given_up.front() - begun < 101_ms);
    CHECK(blocks == 0);
    CHECK(b.driver->queue().gave_up() == 1);
}

TEST_CASE("AMD-Vi: what nobody has queued a command for is waited for all the same; R8-amd believes that it is over", "[os][amdvi]") {
    const bool mistaken = GENERATE(false, true);
    Settings s;
    s.driver.pri = false;
    if (mistaken) s.bugs = {"R8-amd"};
    AmdviBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.unit.period = 50_us;
    std::vector<Time> done;
    using Wait = drivers::AmdviCommandQueue::Wait;
    const auto waits = [&](bool queues) {
        sim::spawn([](AmdviBench& bench, bool asks, bool early, std::vector<Time>& over) -> Task<void> {
            KernelContext ctx(bench.kernel->scheduler(), "flush");
            co_await ctx.run();
            auto all = iommu::amdvi::make<iommu::amdvi::InvalidateIommuAll>();
            if (asks) co_await bench.driver->queue().queue(ctx, iommu::amdvi::as_command(all));
            co_await bench.driver->queue().completion_wait(ctx, "completion-wait", early ? Wait::UnlessQueued : Wait::Complete);
            over.push_back(sim::now());
            ctx.stop();
        }(b, queues, mistaken, done));
    };
    waits(true);
    b.calendar.run_for(5_us);
    waits(false); // what it means was queued by the other
    const Time begun = sim::now();
    b.settle();
    REQUIRE(done.size() == 2);
    CHECK((done.front() - begun < 5_us) == mistaken);
    if (!mistaken) CHECK(done.front() - begun > 80_us);
}

TEST_CASE("AMD-Vi: with R6, forget-tlbi and R8 the bond is blocked only by its unbind, if at all, after its pages went",
          "[os][amdvi]") {
    check_late_blocking<AmdviBench>(pages, iotlb);
}

TEST_CASE("AMD-Vi: a guest's GCR3 tables are behind a host's page table that maps all memory to itself", "[os][amdvi]") {
    using enum drivers::SecondStagePages;
    const auto size = GENERATE(Small, Mega, Giga);
    Settings s;
    s.driver.nested = true;
    s.driver.nested_pages = size;
    AmdviBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    const auto e = b.device_entry();
    CHECK((e[0] >> 9 & 7) == 4); // Mode
    const u64 at = 0x8020'3000, leaf = 0x6000'0000'0000'0001; // PR IR IW
    u64 word = e[0];
    unsigned level = 4;
    for (unsigned shift = 39; shift >= 30; shift -= 9, --level) {
        word = b.peek(Spa{(word & 0xf'ffff'ffff'f000) + 8 * (at >> shift & 511)});
        if (level > 3 || size != Giga) CHECK((word >> 9 & 7) == level - 1); // NextLevel
    }
    if (size == Giga) {
        CHECK(word == (leaf | 0x8000'0000));
        return;
    }
    word = b.peek(Spa{(word & 0xf'ffff'ffff'f000) + 8 * (at >> 21 & 511)});
    if (size == Mega) CHECK(word == (leaf | 0x8020'0000));
    else CHECK(b.peek(Spa{(word & 0xf'ffff'ffff'f000) + 8 * (at >> 12 & 511)}) == (leaf | at));
}

TEST_CASE("dummy-root on AMD-Vi: the GCR3 entry leads to a table without entries, and the unbind clears it", "[os][amdvi]") {
    Settings s;
    s.suppression = Suppression::DummyRoot;
    s.driver.pri = false;
    AmdviBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.unit.fetched.clear();
    std::vector<u64> entries;
    const Spa at = b.gcr3(1);
    b.unit.on_fetch = [&](const Pair& c) {
        if (c[0] >> 60 == 3) entries.push_back(b.peek(at));
    };
    b.call(b.kernel->kill(app));
    CHECK(b.take() == Words{pages, iotlb, wait, pages, iotlb, wait});
    REQUIRE(entries.size() == 2);
    CHECK((entries[0] & 1) == 1);
    for (u64 i = 0; i < 512; ++i) CHECK(b.peek(Spa{entries[0] & ~u64{0xfff}} + 8 * i) == 0);
    CHECK(entries[1] == 0);
}

TEST_CASE("AMD-Vi: what firmware says of its function decides about ATS", "[os][amdvi]") {
    Settings s;
    s.iotlb = false;
    AmdviBench b(s);
    CHECK_FALSE(b.driver->has_ats());
    CHECK_FALSE(b.driver->has_pri());
    CHECK(stored_last(b, 0x38) == 0); // no PPR log
}

} // namespace quiesce::os::test::amdvi
