// SPDX-License-Identifier: Apache-2.0
/// Catch2's main for tests that use SystemC.
///
/// Every pass through a TEST_CASE (one per leaf SECTION) gets a SystemC kernel of its own, because a kernel that has run
/// cannot be elaborated again. A SystemC warning or error fails the test that provoked it, unless the test carries the
/// tag [reports]: such a test is about reports and judges them itself.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdlib>
#include <sstream>
#include <systemc>

namespace {

bool test_is_running = false;
bool reports_are_expected = false;
int reports_outside_tests = 0;

/// SystemC's report handler: as the default one, but warnings and worse also fail the running test.
void judge_report(const sc_core::sc_report& report, const sc_core::sc_actions& actions) {
    if (report.get_severity() >= sc_core::SC_WARNING && !reports_are_expected) {
        std::ostringstream text;
        text << "SystemC " << report.get_msg_type() << ": " << report.get_msg() << " (" << report.get_file_name() << ":"
             << report.get_line_number() << ")";
        if (test_is_running) {
            FAIL_CHECK(text.str());
        } else {
            ++reports_outside_tests;
            std::cerr << text.str() << " outside any test\n";
        }
    }
    sc_core::sc_report_handler::default_handler(report, actions);
}

class FreshKernel : public Catch::TestEventListenerBase {
public:
    using TestEventListenerBase::TestEventListenerBase;

    void testCaseStarting(const Catch::TestCaseInfo& info) override {
        const auto& tags = info.lcaseTags;
        reports_are_expected = std::find(tags.begin(), tags.end(), "reports") != tags.end();
    }
    /// Catch2 opens one outermost section per pass through the test's body.
    void sectionStarting(const Catch::SectionInfo&) override {
        if (depth_++ > 0) return;
        replace_kernel(new sc_core::sc_simcontext);
        sc_core::sc_report_handler::set_handler(judge_report);
        test_is_running = true;
    }
    void sectionEnded(const Catch::SectionStats&) override {
        if (--depth_ > 0) return;
        test_is_running = false;
        sc_core::sc_simcontext* const spent = sc_core::sc_curr_simcontext;
        delete spent; // its destructor still asks for the current kernel
        replace_kernel(nullptr);
    }

private:
    static void replace_kernel(sc_core::sc_simcontext* with) {
        sc_core::sc_curr_simcontext = with;
        sc_core::sc_default_global_context = with;
    }
    int depth_ = 0;
};
CATCH_REGISTER_LISTENER(FreshKernel)

} // namespace

/// Called by sc_elab_and_sim(), which sets up what SystemC wants to know of the process.
int sc_main(int argc, char** argv) {
    Catch::Session session;
    if (const int refused = session.applyCommandLine(argc, argv); refused != 0) return refused;
    // A test name that selects nothing is an error, not a success.
    session.configData().warnings = static_cast<Catch::WarnAbout::What>(session.configData().warnings | Catch::WarnAbout::NoTests);
    const bool only_listing = session.configData().listTestNamesOnly;
    const int failed = session.run();
    if (only_listing) return 0; // Catch2 returns the number of names
    return failed != 0 ? failed : reports_outside_tests;
}

int main(int argc, char** argv) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    return sc_core::sc_elab_and_sim(argc, argv);
}

/// With AddressSanitizer: the stacks of SC_THREADs end in a protected page, on which LeakSanitizer's scan of stacks dies.
extern "C" const char* __lsan_default_options() { return "use_stacks=0"; }
