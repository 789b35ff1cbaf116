// SPDX-License-Identifier: Apache-2.0
/// Facts that links and root ports state.
#pragma once
#include "iommu/ats_port.h"
#include "base/address.h"
#include "base/describe.h"
#include "base/names.h"
#include "sim/time.h"

#include <string_view>

namespace quiesce::pcie {

enum class TlpKind : u8 {
    MemoryRead,
    MemoryWrite,
    Completion,
    Message,
    ConfigRead,
    ConfigWrite,
    DeferrableWrite,
    FetchAdd,
    Swap,
    CompareSwap
};

struct Tlp;

/// Message codes (PCIe Base 2.2.8, 10.3, 10.4; facts/iommu-specs.md 4.2, 4.3).
enum class MessageCode : u8 {
    None = 0,
    InvalidateRequest = 0x01,
    InvalidateCompletion = 0x02,
    PageRequest = 0x04,
    PageGroupResponse = 0x05
};

/// The last bit of a TLP left its sender. `began` is when its first bit did. Of messages `address` is the last half of
/// the header, where that says something.
struct TlpSent {
    static constexpr std::string_view event_name = "TlpSent";
    base::Name link;
    bool upstream;           ///< towards the root complex
    TlpKind kind;
    u64 transaction;
    u16 tag;
    bool has_pasid;
    Pasid pasid;
    BondId bond;
    u64 address;
    u32 payload_bytes;
    u32 wire_bytes;
    sim::Time began;
    RequesterId requester{}, completer{};
    u8 address_type = 0; ///< AT
    MessageCode message = MessageCode::None;
    u8 status = 0; ///< of a completion
    // Not described: for who writes packets down while this is delivered, and no later.
    const Tlp* packet = nullptr;
    base::Name upper{};          ///< what is at the link's upper end
    bool type_1 = false;         ///< a configuration request that the lower end passes on
};
DESCRIBE(TlpSent, link, upstream, kind, transaction, tag, has_pasid, pasid, bond, address, payload_bytes, wire_bytes,
         began, requester, completer, address_type, message, status)

/// A packet that had waited for the receiver's room leaves. `since` is when it began to wait.
struct CreditStalled {
    static constexpr std::string_view event_name = "CreditStalled";
    base::Name link;
    bool upstream;
    TlpKind kind;
    u64 transaction;
    BondId bond;
    sim::Time since;
};
DESCRIBE(CreditStalled, link, upstream, kind, transaction, bond, since)

/// Replayed: its LCRC failed, it came a little later. Delayed. Dropped, Malformed, Poisoned: it does not take effect.
enum class LinkFaultKind : u8 { Replayed, Delayed, Dropped, Malformed, Poisoned, Reordered };

/// A fault of a link hit a packet.
struct LinkFault {
    static constexpr std::string_view event_name = "LinkFault";
    base::Name link;
    bool upstream;
    LinkFaultKind fault;
    TlpKind kind;
    u64 transaction;
    BondId bond;
};
DESCRIBE(LinkFault, link, upstream, fault, kind, transaction, bond)

inline constexpr DeviceId no_device{0xffff};

/// A link went down (all that was on it is lost), or came up. A switch's own is of no device.
struct LinkChanged {
    static constexpr std::string_view event_name = "LinkChanged";
    base::Name link;
    DeviceId device;
    bool up;
};
DESCRIBE(LinkChanged, link, device, up)

/// A requester gave up waiting for a completion.
struct CompletionTimedOut {
    static constexpr std::string_view event_name = "CompletionTimedOut";
    DeviceId device;
    u64 transaction;
    BondId bond;
};
DESCRIBE(CompletionTimedOut, device, transaction, bond)

/// The Invalidate Request of an ATC came to its end: acknowledged, refused or given up.
struct InvalidationAnswered {
    static constexpr std::string_view event_name = "InvalidationAnswered";
    DeviceId device;
    u8 itag;
    bool has_pasid;
    Pasid pasid;
    bool everything;
    Iova first;
    u64 bytes;
    sim::Time asked;
    iommu::AtcAnswer answer;
    base::Name link{};       ///< that the request went down
    base::Name unit{};       ///< whose command asked for it, and its sequence
    u64 sequence = 0;
};
DESCRIBE(InvalidationAnswered, device, itag, has_pasid, pasid, everything, first, bytes, asked, answer, link, unit, sequence)

/// A device asks for translations, with a transaction of its own. `asked_by`: the DMA that needs the first of them.
struct TranslationRequested {
    static constexpr std::string_view event_name = "TranslationRequested";
    u64 transaction;
    DeviceId device;
    BondId bond;
    bool has_pasid;
    Pasid pasid;
    Iova at;
    u64 asked_by;
};
DESCRIBE(TranslationRequested, transaction, device, bond, has_pasid, pasid, at, asked_by)

/// AcsViolation: a switch's port found it forbidden. Unrouted: nobody claims its address.
enum class AbortReason : u8 { Translation, Memory, Malformed, Poisoned, Refused, AcsViolation, Unrouted };

/// A switch sent a memory request to another function below it: no root complex and no IOMMU sees it. `to`: whose BAR
/// has the address. `at` is what the device aimed at, `address` what stands in the packet.
struct PeerToPeer {
    static constexpr std::string_view event_name = "PeerToPeer";
    u64 transaction;
    DeviceId device, to;
    BondId bond;
    bool has_pasid;
    Pasid pasid;
    Iova at;
    u64 address;
    u32 bytes;
    bool write;
    bool translated; ///< AT = 10
};
DESCRIBE(PeerToPeer, transaction, device, to, bond, has_pasid, pasid, at, address, bytes, write, translated)

/// An AtomicOp was carried out at memory; its DmaCommitted has the place and the verdict.
struct AtomicDone {
    static constexpr std::string_view event_name = "AtomicDone";
    u64 transaction;
    DeviceId device;
    BondId bond;
    TlpKind kind;
    Iova at;
    u32 bytes; ///< of the operand
};
DESCRIBE(AtomicDone, transaction, device, bond, kind, at, bytes)

/// A root port, or a switch, did not let a request of an endpoint reach memory: a read is answered with an error, a
/// write is dropped.
struct RequestAborted {
    static constexpr std::string_view event_name = "RequestAborted";
    u64 transaction;
    DeviceId device;
    BondId bond;
    bool has_pasid;
    Pasid pasid;
    Iova at;
    u32 bytes;
    bool write;
    AbortReason why;
};
DESCRIBE(RequestAborted, transaction, device, bond, has_pasid, pasid, at, bytes, write, why)

} // namespace quiesce::pcie
