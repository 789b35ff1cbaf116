// SPDX-License-Identifier: Apache-2.0
/// What golden tests of AMD-Vi share: rows that somebody else worked out by hand (golden/amdvi_*.h), held against the
/// layouts by the names of their fields.
#pragma once
#include "amdvi/bench.h"
#include "golden/amdvi_golden.h"
#include "support/golden_rows.h"

#include <cctype>

namespace quiesce::iommu::amdvi::test {

namespace gold = quiesce::golden::amdvi;

using golden::all_met, golden::any_row, golden::check_listed, golden::check_masks, golden::FieldMasks, golden::flipped,
    golden::from_words, golden::judge, golden::judge_all, golden::reason_not_to, golden::shows_one_field,
    golden::Unmet, golden::value_in, golden::with_field;

/// "DualPprLogEn" and "DualPPRLogEn", "R/W" and "RW" are one name.
inline std::string folded(std::string_view name) {
    std::string out;
    for (const char c : name)
        if (c != ' ' && c != '/') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}
/// Names of the rows that the layouts do not use.
struct FieldAlias {
    std::string_view row, layout;
};
inline constexpr FieldAlias field_alias_table[] = {
    {"Opcode", "Op"},
    {"EventCode", "Code"},
    {"GCR3", "GCR3TableRoot"},
    {"Address", "Base"},
    {"PRGI", "Tag"},
    {"PPRtag", "Tag"},
    {"L", "Last"},
    {"DomainID", "DomainID/PASID"},
    {"PASID[15:0]", "DomainID/PASID"},
    {"ExclusionBase", "Base"},
    {"ExclusionLimit", "Limit"},
    {"CmdHeadPtr", "Ptr"},
    {"CmdTailPtr", "Ptr"},
    {"EventHeadPtr", "Ptr"},
    {"EventTailPtr", "Ptr"},
    {"PPRHeadPtr", "Ptr"},
    {"PPRTailPtr", "Ptr"},
    {"DualEventLogEn", "DualEvtLogEn"},
    {"DualEventLogSup", "DualEvtLogSup"},
    {"EvtOverflowB", "EventOverflowB"},
    {"EvtLogActive", "EventLogActive"},
    {"PprAutoRespCode", "PPRAutoRspCode"},
    {"PprAutoRespMaskGn", "PPRAutoRspMaskGn"},
    {"PprOvrflwEarlyThreshold", "Threshold"},
    {"PprOvrflwEarlyIntEn", "IntEn"},
    {"PprOvrflwEarlyEn", "En"},
};

/// The field of S that a row means: of its name, of its alias, or, of a piece, of the whole's. Calls `f` with it.
template <class S, class F>
bool with_meant(std::string_view name, F f) {
    const auto named = [&](std::string_view wanted) {
        unsigned found = 0;
        const auto one = [&](const auto& field) {
            if (folded(field.name()) != folded(wanted) || found++ != 0) return;
            f(field);
        };
        base::apply([&](const auto&... field) { (one(field), ...); }, S::fields);
        return found == 1;
    };
    if (named(name)) return true;
    for (const FieldAlias& a : field_alias_table)
        if (a.row == name && named(a.layout)) return true;
    const std::string_view whole = golden::plain_name(name);
    return whole != name && with_meant<S>(whole, f);
}

/// Of events PASID is in two fields, one of which is the domain without GN.
template <class S>
std::vector<gold::Value> in_pieces(std::span<const gold::Value> values) {
    std::vector<gold::Value> all;
    for (const gold::Value& v : values) {
        if (v.field == nullptr) break;
        const bool whole = v.field != std::string_view{"PASID"} || with_field<S>("PASID", [](const auto&) {}) == 1;
        if (whole) {
            all.push_back(v);
            continue;
        }
        all.push_back({"PASID[15:0]", v.value & 0xffff});
        all.push_back({"PASID[19:16]", v.value >> 16});
    }
    return all;
}

template <class S>
constexpr auto meant = [](std::string_view name, auto f) { return with_meant<S>(name, f); };

template <class S>
std::string differs(std::span<const gold::Value> values, std::span<const std::uint64_t> words) {
    return golden::differs<S>(in_pieces<S>(values), words, meant<S>);
}
template <class S, std::size_t Words>
std::string differs(const gold::Structure<Words>& row) {
    static_assert(S::byte_count == Words * 8);
    return differs<S>(row.fields, row.words);
}

template <class S, class Positions>
void collect_positions(const Positions& positions, FieldMasks& into) {
    golden::collect_positions(positions, into, meant<S>);
}
template <class S, class Positions>
void check_positions(const Positions& positions, std::string_view beyond = {}) {
    FieldMasks masks;
    collect_positions<S>(positions, masks);
    check_masks<S>(masks, beyond);
}

/// Every optional feature that a unit here can have.
inline AmdviConfig everything() {
    AmdviConfig c;
    c.physical_bits.set(52);
    c.prefetch.set(true);
    c.gcr3_levels.set(3);
    c.pasid_bits.set(20);
    return c;
}

// ---- the rows that are not met: golden_unmet_test.cpp counts them ---------------------------------------------------

inline constexpr std::string_view no_remapping = "interrupts are not remapped",
                                  as_virtualbox = "MODEL: whatever memory refuses is of one type, as VirtualBox has it";

inline constexpr std::array unmet_commands{
    Unmet{"one page of the PASID, Type 2", "EFR.InvIotlbTypeSup cannot be 1: with a type the command is illegal"}};
inline constexpr std::array unmet_reserved_of_commands{
    Unmet{"INVALIDATE_IOTLB_PAGES", "EFR.InvIotlbTypeSup cannot be 1: Type is reserved, too"}};
inline constexpr std::array unmet_bad_entries{Unmet{"ILLEGAL_DEV_TABLE_ENTRY: IntCtl 3", no_remapping}};
inline constexpr std::array unmet_reserved_of_entries{
    Unmet{"DTE, with vIOMMU", "no secure ATS: its bit is reserved, as in 3.05"}};
inline constexpr std::array unmet_records{
    Unmet{"interrupt", no_remapping},
    Unmet{"interrupt blocked", no_remapping},
    Unmet{"data error, interrupt", no_remapping},
    Unmet{"PASID, user translation request for write",
          "of a page fault that a translation request meets no event tells"},
    Unmet{"master abort, write", as_virtualbox},
    Unmet{"target abort, translation request", "an entry is read at once: its second half has no address of its own"},
    Unmet{"target abort on a command", as_virtualbox},
    Unmet{"translation request with PASID, special range", "FD_0000_0000h and above are addresses as others"},
    Unmet{"last of group 0x1a5, to be answered", "a PASID is given: GN is 1, as later kernels have it"},
    Unmet{"group 0x05a", "a PASID is given, and the last of the group is what waits for an answer: GN and RX are 1"},
    Unmet{"every flag", "no request is an interrupt and all the rest"},
    Unmet{"every field", "no request is of a type that is reserved for interrupts"},
    Unmet{"reserved bit in the request", "messages have no reserved bits here"},
};

constexpr std::string_view no_such_feature = "of a feature that no unit here has: the bit stays clear";
inline constexpr std::array unmet_register_fields{
    Unmet{"Control.SmiFEn", no_such_feature},         Unmet{"Control.SmiFLogEn", no_such_feature},
    Unmet{"Control.GAMEn", no_such_feature},          Unmet{"Control.GALogEn", no_such_feature},
    Unmet{"Control.GAIntEn", no_such_feature},        Unmet{"Control.DualPprLogEn", no_such_feature},
    Unmet{"Control.DualEventLogEn", no_such_feature}, Unmet{"Control.DevTblSegEn", no_such_feature},
    Unmet{"Control.PrivAbrtEn", no_such_feature},     Unmet{"Control.MarcEn", no_such_feature},
    Unmet{"Control.EPHEn", no_such_feature},          Unmet{"Control.GDUpdateDis", no_such_feature},
    Unmet{"Control.GAUpdateDis", no_such_feature},
};
constexpr std::string_view as_general_interrupt = "as XTIntCtrl's, of which there are rows";
/// Fields of the model that no row has, or only a comment.
inline constexpr std::array fields_beyond_rows{
    Unmet{"Control.CRW", "of older revisions"},
    Unmet{"EFR.sATSSup", "bit 5: two of the sources have something else there"},
    Unmet{"EFR.ForcePhyDestSup", "no row"},
    Unmet{"EFR2.TMPMSup", "no rows of EFR2"},
    Unmet{"EFR2.GCR3TRPModeSup", "no rows of EFR2"},
    Unmet{"EFR2.GAPPIDisSup", "no rows of EFR2"},
    Unmet{"EFR2.SNPAVICSup", "no rows of EFR2"},
    Unmet{"EFR2.NumIntRemapSup", "no rows of EFR2"},
    Unmet{"EFR2.HtRangeIgnore", "no rows of EFR2"},
    Unmet{"XTPprIntCtrl.DestMode", as_general_interrupt},
    Unmet{"XTPprIntCtrl.Dest[23:0]", as_general_interrupt},
    Unmet{"XTPprIntCtrl.Vector", as_general_interrupt},
    Unmet{"XTPprIntCtrl.DM", as_general_interrupt},
    Unmet{"XTPprIntCtrl.Dest[31:24]", as_general_interrupt},
    Unmet{"XTGaIntCtrl.DestMode", as_general_interrupt},
    Unmet{"XTGaIntCtrl.Dest[23:0]", as_general_interrupt},
    Unmet{"XTGaIntCtrl.Vector", as_general_interrupt},
    Unmet{"XTGaIntCtrl.DM", as_general_interrupt},
    Unmet{"XTGaIntCtrl.Dest[31:24]", as_general_interrupt},
};

} // namespace quiesce::iommu::amdvi::test
