// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of PRI queue records (IHI 0070 chapter 8; facts/iommu-specs.md 1.8).
//
// An oracle that knows nothing of the models: it includes no header of theirs, and every byte is a literal worked out
// from the bit numbers of the table. Little-endian: byte 0 has bits 7:0. StreamID [31:0] is bytes 0 to 3; SubstreamID
// [51:32] is bytes 4, 5 and the low half of 6. Byte 7 has bits 63:56: SSV [63] 0x80, L [62] 0x40, W [61] 0x20,
// R [60] 0x10, X [59] 0x08, Priv [58] 0x04. PRGIndex [8:0] of the second word is byte 8 and bit 0 of byte 9; the page
// address [63:12] begins in the high half of byte 9.
#pragma once

#include <array>
#include <cstdint>

namespace quiesce::golden {

struct PageRequestBytes {
    const char* what;
    std::uint32_t stream;
    bool has_pasid;
    std::uint32_t pasid;
    std::uint64_t address;
    bool read, write, execute, privileged, last;
    std::uint16_t group;
    std::array<std::uint8_t, 16> bytes;
};

inline constexpr std::array page_requests{
    // SSV | R = 0x90; PRGIndex 0x1a5 -> a5, and bit 0 of byte 9 beside the 0x7 of the address
    PageRequestBytes{"read",
                     0x1'2345,
                     true,
                     0x5a5,
                     0x7f12'3456'7000,
                     true,
                     false,
                     false,
                     false,
                     false,
                     0x1a5,
                     {0x45, 0x23, 0x01, 0x00, 0xa5, 0x05, 0x00, 0x90, 0xa5, 0x71, 0x56, 0x34, 0x12, 0x7f, 0x00, 0x00}},
    // SSV | L | W | R = 0xf0; the low bits of the address are not there
    PageRequestBytes{"write, last, inside a page",
                     0x8,
                     true,
                     0x1,
                     0x7f12'3456'7fff,
                     true,
                     true,
                     false,
                     false,
                     true,
                     0x0,
                     {0x08, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0xf0, 0x00, 0x70, 0x56, 0x34, 0x12, 0x7f, 0x00, 0x00}},
    // no PASID: L | W = 0x60, and neither SubstreamID nor X nor Priv, whatever the message had there
    PageRequestBytes{"write, last, no PASID",
                     0x1234,
                     false,
                     0x5a5,
                     0x4000'1000,
                     false,
                     true,
                     true,
                     true,
                     true,
                     0x1ff,
                     {0x34, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00, 0x60, 0xff, 0x11, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00}},
    // the largest SubstreamID; SSV | R | X | Priv = 0x9c
    PageRequestBytes{"privileged fetch",
                     0x1234,
                     true,
                     0xf'ffff,
                     0x4000'1000,
                     true,
                     false,
                     true,
                     true,
                     false,
                     0x002,
                     {0x34, 0x12, 0x00, 0x00, 0xff, 0xff, 0x0f, 0x9c, 0x02, 0x10, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00}},
    // L alone with SSV = 0xc0
    PageRequestBytes{"Stop Marker",
                     0x1234,
                     true,
                     0x7,
                     0x0,
                     false,
                     false,
                     false,
                     false,
                     true,
                     0x000,
                     {0x34, 0x12, 0x00, 0x00, 0x07, 0x00, 0x00, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
    // L alone without SSV = 0x40: an ordinary request
    PageRequestBytes{"nothing asked, no PASID",
                     0x1234,
                     false,
                     0x0,
                     0x1000,
                     false,
                     false,
                     false,
                     false,
                     true,
                     0x003,
                     {0x34, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x03, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
    // all of the address, and a StreamID with its top bit
    PageRequestBytes{"upper half",
                     0x8000'0001,
                     true,
                     0x10,
                     0xffff'8000'0000'1000,
                     true,
                     false,
                     false,
                     false,
                     true,
                     0x100,
                     {0x01, 0x00, 0x00, 0x80, 0x10, 0x00, 0x00, 0xd0, 0x00, 0x11, 0x00, 0x00, 0x00, 0x80, 0xff, 0xff}},
};

} // namespace quiesce::golden
