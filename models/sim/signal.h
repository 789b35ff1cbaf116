// SPDX-License-Identifier: Apache-2.0
/// Signal: something happened; whoever waits goes on at that instant. Latch: something has happened and stays so.
#pragma once
#include "sim/calendar.h"

#include <boost/intrusive/list.hpp>

namespace quiesce::sim {

/// A condition without memory: notify() wakes those who wait now, in the order they came. Waiting takes an optional deadline.
class Signal {
public:
    Signal() = default;
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;

    /// co_await signal.wait() -> true; co_await signal.wait_until(t) -> false if `t` came first.
    class Waiter : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>,
                   Timer {
    public:
        Waiter(Signal& s, Time deadline) : Timer(&Waiter::expire), s_(s), deadline_(deadline) {}
        Waiter(const Waiter&) = delete;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> h) {
            h_ = h;
            s_.waiters_.push_back(*this);
            if (deadline_ < Time::never()) Calendar::current().arm(*this, deadline_ > now() ? deadline_ : now());
        }
        bool await_resume() const { return notified_; }

    private:
        friend class Signal;
        using ListHook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
        static void expire(Timer& t) {
            auto& w = static_cast<Waiter&>(t);
            w.ListHook::unlink();
            w.h_.resume();
        }
        void wake() {
            cancel();
            notified_ = true;
            Calendar::current().schedule_now(h_);
        }
        Signal& s_;
        Time deadline_;
        std::coroutine_handle<> h_;
        bool notified_ = false;
    };

    Waiter wait() { return {*this, Time::never()}; }
    Waiter wait_until(Time t) { return {*this, t}; }
    Waiter wait_for(Duration d) { return {*this, now() + d}; }
    void notify_all() {
        while (!waiters_.empty()) notify_one();
    }
    /// Wakes the one that has waited longest. False if nobody waits.
    bool notify_one() {
        if (waiters_.empty()) return false;
        Waiter& w = waiters_.front();
        waiters_.pop_front();
        w.wake();
        return true;
    }
    bool anyone_waiting() const { return !waiters_.empty(); }

private:
    boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> waiters_;
};

/// Set once, then every wait is over at once, until reset().
class Latch {
public:
    void set() { set_ = true; signal_.notify_all(); }
    void reset() { set_ = false; }
    bool is_set() const { return set_; }
    struct Wait : Signal::Waiter {
        Wait(Latch& l, Time t) : Signal::Waiter(l.signal_, t), latch(l) {}
        bool await_ready() const { return latch.set_; }
        bool await_resume() const { return latch.set_; }
        Latch& latch;
    };
    Wait wait() { return {*this, Time::never()}; }
    /// -> false if `t` came first.
    Wait wait_until(Time t) { return {*this, t}; }
    Wait wait_for(Duration d) { return {*this, now() + d}; }

private:
    Signal signal_;
    bool set_ = false;
};

} // namespace quiesce::sim
