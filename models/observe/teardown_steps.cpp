// SPDX-License-Identifier: Apache-2.0
#include "observe/teardown_steps.h"

#include <algorithm>

namespace quiesce::observe {

TeardownSteps::TeardownSteps(base::EventBus& bus) {
    using Heard = base::EventList<os::TeardownStepChanged, os::IommuCommandIssued>;
    tokens_ = base::for_each_event<Heard>(bus, [this](sim::Time now, const auto& e) { on(now, e); });
}

/// One event for each bond: the first of them opens or closes the step.
void TeardownSteps::on(sim::Time now, const os::TeardownStepChanged& e) {
    const auto found = open_.find(e.context);
    if (e.ended) {
        if (found == open_.end()) return;
        steps_[found->second].taken.end = now;
        steps_[found->second].taken.open = false;
        open_.erase(found);
        return;
    }
    if (found != open_.end()) {
        steps_[found->second].bonds.push_back(e.bond);
        return;
    }
    open_[e.context] = steps_.size();
    StepTaken taken;
    taken.step = e.step.text();
    taken.by = e.by.text();
    taken.start = now;
    taken.open = true;
    steps_.push_back({{e.bond}, std::move(taken)});
}

void TeardownSteps::on(sim::Time, const os::IommuCommandIssued& e) {
    const auto found = open_.find(e.context);
    if (found == open_.end()) return;
    auto& commands = steps_[found->second].taken.commands;
    const std::string_view name = e.command.text();
    if (!commands.empty() && commands.back().first == name) ++commands.back().second;
    else commands.emplace_back(name, 1);
}

std::vector<StepTaken> TeardownSteps::of(BondId bond) const {
    std::vector<StepTaken> taken;
    for (const Done& d : steps_)
        if (std::find(d.bonds.begin(), d.bonds.end(), bond) != d.bonds.end()) taken.push_back(d.taken);
    return taken;
}

} // namespace quiesce::observe
