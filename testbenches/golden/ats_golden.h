// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of PCIe address translation services (PCIe Base 10.2.3, 10.3.2, 10.3.3): the data of a Translation
// Completion, the body of an Invalidate Request, the last half of the header of an Invalidate Completion.
//
// An oracle that knows nothing of the models: it includes no header of theirs, and every byte is a literal worked out
// from the bit numbers of facts/iommu-specs.md 4.2. Bytes are in the order in which the bus carries them, most
// significant first: byte 0 has bits 63:56 of the eight-byte word. Byte 6 has bits 15:8, so S [11] is 0x08, N [10] is
// 0x04 and CXL.io [9] 0x02 of it; byte 7 has Global [5] 0x20, Priv [4] 0x10, Exe [3] 0x08, U [2] 0x04, W [1] 0x02 and
// R [0] 0x01. An address [63:12] stands where it is; with S, its ones from bit 12 up to the first zero say the size.
#pragma once

#include <array>
#include <cstdint>

namespace quiesce::golden {

struct AtsBytes {
    const char* what;
    std::array<std::uint8_t, 8> bytes;
};

/// One translation of a Translation Completion: address, size, and what may be done.
struct AtsEntry {
    const char* what;
    std::array<std::uint8_t, 8> bytes;
    std::uint64_t first, size; ///< of the translated range
    bool read, write, execute, privileged, untranslated_only, no_snoop, global;
};

inline constexpr std::array translation_entries{
    // 0x81'2345'6000, S 0; R | W -> 0x03
    AtsEntry{"4 KiB, RW",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x60, 0x03},
             0x81'2345'6000,
             0x1000,
             true,
             true,
             false,
             false,
             false,
             false,
             false},
    // the same, R alone
    AtsEntry{"4 KiB, R",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x60, 0x01},
             0x81'2345'6000,
             0x1000,
             true,
             false,
             false,
             false,
             false,
             false,
             false},
    // W alone
    AtsEntry{"4 KiB, W",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x60, 0x02},
             0x81'2345'6000,
             0x1000,
             false,
             true,
             false,
             false,
             false,
             false,
             false},
    // Exe | R -> 0x09
    AtsEntry{"4 KiB, R Exe",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x60, 0x09},
             0x81'2345'6000,
             0x1000,
             true,
             false,
             true,
             false,
             false,
             false,
             false},
    // Priv | W | R -> 0x13
    AtsEntry{"4 KiB, RW Priv",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x60, 0x13},
             0x81'2345'6000,
             0x1000,
             true,
             true,
             false,
             true,
             false,
             false,
             false},
    // U | W | R -> 0x07
    AtsEntry{"4 KiB, RW U",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x60, 0x07},
             0x81'2345'6000,
             0x1000,
             true,
             true,
             false,
             false,
             true,
             false,
             false},
    // N [10] -> byte 6 | 0x04
    AtsEntry{"4 KiB, RW N",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x64, 0x03},
             0x81'2345'6000,
             0x1000,
             true,
             true,
             false,
             false,
             false,
             true,
             false},
    // Global [5] | W | R -> 0x23
    AtsEntry{"4 KiB, RW Global",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x60, 0x23},
             0x81'2345'6000,
             0x1000,
             true,
             true,
             false,
             false,
             false,
             false,
             true},
    // S and bit 12 = 0: 8 KiB at 0x81'2345'6000; byte 6 = 0x60 | 0x08
    AtsEntry{"8 KiB",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x68, 0x03},
             0x81'2345'6000,
             0x2000,
             true,
             true,
             false,
             false,
             false,
             false,
             false},
    // S, [13:12] = 01: 16 KiB at 0x81'2345'4000; byte 6 = 0x4... | 0x10 | 0x08
    AtsEntry{"16 KiB",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x58, 0x03},
             0x81'2345'4000,
             0x4000,
             true,
             true,
             false,
             false,
             false,
             false,
             false},
    // S, [15:12] = 0111: 64 KiB at 0x81'2345'0000; byte 6 = 0x70 | 0x08
    AtsEntry{"64 KiB",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x45, 0x78, 0x03},
             0x81'2345'0000,
             0x1'0000,
             true,
             true,
             false,
             false,
             false,
             false,
             false},
    // S, [20:12] = 0'1111'1111: 2 MiB at 0x81'2340'0000; bytes 5, 6 = 0x4f, 0xf0 | 0x08
    AtsEntry{"2 MiB",
             {0x00, 0x00, 0x00, 0x81, 0x23, 0x4f, 0xf8, 0x03},
             0x81'2340'0000,
             0x20'0000,
             true,
             true,
             false,
             false,
             false,
             false,
             false},
    // S, [29] = 0 and [28:12] ones: 1 GiB at 0x81'0000'0000 (bits 31, 30 zero); bytes 4..6 = 0x1f, 0xff, 0xf8
    AtsEntry{"1 GiB",
             {0x00, 0x00, 0x00, 0x81, 0x1f, 0xff, 0xf8, 0x03},
             0x81'0000'0000,
             0x4000'0000,
             true,
             true,
             false,
             false,
             false,
             false,
             false},
};

