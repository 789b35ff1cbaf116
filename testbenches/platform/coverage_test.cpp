// SPDX-License-Identifier: Apache-2.0
/// The coverage statement and the tests that it names hold each other.
#include "iommu/smmuv3/unit.h"
#include "iommu/vtd/unit.h"
#include "platform/coverage.h"

#include <set>

namespace quiesce::platform {
namespace {
std::set<std::string> tags_of_rows() {
    std::set<std::string> tags;
    for (const auto& f : iommu::smmuv3::features()) tags.insert(tag_of(f.owner, f.name));
    for (const auto& f : iommu::vtd::features()) tags.insert(tag_of(f.owner, f.name));
    return tags;
}
} // namespace

TEST_CASE("every row of SMMUv3 that is modelled has a test that shows it", "[platform][coverage]") {
    std::set<std::string_view> shown;
    for (const ShownBy& s : shown_by()) shown.insert(s.what);
    for (const auto& f : iommu::smmuv3::features()) {
        if (f.status != iommu::Status::Modelled) continue;
        const std::string tag = tag_of(f.owner, f.name);
        INFO("no TEST_CASE has the tag [" << tag << "]");
        CHECK(shown.count(tag) == 1);
    }
}

TEST_CASE("every tag with a capital letter is a row of the coverage statement", "[platform][coverage]") {
    const std::set<std::string> rows = tags_of_rows();
    REQUIRE_FALSE(shown_by().empty());
    for (const ShownBy& s : shown_by()) {
        INFO(s.test << " says that it shows " << s.what);
        CHECK(rows.count(std::string{s.what}) == 1);
    }
}

TEST_CASE("deviations have a place and a sentence", "[platform][coverage]") {
    REQUIRE(deviations().size() > 50);
    for (const Deviation& d : deviations()) {
        INFO(d.file << ":" << d.line << ": " << d.text);
        CHECK(d.line != 0);
        CHECK(d.text.size() > 10);
    }
}

} // namespace quiesce::platform
