// SPDX-License-Identifier: Apache-2.0
#include "devices/workload.h"

#include <algorithm>
#include <stdexcept>

namespace quiesce::devices {

namespace {
/// Every request is one operand of 4 or 8 bytes, and every place a multiple of its size.
void make_atomic(Workload& w) {
    const u32 size = w.min_bytes < 8 ? 4 : 8;
    w.min_bytes = w.max_bytes = size;
    const auto up = [size](u64 n) { return (n + size - 1) / size * size; };
    w.stride = up(w.stride);
    w.align = up(w.align);
    w.bytes = up(w.bytes);
    for (IovaRange& r : w.footprint) {
        const u64 skipped = up(r.first.value()) - r.first.value();
        r = {r.first + skipped, r.bytes > skipped ? (r.bytes - skipped) / size * size : 0};
    }
}
} // namespace

void RequestSequence::begin(const Workload& w) {
    work_ = w;
    if (w.direction == Direction::Atomic) make_atomic(work_);
    std::erase_if(work_.footprint, [](const IovaRange& r) { return r.empty(); });
    total_ = cursor_ = made_ = bytes_ = 0;
    for (const IovaRange& r : work_.footprint) total_ += r.bytes;
    if (total_ == 0) throw std::invalid_argument("a DMA workload needs addresses to work on");
    if (work_.min_bytes == 0) throw std::invalid_argument("a DMA workload needs requests of at least one byte");
    work_.max_bytes = std::max(work_.min_bytes, work_.max_bytes);
    work_.align = std::max<u64>(work_.align, 1);
    places_ = places_for(work_.min_bytes);
}

/// Aligned places for whole requests of `size` bytes; a footprint smaller than one is used from its start on.
u64 RequestSequence::places_for(u32 size) const { return (total_ >= size ? total_ - size : 0) / work_.align + 1; }


u32 RequestSequence::draw_size() {
    if (work_.min_bytes == work_.max_bytes) return work_.min_bytes;
    return static_cast<u32>(random_.between(work_.min_bytes, work_.max_bytes));
}

RequestSequence::Item RequestSequence::place(u64 offset, u32 bytes) const {
    for (const IovaRange& r : work_.footprint) {
        if (offset < r.bytes) return {r.first + offset, static_cast<u32>(std::min<u64>(bytes, r.bytes - offset)), false};
        offset -= r.bytes;
    }
    return place(offset % total_, bytes);
}

RequestSequence::Item RequestSequence::next() {
    const u32 size = draw_size();
    u64 offset = cursor_;
    if (work_.pattern == Pattern::Random) {
        offset = random_.below(size == work_.min_bytes ? places_ : places_for(size)) * work_.align;
    }
    Item item = place(offset, size);
    if (work_.bytes != 0) item.bytes = static_cast<u32>(std::min<u64>(item.bytes, work_.bytes - bytes_));
    item.write = draw_write();
    const u64 step = work_.pattern == Pattern::Strided ? work_.stride : item.bytes;
    cursor_ += step;
    if (cursor_ >= total_) cursor_ %= total_;
    ++made_;
    bytes_ += item.bytes;
    return item;
}

} // namespace quiesce::devices
