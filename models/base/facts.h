// SPDX-License-Identifier: Apache-2.0
/// Three facts that any room may state: a level changed, an activity took a span of time, an object changed its state; and what
/// events say beside what happened.
#pragma once
#include "base/address.h"
#include "base/describe.h"
#include "base/events.h"
#include "base/names.h"
#include "sim/calendar.h"

#include <string_view>
#include <utility>

namespace quiesce::base {

/// What joins an event to others, or says why: nothing that happens depends on it, and it is in no fingerprint.
template <class T>
struct Aside {
    T what{};
    friend bool operator==(const Aside&, const Aside&) = default;
};
template <class T>
inline constexpr bool is_aside = false;
template <class T>
inline constexpr bool is_aside<Aside<T>> = true;

/// A counted thing has a new value: queue depth, slots in use, outstanding tags.
struct LevelChanged {
    static constexpr std::string_view event_name = "LevelChanged";
    Name what;               ///< dotted: smmu.cmdq.depth, acc0.tags
    u32 value;
};
DESCRIBE(LevelChanged, what, value)

/// A cache was asked for something. Of a translation cache of an IOMMU its own facts tell (iommu::Translated).
enum class CachedThing : u8 { TablePointer, DeviceTranslation };
struct CacheLookedUp {
    static constexpr std::string_view event_name = "CacheLookedUp";
    Name cache;              ///< dotted: smmu.walk-cache, acc0.atc
    CachedThing kind;
    BondId bond;
    bool hit;
};
DESCRIBE(CacheLookedUp, cache, kind, bond, hit)

/// An object is in a new state: acc0.queue1 "running", smmu.cmdq "error".
struct StateChanged {
    static constexpr std::string_view event_name = "StateChanged";
    Name what;
    Name state;
};
DESCRIBE(StateChanged, what, state)

/// An actor spent [start, now] on something. Spans are what a breakdown is made of: whoever walks back from an instant takes,
/// at each step, the predecessor that ended last: the span that ended this one's wait, the one that caused it to begin, or
/// the same actor's previous one.
struct Span {
    static constexpr std::string_view event_name = "Span";
    u64 id;                  ///< from 1, in the order of beginning
    Name actor;              ///< who: "app0/main", "smmu.cmdq", "acc0"
    Name phase;              ///< what: "release", "cfgi-sync-wait", "device-drain"
    Name waits_for;          ///< empty: it works itself; otherwise the unit waited for
    sim::Time start;
    u64 begun_by;            ///< the span that caused it to begin (a doorbell, a message), 0 if none
    u64 ended_by;            ///< the span whose end ended the wait, 0 if none
    BondId bond;             ///< 0 if not about one bond
};
DESCRIBE(Span, id, actor, phase, waits_for, start, begun_by, ended_by, bond)

/// Emits a Span when it goes out of scope or on end(). `id()` can be handed over as somebody's begun_by or ended_by.
class Activity {
public:
    Activity(EventBus& bus, Name actor, Name phase, Name waits_for = {}, u64 begun_by = 0, BondId bond = {})
        : bus_(&bus), span_{next_id(), actor, phase, waits_for, sim::now(), begun_by, 0, bond} {}
    Activity(Activity&& o) noexcept : bus_(std::exchange(o.bus_, nullptr)), span_(o.span_) {}
    Activity& operator=(Activity&&) = delete;
    ~Activity() { end(); }
    u64 id() const { return span_.id; }
    void ended_by(u64 span) { span_.ended_by = span; }
    void end() {
        if (bus_ != nullptr && sim::Calendar::exists()) std::exchange(bus_, nullptr)->emit(span_);
    }
    /// Forgets the activity: nothing is emitted.
    void drop() { bus_ = nullptr; }
    /// Ids start again at 1: once per simulation.
    static void restart_ids() { last_id() = 0; }

private:
    static u64& last_id() {
        static u64 id = 0;
        return id;
    }
    static u64 next_id() { return ++last_id(); }
    EventBus* bus_;
    Span span_;
};

} // namespace quiesce::base
