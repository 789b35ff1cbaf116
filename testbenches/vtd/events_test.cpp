// SPDX-License-Identifier: Apache-2.0
/// The three events: of faults, of completed waits, of page requests.
#include "vtd/bench.h"

namespace quiesce::iommu::vtd::test {
namespace {

struct Event {
    const char* what;
    void (*program)(Bench& b, u64 upper, u64 data);
    void (*raise)(Bench& b);
};
template <class Control, class Data, class Address, class Upper>
void program_event(Bench& b, u64 upper, u64 data) {
    b.write(Data{}.set(Data::IMD, data));
    b.write(Address{}.set(Address::MA, Bench::doorbell));
    b.write(Upper{}.set(Upper::MUA, upper));
    b.write(Control{});
}

} // namespace

TEST_CASE("an event's message has its data, and goes where both halves of its address say",
          "[vtd][registers][FECTL][FEDATA][FEADDR][FEUADDR][IECTL][IEDATA][IEADDR][IEUADDR][PECTL][PEDATA][PEADDR]"
          "[PEUADDR]") {
    static constexpr Event events[] = {
        {"fault", &program_event<Fectl, Fedata, Feaddr, Feuaddr>, [](Bench& b) { b.dma(Iova{0x5000}); }},
        {"completed wait", &program_event<Iectl, Iedata, Ieaddr, Ieuaddr>,
         [](Bench& b) { b.submit(Bench::make<InvWaitDsc>().set(InvWaitDsc::IF, true)); }},
        {"page request", &program_event<Pectl, Pedata, Peaddr, Peuaddr>,
         [](Bench& b) {
             PageRequestMessage m;
             m.stream = StreamId{Bench::stream};
             m.has_pasid = m.read = true;
             m.pasid = Pasid{5};
             m.at = here;
             sim::spawn(b.unit.page_request(m));
             b.settle();
         }},
    };
    const Event& e = events[GENERATE(range(std::size_t{0}, std::size(events)))];
    const u64 upper = GENERATE(u64{0}, u64{1});
    INFO(e.what << ", upper half " << upper);
    Bench b;
    b.start(TableMode::Scalable);
    b.simple(here, there);
    b.write(Pqa{}.set(Pqa::ADDR, Bench::prq));
    e.program(b, upper, 0x4142);
    CHECK(b.memory.messages.empty());
    e.raise(b);
    REQUIRE(b.memory.messages.size() == (upper == 0 ? 1 : 0)); // there is no memory above 4 GiB
    if (upper != 0) return;
    CHECK(b.memory.messages[0].at == Bench::doorbell);
    CHECK(b.memory.messages[0].data == 0x4142);
}

} // namespace quiesce::iommu::vtd::test
