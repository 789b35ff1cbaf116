// SPDX-License-Identifier: Apache-2.0
/// The driver's side of a VT-d invalidation queue: submission under one spinlock, a wait descriptor behind each
/// submission, and the CPU that spins for it with interrupts off (facts/linux-sva.md 6.5; linux:
/// drivers/iommu/intel/dmar.c).
#pragma once
#include "base/param.h"
#include "base/ring_queue.h"
#include "iommu/vtd/layout.h"
#include "iommu/vtd/regs.h"
#include "os/drivers/hypervisor.h"
#include "os/kthread.h"
#include "sim/lock.h"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace quiesce::os::drivers {

using namespace sim::literals;

/// Constants of drivers/iommu/intel/{dmar,prq,pasid}.c, facts/linux-sva.md 6 and 15.
struct VtdDriverConfig {
    using P = base::Provenance;
    base::Param<unsigned> queue_log2{8, "log2 of the invalidation queue's entries, of 256 bits each",
                                     base::between(7, 14), P::Kernel, "linux: QI_LENGTH, QS=1 with DW=1"};
    base::Param<bool> pri{true, "the driver enables page requests of functions that have them", P::Kernel,
                          "linux: intel_iommu_enable_iopf, which device drivers ask for"};
    base::Param<unsigned> prq_order{4, "log2 of the page request queue's pages, of 128 entries each",
                                    base::between(0, 7), P::Kernel, "linux: PRQ_ORDER; 0 in kernels up to about 5.12"};
    base::Param<unsigned> page_requests{32, "page requests that a function may have outstanding", base::between(1, 512),
                                        P::Kernel, "linux: PRQ_DEPTH"};
    base::Param<base::Latency> poll_interval{20_ns, "between two looks at the status that a wait descriptor writes",
                                             base::at_least(1_ns), P::Guess,
                                             "cpu_relax, and a lock that is let go and taken"};
    base::Param<base::Latency> build_descriptor{20_ns, "CPU time to build one descriptor and copy it to its slot",
                                                P::Guess, "half a cache line, and the slot's state"};
    base::Param<base::Latency> take_lock{20_ns, "CPU time to take the queue's lock that nobody holds", P::Guess,
                                         "one locked instruction"};
    base::Param<base::Latency> print_fault{15_us, "CPU time to put one line about faults into the log", P::Guess,
                                           "not measured; a console comes on top (os.console.baud)"};
    base::Param<unsigned> ratelimit_burst{10, "lines about faults printed per interval", base::at_most(1'000'000u),
                                          P::Kernel, "linux: DEFAULT_RATELIMIT_BURST"};
    base::Param<base::Latency> ratelimit_interval{5_s, "interval of the rate limit", P::Kernel,
                                                  "linux: DEFAULT_RATELIMIT_INTERVAL"};
    base::Param<unsigned> flush_ceiling{
        33,
        "pages that a range is invalidated as; a larger one is the whole PASID's (kernels "
        "from 6.6 on: the range is the one that the CPUs flush)",
        base::at_most(1u << 20), P::Kernel, "linux: arch/x86/mm/tlb.c, tlb_single_page_flush_ceiling"};
    base::Param<bool> nested{false,
                             "the kernel is a guest: its hypervisor has put a second stage behind every PASID entry "
                             "(needs platform.iommu.vtd.nested)",
                             P::Kernel, "linux: intel_pasid_setup_nested (6.6); who has no guest has none"};
    base::Param<SecondStagePages> nested_pages{SecondStagePages::Mega, "what the hypervisor maps guest memory with",
                                               P::Guess, "huge pages, as hosts of guests with devices use them"};
};
DESCRIBE(VtdDriverConfig, queue_log2, pri, prq_order, page_requests, poll_interval, build_descriptor, take_lock,
         print_fault, ratelimit_burst, ratelimit_interval, flush_ceiling, nested, nested_pages)
static_assert(base::fully_described<VtdDriverConfig>);

