// SPDX-License-Identifier: Apache-2.0
/// The stall model (facts/iommu-specs.md 1.9): held transactions, their records and STAGs, CMD_RESUME, CMD_STALL_TERM,
/// and what CMD_SYNC and SMMUEN do about them.
#include "smmuv3/bench.h"

#include "base/property.h"
#include "support/fresh_kernel.h"

#include <deque>

namespace quiesce::iommu::smmuv3::test {
namespace {


Smmuv3Config stalling(unsigned stall_max = 64, StallModel model = StallModel::StallAndTerminate) {
    Smmuv3Config c;
    c.stall_model = model;
    c.stall_max = stall_max;
    return c;
}

/// A device that can wait, at streams 1 and 2, whose descriptors stall; nothing but `here` is mapped.
struct StallBench : Bench {
    struct Attempt {
        bool done = false;
        Translation got{};
    };
    std::deque<Attempt> attempts;
    Log<TransactionStalled> stalled{bus};
    Log<StallResolved> resolved{bus};
    Spa ttb;

    explicit StallBench(const Smmuv3Config& c = stalling(), unsigned streams = 2) : Bench(c) {
        ttb = simple(here, there);
        store(cdtab, cd(ttb).set(Cd::S, true).set(Cd::R, false));
        for (unsigned s = 2; s <= streams; ++s) store(strtab + 64 * s, stage1_ste(cdtab));
        start();
    }
    TranslationRequest patient(Iova at, Access access = Access::Read, u32 stream = 1) {
        TranslationRequest r = request(at, access, stream);
        r.may_stall = true;
        return r;
    }
    Attempt& begin(const TranslationRequest& r) {
        Attempt& a = attempts.emplace_back();
        sim::spawn(keep_ending(unit.translation(), r, a));
        return a;
    }
    static sim::Task<void> keep_ending(TranslationPort& port, TranslationRequest r, Attempt& a) {
        Translation t = co_await port.translate(r);
        a.got = std::move(t);
        a.got.in_flight.end();
        a.done = true;
    }
    /// An access to a page that is not there, held.
    Attempt& stall(u64 page = 1, u32 stream = 1) {
        Attempt& a = begin(patient(here + page * page_size, Access::Read, stream));
        settle();
        return a;
    }
    TranslationFault fault(u32 index) const { return view_as<TranslationFault>(event(index)); }
    u16 stag(u32 index) const { return static_cast<u16>(fault(index).get(TranslationFault::STAG)); }
    static Resume resume(u16 stag, bool retry, bool abort = false, u32 stream = 1) {
        Resume c = make_command<Resume>();
        c.set(Resume::SID, StreamId{stream}).set(Resume::STAG, stag);
        return c.set(Resume::Ac, retry).set(Resume::Ab, abort);
    }
    static StallTerm stall_term(u32 stream = 1) {
        return make_command<StallTerm>().set(StallTerm::SID, StreamId{stream});
    }
    void map_page(u64 page) { map(ttb, here + page * page_size, Bench::page(there + page * page_size).word(0)); }
    std::size_t held() const { return unit.stalls().held(); }
};

} // namespace

TEST_CASE("identification registers say whether the unit can stall, and how many", "[smmuv3][stall]") {
    const StallModel model = GENERATE(StallModel::StallAndTerminate, StallModel::NoStall, StallModel::StallForced);
    const Identity id = identity_of(stalling(300, model));
    CHECK(id.idr0.get(Idr0::STALL_MODEL) == model);
    CHECK(id.idr5.get(Idr5::STALL_MAX) == (model == StallModel::NoStall ? 0u : 300u));
}

TEST_CASE("a fault of a stalling descriptor holds the transaction and is recorded with Stall and a STAG, R or no R",
          "[smmuv3][stall][CD.S]") {
    StallBench b;
    SECTION("F_TRANSLATION of a read") {
        b.begin(b.patient(here + page_size + 4));
        b.settle();
        CHECK(hex(b.only_event()) == "1000000001000000"
                                     "0000008008020000" // STAG 0, Stall [95] is bit 7 of byte 11; RnW, CLASS IN
                                     "04a0785634120000"
                                     "0000000000000000");
    }
    SECTION("F_PERMISSION of a write, the second STAG") {
        b.map(b.ttb, here, Bench::page(there, false).word(0));
        b.stall();
        b.begin(b.patient(here, Access::Write));
        b.settle();
        CHECK(hex(b.event(1)) == "1300000001000000"
                                 "0100008000020000"
                                 "0090785634120000"
                                 "0000000000000000");
    }
    CHECK_FALSE(b.attempts.back().done);
    CHECK(b.stalled.size() == b.events());
    CHECK(b.stalled.last().tagged);
    CHECK(b.held() == b.events());
    CHECK(b.resolved.size() == 0);
}

TEST_CASE("CMD_RESUME with retry translates anew, with the tables as they are then", "[smmuv3][stall][RESUME]") {
    StallBench b;
    StallBench::Attempt& a = b.stall();
    b.map_page(1);
    CHECK_FALSE(a.done); // nothing happens by itself
    b.command(StallBench::resume(b.stag(0), true));
    REQUIRE(a.done);
    CHECK(a.got.ending == Ending::Grant);
    CHECK(a.got.to == there + page_size);
    CHECK(b.held() == 0);
    REQUIRE(b.resolved.size() == 1);
    CHECK(b.resolved[0].how == StallResolution::Retried);
    CHECK(b.resolved[0].by == StallResolver::Resume);
    CHECK(b.resolved[0].recorded);
}

TEST_CASE("a retried transaction that faults again stalls again, with a record and a STAG of its own",
          "[smmuv3][stall]") {
    StallBench b;
    StallBench::Attempt& a = b.stall();
    b.command(StallBench::resume(b.stag(0), true));
    CHECK_FALSE(a.done);
    REQUIRE(b.events() == 2);
    CHECK(b.stag(1) != b.stag(0)); // free ones are used in turn
    b.command(StallBench::resume(b.stag(1), false, true));
    CHECK(a.got.ending == Ending::Abort);
    CHECK(b.stalled.size() == 2);
    CHECK(b.resolved.size() == 2);
}

TEST_CASE("a retried transaction ends as a descriptor says that was made quiet meanwhile", "[smmuv3][stall]") {
    StallBench b;
    StallBench::Attempt& a = b.stall();
    b.store(Bench::cdtab, Bench::cd(b.ttb).set(Cd::EPD0, true).set(Cd::R, false));
    b.command(make_command<CfgiCd>().set(CfgiCd::SID, StreamId{1}).set(CfgiCd::Leaf, true), Bench::sync());
    CHECK_FALSE(a.done); // 4.3.8: invalidations do not touch what is recorded as stalled
    b.command(StallBench::resume(b.stag(0), true));
    CHECK(a.done);
    CHECK(a.got.ending == Ending::Abort);
    CHECK(b.events() == 1);
}

TEST_CASE("CMD_RESUME without retry aborts or reads zero, as Ab and TERM_MODEL say", "[smmuv3][stall][RESUME]") {
    struct Row {
        bool term_model, ab;
        Ending ending;
        StallResolution how;
    };
    const Row row = GENERATE(Row{false, true, Ending::Abort, StallResolution::Aborted},
                             Row{false, false, Ending::ReadZero, StallResolution::ReadZero},
                             Row{true, false, Ending::Abort, StallResolution::Aborted});
    Smmuv3Config config = stalling();
    config.terminate_only_by_abort = row.term_model;
    StallBench b{config};
    StallBench::Attempt& a = b.stall();
    b.map_page(1); // no retry: it does not matter any more
    b.command(StallBench::resume(b.stag(0), false, row.ab));
    REQUIRE(a.done);
    CHECK(a.got.ending == row.ending);
    CHECK(b.resolved.last().how == row.how);
    CHECK(b.events() == 1);
}

TEST_CASE("CMD_RESUME of another stream, of a free STAG or of one out of range has no effect", "[smmuv3][stall]") {
    StallBench b{stalling(4)};
    StallBench::Attempt& a = b.stall();
    const u16 stag = b.stag(0);
    b.command(StallBench::resume(stag, false, true, 2), StallBench::resume(static_cast<u16>(stag + 1), false, true),
              StallBench::resume(0xffff, false, true));
    CHECK_FALSE(a.done);
    CHECK(b.reg<CmdqCons>().get(CmdqCons::RD) == 3);
    CHECK_FALSE(b.error(Gerror::CMDQ_ERR));
    b.command(StallBench::resume(stag, false, true), StallBench::resume(stag, true)); // the second comes too late
    CHECK(a.got.ending == Ending::Abort);
    CHECK(b.resolved.size() == 1);
}

TEST_CASE("stalls of one stream are told apart by their STAGs and resumed in any order, and others pass them",
          "[smmuv3][stall]") {
    StallBench b;
    StallBench::Attempt& first = b.stall(1);
    StallBench::Attempt& second = b.stall(2);
    REQUIRE(b.events() == 2);
    CHECK(b.stag(0) != b.stag(1));
    CHECK(b.dma(here).ending == Ending::Grant);
    b.map_page(2);
    b.command(StallBench::resume(b.stag(1), true));
    CHECK(second.got.to == there + 2 * page_size);
    CHECK_FALSE(first.done);
    b.command(StallBench::resume(b.stag(0), false, true));
    CHECK(first.got.ending == Ending::Abort);
}

TEST_CASE("no more records are unanswered than STALL_MAX; further transactions wait for a STAG in turn",
          "[smmuv3][stall]") {
    StallBench b{stalling(2)};
    for (u64 page = 1; page <= 4; ++page) b.stall(page);
    CHECK(b.events() == 2);
    CHECK(b.held() == 4);
    CHECK(b.unit.stalls().waiting_for_tag() == 2);
    REQUIRE(b.stalled.size() == 4);
    CHECK_FALSE(b.stalled[2].tagged);
    const u16 freed = b.stag(1);
    b.command(StallBench::resume(freed, false, true));
    REQUIRE(b.events() == 3);
    CHECK(b.stag(2) == freed);
    CHECK(b.fault(2).get(TranslationFault::InputAddr) == here + 3 * page_size);
    CHECK(b.attempts[1].done);
    CHECK(b.unit.stalls().waiting_for_tag() == 1);
}

TEST_CASE("a transaction without a STAG is translated anew when it gets one if what it met has been invalidated",
          "[smmuv3][stall]") {
    StallBench b{stalling(1)};
    b.stall(1);
    StallBench::Attempt& waiting = b.stall(2);
    b.map_page(2);
    b.command(make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{1}), Bench::sync(1));
    CHECK(b.memory.messages.size() == 1);
    CHECK_FALSE(waiting.done);
    b.command(StallBench::resume(b.stag(0), false, true));
    CHECK(waiting.got.ending == Ending::Grant);
    CHECK(b.events() == 1); // the stale fault is not recorded
    CHECK(b.resolved.last().by == StallResolver::Invalidation);
    CHECK_FALSE(b.resolved.last().recorded);
}

