// SPDX-License-Identifier: Apache-2.0
/// The command queue (IHI 0070 chapter 4, 3.5; facts/iommu-specs.md 1.2 and 1.6): fetched from memory one by one,
/// decoded by a table of rows, executed; CMD_SYNC waits for what came before it.
#pragma once
#include "base/facts.h"
#include "base/ring_queue.h"
#include "iommu/agent.h"
#include "iommu/ats_port.h"
#include "iommu/smmuv3/faults.h"
#include "iommu/smmuv3/layout.h"
#include "iommu/smmuv3/page_requests.h"
#include "iommu/smmuv3/signals.h"
#include "iommu/smmuv3/stalls.h"

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace quiesce::iommu::smmuv3 {

class CommandQueue;

/// What a command does to the caches: which entries are gone when the next CMD_SYNC completes.
struct Invalidate {
    InvalidationKind kind;
    Scope scope;
};
/// A handler's answer: legal or not, and the invalidation, if it asks for one.
struct Decode {
    bool legal = true;
    std::optional<Invalidate> work{};
    std::optional<AtcInvalidation> atc{}; ///< what goes out to a device
    std::optional<PageGroupResponse> page_response{};
    std::optional<StallCommand> stall{};
};

struct CommandRow {
    Opcode op;
    std::string_view section;
    std::array<u64, 2> operands;                            ///< bits that belong to a field; others must be zero
    Decode (*decode)(const Command& c, const Identity& id); ///< null: not modelled, CERROR_ILL
    std::string_view name = base::enum_text(op);
};
std::span<const CommandRow> command_rows();
/// Null for an opcode that the manual does not have.
const CommandRow* command_row(Opcode op);
/// Judges a command as the queue does: opcode, reserved bits, operands. CMD_SYNC has no work.
Decode decode_command(const Command& c, const Identity& id);

/// What commands act on, besides the queue's own registers.
struct CommandTargets {
    Agent& agent;
    EventQueue& event_queue;
    PageRequestQueue& page_requests;
    Stalls& stalls;
};

class CommandQueue {
public:
    CommandQueue(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                 Signals& signals, CommandTargets targets, const Identity& id, const Smmuv3Config& config);

    /// Something changed: PROD, the enable, an acknowledged error. Goes on if there is work and nothing in the way.
    void kick();
    /// Goes on when no command is being executed.
    sim::Task<void> idle();
    /// The span of the CMD_SYNC that was completed last; 0 before the first.
    u64 last_sync_span() const { return last_sync_span_; }
    /// Meta-data: the span in which software rang the doorbell last.
    void doorbell_span(u64 span) { doorbell_span_ = span; }
    u64 consumed() const { return sequence_; }
    void set_ats_port(AtsPort* port) { ats_port_ = port; }

private:
    using Ring = base::RingIndices<base::WrapBit>;
    Ring ring() const;
    bool may_run() const;
    sim::Task<void> run();
    sim::Task<void> execute(Command c);
    /// Everything but CMD_SYNC: begins what the command asks for.
    void begin(const Decode& d);
    /// False: an ATC invalidation before it was not answered; the command stays where it is.
    sim::Task<bool> sync(Command c);
    sim::Task<void> invalidate_atc(AtcInvalidation what, Obligation owed);
    void consume(const Command& c, const CommandRow& row);
    void fail(CommandError why);
    void level();

    base::Name unit_, actor_, level_name_, sync_phase_;
    base::EventBus& events_;
    RegisterFile& regs_;
    memory::MemoryPort& memory_;
    Signals& signals_;
    CommandTargets on_;
    const Identity& id_;
    unsigned max_log2_;
    sim::Duration fetch_, execute_;
    bool early_sync_;
    AtsPort* ats_port_ = nullptr;
    bool atc_timed_out_ = false; ///< since the last CMD_SYNC that completed or said so
    std::array<base::Name, 256> names_{};
    u64 sequence_ = 0; ///< commands consumed
    u64 last_sync_span_ = 0, doorbell_span_ = 0;
    bool running_ = false;
    sim::Signal stopped_;
};

} // namespace quiesce::iommu::smmuv3
