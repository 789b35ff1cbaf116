// SPDX-License-Identifier: Apache-2.0
/// Pages that several address spaces have, that move, that go to swap and come back, and that are mapped by 2 MiB. The
/// oracle is a walk by hand over the words in memory (facts/iommu-specs.md 5.1), and what a test itself wrote.
#include "base/property.h"
#include "os/machine.h"
#include "os/mm/address_space.h"

#include <deque>
#include <map>

using namespace quiesce;
using namespace quiesce::os;
using sim::Duration;
using sim::Task;
using sim::Time;
using namespace sim::literals;

namespace {
constexpr Va heap{0x4000'0000};
constexpr Va page_at(u64 n) { return heap + n * page_size; }

struct Seen {
    Spa at{};
    bool writable = false, block = false;
};

/// A notifier that keeps what a walk found of the first page of each range when it was called.
struct Witness : MmuNotifier {
    std::function<std::optional<Seen>(Va)> walk;
    struct Call {
        Va first;
        u64 bytes;
        std::optional<Seen> seen;
    };
    std::vector<Call> calls;
    Task<void> release(KernelContext&, AddressSpace&) override { co_return; }
    Task<void> invalidate(KernelContext&, AddressSpace&, Va first, u64 bytes) override {
        calls.push_back({first, bytes, walk(bytes == ~u64{0} ? heap : first)});
        co_return;
    }
};

struct PagesBench : test::Machine {
    MmConfig mm_config;
    std::deque<AddressSpace> spaces;
    u64 freed = 0;
    base::Subscription token = events.subscribe<memory::FrameFreed>([this](Time, const memory::FrameFreed& e) {
        freed += e.use == memory::FrameUse::Leaf;
    });
    PagesBench() { make_kernel(); }
    ~PagesBench() { calendar.shutdown(); }

    AddressSpace& space(const NewMapping& mapping) {
        AddressSpace& mm = empty();
        mm.map("heap", heap, mapping);
        return mm;
    }
    AddressSpace& empty() {
        return spaces.emplace_back(MmId{static_cast<u32>(100 + spaces.size())}, "mm", mm_config, kernel->frames());
    }
    std::optional<Seen> walk(const AddressSpace& mm, Va va) {
        u64 table = mm.pgd().value();
        for (const unsigned shift : {39u, 30u, 21u, 12u}) {
            const u64 word = kernel->frames().memory().peek64(Spa{table + 8 * ((va.value() >> shift) % 512)});
            if ((word & 1) == 0) return std::nullopt;
            const bool block = (word & 2) == 0;
            const u64 out = word & 0x0000'ffff'ffff'f000;
            if (block || shift == 12) return Seen{Spa{out + (va.value() & ((u64{1} << shift) - 1))}, (word & 0x80) == 0, block};
            table = out;
        }
        return std::nullopt;
    }
    u64 read(const AddressSpace& mm, u64 n) {
        const auto seen = walk(mm, page_at(n));
        REQUIRE(seen);
        return kernel->frames().memory().peek64(seen->at);
    }
    /// As a CPU of the process would: behind a page fault where the entry refuses.
    void write(AddressSpace& mm, u64 n, u64 value) {
        if (const auto seen = walk(mm, page_at(n)); !seen || !seen->writable) REQUIRE(fault(mm, n, true) == FaultResult::Done);
        const auto seen = walk(mm, page_at(n));
        REQUIRE(seen);
        REQUIRE(seen->writable);
        kernel->frames().memory().poke64(seen->at, value);
    }
    FaultResult fault(AddressSpace& mm, u64 n, bool for_write) {
        FaultResult result{};
        in_kernel([&](KernelContext& ctx) -> Task<void> {
            const auto held = co_await mm.mmap_lock().read();
            result = co_await mm.fault_in(ctx, page_at(n), for_write);
        });
        return result;
    }
    bool fork(AddressSpace& parent, AddressSpace& child) {
        bool done = false;
        in_kernel([&](KernelContext& ctx) -> Task<void> {
            const auto held = co_await parent.mmap_lock().write();
            done = co_await parent.copy_to(ctx, child);
        });
        return done;
    }
    void leave(AddressSpace& mm) {
        in_kernel([&](KernelContext& ctx) -> Task<void> { co_await mm.mmput(ctx); });
    }
    Witness& watch(AddressSpace& mm) {
        Witness& w = *witnesses.emplace_back(std::make_unique<Witness>());
        w.walk = [this, &mm](Va at) { return walk(mm, at); };
        mm.notifier_register(w);
        return w;
    }
    std::vector<std::unique_ptr<Witness>> witnesses;
};

} // namespace

TEST_CASE("after a fork both read the same frames, and neither may write to them", "[os][pages]") {
    PagesBench b;
    AddressSpace &parent = b.space({.pages = 8}), &child = b.empty();
    for (u64 n = 0; n < 8; ++n) b.write(parent, n, 100 + n);
    REQUIRE(b.fork(parent, child));
    for (u64 n = 0; n < 8; ++n) {
        const auto theirs = b.walk(parent, page_at(n)), its = b.walk(child, page_at(n));
        REQUIRE((theirs && its));
        CHECK(theirs->at == its->at);
        CHECK_FALSE((theirs->writable || its->writable));
    }
    b.write(child, 3, 7);
    b.write(parent, 4, 8);
    CHECK(b.read(parent, 3) == 103);
    CHECK(b.read(child, 3) == 7);
    CHECK(b.read(parent, 4) == 8);
    CHECK(b.read(child, 4) == 104);
}

TEST_CASE("fork tells secondary TLBs of the narrowed entries before it returns; a copy, when the old entry is gone", "[os][pages]") {
    PagesBench b;
    AddressSpace &parent = b.space({.pages = 2}), &child = b.empty();
    Witness& told = b.watch(parent);
    REQUIRE(b.fork(parent, child));
    REQUIRE(told.calls.size() == 1);
    CHECK(told.calls[0].bytes == ~u64{0});
    REQUIRE(told.calls[0].seen);
    CHECK_FALSE(told.calls[0].seen->writable);
    b.write(parent, 1, 5);
    REQUIRE(told.calls.size() == 2);
    CHECK(told.calls[1].first == page_at(1));
    CHECK_FALSE(told.calls[1].seen);
    CHECK(b.freed == 0); // the old frame is the child's
}

TEST_CASE("who is left alone with a page writes to it without a copy, and secondary TLBs are told or not", "[os][pages]") {
    const bool tell = GENERATE(false, true);
    PagesBench b;
    AddressSpace &parent = b.space({.pages = 2}), &child = b.empty();
    Witness& told = b.watch(parent);
    parent.tell_upgrades(tell);
    REQUIRE(b.fork(parent, child));
    const Spa before = b.walk(parent, heap)->at;
    b.leave(child);
    CHECK(b.freed == 0);
    b.write(parent, 0, 5);
    CHECK(b.walk(parent, heap)->at == before);
    CHECK(told.calls.size() == (tell ? 2 : 1));
}

TEST_CASE("what mprotect takes, a fault does not give back; what others have is copied when it may be written again", "[os][pages]") {
    PagesBench b;
    AddressSpace &mm = b.space({.pages = 4}), &child = b.empty();
    Witness& told = b.watch(mm);
    const auto protect = [&](bool writable) {
        b.in_kernel([&](KernelContext& ctx) -> Task<void> { co_await mm.mprotect(ctx, page_at(1), 2, writable); });
    };
    protect(false);
    REQUIRE(told.calls.size() == 1);
    CHECK(told.calls[0].bytes == 2 * page_size);
    CHECK(b.fault(mm, 1, true) == FaultResult::BadAddress);
    CHECK(b.fault(mm, 1, false) == FaultResult::Done);
    CHECK(b.walk(mm, page_at(0))->writable);
    REQUIRE(b.fork(mm, child));
    protect(true);
    CHECK_FALSE(b.walk(mm, page_at(1))->writable);
    b.write(mm, 1, 9);
    CHECK(b.walk(mm, page_at(1))->at != b.walk(child, page_at(1))->at);
}

TEST_CASE("a page that moves is nowhere while it is copied, and has its bytes in another frame; pinned and shared ones stay", "[os][pages]") {
    PagesBench b;
    AddressSpace &mm = b.space({.pages = 4}), &child = b.empty();
    for (u64 n = 0; n < 4; ++n) b.write(mm, n, 10 + n);
    Witness& told = b.watch(mm);
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        const auto list = co_await mm.pin(ctx, page_at(0), 1);
        CHECK(list.size() == 1);
    });
    const Spa pinned = b.walk(mm, page_at(0))->at, moved = b.walk(mm, page_at(1))->at;
    AddressSpace::Moved m;
    const auto migrate = [&] { b.in_kernel([&](KernelContext& ctx) -> Task<void> { m = co_await mm.migrate(ctx, heap, 4); }); };
    migrate();
    CHECK(m.done == 3);
    CHECK(m.pinned == 1);
    CHECK(b.walk(mm, page_at(0))->at == pinned);
    CHECK(b.walk(mm, page_at(1))->at != moved);
    CHECK(b.freed == 3);
    for (const auto& call : told.calls) CHECK_FALSE(call.seen);
    for (u64 n = 0; n < 4; ++n) CHECK(b.read(mm, n) == 10 + n);
    REQUIRE(b.fork(mm, child));
    CHECK(b.walk(child, page_at(0))->at != pinned); // copied at once
    migrate();
    CHECK(m.shared == 3);
}

