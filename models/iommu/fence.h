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
    Obligation(Fence* f, u64 sequence) : f_(f), sequence_(sequence) {}
    Obligation(Obligation&& o) noexcept : f_(std::exchange(o.f_, nullptr)), sequence_(o.sequence_) {}
    Obligation& operator=(Obligation&& o) noexcept {
        if (this != &o) {
            discharge();
            f_ = std::exchange(o.f_, nullptr);
            sequence_ = o.sequence_;
        }
        return *this;
    }
    ~Obligation() { discharge(); }
    inline void discharge();
    explicit operator bool() const { return f_ != nullptr; }

private:
    Fence* f_ = nullptr;
    u64 sequence_ = 0;
};

/// completed(upto) goes on when
///  - every invalidation begun with a sequence up to `upto` has been applied to every cache,
///  - every walk and structure fetch begun before the call has retired,
///  - every transaction that may have used what those invalidations removed is globally observable (or ended, with its
///    fault record written or given up), and
///  - every obligation with a sequence up to `upto` is discharged.
class Fence {
public:
    /// `walks` holds every table walk and structure fetch from its first to its last read.
    Fence(InvalidationEngine& invalidations, InFlightTracker& walks) : invalidations_(invalidations), walks_(walks) {}
    Fence(const Fence&) = delete;
    Fence& operator=(const Fence&) = delete;

    sim::Task<void> completed(u64 upto);

    /// A fence over `sequence` waits until the obligation is discharged.
    Obligation owe(u64 sequence) {
        owed_.push_back(sequence);
        return {this, sequence};
    }
    std::size_t obligations() const { return owed_.size(); }

private:
    friend class Obligation;
    void discharged(u64 sequence);
    bool owes(u64 upto) const;

    InvalidationEngine& invalidations_;
    InFlightTracker& walks_;
    std::vector<u64> owed_;
    sim::Signal settled_;
};

inline void Obligation::discharge() {
    if (f_ != nullptr) std::exchange(f_, nullptr)->discharged(sequence_);
}

} // namespace quiesce::iommu
