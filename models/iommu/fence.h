// SPDX-License-Identifier: Apache-2.0
/// The fence: the promise that software builds "now I may free it" on.
#pragma once
#include "iommu/invalidation.h"

#include <utility>

namespace quiesce::iommu {

class Fence;

/// Something a fence has to wait for besides the unit's own caches, such as an invalidation that a device has to
/// answer. Discharged explicitly or by going out of scope.
class [[nodiscard]] Obligation {
public:
    Obligation() = default;
    Obligation(Fence* f, u64 number) : f_(f), number_(number) {}
    Obligation(Obligation&& o) noexcept : f_(std::exchange(o.f_, nullptr)), number_(o.number_) {}
    Obligation& operator=(Obligation&& o) noexcept {
        if (this != &o) {
            discharge();
            f_ = std::exchange(o.f_, nullptr);
            number_ = o.number_;
        }
        return *this;
    }
    ~Obligation() { discharge(); }
    inline void discharge();
    explicit operator bool() const { return f_ != nullptr; }

private:
    Fence* f_ = nullptr;
    u64 number_ = 0; ///< of the fence's own
};

/// completed(upto) goes on when
///  - every invalidation begun with a sequence up to `upto` has been applied to every cache,
///  - every walk and structure fetch begun before the call has retired,
///  - every transaction that may have used what those invalidations removed is globally observable (or ended, with its
///    fault record written or given up), and
///  - every obligation with a sequence up to `upto` is discharged.
/// Where a unit takes commands from several queues, sequences count all of them, and a fence may be of one queue: it
/// then waits for the obligations of that queue alone. Of invalidations, which one engine carries out in order, it waits
/// for those up to `upto`, which should be the queue's last.
class Fence {
public:
    /// `walks` holds every table walk and structure fetch from its first to its last read.
    Fence(InvalidationEngine& invalidations, InFlightTracker& walks) : invalidations_(invalidations), walks_(walks) {}
    Fence(const Fence&) = delete;
    Fence& operator=(const Fence&) = delete;

    sim::Task<void> completed(u64 upto, base::Name queue = {});

    /// A fence of the queue over `sequence` waits until the obligation is discharged.
    Obligation owe(u64 sequence, base::Name queue = {}) {
        owed_.push_back({++obligations_, sequence, queue});
        return {this, obligations_};
    }
    std::size_t obligations() const { return owed_.size(); }

private:
    friend class Obligation;
    struct Owed {
        u64 number, sequence;
        base::Name queue;
    };
    void discharged(u64 number);
    bool owes(u64 upto, base::Name queue) const;

    InvalidationEngine& invalidations_;
    InFlightTracker& walks_;
    std::vector<Owed> owed_;
    u64 obligations_ = 0; ///< ever
    sim::Signal settled_;
};

inline void Obligation::discharge() {
    if (f_ != nullptr) std::exchange(f_, nullptr)->discharged(number_);
}

} // namespace quiesce::iommu