class VtdInvalidationQueue {
public:
    using Descriptor = iommu::vtd::Descriptor;
    /// How a submission ended. Refused: the unit did not take its first descriptor (IQE). Gone: a device-TLB did not
    /// answer, and its device is not there any more.
    enum class Outcome : u8 { Done, Refused, Gone };
    struct Options {
        bool drain_page_requests = false; ///< the wait descriptor's PD (QI_OPT_WAIT_DRAIN)
        bool wait = true;                 ///< false: back as soon as the tail is written
    };
    /// `present`: whether a function answers to that source-id. `wait_span`: the span of the hardware's last wait
    /// descriptor, for breakdowns (0 if not known).
    VtdInvalidationQueue(const VtdDriverConfig& config, Spa registers, base::Name unit,
                         std::function<sim::Task<bool>(KernelContext&, StreamId)> present,
                         std::function<u64()> wait_span)
        : config_(config), registers_(registers), unit_(unit), present_(std::move(present)),
          wait_span_(std::move(wait_span)) {}

    /// Where the descriptors lie, and what their wait descriptors write: four bytes for each slot.
    void place(Spa descriptors, Spa statuses, unsigned log2size);
    Spa base() const { return descriptors_; }
    Spa slot(u32 index) const { return descriptors_ + index * iommu::vtd::wide_descriptor_bytes; }
    Spa status(u32 index) const { return statuses_ + index * u64{4}; }

    /// qi_submit_sync: the descriptors and a wait descriptor; back when that has written its status. What a device-TLB
    /// time-out cut off is submitted again, for ever, unless the device is gone.
    sim::Task<Outcome> submit(KernelContext& ctx, std::span<const Descriptor> descriptors, base::Name phase,
                              Options options);

    u64 refused() const { return refused_; }   ///< IQE
    u64 timeouts() const { return timeouts_; } ///< ITE
    u64 resubmissions() const { return resubmissions_; }
    u64 wrong_completions() const { return wrong_completions_; } ///< ICE

private:
    /// Of a slot (QI_FREE, QI_IN_USE, QI_ABORT). Left: nobody waits for it; its status says when it is free.
    enum class Slot : u8 { Free, InUse, Aborted, Left };
    enum class Look : u8 { GoOn, Again, Refused, Gone };
    struct Submission {
        u32 first = 0, wait = 0; ///< slots
    };
    struct Locked {
        std::optional<KernelContext::IrqsOff> irqs;
        sim::Lease lock;
    };
    sim::Task<void> lock(KernelContext& ctx, Locked& held);
    sim::Task<void> make_room(KernelContext& ctx, u32 entries, Locked& held);
    sim::Task<Submission> publish(KernelContext& ctx, std::span<const Descriptor> descriptors, Options options);
    sim::Task<void> write(KernelContext& ctx, u32 index, const Descriptor& d);
    sim::Task<Look> wait_for(KernelContext& ctx, Submission s, Locked& held, base::Name phase);
    sim::Task<Look> check_fault(KernelContext& ctx, Submission s);
    sim::Task<Look> on_queue_error(KernelContext& ctx, Submission s);
    sim::Task<Look> on_time_out(KernelContext& ctx, Submission s);
    sim::Task<void> abort_fetched(KernelContext& ctx, u32 head, u32 tail);
    sim::Task<void> reclaim(KernelContext& ctx);
    void end(Submission s, Slot as);
    Descriptor wait_descriptor(u32 index, Options options) const;
    sim::Task<u32> read_index(KernelContext& ctx, u32 offset);

    const VtdDriverConfig& config_;
    Spa registers_;
    base::Name unit_; ///< whom waits name: "vtd.iq"
    std::function<sim::Task<bool>(KernelContext&, StreamId)> present_;
    std::function<u64()> wait_span_;
    Spa descriptors_{0}, statuses_{0};
    base::RingIndices<base::HeadTail> ring_; ///< free_head and free_tail
    std::vector<Slot> slots_;
    std::vector<u32> left_to_; ///< of a slot that is Left: whose status says when it is free
    sim::Mutex q_lock_;        ///< a raw spinlock: whoever waits for it keeps his CPU
    u64 refused_ = 0, timeouts_ = 0, resubmissions_ = 0, wrong_completions_ = 0;
};

} // namespace quiesce::os::drivers
