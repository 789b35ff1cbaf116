// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/ecam_function.h"

#include <algorithm>
#include <span>

namespace quiesce::os::drivers {

using namespace pcie::cfg;

namespace {
/// The capability with this id among those that the kernel knows; Header: none of them.
Capability known(std::span<const CapabilityShape> shapes, u64 id) {
    for (const CapabilityShape& shape : shapes)
        if (shape.id == id) return shape.which;
    return Capability::Header;
}
// A list that is longer runs in a circle: as many as there is room for.
constexpr unsigned most_capabilities = (first_extended_capability - first_capability) / 4;
constexpr unsigned most_extended_capabilities = (config_space_bytes - first_extended_capability) / 8;
} // namespace

/// MODEL: the register bus has posted writes only. A configuration write is not posted, and the CPU waits for it: here
/// for the register to be read back.
sim::Task<void> EcamFunction::write_at(KernelContext& ctx, Spa at, unsigned size, u32 value) {
    co_await ctx.mmio_write(at, size, value);
    co_await ctx.mmio_read(at, size);
}

sim::Task<bool> EcamFunction::discover(KernelContext& ctx) {
    const VendorId vendor = co_await read<VendorId>(ctx);
    if (vendor.value() == 0xffff) co_return false;
    const DeviceIdentity device = co_await read<DeviceIdentity>(ctx);
    vendor_ = vendor.value();
    device_ = device.value();
    co_await size_bar0(ctx);
    co_await walk_capabilities(ctx);
    if (!has(Capability::PciExpress)) co_return true;
    co_await walk_extended_capabilities(ctx);
    co_await enable_extended_tags(ctx);
    co_return true;
}

/// pci_device_is_present.
sim::Task<bool> EcamFunction::present(KernelContext& ctx) {
    const VendorId vendor = co_await read<VendorId>(ctx);
    co_return vendor.value() == vendor_;
}

/// pci_configure_extended_tags. MODEL: 10-bit tags stay as firmware left them; Linux has no code that enables them.
sim::Task<void> EcamFunction::enable_extended_tags(KernelContext& ctx) {
    const DevCap cap = co_await read<DevCap>(ctx);
    if (!cap.get(DevCap::ExtTag)) co_return;
    const DevCtl control = co_await read<DevCtl>(ctx);
    if (!control.get(DevCtl::ExtTag)) co_await write(ctx, control.with(DevCtl::ExtTag, true));
}

/// 7.5.1.1.11: bytes of id and next; the two low bits of a pointer are reserved.
sim::Task<void> EcamFunction::walk_capabilities(KernelContext& ctx) {
    const Status status = co_await read<Status>(ctx);
    if (!status.get(Status::CapabilitiesList)) co_return;
    const CapabilitiesPointer first = co_await read<CapabilitiesPointer>(ctx);
    u64 at = first.get(CapabilitiesPointer::At) & 0xfc;
    for (unsigned n = 0; at >= first_capability && n < most_capabilities; ++n) {
        const u64 head = co_await ctx.mmio_read(registers_ + at, 2);
        const Capability which = known(capability_shapes, head & 0xff);
        if (which != Capability::Header) base_[static_cast<unsigned>(which)] = static_cast<u32>(at);
        at = head >> 8 & 0xfc;
    }
}

/// 7.6.3: id in 15:0, next in 31:20; all zeros or all ones at the first place: there are none.
sim::Task<void> EcamFunction::walk_extended_capabilities(KernelContext& ctx) {
    u64 at = first_extended_capability;
    for (unsigned n = 0; at >= first_extended_capability && n < most_extended_capabilities; ++n) {
        const u64 head = co_await ctx.mmio_read(registers_ + at, 4);
        if (head == 0 || head == 0xffff'ffff) co_return;
        const Capability which = known(extended_capability_shapes, head & 0xffff);
        if (which != Capability::Header) base_[static_cast<unsigned>(which)] = static_cast<u32>(at);
        at = head >> 20 & 0xffc;
    }
}

/// All ones show which bits an address has; then the address is put back.
sim::Task<u32> EcamFunction::size_register(KernelContext& ctx, Spa at, u32 assigned) {
    co_await write_at(ctx, at, 4, ~u32{0});
    const u64 ones = co_await ctx.mmio_read(at, 4);
    co_await write_at(ctx, at, 4, assigned);
    co_return static_cast<u32>(ones);
}

/// 7.5.1.2.1. As __pci_read_base: with decoding off meanwhile, so that the function does not answer at odd places.
sim::Task<void> EcamFunction::size_bar0(KernelContext& ctx) {
    const Command command = co_await read<Command>(ctx);
    const bool decodes = command.get(Command::MemorySpace);
    if (decodes) co_await write(ctx, command.with(Command::MemorySpace, false));
    const Spa at = registers_ + bar_offset;
    const u64 low = co_await ctx.mmio_read(at, 4);
    const u32 low_ones = co_await size_register(ctx, at, static_cast<u32>(low));
    u64 high = 0;
    u32 high_ones = ~u32{0};
    if ((low & bar_type_64) != 0) {
        high = co_await ctx.mmio_read(at + 4, 4);
        high_ones = co_await size_register(ctx, at + 4, static_cast<u32>(high));
    }
    if (decodes) co_await write(ctx, command);
    const u64 ones = u64{high_ones} << 32 | (low_ones & ~bar_flags);
    bar0_ = Spa{high << 32 | (low & ~u64{bar_flags})};
    bar0_bytes_ = low_ones == 0 ? 0 : ~ones + 1;
}

/// pci_enable_pasid, with pci_pasid_features: the prefix has to be one that the function sends.
sim::Task<unsigned> EcamFunction::enable_pasid(KernelContext& ctx) {
    if (!has(Capability::Pasid) || !has(Capability::PciExpress)) co_return 0;
    const DevCap2 express = co_await read<DevCap2>(ctx);
    if (!express.get(DevCap2::EndEndPrefix)) co_return 0;
    const PasidCap cap = co_await read<PasidCap>(ctx);
    PasidControl control;
    control.set(PasidControl::Enable, true);
    control.set(PasidControl::Execute, cap.get(PasidCap::Execute));
    control.set(PasidControl::Privileged, cap.get(PasidCap::Privileged));
    co_await write(ctx, control);
    co_return static_cast<unsigned>(cap.get(PasidCap::Width));
}

sim::Task<void> EcamFunction::enable_ats(KernelContext& ctx) {
    AtsControl control; // STU 0: 4 KiB
    control.set(AtsControl::Enable, true);
    co_await write(ctx, control);
}

sim::Task<bool> EcamFunction::response_pasid_required(KernelContext& ctx) {
    const PriStatus status = co_await read<PriStatus>(ctx);
    co_return status.get(PriStatus::ResponsePasidRequired);
}

/// pci_reset_pri, then pci_enable_pri: the interface has to have stopped, and the allocation is set before Enable.
sim::Task<bool> EcamFunction::enable_pri(KernelContext& ctx, unsigned requests) {
    co_await write(ctx, PriControl{}.set(PriControl::Reset, true));
    const PriStatus status = co_await read<PriStatus>(ctx);
    if (!status.get(PriStatus::Stopped)) co_return false;
    const PriCapacity capacity = co_await read<PriCapacity>(ctx);
    const u64 allowed = std::min<u64>(requests, capacity.get(PriCapacity::Requests));
    co_await write(ctx, PriAllocation{}.set(PriAllocation::Requests, allowed));
    co_await write(ctx, PriControl{}.set(PriControl::Enable, true));
    page_requests_ = static_cast<unsigned>(allowed);
    co_return true;
}

/// pci_std_enable_acs: Source Validation, P2P Request and Completion Redirect, Upstream Forwarding. Translation Blocking is
/// for untrusted devices alone.
sim::Task<void> EcamFunction::enable_acs(KernelContext& ctx) {
    if (!has(Capability::Acs)) co_return;
    constexpr u64 wanted = u64{1} << acs_source_validation | u64{1} << acs_request_redirect |
                           u64{1} << acs_completion_redirect | u64{1} << acs_upstream_forwarding;
    const AcsCap cap = co_await read<AcsCap>(ctx);
    const AcsControl control = co_await read<AcsControl>(ctx);
    const u64 services = control.get(AcsControl::Services) | (cap.get(AcsCap::Services) & wanted);
    co_await write(ctx, AcsControl{}.set(AcsControl::Services, services));
}

sim::Task<void> EcamFunction::enable_memory(KernelContext& ctx) {
    const Command command = co_await read<Command>(ctx);
    co_await write(ctx, command.with(Command::MemorySpace, true));
}

sim::Task<void> EcamFunction::set_master(KernelContext& ctx) {
    const Command command = co_await read<Command>(ctx);
    co_await write(ctx, command.with(Command::BusMaster, true));
}

sim::Task<void> EcamFunction::clear_master(KernelContext& ctx) {
    const Command command = co_await read<Command>(ctx);
    co_await write(ctx, command.with(Command::BusMaster, false));
}

sim::Task<void> EcamFunction::enable_atomic_ops(KernelContext& ctx) {
    const DevCtl2 control = co_await read<DevCtl2>(ctx);
    co_await write(ctx, control.with(DevCtl2::AtomicRequester, true));
    atomic_ops_ = true;
}

/// pci_reset_function: pci_dev_save_and_disable, pcie_flr, pci_dev_restore. 6.6.2: the function may take 100 ms. MODEL: requests
/// under way (DevSta, Transactions Pending) are not waited for.
sim::Task<bool> EcamFunction::function_level_reset(KernelContext& ctx, sim::Duration wait, base::Name name) {
    const DevCap cap = co_await read<DevCap>(ctx);
    if (!cap.get(DevCap::FLR)) co_return false;
    const Command command = co_await read<Command>(ctx);
    const DevCtl control = co_await read<DevCtl>(ctx);
    PasidControl pasid;
    if (has(Capability::Pasid)) pasid = co_await read<PasidControl>(ctx);
    AtsControl ats;
    if (has_ats()) ats = co_await read<AtsControl>(ctx);
    co_await write(ctx, Command{});
    co_await write(ctx, control.with(DevCtl::InitiateFLR, true));
    co_await ctx.sleep_on(sim::delay(wait), "function-reset", name);
    co_await restore(ctx, command, control, pasid, ats);
    co_return true;
}

/// pci_restore_pcie_state, pci_restore_pasid_state, pci_restore_pri_state, pci_restore_ats_state.
sim::Task<void> EcamFunction::restore(KernelContext& ctx, Command command, DevCtl control, PasidControl pasid,
                                      AtsControl ats) {
    co_await write(ctx, control);
    co_await write_at(ctx, registers_ + bar_offset, 4, static_cast<u32>(bar0_.value()));
    co_await write_at(ctx, registers_ + bar_offset + 4, 4, static_cast<u32>(bar0_.value() >> 32));
    if (atomic_ops_) co_await enable_atomic_ops(ctx);
    if (has(Capability::Pasid)) co_await write(ctx, pasid);
    if (page_requests_ != 0) {
        co_await write(ctx, PriAllocation{}.set(PriAllocation::Requests, page_requests_));
        co_await write(ctx, PriControl{}.set(PriControl::Enable, true));
    }
    if (has_ats()) co_await write(ctx, ats);
    co_await write(ctx, command);
}

} // namespace quiesce::os::drivers
