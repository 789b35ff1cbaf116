// SPDX-License-Identifier: Apache-2.0
/// Packets as bytes: what holds of every one of them. The bytes themselves are held against golden/tlp_golden.h.
#include "pcie/support/fabric.h"
#include "pcie/tlp_bytes.h"

#include <catch2/catch.hpp>
#include <rapidcheck.h>

using namespace quiesce;
using namespace quiesce::pcie;
using namespace quiesce::stubs;

namespace {

/// A field of the header behind the prefix: bits as printed, 31 first, of a double word.
u32 field(const Tlp& t, const TlpHeader& h, unsigned word, unsigned msb, unsigned lsb) {
    const std::size_t at = (t.has_pasid ? 4 : 0) + 4 * word;
    u32 value = 0;
    for (std::size_t n = 0; n < 4; ++n) value = value << 8 | h.bytes.at(at + n);
    return value >> lsb & ((u64{1} << (msb - lsb + 1)) - 1);
}

Tlp any_memory_request() {
    Tlp t;
    t.kind = *rc::gen::element(TlpKind::MemoryRead, TlpKind::MemoryWrite);
    t.has_pasid = *rc::gen::arbitrary<bool>();
    t.pasid = Pasid{*rc::gen::inRange(0u, 1u << 20)};
    t.tag = *rc::gen::inRange<u16>(0, 1024);
    t.requester = static_cast<RequesterId>(*rc::gen::arbitrary<u16>());
    t.address = *rc::gen::element(u64{0x8000'0000}, u64{0x1'0000'0000}) + *rc::gen::inRange<u64>(0, 4096);
    t.length = *rc::gen::inRange<u32>(1, 4097 - static_cast<u32>(t.address % 4096));
    return t;
}

} // namespace

TEST_CASE("a request's Length and byte enables mean its bytes and no others", "[pcie]") {
    CHECK(rc::check([] {
        const Tlp t = any_memory_request();
        const TlpHeader h = header_of(t);
        const u32 words = field(t, h, 0, 9, 0) == 0 ? 1024 : field(t, h, 0, 9, 0);
        const u32 first = field(t, h, 1, 3, 0), last = field(t, h, 1, 7, 4);
        const u64 start = t.address & ~u64{3};
        std::vector<u64> meant;
        for (u32 w = 0; w < words; ++w) {
            const u32 enabled = w == 0 ? first : w == words - 1 ? last : 0xf;
            for (u32 b = 0; b < 4; ++b)
                if ((enabled >> b & 1) != 0) meant.push_back(start + 4 * w + b);
        }
        RC_ASSERT(meant.size() == t.length);
        RC_ASSERT(meant.front() == t.address);
        RC_ASSERT(meant.back() == t.address + t.length - 1);
        RC_ASSERT(words != 1 || last == 0);
        RC_ASSERT(h.data_bytes == (t.is_write() ? 4 * words : 0));
    }));
}

TEST_CASE("a header is as long on the wire as its time says", "[pcie]") {
    CHECK(rc::check([] {
        const Tlp t = any_memory_request();
        RC_ASSERT(header_of(t).size + framing_bytes == wire_bytes(t, 0, false));
    }));
}

TEST_CASE("what a packet carries stands behind its header, from the byte that its address names", "[pcie]") {
    const std::array<std::byte, 3> data{std::byte{0xaa}, std::byte{0xbb}, std::byte{0xcc}};
    Tlp t;
    t.kind = TlpKind::MemoryWrite;
    t.address = 0x8000'0ffd;
    t.length = 3;
    const TlpHeader h = header_of(t);
    std::vector<u8> bytes;
    append_data(t, h, bytes);
    CHECK(bytes.empty()); // nobody has them, and nobody makes them up
    t.data = data.data();
    append_data(t, h, bytes);
    CHECK(bytes == std::vector<u8>{0x00, 0xaa, 0xbb, 0xcc});
}

TEST_CASE("the completions of a read count down what is to come, and carry what memory had", "[pcie]") {
    Fabric f;
    TestEndpoint ep{f};
    for (u64 n = 0; n < 64; ++n) f.memory.poke64(Spa{8 * n}, 0x0101'0101'0101'0101 * n);
    std::vector<u8> carried;
    u32 left = 300, at = 0x10, completions = 0;
    auto token = f.events.subscribe<TlpSent>([&](sim::Time, const TlpSent& e) {
        if (e.kind != TlpKind::Completion) return;
        const TlpHeader h = header_of(*e.packet);
        CHECK(field(*e.packet, h, 1, 11, 0) == left);
        CHECK(field(*e.packet, h, 2, 6, 0) == at % 128);
        append_data(*e.packet, h, carried);
        CHECK(carried.size() == 300 - left + e.payload_bytes);
        left -= e.payload_bytes;
        at += e.payload_bytes;
        ++completions;
    });
    std::array<std::byte, 300> into{};
    DmaRequest r;
    r.at = f.at(0x10);
    r.bytes = 300;
    const auto reads = [](Endpoint& e, DmaRequest what, std::byte* to) -> sim::Task<void> { co_await e.dma_read(what, to); };
    sim::start(reads(ep, r, into.data()));
    f.run(2_us);
    CHECK(completions > 1);
    CHECK(left == 0);
    for (u32 n = 0; n < carried.size(); ++n) CHECK(carried[n] == (0x10 + n) / 8);
}
