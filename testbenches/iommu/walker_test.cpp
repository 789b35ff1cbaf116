// SPDX-License-Identifier: Apache-2.0
/// The table walker on its own: what a walk costs, what it finds, what it keeps, and what happens when many come at
/// once.
#include "iommu/core_bench.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

namespace {

constexpr Iova page_a{0x1234'5678'9000}, page_b{0x1234'5678'a000};

/// A walker without an agent; walks are started by hand.
struct WalkBench : CoreBench {
    InFlightTracker transactions_inside, walks;
    OccurrenceTap occurrences;
    InvalidationConfig invalidation;
    InvalidationEngine engine{"iommu0", bus, transactions_inside, invalidation};
    std::optional<Walker> built_walker;
    struct Walked {
        bool done = false;
        Time at{};
        WalkResult result{};
    };
    std::deque<Walked> walked;

    Walker& walker() {
        if (!built_walker) built_walker.emplace("iommu0", bus, memory, engine, walks, occurrences, config.walker);
        return *built_walker;
    }
    Context& context() { return architecture.contexts[{1, 5}]; }
    Walked& begin_walk(TranslationRequest r) {
        walker();
        walked.emplace_back();
        sim::start(note(r, walked.back()));
        return walked.back();
    }
    Task<void> note(TranslationRequest r, Walked& w) {
        w.result = co_await walker().walk(r, context());
        w.at = sim::now();
        w.done = true;
    }
    WalkResult walk_once(TranslationRequest r) {
        Walked& w = begin_walk(r);
        settle();
        return w.result;
    }
    Duration time_of(TranslationRequest r) {
        const Time begun = sim::now();
        Walked& w = begin_walk(r);
        settle();
        return w.at - begun;
    }
};

} // namespace

