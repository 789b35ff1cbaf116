// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of Intel VT-d: what the hardware writes, which is the fault recording register (11.4.7.6, 128 bits)
// and the page request descriptor (7.4.1.1, 256 bits). Conventions, sources and common values are in vtd_golden.h;
// the fault reasons are in vtd_faults_golden.h.
#pragma once

#include "vtd_golden.h"

#include <array>

namespace quiesce::golden::vtd {

// clang-format off

// ---- 1. Fault recording register -----------------------------------------------------------------------------------

/// Second sources: V; L (FI, SID, PP, FR, PV, T1, F); Q (FI, SID, PP, FR, T1, F; its PV has 16 bits only). T1 and T2:
/// 00 write, 01 page request, 10 read, 11 AtomicOp. AT: 0 untranslated, 1 translation request, 2 translated.
inline constexpr std::array frcd_fields{
    Position{"FI",    63,  12, true},
    Position{"SID",   79,  64},
    Position{"T2",    92,  92},
    Position{"PRIV",  93,  93},
    Position{"EXE",   94,  94},
    Position{"PP",    95,  95},
    Position{"FR",   103,  96},
    Position{"PV",   123, 104},
    Position{"AT",   125, 124},
    Position{"T1",   126, 126},
    Position{"F",    127, 127},
};
/// A field alone does not occur in hardware, which sets F last: these are for the layout.
inline constexpr std::array fault_records_alone{
    Structure<2>{"FI alone",   "11.4.7.6 VLQ", {{"FI", 0xffff'ffff'ffff'f000}}, {0xffff'ffff'ffff'f000, 0}},
    Structure<2>{"SID alone",  "11.4.7.6 VLQ", {{"SID", 0xffff}},               {0, 0x0000'0000'0000'ffff}},
    Structure<2>{"T2 alone",   "11.4.7.6 V",   {{"T2", 1}},                     {0, 0x0000'0000'1000'0000}},
    Structure<2>{"PRIV alone", "11.4.7.6 V",   {{"PRIV", 1}},                   {0, 0x0000'0000'2000'0000}},
    Structure<2>{"EXE alone",  "11.4.7.6 V",   {{"EXE", 1}},                    {0, 0x0000'0000'4000'0000}},
    Structure<2>{"PP alone",   "11.4.7.6 VLQ", {{"PP", 1}},                     {0, 0x0000'0000'8000'0000}},
    Structure<2>{"FR alone",   "11.4.7.6 VLQ", {{"FR", 0xff}},                  {0, 0x0000'00ff'0000'0000}},
    Structure<2>{"PV alone",   "11.4.7.6 VL",  {{"PV", 0xf'ffff}},              {0, 0x0fff'ff00'0000'0000}},
    Structure<2>{"AT alone",   "11.4.7.6 VM",  {{"AT", 3}},                     {0, 0x3000'0000'0000'0000}},
    Structure<2>{"T1 alone",   "11.4.7.6 VLQ", {{"T1", 1}},                     {0, 0x4000'0000'0000'0000}},
    Structure<2>{"F alone",    "11.4.7.6 VLQ", {{"F", 1}},                      {0, 0x8000'0000'0000'0000}},
};

/// w0 = FI as it stands. w1 = SID [15:0] 0x3a10 | T2 [28] | PRIV [29] | EXE [30] | PP [31] -> 0x8000'0000 | FR [39:32]
/// | PV [59:40] 0x12345 -> 0x0123'4500'0000'0000 | AT [61:60] -> 0x1000.. per 1 | T1 [62] | F [63]. That a translation
/// request is of type "read" is inferred: it is a memory read on the link, and the manual's table has no other place.
inline constexpr std::array fault_records{
    // legacy mode: no PASID, AT 0
    Structure<2>{"write, context entry not present", "11.4.7.6, LCT.2",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"FR", 0x02}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0x8000'0002'0000'3a10}},
    Structure<2>{"write, no write permission", "11.4.7.6, LGN.2",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"FR", 0x05}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0x8000'0005'0000'3a10}},
    Structure<2>{"read, no read permission", "11.4.7.6, LGN.3",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"FR", 0x06}, {"T1", 1}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0xc000'0006'0000'3a10}},
    // AT 2 -> 0x2000'0000'0000'0000 beside F: 0xa000
    Structure<2>{"translated write, blocked by TT", "11.4.7.6, LCT.5",
                 {{"FI", 0x0080'4567'8000}, {"SID", 0x3a10}, {"FR", 0x0d}, {"AT", 2}, {"F", 1}},
                 {0x0000'0080'4567'8000, 0xa000'000d'0000'3a10}},
    // F | T1 | AT 1 = 0xd
    Structure<2>{"translation request, blocked by TT", "11.4.7.6, LCT.5",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"FR", 0x0d}, {"AT", 1}, {"T1", 1}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0xd000'000d'0000'3a10}},
    // scalable mode, with PASID
    Structure<2>{"write, PASID entry not present", "11.4.7.6, SPT.2",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"PP", 1}, {"FR", 0x59}, {"PV", 0x1'2345}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0x8123'4559'8000'3a10}},
    Structure<2>{"read, PASID entry not present", "11.4.7.6, SPT.2",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"PP", 1}, {"FR", 0x59}, {"PV", 0x1'2345}, {"T1", 1},
                  {"F", 1}},
                 {0x0000'7f12'3456'7000, 0xc123'4559'8000'3a10}},
    // T1 and T2: bits 62 and 28
    Structure<2>{"AtomicOp, PASID entry not present", "11.4.7.6, SPT.2",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"T2", 1}, {"PP", 1}, {"FR", 0x59}, {"PV", 0x1'2345},
                  {"T1", 1}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0xc123'4559'9000'3a10}},
    // AT is not valid for a page request: 0
    Structure<2>{"page request, PASID entry not present", "11.4.7.6, SPT.2",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"T2", 1}, {"PP", 1}, {"FR", 0x59}, {"PV", 0x1'2345},
                  {"F", 1}},
                 {0x0000'7f12'3456'7000, 0x8123'4559'9000'3a10}},
    Structure<2>{"page request, PRE 0", "11.4.7.6, SCT.8",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"T2", 1}, {"PP", 1}, {"FR", 0x47}, {"PV", 0x1'2345},
                  {"F", 1}},
                 {0x0000'7f12'3456'7000, 0x8123'4547'9000'3a10}},
    Structure<2>{"write, first-stage entry not present", "11.4.7.6, SFS.2",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"PP", 1}, {"FR", 0x71}, {"PV", 0x1'2345}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0x8123'4571'8000'3a10}},
    // PRIV -> 0x2000'0000
    Structure<2>{"privileged read, SRE 0", "11.4.7.6, SPT.6",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"PRIV", 1}, {"PP", 1}, {"FR", 0x5d}, {"PV", 0x1'2345},
                  {"T1", 1}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0xc123'455d'a000'3a10}},
    // EXE -> 0x4000'0000
    Structure<2>{"execute-requested read", "11.4.7.6, RTA.5",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"EXE", 1}, {"PP", 1}, {"FR", 0x34}, {"PV", 0x1'2345},
                  {"T1", 1}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0xc123'4534'c000'3a10}},
    // F | T1 | AT 1 = 0xd; translation requests are reported where they get UR or CA
    Structure<2>{"translation request, reserved bit in PASID entry", "11.4.7.6, SPT.3",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"PP", 1}, {"FR", 0x5a}, {"PV", 0x1'2345}, {"AT", 1},
                  {"T1", 1}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0xd123'455a'8000'3a10}},
    // without PASID: PP 0, PV 0
    Structure<2>{"write without PASID, second-stage entry not present", "11.4.7.6, SSS.2",
                 {{"FI", 0x7f12'3456'7000}, {"SID", 0x3a10}, {"FR", 0x79}, {"F", 1}},
                 {0x0000'7f12'3456'7000, 0x8000'0079'0000'3a10}},
    // interrupt remapping: FI [63:48] is the index, [47:12] 0
    Structure<2>{"interrupt, IRTE 0x01a5 not present", "11.4.7.6, 5.1.4.1 Q",
                 {{"FI", 0x01a5'0000'0000'0000}, {"SID", 0x3a10}, {"FR", 0x22}, {"F", 1}},
                 {0x01a5'0000'0000'0000, 0x8000'0022'0000'3a10}},
};

/// Where record `index` is: CAP.FRO * 16 + index * 16. F is bit 31 of its last doubleword.
struct FaultRecordOffset {
    unsigned fro, index;
    std::uint32_t offset, doubleword_of_f;
};
inline constexpr std::array fault_record_offsets{
    FaultRecordOffset{0x22, 0, 0x220, 0x22c}, FaultRecordOffset{0x22, 1, 0x230, 0x23c},
    FaultRecordOffset{0x40, 7, 0x470, 0x47c}, FaultRecordOffset{0xe0, 255, 0x1df0, 0x1dfc},
};

// ---- 2. Page request descriptor ------------------------------------------------------------------------------------

/// Second sources: L (struct page_req_dsc), Q (VTD_PRD_*). [rev] Up to Rev 3 bit 9 is PDP and words 2 and 3 hold
/// private data; in Rev 5.10 they are reserved.
inline constexpr std::array page_req_dsc_fields{
    Position{"Type",    7,  0},
    Position{"PP",      8,  8},
    Position{"RID",    31, 16},
    Position{"PASID",  51, 32},
    Position{"EXR",    52, 52},
    Position{"PMR",    53, 53},
    Position{"RDR",    64, 64},
    Position{"WRR",    65, 65},
    Position{"LPIG",   66, 66},
    Position{"PRGI",   75, 67},
    Position{"ADDR",  127, 76, true},
};
inline constexpr std::array page_requests{
    Structure<4>{"Type alone",  "7.4.1.1 LQ", {{"Type", 0xff}},                  {0x0000'0000'0000'00ff}},
    Structure<4>{"PP alone",    "7.4.1.1 LQ", {{"PP", 1}},                       {0x0000'0000'0000'0100}},
    Structure<4>{"RID alone",   "7.4.1.1 LQ", {{"RID", 0xffff}},                 {0x0000'0000'ffff'0000}},
    Structure<4>{"PASID alone", "7.4.1.1 LQ", {{"PASID", 0xf'ffff}},             {0x000f'ffff'0000'0000}},
    Structure<4>{"EXR alone",   "7.4.1.1 LQ", {{"EXR", 1}},                      {0x0010'0000'0000'0000}},
    Structure<4>{"PMR alone",   "7.4.1.1 LQ", {{"PMR", 1}},                      {0x0020'0000'0000'0000}},
    Structure<4>{"RDR alone",   "7.4.1.1 LQ", {{"RDR", 1}},                      {0, 0x1}},
    Structure<4>{"WRR alone",   "7.4.1.1 LQ", {{"WRR", 1}},                      {0, 0x2}},
    Structure<4>{"LPIG alone",  "7.4.1.1 LQ", {{"LPIG", 1}},                     {0, 0x4}},
    Structure<4>{"PRGI alone",  "7.4.1.1 LQ", {{"PRGI", 0x1ff}},                 {0, 0xff8}},
    Structure<4>{"ADDR alone",  "7.4.1.1 LQ", {{"ADDR", 0xffff'ffff'ffff'f000}}, {0, 0xffff'ffff'ffff'f000}},
    // w0 = Type 0x01 | PP [8] -> 0x100 | RID [31:16] | PASID [51:32]; w1 = PRGI [11:3] 0x1a5 -> 0xd28 | L 4 | W 2 | R 1
    Structure<4>{"read", "7.4.1.1 LQ",
                 {{"Type", 1}, {"PP", 1}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"RDR", 1}, {"PRGI", 0x1a5},
                  {"ADDR", 0x7f12'3456'7000}},
                 {0x0001'2345'3a10'0101, 0x0000'7f12'3456'7d29}},
    Structure<4>{"read, last", "7.4.1.1 LQ",
                 {{"Type", 1}, {"PP", 1}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"RDR", 1}, {"LPIG", 1},
                  {"PRGI", 0x1a5}, {"ADDR", 0x7f12'3456'7000}},
                 {0x0001'2345'3a10'0101, 0x0000'7f12'3456'7d2d}},
    Structure<4>{"write, last", "7.4.1.1 LQ",
                 {{"Type", 1}, {"PP", 1}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"WRR", 1}, {"LPIG", 1},
                  {"PRGI", 0x1a5}, {"ADDR", 0x7f12'3456'7000}},
                 {0x0001'2345'3a10'0101, 0x0000'7f12'3456'7d2e}},
    Structure<4>{"read-write, last, group 0x1ff", "7.4.1.1 LQ",
                 {{"Type", 1}, {"PP", 1}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"RDR", 1}, {"WRR", 1}, {"LPIG", 1},
                  {"PRGI", 0x1ff}, {"ADDR", 0x7f12'3456'7000}},
                 {0x0001'2345'3a10'0101, 0x0000'7f12'3456'7fff}},
    // PMR [53] -> 0x0020'.., above the PASID's 0x0001'..
    Structure<4>{"privileged read, last", "7.4.1.1 LQ",
                 {{"Type", 1}, {"PP", 1}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"PMR", 1}, {"RDR", 1}, {"LPIG", 1},
                  {"PRGI", 0x1a5}, {"ADDR", 0x7f12'3456'7000}},
                 {0x0021'2345'3a10'0101, 0x0000'7f12'3456'7d2d}},
    Structure<4>{"execute, last", "7.4.1.1 LQ",
                 {{"Type", 1}, {"PP", 1}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"EXR", 1}, {"RDR", 1}, {"LPIG", 1},
                  {"PRGI", 0x1a5}, {"ADDR", 0x7f12'3456'7000}},
                 {0x0011'2345'3a10'0101, 0x0000'7f12'3456'7d2d}},
    // without PASID the field is undefined: 0 here
    Structure<4>{"write, last, no PASID", "7.4.1.1 L",
                 {{"Type", 1}, {"RID", 0x3a10}, {"WRR", 1}, {"LPIG", 1}, {"PRGI", 0x1a5}, {"ADDR", 0x7f12'3456'7000}},
                 {0x0000'0000'3a10'0001, 0x0000'7f12'3456'7d2e}},
    // PRGI is undefined where neither is requested, and the message has no address: 0 here
    Structure<4>{"stop marker", "7.4.1.1, ECAP.SMS; L",
                 {{"Type", 1}, {"PP", 1}, {"RID", 0x3a10}, {"PASID", 0x1'2345}, {"LPIG", 1}},
                 {0x0001'2345'3a10'0101, 0x0000'0000'0000'0004}},
};

/// What a page request meets (7.4.1, table 31; stop marker: ECAP.SMS). `answer` is the code of the page group response
/// that hardware makes itself, -1 if it makes none. PPR and PRO are what PRS_REG has afterwards; both were 0 before
/// unless the case is "overflow" (PRO 1) or "full" (PPR 1, as the queue has entries).
struct PageRequestOutcome {
    const char* what;
    bool last, stop_marker;
    bool recorded_as_fault;    ///< unless an FPD on the way says no, for qualified reasons
    bool queued;
    int answer;
    bool ppr, pro;
};
inline constexpr std::array page_request_outcomes{
    PageRequestOutcome{"queued",                   false, false, false, true,  -1, true,  false},
    PageRequestOutcome{"queued, last",             true,  false, false, true,  -1, true,  false},
    PageRequestOutcome{"queued, stop marker",      true,  true,  false, true,  -1, true,  false},
    PageRequestOutcome{"table fault",              false, false, true,  false, -1, false, false},
    PageRequestOutcome{"table fault, last",        true,  false, true,  false,  1, false, false},
    PageRequestOutcome{"overflow (PRO set)",       false, false, false, false, -1, false, true},
    PageRequestOutcome{"overflow (PRO set), last", true,  false, false, false,  0, false, true},
    PageRequestOutcome{"full",                     false, false, false, false, -1, true,  true},
    PageRequestOutcome{"full, last",               true,  false, false, false,  0, true,  true},
    // "silently dropped": a fault leaves no record. Unverified: that PRO is set as it is for others
    PageRequestOutcome{"full, stop marker, SMS 1",        true, true, false, false, -1, true,  true},
    PageRequestOutcome{"table fault, stop marker, SMS 1", true, true, false, false, -1, false, false},
};

// clang-format on

} // namespace quiesce::golden::vtd
