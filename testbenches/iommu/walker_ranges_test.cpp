// SPDX-License-Identifier: Apache-2.0
/// Entries that stand for other ranges than their level's.
#include "iommu/walk_bench.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

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
