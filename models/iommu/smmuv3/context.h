// SPDX-License-Identifier: Apache-2.0
/// From StreamID and SubstreamID to a translation context: the stream table, the context descriptors, and every rule
/// that can refuse them (IHI 0070 3.3, 5.1 to 5.5; facts/iommu-specs.md 1.3 and 1.4).
#pragma once
#include "base/registers.h"
#include "iommu/context.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/layout.h"
#include "memory/memory_port.h"

#include <span>
#include <string_view>
#include <variant>

namespace quiesce::iommu::smmuv3 {

/// A reason for which a structure is ILLEGAL (C_BAD_STE, C_BAD_CD).
struct SteRule {
    std::string_view reason;
    bool (*broken)(const Ste& ste, const Identity& id);
};
struct CdRule {
    std::string_view reason;
    bool (*broken)(const Cd& cd, const Ste& ste, const Identity& id);
};
std::span<const SteRule> ste_rules();
std::span<const CdRule> cd_rules();
/// The first rule that is broken; empty: the structure is legal. A structure with V=0 breaks the first rule.
std::string_view why_illegal(const Ste& ste, const Identity& id);
std::string_view why_illegal(const Cd& cd, const Ste& ste, const Identity& id);

/// 1.3.2: what a transaction's SubstreamID leads to.
struct Selection {
    enum class Kind : u8 { Bypass, Cd, Refused } kind;
    u32 index = 0;     ///< Cd: which descriptor
    EventId refused{}; ///< Refused: the event
};
/// `ste` is legal and its Config is 1xx. `substream` is ignored without `has_substream`.
Selection select_cd(const Ste& ste, const Identity& id, bool has_substream, u32 substream);

/// The context that a legal descriptor describes.
Context make_context(const Cd& cd, const Identity& id);

/// Where in memory the stream table entry is, or what it takes to learn that.
struct StreamSlot {
    enum class Kind : u8 { BadStream, Entry, FirstLevel } kind;
    Spa at{0}; ///< Entry: the STE; FirstLevel: the descriptor
};
StreamSlot locate_stream(StrtabBase base, StrtabBaseCfg cfg, const Identity& id, StreamId stream);
/// The second step of a two-level table; kind is never FirstLevel.
StreamSlot locate_stream(const L1Std& first, StrtabBaseCfg cfg, StreamId stream);

class ContextResolver {
public:
    ContextResolver(const base::RegisterFile<Registers>& regs, const Identity& id, memory::MemoryPort& memory)
        : regs_(regs), id_(id), memory_(memory) {}
    /// Fetches the structures in declared beats. Faults are Configuration faults whose `code` is the EventId.
    sim::Task<ContextOutcome> resolve(TranslationRequest r);

    /// The transaction's descriptor has TBIx set for the half that bit 55 of the address selects.
    sim::Task<bool> ignores_top_byte(TranslationRequest r);

    using SteOrFault = std::variant<Ste, ContextOutcome>;
    /// The stream's entry, if there is one and it is legal.
    sim::Task<SteOrFault> legal_ste(TranslationRequest r);

private:
    struct Found {
        Cd cd;
        bool ats;
    };
    using CdOrFault = std::variant<Cd, ContextOutcome>;
    using FoundOrFault = std::variant<Found, ContextOutcome>;
    /// A descriptor that is legal, with nothing before it in the way; otherwise how the look-up ends (also: bypass).
    sim::Task<FoundOrFault> find_cd(TranslationRequest r);
    /// What a translated request needs to know: whether the stream may send any.
    sim::Task<ContextOutcome> check_stream(TranslationRequest r);
    sim::Task<SteOrFault> fetch_ste(TranslationRequest r);
    sim::Task<CdOrFault> fetch_cd(TranslationRequest r, Ste ste, u32 index);

    const base::RegisterFile<Registers>& regs_;
    const Identity& id_;
    memory::MemoryPort& memory_;
    u64 generation_ = 0;
};

} // namespace quiesce::iommu::smmuv3
