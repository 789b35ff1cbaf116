// SPDX-License-Identifier: Apache-2.0
//
// Hand-worked bytes of page request messages (PCIe Base 10.4; facts/iommu-specs.md 4.3): double words 3 and 4 of the
// header, most significant byte first, as the bus carries them.
//
// An oracle that knows nothing of the models. Page Request: page address [63:12], page request group index [11:3], L 2,
// W 1, R 0. PRG Response: double word 3 has the destination device id [31:16], response code [15:12], page request
// group index [8:0]; double word 4 is reserved.
#pragma once

#include <array>
#include <cstdint>

namespace quiesce::golden {

struct PageRequestMessageBytes {
    const char* what;
    std::uint64_t page;
    std::uint16_t group;
    bool read, write, last;
    std::array<std::uint8_t, 8> bytes;
};

inline constexpr std::array page_request_messages{
    // group 0x1a5 << 3 = 0xd28; R: 0xd29
    PageRequestMessageBytes{
        "read", 0x7f12'3456'7000, 0x1a5, true, false, false, {0x00, 0x00, 0x7f, 0x12, 0x34, 0x56, 0x7d, 0x29}},
    // group 0; L 4 + W 2 = 6
    PageRequestMessageBytes{
        "write, last", 0x1000, 0x000, false, true, true, {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x06}},
    // group 0x1ff << 3 = 0xff8; 7 for all three
    PageRequestMessageBytes{
        "all bits", 0xffff'ffff'ffff'f000, 0x1ff, true, true, true, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    PageRequestMessageBytes{
        "Stop Marker", 0, 0x000, false, false, true, {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04}},
};

struct PageGroupResponseBytes {
    const char* what;
    std::uint16_t device, group;
    std::uint8_t code;
    std::array<std::uint8_t, 8> bytes;
};

inline constexpr std::array page_group_responses{
    PageGroupResponseBytes{"success", 0x0100, 0x0a5, 0, {0x01, 0x00, 0x00, 0xa5, 0x00, 0x00, 0x00, 0x00}},
    PageGroupResponseBytes{"invalid request", 0x2108, 0x1ff, 1, {0x21, 0x08, 0x11, 0xff, 0x00, 0x00, 0x00, 0x00}},
    PageGroupResponseBytes{"response failure", 0xffff, 0x000, 15, {0xff, 0xff, 0xf0, 0x00, 0x00, 0x00, 0x00, 0x00}},
};

} // namespace quiesce::golden
