// SPDX-License-Identifier: Apache-2.0
/// A stage with the milestones of its teardowns.
#pragma once
#include "observe/stage.h"
#include "observe/teardowns.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

namespace quiesce::testbench {

using Marks = std::map<std::string, i64>;
using Names = std::vector<std::string>;

struct TeardownStage : Stage {
    observe::Teardowns teardowns{events};

    observe::Teardown of(u32 id) const {
        for (const observe::Teardown& t : teardowns.results())
            if (t.bond == BondId{id}) return t;
        FAIL("bond " << id << " has no teardown");
        return {};
    }
    Marks marks(u32 id = 1) const {
        Marks all;
        for (const auto& [name, at] : of(id).milestones) CHECK(all.emplace(name, at.ps()).second); // each once
        return all;
    }
    /// -1 while open.
    i64 quiesce(u32 id = 1) const {
        const auto q = of(id).quiesce;
        return q ? q->ps() : -1;
    }
};
/// Bond 1 of mm 1 with PASID 1, T0 at 100.
struct Dying : TeardownStage {
    Dying() {
        bond(10, 1);
        trigger(100, 1);
    }
};

} // namespace quiesce::testbench
