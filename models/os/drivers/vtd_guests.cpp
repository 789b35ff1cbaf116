// SPDX-License-Identifier: Apache-2.0
// What a hypervisor does with the unit: a second stage and a domain-id for each guest, and functions that pass from
// guest to guest (linux: domain_attach_iommu, intel_pasid_setup_nested, intel_pasid_setup_second_level,
// intel_pasid_tear_down_entry).
#include "os/drivers/vtd_driver.h"

namespace quiesce::os::drivers {

using namespace iommu::vtd;

namespace {
constexpr u32 first_domain = 1; // MODEL: FLPT_DEFAULT_DID, too: no entry of a nested unit is of a first stage alone
constexpr Pasid of_none{0};     // RID_PASID
// Second-stage entries (VT-d 9.8): R and W, PS.
constexpr SecondStageFormat second_stage_format{.table = 0x3, .page = 0x3, .block = 0x83};
} // namespace

bool VtdDriver::begin_guest(GuestId guest) {
    if (!hypervisor_) {
        const SecondStageShape shape{second_stage_format, config_.nested_pages, 2 + static_cast<unsigned>(width_),
                                     bits_of(width_)};
        hypervisor_.emplace(kernel_.frames(), shape, first_domain, u32{1} << domain_bits(cap_));
    }
    return hypervisor_->has(guest) || hypervisor_->begin(guest, kernel_.guests().memory_of(guest));
}

/// What the hypervisor makes of a guest's entry (intel_pasid_setup_nested). `what`: the stages that there are then.
VtdDriver::PasidEntry VtdDriver::behind_second_stage(PasidEntry e, GuestId guest, PagingTranslation what) const {
    if (!hypervisor_) return e;
    return e.set(PasidEntry::PGTT, what).set(PasidEntry::SSPTPTR, hypervisor_->second_stage(guest).table);
}

/// The entry for requests without a PASID, which lead to the guest's memory. The PASID table is the hypervisor's, and
/// the guest's own entries in it are gone with its processes. MODEL: as 6.12 does it, whatever the guest's kernel is.
sim::Task<void> VtdDriver::take_from_guest(KernelContext& ctx, StreamId stream) {
    const GuestId guest = hypervisor_->owner(stream);
    const Spa at = co_await pasid_entry(ctx, stream, of_none);
    const u64 word0 = kernel_.frames().memory().peek64(at);
    co_await ctx.store(at, word0 & ~u64{1});
    co_await ctx.barrier();
    co_await invalidate_pasid_cache(ctx, guest, of_none);
    const Descriptor iotlb = iotlb_of_entry(guest, of_none), of_device = device_tlb_of_all(stream);
    co_await one(ctx, iotlb, "assign-iotlb-wait");
    if (streams_.at(raw(stream)).ats) co_await one(ctx, of_device, "assign-dev-tlb-wait");
    co_await take_entry(ctx, at, 0);
    hypervisor_->assign(stream, no_guest);
}

sim::Task<bool> VtdDriver::give_to_guest(KernelContext& ctx, StreamId stream, GuestId guest) {
    if (!hypervisor_ || streams_.count(raw(stream)) == 0 || !begin_guest(guest)) co_return false;
    const Spa at = co_await pasid_entry(ctx, stream, of_none);
    const PasidEntry entry = pass_through(guest);
    co_await put_entry(ctx, at, entry);
    hypervisor_->assign(stream, guest);
    const bool seen = co_await flush_if_cached(ctx, guest, of_none);
    co_return seen;
}

/// Behind the last function's tear-down nothing is invalidated any more (domain_exit, domain_detach_iommu). MODEL:
/// Linux gives the domain-id back with the guest's last function, be the guest over or not.
sim::Task<void> VtdDriver::end_guest(KernelContext&, GuestId guest) {
    if (hypervisor_ && hypervisor_->has(guest)) hypervisor_->end(guest);
    co_return;
}

} // namespace quiesce::os::drivers
