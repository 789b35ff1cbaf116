// SPDX-License-Identifier: Apache-2.0
/// From a requester and its PASID to a translation context: root table, context tables, PASID directory and table (VT-d
/// 3.4, chapter 9; facts/iommu-specs.md 2.5 and 2.7), with a cache of context entries and one of PASID table entries.
#pragma once
#include "iommu/invalidation.h"
#include "iommu/page_request.h"
#include "iommu/vtd/faults.h"
#include "iommu/vtd/rules.h"
#include "memory/memory_port.h"

#include <optional>
#include <variant>

namespace quiesce::iommu::vtd {

/// The root table pointer that is in force: RTADDR as SRTP found it.
struct RootTable {
    Rtaddr value{};
    TableMode mode() const { return value.get(Rtaddr::TTM); }
    bool scalable() const { return mode() == TableMode::Scalable; }
    Spa table() const { return value.get(Rtaddr::RTA); }
};

/// Where interrupt messages go: requests without PASID do not mean memory there, and nothing is translated to it
/// (3.14).
inline constexpr Spa interrupt_range{0xFEE0'0000};
inline constexpr u64 interrupt_range_bytes = 0x10'0000;
constexpr bool is_interrupt_address(Iova at) { return at.value() - interrupt_range.value() < interrupt_range_bytes; }

/// The context of a legal legacy entry.
Context make_context(const ContextEntry& e, const Identity& id);
/// The context of a legal PASID table entry. `without_pasid`: of requests without one, for which `pasid` stands.
Context make_context(const PasidEntry& e, const ScalableContextEntry& c, Pasid pasid, bool without_pasid,
                     const Identity& id);
/// Of translated requests: of the requester's entry, what lets them be.
Context make_translated_context(bool device_tlb, const char* quiet, const Identity& id);

class ContextResolver {
public:
    /// Registers its caches with `invalidations`.
    ContextResolver(base::Name unit, const RootTable& root, const Identity& id, memory::MemoryPort& memory,
                    InvalidationEngine& invalidations, const VtdConfig& config);

    /// Faults are Configuration faults with the FaultCode in `code`; silent if FPD keeps them from being reported.
    sim::Task<ContextOutcome> resolve(TranslationRequest r);
    /// As resolve(), of a page request: the context of what it asks for.
    sim::Task<ContextOutcome> resolve(PageRequestMessage m);

    const Cache<ScalableContextEntry>& streams() const { return streams_; }

private:
    /// What the way to a PASID table entry has found.
    struct PasidPath {
        PasidEntry entry{};
        const char* quiet = nullptr; ///< the FPD of the directory or the entry
    };
    /// Who asks, and how.
    struct Question {
        TranslationRequest r;
        bool page_request;
    };
    template <class T>
    using Found = std::variant<T, ContextOutcome>;

    sim::Task<ContextOutcome> find(Question q);
    std::optional<FaultCode> root_fault(const Question& q) const;
    sim::Task<ContextOutcome> find_legacy(TranslationRequest r);
    sim::Task<ContextOutcome> find_scalable(Question q);
    sim::Task<Found<ScalableContextEntry>> stream_entry(TranslationRequest r);
    sim::Task<Found<ScalableContextEntry>> fetch_stream_entry(TranslationRequest r);
    /// Which PASID is looked up, or why none.
    Found<Pasid> pasid_of(const Question& q, const ScalableContextEntry& c) const;
    sim::Task<Found<PasidPath>> pasid_entry(TranslationRequest r, ScalableContextEntry c, Pasid pasid);
    sim::Task<Found<PasidPath>> fetch_pasid_entry(TranslationRequest r, ScalableContextEntry c, Pasid pasid);

    const RootTable& root_;
    const Identity& id_;
    memory::MemoryPort& memory_;
    InvalidationEngine& invalidations_;
    Cache<ScalableContextEntry> streams_;
    Cache<PasidPath> pasids_;
    u64 generation_ = 0;
};

} // namespace quiesce::iommu::vtd
