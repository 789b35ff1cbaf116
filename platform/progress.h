// SPDX-License-Identifier: Apache-2.0
/// What a long run says of itself while it goes on.
#pragma once
#include "base/text.h"
#include "sim/calendar.h"

#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

namespace quiesce::platform {

/// On a terminal: how far a long run has come, every second of the host's time from the third on.
class Progress {
public:
    ~Progress() {
        if (told_) fmt::print(stderr, "\r{:60}\r", "");
    }
    Progress() = default;
    Progress(const Progress&) = delete;
    void tell(sim::Time now, sim::Time end) {
        if (!terminal_ || ++slices_ % 64 != 0) return;
        const auto host = std::chrono::steady_clock::now();
        if (host < next_) return;
        next_ = host + std::chrono::seconds(1);
        told_ = true;
        fmt::print(stderr, "\r{} simulated, until {} at most   ", base::format_duration(now - sim::Time{}), base::format_duration(end - sim::Time{}));
        std::fflush(stderr);
    }

private:
    bool terminal_ = isatty(fileno(stderr)) == 1, told_ = false;
    unsigned slices_ = 0;
    std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + std::chrono::seconds(3);
};

} // namespace quiesce::platform
