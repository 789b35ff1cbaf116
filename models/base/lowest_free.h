// SPDX-License-Identifier: Apache-2.0
/// Numbers that are handed out, the lowest free one first, as Linux' IDA does.
#pragma once
#include "base/types.h"

#include <optional>
#include <set>

namespace quiesce::base {

class LowestFree {
public:
    explicit LowestFree(u32 first) : first_(first), fresh_(first) {}
    /// Nothing if none below `limit` is free.
    std::optional<u32> take(u32 limit) {
        if (returned_.empty()) return fresh_ < limit ? std::optional{fresh_++} : std::nullopt;
        const u32 lowest = *returned_.begin();
        if (lowest >= limit) return std::nullopt;
        returned_.erase(returned_.begin());
        return lowest;
    }
    /// One that was taken.
    void give(u32 number) { returned_.insert(number); }
    std::size_t in_use() const { return fresh_ - first_ - returned_.size(); }

private:
    u32 first_;
    u32 fresh_;               ///< nobody had it or a higher one
    std::set<u32> returned_;
};

} // namespace quiesce::base
