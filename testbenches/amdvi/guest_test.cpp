// SPDX-License-Identifier: Apache-2.0
/// GCR3 tables, guests' page tables (v2), and guests' above hosts'.
#include "amdvi/bench.h"

namespace quiesce::iommu::amdvi::test {

namespace {

struct GuestBench : Bench {
    explicit GuestBench(const AmdviConfig& c = {}) : Bench(c) { start(); }
    Event refused(Iova at, const Dma& d = pasid5) {
        CHECK(dma(at, d).ending == Ending::Abort);
        return only_event();
    }
    void again() { submit(forget_entry(), forget_domain(), forget_pasid(5), wait(1)); }
    /// The host maps what guests' tables and pages use to itself, by 2 MiB pages.
    Spa map_all_host() {
        const Spa host = new_table();
        for (u64 at = 0x1500'0000; at < 0x1600'0000; at += 0x20'0000) map_host(host, at, page(Spa{at}), 2);
        return host;
    }
};
constexpr Iova low{0x0000'7fff'ffff'f000}, high{0xffff'8000'0000'0000};

} // namespace

TEST_CASE("a PASID is translated by the table that its GCR3 entry says, in four levels or five",
          "[amdvi][guest][DTE.GV][DTE.GCR3TableRoot][DTE.GuestPagingMode][GCR3 entry.V][GCR3 entry.Base][guest entry.P]"
          "[guest entry.Address][Control.GTEn][EFR.GTSup][EFR.GATS]") {
    GuestBench b;
    const unsigned levels = GENERATE(4u, 5u);
    b.store_entry(Bench::guest().set(Dte::GuestPagingMode, levels == 5 ? GuestPaging::Levels5 : GuestPaging::Levels4));
    const Spa table = b.new_table();
    b.store_gcr3(5, table);
    const Iova far{u64{1} << 55};
    for (const Iova at : {low, high, far}) b.map_guest(table, at, Bench::guest_page(there), 1, levels);
    CHECK(b.dma(low + 8, Bench::pasid5).to == there + 8);
    if (levels == 4) CHECK(b.dma(high, Bench::pasid5).to == there);
    CHECK((b.dma(far, Bench::pasid5).ending == Ending::Grant) == (levels == 5));
    if (levels == 5) return;
    const Event e = b.only_event(); // not canonical
    CHECK((e.get(Event::GN) && !e.get(Event::PR) && e.get(Event::US)));
    CHECK(e.get(Event::DomainOrPasid) == 5);
    CHECK(e.get(Event::Address) == far.value());
}

TEST_CASE("GCR3 tables have one to three levels of nine bits each",
          "[amdvi][guest][DTE.GLX][EFR.GLXSup][EFR.PASMax][GCR3 entry.Base]") {
    AmdviConfig c;
    c.gcr3_levels.set(3);
    c.pasid_bits.set(20);
    GuestBench b{c};
    const u32 pasid = 0x9'a5c3;
    const unsigned levels = GENERATE(1u, 2u, 3u);
    CAPTURE(levels);
    b.store_entry(Bench::guest(Bench::gcr3_table, static_cast<u8>(levels - 1)));
    const Spa table = b.new_table();
    b.map_guest(table, here, Bench::guest_page(there));
    Spa at = Bench::gcr3_table;
    const u32 reached = pasid & ((u32{1} << 9 * levels) - 1);
    for (unsigned level = levels; level-- != 0;) {
        const Spa next = level == 0 ? table : b.new_table();
        b.store(at + (reached >> 9 * level & 511) * u64{8}, Bench::leads_to(next));
        at = next;
    }
    CHECK(b.dma(here, {Bench::stream, reached}).to == there);
    const Event none = b.refused(here, {Bench::stream, reached ^ 1});
    CHECK((none.get(Event::GN) && !none.get(Event::PR)));
    if (levels == 3) {
        CHECK(none.get(Event::PasidHi) == 0x9);
        CHECK(none.get(Event::DomainOrPasid) == 0xa5c2);
        return;
    }
    b.refused(here, {Bench::stream, reached | u32{1} << 9 * levels}); // more than the table has
}

TEST_CASE("what makes a PASID untranslatable is a page fault that says which", "[amdvi][guest][IO_PAGE_FAULT][EFR.PASMax]") {
    GuestBench b;
    const Spa leaf = b.simple(here, there);
    const Spa entry = Bench::gcr3_table + 5 * u64{8};
    const Gcr3Entry was = b.load<Gcr3Entry>(entry);
    b.store(entry, Gcr3Entry{});
    Event e = b.refused(here);
    CHECK((!e.get(Event::PR) && !e.get(Event::RZ) && e.get(Event::GN)));
    b.store(entry, Gcr3Entry::from_words({was.word(0) | 0x100}));
    e = b.refused(here);
    CHECK((e.get(Event::PR) && e.get(Event::RZ)));
    b.store(entry, was);
    b.store_entry(Bench::valid());
    b.again();
    e = b.refused(here); // GV=0
    CHECK((e.get(Event::GN) && !e.get(Event::PR)));
    b.store_entry(Bench::guest(Spa{0x3000}));
    b.again();
    CHECK(b.refused(here).get(Event::Code) == EventCode::PageTabHardwareError);
    b.store_entry(Bench::guest());
    b.again();
    CHECK(b.dma(here, Bench::pasid5).to == there);
    b.store(leaf, GuestEntry{});
    b.again();
    CHECK_FALSE(b.refused(here).get(Event::PR));
    b.control(Control::GTEn, false);
    b.again();
    CHECK_FALSE(b.refused(here).get(Event::PR));
}

TEST_CASE("requests without PASID are the host's, or with GIoV PASID 0's", "[amdvi][guest][DTE.GIoV][EFR.GIoSup]") {
    GuestBench b;
    const Spa host = b.new_table(), table = b.new_table();
    b.map_host(host, here.value(), Bench::page(elsewhere));
    b.map_guest(table, here, Bench::guest_page(there));
    b.store_gcr3(0, table);
    b.store_entry(Bench::guest().set(Dte::Mode, 4).set(Dte::HostPTRoot, host));
    CHECK(b.dma(here).to == elsewhere);
    b.store_entry(Bench::guest().set(Dte::GIoV, true));
    b.again();
    CHECK(b.dma(here).to == there);
    CHECK(b.dma(here, {Bench::stream, 0}).to == there);
    const Event e = b.refused(here + page_size, {});
    CHECK((e.get(Event::GN) && e.get(Event::DomainOrPasid) == 0));
    b.store_gcr3(0, b.new_table());
    b.submit(Bench::forget_pasid(0), Bench::wait(2)); // the context of requests without PASID goes with that of PASID 0
    b.refused(here, {});
}

TEST_CASE("guests' pages are of 4 KiB, 2 MiB and 1 GiB", "[amdvi][guest][guest entry.PS]") {
    GuestBench b;
    b.store_entry(Bench::guest());
    const Spa table = b.new_table();
    b.store_gcr3(5, table);
    b.map_guest(table, Iova{0x4000'0000}, Bench::guest_page(Spa{0x8000'0000}).set(GuestEntry::PS, true), 3);
    b.map_guest(table, Iova{0x20'0000}, Bench::guest_page(Spa{0x2060'0000}).set(GuestEntry::PS, true), 2);
    CHECK(b.dma(Iova{0x4123'4560}, Bench::pasid5).to == Spa{0x8123'4560});
    CHECK(b.dma(Iova{0x3f'fff8}, Bench::pasid5).to == Spa{0x207f'fff8});
    const Spa upper = Bench::slot(table, 0x5000, 4);
    b.store(upper, b.load<GuestEntry>(upper).set(GuestEntry::PS, true));
    b.again();
    const Event e = b.refused(Iova{0x5000});
    CHECK((e.get(Event::PR) && e.get(Event::RZ)));
}

TEST_CASE("A is set on the way and D by writes, whether somebody asks for it or not",
          "[amdvi][guest][guest entry.A][guest entry.D]") {
    GuestBench b;
    const Spa leaf = b.simple(here, there);
    CHECK(b.dma(here, Bench::pasid5).to == there);
    CHECK((b.load<GuestEntry>(leaf).get(GuestEntry::A) && !b.load<GuestEntry>(leaf).get(GuestEntry::D)));
    CHECK(b.dma(here, Bench::with(Bench::pasid5, iommu::Access::Write)).to == there);
    CHECK(b.load<GuestEntry>(leaf).get(GuestEntry::D));
}

TEST_CASE("guests' permissions: writes, users, execution",
          "[amdvi][guest][guest entry.R/W][guest entry.U/S][guest entry.NX][EFR.NXSup][EFR.USSup]") {
    AmdviConfig c;
    const bool supervisors = GENERATE(true, false);
    c.user_supervisor.set(supervisors);
    GuestBench b{c};
    const Spa leaf = b.simple(here, there);
    const auto is = [&](const GuestEntry& e) {
        b.store(leaf, e);
        b.again();
    };
    is(Bench::guest_page(there).set(GuestEntry::RW, false));
    Event e = b.refused(here, Bench::with(Bench::pasid5, iommu::Access::Write));
    CHECK((e.get(Event::PR) && e.get(Event::PE) && e.get(Event::RW) && e.get(Event::US) && !e.get(Event::NX)));
    is(Bench::guest_page(there).set(GuestEntry::US, false));
    CHECK((b.dma(here, Bench::pasid5).ending == Ending::Grant) != supervisors);
    if (supervisors) CHECK(b.only_event().get(Event::PE));
    Dma privileged = Bench::pasid5;
    privileged.privileged = true;
    CHECK(b.dma(here, privileged).to == there);
    is(Bench::guest_page(there).set(GuestEntry::NX, true));
    Dma fetch = Bench::pasid5;
    fetch.instruction = true;
    e = b.refused(here, fetch);
    CHECK((e.get(Event::PE) && e.get(Event::NX)));
    CHECK(b.dma(here, Bench::pasid5).to == there);
}

TEST_CASE("where nothing is known of execution NX is a reserved bit", "[amdvi][guest][EFR.NXSup]") {
    AmdviConfig plain;
    plain.no_execute.set(false);
    GuestBench without{plain};
    const Spa other = without.simple(here, there);
    without.store(other, Bench::guest_page(there).set(GuestEntry::NX, true));
    CHECK(without.refused(here).get(Event::RZ));
}

TEST_CASE("what the device table entry forbids no guest allows", "[amdvi][guest][DTE.IR][DTE.IW]") {
    GuestBench b;
    b.simple(here, there, Bench::guest().set(Dte::IW, false));
    CHECK(b.dma(here, Bench::pasid5).to == there);
    CHECK(b.refused(here, Bench::with(Bench::pasid5, iommu::Access::Write)).get(Event::PE));
}

TEST_CASE("above a host's table a guest's tables and pages are at guest addresses, and its GCR3 table is not",
          "[amdvi][guest][DTE.Mode][DTE.GV]") {
    GuestBench b;
    const Spa host = b.map_all_host();
    b.map_host(host, 0x7000'0000, Bench::page(there));
    const Spa leaf = b.simple(here, Spa{0x7000'0000}, Bench::guest().set(Dte::Mode, 4).set(Dte::HostPTRoot, host));
    CHECK(b.dma(here + 0x10, Bench::pasid5).to == there + 0x10);
    b.store(leaf, Bench::guest_page(Spa{0x7000'1000})); // the host has no such page
    b.again();
    Event e = b.refused(here);
    CHECK((e.get(Event::GN) && !e.get(Event::PR)));
    CHECK(e.get(Event::Address) == here.value()); // the guest's address, not where the host failed
    b.map_host(host, 0x7000'1000, Bench::page(elsewhere).set(HostEntry::IW, false));
    b.again();
    CHECK(b.dma(here, Bench::pasid5).to == elsewhere);
    e = b.refused(here, Bench::with(Bench::pasid5, iommu::Access::Write));
    CHECK((e.get(Event::PR) && e.get(Event::PE)));
    b.store_gcr3(5, Spa{0x6000'0000}); // a table that the host does not map
    b.again();
    e = b.refused(here);
    CHECK((e.get(Event::GN) && !e.get(Event::PR)));
}

} // namespace quiesce::iommu::amdvi::test
