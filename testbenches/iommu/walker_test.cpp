// SPDX-License-Identifier: Apache-2.0
/// One walk: what it costs, what it finds, and what is wrong with an entry.
#include "iommu/walk_bench.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::testbench;

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
