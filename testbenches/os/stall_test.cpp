// SPDX-License-Identifier: Apache-2.0
/// Stalled transactions of a platform device from the SMMUv3's event queue to CMD_RESUME, and what the entries say that
/// make them stall. Bits are those of facts/iommu-specs.md 1.3, 1.4 and 1.6.
#include "os/smmuv3_bench.h"

#include "iommu/events.h"

using namespace quiesce;
using namespace quiesce::os;
using namespace quiesce::os::test::smmuv3;
using iommu::Ending;
using iommu::smmuv3::StallModel;

namespace {

iommu::smmuv3::Smmuv3Config unit_that(StallModel model, unsigned stall_max = 64) {
    iommu::smmuv3::Smmuv3Config c;
    c.stall_model = model;
    c.stall_max = stall_max;
    return c;
}
constexpr drivers::FirmwareNode can_stall{20, true}, cannot_stall{20, false};

/// A platform device, and a process that is bound to it and has touched none of its pages.
struct OsStallBench : Bench {
    std::vector<iommu::Translation> ended;
    std::vector<iommu::StallResolved> resolved;
    std::vector<base::Subscription> tokens;
    explicit OsStallBench(const iommu::smmuv3::Smmuv3Config& c = unit_that(StallModel::StallAndTerminate),
                          KernelVersion version = KernelVersion::V6_12, std::vector<std::string> bugs = {},
                          drivers::FirmwareNode node = can_stall)
        : Bench(version, std::move(bugs), c, without_atc(), {}, node) {
        tokens.push_back(events.subscribe<iommu::StallResolved>(
            [this](Time, const iommu::StallResolved& e) { resolved.push_back(e); }));
        kernel->spawn("proc", {64, 0});
        REQUIRE(call(kernel->bind("proc", "dev")));
        spy->commands.clear();
    }
    /// A request of the device for a page of the process's heap.
    void request(u64 page, bool write = true, Pasid pasid = Pasid{1}) {
        iommu::TranslationRequest r{};
        r.transaction = ++transactions;
        r.stream = StreamId{0x108};
        r.has_pasid = true;
        r.pasid = pasid;
        r.at = iova_of(kernel->heap("proc")->start + page * page_size);
        r.bytes = 64;
        r.access = write ? iommu::Access::Write : iommu::Access::Read;
        r.may_stall = true;
        sim::spawn(keep(r));
    }
    Task<void> keep(iommu::TranslationRequest r) {
        auto asked = unit->translation().translate(r);
        iommu::Translation t = co_await std::move(asked);
        t.in_flight.end();
        ended.push_back(std::move(t));
    }
    u64 transactions = 0;
};

/// CD word 0 of a bond: S [44], R [45], EPD0 [14], V [31].
bool stall_bit(u64 word0) { return (word0 >> 44 & 1) != 0; }
bool record_bit(u64 word0) { return (word0 >> 45 & 1) != 0; }

} // namespace

TEST_CASE("a stream may stall where the unit can and firmware says that the device can", "[os][stall]") {
    struct Row {
        StallModel model;
        std::optional<drivers::FirmwareNode> node;
        bool s, s1stalld;
    };
    const Row row = GENERATE(Row{StallModel::NoStall, can_stall, false, false},
                             Row{StallModel::StallAndTerminate, can_stall, true, false},
                             Row{StallModel::StallAndTerminate, cannot_stall, false, true},
                             Row{StallModel::StallAndTerminate, std::nullopt, false, true}, // a PCI function
                             Row{StallModel::StallForced, cannot_stall, true, false});
    Bench b(KernelVersion::V6_12, {}, unit_that(row.model), without_atc(), {}, row.node);
    CHECK(b.driver->stalls_enabled(StreamId{0x108}) == row.s);
    CHECK((b.peek(b.ste() + 8) >> 27 & 1) == row.s1stalld);
    b.bind();
    CHECK(stall_bit(b.peek(b.cd())) == row.s);
    CHECK(record_bit(b.peek(b.cd())));
}

TEST_CASE("the quiet entry of 6.12 neither stalls nor records, unless the unit forces stalls; that of 6.1 keeps both",
          "[os][stall]") {
    struct Row {
        KernelVersion version;
        StallModel model;
        bool kept;
    };
    const Row row = GENERATE(Row{KernelVersion::V6_12, StallModel::StallAndTerminate, false},
                             Row{KernelVersion::V6_12, StallModel::StallForced, true},
                             Row{KernelVersion::V6_1, StallModel::StallAndTerminate, true});
    Bench b(row.version, {}, unit_that(row.model), without_atc(), {}, can_stall);
    b.bind();
    b.quiet();
    const u64 word0 = b.peek(b.cd());
    CHECK((word0 >> 31 & 1) == 1); // V
    CHECK((word0 >> 14 & 1) == 1); // EPD0
    CHECK(stall_bit(word0) == row.kept);
    CHECK(record_bit(word0) == row.kept);
}

