// SPDX-License-Identifier: Apache-2.0
/// The bare SMMUv3, and what its event records say.
#pragma once
#include "bare/iommu.h"
#include "base/registers.h"
#include "iommu/smmuv3/config.h"

namespace quiesce::bare {

/// A unit that is what `identity` says, with the latencies and caches of the default configuration.
std::unique_ptr<Iommu> make_smmuv3(sim::Calendar& calendar, const iommu::smmuv3::Identity& identity,
                                   std::vector<memory::RamRange> ram);

/// How to read a record or a register: its name and its fields, whose bits count over the whole of it.
struct RecordWords {
    std::string_view name; ///< "F_TRANSLATION", empty for an event that there is not
    std::vector<base::FieldRow> fields;
};
RecordWords smmuv3_record_words(std::span<const std::byte> record);
/// The register that begins at `offset`; without a name if there is none.
RecordWords smmuv3_register_words(u64 offset);

} // namespace quiesce::bare