TEST_CASE("a cold walk takes the pointer look-up and four entry reads, its neighbour one", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.tables.map(b.root, page_b, Spa{0x8000'2000});

    CHECK(b.time_of(b.request(page_a)) == b.walk_time(4));
    CHECK(b.time_of(b.request(page_b)) == b.walk_time(1));
    CHECK(b.walker().entries_read() == 5);
    CHECK(b.walked[1].result.leaf.to == Spa{0x8000'2000});
    CHECK(b.walked[1].result.leaf.bytes == page_size);
}

TEST_CASE("a walker that keeps no table pointers reads every level every time", "[iommu][walker]") {
    WalkBench b;
    b.config.walker.keeps_pointers = false;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    for (unsigned n = 1; n < 4; ++n) {
        CHECK(b.time_of(b.request(page_a)) == b.walk_time(4));
        CHECK(b.walker().entries_read() == 4 * n);
    }
}

TEST_CASE("a slow walk takes slow_by longer; the share of slow ones is what was asked for", "[iommu][walker]") {
    WalkBench b;
    b.config.walker.slow_share = 25;
    b.config.walker.slow_by = 200_ns;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.walk_once(b.request(page_a));
    unsigned slow = 0;
    for (unsigned n = 0; n < 1000; ++n) {
        const Duration took = b.time_of(b.request(page_a));
        if (took != b.walk_time(1)) {
            CHECK(took == b.walk_time(1) + 200_ns);
            ++slow;
        }
    }
    CHECK(slow > 190); // 250, less four standard deviations
    CHECK(slow < 310);
}

TEST_CASE("requests for one page that wait are one walk, or, where only a walk under way is joined, two",
          "[iommu][walker]") {
    const WalkMerging merges = GENERATE(WalkMerging::Waiting, WalkMerging::Neighbours);
    WalkBench b;
    b.config.walker.merges = merges;
    b.config.walker.slots = 1;
    for (const Iova page : {page_a, page_b}) b.tables.map(b.root, page, Spa{0x8000'1000});
    b.walk_once(b.request(page_a));
    const Time begun = sim::now();
    b.begin_walk(b.request(page_b)); // takes the place
    const auto& first = b.begin_walk(b.request(page_a));
    const auto& second = b.begin_walk(b.request(page_a));
    b.settle();
    const bool one = merges == WalkMerging::Waiting;
    CHECK(b.walker().merged() == (one ? 1 : 0));
    CHECK(b.walker().walks() == (one ? 3 : 4));
    CHECK(first.at - begun == b.walk_time(1) * 2);
    CHECK(second.at - begun == b.walk_time(1) * (one ? 2 : 3));
}

TEST_CASE("where neighbours are merged, a walk is joined by the next request and by none further back",
          "[iommu][walker]") {
    WalkBench b;
    b.config.walker.merges = WalkMerging::Neighbours;
    b.config.walker.slots = 3;
    for (const Iova page : {page_a, page_b}) b.tables.map(b.root, page, Spa{0x8000'1000});
    const auto& first = b.begin_walk(b.request(page_a));
    const auto& second = b.begin_walk(b.request(page_a));
    b.begin_walk(b.request(page_b));
    const auto& third = b.begin_walk(b.request(page_a));
    b.settle();
    CHECK_FALSE(third.result.merged);
    CHECK(b.walker().merged() == 1);
    CHECK(b.walker().walks() == 3);
    CHECK(second.result.merged);
    CHECK(second.at == first.at);
    CHECK(b.walker().slots().used() == 0);
}

TEST_CASE("a leaf at level 2 ends the walk one entry earlier and stands for 2 MiB", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a.align_down(2 << 20), Spa{0xc000'0000}, plain::rwu, 2);

    CHECK(b.time_of(b.request(page_a)) == b.walk_time(3));
    CHECK(b.walked[0].result.leaf.to == Spa{0xc000'0000});
    CHECK(b.walked[0].result.leaf.bytes == u64{2} << 20);
    CHECK(b.walked[0].result.basis.leaf.at == page_a.align_down(2 << 20));
}

TEST_CASE("permissions are what every entry on the way allows", "[iommu][walker]") {
    WalkBench b;
    b.tables.entry(b.root, page_a, 1, plain::r | plain::w);               // level 0: not user, not executable
    b.tables.entry(b.root, page_a, 2, plain::r | plain::x | plain::user); // level 1: not writable
    b.tables.map(b.root, page_a, Spa{0x8000'1000}, plain::rwu | plain::x);

    const WalkResult cold = b.walk_once(b.request(page_a));
    CHECK(cold.leaf.may == Permissions{true, false, false, false});
    const WalkResult through_the_cache = b.walk_once(b.request(page_a));
    CHECK(through_the_cache.leaf.may == cold.leaf.may);
    CHECK(b.walker().entries_read() == 5);
}

TEST_CASE("an invalid entry ends the walk at its level and the pointers above it are kept", "[iommu][walker]") {
    const unsigned level = GENERATE(0u, 1u, 2u, 3u);
    WalkBench b;
    b.tables.set(b.tables.entry(b.root, page_a, level), 0);
    CHECK(b.time_of(b.request(page_a)) == b.walk_time(level + 1));
    CHECK_FALSE(b.walked[0].result.ok);
    CHECK(b.walked[0].result.fault.why == FaultReason::NotMapped);
    CHECK(b.walked[0].result.fault.level == level);
    CHECK_FALSE(b.walked[0].result.fault.on_table);
    CHECK(b.walker().cache().size() == level);
}

TEST_CASE("an address beyond the output size is told apart for a table and for the page itself", "[iommu][walker]") {
    WalkBench b;
    b.context().roots[0].output_bits = 40;
    const Iova other{0x7f00'0000'0000};
    b.tables.map(b.root, page_a, Spa{u64{1} << 40});
    b.tables.set(b.tables.entry(b.root, other, 1), (u64{1} << 44) | plain::valid);

    const WalkResult page = b.walk_once(b.request(page_a));
    CHECK(page.fault.why == FaultReason::AddressSize);
    CHECK_FALSE(page.fault.on_table);
    CHECK(page.fault.level == 3);
    const WalkResult table = b.walk_once(b.request(other));
    CHECK(table.fault.why == FaultReason::AddressSize);
    CHECK(table.fault.on_table);
    CHECK(table.fault.level == 1);
}

TEST_CASE("an entry never used before faults only where hardware may not mark it used", "[iommu][walker]") {
    WalkBench b;
    const Spa entry = b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.tables.set(entry, 0x8000'1000 | plain::valid | plain::leaf | plain::rwu);
    CHECK(b.walk_once(b.request(page_a)).fault.why == FaultReason::AccessFlag);
    b.context().roots[0].used_faults = false;
    CHECK(b.walk_once(b.request(page_a)).ok);
}

TEST_CASE("an aborted entry read is a walk abort that names the entry", "[iommu][walker]") {
    WalkBench b;
    const Spa entry = b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.memory.aborts.insert(entry.value());
    const WalkResult r = b.walk_once(b.request(page_a));
    CHECK(r.fault.why == FaultReason::WalkAbort);
    CHECK(r.fault.fetch_address == entry);
    CHECK(r.fault.level == 3);
}

TEST_CASE("a disabled half and an address outside both halves fault without a read", "[iommu][walker]") {
    WalkBench b;
    const Time begun = sim::now();
    CHECK(b.walk_once(b.request(Iova{u64{1} << 50})).fault.why == FaultReason::NotMapped);
    b.context().roots[0].disabled = true;
    CHECK(b.walk_once(b.request(page_a)).fault.why == FaultReason::NotMapped);
    CHECK(b.memory.asked.empty());
    CHECK(b.walked.back().at == begun);
}

TEST_CASE("the high half is walked from its own root with the upper bits left out", "[iommu][walker]") {
    WalkBench b;
    TableRoot& high = b.context().roots[1];
    high.present = true;
    high.format = &plain::format;
    high.table = b.tables.take_table();
    high.input_bits = 42;
    b.tables.map(high.table, Iova{0x3f5'5555'5000}, Spa{0x8000'7000});
    const WalkResult r = b.walk_once(b.request(Iova{0xffff'fff5'5555'5000 | (u64{0x3f5} << 32)}));
    CHECK(r.ok);
    CHECK(r.leaf.to == Spa{0x8000'7000});
}

TEST_CASE("every entry read says for whom, at which level and where the device aimed", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    const TranslationRequest r = b.request(page_a + 0x40);
    b.walk_once(r);
    REQUIRE(b.memory.asked.size() == 4);
    for (unsigned level = 0; level < 4; ++level) {
        const memory::Request& asked = b.memory.asked[level];
        CHECK(asked.origin.purpose == memory::Purpose::TableWalk);
        CHECK(asked.origin.level == level);
        CHECK(asked.origin.device == r.device);
        CHECK(asked.origin.bond == r.bond);
        CHECK(asked.origin.has_pasid);
        CHECK(asked.origin.pasid == r.pasid);
        CHECK(asked.origin.aimed_at == r.at);
        CHECK(asked.origin.transaction == r.transaction);
        CHECK_FALSE(asked.write);
        CHECK(asked.bytes == 8);
    }
}

TEST_CASE("a walk beyond the slots waits exactly until the first one ends, and the levels show it", "[iommu][walker]") {
    WalkBench b;
    b.config.walker.slots = 2;
    std::vector<std::pair<std::string, u32>> levels;
    auto token = b.bus.subscribe<base::LevelChanged>(
        [&](Time, const base::LevelChanged& e) { levels.emplace_back(std::string{e.what.text()}, e.value); });
    const Iova pages[] = {Iova{0x10'0000'0000}, Iova{0x1020'0000'0000},
                          Iova{0x2020'0000'0000}}; // nothing shared but the root
    for (const Iova p : pages) b.tables.map(b.root, p, Spa{0x8000'0000});
    const Time begun = sim::now();
    for (const Iova p : pages) b.begin_walk(b.request(p));
    CHECK(b.walker().slots().used() == 2);
    CHECK(b.walker().slots().waiting() == 1);
    b.settle();

    CHECK(b.walked[0].at == begun + b.walk_time(4));
    CHECK(b.walked[1].at == begun + b.walk_time(4));
    CHECK(b.walked[2].at == begun + b.walk_time(4) * 2);
    CHECK(b.walker().slots().waited() == b.walk_time(4));
    const std::vector<std::pair<std::string, u32>> expected{
        {"iommu0.walkers.used", 1},    {"iommu0.walkers.used", 2}, {"iommu0.walkers.waiting", 1},
        {"iommu0.walkers.waiting", 0}, {"iommu0.walkers.used", 1}, {"iommu0.walkers.used", 0}};
    CHECK(levels == expected);
}

TEST_CASE("a second miss on the same page waits for the first walk and reads nothing itself", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    auto& first = b.begin_walk(b.request(page_a));
    b.run(b.entry_time());
    auto& second = b.begin_walk(b.request(page_a + 0x800));
    auto& other_page = b.begin_walk(b.request(page_b));
    b.settle();

    CHECK(b.walker().walks() == 2);
    CHECK(b.walker().merged() == 1);
    CHECK(second.at == first.at);
    CHECK(second.result.merged);
    CHECK_FALSE(first.result.merged);
    CHECK(second.result.leaf.to == Spa{0x8000'1000});
    CHECK_FALSE(other_page.result.merged);
    b.begin_walk(b.request(page_a));
    b.settle();
    CHECK(b.walker().walks() == 3); // nothing is in flight any more
}

TEST_CASE("the same page under another root is another walk", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.begin_walk(b.request(page_a));
    b.context().roots[0].table = b.tables.take_table();
    auto& second = b.begin_walk(b.request(page_a));
    b.settle();
    CHECK(b.walker().merged() == 0);
    CHECK(second.result.fault.why == FaultReason::NotMapped);
}

TEST_CASE("invalidating leaves alone keeps table pointers, invalidating a page with its path drops them",
          "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.walk_once(b.request(page_a));
    REQUIRE(b.walker().cache().size() == 3);

    b.engine.begin(1, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_a, true));
    b.settle();
    CHECK(b.walker().cache().size() == 3);
    b.engine.begin(2, InvalidationKind::Translation, scope_of_page(SpaceTag{8}, page_a, false));
    b.settle();
    CHECK(b.walker().cache().size() == 3);
    b.engine.begin(3, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_b, false)); // same tables
    b.settle();
    CHECK(b.walker().cache().size() == 0);
}

TEST_CASE("a walk that an invalidation overtook leaves no pointers behind and says so", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    auto& w = b.begin_walk(b.request(page_a));
    b.run(b.walk_time(1) + 5_ns); // the first pointer has been read and kept
    REQUIRE(b.walker().cache().size() == 1);
    b.engine.begin(1, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_a, false));
    b.settle();
    CHECK(w.done);
    CHECK(w.result.ok);
    CHECK(b.engine.overtaken(w.result.basis));
    CHECK(b.walker().cache().size() == 0);
}

TEST_CASE("a walk is not overtaken by what was applied before it or concerns others", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.engine.begin(1, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_a, false));
    b.settle();
    auto& w = b.begin_walk(b.request(page_a));
    b.run(b.walk_time(1));
    b.engine.begin(2, InvalidationKind::Translation, scope_of_space(SpaceTag{8}));
    b.engine.begin(3, InvalidationKind::Configuration, scope_of_stream(StreamId{1}));
    b.engine.begin(4, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_b, true));
    b.settle();
    CHECK_FALSE(b.engine.overtaken(w.result.basis));
    CHECK(b.walker().cache().size() == 3);
}

TEST_CASE("a walk that started from a kept pointer is overtaken when that pointer is invalidated", "[iommu][walker]") {
    WalkBench b;
    b.tables.map(b.root, page_a, Spa{0x8000'1000});
    b.tables.map(b.root, page_b, Spa{0x8000'2000});
    b.walk_once(b.request(page_a));
    auto& w = b.begin_walk(b.request(page_b));
    b.run(b.config.walker.cache_lookup + 1_ps); // under way through the table that both pages share
    b.engine.begin(1, InvalidationKind::Translation, scope_of_page(SpaceTag{9}, page_a, false));
    b.settle();
    CHECK(b.memory.asked.size() == 5);
    CHECK(b.engine.overtaken(w.result.basis));
}

namespace {

/// As plain::format; bit 8: malformed, bit 9: written. Hardware marks.
namespace marking {
enum : u64 { malformed = 256, written = 512 };
inline Decoded decode(u64 e, unsigned level, const TableRoot& root) {
    Decoded d = plain::decode(e & ~u64{0xf00}, level, root);
    if ((e & malformed) != 0) d.kind = Decoded::Kind::Malformed;
    d.clean = d.may.write && (e & written) == 0 && d.kind == Decoded::Kind::Leaf;
    if (d.clean) d.may.write = false;
    return d;
}
inline u64 mark(u64 e, bool w) { return e | plain::accessed | (w ? u64{written} : 0); }
inline constexpr TableFormat format{"marking", 0, 3, &plain::shift, &plain::bits, &decode, nullptr, &mark};
} // namespace marking

struct MarkBench : WalkBench {
    Spa leaf;
    MarkBench() : leaf(tables.map(root, page_a, Spa{0x8000'1000})) {
        TableRoot& r = context().roots[0];
        r.format = &marking::format;
        r.marks_used = r.marks_written = r.tables_too = true;
    }
    u64 word(Spa at) { return memory.words[at.value()]; }
    Spa top() { return tables.entry(root, page_a, 0); }
};

} // namespace

TEST_CASE("entries that lead to tables are marked, too, where the root says so, and the walk goes on from there",
          "[iommu][walker]") {
    MarkBench b;
    const bool too = GENERATE(true, false);
    b.context().roots[0].tables_too = too;
    const WalkResult w = b.walk_once(b.request(page_a));
    REQUIRE(w.ok);
    CHECK(w.leaf.to == Spa{0x8000'1000});
    CHECK(((b.word(b.top()) & plain::accessed) != 0) == too);
    CHECK(b.walker().entries_read() == 4);
    CHECK(b.walker().cache().size() == 3);
}

TEST_CASE("an entry of a table that was never used faults where hardware may not mark it", "[iommu][walker]") {
    MarkBench b;
    b.context().roots[0].marks_used = false;
    const WalkResult w = b.walk_once(b.request(page_a));
    CHECK(w.fault.why == FaultReason::AccessFlag);
    CHECK(w.fault.level == 0);
    CHECK(w.fault.on_table);
}

TEST_CASE("a clean page that is written faults where hardware may not mark it, and may be read", "[iommu][walker]") {
    MarkBench b;
    TableRoot& root = b.context().roots[0];
    root.marks_written = false;
    root.written_faults = true;
    const WalkResult read = b.walk_once(b.request(page_a));
    REQUIRE(read.ok);
    CHECK(read.leaf.clean);
    CHECK(b.walk_once(b.request(page_a, iommu::Access::Write)).fault.why == FaultReason::AccessFlag);
    CHECK((b.word(b.leaf) & marking::written) == 0);
    b.tables.set(b.leaf, b.word(b.leaf) | marking::written);
    CHECK(b.walk_once(b.request(page_a, iommu::Access::Write)).ok);
}

TEST_CASE("a malformed entry is no missing one", "[iommu][walker]") {
    MarkBench b;
    b.tables.set(b.leaf, b.word(b.leaf) | marking::malformed);
    const WalkResult w = b.walk_once(b.request(page_a));
    CHECK(w.fault.why == FaultReason::Malformed);
    CHECK(w.fault.level == 3);
}

// ---- entries that stand for other ranges than their level's ----------------------------------------------------------

namespace {

/// As the plain format; bits 11:8 are of a leaf how much larger than its level's range its own is, of a table how many levels
/// it skips.
namespace wide {
constexpr u16 flaw = 77;
Decoded decode(u64 e, unsigned level, const TableRoot& root) {
    Decoded d = plain::decode(e, level, root);
    const auto more = static_cast<u8>(e >> 8 & 15);
    d.flaw = flaw;
    if (d.kind == Decoded::Kind::Table) d.skips = more;
    if (d.kind == Decoded::Kind::Leaf && more != 0) d.size_log2 = static_cast<u8>(plain::shift(level) + more);
    return d;
}
constexpr TableFormat format{"wide", 0, 3, &plain::shift, &plain::bits, &decode};
} // namespace wide

struct WideBench : WalkBench {
    WideBench() { context().roots[0].format = &wide::format; }
};

} // namespace

TEST_CASE("a leaf may stand for more than the range of its entry", "[iommu][walker]") {
    WideBench b;
    const Spa entry = b.tables.map(b.root, page_a, Spa{0xc000'0000});
    b.tables.set(entry, b.memory.words[entry.value()] | 3u << 8);
    const WalkResult w = b.walk_once(b.request(page_a));
    CHECK((w.ok && w.leaf.to == Spa{0xc000'0000}));
    CHECK(w.leaf.bytes == 0x8000);
    CHECK(w.basis.leaf.bytes == 0x8000);
    CHECK(w.basis.leaf.at == page_a.align_down(0x8000));
}

TEST_CASE("an entry may lead past levels, for addresses whose bits would index them with zero", "[iommu][walker]") {
    WideBench b;
    const Iova at{u64{5} << 39 | 0x6000}, beside{u64{5} << 39 | 0x20'6000};
    const Spa lowest = b.tables.take_table();
    b.tables.set(b.tables.entry(b.root, at, 0), lowest.value() | plain::valid | plain::rwu | plain::x | 2u << 8);
    b.tables.set(lowest + 6 * 8, 0x8000'1000 | plain::valid | plain::leaf | plain::accessed | plain::rwu);
    const bool known = GENERATE(false, true);
    if (known) {
        CHECK(b.walk_once(b.request(at)).leaf.to == Spa{0x8000'1000});
        CHECK(b.walker().entries_read() == 2);
        CHECK(b.walk_once(b.request(at)).ok);
        CHECK(b.walker().entries_read() == 3); // the pointer was kept
    }
    const WalkResult w = b.walk_once(b.request(beside));
    CHECK_FALSE(w.ok);
    CHECK(w.fault.why == FaultReason::Malformed);
    CHECK(w.fault.code == wide::flaw);
    CHECK(w.fault.level == 0);
}
