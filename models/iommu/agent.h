// SPDX-License-Identifier: Apache-2.0
/// The pipeline that every architecture shares: admit, configuration look-up, translation look-up, walk, outcome. The
/// architecture behind it says what a transaction's *who* means and how a fault ends.
#pragma once
#include "base/events.h"
#include "base/leftovers.h"
#include "base/param.h"
#include "iommu/device_interface.h"
#include "iommu/fence.h"
#include "iommu/walker.h"

#include <memory>

namespace quiesce::iommu {

/// Latencies: published-figures section 6 (gem5's SMMUv3, its cycles taken at 1 GHz).
struct AgentConfig {
    using P = base::Provenance;
    base::Param<unsigned> tlb_entries{2048,
                                      "translations kept: tlb_ways times a power of two, or fewer than tlb_ways",
                                      base::between(1u, 1u << 20),
                                      P::Derived,
                                      "gem5 v24.0 src/dev/arm/SMMUv3.py: tlb_entries, tlb_assoc"};
    base::Param<unsigned> tlb_ways{
        4, "ways of the translation cache", base::between(1u, 1u << 20), P::Derived,
        "gem5 v24.0 src/dev/arm/SMMUv3.py: tlb_entries, tlb_assoc"};
    base::Param<Replacement> tlb_replacement{Replacement::RoundRobin, "replacement in the translation cache",
                                             P::Derived, "gem5 v24.0 src/dev/arm/SMMUv3.py: round robin"};
    base::Param<base::Latency> tlb_lookup{3_ns, "look-up in the translation cache", P::Derived,
                                          "gem5 v24.0 src/dev/arm/SMMUv3.py: 3 cycles, taken at 1 GHz"};
    base::Param<base::Latency> miss_latency{0_ns, "from a miss in the translation cache to the queue for a walk",
                                            P::Guess, "none: part of tlb_lookup"};
    base::Param<unsigned> read_misses{
        0,
        "PCIe reads at once that missed in the caches: such a read keeps its place until its root port has handed it "
        "to memory; 0: as many as there are, and none keeps anything",
        base::at_most(4096u), P::Guess,
        "none; pcie-bench (SIGCOMM 2018) has fewer misses of reads than of writes under way"};
    base::Param<unsigned> config_entries{64,
                                         "contexts kept",
                                         base::between(1u, 65536u),
                                         base::power_of_two,
                                         P::Derived,
                                         "gem5 v24.0 src/dev/arm/SMMUv3.py: cfg_entries, cfg_assoc"};
    base::Param<unsigned> config_ways{4,
                                      "ways of the configuration cache",
                                      base::between(1u, 65536u),
                                      base::power_of_two,
                                      P::Derived,
                                      "gem5 v24.0 src/dev/arm/SMMUv3.py: cfg_entries, cfg_assoc"};
    base::Param<Replacement> config_replacement{Replacement::RoundRobin, "replacement in the configuration cache",
                                                P::Derived, "gem5 v24.0 src/dev/arm/SMMUv3.py: round robin"};
    base::Param<base::Latency> config_lookup{3_ns, "look-up in the configuration cache", P::Derived,
                                             "gem5 v24.0 src/dev/arm/SMMUv3.py: 3 cycles, taken at 1 GHz"};
    base::Param<unsigned> replays{
        8,
        "how often a transaction starts over because an invalidation overtook it; then it uses "
        "what it has, once, without keeping it",
        base::at_most(1000u), P::Guess, "bounds what a stream of invalidations can do to one transaction"};
    base::Param<bool> prefetch{false, "a walk for a page is followed by one for the page behind it, whose faults count for nothing",
                               P::Derived, "gem5 v24.0 src/dev/arm/SMMUv3.py: prefetch_enable, off there, too"};
    WalkerConfig walker;
    InvalidationConfig invalidation;
    DeviceInterfaceConfig interfaces;
};
DESCRIBE(AgentConfig, tlb_entries, tlb_ways, tlb_replacement, tlb_lookup, miss_latency, read_misses,
         config_entries, config_ways,
         config_replacement, config_lookup, replays, prefetch, walker, invalidation, interfaces)
static_assert(base::fully_described<AgentConfig>);

class Agent final : public TranslationPort, private CentralUnit {
public:
    /// `architecture` may be the owner of this agent: the constructor does not call it. No reference to `config` is
    /// kept.
    Agent(base::Name unit, base::EventBus& events, memory::MemoryPort& memory, Architecture& architecture,
          const AgentConfig& config);
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    /// Hit: config_lookup + tlb_lookup. Each miss adds the architecture's resolve() or miss_latency and the walk. A
    /// transaction that an invalidation overtook starts over. States Translated once. With device interfaces all of
    /// that comes after theirs.
    /// MODEL: both look-ups are one pipelined stage, at whose end both caches are read; a transaction whose context is
    /// missing or bypasses has passed it whole.
    sim::Task<Translation> translate(TranslationRequest r) override;

