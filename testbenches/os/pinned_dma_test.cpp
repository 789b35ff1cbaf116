// SPDX-License-Identifier: Apache-2.0
/// A machine without an IOMMU: what is refused, and whose pages a driver keeps.
#include "os/machine.h"

using namespace quiesce;
using namespace quiesce::os;
using sim::Task;
using sim::Time;

namespace {
/// Notes the work it gets; stops when it is asked, in time or not.
struct PinnedDevice final : drivers::DeviceDriver {
    bool in_time = true, bus_addresses = true;
    std::vector<drivers::Work> works;
    base::Name name() const override { return "dev"; }
    DeviceId device() const override { return DeviceId{0}; }
    StreamId stream() const override { return StreamId{8}; }
    bool takes_bus_addresses() const override { return bus_addresses; }
    Task<void> probe(KernelContext&) override { co_return; }
    Task<bool> submit(KernelContext&, Bond&, const drivers::Work& w) override {
        works.push_back(w);
        co_return true;
    }
    Task<bool> stop(KernelContext& ctx, Bond&) override {
        co_await ctx.sleep_on(sim::delay(50_us), "device-stop", "dev");
        co_return in_time;
    }
};

struct PinnedDmaBench : test::Machine {
    explicit PinnedDmaBench(bool gives_up = false) {
        if (gives_up) config.bugs.set_text("[R20]");
        make_kernel();
        device.in_time = !gives_up;
        kernel->add_device("dev", device);
        call(kernel->boot());
        kernel->spawn("app", {.pages = 16});
        kernel->spawn("other", {.pages = 16});
    }
    ~PinnedDmaBench() { calendar.shutdown(); }
    PinnedDevice device;
    std::vector<std::string> errors;
    base::Subscription refused = events.subscribe<BindRefused>([this](Time, const BindRefused& e) { errors.emplace_back(e.error.text()); });
    unsigned blocks = 0, frames_freed = 0;
    std::optional<Time> unbound{};
    base::Subscription fences = events.subscribe<FenceObserved>([this](Time, const FenceObserved& e) { blocks += e.blocks; });
    base::Subscription states = events.subscribe<BondChanged>([this](Time at, const BondChanged& e) {
        if (e.state == BondState::Unbound) unbound = at;
    });
    base::Subscription freed = events.subscribe<memory::FrameFreed>([this](Time, const memory::FrameFreed& e) {
        frames_freed += e.owner == MmId{1} && e.use == memory::FrameUse::Leaf;
    });
};
} // namespace

TEST_CASE("without an IOMMU a bind is refused with ENODEV", "[os]") {
    PinnedDmaBench b;
    CHECK_FALSE(b.call(b.kernel->bind("app", "dev")));
    CHECK(b.errors == std::vector<std::string>{"ENODEV"});
}

TEST_CASE("a driver that knows nothing but shared address spaces pins nothing, and one that does pins once", "[os]") {
    PinnedDmaBench b;
    b.device.bus_addresses = false;
    CHECK_FALSE(b.call(b.kernel->pin("app", "dev", 0, 4, "")));
    b.device.bus_addresses = true;
    CHECK(b.call(b.kernel->pin("app", "dev", 0, 4, "")));
    CHECK_FALSE(b.call(b.kernel->pin("app", "dev", 4, 4, "")));
    CHECK_FALSE(b.call(b.kernel->bind("app", "dev")));
    CHECK(b.errors == std::vector<std::string>{"EINVAL", "EINVAL", "ENODEV"});
}

TEST_CASE("work on pinned pages is given to the device by the frames' addresses; pages that are not pinned are refused", "[os]") {
    PinnedDmaBench b;
    std::map<u64, Spa> frames;
    for (Spa f = b.memory.ram_base(); f < b.memory.ram_base() + 4096 * page_size; f += page_size)
        if (const auto& known = b.memory.ledger().frame(f); known.owner == MmId{1} && known.use == memory::FrameUse::Leaf)
            frames[known.page] = f;
    REQUIRE(b.call(b.kernel->pin("app", "dev", 2, 4, "")));
    const Va heap = b.kernel->heap("app")->start;
    drivers::Work w;
    w.first = heap + 3 * page_size;
    w.bytes = 8 * page_size;
    CHECK(b.call(b.kernel->submit("app", "dev", w)));
    REQUIRE(b.device.works.size() == 1);
    CHECK(b.device.works[0].first.value() == frames.at(w.first.page_number()).value());
    CHECK(b.device.works[0].bytes <= 3 * page_size); // pages 3 to 5, or those of them that lie behind each other
    w.first = heap + 8 * page_size;
    CHECK_FALSE(b.call(b.kernel->submit("app", "dev", w)));
}

