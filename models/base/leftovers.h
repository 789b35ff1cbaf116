// SPDX-License-Identifier: Apache-2.0
/// What is still in use when nobody is there any more who could use it: each model says it of itself.
#pragma once
#include "base/types.h"

#include <string>
#include <string_view>
#include <vector>

namespace quiesce::base {

struct Leftover {
    std::string owner; ///< who has it: "acc0.link up", "PASID 3"
    std::string what;  ///< "2 tags in use"
};

class Leftovers {
public:
    void say(std::string_view owner, std::string what) { all_.push_back({std::string{owner}, std::move(what)}); }
    /// "2 tags in use": `thing` in the singular. Nothing is said of none.
    void count(std::string_view owner, u64 n, std::string_view thing, std::string_view how) {
        if (n == 0) return;
        std::string what = std::to_string(n) + " " + std::string{thing} + (n == 1 ? " " : "s ") + std::string{how};
        say(owner, std::move(what));
    }
    const std::vector<Leftover>& all() const { return all_; }
    bool empty() const { return all_.empty(); }

private:
    std::vector<Leftover> all_;
};

} // namespace quiesce::base
