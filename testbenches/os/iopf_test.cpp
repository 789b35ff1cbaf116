// SPDX-License-Identifier: Apache-2.0
/// I/O page faults over an IOMMU driver that writes down what is answered: groups, address spaces, draining.
#include "os/iopf.h"
#include "os/machine.h"
#include "os/noting_device.h"
#include "os/noting_iommu_driver.h"

#include <array>

using namespace quiesce;
using namespace quiesce::os;
using sim::Duration;
using sim::Task;
using sim::Time;

namespace {

struct Driver final : test::NotingIommuDriver {
    struct Answer {
        u16 group;
        PageAnswer code;
        Time at;
        BondState state; ///< of the bond
    };
    std::vector<Answer> answers;
    std::vector<std::string> log;
    std::function<Task<void>(KernelContext&)> on_flush;
    const Bond* bond = nullptr;

    Task<bool> note(KernelContext&, std::string what) override {
        log.push_back(std::move(what));
        co_return true;
    }
    bool has_pri() const override { return true; }
    Task<void> page_response(KernelContext&, const PageFault& last, PageAnswer code) override {
        answers.push_back({last.group, code, sim::now(), bond == nullptr ? BondState::Unbound : bond->life.state()});
        co_return;
    }
    Task<void> flush_page_requests(KernelContext& ctx, const Bond&) override {
        log.push_back("flush");
        if (on_flush) co_await on_flush(ctx);
    }
    Task<bool> set_pasid(KernelContext& ctx, Bond& b) override {
        bond = &b;
        return note(ctx, "set");
    }
};

constexpr u64 heap_pages = 16, present = 2;

struct IopfBench : test::Machine {
    Driver driver;
    test::NotingDevice device{driver.log};
    std::vector<PageRequestFate> fates;
    std::vector<std::string> broken;

    explicit IopfBench(KernelVersion version = KernelVersion::V6_12, Policy policy = Policy::QuietUnbind,
                       const IopfConfig& iopf = {}, const std::vector<std::string>& bugs = {}) {
        config.bugs = bugs;
        config.kernel = version;
        config.policy = policy;
        config.iopf = iopf;
        make_kernel(u64{16} << 20);
        kernel->set_iommu(&driver);
        kernel->add_device("dev", device);
        call(kernel->boot());
        kernel->spawn("app", {heap_pages, present});
        REQUIRE(call(kernel->bind("app", "dev")));
        driver.log.clear();
    }
    ~IopfBench() { calendar.shutdown(); }

    const Bond& bond() const { return *driver.bond; }
    Va heap(u64 page) const { return kernel->heap("app")->start + page * page_size; }
    PageFault fault(Va at, u16 group = 0, bool last = true) const {
        PageFault f;
        f.stream = StreamId{8};
        f.has_pasid = true;
        f.pasid = bond().pasid;
        f.at = at;
        f.write = true;
        f.group = group;
        f.last = last;
        return f;
    }
    void report(const std::vector<PageFault>& list) {
        in_kernel([&](KernelContext& ctx) -> Task<void> {
            for (const PageFault& f : list) co_await kernel->page_faults().report(ctx, f);
        });
    }
    /// Begins to report, and goes on without waiting for what comes of it.
    void begin(const PageFault& f) {
        auto go = [](IopfBench& b, PageFault one) -> Task<void> {
            KernelContext ctx(b.kernel->scheduler(), "irq");
            co_await ctx.run();
            co_await b.kernel->page_faults().report(ctx, one);
            ctx.stop();
        };
        sim::spawn(go(*this, f));
    }
    PageAnswer only_answer() const {
        REQUIRE(driver.answers.size() == 1);
        return driver.answers.front().code;
    }
    u64 pages() const { return bond().mm.present_pages(); }

private:
    base::Subscription ended_ =
        events.subscribe<PageRequestEnded>([this](Time, const PageRequestEnded& e) { fates.push_back(e.fate); });
    base::Subscription broken_ =
        events.subscribe<OsViolation>([this](Time, const OsViolation& e) { broken.emplace_back(e.kind.text()); });
};

} // namespace

TEST_CASE("a page that was never touched is faulted in, and the device told so", "[os][iopf]") {
    IopfBench b;
    const u64 before = b.pages();
    b.report({b.fault(b.heap(5))});
    CHECK(b.only_answer() == PageAnswer::Success);
    CHECK(b.fates == std::vector{PageRequestFate::Handled});
    CHECK(b.pages() == before + 1);
}

