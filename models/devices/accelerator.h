// SPDX-License-Identifier: Apache-2.0
/// An accelerator with one work queue per PASID. Enabled through its configuration space (bus mastering, PASIDs, ATS),
/// programmed through the registers of devices/work_queue_regs.h. Its message interrupt has registers of its own there
/// instead of MSI-X.
#pragma once
#include "devices/sva_function.h"
#include "devices/work_queues.h"

namespace quiesce::devices {

struct AcceleratorConfig {
    using P = base::Provenance;
    base::Param<bool> atomics{false, "it can send AtomicOps, and its driver lets it", P::Guess,
                              "PCIe Base 6.15: up to the device"};
    WorkQueueConfig work;
    SvaFunctionConfig function;
};
DESCRIBE(AcceleratorConfig, atomics, work, function)
static_assert(base::fully_described<AcceleratorConfig>);

class Accelerator final : public SvaFunction {
public:
    /// `seed` is the run's. The calendar must be shut down before the accelerator goes.
    Accelerator(base::Name name, base::EventBus& events, pcie::RootComplex& root_complex, const pcie::LinkConfig& link,
                const AcceleratorConfig& config, DeviceId device, u64 seed = 0);

    WorkQueues& queues() { return queues_; }
    const WorkQueues& queues() const { return queues_; }

private:
    void bar_write(u64 offset, unsigned size, u64 value) override { queues_.bus_write(offset, size, value); }
    u64 bar_read(u64 offset, unsigned size) override { return queues_.bus_read(offset, size); }
    std::vector<BondId> at_work() const override { return queues_.at_work(); }
    void forget() override;
    void send_interrupt();

    EndpointPort port_{*this};
    WorkQueues queues_;
};

} // namespace quiesce::devices
