// SPDX-License-Identifier: Apache-2.0
/// What was asked of the stand-ins of a test, and when.
#pragma once
#include "sim/calendar.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace quiesce::os::test {

using Words = std::vector<std::string>;

/// A number as the names of commands have it.
inline std::string hex(u64 v) {
    std::ostringstream s;
    s << std::hex << v;
    return s.str();
}

struct TimedLog {
    std::vector<std::pair<std::string, sim::Time>> rows;
    void add(std::string what) { rows.emplace_back(std::move(what), sim::now()); }
    Words words() const {
        Words w;
        for (const auto& [what, at] : rows) w.push_back(what);
        return w;
    }
    sim::Time at(std::string_view what) const {
        for (const auto& [word, t] : rows)
            if (word == what) return t;
        FAIL("never: " << what);
        return {};
    }
    /// The first of the one came before the first of the other, be it in one instant.
    bool before(std::string_view one, std::string_view other) const {
        const auto place = [&](std::string_view what) {
            return std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.first == what; });
        };
        return place(one) < place(other) && place(other) != rows.end();
    }
    bool has(std::string_view what) const {
        return std::any_of(rows.begin(), rows.end(), [&](const auto& r) { return r.first == what; });
    }
};

} // namespace quiesce::os::test
