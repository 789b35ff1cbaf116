// SPDX-License-Identifier: Apache-2.0
/// The command buffer: what commands invalidate, how they complete, what stops it.
#include "amdvi/bench.h"

namespace quiesce::iommu::amdvi::test {
namespace {

/// Two PASIDs of two devices with a domain each, and a host's table behind the second device.
struct CommandBench : Bench {
    static constexpr u32 other_stream = 0x0110;
    static constexpr DomainId other{8};
    Spa leaf5{0}, leaf6{0}, host_leaf{0};
    explicit CommandBench(const AmdviConfig& c = {}) : Bench(c) {
        start();
        leaf5 = simple(here, there);
        const Spa table6 = new_table(), host_table = new_table();
        store_gcr3(6, table6);
        leaf6 = map_guest(table6, here, guest_page(there));
        map_guest(table6, here + page_size, guest_page(there));
        store_entry(host(host_table).set(Dte::DomainID, other), other_stream);
        host_leaf = map_host(host_table, here.value(), page(there));
        map_host(host_table, here.value() + page_size, page(there));
    }
    void warm() {
        for (const u32 pasid : {5u, 6u}) CHECK(dma(here, {stream, pasid}).to == there);
        CHECK(dma(here + page_size, {stream, 6}).to == there);
        CHECK(dma(here, {other_stream}).to == there);
        CHECK(dma(here + page_size, {other_stream}).to == there);
    }
    /// Which of them have forgotten the page, by mapping it to somewhere else in memory first.
    struct Forgotten {
        bool page5, page6, next6, host_page, host_next;
        bool operator==(const Forgotten&) const = default;
    };
    Forgotten after(const Command& c) {
        warm();
        for (const Spa at : {leaf5, leaf6, leaf6 + 8})
            store(at, load<GuestEntry>(at).set(GuestEntry::Address, elsewhere));
        for (const Spa at : {host_leaf, host_leaf + 8})
            store(at, load<HostEntry>(at).set(HostEntry::Address, elsewhere));
        submit(c, wait(1));
        CHECK(flagged() == 1);
        const auto moved = [&](u32 who, std::optional<u32> pasid, Iova at) { return dma(at, {who, pasid}).to == elsewhere; };
        return {moved(stream, 5, here), moved(stream, 6, here), moved(stream, 6, here + page_size),
                moved(other_stream, {}, here), moved(other_stream, {}, here + page_size)};
    }
};
template <class C>
Command any(const C& c) {
    return as_command(c);
}
InvalidateIommuPages guest_page_of(u32 pasid, Iova at, DomainId d = Bench::domain) {
    return Bench::forget_page(at, d).set(InvalidateIommuPages::GN, true).set(InvalidateIommuPages::PASID, Pasid{pasid});
}
/// 2^(k+1) pages: k ones from bit 12 on.
InvalidateIommuPages of_several(InvalidateIommuPages c, Iova at, unsigned k) {
    const Iova first = at.align_down(page_size << (k + 1));
    return c.set(InvalidateIommuPages::S, true).set(InvalidateIommuPages::Address, first + (base::low_bits(k) << 12));
}

} // namespace

TEST_CASE("each invalidation of translations removes what its scope says and no more",
          "[amdvi][commands][INVALIDATE_IOMMU_PAGES][INVALIDATE_IOMMU_ALL][DTE.DomainID]") {
    using F = CommandBench::Forgotten;
    struct Case {
        const char* what;
        Command c;
        F gone;
    };
    const Case cases[] = {
        {"PASID", any(Bench::forget_pasid(5)), {true, false, false, false, false}},
        {"page of a PASID", any(guest_page_of(6, here)), {false, true, false, false, false}},
        {"two pages of a PASID, the other before it", any(of_several(guest_page_of(6, here), here, 0)),
         {false, true, false, false, false}},
        {"four pages of a PASID", any(of_several(guest_page_of(6, here), here, 1)), {false, true, true, false, false}},
        {"2 MiB of a PASID", any(of_several(guest_page_of(6, here), here, 8)), {false, true, true, false, false}},
        {"PASID in the wrong domain", any(Bench::forget_pasid(5, CommandBench::other)), {false, false, false, false, false}},
        {"domain of guests", any(Bench::forget_domain()), {true, true, true, false, false}},
        {"page of a host's domain", any(Bench::forget_page(here, CommandBench::other)), {false, false, false, true, false}},
        {"four pages of a host's domain", any(of_several(Bench::forget_page(here, CommandBench::other), here, 1)),
         {false, false, false, true, true}},
        {"a host's page takes all that guests have of the domain", any(Bench::forget_page(Iova{0x5000})),
         {true, true, true, false, false}},
        {"everything", any(make<InvalidateIommuAll>()), {true, true, true, true, true}},
        {"an interrupt table", any(make<InvalidateInterruptTable>()), {false, false, false, false, false}},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    INFO(c.what);
    CommandBench b;
    CHECK(b.after(c.c) == c.gone);
}

TEST_CASE("the addresses that a command says: a page, 2^(k+1) of them, all", "[amdvi][commands][INVALIDATE_IOMMU_PAGES]") {
    const auto range = [](u64 at, bool s) { return pages_of(Iova{at}, s); };
    CHECK(range(0x1234'5000, false) == IovaRange{Iova{0x1234'5000}, 0x1000});
    CHECK(range(0x1234'4000, true) == IovaRange{Iova{0x1234'4000}, 0x2000});
    CHECK(range(0x1234'5000, true) == IovaRange{Iova{0x1234'4000}, 0x4000});
    CHECK(range(0x000f'f000, true) == IovaRange{Iova{0}, 0x20'0000});
    CHECK(range((u64{1} << 50) - 0x1000, true) == IovaRange{Iova{0}, u64{1} << 51});
    CHECK(range((u64{1} << 51) - 0x1000, true) == std::nullopt);
    CHECK(range(0x7fff'ffff'ffff'f000, true) == std::nullopt);
    CHECK(range(~u64{0xfff}, true) == std::nullopt);
}

TEST_CASE("directory entries go with PDE only", "[amdvi][commands][INVALIDATE_IOMMU_PAGES]") {
    CommandBench b;
    b.warm();
    const Spa directory = Bench::slot(b.load<GuestEntry>(Bench::slot(b.load<GuestEntry>(Bench::slot(
        b.load<Gcr3Entry>(Bench::gcr3_table + 40).get(Gcr3Entry::Base), here.value(), 4)).get(GuestEntry::Address),
        here.value(), 3)).get(GuestEntry::Address), here.value(), 2);
    const Spa table = b.new_table();
    b.store(Bench::slot(table, here.value(), 1), Bench::guest_page(elsewhere));
    b.store(directory, Bench::guest_page(table));
    b.submit(guest_page_of(5, here), Bench::wait(1));
    CHECK(b.dma(here, Bench::pasid5).to == there); // through the table that is known
    b.submit(guest_page_of(5, here).set(InvalidateIommuPages::PDE, true), Bench::wait(2));
    CHECK(b.dma(here, Bench::pasid5).to == elsewhere);
}

TEST_CASE("a GCR3 entry is forgotten with all of its PASID and with its device, not with its pages",
          "[amdvi][commands][INVALIDATE_IOMMU_PAGES][INVALIDATE_DEVTAB_ENTRY]") {
    struct Case {
        const char* what;
        Command c;
        bool forgets;
    };
    const Case cases[] = {
        {"PASID", any(Bench::forget_pasid(5)), true},
        {"another PASID", any(Bench::forget_pasid(6)), false},
        {"another domain", any(Bench::forget_pasid(5, CommandBench::other)), false},
        {"without PDE", any(Bench::forget_pasid(5).set(InvalidateIommuPages::PDE, false)), false},
        {"page", any(guest_page_of(5, here).set(InvalidateIommuPages::PDE, true)), false},
        {"domain", any(Bench::forget_domain()), false},
        {"device", any(Bench::forget_entry()), true},
        {"another device", any(Bench::forget_entry(CommandBench::other_stream)), false},
        {"everything", any(make<InvalidateIommuAll>()), true},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    INFO(c.what);
    CommandBench b;
    b.warm();
    b.store(Bench::gcr3_table + 40, Gcr3Entry{});
    b.submit(c.c, Bench::wait(1));
    CHECK(b.flagged() == 1);
    CHECK((b.dma(here + 0x2000, Bench::pasid5).ending == Ending::Abort));
    CHECK(b.dma(here, Bench::pasid5).ending == (c.forgets ? Ending::Abort : Ending::Grant));
}

TEST_CASE("a changed device table entry is seen only when it is forgotten", "[amdvi][commands][INVALIDATE_DEVTAB_ENTRY]") {
    CommandBench b;
    b.warm();
    b.store_entry(Bench::valid().set(Dte::IR, false).set(Dte::IW, false));
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Grant);
    b.submit(Bench::forget_entry(CommandBench::other_stream), Bench::wait(1));
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Grant);
    b.submit(Bench::forget_entry(), Bench::wait(2));
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Abort);
}

