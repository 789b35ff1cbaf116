// SPDX-License-Identifier: Apache-2.0
#include "memory/sparse_memory.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace quiesce::memory {

SparseMemory::SparseMemory(std::vector<RamRange> ranges) : ranges_(std::move(ranges)) {
    for (const RamRange& r : ranges_) {
        if (!r.base.is_aligned(page_size) || r.bytes % page_size != 0 || r.bytes == 0 || r.base.value() + r.bytes < r.base.value())
            throw std::invalid_argument("a RAM range must be whole 4 KiB pages");
        for (const Region& other : regions_)
            if (r.base.value() < other.base.value() + other.bytes && other.base.value() < r.base.value() + r.bytes)
                throw std::invalid_argument("RAM ranges overlap");
        Region made{r.base, r.bytes, {}};
        made.chunks.resize((r.bytes + (u64{1} << 21) - 1) >> 21);
        regions_.push_back(std::move(made));
    }
}

const SparseMemory::Region* SparseMemory::region_of(Spa at, u64 bytes) const {
    for (const Region& r : regions_)
        if (const u64 offset = at - r.base; offset < r.bytes && bytes <= r.bytes - offset) return &r;
    return nullptr;
}

bool SparseMemory::contains(Spa at, u64 bytes) const { return region_of(at, bytes) != nullptr; }

bool SparseMemory::read(Spa at, std::span<std::byte> into) const {
    const Region* r = region_of(at, into.size());
    if (r == nullptr) return false;
    for (u64 offset = at - r->base; !into.empty();) {
        const u64 in_page = offset & (page_size - 1), n = std::min<u64>(into.size(), page_size - in_page);
        if (const Page* p = page_at(*r, offset)) std::memcpy(into.data(), p->data() + in_page, n);
        else std::memset(into.data(), 0, n);
        offset += n;
        into = into.subspan(n);
    }
    return true;
}

SparseMemory::Page& SparseMemory::make_page(Region& r, u64 offset) {
    auto& chunk = r.chunks[offset >> 21];
    if (!chunk) chunk = std::make_unique<Chunk>();
    auto& page = (*chunk)[(offset >> page_shift) & 511];
    if (!page) {
        page = std::make_unique<Page>();
        ++pages_made_;
    }
    return *page;
}

bool SparseMemory::write(Spa at, std::span<const std::byte> from) {
    auto* r = const_cast<Region*>(region_of(at, from.size()));
    if (r == nullptr) return false;
    for (u64 offset = at - r->base; !from.empty();) {
        const u64 in_page = offset & (page_size - 1), n = std::min<u64>(from.size(), page_size - in_page);
        std::memcpy(make_page(*r, offset).data() + in_page, from.data(), n);
        offset += n;
        from = from.subspan(n);
    }
    return true;
}

} // namespace quiesce::memory
