// SPDX-License-Identifier: Apache-2.0
/// Packets through a root port: latencies that add up, order, aborts, register accesses and messages.
#include "pcie/support/fabric.h"

#include <catch2/catch.hpp>

#include <cstring>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;
using sim::Task;
using sim::Time;

namespace {
std::span<const std::byte> bytes_of(const u64& v) { return std::as_bytes(std::span{&v, 1}); }
DmaRequest request(Iova at, u32 bytes) {
    DmaRequest r;
    r.at = at;
    r.bytes = bytes;
    return r;
}
DmaRequest with_pasid(DmaRequest r, u32 pasid, u32 bond) {
    r.has_pasid = true;
    r.pasid = Pasid{pasid};
    r.bond = BondId{bond};
    return r;
}
} // namespace

TEST_CASE("a read takes the sum of its ten latencies", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    const u32 size = GENERATE(8u, 64u, 256u);
    std::vector<std::byte> into(size);
    Time end;
    Completion c;
    sim::start(timed(ep.dma_read(request(f.at(0x1000), size), into.data()), end, c));
    f.run(2_us);
    CHECK(c.ok());
    CHECK(end - Time{} == ep.endpoint_config.issue.get() + ep.wire(24) + ep.link_config.propagation.get() + f.config.ingress.get() +
                              f.iommu.hit() + f.memory.latency() + f.config.egress.get() + ep.wire(20 + size) +
                              ep.link_config.propagation.get());
}

TEST_CASE("a write leaves after issue and serialisation, and commits a flight, the root complex, a look-up and the memory later", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    f.memory.keep_commits = true;
    const u64 value = 0x1122334455667788;
    Time left;
    sim::start(timed(ep.dma_write(with_pasid(request(f.at(0x2000), 8), 5, 9), bytes_of(value)), left));
    f.run(2_us);
    CHECK(left - Time{} == ep.endpoint_config.issue.get() + ep.wire(24 + 4 + 8));
    REQUIRE(f.memory.commits.size() == 1);
    CHECK(f.memory.commits[0].at - left == ep.link_config.propagation.get() + f.config.ingress.get() + f.iommu.hit() +
                                               f.memory.latency());
    const memory::Origin& origin = f.memory.commits[0].request.origin;
    CHECK(origin.purpose == memory::Purpose::Dma);
    CHECK(origin.bond == BondId{9});
    CHECK(origin.pasid == Pasid{5});
    CHECK(origin.aimed_at == f.at(0x2000));
    CHECK(origin.transaction == 1);
    CHECK(origin.translated_at == f.memory.commits[0].at - f.memory.latency());
    CHECK(f.word(0x2000) == value);
}

TEST_CASE("a root port that hands reads over in order lets none pass one that is being translated", "[pcie]") {
    const bool in_order = GENERATE(false, true);
    RootComplexConfig config;
    if (in_order) config.reads = ReadHandOver::InOrder;
    Fabric f{config};
    TestEndpoint ep{f};
    f.iommu.slow_pages[f.at(0x1000).page_number()] = 400_ns;
    f.memory.keep_commits = true;
    std::array<std::array<std::byte, 64>, 4> into{};
    std::array<Time, 4> end;
    std::array<Completion, 4> how;
    for (u64 n = 0; n < 4; ++n) // the first one is slow, and of three that could pass it the last is of no bytes
        sim::start(timed(ep.dma_read(request(f.at(0x1000 + n * page_size), n == 3 ? 0 : 64), into[n].data()), end[n],
                         how[n]));
    f.run(3_us);
    for (const Completion& c : how) CHECK(c.ok());
    REQUIRE(f.memory.commits.size() == 3);
    if (!in_order) {
        CHECK(f.memory.commits.back().request.origin.aimed_at == f.at(0x1000));
        CHECK(end[1] < end[0]);
        return;
    }
    for (u64 n = 0; n < 3; ++n) CHECK(f.memory.commits[n].request.origin.aimed_at == f.at(0x1000 + n * page_size));
    // As far apart as the link takes their answers.
    CHECK(f.memory.commits[1].at - f.memory.commits[0].at == ep.wire(20 + 64));
    CHECK(f.memory.commits[2].at - f.memory.commits[1].at == ep.wire(20 + 64));
    CHECK(end[3] > f.memory.commits[2].at - f.memory.latency()); // not before the one ahead of it was handed over
    CHECK(end[0] - Time{} == ep.endpoint_config.issue.get() + ep.wire(24) + ep.link_config.propagation.get() * 2 +
                                 f.config.ingress.get() + f.iommu.hit() + 400_ns + f.memory.latency() +
                                 f.config.egress.get() + ep.wire(20 + 64));
}

