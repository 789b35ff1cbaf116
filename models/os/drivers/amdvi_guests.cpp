// SPDX-License-Identifier: Apache-2.0
// What a hypervisor does with the unit: a host's page table for each guest, and functions that pass from guest to guest
// (linux: attach_device, detach_device, amd_iommu_domain_flush_all). MODEL: nesting came with 6.19; the order is that of
// attaching a device to a domain with a page table of its own, whatever the guest's kernel is.
#include "os/drivers/amdvi_driver.h"

namespace quiesce::os::drivers {

namespace {
constexpr unsigned host_table_levels = 4;
// v1 entries: PR, IR, IW; those that lead to tables say the table's level.
constexpr SecondStageFormat host_table_format{.table = 0x6000'0000'0000'0001, .page = 0x6000'0000'0000'0001,
                                              .block = 0x6000'0000'0000'0001, .of_level = u64{1} << 9};
} // namespace

bool AmdviDriver::begin_guest(GuestId guest) {
    if (!hypervisor_) {
        const SecondStageShape shape{host_table_format, config_.nested_pages, host_table_levels, 48};
        hypervisor_.emplace(kernel_.frames(), shape, 1, u32{1} << 16);
    }
    return hypervisor_->has(guest) || hypervisor_->begin(guest, kernel_.guests().memory_of(guest));
}

/// Nobody's: IR and IW clear, and no table (blocked_domain_attach_device).
AmdviDriver::Dte AmdviDriver::behind_host_table(Dte e, GuestId guest) const {
    if (!hypervisor_) return e;
    if (guest == no_guest) return Dte{}.set(Dte::V, true).set(Dte::TV, true).set(Dte::DomainID, e.get(Dte::DomainID));
    return e.set(Dte::Mode, u8{host_table_levels}).set(Dte::HostPTRoot, hypervisor_->second_stage(guest).table);
}

/// Behind the entry, all that is kept of its domain. R19: of a guest's own tables alone, and what the host's have translated
/// by themselves stays.
sim::Task<void> AmdviDriver::take_from_guest(KernelContext& ctx, StreamId stream) {
    const Stream& s = streams_.at(raw(stream));
    hypervisor_->assign(stream, no_guest);
    const Dte blocked = entry_of(stream, s);
    co_await write_device_entry(ctx, stream, blocked);
    using C = amdvi::InvalidateIommuPages;
    auto all = C::from_words(iommu_pages(s, Pasid{0}, Va{}, ~u64{0}).words());
    if (!kernel_.has_bug(Bug::R19)) all.set(C::GN, false);
    co_await queue_.queue(ctx, amdvi::as_command(all));
    co_await queue_.completion_wait(ctx, "assign-completion-wait");
}

sim::Task<bool> AmdviDriver::give_to_guest(KernelContext& ctx, StreamId stream, GuestId guest) {
    if (!hypervisor_ || streams_.count(raw(stream)) == 0 || !begin_guest(guest)) co_return false;
    hypervisor_->assign(stream, guest);
    const Dte entry = entry_of(stream, streams_.at(raw(stream)));
    co_await write_device_entry(ctx, stream, entry);
    co_return true;
}

/// Behind the last function's detachment nothing is invalidated any more.
sim::Task<void> AmdviDriver::end_guest(KernelContext&, GuestId guest) {
    if (hypervisor_ && hypervisor_->has(guest)) hypervisor_->end(guest);
    co_return;
}

} // namespace quiesce::os::drivers
