// SPDX-License-Identifier: Apache-2.0
/// Simulations in processes of their own, because SystemC's kernel starts once in each: so many at a time.
#pragma once
#include "platform/runner.h"

#include <atomic>
#include <functional>
#include <map>
#include <sys/types.h>

namespace quiesce::platform {

class Children {
public:
    /// `jobs` at a time; 0: as many as there are processors.
    explicit Children(unsigned jobs);
    /// Those that still run are waited for.
    ~Children();
    Children(const Children&) = delete;

    /// Runs `body` in a process of its own, as soon as there is a place for it; its exit code is the body's result, or what an
    /// exception means. `over` hears of it here, within start() or finish(): Internal, if a signal ended the process.
    void start(const std::function<Exit()>& body, std::function<void(Exit)> over);
    void finish();
    /// Once `interrupted` is true nobody starts any more, and those that run get SIGINT, which a terminal sends to all of a
    /// group and `kill` to the parent alone. Of who never started `over` is not told.
    void heed(const std::atomic<bool>& interrupted) { interrupted_ = &interrupted; }

private:
    void wait_for_one();
    unsigned jobs_;
    const std::atomic<bool>* interrupted_ = nullptr;
    bool told_ = false; ///< those that run
    std::map<pid_t, std::function<void(Exit)>> running_;
};

/// SIGINT calls `handler`, and a wait for a child ends (std::signal would let it go on).
void on_interrupt(void (*handler)(int));

} // namespace quiesce::platform
