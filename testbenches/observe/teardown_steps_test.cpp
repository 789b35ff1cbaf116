// SPDX-License-Identifier: Apache-2.0
/// Which steps a teardown took, and which commands were given for each.
#include "observe/teardown_stage.h"

using namespace quiesce;
using testbench::Dying;

namespace {
using Commands = std::vector<std::pair<std::string, u64>>;

struct StepStage : Dying {
    void step(i64 at, u32 bond, u64 context, const char* name, bool ended) {
        say(at, os::TeardownStepChanged{BondId{bond}, context, "app0/0", name, ended});
    }
    void command(i64 at, u64 context, const char* name) { say(at, os::IommuCommandIssued{context, "smmu", name}); }
};
} // namespace

TEST_CASE("a step has its instants and the commands of its context, counted where they repeat", "[observe][steps]") {
    StepStage b;
    b.command(105, 1, "EARLY"); // belongs to no step
    b.step(110, 1, 1, "quiet-context", false);
    b.command(112, 1, "CFGI_CD"), b.command(113, 1, "SYNC");
    b.command(114, 2, "OTHER"); // of another context
    b.command(115, 1, "CFGI_CD"), b.command(116, 1, "CFGI_CD"), b.command(117, 1, "SYNC");
    b.step(120, 1, 1, "quiet-context", true);
    b.command(121, 1, "LATE");
    const auto steps = b.of(1).steps;
    REQUIRE(steps.size() == 1);
    CHECK(steps[0].step == "quiet-context");
    CHECK(steps[0].by == "app0/0");
    CHECK(steps[0].start.ps() == 110);
    CHECK(steps[0].end.ps() == 120);
    CHECK_FALSE(steps[0].open);
    CHECK(steps[0].commands == Commands{{"CFGI_CD", 1}, {"SYNC", 1}, {"CFGI_CD", 2}, {"SYNC", 1}});
}

TEST_CASE("a step that is done for two bonds at once is in the list of both", "[observe][steps]") {
    StepStage b;
    b.bond(20, 2), b.trigger(100, 2);
    b.step(110, 1, 1, "invalidate-space", false), b.step(110, 2, 1, "invalidate-space", false);
    b.command(112, 1, "TLBI_NH_ASID");
    b.step(120, 1, 1, "invalidate-space", true), b.step(120, 2, 1, "invalidate-space", true);
    for (const u32 bond : {1u, 2u}) {
        const auto steps = b.of(bond).steps;
        REQUIRE(steps.size() == 1);
        CHECK(steps[0].commands == Commands{{"TLBI_NH_ASID", 1}});
        CHECK(steps[0].end.ps() == 120);
    }
}

TEST_CASE("a step that has not ended with the run is open", "[observe][steps]") {
    StepStage b;
    b.step(110, 1, 1, "invalidate-atc", false);
    REQUIRE(b.of(1).steps.size() == 1);
    CHECK(b.of(1).steps[0].open);
}
