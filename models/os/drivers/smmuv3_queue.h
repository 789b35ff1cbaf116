// SPDX-License-Identifier: Apache-2.0
/// The driver's side of an SMMUv3 command queue: slots, doorbell, and waiting for CMD_SYNC (facts/linux-sva.md 12).
#pragma once
#include "base/param.h"
#include "base/ring_queue.h"
#include "iommu/smmuv3/layout.h"
#include "iommu/smmuv3/regs.h"
#include "os/drivers/hypervisor.h"
#include "os/kthread.h"
#include "sim/lock.h"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace quiesce::os::drivers {

using namespace sim::literals;

/// Constants of drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.{c,h}, facts/linux-sva.md 12 and 15.
struct Smmuv3DriverConfig {
    using P = base::Provenance;
    base::Param<unsigned> cmdq_log2{8, "log2 of the command queue's entries", base::between(2, 19), P::Kernel,
                                    "linux: CMDQ_MAX_SZ_SHIFT, limited by IDR1.CMDQS"};
    base::Param<unsigned> evtq_log2{7, "log2 of the event queue's entries", base::between(2, 19), P::Kernel,
                                    "linux: EVTQ_MAX_SZ_SHIFT, limited by IDR1.EVENTQS"};
    base::Param<bool> pri{false, "the driver takes page requests of PCIe functions: MODEL: a patch that was never merged; "
                                 "mainline enables no function's and denies what comes all the same", P::Kernel,
                          "J.-P. Brucker, iommu/arm-smmu-v3: Add support for PRI, linux-iommu 2018 to 2020"};
    base::Param<unsigned> priq_log2{8, "log2 of the page request queue's entries", base::between(0, 19), P::Kernel,
                                    "linux: PRIQ_MAX_SZ_SHIFT, a page of entries, limited by IDR1.PRIQS"};
    base::Param<unsigned> page_requests{16, "page requests that a function may have outstanding", base::between(1, 512),
                                        P::Kernel, "the same patch: max_inflight_pprs in arm_smmu_enable_pri"};
    base::Param<bool> msipoll{true, "CMD_SYNC completion by a message into its own slot; false: poll CMDQ_CONS", P::Kernel,
                              "linux: ARM_SMMU_OPT_MSIPOLL where the SMMU is coherent and has MSIs"};
    base::Param<base::Latency> sync_timeout{1_s, "waiting for CMD_SYNC or for queue space", P::Kernel, "linux: ARM_SMMU_POLL_TIMEOUT_US"};
    base::Param<base::Latency> poll_interval{20_ns, "between two looks at the slot while it is being waited for", base::at_least(1_ns), P::Guess,
                                             "a cache line moving between cores"};
    base::Param<base::Latency> build_command{15_ns, "CPU time to build one command and copy it to its slot", P::Guess, "a few cache lines"};
    base::Param<base::Latency> take_slots{40_ns, "CPU time of the slot allocation (cmpxchg loop, uncontended)", P::Derived,
        "cmpxchg is about 25 % of the submit function (J. Garry, Improve cmdq lock efficiency, 2020)"};
    base::Param<base::Latency> print_event{30_us, "CPU time to put one event (five lines) into the log", P::Guess,
                                           "not measured; a console comes on top (os.console.baud)"};
    base::Param<base::Latency> print_overflow{5_us, "CPU time to put the line into the log that the event queue overflowed, of which no "
                                                    "rate is limited", P::Guess, "as one of print_event's"};
    base::Param<unsigned> ratelimit_burst{10, "events printed per interval", base::at_most(1'000'000u), P::Kernel, "linux: DEFAULT_RATELIMIT_BURST"};
    base::Param<base::Latency> ratelimit_interval{5_s, "interval of the rate limit", P::Kernel, "linux: DEFAULT_RATELIMIT_INTERVAL"};
    base::Param<bool> ecmdq{false,
                            "every CPU has a command queue of its own, where the unit has as many enhanced ones. "
                            "MODEL: patches that were never merged",
                            P::Kernel,
                            "Z. Lei, T. Jagdale, iommu/arm-smmu-v3: Add support for ECMDQ register mode, v3 (2024)"};
    base::Param<bool> mev{false,
                          "STE.MEV: faults of a stream that are alike may share a record. MODEL: Linux 6.12 sets it in "
                          "no entry (6.15 does, in those of nested translation)",
                          P::Kernel,
                          "linux: STRTAB_STE_1_MEV, iommu/arm-smmu-v3: Set MEV bit in nested STE for DoS mitigations "
                          "(2025)"};
    base::Param<u32> other_domains{0,
                                   "ASIDs, from 1, that domains of other groups have: of the DMA API, of devices that are not modelled",
                                   base::at_most(65'534u), P::Kernel, "linux: arm_smmu_domain_finalise_s1: an ASID each"};
    base::Param<bool> nested{false,
                             "the kernel is a guest: its hypervisor has put every stream behind a second stage; needs "
                             "platform.iommu.smmuv3.stage2",
                             P::Guess,
                             "what if: Linux as a guest with a virtual SMMUv3 (iommufd, IOMMU_HWPT_DATA_ARM_SMMUV3)"};
    base::Param<SecondStagePages> nested_pages{SecondStagePages::Mega,
                                               "pages that the hypervisor maps guest memory with", P::Guess,
                                               "guest memory of transparent huge pages"};
    base::Param<unsigned> nested_vmid{1, "the guest's VMID", base::between(0, 255), P::Guess, "the first guest"};
    base::Param<unsigned> tlbi_va_max{512, "pages invalidated one by one; from here on the whole ASID", base::at_most(1u << 20), P::Kernel,
                                      "linux: CMDQ_MAX_TLBI_OPS, 1 << (PAGE_SHIFT - 3)"};
};
DESCRIBE(Smmuv3DriverConfig, cmdq_log2, evtq_log2, pri, priq_log2, page_requests, msipoll, sync_timeout, poll_interval, build_command, take_slots, print_event, print_overflow,
         ratelimit_burst, ratelimit_interval, ecmdq, mev, other_domains, nested, nested_pages, nested_vmid, tlbi_va_max)
static_assert(base::fully_described<Smmuv3DriverConfig>);

class Smmuv3CommandQueue {
public:
    using Command = iommu::smmuv3::Command;
    /// Offsets from `registers`, and what else every write of the producer index says.
    struct Where {
        u32 producer, consumer;
        u32 flags;
    };
    /// `sync_span`: the span of the hardware's last CMD_SYNC, for breakdowns (0 if not known).
    Smmuv3CommandQueue(const Smmuv3DriverConfig& config, Spa registers, base::Name unit, std::function<u64()> sync_span,
                       Where where = {iommu::smmuv3::CmdqProd::offset, iommu::smmuv3::CmdqCons::offset, 0})
        : config_(config), registers_(registers), where_(where), unit_(unit), sync_span_(std::move(sync_span)) {}

    void place(Spa base, unsigned log2size);
    Spa base() const { return base_; }
    unsigned log2size() const { return indices_.log2size; }

    /// Publishes the commands, a batch at a time, and a CMD_SYNC behind the last; then waits until the SYNC is seen complete.
    /// False if that did not happen in time. With `wait` false it returns as soon as the last doorbell is rung.
    sim::Task<bool> issue(KernelContext& ctx, std::span<const Command> commands, base::Name phase, bool wait = true);
    /// Publishes the commands without a CMD_SYNC, in one batch: nobody waits for them.
    sim::Task<void> post(KernelContext& ctx, std::span<const Command> commands);
    /// Waits, for a CMD_SYNC or for room, that lasted longer than the driver's time-out.
    u64 timeouts() const { return timeouts_; }
    Spa registers() const { return registers_; }
    /// Other flags from now on; the index stays as it was written last.
    sim::Task<void> write_flags(KernelContext& ctx, u32 flags);
    u32 flags() const { return where_.flags; }
    /// For the error handler: the slot that the consumer index points at.
    Spa slot(u32 position) const { return base_ + base::WrapBit::index(position, indices_.log2size) * iommu::smmuv3::command_bytes; }

private:
    /// Interrupts off from the slot allocation to the doorbell, or to the completion of the CMD_SYNC that is waited for.
    sim::Task<void> publish(KernelContext& ctx, std::span<const Command> batch, bool sync, u32& sync_position,
                            std::optional<KernelContext::IrqsOff>& irqs);
    sim::Task<void> make_room(KernelContext& ctx, u32 entries, std::optional<KernelContext::IrqsOff>& irqs);
    sim::Task<bool> wait_for(KernelContext& ctx, u32 sync_position, base::Name phase);
    sim::Task<void> write(KernelContext& ctx, u32 position, const Command& c);
    sim::Task<bool> wait_message(KernelContext& ctx, Spa slot);
    sim::Task<bool> wait_consumed(KernelContext& ctx, u32 position);
    Command sync_command(u32 position) const;
    sim::Task<u32> read_cons(KernelContext& ctx);

    const Smmuv3DriverConfig& config_;
    Spa registers_;
    Where where_;
    base::Name unit_;                          ///< whom waits name: "smmu.cmdq"
    std::function<u64()> sync_span_;
    Spa base_{0};
    base::RingIndices<base::WrapBit> indices_; ///< prod is ours; cons as last read
    sim::Mutex publish_;                       ///< MODEL: commands are published in turn; Linux lets an owner gather others' slots
    u32 published_ = 0;                        ///< the producer index that the unit knows
    unsigned watchers_ = 0;                    ///< CPUs that wait for a CMD_SYNC: the queue's lock, held shared
    u64 timeouts_ = 0;
};

} // namespace quiesce::os::drivers
