// SPDX-License-Identifier: Apache-2.0
/// From StreamID and SubstreamID to a translation context: the stream table and the context descriptors, through stage
/// 2 where there is one (IHI 0070 3.3, 5.1 to 5.5; facts/iommu-specs.md 1.3 and 1.4).
#pragma once
#include "base/registers.h"
#include "iommu/context.h"
#include "iommu/smmuv3/rules.h"
#include "iommu/walker.h"
#include "memory/memory_port.h"

#include <variant>

namespace quiesce::iommu::smmuv3 {

/// 1.3.2: what a transaction's SubstreamID leads to.
struct Selection {
    enum class Kind : u8 { Bypass, Cd, Refused } kind;
    u32 index = 0;     ///< Cd: which descriptor
    EventId refused{}; ///< Refused: the event
    std::string_view by{}; ///< Refused: the field that says so
};
/// `ste` is legal and its Config is 1xx. `substream` is ignored without `has_substream`.
Selection select_cd(const Ste& ste, const Identity& id, bool has_substream, u32 substream);

/// Domains beside the VMIDs, of which there are at most 2^16: the translations of EL2.
inline constexpr DomainTag el2_domain{0x1'0000};

/// The context of a stream without stage 1, or of a transaction that skips it. `ste` is legal.
Context make_context(const Ste& ste, const Identity& id);
/// The context that a legal descriptor of a legal entry describes.
Context make_context(const Cd& cd, const Ste& ste, const Identity& id);

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
    /// `walker` translates the addresses of descriptors that are behind stage 2.
    ContextResolver(const base::RegisterFile<Registers>& regs, const Identity& id, memory::MemoryPort& memory,
                    Walker& walker, const OccurrenceTap& occurrences)
        : regs_(regs), id_(id), memory_(memory), walker_(walker), occurrences_(occurrences) {}
    /// Fetches the structures in declared beats. Faults are Configuration faults whose `code` is the EventId, or faults
    /// of stage 2, whose context then says what stage 2 wants done with them.
    sim::Task<ContextOutcome> resolve(TranslationRequest r);

    using SteOrFault = std::variant<Ste, ContextOutcome>;
    /// The stream's entry, if there is one and it is legal.
    sim::Task<SteOrFault> legal_ste(TranslationRequest r);

private:
    using CdOrFault = std::variant<Cd, ContextOutcome>;
    using PlaceOrFault = std::variant<Spa, ContextOutcome>;
    sim::Task<ContextOutcome> find(TranslationRequest r);
    DeviceTranslation ats_of(const Ste& ste) const;
    sim::Task<SteOrFault> fetch_ste(TranslationRequest r);
    /// A descriptor that is legal.
    sim::Task<CdOrFault> fetch_cd(TranslationRequest r, Ste ste, u32 index);
    /// Where in memory a context descriptor or its first-level pointer is.
    sim::Task<PlaceOrFault> reach(TranslationRequest r, Ste ste, Spa at);

    const base::RegisterFile<Registers>& regs_;
    const Identity& id_;
    memory::MemoryPort& memory_;
    Walker& walker_;
    const OccurrenceTap& occurrences_;
    u64 generation_ = 0;
};

} // namespace quiesce::iommu::smmuv3
