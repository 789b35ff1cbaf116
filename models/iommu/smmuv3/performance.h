// SPDX-License-Identifier: Apache-2.0
/// A performance monitor counter group (IHI 0070 chapter 10): counters of what the unit does, by stream, with overflow
/// status, interrupt and capture.
#pragma once
#include "base/names.h"
#include "iommu/occurrences.h"
#include "iommu/smmuv3/config.h"
#include "iommu/smmuv3/performance_regs.h"
#include "memory/memory_port.h"
#include "memory/mmio.h"
#include "sim/signal.h"

#include <array>
#include <vector>

namespace quiesce::iommu::smmuv3 {

/// The group of the unit that walks and translates. Device interfaces, where there are any, have none: what they answer
/// by themselves is no occurrence of the unit.
/// 10.3 leaves open what counts: here terminated transactions do, prefetches only in event 4, and a transaction that
/// starts over or is retried does not count again.
class PerformanceGroup final : public memory::MmioTarget, private OccurrenceCounter {
public:
    /// `sink` may be null: the wire then leads nowhere.
    PerformanceGroup(OccurrenceTap& tap, memory::MemoryPort& memory, memory::InterruptSink* sink, const Identity& id,
                     const Smmuv3Config& config);
    PerformanceGroup(const PerformanceGroup&) = delete;
    PerformanceGroup& operator=(const PerformanceGroup&) = delete;

    /// Offsets from the base of page 0; page 1 follows at pmcg_page1. Takes no time of its own: the unit's access does.
    sim::Task<void> mmio_write(u64 offset, unsigned size, u64 value) override;
    sim::Task<u64> mmio_read(u64 offset, unsigned size) override;

private:
    struct Counter {
        u64 value = 0, shadow = 0;
        Evtyper type{};
        u32 streams = 0; ///< SMRn
    };
    void occurred(Occurrence what, StreamId stream) override;
    void bind_registers();
    void bind_bitmaps();
    /// What counters count has changed.
    void arrange();
    void settle_cycles();
    bool matches(const Counter& c, StreamId stream) const;
    void add(unsigned n, u64 count);
    void capture();
    void interrupt();
    sim::Task<void> message();
    sim::Task<void> update_interrupts();
    bool is_two(u32 offset) const;
    u64 read(u32 offset, unsigned size);
    void write(u32 offset, unsigned size, u64 value);
    bool array_read(u32 offset, unsigned size, u64& value) const;
    bool array_write(u32 offset, unsigned size, u64 value);
    bool in_place(u64 offset) const;
    u64 implemented() const { return base::low_bits(static_cast<unsigned>(counters_.size())); }
    bool counts(unsigned n) const { return regs_.get(PmcgCr::E) && (enabled_ >> n & 1) != 0; }

    OccurrenceTap& tap_;
    memory::MemoryPort& memory_;
    memory::InterruptSink* sink_;
    unsigned line_;
    u64 highest_; ///< value of a counter
    unsigned stride_;
    u32 stream_bits_;
    bool one_filter_, captures_, relocated_, msi_;
    u64 countable_; ///< event numbers, a bit each
    sim::Duration cycle_, update_delay_;
    sim::Time cycles_since_{};
    base::RegisterFile<PmcgRegisters> regs_;
    std::vector<Counter> counters_;
    u64 enabled_ = 0, interrupts_ = 0, overflows_ = 0; ///< CNTEN, INTEN, OVS
    std::array<u64, pmcg_events> counting_{};          ///< by event: which counters count it now
    bool updating_ = false;
    unsigned messages_ = 0; ///< under way
    sim::Signal message_done_;
};

} // namespace quiesce::iommu::smmuv3