TEST_CASE("a pinned page is free when its last pin goes, long after its mapping", "[os][pages]") {
    PagesBench b;
    AddressSpace& mm = b.space({.pages = 2});
    std::vector<PinnedPage> list;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        list = co_await mm.pin(ctx, heap, 1);
        CHECK(list.size() == 1);
    });
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { co_await mm.munmap(ctx, heap, 2); });
    CHECK(b.freed == 1);
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { co_await mm.unpin(ctx, list); });
    CHECK(b.freed == 2);
}

TEST_CASE("a page goes to swap and comes back with its bytes after the time that a disk takes; without room it stays", "[os][pages]") {
    PagesBench b;
    AddressSpace& mm = b.space({.pages = 3});
    for (u64 n = 0; n < 3; ++n) b.write(mm, n, 20 + n);
    b.kernel->frames().set_swap(2);
    AddressSpace::Moved m;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { m = co_await mm.page_out(ctx, heap, 3); });
    CHECK(m.done == 2);
    CHECK(b.freed == 2);
    CHECK(mm.present_pages() == 1);
    CHECK(b.kernel->frames().swap_left() == 0);
    Duration took{};
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        const auto held = co_await mm.mmap_lock().read();
        const Time since = sim::now();
        const FaultResult result = co_await mm.fault_in(ctx, heap, false);
        took = sim::now() - since;
        CHECK(result == FaultResult::Done);
    });
    CHECK(took >= b.mm_config.swap_in.get());
    CHECK(b.read(mm, 0) == 20);
    CHECK(b.kernel->frames().swap_left() == 1);
    b.leave(mm);
    CHECK(b.kernel->frames().swap_left() == 2);
}

