// SPDX-License-Identifier: Apache-2.0
/// The table walker: a limited number of walks at once, a cache of table pointers, permissions gathered on the way
/// down, identical walks merged, entries marked as used and written where hardware does so. A second stage, where the
/// context has one, translates the addresses of the first one's tables and what they lead to, with a cache of its own.
/// It reads tables through the architecture's TableFormat and has none of its words.
#pragma once
#include "base/events.h"
#include "base/param.h"
#include "iommu/cache.h"
#include "iommu/invalidation.h"
#include "iommu/level.h"
#include "iommu/merge.h"
#include "iommu/occurrences.h"
#include "memory/memory_port.h"
#include "sim/calendar.h"
#include "sim/random.h"
#include "sim/slots.h"
#include "sim/wire.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quiesce::iommu {

enum class WalkMerging : u8 { Waiting, Neighbours };
constexpr auto enum_names(WalkMerging) {
    return base::name_table<WalkMerging>({{WalkMerging::Waiting, "waiting"}, {WalkMerging::Neighbours, "neighbours"}});
}

struct WalkerConfig {
    base::Param<unsigned> slots{16, "table walks at once", base::between(1u, 256u), base::Provenance::Derived,
                                "gem5 v24.0 src/dev/arm/SMMUv3.py: ptw_slots"};
    base::Param<base::Latency> pte_check{2_ns, "decode and check one table entry", base::Provenance::Guess};
    base::Param<unsigned> cache_entries{512,
                                        "table pointers kept",
                                        base::between(1u, 65536u),
                                        base::power_of_two,
                                        base::Provenance::Derived,
                                        "gem5 v24.0 src/dev/arm/SMMUv3.py: walk cache of stage 1, 4 + 28 + 348 + 4"};
    base::Param<bool> keeps_pointers{true, "table pointers are kept; false: every walk begins at the root",
                                     base::Provenance::Derived, "gem5 v24.0 src/dev/arm/SMMUv3.py: walk_enable"};
    base::Param<unsigned> cache_ways{4,
                                     "ways of the cache of table pointers",
                                     base::between(1u, 65536u),
                                     base::power_of_two,
                                     base::Provenance::Derived,
                                     "gem5 v24.0 src/dev/arm/SMMUv3.py: walk_assoc"};
    base::Param<Replacement> cache_replacement{Replacement::RoundRobin, "replacement in the cache of table pointers",
                                               base::Provenance::Derived,
                                               "gem5 v24.0 src/dev/arm/SMMUv3.py: round robin"};
    base::Param<base::Latency> cache_lookup{4_ns, "look-up in the cache of table pointers", base::Provenance::Derived,
                                            "gem5 v24.0 src/dev/arm/SMMUv3.py: walk cache 4 cycles, taken at 1 GHz"};
    base::Param<bool> cache_by_level{false, "a cache of table pointers for each level instead of one for all", base::Provenance::Derived,
                                     "gem5 v24.0 src/dev/arm/SMMUv3.py: one for each level; one for all here is as big as these"};
    base::Param<unsigned> level0_entries{4, "pointers found in tables of level 0 that are kept", base::between(1u, 65536u),
                                         base::power_of_two, base::Provenance::Derived,
                                         "gem5 v24.0 src/dev/arm/SMMUv3.py: walk cache of stage 1, level 0: 4"};
    base::Param<unsigned> level1_entries{32, "of level 1", base::between(1u, 65536u), base::power_of_two,
                                         base::Provenance::Derived,
                                         "gem5 v24.0 src/dev/arm/SMMUv3.py: 28, rounded up to a power of two"};
    base::Param<unsigned> level2_entries{512, "of level 2", base::between(1u, 65536u), base::power_of_two,
                                         base::Provenance::Derived,
                                         "gem5 v24.0 src/dev/arm/SMMUv3.py: 348, rounded up to a power of two"};
    base::Param<unsigned> second_entries{128,
                                         "translations of intermediate addresses kept (second stage)",
                                         base::between(1u, 65536u),
                                         base::power_of_two,
                                         base::Provenance::Derived,
                                         "gem5 v24.0 src/dev/arm/SMMUv3.py: ipa_entries (off there by default)"};
    base::Param<unsigned> second_ways{4,
                                      "ways of the cache of intermediate addresses",
                                      base::between(1u, 65536u),
                                      base::power_of_two,
                                      base::Provenance::Derived,
                                      "gem5 v24.0 src/dev/arm/SMMUv3.py: ipa_assoc"};
    base::Param<base::Latency> second_lookup{
        3_ns, "look-up in the cache of intermediate addresses", base::Provenance::Derived,
        "gem5 v24.0 src/dev/arm/SMMUv3.py: ipa_lat, taken at 1 GHz"};
    base::Param<WalkMerging> merges{
        WalkMerging::Waiting,
        "who needs a walk for the same page as another joins it: waiting: whoever waits for a place or walks; "
        "neighbours: the walk that was begun last, while it goes on",
        base::Provenance::Guess, "as the merging of misses in caches"};
    base::Param<unsigned> slow_share{0, "walks that take slow_by longer, at random", base::at_most(100u),
                                     base::unit("percent"), base::Provenance::Guess,
                                     "none; presets of measured hosts have some"};
    base::Param<base::Latency> slow_by{0_ns, "what a slow walk takes longer", base::Provenance::Guess,
                                       "none; pcie-bench (SIGCOMM 2018): 95 % of misses are within 200 ns of the "
                                       "median on an E5-2630v4"};
};
DESCRIBE(WalkerConfig, slots, pte_check, cache_entries, keeps_pointers, cache_ways, cache_replacement, cache_lookup,
         cache_by_level, level0_entries, level1_entries, level2_entries, second_entries, second_ways, second_lookup,
         merges, slow_share, slow_by)
