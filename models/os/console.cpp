// SPDX-License-Identifier: Apache-2.0
#include "os/console.h"

namespace quiesce::os {

sim::Duration Console::line_time() const {
    constexpr u64 bits = 10, ps_per_s = 1'000'000'000'000;
    if (config_.baud.get() == 0) return {};
    return sim::Duration::ps(static_cast<i64>(config_.line.get() * bits * ps_per_s / config_.baud.get()));
}

/// console_unlock: the driver of a serial console has interrupts off over a line, and not between lines.
sim::Task<void> Console::print(KernelContext& ctx, sim::Duration formatting, unsigned lines) {
    if (config_.baud.get() == 0) {
        co_await ctx.spend(formatting, "printk");
        co_return;
    }
    for (unsigned line = 0; line < lines; ++line) {
        co_await ctx.spend(formatting / lines, "printk");
        const auto mine = co_await busy_.lock();
        const auto atomic = ctx.irqs_off();
        co_await ctx.spend(line_time(), "console");
    }
}

} // namespace quiesce::os
