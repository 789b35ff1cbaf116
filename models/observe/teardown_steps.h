// SPDX-License-Identifier: Apache-2.0
/// Which steps of its list a teardown took, when, and what the driver told the IOMMU for each.
#pragma once
#include "observe/all_events.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace quiesce::observe {

struct StepTaken {
    std::string step;   ///< os::TeardownStep
    std::string by;     ///< the kernel context
    sim::Time start{}, end{};
    bool open = false;  ///< it had not ended when the run did
    /// In the manual's names, in the order of issue; how often in a row.
    std::vector<std::pair<std::string, u64>> commands;
};

class TeardownSteps {
public:
    explicit TeardownSteps(base::EventBus& bus);
    /// In the order in which they began. A step that was done for several bonds at once is in the list of each.
    std::vector<StepTaken> of(BondId bond) const;

private:
    struct Done {
        std::vector<BondId> bonds;
        StepTaken taken;
    };
    void on(sim::Time now, const os::TeardownStepChanged& e);
    void on(sim::Time now, const os::IommuCommandIssued& e);
    std::vector<Done> steps_;
    std::map<u64, std::size_t> open_; ///< by kernel context: its step, in `steps_`
    std::vector<base::Subscription> tokens_;
};

} // namespace quiesce::observe
