// SPDX-License-Identifier: Apache-2.0
/// Memory, register bus and kernel, for tests of what runs on them.
#pragma once
#include "memory/system_memory.h"
#include "os/kernel.h"

#include <catch2/catch.hpp>
#include <optional>

namespace quiesce::os::test {

/// Whoever derives from it shuts the calendar down in its own destructor, before its models go.
struct Machine {
    sim::Calendar calendar;
    base::EventBus events{calendar.clock()};
    memory::MemoryConfig memory_config;
    memory::MmioConfig mmio_config;
    memory::SystemMemory memory{events, memory_config};
    memory::MmioBus mmio{mmio_config};
    KernelConfig config;
    std::optional<Kernel> kernel;

    void make_kernel() { make_kernel(memory.ram_bytes()); }
    /// The kernel gets the first `ram_bytes` of RAM.
    void make_kernel(u64 ram_bytes, const Architecture& architecture = arm64, IommuArch iommu = IommuArch::Smmuv3) {
        kernel.emplace(events, config, memory.ledger(), memory.cpu_port(), mmio, memory.ram_base(), ram_bytes, 1,
                       architecture, iommu);
        memory.map_messages(architecture.messages, architecture.message_bytes, kernel->interrupts());
    }
    /// Until nothing happens any more; `patience` is longer than every time-out.
    void settle() { calendar.run_until_idle(sim::now() + patience); }
    sim::Duration patience = 5_s;
    /// A system call from its beginning until nothing happens any more.
    void call(sim::Task<void> t) {
        sim::spawn(std::move(t));
        settle();
    }
    template <class Result> Result call(sim::Task<Result> t) {
        std::optional<Result> result;
        auto keep = [](sim::Task<Result> task, std::optional<Result>& into) -> sim::Task<void> {
            const Result value = co_await std::move(task);
            into = value;
        };
        sim::spawn(keep(std::move(t), result));
        settle();
        REQUIRE(result.has_value());
        return *result;
    }
    /// `body(ctx)` in a kernel context of its own, until nothing happens any more.
    template <class Body> void in_kernel(Body body) {
        bool ended = false;
        auto run = [&]() -> sim::Task<void> {
            KernelContext ctx(kernel->scheduler(), "test");
            co_await ctx.run();
            co_await body(ctx);
            ctx.stop();
            ended = true;
        };
        sim::spawn(run());
        settle();
        REQUIRE(ended);
    }
    u64 peek(Spa at) { return memory.cpu_port().peek64(at); }
};

} // namespace quiesce::os::test
