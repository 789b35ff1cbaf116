// SPDX-License-Identifier: Apache-2.0
/// What must hold between the milestones of one teardown (design.md, section 5), whatever the policy and the device. A
/// breach is a finding about the simulated system, such as a fence that promised too much, or about the observers.
#pragma once
#include "observe/teardowns.h"

#include <string>
#include <string_view>
#include <vector>

namespace quiesce::observe {

/// Where both were reached, `earlier` does not come after `later`. `kind`: the violation that it is otherwise.
struct MilestoneRule {
    std::string_view kind, earlier, later, why;
    bool (*applies)(const Teardown&);
};
extern const std::vector<MilestoneRule> milestone_rules;

struct Inconsistency {
    std::string_view kind;
    std::string story;
};
/// Each thing that cannot be; nothing if all is well.
std::vector<Inconsistency> inconsistencies(const Teardown& t);

} // namespace quiesce::observe
