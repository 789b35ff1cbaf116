// SPDX-License-Identifier: Apache-2.0
/// An AMD-Vi unit by itself for fuzzing: see machine.h.
#pragma once
#include "fuzz/machine.h"
#include "iommu/amdvi/unit.h"

namespace quiesce::fuzz {

class AmdviMachine final : public Machine {
public:
    AmdviMachine(sim::Calendar& calendar, const iommu::amdvi::AmdviConfig& config);
    ~AmdviMachine() override { disconnect(); }

    /// PCI configuration space, where the unit's messages are set up.
    void write_config(u32 offset, u32 value) { unit_.config_write(offset, value); }
    void wind_down() override;

    const iommu::amdvi::RegisterFile& registers() const { return unit_.registers(); }
    const iommu::amdvi::Identity& identity() const { return unit_.identity(); }

private:
    void check_granted(const iommu::TranslationRequest& request, const iommu::Translation& t) override;
    void check_record(const memory::Request& r) override;
    void check_always() override;
    void check_quiet() override;

    iommu::amdvi::Unit unit_;
};

} // namespace quiesce::fuzz
