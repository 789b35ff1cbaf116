// SPDX-License-Identifier: Apache-2.0
/// The GPU's driver, as amdkfd is one (facts/linux-sva.md 11.3): a context of the hardware for each bond; to stop it,
/// it is unmapped, which preempts it; when that does not end in time the GPU is reset, and others lose what they were
/// doing. A worker does this after the process has closed the device.
#pragma once
#include "devices/gpu_layout.h"
#include "devices/gpu_regs.h"
#include "os/drivers/pci_device_driver.h"

namespace quiesce::os::drivers {

/// Where a context's state is saved. Process: in pages of the process, through its PASID, as amdkfd's user space has
/// it; when the process has died they are gone. Kernel: in memory of the driver, without a PASID.
enum class SaveArea : u8 { Process, Kernel };
constexpr auto enum_names(SaveArea) {
    return base::name_table<SaveArea>({{SaveArea::Process, "process"}, {SaveArea::Kernel, "kernel"}});
}
/// What becomes of contexts that a reset hits though they did nothing wrong. Told: they are gone, and their processes
/// are told (amdkfd: a hardware exception event). Resubmitted: the driver maps them again: those whose state had been
/// saved go on, the others begin anew.
enum class Innocents : u8 { Told, Resubmitted };
constexpr auto enum_names(Innocents) {
    return base::name_table<Innocents>({{Innocents::Told, "told"}, {Innocents::Resubmitted, "resubmitted"}});
}
/// The driver's own context, which belongs to no process. NoPasid: untranslated requests without a PASID (VMID 0).
/// OwnPasid: a PASID of the common allocator, with a page table of the driver's own behind it.
enum class OwnContext : u8 { None, NoPasid, OwnPasid };
constexpr auto enum_names(OwnContext) {
    return base::name_table<OwnContext>(
        {{OwnContext::None, "none"}, {OwnContext::NoPasid, "no-pasid"}, {OwnContext::OwnPasid, "own-pasid"}});
}

struct GpuDriverConfig {
    using P = base::Provenance;
    base::Param<base::Latency> preempt_timeout{9_s, "how long stop waits for a preemption before it resets the GPU",
                                               base::at_least(1_us), P::Kernel,
                                               "linux: amdkfd, queue_preemption_timeout_ms"};
    base::Param<base::Latency> reset_poll{100_ms, "between two looks at a reset that is under way",
                                          base::at_least(1_us), P::Guess,
                                          "a part of the wait that amdgpu sleeps through as a whole"};
    base::Param<base::Latency> reset_limit{10_s, "a reset that is not over by then has failed", base::at_least(1_us),
                                           P::Guess, "longer than any reset that works"};
    base::Param<base::Latency> reset_wait{100_ms, "how long a function-level reset is waited for", P::Specification,
                                          "PCIe Base 6.6.2: 100 ms; linux: drivers/pci/pci.c, pcie_flr"};
    base::Param<SaveArea> save_area{SaveArea::Process, "whose memory a preempted context's state goes to", P::Kernel,
                                    "linux: amdkfd, ctx_save_restore_area_address is user space's"};
    base::Param<Innocents> innocents{Innocents::Told, "what becomes of others' contexts at a reset", P::Kernel,
                                     "linux: amdkfd, kfd_signal_reset_event; amdgpu's own rings were resubmitted"};
    base::Param<OwnContext> own_context{OwnContext::None,
                                        "a context of the driver's own, which reads and writes now and then", P::Guess,
                                        "amdgpu has some, for page tables and moves"};
    base::Param<base::Latency> own_every{100_us, "from one request of it to the next", base::at_least(1_ns), P::Guess,
                                         "now and then"};
    base::Param<unsigned> own_pages{16, "pages that it works on", base::between(1u, 65'536u), P::Guess, "small"};
    base::Param<unsigned> ring_log2{8, "log2 of the interrupt ring's entries", base::between(2u, 16u), P::Kernel,
                                    "linux: amdgpu's IH ring has 256 KiB, 8192 entries; fewer show the overflow"};
    base::Param<base::Latency> submit{2_us, "CPU time to prepare a context", P::Guess, "a descriptor, its mappings"};
    base::Param<base::Latency> interrupt{800_ns, "CPU time of the interrupt handler", P::Guess,
                                         "no measurement to cite"};
    base::Param<base::Latency> entry{200_ns, "CPU time for an entry of the ring", P::Guess, "no measurement to cite"};
};
DESCRIBE(GpuDriverConfig, preempt_timeout, reset_poll, reset_limit, reset_wait, save_area, innocents, own_context, own_every,
         own_pages, ring_log2, submit, interrupt, entry)
static_assert(base::fully_described<GpuDriverConfig>);

class GpuDriver final : public PciDeviceDriver {
public:
    /// `function`: where the window of configuration registers has the device. `stop_span`: the device's span of the
    /// last preemption of a context, for breakdowns.
    GpuDriver(base::Name name, DeviceId device, StreamId stream, Kernel& kernel, const GpuDriverConfig& config,
              Spa function, std::function<u64(unsigned)> stop_span);

    bool kernel_dma() const override { return true; }
    bool releases_in_worker() const override { return true; }
    sim::Task<void> probe(KernelContext& ctx) override;
    sim::Task<bool> submit(KernelContext& ctx, Bond& bond, const Work& work) override;
    sim::Task<bool> stop(KernelContext& ctx, Bond& bond) override;

    /// Preemptions that did not end in time; faults that the GPU told of; times that its interrupt ring was full.
    u64 timeouts() const { return timeouts_; }
    u64 faults() const { return faults_; }
    u64 overflows() const { return overflows_; }

private:
    using Descriptor = devices::gpu::ContextDescriptor;
    struct Context {
        BondId bond{};
        bool taken = false;
        bool mapped = false; ///< the GPU may run it
        bool done = false;   ///< its work has ended
        bool unmapping = false;
        bool saved = false; ///< it waited with its state saved when the driver looked last
        sim::Latch gone;    ///< it is not mapped
        Descriptor descriptor;
        Spa kernel_save{0}; ///< where its state goes if that is the kernel's; 0: nowhere yet
    };
    unsigned number_of(const Context& c) const { return static_cast<unsigned>(&c - contexts_.data()); }
    Context* context_of(BondId bond);
    template <class R>
    sim::Task<void> write(KernelContext& ctx, u64 value) {
        return ctx.mmio_write(pci_.bar0() + R::offset, sizeof(typename R::Value), value);
    }
    template <class R>
    sim::Task<u64> read(KernelContext& ctx) {
        return ctx.mmio_read(pci_.bar0() + R::offset, sizeof(typename R::Value));
    }
    sim::Task<void> program(KernelContext& ctx);
    sim::Task<void> start_own_context(KernelContext& ctx);
    u64 save_bytes() const;
    void place_save_area(Context& c, AddressSpace* mm);
    sim::Task<void> map(KernelContext& ctx, Context& c);
    sim::Task<void> command(KernelContext& ctx, const Context& c, devices::gpu::Operation operation);
    sim::Task<bool> unmap(KernelContext& ctx, Context& c);
    sim::Task<bool> reset_engines(KernelContext& ctx, BondId guilty);
    /// After a reset: no context is mapped. Those of others are lost, or mapped again.
    sim::Task<void> see_to_innocents(KernelContext& ctx, BondId guilty);
    bool own(const Context& c) const;
    bool maps_again(const Context& c) const;
    bool loses(BondId bond) const override;
    static void unmapped(Context& c);
    sim::Task<void> on_interrupt(KernelContext& ctx) override;
    sim::Task<void> program_anew(KernelContext& ctx) override;
    void nothing_comes() override;
    sim::Task<void> take_entry(KernelContext& ctx);
    sim::Task<void> look_at_all(KernelContext& ctx);

    GpuDriverConfig config_;
    std::function<u64(unsigned)> stop_span_;
    std::vector<Context> contexts_;
    std::unique_ptr<AddressSpace> own_space_; ///< of the driver's own context
    u64 wave_bytes_ = 0, waves_ = 0;
    Spa table_{0}, ring_{0}, wptr_{0};
    u32 rptr_ = 0;
    u64 timeouts_ = 0, faults_ = 0, overflows_ = 0;
    // lock_ is amdkfd's dqm lock: held while a preemption or a reset is waited for.
    sim::Mutex look_; ///< CTX_SELECT and what follows it
};

} // namespace quiesce::os::drivers
