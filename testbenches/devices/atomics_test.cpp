// SPDX-License-Identifier: Apache-2.0
/// An accelerator whose work is AtomicOps, as its driver sees it, with and without an ATC.
#include "devices/accelerator.h"
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::devices::accelerator;
using namespace quiesce::stubs;

namespace {
AcceleratorConfig sending_atomics(bool atc = false) {
    AcceleratorConfig c;
    c.atomics = true;
    c.function.atc.present = atc;
    return c;
}

struct AtomicsQueueBench : Fabric {
    explicit AtomicsQueueBench(const AcceleratorConfig& c) : acc("acc0", events, root_complex, {}, c, DeviceId{0}, 1) {
        acc.take_into_service();
        iommu.keep_questions = true;
    }
    ~AtomicsQueueBench() { calendar.shutdown(); }
    template <class R> void write(R value) {
        sim::start(acc.bar().mmio_write(R::offset, sizeof(typename R::Value), value.value()));
        run(1_us);
    }
    /// `count` FetchAdds over `length` bytes from 0x1000 on.
    void work(u64 size, u64 length, u64 count) {
        write(Q_BASE{}.set(Q_BASE::BASE, at(0x1000)));
        write(Q_LENGTH::of(length));
        write(Q_PASID{}.set(Q_PASID::PASID, Pasid{5}).set(Q_PASID::VALID, true));
        write(Q_MODE{}.set(Q_MODE::DIRECTION, Direction::Atomic));
        write(Q_SIZE{}.set(Q_SIZE::MIN, size));
        write(Q_COUNT::of(count));
        write(Q_CTRL{}.set(Q_CTRL::DOORBELL, true));
        run(100_us);
    }
    const DmaEngine::Counts& counts() { return acc.queues().engine(0).counts(); }
    Accelerator acc;
};
} // namespace

TEST_CASE("after N FetchAdds over two words the words hold N together, with and without an ATC", "[devices]") {
    const bool atc = GENERATE(false, true);
    AtomicsQueueBench b{sending_atomics(atc)};
    if (atc) {
        using pcie::cfg::AtsControl;
        b.iommu.adjust = [](const iommu::TranslationRequest& r, iommu::Translation& t) {
            if (r.type == iommu::AddressType::TranslationRequest) t.bytes = page_size;
        };
        auto& space = b.acc.config_space();
        const u32 control = space.base_of(pcie::cfg::Capability::Ats) + AtsControl::offset;
        space.config_write(control, 2, AtsControl{}.set(AtsControl::Enable, true).value());
    }
    b.work(8, 16, 200);
    CHECK(b.counts().errors == 0);
    CHECK(b.counts().bytes == 200 * 8);
    CHECK(b.word(0x1000) == 100);
    CHECK(b.word(0x1008) == 100);
    CHECK(b.acc.queues().state(0) == State::Idle);
    const auto translated = std::count_if(b.iommu.questions.begin(), b.iommu.questions.end(), [](const auto& q) {
        return q.type == iommu::AddressType::Translated && q.access == iommu::Access::ReadWrite;
    });
    CHECK(translated == (atc ? 200 : 0));
}

TEST_CASE("a size below eight bytes makes operands of four", "[devices]") {
    AtomicsQueueBench b{sending_atomics()};
    b.work(4, 16, 8);
    CHECK(b.word(0x1000) == 0x2'0000'0002);
    CHECK(b.word(0x1008) == 0x2'0000'0002);
}

TEST_CASE("while DevCtl2 does not let the device send AtomicOps, each ends as an error and none is sent", "[devices]") {
    AtomicsQueueBench b{sending_atomics()};
    const u32 control = b.acc.config_space().base_of(pcie::cfg::Capability::PciExpress) + pcie::cfg::DevCtl2::offset;
    b.acc.config_space().config_write(control, 2, 0);
    b.work(8, 16, 3);
    CHECK(b.counts().errors == 3);
    CHECK(b.iommu.questions.empty());
    CHECK(b.word(0x1000) == 0);
}

TEST_CASE("an accelerator that cannot send AtomicOps refuses work of them, as does one that has no room for an operand",
          "[devices]") {
    const bool can = GENERATE(false, true);
    AcceleratorConfig c;
    c.atomics = can;
    AtomicsQueueBench b{c};
    CHECK(b.acc.queues().registers().get(DEV_CAP::ATOMICS) == can);
    b.work(8, can ? 14 : 64, 3);
    CHECK(b.acc.queues().refused_commands() == 1);
    CHECK(b.counts().writes == 0);
}

TEST_CASE("atomic requests are operands at multiples of their size inside the footprint, wherever that begins",
          "[devices]") {
    RequestSequence s{1, "s"};
    Workload w;
    w.direction = Direction::Atomic;
    w.pattern = GENERATE(Pattern::Sequential, Pattern::Random, Pattern::Strided);
    w.min_bytes = GENERATE(1u, 256u);
    w.align = w.stride = 13;
    w.footprint = {{Iova{0x1003}, 30}, {Iova{0x2001}, 100}};
    s.begin(w);
    const u32 size = w.min_bytes < 8 ? 4 : 8;
    for (unsigned n = 0; n < 200; ++n) {
        const RequestSequence::Item item = s.next();
        const u64 at = item.at.value();
        CHECK(item.bytes == size);
        CHECK(at % size == 0);
        CHECK(((at >= 0x1003 && at + size <= 0x1003 + 30) || (at >= 0x2001 && at + size <= 0x2001 + 100)));
    }
}
