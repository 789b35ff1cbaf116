// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "os/bond.h"
#include "os/eras.h"

#include <vector>

namespace quiesce::os {

/// Tells that a step is being taken over these bonds, as long as it lives.
class StepTold {
public:
    StepTold(KernelContext& ctx, const std::vector<Bond*>& bonds, TeardownStep step)
        : ctx_(ctx), bonds_(bonds), step_(base::enum_text(step)) {
        tell(false);
    }
    StepTold(const StepTold&) = delete;
    ~StepTold() { tell(true); }

private:
    void tell(bool ended) {
        for (const Bond* b : bonds_)
            ctx_.events().emit(TeardownStepChanged{b->id, ctx_.number(), ctx_.name(), step_, ended});
    }
    KernelContext& ctx_;
    const std::vector<Bond*> bonds_;
    base::Name step_;
};

} // namespace quiesce::os
