// SPDX-License-Identifier: Apache-2.0
/// A PCI function whose configuration registers are in a memory-mapped window (ECAM): its capabilities, its BAR 0, and
/// what software has to enable.
#pragma once
#include "os/drivers/pci_function.h"
#include "pcie/config_regs.h"

#include <array>

namespace quiesce::os::drivers {

class EcamFunction final : public PciFunction {
public:
    /// `registers`: where the window has the function's first register.
    explicit EcamFunction(Spa registers) : registers_(registers) {}

    sim::Task<bool> discover(KernelContext& ctx) override;
    sim::Task<unsigned> enable_pasid(KernelContext& ctx) override;
    sim::Task<void> enable_ats(KernelContext& ctx) override;
    sim::Task<bool> present(KernelContext& ctx) override;
    sim::Task<bool> response_pasid_required(KernelContext& ctx) override;
    sim::Task<bool> enable_pri(KernelContext& ctx, unsigned requests) override;
    sim::Task<void> enable_acs(KernelContext& ctx) override;

    // ---- the device's driver: pci_enable_device, pci_set_master
    sim::Task<void> enable_memory(KernelContext& ctx);
    sim::Task<void> set_master(KernelContext& ctx);
    /// pci_clear_master: the function sends no requests any more.
    sim::Task<void> clear_master(KernelContext& ctx);
    /// pci_enable_atomic_ops_to_root: the function sends AtomicOps from now on. MODEL: what the root port completes is not
    /// asked, because it has no registers here; every switch routes them.
    sim::Task<void> enable_atomic_ops(KernelContext& ctx);
    /// Function-level reset with what is around it: the function is quiet before, and its BAR, PASIDs, ATS, page
    /// requests, AtomicOps and command are as before after it. False if it has none.
    sim::Task<bool> function_level_reset(KernelContext& ctx, sim::Duration wait, base::Name name);

    // ---- known after discover()
    bool has(pcie::cfg::Capability c) const { return base_[static_cast<unsigned>(c)] != 0; }
    u32 base_of(pcie::cfg::Capability c) const { return base_[static_cast<unsigned>(c)]; }
    bool has_ats() const override { return has(pcie::cfg::Capability::Ats); }
    bool has_pri() const override { return has(pcie::cfg::Capability::Pri); }
    u16 vendor_id() const { return vendor_; }
    u16 device_id() const { return device_; }
    /// As firmware assigned it.
    Spa bar0() const { return bar0_; }
    u64 bar0_bytes() const { return bar0_bytes_; }

private:
    template <class R>
    Spa place() const {
        return registers_ + base_of(R::in) + R::offset;
    }
    template <class R>
    sim::Task<R> read(KernelContext& ctx) {
        const u64 value = co_await ctx.mmio_read(place<R>(), sizeof(typename R::Value));
        co_return R::of(static_cast<typename R::Value>(value));
    }
    template <class R>
    sim::Task<void> write(KernelContext& ctx, R value) {
        return write_at(ctx, place<R>(), sizeof(typename R::Value), value.value());
    }
    sim::Task<void> enable_extended_tags(KernelContext& ctx);
    sim::Task<void> restore(KernelContext& ctx, pcie::cfg::Command command, pcie::cfg::DevCtl control,
                            pcie::cfg::PasidControl pasid, pcie::cfg::AtsControl ats);
    sim::Task<void> write_at(KernelContext& ctx, Spa at, unsigned size, u32 value);
    sim::Task<void> walk_capabilities(KernelContext& ctx);
    sim::Task<void> walk_extended_capabilities(KernelContext& ctx);
    sim::Task<void> size_bar0(KernelContext& ctx);
    sim::Task<u32> size_register(KernelContext& ctx, Spa at, u32 assigned);

    Spa registers_;
    std::array<u32, pcie::cfg::capability_count> base_{};
    u16 vendor_ = 0, device_ = 0;
    unsigned page_requests_ = 0; ///< its allocation, where its page request interface was enabled
    Spa bar0_{0};
    u64 bar0_bytes_ = 0;
    bool atomic_ops_ = false; ///< enabled
};

} // namespace quiesce::os::drivers