TEST_CASE("the answer takes the report, the worker's wake-up, its own time and the fault", "[os][iopf]") {
    IopfBench b;
    Time begun;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        begun = sim::now();
        co_await b.kernel->page_faults().report(ctx, b.fault(b.heap(5)));
    });
    const Duration by_hand = b.config.iopf.report.get() + b.config.cpu.wake_up.get() +
                             b.config.cpu.context_switch.get() + b.config.iopf.handle.get() +
                             b.config.mm.fault_page.get();
    const Duration took = b.driver.answers.at(0).at - begun;
    CHECK(took >= by_hand);
    CHECK(took - by_hand < 500_ns); // the entry's store reaching memory
}

TEST_CASE("a page that is there already is granted without another frame", "[os][iopf]") {
    IopfBench b;
    const u64 before = b.pages();
    b.report({b.fault(b.heap(0))});
    CHECK(b.only_answer() == PageAnswer::Success);
    CHECK(b.pages() == before);
}

TEST_CASE("two requests for one page at once get one frame", "[os][iopf]") {
    IopfBench b;
    const u64 before = b.pages();
    b.begin(b.fault(b.heap(5), 1));
    b.begin(b.fault(b.heap(5), 2));
    b.settle();
    CHECK(b.driver.answers.size() == 2);
    CHECK(b.pages() == before + 1);
}

TEST_CASE("an address that nothing maps, or whose pages were unmapped, is invalid", "[os][iopf]") {
    IopfBench b;
    const bool unmapped = GENERATE(true, false);
    if (unmapped) REQUIRE(b.call(b.kernel->munmap("app", 4, 4)));
    const u64 before = b.pages();
    b.report({b.fault(unmapped ? b.heap(5) : Va{0x1000})});
    CHECK(b.only_answer() == PageAnswer::Invalid);
    CHECK(b.fates == std::vector{PageRequestFate::BadAddress});
    CHECK(b.pages() == before);
}

TEST_CASE("a fetch of an instruction from the heap is invalid", "[os][iopf]") {
    IopfBench b;
    PageFault f = b.fault(b.heap(5));
    f.execute = true;
    b.report({f});
    CHECK(b.only_answer() == PageAnswer::Invalid);
}

TEST_CASE("a PASID that nobody is bound to is invalid: at once on 6.12, by a worker before", "[os][iopf]") {
    const auto version = GENERATE(KernelVersion::V6_1, KernelVersion::V6_12);
    IopfBench b{version};
    PageFault f = b.fault(b.heap(5));
    f.pasid = Pasid{77};
    Time reported;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        co_await b.kernel->page_faults().report(ctx, f);
        reported = sim::now();
    });
    CHECK(b.only_answer() == PageAnswer::Invalid);
    CHECK((b.driver.answers[0].at <= reported) == (version == KernelVersion::V6_12));
    CHECK(b.fates == std::vector{PageRequestFate::NoBond});
}

TEST_CASE("a group is answered once, when its last request has come, after all of it", "[os][iopf]") {
    IopfBench b;
    b.report({b.fault(b.heap(5), 3, false), b.fault(b.heap(6), 3, false)});
    CHECK(b.driver.answers.empty());
    CHECK(b.kernel->page_faults().partial() == 2);
    b.report({b.fault(b.heap(7), 3, true)});
    CHECK(b.only_answer() == PageAnswer::Success);
    CHECK(b.driver.answers[0].group == 3);
    CHECK(b.fates.size() == 3);
    CHECK(b.kernel->page_faults().partial() == 0);
}

TEST_CASE("a request for which there is no room any more is dropped; its group is answered once, and without it", "[os][iopf]") {
    IopfConfig small;
    small.partial = 2;
    IopfBench b{KernelVersion::V6_12, Policy::QuietUnbind, small};
    const u64 before = b.pages();
    b.report({b.fault(b.heap(5), 3, false), b.fault(b.heap(6), 3, false), b.fault(b.heap(7), 3, false)});
    CHECK(b.driver.answers.empty());
    CHECK(b.fates == std::vector{PageRequestFate::NoMemory});
    b.report({b.fault(b.heap(8), 3, true)});
    CHECK(b.only_answer() == PageAnswer::Success);
    CHECK(b.pages() == before + 3);
}

TEST_CASE("after a request that cannot be handled the others of its group are not tried", "[os][iopf]") {
    IopfBench b;
    const u64 before = b.pages();
    b.report({b.fault(b.heap(5), 3, false), b.fault(Va{0x1000}, 3, false), b.fault(b.heap(7), 3, true)});
    CHECK(b.only_answer() == PageAnswer::Invalid);
    CHECK(b.fates == std::vector{PageRequestFate::Handled, PageRequestFate::BadAddress, PageRequestFate::Skipped});
    CHECK(b.pages() == before + 1);
}

