// SPDX-License-Identifier: Apache-2.0
/// Command queues (IHI 0070 chapter 4, 3.5; facts/iommu-specs.md 1.2 and 1.6): commands fetched from memory one by one,
/// decoded by a table of rows, executed; CMD_SYNC waits for what came before it in its queue.
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
#include "sim/slots.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quiesce::iommu::smmuv3 {

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

/// Where software finds one command queue: its enable, indices and error.
class CommandInterface {
public:
    using Ring = base::RingIndices<base::WrapBit>;
    virtual ~CommandInterface() = default;
    virtual Ring ring() const = 0;
    virtual Spa base() const = 0;
    virtual bool enabled() const = 0; ///< as software can see that it is
    virtual bool wanted() const = 0;  ///< nobody asked for it to be switched off
    virtual bool failed() const = 0;  ///< an error has not been acknowledged
    virtual void fail(CommandError why) = 0;
    virtual void consumed(u32 read_index) = 0;
};

/// The unit's own queue: CMDQ_BASE, CMDQ_PROD, CMDQ_CONS, CR0.CMDQEN and GERROR.CMDQ_ERR.
class FirstCommandInterface final : public CommandInterface {
public:
    FirstCommandInterface(RegisterFile& regs, Signals& signals, const Identity& id)
        : regs_(regs), signals_(signals), max_log2_(static_cast<unsigned>(id.idr1.get(Idr1::CMDQS))) {}
    Ring ring() const override;
    Spa base() const override { return regs_.get(CmdqBase::ADDR); }
    bool enabled() const override { return regs_.get(Cr0Ack::CMDQEN); }
    bool wanted() const override { return regs_.get(Cr0::CMDQEN); }
    bool failed() const override { return signals_.active(Gerror::CMDQ_ERR); }
    void fail(CommandError why) override;
    void consumed(u32 read_index) override { regs_.set(CmdqCons::RD, read_index); }

private:
    RegisterFile& regs_;
    Signals& signals_;
    unsigned max_log2_;
};

/// What the command queues of a unit share: one decoder, which takes one command at a time and the queues in turn, and
/// the numbers of commands.
class CommandEngine {
public:
    CommandEngine(base::Name unit, base::EventBus& events, RegisterFile& regs, memory::MemoryPort& memory,
                  Signals& signals, CommandTargets targets, const Identity& id, const Smmuv3Config& config);
    CommandEngine(const CommandEngine&) = delete;
    CommandEngine& operator=(const CommandEngine&) = delete;

    void set_ats_port(AtsPort* port) { ats_port_ = port; }
    u64 decoded() const { return sequence_; }

private:
    friend class CommandQueue;
    base::Name unit_, sync_phase_;
    base::EventBus& events_;
    RegisterFile& regs_;
    memory::MemoryPort& memory_;
    Signals& signals_;
    CommandTargets on_;
    const Identity& id_;
    sim::Duration fetch_, execute_;
    bool early_sync_;
    AtsPort* ats_port_ = nullptr;
    std::array<base::Name, 256> names_{};
    u64 sequence_ = 0; ///< legal commands of all queues
    sim::Slots decoder_{1};
};

class CommandQueue {
public:
    /// `name` is what follows the unit's. `apart`: what it does is told in its own name, not in that of the unit.
    CommandQueue(CommandEngine& engine, CommandInterface& interface, const std::string& name, bool apart);

    /// Something changed: PROD, the enable, an acknowledged error. Goes on if there is work and nothing in the way.
    void kick();
    /// Goes on when no command is being executed.
    sim::Task<void> idle();
    /// The span of the CMD_SYNC that was completed last; 0 before the first.
    u64 last_sync_span() const { return last_sync_span_; }
    /// Meta-data: the span in which software rang the doorbell last.
    void doorbell_span(u64 span) { doorbell_span_ = span; }

private:
    bool may_run() const { return at_.enabled() && !at_.failed() && !at_.ring().empty(); }
    sim::Task<void> run();
    sim::Task<void> execute(Command c);
    /// Everything but CMD_SYNC: begins what the command asks for.
    void begin(const Decode& d, u64 sequence);
    /// False: an ATC invalidation before it was not answered; the command stays where it is.
    sim::Task<bool> sync(Command c, u64 sequence);
    AtcInvalidation told(AtcInvalidation what, u64 sequence) const;
    sim::Task<void> invalidate_atc(AtcInvalidation what, Obligation owed);
    void consume(const Command& c, u64 sequence);
    void level();

    CommandEngine& e_;
    CommandInterface& at_;
    base::Name actor_, level_name_, told_as_;
    base::Name apart_; ///< the queue, where fences have to tell it from others
    bool atc_timed_out_ = false; ///< since the last CMD_SYNC that completed or said so
    u64 last_ = 0;               ///< of this queue: what a CMD_SYNC has to wait for
    Spa entry_{};                ///< of the command that was fetched last
    u64 last_sync_span_ = 0, doorbell_span_ = 0;
    bool running_ = false;
    sim::Signal stopped_;
};

} // namespace quiesce::iommu::smmuv3
