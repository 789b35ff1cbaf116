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

class ChannelBase {
public:
    virtual ~ChannelBase() = default;
    virtual void remove(u64 id) = 0;
};

} // namespace detail

/// Keeps a subscription alive. Destroying or resetting it ends delivery; `dismiss()` leaves the subscription to the
/// bus.
class [[nodiscard]] Subscription {
public:
    Subscription() = default;
    Subscription(std::weak_ptr<detail::ChannelBase> channel, u64 id) : channel_(std::move(channel)), id_(id) {}
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
    std::weak_ptr<detail::ChannelBase> channel_;
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
        if (live_[slot] != nullptr) [[unlikely]] static_cast<Channel<E>*>(live_[slot])->deliver(*clock_, event);
    }
    /// Somebody listens to E. For events that are dear to put together.
    template <Event E>
    bool wants() const { return live_[detail::event_index<E>] != nullptr; }

    /// `handler(sim::Time now, const E& event)`. A token may outlive the bus.
    template <Event E, class Handler>
    Subscription subscribe(Handler&& handler) {
        const std::size_t slot = detail::event_index<E>;
        if (slot == 0) throw std::logic_error("subscribed before event types were numbered");
        if (!channels_[slot]) channels_[slot] = std::make_shared<Channel<E>>(&live_[slot]);
        const u64 id = static_cast<Channel<E>&>(*channels_[slot]).add(std::forward<Handler>(handler));
        return Subscription{channels_[slot], id};
    }

    sim::Time now() const { return *clock_; }

private:
    template <class E>
    class Channel final : public detail::ChannelBase {
    public:
        explicit Channel(detail::ChannelBase** live) : live_(live) {}

        template <class Handler>
        u64 add(Handler&& handler) {
            handlers_.push_back({++last_id_, true, std::forward<Handler>(handler)});
            *live_ = this;
            return last_id_;
        }
        void remove(u64 id) override {
            for (Entry& entry : handlers_) {
                if (entry.id == id) entry.active = false;
            }
            if (depth_ == 0) sweep();
        }
        [[gnu::noinline]] void deliver(sim::Time now, const E& event) { // kept out of the emitting model's code
            const Depth guard{*this};
            const std::size_t count = handlers_.size(); // a deque: growing moves no handler that is running
            for (std::size_t i = 0; i < count; ++i) {
                if (handlers_[i].active) handlers_[i].call(now, event);
            }
        }

    private:
        struct Entry {
            u64 id;
            bool active;
            std::function<void(sim::Time, const E&)> call;
        };
        struct Depth {
            Channel& channel;
            explicit Depth(Channel& c) : channel(c) { ++channel.depth_; }
            ~Depth() { if (--channel.depth_ == 0) channel.sweep(); }
        };
        void sweep() {
            ++depth_; // a handler's own tokens may go with it, and come back here
            std::erase_if(handlers_, [](const Entry& entry) { return !entry.active; });
            --depth_;
            if (handlers_.empty()) *live_ = nullptr;
        }

        detail::ChannelBase** live_;
        std::deque<Entry> handlers_;
        u64 last_id_ = 0;
        unsigned depth_ = 0;
    };

    const sim::Time* clock_;
    std::array<detail::ChannelBase*, detail::max_event_types> live_{}; ///< null where nobody listens
    std::array<std::shared_ptr<detail::ChannelBase>, detail::max_event_types> channels_{};
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
