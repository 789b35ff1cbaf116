// SPDX-License-Identifier: Apache-2.0
/// CPUs and a small scheduler: kernel contexts take turns on them, interrupts need one whose interrupts are on.
#pragma once
#include "base/events.h"
#include "base/facts.h"
#include "base/param.h"
#include "memory/memory_port.h"
#include "memory/mmio_bus.h"
#include "os/events.h"
#include "sim/slots.h"

#include <functional>
#include <list>
#include <memory>
#include <vector>

namespace quiesce::os {

using namespace sim::literals;

struct CpuConfig {
    using P = base::Provenance;
    base::Param<unsigned> cpus{4, "processors", base::between(1, 1024), P::Guess, "a small server partition"};
    base::Param<base::Latency> context_switch{1500_ns, "to another kernel context on a CPU", P::Guess,
                                              "1..2 us on servers; no measurement to cite"};
    base::Param<base::Latency> slice{700_us, "a thread in user space gives its CPU up after so long, if another context waits for one", P::Kernel,
                                     "linux: kernel/sched/fair.c, sysctl_sched_base_slice, before it grows with the number of CPUs"};
    base::Param<base::Latency> rt_period{1_s, "real-time threads, such as those of interrupts, have a part of each such period", base::at_least(1_us),
                                         P::Kernel, "linux: kernel/sched/rt.c, sysctl_sched_rt_period"};
    base::Param<base::Latency> rt_runtime{950_ms, "and that part is so long; the rest is other threads', whatever comes", base::at_least(1_us), P::Kernel,
                                          "linux: kernel/sched/rt.c, sysctl_sched_rt_runtime"};
    base::Param<base::Latency> wake_up{2_us, "from a wake-up until the woken context may run on an idle CPU", P::Guess,
                                       "a warm kworker wakes in 2..10 us; no measurement to cite"};
    base::Param<base::Latency> irq_entry{500_ns, "from a delivered interrupt to its handler", P::Guess,
                                         "no measurement to cite"};
    base::Param<unsigned> store_buffer{32, "stores that a CPU holds before they reach its caches", base::between(1, 256), P::Guess,
                                       "of the order of current cores"};
    base::Param<base::Latency> jitter{0_ns, "context switches, wake-ups, interrupt entries and signals take up to so much longer, "
                                            "by the run's seed: other interleavings of the same story", P::Guess,
                                      "none: what is simulated is then the same for every seed as far as CPUs go"};
};
DESCRIBE(CpuConfig, cpus, context_switch, slice, rt_period, rt_runtime, wake_up, irq_entry, store_buffer, jitter)
static_assert(base::fully_described<CpuConfig>);

class KernelContext;
class Scheduler;

/// A kernel context that sleeps, as long as this lives.
class Asleep {
public:
    Asleep(Scheduler& scheduler, base::Name who, base::Name phase, base::Name waits_for);
    Asleep(const Asleep&) = delete;
    ~Asleep();
    std::string text() const;

private:
    Scheduler& scheduler_;
    base::Name who_, phase_, waits_for_;
    sim::Time since_;
    std::list<const Asleep*>::iterator place_;
};

/// One processor: who runs, whether it takes interrupts, and the stores that are not visible to others yet.
class Cpu {
public:
    explicit Cpu(unsigned number, memory::MemoryPort& memory, unsigned store_buffer) : number(number), memory_(memory), places_(store_buffer) {}
    const unsigned number;
    KernelContext* running = nullptr;

    void irqs_off() { ++irqs_off_; }
    void irqs_on() { if (--irqs_off_ == 0) irqs_on_.notify_all(); }
    bool takes_irqs() const { return irqs_off_ == 0; }
    sim::Task<void> until_irqs_on() { while (!takes_irqs()) co_await irqs_on_.wait(); }

    /// Puts a store into the buffer; it becomes visible later, in order. Waits while the buffer is full.
    sim::Task<void> store(Spa at, u64 value, unsigned bytes);
    /// The value that this CPU sees: its own newest store to exactly this place, else memory.
    sim::Task<u64> load(Spa at, unsigned bytes);
    /// Waits until every store before it is visible.
    sim::Task<void> barrier();

private:
    struct Store { Spa at; u64 value; unsigned bytes; };
    sim::Task<void> drain();
    memory::MemoryPort& memory_;
    sim::Slots places_;
    std::vector<Store> buffer_;
    std::vector<sim::Lease> taken_;
    bool draining_ = false;
    sim::Signal empty_, irqs_on_;
    unsigned irqs_off_ = 0;
};

/// First come, first served over all CPUs. Threads in user space have time slices.
/// MODEL: inside the kernel a context keeps its CPU until it sleeps (no preemption); a handler's time is not added to what it interrupted.
class Scheduler {
public:
    Scheduler(base::EventBus& events, const CpuConfig& config, memory::MemoryPort& memory, memory::MmioBus& mmio);
    Scheduler(const Scheduler&) = delete;

    /// A CPU for `who`: waits in line. `woken`: after a sleep, which costs the wake-up.
    sim::Task<Cpu*> run(KernelContext& who, bool woken);
    void leave(Cpu& cpu);
    /// Runs `handler` as an interrupt: CPUs take turns, as interrupts spread over them do; the one whose turn it is takes it
    /// when its interrupts are on. One that spins with interrupts off keeps it waiting.
    void interrupt(base::Name name, std::function<sim::Task<void>(KernelContext&)> handler, u64 begun_by = 0);

    base::EventBus& events() { return events_; }
    memory::MmioBus& mmio() { return mmio_; }
    const CpuConfig& config() const { return config_; }
    Cpu& cpu(unsigned n) { return *cpus_[n]; }
    /// Which contexts sleep, in which phase, for what and since when; in the order in which they fell asleep.
    std::string who_sleeps() const;
    /// Contexts that could run if a CPU were free.
    unsigned waiting() const { return idle_.waiting(); }
    /// A number for a kernel context that no other has.
    u64 next_context() { return ++contexts_; }

private:
    friend Asleep;
    sim::Task<void> serve(base::Name name, std::function<sim::Task<void>(KernelContext&)> handler, u64 begun_by);
    base::EventBus& events_;
    CpuConfig config_;
    memory::MmioBus& mmio_;
    std::vector<std::unique_ptr<Cpu>> cpus_;
    sim::Slots idle_;
    std::vector<sim::Lease> leases_;
    std::list<const Asleep*> asleep_;
    unsigned next_irq_ = 0;
    u64 contexts_ = 0;
};

} // namespace quiesce::os
