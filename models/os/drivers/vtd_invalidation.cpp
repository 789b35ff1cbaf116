// SPDX-License-Identifier: Apache-2.0
// What the driver has the unit and the devices forget: PASID cache, IOTLB, device-TLBs.
#include "os/drivers/vtd_driver.h"

#include <array>
#include <bit>

namespace quiesce::os::drivers {

using namespace iommu::vtd;

namespace {
constexpr unsigned whole_order = 52; // MAX_AGAW_PFN_WIDTH

PIotlbInvDsc iotlb_of(DomainId domain, Pasid pasid) {
    PIotlbInvDsc d;
    d.set(PIotlbInvDsc::Type, DescriptorType::PasidIotlb).set(PIotlbInvDsc::G, PasidIotlbGranularity::Pasid);
    return d.set(PIotlbInvDsc::DID, domain).set(PIotlbInvDsc::PASID, pasid);
}

/// Of 2^order pages, the address says the size: its lowest clear bit from bit 12 on, with S (6.5.2.6).
u64 sized_address(Va first, unsigned order) {
    if (order == 0) return first.value();
    const u64 ones = ((u64{1} << order) - 1) << page_shift;
    return (first.value() | ones) & ~(u64{1} << (page_shift + order - 1));
}
} // namespace

/// qi_submit_sync's callers do not look at what it returns: as in Linux, they go on.
sim::Task<bool> VtdDriver::fenced(KernelContext& ctx, std::span<const Descriptor> list, base::Name phase, bool last) {
    using Outcome = VtdInvalidationQueue::Outcome;
    VtdInvalidationQueue::Options options;
    options.wait = !(last && kernel_.has_bug(Bug::R8));
    const Outcome outcome = co_await queue_.submit(ctx, list, phase, options);
    if (outcome != Outcome::Done) kernel_.events().emit(FenceTimedOut{unit_, 0});
    co_return options.wait&& outcome == Outcome::Done;
}

sim::Task<bool> VtdDriver::one(KernelContext& ctx, const Descriptor& d, base::Name phase, bool last) {
    const std::array<Descriptor, 1> list{d};
    const bool seen = co_await fenced(ctx, list, phase, last);
    co_return seen;
}

sim::Task<bool> VtdDriver::invalidate_pasid_cache(KernelContext& ctx, GuestId guest, Pasid pasid) {
    PcInvDsc d;
    d.set(PcInvDsc::Type, DescriptorType::PasidCache).set(PcInvDsc::G, PasidCacheGranularity::Pasid);
    d.set(PcInvDsc::DID, domain_of(guest)).set(PcInvDsc::PASID, pasid);
    const bool seen = co_await one(ctx, as_descriptor(d), "pasid-cache-wait");
    co_return seen;
}

/// Of an entry with a second stage all of its domain goes: PASID-selective invalidation is for first stages and
/// pass-through (intel_pasid_tear_down_entry; VT-d 6.5.3.3). R19: all the same (before 8798d36), and what the second
/// stage has translated by itself stays.
VtdDriver::Descriptor VtdDriver::iotlb_of_entry(GuestId guest, Pasid pasid) const {
    const bool domain = hypervisor_.has_value() && !kernel_.has_bug(Bug::R19);
    return domain ? iotlb_of_domain(guest) : as_descriptor(iotlb_of(domain_of(guest), pasid));
}

/// With forget-tlbi nothing is issued, and no fence was seen.
sim::Task<bool> VtdDriver::invalidate_space(KernelContext& ctx, MmTag mm) {
    if (kernel_.has_bug(Bug::ForgetTlbi)) co_return false;
    const Descriptor d = iotlb_of_entry(mm.guest, mm.pasid);
    const bool seen = co_await one(ctx, d, "iotlb-wait", true);
    co_return seen;
}

VtdDriver::Descriptor VtdDriver::iotlb_of_domain(GuestId guest) const {
    IotlbInvDsc d;
    d.set(IotlbInvDsc::Type, DescriptorType::Iotlb).set(IotlbInvDsc::G, IotlbGranularity::Domain);
    d.set(IotlbInvDsc::DR, cap_.get(Cap::DRD)).set(IotlbInvDsc::DW, cap_.get(Cap::DWD));
    return as_descriptor(d.set(IotlbInvDsc::DID, domain_of(guest)));
}

// ---- ranges ---------------------------------------------------------------------------------------------------------

/// From 6.6 on the notifier hears the range that the CPUs flush, which is all of the address space above a number of
/// pages (flush_tlb_mm_range).
bool VtdDriver::whole(u64 bytes) const {
    return bytes == ~u64{0} || (version() >= KernelVersion::V6_12 && bytes / page_size > config_.flush_ceiling);
}

/// 6.12: the smallest aligned block that holds the range (calculate_psi_aligned_address). Before: the range's size
/// rounded up to a power of two, as often as it takes to cover it, which is once or twice (intel_flush_svm_range_dev).
std::vector<VtdDriver::Block> VtdDriver::blocks(Va first, u64 bytes) const {
    const u64 page = first.page_number(), pages = std::max<u64>(1, (bytes + page_size - 1) / page_size);
    if (version() >= KernelVersion::V6_12) {
        const auto order = static_cast<unsigned>(std::bit_width(page ^ (page + pages - 1)));
        return {{Va{page >> order << order << page_shift}, order}};
    }
    const auto order = static_cast<unsigned>(std::bit_width(pages - 1));
    std::vector<Block> found;
    for (u64 at = page >> order << order; at < page + pages; at += u64{1} << order)
        found.push_back({Va{at << page_shift}, order});
    return found;
}

/// MODEL: of the PASID once, in every kernel; up to 6.1 it was said once for each device that shares the unit.
sim::Task<bool> VtdDriver::invalidate_range(KernelContext& ctx, MmTag mm, Va first, u64 bytes) {
    if (kernel_.has_bug(Bug::ForgetTlbi)) co_return false;
    if (whole(bytes)) {
        const PIotlbInvDsc all = iotlb_of(domain_of(mm.guest), mm.pasid);
        const bool seen = co_await one(ctx, as_descriptor(all), "iotlb-wait", true);
        co_return seen;
    }
    bool all = true;
    for (const Block& b : blocks(first, bytes)) {
        PIotlbInvDsc d = iotlb_of(domain_of(mm.guest), mm.pasid);
        d.set(PIotlbInvDsc::G, PasidIotlbGranularity::Page)
            .set(PIotlbInvDsc::AM, u64{b.order})
            .set(PIotlbInvDsc::IH, kernel_.has_bug(Bug::R23)) // as if no table had gone
            .set(PIotlbInvDsc::ADDR, iova_of(b.first));
        const bool seen = co_await one(ctx, as_descriptor(d), "iotlb-wait", true);
        all = all && seen;
    }
    co_return all;
}

// ---- device-TLBs ----------------------------------------------------------------------------------------------------

/// PFSID says whose queue depth counts, where the unit can tell. MIP 0: 32 invalidations may be pending.
VtdDriver::Descriptor VtdDriver::device_tlb(const Bond& bond, Block b) const {
    const auto source = static_cast<base::RequesterId>(raw(bond.stream));
    PDevTlbInvDsc d;
    d.set(PDevTlbInvDsc::Type, DescriptorType::PasidDeviceTlb)
        .set(PDevTlbInvDsc::SID, source)
        .set(PDevTlbInvDsc::PASID, bond.pasid);
    if (ecap_.get(Ecap::DIT)) d.set(PDevTlbInvDsc::PFSID, source);
    d.set(PDevTlbInvDsc::S, b.order > 0).set(PDevTlbInvDsc::ADDR, Iova{sized_address(b.first, b.order)});
    return as_descriptor(d);
}

/// cache_tag_flush_devtlb_all: without a PASID, so that it is every PASID's.
VtdDriver::Descriptor VtdDriver::device_tlb_of_all(StreamId stream) const {
    const auto source = static_cast<base::RequesterId>(raw(stream));
    DevTlbInvDsc d;
    d.set(DevTlbInvDsc::Type, DescriptorType::DeviceTlb).set(DevTlbInvDsc::SID, source).set(DevTlbInvDsc::S, true);
    if (ecap_.get(Ecap::DIT)) d.set(DevTlbInvDsc::PFSID, source);
    d.set(DevTlbInvDsc::ADDR, Iova{sized_address(Va{}, whole_order)});
    return as_descriptor(d);
}

/// From 5.8 to 6.1 a tear-down under CAP.CM leaves device-TLBs out: whoever emulates the unit is to invalidate them when
/// it sees the PASID cache's invalidation. This unit does not.
bool VtdDriver::left_to_the_host() const {
    return cap_.get(Cap::CM) && version() >= KernelVersion::V5_8 && version() <= KernelVersion::V6_1;
}

/// A tear-down asks 6.12's device whether it is still there; one that is not keeps nothing. Ranges of 6.12 are one
/// batch for all devices (qi_batch), all else is submitted device by device.
sim::Task<bool> VtdDriver::invalidate_atc(KernelContext& ctx, std::span<Bond* const> bonds, Va first, u64 bytes) {
    if (kernel_.has_bug(Bug::R6)) co_return false;
    const bool tear_down = bytes == ~u64{0};
    if (tear_down && left_to_the_host()) co_return false;
    const bool batched = !tear_down && version() >= KernelVersion::V6_12;
    std::vector<Descriptor> batch;
    bool all = true;
    for (Bond* b : bonds) {
        if (tear_down && version() >= KernelVersion::V6_12) {
            const bool there = co_await kernel_.function_present(ctx, b->stream);
            if (!there) continue;
        }
        if (tear_down)
            batch.push_back(device_tlb(*b, {Va{}, whole_order}));
        else if (whole(bytes))
            batch.push_back(device_tlb_of_all(b->stream));
        else
            for (const Block& k : blocks(first, bytes)) batch.push_back(device_tlb(*b, k));
        if (batched) continue;
        for (const Descriptor& d : batch) {
            const bool seen = co_await one(ctx, d, "dev-tlb-wait", true);
            all = all && seen;
        }
        batch.clear();
    }
    constexpr std::size_t most = 16; // QI_MAX_BATCHED_DESC_COUNT
    for (std::span<const Descriptor> rest{batch}; !rest.empty();) {
        const auto part = rest.first(std::min(most, rest.size()));
        const bool seen = co_await fenced(ctx, part, "dev-tlb-wait", true);
        all = all && seen;
        rest = rest.subspan(part.size());
    }
    co_return all;
}

// ---- draining (intel_iommu_drain_pasid_prq, its second half)
// ----------------------------------------------------------

/// Behind a wait descriptor with a fence the PASID's IOTLB and device-TLB are invalidated, once more: when the device
/// has answered that, its page requests are in the queue or were answered. Again as long as the queue overflows
/// meanwhile.
sim::Task<void> VtdDriver::drain_in_flight(KernelContext& ctx, const Bond& bond) {
    InvWaitDsc fence;
    fence.set(InvWaitDsc::Type, DescriptorType::Wait)
        .set(InvWaitDsc::FN, true)
        .set(InvWaitDsc::DATA, 2u); // QI_DONE, not written
    const PIotlbInvDsc iotlb = iotlb_of(domain_of(bond.mm.guest()), bond.pasid);
    const std::array<Descriptor, 3> list{as_descriptor(fence), as_descriptor(iotlb),
                                         device_tlb(bond, {Va{}, whole_order})};
    VtdInvalidationQueue::Options options;
    options.drain_page_requests = ecap_.get(Ecap::PDS); // MODEL: Linux sets it also where the unit reserves it
    for (;;) {
        const u64 passes = passes_;
        co_await queue_.submit(ctx, list, "prq-drain-wait", options);
        const u64 bits = co_await ctx.mmio_read(registers_ + Prs::offset, 4);
        if (!Prs::of(static_cast<u32>(bits)).get(Prs::PRO)) co_return;
        co_await next_pass(ctx, passes, "prq-overflow");
    }
}

} // namespace quiesce::os::drivers
