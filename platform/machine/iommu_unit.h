// SPDX-License-Identifier: Apache-2.0
/// What the rows of platform/machine/iommus.h have alike.
#pragma once
#include "platform/machine/iommus.h"

#include <fmt/format.h>

namespace quiesce::platform {

/// A unit whose classes and ports have the names of all architectures.
template <class Unit> class IommuUnitOf : public IommuUnit {
public:
    memory::MmioTarget& registers() override { return unit_; }
    iommu::TranslationPort& translation() override { return unit_.translation(); }
    iommu::PageRequestPort& page_requests() override { return unit_.page_requests(); }
    void connect(iommu::AtsPort& ats, iommu::PageResponsePort& responses) override {
        unit_.set_ats_port(&ats);
        unit_.set_page_response_port(&responses);
    }
    void left_behind(base::Leftovers& out) const override { unit_.left_behind(out); }

protected:
    template <class... Parts> explicit IommuUnitOf(Parts&&... parts) : unit_(std::forward<Parts>(parts)...) {}

    Unit unit_;
};

/// The architecture's own configuration with platform.iommu.bugs.
template <class UnitConfig> UnitConfig with_bugs(UnitConfig own, const IommuConfig& config) {
    own.bugs = config.bugs.get();
    return own;
}

/// platform.iommu.<unit>.*, without its bugs: those are platform.iommu.bugs.
template <class UnitConfig> void add_unit_params(ParamTree& t, std::string_view unit, UnitConfig& config) {
    base::visit_params(config, [&](const std::string& path, base::ParamBase& p) {
        if (path != "bugs") t.add(fmt::format("platform.iommu.{}.{}", unit, path), p);
    });
}

/// Complaints about platform.iommu.<unit>, and what no unit and its driver can be.
class UnitCheck {
public:
    UnitCheck(std::string_view unit, const Config& config, const Node& root, Diagnostics& out)
        : unit_(unit), config_(config), root_(root), out_(out) {}

    /// Of one of its parameters.
    void refuse(std::string_view parameter, std::string_view why) const;
    /// `why`: what_it_cannot_be() of its identification registers; empty: it can.
    void identity(std::string_view why) const;
    void pipeline(const iommu::AgentConfig& agent) const;
    /// `bits` of physical address are as many as RAM needs; `parameter` says how many there are.
    void ram_within(unsigned bits, std::string_view parameter) const;
    /// Functions are known by their requester ids, to which no base is added; `a_unit` says whose.
    void requester_ids(std::string_view a_unit) const;
    /// Guests are behind the driver's second stage.
    void guests(bool nested) const;

private:
    std::string_view unit_;
    const Config& config_;
    const Node& root_;
    Diagnostics& out_;
};

} // namespace quiesce::platform
