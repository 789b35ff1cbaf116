// SPDX-License-Identifier: Apache-2.0
/// From a device and its PASID to a translation context: device table entry, GCR3 table (AMD 48882 2.2; facts/
/// iommu-specs.md 3.2), with a cache of device table entries and one of GCR3 table entries.
#pragma once
#include "iommu/amdvi/faults.h"
#include "iommu/amdvi/rules.h"
#include "iommu/invalidation.h"
#include "memory/memory_port.h"

#include <optional>
#include <variant>

namespace quiesce::iommu::amdvi {

/// Where interrupt messages go: requests without PASID do not mean memory there.
inline constexpr Iova interrupt_range{0xFEE0'0000};
inline constexpr u64 interrupt_range_bytes = 0x10'0000;
constexpr bool is_interrupt_address(Iova at) { return at - interrupt_range < interrupt_range_bytes; }

/// What of a request decides, beside who it is of, which context it has. Those of the last two kinds are as though they were
/// of a PASID that nobody can have.
enum class RequestPlace : u8 { Memory, Excluded, Interrupts };

class ContextResolver {
public:
    /// Registers its caches with `invalidations`.
    ContextResolver(base::Name unit, const RegisterFile& regs, const Identity& id, memory::MemoryPort& memory,
                    InvalidationEngine& invalidations, const AmdviConfig& config);

    /// Faults are Configuration faults with the Cause in `code`; silent if SA keeps them from being logged, `may_merge` if SE
    /// has only one of them logged.
    sim::Task<ContextOutcome> resolve(TranslationRequest r);
    /// The device table entry of a page request, or why there is none.
    using Found = std::variant<Dte, Fault>;
    sim::Task<Found> device_entry(StreamId stream, memory::Origin origin);

    /// In the exclusion range, which is looked at for requests without PASID.
    RequestPlace place_of(const TranslationRequest& r) const;
    Tag tag_of(const TranslationRequest& r) const;
    const Cache<Dte>& devices() const { return devices_; }

private:
    /// What a GCR3 table entry says.
    struct Guest {
        Spa table{0};
    };

    sim::Task<ContextOutcome> find(TranslationRequest r);
    sim::Task<Found> fetch_device_entry(StreamId stream, memory::Origin origin);
    ContextOutcome without_translation(const Dte& e, const TranslationRequest& r) const;
    sim::Task<ContextOutcome> through_tables(TranslationRequest r, Dte e);
    sim::Task<ContextOutcome> with_guest(TranslationRequest r, Dte e);
    sim::Task<std::variant<Guest, Fault>> guest_of(TranslationRequest r, Dte e, Pasid pasid);
    sim::Task<std::variant<Guest, Fault>> walk_gcr3(TranslationRequest r, Dte e, Pasid pasid);
    Context host_context(const Dte& e) const;
    void add_guest(Context& c, const Dte& e, Pasid pasid, Spa table) const;

    const RegisterFile& regs_;
    const Identity& id_;
    memory::MemoryPort& memory_;
    InvalidationEngine& invalidations_;
    Cache<Dte> devices_;
    Cache<Guest> guests_;
    u64 generation_ = 0;
};

} // namespace quiesce::iommu::amdvi
