// SPDX-License-Identifier: Apache-2.0
/// The invalidation engine: applies scopes to every cache that registered, one after the other, and knows when nothing
/// begun before a scope is left. What was looked up before a scope was applied can ask whether it still holds.
#pragma once
#include "base/events.h"
#include "base/param.h"
#include "iommu/cache.h"
#include "iommu/events.h"
#include "iommu/in_flight.h"
#include "sim/signal.h"
#include "sim/wire.h"

#include <array>
#include <span>
#include <vector>

namespace quiesce::iommu {

using namespace sim::literals;

struct InvalidationConfig {
    base::Param<base::Latency> per_command{
        10_ns, "until a taken invalidation has reached the caches", base::Provenance::Guess,
        "TLBI and CMD_SYNC on an idle queue are 240 ns in all on a Kunpeng 920 (B. Song, per-NUMA CMA series, 2020)"};
    base::Param<base::Latency> per_entry{1_ns, "for each entry that an invalidation removes", base::Provenance::Guess,
                                         "one line a cycle at 1 GHz"};
};
DESCRIBE(InvalidationConfig, per_command, per_entry)
static_assert(base::fully_described<InvalidationConfig>);

/// What a look-up's result rests on: it does not hold any more once a scope applied after `since` covers one of the
/// tags.
struct Basis {
    u64 since = 0;          ///< InvalidationEngine::applied() when the look-up began
    Tag leaf{};             ///< the result itself: a context, or the page that a walk ended in
    bool has_table = false; ///< table pointers were used: the first of them covers all others
    Tag table{};
    /// The second stage was used, for the address or for tables on the way.
    /// MODEL: any address of it, so that every invalidation of intermediate addresses of the domain overtakes.
    bool has_second = false;
    Tag second{};
};

/// Caches away from the unit: an invalidation reaches them a way later, and they say when it is done.
class RemoteCaches {
public:
    explicit RemoteCaches(sim::Duration way) : down_(way), up_(way), work_(sim::Duration{}) {}
    RemoteCaches(const RemoteCaches&) = delete;
    RemoteCaches& operator=(const RemoteCaches&) = delete;
    /// Every transaction there from before its look-up until its access is globally observable.
    InFlightTracker& in_flight() { return in_flight_; }
    /// What comes from the unit, invalidations among it, in order.
    sim::Stage& from_unit() { return down_; }

protected:
    ~RemoteCaches() = default;
    void add(CacheBase& cache) { caches_.push_back(&cache); }

private:
    friend class InvalidationEngine;
    std::vector<CacheBase*> caches_;
    InFlightTracker in_flight_;
    sim::Stage down_, up_;
    sim::Wire work_; ///< one scope after the other
    u64 erased_ = 0, acknowledged_ = 0; ///< scopes: gone from the caches; and nothing begun before them is left
};

class InvalidationEngine {
public:
    /// `in_flight` holds every transaction from before its look-up until its access is globally observable.
    InvalidationEngine(base::Name unit, base::EventBus& events, InFlightTracker& in_flight,
                       const InvalidationConfig& config);
    InvalidationEngine(const InvalidationEngine&) = delete;
    InvalidationEngine& operator=(const InvalidationEngine&) = delete;

    /// Invalidations reach this cache from now on. It must live as long as the engine.
    void add(CacheBase& cache) { caches_.push_back(&cache); }
    void add(RemoteCaches& remote) { remotes_.push_back(&remote); }
    std::span<CacheBase* const> caches() const { return caches_; }

    /// Takes an invalidation and returns at once; the work goes on by itself, in the order of the calls. Sequences must
    /// not fall. `extra` is time on top of the engine's own. States InvalidationBegun now and InvalidationDone when the
    /// caches hold nothing that the scope covers and nothing begun before it was applied is left in flight; both in the
    /// name of `queue`, if the unit takes commands from several.
    void begin(u64 sequence, InvalidationKind kind, const Scope& scope, base::Latency extra = {},
               base::Name queue = {});
    /// Everything begun with a sequence up to `upto` is done.
    bool finished(u64 upto) const { return outstanding_.empty() || first_outstanding() > upto; }
    /// Goes on when finished(upto).
    sim::Task<void> wait_finished(u64 upto);
    /// Goes on when nothing that was begun with a sequence up to `upto` is left in a cache. What is under way is not
    /// waited for, though it may have been looked up before: whoever could hold that up waits for this.
    sim::Task<void> wait_applied(u64 upto);
    /// Invalidations begun and not done.
    std::size_t outstanding() const { return outstanding_.size(); }

    /// How many scopes have been applied. A look-up notes it when it begins.
    u64 applied() const { return applied_; }
    /// Some scope applied since then covers the tag.
    bool overtaken(u64 since, const Tag& tag) const {
        return since != applied_ && search(since, [&](const Scope& s) { return covers(s, tag); });
    }
    bool overtaken(const Basis& b) const {
        return b.since != applied_ && search(b.since, [&](const Scope& s) {
                   return covers(s, b.leaf) || (b.has_table && covers(s, b.table)) ||
                          (b.has_second && covers(s, b.second));
               });
    }

private:
    struct Work {
        u64 sequence;
        Scope scope;
        sim::Duration extra;
        base::Name told_of;
    };
    struct Applied {
        u64 sequence;
        u64 epoch; ///< of in_flight_: what was inside when the scope was applied
        u64 number; ///< applied() with it
        base::Name told_of;
    };
    static constexpr u64 remembered = 256;

    sim::Task<void> run();
    sim::Task<void> retire();
    std::size_t apply(const Scope& scope);
    sim::Task<void> apply_at(RemoteCaches& remote, Scope scope);
    bool acknowledged(u64 scopes) const;
    u64 first_outstanding() const { return outstanding_.front(); }
    /// MODEL: who has been under way for more than `remembered` scopes is taken to be overtaken.
    template <class P> bool search(u64 since, P&& hit) const {
        if (applied_ - since > remembered) return true;
        for (u64 n = since; n != applied_; ++n)
            if (hit(journal_[n % remembered])) return true;
        return false;
    }

    base::Name unit_;
    base::EventBus& events_;
    InFlightTracker& in_flight_;
    sim::Duration per_command_, per_entry_;
    std::vector<CacheBase*> caches_;
    std::vector<RemoteCaches*> remotes_;
    sim::Fifo<Work> queue_;              ///< taken, not applied
    sim::Fifo<Applied> retiring_;        ///< applied, older transactions may be left
    mutable sim::Fifo<u64> outstanding_; ///< sequences begun and not done, in order
    std::vector<Scope> journal_;
    u64 applied_ = 0, applied_sequence_ = 0;
    bool running_ = false, retire_running_ = false;
    sim::Signal progress_, answered_, emptied_;
};

} // namespace quiesce::iommu
