// SPDX-License-Identifier: Apache-2.0
/// The data streaming accelerator's driver, as idxd (facts/linux-sva.md 13; linux: drivers/dma/idxd/{cdev,device}.c):
/// it configures work queues, gives user space their portals, and at the end of a bond drains its PASID (a shared
/// queue) or disables the queue (a dedicated one). The device takes one command at a time, and the driver waits for it
/// without a time-out.
#pragma once
#include "devices/dsa_layout.h"
#include "devices/dsa_regs.h"
#include "os/drivers/pci_device_driver.h"

#include <map>

namespace quiesce::os::drivers {

struct DsaDriverConfig {
    using P = base::Provenance;
    base::Param<devices::dsa::QueueMode> mode{devices::dsa::QueueMode::Shared,
                                              "of its queues: shared takes ENQCMD of every process, "
                                              "dedicated MOVDIR64B of one",
                                              P::Guess,
                                              "what the administrator configures; shared is what PASIDs are for"};
    base::Param<unsigned> queues{1, "queues that it gives to user space", base::between(1u, devices::dsa::max_queues),
                                 P::Guess, "one"};
    base::Param<unsigned> queue_size{16, "descriptors in a queue", base::between(1u, 1024u), P::Guess,
                                     "128 entries for eight queues"};
    base::Param<unsigned> threshold{0, "so many of them an ENQCMD of a user can fill; 0: all", base::at_most(1024u),
                                    P::Guess, "all"};
    base::Param<unsigned> priority{10, "of its queues; 15 is the highest", base::between(1u, 15u), P::Guess,
                                   "as in accel-config's examples"};
    base::Param<bool> block_on_fault{true, "queues allow descriptors that wait for pages", P::Guess,
                                     "what the administrator configures"};
    base::Param<base::Latency> submit{500_ns, "CPU time to begin a stream of submissions", P::Guess,
                                      "a library's set-up"};
    base::Param<base::Latency> reset_wait{100_ms, "how long a function-level reset is waited for", P::Specification,
                                          "PCIe Base 6.6.2: 100 ms; linux: drivers/pci/pci.c, pcie_flr"};
    base::Param<base::Latency> interrupt{800_ns, "CPU time of the interrupt handler", P::Guess,
                                         "no measurement to cite"};
};
DESCRIBE(DsaDriverConfig, mode, queues, queue_size, threshold, priority, block_on_fault, submit, reset_wait, interrupt)
static_assert(base::fully_described<DsaDriverConfig>);

class DsaDriver final : public PciDeviceDriver {
public:
    /// `function`: where the window of configuration registers has the device. `command_span`: the device's span of its
    /// latest command, for breakdowns.
    DsaDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel, const DsaDriverConfig& config,
              Spa function, std::function<u64()> command_span);

    sim::Task<void> probe(KernelContext& ctx) override;
    sim::Task<bool> submit(KernelContext& ctx, Bond& bond, const Work& work) override;
    sim::Task<bool> stop(KernelContext& ctx, Bond& bond) override;
    sim::Task<bool> reset(KernelContext& ctx) override;

    std::optional<Portal> portal(const Bond& bond) const override;
    memory::Line describe(const Work& work, u64 n, Va record) const override;
    /// wq_lock.
    sim::Mutex* open_lock() override { return &open_; }
    sim::Task<bool> opened(KernelContext& ctx, Bond& bond) override;
    void released(const Bond& bond) override { users_.erase(raw(bond.id)); }

private:
    using CommandError = devices::dsa::CommandError;
    /// What a bond has of the device.
    struct User {
        unsigned queue = 0;
        Pasid pasid{};
        bool programmed = false; ///< a dedicated queue has its PASID
    };
    template <class R>
    sim::Task<void> write(KernelContext& ctx, R value) {
        return ctx.mmio_write(pci_.bar0() + R::offset, sizeof(typename R::Value), value.value());
    }
    template <class R>
    sim::Task<R> read(KernelContext& ctx) {
        const u64 value = co_await ctx.mmio_read(pci_.bar0() + R::offset, sizeof(typename R::Value));
        co_return R::of(static_cast<typename R::Value>(value));
    }
    bool shared() const { return config_.mode == devices::dsa::QueueMode::Shared; }
    std::optional<unsigned> queue_for() const;
    sim::Task<void> configure(KernelContext& ctx);
    sim::Task<CommandError> command(KernelContext& ctx, devices::dsa::Command command, u32 operand, BondId bond = {});
    sim::Task<CommandError> issue(KernelContext& ctx, devices::dsa::Command command, u32 operand, BondId bond);
    sim::Task<bool> set_pasid(KernelContext& ctx, unsigned queue, std::optional<Pasid> pasid, BondId bond);
    sim::Task<void> on_interrupt(KernelContext& ctx) override;
    sim::Task<void> program_anew(KernelContext& ctx) override;
    void nothing_comes() override;
    sim::Task<void> read_error(KernelContext& ctx);
    sim::Task<bool> halted(KernelContext& ctx);
    sim::Task<void> see_halt(KernelContext& ctx);
    sim::Task<void> reinit(u64 begun_by);

    DsaDriverConfig config_;
    std::function<u64()> command_span_;
    std::map<u32, User> users_; ///< by bond
    unsigned queues_ = 0;
    sim::Mutex open_, commands_;
    sim::Latch command_over_;
};

} // namespace quiesce::os::drivers
