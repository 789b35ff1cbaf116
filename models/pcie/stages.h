// SPDX-License-Identifier: Apache-2.0
/// Stages of constant latency, one for each latency. Stages that take the same time keep the same order whether each
/// port has its own or all share one; shared, the calendar holds one entry instead of one per port.
#pragma once
#include "sim/wire.h"

#include <memory>
#include <vector>

namespace quiesce::pcie {

class Stages {
public:
    /// Stays valid as long as this does.
    sim::Stage& of(sim::Duration latency) {
        for (const auto& s : stages_)
            if (s->latency() == latency) return *s;
        stages_.push_back(std::make_unique<sim::Stage>(latency));
        return *stages_.back();
    }

private:
    std::vector<std::unique_ptr<sim::Stage>> stages_;
};

} // namespace quiesce::pcie
