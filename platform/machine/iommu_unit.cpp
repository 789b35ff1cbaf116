// SPDX-License-Identifier: Apache-2.0
#include "platform/machine/iommu_unit.h"

namespace quiesce::platform {

void UnitCheck::refuse(std::string_view parameter, std::string_view why) const {
    out_.error(place_of(root_, {"platform", "iommu", unit_, parameter}),
               fmt::format("platform.iommu.{}.{}: {}", unit_, parameter, why));
}

void UnitCheck::identity(std::string_view why) const {
    if (!why.empty())
        out_.error(place_of(root_, {"platform", "iommu", unit_}), fmt::format("platform.iommu.{}: {}", unit_, why));
}

void UnitCheck::pipeline(const iommu::AgentConfig& agent) const {
    if (iommu::Geometry{agent.tlb_entries.get(), agent.tlb_ways.get()}.is_whole()) return;
    out_.error(place_of(root_, {"platform", "iommu", unit_, "agent", "tlb_entries"}),
               fmt::format("platform.iommu.{}.agent.tlb_entries: {} is not {} ways times a power of two", unit_,
                           agent.tlb_entries.get(), agent.tlb_ways.get()));
}

void UnitCheck::ram_within(unsigned bits, std::string_view parameter) const {
    const u64 end = config_.platform.memory.ram_base + config_.platform.memory.ram.get().bytes();
    if (end > u64{1} << bits) refuse(parameter, fmt::format("RAM ends at {:#x}, beyond {} bits", end, bits));
}

void UnitCheck::requester_ids(std::string_view a_unit) const {
    if (config_.platform.root_complex.stream_base == 0) return;
    out_.error(place_of(root_, {"platform", "root_complex", "stream_base"}),
               fmt::format("platform.root_complex.stream_base: {} knows functions by their requester ids: 0", a_unit));
}

void UnitCheck::guests(bool nested) const {
    if (config_.os.guests <= 1 || nested) return;
    out_.error(place_of(root_, {"os", "guests"}),
               fmt::format("os.guests: guests are behind a second stage each: set os.{}_driver.nested", unit_));
}

} // namespace quiesce::platform