TEST_CASE("without an IOMMU addresses pass as they are, and no look-up takes time", "[pcie]") {
    Fabric f;
    f.root_complex.set_translation(nullptr);
    TestEndpoint ep{f};
    u64 value = 0;
    f.memory.poke64(Spa{0x3000}, 77);
    Time end;
    Completion c;
    sim::start(timed(ep.dma_read(request(Iova{0x3000}, 8), reinterpret_cast<std::byte*>(&value)), end, c));
    f.run(2_us);
    CHECK(value == 77);
    CHECK(end - Time{} == ep.endpoint_config.issue.get() + ep.wire(20) + ep.link_config.propagation.get() * 2 + f.config.ingress.get() +
                              f.memory.latency() + f.config.egress.get() + ep.wire(28));
}

TEST_CASE("a completion of more than one packet ends with the last one", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    std::vector<u32> payloads;
    auto token = f.events.subscribe<TlpSent>([&](Time, const TlpSent& e) {
        if (e.kind == TlpKind::Completion) payloads.push_back(e.payload_bytes);
    });
    std::vector<std::byte> into(512);
    Time end;
    Completion c;
    sim::start(timed(ep.dma_read(request(f.at(0x1010), 512), into.data()), end, c));
    f.run(3_us);
    CHECK(payloads == std::vector<u32>{240, 256, 16});
    CHECK(end - Time{} == ep.endpoint_config.issue.get() + ep.wire(24) + ep.link_config.propagation.get() * 2 + f.config.ingress.get() +
                              f.iommu.hit() + f.memory.latency() + f.config.egress.get() + ep.wire(260) + ep.wire(276) + ep.wire(36));
}

TEST_CASE("a request of many packets is split at pages and limits, and gathers the right bytes", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    f.iommu.keep_questions = true;
    std::vector<std::byte> from(5000), into(5000);
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i * 7 + i / 256);
    Time left, end;
    sim::start(timed(ep.dma_write(request(f.at(0x1f20), 5000), from), left));
    f.run(3_us);
    CHECK(f.iommu.questions.size() == 20); // 224 bytes to the page's end, 16 x 256 in the next, then 256 + 256 + 168
    for (const auto& q : f.iommu.questions) CHECK(q.at.page_number() == (q.at + (q.bytes - 1)).page_number());
    Completion c;
    sim::start(timed(ep.dma_read(request(f.at(0x1f20), 5000), into.data()), end, c));
    f.run(5_us);
    CHECK(end > left);
    CHECK(c.ok());
    CHECK(into == from);
}

TEST_CASE("the question to the IOMMU says who asks for what", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f, {}, {}, DeviceId{2}};
    f.iommu.keep_questions = true;
    DmaRequest r = with_pasid(request(f.at(0x4000), 16), 0xabcde, 3);
    r.privileged = true;
    std::array<std::byte, 16> into{};
    Time end;
    Completion c;
    sim::start(timed(ep.dma_read(r, into.data()), end, c));
    f.run(2_us);
    REQUIRE(f.iommu.questions.size() == 1);
    const auto& q = f.iommu.questions[0];
    CHECK(q.device == DeviceId{2});
    CHECK(q.stream == StreamId{0x300}); // bus 3, device 0, function 0
    CHECK(q.has_pasid);
    CHECK(q.pasid == Pasid{0xabcde});
    CHECK(q.privileged);
    CHECK(q.at == f.at(0x4000));
    CHECK(q.bytes == 16);
    CHECK(q.access == iommu::Access::Read);
    CHECK(q.bond == BondId{3});
}

TEST_CASE("a refused read is answered with Unsupported Request, a refused write is dropped, both are stated", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    f.memory.keep_commits = true;
    f.iommu.ending = [](const auto&) { return iommu::Ending::Abort; };
    std::vector<RequestAborted> aborted;
    auto token = f.events.subscribe<RequestAborted>([&](Time, const RequestAborted& e) { aborted.push_back(e); });
    u64 value = 5;
    Time end, left;
    Completion c;
    sim::start(timed(ep.dma_read(request(f.at(0), 8), reinterpret_cast<std::byte*>(&value)), end, c));
    sim::start(timed(ep.dma_write(request(f.at(64), 8), bytes_of(value)), left));
    f.run(2_us);
    CHECK(c.status == CompletionStatus::UnsupportedRequest);
    CHECK(value == 5);
    CHECK(f.memory.commits.empty());
    REQUIRE(aborted.size() == 2);
    CHECK((aborted[0].why == AbortReason::Translation && !aborted[0].write && aborted[1].write));
    CHECK(f.iommu.in_flight.inside() == 0);
    CHECK(end - Time{} == ep.endpoint_config.issue.get() + ep.wire(24) + ep.link_config.propagation.get() * 2 + f.config.ingress.get() +
                              f.iommu.hit() + f.config.egress.get() + ep.wire(20)); // a completion without data, no memory
}