TEST_CASE("a process's pinned frames outlive it until its device has stopped, and then no DMA can succeed", "[os]") {
    PinnedDmaBench b;
    REQUIRE(b.call(b.kernel->pin("app", "dev", 0, 4, "")));
    unsigned before = 0;
    auto gone = b.events.subscribe<ExitMmapReturned>([&](Time, const ExitMmapReturned& e) {
        if (e.mm == MmId{1}) before = b.frames_freed;
    });
    b.call(b.kernel->kill("app"));
    CHECK(before == 16 + 8 - 4); // heap and stack
    CHECK(b.frames_freed == 16 + 8);
    CHECK(b.blocks == 1);
    CHECK(b.unbound);
    CHECK(b.memory.ledger().held().count(1) == 0);
}

TEST_CASE("a device that did not stop in time is given up, and nobody claims that it is blocked", "[os]") {
    PinnedDmaBench b(true);
    REQUIRE(b.call(b.kernel->pin("app", "dev", 0, 4, "")));
    b.call(b.kernel->kill("app"));
    CHECK(b.frames_freed == 16 + 8);
    CHECK(b.blocks == 0);
}

TEST_CASE("PASIDs of a set are handed to pinned processes as tags, in turn", "[os]") {
    PinnedDmaBench b;
    std::vector<u32> tags;
    auto token = b.events.subscribe<BondChanged>([&](Time, const BondChanged& e) {
        if (e.state == BondState::Bound) tags.push_back(raw(e.pasid));
    });
    REQUIRE(b.kernel->allocate_pasids("contexts", 2) == 2);
    REQUIRE(b.call(b.kernel->pin("app", "dev", 0, 1, "contexts")));
    REQUIRE(b.call(b.kernel->pin("other", "dev", 0, 1, "contexts")));
    REQUIRE(tags.size() == 2);
    CHECK(tags[1] == tags[0] + 1);
}

TEST_CASE("who cannot have all of the pages pinned has none, and no bond", "[os]") {
    PinnedDmaBench b;
    REQUIRE(b.call(b.kernel->mprotect("app", 8, 8, false)));
    CHECK_FALSE(b.call(b.kernel->pin("app", "dev", 0, 16, "")));
    CHECK(b.errors == std::vector<std::string>{"EFAULT"});
    b.call(b.kernel->kill("app"));
    CHECK(b.frames_freed == 16 + 8); // the stack's too: nobody pins one of them any more
    CHECK(b.kernel->at_rest());
    CHECK(b.call(b.kernel->pin("other", "dev", 0, 16, "")));
}

TEST_CASE("a PASID that is the tag of work goes back when the driver is through with that, whoever gives it back before", "[os]") {
    PinnedDmaBench b;
    std::vector<std::pair<u32, PasidState>> states;
    auto changed = b.events.subscribe<PasidChanged>([&](Time, const PasidChanged& e) { states.emplace_back(raw(e.pasid), e.state); });
    REQUIRE(b.kernel->allocate_pasids("contexts", 2) == 2);
    REQUIRE(b.call(b.kernel->pin("app", "dev", 0, 4, "contexts")));
    states.clear();
    const Kernel::FreedPasids freed = b.kernel->free_pasids("contexts");
    CHECK(freed.count == 2);
    CHECK(freed.held == std::vector<std::string>{"PASID 1 by app on dev"});
    CHECK(states == std::vector<std::pair<u32, PasidState>>{{1, PasidState::FreePending}, {2, PasidState::Free}});
    CHECK(b.kernel->allocate_pasids("others", 1) == 1);
    CHECK(states.back() == std::pair{u32{2}, PasidState::Allocated});
    b.call(b.kernel->kill("app"));
    CHECK(states.back() == std::pair{u32{1}, PasidState::Free});
}
