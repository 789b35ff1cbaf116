// SPDX-License-Identifier: Apache-2.0
/// What a bare IOMMU says of a unit that does not end what it began.
#include "bare/iommu.h"

#include "sim/signal.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using bare::DmaAnswer;

namespace {

/// Register 0 written: something goes round for ever. Register 8: reads never end. Stream 1 waits until register 16 is
/// written, all others go through unchanged.
class RestlessUnit final : public bare::Unit, public memory::MmioTarget, public iommu::TranslationPort {
public:
    memory::MmioTarget& registers() override { return *this; }
    iommu::TranslationPort& translation() override { return *this; }
    void mark_records() override {}
    std::vector<bare::Record> records_since_mark() const override { return {}; }

    sim::Task<void> mmio_write(u64 offset, unsigned, u64) override {
        if (offset == 16) released_.set();
        while (offset == 0) co_await sim::delay(sim::Duration::ps(1'000'000));
    }
    sim::Task<u64> mmio_read(u64 offset, unsigned) override {
        if (offset == 8) co_await never_.wait();
        co_return offset;
    }
    sim::Task<iommu::Translation> translate(iommu::TranslationRequest r) override {
        if (r.stream == StreamId{1}) co_await released_.wait();
        iommu::Translation t;
        t.ending = iommu::Ending::Grant;
        t.to = Spa{r.at.value()};
        co_return t;
    }

private:
    sim::Latch never_, released_;
};

struct RestlessBench {
    sim::Calendar calendar{"calendar"};
    bare::Iommu iommu{calendar, {memory::RamRange{Spa{0x1000}, 0x1000}}, [](base::EventBus&, memory::MemoryPort&) {
                          return std::make_unique<RestlessUnit>();
                      }};
    DmaAnswer write(u32 stream, u8 value) {
        bare::Dma d{StreamId{stream}, Iova{0x1000}, true, 4};
        d.data[0] = std::byte{value};
        return iommu.dma(d);
    }
};

} // namespace

TEST_CASE("a unit that never rests is given up after a while, and something else can still be asked", "[bare]") {
    RestlessBench b;
    CHECK(b.iommu.read_register(24, 4) == 24u);
    CHECK(b.iommu.idle());
    CHECK_FALSE(b.iommu.page_request({})); // it has none
    CHECK(b.iommu.since_mark().records.empty());
    const sim::Time before = b.calendar.now();
    b.iommu.write_register(0, 4, 1);
    CHECK_FALSE(b.iommu.idle());
    CHECK(b.calendar.now() - before <= bare::Iommu::patience);
    CHECK(b.write(2, 7).end == DmaAnswer::End::Done);
}

TEST_CASE("what is never answered is said to be open, and may go on when something else is done", "[bare]") {
    RestlessBench b;
    CHECK_FALSE(b.iommu.read_register(8, 4));
    CHECK(b.write(1, 9).end == DmaAnswer::End::Open);
    CHECK(b.iommu.idle());
    CHECK(b.iommu.load(Spa{0x1000}) == 0);
    b.iommu.write_register(16, 4, 1);
    CHECK(b.iommu.load(Spa{0x1000}) == 9);
    CHECK(b.write(1, 10).end == DmaAnswer::End::Done);
}

TEST_CASE("a question that is not answered stays open, and another one is answered beside it", "[bare]") {
    RestlessBench b;
    CHECK_FALSE(b.iommu.ask({StreamId{1}, Iova{0x1000}}).over);
    const bare::QuestionAnswer other = b.iommu.ask({StreamId{2}, Iova{0x1234}, true, {Pasid{5}}});
    CHECK((other.over && other.ending == iommu::Ending::Grant && other.to == Spa{0x1000})); // of the page
    b.iommu.write_register(16, 4, 0);
    CHECK(b.iommu.idle());
}