    /// Takes an invalidation command; returns at once. See InvalidationEngine::begin().
    void invalidate(u64 sequence, InvalidationKind kind, const Scope& scope, base::Name queue = {}) {
        invalidations_.begin(sequence, kind, scope, {}, queue);
    }
    /// Goes on when every command (of the queue) up to `upto` is complete. See Fence.
    sim::Task<void> fence(u64 upto, base::Name queue = {}) { return fence_.completed(upto, queue); }

    InvalidationEngine& invalidations() { return invalidations_; }
    Fence& fences() { return fence_; }
    InFlightTracker& in_flight() { return in_flight_; }
    OccurrenceTap& occurrences() { return occurrences_; }
    const Walker& walker() const { return walker_; }
    Walker& walker() { return walker_; }
    const Cache<Leaf>& translations() const { return tlb_; }
    const Cache<Context>& contexts() const { return contexts_; }
    /// Transactions that started over because an invalidation overtook them.
    u64 replays() const { return replays_; }
    u64 prefetches() const { return prefetches_; }
    const std::vector<std::unique_ptr<DeviceInterface>>& interfaces() const { return interfaces_; }
    /// Transactions, walks and what fences wait for; cached translations are none.
    void left_behind(base::Leftovers& out) const;

private:
    /// One way through the slow part of the pipeline.
    struct Attempt {
        enum class End : u8 { Granted, Faulted, Overtaken };
        u64 since = 0;     ///< InvalidationEngine::applied() when the context was looked up
        bool last = false; ///< may use what it found even if overtaken: the transaction is older than what overtook it
        bool shared = false; ///< rests on a fetch or walk that may have begun before the transaction
        bool has_context = false;
        u8 noted = 0; ///< occurrences of this transaction that count once, a bit each
        LookUp look_up = LookUp::Miss;
        End end = End::Granted;
        Context context{};
        Leaf leaf{};
        Fault fault{};
    };
    struct ContextKey {
        StreamId stream;
        bool has_pasid;
        Pasid pasid;
        AddressType type; ///< what is wrong with a context depends on what is asked of it
        bool operator==(const ContextKey&) const = default;
    };
    struct Resolved {
        ContextOutcome outcome{};
        u64 since = 0;
        bool merged = false;
    };

    Tag context_tag(const TranslationRequest& r) const override { return architecture_.context_tag(r); }
    bool from_caches(const TranslationRequest& r, Cache<Context>& contexts, Cache<Leaf>& translations, LookUp how,
                     Translation& answer) override;
    sim::Task<Translation> translate_here(TranslationRequest r, InFlight token, InFlightTracker& tracker) override;
    Holdings holdings(const TranslationRequest& r) const override;
    sim::Task<Translation> translate_slowly(const TranslationRequest& r, InFlight token, InFlightTracker& tracker);
    /// Makes of `r` what the context says that it is.
    sim::Task<void> attempt(TranslationRequest& r, Attempt& a);
    sim::Task<void> find_context(const TranslationRequest& r, Attempt& a);
    sim::Task<Resolved> resolve(const TranslationRequest& r, Tag who);
    void bypass(const TranslationRequest& r, Attempt& a) const;
    sim::Task<void> walk(const TranslationRequest& r, Attempt& a);
    sim::Task<void> prefetch(TranslationRequest r, Context c);
    static Translation granted(const TranslationRequest& r, const Leaf& leaf, const Context& c, InFlight&& token);
    void tell(const TranslationRequest& r, LookUp look_up, bool granted) {
        events_.emit(Translated{r.transaction, r.bond, r.stream, r.pasid, r.at, look_up, granted});
    }

    void note_request(const TranslationRequest& r) const;
    void note_once(Occurrence what, StreamId stream, u8& noted) const {
        if ((noted >> raw(what) & 1) == 0) occurrences_.note(what, stream);
        noted = static_cast<u8>(noted | 1u << raw(what));
    }

    base::Name unit_;
    base::EventBus& events_;
    Architecture& architecture_;
    unsigned max_replays_;
    InFlightTracker in_flight_, walks_;
    InvalidationEngine invalidations_;
    Fence fence_;
    OccurrenceTap occurrences_;
    sim::Stage look_ups_, to_walker_;
    sim::Slots read_places_;
    SlotLevels read_levels_;
    Cache<Context> contexts_;
    Cache<Leaf> tlb_;
    Walker walker_;
    using Resolving = Merge<ContextKey, Resolved>;
    Resolving resolving_;
    bool prefetches_next_;
    u64 replays_ = 0, prefetches_ = 0;
    std::vector<std::unique_ptr<DeviceInterface>> interfaces_;
};

} // namespace quiesce::iommu