TEST_CASE("CMD_STALL_TERM aborts everything held of its stream, recorded or not, and frees the STAGs",
          "[smmuv3][stall][STALL_TERM]") {
    StallBench b{stalling(2)};
    StallBench::Attempt& mine = b.stall(1);
    StallBench::Attempt& other = b.stall(2, 2);
    StallBench::Attempt& waiting = b.stall(3);
    StallBench::Attempt& other_waiting = b.stall(4, 2);
    b.command(StallBench::stall_term(1));
    CHECK(mine.got.ending == Ending::Abort);
    CHECK(waiting.done);
    CHECK(waiting.got.ending == Ending::Abort);
    CHECK_FALSE(other.done);
    CHECK_FALSE(other_waiting.done);
    CHECK(b.events() == 3); // the STAG went to the other stream's
    CHECK(b.fault(2).get(TranslationFault::SID) == StreamId{2});
    CHECK(b.resolved[0].by == StallResolver::StreamTermination);
    b.command(StallBench::stall_term(7)); // nothing of it is held
    CHECK(b.held() == 2);
}

TEST_CASE("a stream that is taken away leaves no stall: abort in the entry, CFGI, SYNC, CMD_STALL_TERM",
          "[smmuv3][stall]") {
    StallBench b;
    StallBench::Attempt& a = b.stall(1);
    b.store(Bench::strtab + 64, Ste{}.set(Ste::V, true));
    b.command(make_command<CfgiSte>().set(CfgiSte::SID, StreamId{1}), Bench::sync(), StallBench::stall_term(1),
              Bench::sync(3));
    CHECK(a.got.ending == Ending::Abort);
    CHECK(b.memory.messages.size() == 1);
    StallBench::Attempt& late = b.stall(2);
    CHECK(late.done);
    CHECK(late.got.ending == Ending::Abort);
    CHECK(b.held() == 0);
    CHECK(b.events() == 1);
}

