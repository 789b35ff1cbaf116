// SPDX-License-Identifier: Apache-2.0
/// Command queues of the CPUs: who has one, what goes there, and what an error in one does.
#include "os/smmuv3_bench.h"

using namespace quiesce;
using namespace quiesce::os;
using namespace quiesce::os::test::smmuv3;

namespace {

constexpr u64 control_page = 0x2'0000, spacing = 0x4000; // four queues in 64 KiB

struct OwnQueuesBench : Bench {
    static iommu::smmuv3::Smmuv3Config with_queues(unsigned log2) {
        iommu::smmuv3::Smmuv3Config c;
        c.ecmdq_log2 = log2;
        return c;
    }
    static drivers::Smmuv3DriverConfig wanted(bool own) {
        drivers::Smmuv3DriverConfig c;
        c.ecmdq = own;
        return c;
    }
    explicit OwnQueuesBench(unsigned log2 = 2, bool own = true)
        : Bench(KernelVersion::V6_12, {}, with_queues(log2), without_atc(), wanted(own)) {}
    u32 producer(unsigned cpu) { return static_cast<u32>(reg(control_page + cpu * spacing + 0x8)); }
    u32 consumer(unsigned cpu) { return static_cast<u32>(reg(control_page + cpu * spacing + 0xc)); }
    u32 consumed() {
        u32 all = 0;
        for (unsigned cpu = 0; cpu < 4; ++cpu) all += consumer(cpu) & 0xfffff;
        return all;
    }
};

} // namespace

TEST_CASE("with a queue for every CPU, all commands go there, and the first queue has none", "[os][ecmdq]") {
    OwnQueuesBench b;
    CHECK(b.driver->own_queues() == 4);
    for (unsigned cpu = 0; cpu < 4; ++cpu) {
        CHECK((b.producer(cpu) >> 31) == 1);                                  // EN
        CHECK((b.consumer(cpu) >> 31) == 1);                                  // ENACK
        CHECK((b.reg(control_page + cpu * spacing, 8) & 0x1f) == 8);          // as large as the first
    }
    CHECK(b.reg(0x98) == 0);
    CHECK(b.spy->commands.empty());
    const u32 before = b.consumed();
    CHECK(before >= 6); // CFGI_ALL, TLBI_NSNH_ALL and CFGI_STE, each with a CMD_SYNC
    b.bind();
    CHECK(b.fence_seen);
    CHECK(b.consumed() > before);
    for (unsigned cpu = 0; cpu < 4; ++cpu) CHECK((b.producer(cpu) & 0xfffff) == (b.consumer(cpu) & 0xfffff));
}

TEST_CASE("with fewer queues than CPUs, or where nobody asks for them, all CPUs share the first", "[os][ecmdq]") {
    const auto [log2, own] = GENERATE(std::pair{1u, true}, std::pair{2u, false});
    OwnQueuesBench b{log2, own};
    CHECK(b.driver->own_queues() == 0);
    CHECK(b.reg(0x98) != 0);
    CHECK((b.reg(control_page + 0x8) >> 31) == 0);
}

TEST_CASE("an illegal command in a CPU's queue becomes a CMD_SYNC, and ERRACK lets the queue go on", "[os][ecmdq]") {
    OwnQueuesBench b;
    const u32 before = b.consumed();
    const auto illegal = iommu::smmuv3::Command{}.set(iommu::smmuv3::Command::Op, iommu::smmuv3::Opcode::TLBI_EL3_ALL);
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        // As the driver would, on the CPU that this runs on.
        const u64 place = control_page + ctx.cpu() * spacing;
        const u64 base = co_await ctx.mmio_read(registers + place, 8);
        const u64 prod = co_await ctx.mmio_read(registers + place + 0x8, 4);
        const Spa slot{(base & 0xff'ffff'ffff'ffe0) + 16 * (prod & 0xff)};
        co_await ctx.store(slot, illegal.word(0));
        co_await ctx.store(slot + 8, illegal.word(1));
        co_await ctx.barrier();
        co_await ctx.mmio_write(registers + place + 0x8, 4, prod + 1);
    });
    b.calendar.run_for(50_us);
    u32 errors = 0;
    for (unsigned cpu = 0; cpu < 4; ++cpu) {
        CHECK((b.producer(cpu) >> 23 & 1) == (b.consumer(cpu) >> 23 & 1)); // ERRACK
        if ((b.consumer(cpu) >> 23 & 1) == 0) continue;
        ++errors;
        // The driver gave the unit the index that it knows of, which is not that of this test.
        const u32 again = b.producer(cpu) + 1;
        const Spa at = registers + control_page + cpu * spacing + 0x8;
        b.in_kernel([&](KernelContext& ctx) { return ctx.mmio_write(at, 4, again); });
        b.calendar.run_for(50_us);
    }
    CHECK(errors == 1);
    CHECK(b.consumed() == before + 1); // the CMD_SYNC that is in its place
    CHECK(b.reg(0x60) == b.reg(0x64));
}
