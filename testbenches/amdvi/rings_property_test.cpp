// SPDX-License-Identifier: Apache-2.0
/// The three rings under whatever a device and software do to them, held against a list.
#include "amdvi/bench.h"

#include <deque>
#include <rapidcheck.h>

namespace quiesce::iommu::amdvi::test {
namespace {

/// What a log has to have: the first that fit, in their order; once one did not fit, nothing until it is restarted.
struct ListedLog {
    static constexpr std::size_t room = Bench::ring_entries - 1;
    std::deque<u64> there;
    bool running = true;
    u64 lost = 0;
    void add(u64 what) {
        if (running && there.size() < room) return there.push_back(what);
        running = false;
        ++lost;
    }
};

/// A few numbers below `end`, large ones from the first example on.
std::vector<u32> some_numbers(u32 end) {
    const auto one = rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0u, end));
    return *rc::gen::resize(16, rc::gen::container<std::vector<u32>>(one));
}

/// Bursts, some entries taken, a restart: `add(n)` is what a device does, with a number of its own.
template <class Registers, class Bench_, class Add, class EntryAt>
void check_log(Bench_& b, ListedLog& listed, u64& number, Add add, EntryAt entry_at) {
    using Head = typename Registers::Head;
    using Tail = typename Registers::Tail;
    const std::vector<u32> steps = some_numbers(8u * 128);
    for (const u32 step : steps) {
        const u32 kind = step & 7, much = step >> 3;
        if (kind < 4) {
            for (u32 n = 0; n < much; ++n) listed.add(++number), add(number);
        } else if (kind < 7) {
            const auto takes = std::min<std::size_t>(much * 2, listed.there.size());
            u32 head = b.get(Head::Ptr);
            for (std::size_t n = 0; n < takes; ++n, head = (head + 1) % Bench::ring_entries) {
                RC_ASSERT(entry_at(head) == listed.there.front());
                listed.there.pop_front();
            }
            b.write(Head{}.set(Head::Ptr, head));
        } else { // as drivers restart a log: whatever its state
            b.control(Registers::enable, false);
            b.control(Registers::enable, true);
            listed.running = true;
        }
        RC_ASSERT(b.get(Registers::run) == listed.running);
        RC_ASSERT(b.get(Registers::overflow) == !listed.running);
        RC_ASSERT((b.get(Tail::Ptr) - b.get(Head::Ptr)) % Bench::ring_entries == listed.there.size());
    }
}

} // namespace

TEST_CASE("the command buffer carries out what it is given once and in order, however it goes round",
          "[amdvi][commands][CmdHead][CmdTail]") {
    Bench b;
    b.start();
    Log<CommandConsumed> log{b.bus};
    u64 pushed = 0;
    const bool held = rc::check("command buffer", [&] {
        for (const u32 n : some_numbers(Bench::ring_entries)) {
            const std::size_t before = log.size();
            for (u32 i = 0; i < n; ++i) b.push(Bench::forget_entry(static_cast<u32>(++pushed & 0xffff)));
            b.submit();
            RC_ASSERT(log.size() == before + n);
            for (u32 i = 0; i < n; ++i) RC_ASSERT((log[before + i].word0 & 0xffff) == ((pushed - n + 1 + i) & 0xffff));
            RC_ASSERT(b.get(CmdHead::Ptr) == b.tail);
        }
    });
    CHECK(held);
    CHECK(pushed > 4 * Bench::ring_entries);
}

TEST_CASE("the event log has the first events that fit, in order, and after an overflow none until it is restarted",
          "[amdvi][event-log][EvtHead][EvtTail][Status.EventOverflow][Status.EventLogRun]") {
    Bench b;
    b.start();
    b.store_entry(Bench::host(b.new_table()));
    Log<FaultRaised> faults{b.bus};
    ListedLog listed;
    u64 number = 0;
    const bool held = rc::check("event log", [&] {
        check_log<EventLogRegisters>(
            b, listed, number, [&](u64 n) { b.dma(Iova{n * page_size}); },
            [&](u32 at) { return b.event(at).get(Event::Address) / page_size; });
    });
    CHECK(held);
    CHECK(number > 4 * Bench::ring_entries);
    CHECK(listed.lost > 0);
    u64 recorded = 0;
    for (const auto& [when, f] : faults.all) recorded += f.fate == FaultFate::Recorded;
    CHECK(recorded == number - listed.lost);
}

TEST_CASE("the PPR log has the first requests that fit, in order, and after an overflow none until it is restarted",
          "[amdvi][page-request][PPRHead][PPRTail][Status.PPROverflow][Status.PPRLogRun]") {
    Bench b;
    b.start();
    b.store_entry(Bench::guest().set(Dte::I, true).set(Dte::PPR, true));
    ListedLog listed;
    u64 number = 0;
    const auto ask = [&](u64 n) {
        PageRequestMessage m;
        m.stream = StreamId{Bench::stream};
        m.at = Iova{n * page_size};
        m.read = m.last = true;
        m.group = static_cast<u16>(n & 0x1ff);
        sim::spawn(b.unit.page_request(m));
        b.settle();
    };
    const auto entry_at = [&](u32 at) {
        return b.load<PprEntry>(Bench::requests + at * ring_entry_bytes).get(PprEntry::Address) / page_size;
    };
    const bool held = rc::check("PPR log", [&] { check_log<PprLogRegisters>(b, listed, number, ask, entry_at); });
    CHECK(held);
    CHECK(number > 4 * Bench::ring_entries);
    CHECK(listed.lost > 0);
}

} // namespace quiesce::iommu::amdvi::test
