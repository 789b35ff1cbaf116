// SPDX-License-Identifier: Apache-2.0
/// What golden tests of AMD-Vi share: rows that somebody else worked out by hand (golden/amdvi_*.h), held against the
/// layouts by the names of their fields.
#pragma once
#include "amdvi/bench.h"
#include "golden/amdvi_golden.h"
#include "support/golden_rows.h"

#include <cctype>
#include <sstream>

namespace quiesce::iommu::amdvi::test {

namespace gold = quiesce::golden::amdvi;

using golden::all_met, golden::any_row, golden::check_listed, golden::flipped, golden::from_words, golden::judge,
    golden::judge_all, golden::reason_not_to, golden::Unmet, golden::with_field;

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

/// How the layout's reading of `words` differs from `values`, or the words that it makes of `values` from `words`. No
/// value at all beside words that are not 0: the row has only bits.
template <class S>
std::string differs(std::span<const gold::Value> values, std::span<const std::uint64_t> words) {
    std::ostringstream out;
    const S read = from_words<S>(words);
    S made{};
    std::set<std::string_view> named;
    for (const gold::Value& v : in_pieces<S>(values)) {
        const bool found = with_meant<S>(v.field, [&](const auto& f) {
            using T = typename std::decay_t<decltype(f)>::value_type;
            named.insert(f.name());
            made.set(f, base::detail::from_bits<T>(v.value));
            if (base::detail::to_bits(read.get(f)) != v.value) out << v.field << " is read as another value; ";
        });
        if (!found) out << "no field " << v.field << "; ";
    }
    const bool zero = std::all_of(words.begin(), words.end(), [](u64 w) { return w == 0; });
    if (named.empty() && !zero) return {};
    base::for_each(read, [&](std::string_view name, const auto& value) {
        if (named.count(name) == 0 && base::detail::to_bits(value) != 0) out << name << " is not 0; ";
    });
    if (!(made == read)) out << "the fields make other words";
    return out.str();
}
template <class S, std::size_t Words>
std::string differs(const gold::Structure<Words>& row) {
    static_assert(S::byte_count == Words * 8);
    return differs<S>(row.fields, row.words);
}

template <class Row>
u64 value_in(const Row& row, std::string_view name) {
    for (const gold::Value& v : row.fields)
        if (v.field != nullptr && v.field == name) return v.value;
    return 0;
}
/// Made to show where one field is, and perhaps nothing that there is.
template <class Row>
bool shows_one_field(const Row& row) {
    return std::string_view{row.what}.ends_with("alone");
}

/// Where the rows have the fields of a layout; those that are in none of its fields, or not all in one, are failures.
using FieldMasks = std::map<std::string, std::array<u64, 4>, std::less<>>;
template <class S, class Positions>
void collect_positions(const Positions& positions, FieldMasks& into) {
    for (const gold::Position& p : positions) {
        INFO(p.field);
        const u64 mask = base::low_bits(p.msb - p.lsb + 1) << p.lsb % 64;
        const bool found = with_meant<S>(p.field, [&](const auto& f) {
            CHECK((mask & ~f.mask(p.lsb / 64)) == 0);
            into[std::string{f.name()}].at(p.lsb / 64) |= mask;
        });
        CHECK(found);
    }
}
/// The layout's fields are those of the rows, bit by bit. `beyond`: fields that the layout has beside them.
template <class S>
void check_masks(const FieldMasks& masks, std::string_view beyond = {}) {
    const auto compare = [&](const auto& field) {
        const auto rows = masks.find(field.name());
        INFO(field.name());
        bool same = true;
        for (unsigned w = 0; w < S::word_count; ++w)
            same = same && (rows == masks.end() ? 0 : rows->second[w]) == field.mask(w);
        CHECK(same == (field.name() != beyond));
    };
    base::apply([&](const auto&... field) { (compare(field), ...); }, S::fields);
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
    Unmet{"Control.GAEn", no_such_feature},         Unmet{"Control.SmiFEn", no_such_feature},
    Unmet{"Control.SmiFLogEn", no_such_feature},    Unmet{"Control.GAMEn", no_such_feature},
    Unmet{"Control.GALogEn", no_such_feature},      Unmet{"Control.GAIntEn", no_such_feature},
    Unmet{"Control.DualPprLogEn", no_such_feature}, Unmet{"Control.DualEventLogEn", no_such_feature},
    Unmet{"Control.DevTblSegEn", no_such_feature},  Unmet{"Control.PrivAbrtEn", no_such_feature},
    Unmet{"Control.MarcEn", no_such_feature},       Unmet{"Control.EPHEn", no_such_feature},
    Unmet{"Control.GDUpdateDis", no_such_feature},  Unmet{"Control.XTEn", no_such_feature},
    Unmet{"Control.IntCapXTEn", no_such_feature},   Unmet{"Control.GAUpdateDis", no_such_feature},
};
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
};

} // namespace quiesce::iommu::amdvi::test
