// SPDX-License-Identifier: Apache-2.0
/// Catch2's main for tests that use SystemC.
///
/// Every pass through a TEST_CASE (one per leaf SECTION) gets a SystemC kernel of its own, because a kernel that has run
/// cannot be elaborated again. A SystemC warning or error fails the test that provoked it, unless the test carries the
/// tag [reports]: such a test is about reports and judges them itself.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
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

// SystemC 2.3.4 tells AddressSanitizer of its switches of stacks, but not of two: away from an SC_THREAD that ends, and
// where the main stack is. An exception that is thrown on the main stack after either leaves marks of the frames that it
// unwound, for which whoever comes later is blamed. So what SystemC runs on a new stack is preceded by ours, which says
// where that is; the sanitizer's functions are there only in a build with it.
extern "C" void __sanitizer_start_switch_fiber(void**, const void*, std::size_t) __attribute__((weak));
extern "C" void __sanitizer_finish_switch_fiber(void*, const void**, std::size_t*) __attribute__((weak));

namespace {

struct Stack {
    std::uintptr_t first = 0, end = 0;
    bool has(std::uintptr_t address) const { return address >= first && address < end; }
};

Stack stack_at(std::uintptr_t address) {
    Stack s;
    std::FILE* const maps = std::fopen("/proc/self/maps", "r");
    if (maps == nullptr) return {};
    char line[512];
    unsigned long first = 0, end = 0;
    while (!s.has(address) && std::fgets(line, sizeof line, maps) != nullptr)
        if (std::sscanf(line, "%lx-%lx ", &first, &end) == 2) s = {first, end};
    std::fclose(maps);
    return s;
}

Stack main_stack;
constexpr std::uintptr_t main_stack_bytes = 8u << 20; ///< to which it may grow, as is usual

void say_where(const Stack& s) {
    __sanitizer_start_switch_fiber(nullptr, reinterpret_cast<const void*>(s.first), s.end - s.first);
    __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
}

} // namespace

/// On the stack that a thread which ends leaves its place to.
extern "C" __attribute__((weak)) void* sc_cor_qt_aborthelp(void*, void*, void*) {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    if (__sanitizer_start_switch_fiber != nullptr) say_where(main_stack.has(here) ? main_stack : stack_at(here));
    return nullptr;
}

/// On the stack that one which waits leaves its place to.
extern "C" __attribute__((weak)) void* sc_cor_qt_yieldhelp(void* sp, void* old, void* none) {
    using Help = void* (*)(void*, void*, void*);
    static const auto of_systemc = reinterpret_cast<Help>(dlsym(RTLD_NEXT, "sc_cor_qt_yieldhelp"));
    void* const result = of_systemc(sp, old, none);
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    if (__sanitizer_start_switch_fiber != nullptr && main_stack.has(here)) say_where(main_stack);
    return result;
}

int main(int argc, char** argv) {
    setenv("SYSTEMC_DISABLE_COPYRIGHT_MESSAGE", "1", 1);
    main_stack = stack_at(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
    main_stack.first = main_stack.end - main_stack_bytes;
    return sc_core::sc_elab_and_sim(argc, argv);
}

/// With AddressSanitizer: the stacks of SC_THREADs end in a protected page, on which LeakSanitizer's scan of stacks dies.
extern "C" const char* __lsan_default_options() { return "use_stacks=0"; }
