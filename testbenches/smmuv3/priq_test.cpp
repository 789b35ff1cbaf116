// SPDX-License-Identifier: Apache-2.0
/// The page request queue (facts/iommu-specs.md 1.8): records, overflow, responses that the unit makes itself, aborts,
/// interrupts, and CMD_PRI_RESP.
#include "smmuv3/bench.h"

#include "base/property.h"
#include "golden/page_request_golden.h"
#include "support/fresh_kernel.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

/// The fabric, towards devices.
struct Responses : PageResponsePort {
    std::vector<PageGroupResponse> all;
    sim::Duration takes{};
    sim::Task<void> respond(PageGroupResponse r) override {
        all.push_back(r);
        co_await sim::delay(takes);
    }
};

struct PriBench : Bench {
    static constexpr Spa priq{0x1600'0000};
    unsigned log2size;
    Responses responses;
    Log<PageRequestReceived> received{bus};
    Log<PageResponseSent> sent{bus};

    explicit PriBench(const Smmuv3Config& c = {}, unsigned queue_log2 = 2) : Bench(c), log2size(queue_log2) {
        unit.set_page_response_port(&responses);
        start();
        write(PriqBase{}.set(PriqBase::ADDR, priq).set(PriqBase::LOG2SIZE, log2size));
        enable(true);
    }
    void enable(bool on) { write(reg<Cr0>().set(Cr0::PRIQEN, on)); }

    static PageRequestMessage message(u16 group, bool last = true, std::optional<u32> pasid = {}, u32 stream = 1) {
        PageRequestMessage m;
        m.stream = StreamId{stream};
        m.has_pasid = pasid.has_value();
        m.pasid = Pasid{pasid.value_or(0)};
        m.at = Iova{0x7f00'0000'0000 + u64{group} * page_size};
        m.read = true;
        m.last = last;
        m.group = group;
        return m;
    }
    static PageRequestMessage stop_marker(u32 pasid) {
        PageRequestMessage m = message(0, true, pasid);
        m.read = false;
        return m;
    }
    using Bench::post;
    void post(const PageRequestMessage& m) { sim::spawn(unit.page_requests().page_request(m)); }
    void ask(const PageRequestMessage& m) {
        post(m);
        settle();
    }
    void fill() {
        for (u16 i = 0; i < base::WrapBit::capacity(log2size); ++i) ask(message(static_cast<u16>(0x100 + i)));
    }
    u32 producer() const { return reg<PriqProd>().get(PriqProd::WR); }
    bool overflow_flag() const { return reg<PriqProd>().get(PriqProd::OVFLG); }
    PageRequest record(u32 position) const {
        return load<PageRequest>(priq + base::WrapBit::index(position, log2size) * page_request_bytes);
    }
    void consume(bool acknowledge, std::optional<u32> upto = {}) {
        const bool flag = acknowledge ? overflow_flag() : reg<PriqCons>().get(PriqCons::OVACKFLG);
        write(PriqCons{}.set(PriqCons::RD, upto.value_or(producer())).set(PriqCons::OVACKFLG, flag));
    }
    static PriResp pri_resp(u16 group, PageResponse resp, std::optional<u32> pasid = {}, u32 stream = 1) {
        PriResp c = make_command<PriResp>();
        c.set(PriResp::SID, StreamId{stream}).set(PriResp::PRGIndex, group).set(PriResp::Resp, resp);
        return c.set(PriResp::SSV, pasid.has_value()).set(PriResp::SSID, Pasid{pasid.value_or(0)});
    }
};

Smmuv3Config without_substreams() {
    Smmuv3Config c;
    c.ssid_bits = 0;
    return c;
}

} // namespace

