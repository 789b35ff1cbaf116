// SPDX-License-Identifier: Apache-2.0
/// The bytes of packets held against bytes that were typed from the specification by somebody else (golden/tlp_golden.h; what was asked
/// for is golden/tlp_golden.request).
#if __has_include("golden/tlp_golden.h")
#include "golden/tlp_golden.h"
#include "pcie/ats.h"
#include "pcie/page_request.h"
#include "pcie/tlp_bytes.h"

#include <catch2/catch.hpp>

#include <map>
#include <numeric>
#include <string>

using namespace quiesce;
using namespace quiesce::pcie;

namespace {

constexpr RequesterId rc{0}, ep{0x0100}, other{0x0311};
using Bytes = std::vector<u8>;

struct Packet {
    Tlp t;
    Bytes data{};
    bool type_1 = false;
};

Bytes counting(u8 from, std::size_t n) {
    Bytes b(n);
    std::iota(b.begin(), b.end(), from);
    return b;
}
template <class Word>
Bytes kept(const Word& w) {
    Bytes b;
    for (const std::byte x : w.to_bytes()) b.push_back(static_cast<u8>(x));
    return b;
}

Tlp request(TlpKind kind, RequesterId requester, u16 tag, u64 address, u32 length) {
    Tlp t;
    t.kind = kind;
    t.requester = requester;
    t.tag = tag;
    t.address = address;
    t.length = length;
    return t;
}
Tlp read(u64 address, u32 length, u16 tag = 0x25) { return request(TlpKind::MemoryRead, ep, tag, address, length); }
Tlp write(RequesterId who, u64 address, u32 length) { return request(TlpKind::MemoryWrite, who, 0, address, length); }
Tlp with_pasid(Tlp t, u32 pasid) {
    t.has_pasid = true;
    t.pasid = Pasid{pasid};
    return t;
}
template <class Change>
Tlp but(Tlp t, Change change) {
    change(t);
    return t;
}
Tlp asking(unsigned translations) {
    return but(read(0x7f12'3456'7000, translations * 8, 0x11), [](Tlp& t) { t.at = iommu::AddressType::TranslationRequest; });
}
Tlp config(TlpKind kind, u16 target, u16 tag, u32 at, u32 bytes) {
    return but(request(kind, rc, tag, at, bytes), [&](Tlp& t) { t.completer = static_cast<RequesterId>(target); });
}
Tlp answered(Tlp completion, RequesterId completer) {
    completion.completer = completer;
    return completion;
}
Tlp message(MessageCode code, RequesterId from, RequesterId to, u64 last_half) {
    return but(request(TlpKind::Message, from, 0, last_half, 0), [&](Tlp& t) {
        t.message = code;
        t.completer = to;
    });
}
Packet invalidate(u16 itag, u64 first, u64 bytes) {
    Tlp t = message(MessageCode::InvalidateRequest, rc, ep, first);
    t.tag = itag;
    t.length = 8;
    return {t, kept(InvalidateBody{}.set_place(SizedAddress::of(first, bytes)))};
}
Packet invalidated(u32 vector, u64 count) {
    InvalidateCompletion c;
    c.set(InvalidateCompletion::ITagVector, vector).set(InvalidateCompletion::CC, count % 8);
    return {message(MessageCode::InvalidateCompletion, ep, rc, c.word(0))};
}
Tlp page_request(u64 page, u64 group, bool r, bool w, bool last) {
    PageRequestHeader h;
    h.set(PageRequestHeader::Address, page >> 12).set(PageRequestHeader::Group, group).set(PageRequestHeader::R, r);
    h.set(PageRequestHeader::W, w).set(PageRequestHeader::L, last);
    return message(MessageCode::PageRequest, ep, rc, h.word(0));
}
Tlp page_response(RequesterId to, u64 group, u64 code) {
    PageGroupResponseHeader h;
    h.set(PageGroupResponseHeader::Group, group).set(PageGroupResponseHeader::Code, code);
    h.set(PageGroupResponseHeader::DeviceID, static_cast<u64>(to));
    return message(MessageCode::PageGroupResponse, rc, to, h.word(0));
}

std::map<std::string, Packet> packets() {
    using S = CompletionStatus;
    const Tlp near = read(0x8000'1000, 64), far = read(0x12'3456'7880, 512), page = read(0x8000'0000, 4096, 0);
    const Tlp odd = read(0x8000'1003, 6, 7), crooked = read(0x8000'1020, 64), word = read(0x8000'1044, 4);
    const Tlp translated = but(write(ep, 0x2'0000'0040, 4), [](Tlp& t) { t.at = iommu::AddressType::Translated; });
    const Tlp fetch = request(TlpKind::FetchAdd, ep, 9, 0x8000'0008, 8), line = request(TlpKind::DeferrableWrite, rc, 0x0c, 0xe000'0000, 64);
    const Tlp config_read = config(TlpKind::ConfigRead, 0x0200, 3, 0x104, 4), config_write = config(TlpKind::ConfigWrite, 0x0200, 4, 4, 2);
    const TranslationEntry entry = TranslationEntry{}.set_place(SizedAddress::of(0x81'2345'6000, 4096)).set(TranslationEntry::R, true).set(TranslationEntry::W, true);
    const Tlp privileged = but(with_pasid(far, 0xabcde), [](Tlp& t) { t.privileged = true; });
    return {
        {"memory read, 3 DW", {near}},
        {"memory read, 4 DW", {far}},
        {"memory read, 4096 bytes", {page}},
        {"memory read, unaligned", {odd}},
        {"memory read, within one DW", {read(0x8000'1001, 2, 7)}},
        {"memory read, zero length", {read(0x8000'1000, 0, 7)}},
        {"memory read, PASID", {with_pasid(far, 0xabcde)}},
        {"memory read, PASID, PMR", {privileged}},
        {"memory read, PASID, Exe", {but(with_pasid(far, 0xabcde), [](Tlp& t) { t.execute = true; })}},
        {"memory read, 10-bit tag", {read(0x8000'1000, 64, 0x325)}},
        {"memory write, 3 DW", {write(ep, 0xfee0'0000, 4), {0x41, 0x42, 0x43, 0x44}}},
        {"memory write, 4 DW, RO and IDO",
         {but(write(other, 0x1'0000'0010, 16), [](Tlp& t) { t.attributes = {.id_based = true, .relaxed = true, .no_snoop = false}; }), counting(0, 16)}},
        {"memory write, No Snoop", {but(write(other, 0x8000'0010, 4), [](Tlp& t) { t.attributes.no_snoop = true; }), counting(0, 4)}},
        {"memory write, unaligned", {write(ep, 0x8000'0ffd, 3), {0xaa, 0xbb, 0xcc}}},
        {"memory write, translated", {translated, {0x11, 0x22, 0x33, 0x44}}},
        {"memory write, translated, PASID", {with_pasid(translated, 1), {0x11, 0x22, 0x33, 0x44}}},
        {"translation request", {asking(1)}},
        {"translation request, 8, NW", {but(with_pasid(asking(8), 0x42), [](Tlp& t) { t.no_write = true; })}},
        {"translation completion", {completion_of(asking(1), S::Success, 0x7f12'3456'7000, 8), kept(entry)}},
        {"translation completion, UR", {completion_of(asking(1), S::UnsupportedRequest, 0x7f12'3456'7000, 0)}},
        {"completion with data, whole", {completion_of(word, S::Success, 0x8000'1044, 4), {0xde, 0xad, 0xbe, 0xef}}},
        {"completion with data, first of 2", {completion_of(crooked, S::Success, 0x8000'1020, 32), counting(0, 32)}},
        {"completion with data, last of 2", {completion_of(crooked, S::Success, 0x8000'1040, 32), counting(0x20, 32)}},
        {"completion with data, unaligned", {completion_of(odd, S::Success, 0x8000'1003, 6), counting(0x31, 6)}},
        {"completion of 4096 bytes, first", {completion_of(page, S::Success, 0x8000'0000, 64)}},
        {"completion, UR", {completion_of(near, S::UnsupportedRequest, 0x8000'1000, 0)}},
        {"completion, CA", {completion_of(near, S::CompleterAbort, 0x8000'1000, 0)}},
        {"config read, type 0", {config_read}},
        {"config read, type 1", {config(TlpKind::ConfigRead, 0x0508, 3, 0x00e, 1), {}, true}},
        {"config write, type 0", {config_write, {0x06, 0x01}}},
        {"config completion, read", {answered(completion_of(config_read, S::Success, 0x104, 4), RequesterId{0x0200}), {0x1b, 0x00, 0x01, 0x00}}},
        {"config completion, write", {answered(completion_of(config_write, S::Success, 4, 0), RequesterId{0x0200})}},
        {"fetch and add, 8 bytes", {fetch, {1, 0, 0, 0, 0, 0, 0, 0}}},
        {"swap, 4 bytes", {request(TlpKind::Swap, ep, 9, 0x1'8000'0004, 4), {0x0a, 0x0b, 0x0c, 0x0d}}},
        {"compare and swap, 16 bytes", {with_pasid(request(TlpKind::CompareSwap, ep, 9, 0x8000'0010, 16), 5), counting(0, 32)}},
        {"atomic completion", {completion_of(fetch, S::Success, 0x8000'0008, 8), {0xff, 0, 0, 0, 0, 0, 0, 0}}},
        {"deferrable write", {line, counting(0, 64)}},
        {"deferrable write, retry", {answered(completion_of(line, S::RequestRetry, 0xe000'0000, 0), ep)}},
        {"invalidate request", invalidate(5, 0x7f12'3456'7000, 4096)},
        {"invalidate request, PASID, 2 MiB", [] { Packet p = invalidate(31, 0x7f12'3440'0000, 1 << 21); p.t = with_pasid(p.t, 0x42); return p; }()},
        {"invalidate request, everything", [] { Packet p = invalidate(0, 0, 0); p.t = with_pasid(p.t, 0x42); return p; }()},
        {"invalidate completion", invalidated(0x20, 1)},
        {"invalidate completion, 8", invalidated(0x8000'0001, 8)},
        {"page request, read", {with_pasid(page_request(0x7f12'3456'7000, 0x1a5, true, false, false), 0x42)}},
        {"page request, write, last", {page_request(0x7f12'3456'8000, 0x1a5, false, true, true)}},
        {"page request, PMR and Exe", {but(with_pasid(page_request(0x7f12'3456'7000, 3, true, false, true), 0x42), [](Tlp& t) { t.privileged = t.execute = true; })}},
        {"stop marker", {with_pasid(page_request(0, 0, false, false, true), 0x42)}},
        {"PRG response, success", {with_pasid(page_response(ep, 0x1a5, 0), 0x42)}},
        {"PRG response, invalid request", {page_response(ep, 3, 1)}},
        {"PRG response, failure", {page_response(other, 0x1ff, 15)}},
    };
}

} // namespace

TEST_CASE("packets have the specification's bytes", "[golden][pcie]") {
    const auto all = packets();
    for (const golden::TlpBytes& row : golden::tlps) {
        INFO(row.what);
        const auto found = all.find(row.what);
        REQUIRE(found != all.end());
        Tlp t = found->second.t;
        if (!found->second.data.empty()) t.data = reinterpret_cast<const std::byte*>(found->second.data.data());
        const TlpHeader h = header_of(t, found->second.type_1);
        Bytes bytes(h.bytes.begin(), h.bytes.begin() + h.size);
        append_data(t, h, bytes);
        CHECK(bytes == Bytes(row.bytes.begin(), row.bytes.end()));
    }
    CHECK(golden::tlps.size() >= 40); // rows that were left open say why
}
#endif
