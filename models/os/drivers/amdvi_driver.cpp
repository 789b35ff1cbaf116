// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/amdvi_driver.h"

#include <algorithm>
#include <bit>

namespace quiesce::os::drivers {

namespace {
constexpr u64 device_table_bytes = u64{amdvi::Dte::byte_count} << 16; // of every device that there can be
constexpr u64 amd_everything = 0x7fff'ffff'ffff'ffff;                 // CMD_INV_IOMMU_ALL_PAGES_ADDRESS

/// build_inv_address: a page, or the smallest aligned block that holds the range, with S.
struct SizedAddress {
    Iova at{};
    bool several = false;
};
SizedAddress amd_sized_address(u64 first, u64 bytes) {
    const u64 last = first + bytes - 1;
    if (first / page_size == last / page_size) return {Iova{first}.align_down(page_size), false};
    const int differs = 63 - std::countl_zero(first ^ last);
    const u64 ones = differs > 51 ? amd_everything : first | base::low_bits(static_cast<unsigned>(differs));
    return {Iova{ones}.align_down(page_size), true};
}

/// get_gcr3_levels.
unsigned levels_for(u32 pasids) {
    const auto bits = static_cast<unsigned>(std::bit_width(std::max(pasids, 1u) - 1));
    return std::max(1u, (bits + amdvi::gcr3_index_bits - 1) / amdvi::gcr3_index_bits);
}
} // namespace

AmdviDriver::AmdviDriver(base::Name unit, Kernel& kernel, const AmdviDriverConfig& config, Spa registers,
                         amdvi::CapHeader capability, std::function<u64()> wait_span)
    : unit_(unit), kernel_(kernel), config_(config), registers_(registers), capability_(capability),
      queue_(config_, registers, std::string{unit.text()} + ".cmdbuf", std::move(wait_span)) {}

bool AmdviDriver::refuse(std::string why) {
    error_ = std::string{unit_.text()} + ": " + std::move(why);
    return false;
}

// ---- init (early_enable_iommu, iommu_enable_event_buffer, amd_iommu_enable_interrupts) ------------------------------

/// MODEL: the unit's function is in no bus's configuration space here: what the driver reads and writes there it has from
/// firmware, or does through the copies of the message registers.
sim::Task<bool> AmdviDriver::probe(KernelContext& ctx) {
    const u64 efr = co_await ctx.mmio_read(registers_ + amdvi::Efr::offset, 8);
    efr_ = amdvi::Efr::of(efr);
    if (!efr_.get(amdvi::Efr::GTSup)) co_return refuse("shared address spaces need guests' page tables (EFR.GTSup)");
    if (!has_xt_interrupts() && !efr_.get(amdvi::Efr::MsiCapMmioSup))
        co_return refuse("its interrupt is programmed through memory (EFR.MsiCapMmioSup, or EFR.XTSup and GASup)");
    if (kernel_.config().guests > 1 && !config_.nested) co_return refuse("os.guests above 1 needs os.amdvi_driver.nested");
    ats_ = capability_.get(amdvi::CapHeader::IotlbSup);
    pri_ = ats_ && efr_.get(amdvi::Efr::PPRSup) && config_.pri;
    co_return true;
}

/// iommu_feature_enable, iommu_feature_disable.
sim::Task<void> AmdviDriver::switch_bit(KernelContext& ctx, const amdvi::Control::F<bool>& bit, bool on) {
    const u64 before = co_await ctx.mmio_read(registers_ + amdvi::Control::offset, 8);
    co_await write64(ctx, amdvi::Control::offset, amdvi::Control::of(before).with(bit, on).value());
}

/// iommu_disable: whatever firmware left on; then the flags that every unit gets. MODEL: one write each, not one for each
/// bit.
sim::Task<void> AmdviDriver::switch_off(KernelContext& ctx) {
    using C = amdvi::Control;
    co_await write64(ctx, C::offset, 0);
    C flags;
    flags.set(C::Coherent, true).set(C::InvTimeOut, amdvi::InvalidationTimeout::S1);
    co_await write64(ctx, C::offset, flags.value());
}

sim::Task<void> AmdviDriver::enable_commands(KernelContext& ctx) {
    const unsigned log2size = config_.cmdbuf_log2;
    const u64 bytes = amdvi::ring_entry_bytes << log2size;
    const Spa commands = kernel_.frames().take_kernel(bytes, bytes);
    const Spa semaphore = kernel_.frames().take_kernel(page_size);
    queue_.place(commands, semaphore, log2size);
    amdvi::CmdBufBar bar;
    bar.set(amdvi::CmdBufBar::Base, commands).set(amdvi::CmdBufBar::Len, log2size);
    co_await write64(ctx, amdvi::CmdBufBar::offset, bar.value());
    co_await write32(ctx, amdvi::CmdHead::offset, 0);
    co_await write32(ctx, amdvi::CmdTail::offset, 0);
    co_await switch_bit(ctx, amdvi::Control::CmdBufEn, true);
}

sim::Task<void> AmdviDriver::enable_event_log(KernelContext& ctx) {
    const unsigned log2size = config_.evtlog_log2;
    const u64 bytes = amdvi::ring_entry_bytes << log2size;
    event_log_ = {kernel_.frames().take_kernel(bytes, bytes), (u32{1} << log2size) - 1, amdvi::EvtHead::offset,
                  amdvi::EvtTail::offset};
    amdvi::EvtLogBar bar;
    bar.set(amdvi::EvtLogBar::Base, event_log_.base).set(amdvi::EvtLogBar::Len, log2size);
    co_await write64(ctx, amdvi::EvtLogBar::offset, bar.value());
    co_await write32(ctx, amdvi::EvtHead::offset, 0);
    co_await write32(ctx, amdvi::EvtTail::offset, 0);
    co_await switch_bit(ctx, amdvi::Control::EventLogEn, true);
}

/// amd_iommu_enable_ppr_log.
sim::Task<void> AmdviDriver::enable_page_requests(KernelContext& ctx) {
    const unsigned log2size = config_.pprlog_log2;
    const u64 bytes = amdvi::ring_entry_bytes << log2size;
    ppr_log_ = {kernel_.frames().take_kernel(bytes, bytes), (u32{1} << log2size) - 1, amdvi::PprHead::offset,
                amdvi::PprTail::offset};
    co_await switch_bit(ctx, amdvi::Control::PPREn, true);
    amdvi::PprLogBar bar;
    bar.set(amdvi::PprLogBar::Base, ppr_log_.base).set(amdvi::PprLogBar::Len, log2size);
    co_await write64(ctx, amdvi::PprLogBar::offset, bar.value());
    co_await write32(ctx, amdvi::PprHead::offset, 0);
    co_await write32(ctx, amdvi::PprTail::offset, 0);
    co_await switch_bit(ctx, amdvi::Control::PPRIntEn, true);
    co_await switch_bit(ctx, amdvi::Control::PPRLogEn, true);
}

/// MODEL: a unit without INVALIDATE_IOMMU_ALL is believed to have nothing in its caches; Linux invalidates device by device.
sim::Task<bool> AmdviDriver::init(KernelContext& ctx) {
    const bool taken = co_await probe(ctx);
    if (!taken) co_return false;
    if (config_.nested && !begin_guest(first_guest)) co_return refuse("no number is free for a guest");
    if (kernel_.config().suppression == Suppression::DummyRoot) kernel_.guests().empty_table(first_guest);
    co_await switch_off(ctx);
    device_table_ = kernel_.frames().take_kernel(device_table_bytes, page_size);
    amdvi::DevTabBar bar;
    bar.set(amdvi::DevTabBar::DevTabBase, device_table_).set(amdvi::DevTabBar::Size, device_table_bytes / page_size - 1);
    co_await write64(ctx, amdvi::DevTabBar::offset, bar.value());
    co_await enable_commands(ctx);
    co_await switch_bit(ctx, amdvi::Control::GTEn, true);
    if (has_xt_interrupts()) { // iommu_enable_ga, iommu_enable_xt: of entries that remap interrupts
        co_await switch_bit(ctx, amdvi::Control::GAEn, true);
        co_await switch_bit(ctx, amdvi::Control::XTEn, true);
    }
    co_await switch_bit(ctx, amdvi::Control::IommuEn, true);
    if (efr_.get(amdvi::Efr::IASup)) {
        co_await queue_.queue(ctx, amdvi::as_command(amdvi::make<amdvi::InvalidateIommuAll>()));
        co_await queue_.completion_wait(ctx, "init-completion-wait");
    }
    co_await enable_event_log(ctx);
    const bool heard = co_await enable_interrupts(ctx);
    if (!heard) co_return false;
    if (pri_) co_await enable_page_requests(ctx);
    co_return true;
}

// ---- tables (set_dte_entry, __get_gcr3_pte) -------------------------------------------------------------------------

/// Without memory of the kernel's the domain of requests without a PASID is empty: a guest's table of PASID 0 (pgtbl_v2).
/// With it they are not translated (iommu=pt). MODEL: 6.12 has one domain type for all devices of a boot.
AmdviDriver::Dte AmdviDriver::entry_of(StreamId stream, const Stream& s) const {
    Dte e;
    e.set(Dte::V, true).set(Dte::TV, true).set(Dte::IR, true).set(Dte::IW, true).set(Dte::Mode, amdvi::pass_through_mode);
    e.set(Dte::PPR, s.pri).set(Dte::I, s.ats).set(Dte::DomainID, s.domain);
    e.set(Dte::GV, true).set(Dte::GLX, static_cast<u8>(s.levels - 1)).set(Dte::GCR3TableRoot, s.gcr3);
    e.set(Dte::GIoV, s.own_table != Spa{0}).set(Dte::GuestPagingMode, amdvi::GuestPaging::Levels4);
    return behind_host_table(e, hypervisor_ ? hypervisor_->owner(stream) : first_guest);
}

/// update_dte256: the upper half first, then the one with V; and the entry is fetched anew (dev_update_dte).
sim::Task<void> AmdviDriver::write_device_entry(KernelContext& ctx, StreamId stream, Dte e) {
    const Spa at = device_entry(stream);
    for (const unsigned word : {2u, 3u, 1u, 0u}) co_await ctx.store(at + 8 * word, e.word(word));
    co_await ctx.barrier();
    auto entry = amdvi::make<amdvi::InvalidateDevtabEntry>();
    entry.set(amdvi::InvalidateDevtabEntry::DeviceID, amdvi::RequesterId{static_cast<u16>(raw(stream))});
    co_await queue_.queue(ctx, amdvi::as_command(entry));
    if (streams_.at(raw(stream)).ats)
        co_await queue_.queue(ctx, iotlb_pages(stream, std::nullopt, Va{}, ~u64{0}));
    co_await queue_.completion_wait(ctx, "attach-completion-wait");
}

/// attach_device, init_gcr3_table.
sim::Task<bool> AmdviDriver::attach_device(KernelContext& ctx, StreamId stream, StreamFeatures features) {
    if (raw(stream) >> 16 != 0)
        co_return refuse("stream " + std::to_string(raw(stream)) + " is no device id: 16 bits of bus, device and function");
    if (features.kernel_dma && kernel_.config().guests > 1)
        co_return refuse("os.guests above 1: its driver has memory for DMA of its own, which would have to pass from guest to guest");
    Stream s;
    const u32 of_unit = (u32{1} << amdvi::pasid_bits(efr_)) - 1;
    s.max_pasids = features.pasid_bits == 0 ? 0 : std::min(of_unit, u32{1} << features.pasid_bits);
    s.levels = levels_for(s.max_pasids);
    if (s.levels > efr_.get(amdvi::Efr::GLXSup) + 1)
        co_return refuse("PASIDs up to " + std::to_string(s.max_pasids - 1) + " need a GCR3 table of " + std::to_string(s.levels) +
                         " levels, and the unit has fewer (EFR.GLXSup: gcr3_levels)");
    s.ats = features.ats;
    s.pri = features.pri;
    s.response_pasid = features.response_pasid;
    s.domain = amdvi::DomainId{++last_domain_};
    s.gcr3 = kernel_.frames().take_kernel(page_size);
    if (hypervisor_) hypervisor_->assign(stream, first_guest);
    if (!features.kernel_dma && !config_.nested && efr_.get(amdvi::Efr::GIoSup)) {
        s.own_table = kernel_.frames().take_kernel(page_size);
        const Spa own = co_await make_gcr3_entry(ctx, s, Pasid{0});
        co_await ctx.store(own, amdvi::Gcr3Entry{}.set(amdvi::Gcr3Entry::V, true).set(amdvi::Gcr3Entry::Base, s.own_table).word(0));
    }
    streams_[raw(stream)] = s;
    const Dte entry = entry_of(stream, s);
    co_await write_device_entry(ctx, stream, entry);
    co_return true;
}

/// Nothing: a table on the way is not there.
std::optional<Spa> AmdviDriver::gcr3_entry(const Stream& s, Pasid pasid) const {
    Spa table = s.gcr3;
    for (unsigned level = s.levels;; --level) {
        const u32 index = raw(pasid) >> ((level - 1) * amdvi::gcr3_index_bits) & ((u32{1} << amdvi::gcr3_index_bits) - 1);
        const Spa at = table + index * u64{8};
        if (level == 1) return at;
        const auto e = amdvi::Gcr3Entry::from_words({kernel_.frames().memory().peek64(at)});
        if (!e.get(amdvi::Gcr3Entry::V)) return std::nullopt;
        table = e.get(amdvi::Gcr3Entry::Base);
    }
}

sim::Task<Spa> AmdviDriver::make_gcr3_entry(KernelContext& ctx, Stream& s, Pasid pasid) {
    Spa table = s.gcr3;
    for (unsigned level = s.levels;; --level) {
        const u32 index = raw(pasid) >> ((level - 1) * amdvi::gcr3_index_bits) & ((u32{1} << amdvi::gcr3_index_bits) - 1);
        const Spa at = table + index * u64{8};
        if (level == 1) co_return at;
        auto e = amdvi::Gcr3Entry::from_words({kernel_.frames().memory().peek64(at)});
        if (!e.get(amdvi::Gcr3Entry::V)) {
            e.set(amdvi::Gcr3Entry::V, true).set(amdvi::Gcr3Entry::Base, kernel_.frames().take_kernel(page_size));
            co_await ctx.store(at, e.word(0));
            co_await ctx.barrier();
        }
        table = e.get(amdvi::Gcr3Entry::Base);
    }
}

/// get_zeroed_page(GFP_ATOMIC) for the lower of two levels; of three there would be two.
sim::Task<base::Name> AmdviDriver::room_for_context(KernelContext& ctx, StreamId stream, Pasid pasid) {
    const Stream& s = streams_.at(raw(stream));
    if (gcr3_entry(s, pasid)) co_return base::Name{};
    const bool room = co_await kernel_.frames().room_for_table(ctx, s.levels - 1, Gfp::Atomic);
    co_return room ? base::Name{} : base::Name{"ENOMEM"};
}

bool AmdviDriver::context_present(const Bond& bond) const {
    const auto at = gcr3_entry(streams_.at(raw(bond.stream)), bond.pasid);
    return at && amdvi::Gcr3Entry::from_words({kernel_.frames().memory().peek64(*at)}).get(amdvi::Gcr3Entry::V);
}

// ---- what the SVA core asks -----------------------------------------------------------------------------------------

u32 AmdviDriver::max_pasids(StreamId stream) const {
    const auto found = streams_.find(raw(stream));
    return found == streams_.end() ? 0 : found->second.max_pasids;
}

bool AmdviDriver::page_requests_enabled(StreamId stream) const {
    const auto found = streams_.find(raw(stream));
    return found != streams_.end() && found->second.pri;
}

bool AmdviDriver::ats_enabled(StreamId stream) const {
    const auto found = streams_.find(raw(stream));
    return found != streams_.end() && found->second.ats;
}

/// update_gcr3, under the domain's lock: whatever the entry becomes, all of the PASID is invalidated. R7-amd: what the
/// device keeps goes while the entry is as it was.
sim::Task<bool> AmdviDriver::update_gcr3(KernelContext& ctx, Bond& bond, u64 entry) {
    const KernelContext::IrqsOff spinlock = ctx.irqs_off();
    Stream& s = streams_.at(raw(bond.stream));
    const Spa at = co_await make_gcr3_entry(ctx, s, bond.pasid);
    if (s.ats && kernel_.has_bug(Bug::R7Amd)) {
        co_await queue_.queue(ctx, iotlb_pages(bond.stream, bond.pasid, Va{}, ~u64{0}));
        co_await complete(ctx, "iotlb-pages-wait");
    }
    co_await ctx.store(at, entry);
    const bool seen = co_await flush_pasid(ctx, bond.stream, bond.pasid, Va{}, ~u64{0});
    co_return seen;
}

/// MODEL: Linux binds only devices with ATS (pdev_enable_cap_pasid, pdev_enable_cap_ats); here the same stories are told of
/// those without.
sim::Task<bool> AmdviDriver::set_pasid(KernelContext& ctx, Bond& bond) {
    amdvi::Gcr3Entry e;
    e.set(amdvi::Gcr3Entry::V, true).set(amdvi::Gcr3Entry::Base, Spa{bond.mm.root().value()});
    return update_gcr3(ctx, bond, e.word(0));
}

sim::Task<bool> AmdviDriver::clear_pasid(KernelContext& ctx, Bond& bond) { return update_gcr3(ctx, bond, 0); }

/// MODEL: no kernel does it since 2014: up to then invalidate_range_start led a PASID to an empty table, and _end back.
sim::Task<bool> AmdviDriver::redirect_pasid(KernelContext& ctx, Bond& bond) {
    Guests& guests = kernel_.guests();
    const GuestId guest = bond.mm.guest();
    const Spa empty{guests.memory_of(guest).guest_address(guests.empty_table(guest)).value()};
    amdvi::Gcr3Entry e;
    e.set(amdvi::Gcr3Entry::V, true).set(amdvi::Gcr3Entry::Base, empty);
    return update_gcr3(ctx, bond, e.word(0));
}

// ---- invalidation ---------------------------------------------------------------------------------------------------

/// From 6.7 on the notifier hears the range that the CPUs flush, which is all of the address space above a number of pages
/// (flush_tlb_mm_range). Before: a page, or all (mn_invalidate_range).
bool AmdviDriver::whole(Va first, u64 bytes) const {
    if (bytes == ~u64{0}) return true;
    if (flushes_in_one()) return bytes / page_size > config_.flush_ceiling;
    return first.page_number() != (first + (bytes - 1)).page_number();
}

/// PDE: directory entries, too. R23: as if no table had gone.
AmdviDriver::Command AmdviDriver::iommu_pages(const Stream& s, Pasid pasid, Va first, u64 bytes) const {
    using C = amdvi::InvalidateIommuPages;
    const SizedAddress to = amd_sized_address(first.value(), bytes);
    auto c = amdvi::make<C>();
    c.set(C::DomainID, s.domain).set(C::PASID, pasid).set(C::GN, true).set(C::S, to.several).set(C::Address, to.at);
    c.set(C::PDE, bytes == ~u64{0} || !kernel_.has_bug(Bug::R23));
    return amdvi::as_command(c);
}

/// Without a PASID it is of requests without one. MaxPend 0: 32 may be pending. MODEL: Linux says the depth of the device's
/// queue, which is 32 where its capability says 0.
AmdviDriver::Command AmdviDriver::iotlb_pages(StreamId stream, std::optional<Pasid> pasid, Va first, u64 bytes) const {
    using C = amdvi::InvalidateIotlbPages;
    const SizedAddress to = amd_sized_address(first.value(), bytes);
    const auto device = static_cast<u16>(raw(stream));
    auto c = amdvi::make<C>();
    c.set(C::DeviceID, amdvi::RequesterId{device}).set(C::QueueID, device).set(C::S, to.several).set(C::Address, to.at);
    if (pasid) c.set(C::GN, true).set(C::PASID, *pasid);
    return amdvi::as_command(c);
}

/// iommu_completion_wait's callers do not look at what it returns: as in Linux, they go on.
sim::Task<bool> AmdviDriver::complete(KernelContext& ctx, base::Name phase, bool last) {
    using Wait = AmdviCommandQueue::Wait;
    const Wait how = last && kernel_.has_bug(Bug::R8) ? Wait::Not
                     : kernel_.has_bug(Bug::R8Amd)    ? Wait::UnlessQueued
                                                      : Wait::Complete;
    const u64 before = queue_.gave_up();
    const bool seen = co_await queue_.completion_wait(ctx, phase, how);
    if (queue_.gave_up() != before) kernel_.events().emit(FenceTimedOut{unit_, 0});
    co_return seen;
}

/// 6.7 and later: one COMPLETION_WAIT behind both (amd_iommu_dev_flush_pasid_pages). Before: one behind what the unit keeps,
/// lest the device gets it back, and one behind the device's (__flush_pasid).
sim::Task<bool> AmdviDriver::flush_pasid(KernelContext& ctx, StreamId stream, Pasid pasid, Va first, u64 bytes) {
    const Stream& s = streams_.at(raw(stream));
    const bool tells_device = s.ats && !kernel_.has_bug(Bug::R6);
    if (whole(first, bytes)) {
        first = Va{};
        bytes = ~u64{0};
    }
    if (!kernel_.has_bug(Bug::ForgetTlbi)) co_await queue_.queue(ctx, iommu_pages(s, pasid, first, bytes));
    if (!flushes_in_one()) {
        const bool seen = co_await complete(ctx, "iommu-pages-wait", !tells_device);
        if (!tells_device) co_return seen;
    }
    if (tells_device) co_await queue_.queue(ctx, iotlb_pages(stream, pasid, first, bytes));
    const base::Name phase = flushes_in_one() ? "completion-wait" : "iotlb-pages-wait";
    const bool seen = co_await complete(ctx, phase, true);
    co_return seen;
}

/// sva_arch_invalidate_secondary_tlbs, for one of the devices; mn_invalidate_range. Under the domain's lock.
sim::Task<bool> AmdviDriver::flush_bond(KernelContext& ctx, Bond& bond, Va first, u64 bytes) {
    const KernelContext::IrqsOff spinlock = ctx.irqs_off();
    const bool seen = co_await flush_pasid(ctx, bond.stream, bond.pasid, first, bytes);
    co_return seen;
}

} // namespace quiesce::os::drivers
