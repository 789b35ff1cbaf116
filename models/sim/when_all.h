// SPDX-License-Identifier: Apache-2.0
/// when_all: starts several tasks at once and goes on when the last has ended.
#pragma once
#include "sim/signal.h"
#include "sim/task.h"

#include <vector>

namespace quiesce::sim {

namespace detail {
struct Countdown {
    std::size_t left;
    std::exception_ptr error;
    Latch done;
};
inline Task<void> counted(Task<void> t, Countdown& c) {
    try {
        co_await std::move(t);
    } catch (...) {
        if (!c.error) c.error = std::current_exception();
    }
    if (--c.left == 0) c.done.set();
}
} // namespace detail

/// All start at this instant in the order given. Rethrows the first exception, after every task has ended.
inline Task<void> when_all(std::vector<Task<void>> tasks) {
    detail::Countdown c{tasks.size(), nullptr, {}};
    if (tasks.empty()) co_return;
    for (auto& t : tasks) spawn(detail::counted(std::move(t), c));
    co_await c.done.wait();
    if (c.error) std::rethrow_exception(c.error);
}

template <class... Ts> Task<void> when_all(Task<void> first, Ts... rest) {
    std::vector<Task<void>> v;
    v.push_back(std::move(first));
    (v.push_back(std::move(rest)), ...);
    co_await when_all(std::move(v));
}

} // namespace quiesce::sim
