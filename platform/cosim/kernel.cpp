// SPDX-License-Identifier: Apache-2.0
#include "platform/cosim/kernel.h"

#include "sim/task.h"

#include <optional>
#include <systemc>
#include <utility>

/// SystemC's library refers to the main function of its own program. A host that has one keeps it.
extern "C" __attribute__((weak)) int sc_main(int, char**) { return 0; }

namespace quiesce::platform::cosim {
namespace {

[[noreturn]] void wrong_state(const char* why) { throw Refusal(QSC_ERR_STATE, why); }

/// While it lives, SystemC's functions mean this kernel.
class Current {
public:
    explicit Current(sc_core::sc_simcontext* kernel) { set(kernel, kernel); }
    ~Current() { set(before_, standard_before_); }
    Current(const Current&) = delete;
    void change(sc_core::sc_simcontext* kernel) { set(kernel, kernel); }

private:
    static void set(sc_core::sc_simcontext* current, sc_core::sc_simcontext* standard) {
        sc_core::sc_curr_simcontext = current;
        sc_core::sc_default_global_context = standard;
    }
    sc_core::sc_simcontext* before_ = sc_core::sc_curr_simcontext;
    sc_core::sc_simcontext* standard_before_ = sc_core::sc_default_global_context;
};

void require_no_calendar() {
    if (sim::Calendar::exists()) wrong_state("this process has a simulation of this library already");
}

// ---- a kernel of our own
// ---------------------------------------------------------------------------------------------

class OwnKernel final : public Kernel {
public:
    OwnKernel() {
        require_no_calendar();
        require_outside();
        Current none{nullptr};
        mine_ = new sc_core::sc_simcontext;
        none.change(mine_);
        calendar_ = std::make_unique<sim::Calendar>("quiesce");
    }
    ~OwnKernel() override {
        inside_.reset();
        const Current mine{mine_};
        calendar_.reset();
        delete mine_; // its destructor still asks for the current kernel
    }
    void enter() override {
        require_outside();
        inside_.emplace(mine_);
        waiting_ = false;
    }
    void leave() override { inside_.reset(); }
    void require_ending() const override { require_outside(); }
    void advance(sim::Duration by) override { calendar_->run_until(now() + by); }
    void wait_until(sim::Time deadline) override {
        waiting_ = true;
        calendar_->run_until(deadline);
        waiting_ = false;
    }
    void ring() override {
        if (waiting_) calendar_->stop();
    }

private:
    /// Two kernels cannot run inside of each other: they share the stacks' administration.
    static void require_outside() {
        sc_core::sc_simcontext* const other = sc_core::sc_curr_simcontext;
        if (other != nullptr && (other->get_status() & sc_core::SC_RUNNING) != 0)
            wrong_state("a SystemC simulation runs here; a platform inside of it is made with QSC_KERNEL_HOST");
    }
    sc_core::sc_simcontext* mine_ = nullptr;
    std::optional<Current> inside_;
    bool waiting_ = false;
};

// ---- the host's
// ------------------------------------------------------------------------------------------------------

bool in_a_thread() {
    const sc_core::sc_process_handle who = sc_core::sc_get_current_process_handle();
    return who.valid() && (who.proc_kind() == sc_core::SC_THREAD_PROC_ || who.proc_kind() == sc_core::SC_CTHREAD_PROC_);
}

class HostedKernel final : public Kernel {
public:
    HostedKernel() {
        require_no_calendar();
        if ((sc_core::sc_get_status() & (sc_core::SC_ELABORATION | sc_core::SC_BEFORE_END_OF_ELABORATION)) == 0)
            wrong_state("SystemC's elaboration is over: create the platform before");
        calendar_ = std::make_unique<sim::Calendar>("quiesce");
    }
    /// SystemC keeps the processes of a module that is gone before they have run, and runs them: so ours stays.
    ~HostedKernel() override {
        if (!has_run()) calendar_.release()->clear();
    }
    void enter() override { calendar_->entered_from_kernel(); }
    void leave() override {}
    void require_waiting() const override {
        if (!in_a_thread()) wrong_state("time goes on only in calls from an SC_THREAD");
    }
    void require_ending() const override {
        if (!has_run())
            wrong_state("the SystemC simulation runs or will: destroy the platform when sc_start() has returned");
    }
    void advance(sim::Duration by) override {
        sc_core::wait(sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(by.ps())));
        calendar_->entered_from_kernel();
    }
    void wait_until(sim::Time deadline) override {
        const auto most = static_cast<sc_dt::uint64>((deadline - now()).ps());
        sc_core::wait(sc_core::sc_time::from_value(most), rung_);
        calendar_->entered_from_kernel();
    }
    void ring() override {
        if (std::exchange(ringing_, true)) return;
        sim::spawn(notify());
    }

private:
    static bool has_run() {
        return (sc_core::sc_get_status() &
                (sc_core::SC_PAUSED | sc_core::SC_STOPPED | sc_core::SC_END_OF_SIMULATION)) != 0;
    }
    sim::Task<void> notify() {
        co_await sim::at_kernel();
        ringing_ = false;
        rung_.notify();
    }
    sc_core::sc_event rung_{"quiesce_rung"};
    bool ringing_ = false;
};

} // namespace

std::unique_ptr<Kernel> make_own_kernel() { return std::make_unique<OwnKernel>(); }
std::unique_ptr<Kernel> make_hosted_kernel() { return std::make_unique<HostedKernel>(); }

} // namespace quiesce::platform::cosim