TEST_CASE("a read that the IOMMU answers with zeros succeeds with zeros", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    f.iommu.ending = [](const auto&) { return iommu::Ending::ReadZero; };
    u64 value = 5;
    f.memory.poke64(Spa{0}, 99);
    Time end, left;
    Completion c;
    sim::start(timed(ep.dma_read(request(f.at(0), 8), reinterpret_cast<std::byte*>(&value)), end, c));
    const u64 written = 7;
    sim::start(timed(ep.dma_write(request(f.at(0), 8), bytes_of(written)), left));
    f.run(2_us);
    CHECK((c.ok() && c.zeroed));
    CHECK(value == 0);
    CHECK(f.word(0) == 99); // and a write is ignored
    CHECK(ep.port().counts().dropped_writes == 0);
}

TEST_CASE("an address without memory ends a read with Completer Abort", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    u64 value = 0;
    Time end;
    Completion c;
    sim::start(timed(ep.dma_read(request(f.at(1u << 30), 8), reinterpret_cast<std::byte*>(&value)), end, c));
    f.run(2_us);
    CHECK(c.status == CompletionStatus::CompleterAbort);
}

TEST_CASE("the token of a transaction is held until its access has committed, not longer", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    std::size_t inside_at_commit = 0, still_inside = 99;
    f.memory.on_commit = [&](const memory::Request&) { inside_at_commit = f.iommu.in_flight.inside(); };
    auto token = f.events.subscribe<TlpSent>([&](Time, const TlpSent& e) {
        if (e.kind == TlpKind::Completion) still_inside = f.iommu.in_flight.inside();
    });
    std::array<std::byte, 8> into{};
    Time end;
    Completion c;
    sim::start(timed(ep.dma_read(request(f.at(0), 8), into.data()), end, c));
    f.run(2_us);
    CHECK(inside_at_commit == 1);
    CHECK(still_inside == 0);
}

TEST_CASE("litmus: a reader that sees the flag sees the data, though the data's page is slow to translate", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    f.iommu.slow_pages[f.at(0x1000).page_number()] = 400_ns;
    const u64 data = 1, flag = 1;
    Time t1, t2;
    sim::start(timed(ep.dma_write(request(f.at(0x1000), 8), bytes_of(data)), t1));
    sim::start(timed(ep.dma_write(request(f.at(0x2000), 8), bytes_of(flag)), t2));
    bool flag_seen = false, wrong = false;
    for (int i = 0; i < 2000; ++i) {
        f.run(1_ns);
        if (f.word(0x2000) != 1) continue;
        flag_seen = true;
        wrong |= f.word(0x1000) != 1;
    }
    CHECK(flag_seen);
    CHECK_FALSE(wrong);
}

TEST_CASE("litmus: a read does not pass an earlier write, but may pass an earlier read", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    f.iommu.slow_pages[f.at(0x1000).page_number()] = 400_ns;
    const bool first_writes = GENERATE(true, false);
    const u64 new_value = 2;
    u64 slow = 0, value = 0;
    Time first, second;
    Completion c1, c2;
    if (first_writes) sim::start(timed(ep.dma_write(request(f.at(0x1000), 8), bytes_of(new_value)), first));
    else sim::start(timed(ep.dma_read(request(f.at(0x1000), 8), reinterpret_cast<std::byte*>(&slow)), first, c1));
    sim::start(timed(ep.dma_read(request(f.at(0x2000), 8), reinterpret_cast<std::byte*>(&value)), second, c2));
    Time landed;
    f.memory.on_commit = [&](const memory::Request& r) {
        if (r.write) landed = sim::now();
    };
    f.run(3_us);
    const sim::Duration alone = ep.endpoint_config.issue.get() + ep.wire(24) + ep.link_config.propagation.get() * 2 +
                                f.config.ingress.get() + f.iommu.hit() + f.memory.latency() + f.config.egress.get() + ep.wire(28);
    if (first_writes) {
        CHECK(second - Time{} > alone + 300_ns);
        CHECK(second > landed);
    } else {
        CHECK(second - Time{} == alone + ep.wire(24)); // behind the first request on the wire, nowhere else
        CHECK(first > second);
    }
}

