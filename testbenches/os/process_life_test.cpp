// SPDX-License-Identifier: Apache-2.0
/// Address spaces that several processes have, that a process leaves behind, and files that mappings hold.
#include "os/machine.h"
#include "os/noting_device.h"
#include "os/noting_iommu_driver.h"

using namespace quiesce;
using namespace quiesce::os;
using sim::Task;
using sim::Time;

namespace {

struct LifeIommu final : test::NotingIommuDriver {
    Task<bool> note(KernelContext&, std::string) override { co_return true; }
};

struct LifeBench : test::Machine {
    std::vector<std::string> log;
    LifeIommu driver;
    test::NotingDevice device{log};
    LifeBench() {
        make_kernel(u64{16} << 20);
        kernel->set_iommu(&driver);
        kernel->add_device("dev", device);
        call(kernel->boot());
        kernel->spawn("app", {16});
        REQUIRE(call(kernel->bind("app", "dev")));
    }
    ~LifeBench() { calendar.shutdown(); }

private:
    base::Subscription bonds_ = events.subscribe<BondChanged>([this](Time, const BondChanged& e) {
        static const char* const names[] = {"unbound", "bound", "exited", "draining"};
        log.push_back(names[static_cast<int>(e.state)]);
    });
    base::Subscription gone_ = events.subscribe<ExitMmapReturned>([this](Time, const ExitMmapReturned&) { log.push_back("exit_mmap"); });
    base::Subscription triggers_ =
        events.subscribe<TeardownTriggered>([this](Time, const TeardownTriggered& e) { log.push_back("T0 " + std::string{e.trigger.text()}); });
};
using Log = std::vector<std::string>;

} // namespace

TEST_CASE("exec lets go of the old address space while the descriptor keeps the bond", "[os]") {
    LifeBench b;
    b.log.clear();
    const Va before = b.kernel->heap("app")->start;
    REQUIRE(b.call(b.kernel->exec("app", 32, false)));
    CHECK(b.log == Log{"T0 exec", "exited", "exit_mmap"});
    CHECK(b.kernel->heap("app")->pages == 32);
    CHECK(b.kernel->heap("app")->start != before);
    b.log.clear();
    REQUIRE(b.call(b.kernel->close("app", "dev")));
    CHECK(b.log == Log{"stop", "draining", "unbound"});
    CHECK(b.kernel->at_rest());
}

TEST_CASE("exec closes what is to be closed on exec, behind the old address space", "[os]") {
    LifeBench b;
    b.log.clear();
    REQUIRE(b.call(b.kernel->exec("app", 32, true)));
    CHECK(b.log == Log{"T0 exec", "exited", "exit_mmap", "stop", "draining", "unbound"});
    CHECK_FALSE(b.call(b.kernel->close("app", "dev")));
}

TEST_CASE("after exec the same descriptor can be bound to the new address space, which dies with its own bond", "[os]") {
    LifeBench b;
    REQUIRE(b.call(b.kernel->exec("app", 32, false)));
    REQUIRE(b.call(b.kernel->bind("app", "dev")));
    b.log.clear();
    b.call(b.kernel->kill("app"));
    CHECK(b.log == Log{"T0 kill", "exited", "exit_mmap", "stop", "draining", "unbound", "stop", "draining", "unbound"});
    CHECK(b.kernel->at_rest());
}

TEST_CASE("exec waits for a thread that sleeps where no signal reaches it", "[os]") {
    LifeBench b;
    sim::spawn(b.kernel->sleep_in_kernel("app", 0, 3_ms));
    b.calendar.run_for(100_us);
    const Time asked = sim::now();
    Time let_go;
    auto token = b.events.subscribe<ExitMmapReturned>([&](Time now, const ExitMmapReturned&) { let_go = now; });
    REQUIRE(b.call(b.kernel->exec("app", 32, false)));
    CHECK(let_go - asked > 2800_us);
}

TEST_CASE("a mapping holds the file: close stops nothing, and the exit does so behind the mapping", "[os]") {
    LifeBench b;
    REQUIRE(b.call(b.kernel->mmap_file("app", "dev")));
    b.log.clear();
    REQUIRE(b.call(b.kernel->close("app", "dev")));
    CHECK(b.log.empty());
    b.call(b.kernel->kill("app"));
    CHECK(b.log == Log{"T0 kill", "exited", "exit_mmap", "stop", "draining", "unbound"});
    CHECK(b.kernel->at_rest());
}

TEST_CASE("a process with a clone dies, and its address space and bond stay the clone's", "[os]") {
    LifeBench b;
    b.kernel->clone("app", "twin");
    b.log.clear();
    b.call(b.kernel->kill("app"));
    CHECK(b.log == Log{"T0 kill"});
    CHECK(b.kernel->at_rest());
    b.log.clear();
    b.call(b.kernel->kill("twin"));
    CHECK(b.log == Log{"T0 kill", "exited", "exit_mmap", "stop", "draining", "unbound"});
    CHECK(b.kernel->at_rest());
}

TEST_CASE("a process's death is the beginning of its bond's teardown, also where only a child has the descriptor", "[os]") {
    LifeBench b;
    REQUIRE(b.call(b.kernel->fork("app", "child")));
    REQUIRE(b.call(b.kernel->close("app", "dev")));
    b.log.clear();
    b.call(b.kernel->kill("app"));
    CHECK(b.log == Log{"T0 kill", "exited", "exit_mmap"});
    b.log.clear();
    b.call(b.kernel->kill("child"));
    CHECK(b.log == Log{"exit_mmap", "stop", "draining", "unbound"});
    CHECK(b.kernel->at_rest());
}

TEST_CASE("a clone that closes nothing and outlives the descriptors of the other keeps the memory: stop and unbind come before exit_mmap", "[os]") {
    LifeBench b;
    b.kernel->clone("app", "twin");
    REQUIRE(b.call(b.kernel->close("twin", "dev")));
    b.log.clear();
    b.call(b.kernel->kill("app"));
    CHECK(b.log == Log{"T0 kill", "stop", "draining", "unbound"});
    b.log.clear();
    b.call(b.kernel->kill("twin"));
    CHECK(b.log == Log{"exit_mmap"});
}

TEST_CASE("with an address space that a clone lets go of last, a mapping's file is let go of by the clone", "[os]") {
    LifeBench b;
    REQUIRE(b.call(b.kernel->mmap_file("app", "dev")));
    b.kernel->clone("app", "twin");
    REQUIRE(b.call(b.kernel->close("twin", "dev")));
    b.log.clear();
    b.call(b.kernel->kill("app"));
    CHECK(b.log == Log{"T0 kill"});
    b.log.clear();
    b.call(b.kernel->kill("twin"));
    CHECK(b.log == Log{"T0 kill", "exited", "exit_mmap", "stop", "draining", "unbound"});
    CHECK(b.kernel->at_rest());
}
