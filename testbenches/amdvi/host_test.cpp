// SPDX-License-Identifier: Apache-2.0
/// Device table entries and hosts' page tables (v1).
#include "amdvi/bench.h"

namespace quiesce::iommu::amdvi::test {

namespace {

struct HostBench : Bench {
    Spa table = new_table();
    explicit HostBench(const AmdviConfig& c = {}) : Bench(c) { start(); }
    Translation write_to(u64 at) { return dma(Iova{at}, with(Dma{}, iommu::Access::Write)); }
    Event refused(u64 at, const Dma& d = {}) {
        CHECK(dma(Iova{at}, d).ending == Ending::Abort);
        return only_event();
    }
    void change(const Dte& e) {
        store_entry(e);
        submit(forget_entry(), forget_domain(), wait(1));
    }
};

} // namespace

TEST_CASE("an entry that is not valid forwards, whatever else it says; one without tables blocks or passes by IR and IW",
          "[amdvi][host][DTE.V][DTE.TV][DTE.Mode][DTE.IR][DTE.IW]") {
    HostBench b;
    b.store_entry(Dte::from_words({~u64{1}, ~u64{0}, 0, 0}));
    CHECK(b.dma(Iova{0x5000}).to == Spa{0x5000});
    CHECK(b.write_to(0x5000).to == Spa{0x5000});
    b.change(Bench::valid().set(Dte::TV, false));
    Event e = b.refused(0x5000);
    CHECK(e.get(Event::Code) == EventCode::IoPageFault);
    CHECK_FALSE((e.get(Event::PR) || e.get(Event::PE)));
    b.change(Bench::valid()); // Mode 0
    CHECK(b.dma(Iova{0x5000}).to == Spa{0x5000});
    CHECK(b.write_to(0x5000).to == Spa{0x5000});
    b.change(Bench::valid().set(Dte::IW, false));
    CHECK(b.dma(Iova{0x5000}).to == Spa{0x5000});
    e = b.refused(0x5000, Bench::with(Dma{}, iommu::Access::Write));
    CHECK((e.get(Event::PR) && e.get(Event::PE) && e.get(Event::RW)));
    CHECK(e.get(Event::DomainOrPasid) == raw(Bench::domain));
    b.change(Bench::valid().set(Dte::IR, false));
    CHECK(b.write_to(0x5000).to == Spa{0x5000});
    CHECK_FALSE(b.refused(0x5000).get(Event::RW));
    b.change(Bench::valid().set(Dte::IR, false).set(Dte::IW, false)); // as Linux blocks
    b.refused(0x5000);
}

TEST_CASE("tables of one to six levels translate as many bits, and a wider address is not mapped",
          "[amdvi][host][DTE.Mode][DTE.HostPTRoot][host entry.PR][host entry.NextLevel][host entry.Address]") {
    const u8 mode = static_cast<u8>(GENERATE(1, 2, 3, 4, 5, 6));
    CAPTURE(unsigned{mode});
    HostBench b;
    b.store_entry(Bench::host(b.table, mode));
    const unsigned bits = mode == 6 ? 64 : 12 + 9u * mode;
    const u64 last = base::low_bits(bits) & ~u64{0xfff};
    b.map_host(b.table, last, Bench::page(there), 1, mode);
    CHECK(b.dma(Iova{last + 0x18}).to == there + 0x18);
    CHECK_FALSE(b.refused(last - 0x1000).get(Event::PR));
    if (mode == 6) return;
    const Event e = b.refused(u64{1} << bits);
    CHECK_FALSE(e.get(Event::PR));
    CHECK(e.get(Event::Address) == u64{1} << bits);
}

TEST_CASE("a page can be as large as each level has it, and of every size between", "[amdvi][host][host entry.NextLevel]") {
    HostBench b;
    b.store_entry(Bench::host(b.table));
    struct Case {
        unsigned level, log2;
        u8 next;
    };
    const Case c = GENERATE(Case{1, 12, own_size}, Case{1, 13, encoded_size}, Case{1, 20, encoded_size},
                            Case{2, 21, own_size}, Case{2, 22, encoded_size}, Case{2, 29, encoded_size},
                            Case{3, 30, own_size});
    CAPTURE(c.level, c.log2);
    const u64 at = u64{3} << c.log2, bytes = u64{1} << c.log2;
    const Spa to = Spa{u64{5} << c.log2};
    const HostEntry leaf = Bench::page(c.next == encoded_size ? encoded_page(to, c.log2) : to, c.next);
    const unsigned shift = 12 + 9 * (c.level - 1);
    for (u64 page = at; page < at + bytes; page += u64{1} << shift) b.map_host(b.table, page, leaf, c.level);
    CHECK(b.dma(Iova{at + bytes - 8}).to == to + (bytes - 8));
    CHECK(b.unit.agent().translations().size() == 1);
    CHECK(b.dma(Iova{at}).to == to);
    CHECK(b.unit.agent().translations().size() == 1); // it was one page
    b.refused(at + bytes);
    b.refused(at - 8);
}

TEST_CASE("a size that is none of its level's is an encoding error", "[amdvi][host][host entry.NextLevel]") {
    HostBench b;
    b.store_entry(Bench::host(b.table));
    const auto [level, log2] = GENERATE(table<unsigned, unsigned>({{1, 21}, {1, 25}, {2, 21}, {2, 13}, {2, 30}}));
    CAPTURE(level, log2);
    b.map_host(b.table, 0x4000'0000, Bench::page(encoded_page(Spa{0x4000'0000}, log2), encoded_size), level);
    const Event e = b.refused(0x4000'0000);
    CHECK((e.get(Event::PR) && !e.get(Event::RZ) && !e.get(Event::PE)));
}

