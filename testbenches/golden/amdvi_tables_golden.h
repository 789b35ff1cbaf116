// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of AMD-Vi: device table entry (2.2.2), GCR3 table, host page tables ("v1", 2.2.3) and guest page
// tables ("v2", 2.2.6). Conventions, sources and common values are in amdvi_golden.h.
#pragma once

#include "amdvi_golden.h"

#include <array>

namespace quiesce::golden::amdvi {

// clang-format off

// ---- 1. Device table entry: 32 bytes, index = DeviceID -------------------------------------------------------------

/// "GCR3" is the GCR3 table's address, in three pieces. [disagree] 8:7 HAD: reserved in B. 106: SATS with F and M,
/// reserved in X, V and B. 187: HPTMode with F and M, reserved in L, X and V. 183:182: GuestPagingMode with S, L, F and
/// M, reserved in X, V and B. 6:4: CXLMemAttr with M, reserved in all others. V's structure gives the lowest piece of
/// GCR3 two bits instead of three, and others of its widths are slips too (its comments are right).
inline constexpr std::array dte_fields{
    Position{"V", 0, 0}, Position{"TV", 1, 1}, Position{"HAD", 8, 7}, Position{"Mode", 11, 9},
    Position{"HostPTRoot", 51, 12, true}, Position{"PPR", 52, 52}, Position{"GPRP", 53, 53}, Position{"GIoV", 54, 54},
    Position{"GV", 55, 55}, Position{"GLX", 57, 56}, Position{"GCR3[14:12]", 60, 58}, Position{"IR", 61, 61},
    Position{"IW", 62, 62},
    Position{"DomainID", 79, 64}, Position{"GCR3[30:15]", 95, 80}, Position{"I", 96, 96}, Position{"SE", 97, 97},
    Position{"SA", 98, 98}, Position{"IoCtl", 100, 99}, Position{"Cache", 101, 101}, Position{"SD", 102, 102},
    Position{"EX", 103, 103}, Position{"SysMgt", 105, 104}, Position{"SATS", 106, 106},
    Position{"GCR3[51:31]", 127, 107},
    Position{"IV", 128, 128}, Position{"IntTabLen", 132, 129}, Position{"IG", 133, 133},
    Position{"IntTabRoot", 179, 134, true}, Position{"GuestPagingMode", 183, 182}, Position{"INITPass", 184, 184},
    Position{"EIntPass", 185, 185}, Position{"NMIPass", 186, 186}, Position{"HPTMode", 187, 187},
    Position{"IntCtl", 189, 188}, Position{"Lint0Pass", 190, 190}, Position{"Lint1Pass", 191, 191},
    Position{"vImuEn", 207, 207}, Position{"GDeviceID", 223, 208}, Position{"GuestID", 239, 224},
    Position{"AttrV", 246, 246}, Position{"Mode0FC", 247, 247}, Position{"SnoopAttribute", 255, 248},
};
inline constexpr std::array dtes_alone{
    Structure<4>{"V alone",          "SLFVXBQMNI", {{"V", 1}}, {0x0000'0000'0000'0001, 0, 0, 0}},
    Structure<4>{"TV alone",         "SLFVXBQMNI", {{"TV", 1}}, {0x0000'0000'0000'0002, 0, 0, 0}},
    Structure<4>{"HAD alone",        "SLFVXM", {{"HAD", 3}}, {0x0000'0000'0000'0180, 0, 0, 0}},
    Structure<4>{"Mode alone",       "SLFVXBQMNI", {{"Mode", 7}}, {0x0000'0000'0000'0e00, 0, 0, 0}},
    Structure<4>{"HostPTRoot alone", "SLFVXBQMI", {{"HostPTRoot", 0x000f'ffff'ffff'f000}},
                 {0x000f'ffff'ffff'f000, 0, 0, 0}},
    Structure<4>{"PPR alone",        "SLFVXM", {{"PPR", 1}}, {0x0010'0000'0000'0000, 0, 0, 0}},
    Structure<4>{"GPRP alone",       "SFVXM", {{"GPRP", 1}}, {0x0020'0000'0000'0000, 0, 0, 0}},
    Structure<4>{"GIoV alone",       "SLFVXM", {{"GIoV", 1}}, {0x0040'0000'0000'0000, 0, 0, 0}},
    Structure<4>{"GV alone",         "SLFVXBM", {{"GV", 1}}, {0x0080'0000'0000'0000, 0, 0, 0}},
    Structure<4>{"GLX alone",        "SLFVXBM", {{"GLX", 3}}, {0x0300'0000'0000'0000, 0, 0, 0}},
    Structure<4>{"IR alone",         "SLFVXBQMNI", {{"IR", 1}}, {0x2000'0000'0000'0000, 0, 0, 0}},
    Structure<4>{"IW alone",         "SLFVXBQMNI", {{"IW", 1}}, {0x4000'0000'0000'0000, 0, 0, 0}},
    Structure<4>{"DomainID alone",   "SLFVXBQMNI", {{"DomainID", 0xffff}}, {0, 0x0000'0000'0000'ffff, 0, 0}},
    Structure<4>{"I alone",          "SLFVXBMI", {{"I", 1}}, {0, 0x0000'0001'0000'0000, 0, 0}},
    Structure<4>{"SE alone",         "SFVXBMI", {{"SE", 1}}, {0, 0x0000'0002'0000'0000, 0, 0}},
    Structure<4>{"SA alone",         "SLFVXBMI", {{"SA", 1}}, {0, 0x0000'0004'0000'0000, 0, 0}},
    Structure<4>{"IoCtl alone",      "SFVXBMI", {{"IoCtl", 3}}, {0, 0x0000'0018'0000'0000, 0, 0}},
    Structure<4>{"Cache alone",      "SFVXBMI", {{"Cache", 1}}, {0, 0x0000'0020'0000'0000, 0, 0}},
    Structure<4>{"SD alone",         "SFVXBMI", {{"SD", 1}}, {0, 0x0000'0040'0000'0000, 0, 0}},
    Structure<4>{"EX alone",         "SLFVXBMI", {{"EX", 1}}, {0, 0x0000'0080'0000'0000, 0, 0}},
    Structure<4>{"SysMgt alone",     "SLFVXBMI", {{"SysMgt", 3}}, {0, 0x0000'0300'0000'0000, 0, 0}},
    Structure<4>{"SATS alone",       "FM", {{"SATS", 1}}, {0, 0x0000'0400'0000'0000, 0, 0}},
    Structure<4>{"IV alone",         "SLFVXBMNI", {{"IV", 1}}, {0, 0, 0x0000'0000'0000'0001, 0}},
    Structure<4>{"IntTabLen alone",  "SLFVXBMNI", {{"IntTabLen", 0xf}}, {0, 0, 0x0000'0000'0000'001e, 0}},
    Structure<4>{"IG alone",         "SFVXBMI", {{"IG", 1}}, {0, 0, 0x0000'0000'0000'0020, 0}},
    // V masks 51:7, as the table is aligned to 128 bytes; the field has 46 bits in all
    Structure<4>{"IntTabRoot alone", "SLFXBMNI", {{"IntTabRoot", 0x000f'ffff'ffff'ffc0}},
                 {0, 0, 0x000f'ffff'ffff'ffc0, 0}},
    Structure<4>{"GuestPagingMode alone", "SLFM", {{"GuestPagingMode", 3}}, {0, 0, 0x00c0'0000'0000'0000, 0}},
    Structure<4>{"INITPass alone",   "SLFVXBQMI", {{"INITPass", 1}}, {0, 0, 0x0100'0000'0000'0000, 0}},
    Structure<4>{"EIntPass alone",   "SLFVXBQMI", {{"EIntPass", 1}}, {0, 0, 0x0200'0000'0000'0000, 0}},
    Structure<4>{"NMIPass alone",    "SLFVXBQMI", {{"NMIPass", 1}}, {0, 0, 0x0400'0000'0000'0000, 0}},
    Structure<4>{"HPTMode alone",    "FM", {{"HPTMode", 1}}, {0, 0, 0x0800'0000'0000'0000, 0}},
    Structure<4>{"IntCtl alone",     "SLFVXBQMNI", {{"IntCtl", 3}}, {0, 0, 0x3000'0000'0000'0000, 0}},
    Structure<4>{"Lint0Pass alone",  "SLFVXBQMI", {{"Lint0Pass", 1}}, {0, 0, 0x4000'0000'0000'0000, 0}},
    Structure<4>{"Lint1Pass alone",  "SLFVXBQMI", {{"Lint1Pass", 1}}, {0, 0, 0x8000'0000'0000'0000, 0}},
    Structure<4>{"vImuEn alone",     "F", {{"vImuEn", 1}}, {0, 0, 0, 0x0000'0000'0000'8000}},
    Structure<4>{"GDeviceID alone",  "F", {{"GDeviceID", 0xffff}}, {0, 0, 0, 0x0000'0000'ffff'0000}},
    Structure<4>{"GuestID alone",    "F", {{"GuestID", 0xffff}}, {0, 0, 0, 0x0000'ffff'0000'0000}},
    Structure<4>{"AttrV alone",      "FVX", {{"AttrV", 1}}, {0, 0, 0, 0x0040'0000'0000'0000}},
    Structure<4>{"Mode0FC alone",    "FVX", {{"Mode0FC", 1}}, {0, 0, 0, 0x0080'0000'0000'0000}},
    Structure<4>{"SnoopAttribute alone", "FVX", {{"SnoopAttribute", 0xff}}, {0, 0, 0, 0xff00'0000'0000'0000}},
};

/// Where the bits of the GCR3 table's address go: 14:12 to 60:58, 30:15 to 95:80, 51:31 to 127:107 (for V by its
/// comments). An older L lost bit 51.
inline constexpr std::array dtes_gcr3{
    Structure<4>{"bit 12", "SLFXM", {{"GCR3", 0x1000}}, {0x0400'0000'0000'0000, 0, 0, 0}},
    Structure<4>{"bit 14", "SLFXM", {{"GCR3", 0x4000}}, {0x1000'0000'0000'0000, 0, 0, 0}},
    Structure<4>{"bit 15", "SLFVXBM", {{"GCR3", 0x8000}}, {0, 0x0000'0000'0001'0000, 0, 0}},
    Structure<4>{"bit 30", "SLFVXBM", {{"GCR3", 0x4000'0000}}, {0, 0x0000'0000'8000'0000, 0, 0}},
    Structure<4>{"bit 31", "SLFVXBM", {{"GCR3", 0x8000'0000}}, {0, 0x0000'0800'0000'0000, 0, 0}},
    Structure<4>{"bit 51", "SLFVXBM", {{"GCR3", 0x0008'0000'0000'0000}}, {0, 0x8000'0000'0000'0000, 0, 0}},
    Structure<4>{"14:12", "SLFXBM", {{"GCR3", 0x7000}}, {0x1c00'0000'0000'0000, 0, 0, 0}},
    Structure<4>{"30:15", "SLFVXBM", {{"GCR3", 0x7fff'8000}}, {0, 0x0000'0000'ffff'0000, 0, 0}},
    Structure<4>{"51:31", "SLFVXBM", {{"GCR3", 0x000f'ffff'8000'0000}}, {0, 0xffff'f800'0000'0000, 0, 0}},
    // 0x6000 -> 6; >> 15 = 0x102'468a, of which the low 16 bits and 0x102
    Structure<4>{"0x81'2345'6000", "SLFXM", {{"GCR3", 0x0081'2345'6000}},
                 {0x1800'0000'0000'0000, 0x0008'1000'468a'0000, 0, 0}},
    // 0x3000 -> 3; >> 15 = 0x15'79bd'e024
    Structure<4>{"0xa'bcde'f012'3000", "SLFXM", {{"GCR3", 0x000a'bcde'f012'3000}},
                 {0x0c00'0000'0000'0000, 0xabcd'e800'e024'0000, 0, 0}},
};

/// w0 = V 1 | TV 2 | HAD 0x80 | Mode 0x200 | HostPTRoot | PPR 0x0010.. | GPRP 0x0020.. | GIoV 0x0040.. |
/// GV 0x0080.. | GLX 0x0100.. | GCR3[14:12] 6 -> 0x1800.. | IR 0x2000.. | IW 0x4000..; w1 = 0x0008'1000'468a'0000 for
/// the GCR3 table | DomainID 0x0137 | I 1, SE 2, SA 4 in bits 34:32.
inline constexpr std::array dtes{
    // V 0: everything is forwarded untranslated (M; N takes IV 0 so)
    Structure<4>{"not valid", "M", {}, {0, 0, 0, 0}},
    // L without SNP; no levels, no permission
    Structure<4>{"blocked", "L clear_dte_entry", {{"V", 1}, {"TV", 1}}, {0x0000'0000'0000'0003, 0, 0, 0}},
    Structure<4>{"blocked, IOTLB enable left", "L clear_dte_entry", {{"V", 1}, {"TV", 1}, {"I", 1}},
                 {0x0000'0000'0000'0003, 0x0000'0001'0000'0000, 0, 0}},
    // what needs a table walk is aborted (M, N, I); L where SNP is on
    Structure<4>{"blocked, TV 0", "MNI; L", {{"V", 1}}, {0x0000'0000'0000'0001, 0, 0, 0}},
    Structure<4>{"pass-through", "L set_dte_entry", {{"V", 1}, {"TV", 1}, {"IR", 1}, {"IW", 1}, {"DomainID", 0x137}},
                 {0x6000'0000'0000'0003, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"pass-through, read only", "SLFVXM", {{"V", 1}, {"TV", 1}, {"IR", 1}, {"DomainID", 0x137}},
                 {0x2000'0000'0000'0003, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"pass-through, write only", "SLFVXM", {{"V", 1}, {"TV", 1}, {"IW", 1}, {"DomainID", 0x137}},
                 {0x4000'0000'0000'0003, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"pass-through, ATS, PRI", "L set_dte_entry",
                 {{"V", 1}, {"TV", 1}, {"PPR", 1}, {"IR", 1}, {"IW", 1}, {"DomainID", 0x137}, {"I", 1}},
                 {0x6010'0000'0000'0003, 0x0000'0001'0000'0137, 0, 0}},
    Structure<4>{"Mode 1", "SLFVXBQMN",
                 {{"V", 1}, {"TV", 1}, {"Mode", 1}, {"HostPTRoot", 0x0080'4567'8000}, {"IR", 1}, {"IW", 1},
                  {"DomainID", 0x137}},
                 {0x6000'0080'4567'8203, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"Mode 2", "SLFVXBQMN",
                 {{"V", 1}, {"TV", 1}, {"Mode", 2}, {"HostPTRoot", 0x0080'4567'8000}, {"IR", 1}, {"IW", 1},
                  {"DomainID", 0x137}},
                 {0x6000'0080'4567'8403, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"Mode 3", "SLFVXBQMN",
                 {{"V", 1}, {"TV", 1}, {"Mode", 3}, {"HostPTRoot", 0x0080'4567'8000}, {"IR", 1}, {"IW", 1},
                  {"DomainID", 0x137}},
                 {0x6000'0080'4567'8603, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"Mode 4", "SLFVXBQMN",
                 {{"V", 1}, {"TV", 1}, {"Mode", 4}, {"HostPTRoot", 0x0080'4567'8000}, {"IR", 1}, {"IW", 1},
                  {"DomainID", 0x137}},
                 {0x6000'0080'4567'8803, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"Mode 5", "SLFVXBQMN",
                 {{"V", 1}, {"TV", 1}, {"Mode", 5}, {"HostPTRoot", 0x0080'4567'8000}, {"IR", 1}, {"IW", 1},
                  {"DomainID", 0x137}},
                 {0x6000'0080'4567'8a03, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"Mode 6", "SLFVXBQMN",
                 {{"V", 1}, {"TV", 1}, {"Mode", 6}, {"HostPTRoot", 0x0080'4567'8000}, {"IR", 1}, {"IW", 1},
                  {"DomainID", 0x137}},
                 {0x6000'0080'4567'8c03, 0x0000'0000'0000'0137, 0, 0}},
    // HAD 3: the IOMMU sets A and D
    Structure<4>{"Mode 4, dirty tracking, ATS", "L set_dte_entry",
                 {{"V", 1}, {"TV", 1}, {"HAD", 3}, {"Mode", 4}, {"HostPTRoot", 0x0080'4567'8000}, {"IR", 1},
                  {"IW", 1}, {"DomainID", 0x137}, {"I", 1}},
                 {0x6000'0080'4567'8983, 0x0000'0001'0000'0137, 0, 0}},
    Structure<4>{"PASIDs, GLX 0", "SLFXM",
                 {{"V", 1}, {"TV", 1}, {"GV", 1}, {"GLX", 0}, {"GCR3", 0x0081'2345'6000}, {"IR", 1}, {"IW", 1},
                  {"DomainID", 0x137}},
                 {0x7880'0000'0000'0003, 0x0008'1000'468a'0137, 0, 0}},
    Structure<4>{"PASIDs, GLX 1", "SLFXM",
                 {{"V", 1}, {"TV", 1}, {"GV", 1}, {"GLX", 1}, {"GCR3", 0x0081'2345'6000}, {"IR", 1}, {"IW", 1},
                  {"DomainID", 0x137}},
                 {0x7980'0000'0000'0003, 0x0008'1000'468a'0137, 0, 0}},
    Structure<4>{"PASIDs, GLX 2", "SLFXM",
                 {{"V", 1}, {"TV", 1}, {"GV", 1}, {"GLX", 2}, {"GCR3", 0x0081'2345'6000}, {"IR", 1}, {"IW", 1},
                  {"DomainID", 0x137}},
                 {0x7a80'0000'0000'0003, 0x0008'1000'468a'0137, 0, 0}},
    // 16 bits of PASID: two levels
    Structure<4>{"SVA: PASIDs, ATS, PRI", "L set_dte_entry",
                 {{"V", 1}, {"TV", 1}, {"PPR", 1}, {"GV", 1}, {"GLX", 1}, {"GCR3", 0x0081'2345'6000}, {"IR", 1},
                  {"IW", 1}, {"DomainID", 0x137}, {"I", 1}},
                 {0x7990'0000'0000'0003, 0x0008'1001'468a'0137, 0, 0}},
    Structure<4>{"SVA, response with PASID", "SFVXM",
                 {{"V", 1}, {"TV", 1}, {"PPR", 1}, {"GPRP", 1}, {"GV", 1}, {"GLX", 1}, {"GCR3", 0x0081'2345'6000},
                  {"IR", 1}, {"IW", 1}, {"DomainID", 0x137}, {"I", 1}},
                 {0x79b0'0000'0000'0003, 0x0008'1001'468a'0137, 0, 0}},
    // requests without PASID take that of PASID 0
    Structure<4>{"SVA on v2 tables, GIoV", "L set_dte_entry",
                 {{"V", 1}, {"TV", 1}, {"PPR", 1}, {"GIoV", 1}, {"GV", 1}, {"GLX", 1}, {"GCR3", 0x0081'2345'6000},
                  {"IR", 1}, {"IW", 1}, {"DomainID", 0x137}, {"I", 1}},
                 {0x79d0'0000'0000'0003, 0x0008'1001'468a'0137, 0, 0}},
    Structure<4>{"SVA, five-level guest tables", "L set_dte_entry",
                 {{"V", 1}, {"TV", 1}, {"PPR", 1}, {"GV", 1}, {"GLX", 1}, {"GCR3", 0x0081'2345'6000}, {"IR", 1},
                  {"IW", 1}, {"DomainID", 0x137}, {"I", 1}, {"GuestPagingMode", 1}},
                 {0x7990'0000'0000'0003, 0x0008'1001'468a'0137, 0x0040'0000'0000'0000, 0}},
    Structure<4>{"nested: PASIDs over Mode 4", "SFVXM",
                 {{"V", 1}, {"TV", 1}, {"Mode", 4}, {"HostPTRoot", 0x0080'4567'8000}, {"GV", 1}, {"GLX", 1},
                  {"GCR3", 0x0081'2345'6000}, {"IR", 1}, {"IW", 1}, {"DomainID", 0x137}},
                 {0x7980'0080'4567'8803, 0x0008'1000'468a'0137, 0, 0}},
    // [disagree] SE: repeated page faults (S), later ones (B), page faults (F, V), all events (M, a slip); SA: all
    Structure<4>{"SVA, SE", "SFVXBM",
                 {{"V", 1}, {"TV", 1}, {"PPR", 1}, {"GV", 1}, {"GLX", 1}, {"GCR3", 0x0081'2345'6000}, {"IR", 1},
                  {"IW", 1}, {"DomainID", 0x137}, {"I", 1}, {"SE", 1}},
                 {0x7990'0000'0000'0003, 0x0008'1003'468a'0137, 0, 0}},
    Structure<4>{"SVA, SA", "SFVXBM",
                 {{"V", 1}, {"TV", 1}, {"PPR", 1}, {"GV", 1}, {"GLX", 1}, {"GCR3", 0x0081'2345'6000}, {"IR", 1},
                  {"IW", 1}, {"DomainID", 0x137}, {"I", 1}, {"SA", 1}},
                 {0x7990'0000'0000'0003, 0x0008'1005'468a'0137, 0, 0}},
    Structure<4>{"SVA, SE and SA, no ATS", "SFVXBM",
                 {{"V", 1}, {"TV", 1}, {"GV", 1}, {"GLX", 1}, {"GCR3", 0x0081'2345'6000}, {"IR", 1}, {"IW", 1},
                  {"DomainID", 0x137}, {"SE", 1}, {"SA", 1}},
                 {0x7980'0000'0000'0003, 0x0008'1006'468a'0137, 0, 0}},
    // L keeps word 2 over all of these; 512 entries, IntCtl 2 remaps
    Structure<4>{"blocked, interrupts remapped", "LFMN",
                 {{"V", 1}, {"TV", 1}, {"IV", 1}, {"IntTabLen", 9}, {"IntTabRoot", 0x0081'0040'0080}, {"IntCtl", 2}},
                 {0x0000'0000'0000'0003, 0, 0x2000'0081'0040'0093, 0}},
    Structure<4>{"cleared, rest left", "L update_dte256",
                 {{"V", 0}, {"TV", 1}, {"PPR", 1}, {"GV", 1}, {"GLX", 1}, {"GCR3", 0x0081'2345'6000}, {"IR", 1},
                  {"IW", 1}, {"DomainID", 0x137}, {"I", 1}},
                 {0x7990'0000'0000'0002, 0x0008'1001'468a'0137, 0, 0}},
};

/// Valid, and wrongly so; the event before the colon is V's. "Mode 4" of above with one thing changed.
inline constexpr std::array bad_dtes{
    Structure<4>{"IO_PAGE_FAULT: Mode 7", "V", {}, {0x6000'0080'4567'8e03, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"ILLEGAL_DEV_TABLE_ENTRY: bit 2", "V", {}, {0x6000'0080'4567'8807, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"ILLEGAL_DEV_TABLE_ENTRY: bit 63", "V", {}, {0xe000'0080'4567'8803, 0x0000'0000'0000'0137, 0, 0}},
    Structure<4>{"ILLEGAL_DEV_TABLE_ENTRY: IoCtl 3", "V", {}, {0x6000'0080'4567'8803, 0x0000'0018'0000'0137, 0, 0}},
    Structure<4>{"ILLEGAL_DEV_TABLE_ENTRY: IntCtl 3", "V", {},
                 {0x6000'0080'4567'8803, 0x0000'0000'0000'0137, 0x3000'0081'0040'0093, 0}},
    // GLX 3 with GV, HAD 2: F calls both reserved; which event they make no source says
    Structure<4>{"reserved value: GLX 3", "F", {}, {0x7b80'0000'0000'0003, 0x0008'1000'468a'0137, 0, 0}},
    Structure<4>{"reserved value: HAD 2", "F", {}, {0x6000'0080'4567'8903, 0x0000'0000'0000'0137, 0, 0}},
};
/// [disagree] by revision: what V (3.05) and Q (of 2025) take for reserved.
inline constexpr std::array reserved_of_dte{
    ReservedBits<4>{"DTE, 3.05", "V",
                    {0x8000'0000'0000'007c, 0x0000'0400'0000'0000, 0x08f0'0000'0000'0000, 0x003f'ffff'ffff'ffff}},
    ReservedBits<4>{"DTE, with vIOMMU", "Q", {0x8000'0000'0000'007c, 0, 0x0030'0000'0000'0000, 0x003f'0000'0000'7fff}},
};

/// DevTabBase.Size: 4 KiB pages less one, 128 entries each; an entry is at DeviceID * 32.
struct DeviceTableSize {
    unsigned size;
    std::uint32_t bytes, last_device, last_offset;
};
inline constexpr std::array device_table_sizes{
    DeviceTableSize{0x000, 0x00'1000, 0x007f, 0x00'0fe0}, DeviceTableSize{0x001, 0x00'2000, 0x00ff, 0x00'1fe0},
    DeviceTableSize{0x074, 0x07'5000, 0x3a7f, 0x07'4fe0}, DeviceTableSize{0x1ff, 0x20'0000, 0xffff, 0x1f'ffe0},
};

// ---- 2. GCR3 table: 8 bytes an entry, 512 of them a page -----------------------------------------------------------

/// The same at every level: above the last one the address is that of the next table (L).
inline constexpr std::array gcr3_entry_fields{
    Position{"V", 0, 0}, Position{"Address", 51, 12, true},
};
inline constexpr std::array gcr3_entries{
    Structure<1>{"V alone",       "SL", {{"V", 1}}, {0x0000'0000'0000'0001}},
    Structure<1>{"Address alone", "SL", {{"Address", 0x000f'ffff'ffff'f000}}, {0x000f'ffff'ffff'f000}},
    Structure<1>{"not valid",     "L update_gcr3", {}, {0}},
    Structure<1>{"guest CR3",     "L update_gcr3", {{"V", 1}, {"Address", 0x0083'4567'8000}}, {0x0000'0083'4567'8001}},
    Structure<1>{"second-level table", "L __get_gcr3_pte", {{"V", 1}, {"Address", 0x0081'2346'0000}},
                 {0x0000'0081'2346'0001}},
    Structure<1>{"third-level table",  "L __get_gcr3_pte", {{"V", 1}, {"Address", 0x0081'789a'b000}},
                 {0x0000'0081'789a'b001}},
    Structure<1>{"not valid, address left", "SL", {{"V", 0}, {"Address", 0x0083'4567'8000}}, {0x0000'0083'4567'8000}},
};

/// Offsets in the tables of three, two and one levels to go: PASID [19:18], [17:9], [8:0], times 8 (L). -1: GLX has no
/// such level. `reachable`: the tables have a place for the PASID; if not, IO_PAGE_FAULT (V).
struct Gcr3Index {
    std::uint32_t pasid;
    unsigned glx;
    bool reachable;
    int third, second, first;
};
inline constexpr std::array gcr3_indexes{
    Gcr3Index{0x0'0000, 0, true,  -1, -1, 0x000},     Gcr3Index{0x0'0145, 0, true,  -1, -1, 0xa28},
    Gcr3Index{0x0'01ff, 0, true,  -1, -1, 0xff8},     Gcr3Index{0x0'0200, 0, false, -1, -1, -1},
    Gcr3Index{0x0'0200, 1, true,  -1, 0x008, 0x000},  Gcr3Index{0x1'2345, 1, true,  -1, 0x488, 0xa28},
    Gcr3Index{0x3'ffff, 1, true,  -1, 0xff8, 0xff8},  Gcr3Index{0x4'0000, 1, false, -1, -1, -1},
    Gcr3Index{0x4'0000, 2, true,  0x008, 0x000, 0x000}, Gcr3Index{0x1'2345, 2, true,  0x000, 0x488, 0xa28},
    Gcr3Index{0xd'2345, 2, true,  0x018, 0x488, 0xa28}, Gcr3Index{0xf'ffff, 2, true,  0x018, 0xff8, 0xff8},
};

// ---- 3. Host page tables (v1): 8 bytes an entry --------------------------------------------------------------------

/// A: V, X, F and M; S and L have no A. [disagree] in an entry that points to a table 60:52 are reserved (V). 58:57 are
/// for page migration in newer revisions (F, M).
inline constexpr std::array v1_entry_fields{
    Position{"PR", 0, 0}, Position{"A", 5, 5}, Position{"D", 6, 6}, Position{"NextLevel", 11, 9},
    Position{"Address", 51, 12, true}, Position{"U", 59, 59}, Position{"FC", 60, 60}, Position{"IR", 61, 61},
    Position{"IW", 62, 62},
};
inline constexpr std::array v1_entries{
    Structure<1>{"PR alone",        "SLFVXBQM", {{"PR", 1}}, {0x0000'0000'0000'0001}},
    Structure<1>{"A alone",         "FVXM", {{"A", 1}}, {0x0000'0000'0000'0020}},
    Structure<1>{"D alone",         "SLFVXM", {{"D", 1}}, {0x0000'0000'0000'0040}},
    Structure<1>{"NextLevel alone", "SLFVXBQM", {{"NextLevel", 7}}, {0x0000'0000'0000'0e00}},
    Structure<1>{"Address alone",   "SLFVXQM", {{"Address", 0x000f'ffff'ffff'f000}}, {0x000f'ffff'ffff'f000}},
    Structure<1>{"U alone",         "SLFVXM", {{"U", 1}}, {0x0800'0000'0000'0000}},
    Structure<1>{"FC alone",        "SLFVXBM", {{"FC", 1}}, {0x1000'0000'0000'0000}},
    Structure<1>{"IR alone",        "SLFVXBQM", {{"IR", 1}}, {0x2000'0000'0000'0000}},
    Structure<1>{"IW alone",        "SLFVXBQM", {{"IW", 1}}, {0x4000'0000'0000'0000}},
    // L sets FC in every leaf
    Structure<1>{"not present", "SLFVXBQM", {}, {0}},
    Structure<1>{"4 KiB, read-write", "L iommu_v1_map_pages",
                 {{"PR", 1}, {"Address", 0x0082'3456'7000}, {"FC", 1}, {"IR", 1}, {"IW", 1}}, {0x7000'0082'3456'7001}},
    Structure<1>{"4 KiB, read", "L iommu_v1_map_pages",
                 {{"PR", 1}, {"Address", 0x0082'3456'7000}, {"FC", 1}, {"IR", 1}}, {0x3000'0082'3456'7001}},
    Structure<1>{"4 KiB, write", "L iommu_v1_map_pages",
                 {{"PR", 1}, {"Address", 0x0082'3456'7000}, {"FC", 1}, {"IW", 1}}, {0x5000'0082'3456'7001}},
    Structure<1>{"4 KiB, accessed and dirty", "FVXM",
                 {{"PR", 1}, {"A", 1}, {"D", 1}, {"Address", 0x0082'3456'7000}, {"FC", 1}, {"IR", 1}, {"IW", 1}},
                 {0x7000'0082'3456'7061}},
    Structure<1>{"4 KiB, only untranslated", "SLFVXM",
                 {{"PR", 1}, {"Address", 0x0082'3456'7000}, {"U", 1}, {"IR", 1}, {"IW", 1}}, {0x6800'0082'3456'7001}},
    // the level's own size has NextLevel 0, at level 2, 3 and 4
    Structure<1>{"2 MiB", "L iommu_v1_map_pages",
                 {{"PR", 1}, {"Address", 0x0082'3440'0000}, {"FC", 1}, {"IR", 1}, {"IW", 1}}, {0x7000'0082'3440'0001}},
    Structure<1>{"1 GiB", "L iommu_v1_map_pages",
                 {{"PR", 1}, {"Address", 0x0082'0000'0000}, {"FC", 1}, {"IR", 1}, {"IW", 1}}, {0x7000'0082'0000'0001}},
    Structure<1>{"table of level 1", "L PM_LEVEL_PDE",
                 {{"PR", 1}, {"NextLevel", 1}, {"Address", 0x0080'789a'b000}, {"IR", 1}, {"IW", 1}},
                 {0x6000'0080'789a'b201}},
    Structure<1>{"table of level 2", "L PM_LEVEL_PDE",
                 {{"PR", 1}, {"NextLevel", 2}, {"Address", 0x0080'789a'b000}, {"IR", 1}, {"IW", 1}},
                 {0x6000'0080'789a'b401}},
    Structure<1>{"table of level 3", "L PM_LEVEL_PDE",
                 {{"PR", 1}, {"NextLevel", 3}, {"Address", 0x0080'789a'b000}, {"IR", 1}, {"IW", 1}},
                 {0x6000'0080'789a'b601}},
    Structure<1>{"table of level 4", "L PM_LEVEL_PDE",
                 {{"PR", 1}, {"NextLevel", 4}, {"Address", 0x0080'789a'b000}, {"IR", 1}, {"IW", 1}},
                 {0x6000'0080'789a'b801}},
    Structure<1>{"table of level 5, read only", "SLFVXM",
                 {{"PR", 1}, {"NextLevel", 5}, {"Address", 0x0080'789a'b000}, {"IR", 1}}, {0x2000'0080'789a'ba01}},
};

/// NextLevel 7: the size is in the address, from bit 12 up ones and then the zero that counts. It stands at `level` in
/// `copies` entries on end, all alike. PR, FC, IR, IW. L has NextLevel 0 and not 7 for 4 KiB, 2 MiB, 1 GiB and so on.
struct V1PageSize {
    const char* what;
    std::uint64_t base, bytes;
    unsigned level, copies;
    std::uint64_t word;
};
inline constexpr std::array v1_page_sizes{
    V1PageSize{"8 KiB",   0x0082'3456'6000, 0x2000,      1,   2, 0x7000'0082'3456'6e01},
    V1PageSize{"16 KiB",  0x0082'3456'4000, 0x4000,      1,   4, 0x7000'0082'3456'5e01},
    V1PageSize{"32 KiB",  0x0082'3456'0000, 0x8000,      1,   8, 0x7000'0082'3456'3e01},
    V1PageSize{"64 KiB",  0x0082'3456'0000, 0x1'0000,    1,  16, 0x7000'0082'3456'7e01},
    V1PageSize{"128 KiB", 0x0082'3456'0000, 0x2'0000,    1,  32, 0x7000'0082'3456'fe01},
    V1PageSize{"1 MiB",   0x0082'3450'0000, 0x10'0000,   1, 256, 0x7000'0082'3457'fe01},
    V1PageSize{"4 MiB",   0x0082'3440'0000, 0x40'0000,   2,   2, 0x7000'0082'345f'fe01},
    V1PageSize{"32 MiB",  0x0082'3400'0000, 0x200'0000,  2,  16, 0x7000'0082'34ff'fe01},
    V1PageSize{"2 GiB",   0x0082'0000'0000, 0x8000'0000, 3,   2, 0x7000'0082'3fff'fe01},
};

/// What each Mode can take, and the offset in each level's table, from level 1 up; level 6 has 63:57 only.
struct V1Mode {
    unsigned mode;
    std::uint64_t last_address;
};
inline constexpr std::array v1_modes{
    V1Mode{1, 0x1f'ffff}, V1Mode{2, 0x3fff'ffff}, V1Mode{3, 0x7f'ffff'ffff}, V1Mode{4, 0xffff'ffff'ffff},
    V1Mode{5, 0x01ff'ffff'ffff'ffff}, V1Mode{6, 0xffff'ffff'ffff'ffff},
};
struct V1Index {
    std::uint64_t address;
    std::uint32_t offsets[6];
};
inline constexpr std::array v1_indexes{
    V1Index{0x0000'7f12'3456'7000, {0xb38, 0xd10, 0x240, 0x7f0, 0x000, 0x000}},
    V1Index{0xfedc'ba98'7654'3000, {0xa18, 0xd90, 0x308, 0xba8, 0x6e0, 0x3f8}},
};

// ---- 4. Guest page tables (v2): the x86-64 format ------------------------------------------------------------------

/// PS from level 2 up. NX counts where EFR.NXSup is.
inline constexpr std::array v2_entry_fields{
    Position{"P", 0, 0}, Position{"RW", 1, 1}, Position{"US", 2, 2}, Position{"PWT", 3, 3}, Position{"PCD", 4, 4},
    Position{"A", 5, 5}, Position{"D", 6, 6}, Position{"PS", 7, 7}, Position{"G", 8, 8},
    Position{"Address", 51, 12, true}, Position{"NX", 63, 63},
};
inline constexpr std::array v2_entries{
    Structure<1>{"P alone",       "SL", {{"P", 1}}, {0x0000'0000'0000'0001}},
    Structure<1>{"RW alone",      "SL", {{"RW", 1}}, {0x0000'0000'0000'0002}},
    Structure<1>{"US alone",      "SL", {{"US", 1}}, {0x0000'0000'0000'0004}},
    Structure<1>{"PWT alone",     "SL", {{"PWT", 1}}, {0x0000'0000'0000'0008}},
    Structure<1>{"PCD alone",     "SL", {{"PCD", 1}}, {0x0000'0000'0000'0010}},
    Structure<1>{"A alone",       "SL", {{"A", 1}}, {0x0000'0000'0000'0020}},
    Structure<1>{"D alone",       "SL", {{"D", 1}}, {0x0000'0000'0000'0040}},
    Structure<1>{"PS alone",      "SL", {{"PS", 1}}, {0x0000'0000'0000'0080}},
    Structure<1>{"G alone",       "S",  {{"G", 1}}, {0x0000'0000'0000'0100}},
    Structure<1>{"Address alone", "SL", {{"Address", 0x000f'ffff'ffff'f000}}, {0x000f'ffff'ffff'f000}},
    Structure<1>{"NX alone",      "SL", {{"NX", 1}}, {0x8000'0000'0000'0000}},
    Structure<1>{"not present",   "SL", {}, {0}},
    // P 1, RW 2, US 4, A 0x20, D 0x40, PS 0x80
    Structure<1>{"table", "L set_pgtable_attr",
                 {{"P", 1}, {"RW", 1}, {"US", 1}, {"A", 1}, {"Address", 0x0083'789a'b000}}, {0x0000'0083'789a'b027}},
    Structure<1>{"4 KiB, read-write", "L set_pte_attr",
                 {{"P", 1}, {"RW", 1}, {"US", 1}, {"A", 1}, {"D", 1}, {"Address", 0x0082'3456'7000}},
                 {0x0000'0082'3456'7067}},
    Structure<1>{"4 KiB, read", "L set_pte_attr",
                 {{"P", 1}, {"US", 1}, {"A", 1}, {"D", 1}, {"Address", 0x0082'3456'7000}}, {0x0000'0082'3456'7065}},
    Structure<1>{"2 MiB, read-write", "L set_pte_attr",
                 {{"P", 1}, {"RW", 1}, {"US", 1}, {"A", 1}, {"D", 1}, {"PS", 1}, {"Address", 0x0082'3440'0000}},
                 {0x0000'0082'3440'00e7}},
    Structure<1>{"1 GiB, read", "L set_pte_attr",
                 {{"P", 1}, {"US", 1}, {"A", 1}, {"D", 1}, {"PS", 1}, {"Address", 0x0082'0000'0000}},
                 {0x0000'0082'0000'00e5}},
    Structure<1>{"4 KiB of the CPU, not yet touched, NX", "S",
                 {{"P", 1}, {"RW", 1}, {"US", 1}, {"Address", 0x0082'3456'7000}, {"NX", 1}},
                 {0x8000'0082'3456'7007}},
    Structure<1>{"4 KiB, supervisor", "S", {{"P", 1}, {"RW", 1}, {"A", 1}, {"Address", 0x0082'3456'7000}},
                 {0x0000'0082'3456'7023}},
    Structure<1>{"4 KiB, swapped out", "S", {{"RW", 1}, {"US", 1}, {"Address", 0x0082'3456'7000}},
                 {0x0000'0082'3456'7006}},
};

// clang-format on

} // namespace quiesce::golden::amdvi
