// SPDX-License-Identifier: Apache-2.0
/// What `stress` draws, and the processes that it runs it in.
#include "platform/children.h"
#include "platform/stress/draw.h"

#include "base/property.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <regex>
#include <set>

using namespace quiesce;
using namespace quiesce::platform;

namespace {
std::unique_ptr<Scenario> drawn(const std::string& text, Diagnostics& out) {
    return parse_scenario(std::make_shared<const Source>("drawn.yaml", text), {}, out);
}
const std::vector<Footing>& safe() {
    static const std::vector<Footing> all = footings_for({});
    return all;
}
/// Of every sentence `verb` in a scenario: its process.
std::multiset<std::string> who(const Scenario& s, std::initializer_list<std::string_view> verbs) {
    std::multiset<std::string> names;
    for (const Step& step : s.steps)
        for (const std::string_view verb : verbs)
            if (step.row->verb == verb) names.insert(step.text(verb == "fork" ? "child" : verb));
    return names;
}
} // namespace

TEST_CASE("every drawn scenario passes check without a word, and needs nothing that its platform has not", "[platform][property]") {
    testbench::holds([] {
        const u64 seed = *rc::gen::arbitrary<u64>();
        Diagnostics out;
        const auto s = drawn(draw_scenario(seed, safe()).text, out);
        RC_LOG() << out.render();
        RC_ASSERT(out.ok());
        RC_ASSERT(out.sorted().empty());
        RC_ASSERT(missing_capability(*s).empty());
    });
}

TEST_CASE("every process that a drawn scenario begins comes to an end, once", "[platform][property]") {
    testbench::holds([] {
        Diagnostics out;
        const auto s = drawn(draw_scenario(*rc::gen::arbitrary<u64>(), safe()).text, out);
        RC_ASSERT(who(*s, {"spawn", "fork"}) == who(*s, {"kill", "exit"}));
    });
}

TEST_CASE("a seed draws one scenario, and its neighbours draw others", "[platform]") {
    for (u64 seed = 0; seed < 50; ++seed) {
        CHECK(draw_scenario(seed, safe()).text == draw_scenario(seed, safe()).text);
        CHECK(draw_scenario(seed, safe()).text != draw_scenario(seed + 1, safe()).text);
    }
}

TEST_CASE("what is known to be unsafe is drawn only when --set asks for it", "[platform]") {
    const auto has = [](const std::vector<Footing>& of, std::string_view text) {
        return std::any_of(of.begin(), of.end(), [&](const Footing& f) { return f.text() == text; });
    };
    CHECK_FALSE(has(safe(), "smmuv3 6.1 quiet-unbind"));
    CHECK(has(safe(), "vtd 6.12 quiet-unbind"));
    CHECK(has(safe(), "smmuv3 6.12 quiet-unbind"));
    CHECK(has(footings_for({"platform.iommu.kind=smmuv3", "os.kernel=6.1", "os.policy=quiet-unbind"}), "smmuv3 6.1 quiet-unbind"));
    const auto of_6_1 = footings_for({"os.kernel=6.12", "os.kernel=6.1"}); // the last one counts
    CHECK(std::all_of(of_6_1.begin(), of_6_1.end(), [](const Footing& f) { return f.kernel == os::KernelVersion::V6_1; }));
    CHECK(of_6_1.size() > 1);
}

TEST_CASE("where nothing drains page requests no device that is drawn asks for pages", "[platform]") {
    const auto drains = [](const Footing& f) {
        if (f.iommu == IommuKind::Amdvi) return f.policy == os::Policy::MmExit;
        return f.text() != "vtd 2018 quiet-unbind" && f.text() != "vtd 2018 pin-mm";
    };
    unsigned without = 0;
    for (const Footing& f : safe()) {
        CAPTURE(f.text());
        CHECK(f.page_requests == drains(f));
        without += f.page_requests ? 0 : 1;
        for (u64 seed = 0; seed < 20 && !f.page_requests; ++seed)
            CHECK(draw_scenario(seed, {f}).text.find("pri: true") == std::string::npos);
    }
    CHECK(without >= 4);
}

TEST_CASE("a child's exit code is its body's result, what an exception means, or internal for a signal", "[platform]") {
    std::vector<std::pair<int, Exit>> ended;
    {
        Children children(2);
        const auto note = [&](int n) { return [&ended, n](Exit e) { ended.emplace_back(n, e); }; };
        children.start([] { return Exit::Failed; }, note(0));
        children.start([]() -> Exit { throw std::logic_error("meant by the test"); }, note(1));
        children.start([]() -> Exit { std::raise(SIGKILL); return Exit::Ok; }, note(2));
        children.start([] { return Exit::Ok; }, note(3));
        CHECK(ended.size() >= 2); // two at a time: the others had to be over
        children.finish();
    }
    std::sort(ended.begin(), ended.end());
    CHECK(ended == std::vector<std::pair<int, Exit>>{{0, Exit::Failed}, {1, Exit::Internal}, {2, Exit::Internal}, {3, Exit::Ok}});
}

TEST_CASE("of two exit codes that of the graver end counts", "[platform]") {
    CHECK(worse(Exit::Failed, Exit::Ok) == Exit::Failed);
    CHECK(worse(Exit::Failed, Exit::Io) == Exit::Io);
    CHECK(worse(Exit::CannotGoOn, Exit::Io) == Exit::CannotGoOn);
    CHECK(worse(Exit::CannotGoOn, Exit::Internal) == Exit::Internal);
    CHECK(worse(Exit::Interrupted, Exit::Internal) == Exit::Interrupted);
    CHECK(worse(Exit::BadInput, Exit::Failed) == Exit::BadInput);
}
