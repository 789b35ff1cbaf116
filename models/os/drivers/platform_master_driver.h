// SPDX-License-Identifier: Apache-2.0
/// The driver of a platform device with work queues: it polls a queue that it stops, and when that takes too long it
/// goes on regardless, as HiSilicon's queue management does (facts/linux-sva.md 13).
#pragma once
#include "os/drivers/work_queue.h"
#include "os/kernel.h"

namespace quiesce::os::drivers {

struct PlatformMasterDriverConfig {
    using P = base::Provenance;
    base::Param<base::Latency> stop_poll{200_us, "sleep between two looks at a queue that is to stop",
                                         base::at_least(1_us), P::Kernel,
                                         "linux: drivers/crypto/hisilicon/qm.c: usleep_range(100, 200)"};
    base::Param<unsigned> stop_polls{1000,
                                     "looks at it; after the last the driver goes on regardless",
                                     base::between(1u, 1'000'000u),
                                     base::unit("looks"),
                                     P::Kernel,
                                     "linux: drivers/crypto/hisilicon/qm.c: MAX_WAIT_COUNTS"};
    base::Param<base::Latency> grace_period{20_ms, "one of those for which it waits without a look when it has given up",
                                            base::at_least(1_us), P::Kernel, "linux: drivers/crypto/hisilicon/qm.c: WAIT_PERIOD"};
    base::Param<unsigned> grace_periods{0, "so many of them", base::at_most(1'000'000u), base::unit("periods"), P::Kernel,
                                        "linux: drivers/crypto/hisilicon/qm.c: dev_timeout, which debugfs sets"};
    base::Param<base::Latency> submit{500_ns, "CPU time to prepare one piece of work", P::Guess, "descriptor set-up"};
    base::Param<base::Latency> interrupt{800_ns, "CPU time of the interrupt handler", P::Guess,
                                         "no measurement to cite"};
};
DESCRIBE(PlatformMasterDriverConfig, stop_poll, stop_polls, grace_period, grace_periods, submit, interrupt)
static_assert(base::fully_described<PlatformMasterDriverConfig>);

/// What firmware says of the device, besides its stream.
struct PlatformNode {
    Spa registers{0};
    unsigned wire = 0;
    FirmwareNode iommu;
};

class PlatformMasterDriver final : public DeviceDriver {
public:
    /// `stop_span`: the device's span of the stop of a queue, for breakdowns.
    PlatformMasterDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel,
                         const PlatformMasterDriverConfig& config, const PlatformNode& node,
                         std::function<u64(unsigned)> stop_span);

    base::Name name() const override { return name_; }
    DeviceId device() const override { return device_; }
    StreamId stream() const override { return stream_; }
    FirmwareNode firmware() const override { return node_.iommu; }
    sim::Task<void> probe(KernelContext& ctx) override;
    sim::Task<bool> submit(KernelContext& ctx, Bond& bond, const Work& work) override;
    sim::Task<bool> stop(KernelContext& ctx, Bond& bond) override;
    bool resets_what_hangs() const override { return false; }
    /// Interrupts for work that ended by itself.
    u64 done_interrupts() const { return done_interrupts_; }

private:
    struct Queue {
        BondId bond{};
        bool given_up = false; ///< the driver went on though the queue had not stopped: nobody gets it before it has
    };
    sim::Task<std::optional<unsigned>> queue_for(KernelContext& ctx, BondId bond);
    sim::Task<bool> stopped(KernelContext& ctx, unsigned queue);
    sim::Task<bool> in_error(KernelContext& ctx);
    sim::Task<bool> wait_until_stopped(KernelContext& ctx, unsigned queue);
    sim::Task<void> on_interrupt(KernelContext& ctx);

    base::Name name_;
    DeviceId device_;
    StreamId stream_;
    Kernel& kernel_;
    PlatformMasterDriverConfig config_;
    PlatformNode node_;
    std::function<u64(unsigned)> stop_span_;
    std::vector<Queue> queues_;
    u64 done_interrupts_ = 0;
    sim::Mutex select_; ///< QUEUE_SELECT and what follows it
    sim::Mutex stop_;   ///< uacce's: one queue is stopped at a time, also when an mm goes while its file is closed
};

} // namespace quiesce::os::drivers
