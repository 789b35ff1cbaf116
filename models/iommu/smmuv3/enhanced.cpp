// SPDX-License-Identifier: Apache-2.0
#include "iommu/smmuv3/enhanced.h"

#include <algorithm>

namespace quiesce::iommu::smmuv3 {

EnhancedQueue::EnhancedQueue(unsigned number, CommandEngine& engine, Signals& signals, const Identity& id,
                             sim::Duration update_delay)
    : signals_(signals), max_log2_(static_cast<unsigned>(id.idr1.get(Idr1::CMDQS))), wakes_(id.idr0.get(Idr0::SEV)),
      update_delay_(update_delay), queue_(engine, *this, ".ecmdq" + std::to_string(number), true) {
    regs_.on_write<EcmdqBase>([this](EcmdqBase, EcmdqBase before) {
        if (on()) regs_.write(before);
    });
    regs_.on_write<EcmdqCons>([this](EcmdqCons now, EcmdqCons before) {
        const bool read_only = wanted() || before.get(EcmdqCons::ENACK);
        regs_.write(read_only ? before : now.with(EcmdqCons::ENACK, false));
    });
    regs_.on_write<EcmdqProd>([this](EcmdqProd now, EcmdqProd before) { write_producer(now, before); });
}

CommandInterface::Ring EnhancedQueue::ring() const {
    const u64 log2size = regs_.get(EcmdqBase::LOG2SIZE);
    return {static_cast<u32>(std::min<u64>(log2size, max_log2_)), regs_.get(EcmdqProd::WR), regs_.get(EcmdqCons::RD)};
}

/// 6.3.108: read-only while a change of EN is on its way.
void EnhancedQueue::write_producer(EcmdqProd now, EcmdqProd before) {
    const bool acknowledged = regs_.get(EcmdqCons::ENACK);
    if (before.get(EcmdqProd::EN) != acknowledged) return regs_.write(before);
    if (now.get(EcmdqProd::EN) != acknowledged)
        sim::start(update());
    else
        queue_.kick();
}

/// 3.5.6.2: as CR0.CMDQEN and CR0ACK. When ENACK says that the queue is off, nothing of it is under way.
sim::Task<void> EnhancedQueue::update() {
    co_await sim::delay(update_delay_);
    if (!wanted()) co_await queue_.idle();
    regs_.set(EcmdqCons::ENACK, wanted());
    queue_.kick();
}

/// 3.5.6.1: whoever waits for room hears of it.
void EnhancedQueue::consumed(u32 read_index) {
    const bool was_full = ring().full();
    regs_.set(EcmdqCons::RD, read_index);
    if (wakes_ && was_full) signals_.wire(WiredLine::Sev);
}

/// 3.5.6.3: RD stays at the command. What GERROR says of it has no effect on the queue.
void EnhancedQueue::fail(CommandError why) {
    regs_.set(EcmdqCons::ERR_REASON, why);
    regs_.set(EcmdqCons::ERR, !regs_.get(EcmdqCons::ERR));
    signals_.raise(Gerror::CMDQP_ERR, base::enum_text(why));
}

ControlPage::ControlPage(CommandEngine& engine, Signals& signals, const Identity& id, const Smmuv3Config& config)
    : spacing_(static_cast<u32>(register_page_bytes >> id.idr6.get(Idr6::LOG2NUMQ))) {
    if (!id.idr1.get(Idr1::ECMDQ)) return;
    const unsigned count = 1u << id.idr6.get(Idr6::LOG2NUMQ);
    for (unsigned n = 0; n < count; ++n)
        queues_.push_back(std::make_unique<EnhancedQueue>(n, engine, signals, id, config.update_delay.get()));
}

bool ControlPage::any_on() const {
    return std::any_of(queues_.begin(), queues_.end(), [](const auto& q) { return q->on(); });
}

} // namespace quiesce::iommu::smmuv3
