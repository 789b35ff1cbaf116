// SPDX-License-Identifier: Apache-2.0
/// Locks as timed resources with waiters: a mutex, and a read-write lock in which a waiting writer stops later readers.
#pragma once
#include "sim/slots.h"

namespace quiesce::sim {

/// First come, first served. `auto held = co_await mutex.lock();`
class Mutex {
public:
    Slots::Acquire lock() { return one_.acquire(); }
    Lease try_lock() { return one_.try_acquire(); }
    bool locked() const { return one_.used() != 0; }
    unsigned waiting() const { return one_.waiting(); }
    Duration waited() const { return one_.waited(); }

private:
    Slots one_{1};
};

/// Readers share, writers exclude. Waiters are served strictly in order, so a writer is not starved by later readers
/// (the kernel's rw_semaphore hands off in the same way).
class RwLock {
public:
    RwLock() = default;
    RwLock(const RwLock&) = delete;
    RwLock& operator=(const RwLock&) = delete;

    class [[nodiscard]] Held {
    public:
        Held() = default;
        Held(RwLock* l, bool writer) : l_(l), writer_(writer) {}
        Held(Held&& o) noexcept : l_(std::exchange(o.l_, nullptr)), writer_(o.writer_) {}
        Held& operator=(Held&& o) noexcept {
            if (this != &o) { release(); l_ = std::exchange(o.l_, nullptr); writer_ = o.writer_; }
            return *this;
        }
        ~Held() { release(); }
        void release() { if (l_) std::exchange(l_, nullptr)->unlock(writer_); }
        explicit operator bool() const { return l_ != nullptr; }

    private:
        RwLock* l_ = nullptr;
        bool writer_ = false;
    };
    struct Acquire {
        RwLock& l;
        bool writer;
        bool await_ready() { return l.queue_.empty() && l.take(writer); }
        void await_suspend(std::coroutine_handle<> h) { l.queue_.push({h, writer}); }
        Held await_resume() { return Held{&l, writer}; }
    };
    Acquire read() { return {*this, false}; }
    Acquire write() { return {*this, true}; }
    /// Empty if it would have to wait.
    Held try_read() { return queue_.empty() && take(false) ? Held{this, false} : Held{}; }
    Held try_write() { return queue_.empty() && take(true) ? Held{this, true} : Held{}; }
    unsigned readers() const { return readers_; }
    bool write_locked() const { return writer_; }
    unsigned waiting() const { return static_cast<unsigned>(queue_.size()); }

private:
    struct Waiter {
        std::coroutine_handle<> who;
        bool writer;
    };
    bool take(bool writer) {
        if (writer_ || (writer && readers_ > 0)) return false;
        if (writer) writer_ = true;
        else ++readers_;
        return true;
    }
    void unlock(bool writer) {
        if (writer) writer_ = false;
        else --readers_;
        while (!queue_.empty() && take(queue_.front().writer)) Calendar::current().schedule_now(queue_.pop().who);
    }
    unsigned readers_ = 0;
    bool writer_ = false;
    Fifo<Waiter> queue_;
};

} // namespace quiesce::sim
