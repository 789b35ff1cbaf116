// SPDX-License-Identifier: Apache-2.0
#include "observe/event_log.h"

#include <algorithm>

namespace quiesce::observe {

// ---- rows -----------------------------------------------------------------------------------------------------------

void EventRows::append(const Head& head, const void* bytes) {
    const std::size_t needed = room(head);
    if (chunks_.empty() || chunks_.back().used + needed > chunks_.back().size) {
        const std::size_t size = std::max(needed, std::min(chunk_bytes, first_bytes << 2 * std::min<std::size_t>(chunks_.size(), 4)));
        chunks_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
    }
    Chunk& c = chunks_.back();
    std::memcpy(c.bytes.get() + c.used, &head, sizeof head);
    std::memcpy(c.bytes.get() + c.used + sizeof head, bytes, head.size);
    c.used += needed;
}

void EventRows::pop() {
    read_ += room(front());
    if (read_ < chunks_[first_].used) return;
    read_ = 0;
    if (first_ + 1 == chunks_.size()) { // there may be room behind what it held
        chunks_[first_].used = 0;
        return;
    }
    chunks_[first_].bytes.reset();
    if (++first_ < 64) return;
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
}

void EventRows::clear() {
    chunks_.clear();
    first_ = read_ = 0;
}

// ---- what is kept ---------------------------------------------------------------------------------------------------

EventLog::EventLog(base::EventBus& bus, const WaveWindow& window) : EventLog(bus, window, Limits{}) {}

EventLog::EventLog(base::EventBus& bus, const WaveWindow& window, const Limits& limits) : bus_(bus), window_(window), limits_(limits) {
    if (window_.everything) {
        open_until_ = sim::Time::never();
        limits_.window = limits_.everything;
    }
    tokens_ = base::for_each_event<AllEvents>(bus, [this](sim::Time now, const auto& e) { hear(now, e); });
}

namespace {
/// What is done for one bond, but to answer its page requests or to let it work: its file is closed, its device stops.
bool ends_bond(const base::Span& s) {
    static const base::Name page_fault{"page-fault"}, context_load{"context-load"};
    return s.bond != no_bond && s.phase != page_fault && s.phase != context_load;
}
} // namespace

template <class E> bool EventLog::is_told(const E& e) const {
    if constexpr (std::is_same_v<E, memory::DmaCommitted>) return e.verdict > memory::Verdict::AfterUnmap;
    else if constexpr (std::is_same_v<E, memory::WalkCommitted>) return e.stale;
    else if constexpr (std::is_same_v<E, base::Span>) return ends_bond(e);
    else return detail::place_in<E>(Told{}) != 0xffff;
}

template <class E> void EventLog::hear(sim::Time now, const E& e) {
    static_assert(std::is_trivially_copyable_v<E> && alignof(E) <= 8);
    using devices::DmaEnding;
    if constexpr (std::is_same_v<E, os::TeardownTriggered>) open_window(now);
    if constexpr (std::is_same_v<E, os::BondChanged>)
        if (e.state != os::BondState::Bound) open_window(now);
    if constexpr (std::is_same_v<E, os::FenceObserved>)
        if (e.blocks) open_window(now);
    u64 transaction = 0;
    if constexpr (requires { e.transaction; }) transaction = e.transaction;
    if constexpr (std::is_same_v<E, devices::DmaIssued>) under_way_.try_emplace(transaction);
    const bool told = is_told(e);
    if constexpr (std::is_same_v<E, memory::DmaCommitted> || std::is_same_v<E, iommu::FaultRaised>)
        if (told) want(transaction);
    sim::Time began = now; // what begins in a window is in it
    if constexpr (requires { e.start; }) began = e.start;
    else if constexpr (requires { e.began; }) began = e.began;
    ++counts_[event_type<E>].emitted;
    take(now, began, {bus_.event_id(), now.ps(), transaction, sizeof(E), event_type<E>}, &e, told);
    // A read that has ended goes nowhere any more; a write of which its device hears no more may land yet.
    if constexpr (std::is_same_v<E, devices::DmaEnded>)
        if (!e.write || e.ending != DmaEnding::Success) ended(now, transaction);
    if constexpr (std::is_same_v<E, memory::DmaCommitted>)
        if (e.write) ended(now, transaction);
}

void EventLog::keep(const Head& head, const void* bytes, std::size_t& used, std::size_t limit) {
    if (used >= limit) {
        ++left_out_;
        return;
    }
    ++used;
    ++counts_[head.type].kept;
    kept_.append(head, bytes);
}

void EventLog::take(sim::Time now, sim::Time began, const Head& head, const void* bytes, bool told) {
    if (told) return keep(head, bytes, told_, limits_.told);
    if (began <= open_until_) return keep(head, bytes, in_window_, limits_.window);
    expire(now);
    recent_.append(head, bytes);
}

/// What is too old for a window that would open now goes, but for ways that are kept, or may be yet.
void EventLog::expire(sim::Time now) {
    while (!recent_.empty()) {
        const Head& oldest = recent_.front();
        if (oldest.at_ps + window_.before.ps() >= now.ps()) return;
        if (oldest.transaction != 0) {
            if (wanted_.count(oldest.transaction) != 0) keep_way(oldest);
            else if (const auto found = under_way_.find(oldest.transaction); found != under_way_.end())
                found->second.append(oldest, oldest.bytes());
        }
        recent_.pop();
    }
}

void EventLog::open_window(sim::Time now) {
    if (window_.everything) return;
    expire(now);
    recent_.each([this](const Head& head) { keep(head, head.bytes(), in_window_, limits_.window); });
    recent_.clear();
    open_until_ = std::max(open_until_, now + window_.after);
}

/// Its way is kept, before and after.
void EventLog::want(u64 transaction) {
    if (transaction == 0 || ways_ >= limits_.ways || !wanted_.insert(transaction).second) return;
    if (const auto way = under_way_.find(transaction); way != under_way_.end()) {
        way->second.each([this](const Head& head) { keep_way(head); });
        way->second.clear();
    }
}

/// One that ends in a window is in it from its beginning.
void EventLog::ended(sim::Time now, u64 transaction) {
    const auto way = under_way_.find(transaction);
    if (way == under_way_.end()) return;
    if (now <= open_until_) way->second.each([this](const Head& head) { keep_way(head); });
    under_way_.erase(way);
}

std::vector<LoggedEvent> EventLog::rows() const {
    std::vector<LoggedEvent> all;
    kept_.each([&](const Head& head) { all.push_back(head.event()); });
    recent_.each([&](const Head& head) {
        if (wanted_.count(head.transaction) != 0) all.push_back(head.event());
    });
    std::sort(all.begin(), all.end(), [](const LoggedEvent& a, const LoggedEvent& b) { return a.id < b.id; });
    return all;
}

std::unordered_set<u64> EventLog::kept_of(const std::unordered_set<u64>& ids) const {
    std::unordered_set<u64> found;
    const auto look = [&](const Head& head) {
        if (ids.count(head.id) != 0) found.insert(head.id);
    };
    kept_.each(look);
    recent_.each([&](const Head& head) {
        if (wanted_.count(head.transaction) != 0) look(head);
    });
    return found;
}

} // namespace quiesce::observe
