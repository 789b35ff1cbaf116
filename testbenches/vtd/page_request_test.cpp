// SPDX-License-Identifier: Apache-2.0
#include "iommu/fabric.h"
#include "vtd/bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

namespace {

struct PageRequestBench : Bench {
    iommu::test::Responses responses;
    Spa leaf{0};
    explicit PageRequestBench(const VtdConfig& c = {}) : Bench(c) {
        start(TableMode::Scalable);
        unit.set_page_response_port(&responses);
        leaf = simple(here, there);
        write(Pqa{}.set(Pqa::ADDR, prq));
        write(Pedata{}.set(Pedata::IMD, 0x43));
        write(Peaddr{}.set(Peaddr::MA, doorbell));
        write(Pectl{});
    }
    static PageRequestMessage message(u16 group, bool last = true, Iova at = here) {
        PageRequestMessage m;
        m.stream = StreamId{stream};
        m.has_pasid = true;
        m.pasid = Pasid{5};
        m.at = at;
        m.read = m.write = true;
        m.last = last;
        m.group = group;
        return m;
    }
    void send(const PageRequestMessage& m) {
        sim::spawn(unit.page_request(m));
        settle();
    }
    static PageRequestMessage stop_marker() {
        PageRequestMessage m = message(0);
        m.read = m.write = false;
        return m;
    }
    PageReqDsc descriptor(u32 n) const { return load<PageReqDsc>(prq + n * page_request_bytes); }
    u32 queued() const { return get(Pqt::PQT); }
    void fill() {
        for (u16 n = 0; n < 127; ++n) send(message(n, false));
    }
};

} // namespace

TEST_CASE("a page request becomes a descriptor, PPR and one event", "[vtd][page-request][PRS][PQA][PQT][PECTL]") {
    PageRequestBench b;
    PageRequestMessage m = PageRequestBench::message(0x155);
    m.privileged = true;
    m.write = false;
    b.send(m);
    CHECK(b.queued() == 1);
    const PageReqDsc d = b.descriptor(0);
    CHECK(d.get(PageReqDsc::Type) == 1);
    CHECK((d.get(PageReqDsc::PP) && d.get(PageReqDsc::PMR) && !d.get(PageReqDsc::EXR)));
    CHECK((d.get(PageReqDsc::RDR) && !d.get(PageReqDsc::WRR) && d.get(PageReqDsc::LPIG)));
    CHECK(d.get(PageReqDsc::PASID) == Pasid{5});
    CHECK(d.get(PageReqDsc::RID) == RequesterId{0x108});
    CHECK(d.get(PageReqDsc::PRGI) == 0x155);
    CHECK(d.get(PageReqDsc::ADDR) == here);
    CHECK(b.get(Prs::PPR));
    CHECK(b.memory.messages.size() == 1);
    b.send(PageRequestBench::message(1));
    CHECK(b.memory.messages.size() == 1); // PPR was set
    b.write(Prs{}.set(Prs::PPR, true));
    b.send(PageRequestBench::message(2));
    CHECK(b.memory.messages.size() == 2);
    CHECK(b.responses.sent.empty());
}

TEST_CASE("what made the device ask is forgotten before the descriptor is written", "[vtd][page-request]") {
    PageRequestBench b;
    CHECK(b.dma(here, Bench::pasid5).to == there);
    b.store(b.leaf, b.load<FsEntry>(b.leaf).set(FsEntry::ADDR, elsewhere));
    b.send(PageRequestBench::message(1, true, here + page_size));
    CHECK(b.dma(here, Bench::pasid5).to == there);
    b.send(PageRequestBench::message(2));
    CHECK(b.dma(here, Bench::pasid5).to == elsewhere);
}

