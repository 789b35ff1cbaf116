// SPDX-License-Identifier: Apache-2.0
/// The end of memory: who is killed, who takes its pages and when, and what keeps others from it.
#include "base/property.h"
#include "os/machine.h"

using namespace quiesce;
using namespace quiesce::os;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {

constexpr u64 ram_pages = 1024;

struct OomBench : test::Machine {
    explicit OomBench(KernelVersion version = KernelVersion::V6_12, std::vector<std::string> bugs = {}) {
        patience = 100_s;
        config.kernel = version;
        config.policy = version == KernelVersion::V6_12 || version == KernelVersion::V6_1 ? Policy::QuietUnbind : Policy::MmExit;
        config.bugs = std::move(bugs);
        config.oom.ram = base::Size{ram_pages * page_size};
    }
    ~OomBench() { calendar.shutdown(); }
    /// `hog`, which is never killed, writes to so many pages.
    void press(u64 pages) {
        if (kernel->heap("hog") == nullptr) hog();
        call(kernel->touch("hog", 0, pages));
    }
    void hog() {
        kernel->spawn("hog", {ram_pages, 0});
        kernel->set_oom_score_adj("hog", -1000);
    }
    std::vector<std::string> names() const {
        std::vector<std::string> n;
        for (const auto& v : victims) n.emplace_back(v.process.text());
        return n;
    }

    std::vector<OomVictimMarked> victims;
    std::vector<std::string> log;
    std::vector<std::pair<Time, OomReapTried>> tries;
    std::vector<std::pair<Time, OomVictimHidden>> hidden;
    std::vector<Time> marks, freed_leaves;
    u64 reaped = 0, tables_freed = 0;

private:
    base::Subscription marked_ = events.subscribe<OomVictimMarked>([this](Time now, const OomVictimMarked& e) {
        victims.push_back(e);
        marks.push_back(now);
        log.push_back("mark " + std::string{e.process.text()});
    });
    base::Subscription changed_ = events.subscribe<ProcessChanged>([this](Time, const ProcessChanged& e) {
        log.push_back(std::string{e.state.text()} + " " + std::string{e.process.text()});
    });
    base::Subscription tried_ = events.subscribe<OomReapTried>([this](Time now, const OomReapTried& e) { tries.emplace_back(now, e); });
    base::Subscription hidden_ =
        events.subscribe<OomVictimHidden>([this](Time now, const OomVictimHidden& e) { hidden.emplace_back(now, e); });
    base::Subscription reaped_ = events.subscribe<OomMappingReaped>([this](Time, const OomMappingReaped& e) { reaped += e.pages; });
    base::Subscription freed_ = events.subscribe<memory::FrameFreed>([this](Time now, const memory::FrameFreed& e) {
        if (e.use == memory::FrameUse::Leaf) freed_leaves.push_back(now);
        else ++tables_freed;
    });
};

/// A wake-up until the woken context runs.
Duration woken(const CpuConfig& c) { return c.wake_up.get() + c.context_switch.get(); }

} // namespace

TEST_CASE("as long as there is memory nobody is killed, and nobody waits", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {500});
    b.press(400);
    CHECK(b.victims.empty());
    CHECK(b.kernel->frames().left() < b.kernel->frames().limit());
}

TEST_CASE("the OOM killer takes the process with most pages and tables", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    const bool first = GENERATE(true, false);
    b.kernel->spawn("elder", {first ? 320u : 300u});
    b.kernel->spawn("small", {100});
    b.kernel->spawn("younger", {first ? 300u : 320u});
    b.press(400);
    REQUIRE(b.names() == std::vector<std::string>{first ? "elder" : "younger"});
    CHECK(b.victims[0].points == static_cast<i64>(b.victims[0].pages + b.victims[0].tables));
    CHECK(b.victims[0].pages == 328);
    CHECK_FALSE(b.victims[0].enough);
}

TEST_CASE("oom_score_adj counts in thousandths of all memory, and -1000 protects", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("large", {500});
    b.kernel->spawn("small", {100});
    const int adj = GENERATE(0, 300, 500, -1000);
    b.kernel->set_oom_score_adj("small", adj);
    const bool small = adj * static_cast<i64>(ram_pages / 1000) + 108 > 508;
    b.press(500);
    REQUIRE_FALSE(b.names().empty());
    CHECK(b.names()[0] == (small ? "small" : "large"));
}

TEST_CASE("a victim gets SIGKILL before it is marked, so that it has of the reserve only what it needs to die", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {600});
    b.press(500);
    const auto dying = std::find(b.log.begin(), b.log.end(), "dying app"), mark = std::find(b.log.begin(), b.log.end(), "mark app");
    REQUIRE(mark != b.log.end());
    CHECK(dying < mark);
}

