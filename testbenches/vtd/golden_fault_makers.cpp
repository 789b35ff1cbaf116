// SPDX-License-Identifier: Apache-2.0
/// How each fault of the manual's table 30 comes about that this unit can find.
#include "vtd/golden_bench.h"

namespace quiesce::iommu::vtd::test {
namespace {

using GB = GoldenBench;
using Sce = ScalableContextEntry;
using Pte = PasidEntry;
constexpr TableMode in_legacy = TableMode::Legacy, in_scalable_mode = TableMode::Scalable;
constexpr Spa no_memory{0x3000}, beyond_width{u64{1} << 48}, to_interrupts{0xFEE0'5000};
constexpr Iova beyond_input{u64{1} << 48}, at_interrupts{0xFEE0'5000};

void or_into(GB& b, Spa at, u64 bits) { b.memory.poke64(at, b.memory.peek64(at) | bits); }
void lose_leaf(GB& b, Spa table, bool second) {
    for (unsigned level = 1; level < 4; ++level) {
        const u64 word = b.memory.peek64(Bench::slot(table, b.at.value(), level));
        table =
            second ? SsEntry::from_words({word}).get(SsEntry::ADDR) : FsEntry::from_words({word}).get(FsEntry::ADDR);
    }
    b.leaf_table = table;
    b.loses_leaf = true;
}
void golden_leaf(GB& b, const FsEntry& e) { b.map_first(b.first, GB::page, e); }
void golden_top(GB& b, const FsEntry& e) { b.store(Bench::slot(b.first, GB::page.value(), 1), e); }
FsEntry to_there() { return Bench::fs(there); }
SsEntry second_there() { return Bench::ss(there); }

// clang-format off
const FaultMaker maker_table[] = {
    {"LRT.1", in_legacy, [](GB& b) { b.set_root(in_legacy, no_memory); }},
    {"LRT.2", in_legacy, [](GB& b) { b.store(GB::root_entry(), RootEntry{}); }},
    {"LRT.3", in_legacy, [](GB& b) { or_into(b, GB::root_entry() + 8, 1); }},
    {"LCT.1", in_legacy, [](GB& b) { b.memory.poke64(GB::root_entry(), no_memory.value() | 1); }},
    {"LCT.2", in_legacy, [](GB& b) { b.legacy_entry(ContextEntry{}); }},
    {"LCT.3", in_legacy, [](GB& b) { or_into(b, Bench::legacy_at(GB::source) + 8, u64{1} << 40); }},
    {"LCT.4.1", in_legacy, [](GB& b) {
        b.legacy_entry(Bench::legacy(b.first, TranslationType::WithDeviceTlb).set(ContextEntry::AW, AddressWidth{0}));
    }},
    {"LCT.4.2", in_legacy, [](GB& b) { b.legacy_entry(Bench::legacy(b.first, TranslationType::Reserved)); }},
    {"LCT.4.3", in_legacy, [](GB& b) { b.legacy_entry(Bench::legacy(no_memory, TranslationType::WithDeviceTlb)); }},
    {"LCT.5", in_legacy, [](GB& b) { b.legacy_entry(Bench::legacy(b.first)); }},
    {"LSS.1", in_legacy, [](GB& b) { b.store(Bench::slot(b.first, b.at.value(), 1), Bench::ss(no_memory)); }},
    {"LSS.2", in_legacy, [](GB& b) { b.store(Bench::slot(b.first, b.at.value(), 1), Bench::ss(beyond_width)); }},
    {"LGN.1.1", in_legacy, [](GB& b) { b.at = beyond_input; }},
    {"LGN.1.2", in_legacy, [](GB& b) { b.at = beyond_input; }},
    {"LGN.1.3", in_legacy, [](GB& b) {
        b.legacy_entry(Bench::legacy(Spa{0}, TranslationType::PassThrough).set(ContextEntry::AW, AddressWidth::Bits57));
        b.at = beyond_input;
    }},
    {"LGN.2", in_legacy, [](GB& b) {
        b.map_second(b.first, b.at.value(), second_there().set(SsEntry::W, false));
        if (b.ask.type == AddressType::Untranslated) b.ask.access = Access::Write;
    }},
    {"LGN.3", in_legacy, [](GB& b) { b.map_second(b.first, b.at.value(), second_there().set(SsEntry::R, false)); }},
    {"LGN.4", in_legacy, [](GB& b) {
        b.map_second(b.first, b.at.value(), Bench::ss(to_interrupts));
        if (b.ask.type == AddressType::Translated) b.at = at_interrupts;
    }},

    {"RTA.1.1", in_scalable_mode, [](GB& b) { b.set_root(TableMode::AbortDma); },
     [](Identity& id) { id.ecap.set(Ecap::ADMS, false); }},
    {"RTA.1.2", in_scalable_mode, [](GB& b) { b.set_root(TableMode::Reserved); }},
    {"RTA.1.3", in_scalable_mode, [](GB&) {}, [](Identity& id) { id.ecap.set(Ecap::SMTS, false); }},
    {"RTA.1.4", in_legacy, [](GB& b) {
        b.write(Rtaddr::of(b.reg<Rtaddr>().value() | 0x80)); // SSIRWE
        b.command(Gcmd::SRTP);
    }, [](Identity& id) { id.ecap.set(Ecap::SSIRWS, true); }},
    {"RTA.2", in_scalable_mode, [](GB& b) { b.set_root(in_legacy); }},
    {"RTA.3", in_scalable_mode, [](GB& b) { b.set_root(in_legacy); }},
    {"RTA.4", in_scalable_mode, [](GB& b) { b.set_root(TableMode::AbortDma); }},
    {"RTA.5", in_scalable_mode, [](GB& b) { b.ask.instruction = true; },
     [](Identity& id) { id.ver.set(Ver::MAX, 8); }},
    {"SRT.1", in_scalable_mode, [](GB& b) { b.set_root(in_scalable_mode, no_memory); }},
    {"SRT.2", in_scalable_mode, [](GB& b) { b.store(GB::root_entry(), ScalableRootEntry{}); }},
    {"SRT.3", in_scalable_mode, [](GB& b) { or_into(b, GB::root_entry(), 2); }},
    {"SCT.1", in_scalable_mode, [](GB& b) { b.memory.poke64(GB::root_entry(), no_memory.value() | 1); }},
    {"SCT.2", in_scalable_mode, [](GB& b) { b.context_entry([](Sce& c) { c.set(Sce::P, false); }); }},
    {"SCT.3", in_scalable_mode, [](GB& b) { or_into(b, Bench::context_at(GB::source) + 8, u64{1} << 21); }},
    {"SCT.4.1", in_scalable_mode, [](GB& b) { b.context_entry([](Sce& c) { c.set(Sce::DTE, false); }); }},
    {"SCT.4.2", in_scalable_mode, [](GB& b) {
        b.context_entry([](Sce& c) { c.set(Sce::PDTS, 0).set(Sce::RID_PASID, Pasid{0x2000}); });
    }},
    {"SCT.4.3", in_scalable_mode, [](GB& b) {
        b.context_entry([](Sce& c) { c.set(Sce::EPTR, true).set(Sce::PASIDE, false); });
    }, [](Identity& id) { id.ecap.set(Ecap::PTRS, true); }},
    {"SCT.5", in_scalable_mode, [](GB& b) {
        b.context_entry([](Sce& c) { c.set(Sce::DTE, false).set(Sce::PRE, false); });
    }},
    {"SCT.6", in_scalable_mode, [](GB& b) { b.context_entry([](Sce& c) { c.set(Sce::PASIDE, false); }); }},
    {"SCT.7", in_scalable_mode, [](GB& b) { b.context_entry([](Sce& c) { c.set(Sce::PDTS, 0); }); }},
    {"SCT.8", in_scalable_mode, [](GB& b) { b.context_entry([](Sce& c) { c.set(Sce::PRE, false); }); }},
    {"SCT.9", in_scalable_mode, [](GB& b) {
        b.context_entry([](Sce& c) { c.set(Sce::RID_PASID, Pasid{GB::golden_pasid}); });
    }},
    {"SCT.10", in_scalable_mode, [](GB&) {}, [](Identity& id) { id.ecap.set(Ecap::PTRS, true); }},
    {"SPD.1", in_scalable_mode, [](GB& b) { b.context_entry([](Sce& c) { c.set(Sce::PASIDDIRPTR, no_memory); }); }},
    {"SPD.2", in_scalable_mode, [](GB& b) { b.directory_entries(0); }},
    {"SPD.3", in_scalable_mode, [](GB& b) { b.directory_entries(Bench::pasid_table.value() | 0x11); }},
    {"SPT.1", in_scalable_mode, [](GB& b) { b.directory_entries(no_memory.value() | 1); }},
    {"SPT.2", in_scalable_mode, [](GB& b) { b.pasid_entries([](Pte& e) { e.set(Pte::P, false); }); }},
    {"SPT.3", in_scalable_mode, [](GB& b) { b.pasid_entries([](Pte& e) { e = flipped(e, 5); }); }},
    {"SPT.4.1", in_scalable_mode, [](GB& b) {
        b.all_pasids(Bench::second_stage(b.second).set(Pte::AW, AddressWidth{4}));
    }},
    {"SPT.4.2", in_scalable_mode, [](GB& b) {
        b.pasid_entries([](Pte& e) { e.set(Pte::PGTT, PagingTranslation{5}); });
    }},
    {"SPT.4.3", in_scalable_mode, [](GB& b) { b.pasid_entries([](Pte& e) { e.set(Pte::FSPM, FirstStageMode{2}); }); }},
    {"SPT.4.4", in_scalable_mode, [](GB& b) { b.all_pasids(Bench::nested(beyond_width, b.second)); }},
    {"SPT.5", in_scalable_mode, [](GB& b) { b.ask.instruction = true; }},
    {"SPT.6", in_scalable_mode, [](GB& b) {
        b.pasid_entries([](Pte& e) { e.set(Pte::SRE, false); });
        b.ask.privileged = b.ask.pasid.has_value();
        b.context_entry([&](Sce& c) { c.set(Sce::RID_PRIV, !b.ask.pasid); });
    }},
    {"SFS.1", in_scalable_mode, [](GB& b) { golden_top(b, Bench::fs(no_memory)); }},
    {"SFS.2", in_scalable_mode, [](GB& b) { golden_leaf(b, FsEntry{}); }},
    {"SFS.3", in_scalable_mode, [](GB& b) { golden_leaf(b, Bench::fs(beyond_width)); }},
    {"SFS.4", in_scalable_mode, [](GB& b) { b.all_pasids(Bench::first_stage(no_memory)); }},
    {"SFS.5", in_scalable_mode, [](GB& b) {
        b.nest();
        b.map_first(GB::nested_root, b.at, Bench::fs(beyond_width));
    }},
    {"SFS.6", in_scalable_mode, [](GB& b) {
        b.nest();
        b.second_stage_of_tables(GB::nested_root, Bench::ss(GB::nested_root).set(SsEntry::R, false));
    }},
    {"SFS.7", in_scalable_mode, [](GB& b) {
        b.nest();
        b.second_stage_of_tables(GB::nested_tables, Bench::ss(GB::nested_tables).set(SsEntry::R, false));
    }},
    {"SFS.8", in_scalable_mode, [](GB& b) {
        b.nest();
        b.second_stage_of_tables(GB::nested_root, Bench::ss(GB::nested_root).set(SsEntry::W, false));
    }},
    {"SFS.9", in_scalable_mode, [](GB& b) { b.pasid_entries([](Pte& e) { e.set(Pte::PWSNP, false); }); }},
    {"SFS.10", in_scalable_mode, [](GB& b) { lose_leaf(b, b.first, false); }},
    {"SSS.1", in_scalable_mode, [](GB& b) {
        b.by_second_stage(second_there());
        b.store(Bench::slot(b.second, b.at.value(), 1), Bench::ss(no_memory));
    }},
    {"SSS.2", in_scalable_mode, [](GB& b) { b.by_second_stage(SsEntry{}); }},
    {"SSS.3", in_scalable_mode, [](GB& b) { b.by_second_stage(second_there().set(SsEntry::IW, true)); }},
    {"SSS.4", in_scalable_mode, [](GB& b) { b.all_pasids(Bench::second_stage(no_memory)); }},
    {"SSS.5", in_scalable_mode, [](GB& b) {
        b.by_second_stage(second_there());
        b.pasid_entries([](Pte& e) { e.set(Pte::PWSNP, false).set(Pte::SSADE, true); });
    }},
    {"SSS.6", in_scalable_mode, [](GB& b) {
        b.by_second_stage(second_there());
        b.pasid_entries([](Pte& e) { e.set(Pte::SSADE, true); });
        lose_leaf(b, b.second, true);
    }},
    {"SGN.1", in_scalable_mode, [](GB& b) { b.at = beyond_input; }},
    {"SGN.2", in_scalable_mode, [](GB& b) { golden_leaf(b, to_there().set(FsEntry::US, false)); }},
    {"SGN.4.1", in_scalable_mode, [](GB& b) { b.at = beyond_input; }},
    {"SGN.4.2", in_scalable_mode, [](GB& b) {
        b.all_pasids(Bench::entry(PagingTranslation::PassThrough));
        b.at = beyond_input;
    }},
    {"SGN.5", in_scalable_mode, [](GB& b) {
        b.by_second_stage(second_there());
        b.at = beyond_input;
    }},
    {"SGN.6", in_scalable_mode, [](GB& b) {
        golden_leaf(b, to_there().set(FsEntry::RW, false));
        if (b.ask.type == AddressType::Untranslated) b.ask.access = Access::Write;
    }},
    {"SGN.7", in_scalable_mode, [](GB& b) { b.by_second_stage(second_there().set(SsEntry::R, false)); }},
    {"SGN.8.1", in_scalable_mode, [](GB& b) { golden_leaf(b, Bench::fs(to_interrupts)); }},
    {"SGN.8.2", in_scalable_mode, [](GB& b) { golden_leaf(b, Bench::fs(to_interrupts)); }},
    {"SGN.8.3", in_scalable_mode, [](GB& b) { b.at = at_interrupts; }},
    {"SGN.10", in_scalable_mode, [](GB&) {}, [](Identity& id) { id.ecap.set(Ecap::PSS, 15); }},
};
// clang-format on

} // namespace

const FaultMaker& fault_maker(std::string_view name) {
    for (const FaultMaker& m : maker_table)
        if (m.name == name) return m;
    FAIL("no way to bring about " << name);
    return maker_table[0];
}

} // namespace quiesce::iommu::vtd::test
