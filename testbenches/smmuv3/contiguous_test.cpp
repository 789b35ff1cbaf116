// SPDX-License-Identifier: Apache-2.0
/// The contiguous hint of table entries, and what a cache finds that holds several sizes for one address.
#include "golden/smmuv3_stage2_golden.h"
#include "smmuv3/stage_bench.h"

namespace quiesce::iommu::smmuv3::test {
namespace {

constexpr u64 hint = u64{1} << 52;

Smmuv3Config grouping(Grouping how) {
    Smmuv3Config c = StageBench::both_stages();
    c.granule_16k = c.granule_64k = c.small_tables = true;
    c.contiguous = how;
    return c;
}

/// One table of one level of a granule, at which the walk starts, of stage 1 or of stage 2.
struct ContiguousBench : Bench {
    ContiguousBench(const golden::GoldenLevel& l, unsigned in_stage, Grouping how = Grouping::Checked)
        : Bench(grouping(how)), level(l), stage(in_stage) {
        const u64 page_log2 = l.granule == 4 ? 12 : l.granule == 16 ? 14 : 16;
        const u64 size_code = 64 - (l.log2size + page_log2 - 3);
        const Granule0 code = l.granule == 4 ? Granule0::K4 : l.granule == 16 ? Granule0::K16 : Granule0::K64;
        Cd cd = Bench::cd(root).set(Cd::T0SZ, size_code).set(Cd::TG0, code);
        Ste ste = stage1_ste(cdtab);
        if (stage == 2) {
            const u64 sl0 = l.granule != 4 ? 3 - l.level : l.level == 3 ? 3 : 2 - l.level;
            ste.set(Ste::Config, StreamConfig::Stage2).set(Ste::S2T0SZ, size_code).set(Ste::S2TG, code);
            ste.set(Ste::S2SL0, sl0).set(Ste::S2PS, 5).set(Ste::S2AA64, true).set(Ste::S2TTB, root).set(Ste::S2R, true);
        }
        store(cdtab, cd);
        store(strtab + 64, ste);
    }
    static constexpr Spa root{0x1800'0000};
    u64 bytes() const { return u64{1} << level.log2size; }
    u64 group() const { return level.contiguous * bytes(); }
    Iova in(u64 n) const { return Iova{group() + n * bytes()}; } ///< the second group of the table
    Spa out(u64 n) const { return Spa{3 * group() + n * bytes()}; }
    Spa slot(u64 n) const { return root + (level.contiguous + n) * 8; }
    u64 leaf(Spa to) const {
        const u64 word = stage == 1 ? Bench::page(to).word(0) : StageBench::page2(to).word(0);
        return level.level == 3 ? word : word & ~u64{2};
    }
    void fill() {
        for (u64 n = 0; n < level.contiguous; ++n) memory.poke64(slot(n), leaf(out(n)) | hint);
    }
    sim::Duration hit() const { return config.agent.config_lookup + config.agent.tlb_lookup.get(); }
    void invalidate(u64 n) {
        if (stage == 1)
            command(make_command<TlbiNhVa>().set(TlbiNhVa::ASID, Asid{1}).set(TlbiNhVa::Addr, in(n)), sync());
        else
            command(make_command<TlbiS2Ipa>().set(TlbiS2Ipa::Addr, Gpa{in(n).value()}), sync());
    }

    golden::GoldenLevel level;
    unsigned stage;
};

/// A group of sixteen 4 KiB pages.
constexpr golden::GoldenLevel pages_of_4k{4, 3, true, false, false, 12, 16};

} // namespace

TEST_CASE("a group of leaves is one translation, of the manual's size, and goes with any page of it",
          "[smmuv3][contiguous][stage 1 leaf.Contiguous][stage 2 leaf.Contiguous]") {
    const auto& level = GENERATE(from_range(golden::descriptor_levels.begin(), golden::descriptor_levels.end()));
    if (level.contiguous == 0) return;
    const unsigned stage = GENERATE(1u, 2u);
    const Grouping how = GENERATE(Grouping::Checked, Grouping::Believed);
    INFO(level.granule << " KiB, level " << level.level << ", stage " << stage);
    ContiguousBench b{level, stage, how};
    b.fill();
    b.start();
    const u64 last = level.contiguous - 1;
    sim::Duration took;
    CHECK(b.dma(b.in(3) + 0x123).to == b.out(3) + 0x123);
    CHECK(b.unit.agent().translations().size() == 1);
    CHECK(b.dma(b.in(last) + (b.bytes() - 8), Access::Write, 1, {}, &took).to == b.out(last) + (b.bytes() - 8));
    CHECK(took == b.hit());
    CHECK(b.dma(b.in(0), Access::Read, 1, {}, &took).to == b.out(0));
    CHECK(took == b.hit());
    CHECK(b.dma(b.in(last) + b.bytes()).ending == Ending::Abort); // behind the group
    b.invalidate(last / 2);
    CHECK(b.unit.agent().translations().size() == 0);
    CHECK(b.dma(b.in(0), Access::Read, 1, {}, &took).to == b.out(0));
    CHECK(took > b.hit());
}

TEST_CASE("a hint that is ignored leaves each leaf by itself; one that is checked costs the read of its group",
          "[smmuv3][contiguous]") {
    const Grouping how = GENERATE(Grouping::Ignored, Grouping::Believed, Grouping::Checked);
    ContiguousBench b{pages_of_4k, 1, how};
    b.fill();
    b.start();
    sim::Duration first, second;
    CHECK(b.dma(b.in(1), Access::Read, 1, {}, &first).to == b.out(1));
    CHECK(b.dma(b.in(2), Access::Read, 1, {}, &second).to == b.out(2));
    CHECK((second == b.hit()) == (how != Grouping::Ignored));
    const auto structure = b.memory.latency + b.memory.beat_gap * 3; // 64 bytes in beats of 16
    const auto group = b.memory.latency + b.memory.beat_gap * 7;
    const WalkerConfig& w = b.config.agent.walker;
    auto expected = b.hit() + structure * 2 + w.cache_lookup.get() + b.memory.latency + w.pte_check.get();
    if (how == Grouping::Checked) expected += group + w.pte_check.get();
    CHECK(first == expected);
}

TEST_CASE("of a group whose entries do not agree each stands for its own page", "[smmuv3][contiguous]") {
    const unsigned stage = GENERATE(1u, 2u);
    ContiguousBench b{pages_of_4k, stage};
    b.fill();
    const Spa elsewhere{0x7000'0000};
    Spa seventh = b.out(7);
    SECTION("an entry without the hint") { b.memory.poke64(b.slot(7), b.leaf(b.out(7))); }
    SECTION("an entry that leads elsewhere") {
        seventh = elsewhere;
        b.memory.poke64(b.slot(7), b.leaf(seventh) | hint);
    }
    SECTION("an entry with other permissions") {
        b.memory.poke64(b.slot(7), (b.leaf(b.out(7)) | hint) ^ 1 << 7);
    }
    SECTION("an entry that is not valid") {
        seventh = Spa{0};
        b.memory.poke64(b.slot(7), 0);
    }
    b.start();
    CHECK(b.dma(b.in(3)).to == b.out(3));
    CHECK(b.dma(b.in(4)).to == b.out(4));
    const Translation t = b.dma(b.in(7));
    if (seventh == Spa{0}) CHECK(t.ending == Ending::Abort);
    else CHECK(t.to == seventh);
    CHECK(b.unit.agent().translations().size() == (seventh == Spa{0} ? 2u : 3u));
}

TEST_CASE("an entry that is not where its group would have it stands for its own page, believed or checked",
          "[smmuv3][contiguous]") {
    const Grouping how = GENERATE(Grouping::Checked, Grouping::Believed);
    ContiguousBench b{pages_of_4k, 1, how};
    b.fill();
    const Spa shifted = b.out(3) + page_size;
    b.memory.poke64(b.slot(3), b.leaf(shifted) | hint);
    b.start();
    CHECK(b.dma(b.in(3)).to == shifted);
    CHECK(b.dma(b.in(2)).to == b.out(2));
}

TEST_CASE("a group larger than the input range is none", "[smmuv3][contiguous]") {
    ContiguousBench b{golden::GoldenLevel{4, 1, true, false, true, 30, 16}, 1, Grouping::Believed};
    b.store(Bench::cdtab, Bench::cd(ContiguousBench::root).set(Cd::T0SZ, 64 - 33)); // eight blocks of 1 GiB
    for (u64 n = 0; n < 8; ++n) b.memory.poke64(ContiguousBench::root + n * 8, b.leaf(Spa{n << 30}) | hint);
    b.start();
    CHECK(b.dma(Iova{5u << 30}).to == Spa{5u << 30});
    CHECK(b.dma(Iova{u64{6} << 30}).to == Spa{u64{6} << 30});
    CHECK(b.unit.agent().translations().size() == 2);
}

TEST_CASE("marks are set in the entry that was read, and what it was marked is true of its group",
          "[smmuv3][contiguous][httu]") {
    constexpr u64 dbm = u64{1} << 51, read_only = 1 << 7, used = 1 << 10;
    Smmuv3Config c = grouping(Grouping::Checked);
    c.hardware_update = 2;
    StageBench b{Stages::First, c};
    b.context_descriptor().set(Cd::HA, true).set(Cd::HD, true);
    b.write_structures();
    const Iova group = at.align_down(16 * page_size);
    std::vector<Spa> slots;
    for (u64 n = 0; n < 16; ++n) {
        const u64 entry = Bench::page(there + n * page_size).word(0) | hint | dbm | read_only;
        slots.push_back(b.map1(group + n * page_size, entry));
        if (n % 2 != 0) b.change(slots.back(), 0, used); // DDI 0487 D8.5: marks may differ within a group
    }
    b.start();
    CHECK(b.dma(group + 5 * page_size).to == there + 5 * page_size);
    CHECK((b.memory.peek64(slots[5]) & used) != 0);
    CHECK((b.memory.peek64(slots[7]) & used) == 0);
    CHECK(b.dma(group + 9 * page_size, Access::Write).to == there + 9 * page_size);
    CHECK((b.memory.peek64(slots[9]) & read_only) == 0);
    sim::Duration took;
    CHECK(b.dma(group + 2 * page_size, Access::Write, 1, {}, &took).to == there + 2 * page_size);
    CHECK(took == b.config.agent.config_lookup + b.config.agent.tlb_lookup.get());
    CHECK((b.memory.peek64(slots[2]) & read_only) != 0); // software looks at all of a group
    CHECK(b.events() == 0);
}

TEST_CASE("a block put over pages that are still kept is F_TLB_CONFLICT, or the smallest, until it is invalidated",
          "[smmuv3][conflict][F_TLB_CONFLICT]") {
    const bool recorded = GENERATE(true, false);
    const unsigned stage = GENERATE(1u, 2u);
    Smmuv3Config c = StageBench::both_stages();
    c.conflicts = recorded ? TlbConflicts::Record : TlbConflicts::First;
    StageBench b{stage == 1 ? Stages::First : Stages::Second, c};
    const Spa block{0x2020'0000};
    const Iova range = at.align_down(2 << 20), other = at + page_size;
    b.map_page(at, there);
    b.map_page(other, there);
    b.start();
    CHECK(b.dma(at).to == there);
    if (stage == 1) b.map1(range, Bench::page(block).set(LeafDescriptor::Type, false).word(0), 2);
    else b.map2(Gpa{range.value()}, StageBench::page2(block).set(Stage2Descriptor::Type, false).word(0), 2);
    // The table goes out of the walk caches with another page: break-before-make would have taken all.
    if (stage == 1)
        b.command(make_command<TlbiNhVa>()
                      .set(TlbiNhVa::ASID, Asid{1})
                      .set(TlbiNhVa::VMID, StageBench::vmid)
                      .set(TlbiNhVa::Addr, other),
                  Bench::sync());
    else
        b.command(
            make_command<TlbiS2Ipa>().set(TlbiS2Ipa::VMID, StageBench::vmid).set(TlbiS2Ipa::Addr, Gpa{other.value()}),
            Bench::sync());
    CHECK(b.dma(other).to == block + (other.value() - range.value()));
    CHECK(b.events() == 0);
    const Translation t = b.dma(at + 0x40);
    if (!recorded) {
        CHECK(t.to == there + 0x40);
        return;
    }
    CHECK(t.ending == Ending::Abort);
    const EventRecord e = b.only_event();
    CHECK(e.word(0) == 0x1'0000'0020);
    CHECK(e.word(1) == (u64{stage == 1 ? 0x08u : 0x88u} << 32)); // RnW, S2
    CHECK(e.word(2) == at.value() + 0x40);
    CHECK(e.word(3) == (stage == 1 ? 0 : at.value()));
    b.consume_events();
    b.command(make_command<TlbiNsnhAll>(), Bench::sync());
    CHECK(b.dma(at).to == block + (at.value() - range.value()));
    CHECK(b.events() == 1);
}

} // namespace quiesce::iommu::smmuv3::test
