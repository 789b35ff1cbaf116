// SPDX-License-Identifier: Apache-2.0
/// The interrupt controller as drivers see it: a message's data says whose interrupt it is.
#pragma once
#include "memory/mmio.h"
#include "os/kthread.h"
#include "os/architecture.h"

#include <map>

namespace quiesce::os {

class InterruptController final : public memory::InterruptSink {
public:
    using Handler = std::function<sim::Task<void>(KernelContext&)>;
    explicit InterruptController(Scheduler& scheduler, const Architecture& architecture = arm64)
        : scheduler_(scheduler), window_(architecture.messages), window_bytes_(architecture.message_bytes) {}

    /// Where devices write their messages.
    Spa window() const { return window_; }
    u64 window_bytes() const { return window_bytes_; }
    /// A message number for a handler that runs in a thread of its own. `cause`: the span to blame for it, if known.
    u32 request(base::Name name, Handler handler, std::function<u64()> cause = {}) {
        rows_[++last_] = {name, std::move(handler), std::move(cause), false, false};
        return last_;
    }
    /// Where firmware says that a device's wire ends: it raises the interrupt with that number. Of a wire that leads
    /// nowhere nothing is heard.
    void connect(unsigned line, u32 number) { lines_[line] = number; }
    u64 spurious() const { return spurious_; }

    void message(Spa, u32 data) override { raise(data); }
    void wire(unsigned line) override {
        if (const auto found = lines_.find(line); found != lines_.end()) raise(found->second);
    }

private:
    struct Row {
        base::Name name;
        Handler handler;
        std::function<u64()> cause;
        bool running = false, again = false;
    };
    /// One thread per interrupt: an edge while it runs makes it run once more.
    void raise(u32 number) {
        const auto found = rows_.find(number);
        if (found == rows_.end()) {
            ++spurious_;
            return;
        }
        Row& r = found->second;
        r.again = true;
        if (std::exchange(r.running, true)) return;
        scheduler_.interrupt(r.name, [this, number](KernelContext& ctx) { return serve(ctx, rows_.at(number)); }, r.cause ? r.cause() : 0);
    }
    sim::Task<void> serve(KernelContext& ctx, Row& r) {
        while (std::exchange(r.again, false)) co_await r.handler(ctx);
        r.running = false;
    }
    Scheduler& scheduler_;
    Spa window_;
    u64 window_bytes_;
    std::map<u32, Row> rows_;
    std::map<unsigned, u32> lines_;
    u32 last_ = 0;
    u64 spurious_ = 0;
};

} // namespace quiesce::os
