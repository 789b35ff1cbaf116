// SPDX-License-Identifier: Apache-2.0
/// An SMMUv3 by itself for fuzzing: see machine.h.
#pragma once
#include "fuzz/machine.h"
#include "iommu/smmuv3/unit.h"

namespace quiesce::fuzz {

class Smmuv3Machine final : public Machine {
public:
    Smmuv3Machine(sim::Calendar& calendar, const iommu::smmuv3::Smmuv3Config& config);
    ~Smmuv3Machine() override { disconnect(); }

    void wind_down() override;

    const iommu::smmuv3::RegisterFile& registers() const { return unit_.registers(); }

private:
    void judge_write(u64 offset, u64 value) override;
    void check_consumed() override;
    void check_granted(const iommu::TranslationRequest& request, const iommu::Translation& t) override;
    void check_record(const memory::Request& r) override;
    void check_quiet() override;
    void check_error();
    u64 held() const override { return unit_.stalls().held(); }

    iommu::smmuv3::Unit unit_;
    base::Subscription errors_;
    unsigned output_bits_;
    u32 gerror_ = 0;   ///< as seen last
    u32 doorbell_ = 0; ///< what software wrote to CMDQ_PROD last
    /// Software has used the queue as it must: its indices can be held against its room.
    bool set_up_ = false, commands_kept_ = true, events_kept_ = true, page_requests_kept_ = true;
};

} // namespace quiesce::fuzz
