// SPDX-License-Identifier: Apache-2.0
/// Blocking TLM calls across the calendar's border: in, by a foreign SC_THREAD, and out, by a thread of ours.
#pragma once
#include "sim/signal.h"
#include "sim/task.h"

#include <deque>
#include <functional>
#include <systemc>

namespace quiesce::sim {

/// For target sockets: runs `task` in the calendar from sc_time_stamp() + delay on and blocks the calling SC_THREAD until it
/// has ended; then delay is zero.
void run_in_calendar(Task<void> task, sc_core::sc_time& delay);

/// Blocking calls out of the calendar, made by pooled SC_THREADs: as many as are in flight at once.
class ThreadPool : public sc_core::sc_module {
public:
    explicit ThreadPool(sc_core::sc_module_name name) : sc_module(name) {}
    /// co_await pool.call(f): runs `f` in a SystemC thread at now(); goes on when it has returned.
    Task<void> call(std::function<void()> f);
    std::size_t threads() const { return threads_; }

private:
    struct Job {
        std::function<void()> work;
        Latch* done;
    };
    void worker();
    std::deque<Job> jobs_;
    sc_core::sc_event work_;
    std::size_t threads_ = 0, idle_ = 0;
};

} // namespace quiesce::sim
