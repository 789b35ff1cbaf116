// SPDX-License-Identifier: Apache-2.0
/// Numbers that are handed out, against a set of all that are in use.
#include "base/lowest_free.h"

#include "base/property.h"

#include <set>

using namespace quiesce;

TEST_CASE("the number handed out is the lowest that nobody has, below the limit", "[base][property]") {
    testbench::holds([] {
        const u32 first = *rc::gen::inRange<u32>(0, 4);
        base::LowestFree ids{first};
        std::set<u32> used;
        for (int n = *rc::gen::inRange(0, 60); n > 0; --n) {
            if (!used.empty() && *rc::gen::inRange(0, 3) == 0) {
                const u32 one = *std::next(used.begin(), *rc::gen::inRange<int>(0, static_cast<int>(used.size())));
                ids.give(one);
                used.erase(one);
                continue;
            }
            const u32 limit = *rc::gen::inRange<u32>(0, 12);
            u32 lowest = first;
            while (used.count(lowest) != 0) ++lowest;
            const auto taken = ids.take(limit);
            RC_ASSERT(taken == (lowest < limit ? std::optional{lowest} : std::nullopt));
            if (taken) used.insert(*taken);
            RC_ASSERT(ids.in_use() == used.size());
        }
    });
}
