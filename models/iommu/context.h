// SPDX-License-Identifier: Apache-2.0
/// The neutral values of a translation: what a transaction's *who* leads to (Context), how a table entry reads
/// (Decoded), how a translation fails (Fault), and what an invalidation covers (Scope). No architecture's words here.
#pragma once
#include "base/address.h"
#include "base/describe.h"
#include "iommu/translation.h"

#include <array>
#include <optional>

namespace quiesce::iommu {

/// Whose stage-2 address space (VMID, DID, DomainID) and whose stage-1 address space (ASID, PASID) a cached entry is
/// of.
enum class DomainTag : u32 {};
enum class SpaceTag : u32 {};
/// The space of what the second stage translates alone: intermediate addresses, which belong to the domain.
inline constexpr SpaceTag intermediate{0xffff'fffe};

enum class FaultReason : u8 {
    NotMapped,   ///< no valid entry, a disabled half, or an input address outside both halves
    AddressSize, ///< an output or table address beyond the context's output size
    AccessFlag,  ///< the entry has never been used and the hardware may not say that it is now
    Permission,
    Forbidden,     ///< the context has no room for this kind of request: ATS where it is off, privilege
    Conflict,      ///< the caches hold several entries for the address, of different sizes
    WalkAbort,     ///< reading an entry was answered with an external abort
    Configuration, ///< no context: the architecture knows which structure was bad and says so in `code`
    Malformed,     ///< an entry has bits set that the format keeps clear
    Excluded,      ///< the output address is one of Context::excluded
};

/// What an intermediate address was to be used for.
enum class Intermediate : u8 {
    Structure, ///< to fetch the structure that leads to the context
    Table,     ///< to read or mark an entry of a first-stage table
    Input,     ///< it is where the transaction's own address leads
};

/// A translation that cannot be had. Guest-made: never an abort of the simulator.
struct Fault {
    FaultReason why;
    u8 level = 0;          ///< walk level at which it was found
    bool on_table = false; ///< the entry at fault was a table entry's address, not the input's own page
    u16 code = 0;          ///< Configuration: the architecture's own number; Malformed: what the format said (Decoded::flaw)
    Spa fetch_address{0};  ///< WalkAbort and structure fetches: what was being read
    bool silent = false;   ///< Configuration: terminated without a record by the architecture's rules
    bool may_merge = false; ///< no context: one record may tell of several faults like this
    DomainTag domain{};     ///< no context: whose request it was, where a structure that says so could be read
    bool second_stage = false;
    Intermediate use = Intermediate::Input; ///< second stage: what `at` was needed for
    bool marking = false; ///< it was met while an entry was to be marked: by its memory, or by the second stage
    Permissions may{};    ///< Permission: what there is
    Gpa at{0};                              ///< second stage: the address that could not be translated
    const char* rule = nullptr;     ///< Configuration: what is wrong with the structure; for observers
    const char* quiet_by = nullptr; ///< silent: the field that says so; for observers
};

/// What an entry of a translation table says, read by the architecture's format.
struct Decoded {
    enum class Kind : u8 { Invalid, Table, Leaf, Malformed };
    Kind kind = Kind::Invalid;
    Spa to{0};       ///< next table, or output address of the leaf's first byte
    Permissions may; ///< leaf: its own; table: what it still allows below
    bool accessed = true; ///< of a table: looked at where the root's tables are marked, too
    bool global = false;
    bool clean = false;  ///< leaf: may be written once hardware has marked it written; `may.write` is not set
    bool device = false; ///< leaf: the memory behind it has side effects
    bool grouped = false; ///< leaf: it says that it and its neighbours are one larger leaf
    u8 size_log2 = 0; ///< leaf: of what it maps, if that is more than the range of one entry of its level; `to` is aligned to it
    u8 skips = 0; ///< table: levels between this one and the table's; the input bits that would index them have to be zero
    u16 flaw = 0; ///< malformed, or a table whose skipped input bits are not zero: the architecture's own word for Fault::code
};

struct TableRoot;

/// What is made of leaves that say that they are one of a group which maps one larger range.
enum class Grouping : u8 {
    Ignored,  ///< each is kept by itself
    Believed, ///< one entry is read, and the group kept as it says
    Checked,  ///< the others of the group are read, too; if they do not agree, the one is kept by itself
};
constexpr auto enum_names(Grouping) {
    return base::name_table<Grouping>(
        {{Grouping::Ignored, "ignored"}, {Grouping::Believed, "believed"}, {Grouping::Checked, "checked"}});
}

/// How a translation table is read: pure functions of an architecture's format, so that the walker has none of its
/// words.
struct TableFormat {
    const char* name;
    unsigned top_level;                      ///< lowest level number there is (0)
    unsigned leaf_level;                     ///< level number of the smallest pages (3)
    unsigned (*index_shift)(unsigned level); ///< lowest input bit that indexes this level
    unsigned (*index_bits)(unsigned level);
    Decoded (*decode)(u64 entry, unsigned level, const TableRoot& root);
    /// Permissions that follow from what all levels say together; null: nothing more.
    Permissions (*settle)(Permissions gathered, const TableRoot& root) = nullptr;
    /// An entry with its used, and if asked its written mark set; null: hardware never sets them.
    u64 (*mark)(u64 entry, bool written) = nullptr;
    /// log2 of the leaves of this level that can say they are one; null, 0: none can.
    unsigned (*group_bits)(unsigned level) = nullptr;
    /// What of a grouped leaf has to be the same in all of its group, with its address as that of the group's first.
    u64 (*group_word)(u64 entry, unsigned level, const TableRoot& root) = nullptr;
};

/// One of at most two input ranges of the first stage, each with its own root; or the second stage's only one.
struct TableRoot {
    bool present = false;       ///< the range exists at all
    bool disabled = false;      ///< walks through it fault; cached translations still hit
    bool marks_used = false;    ///< hardware marks an entry that is used for the first time
    bool marks_written = false; ///< hardware marks a clean entry that is written for the first time
    bool used_faults = true;    ///< an entry never used before faults, unless hardware marks it
    bool written_faults = false; ///< so does a clean entry that is written, unless hardware marks it
    bool tables_too = false;     ///< what is said of use holds for the entries that lead to tables, too
    Grouping grouping = Grouping::Ignored;
    u8 ignored_top = 0;         ///< upper address bits that the device may use for itself: the bit below stands for them
    u8 options = 0;             ///< the format's own
    Spa table{0};               ///< an intermediate address if the first stage of two
    unsigned input_bits = 48;
    unsigned start_level = 0; ///< tables of this level may be several, one after the other
    unsigned output_bits = 48;
    const TableFormat* format = nullptr;
};

/// What happens to a faulting transaction, beyond the fault itself.
struct FaultPolicy {
    bool abort = true; ///< false: reads as zero, writes ignored
    bool record = true;
    bool stall = false;
};

/// The translation after the first: from intermediate addresses, those of the first stage's tables and of the
/// structures included, to memory.
struct SecondStage {
    TableRoot root{}; ///< not present: there is no second stage
    bool tables_not_in_devices = false; ///< tables and structures in memory with side effects are not read
    FaultPolicy on_fault{};
};

/// What a device may do with translations of its own.
enum class DeviceTranslation : u8 {
    None,
    Whole,      ///< it asks for translations and uses what it was told
    FirstStage, ///< it is told intermediate addresses, which the second stage translates when they are used
};

/// Everything a translation needs to know about its *who*. A value: cached, copied, never pointed into.
struct Context {
    bool bypass = false; ///< no first stage: its output is its input
    DeviceTranslation ats = DeviceTranslation::None;
    /// The stream's word on what its transactions are, whatever they say; none of them: rewrites is false.
    bool rewrites = false;
    std::optional<bool> as_privileged{}, as_instruction{};
    DomainTag domain{};
    SpaceTag space{}; ///< `intermediate` without a first stage
    Pasid pasid_of_none{}; ///< as which PASID a transaction without one was looked up
    std::array<TableRoot, 2> roots{}; ///< [0] low addresses, [1] high addresses
    unsigned output_bits = 48;        ///< without a first stage: wider addresses fault as though there were one
    Permissions untranslated{true, true, true, true, true}; ///< where nothing is translated: what may be done
    bool conflicts = false;           ///< entries of several sizes for one address are a fault
    bool privileged_only_write_protect = true;
    bool privileged_avoids_user = false; ///< privileged data accesses do not use pages of unprivileged ones
    bool unprivileged_only = false; ///< privileged transactions are refused, whatever the tables say
    bool data_only = false;         ///< so are instruction fetches
    Spa excluded{0};                ///< first of the addresses to which nothing is translated
    u64 excluded_bytes = 0;
    FaultPolicy on_fault{};
    const char* quiet_by = nullptr; ///< the field because of which on_fault records nothing; for observers
    bool merges_faults = false; ///< one record may tell of several faults that are alike
    SecondStage second{};
    u64 generation = 0; ///< counts structure fetches; for traces

    bool translates() const { return !bypass || second.root.present; }
    const FaultPolicy& policy(const Fault& f) const { return f.second_stage ? second.on_fault : on_fault; }
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

/// The address without what the device keeps in its upper bits.
inline Iova untagged(const Context& c, Iova at) {
    const auto replaced = [&](unsigned half) {
        const unsigned kept = 64u - c.roots[half].ignored_top;
        const bool set = (at.value() >> (kept - 1) & 1) != 0;
        const u64 top = kept == 64 ? 0 : ~u64{0} << kept;
        return Iova{set ? at.value() | top : at.value() & ~top};
    };
    const bool high = c.roots[1].present && (at.value() >> 55 & 1) != 0;
    return replaced(high ? 1 : 0);
}

/// The request as the stream's configuration has it.
inline TranslationRequest rewritten(TranslationRequest r, const Context& c) {
    if (!c.bypass && r.type == AddressType::Untranslated) r.at = untagged(c, r.at);
    r.privileged = c.as_privileged.value_or(r.privileged);
    r.instruction = c.as_instruction.value_or(r.instruction);
    return r;
}

/// The context has no room for this kind of request.
inline bool refuses(const Context& c, const TranslationRequest& r) {
    return (r.type != AddressType::Untranslated && c.ats == DeviceTranslation::None) ||
           (r.privileged && c.unprivileged_only) || (r.instruction && c.data_only);
}
inline bool is_excluded(const Context& c, Spa to) { return to - c.excluded < c.excluded_bytes; }

/// Whether permissions let the transaction do what it wants.
inline bool permits(const Permissions& may, const TranslationRequest& r, const Context& c) {
    if (r.instruction && r.access == Access::Read) return r.privileged ? may.privileged_execute : may.execute;
    if (!r.privileged && !may.user) return false;
    if (r.privileged && c.privileged_avoids_user && may.user) return false;
    const bool write = may.write || (r.privileged && !c.privileged_only_write_protect && may.read);
    if (r.access == Access::ReadWrite) return may.read && write;
    if (r.access == Access::Write) return write;
    return may.read;
}
/// Whether a clean page becomes a written one: a translation request counts as a write unless it says otherwise.
inline bool writes(const TranslationRequest& r) {
    return r.type == AddressType::TranslationRequest ? !r.no_write : r.access != Access::Read;
}

// ---- invalidation ---------------------------------------------------------------------------------------------------

/// StreamEntry and PasidEntry: parts of a configuration that an architecture caches by themselves, what all of a stream
/// shares and what is of one of its address spaces.
enum class CacheKind : u8 { Configuration, Translation, Walk, StreamEntry, PasidEntry };
inline constexpr u8 bit_of(CacheKind k) { return static_cast<u8>(1u << static_cast<unsigned>(k)); }

inline constexpr bool is_configuration(CacheKind k) { return k != CacheKind::Translation && k != CacheKind::Walk; }

/// What a cached entry is of. Configuration entries and their parts use stream and pasid, and the domain once they are
/// kept; the others use domain, space and the input range.
struct Tag {
    CacheKind kind;
    StreamId stream{};
    bool has_pasid = false;
    Pasid pasid{};             ///< without one: what stands for none
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
    u32 stream_bits = ~u32{0};  ///< bits of `stream` that count
    std::optional<Pasid> pasid; ///< this PASID only
    std::optional<DomainTag> configuration_domain; ///< configuration: what leads to this domain only
    std::optional<DomainTag> domain;
    u32 domain_bits = ~u32{0};     ///< bits of `domain` that count
    std::optional<SpaceTag> space; ///< entries of this space; global ones stay
    std::optional<base::IovaRange> range;
    bool leaf_only = false;
    bool spare_global = false;
    bool spare_intermediate = false; ///< what the second stage translates alone stays
    bool intermediate_range = false; ///< `range` is of intermediate addresses: of every other space all goes
};

/// The only predicate that decides whether an invalidation hits an entry.
constexpr bool covers(const Scope& s, const Tag& t) {
    if ((s.in & bit_of(t.kind)) == 0) return false;
    if (is_configuration(t.kind)) {
        const u32 stream = raw(t.stream) & s.stream_bits;
        if (s.stream && (stream < raw(*s.stream) || stream - raw(*s.stream) >= s.streams)) return false;
        if (s.pasid && (t.whole_stream || *s.pasid != t.pasid)) return false;
        return !s.configuration_domain || *s.configuration_domain == t.domain;
    }
    if (s.domain && ((raw(*s.domain) ^ raw(t.domain)) & s.domain_bits) != 0) return false;
    if (s.spare_intermediate && t.space == intermediate) return false;
    if (s.space && (t.global ? s.spare_global || !s.range : *s.space != t.space)) return false;
    if (s.intermediate_range && t.space != intermediate) return true;
    if (s.leaf_only && !t.leaf) return false;
    return !s.range ||
           s.range->overlaps({t.at, t.bytes}); // by differences: the top page of the space is no special case
}

// ---- what an architecture supplies ----------------------------------------------------------------------------------

/// The tag under which a context is kept: who asks, and what the structures say of it.
inline Tag kept_as(Tag who, const Context& c) {
    who.domain = c.domain;
    if (!who.has_pasid && !who.whole_stream) who.pasid = c.pasid_of_none;
    return who;
}

struct ContextOutcome {
    bool ok = false;
    Context context{}; ///< if ok; after a fault of the second stage what is known of it: its `second`
    Fault fault{};
    bool cacheable = true; ///< false: the fetch itself failed
};

/// A fault that software is asked to resolve while its transaction waits: where the context says so, and the requester
/// can wait.
inline bool stalls(const TranslationRequest& r, const Fault& f, const Context* context) {
    const bool recoverable = f.why != FaultReason::Configuration && f.why != FaultReason::Forbidden &&
                             f.why != FaultReason::WalkAbort && f.why != FaultReason::Conflict &&
                             r.type == AddressType::Untranslated;
    return recoverable && context != nullptr && context->policy(f).stall && r.may_stall;
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
