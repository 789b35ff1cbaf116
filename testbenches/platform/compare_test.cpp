// SPDX-License-Identifier: Apache-2.0
/// What --fail-if says and means.
#include "platform/compare/conditions.h"

#include <catch2/catch.hpp>

using namespace quiesce;
using namespace quiesce::platform;
using namespace quiesce::platform::comparison;

namespace {
Json run_with(i64 quiesce_ps, i64 dmas) {
    return {{"verdict", "pass"},
            {"teardowns", Json::array({Json{{"t0_ps", 1000}, {"quiesce_ps", quiesce_ps}, {"milestones_ps", {{"block", 1500}}}}})},
            {"summary", {{"quiesce", {{"n", 1}, {"p99", quiesce_ps}}}}},
            {"dma", {{"reads", dmas}}}};
}
Variant variant_with(const std::string& name, Json run) {
    Variant v;
    v.name = name;
    v.run = std::move(run);
    return v;
}
/// Nothing: it could not be judged.
std::optional<bool> fails(const std::string& condition, const Variant& v, const Variant& reference) {
    Diagnostics out;
    const auto c = parse_fail_if(condition, out);
    INFO(condition << "\n" << out.render());
    REQUIRE(c);
    return judge(*c, v, &reference).failed;
}
std::string complaint(const std::string& condition) {
    Diagnostics out;
    CHECK_FALSE(parse_fail_if(condition, out));
    REQUIRE(out.errors() >= 1);
    CHECK(out.errors_in(Source::Kind::CommandLine) == out.errors());
    const Diagnostic d = out.sorted().front();
    return std::to_string(d.at.col) + " " + d.message + (d.suggestion.empty() ? "" : " -> " + d.suggestion);
}
} // namespace

TEST_CASE("a condition is of a value, a difference or a share, and exactly at its limit", "[compare]") {
    const Variant reference = variant_with("a", run_with(2'000'000, 100)), v = variant_with("b", run_with(2'100'000, 90));
    CHECK(fails("quiesce.p99 > 2.0us", v, reference) == true);
    CHECK(fails("quiesce.p99 > 2.1us", v, reference) == false);
    CHECK(fails("quiesce.p99 >= 2.1us", v, reference) == true);
    CHECK(fails("summary.quiesce.p99 > +5%", v, reference) == false);
    CHECK(fails("quiesce.p99>=+5%", v, reference) == true);
    CHECK(fails("quiesce.p99 > +4.9%", v, reference) == true);
    CHECK(fails("  quiesce  >  +99ns ", v, reference) == true);
    CHECK(fails("quiesce > +100ns", v, reference) == false);
    CHECK(fails("quiesce > -5%", v, reference) == true); // that it has not become so much better
    CHECK(fails("dma.reads < -9", v, reference) == true);
    CHECK(fails("dma.reads < -10%", v, reference) == false);
    CHECK(fails("dma.reads <= -10%", v, reference) == true);
    CHECK(fails("dma.reads == 90", v, reference) == true);
    CHECK(fails("dma.reads != +0", v, reference) == true);
    CHECK(fails("block == 500ps", v, reference) == true);
}

TEST_CASE("with several seeds their means are compared, seed by seed", "[compare]") {
    Variant reference = variant_with("a", run_with(1'000'000, 1)), v = variant_with("b", run_with(1'000'000, 1));
    reference.more[2] = run_with(2'000'000, 1);
    v.more[2] = run_with(2'600'000, 1);
    v.more[3] = run_with(90'000'000, 1); // which the reference has not
    CHECK(fails("quiesce > +19%", v, reference) == true);
    CHECK(fails("quiesce > +20%", v, reference) == false);
    CHECK(fails("quiesce > +299ns", v, reference) == true);
    CHECK(fails("quiesce > +300ns", v, reference) == false);
}

TEST_CASE("who has not come so far fails, unless the reference has not, either", "[compare]") {
    const Variant reference = variant_with("a", run_with(1'000'000, 1));
    Json open = run_with(0, 1);
    open["teardowns"][0].erase("quiesce_ps");
    const Variant v = variant_with("b", open);
    CHECK(fails("quiesce > +5%", v, reference) == true);
    CHECK(fails("quiesce > 1s", v, reference) == true);
    CHECK(fails("quiesce > +5%", v, v) == std::nullopt);
    CHECK(fails("quiesce > +5%", reference, v) == true); // nothing to hold it against
}

TEST_CASE("what is wrong with a condition is said at its place, with what is near", "[compare]") {
    CHECK(complaint("quiesce.p98 > +5%") == "1 'quiesce.p98' is no number of run.json -> quiesce.p99");
    CHECK(complaint("mmptu > 1ms").find("-> mmput") != std::string::npos);
    CHECK(complaint("quiesce.p99 +5%") == "13 expected one of >=, <=, ==, !=, >, < here");
    CHECK(complaint("quiesce.p99 > ") == "15 expected a value such as 2ms, +2us or +5% here");
    CHECK(complaint("quiesce.p99 > 5%") == "15 expected a sign: +5% or -5% of the reference");
    CHECK(complaint("quiesce.p99 > 5").find("15 summary.quiesce.p99 is a time: expected a time such as 2us") == 0);
    CHECK(complaint("dma.reads > 2us").find("13 dma.reads is no time: expected a number such as 16") == 0);
    CHECK(complaint("quiesce.p99 > 2parsecs").find("15 expected a time such as 2us") == 0);
    CHECK(complaint("> 5%") == "1 expected a number of run.json, as in 'quiesce.p99 > +5%'");
    CHECK(complaint("quiesce > +x%") == "11 expected a percentage such as +5%, got \"+x%\"");
}
