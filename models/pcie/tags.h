// SPDX-License-Identifier: Apache-2.0
/// Tags of requests that await completions (facts/iommu-specs.md 4.6): a read holds one until its last completion
/// arrived.
#pragma once
#include "base/types.h"
#include "sim/slots.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace quiesce::pcie {

class Tags;

/// A tag in use; free again when this goes out of scope.
class [[nodiscard]] Tag {
public:
    Tag() = default;
    Tag(Tags& owner, u16 index, u16 number, sim::Lease place)
        : owner_(&owner), index_(index), number_(number), place_(std::move(place)) {}
    Tag(Tag&& o) noexcept
        : owner_(std::exchange(o.owner_, nullptr)), index_(o.index_), number_(o.number_), place_(std::move(o.place_)) {}
    Tag& operator=(Tag&&) = delete;
    ~Tag() { release(); }
    inline void release();
    u16 number() const { return number_; }

private:
    Tags* owner_ = nullptr;
    u16 index_ = 0, number_ = 0;
    sim::Lease place_;
};

/// The tags of one requester, given out in turn; who finds none waits, first come first served. How many there are is
/// the device's; how many of them it may use, software's: limit().
class Tags {
public:
    explicit Tags(unsigned count) : places_(count), usable_(count), in_use_(count) {
        for (unsigned n = 0; n < count; ++n) free_.push(static_cast<u16>(n));
    }
    struct Acquire : sim::Slots::Acquire {
        Tags& tags;
        Tag await_resume() {
            const u16 n = tags.free_.pop();
            tags.in_use_[n] = 1;
            return Tag{tags, n, static_cast<u16>(tags.first_ + n), sim::Slots::Acquire::await_resume()};
        }
    };
    Acquire acquire() { return Acquire{places_.acquire(), *this}; }
    unsigned count() const { return places_.count(); }
    /// From now on at most `usable` of them, with numbers from `first` on. What is in use stays so until it is
    /// released.
    void limit(unsigned usable, u16 first) {
        first_ = first;
        const unsigned before = std::exchange(usable_, std::min(usable, count()));
        free_.remove_if([this](u16 n) { return n >= usable_; });
        for (unsigned n = before; n < usable_; ++n)
            if (in_use_[n] == 0) free_.push(static_cast<u16>(n));
        while (kept() > count() - usable_) kept_.pop_back();
        while (kept() < count() - usable_) {
            sim::Lease place = places_.try_acquire();
            if (!place) break; // the rest as they come back
            kept_.push_back(std::move(place));
        }
    }
    unsigned usable() const { return usable_; }
    /// In use.
    unsigned used() const { return places_.used() - kept(); }
    sim::Slots& places() { return places_; }

private:
    friend class Tag;
    unsigned kept() const { return static_cast<unsigned>(kept_.size()); }
    void give_back(u16 n, sim::Lease place) {
        in_use_[n] = 0;
        if (n < usable_) free_.push(n);
        if (kept() < count() - usable_) [[unlikely]] kept_.push_back(std::move(place));
        place.release();
    }
    sim::Slots places_;
    sim::Fifo<u16> free_;
    unsigned usable_;
    u16 first_ = 0;
    std::vector<u8> in_use_;
    std::vector<sim::Lease> kept_; ///< places of tags that software does not allow
};

inline void Tag::release() {
    if (owner_ != nullptr) std::exchange(owner_, nullptr)->give_back(index_, std::move(place_));
}

} // namespace quiesce::pcie
