// SPDX-License-Identifier: Apache-2.0
/// The bare VT-d unit, and what its records say.
#pragma once
#include "bare/iommu.h"
#include "iommu/vtd/config.h"

namespace quiesce::bare {

/// A unit that is what `identity` says, with the latencies and caches of the default configuration.
std::unique_ptr<Iommu> make_vtd(sim::Calendar& calendar, const iommu::vtd::Identity& identity,
                                std::vector<memory::RamRange> ram);

RecordWords vtd_record_words(std::span<const std::byte> record);
/// A descriptor of the page request queue.
RecordWords vtd_page_request_words();
/// The register that begins at `offset`; without a name if there is none. CAP and ECAP say where some are.
RecordWords vtd_register_words(const iommu::vtd::Identity& identity, u64 offset);

} // namespace quiesce::bare