TEST_CASE("a victim that dies by itself in time is not reaped, and its allocation waits for no reaper", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {600});
    b.press(500);
    CHECK(b.tries.empty());
    CHECK(b.freed_leaves.size() == 608);
    CHECK(b.freed_leaves.back() - b.marks.at(0) < 1_ms);
}

TEST_CASE("the reaper looks at a victim that cannot die 2 s after its mark; before 5.18 at once", "[os][oom]") {
    const auto version = GENERATE(KernelVersion::V6_12, KernelVersion::V2018);
    OomBench b{version};
    b.make_kernel();
    b.kernel->spawn("app", {600});
    sim::spawn(b.kernel->sleep_in_kernel("app", 0, 10_s));
    b.press(500);
    const Duration delay = version == KernelVersion::V6_12 ? b.config.oom.delay.get() : Duration{};
    REQUIRE(b.tries.size() == 1);
    CHECK(b.tries[0].second.how == OomReap::Reaped);
    CHECK(b.reaped == 608);
    // Pages are freed when a gather is full: so many were unmapped, flushed, and the first given back.
    const MmConfig& mm = b.config.mm;
    const Duration unmapped = static_cast<i64>(b.config.mm.gather.get() - 8) * mm.unmap_page.get();
    CHECK(b.freed_leaves.front() - b.marks.at(0) >= delay + woken(b.config.cpu) + mm.tlb_flush.get());
    CHECK(b.freed_leaves.front() - b.marks.at(0) <= delay + woken(b.config.cpu) + 2 * unmapped);
}

TEST_CASE("reaping leaves page tables, which go with the victim", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {600});
    sim::spawn(b.kernel->sleep_in_kernel("app", 0, 10_s));
    u64 at_hiding = 99;
    auto token = b.events.subscribe<OomVictimHidden>([&](Time, const OomVictimHidden&) { at_hiding = b.tables_freed; });
    b.press(500);
    CHECK(at_hiding == 0);
    CHECK(b.tables_freed > 0);
}

TEST_CASE("who holds the mmap lock for writing keeps the reaper away ten times; then another is killed, though the first had enough", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {500});
    b.kernel->spawn("other", {200});
    // munmap waits as a writer for a reader that sleeps; a reader that comes later, or tries, does not get in.
    REQUIRE(b.call(b.kernel->register_user_pointers("app", 0, 8, 5_s)));
    sim::spawn([](OomBench& bench) -> Task<void> { co_await bench.kernel->munmap("app", 0, 8); }(b));
    b.calendar.run_for(1_ms);
    b.press(400);
    REQUIRE(b.tries.size() == 10);
    for (const auto& [at, t] : b.tries) CHECK(t.how == OomReap::Busy);
    const OomConfig& oom = b.config.oom;
    CHECK(b.hidden.at(0).second.given_up);
    CHECK(b.hidden.at(0).first - b.marks.at(0) == oom.delay.get() + woken(b.config.cpu) + 9 * (oom.nap.get() + woken(b.config.cpu)));
    REQUIRE(b.names() == std::vector<std::string>{"app", "other"});
    CHECK(b.victims[1].enough);
    CHECK(b.victims[1].held_by_earlier == 508);
}

TEST_CASE("with R21 the reaper gives up after the first try", "[os][oom]") {
    OomBench b{KernelVersion::V6_12, {"R21"}};
    b.make_kernel();
    b.kernel->spawn("app", {500});
    b.kernel->spawn("other", {200});
    REQUIRE(b.call(b.kernel->register_user_pointers("app", 0, 8, 2500_ms)));
    b.press(400);
    CHECK(b.hidden.at(0).second.tries == 1);
    CHECK(b.names().size() == 2);
}

TEST_CASE("a range notifier that would have to wait keeps its mapping from the reaper, and no other", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {500});
    REQUIRE(b.call(b.kernel->register_user_pointers("app", 0, 1, 2200_ms)));
    b.press(520);
    REQUIRE(b.tries.size() >= 2);
    CHECK(b.tries[0].second.how == OomReap::Refused);
    CHECK(b.reaped >= 8); // the stack at once
    CHECK(b.freed_leaves.size() == 508);
    CHECK(b.victims.size() == 1);
}

