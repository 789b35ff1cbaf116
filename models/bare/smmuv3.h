// SPDX-License-Identifier: Apache-2.0
/// The bare SMMUv3, and what its records say.
#pragma once
#include "bare/iommu.h"
#include "iommu/smmuv3/config.h"

namespace quiesce::bare {

/// A unit that is what `identity` says, with the latencies and caches of the default configuration.
std::unique_ptr<Iommu> make_smmuv3(sim::Calendar& calendar, const iommu::smmuv3::Identity& identity,
                                   std::vector<memory::RamRange> ram);

RecordWords smmuv3_record_words(std::span<const std::byte> record);
/// An entry of the PRI queue.
RecordWords smmuv3_page_request_words();
/// The register that begins at `offset`; without a name if there is none.
RecordWords smmuv3_register_words(u64 offset);

} // namespace quiesce::bare