TEST_CASE("clearing SMMUEN aborts every stalled transaction and lets none stall", "[smmuv3][stall]") {
    StallBench b{stalling(1)};
    StallBench::Attempt& recorded = b.stall(1);
    StallBench::Attempt& waiting = b.stall(2, 2);
    b.memory.latency = 1_us;
    StallBench::Attempt& walking = b.begin(b.patient(here + 3 * page_size));
    b.calendar.run_for(1_ns);
    b.write(b.reg<Cr0>().set(Cr0::SMMUEN, false));
    for (const StallBench::Attempt* a : {&recorded, &waiting, &walking}) {
        CHECK(a->done);
        CHECK(a->got.ending == Ending::Abort);
    }
    CHECK(b.held() == 0);
    CHECK(b.events() == 1);
    REQUIRE(b.resolved.size() == 2);
    CHECK(b.resolved[0].by == StallResolver::UnitDisabled);
    b.write(b.reg<Cr0>().set(Cr0::SMMUEN, true));
    b.stall(4);
    CHECK(b.events() == 2); // its STAG is free again
}

TEST_CASE("CMD_SYNC does not wait for stalled transactions, only for their records", "[smmuv3][stall]") {
    const bool tagged_address = GENERATE(false, true);
    StallBench b;
    if (tagged_address) {
        b.store(Bench::cdtab, b.load<Cd>(Bench::cdtab).set(Cd::TBI0, true));
        b.begin(b.patient(Iova{(u64{0xab} << 56) + here.value() + page_size}));
    } else {
        b.begin(b.patient(here + page_size));
    }
    b.calendar.run_until(sim::now() + 5_us);
    REQUIRE(b.held() == 1);
    b.command(make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{1}), Bench::sync(5));
    CHECK(b.memory.messages.size() == 1);
    CHECK(b.held() == 1);
}