TEST_CASE("groups are told apart by their index", "[os][iopf]") {
    IopfBench b;
    b.report({b.fault(b.heap(5), 1, false), b.fault(b.heap(6), 2, true)});
    REQUIRE(b.driver.answers.size() == 1);
    CHECK(b.driver.answers[0].group == 2);
    CHECK(b.kernel->page_faults().partial() == 1);
}

TEST_CASE("groups are told apart by their PASID, too, but with R13, where the rest of one joins another's", "[os][iopf]") {
    const bool mistaken = GENERATE(false, true);
    IopfBench b{KernelVersion::V6_1, Policy::QuietUnbind, {}, mistaken ? std::vector<std::string>{"R13"} : std::vector<std::string>{}};
    PageFault old = b.fault(b.heap(5), 1, false);
    old.pasid = Pasid{raw(old.pasid) + 1};
    const u64 before = b.pages();
    b.report({old, b.fault(b.heap(6), 1, true)});
    CHECK(b.only_answer() == PageAnswer::Success);
    CHECK(b.pages() == before + (mistaken ? 2 : 1));
    CHECK(b.kernel->page_faults().partial() == (mistaken ? 0 : 1));
}

TEST_CASE("what is kept of a bond's groups goes with the bond", "[os][iopf]") {
    IopfBench b;
    PageFault others = b.fault(b.heap(5), 2, false);
    b.report({b.fault(b.heap(5), 1, false), others});
    REQUIRE(b.call(b.kernel->unbind("app", "dev")));
    CHECK(b.fates == std::vector{PageRequestFate::Discarded, PageRequestFate::Discarded});
    CHECK(b.kernel->page_faults().partial() == 0);
}

TEST_CASE("a group for which there is no memory is refused at once; with R26 it is granted, and no page comes", "[os][iopf]") {
    const bool mistaken = GENERATE(false, true);
    IopfConfig small;
    small.groups = 1;
    IopfBench b{KernelVersion::V6_12, Policy::QuietUnbind, small, mistaken ? std::vector<std::string>{"R26"} : std::vector<std::string>{}};
    const u64 before = b.pages();
    b.begin(b.fault(b.heap(5), 1));
    b.begin(b.fault(b.heap(6), 2));
    b.settle();
    REQUIRE(b.driver.answers.size() == 2);
    CHECK(b.driver.answers[0].group == 2); // before the worker is through with the first
    CHECK(b.driver.answers[0].code == (mistaken ? PageAnswer::Success : PageAnswer::Invalid));
    CHECK(b.pages() == before + 1);
    CHECK(b.fates == std::vector{PageRequestFate::NoMemory, PageRequestFate::Handled});
}

TEST_CASE("what is kept of groups without a last request goes when the hardware lost requests", "[os][iopf]") {
    IopfBench b;
    b.report({b.fault(b.heap(5), 1, false), b.fault(b.heap(6), 2, false)});
    b.kernel->page_faults().discard_partial();
    CHECK(b.fates == std::vector{PageRequestFate::Discarded, PageRequestFate::Discarded});
    CHECK(b.kernel->page_faults().partial() == 0);
    CHECK(b.driver.answers.empty());
}

TEST_CASE("while its process is gone and the bond is not, a request is invalid", "[os][iopf]") {
    IopfBench b;
    REQUIRE(b.call(b.kernel->fork("app", "child"))); // keeps the file, and with it the bond
    b.call(b.kernel->kill("app"));
    REQUIRE(b.bond().life.state() == BondState::Exited);
    PageFault f = b.fault(Va{0x1000});
    b.report({f});
    CHECK(b.only_answer() == PageAnswer::Invalid);
    CHECK(b.fates == std::vector{PageRequestFate::MmDead});
}

TEST_CASE("with no memory left the process dies for its device's request, whose worker keeps the address space until it is reaped", "[os][iopf][oom]") {
    IopfBench b;
    const AddressSpace& mm = b.bond().mm; // it does not go before the run ends
    while (b.kernel->frames().has_room()) b.kernel->frames().take_kernel(page_size);
    b.report({b.fault(b.heap(5))});
    CHECK(b.only_answer() == PageAnswer::Invalid);
    CHECK(b.fates == std::vector{PageRequestFate::Reaped});
    CHECK(mm.dead());
    CHECK(b.driver.answers[0].at - Time{} >= b.kernel->config().oom.delay.get());
}

