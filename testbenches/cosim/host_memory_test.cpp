// SPDX-License-Identifier: Apache-2.0
/// Memory that the host keeps, and addresses that it refuses: external aborts, as events and endings.
#include "cosim/host_bench.h"

using namespace quiesce::cosim_test;

namespace {
enum : unsigned { F_STE_FETCH = 0x03, F_CD_FETCH = 0x09, F_WALK_EABT = 0x0b };

struct HostMemoryBench {
    HostBytes bytes;
    qsc_host_memory functions = bytes.functions();
    HostBench b{config()};
    qsc_config config() {
        qsc_config c = plain_config();
        c.host_memory = &functions;
        return c;
    }
    void refuse(uint64_t offset) { bytes.refused = {(b.memory + offset) >> 12}; }
};
} // namespace

TEST_CASE("addresses that the host refuses are external aborts where the IOMMU meets them", "[cosim]") {
    HostMemoryBench h;
    HostBench& b = h.b;
    b.bring_up();
    SECTION("of the stream table: F_STE_FETCH") {
        h.refuse(HostBench::streams);
        CHECK(b.run(b.dma(1, b.here, 4)).ending == QSC_REFUSED);
        CHECK(b.event(0) == F_STE_FETCH);
    }
    SECTION("of a context descriptor: F_CD_FETCH") {
        h.refuse(HostBench::contexts + 0x1000);
        CHECK(b.run(b.dma(1, b.here, 4)).ending == QSC_REFUSED);
        CHECK(b.event(0) == F_CD_FETCH);
    }
    SECTION("of a table: F_WALK_EABT") {
        h.refuse(HostBench::tables + 0x2000);
        CHECK(b.run(b.dma(1, b.here, 4)).ending == QSC_REFUSED);
        CHECK(b.event(0) == F_WALK_EABT);
    }
    SECTION("of the data: the DMA is aborted, and no event is recorded") {
        h.refuse(HostBench::page);
        const qsc_dma_result r = b.run(b.dma(1, b.here, 4));
        CHECK(r.ending == QSC_ABORTED);
        CHECK(r.physical == b.memory + b.page);
        CHECK(b.event(0) == 0);
    }
    SECTION("of the command queue: CERROR_ABT") {
        h.refuse(HostBench::commands);
        b.set_reg(0x98, 1);
        REQUIRE(qsc_advance(b.p, 10 * us) == QSC_OK);
        CHECK(b.reg(0x9c) >> 24 == 2);
        CHECK((b.reg(0x60) & 1) == 1); // GERROR.CMDQ_ERR
    }
    SECTION("of the event queue: GERROR.EVENTQ_ABT_ERR") {
        h.refuse(HostBench::events);
        CHECK(b.run(b.dma(7, b.here, 4)).ending == QSC_REFUSED);
        REQUIRE(qsc_advance(b.p, 10 * us) == QSC_OK);
        CHECK((b.reg(0x60) & 4) == 4);
    }
    uint64_t word;
    const std::vector<uint64_t> refused = h.bytes.refused;
    CHECK(qsc_memory_read(b.p, refused.at(0) << 12, &word, 8) == QSC_ERR_ADDRESS);
}

TEST_CASE("everything may be at addresses of up to 48 bits", "[cosim]") {
    HostMemoryBench h;
    h.b.memory = 0xfffe'0000'0000;
    h.b.bring_up();
    const uint32_t sent = 0xcafe;
    CHECK(h.b.run(h.b.dma(1, h.b.here, 4, QSC_WRITE, &sent)).physical == 0xfffe'0010'0000);
    CHECK((h.b.load(h.b.page) & 0xffff'ffff) == 0xcafe);
    CHECK(h.bytes.highest >> 47 == 1);
}

TEST_CASE("the host learns whose access it is, no-snoop included", "[cosim]") {
    HostMemoryBench h;
    h.b.bring_up();
    h.b.run(h.b.dma(1, h.b.here, 8, QSC_NO_SNOOP | QSC_PRIVILEGED));
    REQUIRE(h.bytes.by_devices.size() == 1);
    CHECK(h.bytes.by_devices[0].flags == (QSC_NO_SNOOP | QSC_PRIVILEGED));
    CHECK(h.bytes.by_devices[0].requester == 1);
}

TEST_CASE("a function of the host's memory cannot call the interface", "[cosim]") {
    static qsc_platform p;
    HostMemoryBench h;
    p = h.b.p;
    h.bytes.meanwhile = [] { return qsc_advance(p, 1); };
    h.b.load(0);
    CHECK(h.bytes.answered == QSC_ERR_STATE);
    h.bytes.meanwhile = [] { return qsc_destroy(p); };
    h.b.load(0);
    CHECK(h.bytes.answered == QSC_ERR_STATE);
    h.b.bring_up();
}

TEST_CASE("an access that the host's memory sees is inside of one page, whatever the DMA is", "[cosim]") {
    HostMemoryBench h;
    h.b.bring_up();
    for (uint64_t n = 1; n < 4; ++n) h.b.map(n);
    std::vector<unsigned char> sent(0x2800), back(sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<unsigned char>(i * 7);
    const auto r = h.b.run(h.b.dma(1, h.b.here + 0x900, 0x2800, QSC_WRITE, sent.data()));
    CHECK(r.ending == QSC_DONE);
    CHECK(r.bytes == 0x2800);
    CHECK(h.b.run(h.b.dma(1, h.b.here + 0x900, 0x2800), back.data()).bytes == 0x2800);
    CHECK(back == sent);
    CHECK(h.bytes.by_devices.size() == 8); // of four pages, twice
    // The page after them is not mapped: what is before it has moved.
    std::vector<unsigned char> beyond(0x5000);
    const auto short_of = h.b.run(h.b.dma(1, h.b.here, 0x5000, QSC_WRITE, beyond.data()));
    CHECK(short_of.ending == QSC_REFUSED);
    CHECK(short_of.bytes == 0x4000);
}
