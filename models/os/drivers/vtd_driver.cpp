// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/vtd_driver.h"

#include <array>

namespace quiesce::os::drivers {

using namespace iommu::vtd;

namespace {
constexpr u32 statuses_bytes = 4;             // desc_status: one int for each slot
constexpr unsigned least_directory_order = 0; // pages of the smallest PASID directory: 512 entries, 2^15 PASIDs
} // namespace

VtdDriver::VtdDriver(base::Name unit, Kernel& kernel, const VtdDriverConfig& config, Spa registers,
                     std::function<u64()> wait_span)
    : unit_(unit), kernel_(kernel), config_(config), registers_(registers),
      queue_(
          config_, registers, std::string{unit.text()} + ".iq",
          [this](KernelContext& ctx, StreamId stream) { return kernel_.function_present(ctx, stream); },
          std::move(wait_span)) {}

bool VtdDriver::refuse(std::string why) {
    error_ = std::string{unit_.text()} + ": " + std::move(why);
    return false;
}

// ---- init (intel_iommu_init, init_dmars) ----------------------------------------------------------------------------

/// What shared address spaces need (pasid_supported, intel_svm_check), and the widest tables (iommu_calculate_agaw).
sim::Task<bool> VtdDriver::probe(KernelContext& ctx) {
    const u64 cap = co_await ctx.mmio_read(registers_ + Cap::offset, 8);
    const u64 ecap = co_await ctx.mmio_read(registers_ + Ecap::offset, 8);
    cap_ = Cap::of(cap);
    ecap_ = Ecap::of(ecap);
    const std::pair<const Ecap::F<bool>&, const char*> needed[] = {
        {Ecap::QI, "an invalidation queue (ECAP.QI)"},
        {Ecap::SMTS, "scalable mode (ECAP.SMTS)"},
        {Ecap::PASID, "PASIDs (ECAP.PASID)"},
        {Ecap::FSTS, "first-stage translation (ECAP.FSTS)"},
        {Ecap::SMPWCS, "table walks that see the CPUs' caches (ECAP.SMPWCS)"}};
    for (const auto& [bit, what] : needed)
        if (!ecap_.get(bit)) co_return refuse(std::string{"shared address spaces need "} + what);
    u64 widths = 1u << 2 | (cap_.get(Cap::FS5LP) ? 1u << 3 : 0u);
    if (ecap_.get(Ecap::SSTS)) widths &= cap_.get(Cap::SAGAW);
    width_ = (widths >> 3 & 1) != 0   ? AddressWidth::Bits57
             : (widths >> 2 & 1) != 0 ? AddressWidth::Bits48
                                      : AddressWidth::Bits39;
    if (config_.nested) {
        const u64 large = cap_.get(Cap::SSLPS), wanted = config_.nested_pages == SecondStagePages::Small  ? 0
                                                         : config_.nested_pages == SecondStagePages::Mega ? 1
                                                                                                          : 2;
        if (!ecap_.get(Ecap::NEST) || !ecap_.get(Ecap::SSTS))
            co_return refuse("os.vtd_driver.nested needs a unit with both stages (ECAP.NEST, ECAP.SSTS)");
        if ((large & wanted) != wanted) co_return refuse("os.vtd_driver.nested_pages: not in CAP.SSLPS");
    }
    if (kernel_.config().guests > 1 && !config_.nested) co_return refuse("os.guests above 1 needs os.vtd_driver.nested");
    ats_ = ecap_.get(Ecap::DT);
    pri_ = ats_ && ecap_.get(Ecap::PRS) && config_.pri;
    co_await look_for_virtual_commands(ctx);
    co_return true;
}

/// IOMMU_WAIT_OP: GCMD as it is with `command`'s bits changed, until GSTS shows it.
sim::Task<void> VtdDriver::command(KernelContext& ctx, Gcmd command, u32 status_bit, bool set) {
    co_await write32(ctx, Gcmd::offset, command.value());
    for (;;) {
        const u64 status = co_await ctx.mmio_read(registers_ + Gsts::offset, 4);
        if (((status & status_bit) != 0) == set) co_return;
        co_await ctx.spin(config_.poll_interval.get());
    }
}

/// intel_iommu_init_qi, dmar_enable_qi: what firmware left on is emptied and switched off first.
sim::Task<void> VtdDriver::enable_queue(KernelContext& ctx) {
    const u32 on = Gcmd{}.set(Gcmd::QIE, true).value();
    const u64 status = co_await ctx.mmio_read(registers_ + Gsts::offset, 4);
    if ((status & on) != 0) {
        for (;;) {
            const u64 head = co_await ctx.mmio_read(registers_ + Iqh::offset, 4);
            const u64 tail = co_await ctx.mmio_read(registers_ + Iqt::offset, 4);
            if (head == tail) break;
            co_await ctx.spin(config_.poll_interval.get());
        }
        co_await command(ctx, gcmd_, on, false);
    }
    const unsigned log2size = config_.queue_log2;
    const u64 bytes = wide_descriptor_bytes << log2size;
    const Spa descriptors = kernel_.frames().take_kernel(bytes, bytes);
    const Spa statuses = kernel_.frames().take_kernel(u64{statuses_bytes} << log2size, page_size);
    queue_.place(descriptors, statuses, log2size);
    co_await write32(ctx, Iqt::offset, 0);
    co_await write64(ctx, Iqa::offset,
                     Iqa{}.set(Iqa::QS, log2size - 7).set(Iqa::DW, true).set(Iqa::ADDR, descriptors).value());
    gcmd_.set(Gcmd::QIE, true);
    co_await command(ctx, gcmd_, on, true);
}

/// iommu_set_root_entry. A unit that forgets all it has cached when the pointer is set needs nothing more.
sim::Task<void> VtdDriver::set_root(KernelContext& ctx) {
    root_ = kernel_.frames().take_kernel(page_size);
    co_await write64(ctx, Rtaddr::offset,
                     Rtaddr{}.set(Rtaddr::TTM, TableMode::Scalable).set(Rtaddr::RTA, root_).value());
    const Gcmd srtp = gcmd_.with(Gcmd::SRTP, true);
    co_await command(ctx, srtp, Gcmd{}.set(Gcmd::SRTP, true).value(), true);
    if (cap_.get(Cap::ESRTPS)) co_return;
    CcInvDsc contexts;
    contexts.set(CcInvDsc::Type, DescriptorType::ContextCache).set(CcInvDsc::G, ContextGranularity::Global);
    PcInvDsc pasids;
    pasids.set(PcInvDsc::Type, DescriptorType::PasidCache).set(PcInvDsc::G, PasidCacheGranularity::Global);
    IotlbInvDsc translations;
    translations.set(IotlbInvDsc::Type, DescriptorType::Iotlb).set(IotlbInvDsc::G, IotlbGranularity::Global);
    translations.set(IotlbInvDsc::DR, cap_.get(Cap::DRD)).set(IotlbInvDsc::DW, cap_.get(Cap::DWD));
    co_await one(ctx, as_descriptor(contexts), "init-context-wait");
    co_await one(ctx, as_descriptor(pasids), "init-pasid-cache-wait");
    co_await one(ctx, as_descriptor(translations), "init-iotlb-wait");
}

/// dmar_msi_write_msg and dmar_msi_unmask: data, address and upper address follow the control register.
sim::Task<void> VtdDriver::enable_message(KernelContext& ctx, u32 control, base::Name name,
                                          InterruptController::Handler handler) {
    const u32 number = kernel_.interrupts().request(name, std::move(handler));
    const u64 window = kernel_.interrupts().window().value();
    co_await write32(ctx, control + 4, number);
    co_await write32(ctx, control + 8, static_cast<u32>(window));
    co_await write32(ctx, control + 12, static_cast<u32>(window >> 32));
    co_await write32(ctx, control, 0);
}

sim::Task<void> VtdDriver::enable_page_requests(KernelContext& ctx) {
    const u64 bytes = page_size << config_.prq_order.get();
    page_request_mask_ = static_cast<u32>(bytes / iommu::vtd::page_request_bytes) - 1;
    page_requests_ = kernel_.frames().take_kernel(bytes, bytes);
    co_await enable_message(ctx, Pectl::offset, "irq/" + std::string{unit_.text()} + "-prq",
                            [this](KernelContext& c) { return on_page_request_interrupt(c); });
    co_await write64(ctx, Pqh::offset, 0);
    co_await write64(ctx, Pqt::offset, 0);
    co_await write64(ctx, Pqa::offset,
                     Pqa{}.set(Pqa::PQS, config_.prq_order.get()).set(Pqa::ADDR, page_requests_).value());
}

/// iommu_disable_protect_mem_regions.
sim::Task<void> VtdDriver::open_protected_memory(KernelContext& ctx) {
    if (!cap_.get(Cap::PLMR) && !cap_.get(Cap::PHMR)) co_return;
    const u64 before = co_await ctx.mmio_read(registers_ + Pmen::offset, 4);
    co_await write32(ctx, Pmen::offset, Pmen::of(static_cast<u32>(before)).with(Pmen::EPM, false).value());
    for (;;) {
        const u64 seen = co_await ctx.mmio_read(registers_ + Pmen::offset, 4);
        if (!Pmen::of(static_cast<u32>(seen)).get(Pmen::PRS)) co_return;
        co_await ctx.spin(config_.poll_interval.get());
    }
}

sim::Task<bool> VtdDriver::init(KernelContext& ctx) {
    const bool taken = co_await probe(ctx);
    if (!taken) co_return false;
    co_await on_fault_interrupt(ctx); // faults from before are none of ours
    co_await enable_queue(ctx);
    const u32 on = Gcmd{}.set(Gcmd::TE, true).value();
    const u64 status = co_await ctx.mmio_read(registers_ + Gsts::offset, 4);
    if ((status & on) != 0) co_await command(ctx, gcmd_, on, false);
    if (config_.nested && !begin_guest(first_guest)) co_return refuse("no domain-id is free");
    if (kernel_.config().suppression == Suppression::DummyRoot) kernel_.guests().empty_table(first_guest);
    co_await set_root(ctx);
    if (pri_) co_await enable_page_requests(ctx);
    co_await enable_message(ctx, Fectl::offset, "irq/" + std::string{unit_.text()} + "-fault",
                            [this](KernelContext& c) { return on_fault_interrupt(c); });
    gcmd_.set(Gcmd::TE, true);
    co_await command(ctx, gcmd_, on, true);
    co_await open_protected_memory(ctx);
    co_return true;
}

// ---- tables (intel/pasid.c) -----------------------------------------------------------------------------------------

/// iommu_context_addr: one table for each half of a bus, made when it is needed.
sim::Task<Spa> VtdDriver::context_entry(KernelContext& ctx, StreamId stream) {
    const u32 bus = raw(stream) >> 8, half = raw(stream) >> 7 & 1, slot = raw(stream) & 0x7f;
    const Spa at = root_ + bus * u64{16} + half * u64{8};
    u64 word = kernel_.frames().memory().peek64(at);
    if ((word & 1) == 0) {
        word = kernel_.frames().take_kernel(page_size).value() | 1;
        co_await ctx.store(at, word);
        co_await ctx.barrier();
    }
    co_return Spa{word & ~u64{0xfff}} + slot* u64{32};
}

/// intel_pasid_alloc_table, context_entry_set_pasid_table. P is in word 0: it comes last.
sim::Task<bool> VtdDriver::attach_device(KernelContext& ctx, StreamId stream, StreamFeatures features) {
    if (raw(stream) >> 16 != 0)
        co_return refuse("stream " + std::to_string(raw(stream)) +
                         " is no source-id: 16 bits of bus, device and function");
    if (features.kernel_dma && !ecap_.get(Ecap::PT))
        co_return refuse("the kernel's own DMA needs pass-through (ECAP.PT)");
    const bool several = kernel_.config().guests > 1;
    if (features.kernel_dma && several)
        co_return refuse("os.guests above 1: its driver has memory for DMA of its own, which would have to pass from guest to guest");
    Stream s;
    s.pasid_bits = std::min(iommu::vtd::pasid_bits(ecap_), features.pasid_bits);
    s.ats = features.ats;
    s.pri = features.pri;
    const u64 wanted = u64{1} << s.pasid_bits >> 3; // directory bytes: 8 for 64 PASIDs
    unsigned order = least_directory_order;
    while (page_size << order < wanted) ++order;
    s.directory = kernel_.frames().take_kernel(page_size << order, page_size << order);
    streams_[raw(stream)] = s;
    if (hypervisor_) hypervisor_->assign(stream, first_guest);
    if (features.kernel_dma || several) { // intel_pasid_setup_pass_through at RID_PASID; intel_pasid_setup_second_level
        const Spa own = co_await pasid_entry(ctx, stream, Pasid{0});
        co_await put_entry(ctx, own, pass_through(first_guest));
    }
    ScalableContextEntry e;
    e.set(ScalableContextEntry::P, true)
        .set(ScalableContextEntry::DTE, s.ats)
        .set(ScalableContextEntry::PASIDE, s.pasid_bits > 0);
    e.set(ScalableContextEntry::PRE, s.pri).set(ScalableContextEntry::PDTS, u64{order + 2});
    e.set(ScalableContextEntry::PASIDDIRPTR, s.directory);
    const Spa at = co_await context_entry(ctx, stream);
    for (unsigned i = 3; i > 0; --i) co_await ctx.store(at + 8 * i, e.word(i));
    co_await ctx.barrier();
    co_await ctx.store(at, e.word(0));
    co_await ctx.barrier();
    if (!cap_.get(Cap::CM)) co_return true;
    CcInvDsc contexts;
    contexts.set(CcInvDsc::Type, DescriptorType::ContextCache).set(CcInvDsc::G, ContextGranularity::Device);
    contexts.set(CcInvDsc::SID, static_cast<base::RequesterId>(raw(stream)));
    IotlbInvDsc translations; // what is not present is cached under domain 0
    translations.set(IotlbInvDsc::Type, DescriptorType::Iotlb).set(IotlbInvDsc::G, IotlbGranularity::Domain);
    translations.set(IotlbInvDsc::DR, cap_.get(Cap::DRD)).set(IotlbInvDsc::DW, cap_.get(Cap::DWD));
    co_await one(ctx, as_descriptor(contexts), "attach-context-wait");
    co_await one(ctx, as_descriptor(translations), "attach-iotlb-wait");
    co_return true;
}

/// intel_pasid_get_entry: tables of 64 entries, made when they are needed. Of a pointer that was not there nothing is
/// cached.
sim::Task<Spa> VtdDriver::pasid_entry(KernelContext& ctx, StreamId stream, Pasid pasid) {
    const Spa at = streams_.at(raw(stream)).directory + (raw(pasid) / pasids_per_table) * u64{8};
    u64 word = kernel_.frames().memory().peek64(at);
    if ((word & 1) == 0) {
        word = kernel_.frames().take_kernel(page_size).value() | 1;
        co_await ctx.store(at, word);
        co_await ctx.barrier();
    }
    co_return Spa{word & ~u64{0xfff}} + (raw(pasid) % pasids_per_table) * u64{64};
}

/// intel_pasid_get_entry, under a spinlock: without a page intel_pasid_setup_first_level has no entry, and says ENODEV.
sim::Task<base::Name> VtdDriver::room_for_context(KernelContext& ctx, StreamId stream, Pasid pasid) {
    const Spa at = streams_.at(raw(stream)).directory + (raw(pasid) / pasids_per_table) * u64{8};
    if ((kernel_.frames().memory().peek64(at) & 1) != 0) co_return base::Name{};
    const bool room = co_await kernel_.frames().room_for_table(ctx, 1, Gfp::Atomic);
    co_return room ? base::Name{} : base::Name{"ENODEV"};
}

bool VtdDriver::context_present(const Bond& bond) const {
    const memory::MemoryPort& memory = kernel_.frames().memory();
    const Spa directory = streams_.at(raw(bond.stream)).directory;
    const u64 word = memory.peek64(directory + (raw(bond.pasid) / pasids_per_table) * u64{8});
    if ((word & 1) == 0) return false;
    const Spa at = Spa{word & ~u64{0xfff}} + (raw(bond.pasid) % pasids_per_table) * u64{64};
    return PasidEntry::from_words({memory.peek64(at)}).get(PasidEntry::P);
}

/// intel_pasid_setup_first_level with the process's own table: four levels, privileged requests refused (SRE=0) but for the
/// kernel's own.
VtdDriver::PasidEntry VtdDriver::first_stage(const Bond& bond) const {
    PasidEntry e;
    e.set(PasidEntry::P, true).set(PasidEntry::AW, width_).set(PasidEntry::PGTT, PagingTranslation::FirstStage);
    const GuestId guest = bond.mm.guest();
    e.set(PasidEntry::DID, domain_of(guest)).set(PasidEntry::PWSNP, ecap_.get(Ecap::SMPWCS));
    e.set(PasidEntry::FSPM, FirstStageMode::Levels4).set(PasidEntry::FSPTPTR, Spa{bond.mm.root().value()});
    if (bond.mm.supervisor()) e.set(PasidEntry::SRE, true).set(PasidEntry::WPE, true); // PASID_FLAG_SUPERVISOR_MODE
    return behind_second_stage(e, guest, PagingTranslation::Nested);
}

VtdDriver::PasidEntry VtdDriver::pass_through(GuestId guest) const {
    PasidEntry e;
    e.set(PasidEntry::P, true).set(PasidEntry::AW, width_).set(PasidEntry::PGTT, PagingTranslation::PassThrough);
    e.set(PasidEntry::DID, domain_of(guest)).set(PasidEntry::PWSNP, ecap_.get(Ecap::SMPWCS));
    return behind_second_stage(e, guest, PagingTranslation::SecondStage);
}

/// Into an entry that is not present: word 0 last.
sim::Task<void> VtdDriver::put_entry(KernelContext& ctx, Spa at, const PasidEntry& e) {
    for (unsigned i = 7; i > 0; --i) co_await ctx.store(at + 8 * i, e.word(i));
    co_await ctx.barrier();
    co_await ctx.store(at, e.word(0));
    co_await ctx.barrier();
}

/// pasid_clear_entry, pasid_clear_entry_with_fpd: word 0 first.
sim::Task<void> VtdDriver::take_entry(KernelContext& ctx, Spa at, u64 word0) {
    co_await ctx.store(at, word0);
    for (unsigned i = 1; i < 8; ++i) co_await ctx.store(at + 8 * i, 0);
    co_await ctx.barrier();
}

/// pasid_flush_caches: only where an entry that is not present may be cached.
sim::Task<bool> VtdDriver::flush_if_cached(KernelContext& ctx, GuestId guest, Pasid pasid) {
    if (!cap_.get(Cap::CM)) co_return true;
    PcInvDsc entry;
    entry.set(PcInvDsc::Type, DescriptorType::PasidCache).set(PcInvDsc::G, PasidCacheGranularity::Pasid);
    entry.set(PcInvDsc::DID, domain_of(guest)).set(PcInvDsc::PASID, pasid);
    PIotlbInvDsc all;
    all.set(PIotlbInvDsc::Type, DescriptorType::PasidIotlb).set(PIotlbInvDsc::G, PasidIotlbGranularity::Pasid);
    all.set(PIotlbInvDsc::DID, domain_of(guest)).set(PIotlbInvDsc::PASID, pasid);
    const bool cache = co_await one(ctx, as_descriptor(entry), "bind-pasid-cache-wait");
    const bool translations = co_await one(ctx, as_descriptor(all), "bind-iotlb-wait");
    co_return cache&& translations;
}

// ---- what the SVA core asks -----------------------------------------------------------------------------------------

u32 VtdDriver::max_pasids(StreamId stream) const {
    const auto found = streams_.find(raw(stream));
    return found == streams_.end() || found->second.pasid_bits == 0 ? 0 : 1u << found->second.pasid_bits;
}

bool VtdDriver::page_requests_enabled(StreamId stream) const {
    const auto found = streams_.find(raw(stream));
    return found != streams_.end() && found->second.pri;
}

bool VtdDriver::ats_enabled(StreamId stream) const {
    const auto found = streams_.find(raw(stream));
    return found != streams_.end() && found->second.ats;
}

/// 6.2 took SVM_FLAG_SUPERVISOR_MODE away (facts/linux-sva.md 8).
bool VtdDriver::takes_supervisor() const { return ecap_.get(Ecap::SRS) && version() <= KernelVersion::V6_1; }

/// MODEL: Linux binds only devices with ATS (intel_iommu_enable_sva); here the same stories are told of those without.
sim::Task<bool> VtdDriver::set_pasid(KernelContext& ctx, Bond& bond) {
    const Spa at = co_await pasid_entry(ctx, bond.stream, bond.pasid);
    co_await put_entry(ctx, at, first_stage(bond));
    const bool seen = co_await flush_if_cached(ctx, bond.mm.guest(), bond.pasid);
    co_return seen;
}

/// 5.8 to 6.1: the entry is not present and its faults are not reported, at once.
sim::Task<bool> VtdDriver::quiet_pasid(KernelContext& ctx, Bond& bond) {
    const Spa at = co_await pasid_entry(ctx, bond.stream, bond.pasid);
    co_await take_entry(ctx, at, PasidEntry{}.set(PasidEntry::FPD, true).word(0));
    const bool seen = co_await invalidate_pasid_cache(ctx, bond.mm.guest(), bond.pasid);
    co_return seen;
}

sim::Task<bool> VtdDriver::clear_pasid(KernelContext& ctx, Bond& bond) {
    const Spa at = co_await pasid_entry(ctx, bond.stream, bond.pasid);
    co_await take_entry(ctx, at, 0);
    const bool seen = co_await invalidate_pasid_cache(ctx, bond.mm.guest(), bond.pasid);
    co_return seen;
}

/// The table pointer alone, while the entry is present: one store of eight bytes.
sim::Task<bool> VtdDriver::redirect_pasid(KernelContext& ctx, Bond& bond) {
    const Spa at = co_await pasid_entry(ctx, bond.stream, bond.pasid);
    PasidEntry e = first_stage(bond);
    Guests& guests = kernel_.guests();
    const GuestId guest = bond.mm.guest();
    e.set(PasidEntry::FSPTPTR, Spa{guests.memory_of(guest).guest_address(guests.empty_table(guest)).value()});
    constexpr unsigned word = 2; // FSPTPTR and its flags
    co_await ctx.store(at + 8 * word, e.word(word));
    co_await ctx.barrier();
    const bool seen = co_await invalidate_pasid_cache(ctx, bond.mm.guest(), bond.pasid);
    co_return seen;
}

/// 6.12: P alone; whatever reads the entry meanwhile sees the old one or one that is not present (75ed00055c05). R9: all of
/// it, as before that.
sim::Task<bool> VtdDriver::block_pasid(KernelContext& ctx, Bond& bond) {
    const Spa at = co_await pasid_entry(ctx, bond.stream, bond.pasid);
    const u64 word0 = kernel_.frames().memory().peek64(at);
    if (kernel_.has_bug(Bug::R9)) {
        co_await take_entry(ctx, at, 0);
    } else {
        co_await ctx.store(at, word0 & ~u64{1});
        co_await ctx.barrier();
    }
    const bool seen = co_await invalidate_pasid_cache(ctx, bond.mm.guest(), bond.pasid);
    co_return seen;
}

sim::Task<void> VtdDriver::silence_pasid(KernelContext& ctx, Bond& bond) {
    const Spa at = co_await pasid_entry(ctx, bond.stream, bond.pasid);
    co_await take_entry(ctx, at, PasidEntry{}.set(PasidEntry::FPD, true).word(0));
}

sim::Task<void> VtdDriver::forget_pasid(KernelContext& ctx, Bond& bond) {
    const Spa at = co_await pasid_entry(ctx, bond.stream, bond.pasid);
    co_await take_entry(ctx, at, 0);
}

} // namespace quiesce::os::drivers
