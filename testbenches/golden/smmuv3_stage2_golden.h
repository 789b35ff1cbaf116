// SPDX-License-Identifier: Apache-2.0
//
// Worked-out bytes of an Arm SMMUv3 (IHI 0070), second part: stage 2 and nested streams, and what smmuv3_golden.h
// leaves out of stream table entries, context descriptors, commands, event records, descriptors and identification
// registers.
//
// The rules of smmuv3_golden.h hold here: an oracle that knows nothing of the models, literals worked out from the
// manual's bit numbers, "[hi:lo]" within the 64-bit word (w0 = bits 63:0, w1 = bits 127:64, ...) unless a table says
// that it counts over the whole structure, section numbers of IHI 0070 unless they say DDI 0487, Linux of 6.12. "IHI
// 0070 from memory" marks what neither the manual's text nor the driver's header confirmed. "half" is the upper 32
// bits of the word named.
//
// Addresses are those of an SMMUv3.1 to v3.3. Values used throughout: StreamID 0x1234, SubstreamID 0x005a5, ASID
// 0x0037, VMID 0x0102, stage 2 table 0x81'4567'0000 (64 KiB aligned: also right for 16 tables of 4 KiB side by side),
// IPA 0x80'4567'8a80 (page 0x80'4567'8000), virtual address 0x7f12'3456'7a80, first-level stage 1 table
// 0x81'2345'6000.
#pragma once

#include "smmuv3_golden.h"

#include <array>
#include <cstdint>

