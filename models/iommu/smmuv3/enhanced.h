// SPDX-License-Identifier: Apache-2.0
/// The command queue control page: enhanced command queues beside the unit's own (IHI 0070 3.5.6, 6.2.5, 6.3.107 to
/// 6.3.109). Each is a command queue like the first, with its own enable, indices and error.
#pragma once
#include "iommu/smmuv3/commands.h"

#include <memory>
#include <vector>

namespace quiesce::iommu::smmuv3 {

/// One interface of the page, and the queue behind it.
class EnhancedQueue final : public CommandInterface {
public:
    EnhancedQueue(unsigned number, CommandEngine& engine, Signals& signals, const Identity& id,
                  sim::Duration update_delay);
    EnhancedQueue(const EnhancedQueue&) = delete;
    EnhancedQueue& operator=(const EnhancedQueue&) = delete;

    u64 read(u32 offset, unsigned size) { return regs_.bus_read(offset, size).value_or(0); }
    void write(u32 offset, unsigned size, u64 value) { regs_.bus_write(offset, size, value); }
    /// Neither off for certain: what QUEUE_* of CR1 say may be in use (3.5.6.1).
    bool on() const { return regs_.get(EcmdqProd::EN) || regs_.get(EcmdqCons::ENACK); }
    const CommandQueue& queue() const { return queue_; }
    const base::RegisterFile<EnhancedRegisters>& registers() const { return regs_; }

    Ring ring() const override;
    Spa base() const override { return regs_.get(EcmdqBase::ADDR); }
    bool enabled() const override { return regs_.get(EcmdqCons::ENACK); }
    bool wanted() const override { return regs_.get(EcmdqProd::EN); }
    bool failed() const override { return regs_.get(EcmdqProd::ERRACK) != regs_.get(EcmdqCons::ERR); }
    void fail(CommandError why) override;
    void consumed(u32 read_index) override;

private:
    void write_producer(EcmdqProd now, EcmdqProd before);
    sim::Task<void> update();

    Signals& signals_;
    unsigned max_log2_;
    bool wakes_;
    sim::Duration update_delay_;
    base::RegisterFile<EnhancedRegisters> regs_;
    CommandQueue queue_;
};

/// One page of queues, spaced evenly (6.2.5).
/// MODEL: what is between their registers reads as zero and is not counted among accesses to what is not there.
class ControlPage {
public:
    ControlPage(CommandEngine& engine, Signals& signals, const Identity& id, const Smmuv3Config& config);

    u64 read(u32 offset, unsigned size) { return queues_.empty() ? 0 : at(offset).read(offset % spacing_, size); }
    void write(u32 offset, unsigned size, u64 value) {
        if (!queues_.empty()) at(offset).write(offset % spacing_, size, value);
    }
    bool any_on() const;
    const EnhancedQueue& operator[](std::size_t n) const { return *queues_.at(n); }
    std::size_t size() const { return queues_.size(); }

private:
    EnhancedQueue& at(u32 offset) { return *queues_[offset / spacing_]; }
    std::vector<std::unique_ptr<EnhancedQueue>> queues_;
    u32 spacing_;
};

} // namespace quiesce::iommu::smmuv3
