// SPDX-License-Identifier: Apache-2.0
/// Models emit facts, observers decide what they mean. One described struct per fact; who listens is nobody's business.
///
///     struct DmaCommitted { static constexpr std::string_view event_name = "DmaCommitted"; Spa at; u32 bytes; };
///     DESCRIBE(DmaCommitted, at, bytes)
///     auto token = bus.subscribe<DmaCommitted>([](sim::Time now, const DmaCommitted& e) { ... });
///     bus.emit(DmaCommitted{at, 64});
#pragma once
#include "base/describe.h"
#include "base/types.h"
#include "sim/time.h"

#include <array>
#include <concepts>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace quiesce::base {

/// A described struct with `static constexpr std::string_view event_name`.
template <class E>
concept Event = Described<E> && requires { { E::event_name } -> std::convertible_to<std::string_view>; };

namespace detail {

inline constexpr std::size_t max_event_types = 512;

inline std::size_t take_event_index() {
    static std::size_t taken = 0;
    if (++taken >= max_event_types) throw std::length_error("more event types than max_event_types");
    return taken;
}
/// Dense, from 1, given out before main() in no particular order: it chooses a slot and must reach no result.
template <class E>
inline const std::size_t event_index = take_event_index();

/// The subscribers of one event type. It knows no type: each handler was wrapped by somebody who did.
class Channel {
public:
    using Handler = std::function<void(sim::Time, const void* event)>;

    /// `live` is non-null while somebody listens.
    explicit Channel(Channel** live) : live_(live) {}
    u64 add(Handler handler);
    void remove(u64 id);
    void deliver(sim::Time now, const void* event); // in events.cpp: kept out of the emitting model's code

private:
    struct Entry {
        u64 id;
        bool active;
        Handler call;
    };
    struct Depth;
    void sweep();

    Channel** live_;
    std::deque<Entry> handlers_; // a deque: growing moves no handler that is running
    u64 last_id_ = 0;
    unsigned depth_ = 0;
};

} // namespace detail

/// Keeps a subscription alive. Destroying or resetting it ends delivery; `dismiss()` leaves the subscription to the
/// bus.
class [[nodiscard]] Subscription {
public:
    Subscription() = default;
    Subscription(std::weak_ptr<detail::Channel> channel, u64 id) : channel_(std::move(channel)), id_(id) {}
    Subscription(Subscription&& other) noexcept : channel_(std::exchange(other.channel_, {})), id_(other.id_) {}
    Subscription& operator=(Subscription&& other) noexcept {
        if (this != &other) {
            reset();
            channel_ = std::exchange(other.channel_, {});
            id_ = other.id_;
        }
        return *this;
    }
    ~Subscription() { reset(); }

    void reset() {
        if (const auto channel = channel_.lock()) channel->remove(id_);
        channel_.reset();
    }
    void dismiss() { channel_.reset(); }

private:
    std::weak_ptr<detail::Channel> channel_;
    u64 id_ = 0;
};

/// Delivers each event to its subscribers at once, in the order of subscription. An event type that nobody subscribed
/// to costs one load and one branch. A handler may emit, subscribe and end subscriptions: one that joins during a
/// delivery first hears the next event, one that leaves hears nothing more.
class EventBus {
public:
    /// `clock` is where the current time is kept; it must outlive the bus.
    explicit EventBus(const sim::Time* clock) : clock_(clock) {
        if (clock == nullptr) throw std::invalid_argument("an event bus needs a clock");
    }
    EventBus(const EventBus&) = delete;
    EventBus& operator=(const EventBus&) = delete;

    template <Event E>
    void emit(const E& event) {
        const std::size_t slot = detail::event_index<E>;
        if (live_[slot] != nullptr) [[unlikely]] deliver(*live_[slot], &event);
    }
    /// The number of the event that is being delivered: from 1, in the order of emission, of those that anybody hears. All that
    /// is written about an event names it; 0 outside of handlers.
    u64 event_id() const { return delivering_; }
    /// Somebody listens to E. For events that are dear to put together.
    template <Event E>
    bool wants() const { return live_[detail::event_index<E>] != nullptr; }

    /// `handler(sim::Time now, const E& event)`. A token may outlive the bus.
    template <Event E, class Handler>
    Subscription subscribe(Handler&& handler) {
        return subscribe(detail::event_index<E>, [handler = std::forward<Handler>(handler)](sim::Time now, const void* event) mutable {
            handler(now, *static_cast<const E*>(event));
        });
    }

    sim::Time now() const { return *clock_; }

private:
    Subscription subscribe(std::size_t slot, detail::Channel::Handler handler);
    void deliver(detail::Channel& channel, const void* event);

    const sim::Time* clock_;
    u64 delivered_ = 0, delivering_ = 0;
    std::array<detail::Channel*, detail::max_event_types> live_{}; ///< null where nobody listens
    std::array<std::shared_ptr<detail::Channel>, detail::max_event_types> channels_{};
};

/// A list of event types: what a room can tell. Lists join: `Join<PcieEvents, IommuEvents>`.
template <Event... E>
struct EventList {
    static constexpr std::size_t count = sizeof...(E);
};

namespace detail {
template <class... Lists>
struct JoinLists;
template <class... A>
struct JoinLists<EventList<A...>> { using type = EventList<A...>; };
template <class... A, class... B, class... Rest>
struct JoinLists<EventList<A...>, EventList<B...>, Rest...> : JoinLists<EventList<A..., B...>, Rest...> {};

template <class... E, class F>
void each_type(EventList<E...>, F& f) { (f(std::type_identity<E>{}), ...); }
} // namespace detail

template <class... Lists>
using Join = typename detail::JoinLists<Lists...>::type;

/// Calls `f(std::type_identity<E>{})` for each type of the list, in order.
template <class List, class F>
void for_each_type(F&& f) { detail::each_type(List{}, f); }

/// Subscribes one generic callable, `f(sim::Time, const auto& event)`, to every type of the list. Each subscription
/// holds its own copy of `f`: let it capture references.
template <class List, class F>
[[nodiscard]] std::vector<Subscription> for_each_event(EventBus& bus, F f) {
    std::vector<Subscription> tokens;
    for_each_type<List>([&](auto type) {
        using E = typename decltype(type)::type;
        tokens.push_back(bus.subscribe<E>([f](sim::Time now, const E& event) mutable { f(now, event); }));
    });
    return tokens;
}

} // namespace quiesce::base
