// SPDX-License-Identifier: Apache-2.0
/// The same page behind stage 1, behind stage 2, or behind both, so that one story can be told of all three. Stream 1
/// has VMID 7, ASID 1; stage 2 takes 40 bits of 4 KiB pages in two tables, one after the other.
#pragma once
#include "smmuv3/bench.h"

namespace quiesce::iommu::smmuv3::test {

enum class Stages : u8 { First, Second, Both };

/// Which stage of them refuses something.
struct Place {
    Stages stages;
    unsigned stage;
};
inline constexpr Place places[] = {{Stages::First, 1}, {Stages::Second, 2}, {Stages::Both, 1}, {Stages::Both, 2}};

struct StageBench : Bench {
    static Smmuv3Config both_stages() {
        Smmuv3Config c;
        c.stage2 = true;
        c.vmid16 = true;
        return c;
    }
    explicit StageBench(Stages s, const Smmuv3Config& c = both_stages()) : Bench(c), stages(s) {
        root1 = new_table();
        free_table = free_table.align_up(2 * page_size);
        root2 = free_table;
        free_table += 2 * page_size;
        cd_ = cd(Spa{seen(root1).value()});
        ste_ = make_ste();
        if (s == Stages::Both) expose(cdtab), expose(root1);
        write_structures();
    }

    static constexpr Iova at{0x12'3456'7000}; ///< inside the range of stage 2 alone, too
    static constexpr Vmid vmid{7};
    static constexpr u64 offset = 0x80'0000'0000; ///< intermediate addresses are above memory: in the second table

    static constexpr Gpa behind(Spa where) { return Gpa{where.value() + offset}; }
    /// Where stage 1 sees something.
    Gpa seen(Spa where) const { return stages == Stages::Both ? behind(where) : Gpa{where.value()}; }
    /// What stage 2 is asked for when the device says `where`, which leads to `to`.
    Gpa asked(Iova where, Spa to) const { return stages == Stages::Both ? behind(to) : Gpa{where.value()}; }

    void write_structures() {
        store(cdtab, cd_);
        store(strtab + 64, ste_);
    }
    Cd& context_descriptor() { return cd_; }
    Ste& stream_entry() { return ste_; }

    static Stage2Descriptor page2(Spa to) {
        return Stage2Descriptor{}
            .set(Stage2Descriptor::Valid, true)
            .set(Stage2Descriptor::Type, true)
            .set(Stage2Descriptor::MemAttr, 0xf)
            .set(Stage2Descriptor::S2APRead, true)
            .set(Stage2Descriptor::S2APWrite, true)
            .set(Stage2Descriptor::AF, true)
            .set(Stage2Descriptor::OA, to);
    }
    /// Puts a descriptor at `level` of stage 2; returns where it is.
    Spa map2(Gpa where, u64 entry, unsigned level = 3) {
        Spa table = root2;
        u64 index = where.value() >> 30; // two tables of 512 entries
        for (unsigned l = 1; l < level; ++l) {
            const Spa slot = table + index * 8;
            if (memory.peek64(slot) == 0) memory.poke64(slot, new_table().value() | 3);
            table = Spa{memory.peek64(slot) & ~u64{0xfff}};
            index = where.value() >> (39 - 9 * (l + 1)) & 511;
        }
        memory.poke64(table + index * 8, entry);
        return table + index * 8;
    }
    /// Lets stage 1 see a page of memory.
    Spa expose(Spa what) { return map2(behind(what), page2(what.align_down(page_size)).word(0)); }

    /// Puts a descriptor into stage 1, behind stage 2 if that is there, with its tables exposed.
    Spa map1(Iova where, u64 entry, unsigned level = 3) {
        Spa table = root1;
        for (unsigned l = 0; l < level; ++l) {
            const Spa slot = table + (where.value() >> (39 - 9 * l) & 511) * 8;
            if (memory.peek64(slot) == 0) {
                const Spa made = new_table();
                memory.poke64(slot, seen(made).value() | 3);
                if (stages == Stages::Both) expose(made);
            }
            const u64 next = memory.peek64(slot) & 0xffff'ffff'f000;
            table = Spa{stages == Stages::Both ? next - offset : next};
        }
        const Spa slot = table + (where.value() >> (39 - 9 * level) & 511) * 8;
        memory.poke64(slot, entry);
        return slot;
    }

    /// Maps a page in every stage there is; where its descriptors are.
    struct Slots {
        Spa first{0}, second{0};
        Spa of(unsigned stage) const { return stage == 1 ? first : second; }
    };
    Slots map_page(Iova where, Spa to) {
        Slots s;
        if (stages != Stages::Second) s.first = map1(where, page(Spa{seen(to).value()}).word(0));
        if (stages != Stages::First) s.second = map2(asked(where, to), page2(to).word(0));
        return s;
    }
    void change(Spa slot, u64 set, u64 clear) { memory.poke64(slot, (memory.peek64(slot) & ~clear) | set); }

private:
    Ste make_ste() const {
        Ste s = stage1_ste(Spa{seen(cdtab).value()}).set(Ste::S2VMID, vmid);
        if (stages == Stages::First) return s;
        s.set(Ste::Config, stages == Stages::Both ? StreamConfig::Nested : StreamConfig::Stage2);
        s.set(Ste::S2T0SZ, 24).set(Ste::S2SL0, 1).set(Ste::S2TG, Granule0::K4).set(Ste::S2PS, 5);
        return s.set(Ste::S2AA64, true).set(Ste::S2TTB, root2).set(Ste::S2R, true);
    }

public:
    Stages stages;
    Spa root1{0}, root2{0};

private:
    Cd cd_{};
    Ste ste_{};
};
inline constexpr Iova at = StageBench::at;

} // namespace quiesce::iommu::smmuv3::test
