// SPDX-License-Identifier: Apache-2.0
/// What a host can do with a platform beyond the story of smmuv3_life.c.
#include "cosim/host_bench.h"

#include <fstream>

using namespace quiesce::cosim_test;

namespace {

/// A short life; what it saw, and when.
std::vector<uint64_t> live() {
    HostBench b(plain_config());
    std::vector<uint64_t> seen{b.now()};
    b.bring_up();
    seen.push_back(b.now());
    for (uint32_t stream : {1u, 1u, 7u}) {
        const qsc_dma_result r = b.run(b.dma(stream, b.here, 8));
        seen.insert(seen.end(), {r.ending, r.physical, r.ended_ps});
    }
    qsc_operation left = 0; // under way when the platform goes
    const qsc_dma_request stalls = b.dma(2, b.here + 0x1000, 4, QSC_MAY_WAIT);
    REQUIRE(qsc_dma_start(b.p, &stalls, &left) == QSC_OK);
    REQUIRE(qsc_advance(b.p, 10 * us) == QSC_OK);
    seen.push_back(b.now());
    return seen;
}

qsc_operation start(HostBench& b, const qsc_dma_request& r) {
    qsc_operation op = 0;
    REQUIRE(qsc_dma_start(b.p, &r, &op) == QSC_OK);
    return op;
}
/// CMD_ATC_INV of stream 1's page, and CMD_SYNC.
void invalidate_device(HostBench& b) {
    b.command(0x40 | uint64_t{1} << 32, b.here);
    b.command(0x46, 0);
}

} // namespace

TEST_CASE("platforms one after the other see the same at the same times, each from zero", "[cosim]") {
    const auto first = live();
    CHECK(first[0] == 0);
    CHECK(live() == first);
    CHECK(live() == first);
}

