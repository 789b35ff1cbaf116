// SPDX-License-Identifier: Apache-2.0
#include "base/events.h"

namespace quiesce::base {
namespace detail {

struct Channel::Depth {
    Channel& channel;
    explicit Depth(Channel& c) : channel(c) { ++channel.depth_; }
    ~Depth() { if (--channel.depth_ == 0) channel.sweep(); }
};

u64 Channel::add(Handler handler) {
    handlers_.push_back({++last_id_, true, std::move(handler)});
    *live_ = this;
    return last_id_;
}

void Channel::remove(u64 id) {
    for (Entry& entry : handlers_) {
        if (entry.id == id) entry.active = false;
    }
    if (depth_ == 0) sweep();
}

void Channel::deliver(sim::Time now, const void* event) {
    const Depth guard{*this};
    const std::size_t count = handlers_.size();
    for (std::size_t i = 0; i < count; ++i) {
        if (handlers_[i].active) handlers_[i].call(now, event);
    }
}

void Channel::sweep() {
    ++depth_; // a handler's own tokens may go with it, and come back here
    std::erase_if(handlers_, [](const Entry& entry) { return !entry.active; });
    --depth_;
    if (handlers_.empty()) *live_ = nullptr;
}

} // namespace detail

/// A handler may emit: what it tells of has a number of its own.
void EventBus::deliver(detail::Channel& channel, const void* event) {
    struct Number {
        u64& current;
        const u64 outer;
        Number(u64& now, u64 id) : current(now), outer(std::exchange(now, id)) {}
        ~Number() { current = outer; }
    };
    const Number number(delivering_, ++delivered_);
    channel.deliver(*clock_, event);
}

Subscription EventBus::subscribe(std::size_t slot, detail::Channel::Handler handler) {
    if (slot == 0) throw std::logic_error("subscribed before event types were numbered");
    if (!channels_[slot]) channels_[slot] = std::make_shared<detail::Channel>(&live_[slot]);
    const u64 id = channels_[slot]->add(std::move(handler));
    return Subscription{channels_[slot], id};
}

} // namespace quiesce::base
