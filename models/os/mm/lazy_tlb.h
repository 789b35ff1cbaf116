// SPDX-License-Identifier: Apache-2.0
/// Lazy TLBs: a CPU that goes on without a process keeps the last one's address space as its active_mm, and with it a
/// reference (kernel/sched/core.c, context_switch; facts/linux-sva.md 1.1).
#pragma once
#include "os/mm/address_space.h"
#include "sim/random.h"

#include <optional>
#include <string>
#include <vector>

namespace quiesce::os {

class LazyTlb {
public:
    LazyTlb(Scheduler& scheduler, base::Latency most, u64 seed)
        : cpus_(scheduler.config().cpus), most_(most) {
        for (std::size_t cpu = 0; cpu < cpus_.size(); ++cpu) cpus_[cpu].idle.emplace(seed, "os.lazy-tlb.cpu" + std::to_string(cpu));
    }
    /// exit_mm: the thread that runs on this CPU has no mm any more, and its CPU keeps it.
    void borrow(unsigned cpu, AddressSpace& mm);
    /// A thread of a process runs on this CPU: what it kept is let go (finish_task_switch).
    void run(unsigned cpu, const AddressSpace& mm);

private:
    struct Kept {
        AddressSpace* mm = nullptr;
        u64 number = 0;
        std::optional<sim::Random> idle; ///< how long it goes on without a process
    };
    void drop(Kept& kept);
    sim::Task<void> drop_later(unsigned cpu, u64 number, sim::Duration after);
    std::vector<Kept> cpus_;
    base::Latency most_;
    u64 numbers_ = 0;
};

} // namespace quiesce::os