TEST_CASE("with no memory left and nobody who may be killed a request is invalid", "[os][iopf][oom]") {
    IopfBench b;
    b.kernel->set_oom_score_adj("app", -1000);
    while (b.kernel->frames().has_room()) b.kernel->frames().take_kernel(page_size);
    b.report({b.fault(b.heap(5))});
    CHECK(b.only_answer() == PageAnswer::Invalid);
    CHECK(b.fates == std::vector{PageRequestFate::NoMemory});
    CHECK(b.broken == std::vector<std::string>{"deadlock"});
}

TEST_CASE("as many groups are handled at once as there are workers, each once", "[os][iopf]") {
    IopfConfig c;
    c.workers = GENERATE(1u, 3u);
    IopfBench b{KernelVersion::V6_12, Policy::QuietUnbind, c};
    for (u16 n = 0; n < 10; ++n) b.begin(b.fault(b.heap(4 + n), n));
    b.settle();
    std::vector<u16> groups;
    for (const auto& a : b.driver.answers) groups.push_back(a.group);
    std::sort(groups.begin(), groups.end());
    CHECK(groups == std::vector<u16>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(b.kernel->page_faults().queued() == 0);
}

TEST_CASE("flushing returns when what was queued is answered, and waits for nothing else", "[os][iopf]") {
    IopfBench b;
    Time idle, flushed;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        const Time begun = sim::now();
        co_await b.kernel->page_faults().flush(ctx);
        CHECK(sim::now() == begun);
        co_await b.kernel->page_faults().report(ctx, b.fault(b.heap(5)));
        idle = sim::now();
        co_await b.kernel->page_faults().flush(ctx);
        flushed = sim::now();
    });
    REQUIRE(b.driver.answers.size() == 1);
    CHECK(b.driver.answers[0].at > idle);
    CHECK(flushed >= b.driver.answers[0].at);
}

TEST_CASE("unbind stops the device, drains its page requests, and only then clears the context", "[os][iopf]") {
    const auto version = GENERATE(KernelVersion::V6_1, KernelVersion::V6_12);
    IopfBench b{version};
    b.driver.on_flush = [&b](KernelContext& ctx) -> Task<void> { // what was in the hardware's queue
        co_await b.kernel->page_faults().report(ctx, b.fault(b.heap(5)));
    };
    REQUIRE(b.call(b.kernel->unbind("app", "dev")));
    REQUIRE(b.driver.answers.size() == 1);
    CHECK(b.driver.answers[0].code == PageAnswer::Success);
    CHECK(b.driver.answers[0].state == BondState::Bound); // before the context is cleared
    CHECK(std::vector(b.driver.log.begin(), b.driver.log.begin() + 3) ==
          std::vector<std::string>{"stop", "flush", "clear"});
    CHECK(b.broken.empty());
}

TEST_CASE("with mm_exit, release drains the dying process's page requests before it detaches", "[os][iopf]") {
    IopfBench b{KernelVersion::V2018, Policy::MmExit};
    b.driver.on_flush = [&b](KernelContext& ctx) -> Task<void> {
        if (b.driver.answers.empty()) co_await b.kernel->page_faults().report(ctx, b.fault(Va{0x1000}));
    };
    b.call(b.kernel->kill("app"));
    REQUIRE(b.driver.answers.size() == 1);
    CHECK(b.driver.answers[0].code == PageAnswer::Invalid);
    CHECK(std::vector(b.driver.log.begin(), b.driver.log.begin() + 3) ==
          std::vector<std::string>{"stop", "flush", "clear"});
    CHECK(b.broken.empty());
}

TEST_CASE("a process dies while workers hold its address space: whoever is last ends it, under every policy",
          "[os][iopf]") {
    const auto [policy, version] =
        GENERATE(std::pair{Policy::QuietUnbind, KernelVersion::V6_12},
                 std::pair{Policy::QuietUnbind, KernelVersion::V6_1}, std::pair{Policy::MmExit, KernelVersion::V2018});
    IopfBench b{version, policy};
    const Duration earlier = GENERATE(0_us, 4_us, 8_us);
    bool dead = false;
    auto killing = [](IopfBench& bench, bool& over) -> Task<void> {
        co_await bench.kernel->kill("app");
        over = true;
    };
    sim::spawn(killing(b, dead));
    b.calendar.run_for(earlier);
    for (u16 n = 0; n < 12; ++n) b.begin(b.fault(b.heap(4 + n), n));
    b.settle();
    CHECK(dead);
    CHECK(b.driver.answers.size() == 12);
    CHECK(b.pages() == 0);
    CHECK(b.broken.empty());
    CHECK(b.kernel->unrest().empty());
}
