// SPDX-License-Identifier: Apache-2.0
/// Several guests behind a VT-d unit: what their entries say, and what is invalidated when a function passes from one
/// to the next. Bits are those of facts/iommu-specs.md section 2.
#include "os/vtd_bench.h"

namespace quiesce::os::test::vtd {
namespace {
constexpr GuestId second_guest{2};
const std::string wait = "wait sw";

struct VtdGuestsBench : VtdBench {
    static Settings settings(std::vector<std::string> bugs, bool atc) {
        Settings s;
        s.bugs = std::move(bugs);
        s.driver.nested = true;
        s.driver.pri = false;
        s.cap_set = u64{3} << 34;                 // SSLPS
        s.ecap_set = u64{1} << 26 | u64{1} << 46; // NEST, SSTS
        s.guests = 2;
        if (!atc) s.function = without_atc();
        return s;
    }
    explicit VtdGuestsBench(std::vector<std::string> bugs = {}, bool atc = false)
        : VtdBench(settings(std::move(bugs), atc)) {
        REQUIRE(kernel->boot_error().empty());
        kernel->begin_guest(second_guest);
        kernel->spawn("app2", {8}, 1, second_guest);
    }
    u64 second_stage(u64 pasid) { return peek(entry(pasid)) & ~u64{0xfff}; }
    u64 domain(u64 pasid) { return peek(entry(pasid) + 8) & 0xffff; }
};
} // namespace

TEST_CASE("VT-d: a guest's entries have its second stage and its domain-id, and say the pgd as the guest has it",
          "[os][vtd]") {
    VtdGuestsBench b;
    CHECK((b.peek(b.entry(0)) & 0xfff) ==
          (0x1 | 3u << 2 | 2u << 6)); // requests without a PASID: P, AW=57 bits, second stage alone
    const u64 first = b.second_stage(0);
    REQUIRE(b.call(b.kernel->assign("dev", second_guest)).text() == "");
    REQUIRE(b.call(b.kernel->bind("app2", "dev")));
    CHECK((b.peek(b.entry(1)) & 0xfff) == (0x1 | 3u << 2 | 3u << 6)); // both
    CHECK(b.second_stage(1) == b.second_stage(0));
    CHECK(b.second_stage(1) != first);
    CHECK(b.domain(0) == 2);
    CHECK(b.domain(1) == 2);
    const FrameAllocator& memory = b.kernel->guests().memory_of(second_guest);
    REQUIRE(memory.displaced() > 0);
    const Spa pgd = Spa{b.pgd()} + memory.displaced();
    CHECK(pgd >= memory.first());
    CHECK(pgd < memory.end());
    CHECK((b.peek(pgd + 8 * (b.kernel->heap("app2")->start.value() >> 39 & 511)) & 1) == 1);
}

TEST_CASE("VT-d: whoever gives a function up has its domain invalidated, behind the PASID cache; R19: one PASID of it",
          "[os][vtd]") {
    const bool r19 = GENERATE(false, true), atc = GENERATE(false, true);
    VtdGuestsBench b(r19 ? std::vector<std::string>{"R19"} : std::vector<std::string>{}, atc);
    std::vector<u64> word0;
    const Spa at = b.entry(0);
    b.unit.on_fetch = [&](const Raw& d) {
        if ((d[0] & 15) != 5) word0.push_back(b.peek(at) & 1);
    };
    b.take();
    b.call(b.kernel->kill("app"));
    REQUIRE(b.call(b.kernel->destroy_guest(first_guest)).text() == "");
    Words expected{"pc did 1 pasid 0", wait, r19 ? "piotlb did 1 pasid 0 all" : "iotlb domain did 1", wait};
    if (atc) expected.insert(expected.end(), {"devtlb sid 108 every pasid all", wait});
    CHECK(b.take() == expected);
    CHECK(word0 == std::vector<u64>(atc ? 3 : 2, 0)); // P was cleared before
    CHECK(b.eight(at) == std::array<u64, 8>{});
    REQUIRE(b.call(b.kernel->assign("dev", second_guest)).text() == "");
    CHECK(b.domain(0) == 1); // the number is the next guest's
}

TEST_CASE("VT-d: R19 tears a nested entry down with its PASID's translations alone", "[os][vtd]") {
    VtdGuestsBench b({"R19"});
    REQUIRE(b.call(b.kernel->bind("app", "dev")));
    b.take();
    b.call(b.kernel->kill("app"));
    CHECK(b.take() == Words{"pc did 1 pasid 1", wait, "piotlb did 1 pasid 1 all", wait});
}

TEST_CASE("VT-d: what is invalidated of a guest's process names the guest's domain", "[os][vtd]") {
    VtdGuestsBench b;
    REQUIRE(b.call(b.kernel->assign("dev", second_guest)).text() == "");
    REQUIRE(b.call(b.kernel->bind("app2", "dev")));
    b.take();
    b.call(b.kernel->munmap("app2", 0, 2));
    const Words range = b.take();
    REQUIRE(!range.empty());
    CHECK(range.front().find("piotlb did 2 pasid 1") == 0);
    b.call(b.kernel->kill("app2"));
    CHECK(b.take() == Words{"pc did 2 pasid 1", wait, "iotlb domain did 2", wait});
}

TEST_CASE("VT-d: a driver with memory for DMA of its own is refused where there are several guests", "[os][vtd]") {
    VtdBench::Settings s = VtdGuestsBench::settings({}, false);
    s.kernel_memory = true;
    VtdBench b(s);
    CHECK(b.kernel->boot_error().find("os.guests above 1") != std::string::npos);
}

} // namespace quiesce::os::test::vtd
