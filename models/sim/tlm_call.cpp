// SPDX-License-Identifier: Apache-2.0
#include "sim/tlm_call.h"

#include "sim/calendar.h"

namespace quiesce::sim {
namespace {
Task<void> then_notify(Task<void> task, sc_core::sc_event& done, bool& over) {
    co_await std::move(task);
    co_await at_kernel();
    over = true;
    done.notify();
}
} // namespace

void run_in_calendar(Task<void> task, sc_core::sc_time& delay) {
    auto& calendar = Calendar::current();
    calendar.entered_from_kernel();
    sc_core::sc_event done;
    bool over = false;
    spawn_at(calendar.now() + Duration::ps(static_cast<std::int64_t>(delay.value())), then_notify(std::move(task), done, over));
    delay = sc_core::SC_ZERO_TIME;
    while (!over) sc_core::wait(done);
}

void ThreadPool::worker() {
    for (;;) {
        while (jobs_.empty()) {
            ++idle_;
            wait(work_);
            --idle_;
        }
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        job.work();
        Calendar::current().entered_from_kernel();
        job.done->set();
    }
}

Task<void> ThreadPool::call(std::function<void()> f) {
    Latch done;
    co_await at_kernel();
    jobs_.push_back({std::move(f), &done});
    if (idle_ < jobs_.size()) {
        ++threads_;
        sc_core::sc_spawn([this] { worker(); });
    } else {
        work_.notify();
    }
    co_await done.wait();
}

} // namespace quiesce::sim
