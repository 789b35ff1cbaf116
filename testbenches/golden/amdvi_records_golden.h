// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of AMD-Vi: what the hardware writes, which is the event log (2.5) and the PPR log, 16 bytes an
// entry. Conventions, sources and common values are in amdvi_golden.h.
//
// The event code is bits 63:60 of word 0. "PASID" is whole: its [19:16] lie apart from its [15:0]. A row that ends in
// "alone" has its code and one field with all its bits. GN (guest or nested) says that a PASID is given. Newer
// revisions have four flags for virtual IOMMUs in 31:27 (F: VNR 27, VEvent 29, VPTR 30, VCMD 31), left out here.
//
// M lays its events out quite differently (DeviceID in 31:16, flags in 3:0): against all others, and not counted here.
#pragma once

#include "amdvi_golden.h"

#include <array>

namespace quiesce::golden::amdvi {

// clang-format off

using Record = Structure<2>;

// ---- 1. ILLEGAL_DEV_TABLE_ENTRY ------------------------------------------------------------------------------------

/// RZ: 1 a reserved bit, 0 an illegal encoding. RW: 1 write. TR: 1 a translation request. [disagree] the address is
/// 127:66 with F and I, 127:64 with V.
inline constexpr std::array illegal_dte_fields{
    Position{"DeviceID", 15, 0}, Position{"PASID[19:16]", 19, 16}, Position{"PASID[15:0]", 47, 32},
    Position{"GN", 48, 48}, Position{"I", 51, 51}, Position{"RW", 53, 53}, Position{"RZ", 55, 55},
    Position{"TR", 56, 56}, Position{"EventCode", 63, 60}, Position{"Address", 127, 66, true},
};
inline constexpr std::array illegal_dtes{
    Record{"code alone",     "2.5.2 SLFVXBQMNI", {{"EventCode", 1}}, {0x1000'0000'0000'0000, 0}},
    Record{"DeviceID alone", "2.5.2 LFVXBQI", {{"EventCode", 1}, {"DeviceID", 0xffff}}, {0x1000'0000'0000'ffff, 0}},
    Record{"PASID alone",    "2.5.2 LFV", {{"EventCode", 1}, {"PASID", 0xf'ffff}}, {0x1000'ffff'000f'0000, 0}},
    Record{"GN alone",       "2.5.2 FV", {{"EventCode", 1}, {"GN", 1}}, {0x1001'0000'0000'0000, 0}},
    Record{"I alone",        "2.5.2 FVI", {{"EventCode", 1}, {"I", 1}}, {0x1008'0000'0000'0000, 0}},
    Record{"RW alone",       "2.5.2 FVI", {{"EventCode", 1}, {"RW", 1}}, {0x1020'0000'0000'0000, 0}},
    Record{"RZ alone",       "2.5.2 FVI", {{"EventCode", 1}, {"RZ", 1}}, {0x1080'0000'0000'0000, 0}},
    Record{"TR alone",       "2.5.2 FVI", {{"EventCode", 1}, {"TR", 1}}, {0x1100'0000'0000'0000, 0}},
    Record{"Address alone",  "2.5.2 FI", {{"EventCode", 1}, {"Address", 0xffff'ffff'ffff'fffc}},
           {0x1000'0000'0000'0000, 0xffff'ffff'ffff'fffc}},
    Record{"write, reserved bit in the entry", "2.5.2",
           {{"EventCode", 1}, {"DeviceID", 0x3a10}, {"RW", 1}, {"RZ", 1}, {"Address", 0x7f12'3456'7894}},
           {0x10a0'0000'0000'3a10, 0x0000'7f12'3456'7894}},
    Record{"read, illegal encoding in the entry", "2.5.2",
           {{"EventCode", 1}, {"DeviceID", 0x3a10}, {"Address", 0x7f12'3456'7890}},
           {0x1000'0000'0000'3a10, 0x0000'7f12'3456'7890}},
    Record{"translation request with PASID", "2.5.2",
           {{"EventCode", 1}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"TR", 1},
            {"Address", 0x7f12'3456'7000}},
           {0x1101'2345'0001'3a10, 0x0000'7f12'3456'7000}},
    Record{"interrupt", "2.5.2",
           {{"EventCode", 1}, {"DeviceID", 0x3a10}, {"I", 1}, {"Address", 0xfee0'1004}},
           {0x1008'0000'0000'3a10, 0x0000'0000'fee0'1004}},
};

// ---- 2. IO_PAGE_FAULT ----------------------------------------------------------------------------------------------

/// GN 0: 47:32 is the domain; GN 1: a PASID. PR: 1 the page was present (or the interrupt remapped). PE: 1 there was no
/// permission. NX: 1 execution was asked for. US: 1 user. V's structure lacks a placeholder for 31:20.
inline constexpr std::array io_page_fault_fields{
    Position{"DeviceID", 15, 0}, Position{"PASID[19:16]", 19, 16}, Position{"PASID[15:0]", 47, 32},
    Position{"DomainID", 47, 32},
    Position{"GN", 48, 48}, Position{"NX", 49, 49}, Position{"US", 50, 50}, Position{"I", 51, 51},
    Position{"PR", 52, 52}, Position{"RW", 53, 53}, Position{"PE", 54, 54}, Position{"RZ", 55, 55},
    Position{"TR", 56, 56}, Position{"EventCode", 63, 60}, Position{"Address", 127, 64},
};
inline constexpr std::array io_page_faults{
    Record{"code alone",     "2.5.3 SLFVXBQMNI", {{"EventCode", 2}}, {0x2000'0000'0000'0000, 0}},
    Record{"DeviceID alone", "2.5.3 SLFVXBQI", {{"EventCode", 2}, {"DeviceID", 0xffff}}, {0x2000'0000'0000'ffff, 0}},
    Record{"DomainID alone", "2.5.3 SLFVXBI", {{"EventCode", 2}, {"DomainID", 0xffff}}, {0x2000'ffff'0000'0000, 0}},
    Record{"PASID alone",    "2.5.3 SLFV", {{"EventCode", 2}, {"PASID", 0xf'ffff}}, {0x2000'ffff'000f'0000, 0}},
    Record{"GN alone",       "2.5.3 SFV", {{"EventCode", 2}, {"GN", 1}}, {0x2001'0000'0000'0000, 0}},
    Record{"NX alone",       "2.5.3 SFV", {{"EventCode", 2}, {"NX", 1}}, {0x2002'0000'0000'0000, 0}},
    Record{"US alone",       "2.5.3 SFV", {{"EventCode", 2}, {"US", 1}}, {0x2004'0000'0000'0000, 0}},
    // Q sets it in every page fault, DMA as well: not followed
    Record{"I alone",        "2.5.3 SLFVQI", {{"EventCode", 2}, {"I", 1}}, {0x2008'0000'0000'0000, 0}},
    Record{"PR alone",       "2.5.3 SFVI", {{"EventCode", 2}, {"PR", 1}}, {0x2010'0000'0000'0000, 0}},
    Record{"RW alone",       "2.5.3 SLFVI", {{"EventCode", 2}, {"RW", 1}}, {0x2020'0000'0000'0000, 0}},
    Record{"PE alone",       "2.5.3 SFVI", {{"EventCode", 2}, {"PE", 1}}, {0x2040'0000'0000'0000, 0}},
    Record{"RZ alone",       "2.5.3 SFVI", {{"EventCode", 2}, {"RZ", 1}}, {0x2080'0000'0000'0000, 0}},
    Record{"TR alone",       "2.5.3 SFVI", {{"EventCode", 2}, {"TR", 1}}, {0x2100'0000'0000'0000, 0}},
    Record{"Address alone",  "2.5.3 SLFVXBQI", {{"EventCode", 2}, {"Address", 0xffff'ffff'ffff'ffff}},
           {0x2000'0000'0000'0000, 0xffff'ffff'ffff'ffff}},
    // Which flags hardware combines is inferred from their meanings (I); the rows are for the layout.
    Record{"read, not present", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"DomainID", 0x137}, {"Address", 0x7f12'3456'7890}},
           {0x2000'0137'0000'3a10, 0x0000'7f12'3456'7890}},
    Record{"write, not present", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"DomainID", 0x137}, {"RW", 1}, {"Address", 0x7f12'3456'7890}},
           {0x2020'0137'0000'3a10, 0x0000'7f12'3456'7890}},
    Record{"write, present, no permission", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"DomainID", 0x137}, {"PR", 1}, {"RW", 1}, {"PE", 1},
            {"Address", 0x7f12'3456'7890}},
           {0x2070'0137'0000'3a10, 0x0000'7f12'3456'7890}},
    // GN 1, US 4, PR 0x10, RW 0x20, PE 0x40, RZ 0x80, TR 0x100, counted from bit 48
    Record{"PASID, user read, not present", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"US", 1},
            {"Address", 0x7f12'3456'7890}},
           {0x2005'2345'0001'3a10, 0x0000'7f12'3456'7890}},
    Record{"PASID, user write, not present", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"US", 1}, {"RW", 1},
            {"Address", 0x7f12'3456'7890}},
           {0x2025'2345'0001'3a10, 0x0000'7f12'3456'7890}},
    Record{"PASID, privileged read, not present", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"Address", 0x7f12'3456'7890}},
           {0x2001'2345'0001'3a10, 0x0000'7f12'3456'7890}},
    Record{"PASID, user write, read-only page", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"US", 1}, {"PR", 1}, {"RW", 1},
            {"PE", 1}, {"Address", 0x7f12'3456'7890}},
           {0x2075'2345'0001'3a10, 0x0000'7f12'3456'7890}},
    Record{"PASID, execute, NX page", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"NX", 1}, {"US", 1}, {"PR", 1},
            {"PE", 1}, {"Address", 0x7f12'3456'7890}},
           {0x2057'2345'0001'3a10, 0x0000'7f12'3456'7890}},
    Record{"PASID, user read, reserved bit", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"US", 1}, {"PR", 1}, {"RZ", 1},
            {"Address", 0x7f12'3456'7890}},
           {0x2095'2345'0001'3a10, 0x0000'7f12'3456'7890}},
    Record{"PASID, user translation request for write", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"US", 1}, {"RW", 1}, {"TR", 1},
            {"Address", 0x7f12'3456'7000}},
           {0x2125'2345'0001'3a10, 0x0000'7f12'3456'7000}},
    Record{"interrupt blocked", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0x3a10}, {"DomainID", 0x137}, {"I", 1}, {"Address", 0xfee0'1004}},
           {0x2008'0137'0000'3a10, 0x0000'0000'fee0'1004}},
    Record{"every flag", "2.5.3",
           {{"EventCode", 2}, {"DeviceID", 0xc3f8}, {"PASID", 0xa'bcde}, {"GN", 1}, {"NX", 1}, {"US", 1}, {"I", 1},
            {"PR", 1}, {"RW", 1}, {"PE", 1}, {"RZ", 1}, {"TR", 1}, {"Address", 0xfedc'ba98'7654'3210}},
           {0x21ff'bcde'000a'c3f8, 0xfedc'ba98'7654'3210}},
};

// ---- 3. DEV_TAB_HARDWARE_ERROR, PAGE_TAB_HARDWARE_ERROR ------------------------------------------------------------

/// Type: 1 master abort, 2 target abort, 3 data error (V, I). The address is that of the access, physical.
/// [disagree] it is 127:68 with I, 127:64 with V.
inline constexpr std::array dev_tab_error_fields{
    Position{"DeviceID", 15, 0}, Position{"I", 51, 51}, Position{"RW", 53, 53}, Position{"TR", 56, 56},
    Position{"Type", 58, 57}, Position{"EventCode", 63, 60}, Position{"Address", 127, 68, true},
};
inline constexpr std::array dev_tab_errors{
    Record{"code alone",     "2.5.4 SLFVXBQMNI", {{"EventCode", 3}}, {0x3000'0000'0000'0000, 0}},
    Record{"DeviceID alone", "2.5.4 LVXBQI", {{"EventCode", 3}, {"DeviceID", 0xffff}}, {0x3000'0000'0000'ffff, 0}},
    Record{"I alone",        "2.5.4 VI", {{"EventCode", 3}, {"I", 1}}, {0x3008'0000'0000'0000, 0}},
    Record{"RW alone",       "2.5.4 VI", {{"EventCode", 3}, {"RW", 1}}, {0x3020'0000'0000'0000, 0}},
    Record{"TR alone",       "2.5.4 VI", {{"EventCode", 3}, {"TR", 1}}, {0x3100'0000'0000'0000, 0}},
    Record{"Type alone",     "2.5.4 VBI", {{"EventCode", 3}, {"Type", 3}}, {0x3600'0000'0000'0000, 0}},
    Record{"Address alone",  "2.5.4 I", {{"EventCode", 3}, {"Address", 0xffff'ffff'ffff'fff0}},
           {0x3000'0000'0000'0000, 0xffff'ffff'ffff'fff0}},
    // entry 0x3a10 of a table at 0x81'0050'0000: 0x3a10 * 32 = 0x7'4200
    Record{"master abort, write", "2.5.4",
           {{"EventCode", 3}, {"DeviceID", 0x3a10}, {"RW", 1}, {"Type", 1}, {"Address", 0x0081'0057'4200}},
           {0x3220'0000'0000'3a10, 0x0000'0081'0057'4200}},
    Record{"target abort, translation request", "2.5.4",
           {{"EventCode", 3}, {"DeviceID", 0x3a10}, {"TR", 1}, {"Type", 2}, {"Address", 0x0081'0057'4210}},
           {0x3500'0000'0000'3a10, 0x0000'0081'0057'4210}},
    Record{"data error, interrupt", "2.5.4",
           {{"EventCode", 3}, {"DeviceID", 0x3a10}, {"I", 1}, {"Type", 3}, {"Address", 0x0081'0057'4200}},
           {0x3608'0000'0000'3a10, 0x0000'0081'0057'4200}},
};

/// [disagree] PASID[19:16] at 19:16: L (a commit that corrected its decoding names this event); V has 31:16 reserved.
/// The address is 127:67 with I and with a figure that V quotes, 127:68 with a table that V quotes, 127:64 in V itself.
inline constexpr std::array page_tab_error_fields{
    Position{"DeviceID", 15, 0}, Position{"PASID[19:16]", 19, 16}, Position{"PASID[15:0]", 47, 32},
    Position{"DomainID", 47, 32},
    Position{"GN", 48, 48}, Position{"I", 51, 51}, Position{"RW", 53, 53}, Position{"TR", 56, 56},
    Position{"Type", 58, 57}, Position{"EventCode", 63, 60}, Position{"Address", 127, 67, true},
};
inline constexpr std::array page_tab_errors{
    Record{"code alone",     "2.5.5 SLFVXBQMNI", {{"EventCode", 4}}, {0x4000'0000'0000'0000, 0}},
    Record{"DeviceID alone", "2.5.5 LVXBQI", {{"EventCode", 4}, {"DeviceID", 0xffff}}, {0x4000'0000'0000'ffff, 0}},
    Record{"DomainID alone", "2.5.5 LVBI", {{"EventCode", 4}, {"DomainID", 0xffff}}, {0x4000'ffff'0000'0000, 0}},
    Record{"PASID alone",    "2.5.5 L", {{"EventCode", 4}, {"PASID", 0xf'ffff}}, {0x4000'ffff'000f'0000, 0}},
    Record{"GN alone",       "2.5.5 V", {{"EventCode", 4}, {"GN", 1}}, {0x4001'0000'0000'0000, 0}},
    Record{"I alone",        "2.5.5 VI", {{"EventCode", 4}, {"I", 1}}, {0x4008'0000'0000'0000, 0}},
    Record{"RW alone",       "2.5.5 VI", {{"EventCode", 4}, {"RW", 1}}, {0x4020'0000'0000'0000, 0}},
    Record{"TR alone",       "2.5.5 VI", {{"EventCode", 4}, {"TR", 1}}, {0x4100'0000'0000'0000, 0}},
    Record{"Type alone",     "2.5.5 VBI", {{"EventCode", 4}, {"Type", 3}}, {0x4600'0000'0000'0000, 0}},
    Record{"Address alone",  "2.5.5 I", {{"EventCode", 4}, {"Address", 0xffff'ffff'ffff'fff8}},
           {0x4000'0000'0000'0000, 0xffff'ffff'ffff'fff8}},
    Record{"master abort, write", "2.5.5",
           {{"EventCode", 4}, {"DeviceID", 0x3a10}, {"DomainID", 0x137}, {"RW", 1}, {"Type", 1},
            {"Address", 0x0080'4567'8a28}},
           {0x4220'0137'0000'3a10, 0x0000'0080'4567'8a28}},
    Record{"target abort, PASID, read", "2.5.5 L",
           {{"EventCode", 4}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"Type", 2},
            {"Address", 0x0081'2345'6a28}},
           {0x4401'2345'0001'3a10, 0x0000'0081'2345'6a28}},
};

// ---- 4. Commands: ILLEGAL_COMMAND_ERROR, COMMAND_HARDWARE_ERROR, IOTLB_INV_TIMEOUT ---------------------------------

/// The address is that of the command in its buffer, so a multiple of 16. [disagree] it is 127:68 with I (and V for the
/// timeout), 127:64 with V otherwise: the same bytes. Q puts the command's opcode into 51:48 of code 5; all others have
/// nothing there. Whether code 7 has a Type was unclear in the manual (I); here it has none.
inline constexpr std::array command_error_fields{
    Position{"DeviceID", 15, 0}, Position{"Type", 58, 57}, Position{"EventCode", 63, 60},
    Position{"Address", 127, 68, true},
};
inline constexpr std::array command_errors{
    Record{"illegal: code alone", "2.5.6 SLFVXBQMNI", {{"EventCode", 5}}, {0x5000'0000'0000'0000, 0}},
    Record{"illegal: Address alone", "2.5.6 LVBMI", {{"EventCode", 5}, {"Address", 0xffff'ffff'ffff'fff0}},
           {0x5000'0000'0000'0000, 0xffff'ffff'ffff'fff0}},
    // Q: 0x500c'0000'0000'0000 for a command of opcode 0xc
    Record{"illegal command", "2.5.6", {{"EventCode", 5}, {"Address", 0x0081'0060'0a50}},
           {0x5000'0000'0000'0000, 0x0000'0081'0060'0a50}},
    Record{"hardware: code alone", "2.5.7 SLFVXBQMNI", {{"EventCode", 6}}, {0x6000'0000'0000'0000, 0}},
    Record{"hardware: Type alone", "2.5.7 VBI", {{"EventCode", 6}, {"Type", 3}}, {0x6600'0000'0000'0000, 0}},
    Record{"hardware: Address alone", "2.5.7 LVBMI", {{"EventCode", 6}, {"Address", 0xffff'ffff'ffff'fff0}},
           {0x6000'0000'0000'0000, 0xffff'ffff'ffff'fff0}},
    Record{"target abort on a command", "2.5.7", {{"EventCode", 6}, {"Type", 2}, {"Address", 0x0081'0060'1230}},
           {0x6400'0000'0000'0000, 0x0000'0081'0060'1230}},
    Record{"timeout: code alone", "2.5.8 SLFVXBMNI", {{"EventCode", 7}}, {0x7000'0000'0000'0000, 0}},
    Record{"timeout: DeviceID alone", "2.5.8 LVBI", {{"EventCode", 7}, {"DeviceID", 0xffff}},
           {0x7000'0000'0000'ffff, 0}},
    Record{"timeout: Address alone", "2.5.8 LVBI", {{"EventCode", 7}, {"Address", 0xffff'ffff'ffff'fff0}},
           {0x7000'0000'0000'0000, 0xffff'ffff'ffff'fff0}},
    Record{"INVALIDATE_IOTLB_PAGES timed out", "2.5.8",
           {{"EventCode", 7}, {"DeviceID", 0x3a10}, {"Address", 0x0081'0060'0a60}},
           {0x7000'0000'0000'3a10, 0x0000'0081'0060'0a60}},
};

// ---- 5. INVALID_DEVICE_REQUEST, INVALID_PPR_REQUEST ----------------------------------------------------------------

/// US is 49 here, 50 in IO_PAGE_FAULT: V alone. Type with TR 0: 0 read or non-posted write to the interrupt range,
/// 1 pre-translated while I or V is 0, 2 port I/O, 3 and 4 system management, 5 write to the interrupt range with
/// IntCtl 0, 6 to its reserved part; with TR 1: 0 translation request while I or V is 0 or TV is 0, 1 one to a special
/// range (I). V's list of names has other steps after 2.
inline constexpr std::array invalid_device_request_fields{
    Position{"DeviceID", 15, 0}, Position{"PASID[19:16]", 19, 16}, Position{"PASID[15:0]", 47, 32},
    Position{"GN", 48, 48}, Position{"US", 49, 49}, Position{"TR", 56, 56}, Position{"Type", 59, 57},
    Position{"EventCode", 63, 60}, Position{"Address", 127, 64},
};
inline constexpr std::array invalid_device_requests{
    Record{"code alone",     "2.5.9 SLFVXBMNI", {{"EventCode", 8}}, {0x8000'0000'0000'0000, 0}},
    Record{"DeviceID alone", "2.5.9 LVXBI", {{"EventCode", 8}, {"DeviceID", 0xffff}}, {0x8000'0000'0000'ffff, 0}},
    Record{"PASID alone",    "2.5.9 LV", {{"EventCode", 8}, {"PASID", 0xf'ffff}}, {0x8000'ffff'000f'0000, 0}},
    Record{"GN alone",       "2.5.9 V", {{"EventCode", 8}, {"GN", 1}}, {0x8001'0000'0000'0000, 0}},
    Record{"US alone",       "2.5.9 V alone", {{"EventCode", 8}, {"US", 1}}, {0x8002'0000'0000'0000, 0}},
    Record{"TR alone",       "2.5.9 VI", {{"EventCode", 8}, {"TR", 1}}, {0x8100'0000'0000'0000, 0}},
    Record{"Type alone",     "2.5.9 VI", {{"EventCode", 8}, {"Type", 7}}, {0x8e00'0000'0000'0000, 0}},
    Record{"Address alone",  "2.5.9 LVBI", {{"EventCode", 8}, {"Address", 0xffff'ffff'ffff'ffff}},
           {0x8000'0000'0000'0000, 0xffff'ffff'ffff'ffff}},
    Record{"pre-translated, I 0", "2.5.9 VI",
           {{"EventCode", 8}, {"DeviceID", 0x3a10}, {"Type", 1}, {"Address", 0x0082'3456'7890}},
           {0x8200'0000'0000'3a10, 0x0000'0082'3456'7890}},
    Record{"translation request, I 0", "2.5.9 I",
           {{"EventCode", 8}, {"DeviceID", 0x3a10}, {"TR", 1}, {"Type", 0}, {"Address", 0x7f12'3456'7000}},
           {0x8100'0000'0000'3a10, 0x0000'7f12'3456'7000}},
    Record{"translation request with PASID, special range", "2.5.9 I",
           {{"EventCode", 8}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"TR", 1}, {"Type", 1},
            {"Address", 0xfdf8'0000}},
           {0x8301'2345'0001'3a10, 0x0000'0000'fdf8'0000}},
    // Type 5 is 0xa from bit 56 on; GN 1, US 2
    Record{"every field", "2.5.9",
           {{"EventCode", 8}, {"DeviceID", 0xc3f8}, {"PASID", 0xa'bcde}, {"GN", 1}, {"US", 1}, {"TR", 1}, {"Type", 5},
            {"Address", 0xfedc'ba98'7654'3210}},
           {0x8b03'bcde'000a'c3f8, 0xfedc'ba98'7654'3210}},
};

/// PASID and tag lie as in the PPR log. PPRtag: [8:0] the group, bit 9 last. RX 1: software does not answer. GN is from
/// "L later" alone (EVENT_FLAG_PPR_GN); the PPR log has its GN at 56. What else the flags hold no source says.
inline constexpr std::array invalid_ppr_request_fields{
    Position{"DeviceID", 15, 0}, Position{"PASID[15:0]", 31, 16}, Position{"PPRtag", 41, 32},
    Position{"PASID[19:16]", 45, 42}, Position{"RX", 48, 48}, Position{"GN", 57, 57}, Position{"EventCode", 63, 60},
    Position{"Address", 127, 64},
};
inline constexpr std::array invalid_ppr_requests{
    Record{"code alone",     "2.5.10 SLFVBN", {{"EventCode", 9}}, {0x9000'0000'0000'0000, 0}},
    Record{"DeviceID alone", "2.5.10 L", {{"EventCode", 9}, {"DeviceID", 0xffff}}, {0x9000'0000'0000'ffff, 0}},
    Record{"PASID alone",    "2.5.10 L", {{"EventCode", 9}, {"PASID", 0xf'ffff}}, {0x9000'3c00'ffff'0000, 0}},
    Record{"PPRtag alone",   "2.5.10 L", {{"EventCode", 9}, {"PPRtag", 0x3ff}}, {0x9000'03ff'0000'0000, 0}},
    Record{"RX alone",       "2.5.10 L", {{"EventCode", 9}, {"RX", 1}}, {0x9001'0000'0000'0000, 0}},
    Record{"GN alone",       "2.5.10 L later", {{"EventCode", 9}, {"GN", 1}}, {0x9200'0000'0000'0000, 0}},
    Record{"Address alone",  "2.5.10 L", {{"EventCode", 9}, {"Address", 0xffff'ffff'ffff'ffff}},
           {0x9000'0000'0000'0000, 0xffff'ffff'ffff'ffff}},
    // PASID[19:16] 1 -> 0x400 beside the tag 0x3a5
    Record{"last of group 0x1a5, to be answered", "2.5.10; L amd_iommu_report_ppr_err",
           {{"EventCode", 9}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"PPRtag", 0x3a5},
            {"Address", 0x7f12'3456'7000}},
           {0x9000'07a5'2345'3a10, 0x0000'7f12'3456'7000}},
    Record{"last of group 0x1a5, not to be answered", "2.5.10; L amd_iommu_report_ppr_err",
           {{"EventCode", 9}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"PPRtag", 0x3a5}, {"RX", 1}, {"GN", 1},
            {"Address", 0x7f12'3456'7000}},
           {0x9201'07a5'2345'3a10, 0x0000'7f12'3456'7000}},
    Record{"group 0x05a", "2.5.10 L",
           {{"EventCode", 9}, {"DeviceID", 0xc3f8}, {"PASID", 0xa'bcde}, {"PPRtag", 0x05a},
            {"Address", 0x7f12'3456'7000}},
           {0x9000'285a'bcde'c3f8, 0x0000'7f12'3456'7000}},
};

// ---- 6. Event codes, and the events that do not matter here --------------------------------------------------------

/// [disagree] a and b: S (from memory), F, B, N and (b) L's vIOMMU patches; V has 0x10 and 0x11, which do not fit.
struct EventCode {
    unsigned code;
    const char* name;
    const char* from;
};
inline constexpr std::array event_codes{
    EventCode{0x1, "ILLEGAL_DEV_TABLE_ENTRY", "2.5.2 SLFVXBQMNI"},
    EventCode{0x2, "IO_PAGE_FAULT",           "2.5.3 SLFVXBQMNI"},
    EventCode{0x3, "DEV_TAB_HARDWARE_ERROR",  "2.5.4 SLFVXBQMNI"},
    EventCode{0x4, "PAGE_TAB_HARDWARE_ERROR", "2.5.5 SLFVXBQMNI"},
    EventCode{0x5, "ILLEGAL_COMMAND_ERROR",   "2.5.6 SLFVXBQMNI"},
    EventCode{0x6, "COMMAND_HARDWARE_ERROR",  "2.5.7 SLFVXBQMNI"},
    EventCode{0x7, "IOTLB_INV_TIMEOUT",       "2.5.8 SLFVXBMNI"},
    EventCode{0x8, "INVALID_DEVICE_REQUEST",  "2.5.9 SLFVXBMNI"},
    EventCode{0x9, "INVALID_PPR_REQUEST",     "2.5.10 SLFVBN"},
    EventCode{0xa, "EVENT_COUNTER_ZERO",      "2.5.11 SFBN"},
    EventCode{0xb, "GUEST_EVENT_FAULT",       "2.5.12 SN"},
    EventCode{0xc, "VIOMMU_HARDWARE_ERROR",   "2.5.13 N"},
    EventCode{0xd, "RMP_PAGE_FAULT",          "2.5.14 SLN"},
    EventCode{0xe, "RMP_HARDWARE_ERROR",      "2.5.15 SLN"},
};

/// The counter's value is in two pieces, the upper one lower: V alone.
inline constexpr std::array counter_zero_fields{
    Position{"EventCode", 63, 60}, Position{"CounterNote[51:32]", 83, 64}, Position{"CounterNote[31:0]", 127, 96},
};
inline constexpr std::array counter_zeros{
    Record{"counter", "2.5.11 V alone", {{"EventCode", 0xa}, {"CounterNote", 0x1'2345'89ab'cdef}},
           {0xa000'0000'0000'0000, 0x89ab'cdef'0001'2345}},
};

/// d: the address is 127:64; e: 127:67, and there are no FlagsRMP.
inline constexpr std::array rmp_fields{
    Position{"DeviceID", 15, 0}, Position{"FlagsRMP", 23, 16}, Position{"VMGTag", 47, 32}, Position{"Flags", 59, 48},
    Position{"EventCode", 63, 60}, Position{"Address", 127, 64},
};
inline constexpr std::array rmp_events{
    Record{"RMP_PAGE_FAULT", "2.5.14; L amd_iommu_report_rmp_fault",
           {{"EventCode", 0xd}, {"DeviceID", 0x3a10}, {"FlagsRMP", 0xa5}, {"VMGTag", 0x4b1d}, {"Flags", 0x123},
            {"Address", 0x7f12'3456'7890}},
           {0xd123'4b1d'00a5'3a10, 0x0000'7f12'3456'7890}},
    Record{"RMP_HARDWARE_ERROR", "2.5.15; L amd_iommu_report_rmp_hw_error",
           {{"EventCode", 0xe}, {"DeviceID", 0x3a10}, {"VMGTag", 0x4b1d}, {"Flags", 0x123},
            {"Address", 0x0082'3456'7898}},
           {0xe123'4b1d'0000'3a10, 0x0000'0082'3456'7898}},
};

// ---- 7. PPR log: PAGE_SERVICE_REQUEST ------------------------------------------------------------------------------

/// S and L. "PRGI" and "L" are the two parts of the manual's PPRtag. RVSD: a reserved bit of the request was not 0.
inline constexpr std::array ppr_log_fields{
    Position{"DeviceID", 15, 0}, Position{"PASID[15:0]", 31, 16}, Position{"PRGI", 40, 32}, Position{"L", 41, 41},
    Position{"PASID[19:16]", 45, 42}, Position{"EXEC", 49, 49}, Position{"READ", 50, 50}, Position{"WRITE", 53, 53},
    Position{"US", 54, 54}, Position{"RVSD", 55, 55}, Position{"GN", 56, 56}, Position{"Type", 63, 60},
    Position{"Address", 127, 76, true},
};
inline constexpr std::array ppr_log_entries{
    Record{"Type alone",     "SLX", {{"Type", 0xf}}, {0xf000'0000'0000'0000, 0}},
    Record{"DeviceID alone", "SLX", {{"DeviceID", 0xffff}}, {0x0000'0000'0000'ffff, 0}},
    Record{"PASID alone",    "SL",  {{"PASID", 0xf'ffff}}, {0x0000'3c00'ffff'0000, 0}},
    Record{"PRGI alone",     "SL",  {{"PRGI", 0x1ff}}, {0x0000'01ff'0000'0000, 0}},
    Record{"L alone",        "SL",  {{"L", 1}}, {0x0000'0200'0000'0000, 0}},
    Record{"EXEC alone",     "SL",  {{"EXEC", 1}}, {0x0002'0000'0000'0000, 0}},
    Record{"READ alone",     "SL",  {{"READ", 1}}, {0x0004'0000'0000'0000, 0}},
    Record{"WRITE alone",    "SL",  {{"WRITE", 1}}, {0x0020'0000'0000'0000, 0}},
    Record{"US alone",       "SL",  {{"US", 1}}, {0x0040'0000'0000'0000, 0}},
    Record{"RVSD alone",     "SL",  {{"RVSD", 1}}, {0x0080'0000'0000'0000, 0}},
    Record{"GN alone",       "SL",  {{"GN", 1}}, {0x0100'0000'0000'0000, 0}},
    Record{"Address alone",  "SL",  {{"Address", 0xffff'ffff'ffff'f000}}, {0, 0xffff'ffff'ffff'f000}},
    // from bit 48: GN 0x100, US 0x40, WRITE 0x20, READ 4, EXEC 2; from bit 32: PASID[19:16] 0x400, L 0x200, PRGI
    Record{"read", "L iommu_call_iopf_notifier",
           {{"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"PRGI", 0x1a5}, {"READ", 1}, {"US", 1}, {"GN", 1}, {"Type", 1},
            {"Address", 0x7f12'3456'7000}},
           {0x1144'05a5'2345'3a10, 0x0000'7f12'3456'7000}},
    Record{"read, last", "L iommu_call_iopf_notifier",
           {{"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"PRGI", 0x1a5}, {"L", 1}, {"READ", 1}, {"US", 1}, {"GN", 1},
            {"Type", 1}, {"Address", 0x7f12'3456'7000}},
           {0x1144'07a5'2345'3a10, 0x0000'7f12'3456'7000}},
    Record{"write, last", "L iommu_call_iopf_notifier",
           {{"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"PRGI", 0x1a5}, {"L", 1}, {"WRITE", 1}, {"US", 1}, {"GN", 1},
            {"Type", 1}, {"Address", 0x7f12'3456'7000}},
           {0x1160'07a5'2345'3a10, 0x0000'7f12'3456'7000}},
    Record{"read-write, last, group 0x1ff", "L iommu_call_iopf_notifier",
           {{"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"PRGI", 0x1ff}, {"L", 1}, {"READ", 1}, {"WRITE", 1}, {"US", 1},
            {"GN", 1}, {"Type", 1}, {"Address", 0x7f12'3456'7000}},
           {0x1164'07ff'2345'3a10, 0x0000'7f12'3456'7000}},
    Record{"execute, last", "L ppr_flag_to_fault_perm",
           {{"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"PRGI", 0x1a5}, {"L", 1}, {"EXEC", 1}, {"READ", 1}, {"US", 1},
            {"GN", 1}, {"Type", 1}, {"Address", 0x7f12'3456'7000}},
           {0x1146'07a5'2345'3a10, 0x0000'7f12'3456'7000}},
    Record{"privileged read, last", "L ppr_flag_to_fault_perm",
           {{"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"PRGI", 0x1a5}, {"L", 1}, {"READ", 1}, {"GN", 1}, {"Type", 1},
            {"Address", 0x7f12'3456'7000}},
           {0x1104'07a5'2345'3a10, 0x0000'7f12'3456'7000}},
    // L answers both of these with failure and looks no further
    Record{"reserved bit in the request", "L ppr_is_valid",
           {{"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"PRGI", 0x1a5}, {"L", 1}, {"READ", 1}, {"US", 1}, {"RVSD", 1},
            {"GN", 1}, {"Type", 1}, {"Address", 0x7f12'3456'7000}},
           {0x11c4'07a5'2345'3a10, 0x0000'7f12'3456'7000}},
    Record{"write, last, no PASID", "L ppr_is_valid",
           {{"DeviceID", 0x3a10}, {"PRGI", 0x1a5}, {"L", 1}, {"WRITE", 1}, {"Type", 1}, {"Address", 0x7f12'3456'7000}},
           {0x1020'03a5'0000'3a10, 0x0000'7f12'3456'7000}},
    // inferred: a stop marker has neither R nor W, L 1 and no address
    Record{"stop marker", "PCIe",
           {{"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"L", 1}, {"GN", 1}, {"Type", 1}},
           {0x1100'0600'2345'3a10, 0}},
    // PASID[19:16] 0xa -> 0x2800, with L 0x200 and PRGI 0x05a
    Record{"write, last, other values", "L iommu_call_iopf_notifier",
           {{"DeviceID", 0xc3f8}, {"PASID", 0xa'bcde}, {"PRGI", 0x05a}, {"L", 1}, {"WRITE", 1}, {"US", 1}, {"GN", 1},
            {"Type", 1}, {"Address", 0xffff'8123'4567'8000}},
           {0x1160'2a5a'bcde'c3f8, 0xffff'8123'4567'8000}},
};

// clang-format on

} // namespace quiesce::golden::amdvi
