// SPDX-License-Identifier: Apache-2.0
/// A VT-d unit by itself for fuzzing: see machine.h.
#pragma once
#include "fuzz/machine.h"
#include "iommu/vtd/unit.h"

namespace quiesce::fuzz {

class VtdMachine final : public Machine {
public:
    VtdMachine(sim::Calendar& calendar, const iommu::vtd::VtdConfig& config);
    ~VtdMachine() override { disconnect(); }

    void stray_completion(StreamId from) { unit_.stray_completion(from); }
    void wind_down() override;

    const iommu::vtd::RegisterFile& registers() const { return unit_.registers(); }
    const iommu::vtd::Identity& identity() const { return unit_.identity(); }

private:
    void check_granted(const iommu::TranslationRequest& request, const iommu::Translation& t) override;
    void check_record(const memory::Request& r) override;
    void check_always() override;
    void check_quiet() override;

    iommu::vtd::Unit unit_;
};

} // namespace quiesce::fuzz