TEST_CASE("CMD_RESUME and CMD_STALL_TERM are complete when they are consumed", "[smmuv3][stall]") {
    StallBench b;
    b.stall(1);
    b.command(StallBench::resume(b.stag(0), false, true));
    CHECK(b.reg<CmdqCons>().get(CmdqCons::RD) == 1);
    CHECK(b.held() == 0);
}

TEST_CASE("a stall record waits for room in a full event queue, without an overflow and out of the way",
          "[smmuv3][stall]") {
    StallBench b;
    for (int i = 0; i < 4; ++i) b.dma(here, Access::Read, 99); // C_BAD_STREAMID
    REQUIRE(b.events() == 4);
    StallBench::Attempt& a = b.stall(1);
    CHECK_FALSE(b.reg<EventqProd>().get(EventqProd::OVFLG));
    b.command(Bench::sync(5)); // nor does it hold up a CMD_SYNC
    CHECK(b.memory.messages.size() == 1);
    CHECK_FALSE(a.done);
    b.write(EventqCons{}.set(EventqCons::RD, 1));
    REQUIRE(b.events() == 5);
    CHECK(b.fault(4).get(TranslationFault::Stall));
    b.command(StallBench::resume(b.stag(4), false, true));
    CHECK(a.done);
}

TEST_CASE("a record that could not be written before an invalidation is never written: the transaction is retried",
          "[smmuv3][stall]") {
    const bool covered = GENERATE(true, false);
    StallBench b;
    for (int i = 0; i < 4; ++i) b.dma(here, Access::Read, 99);
    StallBench::Attempt& a = b.stall(1);
    b.map_page(1);
    b.command(make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{static_cast<u16>(covered ? 1 : 2)}), Bench::sync());
    CHECK_FALSE(a.done);
    b.write(EventqCons{}.set(EventqCons::RD, 1));
    CHECK(a.done == covered);
    CHECK(b.events() == (covered ? 4u : 5u));
    if (covered) CHECK(a.got.ending == Ending::Grant);
}

