// SPDX-License-Identifier: Apache-2.0
/// What may pass what: the transaction ordering table (PCIe Base 2.4.1, table 2-40; facts/iommu-specs.md 4.5) as data.
/// It holds among the packets of one direction of one link; there is one traffic class.
#pragma once
#include "pcie/tlp.h"

#include <algorithm>
#include <array>

namespace quiesce::pcie {

enum class PacketClass : u8 { Posted, ReadRequest, NonPostedWithData, Completion };
/// Of a later packet towards an earlier one. Must: or a cycle of waits could not be broken.
enum class Passing : u8 { MustNot, May, Must };

struct OrderingRule {
    PacketClass later, earlier;
    Passing plain;
    Passing relaxed;          ///< the later one has Relaxed Ordering set
    Passing id_based;         ///< it has ID-Based Ordering set, and the two are of different requesters or PASIDs
    Passing same_transaction; ///< both carry the same transaction id
};

// clang-format off
namespace ordering_words {
inline constexpr auto Posted = PacketClass::Posted, Read = PacketClass::ReadRequest,
                      WithData = PacketClass::NonPostedWithData, Completion = PacketClass::Completion;
inline constexpr auto no = Passing::MustNot, may = Passing::May, must = Passing::Must;
inline constexpr std::array<OrderingRule, 16> table{{
    // later     earlier      plain relaxed id-based same transaction
    {Posted,     Posted,      no,   may,    may,     no},  // A2
    {Posted,     Read,        must, must,   must,    must}, // A3
    {Posted,     WithData,    must, must,   must,    must}, // A4
    {Posted,     Completion,  may,  may,    may,     may}, // A5a
    {Read,       Posted,      no,   no,     may,     no},  // B2
    {Read,       Read,        may,  may,    may,     may}, // B3
    {Read,       WithData,    may,  may,    may,     may}, // B4
    {Read,       Completion,  may,  may,    may,     may}, // B5
    {WithData,   Posted,      no,   may,    may,     no},  // C2
    {WithData,   Read,        may,  may,    may,     may}, // C3
    {WithData,   WithData,    may,  may,    may,     may}, // C4
    {WithData,   Completion,  may,  may,    may,     may}, // C5
    {Completion, Posted,      no,   may,    may,     no},  // D2
    {Completion, Read,        must, must,   must,    must}, // D3
    {Completion, WithData,    must, must,   must,    must}, // D4
    {Completion, Completion,  may,  may,    may,     no},  // D5
}};
} // namespace ordering_words
inline constexpr auto& ordering_rules = ordering_words::table;
// clang-format on

constexpr const OrderingRule& ordering_rule(PacketClass later, PacketClass earlier) {
    return ordering_rules[static_cast<unsigned>(later) * 4 + static_cast<unsigned>(earlier)];
}
static_assert(std::all_of(ordering_rules.begin(), ordering_rules.end(),
                          [](const OrderingRule& r) { return &ordering_rule(r.later, r.earlier) == &r; }));

/// What the table asks about a packet.
struct OrderedPacket {
    PacketClass what = PacketClass::Posted;
    Attributes attributes{};
    RequesterId requester{};
    bool has_pasid = false;
    Pasid pasid{};
    u16 tag = 0;
};

constexpr PacketClass class_of(TlpKind kind) {
    switch (kind) {
    case TlpKind::MemoryWrite:
    case TlpKind::Message: return PacketClass::Posted;
    case TlpKind::MemoryRead:
    case TlpKind::ConfigRead: return PacketClass::ReadRequest;
    case TlpKind::ConfigWrite:
    case TlpKind::DeferrableWrite:
    case TlpKind::FetchAdd:
    case TlpKind::Swap:
    case TlpKind::CompareSwap: return PacketClass::NonPostedWithData;
    case TlpKind::Completion: break;
    }
    return PacketClass::Completion;
}
constexpr OrderedPacket ordered(const Tlp& t) {
    return {class_of(t.kind), t.attributes, t.requester, t.has_pasid, t.pasid, t.tag};
}

/// Different requesters, or both with a PASID and different ones. MODEL: the completer of a completion is taken for the
/// requester of the posted requests on its link, so that ID-based ordering never lets it pass them.
constexpr bool of_different_ids(const OrderedPacket& later, const OrderedPacket& earlier) {
    if (later.what == PacketClass::Completion) return false;
    return later.requester != earlier.requester ||
           (later.has_pasid && earlier.has_pasid && later.pasid != earlier.pasid);
}

/// May `later` pass `earlier`?
constexpr Passing passing(const OrderedPacket& later, const OrderedPacket& earlier) {
    const OrderingRule& rule = ordering_rule(later.what, earlier.what);
    const bool completions = later.what == PacketClass::Completion && earlier.what == PacketClass::Completion;
    if (completions && later.requester == earlier.requester && later.tag == earlier.tag) return rule.same_transaction;
    Passing p = rule.plain;
    if (later.attributes.relaxed) p = std::max(p, rule.relaxed);
    if (later.attributes.id_based && of_different_ids(later, earlier)) p = std::max(p, rule.id_based);
    return p;
}

} // namespace quiesce::pcie
