// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of an Arm SMMUv3 (IHI 0070): structures, commands, event records, registers, descriptors, queues.
//
// An oracle that knows nothing of the models: it includes no header of theirs, and every word is a literal worked out
// from the manual's bit numbers. A comment says which field put which bits there, so that a reviewer can redo the sum.
// "[hi:lo]" counts within the 64-bit word it stands next to (w0 = bits 63:0 of the structure, w1 = bits 127:64, ...).
// Structures are little-endian in memory: word 0 at the lowest address, its byte 0 first. Section numbers are those of
// IHI 0070 unless they say DDI 0487 (the A-profile manual). What Linux writes is that of 6.12, or 6.1 where it says so.
//
// Addresses are those of an SMMUv3.1 to v3.3: physical fields end at bit 51 (v3.4 stretches them to 55; nothing here
// sets a bit above 47). Values used throughout: StreamID 0x1234, SubstreamID 0x005a5, ASID 0x0037, VMID 0,
// virtual address 0x7f12'3456'7a80 (page 0x7f12'3456'7000), first-level table 0x81'2345'6000.
#pragma once

#include <array>
#include <cstdint>

namespace quiesce::golden {

/// One structure in memory. `bytes` of `words` count (8, 16, 32 or 64); words beyond them are 0.
struct GoldenBytes {
    const char* what;
    const char* section;
    std::array<std::uint64_t, 8> words;
    unsigned bytes;
};

/// One field of one register. `offset` is from the base of register page 0; page 1 begins at 0x10000. Bits inclusive.
struct GoldenField {
    const char* reg;
    std::uint32_t offset;
    const char* field;
    unsigned msb, lsb;
};

/// One register: where it is and how many bits an access to the whole of it has.
struct GoldenRegister {
    const char* reg;
    std::uint32_t offset;
    unsigned bits;
};

// ---- 1. Stream table -----------------------------------------------------------------------------------------------

/// Level 1 stream table descriptors (5.1). L2Ptr goes in where it stands: its low Span+5 bits are zero by alignment.
inline constexpr std::array stream_table_l1{
    // Span [4:0] = 9 (256 STEs, 16 KiB, all of a SPLIT=8 leaf); L2Ptr [51:6] = 0x81'2344'0000
    GoldenBytes{"L1STD span 9", "5.1", {0x0000'0081'2344'0009}, 8},
    // Span [4:0] = 0: invalid, the pointer is not looked at
    GoldenBytes{"L1STD span 0", "5.1", {0x0000'0000'0000'0000}, 8},
    // the same with a pointer left behind: L2Ptr [51:6] = 0x81'2344'0000, still invalid
    GoldenBytes{"L1STD span 0, pointer left", "5.1", {0x0000'0081'2344'0000}, 8},
    // Span [4:0] = 1 (one STE, 64 B aligned); L2Ptr [51:6] = 0x81'2344'0040, so bit 6 is the pointer's
    GoldenBytes{"L1STD span 1", "5.1", {0x0000'0081'2344'0041}, 8},
    // Span [4:0] = 11, the largest (1024 STEs, 64 KiB); L2Ptr [51:6] = 0x81'2344'0000
    GoldenBytes{"L1STD span 11", "5.1", {0x0000'0081'2344'000b}, 8},
    // Span [4:0] = 12: reserved, behaves as 0
    GoldenBytes{"L1STD span 12", "5.1", {0x0000'0081'2344'000c}, 8},
};

/// Stream table entries (5.2). In every stage-1 row: w0 = V [0] 1 | Config [3:1] 101 | S1Fmt [5:4] | S1ContextPtr
/// [51:6] as it stands | S1CDMax [63:59]; w1 = S1DSS [1:0] | S1CIR [3:2] 1 -> 0x4 | S1COR [5:4] 1 -> 0x10 |
/// S1CSH [7:6] 3 -> 0xc0 | EATS [29:28] 00 | STRW [31:30] 00 unless said.
inline constexpr std::array stream_table_entries{
    // V=0, all else zero
    GoldenBytes{"STE invalid", "5.2", {0x0000'0000'0000'0000}, 64},
    // V=0 in front of an otherwise live entry: "STE stage 1, one CD" less bit 0
    GoldenBytes{"STE invalid, rest left", "5.2", {0x0000'0080'1234'500a, 0x0000'0000'0000'00d4}, 64},
    // V [0] = 1, Config [3:1] = 000
    GoldenBytes{"STE abort", "5.2", {0x0000'0000'0000'0001}, 64},
    // V [0] = 1, Config [3:1] = 100 -> 0x8
    GoldenBytes{"STE bypass", "5.2", {0x0000'0000'0000'0009}, 64},
    // the same with SHCFG w1[45:44] = 01 "use incoming" (what Linux writes where IDR1.ATTR_TYPES_OVR is set)
    GoldenBytes{"STE bypass, SHCFG incoming", "5.2", {0x0000'0000'0000'0009, 0x0000'1000'0000'0000}, 64},
    // V, Config 101 -> 0xb; S1Fmt 00; S1ContextPtr 0x80'1234'5000; S1CDMax 0; S1DSS 00 (ignored: no substreams)
    GoldenBytes{"STE stage 1, one CD", "5.2", {0x0000'0080'1234'500b, 0x0000'0000'0000'00d4}, 64},
    // as above with S1ContextPtr 0x80'1234'5040: 64 B alignment, the pointer's lowest bit is bit 6
    GoldenBytes{"STE stage 1, one CD, 64 B aligned", "5.2", {0x0000'0080'1234'504b, 0x0000'0000'0000'00d4}, 64},
    // as above with S1STALLD w1[27] = 1 -> 0x800'0000
    GoldenBytes{"STE stage 1, one CD, S1STALLD", "5.2", {0x0000'0080'1234'500b, 0x0000'0000'0800'00d4}, 64},
    // S1Fmt 00, S1CDMax [63:59] = 5 (00101 -> bits 61, 59): linear table of 32 CDs, 2 KiB aligned; S1DSS 10
    GoldenBytes{"STE linear CD table, S1CDMax 5", "5.2", {0x2800'0080'1234'500b, 0x0000'0000'0000'00d6}, 64},
    // S1Fmt [5:4] = 10 -> 0x20; S1CDMax = 10 (01010 -> bits 62, 60); S1ContextPtr 0x80'1234'6000; S1DSS 10
    GoldenBytes{"STE two-level, S1CDMax 10, S1DSS 10", "5.2", {0x5000'0080'1234'602b, 0x0000'0000'0000'00d6}, 64},
    // as above, S1DSS 00
    GoldenBytes{"STE two-level, S1CDMax 10, S1DSS 00", "5.2", {0x5000'0080'1234'602b, 0x0000'0000'0000'00d4}, 64},
    // as above, S1DSS 01
    GoldenBytes{"STE two-level, S1CDMax 10, S1DSS 01", "5.2", {0x5000'0080'1234'602b, 0x0000'0000'0000'00d5}, 64},
    // S1CDMax = 20 (10100 -> bits 63, 61): 8 KiB first level, so S1ContextPtr[12:6] must be zero (they are); S1DSS 10
    GoldenBytes{"STE two-level, S1CDMax 20, S1DSS 10", "5.2", {0xa000'0080'1234'602b, 0x0000'0000'0000'00d6}, 64},
    // as above, S1DSS 00
    GoldenBytes{"STE two-level, S1CDMax 20, S1DSS 00", "5.2", {0xa000'0080'1234'602b, 0x0000'0000'0000'00d4}, 64},
    // as above, S1DSS 01
    GoldenBytes{"STE two-level, S1CDMax 20, S1DSS 01", "5.2", {0xa000'0080'1234'602b, 0x0000'0000'0000'00d5}, 64},
    // S1DSS 01 with SHCFG w1[45:44] = 01: the shareability of what bypasses stage 1 (Linux, IDR1.ATTR_TYPES_OVR)
    GoldenBytes{"STE two-level, S1CDMax 20, S1DSS 01, SHCFG incoming", "5.2",
                {0xa000'0080'1234'602b, 0x0000'1000'0000'00d5}, 64},
    // S1CDMax 20, S1DSS 10, S1STALLD w1[27] = 1
    GoldenBytes{"STE two-level, S1CDMax 20, S1DSS 10, S1STALLD", "5.2",
                {0xa000'0080'1234'602b, 0x0000'0000'0800'00d6}, 64},
    // S1CDMax 20, S1DSS 00, S1STALLD w1[27] = 1
    GoldenBytes{"STE two-level, S1CDMax 20, S1DSS 00, S1STALLD", "5.2",
                {0xa000'0080'1234'602b, 0x0000'0000'0800'00d4}, 64},
    // S1CDMax 20, S1DSS 10, S1STALLD w1[27] = 1, EATS w1[29:28] = 01 -> 0x1000'0000 (full ATS)
    GoldenBytes{"STE two-level, S1CDMax 20, S1DSS 10, S1STALLD, EATS 01", "5.2",
                {0xa000'0080'1234'602b, 0x0000'0000'1800'00d6}, 64},
    // S1CDMax 20, S1DSS 10, STRW w1[31:30] = 10 -> 0x8000'0000 (EL2-E2H, what Linux writes with CR2.E2H)
    GoldenBytes{"STE two-level, S1CDMax 20, S1DSS 10, STRW EL2", "5.2",
                {0xa000'0080'1234'602b, 0x0000'0000'8000'00d6}, 64},
};

// ---- 2. Context descriptors ----------------------------------------------------------------------------------------

/// Level 1 context descriptors (5.3).
inline constexpr std::array context_table_l1{
    // V [0] = 1; L2Ptr [51:12] = 0x81'2347'0000, 64 KiB aligned as S1Fmt 10 asks ([15:12] RES0)
    GoldenBytes{"L1CD valid", "5.3", {0x0000'0081'2347'0001}, 8},
    // V [0] = 0
    GoldenBytes{"L1CD invalid", "5.3", {0x0000'0000'0000'0000}, 8},
    // V [0] = 0, pointer left behind: ignored
    GoldenBytes{"L1CD invalid, pointer left", "5.3", {0x0000'0081'2347'0000}, 8},
    // V [0] = 1; L2Ptr [51:12] = 0x81'2347'1000, 4 KiB aligned: legal under S1Fmt 01 only
    GoldenBytes{"L1CD valid, 4 KiB leaf", "5.3", {0x0000'0081'2347'1001}, 8},
};

/// Context descriptors (5.4). In every row with V=1: ASID [63:48] = 0x0037, AA64 [41] -> 0x200 of the upper half,
/// A [46] -> 0x4000 of it, IPS [34:32] = 5 (48 bits), EPD1 [30] and V [31] -> 0xc000'0000, AFFD, TBI0, HA, HD, ENDI 0.
/// The live lower half: T0SZ [5:0] 16 -> 0x10, TG0 [7:6] 0 (4 KiB), IR0 [9:8] 1 -> 0x100, OR0 [11:10] 1 -> 0x400,
/// SH0 [13:12] 3 -> 0x3000, together 0x3510. w1 = TTB0 [51:4] as it stands. w3 = MAIR0 [31:0], attribute 0 = 0xff.
inline constexpr std::array context_descriptors{
    // upper half 0x0037'6205: R [45] -> 0x2000, ASET [47] 0, S [44] 0. An address space shared with the CPU (6.1, BTM)
    GoldenBytes{"CD live, ASET 0", "5.4", {0x0037'6205'c000'3510, 0x0000'0081'2345'6000, 0, 0xff}, 64},
    // as above, ASET [47] = 1 -> 0x8000 of the upper half: 0x0037'e205 (arm_smmu_make_sva_cd of 6.12)
    GoldenBytes{"CD live, ASET 1", "5.4", {0x0037'e205'c000'3510, 0x0000'0081'2345'6000, 0, 0xff}, 64},
    // ASET 0, S [44] = 1 -> 0x1000 of the upper half: 0x0037'7205, a stream that may stall
    GoldenBytes{"CD live, stall, ASET 0", "5.4", {0x0037'7205'c000'3510, 0x0000'0081'2345'6000, 0, 0xff}, 64},
    // ASET 1, S [44] = 1: 0x0037'f205
    GoldenBytes{"CD live, stall, ASET 1", "5.4", {0x0037'f205'c000'3510, 0x0000'0081'2345'6000, 0, 0xff}, 64},
    // 6.12 quiet: S, R 0, ASET 1 -> upper half 0x0037'c205; EPD0 [14] -> 0x4000 in place of 0x3510; TTB0 0
    GoldenBytes{"CD quiet 6.12, ASET 1", "5.4", {0x0037'c205'c000'4000, 0, 0, 0xff}, 64},
    // the same with ASET [47] = 0: upper half 0x0037'4205
    GoldenBytes{"CD quiet 6.12, ASET 0", "5.4", {0x0037'4205'c000'4000, 0, 0, 0xff}, 64},
    // 6.12 half way: word 0 already quiet, word 1 (ignored under EPD0) still the live TTB0
    GoldenBytes{"CD quiet 6.12, TTB0 not yet cleared", "5.4",
                {0x0037'c205'c000'4000, 0x0000'0081'2345'6000, 0, 0xff}, 64},
    // 6.12 quiet where stalling is forced (STALL_MODEL 10): S [44] and R [45] stay 1, upper half 0x0037'f205
    GoldenBytes{"CD quiet 6.12, stall forced", "5.4", {0x0037'f205'c000'4000, 0, 0, 0xff}, 64},
    // 6.1 quiet: the live ASET 0 descriptor with EPD0 [14] -> 0x4000 added to 0x3510: 0x7510. R stays 1
    GoldenBytes{"CD quiet 6.1", "5.4", {0x0037'6205'c000'7510, 0x0000'0081'2345'6000, 0, 0xff}, 64},
    // 6.1 quiet of a stalling stream: S [44] stays 1 too, upper half 0x0037'7205
    GoldenBytes{"CD quiet 6.1, stall", "5.4", {0x0037'7205'c000'7510, 0x0000'0081'2345'6000, 0, 0xff}, 64},
    // V [31] = 0: all zero (6.12 unbind, final)
    GoldenBytes{"CD invalid", "5.4", {0x0000'0000'0000'0000}, 64},
    // V [31] = 0 by clearing word 0 alone (6.1 unbind): the other words are left and ignored
    GoldenBytes{"CD invalid, rest left", "5.4", {0, 0x0000'0081'2345'6000, 0, 0xff}, 64},
    // V [31] = 0 and nothing else changed: 0xc000'3510 - 0x8000'0000 = 0x4000'3510
    GoldenBytes{"CD invalid, only V cleared", "5.4", {0x0037'6205'4000'3510, 0x0000'0081'2345'6000, 0, 0xff}, 64},
    // live, ASET 0, HA [43] -> 0x800 and HD [42] -> 0x400 of the upper half: 0x0037'6e05
    GoldenBytes{"CD live, HA HD, ASET 0", "5.4", {0x0037'6e05'c000'3510, 0x0000'0081'2345'6000, 0, 0xff}, 64},
    // live, ASET 0, AFFD [35] -> 0x8 of the upper half: 0x0037'620d
    GoldenBytes{"CD live, AFFD, ASET 0", "5.4", {0x0037'620d'c000'3510, 0x0000'0081'2345'6000, 0, 0xff}, 64},
};

// ---- 3. Commands ---------------------------------------------------------------------------------------------------

/// Commands (chapter 4), w0 then w1. Opcode w0[7:0]; StreamID w0[63:32] = 0x1234; SubstreamID w0[31:12] = 0x5a5 ->
/// 0x005a'5000; SSV w0[11] -> 0x800; ASID w0[63:48] = 0x37; VMID w0[47:32].
inline constexpr std::array commands{
    // opcode 0x03; Leaf w1[0] = 1
    GoldenBytes{"CFGI_STE leaf 1", "4.3.1", {0x0000'1234'0000'0003, 0x0000'0000'0000'0001}, 16},
    // opcode 0x03; Leaf w1[0] = 0
    GoldenBytes{"CFGI_STE leaf 0", "4.3.1", {0x0000'1234'0000'0003, 0x0000'0000'0000'0000}, 16},
    // opcode 0x04; StreamID 0x1200; Range w1[4:0] = 7: the 256 StreamIDs 0x1200..0x12ff
    GoldenBytes{"CFGI_STE_RANGE 256", "4.3.2", {0x0000'1200'0000'0004, 0x0000'0000'0000'0007}, 16},
    // opcode 0x04 with Range w1[4:0] = 31 -> 0x1f; StreamID is ignored
    GoldenBytes{"CFGI_ALL", "4.3.6", {0x0000'0000'0000'0004, 0x0000'0000'0000'001f}, 16},
    // opcode 0x05; SubstreamID, StreamID; Leaf w1[0] = 1. This command has no SSV bit
    GoldenBytes{"CFGI_CD leaf 1", "4.3.3", {0x0000'1234'005a'5005, 0x0000'0000'0000'0001}, 16},
    // the same with Leaf w1[0] = 0: the L1CD too
    GoldenBytes{"CFGI_CD leaf 0", "4.3.3", {0x0000'1234'005a'5005, 0x0000'0000'0000'0000}, 16},
    // opcode 0x06; StreamID
    GoldenBytes{"CFGI_CD_ALL", "4.3.4", {0x0000'1234'0000'0006, 0x0000'0000'0000'0000}, 16},
    // opcode 0x10; VMID w0[47:32] = 0
    GoldenBytes{"TLBI_NH_ALL VMID 0", "4.4.2.1", {0x0000'0000'0000'0010, 0x0000'0000'0000'0000}, 16},
    // opcode 0x10; VMID w0[47:32] = 0x0102
    GoldenBytes{"TLBI_NH_ALL VMID 0x102", "4.4.2.1", {0x0000'0102'0000'0010, 0x0000'0000'0000'0000}, 16},
    // opcode 0x11; ASID w0[63:48] = 0x37; VMID 0
    GoldenBytes{"TLBI_NH_ASID", "4.4.2.2", {0x0037'0000'0000'0011, 0x0000'0000'0000'0000}, 16},
    // opcode 0x12; ASID 0x37, VMID 0; Address w1[63:12] = 0x7f12'3456'7000; Leaf w1[0] = 0; TG w1[11:10] = 0
    GoldenBytes{"TLBI_NH_VA leaf 0", "4.4.2.4", {0x0037'0000'0000'0012, 0x0000'7f12'3456'7000}, 16},
    // the same with Leaf w1[0] = 1
    GoldenBytes{"TLBI_NH_VA leaf 1", "4.4.2.4", {0x0037'0000'0000'0012, 0x0000'7f12'3456'7001}, 16},
    // NUM w0[16:12] = 15 -> 0xf000, SCALE w0[24:20] = 0; TG w1[11:10] = 1 -> 0x400; Leaf 1: 16 pages of 4 KiB
    GoldenBytes{"TLBI_NH_VA range, 16 pages, leaf 1", "4.4.1.1", {0x0037'0000'0000'f012, 0x0000'7f12'3456'7401}, 16},
    // the same with Leaf 0
    GoldenBytes{"TLBI_NH_VA range, 16 pages, leaf 0", "4.4.1.1", {0x0037'0000'0000'f012, 0x0000'7f12'3456'7400}, 16},
    // NUM 0, SCALE w0[24:20] = 9 -> 0x90'0000; TG 1; Address 0x7f12'3440'0000; Leaf 1: 512 pages, 2 MiB
    GoldenBytes{"TLBI_NH_VA range, 512 pages, leaf 1", "4.4.1.1", {0x0037'0000'0090'0012, 0x0000'7f12'3440'0401}, 16},
    // NUM = SCALE = 0 is legal with a level hint: TG 1 -> 0x400, TTL w1[9:8] = 3 -> 0x300, Leaf 1: one page
    GoldenBytes{"TLBI_NH_VA one page, TTL 3, leaf 1", "4.4.1.1", {0x0037'0000'0000'0012, 0x0000'7f12'3456'7701}, 16},
    // opcode 0x13; VMID 0, no ASID; Leaf 1
    GoldenBytes{"TLBI_NH_VAA leaf 1", "4.4.2.3", {0x0000'0000'0000'0013, 0x0000'7f12'3456'7001}, 16},
    // opcode 0x30
    GoldenBytes{"TLBI_NSNH_ALL", "4.4.4.1", {0x0000'0000'0000'0030, 0x0000'0000'0000'0000}, 16},
    // opcode 0x40; SSV w0[11], Global w0[9] = 0; Size w1[5:0] = 52 -> 0x34, Address 0: everything of one substream
    GoldenBytes{"ATC_INV substream, all", "4.5.1", {0x0000'1234'005a'5840, 0x0000'0000'0000'0034}, 16},
    // SSV 0: no PASID prefix; Size 52
    GoldenBytes{"ATC_INV no substream, all", "4.5.1", {0x0000'1234'0000'0040, 0x0000'0000'0000'0034}, 16},
    // SSV 1; Address w1[63:12] = 0x7f12'3456'0000; Size w1[5:0] = 4: 64 KiB
    GoldenBytes{"ATC_INV substream, 64 KiB", "4.5.1", {0x0000'1234'005a'5840, 0x0000'7f12'3456'0004}, 16},
    // SSV 1, Global w0[9] = 1 -> 0x200; Size 52
    GoldenBytes{"ATC_INV substream, global, all", "4.5.1", {0x0000'1234'005a'5a40, 0x0000'0000'0000'0034}, 16},
    // opcode 0x41; SSV 1; PRGIndex w1[8:0] = 0x1a5; Resp w1[13:12] = 10 -> 0x2000 (Success)
    GoldenBytes{"PRI_RESP success", "4.5.2", {0x0000'1234'005a'5841, 0x0000'0000'0000'21a5}, 16},
    // Resp w1[13:12] = 01 -> 0x1000 (Invalid Request)
    GoldenBytes{"PRI_RESP invalid request", "4.5.2", {0x0000'1234'005a'5841, 0x0000'0000'0000'11a5}, 16},
    // Resp w1[13:12] = 00 (Response Failure); SSV 0
    GoldenBytes{"PRI_RESP failure, no substream", "4.5.2", {0x0000'1234'0000'0041, 0x0000'0000'0000'01a5}, 16},
    // opcode 0x44; Ac w0[12] = 1 -> 0x1000 (retry); STAG w1[15:0] = 0xbeef
    GoldenBytes{"RESUME retry", "4.7.1", {0x0000'1234'0000'1044, 0x0000'0000'0000'beef}, 16},
    // Ac 0, Ab w0[13] = 1 -> 0x2000 (terminate with abort)
    GoldenBytes{"RESUME abort", "4.7.1", {0x0000'1234'0000'2044, 0x0000'0000'0000'beef}, 16},
    // Ac 0, Ab 0 (terminate, reads zero and writes ignored)
    GoldenBytes{"RESUME terminate", "4.7.1", {0x0000'1234'0000'0044, 0x0000'0000'0000'beef}, 16},
    // opcode 0x45; StreamID
    GoldenBytes{"STALL_TERM", "4.7.2", {0x0000'1234'0000'0045, 0x0000'0000'0000'0000}, 16},
    // opcode 0x46; CS w0[13:12] = 0
    GoldenBytes{"SYNC none", "4.7.3", {0x0000'0000'0000'0046, 0x0000'0000'0000'0000}, 16},
    // CS 1 -> 0x1000; MSH w0[23:22] = 3 -> 0xc0'0000; MSIAttr w0[27:24] = 0xf; MSIData w0[63:32] 0; MSIAddress w1[51:2]
    GoldenBytes{"SYNC MSI", "4.7.3", {0x0000'0000'0fc0'1046, 0x0000'0000'8800'0040}, 16},
    // the same with MSIData w0[63:32] = 0x1234'5678
    GoldenBytes{"SYNC MSI with data", "4.7.3", {0x1234'5678'0fc0'1046, 0x0000'0000'8800'0040}, 16},
    // CS 1, MSIAddress 0: no message, a wired interrupt only
    GoldenBytes{"SYNC wired", "4.7.3", {0x0000'0000'0000'1046, 0x0000'0000'0000'0000}, 16},
    // CS w0[13:12] = 2 -> 0x2000
    GoldenBytes{"SYNC SEV", "4.7.3", {0x0000'0000'0000'2046, 0x0000'0000'0000'0000}, 16},
    // CS 2 with MSH 3 and MSIAttr 0xf set as Linux does; both are ignored
    GoldenBytes{"SYNC SEV as Linux writes it", "4.7.3", {0x0000'0000'0fc0'2046, 0x0000'0000'0000'0000}, 16},
};

/// Commands that stop the queue with CERROR_ILL (CMDQ_CONS.ERR [30:24] = 1) when given to the Non-secure command queue.
inline constexpr std::array illegal_commands{
    // opcode 0x00: reserved
    GoldenBytes{"opcode 0x00", "4.1.1", {0x0000'0000'0000'0000, 0x0000'0000'0000'0000}, 16},
    // opcode 0xff: reserved
    GoldenBytes{"opcode 0xff", "4.1.1", {0x0000'0000'0000'00ff, 0x0000'0000'0000'0000}, 16},
    // CFGI_STE with SSec w0[10] = 1 -> 0x400
    GoldenBytes{"CFGI_STE SSec 1", "4.1.6", {0x0000'1234'0000'0403, 0x0000'0000'0000'0001}, 16},
    // TG w1[11:10] = 1 with NUM = SCALE = TTL = 0 (IDR3.RIL = 1)
    GoldenBytes{"TLBI_NH_VA TG 1, no range, no TTL", "4.4.1.1", {0x0037'0000'0000'0012, 0x0000'7f12'3456'7400}, 16},
    // opcode 0x18 TLBI_EL3_ALL: Secure queue only
    GoldenBytes{"TLBI_EL3_ALL", "4.4.2.5", {0x0000'0000'0000'0018, 0x0000'0000'0000'0000}, 16},
    // PRI_RESP with Resp w1[13:12] = 11 -> 0x3000
    GoldenBytes{"PRI_RESP resp 3", "4.5.2", {0x0000'1234'005a'5841, 0x0000'0000'0000'31a5}, 16},
    // SYNC with CS w0[13:12] = 3 -> 0x3000
    GoldenBytes{"SYNC CS 3", "4.7.3", {0x0000'0000'0000'3046, 0x0000'0000'0000'0000}, 16},
};

// ---- 4. Event records ----------------------------------------------------------------------------------------------

/// Event records (7.3). w0 = EventID [7:0] | SSV [11] -> 0x800 | SubstreamID [31:12] -> 0x005a'5000 | StreamID [63:32].
/// w1 (bits 127:64): STAG [15:0], Stall [31], PnU [33], InD [34], RnW [35] -> 0x8'0000'0000, S2 [39],
/// CLASS [41:40] -> 0x100'0000'0000 for TT (1), 0x200'0000'0000 for IN (2). w2 = InputAddr, all 64 bits of it.
/// w3 = FetchAddr [51:3]. Fields the manual leaves UNKNOWN or implementation defined (IPA, TTRnW, Reason, and
/// SubstreamID under SSV=0) are zero here.
inline constexpr std::array event_records{
    // id 0x02; StreamID 0x1'2345 (beyond the table), SSV 0. Recorded only if CR2.RECINVSID
    GoldenBytes{"C_BAD_STREAMID", "7.3.3", {0x0001'2345'0000'0002}, 32},
    // the same request with SSV 1, SubstreamID 0x5a5
    GoldenBytes{"C_BAD_STREAMID, SSV 1", "7.3.3", {0x0001'2345'005a'5802}, 32},
    // id 0x03; FetchAddr = 0x80'1300'0000 + 0x1234 * 64 (0x4'8d00)
    GoldenBytes{"F_STE_FETCH", "7.3.4", {0x0000'1234'0000'0003, 0, 0, 0x0000'0080'1304'8d00}, 32},
    // the same, SSV 1
    GoldenBytes{"F_STE_FETCH, SSV 1", "7.3.4", {0x0000'1234'005a'5803, 0, 0, 0x0000'0080'1304'8d00}, 32},
    // id 0x04, SSV 0
    GoldenBytes{"C_BAD_STE", "7.3.5", {0x0000'1234'0000'0004}, 32},
    // id 0x04, SSV 1
    GoldenBytes{"C_BAD_STE, SSV 1", "7.3.5", {0x0000'1234'005a'5804}, 32},
    // id 0x06; StreamID alone: this record has no SSV and no SubstreamID, also when substream 0 caused it
    // unverified: the figure; the manual's table text and a public emulator both leave bits 31:8 zero
    GoldenBytes{"F_STREAM_DISABLED", "7.3.7", {0x0000'1234'0000'0006}, 32},
    // id 0x07; RnW w1[35] = 1; InputAddr; no PnU, InD, CLASS
    // unverified: absence of SSV and SubstreamID (table text damaged; a public emulator writes neither)
    GoldenBytes{"F_TRANSL_FORBIDDEN read", "7.3.8",
                {0x0000'1234'0000'0007, 0x0000'0008'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // the same by a write: RnW 0
    GoldenBytes{"F_TRANSL_FORBIDDEN write", "7.3.8",
                {0x0000'1234'0000'0007, 0x0000'0000'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // id 0x08; SubstreamID always valid, and bit 11 is RES0 here: 0x5000, not 0x5800
    GoldenBytes{"C_BAD_SUBSTREAMID", "7.3.9", {0x0000'1234'005a'5008}, 32},
    // id 0x09, SSV 1; FetchAddr = leaf 0x81'2347'0000 + SubstreamID[9:0] 0x1a5 * 64 (0x6940)
    GoldenBytes{"F_CD_FETCH", "7.3.10", {0x0000'1234'005a'5809, 0, 0, 0x0000'0081'2347'6940}, 32},
    // id 0x09, SSV 1; the L1CD could not be read: FetchAddr = 0x80'1234'6000 + SubstreamID[19:10] 1 * 8
    // unverified: that an aborted L1CD read is this event is inferred (the manual names the CD only)
    GoldenBytes{"F_CD_FETCH of the L1CD", "7.3.10", {0x0000'1234'005a'5809, 0, 0, 0x0000'0080'1234'6008}, 32},
    // id 0x0a, SSV 1
    GoldenBytes{"C_BAD_CD, SSV 1", "7.3.11", {0x0000'1234'005a'580a}, 32},
    // id 0x0a, SSV 0 (S1CDMax 0, or S1DSS 10)
    GoldenBytes{"C_BAD_CD", "7.3.11", {0x0000'1234'0000'000a}, 32},
    // id 0x0b; RnW of the transaction, S2 0, CLASS TT even at stage 1; FetchAddr = 0x81'2345'6000 + VA[47:39] 0xfe * 8
    GoldenBytes{"F_WALK_EABT read", "7.3.12",
                {0x0000'1234'005a'580b, 0x0000'0108'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'67f0}, 32},
    // id 0x10; unprivileged data read: RnW, CLASS IN; Stall 0
    GoldenBytes{"F_TRANSLATION read", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'0208'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // the same by a write: RnW 0
    GoldenBytes{"F_TRANSLATION write", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'0200'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // the same by a request without substream: SSV 0
    GoldenBytes{"F_TRANSLATION read, SSV 0", "7.3.13",
                {0x0000'1234'0000'0010, 0x0000'0208'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // privileged read: PnU w1[33] -> 0x2'0000'0000 beside RnW 0x8'0000'0000
    GoldenBytes{"F_TRANSLATION privileged read", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'020a'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // unprivileged instruction fetch: InD w1[34] -> 0x4'0000'0000, RnW 1
    GoldenBytes{"F_TRANSLATION fetch", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'020c'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // stalled read: Stall w1[31] -> 0x8000'0000, STAG w1[15:0] = 0xbeef
    GoldenBytes{"F_TRANSLATION read, stalled", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'0208'8000'beef, 0x0000'7f12'3456'7a80}, 32},
    // upper-half address: InputAddr keeps its sign extension
    GoldenBytes{"F_TRANSLATION read, upper half", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'0208'0000'0000, 0xffff'8000'0000'1000}, 32},
    // id 0x11; CLASS IN also when a table descriptor gave the address: a stage-1 fault has no other class (7.3.13)
    GoldenBytes{"F_ADDR_SIZE read", "7.3.14",
                {0x0000'1234'005a'5811, 0x0000'0208'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // id 0x12
    GoldenBytes{"F_ACCESS read", "7.3.15",
                {0x0000'1234'005a'5812, 0x0000'0208'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // id 0x13; write: RnW 0; TTRnW w1[44] 0 (UNKNOWN unless CLASS is TT)
    GoldenBytes{"F_PERMISSION write", "7.3.16",
                {0x0000'1234'005a'5813, 0x0000'0200'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // stalled write: Stall w1[31], STAG 0xbeef, RnW 0
    GoldenBytes{"F_PERMISSION write, stalled", "7.3.16",
                {0x0000'1234'005a'5813, 0x0000'0200'8000'beef, 0x0000'7f12'3456'7a80}, 32},
};

// ---- 5. Registers --------------------------------------------------------------------------------------------------

/// The registers of pages 0 and 1 that a stage-1-only SMMU with PRI has (6.3.1 to 6.3.36, 6.3.95 to 6.3.98).
inline constexpr std::array registers{
    GoldenRegister{"IDR0", 0x000, 32},
    GoldenRegister{"IDR1", 0x004, 32},
    GoldenRegister{"IDR2", 0x008, 32},
    GoldenRegister{"IDR3", 0x00c, 32},
    GoldenRegister{"IDR4", 0x010, 32},
    GoldenRegister{"IDR5", 0x014, 32},
    GoldenRegister{"IIDR", 0x018, 32},
    GoldenRegister{"AIDR", 0x01c, 32},
    GoldenRegister{"CR0", 0x020, 32},
    GoldenRegister{"CR0ACK", 0x024, 32},
    GoldenRegister{"CR1", 0x028, 32},
    GoldenRegister{"CR2", 0x02c, 32},
    GoldenRegister{"GBPA", 0x044, 32},
    GoldenRegister{"IRQ_CTRL", 0x050, 32},
    GoldenRegister{"IRQ_CTRLACK", 0x054, 32},
    GoldenRegister{"GERROR", 0x060, 32},
    GoldenRegister{"GERRORN", 0x064, 32},
    GoldenRegister{"GERROR_IRQ_CFG0", 0x068, 64},
    GoldenRegister{"GERROR_IRQ_CFG1", 0x070, 32},
    GoldenRegister{"GERROR_IRQ_CFG2", 0x074, 32},
    GoldenRegister{"STRTAB_BASE", 0x080, 64},
    GoldenRegister{"STRTAB_BASE_CFG", 0x088, 32},
    GoldenRegister{"CMDQ_BASE", 0x090, 64},
    GoldenRegister{"CMDQ_PROD", 0x098, 32},
    GoldenRegister{"CMDQ_CONS", 0x09c, 32},
    GoldenRegister{"EVENTQ_BASE", 0x0a0, 64},
    GoldenRegister{"EVENTQ_IRQ_CFG0", 0x0b0, 64},
    GoldenRegister{"EVENTQ_IRQ_CFG1", 0x0b8, 32},
    GoldenRegister{"EVENTQ_IRQ_CFG2", 0x0bc, 32},
    GoldenRegister{"PRIQ_BASE", 0x0c0, 64},
    GoldenRegister{"PRIQ_IRQ_CFG0", 0x0d0, 64},
    GoldenRegister{"PRIQ_IRQ_CFG1", 0x0d8, 32},
    GoldenRegister{"PRIQ_IRQ_CFG2", 0x0dc, 32},
    GoldenRegister{"EVENTQ_PROD", 0x100a8, 32},  // page 1 + 0xa8
    GoldenRegister{"EVENTQ_CONS", 0x100ac, 32},  // page 1 + 0xac
    GoldenRegister{"PRIQ_PROD", 0x100c8, 32},    // page 1 + 0xc8
    GoldenRegister{"PRIQ_CONS", 0x100cc, 32},    // page 1 + 0xcc
};

/// Fields a stage-1-only SMMU needs, by register (section in the comment that opens each group).
inline constexpr std::array register_fields{
    // 6.3.1 SMMU_IDR0
    GoldenField{"IDR0", 0x000, "S2P", 0, 0},
    GoldenField{"IDR0", 0x000, "S1P", 1, 1},
    GoldenField{"IDR0", 0x000, "TTF", 3, 2},
    GoldenField{"IDR0", 0x000, "COHACC", 4, 4},
    GoldenField{"IDR0", 0x000, "BTM", 5, 5},
    GoldenField{"IDR0", 0x000, "HTTU", 7, 6},
    GoldenField{"IDR0", 0x000, "Hyp", 9, 9},
    GoldenField{"IDR0", 0x000, "ATS", 10, 10},
    GoldenField{"IDR0", 0x000, "NS1ATS", 11, 11},
    GoldenField{"IDR0", 0x000, "ASID16", 12, 12},
    GoldenField{"IDR0", 0x000, "MSI", 13, 13},
    GoldenField{"IDR0", 0x000, "SEV", 14, 14},
    GoldenField{"IDR0", 0x000, "ATOS", 15, 15},
    GoldenField{"IDR0", 0x000, "PRI", 16, 16},
    GoldenField{"IDR0", 0x000, "VMID16", 18, 18},
    GoldenField{"IDR0", 0x000, "CD2L", 19, 19},
    GoldenField{"IDR0", 0x000, "TTENDIAN", 22, 21},
    GoldenField{"IDR0", 0x000, "ATSRECERR", 23, 23},
    GoldenField{"IDR0", 0x000, "STALL_MODEL", 25, 24},
    GoldenField{"IDR0", 0x000, "TERM_MODEL", 26, 26},
    GoldenField{"IDR0", 0x000, "ST_LEVEL", 28, 27},
    // 6.3.2 SMMU_IDR1
    GoldenField{"IDR1", 0x004, "SIDSIZE", 5, 0},
    GoldenField{"IDR1", 0x004, "SSIDSIZE", 10, 6},
    GoldenField{"IDR1", 0x004, "PRIQS", 15, 11},
    GoldenField{"IDR1", 0x004, "EVENTQS", 20, 16},
    GoldenField{"IDR1", 0x004, "CMDQS", 25, 21},
    GoldenField{"IDR1", 0x004, "ATTR_PERMS_OVR", 26, 26},
    GoldenField{"IDR1", 0x004, "ATTR_TYPES_OVR", 27, 27},
    GoldenField{"IDR1", 0x004, "REL", 28, 28},
    GoldenField{"IDR1", 0x004, "QUEUES_PRESET", 29, 29},
    GoldenField{"IDR1", 0x004, "TABLES_PRESET", 30, 30},
    GoldenField{"IDR1", 0x004, "ECMDQ", 31, 31},
    // 6.3.4 SMMU_IDR3
    GoldenField{"IDR3", 0x00c, "HAD", 2, 2},
    GoldenField{"IDR3", 0x00c, "PPS", 5, 5},
    GoldenField{"IDR3", 0x00c, "STT", 9, 9},
    GoldenField{"IDR3", 0x00c, "RIL", 10, 10},
    GoldenField{"IDR3", 0x00c, "BBML", 12, 11},
    GoldenField{"IDR3", 0x00c, "E0PD", 13, 13},
    GoldenField{"IDR3", 0x00c, "PASIDTT", 16, 16},
    // 6.3.6 SMMU_IDR5
    GoldenField{"IDR5", 0x014, "OAS", 2, 0},
    GoldenField{"IDR5", 0x014, "GRAN4K", 4, 4},
    GoldenField{"IDR5", 0x014, "GRAN16K", 5, 5},
    GoldenField{"IDR5", 0x014, "GRAN64K", 6, 6},
    GoldenField{"IDR5", 0x014, "VAX", 11, 10},
    GoldenField{"IDR5", 0x014, "STALL_MAX", 31, 16},
    // 6.3.9 SMMU_CR0
    GoldenField{"CR0", 0x020, "SMMUEN", 0, 0},
    GoldenField{"CR0", 0x020, "PRIQEN", 1, 1},
    GoldenField{"CR0", 0x020, "EVENTQEN", 2, 2},
    GoldenField{"CR0", 0x020, "CMDQEN", 3, 3},
    GoldenField{"CR0", 0x020, "ATSCHK", 4, 4},
    // 6.3.10 SMMU_CR0ACK
    GoldenField{"CR0ACK", 0x024, "SMMUEN", 0, 0},
    GoldenField{"CR0ACK", 0x024, "PRIQEN", 1, 1},
    GoldenField{"CR0ACK", 0x024, "EVENTQEN", 2, 2},
    GoldenField{"CR0ACK", 0x024, "CMDQEN", 3, 3},
    GoldenField{"CR0ACK", 0x024, "ATSCHK", 4, 4},
    // 6.3.11 SMMU_CR1
    GoldenField{"CR1", 0x028, "QUEUE_IC", 1, 0},
    GoldenField{"CR1", 0x028, "QUEUE_OC", 3, 2},
    GoldenField{"CR1", 0x028, "QUEUE_SH", 5, 4},
    GoldenField{"CR1", 0x028, "TABLE_IC", 7, 6},
    GoldenField{"CR1", 0x028, "TABLE_OC", 9, 8},
    GoldenField{"CR1", 0x028, "TABLE_SH", 11, 10},
    // 6.3.12 SMMU_CR2
    GoldenField{"CR2", 0x02c, "E2H", 0, 0},
    GoldenField{"CR2", 0x02c, "RECINVSID", 1, 1},
    GoldenField{"CR2", 0x02c, "PTM", 2, 2},
    GoldenField{"CR2", 0x02c, "REC_CFG_ATS", 3, 3},
    // 6.3.14 SMMU_GBPA
    GoldenField{"GBPA", 0x044, "MemAttr", 3, 0},
    GoldenField{"GBPA", 0x044, "MTCFG", 4, 4},
    GoldenField{"GBPA", 0x044, "ALLOCCFG", 11, 8},
    GoldenField{"GBPA", 0x044, "SHCFG", 13, 12},
    GoldenField{"GBPA", 0x044, "PRIVCFG", 17, 16},
    GoldenField{"GBPA", 0x044, "INSTCFG", 19, 18},
    GoldenField{"GBPA", 0x044, "ABORT", 20, 20},
    GoldenField{"GBPA", 0x044, "Update", 31, 31},
    // 6.3.16 SMMU_IRQ_CTRL
    GoldenField{"IRQ_CTRL", 0x050, "GERROR_IRQEN", 0, 0},
    GoldenField{"IRQ_CTRL", 0x050, "PRIQ_IRQEN", 1, 1},
    GoldenField{"IRQ_CTRL", 0x050, "EVENTQ_IRQEN", 2, 2},
    // 6.3.18 SMMU_IRQ_CTRLACK
    GoldenField{"IRQ_CTRLACK", 0x054, "GERROR_IRQEN", 0, 0},
    GoldenField{"IRQ_CTRLACK", 0x054, "PRIQ_IRQEN", 1, 1},
    GoldenField{"IRQ_CTRLACK", 0x054, "EVENTQ_IRQEN", 2, 2},
    // 6.3.19 SMMU_GERROR
    GoldenField{"GERROR", 0x060, "CMDQ_ERR", 0, 0},
    GoldenField{"GERROR", 0x060, "EVENTQ_ABT_ERR", 2, 2},
    GoldenField{"GERROR", 0x060, "PRIQ_ABT_ERR", 3, 3},
    GoldenField{"GERROR", 0x060, "MSI_CMDQ_ABT_ERR", 4, 4},
    GoldenField{"GERROR", 0x060, "MSI_EVENTQ_ABT_ERR", 5, 5},
    GoldenField{"GERROR", 0x060, "MSI_PRIQ_ABT_ERR", 6, 6},
    GoldenField{"GERROR", 0x060, "MSI_GERROR_ABT_ERR", 7, 7},
    GoldenField{"GERROR", 0x060, "SFM_ERR", 8, 8},
    // 6.3.20 SMMU_GERRORN
    GoldenField{"GERRORN", 0x064, "CMDQ_ERR", 0, 0},
    GoldenField{"GERRORN", 0x064, "EVENTQ_ABT_ERR", 2, 2},
    GoldenField{"GERRORN", 0x064, "PRIQ_ABT_ERR", 3, 3},
    GoldenField{"GERRORN", 0x064, "MSI_CMDQ_ABT_ERR", 4, 4},
    GoldenField{"GERRORN", 0x064, "MSI_EVENTQ_ABT_ERR", 5, 5},
    GoldenField{"GERRORN", 0x064, "MSI_PRIQ_ABT_ERR", 6, 6},
    GoldenField{"GERRORN", 0x064, "MSI_GERROR_ABT_ERR", 7, 7},
    GoldenField{"GERRORN", 0x064, "SFM_ERR", 8, 8},
    // 6.3.21 to 6.3.23 SMMU_GERROR_IRQ_CFGn (ADDR ends at 55 from v3.4)
    GoldenField{"GERROR_IRQ_CFG0", 0x068, "ADDR", 51, 2},
    GoldenField{"GERROR_IRQ_CFG1", 0x070, "DATA", 31, 0},
    GoldenField{"GERROR_IRQ_CFG2", 0x074, "MemAttr", 3, 0},
    GoldenField{"GERROR_IRQ_CFG2", 0x074, "SH", 5, 4},
    // 6.3.24 SMMU_STRTAB_BASE (ADDR ends at 55 from v3.4)
    GoldenField{"STRTAB_BASE", 0x080, "ADDR", 51, 6},
    GoldenField{"STRTAB_BASE", 0x080, "RA", 62, 62},
    // 6.3.25 SMMU_STRTAB_BASE_CFG
    GoldenField{"STRTAB_BASE_CFG", 0x088, "LOG2SIZE", 5, 0},
    GoldenField{"STRTAB_BASE_CFG", 0x088, "SPLIT", 10, 6},
    GoldenField{"STRTAB_BASE_CFG", 0x088, "FMT", 17, 16},
    // 6.3.26 to 6.3.28 the command queue (ADDR ends at 55 from v3.4)
    GoldenField{"CMDQ_BASE", 0x090, "LOG2SIZE", 4, 0},
    GoldenField{"CMDQ_BASE", 0x090, "ADDR", 51, 5},
    GoldenField{"CMDQ_BASE", 0x090, "RA", 62, 62},
    GoldenField{"CMDQ_PROD", 0x098, "WR", 19, 0},
    GoldenField{"CMDQ_CONS", 0x09c, "RD", 19, 0},
    GoldenField{"CMDQ_CONS", 0x09c, "ERR", 30, 24},
    // 6.3.29, 6.3.95, 6.3.96 the event queue (ADDR ends at 55 from v3.4)
    GoldenField{"EVENTQ_BASE", 0x0a0, "LOG2SIZE", 4, 0},
    GoldenField{"EVENTQ_BASE", 0x0a0, "ADDR", 51, 5},
    GoldenField{"EVENTQ_BASE", 0x0a0, "WA", 62, 62},
    GoldenField{"EVENTQ_PROD", 0x100a8, "WR", 19, 0},
    GoldenField{"EVENTQ_PROD", 0x100a8, "OVFLG", 31, 31},
    GoldenField{"EVENTQ_CONS", 0x100ac, "RD", 19, 0},
    GoldenField{"EVENTQ_CONS", 0x100ac, "OVACKFLG", 31, 31},
    // 6.3.30 to 6.3.32 SMMU_EVENTQ_IRQ_CFGn (ADDR ends at 55 from v3.4)
    GoldenField{"EVENTQ_IRQ_CFG0", 0x0b0, "ADDR", 51, 2},
    GoldenField{"EVENTQ_IRQ_CFG1", 0x0b8, "DATA", 31, 0},
    GoldenField{"EVENTQ_IRQ_CFG2", 0x0bc, "MemAttr", 3, 0},
    GoldenField{"EVENTQ_IRQ_CFG2", 0x0bc, "SH", 5, 4},
    // 6.3.33 to 6.3.36, 6.3.97, 6.3.98 the page request queue
    GoldenField{"PRIQ_BASE", 0x0c0, "LOG2SIZE", 4, 0},
    GoldenField{"PRIQ_BASE", 0x0c0, "ADDR", 51, 5},
    GoldenField{"PRIQ_BASE", 0x0c0, "WA", 62, 62},
    GoldenField{"PRIQ_PROD", 0x100c8, "WR", 19, 0},
    GoldenField{"PRIQ_PROD", 0x100c8, "OVFLG", 31, 31},
    GoldenField{"PRIQ_CONS", 0x100cc, "RD", 19, 0},
    GoldenField{"PRIQ_CONS", 0x100cc, "OVACKFLG", 31, 31},
    GoldenField{"PRIQ_IRQ_CFG0", 0x0d0, "ADDR", 51, 2},
    GoldenField{"PRIQ_IRQ_CFG1", 0x0d8, "DATA", 31, 0},
    GoldenField{"PRIQ_IRQ_CFG2", 0x0dc, "MemAttr", 3, 0},
    GoldenField{"PRIQ_IRQ_CFG2", 0x0dc, "SH", 5, 4},
    GoldenField{"PRIQ_IRQ_CFG2", 0x0dc, "LO", 31, 31},
};

/// Fields of the same registers that such an SMMU may leave out (they then read as zero), for a model that names them.
inline constexpr std::array optional_register_fields{
    GoldenField{"IDR0", 0x000, "DORMHINT", 8, 8},
    GoldenField{"IDR0", 0x000, "VMW", 17, 17},
    GoldenField{"IDR0", 0x000, "VATOS", 20, 20},
    GoldenField{"IDR0", 0x000, "RME_IMPL", 30, 30},
    GoldenField{"IDR2", 0x008, "BA_VATOS", 9, 0},  // 6.3.3
    GoldenField{"IDR3", 0x00c, "PBHA", 3, 3},
    GoldenField{"IDR3", 0x00c, "XNX", 4, 4},
    GoldenField{"IDR3", 0x00c, "MPAM", 7, 7},
    GoldenField{"IDR3", 0x00c, "FWB", 8, 8},
    GoldenField{"IDR3", 0x00c, "PTWNNC", 14, 14},
    GoldenField{"IDR3", 0x00c, "DPT", 15, 15},
    GoldenField{"IDR3", 0x00c, "EPAN", 17, 17},
    GoldenField{"IDR3", 0x00c, "S1PI", 18, 18},
    GoldenField{"IDR3", 0x00c, "S2PI", 19, 19},
    GoldenField{"IDR3", 0x00c, "S2PO", 20, 20},
    GoldenField{"IDR3", 0x00c, "THE", 21, 21},
    GoldenField{"IDR3", 0x00c, "MTEPERM", 22, 22},
    GoldenField{"IDR3", 0x00c, "AIE", 23, 23},
    GoldenField{"IDR5", 0x014, "DS", 7, 7},
    GoldenField{"IDR5", 0x014, "D128", 8, 8},
    GoldenField{"IIDR", 0x018, "ProductID", 31, 20},  // 6.3.7
    GoldenField{"IIDR", 0x018, "Variant", 19, 16},
    GoldenField{"IIDR", 0x018, "Revision", 15, 12},
    GoldenField{"IIDR", 0x018, "Implementer", 11, 0},
    GoldenField{"AIDR", 0x01c, "ArchMajorRev", 7, 4},  // 6.3.8
    GoldenField{"AIDR", 0x01c, "ArchMinorRev", 3, 0},
    GoldenField{"CR0", 0x020, "VMW", 8, 6},
    GoldenField{"CR0", 0x020, "DPT_WALK_EN", 10, 10},
    GoldenField{"CR0ACK", 0x024, "VMW", 8, 6},
    GoldenField{"CR0ACK", 0x024, "DPT_WALK_EN", 10, 10},
    GoldenField{"GERROR", 0x060, "CMDQP_ERR", 9, 9},
    GoldenField{"GERROR", 0x060, "DPT_ERR", 10, 10},
    GoldenField{"GERRORN", 0x064, "CMDQP_ERR", 9, 9},
    GoldenField{"GERRORN", 0x064, "DPT_ERR", 10, 10},
};

// ---- 6. VMSAv8-64 stage 1, 4 KiB granule ---------------------------------------------------------------------------

/// Descriptors (DDI 0487 D8.3.1). Leaf low bits: type [1:0] 11 page or 01 block; AttrIndx [4:2] 0; NS [5] 0; AP[1] [6]
/// unprivileged -> 0x40; AP[2] [7] read-only -> 0x80; SH [9:8] 3 -> 0x300; AF [10] -> 0x400; nG [11] -> 0x800.
/// High bits: PXN [53] and UXN [54] -> 0x60 of the top half; DBM [51] -> 0x8 of it. The output address stands as it is.
inline constexpr std::array page_descriptors{
    // type 11 at level 0..2; next table [47:12] = 0x81'0000'1000
    GoldenBytes{"table", "DDI 0487 D8.3.1.1", {0x0000'0081'0000'1003}, 8},
    // 0x3 + 0x40 + 0x300 + 0x400 + 0x800 = 0xf43
    GoldenBytes{"page read-write", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'6f43}, 8},
    // + AP[2] 0x80 = 0xfc3
    GoldenBytes{"page read-only", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'6fc3}, 8},
    // 0xf43 - AP[1] 0x40 = 0xf03: no unprivileged access
    GoldenBytes{"page privileged read-write", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'6f03}, 8},
    // 0xf43 - AF 0x400 = 0xb43: F_ACCESS without hardware update
    GoldenBytes{"page read-write, not accessed", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'6b43}, 8},
    // read-only 0xfc3 with DBM: writable-clean
    GoldenBytes{"page writable-clean", "DDI 0487 D8.3.1.2", {0x0068'0081'2345'6fc3}, 8},
    // UXN clear, PXN [53] -> 0x20 of the top half: unprivileged execution allowed
    GoldenBytes{"page read-only, executable", "DDI 0487 D8.3.1.2", {0x0020'0081'2345'6fc3}, 8},
    // nG clear, 0xf43 - 0x800 = 0x743: a global page
    GoldenBytes{"page read-write, global", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'6743}, 8},
    // type 01 at level 2; output [47:21] = 0x81'2340'0000; 0x1 in place of 0x3: 0xf41
    GoldenBytes{"2 MiB block read-write", "DDI 0487 D8.3.1.2", {0x0060'0081'2340'0f41}, 8},
    // + AP[2] 0x80 = 0xfc1
    GoldenBytes{"2 MiB block read-only", "DDI 0487 D8.3.1.2", {0x0060'0081'2340'0fc1}, 8},
    // type 01 at level 1; output [47:30] = 0x81'0000'0000
    GoldenBytes{"1 GiB block read-write", "DDI 0487 D8.3.1.2", {0x0060'0081'0000'0f41}, 8},
};

/// Descriptors that end a walk with F_TRANSLATION, by the level at which they are met.
struct InvalidDescriptor {
    const char* what;
    unsigned level;
    std::uint64_t word;
};
inline constexpr std::array invalid_descriptors{
    // type x0
    InvalidDescriptor{"zero", 3, 0x0000'0000'0000'0000},
    // type 10: valid bit clear, all else a live page
    InvalidDescriptor{"page with bit 0 clear", 3, 0x0060'0081'2345'6f42},
    // type 00 over a live table
    InvalidDescriptor{"table with bits 1:0 clear", 1, 0x0000'0081'0000'1000},
    // type 01 at level 3 is reserved
    InvalidDescriptor{"block type at level 3", 3, 0x0060'0081'2345'6f41},
    // type 01 at level 0 is reserved with a 4 KiB granule (CD.DS 0)
    InvalidDescriptor{"block type at level 0", 0, 0x0060'0081'0000'0f41},
};

/// Indexes of a walk (DDI 0487 D8.2): level 0 [47:39], 1 [38:30], 2 [29:21], 3 [20:12], offset [11:0].
struct GoldenWalk {
    std::uint64_t va;
    std::array<unsigned, 4> index;
    unsigned offset;
};
inline constexpr std::array walks{
    GoldenWalk{0x0000'7f12'3456'7a80, {0x0fe, 0x048, 0x1a2, 0x167}, 0xa80},
    GoldenWalk{0x0000'0000'0000'0000, {0x000, 0x000, 0x000, 0x000}, 0x000},
    GoldenWalk{0x0000'ffff'ffff'ffff, {0x1ff, 0x1ff, 0x1ff, 0x1ff}, 0xfff},
    GoldenWalk{0x0000'0080'4020'1008, {0x001, 0x001, 0x001, 0x001}, 0x008},
};

// ---- 7. Queues -----------------------------------------------------------------------------------------------------

/// Index arithmetic (3.5.1). Index = bits [log2size-1:0], wrap = bit [log2size], higher bits ignored. Consistent pairs
/// only: what an SMMU does with others is constrained unpredictable.
struct GoldenQueue {
    unsigned log2size;
    std::uint32_t prod, cons;
    bool empty, full;
    std::uint32_t used;
};
inline constexpr std::array queues{
    GoldenQueue{0, 0x0, 0x0, true, false, 0},            // one entry: bit 0 is the wrap bit
    GoldenQueue{0, 0x1, 0x0, false, true, 1},
    GoldenQueue{0, 0x1, 0x1, true, false, 0},
    GoldenQueue{0, 0x0, 0x1, false, true, 1},
    GoldenQueue{3, 0x0, 0x0, true, false, 0},            // as initialised
    GoldenQueue{3, 0x1, 0x0, false, false, 1},
    GoldenQueue{3, 0x5, 0x2, false, false, 3},
    GoldenQueue{3, 0x7, 0x0, false, false, 7},           // one free
    GoldenQueue{3, 0x8, 0x0, false, true, 8},            // same index, wraps differ
    GoldenQueue{3, 0x8, 0x8, true, false, 0},            // same index, wraps equal
    GoldenQueue{3, 0xa, 0x5, false, false, 5},           // producer wrapped: 8 - 5 + 2
    GoldenQueue{3, 0x2, 0xd, false, false, 5},           // producer back at wrap 0, consumer at wrap 1 index 5
    GoldenQueue{3, 0x0, 0xf, false, false, 1},
    GoldenQueue{3, 0x7, 0xf, false, true, 8},            // full at the last index
    GoldenQueue{3, 0xf, 0xf, true, false, 0},
    GoldenQueue{3, 0xf, 0x8, false, false, 7},
    GoldenQueue{3, 0x13, 0x3, true, false, 0},           // bit 4 lies above the wrap bit: ignored
    GoldenQueue{7, 0x80, 0x00, false, true, 128},
    GoldenQueue{7, 0xff, 0x80, false, false, 127},
    GoldenQueue{7, 0x05, 0xfb, false, false, 10},        // 128 - 0x7b + 5
    GoldenQueue{19, 0x00000, 0x00000, true, false, 0},   // the largest queue: bit 19 is the wrap bit
    GoldenQueue{19, 0x80000, 0x00000, false, true, 524288},
    GoldenQueue{19, 0x00000, 0xfffff, false, false, 1},
    GoldenQueue{19, 0x7ffff, 0x00000, false, false, 524287},
};

/// The index that follows another: past the top it goes to 0 and the wrap bit toggles.
struct GoldenQueueStep {
    unsigned log2size;
    std::uint32_t from, to;
};
inline constexpr std::array queue_steps{
    GoldenQueueStep{0, 0x0, 0x1},          GoldenQueueStep{0, 0x1, 0x0},          GoldenQueueStep{3, 0x0, 0x1},
    GoldenQueueStep{3, 0x7, 0x8},          GoldenQueueStep{3, 0x8, 0x9},          GoldenQueueStep{3, 0xf, 0x0},
    GoldenQueueStep{7, 0x7f, 0x80},        GoldenQueueStep{7, 0xff, 0x00},        GoldenQueueStep{19, 0x7ffff, 0x80000},
    GoldenQueueStep{19, 0xfffff, 0x00000},
};

// ---- 8. Which stream, which CD, which event ------------------------------------------------------------------------

/// Stream table look-up (5.1.1, 7.3.3). `span` is of the level 1 descriptor reached (two-level only). Indexes are into
/// the level 1 table and the leaf (linear: level2 is the index), 0 where none is formed. `event` 0 = none recorded.
struct StreamOutcome {
    const char* what;
    bool two_level;
    unsigned log2size, split;
    std::uint32_t stream;
    unsigned span;
    bool recinvsid;
    std::uint8_t event;
    bool aborted;
    std::uint32_t level1, level2;
};
inline constexpr std::array stream_outcomes{
    StreamOutcome{"linear, in range", false, 13, 0, 0x1234, 0, true, 0x00, false, 0x00, 0x1234},
    StreamOutcome{"linear, last", false, 13, 0, 0x1fff, 0, true, 0x00, false, 0x00, 0x1fff},
    StreamOutcome{"linear, first beyond", false, 13, 0, 0x2000, 0, true, 0x02, true, 0, 0},
    StreamOutcome{"linear, first beyond, not recorded", false, 13, 0, 0x2000, 0, false, 0x00, true, 0, 0},
    StreamOutcome{"linear, one entry", false, 0, 0, 0x0, 0, true, 0x00, false, 0, 0},
    StreamOutcome{"linear, one entry, second", false, 0, 0, 0x1, 0, true, 0x02, true, 0, 0},
    StreamOutcome{"two-level, full span", true, 16, 8, 0x1234, 9, true, 0x00, false, 0x12, 0x34},
    StreamOutcome{"two-level, beyond LOG2SIZE", true, 16, 8, 0x10000, 9, true, 0x02, true, 0, 0},
    StreamOutcome{"two-level, span 0", true, 16, 8, 0x1234, 0, true, 0x02, true, 0x12, 0x34},
    StreamOutcome{"two-level, span 0, not recorded", true, 16, 8, 0x1234, 0, false, 0x00, true, 0x12, 0x34},
    StreamOutcome{"two-level, span 7 holds 0x34", true, 16, 8, 0x1234, 7, true, 0x00, false, 0x12, 0x34},
    StreamOutcome{"two-level, span 6 does not", true, 16, 8, 0x1234, 6, true, 0x02, true, 0x12, 0x34},
    StreamOutcome{"two-level, span above SPLIT+1", true, 16, 8, 0x1234, 10, true, 0x02, true, 0x12, 0x34},
    StreamOutcome{"two-level, span reserved", true, 16, 8, 0x1234, 12, true, 0x02, true, 0x12, 0x34},
    StreamOutcome{"two-level, SPLIT 6", true, 16, 6, 0x1234, 7, true, 0x00, false, 0x48, 0x34},
    StreamOutcome{"two-level, SPLIT 10", true, 16, 10, 0x1234, 11, true, 0x00, false, 0x04, 0x234},
};

/// What an untranslated transaction meets before it has a CD (5.2 S1CDMax and S1DSS, 7.3.7, 7.3.9, 7.3.22). STE.V=1 and
/// CD.V=1 unless a row says otherwise. `stage1` = goes on through the CD at `cd_index`; neither aborted nor stage1 =
/// bypasses stage 1. `event` 0 = none recorded.
struct SubstreamOutcome {
    const char* what;
    unsigned ssidsize;
    bool cd2l;
    bool ste_v;
    unsigned config, s1fmt, s1cdmax, s1dss;
    bool ssv;
    std::uint32_t ssid;
    bool l1cd_v, cd_v;
    std::uint8_t event;
    bool aborted, stage1;
    std::uint32_t cd_index;
};
inline constexpr std::array substream_outcomes{
    // what, IDR1.SSIDSIZE, IDR0.CD2L, STE.V, Config, S1Fmt, S1CDMax, S1DSS, SSV, SSID, L1CD.V, CD.V
    //       -> event, aborted, stage1, cd_index
    SubstreamOutcome{"STE.V 0", 20, true, false, 5, 2, 20, 2, true, 0x5a5, true, true, 0x04, true, false, 0},
    SubstreamOutcome{"abort, SSV 0", 20, true, true, 0, 2, 20, 2, false, 0, true, true, 0x00, true, false, 0},
    SubstreamOutcome{"abort, SSV 1", 20, true, true, 0, 2, 20, 2, true, 0x5a5, true, true, 0x00, true, false, 0},
    SubstreamOutcome{"bypass, SSV 0", 20, true, true, 4, 0, 0, 0, false, 0, true, true, 0x00, false, false, 0},
    SubstreamOutcome{"bypass, SSV 1", 20, true, true, 4, 0, 0, 0, true, 0x5a5, true, true, 0x08, true, false, 0},
    SubstreamOutcome{"bypass, SSV 1, SSID 0", 20, true, true, 4, 0, 0, 0, true, 0, true, true, 0x08, true, false, 0},
    SubstreamOutcome{"one CD, SSV 0", 20, true, true, 5, 0, 0, 0, false, 0, true, true, 0x00, false, true, 0},
    SubstreamOutcome{"one CD, SSV 1", 20, true, true, 5, 0, 0, 0, true, 0x5a5, true, true, 0x08, true, false, 0},
    SubstreamOutcome{"one CD, SSV 1, SSID 0", 20, true, true, 5, 0, 0, 0, true, 0, true, true, 0x08, true, false, 0},
    // S1CDMax 0 makes S1DSS and S1Fmt ignored
    SubstreamOutcome{"one CD, S1DSS 1 ignored", 20, true, true, 5, 2, 0, 1, false, 0, true, true, 0x00, false, true, 0},
    // SSIDSIZE 0: S1CDMax, S1Fmt and S1DSS are ignored, and a substream is always refused
    SubstreamOutcome{"no substreams, SSV 0", 0, true, true, 5, 2, 10, 0, false, 0, true, true, 0x00, false, true, 0},
    SubstreamOutcome{"no substreams, SSV 1", 0, true, true, 5, 2, 10, 0, true, 0x5, true, true, 0x08, true, false, 0},
    SubstreamOutcome{"S1CDMax above SSIDSIZE",
                     16, true, true, 5, 2, 20, 2, true, 0x5a5, true, true, 0x04, true, false, 0},
    SubstreamOutcome{"two-level without CD2L",
                     20, false, true, 5, 2, 20, 2, true, 0x5a5, true, true, 0x04, true, false, 0},
    SubstreamOutcome{"4 KiB leaf without CD2L",
                     20, false, true, 5, 1, 20, 2, true, 5, true, true, 0x04, true, false, 0},
    SubstreamOutcome{"S1Fmt 3 is linear",
                     20, false, true, 5, 3, 10, 2, true, 0x1a5, true, true, 0x00, false, true, 0x1a5},
    SubstreamOutcome{"last CD", 20, true, true, 5, 2, 10, 2, true, 0x3ff, true, true, 0x00, false, true, 0x3ff},
    SubstreamOutcome{"SSID beyond S1CDMax", 20, true, true, 5, 2, 10, 2, true, 0x400, true, true, 0x08, true, false, 0},
    SubstreamOutcome{"SSID 0x5a5", 20, true, true, 5, 2, 20, 2, true, 0x5a5, true, true, 0x00, false, true, 0x5a5},
    SubstreamOutcome{"L1CD.V 0", 20, true, true, 5, 2, 20, 2, true, 0x5a5, false, true, 0x08, true, false, 0},
    SubstreamOutcome{"CD.V 0", 20, true, true, 5, 2, 20, 2, true, 0x5a5, true, false, 0x0a, true, false, 0},
    SubstreamOutcome{"SSID 0, S1DSS 0", 20, true, true, 5, 2, 20, 0, true, 0, true, true, 0x00, false, true, 0},
    SubstreamOutcome{"SSID 0, S1DSS 1", 20, true, true, 5, 2, 20, 1, true, 0, true, true, 0x00, false, true, 0},
    SubstreamOutcome{"SSID 0, S1DSS 2", 20, true, true, 5, 2, 20, 2, true, 0, true, true, 0x06, true, false, 0},
    SubstreamOutcome{"SSID 0, S1DSS 3", 20, true, true, 5, 2, 20, 3, true, 0, true, true, 0x00, false, true, 0},
    SubstreamOutcome{"SSV 0, S1DSS 0", 20, true, true, 5, 2, 20, 0, false, 0, true, true, 0x06, true, false, 0},
    SubstreamOutcome{"SSV 0, S1DSS 1", 20, true, true, 5, 2, 20, 1, false, 0, true, true, 0x00, false, false, 0},
    SubstreamOutcome{"SSV 0, S1DSS 2", 20, true, true, 5, 2, 20, 2, false, 0, true, true, 0x00, false, true, 0},
    SubstreamOutcome{"SSV 0, S1DSS 3", 20, true, true, 5, 2, 20, 3, false, 0, true, true, 0x06, true, false, 0},
    SubstreamOutcome{"SSV 0, S1DSS 2, CD.V 0",
                     20, true, true, 5, 2, 20, 2, false, 0, true, false, 0x0a, true, false, 0},
    // S1DSS 1 fetches no CD: an invalid one is not noticed
    SubstreamOutcome{"SSV 0, S1DSS 1, CD.V 0",
                     20, true, true, 5, 2, 20, 1, false, 0, true, false, 0x00, false, false, 0},
    // unverified: SSV 0 that meets L1CD.V 0; 7.3.9 gives this event (SubstreamID 0) for an out-of-range L2Ptr only
    SubstreamOutcome{"SSV 0, S1DSS 2, L1CD.V 0",
                     20, true, true, 5, 2, 20, 2, false, 0, false, true, 0x08, true, false, 0},
};

/// What an ATS Translation Request gets (3.9.1.2): Success with R=W=0, Completer Abort or Unsupported Request.
enum class AtsStatus : std::uint8_t { NoAccess, CompleterAbort, UnsupportedRequest };

/// What a PASID that is being taken away answers (5.4, 5.5, 3.9.1.2). The stream is stage 1 with substreams, EATS=01,
/// and no translation of the PASID is cached any more (a TLB hit under EPD0=1 may still succeed). `event` is of an
/// untranslated DMA, 0 = none; exactly one of aborted, stalled, raz_wi holds. `ats_event` is recorded for a Translation
/// Request only if CR2.REC_CFG_ATS=1; with it 0 nothing is.
struct QuietOutcome {
    const char* what;
    unsigned stall_model;
    bool term_model, s1stalld;
    bool ste_v;
    unsigned config;
    bool l1cd_v, v, epd0, a, r, s;
    std::uint8_t event;
    bool aborted, stalled, raz_wi;
    AtsStatus ats;
    std::uint8_t ats_event;
};
inline constexpr std::array quiet_outcomes{
    // what, STALL_MODEL, TERM_MODEL, S1STALLD, STE.V, Config, L1CD.V, CD.V, EPD0, A, R, S
    //       -> event, aborted, stalled, raz_wi, ATS completion, ATS event
    QuietOutcome{"6.12 quiet CD", 0, false, true, true, 5, true, true, true, true, false, false,
                 0x00, true, false, false, AtsStatus::NoAccess, 0x00},
    QuietOutcome{"6.12 quiet CD, no-stall SMMU", 1, true, false, true, 5, true, true, true, true, false, false,
                 0x00, true, false, false, AtsStatus::NoAccess, 0x00},
    QuietOutcome{"6.12 quiet CD, stall forced", 2, false, false, true, 5, true, true, true, true, true, true,
                 0x10, false, true, false, AtsStatus::NoAccess, 0x00},
    QuietOutcome{"6.1 quiet CD", 0, false, true, true, 5, true, true, true, true, true, false,
                 0x10, true, false, false, AtsStatus::NoAccess, 0x00},
    QuietOutcome{"6.1 quiet CD, stalling stream", 0, false, false, true, 5, true, true, true, true, true, true,
                 0x10, false, true, false, AtsStatus::NoAccess, 0x00},
    // S=1 stalls and records whatever R says
    QuietOutcome{"EPD0, A1 R0 S1", 0, false, false, true, 5, true, true, true, true, false, true,
                 0x10, false, true, false, AtsStatus::NoAccess, 0x00},
    QuietOutcome{"EPD0, A0 R0 S1", 0, false, false, true, 5, true, true, true, false, false, true,
                 0x10, false, true, false, AtsStatus::NoAccess, 0x00},
    // A=0: reads zero, writes ignored; A means nothing to a Translation Request
    QuietOutcome{"EPD0, A0 R0 S0", 0, false, false, true, 5, true, true, true, false, false, false,
                 0x00, false, false, true, AtsStatus::NoAccess, 0x00},
    QuietOutcome{"EPD0, A0 R1 S0", 0, false, false, true, 5, true, true, true, false, true, false,
                 0x10, false, false, true, AtsStatus::NoAccess, 0x00},
    // ILLEGAL CDs: C_BAD_CD, R irrelevant
    // unverified: C_BAD_CD as Completer Abort for a Translation Request (its cell is missing in the table read, the
    // prose of 3.9.1.2 has it for any configuration error); this holds for the next five rows
    QuietOutcome{"CD.V 0", 0, false, true, true, 5, true, false, false, false, false, false,
                 0x0a, true, false, false, AtsStatus::CompleterAbort, 0x0a},
    QuietOutcome{"S1 under S1STALLD", 0, false, true, true, 5, true, true, true, true, false, true,
                 0x0a, true, false, false, AtsStatus::CompleterAbort, 0x0a},
    QuietOutcome{"S1 on a terminate-only SMMU", 1, false, false, true, 5, true, true, true, true, false, true,
                 0x0a, true, false, false, AtsStatus::CompleterAbort, 0x0a},
    QuietOutcome{"S0 where stall is forced", 2, false, false, true, 5, true, true, true, true, false, false,
                 0x0a, true, false, false, AtsStatus::CompleterAbort, 0x0a},
    QuietOutcome{"A0 under TERM_MODEL 1", 0, true, false, true, 5, true, true, true, false, false, false,
                 0x0a, true, false, false, AtsStatus::CompleterAbort, 0x0a},
    QuietOutcome{"L1CD.V 0", 0, false, true, true, 5, false, false, false, false, false, false,
                 0x08, true, false, false, AtsStatus::CompleterAbort, 0x08},
    // the whole stream taken away
    QuietOutcome{"STE abort", 0, false, false, true, 0, true, true, false, true, true, false,
                 0x00, true, false, false, AtsStatus::UnsupportedRequest, 0x00},
    QuietOutcome{"STE.V 0", 0, false, false, false, 0, true, true, false, true, true, false,
                 0x04, true, false, false, AtsStatus::CompleterAbort, 0x04},
    // S1STALLD itself is ILLEGAL in an STE where the SMMU offers no choice
    QuietOutcome{"S1STALLD on a terminate-only SMMU", 1, false, true, true, 5, true, true, true, true, false, false,
                 0x04, true, false, false, AtsStatus::CompleterAbort, 0x04},
};

}  // namespace quiesce::golden
