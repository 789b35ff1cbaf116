// SPDX-License-Identifier: Apache-2.0
/// What a read-modify-write does to its operand, for every memory alike (PCIe Base 6.15: little-endian, sums wrap).
#pragma once
#include "memory/memory_port.h"

#include <algorithm>
#include <cstring>

namespace quiesce::memory {

inline constexpr u32 widest_operand = 16;

/// `word` is the operand in memory, `r.data` as Request says; both change.
inline void modify(std::byte* word, const Request& r) {
    std::byte old[widest_operand];
    std::memcpy(old, word, r.bytes);
    if (r.atomic == AtomicOp::FetchAdd) {
        const u32 width = std::min<u32>(r.bytes, sizeof(u64));
        u64 value = 0, addend = 0;
        std::memcpy(&value, word, width);
        std::memcpy(&addend, r.data, width);
        value += addend;
        std::memcpy(word, &value, width);
    } else if (r.atomic == AtomicOp::Swap) {
        std::memcpy(word, r.data, r.bytes);
    } else if (std::memcmp(word, r.data, r.bytes) == 0) {
        std::memcpy(word, r.data + r.bytes, r.bytes);
    }
    std::memcpy(r.data, old, r.bytes);
}

} // namespace quiesce::memory