TEST_CASE("levels can be skipped where the bits that would index them are zero", "[amdvi][host][host entry.NextLevel]") {
    HostBench b;
    b.store_entry(Bench::host(b.table));
    const Spa lowest = b.new_table();
    const u64 at = u64{3} << 39;
    b.store(Bench::slot(b.table, at, 4), Bench::page(lowest, 1)); // from level 4 to level 1
    b.store(Bench::slot(lowest, 0x5000, 1), Bench::page(there));
    CHECK(b.dma(Iova{at + 0x5000}).to == there);
    const Event e = b.refused(at + 0x4000'5000);
    CHECK((e.get(Event::PR) && !e.get(Event::RZ)));
    b.refused(at + 0x20'5000); // with the way to the lowest table known
    b.store(Bench::slot(lowest, 0x6000, 1), Bench::page(elsewhere));
    CHECK(b.dma(Iova{at + 0x6000}).to == elsewhere);
}

TEST_CASE("levels go down", "[amdvi][host][host entry.NextLevel]") {
    HostBench b;
    b.store_entry(Bench::host(b.table));
    const u8 next = static_cast<u8>(GENERATE(4, 5, 6));
    b.store(Bench::slot(b.table, 0x5000, 4), Bench::page(b.new_table(), next));
    const Event e = b.refused(0x5000);
    CHECK((e.get(Event::PR) && !e.get(Event::RZ)));
}

TEST_CASE("permissions are those that all levels and the device table entry have",
          "[amdvi][host][host entry.IR][host entry.IW][DTE.IR][DTE.IW]") {
    HostBench b;
    b.store_entry(Bench::host(b.table));
    const Spa leaf = b.map_host(b.table, 0x5000, Bench::page(there));
    const Spa upper = Bench::slot(b.table, 0x5000, 4);
    CHECK(b.write_to(0x5000).to == there);
    const HostEntry was = b.load<HostEntry>(leaf), upper_was = b.load<HostEntry>(upper);
    const auto again = [&] { b.submit(Bench::forget_domain(), Bench::wait(1)); };
    b.store(leaf, HostEntry{was}.set(HostEntry::IW, false));
    again();
    CHECK(b.dma(Iova{0x5000}).to == there);
    const Event e = b.refused(0x5000, Bench::with(Dma{}, iommu::Access::Write));
    CHECK((e.get(Event::PR) && e.get(Event::PE) && !e.get(Event::RZ) && e.get(Event::RW)));
    b.store(leaf, was);
    b.store(upper, HostEntry{upper_was}.set(HostEntry::IR, false));
    again();
    CHECK(b.write_to(0x5000).to == there);
    b.refused(0x5000);
    b.store(upper, upper_was);
    b.change(Bench::host(b.table).set(Dte::IW, false));
    CHECK(b.dma(Iova{0x5000}).to == there);
    b.refused(0x5000, Bench::with(Dma{}, iommu::Access::Write));
}

TEST_CASE("A and D are marked as HAD says, and pages stay as they are without it",
          "[amdvi][host][DTE.HAD][host entry.A][host entry.D][EFR.HASup][EFR.HDSup]") {
    HostBench b;
    const HostMarks marks = GENERATE(HostMarks::None, HostMarks::Accessed, HostMarks::AccessedDirty);
    CAPTURE(static_cast<int>(marks));
    b.store_entry(Bench::host(b.table).set(Dte::HAD, marks));
    const Spa leaf = b.map_host(b.table, 0x5000, Bench::page(there));
    const bool a = marks != HostMarks::None, d = marks == HostMarks::AccessedDirty;
    CHECK(b.dma(Iova{0x5000}).to == there);
    CHECK(b.load<HostEntry>(leaf).get(HostEntry::A) == a);
    CHECK(b.load<HostEntry>(Bench::slot(b.table, 0x5000, 4)).get(HostEntry::A) == a);
    CHECK_FALSE(b.load<HostEntry>(leaf).get(HostEntry::D));
    CHECK(b.write_to(0x5000).to == there);
    CHECK(b.load<HostEntry>(leaf).get(HostEntry::D) == d);
}

TEST_CASE("a unit that marks nothing knows no HAD", "[amdvi][host][DTE.HAD][EFR.HASup]") {
    AmdviConfig plain;
    plain.host_accessed.set(false);
    HostBench without{plain};
    without.store_entry(Bench::host(without.table).set(Dte::HAD, HostMarks::Accessed));
    CHECK(without.refused(0x5000).get(Event::Code) == EventCode::IllegalDevTableEntry);
}

TEST_CASE("reserved bits of entries and of the device table are told from bad encodings",
          "[amdvi][host][ILLEGAL_DEV_TABLE_ENTRY][IO_PAGE_FAULT]") {
    HostBench b;
    struct Case {
        const char* what;
        Dte e;
        bool reserved;
    };
    const Case cases[] = {
        {"bit 2", Dte::from_words({0x7, 0, 0, 0}), true},
        {"bit 63", Dte::from_words({0x8000'0000'0000'0003, 0, 0, 0}), true},
        {"secure ATS", Bench::valid().set(Dte::SATS, true), true},
        {"root beyond 48 bits", Bench::host(Spa{u64{1} << 48}), true},
        {"GCR3 root beyond 48 bits", Bench::guest(Spa{u64{1} << 51}), true},
        {"IoCtl 3", Bench::valid().set(Dte::IoCtl, 3), false},
        {"HAD 2", Bench::host(Bench::tables).set(Dte::HAD, HostMarks::Reserved), false},
        {"three levels of GCR3", Bench::guest(Bench::gcr3_table, 2), false},
        {"six levels of a guest", Bench::guest().set(Dte::GuestPagingMode, static_cast<GuestPaging>(2)), false},
    };
    for (const Case& c : cases) {
        INFO(c.what);
        b.store_entry(c.e);
        const Event e = b.refused(0x5004);
        CHECK(e.get(Event::Code) == EventCode::IllegalDevTableEntry);
        CHECK(e.get(Event::RZ) == c.reserved);
        CHECK(e.get(Event::Address) == 0x5004);
        CHECK(e.get(Event::DeviceID) == RequesterId{0x108});
    }
    b.store_entry(Bench::host(b.table));
    const Spa leaf = b.map_host(b.table, 0x5000, HostEntry::from_words({Bench::page(there).word(0) | u64{1} << 55}));
    Event e = b.refused(0x5000);
    CHECK((e.get(Event::Code) == EventCode::IoPageFault && e.get(Event::PR) && e.get(Event::RZ)));
    b.store(leaf, Bench::page(Spa{u64{1} << 50}));
    e = b.refused(0x5000);
    CHECK((e.get(Event::PR) && e.get(Event::RZ)));
}

TEST_CASE("a host's table of more levels than there are is a page fault, which SA keeps quiet",
          "[amdvi][host][DTE.Mode][DTE.SA][EFR.HATS][IO_PAGE_FAULT]") {
    AmdviConfig c;
    c.host_levels.set(4);
    HostBench b{c};
    b.store_entry(Bench::host(b.table, static_cast<u8>(GENERATE(5, 6, 7))));
    const Event e = b.refused(0x5000);
    CHECK(e.get(Event::Code) == EventCode::IoPageFault);
    CHECK((e.get(Event::PR) && !e.get(Event::PE) && !e.get(Event::RZ)));
    b.change(Bench::host(b.table, 7).set(Dte::SA, true));
    CHECK(b.dma(Iova{0x5000}).ending == Ending::Abort);
    CHECK_FALSE(b.faulted());
}

TEST_CASE("a GLX that does not count is not looked at", "[amdvi][host][DTE.GLX][EFR.GLXSup]") {
    AmdviConfig c;
    c.gcr3_levels.set(1);
    HostBench b{c};
    b.simple(here, there, Bench::guest(Bench::gcr3_table, 3));
    CHECK(b.dma(here, Bench::pasid5).to == there);
}

TEST_CASE("a device beyond the table has a page fault, a table in no memory a hardware error",
          "[amdvi][host][DevTabBar][DEV_TAB_HARDWARE_ERROR][PAGE_TAB_HARDWARE_ERROR]") {
    HostBench b;
    Event e = b.refused(0x5000, {0x0200});
    CHECK(e.get(Event::Code) == EventCode::IoPageFault);
    CHECK(e.get(Event::DeviceID) == RequesterId{0x0200});
    b.memory.broken = Bench::entry_at();
    e = b.refused(0x5000, Bench::with(Dma{}, iommu::Access::Write));
    CHECK(e.get(Event::Code) == EventCode::DevTabHardwareError);
    CHECK(e.get(Event::Address) == Bench::entry_at().value());
    CHECK((e.get(Event::RW) && e.get(Event::Type) == HardwareError::TargetAbort));
    b.memory.broken = Spa{0};
    b.store_entry(Bench::host(Spa{0x5000})); // nothing there
    e = b.refused(0x1000);
    CHECK(e.get(Event::Code) == EventCode::PageTabHardwareError);
    CHECK(e.get(Event::Address) == 0x5000);
    CHECK(e.get(Event::DomainOrPasid) == raw(Bench::domain));
}

TEST_CASE("the exclusion range is for devices with EX, or for all",
          "[amdvi][host][ExclBase][ExclLimit][DTE.EX]") {
    HostBench b;
    b.store_entry(Bench::host(b.table));
    b.write(ExclBase{}.set(ExclBase::ExEn, true).set(ExclBase::Base, Iova{0x40'0000}));
    b.write(ExclLimit{}.set(ExclLimit::Limit, Iova{0x40'1000}));
    b.refused(0x40'0000); // not this device
    b.change(Bench::host(b.table).set(Dte::EX, true));
    CHECK(b.dma(Iova{0x40'0000}).to == Spa{0x40'0000});
    CHECK(b.dma(Iova{0x40'1ff8}).to == Spa{0x40'1ff8});
    b.refused(0x40'2000);
    b.refused(0x3f'fff8);
    b.change(Bench::host(b.table));
    b.refused(0x40'0000);
    b.write(ExclBase{}.set(ExclBase::ExEn, true).set(ExclBase::Allow, true).set(ExclBase::Base, Iova{0x40'0000}));
    CHECK(b.dma(Iova{0x40'0000}).to == Spa{0x40'0000});
    b.write(ExclBase{});
    b.refused(0x40'0000);
}

TEST_CASE("interrupts pass, and reads of where they go are refused", "[amdvi][host][INVALID_DEVICE_REQUEST]") {
    HostBench b;
    b.store_entry(Bench::host(b.table));
    CHECK(b.write_to(0xFEE0'1000).to == Spa{0xFEE0'1000});
    CHECK_FALSE(b.faulted());
    CHECK(b.dma(Iova{0xFEEF'FFF8}).ending == Ending::Abort);
    const auto e = InvalidDeviceRequest::from_words(b.only_event().words());
    CHECK(e.get(InvalidDeviceRequest::Code) == EventCode::InvalidDeviceRequest);
    CHECK(e.get(InvalidDeviceRequest::Address) == 0xFEEF'FFF8);
    CHECK_FALSE(e.get(InvalidDeviceRequest::TR));
}

} // namespace quiesce::iommu::amdvi::test
