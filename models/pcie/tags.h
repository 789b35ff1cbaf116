// SPDX-License-Identifier: Apache-2.0
/// Tags of requests that await completions (facts/iommu-specs.md 4.6): a read holds one until its last completion
/// arrived.
#pragma once
#include "base/types.h"
#include "sim/slots.h"

#include <utility>

namespace quiesce::pcie {

class Tags;

/// A tag in use; free again when this goes out of scope.
class [[nodiscard]] Tag {
public:
    Tag() = default;
    Tag(Tags& owner, u16 number, sim::Lease place) : owner_(&owner), number_(number), place_(std::move(place)) {}
    Tag(Tag&& o) noexcept : owner_(std::exchange(o.owner_, nullptr)), number_(o.number_), place_(std::move(o.place_)) {}
    Tag& operator=(Tag&&) = delete;
    ~Tag() { release(); }
    inline void release();
    u16 number() const { return number_; }

private:
    Tags* owner_ = nullptr;
    u16 number_ = 0;
    sim::Lease place_;
};

/// The tags of one requester, given out in turn; who finds none waits, first come first served.
class Tags {
public:
    explicit Tags(unsigned count) : places_(count) {
        for (unsigned n = 0; n < count; ++n) free_.push(static_cast<u16>(n));
    }
    struct Acquire : sim::Slots::Acquire {
        Tags& tags;
        Tag await_resume() { return Tag{tags, tags.free_.pop(), sim::Slots::Acquire::await_resume()}; }
    };
    Acquire acquire() { return Acquire{places_.acquire(), *this}; }
    unsigned count() const { return places_.count(); }
    unsigned used() const { return places_.used(); }
    sim::Slots& places() { return places_; }

private:
    friend class Tag;
    sim::Slots places_;
    sim::Fifo<u16> free_;
};

inline void Tag::release() {
    if (owner_ == nullptr) return;
    std::exchange(owner_, nullptr)->free_.push(number_);
    place_.release();
}

} // namespace quiesce::pcie
