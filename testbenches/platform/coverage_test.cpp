// SPDX-License-Identifier: Apache-2.0
/// The coverage statement and the tests that it names hold each other.
#include "platform/coverage.h"
#include "platform/machine/iommus.h"

#include <set>

namespace quiesce::platform {
namespace {
std::vector<iommu::Feature> all_features() {
    std::vector<iommu::Feature> all;
    for (const IommuRow* row : iommu_rows()) {
        const std::vector<iommu::Feature> its = row->features();
        all.insert(all.end(), its.begin(), its.end());
    }
    return all;
}
} // namespace

TEST_CASE("every row that is modelled has a test that shows it, every absent one says why", "[platform][coverage]") {
    std::set<std::string_view> shown;
    for (const ShownBy& s : shown_by()) shown.insert(s.what);
    for (const auto& f : all_features()) {
        const std::string tag = tag_of(f.owner, f.name);
        INFO("[" << tag << "]");
        if (f.status == iommu::Status::Modelled) CHECK(shown.count(tag) == 1);
        if (f.status == iommu::Status::Absent) CHECK_FALSE(f.why.empty());
    }
}

TEST_CASE("every tag with a capital letter or an underscore is a row of the coverage statement",
          "[platform][coverage]") {
    std::set<std::string> rows;
    for (const auto& f : all_features()) rows.insert(tag_of(f.owner, f.name));
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
