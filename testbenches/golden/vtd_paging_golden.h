// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of Intel VT-d: first-stage (9.7) and second-stage (9.8) paging entries, 8 bytes, 512 to a table.
// Conventions, sources and common values are in vtd_golden.h. Second sources: V (generic entries), the Linux formats
// generic_pt x86_64.h and vtdss.h (L), for the second stage also Q and M.
//
// Levels: 5 PML5E, 4 PML4E, 3 PDPE, 2 PDE, 1 PTE (with "SS-" for the second stage).
#pragma once

#include "vtd_golden.h"

#include <array>

namespace quiesce::golden::vtd {

// clang-format off

/// What a walk makes of an entry. `Reserved` is fault reason 72 (SFS.3), 7a (SSS.3) or, in legacy mode, 0c (LSS.2).
/// `NotPresent` is 71 (SFS.2), 79 (SSS.2) or, in legacy mode, 05 and 06 by kind of access (LGN.2, LGN.3).
enum class Reads { Table, Page, NotPresent, Reserved };

struct PagingEntry {
    const char* what;
    const char* from;
    unsigned level;
    Value fields[12];
    std::uint64_t word;
    Reads reads;
    std::uint64_t to;    ///< next table or page, 0 if there is none
};

// ---- 1. First stage ------------------------------------------------------------------------------------------------

/// An entry that references a table. PS is there (and has to be 0) at levels 3 and 2; bit 7 is reserved at 5 and 4.
inline constexpr std::array first_stage_table_fields{
    Position{"P",    0,  0},
    Position{"R/W",  1,  1},
    Position{"U/S",  2,  2},
    Position{"A",    5,  5},
    Position{"PS",   7,  7},
    Position{"EA",  10, 10},
    Position{"ADDR", 51, 12, true},
};
/// An entry that maps a page: PAT is bit 7 of a PTE and bit 12 of the larger ones, ADDR begins at 12, 21 or 30. XD is
/// bit 63 of the CPU's format and of older revisions [rev]; Rev 5.10 ignores 63:52.
inline constexpr std::array first_stage_page_fields{
    Position{"P",    0,  0},
    Position{"R/W",  1,  1},
    Position{"U/S",  2,  2},
    Position{"PWT",  3,  3},
    Position{"PCD",  4,  4},
    Position{"A",    5,  5},
    Position{"D",    6,  6},
    Position{"PS",   7,  7},
    Position{"G",    8,  8},
    Position{"EA",  10, 10},
    Position{"XD",  63, 63},
    Position{"PAT, 4 KiB",            7,  7}, Position{"ADDR, 4 KiB", 51, 12, true},
    Position{"PAT, 2 MiB and 1 GiB", 12, 12}, Position{"ADDR, 2 MiB", 51, 21, true},
    Position{"ADDR, 1 GiB",          51, 30, true},
};

/// Tables. 0x27 is what Linux gives one: P, R/W, U/S, A (x86_64_pt_install_table).
inline constexpr std::array first_stage_tables{
    PagingEntry{"P alone",    "9.7 VL", 4, {{"P", 1}}, 0x0000'0000'0000'0001, Reads::Table, 0},
    PagingEntry{"R/W alone",  "9.7 VL", 4, {{"R/W", 1}}, 0x0000'0000'0000'0002, Reads::NotPresent, 0},
    PagingEntry{"U/S alone",  "9.7 VL", 4, {{"U/S", 1}}, 0x0000'0000'0000'0004, Reads::NotPresent, 0},
    PagingEntry{"A alone",    "9.7 VL", 4, {{"A", 1}}, 0x0000'0000'0000'0020, Reads::NotPresent, 0},
    PagingEntry{"EA alone",   "9.7 V",  4, {{"EA", 1}}, 0x0000'0000'0000'0400, Reads::NotPresent, 0},
    PagingEntry{"ADDR alone", "9.7 VL", 4, {{"ADDR", 0x000f'ffff'ffff'f000}},
                0x000f'ffff'ffff'f000, Reads::NotPresent, 0},
    PagingEntry{"not present", "9.7 VL", 3, {}, 0, Reads::NotPresent, 0},
    PagingEntry{"PML5E", "9.7 VL", 5, {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"ADDR", 0x0081'0000'1000}},
                0x0000'0081'0000'1027, Reads::Table, 0x0081'0000'1000},
    PagingEntry{"PML4E", "9.7 VL", 4, {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"ADDR", 0x0081'0000'2000}},
                0x0000'0081'0000'2027, Reads::Table, 0x0081'0000'2000},
    PagingEntry{"PDPE", "9.7 VL", 3, {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"ADDR", 0x0081'0000'3000}},
                0x0000'0081'0000'3027, Reads::Table, 0x0081'0000'3000},
    PagingEntry{"PDE", "9.7 VL", 2, {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"ADDR", 0x0081'0000'4000}},
                0x0000'0081'0000'4027, Reads::Table, 0x0081'0000'4000},
    PagingEntry{"PDE, supervisor, read-only, not accessed", "9.7 VL", 2, {{"P", 1}, {"ADDR", 0x0081'0000'4000}},
                0x0000'0081'0000'4001, Reads::Table, 0x0081'0000'4000},
    // EA -> 0x400 beside A
    PagingEntry{"PDE, extended-accessed", "9.7 V", 2,
                {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"EA", 1}, {"ADDR", 0x0081'0000'4000}},
                0x0000'0081'0000'4427, Reads::Table, 0x0081'0000'4000},
    // ignored in every table: 63:52, 11, 9:8, 6, 4:3
    PagingEntry{"PDE, every ignored bit", "9.7", 2, {}, 0xfff0'0081'0000'4b7f, Reads::Table, 0x0081'0000'4000},
    PagingEntry{"PML5E, bit 7", "9.7 V", 5, {}, 0x0000'0081'0000'10a7, Reads::Reserved, 0},
    PagingEntry{"PML4E, bit 7", "9.7 V", 4, {}, 0x0000'0081'0000'20a7, Reads::Reserved, 0},
    // reserved bits are looked at only where P is set
    PagingEntry{"PML4E, bit 7, not present", "9.7, SFS.3", 4, {}, 0x0000'0081'0000'20a6, Reads::NotPresent, 0},
};

/// Pages. Linux writes P, U/S, A, and R/W with D: 0x67, or 0x25 read-only (x86_64_pt_iommu_set_prot).
inline constexpr std::array first_stage_pages{
    PagingEntry{"PWT alone", "9.7 V",  1, {{"PWT", 1}},         0x0000'0000'0000'0008, Reads::NotPresent, 0},
    PagingEntry{"PCD alone", "9.7 V",  1, {{"PCD", 1}},         0x0000'0000'0000'0010, Reads::NotPresent, 0},
    PagingEntry{"D alone",   "9.7 LQ", 1, {{"D", 1}},           0x0000'0000'0000'0040, Reads::NotPresent, 0},
    PagingEntry{"PS alone",  "9.7 L",  2, {{"PS", 1}},          0x0000'0000'0000'0080, Reads::NotPresent, 0},
    PagingEntry{"PAT alone, PTE", "9.7 alone", 1, {{"PAT, 4 KiB", 1}}, 0x0000'0000'0000'0080, Reads::NotPresent, 0},
    PagingEntry{"G alone",   "9.7 alone", 1, {{"G", 1}},        0x0000'0000'0000'0100, Reads::NotPresent, 0},
    PagingEntry{"PAT alone, PDE", "9.7 alone", 2, {{"PAT, 2 MiB and 1 GiB", 1}},
                0x0000'0000'0000'1000, Reads::NotPresent, 0},
    PagingEntry{"XD alone",  "VL [rev]", 1, {{"XD", 1}},        0x8000'0000'0000'0000, Reads::NotPresent, 0},
    PagingEntry{"ADDR alone, 2 MiB", "9.7", 2, {{"ADDR, 2 MiB", 0x000f'ffff'ffe0'0000}},
                0x000f'ffff'ffe0'0000, Reads::NotPresent, 0},
    PagingEntry{"ADDR alone, 1 GiB", "9.7", 3, {{"ADDR, 1 GiB", 0x000f'ffff'c000'0000}},
                0x000f'ffff'c000'0000, Reads::NotPresent, 0},
    PagingEntry{"4 KiB, read-write, dirty", "9.7; L", 1,
                {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"D", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8067, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, read-write, clean", "9.7 VLQ", 1,
                {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8027, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, read-write, not accessed", "9.7 VLQ", 1,
                {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8007, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, read-only", "9.7; L", 1,
                {{"P", 1}, {"U/S", 1}, {"A", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8025, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, supervisor, read-write", "9.7 VL", 1,
                {{"P", 1}, {"R/W", 1}, {"A", 1}, {"D", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8063, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, read-write, extended-accessed", "9.7 V", 1,
                {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"D", 1}, {"EA", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8467, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, read-write, global", "9.7", 1,
                {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"D", 1}, {"G", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8167, Reads::Page, 0x0080'4567'8000},
    // a process's data page as the CPU has it: XD set, which the IOMMU ignores
    PagingEntry{"4 KiB, read-write, XD", "9.7 VL", 1,
                {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"D", 1}, {"XD", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x8000'0080'4567'8067, Reads::Page, 0x0080'4567'8000},
    // bit 7 of a PTE is PAT, not a page size
    PagingEntry{"4 KiB, read-write, PAT, PCD, PWT", "9.7", 1,
                {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"PWT", 1}, {"PCD", 1}, {"A", 1}, {"D", 1}, {"PAT, 4 KiB", 1},
                 {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'80ff, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"2 MiB, read-write, dirty", "9.7; L", 2,
                {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"D", 1}, {"PS", 1}, {"ADDR, 2 MiB", 0x0080'4560'0000}},
                0x0000'0080'4560'00e7, Reads::Page, 0x0080'4560'0000},
    PagingEntry{"2 MiB, read-write, PAT", "9.7", 2,
                {{"P", 1}, {"R/W", 1}, {"U/S", 1}, {"A", 1}, {"D", 1}, {"PS", 1}, {"PAT, 2 MiB and 1 GiB", 1},
                 {"ADDR, 2 MiB", 0x0080'4560'0000}},
                0x0000'0080'4560'10e7, Reads::Page, 0x0080'4560'0000},
    PagingEntry{"1 GiB, read-only", "9.7; L", 3,
                {{"P", 1}, {"U/S", 1}, {"A", 1}, {"PS", 1}, {"ADDR, 1 GiB", 0x0080'4000'0000}},
                0x0000'0080'4000'00a5, Reads::Page, 0x0080'4000'0000},
    // 20:13 of a 2 MiB page, 29:13 of a 1 GiB page
    PagingEntry{"2 MiB, bit 13", "9.7", 2, {}, 0x0000'0080'4560'20e7, Reads::Reserved, 0},
    PagingEntry{"2 MiB, bit 20", "9.7", 2, {}, 0x0000'0080'4570'00e7, Reads::Reserved, 0},
    PagingEntry{"1 GiB, bit 29", "9.7", 3, {}, 0x0000'0080'6000'00e7, Reads::Reserved, 0},
};

// ---- 2. Second stage -----------------------------------------------------------------------------------------------

/// Present is R or W. X is bit 2 of the CPU's EPT entries, ignored here; IR and IW count instead of R and W if
/// RTADDR_REG.SSIRWE is set; without it bit 61 is ignored and bit 62 reserved. [rev] In revisions before 4 bit 62 of a
/// leaf is TM (transient mapping), and X counts with SLEE.
inline constexpr std::array second_stage_fields{
    Position{"R",    0,  0},
    Position{"W",    1,  1},
    Position{"X",    2,  2},
    Position{"EMT",  5,  3},
    Position{"IPAT", 6,  6},
    Position{"PS",   7,  7},
    Position{"A",    8,  8},
    Position{"D",    9,  9},
    Position{"SNP", 11, 11},
    Position{"ADDR, 4 KiB", 51, 12, true},
    Position{"ADDR, 2 MiB", 51, 21, true},
    Position{"ADDR, 1 GiB", 51, 30, true},
    Position{"IR",  61, 61},
    Position{"IW",  62, 62},
    Position{"TM",  62, 62},
};
inline constexpr std::array second_stage_entries_of_tables{
    // EMT, IPAT, D, SNP only in leaves; the address alone is not present
    PagingEntry{"R alone",    "9.8 VLQM", 1, {{"R", 1}},     0x0000'0000'0000'0001, Reads::Page, 0},
    PagingEntry{"W alone",    "9.8 VLQM", 1, {{"W", 1}},     0x0000'0000'0000'0002, Reads::Page, 0},
    PagingEntry{"X alone",    "VM [rev]", 1, {{"X", 1}},     0x0000'0000'0000'0004, Reads::NotPresent, 0},
    PagingEntry{"EMT alone",  "9.8 alone", 1, {{"EMT", 7}},  0x0000'0000'0000'0038, Reads::NotPresent, 0},
    PagingEntry{"IPAT alone", "9.8 alone", 1, {{"IPAT", 1}}, 0x0000'0000'0000'0040, Reads::NotPresent, 0},
    PagingEntry{"PS alone",   "9.8 LQM", 2, {{"PS", 1}},     0x0000'0000'0000'0080, Reads::NotPresent, 0},
    PagingEntry{"A alone",    "9.8 VLM", 1, {{"A", 1}},      0x0000'0000'0000'0100, Reads::NotPresent, 0},
    PagingEntry{"D alone",    "9.8 LM", 1, {{"D", 1}},       0x0000'0000'0000'0200, Reads::NotPresent, 0},
    PagingEntry{"SNP alone",  "9.8 LQM", 1, {{"SNP", 1}},    0x0000'0000'0000'0800, Reads::NotPresent, 0},
    PagingEntry{"IR alone",   "9.8 alone", 1, {{"IR", 1}},   0x2000'0000'0000'0000, Reads::NotPresent, 0},
    PagingEntry{"IW alone",   "9.8 alone", 1, {{"IW", 1}},   0x4000'0000'0000'0000, Reads::NotPresent, 0},
    PagingEntry{"TM alone",   "Q [rev]", 1, {{"TM", 1}},     0x4000'0000'0000'0000, Reads::NotPresent, 0},
    PagingEntry{"ADDR alone", "9.8 VLQM", 1, {{"ADDR, 4 KiB", 0x000f'ffff'ffff'f000}},
                0x000f'ffff'ffff'f000, Reads::NotPresent, 0},
    PagingEntry{"ADDR alone, 2 MiB", "9.8", 2, {{"ADDR, 2 MiB", 0x000f'ffff'ffe0'0000}},
                0x000f'ffff'ffe0'0000, Reads::NotPresent, 0},
    PagingEntry{"ADDR alone, 1 GiB", "9.8", 3, {{"ADDR, 1 GiB", 0x000f'ffff'c000'0000}},
                0x000f'ffff'c000'0000, Reads::NotPresent, 0},
    PagingEntry{"SS-PML5E", "9.8; L vtdss_pt_install_table", 5, {{"R", 1}, {"W", 1}, {"ADDR, 4 KiB", 0x0081'0000'1000}},
                0x0000'0081'0000'1003, Reads::Table, 0x0081'0000'1000},
    PagingEntry{"SS-PML4E", "9.8; L vtdss_pt_install_table", 4, {{"R", 1}, {"W", 1}, {"ADDR, 4 KiB", 0x0081'0000'2000}},
                0x0000'0081'0000'2003, Reads::Table, 0x0081'0000'2000},
    PagingEntry{"SS-PDPE", "9.8; L vtdss_pt_install_table", 3, {{"R", 1}, {"W", 1}, {"ADDR, 4 KiB", 0x0081'0000'3000}},
                0x0000'0081'0000'3003, Reads::Table, 0x0081'0000'3000},
    PagingEntry{"SS-PDE, accessed", "9.8 VLM", 2, {{"R", 1}, {"W", 1}, {"A", 1}, {"ADDR, 4 KiB", 0x0081'0000'4000}},
                0x0000'0081'0000'4103, Reads::Table, 0x0081'0000'4000},
    // ignored in every table: 63, 61 (without SSIRWE), 60:52, 10:9, 6:2
    PagingEntry{"SS-PDE, every ignored bit", "9.8 LQ", 2, {}, 0xbff0'0081'0000'467f, Reads::Table, 0x0081'0000'4000},
    PagingEntry{"SS-PML4E, bit 7", "9.8 VQ", 4, {}, 0x0000'0081'0000'2083, Reads::Reserved, 0},
    PagingEntry{"SS-PDE, bit 11", "9.8 VQ", 2, {}, 0x0000'0081'0000'4803, Reads::Reserved, 0},
    PagingEntry{"SS-PDE, bit 62 without SSIRWE", "9.8 VQ", 2, {}, 0x4000'0081'0000'4003, Reads::Reserved, 0},
};
/// Pages. Leaf permissions are those of the last digit: 1 read, 2 write, 3 both.
inline constexpr std::array second_stage_pages{
    PagingEntry{"4 KiB, not present", "9.8 VLQM", 1, {}, 0, Reads::NotPresent, 0},
    PagingEntry{"4 KiB, read-write", "9.8; L vtdss_pt_install_leaf_entry", 1,
                {{"R", 1}, {"W", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}}, 0x0000'0080'4567'8003,
                Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, read-only", "9.8; L", 1, {{"R", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8001, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, write-only", "9.8; L", 1, {{"W", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8002, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, read-write, snooped", "9.8; L PT_FEAT_VTDSS_FORCE_COHERENCE", 1,
                {{"R", 1}, {"W", 1}, {"SNP", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}}, 0x0000'0080'4567'8803,
                Reads::Page, 0x0080'4567'8000},
    // A -> 0x100, D -> 0x200
    PagingEntry{"4 KiB, read-write, accessed and dirty", "9.8 LM", 1,
                {{"R", 1}, {"W", 1}, {"A", 1}, {"D", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}}, 0x0000'0080'4567'8303,
                Reads::Page, 0x0080'4567'8000},
    // EMT 6 (WB) -> 0x30, IPAT -> 0x40
    PagingEntry{"4 KiB, read-write, EMT WB, IPAT", "9.8", 1,
                {{"R", 1}, {"W", 1}, {"EMT", 6}, {"IPAT", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8073, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, read-write-execute of an EPT", "9.8 VM", 1,
                {{"R", 1}, {"W", 1}, {"X", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}}, 0x0000'0080'4567'8007,
                Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, execute-only of an EPT", "9.8 M", 1, {{"X", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8004, Reads::NotPresent, 0},
    // bit 7 of an SS-PTE is ignored
    PagingEntry{"4 KiB, read-write, bit 7", "9.8", 1, {}, 0x0000'0080'4567'8083, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"2 MiB, read-write, dirty, snooped", "9.8 LM", 2,
                {{"R", 1}, {"W", 1}, {"PS", 1}, {"A", 1}, {"D", 1}, {"SNP", 1}, {"ADDR, 2 MiB", 0x0080'4560'0000}},
                0x0000'0080'4560'0b83, Reads::Page, 0x0080'4560'0000},
    PagingEntry{"1 GiB, read-only", "9.8 LQM", 3, {{"R", 1}, {"PS", 1}, {"ADDR, 1 GiB", 0x0080'4000'0000}},
                0x0000'0080'4000'0081, Reads::Page, 0x0080'4000'0000},
    // 20:12 of a 2 MiB page, 29:12 of a 1 GiB page
    PagingEntry{"2 MiB, bit 12", "9.8 Q", 2, {}, 0x0000'0080'4560'1083, Reads::Reserved, 0},
    PagingEntry{"2 MiB, bit 20", "9.8 Q", 2, {}, 0x0000'0080'4570'0083, Reads::Reserved, 0},
    PagingEntry{"1 GiB, bit 29", "9.8 Q", 3, {}, 0x0000'0080'6000'0083, Reads::Reserved, 0},
    PagingEntry{"4 KiB, bit 62 without SSIRWE", "9.8 V", 1, {}, 0x4000'0080'4567'8003, Reads::Reserved, 0},
    // no R and no W: bit 62 is not even looked at
    PagingEntry{"4 KiB, bit 62 alone without SSIRWE", "9.8, SSS.3", 1, {}, 0x4000'0080'4567'8000, Reads::NotPresent, 0},
};
/// The same words with RTADDR_REG.SSIRWE set: IR and IW decide, R and W are ignored. The manual alone [rev].
inline constexpr std::array second_stage_pages_io{
    PagingEntry{"4 KiB, IR and IW", "9.8 alone", 1, {{"IR", 1}, {"IW", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x6000'0080'4567'8000, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, IR", "9.8 alone", 1, {{"IR", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x2000'0080'4567'8000, Reads::Page, 0x0080'4567'8000},
    PagingEntry{"4 KiB, R and W only", "9.8 alone", 1, {{"R", 1}, {"W", 1}, {"ADDR, 4 KiB", 0x0080'4567'8000}},
                0x0000'0080'4567'8003, Reads::NotPresent, 0},
};

// clang-format on

} // namespace quiesce::golden::vtd
