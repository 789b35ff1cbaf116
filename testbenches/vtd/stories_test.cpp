// SPDX-License-Identifier: Apache-2.0
/// What an operating system builds on: the order of table writes, invalidations and waits with which a PASID ends.
#include "vtd/bench.h"

using namespace quiesce;
using namespace quiesce::iommu;
using namespace quiesce::iommu::vtd;
using namespace quiesce::iommu::vtd::test;
using iommu::vtd::test::Bench;
using iommu::vtd::test::Dma;

namespace {

struct StoryBench : Bench {
    Spa leaf{0};
    StoryBench() {
        start(TableMode::Scalable);
        leaf = simple(here, there);
    }
    /// As Linux does it: the entry not present and quiet, then what is cached of it.
    void tear_down(u32 value) {
        store_pasid(5, PasidEntry{}.set(PasidEntry::FPD, true));
        submit_quietly(forget_entry(5), wait(value), forget_pasid(5), wait(value + 1));
    }
};

} // namespace

TEST_CASE("a PASID that is torn down quietly: no wait completes before its accesses are over, and then it is silent",
          "[vtd][stories]") {
    StoryBench b;
    Translation under_way = b.dma(here, {Bench::stream, 5, iommu::Access::Write});
    REQUIRE(under_way.ending == Ending::Grant);
    b.tear_down(1);
    b.settle();
    CHECK(b.flagged() == 0);
    under_way.in_flight.end();
    b.settle();
    CHECK(b.flagged() == 2);
    Log<FaultRaised> faults{b.bus};
    CHECK(b.dma(here, Bench::pasid5).ending == Ending::Abort);
    CHECK_FALSE(b.faulted());
    REQUIRE(faults.size() == 1);
    CHECK(faults.last().fate == FaultFate::Suppressed);
    CHECK(faults.last().code == raw(FaultCode::SPT_2));
}

TEST_CASE("a PASID that is given to another process without its translations being forgotten reaches the old memory",
          "[vtd][stories]") {
    StoryBench b;
    CHECK(b.dma(here, Bench::pasid5).to == there);
    const Spa next = b.new_table();
    b.map_first(next, here, Bench::fs(elsewhere));
    b.store_pasid(5, Bench::first_stage(next));
    b.submit(Bench::forget_entry(5), Bench::wait(1)); // the entry alone
    CHECK(b.dma(here, Bench::pasid5).to == there);
    b.submit(Bench::forget_pasid(5), Bench::wait(2));
    CHECK(b.dma(here, Bench::pasid5).to == elsewhere);
}

TEST_CASE("an access whose walk an invalidation overtakes starts over, and the wait waits for it", "[vtd][stories]") {
    StoryBench b;
    b.dma(here + page_size, Bench::pasid5); // fails; what leads to the PASID is known from here on
    b.only_record();
    std::optional<Translation> got;
    sim::Time ended;
    sim::spawn(Bench::keep(b.unit.translation().translate(b.request(here, Bench::pasid5)), got, ended));
    const u64 read = b.unit.agent().walker().entries_read();
    while (b.unit.agent().walker().entries_read() == read) b.run_for(1_ns);
    b.store(b.leaf, Bench::fs(elsewhere));
    b.submit_quietly(Bench::forget_pasid(5), Bench::wait(1));
    b.settle();
    REQUIRE(got);
    CHECK(got->to == elsewhere);
    CHECK(b.flagged() == 0); // it is not at memory yet
    got->in_flight.end();
    b.settle();
    CHECK(b.flagged() == 1);
}

TEST_CASE("behind both stages a change of the second is seen after an invalidation by domain or page, not by PASID",
          "[vtd][stories]") {
    struct Case {
        const char* what;
        bool seen;
        Descriptor d;
    };
    const auto page =
        Bench::make<IotlbInvDsc>().set(IotlbInvDsc::G, IotlbGranularity::Page).set(IotlbInvDsc::DID, Bench::domain);
    const Case cases[] = {
        {"domain", true, as_descriptor(Bench::forget_domain())},
        {"the page", true, as_descriptor(IotlbInvDsc{page}.set(IotlbInvDsc::ADDR, Iova{0x7000'3000}))},
        {"another page", false, as_descriptor(IotlbInvDsc{page}.set(IotlbInvDsc::ADDR, Iova{0x7000'5000}))},
        {"PASID", false, as_descriptor(Bench::forget_pasid(5))},
    };
    const std::size_t count = std::size(cases);
    const Case& c = cases[GENERATE_COPY(range(std::size_t{0}, count))];
    INFO(c.what);
    StoryBench b;
    const Spa second = b.new_table();
    b.map_second(second, 0x1500'0000, Bench::ss(Spa{0x1500'0000}).set(SsEntry::PS, true), 3);
    b.store_pasid(5, Bench::nested(b.load<PasidEntry>(Bench::pasid_at(5)).get(PasidEntry::FSPTPTR), second));
    b.store(b.leaf, Bench::fs(Spa{0x7000'3000}));
    const Spa at = b.map_second(second, 0x7000'3000, Bench::ss(there));
    CHECK(b.dma(here, Bench::pasid5).to == there);
    b.store(at, Bench::ss(elsewhere));
    b.submit(c.d, Bench::wait(1));
    CHECK(b.dma(here, Bench::pasid5).to == (c.seen ? elsewhere : there));
}

TEST_CASE("a quiet PASID's last requests: the device is told that there is nothing, and its page requests are invalid",
          "[vtd][stories]") {
    StoryBench b;
    struct Answer : PageResponsePort {
        std::vector<PageResponseCode> codes;
        sim::Task<void> respond(PageGroupResponse r) override {
            codes.push_back(r.code);
            co_return;
        }
    } answer;
    b.unit.set_page_response_port(&answer);
    b.tear_down(1);
    b.settle();
    const Translation t = b.dma(here, Bench::with(Bench::pasid5, AddressType::TranslationRequest));
    CHECK((t.ending == Ending::Grant && !t.may.read && !t.may.write));
    PageRequestMessage m;
    m.stream = StreamId{Bench::stream};
    m.has_pasid = m.read = m.last = true;
    m.pasid = Pasid{5};
    m.at = here;
    sim::spawn(b.unit.page_request(m));
    b.settle();
    CHECK(answer.codes == std::vector{PageResponseCode::InvalidRequest});
    CHECK_FALSE(b.faulted());
    CHECK_FALSE(b.get(Prs::PPR));
}
