// SPDX-License-Identifier: Apache-2.0
/// PASIDs of a guest, for which it asks its hypervisor (facts/linux-sva.md 7.2; linux 5.8 to 6.1: drivers/iommu/intel/{iommu,pasid}.c:
/// register_pasid_allocator, vcmd_alloc_pasid, vcmd_free_pasid).
#include "os/drivers/vtd_driver.h"

namespace quiesce::os::drivers {

using namespace iommu::vtd;

/// Caching mode is how a guest knows that it is one. 5.8 brought the allocator (24f27d32ab6b), and what came after 6.1 took it away.
sim::Task<void> VtdDriver::look_for_virtual_commands(KernelContext& ctx) {
    const bool had_allocator = version() >= KernelVersion::V5_8 && version() <= KernelVersion::V6_1;
    if (!had_allocator || !cap_.get(Cap::CM) || !ecap_.get(Ecap::VCS)) co_return;
    const u64 capabilities = co_await ctx.mmio_read(registers_ + Vccap::offset, 8);
    virtual_commands_ = Vccap::of(capabilities).get(Vccap::PAS);
}

/// Polled under register_lock with interrupts off. MODEL: without the 10 s after which Linux panics.
sim::Task<Vcrsp> VtdDriver::virtual_command(KernelContext& ctx, Vcmd command) {
    const KernelContext::IrqsOff irqs = ctx.irqs_off();
    const sim::Lease held = co_await register_lock_.lock();
    auto work = ctx.begin("virtual-command");
    co_await write64(ctx, Vcmd::offset, command.value());
    for (;;) {
        const u64 bits = co_await ctx.mmio_read(registers_ + Vcrsp::offset, 8);
        const Vcrsp response = Vcrsp::of(bits);
        if (!response.get(Vcrsp::IP)) co_return response;
        co_await ctx.spin(config_.poll_interval.get());
    }
}

sim::Task<std::optional<Pasid>> VtdDriver::allocate_pasid(KernelContext& ctx) {
    const Vcrsp response = co_await virtual_command(ctx, Vcmd{}.set(Vcmd::CMD, VirtualCommand::AllocatePasid));
    if (response.get(Vcrsp::SC) != VirtualStatus::Ok) co_return std::nullopt;
    co_return Pasid{static_cast<u32>(response.get(Vcrsp::RSLT) & 0xf'ffff)};
}

/// What it answers is printed, no more: the number is nobody's.
sim::Task<void> VtdDriver::free_pasid(KernelContext& ctx, Pasid pasid) {
    co_await virtual_command(ctx, Vcmd{}.set(Vcmd::CMD, VirtualCommand::FreePasid).set(Vcmd::OA, u64{raw(pasid)}));
}

} // namespace quiesce::os::drivers