TEST_CASE("page requests become the records that the manual shows, byte by byte", "[smmuv3][priq][golden]") {
    PriBench b{{}, 3};
    u32 position = 0;
    for (const auto& g : golden::page_requests) {
        INFO(g.what);
        PageRequestMessage m;
        m.stream = StreamId{g.stream};
        m.has_pasid = g.has_pasid;
        m.pasid = Pasid{g.pasid};
        m.at = Iova{g.address};
        m.read = g.read;
        m.write = g.write;
        m.execute = g.execute;
        m.privileged = g.privileged;
        m.last = g.last;
        m.group = g.group;
        b.ask(m);
        std::array<std::byte, 16> expected{}, written{};
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = std::byte{g.bytes[i]};
        REQUIRE(b.memory.peek(PriBench::priq + position * 16, written));
        CHECK(written == expected);
        CHECK(b.producer() == ++position);
    }
    CHECK(b.responses.all.empty());
    CHECK(b.received.size() == golden::page_requests.size());
}

TEST_CASE("a unit without substreams records no PASID, and a marker without one is a request", "[smmuv3][priq]") {
    PriBench b{without_substreams()};
    b.ask(PriBench::message(1, false, 7));
    CHECK_FALSE(b.record(0).get(PageRequest::SSV));
    CHECK(b.record(0).get(PageRequest::SSID) == Pasid{0});
    b.enable(false);
    b.ask(PriBench::stop_marker(7));
    CHECK(b.responses.all.size() == 1);
}

TEST_CASE("the queue goes round: PROD carries the wrap bit, and each record lies in its slot",
          "[smmuv3][priq][PRIQ_BASE][PRIQ_PROD][PRIQ_CONS]") {
    const unsigned log2size = GENERATE(0u, 2u);
    PriBench b{{}, log2size};
    u32 position = 0;
    for (u16 i = 0; i < 11; ++i) {
        b.ask(PriBench::message(i));
        CHECK(b.record(position).get(PageRequest::PRGIndex) == i);
        position = (position + 1) & ((2u << log2size) - 1);
        REQUIRE(b.producer() == position);
        b.consume(false);
    }
    CHECK_FALSE(b.overflow_flag());
}

TEST_CASE("a page request record is written after its latency and the memory's, then PROD moves", "[smmuv3][priq]") {
    Smmuv3Config config;
    PriBench b{config};
    b.post(PriBench::message(1));
    const sim::Time shown = sim::now() + config.page_request_write.get() + b.memory.latency;
    b.calendar.run_until(shown);
    CHECK(b.producer() == 0);
    b.calendar.run_until(shown + 1_ps);
    CHECK(b.producer() == 1);
}

TEST_CASE("an overflow toggles OVFLG once and keeps records out until it is acknowledged, room or not",
          "[smmuv3][priq][PRIQ_CONS]") {
    PriBench b;
    b.fill();
    CHECK_FALSE(b.overflow_flag());
    b.ask(PriBench::message(1));
    CHECK(b.overflow_flag());
    b.ask(PriBench::message(2));
    CHECK(b.overflow_flag());
    b.consume(false); // room, but no acknowledgement
    b.ask(PriBench::message(3));
    CHECK(b.producer() == 4);
    CHECK(b.responses.all.size() == 3);

    b.consume(true);
    b.ask(PriBench::message(4));
    CHECK(b.producer() == 5);
    CHECK(b.responses.all.size() == 3);
    for (u16 i = 5; i < 9; ++i) b.ask(PriBench::message(i));
    CHECK_FALSE(b.overflow_flag()); // the second overflow toggles back to 0
    CHECK(b.reg<PriqCons>().get(PriqCons::OVACKFLG));
}