TEST_CASE("the reaper leaves shared, hugetlb and PFN-mapped memory and calls that a success", "[os][oom]") {
    const auto kind = GENERATE(MemoryKind::Shared, MemoryKind::Hugetlb, MemoryKind::PfnMapped);
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {500, 500, kind});
    sim::spawn(b.kernel->sleep_in_kernel("app", 0, 5_s));
    std::vector<OomMappingSkipped> skipped;
    auto token = b.events.subscribe<OomMappingSkipped>([&](Time, const OomMappingSkipped& e) { skipped.push_back(e); });
    b.press(520);
    REQUIRE(b.tries.size() == 1);
    CHECK(b.tries[0].second.how == OomReap::Reaped);
    CHECK(b.reaped == 8);
    REQUIRE(skipped.size() == 1);
    CHECK(skipped[0].pages == 500);
    CHECK(skipped[0].why == base::enum_text(kind));
}

TEST_CASE("an OOM victim's mm_struct stays until its zombie is reaped and the reaper's timer has let go of its task", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {600});
    b.hog();
    sim::spawn([](OomBench& bench) -> Task<void> { co_await bench.kernel->touch("hog", 0, 500); }(b));
    b.calendar.run_for(1_s);
    REQUIRE(b.log.back() == "reaped app");
    CHECK_FALSE(b.kernel->at_rest());
    b.calendar.run_until(b.marks.at(0) + b.config.oom.delay.get() - 1_ns);
    CHECK_FALSE(b.kernel->at_rest());
    b.settle();
    CHECK(b.kernel->at_rest());
}

TEST_CASE("process_mrelease takes what a dying process has, at once and from another's context", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {500});
    std::optional<OomKiller::Release> alive, dying, dead;
    auto ask = [](OomBench& bench, std::optional<OomKiller::Release>& into) -> Task<void> {
        const OomKiller::Release how = co_await bench.kernel->mrelease("app");
        into = how;
    };
    b.call(ask(b, alive));
    CHECK(alive == OomKiller::Release::NotDying);
    sim::spawn(b.kernel->sleep_in_kernel("app", 0, 5_s));
    b.calendar.run_for(1_ms);
    sim::spawn(b.kernel->kill("app"));
    b.calendar.run_for(1_ms);
    sim::spawn(ask(b, dying));
    b.calendar.run_for(100_ms);
    CHECK(dying == OomKiller::Release::Done);
    CHECK(b.reaped == 508);
    b.settle();
    b.call(ask(b, dead));
    CHECK(dead == OomKiller::Release::NoProcess);
}

TEST_CASE("process_mrelease is refused by a range notifier, and is not there before 5.15", "[os][oom]") {
    const auto version = GENERATE(KernelVersion::V6_12, KernelVersion::V2018);
    OomBench b{version};
    b.make_kernel();
    b.kernel->spawn("app", {500}, 2);
    REQUIRE(b.call(b.kernel->register_user_pointers("app", 0, 1, 1_s)));
    sim::spawn(b.kernel->kill("app"));
    b.calendar.run_for(1_ms);
    std::optional<OomKiller::Release> how;
    sim::spawn([](OomBench& bench, std::optional<OomKiller::Release>& into) -> Task<void> {
        const OomKiller::Release result = co_await bench.kernel->mrelease("app");
        into = result;
    }(b, how));
    b.calendar.run_for(1_ms);
    // Its last thread has passed exit_mm and waits for the GPU in exit_mmap: there is no task with that address space.
    CHECK(how == (version == KernelVersion::V6_12 ? OomKiller::Release::NoProcess : OomKiller::Release::NoCall));
}

// ---- an address space by itself -------------------------------------------------------------------------------------

namespace {
struct ReapBench : test::Machine {
    MmConfig mm_config;
    ReapBench() { make_kernel(); }
    ~ReapBench() { calendar.shutdown(); }
    std::map<u64, unsigned> freed; ///< how often each frame was
    base::Subscription token = events.subscribe<memory::FrameFreed>([this](Time, const memory::FrameFreed& e) {
        if (e.use == memory::FrameUse::Leaf) ++freed[e.frame.value()];
    });
};
} // namespace

TEST_CASE("the reaper and the exit may unmap at once: every page is freed once, and tables are waited for", "[os][oom]") {
    ReapBench b;
    const bool held = rc::check("reaper beside exit", [&b] {
        b.freed.clear();
        b.mm_config.gather = *rc::gen::inRange(1u, 600u);
        AddressSpace mm(MmId{7}, "mm", b.mm_config, b.kernel->frames());
        u64 pages = 0, at = 0x1000'0000;
        const int mappings = *rc::gen::inRange(1, 6);
        for (int i = 0; i < mappings; ++i) {
            const u64 n = *rc::gen::inRange(1u, 700u);
            mm.map("m" + std::to_string(i), Va{at}, {n});
            pages += n;
            at += (n + *rc::gen::inRange(0u, 1000u)) * page_size;
        }
        const bool backwards = *rc::gen::arbitrary<bool>();
        const auto later = Duration::ps(*rc::gen::inRange(0, 100'000'000));
        sim::spawn([](ReapBench& bench, AddressSpace& space, bool back, Duration wait) -> Task<void> {
            KernelContext ctx(bench.kernel->scheduler(), "oom_reaper");
            co_await sim::delay(wait);
            co_await ctx.run();
            const sim::RwLock::Held lock = space.mmap_lock().try_read();
            if (lock && !space.hidden()) co_await space.reap(ctx, back);
            ctx.stop();
        }(b, mm, backwards, later));
        b.in_kernel([&](KernelContext& ctx) -> Task<void> { co_await mm.mmput(ctx); });
        RC_ASSERT(b.freed.size() == pages);
        for (const auto& [frame, times] : b.freed) RC_ASSERT(times == 1u);
        RC_ASSERT(mm.present_pages() == 0u);
    });
    CHECK(held);
}

