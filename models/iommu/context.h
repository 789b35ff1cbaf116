// SPDX-License-Identifier: Apache-2.0
/// The neutral values of a translation: what a transaction's *who* leads to (Context), how a table entry reads
/// (Decoded), how a translation fails (Fault), and what an invalidation covers (Scope). No architecture's words here.
#pragma once
#include "base/address.h"
#include "iommu/translation.h"

#include <array>
#include <optional>

namespace quiesce::iommu {

/// Whose stage-2 address space (VMID, DID, DomainID) and whose stage-1 address space (ASID, PASID) a cached entry is
/// of.
enum class DomainTag : u32 {};
enum class SpaceTag : u32 {};

enum class FaultReason : u8 {
    NotMapped,   ///< no valid entry, a disabled half, or an input address outside both halves
    AddressSize, ///< an output or table address beyond the context's output size
    AccessFlag,  ///< the entry has never been used and the hardware may not say that it is now
    Permission,
    Forbidden,     ///< the context has no room for this kind of request: ATS where it is off
    WalkAbort,     ///< reading an entry was answered with an external abort
    Configuration, ///< no context: the architecture knows which structure was bad and says so in `code`
};

/// A translation that cannot be had. Guest-made: never an abort of the simulator.
struct Fault {
    FaultReason why;
    u8 level = 0;          ///< walk level at which it was found
    bool on_table = false; ///< the entry at fault was a table entry's address, not the input's own page
    u16 code = 0;          ///< Configuration: the architecture's own number
    Spa fetch_address{0};  ///< WalkAbort and structure fetches: what was being read
    bool silent = false;   ///< Configuration: terminated without a record by the architecture's rules
};

/// What an entry of a translation table says, read by the architecture's format.
struct Decoded {
    enum class Kind : u8 { Invalid, Table, Leaf, BadAddress };
    Kind kind = Kind::Invalid;
    Spa to{0};       ///< next table, or output address of the leaf's first byte
    Permissions may; ///< leaf: its own; table: what it still allows below
    bool accessed = true;
    bool global = false;
};

struct Context;

/// How a translation table is read: pure functions of an architecture's format, so that the walker has none of its
/// words.
struct TableFormat {
    const char* name;
    unsigned top_level;                      ///< lowest level number there is (0)
    unsigned leaf_level;                     ///< level number of 4 KiB pages (3)
    unsigned (*index_shift)(unsigned level); ///< lowest input bit that indexes this level
    unsigned (*index_bits)(unsigned level);
    Decoded (*decode)(u64 entry, unsigned level, const Context& c);
};

/// One of at most two input ranges, each with its own root.
struct TableRoot {
    bool present = false;  ///< the range exists at all
    bool disabled = false; ///< walks through it fault (SMMUv3 EPDx); cached translations still hit
    Spa table{0};
    unsigned input_bits = 48;
    unsigned start_level = 0;
};

/// What happens to a faulting transaction, beyond the fault itself.
struct FaultPolicy {
    bool abort = true; ///< false: reads as zero, writes ignored
    bool record = true;
    bool stall = false;
};

/// Everything a translation needs to know about its *who*. A value: cached, copied, never pointed into.
struct Context {
    bool bypass = false; ///< output = input, no table
    bool ats = false;    ///< the device may ask for translations and use them
    DomainTag domain{};
    SpaceTag space{};
    const TableFormat* format = nullptr;
    std::array<TableRoot, 2> roots{}; ///< [0] low addresses, [1] high addresses
    unsigned output_bits = 48;
    bool access_flag_faults = true;
    bool privileged_only_write_protect = true;
    FaultPolicy on_fault{};
    u64 generation = 0; ///< counts structure fetches; for traces
};

/// Which root an address belongs to: low addresses have all upper bits clear, high ones all set. None: a NotMapped
/// fault.
inline std::optional<unsigned> root_of(const Context& c, Iova at) {
    auto in = [&](unsigned half) {
        const TableRoot& r = c.roots[half];
        if (!r.present) return false;
        const u64 upper = r.input_bits >= 64 ? 0 : at.value() >> r.input_bits;
        return half == 0 ? upper == 0 : upper == (r.input_bits >= 64 ? 0 : ~u64{0} >> r.input_bits);
    };
    if (in(0)) return 0;
    if (in(1)) return 1;
    return std::nullopt;
}

// ---- invalidation ---------------------------------------------------------------------------------------------------

enum class CacheKind : u8 { Configuration, Translation, Walk };
inline constexpr u8 bit_of(CacheKind k) { return static_cast<u8>(1u << static_cast<unsigned>(k)); }

/// What a cached entry is of. Configuration entries use stream and pasid; the others use domain, space and the input
/// range.
struct Tag {
    CacheKind kind;
    StreamId stream{};
    bool has_pasid = false;
    Pasid pasid{};
    bool whole_stream = false; ///< configuration: of the stream, whatever the PASID (translated requests)
    DomainTag domain{};
    SpaceTag space{};
    bool global = false;
    bool leaf = true;      ///< a final translation, not an intermediate table pointer
    Iova at{0};            ///< first input address it covers
    u64 bytes = page_size; ///< how many
};

/// An invalidation as a value. An unset part means "any".
struct Scope {
    u8 in = 0; ///< bit_of() of the cache kinds concerned
    std::optional<StreamId> stream;
    u64 streams = 1;            ///< how many consecutive streams from `stream`
    std::optional<Pasid> pasid; ///< with `stream`: this PASID only
    std::optional<DomainTag> domain;
    std::optional<SpaceTag> space; ///< entries of this space; global ones stay
    std::optional<base::IovaRange> range;
    bool leaf_only = false;
    bool spare_global = false;
};

/// The only predicate that decides whether an invalidation hits an entry.
constexpr bool covers(const Scope& s, const Tag& t) {
    if ((s.in & bit_of(t.kind)) == 0) return false;
    if (t.kind == CacheKind::Configuration) {
        if (s.stream && (raw(t.stream) < raw(*s.stream) || raw(t.stream) - raw(*s.stream) >= s.streams)) return false;
        if (s.pasid && (t.whole_stream || raw(*s.pasid) != (t.has_pasid ? raw(t.pasid) : 0))) return false;
        return true;
    }
    if (s.domain && *s.domain != t.domain) return false;
    if (s.space && (t.global ? s.spare_global || !s.range : *s.space != t.space)) return false;
    if (s.leaf_only && !t.leaf) return false;
    return !s.range ||
           s.range->overlaps({t.at, t.bytes}); // by differences: the top page of the space is no special case
}

// ---- what an architecture supplies ----------------------------------------------------------------------------------

struct ContextOutcome {
    bool ok = false;
    Context context{};
    Fault fault{};
    bool cacheable = true; ///< false: the fetch itself failed
};

/// A fault that software is asked to resolve while its transaction waits: where the context says so, and the requester
/// can wait.
inline bool stalls(const TranslationRequest& r, const Fault& f, const Context* context) {
    const bool recoverable = f.why != FaultReason::Configuration && f.why != FaultReason::Forbidden &&
                             f.why != FaultReason::WalkAbort && r.type == AddressType::Untranslated;
    return recoverable && context != nullptr && context->on_fault.stall && r.may_stall;
}

/// The architecture's side of the pipeline.
class Architecture {
public:
    virtual ~Architecture() = default;
    /// What can be said before any look-up: nullopt to go on, or how the transaction ends (unit disabled, bypass ...).
    virtual std::optional<Translation> admit(const TranslationRequest& r) = 0;
    /// Fetches the structures that lead from the transaction's *who* to its context. Takes its own time.
    virtual sim::Task<ContextOutcome> resolve(const TranslationRequest& r) = 0;
    /// The configuration-cache key of a request (an architecture may map "no PASID" to one).
    virtual Tag context_tag(const TranslationRequest& r) const = 0;
    /// Ends a faulting transaction: records it or not, and says how the requester is answered. `context` is null for
    /// configuration faults. If stalls(r, f, context), the transaction holds up no fence while this goes on, and
    /// Ending::Grant means that it is to be translated once more.
    virtual sim::Task<Ending> fault(const TranslationRequest& r, const Fault& f, const Context* context) = 0;
};

} // namespace quiesce::iommu
