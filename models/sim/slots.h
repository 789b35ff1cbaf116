// SPDX-License-Identifier: Apache-2.0
/// Slots: a limited number of places, first come first served. Holding one is a lease that gives it back on every path;
/// queueing for it *is* the contention.
#pragma once
#include "sim/calendar.h"

#include <utility>

namespace quiesce::sim {

class Slots;

/// A place taken; given back when it goes out of scope.
class [[nodiscard]] Lease {
public:
    Lease() = default;
    explicit Lease(Slots& s) : s_(&s) {}
    Lease(Lease&& o) noexcept : s_(std::exchange(o.s_, nullptr)) {}
    Lease& operator=(Lease&& o) noexcept {
        if (this != &o) { release(); s_ = std::exchange(o.s_, nullptr); }
        return *this;
    }
    ~Lease() { release(); }
    inline void release();
    explicit operator bool() const { return s_ != nullptr; }

private:
    Slots* s_ = nullptr;
};

class Slots {
public:
    /// Called after every change with (context, used, waiting): how occupancy reaches waveforms.
    using OnChange = void (*)(void* context, unsigned used, unsigned waiting);

    explicit Slots(unsigned count) : free_(count), count_(count) {}
    Slots(const Slots&) = delete;
    Slots& operator=(const Slots&) = delete;

    struct Acquire {
        Slots& s;
        Time asked = now();
        bool await_ready() {
            if (s.free_ == 0 || !s.queue_.empty()) return false;
            --s.free_;
            return true;
        }
        void await_suspend(std::coroutine_handle<> h) {
            s.queue_.push(h);
            s.changed();
        }
        Lease await_resume() {
            s.waited_ += now() - asked;
            ++s.granted_;
            s.changed();
            return Lease{s};
        }
    };
    Acquire acquire() { return Acquire{*this}; }
    /// A lease if a place is free and nobody waits for it; otherwise an empty one.
    Lease try_acquire() {
        if (free_ == 0 || !queue_.empty()) return {};
        --free_;
        ++granted_;
        changed();
        return Lease{*this};
    }
    unsigned count() const { return count_; }
    unsigned used() const { return count_ - free_; }
    unsigned waiting() const { return static_cast<unsigned>(queue_.size()); }
    std::uint64_t granted() const { return granted_; }
    Duration waited() const { return waited_; }
    void on_change(OnChange f, void* context) { on_change_ = f; context_ = context; }

private:
    friend class Lease;
    void give_back() {
        if (queue_.empty()) ++free_;
        else Calendar::current().schedule_now(queue_.pop()); // handed over: never free in between, so nobody can overtake
        changed();
    }
    void changed() { if (on_change_) on_change_(context_, used(), waiting()); }

    unsigned free_, count_;
    Fifo<std::coroutine_handle<>> queue_;
    std::uint64_t granted_ = 0;
    Duration waited_{};
    OnChange on_change_ = nullptr;
    void* context_ = nullptr;
};

inline void Lease::release() {
    if (s_ != nullptr) std::exchange(s_, nullptr)->give_back();
}

} // namespace quiesce::sim
