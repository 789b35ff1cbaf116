// SPDX-License-Identifier: Apache-2.0
/// Stages that keep order: a fixed-latency stage, a wire that serialises what crosses it, and a pipe that carries values.
#pragma once
#include "sim/calendar.h"

namespace quiesce::sim {

/// co_await stage.pass(): a fully pipelined stage of fixed latency. Zero latency does not suspend.
class Stage {
public:
    explicit Stage(Duration latency) : latency_(latency) {}
    struct Pass {
        Stage& s;
        bool await_ready() const { return s.latency_ == Duration{}; }
        void await_suspend(std::coroutine_handle<> h) { s.lane_.push(h, now() + s.latency_); }
        void await_resume() const {}
    };
    Pass pass() { return {*this}; }
    Duration latency() const { return latency_; }
    std::size_t inside() const { return lane_.size(); }

private:
    Duration latency_;
    Lane lane_;
};

/// co_await wire.send(occupancy): waits for the wire to be free, occupies it for `occupancy`, and goes on when the last bit
/// has travelled `latency`.
class Wire {
public:
    explicit Wire(Duration latency) : latency_(latency) {}
    struct Send {
        Wire& w;
        Duration occupancy;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> h) { w.lane_.push(h, w.reserve(occupancy) + w.latency_); }
        void await_resume() const {}
    };
    Send send(Duration occupancy) { return {*this, occupancy}; }
    /// Takes the next free stretch of the wire; returns the instant at which its last bit is on the wire.
    Time reserve(Duration occupancy) {
        free_at_ = (free_at_ > now() ? free_at_ : now()) + occupancy;
        busy_ += occupancy;
        return free_at_;
    }
    /// As reserve(), for what has been coming in from somewhere: its first bit not before `first`, which may have passed,
    /// its last bit not before `last`.
    Time reserve(Duration occupancy, Time first, Time last) {
        free_at_ = (free_at_ > first ? free_at_ : first) + occupancy;
        if (free_at_ < last) free_at_ = last;
        busy_ += occupancy;
        return free_at_;
    }
    struct Sent {
        Wire& w;
        Time at;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> h) { w.lane_.push(h, at + w.latency_); }
        void await_resume() const {}
    };
    /// co_await: what reserve() just said would end at `at` has travelled.
    Sent sent(Time at) { return {*this, at}; }
    Time free_at() const { return free_at_; }
    Duration busy() const { return busy_; }
    Duration latency() const { return latency_; }

private:
    Duration latency_;
    Time free_at_;
    Duration busy_{};
    Lane lane_;
};

/// Values pushed come out `latency` later, in order; one consumer at a time: `T v = co_await pipe.pop()`.
template <class T> class Pipe {
public:
    explicit Pipe(Duration latency = {}) : latency_(latency) {}
    void push(T v) {
        items_.push({now() + latency_, std::move(v)});
        if (consumer_ && items_.size() == 1) Calendar::current().schedule(std::exchange(consumer_, nullptr), items_.front().ready);
    }
    struct Pop {
        Pipe& p;
        bool await_ready() const { return !p.items_.empty() && p.items_.front().ready <= now(); }
        void await_suspend(std::coroutine_handle<> h) {
            if (p.items_.empty()) p.consumer_ = h;
            else Calendar::current().schedule(h, p.items_.front().ready);
        }
        T await_resume() { return std::move(p.items_.pop().value); }
    };
    Pop pop() { return {*this}; }
    std::size_t size() const { return items_.size(); }

private:
    struct Entry {
        Time ready;
        T value;
    };
    Duration latency_;
    Fifo<Entry> items_;
    std::coroutine_handle<> consumer_;
};

} // namespace quiesce::sim
