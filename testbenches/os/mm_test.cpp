// SPDX-License-Identifier: Apache-2.0
/// Address spaces, PASIDs and eras, without hardware behind them.
#include "memory/mmio_bus.h"
#include "memory/system_memory.h"
#include "os/eras.h"
#include "os/mm/address_space.h"
#include "os/pasid.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::os;
using sim::Task;

namespace {
struct Recorder : MmuNotifier {
    explicit Recorder(std::vector<std::string>& l) : log(l) {}
    Task<void> release(KernelContext&, AddressSpace&) override {
        log.push_back("release");
        co_await sim::delay(sim::Duration::ps(5'000'000));
        log.push_back("released");
    }
    Task<void> invalidate(KernelContext&, AddressSpace&, Va, u64) override {
        log.push_back("invalidate");
        co_return;
    }
    std::vector<std::string>& log;
};

struct MmBench {
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    memory::SystemMemory memory{events, memory::MemoryConfig{}};
    memory::MmioBus mmio{memory::MmioConfig{}};
    CpuConfig cpu;
    Scheduler scheduler{events, cpu, memory.cpu_port(), mmio};
    FrameAllocator frames{memory.ledger(), memory.cpu_port(), memory.ram_base(), 4096};
    MmConfig config;
    AddressSpace mm{MmId{1}, "app", config, frames};
    std::vector<std::string> log;
    base::Subscription freed = events.subscribe<memory::FrameFreed>([this](sim::Time, const memory::FrameFreed& e) {
        log.push_back(e.use == memory::FrameUse::Leaf ? "page" : "table");
    });
    ~MmBench() { calendar.shutdown(); }
    template <class F> void run(F body) {
        sim::spawn(body());
        calendar.run_for(sim::Duration::ps(1'000'000'000));
    }
    /// The leaf that a walk by hand finds: the oracle is this loop, not the room's own.
    u64 leaf(u64 va) const {
        u64 table = mm.pgd().value();
        for (unsigned shift : {39u, 30u, 21u}) {
            u64 word = 0;
            word = const_cast<MmBench*>(this)->memory.cpu_port().peek64(Spa{table + 8 * ((va >> shift) % 512)});
            if ((word & 3) != 3) return 0;
            table = word & 0x0000fffffffff000;
        }
        u64 word = 0;
        word = const_cast<MmBench*>(this)->memory.cpu_port().peek64(Spa{table + 8 * ((va >> 12) % 512)});
        return word;
    }
};
} // namespace

TEST_CASE("page tables hold VMSAv8-64 words: valid page, unprivileged, inner shareable, accessed, not global, never executed", "[os]") {
    MmBench b;
    b.mm.map("heap", Va{0x7f12'3456'7000}, {3});
    const u64 word = b.leaf(0x7f12'3456'8000);
    CHECK((word & 0xfff) == 0xf43);
    CHECK((word >> 53 & 3) == 3);
    CHECK(b.memory.ledger().frame(Spa{word & 0x0000fffffffff000}).page == 0x7f12'3456'8);
    CHECK(b.leaf(0x7f12'3456'a000) == 0);
}

TEST_CASE("exit_mmap releases notifiers, waits for the grace period, frees pages, then tables", "[os]") {
    MmBench b;
    b.mm.map("heap", Va{0x10'0000}, {2});
    Recorder notifier(b.log);
    b.mm.notifier_register(notifier);
    sim::Time page_freed;
    auto token = b.events.subscribe<memory::FrameFreed>([&](sim::Time now, const memory::FrameFreed&) { if (page_freed == sim::Time{}) page_freed = now; });
    auto body = [&]() -> Task<void> {
        KernelContext ctx(b.scheduler, "app/0");
        co_await ctx.run();
        const bool last = co_await b.mm.mmput(ctx);
        CHECK(last);
        ctx.stop();
    };
    b.run(body);
    CHECK(b.log == std::vector<std::string>{"release", "released", "page", "page", "table", "table", "table"});
    CHECK(page_freed - sim::Time{} >= b.cpu.context_switch + sim::Duration::ps(5'000'000) + b.config.srcu.get());
    CHECK(b.mm.count() == 1); // the notifier's own reference holds the pgd and the PASID
}

TEST_CASE("munmap invalidates secondary TLBs after the entries are cleared and before any page is free", "[os]") {
    MmBench b;
    b.mm.map("heap", Va{0x10'0000}, {4});
    Recorder notifier(b.log);
    b.mm.notifier_register(notifier);
    auto body = [&]() -> Task<void> {
        KernelContext ctx(b.scheduler, "app/0");
        co_await ctx.run();
        co_await b.mm.munmap(ctx, Va{0x10'1000}, 2);
        ctx.stop();
    };
    b.run(body);
    CHECK(b.log == std::vector<std::string>{"invalidate", "page", "page"});
    CHECK(b.leaf(0x10'1000) == 0);
    CHECK(b.leaf(0x10'3000) != 0);
}

TEST_CASE("the last of several users runs exit_mmap, the others return at once", "[os]") {
    MmBench b;
    b.mm.map("heap", Va{0x10'0000}, {1});
    b.mm.mmget();
    std::vector<bool> last;
    auto body = [&]() -> Task<void> {
        KernelContext ctx(b.scheduler, "app/0");
        co_await ctx.run();
        for (int i = 0; i < 2; ++i) {
            const bool l = co_await b.mm.mmput(ctx);
            last.push_back(l);
        }
        ctx.stop();
    };
    b.run(body);
    CHECK(last == std::vector<bool>{false, true});
    CHECK_FALSE(b.mm.mmget_not_zero());
}

TEST_CASE("lowest hands out a freed PASID at once, cyclic goes on, a grace time keeps it out of use", "[os]") {
    MmBench b;
    PasidConfig lowest, cyclic, graced;
    cyclic.allocator = PasidOrder::Cyclic;
    graced.grace = sim::Duration::ps(1'000'000);
    auto second_after_free = [&](const PasidConfig& c, sim::Duration wait) {
        PasidAllocator a(b.events, c, 1);
        const auto first = a.take(MmId{1}, 1u << 20);
        REQUIRE(first == Pasid{1});
        a.free(*first, MmId{1});
        b.calendar.run_for(wait);
        return raw(*a.take(MmId{2}, 1u << 20));
    };
    CHECK(second_after_free(lowest, {}) == 1);
    CHECK(second_after_free(cyclic, {}) == 2);
    CHECK(second_after_free(graced, sim::Duration::ps(999'999)) == 2);
    CHECK(second_after_free(graced, sim::Duration::ps(1'000'002)) == 1);
    PasidAllocator full(b.events, lowest, 1);
    CHECK(full.take(MmId{1}, 2) == Pasid{1});
    CHECK_FALSE(full.take(MmId{2}, 2).has_value());
}

TEST_CASE("PASIDs beyond a device's limit that others have do not use up those below it", "[os]") {
    MmBench b;
    for (const PasidOrder order : {PasidOrder::Lowest, PasidOrder::Cyclic, PasidOrder::Random}) {
        PasidConfig c;
        c.allocator = order;
        PasidAllocator a(b.events, c, 1);
        for (u32 mm = 1; mm <= 8; ++mm) REQUIRE(a.take(MmId{mm}, 9).has_value()); // 1 to 8
        for (u32 pasid = 1; pasid <= 3; ++pasid) a.free(Pasid{pasid}, MmId{pasid});
        std::set<u32> again;
        for (u32 mm = 11; mm <= 13; ++mm) {
            const auto taken = a.take(MmId{mm}, 4);
            REQUIRE(taken.has_value());
            again.insert(raw(*taken));
        }
        CHECK(again == std::set<u32>{1, 2, 3});
        CHECK_FALSE(a.take(MmId{14}, 4).has_value());
        CHECK(a.take(MmId{14}, 10) == Pasid{9});
    }
}

TEST_CASE("every era fences before it frees the PASID or lets go of the notifier, and 2018 has no quiet-unbind", "[os]") {
    for (auto policy : {Policy::QuietUnbind, Policy::MmExit})
        for (auto kernel : {KernelVersion::V2018, KernelVersion::V6_1, KernelVersion::V6_12}) {
            const Era* e = find_era(policy, kernel, IommuArch::Smmuv3);
            if (e == nullptr) {
                CHECK(policy == Policy::QuietUnbind);
                CHECK(kernel == KernelVersion::V2018);
                continue;
            }
            CHECK_FALSE(e->evidence.empty());
            for (auto steps : {e->on_release, e->on_unbind}) {
                bool flushed = false;
                const bool put_later = steps.data() == e->on_release.data() && e->pasid == PasidLife::MmDrop;
                for (auto part : {steps, put_later ? std::span<const TeardownStep>{} : e->on_last})
                    for (TeardownStep s : part) {
                        if (s == TeardownStep::InvalidateSpace) flushed = true;
                        if (s == TeardownStep::FreePasid || s == TeardownStep::FreeAsid || s == TeardownStep::PutNotifier) CHECK(flushed);
                    }
                CHECK(flushed);
            }
        }
}
