// SPDX-License-Identifier: Apache-2.0
/// What may pass what: the transaction ordering table (PCIe Base 2.4.1, table 2-40; facts/iommu-specs.md 4.5) as data. It holds
/// among the packets of one direction of one link; there is one traffic class.
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
inline constexpr std::array<OrderingRule, 16> ordering_rules{{
    // later                          earlier                          plain             relaxed           id-based          same transaction
    {PacketClass::Posted,             PacketClass::Posted,             Passing::MustNot, Passing::May,     Passing::May,     Passing::MustNot}, // A2
    {PacketClass::Posted,             PacketClass::ReadRequest,        Passing::Must,    Passing::Must,    Passing::Must,    Passing::Must},    // A3
    {PacketClass::Posted,             PacketClass::NonPostedWithData,  Passing::Must,    Passing::Must,    Passing::Must,    Passing::Must},    // A4
    {PacketClass::Posted,             PacketClass::Completion,         Passing::May,     Passing::May,     Passing::May,     Passing::May},     // A5a
    {PacketClass::ReadRequest,        PacketClass::Posted,             Passing::MustNot, Passing::MustNot, Passing::May,     Passing::MustNot}, // B2
    {PacketClass::ReadRequest,        PacketClass::ReadRequest,        Passing::May,     Passing::May,     Passing::May,     Passing::May},     // B3
    {PacketClass::ReadRequest,        PacketClass::NonPostedWithData,  Passing::May,     Passing::May,     Passing::May,     Passing::May},     // B4
    {PacketClass::ReadRequest,        PacketClass::Completion,         Passing::May,     Passing::May,     Passing::May,     Passing::May},     // B5
    {PacketClass::NonPostedWithData,  PacketClass::Posted,             Passing::MustNot, Passing::May,     Passing::May,     Passing::MustNot}, // C2
    {PacketClass::NonPostedWithData,  PacketClass::ReadRequest,        Passing::May,     Passing::May,     Passing::May,     Passing::May},     // C3
    {PacketClass::NonPostedWithData,  PacketClass::NonPostedWithData,  Passing::May,     Passing::May,     Passing::May,     Passing::May},     // C4
    {PacketClass::NonPostedWithData,  PacketClass::Completion,         Passing::May,     Passing::May,     Passing::May,     Passing::May},     // C5
    {PacketClass::Completion,         PacketClass::Posted,             Passing::MustNot, Passing::May,     Passing::May,     Passing::MustNot}, // D2
    {PacketClass::Completion,         PacketClass::ReadRequest,        Passing::Must,    Passing::Must,    Passing::Must,    Passing::Must},    // D3
    {PacketClass::Completion,         PacketClass::NonPostedWithData,  Passing::Must,    Passing::Must,    Passing::Must,    Passing::Must},    // D4
    {PacketClass::Completion,         PacketClass::Completion,         Passing::May,     Passing::May,     Passing::May,     Passing::MustNot}, // D5
}};
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
    case TlpKind::ConfigWrite: return PacketClass::NonPostedWithData;
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
    return later.requester != earlier.requester || (later.has_pasid && earlier.has_pasid && later.pasid != earlier.pasid);
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
