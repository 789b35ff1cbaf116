// SPDX-License-Identifier: Apache-2.0
/// Bytes of simulated memory, made when first written. No time here.
#pragma once
#include "base/address.h"

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace quiesce::memory {

/// A stretch of RAM; 4 KiB aligned.
struct RamRange {
    Spa base{0};
    u64 bytes = 0;
};

class SparseMemory {
public:
    explicit SparseMemory(std::vector<RamRange> ranges);

    const std::vector<RamRange>& ranges() const { return ranges_; }
    /// All of [at, at + bytes) is RAM.
    bool contains(Spa at, u64 bytes) const;
    /// Copies; memory never written reads as zero. False, and nothing moved, if any byte is not RAM.
    bool read(Spa at, std::span<std::byte> into) const;
    bool write(Spa at, std::span<const std::byte> from);
    std::size_t pages_made() const { return pages_made_; }

private:
    using Page = std::array<std::byte, page_size>;
    using Chunk = std::array<std::unique_ptr<Page>, 512>;
    struct Region {
        Spa base;
        u64 bytes;
        std::vector<std::unique_ptr<Chunk>> chunks;
    };
    const Region* region_of(Spa at, u64 bytes) const;
    static Page* page_at(const Region& r, u64 offset) {
        const auto& chunk = r.chunks[offset >> 21];
        return chunk ? (*chunk)[(offset >> page_shift) & 511].get() : nullptr;
    }
    Page& make_page(Region& r, u64 offset);

    std::vector<RamRange> ranges_;
    std::vector<Region> regions_;
    std::size_t pages_made_ = 0;
};

} // namespace quiesce::memory