TEST_CASE("what swap has no room for is counted apart, and neither hugetlb nor frames without a struct page go there at all", "[os][pages]") {
    PagesBench b;
    b.kernel->frames().set_swap(2);
    AddressSpace &mm = b.space({4}), &hugetlb = b.space({huge_pages, huge_pages, MemoryKind::Hugetlb, true}), &mapped = b.space({4, 4, MemoryKind::PfnMapped});
    AddressSpace::Moved m, of_hugetlb, of_mapped;
    b.in_kernel([&](KernelContext& ctx) -> Task<void> {
        of_hugetlb = co_await hugetlb.page_out(ctx, heap, 4);
        of_mapped = co_await mapped.page_out(ctx, heap, 4);
        const u64 reclaimed = co_await hugetlb.reclaim(ctx, 4, false);
        CHECK(reclaimed == 0);
        m = co_await mm.page_out(ctx, heap, 4);
    });
    CHECK((m.done == 2 && m.no_swap == 2 && m.failed == 0 && !m.refused));
    CHECK((of_hugetlb.refused && of_hugetlb.done == 0));
    CHECK((of_mapped.refused && of_mapped.done == 0));
    CHECK(hugetlb.huge_mappings() == 1);
    b.leave(mm);
    b.leave(hugetlb);
    b.leave(mapped);
}

