// SPDX-License-Identifier: Apache-2.0
/// Page requests, their answers and drains, and fault records, as the VT-d driver takes them from the stub unit
/// (facts/iommu-specs.md 2.4, 2.6, 2.8; facts/linux-sva.md 6.3).
#include "os/vtd_bench.h"

namespace quiesce::os::test::vtd {

namespace {
const std::string who = "app", to = "dev";
const Words torn{"pc did 1 pasid 1", "wait sw", "piotlb did 1 pasid 1 all", "wait sw", "pdevtlb sid 108 pasid 1 all",
                 "wait sw"};
const Words drained{"wait fn", "piotlb did 1 pasid 1 all", "pdevtlb sid 108 pasid 1 all", "wait sw pd"};

Words operator+(Words a, const Words& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

struct VtdEvents : VtdBench {
    explicit VtdEvents(const Settings& s = {}) : VtdBench(s) {
        REQUIRE(call(kernel->bind(who, to)));
        unit.fetched.clear();
        unit.writes.clear();
    }
    /// page_req_dsc (2.8): Type 1, PP, RID, PASID; RDR, WRR, LPIG, PRGI, address.
    Raw request(u64 group, u64 flags = 0x7, u64 page = 3) const {
        const u64 address = (kernel->heap(who)->start + page * page_size).value();
        return {0x1 | 1u << 8 | u64{0x108} << 16 | u64{1} << 32, flags | group << 3 | address, 0, 0};
    }
    void put(const Raw& r) {
        const u64 at = unit.values[0xc8];
        for (unsigned w = 0; w < 4; ++w)
            memory.cpu_port().poke64(Spa{(unit.values[0xd0] & ~u64{0xfff}) + at + 8 * w}, r[w]);
        unit.values[0xc8] = (at + 32) & 0xffff;
        unit.values[0xdc] |= 1; // PPR
    }
    void raise() { message(unit.values[0xe4]); }
    void send(const Raw& r) {
        put(r);
        raise();
        settle();
    }
    void fault(u64 n, u64 low, u32 source, u32 top) {
        unit.values[0x400 + 16 * n] = low;
        unit.values[0x408 + 16 * n] = source;
        unit.values[0x40c + 16 * n] = top;
    }
};
} // namespace

TEST_CASE("VT-d: a page request is answered by a page group response with a wait behind it, and the head catches up",
          "[os][vtd][pri]") {
    VtdEvents b;
    b.send(b.request(0x1a5));
    REQUIRE(b.unit.fetched.size() == 2);
    CHECK(b.unit.fetched[0] ==
          Raw{0x0000'0001'0108'0019, 0x1a5 << 3 | 4, 0, 0}); // PP, RC=success; LPIG, which is ignored
    CHECK(b.take() == Words{"response sid 108 pasid 1 group 1a5 success", "wait sw"});
    CHECK(b.unit.values[0xc0] == b.unit.values[0xc8]); // PQH, PQT
    CHECK(b.unit.values[0xdc] == 0);                   // PPR was cleared
    const auto first = b.unit.writes.front();
    CHECK(first == std::pair<u64, u64>{0xdc, 1}); // before the indices are read
}

TEST_CASE("VT-d: requests without PASID, of no address, privileged, executing or of nobody are answered as invalid",
          "[os][vtd][pri]") {
    VtdEvents b;
    Raw r = b.request(1);
    std::string answer = "response sid 108 pasid 1 group 1 invalid";
    SECTION("no PASID") {
        r[0] &= ~u64{1u << 8};
        answer = "response sid 108 group 1 invalid";
    }
    SECTION("not canonical") { r[1] = 0x0000'8000'0000'0000 | (r[1] & 0xfff); }
    SECTION("privileged") { r[0] |= u64{1} << 53; }
    SECTION("execute") { r[0] |= u64{1} << 52; }
    SECTION("nobody") {
        r[0] = (r[0] & ~u64{0xffff'0000}) | u64{0x300} << 16;
        answer = "response sid 300 pasid 1 group 1 invalid";
    }
    b.send(r);
    const Words got = b.take();
    REQUIRE(got.size() == 2);
    CHECK(got[0].starts_with(answer));
    r[1] &= ~u64{4}; // one that is not its group's last is dropped
    b.send(r);
    CHECK(b.take().empty());
}

TEST_CASE("VT-d: a stop marker is taken out and not answered; the others of a group are answered once",
          "[os][vtd][pri]") {
    VtdEvents b;
    std::vector<PageRequestFate> fates;
    const auto token =
        b.events.subscribe<PageRequestEnded>([&](Time, const PageRequestEnded& e) { fates.push_back(e.fate); });
    b.send(b.request(2, 4));
    CHECK(b.take().empty());
    CHECK(fates == std::vector{PageRequestFate::StopMarker});
    for (u64 n = 0; n < 4; ++n) b.put(b.request(7, n == 3 ? 7 : 3, n));
    b.raise();
    b.settle();
    CHECK(b.take() == Words{"response sid 108 pasid 1 group 7 success", "wait sw"});
}

TEST_CASE("VT-d: an overflow is cleared when a pass finds the queue empty, and not before", "[os][vtd][pri]") {
    VtdEvents b;
    b.unit.values[0xdc] = 2; // PRO
    const u32 mask = 0xffff;
    bool added = false;
    b.put(b.request(1, 3)); // half a group, which may never become whole
    b.raise();
    b.calendar.run_for(1_us); // the thread has read the tail: what comes now is the next pass's
    auto later = [&]() -> Task<void> {
        while (!added) {
            co_await sim::delay(10_ns);
            if (b.unit.values[0xc0] == (b.unit.values[0xc8] & mask)) {
                b.put(b.request(2, 7, 4));
                added = true;
            }
        }
    };
    b.unit.values[0xc8] = b.unit.values[0xc8];
    sim::spawn(later());
    b.calendar.run_for(100_us);
    REQUIRE(added);
    CHECK((b.unit.values[0xdc] & 2) != 0);
    CHECK(b.driver->page_request_overflows() == 0);
    b.raise();
    b.settle();
    CHECK(b.unit.values[0xdc] == 0);
    CHECK(b.driver->page_request_overflows() == 1);
    CHECK(b.kernel->page_faults().partial() == 0);
}

TEST_CASE("VT-d unbind drains behind the tear-down: the queue, the workers, then the wire behind a fence",
          "[os][vtd][pri]") {
    VtdEvents b;
    b.put(b.request(7));
    bool over = false;
    auto go = [&]() -> Task<void> {
        const bool done = co_await b.kernel->unbind(who, to);
        over = done;
    };
    sim::spawn(go());
    b.calendar.run_for(1_ms);
    CHECK_FALSE(over);
    CHECK(b.unit.names() == torn); // a request of the PASID is in the queue, and nobody has looked at it yet
    b.raise();
    b.settle();
    CHECK(over);
    CHECK(b.take() == torn + Words{"response sid 108 pasid 1 group 7 success", "wait sw"} + drained);
}

TEST_CASE("VT-d: the drain's bytes: a wait that only fences, the PASID's IOTLB and device-TLB, a wait with PD",
          "[os][vtd][pri]") {
    VtdEvents b;
    REQUIRE(b.call(b.kernel->unbind(who, to)));
    REQUIRE(b.unit.fetched.size() == 10);
    CHECK(b.unit.fetched[6] == Raw{u64{2} << 32 | 0x45, 0, 0, 0}); // status data 2, FN, no SW
    CHECK(b.unit.fetched[7] == Raw{0x0000'0001'0001'0026, 0, 0, 0});
    CHECK(b.unit.fetched[8] == Raw{0x0100'0001'0108'8008, 0x7fff'ffff'ffff'f800, 0, 0});
    CHECK((b.unit.fetched[9][0] & 0xffff'ffff) == 0xa5); // SW, PD
}

TEST_CASE("VT-d: as long as the queue overflows the drain is repeated, once after each pass of the thread",
          "[os][vtd][pri]") {
    VtdEvents b;
    b.unit.values[0xdc] = 2;
    bool over = false;
    auto go = [&]() -> Task<void> {
        const bool done = co_await b.kernel->unbind(who, to);
        over = done;
    };
    sim::spawn(go());
    b.calendar.run_for(1_ms);
    CHECK_FALSE(over);
    CHECK(b.unit.names() == torn + drained);
    b.raise();
    b.settle();
    CHECK(over);
    CHECK(b.take() == torn + drained + drained);
}

TEST_CASE("VT-d: a release drains nothing; the unbind behind it does, though its entry is gone already; 4.x never did",
          "[os][vtd][pri]") {
    const auto version = GENERATE(KernelVersion::V2018, KernelVersion::V5_8, KernelVersion::V6_1, KernelVersion::V6_12);
    VtdBench::Settings s;
    s.version = version;
    VtdEvents b(s);
    Words at_stop;
    b.device.on_stop = [&] { at_stop = b.unit.names(); };
    b.call(b.kernel->kill(who));
    CHECK(at_stop == torn);
    Words expected = torn;
    if (version <= KernelVersion::V5_11) expected = expected + torn;
    if (version != KernelVersion::V2018) expected = expected + drained;
    CHECK(b.take() == expected);
}

TEST_CASE("VT-d: after the death of its mm a request that was in the queue is answered as invalid", "[os][vtd][pri]") {
    VtdEvents b;
    const Raw late = b.request(9);
    b.device.on_stop = [&, late] {
        b.put(late);
        b.raise();
    };
    b.call(b.kernel->kill(who));
    CHECK(b.take() == torn + Words{"response sid 108 pasid 1 group 9 invalid", "wait sw"} + drained);
}

TEST_CASE("VT-d: every fault record is read, cleared and given back; ten lines of an interval are printed",
          "[os][vtd]") {
    VtdEvents b;
    unsigned handled = 0, shown = 0;
    auto token = b.events.subscribe<FaultHandled>([&](Time, const FaultHandled& e) {
        CHECK(e.code == 0x59); // SPT.2
        CHECK(e.pasid == Pasid{5});
        if (e.shown) CHECK((e.stream == StreamId{0x108} && e.has_pasid));
        ++handled;
        shown += e.shown ? 1 : 0;
    });
    const auto batch = [&](u64 from, u64 count) {
        for (u64 n = 0; n < count; ++n)
            b.fault((from + n) % 8, 0x1234'5000, 0x8000'0108, 0x8000'0059 | 5u << 8); // PP; F
        b.unit.values[0x34] = 2 | from << 8;                                          // PPF, FRI
        b.message(b.unit.values[0x3c]);
        b.settle();
        b.unit.values[0x34] = 0;
    };
    batch(6, 8); // all of them, from the middle
    CHECK(handled == 8);
    CHECK(shown == 8); // and one line about the status
    batch(6, 4);
    CHECK(handled == 12);
    CHECK(shown == 8); // the tenth line is the second status
    CHECK(b.driver->faults_seen() == 12);
    for (u64 n = 0; n < 8; ++n) CHECK(b.unit.values[0x40c + 16 * n] >> 31 == 0);
    CHECK(std::count(b.unit.writes.begin(), b.unit.writes.end(), std::pair<u64, u64>{0x34, 1}) == 2); // PFO
}

TEST_CASE("VT-d: an event without a pending fault is none of the fault handler's business", "[os][vtd]") {
    VtdEvents b;
    b.unit.values[0x34] = 0x10; // IQE
    b.message(b.unit.values[0x3c]);
    b.settle();
    CHECK(b.driver->faults_seen() == 0);
    CHECK(std::count_if(b.unit.writes.begin(), b.unit.writes.end(), [](auto& w) { return w.first == 0x34; }) == 0);
}

} // namespace quiesce::os::test::vtd