TEST_CASE("in an overflow only the last request of a group is answered, and no Stop Marker is", "[smmuv3][priq]") {
    PriBench b;
    Log<PageRequestDropped> lost{b.bus};
    b.fill();
    b.ask(PriBench::message(1, false));
    b.ask(PriBench::stop_marker(5));
    CHECK(b.overflow_flag());
    CHECK(b.responses.all.empty());
    b.ask(PriBench::message(1, true));
    REQUIRE(b.responses.all.size() == 1);
    CHECK(b.responses.all[0].group == 1);
    REQUIRE(b.sent.size() == 1);
    CHECK(b.sent[0].reason == PageResponseReason::Overflow);
    CHECK(b.received.last().group == 1);
    CHECK(b.received[b.received.size() - 2].stop_marker);
    REQUIRE(lost.size() == 3); // answered or not
    CHECK((!lost[0].last && lost[1].stop_marker && lost[2].last && lost[2].group == 1));
}

TEST_CASE("the code and the PASID of a response to an overflow are those of the manual's list",
          "[smmuv3][priq][STE.PPAR]") {
    enum class Entry { Valid, Invalid, OutOfRange, Unreadable };
    struct Row {
        const char* what;
        bool pasid, pps, ppar;
        Entry entry;
        PageResponseCode code;
        bool with_pasid;
    };
    constexpr auto success = PageResponseCode::Success, failure = PageResponseCode::Failure;
    const Row row = GENERATE_COPY(
        values<Row>({{"no PASID", false, false, true, Entry::Valid, success, false},
                     {"no PASID, PPS", false, true, false, Entry::Valid, success, false},
                     {"no PASID, no entry", false, false, false, Entry::Invalid, success, false},
                     {"PPS", true, true, false, Entry::Valid, success, true},
                     {"PPS does not look at the entry", true, true, false, Entry::Invalid, success, true},
                     {"PPAR 1", true, false, true, Entry::Valid, success, true},
                     {"PPAR 0", true, false, false, Entry::Valid, success, false},
                     {"the entry is not valid", true, false, true, Entry::Invalid, failure, false},
                     {"the stream is beyond the table", true, false, true, Entry::OutOfRange, failure, false},
                     {"the entry cannot be read", true, false, true, Entry::Unreadable, failure, false}}));
    INFO(row.what);
    Smmuv3Config config;
    config.pri_response_pasid = row.pps;
    PriBench b{config};
    const u32 stream = row.entry == Entry::OutOfRange ? 99 : 1;
    b.store(Bench::strtab + 64,
            Bench::stage1_ste(Bench::cdtab).set(Ste::V, row.entry != Entry::Invalid).set(Ste::PPAR, row.ppar));
    b.fill();
    if (row.entry == Entry::Unreadable) b.memory.broken = Bench::strtab;
    b.ask(PriBench::message(9, true, row.pasid ? std::optional<u32>{0x77} : std::nullopt, stream));
    REQUIRE(b.responses.all.size() == 1);
    const PageGroupResponse& r = b.responses.all[0];
    CHECK(r.stream == StreamId{stream});
    CHECK(r.group == 9);
    CHECK(r.code == row.code);
    CHECK(r.has_pasid == row.with_pasid);
    if (row.with_pasid) CHECK(r.pasid == Pasid{0x77});
    CHECK(b.events() == 0); // without REC_CFG_ATS
}