TEST_CASE("of a nested PASID a page request makes the domain forgotten", "[vtd][page-request]") {
    PageRequestBench b;
    const Spa second = b.new_table();
    b.map_second(second, 0x1500'0000, Bench::ss(Spa{0x1500'0000}).set(SsEntry::PS, true), 3);
    b.store_pasid(6, Bench::nested(b.load<PasidEntry>(Bench::pasid_at(5)).get(PasidEntry::FSPTPTR), second));
    b.store(b.leaf, Bench::fs(Spa{0x7000'0000}));
    b.map_second(second, 0x7000'0000, Bench::ss(there));
    CHECK(b.dma(here, {Bench::stream, 6}).to == there);
    CHECK(b.unit.agent().translations().size() == 1);
    PageRequestMessage m = PageRequestBench::message(1, true, here + 5 * page_size);
    m.pasid = Pasid{6};
    b.send(m);
    CHECK(b.unit.agent().translations().size() == 0);
}

TEST_CASE("a full queue: PRO, groups are answered with Success, and nothing is queued until software has cleared it",
          "[vtd][page-request][PRS][PQH]") {
    PageRequestBench b;
    b.fill();
    CHECK(b.queued() == 127); // one slot stays empty
    CHECK_FALSE(b.get(Prs::PRO));
    b.send(PageRequestBench::message(200, false));
    CHECK(b.get(Prs::PRO));
    CHECK(b.responses.sent.empty());
    b.send(PageRequestBench::message(200));
    REQUIRE(b.responses.sent.size() == 1);
    CHECK(b.responses.sent[0].code == PageResponseCode::Success);
    CHECK(b.responses.sent[0].group == 200);
    CHECK(b.responses.sent[0].pasid == Pasid{5});
    CHECK(b.memory.messages.size() == 1); // PPR had said it
    b.send(PageRequestBench::stop_marker());
    CHECK(b.responses.sent.size() == 1);
    b.write(Pqh{}.set(Pqh::PQH, 100)); // room, but PRO is set
    b.send(PageRequestBench::message(201));
    CHECK(b.queued() == 127);
    CHECK(b.responses.sent.size() == 2);
    b.write(Prs{}.set(Prs::PPR, true).set(Prs::PRO, true));
    b.send(PageRequestBench::message(202));
    CHECK(b.queued() == 0); // round the end
    CHECK(b.descriptor(127).get(PageReqDsc::PRGI) == 202);
    CHECK(b.memory.messages.size() == 2);
    CHECK_FALSE(b.faulted());
}

TEST_CASE("a request that the remapping tables refuse is answered as invalid, and recorded as FPD lets it",
          "[vtd][page-request][scalable context entry.PRE][SCT.8]") {
    struct Case {
        const char* what;
        FaultCode code;
        bool qualified;
        void (*make)(PageRequestBench& b, bool quiet);
    };
    const Case cases[] = {
        {"root P=0", FaultCode::SRT_2, false, [](PageRequestBench& b, bool) { b.memory.poke64(Bench::root + 16, 0); }},
        {"PRE=0", FaultCode::SCT_8, true,
         [](PageRequestBench& b, bool quiet) {
             b.store_context(
                 Bench::context().set(ScalableContextEntry::PRE, false).set(ScalableContextEntry::FPD, quiet));
         }},
        {"entry P=0", FaultCode::SPT_2, true,
         [](PageRequestBench& b, bool quiet) { b.store_pasid(5, PasidEntry{}.set(PasidEntry::FPD, quiet)); }},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    const bool quiet = GENERATE(false, true);
    {
        INFO(c.what << (quiet ? ", FPD" : ""));
        PageRequestBench b;
        c.make(b, quiet);
        b.send(PageRequestBench::message(1, false));
        CHECK(b.responses.sent.empty());
        CHECK(b.faulted() == !(quiet && c.qualified));
        if (b.faulted()) {
            const FaultRecord r = b.only_record();
            CHECK(r.get(FaultRecord::FR) == c.code);
            CHECK(kind_of(r) == RequestKind::PageRequest);
            CHECK(r.get(FaultRecord::PV) == Pasid{5});
        }
        b.send(PageRequestBench::message(1));
        REQUIRE(b.responses.sent.size() == 1);
        CHECK(b.responses.sent[0].code == PageResponseCode::InvalidRequest);
        CHECK(b.queued() == 0);
        if (b.faulted()) b.only_record();
        b.send(PageRequestBench::stop_marker());
        CHECK(b.responses.sent.size() == 1);
        CHECK_FALSE(b.faulted());
    }
}

TEST_CASE("legacy mode takes no page requests", "[vtd][page-request][RTA.3]") {
    PageRequestBench b;
    b.set_root(TableMode::Legacy);
    b.send(PageRequestBench::message(1));
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::RTA_3);
    CHECK(b.responses.sent.at(0).code == PageResponseCode::InvalidRequest);
}

TEST_CASE("a response descriptor goes out as it says", "[vtd][page-request][page_grp_resp_dsc]") {
    PageRequestBench b;
    const auto respond = [](ResponseCode code, bool pasid) {
        return Bench::make<PageGrpRespDsc>()
            .set(PageGrpRespDsc::PP, pasid)
            .set(PageGrpRespDsc::RC, code)
            .set(PageGrpRespDsc::RID, RequesterId{0x108})
            .set(PageGrpRespDsc::PASID, Pasid{5})
            .set(PageGrpRespDsc::PRGI, 0x1ab);
    };
    b.submit(respond(ResponseCode::InvalidRequest, true), respond(ResponseCode::Failure, false));
    REQUIRE(b.responses.sent.size() == 2);
    const PageGroupResponse& r = b.responses.sent[0];
    CHECK((r.has_pasid && r.pasid == Pasid{5} && r.group == 0x1ab && r.stream == StreamId{0x108}));
    CHECK(r.code == PageResponseCode::InvalidRequest);
    CHECK_FALSE(b.responses.sent[1].has_pasid);
    CHECK(b.responses.sent[1].code == PageResponseCode::Failure);
}

TEST_CASE("a wait with PD completes behind the requests that came before it, one without does not wait",
          "[vtd][page-request][inv_wait_dsc]") {
    const bool drains = GENERATE(true, false);
    VtdConfig c;
    c.page_request_write.set(5_us);
    PageRequestBench b{c};
    sim::spawn(b.unit.page_request(PageRequestBench::message(1)));
    b.submit_quietly(Bench::wait(1).set(InvWaitDsc::PD, drains));
    while (b.queued() == 0) b.run_for(10_ns);
    CHECK(b.flagged() == (drains ? 0u : 1u));
    b.settle();
    CHECK(b.flagged() == 1);
}

TEST_CASE("requests without PASID are those of RID_PASID", "[vtd][page-request][scalable context entry.RID_PASID]") {
    PageRequestBench b;
    PageRequestMessage m = PageRequestBench::message(1);
    m.has_pasid = false;
    b.send(m);
    CHECK(b.only_record().get(FaultRecord::FR) == FaultCode::SPT_2); // PASID 0 has no entry
    b.store_pasid(0, Bench::entry(PagingTranslation::PassThrough));
    b.send(m);
    CHECK(b.queued() == 1);
    CHECK_FALSE(b.descriptor(0).get(PageReqDsc::PP));
}

TEST_CASE("a page request waits for no transaction: one that stays behind it may be waiting for its buffer", "[vtd][page-request]") {
    VtdConfig c;
    c.page_request_buffers.set(1);
    PageRequestBench b{c};
    Translation held = b.dma(here, Bench::pasid5); // its access is not at memory
    b.send(PageRequestBench::message(1));
    b.send(PageRequestBench::message(2));
    CHECK(b.queued() == 2);
    held.in_flight.end();
}