static_assert(base::fully_described<WalkerConfig>);

/// A final translation, as the translation cache keeps it.
struct Leaf {
    Spa to{0};             ///< output address of its first byte
    u64 bytes = page_size; ///< a power of two; input and output are multiples of it
    Permissions may{};     ///< by every stage
    bool global = false;
    bool clean = false;    ///< a write has to walk once more, to mark it written
    bool device = false;   ///< memory with side effects
    Permissions first{};   ///< by the first stage alone: which stage it is that refuses
    Gpa via{0};            ///< what the second stage was asked for, if there is one
};

struct WalkResult {
    bool ok = false;
    Leaf leaf{};         ///< if ok
    Fault fault{};       ///< if not
    Basis basis{};       ///< ask InvalidationEngine::overtaken() before using or keeping the result
    bool merged = false; ///< somebody else's walk, which may have begun before this request
};

class Walker {
public:
    /// Registers its cache with `invalidations`. `walks` holds each walk while it reads.
    Walker(base::Name unit, base::EventBus& events, memory::MemoryPort& memory, InvalidationEngine& invalidations,
           InFlightTracker& walks, const OccurrenceTap& occurrences, const WalkerConfig& config);

    /// Takes: the queue for a slot, cache_lookup, then for each entry read the memory's time and pte_check, and the
    /// memory's time again for one that is marked. With a second stage each table's address and the page's take
    /// second_lookup, and if that misses cache_lookup and the entries of the second stage. The entries of a group that
    /// is checked take the memory's time for each beat and pte_check once. A slow walk takes slow_by more. Permissions
    /// are gathered, not judged (but those that a further step needs); every other fault is found here.
    sim::Task<WalkResult> walk(TranslationRequest r, Context c);
    /// Translates the address of a structure that leads to a context; of `c` only the domain and the second stage
    /// count. Takes a slot like a walk.
    sim::Task<WalkResult> reach(TranslationRequest r, Context c, Gpa at);

    /// A pointer to the next table, valid for one entry's input range.
    struct TablePointer {
        Spa table{0};
        u8 level = 0;          ///< of that table
        Permissions allowed{}; ///< by this entry and all above it
    };
    /// Of pointers found in tables of this level. Only where some are kept.
    const Cache<TablePointer>& cache(unsigned level = 0) const {
        return *caches_[std::min<std::size_t>(level, caches_.size() - 1)];
    }
    const Cache<Leaf>& intermediates() const { return second_; }
    const sim::Slots& slots() const { return slots_; }
    u64 walks() const { return walked_; }
    u64 merged() const { return merged_; }
    u64 entries_read() const { return entries_read_; }

private:
    struct Key {
        DomainTag domain;
        SpaceTag space;
        Spa root;
        u64 page;
        u8 intent; ///< what the transaction wants, where that decides what happens on the way
        bool operator==(const Key&) const = default;
    };
    struct Descent;
    using Merging = Merge<Key, WalkResult>;

    sim::Task<WalkResult> both_stages(const TranslationRequest& r, const Context& c, const TableRoot& root);
    sim::Task<WalkResult> second_stage(const TranslationRequest& r, const Context& c, Gpa at, Intermediate use,
                                       bool marking);
    sim::Task<void> descend(Descent& d);
    /// Where in memory the entry of a table at an intermediate address is; nullopt: the walk is over.
    sim::Task<std::optional<Spa>> entry_through_second(Descent& d, bool marking);
    /// Takes in what an entry says. True when the walk is over, but for a mark.
    bool judge(Descent& d, const memory::MemoryPort::Word& word, Spa entry_at);
    bool judge_leaf(Descent& d, const Decoded& entry);
    /// Writes what hardware has to say into the entry. False: somebody else has changed it; it is to be read again.
    sim::Task<bool> mark(Descent& d, Spa entry_at, u64 before);
    /// Makes the leaf that was found the group that it says it is one of.
    sim::Task<void> widen(Descent& d, Spa entry_at, u64 entry);
    sim::Task<bool> group_agrees(Descent& d, Spa entry_at, u64 entry);
    void add_caches(const WalkerConfig& config);
    Cache<TablePointer>& cache_of(unsigned level);
    sim::Task<void> slow_down(StreamId of);
    void start_below_cached(Descent& d);
    void keep_pointer(Descent& d, const Decoded& entry);

    base::EventBus& events_;
    base::Name cache_name_;
    memory::MemoryPort& memory_;
    InvalidationEngine& invalidations_;
    InFlightTracker& in_progress_;
    const OccurrenceTap& occurrences_;
    sim::Slots slots_;
    SlotLevels levels_;
    sim::Stage lookup_, check_, second_lookup_;
    std::vector<std::unique_ptr<Cache<TablePointer>>> caches_; ///< none, one, or one for each level that has pointers
    Cache<Leaf> second_;
    bool joins_waiting_;
    unsigned slow_share_;
    sim::Duration slow_by_;
    std::string name_;
    std::map<StreamId, sim::Random> slow_walks_; ///< which walks are slow, for each device: one's walks change no other's
    Merging merging_;
    Key last_begun_{};
    u64 walked_ = 0, merged_ = 0, entries_read_ = 0;
};

} // namespace quiesce::iommu
