// SPDX-License-Identifier: Apache-2.0
/// The order in which one requester's transactions pass a point (facts/iommu-specs.md 4.5): posted writes do not pass
/// posted writes, reads do not pass posted writes, a completion pushes the posted writes before it. Reads may pass
/// reads.
#pragma once
#include "base/address.h"
#include "sim/calendar.h"

#include <boost/intrusive/list.hpp>
#include <map>

namespace quiesce::pcie {

/// Numbered things that end in any order; whoever waits for `n` goes on when every one before number `n` has ended.
/// Nothing suspends as long as they end in order.
class Prefix {
public:
    Prefix() = default;
    Prefix(const Prefix&) = delete;
    Prefix& operator=(const Prefix&) = delete;

    u64 open() {
        ended_.push(0);
        return next_++;
    }
    u64 next() const { return next_; }
    bool reached(u64 n) const { return first_open_ >= n; }
    std::size_t inside() const { return ended_.size(); }
    void end(u64 number) {
        ended_.at(number - first_open_) = 1;
        while (!ended_.empty() && ended_.front() != 0) {
            ended_.pop();
            ++first_open_;
        }
        while (!waiters_.empty() && reached(waiters_.front().n_)) {
            Until& w = waiters_.front();
            waiters_.pop_front();
            sim::Calendar::current().schedule_now(w.who_);
        }
    }

    class Until : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    public:
        Until(Prefix& p, u64 n) : p_(p), n_(n) {}
        Until(const Until&) = delete;
        bool await_ready() const { return p_.reached(n_); }
        void await_suspend(std::coroutine_handle<> h) {
            who_ = h;
            auto at = p_.waiters_.end(); // nearly always the last place
            while (at != p_.waiters_.begin() && n_ < std::prev(at)->n_) --at;
            p_.waiters_.insert(at, *this);
        }
        void await_resume() const {}

    private:
        friend class Prefix;
        Prefix& p_;
        u64 n_;
        std::coroutine_handle<> who_;
    };
    Until until(u64 n) { return {*this, n}; }

private:
    sim::Fifo<u8> ended_;
    u64 first_open_ = 0, next_ = 0;
    boost::intrusive::list<Until, boost::intrusive::constant_time_size<false>> waiters_;
};

/// The posted writes inside a root port. A write takes a ticket when it arrives; it is handed to the memory
/// in ticket order, and the memory commits in the order of arrival. One that is ordered by its PASID alone (ID-based
/// ordering) stays behind those that are not, and behind its like of the same PASID.
class PostedOrder {
public:
    u64 arrive() {
        const u64 ticket = arrive_by_id();
        strict_ = ticket + 1;
        return ticket;
    }
    u64 arrive_by_id() {
        committed_.open();
        return handed_over_.open();
    }
    /// What stays behind this number stays behind all that have arrived so far, but for those ordered by PASID that
    /// came last.
    u64 strict() const { return strict_; }
    /// Those that are ordered by this PASID of this requester.
    Prefix& of(RequesterId requester, Pasid pasid) { return by_id_[u64{raw(requester)} << 32 | raw(pasid)]; }
    /// All posted writes that have arrived so far: what a read or a completion that arrives now stays behind.
    u64 behind() const { return committed_.next(); }
    /// co_await: every posted write before ticket `n` has been handed to the memory.
    Prefix::Until handed_over_before(u64 n) { return handed_over_.until(n); }
    /// co_await: every posted write before ticket `n` is globally observable, or was dropped.
    Prefix::Until committed_before(u64 n) { return committed_.until(n); }
    /// Call right before the memory gets the write, in the same step of the same coroutine: the successors come later.
    void hand_over(u64 ticket) { handed_over_.end(ticket); }
    void commit(u64 ticket) { committed_.end(ticket); }
    std::size_t inside() const { return committed_.inside(); }

private:
    Prefix handed_over_, committed_;
    u64 strict_ = 0;
    std::map<u64, Prefix> by_id_;
};

/// The reads inside a root port that hands them to memory in the order of their arrival, at the pace at which the link
/// takes their answers.
class ReadOrder {
public:
    u64 arrive() { return handed_over_.open(); }
    /// co_await: every read before ticket `n` has been handed over.
    Prefix::Until handed_over_before(u64 n) { return handed_over_.until(n); }
    /// When the next one can be.
    sim::Time next() const { return next_; }
    std::size_t inside() const { return handed_over_.inside(); }
    /// Right before the memory gets the read; its answer takes the link for `answer`.
    void hand_over(u64 ticket, sim::Duration answer) {
        next_ = sim::now() + answer;
        handed_over_.end(ticket);
    }

private:
    Prefix handed_over_;
    sim::Time next_{};
};

} // namespace quiesce::pcie
