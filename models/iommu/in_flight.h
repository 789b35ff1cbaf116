// SPDX-License-Identifier: Apache-2.0
/// Transactions between their translation and the moment they are globally observable. A fence asks for all that began
/// before it to be over.
#pragma once
#include "sim/signal.h"
#include "sim/task.h"

#include <utility>

namespace quiesce::iommu {

class InFlightTracker;

/// Held by a transaction from before its look-up until its access has committed.
class [[nodiscard]] InFlight {
public:
    InFlight() = default;
    InFlight(InFlightTracker* t, std::uint64_t epoch) : t_(t), epoch_(epoch) {}
    InFlight(InFlight&& o) noexcept : t_(std::exchange(o.t_, nullptr)), epoch_(o.epoch_) {}
    InFlight& operator=(InFlight&& o) noexcept {
        if (this != &o) {
            end();
            t_ = std::exchange(o.t_, nullptr);
            epoch_ = o.epoch_;
        }
        return *this;
    }
    ~InFlight() { end(); }
    inline void end();
    explicit operator bool() const { return t_ != nullptr; }

private:
    InFlightTracker* t_ = nullptr;
    std::uint64_t epoch_ = 0;
};

/// Counts by epoch: to close is to draw a line, and what began before the line is over when its epoch is empty.
/// MODEL: a drain waits for every transaction that began before it, not only for those that its scopes cover.
class InFlightTracker {
public:
    InFlight begin() {
        ++newest_;
        return {this, current_};
    }
    std::size_t inside() const { return newest_ + in_closed_; }
    /// Draws a line here; passed(the result) when everything begun before this call has ended.
    std::uint64_t close() {
        if (newest_ == 0) return current_ - 1;
        closed_.push(newest_);
        in_closed_ += newest_;
        newest_ = 0;
        return current_++;
    }
    bool passed(std::uint64_t epoch) const { return oldest() > epoch; }
    /// Goes on when passed(epoch).
    sim::Task<void> drained(std::uint64_t epoch) {
        while (!passed(epoch)) co_await moved_.wait();
    }
    /// Goes on when everything begun before this call has ended.
    sim::Task<void> drain() { return drained(close()); }

private:
    friend class InFlight;
    std::uint64_t oldest() const { return current_ - closed_.size(); }
    void ended(std::uint64_t epoch) {
        if (epoch == current_)
            --newest_;
        else
            ended_in_closed(epoch);
    }
    void ended_in_closed(std::uint64_t epoch) {
        --in_closed_;
        if (--closed_.at(epoch - oldest()) != 0 || epoch != oldest()) return;
        while (!closed_.empty() && closed_.front() == 0) closed_.pop();
        moved_.notify_all();
    }
    std::uint64_t current_ = 1;
    std::size_t newest_ = 0, in_closed_ = 0;
    sim::Fifo<std::size_t> closed_; ///< counts of the epochs before the current one; the oldest is not zero
    sim::Signal moved_;
};

inline void InFlight::end() {
    if (t_ != nullptr) std::exchange(t_, nullptr)->ended(epoch_);
}

} // namespace quiesce::iommu
