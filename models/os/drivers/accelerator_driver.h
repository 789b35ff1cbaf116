// SPDX-License-Identifier: Apache-2.0
/// The accelerator's driver: one queue per bond, STOP and a message when the queue has stopped (facts/linux-sva.md 13).
#pragma once
#include "os/drivers/pci_device_driver.h"
#include "os/drivers/work_queue.h"

namespace quiesce::os::drivers {

/// What a driver does that gave up waiting for a queue to stop.
enum class AfterTimeout : u8 { Reset, Regardless };
constexpr auto enum_names(AfterTimeout) {
    return base::name_table<AfterTimeout>({{AfterTimeout::Reset, "reset"}, {AfterTimeout::Regardless, "regardless"}});
}

struct AcceleratorDriverConfig {
    using P = base::Provenance;
    base::Param<base::Latency> stop_timeout{0_ns, "how long stop waits for the device before it gives up; 0: for ever", P::Kernel,
        "linux: drivers/dma/idxd/device.c waits for its commands without a time-out"};
    base::Param<AfterTimeout> after_timeout{AfterTimeout::Reset,
                                            "what it then does: reset the function before it unbinds, or unbind regardless, with the device at work",
                                            P::Guess, "linux: hisilicon/qm.c goes on regardless, amdkfd resets"};
    base::Param<base::Latency> submit{500_ns, "CPU time to prepare one piece of work", P::Guess, "descriptor set-up"};
    base::Param<base::Latency> reset_wait{100_ms, "how long a function-level reset is waited for", P::Specification,
                                          "PCIe Base 6.6.2: 100 ms; linux: drivers/pci/pci.c, pcie_flr"};
    base::Param<base::Latency> interrupt{800_ns, "CPU time of the interrupt handler", P::Guess,
                                         "no measurement to cite"};
};
DESCRIBE(AcceleratorDriverConfig, stop_timeout, after_timeout, submit, reset_wait, interrupt)
static_assert(base::fully_described<AcceleratorDriverConfig>);

class AcceleratorDriver final : public PciDeviceDriver {
public:
    /// `function`: where the window of configuration registers has the device. `stop_span`: the device's span of the
    /// stop of a queue, for breakdowns. `bus_addresses`: the device works on pinned pages, too.
    AcceleratorDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel,
                      const AcceleratorDriverConfig& config, Spa function, std::function<u64(unsigned)> stop_span,
                      bool bus_addresses = false);

    bool takes_bus_addresses() const override { return bus_addresses_; }
    sim::Task<void> probe(KernelContext& ctx) override;
    sim::Task<bool> submit(KernelContext& ctx, Bond& bond, const Work& work) override;
    sim::Task<bool> stop(KernelContext& ctx, Bond& bond) override;
    bool resets_what_hangs() const override { return config_.after_timeout == AfterTimeout::Reset; }

private:
    struct Queue {
        BondId bond{};
        sim::Latch stopped;
        bool given_up = false;       ///< the driver went on though the queue had not stopped
        u64 work = 0;                ///< pieces of work that it was given
        u64 stopped_work = 0;        ///< the one of which StopSeen said that the queue has stopped
    };
    Queue* queue_of(BondId bond, unsigned& number, std::optional<unsigned> only = {});
    template <class R> sim::Task<void> write(KernelContext& ctx, u64 value) {
        return write_register<R>(ctx, pci_.bar0(), value);
    }
    sim::Task<void> enable_interrupts(KernelContext& ctx);
    /// The queue does nothing any more, and nothing is on its way from it.
    static void stopped(Queue& q);
    sim::Task<void> on_interrupt(KernelContext& ctx) override;
    sim::Task<void> program_anew(KernelContext& ctx) override;
    void nothing_comes() override;

    AcceleratorDriverConfig config_;
    std::function<u64(unsigned)> stop_span_;
    bool bus_addresses_;
    std::vector<std::unique_ptr<Queue>> queues_;
};

} // namespace quiesce::os::drivers
