// SPDX-License-Identifier: Apache-2.0
#include "os/drivers/smmuv3_driver.h"

#include <array>
#include <bit>

namespace quiesce::os::drivers {

using namespace iommu::smmuv3;

namespace {
constexpr unsigned split = 8;             // second-level stream tables of 256 entries (Linux: STRTAB_SPLIT)
constexpr unsigned first_level_bits = 17; // at most so many first-level stream table entries (Linux: STRTAB_MAX_L1_ENTRIES)
constexpr unsigned linear_bits = 16;      // MODEL: a linear stream table above 4 MiB counts as one that cannot be allocated
constexpr u64 atc_everything = 52;        // CMD_ATC_INV.Size of the whole address space (Linux: ATC_INV_SIZE_ALL)
constexpr unsigned cd_leaf_bits = 10;     // context tables with 64 KiB leaves: 1024 descriptors
} // namespace

Smmuv3Driver::Smmuv3Driver(base::Name unit, Kernel& kernel, const Smmuv3DriverConfig& config, Spa registers,
                           std::function<u64(unsigned)> sync_span,
                           unsigned wired_base)
    : unit_(unit), kernel_(kernel), config_(config), registers_(registers), wired_base_(wired_base),
      sync_span_(std::move(sync_span)),
      commands_(config_, registers, std::string{unit.text()} + ".cmdq", [this] { return sync_span_ ? sync_span_(0) : 0; }) {}

// ---- probe and reset (arm_smmu_device_probe, arm_smmu_device_reset) -----------------------------------------------------

sim::Task<void> Smmuv3Driver::write_and_wait(KernelContext& ctx, u32 offset, u32 ack, u32 value) {
    co_await write_reg(ctx, offset, 4, value);
    for (;;) {
        const u64 seen = co_await ctx.mmio_read(registers_ + ack, 4);
        if (static_cast<u32>(seen) == value) co_return;
        co_await ctx.spin(1_us);
    }
}

bool Smmuv3Driver::refuse(std::string why) {
    error_ = std::string{unit_.text()} + ": " + std::move(why);
    return false;
}

/// What the ID registers offer (arm_smmu_device_hw_probe).
sim::Task<bool> Smmuv3Driver::probe(KernelContext& ctx) {
    const u64 id0_bits = co_await ctx.mmio_read(registers_ + Idr0::offset, 4);
    const auto id0 = Idr0::of(static_cast<u32>(id0_bits));
    const u64 id1_bits = co_await ctx.mmio_read(registers_ + Idr1::offset, 4);
    const auto id1 = Idr1::of(static_cast<u32>(id1_bits));
    const u64 id5_bits = co_await ctx.mmio_read(registers_ + Idr5::offset, 4);
    const auto id5 = Idr5::of(static_cast<u32>(id5_bits));
    output_code_ = static_cast<unsigned>(id5.get(Idr5::OAS));
    asid_bits_ = id0.get(Idr0::ASID16) ? 16 : 8;
    if (!id0.get(Idr0::MSI) || !id0.get(Idr0::COHACC)) config_.msipoll = false; // ARM_SMMU_OPT_MSIPOLL needs both
    cmdq_log2_ = std::min<unsigned>(config_.cmdq_log2, static_cast<unsigned>(id1.get(Idr1::CMDQS)));
    event_queue_.log2size = std::min<unsigned>(config_.evtq_log2, static_cast<unsigned>(id1.get(Idr1::EVENTQS)));
    sid_bits_ = static_cast<unsigned>(id1.get(Idr1::SIDSIZE));
    ssid_bits_ = std::min(static_cast<unsigned>(id1.get(Idr1::SSIDSIZE)), 20u);
    two_level_streams_ = id0.get(Idr0::ST_LEVEL) == StreamLevels::TwoLevel && sid_bits_ > split;
    two_level_contexts_ = id0.get(Idr0::CD2L);
    ats_ = id0.get(Idr0::ATS);
    pri_ = ats_ && id0.get(Idr0::PRI) && config_.pri;
    stall_model_ = id0.get(Idr0::STALL_MODEL);
    page_requests_.log2size = std::min<unsigned>(config_.priq_log2, static_cast<unsigned>(id1.get(Idr1::PRIQS)));
    const bool nests = id0.get(Idr0::S1P) && id0.get(Idr0::S2P);
    if (config_.nested && !nests)
        co_return refuse("os.smmuv3_driver.nested needs a unit with both stages: platform.iommu.smmuv3.stage2");
    if (kernel_.config().guests > 1 && !config_.nested) co_return refuse("os.guests above 1 needs os.smmuv3_driver.nested");
    if (id1.get(Idr1::ECMDQ) && config_.ecmdq) co_await probe_own_queues(ctx);
    if (cmdq_log2_ == 0) co_return refuse("a command queue of one entry (IDR1.CMDQS is 0) has no room for a command and its CMD_SYNC");
    co_return true;
}

/// arm_smmu_ecmdq_probe, arm_smmu_ecmdq_layout: all CPUs or none; with fewer queues than CPUs all of them share the first.
sim::Task<void> Smmuv3Driver::probe_own_queues(KernelContext& ctx) {
    const u64 id6_bits = co_await ctx.mmio_read(registers_ + Idr6::offset, 4);
    const auto id6 = Idr6::of(static_cast<u32>(id6_bits));
    const u64 base_bits = co_await ctx.mmio_read(registers_ + ControlPageBase::offset, 8);
    const auto page = ControlPageBase::of(base_bits);
    const unsigned cpus = ctx.scheduler().config().cpus.get(), log2 = static_cast<unsigned>(id6.get(Idr6::LOG2NUMQ));
    if (!page.get(ControlPageBase::PRESET) || cpus > 1u << log2) co_return; // MODEL: of several pages the first is used
    for (unsigned cpu = 0; cpu < cpus; ++cpu) {
        const Spa at = registers_ + page.get(ControlPageBase::ADDR).value() + u64{cpu} * (register_page_bytes >> log2);
        own_queues_.push_back(std::make_unique<Smmuv3CommandQueue>(
            config_, at, std::string{unit_.text()} + ".ecmdq" + std::to_string(cpu),
            [this, cpu] { return sync_span_ ? sync_span_(cpu + 1) : 0; },
            Smmuv3CommandQueue::Where{EcmdqProd::offset, EcmdqCons::offset, EcmdqProd{}.set(EcmdqProd::EN, true).value()}));
    }
}

sim::Task<void> Smmuv3Driver::place_queues(KernelContext& ctx) {
    const u64 cmdq_bytes = command_bytes << cmdq_log2_, evtq_bytes = event_bytes << event_queue_.log2size;
    commands_.place(kernel_.frames().take_kernel(cmdq_bytes, std::max<u64>(cmdq_bytes, page_size)), cmdq_log2_);
    event_queue_.base = kernel_.frames().take_kernel(evtq_bytes, std::max<u64>(evtq_bytes, page_size));
    co_await write_reg(ctx, CmdqBase::offset, 8, commands_.base().value() | cmdq_log2_ | u64{1} << 62);
    co_await write_reg(ctx, CmdqProd::offset, 4, 0);
    co_await write_reg(ctx, CmdqCons::offset, 4, 0);
    co_await write_reg(ctx, EventqBase::offset, 8, event_queue_.base.value() | event_queue_.log2size | u64{1} << 62);
    co_await write_reg(ctx, EventqProd::offset, 4, 0);
    co_await write_reg(ctx, EventqCons::offset, 4, 0);
}

/// MODEL: as large as the first queue.
sim::Task<void> Smmuv3Driver::place_own_queues(KernelContext& ctx) {
    const u64 bytes = std::max<u64>(command_bytes << cmdq_log2_, page_size);
    for (const auto& q : own_queues_) {
        q->place(kernel_.frames().take_kernel(bytes, bytes), cmdq_log2_);
        const Spa at = q->registers();
        co_await ctx.mmio_write(at + EcmdqBase::offset, 8, q->base().value() | cmdq_log2_ | u64{1} << 62);
        co_await ctx.mmio_write(at + EcmdqCons::offset, 4, 0);
        co_await q->write_flags(ctx, q->flags());
        for (;;) {
            const u64 seen = co_await ctx.mmio_read(at + EcmdqCons::offset, 4);
            if (EcmdqCons::of(static_cast<u32>(seen)).get(EcmdqCons::ENACK)) break;
            co_await ctx.spin(1_us);
        }
    }
}

sim::Task<void> Smmuv3Driver::place_page_requests(KernelContext& ctx) {
    UnitQueue& q = page_requests_;
    const u64 bytes = std::max<u64>(page_request_bytes << q.log2size, page_size);
    q.base = kernel_.frames().take_kernel(bytes, bytes);
    co_await write_reg(ctx, PriqBase::offset, 8, q.base.value() | q.log2size | u64{1} << 62);
    co_await write_reg(ctx, PriqProd::offset, 4, 0);
    co_await write_reg(ctx, PriqCons::offset, 4, 0);
}

/// arm_smmu_init_strtab: two levels where the unit has them and more streams than one leaf holds. A first level that is capped
/// covers fewer streams than the unit takes.
sim::Task<bool> Smmuv3Driver::place_streams(KernelContext& ctx) {
    if (two_level_streams_) sid_bits_ = std::min(sid_bits_, first_level_bits + split);
    else if (sid_bits_ > linear_bits)
        co_return refuse("a linear stream table for " + std::to_string(sid_bits_) + " stream bits is too large: at most " +
                         std::to_string(linear_bits) + " without two-level stream tables");
    const u64 bytes = two_level_streams_ ? u64{8} << (sid_bits_ - split) : u64{64} << sid_bits_;
    stream_first_ = kernel_.frames().take_kernel(bytes, std::max<u64>(bytes, page_size));
    co_await write_reg(ctx, StrtabBase::offset, 8, stream_first_.value() | u64{1} << 62);
    co_await write_reg(ctx, StrtabBaseCfg::offset, 4, (two_level_streams_ ? 1u << 16 | split << 6 : 0u) | sid_bits_);
    co_return true;
}

sim::Task<void> Smmuv3Driver::place_interrupts(KernelContext& ctx) {
    const std::string name{unit_.text()};
    const u32 error = kernel_.interrupts().request("irq/" + name + "-gerror", [this](KernelContext& c) { return on_global_error(c); });
    const u32 event = kernel_.interrupts().request("irq/" + name + "-evtq", [this](KernelContext& c) { return on_event_interrupt(c); });
    const auto connect = [this](WiredLine line, u32 number) { kernel_.interrupts().connect(wired_base_ + raw(line), number); };
    connect(WiredLine::Gerror, error); // used where the unit sends no messages
    connect(WiredLine::Eventq, event);
    co_await write_reg(ctx, GerrorIrqCfg0::offset, 8, kernel_.interrupts().window().value());
    co_await write_reg(ctx, GerrorIrqCfg1::offset, 4, error);
    co_await write_reg(ctx, EventqIrqCfg0::offset, 8, kernel_.interrupts().window().value());
    co_await write_reg(ctx, EventqIrqCfg1::offset, 4, event);
    u32 enable = 1u << 0 | 1u << 2;
    if (pri_) {
        const u32 pages = kernel_.interrupts().request(
            "irq/" + name + "-priq", [this](KernelContext& c) { return on_page_request_interrupt(c); });
        connect(WiredLine::Priq, pages);
        co_await write_reg(ctx, PriqIrqCfg0::offset, 8, kernel_.interrupts().window().value());
        co_await write_reg(ctx, PriqIrqCfg1::offset, 4, pages);
        enable |= 1u << 1;
    }
    co_await write_and_wait(ctx, IrqCtrl::offset, IrqCtrlAck::offset, enable);
}

sim::Task<bool> Smmuv3Driver::init(KernelContext& ctx) {
    const bool taken = co_await probe(ctx);
    if (!taken) co_return false;
    co_await write_and_wait(ctx, Cr0::offset, Cr0Ack::offset, 0);
    co_await write_reg(ctx, Cr1::offset, 4, 0x3u << 10 | 1u << 8 | 1u << 6 | 0x3u << 4 | 1u << 2 | 1u); // write-back, inner shareable
    co_await write_reg(ctx, Cr2::offset, 4, 1u << 2 | 1u << 1);                                         // PTM, RECINVSID
    co_await place_queues(ctx);
    if (config_.nested && !begin_guest(first_guest)) co_return refuse("no VMID is free");
    if (kernel_.config().suppression == Suppression::DummyRoot) kernel_.guests().empty_table(first_guest);
    const bool placed = co_await place_streams(ctx);
    if (!placed) co_return false;
    u32 cr0 = 1u << 3;
    co_await write_and_wait(ctx, Cr0::offset, Cr0Ack::offset, cr0);
    co_await place_own_queues(ctx);
    auto all = make_command<CfgiSteRange>();
    all.set(CfgiSteRange::Range, cfgi_all_range);
    co_await one(ctx, as_command(all), "init-cfgi-sync");
    co_await one(ctx, as_command(make_command<TlbiNsnhAll>()), "init-tlbi-sync");
    co_await write_and_wait(ctx, Cr0::offset, Cr0Ack::offset, cr0 |= 1u << 2);
    if (pri_) {
        co_await place_page_requests(ctx);
        co_await write_and_wait(ctx, Cr0::offset, Cr0Ack::offset, cr0 |= 1u << 1);
    }
    if (ats_) co_await write_and_wait(ctx, Cr0::offset, Cr0Ack::offset, cr0 |= 1u << 4); // ATSCHK: translated requests are checked
    co_await place_interrupts(ctx);
    co_await write_and_wait(ctx, Cr0::offset, Cr0Ack::offset, cr0 |= 1u << 0);
    co_return true;
}

// ---- tables -----------------------------------------------------------------------------------------------------------

/// The entry's place; its second-level table is made when the first stream of its 256 is attached.
Spa Smmuv3Driver::stream_entry(StreamId stream) {
    if (!two_level_streams_) return stream_first_ + u64{raw(stream)} * 64;
    const Spa first = stream_first_ + (raw(stream) >> split) * 8;
    u64 word = kernel_.frames().memory().peek64(first);
    if (word == 0) {
        const Spa second = kernel_.frames().take_kernel(u64{64} << split, u64{64} << split);
        word = second.value() | (split + 1);
        kernel_.frames().memory().poke64(first, word);
    }
    return Spa{word & 0x000f'ffff'ffff'ffc0} + (raw(stream) & ((1u << split) - 1)) * 64;
}

u32 Smmuv3Driver::max_pasids(StreamId stream) const {
    const auto found = streams_.find(raw(stream));
    return found == streams_.end() || found->second.bits == 0 ? 0 : 1u << found->second.bits;
}

bool Smmuv3Driver::page_requests_enabled(StreamId stream) const {
    const auto found = streams_.find(raw(stream));
    return found != streams_.end() && found->second.pri;
}

bool Smmuv3Driver::ats_enabled(StreamId stream) const {
    const auto found = streams_.find(raw(stream));
    return found != streams_.end() && found->second.ats;
}

bool Smmuv3Driver::stalls_enabled(StreamId stream) const {
    const auto found = streams_.find(raw(stream));
    return found != streams_.end() && found->second.stalls;
}

/// arm_smmu_alloc_cd_tables: two levels where the unit has them and more contexts than one leaf holds.
sim::Task<bool> Smmuv3Driver::attach_device(KernelContext& ctx, StreamId stream, StreamFeatures features) {
    if (u64{raw(stream)} >> sid_bits_ != 0)
        co_return refuse("stream " + std::to_string(raw(stream)) + " is outside the stream table: " + std::to_string(sid_bits_) + " bits");
    if (features.kernel_dma && kernel_.config().guests > 1)
        co_return refuse("os.guests above 1: its driver has memory for DMA of its own, which would have to pass from guest to guest");
    Stream s;
    s.kernel_dma = features.kernel_dma;
    const unsigned bits = std::min(ssid_bits_, features.pasid_bits);
    s.ats = features.ats;
    s.pri = features.pri;
    s.response_pasid = features.response_pasid;
    const bool forced = stall_model_ == StallModel::StallForced, optional = stall_model_ == StallModel::StallAndTerminate;
    s.stalls = forced || (optional && features.can_stall);
    s.two_level = two_level_contexts_ && bits > cd_leaf_bits;
    s.bits = s.two_level ? bits : std::min(bits, cd_leaf_bits); // a linear table is no larger than a leaf
    s.contexts = memory_of(s).take_kernel(context_bytes(s), u64{1} << 16);
    streams_[raw(stream)] = s;
    if (hypervisor_) hypervisor_->assign(stream, first_guest);
    const Ste ste = stream_ste(s);
    const Spa at = stream_entry(stream);
    for (unsigned i = 7; i > 0; --i) co_await ctx.store(at + 8 * i, ste.word(i)); // V is in word 0: it comes last
    co_await ctx.barrier();
    co_await ctx.store(at, ste.word(0));
    auto inv = make_command<CfgiSte>();
    inv.set(CfgiSte::SID, stream).set(CfgiSte::Leaf, true);
    const bool seen = co_await one(ctx, as_command(inv), "attach-cfgi-sync");
    co_return seen;
}

u64 Smmuv3Driver::context_bytes(const Stream& s) const {
    return std::max<u64>(s.two_level ? u64{8} << (s.bits - cd_leaf_bits) : u64{64} << s.bits, page_size);
}

Ste Smmuv3Driver::stream_ste(const Stream& s) const {
    Ste ste;
    ste.set(Ste::V, true).set(Ste::Config, StreamConfig::Stage1).set(Ste::S1Fmt, s.two_level ? CdTable::TwoLevel64K : CdTable::Linear);
    ste.set(Ste::S1ContextPtr, Spa{memory_of(s).guest_address(s.contexts).value()}).set(Ste::S1CDMax, u64{s.bits}).set(Ste::S1DSS, NoSubstream::Terminate);
    // arm_smmu_attach_dev_identity. MODEL: Linux does it where the default domain is the identity; who does not ask for it
    // has no default domain here.
    if (s.kernel_dma) ste.set(Ste::S1DSS, NoSubstream::Bypass);
    ste.set(Ste::S1CIR, WalkCacheability::WriteBackReadAllocate).set(Ste::S1COR, WalkCacheability::WriteBackReadAllocate);
    ste.set(Ste::S1CSH, WalkShareability::InnerShareable).set(Ste::SHCFG, ShareabilityOverride::UseIncoming);
    if (s.ats) ste.set(Ste::EATS, StreamAts::Full);
    if (s.pri) ste.set(Ste::PPAR, s.response_pasid);
    if (stall_model_ == StallModel::StallAndTerminate && !s.stalls) ste.set(Ste::S1STALLD, true); // arm_smmu_make_cdtable_ste
    ste.set(Ste::MEV, config_.mev.get());
    return behind_second_stage(ste, s.guest);
}

sim::Task<Spa> Smmuv3Driver::context_entry(KernelContext& ctx, const Bond& bond, bool make) {
    const Stream& s = streams_.at(raw(bond.stream));
    const u32 pasid = raw(bond.pasid);
    if (!s.two_level) co_return s.contexts + u64{pasid} * 64;
    const Spa first = s.contexts + (pasid >> cd_leaf_bits) * 8;
    u64 word = kernel_.frames().memory().peek64(first);
    if ((word & 1) == 0 && make) {
        const Spa leaf = memory_of(s).take_kernel(u64{64} << cd_leaf_bits, u64{64} << cd_leaf_bits);
        word = memory_of(s).guest_address(leaf).value() | 1;
        co_await ctx.store(first, word);
        auto inv = make_command<CfgiCd>();
        inv.set(CfgiCd::SID, bond.stream).set(CfgiCd::SSID, bond.pasid).set(CfgiCd::Leaf, false);
        co_await one(ctx, as_command(inv), "bind-cfgi-sync");
    }
    co_return memory_of(s).place_of(Gpa{word & 0x000f'ffff'ffff'f000}) + (pasid & ((1u << cd_leaf_bits) - 1)) * 64;
}

/// arm_smmu_alloc_cd_ptr: a leaf is 64 KiB that lie together.
sim::Task<base::Name> Smmuv3Driver::room_for_context(KernelContext& ctx, StreamId stream, Pasid pasid) {
    const Stream& s = streams_.at(raw(stream));
    const bool there = !s.two_level || (kernel_.frames().memory().peek64(s.contexts + (raw(pasid) >> cd_leaf_bits) * 8) & 1) != 0;
    if (there) co_return base::Name{};
    const bool room = co_await kernel_.frames().room_for_table(ctx, (u64{64} << cd_leaf_bits) / page_size, Gfp::Kernel);
    co_return room ? base::Name{} : base::Name{"ENOMEM"};
}

bool Smmuv3Driver::context_present(const Bond& bond) const {
    const Stream& s = streams_.at(raw(bond.stream));
    if (s.contexts == Spa{}) return false;
    const memory::MemoryPort& memory = kernel_.frames().memory();
    u64 leaf = raw(bond.pasid);
    Spa table = s.contexts;
    if (s.two_level) {
        const u64 word = memory.peek64(s.contexts + (leaf >> cd_leaf_bits) * 8);
        if ((word & 1) == 0) return false;
        table = memory_of(s).place_of(Gpa{word & 0x000f'ffff'ffff'f000});
        leaf &= (1u << cd_leaf_bits) - 1;
    }
    return Cd::from_words({memory.peek64(table + leaf * 64)}).get(Cd::V);
}

/// arm_smmu_make_sva_cd: the process's own table, 48-bit addresses, faults recorded (R) and aborted (A), or stalled (S).
Cd Smmuv3Driver::live_cd(const Bond& bond) const {
    Cd cd;
    cd.set(Cd::T0SZ, 16u).set(Cd::IR0, WalkCacheability::WriteBackReadAllocate).set(Cd::OR0, WalkCacheability::WriteBackReadAllocate);
    cd.set(Cd::SH0, WalkShareability::InnerShareable).set(Cd::EPD1, true).set(Cd::V, true).set(Cd::IPS, u64{output_code_});
    cd.set(Cd::AA64, true).set(Cd::R, true).set(Cd::A, true).set(Cd::ASET, true).set(Cd::ASID, bond.asid);
    cd.set(Cd::S, stalls_enabled(bond.stream));
    cd.set(Cd::TTB0, Spa{bond.mm.root().value()}).set(Cd::MAIR0, 0xffu);
    return cd;
}

sim::Task<bool> Smmuv3Driver::sync_cd(KernelContext& ctx, const Bond& bond) {
    auto inv = make_command<CfgiCd>();
    inv.set(CfgiCd::SID, bond.stream).set(CfgiCd::SSID, bond.pasid).set(CfgiCd::Leaf, true);
    const bool seen = co_await one(ctx, as_command(inv), "cfgi-sync");
    co_return seen;
}

/// arm_smmu_write_entry for the two cases there are here. Taking away: word 0 first, and then what it made the hardware ignore.
/// Putting in place: everything that an invalid entry ignores first, then word 0.
sim::Task<bool> Smmuv3Driver::write_cd(KernelContext& ctx, const Bond& bond, const Cd& target, bool word0_first) {
    const Spa at = co_await context_entry(ctx, bond, true);
    bool seen = true;
    for (const bool first_word : {word0_first, !word0_first}) {
        bool changed = false;
        for (unsigned i = first_word ? 0 : 1; i < (first_word ? 1u : 8u); ++i) {
            if (kernel_.frames().memory().peek64(at + 8 * i) == target.word(i)) continue;
            co_await ctx.store(at + 8 * i, target.word(i));
            changed = true;
        }
        if (!changed) continue;
        co_await ctx.barrier();
        const bool synced = co_await sync_cd(ctx, bond);
        seen = seen && synced;
    }
    co_return seen;
}

sim::Task<bool> Smmuv3Driver::set_pasid(KernelContext& ctx, Bond& bond) {
    const bool seen = co_await write_cd(ctx, bond, live_cd(bond), false);
    if (!bond.ats || !generation_6_12()) co_return seen;
    Bond* const one_bond[] = {&bond}; // arm_smmu_attach_commit: the translation has changed
    co_await invalidate_atc(ctx, one_bond, Va{}, ~u64{0});
    co_return seen;
}

/// 6.12: V stays, both halves disabled, S and R cleared: silent aborts, unless the unit forces stalls; the table pointer is
/// zeroed in a second round (5.3). 6.1: EPD0 alone; S and R stay, so faults go on being stalled or recorded (5.2). Requests
/// that have stalled before are answered by the workers all the same.
sim::Task<bool> Smmuv3Driver::quiet_pasid(KernelContext& ctx, Bond& bond) {
    Cd cd = live_cd(bond);
    cd.set(Cd::EPD0, true);
    if (generation_6_12()) {
        Cd quiet;
        quiet.set(Cd::EPD0, true).set(Cd::EPD1, true).set(Cd::V, true).set(Cd::AA64, true).set(Cd::A, true).set(Cd::IPS, u64{output_code_});
        quiet.set(Cd::ASET, true).set(Cd::ASID, bond.asid).set(Cd::MAIR0, 0xffu);
        const bool stalls = stalls_enabled(bond.stream) && kernel_.has_bug(Bug::R16);
        if (stall_model_ == StallModel::StallForced || stalls) quiet.set(Cd::S, true).set(Cd::R, true);
        cd = quiet;
    }
    const bool seen = co_await write_cd(ctx, bond, cd, true);
    co_return seen;
}

/// 6.12 writes the whole entry (arm_smmu_clear_cd), 6.1 and before word 0 alone (arm_smmu_write_ctx_desc).
sim::Task<bool> Smmuv3Driver::clear_pasid(KernelContext& ctx, Bond& bond) {
    if (generation_6_12()) {
        const bool seen = co_await write_cd(ctx, bond, Cd{}, true);
        co_return seen;
    }
    const Spa at = co_await context_entry(ctx, bond, false);
    co_await ctx.store(at, 0);
    co_await ctx.barrier();
    const bool seen = co_await sync_cd(ctx, bond);
    co_return seen;
}

/// The table pointer alone: one store of eight bytes, so that whatever the unit fetches leads to one table or the other.
sim::Task<bool> Smmuv3Driver::redirect_pasid(KernelContext& ctx, Bond& bond) {
    Cd cd = live_cd(bond);
    Guests& guests = kernel_.guests();
    const GuestId guest = bond.mm.guest();
    cd.set(Cd::TTB0, Spa{guests.memory_of(guest).guest_address(guests.empty_table(guest)).value()});
    const bool seen = co_await write_cd(ctx, bond, cd, false);
    co_return seen;
}

// ---- invalidation -----------------------------------------------------------------------------------------------------

/// As in Linux, whoever calls goes on when a fence did not come in time; what was issued stays issued.
sim::Task<bool> Smmuv3Driver::fenced(KernelContext& ctx, std::span<const Command> list, base::Name phase, bool last) {
    const bool wait = !(last && kernel_.has_bug(Bug::R8));
    const bool seen = co_await queue_of(ctx).issue(ctx, list, phase, wait);
    if (!seen) kernel_.events().emit(FenceTimedOut{unit_, 0});
    co_return wait && seen;
}

sim::Task<bool> Smmuv3Driver::one(KernelContext& ctx, const Command& c, base::Name phase, bool last) {
    const std::array<Command, 1> list{c};
    const bool seen = co_await fenced(ctx, list, phase, last);
    co_return seen;
}

/// With forget-tlbi nothing is issued, and no fence was seen.
sim::Task<bool> Smmuv3Driver::invalidate_space(KernelContext& ctx, MmTag mm) {
    if (kernel_.has_bug(Bug::ForgetTlbi)) co_return false;
    auto inv = make_command<TlbiNhAsid>();
    inv.set(TlbiNhAsid::ASID, mm.asid).set(TlbiNhAsid::VMID, vmid(mm.guest));
    const bool seen = co_await one(ctx, as_command(inv), "tlbi-sync", true);
    co_return seen;
}

/// Page by page up to the limit, then the whole ASID (12); tables on the way may have gone, too. R23: as if they had not.
/// Range commands are not used: RANGE_INV is a later feature here.
sim::Task<bool> Smmuv3Driver::invalidate_range(KernelContext& ctx, MmTag mm, Va first, u64 bytes) {
    const u64 pages = bytes / page_size;
    if (pages >= config_.tlbi_va_max) {
        const bool seen = co_await invalidate_space(ctx, mm);
        co_return seen;
    }
    if (kernel_.has_bug(Bug::ForgetTlbi)) co_return false;
    std::vector<Command> batch;
    for (u64 page = 0; page < pages; ++page) {
        auto inv = make_command<TlbiNhVa>();
        inv.set(TlbiNhVa::ASID, mm.asid).set(TlbiNhVa::VMID, vmid(mm.guest)).set(TlbiNhVa::Leaf, kernel_.has_bug(Bug::R23));
        inv.set(TlbiNhVa::Addr, iova_of(first + page * page_size));
        batch.push_back(as_command(inv));
    }
    const bool seen = co_await fenced(ctx, batch, "tlbi-sync", true);
    co_return seen;
}

/// arm_smmu_atc_inv_to_cmd: the smallest aligned power of two of pages that holds the range, which may be far more than it.
sim::Task<bool> Smmuv3Driver::invalidate_atc(KernelContext& ctx, std::span<Bond* const> bonds, Va first, u64 bytes) {
    if (kernel_.has_bug(Bug::R6)) co_return false;
    u64 page = first.page_number(), size = atc_everything;
    if (bytes != ~u64{0}) {
        size = static_cast<u64>(std::bit_width(page ^ (first + (bytes - 1)).page_number()));
        page = page >> size << size;
    }
    std::vector<Command> batch;
    for (const Bond* b : bonds) {
        auto inv = make_command<AtcInv>();
        inv.set(AtcInv::SSV, true).set(AtcInv::SSID, b->pasid).set(AtcInv::SID, b->stream).set(AtcInv::Size, size);
        if (size != atc_everything) inv.set(AtcInv::Addr, iova_of(Va{page << page_shift}));
        batch.push_back(as_command(inv));
    }
    const bool seen = co_await fenced(ctx, batch, "atc-inv-sync", true);
    co_return seen;
}

} // namespace quiesce::os::drivers