TEST_CASE("what is wrong with the entry asked for PPAR is recorded with REC_CFG_ATS, a bad StreamID also needs "
          "RECINVSID",
          "[smmuv3][priq]") {
    struct Row {
        bool rec, recinvsid;
        u32 stream;
        u32 event;
    };
    const Row row =
        GENERATE(Row{true, false, 1, 0x04}, Row{false, true, 1, 0}, Row{true, true, 99, 0x02}, Row{true, false, 99, 0});
    CAPTURE(row.rec, row.recinvsid, row.stream);
    PriBench b;
    b.write(b.reg<Cr0>().set(Cr0::SMMUEN, false));
    b.write(Cr2{}.set(Cr2::REC_CFG_ATS, row.rec).set(Cr2::RECINVSID, row.recinvsid));
    b.write(b.reg<Cr0>().set(Cr0::SMMUEN, true));
    b.fill();
    b.ask(PriBench::message(9, true, 3, row.stream));
    CHECK(b.events() == (row.event != 0 ? 1u : 0u));
    if (row.event != 0) CHECK((b.event(0).word(0) & 0xffff'ffff) == (0x3800u | row.event)); // SSV, SubstreamID 3
}

TEST_CASE("with the queue, the unit or PRI off every request is a failure without PASID, a marker is not answered",
          "[smmuv3][priq]") {
    const int off = GENERATE(0, 1, 2);
    Smmuv3Config config;
    config.pri = off != 2;
    PriBench b{config};
    if (off == 0) b.enable(false);
    if (off == 1) b.write(b.reg<Cr0>().set(Cr0::SMMUEN, false)); // PRIQEN stays: its effective value is 0
    if (off == 1) CHECK(b.reg<Cr0Ack>().get(Cr0Ack::PRIQEN));
    b.ask(PriBench::message(1, false, 5));
    b.ask(PriBench::message(1, true, 5));
    b.ask(PriBench::stop_marker(5));
    REQUIRE(b.responses.all.size() == 2);
    for (const PageGroupResponse& r : b.responses.all) {
        CHECK(r.code == PageResponseCode::Failure);
        CHECK_FALSE(r.has_pasid);
        CHECK(r.group == 1);
    }
    CHECK(b.sent[0].reason == PageResponseReason::Disabled);
    CHECK(b.producer() == 0);
    CHECK_FALSE(b.overflow_flag());
}

TEST_CASE("CR0ACK shows PRIQEN clear when the record being written is visible; later requests are refused",
          "[smmuv3][priq]") {
    PriBench b;
    b.memory.latency = 1_us;
    b.post(PriBench::message(1));
    b.post(PriBench::message(2));
    const sim::Time begun = sim::now();
    b.calendar.run_until(begun + b.config.page_request_write.get() + 1_ps);
    b.post(b.reg<Cr0>().set(Cr0::PRIQEN, false));
    const sim::Time visible = begun + b.config.page_request_write.get() + b.memory.latency;
    b.calendar.run_until(visible - 1_ps);
    CHECK(b.reg<Cr0Ack>().get(Cr0Ack::PRIQEN));
    b.settle();
    CHECK_FALSE(b.reg<Cr0Ack>().get(Cr0Ack::PRIQEN));
    CHECK(b.producer() == 1);
    REQUIRE(b.responses.all.size() == 1);
    CHECK(b.responses.all[0].group == 2);
}

TEST_CASE("a queue outside memory raises PRIQ_ABT_ERR and refuses requests until that is acknowledged",
          "[smmuv3][priq]") {
    PriBench b;
    b.memory.broken = PriBench::priq;
    b.ask(PriBench::message(1, false, 5));
    CHECK(b.error(Gerror::PRIQ_ABT_ERR));
    CHECK(b.producer() == 0);
    b.memory.broken = Spa{0};
    b.ask(PriBench::message(2, true, 5));
    b.ask(PriBench::stop_marker(5));
    CHECK(b.producer() == 0);
    REQUIRE(b.responses.all.size() == 2);
    for (const PageGroupResponse& r : b.responses.all) {
        CHECK(r.code == PageResponseCode::Failure);
        CHECK_FALSE(r.has_pasid);
    }
    CHECK(b.sent[1].reason == PageResponseReason::QueueAborted);
    b.acknowledge_errors();
    b.ask(PriBench::message(3));
    CHECK(b.producer() == 1);
    CHECK(b.responses.all.size() == 2);
}

TEST_CASE("with LO clear the queue interrupts when it becomes non-empty", "[smmuv3][priq]") {
    PriBench b;
    b.write(IrqCtrl{}.set(IrqCtrl::PRIQ_IRQEN, true));
    const auto edges = [&] { return std::count(b.wires.edges.begin(), b.wires.edges.end(), raw(WiredLine::Priq)); };
    b.ask(PriBench::message(1, false));
    CHECK(edges() == 1);
    b.ask(PriBench::message(1, true));
    CHECK(edges() == 1);
    b.consume(false);
    b.ask(PriBench::message(2, true));
    CHECK(edges() == 2);
}

TEST_CASE("with LO set the queue interrupts for each last message, lost in an overflow or not",
          "[smmuv3][priq][PRIQ_IRQ_CFG2]") {
    PriBench b;
    b.write(PriqIrqCfg2{}.set(PriqIrqCfg2::LO, true));
    b.write(IrqCtrl{}.set(IrqCtrl::PRIQ_IRQEN, true));
    const auto edges = [&] { return std::count(b.wires.edges.begin(), b.wires.edges.end(), raw(WiredLine::Priq)); };
    b.ask(PriBench::message(1, false));
    CHECK(edges() == 0);
    b.ask(PriBench::message(1, true));
    b.ask(PriBench::message(2, true));
    CHECK(edges() == 2);
    b.ask(PriBench::message(3, false));
    b.ask(PriBench::message(3, false)); // lost
    CHECK(edges() == 2);
    b.ask(PriBench::message(3, true)); // lost
    CHECK(edges() == 3);
    b.enable(false);
    b.ask(PriBench::message(4, true)); // refused for another reason
    CHECK(edges() == 3);
}

TEST_CASE("the interrupt is a message if it has an address; one that aborts is MSI_PRIQ_ABT_ERR",
          "[smmuv3][priq][PRIQ_IRQ_CFG0][PRIQ_IRQ_CFG1]") {
    const bool reachable = GENERATE(true, false);
    PriBench b;
    b.write(PriqIrqCfg0{}.set(PriqIrqCfg0::ADDR, reachable ? Bench::flag : Spa{0x40}));
    b.write(PriqIrqCfg1{}.set(PriqIrqCfg1::DATA, 0x55));
    b.write(IrqCtrl{}.set(IrqCtrl::PRIQ_IRQEN, true));
    b.ask(PriBench::message(1));
    CHECK(b.wires.edges.empty());
    CHECK(b.error(Gerror::MSI_PRIQ_ABT_ERR) == !reachable);
    REQUIRE(b.memory.messages.size() == (reachable ? 1u : 0u));
    if (reachable) CHECK(b.memory.messages[0].data == 0x55);
    CHECK(b.producer() == 1);
}

TEST_CASE("CMD_PRI_RESP sends the response with its code, its group and its PASID", "[smmuv3][priq][PRI_RESP]") {
    struct Row {
        PageResponse resp;
        PageResponseCode code;
    };
    const Row row = GENERATE(Row{PageResponse::ResponseFailure, PageResponseCode::Failure},
                             Row{PageResponse::InvalidRequest, PageResponseCode::InvalidRequest},
                             Row{PageResponse::Success, PageResponseCode::Success});
    const bool pasid = GENERATE(true, false);
    PriBench b;
    const std::optional<u32> who = pasid ? std::optional<u32>{0x12345} : std::nullopt;
    b.command(PriBench::pri_resp(0x1a5, row.resp, who, 7));
    REQUIRE(b.responses.all.size() == 1);
    const PageGroupResponse& r = b.responses.all[0];
    CHECK(r.stream == StreamId{7});
    CHECK(r.group == 0x1a5);
    CHECK(r.code == row.code);
    CHECK(r.has_pasid == pasid);
    CHECK(r.pasid == Pasid{pasid ? 0x12345u : 0});
    REQUIRE(b.sent.size() == 1);
    CHECK(b.sent[0].reason == PageResponseReason::Driver);
    CHECK(b.sent[0].code == static_cast<u8>(row.code));
}

TEST_CASE("CMD_PRI_RESP is illegal without PRI, with the reserved code and with SSec", "[smmuv3][priq]") {
    Smmuv3Config with, without;
    without.pri = false;
    const PriResp good = PriBench::pri_resp(1, PageResponse::Success);
    CHECK(decode_command(as_command(good), identity_of(with)).legal);
    CHECK_FALSE(decode_command(as_command(good), identity_of(without)).legal);
    CHECK_FALSE(decode_command(as_command(PriResp{good}.set(PriResp::SSec, true)), identity_of(with)).legal);
    PriBench b;
    b.command(PriBench::pri_resp(1, PageResponse::Illegal));
    CHECK(b.error(Gerror::CMDQ_ERR));
    CHECK(b.reg<CmdqCons>().get(CmdqCons::ERR) == CommandError::Illegal);
    CHECK(b.responses.all.empty());
}

TEST_CASE("CMD_PRI_RESP is ignored while the unit is disabled", "[smmuv3][priq]") {
    PriBench b;
    b.write(b.reg<Cr0>().set(Cr0::SMMUEN, false));
    b.command(PriBench::pri_resp(1, PageResponse::Success));
    CHECK(b.responses.all.empty());
    CHECK(b.reg<CmdqCons>().get(CmdqCons::RD) == 1);
    CHECK_FALSE(b.error(Gerror::CMDQ_ERR));
}

TEST_CASE("CMD_PRI_RESP of a unit without substreams sends no PASID", "[smmuv3][priq]") {
    PriBench b{without_substreams()};
    b.command(PriBench::pri_resp(1, PageResponse::Success, 5));
    REQUIRE(b.responses.all.size() == 1);
    CHECK_FALSE(b.responses.all[0].has_pasid);
}

TEST_CASE("CMD_SYNC does not wait for a response to arrive", "[smmuv3][priq]") {
    PriBench b;
    b.responses.takes = 1_ms;
    b.push(PriBench::pri_resp(1, PageResponse::Success));
    b.push(Bench::sync(9));
    b.post_doorbell();
    b.calendar.run_for(2_us);
    CHECK(b.responses.all.size() == 1);
    CHECK(b.memory.messages.size() == 1);
}

TEST_CASE("the queue's registers are guarded by PRIQEN itself", "[smmuv3][priq][PRIQ_BASE][PRIQ_PROD]") {
    PriBench b;
    b.write(b.reg<Cr0>().set(Cr0::SMMUEN, false));
    const PriqBase before = b.reg<PriqBase>();
    b.write(PriqBase{});
    b.write(PriqProd{}.set(PriqProd::WR, 3));
    CHECK(b.reg<PriqBase>() == before);
    CHECK(b.producer() == 0);
    b.enable(false);
    b.write(PriqProd{}.set(PriqProd::WR, 3));
    CHECK(b.producer() == 3);
}

TEST_CASE("the queue's registers and enables are RES0 without PRI, which needs ATS", "[smmuv3][priq]") {
    Smmuv3Config config;
    config.ats = GENERATE(false, true);
    config.pri = !config.ats.get();
    PriBench b{config};
    b.write(PriqCons{}.set(PriqCons::RD, 3));
    b.write(PriqIrqCfg1{}.set(PriqIrqCfg1::DATA, 3));
    b.write(IrqCtrl{}.set(IrqCtrl::PRIQ_IRQEN, true));
    CHECK_FALSE(b.reg<Idr0>().get(Idr0::PRI));
    CHECK(b.reg<PriqBase>().value() == 0);
    CHECK(b.reg<PriqCons>().value() == 0);
    CHECK(b.reg<PriqIrqCfg1>().value() == 0);
    CHECK_FALSE(b.reg<IrqCtrl>().get(IrqCtrl::PRIQ_IRQEN));
    CHECK_FALSE(b.reg<Cr0>().get(Cr0::PRIQEN));
}

TEST_CASE("requests beyond the buffers wait with their sender, and keep their order", "[smmuv3][priq]") {
    Smmuv3Config config;
    config.page_request_buffers = 2;
    PriBench b{config};
    for (u16 i = 0; i < 4; ++i) b.post(PriBench::message(i));
    b.calendar.run_for(1_ns);
    CHECK(b.received.size() == 2);
    b.settle();
    REQUIRE(b.producer() == 4);
    for (u32 i = 0; i < 4; ++i) CHECK(b.record(i).get(PageRequest::PRGIndex) == i);
}

namespace {

/// A guest that takes requests from the queue, in whatever pieces, and answers each group once.
struct Guest {
    PriBench& b;
    u32 taken = 0;
    void take(u32 most) {
        for (; most != 0 && taken != b.producer(); --most) {
            const PageRequest e = b.record(taken);
            taken = base::WrapBit::next(taken, b.log2size);
            const bool stop = !e.get(PageRequest::R) && e.get(PageRequest::SSV);
            if (!e.get(PageRequest::L) || stop) continue;
            b.push(PriBench::pri_resp(static_cast<u16>(e.get(PageRequest::PRGIndex)), PageResponse::Success));
            b.post_doorbell();
            if (base::WrapBit::distance(b.reg<CmdqCons>().get(CmdqCons::RD), b.prod, Bench::cmdq_log2) > 12) b.settle();
        }
        b.post(PriqCons{}.set(PriqCons::RD, taken).set(PriqCons::OVACKFLG, b.reg<PriqCons>().get(PriqCons::OVACKFLG)));
    }
    void recover() {
        b.settle();
        take(~0u);
        b.settle();
        b.consume(true, taken);
    }
};

} // namespace

TEST_CASE("every group is answered exactly once, whatever the queue, the guest and the enables do",
          "[smmuv3][priq][property]") {
    testbench::holds(
        [] {
            const unsigned log2size = *rc::gen::inRange(0u, 4u);
            const auto steps = *rc::gen::container<std::vector<unsigned>>(rc::gen::inRange(0u, 40u));
            testbench::fresh_kernel();
            PriBench b{{}, log2size};
            b.store(Bench::strtab + 64, Bench::stage1_ste(Bench::cdtab).set(Ste::PPAR, true));
            Guest guest{b};
            std::map<u16, bool> asked; // group: its message was the last
            bool on = true;
            for (const unsigned step : steps) {
                const auto group = static_cast<u16>(asked.size());
                if (step < 24) {
                    const bool last = step % 3 != 0;
                    asked[group] = last;
                    b.post(PriBench::message(group, last, step % 2 != 0 ? std::optional<u32>{step} : std::nullopt));
                }
                if (step == 24) b.post(PriBench::stop_marker(step));
                if (step == 25) b.post(b.reg<Cr0>().set(Cr0::PRIQEN, on = !on));
                if (step == 26) {
                    b.memory.broken = PriBench::priq;
                    b.calendar.run_for(100_ns);
                    b.memory.broken = Spa{0};
                }
                if (step == 27) b.acknowledge_errors();
                if (step == 28) guest.recover();
                if (step > 28 && step < 34) guest.take(step - 28);
                if (step >= 34) b.calendar.run_for(sim::Duration::ps(20'000 * (step - 33)));
            }
            b.settle();
            guest.recover();
            std::map<u16, unsigned> answers;
            for (const PageGroupResponse& r : b.responses.all) ++answers[r.group];
            for (const auto& [group, last] : asked) {
                if (last) RC_ASSERT(answers[group] == 1u);
                // A request that is not the last is answered alone only where it is refused for itself (8.2).
                if (!last) RC_ASSERT(answers[group] <= 1u);
            }
            for (std::size_t i = 0; i < b.sent.size(); ++i)
                if (!asked.at(b.sent[i].group)) RC_ASSERT(b.sent[i].reason != PageResponseReason::Driver);
            RC_ASSERT(b.sent.size() == b.responses.all.size());
        },
        200);
}

} // namespace quiesce::iommu::smmuv3::test