TEST_CASE("COMPLETION_WAIT stores its eight bytes and raises its interrupt as it is told",
          "[amdvi][commands][COMPLETION_WAIT][Status.ComWaitInt][Control.ComWaitIntEn]") {
    CommandBench b;
    b.memory.poke64(Bench::flag, 0);
    b.submit(make<CompletionWait>());
    CHECK((b.flagged() == 0 && !b.get(Status::ComWaitInt)));
    b.submit(Bench::wait(0x1122'3344'5566'7788));
    CHECK(b.flagged() == 0x1122'3344'5566'7788);
    CHECK_FALSE(b.get(Status::ComWaitInt));
    b.submit(make<CompletionWait>().set(CompletionWait::I, true));
    CHECK(b.get(Status::ComWaitInt));
    CHECK(b.messages_of(event_message) == 1);
    b.submit(make<CompletionWait>().set(CompletionWait::I, true));
    CHECK(b.messages_of(event_message) == 1); // it had not been cleared
    b.clear(Status::ComWaitInt);
    b.control(Control::ComWaitIntEn, false);
    b.submit(make<CompletionWait>().set(CompletionWait::I, true));
    CHECK(b.messages_of(event_message) == 1);
    b.control(Control::ComWaitIntEn, true);
    CHECK(b.messages_of(event_message) == 2); // what was pending
}

TEST_CASE("COMPLETION_WAIT waits for transactions that use what is invalidated; f holds up what is behind it",
          "[amdvi][commands][COMPLETION_WAIT]") {
    const bool flush = GENERATE(false, true);
    CommandBench b;
    b.memory.poke64(Bench::flag, 0);
    Translation t = b.dma(here, Bench::pasid5);
    REQUIRE(t.in_flight);
    b.store_entry(Dte{}, CommandBench::other_stream);
    CHECK(b.dma(here, {CommandBench::other_stream}).ending == Ending::Grant); // nothing is known of it yet: V=0
    b.submit(Bench::forget_pasid(5), Bench::wait(1).set(CompletionWait::Flush, flush), make<InvalidateIommuAll>());
    CHECK(b.flagged() == 0);
    CHECK(b.get(CmdHead::Ptr) == (flush ? 2 : 3));
    t.in_flight.end();
    b.settle();
    CHECK(b.flagged() == 1);
    CHECK(b.get(CmdHead::Ptr) == 3);
}

TEST_CASE("with bug early-sync COMPLETION_WAIT reports what has not happened", "[amdvi][commands]") {
    AmdviConfig c;
    c.bugs.set({"early-sync"});
    CommandBench b{c};
    Translation t = b.dma(here, Bench::pasid5);
    b.submit(Bench::forget_pasid(5), Bench::wait(7));
    CHECK(b.flagged() == 7);
    t.in_flight.end();
}

TEST_CASE("the buffer goes round", "[amdvi][commands][CmdHead][CmdTail]") {
    CommandBench b;
    for (u64 n = 1; n <= 300; ++n) b.submit(Bench::wait(n));
    CHECK(b.flagged() == 300);
    CHECK(b.get(CmdHead::Ptr) == 300 - 256);
    CHECK(b.unit.registers().read<CmdHead>().value() == (300 - 256) * 16);
}

TEST_CASE("a command takes its fetch and its execution, a wait what the invalidation before it takes", "[amdvi][commands]") {
    CommandBench b;
    Log<CommandConsumed> consumed{b.bus};
    const sim::Time begun = sim::now();
    b.submit(Bench::forget_pasid(5));
    const auto& c = b.config;
    const sim::Duration memory_takes = consumed.all.at(0).first - begun - c.register_access.get() - c.command_fetch.get() -
                                       c.command_execute.get();
    CHECK(memory_takes > 0_ps);
    CHECK(consumed[0].command == base::Name{"INVALIDATE_IOMMU_PAGES"});
    CHECK(consumed[0].sequence == 1);
    const sim::Time second = sim::now();
    b.submit(make<CompletionWait>());
    CHECK(consumed.all.at(1).first - second ==
          c.register_access.get() + c.command_fetch.get() + memory_takes + c.command_execute.get());
}

TEST_CASE("a command that is none, or has a reserved bit, stops the buffer where it is",
          "[amdvi][commands][ILLEGAL_COMMAND_ERROR][Status.CmdBufRun][Control.CmdBufEn]") {
    CommandBench b;
    const Command bad = GENERATE(as<Command>{}, Command{}, Command::from_words({u64{0xb} << 60, 0}),
                                 Command::from_words({u64{9} << 60, 0}), Command::from_words({u64{10} << 60, 0}),
                                 Command::from_words({u64{2} << 60 | 0x1'0000, 0}), // INVALIDATE_DEVTAB_ENTRY, bit 16
                                 Command::from_words({u64{1} << 60 | u64{1} << 52, 0}),
                                 Command::from_words({u64{3} << 60, 8}), Command::from_words({u64{4} << 60, 2}),
                                 Command::from_words({u64{4} << 60, 0x10}), // a type, which no unit here has
                                 Command::from_words({u64{6} << 60, 0}), // no prefetching
                                 Command::from_words({u64{7} << 60, 1}), Command::from_words({u64{8} << 60, 1}));
    CAPTURE(bad.word(0), bad.word(1));
    Log<GlobalError> errors{b.bus};
    b.submit(Bench::wait(1), bad, Bench::wait(2));
    CHECK(b.flagged() == 1);
    CHECK_FALSE(b.get(Status::CmdBufRun));
    CHECK(b.get(CmdHead::Ptr) == 1);
    const Event e = b.only_event();
    CHECK(e.get(Event::Code) == EventCode::IllegalCommandError);
    CHECK(e.get(Event::Address) == (Bench::commands + 16).value());
    b.submit(Bench::wait(3));
    CHECK(b.flagged() == 1);
    b.store(Bench::commands + 16, Bench::wait(9)); // repaired
    b.control(Control::CmdBufEn, false);
    CHECK(b.flagged() == 1);
    b.control(Control::CmdBufEn, true);
    CHECK(b.get(Status::CmdBufRun));
    CHECK(b.flagged() == 3);
    REQUIRE(errors.size() == 2);
    CHECK((errors[0].active && !errors[1].active));
    CHECK(errors[0].why == base::Name{"ILLEGAL_COMMAND_ERROR"});
}

TEST_CASE("a command, or a store, in no memory is a hardware error and stops the buffer, too",
          "[amdvi][commands][COMMAND_HARDWARE_ERROR]") {
    CommandBench b;
    b.submit(Bench::wait(1).set(CompletionWait::StoreAddress, Spa{0x5008}));
    Event e = b.only_event();
    CHECK(e.get(Event::Code) == EventCode::CommandHardwareError);
    CHECK(e.get(Event::Address) == 0x5008);
    CHECK(e.get(Event::Type) == HardwareError::DataError);
    CHECK_FALSE(b.get(Status::CmdBufRun));
    b.control(Control::CmdBufEn, false);
    b.write(CmdBufBar{}.set(CmdBufBar::Base, Spa{0x7000}).set(CmdBufBar::Len, 8));
    b.control(Control::CmdBufEn, true);
    b.write(CmdTail{}.set(CmdTail::Ptr, 1));
    e = b.only_event();
    CHECK(e.get(Event::Code) == EventCode::CommandHardwareError);
    CHECK(e.get(Event::Address) == 0x7000);
    CHECK_FALSE(b.get(Status::CmdBufRun));
}

TEST_CASE("features that there are not have no commands", "[amdvi][commands][EFR.IASup][EFR.PPRSup]") {
    AmdviConfig c;
    c.invalidate_all.set(false);
    c.iotlb.set(false);
    const Identity id = identity_of(c);
    CHECK_FALSE(decode_command(any(make<InvalidateIommuAll>()), id).legal);
    CHECK_FALSE(decode_command(any(make<CompletePprRequest>()), id).legal);
    CHECK_FALSE(decode_command(any(make<InvalidateIotlbPages>()), id).legal);
    CHECK(decode_command(any(make<InvalidateIommuPages>()), id).legal);
}

TEST_CASE("a prefetch is legal where there is such, and forgets first what it is told to",
          "[amdvi][commands][PREFETCH_IOMMU_PAGES][INVALIDATE_INTERRUPT_TABLE][EFR.PREFSup]") {
    AmdviConfig c;
    c.prefetch.set(true);
    const bool invalidates = GENERATE(false, true);
    CommandBench b{c};
    const auto prefetch = make<PrefetchIommuPages>()
                              .set(PrefetchIommuPages::DeviceID, RequesterId{0x108})
                              .set(PrefetchIommuPages::PASID, Pasid{5})
                              .set(PrefetchIommuPages::GN, true)
                              .set(PrefetchIommuPages::PFCount, 3)
                              .set(PrefetchIommuPages::Inval, invalidates)
                              .set(PrefetchIommuPages::Address, here);
    using F = CommandBench::Forgotten;
    CHECK(b.after(any(prefetch)) == F{invalidates, false, false, false, false});
    b.submit(make<InvalidateInterruptTable>().set(InvalidateInterruptTable::DeviceID, RequesterId{0x108}), Bench::wait(2));
    CHECK(b.flagged() == 2);
    CHECK_FALSE(b.faulted());
}

} // namespace quiesce::iommu::amdvi::test
