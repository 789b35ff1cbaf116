// SPDX-License-Identifier: Apache-2.0
/// Events in words: a sentence for each kind, and the place in the manual, or in the kernel, that it stands for.
#pragma once
#include "platform/explain/explain.h"

#include <string>
#include <string_view>

namespace quiesce::platform::explain {

std::string sentence_of(std::string_view kind, const Record& fields);
/// What a number of one of its fields means there; empty: it has no words of its own.
std::string value_in_words(std::string_view kind, std::string_view field, u64 value);
/// Empty: none is known.
std::string manual_of(std::string_view kind, const Record& fields, std::string_view iommu);
/// Of a field as FaultRaised names it ("CD.EPD0=1"): the section of its structure or register. Empty: it is no field.
std::string section_of_field(std::string_view field, std::string_view iommu);

} // namespace quiesce::platform::explain
