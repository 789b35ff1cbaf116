// SPDX-License-Identifier: Apache-2.0
/// What must not be left when every process is dead: whole runs, with and without a kernel that forgets something.
#include "platform/runner.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::platform;

namespace {
const std::string left_behind_story = R"(scenario: two processes, one after the other
observe: {waves: false}
devices: {acc0: {kind: accelerator, atc: {present: true}}}
steps:
  - os: {spawn: app0, pages: 4}
  - os: {bind: app0, to: acc0}
  - acc0: {stream: app0, every: 200ns}
  - after: 5us
    os: {kill: app0}
    wait: true
  - os: {spawn: app1, pages: 4}
  - os: {bind: app1, to: acc0}
)";
/// Kinds and stories of all violations.
std::vector<std::string> found_in(const std::string& text, const std::vector<std::string>& sets) {
    Diagnostics out;
    const auto scenario = parse_scenario(std::make_shared<const Source>("f.yaml", text), sets, out);
    INFO(out.render());
    REQUIRE(out.ok());
    const Ran ran = simulate(*scenario, std::nullopt);
    std::vector<std::string> found;
    for (const observe::Violation& v : ran.record.violations) found.push_back(v.kind + " " + v.story);
    return found;
}
using Found = std::vector<std::string>;
} // namespace

TEST_CASE("a PASID that the kernel forgot is left behind when its process is dead, on an SMMUv3", "[platform]") {
    CHECK(found_in(left_behind_story + "  - os: {kill: app1}\n", {"os.bugs=[leak-pasid]"}) ==
          Found{"left-behind the allocator: 2 PASIDs in use"});
}

TEST_CASE("a PASID that the kernel forgot is left behind when its process is dead, on VT-d", "[platform]") {
    CHECK(found_in(left_behind_story + "  - os: {kill: app1}\n",
                   {"os.bugs=[leak-pasid]", "platform.iommu.kind=vtd", "os.kernel=5.11"}) ==
          Found{"left-behind the allocator: 2 PASIDs in use"});
}

TEST_CASE("nothing is left behind while a process lives that may use it", "[platform]") {
    CHECK(found_in(left_behind_story, {"os.bugs=[leak-pasid]"}) == Found{});
}

TEST_CASE("a kernel that gives everything back leaves nothing behind", "[platform]") {
    CHECK(found_in(left_behind_story + "  - os: {kill: app1}\n", {}) == Found{});
}
