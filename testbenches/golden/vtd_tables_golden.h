// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of Intel VT-d: root, context, scalable-mode root and context, PASID directory entries (chapter 9).
// Conventions, sources and common values are in vtd_golden.h.
#pragma once

#include "vtd_golden.h"

#include <array>

namespace quiesce::golden::vtd {

// clang-format off

// ---- 1. Root entry (9.1): 16 bytes, 256 of them, index = bus -------------------------------------------------------

/// Second sources: V, L (struct root_entry), Q.
inline constexpr std::array root_entry_fields{
    Position{"P",    0,  0},
    Position{"CTP", 63, 12, true},
};
inline constexpr std::array root_entries{
    // each field alone, all its bits
    Structure<2>{"P alone",   "9.1 VLQ", {{"P", 1}},                         {0x0000'0000'0000'0001, 0}},
    Structure<2>{"CTP alone", "9.1 VLQ", {{"CTP", 0x000f'ffff'ffff'f000}},   {0x000f'ffff'ffff'f000, 0}},
    // as programmed: iommu_context_addr writes the table's address | 1
    Structure<2>{"not present",   "9.1 VLQ", {},                                       {0, 0}},
    Structure<2>{"context table", "9.1 VLQ", {{"P", 1}, {"CTP", 0x0081'0000'3000}},    {0x0000'0081'0000'3001, 0}},
    Structure<2>{"not present, pointer left", "9.1 VLQ", {{"P", 0}, {"CTP", 0x0081'0000'3000}},
                 {0x0000'0081'0000'3000, 0}},
};

// ---- 2. Scalable-mode root entry (9.2): 16 bytes; lower half devfn 0-127, upper half 128-255 -----------------------

/// Second sources: V, L, Q, M, T (T counts each half as an entry of its own).
inline constexpr std::array scalable_root_entry_fields{
    Position{"LP",     0,  0},
    Position{"LCTP",  63, 12, true},
    Position{"UP",    64, 64},
    Position{"UCTP", 127, 76, true},
};
inline constexpr std::array scalable_root_entries{
    Structure<2>{"LP alone",   "9.2 VLQMT", {{"LP", 1}},                         {0x0000'0000'0000'0001, 0}},
    Structure<2>{"LCTP alone", "9.2 VLQMT", {{"LCTP", 0x000f'ffff'ffff'f000}},   {0x000f'ffff'ffff'f000, 0}},
    Structure<2>{"UP alone",   "9.2 VLQMT", {{"UP", 1}},                         {0, 0x0000'0000'0000'0001}},
    Structure<2>{"UCTP alone", "9.2 VLQMT", {{"UCTP", 0x000f'ffff'ffff'f000}},   {0, 0x000f'ffff'ffff'f000}},
    Structure<2>{"neither half",    "9.2 VLQMT", {},                                                {0, 0}},
    Structure<2>{"lower half only", "9.2 VLQMT", {{"LP", 1}, {"LCTP", 0x0081'0000'4000}},
                 {0x0000'0081'0000'4001, 0}},
    Structure<2>{"upper half only", "9.2 VLQMT", {{"UP", 1}, {"UCTP", 0x0081'0000'5000}},
                 {0, 0x0000'0081'0000'5001}},
    Structure<2>{"both halves",     "9.2 VLQMT",
                 {{"LP", 1}, {"LCTP", 0x0081'0000'4000}, {"UP", 1}, {"UCTP", 0x0081'0000'5000}},
                 {0x0000'0081'0000'4001, 0x0000'0081'0000'5001}},
};

// ---- 3. Context entry (9.3): 16 bytes, 256 of them, index = devfn --------------------------------------------------

/// Second sources: V, L (struct context_entry and its setters), Q. TT: 00 untranslated only, 01 with ATS, 10
/// pass-through. AW: 001 39 bits, 010 48 bits, 011 57 bits.
inline constexpr std::array context_entry_fields{
    Position{"P",         0,  0},
    Position{"FPD",       1,  1},
    Position{"TT",        3,  2},
    Position{"SSPTPTR",  63, 12, true},
    Position{"AW",       66, 64},
    Position{"IGN",      70, 67},
    Position{"DID",      87, 72},
};
inline constexpr std::array context_entries{
    Structure<2>{"P alone",       "9.3 VLQ", {{"P", 1}},                            {0x0000'0000'0000'0001, 0}},
    Structure<2>{"FPD alone",     "9.3 VLQ", {{"FPD", 1}},                          {0x0000'0000'0000'0002, 0}},
    Structure<2>{"TT alone",      "9.3 VLQ", {{"TT", 3}},                           {0x0000'0000'0000'000c, 0}},
    Structure<2>{"SSPTPTR alone", "9.3 VLQ", {{"SSPTPTR", 0x000f'ffff'ffff'f000}},  {0x000f'ffff'ffff'f000, 0}},
    Structure<2>{"AW alone",      "9.3 VLQ", {{"AW", 7}},                           {0, 0x0000'0000'0000'0007}},
    Structure<2>{"IGN alone",     "9.3 VL",  {{"IGN", 0xf}},                        {0, 0x0000'0000'0000'0078}},
    Structure<2>{"DID alone",     "9.3 VLQ", {{"DID", 0xffff}},                     {0, 0x0000'0000'00ff'ff00}},
    // w1 = DID [23:8] 0x137 -> 0x1'3700 | AW [2:0]
    Structure<2>{"not present", "9.3 VLQ", {}, {0, 0}},
    Structure<2>{"not present, faults silenced", "9.3 VLQ", {{"FPD", 1}}, {0x0000'0000'0000'0002, 0}},
    Structure<2>{"second stage, 48 bits", "9.3; L domain_context_mapping_one",
                 {{"P", 1}, {"TT", 0}, {"SSPTPTR", 0x0080'4567'8000}, {"AW", 2}, {"DID", 0x137}},
                 {0x0000'0080'4567'8001, 0x0000'0000'0001'3702}},
    Structure<2>{"second stage, 39 bits", "9.3; L domain_context_mapping_one",
                 {{"P", 1}, {"TT", 0}, {"SSPTPTR", 0x0080'4567'8000}, {"AW", 1}, {"DID", 0x137}},
                 {0x0000'0080'4567'8001, 0x0000'0000'0001'3701}},
    // TT [3:2] = 01 -> 0x4
    Structure<2>{"second stage, 57 bits, device-TLB", "9.3; L domain_context_mapping_one",
                 {{"P", 1}, {"TT", 1}, {"SSPTPTR", 0x0080'4567'8000}, {"AW", 3}, {"DID", 0x137}},
                 {0x0000'0080'4567'8005, 0x0000'0000'0001'3703}},
    // TT 10 -> 0x8; no pointer; AW has to be the largest there is; DID 1 is Linux's FLPT_DEFAULT_DID
    Structure<2>{"pass-through", "9.3; L context_setup_pass_through",
                 {{"P", 1}, {"TT", 2}, {"AW", 3}, {"DID", 1}},
                 {0x0000'0000'0000'0009, 0x0000'0000'0000'0103}},
    Structure<2>{"second stage, faults silenced", "9.3 VLQ",
                 {{"P", 1}, {"FPD", 1}, {"TT", 0}, {"SSPTPTR", 0x0080'4567'8000}, {"AW", 2}, {"DID", 0x137}},
                 {0x0000'0080'4567'8003, 0x0000'0000'0001'3702}},
    // only P cleared: "second stage, 57 bits, device-TLB" less bit 0
    Structure<2>{"not present, rest left", "9.3; L context_clear_present",
                 {{"P", 0}, {"TT", 1}, {"SSPTPTR", 0x0080'4567'8000}, {"AW", 3}, {"DID", 0x137}},
                 {0x0000'0080'4567'8004, 0x0000'0000'0001'3703}},
};

// ---- 4. Scalable-mode context entry (9.4): 32 bytes, 128 of them, index = devfn [6:0] ------------------------------

/// Second sources: V, L, M, T up to PRE; HPTE and EPTR are the manual's alone [rev]: Q, M, V and T have 8:5 reserved.
/// PDTS: 2^(PDTS + 7) directory entries.
inline constexpr std::array scalable_context_entry_fields{
    Position{"P",            0,  0},
    Position{"FPD",          1,  1},
    Position{"DTE",          2,  2},
    Position{"PASIDE",       3,  3},
    Position{"PRE",          4,  4},
    Position{"HPTE",         5,  5},
    Position{"EPTR",         6,  6},
    Position{"PDTS",        11,  9},
    Position{"PASIDDIRPTR", 63, 12, true},
    Position{"RID_PASID",   83, 64},
    Position{"RID_PRIV",    84, 84},
};
inline constexpr std::array scalable_context_entries{
    Structure<4>{"P alone",         "9.4 VLMT",  {{"P", 1}},                     {0x0000'0000'0000'0001, 0, 0, 0}},
    Structure<4>{"FPD alone",       "9.4 VLMT",  {{"FPD", 1}},                   {0x0000'0000'0000'0002, 0, 0, 0}},
    Structure<4>{"DTE alone",       "9.4 VLMT",  {{"DTE", 1}},                   {0x0000'0000'0000'0004, 0, 0, 0}},
    Structure<4>{"PASIDE alone",    "9.4 VLMT",  {{"PASIDE", 1}},                {0x0000'0000'0000'0008, 0, 0, 0}},
    Structure<4>{"PRE alone",       "9.4 VLQMT", {{"PRE", 1}},                   {0x0000'0000'0000'0010, 0, 0, 0}},
    Structure<4>{"HPTE alone",      "9.4 alone", {{"HPTE", 1}},                  {0x0000'0000'0000'0020, 0, 0, 0}},
    Structure<4>{"EPTR alone",      "9.4 alone", {{"EPTR", 1}},                  {0x0000'0000'0000'0040, 0, 0, 0}},
    Structure<4>{"PDTS alone",      "9.4 VLMT",  {{"PDTS", 7}},                  {0x0000'0000'0000'0e00, 0, 0, 0}},
    Structure<4>{"PASIDDIRPTR alone", "9.4 VLQMT", {{"PASIDDIRPTR", 0x000f'ffff'ffff'f000}},
                 {0x000f'ffff'ffff'f000, 0, 0, 0}},
    Structure<4>{"RID_PASID alone", "9.4 VLQMT", {{"RID_PASID", 0xf'ffff}},      {0, 0x0000'0000'000f'ffff, 0, 0}},
    Structure<4>{"RID_PRIV alone",  "9.4 VMT",   {{"RID_PRIV", 1}},              {0, 0x0000'0000'0010'0000, 0, 0}},
    Structure<4>{"not present", "9.4 VLMT", {}, {0, 0, 0, 0}},
    Structure<4>{"not present, faults silenced", "9.4 VLMT", {{"FPD", 1}}, {0x0000'0000'0000'0002, 0, 0, 0}},
    // Linux, every feature of the device there, 20 bits of PASID: PDTS [11:9] = 7 -> 0xe00, with P, DTE, PASIDE, PRE
    Structure<4>{"PASIDs, ATS, PRI", "9.4; L context_entry_set_pasid_table",
                 {{"P", 1}, {"DTE", 1}, {"PASIDE", 1}, {"PRE", 1}, {"PDTS", 7}, {"PASIDDIRPTR", 0x0081'0010'0000}},
                 {0x0000'0081'0010'0e1d, 0, 0, 0}},
    Structure<4>{"no PASID, no ATS", "9.4; L context_entry_set_pasid_table",
                 {{"P", 1}, {"PDTS", 0}, {"PASIDDIRPTR", 0x0081'0010'0000}},
                 {0x0000'0081'0010'0001, 0, 0, 0}},
    // PDTS 3 -> 0x600: 1024 directory entries, 16 bits of PASID; P | DTE | PASIDE = 0xd
    Structure<4>{"PASIDs, ATS, RID_PASID 5, RID_PRIV", "9.4 VMT",
                 {{"P", 1}, {"DTE", 1}, {"PASIDE", 1}, {"PDTS", 3}, {"PASIDDIRPTR", 0x0081'0010'0000},
                  {"RID_PASID", 5}, {"RID_PRIV", 1}},
                 {0x0000'0081'0010'060d, 0x0000'0000'0010'0005, 0, 0}},
    // DTE, PASIDE, HPTE, EPTR: 0x4 | 0x8 | 0x20 | 0x40, and P
    Structure<4>{"translated requests with PASID, HPT", "9.4 alone",
                 {{"P", 1}, {"DTE", 1}, {"PASIDE", 1}, {"HPTE", 1}, {"EPTR", 1}, {"PDTS", 7},
                  {"PASIDDIRPTR", 0x0081'0010'0000}},
                 {0x0000'0081'0010'0e6d, 0, 0, 0}},
    Structure<4>{"PASIDs, ATS, PRI, faults silenced", "9.4 VLMT",
                 {{"P", 1}, {"FPD", 1}, {"DTE", 1}, {"PASIDE", 1}, {"PRE", 1}, {"PDTS", 7},
                  {"PASIDDIRPTR", 0x0081'0010'0000}},
                 {0x0000'0081'0010'0e1f, 0, 0, 0}},
    Structure<4>{"not present, rest left", "9.4; L context_clear_present",
                 {{"P", 0}, {"DTE", 1}, {"PASIDE", 1}, {"PRE", 1}, {"PDTS", 7}, {"PASIDDIRPTR", 0x0081'0010'0000}},
                 {0x0000'0081'0010'0e1c, 0, 0, 0}},
};
/// Present, and wrongly so: fault reasons 43 (SCT.4) and 42 (SCT.3).
inline constexpr std::array bad_scalable_context_entries{
    Structure<4>{"43: PRE without DTE", "9.4, SCT.4.1",
                 {{"P", 1}, {"PASIDE", 1}, {"PRE", 1}, {"PDTS", 7}, {"PASIDDIRPTR", 0x0081'0010'0000}},
                 {0x0000'0081'0010'0e19, 0, 0, 0}},
    // PDTS 0: 128 directory entries, PASIDs up to 0x1fff
    Structure<4>{"43: RID_PASID beyond PDTS", "9.4, SCT.4.2",
                 {{"P", 1}, {"PASIDE", 1}, {"PDTS", 0}, {"PASIDDIRPTR", 0x0081'0010'0000}, {"RID_PASID", 0x2000}},
                 {0x0000'0081'0010'0009, 0x0000'0000'0000'2000, 0, 0}},
    Structure<4>{"43: EPTR without PASIDE", "9.4, SCT.4.3",
                 {{"P", 1}, {"DTE", 1}, {"EPTR", 1}, {"PDTS", 7}, {"PASIDDIRPTR", 0x0081'0010'0000}},
                 {0x0000'0081'0010'0e45, 0, 0, 0}},
    // a bit that no field has: bit 7
    Structure<4>{"42: bit 7", "9.4, SCT.3", {}, {0x0000'0081'0010'0e9d, 0, 0, 0}},
    // bit 85, the lowest of the upper reserved range
    Structure<4>{"42: bit 85", "9.4, SCT.3", {}, {0x0000'0081'0010'0e1d, 0x0000'0000'0020'0000, 0, 0}},
    // bit 255
    Structure<4>{"42: bit 255", "9.4, SCT.3", {}, {0x0000'0081'0010'0e1d, 0, 0, 0x8000'0000'0000'0000}},
};

/// How many directory entries PDTS stands for, and the largest PASID that they reach (64 to each).
struct DirectorySize {
    unsigned pdts, entries;
    std::uint32_t largest_pasid;
};
inline constexpr std::array directory_sizes{
    DirectorySize{0,   128, 0x0'1fff}, DirectorySize{1,   256, 0x0'3fff}, DirectorySize{2,  512, 0x0'7fff},
    DirectorySize{3,  1024, 0x0'ffff}, DirectorySize{4,  2048, 0x1'ffff}, DirectorySize{5, 4096, 0x3'ffff},
    DirectorySize{6,  8192, 0x7'ffff}, DirectorySize{7, 16384, 0xf'ffff},
};

// ---- 5. Scalable-mode PASID directory entry (9.5): 8 bytes, index = PASID [19:6] -----------------------------------

/// Second sources: V, L, M, T.
inline constexpr std::array pasid_directory_entry_fields{
    Position{"P",          0,  0},
    Position{"FPD",        1,  1},
    Position{"SMPTBLPTR", 63, 12, true},
};
inline constexpr std::array pasid_directory_entries{
    Structure<1>{"P alone",         "9.5 VLMT",  {{"P", 1}},                             {0x0000'0000'0000'0001}},
    Structure<1>{"FPD alone",       "9.5 VQMT",  {{"FPD", 1}},                           {0x0000'0000'0000'0002}},
    Structure<1>{"SMPTBLPTR alone", "9.5 VLQMT", {{"SMPTBLPTR", 0x000f'ffff'ffff'f000}}, {0x000f'ffff'ffff'f000}},
    Structure<1>{"not present", "9.5 VLMT", {}, {0}},
    Structure<1>{"PASID table", "9.5; L intel_pasid_get_entry",
                 {{"P", 1}, {"SMPTBLPTR", 0x0081'0020'0000}}, {0x0000'0081'0020'0001}},
    Structure<1>{"PASID table, faults silenced", "9.5 VQMT",
                 {{"P", 1}, {"FPD", 1}, {"SMPTBLPTR", 0x0081'0020'0000}}, {0x0000'0081'0020'0003}},
    Structure<1>{"not present, faults silenced", "9.5 VQMT", {{"FPD", 1}}, {0x0000'0000'0000'0002}},
    Structure<1>{"not present, pointer left", "9.5 VLMT",
                 {{"P", 0}, {"SMPTBLPTR", 0x0081'0020'0000}}, {0x0000'0081'0020'0000}},
};

/// Where a request's entries are (3.4.3): offsets from the root table, from the context table of that half, from the
/// PASID directory and from the PASID table. The context table is the upper one if devfn [7] is set.
struct ScalableIndex {
    const char* what;
    std::uint16_t source;
    std::uint32_t pasid;
    std::uint32_t root_offset;
    bool upper;
    std::uint32_t context_offset, directory_offset, table_offset;
};
inline constexpr std::array scalable_indexes{
    // bus * 16, devfn [6:0] * 32, PASID [19:6] * 8, PASID [5:0] * 64
    ScalableIndex{"first of all",       0x0000, 0x0'0000, 0x000, false, 0x000, 0x0'0000, 0x000},
    ScalableIndex{"3a:02.0",            0x3a10, 0x1'2345, 0x3a0, false, 0x200, 0x0'2468, 0x140},
    ScalableIndex{"last of lower half", 0x3a7f, 0x0'003f, 0x3a0, false, 0xfe0, 0x0'0000, 0xfc0},
    ScalableIndex{"first of upper",     0x3a80, 0x0'0040, 0x3a0, true,  0x000, 0x0'0008, 0x000},
    ScalableIndex{"last of all",        0xffff, 0xf'ffff, 0xff0, true,  0xfe0, 0x1'fff8, 0xfc0},
};

// ---- 6. Reserved bits ----------------------------------------------------------------------------------------------

/// Q and M give the same for the revisions they follow; there 8:5 of a scalable-mode context entry are reserved
/// (0x1e0), here only 8:7. Bits 63:52 lie above the host address width.
inline constexpr std::array reserved_of_1{
    ReservedBits<1>{"PASID directory entry", "9.5 VMT", {0xfff0'0000'0000'0ffc}},
};
inline constexpr std::array reserved_of_2{
    ReservedBits<2>{"root entry",               "9.1 VQ",  {0xfff0'0000'0000'0ffe, 0xffff'ffff'ffff'ffff}},
    // one half counts only if its own present bit is set
    ReservedBits<2>{"scalable-mode root entry", "9.2 VMT", {0xfff0'0000'0000'0ffe, 0xfff0'0000'0000'0ffe}},
    ReservedBits<2>{"context entry",            "9.3 VQ",  {0xfff0'0000'0000'0ff0, 0xffff'ffff'ff00'0080}},
};
inline constexpr std::array reserved_of_4{
    ReservedBits<4>{"scalable-mode context entry", "9.4 QM",
                    {0xfff0'0000'0000'0180, 0xffff'ffff'ffe0'0000, 0xffff'ffff'ffff'ffff, 0xffff'ffff'ffff'ffff}},
};

// clang-format on

} // namespace quiesce::golden::vtd
