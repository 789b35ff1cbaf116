// SPDX-License-Identifier: Apache-2.0
#include "pcie/flow_control.h"

#include "base/text.h"

#include <algorithm>

namespace quiesce::pcie {

void TransmitQueue::wait(std::coroutine_handle<> who, Enter& enter) {
    const Tlp& packet = enter.packet;
    waiting_.push_back({who, &enter, ordered(packet), packet.kind, packet.bond, packet.transaction, enter.payload,
                        enter.source, sim::now(),
                        enter.kept_back ? sim::now() + keep_back_for_ : sim::Time{}});
    sources_ = std::max(sources_, enter.source + 1);
    if (events_.wants<base::LevelChanged>())
        events_.emit(base::LevelChanged{level_, static_cast<u32>(waiting_.size())});
    admit();
}

/// What still stands before it waits for room of another kind. Nothing orders what came in by different ports.
bool TransmitQueue::passes_all_before(std::size_t n) const {
    for (std::size_t i = 0; i < n; ++i)
        if (waiting_[i].source == waiting_[n].source &&
            passing(waiting_[n].packet, waiting_[i].packet) == Passing::MustNot)
            return false;
    return true;
}

void TransmitQueue::leave(std::size_t n) {
    const Waiting w = waiting_[n];
    for (std::size_t i = 0; i < n; ++i) waiting_[i].passed |= waiting_[i].enter->kept_back;
    if (w.passed && events_.wants<LinkFault>())
        events_.emit(LinkFault{link_, upstream_, LinkFaultKind::Reordered, w.kind, w.transaction, w.bond});
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(n));
    ++entering_;
    lane_.push(w.who, sim::now()); // a lane keeps the order even when simultaneous items are shuffled
    if (events_.wants<base::LevelChanged>())
        events_.emit(base::LevelChanged{level_, static_cast<u32>(waiting_.size())});
    if (w.since == sim::now()) return;
    ++counts_.stalls;
    counts_.stalled += sim::now() - w.since;
    if (events_.wants<CreditStalled>())
        events_.emit(CreditStalled{link_, upstream_, w.kind, w.transaction, w.bond, w.since});
}

/// One pass in the order of asking: who leaves frees only those behind it.
void TransmitQueue::admit() {
    if (turns_) return take_turn();
    std::array<bool, 3> exhausted{};
    for (std::size_t n = 0; n < waiting_.size();) {
        const u8 pool = pool_number(waiting_[n].kind);
        if (exhausted[pool] || waiting_[n].not_before > sim::now() || !passes_all_before(n)) {
            ++n;
        } else if (pools_[pool].take(data_credits(waiting_[n].payload))) {
            leave(n);
        } else {
            exhausted[pool] = true;
            ++n;
        }
    }
    wake_when_something_returns();
}

void TransmitQueue::take_turn() {
    if (entering_ == 0 && sim::now() >= wire_free_)
        for (unsigned k = 1; k <= pools_.size(); ++k)
            if (admit_of_kind(static_cast<u8>((last_kind_ + k) % pools_.size()))) break;
    wake_when_something_returns();
}

/// Whose turn it is and finds no room keeps it: smaller packets of others would take what comes back.
bool TransmitQueue::admit_of_kind(u8 pool) {
    for (unsigned k = 1; k <= sources_; ++k) {
        const unsigned source = (last_source_[pool] + k) % sources_;
        for (std::size_t n = 0; n < waiting_.size(); ++n) {
            if (waiting_[n].source != source || pool_number(waiting_[n].kind) != pool ||
                waiting_[n].not_before > sim::now() || !passes_all_before(n))
                continue;
            if (!pools_[pool].take(data_credits(waiting_[n].payload))) return false;
            last_source_[pool] = source;
            last_kind_ = pool;
            leave(n);
            return true;
        }
    }
    return false;
}

void TransmitQueue::set_down(bool down) {
    down_ = down;
    while (down_ && !waiting_.empty()) {
        waiting_.front().enter->sunk = true;
        leave(0);
    }
    wake_when_something_returns();
}

void TransmitQueue::wake_when_something_returns() {
    wake_up_.cancel();
    if (waiting_.empty()) return;
    sim::Time next = sim::Time::never();
    for (CreditPool& p : pools_) next = std::min(next, p.next());
    if (keep_back_every_ != 0)
        for (const Waiting& w : waiting_)
            if (w.not_before > sim::now()) next = std::min(next, w.not_before);
    if (turns_ && wire_free_ > sim::now()) next = wire_free_; // before that nobody enters anyway
    if (next < sim::Time::never()) sim::Calendar::current().arm(wake_up_, std::max(next, sim::now()));
}

namespace {
constexpr std::array<std::string_view, 3> pool_names{"posted", "non-posted", "completion"};
}

void TransmitQueue::left_behind(base::Leftovers& out) const {
    const std::string direction = std::string(link_.text()) + (upstream_ ? " up" : " down");
    for (std::size_t n = 0; n < pools_.size(); ++n)
        out.count(direction, pools_[n].held(), "header credit", "not given back: " + std::string(pool_names[n]));
    out.count(direction, waiting_.size(), "packet", "waiting for room");
}

std::string TransmitQueue::who_waits() {
    if (waiting_.empty()) return {};
    const Waiting& w = waiting_.front();
    CreditPool& pool = pools_[pool_number(w.kind)];
    const auto room = [](unsigned free, unsigned advertised) {
        return advertised == 0 ? std::string{"infinite"} : std::to_string(free) + " of " + std::to_string(advertised);
    };
    std::string s =
        std::string(link_.text()) + (upstream_ ? " up" : " down") + ": a packet of " + std::to_string(w.payload) +
        " bytes" + (w.bond == BondId{} ? "" : " of bond " + std::to_string(raw(w.bond))) + " waits since " +
        base::format_duration(w.since - sim::Time{}) + " for 1 " + std::string(pool_names[pool_number(w.kind)]) +
        " header credit and " + std::to_string(data_credits(w.payload)) + " data credits; free are " +
        room(pool.headers(), pool.advertised_headers()) + " and " + room(pool.data(), pool.advertised_data());
    if (waiting_.size() > 1) s += ", and " + std::to_string(waiting_.size() - 1) + " more wait behind it";
    return s;
}

} // namespace quiesce::pcie
