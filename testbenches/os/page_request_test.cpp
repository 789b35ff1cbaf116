// SPDX-License-Identifier: Apache-2.0
/// Page requests from the SMMUv3's queue to the commands that answer them, and how a function's interface is enabled.
/// Bits are those of facts/iommu-specs.md 1.5, 1.6, 1.8 and 4.3.
#include "os/smmuv3_bench.h"

#include "iommu/events.h"

using namespace quiesce;
using namespace quiesce::os;
using namespace quiesce::os::test::smmuv3;
using quiesce::os::test::StubFunction;

namespace {

drivers::Smmuv3DriverConfig with_pri(unsigned priq_log2 = 8) {
    drivers::Smmuv3DriverConfig c;
    c.pri = true;
    c.priq_log2 = priq_log2;
    return c;
}

/// Answers that left the unit.
struct Sink final : iommu::PageResponsePort {
    std::vector<iommu::PageGroupResponse> all;
    Task<void> respond(iommu::PageGroupResponse r) override {
        all.push_back(r);
        co_return;
    }
};

struct PriBench : Bench {
    Sink sink;
    explicit PriBench(const drivers::Smmuv3DriverConfig& c = with_pri(), const pcie::FunctionConfig& f = with_atc())
        : Bench(KernelVersion::V6_12, {}, {}, f, c) {
        unit->set_page_response_port(&sink);
        kernel->spawn("proc", {64, 0});
        REQUIRE(call(kernel->bind("proc", "dev")));
        spy->commands.clear();
    }
    iommu::PageRequestMessage message(u16 group, bool last = true, u64 page = 3) const {
        iommu::PageRequestMessage m;
        m.stream = StreamId{0x108};
        m.has_pasid = true;
        m.pasid = Pasid{1};
        m.at = iova_of(kernel->heap("proc")->start + page * page_size);
        m.write = true;
        m.last = last;
        m.group = group;
        return m;
    }
    void send(const iommu::PageRequestMessage& m) { sim::spawn(unit->page_requests().page_request(m)); }
};

} // namespace

TEST_CASE("without the patch the driver leaves the page request queue and the functions' interfaces off", "[os][pri]") {
    Bench b(KernelVersion::V6_12, {}, {}, with_atc());
    CHECK((b.reg(0x24) & 0x2) == 0); // CR0ACK.PRIQEN
    CHECK(b.reg(0x54) == 0x5);       // IRQ_CTRLACK: no PRIQ
    CHECK_FALSE(b.function.space.pri_enabled());
    CHECK_FALSE(b.driver->page_requests_enabled(StreamId{0x108}));
}

TEST_CASE("with it the queue is placed while it is off, its interrupt is a message, and the entry says whether "
          "responses have PASIDs",
          "[os][pri]") {
    pcie::FunctionConfig f = with_atc();
    f.pri.response_pasid_required = GENERATE(true, false);
    Bench b(KernelVersion::V6_12, {}, {}, f, with_pri());
    CHECK((b.reg(0x24) & 0x1f) == 0x1f);                                     // CR0ACK: all
    CHECK((b.reg(0xc0, 8) & 0xfff) == 8);                                    // PRIQ_BASE: 256 entries of 16 bytes
    CHECK(b.reg(0x54) == 0x7);                                               // IRQ_CTRLACK
    CHECK(b.reg(0xd0, 8) == arm64.messages.value());            // PRIQ_IRQ_CFG0
    CHECK((b.peek(b.ste() + 8) >> 18 & 1) == f.pri.response_pasid_required); // STE.PPAR
    CHECK(b.driver->page_requests_enabled(StreamId{0x108}));
    bool off = true;
    for (const auto& [offset, value] : b.spy->writes) {
        if (offset == 0x20) off = (value & 2) == 0;
        if (offset == 0xc0) CHECK(off);
    }
}

TEST_CASE("the function's interface is reset, given its allocation and enabled, in this order, after ATS",
          "[os][pri]") {
    drivers::Smmuv3DriverConfig c = with_pri();
    c.page_requests = 24;
    pcie::FunctionConfig f = with_atc();
    f.pri.capacity = GENERATE(8u, 512u);
    Bench b(KernelVersion::V6_12, {}, {}, f, c);
    const u32 base = b.function.space.base_of(pcie::cfg::Capability::Pri);
    std::vector<StubFunction::Write> pri;
    bool ats = false;
    for (const auto& w : b.function.writes) {
        if (w.offset == 0x14e) ats = true;
        if (w.offset >= base && w.offset < base + 16) {
            CHECK(ats);
            pri.push_back(w);
        }
    }
    using W = StubFunction::Write;
    CHECK(pri ==
          std::vector<W>{W{base + 4, 2, 2}, W{base + 0xc, 4, std::min(24u, f.pri.capacity.get())}, W{base + 4, 2, 1}});
    CHECK(b.kernel->boot_error().empty());
}

