// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of PCI Express TLPs without FLIT mode (PCIe Base 2.2, 2.3.1.1, 6.20, 6.32, 10.2 to 10.4, as
// revision 6 numbers them; facts/iommu-specs.md 4.1 to 4.3 and 4.6), in the order of the bus: the PASID prefix if there
// is one, the header most significant byte first, then the data. No sequence number, LCRC or ECRC.
//
// An oracle that knows nothing of the models: every byte is a literal worked out from these places.
//
// Double word 0 (2.2.1.1): byte 0 Fmt [7:5], Type [4:0]. Byte 1 T9 [7], TC [6:4], T8 [3], Attr2 IDO [2], TH [0]. Byte 2
// TD [7], EP [6], Attr1 RO [5], Attr0 No Snoop [4], AT [3:2], Length [9:8] in [1:0]. Byte 3 Length [7:0], in double
// words; 1024 is written 0; 0 also where there is no data and the field is reserved (Cpl, Msg).
// Byte 0: 00/20 MRd with 3/4 double words, 40/60 MWr, 04/05 CfgRd0/1, 44 CfgWr0, 0a Cpl, 4a CplD, 4c FetchAdd, 6d Swap
// with 4, 4e CAS, 5b DMWr, 30 Msg to the RC, 32 Msg by ID, 72 MsgD by ID, 91 PASID prefix.
// Requests (2.2.5.1, 2.2.7.1): bytes 4, 5 requester, 6 tag [7:0], 7 last BE [7:4] and first BE [3:0]; then the address,
// 64 bits from 4 GiB on and only then (2.2.4.1). Configuration: bytes 8, 9 the target, 10 register [11:8], 11 register
// [7:2]. An ID is the bus, then device [7:3] and function [2:0]: 01:00.0 is 01 00, 03:02.1 is 03 11, 05:01.0 is 05 08.
// Completions (2.2.9.1): bytes 4, 5 completer, 6 status [7:5], BCM [4], Byte Count [11:8]; 7 Byte Count [7:0]; 8, 9
// requester, 10 tag, 11 Lower Address [6:0]. Status 0 SC, 1 UR, 2 RRS, 4 CA: byte 6 is 00, 20, 40, 80.
// Messages (2.2.8): bytes 4, 5 requester, 6 tag or ITag, 7 code; 8 to 15 as the code has it.
// PASID prefix (6.20.2.1): 91, then Privileged Mode Requested [7], Execute Requested [6], PASID [19:16] in [3:0], then
// PASID [15:0].
//
// Where this is a convention of the list, and not of the specification: byte 6 of a message that has no ITag is 00 (the
// tag of a posted request without TH may be anything, 2.2.6.2), and so are bytes of data that are not enabled (2.2.5
// recommends it). The completer RC has RCB 64: no other splits 64 bytes from 0x8000'1020 at 0x8000'1040 (2.3.1.1).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace quiesce::golden {

struct TlpBytes {
    const char* what;
    std::vector<std::uint8_t> bytes;
};