TEST_CASE("2 MiB are one entry, until something happens to a part of them; a collapse puts them together again", "[os][pages]") {
    PagesBench b;
    AddressSpace& mm = b.space({.pages = 1024, .huge = true});
    REQUIRE(b.walk(mm, heap)->block);
    CHECK(mm.huge_mappings() == 2);
    b.write(mm, 5, 55);
    b.write(mm, 600, 66);
    Witness& told = b.watch(mm);
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { co_await mm.mprotect(ctx, page_at(3), 1, false); });
    CHECK_FALSE(b.walk(mm, heap)->block);
    CHECK(b.walk(mm, page_at(600))->block);
    REQUIRE(told.calls.size() == 2);
    CHECK(told.calls[0].bytes == huge_size); // the block was away
    CHECK_FALSE(told.calls[0].seen);
    CHECK(b.read(mm, 5) == 55);
    CHECK_FALSE(b.walk(mm, page_at(3))->writable);
    bool collapsed = true;
    const auto collapse = [&] { b.in_kernel([&](KernelContext& ctx) -> Task<void> { collapsed = co_await mm.collapse(ctx, heap); }); };
    collapse();
    CHECK_FALSE(collapsed); // one of them may only be read
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { co_await mm.mprotect(ctx, page_at(3), 1, true); });
    collapse();
    CHECK(collapsed);
    CHECK(b.walk(mm, heap)->block);
    CHECK(b.read(mm, 5) == 55);
    CHECK(b.freed == 512);
    b.in_kernel([&](KernelContext& ctx) -> Task<void> { co_await mm.munmap(ctx, page_at(512), 512); });
    CHECK(b.freed == 1024);
    CHECK_FALSE(b.walk(mm, page_at(600)));
}

TEST_CASE("whatever is done with its pages, each process reads what it wrote, and every frame is given back", "[os][pages][property]") {
    PagesBench b;
    b.kernel->frames().set_swap(600);
    const u64 before = b.kernel->frames().taken();
    testbench::holds([&] {
        constexpr u64 pages = 1100;
        std::vector<AddressSpace*> alive{&b.space({.pages = pages, .present = *rc::gen::inRange(0u, 1100u), .huge = *rc::gen::arbitrary<bool>()})};
        std::vector<std::map<u64, u64>> wrote(1);
        u64 value = 0;
        bool collapsed = false;
        AddressSpace::Moved moved;
        const int steps = *rc::gen::inRange(1, 25);
        for (int i = 0; i < steps; ++i) {
            const u64 who = *rc::gen::inRange<u64>(0, alive.size()), n = *rc::gen::inRange<u64>(0, pages - 1);
            const u64 count = std::min<u64>(*rc::gen::element<u64>(1, 3, 40, 600), pages - n);
            AddressSpace& mm = *alive[who];
            switch (*rc::gen::inRange(0, 8)) {
            case 0:
            case 1:
                b.write(mm, n, ++value);
                wrote[who][n] = value;
                break;
            case 2:
                if (alive.size() > 3 || mm.swapped_pages() != 0) break; // a child finds what is in swap empty
                alive.push_back(&b.empty());
                wrote.push_back(wrote[who]);
                RC_ASSERT(b.fork(mm, *alive.back()));
                break;
            case 3:
                b.in_kernel([&](KernelContext& ctx) -> Task<void> { moved = co_await mm.migrate(ctx, page_at(n), std::min<u64>(count, 40)); });
                break;
            case 4:
                b.in_kernel([&](KernelContext& ctx) -> Task<void> { moved = co_await mm.page_out(ctx, page_at(n), std::min<u64>(count, 40)); });
                break;
            case 5:
                b.in_kernel([&](KernelContext& ctx) -> Task<void> {
                    co_await mm.mprotect(ctx, page_at(n), count, false);
                    co_await mm.mprotect(ctx, page_at(n), count, true);
                });
                break;
            case 6:
                b.in_kernel([&](KernelContext& ctx) -> Task<void> { collapsed = co_await mm.collapse(ctx, page_at(n / 512 * 512)); });
                break;
            default:
                if (alive.size() == 1) break;
                b.leave(mm);
                alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(who));
                wrote.erase(wrote.begin() + static_cast<std::ptrdiff_t>(who));
            }
        }
        for (std::size_t who = 0; who < alive.size(); ++who)
            for (const auto& [n, v] : wrote[who]) {
                RC_ASSERT(b.fault(*alive[who], n, false) == FaultResult::Done);
                RC_ASSERT(b.read(*alive[who], n) == v);
            }
        for (AddressSpace* mm : alive) b.leave(*mm);
        RC_ASSERT(b.kernel->frames().taken() == before);
        RC_ASSERT(b.kernel->frames().swap_left() == 600u);
    });
}