TEST_CASE("a zero-length read returns when the writes before it have landed, also when it is refused itself", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    f.memory.keep_commits = true;
    f.iommu.slow_pages[f.at(0x1000).page_number()] = 400_ns;
    const bool refused = GENERATE(false, true);
    f.iommu.ending = [refused](const iommu::TranslationRequest& r) {
        return refused && r.access == iommu::Access::Read ? iommu::Ending::Abort : iommu::Ending::Grant;
    };
    const u64 value = 3;
    Time left, end;
    Completion c;
    sim::start(timed(ep.dma_write(request(f.at(0x1000), 8), bytes_of(value)), left));
    sim::start(timed(ep.dma_read(request(f.at(0x1000), 0), nullptr), end, c));
    f.run(3_us);
    CHECK(c.ok() == !refused);
    REQUIRE(f.memory.commits.size() == 1); // the zero-length read touches nothing
    CHECK(end - f.memory.commits[0].at == f.config.egress.get() + ep.wire(20) + ep.link_config.propagation.get());
}

TEST_CASE("a request that crosses a page boundary is malformed and reaches neither IOMMU nor memory", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    f.iommu.keep_questions = true;
    struct Ignore final : Requester {
        void left(const Tlp&) override {}
        void completed(const Tlp&, Completion) override {}
    } nobody;
    static std::array<std::byte, 64> data{};
    ep.write_packet(request(f.at(0x1fe0), 64), ep.next_transaction(), Payload::borrow(data.data()), &nobody);
    f.run(2_us);
    CHECK(f.iommu.questions.empty());
    CHECK(ep.port().counts().malformed == 1);
    CHECK(ep.port().posted_inside() == 0);
}

TEST_CASE("a write that is larger than the link allows, or that asks for a translation, reaches neither IOMMU nor memory",
          "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    f.iommu.keep_questions = f.memory.keep_commits = true;
    static const std::array<std::byte, 512> data{};
    DmaRequest r = request(f.at(0x2000), ep.link_config.mps + 1);
    ep.write_packet(r, ep.next_transaction(), Payload::borrow(data.data()), nullptr);
    f.run(2_us);
    CHECK(ep.port().counts().malformed == 1);
    r.bytes = ep.link_config.mps;
    r.type = iommu::AddressType::TranslationRequest;
    ep.write_packet(r, ep.next_transaction(), Payload::borrow(data.data()), nullptr);
    f.run(2_us);
    CHECK(f.iommu.questions.empty());
    CHECK(f.memory.commits.empty());
    CHECK(ep.port().counts().dropped_writes == 2);
    CHECK(ep.port().posted_inside() == 0);
    r.type = iommu::AddressType::Untranslated;
    ep.write_packet(r, ep.next_transaction(), Payload::borrow(data.data()), nullptr);
    f.run(2_us);
    CHECK(f.memory.commits.size() == 1);
}

TEST_CASE("a write of no bytes takes its way, and its payload holds nothing", "[pcie]") {
    CHECK(Payload::copy({}).data() == nullptr);
    Fabric f;
    TestEndpoint ep{f};
    f.memory.keep_commits = true;
    ep.write_packet(request(f.at(0x2000), 0), ep.next_transaction(), Payload::copy({}), nullptr);
    f.run(2_us);
    REQUIRE(f.memory.commits.size() == 1);
    CHECK(f.memory.commits[0].request.bytes == 0);
}

TEST_CASE("a root port holds no more posted writes than it has room for, and a read behind them waits too", "[pcie]") {
    Fabric f;
    LinkConfig small;
    small.root_port.posted_headers = 4;
    TestEndpoint ep{f, small};
    f.iommu.slow_pages[f.at(0x1000).page_number()] = 1_us;
    std::vector<std::byte> from(8 * 256);
    Time left, end;
    Completion c;
    u64 value = 0;
    sim::start(timed(ep.dma_write(request(f.at(0x1000), 8 * 256), from), left));
    sim::start(timed(ep.dma_read(request(f.at(0x3000), 8), reinterpret_cast<std::byte*>(&value)), end, c));
    f.run(1_us);
    CHECK(ep.port().posted_inside() == 4);
    CHECK(left == Time{});
    f.run(4_us);
    CHECK(left > Time::at(1_us));
    CHECK(end > left);
    CHECK(ep.port().posted_inside() == 0);
}