inline const std::array tlps{
    // Memory reads (2.2.7.1). 01:00.0, tag 0x25, 64 bytes at 0x8000'1000: 64 / 4 = 16 = 0x10
    TlpBytes{"memory read, 3 DW",
             {0x00, 0x00, 0x00, 0x10, // MRd, 3 double words; Length 16
              0x01, 0x00, 0x25, 0xff, // 01:00.0, tag; all bytes of the first and of the last
              0x80, 0x00, 0x10, 0x00}},
    // 512 bytes at 0x12'3456'7880: 512 / 4 = 128 = 0x80
    TlpBytes{"memory read, 4 DW",
             {0x20, 0x00, 0x00, 0x80, // MRd, 4 double words; Length 128
              0x01, 0x00, 0x25, 0xff, //
              0x00, 0x00, 0x00, 0x12, // address [63:32]
              0x34, 0x56, 0x78, 0x80}},
    // 4096 / 4 = 1024, which is written 0 (table 2-4)
    TlpBytes{"memory read, 4096 bytes",
             {0x00, 0x00, 0x00, 0x00, // Length 1024
              0x01, 0x00, 0x00, 0xff, // tag 0
              0x80, 0x00, 0x00, 0x00}},
    // 6 bytes, 0x8000'1003 to 0x8000'1008: double words at 1000, 1004 and 1008; of the first byte 3 (1000b), of the
    // last byte 0 (0001b)
    TlpBytes{"memory read, unaligned",
             {0x00, 0x00, 0x00, 0x03, // Length 3
              0x01, 0x00, 0x07, 0x18, // tag 7; last 0001b, first 1000b
              0x80, 0x00, 0x10, 0x00}},
    // 0x8000'1001 and 0x8000'1002: bytes 1 and 2 of one double word (0110b); last 0000b, for there is one only
    TlpBytes{"memory read, within one DW",
             {0x00, 0x00, 0x00, 0x01, // Length 1
              0x01, 0x00, 0x07, 0x06, // last 0000b, first 0110b
              0x80, 0x00, 0x10, 0x00}},
    // none of the bytes of one double word (2.2.5.1)
    TlpBytes{"memory read, zero length",
             {0x00, 0x00, 0x00, 0x01, // Length 1
              0x01, 0x00, 0x07, 0x00, // last 0000b, first 0000b
              0x80, 0x00, 0x10, 0x00}},
    // PASID 0xabcde: 0xa in the low half of byte 1 (6.20.2.1)
    TlpBytes{"memory read, PASID", {0x91, 0x0a, 0xbc, 0xde, // PASID prefix
                                    0x20, 0x00, 0x00, 0x80, // as "memory read, 4 DW"
                                    0x01, 0x00, 0x25, 0xff, //
                                    0x00, 0x00, 0x00, 0x12, //
                                    0x34, 0x56, 0x78, 0x80}},
    // byte 1 of the prefix: 0x80 | 0x0a
    TlpBytes{"memory read, PASID, PMR", {0x91, 0x8a, 0xbc, 0xde, // Privileged Mode Requested
                                         0x20, 0x00, 0x00, 0x80, //
                                         0x01, 0x00, 0x25, 0xff, //
                                         0x00, 0x00, 0x00, 0x12, //
                                         0x34, 0x56, 0x78, 0x80}},
    // 0x40 | 0x0a
    TlpBytes{"memory read, PASID, Exe", {0x91, 0x4a, 0xbc, 0xde, // Execute Requested
                                         0x20, 0x00, 0x00, 0x80, //
                                         0x01, 0x00, 0x25, 0xff, //
                                         0x00, 0x00, 0x00, 0x12, //
                                         0x34, 0x56, 0x78, 0x80}},
    // tag 0x325 = 11'0010'0101b: T9 (0x80) | T8 (0x08) = 0x88, and 0x25 (2.2.6.2)
    TlpBytes{"memory read, 10-bit tag",
             {0x00, 0x88, 0x00, 0x10, // T9, T8
              0x01, 0x00, 0x25, 0xff, //
              0x80, 0x00, 0x10, 0x00}},

    // Memory writes (2.2.7.1). An interrupt message is a write of one double word (6.1.4)
    TlpBytes{"memory write, 3 DW",
             {0x40, 0x00, 0x00, 0x01, // MWr, 3 double words; Length 1
              0x01, 0x00, 0x00, 0x0f, // last 0000b, first 1111b
              0xfe, 0xe0, 0x00, 0x00, //
              0x41, 0x42, 0x43, 0x44}},
    // 16 bytes at 0x1'0000'0010: Length 4; IDO 0x04 of byte 1, RO 0x20 of byte 2 (2.2.6.4)
    TlpBytes{"memory write, 4 DW, RO and IDO", {0x60, 0x04, 0x20, 0x04, // MWr, 4 double words
                                                0x03, 0x11, 0x00, 0xff, // 03:02.1: 2 << 3 | 1 = 0x11
                                                0x00, 0x00, 0x00, 0x01, //
                                                0x00, 0x00, 0x00, 0x10, //
                                                0x00, 0x01, 0x02, 0x03, //
                                                0x04, 0x05, 0x06, 0x07, //
                                                0x08, 0x09, 0x0a, 0x0b, //
                                                0x0c, 0x0d, 0x0e, 0x0f}},
    // No Snoop 0x10 of byte 2 (2.2.6.5)
    TlpBytes{"memory write, No Snoop",
             {0x40, 0x00, 0x10, 0x01, //
              0x03, 0x11, 0x00, 0x0f, //
              0x80, 0x00, 0x00, 0x10, //
              0x00, 0x01, 0x02, 0x03}},
    // 0x8000'0ffd to 0x8000'0fff: bytes 1 to 3 (1110b) of the double word at 0x8000'0ffc
    TlpBytes{"memory write, unaligned",
             {0x40, 0x00, 0x00, 0x01, //
              0x01, 0x00, 0x00, 0x0e, // last 0000b, first 1110b
              0x80, 0x00, 0x0f, 0xfc, //
              0x00, 0xaa, 0xbb, 0xcc}},
    // AT translated, 10b << 2 = 0x08 of byte 2 (10.2.1)
    TlpBytes{"memory write, translated", {0x60, 0x00, 0x08, 0x01, //
                                          0x01, 0x00, 0x00, 0x0f, //
                                          0x00, 0x00, 0x00, 0x02, //
                                          0x00, 0x00, 0x00, 0x40, //
                                          0x11, 0x22, 0x33, 0x44}},
    TlpBytes{"memory write, translated, PASID", {0x91, 0x00, 0x00, 0x01, // PASID 1
                                                 0x60, 0x00, 0x08, 0x01, //
                                                 0x01, 0x00, 0x00, 0x0f, //
                                                 0x00, 0x00, 0x00, 0x02, //
                                                 0x00, 0x00, 0x00, 0x40, //
                                                 0x11, 0x22, 0x33, 0x44}},

    // Translation requests (10.2.2): MRd, AT 01b << 2 = 0x04; Length 2 for each translation; all bytes enabled
    TlpBytes{"translation request",
             {0x20, 0x00, 0x04, 0x02, // Length 2
              0x01, 0x00, 0x11, 0xff, //
              0x00, 0x00, 0x7f, 0x12, //
              0x34, 0x56, 0x70, 0x00}},
    // 8 * 2 = 16 = 0x10; No Write is bit 0 of the last byte (10.2.2.5)
    TlpBytes{"translation request, 8, NW", {0x91, 0x00, 0x00, 0x42, //
                                            0x20, 0x00, 0x04, 0x10, // Length 16
                                            0x01, 0x00, 0x11, 0xff, //
                                            0x00, 0x00, 0x7f, 0x12, //
                                            0x34, 0x56, 0x70, 0x01}},
    // 8 bytes: Length 2, Byte Count 8. Lower Address is RCB - Byte Count (10.2.3): 64 - 8 = 56 = 0x38. In doubt, see
    // the end: this is what RCB 64 makes of it, and with RCB 128 it is 0x78. Then address [63:12], W 2 | R 1
    TlpBytes{"translation completion", {0x4a, 0x00, 0x00, 0x02, // CplD; Length 2
                                        0x00, 0x00, 0x00, 0x08, // 00:00.0; SC, Byte Count 8
                                        0x01, 0x00, 0x11, 0x38, // 01:00.0, tag; Lower Address
                                        0x00, 0x00, 0x00, 0x81, //
                                        0x23, 0x45, 0x60, 0x03}},
    // "translation completion, UR" is left out, see the end.

    // Completions of memory reads (2.2.9.1, 2.3.1.1): Byte Count is what is still to come, with this one.
    // 0x1044 & 0x7f = 0x44
    TlpBytes{"completion with data, whole",
             {0x4a, 0x00, 0x00, 0x01, //
              0x00, 0x00, 0x00, 0x04, // Byte Count 4
              0x01, 0x00, 0x25, 0x44, //
              0xde, 0xad, 0xbe, 0xef}},
    // 32 of 64 bytes: Length 8, Byte Count 64 = 0x40; 0x1020 & 0x7f = 0x20
    TlpBytes{"completion with data, first of 2", {0x4a, 0x00, 0x00, 0x08, //
                                                  0x00, 0x00, 0x00, 0x40, //
                                                  0x01, 0x00, 0x25, 0x20, //
                                                  0x00, 0x01, 0x02, 0x03, //
                                                  0x04, 0x05, 0x06, 0x07, //
                                                  0x08, 0x09, 0x0a, 0x0b, //
                                                  0x0c, 0x0d, 0x0e, 0x0f, //
                                                  0x10, 0x11, 0x12, 0x13, //
                                                  0x14, 0x15, 0x16, 0x17, //
                                                  0x18, 0x19, 0x1a, 0x1b, //
                                                  0x1c, 0x1d, 0x1e, 0x1f}},
    // 64 - 32 = 32 = 0x20; 0x1040 & 0x7f = 0x40
    TlpBytes{"completion with data, last of 2", {0x4a, 0x00, 0x00, 0x08, //
                                                 0x00, 0x00, 0x00, 0x20, //
                                                 0x01, 0x00, 0x25, 0x40, //
                                                 0x20, 0x21, 0x22, 0x23, //
                                                 0x24, 0x25, 0x26, 0x27, //
                                                 0x28, 0x29, 0x2a, 0x2b, //
                                                 0x2c, 0x2d, 0x2e, 0x2f, //
                                                 0x30, 0x31, 0x32, 0x33, //
                                                 0x34, 0x35, 0x36, 0x37, //
                                                 0x38, 0x39, 0x3a, 0x3b, //
                                                 0x3c, 0x3d, 0x3e, 0x3f}},
    // table 2-40, first 1000b and last 0001b: 3 * 4 - 6 = 6; table 2-41, first 1000b: Lower Address 3. The data begin
    // at the double word 0x8000'1000, so three bytes are before and three after those that were asked for
    TlpBytes{"completion with data, unaligned", {0x4a, 0x00, 0x00, 0x03, //
                                                 0x00, 0x00, 0x00, 0x06, //
                                                 0x01, 0x00, 0x07, 0x03, //
                                                 0x00, 0x00, 0x00, 0x31, //
                                                 0x32, 0x33, 0x34, 0x35, //
                                                 0x36, 0x00, 0x00, 0x00}},
    // header alone; 64 / 4 = 16; Byte Count 4096 is written 0 (2.2.9.1)
    TlpBytes{"completion of 4096 bytes, first",
             {0x4a, 0x00, 0x00, 0x10, //
              0x00, 0x00, 0x00, 0x00, //
              0x01, 0x00, 0x00, 0x00}},
    // No data: Cpl, Length reserved. Byte Count and Lower Address are those of the completion that would have been
    // (2.3.1.1): 64 = 0x40 and 0x1000 & 0x7f = 0. Status 001b << 5 = 0x20
    TlpBytes{"completion, UR",
             {0x0a, 0x00, 0x00, 0x00, // Cpl
              0x00, 0x00, 0x20, 0x40, //
              0x01, 0x00, 0x25, 0x00}},
    // 100b << 5 = 0x80
    TlpBytes{"completion, CA",
             {0x0a, 0x00, 0x00, 0x00, //
              0x00, 0x00, 0x80, 0x40, //
              0x01, 0x00, 0x25, 0x00}},

    // Configuration (2.2.7.1): Length 1, last 0000b. Register 0x104: 1 and 0x04
    TlpBytes{"config read, type 0",
             {0x04, 0x00, 0x00, 0x01, // CfgRd0
              0x00, 0x00, 0x03, 0x0f, // 00:00.0, tag 3; 1111b
              0x02, 0x00, 0x01, 0x04}},
    // register 0x00e: byte 2 (0100b) of 0x00c; 05:01.0: 1 << 3 = 0x08
    TlpBytes{"config read, type 1",
             {0x05, 0x00, 0x00, 0x01, // CfgRd1
              0x00, 0x00, 0x03, 0x04, //
              0x05, 0x08, 0x00, 0x0c}},
    // bytes 0 and 1 (0011b) of 0x004; the others, not enabled, 00
    TlpBytes{"config write, type 0",
             {0x44, 0x00, 0x00, 0x01, // CfgWr0
              0x00, 0x00, 0x04, 0x03, //
              0x02, 0x00, 0x00, 0x04, //
              0x06, 0x01, 0x00, 0x00}},
    // Byte Count 4 and Lower Address 0 for all that completes neither memory reads nor AtomicOps (2.2.9.1)
    TlpBytes{"config completion, read",
             {0x4a, 0x00, 0x00, 0x01, //
              0x02, 0x00, 0x00, 0x04, // 02:00.0
              0x00, 0x00, 0x03, 0x00, // 00:00.0, tag 3
              0x1b, 0x00, 0x01, 0x00}},
    TlpBytes{"config completion, write",
             {0x0a, 0x00, 0x00, 0x00, //
              0x02, 0x00, 0x00, 0x04, //
              0x00, 0x00, 0x04, 0x00}},

    // AtomicOps (2.2.7.1, table 2-15): byte enables reserved; operands least significant byte first (2.2.2)
    TlpBytes{"fetch and add, 8 bytes", {0x4c, 0x00, 0x00, 0x02, // FetchAdd, 3 double words; Length 2
                                        0x01, 0x00, 0x09, 0x00, //
                                        0x80, 0x00, 0x00, 0x08, //
                                        0x01, 0x00, 0x00, 0x00, //
                                        0x00, 0x00, 0x00, 0x00}},
    TlpBytes{"swap, 4 bytes", {0x6d, 0x00, 0x00, 0x01, // Swap, 4 double words; Length 1
                               0x01, 0x00, 0x09, 0x00, //
                               0x00, 0x00, 0x00, 0x01, //
                               0x80, 0x00, 0x00, 0x04, //
                               0x0a, 0x0b, 0x0c, 0x0d}},
    // two operands of 16 bytes, to compare and to swap: Length 8
    TlpBytes{"compare and swap, 16 bytes", {0x91, 0x00, 0x00, 0x05, // PASID 5
                                            0x4e, 0x00, 0x00, 0x08, // CAS, 3 double words
                                            0x01, 0x00, 0x09, 0x00, //
                                            0x80, 0x00, 0x00, 0x10, //
                                            0x00, 0x01, 0x02, 0x03, //
                                            0x04, 0x05, 0x06, 0x07, //
                                            0x08, 0x09, 0x0a, 0x0b, //
                                            0x0c, 0x0d, 0x0e, 0x0f, //
                                            0x10, 0x11, 0x12, 0x13, //
                                            0x14, 0x15, 0x16, 0x17, //
                                            0x18, 0x19, 0x1a, 0x1b, //
                                            0x1c, 0x1d, 0x1e, 0x1f}},
    // Byte Count is the size of the operand, Lower Address is reserved (2.2.9.1)
    TlpBytes{"atomic completion", {0x4a, 0x00, 0x00, 0x02, //
                                   0x00, 0x00, 0x00, 0x08, //
                                   0x01, 0x00, 0x09, 0x00, //
                                   0xff, 0x00, 0x00, 0x00, //
                                   0x00, 0x00, 0x00, 0x00}},

    // Deferrable writes (6.32): Type 1'1011b, 010b << 5 | 0x1b = 0x5b; 64 / 4 = 16 = 0x10
    TlpBytes{"deferrable write", {0x5b, 0x00, 0x00, 0x10, // DMWr, 3 double words
                                  0x00, 0x00, 0x0c, 0xff, // 00:00.0, tag
                                  0xe0, 0x00, 0x00, 0x00, //
                                  0x00, 0x01, 0x02, 0x03, //
                                  0x04, 0x05, 0x06, 0x07, //
                                  0x08, 0x09, 0x0a, 0x0b, //
                                  0x0c, 0x0d, 0x0e, 0x0f, //
                                  0x10, 0x11, 0x12, 0x13, //
                                  0x14, 0x15, 0x16, 0x17, //
                                  0x18, 0x19, 0x1a, 0x1b, //
                                  0x1c, 0x1d, 0x1e, 0x1f, //
                                  0x20, 0x21, 0x22, 0x23, //
                                  0x24, 0x25, 0x26, 0x27, //
                                  0x28, 0x29, 0x2a, 0x2b, //
                                  0x2c, 0x2d, 0x2e, 0x2f, //
                                  0x30, 0x31, 0x32, 0x33, //
                                  0x34, 0x35, 0x36, 0x37, //
                                  0x38, 0x39, 0x3a, 0x3b, //
                                  0x3c, 0x3d, 0x3e, 0x3f}},
    // Request Retry Status 010b << 5 = 0x40; Byte Count 4, Lower Address 0
    TlpBytes{"deferrable write, retry",
             {0x0a, 0x00, 0x00, 0x00, //
              0x01, 0x00, 0x40, 0x04, // 01:00.0
              0x00, 0x00, 0x0c, 0x00}},

    // Invalidate requests (10.3.1): MsgD by ID, code 01; Length 2; ITag [4:0] of byte 6; bytes 8 and 9 the device
    TlpBytes{"invalidate request", {0x72, 0x00, 0x00, 0x02, //
                                    0x00, 0x00, 0x05, 0x01, // 00:00.0, ITag 5
                                    0x01, 0x00, 0x00, 0x00, // 01:00.0
                                    0x00, 0x00, 0x00, 0x00, //
                                    0x00, 0x00, 0x7f, 0x12, //
                                    0x34, 0x56, 0x70, 0x00}},
    // 31 = 0x1f; 2 MiB: S (0x800), [20:12] = 0'1111'1111b, so 0x40'0000 is written 0x4f'f800
    TlpBytes{"invalidate request, PASID, 2 MiB", {0x91, 0x00, 0x00, 0x42, //
                                                  0x72, 0x00, 0x00, 0x02, //
                                                  0x00, 0x00, 0x1f, 0x01, //
                                                  0x01, 0x00, 0x00, 0x00, //
                                                  0x00, 0x00, 0x00, 0x00, //
                                                  0x00, 0x00, 0x7f, 0x12, //
                                                  0x34, 0x4f, 0xf8, 0x00}},
    // [63] = 0, [62:12] ones, S (10.2.3.2)
    TlpBytes{"invalidate request, everything", {0x91, 0x00, 0x00, 0x42, //
                                                0x72, 0x00, 0x00, 0x02, //
                                                0x00, 0x00, 0x00, 0x01, //
                                                0x01, 0x00, 0x00, 0x00, //
                                                0x00, 0x00, 0x00, 0x00, //
                                                0x7f, 0xff, 0xff, 0xff, //
                                                0xff, 0xff, 0xf8, 0x00}},
    // Invalidate completions (10.3.2): Msg by ID, code 02; bytes 8 and 9 the RC, CC [2:0] of byte 11, then the vector
    TlpBytes{"invalidate completion",
             {0x32, 0x00, 0x00, 0x00, //
              0x01, 0x00, 0x00, 0x02, // 01:00.0
              0x00, 0x00, 0x00, 0x01, // 00:00.0; CC 1
              0x00, 0x00, 0x00, 0x20}},
    // eight is written 0
    TlpBytes{"invalidate completion, 8",
             {0x32, 0x00, 0x00, 0x00, //
              0x01, 0x00, 0x00, 0x02, //
              0x00, 0x00, 0x00, 0x00, //
              0x80, 0x00, 0x00, 0x01}},

    // Page requests (10.4.1): Msg to the RC, code 04; page [63:12], group [11:3], L 4, W 2, R 1. 0x1a5 << 3 = 0xd28
    TlpBytes{"page request, read", {0x91, 0x00, 0x00, 0x42,   //
                                    0x30, 0x00, 0x00, 0x00,   //
                                    0x01, 0x00, 0x00, 0x04,   //
                                    0x00, 0x00, 0x7f, 0x12,   //
                                    0x34, 0x56, 0x7d, 0x29}}, // 0x7000 | 0xd28 | R
    TlpBytes{"page request, write, last",
             {0x30, 0x00, 0x00, 0x00,   //
              0x01, 0x00, 0x00, 0x04,   //
              0x00, 0x00, 0x7f, 0x12,   //
              0x34, 0x56, 0x8d, 0x2e}}, // 0x8000 | 0xd28 | L | W
    // 0x80 | 0x40 = 0xc0; 3 << 3 = 0x18
    TlpBytes{"page request, PMR and Exe", {0x91, 0xc0, 0x00, 0x42,   //
                                           0x30, 0x00, 0x00, 0x00,   //
                                           0x01, 0x00, 0x00, 0x04,   //
                                           0x00, 0x00, 0x7f, 0x12,   //
                                           0x34, 0x56, 0x70, 0x1d}}, // 0x7000 | 0x018 | L | R
    // L alone; address, group and marker type 0 (10.4.1.2.1)
    TlpBytes{"stop marker", {0x91, 0x00, 0x00, 0x42, //
                             0x30, 0x00, 0x00, 0x00, //
                             0x01, 0x00, 0x00, 0x04, //
                             0x00, 0x00, 0x00, 0x00, //
                             0x00, 0x00, 0x00, 0x04}},
    // PRG responses (10.4.2): Msg by ID, code 05; bytes 8 and 9 the device, 10 response code [7:4] and group [8], 11
    // group [7:0]
    TlpBytes{"PRG response, success", {0x91, 0x00, 0x00, 0x42, //
                                       0x32, 0x00, 0x00, 0x00, //
                                       0x00, 0x00, 0x00, 0x05, //
                                       0x01, 0x00, 0x01, 0xa5, // code 0000b; 0x1a5
                                       0x00, 0x00, 0x00, 0x00}},
    TlpBytes{"PRG response, invalid request",
             {0x32, 0x00, 0x00, 0x00, //
              0x00, 0x00, 0x00, 0x05, //
              0x01, 0x00, 0x10, 0x03, // code 0001b; 0x003
              0x00, 0x00, 0x00, 0x00}},
    TlpBytes{"PRG response, failure",
             {0x32, 0x00, 0x00, 0x00, //
              0x00, 0x00, 0x00, 0x05, //
              0x03, 0x11, 0xf1, 0xff, // 03:02.1; code 1111b; 0x1ff
              0x00, 0x00, 0x00, 0x00}},
};

// Left out:
//
// "translation completion, UR". Byte Count and Lower Address are open. Revision 6.x says that they were 0 in earlier
// revisions, that header fields follow 2.2.9 and 2.3, which, read as for other reads, makes Byte Count 8 and Lower
// Address that of a completion that would have succeeded, and that nobody is to rely on them (10.2.3, implementation
// note). The rest is certain: 0a 00 00 00, 00 00 2C CC, 01 00 11 AA, with C CC the
// Byte Count and AA the Lower Address.
//
// In doubt, but not left out:
//
// "translation completion": Lower Address, RCB - Byte Count, rests on an RCB that the list doesn't give. It asks the
// same RC for a completion that ends at 0x8000'1040, though, and only RCB 64 lets it (2.3.1.1).
// "translation request" and "translation request, 8, NW": that both byte enables are 1111b is facts/iommu-specs.md 4.2,
// and the byte enable rules of a read that asks for all of it (2.2.5.1); the text of 10.2.2 doesn't say it. One public
// exerciser puts No Write into the byte enables; three descriptions of 10.2.2 have it in bit 0 of the last double word.

} // namespace quiesce::golden
