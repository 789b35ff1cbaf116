// SPDX-License-Identifier: Apache-2.0
/// A lifecycle is a list of arrows; what is not listed is illegal, and is reported.
///
///     inline constexpr Arrow<S, E> pasid_arrows[] = {{S::Free, E::Bind, S::Bound}, {S::Bound, E::Unbind, S::Free}};
///     static_assert(deterministic(pasid_arrows) && all_reachable(pasid_arrows, S::Free));
///     Lifecycle<S, E, pasid_arrows> life{S::Free, [](S state, E event) { ... }};
#pragma once
#include "base/types.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace quiesce::base {

template <class State, class Event>
struct Arrow {
    State from;
    Event event;
    State to;
};

/// Where `event` leads from `from`; nothing if no arrow says so.
template <class State, class Event, std::size_t N>
constexpr std::optional<State> next(const Arrow<State, Event> (&table)[N], std::type_identity_t<State> from,
                                    std::type_identity_t<Event> event) {
    for (const auto& arrow : table) {
        if (arrow.from == from && arrow.event == event) return arrow.to;
    }
    return std::nullopt;
}

/// No two arrows leave one state by the same event.
template <class State, class Event, std::size_t N>
constexpr bool deterministic(const Arrow<State, Event> (&table)[N]) {
    for (std::size_t i = 0; i < N; ++i) {
        for (std::size_t j = i + 1; j < N; ++j) {
            if (table[i].from == table[j].from && table[i].event == table[j].event) return false;
        }
    }
    return true;
}

/// Some sequence of events leads from `initial` to `target` (the empty one included).
template <class State, class Event, std::size_t N>
constexpr bool reachable(const Arrow<State, Event> (&table)[N], std::type_identity_t<State> initial,
                         std::type_identity_t<State> target) {
    bool reached[N] = {}; // arrow i can be taken
    if (initial == target) return true;
    for (std::size_t round = 0; round < N; ++round) {
        for (std::size_t i = 0; i < N; ++i) {
            reached[i] = reached[i] || table[i].from == initial;
            for (std::size_t j = 0; j < N; ++j) reached[i] = reached[i] || (reached[j] && table[j].to == table[i].from);
            if (reached[i] && table[i].to == target) return true;
        }
    }
    return false;
}

/// No arrow leaves from or leads to a state that cannot be reached from `initial`.
template <class State, class Event, std::size_t N>
constexpr bool all_reachable(const Arrow<State, Event> (&table)[N], std::type_identity_t<State> initial) {
    for (const auto& arrow : table) {
        if (!reachable(table, initial, arrow.from) || !reachable(table, initial, arrow.to)) return false;
    }
    return true;
}

/// From every state that the table names, `home` can be reached again: nothing ends in a trap.
template <class State, class Event, std::size_t N>
constexpr bool always_returns(const Arrow<State, Event> (&table)[N], std::type_identity_t<State> home) {
    for (const auto& arrow : table) {
        if (!reachable(table, arrow.to, home)) return false;
    }
    return true;
}

/// The distinct states and events that the arrows name, in order of first appearance.
template <class State, class Event, std::size_t N>
std::pair<std::vector<State>, std::vector<Event>> alphabet(const Arrow<State, Event> (&table)[N]) {
    std::pair<std::vector<State>, std::vector<Event>> found;
    const auto add = [](auto& list, auto value) {
        for (const auto& known : list) {
            if (known == value) return;
        }
        list.push_back(value);
    };
    for (const auto& arrow : table) add(found.first, arrow.from), add(found.second, arrow.event);
    for (const auto& arrow : table) add(found.first, arrow.to);
    return found;
}

/// Calls `f(state, event, std::optional<State> to)` for every state x event pair of the table's alphabet: the walk of
/// tests.
template <class State, class Event, std::size_t N, class F>
void for_each_pair(const Arrow<State, Event> (&table)[N], F&& f) {
    const auto [states, events] = alphabet(table);
    for (State state : states) {
        for (Event event : events) f(state, event, next(table, state, event));
    }
}

/// One thing that lives by `Table`. An event with no arrow changes nothing, is counted, and is reported.
template <class State, class Event, const auto& Table>
class Lifecycle {
public:
    using IllegalArrow = std::function<void(State, Event)>;

    explicit Lifecycle(State initial, IllegalArrow report = {}) : state_(initial), report_(std::move(report)) {}

    State state() const { return state_; }
    bool is(State state) const { return state_ == state; }
    bool accepts(Event event) const { return next(Table, state_, event).has_value(); }
    u64 illegal_arrows() const { return illegal_; }
    void on_illegal(IllegalArrow report) { report_ = std::move(report); }

    /// True if an arrow was taken.
    bool apply(Event event) {
        if (const auto to = next(Table, state_, event)) {
            state_ = *to;
            return true;
        }
        ++illegal_;
        if (report_) report_(state_, event);
        return false;
    }

private:
    State state_;
    u64 illegal_ = 0;
    IllegalArrow report_;
};

} // namespace quiesce::base
