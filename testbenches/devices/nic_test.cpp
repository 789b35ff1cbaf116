// SPDX-License-Identifier: Apache-2.0
/// The network interface as its driver sees it: rings in memory with heads and tails, registers, and packets that come
/// whatever happens.
#include "base/property.h"
#include "devices/nic.h"
#include "pcie/support/fabric.h"
#include "support/fresh_kernel.h"

#include <deque>

using namespace quiesce;
using namespace quiesce::devices;
using namespace quiesce::stubs;
using sim::Time;

namespace {
using N = nic::Descriptor;

struct NicBench : Fabric {
    static constexpr u64 rx_ring = 0x10000, tx_ring = 0x20000, buffers = 0x40000, buffer_bytes = 2048;

    /// Nothing comes by itself: tests send packets down the wire.
    static NicConfig quiet() {
        NicConfig c;
        c.traffic.every = sim::Duration{};
        return c;
    }
    explicit NicBench(const NicConfig& c = quiet(), u32 log2 = 3)
        : settings(c), log2size(log2), nic("nic0", events, root_complex, {}, c, DeviceId{0}, 1) {
        nic.take_into_service();
        root_complex.set_message_window(Spa{0xfee0'0000}, 4096);
        memory.on_commit = [this](const memory::Request& r) {
            if (r.origin.purpose == memory::Purpose::Msi) messages.push_back(sim::now());
        };
        write(nic::MSI_ADDR{}.set(nic::MSI_ADDR::ADDR, 0xfee0'0000));
    }
    ~NicBench() { calendar.shutdown(); }

    template <class R>
    void write(R value) {
        sim::start(nic.bar().mmio_write(R::offset, sizeof(typename R::Value), value.value()));
        run(1_us);
    }
    template <class R>
    R read() {
        Time end;
        u64 value = 0;
        sim::start(timed(nic.bar().mmio_read(R::offset, sizeof(typename R::Value)), end, value));
        while (end == Time{}) run(100_ns);
        return R::of(static_cast<typename R::Value>(value));
    }
    void enable(unsigned queue = 0, u32 moderation_ns = 0, u32 tx_rate_ns = 0, bool kernel = false) {
        write(nic::QUEUE_SELECT{}.set(nic::QUEUE_SELECT::QUEUE, queue));
        write(nic::Q_PASID{}.set(nic::Q_PASID::PASID, Pasid{7}).set(nic::Q_PASID::VALID, true));
        write(nic::Q_WORK_TAG{}.set(nic::Q_WORK_TAG::TAG, BondId{9}));
        write(nic::Q_RX_BASE{}.set(nic::Q_RX_BASE::BASE, at(rx_ring)));
        write(nic::Q_TX_BASE{}.set(nic::Q_TX_BASE::BASE, at(tx_ring)));
        write(nic::Q_RINGS{}
                  .set(nic::Q_RINGS::RX_LOG2, log2size)
                  .set(nic::Q_RINGS::TX_LOG2, log2size)
                  .set(nic::Q_RINGS::KERNEL, kernel));
        write(nic::Q_MODERATION::of(moderation_ns));
        write(nic::Q_TX_RATE::of(tx_rate_ns));
        write(nic::Q_CTRL{}.set(nic::Q_CTRL::ENABLE, true));
    }
    void disable() { write(nic::Q_CTRL{}.set(nic::Q_CTRL::DISABLE, true)); }
    void put(u64 ring, u32 slot, u64 length) {
        const auto bytes = N{}.set(N::ADDRESS, at(buffers + slot * buffer_bytes)).set(N::LENGTH, length).to_bytes();
        memory.poke(Spa{ring + slot * N::byte_count}, bytes);
    }
    N slot(u64 ring, u32 n) const {
        std::array<std::byte, N::byte_count> bytes{};
        memory.peek(Spa{ring + n * bytes.size()}, bytes);
        return N::from_bytes(bytes);
    }
    /// Gives `count` receive buffers from the tail on.
    void give(u32 count) {
        for (; count != 0; --count, tail = (tail + 1) % (1u << log2size)) put(rx_ring, tail, buffer_bytes);
        write(nic::Q_RX_TAIL::of(tail));
    }
    void packets(unsigned count, u32 bytes = 64) {
        for (unsigned n = 0; n < count; ++n) nic.arrive(bytes);
    }
    NicConfig settings;
    u32 log2size, tail = 0;
    Nic nic;
    std::vector<Time> messages;
    std::map<PacketFate, u64> fates;
    base::Subscription counting =
        events.subscribe<PacketEnded>([this](Time, const PacketEnded& e) { ++fates[e.fate]; });
};
} // namespace

TEST_CASE("a packet goes to the next buffer: payload, then descriptor, then message", "[devices][nic]") {
    NicBench b;
    b.iommu.keep_questions = true;
    b.enable();
    b.give(3);
    b.run(5_us);
    b.iommu.questions.clear();
    b.packets(1, 594);
    b.run(10_us);
    std::vector<std::pair<u64, u32>> written;
    for (const auto& q : b.iommu.questions)
        if (q.access == iommu::Access::Write && q.has_pasid) {
            CHECK(q.pasid == Pasid{7});
            CHECK(q.bond == BondId{9});
            written.emplace_back((q.at - b.at(0)), q.bytes);
        }
    REQUIRE(written.size() == 4); // 594 bytes in packets of 256, and the second word of the descriptor
    CHECK(written[0] == std::pair<u64, u32>{NicBench::buffers, 256});
    CHECK(written[2] == std::pair<u64, u32>{NicBench::buffers + 512, 82});
    CHECK(written[3] == std::pair<u64, u32>{NicBench::rx_ring + 8, 8});
    CHECK(b.slot(NicBench::rx_ring, 0).get(N::DONE));
    CHECK(b.slot(NicBench::rx_ring, 0).get(N::LENGTH) == 594);
    CHECK_FALSE(b.slot(NicBench::rx_ring, 1).get(N::DONE));
    CHECK(b.read<nic::Q_RX_HEAD>().value() == 1);
    CHECK(b.read<nic::Q_RECEIVED>().value() == 1);
    REQUIRE(b.messages.size() == 1);
    CHECK(b.read<nic::INT_RX>().value() == 1);
    b.write(nic::INT_RX::of(1));
    CHECK(b.read<nic::INT_RX>().value() == 0);
    CHECK(b.word(NicBench::buffers) == 0x0706'0504'0302'0100);
}

TEST_CASE("without a buffer packets are dropped and counted, and the next one that has one is received",
          "[devices][nic]") {
    NicBench b;
    b.enable();
    b.packets(5);
    b.run(10_us);
    CHECK(b.read<nic::Q_DROPPED>().value() == 5);
    CHECK(b.fates[PacketFate::NoBuffer] == 5);
    b.give(2);
    b.packets(5);
    b.run(10_us);
    CHECK(b.read<nic::Q_RECEIVED>().value() == 2);
    CHECK(b.read<nic::Q_DROPPED>().value() == 8);
}

TEST_CASE("a ring of eight holds seven buffers and wraps as often as it is refilled", "[devices][nic]") {
    NicBench b;
    b.enable();
    for (unsigned round = 1; round <= 5; ++round) {
        b.give(7);
        b.packets(8);
        b.run(30_us);
        CHECK(b.read<nic::Q_RECEIVED>().value() == 7 * round);
        CHECK(b.read<nic::Q_DROPPED>().value() == round);
        CHECK(b.read<nic::Q_RX_HEAD>().value() == 7 * round % 8);
    }
}

TEST_CASE("a packet that its buffer cannot hold is told as an error and costs the buffer", "[devices][nic]") {
    NicBench b;
    b.enable();
    b.give(1);
    b.packets(1, 3000);
    b.run(10_us);
    CHECK(b.slot(NicBench::rx_ring, 0).get(N::ERROR));
    CHECK(b.slot(NicBench::rx_ring, 0).get(N::DONE));
    CHECK(b.read<nic::Q_FAILED>().value() == 1);
    CHECK(b.read<nic::Q_RX_HEAD>().value() == 1);
}

TEST_CASE("what finds no room in the device is missed", "[devices][nic]") {
    NicConfig c = NicBench::quiet();
    c.buffer = 16_KiB;
    NicBench b{c, 6};
    b.enable();
    b.give(40);
    b.packets(40, 1518); // all at once
    b.run(100_us);
    CHECK(b.read<nic::Q_RECEIVED>().value() == 16 * 1024 / 1518);
    CHECK(b.read<nic::MISSED>().value() == 40 - 16 * 1024 / 1518);
    CHECK(b.fates[PacketFate::NoRoom] == b.nic.missed());
}

TEST_CASE("interrupts of a queue keep their distance, and what happens in between is told by the next",
          "[devices][nic]") {
    NicBench b{NicBench::quiet(), 6};
    b.enable(0, 50'000);
    b.give(60);
    for (unsigned n = 0; n < 20; ++n) {
        b.packets(1);
        b.run(10_us);
    }
    b.run(100_us);
    CHECK(b.read<nic::Q_RECEIVED>().value() == 20);
    REQUIRE(b.messages.size() >= 4);
    CHECK(b.messages.size() <= 5);
    for (std::size_t n = 1; n < b.messages.size(); ++n) CHECK(b.messages[n] - b.messages[n - 1] >= 49_us);
}

TEST_CASE("packets to be sent are read from their buffers, paced, and their descriptors written back",
          "[devices][nic]") {
    NicBench b;
    b.enable(0, 0, 4'000);
    std::vector<Time> sent;
    auto token = b.events.subscribe<PacketEnded>([&](Time now, const PacketEnded& e) {
        CHECK(e.fate == PacketFate::Sent);
        CHECK(e.bytes == 1000);
        sent.push_back(now);
    });
    for (u32 n = 0; n < 6; ++n) b.put(NicBench::tx_ring, n, 1000);
    b.write(nic::Q_TX_TAIL::of(6));
    b.run(50_us);
    REQUIRE(sent.size() == 6);
    for (std::size_t n = 2; n < sent.size(); ++n) CHECK(sent[n] - sent[n - 1] == 4_us);
    for (u32 n = 0; n < 6; ++n) CHECK(b.slot(NicBench::tx_ring, n).get(N::DONE));
    CHECK(b.read<nic::Q_TX_HEAD>().value() == 6);
    CHECK(b.read<nic::INT_TX>().value() == 1);
}

TEST_CASE("a queue that reports Disabled has nothing under way, and what arrives afterwards is missed",
          "[devices][nic]") {
    NicBench b{NicBench::quiet(), 6};
    b.enable();
    b.give(50);
    for (u32 n = 0; n < 20; ++n) b.put(NicBench::tx_ring, n, 1000);
    b.write(nic::Q_TX_TAIL::of(20));
    b.packets(30, 1518);
    std::size_t inside = 99;
    Time disabled, asked;
    auto states = b.events.subscribe<QueueState>([&](Time now, const QueueState& e) {
        CHECK(e.bond == BondId{9});
        if (e.state == base::Name{"stopping"}) asked = now;
        if (e.state != base::Name{"stopped"}) return;
        disabled = now;
        inside = b.nic.port().posted_inside() + b.iommu.in_flight.inside() + b.nic.tags().used();
    });
    b.disable();
    CHECK(b.read<nic::Q_STATUS>().get(nic::Q_STATUS::STATE) == nic::State::Disabling);
    b.packets(3);
    b.run(60_us);
    CHECK(b.read<nic::Q_STATUS>().get(nic::Q_STATUS::STATE) == nic::State::Disabled);
    CHECK(inside == 0);
    CHECK(disabled - asked > b.settings.disable_time.get().first());
    CHECK(disabled - asked < b.settings.disable_time.get().first() + 5_us);
    CHECK(b.nic.missed() == 3);
    CHECK(b.fates[PacketFate::Discarded] > 0);
    CHECK(b.fates[PacketFate::Discarded] + b.fates[PacketFate::Delivered] == 30);
    bool more = false;
    auto token = b.events.subscribe<DmaIssued>([&](Time, const DmaIssued&) { more = true; });
    b.packets(5);
    b.run(50_us);
    CHECK_FALSE(more);
}

TEST_CASE("rings of the kernel are reached without the PASID, buffers with it", "[devices][nic]") {
    NicBench b;
    b.iommu.keep_questions = true;
    b.enable(0, 0, 0, true);
    b.give(3);
    b.packets(1);
    b.run(10_us);
    REQUIRE(b.read<nic::Q_RECEIVED>().value() == 1);
    for (const auto& q : b.iommu.questions) CHECK(q.has_pasid == (q.at >= b.at(NicBench::buffers)));
}

TEST_CASE("a ring that cannot be read makes packets fail one by one, and the queue goes on", "[devices][nic]") {
    NicBench b;
    bool gone = true;
    b.iommu.ending = [&](const iommu::TranslationRequest& r) {
        return r.has_pasid && gone ? iommu::Ending::Abort : iommu::Ending::Grant;
    };
    b.enable();
    b.give(4);
    b.packets(3);
    b.run(20_us);
    CHECK(b.read<nic::Q_FAILED>().value() == 3);
    CHECK(b.read<nic::Q_RX_HEAD>().value() == 0);
    gone = false;
    b.packets(2);
    b.run(20_us);
    CHECK(b.read<nic::Q_RECEIVED>().value() == 2);
}

TEST_CASE("the generator keeps its mean rate, sizes and bursts, the same for the same seed, and rests without queues",
          "[devices][nic]") {
    NicConfig c;
    c.traffic.every = 4_us;
    c.traffic.burst = 3;
    std::vector<u32> first;
    for (int turn = 0; turn < 2; ++turn) {
        testbench::fresh_kernel();
        NicBench b{c};
        std::vector<u32> sizes;
        auto token = b.events.subscribe<PacketEnded>([&](Time, const PacketEnded& e) { sizes.push_back(e.bytes); });
        b.run(1_ms);
        CHECK(sizes.empty());
        b.enable();
        b.run(4_ms);
        CHECK(sizes.size() > 2400); // 3 each 4 us and the burst's own time
        CHECK(sizes.size() < 3100);
        std::map<u32, double> share;
        for (const u32 s : sizes) share[s] += 1.0 / static_cast<double>(sizes.size());
        REQUIRE(share.size() == 3);
        CHECK(share[64] == Approx(7.0 / 12).margin(0.05));
        CHECK(share[594] == Approx(4.0 / 12).margin(0.05));
        CHECK(share[1518] == Approx(1.0 / 12).margin(0.03));
        if (turn == 0)
            first = sizes;
        else
            CHECK(sizes == first);
        b.disable();
        b.run(100_us);
        const std::size_t before = sizes.size();
        b.run(1_ms);
        CHECK(sizes.size() == before);
        CHECK(b.calendar.idle());
    }
}

TEST_CASE("a queue that the link took down can be enabled again when its accesses have ended", "[devices][nic]") {
    NicBench b;
    b.enable();
    b.give(5);
    b.packets(3, 1518);
    b.nic.port().set_link(false);
    CHECK(b.nic.state(0) == nic::State::Disabled);
    b.run(20_ms);
    CHECK(b.nic.tags().used() == 0);
    b.nic.port().set_link(true);
    b.nic.take_into_service();
    b.tail = 0;
    b.enable();
    b.give(5);
    b.packets(2);
    b.run(20_us);
    CHECK(b.read<nic::Q_RECEIVED>().value() == 2);
}

TEST_CASE(
    "for any sequence of refills and packets: buffers are used in order, once each, and nothing is lost uncounted",
    "[devices][nic][property]") {
    using Script = std::vector<std::tuple<bool, unsigned, unsigned>>; // refill or packets, how many, microseconds
    testbench::holds(
        [] {
            const auto script = *rc::gen::container<Script>(rc::gen::tuple(
                rc::gen::arbitrary<bool>(), rc::gen::inRange(0u, 12u), rc::gen::element(0u, 1u, 2u, 10u)));
            const u32 log2size = *rc::gen::inRange(1u, 5u);
            testbench::fresh_kernel();
            NicBench b{NicBench::quiet(), log2size};
            b.enable();
            const u32 slots = 1u << log2size;
            u64 given = 0, sent = 0;
            for (const auto& [refill, count, wait] : script) {
                if (refill) {
                    const u32 used = (b.tail - b.read<nic::Q_RX_HEAD>().value()) % slots;
                    const u32 n = std::min(count, slots - 1 - used);
                    b.give(n);
                    given += n;
                } else {
                    b.packets(count);
                    sent += count;
                }
                b.run(1_us * wait);
            }
            b.run(100_us);
            const u64 received = b.read<nic::Q_RECEIVED>().value(), dropped = b.read<nic::Q_DROPPED>().value();
            RC_ASSERT(received + dropped == sent);
            RC_ASSERT(received <= given);
            RC_ASSERT(b.read<nic::Q_RX_HEAD>().value() == received % slots);
            for (u64 n = received; n < given; ++n) // buffers that are still there
                RC_ASSERT(!b.slot(NicBench::rx_ring, static_cast<u32>(n % slots)).get(N::DONE));
        },
        100);
}
