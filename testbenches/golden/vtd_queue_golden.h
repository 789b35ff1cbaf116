// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked facts about Intel VT-d's invalidation queue: which descriptors are legal when, their reserved bits, what
// IQEI says about a bad one, sizes; and the HPT cache descriptor [rev]. The other descriptors are in
// vtd_descriptors_golden.h; conventions, sources and common values in vtd_golden.h.
#pragma once

#include "vtd_golden.h"

#include <array>

namespace quiesce::golden::vtd {

// clang-format off

// ---- 1. HPT cache (6.5.2.7) ----------------------------------------------------------------------------------------

/// hpt_inv_desc, type 10, 256 bits only. The manual alone [rev]: up to Rev 3 type 10 was the page stream response.
inline constexpr std::array hpt_inv_desc_fields{
    Position{"Type[3:0]", 3, 0}, Position{"Type[6:4]", 11, 9}, Position{"G", 5, 4}, Position{"HPTDID", 31, 16},
    Position{"AM", 69, 64}, Position{"IH", 71, 70}, Position{"ADDR", 127, 76, true},
};
inline constexpr std::array hpt_inv_descs{
    Structure<4>{"type alone",   "6.5.2.7 alone", {{"Type", 10}},                     {0x0000'0000'0000'000a}},
    Structure<4>{"G alone",      "6.5.2.7 alone", {{"Type", 10}, {"G", 3}},           {0x0000'0000'0000'003a}},
    Structure<4>{"HPTDID alone", "6.5.2.7 alone", {{"Type", 10}, {"HPTDID", 0xffff}}, {0x0000'0000'ffff'000a}},
    Structure<4>{"AM alone",     "6.5.2.7 alone", {{"Type", 10}, {"AM", 0x3f}},       {0x0000'0000'0000'000a, 0x3f}},
    Structure<4>{"IH alone",     "6.5.2.7 alone", {{"Type", 10}, {"IH", 3}},          {0x0000'0000'0000'000a, 0xc0}},
    Structure<4>{"ADDR alone",   "6.5.2.7 alone", {{"Type", 10}, {"ADDR", 0xffff'ffff'ffff'f000}},
                 {0x0000'0000'0000'000a, 0xffff'ffff'ffff'f000}},
    Structure<4>{"global", "6.5.2.7 alone", {{"Type", 10}, {"G", 1}}, {0x0000'0000'0000'001a}},
    Structure<4>{"domain, all levels", "6.5.2.7 alone", {{"Type", 10}, {"G", 2}, {"HPTDID", 0x42}, {"IH", 3}},
                 {0x0000'0000'0042'002a, 0xc0}},
    Structure<4>{"2 MiB, last two levels", "6.5.2.7 alone",
                 {{"Type", 10}, {"G", 3}, {"HPTDID", 0x42}, {"AM", 9}, {"IH", 1}, {"ADDR", 0x0080'4560'0000}},
                 {0x0000'0000'0042'003a, 0x0000'0080'4560'0049}},
};

// ---- 2. Which types there are (6.5.2.11, table 26) -----------------------------------------------------------------

/// `legacy`: legal with RTADDR_REG.TTM = 00. All are legal with TTM 01 and 11, 256 bits wide, and none with TTM 10.
/// `narrow`: exists with 128 bits too (TTM 00 and DW 0). `needs`: without this capability the type is invalid.
struct DescriptorType {
    unsigned type;
    const char* name;
    bool legacy, narrow;
    const char* needs;
    const char* from;
};
inline constexpr std::array descriptor_types{
    DescriptorType{1,  "cc_inv_dsc",        true,  true,  "",         "6.5.2.1 VLQM"},
    DescriptorType{2,  "iotlb_inv_dsc",     true,  true,  "",         "6.5.2.3 VLQM"},
    DescriptorType{3,  "dev_tlb_inv_dsc",   true,  true,  "ECAP.DT",  "6.5.2.5 VLQM"},
    DescriptorType{4,  "iec_inv_dsc",       true,  true,  "",         "6.5.2.8 VLQM; M refuses it without ECAP.IR"},
    DescriptorType{5,  "inv_wait_dsc",      true,  true,  "",         "6.5.2.9 VLQM"},
    DescriptorType{6,  "p_iotlb_inv_dsc",   false, false, "",         "6.5.2.4 VLQM"},
    DescriptorType{7,  "pc_inv_dsc",        false, false, "",         "6.5.2.2 VLQM"},
    DescriptorType{8,  "p_dev_tlb_inv_dsc", false, false, "ECAP.DT",  "6.5.2.6 VLQM"},
    DescriptorType{9,  "page_grp_resp_dsc", false, false, "ECAP.PRS", "7.6.1 LQM"},
    DescriptorType{10, "hpt_inv_desc",      false, false, "ECAP.HPTS", "6.5.2.7 alone; [rev] M stops at 9"},
};

// ---- 3. Reserved bits ----------------------------------------------------------------------------------------------

/// With ECAP.PDS and ECAP.DIT set, 256 bits wide. Where DIT is 0 the two pieces of PFSID are reserved too, where PDS is
/// 0 PD is: the second and third row of their types.
inline constexpr std::array reserved_of_descriptors{
    ReservedBits<4>{"cc_inv_dsc",      "6.5.2.1 VQM", {0xfffc'0000'0000'f1c0, ~0ull, ~0ull, ~0ull}},
    ReservedBits<4>{"iotlb_inv_dsc",   "6.5.2.3 VQM", {0xffff'ffff'0000'f100, 0x0000'0000'0000'0f80, ~0ull, ~0ull}},
    ReservedBits<4>{"dev_tlb_inv_dsc", "6.5.2.5 V",   {0x000f'0000'ffe0'01f0, 0x0000'0000'0000'0ffe, ~0ull, ~0ull}},
    ReservedBits<4>{"dev_tlb_inv_dsc, DIT 0", "6.5.2.5 Q",
                    {0xffff'0000'ffe0'f1f0, 0x0000'0000'0000'0ffe, ~0ull, ~0ull}},
    ReservedBits<4>{"iec_inv_dsc",     "6.5.2.8 VQM", {0xffff'0000'07ff'f1e0, ~0ull, ~0ull, ~0ull}},
    ReservedBits<4>{"inv_wait_dsc",    "6.5.2.9 VM",  {0x0000'0000'ffff'f100, 0x0000'0000'0000'0003, ~0ull, ~0ull}},
    ReservedBits<4>{"inv_wait_dsc, PDS 0", "6.5.2.9 QM",
                    {0x0000'0000'ffff'f180, 0x0000'0000'0000'0003, ~0ull, ~0ull}},
    ReservedBits<4>{"p_iotlb_inv_dsc", "6.5.2.4 VQM", {0xfff0'0000'0000'f1c0, 0x0000'0000'0000'0f80, ~0ull, ~0ull}},
    ReservedBits<4>{"pc_inv_dsc",      "6.5.2.2 VQM", {0xfff0'0000'0000'f1c0, ~0ull, ~0ull, ~0ull}},
    ReservedBits<4>{"p_dev_tlb_inv_dsc", "6.5.2.6 V", {0x0000'0000'0000'0000, 0x0000'0000'0000'07fe, ~0ull, ~0ull}},
    ReservedBits<4>{"p_dev_tlb_inv_dsc, DIT 0", "6.5.2.6 Q",
                    {0xfff0'0000'0000'f000, 0x0000'0000'0000'07fe, ~0ull, ~0ull}},
    // bit 66 (IGN) is not among them
    ReservedBits<4>{"page_grp_resp_dsc", "7.6.1 Q",   {0xfff0'0000'0000'01e0, 0xffff'ffff'ffff'f003, ~0ull, ~0ull}},
    ReservedBits<4>{"hpt_inv_desc",    "6.5.2.7 alone", {0xffff'ffff'0000'f1c0, 0x0000'0000'0000'0f00, ~0ull, ~0ull}},
};

// ---- 4. What is wrong (11.4.9.9 IQERCD_REG.IQEI) -------------------------------------------------------------------

/// One descriptor at the head of a queue of one page (QS 0), the tail at `tail`; every capability there except those
/// that `missing` names. IQEI 0: no error. One thing is wrong in each row, so no order of checks is implied. V has the
/// numbers (VTDIQEI); M and Q judge the same descriptors without them.
struct QueueError {
    const char* what;
    const char* from;
    unsigned ttm;
    bool dw;
    const char* missing;
    std::uint32_t tail;
    std::uint64_t words[4];
    unsigned iqei;
};
inline constexpr std::array queue_errors{
    QueueError{"legacy, 128 bits, domain IOTLB", "table 26", 0, false, "", 0x10, {0x0137'0022}, 0},
    QueueError{"legacy, 256 bits, domain IOTLB", "table 26", 0, true, "", 0x20, {0x0137'0022}, 0},
    QueueError{"scalable, PASID cache", "table 26", 1, true, "", 0x20, {0x0001'2345'0001'0017}, 0},
    QueueError{"abort-dma, domain IOTLB", "table 26", 3, true, "", 0x20, {0x0137'0022}, 0},
    QueueError{"tail beyond the queue", "11.4.9.9 V", 0, false, "", 0x1000, {0x0137'0022}, 1},
    QueueError{"type 0", "table 26 VM", 0, false, "", 0x10, {0}, 3},
    QueueError{"legacy, 128 bits, PASID IOTLB", "table 26 VM", 0, false, "", 0x10, {0x0001'2345'0001'0026}, 3},
    QueueError{"legacy, 256 bits, PASID IOTLB", "table 26 VM", 0, true, "", 0x20, {0x0001'2345'0001'0026}, 3},
    QueueError{"scalable, type 11", "table 26 VM", 1, true, "", 0x20, {0x0000'0000'0000'000b}, 3},
    // bits 11:9 = 1 above bits 3:0 = 1: type 0x11, not a context-cache invalidation
    QueueError{"scalable, type 0x11", "6.5.2 M", 1, true, "", 0x20, {0x0000'0000'0000'0211}, 3},
    QueueError{"device-TLB without ECAP.DT", "6.5.2.5 M", 1, true, "ECAP.DT", 0x20,
               {0x0000'3a10'0000'0003, 0x0000'7f12'3456'7000}, 3},
    QueueError{"PASID device-TLB without ECAP.DT", "6.5.2.6 M", 1, true, "ECAP.DT", 0x20,
               {0x0001'2345'3a10'0008, 0x0000'7f12'3456'7000}, 3},
    // 7.6.1 says "invalid descriptor"; that this is IQEI 3 is M's reading
    QueueError{"page group response without ECAP.PRS", "7.6.1 M", 1, true, "ECAP.PRS", 0x20,
               {0x0001'2345'3a10'0019, 0xd28}, 3},
    QueueError{"wait, bit 8", "6.5.2.9 VQM", 1, true, "", 0x20, {0x0000'0002'0000'0125, 0x0000'0081'0030'0404}, 4},
    QueueError{"wait, PD without ECAP.PDS", "6.5.2.9 QM", 1, true, "ECAP.PDS", 0x20,
               {0x0000'0002'0000'00a5, 0x0000'0081'0030'0404}, 4},
    QueueError{"IOTLB, bit 32", "6.5.2.3 VQM", 1, true, "", 0x20, {0x0000'0001'0137'0022}, 4},
    QueueError{"device-TLB, PFSID without ECAP.DIT", "6.5.2.5 Q", 1, true, "ECAP.DIT", 0x20,
               {0x3a00'3a10'0000'8003, 0x0000'7f12'3456'7000}, 4},
    QueueError{"upper half of a padded descriptor not 0", "6.5.2.1 M", 1, true, "", 0x20, {0x11, 0, 0x1, 0}, 4},
    QueueError{"scalable, 128 bits", "11.4.9.9 VM", 1, false, "", 0x10, {0x0137'0022}, 5},
    QueueError{"abort-dma, 128 bits", "11.4.9.9 VM", 3, false, "", 0x10, {0x0137'0022}, 5},
    QueueError{"256 bits without ECAP.SMTS and ECAP.ADMS", "11.4.9.9 VM", 0, true, "ECAP.SMTS ECAP.ADMS", 0x20,
               {0x0137'0022}, 5},
    QueueError{"tail not at a 256-bit boundary", "11.4.9.9 VQ", 1, true, "", 0x30, {0x0137'0022}, 6},
    QueueError{"reserved TTM", "11.4.9.9 VM", 2, true, "", 0x20, {0x0137'0022}, 7},
};

// ---- 5. Sizes ------------------------------------------------------------------------------------------------------

/// IQA_REG.QS (11.4.9.3) and PQA_REG.PQS (11.4.11.3): pages, and entries of 16 or 32 bytes. Head and tail are byte
/// offsets; one entry always stays free.
struct QueueSize {
    unsigned code;
    std::uint32_t bytes, entries_128, entries_256;
};
inline constexpr std::array queue_sizes{
    QueueSize{0, 0x0'1000,   256,  128}, QueueSize{1, 0x0'2000,   512,  256}, QueueSize{2, 0x0'4000,  1024,  512},
    QueueSize{3, 0x0'8000,  2048, 1024}, QueueSize{4, 0x1'0000,  4096, 2048}, QueueSize{5, 0x2'0000,  8192, 4096},
    QueueSize{6, 0x4'0000, 16384, 8192}, QueueSize{7, 0x8'0000, 32768, 16384},
};

/// FM of a context-cache invalidation (table 21): which functions of source 3a:02.x (0x3a10 to 0x3a17) it takes, if SID
/// is 0x3a10. A set bit n stands for source 0x3a10 + n.
struct FunctionMask {
    unsigned fm;
    std::uint8_t functions;
};
inline constexpr std::array function_masks{
    FunctionMask{0, 0b0000'0001},    // 0
    FunctionMask{1, 0b0001'0001},    // bit 2 masked: 0, 4
    FunctionMask{2, 0b0101'0101},    // bits 2:1 masked: 0, 2, 4, 6
    FunctionMask{3, 0b1111'1111},    // all three
};

// clang-format on

} // namespace quiesce::golden::vtd
