// SPDX-License-Identifier: Apache-2.0
/// What is kept at a PASID, and for how long it can be found by the number alone.
#include "os/machine.h"
#include "os/sva.h"

using namespace quiesce;
using namespace quiesce::os;
using sim::Duration;

namespace {

struct PasidDataBench : test::Machine {
    explicit PasidDataBench(Duration grace = {}) {
        make_kernel(u64{16} << 20);
        pasid_config.grace = grace;
        allocator.emplace(events, pasid_config, 1);
        a = allocator->take(MmId{1}, 100);
        b = allocator->take(MmId{2}, 100);
        allocator->set_data(*a, first);
        allocator->set_data(*b, second);
    }
    ~PasidDataBench() { calendar.shutdown(); }
    PasidConfig pasid_config;
    std::optional<PasidAllocator> allocator;
    std::optional<Pasid> a, b;
    SvaDomain* const first = reinterpret_cast<SvaDomain*>(0x1000); ///< never looked into
    SvaDomain* const second = reinterpret_cast<SvaDomain*>(0x2000);
};

} // namespace

TEST_CASE("what was said of a PASID is found by its number, and of no other number", "[os]") {
    PasidDataBench b;
    CHECK(b.allocator->find(*b.a) == b.first);
    CHECK(b.allocator->find(*b.b) == b.second);
    CHECK(b.allocator->find(Pasid{77}) == nullptr);
}

TEST_CASE("what was said of a PASID goes with its last user, not into its grace time", "[os]") {
    const Duration grace = GENERATE(Duration{}, Duration::ps(1'000'000'000));
    PasidDataBench b(grace);
    REQUIRE(b.allocator->hold(*b.a));
    b.allocator->free(*b.a, MmId{1});
    CHECK(b.allocator->find(*b.a) == b.first); // FREE_PENDING
    b.allocator->drop(*b.a, MmId{1});
    CHECK(b.allocator->find(*b.a) == nullptr);
    CHECK(b.allocator->find(*b.b) == b.second);
    b.settle();
}

TEST_CASE("the next who has the number begins with nothing said of it", "[os]") {
    PasidDataBench b;
    b.allocator->free(*b.a, MmId{1});
    REQUIRE(b.allocator->take(MmId{3}, 100) == *b.a);
    CHECK(b.allocator->find(*b.a) == nullptr);
}