TEST_CASE("register writes arrive in order, a flight after the root complex and the wire", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    Time first, second;
    sim::start(timed(ep.bar().mmio_write(0x10, 4, 0xaa), first));
    sim::start(timed(ep.bar().mmio_write(0x18, 8, 0xbb), second));
    f.run(1_us);
    REQUIRE(ep.accesses.size() == 2);
    CHECK((ep.accesses[0].offset == 0x10 && ep.accesses[0].value == 0xaa && ep.accesses[0].write));
    CHECK((ep.accesses[1].offset == 0x18 && ep.accesses[1].size == 8));
    CHECK(first - Time{} == f.config.mmio.get() + ep.wire(20 + 4)); // posted: handed over, not arrived
    CHECK(ep.accesses[0].at - first == ep.link_config.propagation.get());
    CHECK(ep.accesses[1].at - ep.accesses[0].at == ep.wire(20 + 8));
}

TEST_CASE("a register read takes a round trip and brings the endpoint's earlier writes home", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    ep.answer = 0x55;
    Time end;
    u64 value = 0;
    const sim::Duration trip = f.config.mmio.get() + ep.wire(20) + ep.link_config.propagation.get() * 2 +
                               ep.endpoint_config.register_access.get() + ep.wire(28) + f.config.ingress.get();
    SECTION("alone") {
        sim::start(timed(ep.bar().mmio_read(0x20, 8), end, value));
        f.run(2_us);
        CHECK(value == 0x55);
        CHECK(end - Time{} == trip);
    }
    SECTION("behind a slow write") {
        f.memory.keep_commits = true;
        f.iommu.slow_pages[f.at(0x1000).page_number()] = 2_us;
        const u64 data = 1;
        Time left;
        sim::start(timed(ep.dma_write(request(f.at(0x1000), 8), bytes_of(data)), left));
        sim::start(timed(ep.bar().mmio_read(0x20, 8), end, value));
        f.run(5_us);
        CHECK(value == 0x55);
        CHECK(end - Time{} > trip);
        REQUIRE(f.memory.commits.size() == 1);
        CHECK(end == f.memory.commits[0].at);
    }
}

TEST_CASE("a message interrupt is not translated and stays behind the writes before it", "[pcie]") {
    Fabric f;
    f.root_complex.set_message_window(Spa{0xfee0'0000}, 0x1000);
    TestEndpoint ep{f};
    f.memory.keep_commits = true;
    f.iommu.keep_questions = true;
    f.iommu.slow_pages[f.at(0x1000).page_number()] = 400_ns;
    const u64 data = 1;
    Time left;
    sim::start(timed(ep.dma_write(request(f.at(0x1000), 8), bytes_of(data)), left));
    ep.send_message(0xfee0'0040, 0x1234);
    u32 delivered = 0;
    f.memory.on_commit = [&](const memory::Request& r) {
        if (r.origin.purpose == memory::Purpose::Msi) std::memcpy(&delivered, r.data, sizeof delivered);
    };
    f.run(3_us);
    CHECK(f.iommu.questions.size() == 1);
    REQUIRE(f.memory.commits.size() == 2);
    CHECK(f.memory.commits[0].request.origin.purpose == memory::Purpose::Dma);
    CHECK(f.memory.commits[1].request.origin.purpose == memory::Purpose::Msi);
    CHECK(f.memory.commits[1].request.at == Spa{0xfee0'0040});
    CHECK(delivered == 0x1234);
}

TEST_CASE("every packet is stated when its last bit has left, with its size and the time it began", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    std::vector<std::pair<Time, TlpSent>> sent;
    auto token = f.events.subscribe<TlpSent>([&](Time now, const TlpSent& e) { sent.push_back({now, e}); });
    std::array<std::byte, 64> into{};
    Time end;
    Completion c;
    sim::start(timed(ep.dma_read(with_pasid(request(f.at(0), 64), 4, 8), into.data()), end, c));
    f.run(2_us);
    REQUIRE(sent.size() == 2);
    const auto& [t0, ask] = sent[0];
    const auto& [t1, answer] = sent[1];
    CHECK((ask.upstream && ask.kind == TlpKind::MemoryRead && ask.wire_bytes == 28 && ask.payload_bytes == 0 && ask.has_pasid));
    CHECK(ask.began - Time{} == ep.endpoint_config.issue.get());
    CHECK(t0 - ask.began == ep.wire(28));
    CHECK((!answer.upstream && answer.kind == TlpKind::Completion && answer.wire_bytes == 84 && !answer.has_pasid));
    CHECK(answer.transaction == ask.transaction);
    CHECK(answer.tag == ask.tag);
    CHECK(answer.bond == BondId{8});
    CHECK(end - t1 == ep.link_config.propagation.get());
}
