// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of Intel VT-d: what software puts into the invalidation queue (6.5.2, and 7.6.1 for page group
// responses). Conventions, sources and common values are in vtd_golden.h.
//
// Four words, as a queue of 256-bit descriptors has them (IQA_REG.DW = 1). Types 1 to 5 exist with 128 bits too: their
// words 0 and 1. Words 2 and 3 are 0 in every descriptor. "Type" is bits 11:9 above bits 3:0. "G 01" and the like count
// in binary. A row that ends in "alone" has its type and one field with all its bits.
#pragma once

#include "vtd_golden.h"

#include <array>

namespace quiesce::golden::vtd {

// clang-format off

using Descriptor = Structure<4>;

// ---- 1. Context cache, PASID cache ---------------------------------------------------------------------------------

/// cc_inv_dsc, type 1. Second sources: V, L qi_flush_context, Q, M.
inline constexpr std::array cc_inv_dsc_fields{
    Position{"Type[3:0]", 3, 0}, Position{"Type[6:4]", 11, 9},
    Position{"G", 5, 4}, Position{"DID", 31, 16}, Position{"SID", 47, 32}, Position{"FM", 49, 48},
};
inline constexpr std::array cc_inv_dscs{
    Descriptor{"type alone", "6.5.2.1 VLQM", {{"Type", 1}},                  {0x0000'0000'0000'0001}},
    Descriptor{"G alone",    "6.5.2.1 VLQM", {{"Type", 1}, {"G", 3}},        {0x0000'0000'0000'0031}},
    Descriptor{"DID alone",  "6.5.2.1 VLQM", {{"Type", 1}, {"DID", 0xffff}}, {0x0000'0000'ffff'0001}},
    Descriptor{"SID alone",  "6.5.2.1 VLQM", {{"Type", 1}, {"SID", 0xffff}}, {0x0000'ffff'0000'0001}},
    Descriptor{"FM alone",   "6.5.2.1 VLQM", {{"Type", 1}, {"FM", 3}},       {0x0003'0000'0000'0001}},
    // G [5:4]: 01 -> 0x10, 10 -> 0x20, 11 -> 0x30
    Descriptor{"global", "6.5.2.1; L", {{"Type", 1}, {"G", 1}}, {0x0000'0000'0000'0011}},
    Descriptor{"domain", "6.5.2.1; L", {{"Type", 1}, {"G", 2}, {"DID", 0x137}}, {0x0000'0000'0137'0021}},
    Descriptor{"device", "6.5.2.1; L", {{"Type", 1}, {"G", 3}, {"DID", 0x137}, {"SID", 0x3a10}},
               {0x0000'3a10'0137'0031}},
    Descriptor{"device, no domain (scalable mode ignores it)", "6.5.2.1; L",
               {{"Type", 1}, {"G", 3}, {"SID", 0x3a10}}, {0x0000'3a10'0000'0031}},
    // FM 1 masks bit 2 of the function, 2 masks 2:1, 3 masks 2:0
    Descriptor{"device and phantom functions, FM 1", "6.5.2.1, table 21",
               {{"Type", 1}, {"G", 3}, {"DID", 0x137}, {"SID", 0x3a10}, {"FM", 1}}, {0x0001'3a10'0137'0031}},
    Descriptor{"device and phantom functions, FM 3", "6.5.2.1, table 21",
               {{"Type", 1}, {"G", 3}, {"DID", 0x137}, {"SID", 0x3a10}, {"FM", 3}}, {0x0003'3a10'0137'0031}},
};

/// pc_inv_dsc, type 7, 256 bits only. Second sources: V, L qi_flush_pasid_cache, Q, M.
inline constexpr std::array pc_inv_dsc_fields{
    Position{"Type[3:0]", 3, 0}, Position{"Type[6:4]", 11, 9},
    Position{"G", 5, 4}, Position{"DID", 31, 16}, Position{"PASID", 51, 32},
};
inline constexpr std::array pc_inv_dscs{
    Descriptor{"type alone",  "6.5.2.2 VLQM", {{"Type", 7}},                     {0x0000'0000'0000'0007}},
    Descriptor{"G alone",     "6.5.2.2 VLQM", {{"Type", 7}, {"G", 3}},           {0x0000'0000'0000'0037}},
    Descriptor{"DID alone",   "6.5.2.2 VLQM", {{"Type", 7}, {"DID", 0xffff}},    {0x0000'0000'ffff'0007}},
    Descriptor{"PASID alone", "6.5.2.2 VLQM", {{"Type", 7}, {"PASID", 0xf'ffff}}, {0x000f'ffff'0000'0007}},
    // here 00 is the domain, 01 the PASID, 11 everything; 10 is reserved
    Descriptor{"domain", "6.5.2.2; L QI_PC_ALL_PASIDS", {{"Type", 7}, {"G", 0}, {"DID", 0x137}},
               {0x0000'0000'0137'0007}},
    Descriptor{"PASID",  "6.5.2.2; L QI_PC_PASID_SEL", {{"Type", 7}, {"G", 1}, {"DID", 1}, {"PASID", 0x1'2345}},
               {0x0001'2345'0001'0017}},
    Descriptor{"global", "6.5.2.2; L QI_PC_GLOBAL", {{"Type", 7}, {"G", 3}}, {0x0000'0000'0000'0037}},
};

// ---- 2. IOTLB ------------------------------------------------------------------------------------------------------

/// iotlb_inv_dsc, type 2. Second sources: V, L qi_desc_iotlb, Q, M.
inline constexpr std::array iotlb_inv_dsc_fields{
    Position{"Type[3:0]", 3, 0}, Position{"Type[6:4]", 11, 9},
    Position{"G", 5, 4}, Position{"DW", 6, 6}, Position{"DR", 7, 7}, Position{"DID", 31, 16},
    Position{"AM", 69, 64}, Position{"IH", 70, 70}, Position{"ADDR", 127, 76, true},
};
inline constexpr std::array iotlb_inv_dscs{
    Descriptor{"type alone", "6.5.2.3 VLQM", {{"Type", 2}},                  {0x0000'0000'0000'0002}},
    Descriptor{"G alone",    "6.5.2.3 VLQM", {{"Type", 2}, {"G", 3}},        {0x0000'0000'0000'0032}},
    Descriptor{"DW alone",   "6.5.2.3 VLM",  {{"Type", 2}, {"DW", 1}},       {0x0000'0000'0000'0042}},
    Descriptor{"DR alone",   "6.5.2.3 VLM",  {{"Type", 2}, {"DR", 1}},       {0x0000'0000'0000'0082}},
    Descriptor{"DID alone",  "6.5.2.3 VLQM", {{"Type", 2}, {"DID", 0xffff}}, {0x0000'0000'ffff'0002}},
    Descriptor{"AM alone",   "6.5.2.3 VLQM", {{"Type", 2}, {"AM", 0x3f}},    {0x0000'0000'0000'0002, 0x3f}},
    Descriptor{"IH alone",   "6.5.2.3 VLM",  {{"Type", 2}, {"IH", 1}},       {0x0000'0000'0000'0002, 0x40}},
    Descriptor{"ADDR alone", "6.5.2.3 VLQM", {{"Type", 2}, {"ADDR", 0xffff'ffff'ffff'f000}},
               {0x0000'0000'0000'0002, 0xffff'ffff'ffff'f000}},
    // DR and DW together 0xc0, set where CAP.DRD and CAP.DWD are
    Descriptor{"global", "6.5.2.3", {{"Type", 2}, {"G", 1}}, {0x0000'0000'0000'0012}},
    Descriptor{"global, drain", "6.5.2.3; L", {{"Type", 2}, {"G", 1}, {"DW", 1}, {"DR", 1}},
               {0x0000'0000'0000'00d2}},
    Descriptor{"domain", "6.5.2.3", {{"Type", 2}, {"G", 2}, {"DID", 0x137}}, {0x0000'0000'0137'0022}},
    Descriptor{"domain, drain", "6.5.2.3; L DMA_TLB_DSI_FLUSH",
               {{"Type", 2}, {"G", 2}, {"DW", 1}, {"DR", 1}, {"DID", 0x137}}, {0x0000'0000'0137'00e2}},
    // AM: low bits of the page number that are masked; 0 one page, 4 16 pages, 9 2 MiB, 18 1 GiB
    Descriptor{"one page, drain", "6.5.2.3; L DMA_TLB_PSI_FLUSH",
               {{"Type", 2}, {"G", 3}, {"DW", 1}, {"DR", 1}, {"DID", 0x137}, {"ADDR", 0x7f12'3456'7000}},
               {0x0000'0000'0137'00f2, 0x0000'7f12'3456'7000}},
    Descriptor{"16 pages, leaves only", "6.5.2.3, table 22; L",
               {{"Type", 2}, {"G", 3}, {"DW", 1}, {"DR", 1}, {"DID", 0x137}, {"AM", 4}, {"IH", 1},
                {"ADDR", 0x7f12'3456'0000}},
               {0x0000'0000'0137'00f2, 0x0000'7f12'3456'0044}},
    Descriptor{"2 MiB", "6.5.2.3, table 22; L",
               {{"Type", 2}, {"G", 3}, {"DID", 0x137}, {"AM", 9}, {"ADDR", 0x7f12'3440'0000}},
               {0x0000'0000'0137'0032, 0x0000'7f12'3440'0009}},
    // 18 = 0x12
    Descriptor{"1 GiB", "6.5.2.3, table 22; L",
               {{"Type", 2}, {"G", 3}, {"DID", 0x137}, {"AM", 18}, {"ADDR", 0x7f12'0000'0000}},
               {0x0000'0000'0137'0032, 0x0000'7f12'0000'0012}},
};

/// p_iotlb_inv_dsc, type 6, 256 bits only; it always drains. Second sources: V, L qi_desc_piotlb and _all, Q, M.
inline constexpr std::array p_iotlb_inv_dsc_fields{
    Position{"Type[3:0]", 3, 0}, Position{"Type[6:4]", 11, 9},
    Position{"G", 5, 4}, Position{"DID", 31, 16}, Position{"PASID", 51, 32},
    Position{"AM", 69, 64}, Position{"IH", 70, 70}, Position{"ADDR", 127, 76, true},
};
inline constexpr std::array p_iotlb_inv_dscs{
    Descriptor{"type alone",  "6.5.2.4 VLQM", {{"Type", 6}},                      {0x0000'0000'0000'0006}},
    Descriptor{"G alone",     "6.5.2.4 VLQM", {{"Type", 6}, {"G", 3}},            {0x0000'0000'0000'0036}},
    Descriptor{"DID alone",   "6.5.2.4 VLQM", {{"Type", 6}, {"DID", 0xffff}},     {0x0000'0000'ffff'0006}},
    Descriptor{"PASID alone", "6.5.2.4 VLQM", {{"Type", 6}, {"PASID", 0xf'ffff}}, {0x000f'ffff'0000'0006}},
    Descriptor{"AM alone",    "6.5.2.4 VLM",  {{"Type", 6}, {"AM", 0x3f}},        {0x0000'0000'0000'0006, 0x3f}},
    Descriptor{"IH alone",    "6.5.2.4 VLM",  {{"Type", 6}, {"IH", 1}},           {0x0000'0000'0000'0006, 0x40}},
    Descriptor{"ADDR alone",  "6.5.2.4 VLM",  {{"Type", 6}, {"ADDR", 0xffff'ffff'ffff'f000}},
               {0x0000'0000'0000'0006, 0xffff'ffff'ffff'f000}},
    // 10 the PASID, 11 pages of it; 00 and 01 are reserved
    Descriptor{"PASID", "6.5.2.4; L qi_desc_piotlb_all", {{"Type", 6}, {"G", 2}, {"DID", 1}, {"PASID", 0x1'2345}},
               {0x0001'2345'0001'0026}},
    Descriptor{"one page", "6.5.2.4; L qi_desc_piotlb",
               {{"Type", 6}, {"G", 3}, {"DID", 1}, {"PASID", 0x1'2345}, {"ADDR", 0x7f12'3456'7000}},
               {0x0001'2345'0001'0036, 0x0000'7f12'3456'7000}},
    Descriptor{"one page, leaves only", "6.5.2.4; L qi_desc_piotlb, ih",
               {{"Type", 6}, {"G", 3}, {"DID", 1}, {"PASID", 0x1'2345}, {"IH", 1}, {"ADDR", 0x7f12'3456'7000}},
               {0x0001'2345'0001'0036, 0x0000'7f12'3456'7040}},
    Descriptor{"16 pages", "6.5.2.4, table 22; L",
               {{"Type", 6}, {"G", 3}, {"DID", 1}, {"PASID", 0x1'2345}, {"AM", 4}, {"ADDR", 0x7f12'3456'0000}},
               {0x0001'2345'0001'0036, 0x0000'7f12'3456'0004}},
    Descriptor{"2 MiB", "6.5.2.4, table 22; L",
               {{"Type", 6}, {"G", 3}, {"DID", 1}, {"PASID", 0x1'2345}, {"AM", 9}, {"ADDR", 0x7f12'3440'0000}},
               {0x0001'2345'0001'0036, 0x0000'7f12'3440'0009}},
};

// ---- 3. Device-TLB -------------------------------------------------------------------------------------------------

/// dev_tlb_inv_dsc, type 3. PFSID is reserved where ECAP.DIT is 0. Second sources: V, L qi_desc_dev_iotlb, Q.
inline constexpr std::array dev_tlb_inv_dsc_fields{
    Position{"Type[3:0]", 3, 0}, Position{"Type[6:4]", 11, 9},
    Position{"PFSID[3:0]", 15, 12}, Position{"MIP", 20, 16}, Position{"SID", 47, 32}, Position{"PFSID[15:4]", 63, 52},
    Position{"S", 64, 64}, Position{"ADDR", 127, 76, true},
};
inline constexpr std::array dev_tlb_inv_dscs{
    Descriptor{"type alone",  "6.5.2.5 VLQ", {{"Type", 3}},                    {0x0000'0000'0000'0003}},
    Descriptor{"PFSID alone", "6.5.2.5 VL",  {{"Type", 3}, {"PFSID", 0xffff}}, {0xfff0'0000'0000'f003}},
    Descriptor{"PFSID 000f",  "6.5.2.5 VL",  {{"Type", 3}, {"PFSID", 0x000f}}, {0x0000'0000'0000'f003}},
    Descriptor{"PFSID 0010",  "6.5.2.5 VL",  {{"Type", 3}, {"PFSID", 0x0010}}, {0x0010'0000'0000'0003}},
    Descriptor{"MIP alone",   "6.5.2.5 VL",  {{"Type", 3}, {"MIP", 0x1f}},     {0x0000'0000'001f'0003}},
    Descriptor{"SID alone",   "6.5.2.5 VLQ", {{"Type", 3}, {"SID", 0xffff}},   {0x0000'ffff'0000'0003}},
    Descriptor{"S alone",     "6.5.2.5 VLQ", {{"Type", 3}, {"S", 1}},          {0x0000'0000'0000'0003, 0x1}},
    Descriptor{"ADDR alone",  "6.5.2.5 VLQ", {{"Type", 3}, {"ADDR", 0xffff'ffff'ffff'f000}},
               {0x0000'0000'0000'0003, 0xffff'ffff'ffff'f000}},
    // PFSID 0x3a08: 8 -> 0x8000 of the low half, 0x3a0 into 63:52
    Descriptor{"everything", "6.5.2.5, 6.5.3.3; L MAX_AGAW_PFN_WIDTH",
               {{"Type", 3}, {"PFSID", 0x3a08}, {"SID", 0x3a10}, {"S", 1}, {"ADDR", 0x7fff'ffff'ffff'f000}},
               {0x3a00'3a10'0000'8003, 0x7fff'ffff'ffff'f001}},
    // MIP 16 -> 0x10'0000
    Descriptor{"one page, MIP 16", "6.5.2.5; L",
               {{"Type", 3}, {"PFSID", 0x3a08}, {"MIP", 16}, {"SID", 0x3a10}, {"ADDR", 0x7f12'3456'7000}},
               {0x3a00'3a10'0010'8003, 0x0000'7f12'3456'7000}},
    Descriptor{"64 KiB, the function itself", "6.5.2.5; L",
               {{"Type", 3}, {"PFSID", 0x3a08}, {"SID", 0x3a08}, {"S", 1}, {"ADDR", 0x7f12'3456'7000}},
               {0x3a00'3a08'0000'8003, 0x0000'7f12'3456'7001}},
    Descriptor{"one page, no throttle (ECAP.DIT 0)", "6.5.2.5 VQ",
               {{"Type", 3}, {"SID", 0x3a10}, {"ADDR", 0x7f12'3456'7000}},
               {0x0000'3a10'0000'0003, 0x0000'7f12'3456'7000}},
};

/// p_dev_tlb_inv_dsc, type 8, 256 bits only. S is bit 11 of word 1 here, and GI bit 0. Second sources: V (where GI is
/// called G), L qi_desc_dev_iotlb_pasid, Q.
inline constexpr std::array p_dev_tlb_inv_dsc_fields{
    Position{"Type[3:0]", 3, 0}, Position{"MIP", 8, 4}, Position{"Type[6:4]", 11, 9},
    Position{"PFSID[3:0]", 15, 12}, Position{"SID", 31, 16}, Position{"PASID", 51, 32}, Position{"PFSID[15:4]", 63, 52},
    Position{"GI", 64, 64}, Position{"S", 75, 75}, Position{"ADDR", 127, 76, true},
};
inline constexpr std::array p_dev_tlb_inv_dscs{
    Descriptor{"type alone",  "6.5.2.6 VLQ", {{"Type", 8}},                      {0x0000'0000'0000'0008}},
    Descriptor{"MIP alone",   "6.5.2.6 VL",  {{"Type", 8}, {"MIP", 0x1f}},       {0x0000'0000'0000'01f8}},
    Descriptor{"PFSID alone", "6.5.2.6 VLQ", {{"Type", 8}, {"PFSID", 0xffff}},   {0xfff0'0000'0000'f008}},
    Descriptor{"SID alone",   "6.5.2.6 VL",  {{"Type", 8}, {"SID", 0xffff}},     {0x0000'0000'ffff'0008}},
    Descriptor{"PASID alone", "6.5.2.6 VL",  {{"Type", 8}, {"PASID", 0xf'ffff}}, {0x000f'ffff'0000'0008}},
    Descriptor{"GI alone",    "6.5.2.6 VQ",  {{"Type", 8}, {"GI", 1}},           {0x0000'0000'0000'0008, 0x1}},
    Descriptor{"S alone",     "6.5.2.6 VLQ", {{"Type", 8}, {"S", 1}},            {0x0000'0000'0000'0008, 0x800}},
    Descriptor{"ADDR alone",  "6.5.2.6 VLQ", {{"Type", 8}, {"ADDR", 0xffff'ffff'ffff'f000}},
               {0x0000'0000'0000'0008, 0xffff'ffff'ffff'f000}},
    Descriptor{"everything of the PASID", "6.5.2.6, 6.5.3.3; L MAX_AGAW_PFN_WIDTH",
               {{"Type", 8}, {"PFSID", 0x3a08}, {"SID", 0x3a10}, {"PASID", 0x1'2345}, {"S", 1},
                {"ADDR", 0x7fff'ffff'ffff'f000}},
               {0x3a01'2345'3a10'8008, 0x7fff'ffff'ffff'f800}},
    // MIP 16 -> 0x100
    Descriptor{"one page, MIP 16", "6.5.2.6; L",
               {{"Type", 8}, {"MIP", 16}, {"PFSID", 0x3a08}, {"SID", 0x3a10}, {"PASID", 0x1'2345},
                {"ADDR", 0x7f12'3456'7000}},
               {0x3a01'2345'3a10'8108, 0x0000'7f12'3456'7000}},
    Descriptor{"64 KiB", "6.5.2.6; L",
               {{"Type", 8}, {"PFSID", 0x3a08}, {"SID", 0x3a10}, {"PASID", 0x1'2345}, {"S", 1},
                {"ADDR", 0x7f12'3456'7000}},
               {0x3a01'2345'3a10'8008, 0x0000'7f12'3456'7800}},
    Descriptor{"everything of every PASID", "6.5.2.6 V",
               {{"Type", 8}, {"PFSID", 0x3a08}, {"SID", 0x3a10}, {"GI", 1}, {"S", 1}, {"ADDR", 0x7fff'ffff'ffff'f000}},
               {0x3a00'0000'3a10'8008, 0x7fff'ffff'ffff'f801}},
};

/// How S and the address say a size (6.5.2.5, PCIe 10.2.3.2): from bit 12 up, ones and then the zero that counts.
/// `type3` and `type8` are word 1 of the two descriptors.
struct DeviceTlbSize {
    const char* what;
    std::uint64_t base, bytes;    ///< bytes 0: all 2^64
    bool s;
    std::uint64_t type3, type8;
};
inline constexpr std::array device_tlb_sizes{
    DeviceTlbSize{"4 KiB",  0x7f12'3456'7000, 0x1000,      false, 0x0000'7f12'3456'7000, 0x0000'7f12'3456'7000},
    DeviceTlbSize{"8 KiB",  0x7f12'3456'6000, 0x2000,      true,  0x0000'7f12'3456'6001, 0x0000'7f12'3456'6800},
    DeviceTlbSize{"16 KiB", 0x7f12'3456'4000, 0x4000,      true,  0x0000'7f12'3456'5001, 0x0000'7f12'3456'5800},
    DeviceTlbSize{"64 KiB", 0x7f12'3456'0000, 0x1'0000,    true,  0x0000'7f12'3456'7001, 0x0000'7f12'3456'7800},
    DeviceTlbSize{"2 MiB",  0x7f12'3440'0000, 0x20'0000,   true,  0x0000'7f12'344f'f001, 0x0000'7f12'344f'f800},
    DeviceTlbSize{"1 GiB",  0x7f12'0000'0000, 0x4000'0000, true,  0x0000'7f12'1fff'f001, 0x0000'7f12'1fff'f800},
    DeviceTlbSize{"all",    0,                0,           true,  0x7fff'ffff'ffff'f001, 0x7fff'ffff'ffff'f800},
};

// ---- 4. Interrupt entry cache, wait, page group response -----------------------------------------------------------

/// iec_inv_dsc, type 4. G here is one bit: 0 everything. Second sources: V, L, Q, M.
inline constexpr std::array iec_inv_dsc_fields{
    Position{"Type[3:0]", 3, 0}, Position{"Type[6:4]", 11, 9},
    Position{"G", 4, 4}, Position{"IM", 31, 27}, Position{"IIDX", 47, 32},
};
inline constexpr std::array iec_inv_dscs{
    Descriptor{"type alone: global", "6.5.2.8; L qi_global_iec", {{"Type", 4}},    {0x0000'0000'0000'0004}},
    Descriptor{"G alone",            "6.5.2.8 VLQM", {{"Type", 4}, {"G", 1}},         {0x0000'0000'0000'0014}},
    Descriptor{"IM alone",           "6.5.2.8 VLQM", {{"Type", 4}, {"IM", 0x1f}},     {0x0000'0000'f800'0004}},
    Descriptor{"IIDX alone",         "6.5.2.8 VLQM", {{"Type", 4}, {"IIDX", 0xffff}}, {0x0000'ffff'0000'0004}},
    Descriptor{"one index", "6.5.2.8; L", {{"Type", 4}, {"G", 1}, {"IIDX", 0x01a5}}, {0x0000'01a5'0000'0014}},
    // IM 3 -> 0x1800'0000
    Descriptor{"8 indexes", "6.5.2.8, table 25; L", {{"Type", 4}, {"G", 1}, {"IM", 3}, {"IIDX", 0x01a0}},
               {0x0000'01a0'1800'0014}},
};

/// inv_wait_dsc, type 5. PD is reserved where ECAP.PDS is 0. Second sources: V, L qi_submit_sync, Q (no PD), M.
inline constexpr std::array inv_wait_dsc_fields{
    Position{"Type[3:0]", 3, 0}, Position{"IF", 4, 4}, Position{"SW", 5, 5}, Position{"FN", 6, 6}, Position{"PD", 7, 7},
    Position{"Type[6:4]", 11, 9}, Position{"Status Data", 63, 32}, Position{"Status Address", 127, 66, true},
};
inline constexpr std::array inv_wait_dscs{
    Descriptor{"type alone", "6.5.2.9 VLQM", {{"Type", 5}},            {0x0000'0000'0000'0005}},
    Descriptor{"IF alone",   "6.5.2.9 VQM",  {{"Type", 5}, {"IF", 1}}, {0x0000'0000'0000'0015}},
    Descriptor{"SW alone",   "6.5.2.9 VLQM", {{"Type", 5}, {"SW", 1}}, {0x0000'0000'0000'0025}},
    Descriptor{"FN alone",   "6.5.2.9 VLQM", {{"Type", 5}, {"FN", 1}}, {0x0000'0000'0000'0045}},
    Descriptor{"PD alone",   "6.5.2.9 VLM",  {{"Type", 5}, {"PD", 1}}, {0x0000'0000'0000'0085}},
    Descriptor{"Status Data alone",    "6.5.2.9 VLQM", {{"Type", 5}, {"Status Data", 0xffff'ffff}},
               {0xffff'ffff'0000'0005}},
    Descriptor{"Status Address alone", "6.5.2.9 VM", {{"Type", 5}, {"Status Address", 0xffff'ffff'ffff'fffc}},
               {0x0000'0000'0000'0005, 0xffff'ffff'ffff'fffc}},
    // QI_DONE is 2
    Descriptor{"status write", "6.5.2.9; L qi_submit_sync",
               {{"Type", 5}, {"SW", 1}, {"Status Data", 2}, {"Status Address", 0x0081'0030'0404}},
               {0x0000'0002'0000'0025, 0x0000'0081'0030'0404}},
    Descriptor{"status write, page request drain", "6.5.2.9; L QI_OPT_WAIT_DRAIN",
               {{"Type", 5}, {"SW", 1}, {"PD", 1}, {"Status Data", 2}, {"Status Address", 0x0081'0030'0404}},
               {0x0000'0002'0000'00a5, 0x0000'0081'0030'0404}},
    // the first of the three that drain a PASID's page requests: a fence, no write although it has data
    Descriptor{"fence", "6.5.2.9, 7.10; L intel_iommu_drain_pasid_prq", {{"Type", 5}, {"FN", 1}, {"Status Data", 2}},
               {0x0000'0002'0000'0045}},
    Descriptor{"interrupt", "6.5.2.9 VQM", {{"Type", 5}, {"IF", 1}}, {0x0000'0000'0000'0015}},
    Descriptor{"everything", "6.5.2.9 VM",
               {{"Type", 5}, {"IF", 1}, {"SW", 1}, {"FN", 1}, {"PD", 1}, {"Status Data", 0xcafe'f00d},
                {"Status Address", 0x0081'0030'0ffc}},
               {0xcafe'f00d'0000'00f5, 0x0000'0081'0030'0ffc}},
};

/// page_grp_resp_dsc, type 9, 256 bits only. RC: 0 success, 1 invalid request, f response failure. [rev] "IGN" was
/// LPIG, bit 5 was PDP and words 2 and 3 private data up to Rev 3. Second sources: L intel_iommu_page_response, Q.
inline constexpr std::array page_grp_resp_dsc_fields{
    Position{"Type[3:0]", 3, 0}, Position{"PP", 4, 4}, Position{"Type[6:4]", 11, 9}, Position{"RC", 15, 12},
    Position{"RID", 31, 16}, Position{"PASID", 51, 32}, Position{"IGN", 66, 66}, Position{"PRGI", 75, 67},
};
inline constexpr std::array page_grp_resp_dscs{
    Descriptor{"type alone",  "7.6.1 LQ", {{"Type", 9}},                      {0x0000'0000'0000'0009}},
    Descriptor{"PP alone",    "7.6.1 LQ", {{"Type", 9}, {"PP", 1}},           {0x0000'0000'0000'0019}},
    Descriptor{"RC alone",    "7.6.1 LQ", {{"Type", 9}, {"RC", 0xf}},         {0x0000'0000'0000'f009}},
    Descriptor{"RID alone",   "7.6.1 LQ", {{"Type", 9}, {"RID", 0xffff}},     {0x0000'0000'ffff'0009}},
    Descriptor{"PASID alone", "7.6.1 LQ", {{"Type", 9}, {"PASID", 0xf'ffff}}, {0x000f'ffff'0000'0009}},
    Descriptor{"IGN alone",   "7.6.1 LQ", {{"Type", 9}, {"IGN", 1}},          {0x0000'0000'0000'0009, 0x4}},
    Descriptor{"PRGI alone",  "7.6.1 LQ", {{"Type", 9}, {"PRGI", 0x1ff}},     {0x0000'0000'0000'0009, 0xff8}},
    // PRGI [11:3] = 0x1a5 -> 0xd28
    Descriptor{"success", "7.6.1; L",
               {{"Type", 9}, {"PP", 1}, {"RC", 0}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"PRGI", 0x1a5}},
               {0x0001'2345'3a10'0019, 0xd28}},
    Descriptor{"success, LPIG of an older driver", "7.6.1; L of 2024 QI_PGRP_LPIG",
               {{"Type", 9}, {"PP", 1}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"IGN", 1}, {"PRGI", 0x1a5}},
               {0x0001'2345'3a10'0019, 0xd2c}},
    Descriptor{"invalid request", "7.6.1; L QI_RESP_INVALID",
               {{"Type", 9}, {"PP", 1}, {"RC", 1}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"PRGI", 0x1a5}},
               {0x0001'2345'3a10'1019, 0xd28}},
    Descriptor{"response failure", "7.6.1; L QI_RESP_FAILURE",
               {{"Type", 9}, {"PP", 1}, {"RC", 0xf}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"PRGI", 0x1a5}},
               {0x0001'2345'3a10'f019, 0xd28}},
    Descriptor{"success, no PASID", "7.6.1; L", {{"Type", 9}, {"RID", 0x3a10}, {"PRGI", 0x1a5}},
               {0x0000'0000'3a10'0009, 0xd28}},
};

// clang-format on

} // namespace quiesce::golden::vtd
