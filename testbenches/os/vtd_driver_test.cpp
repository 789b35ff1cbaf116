// SPDX-License-Identifier: Apache-2.0
/// What the VT-d driver writes: registers, tables and descriptors. Bytes are typed from facts/iommu-specs.md section 2,
/// the order of a tear-down from facts/linux-sva.md section 6.
#include "os/late_blocking.h"
#include "os/vtd_bench.h"

namespace quiesce::os::test::vtd {

namespace {
using Settings = VtdBench::Settings;
const std::string app = "app", dev = "dev";
const std::string pc = "pc did 1 pasid 1", piotlb = "piotlb did 1 pasid 1 all", devtlb = "pdevtlb sid 108 pasid 1 all",
                  wait = "wait sw";
/// P, AW=57 bits, PGTT=first stage; DID=1, PWSNP.
constexpr u64 live_word0 = 0x1 | 3u << 2 | 1u << 6, live_word1 = 1 | u64{1} << 23;

/// The PASID entry's word 0 when the unit fetches each descriptor that is no wait.
struct Entries {
    explicit Entries(VtdBench& b) {
        at = b.entry(1);
        b.unit.on_fetch = [&b, this](const Raw& d) {
            if ((d[0] & 15) != 5) word0.push_back(b.peek(at));
        };
    }
    Spa at{0};
    std::vector<u64> word0;
};
} // namespace

TEST_CASE("VT-d init: queue, root in scalable mode, page requests, fault event, and then translation", "[os][vtd]") {
    VtdBench b;
    CHECK(b.kernel->boot_error().empty());
    std::vector<u64> commands, order;
    for (const auto& [offset, value] : b.boot_writes) {
        if (offset == 0x18) commands.push_back(value);
        if (offset == 0x90 || offset == 0x20 || offset == 0xd0 || offset == 0x38 || offset == 0x18)
            order.push_back(offset);
    }
    // QIE; SRTP with QIE; TE with QIE
    CHECK(commands == std::vector<u64>{0x0400'0000, 0x4400'0000, 0x8400'0000});
    CHECK(order == std::vector<u64>{0x90, 0x18, 0x20, 0x18, 0xd0, 0x38, 0x18});
    CHECK((b.unit.values[0x90] & 0xfff) == 0x801); // IQA: DW, QS=1: 256 descriptors of 32 bytes
    CHECK((b.unit.values[0x20] & 0xfff) == 0x400); // RTADDR: TTM=01
    CHECK((b.unit.values[0xd0] & 0xfff) == 4);     // PQA: 16 pages
    CHECK(b.unit.values[0x40] == 0xfee0'0000);     // FEADDR
    CHECK(b.unit.values[0xe8] == 0xfee0'0000);     // PEADDR
    CHECK(b.unit.values[0x3c] != b.unit.values[0xe4]);
    CHECK(b.unit.values[0x38] == 0); // FECTL and PECTL: not masked
    CHECK(b.unit.values[0xe0] == 0);
    CHECK(b.boot_names.empty()); // ESRTPS: setting the root has invalidated everything
}

TEST_CASE("VT-d init: a unit that keeps its caches when the root is set has them emptied, contexts, PASIDs, IOTLB",
          "[os][vtd]") {
    Settings s;
    s.cap_clear = u64{1} << 63;              // ESRTPS
    s.cap_set = u64{1} << 54 | u64{1} << 55; // DWD, DRD
    VtdBench b(s);
    CHECK(b.boot_names ==
          Words{"cc global did 0 sid 0", wait, "pc did 0 pasid 0 global", wait, "iotlb global did 0", wait});
    CHECK((b.unit.at(4)[0] >> 6 & 3) == 3); // DW and DR
}

TEST_CASE("VT-d init: a unit that cannot share address spaces is refused by what it lacks", "[os][vtd]") {
    struct Row {
        unsigned bit;
        const char* what;
    };
    const Row row = GENERATE(Row{1, "QI"}, Row{43, "SMTS"}, Row{40, "PASID"}, Row{47, "FSTS"}, Row{48, "SMPWCS"});
    Settings s;
    s.ecap_clear = u64{1} << row.bit;
    VtdBench b(s);
    CHECK(b.kernel->boot_error().find(std::string{"ECAP."} + row.what) != std::string::npos);
    CHECK_FALSE(b.call(b.kernel->bind(app, dev)));
}

TEST_CASE("VT-d: a device's context entry has a directory for its PASIDs, P comes last, and nothing is invalidated",
          "[os][vtd]") {
    VtdBench b;
    const std::array<u64, 8> e = b.eight(b.context());
    // directory | PDTS=7 (2^14 entries) | PRE PASIDE DTE P; RID_PASID=0
    CHECK((e[0] & 0xfff) == (7u << 9 | 0x1d));
    CHECK((e[0] & ~u64{0xfff}) % (u64{8} << 14) == 0);
    CHECK((e[1] == 0 && e[2] == 0 && e[3] == 0));
    CHECK(b.boot_names.empty());
    CHECK(b.driver->max_pasids(StreamId{0x108}) == 1u << 20);
    CHECK(b.driver->max_asids() == 0);
}

TEST_CASE("VT-d: without ATS neither DTE nor PRE is set; the kernel's own DMA passes through at RID_PASID",
          "[os][vtd]") {
    Settings s;
    s.function = without_atc();
    s.kernel_memory = GENERATE(false, true);
    VtdBench b(s);
    CHECK((b.peek(b.context()) & 0x1ff) == 0x9); // PASIDE, P
    const u64 directory = b.peek(b.context()) & ~u64{0xfff};
    if (!s.kernel_memory) {
        CHECK(b.peek(Spa{directory}) == 0); // PASID 0 leads nowhere
        return;
    }
    const std::array<u64, 8> own = b.eight(b.entry(0));
    CHECK(own == std::array<u64, 8>{0x1 | 3u << 2 | 4u << 6, live_word1, 0, 0, 0, 0, 0, 0}); // PGTT=pass-through
}

TEST_CASE(
    "VT-d bind: the PASID entry walks the process's own table, and nothing is invalidated; with caching mode it is",
    "[os][vtd]") {
    const bool caching = GENERATE(false, true);
    Settings s;
    s.cap_set = caching ? u64{1} << 7 : 0;
    VtdBench b(s);
    if (caching) CHECK(b.boot_names == Words{"cc device did 0 sid 108", wait, "iotlb domain did 0", wait});
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    const std::array<u64, 8> e = b.eight(b.entry(1));
    CHECK(e[0] == live_word0);
    CHECK(e[1] == live_word1);
    CHECK((e[2] != 0 && (e[2] & 0xfff) == 0)); // FSPTPTR; SRE, FSPM, WPE, EAFE clear
    CHECK((e[3] | e[4] | e[5] | e[6] | e[7]) == 0);
    CHECK(b.take() == (caching ? Words{pc, wait, piotlb, wait} : Words{}));
    // the table is the process's: its heap's first page is found by hand (5.2)
    const Va heap = b.kernel->heap(app)->start;
    Spa table{e[2]};
    for (unsigned shift = 39; shift > 12; shift -= 9)
        table = Spa{b.peek(table + 8 * (heap.value() >> shift & 511)) & 0xf'ffff'ffff'f000};
    CHECK((b.peek(table + 8 * (heap.value() >> 12 & 511)) & 0x67) == 0x67);
}

TEST_CASE("VT-d: a guest's PASID entries are behind a second stage that maps all memory to itself", "[os][vtd]") {
    using enum drivers::SecondStagePages;
    const auto pages = GENERATE(Small, Mega, Giga);
    Settings s;
    s.driver.nested = true;
    s.driver.nested_pages = pages;
    s.kernel_memory = true;
    s.cap_set = u64{3} << 34;                 // SSLPS
    s.ecap_set = u64{1} << 26 | u64{1} << 46; // NEST, SSTS
    VtdBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    const std::array<u64, 8> e = b.eight(b.entry(1)), own = b.eight(b.entry(0));
    CHECK((e[0] & 0xfff) == (0x1 | 3u << 2 | 3u << 6)); // P, AW=57 bits, both stages
    CHECK(e[1] == live_word1);
    CHECK((own[0] & 0xfff) == (0x1 | 3u << 2 | 2u << 6)); // the kernel's own DMA: second stage
    CHECK(own[0] >> 12 == e[0] >> 12);
    const u64 at = 0x8020'3000;
    u64 word = e[0] & ~u64{0xfff};
    for (unsigned shift = 48; shift >= 30; shift -= 9)
        word = b.peek(Spa{(word & ~u64{0xfff}) + 8 * (at >> shift & 511)});
    if (pages == Giga) {
        CHECK(word == 0x8000'0083); // PS, W, R
    } else {
        word = b.peek(Spa{(word & ~u64{0xfff}) + 8 * (at >> 21 & 511)});
        if (pages == Mega) CHECK(word == 0x8020'0083);
        else CHECK(b.peek(Spa{(word & ~u64{0xfff}) + 8 * (at >> 12 & 511)}) == (at | 3));
    }
}

TEST_CASE("VT-d: the tear-down of an entry with a second stage invalidates its domain, a range still its PASID",
          "[os][vtd]") {
    Settings s;
    s.driver.nested = true;
    s.driver.pri = false;
    s.cap_set = u64{3} << 34;
    s.ecap_set = u64{1} << 26 | u64{1} << 46;
    VtdBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.call(b.kernel->munmap(app, 0, 64));
    const Words range = b.take();
    REQUIRE(!range.empty());
    CHECK(range.front() == piotlb);
    b.call(b.kernel->kill(app));
    CHECK(b.take() == Words{pc, wait, "iotlb domain did 1", wait, devtlb, wait});
}

TEST_CASE("VT-d: from 5.8 to 6.1 a tear-down under caching mode leaves the device-TLB to the host", "[os][vtd]") {
    const auto version = GENERATE(KernelVersion::V2018, KernelVersion::V5_8, KernelVersion::V6_1, KernelVersion::V6_12);
    Settings s;
    s.version = version;
    s.driver.pri = false;
    s.cap_set = u64{1} << 7; // CM
    VtdBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.take();
    b.call(b.kernel->kill(app));
    const Words told = b.take();
    const bool asked = std::find(told.begin(), told.end(), devtlb) != told.end();
    CHECK(asked == (version == KernelVersion::V2018 || version == KernelVersion::V6_12));
}

TEST_CASE("VT-d: a unit without both stages, or without pages of the size asked for, is refused to a guest",
          "[os][vtd]") {
    Settings s;
    s.driver.nested = true;
    s.driver.nested_pages = drivers::SecondStagePages::Giga;
    s.cap_set = u64{1} << 34; // 2 MiB alone
    s.ecap_set = u64{1} << 26 | u64{1} << 46;
    const auto [missing, word] = GENERATE(table<u64, const char*>(
        {{u64{1} << 26, "ECAP.NEST"}, {u64{1} << 46, "ECAP.SSTS"}, {0, "CAP.SSLPS"}}));
    s.ecap_clear = missing;
    VtdBench b(s);
    CHECK(b.kernel->boot_error().find(word) != std::string::npos);
}

TEST_CASE("VT-d kill: 5.8 to 6.1 set FPD with P=0 before the invalidations, 6.12 clears P and sets FPD behind them",
          "[os][vtd]") {
    const auto version = GENERATE(KernelVersion::V2018, KernelVersion::V5_8, KernelVersion::V5_11, KernelVersion::V5_18,
                                  KernelVersion::V6_1, KernelVersion::V6_12);
    const bool atc = GENERATE(true, false);
    Settings s;
    s.version = version;
    s.driver.pri = false;
    if (!atc) s.function = without_atc();
    VtdBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    const Entries seen(b);
    std::vector<u64> at_stop;
    b.device.on_stop = [&] { at_stop.push_back(b.peek(seen.at)); };
    b.call(b.kernel->kill(app));
    Words once{pc, wait, piotlb, wait};
    if (atc) once.insert(once.end(), {devtlb, wait});
    Words expected = once;
    const bool twice = version <= KernelVersion::V5_11; // 6.1, 6.2: the unbind does it again
    if (twice) expected.insert(expected.end(), once.begin(), once.end());
    CHECK(b.take() == expected);
    const bool late = version == KernelVersion::V6_12, loud = version == KernelVersion::V2018;
    const u64 during = late ? live_word0 & ~u64{1} : loud ? 0 : 2; // P alone; nothing at all; FPD
    const std::size_t all = seen.word0.size(), first = twice ? all / 2 : all;
    std::vector<u64> words(first, during);
    words.resize(all, 0);
    CHECK(seen.word0 == words);
    CHECK(at_stop == std::vector<u64>{loud ? 0u : 2u}); // what the device finds until its driver has stopped it
    // 6.12 and those up to 5.11 forget FPD in the unbind; between, it stayed until the next bind of that PASID
    const u64 last = late || twice ? 0 : 2;
    CHECK(b.eight(seen.at) == std::array<u64, 8>{last, 0, 0, 0, 0, 0, 0, 0});
    CHECK(b.kernel->at_rest());
}

TEST_CASE(
    "VT-d unbind of a live process: the entry is cleared, PASID cache, IOTLB and device-TLB behind it, in this order",
    "[os][vtd]") {
    const auto version = GENERATE(KernelVersion::V2018, KernelVersion::V5_8, KernelVersion::V6_1, KernelVersion::V6_12);
    Settings s;
    s.version = version;
    s.driver.pri = false;
    VtdBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    const Entries seen(b);
    REQUIRE(b.call(b.kernel->unbind(app, dev)));
    CHECK(b.take() == Words{pc, wait, piotlb, wait, devtlb, wait});
    const u64 during = version == KernelVersion::V6_12 ? live_word0 & ~u64{1} : 0;
    CHECK(seen.word0 == std::vector<u64>(3, during));
    CHECK(b.eight(seen.at) == std::array<u64, 8>{});
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    CHECK(b.peek(seen.at) == live_word0);
}

TEST_CASE("VT-d: the bytes of a tear-down's descriptors", "[os][vtd]") {
    VtdBench b;
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.unit.fetched.clear();
    b.call(b.kernel->kill(app));
    std::vector<Raw> got;
    for (const Raw& d : b.unit.fetched)
        if ((d[0] & 15) != 5) got.push_back(d);
    // pc: PASID 1, DID 1, G=01; p_iotlb: G=10; p_dev_tlb: PFSID=SID=108h (DIT), all addresses with S
    REQUIRE(got.size() >= 3);
    CHECK(got[0] == Raw{0x0000'0001'0001'0017, 0, 0, 0});
    CHECK(got[1] == Raw{0x0000'0001'0001'0026, 0, 0, 0});
    CHECK(got[2] == Raw{0x0100'0001'0108'8008, 0x7fff'ffff'ffff'f800, 0, 0});
}

TEST_CASE("VT-d: a range is the smallest aligned block on 6.12, one or two of its rounded size before", "[os][vtd]") {
    const bool late = GENERATE(true, false);
    Settings s;
    s.version = late ? KernelVersion::V6_12 : KernelVersion::V6_1;
    VtdBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    const auto range = [&](u64 page, u64 pages) {
        b.in_kernel([&](KernelContext& ctx) -> Task<void> {
            const bool seen = co_await b.driver->invalidate_range(ctx, {Asid{}, Pasid{1}}, Va{page << 12}, pages << 12);
            CHECK(seen);
        });
        Words all = b.take();
        std::erase(all, wait);
        return all;
    };
    const std::string at = "piotlb did 1 pasid 1 order ";
    CHECK(range(0x100, 1) == Words{at + "0 at 100000"});
    CHECK(range(0x100, 4) == Words{at + "2 at 100000"});
    CHECK(range(0x100, 3) == Words{at + "2 at 100000"});
    if (late) {
        CHECK(range(0x101, 2) == Words{at + "2 at 100000"});
        CHECK(range(0x107, 2) == Words{at + "4 at 100000"});
        CHECK(range(0x100, 33) == Words{at + "6 at 100000"});
        CHECK(range(0x100, 34) == Words{piotlb}); // the CPUs flush all
    } else {
        CHECK(range(0x101, 2) == Words{at + "1 at 100000", at + "1 at 102000"});
        CHECK(range(0x107, 2) == Words{at + "1 at 106000", at + "1 at 108000"});
        CHECK(range(0x100, 100) == Words{at + "7 at 100000"});
        CHECK(range(0x101, 128) == Words{at + "7 at 100000", at + "7 at 180000"});
    }
}

TEST_CASE("VT-d munmap: IOTLB, then the device-TLB, of the same block; of a large range on 6.12 it is every PASID's",
          "[os][vtd]") {
    const bool late = GENERATE(true, false);
    Settings s;
    s.version = late ? KernelVersion::V6_12 : KernelVersion::V6_1;
    VtdBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    const u64 first = b.kernel->heap(app)->start.page_number();
    const u64 page = (first + 3) / 4 * 4; // of the heap, aligned to four
    b.unit.fetched.clear();
    REQUIRE(b.call(b.kernel->munmap(app, page - first, 4)));
    const std::string block = " order 2 at " + hex(page << 12);
    CHECK(b.take() == Words{"piotlb did 1 pasid 1" + block, wait, "pdevtlb sid 108 pasid 1" + block, wait});
    REQUIRE(b.call(b.kernel->munmap(app, page - first + 4, 1)));
    const std::string one = " at " + hex((page + 4) << 12);
    CHECK(b.take() == Words{"piotlb did 1 pasid 1 order 0" + one, wait, "pdevtlb sid 108 pasid 1" + one, wait});
    REQUIRE(b.call(b.kernel->munmap(app, page - first + 8, 40)));
    Words large = b.take();
    if (late)
        CHECK(large == Words{piotlb, wait, "devtlb sid 108 every pasid all", wait});
    else
        CHECK((large.size() % 4 == 0 && large[0].starts_with("piotlb did 1 pasid 1 order 6 at ")));
}

TEST_CASE("VT-d: with R6, forget-tlbi and R8 the bond is blocked only by its unbind, if at all, after its pages went",
          "[os][vtd]") {
    check_late_blocking<VtdBench>(piotlb, devtlb);
}

TEST_CASE("VT-d: a device-TLB that does not answer is asked again for ever; one whose device is gone is given up",
          "[os][vtd]") {
    Settings s;
    s.driver.pri = false;
    s.version = GENERATE(KernelVersion::V6_1, KernelVersion::V6_12);
    VtdBench b(s);
    REQUIRE(b.call(b.kernel->bind(app, dev)));
    b.unit.fetched.clear();
    b.unit.time_outs = 2;
    unsigned late = 0;
    auto token = b.events.subscribe<FenceTimedOut>([&](Time, const FenceTimedOut&) { ++late; });
    b.call(b.kernel->kill(app));
    CHECK(b.driver->queue().resubmissions() == 2);
    CHECK(b.take() == Words{pc, wait, piotlb, wait, devtlb, wait});
    CHECK(late == 0);
}

} // namespace quiesce::os::test::vtd
