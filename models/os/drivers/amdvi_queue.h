// SPDX-License-Identifier: Apache-2.0
/// The driver's side of an AMD-Vi command buffer: one command after the other under one spinlock, and a COMPLETION_WAIT
/// whose store the CPU spins for (facts/linux-sva.md 11, 15; linux: drivers/iommu/amd/iommu.c).
#pragma once
#include "base/param.h"
#include "base/ring_queue.h"
#include "iommu/amdvi/layout.h"
#include "iommu/amdvi/regs.h"
#include "os/drivers/hypervisor.h"
#include "os/kthread.h"
#include "sim/lock.h"

#include <functional>
#include <optional>

namespace quiesce::os::drivers {

namespace amdvi = iommu::amdvi;
using namespace sim::literals;

/// Constants of drivers/iommu/amd/{iommu,init,ppr}.c, facts/linux-sva.md 11 and 15.
struct AmdviDriverConfig {
    using P = base::Provenance;
    base::Param<unsigned> cmdbuf_log2{9, "log2 of the command buffer's entries", base::between(8u, 15u), P::Kernel,
                                      "linux: CMD_BUFFER_SIZE 8192"};
    base::Param<unsigned> evtlog_log2{9, "log2 of the event log's entries", base::between(8u, 15u), P::Kernel,
                                      "linux: EVTLOG_SIZE_DEF 8192; 32768 entries with SNP"};
    base::Param<unsigned> pprlog_log2{9, "log2 of the PPR log's entries", base::between(8u, 15u), P::Kernel,
                                      "linux: PPRLOG_SIZE_DEF 8192; 32768 entries with SNP"};
    base::Param<bool> pri{true, "the driver enables page requests of functions that have them", P::Kernel,
                          "linux: amd_iommu_iopf_add_device"};
    base::Param<unsigned> page_requests{32, "page requests that a function may have outstanding", base::between(1, 512),
                                        P::Kernel, "linux: pdev_enable_cap_pri, pci_enable_pri(pdev, 32)"};
    base::Param<base::Latency> poll_interval{1_us, "between two looks at what COMPLETION_WAIT stores, and at a buffer that is full",
                                             base::at_least(1_ns), P::Kernel, "linux: udelay(1)"};
    base::Param<unsigned> polls{100'000, "looks after which the driver gives up, and goes on", base::at_least(1u), P::Kernel,
                                "linux: LOOP_TIMEOUT"};
    base::Param<base::Latency> build_command{15_ns, "CPU time to build one command and copy it to its slot", P::Guess,
                                             "half of what a VT-d descriptor of twice the size takes"};
    base::Param<base::Latency> take_lock{20_ns, "CPU time to take the buffer's lock that nobody holds", P::Guess,
                                         "one locked instruction"};
    base::Param<base::Latency> print_event{15_us, "CPU time to put one line about events into the log", P::Guess,
                                           "not measured; a console comes on top (os.console.baud)"};
    base::Param<unsigned> ratelimit_burst{10, "lines about page faults printed per interval, for each device",
                                          base::at_most(1'000'000u), P::Kernel, "linux: DEFAULT_RATELIMIT_BURST"};
    base::Param<base::Latency> ratelimit_interval{5_s, "interval of the rate limit", P::Kernel,
                                                  "linux: DEFAULT_RATELIMIT_INTERVAL"};
    base::Param<unsigned> flush_ceiling{
        33,
        "pages that a range is invalidated as; a larger one is the whole PASID's (kernels "
        "from 6.7 on: the range is the one that the CPUs flush; before, more than a page is the whole PASID)",
        base::at_most(1u << 20), P::Kernel, "linux: arch/x86/mm/tlb.c, tlb_single_page_flush_ceiling"};
    base::Param<bool> nested{false, "the kernel is a guest: its hypervisor has put a host's page table behind every GCR3 table",
                             P::Kernel, "linux: amd_iommu nests from 6.19 on; who has no guest has none"};
    base::Param<SecondStagePages> nested_pages{SecondStagePages::Mega, "what the hypervisor maps guest memory with",
                                               P::Guess, "huge pages, as hosts of guests with devices use them"};
};
DESCRIBE(AmdviDriverConfig, cmdbuf_log2, evtlog_log2, pprlog_log2, pri, page_requests, poll_interval, polls, build_command,
         take_lock, print_event, ratelimit_burst, ratelimit_interval, flush_ceiling, nested, nested_pages)
static_assert(base::fully_described<AmdviDriverConfig>);

class AmdviCommandQueue {
public:
    using Command = amdvi::Command;
    /// What is waited for. Not: back as soon as the command is in the buffer (R8). UnlessQueued: not if nothing was queued
    /// since somebody queued a COMPLETION_WAIT, be it complete or not (R8-amd).
    enum class Wait : u8 { Complete, Not, UnlessQueued };
    /// `wait_span`: the span of the hardware's last COMPLETION_WAIT, for breakdowns (0 if not known).
    AmdviCommandQueue(const AmdviDriverConfig& config, Spa registers, base::Name unit, std::function<u64()> wait_span)
        : config_(config), registers_(registers), unit_(unit), wait_span_(std::move(wait_span)) {}

    /// Where the commands lie, and the word that COMPLETION_WAIT stores to.
    void place(Spa commands, Spa semaphore, unsigned log2size);
    Spa slot(u32 index) const { return commands_ + index * amdvi::ring_entry_bytes; }
    Spa semaphore() const { return semaphore_; }

    /// iommu_queue_command. False: the buffer stayed full too long, and the command is not in it.
    sim::Task<bool> queue(KernelContext& ctx, Command c);
    /// iommu_completion_wait: returns when all that was queued before is complete. False: it gave up, or did not wait.
    sim::Task<bool> completion_wait(KernelContext& ctx, base::Name phase, Wait how = Wait::Complete);

    u64 gave_up() const { return gave_up_; }

private:
    struct Locked {
        std::optional<KernelContext::IrqsOff> irqs;
        sim::Lease lock;
    };
    sim::Task<void> lock(KernelContext& ctx, Locked& held);
    sim::Task<bool> put(KernelContext& ctx, Command c);
    sim::Task<bool> wait_on(KernelContext& ctx, u64 sequence, base::Name phase);
    Command wait_command(u64 sequence) const;

    const AmdviDriverConfig& config_;
    Spa registers_;
    base::Name unit_; ///< whom waits name: "amdvi.cmdbuf"
    std::function<u64()> wait_span_;
    Spa commands_{0}, semaphore_{0};
    base::RingIndices<base::HeadTail> ring_; ///< cmd_buf_tail, and cmd_buf_head as it was read last
    bool need_sync_ = false;                 ///< a command was queued since the last COMPLETION_WAIT was
    u64 sequence_ = 0;                       ///< that the last one stores
    sim::Mutex lock_;                        ///< a raw spinlock: whoever waits for it keeps his CPU
    u64 gave_up_ = 0;
};

} // namespace quiesce::os::drivers