/// No permission: the address means nothing, and the size is the smallest.
inline constexpr AtsBytes no_translation{"R = W = 0", {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}};

/// The body of an Invalidate Request: Address [63:12], S [11] (byte 6, 0x08), G [0] (byte 7, 0x01). Size 0: all.
struct AtsInvalidate {
    const char* what;
    std::array<std::uint8_t, 8> bytes;
    std::uint64_t first, size;
    bool global;
};
inline constexpr std::array invalidate_bodies{
    AtsInvalidate{"one page", {0x00, 0x00, 0x7f, 0x12, 0x34, 0x56, 0x70, 0x00}, 0x7f12'3456'7000, 0x1000, false},
    AtsInvalidate{"one page, global", {0x00, 0x00, 0x7f, 0x12, 0x34, 0x56, 0x70, 0x01}, 0x7f12'3456'7000, 0x1000, true},
    // [12] = 0
    AtsInvalidate{"8 KiB", {0x00, 0x00, 0x7f, 0x12, 0x34, 0x56, 0x68, 0x00}, 0x7f12'3456'6000, 0x2000, false},
    // [15:12] = 0111
    AtsInvalidate{"64 KiB", {0x00, 0x00, 0x7f, 0x12, 0x34, 0x56, 0x78, 0x00}, 0x7f12'3456'0000, 0x1'0000, false},
    // [20:12] = 0'1111'1111 under 0x7f12'3440'0000
    AtsInvalidate{"2 MiB", {0x00, 0x00, 0x7f, 0x12, 0x34, 0x4f, 0xf8, 0x00}, 0x7f12'3440'0000, 0x20'0000, false},
    // 4.2: 0x7fff'ffff'ffff'f in [63:12] with S is everything
    AtsInvalidate{"everything", {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf8, 0x00}, 0, 0, false},
};

/// The third and fourth double word of an Invalidate Completion: Device ID [31:16] and CC [2:0] of the third (bytes 0,
/// 1 and 3), the ITag vector in the fourth (byte 7 has ITags 7..0).
struct AtsCompletion {
    const char* what;
    std::array<std::uint8_t, 8> bytes;
    unsigned itag, count, device_id;
};
inline constexpr std::array invalidate_completions{
    AtsCompletion{"ITag 0, one", {0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01}, 0, 1, 0},
    AtsCompletion{"ITag 5, three", {0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x20}, 5, 3, 0},
    AtsCompletion{"ITag 31, seven", {0x00, 0x00, 0x00, 0x07, 0x80, 0x00, 0x00, 0x00}, 31, 7, 0},
    // eight is written 0
    AtsCompletion{"ITag 16, eight", {0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00}, 16, 8, 0},
    // to 05:00.0
    AtsCompletion{"ITag 1, to 0x0500", {0x05, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02}, 1, 1, 0x0500},
};

} // namespace quiesce::golden