TEST_CASE("stall records wait for EVENTQEN, and behind an abort of the queue until it is acknowledged",
          "[smmuv3][stall]") {
    StallBench b;
    SECTION("disabled") {
        b.write(b.reg<Cr0>().set(Cr0::EVENTQEN, false));
        b.stall(1);
        CHECK(b.events() == 0);
        b.write(b.reg<Cr0>().set(Cr0::EVENTQEN, true));
        CHECK(b.events() == 1);
    }
    SECTION("aborted before") {
        b.memory.broken = Bench::evtq;
        b.dma(here, Access::Read, 99);
        b.memory.broken = Spa{0};
        b.stall(1);
        CHECK(b.events() == 0);
        b.acknowledge_errors();
        CHECK(b.events() == 1);
    }
    SECTION("lost in the abort: only CMD_STALL_TERM and SMMUEN reach it (7.2.2)") {
        b.memory.broken = Bench::evtq;
        StallBench::Attempt& a = b.stall(1);
        b.memory.broken = Spa{0};
        b.acknowledge_errors();
        CHECK(b.events() == 0);
        b.command(StallBench::resume(0, false, true));
        CHECK_FALSE(a.done);
        b.command(StallBench::stall_term(1));
        CHECK(a.done);
    }
}

TEST_CASE("records of terminated stalls leave the line, and those behind them are written", "[smmuv3][stall]") {
    StallBench b;
    for (int i = 0; i < 4; ++i) b.dma(here, Access::Read, 99);
    for (u64 page = 1; page <= 3; ++page) b.stall(page, 1);
    b.stall(4, 2);
    b.command(StallBench::stall_term(1));
    b.write(EventqCons{}.set(EventqCons::RD, 1)); // room for one
    REQUIRE(b.events() == 5);
    CHECK(b.fault(4).get(TranslationFault::SID) == StreamId{2});
}

TEST_CASE("a requester that cannot wait is not held by a stalling descriptor: it is ended as A says, and recorded",
          "[smmuv3][stall]") {
    StallBench b;
    CHECK(b.dma(here + page_size).ending == Ending::Abort);
    CHECK_FALSE(b.fault(0).get(TranslationFault::Stall));
    CHECK(b.events() == 1);
    CHECK(b.stalled.size() == 0);
}

TEST_CASE("a stalled transaction is left behind until CMD_RESUME, its record until software has taken it", "[smmuv3][stall]") {
    StallBench b;
    const auto left = [&b] {
        base::Leftovers out;
        b.unit.left_behind(out);
        std::vector<std::string> lines;
        for (const base::Leftover& l : out.all()) lines.push_back(l.owner + ": " + l.what);
        return lines;
    };
    CHECK(left().empty());
    b.stall();
    using Lines = std::vector<std::string>;
    CHECK(left() == Lines{"smmu.evtq: 1 record that software has not taken", "smmu: 1 stalled transaction without CMD_RESUME"});
    b.command(StallBench::resume(b.stag(0), false));
    CHECK(left() == Lines{"smmu.evtq: 1 record that software has not taken"});
    b.consume_events();
    CHECK(left().empty());
}

TEST_CASE("translation requests do not stall", "[smmuv3][stall]") {
    StallBench b;
    b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab).set(Ste::EATS, StreamAts::Full));
    TranslationRequest r = b.patient(here + page_size);
    r.type = AddressType::TranslationRequest;
    const Translation t = b.run(b.unit.translation().translate(r));
    CHECK(t.ending == Ending::Grant);
    CHECK(t.may == Permissions{});
    CHECK(b.events() == 0);
}

TEST_CASE("an aborted walk and a bad structure end the transaction, stalling descriptor or not", "[smmuv3][stall]") {
    StallBench b;
    SECTION("F_WALK_EABT") {
        b.memory.broken = b.ttb;
        CHECK(b.stall(1).got.ending == Ending::Abort);
        CHECK((b.only_event().word(0) & 0xff) == 0x0b);
    }
    SECTION("C_BAD_CD") {
        b.store(Bench::cdtab, Cd{});
        CHECK(b.stall(1).got.ending == Ending::Abort);
        CHECK((b.only_event().word(0) & 0xff) == 0x0a);
    }
    CHECK(b.held() == 0);
}

