// SPDX-License-Identifier: Apache-2.0
/// What explain says beside a field that decided: the manual and the section of the field's structure or register.
#include "iommu/smmuv3/decided.h"
#include "iommu/vtd/faults.h"
#include "platform/explain/sentences.h"

#include <catch2/catch.hpp>

namespace quiesce::platform::explain {

TEST_CASE("every field that can decide has a section in its architecture's manual", "[explain]") {
    for (const std::string_view text : iommu::smmuv3::deciding_fields()) {
        INFO(text);
        CHECK((!section_of_field(text, "smmuv3").empty() || text.starts_with("the answer")));
    }
    for (const iommu::vtd::DecidingField& d : iommu::vtd::deciding_fields()) {
        INFO(d.by);
        CHECK(section_of_field(d.by, "vtd").starts_with("VT-d "));
    }
    CHECK(section_of_field("CD.EPD0=1", "smmuv3") == "IHI 0070 5.4");
    CHECK(section_of_field("CD: reserved", "smmuv3") == "IHI 0070 5.4");
    CHECK(section_of_field("CR2.RECINVSID=0", "smmuv3").starts_with("IHI 0070 6.3."));
    CHECK(section_of_field("stage 1 leaf.AF=0", "smmuv3") == "DDI 0487 D8.3"); // of another manual
    CHECK(section_of_field("the answer to the translation request tells of it", "smmuv3").empty());
}

} // namespace quiesce::platform::explain
