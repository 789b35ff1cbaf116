// SPDX-License-Identifier: Apache-2.0
/// The bare AMD-Vi unit, and what entries of its logs say.
#pragma once
#include "bare/iommu.h"
#include "iommu/amdvi/config.h"

namespace quiesce::bare {

/// A unit that is what `identity` says, with the latencies and caches of the default configuration.
std::unique_ptr<Iommu> make_amdvi(sim::Calendar& calendar, const iommu::amdvi::Identity& identity,
                                  std::vector<memory::RamRange> ram);

RecordWords amdvi_record_words(std::span<const std::byte> record);
/// An entry of the PPR log.
RecordWords amdvi_page_request_words();
/// The register that begins at `offset`; without a name if there is none.
RecordWords amdvi_register_words(u64 offset);

} // namespace quiesce::bare
