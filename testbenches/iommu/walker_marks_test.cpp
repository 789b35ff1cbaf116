// SPDX-License-Identifier: Apache-2.0
/// Walks that mark entries as used and written, and entries that are malformed.
#include "iommu/walk_bench.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

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
