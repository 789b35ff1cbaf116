// SPDX-License-Identifier: Apache-2.0
// What a hypervisor does with the SMMU: a second stage and a VMID for each guest, and streams that pass from guest to
// guest (linux: arm_smmu_domain_finalise_s2, arm_smmu_make_s2_domain_ste, arm_smmu_attach_dev_blocked,
// arm_smmu_domain_free_paging).
#include "os/drivers/smmuv3_driver.h"

namespace quiesce::os::drivers {

using namespace iommu::smmuv3;

namespace {
constexpr unsigned stage2_levels = 3; // S2SL0 = 1: walks start at level 1
constexpr u32 vmids = 256;            // without IDR0.VMID16
// VMSAv8-64 stage 2, 4 KiB granule (facts/iommu-specs.md 5.1): normal write-back memory, S2AP read and write, inner
// shareable, AF.
constexpr SecondStageFormat stage2_format{.table = 0x3, .page = 0x7ff, .block = 0x7fd};
constexpr u64 whole_atc = 52; // CMD_ATC_INV.Size
constexpr u64 leaf_contexts = 1024;
} // namespace

bool Smmuv3Driver::begin_guest(GuestId guest) {
    if (!hypervisor_) {
        const SecondStageShape shape{stage2_format, config_.nested_pages, stage2_levels,
                                     stage2_input_bits(address_bits(output_code_))};
        hypervisor_.emplace(kernel_.frames(), shape, config_.nested_vmid.get(), vmids);
    }
    return hypervisor_->has(guest) || hypervisor_->begin(guest, kernel_.guests().memory_of(guest));
}

/// Pages that a guest has lost end without a stall, recorded for the hypervisor (S2R); access flags are set.
Ste Smmuv3Driver::behind_second_stage(Ste ste, GuestId guest) const {
    if (!hypervisor_) return ste;
    const SecondStage& second = hypervisor_->second_stage(guest);
    ste.set(Ste::Config, StreamConfig::Nested)
        .set(Ste::S2VMID, vmid(guest))
        .set(Ste::S2T0SZ, u64{64} - second.input_bits);
    ste.set(Ste::S2SL0, 1).set(Ste::S2TG, Granule0::K4).set(Ste::S2PS, u64{output_code_}).set(Ste::S2AA64, true);
    ste.set(Ste::S2IR0, 1).set(Ste::S2OR0, 1).set(Ste::S2SH0, 3).set(Ste::S2PTW, true).set(Ste::S2R, true);
    return ste.set(Ste::S2TTB, second.table);
}

/// arm_smmu_write_entry from or to one that aborts: it uses word 0 alone, so the others are written while that is so.
sim::Task<bool> Smmuv3Driver::write_ste(KernelContext& ctx, StreamId stream, const Ste& target, bool word0_first) {
    const Spa at = stream_entry(stream);
    auto inv = make_command<CfgiSte>();
    inv.set(CfgiSte::SID, stream).set(CfgiSte::Leaf, true);
    bool all = true;
    for (const bool first_word : {word0_first, !word0_first}) {
        for (unsigned i = first_word ? 0 : 1; i < (first_word ? 1u : 8u); ++i)
            co_await ctx.store(at + 8 * i, target.word(i));
        co_await ctx.barrier();
        const bool seen = co_await one(ctx, as_command(inv), "assign-cfgi-sync");
        all = all && seen;
    }
    co_return all;
}

/// Its contexts are the guest's kernel's, which gives their memory back.
void Smmuv3Driver::give_contexts_back(Stream& s) {
    FrameAllocator& memory = memory_of(s);
    for (u64 at = 0; s.two_level && at < context_bytes(s); at += 8) {
        const u64 word = memory.memory().peek64(s.contexts + at);
        if ((word & 1) != 0) memory.give_kernel(memory.place_of(Gpa{word & 0x000f'ffff'ffff'f000}), leaf_contexts * 64);
    }
    memory.give_kernel(s.contexts, context_bytes(s));
    s.contexts = Spa{};
}

sim::Task<void> Smmuv3Driver::take_from_guest(KernelContext& ctx, StreamId stream) {
    Stream& s = streams_.at(raw(stream));
    Ste blocked;
    blocked.set(Ste::V, true).set(Ste::Config, StreamConfig::Abort);
    co_await write_ste(ctx, stream, blocked, true);
    if (s.ats) {
        auto inv = make_command<AtcInv>();
        inv.set(AtcInv::SID, stream).set(AtcInv::Size, whole_atc);
        co_await one(ctx, as_command(inv), "assign-atc-inv-sync");
    }
    give_contexts_back(s);
    hypervisor_->assign(stream, no_guest);
}

sim::Task<bool> Smmuv3Driver::give_to_guest(KernelContext& ctx, StreamId stream, GuestId guest) {
    const auto found = streams_.find(raw(stream));
    if (!hypervisor_ || found == streams_.end() || !begin_guest(guest)) co_return false;
    Stream& s = found->second;
    s.guest = guest;
    s.contexts = memory_of(s).take_kernel(context_bytes(s), u64{1} << 16);
    hypervisor_->assign(stream, guest);
    const Ste ste = stream_ste(s);
    const bool seen = co_await write_ste(ctx, stream, ste, false);
    co_return seen;
}

/// The last that Linux does for a second stage (free_io_pgtable_ops) before its VMID is free. R19: as though it were a
/// first one. MODEL: Linux unmaps page by page before, each with a CMD_TLBI_S2_IPA; this second stage goes as a whole.
sim::Task<void> Smmuv3Driver::end_guest(KernelContext& ctx, GuestId guest) {
    if (!hypervisor_ || !hypervisor_->has(guest)) co_return;
    auto first = make_command<TlbiNhAll>();
    auto both = make_command<TlbiS12Vmall>();
    first.set(TlbiNhAll::VMID, vmid(guest));
    both.set(TlbiS12Vmall::VMID, vmid(guest));
    const Command inv = kernel_.has_bug(Bug::R19) ? as_command(first) : as_command(both);
    co_await one(ctx, inv, "guest-tlbi-sync");
    hypervisor_->end(guest);
}

} // namespace quiesce::os::drivers