namespace quiesce::golden {

/// One field of a structure in memory. Bits inclusive, counted over the whole structure.
struct GoldenStructField {
    const char* structure;
    const char* field;
    unsigned msb, lsb;
};

// ---- 1. Stream table entries ----------------------------------------------------------------------------------------

/// Stage 2 alone (5.2). In every row unless said: w0 = V [0] 1 | Config [3:1] 110 = 0xd. w2 = S2VMID [15:0] 0x0102 and,
/// in its half, S2T0SZ [5:0] | S2SL0 [7:6] | S2IR0 [9:8] 1 -> 0x100 | S2OR0 [11:10] 1 -> 0x400 | S2SH0 [13:12] 3 ->
/// 0x3000 | S2TG [15:14] | S2PS [18:16] | S2AA64 [19] -> 0x8'0000 | S2PTW [22] -> 0x40'0000 | S2R [26] -> 0x400'0000;
/// without the first, the second, S2TG and S2PS that is 0x0448'3500. w3 = S2TTB [51:4] as it stands. S2PTW is ignored
/// here (Config[1:0] is not 11).
inline constexpr std::array stage2_stream_table_entries{
    // S2T0SZ 16 -> 0x10, S2SL0 2 -> 0x80, S2PS 5 -> 0x5'0000: half 0x044d'3590. The words that Linux writes
    // (arm_smmu_make_s2_domain_ste) for 48 bits of IPA
    GoldenBytes{"STE stage 2, 4 KiB, level 0, 48 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 20 -> 0x14, S2SL0 2 -> 0x80, S2PS 4: half 0x044c'3594
    GoldenBytes{"STE stage 2, 4 KiB, level 0, 44 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044c'3594'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 25 -> 0x19, S2SL0 1 -> 0x40, S2PS 2: half 0x044a'3559; one table
    GoldenBytes{"STE stage 2, 4 KiB, level 1, 39 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044a'3559'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 24 -> 0x18, S2SL0 1 -> 0x40, S2PS 2: half 0x044a'3558; two tables side by side
    GoldenBytes{"STE stage 2, 4 KiB, level 1, 40 bits, 2 tables", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044a'3558'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 22 -> 0x16, S2SL0 1 -> 0x40, S2PS 3: half 0x044b'3556; eight tables
    GoldenBytes{"STE stage 2, 4 KiB, level 1, 42 bits, 8 tables", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044b'3556'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 21 -> 0x15, S2SL0 1 -> 0x40, S2PS 4: half 0x044c'3555; sixteen tables, the most there may be
    GoldenBytes{"STE stage 2, 4 KiB, level 1, 43 bits, 16 tables", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044c'3555'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 34 -> 0x22, S2SL0 0, S2PS 2: half 0x044a'3522; one table
    GoldenBytes{"STE stage 2, 4 KiB, level 2, 30 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044a'3522'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 30 -> 0x1e, S2SL0 0, S2PS 2: half 0x044a'351e; sixteen tables
    GoldenBytes{"STE stage 2, 4 KiB, level 2, 34 bits, 16 tables", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044a'351e'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2TG 2 -> 0x8000, S2T0SZ 16 -> 0x10, S2SL0 2 -> 0x80, S2PS 5: half 0x044d'b590; two tables (16 KiB has no level
    // 0 at stage 2)
    GoldenBytes{"STE stage 2, 16 KiB, level 1, 48 bits, 2 tables", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044d'b590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2TG 2 -> 0x8000, S2T0SZ 20 -> 0x14, S2SL0 2 -> 0x80, S2PS 4: half 0x044c'b594
    GoldenBytes{"STE stage 2, 16 KiB, level 1, 44 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044c'b594'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2TG 2 -> 0x8000, S2T0SZ 24 -> 0x18, S2SL0 1 -> 0x40, S2PS 2: half 0x044a'b558; sixteen tables of 16 KiB, S2TTB
    // 0x81'4564'0000 (256 KiB aligned)
    GoldenBytes{"STE stage 2, 16 KiB, level 2, 40 bits, 16 tables", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044a'b558'0000'0102, 0x0000'0081'4564'0000}, 64},
    // S2TG 2 -> 0x8000, S2T0SZ 39 -> 0x27, S2SL0 0, S2PS 2: half 0x044a'b527
    GoldenBytes{"STE stage 2, 16 KiB, level 3, 25 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044a'b527'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2TG 1 -> 0x4000, S2T0SZ 16 -> 0x10, S2SL0 2 -> 0x80, S2PS 5: half 0x044d'7590
    GoldenBytes{"STE stage 2, 64 KiB, level 1, 48 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044d'7590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2TG 1 -> 0x4000, S2T0SZ 22 -> 0x16, S2SL0 1 -> 0x40, S2PS 3: half 0x044b'7556
    GoldenBytes{"STE stage 2, 64 KiB, level 2, 42 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044b'7556'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2TG 1 -> 0x4000, S2T0SZ 20 -> 0x14, S2SL0 1 -> 0x40, S2PS 4: half 0x044c'7554; four tables of 64 KiB, S2TTB
    // 0x81'4564'0000 (256 KiB aligned)
    GoldenBytes{"STE stage 2, 64 KiB, level 2, 44 bits, 4 tables", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044c'7554'0000'0102, 0x0000'0081'4564'0000}, 64},
    // S2TG 1 -> 0x4000, S2T0SZ 35 -> 0x23, S2SL0 0, S2PS 2: half 0x044a'7523
    GoldenBytes{"STE stage 2, 64 KiB, level 3, 29 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044a'7523'0000'0102, 0x0000'0081'4567'0000}, 64},

    // From here on the first row with one thing changed.

    // S2TTB w3[51:4] = 0x81'4567'0010: the field's lowest bit is bit 4 (the SMMU rounds it down to the table's size)
    GoldenBytes{"STE stage 2, S2TTB bit 4", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044d'3590'0000'0102, 0x0000'0081'4567'0010}, 64},
    // S2VMID 0x00ff, the largest where IDR0.VMID16 is 0
    GoldenBytes{"STE stage 2, VMID 0xff", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044d'3590'0000'00ff, 0x0000'0081'4567'0000}, 64},
    // S2VMID 0xffff
    GoldenBytes{"STE stage 2, VMID 0xffff", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044d'3590'0000'ffff, 0x0000'0081'4567'0000}, 64},
    // S2IR0 0, S2OR0 0, S2SH0 2 -> 0x2000: 0x044d'3590 - 0x3500 + 0x2000 (Linux where walks are not coherent)
    GoldenBytes{"STE stage 2, walks non-cacheable", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044d'2090'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2IR0 2 -> 0x200, S2OR0 2 -> 0x800, S2SH0 0: 0x3500 gives way to 0xa00
    GoldenBytes{"STE stage 2, walks write-through, non-shareable", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044d'0a90'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2IR0 3 -> 0x300, S2OR0 3 -> 0xc00: 0x3500 gives way to 0x3f00
    GoldenBytes{"STE stage 2, walks write-back, no write-allocate", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044d'3f90'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2PS 0: 32 bits (S2TTB 0x8145'6000 must lie below); S2T0SZ 32 -> 0x20, S2SL0 1 -> 0x40: half 0x0448'3560
    GoldenBytes{"STE stage 2, S2PS 32 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x0448'3560'0000'0102, 0x0000'0000'8145'6000}, 64},
    // S2PS 1 -> 0x1'0000: 36 bits (S2TTB 0x8'8145'6000); S2T0SZ 28 -> 0x1c, S2SL0 1 -> 0x40: half 0x0449'355c
    GoldenBytes{"STE stage 2, S2PS 36 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x0449'355c'0000'0102, 0x0000'0008'8145'6000}, 64},
    // S2PS 6 -> 0x6'0000: 52 bits, capped to OAS (4 KiB without S2DS: 48)
    GoldenBytes{"STE stage 2, S2PS 52 bits", "5.2",
                {0x0000'0000'0000'000d, 0, 0x044e'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2AA64 half[19] 0: VMSAv8-32 LPAE, legal where IDR0.TTF[0] is 1. S2T0SZ is then [3:0], signed: 8 is -8, 40 bits;
    // S2SL0 1 is level 1; S2TG and S2PS 0: half 0x0440'3548
    GoldenBytes{"STE stage 2, AArch32 tables", "5.2",
                {0x0000'0000'0000'000d, 0, 0x0440'3548'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2ENDI half[20] -> 0x10'0000
    GoldenBytes{"STE stage 2, big-endian", "5.2",
                {0x0000'0000'0000'000d, 0, 0x045d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2AFFD half[21] -> 0x20'0000
    GoldenBytes{"STE stage 2, S2AFFD", "5.2",
                {0x0000'0000'0000'000d, 0, 0x046d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2PTW half[22] 0
    GoldenBytes{"STE stage 2, S2PTW 0", "5.2",
                {0x0000'0000'0000'000d, 0, 0x040d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2HA half[24] -> 0x100'0000
    GoldenBytes{"STE stage 2, S2HA", "5.2",
                {0x0000'0000'0000'000d, 0, 0x054d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2HA and S2HD half[23] -> 0x180'0000
    GoldenBytes{"STE stage 2, S2HA S2HD", "5.2",
                {0x0000'0000'0000'000d, 0, 0x05cd'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2HD alone: reserved, behaves as neither (where IDR0.HTTU is 10 or 11)
    GoldenBytes{"STE stage 2, S2HD alone", "5.2",
                {0x0000'0000'0000'000d, 0, 0x04cd'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2S half[25] -> 0x200'0000 beside S2R
    GoldenBytes{"STE stage 2, S2S", "5.2",
                {0x0000'0000'0000'000d, 0, 0x064d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2R half[26] 0: stage 2 faults abort (A is taken as 1) without a record
    GoldenBytes{"STE stage 2, S2R 0", "5.2",
                {0x0000'0000'0000'000d, 0, 0x004d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2R 0, S2S 1: stalls and records all the same
    GoldenBytes{"STE stage 2, S2R 0, S2S", "5.2",
                {0x0000'0000'0000'000d, 0, 0x024d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2FWB w1[25] -> 0x200'0000 (IDR3.FWB)
    GoldenBytes{"STE stage 2, S2FWB", "5.2",
                {0x0000'0000'0000'000d, 0x0000'0000'0200'0000, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // EATS w1[29:28] = 01 -> 0x1000'0000: the device gets physical addresses
    GoldenBytes{"STE stage 2, EATS 01", "5.2",
                {0x0000'0000'0000'000d, 0x0000'0000'1000'0000, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // EATS 01 and SHCFG w1[45:44] = 01 -> 0x1000'0000'0000: Linux with ATS on and IDR1.ATTR_TYPES_OVR
    GoldenBytes{"STE stage 2, EATS 01, SHCFG incoming", "5.2",
                {0x0000'0000'0000'000d, 0x0000'1000'1000'0000, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // STRW w1[31:30] = 10 -> 0x8000'0000: ignored under Config 11x, the StreamWorld is NS-EL1
    GoldenBytes{"STE stage 2, STRW 10 ignored", "5.2",
                {0x0000'0000'0000'000d, 0x0000'0000'8000'0000, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S1ContextPtr, S1CDMax 10, S1Fmt 10, S1DSS 10 left behind: all S1 fields are ignored under Config 1x0
    GoldenBytes{"STE stage 2, stage 1 fields left", "5.2",
                {0x5000'0080'1234'602d, 0x0000'0000'0000'00d6, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // V w0[0] = 0 in front of a live entry
    GoldenBytes{"STE stage 2, V 0", "5.2",
                {0x0000'0000'0000'000c, 0, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
};

/// Stage 1 over stage 2 (5.2): the stage 2 words of "STE stage 2, 4 KiB, level 0, 48 bits" (w2 0x044d'3590'0000'0102,
/// w3 S2TTB) under w0 = V | Config [3:1] 111 = 0xf | the stage 1 fields, w1 = S1CIR 1 | S1COR 1 | S1CSH 3 -> 0xd4 |
/// S1DSS [1:0]. S1ContextPtr and L1CD.L2Ptr are IPAs here. Linux 6.12 writes no such entry.
inline constexpr std::array nested_stream_table_entries{
    // S1ContextPtr 0x80'1234'5000, S1CDMax 0, S1DSS 00
    GoldenBytes{"STE nested, one CD", "5.2",
                {0x0000'0080'1234'500f, 0x0000'0000'0000'00d4, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S1Fmt [5:4] = 10 -> 0x20; S1CDMax [63:59] = 20 -> bits 63, 61; S1ContextPtr 0x80'1234'6000; S1DSS 10
    GoldenBytes{"STE nested, two-level, S1CDMax 20, S1DSS 10", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'0000'00d6, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S1DSS 00: a transaction without a substream is refused
    GoldenBytes{"STE nested, two-level, S1CDMax 20, S1DSS 00", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'0000'00d4, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S1DSS 01: a transaction without a substream gives an IPA, stage 2 translates it
    GoldenBytes{"STE nested, two-level, S1CDMax 20, S1DSS 01", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'0000'00d5, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // EATS w1[29:28] = 01 -> 0x1000'0000: both stages are walked for the device
    GoldenBytes{"STE nested, S1DSS 10, EATS 01", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'1000'00d6, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // EATS 10 -> 0x2000'0000: split-stage, the device gets IPAs (IDR0.NS1ATS 0, S2S 0, CR0.ATSCHK 1)
    GoldenBytes{"STE nested, S1DSS 10, EATS 10", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'2000'00d6, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // EATS 11 -> 0x3000'0000: full ATS with DPT checks; behaves as 00 where IDR3.DPT is 0
    GoldenBytes{"STE nested, S1DSS 10, EATS 11", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'3000'00d6, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // EATS 01, S1STALLD w1[27] -> 0x800'0000: a PCIe stream (stage 1 may not stall, S2S is 0)
    GoldenBytes{"STE nested, S1DSS 10, S1STALLD, EATS 01", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'1800'00d6, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2S half[25] -> 0x200'0000, no ATS: both stages may stall
    GoldenBytes{"STE nested, S1DSS 10, S2S", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'0000'00d6, 0x064d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2PTW half[22] 0: stage 1 tables and CDs may lie in Device memory
    GoldenBytes{"STE nested, S1DSS 10, S2PTW 0", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'0000'00d6, 0x040d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2HA, S2HD half[24:23] -> 0x180'0000
    GoldenBytes{"STE nested, S1DSS 10, S2HA S2HD", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'0000'00d6, 0x05cd'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S1MPAM w1[26] -> 0x400'0000, PARTID w4[31:16] = 0x0011, PMG w5[7:0] = 0x5 (IDR3.MPAM)
    GoldenBytes{"STE nested, S1DSS 10, S1MPAM", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'0400'00d6, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000,
                 0x0000'0000'0011'0000, 0x0000'0000'0000'0005}, 64},
    // S2TG 1, S2T0SZ 22, S2SL0 1, S2PS 3: the guest's granule is the CD's, this one is stage 2's
    GoldenBytes{"STE nested, stage 2 of 64 KiB, level 2", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'0000'00d6, 0x044b'7556'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2TG 2, S2T0SZ 16, S2SL0 2: stage 2 of 16 KiB, two tables at level 1
    GoldenBytes{"STE nested, stage 2 of 16 KiB, level 1", "5.2",
                {0xa000'0080'1234'602f, 0x0000'0000'0000'00d6, 0x044d'b590'0000'0102, 0x0000'0081'4567'0000}, 64},
};

/// Attribute overrides and the other fields of w1 (5.2), on a bypass entry (w0 0x9: V | Config 100) unless said. Type,
/// allocation and shareability are RES0 where IDR1.ATTR_TYPES_OVR is 0, PRIVCFG and INSTCFG where IDR1.ATTR_PERMS_OVR
/// is 0.
inline constexpr std::array attribute_stream_table_entries{
    // SHCFG w1[45:44] = 00 -> 0
    GoldenBytes{"STE bypass, SHCFG non-shareable", "5.2", {0x0000'0000'0000'0009}, 64},
    // SHCFG w1[45:44] = 10 -> 0x2000'0000'0000
    GoldenBytes{"STE bypass, SHCFG outer", "5.2", {0x0000'0000'0000'0009, 0x0000'2000'0000'0000}, 64},
    // SHCFG w1[45:44] = 11 -> 0x3000'0000'0000
    GoldenBytes{"STE bypass, SHCFG inner", "5.2", {0x0000'0000'0000'0009, 0x0000'3000'0000'0000}, 64},
    // MTCFG w1[36] -> 0x10'0000'0000, MemAttr w1[35:32] = 0000: Device-nGnRnE
    GoldenBytes{"STE bypass, MemAttr Device-nGnRnE", "5.2", {0x0000'0000'0000'0009, 0x0000'0010'0000'0000}, 64},
    // MTCFG, MemAttr 0001 -> 0x1'0000'0000: Device-nGnRE
    GoldenBytes{"STE bypass, MemAttr Device-nGnRE", "5.2", {0x0000'0000'0000'0009, 0x0000'0011'0000'0000}, 64},
    // MTCFG, MemAttr 0101 -> 0x5'0000'0000: Normal non-cacheable, inner and outer
    GoldenBytes{"STE bypass, MemAttr non-cacheable", "5.2", {0x0000'0000'0000'0009, 0x0000'0015'0000'0000}, 64},
    // MTCFG, MemAttr 1010 -> 0xa'0000'0000: write-through
    GoldenBytes{"STE bypass, MemAttr write-through", "5.2", {0x0000'0000'0000'0009, 0x0000'001a'0000'0000}, 64},
    // MTCFG, MemAttr 1111 -> 0xf'0000'0000: write-back, inner and outer; SHCFG 11
    GoldenBytes{"STE bypass, MemAttr write-back, SHCFG inner", "5.2",
                {0x0000'0000'0000'0009, 0x0000'301f'0000'0000}, 64},
    // MTCFG, MemAttr 0100: reserved in an STE, behaves as Device-nGnRnE
    GoldenBytes{"STE bypass, MemAttr reserved", "5.2", {0x0000'0000'0000'0009, 0x0000'0014'0000'0000}, 64},
    // ALLOCCFG w1[40:37] = 1110 -> 0x1c0'0000'0000: 0b1RWT, read- and write-allocate
    GoldenBytes{"STE bypass, ALLOCCFG RA WA", "5.2", {0x0000'0000'0000'0009, 0x0000'01c0'0000'0000}, 64},
    // ALLOCCFG 1000 -> 0x100'0000'0000: no allocation
    GoldenBytes{"STE bypass, ALLOCCFG none", "5.2", {0x0000'0000'0000'0009, 0x0000'0100'0000'0000}, 64},
    // ALLOCCFG 1111 -> 0x1e0'0000'0000: read- and write-allocate, transient
    GoldenBytes{"STE bypass, ALLOCCFG RA WA transient", "5.2", {0x0000'0000'0000'0009, 0x0000'01e0'0000'0000}, 64},
    // PRIVCFG w1[49:48] = 10 -> 0x2'0000'0000'0000
    GoldenBytes{"STE bypass, PRIVCFG unprivileged", "5.2", {0x0000'0000'0000'0009, 0x0002'0000'0000'0000}, 64},
    // PRIVCFG 11
    GoldenBytes{"STE bypass, PRIVCFG privileged", "5.2", {0x0000'0000'0000'0009, 0x0003'0000'0000'0000}, 64},
    // INSTCFG w1[51:50] = 10 -> 0x8'0000'0000'0000
    GoldenBytes{"STE bypass, INSTCFG data", "5.2", {0x0000'0000'0000'0009, 0x0008'0000'0000'0000}, 64},
    // INSTCFG 11 -> 0xc'0000'0000'0000: reads only, a write stays data
    GoldenBytes{"STE bypass, INSTCFG instruction", "5.2", {0x0000'0000'0000'0009, 0x000c'0000'0000'0000}, 64},
    // NSCFG w1[47:46] = 11 -> 0xc000'0000'0000: ignored in the Non-secure stream table
    GoldenBytes{"STE bypass, NSCFG ignored", "5.2", {0x0000'0000'0000'0009, 0x0000'c000'0000'0000}, 64},
    // all overrides at once: MemAttr 1111, MTCFG, ALLOCCFG 1110, SHCFG 11, PRIVCFG 11, INSTCFG 11: 0xf | 0x10 | 0x1c0
    // -> 0x1df; 0x3000; 0x3'0000; 0xc'0000 in the half
    GoldenBytes{"STE bypass, all overrides", "5.2", {0x0000'0000'0000'0009, 0x000f'31df'0000'0000}, 64},
    // CONT w1[16:13] = 3 -> 0x6000: one of 8 equal entries
    GoldenBytes{"STE bypass, CONT 3", "5.2", {0x0000'0000'0000'0009, 0x0000'0000'0000'6000}, 64},
    // MEV w1[19] -> 0x8'0000
    GoldenBytes{"STE bypass, MEV", "5.2", {0x0000'0000'0000'0009, 0x0000'0000'0008'0000}, 64},
    // SW_RESERVED w1[23:20] = 0xa -> 0xa0'0000: ignored
    GoldenBytes{"STE bypass, SW_RESERVED", "5.2", {0x0000'0000'0000'0009, 0x0000'0000'00a0'0000}, 64},
    // DRE w1[12] -> 0x1000, DCP w1[17] -> 0x2'0000
    GoldenBytes{"STE bypass, DRE DCP", "5.2", {0x0000'0000'0000'0009, 0x0000'0000'0002'1000}, 64},
    // stage 1, two-level, S1DSS 10 (w0 0xa000'0080'1234'602b, w1 0xd6) with PPAR w1[18] -> 0x4'0000, MEV, EATS 01
    GoldenBytes{"STE stage 1, PPAR MEV, EATS 01", "5.2", {0xa000'0080'1234'602b, 0x0000'0000'100c'00d6}, 64},
    // stage 1 with S2VMID w2[15:0] = 0x0102: it tags the TLB also here (IDR0.S2P 1, StreamWorld NS-EL1)
    GoldenBytes{"STE stage 1, VMID 0x102", "5.2",
                {0xa000'0080'1234'602b, 0x0000'0000'0000'00d6, 0x0000'0000'0000'0102}, 64},
    // stage 1, PRIVCFG 10, INSTCFG 10: what a device may not claim
    GoldenBytes{"STE stage 1, PRIVCFG unprivileged, INSTCFG data", "5.2",
                {0xa000'0080'1234'602b, 0x000a'0000'0000'00d6}, 64},
    // stage 1 with S1CIR 2 -> 0x8, S1COR 3 -> 0x30, S1CSH 2 -> 0x80: 0xd6 gives way to 0xba
    GoldenBytes{"STE stage 1, CD write-through inside, no read-allocate outside", "5.2",
                {0xa000'0080'1234'602b, 0x0000'0000'0000'00ba}, 64},
    // stage 1 with S1CIR, S1COR, S1CSH 0
    GoldenBytes{"STE stage 1, CD non-cacheable", "5.2", {0xa000'0080'1234'602b, 0x0000'0000'0000'0002}, 64},
};

/// ILLEGAL entries (5.2.2): C_BAD_STE. Each is a live one with one thing wrong; the SMMU is one with OAS 48, IAS = OAS,
/// both stages, STALL_MODEL 00, HTTU 10, all granules, TTENDIAN 10, TTF 10, VMID16, STT 0, NS1ATS 0, ATS, DS 0, D128 0.
inline constexpr std::array illegal_stage2_entries{
    // S2TG 11 -> 0xc000: reserved
    GoldenBytes{"illegal: S2TG 3", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x044d'f590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 25 under S2SL0 2 (level 0 needs 40 bits at least)
    GoldenBytes{"illegal: 39 bits from level 0", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x044d'3599'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 20 under S2SL0 1 would need 32 tables
    GoldenBytes{"illegal: 32 tables", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x044d'3554'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 15: below max(16, 64 - IAS)
    GoldenBytes{"illegal: S2T0SZ 15", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x044d'358f'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2T0SZ 40 under S2SL0 0: above 39 without STT
    GoldenBytes{"illegal: S2T0SZ 40", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x044d'3528'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2SL0 3 of 4 KiB: level 3, with STT only
    GoldenBytes{"illegal: S2SL0 3 of 4 KiB", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x044d'35e7'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2SL0 3 of 16 KiB: reserved without S2DS
    GoldenBytes{"illegal: S2SL0 3 of 16 KiB", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x044d'b5d0'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2SL0 3 of 64 KiB: reserved
    GoldenBytes{"illegal: S2SL0 3 of 64 KiB", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x044d'75d0'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2TTB 0x181'4567'0000 has bit 40 set under S2PS 2 (40 bits); S2T0SZ 24, S2SL0 1
    GoldenBytes{"illegal: S2TTB beyond S2PS", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x044a'3558'0000'0102, 0x0000'0181'4567'0000}, 64},
    // S2AA64 0 where IDR0.TTF[0] is 0
    GoldenBytes{"illegal: AArch32 tables", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x0440'3548'0000'0102, 0x0000'0081'4567'0000}, 64},
    // S2ENDI 1 where IDR0.TTENDIAN is 10
    GoldenBytes{"illegal: S2ENDI", "5.2.2",
                {0x0000'0000'0000'000d, 0, 0x045d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // EATS 01 with S2S
    GoldenBytes{"illegal: EATS 01, S2S", "5.2.2",
                {0x0000'0000'0000'000d, 0x0000'0000'1000'0000, 0x064d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // EATS 10 under Config 110
    GoldenBytes{"illegal: EATS 10 of stage 2 alone", "5.2.2",
                {0x0000'0000'0000'000d, 0x0000'0000'2000'0000, 0x044d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // EATS 10 under Config 101
    GoldenBytes{"illegal: EATS 10 of stage 1 alone", "5.2.2", {0xa000'0080'1234'602b, 0x0000'0000'2000'00d6}, 64},
    // EATS 10 under Config 111 with S2S
    GoldenBytes{"illegal: EATS 10, S2S", "5.2.2",
                {0xa000'0080'1234'602f, 0x0000'0000'2000'00d6, 0x064d'3590'0000'0102, 0x0000'0081'4567'0000}, 64},
    // STRW 01 under Config 101 (IDR0.Hyp 1); under 11x it would be ignored
    GoldenBytes{"illegal: STRW 01 of stage 1", "5.2.2", {0xa000'0080'1234'602b, 0x0000'0000'4000'00d6}, 64},
};

/// Fields of the structures of a stage 1 and stage 2 SMMU (5.1 to 5.4). Pointers end where they do up to v3.3; v3.4
/// stretches L2Ptr and S1ContextPtr to address bit 55, and D128 S2TTB, TTB0 and TTB1.
inline constexpr std::array structure_fields{
    GoldenStructField{"L1STD", "Span", 4, 0},
    GoldenStructField{"L1STD", "L2Ptr", 51, 6},
    GoldenStructField{"L1CD", "V", 0, 0},
    GoldenStructField{"L1CD", "L2Ptr", 51, 12},
    GoldenStructField{"STE", "V", 0, 0},
    GoldenStructField{"STE", "Config", 3, 1},
    GoldenStructField{"STE", "S1Fmt", 5, 4},
    GoldenStructField{"STE", "S1ContextPtr", 51, 6},
    GoldenStructField{"STE", "S1CDMax", 63, 59},
    GoldenStructField{"STE", "S1DSS", 65, 64},
    GoldenStructField{"STE", "S1CIR", 67, 66},
    GoldenStructField{"STE", "S1COR", 69, 68},
    GoldenStructField{"STE", "S1CSH", 71, 70},
    GoldenStructField{"STE", "DRE", 76, 76},
    GoldenStructField{"STE", "CONT", 80, 77},
    GoldenStructField{"STE", "DCP", 81, 81},
    GoldenStructField{"STE", "PPAR", 82, 82},
    GoldenStructField{"STE", "MEV", 83, 83},
    GoldenStructField{"STE", "SW_RESERVED", 87, 84},
    GoldenStructField{"STE", "S2FWB", 89, 89},
    GoldenStructField{"STE", "S1STALLD", 91, 91},
    GoldenStructField{"STE", "EATS", 93, 92},
    GoldenStructField{"STE", "STRW", 95, 94},
    GoldenStructField{"STE", "MemAttr", 99, 96},
    GoldenStructField{"STE", "MTCFG", 100, 100},
    GoldenStructField{"STE", "ALLOCCFG", 104, 101},
    GoldenStructField{"STE", "SHCFG", 109, 108},
    GoldenStructField{"STE", "NSCFG", 111, 110},
    GoldenStructField{"STE", "PRIVCFG", 113, 112},
    GoldenStructField{"STE", "INSTCFG", 115, 114},
    GoldenStructField{"STE", "S2VMID", 143, 128},
    GoldenStructField{"STE", "S2T0SZ", 165, 160},
    GoldenStructField{"STE", "S2SL0", 167, 166},
    GoldenStructField{"STE", "S2IR0", 169, 168},
    GoldenStructField{"STE", "S2OR0", 171, 170},
    GoldenStructField{"STE", "S2SH0", 173, 172},
    GoldenStructField{"STE", "S2TG", 175, 174},
    GoldenStructField{"STE", "S2PS", 178, 176},
    GoldenStructField{"STE", "S2AA64", 179, 179},
    GoldenStructField{"STE", "S2ENDI", 180, 180},
    GoldenStructField{"STE", "S2AFFD", 181, 181},
    GoldenStructField{"STE", "S2PTW", 182, 182},
    GoldenStructField{"STE", "S2HD", 183, 183},
    GoldenStructField{"STE", "S2HA", 184, 184},
    GoldenStructField{"STE", "S2S", 185, 185},
    GoldenStructField{"STE", "S2R", 186, 186},
    GoldenStructField{"STE", "S2TTB", 243, 196},
    GoldenStructField{"CD", "T0SZ", 5, 0},
    GoldenStructField{"CD", "TG0", 7, 6},
    GoldenStructField{"CD", "IR0", 9, 8},
    GoldenStructField{"CD", "OR0", 11, 10},
    GoldenStructField{"CD", "SH0", 13, 12},
    GoldenStructField{"CD", "EPD0", 14, 14},
    GoldenStructField{"CD", "ENDI", 15, 15},
    GoldenStructField{"CD", "T1SZ", 21, 16},
    GoldenStructField{"CD", "TG1", 23, 22},
    GoldenStructField{"CD", "IR1", 25, 24},
    GoldenStructField{"CD", "OR1", 27, 26},
    GoldenStructField{"CD", "SH1", 29, 28},
    GoldenStructField{"CD", "EPD1", 30, 30},
    GoldenStructField{"CD", "V", 31, 31},
    GoldenStructField{"CD", "IPS", 34, 32},
    GoldenStructField{"CD", "AFFD", 35, 35},
    GoldenStructField{"CD", "WXN", 36, 36},
    GoldenStructField{"CD", "UWXN", 37, 37},
    GoldenStructField{"CD", "TBI0", 38, 38},
    GoldenStructField{"CD", "TBI1", 39, 39},
    GoldenStructField{"CD", "PAN", 40, 40},
    GoldenStructField{"CD", "AA64", 41, 41},
    GoldenStructField{"CD", "HD", 42, 42},
    GoldenStructField{"CD", "HA", 43, 43},
    GoldenStructField{"CD", "S", 44, 44},
    GoldenStructField{"CD", "R", 45, 45},
    GoldenStructField{"CD", "A", 46, 46},
    GoldenStructField{"CD", "ASET", 47, 47},
    GoldenStructField{"CD", "ASID", 63, 48},
    GoldenStructField{"CD", "NSCFG0", 64, 64},
    GoldenStructField{"CD", "HAD0", 65, 65},
    GoldenStructField{"CD", "E0PD0", 66, 66},
    GoldenStructField{"CD", "TTB0", 115, 68},
    GoldenStructField{"CD", "NSCFG1", 128, 128},
    GoldenStructField{"CD", "HAD1", 129, 129},
    GoldenStructField{"CD", "E0PD1", 130, 130},
    GoldenStructField{"CD", "TTB1", 179, 132},
    GoldenStructField{"CD", "MAIR0", 223, 192},
    GoldenStructField{"CD", "MAIR1", 255, 224},
    GoldenStructField{"CD", "AMAIR0", 287, 256},
    GoldenStructField{"CD", "AMAIR1", 319, 288},
};

/// Fields of the same structures that belong to options of later versions or to another Security state.
inline constexpr std::array optional_structure_fields{
    GoldenStructField{"STE", "S2HWU59", 72, 72},  // IDR3.PBHA
    GoldenStructField{"STE", "S2HWU60", 73, 73},
    GoldenStructField{"STE", "S2HWU61", 74, 74},
    GoldenStructField{"STE", "S2HWU62", 75, 75},
    GoldenStructField{"STE", "S1PIE", 88, 88},  // IDR3.S1PI
    GoldenStructField{"STE", "S1MPAM", 90, 90},  // IDR3.MPAM
    GoldenStructField{"STE", "IMPDEF w1", 127, 116},
    GoldenStructField{"STE", "IMPDEF w2", 159, 144},
    GoldenStructField{"STE", "S2HAFT", 187, 187},  // IDR0.HTTU 11
    GoldenStructField{"STE", "S2PIE", 188, 188},  // IDR3.S2PI
    GoldenStructField{"STE", "S2POE", 189, 189},  // IDR3.S2PO
    GoldenStructField{"STE", "DPT_VMATCH", 191, 190},  // IDR3.DPT
    GoldenStructField{"STE", "S2NSW", 192, 192},  // Secure
    GoldenStructField{"STE", "S2NSA", 193, 193},  // Secure
    GoldenStructField{"STE", "S2SL0_2", 194, 194},  // IDR5.DS
    GoldenStructField{"STE", "S2DS", 195, 195},  // IDR5.DS
    GoldenStructField{"STE", "S2SKL", 254, 253},  // IDR5.D128
    GoldenStructField{"STE", "IMPDEF w4", 271, 256},
    GoldenStructField{"STE", "PARTID", 287, 272},  // IDR3.MPAM
    GoldenStructField{"STE", "S_S2T0SZ", 293, 288},  // Secure
    GoldenStructField{"STE", "S_S2SL0", 295, 294},  // Secure
    GoldenStructField{"STE", "S_S2TG", 303, 302},  // Secure
    GoldenStructField{"STE", "MECID", 319, 304},  // Realm
    GoldenStructField{"STE", "PMG", 327, 320},  // IDR3.MPAM
    GoldenStructField{"STE", "MPAM_NS", 328, 328},
    GoldenStructField{"STE", "AssuredOnly", 329, 329},  // IDR3.THE
    GoldenStructField{"STE", "TL0", 330, 330},  // IDR3.THE
    GoldenStructField{"STE", "TL1", 331, 331},  // IDR3.THE
    GoldenStructField{"STE", "VMSPtr", 371, 332},  // address [51:12]; to bit 375 from v3.4
    GoldenStructField{"STE", "S2SW", 384, 384},  // Secure
    GoldenStructField{"STE", "S2SA", 385, 385},  // Secure
    GoldenStructField{"STE", "S_S2SL0_2", 386, 386},  // Secure
    GoldenStructField{"STE", "S_S2TTB", 435, 388},  // Secure
    GoldenStructField{"STE", "S_S2SKL", 446, 445},  // Secure
    GoldenStructField{"STE", "S2POI", 511, 448},  // IDR3.S2PO: 16 of 4 bits
    GoldenStructField{"CD", "HAFT", 67, 67},  // IDR0.HTTU 11
    GoldenStructField{"CD", "PnCH", 122, 122},  // IDR5.D128
    GoldenStructField{"CD", "EPAN", 123, 123},  // IDR3.EPAN
    GoldenStructField{"CD", "HWU059", 124, 124},  // IDR3.PBHA
    GoldenStructField{"CD", "HWU060", 125, 125},
    GoldenStructField{"CD", "HWU061", 126, 126},
    GoldenStructField{"CD", "HWU062", 127, 127},
    GoldenStructField{"CD", "AIE", 131, 131},  // IDR3.AIE
    GoldenStructField{"CD", "DS", 186, 186},  // IDR5.DS
    GoldenStructField{"CD", "PIE", 187, 187},  // IDR3.S1PI
    GoldenStructField{"CD", "HWU159", 188, 188},  // IDR3.PBHA
    GoldenStructField{"CD", "HWU160", 189, 189},
    GoldenStructField{"CD", "HWU161", 190, 190},
    GoldenStructField{"CD", "HWU162", 191, 191},
    GoldenStructField{"CD", "IMPDEF w5", 351, 320},
    GoldenStructField{"CD", "PARTID", 367, 352},  // IDR3.MPAM
    GoldenStructField{"CD", "PMG", 375, 368},  // IDR3.MPAM
    GoldenStructField{"CD", "PIIU", 431, 384},  // IDR3.S1PI: 16 of 3 bits
    GoldenStructField{"CD", "PIIP", 495, 448},  // IDR3.S1PI: 16 of 3 bits
};

// ---- 2. Context descriptors -----------------------------------------------------------------------------------------

/// Context descriptors (5.4). The base is "CD live, ASET 0" of smmuv3_golden.h: w0 0x0037'6205'c000'3510 (ASID [63:48]
/// 0x37; A [46], R [45], AA64 [41], IPS [34:32] 5 -> 0x6205; EPD1 [30], V [31]; T0SZ 16, TG0 0, IR0 1, OR0 1, SH0 3 ->
/// 0x3510), w1 TTB0, w3 0xff. Each row says what it changes; "half" is the upper 32 bits of w0.
inline constexpr std::array extended_context_descriptors{
    // T1SZ [21:16] 16 -> 0x10'0000, TG1 [23:22] 2 (4 KiB) -> 0x80'0000, IR1 [25:24] 1 -> 0x100'0000, OR1 [27:26] 1 ->
    // 0x400'0000, SH1 [29:28] 3 -> 0x3000'0000, EPD1 0, V: 0xb590'3510; w2 = TTB1 0x81'2346'7000
    GoldenBytes{"CD both halves, 4 KiB", "5.4",
                {0x0037'6205'b590'3510, 0x0000'0081'2345'6000, 0x0000'0081'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // EPD0 [14] -> 0x4000, T0SZ, IR0, OR0, SH0, TTB0 0: 0xb590'4000
    GoldenBytes{"CD upper half alone, 4 KiB", "5.4",
                {0x0037'6205'b590'4000, 0, 0x0000'0081'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // TG0 [7:6] 2 -> 0x80, TG1 [23:22] 1 -> 0x40'0000: 0xb550'3590
    GoldenBytes{"CD both halves, 16 KiB", "5.4",
                {0x0037'6205'b550'3590, 0x0000'0081'2345'4000, 0x0000'0081'2346'8000, 0x0000'0000'0000'00ff}, 64},
    // TG0 1 -> 0x40, TG1 3 -> 0xc0'0000: 0xb5d0'3550
    GoldenBytes{"CD both halves, 64 KiB", "5.4",
                {0x0037'6205'b5d0'3550, 0x0000'0081'2345'0000, 0x0000'0081'2346'0000, 0x0000'0000'0000'00ff}, 64},
    // the halves' granules need not be equal: TG0 1 (64 KiB), TG1 2 (4 KiB): 0xb590'3550
    GoldenBytes{"CD 64 KiB below, 4 KiB above", "5.4",
                {0x0037'6205'b590'3550, 0x0000'0081'2345'0000, 0x0000'0081'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // TG0 2 -> 0x80: 0xc000'3590
    GoldenBytes{"CD 16 KiB", "5.4", {0x0037'6205'c000'3590, 0x0000'0081'2345'4000, 0, 0x0000'0000'0000'00ff}, 64},
    // TG0 1 -> 0x40: 0xc000'3550
    GoldenBytes{"CD 64 KiB", "5.4", {0x0037'6205'c000'3550, 0x0000'0081'2345'0000, 0, 0x0000'0000'0000'00ff}, 64},
    // EPD0 and EPD1, all else of w0's lower half 0 but V: 0xc000'4000
    GoldenBytes{"CD no walks at all", "5.4", {0x0037'6205'c000'4000, 0, 0, 0x0000'0000'0000'00ff}, 64},
    // T0SZ 25 -> 0x19: 0xc000'3519, a walk that starts at level 1
    GoldenBytes{"CD T0SZ 25", "5.4", {0x0037'6205'c000'3519, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // T0SZ 39 -> 0x27, the largest without STT: 0xc000'3527
    GoldenBytes{"CD T0SZ 39", "5.4", {0x0037'6205'c000'3527, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // T1SZ 25 -> 0x19'0000: 0xb599'3510
    GoldenBytes{"CD both halves, T1SZ 25", "5.4",
                {0x0037'6205'b599'3510, 0x0000'0081'2345'6000, 0x0000'0081'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // IR0 2 -> 0x200, OR0 2 -> 0x800, SH0 2 -> 0x2000: 0xc000'2a10
    GoldenBytes{"CD walks write-through, outer shareable", "5.4",
                {0x0037'6205'c000'2a10, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // IR0 0, OR0 0, SH0 0: 0xc000'0010
    GoldenBytes{"CD walks non-cacheable", "5.4",
                {0x0037'6205'c000'0010, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // IR0 3 -> 0x300, OR0 3 -> 0xc00: 0xc000'3f10
    GoldenBytes{"CD walks write-back, no write-allocate", "5.4",
                {0x0037'6205'c000'3f10, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // IR1 2 -> 0x200'0000, OR1 3 -> 0xc00'0000, SH1 2 -> 0x2000'0000: 0xae90'3510
    GoldenBytes{"CD both halves, upper walks mixed", "5.4",
                {0x0037'6205'ae90'3510, 0x0000'0081'2345'6000, 0x0000'0081'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // IPS [34:32] = 0 (32 bits): half 0x0037'6200; TTB0 0x8123'4000 must lie below
    GoldenBytes{"CD IPS 32 bits", "5.4", {0x0037'6200'c000'3510, 0x0000'0000'8123'4000, 0, 0x0000'0000'0000'00ff}, 64},
    // IPS [34:32] = 1 (36 bits): half 0x0037'6201; TTB0 0x8'8123'4000
    GoldenBytes{"CD IPS 36 bits", "5.4", {0x0037'6201'c000'3510, 0x0000'0008'8123'4000, 0, 0x0000'0000'0000'00ff}, 64},
    // IPS [34:32] = 2 (40 bits): half 0x0037'6202
    GoldenBytes{"CD IPS 40 bits", "5.4", {0x0037'6202'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // IPS [34:32] = 3 (42 bits): half 0x0037'6203
    GoldenBytes{"CD IPS 42 bits", "5.4", {0x0037'6203'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // IPS [34:32] = 4 (44 bits): half 0x0037'6204
    GoldenBytes{"CD IPS 44 bits", "5.4", {0x0037'6204'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // IPS [34:32] = 6 (52 bits): half 0x0037'6206
    GoldenBytes{"CD IPS 52 bits", "5.4", {0x0037'6206'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // AFFD [35]: half 0x0037'620d
    GoldenBytes{"CD AFFD", "5.4", {0x0037'620d'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // WXN [36]: half 0x0037'6215
    GoldenBytes{"CD WXN", "5.4", {0x0037'6215'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // UWXN [37]: half 0x0037'6225
    GoldenBytes{"CD UWXN", "5.4", {0x0037'6225'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // TBI0 [38]: half 0x0037'6245
    GoldenBytes{"CD TBI0", "5.4", {0x0037'6245'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // TBI1 [39]: half 0x0037'6285
    GoldenBytes{"CD TBI1", "5.4", {0x0037'6285'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // PAN [40]: half 0x0037'6305
    GoldenBytes{"CD PAN", "5.4", {0x0037'6305'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // TBI0 and TBI1 -> 0xc0 in the half, both halves live
    GoldenBytes{"CD both halves, TBI0 TBI1", "5.4",
                {0x0037'62c5'b590'3510, 0x0000'0081'2345'6000, 0x0000'0081'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // HA [43]: half 0x0037'6a05 (access flag only, IDR0.HTTU 01 or more)
    GoldenBytes{"CD HA", "5.4", {0x0037'6a05'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // HD [42], HA [43], both halves live: half 0x0037'6e05 (what arm_smmu_make_s1_cd adds for dirty tracking)
    GoldenBytes{"CD both halves, HA HD", "5.4",
                {0x0037'6e05'b590'3510, 0x0000'0081'2345'6000, 0x0000'0081'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // HD alone: reserved, behaves as neither: half 0x0037'6605
    GoldenBytes{"CD HD alone", "5.4", {0x0037'6605'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // ENDI [15] -> 0x8000: 0xc000'b510
    GoldenBytes{"CD big-endian", "5.4", {0x0037'6205'c000'b510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // AA64 [41] 0: VMSAv8-32 LPAE (IDR0.TTF[0] 1): half 0x0037'6005; T0SZ 0 -> 0xc000'3500
    GoldenBytes{"CD AArch32 tables", "5.4",
                {0x0037'6005'c000'3500, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // A [46] 0, R [45] 0, S [44] 0: half 0x0037'0205: reads zero, writes ignored, no record
    GoldenBytes{"CD A0 R0 S0", "5.4", {0x0037'0205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // A [46] 0, R [45] 1, S [44] 0: half 0x0037'2205: reads zero, writes ignored, record
    GoldenBytes{"CD A0 R1 S0", "5.4", {0x0037'2205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // A [46] 1, R [45] 0, S [44] 0: half 0x0037'4205: abort, no record
    GoldenBytes{"CD A1 R0 S0", "5.4", {0x0037'4205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // A [46] 0, R [45] 0, S [44] 1: half 0x0037'1205: stall, record
    GoldenBytes{"CD A0 R0 S1", "5.4", {0x0037'1205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // A [46] 1, R [45] 1, S [44] 1: half 0x0037'7205: stall, record
    GoldenBytes{"CD A1 R1 S1", "5.4", {0x0037'7205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // ASET [47]: half 0x0037'e205
    GoldenBytes{"CD ASET 1", "5.4", {0x0037'e205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // ASID 0xffff: half 0xffff'6205
    GoldenBytes{"CD ASID 0xffff", "5.4", {0xffff'6205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // ASID 0
    GoldenBytes{"CD ASID 0", "5.4", {0x0000'6205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // NSCFG0 w1[0], HAD0 w1[1], E0PD0 w1[2]: w1's low bits 111; NSCFG0 is ignored for a Non-secure stream
    GoldenBytes{"CD NSCFG0 HAD0 E0PD0", "5.4",
                {0x0037'6205'c000'3510, 0x0000'0081'2345'6007, 0, 0x0000'0000'0000'00ff}, 64},
    // HAD0 alone: 010
    GoldenBytes{"CD HAD0", "5.4", {0x0037'6205'c000'3510, 0x0000'0081'2345'6002, 0, 0x0000'0000'0000'00ff}, 64},
    // NSCFG1 w2[0], HAD1 w2[1], E0PD1 w2[2]
    GoldenBytes{"CD both halves, NSCFG1 HAD1 E0PD1", "5.4",
                {0x0037'6205'b590'3510, 0x0000'0081'2345'6000, 0x0000'0081'2346'7007, 0x0000'0000'0000'00ff}, 64},
    // HAD1 alone: w2 low bits 010
    GoldenBytes{"CD both halves, HAD1", "5.4",
                {0x0037'6205'b590'3510, 0x0000'0081'2345'6000, 0x0000'0081'2346'7002, 0x0000'0000'0000'00ff}, 64},
    // MAIR0 w3[31:0], MAIR1 w3[63:32]; attribute n is byte n. 0xf404'ff44: 0 non-cacheable 0x44, 1 write-back 0xff, 2
    // Device-nGnRE 0x04, 3 inner non-cacheable outer write-back 0xf4 (io-pgtable-arm.c); with ASET 1 the words of
    // arm_smmu_make_s1_cd
    GoldenBytes{"CD of a kernel's DMA domain", "5.4",
                {0x0037'e205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'f404'ff44}, 64},
    // all eight: 00 04 08 0c 44 bb f4 ff from attribute 0 up: MAIR0 0x0c08'0400, MAIR1 0xfff4'bb44
    GoldenBytes{"CD MAIR, eight attributes", "5.4",
                {0x0037'6205'c000'3510, 0x0000'0081'2345'6000, 0, 0xfff4'bb44'0c08'0400}, 64},
    // AMAIR0 w4[31:0] 0x0302'0100, AMAIR1 w4[63:32] 0x0706'0504
    GoldenBytes{"CD AMAIR", "5.4",
                {0x0037'6205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff, 0x0706'0504'0302'0100}, 64},
    // PARTID w5[47:32] = 0x0011, PMG w5[55:48] = 0x05 (IDR3.MPAM)
    GoldenBytes{"CD PARTID PMG", "5.4",
                {0x0037'6205'c000'3510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff, 0, 0x0005'0011'0000'0000}, 64},
};

/// ILLEGAL descriptors (5.4.2): C_BAD_CD, of the SMMU of illegal_stage2_entries (48-bit VAX) under STE.S1STALLD 0.
inline constexpr std::array illegal_context_descriptors{
    // TG0 11 -> 0xc0
    GoldenBytes{"illegal: TG0 3", "5.4.2",
                {0x0037'6205'c000'35d0, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // TG1 00 under EPD1 0
    GoldenBytes{"illegal: TG1 0", "5.4.2",
                {0x0037'6205'b510'3510, 0x0000'0081'2345'6000, 0x0000'0081'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // T0SZ 15
    GoldenBytes{"illegal: T0SZ 15", "5.4.2",
                {0x0037'6205'c000'350f, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // T0SZ 40 without STT
    GoldenBytes{"illegal: T0SZ 40", "5.4.2",
                {0x0037'6205'c000'3528, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // T1SZ 0 under EPD1 0
    GoldenBytes{"illegal: T1SZ 0", "5.4.2",
                {0x0037'6205'b580'3510, 0x0000'0081'2345'6000, 0x0000'0081'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // TTB0 0x181'2345'6000 has bit 40 set under IPS 2 (40 bits)
    GoldenBytes{"illegal: TTB0 beyond IPS", "5.4.2",
                {0x0037'6202'c000'3510, 0x0000'0181'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // TTB1 0x181'2346'7000 under IPS 2
    GoldenBytes{"illegal: TTB1 beyond IPS", "5.4.2",
                {0x0037'6202'b590'3510, 0x0000'0081'2345'6000, 0x0000'0181'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // ENDI where IDR0.TTENDIAN is 10
    GoldenBytes{"illegal: ENDI", "5.4.2", {0x0037'6205'c000'b510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
    // AA64 0 where IDR0.TTF[0] is 0
    GoldenBytes{"illegal: CD of AArch32 tables", "5.4.2",
                {0x0037'6005'c000'3500, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
};

/// Legal since the half that is wrong is not walked: its size, granule and base are ignored (5.4.2).
inline constexpr std::array masked_context_descriptors{
    // EPD1 in the base hides T1SZ 0, TG1 00 and a TTB1 beyond IPS 2
    GoldenBytes{"CD EPD1 hides TTB1", "5.4.2",
                {0x0037'6202'c000'3510, 0x0000'0081'2345'6000, 0x0000'0181'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // EPD0 hides T0SZ 63, TG0 11 and a TTB0 beyond IPS 2
    GoldenBytes{"CD EPD0 hides T0SZ, TG0, TTB0", "5.4.2",
                {0x0037'6202'b590'75ff, 0x0000'0181'2345'6000, 0x0000'0081'2346'7000, 0x0000'0000'0000'00ff}, 64},
    // EPD0 and EPD1 hide ENDI as well
    GoldenBytes{"CD EPD0 EPD1 hide ENDI", "5.4.2",
                {0x0037'6205'c000'f510, 0x0000'0081'2345'6000, 0, 0x0000'0000'0000'00ff}, 64},
};

// ---- 3. Commands ----------------------------------------------------------------------------------------------------

/// Commands (chapter 4) beside those of smmuv3_golden.h. Opcode w0[7:0]; SSec w0[10]; SSV w0[11] -> 0x800; SubstreamID
/// w0[31:12]; StreamID w0[63:32]; VMID w0[47:32]; ASID w0[63:48]; NUM w0[16:12]; SCALE w0[24:20] ([25:20] where
/// IDR5.DS); Leaf w1[0]; TTL w1[9:8]; TG w1[11:10]; Address w1[63:12] (an IPA ends at 51).
inline constexpr std::array more_commands{
    // opcode 0x01; SSV 1, SubstreamID, StreamID
    GoldenBytes{"PREFETCH_CONFIG", "4.2.1", {0x0000'1234'005a'5801}, 16},
    // SSV 0
    GoldenBytes{"PREFETCH_CONFIG no substream", "4.2.1", {0x0000'1234'0000'0001}, 16},
    // opcode 0x02; Size w1[4:0] = 0: one translation. Stride and NS are left 0 (their bits are not in the text read)
    GoldenBytes{"PREFETCH_ADDR one page", "4.2.2", {0x0000'1234'005a'5802, 0x0000'7f12'3456'7000}, 16},
    // Size w1[4:0] = 9: 512 translations; SSV 0
    GoldenBytes{"PREFETCH_ADDR 512 pages, no substream", "4.2.2", {0x0000'1234'0000'0002, 0x0000'7f12'3456'7009}, 16},
    // opcode 0x03; StreamID 0xffff'ffff, Leaf 1
    GoldenBytes{"CFGI_STE highest stream", "4.3.1", {0xffff'ffff'0000'0003, 0x0000'0000'0000'0001}, 16},
    // opcode 0x04; Range w1[4:0] = 0: StreamIDs 0x1234 and 0x1235
    GoldenBytes{"CFGI_STE_RANGE 2", "4.3.2", {0x0000'1234'0000'0004}, 16},
    // Range 3; the low 4 bits of StreamID 0x1234 are ignored: 0x1230 to 0x123f
    GoldenBytes{"CFGI_STE_RANGE 16, unaligned", "4.3.2", {0x0000'1234'0000'0004, 0x0000'0000'0000'0003}, 16},
    // Range 30 -> 0x1e: half of all StreamIDs
    GoldenBytes{"CFGI_STE_RANGE 2^31", "4.3.2", {0x0000'0000'0000'0004, 0x0000'0000'0000'001e}, 16},
    // Range 31 with a StreamID, which is ignored
    GoldenBytes{"CFGI_ALL, StreamID left", "4.3.6", {0x0000'1234'0000'0004, 0x0000'0000'0000'001f}, 16},
    // opcode 0x05; SubstreamID 0 (the only CD, or the one of traffic without substream); Leaf 1
    GoldenBytes{"CFGI_CD substream 0", "4.3.3", {0x0000'1234'0000'0005, 0x0000'0000'0000'0001}, 16},
    // SubstreamID 0xf'ffff; Leaf 0
    GoldenBytes{"CFGI_CD highest substream, leaf 0", "4.3.3", {0x0000'1234'ffff'f005}, 16},
    // opcode 0x07; VMID w0[47:32]. CERROR_ILL where IDR3.MPAM is 0
    GoldenBytes{"CFGI_VMS_PIDM", "4.3.5", {0x0000'0102'0000'0007}, 16},
    // opcode 0x10; VMID 0xffff
    GoldenBytes{"TLBI_NH_ALL VMID 0xffff", "4.4.2.1", {0x0000'ffff'0000'0010}, 16},
    // opcode 0x11; VMID, ASID
    GoldenBytes{"TLBI_NH_ASID VMID 0x102", "4.4.2.2", {0x0037'0102'0000'0011}, 16},
    // opcode 0x12; VMID, ASID, Leaf 0
    GoldenBytes{"TLBI_NH_VA VMID 0x102, leaf 0", "4.4.2.4", {0x0037'0102'0000'0012, 0x0000'7f12'3456'7000}, 16},
    // Leaf 1
    GoldenBytes{"TLBI_NH_VA VMID 0x102, leaf 1", "4.4.2.4", {0x0037'0102'0000'0012, 0x0000'7f12'3456'7001}, 16},
    // NUM 15 -> 0xf000, SCALE 0, TG 1 -> 0x400, TTL 3 -> 0x300, Leaf 1: 16 pages of 4 KiB
    GoldenBytes{"TLBI_NH_VA VMID 0x102, 16 pages, TTL 3", "4.4.1.1",
                {0x0037'0102'0000'f012, 0x0000'7f12'3456'7701}, 16},
    // NUM 31 -> 0x1'f000, SCALE 2 -> 0x20'0000, TG 2 -> 0x800, Leaf 1; address 0x7f12'3456'4000 (16 KiB aligned): 128
    // pages of 16 KiB
    GoldenBytes{"TLBI_NH_VA VMID 0x102, 128 pages of 16 KiB", "4.4.1.1",
                {0x0037'0102'0021'f012, 0x0000'7f12'3456'4801}, 16},
    // NUM 0, SCALE 5 -> 0x50'0000, TG 3 -> 0xc00, Leaf 1; address 0x7f12'3440'0000: 32 pages of 64 KiB
    GoldenBytes{"TLBI_NH_VA VMID 0x102, 32 pages of 64 KiB", "4.4.1.1",
                {0x0037'0102'0050'0012, 0x0000'7f12'3440'0c01}, 16},
    // opcode 0x13; VMID, no ASID, Leaf 0
    GoldenBytes{"TLBI_NH_VAA VMID 0x102, leaf 0", "4.4.2.3", {0x0000'0102'0000'0013, 0x0000'7f12'3456'7000}, 16},
    // NUM 15, TG 1, Leaf 1
    GoldenBytes{"TLBI_NH_VAA VMID 0x102, 16 pages, leaf 1", "4.4.1.1",
                {0x0000'0102'0000'f013, 0x0000'7f12'3456'7401}, 16},
    // opcode 0x20 (IDR0.Hyp)
    GoldenBytes{"TLBI_EL2_ALL", "4.4.2.7", {0x0000'0000'0000'0020}, 16},
    // opcode 0x21; ASID w0[63:48], no VMID
    GoldenBytes{"TLBI_EL2_ASID", "4.4.2.10", {0x0037'0000'0000'0021}, 16},
    // opcode 0x22; ASID, Leaf 0
    GoldenBytes{"TLBI_EL2_VA leaf 0", "4.4.2.8", {0x0037'0000'0000'0022, 0x0000'7f12'3456'7000}, 16},
    // Leaf 1
    GoldenBytes{"TLBI_EL2_VA leaf 1", "4.4.2.8", {0x0037'0000'0000'0022, 0x0000'7f12'3456'7001}, 16},
    // NUM 15, TG 1, Leaf 1
    GoldenBytes{"TLBI_EL2_VA 16 pages, leaf 1", "4.4.1.1", {0x0037'0000'0000'f022, 0x0000'7f12'3456'7401}, 16},
    // opcode 0x23; no ASID, Leaf 0
    GoldenBytes{"TLBI_EL2_VAA leaf 0", "4.4.2.9", {0x0000'0000'0000'0023, 0x0000'7f12'3456'7000}, 16},
    // Leaf 1
    GoldenBytes{"TLBI_EL2_VAA leaf 1", "4.4.2.9", {0x0000'0000'0000'0023, 0x0000'7f12'3456'7001}, 16},
    // NUM 15, TG 1, Leaf 1
    GoldenBytes{"TLBI_EL2_VAA 16 pages, leaf 1", "4.4.1.1", {0x0000'0000'0000'f023, 0x0000'7f12'3456'7401}, 16},
    // opcode 0x28; VMID
    GoldenBytes{"TLBI_S12_VMALL", "4.4.3.2", {0x0000'0102'0000'0028}, 16},
    // VMID 0
    GoldenBytes{"TLBI_S12_VMALL VMID 0", "4.4.3.2", {0x0000'0000'0000'0028}, 16},
    // VMID 0xffff
    GoldenBytes{"TLBI_S12_VMALL VMID 0xffff", "4.4.3.2", {0x0000'ffff'0000'0028}, 16},
    // opcode 0x2a; VMID; IPA w1[51:12] = 0x80'4567'8000, Leaf 0
    GoldenBytes{"TLBI_S2_IPA leaf 0", "4.4.3.1", {0x0000'0102'0000'002a, 0x0000'0080'4567'8000}, 16},
    // Leaf 1
    GoldenBytes{"TLBI_S2_IPA leaf 1", "4.4.3.1", {0x0000'0102'0000'002a, 0x0000'0080'4567'8001}, 16},
    // NUM 15, TG 1, Leaf 1: 16 pages of 4 KiB
    GoldenBytes{"TLBI_S2_IPA 16 pages, leaf 1", "4.4.1.1", {0x0000'0102'0000'f02a, 0x0000'0080'4567'8401}, 16},
    // the same with Leaf 0
    GoldenBytes{"TLBI_S2_IPA 16 pages, leaf 0", "4.4.1.1", {0x0000'0102'0000'f02a, 0x0000'0080'4567'8400}, 16},
    // TG 1, TTL 3 -> 0x300, NUM = SCALE = 0, Leaf 1: one page known to be at level 3
    GoldenBytes{"TLBI_S2_IPA one page, TTL 3", "4.4.1.1", {0x0000'0102'0000'002a, 0x0000'0080'4567'8701}, 16},
    // TG 1, TTL 2 -> 0x200, SCALE 9 -> 0x90'0000, Leaf 1; IPA 0x80'4560'0000: a block of 2 MiB
    GoldenBytes{"TLBI_S2_IPA 2 MiB block, TTL 2", "4.4.1.1", {0x0000'0102'0090'002a, 0x0000'0080'4560'0601}, 16},
    // TG 1, TTL 1 -> 0x100, SCALE 18 -> 0x120'0000, Leaf 1; IPA 0x80'4000'0000: a block of 1 GiB
    GoldenBytes{"TLBI_S2_IPA 1 GiB block, TTL 1", "4.4.1.1", {0x0000'0102'0120'002a, 0x0000'0080'4000'0501}, 16},
    // TG 2 -> 0x800, NUM 31 -> 0x1'f000, Leaf 1: 32 pages of 16 KiB
    GoldenBytes{"TLBI_S2_IPA 32 pages of 16 KiB", "4.4.1.1", {0x0000'0102'0001'f02a, 0x0000'0080'4567'8801}, 16},
    // TG 3 -> 0xc00, SCALE 5 -> 0x50'0000, Leaf 1; IPA 0x80'4560'0000: 32 pages of 64 KiB
    GoldenBytes{"TLBI_S2_IPA 32 pages of 64 KiB", "4.4.1.1", {0x0000'0102'0050'002a, 0x0000'0080'4560'0c01}, 16},
    // TG 1, NUM 31 -> 0x1'f000, SCALE 31 -> 0x1f0'0000, IPA 0, Leaf 0: 2^5 * 2^31 * 4 KiB = 2^48 bytes, all of the IPA
    // space
    GoldenBytes{"TLBI_S2_IPA 2^48 bytes", "4.4.1.1", {0x0000'0102'01f1'f02a, 0x0000'0000'0000'0400}, 16},
    // opcode 0x40; SSV 1; Size w1[5:0] = 0: 4 KiB
    GoldenBytes{"ATC_INV substream, 4 KiB", "4.5.1", {0x0000'1234'005a'5840, 0x0000'7f12'3456'7000}, 16},
    // Size 1: 8 KiB; the address may have bit 12 set, the SMMU aligns it down to 0x7f12'3456'6000
    GoldenBytes{"ATC_INV substream, 8 KiB", "4.5.1", {0x0000'1234'005a'5840, 0x0000'7f12'3456'7001}, 16},
    // Size 9: 2 MiB at 0x7f12'3440'0000
    GoldenBytes{"ATC_INV substream, 2 MiB", "4.5.1", {0x0000'1234'005a'5840, 0x0000'7f12'3440'0009}, 16},
    // SSV 0, Size 0
    GoldenBytes{"ATC_INV no substream, 4 KiB", "4.5.1", {0x0000'1234'0000'0040, 0x0000'7f12'3456'7000}, 16},
    // SSV 0, Size 9: 2 MiB
    GoldenBytes{"ATC_INV no substream, 2 MiB", "4.5.1", {0x0000'1234'0000'0040, 0x0000'7f12'3440'0009}, 16},
    // SSV 1, Global w0[9] -> 0x200, Size 9
    GoldenBytes{"ATC_INV substream, global, 2 MiB", "4.5.1", {0x0000'1234'005a'5a40, 0x0000'7f12'3440'0009}, 16},
    // SSV 0 with Global, which is then ignored; Size 52 -> 0x34
    GoldenBytes{"ATC_INV no substream, global ignored, all", "4.5.1",
                {0x0000'1234'0000'0240, 0x0000'0000'0000'0034}, 16},
    // SSV 1 with SubstreamID 0, Size 52
    GoldenBytes{"ATC_INV substream 0, all", "4.5.1", {0x0000'1234'0000'0840, 0x0000'0000'0000'0034}, 16},
    // opcode 0x41; SSV 1; PRGIndex w1[8:0] = 0x1a5; Resp w1[13:12] = 00
    GoldenBytes{"PRI_RESP failure", "4.5.2", {0x0000'1234'005a'5841, 0x0000'0000'0000'01a5}, 16},
    // SSV 0, Resp 01 -> 0x1000
    GoldenBytes{"PRI_RESP invalid request, no substream", "4.5.2", {0x0000'1234'0000'0041, 0x0000'0000'0000'11a5}, 16},
    // SSV 0, Resp 10 -> 0x2000
    GoldenBytes{"PRI_RESP success, no substream", "4.5.2", {0x0000'1234'0000'0041, 0x0000'0000'0000'21a5}, 16},
    // PRGIndex 0x1ff, the highest
    GoldenBytes{"PRI_RESP success, PRGIndex 0x1ff", "4.5.2", {0x0000'1234'005a'5841, 0x0000'0000'0000'21ff}, 16},
    // opcode 0x44; Ac w0[12] 1 with Ab w0[13] 1, which is then ignored: 0x3000; STAG w1[15:0] = 0
    GoldenBytes{"RESUME retry, Ab ignored, STAG 0", "4.7.1", {0x0000'1234'0000'3044}, 16},
    // Ab 1; STAG 0xffff
    GoldenBytes{"RESUME abort, STAG 0xffff", "4.7.1", {0x0000'1234'0000'2044, 0x0000'0000'0000'ffff}, 16},
    // opcode 0x46; CS w0[13:12] = 1 -> 0x1000; MSH w0[23:22] = 0; MSIAttr w0[27:24] = 1 -> 0x100'0000 (Device-nGnRE);
    // MSIData w0[63:32] = 0x42; MSIAddress w1[51:2] = 0x8088'0040
    GoldenBytes{"SYNC MSI, Device-nGnRE", "4.7.3", {0x0000'0042'0100'1046, 0x0000'0000'8088'0040}, 16},
    // MSH 2 -> 0x80'0000, MSIAttr 5 -> 0x500'0000 (non-cacheable), MSIData 0xffff'ffff
    GoldenBytes{"SYNC MSI, non-cacheable, outer shareable", "4.7.3",
                {0xffff'ffff'0580'1046, 0x0000'0000'8088'0040}, 16},
    // MSIAddress 0x7f'ffff'fffc: the lowest bit of the field is bit 2
    GoldenBytes{"SYNC MSI, address bit 2", "4.7.3", {0x0000'0001'0fc0'1046, 0x0000'007f'ffff'fffc}, 16},
    // CS 0 with MSI fields left, which are ignored
    GoldenBytes{"SYNC none, MSI fields left", "4.7.3", {0x0000'0001'0fc0'0046, 0x0000'0000'8088'0040}, 16},
};

/// More that stops the Non-secure command queue with CERROR_ILL, whatever the SMMU's options.
inline constexpr std::array more_illegal_commands{
    // opcode 0x1a: Secure queue only
    GoldenBytes{"TLBI_EL3_VA", "4.4.2.6", {0x0000'0000'0000'001a, 0x0000'7f12'3456'7000}, 16},
    // opcode 0x50: Secure queue only
    GoldenBytes{"TLBI_S_EL2_ALL", "4.4.2.11", {0x0000'0000'0000'0050}, 16},
    // opcode 0x51: Secure queue only
    GoldenBytes{"TLBI_S_EL2_ASID", "4.4.2.14", {0x0000'0000'0000'0051}, 16},
    // opcode 0x52: Secure queue only
    GoldenBytes{"TLBI_S_EL2_VA", "4.4.2.12", {0x0000'0000'0000'0052}, 16},
    // opcode 0x53: Secure queue only
    GoldenBytes{"TLBI_S_EL2_VAA", "4.4.2.13", {0x0000'0000'0000'0053}, 16},
    // opcode 0x58: Secure queue only
    GoldenBytes{"TLBI_S_S12_VMALL", "4.4.3.4", {0x0000'0000'0000'0058}, 16},
    // opcode 0x5a: Secure queue only
    GoldenBytes{"TLBI_S_S2_IPA", "4.4.3.3", {0x0000'0000'0000'005a}, 16},
    // opcode 0x60: Secure queue only
    GoldenBytes{"TLBI_SNH_ALL", "4.4.4.2", {0x0000'0000'0000'0060}, 16},
    // opcode 0x08: reserved
    GoldenBytes{"opcode 0x08", "4.1.1", {0x0000'0000'0000'0008}, 16},
    // opcode 0x14: reserved
    GoldenBytes{"opcode 0x14", "4.1.1", {0x0000'0000'0000'0014}, 16},
    // opcode 0x19: reserved
    GoldenBytes{"opcode 0x19", "4.1.1", {0x0000'0000'0000'0019}, 16},
    // opcode 0x24: reserved
    GoldenBytes{"opcode 0x24", "4.1.1", {0x0000'0000'0000'0024}, 16},
    // opcode 0x29: reserved
    GoldenBytes{"opcode 0x29", "4.1.1", {0x0000'0000'0000'0029}, 16},
    // opcode 0x2b: reserved
    GoldenBytes{"opcode 0x2b", "4.1.1", {0x0000'0000'0000'002b}, 16},
    // opcode 0x31: reserved
    GoldenBytes{"opcode 0x31", "4.1.1", {0x0000'0000'0000'0031}, 16},
    // opcode 0x42: reserved
    GoldenBytes{"opcode 0x42", "4.1.1", {0x0000'0000'0000'0042}, 16},
    // opcode 0x47: reserved
    GoldenBytes{"opcode 0x47", "4.1.1", {0x0000'0000'0000'0047}, 16},
    // opcode 0x54: reserved
    GoldenBytes{"opcode 0x54", "4.1.1", {0x0000'0000'0000'0054}, 16},
    // opcode 0x71: reserved
    GoldenBytes{"opcode 0x71", "4.1.1", {0x0000'0000'0000'0071}, 16},
    // opcode 0x90: reserved
    GoldenBytes{"opcode 0x90", "4.1.1", {0x0000'0000'0000'0090}, 16},
    // opcode 0x01 with SSec w0[10] -> 0x400
    GoldenBytes{"PREFETCH_CONFIG SSec 1", "4.1.6", {0x0000'1234'0000'0401}, 16},
    // opcode 0x02 with SSec w0[10] -> 0x400
    GoldenBytes{"PREFETCH_ADDR SSec 1", "4.1.6", {0x0000'1234'0000'0402, 0x0000'7f12'3456'7000}, 16},
    // opcode 0x04 with SSec w0[10] -> 0x400
    GoldenBytes{"CFGI_STE_RANGE SSec 1", "4.1.6", {0x0000'1200'0000'0404, 0x0000'0000'0000'0007}, 16},
    // opcode 0x05 with SSec w0[10] -> 0x400
    GoldenBytes{"CFGI_CD SSec 1", "4.1.6", {0x0000'1234'0000'0405, 0x0000'0000'0000'0001}, 16},
    // opcode 0x06 with SSec w0[10] -> 0x400
    GoldenBytes{"CFGI_CD_ALL SSec 1", "4.1.6", {0x0000'1234'0000'0406}, 16},
    // opcode 0x07 with SSec w0[10] -> 0x400
    GoldenBytes{"CFGI_VMS_PIDM SSec 1", "4.1.6", {0x0000'0102'0000'0407}, 16},
    // opcode 0x44 with SSec w0[10] -> 0x400
    GoldenBytes{"RESUME SSec 1", "4.1.6", {0x0000'1234'0000'1444, 0x0000'0000'0000'beef}, 16},
    // opcode 0x45 with SSec w0[10] -> 0x400
    GoldenBytes{"STALL_TERM SSec 1", "4.1.6", {0x0000'1234'0000'0445}, 16},
    // TG 1 with NUM = SCALE = TTL = 0 (where IDR3.RIL is 1), as for the next two
    GoldenBytes{"TLBI_S2_IPA TG 1, no range, no TTL", "4.4.1.1", {0x0000'0102'0000'002a, 0x0000'0080'4567'8400}, 16},
    // TG 2
    GoldenBytes{"TLBI_NH_VAA TG 2, no range, no TTL", "4.4.1.1", {0x0000'0102'0000'0013, 0x0000'7f12'3456'4800}, 16},
    // TG 3
    GoldenBytes{"TLBI_EL2_VA TG 3, no range, no TTL", "4.4.1.1", {0x0037'0000'0000'0022, 0x0000'7f12'3456'0c00}, 16},
    // TG 2 with TTL 1, NUM = SCALE = 0 (IDR5.DS 0): level 1 of 16 KiB holds no leaf, TTL is taken as 0
    GoldenBytes{"TLBI_S2_IPA TG 2, TTL 1, no range", "4.4.1.1", {0x0000'0102'0000'002a, 0x0000'0080'4567'8900}, 16},
};

/// A command that is CERROR_ILL where an identification register's field has one value (`value`), and good otherwise.
struct GoldenConditionalCommand {
    GoldenBytes command;
    const char* reg;
    const char* field;
    unsigned value;
};
inline constexpr std::array conditional_commands{
    GoldenConditionalCommand{{"CFGI_CD without stage 1", "4.3.3",
                              {0x0000'1234'005a'5005, 0x0000'0000'0000'0001}, 16},
                             "IDR0", "S1P", 0},
    GoldenConditionalCommand{{"CFGI_CD_ALL without stage 1", "4.3.4", {0x0000'1234'0000'0006}, 16}, "IDR0", "S1P", 0},
    GoldenConditionalCommand{{"TLBI_NH_ALL without stage 1", "4.4.2", {0x0000'0102'0000'0010}, 16}, "IDR0", "S1P", 0},
    GoldenConditionalCommand{{"TLBI_NH_ASID without stage 1", "4.4.2", {0x0037'0102'0000'0011}, 16}, "IDR0", "S1P", 0},
    GoldenConditionalCommand{{"TLBI_NH_VA without stage 1", "4.4.2",
                              {0x0037'0102'0000'0012, 0x0000'7f12'3456'7001}, 16},
                             "IDR0", "S1P", 0},
    GoldenConditionalCommand{{"TLBI_NH_VAA without stage 1", "4.4.2",
                              {0x0000'0102'0000'0013, 0x0000'7f12'3456'7001}, 16},
                             "IDR0", "S1P", 0},
    GoldenConditionalCommand{{"TLBI_EL2_ALL without Hyp", "4.4.2.7", {0x0000'0000'0000'0020}, 16}, "IDR0", "Hyp", 0},
    GoldenConditionalCommand{{"TLBI_EL2_ASID without Hyp", "4.4.2.10", {0x0037'0000'0000'0021}, 16}, "IDR0", "Hyp", 0},
    GoldenConditionalCommand{{"TLBI_EL2_VA without Hyp", "4.4.2.8",
                              {0x0037'0000'0000'0022, 0x0000'7f12'3456'7001}, 16},
                             "IDR0", "Hyp", 0},
    GoldenConditionalCommand{{"TLBI_EL2_VAA without Hyp", "4.4.2.9",
                              {0x0000'0000'0000'0023, 0x0000'7f12'3456'7001}, 16},
                             "IDR0", "Hyp", 0},
    GoldenConditionalCommand{{"TLBI_S12_VMALL without stage 2", "4.4.3.2",
                              {0x0000'0102'0000'0028}, 16},
                             "IDR0", "S2P", 0},
    GoldenConditionalCommand{{"TLBI_S2_IPA without stage 2", "4.4.3.1",
                              {0x0000'0102'0000'002a, 0x0000'0080'4567'8001}, 16},
                             "IDR0", "S2P", 0},
    GoldenConditionalCommand{{"CFGI_VMS_PIDM without MPAM", "4.3.5", {0x0000'0102'0000'0007}, 16}, "IDR3", "MPAM", 0},
    GoldenConditionalCommand{{"ATC_INV without ATS", "4.5.1",
                              {0x0000'1234'005a'5840, 0x0000'0000'0000'0034}, 16},
                             "IDR0", "ATS", 0},
    GoldenConditionalCommand{{"PRI_RESP without PRI", "4.5.2",
                              {0x0000'1234'005a'5841, 0x0000'0000'0000'21a5}, 16},
                             "IDR0", "PRI", 0},
    GoldenConditionalCommand{{"RESUME without stalls", "4.7.1",
                              {0x0000'1234'0000'1044, 0x0000'0000'0000'beef}, 16},
                             "IDR0", "STALL_MODEL", 1},
    GoldenConditionalCommand{{"STALL_TERM without stalls", "4.7.2",
                              {0x0000'1234'0000'0045}, 16},
                             "IDR0", "STALL_MODEL", 1},
    GoldenConditionalCommand{{"DPTI_ALL without DPT", "4.6.1", {0x0000'0000'0000'0070}, 16}, "IDR3", "DPT", 0},
    GoldenConditionalCommand{{"DPTI_PA without DPT", "4.6.2", {0x0000'0000'0000'0073}, 16}, "IDR3", "DPT", 0},
};

// ---- 4. Event records -----------------------------------------------------------------------------------------------

/// Event records (7.3) beside those of smmuv3_golden.h, which says what w0 to w3 are. In the halves of w1: PnU [1] ->
/// 0x2, InD [2] -> 0x4, RnW [3] -> 0x8, S2 [7] -> 0x80, CLASS [9:8] 0 CD, 1 TT -> 0x100, 2 IN -> 0x200, TTRnW [12] ->
/// 0x1000. w3 = IPA [51:12], whose low 12 bits are RES0, where S2 is 1. A stream of stage 2 alone has no substream (SSV
/// 0) and its InputAddr is the IPA.
inline constexpr std::array stage2_event_records{
    // id 0x10; stage 2 alone, read: RnW, S2, CLASS IN -> 0x288; IPA page of InputAddr
    GoldenBytes{"F_TRANSLATION S2 IN read", "7.3.13",
                {0x0000'1234'0000'0010, 0x0000'0288'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // write: RnW 0 -> 0x280
    GoldenBytes{"F_TRANSLATION S2 IN write", "7.3.13",
                {0x0000'1234'0000'0010, 0x0000'0280'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // nested, read: SSV 1, InputAddr is the virtual address, IPA what stage 1 made of it (not of InputAddr)
    GoldenBytes{"F_TRANSLATION S2 IN read, nested", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'0288'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0080'4567'8000}, 32},
    // nested, walk of stage 1: CLASS TT -> 0x188, IPA page of the descriptor at 0x81'2345'67f0
    GoldenBytes{"F_TRANSLATION S2 TT read", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'0188'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // the same for a write that comes in: 0x180
    GoldenBytes{"F_TRANSLATION S2 TT write", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'0180'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // nested, fetch of the CD at IPA 0x81'2347'6940: CLASS CD -> 0x88
    GoldenBytes{"F_TRANSLATION S2 CD read", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'0088'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2347'6000}, 32},
    // stage 2 alone, read, stalled (S2S 1): Stall w1[31], STAG w1[15:0] = 0xbeef
    GoldenBytes{"F_TRANSLATION S2 IN read, stalled", "7.3.13",
                {0x0000'1234'0000'0010, 0x0000'0288'8000'beef, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // nested, write, stalled, CLASS TT
    GoldenBytes{"F_TRANSLATION S2 TT write, stalled", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'0180'8000'beef, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // privileged read of stage 2 alone: PnU -> 0x28a
    GoldenBytes{"F_TRANSLATION S2 IN privileged read", "7.3.13",
                {0x0000'1234'0000'0010, 0x0000'028a'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // instruction fetch of stage 2 alone: InD -> 0x28c
    GoldenBytes{"F_TRANSLATION S2 IN fetch", "7.3.13",
                {0x0000'1234'0000'0010, 0x0000'028c'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // traffic without substream through S1DSS 01: nested stream, SSV 0, InputAddr taken as IPA
    GoldenBytes{"F_TRANSLATION S2 IN read, S1DSS 01", "7.3.13",
                {0x0000'1234'0000'0010, 0x0000'0288'0000'0000, 0x0000'0080'4567'9010, 0x0000'0080'4567'9000}, 32},
    // InputAddr 0x100'0000'0000 is beyond S2T0SZ 24 (40 bits) and within the IAS: no descriptor was read
    GoldenBytes{"F_TRANSLATION S2 IN read, beyond S2T0SZ", "7.3.13",
                {0x0000'1234'0000'0010, 0x0000'0288'0000'0000, 0x0000'0100'0000'0000, 0x0000'0100'0000'0000}, 32},
    // id 0x11; stage 2 alone, read: RnW, S2, CLASS IN -> 0x288; IPA page of InputAddr
    GoldenBytes{"F_ADDR_SIZE S2 IN read", "7.3.14",
                {0x0000'1234'0000'0011, 0x0000'0288'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // write: RnW 0 -> 0x280
    GoldenBytes{"F_ADDR_SIZE S2 IN write", "7.3.14",
                {0x0000'1234'0000'0011, 0x0000'0280'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // nested, read: SSV 1, InputAddr is the virtual address, IPA what stage 1 made of it (not of InputAddr)
    GoldenBytes{"F_ADDR_SIZE S2 IN read, nested", "7.3.14",
                {0x0000'1234'005a'5811, 0x0000'0288'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0080'4567'8000}, 32},
    // nested, walk of stage 1: CLASS TT -> 0x188, IPA page of the descriptor at 0x81'2345'67f0
    GoldenBytes{"F_ADDR_SIZE S2 TT read", "7.3.14",
                {0x0000'1234'005a'5811, 0x0000'0188'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // the same for a write that comes in: 0x180
    GoldenBytes{"F_ADDR_SIZE S2 TT write", "7.3.14",
                {0x0000'1234'005a'5811, 0x0000'0180'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // nested, fetch of the CD at IPA 0x81'2347'6940: CLASS CD -> 0x88
    GoldenBytes{"F_ADDR_SIZE S2 CD read", "7.3.14",
                {0x0000'1234'005a'5811, 0x0000'0088'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2347'6000}, 32},
    // stage 2 alone, read, stalled (S2S 1): Stall w1[31], STAG w1[15:0] = 0xbeef
    GoldenBytes{"F_ADDR_SIZE S2 IN read, stalled", "7.3.14",
                {0x0000'1234'0000'0011, 0x0000'0288'8000'beef, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // nested, write, stalled, CLASS TT
    GoldenBytes{"F_ADDR_SIZE S2 TT write, stalled", "7.3.14",
                {0x0000'1234'005a'5811, 0x0000'0180'8000'beef, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // stage 1 bypassed (Config 110), InputAddr beyond the IAS: S2 0, CLASS IN -> 0x208, no IPA
    GoldenBytes{"F_ADDR_SIZE of stage 1 bypass", "7.3.14",
                {0x0000'1234'0000'0011, 0x0000'0208'0000'0000, 0x0001'0000'0000'0000}, 32},
    // S1DSS 01 on a stage 1 stream, write
    GoldenBytes{"F_ADDR_SIZE of stage 1 bypass, write", "7.3.14",
                {0x0000'1234'0000'0011, 0x0000'0200'0000'0000, 0x0001'0000'0000'0000}, 32},
    // id 0x12; stage 2 alone, read: RnW, S2, CLASS IN -> 0x288; IPA page of InputAddr
    GoldenBytes{"F_ACCESS S2 IN read", "7.3.15",
                {0x0000'1234'0000'0012, 0x0000'0288'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // write: RnW 0 -> 0x280
    GoldenBytes{"F_ACCESS S2 IN write", "7.3.15",
                {0x0000'1234'0000'0012, 0x0000'0280'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // nested, read: SSV 1, InputAddr is the virtual address, IPA what stage 1 made of it (not of InputAddr)
    GoldenBytes{"F_ACCESS S2 IN read, nested", "7.3.15",
                {0x0000'1234'005a'5812, 0x0000'0288'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0080'4567'8000}, 32},
    // nested, walk of stage 1: CLASS TT -> 0x188, IPA page of the descriptor at 0x81'2345'67f0
    GoldenBytes{"F_ACCESS S2 TT read", "7.3.15",
                {0x0000'1234'005a'5812, 0x0000'0188'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // the same for a write that comes in: 0x180
    GoldenBytes{"F_ACCESS S2 TT write", "7.3.15",
                {0x0000'1234'005a'5812, 0x0000'0180'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // nested, fetch of the CD at IPA 0x81'2347'6940: CLASS CD -> 0x88
    GoldenBytes{"F_ACCESS S2 CD read", "7.3.15",
                {0x0000'1234'005a'5812, 0x0000'0088'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2347'6000}, 32},
    // stage 2 alone, read, stalled (S2S 1): Stall w1[31], STAG w1[15:0] = 0xbeef
    GoldenBytes{"F_ACCESS S2 IN read, stalled", "7.3.15",
                {0x0000'1234'0000'0012, 0x0000'0288'8000'beef, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // nested, write, stalled, CLASS TT
    GoldenBytes{"F_ACCESS S2 TT write, stalled", "7.3.15",
                {0x0000'1234'005a'5812, 0x0000'0180'8000'beef, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // id 0x13; stage 2 alone, read: RnW, S2, CLASS IN -> 0x288; IPA page of InputAddr
    GoldenBytes{"F_PERMISSION S2 IN read", "7.3.16",
                {0x0000'1234'0000'0013, 0x0000'0288'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // write: RnW 0 -> 0x280
    GoldenBytes{"F_PERMISSION S2 IN write", "7.3.16",
                {0x0000'1234'0000'0013, 0x0000'0280'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // nested, read: SSV 1, InputAddr is the virtual address, IPA what stage 1 made of it (not of InputAddr)
    GoldenBytes{"F_PERMISSION S2 IN read, nested", "7.3.16",
                {0x0000'1234'005a'5813, 0x0000'0288'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0080'4567'8000}, 32},
    // nested, the stage 1 walk's read of a descriptor at IPA 0x81'2345'67f0: CLASS TT, TTRnW 1 -> 0x1188
    GoldenBytes{"F_PERMISSION S2 TT read of a read", "7.3.16",
                {0x0000'1234'005a'5813, 0x0000'1188'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // the same for a write that comes in: RnW 0 -> 0x1180
    GoldenBytes{"F_PERMISSION S2 TT read of a write", "7.3.16",
                {0x0000'1234'005a'5813, 0x0000'1180'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // a read whose walk could not set the access flag of the stage 1 descriptor: TTRnW 0 -> 0x188
    GoldenBytes{"F_PERMISSION S2 TT write of a read", "7.3.16",
                {0x0000'1234'005a'5813, 0x0000'0188'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // nested, fetch of the CD at IPA 0x81'2347'6940: CLASS CD -> 0x88
    GoldenBytes{"F_PERMISSION S2 CD read", "7.3.16",
                {0x0000'1234'005a'5813, 0x0000'0088'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2347'6000}, 32},
    // stage 2 alone, read, stalled (S2S 1): Stall w1[31], STAG w1[15:0] = 0xbeef
    GoldenBytes{"F_PERMISSION S2 IN read, stalled", "7.3.16",
                {0x0000'1234'0000'0013, 0x0000'0288'8000'beef, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // nested, write, stalled, CLASS TT, TTRnW 1
    GoldenBytes{"F_PERMISSION S2 TT write, stalled", "7.3.16",
                {0x0000'1234'005a'5813, 0x0000'1180'8000'beef, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'6000}, 32},
    // privileged write of stage 2 alone: 0x282
    GoldenBytes{"F_PERMISSION S2 IN privileged write", "7.3.16",
                {0x0000'1234'0000'0013, 0x0000'0282'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0080'4567'8000}, 32},
    // S2PTW: stage 1 table in memory that stage 2 maps as Device; TTRnW 1
    GoldenBytes{"F_PERMISSION S2 TT, S2PTW", "7.3.16",
                {0x0000'1234'005a'5813, 0x0000'1188'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'7000}, 32},
    // id 0x0b; stage 2 alone, read: 0x288; FetchAddr w3[51:3] = the stage 2 descriptor at 0x81'4567'0008 (IPA[47:39] 1
    // * 8)
    GoldenBytes{"F_WALK_EABT S2 IN read", "7.3.12",
                {0x0000'1234'0000'000b, 0x0000'0288'0000'0000, 0x0000'0080'4567'8a80, 0x0000'0081'4567'0008}, 32},
    // nested, stage 2 walk for a stage 1 descriptor, write: CLASS TT -> 0x180
    GoldenBytes{"F_WALK_EABT S2 TT write", "7.3.12",
                {0x0000'1234'005a'580b, 0x0000'0180'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'4567'0008}, 32},
    // nested, stage 2 walk for the CD: CLASS CD -> 0x88
    GoldenBytes{"F_WALK_EABT S2 CD read", "7.3.12",
                {0x0000'1234'005a'580b, 0x0000'0088'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'4567'0008}, 32},
    // nested, the stage 1 descriptor's own read: S2 0, CLASS TT -> 0x108; FetchAddr is its physical address
    // 0x82'2345'67f0
    GoldenBytes{"F_WALK_EABT S1 TT read, nested", "7.3.12",
                {0x0000'1234'005a'580b, 0x0000'0108'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0082'2345'67f0}, 32},
};

/// The other records (7.3). Reason is zero (implementation defined).
inline constexpr std::array more_event_records{
    // id 0x01; unprivileged data write: w1 half 0; SSV 1. PnU and InD are the incoming ones
    GoldenBytes{"F_UUT write", "7.3.2", {0x0000'1234'005a'5801, 0, 0x0000'7f12'3456'7a80}, 32},
    // privileged data read: PnU, RnW -> 0xa
    GoldenBytes{"F_UUT privileged read", "7.3.2",
                {0x0000'1234'005a'5801, 0x0000'000a'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // instruction fetch without substream: InD, RnW -> 0xc
    GoldenBytes{"F_UUT fetch, SSV 0", "7.3.2",
                {0x0000'1234'0000'0001, 0x0000'000c'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // id 0x02; StreamID 0xffff'ffff
    GoldenBytes{"C_BAD_STREAMID highest stream", "7.3.3", {0xffff'ffff'0000'0002}, 32},
    // id 0x03; FetchAddr w3[51:3] = the L1STD at 0x80'1300'0000 + 0x12 * 8. IHI 0070 from memory: that an aborted
    // L1STD read is this event
    GoldenBytes{"F_STE_FETCH of the L1STD", "7.3.4", {0x0000'1234'0000'0003, 0, 0, 0x0000'0080'1300'0090}, 32},
    // id 0x03, GPCF w1[16] -> 0x1'0000: a granule protection fault (IDR0.RME_IMPL)
    GoldenBytes{"F_STE_FETCH, GPCF", "7.3.4",
                {0x0000'1234'0000'0003, 0x0000'0000'0001'0000, 0, 0x0000'0080'1304'8d00}, 32},
    // id 0x04; a stage 2 stream
    GoldenBytes{"C_BAD_STE highest stream", "7.3.5", {0xffff'ffff'0000'0004}, 32},
    // id 0x05; SSV 1; Span w1[3:0] = 1; R w1[31] (always), W w1[30] = !NW; InputAddr [63:12]. IHI 0070 from memory and
    // unverified: these bits stand in no text read, one public header has them (Span 67:64, Priv 92, X 93, W 94, R 95)
    GoldenBytes{"F_BAD_ATS_TREQ NW 0", "7.3.6",
                {0x0000'1234'005a'5805, 0x0000'0000'c000'0001, 0x0000'7f12'3456'7000}, 32},
    // NW 1: R alone; SSV 0; unverified as above
    GoldenBytes{"F_BAD_ATS_TREQ NW 1, SSV 0", "7.3.6",
                {0x0000'1234'0000'0005, 0x0000'0000'8000'0001, 0x0000'7f12'3456'7000}, 32},
    // privileged execute request, NW 1: R, X w1[29], Priv w1[28]; unverified as above
    GoldenBytes{"F_BAD_ATS_TREQ privileged execute", "7.3.6",
                {0x0000'1234'005a'5805, 0x0000'0000'b000'0001, 0x0000'7f12'3456'7000}, 32},
    // id 0x08 by a stage 2 stream that is given SubstreamID 0: bit 11 stays 0
    GoldenBytes{"C_BAD_SUBSTREAMID 0", "7.3.9", {0x0000'1234'0000'0008}, 32},
    // SubstreamID 0xf'ffff
    GoldenBytes{"C_BAD_SUBSTREAMID 0xfffff", "7.3.9", {0x0000'1234'ffff'f008}, 32},
    // id 0x09, SSV 0; FetchAddr = 0x80'1234'5000 (the only CD)
    GoldenBytes{"F_CD_FETCH, SSV 0", "7.3.10", {0x0000'1234'0000'0009, 0, 0, 0x0000'0080'1234'5000}, 32},
    // nested: FetchAddr is the physical address that stage 2 gave, 0x82'2347'6940, not the IPA
    GoldenBytes{"F_CD_FETCH, nested", "7.3.10", {0x0000'1234'005a'5809, 0, 0, 0x0000'0082'2347'6940}, 32},
    // id 0x0b; stage 1 write: CLASS TT -> 0x100, SSV 0
    GoldenBytes{"F_WALK_EABT write, SSV 0", "7.3.12",
                {0x0000'1234'0000'000b, 0x0000'0100'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0081'2345'67f0}, 32},
    // id 0x11, stage 1, write, stalled: CLASS IN, Stall, STAG 0xbeef
    GoldenBytes{"F_ADDR_SIZE write, stalled", "7.3.14",
                {0x0000'1234'005a'5811, 0x0000'0200'8000'beef, 0x0000'7f12'3456'7a80}, 32},
    // id 0x12, stage 1, read, stalled
    GoldenBytes{"F_ACCESS read, stalled", "7.3.15",
                {0x0000'1234'005a'5812, 0x0000'0208'8000'beef, 0x0000'7f12'3456'7a80}, 32},
    // id 0x13, stage 1, privileged fetch: PnU, InD, RnW -> 0x20e
    GoldenBytes{"F_PERMISSION privileged fetch", "7.3.16",
                {0x0000'1234'005a'5813, 0x0000'020e'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // STAG 0xffff, the highest; bit 16 of w1 stays 0
    GoldenBytes{"F_TRANSLATION write, STAG 0xffff", "7.3.13",
                {0x0000'1234'005a'5810, 0x0000'0200'8000'ffff, 0x0000'7f12'3456'7a80}, 32},
    // id 0x20; read, stage 1: RnW -> 0x8; no CLASS. IHI 0070 from memory: layout of w1 and w3
    GoldenBytes{"F_TLB_CONFLICT S1 read", "7.3.17",
                {0x0000'1234'005a'5820, 0x0000'0008'0000'0000, 0x0000'7f12'3456'7a80}, 32},
    // stage 2: S2 -> 0x88; w3 = IPA [51:12]. IHI 0070 from memory as above
    GoldenBytes{"F_TLB_CONFLICT S2 read", "7.3.17",
                {0x0000'1234'005a'5820, 0x0000'0088'0000'0000, 0x0000'7f12'3456'7a80, 0x0000'0080'4567'8000}, 32},
    // id 0x21; SSV 1
    GoldenBytes{"F_CFG_CONFLICT, SSV 1", "7.3.18", {0x0000'1234'005a'5821}, 32},
    // SSV 0
    GoldenBytes{"F_CFG_CONFLICT", "7.3.18", {0x0000'1234'0000'0021}, 32},
    // id 0x24; Span w1[51:44] = 0x10 -> 0x1'0000 in the half (16 pages); uR [3], uW [2] -> 0xc; InputAddr [63:12]
    GoldenBytes{"E_PAGE_REQUEST user read-write, 16 pages", "7.3.19",
                {0x0000'1234'005a'5824, 0x0001'000c'0000'0000, 0x0000'7f12'3456'7000}, 32},
    // Span 1 -> 0x1000; pR [7], pX [5] -> 0xa0; SSV 0
    GoldenBytes{"E_PAGE_REQUEST privileged read-execute, 1 page", "7.3.19",
                {0x0000'1234'0000'0024, 0x0000'10a0'0000'0000, 0x0000'7f12'3456'7000}, 32},
    // Span 255 -> 0xf'f000; all flags: pR pW pX [7:5] -> 0xe0, uR uW uX [3:1] -> 0xe; bits 4 and 0 RES0
    GoldenBytes{"E_PAGE_REQUEST all, 255 pages", "7.3.19",
                {0x0000'1234'005a'5824, 0x000f'f0ee'0000'0000, 0x0000'7f12'3456'7000}, 32},
    // id 0x25; FetchAddr w3[51:3] = 0x81'5678'9000
    GoldenBytes{"F_VMS_FETCH", "7.3.20", {0x0000'1234'005a'5825, 0, 0, 0x0000'0081'5678'9000}, 32},
};

/// Fields of the records and of the commands, over the whole of each. EventID [7:0] and StreamID [63:32] are in every
/// record, SSV [11] and SubstreamID [31:12] in all that name them here. Rows of F_BAD_ATS_TREQ and F_TLB_CONFLICT: IHI
/// 0070 from memory, with one public header.
inline constexpr std::array event_fields{
    GoldenStructField{"F_UUT", "SSV", 11, 11},
    GoldenStructField{"F_UUT", "SubstreamID", 31, 12},
    GoldenStructField{"F_UUT", "Reason", 79, 64},
    GoldenStructField{"F_UUT", "PnU", 97, 97},
    GoldenStructField{"F_UUT", "InD", 98, 98},
    GoldenStructField{"F_UUT", "RnW", 99, 99},
    GoldenStructField{"F_UUT", "InputAddr", 191, 128},
    GoldenStructField{"C_BAD_STREAMID", "SSV", 11, 11},
    GoldenStructField{"C_BAD_STREAMID", "SubstreamID", 31, 12},
    GoldenStructField{"F_STE_FETCH", "SSV", 11, 11},
    GoldenStructField{"F_STE_FETCH", "SubstreamID", 31, 12},
    GoldenStructField{"F_STE_FETCH", "Reason", 79, 64},
    GoldenStructField{"F_STE_FETCH", "GPCF", 80, 80},
    GoldenStructField{"F_STE_FETCH", "FetchAddr", 243, 195},
    GoldenStructField{"C_BAD_STE", "SSV", 11, 11},
    GoldenStructField{"C_BAD_STE", "SubstreamID", 31, 12},
    GoldenStructField{"F_BAD_ATS_TREQ", "SSV", 11, 11},
    GoldenStructField{"F_BAD_ATS_TREQ", "SubstreamID", 31, 12},
    GoldenStructField{"F_BAD_ATS_TREQ", "Span", 67, 64},
    GoldenStructField{"F_BAD_ATS_TREQ", "Priv", 92, 92},
    GoldenStructField{"F_BAD_ATS_TREQ", "X", 93, 93},
    GoldenStructField{"F_BAD_ATS_TREQ", "W", 94, 94},
    GoldenStructField{"F_BAD_ATS_TREQ", "R", 95, 95},
    GoldenStructField{"F_BAD_ATS_TREQ", "InputAddr", 191, 140},
    GoldenStructField{"F_TRANSL_FORBIDDEN", "RnW", 99, 99},
    GoldenStructField{"F_TRANSL_FORBIDDEN", "InputAddr", 191, 128},
    GoldenStructField{"C_BAD_SUBSTREAMID", "SubstreamID", 31, 12},
    GoldenStructField{"F_CD_FETCH", "SSV", 11, 11},
    GoldenStructField{"F_CD_FETCH", "SubstreamID", 31, 12},
    GoldenStructField{"F_CD_FETCH", "Reason", 79, 64},
    GoldenStructField{"F_CD_FETCH", "GPCF", 80, 80},
    GoldenStructField{"F_CD_FETCH", "FetchAddr", 243, 195},
    GoldenStructField{"C_BAD_CD", "SSV", 11, 11},
    GoldenStructField{"C_BAD_CD", "SubstreamID", 31, 12},
    GoldenStructField{"F_WALK_EABT", "SSV", 11, 11},
    GoldenStructField{"F_WALK_EABT", "SubstreamID", 31, 12},
    GoldenStructField{"F_WALK_EABT", "Reason", 79, 64},
    GoldenStructField{"F_WALK_EABT", "PnU", 97, 97},
    GoldenStructField{"F_WALK_EABT", "InD", 98, 98},
    GoldenStructField{"F_WALK_EABT", "RnW", 99, 99},
    GoldenStructField{"F_WALK_EABT", "S2", 103, 103},
    GoldenStructField{"F_WALK_EABT", "CLASS", 105, 104},
    GoldenStructField{"F_WALK_EABT", "InputAddr", 191, 128},
    GoldenStructField{"F_WALK_EABT", "FetchAddr", 243, 195},
    GoldenStructField{"F_TRANSLATION", "SSV", 11, 11},
    GoldenStructField{"F_TRANSLATION", "SubstreamID", 31, 12},
    GoldenStructField{"F_TRANSLATION", "STAG", 79, 64},
    GoldenStructField{"F_TRANSLATION", "Stall", 95, 95},
    GoldenStructField{"F_TRANSLATION", "PnU", 97, 97},
    GoldenStructField{"F_TRANSLATION", "InD", 98, 98},
    GoldenStructField{"F_TRANSLATION", "RnW", 99, 99},
    GoldenStructField{"F_TRANSLATION", "NSIPA", 102, 102},
    GoldenStructField{"F_TRANSLATION", "S2", 103, 103},
    GoldenStructField{"F_TRANSLATION", "CLASS", 105, 104},
    GoldenStructField{"F_TRANSLATION", "InputAddr", 191, 128},
    GoldenStructField{"F_TRANSLATION", "IPA", 243, 204},
    GoldenStructField{"F_ADDR_SIZE", "SSV", 11, 11},
    GoldenStructField{"F_ADDR_SIZE", "SubstreamID", 31, 12},
    GoldenStructField{"F_ADDR_SIZE", "STAG", 79, 64},
    GoldenStructField{"F_ADDR_SIZE", "Stall", 95, 95},
    GoldenStructField{"F_ADDR_SIZE", "PnU", 97, 97},
    GoldenStructField{"F_ADDR_SIZE", "InD", 98, 98},
    GoldenStructField{"F_ADDR_SIZE", "RnW", 99, 99},
    GoldenStructField{"F_ADDR_SIZE", "NSIPA", 102, 102},
    GoldenStructField{"F_ADDR_SIZE", "S2", 103, 103},
    GoldenStructField{"F_ADDR_SIZE", "CLASS", 105, 104},
    GoldenStructField{"F_ADDR_SIZE", "InputAddr", 191, 128},
    GoldenStructField{"F_ADDR_SIZE", "IPA", 243, 204},
    GoldenStructField{"F_ACCESS", "SSV", 11, 11},
    GoldenStructField{"F_ACCESS", "SubstreamID", 31, 12},
    GoldenStructField{"F_ACCESS", "STAG", 79, 64},
    GoldenStructField{"F_ACCESS", "Stall", 95, 95},
    GoldenStructField{"F_ACCESS", "PnU", 97, 97},
    GoldenStructField{"F_ACCESS", "InD", 98, 98},
    GoldenStructField{"F_ACCESS", "RnW", 99, 99},
    GoldenStructField{"F_ACCESS", "NSIPA", 102, 102},
    GoldenStructField{"F_ACCESS", "S2", 103, 103},
    GoldenStructField{"F_ACCESS", "CLASS", 105, 104},
    GoldenStructField{"F_ACCESS", "InputAddr", 191, 128},
    GoldenStructField{"F_ACCESS", "IPA", 243, 204},
    GoldenStructField{"F_PERMISSION", "SSV", 11, 11},
    GoldenStructField{"F_PERMISSION", "SubstreamID", 31, 12},
    GoldenStructField{"F_PERMISSION", "STAG", 79, 64},
    GoldenStructField{"F_PERMISSION", "Stall", 95, 95},
    GoldenStructField{"F_PERMISSION", "PnU", 97, 97},
    GoldenStructField{"F_PERMISSION", "InD", 98, 98},
    GoldenStructField{"F_PERMISSION", "RnW", 99, 99},
    GoldenStructField{"F_PERMISSION", "NSIPA", 102, 102},
    GoldenStructField{"F_PERMISSION", "S2", 103, 103},
    GoldenStructField{"F_PERMISSION", "CLASS", 105, 104},
    GoldenStructField{"F_PERMISSION", "TTRnW", 108, 108},
    GoldenStructField{"F_PERMISSION", "InputAddr", 191, 128},
    GoldenStructField{"F_PERMISSION", "IPA", 243, 204},
    GoldenStructField{"F_TLB_CONFLICT", "SSV", 11, 11},
    GoldenStructField{"F_TLB_CONFLICT", "SubstreamID", 31, 12},
    GoldenStructField{"F_TLB_CONFLICT", "PnU", 97, 97},
    GoldenStructField{"F_TLB_CONFLICT", "InD", 98, 98},
    GoldenStructField{"F_TLB_CONFLICT", "RnW", 99, 99},
    GoldenStructField{"F_TLB_CONFLICT", "NSIPA", 102, 102},
    GoldenStructField{"F_TLB_CONFLICT", "S2", 103, 103},
    GoldenStructField{"F_TLB_CONFLICT", "InputAddr", 191, 128},
    GoldenStructField{"F_TLB_CONFLICT", "IPA", 243, 204},
    GoldenStructField{"F_CFG_CONFLICT", "SSV", 11, 11},
    GoldenStructField{"F_CFG_CONFLICT", "SubstreamID", 31, 12},
    GoldenStructField{"F_CFG_CONFLICT", "Reason", 95, 64},  // the figure does not end it at 79
    GoldenStructField{"E_PAGE_REQUEST", "SSV", 11, 11},
    GoldenStructField{"E_PAGE_REQUEST", "SubstreamID", 31, 12},
    GoldenStructField{"E_PAGE_REQUEST", "uX", 97, 97},
    GoldenStructField{"E_PAGE_REQUEST", "uW", 98, 98},
    GoldenStructField{"E_PAGE_REQUEST", "uR", 99, 99},
    GoldenStructField{"E_PAGE_REQUEST", "pX", 101, 101},
    GoldenStructField{"E_PAGE_REQUEST", "pW", 102, 102},
    GoldenStructField{"E_PAGE_REQUEST", "pR", 103, 103},
    GoldenStructField{"E_PAGE_REQUEST", "Span", 115, 108},
    GoldenStructField{"E_PAGE_REQUEST", "InputAddr", 191, 140},
    GoldenStructField{"F_VMS_FETCH", "SSV", 11, 11},
    GoldenStructField{"F_VMS_FETCH", "SubstreamID", 31, 12},
    GoldenStructField{"F_VMS_FETCH", "Reason", 79, 64},
    GoldenStructField{"F_VMS_FETCH", "GPCF", 80, 80},
    GoldenStructField{"F_VMS_FETCH", "FetchAddr", 243, 195},
};
inline constexpr std::array command_fields{
    GoldenStructField{"PREFETCH_CONFIG", "SSec", 10, 10},
    GoldenStructField{"PREFETCH_CONFIG", "SSV", 11, 11},
    GoldenStructField{"PREFETCH_CONFIG", "SubstreamID", 31, 12},
    GoldenStructField{"PREFETCH_CONFIG", "StreamID", 63, 32},
    GoldenStructField{"PREFETCH_ADDR", "SSec", 10, 10},
    GoldenStructField{"PREFETCH_ADDR", "SSV", 11, 11},
    GoldenStructField{"PREFETCH_ADDR", "SubstreamID", 31, 12},
    GoldenStructField{"PREFETCH_ADDR", "StreamID", 63, 32},
    GoldenStructField{"PREFETCH_ADDR", "Size", 68, 64},
    GoldenStructField{"PREFETCH_ADDR", "Address", 127, 76},
    GoldenStructField{"CFGI_STE", "SSec", 10, 10},
    GoldenStructField{"CFGI_STE", "StreamID", 63, 32},
    GoldenStructField{"CFGI_STE", "Leaf", 64, 64},
    GoldenStructField{"CFGI_STE_RANGE", "SSec", 10, 10},
    GoldenStructField{"CFGI_STE_RANGE", "StreamID", 63, 32},
    GoldenStructField{"CFGI_STE_RANGE", "Range", 68, 64},
    GoldenStructField{"CFGI_CD", "SSec", 10, 10},
    GoldenStructField{"CFGI_CD", "SubstreamID", 31, 12},
    GoldenStructField{"CFGI_CD", "StreamID", 63, 32},
    GoldenStructField{"CFGI_CD", "Leaf", 64, 64},
    GoldenStructField{"CFGI_CD_ALL", "SSec", 10, 10},
    GoldenStructField{"CFGI_CD_ALL", "StreamID", 63, 32},
    GoldenStructField{"CFGI_VMS_PIDM", "SSec", 10, 10},
    GoldenStructField{"CFGI_VMS_PIDM", "VMID", 47, 32},
    GoldenStructField{"TLBI_NH_ALL", "VMID", 47, 32},
    GoldenStructField{"TLBI_NH_ASID", "VMID", 47, 32},
    GoldenStructField{"TLBI_NH_ASID", "ASID", 63, 48},
    GoldenStructField{"TLBI_NH_VA", "NUM", 16, 12},
    GoldenStructField{"TLBI_NH_VA", "SCALE", 24, 20},
    GoldenStructField{"TLBI_NH_VA", "VMID", 47, 32},
    GoldenStructField{"TLBI_NH_VA", "ASID", 63, 48},
    GoldenStructField{"TLBI_NH_VA", "Leaf", 64, 64},
    GoldenStructField{"TLBI_NH_VA", "TTL", 73, 72},
    GoldenStructField{"TLBI_NH_VA", "TG", 75, 74},
    GoldenStructField{"TLBI_NH_VA", "Address", 127, 76},
    GoldenStructField{"TLBI_NH_VAA", "NUM", 16, 12},
    GoldenStructField{"TLBI_NH_VAA", "SCALE", 24, 20},
    GoldenStructField{"TLBI_NH_VAA", "VMID", 47, 32},
    GoldenStructField{"TLBI_NH_VAA", "Leaf", 64, 64},
    GoldenStructField{"TLBI_NH_VAA", "TTL", 73, 72},
    GoldenStructField{"TLBI_NH_VAA", "TG", 75, 74},
    GoldenStructField{"TLBI_NH_VAA", "Address", 127, 76},
    GoldenStructField{"TLBI_EL2_ASID", "ASID", 63, 48},
    GoldenStructField{"TLBI_EL2_VA", "NUM", 16, 12},
    GoldenStructField{"TLBI_EL2_VA", "SCALE", 24, 20},
    GoldenStructField{"TLBI_EL2_VA", "ASID", 63, 48},
    GoldenStructField{"TLBI_EL2_VA", "Leaf", 64, 64},
    GoldenStructField{"TLBI_EL2_VA", "TTL", 73, 72},
    GoldenStructField{"TLBI_EL2_VA", "TG", 75, 74},
    GoldenStructField{"TLBI_EL2_VA", "Address", 127, 76},
    GoldenStructField{"TLBI_EL2_VAA", "NUM", 16, 12},
    GoldenStructField{"TLBI_EL2_VAA", "SCALE", 24, 20},
    GoldenStructField{"TLBI_EL2_VAA", "Leaf", 64, 64},
    GoldenStructField{"TLBI_EL2_VAA", "TTL", 73, 72},
    GoldenStructField{"TLBI_EL2_VAA", "TG", 75, 74},
    GoldenStructField{"TLBI_EL2_VAA", "Address", 127, 76},
    GoldenStructField{"TLBI_S12_VMALL", "VMID", 47, 32},
    GoldenStructField{"TLBI_S2_IPA", "NUM", 16, 12},
    GoldenStructField{"TLBI_S2_IPA", "SCALE", 24, 20},
    GoldenStructField{"TLBI_S2_IPA", "VMID", 47, 32},
    GoldenStructField{"TLBI_S2_IPA", "Leaf", 64, 64},
    GoldenStructField{"TLBI_S2_IPA", "TTL", 73, 72},
    GoldenStructField{"TLBI_S2_IPA", "TG", 75, 74},
    GoldenStructField{"TLBI_S2_IPA", "Address", 115, 76},
    GoldenStructField{"ATC_INV", "Global", 9, 9},
    GoldenStructField{"ATC_INV", "SSV", 11, 11},
    GoldenStructField{"ATC_INV", "SubstreamID", 31, 12},
    GoldenStructField{"ATC_INV", "StreamID", 63, 32},
    GoldenStructField{"ATC_INV", "Size", 69, 64},
    GoldenStructField{"ATC_INV", "Address", 127, 76},
    GoldenStructField{"PRI_RESP", "SSV", 11, 11},
    GoldenStructField{"PRI_RESP", "SubstreamID", 31, 12},
    GoldenStructField{"PRI_RESP", "StreamID", 63, 32},
    GoldenStructField{"PRI_RESP", "PRGIndex", 72, 64},
    GoldenStructField{"PRI_RESP", "Resp", 77, 76},
    GoldenStructField{"RESUME", "SSec", 10, 10},
    GoldenStructField{"RESUME", "Ac", 12, 12},
    GoldenStructField{"RESUME", "Ab", 13, 13},
    GoldenStructField{"RESUME", "StreamID", 63, 32},
    GoldenStructField{"RESUME", "STAG", 79, 64},
    GoldenStructField{"STALL_TERM", "SSec", 10, 10},
    GoldenStructField{"STALL_TERM", "StreamID", 63, 32},
    GoldenStructField{"SYNC", "CS", 13, 12},
    GoldenStructField{"SYNC", "MSH", 23, 22},
    GoldenStructField{"SYNC", "MSIAttr", 27, 24},
    GoldenStructField{"SYNC", "MSIData", 63, 32},
    GoldenStructField{"SYNC", "MSIAddress", 115, 66},
};

// ---- 5. VMSAv8-64 descriptors ---------------------------------------------------------------------------------------

/// Stage 2 descriptors (DDI 0487 D8.3). Leaf low bits: type [1:0] 11 page or 01 block; MemAttr [5:2] 1111 -> 0x3c; S2AP
/// [7:6]: bit 6 read, bit 7 write -> 0x40, 0x80; SH [9:8] 3 -> 0x300; AF [10] -> 0x400; bit 11 is not nG here. High
/// bits: DBM [51], Contiguous [52], XN [54:53]. A page that may be read and written: 0x3 + 0x3c + 0xc0 + 0x300 + 0x400
/// = 0x7ff.
inline constexpr std::array stage2_descriptors{
    // type 11 at level 0 to 2; next table [47:12]. Stage 2 tables have no attribute bits: [63:59] RES0
    GoldenBytes{"stage 2 table, 4 KiB", "DDI 0487 D8.3.1.1", {0x0000'0081'0000'1003}, 8},
    // next table [47:14] = 0x81'0000'4000
    GoldenBytes{"stage 2 table, 16 KiB", "DDI 0487 D8.3.1.1", {0x0000'0081'0000'4003}, 8},
    // next table [47:16] = 0x81'0001'0000
    GoldenBytes{"stage 2 table, 64 KiB", "DDI 0487 D8.3.1.1", {0x0000'0081'0001'0003}, 8},
    // 0x7ff: what io-pgtable-arm.c writes for IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE
    GoldenBytes{"stage 2 page read-write", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'87ff}, 8},
    // S2AP 01: 0x7ff - 0x80
    GoldenBytes{"stage 2 page read-only", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'877f}, 8},
    // S2AP 10: 0x7ff - 0x40
    GoldenBytes{"stage 2 page write-only", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'87bf}, 8},
    // S2AP 00: 0x7ff - 0xc0; valid, F_PERMISSION for all
    GoldenBytes{"stage 2 page without access", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'873f}, 8},
    // AF 0: 0x7ff - 0x400; F_ACCESS unless S2HA or S2AFFD
    GoldenBytes{"stage 2 page read-write, not accessed", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'83ff}, 8},
    // DBM [51] -> 0x8 of the top half, S2AP 01: writable-clean; with S2HD the SMMU sets bit 7
    GoldenBytes{"stage 2 page writable-clean", "DDI 0487 D8.3.1.2", {0x0008'0081'4567'877f}, 8},
    // the same after the write: DBM, S2AP 11
    GoldenBytes{"stage 2 page writable-dirty", "DDI 0487 D8.3.1.2", {0x0008'0081'4567'87ff}, 8},
    // XN [54:53] 10 -> 0x40 of the top half: no execution at all (with XNX; without, XN is bit 54 alone and this is
    // it)
    GoldenBytes{"stage 2 page read-write, XN 10", "DDI 0487 D8.3.1.2", {0x0040'0081'4567'87ff}, 8},
    // XN 01 (IDR3.XNX): unprivileged execution only
    GoldenBytes{"stage 2 page read-write, XN 01", "DDI 0487 D8.3.1.2", {0x0020'0081'4567'87ff}, 8},
    // XN 11 (IDR3.XNX): privileged execution only. Linux writes this for IOMMU_NOEXEC, which is that only without XNX
    GoldenBytes{"stage 2 page read-write, XN 11", "DDI 0487 D8.3.1.2", {0x0060'0081'4567'87ff}, 8},
    // MemAttr 0101 -> 0x14, SH 2 -> 0x200 (Linux without IOMMU_CACHE): 0x3 + 0x14 + 0xc0 + 0x200 + 0x400 = 0x6d7
    GoldenBytes{"stage 2 page read-write, non-cacheable", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'86d7}, 8},
    // MemAttr 0001 -> 0x4 (Device-nGnRE), SH 2 (Linux IOMMU_MMIO): 0x6c7
    GoldenBytes{"stage 2 page read-write, Device-nGnRE", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'86c7}, 8},
    // MemAttr 0000 (Device-nGnRnE), SH 0: 0x4c3
    GoldenBytes{"stage 2 page read-write, Device-nGnRnE", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'84c3}, 8},
    // Contiguous [52] -> 0x10 of the top half: one of 16 entries, 64 KiB at 0x81'4567'0000
    GoldenBytes{"stage 2 page read-write, contiguous", "DDI 0487 D8.3.1.2", {0x0010'0081'4567'07ff}, 8},
    // type 01 at level 2, output [47:21] = 0x81'4560'0000: 0x7fd
    GoldenBytes{"stage 2 block of 2 MiB", "DDI 0487 D8.3.1.2", {0x0000'0081'4560'07fd}, 8},
    // type 01 at level 1, output [47:30] = 0x81'4000'0000
    GoldenBytes{"stage 2 block of 1 GiB", "DDI 0487 D8.3.1.2", {0x0000'0081'4000'07fd}, 8},
    // 2 MiB block with Contiguous: one of 16, 32 MiB at 0x81'4400'0000
    GoldenBytes{"stage 2 block of 2 MiB, contiguous", "DDI 0487 D8.3.1.2", {0x0010'0081'4400'07fd}, 8},
    // 2 MiB block, S2AP 01, DBM
    GoldenBytes{"stage 2 block of 2 MiB, writable-clean", "DDI 0487 D8.3.1.2", {0x0008'0081'4560'077d}, 8},
    // 16 KiB page: output [47:14] = 0x81'4567'8000
    GoldenBytes{"stage 2 page of 16 KiB", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'87ff}, 8},
    // 16 KiB granule, level 2 block: output [47:25] = 0x81'4400'0000
    GoldenBytes{"stage 2 block of 32 MiB", "DDI 0487 D8.3.1.2", {0x0000'0081'4400'07fd}, 8},
    // 64 KiB page: output [47:16] = 0x81'4567'0000
    GoldenBytes{"stage 2 page of 64 KiB", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'07ff}, 8},
    // 64 KiB granule, level 2 block: output [47:29] = 0x81'4000'0000
    GoldenBytes{"stage 2 block of 512 MiB", "DDI 0487 D8.3.1.2", {0x0000'0081'4000'07fd}, 8},
    // 64 KiB page of a 52-bit output 0xa'0081'4567'0000: address bits [51:48] = 0xa stand in [15:12]
    GoldenBytes{"stage 2 page of 64 KiB, 52 bits", "DDI 0487 D8.3.1.2", {0x0000'0081'4567'a7ff}, 8},
};

/// Stage 1 descriptors beside page_descriptors (DDI 0487 D8.3): the base is "page read-write", low bits 0xf43, UXN and
/// PXN [54:53] -> 0x60 of the top half.
inline constexpr std::array more_stage1_descriptors{
    // DBM [51] alone, AP[2] 0: writable, already dirty (top half 0x68)
    GoldenBytes{"page writable-dirty", "DDI 0487 D8.3.1.2", {0x0068'0081'2345'6f43}, 8},
    // Contiguous [52] -> 0x10: one of 16, 64 KiB at 0x81'2345'0000 (top half 0x70)
    GoldenBytes{"page read-write, contiguous", "DDI 0487 D8.3.1.2", {0x0070'0081'2345'0f43}, 8},
    // UXN [54] alone -> 0x40: privileged execution allowed, AP[1] 0 -> 0xf03
    GoldenBytes{"page privileged read-write, executable when privileged", "DDI 0487 D8.3.1.2",
                {0x0040'0081'2345'6f03}, 8},
    // PXN, UXN 0; read-only 0xfc3
    GoldenBytes{"page read-only, executable by all", "DDI 0487 D8.3.1.2", {0x0000'0081'2345'6fc3}, 8},
    // AP[2:1] 10: privileged read-only: 0x3 + 0x80 + 0xf00 = 0xf83
    GoldenBytes{"page privileged read-only", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'6f83}, 8},
    // AttrIndx [4:2] = 1 -> 0x4: what io-pgtable-arm.c writes for IOMMU_CACHE | IOMMU_NOEXEC (0xf47)
    GoldenBytes{"page read-write, attribute 1", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'6f47}, 8},
    // AttrIndx 2 -> 0x8, SH 2 -> 0x200: Device (0xe4b)
    GoldenBytes{"page read-write, attribute 2, outer shareable", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'6e4b}, 8},
    // AttrIndx 7 -> 0x1c: 0xf5f
    GoldenBytes{"page read-write, attribute 7", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'6f5f}, 8},
    // NS [5] -> 0x20: ignored for a Non-secure stream (0xf63)
    GoldenBytes{"page read-write, NS", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'6f63}, 8},
    // software bits [58:55] = 1111 -> 0x780 of the top half: ignored
    GoldenBytes{"page read-write, software bits", "DDI 0487 D8.3.1.2", {0x07e0'0081'2345'6f43}, 8},
    // 2 MiB block, writable-clean: AP[2], DBM: 0xfc1
    GoldenBytes{"2 MiB block writable-clean", "DDI 0487 D8.3.1.2", {0x0068'0081'2340'0fc1}, 8},
    // 2 MiB block with Contiguous: one of 16, 32 MiB at 0x81'2200'0000
    GoldenBytes{"2 MiB block read-write, contiguous", "DDI 0487 D8.3.1.2", {0x0070'0081'2200'0f41}, 8},
    // 16 KiB page: output [47:14] = 0x81'2345'4000
    GoldenBytes{"16 KiB page read-write", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'4f43}, 8},
    // 16 KiB granule, level 2 block: output [47:25] = 0x81'2200'0000
    GoldenBytes{"32 MiB block read-write", "DDI 0487 D8.3.1.2", {0x0060'0081'2200'0f41}, 8},
    // 64 KiB page: output [47:16] = 0x81'2345'0000
    GoldenBytes{"64 KiB page read-write", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'0f43}, 8},
    // 64 KiB granule, level 2 block: output [47:29] = 0x81'2000'0000
    GoldenBytes{"512 MiB block read-write", "DDI 0487 D8.3.1.2", {0x0060'0081'2000'0f41}, 8},
    // 64 KiB page of a 52-bit output 0xa'0081'2345'0000: [51:48] = 0xa in [15:12]
    GoldenBytes{"64 KiB page read-write, 52 bits", "DDI 0487 D8.3.1.2", {0x0060'0081'2345'af43}, 8},
    // table with PXNTable [59] -> 0x800 of the top half
    GoldenBytes{"table, PXNTable", "DDI 0487 D8.3.1.1", {0x0800'0081'0000'1003}, 8},
    // table with UXNTable [60] -> 0x1000
    GoldenBytes{"table, UXNTable", "DDI 0487 D8.3.1.1", {0x1000'0081'0000'1003}, 8},
    // table with APTable [62:61] 01 -> 0x2000: no unprivileged access below
    GoldenBytes{"table, APTable 01", "DDI 0487 D8.3.1.1", {0x2000'0081'0000'1003}, 8},
    // APTable 10 -> 0x4000: read-only below
    GoldenBytes{"table, APTable 10", "DDI 0487 D8.3.1.1", {0x4000'0081'0000'1003}, 8},
    // NSTable [63] -> 0x8000: ignored for a Non-secure stream
    GoldenBytes{"table, NSTable", "DDI 0487 D8.3.1.1", {0x8000'0081'0000'1003}, 8},
    // 16 KiB granule: next table [47:14] = 0x81'0000'4000
    GoldenBytes{"table, 16 KiB", "DDI 0487 D8.3.1.1", {0x0000'0081'0000'4003}, 8},
    // 64 KiB granule: next table [47:16] = 0x81'0001'0000
    GoldenBytes{"table, 64 KiB", "DDI 0487 D8.3.1.1", {0x0000'0081'0001'0003}, 8},
};

/// Fields of a descriptor, over its 64 bits. GP, PBHA and nT: DDI 0487 from memory. Bits 62:59 of a leaf are PBHA where
/// enabled.
inline constexpr std::array descriptor_fields{
    GoldenStructField{"stage 1 leaf", "Type", 1, 0},
    GoldenStructField{"stage 1 leaf", "AttrIndx", 4, 2},
    GoldenStructField{"stage 1 leaf", "NS", 5, 5},
    GoldenStructField{"stage 1 leaf", "AP[1]", 6, 6},
    GoldenStructField{"stage 1 leaf", "AP[2]", 7, 7},
    GoldenStructField{"stage 1 leaf", "SH", 9, 8},
    GoldenStructField{"stage 1 leaf", "AF", 10, 10},
    GoldenStructField{"stage 1 leaf", "nG", 11, 11},
    GoldenStructField{"stage 1 leaf", "nT", 16, 16},
    GoldenStructField{"stage 1 leaf", "GP", 50, 50},
    GoldenStructField{"stage 1 leaf", "DBM", 51, 51},
    GoldenStructField{"stage 1 leaf", "Contiguous", 52, 52},
    GoldenStructField{"stage 1 leaf", "PXN", 53, 53},
    GoldenStructField{"stage 1 leaf", "UXN", 54, 54},
    GoldenStructField{"stage 1 leaf", "software", 58, 55},
    GoldenStructField{"stage 1 leaf", "PBHA", 62, 59},
    GoldenStructField{"stage 1 table", "Type", 1, 0},
    GoldenStructField{"stage 1 table", "NextTable", 47, 12},
    GoldenStructField{"stage 1 table", "PXNTable", 59, 59},
    GoldenStructField{"stage 1 table", "UXNTable", 60, 60},
    GoldenStructField{"stage 1 table", "APTable", 62, 61},
    GoldenStructField{"stage 1 table", "NSTable", 63, 63},
    GoldenStructField{"stage 2 leaf", "Type", 1, 0},
    GoldenStructField{"stage 2 leaf", "MemAttr", 5, 2},
    GoldenStructField{"stage 2 leaf", "S2AP", 7, 6},
    GoldenStructField{"stage 2 leaf", "SH", 9, 8},
    GoldenStructField{"stage 2 leaf", "AF", 10, 10},
    GoldenStructField{"stage 2 leaf", "DBM", 51, 51},
    GoldenStructField{"stage 2 leaf", "Contiguous", 52, 52},
    GoldenStructField{"stage 2 leaf", "XN", 54, 53},
    GoldenStructField{"stage 2 leaf", "software", 58, 55},
    GoldenStructField{"stage 2 leaf", "PBHA", 62, 59},
    GoldenStructField{"stage 2 table", "Type", 1, 0},
    GoldenStructField{"stage 2 table", "NextTable", 47, 12},
};

/// What a level may hold without DS (DDI 0487 D8.3, D8.7): `granule` in KiB; log2 of the bytes that an entry covers;
/// how many entries the Contiguous bit spans (0: no leaf there). At level 3 the leaf is a page (type 11), elsewhere a
/// block (01). `wide`: a leaf there only where the output has 52 bits (`leaf` is then false). The contiguous counts of
/// 4 KiB level 1 and 64 KiB level 2: DDI 0487 from memory.
struct GoldenLevel {
    unsigned granule, level;
    bool leaf, wide, table;
    unsigned log2size, contiguous;
};
inline constexpr std::array descriptor_levels{
    GoldenLevel{4, 0, false, false, true, 39, 0},
    GoldenLevel{4, 1, true, false, true, 30, 16},
    GoldenLevel{4, 2, true, false, true, 21, 16},
    GoldenLevel{4, 3, true, false, false, 12, 16},
    GoldenLevel{16, 0, false, false, true, 47, 0},
    GoldenLevel{16, 1, false, false, true, 36, 0},
    GoldenLevel{16, 2, true, false, true, 25, 32},
    GoldenLevel{16, 3, true, false, false, 14, 128},
    GoldenLevel{64, 1, false, true, true, 42, 0},
    GoldenLevel{64, 2, true, false, true, 29, 32},
    GoldenLevel{64, 3, true, false, false, 16, 32},
};

/// Descriptors that end a stage 2 walk (or a stage 1 walk of that granule) with F_TRANSLATION. `granule` in KiB.
struct GoldenInvalid {
    const char* what;
    unsigned granule, level;
    std::uint64_t word;
};
inline constexpr std::array invalid_stage2_descriptors{
    GoldenInvalid{"zero", 4, 3, 0x0000'0000'0000'0000},
    GoldenInvalid{"page with bit 0 clear", 4, 3, 0x0000'0081'4567'87fe},
    GoldenInvalid{"type 01 at level 3", 4, 3, 0x0000'0081'4567'87fd},
    GoldenInvalid{"type 01 at level 3", 16, 3, 0x0000'0081'4567'87fd},
    GoldenInvalid{"type 01 at level 3", 64, 3, 0x0000'0081'4567'07fd},
    GoldenInvalid{"block at level 0", 4, 0, 0x0000'0080'0000'07fd},
    GoldenInvalid{"block at level 1", 16, 1, 0x0000'0080'0000'07fd},
    GoldenInvalid{"block at level 1, 48-bit output", 64, 1, 0x0000'0080'0000'07fd},
    GoldenInvalid{"table with bits 1:0 clear", 4, 1, 0x0000'0081'0000'1000},
    GoldenInvalid{"table with type 10", 4, 2, 0x0000'0081'0000'1002},
};

// ---- 6. Where a stage 2 walk starts ---------------------------------------------------------------------------------

/// S2SL0 under S2TG and S2T0SZ (5.2, DDI 0487 D8.2 and VTCR_EL2). `granule` in KiB. Legal for an output size (IDR5.OAS,
/// with IAS = OAS) of 40, 44 or 48 bits; a row that is legal for none has 0 `tables`. `level` is where the walk starts
/// and `tables` how many stand side by side there; S2SL0 3 of 16 and 64 KiB selects no level (0). The SMMU is v3.1 or
/// later without DS. The rules, IHI 0070 and DDI 0487 from memory (AArch64.S2InvalidSL, S2InconsistentSL; the manual's
/// own function is not in the text read), checked against a public emulator's: the input size 64 - S2T0SZ must leave
/// the first table 1 bit at least and 4 bits more than one table at most; 4 KiB level 0 and 64 KiB level 1 want an OAS
/// of 44 bits, 16 KiB level 1 one of 42; S2T0SZ is at least 64 - IAS and 16.
struct GoldenStart {
    unsigned granule, s2sl0, s2t0sz;
    bool legal40, legal44, legal48;
    unsigned level, tables;
};
/// IDR3.STT 0: S2T0SZ is 39 at most.
inline constexpr std::array stage2_starts{
    GoldenStart{4, 2, 15, false, false, false, 0, 0},
    GoldenStart{4, 2, 16, false, false, true, 0, 1},
    GoldenStart{4, 2, 17, false, false, true, 0, 1},
    GoldenStart{4, 2, 19, false, false, true, 0, 1},
    GoldenStart{4, 2, 20, false, true, true, 0, 1},
    GoldenStart{4, 2, 21, false, true, true, 0, 1},
    GoldenStart{4, 2, 23, false, true, true, 0, 1},
    GoldenStart{4, 2, 24, false, true, true, 0, 1},
    GoldenStart{4, 2, 25, false, false, false, 0, 0},
    GoldenStart{4, 2, 39, false, false, false, 0, 0},
    GoldenStart{4, 1, 16, false, false, false, 1, 0},
    GoldenStart{4, 1, 20, false, false, false, 1, 0},
    GoldenStart{4, 1, 21, false, true, true, 1, 16},
    GoldenStart{4, 1, 22, false, true, true, 1, 8},
    GoldenStart{4, 1, 23, false, true, true, 1, 4},
    GoldenStart{4, 1, 24, true, true, true, 1, 2},
    GoldenStart{4, 1, 25, true, true, true, 1, 1},
    GoldenStart{4, 1, 32, true, true, true, 1, 1},
    GoldenStart{4, 1, 33, true, true, true, 1, 1},
    GoldenStart{4, 1, 34, false, false, false, 1, 0},
    GoldenStart{4, 0, 24, false, false, false, 2, 0},
    GoldenStart{4, 0, 29, false, false, false, 2, 0},
    GoldenStart{4, 0, 30, true, true, true, 2, 16},
    GoldenStart{4, 0, 31, true, true, true, 2, 8},
    GoldenStart{4, 0, 32, true, true, true, 2, 4},
    GoldenStart{4, 0, 33, true, true, true, 2, 2},
    GoldenStart{4, 0, 34, true, true, true, 2, 1},
    GoldenStart{4, 0, 38, true, true, true, 2, 1},
    GoldenStart{4, 0, 39, true, true, true, 2, 1},
    GoldenStart{4, 0, 40, false, false, false, 2, 0},
    GoldenStart{4, 3, 39, false, false, false, 3, 0},
    GoldenStart{16, 2, 15, false, false, false, 1, 0},
    GoldenStart{16, 2, 16, false, false, true, 1, 2},
    GoldenStart{16, 2, 17, false, false, true, 1, 1},
    GoldenStart{16, 2, 19, false, false, true, 1, 1},
    GoldenStart{16, 2, 20, false, true, true, 1, 1},
    GoldenStart{16, 2, 24, false, true, true, 1, 1},
    GoldenStart{16, 2, 26, false, true, true, 1, 1},
    GoldenStart{16, 2, 27, false, true, true, 1, 1},
    GoldenStart{16, 2, 28, false, false, false, 1, 0},
    GoldenStart{16, 1, 20, false, false, false, 2, 0},
    GoldenStart{16, 1, 23, false, false, false, 2, 0},
    GoldenStart{16, 1, 24, true, true, true, 2, 16},
    GoldenStart{16, 1, 25, true, true, true, 2, 8},
    GoldenStart{16, 1, 26, true, true, true, 2, 4},
    GoldenStart{16, 1, 27, true, true, true, 2, 2},
    GoldenStart{16, 1, 28, true, true, true, 2, 1},
    GoldenStart{16, 1, 37, true, true, true, 2, 1},
    GoldenStart{16, 1, 38, true, true, true, 2, 1},
    GoldenStart{16, 1, 39, false, false, false, 2, 0},
    GoldenStart{16, 0, 24, false, false, false, 3, 0},
    GoldenStart{16, 0, 34, false, false, false, 3, 0},
    GoldenStart{16, 0, 35, true, true, true, 3, 16},
    GoldenStart{16, 0, 36, true, true, true, 3, 8},
    GoldenStart{16, 0, 37, true, true, true, 3, 4},
    GoldenStart{16, 0, 38, true, true, true, 3, 2},
    GoldenStart{16, 0, 39, true, true, true, 3, 1},
    GoldenStart{16, 0, 40, false, false, false, 3, 0},
    GoldenStart{16, 3, 16, false, false, false, 0, 0},
    GoldenStart{64, 2, 12, false, false, false, 1, 0},
    GoldenStart{64, 2, 15, false, false, false, 1, 0},
    GoldenStart{64, 2, 16, false, false, true, 1, 1},
    GoldenStart{64, 2, 17, false, false, true, 1, 1},
    GoldenStart{64, 2, 19, false, false, true, 1, 1},
    GoldenStart{64, 2, 20, false, true, true, 1, 1},
    GoldenStart{64, 2, 21, false, true, true, 1, 1},
    GoldenStart{64, 2, 22, false, false, false, 1, 0},
    GoldenStart{64, 1, 17, false, false, false, 2, 0},
    GoldenStart{64, 1, 18, false, false, true, 2, 16},
    GoldenStart{64, 1, 19, false, false, true, 2, 8},
    GoldenStart{64, 1, 20, false, true, true, 2, 4},
    GoldenStart{64, 1, 21, false, true, true, 2, 2},
    GoldenStart{64, 1, 22, false, true, true, 2, 1},
    GoldenStart{64, 1, 23, false, true, true, 2, 1},
    GoldenStart{64, 1, 24, true, true, true, 2, 1},
    GoldenStart{64, 1, 33, true, true, true, 2, 1},
    GoldenStart{64, 1, 34, true, true, true, 2, 1},
    GoldenStart{64, 1, 35, false, false, false, 2, 0},
    GoldenStart{64, 0, 24, false, false, false, 3, 0},
    GoldenStart{64, 0, 30, false, false, false, 3, 0},
    GoldenStart{64, 0, 31, true, true, true, 3, 16},
    GoldenStart{64, 0, 32, true, true, true, 3, 8},
    GoldenStart{64, 0, 33, true, true, true, 3, 4},
    GoldenStart{64, 0, 34, true, true, true, 3, 2},
    GoldenStart{64, 0, 35, true, true, true, 3, 1},
    GoldenStart{64, 0, 39, true, true, true, 3, 1},
    GoldenStart{64, 0, 40, false, false, false, 3, 0},
    GoldenStart{64, 3, 16, false, false, false, 0, 0},
};

/// IDR3.STT 1: S2T0SZ is 48 at most, 47 for 64 KiB, and S2SL0 3 starts a 4 KiB walk at level 3.
inline constexpr std::array small_stage2_starts{
    GoldenStart{4, 0, 39, true, true, true, 2, 1},
    GoldenStart{4, 0, 40, true, true, true, 2, 1},
    GoldenStart{4, 0, 42, true, true, true, 2, 1},
    GoldenStart{4, 0, 43, false, false, false, 2, 0},
    GoldenStart{4, 3, 24, false, false, false, 3, 0},
    GoldenStart{4, 3, 38, false, false, false, 3, 0},
    GoldenStart{4, 3, 39, true, true, true, 3, 16},
    GoldenStart{4, 3, 40, true, true, true, 3, 8},
    GoldenStart{4, 3, 41, true, true, true, 3, 4},
    GoldenStart{4, 3, 42, true, true, true, 3, 2},
    GoldenStart{4, 3, 43, true, true, true, 3, 1},
    GoldenStart{4, 3, 44, true, true, true, 3, 1},
    GoldenStart{4, 3, 48, true, true, true, 3, 1},
    GoldenStart{4, 3, 49, false, false, false, 3, 0},
    GoldenStart{16, 0, 39, true, true, true, 3, 1},
    GoldenStart{16, 0, 40, true, true, true, 3, 1},
    GoldenStart{16, 0, 48, true, true, true, 3, 1},
    GoldenStart{16, 0, 49, false, false, false, 3, 0},
    GoldenStart{64, 0, 39, true, true, true, 3, 1},
    GoldenStart{64, 0, 40, true, true, true, 3, 1},
    GoldenStart{64, 0, 46, true, true, true, 3, 1},
    GoldenStart{64, 0, 47, true, true, true, 3, 1},
    GoldenStart{64, 0, 48, false, false, false, 3, 0},
    GoldenStart{16, 3, 40, false, false, false, 0, 0},
    GoldenStart{64, 3, 40, false, false, false, 0, 0},
    GoldenStart{4, 1, 33, true, true, true, 1, 1},
    GoldenStart{4, 1, 34, false, false, false, 1, 0},
};

// ---- 7. Identification registers ------------------------------------------------------------------------------------

/// The only field of IDR0 to IDR5 and AIDR that smmuv3_golden.h has not (6.3.5).
inline constexpr std::array more_register_fields{
    GoldenField{"IDR4", 0x010, "IMPDEF", 31, 0},
};

/// Encodings of identification fields (6.3.1 to 6.3.8).
struct GoldenEncoding {
    const char* reg;
    const char* field;
    unsigned value;
    const char* meaning;
};
inline constexpr std::array identification_encodings{
    GoldenEncoding{"IDR0", "TTF", 0, "reserved"},
    GoldenEncoding{"IDR0", "TTF", 1, "AArch32 LPAE"},
    GoldenEncoding{"IDR0", "TTF", 2, "AArch64"},
    GoldenEncoding{"IDR0", "TTF", 3, "both"},
    GoldenEncoding{"IDR0", "HTTU", 0, "none"},
    GoldenEncoding{"IDR0", "HTTU", 1, "access flag"},
    GoldenEncoding{"IDR0", "HTTU", 2, "access flag and dirty state"},
    GoldenEncoding{"IDR0", "HTTU", 3, "those and the access flag of tables"},
    GoldenEncoding{"IDR0", "TTENDIAN", 0, "mixed"},
    GoldenEncoding{"IDR0", "TTENDIAN", 1, "reserved"},
    GoldenEncoding{"IDR0", "TTENDIAN", 2, "little"},
    GoldenEncoding{"IDR0", "TTENDIAN", 3, "big"},
    GoldenEncoding{"IDR0", "STALL_MODEL", 0, "stall and terminate"},
    GoldenEncoding{"IDR0", "STALL_MODEL", 1, "terminate"},
    GoldenEncoding{"IDR0", "STALL_MODEL", 2, "stall forced"},
    GoldenEncoding{"IDR0", "STALL_MODEL", 3, "reserved"},
    GoldenEncoding{"IDR0", "ST_LEVEL", 0, "linear"},
    GoldenEncoding{"IDR0", "ST_LEVEL", 1, "linear and two-level"},
    GoldenEncoding{"IDR0", "NS1ATS", 0, "split-stage ATS"},
    GoldenEncoding{"IDR0", "NS1ATS", 1, "no split-stage ATS"},
    GoldenEncoding{"IDR0", "TERM_MODEL", 0, "CD.A decides"},
    GoldenEncoding{"IDR0", "TERM_MODEL", 1, "abort only"},
    GoldenEncoding{"IDR0", "VMID16", 0, "8-bit VMID"},
    GoldenEncoding{"IDR0", "VMID16", 1, "16-bit VMID"},
    GoldenEncoding{"IDR0", "ASID16", 0, "8-bit ASID"},
    GoldenEncoding{"IDR0", "ASID16", 1, "16-bit ASID"},
    GoldenEncoding{"IDR3", "BBML", 0, "level 0"},
    GoldenEncoding{"IDR3", "BBML", 1, "level 1"},
    GoldenEncoding{"IDR3", "BBML", 2, "level 2"},
    GoldenEncoding{"IDR3", "XNX", 0, "XN is one bit"},
    GoldenEncoding{"IDR3", "XNX", 1, "XN is two bits"},
    GoldenEncoding{"IDR3", "STT", 0, "TxSZ to 39"},
    GoldenEncoding{"IDR3", "STT", 1, "TxSZ to 48"},
    GoldenEncoding{"IDR5", "OAS", 0, "32"},
    GoldenEncoding{"IDR5", "OAS", 1, "36"},
    GoldenEncoding{"IDR5", "OAS", 2, "40"},
    GoldenEncoding{"IDR5", "OAS", 3, "42"},
    GoldenEncoding{"IDR5", "OAS", 4, "44"},
    GoldenEncoding{"IDR5", "OAS", 5, "48"},
    GoldenEncoding{"IDR5", "OAS", 6, "52"},
    GoldenEncoding{"IDR5", "OAS", 7, "56"},
    GoldenEncoding{"IDR5", "VAX", 0, "48"},
    GoldenEncoding{"IDR5", "VAX", 1, "52"},
    GoldenEncoding{"IDR5", "VAX", 2, "56"},
    GoldenEncoding{"AIDR", "ArchMajorRev", 0, "SMMUv3"},
    GoldenEncoding{"AIDR", "ArchMinorRev", 0, "3.0"},
    GoldenEncoding{"AIDR", "ArchMinorRev", 1, "3.1"},
    GoldenEncoding{"AIDR", "ArchMinorRev", 2, "3.2"},
    GoldenEncoding{"AIDR", "ArchMinorRev", 3, "3.3"},
    GoldenEncoding{"AIDR", "ArchMinorRev", 4, "3.4"},
};

/// Whole words of identification registers, worked out as the structures are.
struct GoldenRegisterWord {
    const char* what;
    const char* reg;
    std::uint32_t word;
};
inline constexpr std::array identification_words{
    // S2P [0], S1P [1], TTF [3:2] 10 -> 0x8, COHACC [4], HTTU [7:6] 10 -> 0x80, Hyp [9], ATS [10], ASID16 [12], MSI
    // [13]: 0x369b; PRI [16], VMID16 [18], CD2L [19], TTENDIAN [22:21] 10, ATSRECERR [23]: 0xcd; STALL_MODEL 00,
    // TERM_MODEL [26], ST_LEVEL [28:27] 01: 0xc
    GoldenRegisterWord{"both stages, PCIe", "IDR0", 0x0ccd'369b},
    // the same with S1P, ASID16, CD2L, Hyp 0 and no ATS, PRI, ATSRECERR
    GoldenRegisterWord{"stage 2 alone", "IDR0", 0x0c44'2099},
    // SIDSIZE [5:0] 16, SSIDSIZE [10:6] 20 -> 0x500, PRIQS [15:11] 19 -> 0x9800, EVENTQS [20:16] 19, CMDQS [25:21] 19
    // -> 0x260'0000, ATTR_PERMS_OVR [26], ATTR_TYPES_OVR [27]
    GoldenRegisterWord{"16 bits of StreamID, 20 of SubstreamID, overrides", "IDR1", 0x0e73'9d10},
    // HAD [2], XNX [4], FWB [8], STT [9], RIL [10], BBML [12:11] 10 -> 0x1000
    GoldenRegisterWord{"v3.2 with both stages", "IDR3", 0x0000'1714},
    // the same with E0PD [13], PTWNNC [14]
    GoldenRegisterWord{"v3.3 with both stages", "IDR3", 0x0000'7714},
    // OAS [2:0] 5, GRAN4K [4], GRAN16K [5], GRAN64K [6], STALL_MAX [31:16] 0
    GoldenRegisterWord{"48 bits, all granules", "IDR5", 0x0000'0075},
    // OAS 4, GRAN4K, GRAN64K, STALL_MAX [31:16] = 0x40
    GoldenRegisterWord{"44 bits, 64 stalls", "IDR5", 0x0040'0054},
    // ArchMinorRev [3:0] 2
    GoldenRegisterWord{"v3.2", "AIDR", 0x0000'0002},
};

}  // namespace quiesce::golden