TEST_CASE("a function whose interface is not at rest stops the boot with a reason", "[os][pri]") {
    Bench b(KernelVersion::V6_12, {}, {}, with_atc(), with_pri());
    b.function.space.set_pri_stopped(false);
    bool enabled = true;
    b.function.space.config_write(b.function.space.base_of(pcie::cfg::Capability::Pri) + 4, 2, 0);
    b.function.space.on_pri_reset([&b] { b.function.space.set_pri_stopped(false); });
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { enabled = co_await b.device.function.enable_pri(ctx, 16); });
    CHECK_FALSE(enabled);
    CHECK_FALSE(b.function.space.pri_enabled());
}

TEST_CASE("a page request is answered with CMD_PRI_RESP and no CMD_SYNC, and reaches the fabric as success",
          "[os][pri]") {
    PriBench b;
    b.send(b.message(0x1a5));
    b.settle();
    CHECK(b.spy->commands == Words{"PRI_RESP sid 108 ssid 1 group 1a5 success"});
    REQUIRE(b.sink.all.size() == 1);
    CHECK(b.sink.all[0].code == iommu::PageResponseCode::Success);
    CHECK(b.sink.all[0].group == 0x1a5);
    CHECK(b.sink.all[0].pasid == Pasid{1});
    CHECK(b.reg(0x100c8) == 1); // PRIQ_PROD, and PRIQ_CONS has caught up
    CHECK(b.reg(0x100cc) == 1);
}

TEST_CASE("a function that wants no PASID in its responses gets none", "[os][pri]") {
    pcie::FunctionConfig f = with_atc();
    f.pri.response_pasid_required = false;
    PriBench b{with_pri(), f};
    b.send(b.message(2));
    b.settle();
    CHECK(b.spy->commands == Words{"PRI_RESP sid 108 group 2 success"});
}

TEST_CASE("an unknown PASID and an unmapped address are answered as invalid", "[os][pri]") {
    PriBench b;
    auto unknown = b.message(1);
    unknown.pasid = Pasid{9};
    b.send(unknown);
    b.settle();
    CHECK(b.spy->commands == Words{"PRI_RESP sid 108 ssid 9 group 1 invalid"});
    b.spy->commands.clear();
    b.send(b.message(2, true, 4000));
    b.settle();
    CHECK(b.spy->commands == Words{"PRI_RESP sid 108 ssid 1 group 2 invalid"});
}

TEST_CASE("a Stop Marker is taken out of the queue and not answered", "[os][pri]") {
    PriBench b;
    std::vector<PageRequestFate> fates;
    const auto token =
        b.events.subscribe<PageRequestEnded>([&](Time, const PageRequestEnded& e) { fates.push_back(e.fate); });
    auto marker = b.message(0);
    marker.write = false;
    b.send(marker);
    b.settle();
    CHECK(b.spy->commands.empty());
    CHECK(fates == std::vector{PageRequestFate::StopMarker});
    CHECK(b.reg(0x100cc) == 1);
}

TEST_CASE("a group of requests is answered once", "[os][pri]") {
    PriBench b;
    for (u64 n = 0; n < 4; ++n) b.send(b.message(7, n == 3, n));
    b.settle();
    CHECK(b.spy->commands == Words{"PRI_RESP sid 108 ssid 1 group 7 success"});
}

TEST_CASE("an overflow of the queue is acknowledged once all records are out, and the queue goes on", "[os][pri]") {
    PriBench b{with_pri(2)};
    for (u16 n = 0; n < 40; ++n) b.send(b.message(n, true, n));
    b.settle();
    CHECK(b.driver->page_request_overflows() > 0);
    CHECK((b.reg(0x100c8) >> 31) == (b.reg(0x100cc) >> 31)); // OVFLG and OVACKFLG
    CHECK(b.sink.all.size() == 40);                          // by the OS or by the unit itself
    const auto before = b.sink.all.size();
    b.send(b.message(50));
    b.settle();
    CHECK(b.sink.all.size() == before + 1);
    CHECK(b.spy->commands.back() == "PRI_RESP sid 108 ssid 1 group 32 success");
}

TEST_CASE("requests of a group that an overflow may have cut off are forgotten", "[os][pri]") {
    PriBench b{with_pri(2)};
    b.send(b.message(100, false));
    b.settle();
    CHECK(b.kernel->page_faults().partial() == 1);
    for (u16 n = 0; n < 40; ++n) b.send(b.message(n, true, n));
    b.settle();
    CHECK(b.driver->page_request_overflows() > 0);
    CHECK(b.kernel->page_faults().partial() == 0);
}

TEST_CASE("flushing returns when every record that is in the queue has been reported", "[os][pri]") {
    PriBench b;
    for (u16 n = 0; n < 30; ++n) b.send(b.message(n, true, n));
    b.calendar.run_for(3_us); // some are records, and the interrupt thread is at work
    std::size_t queued = 0;
    u64 cons = 0, prod = 0;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        prod = co_await ctx.mmio_read(registers + 0x100c8, 4);
        co_await b.driver->flush_page_requests(ctx, *b.bond);
        queued = b.kernel->page_faults().queued() + b.sink.all.size();
        cons = co_await ctx.mmio_read(registers + 0x100cc, 4);
    });
    CHECK(prod > 0);
    CHECK(cons >= prod);
    CHECK(queued >= prod);
}
