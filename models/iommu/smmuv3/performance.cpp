// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/performance.h"

#include <bit>

namespace quiesce::iommu::smmuv3 {
namespace {

constexpr unsigned clock_cycles = 0; ///< event 0, which no occurrence is
constexpr unsigned event_of(Occurrence what) { return raw(what) + 1u; }
static_assert(event_of(Occurrence::TranslatedTransaction) + 1 == pmcg_events);

/// Whether the registers of one kind, `bytes` apart, hold the offset; if so, of which counter and where in it.
struct Place {
    bool inside;
    unsigned n;
    u32 within;
};
constexpr Place place_in(u32 offset, u32 first, unsigned bytes) {
    const bool inside = offset >= first && offset < first + 64 * bytes;
    return {inside, inside ? (offset - first) / bytes : 0, inside ? (offset - first) % bytes : 0};
}
/// What an access of `size` bytes at `within` sees of a value, and what it leaves of it.
constexpr u64 part_of(u64 value, u32 within, unsigned size) { return value >> (8 * within) & base::low_bits(8 * size); }
constexpr u64 replaced(u64 value, u32 within, unsigned size, u64 part) {
    const u64 seen = base::low_bits(8 * size) << (8 * within);
    return (value & ~seen) | (part << (8 * within) & seen);
}

} // namespace

PerformanceGroup::PerformanceGroup(OccurrenceTap& tap, memory::MemoryPort& memory, memory::InterruptSink* sink,
                                   const Identity& id, const Smmuv3Config& config)
    : tap_(tap), memory_(memory), sink_(sink), line_(config.wired_base.get() + raw(WiredLine::Pmcg)),
      highest_(base::low_bits(config.pmcg_counter_bits.get())), stride_(config.pmcg_counter_bits.get() <= 32 ? 4 : 8),
      stream_bits_(static_cast<u32>(base::low_bits(static_cast<unsigned>(id.idr1.get(Idr1::SIDSIZE))))),
      one_filter_(config.pmcg_one_filter), captures_(config.pmcg_capture), relocated_(config.pmcg_relocated),
      msi_(id.idr0.get(Idr0::MSI)), countable_(id.idr0.get(Idr0::ATS) ? 0xff : 0x3f), cycle_(config.pmcg_cycle.get()),
      update_delay_(config.update_delay.get()), counters_(config.pmcg_counters.get()) {
    regs_.write(Cfgr{}
                    .set(Cfgr::NCTR, counters_.size() - 1)
                    .set(Cfgr::SIZE, config.pmcg_counter_bits.get() - 1)
                    .set(Cfgr::RELOC_CTRS, relocated_)
                    .set(Cfgr::MSI, msi_)
                    .set(Cfgr::CAPTURE, captures_)
                    .set(Cfgr::SID_FILTER_TYPE, one_filter_));
    regs_.write(Ceid0::of(countable_));
    regs_.write(PmcgAidr{}.set(PmcgAidr::ArchMinorRev, id.aidr.get(Aidr::ArchMinorRev)));
    bind_registers();
    bind_bitmaps();
}

// ---- registers ------------------------------------------------------------------------------------------------------

void PerformanceGroup::bind_registers() {
    regs_.on_write<PmcgCr>([this](PmcgCr) { arrange(); });
    regs_.on_write<Capr>([this](Capr now) {
        regs_.write(Capr{}); // reads as zero
        if (now.get(Capr::CAPTURE) && captures_) capture();
    });
    regs_.on_write<PmcgIrqCtrl>([this](PmcgIrqCtrl) {
        if (!updating_) sim::start(update_interrupts());
    });
    const auto guard = [this]<class R>(R before) {
        if (!msi_) regs_.write(R{});
        else if (regs_.get(PmcgIrqCtrl::IRQEN) || regs_.get(PmcgIrqCtrlAck::IRQEN)) regs_.write(before);
    };
    regs_.on_write<PmcgIrqCfg0>([guard](PmcgIrqCfg0, PmcgIrqCfg0 before) { guard(before); });
    regs_.on_write<PmcgIrqCfg1>([guard](PmcgIrqCfg1, PmcgIrqCfg1 before) { guard(before); });
    regs_.on_write<PmcgIrqCfg2>([guard](PmcgIrqCfg2, PmcgIrqCfg2 before) { guard(before); });
}

/// Pairs of registers that set and clear bits of one bitmap, which both of them read as. They store nothing, so that a
/// half that is not written asks for nothing.
void PerformanceGroup::bind_bitmaps() {
    const auto pair = [this]<class Set, class Clear>(u64& bits, Set, Clear) {
        regs_.on_write<Set>([this, &bits](Set now) {
            regs_.write(Set{});
            bits |= now.value() & implemented();
            arrange();
        });
        regs_.on_write<Clear>([this, &bits](Clear now) {
            regs_.write(Clear{});
            bits &= ~now.value();
            arrange();
        });
        regs_.on_read<Set>([&bits] { return Set::of(bits); });
        regs_.on_read<Clear>([&bits] { return Clear::of(bits); });
    };
    pair(enabled_, CntenSet{}, CntenClr{});
    pair(interrupts_, IntenSet{}, IntenClr{});
    pair(overflows_, OvsSet{}, OvsClr{}); // 10.5.2.10 leaves open whether setting OVS interrupts: it does not
}

/// 10.5.1: with RELOC_CTRS the registers of what has been counted are in page 1, and only they.
bool PerformanceGroup::in_place(u64 offset) const {
    const bool second = offset >= pmcg_page1;
    const u64 at = second ? offset - pmcg_page1 : offset;
    if (at >= pmcg_page_bytes || (second && !relocated_)) return false;
    const bool moves = at < Evtyper::offset || (at >= Svr::offset && at < Svr::offset + 0x200) ||
                       (at >= OvsClr::offset && at < OvsClr::offset + 8) ||
                       (at >= OvsSet::offset && at < OvsSet::offset + 8) || at == Capr::offset;
    return !relocated_ || moves == second;
}

sim::Task<void> PerformanceGroup::mmio_write(u64 offset, unsigned size, u64 value) {
    if (in_place(offset)) write(static_cast<u32>(offset % pmcg_page1), size, value);
    co_return;
}
sim::Task<u64> PerformanceGroup::mmio_read(u64 offset, unsigned size) {
    co_return in_place(offset) ? read(static_cast<u32>(offset % pmcg_page1), size) : 0;
}

/// Eight bytes there are two registers.
bool PerformanceGroup::is_two(u32 offset) const {
    const bool wide = stride_ == 8 && (offset < Evtyper::offset || place_in(offset, Svr::offset, stride_).inside);
    return offset < CntenSet::offset && !wide;
}

/// Accesses see what has been counted until now, by the settings until now.
u64 PerformanceGroup::read(u32 offset, unsigned size) {
    settle_cycles();
    if ((size != 4 && size != 8) || offset % size != 0) return 0;
    if (size == 8 && is_two(offset)) return read(offset, 4) | read(offset + 4, 4) << 32;
    u64 value = 0;
    return array_read(offset, size, value) ? value : regs_.bus_read(offset, size).value_or(0);
}

bool PerformanceGroup::array_read(u32 offset, unsigned size, u64& value) const {
    const Place count = place_in(offset, Evcntr::offset, stride_), shadow = place_in(offset, Svr::offset, stride_);
    const Place type = place_in(offset, Evtyper::offset, 4), filter = place_in(offset, Smr::offset, 4);
    const unsigned n = count.inside ? count.n : shadow.inside ? shadow.n : type.inside ? type.n : filter.n;
    if (!count.inside && !shadow.inside && !type.inside && !filter.inside) return false;
    if (n >= counters_.size()) return true; // RES0
    const Counter& c = counters_[n];
    if (count.inside) value = part_of(c.value, count.within, size);
    else if (shadow.inside) value = part_of(c.shadow, shadow.within, size);
    else value = type.inside ? c.type.value() : c.streams;
    return true;
}

void PerformanceGroup::write(u32 offset, unsigned size, u64 value) {
    settle_cycles();
    if ((size != 4 && size != 8) || offset % size != 0) return;
    if (size == 8 && is_two(offset)) {
        write(offset, 4, value & base::low_bits(32));
        return write(offset + 4, 4, value >> 32);
    }
    if (!array_write(offset, size, value)) regs_.bus_write(offset, size, value);
}

/// Registers of counters that there are not, and of a filter that there is one of only, are RES0.
bool PerformanceGroup::array_write(u32 offset, unsigned size, u64 value) {
    const Place count = place_in(offset, Evcntr::offset, stride_), type = place_in(offset, Evtyper::offset, 4);
    const Place filter = place_in(offset, Smr::offset, 4);
    if (count.inside && count.n < counters_.size()) {
        u64& held = counters_[count.n].value;
        held = replaced(held, count.within, size, value) & highest_;
    } else if (type.inside && type.n < counters_.size()) {
        Evtyper taken = Evtyper::of(static_cast<u32>(value & base::mask_of(Evtyper::fields, 0)));
        taken.set(Evtyper::OVFCAP, taken.get(Evtyper::OVFCAP) && captures_);
        taken.set(Evtyper::FILTER_SID_SPAN, taken.get(Evtyper::FILTER_SID_SPAN) && (type.n == 0 || !one_filter_));
        counters_[type.n].type = taken;
        arrange();
    } else if (filter.inside && filter.n < counters_.size() && (filter.n == 0 || !one_filter_)) {
        counters_[filter.n].streams = static_cast<u32>(value) & stream_bits_;
    }
    return offset < CntenSet::offset;
}

// ---- counting -------------------------------------------------------------------------------------------------------

void PerformanceGroup::arrange() {
    counting_.fill(0);
    bool any = false;
    for (unsigned n = 0; n < counters_.size(); ++n) {
        const u64 event = counters_[n].type.get(Evtyper::EVENT);
        if (!counts(n) || event >= pmcg_events || (countable_ >> event & 1) == 0) continue;
        counting_[event] |= u64{1} << n;
        any = any || event != clock_cycles;
    }
    tap_.connect(any ? this : nullptr);
}

/// MODEL: cycles are counted when somebody looks, and so is their overflow: nothing ticks meanwhile.
void PerformanceGroup::settle_cycles() {
    const i64 passed = (sim::now() - cycles_since_).ps() / cycle_.ps();
    cycles_since_ = cycles_since_ + cycle_ * passed;
    for (u64 left = counting_[clock_cycles]; left != 0; left &= left - 1)
        add(static_cast<unsigned>(std::countr_zero(left)), static_cast<u64>(passed));
}

/// 10.4: with a span, the lowest bit that is 0 and those below it are not looked at; all ones match every stream.
bool PerformanceGroup::matches(const Counter& c, StreamId stream) const {
    const Counter& filter = one_filter_ ? counters_[0] : c;
    const u64 want = filter.streams;
    const u64 ignored = filter.type.get(Evtyper::FILTER_SID_SPAN) ? want ^ (want + 1) : 0;
    return ((want ^ raw(stream)) & ~ignored & stream_bits_) == 0;
}

void PerformanceGroup::occurred(Occurrence what, StreamId stream) {
    for (u64 left = counting_[event_of(what)]; left != 0; left &= left - 1) {
        const auto n = static_cast<unsigned>(std::countr_zero(left));
        if (matches(counters_[n], stream)) add(n, 1);
    }
}

/// 10.2.1: the interrupt comes after the new value, the overflow status and what was captured.
void PerformanceGroup::add(unsigned n, u64 count) {
    Counter& c = counters_[n];
    const bool over = count > highest_ - c.value;
    c.value = (c.value + count) & highest_;
    if (!over) return;
    overflows_ |= u64{1} << n;
    if (c.type.get(Evtyper::OVFCAP)) capture();
    if ((interrupts_ >> n & 1) != 0 && regs_.get(PmcgIrqCtrlAck::IRQEN)) interrupt();
}

void PerformanceGroup::capture() {
    settle_cycles();
    for (Counter& c : counters_) c.shadow = c.value;
}

// ---- interrupts -----------------------------------------------------------------------------------------------------

void PerformanceGroup::interrupt() {
    if (msi_ && regs_.get(PmcgIrqCfg0::ADDR) != Spa{0}) {
        ++messages_;
        sim::start(message());
    } else if (sink_ != nullptr) {
        sink_->wire(line_);
    }
}

sim::Task<void> PerformanceGroup::message() {
    memory::Origin origin;
    origin.purpose = memory::Purpose::Msi;
    const auto data = static_cast<u32>(regs_.get(PmcgIrqCfg1::DATA));
    const memory::Status status = co_await memory_.write32(regs_.get(PmcgIrqCfg0::ADDR), data, origin);
    if (status != memory::Status::Ok) regs_.set(PmcgIrqStatus::IRQ_ABT, true);
    --messages_;
    message_done_.notify_all();
}

/// 10.5.2.19: off when every message has arrived. 10.5.2.24: switching on forgets an abort.
sim::Task<void> PerformanceGroup::update_interrupts() {
    updating_ = true;
    while (regs_.get(PmcgIrqCtrl::IRQEN) != regs_.get(PmcgIrqCtrlAck::IRQEN)) {
        const bool on = regs_.get(PmcgIrqCtrl::IRQEN);
        co_await sim::delay(update_delay_);
        if (on) regs_.set(PmcgIrqStatus::IRQ_ABT, false);
        while (!on && messages_ != 0) co_await message_done_.wait();
        regs_.set(PmcgIrqCtrlAck::IRQEN, on);
    }
    updating_ = false;
}

} // namespace quiesce::iommu::smmuv3
