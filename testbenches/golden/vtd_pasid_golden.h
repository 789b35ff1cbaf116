// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of Intel VT-d: scalable-mode PASID table entry (9.6), 64 bytes, 64 of them, index = PASID [5:0].
// Conventions, sources and common values are in vtd_golden.h.
//
// What Linux writes is that of pasid_pte_config_first_level, _second_level, _pass_through and _nestd (2025), and of
// intel_pasid_tear_down_entry; older drivers differ where a row says so. Linux writes its own address width
// (iommu->agaw) into AW also where the hardware ignores it: 2 stands for 48 bits, 3 for 57.
#pragma once

#include "vtd_golden.h"

#include <array>

namespace quiesce::golden::vtd {

// clang-format off

/// Second sources: V, L, M, T for bits 191:0; the HPT fields (256 and up) are the manual's alone [rev].
inline constexpr std::array pasid_table_entry_fields{
    Position{"P",         0,   0},
    Position{"FPD",       1,   1},
    Position{"AW",        4,   2},
    Position{"PGTT",      8,   6},
    Position{"SSADE",     9,   9},
    Position{"SSPTPTR",  63,  12, true},
    Position{"DID",      79,  64},
    Position{"PWSNP",    87,  87},
    Position{"PGSNP",    88,  88},
    Position{"CD",       89,  89},
    Position{"EMTE",     90,  90},
    Position{"PAT",     127,  96},
    Position{"SRE",     128, 128},
    Position{"FSPM",    131, 130},
    Position{"WPE",     132, 132},
    Position{"IGN",     134, 133},
    Position{"EAFE",    135, 135},
    Position{"FSPTPTR", 191, 140, true},
    Position{"HPTSZ",   257, 256},
    Position{"HPTPFD",  258, 258},
    Position{"HPTPTR",  319, 268, true},
    Position{"HPTDID",  335, 320},
};
/// [rev] What revisions before 4 call bits that are reserved (5, 95:91, 129) or ignored (133, 134) in Rev 5.10. V, T.
inline constexpr std::array pasid_table_entry_old_fields{
    Position{"SLEE",   5,   5},
    Position{"EMT",   93,  91},
    Position{"PWT",   94,  94},
    Position{"PCD",   95,  95},
    Position{"ERE",  129, 129},
    Position{"NXE",  133, 133},
    Position{"SMEP", 134, 134},
};

// ---- 1. Each field alone, all its bits -----------------------------------------------------------------------------

inline constexpr std::array pasid_table_entries_alone{
    Structure<8>{"P alone",       "9.6 VLMT", {{"P", 1}},                             {0x0000'0000'0000'0001}},
    Structure<8>{"FPD alone",     "9.6 VLMT", {{"FPD", 1}},                           {0x0000'0000'0000'0002}},
    Structure<8>{"AW alone",      "9.6 VLMT", {{"AW", 7}},                            {0x0000'0000'0000'001c}},
    Structure<8>{"PGTT alone",    "9.6 VLMT", {{"PGTT", 7}},                          {0x0000'0000'0000'01c0}},
    Structure<8>{"SSADE alone",   "9.6 VLMT", {{"SSADE", 1}},                         {0x0000'0000'0000'0200}},
    Structure<8>{"SSPTPTR alone", "9.6 VLMT", {{"SSPTPTR", 0x000f'ffff'ffff'f000}},   {0x000f'ffff'ffff'f000}},
    Structure<8>{"DID alone",     "9.6 VLMT", {{"DID", 0xffff}},                      {0, 0x0000'0000'0000'ffff}},
    Structure<8>{"PWSNP alone",   "9.6 VLMT", {{"PWSNP", 1}},                         {0, 0x0000'0000'0080'0000}},
    Structure<8>{"PGSNP alone",   "9.6 VLMT", {{"PGSNP", 1}},                         {0, 0x0000'0000'0100'0000}},
    Structure<8>{"CD alone",      "9.6 VMT",  {{"CD", 1}},                            {0, 0x0000'0000'0200'0000}},
    Structure<8>{"EMTE alone",    "9.6 VMT",  {{"EMTE", 1}},                          {0, 0x0000'0000'0400'0000}},
    Structure<8>{"PAT alone",     "9.6 VMT",  {{"PAT", 0xffff'ffff}},                 {0, 0xffff'ffff'0000'0000}},
    Structure<8>{"SRE alone",     "9.6 VLMT", {{"SRE", 1}},                           {0, 0, 0x0000'0000'0000'0001}},
    Structure<8>{"FSPM alone",    "9.6 VLMT", {{"FSPM", 3}},                          {0, 0, 0x0000'0000'0000'000c}},
    Structure<8>{"WPE alone",     "9.6 VLMT", {{"WPE", 1}},                           {0, 0, 0x0000'0000'0000'0010}},
    Structure<8>{"IGN alone",     "9.6 M",    {{"IGN", 3}},                           {0, 0, 0x0000'0000'0000'0060}},
    Structure<8>{"EAFE alone",    "9.6 VLMT", {{"EAFE", 1}},                          {0, 0, 0x0000'0000'0000'0080}},
    Structure<8>{"FSPTPTR alone", "9.6 VLMT", {{"FSPTPTR", 0x000f'ffff'ffff'f000}},   {0, 0, 0x000f'ffff'ffff'f000}},
    Structure<8>{"HPTSZ alone",   "9.6 alone", {{"HPTSZ", 3}},                        {0, 0, 0, 0, 0x3}},
    Structure<8>{"HPTPFD alone",  "9.6 alone", {{"HPTPFD", 1}},                       {0, 0, 0, 0, 0x4}},
    Structure<8>{"HPTPTR alone",  "9.6 alone", {{"HPTPTR", 0x000f'ffff'ffff'f000}},
                 {0, 0, 0, 0, 0x000f'ffff'ffff'f000}},
    Structure<8>{"HPTDID alone",  "9.6 alone", {{"HPTDID", 0xffff}},                  {0, 0, 0, 0, 0, 0xffff}},
};

// ---- 2. First-stage (PGTT 001) -------------------------------------------------------------------------------------

/// w0 = P | AW [4:2] | PGTT [8:6] 001 -> 0x40. w1 = DID [15:0] | PWSNP [23] -> 0x80'0000 | PGSNP [24] -> 0x100'0000.
/// w2 = FSPTPTR as it stands | FSPM [3:2] | the flags. Domain 1 is Linux's FLPT_DEFAULT_DID.
inline constexpr std::array first_stage_entries{
    // AW 2 -> 0x8: 0x49
    Structure<8>{"first-stage, 4-level", "9.6; L pasid_pte_config_first_level, PWSNP",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 1}, {"DID", 1}, {"PWSNP", 1}, {"FSPM", 0},
                  {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'0049, 0x0000'0000'0080'0001, 0x0000'0081'2345'6000}},
    // AW 3 -> 0xc: 0x4d; FSPM 1 -> 0x4
    Structure<8>{"first-stage, 5-level", "9.6; L pasid_pte_config_first_level, FL5LP and PWSNP",
                 {{"P", 1}, {"AW", 3}, {"PGTT", 1}, {"DID", 1}, {"PWSNP", 1}, {"FSPM", 1},
                  {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'004d, 0x0000'0000'0080'0001, 0x0000'0081'2345'6004}},
    Structure<8>{"first-stage, 4-level, page snoop", "9.6; L pasid_pte_config_first_level, PAGE_SNOOP and PWSNP",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 1}, {"DID", 0x137}, {"PWSNP", 1}, {"PGSNP", 1},
                  {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'0049, 0x0000'0000'0180'0137, 0x0000'0081'2345'6000}},
    // ECAP.SMPWCS 0: walks are not snooped
    Structure<8>{"first-stage, 4-level, walks not snooped", "9.6; L pasid_pte_config_first_level, no flags",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 1}, {"DID", 1}, {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'0049, 0x0000'0000'0000'0001, 0x0000'0081'2345'6000}},
    // AW is ignored for this PGTT: the same with AW 0 is as good
    Structure<8>{"first-stage, 4-level, AW 0", "9.6 VM",
                 {{"P", 1}, {"PGTT", 1}, {"DID", 1}, {"PWSNP", 1}, {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'0041, 0x0000'0000'0080'0001, 0x0000'0081'2345'6000}},
    // SRE 0x1, WPE 0x10, EAFE 0x80: 0x91
    Structure<8>{"first-stage, 4-level, supervisor, write-protect, EA", "9.6 VT",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 1}, {"DID", 1}, {"PWSNP", 1}, {"SRE", 1}, {"WPE", 1}, {"EAFE", 1},
                  {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'0049, 0x0000'0000'0080'0001, 0x0000'0081'2345'6091}},
    // [rev] drivers of 2022-23 set NXE, bit 133 -> 0x20 of w2, which Rev 5.10 ignores: translates as the first row does
    Structure<8>{"first-stage, 4-level, NXE of an older driver", "9.6; L of 2022 intel_pasid_setup_first_level",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 1}, {"DID", 1}, {"PWSNP", 1}, {"IGN", 1},
                  {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'0049, 0x0000'0000'0080'0001, 0x0000'0081'2345'6020}},
    // PAT as a CPU comes out of reset: PA0..PA7 = WB WT UC- UC WB WT UC- UC = 6 4 7 0 6 4 7 0; EMTE ignored, CD 0
    Structure<8>{"first-stage, 4-level, PAT", "9.6 VT",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 1}, {"DID", 1}, {"PWSNP", 1}, {"PAT", 0x0746'0746},
                  {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'0049, 0x0746'0746'0080'0001, 0x0000'0081'2345'6000}},
    Structure<8>{"first-stage, 4-level, faults silenced", "9.6 VLMT",
                 {{"P", 1}, {"FPD", 1}, {"AW", 2}, {"PGTT", 1}, {"DID", 1}, {"PWSNP", 1},
                  {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'004b, 0x0000'0000'0080'0001, 0x0000'0081'2345'6000}},
};

// ---- 3. Second-stage (PGTT 010), nested (011), pass-through (100) --------------------------------------------------

/// PGTT 010 -> 0x80, 011 -> 0xc0, 100 -> 0x100; SSADE [9] -> 0x200.
inline constexpr std::array second_stage_entries{
    // 0x1 | AW 2 -> 0x8 | 0x80
    Structure<8>{"second-stage, 48 bits", "9.6; L pasid_pte_config_second_level",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 2}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137}, {"PWSNP", 1}},
                 {0x0000'0080'4567'8089, 0x0000'0000'0080'0137}},
    Structure<8>{"second-stage, 39 bits", "9.6; L pasid_pte_config_second_level",
                 {{"P", 1}, {"AW", 1}, {"PGTT", 2}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137}, {"PWSNP", 1}},
                 {0x0000'0080'4567'8085, 0x0000'0000'0080'0137}},
    Structure<8>{"second-stage, 57 bits", "9.6; L pasid_pte_config_second_level",
                 {{"P", 1}, {"AW", 3}, {"PGTT", 2}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137}, {"PWSNP", 1}},
                 {0x0000'0080'4567'808d, 0x0000'0000'0080'0137}},
    Structure<8>{"second-stage, 48 bits, dirty tracking", "9.6; L pasid_pte_config_second_level",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 2}, {"SSADE", 1}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137},
                  {"PWSNP", 1}},
                 {0x0000'0080'4567'8289, 0x0000'0000'0080'0137}},
    Structure<8>{"second-stage, 48 bits, walks not snooped", "9.6; L pasid_pte_config_second_level",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 2}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137}},
                 {0x0000'0080'4567'8089, 0x0000'0000'0000'0137}},
    // CD [25] -> 0x200'0000, EMTE [26] -> 0x400'0000, both on top of PWSNP and PGSNP: 0x0780'0137
    Structure<8>{"second-stage, 48 bits, EMTE, CD, page snoop", "9.6 VT",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 2}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137}, {"PWSNP", 1},
                  {"PGSNP", 1}, {"CD", 1}, {"EMTE", 1}},
                 {0x0000'0080'4567'8089, 0x0000'0000'0780'0137}},
};
inline constexpr std::array nested_entries{
    // 0x1 | AW 2 -> 0x8 | 0xc0; FSPTPTR is a guest-physical address
    Structure<8>{"nested, 4-level over 48 bits", "9.6; L pasid_pte_config_nestd",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 3}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137}, {"PWSNP", 1},
                  {"FSPTPTR", 0x4567'8000}},
                 {0x0000'0080'4567'80c9, 0x0000'0000'0080'0137, 0x0000'0000'4567'8000}},
    // FSPM 0x4, SRE 0x1, WPE 0x10, EAFE 0x80: 0x95
    Structure<8>{"nested, 5-level, every flag", "9.6; L pasid_pte_config_nestd",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 3}, {"SSADE", 1}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137},
                  {"PWSNP", 1}, {"PGSNP", 1}, {"SRE", 1}, {"FSPM", 1}, {"WPE", 1}, {"EAFE", 1},
                  {"FSPTPTR", 0x4567'8000}},
                 {0x0000'0080'4567'82c9, 0x0000'0000'0180'0137, 0x0000'0000'4567'8095}},
    Structure<8>{"nested, 4-level, supervisor, EA", "9.6; L pasid_pte_config_nestd",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 3}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137}, {"PWSNP", 1},
                  {"SRE", 1}, {"EAFE", 1}, {"FSPTPTR", 0x4567'8000}},
                 {0x0000'0080'4567'80c9, 0x0000'0000'0080'0137, 0x0000'0000'4567'8081}},
};
inline constexpr std::array pass_through_entries{
    Structure<8>{"pass-through", "9.6; L pasid_pte_config_pass_through",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 4}, {"DID", 1}, {"PWSNP", 1}},
                 {0x0000'0000'0000'0109, 0x0000'0000'0080'0001}},
    Structure<8>{"pass-through, page snoop", "9.6; L intel_pasid_setup_page_snoop_control",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 4}, {"DID", 1}, {"PWSNP", 1}, {"PGSNP", 1}},
                 {0x0000'0000'0000'0109, 0x0000'0000'0180'0001}},
};
/// Host permission tables on top of pass-through [rev]. HPTPTR [63:12] of w4 as it stands, HPTSZ 2, HPTPFD 1.
inline constexpr std::array host_permission_entries{
    Structure<8>{"pass-through, HPT", "9.6 alone",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 4}, {"DID", 1}, {"PWSNP", 1}, {"HPTSZ", 2}, {"HPTPFD", 1},
                  {"HPTPTR", 0x0081'0040'0000}, {"HPTDID", 0x0042}},
                 {0x0000'0000'0000'0109, 0x0000'0000'0080'0001, 0, 0, 0x0000'0081'0040'0006, 0x0000'0000'0000'0042}},
};

// ---- 4. Taking a PASID away ----------------------------------------------------------------------------------------

/// intel_pasid_tear_down_entry. Before the "clear P first" change of 2025 the first write is already the second state.
inline constexpr std::array teardown_entries{
    // "first-stage, 4-level" less bit 0
    Structure<8>{"P cleared, rest left", "9.6; L pasid_clear_present",
                 {{"P", 0}, {"AW", 2}, {"PGTT", 1}, {"DID", 1}, {"PWSNP", 1}, {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'0048, 0x0000'0000'0080'0001, 0x0000'0081'2345'6000}},
    Structure<8>{"quiet: P 0, FPD 1, all else 0", "9.6; L pasid_clear_entry_with_fpd", {{"P", 0}, {"FPD", 1}},
                 {0x0000'0000'0000'0002}},
    Structure<8>{"free: all 0", "9.6; L pasid_clear_entry", {{"P", 0}, {"FPD", 0}}, {0x0000'0000'0000'0000}},
    // FPD counts although P is 0, and nothing else does
    Structure<8>{"quiet, rest left", "9.6 VLMT",
                 {{"P", 0}, {"FPD", 1}, {"AW", 2}, {"PGTT", 1}, {"DID", 1}, {"PWSNP", 1},
                  {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'004a, 0x0000'0000'0080'0001, 0x0000'0081'2345'6000}},
    // a quiet alternative of the manual's: present, walks end in a table without a present entry, faults silenced
    Structure<8>{"present, empty table, faults silenced", "9.6 VLMT",
                 {{"P", 1}, {"FPD", 1}, {"AW", 2}, {"PGTT", 1}, {"DID", 1}, {"PWSNP", 1},
                  {"FSPTPTR", 0x0081'0050'0000}},
                 {0x0000'0000'0000'004b, 0x0000'0000'0080'0001, 0x0000'0081'0050'0000}},
};

// ---- 5. Present, and wrongly so ------------------------------------------------------------------------------------

/// Fault reasons 5b (SPT.4) and 5a (SPT.3). Where a feature is missing it is the one that the name says.
inline constexpr std::array bad_pasid_table_entries{
    Structure<8>{"5b: PGTT 000", "9.6, SPT.4.2", {{"P", 1}, {"AW", 2}, {"DID", 1}},
                 {0x0000'0000'0000'0009, 0x0000'0000'0000'0001}},
    // PGTT 101 -> 0x140
    Structure<8>{"5b: PGTT 101", "9.6, SPT.4.2", {{"P", 1}, {"AW", 2}, {"PGTT", 5}, {"DID", 1}},
                 {0x0000'0000'0000'0149, 0x0000'0000'0000'0001}},
    Structure<8>{"5b: PGTT 111", "9.6, SPT.4.2", {{"P", 1}, {"AW", 2}, {"PGTT", 7}, {"DID", 1}},
                 {0x0000'0000'0000'01c9, 0x0000'0000'0000'0001}},
    Structure<8>{"5b: second-stage, AW 000", "9.6, SPT.4.1",
                 {{"P", 1}, {"AW", 0}, {"PGTT", 2}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137}},
                 {0x0000'0080'4567'8081, 0x0000'0000'0000'0137}},
    // AW 100 -> 0x10
    Structure<8>{"5b: second-stage, AW 100", "9.6, SPT.4.1",
                 {{"P", 1}, {"AW", 4}, {"PGTT", 2}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137}},
                 {0x0000'0080'4567'8091, 0x0000'0000'0000'0137}},
    // FSPM 10 -> 0x8
    Structure<8>{"5b: first-stage, FSPM 10", "9.6, SPT.4.3",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 1}, {"DID", 1}, {"FSPM", 2}, {"FSPTPTR", 0x0081'2345'6000}},
                 {0x0000'0000'0000'0049, 0x0000'0000'0000'0001, 0x0000'0081'2345'6008}},
    // FSPTPTR 2^48 with AW 2 (48 bits): the first address too high
    Structure<8>{"5b: nested, FSPTPTR beyond AW", "9.6, SPT.4.4",
                 {{"P", 1}, {"AW", 2}, {"PGTT", 3}, {"SSPTPTR", 0x0080'4567'8000}, {"DID", 0x137},
                  {"FSPTPTR", 0x1'0000'0000'0000}},
                 {0x0000'0080'4567'80c9, 0x0000'0000'0000'0137, 0x0001'0000'0000'0000}},
    Structure<8>{"5a: bit 5 (was SLEE)", "9.6, SPT.3", {}, {0x0000'0000'0000'0069, 0x1, 0x0000'0081'2345'6000}},
    Structure<8>{"5a: bit 10", "9.6, SPT.3", {}, {0x0000'0000'0000'0449, 0x1, 0x0000'0081'2345'6000}},
    Structure<8>{"5a: bit 80", "9.6, SPT.3", {}, {0x0000'0000'0000'0049, 0x1'0001, 0x0000'0081'2345'6000}},
    Structure<8>{"5a: bit 91 (was EMT)", "9.6, SPT.3", {}, {0x0000'0000'0000'0049, 0x800'0001, 0x0000'0081'2345'6000}},
    Structure<8>{"5a: bit 129 (was ERE)", "9.6, SPT.3", {}, {0x0000'0000'0000'0049, 0x1, 0x0000'0081'2345'6002}},
    Structure<8>{"5a: bit 136", "9.6, SPT.3", {}, {0x0000'0000'0000'0049, 0x1, 0x0000'0081'2345'6100}},
    Structure<8>{"5a: bit 192", "9.6, SPT.3", {}, {0x0000'0000'0000'0049, 0x1, 0x0000'0081'2345'6000, 0x1}},
    Structure<8>{"5a: bit 511", "9.6, SPT.3", {},
                 {0x0000'0000'0000'0049, 0x1, 0x0000'0081'2345'6000, 0, 0, 0, 0, 0x8000'0000'0000'0000}},
};

/// Q has no mask for this entry; M's differ where features are missing there.
inline constexpr std::array reserved_of_8{
    // 5, 11:10 | 86:80, 95:91 | 129, 139:136 | all | 267:259 | 383:336 | all | all
    ReservedBits<8>{"scalable-mode PASID table entry", "9.6 M",
                    {0xfff0'0000'0000'0c20, 0x0000'0000'f87f'0000, 0xfff0'0000'0000'0f02, 0xffff'ffff'ffff'ffff,
                     0xfff0'0000'0000'0ff8, 0xffff'ffff'ffff'0000, 0xffff'ffff'ffff'ffff, 0xffff'ffff'ffff'ffff}},
};

// clang-format on

} // namespace quiesce::golden::vtd