TEST_CASE("what faults after the reaper has begun gets no page", "[os][oom]") {
    ReapBench b;
    AddressSpace mm(MmId{7}, "mm", b.mm_config, b.kernel->frames());
    mm.map("heap", Va{0x1000'0000}, {16, 8});
    std::vector<FaultResult> results;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        const FaultResult before = co_await mm.fault_in(ctx, Va{0x1000'8000});
        co_await mm.reap(ctx, false);
        const FaultResult after = co_await mm.fault_in(ctx, Va{0x1000'8000});
        results = {before, after};
    });
    CHECK(results == std::vector{FaultResult::Done, FaultResult::Unstable});
    CHECK(b.freed.size() == 9);
}

TEST_CASE("while the dead are giving their memory back nobody says that none comes, though nobody can be killed", "[os][oom]") {
    OomBench b;
    b.config.mm.unmap_page = 100_us;
    b.make_kernel();
    b.kernel->spawn("app", {600});
    std::vector<bool> nobody;
    unsigned deadlocks = 0;
    auto found = b.events.subscribe<OomFoundNobody>([&](Time, const OomFoundNobody& e) { nobody.push_back(e.comes); });
    auto told = b.events.subscribe<OsViolation>([&](Time, const OsViolation& e) { deadlocks += e.kind.text() == "deadlock"; });
    b.hog();
    sim::spawn(b.kernel->kill("app"));
    b.calendar.run_for(100_us);
    b.press(500); // app has no mm any more, and is in exit_mmap for 60 ms
    CHECK_FALSE(nobody.empty());
    CHECK(std::count(nobody.begin(), nobody.end(), false) == 0);
    CHECK(deadlocks == 0);
    CHECK(b.victims.empty());
    b.press(ram_pages); // and now there is nobody left
    CHECK_FALSE(nobody.back());
    CHECK(deadlocks > 0);
}

TEST_CASE("a process that begins where memory is short has it as everybody else has: somebody is killed for it", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {600});
    REQUIRE_FALSE(b.kernel->has_frames({500}));
    CHECK(b.call(b.kernel->spawn_by_faults("late", {500}, 1, 0)));
    CHECK(b.names() == std::vector<std::string>{"app"});
    CHECK(b.kernel->frames().limit() - b.kernel->frames().left() >= 500 + 8);
    CHECK(b.kernel->frames().limit() - b.kernel->frames().left() <= NewMapping{500}.frames());
    CHECK(b.call(b.kernel->touch("late", 0, 500)));
}

TEST_CASE("exec where memory is short has its pages when the old address space is gone, and nobody dies of it", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.kernel->spawn("app", {600});
    REQUIRE_FALSE(b.kernel->has_frames({500}));
    CHECK(b.call(b.kernel->exec("app", 500, false)));
    CHECK(b.victims.empty());
    CHECK(b.freed_leaves.size() == 608);
    CHECK(b.kernel->frames().limit() - b.kernel->frames().left() >= 500 + 8);
}

TEST_CASE("a driver's large table has one pass of reclaim and nobody's life; what may not wait has of the reserve", "[os][oom]") {
    OomBench b;
    b.make_kernel();
    b.hog();
    const u64 reserve = b.config.oom.reserve.get();
    b.press(ram_pages - 100);
    FrameAllocator& frames = b.kernel->frames();
    const u64 left = frames.left();
    std::vector<bool> had;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        for (const auto& [pages, how] : {std::pair{left - reserve, Gfp::Kernel}, std::pair{left - reserve + 1, Gfp::Kernel},
                                         std::pair{left - reserve * 3 / 8, Gfp::Atomic}, std::pair{left - reserve * 3 / 8 + 1, Gfp::Atomic}}) {
            const bool room = co_await frames.room_for_table(ctx, pages, how);
            had.push_back(room);
        }
    });
    CHECK(had == std::vector<bool>{true, false, true, false});
    CHECK(b.victims.empty());
}
