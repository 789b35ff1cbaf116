// SPDX-License-Identifier: Apache-2.0
/// The transmit side of flow control: packets enter the wire in the order in which they asked, a posted one only if the
/// receiver has room for it.
#pragma once
#include "base/types.h"
#include "sim/calendar.h"

#include <utility>

namespace quiesce::pcie {

/// MODEL: one credit is one posted packet of any size, and is back at the sender at the instant at which the receiver is
/// through with the packet (an UpdateFC takes no time of its own; its share of the wire is in the link's rate). Requests that are
/// not posted are limited by the requester's tags, completions are not limited.
class TransmitQueue {
public:
    explicit TransmitQueue(unsigned posted) : credits_(posted) {}
    TransmitQueue(const TransmitQueue&) = delete;
    TransmitQueue& operator=(const TransmitQueue&) = delete;

    /// Room at the receiver; given back when it goes out of scope.
    class [[nodiscard]] Credit {
    public:
        Credit() = default;
        explicit Credit(TransmitQueue& q) : q_(&q) {}
        Credit(Credit&& o) noexcept : q_(std::exchange(o.q_, nullptr)) {}
        Credit& operator=(Credit&&) = delete;
        ~Credit() {
            if (q_ != nullptr) q_->give_back();
        }

    private:
        TransmitQueue* q_ = nullptr;
    };
    struct Enter {
        TransmitQueue& q;
        bool posted;
        bool waited = false;
        bool await_ready() { return q.enter_at_once(posted); }
        void await_suspend(std::coroutine_handle<> h) {
            waited = true;
            q.waiting_.push({h, posted});
            q.admit();
        }
        void await_resume() {
            if (waited) --q.entering_;
        }
    };
    struct EnterPosted : Enter {
        Credit await_resume() {
            Enter::await_resume();
            return Credit{q};
        }
    };
    /// co_await: it is this packet's turn. What comes after a packet that waits, waits too.
    Enter enter() { return {*this, false}; }
    EnterPosted enter_posted() { return {{*this, true}}; }
    unsigned credits() const { return credits_; }
    std::size_t waiting() const { return waiting_.size(); }

private:
    struct Waiting {
        std::coroutine_handle<> who;
        bool posted;
    };
    bool enter_at_once(bool posted) {
        if (!waiting_.empty() || entering_ != 0 || (posted && credits_ == 0)) return false;
        credits_ -= posted;
        return true;
    }
    void admit() {
        while (!waiting_.empty() && (!waiting_.front().posted || credits_ > 0)) {
            const Waiting w = waiting_.pop();
            credits_ -= w.posted;
            ++entering_;
            lane_.push(w.who, sim::now()); // a lane keeps the order even when simultaneous items are shuffled
        }
    }
    void give_back() {
        ++credits_;
        if (!waiting_.empty()) admit();
    }
    unsigned credits_;
    unsigned entering_ = 0; ///< admitted, not yet running again: nobody may overtake them
    sim::Fifo<Waiting> waiting_;
    sim::Lane lane_;
};

} // namespace quiesce::pcie
