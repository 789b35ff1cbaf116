// SPDX-License-Identifier: Apache-2.0
/// The network interface's driver: a pair of rings for each bond, with buffers in the heap of its process (as AF_XDP's
/// zero-copy and RDMA have it), refilled as long as the process lives. To stop, the queue is disabled and looked at
/// until it is empty.
#pragma once
#include "devices/nic_layout.h"
#include "devices/nic_regs.h"
#include "os/drivers/pci_device_driver.h"

namespace quiesce::os::drivers {

/// Whose memory the descriptors are in. Process: pages of the process, through its PASID (RDMA). Kernel: memory of the
/// driver, without a PASID (AF_XDP).
enum class RingPlace : u8 { Process, Kernel };
constexpr auto enum_names(RingPlace) {
    return base::name_table<RingPlace>({{RingPlace::Process, "process"}, {RingPlace::Kernel, "kernel"}});
}

struct NicDriverConfig {
    using P = base::Provenance;
    base::Param<RingPlace> rings{RingPlace::Kernel, "whose memory the descriptor rings are in", P::Kernel,
                                 "linux: AF_XDP: the driver's, and only the packets are in user memory"};
    base::Param<unsigned> ring_log2{8, "log2 of the descriptors of a ring",
                                    base::between(2u, devices::nic::max_log2size), P::Kernel,
                                    "linux: ice, ICE_DFLT_NUM_RX_DESC is 2048; less, so that a run shows its end"};
    base::Param<base::Size> buffer{2_KiB, "bytes of a receive buffer, where a sentence gives none",
                                   base::between(64_B, 32_KiB), P::Kernel, "linux: XDP_UMEM_MIN_CHUNK_SIZE"};
    base::Param<base::Latency> moderation{50_us, "between two interrupts of a queue", base::at_most(1_s), P::Kernel,
                                          "linux: ice, ICE_ITR_20K"};
    base::Param<base::Latency> disable_poll{20_us, "between two looks at a queue that was disabled",
                                            base::at_least(1_us), P::Kernel,
                                            "linux: ice_pf_rxq_wait, usleep_range(20, 40)"};
    base::Param<unsigned> disable_polls{50, "looks until the driver gives up, and goes on regardless",
                                        base::at_least(1u), P::Kernel, "linux: ice, ICE_Q_WAIT_MAX_RETRY"};
    base::Param<base::Latency> submit{5_us, "CPU time to set up a pair of rings", P::Guess, "no measurement to cite"};
    base::Param<base::Latency> interrupt{800_ns, "CPU time of the interrupt handler", P::Guess,
                                         "no measurement to cite"};
    base::Param<base::Latency> packet{150_ns, "CPU time for a descriptor that is done, and its refill", P::Guess,
                                      "of the order of published per-packet costs of zero-copy receive"};
    base::Param<base::Latency> reset_wait{100_ms, "how long a function-level reset is waited for", P::Specification,
                                          "PCIe Base 6.6.2: 100 ms; linux: drivers/pci/pci.c, pcie_flr"};
};
DESCRIBE(NicDriverConfig, rings, ring_log2, buffer, moderation, disable_poll, disable_polls, submit, interrupt, packet,
         reset_wait)
static_assert(base::fully_described<NicDriverConfig>);

class NicDriver final : public PciDeviceDriver {
public:
    /// `function`: where the window of configuration registers has the device. `stop_span`: the device's span of the
    /// stop of a queue, for breakdowns.
    NicDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel, const NicDriverConfig& config,
              Spa function, std::function<u64(unsigned)> stop_span);

    bool kernel_dma() const override { return config_.rings.get() == RingPlace::Kernel; }
    sim::Task<void> probe(KernelContext& ctx) override;
    /// Work that writes receives, work that reads transmits, `every` apart; mixed does both.
    sim::Task<bool> submit(KernelContext& ctx, Bond& bond, const Work& work) override;
    sim::Task<bool> stop(KernelContext& ctx, Bond& bond) override;

    /// Descriptors that were done, and those of them with an error.
    u64 completed() const { return completed_; }
    u64 errors() const { return errors_; }

private:
    /// One ring: filled at `tail`, cleaned at `head`, which both are slots.
    struct Ring {
        Spa kernel{0};  ///< the driver's memory for it, once there is some
        Iova base{};    ///< where the device finds it
        u64 length = 0; ///< what its descriptors say; 0: it is not used
        u32 head = 0, tail = 0;
    };
    struct Queue {
        const Bond* bond = nullptr;
        bool enabled = false;
        Ring rx, tx;
        Iova buffers{}; ///< `buffer_count` of `buffer_bytes` each
        u64 buffer_bytes = 0, buffer_count = 0;
    };
    Queue* queue_of(const Bond& bond, unsigned& number);
    template <class R>
    sim::Task<void> write(KernelContext& ctx, u64 value) {
        return ctx.mmio_write(pci_.bar0() + R::offset, sizeof(typename R::Value), value);
    }
    template <class R>
    sim::Task<u64> read(KernelContext& ctx) {
        return ctx.mmio_read(pci_.bar0() + R::offset, sizeof(typename R::Value));
    }
    u32 slots() const { return u32{1} << config_.ring_log2.get(); }
    sim::Task<void> program(KernelContext& ctx);
    void place_rings(Queue& q, unsigned number, Bond& bond);
    void plan(Queue& q, const Work& work) const;
    /// Where a slot of the ring is; nothing once its process has died.
    std::optional<Spa> slot(const Queue& q, const Ring& r, u32 n) const;
    static bool alive(const Queue& q);
    sim::Task<void> enable(KernelContext& ctx, const Queue& q, unsigned number, const Work& work);
    sim::Task<void> fill(KernelContext& ctx, Queue& q, Ring& r);
    sim::Task<bool> post(KernelContext& ctx, const Queue& q, Ring& r, Iova buffer);
    sim::Task<bool> disable(KernelContext& ctx, unsigned number, BondId bond);
    sim::Task<void> on_interrupt(KernelContext& ctx) override;
    sim::Task<void> program_anew(KernelContext& ctx) override;
    void nothing_comes() override;
    sim::Task<void> clean(KernelContext& ctx, unsigned number, bool received);

    NicDriverConfig config_;
    std::function<u64(unsigned)> stop_span_;
    std::vector<Queue> queues_;
    u64 completed_ = 0, errors_ = 0;
};

} // namespace quiesce::os::drivers
