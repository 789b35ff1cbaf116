// SPDX-License-Identifier: Apache-2.0
/// The ledger's verdicts: what each access is called, by who owns the frame at that instant.
#include "memory/page_ledger.h"
#include "sim/calendar.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::memory;

namespace {
constexpr Spa frame{0x8123'4000};
constexpr Va page{0x7f00'0000'1000};
constexpr MmId ours{1}, theirs{2};
constexpr BondId bond{1};

struct PageLedgerBench {
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    PageLedger ledger{events};
    PageLedgerBench() {
        ledger.bond_opened(bond, ours);
        ledger.frame_taken(frame, ours, FrameUse::Leaf, page);
    }
    Verdict judge(u64 offset = 0x10) const { return ledger.judge(bond, iova_of(page) + offset, frame + offset); }
};
} // namespace

TEST_CASE("a bond may touch the frame that its mm owns as the page aimed at", "[ledger]") { CHECK(PageLedgerBench{}.judge() == Verdict::Legal); }

TEST_CASE("between the clearing of the entry and the free, an access is legal and counted apart", "[ledger]") {
    PageLedgerBench b;
    b.ledger.frame_unmapped(frame);
    CHECK(b.judge() == Verdict::AfterUnmap);
}

TEST_CASE("after the free an access is stale, also when somebody else has the frame by then", "[ledger]") {
    PageLedgerBench b;
    b.ledger.frame_unmapped(frame);
    b.ledger.frame_freed(frame);
    CHECK(b.judge() == Verdict::Stale);
    b.ledger.frame_taken(frame, theirs, FrameUse::Leaf, Va{0x5000});
    CHECK(b.judge() == Verdict::Stale);
}

TEST_CASE("the frame back in the same mm as another page is stale for the old address", "[ledger]") {
    PageLedgerBench b;
    b.ledger.frame_freed(frame);
    b.ledger.frame_taken(frame, ours, FrameUse::Leaf, page + 0x7000);
    CHECK(b.judge() == Verdict::Stale);
    CHECK(b.ledger.judge(bond, iova_of(page) + 0x7000, frame) == Verdict::Legal);
}

TEST_CASE("a frame that was never the bond's page is another process's", "[ledger]") {
    PageLedgerBench b;
    b.ledger.frame_taken(frame + page_size, theirs, FrameUse::Leaf, page);
    CHECK(b.ledger.judge(bond, iova_of(page), frame + page_size) == Verdict::CrossProcess);
}

TEST_CASE("an address space holds the leaves and tables that it took and has not freed, and nobody else's", "[ledger]") {
    PageLedgerBench b;
    b.ledger.frame_taken(frame + page_size, ours, FrameUse::Table, page);
    b.ledger.frame_taken(frame + 2 * page_size, theirs, FrameUse::Leaf, page);
    b.ledger.frame_taken(frame + 3 * page_size, MmId{}, FrameUse::Kernel, Va{});
    b.ledger.frame_unmapped(frame); // not freed yet
    CHECK(b.ledger.held().size() == 2);
    CHECK(b.ledger.held()[1].leaves == 1);
    CHECK(b.ledger.held()[1].tables == 1);
    CHECK(b.ledger.held()[2].leaves == 1);
    for (u64 n = 0; n < 3; ++n) b.ledger.frame_freed(frame + n * page_size);
    CHECK(b.ledger.held().empty());
}

TEST_CASE("a page-table page is nobody's data", "[ledger]") {
    PageLedgerBench b;
    b.ledger.frame_taken(frame + 2 * page_size, theirs, FrameUse::Table, Va{});
    CHECK(b.ledger.judge(bond, iova_of(page), frame + 2 * page_size) == Verdict::CrossProcess);
}

TEST_CASE("after unbind every access is a violation, even to a page still owned", "[ledger]") {
    PageLedgerBench b;
    b.ledger.bond_closed(bond);
    CHECK(b.judge() == Verdict::AfterUnbind);
}

TEST_CASE("a walk is stale once the table page is not the mm's any more", "[ledger]") {
    PageLedgerBench b;
    const Spa table = frame + 8 * page_size;
    std::vector<bool> stale;
    auto token = b.events.subscribe<WalkCommitted>([&](sim::Time, const WalkCommitted& e) { stale.push_back(e.stale); });
    Request r{table + 8, nullptr, 8, false, Origin{.purpose = Purpose::TableWalk, .bond = bond}};
    b.ledger.frame_taken(table, ours, FrameUse::Table, Va{});
    b.ledger.walk_committed(r);
    b.ledger.frame_freed(table);
    b.ledger.walk_committed(r);
    b.ledger.frame_taken(table, theirs, FrameUse::Table, Va{});
    b.ledger.walk_committed(r);
    CHECK(stale == std::vector<bool>{false, true, true});
}

TEST_CASE("a committed DMA is stated once, with its verdict, and counted", "[ledger]") {
    PageLedgerBench b;
    std::vector<Verdict> seen;
    auto token = b.events.subscribe<DmaCommitted>([&](sim::Time, const DmaCommitted& e) { seen.push_back(e.verdict); });
    Request r{frame, nullptr, 64, true, Origin{.purpose = Purpose::Dma, .bond = bond, .aimed_at = iova_of(page)}};
    b.ledger.dma_committed(r);
    b.ledger.frame_freed(frame);
    b.ledger.dma_committed(r);
    CHECK(seen == std::vector<Verdict>{Verdict::Legal, Verdict::Stale});
    CHECK(b.ledger.counts().writes == 2);
    CHECK(b.ledger.counts().bytes == 128);
    CHECK(b.ledger.counts().violations == 1);
}

TEST_CASE("a frame that several have is each one's own; whoever has left it, or unmapped it, is told apart from the others", "[ledger]") {
    PageLedgerBench b;
    constexpr BondId other{2};
    b.ledger.bond_opened(other, theirs);
    const auto others = [&] { return b.ledger.judge(other, iova_of(page), frame); };
    CHECK(others() == Verdict::CrossProcess);
    b.ledger.frame_shared(frame, theirs);
    CHECK((b.judge() == Verdict::Legal && others() == Verdict::Legal));
    b.ledger.frame_unmapped(frame, ours);
    CHECK((b.judge() == Verdict::AfterUnmap && others() == Verdict::Legal));
    b.ledger.frame_left(frame, ours);
    CHECK((b.judge() == Verdict::Stale && others() == Verdict::Legal));
    b.ledger.frame_unmapped(frame);
    CHECK(others() == Verdict::AfterUnmap);
    b.ledger.frame_freed(frame);
    CHECK(others() == Verdict::Stale);
}

TEST_CASE("a write to what may only be read is legal until everybody has been told; reads always are", "[ledger]") {
    PageLedgerBench b;
    const auto write = [&] { return b.ledger.judge(bond, iova_of(page), frame, true); };
    b.ledger.frame_writes(frame, Writes::Closing);
    CHECK((write() == Verdict::AfterUnmap && b.judge() == Verdict::Legal));
    b.ledger.frame_writes(frame, Writes::Refused);
    CHECK((write() == Verdict::ReadOnly && b.judge() == Verdict::Legal));
    b.ledger.frame_writes(frame, Writes::Allowed);
    CHECK(write() == Verdict::Legal);
    b.ledger.frame_writes(frame, Writes::Refused);
    b.ledger.frame_freed(frame);
    b.ledger.frame_taken(frame, ours, FrameUse::Leaf, page);
    CHECK(write() == Verdict::Legal);
}

TEST_CASE("a bond that reaches memory by its own addresses means the page that was there when it was told", "[ledger]") {
    PageLedgerBench b;
    const Iova bus{frame.value() + 0x10};
    CHECK(b.ledger.judge(bond, bus, frame + 0x10) != Verdict::Legal); // nobody was told of that address
    b.ledger.bond_reaches(bond, frame, page);
    CHECK(b.ledger.judge(bond, bus, frame + 0x10) == Verdict::Legal);
    b.ledger.frame_unmapped(frame);
    CHECK(b.ledger.judge(bond, bus, frame + 0x10) == Verdict::AfterUnmap);
    b.ledger.frame_freed(frame);
    CHECK(b.ledger.judge(bond, bus, frame + 0x10) == Verdict::Stale);
    b.ledger.frame_taken(frame, theirs, FrameUse::Leaf, Va{0x5000});
    CHECK(b.ledger.judge(bond, bus, frame + 0x10) == Verdict::Stale);
    CHECK(b.ledger.judge(bond, bus + page_size, frame + page_size) != Verdict::Legal); // never told of that one
}
