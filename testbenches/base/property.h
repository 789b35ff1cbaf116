// SPDX-License-Identifier: Apache-2.0
/// Property tests inside a TEST_CASE, with a fixed seed: a run can be repeated, and a failure shows the shrunk case.
#pragma once
#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include <sstream>
#include <string>
#include <unordered_map>
#include <utility>

namespace quiesce::testbench {

/// Says nothing on the way: the result is judged when it is there.
struct QuietListener final : rc::detail::TestListener {
    void onTestCaseFinished(const rc::detail::CaseDescription&) override {}
    void onShrinkTried(const rc::detail::CaseDescription&, bool) override {}
    void onTestFinished(const rc::detail::TestMetadata&, const rc::detail::TestResult&) override {}
};

/// Fails the running test unless `property` holds for `cases` generated cases.
template <class Property>
void holds(Property&& property, int cases = 300) {
    rc::detail::TestParams params;
    params.seed = 0x5eed;
    params.maxSuccess = cases;
    QuietListener quiet;
    const std::unordered_map<std::string, rc::detail::Reproduce> nothing_to_reproduce;
    const auto result = rc::detail::checkTestable(std::forward<Property>(property), rc::detail::TestMetadata{}, params,
                                                  quiet, nothing_to_reproduce);
    std::ostringstream message;
    rc::detail::printResultMessage(result, message);
    INFO(message.str());
    CHECK(result.template is<rc::detail::SuccessResult>());
}

} // namespace quiesce::testbench
