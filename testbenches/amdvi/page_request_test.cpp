// SPDX-License-Identifier: Apache-2.0
/// The PPR log: entries, what is refused, overflow, and what the unit answers by itself.
#include "amdvi/bench.h"
#include "iommu/fabric.h"

namespace quiesce::iommu::amdvi::test {
namespace {

struct PageRequestBench : Bench {
    iommu::test::Responses responses;
    explicit PageRequestBench(const AmdviConfig& c = {}, std::vector<memory::RamRange> more = {})
        : Bench(c, identity_of(c), std::move(more)) {
        start();
        unit.set_page_response_port(&responses);
        simple(here, there, asking());
    }
    static Dte asking() { return guest().set(Dte::I, true).set(Dte::PPR, true).set(Dte::GPRP, true); }
    void change(const Dte& e) {
        store_entry(e);
        submit(forget_entry(), wait(1));
    }
    static PageRequestMessage message(u16 group, bool last = true, Iova at = here) {
        PageRequestMessage m;
        m.stream = StreamId{stream};
        m.has_pasid = true;
        m.pasid = Pasid{0x9'a5c3};
        m.at = at;
        m.read = m.write = true;
        m.last = last;
        m.group = group;
        return m;
    }
    static PageRequestMessage stop_marker() {
        PageRequestMessage m = message(0);
        m.read = m.write = false;
        return m;
    }
    void send(const PageRequestMessage& m) {
        sim::spawn(unit.page_request(m));
        settle();
    }
    PprEntry logged_request(u32 n) const { return load<PprEntry>(requests + n * ring_entry_bytes); }
    u32 requested() const { return (get(PprTail::Ptr) - get(PprHead::Ptr)) % ring_entries; }
    void fill() {
        for (u16 n = 0; n < 255; ++n) send(message(n, false));
    }
    void take_requests() { write(PprHead{}.set(PprHead::Ptr, get(PprTail::Ptr))); }
};

} // namespace

TEST_CASE("a page request becomes an entry, with nine bits of tag, and one interrupt",
          "[amdvi][page-request][PAGE_SERVICE_REQUEST][PPRHead][PPRTail][Status.PPRInt][Control.PPRIntEn][DTE.PPR]") {
    PageRequestBench b;
    PageRequestMessage m = PageRequestBench::message(0x155);
    m.write = false;
    m.execute = true;
    b.send(m);
    REQUIRE(b.requested() == 1);
    const PprEntry e = b.logged_request(0);
    CHECK((e.get(PprEntry::Type) == 1 && e.get(PprEntry::GN) && e.get(PprEntry::US)));
    CHECK((e.get(PprEntry::Read) && !e.get(PprEntry::Write) && e.get(PprEntry::Exec) && !e.get(PprEntry::RVSD)));
    CHECK((e.get(PprEntry::Tag) == 0x155 && e.get(PprEntry::Last)));
    CHECK(e.get(PprEntry::PASID) == Pasid{0x9'a5c3});
    CHECK(e.get(PprEntry::DeviceID) == RequesterId{0x108});
    CHECK(e.get(PprEntry::Address) == here.value());
    CHECK(b.get(Status::PPRInt));
    CHECK(b.messages_of(request_message) == 1);
    m.privileged = true;
    m.last = false;
    b.send(m);
    CHECK_FALSE((b.logged_request(1).get(PprEntry::US) || b.logged_request(1).get(PprEntry::Last)));
    CHECK(b.messages_of(request_message) == 1);
    b.clear(Status::PPRInt);
    b.send(m);
    CHECK(b.messages_of(request_message) == 2);
    CHECK(b.responses.sent.empty());
    CHECK_FALSE(b.faulted());
}

TEST_CASE("COMPLETE_PPR_REQUEST sends its response, with a PASID if it says so", "[amdvi][page-request][COMPLETE_PPR_REQUEST]") {
    PageRequestBench b;
    Log<PageResponseSent> facts{b.bus};
    const auto complete = make<CompletePprRequest>()
                              .set(CompletePprRequest::DeviceID, RequesterId{0x108})
                              .set(CompletePprRequest::PASID, Pasid{0x9'a5c3})
                              .set(CompletePprRequest::Tag, 0x155)
                              .set(CompletePprRequest::Status, 1);
    b.submit(complete, CompletePprRequest{complete}.set(CompletePprRequest::GN, true).set(CompletePprRequest::Status, 15));
    REQUIRE(b.responses.sent.size() == 2);
    CHECK((b.responses.sent[0].group == 0x155 && !b.responses.sent[0].has_pasid));
    CHECK(b.responses.sent[0].code == PageResponseCode::InvalidRequest);
    CHECK((b.responses.sent[1].has_pasid && b.responses.sent[1].pasid == Pasid{0x9'a5c3}));
    CHECK(b.responses.sent[1].code == PageResponseCode::Failure);
    CHECK(facts[0].reason == PageResponseReason::Driver);
}

TEST_CASE("a request that its device may not make is an event, which software answers",
          "[amdvi][page-request][INVALID_PPR_REQUEST][DTE.PPR]") {
    PageRequestBench b;
    const Dte refused[] = {PageRequestBench::asking().set(Dte::PPR, false), Dte{}, Bench::valid().set(Dte::PPR, true),
                           PageRequestBench::asking().set(Dte::TV, false)};
    for (const Dte& e : refused) {
        b.change(e);
        b.send(PageRequestBench::message(0x155));
        const auto event = InvalidPprRequest::from_words(b.only_event().words());
        CHECK(event.get(InvalidPprRequest::Code) == EventCode::InvalidPprRequest);
        CHECK(event.get(InvalidPprRequest::Tag) == 0x355); // the last of its group
        CHECK(event.get(InvalidPprRequest::PASID) == Pasid{0x9'a5c3});
        CHECK((event.get(InvalidPprRequest::GN) && !event.get(InvalidPprRequest::RX)));
        CHECK(event.get(InvalidPprRequest::Address) == here.value());
    }
    CHECK(b.requested() == 0);
    CHECK(b.responses.sent.empty());
    b.send(PageRequestBench::message(1, false));
    CHECK(InvalidPprRequest::from_words(b.only_event().words()).get(InvalidPprRequest::RX));
    b.control(Control::EventLogEn, false);
    b.send(PageRequestBench::message(2)); // nobody will see it
    REQUIRE(b.responses.sent.size() == 1);
    CHECK(b.responses.sent[0].code == PageResponseCode::InvalidRequest);
}

TEST_CASE("an illegal device table entry refuses page requests, too", "[amdvi][page-request][ILLEGAL_DEV_TABLE_ENTRY]") {
    PageRequestBench b;
    b.change(PageRequestBench::asking().set(Dte::HAD, HostMarks::Reserved));
    b.send(PageRequestBench::message(1));
    CHECK(b.only_event().get(Event::Code) == EventCode::IllegalDevTableEntry);
    REQUIRE(b.responses.sent.size() == 1);
    CHECK(b.responses.sent[0].code == PageResponseCode::InvalidRequest);
}

TEST_CASE("where page requests are not processed the unit says so", "[amdvi][page-request][Control.PPREn]") {
    PageRequestBench b;
    b.control(Control::PPREn, false);
    b.send(PageRequestBench::message(1, false));
    CHECK(b.responses.sent.empty());
    b.send(PageRequestBench::message(1));
    REQUIRE(b.responses.sent.size() == 1);
    CHECK((b.responses.sent[0].has_pasid && b.responses.sent[0].code == PageResponseCode::InvalidRequest));
    b.send(PageRequestBench::stop_marker());
    CHECK(b.responses.sent.size() == 1);
    CHECK(b.requested() == 0);
}

TEST_CASE("stop markers are entries, unless they are blocked",
          "[amdvi][page-request][Control.BlkStopMrkEn][EFR.BlkStopMrkSup]") {
    PageRequestBench b;
    b.send(PageRequestBench::stop_marker());
    REQUIRE(b.requested() == 1);
    CHECK_FALSE((b.logged_request(0).get(PprEntry::Read) || b.logged_request(0).get(PprEntry::Write)));
    b.control(Control::BlkStopMrkEn, true);
    b.send(PageRequestBench::stop_marker());
    CHECK(b.requested() == 1);
    CHECK(b.responses.sent.empty());
}

TEST_CASE("a full PPR log overflows, drops what comes, and logs again after a restart",
          "[amdvi][page-request][Status.PPROverflow][Status.PPRLogRun][Control.PPRLogEn][PPRLogBar]") {
    PageRequestBench b;
    Log<PageRequestDropped> lost{b.bus};
    b.fill();
    CHECK(b.requested() == 255);
    CHECK_FALSE(b.get(Status::PPROverflow));
    const unsigned before = b.messages_of(request_message);
    b.send(PageRequestBench::message(300));
    CHECK((b.get(Status::PPROverflow) && !b.get(Status::PPRLogRun)));
    CHECK(b.messages_of(request_message) == before + 1);
    b.take_requests();
    b.send(PageRequestBench::message(301));
    CHECK(b.requested() == 0);
    CHECK(b.responses.sent.empty());
    b.control(Control::PPRLogEn, false);
    b.clear(Status::PPROverflow);
    b.send(PageRequestBench::message(303)); // before the driver has it on again
    b.control(Control::PPRLogEn, true);
    b.send(PageRequestBench::message(302));
    CHECK(b.requested() == 1);
    REQUIRE(lost.size() == 3);
    CHECK((lost[0].group == 300 && lost[1].group == 301 && !lost[0].off && !lost[1].off && lost[2].group == 303 && lost[2].off));
    CHECK(b.logged_request(255).get(PprEntry::Tag) == 302);
}

TEST_CASE("with automatic responses what the log does not take is answered",
          "[amdvi][page-request][Control.PPRAutoRspEn][PPRAutoResp][EFR.PPRAutoRspSup][DTE.GPRP]") {
    PageRequestBench b;
    b.control(Control::PPRAutoRspEn, true);
    b.write(PprAutoResp{}.set(PprAutoResp::Code, 1));
    b.fill();
    CHECK(b.responses.sent.empty());
    b.send(PageRequestBench::message(300, false));
    CHECK(b.get(Status::PPROverflow));
    CHECK(b.responses.sent.empty()); // not the last of its group
    b.send(PageRequestBench::message(300));
    REQUIRE(b.responses.sent.size() == 1);
    CHECK((b.responses.sent[0].group == 300 && b.responses.sent[0].has_pasid));
    CHECK(b.responses.sent[0].code == PageResponseCode::InvalidRequest);
    b.write(PprAutoResp{}.set(PprAutoResp::MaskGN, true));
    b.send(PageRequestBench::message(301));
    CHECK_FALSE(b.responses.sent.at(1).has_pasid);
    CHECK(b.responses.sent.at(1).code == PageResponseCode::Success);
    b.write(PprAutoResp{});
    b.change(PageRequestBench::asking().set(Dte::GPRP, false));
    b.send(PageRequestBench::message(302));
    CHECK_FALSE(b.responses.sent.at(2).has_pasid);
}

TEST_CASE("automatic responses can be for all requests", "[amdvi][page-request][Control.PPRAutoRspAon]") {
    PageRequestBench b;
    b.control(Control::PPRAutoRspAon, true);
    b.write(PprAutoResp{}.set(PprAutoResp::Code, 15));
    b.send(PageRequestBench::message(1));
    REQUIRE(b.responses.sent.size() == 1);
    CHECK(b.responses.sent[0].code == PageResponseCode::Failure);
    CHECK(b.requested() == 0);
}

TEST_CASE("the log warns at its threshold, and from there on automatic responses answer",
          "[amdvi][page-request][PPROverflowEarly][Status.PPROverflowEarly][EFR.PPROvrflwEarlySup]") {
    PageRequestBench b;
    b.write(PprOverflowEarly{}.set(PprOverflowEarly::Threshold, 3).set(PprOverflowEarly::En, true).set(
        PprOverflowEarly::IntEn, true));
    b.control(Control::PPRIntEn, false);
    b.send(PageRequestBench::message(1));
    b.send(PageRequestBench::message(2));
    CHECK_FALSE(b.get(Status::PPROverflowEarly));
    b.send(PageRequestBench::message(3));
    CHECK(b.get(Status::PPROverflowEarly));
    CHECK(b.messages_of(request_message) == 1);
    b.send(PageRequestBench::message(4));
    CHECK(b.requested() == 4);
    b.control(Control::PPRAutoRspEn, true);
    b.send(PageRequestBench::message(5));
    CHECK(b.requested() == 4);
    CHECK(b.responses.sent.size() == 1);
    b.take_requests();
    b.send(PageRequestBench::message(6));
    CHECK(b.requested() == 1);
}

TEST_CASE("requests wait for buffers, and are entries in their order", "[amdvi][page-request]") {
    AmdviConfig c;
    c.ppr_buffers.set(2);
    PageRequestBench b{c};
    for (u16 n = 0; n < 10; ++n) sim::spawn(b.unit.page_request(PageRequestBench::message(n)));
    b.settle();
    REQUIRE(b.requested() == 10);
    for (u16 n = 0; n < 10; ++n) CHECK(b.logged_request(n).get(PprEntry::Tag) == n);
    base::Leftovers left;
    b.unit.left_behind(left);
    REQUIRE(left.all().size() == 1);
    CHECK(left.all()[0].what == "10 page requests that software has not taken");
}

namespace {
/// With memory where interrupts with 32 bits of destination go.
struct XtBench : PageRequestBench {
    XtBench() : PageRequestBench({}, {{Spa{0xfee0'0000}, 0x10'0000}, {Spa{0xab12'3400'fee0'0000}, 0x10'0000}}) {
        unit.config_write(MsiHeader::offset, 0);
        memory.messages.clear();
        control(Control::IntCapXTEn, true);
    }
    void event() { CHECK(dma(Iova{0x5000}, {0x0110}).ending == Ending::Abort); }
    auto& heard() { return memory.messages; }
};
} // namespace

TEST_CASE("with IntCapXTEn each log has an interrupt of its own, for which nobody asks the capability block",
          "[amdvi][event-log][page-request][Control.IntCapXTEn][XTIntCtrl][XTPprIntCtrl][XTGaIntCtrl][EFR.XTSup]") {
    XtBench b;
    b.store_entry(Dte{}.set(Dte::V, true).set(Dte::TV, true), 0x0110);
    b.write(XtIntCtrl{}.set(XtIntCtrl::Vector, 0x51).set(XtIntCtrl::DestLow, 3));
    using P = XtPprIntCtrl;
    b.write(P{}.set(P::Vector, 0x52).set(P::DestLow, 0x12'3456).set(P::DestHigh, 0xab).set(P::DestMode, true).set(P::DM, true));
    b.write(XtGaIntCtrl{}.set(XtGaIntCtrl::Vector, 0x53));
    b.event();
    REQUIRE(b.heard().size() == 1);
    CHECK((b.heard()[0].at == Spa{0xfee0'3000} && b.heard()[0].data == 0x51));
    b.control(Control::PPRIntEn, false);
    b.send(PageRequestBench::message(1));
    CHECK(b.heard().size() == 1);
    b.control(Control::PPRIntEn, true);
    REQUIRE(b.heard().size() == 2);
    CHECK((b.heard()[1].at == Spa{0xab12'3400'fee5'6004} && b.heard()[1].data == 0x152)); // bits 31 to 8 are in the upper half
}

TEST_CASE("a COMPLETION_WAIT is of the events' interrupt, and a register that is 0 interrupts nobody",
          "[amdvi][COMPLETION_WAIT][Control.IntCapXTEn][XTIntCtrl][XTPprIntCtrl]") {
    XtBench b;
    b.write(XtIntCtrl{}.set(XtIntCtrl::Vector, 0x51));
    b.submit(make<CompletionWait>().set(CompletionWait::I, true));
    REQUIRE(b.heard().size() == 1);
    CHECK(b.heard()[0].data == 0x51);
    b.send(PageRequestBench::message(1));
    CHECK((b.heard().size() == 1 && b.get(Status::PPRInt)));
}

} // namespace quiesce::iommu::amdvi::test
