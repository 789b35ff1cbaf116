// SPDX-License-Identifier: Apache-2.0
/// What the SMMUv3 driver writes: registers, tables and commands. Bytes are typed from facts/iommu-specs.md section 1.
#include "os/smmuv3_bench.h"

#include "iommu/events.h"

using namespace quiesce;
using namespace quiesce::os;
using namespace quiesce::os::test::smmuv3;

namespace {
const std::string sync_cd = "CFGI_CD sid 108 ssid 405 leaf";
/// ASID; ASET A R AA64 IPS=48; V EPD1; SH0=inner OR0=IR0=WB, 4 KiB, T0SZ=16
constexpr u64 live_word0 = 0x1234'e205'c000'3510;
} // namespace

TEST_CASE("init places tables and queues while all is off, then enables CMDQ, EVENTQ, ATSCHK, SMMU in this order", "[os]") {
    Bench b;
    std::vector<u64> cr0;
    bool placed_while_off = true;
    for (const auto& [offset, value] : b.spy->writes) {
        if (offset == 0x20) cr0.push_back(value);
        if (offset == 0x28 || offset == 0x2c || offset == 0x80 || offset == 0x88 || offset == 0x90 || offset == 0xa0)
            placed_while_off = placed_while_off && cr0 == std::vector<u64>{0};
    }
    CHECK(placed_while_off);
    CHECK(cr0 == std::vector<u64>{0, 0x8, 0xc, 0x1c, 0x1d}); // CMDQ, EVENTQ, ATSCHK, SMMU
    const Words& issued = b.spy->commands;
    CHECK(Words(issued.begin(), issued.begin() + 4) == Words{"CFGI_ALL", "SYNC", "TLBI_NSNH_ALL", "SYNC"});
    CHECK(b.reg(0x24) == 0x1d);              // CR0ACK
    CHECK(b.reg(0x28) == 0xd75);             // CR1: write-back, inner shareable, tables and queues
    CHECK(b.reg(0x2c) == 0x6);               // CR2: PTM, RECINVSID
    CHECK(b.reg(0x88) == 0x1'0210);          // STRTAB_BASE_CFG: two levels, SPLIT 8, 2^16 streams
    CHECK((b.reg(0x80, 8) >> 62 & 1) == 1);  // RA
    CHECK((b.reg(0x90, 8) & 0xfff) == 8);    // CMDQ: 256 entries of 16 bytes, aligned to its size
    CHECK((b.reg(0xa0, 8) & 0xfff) == 7);    // EVENTQ: 128 entries of 32 bytes
    CHECK(b.reg(0x98) == b.reg(0x9c));       // every command consumed
    CHECK(b.reg(0x54) == 0x5);               // IRQ_CTRLACK: GERROR and EVENTQ
    CHECK(b.reg(0x68, 8) == arm64.messages.value());
    CHECK(b.reg(0xb0, 8) == arm64.messages.value());
    CHECK(b.reg(0x60) == b.reg(0x64));       // no global error
}

TEST_CASE("attaching writes a stage-1 STE for 2^20 substreams with 64 KiB leaves, and invalidates it", "[os]") {
    Bench b;
    CHECK((b.peek(Spa{(b.reg(0x80, 8) & 0xf'ffff'ffff'ffc0) + 8}) & 0x1f) == 9); // Span: 256 entries
    const u64 contexts = b.contexts().value();
    CHECK(contexts % 0x2000 == 0); // 1024 first-level descriptors
    // S1CDMax=20 S1Fmt=64 KiB leaves Config=stage 1 V; SHCFG=incoming S1CSH=inner S1COR=S1CIR=WB S1DSS=terminate EATS=0
    const u64 word0 = 0xa000'0000'0000'002b | contexts, word1 = 0x0000'1000'0000'00d4;
    CHECK(b.eight(b.ste()) == std::array<u64, 8>{word0, word1, 0, 0, 0, 0, 0, 0});
    CHECK(Words(b.spy->commands.begin() + 4, b.spy->commands.end()) == Words{"CFGI_STE sid 108 leaf", "SYNC"});
}

TEST_CASE("a guest's streams are behind a second stage that maps all memory to itself, and its TLBIs name its VMID", "[os]") {
    drivers::Smmuv3DriverConfig nested;
    nested.nested = true;
    nested.nested_vmid = 5;
    nested.nested_pages = GENERATE(drivers::SecondStagePages::Small, drivers::SecondStagePages::Mega, drivers::SecondStagePages::Giga);
    iommu::smmuv3::Smmuv3Config both;
    both.stage2 = true;
    Bench b(KernelVersion::V6_12, {}, both, without_atc(), nested);
    CHECK((b.peek(b.ste()) & 0xf) == 0xf); // V, Config = both stages
    // S2R; S2PTW S2AA64 S2PS=48; SH0=inner OR0=IR0=WB; SL0=1 T0SZ=21; VMID 5
    CHECK(b.peek(b.ste() + 16) == 0x044d'3555'0000'0005);
    const u64 first = b.peek(b.ste() + 24);
    CHECK(first % 0x1'0000 == 0); // sixteen tables
    const u64 at = 0x8020'3000;   // level 1: 2, level 2: 1, level 3: 3
    u64 word = b.peek(Spa{first + 8 * 2});
    if (nested.nested_pages == drivers::SecondStagePages::Giga) {
        CHECK(word == 0x8000'07fd);
    } else {
        word = b.peek(Spa{(word & ~u64{0xfff}) + 8 * 1});
        if (nested.nested_pages == drivers::SecondStagePages::Mega) CHECK(word == 0x8020'07fd);
        else CHECK(b.peek(Spa{(word & ~u64{0xfff}) + 8 * 3}) == (at | 0x7ff));
    }
    b.bind();
    CHECK(b.range(2)[0].find("vmid 5") != std::string::npos);
}

TEST_CASE("a unit without a second stage is refused to a guest", "[os]") {
    drivers::Smmuv3DriverConfig nested;
    nested.nested = true;
    Bench b(KernelVersion::V6_12, {}, {}, without_atc(), nested);
    CHECK(b.kernel->boot_error().find("nested") != std::string::npos);
}

TEST_CASE("bind writes the CD with V last, and invalidates the first-level descriptor that it had to make", "[os]") {
    Bench b;
    std::vector<std::pair<u64, u64>> at_doorbells;
    const Spa contexts = b.contexts(); // reads registers: not inside the hook
    b.spy->on_doorbell = [&, contexts] {
        const u64 first = b.peek(contexts + 8);
        const Spa cd{(first & 0xf'ffff'ffff'f000) + 64 * 5};
        at_doorbells.emplace_back(b.peek(cd), b.peek(cd + 8));
    };
    CHECK(b.bind() == Words{"CFGI_CD sid 108 ssid 405", "SYNC", sync_cd, "SYNC", sync_cd, "SYNC"});
    b.spy->on_doorbell = {};
    const u64 pgd = b.mm->pgd().value();
    CHECK(at_doorbells == std::vector<std::pair<u64, u64>>{{0, 0}, {0, pgd}, {live_word0, pgd}});
    CHECK((b.peek(contexts + 8) & 0xffff) == 1); // V, L2Ptr aligned to 64 KiB
    CHECK(b.eight(b.cd()) == std::array<u64, 8>{live_word0, pgd, 0, 0xff, 0, 0, 0, 0});
    CHECK(b.fence_seen);
}

TEST_CASE("quiet of 6.12: V EPD0 EPD1 A, no S, R or table, in two rounds; of 6.1: EPD0 joins what was there", "[os]") {
    const auto version = GENERATE(KernelVersion::V6_12, KernelVersion::V6_1);
    Bench b(version);
    b.bind();
    const Spa cd = b.cd();
    const u64 pgd = b.mm->pgd().value();
    std::vector<std::pair<u64, u64>> at_doorbells;
    b.spy->on_doorbell = [&] { at_doorbells.emplace_back(b.peek(cd), b.peek(cd + 8)); };
    const Words issued = b.quiet();
    b.spy->on_doorbell = {};
    constexpr u64 quiet_6_12 = 0x1234'c205'c000'4000; // ASID; ASET A AA64 IPS; V EPD1; EPD0
    if (version == KernelVersion::V6_12) {
        CHECK(issued == Words{sync_cd, "SYNC", sync_cd, "SYNC"});
        CHECK(at_doorbells == std::vector<std::pair<u64, u64>>{{quiet_6_12, pgd}, {quiet_6_12, 0}});
        CHECK(b.eight(cd) == std::array<u64, 8>{quiet_6_12, 0, 0, 0xff, 0, 0, 0, 0});
    } else {
        CHECK(issued == Words{sync_cd, "SYNC"});
        CHECK(b.eight(cd) == std::array<u64, 8>{live_word0 | 1u << 14, pgd, 0, 0xff, 0, 0, 0, 0});
    }
}

TEST_CASE("unbind takes V away before anything else of the CD, and leaves nothing of it on 6.12", "[os]") {
    Bench b;
    b.bind();
    const Spa cd = b.cd();
    std::vector<u64> word0, ttb0;
    b.spy->on_doorbell = [&] { word0.push_back(b.peek(cd)), ttb0.push_back(b.peek(cd + 8)); };
    CHECK(b.clear() == Words{sync_cd, "SYNC", sync_cd, "SYNC"});
    b.spy->on_doorbell = {};
    CHECK(word0 == std::vector<u64>{0, 0});
    CHECK(ttb0 == std::vector<u64>{b.mm->pgd().value(), 0});
    CHECK(b.eight(cd) == std::array<u64, 8>{});
}

TEST_CASE("a range is invalidated page by page, tables included; from 512 pages on the whole ASID", "[os]") {
    Bench b;
    b.bind();
    CHECK(b.range(3) == Words{"TLBI_NH_VA asid 1234 va ffff00000000", "TLBI_NH_VA asid 1234 va ffff00001000",
                              "TLBI_NH_VA asid 1234 va ffff00002000", "SYNC"});
    const Words all = b.range(511);
    CHECK(std::count_if(all.begin(), all.end(), [](auto& c) { return c.starts_with("TLBI_NH_VA "); }) == 511);
    CHECK(all.back() == "SYNC");
    CHECK(b.range(512) == Words{"TLBI_NH_ASID asid 1234", "SYNC"});
}

TEST_CASE("the commands of a kill; with forget-tlbi and with R8 the bond is blocked only by its unbind, after its pages went", "[os]") {
    const std::string bug = GENERATE("", "forget-tlbi", "R8");
    Bench b(KernelVersion::V6_12, bug.empty() ? std::vector<std::string>{} : std::vector<std::string>{bug});
    unsigned timeouts = 0;
    std::vector<Time> blocks, freed;
    auto seen = b.events.subscribe<FenceObserved>([&](Time at, const FenceObserved& e) {
        if (e.blocks) blocks.push_back(at);
    });
    auto gone = b.events.subscribe<memory::FrameFreed>([&](Time at, const memory::FrameFreed& e) {
        if (e.use == memory::FrameUse::Leaf) freed.push_back(at);
    });
    auto late = b.events.subscribe<FenceTimedOut>([&](Time, const FenceTimedOut&) { ++timeouts; });
    const std::string app = "app", dev = "dev";
    b.kernel->spawn(app, {4});
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.spy->commands.clear();
    b.call(b.kernel->kill(app));
    const std::string cd = "CFGI_CD sid 108 ssid 1 leaf", tlbi = "TLBI_NH_ASID asid 1";
    Words expected{cd, "SYNC", cd, "SYNC", tlbi, "SYNC", cd, "SYNC", cd, "SYNC", tlbi, "SYNC"};
    if (bug == "forget-tlbi") expected = {cd, "SYNC", cd, "SYNC", cd, "SYNC", cd, "SYNC"};
    CHECK(b.spy->commands == expected);
    REQUIRE(blocks.size() == 1);
    REQUIRE_FALSE(freed.empty());
    CHECK((blocks.front() < freed.front()) == bug.empty());
    CHECK(timeouts == 0);
}

TEST_CASE("with R8 the invalidation returns before its CMD_SYNC is consumed, without it afterwards", "[os]") {
    const bool bug = GENERATE(false, true);
    Bench b(KernelVersion::V6_12, bug ? std::vector<std::string>{"R8"} : std::vector<std::string>{});
    Time consumed;
    auto last = [&](Time now, const iommu::CommandConsumed&) { consumed = now; };
    auto token = b.events.subscribe<iommu::CommandConsumed>(last);
    b.commands([&](KernelContext& c) { return b.driver->invalidate_space(c, {b.bond->asid, b.bond->pasid}); });
    CHECK(b.fence_seen == !bug);
    CHECK((b.returned < consumed) == bug);
}

TEST_CASE("an illegal command becomes a CMD_SYNC, the error is acknowledged, and what is behind it is done", "[os]") {
    Bench b;
    auto other_cpu = [&]() -> Task<void> { // takes the interrupt: the issuing CPU has its own off until the end
        KernelContext ctx(b.kernel->scheduler(), "other");
        co_await ctx.run();
        co_await ctx.spin(1_ms);
        ctx.stop();
    };
    sim::spawn(other_cpu());
    const u32 before = b.spy->prod;
    const Words all = b.commands([&](KernelContext& ctx) -> Task<bool> {
        using Command = iommu::smmuv3::Command;
        const Command bad = Command::from_words({0xff, ~u64{0}});
        const Command good = Command::from_words({u64{0x1234} << 48 | 0x11, 0});
        const std::array<Command, 2> list{bad, good};
        const Time begun = sim::now();
        const bool seen = co_await b.driver->commands().issue(ctx, list, "test");
        CHECK(sim::now() - begun < 100_us);
        co_return seen;
    });
    CHECK(all == Words{"?ff", "TLBI_NH_ASID asid 1234", "SYNC"});
    CHECK(b.fence_seen);
    CHECK(b.peek(b.driver->commands().slot(before)) == 0x46);
    CHECK(b.peek(b.driver->commands().slot(before) + 8) == 0);
    CHECK(b.reg(0x60) == b.reg(0x64));
    CHECK(b.reg(0x98) == (b.reg(0x9c) & 0xfffff));
}

TEST_CASE("every event record is read and given back; ten of an interval are printed", "[os]") {
    Bench b;
    unsigned handled = 0, shown = 0;
    auto token = b.events.subscribe<FaultHandled>([&](Time, const FaultHandled& e) {
        CHECK(e.code == 0x02); // C_BAD_STREAMID
        CHECK(e.stream == StreamId{0x7000});
        ++handled;
        shown += e.shown ? 1 : 0;
    });
    auto fault = [&]() -> Task<void> {
        for (u64 i = 1; i <= 12; ++i) {
            constexpr StreamId nobody{0x7000};
            const iommu::TranslationRequest r{i, DeviceId{0}, nobody, false, Pasid{}, Iova{}, 8, iommu::Access::Read};
            co_await b.unit->translation().translate(r);
        }
    };
    b.call(fault());
    CHECK(handled == 12);
    CHECK(shown == 10);
    CHECK(b.driver->events_seen() == 12);
    CHECK(b.reg(0x100a8) == 12);
    CHECK(b.reg(0x100ac) == 12);
}

TEST_CASE("each record's place is free before it is handled; an overflow is printed at once, and acknowledged when the queue is empty", "[os]") {
    Bench b;
    const u32 size = 1u << 7;
    u64 most = 0;
    auto depth = b.events.subscribe<base::LevelChanged>([&](Time, const base::LevelChanged& e) {
        if (e.what == "smmu.evtq.depth") most = std::max<u64>(most, e.value);
    });
    u64 printed = 0;
    auto spent = b.events.subscribe<CpuSpent>([&](Time, const CpuSpent& e) { printed += e.on == "printk" ? e.ps : 0; });
    unsigned lost = 0;
    auto raised = b.events.subscribe<iommu::FaultRaised>([&](Time, const iommu::FaultRaised& e) { lost += e.fate == iommu::FaultFate::Lost; });
    auto one = [&](u64 n) -> Task<void> {
        const iommu::TranslationRequest r{n, DeviceId{0}, StreamId{0x7000}, false, Pasid{}, Iova{}, 8, iommu::Access::Read};
        co_await b.unit->translation().translate(r);
    };
    auto flood = [&]() -> Task<void> {
        for (u64 n = 1; n <= 2 * size; ++n) sim::spawn(one(n));
        co_return;
    };
    b.call(flood());
    CHECK(most == size);
    CHECK(lost > 0);
    CHECK(b.driver->event_overflows() >= 1);
    CHECK(b.driver->events_seen() == 2 * size - lost);
    const drivers::Smmuv3DriverConfig defaults;
    CHECK(printed == 10 * static_cast<u64>(defaults.print_event.get().ps()) +
                         b.driver->event_overflows() * static_cast<u64>(defaults.print_overflow.get().ps()));
    CHECK(b.reg(0x100a8) == b.reg(0x100ac)); // PROD and CONS, flags and all
}

TEST_CASE("unbind of 6.1 clears word 0 of the CD alone, in one round", "[os]") { // linux-sva 5.2
    Bench b(KernelVersion::V6_1);
    b.bind();
    CHECK(b.clear() == Words{sync_cd, "SYNC"});
}

TEST_CASE("a range of more than 64 pages has one CMD_SYNC, behind its last command", "[os]") {
    // linux-sva 12: full batches of 64 go out without one
    Bench b;
    b.bind();
    const Words all = b.range(100);
    CHECK(std::count(all.begin(), all.end(), "SYNC") == 1);
}

TEST_CASE("forget-tlbi forgets large ranges as well as small ones", "[os]") {
    Bench b(KernelVersion::V6_12, {"forget-tlbi"});
    b.bind();
    CHECK(b.range(3) == Words{});
    CHECK(b.range(512) == Words{});
}

TEST_CASE("after a time-out in the middle of a range the rest of it is still invalidated", "[os]") {
    Bench b; // linux-sva 12: the error is printed, the caller goes on
    b.bind();
    // CMDQEN off: nothing is consumed
    b.in_kernel([](KernelContext& ctx) -> Task<void> { co_await ctx.mmio_write(registers + 0x20, 4, 0x5); });
    const Words all = b.range(100);
    CHECK(std::count_if(all.begin(), all.end(), [](auto& c) { return c != "SYNC"; }) == 100);
}

TEST_CASE("a unit without two-level tables gets linear ones: entries at 64 bytes a stream, and at most 1024 contexts", "[os]") {
    iommu::smmuv3::Smmuv3Config plain; // 1.3, 1.4
    plain.two_level_streams = false;
    plain.two_level_contexts = false;
    Bench b(KernelVersion::V6_12, {}, plain);
    CHECK(b.kernel->boot_error().empty());
    CHECK(b.reg(0x88) == 0x10); // linear, 2^16 streams
    const Spa ste = Spa{b.reg(0x80, 8) & 0xf'ffff'ffff'ffc0} + 64 * 0x108;
    CHECK((b.peek(ste) >> 4 & 3) == 0);   // S1Fmt: linear
    CHECK(b.peek(ste) >> 59 == 10);       // S1CDMax
    CHECK(b.driver->max_pasids(StreamId{0x108}) == 1024);
    const std::string app = "app", dev = "dev";
    b.kernel->spawn(app, {4});
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    const Spa cd = Spa{b.peek(ste) & 0xf'ffff'ffff'ffc0} + 64 * 1;
    CHECK((b.peek(cd) >> 31 & 1) == 1);   // V
    std::optional<iommu::Ending> answer;
    auto ask = [&]() -> Task<void> {
        const iommu::TranslationRequest r{1, DeviceId{0}, StreamId{0x108}, true, Pasid{1}, iova_of(b.kernel->heap(app)->start), 8,
                                          iommu::Access::Read};
        const iommu::Translation given = co_await b.unit->translation().translate(r);
        answer = given.ending;
    };
    b.call(ask());
    CHECK(answer == iommu::Ending::Grant);
}

TEST_CASE("few streams make the stream table linear; a stream outside it is refused by name", "[os]") {
    iommu::smmuv3::Smmuv3Config few;
    few.sid_bits = 7;
    Bench b(KernelVersion::V6_12, {}, few);
    CHECK(b.reg(0x88) == 0x7);
    CHECK(b.kernel->boot_error().find("stream 264") != std::string::npos);
    const std::string app = "app", dev = "dev";
    b.kernel->spawn(app, {4});
    CHECK_FALSE(b.call(b.kernel->bind(app, dev)));
}

TEST_CASE("a first level that is capped at 2^17 entries covers 25 bits of streams", "[os]") {
    iommu::smmuv3::Smmuv3Config many;
    many.sid_bits = 32;
    Bench b(KernelVersion::V6_12, {}, many);
    CHECK(b.kernel->boot_error().empty());
    CHECK(b.reg(0x88) == 0x1'0219);
    CHECK(b.call(b.kernel->bind((b.kernel->spawn("app", {4}), "app"), "dev")));
}

TEST_CASE("units that the driver cannot serve are refused at boot, and nobody can bind", "[os]") {
    iommu::smmuv3::Smmuv3Config one, wide;
    one.cmdq_log2 = 0;
    wide.two_level_streams = false;
    wide.sid_bits = 20;
    const auto config = GENERATE_COPY(one, wide);
    Bench b(KernelVersion::V6_12, {}, config);
    CHECK_FALSE(b.kernel->boot_error().empty());
    b.kernel->spawn("app", {4});
    CHECK_FALSE(b.call(b.kernel->bind("app", "dev")));
}

TEST_CASE("a device with an ATC gets EATS, and CMD_ATC_INV behind the TLBI of its release and of ranges", "[os]") {
    Bench b(KernelVersion::V6_12, {}, {}, with_atc());
    CHECK((b.peek(b.ste() + 8) >> 28 & 3) == 1); // STE bits 93:92, 1.3
    const std::string app = "app", dev = "dev";
    b.kernel->spawn(app, {16});
    b.spy->commands.clear();
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    const std::string cd = "CFGI_CD sid 108 ssid 1 leaf", tlbi = "TLBI_NH_ASID asid 1", all = "ATC_INV sid 108 ssid 1 all";
    CHECK(Words(b.spy->commands.end() - 2, b.spy->commands.end()) == Words{all, "SYNC"});
    b.spy->commands.clear();
    REQUIRE(b.call(b.kernel->munmap(app, 3, 2)));
    const u64 first = b.kernel->heap(app)->start.page_number() + 3, last = first + 1;
    unsigned log2size = 1; // the smallest aligned power of two that holds both
    while (first >> log2size != last >> log2size) ++log2size;
    std::ostringstream range;
    range << "ATC_INV sid 108 ssid 1 size " << log2size << " at " << std::hex << (first >> log2size << log2size << 12);
    REQUIRE(b.spy->commands.size() == 5);
    CHECK(Words(b.spy->commands.begin() + 2, b.spy->commands.end()) == Words{"SYNC", range.str(), "SYNC"});
    b.spy->commands.clear();
    b.call(b.kernel->kill(app));
    CHECK(b.spy->commands == Words{cd, "SYNC", cd, "SYNC", tlbi, "SYNC", all, "SYNC", cd, "SYNC", cd, "SYNC", all, "SYNC", tlbi, "SYNC"});
}

TEST_CASE("with R6 no CMD_ATC_INV is issued, and the bond is not blocked by its release", "[os]") {
    Bench b(KernelVersion::V6_12, {"R6"}, {}, with_atc());
    unsigned blocks = 0;
    auto seen = b.events.subscribe<FenceObserved>([&](Time, const FenceObserved& e) { blocks += e.blocks ? 1 : 0; });
    b.kernel->spawn("app", {4});
    REQUIRE(b.call(b.kernel->bind("app", "dev")));
    b.call(b.kernel->kill("app"));
    CHECK(std::count_if(b.spy->commands.begin(), b.spy->commands.end(), [](auto& c) { return c.rfind("ATC", 0) == 0; }) == 0);
    CHECK(blocks == 0);
}

TEST_CASE("a unit without ATS gets neither ATSCHK nor EATS nor CMD_ATC_INV, whatever the device can", "[os]") {
    iommu::smmuv3::Smmuv3Config plain;
    plain.ats = false;
    Bench b(KernelVersion::V6_12, {}, plain, with_atc());
    CHECK(b.reg(0x24) == 0xd);
    CHECK((b.peek(b.ste() + 8) >> 28 & 3) == 0);
    b.kernel->spawn("app", {4});
    REQUIRE(b.call(b.kernel->bind("app", "dev")));
    b.call(b.kernel->kill("app"));
    CHECK(std::count_if(b.spy->commands.begin(), b.spy->commands.end(), [](auto& c) { return c.rfind("ATC", 0) == 0; }) == 0);
    CHECK(b.kernel->at_rest());
}
