// SPDX-License-Identifier: Apache-2.0
/// Simulations in processes of their own, because SystemC's kernel starts once in each: so many at a time.
#pragma once
#include "platform/runner.h"

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

private:
    void wait_for_one();
    unsigned jobs_;
    std::map<pid_t, std::function<void(Exit)>> running_;
};

} // namespace quiesce::platform