TEST_CASE("stall commands are illegal where the unit cannot stall, and with SSec", "[smmuv3][stall]") {
    const Identity none = identity_of(stalling(1, StallModel::NoStall));
    const Identity forced = identity_of(stalling(1, StallModel::StallForced));
    const auto legal = [](const auto& c, const Identity& id) { return decode_command(as_command(c), id).legal; };
    const Resume resume = StallBench::resume(1, true);
    const StallTerm term = StallBench::stall_term();
    CHECK_FALSE(legal(resume, none));
    CHECK_FALSE(legal(term, none));
    CHECK(legal(resume, forced));
    CHECK(legal(term, forced));
    CHECK_FALSE(legal(Resume{resume}.set(Resume::SSec, true), forced));
    CHECK_FALSE(legal(StallTerm{term}.set(StallTerm::SSec, true), forced));
}

TEST_CASE("a run may end with transactions stalled: what they hold is given back", "[smmuv3][stall]") {
    struct Counted {
        int& n;
        explicit Counted(int& count) : n(count) { ++n; }
        ~Counted() { --n; }
    };
    int alive = 0;
    {
        StallBench b{stalling(1)};
        for (u64 page = 1; page <= 3; ++page)
            sim::spawn([](StallBench& bench, int& count, u64 p) -> sim::Task<void> {
                const Counted here_too{count};
                const TranslationRequest r = bench.patient(here + p * page_size);
                const Translation t = co_await bench.unit.translation().translate(r);
                CHECK(t.ending == Ending::Abort); // never reached
            }(b, alive, page));
        b.settle();
        CHECK(b.held() == 3);
        CHECK(alive == 3);
        b.calendar.shutdown();
        CHECK(b.held() == 0);
    }
    CHECK(alive == 0);
}

namespace {

/// A guest that reads the event queue and answers stalls, one way or the other.
struct Answers {
    StallBench& b;
    u32 taken = 0;
    void step(unsigned choice) {
        if (taken == b.events()) return;
        const TranslationFault e = b.fault(taken);
        taken = base::WrapBit::next(taken, Bench::evtq_log2);
        b.write(EventqCons{}
                    .set(EventqCons::RD, taken)
                    .set(EventqCons::OVACKFLG, b.reg<EventqProd>().get(EventqProd::OVFLG)));
        if (!e.get(TranslationFault::Stall)) return;
        const auto stag = static_cast<u16>(e.get(TranslationFault::STAG));
        b.command(StallBench::resume(stag, choice % 3 == 0, choice % 3 == 1, raw(e.get(TranslationFault::SID))));
    }
};

} // namespace

TEST_CASE("every stall is resolved once and every transaction ends once, whatever the guest does",
          "[smmuv3][stall][property]") {
    testbench::holds(
        [] {
            const unsigned stall_max = *rc::gen::inRange(1u, 6u);
            const auto steps = *rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(0u, 60u));
            testbench::fresh_kernel();
            StallBench b{stalling(stall_max)};
            Answers guest{b};
            bool events_on = true;
            for (const unsigned step : steps) {
                const u32 stream = 1 + step % 2;
                if (step < 25) b.begin(b.patient(here + (1 + step % 8) * page_size, Access::Write, stream));
                if (step >= 25 && step < 40) guest.step(step);
                if (step >= 40 && step < 44) b.map_page(1 + step % 8);
                if (step == 44) b.command(make_command<TlbiNhAsid>().set(TlbiNhAsid::ASID, Asid{1}), Bench::sync());
                if (step == 45) b.command(StallBench::stall_term(stream));
                if (step == 46) b.post(b.reg<Cr0>().set(Cr0::EVENTQEN, events_on = !events_on));
                if (step == 47) b.dma(here, Access::Read, 99);
                if (step > 47) b.calendar.run_for(sim::Duration::ps(30'000 * (step - 47)));
            }
            b.write(b.reg<Cr0>().set(Cr0::EVENTQEN, true));
            RC_ASSERT(b.held() == b.stalled.size() - b.resolved.size());
            for (unsigned i = 0; b.held() != 0 && i < 1000; ++i) guest.step(1); // aborts
            RC_ASSERT(b.held() == 0u);
            for (const StallBench::Attempt& a : b.attempts) RC_ASSERT(a.done);
            std::map<u64, int> open;
            for (const auto& [when, e] : b.stalled.all) ++open[e.transaction];
            for (const auto& [when, e] : b.resolved.all) --open[e.transaction];
            for (const auto& [transaction, n] : open) RC_ASSERT(n == 0);
        },
        150);
}

} // namespace quiesce::iommu::smmuv3::test