TEST_CASE("what no identification register says is as it was set, whichever of them are given", "[cosim]") {
    const qsc_id_register ids[] = {{"IIDR", 0x1234'5678}};
    const char* const settings[] = {"platform.iommu.smmuv3.contiguous=believed"};
    qsc_config c = plain_config();
    c.ids = ids;
    c.id_count = 1;
    c.settings = settings;
    c.setting_count = 1;
    HostBench b(c);
    b.bring_up();
    const uint64_t group = b.memory + b.page; // of sixteen pages; `here` is the eighth, and the only one that is there
    b.store(b.tables + 0x3000 + 8 * (b.here >> 12 & 511),
            {(group + 0x7000) | 3 | 1 << 6 | 1 << 10 | 1 << 11 | uint64_t{1} << 52});
    CHECK(b.run(b.dma(1, b.here, 8)).physical == group + 0x7000);
    const qsc_dma_result neighbour = b.run(b.dma(1, b.here + 0x1000, 8));
    CHECK(neighbour.ending == QSC_DONE);
    CHECK(neighbour.physical == group + 0x8000);
}

TEST_CASE("values of identification registers go before the configuration, and the unit is what they say", "[cosim]") {
    qsc_id_register ids[] = {{"IDR5", 0x74}, {"IIDR", 0x1234'5678}, {"PIDR0", 0x83}, {"AIDR", 1}};
    qsc_config c = plain_config();
    c.ids = ids;
    c.id_count = 4;
    const char* const none[] = {"platform.iommu.smmuv3.stall_model=none"};
    c.settings = none;
    c.setting_count = 1;
    HostBench b(c);
    CHECK(b.reg(0x14) == 0x74); // OAS: 44 bits
    CHECK(b.reg(0x18) == 0x1234'5678);
    CHECK(b.reg(0x18, 8) == 0x1'1234'5678); // with AIDR above it
    CHECK(b.reg(0xfe0) == 0x83);
    CHECK(b.run(b.dma(1, uint64_t{1} << 43, 8)).ending == QSC_ABORTED); // put out, to where nothing is
    CHECK(b.run(b.dma(1, uint64_t{1} << 44, 8)).ending == QSC_REFUSED);
}

TEST_CASE("a scenario's platform is the platform, and its mistakes are told with their places", "[cosim]") {
    const auto write = [](const char* platform) {
        std::ofstream("cosim-scenario.yaml")
            << "scenario: a platform\n"
            << platform << "devices: {acc0: {kind: accelerator}}\nsteps:\n  - os: {spawn: app0}\n";
    };
    qsc_config c = plain_config();
    c.scenario = "cosim-scenario.yaml";
    write("platform: {iommu: {smmuv3: {sid_bits: 9, stall_model: optional}}, mmio: {travel: 500ns}}\n");
    {
        HostBench b(c);
        CHECK((b.reg(0x04) & 0x3f) == 9);
        const uint64_t before = b.now();
        b.reg(0);
        CHECK(b.now() - before == 500'000 + 500'000 + 5'000 + 10'000); // there and back, issue, register access
    }
    write("platform: {iommu: {smmuv3: {sid_bits: 99}}}\n");
    qsc_platform p = 0;
    CHECK(qsc_create(&c, &p) == QSC_ERR_CONFIG);
    CHECK(std::string{qsc_last_error()}.find("cosim-scenario.yaml:2:") != std::string::npos);
    std::remove("cosim-scenario.yaml");
}

TEST_CASE("relax goes just past the next thing that happens and says when there is none", "[cosim]") {
    HostBench b(plain_config());
    while (qsc_relax(b.p, us) == QSC_OK) continue;
    const uint64_t before = b.now();
    CHECK(qsc_relax(b.p, 7) == QSC_EMPTY);
    CHECK(b.now() == before + 7);
    qsc_operation op = 0;
    REQUIRE(qsc_mmio_write_start(b.p, registers_at + 0x44, 4, 0, &op) == QSC_OK);
    CHECK(qsc_relax(b.p, us) == QSC_OK);
    CHECK(b.now() == before + 7 + 1); // it begins at once
    CHECK(qsc_relax(b.p, us) == QSC_OK);
    CHECK(b.now() == before + 7 + 5'000 + 1); // the bus has it: platform.mmio.issue
    CHECK(qsc_mmio_poll(b.p, op, nullptr) == QSC_OK);
}

TEST_CASE("a fence waits for the device's answer to an invalidation, and that for the writes before it", "[cosim]") {
    HostBench b(plain_config());
    b.bring_up();
    REQUIRE(qsc_device_set(b.p, 1, QSC_DEVICE_ATS) == QSC_OK);
    invalidate_device(b);
    uint32_t there = 0;
    REQUIRE(qsc_wait_news(b.p, QSC_NEWS_INVALIDATION, 10 * us, &there) == QSC_OK);
    CHECK(there == QSC_NEWS_INVALIDATION);
    auto seen = sized<qsc_invalidation>();
    REQUIRE(qsc_invalidation_next(b.p, &seen) == QSC_OK);
    CHECK(seen.address == b.here);
    CHECK(seen.bytes == 0x1000);
    CHECK(seen.flags == 0);
    REQUIRE(qsc_advance(b.p, 100 * us) == QSC_OK);
    CHECK((b.reg(0x9c) & 31) == 1); // the CMD_SYNC is not over
    const uint32_t word = 1;
    const qsc_operation write = start(b, b.dma(1, b.here, 4, QSC_WRITE, &word));
    REQUIRE(qsc_invalidation_complete(b.p, seen.tag) == QSC_OK);
    for (int n = 0; (b.reg(0x9c) & 31) != 2 && n < 100; ++n) qsc_relax(b.p, us);
    CHECK((b.reg(0x9c) & 31) == 2);
    auto result = sized<qsc_dma_result>();
    CHECK(qsc_dma_poll(b.p, write, nullptr, &result) == QSC_OK);
    CHECK(result.ending == QSC_DONE);
}

TEST_CASE("an invalidation that nobody answers is given up, and then nobody can answer it", "[cosim]") {
    qsc_config c = plain_config();
    const char* const settings[] = {"platform.root_complex.invalidate_timeout=50us"};
    c.settings = settings;
    c.setting_count = 1;
    HostBench b(c);
    b.bring_up();
    REQUIRE(qsc_device_set(b.p, 1, QSC_DEVICE_ATS) == QSC_OK);
    invalidate_device(b);
    REQUIRE(qsc_advance(b.p, 100 * us) == QSC_OK);
    CHECK(b.reg(0x9c) >> 24 == 3); // CERROR_ATC_INV_SYNC
    auto seen = sized<qsc_invalidation>();
    REQUIRE(qsc_invalidation_next(b.p, &seen) == QSC_OK);
    CHECK(qsc_invalidation_complete(b.p, seen.tag) == QSC_ERR_ARGUMENT);
    const uint64_t errors = b.reg(0x60);
    CHECK(qsc_invalidation_complete_stray(b.p, 1) == QSC_OK); // an SMMUv3 has no error for it
    CHECK(b.reg(0x60) == errors);
}

TEST_CASE("an answer at the very instant at which the IOMMU gives up does no harm", "[cosim]") {
    qsc_config c = plain_config();
    const char* const settings[] = {"platform.root_complex.invalidate_timeout=50us"};
    c.settings = settings;
    c.setting_count = 1;
    for (uint64_t before_ps : {uint64_t{1}, uint64_t{0}}) {
        HostBench b(c);
        b.bring_up();
        REQUIRE(qsc_device_set(b.p, 1, QSC_DEVICE_ATS) == QSC_OK);
        invalidate_device(b);
        REQUIRE(qsc_wait_news(b.p, QSC_NEWS_INVALIDATION, 10 * us, nullptr) == QSC_OK);
        auto seen = sized<qsc_invalidation>();
        REQUIRE(qsc_invalidation_next(b.p, &seen) == QSC_OK);
        REQUIRE(qsc_advance(b.p, seen.arrived_ps + 50 * us - before_ps - b.now()) == QSC_OK);
        CHECK(qsc_invalidation_complete(b.p, seen.tag) == QSC_OK);
        CHECK(qsc_advance(b.p, 10 * us) == QSC_OK);
        CHECK(b.reg(0x9c) >> 24 == (before_ps == 1 ? 0 : 3));
    }
}

TEST_CASE("a device without a translation cache sees no invalidation, and the fence does not wait", "[cosim]") {
    HostBench b(plain_config());
    b.bring_up();
    invalidate_device(b);
    REQUIRE(qsc_advance(b.p, 100 * us) == QSC_OK);
    CHECK((b.reg(0x9c)) == 2);
    auto seen = sized<qsc_invalidation>();
    CHECK(qsc_invalidation_next(b.p, &seen) == QSC_EMPTY);
}

TEST_CASE("what is under way goes on while its host does other things", "[cosim]") {
    HostBench b(plain_config());
    b.bring_up();
    const qsc_operation stalled = start(b, b.dma(2, b.here + 0x1000, 4, QSC_MAY_WAIT));
    REQUIRE(qsc_wait_news(b.p, QSC_NEWS_INTERRUPT, 100 * us, nullptr) == QSC_OK);
    auto interrupt = sized<qsc_interrupt>();
    REQUIRE(qsc_interrupt_next(b.p, &interrupt) == QSC_OK);
    CHECK(interrupt.kind == QSC_INTERRUPT_LINE);
    CHECK(interrupt.line == QSC_SMMUV3_EVENTQ);
    CHECK(b.run(b.dma(1, b.here, 4)).ending == QSC_DONE); // another device is not held up
    b.map(1);
    const uint64_t stag = b.load(b.events + 8) & 0xffff;
    b.command(0x44 | 1 << 12 | uint64_t{2} << 32, stag); // CMD_RESUME, retry
    CHECK(qsc_wait(b.p, stalled, 100 * us) == QSC_OK);
    auto result = sized<qsc_dma_result>();
    uint32_t word;
    CHECK(qsc_dma_poll(b.p, stalled, nullptr, &result) == QSC_ERR_ARGUMENT); // a read's bytes have to go somewhere
    CHECK(qsc_dma_poll(b.p, stalled, &word, &result) == QSC_OK);
    CHECK(result.ending == QSC_DONE);
}

TEST_CASE("a message that a device writes into the window is an interrupt, translated as every write", "[cosim]") {
    qsc_config c = plain_config();
    c.message_base = messages_at;
    c.message_bytes = 0x1000;
    HostBench b(c);
    b.bring_up();
    b.store(b.tables + 0x3000 + 8 * ((b.here >> 12 & 511) + 1), {messages_at | 3 | 1 << 6 | 1 << 10 | 1 << 11});
    const uint32_t data = 0x51;
    CHECK(b.run(b.dma(1, b.here + 0x1040, 4, QSC_WRITE, &data)).ending == QSC_DONE);
    auto interrupt = sized<qsc_interrupt>();
    REQUIRE(qsc_interrupt_next(b.p, &interrupt) == QSC_OK);
    CHECK(interrupt.kind == QSC_INTERRUPT_MESSAGE);
    CHECK(interrupt.address == messages_at + 0x40);
    CHECK(interrupt.data == 0x51);
}

TEST_CASE("privilege, execution and PASID of a DMA are what the tables judge", "[cosim]") {
    enum : unsigned { C_BAD_SUBSTREAMID = 0x08, F_PERMISSION = 0x13 };
    HostBench b(plain_config());
    b.bring_up();
    const auto leaf = [&](uint64_t n, uint64_t bits) {
        b.store(b.tables + 0x3000 + 8 * ((b.here >> 12 & 511) + n),
                {(b.memory + b.page) | 3 | 1 << 10 | 1 << 11 | bits});
    };
    leaf(1, 0);                          // AP[1]=0: not for unprivileged accesses
    leaf(2, 1 << 6 | uint64_t{1} << 54); // UXN
    const uint64_t privileged_page = b.here + 0x1000, data_page = b.here + 0x2000;
    CHECK(b.run(b.dma(1, privileged_page, 4)).ending == QSC_REFUSED);
    CHECK(b.event(0) == F_PERMISSION);
    CHECK(b.run(b.dma(1, privileged_page, 4, QSC_PRIVILEGED)).ending == QSC_DONE);
    CHECK(b.run(b.dma(1, data_page, 4)).ending == QSC_DONE);
    CHECK(b.run(b.dma(1, data_page, 4, QSC_EXECUTE)).ending == QSC_REFUSED);
    CHECK(b.event(1) == F_PERMISSION);
    CHECK(b.run(b.dma(1, b.here, 4, QSC_EXECUTE)).ending == QSC_DONE);
    CHECK(b.run(b.dma(1, b.here, 4, QSC_PASID)).ending == QSC_REFUSED); // the stream has no substreams
    CHECK(b.event(2) == C_BAD_SUBSTREAMID);
}

TEST_CASE("an access that the IOMMU ends with zeros is told apart from one that it did", "[cosim]") {
    HostBench b(plain_config());
    b.bring_up();
    const uint64_t cd = b.contexts + 0x1000;
    b.store(cd, {b.load(cd) & ~(uint64_t{3} << 45)}); // R=0, A=0: RAZ/WI and no record
    uint64_t word = ~uint64_t{0};
    const qsc_dma_result r = b.run(b.dma(1, b.here + 0x1000, 8), &word);
    CHECK(r.ending == QSC_ZEROED);
    CHECK(r.bytes == 0);
    CHECK(word == 0);
    CHECK(b.event(0) == 0);
    // Two pages of which the second has no translation: what is there moves, and the device is not told.
    std::vector<unsigned char> both(0x2000, 0xff);
    const qsc_dma_result two = b.run(b.dma(1, b.here, 0x2000), both.data());
    CHECK(two.ending == QSC_ZEROED);
    CHECK(two.bytes == 0x1000);
    CHECK(both.back() == 0);
}
