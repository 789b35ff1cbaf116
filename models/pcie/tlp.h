// SPDX-License-Identifier: Apache-2.0
/// A transaction-layer packet as a value, its payload, and what it costs on the wire.
#pragma once
#include "base/address.h"
#include "iommu/translation.h"
#include "pcie/events.h"
#include "sim/frame_pool.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

namespace quiesce::pcie {

/// The completion status field (facts/iommu-specs.md 4.2; RequestRetry is how a deferrable write is deferred, 6.32);
/// from TimedOut on, what only the requester knows: no completion came (2.8), or one whose data is poisoned (2.7.2).
enum class CompletionStatus : u8 {
    Success = 0,
    UnsupportedRequest = 1,
    RequestRetry = 2,
    CompleterAbort = 4,
    TimedOut = 0x80,
    Poisoned = 0x81
};

/// Attr[2:0]. `relaxed` and `id_based` loosen the order of facts/iommu-specs.md 4.5.
struct Attributes {
    bool id_based = false;
    bool relaxed = false;
    bool no_snoop = false;
};

/// A header, made whole by its sender and never changed afterwards. The transaction id of the bus is requester and tag;
/// `transaction` is the simulation's own number, unique in a run, and `bond` the truth that no hardware acts on.
struct Tlp {
    TlpKind kind = TlpKind::MemoryRead;
    iommu::AddressType at = iommu::AddressType::Untranslated;
    CompletionStatus status = CompletionStatus::Success; ///< completions only
    Attributes attributes{};
    bool has_pasid = false;                              ///< carries a PASID prefix (4.1)
    bool privileged = false;                             ///< PMR of the prefix
    bool execute = false;                                ///< Exe of the prefix
    bool no_write = false;                               ///< NW: a translation request that does not ask for W
    RequesterId requester{};
    DeviceId device{};
    u16 tag = 0;
    Pasid pasid{};
    u32 length = 0;                                      ///< bytes asked for or carried; 0: a zero-length read
    BondId bond{};
    u64 address = 0;
    u64 transaction = 0;
    Iova aimed_at{}; ///< `address` before the device translated it; as `bond`
    // What its time does not depend on: for its bytes on the wire (tlp_bytes.h).
    MessageCode message = MessageCode::None;
    TlpKind answers = TlpKind::MemoryRead; ///< a completion: what it is the answer to
    RequesterId completer{};               ///< who answers, or whom a packet is for that is routed by id; 0: the root complex
    u32 remaining = 0;                     ///< a completion's Byte Count: what is to come, with its own bytes
    u64 bar = 0;                           ///< a CPU's access: where the BAR begins in which `address` is an offset
    /// `length` bytes as they stand in memory, or 64-bit words of ATS; null: nobody has them. Of a read's completion
    /// they are there when it sets out.
    const std::byte* data = nullptr;

    bool is_write() const { return kind == TlpKind::MemoryWrite; }
    bool is_atomic() const { return kind >= TlpKind::FetchAdd; }
    bool is_config() const { return kind == TlpKind::ConfigRead || kind == TlpKind::ConfigWrite; }
    bool is_posted() const { return kind == TlpKind::MemoryWrite || kind == TlpKind::Message; }
    /// Of an AtomicOp `length` is the operand's and the completion's; a compare-and-swap carries two operands (2.2.7).
    u32 payload_bytes() const {
        if (kind == TlpKind::MemoryRead || kind == TlpKind::ConfigRead) return 0;
        return kind == TlpKind::CompareSwap ? 2 * length : length;
    }
    /// The first byte after it lies in another 4 KiB page than the first one, or beyond: not allowed on the bus.
    bool crosses_page() const { return length > page_size - (address & (page_size - 1)); }
};

/// Bytes of one packet on the wire: 8 bytes of framing, sequence number and LCRC; a header of three double words, four
/// for addresses of 4 GiB and above and for messages; prefix; ECRC; payload (facts/published-figures.md 1.1).
constexpr u32 framing_bytes = 8, short_header_bytes = 12, long_header_bytes = 16, prefix_bytes = 4, ecrc_bytes = 4;
constexpr u32 lcrc_bytes = 4; ///< of the framing, what comes last
constexpr u32 wire_bytes(const Tlp& t, u32 payload, bool ecrc) {
    const bool long_header = t.kind == TlpKind::Message || (t.kind != TlpKind::Completion && t.address >> 32 != 0);
    return framing_bytes + (long_header ? long_header_bytes : short_header_bytes) + (t.has_pasid ? prefix_bytes : 0) +
           (ecrc ? ecrc_bytes : 0) + payload;
}

/// The completion of `request` that carries `bytes` from `at` on; completions have no PASID prefix.
inline Tlp completion_of(const Tlp& request, CompletionStatus status, u64 at, u32 bytes) {
    Tlp c = request;
    c.kind = TlpKind::Completion;
    c.status = status;
    c.has_pasid = false;
    c.address = at;
    c.length = bytes;
    c.answers = request.kind;
    c.remaining = request.kind != TlpKind::MemoryRead ? (request.is_atomic() ? request.length : 4)
                  : request.length == 0               ? 1 // 2.2.9: of a zero-length read
                                                      : static_cast<u32>(request.address + request.length - at);
    c.data = nullptr;
    return c;
}

/// How a read ended, as its requester sees it. `zeroed` is the simulation's remark that the IOMMU answered with zeros.
struct Completion {
    CompletionStatus status = CompletionStatus::Success;
    bool zeroed = false;
    bool ok() const { return status == CompletionStatus::Success; }
};

/// The operands of an AtomicOp, as long as the longest: two of 16 bytes.
struct Operands {
    std::array<std::byte, 32> bytes{};
    template <class Word>
    static Operands of(Word first, Word second = {}) {
        Operands o;
        std::memcpy(o.bytes.data(), &first, sizeof first);
        std::memcpy(o.bytes.data() + sizeof first, &second, sizeof second);
        return o;
    }
};

/// The bytes of a posted write: copied into pooled memory, or borrowed from somebody who keeps them until the write has
/// committed.
class Payload {
public:
    Payload() = default;
    static Payload borrow(const std::byte* bytes) {
        Payload p;
        p.data_ = const_cast<std::byte*>(bytes); // a memory port only reads the bytes of a write
        return p;
    }
    static Payload copy(std::span<const std::byte> bytes) {
        Payload p;
        if (bytes.empty()) return p;
        p.owned_ = static_cast<u32>(bytes.size());
        p.data_ = static_cast<std::byte*>(sim::FramePool::take(bytes.size()));
        std::memcpy(p.data_, bytes.data(), bytes.size());
        return p;
    }
    Payload(Payload&& o) noexcept : data_(std::exchange(o.data_, nullptr)), owned_(std::exchange(o.owned_, 0)) {}
    Payload& operator=(Payload&& o) noexcept {
        std::swap(data_, o.data_);
        std::swap(owned_, o.owned_);
        return *this;
    }
    ~Payload() {
        if (owned_ != 0) sim::FramePool::give(data_, owned_);
    }
    std::byte* data() const { return data_; }

private:
    std::byte* data_ = nullptr;
    u32 owned_ = 0;
};

} // namespace quiesce::pcie
