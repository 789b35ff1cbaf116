// SPDX-License-Identifier: Apache-2.0
/// The events of a run as they were emitted, in compact form: what is written of them is put into words at the end.
#pragma once
#include "observe/all_events.h"
#include "observe/waves.h"

#include <array>
#include <cstring>
#include <memory>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace quiesce::observe {

namespace detail {
template <class E, class... All> constexpr u16 place_in(base::EventList<All...>) {
    u16 n = 0, found = 0xffff;
    ((std::is_same_v<E, All> ? void(found = n++) : void(n++)), ...);
    return found;
}
} // namespace detail

/// The place of an event type in AllEvents. What is not there cannot be asked for.
template <class E> inline constexpr u16 event_type = [] {
    constexpr u16 place = detail::place_in<E>(AllEvents{});
    static_assert(place != 0xffff, "an event that all_events.h has not");
    return place;
}();

/// One event of the log. `bytes` is the struct that was emitted.
struct LoggedEvent {
    u64 id; ///< base::EventBus::event_id()
    sim::Time at;
    u16 type; ///< its place in AllEvents
    const void* bytes;
};

/// Calls `f(const E&)` with the event as it was emitted.
template <class F> void visit(const LoggedEvent& e, F&& f) {
    [&]<class... E>(base::EventList<E...>) {
        using Call = void (*)(const void*, F&);
        static constexpr Call calls[] = {[](const void* bytes, F& g) { g(*static_cast<const E*>(bytes)); }...};
        calls[e.type](e.bytes, f);
    }(AllEvents{});
}

/// Rows of different sizes, one after the other; they stay where they are.
class EventRows {
public:
    struct Head {
        u64 id;
        i64 at_ps;
        u64 transaction; ///< 0: of none
        u32 size;        ///< of the event behind it
        u16 type;
        const std::byte* bytes() const { return reinterpret_cast<const std::byte*>(this + 1); }
        LoggedEvent event() const { return {id, sim::Time::at(sim::Duration::ps(at_ps)), type, bytes()}; }
    };
    void append(const Head& head, const void* bytes);
    bool empty() const { return first_ == chunks_.size() || (first_ + 1 == chunks_.size() && read_ == chunks_.back().used); }
    const Head& front() const { return *reinterpret_cast<const Head*>(chunks_[first_].bytes.get() + read_); }
    void pop();
    void clear();
    template <class F> void each(F&& f) const {
        for (std::size_t c = first_; c < chunks_.size(); ++c)
            for (std::size_t at = c == first_ ? read_ : 0; at < chunks_[c].used;) {
                const Head& head = *reinterpret_cast<const Head*>(chunks_[c].bytes.get() + at);
                at += room(head);
                f(head);
            }
    }

private:
    static constexpr std::size_t first_bytes = 512, chunk_bytes = 64 * 1024;
    struct Chunk {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size = 0;
        std::size_t used = 0;
    };
    static std::size_t room(const Head& h) { return sizeof(Head) + (h.size + 7) / 8 * 8; }
    std::vector<Chunk> chunks_;
    std::size_t first_ = 0, read_ = 0; ///< what was popped is before them
};

/// Keeps, whenever it comes, what happens to address spaces, bonds, PASIDs and their invalidations, faults and page requests
/// (Told, and spans that end a bond), with the whole way of each transaction that faulted or landed wrong; of a window around each teardown, everything.
class EventLog {
public:
    using Told = base::EventList<memory::FrameTaken, memory::FrameUnmapped, memory::FrameFreed, memory::FrameShared, memory::FrameLeft,
                                 os::BondChanged, os::TeardownTriggered, os::TeardownStepChanged, os::IommuCommandIssued, os::InvalidationIssued,
                                 os::FenceObserved, os::FenceTimedOut, os::StopSeen, os::ProcessChanged, os::MmputReturned, os::ExitMmapReturned,
                                 os::PasidChanged, os::FunctionAssigned, os::AtcLeftOpen, os::WorkLost, os::OsViolation, os::DeviceReset,
                                 os::FaultHandled, os::OomVictimMarked, os::OomVictimHidden, iommu::CommandConsumed, iommu::InvalidationBegun,
                                 iommu::InvalidationDone, iommu::FenceSignalled, iommu::GlobalError, iommu::FaultRaised,
                                 devices::PageRequestSent, iommu::PageRequestReceived, iommu::PageRequestRecorded, iommu::PageRequestDropped,
                                 os::PageRequestEnded, os::PageGroupAnswered, iommu::PageResponseSent, devices::PageResponseHeard,
                                 devices::PageGroupForgotten, iommu::TransactionStalled, iommu::StallRecorded, iommu::StallResolved,
                                 pcie::InvalidationAnswered, devices::QueueState, base::StateChanged>;
    /// Rows of each sort at most; of those that come later only the number is kept. A flood of one sort takes no room of others.
    struct Limits {
        std::size_t told = 200'000, window = 300'000, ways = 200'000;
        std::size_t everything = 500'000; ///< instead of `window`, where that is lifted
    };

    EventLog(base::EventBus& bus, const WaveWindow& window);
    EventLog(base::EventBus& bus, const WaveWindow& window, const Limits& limits);
    EventLog(const EventLog&) = delete;

    /// What is kept, in the order of ids.
    std::vector<LoggedEvent> rows() const;
    /// Of these ids those that rows() has.
    std::unordered_set<u64> kept_of(const std::unordered_set<u64>& ids) const;
    struct Counts {
        u64 emitted = 0, kept = 0;
    };
    /// By event_type.
    const std::array<Counts, AllEvents::count>& counts() const { return counts_; }
    u64 left_out() const { return left_out_; }

private:
    using Head = EventRows::Head;
    template <class E> void hear(sim::Time now, const E& e);
    template <class E> bool is_told(const E& e) const;
    void keep(const Head& head, const void* bytes, std::size_t& used, std::size_t limit);
    void keep_way(const Head& head) { keep(head, head.bytes(), ways_, limits_.ways); }
    void take(sim::Time now, sim::Time began, const Head& head, const void* bytes, bool told);
    void want(u64 transaction);
    void ended(sim::Time now, u64 transaction);
    void open_window(sim::Time now);
    void expire(sim::Time now);

    base::EventBus& bus_;
    WaveWindow window_;
    Limits limits_;
    sim::Time open_until_{};
    EventRows kept_, recent_;                           ///< recent: of the time that a window would begin before
    std::unordered_map<u64, EventRows> under_way_;      ///< by transaction: what is no longer recent
    std::unordered_set<u64> wanted_;                    ///< transactions whose ways are kept
    std::size_t told_ = 0, in_window_ = 0, ways_ = 0;
    u64 left_out_ = 0;
    std::array<Counts, AllEvents::count> counts_{};
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