TEST_CASE("a stalled transaction is retried with CMD_RESUME and no CMD_SYNC once its page is there", "[os][stall]") {
    OsStallBench b;
    b.request(3);
    b.settle();
    CHECK(b.spy->commands == Words{"RESUME sid 108 stag 0 retry"});
    REQUIRE(b.ended.size() == 1);
    CHECK(b.ended[0].ending == Ending::Grant);
    REQUIRE(b.resolved.size() == 1);
    CHECK(b.resolved[0].how == iommu::StallResolution::Retried);
    CHECK(b.unit->stalls().held() == 0);
    CHECK(b.driver->events_seen() == 0); // nothing is printed
}

TEST_CASE("each stalled transaction is answered by its own tag", "[os][stall]") {
    OsStallBench b;
    for (u64 page = 0; page < 4; ++page) b.request(page, page % 2 == 0);
    b.settle();
    CHECK(b.ended.size() == 4);
    std::set<std::string> answers(b.spy->commands.begin(), b.spy->commands.end());
    CHECK(answers == std::set<std::string>{"RESUME sid 108 stag 0 retry", "RESUME sid 108 stag 1 retry",
                                           "RESUME sid 108 stag 2 retry", "RESUME sid 108 stag 3 retry"});
}

TEST_CASE("an address that is not mapped and a process that is gone end with an abort", "[os][stall]") {
    OsStallBench b;
    b.request(4000);
    b.settle();
    CHECK(b.spy->commands == Words{"RESUME sid 108 stag 0 abort"});
    REQUIRE(b.ended.size() == 1);
    CHECK(b.ended[0].ending == Ending::Abort);
}

TEST_CASE("transactions that are stalled when their process dies are aborted, each once", "[os][stall]") {
    const KernelVersion version = GENERATE(KernelVersion::V6_12, KernelVersion::V6_1);
    OsStallBench b{unit_that(StallModel::StallAndTerminate, 4), version};
    const std::string process = "proc"; // kill() refers to it until it is over
    sim::spawn(b.kernel->kill(process));
    for (u64 page = 0; page < 12; ++page) b.request(page); // eight of them wait for a tag
    b.settle();
    CHECK(b.ended.size() == 12);
    CHECK(b.unit->stalls().held() == 0);
    u64 stalled_ends = 0;
    for (const auto& r : b.resolved) stalled_ends += r.by == iommu::StallResolver::Resume;
    CHECK(b.spy->commands.size() >= stalled_ends);
    CHECK(b.ended.back().ending == Ending::Abort);
}

TEST_CASE("a driver that forgets CMD_RESUME leaves transactions stalled for ever", "[os][stall]") {
    OsStallBench b{unit_that(StallModel::StallAndTerminate), KernelVersion::V6_12, {"forget-resume"}};
    b.request(3);
    b.settle();
    CHECK(b.spy->commands.empty());
    CHECK(b.ended.empty());
    CHECK(b.unit->stalls().held() == 1);
}

TEST_CASE("flushing returns when every stall that is in the event queue has been reported", "[os][stall]") {
    OsStallBench b;
    for (u64 page = 0; page < 30; ++page) b.request(page);
    b.calendar.run_for(3_us); // some are records, and the interrupt thread is at work
    u64 prod = 0, cons = 0;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        prod = co_await ctx.mmio_read(registers + 0x100a8, 4);
        co_await b.driver->flush_stalls(ctx);
        cons = co_await ctx.mmio_read(registers + 0x100ac, 4);
    });
    CHECK(prod > 0);
    CHECK(cons >= prod);
}

TEST_CASE("what is recorded while the queue is handled and flushed is answered, too", "[os][stall]") {
    OsStallBench b;
    const auto ask = [](OsStallBench& bench) -> Task<void> {
        for (u64 page = 0; page < 40; ++page) {
            bench.request(page);
            co_await sim::delay(150_ns);
        }
    };
    const auto flush = [](OsStallBench& bench, Duration after) -> Task<void> {
        co_await sim::delay(after);
        KernelContext ctx(bench.kernel->scheduler(), "flush");
        co_await ctx.run();
        co_await bench.driver->flush_stalls(ctx);
        ctx.stop();
    };
    sim::spawn(ask(b));
    for (int n = 0; n < 40; ++n) sim::spawn(flush(b, 200_ns * n));
    b.settle();
    CHECK(b.ended.size() == 40);
    CHECK(b.spy->commands.size() == 40); // each is resumed
}
