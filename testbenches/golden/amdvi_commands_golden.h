// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of AMD-Vi: what software puts into the command buffer (2.4), 16 bytes a command. Conventions,
// sources and common values are in amdvi_golden.h.
//
// The opcode is bits 63:60 of word 0 in every command. A row that ends in "alone" has its opcode and one field with all
// its bits.
#pragma once

#include "amdvi_golden.h"

#include <array>

namespace quiesce::golden::amdvi {

// clang-format off

using Command = Structure<2>;

// ---- 1. COMPLETION_WAIT --------------------------------------------------------------------------------------------

/// The store address is a multiple of 8.
inline constexpr std::array completion_wait_fields{
    Position{"s", 0, 0}, Position{"i", 1, 1}, Position{"f", 2, 2}, Position{"StoreAddress", 51, 3, true},
    Position{"Opcode", 63, 60}, Position{"StoreData", 127, 64},
};
inline constexpr std::array completion_waits{
    Command{"opcode alone", "2.4.1 SLFVXBQMNI", {{"Opcode", 1}},           {0x1000'0000'0000'0000, 0}},
    Command{"s alone",      "2.4.1 SLFVXBQMNI", {{"Opcode", 1}, {"s", 1}}, {0x1000'0000'0000'0001, 0}},
    Command{"i alone",      "2.4.1 SLFVXBQMI",  {{"Opcode", 1}, {"i", 1}}, {0x1000'0000'0000'0002, 0}},
    Command{"f alone",      "2.4.1 SFVXBMI",    {{"Opcode", 1}, {"f", 1}}, {0x1000'0000'0000'0004, 0}},
    Command{"StoreAddress alone", "2.4.1 SFVXQMI", {{"Opcode", 1}, {"StoreAddress", 0x000f'ffff'ffff'fff8}},
            {0x100f'ffff'ffff'fff8, 0}},
    Command{"StoreData alone", "2.4.1 SLFVXQMN", {{"Opcode", 1}, {"StoreData", 0xffff'ffff'ffff'ffff}},
            {0x1000'0000'0000'0000, 0xffff'ffff'ffff'ffff}},
    // the semaphore has a page of its own and takes a sequence number
    Command{"store", "2.4.1; L build_completion_wait",
            {{"Opcode", 1}, {"s", 1}, {"StoreAddress", 0x0081'0030'0000}, {"StoreData", 0x1a5}},
            {0x1000'0081'0030'0001, 0x0000'0000'0000'01a5}},
    Command{"store, end of the page", "2.4.1",
            {{"Opcode", 1}, {"s", 1}, {"StoreAddress", 0x0081'0030'0ff8}, {"StoreData", 0xcafe'f00d'1234'5678}},
            {0x1000'0081'0030'0ff9, 0xcafe'f00d'1234'5678}},
    Command{"store, address above 47 bits", "2.4.1",
            {{"Opcode", 1}, {"s", 1}, {"StoreAddress", 0x000c'5a81'0030'0408}, {"StoreData", 1}},
            {0x100c'5a81'0030'0409, 1}},
    Command{"interrupt", "2.4.1", {{"Opcode", 1}, {"i", 1}}, {0x1000'0000'0000'0002, 0}},
    Command{"fence", "2.4.1", {{"Opcode", 1}, {"f", 1}}, {0x1000'0000'0000'0004, 0}},
    // s 1, i 2, f 4 below 0x408
    Command{"store, interrupt", "2.4.1",
            {{"Opcode", 1}, {"s", 1}, {"i", 1}, {"StoreAddress", 0x0081'0030'0408},
             {"StoreData", 0xcafe'f00d'1234'5678}},
            {0x1000'0081'0030'040b, 0xcafe'f00d'1234'5678}},
    Command{"store, fence", "2.4.1",
            {{"Opcode", 1}, {"s", 1}, {"f", 1}, {"StoreAddress", 0x0081'0030'0408},
             {"StoreData", 0xcafe'f00d'1234'5678}},
            {0x1000'0081'0030'040d, 0xcafe'f00d'1234'5678}},
    Command{"interrupt, fence", "2.4.1", {{"Opcode", 1}, {"i", 1}, {"f", 1}}, {0x1000'0000'0000'0006, 0}},
    Command{"store, interrupt, fence", "2.4.1",
            {{"Opcode", 1}, {"s", 1}, {"i", 1}, {"f", 1}, {"StoreAddress", 0x0081'0030'0408},
             {"StoreData", 0xcafe'f00d'1234'5678}},
            {0x1000'0081'0030'040f, 0xcafe'f00d'1234'5678}},
    // s 0: address and data say nothing
    Command{"no store, address left", "2.4.1",
            {{"Opcode", 1}, {"i", 1}, {"StoreAddress", 0x0081'0030'0408}, {"StoreData", 0x1a5}},
            {0x1000'0081'0030'040a, 0x0000'0000'0000'01a5}},
};

// ---- 2. INVALIDATE_DEVTAB_ENTRY, INVALIDATE_INTERRUPT_TABLE, INVALIDATE_IOMMU_ALL ----------------------------------

/// The same layout for opcodes 2 and 5.
inline constexpr std::array invalidate_device_fields{
    Position{"DeviceID", 15, 0}, Position{"Opcode", 63, 60},
};
inline constexpr std::array invalidate_devices{
    Command{"DTE: opcode alone",   "2.4.2 SLFVXBQMNI", {{"Opcode", 2}}, {0x2000'0000'0000'0000, 0}},
    Command{"DTE: DeviceID alone", "2.4.2 SLFVXQMNI", {{"Opcode", 2}, {"DeviceID", 0xffff}},
            {0x2000'0000'0000'ffff, 0}},
    Command{"DTE", "2.4.2; L build_inv_dte", {{"Opcode", 2}, {"DeviceID", 0x3a10}}, {0x2000'0000'0000'3a10, 0}},
    Command{"interrupt table: opcode alone",   "2.4.5 SLFVXBQMNI", {{"Opcode", 5}}, {0x5000'0000'0000'0000, 0}},
    Command{"interrupt table: DeviceID alone", "2.4.5 SLFVXMNI", {{"Opcode", 5}, {"DeviceID", 0xffff}},
            {0x5000'0000'0000'ffff, 0}},
    Command{"interrupt table", "2.4.5; L build_inv_irt", {{"Opcode", 5}, {"DeviceID", 0x3a10}},
            {0x5000'0000'0000'3a10, 0}},
    // F puts this command's opcode into bits 35:32 (word 0 0x0000'0008'0000'0000): a slip there, its driver uses it
    // for nothing else; all others have it in 63:60
    Command{"all", "2.4.8 SLVXBQMN; L build_inv_all", {{"Opcode", 8}}, {0x8000'0000'0000'0000, 0}},
};

// ---- 3. INVALIDATE_IOMMU_PAGES -------------------------------------------------------------------------------------

inline constexpr std::array invalidate_pages_fields{
    Position{"PASID", 19, 0}, Position{"DomainID", 47, 32}, Position{"Opcode", 63, 60},
    Position{"S", 64, 64}, Position{"PDE", 65, 65}, Position{"GN", 66, 66}, Position{"Address", 127, 76, true},
};
inline constexpr std::array invalidate_pages{
    Command{"opcode alone",   "2.4.3 SLFVXBQMNI", {{"Opcode", 3}}, {0x3000'0000'0000'0000, 0}},
    Command{"PASID alone",    "2.4.3 SLFVQM", {{"Opcode", 3}, {"PASID", 0xf'ffff}}, {0x3000'0000'000f'ffff, 0}},
    Command{"DomainID alone", "2.4.3 SLFVXQMNI", {{"Opcode", 3}, {"DomainID", 0xffff}}, {0x3000'ffff'0000'0000, 0}},
    Command{"S alone",        "2.4.3 SLFVXBQMNI", {{"Opcode", 3}, {"S", 1}}, {0x3000'0000'0000'0000, 0x1}},
    Command{"PDE alone",      "2.4.3 SLFVXBMNI", {{"Opcode", 3}, {"PDE", 1}}, {0x3000'0000'0000'0000, 0x2}},
    Command{"GN alone",       "2.4.3 SLFVBM", {{"Opcode", 3}, {"GN", 1}}, {0x3000'0000'0000'0000, 0x4}},
    Command{"Address alone",  "2.4.3 SLFVXMNI", {{"Opcode", 3}, {"Address", 0xffff'ffff'ffff'f000}},
            {0x3000'0000'0000'0000, 0xffff'ffff'ffff'f000}},
    Command{"one page, leaf only", "2.4.3", {{"Opcode", 3}, {"DomainID", 0x137}, {"Address", 0x7f12'3456'7000}},
            {0x3000'0137'0000'0000, 0x0000'7f12'3456'7000}},
    // L always sets PDE
    Command{"one page", "2.4.3; L build_inv_iommu_pages",
            {{"Opcode", 3}, {"DomainID", 0x137}, {"PDE", 1}, {"Address", 0x7f12'3456'7000}},
            {0x3000'0137'0000'0000, 0x0000'7f12'3456'7002}},
    Command{"8 KiB at ...6000", "2.4.3; L build_inv_address",
            {{"Opcode", 3}, {"DomainID", 0x137}, {"S", 1}, {"PDE", 1}, {"Address", 0x7f12'3456'6000}},
            {0x3000'0137'0000'0000, 0x0000'7f12'3456'6003}},
    Command{"64 KiB at ...6'0000", "2.4.3; L build_inv_address",
            {{"Opcode", 3}, {"DomainID", 0x137}, {"S", 1}, {"PDE", 1}, {"Address", 0x7f12'3456'7000}},
            {0x3000'0137'0000'0000, 0x0000'7f12'3456'7003}},
    Command{"2 MiB at ...40'0000, leaf only", "2.4.3; L build_inv_address",
            {{"Opcode", 3}, {"DomainID", 0x137}, {"S", 1}, {"Address", 0x7f12'344f'f000}},
            {0x3000'0137'0000'0000, 0x0000'7f12'344f'f001}},
    // [disagree] S, L, B and I: 0x7fff'ffff'ffff'f; N: all 52 bits, word 1 0xffff'ffff'ffff'f003
    Command{"all of the domain", "2.4.3 SLBI",
            {{"Opcode", 3}, {"DomainID", 0x137}, {"S", 1}, {"PDE", 1}, {"Address", 0x7fff'ffff'ffff'f000}},
            {0x3000'0137'0000'0000, 0x7fff'ffff'ffff'f003}},
    Command{"one page of the PASID", "2.4.3; L build_inv_iommu_pages",
            {{"Opcode", 3}, {"PASID", 0x1'2345}, {"DomainID", 0x137}, {"PDE", 1}, {"GN", 1},
             {"Address", 0x7f12'3456'7000}},
            {0x3000'0137'0001'2345, 0x0000'7f12'3456'7006}},
    Command{"64 KiB of the PASID", "2.4.3; L build_inv_iommu_pages",
            {{"Opcode", 3}, {"PASID", 0x1'2345}, {"DomainID", 0x137}, {"S", 1}, {"PDE", 1}, {"GN", 1},
             {"Address", 0x7f12'3456'7000}},
            {0x3000'0137'0001'2345, 0x0000'7f12'3456'7007}},
    Command{"2 MiB of the PASID, leaf only", "2.4.3",
            {{"Opcode", 3}, {"PASID", 0xa'bcde}, {"DomainID", 0x8421}, {"S", 1}, {"GN", 1},
             {"Address", 0x7f12'344f'f000}},
            {0x3000'8421'000a'bcde, 0x0000'7f12'344f'f005}},
    Command{"all of the PASID", "2.4.3; L dev_flush_pasid_all",
            {{"Opcode", 3}, {"PASID", 0x1'2345}, {"DomainID", 0x137}, {"S", 1}, {"PDE", 1}, {"GN", 1},
             {"Address", 0x7fff'ffff'ffff'f000}},
            {0x3000'0137'0001'2345, 0x7fff'ffff'ffff'f007}},
    // v2 tables without PASID: those of PASID 0
    Command{"all of PASID 0", "2.4.3; L domain_flush_pages_v2",
            {{"Opcode", 3}, {"DomainID", 0x137}, {"S", 1}, {"PDE", 1}, {"GN", 1}, {"Address", 0x7fff'ffff'ffff'f000}},
            {0x3000'0137'0000'0000, 0x7fff'ffff'ffff'f007}},
};

/// How S and the address say a size (also in INVALIDATE_IOTLB_PAGES and PREFETCH_IOMMU_PAGES): from bit 12 up, ones and
/// then the zero that counts, as in ATS. `word` is word 1 without PDE and GN. bytes 0: everything.
struct InvalidationSize {
    const char* what;
    std::uint64_t base, bytes;
    bool s;
    std::uint64_t word;
};
inline constexpr std::array invalidation_sizes{
    InvalidationSize{"4 KiB",   0x7f12'3456'7000, 0x1000,      false, 0x0000'7f12'3456'7000},
    InvalidationSize{"8 KiB",   0x7f12'3456'6000, 0x2000,      true,  0x0000'7f12'3456'6001},
    InvalidationSize{"16 KiB",  0x7f12'3456'4000, 0x4000,      true,  0x0000'7f12'3456'5001},
    InvalidationSize{"32 KiB",  0x7f12'3456'0000, 0x8000,      true,  0x0000'7f12'3456'3001},
    InvalidationSize{"64 KiB",  0x7f12'3456'0000, 0x1'0000,    true,  0x0000'7f12'3456'7001},
    InvalidationSize{"1 MiB",   0x7f12'3450'0000, 0x10'0000,   true,  0x0000'7f12'3457'f001},
    InvalidationSize{"2 MiB",   0x7f12'3440'0000, 0x20'0000,   true,  0x0000'7f12'344f'f001},
    InvalidationSize{"1 GiB",   0x7f12'0000'0000, 0x4000'0000, true,  0x0000'7f12'1fff'f001},
    InvalidationSize{"512 GiB", 0x7f00'0000'0000, 0x80'0000'0000, true, 0x0000'7f3f'ffff'f001},
    InvalidationSize{"all",     0,                0,           true,  0x7fff'ffff'ffff'f001},
};

/// What L makes of a range that is no aligned power of two: the smallest one that holds both ends.
struct InvalidationRange {
    const char* what;
    std::uint64_t first, last, word;
};
inline constexpr std::array invalidation_ranges{
    // 0x7000 ^ 0x8fff: bit 15 differs
    InvalidationRange{"two pages over a 32 KiB border", 0x7f12'3456'7000, 0x7f12'3456'8fff, 0x0000'7f12'3456'7001},
    InvalidationRange{"three pages",                    0x7f12'3456'4000, 0x7f12'3456'6fff, 0x0000'7f12'3456'5001},
    // 0x344f'f000 ^ 0x3450'0fff: bit 20 differs; bit 20 is 0, below it ones
    InvalidationRange{"two pages over a MiB border",    0x7f12'344f'f000, 0x7f12'3450'0fff, 0x0000'7f12'344f'f001},
    // bit 51 is the highest that may differ; here bit 52 does
    InvalidationRange{"across bit 52", 0x000f'ffff'ffff'f000, 0x0010'0000'0000'0fff, 0x7fff'ffff'ffff'f001},
};

// ---- 4. INVALIDATE_IOTLB_PAGES -------------------------------------------------------------------------------------

/// [disagree] PASID: S, L and F [15:8] at 23:16, [7:0] at 55:48 and (F; S from memory) [19:16] at 59:56; V has the low
/// byte at 23:16 and the 12 bits above it at 59:48; X has fields of these widths without saying which. L sets 16 bits
/// only. Type is valid with EFR.InvIotlbTypeSup; what its values mean no source says.
inline constexpr std::array invalidate_iotlb_fields{
    Position{"DeviceID", 15, 0}, Position{"PASID[15:8]", 23, 16}, Position{"MaxPend", 31, 24},
    Position{"QueueID", 47, 32}, Position{"PASID[7:0]", 55, 48}, Position{"PASID[19:16]", 59, 56},
    Position{"Opcode", 63, 60},
    Position{"S", 64, 64}, Position{"GN", 66, 66}, Position{"Type", 69, 68}, Position{"Address", 127, 76, true},
};
inline constexpr std::array invalidate_iotlbs{
    Command{"opcode alone",   "2.4.4 SLFVXBQMN", {{"Opcode", 4}}, {0x4000'0000'0000'0000, 0}},
    Command{"DeviceID alone", "2.4.4 SLFVXQI", {{"Opcode", 4}, {"DeviceID", 0xffff}}, {0x4000'0000'0000'ffff, 0}},
    Command{"PASID alone",    "2.4.4 SLFVX", {{"Opcode", 4}, {"PASID", 0xf'ffff}}, {0x4fff'0000'00ff'0000, 0}},
    Command{"PASID 000ff",    "2.4.4 SLF", {{"Opcode", 4}, {"PASID", 0x0'00ff}}, {0x40ff'0000'0000'0000, 0}},
    Command{"PASID 0ff00",    "2.4.4 SLF", {{"Opcode", 4}, {"PASID", 0x0'ff00}}, {0x4000'0000'00ff'0000, 0}},
    Command{"PASID f0000",    "2.4.4 FV", {{"Opcode", 4}, {"PASID", 0xf'0000}}, {0x4f00'0000'0000'0000, 0}},
    Command{"MaxPend alone",  "2.4.4 SLFVXI", {{"Opcode", 4}, {"MaxPend", 0xff}}, {0x4000'0000'ff00'0000, 0}},
    Command{"QueueID alone",  "2.4.4 SLFVXI", {{"Opcode", 4}, {"QueueID", 0xffff}}, {0x4000'ffff'0000'0000, 0}},
    Command{"S alone",        "2.4.4 SLFVXBQI", {{"Opcode", 4}, {"S", 1}}, {0x4000'0000'0000'0000, 0x1}},
    Command{"GN alone",       "2.4.4 SLFVBQ", {{"Opcode", 4}, {"GN", 1}}, {0x4000'0000'0000'0000, 0x4}},
    Command{"Type alone",     "2.4.4 SFVQ", {{"Opcode", 4}, {"Type", 3}}, {0x4000'0000'0000'0000, 0x30}},
    Command{"Address alone",  "2.4.4 SLFVXQI", {{"Opcode", 4}, {"Address", 0xffff'ffff'ffff'f000}},
            {0x4000'0000'0000'0000, 0xffff'ffff'ffff'f000}},
    // L gives the device's own id as QueueID and its ATS queue depth as MaxPend
    Command{"one page", "2.4.4; L build_inv_iotlb_pages",
            {{"Opcode", 4}, {"DeviceID", 0x3a10}, {"MaxPend", 0x20}, {"QueueID", 0x3a10},
             {"Address", 0x7f12'3456'7000}},
            {0x4000'3a10'2000'3a10, 0x0000'7f12'3456'7000}},
    Command{"2 MiB", "2.4.4; L build_inv_address",
            {{"Opcode", 4}, {"DeviceID", 0x3a10}, {"MaxPend", 0x20}, {"QueueID", 0x3a10}, {"S", 1},
             {"Address", 0x7f12'344f'f000}},
            {0x4000'3a10'2000'3a10, 0x0000'7f12'344f'f001}},
    Command{"all", "2.4.4; L device_flush_dte",
            {{"Opcode", 4}, {"DeviceID", 0x3a10}, {"MaxPend", 0x20}, {"QueueID", 0x3a10}, {"S", 1},
             {"Address", 0x7fff'ffff'ffff'f000}},
            {0x4000'3a10'2000'3a10, 0x7fff'ffff'ffff'f001}},
    // PASID 0x1'2345: 23 below MaxPend, 1 and 45 above QueueID. By V's reading 45 below and 123 above:
    // word 0 0x4123'3a10'2045'3a10. L of 6.12 drops the 1: 0x4045'3a10'2023'3a10
    Command{"one page of the PASID", "2.4.4 F",
            {{"Opcode", 4}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"MaxPend", 0x20}, {"QueueID", 0x3a10},
             {"GN", 1}, {"Address", 0x7f12'3456'7000}},
            {0x4145'3a10'2023'3a10, 0x0000'7f12'3456'7004}},
    // 16 bits, where S, L and F agree; by V's reading 0x4023'3a10'2045'3a10
    Command{"one page of a 16-bit PASID", "2.4.4 SLF; L build_inv_iotlb_pages",
            {{"Opcode", 4}, {"DeviceID", 0x3a10}, {"PASID", 0x2345}, {"MaxPend", 0x20}, {"QueueID", 0x3a10},
             {"GN", 1}, {"Address", 0x7f12'3456'7000}},
            {0x4045'3a10'2023'3a10, 0x0000'7f12'3456'7004}},
    // V: 0x4123'3a08'0145'3a10
    Command{"64 KiB of the PASID, queue of another function", "2.4.4 F",
            {{"Opcode", 4}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"MaxPend", 0x01}, {"QueueID", 0x3a08},
             {"S", 1}, {"GN", 1}, {"Address", 0x7f12'3456'7000}},
            {0x4145'3a08'0123'3a10, 0x0000'7f12'3456'7005}},
    // PASID 0xa'bcde: a, de above; bc below. V: 0x4abc'8421'10de'c3f8
    Command{"all of the PASID", "2.4.4 F",
            {{"Opcode", 4}, {"DeviceID", 0xc3f8}, {"PASID", 0xa'bcde}, {"MaxPend", 0x10}, {"QueueID", 0x8421},
             {"S", 1}, {"GN", 1}, {"Address", 0x7fff'ffff'ffff'f000}},
            {0x4ade'8421'10bc'c3f8, 0x7fff'ffff'ffff'f005}},
    Command{"one page of the PASID, Type 2", "2.4.4 FV",
            {{"Opcode", 4}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"MaxPend", 0x20}, {"QueueID", 0x3a10},
             {"GN", 1}, {"Type", 2}, {"Address", 0x7f12'3456'7000}},
            {0x4145'3a10'2023'3a10, 0x0000'7f12'3456'7024}},
};

// ---- 5. COMPLETE_PPR_REQUEST ---------------------------------------------------------------------------------------

/// [disagree] S and L: tag 104:96 and status 111:108; F, V and Q know one completion tag of 16 bits, 111:96. The bytes
/// are the same. GN: a PASID goes with the response.
inline constexpr std::array complete_ppr_fields{
    Position{"DeviceID", 15, 0}, Position{"PASID", 51, 32}, Position{"Opcode", 63, 60},
    Position{"GN", 66, 66}, Position{"Tag", 104, 96}, Position{"Status", 111, 108},
};
inline constexpr std::array complete_pprs{
    Command{"opcode alone",   "2.4.7 SLFVXBQN", {{"Opcode", 7}}, {0x7000'0000'0000'0000, 0}},
    Command{"DeviceID alone", "2.4.7 SLFVQ", {{"Opcode", 7}, {"DeviceID", 0xffff}}, {0x7000'0000'0000'ffff, 0}},
    Command{"PASID alone",    "2.4.7 SLFVQ", {{"Opcode", 7}, {"PASID", 0xf'ffff}}, {0x700f'ffff'0000'0000, 0}},
    Command{"GN alone",       "2.4.7 SLFVQ", {{"Opcode", 7}, {"GN", 1}}, {0x7000'0000'0000'0000, 0x4}},
    Command{"Tag alone",      "2.4.7 SL", {{"Opcode", 7}, {"Tag", 0x1ff}},
            {0x7000'0000'0000'0000, 0x0000'01ff'0000'0000}},
    Command{"Status alone",   "2.4.7 SL", {{"Opcode", 7}, {"Status", 0xf}},
            {0x7000'0000'0000'0000, 0x0000'f000'0000'0000}},
    // status as in a page request group response: 0 success, 1 invalid request, f failure, 2 to e as f
    Command{"success", "2.4.7; L build_complete_ppr",
            {{"Opcode", 7}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"Tag", 0x1a5}, {"Status", 0}},
            {0x7001'2345'0000'3a10, 0x0000'01a5'0000'0004}},
    Command{"invalid request", "2.4.7; L build_complete_ppr",
            {{"Opcode", 7}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"Tag", 0x1a5}, {"Status", 1}},
            {0x7001'2345'0000'3a10, 0x0000'11a5'0000'0004}},
    Command{"failure", "2.4.7; L of older kernels (PPR_FAILURE)",
            {{"Opcode", 7}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"Tag", 0x1a5}, {"Status", 0xf}},
            {0x7001'2345'0000'3a10, 0x0000'f1a5'0000'0004}},
    // [disagree] L of 6.12 passes the core's IOMMU_PAGE_RESP_FAILURE through: 2, no code of its own in PCIe
    Command{"failure as 6.12 writes it", "2.4.7; L amd_iommu_complete_ppr",
            {{"Opcode", 7}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"Tag", 0x1a5}, {"Status", 2}},
            {0x7001'2345'0000'3a10, 0x0000'21a5'0000'0004}},
    Command{"highest code below failure", "2.4.7; PCIe",
            {{"Opcode", 7}, {"DeviceID", 0x3a10}, {"PASID", 0x1'2345}, {"GN", 1}, {"Tag", 0x1a5}, {"Status", 0xe}},
            {0x7001'2345'0000'3a10, 0x0000'e1a5'0000'0004}},
    // the device wants no PASID in its responses
    Command{"success, no PASID", "2.4.7; L build_complete_ppr",
            {{"Opcode", 7}, {"DeviceID", 0x3a10}, {"Tag", 0x1a5}, {"Status", 0}},
            {0x7000'0000'0000'3a10, 0x0000'01a5'0000'0000}},
    Command{"invalid request, no PASID", "2.4.7; L build_complete_ppr",
            {{"Opcode", 7}, {"DeviceID", 0x3a10}, {"Tag", 0x1a5}, {"Status", 1}},
            {0x7000'0000'0000'3a10, 0x0000'11a5'0000'0000}},
    Command{"failure, last group", "2.4.7",
            {{"Opcode", 7}, {"DeviceID", 0xc3f8}, {"PASID", 0xa'bcde}, {"GN", 1}, {"Tag", 0x1ff}, {"Status", 0xf}},
            {0x700a'bcde'0000'c3f8, 0x0000'f1ff'0000'0004}},
};

// ---- 6. PREFETCH_IOMMU_PAGES ---------------------------------------------------------------------------------------

/// From F alone, which Q's reserved bits fit exactly; S, L, V and N have the opcode only. INVAL: invalidate first.
inline constexpr std::array prefetch_pages_fields{
    Position{"DeviceID", 15, 0}, Position{"PFCount", 31, 24}, Position{"PASID", 51, 32}, Position{"Opcode", 63, 60},
    Position{"S", 64, 64}, Position{"GN", 66, 66}, Position{"INVAL", 68, 68}, Position{"Address", 127, 76, true},
};
inline constexpr std::array prefetch_pages{
    Command{"opcode alone",   "2.4.6 SFVBQMN", {{"Opcode", 6}}, {0x6000'0000'0000'0000, 0}},
    Command{"DeviceID alone", "2.4.6 FQ", {{"Opcode", 6}, {"DeviceID", 0xffff}}, {0x6000'0000'0000'ffff, 0}},
    Command{"PFCount alone",  "2.4.6 FQ", {{"Opcode", 6}, {"PFCount", 0xff}}, {0x6000'0000'ff00'0000, 0}},
    Command{"PASID alone",    "2.4.6 FQ", {{"Opcode", 6}, {"PASID", 0xf'ffff}}, {0x600f'ffff'0000'0000, 0}},
    Command{"S alone",        "2.4.6 FQ", {{"Opcode", 6}, {"S", 1}}, {0x6000'0000'0000'0000, 0x1}},
    Command{"GN alone",       "2.4.6 FQ", {{"Opcode", 6}, {"GN", 1}}, {0x6000'0000'0000'0000, 0x4}},
    Command{"INVAL alone",    "2.4.6 FQ", {{"Opcode", 6}, {"INVAL", 1}}, {0x6000'0000'0000'0000, 0x10}},
    Command{"Address alone",  "2.4.6 FQ", {{"Opcode", 6}, {"Address", 0xffff'ffff'ffff'f000}},
            {0x6000'0000'0000'0000, 0xffff'ffff'ffff'f000}},
    Command{"pages", "2.4.6 F", {{"Opcode", 6}, {"DeviceID", 0x3a10}, {"PFCount", 8}, {"Address", 0x7f12'3456'7000}},
            {0x6000'0000'0800'3a10, 0x0000'7f12'3456'7000}},
    Command{"pages of the PASID", "2.4.6 F",
            {{"Opcode", 6}, {"DeviceID", 0x3a10}, {"PFCount", 0x20}, {"PASID", 0x1'2345}, {"GN", 1},
             {"Address", 0x7f12'3456'7000}},
            {0x6001'2345'2000'3a10, 0x0000'7f12'3456'7004}},
    // S 1, GN 4, INVAL 0x10
    Command{"2 MiB of the PASID, invalidated first", "2.4.6 F",
            {{"Opcode", 6}, {"DeviceID", 0x3a10}, {"PFCount", 1}, {"PASID", 0x1'2345}, {"S", 1}, {"GN", 1},
             {"INVAL", 1}, {"Address", 0x7f12'344f'f000}},
            {0x6001'2345'0100'3a10, 0x0000'7f12'344f'f015}},
};

// ---- 7. Opcodes and reserved bits ----------------------------------------------------------------------------------

/// `name` is empty where there is no command. 9 and a are for virtual IOMMUs (F and N have them; V, of 3.05, and Q
/// have no such commands).
struct Opcode {
    unsigned opcode;
    const char* name;
};
inline constexpr std::array opcodes{
    Opcode{0x0, ""},                            Opcode{0x1, "COMPLETION_WAIT"},
    Opcode{0x2, "INVALIDATE_DEVTAB_ENTRY"},     Opcode{0x3, "INVALIDATE_IOMMU_PAGES"},
    Opcode{0x4, "INVALIDATE_IOTLB_PAGES"},      Opcode{0x5, "INVALIDATE_INTERRUPT_TABLE"},
    Opcode{0x6, "PREFETCH_IOMMU_PAGES"},        Opcode{0x7, "COMPLETE_PPR_REQUEST"},
    Opcode{0x8, "INVALIDATE_IOMMU_ALL"},        Opcode{0x9, "INSERT_GUEST_EVENT"},
    Opcode{0xa, "RESET_VMMIO"},                 Opcode{0xb, ""},
    Opcode{0xc, ""}, Opcode{0xd, ""}, Opcode{0xe, ""}, Opcode{0xf, ""},
};

/// A command that has one of these set is illegal (Q, V). F has the same bits.
inline constexpr std::array reserved_of_commands{
    ReservedBits<2>{"COMPLETION_WAIT",            "QFV", {0x0ff0'0000'0000'0000, 0}},
    ReservedBits<2>{"INVALIDATE_DEVTAB_ENTRY",    "QFV", {0x0fff'ffff'ffff'0000, 0xffff'ffff'ffff'ffff}},
    ReservedBits<2>{"INVALIDATE_IOMMU_PAGES",     "QFV", {0x0fff'0000'fff0'0000, 0x0000'0000'0000'0ff8}},
    ReservedBits<2>{"INVALIDATE_IOTLB_PAGES",     "QFV", {0, 0x0000'0000'0000'0fca}},
    ReservedBits<2>{"INVALIDATE_INTERRUPT_TABLE", "QFV", {0x0fff'ffff'ffff'0000, 0xffff'ffff'ffff'ffff}},
    ReservedBits<2>{"PREFETCH_IOMMU_PAGES",       "QF",  {0x0ff0'0000'00ff'0000, 0x0000'0000'0000'0fea}},
    // 107:105, between tag and status, belong to the completion tag
    ReservedBits<2>{"COMPLETE_PPR_REQUEST",       "QFV", {0x0ff0'0000'ffff'0000, 0xffff'0000'ffff'fffb}},
    ReservedBits<2>{"INVALIDATE_IOMMU_ALL",       "QV",  {0x0fff'ffff'ffff'ffff, 0xffff'ffff'ffff'ffff}},
};

// clang-format on

} // namespace quiesce::golden::amdvi
